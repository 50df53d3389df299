//! B4, B5, B10, E1 over months: whatever members do, when all of it is undone nothing is left of it.

use gateway::domain::card::{Card, CardReference, CardStatus};
use gateway::domain::effect::TransactionState;
use gateway::domain::ledger::{Kind, points_expense, points_receivable};
use gateway::domain::member::Member;
use gateway::domain::request::{CardClaim, message};
use gateway::domain::{
    Account, Command, Decision, Facts, Named, Now, Original, Programme, Request, State, Terminal, decide,
};
use gateway::programme_file::{self, DEFAULT};
use proptest::prelude::*;

use crate::bench::{apply, entry, register};

const PROOF: [u8; 32] = [7; 32];
const DAY_MS: i64 = 86_400_000;

const RULES: &str = "
[points.courtesy]
kind = 17
name = \"Courtesy\"
[membership]
joining = \"spend\"
spend = \"20.00\"
gift = { rule = \"welcome\", points = 7, most = { budget_month = 20 } }
[[referral]]
rule = \"on-joining\"
on = \"joining\"
of = \"courtesy\"
points = 5
own = 2
grades = [{ from = 2, times = \"1.5\", name = \"silver\" }]
most = { times_month = 2, budget = 30 }
[[referral]]
rule = \"first\"
on = \"first-purchase\"
points = 3
[[referral]]
rule = \"all\"
on = \"purchases\"
months = 2
of = \"courtesy\"
per = \"3.00\"
gives = 1
most = { member_month = 20 }
[[activity]]
code = \"visit\"
rule = \"visit\"
of = \"courtesy\"
points = 4
members = 3
most = { times_day = 1, member = 9 }
";

struct Club {
    state: State,
    programme: Programme,
    terminal: Terminal,
    now: Now,
    decided: Vec<Original>,
}

fn card(at: usize) -> CardReference {
    CardReference(9_000_000_000_000_000 + u64::try_from(at).expect("small"))
}

fn claim(at: usize) -> CardClaim {
    CardClaim { card: card(at), proof: Some(PROOF) }
}

fn buy(at: usize, amount: i64) -> Command {
    Command::Purchase { claim: claim(at), amount, partial_allowed: true, points: None, lines: Vec::new() }
}

fn join(at: usize, by: usize) -> Command {
    Command::Join { claim: claim(at), referral: Some(card(by).0.to_string()), customer: 0 }
}

impl Club {
    /// Cards with 2000.00 each; the first of them has joined.
    fn new() -> Self {
        let document = DEFAULT.replace("points_months = 12", "points_months = 1");
        let programme = programme_file::parse(&format!("{document}{RULES}")).expect("a programme");
        let terminal = register("T1", 500_000_000);
        let mut state = State::default();
        state.terminals.insert("T1".into(), terminal.clone());
        for at in 0..4 {
            let new = Card { status: CardStatus::Active, ..Card::issued(card(at), "standard", &PROOF) };
            state.cards.insert(new.reference, new);
        }
        let now = Now { ms: 1_790_000_000_000, business_date: 0, certain: true };
        let mut club = Self { state, programme, terminal, now, decided: Vec::new() };
        club.wait(0);
        for at in 0..4 {
            for _ in 0..2 {
                let load = Command::Load { claim: claim(at), amount: 100_000, tenders: vec![(1, 100_000)] };
                assert!(club.ask(load).is_approved());
            }
        }
        club.ask(Command::Join { claim: claim(0), referral: None, customer: 1 });
        assert!(club.ask(buy(0, 2_000)).is_approved());
        club
    }

    fn wait(&mut self, days: i64) {
        self.now.ms += days * DAY_MS;
        self.now.business_date = self.programme.business_date(self.now.ms).expect("a date");
    }

    fn ask(&mut self, command: Command) -> Decision {
        let index = u64::try_from(self.decided.len()).expect("few") + 11;
        let stan = u32::try_from(index).expect("small");
        let original = command.original().map(|named| named.stan);
        let original =
            original.and_then(|stan| self.decided.iter().find(|o| o.index == u64::from(stan))).cloned();
        let request = Request {
            request_id: [u8::try_from(stan % 251).expect("small"); 32],
            stan,
            ..Request::quote(&self.terminal, 156, command)
        };
        let facts = Facts {
            state: &self.state,
            programme: &self.programme,
            pricing: &self.programme,
            index,
            original: original.as_ref(),
            entries: &self.decided,
            quoted: None,
            birthday: None,
        };
        let decision = decide(facts, &self.terminal, &request, self.now).expect("no fault");
        apply(&mut self.state, &decision.effects).expect("an entry that adds up and fits");
        self.terminal.last_stan = stan;
        self.decided.push(entry(index, &request, &self.terminal, self.now, &decision));
        decision
    }

    fn named(&self, at: usize) -> Named {
        let original = &self.decided[at];
        let stan = u32::try_from(original.index).expect("small");
        Named { terminal: "T1".into(), generation: 1, stan, request_id: original.request_id }
    }

    fn reverse(&mut self, at: usize) -> Decision {
        let original = self.named(at);
        self.ask(Command::Reversal { original })
    }

    fn refund(&mut self, at: usize, amount: i64) -> Decision {
        let original = self.named(at);
        self.ask(Command::Refund { original, amount, lines: Vec::new() })
    }

    fn account(&self, account: &Account, kind: Kind) -> i64 {
        let Account::Named(name) = account else { return 0 };
        self.state.accounts.get(name).map_or(0, |held| held.balance(kind))
    }
}

#[derive(Debug, Clone)]
enum Step {
    Join(usize, usize),
    Buy(usize, i64),
    Visit(usize),
    Refund(usize, i64),
    Reverse(usize),
    Block(usize, bool),
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..4_usize, 0..5_usize).prop_map(|(new, by)| Step::Join(new, by)),
        6 => (0..4_usize, 1..5_000_i64).prop_map(|(at, amount)| Step::Buy(at, amount)),
        2 => (0..4_usize).prop_map(Step::Visit),
        2 => (0..40_usize, 1..3_000_i64).prop_map(|(at, amount)| Step::Refund(at, amount)),
        2 => (0..40_usize).prop_map(Step::Reverse),
        1 => (0..4_usize, any::<bool>()).prop_map(|(at, blocked)| Step::Block(at, blocked)),
        2 => (0..40_i64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_left_of_what_was_undone(steps in steps()) {
        let mut club = Club::new();
        for step in steps {
            match step {
                Step::Join(new, by) => drop(club.ask(join(new, by))),
                Step::Buy(at, amount) => drop(club.ask(buy(at, amount))),
                Step::Visit(at) => {
                    club.ask(Command::Award { claim: claim(at), activity: "visit".into(), quantity: 1 });
                }
                // The loads in front stay.
                Step::Refund(at, amount) if at >= 8 && at < club.decided.len() => drop(club.refund(at, amount)),
                Step::Reverse(at) if at >= 8 && at < club.decided.len() => drop(club.reverse(at)),
                Step::Refund(..) | Step::Reverse(_) => {}
                Step::Block(at, blocked) => {
                    let status = if blocked { CardStatus::Blocked } else { CardStatus::Active };
                    club.state.cards.get_mut(&card(at)).expect("a card").status = status;
                }
                Step::Wait(days) => club.wait(days),
            }
        }
        for at in 8..club.decided.len() {
            let (index, whole) = (club.decided[at].index, club.decided[at].approved_amount);
            match club.state.transactions.get(&index).map(|fate| (fate.state, fate.done)) {
                Some((TransactionState::RefundedInPart, done)) => drop(club.refund(at, whole - done)),
                // A refund stays, or what it gave back would be bought again.
                None | Some((TransactionState::Live, _)) if club.decided[at].message != message::REFUND => {
                    drop(club.reverse(at));
                }
                _ => {}
            }
        }
        for kind in [Kind::POINTS, Kind(17)] {
            prop_assert_eq!(club.account(&points_expense(), kind), 0);
            let owed = |at: usize| club.state.cards[&card(at)].points_debt(kind);
            prop_assert_eq!(club.account(&points_receivable(), kind), -(0..4).map(owed).sum::<i64>());
        }
        prop_assert!(club.state.counters.values().all(|count| *count == 0), "{:?}", club.state.counters);
        for at in 0..4 {
            let member = club.state.members.get(&card(at)).cloned().unwrap_or_default();
            let loads = |name: &String| name.starts_with("load");
            prop_assert!(member.counters.keys().all(|(name, _)| loads(name)), "{:?}", member.counters);
            prop_assert_eq!(member.standing, Member::nobody().standing);
        }
    }
}

#[test]
fn two_currencies_of_another_card_are_taken_back_after_both_have_expired() {
    let mut club = Club::new();
    assert!(club.ask(join(1, 0)).is_approved());
    let sale = club.decided.len();
    assert!(club.ask(buy(1, 3_000)).is_approved());
    let held = |club: &Club, kind| club.state.cards[&card(0)].available(kind, club.now.s());
    // 20 of its own purchase, 7 of welcome, 3 of the first purchase; 5 of the joining, 10 of the purchase.
    assert_eq!((held(&club, Kind::POINTS), held(&club, Kind(17))), (30, 15));
    club.wait(40);
    assert!(club.refund(sale, 1_000).is_approved());
    assert!(club.refund(sale, 2_000).is_approved());
    let owes = &club.state.cards[&card(0)];
    assert_eq!((owes.points_debt(Kind::POINTS), owes.points_debt(Kind(17))), (3, 15));
}

#[test]
fn the_last_day_of_the_months_counts() {
    let programme = programme_file::parse(DEFAULT).expect("a programme");
    let within = |today| programme.is_within_months(2, 2026_12_31, today);
    assert_eq!([2026_12_31, 2027_02_28, 2027_03_01].map(within), [true, true, false]);
    assert!(programme.is_within_months(2, 2027_12_31, 2028_02_29));
}

#[test]
fn a_referrers_card_that_is_over_or_not_there_gets_nothing_and_holds_nobody_up() {
    let mut club = Club::new();
    assert!(club.ask(join(1, 0)).is_approved());
    let ends = club.now.s();
    club.state.cards.get_mut(&card(0)).expect("a card").expires = Some(ends);
    assert!(!club.ask(join(2, 0)).is_approved(), "a card that is over brings nobody");
    let before = club.state.cards[&card(0)].clone();
    let decision = club.ask(buy(1, 3_000));
    assert!(decision.is_approved());
    assert_eq!(decision.explanation.len(), 3, "points, the gift and the own reward");
    assert_eq!(club.state.cards[&card(0)], before);
    club.state.cards.get_mut(&card(0)).expect("a card").expires = Some(ends + 1);
    club.ask(buy(1, 3_000));
    assert_ne!(club.state.cards[&card(0)], before, "extended, it earns on");
}
