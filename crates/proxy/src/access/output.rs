//! What the access log is written to: a file that may be renamed away at any time, a pipe, or the standard output.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags};

/// A pipe that can take anything takes as much at once (POSIX.1-2017, write: `PIPE_BUF`, on Linux).
const PIECE: usize = 4096;
/// How long a full pipe is waited for before it is looked whether the log shall close.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
/// How long what is left may take when the log closes.
const LAST: Duration = Duration::from_secs(1);

/// What is written at once: whole lines, where one fits, so that what others write to a pipe stands between lines.
fn piece(bytes: &[u8]) -> &[u8] {
    let piece = &bytes[..bytes.len().min(PIECE)];
    memchr::memrchr(b'\n', piece).map_or(piece, |end| &piece[..=end])
}

/// An open output.
pub(super) struct Output {
    path: Option<String>,
    open: Opened,
    /// Whether the last line was written in part only.
    torn: bool,
    /// When the rest is given up, once the log closes.
    until: Option<Instant>,
}

struct Opened {
    file: OwnedFd,
    /// Device and inode.
    is: (u64, u64),
    regular: bool,
}

impl Output {
    /// A file, made when absent, or the standard output.
    pub(super) fn open(path: Option<&str>) -> io::Result<Self> {
        let file = match path {
            Some(path) => open(path)?,
            None => rustix::stdio::stdout().try_clone_to_owned()?,
        };
        Ok(Self { path: path.map(str::to_owned), open: Opened::new(file)?, torn: false, until: None })
    }

    /// Writes lines; how many bytes of them. When the log closes, only what is taken within a moment.
    pub(super) fn write(&mut self, lines: &[u8], closing: &AtomicBool) -> usize {
        self.follow();
        if self.torn && self.write_all(b"\n", closing) == 1 {
            self.torn = false;
        }
        let length = self.write_all(lines, closing);
        let written = &lines[..length];
        self.torn |= written.last().is_some_and(|&last| last != b'\n');
        length
    }

    /// Writes as much as it takes; how many bytes that were.
    fn write_all(&mut self, bytes: &[u8], closing: &AtomicBool) -> usize {
        let mut written = 0;
        while written < bytes.len() {
            if closing.load(Relaxed)
                && Instant::now() > *self.until.get_or_insert_with(|| Instant::now() + LAST)
            {
                break;
            }
            match self.open.write(&bytes[written..]) {
                Ok(length) => written += length,
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                Err(_) => break,
            }
        }
        written
    }

    /// Opens the file anew when its name means another one: the old one was renamed or removed.
    fn follow(&mut self) {
        let Some(path) = &self.path else { return };
        if rustix::fs::stat(path.as_str()).is_ok_and(|there| (there.st_dev, there.st_ino) == self.open.is) {
            return;
        }
        // Where that fails, the old one is still better than nothing.
        if let Ok(fresh) = open(path).and_then(Opened::new) {
            (self.open, self.torn) = (fresh, false);
        }
    }
}

fn open(path: &str) -> io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOCTTY;
    // A named pipe without a reader is an error then, and none to wait for.
    Ok(rustix::fs::open(path, flags | OFlags::NONBLOCK, Mode::from_raw_mode(0o640))?)
}

impl Opened {
    fn new(file: OwnedFd) -> io::Result<Self> {
        let status = rustix::fs::fstat(&file)?;
        let regular = FileType::from_raw_mode(status.st_mode) == FileType::RegularFile;
        Ok(Self { file, is: (status.st_dev, status.st_ino), regular })
    }

    /// Writes a piece; none where it takes none for a while.
    fn write(&self, bytes: &[u8]) -> rustix::io::Result<usize> {
        if self.regular {
            return rustix::io::write(&self.file, bytes);
        }
        // The standard output is shared with others, who may not expect it to refuse: so it is asked first.
        let mut file = [PollFd::from_borrowed_fd(self.file.as_fd(), PollFlags::OUT)];
        match poll(&mut file, Some(&LOOK))? {
            0 => Ok(0),
            _ => rustix::io::write(&self.file, piece(bytes)),
        }
    }
}
