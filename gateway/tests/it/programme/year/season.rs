//! The first weeks of a year once more, over the wire: the same customers at a till of a running gateway whose clock is turned from
//! one to the next, through a kill and days away, with the answers that the board has said before.

use protocol::field::Flags;
use protocol::request::{Body, Header};
use terminal_sim::Card;
use terminal_sim::checked::Checked;
use terminal_sim::message::SignedMessage;

use super::super::activities::award;
use super::super::audit::activate_born;
use super::super::entitlements::use_up;
use super::super::prices::lines;
use super::super::redemption::redeem;
use super::super::travel_agency::issue;
use super::super::{Said, join, why};
use super::board::Board;
use super::calendar::{DAY, begins, business_day};
use super::card::Kind;
use super::days;
use super::paper::{APPROVED, Answer, IN_PART, Wish};
use crate::counter::{Clerk, holdings, load, number, reversal};
use crate::harness::Gateway;
use crate::till::{Till, authorize, capture, put_in_force, refund, transfer, unload, void};
use crate::timekeeping::Machine;

/// Within a day the gateway follows its clock.
const STEP: i64 = 20 * 3600;
/// So that a slow machine does not leave the business day.
const SLACK: i64 = 600;

struct Counter {
    machine: Machine,
    /// None while it is away.
    gateway: Option<Gateway>,
    till: Till,
    cards: Vec<Card>,
    /// Every request so far.
    sent: Vec<SignedMessage>,
    now: i64,
}

/// The machine's clock, without its offset.
fn real_s() -> i64 {
    gateway::clock::Clock::system().now_ms().div_euclid(1000)
}

/// Trades so many days of a year again.
pub(super) async fn trade_again(board: &'static Board, seed: u64, days: i64) {
    let shop = days::trade_for(board, seed, days);
    let first = shop.script.first().expect("somebody came").at;
    let mut counter = Counter::open(board, &shop.paper.cards, begins(business_day(first))).await;
    let half = shop.script.len() / 2;
    for (at, deal) in shop.script.iter().enumerate() {
        let day = business_day(deal.at);
        let second = (deal.at - begins(day)).clamp(SLACK, DAY - SLACK);
        let next = (begins(day) + second).max(counter.now);
        if at == half {
            counter.away_until(next, true).await;
        }
        counter.until(next).await;
        let answer = counter.ask(&deal.wish).await;
        assert_eq!(answer, deal.answer, "{}, seed {seed}, request {at}: {:?}", board.name, deal.wish);
    }
    // Another start finds what is due, and books it.
    counter.away_until(shop.paper.now.max(counter.now), false).await;
    let site = &counter.machine.site;
    for (card, paper) in counter.cards.iter().zip(&shop.paper.cards) {
        let wanted = [Kind::Principal, Kind::Bonus, Kind::Points].map(|kind| paper.has(kind));
        let has = || {
            let held = holdings(site, card);
            ([held.principal, held.bonus, held.points], held.points_debt)
        };
        let booked = (0..100).map(|_| has()).find(|has| *has == (wanted, paper.debt));
        assert_eq!(
            booked.unwrap_or_else(has),
            (wanted, paper.debt),
            "{}, seed {seed}: card {}",
            board.name,
            paper.at
        );
    }
    assert!(counter.gateway.take().expect("one that runs").stop().success());
    counter.machine.site.verify();
}

impl Drop for Counter {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.machine.site.log());
        }
    }
}

impl Counter {
    /// Opens at a Unix second, with these cards as they are on paper.
    async fn open(board: &'static Board, cards: &[super::card::Card], at: i64) -> Self {
        let machine = Machine::new();
        machine.set_clock(at - real_s());
        let gateway = machine.start();
        let site = &machine.site;
        put_in_force(site, board.document);
        let most = "9000000";
        let enrolled = site.json(&[
            "terminal",
            "enroll",
            "--id",
            "T0001",
            "--max-load",
            most,
            "--max-purchase",
            most,
            "--max-refund",
            most,
        ]);
        let string = enrolled["enrolment"].as_str().expect("an enrolment");
        let clerk = Clerk::enrol_with(&gateway, string, protocol::cose::Algorithm::Es256).await;
        let session = clerk.session(&gateway).await;
        site.json(&["clock", "confirm"]);
        let mut till = Till { clerk, session };
        let mut issued = Vec::new();
        for paper in cards {
            let card = issue(site, paper.product.key, 1).remove(0);
            let (month, day) = paper.birthday;
            activate_born(&mut till, &card, &format!("1988-{month:02}-{day:02}")).await;
            issued.push(card);
        }
        for (card, account) in cards.iter().filter_map(|paper| Some((paper.at, paper.account?))) {
            let [card, account] = [card, account].map(|at| number(&issued[at]));
            site.json(&["card", "bind", "--card", &card, "--account", &account]);
        }
        Self { machine, gateway: Some(gateway), till, cards: issued, sent: Vec::new(), now: at }
    }

