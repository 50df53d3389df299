//! A till: a terminal whose every intent is written down before it is sent, and whose every outcome the oracle checks.

mod books;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::cose::Algorithm;
use protocol::field::{AmountMinor, Flags, Original, Ranged, Reason, Shift, TotalMinor, Totals};
use protocol::frame::MessageType;
use protocol::request::{Body, RequestSidecar};
use protocol::terminal::EnrolmentTicket;

use crate::address::Address;
use crate::card::Card;
use crate::checked::Checked;
use crate::diary::{Diary, Entry};
use crate::error::Error;
use crate::hash::hex;
use crate::oracle::{Intent, Oracle, ShiftTotals, TerminalRules, TransactionKey};
use crate::terminal::{Details, Outcome, Terminal, TransactionId, calls};

const DIARY_FILE: &str = "diary.jsonl";

/// Shared by the tills of a shop.
pub type SharedOracle = Arc<Mutex<Oracle>>;

/// What a till can do to a card or a shift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Put an issued card into use.
    Activate,
    /// Load cash, minor units.
    Load(i64),
    /// Take the whole amount.
    Purchase(i64),
    /// Take the amount, or what there is.
    PurchasePart(i64),
    /// Give back this much of an earlier transaction, at any terminal.
    Refund(i64, Original),
    /// Cancel an earlier transaction, at any terminal.
    Void(Original),
    /// Hold the amount.
    Authorize(i64),
    /// Hold the amount, or what there is.
    AuthorizePart(i64),
    /// Hold this much more in the hold of an earlier Authorize.
    Raise(i64, Original),
    /// Take an amount from a hold, and let the rest go.
    Capture(i64, Original),
    /// Take an amount from a hold, and keep the rest for more captures.
    CaptureMore(i64, Original),
}

impl Act {
    /// The earlier transaction that it names.
    #[must_use]
    pub const fn original(&self) -> Option<Original> {
        match self {
            Act::Refund(_, original)
            | Act::Void(original)
            | Act::Raise(_, original)
            | Act::Capture(_, original)
            | Act::CaptureMore(_, original) => Some(*original),
            _ => None,
        }
    }

    /// Whether it is given up by a Reversal; a Void is repeated until it has an answer.
    #[must_use]
    pub const fn is_reversible(&self) -> bool {
        !matches!(self, Act::Void(_))
    }

    fn body(&self, card: &Card) -> Result<Body, Error> {
        match *self {
            Act::Activate => Ok(Body::Activate { card: card.reference }),
            Act::Load(amount) => calls::load_body(card, amount),
            Act::Purchase(amount) | Act::PurchasePart(amount) => calls::purchase_body(card, amount),
            Act::Refund(amount, original) => calls::refund_body(original, amount),
            Act::Void(original) => Ok(calls::void_body(original)),
            Act::Authorize(amount) | Act::AuthorizePart(amount) => calls::authorize_body(card, amount, None),
            Act::Raise(amount, original) => calls::authorize_body(card, amount, Some(original)),
            Act::Capture(amount, original) | Act::CaptureMore(amount, original) => {
                calls::capture_body(original, amount)
            }
        }
    }

    const fn flags(&self) -> Option<Flags> {
        match self {
            Act::PurchasePart(_) | Act::AuthorizePart(_) => Some(Flags::PARTIAL_ALLOWED),
            Act::CaptureMore(..) => Some(Flags::MORE_CAPTURES),
            _ => None,
        }
    }
}

/// A terminal with a diary and an oracle.
#[derive(Debug)]
pub struct Till {
    /// The terminal. Value messages that are sent past the till are unknown to the oracle.
    pub terminal: Terminal,
    /// Where each final answer's receipt file (section 8.4) is put, if anywhere.
    pub receipts: Option<PathBuf>,
    oracle: SharedOracle,
    diary: Diary,
    rules: Option<TerminalRules>,
    shift: u32,
}

impl Till {
    /// Enrols a new terminal in `directory`.
    pub async fn enrol(
        directory: &Path,
        address: Address,
        ticket: &EnrolmentTicket,
        algorithm: Algorithm,
        oracle: SharedOracle,
    ) -> Result<Till, Error> {
        let terminal = Terminal::enrol(directory, address, ticket, algorithm).await?;
        Till::new(terminal, directory, oracle)
    }

