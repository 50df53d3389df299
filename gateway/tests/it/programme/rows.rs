//! Every row of the merchants' list over the wire: a till asks a running gateway, and what must come of it was worked out by hand.
//!
//! Each test says of the entries that it is about what the **answer** gave as its reasons ([`Done::says`]) and balances ([`Done::has`]),
//! which **postings** are in the journal ([`Entry::books`], read from its bytes), and that the **explanation** (`transaction explain`,
//! worked out again from the journal) is the answer's own.

mod campaigns;
mod clawback;
mod done;
mod earning;
mod entitled;
mod joining;
mod loads;
mod operators;
mod paying;
mod point_time;
mod quotes;
mod ranks;
mod redeeming;
mod referring;
mod returns;
mod segments;
mod tiers;
mod tiers_end;
mod value;

use std::time::Duration;

use gateway::clock::Clock;
use protocol::answer::Answer;
use protocol::cose::Algorithm;
use protocol::field::{
    BalanceKind, Flags, GrossMinor, List, PurchaseLine, QuantityThousandths, TenderKind, TenderLine,
};
use protocol::request::{Body, Header};
use serde_json::Value;
use terminal_sim::Card;
use terminal_sim::checked::Checked;
use terminal_sim::message::SignedMessage;

use self::done::{Done, Entry, Ledger, Move};
use super::activities::award;
use super::audit::activate_born;
use super::birthday_gifts::start_at;
use super::entitlements::use_up;
use super::redemption::redeem;
use super::{Said, join};
use crate::counter::{Clerk, PATIENCE, amount, balance, cards, last_index, load, number, purchase, reversal};
use crate::harness::{Done as Answered, Gateway, Site};
use crate::payments::points::by_points;
use crate::till::{Till, put_in_force, refund, unload, void};
use crate::timekeeping::Machine;

const PRINCIPAL: u8 = 1;
const BONUS: u8 = 2;
const POINTS: u8 = 16;
const COURTESY: u8 = 17;
const PENDING: u8 = 48;

/// Cards, in the order in which they were issued. In postings they are "A", "B" and so on.
const A: usize = 0;
const B: usize = 1;
const C: usize = 2;

/// Codes of answers.
const IN_PART: u8 = 10;
const NOT_NOW: u8 = 12;
const TOO_LITTLE: u8 = 51;
const NOT_FOR_THIS_CARD: u8 = 57;
const OVER_THE_LIMIT: u8 = 61;

/// Within a day the gateway follows its clock.
const STEP_S: i64 = 20 * 3600;

/// A till in a shop whose clock a test sets.
struct Shop {
    machine: Machine,
    /// None while it is away.
    gateway: Option<Gateway>,
    till: Till,
    cards: Vec<Card>,
    now_s: i64,
}

fn second(time: &str) -> i64 {
    let at: jiff::Timestamp = format!("{time}+08:00").parse().expect("a time");
    at.as_second()
}

/// One product whose cards hold a lot; what `rules` begins with may still be of the product.
fn programme(rules: &str) -> String {
    format!(
        "[programme]\nname = \"Shop\"\ncurrency = \"CNY\"\nzone = \"Asia/Shanghai\"\ncutover = \"04:00\"\n\
         [product.standard]\nname = \"Card\"\nmin_load = \"0.01\"\nmax_load = \"9000000.00\"\n\
         max_balance = \"9000000.00\"\nreturn_days = 7\nmax_unload = \"9000000.00\"\n{rules}\n"
    )
}

impl Shop {
    /// Noon of Monday, 1 March 2027, under these rules.
    async fn open(rules: &str) -> Self {
        Self::under("2027-03-01T12:00:00", &programme(rules)).await
    }

