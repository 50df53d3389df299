//! The desk: operators who act on cards while terminals trade with them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::field::CardReference;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::Shared;
use super::trader::Trader;
use crate::card::Card;
use crate::desk::{Desk, Errand, Outcome};
use crate::diary::Diary;
use crate::error::Error;
use crate::oracle::{Condition, Oracle, OwnLimits};
use crate::rng::Rng;
use crate::till::Act;

const DESK_FILE: &str = "desk.jsonl";
/// One turn in so many begins with an errand.
const ERRANDS: u64 = 5;
/// A shop with fewer cards in use lets none of them end.
const FEWEST_CARDS: usize = 5;
/// Of so many cards the one is replaced or merged with which most was done.
const BEST_OF: u64 = 3;
/// What a day allows is used up with so many purchases, or not at all.
const MOST_PURCHASES: i64 = 20;
/// Operators look at so many cards at the end.
const MOST_SHOWN: usize = 200;
/// Cards with more lots are left alone: of two that join each other nobody could say which lots of points go together.
const MOST_LOTS: usize = 12;

/// One line of the desk's diary.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Sent { number: u32, errand: Errand },
    Back { number: u32, outcome: Outcome },
}

/// What was done at the desk, written down before it is run.
#[derive(Debug)]
pub(super) struct DeskBook {
    diary: Diary,
    next: u32,
}

impl DeskBook {
    /// Opens the diary in the shop's directory, and tells the oracle what it says.
    pub(super) fn open(state: &Path, oracle: &mut Oracle) -> Result<DeskBook, Error> {
        std::fs::create_dir_all(state).map_err(Error::file(state))?;
        let (diary, entries) = Diary::open::<Entry>(&state.join(DESK_FILE))?;
        let mut next = 0_u32;
        for entry in entries {
            match entry {
                Entry::Sent { number, errand } => {
                    next = next.max(number.saturating_add(1));
                    oracle.send(number, &errand);
                }
                Entry::Back { number, outcome } => oracle.is_back(number, &outcome),
            }
        }
        Ok(DeskBook { diary, next })
    }

    fn send(&mut self, errand: &Errand) -> Result<u32, Error> {
        let number = self.next;
        self.next = number.saturating_add(1);
        self.diary.append(&Entry::Sent { number, errand: errand.clone() })?;
        Ok(number)
    }

    fn is_back(&mut self, number: u32, outcome: &Outcome) -> Result<(), Error> {
        self.diary.append(&Entry::Back { number, outcome: outcome.clone() })
    }
}

/// The desk and its book.
#[derive(Debug)]
pub(super) struct DeskOffice {
    desk: Arc<dyn Desk>,
    book: Mutex<DeskBook>,
    /// How often each kind of errand was begun.
    begun: Mutex<BTreeMap<Kind, u64>>,
    /// Acts that nobody has confirmed, and such that the gateway refused.
    waiting: AtomicU32,
    refused: AtomicU32,
}

impl DeskOffice {
    pub(super) fn new(desk: Arc<dyn Desk>, book: DeskBook) -> DeskOffice {
        let (book, begun) = (Mutex::new(book), Mutex::default());
        DeskOffice { desk, book, begun, waiting: AtomicU32::new(0), refused: AtomicU32::new(0) }
    }

    fn book(&self) -> MutexGuard<'_, DeskBook> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The kinds of errands, those first that were begun least often.
    fn kinds(&self) -> Vec<Kind> {
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kinds = KINDS.to_vec();
        kinds.retain(|kind| self.desk.has_two() || !kind.needs_two());
        kinds.sort_by_key(|kind| begun.get(kind).copied().unwrap_or(0));
        kinds
    }

    fn begins(&self, kind: Kind) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let count = begun.entry(kind).or_default();
        *count = count.saturating_add(1);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Replace,
    Merge,
    Extend,
    Bind,
    Block,
    Unblock,
    Unbind,
    Refund,
    Adjust,
    UnlockPin,
    ResetPin,
}

const KINDS: [Kind; 11] = [
    Kind::Replace,
    Kind::Merge,
    Kind::Extend,
    Kind::Bind,
    Kind::Block,
    Kind::Refund,
    Kind::Adjust,
    Kind::UnlockPin,
    Kind::ResetPin,
    Kind::Unblock,
    Kind::Unbind,
];

impl Kind {
    const fn needs_two(self) -> bool {
        matches!(self, Kind::Refund | Kind::Adjust | Kind::UnlockPin | Kind::ResetPin)
    }
}

