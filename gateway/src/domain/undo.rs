//! Undoing a transaction exactly: every leg with its sign turned, to the very lots. What a reversal (a lost answer) and a
//! void (a person) have in common.

use std::collections::BTreeMap;

use super::Fault;
use super::card::{Card, CardReference, CardStatus, Hold};
use super::count_back::count_back;
use super::decision::{Decision, Decline, Reason};
use super::effect::{Account, Effect, Fate, Posting, TransactionState};
use super::expiry::expire;
use super::facts::Facts;
use super::fall::{Fall, fall};
use super::given_again::given_again;
use super::items;
use super::join::split;
use super::ledger::{Kind, named, offline_loss, points_receivable, suspense};
use super::member::Member;
use super::original::Original;
use super::pin::Pin;
use super::points::{owe, owed_all, take_back, take_back_or_owe};
use super::request::{Now, message};
use super::taken_back::undone as lines_undone;
use super::tally::uncount;

/// What undoing comes to.
pub(super) enum Undone {
    /// With these effects, and why; this much was given back, taken back or set free, in minor units.
    Done { effects: Vec<Effect>, reasons: Vec<Reason>, amount: i64 },
    /// The original stands.
    Stands(Decline),
    /// Its hold's time is over, which these effects book.
    Lapsed(Vec<Effect>),
}

impl Undone {
    /// As a decision about an original that was live and is `state` when it was undone.
    pub(super) fn decision(self, original: &Original, state: TransactionState) -> Decision {
        match self {
            Self::Done { effects, reasons, amount } => Decision {
                card: original.card,
                purse: original.purse(),
                amount: Some(amount),
                original_state: Some(state),
                explanation: reasons,
                ..Decision::approved(effects)
            },
            Self::Stands(decline) => Decision::declined_for(original, TransactionState::Live, decline),
            Self::Lapsed(effects) => {
                let lapsed = TransactionState::Lapsed;
                let decision = Decision::declined_for(original, lapsed, Decline::OriginalOver(lapsed));
                Decision { effects, ..decision }
            }
        }
    }
}

/// Undoes a live `original` and leaves it in `state`, if nothing stands against it.
pub(super) fn undo(
    facts: Facts<'_>,
    original: &Original,
    state: TransactionState,
    now: Now,
) -> Result<Undone, Fault> {
    let original = &split(original).0;
    let mut undoing = Undoing::of(facts, original, now)?;
    let mut amount = original.approved_amount;
    let undone = match original.message {
        message::ACTIVATE => undoing.deactivate()?,
        message::LOAD
        | message::PURCHASE
        | message::TRANSFER
        | message::ADVICE
        | message::JOIN
        | message::AWARD
        | message::REDEEM
        | message::USE_ENTITLEMENT => undoing.mirror()?.then_some(()).ok_or(Decline::LoadAlreadySpent),
        message::CAPTURE if undoing.mirror()? => undoing.hold_again().map(Ok)?,
        message::CAPTURE => Err(Decline::LoadAlreadySpent),
        message::REFUND | message::UNLOAD => undoing.undo_refund()?,
        message::AUTHORIZE => match undoing.release(state)? {
            Err(Decline::OriginalOver(_)) => return Ok(Undone::Lapsed(undoing.effects)),
            released => released.map(|free| amount = free),
        },
        _ => return Err(Fault::Misfit("not a message that can be undone")),
    };
    let (mut counted, mut reasons) = (count_back(facts.state, original, None)?, lines_undone(original));
    if undone.is_ok() {
        let fall = undoing.take_back_fallen(&counted)?;
        counted.extend(fall.counts);
        reasons.extend(fall.reasons);
    }
    let undone = if state == TransactionState::Voided && undoing.leaves_worth_owed()? {
        undone.and(Err(Decline::PointsAlreadySpent))
    } else {
        undone
    };
    let is_refund = matches!(original.message, message::REFUND | message::UNLOAD);
    let undone = if state == TransactionState::Voided && is_refund && given_again(facts, &counted)? {
        undone.and(Err(Decline::GivenAgain))
    } else {
        undone
    };
    if let Err(decline) = undone {
        return Ok(Undone::Stands(decline));
    }
    let captured = original.held_on().and_then(|(on, then)| facts.state.cards.get(&on)?.hold(then.id));
    let whole = original.message != message::AUTHORIZE || captured.is_none_or(|hold| hold.captured == 0);
    let uncounted = uncount(facts, original, (amount, whole), now);
    let mut effects = undoing.effects;
    effects.push(Effect::Transaction { index: original.index, fate: Fate::of(state) });
    effects.extend(count_out(facts, original)?);
    effects.extend(uncounted);
    effects.extend(counted);
    let exception = facts.state.exceptions.get(&original.index).filter(|held| held.open);
    effects.extend(exception.map(|held| Effect::Exception { index: original.index, held: held.settled() }));
    Ok(Undone::Done { effects, reasons, amount })
}

