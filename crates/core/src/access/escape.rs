//! Texts of strangers inside a line: everything but visible ASCII and spaces is written as an escape.

use crate::block::{self, Block};

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

fn are_plain(text: &[u8]) -> bool {
    // The last block overlaps the one before, and halves of one block each other: no byte is looked at alone.
    if let Some(last) = text.last_chunk() {
        return text.as_chunks().0.iter().chain([last]).all(block_is_plain);
    }
    let mut block = [b' '; block::LENGTH];
    if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        block[..8].copy_from_slice(first);
        block[8..].copy_from_slice(last);
    } else if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        block[..4].copy_from_slice(first);
        block[4..8].copy_from_slice(last);
    } else {
        return text.iter().all(|&byte| is_plain(byte));
    }
    block_is_plain(&block)
}

fn block_is_plain(bytes: &[u8; block::LENGTH]) -> bool {
    let block = Block::of(bytes);
    (!block.within(b' ', b'~') | block.is(b'"') | block.is(b'\\')).first().is_none()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_escaped_wherever_it_stands() {
        for length in 1..=40 {
            for place in 0..length {
                for byte in 0..=u8::MAX {
                    let mut text = vec![b'a'; length];
                    text[place] = byte;
                    let mut out = Vec::new();
                    combined(&text, &mut out);
                    let shown =
                        if is_plain(byte) { (byte as char).to_string() } else { format!("\\x{byte:02x}") };
                    let wanted = [&text[..place], shown.as_bytes(), &text[place + 1..]].concat();
                    assert_eq!(out, wanted, "{byte:#04x} at {place} of {length}");
                }
            }
        }
    }
}
