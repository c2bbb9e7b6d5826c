//! Moments as logs write them, in UTC.

use crate::http::h1::encode::PAIRS;

const DAY: u64 = 86_400_000;
const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// The moments of lines that are written one after the other: most are in the second of the one before.
pub(super) struct Dates {
    /// Since 1970.
    second: u64,
    rfc3339: [u8; 24],
    common: [u8; 26],
}

impl Default for Dates {
    fn default() -> Self {
        let date = Date::of(0);
        Self { second: 0, rfc3339: date.rfc3339(), common: date.common() }
    }
}

impl Dates {
    fn turn_to(&mut self, milliseconds: u64) {
        let second = milliseconds / 1000;
        if self.second != second {
            let date = Date::of(second * 1000);
            *self = Self { second, rfc3339: date.rfc3339(), common: date.common() };
        }
    }

    /// `2026-01-31T12:00:00.000Z` (RFC 3339).
    pub(super) fn rfc3339(&mut self, milliseconds: u64) -> &[u8; 24] {
        self.turn_to(milliseconds);
        let rest = milliseconds % 1000;
        two(&mut self.rfc3339[20..22], rest / 10);
        self.rfc3339[22] = two_digits(rest % 10)[1];
        &self.rfc3339
    }

    /// `31/Jan/2026:12:00:00 +0000`.
    pub(super) fn common(&mut self, milliseconds: u64) -> &[u8; 26] {
        self.turn_to(milliseconds);
        &self.common
    }
}

/// A moment of the calendar.
struct Date {
    year: u64,
    /// 1 to 12, as the day from 1.
    month: u64,
    day: u64,
    /// Of the day.
    milliseconds: u64,
}

impl Date {
    /// The moment so many milliseconds after the beginning of 1970.
    fn of(milliseconds: u64) -> Self {
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

    fn rfc3339(&self) -> [u8; 24] {
        let mut text = *b"0000-00-00T00:00:00.000Z";
        self.year(&mut text[..4]);
        two(&mut text[5..7], self.month);
        two(&mut text[8..10], self.day);
        self.time(&mut text[11..19]);
        text
    }

    fn common(&self) -> [u8; 26] {
        let mut text = *b"00/Jan/0000:00:00:00 +0000";
        two(&mut text[..2], self.day);
        text[3..6].copy_from_slice(MONTHS[((self.month - 1) % 12) as usize]);
        self.year(&mut text[7..11]);
        self.time(&mut text[12..20]);
        text
    }

    fn year(&self, text: &mut [u8]) {
        two(&mut text[..2], self.year / 100);
        two(&mut text[2..], self.year);
    }

    fn time(&self, text: &mut [u8]) {
        let seconds = self.milliseconds / 1000;
        two(&mut text[..2], seconds / 3600);
        two(&mut text[3..5], seconds / 60 % 60);
        two(&mut text[6..], seconds % 60);
    }
}

fn two(text: &mut [u8], value: u64) {
    text.copy_from_slice(&two_digits(value));
}

/// The last two digits.
fn two_digits(value: u64) -> [u8; 2] {
    PAIRS[(value % 100) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(dates: &mut Dates, milliseconds: u64) -> String {
        let rfc3339 = *dates.rfc3339(milliseconds);
        String::from_utf8([&rfc3339[..], b" ", dates.common(milliseconds)].concat()).expect("ASCII")
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let mut dates = Dates::default();
        for (milliseconds, text) in [
            (0, "1970-01-01T00:00:00.000Z 01/Jan/1970:00:00:00 +0000"),
            (7, "1970-01-01T00:00:00.007Z 01/Jan/1970:00:00:00 +0000"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z 29/Feb/2000:00:00:00 +0000"),
            (1_735_689_599_999, "2024-12-31T23:59:59.999Z 31/Dec/2024:23:59:59 +0000"),
            (1_772_323_200_001, "2026-03-01T00:00:00.001Z 01/Mar/2026:00:00:00 +0000"),
            (4_107_542_400_050, "2100-03-01T00:00:00.050Z 01/Mar/2100:00:00:00 +0000"),
        ] {
            assert_eq!(written(&mut dates, milliseconds), text);
        }
    }
}
