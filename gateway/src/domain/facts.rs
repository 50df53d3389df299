//! What a decision may look at, and the card checks that every decision makes in the same order.

use super::card::{Card, CardStatus};
use super::decision::{Decision, Decline};
use super::effect::TransactionState;
use super::original::Original;
use super::programme::{Circumstances, Product, Programme, When};
use super::quoted::Quoted;
use super::request::{CardClaim, Named, Now, message};
use super::state::State;
use super::terminal::Terminal;

/// All that a decision may look at besides the request and the time.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Holds everything that the request names, if it exists.
    pub state: &'a State,
    /// In force now: what is allowed.
    pub programme: &'a Programme,
    /// What things cost and earn: the one in force, or that of a quote which is honoured.
    pub pricing: &'a Programme,
    /// Index of the entry that will be written.
    pub index: u64,
    /// What the journal has under the STAN that the request names.
    pub original: Option<&'a Original>,
    /// Other entries that the journal was read for: loads whose money an unload may pay out, what has opened an account's holds, purchases by which a card became the
    /// member's whose purchase is undone.
    pub entries: &'a [Original],
    /// The quote that the request cites, when it is honoured: hours, dates and windows are looked at as of then.
    pub quoted: Option<&'a Quoted>,
    /// The member's birthday, where the programme asks for it and it is known.
    pub birthday: Option<Born>,
}

impl Facts<'_> {
    /// The time at which rules are looked at: that of the quote which is honoured, or the present.
    #[must_use]
    pub fn priced_at(&self, now: Now) -> Now {
        self.quoted.map_or(now, |quoted| Now { certain: now.certain, ..quoted.at })
    }
}

/// A birthday. It is never journalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Born {
    /// 0 when it is not known.
    pub year: u16,
    pub month: u8,
    pub day: u8,
}

impl Born {
    #[must_use]
    pub fn month_and_day(self) -> (u8, u8) {
        (self.month, self.day)
    }

    /// The day of a year that counts as the birthday: 28 February for the 29th where there is none.
    #[must_use]
    pub fn in_year(self, is_leap: bool) -> (u8, u8) {
        let leap_day = (self.month, self.day) == (2, 29) && !is_leap;
        (self.month, if leap_day { 28 } else { self.day })
    }
}

/// The card, when its proof is right and its state and product let it trade.
pub(super) fn accept_card<'a>(
    facts: Facts<'a>,
    currency: u16,
    claim: &CardClaim,
    now: Now,
) -> Result<(&'a Card, &'a Product), Decline> {
    let card = prove_card(facts, claim)?;
    usable(card, now)?;
    Ok((card, product_of(facts, currency, card)?))
}

pub(super) fn usable(card: &Card, now: Now) -> Result<(), Decline> {
    match card.status {
        CardStatus::Blocked => Err(Decline::CardBlocked),
        CardStatus::Issued => Err(Decline::CardNotActive),
        CardStatus::Replaced => Err(Decline::CardReplaced),
        CardStatus::Active if card.is_over(now.s()) => Err(Decline::CardExpired),
        CardStatus::Active => Ok(()),
    }
}

/// The card, when it exists and its proof is right; one answer for both failures.
pub(super) fn prove_card<'a>(facts: Facts<'a>, claim: &CardClaim) -> Result<&'a Card, Decline> {
    let card = facts.state.cards.get(&claim.card);
    let expected = card.map_or([0; 32], |c| c.proof);
    let same = claim.proof.is_some_and(|proof| constant_time_eq(&proof, &expected));
    card.filter(|_| same).ok_or(Decline::CardNotAccepted)
}

/// Why something is not to be had now: it has not begun for this member, or it is over, or at other hours.
pub(super) fn not_now(when: &When, programme: &Programme, at: &Circumstances<'_>) -> Decline {
    if when.is_to_come(programme, at) { Decline::NotYet } else { Decline::NotNow }
}

pub(super) fn product_of<'a>(facts: Facts<'a>, currency: u16, card: &Card) -> Result<&'a Product, Decline> {
    if currency != facts.programme.currency {
        return Err(Decline::CurrencyNotAccepted);
    }
    facts.programme.products.get(&card.product).ok_or(Decline::ProductNotInProgramme)
}

pub(super) fn constant_time_eq(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).fold(0, |difference, (x, y)| difference | (x ^ y)) == 0
}

/// The card, for whoever holds it: its state does not matter, its proof does.
///
/// # Errors
/// The decline for a card that is unknown, or a programme without its product.
pub fn view_card<'a>(facts: Facts<'a>, claim: &CardClaim, currency: u16) -> Result<&'a Card, Decline> {
    let card = prove_card(facts, claim)?;
    if card.status == CardStatus::Replaced {
        return Err(Decline::CardReplaced);
    }
    product_of(facts, currency, card).map(|_| card)
}

/// Whose transactions a person at a terminal may act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    Merchant,
    Store,
}

/// The original that a refund, void, authorize or capture names, when there is one of this merchant or store that something
/// can be done to; else the answer.
pub(super) fn named_original<'a>(
    facts: Facts<'a>,
    terminal: &Terminal,
    currency: u16,
    named: &Named,
    within: Within,
) -> Result<&'a Original, Box<Decision>> {
    let declined = |decline| Err(Box::new(Decision::declined(decline)));
    let foreign = currency != facts.programme.currency;
    let near = |merchant: &str, store: &str| {
        merchant == terminal.merchant && (within == Within::Merchant || store == terminal.store)
    };
    // A reversal may have blocked a request that never came: only its terminal says where that would have been.
    if let Some(blocked) = facts.state.tombstones.get(&named.identity()) {
        let place = facts.state.terminals.get(&named.terminal);
        if *blocked != named.request_id {
            return declined(Decline::OriginalDiffers);
        }
        if !place.is_some_and(|place| near(&place.merchant, &place.store)) {
            return declined(Decline::OriginalElsewhere);
        }
        if foreign {
            return declined(Decline::CurrencyNotAccepted);
        }
        let state = TransactionState::Blocked;
        let card = facts.original.and_then(|original| original.card);
        let decision = Decision::declined(Decline::OriginalOver(state));
        return Err(Box::new(Decision { card, original_state: Some(state), ..decision }));
    }
    let Some(original) = facts.original.filter(|original| original.request_id == named.request_id) else {
        return declined(Decline::OriginalNotFound);
    };
    if !near(&original.merchant, &original.store) {
        return declined(Decline::OriginalElsewhere);
    }
    if foreign {
        return declined(Decline::CurrencyNotAccepted);
    }
    if message::is_never_undone(original.message) {
        return declined(Decline::OriginalNotReversible);
    }
    Ok(original)
}
