//! Sixteen bytes looked at together: what a vector register holds on every machine.

use std::ops::{BitOr, Not};

use wide::{CmpEq, CmpLt, i8x16};

/// Bytes of a block.
pub(crate) const LENGTH: usize = 16;

/// The bytes, with their highest bit turned, so that the order of signed numbers is the order of bytes.
#[derive(Clone, Copy)]
pub(crate) struct Block(i8x16);

/// Which bytes of a block are meant.
#[derive(Clone, Copy)]
pub(crate) struct Which(i8x16);

const fn turned(byte: u8) -> i8 {
    (byte ^ 0x80).cast_signed()
}

impl Block {
    pub(crate) fn of(bytes: &[u8; LENGTH]) -> Self {
        Self(i8x16::new(bytes.map(turned)))
    }

    /// Those that are `byte`.
    pub(crate) fn is(self, byte: u8) -> Which {
        Which(self.0.cmp_eq(i8x16::splat(turned(byte))))
    }

    /// Those before `byte`.
    pub(crate) fn before(self, byte: u8) -> Which {
        Which(self.0.cmp_lt(i8x16::splat(turned(byte))))
    }

    /// Those from `first` to `last`, where `last` is not the highest byte.
    pub(crate) fn within(self, first: u8, last: u8) -> Which {
        // What is below wraps around and is then above.
        let from_first = Self(self.0 - i8x16::splat(first.cast_signed()));
        from_first.before(last - first + 1)
    }

    /// The bytes with capital letters made small; what else becomes a letter by that is none of ASCII's others.
    pub(crate) fn small(self) -> Self {
        Self(self.0 | i8x16::splat(0x20))
    }
}

impl BitOr for Which {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Not for Which {
    type Output = Self;

    fn not(self) -> Self {
        Self(!self.0)
    }
}

impl Which {
    /// Where the first of them stands.
    pub(crate) fn first(self) -> Option<usize> {
        let bits = self.0.move_mask();
        (bits != 0).then(|| bits.trailing_zeros() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte at every place of a block that holds nothing like it.
    fn agrees(which: impl Fn(Block) -> Which, told: impl Fn(u8) -> bool, other: u8) {
        for byte in 0..=u8::MAX {
            for place in 0..LENGTH {
                let mut bytes = [other; LENGTH];
                bytes[place] = byte;
                let expected = told(byte).then_some(place);
                assert_eq!(which(Block::of(&bytes)).first(), expected, "{byte:#04x} at {place}");
            }
        }
    }

    #[test]
    fn every_byte_is_told_at_every_place() {
        agrees(|block| block.is(b'#'), |byte| byte == b'#', b'a');
        agrees(|block| block.before(0x20), |byte| byte < 0x20, b'a');
        agrees(|block| block.within(b'!', b'~'), |byte| byte.is_ascii_graphic(), b' ');
        agrees(|block| block.small().within(b'a', b'z'), |byte| byte.is_ascii_alphabetic(), b'-');
        agrees(|block| !(block.is(0xff) | block.within(0, 0x7f)), |byte| (0x80..0xff).contains(&byte), 0);
    }

    #[test]
    fn the_first_of_several_is_found() {
        let block = Block::of(b"name: value\r\nend");
        assert_eq!(block.is(b'n').first(), Some(0));
        assert_eq!(block.is(b'e').first(), Some(3));
        assert_eq!((block.is(b'\r') | block.is(b':')).first(), Some(4));
    }
}
