//! The text around a cookie's value: made once, so that stamping is two copies and the value between them.

use crate::snapshot::wire::{Attributes, SameSite, Secure};

/// A Set-Cookie line without its value.
#[derive(Debug)]
pub struct SetCookie {
    before: String,
    /// What follows the value on a plain connection; absent where the cookie may not be set there.
    plain: Option<After>,
    secure: After,
}

/// What follows a value.
#[derive(Debug)]
struct After {
    /// Where there is one.
    value: String,
    /// Where the cookie ends: all that tells browsers which cookie is meant stays the same.
    end: String,
}

impl After {
    fn new(attributes: &Attributes, over_tls: bool) -> Self {
        let ended = Attributes { max_age: Some(0), ..attributes.clone() };
        Self { value: text(attributes, over_tls), end: text(&ended, over_tls) }
    }
}

impl SetCookie {
    /// The line for the cookie `name`.
    pub fn new(name: &str, attributes: &Attributes) -> Self {
        let plain = attributes.secure != Secure::Always;
        Self {
            before: format!("Set-Cookie: {name}="),
            plain: plain.then(|| After::new(attributes, false)),
            secure: After::new(attributes, true),
        }
    }

    /// Whether the cookie may be set on such a connection.
    pub fn may_set(&self, secure: bool) -> bool {
        secure || self.plain.is_some()
    }

    /// Appends the line.
    pub fn write(&self, value: &[u8], secure: bool, out: &mut Vec<u8>) {
        if let Some(after) = self.after(secure) {
            out.extend_from_slice(self.before.as_bytes());
            out.extend_from_slice(value);
            out.extend_from_slice(after.value.as_bytes());
        }
    }

    /// Appends the line that ends the cookie.
    pub fn write_end(&self, secure: bool, out: &mut Vec<u8>) {
        if let Some(after) = self.after(secure) {
            out.extend_from_slice(self.before.as_bytes());
            out.extend_from_slice(after.end.as_bytes());
        }
    }

    fn after(&self, secure: bool) -> Option<&After> {
        if secure { Some(&self.secure) } else { self.plain.as_ref() }
    }
}

fn text(attributes: &Attributes, over_tls: bool) -> String {
    let mut text = format!("; Path={}", attributes.path);
    if let Some(domain) = &attributes.domain {
        text.push_str("; Domain=");
        text.push_str(domain);
    }
    if let Some(seconds) = attributes.max_age {
        text.push_str("; Max-Age=");
        text.push_str(&seconds.to_string());
    }
    if attributes.http_only {
        text.push_str("; HttpOnly");
    }
    let secure = match attributes.secure {
        Secure::Auto => over_tls,
        Secure::Always => true,
        Secure::Never => false,
    };
    match attributes.same_site {
        Some(SameSite::Lax) => text.push_str("; SameSite=Lax"),
        Some(SameSite::Strict) => text.push_str("; SameSite=Strict"),
        // Browsers refuse SameSite=None without Secure: there the cookie goes without, which they take for Lax.
        Some(SameSite::None) if secure => text.push_str("; SameSite=None"),
        Some(SameSite::None) | None => {}
    }
    if secure {
        text.push_str("; Secure");
        if attributes.partitioned {
            text.push_str("; Partitioned");
        }
    }
    text.push_str("\r\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(attributes: &Attributes, secure: bool) -> String {
        let mut out = Vec::new();
        SetCookie::new("EQ", attributes).write(b"value", secure, &mut out);
        String::from_utf8(out).expect("text")
    }

    fn usual() -> Attributes {
        Attributes {
            path: "/".to_owned(),
            domain: None,
            same_site: Some(SameSite::Lax),
            secure: Secure::Auto,
            http_only: true,
            partitioned: false,
            max_age: None,
        }
    }

    #[test]
    fn the_scheme_decides_whether_the_cookie_is_secure() {
        assert_eq!(line(&usual(), false), "Set-Cookie: EQ=value; Path=/; HttpOnly; SameSite=Lax\r\n");
        assert_eq!(line(&usual(), true), "Set-Cookie: EQ=value; Path=/; HttpOnly; SameSite=Lax; Secure\r\n");
    }

    #[test]
    fn what_browsers_take_over_tls_only_is_said_over_tls_only() {
        let embedded = Attributes { same_site: Some(SameSite::None), partitioned: true, ..usual() };
        assert_eq!(line(&embedded, false), "Set-Cookie: EQ=value; Path=/; HttpOnly\r\n");
        assert_eq!(
            line(&embedded, true),
            "Set-Cookie: EQ=value; Path=/; HttpOnly; SameSite=None; Secure; Partitioned\r\n"
        );
    }

    #[test]
    fn a_cookie_that_is_always_secure_is_not_set_on_a_plain_connection() {
        assert_eq!(line(&Attributes { secure: Secure::Always, ..usual() }, false), "");
    }
}
