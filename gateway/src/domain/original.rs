//! The journal's memory of a transaction that a later request names.

use std::collections::{BTreeMap, BTreeSet};

use super::card::{CardReference, Hold, Successor};
use super::decision::Reason;
use super::effect::{Account, Effect, Fate, Line, Posting, TransactionState};
use super::facts::Facts;
use super::join::lines_of_joining;
use super::ledger::Kind;
use super::request::message;
use super::state::State;
use super::{Fault, ledger};

/// A decided request with everything that its entry did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    pub index: u64,
    pub request_id: [u8; 32],
    /// Message type.
    pub message: u8,
    pub terminal: String,
    pub generation: u32,
    pub merchant: String,
    pub store: String,
    /// YYYYMMDD of its entry.
    pub business_date: u32,
    pub shift: Option<u32>,
    pub card: Option<CardReference>,
    pub approved: bool,
    pub approved_amount: i64,
    /// Of its request: what was sold or came back, item by item.
    pub lines: Vec<Line>,
    /// Of its answer: why it gave and took what it did, but for what is owed.
    pub reasons: Vec<Reason>,
    pub effects: Vec<Effect>,
    /// How many of the last reasons are those of a joining, once that is known: where two of its cards are one by now, its effects
    /// no longer say whose they were.
    pub by_joining: Option<usize>,
}

impl Original {
    /// What it is now.
    #[must_use]
    pub fn state(&self, facts: Facts<'_>) -> TransactionState {
        let decided = if self.approved { TransactionState::Live } else { TransactionState::Declined };
        facts.state.transactions.get(&self.index).map_or(decided, |fate| fate.state)
    }

    /// The cards that it is about.
    #[must_use]
    pub fn cards(&self) -> BTreeSet<CardReference> {
        let touched = self.effects.iter().filter_map(|effect| match effect {
            Effect::Posting(Posting { account: Account::Card { card, .. }, .. })
            | Effect::Hold { card, .. }
            | Effect::CardTally { card, .. }
            | Effect::PointsDebt { card, .. }
            | Effect::Member { card, .. }
            | Effect::Counter { card: Some(card), .. }
            | Effect::Card { card, .. } => Some(*card),
            _ => None,
        });
        touched.chain(self.card).collect()
    }

    /// The same, of the cards that have taken the place of its cards since, as far as the state has them.
    #[must_use]
    pub fn followed(mut self, state: &State) -> Self {
        // What was declined did nothing to any card, and whoever named a card does not learn of another one by that. A card
        // that was put into use stays the one that it was.
        if !self.approved || self.message == message::ACTIVATE {
            return self;
        }
        self.by_joining = self.by_joining.or_else(|| Some(lines_of_joining(&self)));
        let replaced = |card: CardReference| Some((card, state.cards.get(&card)?.successor?));
        while let Some((card, successor)) = self.cards().into_iter().find_map(replaced) {
            if self.card == Some(card) {
                self.card = Some(successor.card);
            }
            for effect in &mut self.effects {
                follow(effect, card, successor);
            }
        }
        self
    }

    /// Its postings, but for the expiries that were booked along the way.
    pub fn own_postings(&self) -> impl Iterator<Item = &Posting> {
        own_postings(&self.effects)
    }

    fn card_postings(&self) -> impl Iterator<Item = &Posting> {
        self.own_postings().filter(|posting| matches!(posting.account, Account::Card { .. }))
    }

    /// What it took from the card's money, in the order in which it was taken.
    pub fn spent(&self) -> impl Iterator<Item = &Posting> {
        self.card_postings().filter(|posting| posting.kind.is_money() && posting.amount < 0)
    }

    /// Whether the shift that it named is closed.
    #[must_use]
    pub fn shift_is_closed(&self, facts: Facts<'_>) -> bool {
        let key = self.shift.map(|shift| (self.terminal.clone(), self.generation, shift));
        key.is_some_and(|key| facts.state.shifts.get(&key).is_some_and(|shift| shift.closed))
    }

