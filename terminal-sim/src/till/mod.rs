//! A till: a terminal whose every intent is written down before it is sent, and whose every outcome the oracle checks.

mod books;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::cose::Algorithm;
use protocol::field::{
    AmountMinor, CardReference, Code, Flags, GrossMinor, Original, Pin, PurchaseLine, PurchaseLines,
    QuantityThousandths, QuoteId, Ranged, Reason, Shift, TotalMinor, Totals,
};
use protocol::frame::MessageType;
use protocol::request::{Body, RequestSidecar, Reserved};
use protocol::terminal::{EnrolmentTicket, OfflineSale};

use crate::address::Address;
use crate::card::Card;
use crate::checked::Checked;
use crate::diary::{Diary, Entry};
use crate::error::Error;
use crate::hash::hex;
use crate::holder::Holders;
use crate::oracle::{Extra, Intent, Line, Oracle, ShiftTotals, Supervisor, TerminalRules, TransactionKey};
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
    /// Give an amount to another card.
    Transfer(i64, CardReference),
    /// Pay out what was loaded.
    Unload(i64),
    /// Set the PIN of this number; see [`pin_of`].
    ChangePin(u32),
    /// Take an amount, so many points of it first.
    PurchasePoints(i64, i64),
    /// Sell these.
    PurchaseLines(Vec<Line>),
    /// Take these back.
    RefundLines(Vec<Line>, Original),
    /// Say that so much money was taken for the card, and could not be loaded, perhaps by this Load.
    CashTaken(i64, Option<Original>),
    /// Sell without asking the gateway; it hears of it later.
    Advice(i64),
    /// Put an issued card into use for the person of this number.
    ActivateFor(u32),
    /// Load cash, and register the person of this number.
    LoadFor(i64, u32),
}

