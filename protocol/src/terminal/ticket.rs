//! The string that an operator hands to whoever sets up a terminal (section 10).

use core::str::FromStr;

use crate::error::Problem;
use crate::field::{EnrolmentCode, Fingerprint, TerminalId};

/// `svgp1:TID:CODE:FINGERPRINT`, taken apart. `Debug` hides the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnrolmentTicket {
    /// The terminal's name.
    pub terminal: TerminalId,
    /// The code, good for one enrolment.
    pub code: EnrolmentCode,
    /// The gateway's fingerprint, to compare with the certificate of the connection.
    pub gateway: Fingerprint,
}

impl FromStr for EnrolmentTicket {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let mut parts = text.trim().split(':');
        let (Some("svgp1"), Some(terminal), Some(code), Some(gateway), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Problem::Mismatch);
        };
        Ok(EnrolmentTicket {
            terminal: terminal.parse()?,
            code: code.parse()?,
            gateway: fingerprint(gateway)?,
        })
    }
}

fn fingerprint(hex: &str) -> Result<Fingerprint, Problem> {
    if hex.len() != 64 {
        return Err(Problem::WrongLength);
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *byte = pair
            .iter()
            .try_fold(0_u8, |value, digit| Some((value << 4) | nibble(*digit)?))
            .ok_or(Problem::Characters)?;
    }
    Ok(Fingerprint(bytes))
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => digit.checked_sub(b'0'),
        b'a'..=b'f' => digit.checked_sub(b'a' - 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn the_ticket_of_section_10_is_understood_and_nothing_else() {
        let fingerprint = "5f1c".repeat(16);
        let good = format!("svgp1:T0001:7K3QZ9XW2M4RT8VNB6HD:{fingerprint}");
        let ticket: EnrolmentTicket = good.parse().unwrap();
        assert_eq!(ticket.terminal.as_str(), "T0001");
        assert_eq!(ticket.code.expose(), "7K3QZ9XW2M4RT8VNB6HD");
        assert_eq!(&ticket.gateway.0[..2], &[0x5f, 0x1c]);
        assert!(!format!("{ticket:?}").contains("7K3Q"));
        for bad in [
            good.replace("svgp1", "svgp2"),
            good.replace("T0001", "t0001"),
            good.replace("7K3Q", "7K3U"),
            good.replace("5f1c", "5F1C"),
            format!("{good}:"),
            format!("{good}0"),
        ] {
            assert!(bad.parse::<EnrolmentTicket>().is_err(), "{bad}");
        }
    }
}
