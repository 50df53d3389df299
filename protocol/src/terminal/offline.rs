//! What the terminal approves by itself while it has no session (section 9.1).

use alloc::collections::BTreeMap;
use core::fmt;

use minicbor::Decoder;

use super::settings::{Details, Now};
use super::state::TransactionId;
use super::submit::SubmitError;
use super::{State, Terminal};
use crate::cbor::{Item, Writer, expect_array, read_array_head};
use crate::cose::Sign1;
use crate::error::Problem;
use crate::field::{AmountMinor, Blob, CardReference, Flags, PurchaseLines, TenderLines};
use crate::frame::MessageType;
use crate::receipt::{Grant, MAX_GRANT};
use crate::request::{Body, Request, RequestSidecar};

/// The newest grant, and what was approved under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    grant: Grant,
    /// As it came, for request key 36.
    signed: Blob<MAX_GRANT>,
    count: u32,
    sum: i64,
    cards: BTreeMap<CardReference, i64>,
}

/// A purchase that the terminal may approve by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfflineSale {
    /// The card that is to pay.
    pub card: CardReference,
    /// What it is to pay.
    pub amount: AmountMinor,
    /// Other tenders of the same bill.
    pub tenders: Option<TenderLines>,
    /// They add up to the amount.
    pub lines: Option<PurchaseLines>,
}

impl Allowance {
    pub(super) fn new(grant: Grant, signed: Blob<MAX_GRANT>) -> Self {
        Allowance { grant, signed, count: 0, sum: 0, cards: BTreeMap::new() }
    }

    /// What the gateway granted.
    pub const fn grant(&self) -> &Grant {
        &self.grant
    }

    /// How many purchases were approved under it.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// What they came to, in minor units.
    pub const fn sum(&self) -> i64 {
        self.sum
    }

    /// What of that this card is to pay.
    pub fn of_card(&self, card: CardReference) -> i64 {
        self.cards.get(&card).copied().unwrap_or(0)
    }

    /// Whether the grant covers one more purchase, at this time (Unix seconds). Decides, and changes nothing.
    pub fn approve(
        &self,
        card: CardReference,
        amount: AmountMinor,
        seconds: u64,
    ) -> Result<(), OfflineError> {
        self.after(card, amount, seconds).map(|_| ())
    }

    /// What is approved once this purchase is.
    fn after(&self, card: CardReference, amount: AmountMinor, seconds: u64) -> Result<Self, OfflineError> {
        if seconds < self.grant.issued.get().unsigned_abs() {
            return Err(OfflineError::NotYet);
        }
        if !self.grant.holds_at(seconds) {
            return Err(OfflineError::Expired);
        }
        let limits = &self.grant.limits;
        let within = |sum: i64, limit: i64| sum.checked_add(amount.get()).filter(|sum| *sum <= limit);
        within(0, limits.transaction.get()).ok_or(OfflineError::TransactionLimit)?;
        let of_card = within(self.of_card(card), limits.card.get()).ok_or(OfflineError::CardLimit)?;
        let count = self.count.checked_add(1).filter(|count| *count <= limits.count);
        let count = count.ok_or(OfflineError::CountLimit)?;
        let sum = within(self.sum, limits.sum.get()).ok_or(OfflineError::SumLimit)?;
        let mut cards = self.cards.clone();
        cards.insert(card, of_card);
        Ok(Allowance { count, sum, cards, ..self.clone() })
    }
}

impl Terminal {
    /// Approves a purchase while there is no session and none can be had. The Advice that says so is sent after the next
    /// sign-on, and again until it has a final answer ([`super::Event::Finished`]).
    ///
    /// Hand out the goods only after every action was carried out that [`Terminal::poll_action`] gives next: the
    /// [`super::Action::Persist`] among them is what keeps the Advice, and what it takes from the grant.
    pub fn approve_offline(
        &mut self,
        now: Now,
        sale: OfflineSale,
        details: Details,
    ) -> Result<TransactionId, OfflineError> {
        if self.is_signed_on() {
            return Err(OfflineError::Online);
        }
        let allowance = self.state.allowance.as_ref().ok_or(OfflineError::NoGrant)?;
        if self.state.has_advice_of_another(allowance) {
            return Err(OfflineError::EarlierAdvices);
        }
        let OfflineSale { card, amount, tenders, lines } = sale;
        let after = allowance.after(card, amount, now.wall.seconds())?;
        let body = Body::Advice { card, amount, tenders, lines, grant: after.signed.clone() };
        let flags = details.flags.unwrap_or_default().union(Flags::OFFLINE_APPROVED);
        let details = Details { flags: Some(flags), ..details };
        let id = self.submit(now, body, details, RequestSidecar::default()).map_err(OfflineError::Submit)?;
        self.state.allowance = Some(after);
        self.unsaved = true;
        Ok(id)
    }

