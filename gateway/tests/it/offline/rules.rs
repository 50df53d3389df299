//! What an Advice and a CashTaken do, and every limit of a grant one below, at, and one above.

use gateway::domain::act::Act;
use gateway::domain::card::{Card, CardReference, CardStatus};
use gateway::domain::exception::{Bearer, ExceptionKind};
use gateway::domain::grant::{of_grant, of_grant_and_card};
use gateway::domain::{Command, Decision, Decline, Grant, Role, Verdict};

use super::bench::{Bench, CARD, OTHER};

const NOBODY_KNOWS: CardReference = CardReference(9_000_000_000_000_022);

/// What the card paid.
fn paid(decision: &Decision) -> i64 {
    assert_eq!(decision.verdict, Verdict::Approved);
    let (amount, shortfall) = (decision.amount.expect("an amount"), decision.shortfall.expect("a shortfall"));
    assert_eq!(decision.shows_card, shortfall < amount, "what a card that pays nothing holds is not shown");
    amount - shortfall
}

fn declined(decision: &Decision) -> Decline {
    match decision.verdict {
        Verdict::Declined(decline) => decline,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_sale_within_the_grant_is_paid_by_the_card_without_its_secret_beyond_the_terminals_limit_too() {
    let mut bench = Bench::new();
    let decision = bench.advice(CARD, 30_00);
    assert_eq!(paid(&decision), 30_00);
    assert_eq!((bench.money(CARD), bench.points(CARD)), (70_00, 30));
    assert_eq!(bench.shortfall(), None);
    assert_eq!((bench.account("redemption:S"), bench.account("suspense:S")), (30_00, 0));
    let tally = bench.state.tallies[&of_grant(&bench.grant())];
    assert_eq!((tally.date, tally.purchases, tally.purchase_sum), (0, 1, 30_00));
    assert_eq!(of_grant(&bench.grant()), "grant:T1/1/abababababababab");
    assert_eq!(bench.state.tallies[&of_grant_and_card(&bench.grant(), CARD)].purchase_sum, 30_00);
    let shift = &bench.state.shifts[&("T1".to_owned(), 1, 1)];
    assert!(shift.totals.contains(&(0x22, 1, 30_00)), "{shift:?}");
}

#[test]
fn what_the_card_lacks_is_the_merchants_and_points_are_for_what_it_paid() {
    let cases = [(40_00, 39_99, 39_99), (40_00, 40_00, 40_00), (40_00, 40_01, 40_00), (40_00, 50_00, 40_00)];
    for (left, amount, pays) in cases {
        let mut bench = Bench::new();
        bench.terminal.limits.purchase = 100_00;
        bench.sale(CARD, 100_00 - left);
        let points = bench.points(CARD);
        assert_eq!(paid(&bench.advice(CARD, amount)), pays);
        assert_eq!(bench.money(CARD), left - pays);
        assert_eq!(bench.points(CARD) - points, pays / 100);
        let lacks = amount - pays;
        assert_eq!(bench.shortfall(), (lacks > 0).then_some((lacks, Bearer::Merchant)));
        assert_eq!(bench.account("suspense:S"), -lacks);
    }
}

#[test]
fn the_amount_of_a_sale_is_within_its_limit_or_the_store_bears_it_all() {
    for (amount, within) in [(49_99, true), (50_00, true), (50_01, false)] {
        let mut bench = Bench::new();
        assert_eq!(paid(&bench.advice(CARD, amount)), if within { amount } else { 0 }, "{amount}");
        assert_eq!(bench.shortfall(), (!within).then_some((amount, Bearer::Store)));
        assert_eq!(bench.money(CARD), 100_00 - if within { amount } else { 0 });
        assert_eq!(bench.state.tallies.contains_key(&of_grant(&bench.grant())), within);
    }
}

#[test]
fn a_card_pays_in_all_what_the_grant_says_and_another_card_is_counted_apart() {
    for (second, within) in [(29_99, true), (30_00, true), (30_01, false)] {
        let mut bench = Bench::new();
        bench.advice(CARD, 50_00);
        assert_eq!(paid(&bench.advice(CARD, second)), if within { second } else { 0 }, "{second}");
        assert_eq!(bench.shortfall(), (!within).then_some((second, Bearer::Store)));
        assert_eq!(paid(&bench.advice(OTHER, second)), second);
    }
}

#[test]
fn sales_are_counted_and_what_was_beyond_the_grant_takes_no_place_under_it() {
    let mut bench = Bench::new();
    for amount in [1_00, 1_00, 1_00, 1_00] {
        assert_eq!(paid(&bench.advice(CARD, amount)), amount);
    }
    assert_eq!(paid(&bench.advice(CARD, 50_01)), 0);
    assert_eq!(paid(&bench.advice(CARD, 1_00)), 1_00, "the fifth");
    assert_eq!(paid(&bench.advice(CARD, 1_00)), 0, "the sixth");
    assert_eq!(bench.shortfall(), Some((1_00, Bearer::Store)));
    let grant = Grant { id: [1; 8], ..bench.grant() };
    assert_eq!(paid(&bench.advice_under(CARD, 1_00, Some(grant), bench.now.s())), 1_00, "another grant");
}

#[test]
fn the_sum_under_a_grant_is_bounded() {
    for (last, within) in [(39_99, true), (40_00, true), (40_01, false)] {
        let mut bench = Bench::new();
        for card in [CARD, OTHER] {
            assert_eq!(paid(&bench.advice(card, 40_00)) + paid(&bench.advice(card, 40_00)), 80_00);
        }
        assert_eq!(bench.shortfall(), None);
        bench.advice(NOBODY_KNOWS, last);
        let bearer = if within { Bearer::Merchant } else { Bearer::Store };
        assert_eq!(bench.shortfall(), Some((last, bearer)), "{last}");
    }
}

#[test]
fn the_time_of_the_sale_is_from_issue_to_before_expiry_and_the_arrival_may_be_late() {
    let (issued, expires) = (Bench::new().grant().issued, Bench::new().grant().expires);
    for (time, within) in [
        (issued - 1, false),
        (issued, true),
        (issued + 1, true),
        (expires - 1, true),
        (expires, false),
        (expires + 1, false),
        (0, false),
        (i64::MAX, false),
    ] {
        let mut bench = Bench::new();
        let grant = bench.grant();
        bench.now.ms += 300 * 24 * 3600 * 1000;
        let decision = bench.advice_under(CARD, 1_00, Some(grant), time);
        assert_eq!(paid(&decision), if within { 1_00 } else { 0 }, "{time}");
        assert_eq!(bench.shortfall(), (!within).then_some((1_00, Bearer::Store)));
    }
}

#[test]
fn a_grant_of_another_terminal_or_generation_and_none_at_all_leave_the_card_alone() {
    let grant = Bench::new().grant();
    for wrong in [
        None,
        Some(Grant { terminal: "T2".into(), ..grant.clone() }),
        Some(Grant { generation: 2, ..grant.clone() }),
        Some(Grant { generation: 0, ..grant }),
    ] {
        let mut bench = Bench::new();
        let decision = bench.advice_under(CARD, 1_00, wrong, bench.now.s());
        assert_eq!((paid(&decision), bench.money(CARD)), (0, 100_00));
        assert_eq!(bench.shortfall(), Some((1_00, Bearer::Store)));
        assert!(bench.state.tallies.is_empty());
    }
}

#[test]
fn cards_that_may_not_pay_offline_pay_nothing_and_the_merchant_bears_it() {
    type Change = fn(&mut Bench);
    let changes: [(&str, Change); 7] = [
        ("blocked", |bench| card(bench).status = CardStatus::Blocked),
        ("issued", |bench| card(bench).status = CardStatus::Issued),
        ("expired", |bench| card(bench).expires = Some(bench.now.s())),
        ("bound", |bench| card(bench).account = Some(OTHER)),
        ("unknown", |bench| drop(bench.state.cards.remove(&CARD))),
        ("online only", |bench| {
            bench.programme.products.get_mut("standard").expect("a product").offline = false;
        }),
        ("product gone", |bench| drop(bench.programme.products.remove("standard"))),
    ];
    for (what, change) in changes {
        let mut bench = Bench::new();
        change(&mut bench);
        assert_eq!(paid(&bench.advice(CARD, 10_00)), 0, "{what}");
        assert_eq!(bench.shortfall(), Some((10_00, Bearer::Merchant)), "{what}");
        let index = bench.index;
        assert_eq!(
            declined(&bench.refund(index, 1)),
            Decline::AboveRefundable,
            "{what}: nothing to give back"
        );
        assert!(bench.void(index).is_approved(), "{what}");
        assert_eq!((bench.account("suspense:S"), bench.account("redemption:S")), (0, 0), "{what}");
        assert!(!bench.exception(index).expect("an exception").open, "{what}");
    }
    let mut bench = Bench::new();
    card(&mut bench).expires = Some(bench.now.s() + 1);
    assert_eq!(paid(&bench.advice(CARD, 10_00)), 10_00, "the last second");
}

fn card(bench: &mut Bench) -> &mut Card {
    bench.state.cards.get_mut(&CARD).expect("a card")
}

#[test]
fn a_replaced_card_pays_nothing_and_neither_does_the_card_in_its_place() {
    let mut bench = Bench::new();
    let new = Card::issued(NOBODY_KNOWS, "standard", &[9; 32]);
    bench.state.cards.insert(NOBODY_KNOWS, new);
    bench.act(&Act::CardReplace { card: CARD, by: NOBODY_KNOWS, reason: "lost".into() }).expect("replaced");
    assert_eq!(paid(&bench.advice(CARD, 10_00)), 0);
    assert_eq!(bench.shortfall(), Some((10_00, Bearer::Merchant)));
    assert_eq!(bench.money(NOBODY_KNOWS), 100_00);
}

#[test]
fn what_is_held_and_what_has_expired_does_not_pay() {
    let mut bench = Bench::new();
    bench.terminal.limits.purchase = 100_00;
    let claim = gateway::domain::request::CardClaim { card: CARD, proof: Some(super::bench::PROOF) };
    bench.ask(Command::Authorize { claim, amount: 95_00, partial_allowed: false, raises: None });
    assert_eq!(paid(&bench.advice(CARD, 10_00)), 5_00);
    let mut bench = Bench::new();
    for lot in &mut card(&mut bench).lots {
        lot.expires = Some(1_790_000_000);
    }
    assert_eq!(paid(&bench.advice(CARD, 10_00)), 0);
    assert_eq!(bench.shortfall(), Some((10_00, Bearer::Merchant)));
}

#[test]
fn an_advice_is_declined_as_reversed_before_for_its_role_and_its_currency_and_for_nothing_else() {
    let mut bench = Bench::new();
    bench.terminal.role = Role::Kiosk;
    assert_eq!(declined(&bench.advice(CARD, 1_00)), Decline::MessageNotAllowedForRole);
    bench.terminal.role = Role::Register;
    bench.currency = 840;
    assert_eq!(declined(&bench.advice(CARD, 1_00)), Decline::CurrencyNotAccepted);
    bench.currency = 156;
    let next = u32::try_from(bench.index + 1).expect("small");
    bench.state.tombstones.insert(("T1".into(), 1, next), [1; 32]);
    assert_eq!(declined(&bench.advice(CARD, 1_00)), Decline::ReversedBefore);
    assert_eq!(bench.money(CARD), 100_00);
    assert!(bench.state.exceptions.is_empty() && bench.state.tallies.is_empty());
}

#[test]
fn reports_name_a_closed_shift_without_counting_in_it() {
    let mut bench = Bench::new();
    let totals = bench.state.shifts[&("T1".to_owned(), 1, 1)].totals.clone();
    assert!(bench.ask(Command::Reconciliation { totals: totals.clone() }).is_approved());
    assert_eq!(paid(&bench.advice(CARD, 1_00)), 1_00);
    assert!(bench.cash(&[(1, 5_00)]).is_approved());
    assert_eq!(bench.state.shifts[&("T1".to_owned(), 1, 1)].totals, totals);
    assert_eq!(declined(&bench.sale(CARD, 1_00)), Decline::ShiftClosed);
}

#[test]
fn an_advice_counts_in_the_days_of_card_and_terminal_and_no_limit_stops_it() {
    let document = super::programme().replace(
        "\noffline = true\n",
        "\noffline = true\ndaily = { purchases = 1, purchase_sum = \"5.00\" }\n",
    ) + "\n[limits]\nterminal_day = { purchases = 1, purchase_sum = \"5.00\" }\n";
    let mut bench = Bench::with(&document);
    assert_eq!(paid(&bench.advice(CARD, 30_00)), 30_00);
    assert_eq!(paid(&bench.advice(CARD, 30_00)), 30_00);
    let day = bench.state.cards[&CARD].tally(gateway::domain::Period::Day).expect("a day");
    assert_eq!((day.purchases, day.purchase_sum), (2, 60_00));
    assert_eq!(bench.state.tallies["terminal:T1"].purchase_sum, 60_00);
    assert!(matches!(declined(&bench.sale(CARD, 1)), Decline::AboveCardLimit(_)));
    assert_eq!(declined(&bench.sale(OTHER, 1)), Decline::AboveTillLimit);
    // A sale that the card paid in part counts there as what it paid, and comes off again when it is undone.
    assert_eq!(paid(&bench.advice_under(OTHER, 1_00, None, bench.now.s())), 0);
    assert_eq!(
        bench.state.cards[&OTHER].tally(gateway::domain::Period::Day).map_or(0, |day| day.purchases),
        0
    );
    let index =
        bench.decided.iter().rfind(|entry| entry.card == Some(CARD) && entry.approved).expect("one").index;
    assert!(bench.void(index).is_approved());
    let day = bench.state.cards[&CARD].tally(gateway::domain::Period::Day).expect("a day");
    assert_eq!((day.purchases, day.purchase_sum), (1, 30_00));
}

#[test]
fn cash_taken_waits_on_suspense_by_tender_and_credits_nobody() {
    for role in [Role::Kiosk, Role::Register] {
        let mut bench = Bench::new();
        bench.terminal.role = role;
        let (clearing, money) = (bench.account("clearing:S:1"), bench.money(CARD));
        let decision = bench.cash(&[(1, 30_00), (5, 20_00)]);
        assert!(decision.is_approved() && !decision.shows_card);
        assert_eq!((decision.amount, decision.card), (Some(50_00), Some(CARD)));
        assert_eq!(bench.account("clearing:S:1") - clearing, -30_00);
        assert_eq!((bench.account("clearing:S:5"), bench.account("suspense:S")), (-20_00, 50_00));
        assert_eq!(bench.money(CARD), money);
        let held = bench.exception(bench.index).expect("an exception");
        assert_eq!((held.kind, held.amount, held.bearer), (ExceptionKind::CashTaken, 50_00, Bearer::Nobody));
        let shift = &bench.state.shifts[&("T1".to_owned(), 1, 1)];
        assert!(shift.totals.contains(&(0x21, 1, 50_00)), "{shift:?}");
        let index = bench.index;
        assert_eq!(declined(&bench.reverse(index)), Decline::OriginalNotReversible);
        bench.terminal.role = Role::Register;
        assert_eq!(declined(&bench.void(index)), Decline::OriginalNotReversible);
        assert_eq!(declined(&bench.refund(index, 1)), Decline::OriginalNotReversible);
        bench.currency = 840;
        assert_eq!(declined(&bench.cash(&[(1, 1)])), Decline::CurrencyNotAccepted);
    }
}

#[test]
fn a_terminal_has_one_grant_for_half_of_its_time_however_often_it_asks() {
    let limits = Bench::new().programme.offline.expect("offline approval");
    let half = 12 * 3600;
    let (issued, expires) = limits.window(1_790_000_000);
    assert_eq!((issued % half, expires - issued), (0, 2 * half));
    assert!((issued..issued + half).contains(&1_790_000_000));
    for (now, same) in
        [(issued - 1, false), (issued, true), (issued + half - 1, true), (issued + half, false)]
    {
        assert_eq!(limits.window(now) == (issued, expires), same, "{now}");
    }
}
