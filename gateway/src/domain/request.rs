//! What a terminal asks, as the rules see it: forms, signatures and sessions are behind it.

use super::card::CardReference;
use super::effect::{Effect, Line};
use super::grant::Grant;
use super::terminal::Terminal;

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

/// What came of the PINs beside a request. Nothing here is ever journalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pins {
    /// A PIN of the card came with it, and the terminal says so in what it signed.
    pub card_given: bool,
    /// A new PIN came with it.
    pub new_given: bool,
    /// A PIN of the supervisor came with it.
    pub supervisor_given: bool,
    /// Keyed hash of the card's PIN, once it is worked out; its try is counted by then.
    pub card: Option<[u8; 32]>,
    /// The same of the supervisor's.
    pub supervisor: Option<[u8; 32]>,
    /// Salt and keyed hash of a card's new PIN.
    pub new: Option<([u8; 16], [u8; 32])>,
}

/// Goods that are sold, as rules see them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sold {
    pub item: String,
    pub category: String,
    pub brand: Option<String>,
    /// Thousandths.
    pub quantity: i64,
    /// Minor units.
    pub amount: i64,
}

/// A value message that passed every check of form, signature and session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub request_id: [u8; 32],
    pub terminal: String,
    pub generation: u32,
    pub stan: u32,
    pub shift: Option<u32>,
    pub cashier: Option<String>,
    /// Who allows what the cashier alone may not.
    pub supervisor: Option<String>,
    /// Where the sale came from.
    pub channel: Option<String>,
    /// Commitment to personal data.
    pub holder: Option<[u8; 32]>,
    pub pins: Pins,
    /// ISO 4217 number.
    pub currency: u16,
    /// The quote that it cites.
    pub quote: Option<[u8; 8]>,
    /// The programme's prices hold for it.
    pub prices: bool,
    /// What is sold, line by line; none when nobody said.
    pub sold: Vec<Sold>,
    /// Why something is undone or paid back, by its number on the wire.
    pub reason: Option<u8>,
    pub command: Command,
}

impl Request {
    /// Nothing but a quote has no STAN.
    #[must_use]
    pub fn is_quote(&self) -> bool {
        self.stan == 0
    }

    /// What a terminal asks the price of: never decided, never journalled.
    #[must_use]
    pub fn quote(terminal: &Terminal, currency: u16, command: Command) -> Self {
        Self {
            request_id: [0; 32],
            terminal: terminal.terminal.clone(),
            generation: terminal.generation,
            stan: 0,
            shift: None,
            cashier: None,
            supervisor: None,
            channel: None,
            holder: None,
            pins: Pins::default(),
            currency,
            quote: None,
            prices: false,
            sold: Vec::new(),
            reason: None,
            command,
        }
    }
}

/// An earlier request, as a later one names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub terminal: String,
    pub generation: u32,
    pub stan: u32,
    pub request_id: [u8; 32],
}

impl Named {
    /// The key of a tombstone.
    #[must_use]
    pub fn identity(&self) -> (String, u32, u32) {
        (self.terminal.clone(), self.generation, self.stan)
    }

