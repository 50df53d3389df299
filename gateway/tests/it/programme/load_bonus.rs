//! Bonus on loads (充值赠送; LOYALTY A2, A3, A5): every threshold with its neighbours, and nothing left when the money goes out.

use super::book::{Book, DAY, START_S, lines, reference};

const WAN: &str = "[[load_bonus]]\nrule = \"wan\"\nsteps = [\
    { from = \"100000\", bonus = \"5000\" }, { from = \"500000\", bonus = \"50000\" }, { from = \"1000000\", bonus = \"120000\" }]\n";

/// What loads of these amounts (minor units) each bring on a card of their own, in money and in ordinary points.
fn brings(rules: &str, amounts: &[(i64, i64)], kind: u8) {
    for (amount, expected) in amounts {
        let mut book = Book::new(rules);
        let (load, _) = book.load(0, *amount);
        assert_eq!(book.has(0, kind), *expected, "a load of {amount}");
        book.reverse(load);
        assert_eq!((book.has(0, 1), book.has(0, 2), book.has(0, 16)), (0, 0, 0));
        assert!(book.counts_nothing(), "{:?}", book.state.members);
    }
}

#[test]
fn steps_are_thresholds_and_the_highest_gives() {
    let cases = [
        (99_999_99, 0),
        (100_000_00, 5_000_00),
        (100_000_01, 5_000_00),
        (499_999_99, 5_000_00),
        (500_000_00, 50_000_00),
        (999_999_99, 50_000_00),
        (1_000_000_00, 120_000_00),
    ];
    brings(WAN, &cases, 2);
    let mut book = Book::new(WAN);
    book.load(0, 500_000_00);
    book.load(0, 500_000_00);
    assert_eq!(book.has(0, 2), 100_000_00, "twice");
}

#[test]
fn every_full_multiple_gives() {
    let rules =
        "[[load_bonus]]\nrule = \"each\"\nevery = true\nsteps = [{ from = \"100000\", bonus = \"5000\" }]\n";
    let cases = [
        (99_999_99, 0),
        (100_000_00, 5_000_00),
        (199_999_99, 5_000_00),
        (200_000_00, 10_000_00),
        (300_000_01, 15_000_00),
    ];
    brings(rules, &cases, 2);
    let book = Book::new(rules);
    assert_eq!(book.next_step(0, 150_000_00), Some((50_000_00, 10_000_00)));
    assert_eq!(book.next_step(0, 200_000_00), Some((100_000_00, 15_000_00)));
}

#[test]
fn a_percentage_is_rounded_down_and_says_so() {
    let rules = "[[load_bonus]]\nrule = \"share\"\nsteps = [\
        { from = \"10\", bonus = \"5%\" }, { from = \"100\", bonus = \"7.5%\" }]\n";
    brings(
        rules,
        &[
            (9_99, 0),
            (10_00, 50),
            (10_19, 50),
            (10_20, 51),
            (99_99, 4_99),
            (100_00, 7_50),
            (100_13, 7_50),
            (100_14, 7_51),
        ],
        2,
    );
    let mut book = Book::new(rules);
    let (_, decision) = book.load(0, 10_19);
    assert_eq!(lines(&decision), [("share", "5%", 50)]);
    assert_eq!(decision.explanation[0].notes.0, 1, "rounded");
    assert_eq!(book.next_step(0, 50_00), Some((50_00, 7_50)));
    assert_eq!(book.next_step(0, 100_00), None);
}

