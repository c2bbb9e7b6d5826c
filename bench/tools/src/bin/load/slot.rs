//! One of the generator's connections: what it sends, and how it checks what it gets.
//!
//! A connection for events sends one request and then only listens; one for messages becomes a WebSocket
//! with its first exchange, and each exchange after that is a frame and its echo.

use std::io::{self, Read, Write};

use equalizer_bench_tools::{head, page, poll, websocket};

use crate::hearing::Hearing;
use crate::tally::Tally;
use crate::wire::{Dialer, Wire};

/// What the exchanges of a run are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Requests,
    Messages,
    Events,
}

/// What every connection of a run has in common.
pub(crate) struct Job {
    pub(crate) kind: Kind,
    pub(crate) dialer: Dialer,
    /// The head a browser would send, without its Cookie line and the empty line.
    pub(crate) head: Vec<u8>,
    pub(crate) cookie: Option<Vec<u8>>,
    pub(crate) close: bool,
    /// The body every response must have, when it is known.
    pub(crate) body: Option<Vec<u8>>,
}

/// What a connection carries now.
#[derive(Default)]
enum Talk {
    #[default]
    Exchanges,
    /// Messages: `request` is the frame it sends, and what must come back.
    Messages,
    Events(Hearing),
}

#[derive(Default)]
pub(crate) struct Slot {
    wire: Option<Wire>,
    request: Vec<u8>,
    sent: usize,
    unread: Vec<u8>,
    /// How much of the body has come and how much there is; `None` before the head is complete.
    body: Option<(usize, usize)>,
    busy: bool,
    talk: Talk,
    intended: u64,
    /// The server that the first response named.
    home: Option<usize>,
    learned: bool,
    /// The other end has finished: read until that shows.
    pub(crate) ended: bool,
    number: usize,
}

/// What a slot wants next.
#[derive(PartialEq, Eq)]
pub(crate) enum Next {
    Wait,
    /// The exchange is complete and the connection can take another.
    Free,
}

pub(crate) fn browser_head(path: &str, host: &str, kind: Kind, close: bool) -> Vec<u8> {
    let connection = match kind {
        Kind::Messages => {
            format!(
                "Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}",
                websocket::KEY
            )
        }
        _ if close => "close".to_owned(),
        _ => "keep-alive".to_owned(),
    };
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\n\
         User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36\r\n\
         Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
         Accept-Language: en-US,en;q=0.9,de;q=0.8\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
         Referer: http://{host}/shop/category/garden?page=2\r\nUpgrade-Insecure-Requests: 1\r\n\
         Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nConnection: {connection}\r\n"
    )
    .into_bytes()
}

impl Slot {
    pub(crate) fn new(number: usize) -> Self {
        Self { number, ..Self::default() }
    }

    pub(crate) fn index(&self) -> Option<usize> {
        self.wire.as_ref().map(Wire::index)
    }

    pub(crate) fn busy(&self) -> bool {
        self.busy
    }

    pub(crate) fn learned(&self) -> bool {
        self.learned
    }

    fn compose(&mut self, job: &Job, line: Option<&[u8]>) {
        self.request.clear();
        self.request.extend_from_slice(&job.head);
        if let Some(line) = line {
            self.request.extend_from_slice(b"Cookie: ");
            self.request.extend_from_slice(line);
            self.request.extend_from_slice(b"\r\n");
        }
        self.request.extend_from_slice(b"\r\n");
    }

    /// Sets the line that a proxy without a cookie of its own is sent.
    pub(crate) fn give(&mut self, job: &Job, line: &[u8]) {
        self.compose(job, Some(line));
    }

    /// Starts one exchange that should have begun at `intended`.
    pub(crate) fn begin(&mut self, job: &Job, poll: &poll::Poll, intended: u64) -> io::Result<()> {
        if self.request.is_empty() {
            self.compose(job, None);
        }
        (self.sent, self.body, self.intended, self.busy) = (0, None, intended, true);
        self.unread.clear();
        if self.wire.is_none() {
            self.wire = Some(job.dialer.dial(poll, self.number)?);
            self.ended = false;
        }
        self.send()
    }

