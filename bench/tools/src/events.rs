//! Server-sent events as the origin writes them and the generator checks them: all of one length, numbered,
//! each with the time at which it was due.

use rustix::time::{ClockId, clock_gettime};

/// An event's bytes, with the empty line that ends it.
pub const LEN: usize = 100;
/// What makes an event as long as a shop's usual one.
const REST: &str = "{\"sku\":\"A-1009\",\"count\":2,\"price\":1250.01}";

/// Nanoseconds of the clock that both ends of the machine share.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    seconds.unwrap_or(0) * 1_000_000_000 + nanos.unwrap_or(0) // this clock is never negative
}

/// One event as a chunk of a response (RFC 9112 section 7.1).
pub fn chunk(number: u64, due: u64) -> String {
    format!("{LEN:x}\r\n{}\r\n", event(number, due))
}

fn event(number: u64, due: u64) -> String {
    format!("id: {number:010}\nevent: basket\ndata: {due:020} {REST}\n\n")
}

/// The number and the due time of an event; `None` when it is not one of the origin's, whole and unchanged.
pub fn read(bytes: &[u8]) -> Option<(u64, u64)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (number, rest) = text.strip_prefix("id: ")?.split_once("\nevent: basket\ndata: ")?;
    let (due, rest) = rest.split_once(' ')?;
    (rest.strip_suffix("\n\n")? == REST).then_some((number.parse().ok()?, due.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_its_length_and_reads_back() {
        let text = event(7, now());
        assert_eq!(text.len(), LEN);
        assert_eq!(event(9_999_999_999, u64::MAX).len(), LEN);
        assert_eq!(read(event(7, 123_456).as_bytes()), Some((7, 123_456)));
    }

    #[test]
    fn a_changed_event_is_none() {
        assert_eq!(read(event(7, 1).replace("A-1009", "A-1008").as_bytes()), None);
        assert_eq!(read(&event(7, 1).as_bytes()[..LEN - 1]), None);
    }
}
