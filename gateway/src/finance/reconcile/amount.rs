//! A line's fields, and an amount as a file writes it. Strict: what could be read in two ways is not read.

/// How a file writes numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    pub decimal: char,
    pub thousands: Option<char>,
}

/// The fields of a line. A field in double quotes may have the delimiter in it, and `""` for a quote.
pub(super) fn fields(line: &str, delimiter: char) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = line.chars().peekable();
    loop {
        let mut field = String::new();
        if rest.next_if_eq(&'"').is_some() {
            loop {
                match rest.next() {
                    None => return Err("a quote is opened and not closed on this line".into()),
                    Some('"') if rest.next_if_eq(&'"').is_some() => field.push('"'),
                    Some('"') => break,
                    Some(other) => field.push(other),
                }
            }
            // What stands between a closing quote and the delimiter can only be blank.
            while rest.next_if(|next| *next != delimiter && next.is_whitespace()).is_some() {}
            if rest.peek().is_some_and(|next| *next != delimiter) {
                return Err(
                    "something follows a closing quote; a quote within a field is written twice".into()
                );
            }
        } else {
            while let Some(next) = rest.next_if(|next| *next != delimiter) {
                field.push(next);
            }
        }
        fields.push(field);
        if rest.next().is_none() {
            return Ok(fields);
        }
    }
}

/// An amount in minor units.
pub(super) fn amount(text: &str, style: Style, exponent: u8) -> Result<i64, String> {
    let wrong = |why: &str| format!("{:?} is no amount: {why}", shortened(text));
    let trimmed = text.trim();
    let (negative, digits) = match trimmed.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    let (whole, part) = digits.split_once(style.decimal).unwrap_or((digits, ""));
    let whole = ungrouped(whole, style.thousands).ok_or_else(|| {
        let thousands = style.thousands.map_or("none".into(), |sign| format!("{sign:?}"));
        if trimmed.chars().any(|sign| ('\u{ff01}'..='\u{ff5e}').contains(&sign)) {
            return wrong("it has full-width signs (全角); write it with 0 to 9");
        }
        wrong(&format!(
            "[numbers] of the map says decimal = {:?}, thousands separator {thousands}",
            style.decimal
        ))
    })?;
    if !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong("there is more than digits behind the decimal sign"));
    }
    let places = usize::from(exponent);
    let (kept, beyond) = part.split_at(part.len().min(places));
    if beyond.bytes().any(|byte| byte != b'0') {
        return Err(wrong(&format!("the currency has {places} decimal places")));
    }
    let digits = format!("{whole}{kept:0<places$}");
    let value: Option<i64> = digits.parse().ok();
    let value = value.ok_or_else(|| wrong("it is too large"))?;
    Ok(if negative { value.saturating_neg() } else { value })
}

/// The digits of a whole number; `None` when anything else is there, or its groups are not of three.
fn ungrouped(whole: &str, thousands: Option<char>) -> Option<String> {
    let groups: Vec<&str> = match thousands {
        Some(sign) => whole.split(sign).collect(),
        None => vec![whole],
    };
    let digits = |group: &&str| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit());
    let (first, others) = groups.split_first()?;
    let grouped = others.is_empty() || first.len() <= 3 && others.iter().all(|group| group.len() == 3);
    (groups.iter().all(digits) && grouped).then(|| groups.concat())
}

/// As much of a field as a message can show.
pub(super) fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(40).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { decimal: '.', thousands: None };
    const GROUPED: Style = Style { decimal: '.', thousands: Some(',') };
    const EUROPEAN: Style = Style { decimal: ',', thousands: Some('.') };

    #[test]
    fn amounts_are_read_exactly_or_not_at_all() {
        for (text, style, exponent, wanted) in [
            ("100", PLAIN, 2, Some(10_000)),
            ("100.5", PLAIN, 2, Some(10_050)),
            (" -0.05 ", PLAIN, 2, Some(-5)),
            ("+7.000", PLAIN, 2, Some(700)),
            ("1,234,567.89", GROUPED, 2, Some(123_456_789)),
            ("1234567.89", GROUPED, 2, Some(123_456_789)),
            ("1.234,50", EUROPEAN, 2, Some(123_450)),
            ("1200", PLAIN, 0, Some(1200)),
            ("1200.00", PLAIN, 0, Some(1200)),
            ("92233720368547758.07", PLAIN, 2, Some(i64::MAX)),
            ("92233720368547758.08", PLAIN, 2, None),
            ("1000000000000000000000000000000", PLAIN, 2, None),
            ("0.005", PLAIN, 2, None),
            ("1,50", GROUPED, 2, None),
            ("12,34,567.00", GROUPED, 2, None),
            (",100", GROUPED, 2, None),
            ("1,000", PLAIN, 2, None),
            ("1.2.3", PLAIN, 2, None),
            (".50", PLAIN, 2, None),
            ("", PLAIN, 2, None),
            ("--1", PLAIN, 2, None),
            ("1e3", PLAIN, 2, None),
            ("¥5", PLAIN, 2, None),
            ("５", PLAIN, 2, None),
        ] {
            assert_eq!(amount(text, style, exponent).ok(), wanted, "{text:?}");
        }
    }

    #[test]
    fn quotes_keep_delimiters_and_a_broken_one_is_said() {
        let of = |line| fields(line, ',').map_err(|_| ());
        let texts = |all: &[&str]| Ok(all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        assert_eq!(of("a,b,,c,"), texts(&["a", "b", "", "c", ""]));
        assert_eq!(of("\"a,b\" ,\"say \"\"hi\"\"\",\"\""), texts(&["a,b", "say \"hi\"", ""]));
        assert_eq!(of("5\" pipe,x"), texts(&["5\" pipe", "x"]));
        assert_eq!(of("\"a,b"), Err(()));
        assert_eq!(of("\"a\"b,c"), Err(()));
        assert_eq!(of("\"a\"\",b"), Err(()));
        assert_eq!(of(""), texts(&[""]));
    }
}
