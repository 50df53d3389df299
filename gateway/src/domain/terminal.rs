//! Terminals and their shifts.

/// What a terminal is for; decides which messages it may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    /// A till: sells, and loads.
    Register = 1,
    /// A top-up kiosk: loads, never sells.
    Kiosk = 2,
}

/// Where a terminal's enrolment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum TerminalStatus {
    /// A code was printed; no key yet.
    Awaiting = 1,
    /// May trade.
    Active = 2,
    /// Stopped by an operator, may be resumed.
    Suspended = 3,
    /// Ended.
    Revoked = 4,
    /// Cloned or rolled back; must be enrolled again.
    Locked = 5,
}

/// The one-time right to enrol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentCode {
    /// SHA-256 of the code; `None` once it is used up.
    pub hash: Option<[u8; 32]>,
    /// Unix seconds.
    pub expires: i64,
    /// Wrong tries so far.
    pub tries: u8,
}

/// Most that a terminal may do in one transaction, in minor units; fixed when it is enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub load: i64,
    /// Of an authorize and a capture, too.
    pub purchase: i64,
    pub refund: i64,
}

/// An enrolled terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terminal {
    /// TID.
    pub terminal: String,
    /// 1 for the first enrolment, one more each time; 0 before any.
    pub generation: u32,
    pub status: TerminalStatus,
    pub role: Role,
    /// COSE algorithm, -7 or -8; 0 before any key.
    pub algorithm: i8,
    /// SubjectPublicKeyInfo, DER.
    pub public_key: Vec<u8>,
    pub merchant: String,
    pub store: String,
    pub limits: Limits,
    /// Highest STAN decided in this generation.
    pub last_stan: u32,
    pub code: Option<EnrolmentCode>,
}

/// Totals of one terminal's shift: what is live now, by message type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shift {
    pub closed: bool,
    /// (message type, count, amount), rising by type.
    pub totals: Vec<(u8, i64, i64)>,
}

impl Shift {
    pub(super) fn add(&mut self, message: u8, count: i64, amount: i64) -> Option<()> {
        match self.totals.binary_search_by_key(&message, |t| t.0) {
            Ok(at) => {
                let total = &mut self.totals[at];
                total.1 = total.1.checked_add(count)?;
                total.2 = total.2.checked_add(amount)?;
                if total.1 == 0 && total.2 == 0 {
                    self.totals.remove(at);
                }
            }
            Err(at) => self.totals.insert(at, (message, count, amount)),
        }
        Some(())
    }
}
