//! A quote that a load or purchase cites: it is priced by the programme version and at the time that it was quoted with, and never
//! worse than was quoted (LOYALTY A3).

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::card::CardReference;
use super::decision::{Decline, Reason};
use super::ledger::Kind;
use super::request::{Now, Request, Sold, message};

/// What was quoted, to whom and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted {
    pub terminal: String,
    /// Message type of the transaction that may cite it.
    pub message: u8,
    pub card: CardReference,
    pub amount: i64,
    /// Points that pay a part of it.
    pub points: Option<i64>,
    /// With the programme's prices.
    pub prices: bool,
    /// What would be sold ([`goods`]).
    pub goods: u64,
    pub programme_version: u32,
    /// When it was given.
    pub at: Now,
    /// What it said; `None` when that is known to have been kept.
    pub promised: Option<Promise>,
    /// Unix seconds.
    pub expires: i64,
}

impl Quoted {
    /// Whether `request` may be priced by this quote now.
    #[must_use]
    pub fn covers(&self, request: &Request, now: Now) -> bool {
        let same_card = request.command.claim().is_some_and(|claim| claim.card == self.card);
        self.terminal == request.terminal
            && self.message == request.command.message()
            && same_card
            && request.command.amount() == Some(self.amount)
            && request.command.points() == self.points
            && request.prices == self.prices
            && goods(&request.sold) == self.goods
            && now.s() < self.expires
    }
}

/// What a quote says of price and gifts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Promise {
    /// What is paid, minor units: of a card that can pay less of it by now, gifts are for less too.
    pub paid: i64,
    /// What prices take off, minor units.
    pub discount: i64,
    /// What rules give to the customer: bonus and points.
    pub given: BTreeMap<Kind, i64>,
}

impl Promise {
    /// What rules' `reasons` come to; those of prices are the `discount`.
    #[must_use]
    pub fn of<'a>((paid, discount): (i64, i64), reasons: impl Iterator<Item = &'a Reason>) -> Self {
        let mut given: BTreeMap<Kind, i64> = BTreeMap::new();
        for reason in
            reasons.filter(|reason| reason.kind != Kind::MONEY && reason.result > 0 && reason.other.is_none())
        {
            let sum = given.entry(reason.kind).or_default();
            *sum = sum.saturating_add(reason.result);
        }
        Self { paid, discount, given }
    }

    /// Whether it keeps what `quoted` said, for each balance by itself.
    #[must_use]
    pub fn keeps(&self, quoted: &Self) -> bool {
        let brings = |kind: &Kind| self.given.get(kind).copied().unwrap_or(0);
        let gives = quoted.given.iter().all(|(kind, shown)| brings(kind) >= *shown);
        self.discount >= quoted.discount && (gives || self.paid < quoted.paid)
    }
}

/// Stands for what is sold while a quote is remembered: never journalled.
#[must_use]
pub fn goods(sold: &[Sold]) -> u64 {
    let mut hasher = DefaultHasher::new();
    sold.hash(&mut hasher);
    hasher.finish()
}

/// What was promised must be kept: nobody is charged more, or given less, than they were shown.
pub(super) fn check_promise(quoted: Option<&Quoted>, kept: &Promise) -> Result<(), Decline> {
    let promised = quoted.and_then(|quoted| quoted.promised.as_ref());
    if promised.is_some_and(|promised| !kept.keeps(promised)) { Err(Decline::QuoteWorse) } else { Ok(()) }
}

/// A citation must be of a quote that covers the request; `quoted` is what is remembered under its id.
pub(super) fn check_quote(quoted: Option<&Quoted>, request: &Request, now: Now) -> Result<(), Decline> {
    let priced = matches!(request.command.message(), message::LOAD | message::PURCHASE);
    match request.quote.filter(|_| priced) {
        Some(_) if !quoted.is_some_and(|quoted| quoted.covers(request, now)) => Err(Decline::QuoteGone),
        _ => Ok(()),
    }
}