#[test]
fn only_the_first_load_and_once_a_member() {
    let first =
        "[[load_bonus]]\nrule = \"first\"\nfirst_load = true\nsteps = [{ from = \"100\", bonus = \"20\" }]\n";
    let mut book = Book::new(first);
    book.load(0, 50_00);
    book.load(0, 100_00);
    assert_eq!(book.has(0, 2), 0, "it was the second");
    let (load, _) = book.load(1, 100_00);
    book.load(1, 100_00);
    assert_eq!(book.has(1, 2), 20_00);
    assert_eq!(book.next_step(1, 50_00), None, "nothing more to reach");
    book.refund(load, 100_00);
    assert_eq!((book.has(1, 2), book.counter(1, "loads")), (0, 1));
    let once = "[[load_bonus]]\nrule = \"once\"\nmost = { times = 1 }\nsteps = [{ from = \"100\", bonus = \"20\" }]\n";
    let mut book = Book::new(once);
    book.load(0, 50_00);
    let (load, _) = book.load(0, 100_00);
    book.load(0, 100_00);
    assert_eq!(book.has(0, 2), 20_00, "though it was not the first");
    book.refund(load, 99_99);
    book.load(0, 100_00);
    assert_eq!(book.has(0, 2), 0, "a cent stays, and so does its turn");
    book.refund(load, 1);
    book.load(0, 100_00);
    assert_eq!(book.has(0, 2), 20_00, "it was refunded whole");
}

#[test]
fn a_member_and_all_together_get_no_more_than_the_cap_and_the_budget() {
    let rules = "[[load_bonus]]\nrule = \"r\"\nmost = { member = \"30\", budget = \"45\" }\n\
        steps = [{ from = \"100\", bonus = \"20\" }]\n";
    let mut book = Book::new(rules);
    let given = |book: &mut Book, card| {
        let (at, decision) = book.load(card, 100_00);
        (at, decision.explanation.first().map(|line| (line.result, line.notes.0)))
    };
    assert_eq!(given(&mut book, 0).1, Some((20_00, 0)));
    let (second, reason) = given(&mut book, 0);
    assert_eq!(reason, Some((10_00, 2)), "a member's cap cut it");
    assert_eq!(given(&mut book, 1).1, Some((15_00, 4)), "the budget cut it");
    assert_eq!(given(&mut book, 1).1, None);
    book.refund(second, 100_00);
    assert_eq!(given(&mut book, 1).1, Some((10_00, 4)), "what came back can be given again");
}

#[test]
fn both_ends_of_a_date_window_count() {
    // 22 February to 13 March 2027 are 20 days, in 2028 they are 21.
    for (year, days) in [(2027, 20), (2028, 21)] {
        let rules = format!(
            "[[load_bonus]]\nrule = \"spring\"\nwhen = {{ from = \"{year}-02-22\", until = \"{year}-03-13\" }}\n\
             steps = [{{ from = \"100\", bonus = \"20\" }}]\n"
        );
        let mut book = Book::new(&rules);
        let mut held = Vec::new();
        for day in -20_i64..400 {
            book.clock(START_S + day * DAY);
            if !book.load(0, 100_00).1.explanation.is_empty() {
                held.push(book.now.business_date);
            }
        }
        assert_eq!(held.len(), days, "{held:?}");
        assert_eq!((held[0] % 10_000, held[days - 1] % 10_000), (222, 313));
    }
}

#[test]
fn conditions_are_customer_product_store_and_segment() {
    let rules = "[[segment]]\nsegment = \"campus\"\njoined_by = [\"campus\"]\n\
        [[load_bonus]]\nrule = \"company\"\nwhen = { customer = \"company\" }\nsteps = [{ from = \"1\", bonus = \"2\" }]\n\
        [[load_bonus]]\nrule = \"student\"\nwhen = { segments = [\"campus\"], stores = [\"S\"] }\nsteps = [{ from = \"1\", bonus = \"3\" }]\n\
        [[load_bonus]]\nrule = \"gold\"\nwhen = { tiers = [\"gold\"] }\nsteps = [{ from = \"1\", bonus = \"4\" }]\n\
        [[load_bonus]]\nrule = \"elsewhere\"\nwhen = { stores = [\"T\"] }\nsteps = [{ from = \"1\", bonus = \"9\" }]\n";
    let mut book = Book::new(rules);
    assert_eq!(lines(&book.load(0, 1_00).1), []);
    let member = book.state.members.entry(reference(0)).or_default();
    member.standing.customer = 2;
    assert_eq!(lines(&book.load(0, 1_00).1), [("company", "2.00", 2_00)]);
    let member = book.state.members.entry(reference(0)).or_default();
    member.standing.channel = Some("campus".into());
    assert_eq!(lines(&book.load(0, 1_00).1), [("student", "3.00", 3_00)], "the best");
    let member = book.state.members.entry(reference(0)).or_default();
    member.standing.tier =
        Some(gateway::domain::member::TierHeld { tier: "gold".into(), since: 2027_01_01, until: None });
    assert_eq!(lines(&book.load(0, 1_00).1), [("gold", "4.00", 4_00)]);
}

