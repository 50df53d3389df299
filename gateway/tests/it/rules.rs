//! The rules against a model that shares no code with them: sequences of loads, sales and reversals on one card.

use gateway::domain::card::{Card, CardReference, CardStatus};
use gateway::domain::effect::{Account, Effect, TransactionState};
use gateway::domain::ledger::Kind;
use gateway::domain::request::CardClaim;
use gateway::domain::{
    Command, Decision, Decline, Facts, Named, Now, Original, Programme, Request, State, Terminal, Verdict,
    decide,
};
use gateway::programme_file;
use proptest::prelude::*;

use crate::bench::{apply, entry, register};

const CARD: CardReference = CardReference(9_000_000_000_000_006);
const PROOF: [u8; 32] = [7; 32];

/// A shop with one register, one active card and the default programme.
struct Shop {
    state: State,
    programme: Programme,
    terminal: Terminal,
    index: u64,
    now: Now,
    decided: Vec<Original>,
}

impl Shop {
    fn new(document: &str) -> Self {
        let mut state = State::default();
        let card = Card { status: CardStatus::Active, ..Card::issued(CARD, "standard", &PROOF) };
        state.cards.insert(CARD, card);
        let terminal = register("T1", 500_000_000);
        state.terminals.insert("T1".into(), terminal.clone());
        let programme = programme_file::parse(document).expect("a programme");
        let now = Now { ms: 1_790_000_000_000, business_date: 2026_11_21, certain: true };
        Self { state, programme, terminal, index: 10, now, decided: Vec::new() }
    }

    /// Decides, applies, and checks what must hold after every entry.
    fn ask(&mut self, command: Command) -> Decision {
        self.index += 1;
        let stan = u32::try_from(self.index).expect("a small number");
        let named = command.original().map(|named| u64::from(named.stan));
        let original = named.and_then(|stan| self.decided.iter().find(|o| o.index == stan).cloned());
        let request = Request {
            request_id: [u8::try_from(stan % 251).expect("small"); 32],
            terminal: "T1".into(),
            generation: 1,
            stan,
            shift: Some(1),
            cashier: None,
            supervisor: None,
            channel: None,
            holder: None,
            pins: gateway::domain::Pins::default(),
            currency: 156,
            quote: None,
            prices: false,
            sold: Vec::new(),
            reason: Some(4),
            command,
        };
        let facts = Facts {
            state: &self.state,
            programme: &self.programme,
            pricing: &self.programme,
            index: self.index,
            original: original.as_ref(),
            entries: &[],
            quoted: None,
            birthday: None,
        };
        let decision = decide(facts, &self.terminal, &request, self.now).expect("no fault");
        apply(&mut self.state, &decision.effects).expect("an entry that adds up and fits");
        self.terminal.last_stan = stan;
        assert!(self.card().lots.iter().all(|lot| lot.amount > 0), "a lot at or below zero stays");
        self.decided.push(entry(self.index, &request, &self.terminal, self.now, &decision));
        decision
    }

    fn card(&self) -> &Card {
        &self.state.cards[&CARD]
    }

    fn load(&mut self, amount: i64) -> Decision {
        let claim = CardClaim { card: CARD, proof: Some(PROOF) };
        self.ask(Command::Load { claim, amount, tenders: vec![(1, amount)] })
    }

    fn sale(&mut self, amount: i64, partial_allowed: bool) -> Decision {
        let claim = CardClaim { card: CARD, proof: Some(PROOF) };
        self.ask(Command::Purchase { claim, amount, partial_allowed, points: None, lines: Vec::new() })
    }

    fn reverse(&mut self, index: u64) -> Decision {
        let request_id = self.decided.iter().find(|o| o.index == index).map_or([0; 32], |o| o.request_id);
        let stan = u32::try_from(index).expect("small");
        let original = Named { terminal: "T1".into(), generation: 1, stan, request_id };
        self.ask(Command::Reversal { original })
    }

    fn balances(&self) -> (i64, i64, i64) {
        let of = |kind| self.card().available(kind, self.now.s());
        (of(Kind::PRINCIPAL), of(Kind::BONUS), of(Kind::POINTS))
    }
}

/// What the default programme gives, written down again.
fn bonus(amount: i64) -> i64 {
    match amount {
        100_000.. => 12_000,
        50_000.. => 5_000,
        30_000.. => 2_000,
        10_000.. => 500,
        _ => 0,
    }
}