/// What an errand is drawn from.
pub(super) struct Choice<'a> {
    pub(super) oracle: &'a Oracle,
    pub(super) free: Vec<CardReference>,
    spare: Vec<CardReference>,
    /// Acts that were proposed and never confirmed.
    pub(super) waiting: u32,
    /// Acts of two operators that were refused.
    pub(super) refused: u32,
}

impl Choice<'_> {
    pub(super) fn is(&self, card: &CardReference) -> Condition {
        self.oracle.condition(*card)
    }

    pub(super) fn sold(&self, card: &CardReference) -> bool {
        self.oracle.card(*card).is_some_and(|(active, _)| active)
    }

    /// Any card that nobody has alone and that is `wanted`.
    pub(super) fn one(
        &self,
        rng: &mut Rng,
        wanted: &dyn Fn(&CardReference) -> bool,
    ) -> Option<CardReference> {
        let cards: Vec<CardReference> = self.free.iter().copied().filter(|card| wanted(card)).collect();
        rng.pick(&cards).copied()
    }

    /// An errand of this kind, mostly one that the gateway does; `None` when there is no card for it.
    fn draw(&self, rng: &mut Rng, kind: Kind) -> Option<Errand> {
        let is = |card: &CardReference| self.is(card);
        let sold = |card: &CardReference| self.sold(card);
        let one = |rng: &mut Rng, wanted: &dyn Fn(&CardReference) -> bool| self.one(rng, wanted);
        let name = |card: CardReference| self.oracle.product_name(card);
        let used = |rng: &mut Rng, wanted: &dyn Fn(&CardReference) -> bool| {
            let some = (0..BEST_OF).filter_map(|_| one(rng, wanted));
            some.max_by_key(|card| self.oracle.newest(*card, usize::MAX).len())
        };
        Some(match kind {
            Kind::Replace => {
                let has_spare = |card: &CardReference| self.spare.iter().any(|new| name(*new) == name(*card));
                let fits = |card: &CardReference| sold(card) && has_spare(card);
                let locked = one(rng, &|card| fits(card) && is(card).locked);
                let owes = one(rng, &|card| fits(card) && is(card).points_debt > 0);
                let (first, second) = if rng.chance(3, 4) { (locked, owes) } else { (owes, locked) };
                let card = first.or(second).or_else(|| used(rng, &fits))?;
                let spare: Vec<_> = self.spare.iter().filter(|new| name(**new) == name(card)).collect();
                let by = if rng.chance(1, 12) { one(rng, &sold)? } else { **rng.pick(&spare)? };
                Errand::Replace { card: card.number(), by: by.number() }
            }
            Kind::Merge => {
                let fits = |card: &CardReference| sold(card) && is(card).lots <= MOST_LOTS;
                let whole = |card: &CardReference| fits(card) && is(card).account.is_none();
                let card = used(rng, &whole)?;
                let into = one(rng, &|into| fits(into) && *into != card && name(*into) == name(card))?;
                let left = self.free.iter().filter(|left| sold(left) && name(**left) == name(card)).count();
                if left < FEWEST_CARDS {
                    return None;
                }
                Errand::Merge { card: card.number(), into: into.number() }
            }
            Kind::Extend => {
                let ends = |card: &CardReference| is(card).expires.is_some();
                let over = one(rng, &|card| is(card).over);
                let months = u16::try_from(rng.between(1, 3)).unwrap_or(1);
                Errand::Extend { card: over.or_else(|| one(rng, &ends))?.number(), months }
            }
            Kind::Bind => {
                let account = one(rng, &|card| self.oracle.product(*card).account && sold(card))?.number();
                let empty = |card: &CardReference| is(card).empty && !self.oracle.product(*card).account;
                let card = one(rng, &|card| sold(card) && empty(card) && is(card).account.is_none());
                let other = if rng.chance(1, 3) { one(rng, &sold) } else { None };
                let limit = |rng: &mut Rng| rng.chance(1, 3).then(|| rng.between(20_00, 200_00));
                let limits = OwnLimits { day: limit(rng), month: limit(rng) };
                Errand::Bind { card: other.or(card)?.number(), account, limits }
            }
            Kind::Block => {
                let stopped = self.free.iter().any(|card| is(card).blocked);
                Errand::Block { card: one(rng, &|card| !stopped && sold(card))?.number() }
            }
            Kind::Unblock => Errand::Unblock { card: one(rng, &|card| is(card).blocked)?.number() },
            Kind::Unbind => Errand::Unbind { card: one(rng, &|card| is(card).account.is_some())?.number() },
            Kind::Refund | Kind::Adjust | Kind::UnlockPin | Kind::ResetPin => self.draw_by_two(rng, kind)?,
        })
    }
}

