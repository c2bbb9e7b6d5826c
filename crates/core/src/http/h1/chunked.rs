//! Where a chunked body's data lies and where it ends (RFC 9112, 7.1).
//!
//! The decoder keeps no data: it is shown the bytes as they come and says which of them are content.
//! Extensions are read, held to a limit and dropped; of the trailers, those are kept that may travel on.

use super::super::refusal::Refusal;
use super::super::trailers::may_trail;

/// Bytes of size lines and trailers a body may spend before data comes again.
const MOST_OVERHEAD: u32 = 16 * 1024;

/// Digits a chunk's size may have: enough for every size, too few to hide it behind zeros.
const MOST_DIGITS: u8 = 16;

/// Bytes the extensions of one chunk may have.
const MOST_EXTENSION: u16 = 512;

/// What the bytes shown next are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// So many bytes of content come next.
    Data(usize),
    /// The body is complete.
    End,
    /// Everything shown was read; show more.
    More,
}

/// Reads one chunked body.
#[derive(Debug, Clone)]
pub struct Chunked {
    state: State,
    left: u64,
    digits: u8,
    extension: u16,
    overhead: u32,
    /// Whole lines, and the one that is being read from `line` on.
    trailers: Vec<u8>,
    line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    SizeStart,
    Size,
    Extension,
    Quoted,
    QuotedPair,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
}

impl Default for Chunked {
    fn default() -> Self {
        let state = State::SizeStart;
        Self { state, left: 0, digits: 0, extension: 0, overhead: 0, trailers: Vec::new(), line: 0 }
    }
}

impl Chunked {
    /// Reads the framing before the next content; returns how many bytes to skip and what follows them.
    pub fn next(&mut self, bytes: &[u8]) -> Result<(usize, Piece), Refusal> {
        let mut at = 0;
        loop {
            match self.state {
                State::Done => return Ok((at, Piece::End)),
                State::Data if self.left > 0 => {
                    let here = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len() - at);
                    if here == 0 {
                        return Ok((at, Piece::More));
                    }
                    self.left -= here as u64;
                    return Ok((at, Piece::Data(here)));
                }
                State::Data => self.state = State::DataCr,
                _ => {
                    let Some(&byte) = bytes.get(at) else { return Ok((at, Piece::More)) };
                    self.step(byte)?;
                    at += 1;
                }
            }
        }
    }

    fn step(&mut self, byte: u8) -> Result<(), Refusal> {
        self.overhead += 1;
        if self.overhead > MOST_OVERHEAD {
            return Err(Refusal::Chunk);
        }
        self.state = match (self.state, byte) {
            (State::SizeStart | State::Size, _) if byte.is_ascii_hexdigit() => self.digit(byte)?,
            (State::Size | State::Extension, b'\r') => State::SizeLf,
            (State::Size, b';') => State::Extension,
            // Quotes are followed, so that no reader can take what they hold for the line's end, or its end for theirs.
            (State::Extension, b'"') => self.extended(State::Quoted)?,
            (State::Extension, _) if token(byte) || b";= \t".contains(&byte) => {
                self.extended(State::Extension)?
            }
            (State::Quoted, b'"') => self.extended(State::Extension)?,
            (State::Quoted, b'\\') => self.extended(State::QuotedPair)?,
            (State::Quoted | State::QuotedPair, _) if text(byte) => self.extended(State::Quoted)?,
            (State::SizeLf, b'\n') if self.left == 0 => State::TrailerStart,
            (State::SizeLf, b'\n') => {
                self.overhead = 0;
                State::Data
            }
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => {
                (self.digits, self.extension) = (0, 0);
                State::SizeStart
            }
            (State::TrailerStart, b'\r') => State::EndLf,
            (State::TrailerStart | State::TrailerName, _) if token(byte) => {
                self.trailed(byte, State::TrailerName)
            }
            (State::TrailerName, b':') => self.trailed(byte, State::TrailerValue),
            (State::TrailerValue, b'\r') => self.trailed(byte, State::TrailerLf),
            (State::TrailerValue, _) if text(byte) => self.trailed(byte, State::TrailerValue),
            (State::TrailerLf, b'\n') => {
                self.trailed(byte, State::TrailerStart);
                self.end_trailer();
                State::TrailerStart
            }
            (State::EndLf, b'\n') => State::Done,
            _ => return Err(Refusal::Chunk),
        };
        Ok(())
    }

    /// The trailers that travel on, each a line with its CRLF; complete when the body is.
    pub fn into_trailers(self) -> Vec<u8> {
        self.trailers
    }

    fn trailed(&mut self, byte: u8, state: State) -> State {
        self.trailers.push(byte);
        state
    }

    fn end_trailer(&mut self) {
        let line = &self.trailers[self.line..];
        let name = &line[..memchr::memchr(b':', line).unwrap_or_default()];
        if !may_trail(name) {
            self.trailers.truncate(self.line);
        }
        self.line = self.trailers.len();
    }

    fn extended(&mut self, state: State) -> Result<State, Refusal> {
        self.extension += 1;
        if self.extension > MOST_EXTENSION { Err(Refusal::Chunk) } else { Ok(state) }
    }

    fn digit(&mut self, byte: u8) -> Result<State, Refusal> {
        self.digits += 1;
        if self.digits > MOST_DIGITS {
            return Err(Refusal::Chunk);
        }
        let digit = char::from(byte).to_digit(16).ok_or(Refusal::Chunk)?;
        let size = self.left.checked_mul(16).ok_or(Refusal::Chunk)? + u64::from(digit);
        // A size beyond 2^63 is nobody's body, and other readers may take it for a negative number.
        self.left = if size >> 63 == 0 { size } else { return Err(Refusal::Chunk) };
        Ok(State::Size)
    }
}

