//! Points on purchases (消费积分; LOYALTY B1, B2): each way to count them, with its neighbours, and what a refund leaves.

use super::book::{Book, goods, lines, reference};

fn points(rule: &str) -> String {
    format!("[[purchase_points]]\nrule = \"r\"\n{rule}\n")
}

/// A card with enough on it.
fn book(rules: &str) -> Book {
    let mut book = Book::new(rules);
    book.load(0, 1_000_000_00);
    book.load(1, 1_000_000_00);
    book
}

/// What sales of these amounts give, each on its own, and that a reversal leaves nothing.
fn gives(rule: &str, cases: &[(i64, i64)]) {
    for (amount, expected) in cases {
        let mut book = book(&points(rule));
        let (sale, _) = book.sale(0, *amount);
        assert_eq!(book.has(0, 16), *expected, "{rule}: {amount}");
        book.reverse(sale);
        assert_eq!(book.has(0, 16), 0);
        assert!(book.counts_nothing());
    }
}

#[test]
fn fixed_proportional_and_staged_by_amount() {
    gives("gives = 3", &[(1, 3), (99_999_99, 3)]);
    gives("per = \"100.00\"\ngives = 1", &[(99_99, 0), (100_00, 1), (199_99, 1), (200_00, 2), (250_00, 2)]);
    let staged = "steps = [{ from = \"100\", gives = 5 }, { from = \"500\", gives = 40 }]";
    gives(staged, &[(99_99, 0), (100_00, 5), (100_01, 5), (499_99, 5), (500_00, 40), (500_01, 40)]);
    let rates =
        "steps = [{ from = \"1\", per = \"1\", gives = 1 }, { from = \"500\", per = \"1\", gives = 2 }]";
    gives(rates, &[(99, 0), (1_00, 1), (499_99, 499), (500_00, 1000), (500_99, 1000), (501_00, 1002)]);
}

#[test]
fn staged_by_points_held_by_points_ever_earned_and_by_the_number_of_the_visit() {
    let by = |by: &str| {
        let steps = "steps = [{ from = 0, per = \"1\", gives = 1 }, { from = 100, per = \"1\", gives = 3 }]";
        points(&format!("by = \"{by}\"\n{steps}"))
    };
    for (kind, after_spending) in [("points-held", 10), ("points-earned", 30)] {
        let mut book = book(&by(kind));
        book.sale(0, 99_00);
        assert_eq!(book.has(0, 16), 99, "{kind}: from none");
        book.sale(0, 1_00);
        assert_eq!(book.has(0, 16), 100, "{kind}: from 99");
        book.sale(0, 1_00);
        assert_eq!(book.has(0, 16), 103, "{kind}: from 100");
        // They are spent: earned is what was earned, held is what is left.
        book.state.cards.get_mut(&reference(0)).expect("there").lots.retain(|lot| lot.kind.is_money());
        book.sale(0, 10_00);
        assert_eq!(book.has(0, 16), after_spending, "{kind}");
    }
    let visits = points("by = \"purchases\"\nsteps = [{ from = 3, gives = 50 }]");
    let mut third = book(&visits);
    let each: Vec<i64> = (0..5).map(|_| third.sale(0, 1_00).1.explanation.len() as i64).collect();
    assert_eq!(each, [0, 0, 1, 1, 1], "from the third on");
    let every = points("by = \"purchases\"\nevery = true\nsteps = [{ from = 3, gives = 50 }]");
    let mut third = book(&every);
    let each: Vec<i64> = (0..7).map(|_| third.sale(0, 1_00).1.explanation.len() as i64).collect();
    assert_eq!(each, [0, 0, 1, 0, 0, 1, 0], "every third");
    let (sale, _) = third.sale(1, 1_00);
    third.refund(sale, 1_00);
    assert_eq!(third.counter(1, "purchases"), 0, "no visit");
}