    fn send(&mut self) -> io::Result<()> {
        let Some(wire) = &mut self.wire else { return Ok(()) };
        while self.sent < self.request.len() {
            match wire.write(&self.request[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if poll::would_block(&error) || error.kind() == io::ErrorKind::NotConnected => {
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Goes as far as the socket allows. An error means that the exchange has failed.
    pub(crate) fn turn(
        &mut self,
        job: &Job,
        tally: &mut Tally,
        buffer: &mut [u8],
        now: u64,
    ) -> io::Result<Next> {
        self.send()?;
        let mut next = Next::Wait;
        while let Some(wire) = &mut self.wire {
            let count = match wire.read(buffer) {
                Ok(count) => count,
                Err(error) if poll::would_block(&error) || error.kind() == io::ErrorKind::NotConnected => {
                    break;
                }
                Err(error) if self.busy => return Err(error),
                Err(_) => 0,
            };
            if count == 0 {
                self.wire = None;
                if self.busy || !matches!(self.talk, Talk::Exchanges) {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                return Ok(if job.close { Next::Free } else { next });
            }
            if let Talk::Events(hearing) = &mut self.talk {
                hearing.take(tally, &buffer[..count])?;
                if count < buffer.len() && !self.ended {
                    break; // a short read has emptied the socket
                }
                continue;
            }
            if !self.busy {
                return Err(io::Error::other("bytes after the end of a response"));
            }
            if self.feed(job, tally, &buffer[..count])? {
                self.busy = false;
                tally.done(now.saturating_sub(self.intended), wire_resumed(self.wire.as_ref(), job.close));
                if !job.close {
                    next = Next::Free;
                    if !self.ended {
                        break;
                    }
                }
            }
        }
        Ok(next)
    }

    /// Takes bytes of the response; true when it is complete.
    fn feed(&mut self, job: &Job, tally: &mut Tally, bytes: &[u8]) -> io::Result<bool> {
        if matches!(self.talk, Talk::Messages) {
            return self.take_echo(bytes);
        }
        if self.body.is_some() {
            return self.take_body(job, bytes);
        }
        if self.unread.is_empty() && head::end(bytes).is_some() {
            return self.take_head(job, tally, bytes);
        }
        self.unread.extend_from_slice(bytes);
        if head::end(&self.unread).is_none() {
            return if self.unread.len() > 65_536 {
                Err(io::Error::other("endless head"))
            } else {
                Ok(false)
            };
        }
        let whole = std::mem::take(&mut self.unread);
        self.take_head(job, tally, &whole)
    }

    fn take_head(&mut self, job: &Job, tally: &mut Tally, bytes: &[u8]) -> io::Result<bool> {
        let head = head::parse(bytes).ok_or_else(|| io::Error::other("not an HTTP/1.1 response"))?;
        let server = tally.answered(head.status, head.server);
        let rest = &bytes[head.len..];
        match job.kind {
            Kind::Requests => {}
            Kind::Messages => return self.open_socket(head.status, rest),
            Kind::Events => {
                if head.status != 200 || !head.chunked {
                    return Err(io::Error::other("not a chunked stream of events"));
                }
                let mut hearing = Hearing::default();
                hearing.take(tally, rest)?;
                self.talk = Talk::Events(hearing);
                return Ok(true);
            }
        }
        let length = head.body.ok_or_else(|| io::Error::other("no Content-Length"))?;
        let ours = head.cookie.filter(|pair| job.cookie.as_ref().is_some_and(|name| names(pair, name)));
        tally.stamps += u64::from(head.cookie.is_some());
        if self.learned && self.home != Some(server) {
            tally.strays += 1;
        }
        if let Some(pair) = ours.filter(|_| !self.learned) {
            (self.home, self.learned) = (Some(server), true);
            self.compose(job, Some(pair));
            self.sent = self.request.len(); // the new request belongs to the next exchange
        }
        self.body = Some((0, usize::try_from(length).unwrap_or(usize::MAX)));
        self.take_body(job, rest)
    }

    fn open_socket(&mut self, status: u16, rest: &[u8]) -> io::Result<bool> {
        if status != 101 || !rest.is_empty() {
            return Err(io::Error::other("no WebSocket was opened"));
        }
        self.talk = Talk::Messages;
        self.request = websocket::frame(self.number);
        self.sent = self.request.len(); // the frame belongs to the next exchange
        Ok(true)
    }

    fn take_echo(&mut self, bytes: &[u8]) -> io::Result<bool> {
        let (come, length) = self.body.get_or_insert((0, self.request.len()));
        if self.request.get(*come..*come + bytes.len()) != Some(bytes) {
            return Err(io::Error::other("the echo differs from the message"));
        }
        *come += bytes.len();
        Ok(*come == *length)
    }

    fn take_body(&mut self, job: &Job, bytes: &[u8]) -> io::Result<bool> {
        let Some((come, length)) = &mut self.body else { return Ok(false) };
        if bytes.len() > *length - *come {
            return Err(io::Error::other("more than Content-Length said"));
        }
        if let Some(body) = &job.body
            && body.get(*come..*come + bytes.len()) != Some(bytes)
        {
            return Err(io::Error::other("the body differs from the origin's"));
        }
        *come += bytes.len();
        let complete = *come == *length;
        if complete && job.body.as_ref().is_some_and(|body| body.len() != *length) {
            return Err(io::Error::other("the body is shorter than the origin's"));
        }
        Ok(complete)
    }

    /// Gives up the connection after a failure.
    pub(crate) fn drop_wire(&mut self) {
        self.wire = None;
        self.busy = false;
    }
}

fn wire_resumed(wire: Option<&Wire>, close: bool) -> Option<bool> {
    wire.filter(|_| close).and_then(Wire::resumed)
}

fn names(pair: &[u8], name: &[u8]) -> bool {
    pair.strip_prefix(name).is_some_and(|rest| rest.starts_with(b"="))
}

/// The body a path is known to have.
pub(crate) fn expected(path: &str) -> Vec<u8> {
    if path == "/1m" { page::large() } else { page::SMALL.to_vec() }
}
