//! What the firmware brings: its name, its keys, its time, and how long it waits.

use alloc::boxed::Box;

use crate::cose::Algorithm;
use crate::field::{Code, EntryMode, Fingerprint, Flags, KeyId, QuoteId, Shift, TerminalTime, Text};
use crate::request::Reserved;
use crate::{Sha256, Signature};

/// What does not change while the firmware runs. Times are in milliseconds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name and version of the software (key 26).
    pub software: Text<32>,
    /// The algorithm of the terminal's key.
    pub algorithm: Algorithm,
    /// The first bytes of the fingerprint of the terminal's key.
    pub key_id: KeyId,
    /// How long to wait for Hello, and for an answer, before sending again.
    pub answer_timeout_ms: u64,
    /// How long to wait after a transient answer (09, 91, 96) before sending again.
    pub retry_ms: u64,
    /// How often to send one request on one connection before the connection is given up.
    pub sends_per_connection: u32,
}

impl Settings {
    /// Waits 10 s for an answer, 1 s after a busy one, and reconnects after three sends without an answer.
    pub fn new(software: Text<32>, algorithm: Algorithm, own_key: Fingerprint) -> Self {
        Settings {
            software,
            algorithm,
            key_id: own_key.key_id(),
            answer_timeout_ms: 10_000,
            retry_ms: 1_000,
            sends_per_connection: 3,
        }
    }
}

/// Signs a message; `None` when the key store fails.
pub type Sign = Box<dyn Fn(&[u8]) -> Option<Signature> + Send>;
/// Verifies a message (first) and its signature (second).
pub type VerifyGateway = Box<dyn Fn(&[u8], &[u8]) -> bool + Send>;

/// The cryptography of the firmware.
pub struct Keys {
    /// SHA-256 over concatenated parts.
    pub sha256: Sha256,
    /// Signs with the terminal's private key: the raw 64 bytes of section 4, or `None` when the key store fails.
    pub sign: Sign,
    /// Verifies with the gateway's public key: message, then signature. The key is that of the TLS connection, whose
    /// fingerprint the caller compares with the pinned one.
    pub verify_gateway: VerifyGateway,
}

impl core::fmt::Debug for Keys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Keys(hidden)")
    }
}

/// The time, passed into every call.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Milliseconds of a clock that never goes back; may start anywhere.
    pub ms: u64,
    /// The time of day, for key 7 of what is signed now.
    pub wall: TerminalTime,
}

/// What a till may add to a request (section 5). Terminal, generation, STAN, key id, currency, time and the programme
/// digest of the sign-on are filled in by the terminal.
#[derive(Clone, Debug, Default)]
pub struct Details {
    /// Key 8.
    pub cashier: Option<Code<16>>,
    /// Key 9.
    pub shift: Option<Shift>,
    /// Key 10.
    pub order_reference: Option<Text<32>>,
    /// Key 11.
    pub entry_mode: Option<EntryMode>,
    /// Key 13.
    pub flags: Option<Flags>,
    /// Key 15: the quote that a Load or Purchase follows.
    pub quote: Option<QuoteId>,
    /// Keys 40 to 47.
    pub reserved: Option<Box<Reserved>>,
}