/// One card as somebody with pencil and paper would keep it: loads in order, each with what is left of it.
#[derive(Default)]
struct Paper {
    /// (entry, principal left, bonus left)
    loads: Vec<(u64, i64, i64)>,
    points: i64,
    /// (entry, what it was, is it undone)
    done: Vec<(u64, Done, bool)>,
}

enum Done {
    Load {
        amount: i64,
    },
    /// What each load paid, in principal and bonus, and the points.
    Sale {
        parts: Vec<(u64, i64, i64)>,
        points: i64,
    },
}

impl Paper {
    fn principal(&self) -> i64 {
        self.loads.iter().map(|l| l.1).sum()
    }

    fn bonus(&self) -> i64 {
        self.loads.iter().map(|l| l.2).sum()
    }

    fn load(&mut self, entry: u64, amount: i64) -> bool {
        let fits = (100..=500_000).contains(&amount)
            && self.principal() + self.bonus() + amount + bonus(amount) <= 500_000;
        if fits {
            self.loads.push((entry, amount, bonus(amount)));
            self.done.push((entry, Done::Load { amount }, false));
        }
        fits
    }

    /// What is paid: everything, a part, or nothing.
    fn sale(&mut self, entry: u64, amount: i64, partial: bool) -> i64 {
        let payable = self.principal() + self.bonus();
        let paid = if payable >= amount {
            amount
        } else if partial {
            payable
        } else {
            0
        };
        if paid == 0 {
            return 0;
        }
        let mut parts: Vec<(u64, i64, i64)> = self.loads.iter().map(|l| (l.0, 0, 0)).collect();
        let mut missing = paid;
        for (load, part) in self.loads.iter_mut().zip(&mut parts) {
            let take = missing.min(load.1);
            (load.1, part.1, missing) = (load.1 - take, take, missing - take);
        }
        for (load, part) in self.loads.iter_mut().zip(&mut parts) {
            let take = missing.min(load.2);
            (load.2, part.2, missing) = (load.2 - take, take, missing - take);
        }
        self.points += paid / 100;
        self.done.push((entry, Done::Sale { parts, points: paid / 100 }, false));
        paid
    }

    /// Whether something was undone.
    fn reverse(&mut self, entry: u64) -> bool {
        let Some((_, done, undone)) = self.done.iter_mut().find(|(e, _, undone)| *e == entry && !undone)
        else {
            return false;
        };
        match done {
            Done::Load { amount } => {
                let whole = (entry, *amount, bonus(*amount));
                if !self.loads.contains(&whole) {
                    return false;
                }
                self.loads.retain(|l| l.0 != entry);
            }
            Done::Sale { parts, points } => {
                for part in parts {
                    if let Some(load) = self.loads.iter_mut().find(|l| l.0 == part.0) {
                        (load.1, load.2) = (load.1 + part.1, load.2 + part.2);
                    }
                }
                self.points -= *points;
            }
        }
        *undone = true;
        true
    }
}

