//! The one writer: drains its queue, decides each job in memory, seals the group, commits once, then answers.
//!
//! Invariant: nothing else changes state or writes to the database.
//! Invariant: an answer that says something was recorded leaves only after the commit that recorded it.
//! Invariant: when a commit is undecided the writer ends and the process with it; it never says "declined".

mod acts;
mod archive;
mod birthdays;
mod boards;
mod budget;
mod close;
mod due;
mod exceptions;
mod follow;
mod grants;
mod group;
mod housekeeping;
mod import;
mod inquiry;
mod known;
mod member_inquiry;
mod member_value;
mod members;
mod open;
mod pins;
mod programmes;
mod proposals;
mod queries;
mod quotes;
mod scrub;
mod session;
mod value;
mod watch;
mod writer;

pub(crate) use boards::{standing_in, state_now};
pub(crate) use known::{in_effect, remembered};

use std::collections::HashMap;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, RwLock};

use protocol::code::ResponseCode;
use protocol::field::Installation;
use protocol::frame::MessageType;
use protocol::request::LastReceipt;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

pub use acts::{ActDone, IssuedCard};
pub use housekeeping::SpaceLimits;
pub use import::Imported;
pub use open::{OpenError, Options, open};
pub use programmes::Which;
pub use queries::{Query, TerminalRow};
pub use scrub::scrub;
pub use writer::{InDoubt, Writer};

use crate::domain::purchase::Asked;
use crate::domain::request::CardClaim;
use crate::domain::{Request, Role, TerminalStatus, Tried};
use crate::keys::PublicKey;
use crate::members::Personal;

/// Jobs that wait for the writer. A full queue answers "busy"; at 20,000 a second this is 50 ms of work.
pub const QUEUE: usize = 1024;

/// Most jobs in one write group: more would not make a commit cheaper for each, and would make receipts longer.
pub const GROUP_MAX: usize = 512;

/// What goes back to a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub code: ResponseCode,
    pub body: Vec<u8>,
    pub sidecar: Vec<u8>,
    pub repeat: bool,
    /// No answer yet: this PIN is to be hashed with this salt, and the request submitted again.
    pub untried: Option<(Tried, [u8; 16])>,
}

/// Work for the writer. Signatures are verified before.
#[derive(Debug)]
pub enum Job {
    /// A value message.
    Value { request: Box<Request>, signed: Vec<u8>, beside: Beside, reply: oneshot::Sender<Reply> },
    /// A message that changes nothing.
    Inquiry { terminal: String, generation: u32, inquiry: Inquiry, reply: oneshot::Sender<Reply> },
    /// Opens a session.
    SignOn { sign_on: SignOn, reply: oneshot::Sender<Reply> },
    /// Makes a key a terminal's key.
    Enroll { enrolment: Enrolment, reply: oneshot::Sender<Reply> },
    /// An operator's signed act.
    Act {
        signed: Vec<u8>,
        nonce: [u8; 16],
        /// The proposal that this is the second signature of.
        confirms: Option<u32>,
        /// What came with it, where the act names a file.
        file: Vec<u8>,
        reply: oneshot::Sender<Result<ActDone, String>>,
    },
    /// Damage was found: take no more money.
    Stop { reason: String },
    /// A question of an operator.
    Query { query: Query, reply: oneshot::Sender<serde_json::Value> },
}

/// What a session knows of a value message besides what the terminal signed.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// The cashier that it names is signed on.
    pub cashier_proven: bool,
    /// It comes again with the hash of a PIN that the writer asked for.
    pub proving: bool,
    /// Personal fields that belong to its commitment.
    pub personal: Option<Personal>,
    /// Personal fields came with it that do not.
    pub personal_differs: bool,
}

