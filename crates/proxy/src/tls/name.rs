//! Writes a certificate's distinguished name as text (RFC 4514), in characters that a field may hold.

use std::fmt::Write;

use x509_parser::asn1_rs::ToDer;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::prelude::{AttributeTypeAndValue, X509Name};

/// The name, its last part first, as `CN=web1,O=Shop`.
pub(super) fn distinguished(name: &X509Name<'_>) -> String {
    let parts: Vec<_> = name.iter_rdn().collect();
    let parts = parts.iter().rev().map(|part| {
        let attributes: Vec<_> = part.iter().map(attribute).collect();
        attributes.join("+")
    });
    parts.collect::<Vec<_>>().join(",")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let kind = oid2abbrev(attribute.attr_type(), oid_registry()).map(str::to_owned);
    match (kind, attribute.as_str()) {
        (Ok(kind), Ok(text)) => format!("{kind}={}", escaped(text)),
        (Err(_), Ok(text)) => format!("{}={}", attribute.attr_type(), escaped(text)),
        // RFC 4514, 2.4: what is no string is written in hexadecimal.
        (kind, Err(_)) => {
            let kind = kind.unwrap_or_else(|_| attribute.attr_type().to_id_string());
            let der = attribute.attr_value().to_der_vec().unwrap_or_default();
            format!("{kind}=#{}", hexadecimal(&der))
        }
    }
}

/// Two digits a byte.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// RFC 4514, 2.4; whatever is not visible ASCII is escaped too, since a field's value is no place for it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (place, byte) in text.bytes().enumerate() {
        let at_edge = place == 0 || place + 1 == text.len();
        match byte {
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b'#' if place == 0 => out.push_str("\\#"),
            b' ' if at_edge => out.push_str("\\ "),
            b' '..=b'~' => out.push(char::from(byte)),
            // Writing to a string does not fail.
            _ => {
                let _ = write!(out, "\\{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_part_a_name_or_a_field_is_escaped() {
        assert_eq!(escaped("Shop, Inc. + \"friends\""), "Shop\\, Inc. \\+ \\\"friends\\\"");
        assert_eq!(escaped(" a\r\nX: y\0 "), "\\ a\\0D\\0AX: y\\00\\ ");
        assert_eq!(escaped("#Müller\\"), "\\#M\\C3\\BCller\\\\");
        assert_eq!(escaped(""), "");
    }
}
