//! The protocol's text as a ledger of its own: lots by what they are worth and when they end, decisions by the order of
//! section 7, reversals by the table of section 11.

use std::collections::BTreeMap;

use gateway::domain::effect::TransactionState;
use gateway::domain::{Decline, Verdict};

use super::world::{CARDS, NAMES, Step, TILLS};

const MIN_LOAD: i64 = 1_00;
const MOST: i64 = 2_000_00;

/// Till and shift: whether it is closed, and its live totals (message, count, amount).
pub(super) type Shifts = BTreeMap<(String, u32), (bool, Vec<(u8, i64, i64)>)>;

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    Decided(Verdict, Option<i64>),
    /// A reversal: where the original stands, and what was undone.
    Undone(TransactionState, Option<i64>),
    /// An operator's act.
    Acted(bool),
    Nothing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Issued,
    Active,
    Blocked,
}

/// A load, with what is left of it.
#[derive(Clone)]
struct Loaded {
    request: (usize, usize),
    principal: i64,
    bonus: i64,
    /// The season in which it was given; a bonus does not outlive it.
    season: u32,
}

struct Held {
    status: Status,
    was_loaded: bool,
    loads: Vec<Loaded>,
    /// Points, by the season in which they were earned; they do not outlive it.
    points: (u32, i64),
}

#[derive(Clone)]
enum Deed {
    Activated,
    Loaded {
        amount: i64,
        bonus: i64,
    },
    /// What each load gave, and the points.
    Paid {
        amount: i64,
        parts: Vec<((usize, usize), i64, i64)>,
        points: i64,
    },
    /// Declined, or blocked before it arrived.
    Void(TransactionState),
    /// A reversal or reconciliation.
    Irreversible,
}

struct Request {
    deed: Deed,
    card: usize,
    shift: Option<u32>,
    season: u32,
    undone: bool,
}

#[derive(Default)]
struct Shift {
    closed: bool,
    totals: BTreeMap<u8, (i64, i64)>,
}

pub(super) struct Ledger {
    cards: Vec<Held>,
    requests: [Vec<Request>; TILLS],
    shifts: BTreeMap<(usize, u32), Shift>,
    season: u32,
}

fn bonus_of(amount: i64) -> i64 {
    if amount >= 300_00 {
        20_00
    } else if amount >= 100_00 {
        5_00
    } else {
        0
    }
}

fn declined(decline: Decline) -> Said {
    Said::Decided(Verdict::Declined(decline), None)
}

impl Ledger {
    pub(super) fn new() -> Self {
        let held = || Held { status: Status::Issued, was_loaded: false, loads: Vec::new(), points: (0, 0) };
        Self {
            cards: (0..CARDS).map(|_| held()).collect(),
            requests: Default::default(),
            shifts: BTreeMap::new(),
            season: 0,
        }
    }

    pub(super) fn is_active(&self, card: usize) -> bool {
        self.cards[card].status == Status::Active
    }

    /// Principal, bonus and points that can be spent now.
    pub(super) fn balances(&self, card: usize) -> (i64, i64, i64) {
        let held = &self.cards[card];
        let bonus = held.loads.iter().filter(|load| load.season == self.season).map(|load| load.bonus);
        let points = if held.points.0 == self.season { held.points.1 } else { 0 };
        (held.loads.iter().map(|load| load.principal).sum(), bonus.sum(), points)
    }

    pub(super) fn shifts(&self) -> Shifts {
        let shown = self.shifts.iter().map(|((till, shift), held)| {
            let totals = held.totals.iter().map(|(message, (count, amount))| (*message, *count, *amount));
            ((NAMES[*till].to_owned(), *shift), (held.closed, totals.collect::<Vec<_>>()))
        });
        shown.filter(|(_, (closed, totals))| *closed || !totals.is_empty()).collect()
    }

    fn is_closed(&self, till: usize, shift: u32) -> bool {
        self.shifts.get(&(till, shift)).is_some_and(|held| held.closed)
    }

    fn count(&mut self, till: usize, shift: u32, message: u8, count: i64, amount: i64) {
        let totals = &mut self.shifts.entry((till, shift)).or_default().totals;
        let total = totals.entry(message).or_default();
        *total = (total.0 + count, total.1 + amount);
        if *total == (0, 0) {
            totals.remove(&message);
        }
    }

