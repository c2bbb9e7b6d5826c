//! Decides whether a text fits a pattern, in which `*` stands for any run of characters, also for none.
//!
//! A path is compared by the characters it means: an escape such as `%7E` is the character it stands for, in the
//! request and in the pattern (RFC 3986, section 6.2.2), so that no way of writing a path gets past a pattern. `%2F`
//! alone is another character than `/`, since it separates nothing; `%2A` in a pattern is a star that means itself.

/// A pattern for the values of fields; letters fit in either case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextGlob(Box<[Unit]>);

/// A pattern for paths; letters fit in their own case (RFC 3986, section 6.2.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathGlob(Box<[Unit]>);

/// One character of a pattern or a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// Any run of characters; patterns only.
    Any,
    Byte(u8),
    /// `%2F`.
    EscapedSlash,
}

impl TextGlob {
    /// Reads a pattern; every text is one.
    pub fn new(pattern: &str) -> Self {
        Self(text(pattern.as_bytes()).map(starred).collect())
    }

    /// Whether a field's value fits.
    pub fn fits(&self, value: &[u8]) -> bool {
        fits(&self.0, text(value))
    }
}

impl PathGlob {
    /// Reads a pattern; every text is one.
    pub fn new(pattern: &str) -> Self {
        // Stars are told from escaped ones before the escapes are read.
        let between = pattern.split('*').map(|part| Path(part.as_bytes()).collect::<Vec<_>>());
        Self(between.collect::<Vec<_>>().join(&Unit::Any).into())
    }

    /// Whether a path fits, as the request's target has it, without the query.
    pub fn fits(&self, path: &[u8]) -> bool {
        fits(&self.0, Path(path))
    }
}

fn text(value: &[u8]) -> impl Iterator<Item = Unit> + Clone {
    value.iter().map(|byte| Unit::Byte(byte.to_ascii_lowercase()))
}

fn starred(unit: Unit) -> Unit {
    if unit == Unit::Byte(b'*') { Unit::Any } else { unit }
}

/// The characters that a path means.
#[derive(Clone)]
struct Path<'a>(&'a [u8]);

impl Iterator for Path<'_> {
    type Item = Unit;

    fn next(&mut self) -> Option<Unit> {
        let (&first, rest) = self.0.split_first()?;
        let escaped = if first == b'%' { escaped(rest) } else { None };
        self.0 = if escaped.is_some() { &rest[2..] } else { rest };
        Some(match escaped {
            Some(b'/') => Unit::EscapedSlash,
            Some(byte) => Unit::Byte(byte),
            // A percent sign that escapes nothing means itself.
            None => Unit::Byte(first),
        })
    }
}

/// The byte that the two digits after a percent sign stand for.
fn escaped(rest: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    match rest {
        [high, low, ..] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    }
}

/// Goes back to the latest star only: what an earlier one took fits as early as it can, so that it never helps to
/// take more. A text thus costs at most its length times the pattern's.
fn fits(pattern: &[Unit], mut text: impl Iterator<Item = Unit> + Clone) -> bool {
    let mut at = 0;
    let mut star = None;
    loop {
        if pattern.get(at) == Some(&Unit::Any) {
            at += 1;
            star = Some((at, text.clone()));
            continue;
        }
        match (pattern.get(at), text.next()) {
            (None, None) => return true,
            (Some(wanted), Some(unit)) if *wanted == unit => at += 1,
            // Were the star to take more, there would be less.
            (Some(_), None) => return false,
            (_, Some(_)) => {
                let Some((after, rest)) = &mut star else { return false };
                rest.next();
                (at, text) = (*after, rest.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        for (pattern, fitting, other) in [
            ("/static/*", &["/static/", "/static/a/b.css"][..], &["/static", "/Static/a", "/a/static/"][..]),
            ("*.css", &["/a.css", ".css", "/a.css.css"], &["/a.css/", "/a.cssx", "/a.CSS"]),
            ("/", &["/"], &["", "//", "/a"]),
            ("*", &["", "/", "*"], &[]),
            ("/a*b*c", &["/abc", "/axxbxxc", "/abbcc", "/abcbc"], &["/ab", "/acb", "/abcd"]),
            ("**", &["", "/a"], &[]),
        ] {
            let glob = PathGlob::new(pattern);
            fitting.iter().for_each(|path| assert!(glob.fits(path.as_bytes()), "{pattern} {path}"));
            other.iter().for_each(|path| assert!(!glob.fits(path.as_bytes()), "{pattern} {path}"));
        }
    }

    #[test]
    fn an_escape_is_the_character_it_stands_for() {
        for (pattern, path, fitting) in [
            ("/static/*", "/%73tatic/a", true),
            ("/%73tatic/*", "/static/a", true),
            ("*.css", "/a%2Ecss", true),
            ("/my%20file", "/my%20file", true),
            ("/caf%C3%A9", "/caf%c3%a9", true),
            ("/café", "/caf%C3%A9", true),
            ("/static/*", "/static%2Fa", false),
            ("/a%2fb", "/a%2Fb", true),
            ("/a%2Fb", "/a/b", false),
            ("/100%", "/100%25", true),
            ("/100%", "/100%", true),
            ("/%2541", "/A", false),
            ("/a%2A", "/a*", true),
            ("/a%2A", "/ab", false),
            ("/%zz", "/%zz", true),
        ] {
            assert_eq!(PathGlob::new(pattern).fits(path.as_bytes()), fitting, "{pattern} {path}");
        }
    }

    #[test]
    fn values_fit_in_either_case() {
        let bot = TextGlob::new("*Bot*");
        assert!(bot.fits(b"Mozilla/5.0 (compatible; GOOGLEBOT/2.1)") && bot.fits(b"bot"));
        assert!(!bot.fits(b"Mozilla/5.0") && !bot.fits(b""));
        assert!(!TextGlob::new("a%62").fits(b"ab"), "a value has no escapes");
    }

    /// The plainest way to say what a pattern means.
    fn means(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|taken| means(rest, &text[taken..])),
            Some((byte, rest)) => {
                text.split_first().is_some_and(|(first, after)| first == byte && means(rest, after))
            }
        }
    }

    proptest! {
        #[test]
        fn a_pattern_fits_what_it_means(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
            prop_assert_eq!(TextGlob::new(&pattern).fits(text.as_bytes()), means(pattern.as_bytes(), text.as_bytes()));
            prop_assert_eq!(PathGlob::new(&pattern).fits(text.as_bytes()), means(pattern.as_bytes(), text.as_bytes()));
        }

        #[test]
        fn any_path_fits_itself_and_its_escapes(bytes: Vec<u8>) {
            let digit = |value: u8| char::from_digit(value.into(), 16).expect("below 16");
            let escaped: String = bytes.iter().flat_map(|byte| ['%', digit(byte >> 4), digit(byte & 15)]).collect();
            let glob = PathGlob::new(&escaped);
            prop_assert!(glob.fits(escaped.to_uppercase().as_bytes()));
            prop_assert!(PathGlob::new("*").fits(&bytes));
            let plain = bytes.iter().all(|byte| !matches!(byte, b'%' | b'/'));
            prop_assert!(!plain || glob.fits(&bytes));
        }
    }
}
