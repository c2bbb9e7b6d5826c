//! Which pseudo-fields the header blocks of one connection hold (RFC 7541), without the cost of decoding the rest: the
//! library that decodes them drops pseudo-fields of trailers, those of requests in responses, and the fragment of a path.

use std::collections::VecDeque;

use super::huffman;

/// Bytes of the table that a side may fill while nobody has said otherwise (RFC 9113, 6.5.2).
const TABLE: usize = 4096;
/// What an entry counts above its texts (RFC 7541, 4.1).
const OVERHEAD: usize = 32;
/// The bits of the shortest code of Huffman's (RFC 7541, appendix B).
const SHORTEST: usize = 5;
/// How long the values of the static table are at most (RFC 7541, appendix A).
const STATIC_VALUE: usize = 13;
/// How long its names are.
const STATIC: [u16; 61] = [
    10, 7, 7, 5, 5, 7, 7, 7, 7, 7, 7, 7, 7, 7, 14, 15, 15, 13, 6, 27, 3, 5, 13, 13, 19, 16, 16, 14, 16, 13,
    12, 6, 4, 4, 6, 7, 4, 4, 8, 17, 13, 8, 19, 13, 4, 8, 12, 18, 19, 5, 7, 7, 11, 6, 10, 25, 17, 10, 4, 3,
    16,
];

/// What was found in a block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// A pseudo-field: in trailers there is none (RFC 9113, 8.1).
    pub pseudo: bool,
    /// One that no response has: any but `:status` (RFC 9113, 8.3.2).
    pub asks: bool,
    /// A `:status` of a response that is not the last.
    pub interim: bool,
    /// A `:path` with a fragment: it is no part of what is asked for (RFC 9113, 8.3.1).
    pub fragment: bool,
    /// How many fields there are.
    pub fields: usize,
    /// What they count at most (RFC 9113, 6.5.2), in bytes.
    pub size: usize,
}

/// The header blocks that one side of a connection sends.
pub struct Blocks {
    /// The dynamic table, the latest entry first.
    entries: VecDeque<Entry>,
    /// What the entries count, and may.
    size: usize,
    most: usize,
}

#[derive(Clone, Copy)]
struct Entry {
    name: Name,
    /// Whether it is a `:path` with a fragment, or a `:status` from 100 to 199.
    marked: bool,
    size: usize,
}

#[derive(Clone, Copy)]
struct Name {
    kind: Kind,
    length: u16,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Field,
    Path,
    Status,
    /// Any other that begins with a colon.
    Pseudo,
}

