//! Times for people.

use meshbook::types::Millis;

/// A time since the epoch as `2026-01-31 23:59:59.123`, in UTC.
pub(super) fn utc(time: Millis) -> String {
    written(time, ' ')
}

/// A time since the epoch as `2026-01-31T23:59:59.123Z`, as in RFC 3339.
pub(crate) fn iso(time: Millis) -> String {
    written(time, 'T') + "Z"
}

fn written(time: Millis, between: char) -> String {
    let (days, rest) = (time.0 / 86_400_000, time.0 % 86_400_000);
    let (year, month, day) = date(days);
    let (hours, minutes) = (rest / 3_600_000, rest / 60_000 % 60);
    let (seconds, millis) = (rest / 1000 % 60, rest % 1000);
    format!(
        "{year:04}-{month:02}-{day:02}{between}{hours:02}:{minutes:02}:{seconds:02}.{millis:03}"
    )
}

/// The date so many days after 1970-01-01, by Howard Hinnant's `civil_from_days`: years start in
/// March, so that the leap day is the last one.
fn date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_utc() {
        for (millis, text) in [
            (0, "1970-01-01 00:00:00.000"),
            (951_782_400_000, "2000-02-29 00:00:00.000"),
            (1_735_689_599_999, "2024-12-31 23:59:59.999"),
            (4_107_542_400_000, "2100-03-01 00:00:00.000"),
        ] {
            assert_eq!(utc(Millis(millis)), text);
            assert_eq!(iso(Millis(millis)), text.replace(' ', "T") + "Z");
        }
        // A peer may claim any time at all.
        utc(Millis(u64::MAX));
    }
}
