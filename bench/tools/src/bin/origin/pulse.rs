//! When each stream of events is due its next one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use equalizer_bench_tools::events;

/// Spreads the first events over their interval, whenever their streams began (Knuth's multiplicative hash).
const SPREAD: u64 = 0x9E37_79B1;

/// A stream, by its descriptor and the birth of its connection: a descriptor is used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stream {
    pub(crate) fd: usize,
    pub(crate) birth: u64,
}

#[derive(Default)]
pub(crate) struct Pulse {
    due: BinaryHeap<Reverse<(u64, Stream)>>,
    begun: u64,
}

impl Pulse {
    /// Begins a stream with an event every `interval` nanoseconds.
    pub(crate) fn begin(&mut self, stream: Stream, interval: u64) {
        self.begun += 1;
        let place = self.begun.wrapping_mul(SPREAD) & 0xFFFF_FFFF;
        self.due.push(Reverse((events::now() + (interval >> 16) * (place >> 16), stream)));
    }

    /// How long until an event is due; `None` without streams.
    pub(crate) fn pause(&self) -> Option<Duration> {
        let Reverse((due, _)) = self.due.peek()?;
        Some(Duration::from_nanos(due.saturating_sub(events::now())))
    }

    /// The next stream whose time has come, and since when.
    pub(crate) fn next(&mut self) -> Option<(u64, Stream)> {
        let Reverse((due, _)) = self.due.peek()?;
        if *due > events::now() {
            return None;
        }
        self.due.pop().map(|Reverse(entry)| entry)
    }

    /// Says when an event is due that follows the one taken.
    pub(crate) fn follow(&mut self, due: u64, stream: Stream) {
        self.due.push(Reverse((due, stream)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_that_begin_together_are_due_one_after_another() {
        let (mut pulse, interval) = (Pulse::default(), 3_600_000_000_000);
        for fd in 0..256 {
            pulse.begin(Stream { fd, birth: 1 }, interval);
        }
        let mut dues: Vec<u64> = pulse.due.iter().map(|Reverse((due, _))| *due).collect();
        dues.sort_unstable();
        let widest = dues.windows(2).map(|pair| pair[1] - pair[0]).max().expect("256 streams");
        assert!(widest < interval / 64, "{widest} of {interval}");
        assert!(pulse.next().is_none_or(|(due, _)| due <= events::now()));
    }

    #[test]
    fn what_is_due_comes_in_order_and_once() {
        let (mut pulse, now) = (Pulse::default(), events::now());
        let streams = [Stream { fd: 3, birth: 1 }, Stream { fd: 4, birth: 1 }];
        pulse.follow(now, streams[1]);
        pulse.follow(now - 1, streams[0]);
        pulse.follow(now + 3_600_000_000_000, streams[0]);
        assert!(pulse.next() == Some((now - 1, streams[0])) && pulse.next() == Some((now, streams[1])));
        assert!(pulse.next().is_none() && pulse.pause().is_some());
    }
}