    /// Makes a till of an enrolled terminal, with its diary in `directory`.
    pub fn new(terminal: Terminal, directory: &Path, oracle: SharedOracle) -> Result<Till, Error> {
        let (diary, entries) = Diary::open(&directory.join(DIARY_FILE))?;
        let mut till = Till { terminal, receipts: None, oracle, diary, rules: None, shift: 1 };
        till.read_in(&entries)?;
        Ok(till)
    }

    /// Opens a till that was there before. Its books are read into the oracle; call it between [`Oracle::replay`] and
    /// [`Oracle::replayed`], and [`Till::resolve`] when the gateway is there.
    pub fn open(directory: &Path, address: Address, oracle: SharedOracle) -> Result<Till, Error> {
        Till::new(Terminal::open(directory, address)?, directory, oracle)
    }

    /// The oracle. Hold it briefly.
    pub fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.oracle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does one thing and waits for its outcome, which the oracle has checked.
    pub async fn trade(&mut self, card: &Card, act: Act) -> Result<Outcome, Error> {
        let id = self.begin(card, act, true).await?;
        let outcome = self.finish(id).await?;
        Ok(outcome)
    }

    /// Starts something: it is in the diary and on the terminal's disk, and sent if the terminal is signed on.
    /// The card is the original's, where the act names one. `genuine` says whether the gateway has issued this card with
    /// this secret; of an act that needs no secret, whether the original has the request id named.
    pub async fn begin(&mut self, card: &Card, act: Act, genuine: bool) -> Result<TransactionId, Error> {
        let (reference, mut details) = (card.reference, self.details());
        let body = act.body(card)?;
        details.flags = act.flags();
        let flag = |flag| details.flags.is_some_and(|flags| flags.contains(flag));
        let (partial, more) = (flag(Flags::PARTIAL_ALLOWED), flag(Flags::MORE_CAPTURES));
        let (amount, names_card) = (body.amount().map(AmountMinor::get), body.card().is_some());
        let intent = |key, kind: MessageType, rules, shift| Intent {
            key,
            kind: kind.0,
            card: Some(reference.number()),
            amount,
            partial,
            genuine,
            original: act.original().as_ref().map(key_of),
            more,
            request_id: None,
            shift: Some(shift),
            totals: None,
            rules,
        };
        let sidecar = if names_card { card.sidecar() } else { RequestSidecar::default() };
        self.start(body, details, sidecar, intent).await
    }

    /// How any till names the transaction of an outcome of this one.
    #[must_use]
    pub fn original_of(&self, outcome: &Outcome) -> Original {
        self.terminal.original_of(outcome)
    }

    /// Waits for the outcome of what was started, whatever happened to it, and has it checked.
    pub async fn finish(&mut self, id: TransactionId) -> Result<Outcome, Error> {
        let outcome = self.terminal.finish(id).await?;
        self.settle(&outcome).await?;
        Ok(outcome)
    }

    /// Gives up what was started, or what was approved and not forgotten yet; a Void cannot be given up.
    pub async fn reverse(&mut self, id: TransactionId, reason: Reason) -> Result<Outcome, Error> {
        let key = self.key(id);
        let intent = self.oracle().intent(&key).cloned();
        let intent = intent.ok_or_else(|| Error::Usage("the oracle knows nothing of it".into()))?;
        if !MessageType(intent.kind).may_be_given_up() {
            return Err(Error::Usage("it is repeated until it is answered, and never reversed".into()));
        }
        if !self.oracle().is_open(&key) {
            self.diary.append(&Entry::Begin(intent.clone()))?;
            self.oracle().begin(intent);
        }
        self.terminal.give_up(id, reason).await?;
        self.finish(id).await
    }

    /// Asks what a card holds; `None` when the oracle cannot tell because the card was used meanwhile.
    pub async fn inquire(&mut self, card: &Card) -> Result<Option<bool>, Error> {
        let watch = self.oracle().watch(card.reference);
        let reply = self.terminal.inquire(card).await?;
        Ok(watch.and_then(|watch| self.oracle().inquired(watch, &reply.answer)))
    }

    /// Asks what a load would give; `None` as in [`Till::inquire`].
    pub async fn quote(&mut self, card: &Card, amount_minor: i64) -> Result<Option<bool>, Error> {
        let rules = self.rules().await?;
        let watch = self.oracle().watch(card.reference);
        let reply = self.terminal.quote(card, amount_minor).await?;
        Ok(watch.and_then(|watch| self.oracle().quoted(watch, amount_minor, rules, &reply.answer)))
    }

    /// Asks where a transaction stands.
    pub async fn status(&mut self, id: TransactionId) -> Result<Checked, Error> {
        self.terminal.status(id).await
    }

