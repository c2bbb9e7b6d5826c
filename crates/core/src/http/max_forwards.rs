//! Decides how much further a request that counts its proxies may go (RFC 9110, 7.6.2).

use super::edits::Edits;
use super::h1::encode::{self, Lines};

/// Counts ourselves; true where the request ends here. What is no number, or there more than once, counts nothing.
pub fn ends_here(lines: Lines<'_>, edits: &mut Edits) -> bool {
    let mut named = lines.named(b"max-forwards");
    let (Some(field), None) = (named.next(), named.next()) else { return false };
    let value = field.value.of(lines.bytes);
    let number =
        std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match number.and_then(|text| text.parse::<u64>().ok()) {
        None => false,
        Some(0) => true,
        Some(left) => {
            let mut text = Vec::new();
            encode::decimal(left - 1, &mut text);
            edits.replace(field.value, &text);
            false
        }
    }
}