    /// What must come of a step; and the ledger after it.
    pub(super) fn expect(&mut self, step: &Step) -> Said {
        match *step {
            Step::Activate { till, card, shift } => {
                let said = self.activate(till, card, shift);
                let deed = if approved(&said) { Deed::Activated } else { void() };
                self.ask(till, card, Some(shift), deed, (0x10, &said));
                said
            }
            Step::Load { till, card, shift, amount, proven } => {
                let said = self.load(till, card, shift, amount, proven);
                let deed =
                    if approved(&said) { Deed::Loaded { amount, bonus: bonus_of(amount) } } else { void() };
                self.ask(till, card, Some(shift), deed, (0x12, &said));
                said
            }
            Step::Purchase { till, card, shift, amount, partial, proven } => {
                let (said, deed) = self.purchase(till, card, shift, amount, partial, proven);
                self.ask(till, card, Some(shift), deed, (0x13, &said));
                said
            }
            Step::Reverse { till, back } => self.reverse(till, back),
            Step::ReverseFirst { till, card, shift: _ } => {
                let blocked = Deed::Void(TransactionState::Blocked);
                let said = declined(Decline::ReversedBefore);
                self.ask(till, card, None, blocked, (0x13, &said));
                self.ask(till, card, None, Deed::Irreversible, (0x15, &Said::Nothing));
                said
            }
            Step::Close { till, shift, honest } => {
                let said = if self.is_closed(till, shift) {
                    declined(Decline::ShiftClosed)
                } else {
                    self.shifts.entry((till, shift)).or_default().closed = true;
                    Said::Decided(if honest { Verdict::Approved } else { Verdict::TotalsDiffer }, None)
                };
                self.ask(till, 0, None, Deed::Irreversible, (0x17, &Said::Nothing));
                said
            }
            Step::Block { card } => {
                let held = &mut self.cards[card];
                let may = held.status != Status::Blocked;
                if may {
                    held.status = Status::Blocked;
                }
                Said::Acted(may)
            }
            Step::Unblock { card } => {
                let held = &mut self.cards[card];
                let may = held.status == Status::Blocked;
                if may {
                    // A card that never had value goes back to being for sale.
                    held.status = if held.was_loaded { Status::Active } else { Status::Issued };
                }
                Said::Acted(may)
            }
            Step::MonthsPass => {
                self.season += 1;
                Said::Nothing
            }
        }
    }

    fn ask(&mut self, till: usize, card: usize, shift: Option<u32>, deed: Deed, said: (u8, &Said)) {
        if let (message, Said::Decided(Verdict::Approved | Verdict::ApprovedInPart, amount)) = said
            && let Some(shift) = shift
        {
            self.count(till, shift, message, 1, amount.unwrap_or(0));
        }
        self.requests[till].push(Request { deed, card, shift, season: self.season, undone: false });
    }

    fn activate(&mut self, till: usize, card: usize, shift: u32) -> Said {
        if self.is_closed(till, shift) {
            return declined(Decline::ShiftClosed);
        }
        match self.cards[card].status {
            Status::Blocked => declined(Decline::CardBlocked),
            Status::Active => declined(Decline::CardAlreadyActive),
            Status::Issued => {
                self.cards[card].status = Status::Active;
                Said::Decided(Verdict::Approved, Some(0))
            }
        }
    }

    /// The first reasons to decline that loads and purchases share.
    fn refuse(&self, till: usize, card: usize, shift: u32, proven: bool) -> Option<Said> {
        if self.is_closed(till, shift) {
            return Some(declined(Decline::ShiftClosed));
        }
        if !proven {
            return Some(declined(Decline::CardNotAccepted));
        }
        match self.cards[card].status {
            Status::Blocked => Some(declined(Decline::CardBlocked)),
            Status::Issued => Some(declined(Decline::CardNotActive)),
            Status::Active => None,
        }
    }

    fn load(&mut self, till: usize, card: usize, shift: u32, amount: i64, proven: bool) -> Said {
        if let Some(refused) = self.refuse(till, card, shift, proven) {
            return refused;
        }
        if amount < MIN_LOAD {
            return declined(Decline::BelowMinimum);
        }
        if amount > MOST {
            return declined(Decline::AboveTerminalLimit);
        }
        let (principal, bonus, _) = self.balances(card);
        if principal + bonus + amount + bonus_of(amount) > MOST {
            return declined(Decline::AboveMaximumBalance);
        }
        let request = (till, self.requests[till].len());
        let season = self.season;
        let held = &mut self.cards[card];
        held.was_loaded = true;
        held.loads.push(Loaded { request, principal: amount, bonus: bonus_of(amount), season });
        Said::Decided(Verdict::Approved, Some(amount))
    }

