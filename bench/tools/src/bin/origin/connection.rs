//! One of the origin's connections: what it was asked for, and what it still owes.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::rc::Rc;

use equalizer_bench_tools::{events, head, page, poll};

/// A stream whose reader is so far behind is over.
const TOO_FAR_BEHIND: usize = 256 << 10;

/// One server's responses.
pub(crate) struct Pages {
    name: String,
    small: Vec<u8>,
    large: Vec<u8>,
    switch: Vec<u8>,
    events: Vec<u8>,
    misdirected: Vec<u8>,
}

impl Pages {
    pub(crate) fn new(name: String, large: &[u8]) -> Self {
        Self {
            small: page::response(&name, "application/json", page::SMALL),
            large: page::response(&name, "application/octet-stream", large),
            switch: page::switch(&name),
            events: page::events(&name),
            misdirected: page::misdirected(&name),
            name,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    Small,
    Large,
    Switch,
    /// Events, with so many nanoseconds between two of them.
    Events(u64),
    Misdirected,
}

/// What the bytes on a connection are.
#[derive(Clone, Copy)]
enum Talk {
    Exchanges,
    /// A WebSocket's, sent back as they came.
    Echo,
    /// Events: the number of the next, and the nanoseconds between two.
    Events {
        number: u64,
        interval: u64,
    },
}

pub(crate) struct Connection {
    stream: TcpStream,
    pages: Rc<Pages>,
    /// Tells it from those that had its descriptor before.
    pub(crate) birth: u64,
    /// The interval of a stream of events that has been asked for and has not begun.
    pub(crate) wanted: Option<u64>,
    talk: Talk,
    /// Responses that wait for room in the socket, and how much of the first has gone.
    owed: VecDeque<Page>,
    sent: usize,
    /// Bytes of a WebSocket or of events that wait for room.
    unsent: Vec<u8>,
    /// The start of a head whose end has not arrived.
    unread: Vec<u8>,
    close: bool,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, pages: Rc<Pages>, birth: u64) -> Self {
        Self {
            stream,
            pages,
            birth,
            wanted: None,
            talk: Talk::Exchanges,
            owed: VecDeque::new(),
            sent: 0,
            unsent: Vec::new(),
            unread: Vec::new(),
            close: false,
        }
    }

    /// Reads what has come and answers it; false when the connection is over.
    pub(crate) fn serve(&mut self, ended: bool, buffer: &mut [u8]) -> io::Result<bool> {
        self.flush()?;
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => return Ok(false),
                Ok(count) => count,
                Err(error) if poll::would_block(&error) => break,
                Err(error) => return Err(error),
            };
            if matches!(self.talk, Talk::Echo) {
                self.send(&buffer[..count])?;
            } else if self.unread.is_empty() {
                let rest = self.answer(&buffer[..count])?;
                self.unread.extend_from_slice(&buffer[count - rest..count]);
            } else {
                let mut bytes = std::mem::take(&mut self.unread);
                bytes.extend_from_slice(&buffer[..count]);
                let rest = self.answer(&bytes)?;
                bytes.drain(..bytes.len() - rest);
                self.unread = bytes;
            }
            if count < buffer.len() && !ended {
                break; // a short read has emptied the socket; more brings a new event
            }
        }
        Ok(!(self.close && self.owed.is_empty()))
    }

    /// Answers every whole head in `bytes`; returns how many bytes are left over.
    fn answer(&mut self, mut bytes: &[u8]) -> io::Result<usize> {
        while let Some(end) = head::end(bytes) {
            let head = &bytes[..end];
            let page = asked(head, &self.pages.name);
            self.close |= memchr::memmem::find(head, b"onnection: close\r\n").is_some();
            self.owed.push_back(page);
            bytes = &bytes[end..];
            match page {
                Page::Switch => self.talk = Talk::Echo,
                Page::Events(interval) => {
                    (self.talk, self.wanted) = (Talk::Events { number: 0, interval }, Some(interval));
                }
                _ => continue,
            }
            self.flush()?;
            if matches!(page, Page::Switch) {
                self.send(bytes)?;
            }
            return Ok(0);
        }
        self.flush()?;
        Ok(bytes.len())
    }

    /// Writes the event that is due and says when the next will be; `None` when the reader is too far behind.
    pub(crate) fn tell(&mut self, due: u64) -> io::Result<Option<u64>> {
        let Talk::Events { number, interval } = &mut self.talk else { return Ok(None) };
        let (chunk, next) = (events::chunk(*number, due), due + *interval);
        *number += 1;
        self.send(chunk.as_bytes())?;
        Ok((self.unsent.len() < TOO_FAR_BEHIND).then_some(next))
    }

    /// Sends bytes that are no response; what finds no room waits.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut sent = 0;
        if self.owed.is_empty() && self.unsent.is_empty() {
            sent = match self.stream.write(bytes) {
                Ok(count) => count,
                Err(error) if poll::would_block(&error) => 0,
                Err(error) => return Err(error),
            };
        }
        self.unsent.extend_from_slice(&bytes[sent..]);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        while let Some(page) = self.owed.front() {
            let bytes = match page {
                Page::Small => &self.pages.small,
                Page::Large => &self.pages.large,
                Page::Switch => &self.pages.switch,
                Page::Events(_) => &self.pages.events,
                Page::Misdirected => &self.pages.misdirected,
            };
            match self.stream.write(&bytes[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if poll::would_block(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
            if self.sent == bytes.len() {
                self.owed.pop_front();
                self.sent = 0;
            }
        }
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if poll::would_block(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// What a head asks for. The path says so: `/1m`, `/ws`, `/events/MICROSECONDS`, `/only/SERVER`, any other.
fn asked(head: &[u8], name: &str) -> Page {
    let Some(path) = head.strip_prefix(b"GET /").filter(|rest| !rest.starts_with(b" ")) else {
        return Page::Small;
    };
    let path = &path[..memchr::memchr(b' ', path).unwrap_or(0)];
    match path {
        b"1m" => Page::Large,
        b"ws" => Page::Switch,
        _ => {
            let interval = path.strip_prefix(b"events/").and_then(|text| std::str::from_utf8(text).ok());
            match interval.and_then(|text| text.parse::<u32>().ok()) {
                Some(micros) if micros > 0 => Page::Events(u64::from(micros) * 1000),
                _ if path.strip_prefix(b"only/").is_some_and(|only| only != name.as_bytes()) => {
                    Page::Misdirected
                }
                _ => Page::Small,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_says_what_is_asked_for() {
        let page = |path: &str| asked(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes(), "web2");
        assert_eq!((page("/"), page("/any"), page("/1m")), (Page::Small, Page::Small, Page::Large));
        assert_eq!((page("/ws"), page("/events/32000")), (Page::Switch, Page::Events(32_000_000)));
        assert_eq!(page("/events/0"), Page::Small);
        assert_eq!((page("/only/web2"), page("/only/web1")), (Page::Small, Page::Misdirected));
    }
}
