//! The shop on paper: what everybody has, what every request should come to, and what the books say. It knows the board and the
//! calendar, and nothing of the gateway.

use super::board::Board;
use super::calendar::{business_day, ends, months_later};
use super::card::{Card, Count, Kind, Leg};
use super::ladder::Ladder;

pub(super) const APPROVED: u8 = 0;
pub(super) const IN_PART: u8 = 10;
pub(super) const INVALID: u8 = 12;
pub(super) const INVALID_AMOUNT: u8 = 13;
pub(super) const NO_FUNDS: u8 = 51;
pub(super) const NOT_PERMITTED: u8 = 57;
pub(super) const LIMIT: u8 = 61;

/// What somebody asks for at the till. `of` is the number of an earlier request.
#[derive(Debug, Clone)]
pub(super) enum Wish {
    Load {
        card: usize,
        amount: i64,
    },
    Buy {
        card: usize,
        amount: i64,
        part: bool,
        points: Option<i64>,
        goods: Vec<Goods>,
        prices: bool,
    },
    Hold {
        card: usize,
        amount: i64,
        part: bool,
    },
    Capture {
        of: usize,
        amount: i64,
        more: bool,
    },
    Refund {
        of: usize,
        amount: i64,
    },
    Void {
        of: usize,
    },
    Reverse {
        of: usize,
    },
    Redeem {
        card: usize,
        item: &'static str,
        pieces: i64,
    },
    Join {
        card: usize,
        by: Option<usize>,
    },
    /// No example allows these.
    Transfer {
        card: usize,
        to: usize,
    },
    Unload {
        card: usize,
    },
    Award {
        card: usize,
    },
    Use {
        card: usize,
    },
}

/// A category, and minor units.
pub(super) type Goods = (&'static str, i64);

/// What a request comes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Answer {
    pub(super) code: u8,
    pub(super) amount: i64,
    pub(super) discount: i64,
    /// Each rule that gave or took something, and what.
    pub(super) why: Vec<(String, i64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Declined,
    Live,
    Part,
    Refunded,
    Undone,
    Captured,
    Lapsed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Load,
    Buy,
    Hold,
    Capture,
    Refund,
    Redeem,
    Join,
    Other,
}

/// The accounts of the books that are not a card's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Books {
    pub(super) clearing: i64,
    pub(super) redemption: i64,
    pub(super) bonus_expense: i64,
    pub(super) points_payment: i64,
    /// Points that ended unspent.
    pub(super) breakage: i64,
}

impl Books {
    pub(super) fn add(&mut self, other: Self, sign: i64) {
        self.clearing += sign * other.clearing;
        self.redemption += sign * other.redemption;
        self.bonus_expense += sign * other.bonus_expense;
        self.points_payment += sign * other.points_payment;
        self.breakage += sign * other.breakage;
    }
}

/// What a request has done, so that it can be taken back.
#[derive(Debug, Clone)]
pub(super) struct Act {
    pub(super) deed: Deed,
    pub(super) state: State,
    pub(super) card: usize,
    /// The card whose money it moved.
    pub(super) purse: usize,
    pub(super) day: i64,
    /// Minor units that can come back, what points paid among them.
    pub(super) amount: i64,
    /// What points paid of it.
    pub(super) worth: i64,
    /// Of a sale: points that it earned.
    pub(super) earned: i64,
    pub(super) legs: Vec<Leg>,
    pub(super) debts: Vec<(usize, i64)>,
    pub(super) counts: Vec<(usize, Count, i64, i64)>,
    pub(super) books: Books,
    /// How much of it was refunded, and by which request last.
    pub(super) done: i64,
    pub(super) last_refund: Option<usize>,
    /// Of a refund: what it is of, and how much was asked for.
    pub(super) of: Option<(usize, i64)>,
    /// What its answer said, but for prices and what is owed.
    pub(super) why: Vec<(String, i64)>,
}