/// A text of a block as it stands there.
enum Text<'a> {
    Plain(&'a [u8]),
    Coded(&'a [u8]),
}

impl Default for Blocks {
    fn default() -> Self {
        Self { entries: VecDeque::new(), size: 0, most: TABLE }
    }
}

impl Blocks {
    /// Reads the next block of the connection; none when it is no header block, which ends the connection. Texts are
    /// decoded where that says something here; whether the others can be is left to the library.
    pub fn read(&mut self, block: &[u8]) -> Option<Found> {
        let mut rest = block;
        let mut found = Found::default();
        while let Some(first) = rest.first() {
            let entry = match first {
                0x80.. => {
                    let index = integer(&mut rest, 7)?;
                    self.entry(index)?
                }
                0x40.. => {
                    let entry = self.literal(&mut rest, 6)?;
                    self.insert(entry);
                    entry
                }
                // RFC 7541, 4.2: the table changes before the first field.
                0x20.. if found.fields > 0 => return None,
                0x20.. => {
                    self.most = integer(&mut rest, 5).filter(|most| *most <= TABLE)?;
                    self.make_room(0);
                    continue;
                }
                _ => self.literal(&mut rest, 4)?,
            };
            found.fields += 1;
            found.size += entry.size;
            let kind = entry.name.kind;
            found.pseudo |= kind != Kind::Field;
            found.asks |= !matches!(kind, Kind::Field | Kind::Status);
            found.interim |= entry.marked && kind == Kind::Status;
            found.fragment |= entry.marked && kind == Kind::Path;
        }
        Some(found)
    }

    /// What stands at an index of both tables (RFC 7541, 2.3.3).
    fn entry(&self, index: usize) -> Option<Entry> {
        let at = index.checked_sub(1)?;
        let Some(length) = STATIC.get(at) else { return self.entries.get(at - STATIC.len()).copied() };
        let kind = match index {
            4 | 5 => Kind::Path,
            8..=14 => Kind::Status,
            ..=14 => Kind::Pseudo,
            _ => Kind::Field,
        };
        let size = usize::from(*length) + STATIC_VALUE + OVERHEAD;
        Some(Entry { name: Name { kind, length: *length }, marked: false, size })
    }

    /// Reads a field that is spelt out; its name may be in a table (RFC 7541, 6.2).
    fn literal(&self, rest: &mut &[u8], prefix: u32) -> Option<Entry> {
        let keeps = prefix == 6;
        let name = match integer(rest, prefix)? {
            0 => Name::read(&Text::take(rest)?)?,
            index => self.entry(index)?.name,
        };
        let value = Text::take(rest)?;
        let marked = match name.kind {
            Kind::Path => value.bytes().any(|byte| byte == b'#'),
            Kind::Status => value.bytes().next() == Some(b'1'),
            Kind::Field | Kind::Pseudo => false,
        };
        // The table has to know it to the byte.
        let length = if keeps { value.length()? } else { value.most() };
        Some(Entry { name, marked, size: usize::from(name.length) + length + OVERHEAD })
    }

    /// Puts an entry into the table; one that is larger than the table empties it (RFC 7541, 4.4).
    fn insert(&mut self, entry: Entry) {
        self.make_room(entry.size);
        if entry.size <= self.most {
            self.size += entry.size;
            self.entries.push_front(entry);
        }
    }

    fn make_room(&mut self, size: usize) {
        while self.size + size > self.most
            && let Some(oldest) = self.entries.pop_back()
        {
            self.size -= oldest.size;
        }
    }
}

impl Name {
    /// None when it is no text.
    fn read(text: &Text<'_>) -> Option<Self> {
        let kind = match text.bytes().next() {
            Some(b':') if text.bytes().eq(*b":path") => Kind::Path,
            Some(b':') if text.bytes().eq(*b":status") => Kind::Status,
            Some(b':') => Kind::Pseudo,
            _ => Kind::Field,
        };
        // One that is longer than this fits in no table.
        Some(Self { kind, length: u16::try_from(text.length()?).unwrap_or(u16::MAX) })
    }
}

impl<'a> Text<'a> {
    /// Takes a text off `rest` (RFC 7541, 5.2).
    fn take(rest: &mut &'a [u8]) -> Option<Self> {
        let coded = rest.first()? & 0x80 != 0;
        let length = integer(rest, 7)?;
        let (text, behind) = rest.split_at_checked(length)?;
        *rest = behind;
        Some(if coded { Self::Coded(text) } else { Self::Plain(text) })
    }

    fn bytes(&self) -> impl Iterator<Item = u8> {
        let (plain, coded): (&[u8], &[u8]) = match self {
            Self::Plain(text) => (text, &[]),
            Self::Coded(text) => (&[], text),
        };
        plain.iter().copied().chain(huffman::decode(coded))
    }

    /// Bytes that it may have when it is decoded.
    fn most(&self) -> usize {
        match self {
            Self::Plain(text) => text.len(),
            Self::Coded(text) => text.len() * 8 / SHORTEST,
        }
    }

    /// Bytes that it has when it is decoded; none when it cannot be.
    fn length(&self) -> Option<usize> {
        match self {
            Self::Plain(text) => Some(text.len()),
            Self::Coded(text) => {
                let mut decoded = huffman::decode(text);
                let length = decoded.by_ref().count();
                decoded.is_whole().then_some(length)
            }
        }
    }
}

/// Takes a number off `rest` that begins in the last `prefix` bits of its first byte (RFC 7541, 5.1).
fn integer(rest: &mut &[u8], prefix: u32) -> Option<usize> {
    let (first, mut behind) = rest.split_first()?;
    let mask = (1 << prefix) - 1;
    let mut value = usize::from(first & mask);
    if value == usize::from(mask) {
        let mut shift = 0;
        loop {
            let (byte, next) = behind.split_first()?;
            behind = next;
            value += usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
            // Four bytes say more than any block holds.
            if shift > 21 {
                return None;
            }
        }
    }
    *rest = behind;
    Some(value)
}

#[cfg(test)]
#[path = "blocks_tests.rs"]
mod tests;