/// A transaction that is being undone: its cards as they are by then, and the effects so far. What has ended on them by
/// now is booked first, so that it makes no difference whether a sweep came by.
struct Undoing<'a> {
    facts: Facts<'a>,
    original: &'a Original,
    now: Now,
    cards: BTreeMap<CardReference, Card>,
    effects: Vec<Effect>,
}

impl<'a> Undoing<'a> {
    fn of(facts: Facts<'a>, original: &'a Original, now: Now) -> Result<Self, Fault> {
        let (mut cards, mut effects) = (BTreeMap::new(), Vec::new());
        for card in original.cards() {
            // An advice may name a card that there never was; it did nothing to it.
            let Some(held) = facts.state.cards.get(&card) else { continue };
            let (held, ended) = expire(held, facts.programme, facts.index, now)?;
            cards.insert(card, held);
            effects.extend(ended);
        }
        Ok(Self { facts, original, now, cards, effects })
    }

    /// The card that the original is about.
    fn card(&self) -> Result<&Card, Fault> {
        let card = self.original.card.and_then(|card| self.cards.get(&card));
        card.ok_or(Fault::Misfit("an original without a card"))
    }

    /// Once a card was loaded, reversing a sale may bring value back to it: it must stay able to hold it. And whoever has joined
    /// with it, or done anything that counts, would be its next holder's past.
    fn deactivate(&mut self) -> Result<Result<(), Decline>, Fault> {
        let card = self.card()?;
        let member = self.facts.state.members.get(&card.reference);
        let owes = !card.points_debts.is_empty();
        let used = card.next_lot != 1 || owes || member.is_some_and(|member| *member != Member::nobody());
        if used || card.status != CardStatus::Active || card.account.is_some() {
            return Ok(Err(Decline::ActivatedCardInUse));
        }
        // Whoever buys it next has nothing to do with this holder.
        let (reference, pin) = (card.reference, card.pin);
        let unsold = Card { expires: None, holder: None, ..card.clone() };
        self.effects.push(unsold.with_status(CardStatus::Issued, None));
        if pin != Pin::default() {
            self.effects.push(Effect::Pin { card: reference, pin: Pin::default() });
        }
        Ok(Ok(()))
    }

    /// Every leg of the original with its sign turned; false when value that it gave is no longer free in its lot. Points
    /// that are gone come from the card's other points, and what is missing then becomes a debt. What the original
    /// let expire stays expired.
    fn mirror(&mut self) -> Result<bool, Fault> {
        let mut missing: BTreeMap<(CardReference, Kind), i64> = BTreeMap::new();
        // What it took goes back first: what it gave may be in the same lots.
        let (took, gave): (Vec<_>, Vec<_>) = self.original.own_postings().partition(|leg| leg.amount < 0);
        for posting in took.into_iter().chain(gave) {
            let amount = posting.amount.checked_neg().ok_or(Fault::Overflow)?;
            let Account::Card { card, lot, expires, source } = &posting.account else {
                let account = self.settled_account(&posting.account);
                self.effects.push(named(account, posting.kind, amount));
                continue;
            };
            let held = self.cards.get_mut(card).ok_or(Fault::Misfit("a posting to another card"))?;
            if amount > 0 {
                held.post(*lot, *expires, *source, posting.kind, amount)?;
                self.effects.push(Effect::Posting(Posting { amount, ..posting.clone() }));
                continue;
            }
            let free = held.lot(*lot).map_or(0, |lot| held.free(lot));
            // Points that a refund gave back had paid as money does.
            let is_value = posting.kind.is_money() || self.original.message == message::REFUND;
            if is_value {
                if free < posting.amount {
                    return Ok(false);
                }
                // Out of the very lot: points beside it may be pending.
                held.post(*lot, *expires, *source, posting.kind, amount)?;
                self.effects.push(Effect::Posting(Posting { amount, ..posting.clone() }));
                continue;
            }
            let gone = take_back(held, *lot, posting.kind, posting.amount, &mut self.effects)?;
            let missing = missing.entry((*card, posting.kind.released())).or_default();
            *missing = missing.checked_add(gone).ok_or(Fault::Overflow)?;
        }
        self.settle_points_debts(missing)?;
        Ok(true)
    }

