//! A connection that has changed to a protocol of its own: bytes go both ways until one side is silent for too long.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use crate::buffer::{Buffer, Buffers};
use crate::clock::Deadline;
use crate::socket::Socket;

/// Moves bytes between two sockets until both have ended, one breaks, or nothing moved for `wait` milliseconds; what
/// was read of either side before lies in `first` and `second`.
pub(crate) async fn run(
    (client, first): (&Socket, &[u8]),
    (server, second): (&Socket, &[u8]),
    buffers: &Buffers,
    deadline: &Deadline,
    wait: u32,
) -> io::Result<()> {
    deadline.set(wait);
    let mut there = Way::new(client, server, first);
    let mut back = Way::new(server, client, second);
    poll_fn(|context| {
        let before = there.moved + back.moved;
        let done = (there.poll(context, buffers)?, back.poll(context, buffers)?);
        if there.moved + back.moved != before {
            deadline.set(wait);
        }
        match done {
            (Poll::Ready(()), Poll::Ready(())) => Poll::Ready(Ok(())),
            _ => deadline.poll_late(context).map(|_| Err(io::ErrorKind::TimedOut.into())),
        }
    })
    .await
}

/// One direction; it holds a buffer only while it has something to write.
struct Way<'a> {
    from: &'a Socket,
    to: &'a Socket,
    /// What was read before this began.
    first: &'a [u8],
    waiting: Option<Buffer>,
    /// Bytes were written that may not have left.
    unsent: bool,
    ended: bool,
    moved: u64,
}

impl<'a> Way<'a> {
    fn new(from: &'a Socket, to: &'a Socket, first: &'a [u8]) -> Self {
        Self { from, to, first, waiting: None, unsent: false, ended: false, moved: 0 }
    }

    fn poll(&mut self, context: &mut Context<'_>, buffers: &Buffers) -> Poll<io::Result<()>> {
        loop {
            while !self.first.is_empty() {
                let written = ready!(self.to.poll_write(context, &[IoSlice::new(self.first)]))?;
                self.first = &self.first[written..];
                self.wrote(written)?;
            }
            while let Some(mut buffer) = self.waiting.take() {
                let written = match self.to.poll_write(context, &[IoSlice::new(buffer.filled())]) {
                    Poll::Ready(written) => written?,
                    Poll::Pending => {
                        self.waiting = Some(buffer);
                        return Poll::Pending;
                    }
                };
                buffer.consume(written);
                self.wrote(written)?;
                if buffer.is_empty() {
                    buffers.give(buffer);
                } else {
                    self.waiting = Some(buffer);
                }
            }
            if self.unsent {
                ready!(self.to.poll_flush(context))?;
                self.unsent = false;
            }
            if self.ended {
                return self.to.poll_finish(context);
            }
            let mut buffer = Buffer::default();
            match ready!(buffers.poll_fill(&mut buffer, context, self.from))? {
                0 => self.ended = true,
                _ => self.waiting = Some(buffer),
            }
        }
    }

    fn wrote(&mut self, bytes: usize) -> io::Result<()> {
        if bytes == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.moved += bytes as u64;
        self.unsent = true;
        Ok(())
    }
}