impl Act {
    pub(super) fn new(deed: Deed, card: usize, purse: usize, day: i64) -> Self {
        Self {
            deed,
            state: State::Live,
            card,
            purse,
            day,
            amount: 0,
            worth: 0,
            earned: 0,
            legs: Vec::new(),
            debts: Vec::new(),
            counts: Vec::new(),
            books: Books::default(),
            done: 0,
            last_refund: None,
            of: None,
            why: Vec::new(),
        }
    }
}

/// A request that is being worked out: nothing of it is true before it is approved.
pub(super) struct Draft {
    pub(super) cards: Vec<Card>,
    pub(super) act: Act,
    pub(super) answer: Answer,
    /// How many of the answer's lines are prices; they are the first.
    pub(super) prices: usize,
}

impl Draft {
    pub(super) fn count(&mut self, card: usize, what: Count, period: i64, change: i64) {
        self.cards[card].count(what, period, change);
        self.act.counts.push((card, what, period, change));
    }

    pub(super) fn owe(&mut self, card: usize, change: i64) {
        if change != 0 {
            self.act.debts.push((card, change));
        }
    }

    /// Points that a card gets at once.
    pub(super) fn award(&mut self, card: usize, points: i64, ends: Option<i64>) {
        let (leg, repaid) = self.cards[card].credit_points(points, ends);
        self.act.legs.extend(leg);
        self.owe(card, -repaid);
    }
}

pub(super) struct Paper {
    pub(super) board: &'static Board,
    pub(super) now: i64,
    pub(super) cards: Vec<Card>,
    pub(super) ladders: Vec<Ladder>,
    pub(super) acts: Vec<Act>,
    pub(super) books: Books,
}

impl Paper {
    pub(super) fn new(board: &'static Board, now: i64, cards: Vec<Card>) -> Self {
        let ladders = cards.iter().map(|_| Ladder::new(board.tiers_last)).collect();
        Self { board, now, cards, ladders, acts: Vec::new(), books: Books::default() }
    }

    pub(super) fn today(&self) -> i64 {
        business_day(self.now)
    }

    /// When points end that come on a day.
    pub(super) fn points_end(&self, day: i64) -> Option<i64> {
        let last = months_later(day, 12);
        if !self.board.to_year_end {
            return Some(ends(last));
        }
        let (year, ..) = super::calendar::date(last);
        Some(ends(super::calendar::day_of(year, 12, 31)))
    }

    /// Lets it be a later second: what ends by then ends, in the order in which it does.
    pub(super) fn pass_time(&mut self, to: i64) {
        while let Some(next) = self.next_end().filter(|next| *next <= to) {
            self.now = next.max(self.now);
            self.end_of_something(next);
        }
        self.now = to;
        self.end_of_something(to);
    }

    fn next_end(&self) -> Option<i64> {
        let of = |card: &Card| {
            let lots = card.lots.values().filter_map(|lot| lot.ends);
            lots.chain(card.holds.iter().map(|hold| hold.ends)).min()
        };
        let tiers = self.ladders.iter().filter_map(|ladder| ladder.held?.until);
        self.cards.iter().filter_map(of).chain(tiers).min()
    }

    fn end_of_something(&mut self, at: i64) {
        for card in 0..self.cards.len() {
            for hold in std::mem::take(&mut self.cards[card].holds) {
                if hold.ends <= at {
                    self.acts[hold.of].state = State::Lapsed;
                } else {
                    self.cards[card].holds.push(hold);
                }
            }
            let held = &self.cards[card];
            let over: Vec<(u32, i64)> = held
                .lots
                .iter()
                .filter(|(_, lot)| lot.ends.is_some_and(|ends| ends <= at))
                .map(|(id, lot)| (*id, lot.amount))
                .collect();
            for (id, amount) in over {
                let leg = self.cards[card].take(&[(id, amount)])[0];
                if leg.kind == Kind::Pending {
                    let released = business_day(leg.ends.expect("an end"));
                    let ends = self.points_end(released);
                    self.cards[card].credit_points(amount, ends);
                } else {
                    self.books.breakage += amount;
                }
            }
            self.look_at_tier(card);
        }
    }

