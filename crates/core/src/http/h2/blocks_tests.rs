use super::*;

const NOTHING: Found =
    Found { pseudo: false, asks: false, interim: false, fragment: false, fields: 0, size: 0 };
const CLEAN: Option<Found> = Some(NOTHING);
const STATUS: Option<Found> = Some(Found { pseudo: true, ..NOTHING });
const INTERIM: Option<Found> = Some(Found { pseudo: true, interim: true, ..NOTHING });
const PSEUDO: Option<Found> = Some(Found { pseudo: true, asks: true, ..NOTHING });
const FRAGMENT: Option<Found> = Some(Found { pseudo: true, asks: true, fragment: true, ..NOTHING });

impl Blocks {
    /// What is found in a block, whatever it counts.
    fn marks(&mut self, block: &[u8]) -> Option<Found> {
        self.read(block).map(|found| Found { fields: 0, size: 0, ..found })
    }
}

/// Reads a block that is one.
fn read(blocks: &mut Blocks, block: &[u8]) -> Found {
    blocks.read(block).expect("a header block")
}

/// The fields of a block, and what they count.
fn count(blocks: &mut Blocks, block: &[u8]) -> (usize, usize) {
    let found = read(blocks, block);
    (found.fields, found.size)
}

/// A field that is spelt out, and kept in the table when `kept`.
fn literal(kept: bool, name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut block = vec![if kept { 0x40 } else { 0 }];
    for text in [name, value] {
        match u8::try_from(text.len()).expect("a short text") {
            length @ ..127 => block.push(length),
            length => block.extend([127, length - 127]),
        }
        block.extend(text);
    }
    block
}

#[test]
fn the_requests_of_rfc_7541_with_huffman_coding() {
    // Appendix C.4: three requests of one connection.
    let mut blocks = Blocks::default();
    let first = b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
    assert_eq!(blocks.marks(first), PSEUDO);
    assert_eq!(blocks.size, 57);
    assert_eq!(blocks.marks(b"\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf"), PSEUDO);
    assert_eq!(blocks.size, 110);
    let third =
        b"\x82\x87\x85\xbf\x40\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf";
    assert_eq!(blocks.marks(third), PSEUDO);
    assert_eq!(blocks.size, 164);
    // The table now: custom-key, cache-control, :authority.
    assert_eq!(blocks.marks(b"\xbe\xbf"), CLEAN);
    assert_eq!(blocks.marks(b"\xc0"), PSEUDO);
    assert_eq!(blocks.marks(b"\xc1"), None, "no such entry");
}

#[test]
fn the_responses_of_rfc_7541_evict() {
    // Appendix C.6, with its table of 256 bytes.
    let mut blocks = Blocks::default();
    assert_eq!(blocks.marks(b"\x3f\xe1\x01"), CLEAN);
    assert_eq!(blocks.most, 256);
    let first = b"\x48\x82\x64\x02\x58\x85\xae\xc3\x77\x1a\x4b\x61\x96\xd0\x7a\xbe\x94\x10\x54\xd4\x44\xa8\x20\x05\x95\
        \x04\x0b\x81\x66\xe0\x82\xa6\x2d\x1b\xff\x6e\x91\x9d\x29\xad\x17\x18\x63\xc7\x8f\x0b\x97\xc8\xe9\xae\x82\xae\
        \x43\xd3";
    assert_eq!(blocks.marks(first), STATUS);
    assert_eq!((blocks.size, blocks.entries.len()), (222, 4));
    assert_eq!(blocks.marks(b"\x48\x83\x64\x0e\xff\xc1\xc0\xbf"), STATUS);
    assert_eq!((blocks.size, blocks.entries.len()), (222, 4));
}

#[test]
fn a_pseudo_field_is_seen_however_it_is_written() {
    for name in [&b":path"[..], b":authority", b":", b":unheard-of"] {
        assert_eq!(Blocks::default().marks(&literal(false, name, b"/x")), PSEUDO);
    }
    for name in [&b"path"[..], b"x", b"x:path", b""] {
        assert_eq!(Blocks::default().marks(&literal(false, name, b"/x")), CLEAN);
    }
    for index in 1..=61 {
        let expected = match index {
            8..=14 => STATUS,
            ..=14 => PSEUDO,
            _ => CLEAN,
        };
        assert_eq!(Blocks::default().marks(&[0x80 | index]), expected);
    }
    // ":path" by Huffman's code, never to be indexed.
    assert_eq!(Blocks::default().marks(b"\x10\x84\xb9\x58\xd3\x3f\x01/"), PSEUDO);
    // A name of the static table, and one of the dynamic table.
    assert_eq!(Blocks::default().marks(b"\x04\x01/"), PSEUDO);
    let mut blocks = Blocks::default();
    assert_eq!(blocks.marks(&literal(true, b":path", b"/x")), PSEUDO);
    assert_eq!(blocks.marks(b"\x0f\x2f\x01/"), PSEUDO);
}

#[test]
fn a_fragment_is_seen_in_paths_alone_and_remembered() {
    assert_eq!(Blocks::default().marks(&literal(false, b":path", b"/x?y#z")), FRAGMENT);
    assert_eq!(Blocks::default().marks(&literal(false, b":authority", b"x#y")), PSEUDO);
    assert_eq!(Blocks::default().marks(&literal(false, b"x", b"#")), CLEAN);
    assert_eq!(Blocks::default().marks(b"\x04\x83\x63\xfe\xbf"), FRAGMENT, "/# by Huffman's code");
    let mut blocks = Blocks::default();
    assert_eq!(blocks.marks(&literal(true, b":path", b"/#")), FRAGMENT);
    assert_eq!(blocks.marks(b"\xbe"), FRAGMENT);
    assert_eq!(blocks.marks(b"\x0f\x2f\x01/"), PSEUDO, "the name alone");
}