    /// At a time, under a whole programme.
    async fn under(time: &str, document: &str) -> Self {
        let machine = Machine::new();
        let gateway = start_at(&machine, time);
        put_in_force(&machine.site, document);
        let most = "9000000";
        let enrol = ["terminal", "enroll", "--id", "T0001", "--max-load", most, "--max-purchase", most];
        let enrolled = machine.site.json(&[&enrol[..], &["--max-refund", most]].concat());
        let string = enrolled["enrolment"].as_str().expect("an enrolment");
        let clerk = Clerk::enrol_with(&gateway, string, Algorithm::EdDsa).await;
        let session = clerk.session(&gateway).await;
        machine.site.json(&["clock", "confirm"]);
        let till = Till { clerk, session };
        Self { machine, gateway: Some(gateway), till, cards: Vec::new(), now_s: second(time) }
    }

    fn site(&self) -> &Site {
        &self.machine.site
    }

    /// Runs a command, by the shop's clock.
    fn run(&self, arguments: &[&str]) -> Answered {
        self.machine.run(arguments)
    }

    /// Runs a command that must succeed.
    fn json(&self, arguments: &[&str]) -> Value {
        let done = self.run(arguments);
        assert!(done.status.success(), "{arguments:?}: {}", done.stderr);
        done.json
    }

    /// New cards in use, each loaded with so much.
    async fn sell(&mut self, count: u32, minor: i64) {
        let loads = [minor];
        let sold = self.till.sell(&self.machine.site, count, &loads[..usize::from(minor > 0)]).await;
        self.cards.extend(sold);
    }

    /// A new card whose holder was born on this day.
    async fn sell_to(&mut self, born: &str, minor: i64) {
        let card = cards(&self.machine.site, 1).remove(0);
        activate_born(&mut self.till, &card, born).await;
        self.cards.push(card);
        self.load(self.cards.len() - 1, minor).await;
    }

    /// Lets time pass: a step at a time, or away for long.
    async fn day(&mut self, time: &str) {
        let at = second(time);
        assert!(at >= self.now_s, "{time}");
        if at - self.now_s > 40 * STEP_S {
            assert!(self.gateway.take().expect("one that runs").stop().success());
            let gateway = self.gateway.insert(start_at(&self.machine, time));
            self.till.session = self.till.clerk.session(gateway).await;
            self.now_s = at;
        }
        while self.now_s < at {
            self.now_s = at.min(self.now_s + STEP_S);
            self.machine.set_clock(self.now_s - Clock::system().now_ms().div_euclid(1000));
            let question = Body::Catalogue { after: None };
            let sidecar = protocol::request::RequestSidecar::default();
            let question = self.till.session.question(question, &sidecar).expect("a question");
            self.till.session.exchange(&question, false).await.expect("an answer");
        }
    }

    fn ledger(&self) -> Ledger {
        let cards = self.cards.iter().map(|card| card.reference.number()).collect();
        Ledger { data: self.machine.site.data(), cards }
    }

    fn done(&self, (message, answer): (SignedMessage, Checked)) -> Done {
        let index = answer.answer.reference.unwrap_or(0);
        Done { message, answer, entry: Entry { index, ledger: self.ledger() } }
    }

    async fn deal(&mut self, body: Body, card: usize) -> Done {
        let card = self.cards[card].clone();
        let dealt = self.till.deal(body, &card).await;
        self.done(dealt)
    }

    async fn load(&mut self, card: usize, minor: i64) -> Done {
        self.deal(load(&self.cards[card], minor), card).await
    }

    async fn load_by(&mut self, card: usize, minor: i64, tender: TenderKind) -> Done {
        let (reference, amount) = (self.cards[card].reference, amount(minor));
        let line = TenderLine { kind: tender, amount, reference: None };
        let tenders = List::new(vec![line]).expect("one tender");
        self.deal(Body::Load { card: reference, amount, tenders }, card).await
    }

    async fn unload(&mut self, card: usize, minor: i64) -> Done {
        self.deal(unload(&self.cards[card], minor), card).await
    }

    async fn buy(&mut self, card: usize, minor: i64) -> Done {
        self.deal(purchase(&self.cards[card], minor), card).await
    }

    /// With so many points.
    async fn pay(&mut self, card: usize, minor: i64, points: i64) -> Done {
        self.deal(by_points(&self.cards[card], minor, points), card).await
    }

