//! Moments as logs write them, in UTC.

use crate::http::h1::encode::decimal;

const DAY: u64 = 86_400_000;
const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// A moment of the calendar.
pub(super) struct Date {
    year: u64,
    /// 1 to 12, as the day from 1.
    month: u64,
    day: u64,
    /// Of the day.
    milliseconds: u64,
}

impl Date {
    /// The moment so many milliseconds after the beginning of 1970.
    pub(super) fn of(milliseconds: u64) -> Self {
        // Years begin in March here, so that the leap day is the last; 400 of them have always as many days.
        let days = milliseconds / DAY + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let from_march = (5 * of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        Self {
            year: year + era * 400 + u64::from(month <= 2),
            month,
            day: of_year - (153 * from_march + 2) / 5 + 1,
            milliseconds: milliseconds % DAY,
        }
    }

    /// `2026-01-31T12:00:00.000Z` (RFC 3339).
    pub(super) fn rfc3339(&self, out: &mut Vec<u8>) {
        decimal(self.year, out);
        out.push(b'-');
        two(self.month, out);
        out.push(b'-');
        two(self.day, out);
        out.push(b'T');
        self.time(out);
        out.push(b'.');
        let rest = self.milliseconds % 1000;
        digit(rest / 100, out);
        two(rest % 100, out);
        out.push(b'Z');
    }

    /// `31/Jan/2026:12:00:00 +0000`.
    pub(super) fn common(&self, out: &mut Vec<u8>) {
        two(self.day, out);
        out.push(b'/');
        out.extend_from_slice(MONTHS[((self.month - 1) % 12) as usize]);
        out.push(b'/');
        decimal(self.year, out);
        out.push(b':');
        self.time(out);
        out.extend_from_slice(b" +0000");
    }

    fn time(&self, out: &mut Vec<u8>) {
        let seconds = self.milliseconds / 1000;
        two(seconds / 3600, out);
        out.push(b':');
        two(seconds / 60 % 60, out);
        out.push(b':');
        two(seconds % 60, out);
    }
}

fn two(value: u64, out: &mut Vec<u8>) {
    digit(value / 10, out);
    digit(value, out);
}

fn digit(value: u64, out: &mut Vec<u8>) {
    out.push(b"0123456789"[(value % 10) as usize]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(milliseconds: u64) -> String {
        let mut out = Vec::new();
        Date::of(milliseconds).rfc3339(&mut out);
        out.push(b' ');
        Date::of(milliseconds).common(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (milliseconds, text) in [
            (0, "1970-01-01T00:00:00.000Z 01/Jan/1970:00:00:00 +0000"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z 29/Feb/2000:00:00:00 +0000"),
            (1_735_689_599_999, "2024-12-31T23:59:59.999Z 31/Dec/2024:23:59:59 +0000"),
            (1_772_323_200_001, "2026-03-01T00:00:00.001Z 01/Mar/2026:00:00:00 +0000"),
            (4_107_542_400_050, "2100-03-01T00:00:00.050Z 01/Mar/2100:00:00:00 +0000"),
        ] {
            assert_eq!(written(milliseconds), text);
        }
    }
}