#[derive(Debug, Clone)]
enum Step {
    Load(i64),
    Sale(i64, bool),
    /// Reverses the entry that many back.
    Reverse(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let edges =
        prop_oneof![Just(9_999_i64), Just(10_000), Just(29_999), Just(30_000), Just(50_000), Just(100_000)];
    prop_oneof![
        2 => (1_i64..60_000).prop_map(Step::Load),
        2 => edges.prop_map(Step::Load),
        4 => (1_i64..40_000, any::<bool>()).prop_map(|(amount, partial)| Step::Sale(amount, partial)),
        3 => (1_u64..6).prop_map(Step::Reverse),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_ends_where_paper_and_pencil_end(steps in prop::collection::vec(step(), 1..40)) {
        let (mut shop, mut paper) = (Shop::new(programme_file::DEFAULT), Paper::default());
        for step in steps {
            let entry = shop.index + 1;
            match step {
                Step::Load(amount) => {
                    let decision = shop.load(amount);
                    prop_assert_eq!(decision.is_approved(), paper.load(entry, amount));
                }
                Step::Sale(amount, partial) => {
                    let decision = shop.sale(amount, partial);
                    let paid = paper.sale(entry, amount, partial);
                    prop_assert_eq!(decision.amount.unwrap_or(0), paid);
                    prop_assert_eq!(decision.verdict == Verdict::Approved, paid == amount);
                }
                Step::Reverse(back) => {
                    let original = entry.saturating_sub(back);
                    let undone = paper.reverse(original);
                    let decision = shop.reverse(original);
                    let said = decision.original_state == Some(TransactionState::Reversed) && decision.amount != Some(0);
                    prop_assert_eq!(said, undone, "{:?}", decision);
                }
            }
            prop_assert_eq!(shop.balances(), (paper.principal(), paper.bonus(), paper.points));
        }
        let purchases: i64 = shop.state.accounts.get("redemption:S").map_or(0, |a| a.balance(Kind::MONEY));
        let cash: i64 = shop.state.accounts.get("clearing:S:1").map_or(0, |a| a.balance(Kind::MONEY));
        let given: i64 = shop.state.accounts.get("bonus-expense").map_or(0, |a| a.balance(Kind::MONEY));
        let (principal, bonus, _) = shop.balances();
        prop_assert_eq!(principal + bonus + purchases + cash + given, 0, "money came from nowhere");
    }
}

#[test]
fn each_step_of_the_bonus_begins_at_its_amount_and_not_a_cent_before() {
    let steps = "from = \"100000.00\", bonus = \"5000.00\" }, { from = \"500000.00\", bonus = \"50000.00\" }, { from = \"1000000.00\", bonus = \"120000.00\"";
    let document = programme_file::DEFAULT
        .replace("max_load = \"5000.00\"", "max_load = \"3000000.00\"")
        .replace("max_balance = \"5000.00\"", "max_balance = \"30000000.00\"");
    let begin = document.find("    { from = \"100.00\"").expect("steps");
    let end = document.find("]\n# A bonus may").expect("end of steps");
    let document = format!("{}    {{ {steps} }},\n{}", &document[..begin], &document[end..]);
    for (amount, expected) in [
        (99_999_99, 0),
        (100_000_00, 5_000_00),
        (100_000_01, 5_000_00),
        (499_999_99, 5_000_00),
        (500_000_00, 50_000_00),
        (999_999_99, 50_000_00),
        (1_000_000_00, 120_000_00),
        (2_000_000_00, 120_000_00),
    ] {
        let mut shop = Shop::new(&document);
        assert!(shop.load(amount).is_approved());
        assert_eq!(shop.balances().1, expected, "{amount}");
    }
    let mut shop = Shop::new(&document);
    shop.load(500_000_00);
    shop.load(500_000_00);
    assert_eq!(shop.balances().1, 100_000_00, "twice 500,000 gives the step twice");
}

#[test]
fn points_come_for_full_units_and_the_rest_is_dropped() {
    let document = programme_file::DEFAULT.replace("per = \"1.00\"", "per = \"100.00\"");
    for (amount, points) in [(99_99, 0), (100_00, 1), (199_99, 1), (250_00, 2)] {
        let mut shop = Shop::new(&document);
        shop.load(1000_00);
        assert!(shop.sale(amount, false).is_approved());
        assert_eq!(shop.balances().2, points, "{amount}");
    }
    let mut shop = Shop::new(&document);
    shop.load(1000_00);
    shop.sale(150_00, false);
    shop.sale(50_00, false);
    assert_eq!(shop.balances().2, 1, "remainders are dropped, not carried");
}

#[test]
fn points_that_are_gone_become_a_debt_that_the_next_points_repay() {
    let mut shop = Shop::new(programme_file::DEFAULT);
    shop.load(1000_00);
    shop.sale(100_00, false);
    let sale = shop.index;
    // Somebody spends the points: 70 of the 100 leave their lot.
    let card = shop.state.cards.get_mut(&CARD).expect("the card");
    let lot = card.lots.iter_mut().find(|lot| lot.kind == Kind::POINTS).expect("points");
    lot.amount = 30;
    assert!(shop.reverse(sale).is_approved());
    assert_eq!((shop.balances().2, shop.card().points_debt(Kind::POINTS)), (0, 70));
    assert_eq!(shop.state.accounts["receivable:points"].balance(Kind::POINTS), -70);
    shop.sale(50_00, false);
    assert_eq!((shop.balances().2, shop.card().points_debt(Kind::POINTS)), (0, 20));
    shop.sale(50_00, false);
    assert_eq!((shop.balances().2, shop.card().points_debt(Kind::POINTS)), (30, 0));
    assert_eq!(shop.state.accounts["receivable:points"].balance(Kind::POINTS), 0);
    let sale = shop.index;
    assert!(shop.reverse(sale).is_approved());
    assert_eq!(
        (shop.balances().2, shop.card().points_debt(Kind::POINTS)),
        (0, 20),
        "what was repaid is owed again"
    );
}

#[test]
fn a_reversal_restores_the_very_lot_with_its_expiry_even_when_it_was_spent_to_nothing() {
    let document = format!("{}\nbonus_months = 3\n", programme_file::DEFAULT.trim_end());
    let mut shop = Shop::new(&document);
    shop.load(100_00);
    let before = shop.card().lots.clone();
    shop.sale(105_00, false);
    assert!(shop.card().lots.iter().all(|lot| lot.kind == Kind::POINTS), "everything is spent");
    let sale = shop.index;
    shop.reverse(sale);
    assert_eq!(shop.card().lots, before);
    assert!(before[1].expires.is_some());
}

#[test]
fn what_has_expired_is_never_spent_and_is_booked_at_the_next_touch() {
    let document = format!("{}\nbonus_months = 1\n", programme_file::DEFAULT.trim_end());
    let mut shop = Shop::new(&document);
    shop.load(100_00);
    let end = shop.card().lots[1].expires.expect("an end");
    shop.now.ms = (end - 1) * 1000;
    assert_eq!(shop.balances().1, 5_00, "spendable to its last second");
    shop.now.ms = end * 1000;
    assert_eq!(shop.balances().1, 0);
    assert_eq!(shop.sale(101_00, false).verdict, Verdict::Declined(Decline::NotSufficientFunds));
    assert!(shop.sale(10_00, false).is_approved());
    assert_eq!(shop.state.accounts["breakage"].balance(Kind::MONEY), 5_00);
    let sale = shop.index;
    shop.reverse(sale);
    assert_eq!(shop.balances().0, 100_00);
    assert_eq!(shop.state.accounts["breakage"].balance(Kind::MONEY), 5_00, "what expired stays expired");
}

#[test]
fn points_of_a_leap_day_last_to_the_end_of_february() {
    let mut shop = Shop::new(programme_file::DEFAULT);
    shop.now = Now { ms: 1_835_380_800_000, business_date: 2028_02_29, certain: true };
    shop.load(100_00);
    shop.sale(10_00, false);
    let lot = shop.card().lots.iter().find(|lot| lot.kind == Kind::POINTS).expect("points");
    let zone = shop.programme.zone.clone();
    let end = jiff::Timestamp::from_second(lot.expires.expect("an end")).expect("a time").to_zoned(zone);
    assert_eq!(
        end.strftime("%Y-%m-%d %H:%M").to_string(),
        "2029-03-01 04:00",
        "28 February, to the end of its business day"
    );
}

#[test]
fn a_posting_that_does_not_fit_its_lot_is_refused() {
    let mut shop = Shop::new(programme_file::DEFAULT);
    shop.load(100_00);
    let lot = shop.card().lots[0].clone();
    let posting = |amount, source| {
        Effect::Posting(gateway::domain::Posting {
            account: Account::Card { card: CARD, lot: lot.id, expires: lot.expires, source },
            kind: lot.kind,
            amount,
        })
    };
    assert!(shop.state.clone().apply(&posting(-100_01, lot.source)).is_err(), "below zero");
    assert!(shop.state.clone().apply(&posting(-1, lot.source + 1)).is_err(), "another lot's source");
    assert!(shop.state.clone().apply(&posting(i64::MAX, lot.source)).is_err(), "overflow");
    assert!(shop.state.apply(&posting(-100_00, lot.source)).is_ok());
}

#[test]
fn a_sale_is_refunded_to_the_last_second_of_its_return_days_and_not_after() {
    let document = programme_file::DEFAULT.replace("# return_days = 7 ", "return_days = 7 ");
    let mut shop = Shop::new(&document);
    shop.load(100_00);
    shop.sale(10_00, false);
    let sale = shop.decided.last().expect("the sale").clone();
    let zoned = jiff::civil::date(2026, 11, 29).at(4, 0, 0, 0).to_zoned(shop.programme.zone.clone());
    let end = zoned.expect("a time").timestamp().as_millisecond();
    let named = Named {
        terminal: "T1".into(),
        generation: 1,
        stan: u32::try_from(sale.index).expect("small"),
        request_id: sale.request_id,
    };
    shop.now.ms = end - 1;
    let refunded = shop.ask(Command::Refund { original: named.clone(), amount: 1_00, lines: Vec::new() });
    assert!(refunded.is_approved(), "{:?}", refunded.verdict);
    shop.now.ms = end;
    let late = shop.ask(Command::Refund { original: named, amount: 1_00, lines: Vec::new() });
    assert_eq!(late.verdict, Verdict::Declined(Decline::ReturnTimeOver));
    assert_eq!(late.original_state, Some(TransactionState::RefundedInPart));
}