    /// A sale at the programme's prices, or of which a part may be approved.
    async fn buy_with(&mut self, card: usize, body: Body, flags: Flags) -> Done {
        let card = self.cards[card].clone();
        let more = |header| Header { flags: Some(flags), ..header };
        let message = self.till.sign_with(body, &card.sidecar(), more);
        let answer = self.till.send(&message).await;
        self.done((message, answer))
    }

    async fn refund(&mut self, of: &Done, minor: i64) -> Done {
        self.deal(refund(&of.message, minor), A).await
    }

    async fn void(&mut self, of: &Done) -> Done {
        self.deal(void(&of.message), A).await
    }

    async fn reverse(&mut self, of: &Done) -> Done {
        self.deal(reversal(&of.message), A).await
    }

    async fn redeem(&mut self, card: usize, item: &str, pieces: i64) -> Done {
        self.deal(redeem(&self.cards[card], item, pieces), card).await
    }

    async fn award(&mut self, card: usize, code: &str, quantity: u32) -> Done {
        self.deal(award(&self.cards[card], code, quantity), card).await
    }

    async fn use_up(&mut self, card: usize, entitlement: &str, uses: i64) -> Done {
        self.deal(use_up(&self.cards[card], entitlement, uses), card).await
    }

    /// A card joins, brought by another or by nobody.
    async fn join(&mut self, card: usize, by: Option<usize>) -> Done {
        let by = by.map(|by| number(&self.cards[by]));
        let said = Said { referral: by.as_deref(), ..Said::default() };
        let joined = join(&mut self.till, &self.cards[card], said).await;
        self.done(joined)
    }

    /// What the member may know.
    async fn ask(&mut self, card: usize) -> Answer {
        let body = Body::MemberInquiry { card: self.cards[card].reference, after: None };
        self.till.ask(body, &self.cards[card]).await.answer
    }

    /// What a card has of some balances.
    async fn has<const N: usize>(&mut self, card: usize, kinds: [u8; N]) -> [i64; N] {
        let body = Body::BalanceInquiry { card: self.cards[card].reference };
        let answer = self.till.ask(body, &self.cards[card]).await;
        kinds.map(|kind| balance(&answer, BalanceKind(kind.into())))
    }

    fn number(&self, card: usize) -> String {
        number(&self.cards[card])
    }

    /// Where the journal ends.
    fn last(&self) -> Entry {
        let index = last_index(self.gateway.as_ref().expect("one that runs"));
        Entry { index, ledger: self.ledger() }
    }

    /// Entries behind this one that came by themselves, once there are so many.
    async fn came(&self, after: &Entry, what: &str, count: usize) -> Vec<Entry> {
        let (step, mut left) = (Duration::from_millis(100), PATIENCE);
        loop {
            let all = (after.index + 1..=self.last().index).map(|index| Entry { index, ..after.clone() });
            let found: Vec<Entry> = all.filter(|entry| entry.explained()["message"] == what).collect();
            if found.len() >= count {
                assert_eq!(found.len(), count, "{what}");
                return found;
            }
            left = left.checked_sub(step).unwrap_or_else(|| panic!("{} of {count} {what}", found.len()));
            tokio::time::sleep(step).await;
        }
    }

    /// The day is over: every entry of the journal is as it must be, and comes out again.
    fn close(mut self) {
        drop(self.gateway.take());
        self.machine.site.verify();
    }
}

/// Goods with their category, pieces and minor units.
fn goods(card: &Card, items: &[(&str, &str, i64, i64)]) -> Body {
    let line = |(item, category, pieces, minor): &(&str, &str, i64, i64)| PurchaseLine {
        item: item.parse().expect("an item"),
        category: category.parse().expect("a category"),
        brand: None,
        quantity: QuantityThousandths::new(pieces * 1_000).expect("a quantity"),
        gross: GrossMinor::new(*minor).expect("an amount"),
        flags: 0,
    };
    let lines = List::new(items.iter().map(line).collect()).expect("lines");
    let all = items.iter().map(|item| item.3).sum();
    let (card, amount) = (card.reference, amount(all));
    Body::Purchase { card, amount, tenders: None, lines: Some(lines), points: None }
}
