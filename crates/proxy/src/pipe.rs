//! Moves bytes from one plain connection to another inside the kernel, through a pipe: they are never copied to us.

use std::io;
use std::os::fd::OwnedFd;

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use tokio::net::TcpStream;

/// What a pipe is asked to hold. The kernel may grant less to whoever has many.
const ROOM: usize = 256 * 1024;

/// A pipe, lent to one body at a time.
pub(crate) struct Pipe {
    out: OwnedFd,
    into: OwnedFd,
    /// Bytes in it.
    holds: usize,
}

impl Pipe {
    /// A new pipe; none where the process has no descriptors left.
    pub(crate) fn new() -> Option<Self> {
        let (out, into) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC).ok()?;
        // A smaller one does as well.
        let _ = fcntl_setpipe_size(&into, ROOM);
        Some(Self { out, into, holds: 0 })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.holds == 0
    }

    /// Takes at most `most` bytes of what has come to a socket; 0 is its end. The pipe is empty, so that only the
    /// socket can be what is waited for.
    pub(crate) fn fill(&mut self, from: &TcpStream, most: u64) -> io::Result<usize> {
        let most = usize::try_from(most).unwrap_or(ROOM).min(ROOM);
        self.holds = splice(from, None, &self.into, None, most, SpliceFlags::NONBLOCK | SpliceFlags::MOVE)?;
        Ok(self.holds)
    }

    /// Gives a socket what it takes of the pipe's bytes.
    pub(crate) fn drain(&mut self, to: &TcpStream) -> io::Result<()> {
        let moved = splice(&self.out, None, to, None, self.holds, SpliceFlags::NONBLOCK | SpliceFlags::MOVE)?;
        if moved == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.holds -= moved;
        Ok(())
    }
}