    /// Blocks it before it comes: it will never be applied.
    #[must_use]
    pub fn tombstone(&self) -> Effect {
        Effect::Tombstone {
            terminal: self.terminal.clone(),
            generation: self.generation,
            stan: self.stan,
            request_id: self.request_id,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Activate {
        claim: CardClaim,
    },
    Load {
        claim: CardClaim,
        amount: i64,
        tenders: Vec<(u8, i64)>,
    },
    Purchase {
        claim: CardClaim,
        amount: i64,
        partial_allowed: bool,
        /// So many points pay a part of it.
        points: Option<i64>,
        lines: Vec<Line>,
    },
    Reversal {
        original: Named,
    },
    Reconciliation {
        totals: Vec<(u8, i64, i64)>,
    },
    Refund {
        original: Named,
        amount: i64,
        lines: Vec<Line>,
    },
    Void {
        original: Named,
    },
    Authorize {
        claim: CardClaim,
        amount: i64,
        partial_allowed: bool,
        raises: Option<Named>,
    },
    Capture {
        original: Named,
        amount: i64,
        more_follow: bool,
        lines: Vec<Line>,
    },
    Transfer {
        claim: CardClaim,
        to: CardReference,
        amount: i64,
    },
    Unload {
        claim: CardClaim,
        amount: i64,
    },
    ChangePin {
        claim: CardClaim,
    },
    CashTaken {
        card: Option<CardReference>,
        amount: i64,
        tenders: Vec<(u8, i64)>,
    },
    /// `referral` is what names the member who brought this one.
    Join {
        claim: CardClaim,
        referral: Option<String>,
        customer: u8,
    },
    Award {
        claim: CardClaim,
        activity: String,
        quantity: i64,
    },
    Redeem {
        claim: CardClaim,
        item: String,
        quantity: i64,
    },
    UseEntitlement {
        claim: CardClaim,
        entitlement: String,
        quantity: i64,
    },
    /// `grant` is `None` when the gateway never signed it; `time_s` is the terminal's, Unix seconds.
    Advice {
        card: CardReference,
        amount: i64,
        grant: Option<Grant>,
        time_s: i64,
    },
}

/// Message types of requests with a STAN (PROTOCOL.md section 2).
pub mod message {
    pub const ACTIVATE: u8 = 0x10;
    pub const LOAD: u8 = 0x12;
    pub const PURCHASE: u8 = 0x13;
    pub const REVERSAL: u8 = 0x15;
    pub const RECONCILIATION: u8 = 0x17;
    pub const REFUND: u8 = 0x18;
    pub const VOID: u8 = 0x19;
    pub const AUTHORIZE: u8 = 0x1A;
    pub const CAPTURE: u8 = 0x1B;
    pub const TRANSFER: u8 = 0x1D;
    pub const UNLOAD: u8 = 0x1F;
    pub const CHANGE_PIN: u8 = 0x20;
    pub const CASH_TAKEN: u8 = 0x21;
    pub const ADVICE: u8 = 0x22;
    pub const JOIN: u8 = 0x25;
    pub const AWARD: u8 = 0x26;
    pub const REDEEM: u8 = 0x27;
    pub const USE_ENTITLEMENT: u8 = 0x28;

    /// It counts in the shift that it names.
    #[must_use]
    pub fn counts(message: u8) -> bool {
        matches!(
            message,
            ACTIVATE
                | LOAD
                | PURCHASE
                | REFUND
                | CAPTURE
                | TRANSFER
                | UNLOAD
                | CASH_TAKEN
                | ADVICE
                | JOIN
                | AWARD
                | REDEEM
                | USE_ENTITLEMENT
        )
    }

    /// Its answer says a tier that it has changed (PROTOCOL.md section 6, key 41).
    #[must_use]
    pub fn says_tier(message: u8) -> bool {
        matches!(
            message,
            ACTIVATE
                | LOAD
                | PURCHASE
                | REFUND
                | CAPTURE
                | UNLOAD
                | VOID
                | REVERSAL
                | ADVICE
                | JOIN
                | AWARD
                | REDEEM
        )
    }

    /// It says what has happened already: a closed shift does not refuse it, and does not count it.
    #[must_use]
    pub fn is_report(message: u8) -> bool {
        matches!(message, CASH_TAKEN | ADVICE)
    }

    /// It is never undone by another message: it undoes something itself, closes a shift, sets a PIN, or is a claim.
    #[must_use]
    pub fn is_never_undone(message: u8) -> bool {
        matches!(message, REVERSAL | VOID | RECONCILIATION | CHANGE_PIN | CASH_TAKEN)
    }
}

impl Command {
    /// Message type on the wire.
    #[must_use]
    pub fn message(&self) -> u8 {
        match self {
            Self::Activate { .. } => message::ACTIVATE,
            Self::Load { .. } => message::LOAD,
            Self::Purchase { .. } => message::PURCHASE,
            Self::Reversal { .. } => message::REVERSAL,
            Self::Reconciliation { .. } => message::RECONCILIATION,
            Self::Refund { .. } => message::REFUND,
            Self::Void { .. } => message::VOID,
            Self::Authorize { .. } => message::AUTHORIZE,
            Self::Capture { .. } => message::CAPTURE,
            Self::Transfer { .. } => message::TRANSFER,
            Self::ChangePin { .. } => message::CHANGE_PIN,
            Self::Unload { .. } => message::UNLOAD,
            Self::CashTaken { .. } => message::CASH_TAKEN,
            Self::Advice { .. } => message::ADVICE,
            Self::Join { .. } => message::JOIN,
            Self::Award { .. } => message::AWARD,
            Self::Redeem { .. } => message::REDEEM,
            Self::UseEntitlement { .. } => message::USE_ENTITLEMENT,
        }
    }

    /// The card it names, if any.
    #[must_use]
    pub fn claim(&self) -> Option<&CardClaim> {
        match self {
            Self::Activate { claim }
            | Self::Load { claim, .. }
            | Self::Purchase { claim, .. }
            | Self::Authorize { claim, .. }
            | Self::Transfer { claim, .. }
            | Self::ChangePin { claim }
            | Self::Join { claim, .. }
            | Self::Award { claim, .. }
            | Self::Redeem { claim, .. }
            | Self::UseEntitlement { claim, .. }
            | Self::Unload { claim, .. } => Some(claim),
            _ => None,
        }
    }

    /// The amount that it asks for, if any.
    #[must_use]
    pub fn amount(&self) -> Option<i64> {
        match self {
            Self::Load { amount, .. }
            | Self::Purchase { amount, .. }
            | Self::Refund { amount, .. }
            | Self::Authorize { amount, .. }
            | Self::Capture { amount, .. }
            | Self::Transfer { amount, .. }
            | Self::Unload { amount, .. }
            | Self::CashTaken { amount, .. }
            | Self::Advice { amount, .. } => Some(*amount),
            _ => None,
        }
    }

    /// How many points it pays with, if any.
    #[must_use]
    pub fn points(&self) -> Option<i64> {
        match self {
            Self::Purchase { points, .. } => *points,
            _ => None,
        }
    }

    /// What was sold or comes back, item by item; none when nobody said.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        match self {
            Self::Purchase { lines, .. } | Self::Refund { lines, .. } | Self::Capture { lines, .. } => lines,
            _ => &[],
        }
    }

    /// The earlier request that it names, if any.
    #[must_use]
    pub fn original(&self) -> Option<&Named> {
        match self {
            Self::Reversal { original }
            | Self::Refund { original, .. }
            | Self::Void { original }
            | Self::Capture { original, .. } => Some(original),
            Self::Authorize { raises, .. } => raises.as_ref(),
            _ => None,
        }
    }
}
