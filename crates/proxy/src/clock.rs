//! A worker's coarse time, and the deadlines that hang on it.
//!
//! A timer a request would cost more than the request. Here a deadline is one number in a table, set with a plain
//! store; a tick ten times a second reads the clock, walks the table and wakes who is late.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{io, os::fd::OwnedFd};

use equalizer_core::http::h1::encode::{DATE_LINE, date_line};
use pin_project_lite::pin_project;
use rustix::time::{ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use tokio::io::unix::AsyncFd;

/// Milliseconds between two looks at the clock: how late a deadline may be noticed.
pub(crate) const TICK_MS: u32 = 100;

/// Unix time in seconds.
pub(crate) fn unix_now() -> u64 {
    since_1970().as_secs()
}

/// Nanoseconds on the clock that all workers share, and that nobody sets.
pub(crate) fn shared_now() -> u64 {
    let now = rustix::time::clock_gettime(ClockId::Monotonic);
    let part = |part| u64::try_from(part).unwrap_or_default();
    part(now.tv_sec) * 1_000_000_000 + part(now.tv_nsec)
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(NEVER)
}

/// A moment in a worker's life, exact.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment(u64);

impl Moment {
    /// Microseconds since the worker began.
    pub(crate) fn micros(self) -> u64 {
        self.0 / 1000
    }

    /// Microseconds from an earlier moment to this one.
    pub(crate) fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0) / 1000
    }

    /// A number below `most`, which is as good as chance: from the last digits of the clock.
    pub(crate) fn chance(self, most: u32) -> u32 {
        // The very last ones stand still where the clock is coarse.
        u32::try_from((self.0 >> 4) % u64::from(most)).unwrap_or(0)
    }
}

const NEVER: u64 = u64::MAX;
/// Places that the table of deadlines grows by.
const MORE: usize = 1024;

/// The time of one worker.
pub(crate) struct Clock {
    /// Nanoseconds on the shared clock.
    started: u64,
    now: Cell<u64>,
    unix: Cell<u64>,
    date: Cell<[u8; DATE_LINE]>,
    /// Nanoseconds from the beginning of 1970 to that of the worker, as of the last tick: people set clocks.
    offset: Cell<u64>,
    slots: RefCell<Vec<Slot>>,
    free: RefCell<Vec<u32>>,
}

struct Slot {
    due: u64,
    waker: Option<Waker>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let clock = Self {
            started: shared_now(),
            now: Cell::new(0),
            unix: Cell::new(0),
            date: Cell::new(date_line(0)),
            offset: Cell::new(0),
            slots: RefCell::default(),
            free: RefCell::default(),
        };
        clock.tick();
        clock
    }

    /// Milliseconds since the worker began, as of the last tick.
    pub(crate) fn now(&self) -> u64 {
        self.now.get()
    }

    /// Unix time in seconds, as of the last tick.
    pub(crate) fn unix(&self) -> u64 {
        self.unix.get()
    }

    /// The field that tells it, as a line.
    pub(crate) fn date_line(&self) -> [u8; DATE_LINE] {
        self.date.get()
    }

    /// Reads the clock.
    pub(crate) fn moment(&self) -> Moment {
        Moment(shared_now().saturating_sub(self.started))
    }

    /// Milliseconds since 1970 at a moment.
    pub(crate) fn unix_ms(&self, moment: Moment) -> u64 {
        (self.offset.get() + moment.0) / 1_000_000
    }

    /// Reads the clock and wakes every task whose deadline has passed.
    pub(crate) fn tick(&self) {
        let (here, everywhere) = (self.moment(), since_1970());
        self.now.set(here.0 / 1_000_000);
        self.offset.set(nanoseconds(everywhere).saturating_sub(here.0));
        let unix = everywhere.as_secs();
        if self.unix.replace(unix) != unix {
            self.date.set(date_line(unix));
        }
        self.wake(|slot| slot.due <= self.now.get());
    }

    /// Wakes every task that waits for anything.
    pub(crate) fn wake_all(&self) {
        self.wake(|_| true);
    }

    fn wake(&self, which: impl Fn(&Slot) -> bool) {
        for slot in self.slots.borrow_mut().iter_mut().filter(|slot| which(slot)) {
            if let Some(waker) = slot.waker.take() {
                waker.wake();
            }
        }
    }
}

