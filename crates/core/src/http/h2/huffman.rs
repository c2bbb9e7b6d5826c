//! The Huffman code of header fields (RFC 7541, 5.2 and appendix B).

/// The symbols of each length in bits, from the shortest; within a length the codes count up, and on to the next one.
const SYMBOLS: [(u32, &[u8]); 21] = [
    (5, b"012aceiost"),
    (6, b" %-./3456789=A_bdfghlmnpru"),
    (7, b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
    (8, b"&*,;XZ"),
    (10, b"!\"()?"),
    (11, b"'+|"),
    (12, b"#>"),
    (13, b"\x00$@[]~"),
    (14, b"^}"),
    (15, b"<`{"),
    (19, b"\\\xc3\xd0"),
    (20, b"\x80\x82\x83\xa2\xb8\xc2\xe0\xe2"),
    (21, b"\x99\xa1\xa7\xac\xb0\xb1\xb3\xd1\xd8\xd9\xe3\xe5\xe6"),
    (22, b"\x81\x84\x85\x86\x88\x92\x9a\x9c\xa0\xa3\xa4\xa9\xaa\xad\xb2\xb5\xb9\xba\xbb\xbd\xbe\xc4\xc6\xe4\xe8\xe9"),
    (23, b"\x01\x87\x89\x8a\x8b\x8c\x8d\x8f\x93\x95\x96\x97\x98\x9b\x9d\x9e\xa5\xa6\xa8\xae\xaf\xb4\xb6\xb7\xbc\xbf\xc5\xe7\xef"),
    (24, b"\t\x8e\x90\x91\x94\x9f\xab\xce\xd7\xe1\xec\xed"),
    (25, b"\xc7\xcf\xea\xeb"),
    (26, b"\xc0\xc1\xc8\xc9\xca\xcd\xd2\xd5\xda\xdb\xee\xf0\xf2\xf3\xff"),
    (27, b"\xcb\xcc\xd3\xd4\xd6\xdd\xde\xdf\xf1\xf4\xf5\xf6\xf7\xf8\xfa\xfb\xfc\xfd\xfe"),
    (28, b"\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14\x15\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x7f\xdc\xf9"),
    (30, b"\n\r\x16"),
];

/// For each length of `SYMBOLS` the first code and the one behind the last, from the highest bit of 32 on.
const CODES: [(u32, u32); SYMBOLS.len()] = codes();

const fn codes() -> [(u32, u32); SYMBOLS.len()] {
    let mut codes = [(0, 0); SYMBOLS.len()];
    let mut next = 0;
    let mut row = 0;
    while row < SYMBOLS.len() {
        let (bits, symbols) = SYMBOLS[row];
        let first = next;
        let mut symbol = 0;
        while symbol < symbols.len() {
            next += 1 << (32 - bits);
            symbol += 1;
        }
        codes[row] = (first, next);
        row += 1;
    }
    codes
}

/// The bytes that `coded` says, as far as it is a code; padding ends it.
pub(super) struct Decoded<'a> {
    coded: &'a [u8],
    /// Bits that were taken from `coded` and not read, from the highest on; behind them ones, as padding has them.
    bits: u64,
    count: u32,
}

pub(super) fn decode(coded: &[u8]) -> Decoded<'_> {
    Decoded { coded, bits: u64::MAX, count: 0 }
}

impl Decoded<'_> {
    /// Whether nothing but padding is left: less than a byte, all ones (RFC 7541, 5.2).
    pub(super) fn is_whole(&self) -> bool {
        self.coded.is_empty() && self.count < 8 && self.bits == u64::MAX
    }
}

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        while self.count < 32 {
            let Some((byte, rest)) = self.coded.split_first() else { break };
            let shift = 56 - self.count;
            self.bits = self.bits & !(0xff << shift) | u64::from(*byte) << shift;
            self.count += 8;
            self.coded = rest;
        }
        let ahead = (self.bits >> 32) as u32;
        let row = CODES.iter().position(|(_, end)| ahead < *end)?;
        let (bits, symbols) = SYMBOLS[row];
        if bits > self.count {
            return None;
        }
        self.bits = (self.bits << bits) | ((1 << bits) - 1);
        self.count -= bits;
        symbols.get(((ahead - CODES[row].0) >> (32 - bits)) as usize).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(coded: &[u8]) -> Vec<u8> {
        decode(coded).collect()
    }

    #[test]
    fn every_byte_has_a_code_of_its_own() {
        let mut all: Vec<u8> = SYMBOLS.iter().flat_map(|(_, symbols)| symbols.iter().copied()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..=255).collect::<Vec<u8>>());
        // What is left is the end of string: thirty ones.
        assert_eq!(CODES[SYMBOLS.len() - 1].1, 0x3fff_ffff << 2);
    }

    #[test]
    fn the_examples_of_rfc_7541() {
        // Appendix C.4 and C.6.
        assert_eq!(decoded(b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"), b"www.example.com");
        assert_eq!(decoded(b"\xa8\xeb\x10\x64\x9c\xbf"), b"no-cache");
        assert_eq!(decoded(b"\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf"), b"custom-value");
        assert_eq!(decoded(b"\x64\x02"), b"302");
        let date =
            b"\xd0\x7a\xbe\x94\x10\x54\xd4\x44\xa8\x20\x05\x95\x04\x0b\x81\x66\xe0\x82\xa6\x2d\x1b\xff";
        assert_eq!(decoded(date), b"Mon, 21 Oct 2013 20:13:21 GMT");
    }

    #[test]
    fn padding_is_less_than_a_byte_of_ones() {
        let is_whole = |coded: &[u8]| {
            let mut decoded = decode(coded);
            decoded.by_ref().for_each(drop);
            decoded.is_whole()
        };
        for coded in [
            &b""[..],
            b"\x07",
            b"\xff\xaf",
            b"\xff\xff\xff\xf3",
            b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff",
        ] {
            assert!(is_whole(coded), "{coded:x?}");
        }
        // Zeros, a byte too many, and the end of string.
        for coded in [&b"\x00"[..], b"\x06", b"\x07\xff", b"\xff", b"\xff\xff\xff\xff"] {
            assert!(!is_whole(coded), "{coded:x?}");
        }
    }

    #[test]
    fn long_codes_and_ends() {
        assert_eq!(decoded(b"\xff\xaf"), b"#");
        assert_eq!(decoded(b"\xff\xff\xff\xf3"), b"\n");
        assert_eq!(decoded(b""), b"");
        assert_eq!(decoded(b"\x07"), b"0", "three ones of padding");
        assert_eq!(decoded(b"\xff\xff\xff\xff"), b"", "the end of string is no symbol");
        assert_eq!(decoded(b"\x00"), b"0", "half a code is none");
    }
}