#[test]
fn rules_stack_as_declared_and_an_exclusive_one_stands_alone() {
    let rule = |name: &str, bonus: &str, more: &str| {
        format!(
            "[[load_bonus]]\nrule = \"{name}\"\n{more}\nsteps = [{{ from = \"100\", bonus = {bonus} }}]\n"
        )
    };
    let rules =
        [rule("a", "\"20\"", ""), rule("b", "\"5%\"", ""), rule("c", "7", "points = \"ordinary\"")].concat();
    for (how, expected) in [
        ("best", vec![("a", "20.00", 20_00), ("c", "7", 7)]),
        ("sum", vec![("a", "20.00", 20_00), ("b", "5%", 5_00), ("c", "7", 7)]),
        ("first", vec![("a", "20.00", 20_00)]),
    ] {
        let mut book = Book::new(&format!("{rules}[stacking]\nload_bonus = \"{how}\"\n"));
        let (load, decision) = book.load(0, 100_00);
        assert_eq!(lines(&decision), expected, "{how}");
        let (refund, _) = book.refund(load, 100_00);
        assert_eq!((book.has(0, 1), book.has(0, 2), book.has(0, 16)), (0, 0, 0), "{how}");
        book.reverse(refund);
        let money: i64 = expected.iter().filter(|line| line.0 != "c").map(|line| line.2).sum();
        assert_eq!((book.has(0, 1), book.has(0, 2)), (100_00, money), "{how}");
    }
    let alone = [rules, rule("d", "\"1\"", "exclusive = true")].concat();
    let mut book = Book::new(&format!("{alone}[stacking]\nload_bonus = \"sum\"\n"));
    assert_eq!(lines(&book.load(0, 100_00).1), [("d", "1.00", 1_00)]);
}

#[test]
fn points_that_a_load_gave_are_recovered_pro_rata_and_owed_when_they_are_gone() {
    let rules = "[points.courtesy]\nkind = 17\nname = \"C\"\n[[load_bonus]]\nrule = \"p\"\npoints = \"courtesy\"\n\
        most = { member = 1000 }\nsteps = [{ from = \"100\", bonus = 10 }]\n[[segment]]\nsegment = \"s\"\nmeasures = [{ measure = \"loaded\", from = \"1\" }]\n";
    let mut book = Book::new(rules);
    let (load, decision) = book.load(0, 100_00);
    assert_eq!((lines(&decision), book.has(0, 17)), (vec![("p", "10", 10)], 10));
    for (part, points) in [(1, 9), (9_99, 9), (1, 8), (39_99, 5), (50_00, 0)] {
        book.refund(load, part);
        assert_eq!((book.has(0, 17), book.owes(0, 17)), (points, 0), "after {part}");
    }
    assert!(book.counts_nothing(), "{:?}", book.state.members);
    // Spent points are owed, and the next load pays them back.
    let (load, _) = book.load(0, 100_00);
    let card = book.state.cards.get_mut(&reference(0)).expect("there");
    card.lots.retain(|lot| lot.kind.is_money());
    let (refund, _) = book.refund(load, 100_00);
    assert_eq!((book.has(0, 17), book.owes(0, 17)), (0, 10));
    book.reverse(refund);
    assert_eq!((book.has(0, 17), book.owes(0, 17)), (0, 0), "nothing is owed, and nothing is there");
    book.refund(load, 100_00);
    book.load(0, 100_00);
    assert_eq!((book.has(0, 17), book.owes(0, 17)), (0, 0), "the debt is paid");
}

