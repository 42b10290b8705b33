//! Text that peers chose, made safe for terminals, logs and tables.

use std::fmt;

/// Whether a character must not reach a terminal or a log as it is: it moves the cursor, ends a line,
/// turns the direction of writing around, or can't be seen.
#[must_use]
pub fn is_unprintable(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    c.is_control()
        || matches!(c,
            // Soft hyphen, combining grapheme joiner, Arabic letter mark and number signs.
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{890}'..='\u{891}' | '\u{8e2}'
            // Fillers, and vowels without a shape.
            | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{3164}' | '\u{ffa0}'
            // Zero width, direction marks, separators of lines and paragraphs, bidi controls.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
            // Controls of scripts and of music, tags, variation selectors.
            | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Shows a text with its unprintable characters as escapes: `\n`, `\u{202e}`.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(is_unprintable) {
            let (plain, from) = rest.split_at(at);
            f.write_str(plain)?;
            let mut characters = from.chars();
            if let Some(c) = characters.next() {
                fmt::Display::fmt(&c.escape_default(), f)?;
            }
            rest = characters.as_str();
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_or_hides_text_is_escaped_and_the_rest_stays() {
        for (text, shown) in [
            ("", ""),
            ("plain \"quoted\" \\ text", "plain \"quoted\" \\ text"),
            ("Zoë 東京 नमस्ते 🙂", "Zoë 東京 नमस्ते 🙂"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{1b}[2J\u{7f}\u{9b}2J", "\\u{1b}[2J\\u{7f}\\u{9b}2J"),
            ("\u{202e}evil\u{2066}", "\\u{202e}evil\\u{2066}"),
            ("a\u{2028}b\u{2029}", "a\\u{2028}b\\u{2029}"),
            ("\u{200b}\u{200d}\u{feff}", "\\u{200b}\\u{200d}\\u{feff}"),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(Printable(text).to_string(), shown);
        }
    }

    #[test]
    fn every_bidi_control_is_unprintable() {
        let bidi = ['\u{61c}', '\u{200e}', '\u{200f}'];
        let all = bidi.into_iter().chain('\u{202a}'..='\u{202e}');
        for c in all.chain('\u{2066}'..='\u{2069}') {
            assert!(is_unprintable(c), "{c:?}");
        }
    }
}