    /// Says which gifts have fallen.
    pub(super) fn look_at_tier(&mut self, card: usize) -> Vec<(String, i64)> {
        if self.board.tiers.is_empty() {
            return Vec::new();
        }
        let gifts = self.ladders[card].gifts();
        let held = &self.cards[card];
        let lasts = self.board.tiers_last;
        let spent = |day| lasts.map_or(held.spent_ever(), |_| held.spent_in_a_year(day));
        let gift = self.ladders[card].look(self.board.tiers, self.now, spent);
        let ends = self.points_end(self.today());
        let held = &mut self.cards[card];
        if gift > 0 {
            held.credit_points(gift, ends);
        } else if gift < 0 {
            let (_, missing) = held.take_back(0, -gift);
            held.debt += missing;
        }
        let left = self.ladders[card].gifts();
        let fallen = gifts.difference(&left).map(|rank| &self.board.tiers[*rank]);
        fallen.filter(|tier| tier.gift > 0).map(|tier| (tier.key.to_owned(), -tier.gift)).collect()
    }

    /// Works a request out, and writes it down.
    pub(super) fn ask(&mut self, wish: &Wish) -> Answer {
        let at = self.acts.len();
        let owed: Vec<i64> = self.cards.iter().map(|card| card.debt).collect();
        let (mut answer, mut act) = match self.work_out(wish, at) {
            Ok(draft) => {
                self.cards = draft.cards;
                self.books.add(draft.act.books, 1);
                let why = draft.answer.why[draft.prices..].to_vec();
                (draft.answer, Act { why, ..draft.act })
            }
            Err(code) => {
                let nothing = Act { state: State::Declined, ..Act::new(Deed::Other, 0, 0, self.today()) };
                (Answer { code, ..Answer::default() }, nothing)
            }
        };
        let more = |paper: &Self, card: usize| paper.cards[card].debt - owed[card];
        let mut is_owed = more(self, act.card);
        let undoes = matches!(wish, Wish::Refund { .. } | Wish::Void { .. } | Wish::Reverse { .. });
        for card in 0..self.cards.len() {
            let fallen = self.look_at_tier(card);
            // A promotion stands behind the answer; what falls is a part of it.
            if undoes && card == act.card {
                is_owed = more(self, card);
                answer.why.extend(fallen.clone());
                act.why.extend(fallen);
            }
        }
        if is_owed != 0 && act.state != State::Declined {
            answer.why.push(("owed".into(), is_owed));
        }
        self.acts.push(act);
        self.pass_time(self.now);
        answer
    }

    fn work_out(&mut self, wish: &Wish, at: usize) -> Result<Draft, u8> {
        match wish {
            Wish::Load { card, amount } => self.load(*card, *amount),
            Wish::Buy { card, amount, part, points, goods, prices } => {
                self.buy(*card, *amount, (*part, *points), goods, *prices)
            }
            Wish::Hold { card, amount, part } => self.hold(at, *card, *amount, *part),
            Wish::Capture { of, amount, more } => self.capture(*of, *amount, *more),
            Wish::Refund { of, amount } => self.refund(at, *of, *amount),
            Wish::Void { of } => self.undo(*of, true),
            Wish::Reverse { of } => self.undo(*of, false),
            Wish::Redeem { card, item, pieces } => self.redeem(*card, item, *pieces),
            Wish::Join { card, by } => self.join(*card, *by),
            Wish::Transfer { .. } | Wish::Unload { .. } | Wish::Award { .. } | Wish::Use { .. } => {
                Err(NOT_PERMITTED)
            }
        }
    }

    pub(super) fn draft(&self, deed: Deed, card: usize) -> Draft {
        let purse = self.cards[card].account.unwrap_or(card);
        let act = Act::new(deed, card, purse, self.today());
        Draft { cards: self.cards.clone(), act, answer: Answer::default(), prices: 0 }
    }
}
