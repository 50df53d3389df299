//! Who comes on a day, and what they want: drawn from a seed, each by their habits.

use terminal_sim::rng::Rng;

use super::board::Board;
use super::calendar::{DAY, begins, date, day_of};
use super::card::{Card, Kind};
use super::paper::{Act, Deed, Paper, State, Wish};
use super::shop::Shop;

/// A Monday in a leap year.
const OPENS: (i64, i64, i64) = (2028, 1, 10);
/// Past 28 February of the year after, when the points of 29 February end.
const DAYS: i64 = 440;
/// On which days the gateway comes back, and how long it was away.
const AWAY: [(i64, i64); 4] = [(61, 1), (150, 9), (214, 33), (401, 12)];

#[derive(Debug, Clone, Copy)]
enum Habit {
    Regular,
    Spender,
    Careless,
    Returner,
    Cheat,
    /// Comes in the first weeks, and then no more.
    Sleeper,
}

const HABITS: [Habit; 8] = [
    Habit::Regular,
    Habit::Spender,
    Habit::Careless,
    Habit::Returner,
    Habit::Cheat,
    Habit::Cheat,
    Habit::Sleeper,
    Habit::Spender,
];

impl Habit {
    /// How often, of a hundred: load, buy, hold, capture, refund, undo, redeem, and what is never allowed.
    fn weights(self) -> [u64; 8] {
        match self {
            Self::Regular | Self::Sleeper => [12, 62, 4, 4, 4, 2, 10, 2],
            Self::Spender => [22, 60, 4, 4, 4, 1, 4, 1],
            Self::Careless => [14, 42, 6, 4, 12, 6, 8, 8],
            Self::Returner => [12, 40, 4, 4, 28, 8, 3, 1],
            Self::Cheat => [14, 30, 5, 5, 22, 14, 8, 2],
        }
    }
}

/// Customers' cards first, then accounts; some are bound to these.
fn cards(board: &'static Board, rng: &mut Rng) -> Vec<Card> {
    let mut birthday = |card: usize| match card {
        0 => (2, 29),
        1 => (3, 31),
        _ => (rng.between(1, 12), rng.between(1, 28)),
    };
    let all = (0..board.people + board.accounts).map(|card| {
        let product = &board.products[usize::from(card >= board.people)];
        let account = (board.accounts > 0 && card < board.people && card % 2 == 0)
            .then(|| board.people + card % board.accounts);
        Card { account, ..Card::new(card, product, birthday(card)) }
    });
    all.collect()
}

/// A shop that trades, and who comes back with what on which day.
struct Trading {
    shop: Shop,
    rng: Rng,
    coming: Vec<(i64, usize)>,
}

/// Trades a year, and some weeks; then lets years go by.
pub(super) fn trade(board: &'static Board, seed: u64) -> Shop {
    let mut shop = trade_for(board, seed, DAYS);
    let last = shop.paper.today();
    // Nothing is left but money.
    for years in 1..4 {
        shop.clock(begins(last) + years * 500 * DAY);
    }
    shop.check_books();
    assert!(shop.paper.cards.iter().all(|card| card.has(Kind::Points) + card.has(Kind::Pending) == 0));
    shop
}

/// Trades so many days of it.
pub(super) fn trade_for(board: &'static Board, seed: u64, days: i64) -> Shop {
    let mut rng = Rng::stream(seed, board.name);
    let opens = day_of(OPENS.0, OPENS.1, OPENS.2);
    let cards = cards(board, &mut rng);
    let mut trading = Trading { shop: Shop::open(board, seed, opens, cards), rng, coming: Vec::new() };
    let mut day = 0;
    while day < days {
        if let Some((_, away)) = AWAY.iter().find(|(back, _)| *back == day) {
            trading.shop.is_up = false;
            day += away;
        }
        trading.day(opens + day, day);
        let shop = &mut trading.shop;
        if !shop.is_up {
            shop.is_up = true;
            shop.sweep("coming back");
        }
        if day % 30 == 0 {
            shop.check_books();
        }
        day += 1;
    }
    trading.shop.check_books();
    trading.shop
}

