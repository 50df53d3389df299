//! A narrow strip of paper: what is put on it is at most [`WIDTH`] columns wide.

use std::fmt::Write;

/// Columns of a receipt printer with 80 mm paper.
pub(super) const WIDTH: usize = 42;

/// Lines as they are printed.
#[derive(Debug, Default)]
pub(super) struct Paper {
    text: String,
}

impl Paper {
    /// A word on the left and one on the right; the right one goes to lines of its own when both do not fit in one.
    pub(super) fn pair(&mut self, left: &str, right: &str) {
        let (left, right) = (printable(left), printable(right));
        let wide = width(&left).saturating_add(width(&right)).saturating_add(1);
        if wide <= WIDTH {
            let room = WIDTH.saturating_sub(width(&left));
            self.line(&format!("{left}{right:>room$}"));
            return;
        }
        self.wrapped(&left);
        for line in wrap(&right) {
            self.line(&format!("{line:>WIDTH$}"));
        }
    }

    /// Text over as many lines as it needs.
    pub(super) fn wrapped(&mut self, text: &str) {
        for line in wrap(&printable(text)) {
            self.line(&line);
        }
    }

    pub(super) fn centred(&mut self, text: &str) {
        for line in wrap(&printable(text)) {
            self.line(&format!("{line:^WIDTH$}"));
        }
    }

    pub(super) fn rule(&mut self) {
        self.line(&"-".repeat(WIDTH));
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    fn line(&mut self, line: &str) {
        // Writing into a String does not fail.
        let _ = writeln!(self.text, "{}", line.trim_end());
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// What the gateway or a customer wrote must not steer the printer.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '?' } else { character }).collect()
}

/// Breaks between words, and inside a word that is longer than a line.
fn wrap(text: &str) -> Vec<String> {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split(' ') {
        let letters: Vec<char> = word.chars().collect();
        let mut pieces = letters.chunks(WIDTH).map(String::from_iter);
        let first = pieces.next().unwrap_or_default();
        for piece in std::iter::once(first).chain(pieces) {
            let wide = width(&line).saturating_add(width(&piece)).saturating_add(1);
            if wide > WIDTH && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            } else if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&piece);
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_wider_than_the_paper_or_lost() {
        let mut paper = Paper::default();
        paper.pair("left", "right");
        paper.pair("a left side of some length", "and a right side of some length");
        paper.wrapped(&"ab ".repeat(40));
        paper.wrapped(&"x".repeat(100));
        paper.pair("r", &"y".repeat(90));
        paper.centred("mid");
        let text = paper.finish();
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert_eq!(text.matches("ab").count(), 40);
        assert_eq!((text.matches('x').count(), text.matches('y').count()), (100, 90));
        assert_eq!(text.lines().next(), Some("left                                 right"));
        assert_eq!(text.lines().last(), Some("                   mid"));
    }

    #[test]
    fn control_characters_do_not_reach_the_printer() {
        let mut paper = Paper::default();
        paper.wrapped("a\u{9b}31mb\u{7}");
        assert_eq!(paper.finish(), "a?31mb?\n");
    }
}
