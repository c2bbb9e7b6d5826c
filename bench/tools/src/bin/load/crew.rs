//! Who sends next, and when: every connection once, all of them without pause, or at a fixed rate.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use equalizer_bench_tools::events;
use equalizer_bench_tools::poll::{Poll, Ready};
use serde_json::Value;

use crate::slot::{Job, Next, Slot};
use crate::tally::Tally;

/// Connections that prepare at the same time.
const PREPARING: usize = 64;
/// After the last start, how long answers may take.
const GRACE: Duration = Duration::from_secs(2);
/// A run with more failures than this has nothing to tell.
const TOO_MANY: u64 = 1000;

#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// Each connection makes one exchange.
    Once,
    /// Each connection starts the next exchange when one is complete.
    Saturate,
    /// This many exchanges are started a second, whatever becomes of them.
    Rate(f64),
}

pub(crate) struct Crew {
    job: Job,
    poll: Poll,
    slots: Vec<Slot>,
    /// Which slot a descriptor belongs to.
    owner: Vec<usize>,
    /// Slots that could start an exchange, the last used first.
    free: VecDeque<usize>,
    tally: Tally,
    clock: Instant,
    buffer: Vec<u8>,
    started: u64,
    busy: usize,
}

impl Crew {
    pub(crate) fn new(job: Job, connections: usize) -> io::Result<Self> {
        Ok(Self {
            job,
            poll: Poll::new()?,
            slots: (0..connections).map(Slot::new).collect(),
            owner: Vec::new(),
            free: VecDeque::new(),
            tally: Tally::default(),
            clock: Instant::now(),
            buffer: vec![0; 256 << 10],
            started: 0,
            busy: 0,
        })
    }

    pub(crate) fn give(&mut self, line: &[u8]) {
        for slot in &mut self.slots {
            slot.give(&self.job, line);
        }
    }

    /// Whether the first exchanges went well enough to measure the next.
    pub(crate) fn prepared(&self) -> Result<(), String> {
        if self.tally.failures() > 0 || self.tally.requests() != self.slots.len() as u64 {
            return Err(format!("the first exchanges failed: {}", self.tally.report(1.0, 0)));
        }
        match &self.job.cookie {
            Some(name) if !self.slots.iter().all(Slot::learned) => {
                Err(format!("no Set-Cookie for `{}` came back", String::from_utf8_lossy(name)))
            }
            _ => Ok(()),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Runs at `pace` for `span` or `requests`, then waits for the answers still out.
    pub(crate) fn work(&mut self, pace: Pace, span: Duration, requests: u64) -> io::Result<Value> {
        self.tally.restart();
        self.free = (0..self.slots.len()).collect();
        (self.clock, self.started) = (Instant::now(), 0);
        let requests = if matches!(pace, Pace::Once) { self.slots.len() as u64 } else { requests };
        let stop = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let mut ready: Vec<Ready> = Vec::new();
        loop {
            let now = self.now();
            let open = now < stop && self.started < requests && self.tally.failures() < TOO_MANY;
            let pause = if open { self.start(pace, now, stop, requests) } else { GRACE };
            if !open && (self.busy == 0 || now > stop.saturating_add(nanos(GRACE))) {
                break;
            }
            self.poll.wait(Some(pause), &mut ready)?;
            for event in &ready {
                self.turn(*event);
            }
        }
        let seconds = self.clock.elapsed().as_secs_f64();
        self.abandon();
        Ok(self.tally.report(seconds, due(pace, stop).min(requests).saturating_sub(self.started)))
    }

    /// Listens to streams of `rate` events a second in all.
    pub(crate) fn hear(&mut self, rate: f64, span: Duration) -> io::Result<Value> {
        self.tally.restart();
        (self.clock, self.tally.since) = (Instant::now(), Some(events::now()));
        let stop = nanos(span);
        let mut ready: Vec<Ready> = Vec::new();
        loop {
            let now = self.now();
            if now >= stop || self.tally.failures() >= TOO_MANY {
                break;
            }
            self.poll.wait(Some(Duration::from_nanos(stop - now)), &mut ready)?;
            for event in &ready {
                self.turn(*event);
            }
        }
        let seconds = self.clock.elapsed().as_secs_f64();
        let missing = due(Pace::Rate(rate), stop).saturating_sub(self.tally.requests());
        Ok(self.tally.report(seconds, missing))
    }

    /// Starts what is due; returns how long there is nothing more to start.
    fn start(&mut self, pace: Pace, now: u64, stop: u64, requests: u64) -> Duration {
        let limit = if matches!(pace, Pace::Once) { PREPARING } else { self.slots.len() };
        while self.started < requests && self.busy < limit {
            let intended = match pace {
                Pace::Once | Pace::Saturate => now,
                Pace::Rate(rate) => at(self.started, rate),
            };
            if intended > now {
                return Duration::from_nanos(intended - now);
            }
            // The last freed comes first, except that preparing must visit each.
            let slot = if matches!(pace, Pace::Once) { self.free.pop_front() } else { self.free.pop_back() };
            let Some(slot) = slot else { break };
            self.begin(slot, intended);
            if self.tally.failures() >= TOO_MANY {
                break;
            }
        }
        Duration::from_nanos(stop.saturating_sub(now).max(1))
    }

    fn begin(&mut self, number: usize, intended: u64) {
        self.started += 1;
        self.busy += 1;
        let slot = &mut self.slots[number];
        let outcome = slot.begin(&self.job, &self.poll, intended);
        if let Some(fd) = slot.index() {
            if self.owner.len() <= fd {
                self.owner.resize(fd + 1, usize::MAX);
            }
            self.owner[fd] = number;
        }
        if let Err(error) = outcome {
            self.fail(number, &error);
        }
    }

    fn turn(&mut self, event: Ready) {
        let Some(&number) = self.owner.get(event.fd) else { return };
        let now = self.now();
        let Some(slot) = self.slots.get_mut(number).filter(|slot| slot.index() == Some(event.fd)) else {
            return;
        };
        let was_busy = slot.busy();
        slot.ended |= event.ended;
        match slot.turn(&self.job, &mut self.tally, &mut self.buffer, now) {
            Ok(next) => {
                self.busy -= usize::from(was_busy && !slot.busy());
                if next == Next::Free {
                    self.free.push_back(number);
                }
            }
            Err(error) => self.fail(number, &error),
        }
    }

    fn fail(&mut self, number: usize, error: &io::Error) {
        let slot = &mut self.slots[number];
        let was_busy = slot.busy();
        self.busy -= usize::from(was_busy);
        slot.drop_wire();
        self.tally.failed(error);
        // A kept-alive connection that fails between exchanges is in the list already.
        if was_busy || self.job.close {
            self.free.push_back(number);
        }
    }

    /// Counts what was never answered, and closes every connection that would not be used again.
    fn abandon(&mut self) {
        for slot in &mut self.slots {
            if slot.busy() {
                self.tally.failed(&"not answered in time");
            }
            if slot.busy() || self.job.close {
                slot.drop_wire();
            }
        }
        self.busy = 0;
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// When exchange `number` of a fixed rate should start.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn at(number: u64, rate: f64) -> u64 {
    (number as f64 * 1e9 / rate) as u64
}

/// How many exchanges should have started by then.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn due(pace: Pace, stop: u64) -> u64 {
    match pace {
        Pace::Rate(rate) => (stop as f64 * rate / 1e9) as u64,
        Pace::Once | Pace::Saturate => 0,
    }
}
