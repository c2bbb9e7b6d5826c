//! Decides where a cookie begins and ends in a field value, and what is cut to take it out.
//!
//! A `Cookie` field is split at every `;` (RFC 6265, section 4.2.1: no value, quoted or not, holds one), and
//! nothing of another pair is read beyond its name: bytes that are not ours leave as they came.

use std::ops::Range;

use memchr::memchr;

use super::edits::Edits;
use super::field::{Field, Known, Span};
use super::h1::encode::Lines;

/// A cookie of a request, by the places of its parts in the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cookie {
    /// Its name.
    pub name: Span,
    /// Its value without the spaces around it; quotes stay.
    pub value: Span,
}

/// All cookies of a head that have a name and a value, in order.
pub fn all(lines: Lines<'_>) -> impl Iterator<Item = Cookie> + '_ {
    lines.fields.iter().filter(|field| field.known == Known::Cookie).flat_map(move |field| {
        let text = field.value.of(lines.bytes);
        pairs(text).filter_map(move |pair| {
            let equals = pair.start + memchr(b'=', &text[pair.clone()])?;
            let name = field.value.part(trim(text, pair.start..equals));
            Some(Cookie { name, value: field.value.part(trim(text, equals + 1..pair.end)) })
        })
    })
}

/// The values of all cookies called `name`.
pub fn values<'a>(lines: Lines<'a>, name: &'a [u8]) -> impl Iterator<Item = Span> + 'a {
    lines.fields.iter().filter(|field| field.known == Known::Cookie).flat_map(move |field| {
        let text = field.value.of(lines.bytes);
        pairs(text).filter_map(move |pair| Some(field.value.part(value_of(text, pair, name)?)))
    })
}

/// Cuts the cookies whose values were taken, by whatever kinds; the whole line where no other is left in it.
///
/// Only together is it known which separators go with them.
pub fn leave_out(lines: Lines<'_>, edits: &mut Edits) {
    if edits.taken.is_empty() {
        return;
    }
    let mut taken = std::mem::take(&mut edits.taken);
    taken.sort_unstable_by_key(|value| value.start);
    for field in lines.fields.iter().filter(|field| field.known == Known::Cookie) {
        leave_out_of(*field, field.value.of(lines.bytes), &taken, edits);
    }
    taken.clear();
    edits.taken = taken;
}

fn leave_out_of(field: Field, text: &[u8], taken: &[Span], edits: &mut Edits) {
    let mut next = taken.partition_point(|value| value.start < field.value.start);
    let mut run: Option<Range<usize>> = None;
    let (mut kept, mut left, mut any) = (false, false, false);
    for pair in pairs(text) {
        let end = field.value.part(pair.clone()).end;
        if taken.get(next).is_none_or(|value| value.start > end) {
            kept = true;
            left |= !trim(text, pair).is_empty();
            continue;
        }
        next += taken[next..].partition_point(|value| value.start <= end);
        any = true;
        let cut = cut(text, pair, kept);
        match &mut run {
            Some(run) if run.end == cut.start => run.end = cut.end,
            _ => run.replace(cut).into_iter().for_each(|done| edits.cut(field.value.part(done))),
        }
    }
    if let Some(done) = run {
        edits.cut(field.value.part(done));
    }
    if any && !left {
        // It covers the cuts within it.
        edits.cut(field.line);
    }
}

fn pairs(text: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0;
    std::iter::from_fn(move || {
        let here = start;
        let rest = text.get(here..)?;
        let end = memchr(b';', rest).map_or(text.len(), |at| here + at);
        start = end + 1;
        Some(here..end)
    })
}

/// A value without the double quotes around it.
pub fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inside @ .., b'"'] => inside,
        bare => bare,
    }
}

/// The cookie's name in a `Set-Cookie` field; empty where there is none (RFC 6265, section 5.2).
pub fn set_cookie_name(field: &[u8]) -> &[u8] {
    let pair = &field[..memchr(b';', field).unwrap_or(field.len())];
    memchr(b'=', pair).map_or(&[], |equals| &field[trim(field, 0..equals)])
}

/// Where the value of `pair` stands, if the pair is called `name`.
fn value_of(field: &[u8], Range { mut start, end }: Range<usize>, name: &[u8]) -> Option<Range<usize>> {
    while start < end && is_space(field[start]) {
        start += 1;
    }
    // Most cookies are others', and their first letter says so.
    if field[start..end].first() != name.first() {
        return None;
    }
    let equals = start + memchr(b'=', &field[start..end])?;
    let ours = &field[trim(field, start..equals)] == name;
    ours.then(|| trim(field, equals + 1..end))
}

/// Behind a pair that stays, the `;` before ours goes; before all that stay, the `;` after it with its spaces.
fn cut(field: &[u8], pair: Range<usize>, kept: bool) -> Range<usize> {
    if kept {
        return pair.start - 1..pair.end;
    }
    let next = field.len().min(pair.end + 1);
    let spaces = field[next..].iter().take_while(|&&byte| is_space(byte)).count();
    trim(field, pair).start..next + spaces
}

pub(super) fn trim(field: &[u8], Range { mut start, mut end }: Range<usize>) -> Range<usize> {
    while start < end && is_space(field[start]) {
        start += 1;
    }
    while start < end && is_space(field[end - 1]) {
        end -= 1;
    }
    start..end
}

fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A head of one field.
    fn line(text: &[u8]) -> (Vec<u8>, [Field; 1]) {
        let head = [b"Cookie: ", text, b"\r\n"].concat();
        let end = u32::try_from(head.len()).expect("a short line");
        let span = |start, end| Span { start, end };
        let field =
            Field { known: Known::Cookie, name: span(0, 6), value: span(8, end - 2), line: span(0, end) };
        (head, [field])
    }

    fn found<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
        let (head, fields) = line(text.as_bytes());
        let spans = values(Lines { bytes: &head, fields: &fields }, name.as_bytes());
        spans.map(|span| &text[span.start as usize - 8..span.end as usize - 8]).collect()
    }

    /// The field's value without the cookies called EQ; `None` where its whole line goes.
    fn stripped(text: &[u8]) -> Option<Vec<u8>> {
        let (head, fields) = line(text);
        let lines = Lines { bytes: &head, fields: &fields };
        let mut edits = Edits::default();
        values(lines, b"EQ").for_each(|value| edits.take(value));
        leave_out(lines, &mut edits);
        edits.arrange();
        let (mut out, mut from) = (Vec::new(), 8);
        for (cut, put) in (0..).map_while(|place| edits.get(place)) {
            assert!(put.is_empty());
            if cut == fields[0].line {
                return None;
            }
            out.extend_from_slice(&head[from..cut.start as usize]);
            from = cut.end as usize;
        }
        out.extend_from_slice(&head[from..head.len() - 2]);
        Some(out)
    }

    #[test]
    fn a_pair_is_found_in_any_place_and_spelling() {
        for field in ["EQ=v", "EQ=v; a=1", "a=1; EQ=v", "a=1;EQ=v;b=2", "a; ;EQ = v ;", "\tEQ=\tv"] {
            assert_eq!(found(field, "EQ"), ["v"], "{field}");
        }
        assert_eq!(found("EQ=1; a=2; EQ=\"3\"; EQ=", "EQ"), ["1", "\"3\"", ""]);
        assert_eq!(found("EQ=a=b", "EQ"), ["a=b"]);
    }

    #[test]
    fn another_name_is_not_ours() {
        for field in ["", ";", "EQ", "eq=v", "EQ2=v", "XEQ=v", "a=EQ=v", "a=1, EQ=v", "E Q=v", "=EQ"] {
            assert_eq!(found(field, "EQ"), Vec::<&str>::new(), "{field}");
        }
    }

    #[test]
    fn one_separator_goes_with_the_pair() {
        for (field, rest) in [
            ("EQ=v; a=1; b=2", "a=1; b=2"),
            ("a=1; EQ=v; b=2", "a=1; b=2"),
            ("a=1; b=2; EQ=v", "a=1; b=2"),
            ("a=1;EQ=v;b=2", "a=1;b=2"),
            ("EQ=1; EQ=2; a=1; EQ=3;b=2;  EQ=4", "a=1;b=2"),
            ("a=1 ;  EQ=v ;\tb=2;", "a=1 ;\tb=2;"),
            ("a=\"x y\"; EQ=\"v\"; ; =; b", "a=\"x y\"; ; =; b"),
            ("a=1", "a=1"),
        ] {
            assert_eq!(stripped(field.as_bytes()).as_deref(), Some(rest.as_bytes()), "{field}");
        }
    }

    #[test]
    fn nothing_is_left_when_only_ours_was_there() {
        for field in ["EQ=v", "EQ=v;", "EQ=1; EQ=2", " ; EQ=v; "] {
            assert_eq!(stripped(field.as_bytes()), None, "{field}");
        }
    }

    #[test]
    fn a_servers_cookie_is_known_by_its_name() {
        for (field, name) in [
            ("EQ=v; Path=/", "EQ"),
            (" EQ\t= v", "EQ"),
            ("EQ=", "EQ"),
            ("EQ; Path=/", ""),
            ("=EQ", ""),
            ("", ""),
        ] {
            assert_eq!(set_cookie_name(field.as_bytes()), name.as_bytes(), "{field}");
        }
    }

    fn cookie_like() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => "EQ=[a-c\"]{0,3}",
            4 => "(EQ|eq|a|b|)=?[=\"a-c ]{0,3}",
            6 => "[; \t]{1,2}",
            1 => "\\PC{0,3}",
        ];
        let pieces = prop::collection::vec(piece.prop_map(String::into_bytes), 0..12);
        prop_oneof![4 => pieces.prop_map(|pieces| pieces.concat()), 1 => prop::collection::vec(any::<u8>(), 0..64)]
    }

    fn pairs(field: &[u8]) -> Vec<&[u8]> {
        field.split(|&byte| byte == b';').collect()
    }

    proptest! {
        #[test]
        fn other_cookies_keep_every_byte(field in cookie_like()) {
            let mut others = pairs(&field);
            others.retain(|pair| {
                let name = pair.splitn(2, |&byte| byte == b'=').next().filter(|name| name.len() < pair.len());
                name.is_none_or(|name| String::from_utf8_lossy(name).trim_matches([' ', '\t']) != "EQ")
            });
            match stripped(&field) {
                Some(out) => {
                    let mut left = pairs(&out);
                    if others[0] != left[0] {
                        // Only the spaces behind a separator that was cut may go, and only in front of all.
                        others[0] = others[0].trim_ascii_start();
                        left[0] = left[0].trim_ascii_start();
                    }
                    prop_assert_eq!(left, others);
                }
                None => prop_assert!(others.iter().all(|pair| pair.iter().all(|&byte| is_space(byte)))),
            }
        }

        #[test]
        fn after_a_strip_nothing_is_found(field in cookie_like()) {
            let out = stripped(&field).unwrap_or_default();
            let (head, fields) = line(&out);
            prop_assert_eq!(values(Lines { bytes: &head, fields: &fields }, b"EQ").count(), 0);
        }

        #[test]
        fn any_name_of_a_set_cookie_is_read(field in cookie_like()) {
            set_cookie_name(&field);
        }
    }
}