impl Trading {
    fn day(&mut self, day: i64, nth: i64) {
        let (_, month, of_month) = date(day);
        let special =
            [8, 18, 28].contains(&of_month) || [(2, 29), (12, 31), (1, 1)].contains(&(month, of_month));
        // 1 January 1970 was a Thursday.
        let weekend = [2, 3].contains(&(day % 7));
        let visits = self.rng.between(0, 4) + i64::from(weekend) * 2 + i64::from(special) * 3;
        let mut times: Vec<i64> = (0..visits).map(|_| second(&mut self.rng)).collect();
        times.sort_unstable();
        let board = self.shop.paper.board;
        let customers = board.people.min(HABITS.len());
        for second in times {
            self.shop.clock(begins(day) + second);
            let card = self.rng.index(customers + board.accounts);
            let card = if card < customers { card } else { board.people + card - customers };
            let habit = HABITS[card % HABITS.len()];
            if matches!(habit, Habit::Sleeper) && nth > 45 && card < board.people {
                continue;
            }
            if let Some(wish) = draw(&self.shop.paper, &mut self.rng, card, habit) {
                self.visit(&wish, habit, day);
            }
        }
        let (due, later) = std::mem::take(&mut self.coming).into_iter().partition(|(when, _)| *when <= day);
        self.coming = later;
        let due: Vec<(i64, usize)> = due;
        for (_, of) in due {
            let captured = self.shop.paper.acts[of].deed == Deed::Capture;
            let wish = if captured || self.rng.chance(3, 4) {
                refund_of(&self.shop.paper, &mut self.rng, of, false)
            } else {
                Wish::Void { of }
            };
            self.shop.ask(&wish);
        }
        if board.brings.is_some() {
            bring(&mut self.shop, &mut self.rng, nth);
        }
    }

    /// Asks for something, and for what goes with it: a hold is captured, a sale comes back.
    fn visit(&mut self, wish: &Wish, habit: Habit, day: i64) {
        let answer = self.shop.ask(wish);
        let of = self.shop.paper.acts.len() - 1;
        let rng = &mut self.rng;
        let back = match habit {
            Habit::Returner | Habit::Cheat => rng.chance(1, 2),
            _ => rng.chance(1, 10),
        };
        match wish {
            _ if answer.amount == 0 => {}
            Wish::Hold { .. } if rng.chance(2, 3) => {
                for _ in 0..rng.between(1, 2) {
                    let amount = rng.between(1, answer.amount);
                    self.shop.ask(&Wish::Capture { of, amount, more: rng.chance(1, 2) });
                    self.coming.extend(back.then_some((day + 3, of + 1)));
                }
            }
            // On the last day on which it can, or around it.
            Wish::Buy { .. } if back => {
                let returns = self.shop.paper.board.products[0].returns.unwrap_or(30);
                self.coming.push((day + rng.between(0, returns + 1), of));
            }
            _ => {}
        }
    }
}

/// A second of a business day: mostly of the afternoon, sometimes its first or its last.
fn second(rng: &mut Rng) -> i64 {
    match rng.below(16) {
        0 => 0,
        1 => DAY - 1,
        _ => rng.between(5 * 3600, 18 * 3600),
    }
}

/// Members bring members; once they bring more on a day than is rewarded.
fn bring(shop: &mut Shop, rng: &mut Rng, nth: i64) {
    let people = shop.paper.board.people;
    let wish = |card, by| Wish::Join { card, by };
    match nth {
        2 => drop(shop.ask(&wish(0, None))),
        3 => drop(shop.ask(&wish(1, Some(0)))),
        40 => {
            for card in HABITS.len()..people {
                shop.ask(&wish(card, Some(1)));
            }
        }
        200 => shop.bind(2, None),
        260 => shop.bind(2, Some(people + 1)),
        _ if rng.chance(1, 12) => {
            let by = rng.chance(4, 5).then(|| rng.index(people + 1));
            shop.ask(&wish(rng.index(HABITS.len() + 1), by));
        }
        _ => {}
    }
}

fn draw(paper: &Paper, rng: &mut Rng, card: usize, habit: Habit) -> Option<Wish> {
    let mut roll = rng.below(100);
    let purse = paper.cards[card].account.unwrap_or(card);
    let poor = paper.cards[purse].payable() < paper.board.sale.1 / 2;
    let mut what = 0;
    for weight in habit.weights() {
        if roll < weight {
            break;
        }
        roll -= weight;
        what += 1;
    }
    if poor && what == 1 && rng.chance(2, 3) {
        what = 0;
    }
    let careless = matches!(habit, Habit::Careless | Habit::Cheat);
    match what {
        0 => Some(Wish::Load { card: purse, amount: load(paper, rng, purse, careless) }),
        1 => Some(buy(paper, rng, card, habit)),
        2 => {
            let amount = sale(paper, rng, habit);
            Some(Wish::Hold { card, amount, part: rng.chance(1, 3) })
        }
        3 => {
            let of = earlier(paper, rng, |act| act.card == card && act.deed == Deed::Hold)?;
            let held = paper.acts[of].amount;
            let amount = if rng.chance(1, 2) { held } else { rng.between(1, held + i64::from(careless)) };
            Some(Wish::Capture { of, amount, more: rng.chance(1, 3) })
        }
        4 => refund(paper, rng, card, careless),
        5 => undo(paper, rng, card, careless),
        6 => redeem(paper, rng, card, careless),
        _ => Some(match rng.below(5) {
            0 => Wish::Transfer { card, to: (card + 1) % paper.board.people },
            1 => Wish::Unload { card },
            2 => Wish::Award { card },
            3 => Wish::Use { card },
            _ => Wish::Redeem { card, item: "elephant", pieces: 1 },
        }),
    }
}