    /// The gateway is away until another second: killed, or stopped in order.
    async fn away_until(&mut self, at: i64, killed: bool) {
        let gateway = self.gateway.take().expect("one that runs");
        if killed {
            gateway.kill();
        } else {
            assert!(gateway.stop().success());
        }
        self.machine.set_clock(at - real_s());
        let gateway = self.gateway.insert(self.machine.start());
        self.till.session = self.till.clerk.session(gateway).await;
        self.machine.site.json(&["clock", "confirm"]);
        self.now = at;
    }

    /// Lets time pass, a step at a time.
    async fn until(&mut self, at: i64) {
        while self.now < at {
            self.now = at.min(self.now + STEP);
            self.machine.set_clock(self.now - real_s());
            let card = &self.cards[0];
            self.till.ask(Body::BalanceInquiry { card: card.reference }, card).await;
        }
        self.now = at;
    }

    async fn ask(&mut self, wish: &Wish) -> Answer {
        let (message, answer) = self.deal(wish).await;
        self.sent.push(message);
        let code = answer.code().0;
        let approved = [APPROVED, IN_PART].contains(&code);
        let minor = |amount: Option<i64>| amount.filter(|_| approved).unwrap_or(0);
        Answer {
            code,
            amount: minor(answer.answer.approved_amount.map(|amount| amount.get())),
            discount: minor(answer.answer.discount.map(|amount| amount.get())),
            why: if approved { why(&answer) } else { Vec::new() },
        }
    }

    async fn deal(&mut self, wish: &Wish) -> (SignedMessage, Checked) {
        let Self { till, cards, sent, .. } = self;
        let sent = |of: &usize| &sent[*of];
        let mut flags = 0;
        let (card, body) = match wish {
            Wish::Join { card, by } => {
                let by = by.map(|by| number(&cards[by]));
                return join(till, &cards[*card], Said { referral: by.as_deref(), ..Said::default() }).await;
            }
            Wish::Load { card, amount } => (*card, load(&cards[*card], *amount)),
            Wish::Buy { card, amount, part, points, goods, prices } => {
                flags = if *part { Flags::PARTIAL_ALLOWED.0 } else { 0 }
                    | if *prices { Flags::PROGRAMME_PRICES.0 } else { 0 };
                let items: Vec<(String, &str, i64)> = goods
                    .iter()
                    .enumerate()
                    .map(|(at, (category, minor))| (format!("I{at}"), *category, *minor))
                    .collect();
                let items: Vec<(&str, &str, i64)> =
                    items.iter().map(|(item, category, minor)| (item.as_str(), *category, *minor)).collect();
                let body = Body::Purchase {
                    card: cards[*card].reference,
                    amount: crate::counter::amount(*amount),
                    tenders: None,
                    lines: (!items.is_empty()).then(|| lines(&items)),
                    points: points.and_then(protocol::field::Points::new),
                };
                (*card, body)
            }
            Wish::Hold { card, amount, part } => {
                flags = if *part { Flags::PARTIAL_ALLOWED.0 } else { 0 };
                (*card, authorize(&cards[*card], *amount))
            }
            Wish::Capture { of, amount, more } => {
                flags = if *more { Flags::MORE_CAPTURES.0 } else { 0 };
                (0, capture(sent(of), *amount))
            }
            Wish::Refund { of, amount } => (0, refund(sent(of), *amount)),
            Wish::Void { of } => (0, void(sent(of))),
            Wish::Reverse { of } => (0, reversal(sent(of))),
            Wish::Redeem { card, item, pieces } => (*card, redeem(&cards[*card], item, *pieces)),
            Wish::Transfer { card, to } => (*card, transfer(&cards[*card], &cards[*to], 1_00)),
            Wish::Unload { card } => (*card, unload(&cards[*card], 1_00)),
            Wish::Award { card } => (*card, award(&cards[*card], "visit", 1)),
            Wish::Use { card } => (*card, use_up(&cards[*card], "parking", 1)),
        };
        let flags = (flags != 0).then_some(Flags(flags));
        let sidecar = crate::counter::sidecar(&body, &cards[card]);
        let message = till.sign_with(body, &sidecar, |header| Header { flags, ..header });
        let answer = till.send(&message).await;
        (message, answer)
    }
}