#[test]
fn units_and_goods_count_what_balances_paid_for_them() {
    let basket = || vec![goods("T1", "tea", 7, 70_00), goods("C1", "cup", 2, 30_00)];
    for (rule, amount, expected) in [
        ("units = 3\ngives = 5\ncategories = [\"tea\"]", 100_00, 10),
        ("units = 3\ngives = 5\nitems = [\"T1\"]", 100_00, 10),
        ("units = 3\ngives = 5", 100_00, 15),
        ("units = 8\ngives = 5\nbrands = [\"tea-house\"]", 100_00, 0),
        ("units = 1\ngives = 1\ncategories = [\"cup\", \"tea\"]", 100_00, 9),
        ("per = \"1\"\ngives = 1\ncategories = [\"tea\"]", 100_00, 70),
        ("per = \"1\"\ngives = 1\nbrands = [\"tea-house\"]", 100_00, 70),
        ("per = \"1\"\ngives = 1\ncategories = [\"none\"]", 100_00, 0),
        ("gives = 9\ncategories = [\"cup\"]", 100_00, 9),
        ("gives = 9\ncategories = [\"none\"]", 100_00, 0),
    ] {
        let mut book = book(&points(rule));
        book.sale_of(0, amount, basket());
        assert_eq!(book.has(0, 16), expected, "{rule}");
    }
    // The card can pay 50.00 of 100.00: half of the tea is paid from it.
    for (rule, expected) in [
        ("per = \"1\"\ngives = 1\ncategories = [\"tea\"]", 35),
        ("units = 1\ngives = 1\ncategories = [\"tea\"]", 3),
    ] {
        let mut book = Book::new(&points(rule));
        book.load(0, 50_00);
        let claim = super::book::claim(0);
        let command = gateway::domain::Command::Purchase {
            claim,
            amount: 100_00,
            partial_allowed: true,
            points: None,
            lines: Vec::new(),
        };
        assert_eq!(book.ask(command, basket()).amount, Some(50_00));
        assert_eq!(book.has(0, 16), expected, "{rule}");
    }
    let mut unsaid = book(&points("per = \"1\"\ngives = 1\ncategories = [\"tea\"]"));
    unsaid.sale(0, 100_00);
    assert_eq!(unsaid.has(0, 16), 0, "nobody said what was sold");
}

#[test]
fn the_remainder_is_dropped_or_carried_to_the_next_sale_and_refunds_leave_what_is_paid_for() {
    let carried = "per = \"100\"\ngives = 1\nremainder = \"carry\"";
    let dropped = "per = \"100\"\ngives = 1\nremainder = \"drop\"";
    for (rule, expected) in [(carried, 2), (dropped, 1)] {
        let mut book = book(&points(rule));
        book.sale(0, 150_00);
        book.sale(0, 50_00);
        assert_eq!(book.has(0, 16), expected, "{rule}");
    }
    let rest = |book: &Book| (book.has(0, 16), book.counter(0, "carry:r"));
    let mut book = book(&points(carried));
    let (first, decision) = book.sale(0, 150_00);
    assert_eq!((lines(&decision), rest(&book)), (vec![("r", "1/100.00", 1)], (1, 50_00)));
    let (second, decision) = book.sale(0, 49_99);
    assert_eq!((lines(&decision), rest(&book)), (vec![], (1, 99_99)));
    let (third, decision) = book.sale(0, 1);
    assert_eq!((lines(&decision), rest(&book)), (vec![("r", "1/100.00", 1)], (2, 0)));
    assert_eq!(decision.explanation[0].base, 100_00, "with what was carried");
    book.reverse(third);
    assert_eq!(rest(&book), (1, 99_99));
    book.refund(second, 49_99);
    assert_eq!(rest(&book), (1, 50_00));
    let (back, _) = book.refund(first, 50_00);
    assert_eq!(rest(&book), (0, 100_00), "the point goes with the first cent, what it was for stays");
    book.reverse(back);
    assert_eq!(rest(&book), (1, 50_00));
    book.refund(first, 150_00);
    assert!(book.counts_nothing() && book.has(0, 16) == 0);
    // A sale that others have built on is refunded: the next ones pay for the points that are too many.
    let (first, _) = book.sale(0, 150_00);
    book.sale(0, 50_00);
    book.refund(first, 150_00);
    assert_eq!(rest(&book), (1, -50_00));
    book.sale(0, 49_99);
    assert_eq!(rest(&book), (1, -1));
    book.sale(0, 100_01);
    assert_eq!(rest(&book), (2, 0), "200.00 are paid for");
}