/// Messages without a STAN that need the ledger.
#[derive(Debug)]
pub enum Inquiry {
    /// Echo and SignOff: the writer lives, and says what day it is.
    Day(MessageType),
    LoadQuote {
        claim: CardClaim,
        currency: u16,
        amount: i64,
    },
    PurchaseQuote {
        claim: CardClaim,
        asked: Asked,
    },
    Balance {
        claim: CardClaim,
        currency: u16,
    },
    /// What a member has, and what comes after a Unix second.
    Member {
        claim: CardClaim,
        currency: u16,
        after: i64,
    },
    /// What points can be redeemed for, behind an item.
    Catalogue {
        currency: u16,
        after: Option<String>,
    },
    /// Cards that were registered with this phone number.
    CardLookup {
        phone: Zeroizing<String>,
    },
    /// With the hash of the PIN once it is worked out.
    CashierSignOn {
        cashier: String,
        hash: Option<[u8; 32]>,
    },
    /// Transactions of one's own shift with a STAN above `after`.
    Shift {
        shift: u32,
        after: u32,
    },
    Status {
        terminal: String,
        generation: u32,
        stan: u32,
        request_id: [u8; 32],
    },
}

impl Inquiry {
    fn message(&self) -> MessageType {
        match self {
            Self::Day(message) => *message,
            Self::LoadQuote { .. } => MessageType::LOAD_QUOTE,
            Self::Balance { .. } => MessageType::BALANCE_INQUIRY,
            Self::CashierSignOn { .. } => MessageType::CASHIER_SIGN_ON,
            Self::CardLookup { .. } => MessageType::CARD_LOOKUP,
            Self::Member { .. } => MessageType::MEMBER_INQUIRY,
            Self::Catalogue { .. } => MessageType::CATALOGUE,
            Self::PurchaseQuote { .. } => MessageType::PURCHASE_QUOTE,
            Self::Shift { .. } => MessageType::SHIFT_REPORT,
            Self::Status { .. } => MessageType::TRANSACTION_STATUS,
        }
    }
}

/// A SignOn whose signature, key and nonce were checked.
#[derive(Debug)]
pub struct SignOn {
    pub terminal: String,
    pub generation: u32,
    pub last_stan: u32,
    pub last_receipt: Option<LastReceipt>,
    /// The terminal's clock, Unix seconds.
    pub time_s: i64,
}

/// An Enroll whose signature, key, channel and nonce were checked.
#[derive(Debug)]
pub struct Enrolment {
    pub terminal: String,
    /// SHA-256 of the code.
    pub code_hash: [u8; 32],
    pub algorithm: i8,
    /// SubjectPublicKeyInfo, DER.
    pub public_key: Vec<u8>,
    pub request_id: [u8; 32],
    pub signed: Vec<u8>,
}

/// What sessions need to know of a terminal on every frame; published after each commit that changes it.
#[derive(Debug, Clone)]
pub struct TerminalView {
    pub generation: u32,
    pub status: TerminalStatus,
    pub role: Role,
    pub algorithm: i8,
    /// `None` while awaiting enrolment.
    pub key: Option<PublicKey>,
    /// SHA-256 of the key's SubjectPublicKeyInfo.
    pub fingerprint: [u8; 32],
}

/// Terminals as of the last commit.
#[derive(Debug, Default)]
pub struct Registry(RwLock<HashMap<String, TerminalView>>);

impl Registry {
    /// One terminal.
    #[must_use]
    pub fn find(&self, terminal: &str) -> Option<TerminalView> {
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner).get(terminal).cloned()
    }

    fn publish(&self, terminal: &str, view: TerminalView) {
        let mut all = self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.insert(terminal.into(), view);
    }
}

/// How the rest of the gateway reaches the writer.
#[derive(Debug, Clone)]
pub struct Handle {
    sender: SyncSender<Job>,
    pub registry: Arc<Registry>,
    pub installation: Installation,
}

/// The queue is full, or the writer has ended. The job was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken {
    Full,
    Ended,
}

impl Handle {
    /// Queues a job; never waits.
    ///
    /// # Errors
    /// [`NotTaken`] when it has no place.
    pub fn submit(&self, job: Job) -> Result<(), NotTaken> {
        self.submit_again(job).map_err(|(why, _)| why)
    }

    /// The same, for a caller who will try again: the job comes back.
    ///
    /// # Errors
    /// [`NotTaken`] when it has no place, with the job.
    #[expect(clippy::result_large_err, reason = "the job is given back as it came")]
    pub fn submit_again(&self, job: Job) -> Result<(), (NotTaken, Job)> {
        self.sender.try_send(job).map_err(|error| match error {
            TrySendError::Full(job) => (NotTaken::Full, job),
            TrySendError::Disconnected(job) => (NotTaken::Ended, job),
        })
    }
}