    /// The card whose money it moved, of two the one that gave: a corporate account, or its own card.
    #[must_use]
    pub fn purse(&self) -> Option<CardReference> {
        let spent = self.spent().chain(self.given()).find_map(|posting| match &posting.account {
            Account::Card { card, .. } => Some(*card),
            Account::Named(_) => None,
        });
        spent.or(self.card)
    }

    /// What it gave to the card's money.
    pub fn given(&self) -> impl Iterator<Item = &Posting> {
        self.card_postings().filter(|posting| posting.kind.is_money() && posting.amount > 0)
    }

    /// Of a purchase: points that paid, by lot, in the order in which they were taken.
    pub fn points_spent(&self) -> impl Iterator<Item = &Posting> {
        self.card_postings().filter(|posting| posting.kind == Kind::POINTS && posting.amount < 0)
    }

    /// Of a purchase: what the points that paid were worth, in minor units; of a refund, what of that it took back.
    #[must_use]
    pub fn points_worth(&self) -> i64 {
        let worth = self.own_postings().filter(|posting| posting.account == ledger::points_payment());
        worth.fold(0, |sum: i64, posting| sum.saturating_add(posting.amount.saturating_abs()))
    }

    /// What can come back of it by refunds, minor units: of an advice, what the card paid.
    #[must_use]
    pub fn refundable(&self) -> i64 {
        if self.message != message::ADVICE {
            return self.approved_amount;
        }
        self.spent().fold(0, |sum: i64, posting| sum.saturating_sub(posting.amount))
    }

    /// Points that it gave, by card and kind, pending ones and those too that paid a debt back; not those that paid it. With
    /// the lot that they went to, 0 when they went to none.
    #[must_use]
    pub fn points_earned(&self) -> BTreeMap<(CardReference, Kind), (i64, u32)> {
        let mut earned: BTreeMap<_, (i64, u32)> = BTreeMap::new();
        for posting in self.card_postings().filter(|leg| !leg.kind.is_money() && leg.amount > 0) {
            let Account::Card { card, lot, .. } = &posting.account else { continue };
            let (points, of) = earned.entry((*card, posting.kind.released())).or_default();
            (*points, *of) = (points.saturating_add(posting.amount), *lot);
        }
        for ((card, kind), change) in self.points_debts() {
            if change < 0 {
                let (points, _) = earned.entry((card, kind)).or_default();
                *points = points.saturating_sub(change);
            }
        }
        earned
    }

    /// By how much it changed points debts. What a release has repaid on the way is no change of its own.
    #[must_use]
    pub fn points_debts(&self) -> BTreeMap<(CardReference, Kind), i64> {
        own_points_debts(&self.effects)
    }

