//! A quote that a load or purchase cites: it is priced with the programme version that it was quoted with (LOYALTY A3).

use super::card::CardReference;
use super::decision::Decline;
use super::request::{Now, Request, message};

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
    pub programme_version: u32,
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
            && now.s() < self.expires
    }
}

/// A citation must be of a quote that covers the request; `quoted` is what is remembered under its id.
pub(super) fn check_quote(quoted: Option<&Quoted>, request: &Request, now: Now) -> Result<(), Decline> {
    let priced = matches!(request.command.message(), message::LOAD | message::PURCHASE);
    match request.quote.filter(|_| priced) {
        Some(_) if !quoted.is_some_and(|quoted| quoted.covers(request, now)) => Err(Decline::QuoteGone),
        _ => Ok(()),
    }
}
