//! What a server says with `Set-Cookie`: where the value stands, and whether the cookie ends with it.

use std::ops::Range;

use memchr::memchr;

use super::cookies::{set_cookie_name, trim, unquoted};
use super::field::{Field, Known, Span};
use super::h1::encode::Lines;

/// A cookie that a server sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServersCookie {
    /// Its value without the spaces around it; quotes stay.
    pub value: Span,
    /// Whether the browser is told to forget it: it is empty, or over already.
    pub ends: bool,
}

/// What a response sets under `name`, line by line. `now` in Unix seconds.
pub fn named<'a>(lines: Lines<'a>, name: &'a [u8], now: u64) -> impl Iterator<Item = ServersCookie> + 'a {
    lines.fields.iter().filter(|field| field.known == Known::SetCookie).filter_map(move |field| {
        let text = field.value.of(lines.bytes);
        let value = value_of(text, name)?;
        let ends = unquoted(&text[value.clone()]).is_empty() || is_over(&text[value.end..], now);
        Some(ServersCookie { value: field.value.part(value), ends })
    })
}

/// The lines that set a cookie of this name.
pub fn lines<'a>(lines: Lines<'a>, name: &'a [u8]) -> impl Iterator<Item = &'a Field> + 'a {
    let set = lines.fields.iter().filter(|field| field.known == Known::SetCookie);
    set.filter(move |field| set_cookie_name(field.value.of(lines.bytes)) == name)
}

fn value_of(text: &[u8], name: &[u8]) -> Option<Range<usize>> {
    let end = memchr(b';', text).unwrap_or(text.len());
    let equals = memchr(b'=', &text[..end])?;
    (&text[trim(text, 0..equals)] == name).then(|| trim(text, equals + 1..end))
}

/// Max-Age says more than Expires, and the last of each counts (RFC 6265, section 5.3).
fn is_over(attributes: &[u8], now: u64) -> bool {
    let (mut age, mut expires) = (None, None);
    for attribute in attributes.split(|&byte| byte == b';') {
        let Some(equals) = memchr(b'=', attribute) else { continue };
        let (name, value) = (attribute[..equals].trim_ascii(), attribute[equals + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"max-age") {
            age = ends_at_once(value).or(age);
        } else if name.eq_ignore_ascii_case(b"expires") {
            expires = date(value).or(expires);
        }
    }
    age.unwrap_or_else(|| expires.is_some_and(|at| at <= now))
}

/// Whether a Max-Age is zero or less; nothing for what is no number (RFC 6265, section 5.2.2).
fn ends_at_once(value: &[u8]) -> Option<bool> {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    let number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    number.then(|| digits.len() < value.len() || digits.iter().all(|digit| *digit == b'0'))
}

/// A cookie's date in Unix seconds, 0 for what lies before 1970: parts in any order (RFC 6265, section 5.1.1).
fn date(text: &[u8]) -> Option<u64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b':' || *byte >= 0x7f;
    for part in text.split(|byte| !is_part(byte)).filter(|part| !part.is_empty()) {
        if time.is_none() && clock(part).is_some() {
            time = clock(part);
        } else if day.is_none() && number(part, 1..=2).is_some() {
            day = number(part, 1..=2);
        } else if month.is_none() && month_of(part).is_some() {
            month = month_of(part);
        } else if year.is_none() {
            year = number(part, 2..=4);
        }
    }
    let year = match year? {
        short @ 0..=69 => short + 2000,
        short @ 70..=99 => short + 1900,
        long => long,
    };
    let (day, month) = (day.filter(|day| (1..=31).contains(day))?, month?);
    (year >= 1601).then_some(days(year, month, day) * 86_400 + time?)
}

fn clock(part: &[u8]) -> Option<u64> {
    let mut parts = part.split(|&byte| byte == b':').map(|part| number(part, 1..=2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let fits = parts.next().is_none() && hour < 24 && minute < 60 && second < 60;
    fits.then(|| hour * 3600 + minute * 60 + second)
}

fn number(part: &[u8], digits: std::ops::RangeInclusive<usize>) -> Option<u64> {
    let count = part.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits
        .contains(&count)
        .then(|| part[..count].iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

fn month_of(part: &[u8]) -> Option<u64> {
    let names = b"janfebmaraprmayjunjulaugsepoctnovdec";
    let begins = part.get(..3)?;
    (1..).zip(names.chunks(3)).find(|(_, name)| begins.eq_ignore_ascii_case(name)).map(|(month, _)| month)
}

/// Days from 1970-01-01, 0 for what lies before. The year begins in March, so that the odd day comes last.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (before, leap) = (year * 365, year / 4 - year / 100 + year / 400);
    (before + leap + (month * 153 + 2) / 5 + day).saturating_sub(719_469)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    #[test]
    fn a_date_is_read_in_every_spelling_that_servers_use() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 06-Nov-1994 08:49:37 GMT",
        ] {
            assert_eq!(date(text.as_bytes()), Some(784_111_777), "{text}");
        }
        assert_eq!(date(b"Thu, 01 Jan 1970 00:00:10 GMT"), Some(10));
        assert_eq!(date(b"Thu, 29 Feb 2024 00:00:00 GMT"), Some(1_709_164_800));
        for text in
            ["", "0", "-1", "never", "06 Nov 08:49:37", "06 Nov 1994 24:00:00", "32 Nov 1994 00:00:00"]
        {
            assert_eq!(date(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn max_age_says_more_than_expires() {
        let past = "Expires=Thu, 01 Jan 1970 00:00:00 GMT";
        for (attributes, over) in [
            ("; Path=/", false),
            ("; Max-Age=0", true),
            ("; max-age = -1 ", true),
            ("; Max-Age=00", true),
            ("; Max-Age=60", false),
            ("; Max-Age=soon", false),
            ("; Max-Age=60; Max-Age=0", true),
            (&format!("; {past}"), true),
            (&format!("; Max-Age=60; {past}"), false),
            ("; Expires=Fri, 01 Jan 2100 00:00:00 GMT", false),
            ("; Expires=yesterday", false),
        ] {
            assert_eq!(is_over(attributes.as_bytes(), NOW), over, "{attributes}");
        }
    }

    #[test]
    fn a_value_stands_between_the_first_equals_sign_and_the_first_semicolon() {
        let value = |text: &'static str| value_of(text.as_bytes(), b"A").map(|range| &text[range]);
        assert_eq!(value("A=b=c; Path=/"), Some("b=c"));
        assert_eq!(value(" A = \"b\" "), Some("\"b\""));
        assert_eq!(value("A="), Some(""));
        assert_eq!(value("a=b"), None);
        assert_eq!(value("A; B=c"), None);
    }
}