/// Mostly what a card takes well; often at a step, or a cent beside it; sometimes what it does not take.
fn load(paper: &Paper, rng: &mut Rng, card: usize, careless: bool) -> i64 {
    let product = paper.cards[card].product;
    let mut marks: Vec<i64> = product.steps.iter().map(|(from, _)| *from).collect();
    marks.extend(if careless { vec![product.min_load, product.max_load] } else { vec![product.min_load] });
    match rng.below(5) {
        0 | 1 => (*rng.pick(&marks).expect("a mark") + rng.between(-1, 1)).max(1),
        2 if careless => (product.max_balance - paper.cards[card].worth() + rng.between(-1, 1)).max(1),
        _ => {
            let most = product.max_load.min(paper.board.sale.1 * 8);
            rng.between(product.min_load, most)
        }
    }
}

/// What a purchase comes to: often a round one, or a cent beside what gives another point.
fn sale(paper: &Paper, rng: &mut Rng, habit: Habit) -> i64 {
    let (least, most) = paper.board.sale;
    let most = if matches!(habit, Habit::Spender) { most } else { least + (most - least) / 3 };
    let amount = rng.between(least, most);
    let per = paper.board.per;
    if rng.chance(1, 3) && amount > per { amount / per * per + rng.between(-1, 1) } else { amount }
}

fn buy(paper: &Paper, rng: &mut Rng, card: usize, habit: Habit) -> Wish {
    let held = &paper.cards[card];
    let mut amount = sale(paper, rng, habit);
    if matches!(habit, Habit::Careless) && rng.chance(1, 6) {
        amount *= 20;
    }
    if rng.chance(1, 12) {
        // To the last cent.
        amount = paper.cards[held.account.unwrap_or(card)].payable().max(1);
    }
    let there = held.has(Kind::Points);
    let points = match held.product.pays {
        Some(_) if there > 0 && rng.chance(1, 2) => Some(match rng.below(8) {
            0 => there,
            1 => there + 1,
            2 => amount / 200 + 1,
            _ => rng.between(1, there.min((amount / 200).max(1))),
        }),
        None if rng.chance(1, 40) => Some(1),
        _ => None,
    };
    let parts = if paper.board.tiers.is_empty() { 0 } else { rng.below(4) };
    let mut goods = Vec::new();
    let mut left = amount;
    for line in 0..parts {
        let part = if line + 1 == parts { left } else { left / 3 };
        left -= part;
        goods.extend((part > 0).then_some((*rng.pick(&["dining", "clothes"]).expect("one"), part)));
    }
    let prices = rng.chance(3, 4);
    Wish::Buy { card, amount, part: rng.chance(1, 4), points, goods, prices }
}

/// An earlier request of some kind that was approved: a late one more often than not.
fn earlier(paper: &Paper, rng: &mut Rng, fits: impl Fn(&Act) -> bool) -> Option<usize> {
    let all = paper.acts.iter().enumerate().filter(|(_, act)| act.state != State::Declined && fits(act));
    let all: Vec<usize> = all.map(|(at, _)| at).collect();
    let late = &all[all.len().saturating_sub(4)..];
    if rng.chance(4, 5) { rng.pick(late) } else { rng.pick(&all) }.copied()
}

fn refund(paper: &Paper, rng: &mut Rng, card: usize, careless: bool) -> Option<Wish> {
    let loads = rng.chance(1, 4);
    let of = earlier(paper, rng, |act| {
        let wanted =
            if loads { act.deed == Deed::Load } else { matches!(act.deed, Deed::Buy | Deed::Capture) };
        act.card == card && (wanted || careless && act.deed == Deed::Redeem)
    })?;
    Some(refund_of(paper, rng, of, careless))
}

fn refund_of(paper: &Paper, rng: &mut Rng, of: usize, careless: bool) -> Wish {
    let left = paper.acts[of].amount - paper.acts[of].done;
    let amount = match rng.below(8) {
        0..=2 => left,
        3 if careless => left + 1,
        4 => rng.between(1, 99),
        _ => rng.between(1, left.max(1)),
    };
    Wish::Refund { of, amount: amount.max(1) }
}

fn undo(paper: &Paper, rng: &mut Rng, card: usize, careless: bool) -> Option<Wish> {
    // A capture's hold would come back with it.
    let of = earlier(paper, rng, |act| act.card == card && !matches!(act.deed, Deed::Other | Deed::Capture))?;
    Some(if careless || rng.chance(1, 2) { Wish::Void { of } } else { Wish::Reverse { of } })
}

fn redeem(paper: &Paper, rng: &mut Rng, card: usize, careless: bool) -> Option<Wish> {
    let (item, price) = *rng.pick(paper.board.catalogue)?;
    let pieces = rng.between(1, 3);
    let enough = paper.cards[card].has(Kind::Points) >= price * pieces;
    (enough || careless).then_some(Wish::Redeem { card, item, pieces })
}
