//! A stream of events as it comes in: every one whole, unchanged and in its turn.

use std::io;

use equalizer_bench_tools::chunked::Chunked;
use equalizer_bench_tools::events;

use crate::tally::Tally;

#[derive(Default)]
pub(crate) struct Hearing {
    chunks: Chunked,
    text: Vec<u8>,
    next: u64,
}

impl Hearing {
    /// Takes bytes of the stream and counts the events that are complete.
    pub(crate) fn take(&mut self, tally: &mut Tally, bytes: &[u8]) -> io::Result<()> {
        let over = self.chunks.feed(bytes, &mut self.text).map_err(io::Error::other)?;
        let now = events::now();
        let whole = self.text.len() / events::LEN * events::LEN;
        for event in self.text[..whole].chunks_exact(events::LEN) {
            let (number, due) =
                events::read(event).ok_or_else(|| io::Error::other("the event differs from the origin's"))?;
            if number != self.next {
                return Err(io::Error::other("an event is missing or has come twice"));
            }
            self.next += 1;
            tally.heard(due, now);
        }
        self.text.drain(..whole);
        if over { Err(io::Error::other("the stream of events has ended")) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_events_due_in_the_measured_time_count() {
        let (mut hearing, mut tally) = (Hearing::default(), Tally::default());
        let mut hear = |tally: &mut Tally, number| {
            hearing.take(tally, events::chunk(number, events::now()).as_bytes()).expect("the origin's own");
        };
        hear(&mut tally, 0);
        assert_eq!(tally.requests(), 0);
        tally.since = Some(events::now());
        hear(&mut tally, 1);
        assert_eq!(tally.requests(), 1);
        tally.since = Some(u64::MAX);
        hear(&mut tally, 2);
        assert_eq!(tally.requests(), 1);
    }

    #[test]
    fn a_lost_a_changed_and_a_last_event_are_errors() {
        let mut tally = Tally::default();
        let mut fails = |text: &str| Hearing::default().take(&mut tally, text.as_bytes()).is_err();
        assert!(!fails(&events::chunk(0, 5)));
        assert!(fails(&events::chunk(1, 5)));
        assert!(fails(&events::chunk(0, 5).replace("sku", "skv")));
        assert!(fails(&format!("{}0\r\n\r\n", events::chunk(0, 5))));
    }
}
