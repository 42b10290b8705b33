//! Points in time as people give them to a command.

use std::time::{SystemTime, UNIX_EPOCH};

use meshbook::types::{InvalidValue, Millis};

const ALLOWED: &str = "a date like 2026-01-31 (UTC), a date and time like 2026-01-31T12:00:00Z or \
                       2026-01-31T12:00:00+01:00, a time back from now like 90s, 30m, 2h, 7d or \
                       4w, or milliseconds since 1970";

/// Milliseconds since 1970 beyond which nothing is dated: the largest number that is exact in
/// every JSON reader.
const END: u64 = 1 << 53;

/// Reads a point in time; `option` is what it was given for.
///
/// # Errors
/// Where the text is no time, or one that can't be.
pub(crate) fn when(option: &str, text: &str, now: Millis) -> Result<Millis, InvalidValue> {
    let time = millis(text)
        .or_else(|| Some(now - back(text)?))
        .or_else(|| rfc3339(text));
    time.ok_or_else(|| InvalidValue::new(option, text, ALLOWED))
}

/// Reads a length of time; `option` is what it was given for.
///
/// # Errors
/// Where the text is none.
pub(crate) fn length(option: &str, text: &str) -> Result<Millis, InvalidValue> {
    let allowed = "a length of time like 90s, 30m, 2h, 7d or 4w";
    back(text).ok_or_else(|| InvalidValue::new(option, text, allowed))
}

/// What the clock of this machine says.
pub(crate) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.map_or(0, |time| time.as_millis());
    Millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

fn digits(text: &str) -> Option<u64> {
    let only = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    only.then(|| text.parse().ok()).flatten()
}

fn millis(text: &str) -> Option<Millis> {
    digits(text).filter(|millis| *millis <= END).map(Millis)
}

/// A number and a unit.
fn back(text: &str) -> Option<Millis> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 7 * 86_400_000,
        _ => return None,
    };
    let back = digits(number)?.checked_mul(unit)?;
    (back <= END).then_some(Millis(back))
}

/// A date, or a date and time with its offset. What was before 1970 is 1970.
fn rfc3339(text: &str) -> Option<Millis> {
    let (date, rest) = text.split_at_checked(10)?;
    let day = day(date)? * 86_400_000;
    let time = match rest.chars().next() {
        None => 0,
        Some(_) => time_of_day(rest.strip_prefix(['T', 't', ' '])?)?,
    };
    Some(Millis(u64::try_from(day + time).unwrap_or(0)))
}

/// The parts of a text of a fixed shape: two or four digits each, and what stands between them.
fn parts<const N: usize>(text: &str, between: char) -> Option<[i64; N]> {
    let mut parts = [0; N];
    let mut texts = text.split(between);
    for part in &mut parts {
        *part = i64::try_from(digits(texts.next()?)?).ok()?;
    }
    texts.next().is_none().then_some(parts)
}

/// Days from 1970-01-01 to `YYYY-MM-DD`, by Howard Hinnant's `days_from_civil`.
fn day(date: &str) -> Option<i64> {
    let mut bytes = date.bytes().enumerate();
    if bytes.any(|(at, byte)| matches!(at, 4 | 7) != (byte == b'-')) {
        return None;
    }
    let [year, month, day] = parts(date, '-')?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    Some(era * 146_097 + of_era - 719_468)
}

/// Milliseconds from the start of the day, in UTC, to `HH:MM:SS[.fraction]` and `Z` or `+HH:MM`.
fn time_of_day(text: &str) -> Option<i64> {
    let (clock, offset) = match text.strip_suffix(['Z', 'z']) {
        Some(clock) => (clock, 0),
        None => {
            let (clock, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
            let (sign, hours) = offset.split_at_checked(1)?;
            let minutes = minutes(hours)?;
            match sign {
                "+" => (clock, minutes),
                "-" => (clock, -minutes),
                _ => return None,
            }
        }
    };
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let (minute, seconds) = whole.split_at_checked(5)?;
    let seconds = seconds.strip_prefix(':').filter(|text| text.len() == 2)?;
    // 60 is a leap second.
    let seconds = digits(seconds).filter(|seconds| *seconds <= 60)?;
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let thousandths: String = fraction.chars().chain("00".chars()).take(3).collect();
    let millis = seconds * 1000 + digits(&thousandths)?;
    Some((minutes(minute)? - offset) * 60_000 + i64::try_from(millis).ok()?)
}

/// Minutes of `HH:MM`.
fn minutes(text: &str) -> Option<i64> {
    let [hours, minutes] = parts(text, ':')?;
    let fits = text.len() == 5 && text.find(':') == Some(2) && hours <= 23 && minutes <= 59;
    fits.then_some(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_800_000_000_000);

    #[test]
    fn a_time_is_given_as_a_date_a_time_a_length_or_a_number() {
        for (text, millis) in [
            ("0", 0),
            ("1735689599999", 1_735_689_599_999),
            ("1970-01-01", 0),
            ("2000-02-29", 951_782_400_000),
            ("2100-03-01", 4_107_542_400_000),
            ("1969-12-31", 0),
            ("2024-12-31T23:59:59.999Z", 1_735_689_599_999),
            ("2024-12-31t23:59:59.9999999z", 1_735_689_599_999),
            ("2025-01-01T00:59:59.9+01:00", 1_735_689_599_900),
            ("2024-12-31 18:29:59-05:30", 1_735_689_599_000),
            ("2024-12-31T23:59:60Z", 1_735_689_600_000),
            ("90s", NOW.0 - 90_000),
            ("30m", NOW.0 - 1_800_000),
            ("2h", NOW.0 - 7_200_000),
            ("7d", NOW.0 - 604_800_000),
            ("4w", NOW.0 - 2_419_200_000),
            ("100000d", 0),
        ] {
            assert_eq!(when("--since", text, NOW), Ok(Millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_the_option_and_what_is_allowed() {
        for text in [
            "",
            "h",
            "-1h",
            "+1h",
            "1.5h",
            "2H",
            "2 h",
            "2y",
            "-1",
            "1e3",
            "yesterday",
            "9007199254740993",
            "99999999999999999999",
            "99999999999999d",
            "2026-1-1",
            "2026-13-01",
            "2026-00-10",
            "2026-02-29",
            "2026-04-31",
            "2026-01-00",
            "26-01-0001",
            "2026/01/01",
            "2026-01-01T",
            "2026-01-01T12",
            "2026-01-01T12:00Z",
            "2026-01-01T12:00:00",
            "2026-01-01T24:00:00Z",
            "2026-01-01T12:60:00Z",
            "2026-01-01T12:00:61Z",
            "2026-01-01T12:00:00.Z",
            "2026-01-01T12:00:00.xZ",
            "2026-01-01T12:00:00.12x4Z",
            "2026-01-01T12:00:00+1:00",
            "2026-01-01T12:00:00+24:00",
            "2026-01-01T12:00:00*01:00",
            "2026-01-01T1:000:00Z",
            "2026-01-01X12:00:00Z",
            "ääääääääää",
            "2026-01-0ä",
            "2026-01-01Tä",
            "2026-01-01T12:00:00ä0:00",
        ] {
            let error = when("--since", text, NOW).unwrap_err();
            assert_eq!(error.field, "--since", "{text}");
            assert!(
                error.to_string().contains("2026-01-31T12:00:00Z"),
                "{error}"
            );
        }
    }
}
