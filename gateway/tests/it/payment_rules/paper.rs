//! PROTOCOL.md on paper: what every message comes to, and what it leaves. Written from sections 5 to 7, 11 and 12; shares no
//! code with the rules.

use std::collections::BTreeMap;

use super::calendar::principal_end;
use super::sheet::{Account, Draft, Hold, Line, Sheet, Status};
use super::world::{CARDS, HOLD_HOURS, KIOSK, MOST, Said, TILLS};

/// A message, as a person at a till means it. `of` is the number of an earlier request.
#[derive(Debug, Clone)]
pub(super) enum Deal {
    Activate { card: usize },
    Load { card: usize, amount: i64 },
    Purchase { card: usize, amount: i64, partial: bool },
    Authorize { card: usize, amount: i64, partial: bool, raises: Option<usize> },
    Capture { of: usize, amount: i64, more: bool },
    Refund { of: usize, amount: i64 },
    Void { of: usize },
    Reverse { of: usize },
    Close,
}

impl Deal {
    /// The earlier request that it acts on.
    fn of(&self) -> Option<usize> {
        match *self {
            Self::Capture { of, .. } | Self::Refund { of, .. } | Self::Void { of } | Self::Reverse { of } => {
                Some(of)
            }
            Self::Authorize { raises, .. } => raises,
            _ => None,
        }
    }
}

const LIVE: u8 = 1;
const REVERSED: u8 = 2;
const VOIDED: u8 = 3;
const REFUNDED: u8 = 4;
const DECLINED: u8 = 5;
const BLOCKED: u8 = 6;
const IN_PART: u8 = 7;
const CAPTURED: u8 = 8;
const LAPSED: u8 = 9;

const MOST_HOLDS: usize = 16;
const MOST_PARTS: usize = 64;

/// What an entry did, as far as a later one may ask.
#[derive(Debug, Clone)]
enum Deed {
    Nothing,
    /// A reversal, void or reconciliation.
    Final,
    Activated,
    Loaded {
        /// Lot and amount of the principal and of the bonus, if any.
        principal: (usize, i64),
        bonus: Option<(usize, i64)>,
        tenders: Vec<(u8, i64)>,
    },
    /// `hold` is the request that opened the hold it captured.
    Paid {
        parts: Vec<(usize, i64)>,
        earned: i64,
        points: Option<usize>,
        hold: Option<(usize, i64)>,
    },
    Refund {
        of: usize,
        amount: i64,
    },
    Held {
        raised: Option<usize>,
    },
}

#[derive(Debug, Clone)]
struct Entry {
    index: u64,
    message: u8,
    shift: Option<u32>,
    card: usize,
    state: u8,
    amount: i64,
    lines: Vec<Line>,
    debt: i64,
    deed: Deed,
    refunded: i64,
    refunds: Vec<usize>,
}

/// A request, by its number: where it was signed, and its entry once it came.
#[derive(Debug, Clone)]
struct Slip {
    till: usize,
    blocked: bool,
    entry: Option<Entry>,
}

#[derive(Debug, Default)]
pub(super) struct Shift {
    pub(super) closed: bool,
    pub(super) totals: BTreeMap<u8, (i64, i64)>,
}

pub(super) struct Paper {
    pub(super) sheets: Vec<Sheet>,
    slips: Vec<Slip>,
    pub(super) shifts: BTreeMap<(usize, u32), Shift>,
    pub(super) accounts: BTreeMap<Account, i64>,
    principal_ends: bool,
}

/// Where and when something is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Occasion {
    /// Number of the request that asks.
    pub(super) request: usize,
    pub(super) shift: Option<u32>,
    pub(super) index: u64,
    pub(super) now: i64,
}

/// An approval: what is said, what is written, on which card.
struct Done {
    said: Said,
    card: usize,
    draft: Draft,
    deed: Deed,
}

type Outcome = Result<Done, Said>;

fn no(code: u8) -> Said {
    Said { code, amount: None, state: None }
}

fn no_because(code: u8, state: u8) -> Said {
    Said { code, amount: None, state: Some(state) }
}

fn yes(amount: i64) -> Said {
    Said { code: 0, amount: Some(amount), state: None }
}

