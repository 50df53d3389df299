//! The same shop twice: the gateway's rules with a state of their own, and on paper. Whatever is asked is asked of both.

use std::collections::{BTreeMap, BTreeSet};

use gateway::domain::decision::Notes;
use gateway::domain::{Card as Held, CardReference, Command, Decision, Effect, Kind as Balance};
use gateway::{programme_file, translate};

use super::super::book::{Book, claim, goods, reference};
use super::board::Board;
use super::calendar::{begins, date};
use super::card::{Card, Kind};
use super::paper::{APPROVED, Answer, IN_PART, Paper, Wish};

/// What somebody asked for, when, and what it came to.
#[derive(Debug)]
pub(super) struct Deal {
    /// Unix second.
    pub(super) at: i64,
    pub(super) wish: Wish,
    pub(super) answer: Answer,
}

pub(super) struct Shop {
    pub(super) seed: u64,
    pub(super) paper: Paper,
    book: Book,
    /// All of it.
    pub(super) script: Vec<Deal>,
    /// The gateway runs by itself between requests; else it was away, and nothing was looked at yet.
    pub(super) is_up: bool,
}

fn card_of(reference: CardReference) -> usize {
    usize::try_from(reference.0 % 1000).expect("small")
}

fn number(card: usize) -> u64 {
    u64::try_from(card).expect("small")
}

fn part(whole: Vec<Effect>) -> BTreeSet<CardReference> {
    let cards = whole.into_iter().filter_map(|effect| match effect {
        Effect::Counter { card, .. } => card,
        Effect::Member { card, .. } => Some(card),
        _ => None,
    });
    cards.collect()
}

impl Shop {
    /// Opens on a business day, with these cards.
    pub(super) fn open(board: &'static Board, seed: u64, day: i64, cards: Vec<Card>) -> Self {
        let programme = programme_file::parse(board.document);
        let programme = programme.unwrap_or_else(|problems| panic!("{}: {problems:?}", board.name));
        let mut book = Book::of(programme, cards.iter().map(|card| card.product.key));
        for card in &cards {
            let held = book.state.cards.get_mut(&reference(number(card.at))).expect("a card");
            held.account = card.account.map(|account| reference(number(account)));
        }
        let now = begins(day);
        book.clock(now);
        Self { seed, paper: Paper::new(board, now, cards), book, script: Vec::new(), is_up: true }
    }

    /// Where a failure is found again.
    fn place(&self) -> String {
        let (year, month, day) = date(self.paper.today());
        let second = self.paper.now - begins(self.paper.today());
        let (board, request) = (self.paper.board.name, self.book.entries());
        format!("{board}, seed {}, {year}-{month:02}-{day:02} + {second} s, request {request}", self.seed)
    }

    /// Lets it be another second; the gateway books what is due by then, unless it is away.
    pub(super) fn clock(&mut self, s: i64) {
        self.book.clock(s);
        self.paper.pass_time(s);
        if self.is_up {
            self.sweep("the clock");
        }
    }

    /// Books what is due of every card.
    pub(super) fn sweep(&mut self, after: &str) {
        self.book.sweep();
        self.compare_cards(after, 0..self.paper.cards.len());
    }

    /// Binds a card to an account, or to none.
    pub(super) fn bind(&mut self, card: usize, account: Option<usize>) {
        self.paper.cards[card].account = account;
        let held = self.book.state.cards.get_mut(&reference(number(card))).expect("a card");
        held.account = account.map(|account| reference(number(account)));
    }