fn text(byte: u8) -> bool {
    byte == b'\t' || (byte >= 0x20 && byte != 0x7f)
}

fn token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body's content, and what was left over.
    type Decoded = (Vec<u8>, Vec<u8>);

    /// Decodes a whole body shown in pieces of `step` bytes.
    fn decode(bytes: &[u8], step: usize) -> Result<Option<Decoded>, Refusal> {
        let (mut chunked, mut content, mut at) = (Chunked::default(), Vec::new(), 0);
        while at < bytes.len() {
            let shown = &bytes[at..bytes.len().min(at + step)];
            let (skip, piece) = chunked.next(shown)?;
            at += skip;
            match piece {
                Piece::Data(length) => {
                    content.extend_from_slice(&bytes[at..at + length]);
                    at += length;
                }
                Piece::End => return Ok(Some((content, bytes[at..].to_vec()))),
                Piece::More => {}
            }
        }
        Ok(None)
    }

    #[test]
    fn content_is_the_same_however_the_bytes_arrive() {
        let body = b"5;name=\"x\"\r\nhello\r\n1\r\n \r\n00a\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\nGET /next";
        for step in 1..body.len() {
            let (content, rest) = decode(body, step).expect("valid").expect("complete");
            assert_eq!(content, b"hello 0123456789");
            assert!(b"GET /next".starts_with(&rest[..]) && !rest.is_empty());
        }
    }

    #[test]
    fn what_could_mean_two_things_is_refused() {
        let bad: [&[u8]; 20] = [
            b"\r\n\r\n",
            b"5\nhello\r\n0\r\n\r\n",
            b"5\r\nhello0\r\n\r\n",
            b"5\r\nhello\n0\r\n\r\n",
            b"5 \r\nhello\r\n0\r\n\r\n",
            b" 5\r\nhello\r\n0\r\n\r\n",
            b"0x5\r\nhello\r\n0\r\n\r\n",
            b"+5\r\nhello\r\n0\r\n\r\n",
            b"-1\r\n",
            b"8000000000000000\r\n",
            b"10000000000000005\r\nhello\r\n0\r\n\r\n",
            b"5;a\nb\r\nhello\r\n0\r\n\r\n",
            b"00000000000000005\r\nhello\r\n0\r\n\r\n",
            b"5;a=\"b\r\nhello\r\n0\r\n\r\n",
            b"5;a=\"b\\\"\r\nhello\r\n0\r\n\r\n",
            b"5;a=\"b\\\r\n\"\r\nhello\r\n0\r\n\r\n",
            b"5;a=(b)\r\nhello\r\n0\r\n\r\n",
            b"5;a=\xff\r\nhello\r\n0\r\n\r\n",
            b"0\r\nX Y: 1\r\n\r\n",
            b"0\r\nX: \0\r\n\r\n",
        ];
        for body in bad {
            assert_eq!(decode(body, 64), Err(Refusal::Chunk), "{:?}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn trailers_travel_on_if_nobody_has_acted_on_them() {
        let body = b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nHost: evil\r\nX-Two:\r\nContent-Length: 5\r\n\r\n";
        let mut chunked = Chunked::default();
        let (mut at, mut piece) = (0, Piece::More);
        while piece != Piece::End {
            let (skip, next) = chunked.next(&body[at..]).expect("valid");
            at += skip + if let Piece::Data(length) = next { length } else { 0 };
            piece = next;
        }
        assert_eq!(chunked.into_trailers(), b"X-Sum: 1\r\nX-Two:\r\n");
    }

    #[test]
    fn overhead_without_data_has_a_limit() {
        for (start, most) in [("1;", usize::from(MOST_EXTENSION)), ("0\r\nX: ", MOST_OVERHEAD as usize)] {
            let mut body = start.as_bytes().to_vec();
            body.resize(most + 6, b'x');
            assert_eq!(decode(&body, 4096), Err(Refusal::Chunk), "{start}");
        }
    }
}