    fn purchase(
        &mut self,
        till: usize,
        card: usize,
        shift: u32,
        amount: i64,
        partial: bool,
        proven: bool,
    ) -> (Said, Deed) {
        if till == 1 {
            return (declined(Decline::MessageNotAllowedForRole), void());
        }
        if let Some(refused) = self.refuse(till, card, shift, proven) {
            return (refused, void());
        }
        if amount > MOST {
            return (declined(Decline::AboveTerminalLimit), void());
        }
        let (principal, bonus, points) = self.balances(card);
        let paid = amount.min(principal + bonus);
        if paid < amount && !(partial && paid > 0) {
            return (declined(Decline::NotSufficientFunds), void());
        }
        let season = self.season;
        let held = &mut self.cards[card];
        let (mut from_principal, mut from_bonus) = (paid.min(principal), paid - paid.min(principal));
        let mut parts = Vec::new();
        for load in &mut held.loads {
            let one = from_principal.min(load.principal);
            let two = if load.season == season { from_bonus.min(load.bonus) } else { 0 };
            (load.principal, load.bonus) = (load.principal - one, load.bonus - two);
            (from_principal, from_bonus) = (from_principal - one, from_bonus - two);
            if one + two > 0 {
                parts.push((load.request, one, two));
            }
        }
        let earned = paid / 100;
        held.points = (season, points + earned);
        let verdict = if paid == amount { Verdict::Approved } else { Verdict::ApprovedInPart };
        (Said::Decided(verdict, Some(paid)), Deed::Paid { amount: paid, parts, points: earned })
    }

    fn reverse(&mut self, till: usize, back: usize) -> Said {
        let Some(at) = self.requests[till].len().checked_sub(back) else { return Said::Nothing };
        let original = &self.requests[till][at];
        if original.season != self.season {
            return Said::Nothing;
        }
        let (card, shift, undone, deed) =
            (original.card, original.shift, original.undone, original.deed.clone());
        let said = match &deed {
            Deed::Irreversible => declined(Decline::OriginalNotReversible),
            Deed::Void(state) => Said::Undone(*state, None),
            _ if undone => Said::Undone(TransactionState::Reversed, Some(0)),
            deed => self.undo((till, at), card, deed),
        };
        if let Said::Undone(TransactionState::Reversed, Some(amount)) = said
            && !undone
        {
            self.requests[till][at].undone = true;
            let message = match deed {
                Deed::Activated => 0x10,
                Deed::Loaded { .. } => 0x12,
                _ => 0x13,
            };
            if let Some(shift) = shift.filter(|shift| !self.is_closed(till, *shift)) {
                self.count(till, shift, message, -1, -amount);
            }
        }
        self.ask(till, card, None, Deed::Irreversible, (0x15, &Said::Nothing));
        said
    }

    fn undo(&mut self, request: (usize, usize), card: usize, deed: &Deed) -> Said {
        let live = Said::Undone(TransactionState::Live, None);
        let season = self.season;
        let held = &mut self.cards[card];
        match deed {
            Deed::Activated if held.was_loaded || held.status != Status::Active => live,
            Deed::Activated => {
                held.status = Status::Issued;
                Said::Undone(TransactionState::Reversed, Some(0))
            }
            Deed::Loaded { amount, bonus } => {
                let whole = |load: &Loaded| {
                    load.request == request && (load.principal, load.bonus) == (*amount, *bonus)
                };
                let Some(at) = held.loads.iter().position(whole) else { return live };
                held.loads.remove(at);
                Said::Undone(TransactionState::Reversed, Some(*amount))
            }
            Deed::Paid { amount, parts, points } => {
                for (load, principal, bonus) in parts {
                    let lot = held.loads.iter_mut().find(|held| held.request == *load);
                    let lot = lot.expect("a load of which something is spent cannot be reversed");
                    (lot.principal, lot.bonus) = (lot.principal + principal, lot.bonus + bonus);
                }
                held.points = (season, held.points.1 - points);
                Said::Undone(TransactionState::Reversed, Some(*amount))
            }
            Deed::Void(_) | Deed::Irreversible => unreachable!("answered before"),
        }
    }
}

fn approved(said: &Said) -> bool {
    matches!(said, Said::Decided(Verdict::Approved | Verdict::ApprovedInPart, _))
}

fn void() -> Deed {
    Deed::Void(TransactionState::Declined)
}