/// A task's place in the table of deadlines.
pub(crate) struct Deadline {
    clock: Rc<Clock>,
    slot: u32,
}

/// The time was up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Late;

impl Deadline {
    pub(crate) fn new(clock: &Rc<Clock>) -> Self {
        let mut slots = clock.slots.borrow_mut();
        let slot = clock.free.borrow_mut().pop().unwrap_or_else(|| {
            if slots.len() == slots.capacity() {
                // Doubling would charge every connection for one that may never come.
                slots.reserve_exact(MORE);
            }
            slots.push(Slot { due: NEVER, waker: None });
            u32::try_from(slots.len() - 1).unwrap_or(u32::MAX)
        });
        drop(slots);
        Self { clock: Rc::clone(clock), slot }
    }

    /// Unix time in seconds, as of the last tick.
    pub(crate) fn unix(&self) -> u64 {
        self.clock.unix()
    }

    /// Milliseconds since the worker began, as of the last tick.
    pub(crate) fn now(&self) -> u64 {
        self.clock.now()
    }

    /// Starts the time anew: late in `ms` milliseconds.
    pub(crate) fn set(&self, ms: u32) {
        // A tick may come right now: the time asked for is given in full.
        let due = self.clock.now() + u64::from(ms) + u64::from(TICK_MS);
        self.with_slot(|slot| slot.due = due);
    }

    /// Whether the time is up; if not, the task is woken when it is.
    pub(crate) fn poll_late(&self, context: &Context<'_>) -> Poll<Late> {
        let now = self.clock.now();
        self.with_slot(|slot| {
            if slot.due <= now {
                return Poll::Ready(Late);
            }
            if !slot.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
                slot.waker = Some(context.waker().clone());
            }
            Poll::Pending
        })
    }

    /// Waits for `task`, but at most `ms` milliseconds.
    pub(crate) fn within<F: Future>(&self, ms: u32, task: F) -> Before<'_, F> {
        self.set(ms);
        self.before(task)
    }

    /// Waits for `task`, but not past the time set last.
    pub(crate) fn before<F: Future>(&self, task: F) -> Before<'_, F> {
        Before { deadline: self, task }
    }

    fn with_slot<T>(&self, change: impl FnOnce(&mut Slot) -> T) -> T {
        change(&mut self.clock.slots.borrow_mut()[self.slot as usize])
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.with_slot(|slot| *slot = Slot { due: NEVER, waker: None });
        self.clock.free.borrow_mut().push(self.slot);
    }
}

pin_project! {
    /// A task that has until the deadline. A type of its own, since an `async fn` would hold the task twice, and
    /// what a waiting connection holds is what an idle one costs.
    pub(crate) struct Before<'a, F> {
        deadline: &'a Deadline,
        #[pin]
        task: F,
    }
}

impl<F: Future> Future for Before<'_, F> {
    type Output = Result<F::Output, Late>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.task.poll(context) {
            Poll::Ready(value) => Poll::Ready(Ok(value)),
            Poll::Pending => this.deadline.poll_late(context).map(Err),
        }
    }
}

/// Fires with every tick; the runtime's own timers would cost a look at the clock every turn of its loop.
pub(crate) struct Ticker(AsyncFd<OwnedFd>);

impl Ticker {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let period = Timespec { tv_sec: 0, tv_nsec: i64::from(TICK_MS) * 1_000_000 };
        let every = Itimerspec { it_interval: period, it_value: period };
        rustix::time::timerfd_settime(&timer, TimerfdTimerFlags::empty(), &every)?;
        // SAFETY: an OwnedFd is open for as long as it lives, always has the same number, and nothing here closes it
        // or puts another description in its place before the AsyncFd that owns it is dropped.
        #[expect(unsafe_code)]
        let timer = unsafe { AsyncFd::register(timer) };
        Ok(Self(timer?))
    }

    /// Waits for the next tick.
    pub(crate) async fn next(&self) -> io::Result<()> {
        let mut ready = self.0.readable().await?;
        // Another turn may have read it before: then there is nothing to read, and waiting goes on next time.
        let _ = ready.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut [0; 8])?));
        Ok(())
    }
}