    /// What falls with it: what is gone of it is owed. Returns it.
    fn take_back_fallen(&mut self, counted: &[Effect]) -> Result<Fall, Fault> {
        let Some(card) = self.original.card else { return Ok(Fall::default()) };
        let fall = fall(self.facts, card, counted, self.now)?;
        for ((reference, kind), points) in fall.points.clone() {
            let mut held = match self.cards.remove(&reference) {
                Some(held) => held,
                None => {
                    let held = self.facts.state.cards.get(&reference);
                    let held = held.ok_or(Fault::Misfit("a card that got points is gone"))?;
                    let (held, ended) = expire(held, self.facts.programme, self.facts.index, self.now)?;
                    self.effects.splice(0..0, ended);
                    held
                }
            };
            take_back_or_owe(&mut held, kind, [(0, points), (0, 0)], owed_all, &mut self.effects)?;
            self.cards.insert(reference, held);
        }
        Ok(fall)
    }

    /// Whether more points are owed than before, and points pay: a person would give money back for points that are spent.
    fn leaves_worth_owed(&self) -> Result<bool, Fault> {
        let changes = self.effects.iter().filter_map(|effect| match effect {
            Effect::PointsDebt { card, kind: Kind::POINTS, change } if Some(*card) == self.original.card => {
                Some(*change)
            }
            _ => None,
        });
        if changes.fold(0, i64::saturating_add) <= 0 {
            return Ok(false);
        }
        Ok(self.facts.programme.points_payment(&self.card()?.product).is_some())
    }

    /// Where a leg on a named account is by now: a shortfall that was written off has left the suspense account.
    fn settled_account(&self, account: &Account) -> Account {
        let store = &self.original.store;
        let settled = self.facts.state.exceptions.get(&self.original.index).is_some_and(|held| !held.open);
        if settled && *account == suspense(store) { offline_loss(store) } else { account.clone() }
    }

    /// Points that the original's award repaid are owed again, points that it cannot give back become a debt, and a debt
    /// that it made and that has been repaid since comes back as points.
    fn settle_points_debts(
        &mut self,
        mut missing: BTreeMap<(CardReference, Kind), i64>,
    ) -> Result<(), Fault> {
        let debts = self.original.points_debts();
        for of in debts.keys() {
            missing.entry(*of).or_default();
        }
        for ((reference, kind), missing) in missing {
            let made = debts.get(&(reference, kind)).copied().unwrap_or(0);
            let wanted = missing.checked_sub(made).ok_or(Fault::Overflow)?;
            let card = self.cards.get_mut(&reference).ok_or(Fault::Misfit("a debt of another card"))?;
            let owed = card.points_debt(kind).checked_add(wanted).ok_or(Fault::Overflow)?;
            let repaid = owed.min(0).checked_neg().ok_or(Fault::Overflow)?;
            let change = wanted.checked_add(repaid).ok_or(Fault::Overflow)?;
            // The receivable's mirrored legs stand already; what differs from them is what is missing and what was repaid.
            let receivable = repaid.checked_add(missing).and_then(i64::checked_neg).ok_or(Fault::Overflow)?;
            if receivable != 0 {
                self.effects.push(named(points_receivable(), kind, receivable));
            }
            if change != 0 {
                self.effects.push(owe(card, kind, change)?);
            }
            if repaid > 0 {
                let ends = self.facts.programme.points_expiry(kind, self.now);
                let back = card.credit(kind, repaid, ends, self.facts.index, 0);
                card.book(&back)?;
                self.effects.push(Effect::Posting(back));
            }
        }
        Ok(())
    }

    /// What a capture took goes back into its hold, in front, unless the hold's time is over or somebody has ended it.
    fn hold_again(&mut self) -> Result<(), Fault> {
        let (card, then) = self.original.held_on().ok_or(Fault::Misfit("a capture without a hold"))?;
        let present = self.cards.get(&card).and_then(|card| card.hold(then.id)).cloned();
        let fate = self.facts.state.transactions.get(&then.id).cloned();
        let captured = match (&present, fate) {
            (Some(hold), _) => hold.captured,
            // It ended with its last capture, and remembers how much all of them took.
            (None, Some(Fate { state: TransactionState::Captured, done, .. })) => done,
            _ => return Ok(()),
        };
        if self.now.certain && then.expires <= self.now.s() {
            return Ok(());
        }
        let mut parts: Vec<(u32, i64)> = Vec::new();
        for posting in self.original.spent() {
            if let Account::Card { lot, .. } = &posting.account {
                parts.push((*lot, posting.amount.checked_neg().ok_or(Fault::Overflow)?));
            }
        }
        parts.extend(present.into_iter().flat_map(|hold| hold.parts));
        let captured = captured.checked_sub(self.original.approved_amount).ok_or(Fault::Overflow)?;
        let hold = Hold { id: then.id, expires: then.expires, captured, parts: joined(parts) };
        self.effects.push(Effect::Hold { card, hold });
        self.effects.push(Effect::Transaction { index: then.id, fate: Fate::of(TransactionState::Live) });
        Ok(())
    }