#[test]
fn an_unload_takes_back_what_its_loads_gave_and_counted() {
    let rules = "[[load_bonus]]\nrule = \"b\"\nmost = { member = \"500\", budget = \"500\" }\nsteps = [{ from = \"100\", bonus = \"10\" }]\n\
        [[load_bonus]]\nrule = \"p\"\npoints = \"ordinary\"\nmost = { member_month = 100 }\nsteps = [{ from = \"100\", bonus = 10 }]\n";
    let mut book = Book::new(rules);
    book.load(0, 100_00);
    book.load(0, 100_00);
    let before = book.state.members.clone();
    assert_eq!((book.has(0, 2), book.has(0, 16), book.counter(0, "gave:b")), (20_00, 20, 20_00));
    let (half, _) = book.unload(0, 150_00);
    assert_eq!((book.has(0, 1), book.has(0, 2), book.has(0, 16)), (50_00, 5_00, 5));
    assert_eq!(book.counter(0, "gave:b"), 5_00);
    book.reverse(half);
    assert_eq!((book.has(0, 1), book.has(0, 2), book.has(0, 16)), (200_00, 20_00, 20));
    assert_eq!(book.state.members, before);
    book.unload(0, 200_00);
    assert_eq!((book.has(0, 1), book.has(0, 2), book.has(0, 16)), (0, 0, 0));
    assert!(book.counts_nothing(), "{:?} {:?}", book.state.members, book.state.counters);
}

#[test]
fn the_next_step_is_the_next_that_gives_more_and_can_be_loaded() {
    let book = Book::new(WAN);
    for (amount, next) in [
        (1, Some((99_999_99, 5_000_00))),
        (99_999_99, Some((1, 5_000_00))),
        (100_000_00, Some((400_000_00, 50_000_00))),
        (999_999_99, Some((1, 120_000_00))),
        (1_000_000_00, None),
    ] {
        assert_eq!(book.next_step(0, amount), next, "{amount}");
    }
    let beyond = "[[load_bonus]]\nrule = \"far\"\nsteps = [{ from = \"9000000.01\", bonus = \"1\" }]\n";
    assert_eq!(Book::new(beyond).next_step(0, 1_00), None, "no card may load so much");
    let points =
        "[[load_bonus]]\nrule = \"p\"\npoints = \"ordinary\"\nsteps = [{ from = \"100\", bonus = 7 }]\n";
    assert_eq!(Book::new(points).next_step(0, 40_00), Some((60_00, 7)), "points, where that is all");
}

#[test]
fn where_points_pay_those_of_a_load_that_are_spent_are_withheld_from_its_refund() {
    let rules = "[[load_bonus]]\nrule = \"p\"\npoints = \"ordinary\"\nsteps = [{ from = \"100\", bonus = 100 }]\n\
        [points_payment]\nrule = \"pay\"\npoints = 10\npays = \"1\"\n";
    for (spent, refunded, gets) in [
        (0, 100_00, 100_00),
        (100, 100_00, 90_00),
        (99, 100_00, 90_10),
        (100, 50_00, 45_00),
        (60, 50_00, 49_00),
    ] {
        let mut book = Book::new(rules);
        let (load, _) = book.load(0, 100_00);
        if spent > 0 {
            let command = gateway::domain::Command::Purchase {
                claim: super::book::claim(0),
                amount: spent * 10,
                partial_allowed: false,
                points: Some(spent),
                lines: Vec::new(),
            };
            assert_eq!(book.ask(command, Vec::new()).amount, Some(spent * 10));
        }
        let (refund, decision) = book.refund(load, refunded);
        assert_eq!(
            (decision.amount, book.owes(0, 16)),
            (Some(gets), 0),
            "{spent} spent, {refunded} refunded"
        );
        book.reverse(refund);
        assert_eq!((book.has(0, 1), book.has(0, 16), book.owes(0, 16)), (100_00, 100 - spent, 0));
        let (_, decision) = book.unload(0, refunded);
        assert_eq!((decision.amount, book.owes(0, 16)), (Some(gets), 0));
    }
}