fn counts(message: u8) -> bool {
    matches!(message, 0x10 | 0x12 | 0x13 | 0x18 | 0x1B)
}

pub(super) fn bonus_of(amount: i64) -> i64 {
    match amount {
        300_00.. => 20_00,
        100_00.. => 5_00,
        _ => 0,
    }
}

pub(super) fn points_of(paid: i64) -> i64 {
    paid / 3_00 * 2
}

/// `all` x `part` / `whole`, rounded up.
pub(super) fn share_up(all: i64, part: i64, whole: i64) -> i64 {
    (all * part + whole - 1) / whole
}

/// Tenders of a load: cash and a QR wallet, half and half.
pub(super) fn tenders_of(amount: i64) -> Vec<(u8, i64)> {
    let lines = [(1, amount / 2), (3, amount - amount / 2)];
    lines.into_iter().filter(|(_, part)| *part > 0).collect()
}

/// `amount` of a list, from its end, after `skip` of it.
fn from_the_end<T: Copy>(list: &[(T, i64)], mut skip: i64, mut amount: i64) -> Vec<(T, i64)> {
    let mut picked = Vec::new();
    for (what, part) in list.iter().rev() {
        let passed = skip.min(*part);
        let taken = amount.min(part - passed);
        (skip, amount) = (skip - passed, amount - taken);
        if taken > 0 {
            picked.push((*what, taken));
        }
    }
    assert_eq!(amount, 0, "no more than the list has");
    picked
}

/// Entry that opened a hold, its end, what was captured of it, and what is held in which lots.
pub(super) type HeldNow<'a> = (u64, i64, i64, &'a [(usize, i64)]);

impl Paper {
    pub(super) fn new(principal_ends: bool) -> Self {
        Self {
            sheets: (0..CARDS).map(|_| Sheet::new()).collect(),
            slips: Vec::new(),
            shifts: BTreeMap::new(),
            accounts: BTreeMap::new(),
            principal_ends,
        }
    }

    pub(super) fn sign(&mut self, till: usize) {
        self.slips.push(Slip { till, blocked: false, entry: None });
    }

    fn is_closed(&self, till: usize, shift: Option<u32>) -> bool {
        shift.is_some_and(|shift| self.shifts.get(&(till, shift)).is_some_and(|held| held.closed))
    }

    fn add(&mut self, account: Account, amount: i64) {
        *self.accounts.entry(account).or_default() += amount;
    }

    fn count(&mut self, till: usize, shift: Option<u32>, message: u8, count: i64, amount: i64) {
        if let Some(shift) = shift.filter(|_| counts(message) && !self.is_closed(till, shift)) {
            let total = self.shifts.entry((till, shift)).or_default().totals.entry(message).or_default();
            *total = (total.0 + count, total.1 + amount);
        }
    }

    pub(super) fn block(&mut self, card: usize, block: bool) -> bool {
        let sheet = &mut self.sheets[card];
        let may = (sheet.status == Status::Blocked) != block;
        if may {
            sheet.status = match (block, sheet.was_loaded) {
                (true, _) => Status::Blocked,
                (false, true) => Status::Active,
                (false, false) => Status::Issued,
            };
        }
        may
    }

    pub(super) fn sweep(&mut self, card: usize, now: i64, index: u64) {
        let draft = Draft::new(&self.sheets[card], now, index);
        self.keep(card, draft);
    }

    /// Puts a draft in force, with what it let expire.
    fn keep(&mut self, card: usize, draft: Draft) -> (Vec<Line>, i64) {
        for request in &draft.lapsed {
            self.entry_mut(*request).state = LAPSED;
        }
        for (account, amount) in &draft.expired {
            self.add(*account, *amount);
        }
        for line in &draft.lines {
            if let Line::Named(account, amount) = line {
                self.add(*account, *amount);
            }
        }
        self.sheets[card] = draft.sheet;
        (draft.lines, draft.debt)
    }

    fn entry(&self, request: usize) -> &Entry {
        self.slips[request].entry.as_ref().expect("it arrived")
    }

    fn entry_mut(&mut self, request: usize) -> &mut Entry {
        self.slips[request].entry.as_mut().expect("it arrived")
    }