    /// The hold that it left, of an authorize or a capture, and the card that it is on. Holds that ended along the way stand
    /// in front of it.
    #[must_use]
    pub fn held_on(&self) -> Option<(CardReference, &Hold)> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Hold { card, hold } => Some((*card, hold)),
            _ => None,
        })
    }

    /// The hold that it left.
    #[must_use]
    pub fn hold(&self) -> Option<&Hold> {
        self.held_on().map(|(_, hold)| hold)
    }

    /// True for an authorize that raised the hold of an earlier one.
    #[must_use]
    pub fn raised_another(&self) -> bool {
        self.hold().is_some_and(|hold| hold.id != self.index)
    }

    /// Of a refund or unload: the entries that it refunded, what became of each, and how much of each it refunded.
    #[must_use]
    pub fn refund_of(&self) -> Vec<(u64, Fate, i64)> {
        let each = self.effects.iter().filter_map(|effect| match effect {
            Effect::Transaction { index, fate } if fate.last_refund == self.index => {
                let amount = match self.message {
                    message::UNLOAD => self.unloaded_of(*index),
                    _ => self.refunded_amount(),
                };
                Some((*index, fate.clone(), amount))
            }
            _ => None,
        });
        each.collect()
    }

    /// Of an unload: principal that it took from the lot which this load has opened.
    fn unloaded_of(&self, load: u64) -> i64 {
        let from = |posting: &&Posting| {
            posting.kind == Kind::PRINCIPAL
                && matches!(&posting.account, Account::Card { source, .. } if *source == load)
        };
        self.spent().filter(from).fold(0, |sum: i64, posting| sum.saturating_sub(posting.amount))
    }

    /// Of a refund: by how much its original was refunded. A load's refund may pay out less than that.
    fn refunded_amount(&self) -> i64 {
        let money = self.given().fold(0, |sum: i64, posting| sum.saturating_add(posting.amount));
        let back = money.saturating_add(self.points_worth());
        let principal = self.spent().filter(|posting| posting.kind == Kind::PRINCIPAL);
        let out = principal.fold(0, |sum: i64, posting| sum.saturating_sub(posting.amount));
        // Only a load's refund takes principal.
        if out > 0 { out } else { back }
    }

    /// Of a load: its tenders, kind and amount.
    ///
    /// # Errors
    /// [`Fault`] when an amount leaves its range.
    pub fn tenders(&self) -> Result<Vec<(u8, i64)>, Fault> {
        let mut tenders = Vec::new();
        for posting in self.own_postings() {
            if let Some(tender) = ledger::tender_of(&posting.account) {
                tenders.push((tender, posting.amount.checked_neg().ok_or(Fault::Overflow)?));
            }
        }
        Ok(tenders)
    }
}

/// By how much these effects change points debts. What a release has repaid on the way is no change of the transaction's own.
#[must_use]
pub(super) fn own_points_debts(effects: &[Effect]) -> BTreeMap<(CardReference, Kind), i64> {
    let mut debts = BTreeMap::new();
    for (at, effect) in effects.iter().enumerate() {
        let Effect::PointsDebt { card, kind, change } = effect else { continue };
        let before = at.checked_sub(1).and_then(|at| effects.get(at));
        let released =
            matches!(before, Some(Effect::Posting(leg)) if leg.account == ledger::points_release());
        if !released {
            let debt: &mut i64 = debts.entry((*card, *kind)).or_default();
            *debt = debt.saturating_add(*change);
        }
    }
    debts
}

/// The postings of a transaction itself, without what had ended in front of it: those are legs with breakage or the release of
/// points behind them.
pub fn own_postings(effects: &[Effect]) -> impl Iterator<Item = &Posting> {
    let legs: Vec<&Posting> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Posting(posting) => Some(posting),
            _ => None,
        })
        .collect();
    let (breakage, release) = (ledger::breakage(), ledger::points_release());
    let ends = |posting: &Posting| posting.account == breakage || posting.account == release;
    let ended: Vec<bool> = (0..legs.len())
        .map(|at| ends(legs[at]) || legs.get(at.saturating_add(1)).is_some_and(|next| ends(next)))
        .collect();
    legs.into_iter().zip(ended).filter(|(_, ended)| !ended).map(|(posting, _)| posting)
}

/// Lets an effect speak of the successor's card and lots. Lot numbers that would leave their range cannot be: the successor
/// has room for all of them.
fn follow(effect: &mut Effect, of: CardReference, successor: Successor) {
    let moved = |lot: u32| lot.saturating_add(successor.offset);
    match effect {
        Effect::Posting(Posting { account: Account::Card { card, lot, .. }, .. }) if *card == of => {
            (*card, *lot) = (successor.card, moved(*lot));
        }
        Effect::Hold { card, hold } if *card == of => {
            *card = successor.card;
            hold.parts.iter_mut().for_each(|(lot, _)| *lot = moved(*lot));
        }
        Effect::Card { card, .. }
        | Effect::CardTally { card, .. }
        | Effect::PointsDebt { card, .. }
        | Effect::Member { card, .. }
        | Effect::Counter { card: Some(card), .. }
            if *card == of =>
        {
            *card = successor.card;
        }
        _ => {}
    }
}
