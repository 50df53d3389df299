//! What a terminal asks, as the rules see it: forms, signatures and sessions are behind it.

use super::card::CardReference;
use super::effect::Posting;

/// The time a decision is made at. Business date is YYYYMMDD in the shop's zone, after its cutover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    pub ms: i64,
    pub business_date: u32,
    /// False while the machine's clock is in doubt: nothing that waits for a time is booked then.
    pub certain: bool,
}

impl Now {
    /// Unix seconds.
    #[must_use]
    pub fn s(self) -> i64 {
        self.ms.div_euclid(1000)
    }
}

/// A card and the proof that came with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardClaim {
    pub card: CardReference,
    /// Keyed hash of the secret in the sidecar; `None` when none came.
    pub proof: Option<[u8; 32]>,
}

/// A value message that passed every check of form, signature and session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub request_id: [u8; 32],
    pub terminal: String,
    pub generation: u32,
    pub stan: u32,
    pub shift: Option<u32>,
    /// ISO 4217 number.
    pub currency: u16,
    pub command: Command,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Activate { claim: CardClaim },
    Load { claim: CardClaim, amount: i64, tenders: Vec<(u8, i64)> },
    Purchase { claim: CardClaim, amount: i64, partial_allowed: bool },
    Reversal { terminal: String, generation: u32, stan: u32, request_id: [u8; 32] },
    Reconciliation { totals: Vec<(u8, i64, i64)> },
}

impl Command {
    /// Message type on the wire.
    #[must_use]
    pub fn message(&self) -> u8 {
        match self {
            Self::Activate { .. } => 0x10,
            Self::Load { .. } => 0x12,
            Self::Purchase { .. } => 0x13,
            Self::Reversal { .. } => 0x15,
            Self::Reconciliation { .. } => 0x17,
        }
    }

    /// The card it names, if any.
    #[must_use]
    pub fn claim(&self) -> Option<&CardClaim> {
        match self {
            Self::Activate { claim } | Self::Load { claim, .. } | Self::Purchase { claim, .. } => Some(claim),
            Self::Reversal { .. } | Self::Reconciliation { .. } => None,
        }
    }
}

/// The journal's memory of the transaction that a reversal names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    pub index: u64,
    pub request_id: [u8; 32],
    /// Message type.
    pub message: u8,
    pub shift: Option<u32>,
    pub card: Option<CardReference>,
    pub approved: bool,
    pub approved_amount: i64,
    pub postings: Vec<Posting>,
    /// Change of points debt.
    pub points_debt: i64,
}