    /// What must be said; and the paper after it.
    pub(super) fn expect(&mut self, deal: &Deal, at: Occasion) -> Said {
        let message = message_of(deal);
        let card = match deal {
            Deal::Activate { card } | Deal::Load { card, .. } => *card,
            Deal::Purchase { card, .. } | Deal::Authorize { card, .. } => *card,
            Deal::Capture { of, .. } | Deal::Refund { of, .. } | Deal::Void { of } | Deal::Reverse { of } => {
                self.slips[*of].entry.as_ref().map_or(0, |entry| entry.card)
            }
            Deal::Close => 0,
        };
        let outcome = match self.refuse(deal, message, at) {
            Some(said) => Err(said),
            None => self.decide(deal, at),
        };
        let mut entry = Entry {
            index: at.index,
            message,
            shift: at.shift,
            card,
            state: DECLINED,
            amount: 0,
            lines: Vec::new(),
            debt: 0,
            deed: Deed::Nothing,
            refunded: 0,
            refunds: Vec::new(),
        };
        let said = match outcome {
            Ok(done) => {
                (entry.lines, entry.debt) = self.keep(done.card, done.draft);
                (entry.state, entry.card, entry.deed) = (LIVE, done.card, done.deed);
                entry.amount = done.said.amount.unwrap_or(0);
                self.count(self.slips[at.request].till, at.shift, message, 1, entry.amount);
                done.said
            }
            Err(said) => {
                // Whoever finds a hold's time over books its end.
                let raised = matches!(deal, Deal::Authorize { .. });
                if let (Some(LAPSED), Some(of)) = (said.state, deal.of())
                    && self.entry(of).state == LIVE
                {
                    self.sweep(self.entry(of).card, at.now, at.index);
                }
                // An answer to an authorize has no key 15.
                Said { state: said.state.filter(|_| !raised), ..said }
            }
        };
        if matches!(message, 0x15 | 0x17 | 0x19) {
            entry.deed = Deed::Final;
        }
        self.slips[at.request].entry = Some(entry);
        said
    }

    /// Section 7, before the card is looked at.
    fn refuse(&self, deal: &Deal, message: u8, at: Occasion) -> Option<Said> {
        let slip = &self.slips[at.request];
        let sells = matches!(message, 0x13 | 0x18 | 0x19 | 0x1A | 0x1B);
        if slip.blocked {
            return Some(no(21));
        }
        if slip.till == KIOSK && sells {
            return Some(no(58));
        }
        let any_shift = matches!(deal, Deal::Reverse { .. } | Deal::Void { .. });
        (self.is_closed(slip.till, at.shift) && !any_shift).then(|| no(12))
    }

    fn decide(&mut self, deal: &Deal, at: Occasion) -> Outcome {
        match *deal {
            Deal::Activate { card } => self.activate(card, at),
            Deal::Load { card, amount } => self.load(card, amount, at),
            Deal::Purchase { card, amount, partial } => self.purchase(card, amount, partial, at),
            Deal::Authorize { card, amount, partial, raises } => {
                self.authorize(card, amount, partial, raises, at)
            }
            Deal::Capture { of, amount, more } => self.capture(of, amount, more, at),
            Deal::Refund { of, amount } => self.refund(of, amount, at),
            Deal::Void { of } => self.void(of, at),
            Deal::Reverse { of } => self.reverse(of, at),
            Deal::Close => {
                let shift = at.shift.expect("a reconciliation names a shift");
                self.shifts.entry((self.slips[at.request].till, shift)).or_default().closed = true;
                Err(Said { code: 0, amount: None, state: None })
            }
        }
    }

    fn draft(&self, card: usize, at: Occasion) -> Draft {
        Draft::new(&self.sheets[card], at.now, at.index)
    }

