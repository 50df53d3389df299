//! How two operators settle an exception: the money on `suspense:STORE` goes where it belongs (PROTOCOL.md section 12).

use super::State;
use super::act::Place;
use super::card::{CardReference, CardStatus};
use super::effect::Effect;
use super::exception::{Exception, ExceptionKind};
use super::expiry::expire;
use super::ledger::{Kind, clearing, named, offline_loss, suspense};
use super::original::Original;
use super::programme::Programme;
use super::refusal::{Refusal, check_reason};
use super::request::{Named, Now};

/// Where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// Cash that was taken is credited to this card.
    Card(CardReference),
    /// Cash that was taken was given back.
    PaidOut,
    /// A shortfall is nobody's debt any more.
    WriteOff,
    /// There is no money to move.
    Explained,
}

impl Settlement {
    /// For people.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Card(card) => format!("credit it to card {}", card.0),
            Self::PaidOut => "it was paid out".into(),
            Self::WriteOff => "write it off".into(),
            Self::Explained => "it is explained".into(),
        }
    }

    fn fits(self, kind: ExceptionKind) -> bool {
        match self {
            Self::Card(_) | Self::PaidOut => kind == ExceptionKind::CashTaken,
            Self::WriteOff => kind == ExceptionKind::OfflineShortfall,
            Self::Explained => matches!(
                kind,
                ExceptionKind::TotalsDiffer
                    | ExceptionKind::LoadReversedTooLate
                    | ExceptionKind::OperatorAddedAlone
                    | ExceptionKind::ReversedLate
                    | ExceptionKind::SaleReversedTooLate
                    | ExceptionKind::RefundReversedTooLate
                    | ExceptionKind::AboveLargestBalance
            ),
        }
    }
}

/// The entry that an exception is about.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    pub entry: &'a Original,
    /// Of cash taken: the load that it names was approved, and was not undone.
    pub load_stands: bool,
    /// Of cash taken: the load that it names and that has not come yet.
    pub load_waits: Option<&'a Named>,
    /// Of cash taken: another claim for the same load, which is settled.
    pub settled_claim: Option<u64>,
}

/// Settles the exception of the entry at `index`, which `place` has.
pub(super) fn settle(
    state: &State,
    programme: &Programme,
    (index, settlement, another_note): (u64, Settlement, bool),
    reason: &str,
    place: Place<'_>,
    now: Now,
) -> Result<Vec<Effect>, Refusal> {
    check_reason(reason)?;
    let held = state.exceptions.get(&index).ok_or(Refusal::NoSuchException(index))?;
    if !held.open {
        return Err(Refusal::ExceptionSettled(index));
    }
    if !settlement.fits(held.kind) {
        return Err(Refusal::SettlementOf(held.kind.name()));
    }
    let about = place.about.filter(|about| about.entry.index == index);
    let About { entry, load_stands, load_waits, settled_claim } =
        about.ok_or(Refusal::NoSuchException(index))?;
    if load_stands && matches!(settlement, Settlement::Card(_)) {
        return Err(Refusal::LoadStands);
    }
    // One note that was swallowed is one load's, however often it was claimed.
    if let Some(other) = settled_claim.filter(|_| !another_note) {
        return Err(Refusal::NoteSettled(other));
    }
    let out = held.amount.checked_neg().ok_or(Refusal::Range)?;
    let mut effects = match settlement {
        Settlement::Card(card) => credit(state, programme, card, held, place, now)?,
        Settlement::PaidOut => pay_out(entry)?,
        Settlement::WriteOff => vec![named(offline_loss(&entry.store), Kind::MONEY, out)],
        Settlement::Explained => Vec::new(),
    };
    match settlement {
        Settlement::Card(_) | Settlement::PaidOut => {
            effects.push(named(suspense(&entry.store), Kind::MONEY, out));
            // The money is given for good: the load must not bring it a second time.
            effects.extend(load_waits.map(Named::tombstone));
        }
        Settlement::WriteOff => effects.push(named(suspense(&entry.store), Kind::MONEY, held.amount)),
        Settlement::Explained => {}
    }
    effects.push(Effect::Exception { index, held: held.settled() });
    Ok(effects)
}

/// A new lot of principal, without a bonus; what the card may hold in all is what it may hold after a load.
fn credit(
    state: &State,
    programme: &Programme,
    card: CardReference,
    held: &Exception,
    place: Place<'_>,
    now: Now,
) -> Result<Vec<Effect>, Refusal> {
    let needs = "an active";
    let card = state.cards.get(&card).ok_or(Refusal::NoSuchCard)?;
    if card.status != CardStatus::Active {
        return Err(Refusal::CardState { is: card.status.name(), needs });
    }
    if card.expires.is_some_and(|at| at <= now.s()) {
        return Err(Refusal::CardState { is: "expired", needs });
    }
    if card.account.is_some() {
        return Err(Refusal::CardState { is: "bound to an account", needs: "an unbound" });
    }
    let product = programme.products.get(&card.product);
    let unnamed = product.and_then(|product| product.real_name_above).filter(|_| card.holder.is_none());
    let most = product.map_or(0, |product| product.max_balance).min(unnamed.unwrap_or(i64::MAX));
    if card.worth(now.s()).checked_add(held.amount).is_none_or(|balance| balance > most) {
        return Err(Refusal::MaximumBalance);
    }
    let (card, mut effects) = expire(card, programme, place.index, now).map_err(|_| Refusal::Range)?;
    let ends = programme.principal_expiry(now);
    effects.push(Effect::Posting(card.credit(Kind::PRINCIPAL, held.amount, ends, place.index, 0)));
    Ok(effects)
}

/// The tenders get back what they took.
fn pay_out(entry: &Original) -> Result<Vec<Effect>, Refusal> {
    let tenders = entry.tenders().map_err(|_| Refusal::Range)?;
    let back = |(tender, part): (u8, i64)| named(clearing(&entry.store, tender), Kind::MONEY, part);
    Ok(tenders.into_iter().map(back).collect())
}
