//! The origin: several servers in one thread, each answering every request with a response built beforehand.
//!
//! It must cost less than any proxy in front of it, so it parses nothing but the end of the head, the
//! target's first bytes and `Connection: close`.

#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;

use equalizer_bench_tools::poll::{self, Ready};
use equalizer_bench_tools::{head, page};

/// One server's two responses.
struct Pages {
    small: Vec<u8>,
    large: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Page {
    Small,
    Large,
}

struct Connection {
    stream: TcpStream,
    pages: Rc<Pages>,
    /// Responses that wait for room in the socket, and how much of the first has gone.
    owed: VecDeque<Page>,
    sent: usize,
    /// The start of a head whose end has not arrived.
    unread: Vec<u8>,
    close: bool,
}

enum Slot {
    Empty,
    Listener(TcpListener, Rc<Pages>),
    Connection(Connection),
}

fn main() {
    if let Err(error) = run() {
        eprintln!("origin: {error}");
        std::process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let addresses: Vec<String> = std::env::args().skip(1).collect();
    if addresses.is_empty() {
        return Err("no address given; write for example: origin 127.0.0.1:9001 127.0.0.1:9002".into());
    }
    let mut poll = poll::Poll::new()?;
    let mut slots = Vec::new();
    let large = page::large();
    for (number, text) in addresses.iter().enumerate() {
        let address: SocketAddr =
            text.parse().map_err(|_| format!("`{text}` is no address; write HOST:PORT with numbers"))?;
        let name = format!("web{}", number + 1);
        let pages = Pages {
            small: page::response(&name, "application/json", page::SMALL),
            large: page::response(&name, "application/octet-stream", &large),
        };
        let listener = poll::listen(address).map_err(|error| format!("{address}: {error}"))?;
        poll.add(&listener)?;
        put(&mut slots, poll::index(&listener), Slot::Listener(listener, Rc::new(pages)));
    }
    println!("ready");
    let mut buffer = vec![0; 64 << 10];
    let mut ready = Vec::new();
    loop {
        poll.wait(None, &mut ready)?;
        for &event in &ready {
            turn(&poll, &mut slots, event, &mut buffer)?;
        }
    }
}

fn put(slots: &mut Vec<Slot>, at: usize, slot: Slot) {
    if slots.len() <= at {
        slots.resize_with(at + 1, || Slot::Empty);
    }
    slots[at] = slot;
}

fn turn(poll: &poll::Poll, slots: &mut Vec<Slot>, event: Ready, buffer: &mut [u8]) -> io::Result<()> {
    match &mut slots[event.fd] {
        Slot::Empty => {}
        Slot::Connection(connection) => {
            if !connection.serve(event.ended, buffer).unwrap_or(false) {
                slots[event.fd] = Slot::Empty;
            }
        }
        Slot::Listener(listener, pages) => {
            let pages = Rc::clone(pages);
            let mut accepted = Vec::new();
            while let Some(stream) = poll::accept(listener)? {
                accepted.push(stream);
            }
            for stream in accepted {
                poll.add(&stream)?;
                let (at, pages) = (poll::index(&stream), Rc::clone(&pages));
                let connection = Connection {
                    stream,
                    pages,
                    owed: VecDeque::new(),
                    sent: 0,
                    unread: Vec::new(),
                    close: false,
                };
                put(slots, at, Slot::Connection(connection));
                turn(poll, slots, Ready { fd: at, ended: false }, buffer)?;
            }
        }
    }
    Ok(())
}

impl Connection {
    /// Reads what has come and answers it; false when the connection is over.
    fn serve(&mut self, ended: bool, buffer: &mut [u8]) -> io::Result<bool> {
        self.flush()?;
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => return Ok(false),
                Ok(count) => count,
                Err(error) if poll::would_block(&error) => break,
                Err(error) => return Err(error),
            };
            if self.unread.is_empty() {
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
            let page = if head.starts_with(b"GET /1m ") { Page::Large } else { Page::Small };
            self.close |= memchr::memmem::find(head, b"onnection: close\r\n").is_some();
            self.owed.push_back(page);
            bytes = &bytes[end..];
        }
        self.flush()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        while let Some(page) = self.owed.front() {
            let bytes = match page {
                Page::Small => &self.pages.small,
                Page::Large => &self.pages.large,
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
        Ok(())
    }
}