    fn store(&self, at: Occasion) -> &'static str {
        TILLS[self.slips[at.request].till].2
    }

    fn usable(&self, card: usize) -> Result<(), Said> {
        match self.sheets[card].status {
            Status::Blocked => Err(no(62)),
            Status::Issued => Err(no(78)),
            Status::Active => Ok(()),
        }
    }

    fn activate(&self, card: usize, at: Occasion) -> Outcome {
        match self.sheets[card].status {
            Status::Blocked => Err(no(62)),
            Status::Active => Err(no(12)),
            Status::Issued => {
                let mut draft = self.draft(card, at);
                draft.sheet.status = Status::Active;
                Ok(Done { said: yes(0), card, draft, deed: Deed::Activated })
            }
        }
    }

    fn load(&self, card: usize, amount: i64, at: Occasion) -> Outcome {
        self.usable(card)?;
        if amount < 1_00 {
            return Err(no(13));
        }
        let (mut draft, bonus) = (self.draft(card, at), bonus_of(amount));
        if amount > MOST || draft.is_full(amount + bonus) {
            return Err(no(61));
        }
        draft.load(amount, bonus, self.principal_ends.then(|| principal_end(at.now)));
        let lots: Vec<usize> = draft.lines.iter().filter_map(lot_of).collect();
        let tenders = tenders_of(amount);
        for (tender, part) in &tenders {
            draft.named(Account::Clearing(self.store(at), *tender), -part);
        }
        let deed = Deed::Loaded {
            principal: (lots[0], amount),
            bonus: lots.get(1).map(|lot| (*lot, bonus)),
            tenders,
        };
        Ok(Done { said: yes(amount), card, draft, deed })
    }

    fn purchase(&self, card: usize, amount: i64, partial: bool, at: Occasion) -> Outcome {
        self.usable(card)?;
        if amount > MOST {
            return Err(no(61));
        }
        let mut draft = self.draft(card, at);
        let paid = amount.min(draft.payable());
        if paid == 0 || paid < amount && !partial {
            return Err(no(51));
        }
        let parts = draft.choose(card, paid);
        let deed = self.pay(&mut draft, parts, paid, None, at);
        let code = if paid < amount { 10 } else { 0 };
        Ok(Done { said: Said { code, ..yes(paid) }, card, draft, deed })
    }

    /// Books money that leaves the card for goods, and its points.
    fn pay(
        &self,
        draft: &mut Draft,
        parts: Vec<(usize, i64)>,
        paid: i64,
        hold: Option<(usize, i64)>,
        at: Occasion,
    ) -> Deed {
        for (lot, part) in &parts {
            draft.lot(*lot, -part);
        }
        draft.named(Account::Redemption(self.store(at)), paid);
        let earned = points_of(paid);
        let before = draft.lines.len();
        draft.award(earned);
        let points = draft.lines[before..].iter().find_map(lot_of);
        Deed::Paid { parts, earned, points, hold }
    }

    /// The original that a person names: of the same merchant, and of the same store if that matters.
    fn near(&self, of: usize, same_store: bool, at: Occasion) -> Result<&Entry, Said> {
        let (here, there) = (TILLS[self.slips[at.request].till], TILLS[self.slips[of].till]);
        let known = self.slips[of].entry.is_some() || self.slips[of].blocked;
        if !known || here.1 != there.1 || same_store && here.2 != there.2 {
            return Err(no(25));
        }
        if self.slips[of].blocked {
            return Err(no_because(12, BLOCKED));
        }
        let entry = self.entry(of);
        if matches!(entry.deed, Deed::Final) { Err(no(12)) } else { Ok(entry) }
    }

    /// What was captured of a hold, and stands.
    fn captured(&self, opener: usize) -> i64 {
        let entries = self.slips.iter().filter_map(|slip| slip.entry.as_ref());
        let stands = |entry: &&Entry| matches!(entry.state, LIVE | REFUNDED | IN_PART);
        entries
            .filter(stands)
            .filter(|entry| matches!(entry.deed, Deed::Paid { hold: Some((of, _)), .. } if of == opener))
            .map(|entry| entry.amount)
            .sum()
    }

    fn authorize(
        &self,
        card: usize,
        amount: i64,
        partial: bool,
        raises: Option<usize>,
        at: Occasion,
    ) -> Outcome {
        self.usable(card)?;
        let mut draft = self.draft(card, at);
        let mut present = None;
        if let Some(of) = raises {
            // An answer to an authorize has no key 15; what undoes or closes is no authorize.
            let entry = self.near(of, true, at).map_err(|said| match said.state {
                None => no(25),
                Some(_) => Said { state: None, ..said },
            })?;
            if entry.message != 0x1A || entry.card != card {
                return Err(no(25));
            }
            present = draft.sheet.holds.iter().position(|hold| hold.request == of);
            if entry.state != LIVE || present.is_none() {
                return Err(no_because(12, if draft.lapsed.contains(&of) { LAPSED } else { entry.state }));
            }
        }
        if present.map_or(0, |hold| draft.sheet.holds[hold].held()) + amount > MOST {
            return Err(no(61));
        }
        let held = amount.min(draft.payable());
        if held == 0 || held < amount && !partial {
            return Err(no(51));
        }
        let chosen = draft.choose(card, held);
        let hold = present.unwrap_or(draft.sheet.holds.len());
        if present.is_none() {
            let ends = at.now + HOLD_HOURS[card] * 3600;
            let opened = Hold { request: at.request, index: at.index, ends, parts: Vec::new() };
            draft.sheet.holds.push(opened);
        }
        draft.sheet.holds[hold].parts.extend(chosen);
        if hold >= MOST_HOLDS || draft.sheet.holds[hold].parts.len() > MOST_PARTS {
            return Err(no(12));
        }
        let code = if held < amount { 10 } else { 0 };
        let deed = Deed::Held { raised: raises };
        Ok(Done { said: Said { code, ..yes(held) }, card, draft, deed })
    }

    fn capture(&mut self, of: usize, amount: i64, more: bool, at: Occasion) -> Outcome {
        let entry = self.near(of, true, at)?;
        let Deed::Held { raised } = entry.deed else { return Err(no_because(12, entry.state)) };
        if entry.state != LIVE || raised.is_some() {
            return Err(no_because(12, entry.state));
        }
        let card = entry.card;
        let mut draft = self.draft(card, at);
        let Some(hold) = draft.sheet.holds.iter().position(|hold| hold.request == of) else {
            return Err(no_because(12, LAPSED));
        };
        let mut held = draft.sheet.holds.remove(hold);
        if amount > MOST || amount > held.held() {
            return Err(no(61));
        }
        let (mut missing, mut taken, mut left) = (amount, Vec::new(), Vec::new());
        for (lot, part) in &held.parts {
            let now = missing.min(*part);
            missing -= now;
            taken.extend((now > 0).then_some((*lot, now)));
            left.extend((*part > now).then_some((*lot, part - now)));
        }
        let ends = held.ends;
        held.parts = left;
        let over = held.parts.is_empty() || !more;
        if !over {
            draft.sheet.holds.insert(hold, held);
        }
        let deed = self.pay(&mut draft, taken, amount, Some((of, ends)), at);
        if over {
            self.entry_mut(of).state = CAPTURED;
        }
        Ok(Done { said: yes(amount), card, draft, deed })
    }

    fn refund(&mut self, of: usize, amount: i64, at: Occasion) -> Outcome {
        let entry = self.near(of, false, at)?;
        let refundable = matches!(entry.deed, Deed::Loaded { .. } | Deed::Paid { .. });
        if !refundable || !matches!(entry.state, LIVE | IN_PART) {
            return Err(no_because(12, entry.state));
        }
        let (before, whole, card) = (entry.refunded, entry.amount, entry.card);
        let state = entry.state;
        let left = whole - before;
        if amount > MOST || amount > left {
            return Err(no(61));
        }
        let mut draft = self.draft(card, at);
        let of_refunded = |all: i64| share_up(all, before + amount, whole) - share_up(all, before, whole);
        let paid = match &entry.deed {
            Deed::Loaded { principal, bonus, tenders } => {
                let (lot, _) = *principal;
                if draft.sheet.free(lot) < amount {
                    return Err(no_because(51, state));
                }
                draft.lot(lot, -amount);
                let wanted = bonus.map_or(0, |(_, given)| of_refunded(given));
                let taken = bonus.map_or(0, |(lot, _)| draft.sheet.free(lot)).min(wanted);
                if let Some((lot, _)) = bonus {
                    draft.lot(*lot, -taken);
                }
                let paid = amount - (wanted - taken);
                if paid <= 0 {
                    return Err(no_because(51, state));
                }
                draft.named(Account::BonusExpense, wanted);
                for (tender, part) in from_the_end(tenders, before, paid) {
                    draft.named(Account::Clearing(self.store(at), tender), part);
                }
                paid
            }
            Deed::Paid { parts, earned, points, .. } => {
                let open = draft.open();
                for (lot, part) in from_the_end(parts, before, amount) {
                    draft.give_back(lot, part, card, open);
                }
                draft.named(Account::Redemption(self.store(at)), -amount);
                let wanted = of_refunded(*earned);
                draft.named(Account::PointsExpense, wanted);
                draft.take_points(*points, wanted);
                amount
            }
            _ => unreachable!("looked at before"),
        };
        let state = if amount == left { REFUNDED } else { IN_PART };
        let original = self.entry_mut(of);
        (original.state, original.refunded) = (state, before + amount);
        original.refunds.push(at.request);
        let said = Said { state: Some(state), ..yes(paid) };
        Ok(Done { said, card, draft, deed: Deed::Refund { of, amount } })
    }

    fn void(&mut self, of: usize, at: Occasion) -> Outcome {
        let entry = self.near(of, true, at)?;
        if entry.state != LIVE {
            return Err(no_because(12, entry.state));
        }
        if matches!(entry.deed, Deed::Held { raised: Some(_) }) {
            return Err(no_because(12, LIVE));
        }
        let dated = counts(entry.message) && entry.message != 0x10;
        if dated && self.is_closed(self.slips[of].till, entry.shift) {
            return Err(no_because(12, LIVE));
        }
        self.undo(of, VOIDED, at)
    }

    fn reverse(&mut self, of: usize, at: Occasion) -> Outcome {
        if self.slips[of].till != self.slips[at.request].till || of >= at.request {
            return Err(no(25));
        }
        let unchanged = |state, amount| Err(Said { code: 0, amount, state: Some(state) });
        if self.slips[of].entry.is_none() || self.slips[of].blocked {
            self.slips[of].blocked = true;
            return unchanged(BLOCKED, None);
        }
        let entry = self.entry(of);
        match entry.state {
            _ if matches!(entry.deed, Deed::Final) => Err(no(12)),
            DECLINED => unchanged(DECLINED, None),
            REVERSED | VOIDED => unchanged(entry.state, Some(0)),
            LIVE => self.undo(of, REVERSED, at),
            other => Err(no_because(12, other)),
        }
    }

    fn undo(&mut self, of: usize, state: u8, at: Occasion) -> Outcome {
        let original = self.entry(of).clone();
        let card = original.card;
        let mut draft = self.draft(card, at);
        let stands = |code, state| Err(no_because(code, state));
        let mut amount = original.amount;
        match original.deed.clone() {
            Deed::Activated => {
                if draft.sheet.was_loaded || draft.sheet.status != Status::Active {
                    return stands(12, LIVE);
                }
                draft.sheet.status = Status::Issued;
            }
            Deed::Loaded { .. } | Deed::Paid { .. } => {
                if !mirror(&mut draft, &original) {
                    return stands(51, LIVE);
                }
            }
            Deed::Refund { of: refunded, .. } => {
                if self.entry(refunded).refunds.last() != Some(&of) {
                    return stands(12, LIVE);
                }
                if !mirror(&mut draft, &original) {
                    return stands(51, LIVE);
                }
            }
            Deed::Held { raised } => {
                let opener = raised.unwrap_or(of);
                let Some(at) = draft.sheet.holds.iter().position(|hold| hold.request == opener) else {
                    return stands(12, if raised.is_some() { LIVE } else { LAPSED });
                };
                if self.captured(opener) > 0 && state == REVERSED {
                    return stands(12, LIVE);
                }
                let hold = &mut draft.sheet.holds[at];
                if raised.is_none() {
                    amount = hold.held();
                    draft.sheet.holds.remove(at);
                } else if !shorten(hold, amount) {
                    return stands(12, LIVE);
                }
            }
            Deed::Nothing | Deed::Final => unreachable!("answered before"),
        }
        self.entry_mut(of).state = state;
        match original.deed {
            Deed::Paid { parts, hold: Some((opener, ends)), .. } => {
                self.hold_again(&mut draft, opener, ends, &parts);
            }
            Deed::Refund { of: refunded, amount } => {
                let refunded = self.entry_mut(refunded);
                refunded.refunded -= amount;
                refunded.state = if refunded.refunded == 0 { LIVE } else { IN_PART };
            }
            _ => {}
        }
        self.count(self.slips[of].till, original.shift, original.message, -1, -original.amount);
        let said = Said { state: Some(state), ..yes(amount) };
        Ok(Done { said, card, draft, deed: Deed::Final })
    }

    /// What a capture took is held again, in front, unless the hold's time is over or somebody has ended it.
    fn hold_again(&mut self, draft: &mut Draft, opener: usize, ends: i64, parts: &[(usize, i64)]) {
        let state = self.entry(opener).state;
        if ends <= draft.now || !matches!(state, LIVE | CAPTURED) {
            return;
        }
        let index = self.entry(opener).index;
        self.entry_mut(opener).state = LIVE;
        let holds = &mut draft.sheet.holds;
        let at = holds.iter().position(|hold| hold.request == opener).unwrap_or_else(|| {
            holds.push(Hold { request: opener, index, ends, parts: Vec::new() });
            holds.len() - 1
        });
        let rest = std::mem::take(&mut holds[at].parts);
        // Neighbours from the same lot are one part.
        for (lot, amount) in parts.iter().copied().chain(rest) {
            match holds[at].parts.last_mut() {
                Some(last) if last.0 == lot => last.1 += amount,
                _ => holds[at].parts.push((lot, amount)),
            }
        }
    }

    /// Of a card, every hold: entry, end, what was captured and what is held, by lot.
    pub(super) fn holds(&self, card: usize) -> Vec<HeldNow<'_>> {
        let holds = self.sheets[card].holds.iter();
        let mut holds: Vec<_> = holds
            .map(|hold| (hold.index, hold.ends, self.captured(hold.request), hold.parts.as_slice()))
            .collect();
        holds.sort_by_key(|hold| hold.0);
        holds
    }
}