    /// A refund is undone like a sale, and what it refunded counts as refunded by so much less; only the last one of an
    /// original, because each refund goes on where the one before it stopped. An unload is a refund of several.
    fn undo_refund(&mut self) -> Result<Result<(), Decline>, Fault> {
        let refunded = self.original.refund_of();
        if refunded.is_empty() {
            return Err(Fault::Misfit("a refund of nothing"));
        }
        let last = |index| self.facts.state.transactions.get(index).map(|fate| fate.last_refund);
        if refunded.iter().any(|(index, ..)| last(index) != Some(self.original.index)) {
            return Ok(Err(Decline::RefundedAgainSince));
        }
        if !self.mirror()? {
            return Ok(Err(Decline::RefundAlreadySpent));
        }
        for (index, then, amount) in refunded {
            let before = then.done.checked_sub(amount).ok_or(Fault::Overflow)?;
            let state = if before == 0 { TransactionState::Live } else { TransactionState::RefundedInPart };
            let lines = items::without(&then.lines, &self.original.lines)?;
            let fate = Fate { state, done: before, last_refund: 0, lines };
            self.effects.push(Effect::Transaction { index, fate });
        }
        Ok(Ok(()))
    }

    /// Ends a hold, or takes from it what a later authorize has added; says how much is free by that.
    fn release(&mut self, state: TransactionState) -> Result<Result<i64, Decline>, Fault> {
        let raised = self.original.raised_another();
        let present =
            self.original.held_on().and_then(|(on, then)| Some((on, self.cards.get(&on)?.hold(then.id)?)));
        let Some((card, hold)) = present else {
            let lapsed = Decline::OriginalOver(TransactionState::Lapsed);
            return Ok(Err(if raised { Decline::HoldEnded } else { lapsed }));
        };
        if hold.captured != 0 && (raised || state == TransactionState::Reversed) {
            return Ok(Err(Decline::CapturedSince));
        }
        let left =
            if raised { without_last(hold, self.original.approved_amount) } else { Some(hold.ended()) };
        let Some(left) = left else { return Ok(Err(Decline::HoldEnded)) };
        let free = hold.held().checked_sub(left.held()).ok_or(Fault::Overflow)?;
        self.effects.push(Effect::Hold { card, hold: left });
        Ok(Ok(free))
    }
}

/// Parts of a hold, neighbours of the same lot as one: captures and their voids do not make a hold longer.
fn joined(parts: Vec<(u32, i64)>) -> Vec<(u32, i64)> {
    let mut all: Vec<(u32, i64)> = Vec::with_capacity(parts.len());
    for (lot, amount) in parts {
        match all.last_mut().filter(|last| last.0 == lot) {
            Some(last) => last.1 = last.1.saturating_add(amount),
            None => all.push((lot, amount)),
        }
    }
    all
}

/// The hold without the last `amount` of it; `None` when it would end by that.
fn without_last(hold: &Hold, amount: i64) -> Option<Hold> {
    let mut parts = hold.parts.clone();
    let mut missing = amount;
    while missing > 0 {
        let last = parts.last_mut()?;
        let part = missing.min(last.1);
        missing = missing.checked_sub(part)?;
        last.1 = last.1.checked_sub(part)?;
        if last.1 == 0 {
            parts.pop();
        }
    }
    (!parts.is_empty()).then_some(Hold { parts, ..*hold })
}

/// The original no longer counts in the shift that it named, while that is open.
fn count_out(facts: Facts<'_>, original: &Original) -> Result<Option<Effect>, Fault> {
    let Some(shift) = original.shift.filter(|_| message::counts(original.message)) else { return Ok(None) };
    let key = (original.terminal.clone(), original.generation, shift);
    if facts.state.shifts.get(&key).is_none_or(|held| held.closed) {
        return Ok(None);
    }
    Ok(Some(Effect::ShiftTotals {
        terminal: original.terminal.clone(),
        generation: original.generation,
        shift,
        message: original.message,
        count: -1,
        amount: original.approved_amount.checked_neg().ok_or(Fault::Overflow)?,
    }))
}
