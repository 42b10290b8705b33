//! One line of the log, made safe for what reads it.

use std::fmt::Write;

use meshbook::types::{Printable, is_unprintable};

/// The longest line in bytes.
pub(super) const MAX_LINE_BYTES: usize = 16 * 1024;

/// What a line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Text without colours.
    Plain,
    /// Text with colours, which only the formatter itself writes.
    Colour,
    /// One JSON object.
    Json,
}

/// The line with everything escaped that is unprintable, and a line break at its end; `None` for JSON
/// that is too long, which can't be cut.
pub(super) fn safe(line: &[u8], style: Style) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(line);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let mut safe = match style {
        Style::Plain => Printable(text).to_string(),
        Style::Colour => coloured(text),
        Style::Json => json(text),
    };
    if safe.len() > MAX_LINE_BYTES {
        if style == Style::Json {
            return None;
        }
        let left_out = safe.len() - MAX_LINE_BYTES;
        let end = safe.floor_char_boundary(MAX_LINE_BYTES);
        safe.truncate(end);
        // Writing to a string cannot fail.
        let _ = write!(safe, "... ({left_out} bytes left out)");
    }
    safe.push('\n');
    Some(safe.into_bytes())
}

/// Escapes what is unprintable in JSON. It can only stand inside of strings there, so the text means the
/// same as before.
pub(crate) fn json(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unprintable(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Escapes all but the sequences that set colours: what could be such a sequence in a value was
/// escaped before.
fn coloured(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\x1b') {
        let (before, from) = rest.split_at(at);
        let end = from.find('m').filter(|end| {
            let inner = from.get(1..*end).and_then(|text| text.strip_prefix('['));
            inner.is_some_and(|inner| inner.bytes().all(|b| b.is_ascii_digit() || b == b';'))
        });
        let (sequence, after) = from.split_at(end.map_or(1, |end| end + 1));
        let _ = write!(safe, "{}", Printable(before));
        match end {
            Some(_) => safe.push_str(sequence),
            None => safe.push_str("\\u{1b}"),
        }
        rest = after;
    }
    let _ = write!(safe, "{}", Printable(rest));
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str, style: Style) -> String {
        String::from_utf8(safe(line.as_bytes(), style).unwrap()).unwrap()
    }

    #[test]
    fn a_line_is_one_line_in_every_style() {
        let hostile = "a\nb\u{202e}c\u{2028}d\u{1b}[2Je\u{e0041}\n";
        let plain = "a\\nb\\u{202e}c\\u{2028}d\\u{1b}[2Je\\u{e0041}\n";
        assert_eq!(shown(hostile, Style::Plain), plain);
        assert_eq!(shown(hostile, Style::Colour), plain);
        let value = serde_json::Value::from(hostile);
        let line = shown(&format!("{{\"x\":{value}}}\n"), Style::Json);
        assert!(
            line.trim_end().chars().all(|c| !is_unprintable(c)),
            "{line}"
        );
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["x"], hostile, "JSON means the same as before");
    }

    #[test]
    fn colours_stay_and_nothing_else_that_begins_like_them() {
        let line = "\x1b[2m12:00\x1b[0m \x1b[32m INFO\x1b[0m x\n";
        assert_eq!(shown(line, Style::Colour), line);
        assert_eq!(shown("\x1b[2Jm\x1b", Style::Colour), "\\u{1b}[2Jm\\u{1b}\n");
    }

    #[test]
    fn a_long_line_is_cut() {
        let line = shown(&"ä".repeat(MAX_LINE_BYTES), Style::Plain);
        assert!(line.len() < MAX_LINE_BYTES + 64);
        assert!(
            line.ends_with("(16384 bytes left out)\n"),
            "{}",
            &line[line.len() - 64..]
        );
        assert_eq!(safe(&[b'x'; MAX_LINE_BYTES + 1], Style::Json), None);
    }
}
