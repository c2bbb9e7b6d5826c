//! Texts of strangers inside a line: everything but visible ASCII and spaces is written as an escape.

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends a text as it stands between the quotes of a JSON string (RFC 8259, 7); ASCII only, since some readers take
/// other characters for ends of lines. Bytes that are no UTF-8 are written as the characters of their numbers.
pub(super) fn json(text: &[u8], out: &mut Vec<u8>) {
    if are_plain(text) {
        return out.extend_from_slice(text);
    }
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\\' => out.extend_from_slice(&[b'\\', character as u8]),
                ' '..='~' => out.push(character as u8),
                _ => character.encode_utf16(&mut [0; 2]).iter().for_each(|&unit| escape(unit, out)),
            }
        }
        chunk.invalid().iter().for_each(|&byte| escape(u16::from(byte), out));
    }
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

/// Looks at all of them, whatever the first ones are: so the compiler takes many at a time.
fn are_plain(text: &[u8]) -> bool {
    text.iter().fold(true, |plain, &byte| plain & is_plain(byte))
}

fn escape(unit: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\u");
    for place in [12, 8, 4, 0] {
        out.push(HEX[usize::from(unit >> place & 15)]);
    }
}

/// Appends a text as nginx writes it between quotes: `\x22` for what could end them.
pub(super) fn combined(text: &[u8], out: &mut Vec<u8>) {
    if are_plain(text) {
        return out.extend_from_slice(text);
    }
    for &byte in text {
        if is_plain(byte) {
            out.push(byte);
        } else {
            out.extend_from_slice(b"\\x");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        }
    }
}