fn lot_of(line: &Line) -> Option<usize> {
    match line {
        Line::Lot(lot, _) => Some(*lot),
        Line::Named(..) => None,
    }
}

fn message_of(deal: &Deal) -> u8 {
    match deal {
        Deal::Activate { .. } => 0x10,
        Deal::Load { .. } => 0x12,
        Deal::Purchase { .. } => 0x13,
        Deal::Reverse { .. } => 0x15,
        Deal::Close => 0x17,
        Deal::Refund { .. } => 0x18,
        Deal::Void { .. } => 0x19,
        Deal::Authorize { .. } => 0x1A,
        Deal::Capture { .. } => 0x1B,
    }
}

/// Every line with its sign turned; false when money that it gave is not there any more.
fn mirror(draft: &mut Draft, original: &Entry) -> bool {
    for line in &original.lines {
        match *line {
            Line::Named(Account::PointsOwed, _) => {}
            Line::Named(account, amount) => draft.named(account, -amount),
            Line::Lot(lot, amount) if amount < 0 => draft.lot(lot, -amount),
            Line::Lot(lot, amount) if draft.sheet.lots[lot].kind == super::sheet::POINTS => {
                draft.take_points(Some(lot), amount);
            }
            Line::Lot(lot, amount) => {
                if draft.sheet.free(lot) < amount {
                    return false;
                }
                draft.lot(lot, -amount);
            }
        }
    }
    // Points that repaid a debt are owed again; a debt that has been repaid since comes back as points.
    let again = (-original.debt).max(-draft.sheet.debt);
    draft.named(Account::PointsOwed, -again);
    draft.owe(again);
    let repaid = original.debt + again;
    if repaid > 0 {
        draft.credit(
            super::sheet::POINTS,
            repaid,
            Some(super::calendar::points_end(draft.now)),
            draft.index,
            0,
        );
    }
    true
}

/// Takes `amount` from the end of a hold; false when nothing would be left.
fn shorten(hold: &mut Hold, amount: i64) -> bool {
    if hold.held() <= amount {
        return false;
    }
    let mut missing = amount;
    while missing > 0 {
        let last = hold.parts.last_mut().expect("more is held than that");
        let part = missing.min(last.1);
        (missing, last.1) = (missing - part, last.1 - part);
        if last.1 == 0 {
            hold.parts.pop();
        }
    }
    true
}
