//! References that a spreadsheet has spoilt: it takes a long number for one that it may write shorter. What it was cannot be read
//! from what is left, only whether it may have been a certain one.

/// A spreadsheet keeps so many digits of a number.
const KEPT: usize = 15;

/// A number of many digits as a spreadsheet shortens it: 4.2E+27, 4E+27, 4,2E+27.
pub(super) fn is_cut(reference: &str) -> bool {
    parts(reference).is_some()
}

/// Whether a till's reference may have become what the file has.
pub(super) fn could_become(file: &str, till: &str) -> bool {
    if let Some((digits, power)) = parts(file) {
        return file == till || shortens(&digits, power, till);
    }
    digits_only(file) && digits_only(till) && (zeros_lost(file, till) || tail_lost(file, till))
}

/// The digits in front of `E+`, without their decimal sign, and the power.
fn parts(reference: &str) -> Option<(String, usize)> {
    let (number, power) = reference.split_once("E+").or_else(|| reference.split_once("e+"))?;
    let (whole, part) = number.split_once(['.', ',']).unwrap_or((number, "0"));
    let sound = whole.len() == 1 && digits_only(whole) && digits_only(part) && digits_only(power);
    let power = power.parse().ok().filter(|_| sound)?;
    let part = if number.len() == 1 { "" } else { part };
    Some((format!("{whole}{part}"), power))
}

/// Whether a number of `power` + 1 digits begins with these, the last of them rounded or not.
fn shortens(digits: &str, power: usize, till: &str) -> bool {
    if !digits_only(till) || till.len() != power.saturating_add(1) || till.starts_with('0') {
        return false;
    }
    let Some((begins, rest)) = till.split_at_checked(digits.len()) else { return false };
    let rounded = || {
        let up = u128::from(rest.as_bytes().first().is_some_and(|digit| *digit >= b'5'));
        let number: Option<u128> = begins.parse().ok();
        number.and_then(|number| number.checked_add(up)).map(|number| number.to_string())
    };
    begins == digits || rounded().as_deref() == Some(digits)
}

fn digits_only(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// 00123 that is 123.
fn zeros_lost(file: &str, till: &str) -> bool {
    till.len() > file.len() && till.trim_start_matches('0') == file.trim_start_matches('0')
}

/// The digits behind the fifteenth, which are nought.
fn tail_lost(file: &str, till: &str) -> bool {
    let (Some((begins, rest)), Some((same, _))) = (file.split_at_checked(KEPT), till.split_at_checked(KEPT))
    else {
        return false;
    };
    file.len() == till.len()
        && begins == same
        && file != till
        && !rest.is_empty()
        && rest.bytes().all(|byte| byte == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_makes_of_a_number_is_known_and_nothing_else() {
        for (file, cut) in [
            ("4E+27", true),
            ("4.20012E+27", true),
            ("4,2e+27", true),
            ("12E5", false),
            ("4E27", false),
            ("E+27", false),
            ("4E+", false),
            ("A4E+27", false),
            ("42E+27", false),
            ("4.E+27", false),
            ("", false),
        ] {
            assert_eq!(is_cut(file), cut, "{file}");
        }
        let till = "4200012345678901234567890123";
        for (file, till, could) in [
            ("4E+27", till, true),
            ("4.20001E+27", till, true),
            ("4.20002E+27", till, false),
            ("4.20E+26", till, false),
            ("4.200012E+27", "4200011999999999999999999999", true),
            ("4E+27", "W1", false),
            ("123", "00123", true),
            ("00123", "123", false),
            ("123", "00124", false),
            ("1234567890123450", "1234567890123456", true),
            ("1234567890123450", "1234567890123450", false),
            ("1234567890123450", "1234567890123556", false),
            ("123456789012340", "123456789012345", false),
            ("1234567890123456", "1234567890123450", false),
            ("字", "字字", false),
        ] {
            assert_eq!(could_become(file, till), could, "{file} of {till}");
        }
    }
}
