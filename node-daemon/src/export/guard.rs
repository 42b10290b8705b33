//! Ids that a spreadsheet would take for something else.

/// What comes before a text that is to stay as it is.
const MARK: char = '\'';

/// Words that stand in what spreadsheets take for a number, a date or a time.
const WORDS: [&str; 30] = [
    "e",
    "a",
    "p",
    "am",
    "pm",
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "sept",
    "oct",
    "nov",
    "dec",
    "january",
    "february",
    "march",
    "april",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "t",
];

/// The text as a cell of CSV. One that a spreadsheet would run as a formula (`-abc`), or change as
/// a number, a date or a truth value (`0123`, `1e5`, `may-5`, `true`), gets an apostrophe in front,
/// and so does one that begins with an apostrophe: without the first one it is what it was.
pub(super) fn guarded(text: String) -> String {
    if is_changed(&text) {
        format!("{MARK}{text}")
    } else {
        text
    }
}

fn is_changed(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', MARK])
        || ["true", "false"].contains(&text.to_ascii_lowercase().as_str())
        || looks_like_a_number(text)
}

/// Whether there are digits, and no words but those of numbers and dates.
fn looks_like_a_number(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_alphabetic());
    let known = words
        .all(|word| word.is_empty() || WORDS.iter().any(|known| known.eq_ignore_ascii_case(word)));
    known && text.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_change_is_guarded_and_read_back() {
        let changed = [
            "-abc",
            "=1+1",
            "+1",
            "@sum",
            "0123",
            "1e5",
            "1E-5",
            "007",
            "1.50",
            "1-2-3",
            "5pm",
            "may-5",
            "MAR1",
            "sept2",
            "2026-01-31",
            "1_000",
            "true",
            "FALSE",
            "'abc",
            "'",
            "12345678901234567890123456789012",
        ];
        for text in changed {
            let cell = guarded(text.to_owned());
            assert_eq!(cell.strip_prefix(MARK), Some(text), "{text}");
        }
        let kept = [
            "alice",
            "A.b_c-9",
            "bob-1",
            "node7",
            "may",
            "e",
            "truest",
            "0b1ffae2-9d0c-4f7a-8a39-0c2f4d5e6f70",
            "00ff00ff00ff00ff00ff00ff00ff00ff",
            "",
        ];
        for text in kept {
            assert_eq!(guarded(text.to_owned()), text);
        }
    }
}
