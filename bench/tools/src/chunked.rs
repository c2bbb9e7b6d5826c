//! Takes a chunked body apart (RFC 9112 section 7.1), however a proxy has cut its chunks and its writes.

/// Longer than any size line that a proxy without extensions writes.
const LONGEST_LINE: usize = 64;

#[derive(Default)]
enum Place {
    /// In a size line, or in the line end before it.
    #[default]
    Size,
    /// In a chunk, of which so much is to come.
    Data(usize),
    /// In the line end after a chunk's data.
    After,
}

/// A chunked body on its way.
#[derive(Default)]
pub struct Chunked {
    place: Place,
    line: Vec<u8>,
}

impl Chunked {
    /// Appends the data in `bytes` to `data`; true when the last chunk has begun.
    pub fn feed(&mut self, mut bytes: &[u8], data: &mut Vec<u8>) -> Result<bool, &'static str> {
        while !bytes.is_empty() {
            if let Place::Data(left) = self.place {
                let count = left.min(bytes.len());
                data.extend_from_slice(&bytes[..count]);
                bytes = &bytes[count..];
                self.place = if count == left { Place::After } else { Place::Data(left - count) };
                continue;
            }
            let Some(end) = memchr::memchr(b'\n', bytes) else {
                self.line.extend_from_slice(bytes);
                return if self.line.len() > LONGEST_LINE { Err("endless chunk size") } else { Ok(false) };
            };
            self.line.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end + 1..];
            let line = std::mem::take(&mut self.line);
            let line = line.strip_suffix(b"\r").ok_or("a chunk's line without CR")?;
            self.place = match self.place {
                Place::After if line.is_empty() => Place::Size,
                Place::After => return Err("a chunk longer than its size"),
                Place::Size | Place::Data(_) => match size(line).ok_or("not a chunk size")? {
                    0 => return Ok(true),
                    size => Place::Data(size),
                },
            };
        }
        Ok(false)
    }
}

fn size(line: &[u8]) -> Option<usize> {
    usize::from_str_radix(std::str::from_utf8(line).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"5\r\nhello\r\n00A\r\n, chunked \r\n5\r\nworld\r\n";

    #[test]
    fn data_is_the_same_however_it_is_cut() {
        for size in 1..=BODY.len() {
            let (mut chunked, mut data) = (Chunked::default(), Vec::new());
            for piece in BODY.chunks(size) {
                assert_eq!(chunked.feed(piece, &mut data), Ok(false));
            }
            assert_eq!(data, b"hello, chunked world", "in pieces of {size}");
            assert_eq!(chunked.feed(b"0\r\n\r\n", &mut data), Ok(true));
        }
    }

    #[test]
    fn what_is_no_chunk_is_an_error() {
        for bytes in [&b"xyz\r\n"[..], b"5\nhello", b"2\r\nhello\r\n", &[b'1'; LONGEST_LINE + 1]] {
            assert!(Chunked::default().feed(bytes, &mut Vec::new()).is_err(), "{}", bytes.escape_ascii());
        }
    }
}