    /// The newest grant and what was approved under it; `None` when the last sign-on brought none.
    pub fn allowance(&self) -> Option<&Allowance> {
        self.state.allowance.as_ref()
    }

    /// A sign-on brings a new grant, or says that there is none any more. The same grant again is no new one.
    pub(super) fn take_grant(&mut self, grant: Option<(Grant, Blob<MAX_GRANT>)>) {
        let new = match (grant, &self.state.allowance) {
            (Some((grant, _)), Some(held)) if held.grant == grant => return,
            (Some((grant, signed)), Some(held)) if held.grant.id == grant.id => {
                Some(Allowance { grant, signed, ..held.clone() })
            }
            (Some((grant, signed)), _) => Some(Allowance::new(grant, signed)),
            (None, None) => return,
            (None, Some(_)) => None,
        };
        self.state.allowance = new;
        self.unsaved = true;
    }
}

impl State {
    /// Whether an Advice without a final answer names another grant than this one.
    fn has_advice_of_another(&self, allowance: &Allowance) -> bool {
        let unfinished = self.entries.values().filter(|entry| entry.finished.is_none());
        unfinished.filter(|entry| entry.kind == MessageType::ADVICE).any(|entry| {
            let grant = read_grant(&entry.request.body);
            grant.is_none_or(|grant| grant.id != allowance.grant.id)
        })
    }
}

/// The grant that a signed Advice names.
fn read_grant(body: &[u8]) -> Option<Grant> {
    let payload = Sign1::parse(body).ok()?.payload?;
    let request = Request::decode_payload(MessageType::ADVICE, payload).ok()?;
    decode_signed(request.body.grant()?.as_bytes()).ok()
}

/// Decodes a grant whose signature was verified when it came.
fn decode_signed(bytes: &[u8]) -> Result<Grant, Problem> {
    let payload = Sign1::parse(bytes).map_err(|error| error.problem)?.payload.ok_or(Problem::Missing)?;
    Grant::decode_payload(payload).map_err(|error| error.problem)
}

/// `[grant, count, sum, [[card, sum], ...]]`, by rising card.
impl Item for Allowance {
    fn write(&self, writer: &mut Writer) {
        writer.array(4);
        self.signed.write(writer);
        self.count.write(writer);
        writer.int(self.sum).array(self.cards.len());
        for (card, sum) in &self.cards {
            writer.array(2);
            card.write(writer);
            writer.int(*sum);
        }
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        expect_array(decoder, 4)?;
        let signed: Blob<MAX_GRANT> = Item::read(decoder)?;
        let grant = decode_signed(signed.as_bytes())?;
        let (count, sum) = (Item::read(decoder)?, Item::read(decoder)?);
        let mut cards = BTreeMap::new();
        for _ in 0..read_array_head(decoder)? {
            expect_array(decoder, 2)?;
            let card = Item::read(decoder)?;
            if cards.last_key_value().is_some_and(|(last, _)| *last >= card) {
                return Err(Problem::Order);
            }
            let sum = i64::read(decoder)?;
            if sum <= 0 {
                return Err(Problem::OutOfRange);
            }
            cards.insert(card, sum);
        }
        if cards.values().try_fold(0_i64, |total, of_card| total.checked_add(*of_card)) != Some(sum) {
            return Err(Problem::Sum);
        }
        Ok(Allowance { grant, signed, count, sum, cards })
    }
}

/// Why the terminal may not approve by itself. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfflineError {
    /// There is a session: ask the gateway.
    Online,
    /// The last sign-on brought no grant, or there was none.
    NoGrant,
    /// An Advice under an earlier grant has no final answer yet.
    EarlierAdvices,
    /// The clock is before the grant's issue.
    NotYet,
    /// The grant's time is over.
    Expired,
    /// More than the grant allows in one transaction.
    TransactionLimit,
    /// More than it allows for this card.
    CardLimit,
    /// One transaction more than it allows.
    CountLimit,
    /// More than it allows in all.
    SumLimit,
    /// The Advice could not be made.
    Submit(SubmitError),
}

impl fmt::Display for OfflineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OfflineError::Online => "the terminal is signed on",
            OfflineError::NoGrant => "the terminal has no offline grant",
            OfflineError::EarlierAdvices => "advices under an earlier grant have no answer yet",
            OfflineError::NotYet => "the clock is before the grant's issue",
            OfflineError::Expired => "the grant has expired",
            OfflineError::TransactionLimit => "more than the grant allows in one transaction",
            OfflineError::CardLimit => "more than the grant allows for this card",
            OfflineError::CountLimit => "more transactions than the grant allows",
            OfflineError::SumLimit => "more than the grant allows in all",
            OfflineError::Submit(error) => return error.fmt(f),
        })
    }
}

impl core::error::Error for OfflineError {}