    /// Closes the shift with the oracle's totals, or with totals of one's own, and begins the next one.
    pub async fn close_shift(&mut self, claimed: Option<ShiftTotals>) -> Result<Outcome, Error> {
        let shift = self.open_shift();
        let generation = self.terminal.state().generation.map_or(0, |generation| generation.get());
        let name = self.terminal.id();
        let totals = claimed.unwrap_or_else(|| self.oracle().shift_totals(name.as_str(), generation, shift));
        let wrong = || Error::Usage("these totals do not fit in a Reconciliation".into());
        let body = Body::Reconciliation { totals: wire_totals(&totals).ok_or_else(wrong)? };
        let intent = |key, kind: MessageType, rules, shift| Intent {
            key,
            kind: kind.0,
            card: None,
            amount: None,
            partial: false,
            genuine: true,
            original: None,
            more: false,
            request_id: None,
            shift: Some(shift),
            totals: Some(totals),
            rules,
        };
        let details = self.details();
        let id = self.start(body, details, RequestSidecar::default(), intent).await?;
        self.finish(id).await
    }

    /// Takes up everything that was left open when the till was closed or killed, and waits for its outcome.
    pub async fn resolve(&mut self) -> Result<usize, Error> {
        let restored: Vec<Outcome> = self.terminal.outcomes().cloned().collect();
        for outcome in &restored {
            self.settle(outcome).await?;
            self.terminal.acknowledge(outcome.id);
        }
        let unfinished = self.terminal.unfinished();
        for unfinished in &unfinished {
            self.finish(unfinished.id).await?;
            self.terminal.acknowledge(unfinished.id);
        }
        Ok(restored.len().saturating_add(unfinished.len()))
    }

    /// What the terminal may do, if it has signed on since it was opened.
    #[must_use]
    pub const fn known_rules(&self) -> Option<TerminalRules> {
        self.rules
    }

    /// What the terminal may do, from its last sign-on.
    pub async fn rules(&mut self) -> Result<TerminalRules, Error> {
        if let Some(rules) = self.rules {
            return Ok(rules);
        }
        let sign_on = self.terminal.sign_on().await?;
        let rules = TerminalRules::of(&sign_on);
        let rules = rules.ok_or_else(|| Error::Usage("the sign-on names no role or no limits".into()))?;
        self.rules = Some(rules);
        Ok(rules)
    }

    async fn start(
        &mut self,
        body: Body,
        details: Details,
        sidecar: RequestSidecar,
        intent: impl FnOnce(TransactionKey, MessageType, TerminalRules, u32) -> Intent,
    ) -> Result<TransactionId, Error> {
        let rules = self.rules().await?;
        let kind = body.kind();
        let id = self.terminal.prepare(body, details, sidecar)?;
        let mut intent = intent(self.key(id), kind, rules, self.shift);
        intent.request_id = self.terminal.original(id).map(|own| hex(&own.request_id.0));
        self.diary.append(&Entry::Begin(intent.clone()))?;
        self.oracle().begin(intent);
        self.terminal.dispatch().await?;
        Ok(id)
    }

    fn details(&mut self) -> Details {
        let shift = self.open_shift();
        Details { shift: Shift::new(shift), ..self.terminal.details.clone() }
    }

    /// The first shift from the last one on that is not closed.
    fn open_shift(&mut self) -> u32 {
        let name = self.terminal.id();
        let generation = self.terminal.state().generation.map_or(0, |generation| generation.get());
        while self.oracle().is_shift_closed(name.as_str(), generation, self.shift) {
            self.shift = self.shift.saturating_add(1);
        }
        self.shift
    }

    pub(super) fn key(&self, id: TransactionId) -> TransactionKey {
        TransactionKey {
            terminal: self.terminal.id().as_str().to_owned(),
            generation: id.generation.get(),
            stan: id.stan.get(),
        }
    }
}

/// How the oracle names an original.
fn key_of(original: &Original) -> TransactionKey {
    TransactionKey {
        terminal: original.terminal.as_str().to_owned(),
        generation: original.generation.get(),
        stan: original.stan.get(),
    }
}

fn wire_totals(totals: &ShiftTotals) -> Option<Totals> {
    let total = |(kind, (count, amount)): (&u8, &(u32, i64))| {
        let amount: TotalMinor = Ranged::new(*amount)?;
        Some(protocol::field::Total { kind: MessageType(*kind), count: *count, amount })
    };
    Totals::new(totals.iter().map(total).collect::<Option<Vec<_>>>()?)
}