/// The PIN of a card with this number: they are drawn from its secret, or that of the card whose place it took, so that no
/// diary has one.
#[must_use]
pub fn pin_of(card: &Card, number: u32) -> Option<Pin> {
    let secret = card.pins.as_ref().unwrap_or(&card.secret);
    let seed = crate::hash::sha256(&[b"pin", secret.expose().as_bytes()]);
    let seed = seed.iter().take(6).fold(0_u64, |seed, byte| seed.wrapping_mul(256) | u64::from(*byte));
    let digits = seed.wrapping_add(u64::from(number)).checked_rem(1_000_000)?;
    Pin::new(&format!("{digits:06}"))
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
            | Act::CaptureMore(_, original)
            | Act::RefundLines(_, original)
            | Act::CashTaken(_, Some(original)) => Some(*original),
            _ => None,
        }
    }

    /// Whether it is given up by a Reversal; a Void is repeated until it has an answer.
    #[must_use]
    pub const fn is_reversible(&self) -> bool {
        !matches!(self, Act::Void(_) | Act::ChangePin(_) | Act::CashTaken(..) | Act::Advice(_))
    }

    /// What few acts say to the oracle.
    fn extra(&self) -> Extra {
        let none = Extra::default();
        match self {
            Act::Transfer(_, to) => Extra { to: Some(to.number()), ..none },
            Act::ActivateFor(person) | Act::LoadFor(_, person) => Extra { holder: Some(*person), ..none },
            Act::ChangePin(number) => Extra { new_pin: Some(*number), ..none },
            Act::PurchasePoints(_, points) => Extra { points: Some(*points), ..none },
            Act::PurchaseLines(lines) | Act::RefundLines(lines, _) => Extra { lines: lines.clone(), ..none },
            _ => none,
        }
    }

    /// Whether a PIN may go along.
    const fn may_have_pin(&self) -> bool {
        matches!(
            self,
            Act::Purchase(_)
                | Act::PurchasePart(_)
                | Act::PurchasePoints(..)
                | Act::PurchaseLines(_)
                | Act::Authorize(_)
                | Act::AuthorizePart(_)
                | Act::Raise(..)
                | Act::Transfer(..)
                | Act::Unload(_)
                | Act::ChangePin(_)
        )
    }

    fn body(&self, card: &Card) -> Result<Body, Error> {
        match self {
            Act::Activate | Act::ActivateFor(_) => Ok(Body::Activate { card: card.reference }),
            Act::Load(amount) | Act::LoadFor(amount, _) => calls::load_body(card, *amount),
            Act::Purchase(amount) | Act::PurchasePart(amount) => calls::purchase_body(card, *amount),
            Act::Refund(amount, original) => calls::refund_body(*original, *amount),
            Act::Void(original) => Ok(calls::void_body(*original)),
            Act::Authorize(amount) | Act::AuthorizePart(amount) => calls::authorize_body(card, *amount, None),
            Act::Raise(amount, original) => calls::authorize_body(card, *amount, Some(*original)),
            Act::Capture(amount, original) | Act::CaptureMore(amount, original) => {
                calls::capture_body(*original, *amount)
            }
            Act::Transfer(amount, to) => calls::transfer_body(card, *to, *amount),
            Act::Unload(amount) => calls::unload_body(card, *amount),
            Act::ChangePin(_) => Ok(Body::ChangePin { card: card.reference }),
            Act::PurchasePoints(amount, points) => calls::points_body(card, *amount, *points),
            Act::PurchaseLines(lines) => {
                let mut body = calls::purchase_body(card, total(lines))?;
                if let Body::Purchase { lines: sold, .. } = &mut body {
                    *sold = Some(wire_lines(lines)?);
                }
                Ok(body)
            }
            Act::RefundLines(lines, original) => {
                let mut body = calls::refund_body(*original, total(lines))?;
                if let Body::Refund { lines: back, .. } = &mut body {
                    *back = Some(wire_lines(lines)?);
                }
                Ok(body)
            }
            Act::CashTaken(amount, load) => calls::cash_taken_body(card, *amount, *load),
            Act::Advice(_) => Err(Error::Usage("that is begun offline".into())),
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

/// Somebody who is named as supervisor.
#[derive(Clone, Debug)]
pub struct Allowing {
    /// Name.
    pub name: Code<16>,
    /// The PIN that goes along.
    pub pin: Option<Pin>,
    /// What the oracle is to know of it.
    pub said: Supervisor,
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
    /// The number of the PIN that goes along with the next acts that may have one.
    pub pin: Option<u32>,
    /// Who allows the next refund, void or cash-out.
    pub supervisor: Option<Allowing>,
    /// The quote that the next load or purchase cites, and whether it may.
    pub cites: Option<(QuoteId, bool)>,
    /// Who may be registered here.
    pub holders: Holders,
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
        let mut till = Till {
            terminal,
            receipts: None,
            oracle,
            diary,
            rules: None,
            shift: 1,
            pin: None,
            supervisor: None,
            cites: None,
            holders: Holders::default(),
        };
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
        let mut body = act.body(card)?;
        details.flags = act.flags();
        let mut extra = act.extra();
        extra.cashier = details.cashier.map(|cashier| cashier.to_string());
        let mut sidecar = if body.card().is_some() { card.sidecar() } else { RequestSidecar::default() };
        if let Some(number) = self.pin.filter(|_| act.may_have_pin()) {
            extra.pin = Some(number);
            sidecar.pin = pin_of(card, number);
            details.flags = Some(details.flags.unwrap_or_default().union(Flags::PIN_USED));
        }
        if let Act::ChangePin(number) = &act {
            sidecar.new_pin = pin_of(card, *number);
        }
        if let Some(person) = extra.holder {
            sidecar.personal = self.holders.fields(person);
            let personal_commitment = Holders::commitment(&sidecar);
            details.reserved = Some(Box::new(Reserved { personal_commitment, ..Reserved::default() }));
        }
        if matches!(act, Act::CashTaken(..)) {
            sidecar = RequestSidecar::default();
        }
        if let Body::Refund { supervisor, .. }
        | Body::Void { supervisor, .. }
        | Body::Unload { supervisor, .. } = &mut body
            && let Some(allowing) = self.supervisor.take()
        {
            *supervisor = Some(allowing.name);
            sidecar.supervisor_pin = allowing.pin;
            extra.supervisor = Some(allowing.said);
        }
        let may_cite = matches!(act, Act::Load(_) | Act::Purchase(_) | Act::PurchasePoints(..));
        if let Some((quote, holds)) = self.cites.take_if(|_| may_cite) {
            details.quote = Some(quote);
            extra.quote = Some(holds);
        }
        let flag = |flag| details.flags.is_some_and(|flags| flags.contains(flag));
        let (partial, more) = (flag(Flags::PARTIAL_ALLOWED), flag(Flags::MORE_CAPTURES));
        let amount = body.amount().map(AmountMinor::get);
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
            extra,
        };
        self.start(body, details, sidecar, intent).await
    }

    /// Approves a purchase without the gateway, within the terminal's grant: it is in the diary and on the terminal's disk
    /// on return. An error that is wrong usage says why not; then nothing was done.
    pub async fn sell_offline(&mut self, card: &Card, amount_minor: i64) -> Result<TransactionId, Error> {
        let (rules, details) = (self.rules().await?, self.details());
        let cashier = details.cashier.map(|cashier| cashier.to_string());
        let amount = AmountMinor::new(amount_minor).ok_or_else(|| Error::Usage("no amount".into()))?;
        let sale = OfflineSale { card: card.reference, amount, tenders: None, lines: None };
        let id = self.terminal.prepare_offline(sale, details)?;
        let intent = Intent {
            key: self.key(id),
            kind: MessageType::ADVICE.0,
            card: Some(card.reference.number()),
            amount: Some(amount_minor),
            partial: false,
            genuine: true,
            original: None,
            more: false,
            request_id: self.terminal.original(id).map(|own| hex(&own.request_id.0)),
            shift: Some(self.shift),
            totals: None,
            rules,
            extra: Extra { cashier, ..Extra::default() },
        };
        self.diary.append(&Entry::Begin(Box::new(intent.clone())))?;
        self.oracle().begin(intent);
        self.terminal.dispatch().await?;
        Ok(id)
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
            self.diary.append(&Entry::Begin(Box::new(intent.clone())))?;
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

    /// Asks what a load or purchase would come to; the quote that it may cite, and whether the answer was right.
    pub async fn price(
        &mut self,
        card: &Card,
        kind: MessageType,
        (amount_minor, points): (i64, Option<i64>),
    ) -> Result<(Option<QuoteId>, Option<bool>), Error> {
        let rules = self.rules().await?;
        let watch = self.oracle().watch(card.reference);
        let reply = if kind == MessageType::LOAD {
            self.terminal.quote(card, amount_minor).await?
        } else {
            self.terminal.price(card, amount_minor, points).await?
        };
        let quote = reply.answer.quote.filter(|_| reply.answer.code.is_approval()).map(|quote| quote.id);
        let priced = (amount_minor, points);
        let right = watch.and_then(|watch| self.oracle().priced(watch, kind, priced, rules, &reply.answer));
        Ok((quote, right))
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
            extra: Extra::default(),
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
        self.oracle().it_is(sign_on.time.get());
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
        self.diary.append(&Entry::Begin(Box::new(intent.clone())))?;
        self.oracle().begin(intent);
        self.terminal.dispatch().await?;
        Ok(id)
    }

    fn details(&mut self) -> Details {
        let shift = self.open_shift();
        Details { shift: Shift::new(shift), ..self.terminal.details.clone() }
    }

    /// The first shift from the last one on that is not closed.
    pub fn open_shift(&mut self) -> u32 {
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

fn total(lines: &[Line]) -> i64 {
    lines.iter().fold(0, |sum, line| sum.saturating_add(line.amount))
}

fn wire_lines(lines: &[Line]) -> Result<PurchaseLines, Error> {
    let wrong = || Error::Usage("these lines do not fit in a request".into());
    let line = |line: &Line| {
        Some(PurchaseLine {
            item: line.item.parse().ok()?,
            category: "goods".parse().ok()?,
            brand: None,
            quantity: QuantityThousandths::new(line.quantity)?,
            gross: GrossMinor::new(line.amount)?,
            flags: 0,
        })
    };
    let lines = lines.iter().map(line).collect::<Option<Vec<_>>>().ok_or_else(wrong)?;
    PurchaseLines::new(lines).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pins_of_a_card_differ_and_are_its_own() {
        let card = |secret| Card::new("9766338083284777", secret).unwrap();
        let (one, other) = (card("27175142096771094217"), card("27175142096771094218"));
        let pins: Vec<_> = (0..50).map(|number| pin_of(&one, number).unwrap()).collect();
        assert!((1..50).all(|at| !pins[..at].contains(&pins[at])));
        assert_ne!(pin_of(&other, 0), pin_of(&one, 0));
        assert_eq!(pin_of(&one, 7), pin_of(&one, 7));
        let third = card("27175142096771094219").in_place_of(&other.in_place_of(&one));
        assert_eq!(pin_of(&third, 7), pin_of(&one, 7), "the holder is the same");
    }
}
