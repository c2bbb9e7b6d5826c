//! The relay: what a proxy costs that does nothing but copy bytes. It is the floor every proxy is measured against.

#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use equalizer_bench_tools::poll;

/// One half of a pair.
struct Half {
    stream: TcpStream,
    /// The other half's descriptor.
    other: usize,
    /// Bytes from the other half that this socket had no room for.
    unsent: Vec<u8>,
    /// This half's peer has finished: read until the end shows.
    ended: bool,
}

/// What became of a half's turn.
enum Turn {
    Open,
    Over,
}

fn main() {
    if let Err(error) = run() {
        eprintln!("relay: {error}");
        std::process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut addresses = Vec::new();
    for text in std::env::args().skip(1) {
        let address: SocketAddr =
            text.parse().map_err(|_| format!("`{text}` is no address; write HOST:PORT with numbers"))?;
        addresses.push(address);
    }
    let [listen, servers @ ..] = addresses.as_slice() else {
        return Err("no address given; write: relay LISTEN SERVER [SERVER...]".into());
    };
    if servers.is_empty() {
        return Err("no server given; write: relay LISTEN SERVER [SERVER...]".into());
    }
    let listener = poll::listen(*listen).map_err(|error| format!("{listen}: {error}"))?;
    let mut poll = poll::Poll::new()?;
    poll.add(&listener)?;
    println!("ready");
    let mut relay = Relay { halves: Vec::new(), buffer: vec![0; 128 << 10] };
    let mut turns = servers.iter().cycle();
    let mut ready = Vec::new();
    loop {
        poll.wait(None, &mut ready)?;
        for event in &ready {
            if event.fd == poll::index(&listener) {
                relay.accept(&poll, &listener, &mut turns)?;
            } else {
                relay.turn(event.fd, event.ended);
            }
        }
    }
}

struct Relay {
    /// Indexed by descriptor.
    halves: Vec<Option<Half>>,
    buffer: Vec<u8>,
}

impl Relay {
    fn accept<'a>(
        &mut self,
        poll: &poll::Poll,
        listener: &TcpListener,
        servers: &mut impl Iterator<Item = &'a SocketAddr>,
    ) -> io::Result<()> {
        while let Some(client) = poll::accept(listener)? {
            let Some(server) = servers.next() else { return Ok(()) };
            let Ok(server) = poll::connect(*server) else { continue };
            poll.add(&client)?;
            poll.add(&server)?;
            let (near, far) = (poll::index(&client), poll::index(&server));
            self.put(near, Half { stream: client, other: far, unsent: Vec::new(), ended: false });
            self.put(far, Half { stream: server, other: near, unsent: Vec::new(), ended: false });
            self.turn(near, false);
        }
        Ok(())
    }

    fn put(&mut self, at: usize, half: Half) {
        if self.halves.len() <= at {
            self.halves.resize_with(at + 1, || None);
        }
        self.halves[at] = Some(half);
    }

    /// Moves what can be moved both ways between `fd` and its other half.
    fn turn(&mut self, fd: usize, ended: bool) {
        let Some(half) = self.halves.get_mut(fd).and_then(Option::as_mut) else { return };
        half.ended |= ended;
        // `fd` may have become writable, which lets the other half be read again.
        let (other, waiting) = (half.other, !half.unsent.is_empty());
        let mut over = matches!(self.copy(fd, other), Ok(Turn::Over) | Err(_));
        if waiting && !over {
            over = matches!(self.copy(other, fd), Ok(Turn::Over) | Err(_));
        }
        if over {
            self.halves[fd] = None;
            self.halves[other] = None;
        }
    }

    /// Copies from `from` to `to` until one of them has to wait.
    fn copy(&mut self, from: usize, to: usize) -> io::Result<Turn> {
        let (Some(mut source), Some(mut sink)) = (self.halves[from].take(), self.halves[to].take()) else {
            return Ok(Turn::Over);
        };
        let turn = pump(&mut source, &mut sink, &mut self.buffer);
        self.halves[from] = Some(source);
        self.halves[to] = Some(sink);
        turn
    }
}

fn pump(source: &mut Half, sink: &mut Half, buffer: &mut [u8]) -> io::Result<Turn> {
    if !flush(sink)? {
        return Ok(Turn::Open);
    }
    loop {
        let count = match source.stream.read(buffer) {
            Ok(0) => return Ok(Turn::Over),
            Ok(count) => count,
            Err(error) if poll::would_block(&error) => return Ok(Turn::Open),
            Err(error) => return Err(error),
        };
        let sent = match sink.stream.write(&buffer[..count]) {
            Ok(sent) => sent,
            Err(error) if poll::would_block(&error) => 0,
            Err(error) => return Err(error),
        };
        if sent < count {
            sink.unsent.extend_from_slice(&buffer[sent..count]);
            return Ok(Turn::Open);
        }
        if count < buffer.len() && !source.ended {
            return Ok(Turn::Open); // a short read has emptied the socket
        }
    }
}

/// True when nothing is left to send.
fn flush(half: &mut Half) -> io::Result<bool> {
    if half.unsent.is_empty() {
        return Ok(true);
    }
    match half.stream.write(&half.unsent) {
        Ok(count) => half.unsent.drain(..count),
        Err(error) if poll::would_block(&error) => return Ok(false),
        Err(error) => return Err(error),
    };
    Ok(half.unsent.is_empty())
}