impl Trader {
    /// Now and then somebody is sent to the desk: with what was asked for least, if there is a card for it; soon after a
    /// card was stopped or locked somebody wants it back, or another one.
    pub(super) fn draw_errand(&mut self) -> Option<Errand> {
        let office = self.shared.desk.as_ref()?;
        let (free, spare) = {
            let deck = self.shared.deck();
            (deck.free(), deck.spare())
        };
        let oracle = self.shared.oracle();
        let [waiting, refused] =
            [&office.waiting, &office.refused].map(|count| count.load(Ordering::Relaxed));
        let choice = Choice { oracle: &oracle, free, spare, waiting, refused };
        let kinds = office.kinds();
        let back = match self.rng.below(4) {
            0 | 1 if choice.has_locked() => Kind::UnlockPin,
            2 if choice.has_locked() => Kind::Replace,
            _ => Kind::Unblock,
        };
        let stopped = kinds.contains(&back).then(|| choice.draw(&mut self.rng, back)).flatten();
        if let Some(errand) = stopped.filter(|_| self.rng.chance(1, 4)) {
            office.begins(back);
            return Some(errand);
        }
        if !self.rng.chance(1, ERRANDS) {
            return None;
        }
        for kind in kinds {
            if let Some(errand) = choice.draw(&mut self.rng, kind) {
                office.begins(kind);
                return Some(errand);
            }
        }
        None
    }

    /// A card has taken another one's place: what the day still allows is what was left of it before.
    pub(super) async fn use_up_day(&mut self, card: &Card) -> Result<(), Error> {
        let daily = self.shared.oracle().product(card.reference).daily.unwrap_or_default();
        let [_, purchases, _] = daily.counts;
        for _ in 0..=purchases.unwrap_or(0).min(MOST_PURCHASES) {
            let amount = self.rng.between(1, 3_00);
            let act = self.sale(Act::Purchase(amount));
            let outcome = self.till.trade(card, act).await?;
            self.done("purchase after the desk", &outcome);
            if !outcome.is_approved() {
                break;
            }
        }
        Ok(())
    }

    /// Runs an errand: half of them are back before the terminal goes on, the others race it.
    pub(super) async fn begin_errand(&mut self, errand: Option<Errand>) -> Option<JoinHandle<()>> {
        let errand = errand?;
        let under_way = tokio::spawn(run_errand(self.shared.clone(), errand));
        if self.rng.chance(1, 2) {
            return Some(under_way);
        }
        drop(under_way.await);
        None
    }
}

/// Writes it down, has it done, and says what became of it. Of one that nobody knows the end of the cards stay open.
async fn run_errand(shared: Arc<Shared>, errand: Errand) {
    if let Err(error) = try_errand(&shared, errand).await {
        shared.tally().failed(&error);
    }
}

async fn try_errand(shared: &Arc<Shared>, errand: Errand) -> Result<(), Error> {
    let Some(office) = &shared.desk else { return Ok(()) };
    let number = office.book().send(&errand)?;
    shared.oracle().send(number, &errand);
    let (desk, told) = (office.desk.clone(), errand.clone());
    let run = tokio::task::spawn_blocking(move || desk.run(&told)).await;
    let outcome = run.map_err(|error| Error::Usage(format!("the desk failed: {error}")))??;
    office.book().is_back(number, &outcome)?;
    shared.tally().errand(errand.name(), &outcome);
    shared.oracle().is_back(number, &outcome);
    match outcome {
        Outcome::Done { .. } | Outcome::DoneByOne { .. } => shared.deck().done(&errand),
        Outcome::Proposed => drop(office.waiting.fetch_add(1, Ordering::Relaxed)),
        Outcome::Refused { .. } if matches!(errand, Errand::ByTwo { .. }) => {
            office.refused.fetch_add(1, Ordering::Relaxed);
        }
        Outcome::Refused { .. } => {}
    }
    Ok(())
}

/// When all is settled, what operators are shown of the cards is what they must be.
pub(super) async fn look_at_cards(cards: &[Card], shared: &Arc<Shared>) -> Result<(), Error> {
    let Some(office) = &shared.desk else { return Ok(()) };
    for card in cards.iter().take(MOST_SHOWN) {
        let Some(watch) = shared.oracle().watch(card.reference) else { continue };
        let (desk, number) = (office.desk.clone(), card.reference.number());
        let shown = tokio::task::spawn_blocking(move || desk.show(number)).await;
        let shown = shown.map_err(|error| Error::Usage(format!("the desk failed: {error}")))??;
        let agreed = shared.oracle().shown(watch, &shown);
        shared.tally().question("desk: show", agreed);
    }
    Ok(())
}