    pub(super) fn ask(&mut self, wish: &Wish) -> Answer {
        let (command, prices) = self.command(wish);
        let about = match (command.claim(), command.original()) {
            (Some(claim), _) => BTreeSet::from([claim.card]),
            (_, Some(named)) => self.book.cards_of(named.stan as usize - 1),
            _ => BTreeSet::new(),
        };
        for card in &about {
            self.book.follow(*card);
        }
        let holder = about.iter().map(|card| self.paper.cards[card_of(*card)].birthday).next();
        let small = |number: i64| u8::try_from(number).expect("a date");
        self.book.birthday = holder.map(|(month, day)| (small(month), small(day)));
        if let Wish::Void { of } | Wish::Reverse { of } | Wish::Refund { of, .. } | Wish::Capture { of, .. } =
            wish
        {
            let (month, day) = self.paper.cards[self.paper.acts[*of].card].birthday;
            self.book.birthday = Some((small(month), small(day)));
        }
        self.book.prices = prices;
        let sold = match wish {
            Wish::Buy { goods: sold, .. } => sold
                .iter()
                .enumerate()
                .map(|(at, (category, amount))| goods(&format!("I{at}"), category, 1, *amount))
                .collect(),
            _ => Vec::new(),
        };
        let place = self.place();
        let decision = self.book.ask(command, sold);
        for card in part(decision.effects.clone()) {
            self.book.follow(card);
        }
        let (said, wanted) = (answer(&decision), self.paper.ask(wish));
        assert_eq!(
            said, wanted,
            "{place}: {wish:?}\nthe gateway's answer is on the left, the board's on the right"
        );
        self.script.push(Deal { at: self.paper.now, wish: wish.clone(), answer: said.clone() });
        // What comes back to a lot whose time is over is booked as soon as somebody looks.
        if self.is_up {
            self.sweep(&format!("{wish:?}"));
        } else if [APPROVED, IN_PART].contains(&said.code) {
            let now = self.book.now.s();
            let is_due =
                |card: &CardReference| self.book.state.cards[card].due().is_some_and(|due| due <= now);
            let touched = about.iter().filter(|card| !is_due(card)).map(|card| card_of(*card));
            self.compare_cards(&format!("{wish:?}"), touched);
        }
        said
    }

    fn command(&self, wish: &Wish) -> (Command, bool) {
        let claim = |card: &usize| claim(number(*card));
        let named = |of: &usize| self.book.named(*of);
        let command = match wish {
            Wish::Load { card, amount } => {
                Command::Load { claim: claim(card), amount: *amount, tenders: vec![(1, *amount)] }
            }
            Wish::Buy { card, amount, part, points, .. } => Command::Purchase {
                claim: claim(card),
                amount: *amount,
                partial_allowed: *part,
                points: *points,
                lines: Vec::new(),
            },
            Wish::Hold { card, amount, part } => Command::Authorize {
                claim: claim(card),
                amount: *amount,
                partial_allowed: *part,
                raises: None,
            },
            Wish::Capture { of, amount, more } => Command::Capture {
                original: named(of),
                amount: *amount,
                more_follow: *more,
                lines: Vec::new(),
            },
            Wish::Refund { of, amount } => {
                Command::Refund { original: named(of), amount: *amount, lines: Vec::new() }
            }
            Wish::Void { of } => Command::Void { original: named(of) },
            Wish::Reverse { of } => Command::Reversal { original: named(of) },
            Wish::Redeem { card, item, pieces } => {
                Command::Redeem { claim: claim(card), item: (*item).into(), quantity: *pieces }
            }
            Wish::Join { card, by } => {
                let referral = by.map(|by| reference(number(by)).0.to_string());
                Command::Join { claim: claim(card), referral, customer: 0 }
            }
            Wish::Transfer { card, to } => {
                Command::Transfer { claim: claim(card), to: reference(number(*to)), amount: 1_00 }
            }
            Wish::Unload { card } => Command::Unload { claim: claim(card), amount: 1_00 },
            Wish::Award { card } => {
                Command::Award { claim: claim(card), activity: "visit".into(), quantity: 1 }
            }
            Wish::Use { card } => {
                Command::UseEntitlement { claim: claim(card), entitlement: "parking".into(), quantity: 1 }
            }
        };
        (command, matches!(wish, Wish::Buy { prices: true, .. }))
    }

    fn held(&self, card: usize) -> &Held {
        &self.book.state.cards[&reference(number(card))]
    }

    /// What cards have, owe and are.
    fn compare_cards(&self, after: &str, cards: impl IntoIterator<Item = usize>) {
        for card in cards {
            let paper = &self.paper.cards[card];
            let kinds = [(1, Kind::Principal), (2, Kind::Bonus), (16, Kind::Points), (48, Kind::Pending)];
            let has = kinds.map(|(balance, _)| self.book.has(number(card), balance));
            let (owes, held) = (self.book.owes(number(card), 16), self.held(card));
            let wanted = kinds.map(|(_, kind)| paper.has(kind));
            assert_eq!((has, owes), (wanted, paper.debt), "{}: card {card} after {after}", self.place());
            // By when they end, in how many lots ever.
            let of = |kind: Kind| kinds.iter().find(|(_, of)| *of == kind).expect("a kind").0;
            let lots = by_end(held.lots.iter().map(|lot| (lot.kind.0, lot.expires, lot.amount)));
            let wanted = by_end(paper.lots.values().map(|lot| (of(lot.kind), lot.ends, lot.amount)));
            assert_eq!(lots, wanted, "{}: lots of card {card} after {after}", self.place());
            let member = self.book.state.members.get(&reference(number(card)));
            let tier = member.and_then(|member| member.standing.tier.clone());
            let tier = tier.map(|held| (held.tier, held.since, held.until));
            let wanted = self.paper.ladders[card].held.map(|held| {
                let (year, month, day) = date(held.since);
                let since = u32::try_from(year * 10_000 + month * 100 + day).expect("a date");
                (self.paper.board.tiers[held.rank].key.to_owned(), since, held.until)
            });
            assert_eq!(tier, wanted, "{}: tier of card {card} after {after}", self.place());
        }
    }