#[test]
fn a_status_is_told_from_what_asks_and_interim_ones_from_the_last() {
    for (value, found) in [(&b"200"[..], STATUS), (b"103", INTERIM), (b"100", INTERIM), (b"", STATUS)] {
        assert_eq!(Blocks::default().marks(&literal(false, b":status", value)), found);
        let mut blocks = Blocks::default();
        assert_eq!(blocks.marks(&literal(true, b":status", value)), found);
        assert_eq!(blocks.marks(b"\xbe"), found, "remembered");
    }
    assert_eq!(Blocks::default().marks(b"\x08\x03103"), INTERIM, "a name of the static table");
    assert_eq!(Blocks::default().marks(b"\x88\x84"), PSEUDO, "both");
}

#[test]
fn the_table_forgets_what_has_no_room() {
    let mut blocks = Blocks::default();
    read(&mut blocks, &literal(true, b":path", b"/#"));
    let size = 5 + 2 + 32;
    // A field that fills the rest leaves it, one byte more drives it out.
    for length in [254; 14] {
        read(&mut blocks, &literal(true, b"x", &vec![b'.'; length]));
    }
    let left = TABLE - size - 14 * (1 + 254 + 32);
    assert_eq!(left, 39);
    read(&mut blocks, &literal(true, b"xy", b"zabcd"));
    assert_eq!((blocks.size, blocks.entries.len()), (TABLE, 16));
    assert_eq!(blocks.marks(&[0x80 | (61 + 16)]), FRAGMENT);
    read(&mut blocks, &literal(true, b"", b""));
    assert_eq!(blocks.marks(&[0x80 | (61 + 16)]), CLEAN, "the first of the long ones");
    assert_eq!(blocks.marks(&[0x80 | (61 + 17)]), None);
    // What is larger than the table empties it.
    assert_eq!(blocks.marks(b"\x3f\x11"), CLEAN);
    assert_eq!((blocks.most, blocks.entries.len()), (48, 1));
    read(&mut blocks, &literal(true, b"x", b"a long value of a field"));
    assert_eq!((blocks.size, blocks.entries.len()), (0, 0));
}

#[test]
fn fields_count_what_they_stand_for() {
    let mut blocks = Blocks::default();
    let value = [b'y'; 200];
    assert_eq!(count(&mut blocks, &literal(true, b"x", &value)), (1, 233));
    assert_eq!(count(&mut blocks, b"\xbe\xbe\xbe"), (3, 699), "of the table");
    assert_eq!(count(&mut blocks, &literal(false, b"x", &value)), (1, 233), "kept nowhere");
    assert_eq!(count(&mut blocks, b"\x0f\x2f\x03abc"), (1, 36), "the name of the table");
    assert_eq!(count(&mut blocks, b"\x3f\xe1\x1f"), (0, 0), "no field");
    assert_eq!(count(&mut blocks, b"\x84"), (1, 5 + 13 + 32), "of the static table, whose values are short");
    // "custom-value" by Huffman's code: to the byte where the table keeps it, else what nine bytes say at most.
    let coded = b"\x01x\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf";
    assert_eq!(count(&mut blocks, &[&b"\x40"[..], coded].concat()), (1, 1 + 12 + 32));
    assert_eq!(count(&mut blocks, &[&b"\x00"[..], coded].concat()), (1, 1 + 9 * 8 / 5 + 32));
}

#[test]
fn what_is_no_block_is_told() {
    let cases: [&[u8]; 12] = [
        b"\x80",                 // index 0
        b"\xff",                 // a number without end
        b"\xff\x80\x80\x80\x80", // a number that is too long
        b"\x40",                 // no name
        b"\x40\x05:pat",         // a name cut short
        b"\x40\x01x",            // no value
        b"\x41\x05abcd",         // a value cut short
        b"\x3f\xe2\x1f",         // a table of 4,097 bytes
        b"\x7e\x01x",            // a name that nobody has put there
        b"\x82\x20",             // a table that changes behind a field
        b"\x00\x81\x18\x01x",    // a name by Huffman's code, padded with zeros
        b"\x41\x82\x07\xff",     // a value that is kept, with a byte of padding
    ];
    for case in cases {
        assert_eq!(Blocks::default().marks(case), None, "{case:x?}");
    }
}

#[test]
fn any_bytes_are_read_to_an_end() {
    let mut state = 1_u64;
    let mut blocks = Blocks::default();
    let mut read = 0;
    for _ in 0..10_000 {
        let mut block = [0; 24];
        for byte in &mut block {
            state = (state * 1_664_525 + 1_013_904_223) % (1 << 32);
            *byte = state.to_le_bytes()[3];
        }
        read += u32::from(blocks.marks(&block[..usize::from(state.to_le_bytes()[2] % 24)]).is_some());
        assert_eq!(blocks.size, blocks.entries.iter().map(|entry| entry.size).sum::<usize>());
        assert!(blocks.size <= blocks.most);
    }
    assert!(read > 500, "{read} were header blocks");
}
