//! Texts of strangers inside a line: everything but visible ASCII and spaces is written as an escape.

use crate::block::{self, Block};

pub(super) const HEX: &[u8; 16] = b"0123456789abcdef";

/// A text, and whatever stands behind it: so it can be copied in a whole block, however short it is.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) from: &'a [u8],
    pub(super) length: usize,
    /// Whether it is known to have nothing to escape.
    pub(super) plain: bool,
}

impl<'a> Text<'a> {
    pub(super) fn is_empty(self) -> bool {
        self.length == 0
    }

    pub(super) fn bytes(self) -> &'a [u8] {
        &self.from[..self.length]
    }

    /// Appends it as it is.
    #[inline]
    fn copy(self, out: &mut Vec<u8>) {
        match self.from.first_chunk::<{ block::LENGTH }>() {
            Some(block) if self.length <= block::LENGTH => {
                let end = out.len() + self.length;
                out.extend_from_slice(block);
                // What stood behind it goes again.
                out.truncate(end);
            }
            _ => out.extend_from_slice(self.bytes()),
        }
    }
}

/// Appends a text as it stands between the quotes of a JSON string (RFC 8259, 7); ASCII only, since some readers take
/// other characters for ends of lines. Bytes that are no UTF-8 are written as the characters of their numbers.
pub(super) fn json(text: Text<'_>, out: &mut Vec<u8>) {
    if text.plain {
        text.copy(out);
    } else {
        json_escaped(text.bytes(), out);
    }
}

#[cold]
fn json_escaped(text: &[u8], out: &mut Vec<u8>) {
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

/// Whether there is nothing to escape in any of these bytes.
pub(super) fn are_plain(bytes: &[u8]) -> bool {
    let (blocks, rest) = bytes.as_chunks();
    // The last block once more from its end, rather than what is left of it byte by byte.
    blocks.iter().all(is_plain_block)
        && bytes.last_chunk().map_or_else(|| rest.iter().copied().all(is_plain), is_plain_block)
}

fn is_plain_block(bytes: &[u8; block::LENGTH]) -> bool {
    let block = Block::of(bytes);
    let escaped = !block.within(b' ', b'~') | block.is(b'"') | block.is(b'\\');
    escaped.first().is_none()
}

fn escape(unit: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\u");
    for place in [12, 8, 4, 0] {
        out.push(HEX[usize::from(unit >> place & 15)]);
    }
}

/// Appends a text as nginx writes it between quotes: `\x22` for what could end them.
pub(super) fn combined(text: Text<'_>, out: &mut Vec<u8>) {
    if text.plain {
        text.copy(out);
    } else {
        combined_escaped(text.bytes(), out);
    }
}

#[cold]
fn combined_escaped(text: &[u8], out: &mut Vec<u8>) {
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
        for (length, behind) in (1..=40).flat_map(|length| [(length, 0), (length, 5), (length, 20)]) {
            for place in 0..length {
                for byte in 0..=u8::MAX {
                    // What stands behind would have to be escaped.
                    let mut from = vec![b'"'; length + behind];
                    from[..length].fill(b'a');
                    from[place] = byte;
                    let plain = are_plain(&from[..length]);
                    assert_eq!(plain, is_plain(byte), "{byte:#04x} at {place} of {length}");
                    let mut out = b"before ".to_vec();
                    combined(Text { from: &from, length, plain }, &mut out);
                    let shown =
                        if is_plain(byte) { (byte as char).to_string() } else { format!("\\x{byte:02x}") };
                    let wanted =
                        [b"before ", &from[..place], shown.as_bytes(), &from[place + 1..length]].concat();
                    assert_eq!(out, wanted, "{byte:#04x} at {place} of {length}, {behind} behind");
                }
            }
        }
    }
}