    fn account(&self, name: &str, balance: u8) -> i64 {
        self.book.state.accounts.get(name).map_or(0, |held| held.balance(Balance(balance)))
    }

    /// Every account of the books, against what the paper says and against each other.
    pub(super) fn check_books(&self) {
        let (place, paper) = (self.place(), &self.paper);
        let sum = |of: &dyn Fn(&Card) -> i64| paper.cards.iter().map(of).sum::<i64>();
        let worth = sum(&Card::worth);
        let (points, debts) =
            (sum(&|card| card.has(Kind::Points) + card.has(Kind::Pending)), sum(&|card| card.debt));
        let books = paper.books;
        for (name, balance, wanted) in [
            ("clearing:S:1", 0, books.clearing),
            ("redemption:S", 0, books.redemption),
            ("bonus-expense", 0, books.bonus_expense),
            ("points-payment", 0, books.points_payment),
            ("breakage", 16, books.breakage),
            ("breakage", 0, 0),
            ("receivable:points", 16, -debts),
            // Points issued are held, spent, ended or owed.
            ("points-expense", 16, debts - points - books.breakage),
            ("points-release", 16, 0),
        ] {
            assert_eq!(self.account(name, balance), wanted, "{place}: {name}");
        }
        // Money that came in, and what was given on top, is on cards or was spent.
        let money = books.clearing + books.redemption + books.bonus_expense + books.points_payment;
        assert_eq!(worth + money, 0, "{place}: money");
        let own: i64 = (0..paper.cards.len()).map(|card| self.held(card).worth(self.book.now.s())).sum();
        assert_eq!(own, worth, "{place}: money on cards");
        let other = |name: &str| !name.starts_with("clearing:S:1") && !name.starts_with("redemption:S");
        let named = [
            "bonus-expense",
            "points-payment",
            "breakage",
            "receivable:points",
            "points-expense",
            "points-release",
        ];
        let unknown: Vec<&String> = self
            .book
            .state
            .accounts
            .keys()
            .filter(|name| other(name) && !named.contains(&name.as_str()))
            .collect();
        assert!(unknown.is_empty(), "{place}: {unknown:?}");
        for card in 0..paper.cards.len() {
            let held = self.held(card);
            assert!(held.lots.iter().all(|lot| lot.amount > 0), "{place}: {held:?}");
        }
        let counters = self.book.state.counters.values();
        let members = self.book.state.members.values();
        let carried = |name: &str| name.starts_with("carry:");
        let of_members = members.flat_map(|member| &member.counters).filter(|((name, _), _)| !carried(name));
        assert!(
            counters.chain(of_members.map(|(_, value)| value)).all(|count| *count >= 0),
            "{place}: a counter"
        );
    }
}

/// What the gateway's decision says to the till, but for why a tier is reached: the board has the tiers themselves.
fn answer(decision: &Decision) -> Answer {
    let code = translate::code(decision.verdict).0;
    let approved = [APPROVED, IN_PART].contains(&code);
    let own = decision.explanation.iter();
    let own = own.filter(|line| line.other.is_none() && !line.notes.has(Notes::TIER));
    let why = own.map(|line| (line.rule.clone(), line.result));
    Answer {
        code,
        amount: decision.amount.filter(|_| approved).unwrap_or(0),
        discount: decision.discount.filter(|_| approved).unwrap_or(0),
        why: why.filter(|_| approved).collect(),
    }
}

fn by_end(lots: impl Iterator<Item = (u8, Option<i64>, i64)>) -> BTreeMap<(u8, Option<i64>), i64> {
    let mut all = BTreeMap::new();
    for (kind, ends, amount) in lots {
        *all.entry((kind, ends)).or_default() += amount;
    }
    all
}
