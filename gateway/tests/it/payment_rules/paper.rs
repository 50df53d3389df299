//! PROTOCOL.md on paper: what every message comes to, and what it leaves. Written from sections 5 to 7, 11 and 12; shares no
//! code with the rules.

mod deal;
mod holds;
mod pays;
mod refunds;
mod sums;
mod undo;

use std::collections::BTreeMap;

use super::sheet::{Account, Draft, Line, Sheet, Status};
use super::world::{CARDS, KIOSK, Said, TILLS};
use deal::message_of;
pub(super) use deal::{Deal, Goods};
pub(super) use sums::{bonus_of, share_up, tenders_of};

const LIVE: u8 = 1;
const REVERSED: u8 = 2;
const VOIDED: u8 = 3;
const REFUNDED: u8 = 4;
const DECLINED: u8 = 5;
const BLOCKED: u8 = 6;
const IN_PART: u8 = 7;
const CAPTURED: u8 = 8;
const LAPSED: u8 = 9;

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
        /// What points paid of it, and from which lots they came.
        by_points: (i64, Vec<(usize, i64)>),
        hold: Option<(usize, i64)>,
    },
    /// A refund, or an unload: what it refunded, and how much of each.
    Refund {
        of: Vec<(usize, i64)>,
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
    /// What its request said was sold or came back.
    goods: Vec<Goods>,
    debt: i64,
    deed: Deed,
    refunded: i64,
    refunds: Vec<usize>,
    /// What it was answered, for ever.
    said: Said,
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
    matches!(message, 0x10 | 0x12 | 0x13 | 0x18 | 0x1B | 0x1F)
}

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
            Deal::Activate { card }
            | Deal::Load { card, .. }
            | Deal::Purchase { card, .. }
            | Deal::Buy { card, .. }
            | Deal::Unload { card, .. }
            | Deal::Authorize { card, .. } => *card,
            other => other.of().and_then(|of| self.slips[of].entry.as_ref()).map_or(0, |entry| entry.card),
        };
        let goods = match deal {
            Deal::Buy { goods, .. } | Deal::Return { goods, .. } => goods.clone(),
            _ => Vec::new(),
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
            goods,
            debt: 0,
            deed: Deed::Nothing,
            refunded: 0,
            refunds: Vec::new(),
            said: no(0),
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
        entry.said = said;
        self.slips[at.request].entry = Some(entry);
        said
    }

    /// What the same bytes get once more: what they got before, and the present state beside it. `None` of what never came.
    pub(super) fn repeat(&self, request: usize) -> Option<(Said, u8)> {
        let slip = &self.slips[request];
        let entry = slip.entry.as_ref()?;
        let state = match (&entry.deed, entry.said.code) {
            _ if slip.blocked => BLOCKED,
            (Deed::Final, 0) => LIVE,
            (Deed::Final, _) => DECLINED,
            _ => entry.state,
        };
        Some((entry.said, state))
    }

    /// Section 7, before the card is looked at.
    fn refuse(&self, deal: &Deal, message: u8, at: Occasion) -> Option<Said> {
        let slip = &self.slips[at.request];
        let sells = matches!(message, 0x13 | 0x18 | 0x19 | 0x1A | 0x1B | 0x1F);
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
            Deal::Buy { card, amount, points, .. } => self.buy(card, amount, points, at),
            Deal::Refund { of, amount } => self.refund(of, amount, &[], at),
            Deal::Return { of, amount, ref goods } => self.refund(of, amount, goods, at),
            Deal::Unload { card, amount } => self.unload(card, amount, at),
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
}