#[test]
fn whatever_is_bought_and_refunded_points_and_remainder_come_to_what_is_still_paid() {
    use proptest::prelude::*;
    let rules = points("per = \"7.00\"\ngives = 1\nremainder = \"carry\"");
    proptest!(ProptestConfig::with_cases(64), |(steps in prop::collection::vec((1_i64..50_00, 0_usize..8, 1_i64..50_00, any::<bool>()), 1..24))| {
        let mut book = book(&rules);
        let (mut paid, mut sales): (i64, Vec<(usize, i64)>) = (0, Vec::new());
        for (amount, of, part, buys) in steps {
            if buys || sales.is_empty() {
                sales.push((book.sale(0, amount).0, amount));
                paid += amount;
            } else {
                let at = of % sales.len();
                let (sale, left) = &mut sales[at];
                let part = part.min(*left);
                if part > 0 {
                    book.refund(*sale, part);
                    *left -= part;
                    paid -= part;
                }
            }
            let points = book.has(0, 16) - book.owes(0, 16);
            prop_assert_eq!(points * 7_00 + book.counter(0, "carry:r"), paid);
        }
    });
}

#[test]
fn rules_of_points_stack_as_declared() {
    let two = "[[purchase_points]]\nrule = \"a\"\nper = \"10\"\ngives = 1\n[[purchase_points]]\nrule = \"b\"\ngives = 4\n";
    for (how, amount, expected) in [
        ("best", 30_00, vec![("b", "4", 4)]),
        ("best", 50_00, vec![("a", "1/10.00", 5)]),
        ("best", 40_00, vec![("a", "1/10.00", 4)]),
        ("sum", 50_00, vec![("a", "1/10.00", 5), ("b", "4", 4)]),
        ("first", 30_00, vec![("a", "1/10.00", 3)]),
        ("first", 9_99, vec![("b", "4", 4)]),
    ] {
        let mut book = book(&format!("{two}[stacking]\npurchase_points = \"{how}\"\n"));
        let (sale, decision) = book.sale(0, amount);
        assert_eq!(lines(&decision), expected, "{how} {amount}");
        book.refund(sale, amount);
        assert_eq!(book.has(0, 16), 0);
    }
    let alone = two.replace("gives = 4", "gives = 4\nexclusive = true");
    let mut book = book(&format!("{alone}[stacking]\npurchase_points = \"sum\"\n"));
    assert_eq!(lines(&book.sale(0, 500_00).1), [("b", "4", 4)], "alone, though the other gives more");
}

#[test]
fn points_of_another_currency_are_a_balance_of_their_own() {
    let rules = "[points.courtesy]\nkind = 20\nname = \"Courtesy\"\n\
        [[purchase_points]]\nrule = \"o\"\nper = \"1\"\ngives = 1\n\
        [[purchase_points]]\nrule = \"c\"\npoints = \"courtesy\"\nper = \"10\"\ngives = 1\n";
    let mut book = book(rules);
    let (sale, decision) = book.sale(0, 99_00);
    assert_eq!(lines(&decision), [("o", "1/1.00", 99), ("c", "1/10.00", 9)]);
    assert_eq!((book.has(0, 16), book.has(0, 20)), (99, 9));
    book.refund(sale, 33_00);
    assert_eq!((book.has(0, 16), book.has(0, 20)), (66, 6));
    book.refund(sale, 66_00);
    assert_eq!((book.has(0, 16), book.has(0, 20), book.owes(0, 20)), (0, 0, 0));
}
