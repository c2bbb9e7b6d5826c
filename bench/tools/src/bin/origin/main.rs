//! The origin: several servers in one thread, each answering every request with a response built beforehand.
//!
//! It must cost less than any proxy in front of it, so it parses nothing but the end of the head, the
//! target and `Connection: close`.

#![forbid(unsafe_code)]

mod connection;
mod pulse;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroU64;
use std::rc::Rc;

use connection::{Connection, Pages};
use equalizer_bench_tools::page;
use equalizer_bench_tools::poll::{self, Poll, Ready};
use pulse::{Pulse, Stream};

enum Slot {
    Empty,
    Listener(TcpListener, Rc<Pages>),
    Connection(Connection),
}

struct Origin {
    poll: Poll,
    /// Indexed by descriptor.
    slots: Vec<Slot>,
    pulse: Pulse,
    births: u64,
    buffer: Vec<u8>,
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
    // The default slack of 50 µs would bunch the events.
    rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?;
    let (poll, buffer) = (Poll::new()?, vec![0; 64 << 10]);
    let mut origin = Origin { poll, slots: Vec::new(), pulse: Pulse::default(), births: 0, buffer };
    let large = page::large();
    for (number, text) in addresses.iter().enumerate() {
        let address: SocketAddr =
            text.parse().map_err(|_| format!("`{text}` is no address; write HOST:PORT with numbers"))?;
        let pages = Rc::new(Pages::new(format!("web{}", number + 1), &large));
        let listener = poll::listen(address).map_err(|error| format!("{address}: {error}"))?;
        origin.poll.add(&listener)?;
        origin.put(poll::index(&listener), Slot::Listener(listener, pages));
    }
    println!("ready");
    let mut ready = Vec::new();
    loop {
        origin.poll.wait(origin.pulse.pause(), &mut ready)?;
        for &event in &ready {
            origin.turn(event)?;
        }
        origin.beat();
    }
}

impl Origin {
    fn put(&mut self, at: usize, slot: Slot) {
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, || Slot::Empty);
        }
        self.slots[at] = slot;
    }

    fn turn(&mut self, event: Ready) -> io::Result<()> {
        match &mut self.slots[event.fd] {
            Slot::Empty => {}
            Slot::Connection(connection) => {
                if !connection.serve(event.ended, &mut self.buffer).unwrap_or(false) {
                    self.slots[event.fd] = Slot::Empty;
                } else if let Some(interval) = connection.wanted.take() {
                    self.pulse.begin(Stream { fd: event.fd, birth: connection.birth }, interval);
                }
            }
            Slot::Listener(listener, pages) => {
                let pages = Rc::clone(pages);
                let mut accepted = Vec::new();
                while let Some(stream) = poll::accept(listener)? {
                    accepted.push(stream);
                }
                for stream in accepted {
                    self.poll.add(&stream)?;
                    self.births += 1;
                    let at = poll::index(&stream);
                    let connection = Connection::new(stream, Rc::clone(&pages), self.births);
                    self.put(at, Slot::Connection(connection));
                    self.turn(Ready { fd: at, ended: false })?;
                }
            }
        }
        Ok(())
    }

    /// Writes every event that is due.
    fn beat(&mut self) {
        while let Some((due, stream)) = self.pulse.next() {
            let Some(Slot::Connection(connection)) = self.slots.get_mut(stream.fd) else { continue };
            if connection.birth != stream.birth {
                continue;
            }
            match connection.tell(due) {
                Ok(Some(following)) => self.pulse.follow(following, stream),
                Ok(None) | Err(_) => self.slots[stream.fd] = Slot::Empty,
            }
        }
    }
}
