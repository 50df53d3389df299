//! The string that an operator hands to a new terminal (section 10).

use std::fmt;
use std::str::FromStr;

use protocol::field::{EnrolmentCode, Fingerprint, TerminalId};

use crate::error::Error;
use crate::hash::unhex;

/// `svgp1:TID:CODE:FINGERPRINT`, taken apart. `Debug` hides the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// Which terminal it makes.
    pub terminal: TerminalId,
    /// The secret that lets one key in, once.
    pub code: EnrolmentCode,
    /// The gateway to pin.
    pub gateway: Fingerprint,
}

impl FromStr for Enrolment {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |part: &str| {
            Error::Usage(format!("not an enrolment string (svgp1:TID:CODE:FINGERPRINT): {part}"))
        };
        let mut parts = text.trim().split(':');
        let mut next = || parts.next().unwrap_or_default();
        if next() != "svgp1" {
            return Err(wrong("it does not begin with svgp1"));
        }
        let terminal = next().parse().map_err(|problem| wrong(&format!("terminal: {problem}")))?;
        let code = next().parse().map_err(|problem| wrong(&format!("code: {problem}")))?;
        let fingerprint = unhex(next()).and_then(|bytes| bytes.try_into().ok());
        let gateway = Fingerprint(fingerprint.ok_or_else(|| wrong("fingerprint: not 64 hex digits"))?);
        match parts.next() {
            None => Ok(Enrolment { terminal, code, gateway }),
            Some(_) => Err(wrong("something follows the fingerprint")),
        }
    }
}

/// The string itself, with its secret.
impl fmt::Display for Enrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "svgp1:{}:{}:{}", self.terminal, self.code.expose(), self.gateway)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_string_is_accepted() {
        let text = format!("svgp1:T0001:7K3QZ9XW2M4RT8VNB6HD:{}", "5f1c".repeat(16));
        let enrolment: Enrolment = text.parse().unwrap();
        assert_eq!(enrolment.terminal.as_str(), "T0001");
        assert_eq!(enrolment.gateway.0[..2], [0x5f, 0x1c]);
        assert_eq!(enrolment.to_string(), text);
        assert!(!format!("{enrolment:?}").contains("7K3QZ9XW2M4RT8VNB6HD"));
        for bad in [
            text.replace("svgp1", "svgp2"),
            text.replace("T0001", "t0001"),
            text.replace("7K3", "7KI"),
            text.replace("5f1c5f1c", "5f1c"),
            format!("{text}:"),
            text.replace(':', ";"),
            String::new(),
        ] {
            assert!(bad.parse::<Enrolment>().is_err(), "{bad}");
        }
    }
}
