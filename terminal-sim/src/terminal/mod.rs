//! A whole terminal: the protocol's state machine with a disk, a key and a network, and calls that read like a till's.
//!
//! Every call runs to its end or its [`Terminal::patience`]; dropping its future half way is a power cut, after which
//! the terminal must be opened again from its directory, as a real one would be.

pub(crate) mod calls;
mod drive;
mod outcome;
mod raw;
mod reservation;
mod setup;

pub use calls::{cash, tender};
pub use outcome::Outcome;
pub use protocol::terminal::{Details, Reply, TransactionId, Unfinished, Verdict};
pub use reservation::Reservation;
pub use setup::parse_algorithm;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use protocol::answer::Answer;
use protocol::field::{Code, Fingerprint, Original, Pin, TerminalId};
use protocol::frame::Frame;
use protocol::terminal::{Alarm, CloseReason, NoReply, Refused, State};

use crate::address::Address;
use crate::client::{Connection, Dialler};
use crate::faults::FaultPlan;
use crate::keys::{GatewayKey, TerminalKey};
use crate::store::{Lock, Store};

/// How long a call tries unless told otherwise.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Outcomes that are kept in the state file, so that they can still be reversed, until they are acknowledged. The oldest
/// go first; the file is written with every transaction and must stay small.
pub const KEPT_OUTCOMES: usize = 16;

/// A simulated terminal.
pub struct Terminal {
    /// What happens to messages on their way.
    pub faults: FaultPlan,
    /// How long a call tries, with reconnects, before it returns an error. What it started goes on with the next call.
    pub patience: Duration,
    /// What is added to every value message: cashier, shift, entry mode.
    pub details: Details,
    /// Who proves themselves at the start of each session, and with what.
    pub cashier: Option<(Code<16>, Pin)>,
    proof: Proof,
    store: Store,
    /// Nobody else uses its STANs.
    _lock: Lock,
    key: Arc<TerminalKey>,
    gateway: Fingerprint,
    gateway_key: Arc<OnceLock<GatewayKey>>,
    machine: protocol::terminal::Terminal,
    dialler: Dialler,
    address: Address,
    connection: Option<Connection>,
    inbox: Inbox,
    /// The highest STAN of this generation that a final answer was seen for.
    highest_decided: u32,
    next_own: u32,
    started: Instant,
    /// By how much the machine's clock was set on: what is late on purpose is not waited for.
    skipped: Duration,
    /// The machine's time to wait is over, and nothing was read yet.
    is_late: bool,
    /// What is still under way, and arrives behind what is sent next.
    overtaken: Option<Vec<u8>>,
}

/// Where the cashier's proof for this session stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Proof {
    /// There is no session, or nobody to prove.
    #[default]
    None,
    /// To be sent at this time.
    Due(Instant),
    /// Sent as this question.
    Asked(u32),
    /// The cashier is signed on.
    Given,
}

/// What the machine and the gateway said and no call has taken yet.
#[derive(Default)]
struct Inbox {
    signed_on: Option<Answer>,
    refused: Option<Refused>,
    closed: Option<CloseReason>,
    outcomes: BTreeMap<TransactionId, Outcome>,
    /// In the order in which they came, for [`KEPT_OUTCOMES`].
    kept: VecDeque<TransactionId>,
    waiting: BTreeMap<TransactionId, Refused>,
    replies: BTreeMap<u32, Result<Reply, NoReply>>,
    alarms: VecDeque<Alarm>,
    /// Answers to frames that were sent past the machine.
    own: BTreeMap<u32, Frame>,
}

impl Terminal {
    /// The terminal's name.
    #[must_use]
    pub fn id(&self) -> TerminalId {
        self.machine.state().terminal
    }

    /// What it must never forget.
    #[must_use]
    pub fn state(&self) -> &State {
        self.machine.state()
    }

    /// Its key pair.
    #[must_use]
    pub fn key(&self) -> &Arc<TerminalKey> {
        &self.key
    }

    /// The gateway's key; `None` before the first connection ever.
    #[must_use]
    pub fn gateway_key(&self) -> Option<&GatewayKey> {
        self.gateway_key.get()
    }

    /// The pinned gateway.
    #[must_use]
    pub const fn gateway(&self) -> Fingerprint {
        self.gateway
    }

    /// The answer to the last sign-on: limits, business date, programme digest, merchant and store.
    #[must_use]
    pub const fn last_sign_on(&self) -> Option<&Answer> {
        self.inbox.signed_on.as_ref()
    }

    /// How a transaction is named in a Reversal or TransactionStatus; `None` when it was acknowledged.
    #[must_use]
    pub fn original(&self, id: TransactionId) -> Option<Original> {
        self.machine.original(id)
    }

    /// Transactions without a final result, by rising STAN.
    #[must_use]
    pub fn unfinished(&self) -> Vec<Unfinished> {
        self.machine.state().unfinished().collect()
    }

    /// Outcomes that were not acknowledged yet, those from before a restart included.
    pub fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.inbox.outcomes.values()
    }

    /// The till has written the outcome down: it can be forgotten, and no longer be reversed.
    pub fn acknowledge(&mut self, id: TransactionId) {
        self.machine.acknowledge(id);
        self.inbox.outcomes.remove(&id);
        self.inbox.kept.retain(|kept| *kept != id);
    }

    /// A final answer for this STAN of this generation was seen before the terminal was opened: the gateway must know it
    /// at sign-on.
    pub fn remember_decided(&mut self, stan: u32) {
        self.highest_decided = self.highest_decided.max(stan);
    }

    /// Whether its cashier, if it has one, is signed on.
    fn is_proven(&self) -> bool {
        self.cashier.is_none() || self.proof == Proof::Given
    }

    /// Whether it is signed on now, as far as it knows.
    #[must_use]
    pub fn is_signed_on(&self) -> bool {
        self.connection.is_some() && self.machine.is_signed_on()
    }
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terminal")
            .field("id", &self.id())
            .field("key", &self.key)
            .field("signed_on", &self.is_signed_on())
            .finish_non_exhaustive()
    }
}
