//! Names and values that somebody else has chosen, as part of a line: they must not command the terminal that shows them, end the line,
//! or turn the order of what stands around them.

/// The text, with a replacement mark for each character that does more than stand there.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if stands(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// Whether a character only stands where it is: no control character, line end, or mark of writing direction.
#[must_use]
pub fn stands(c: char) -> bool {
    let turns =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let ends = matches!(c, '\u{2028}' | '\u{2029}');
    !(c.is_control() || turns || ends || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_does_more_than_stand_there_becomes_a_mark() {
        for c in
            ['\u{202e}', '\u{2066}', '\u{2069}', '\u{200f}', '\u{1b}', '\0', '\n', '\t', '\u{9b}', '\u{2028}']
        {
            assert_eq!(plain(&format!("a{c}b")), "a\u{fffd}b", "{c:?}");
        }
        // Each end of the runs, and what is beside them.
        for (c, is_plain) in [
            ('\u{2029}', false),
            ('\u{202a}', false),
            ('\u{202f}', true),
            ('\u{2065}', true),
            ('\u{206a}', true),
            ('\u{7f}', false),
            ('\u{a0}', true),
            ('\u{200d}', true),
        ] {
            assert_eq!(stands(c), is_plain, "{c:?}");
        }
        for text in ["南京路", "Café 7", "חנות", "👩\u{200d}🍳", ""] {
            assert_eq!(plain(text), text);
        }
    }
}
