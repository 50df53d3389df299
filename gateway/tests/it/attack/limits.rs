//! Limits of a day and a month: of a card, a terminal and a cashier.

use gateway::domain::Command;

use super::shop::{A, At, B, C, R1, Shop, authorize, claim, purchase, shop};

const R2: At = At { terminal: "R2", ..R1 };
const AMY: At = At { cashier: Some("AMY"), ..R1 };
/// Seconds after the shop has opened, late on 21 September.
const DAY: i64 = 86_400;
/// The last second of September's last business day: 03:59:59 on 1 October.
const LAST_OF_SEPTEMBER: i64 = 1_790_798_399;

/// Who is limited, and how the programme says so.
const WHO: [(&str, &str); 4] = [
    ("daily", "daily = { LIMIT }"),
    ("monthly", "monthly = { LIMIT }"),
    ("terminal", "[limits]\nterminal_day = { LIMIT }"),
    ("cashier", "[till]\ncashiers = \"sign-on\"\n[limits]\ncashier_day = { LIMIT }"),
];

/// A shop with this limit, two full cards and a sale that can be refunded. The limit comes into force after that.
fn limited(programme: &str) -> (Shop, usize) {
    let mut shop = shop("");
    shop.load(A, 1500_00);
    shop.load(B, 1000_00);
    let sold = shop.ask(purchase(A, 500_00), 0);
    shop.programme = super::shop::read(programme);
    shop.at = AMY;
    (shop, sold)
}

fn load(card: usize, amount: i64) -> Command {
    Command::Load { claim: claim(card), amount, tenders: vec![(1, amount)] }
}

/// One transaction of a kind.
fn one(shop: &mut Shop, sold: usize, kind: &str, amount: i64, code: u8) {
    match kind {
        "load" => shop.ask(load(A, amount), code),
        "purchase" => shop.ask(purchase(A, amount), code),
        "refund" => shop.refund(sold, amount, code),
        other => panic!("{other}"),
    };
}

#[test]
fn counts_and_sums_end_exactly_where_the_programme_says_and_only_for_what_it_names() {
    for (who, programme) in WHO {
        for kind in ["load", "purchase", "refund"] {
            let with = |limit: &str| limited(&programme.replace("LIMIT", limit));
            let others = ["load", "purchase", "refund"].into_iter().filter(|other| *other != kind);
            let (mut shop, sold) = with(&format!("{kind}s = 2"));
            for code in [0, 0, 61, 61] {
                one(&mut shop, sold, kind, 1_00, code);
            }
            others.clone().for_each(|other| one(&mut shop, sold, other, 1_00, 0));
            let (mut shop, sold) = with(&format!("{kind}_sum = \"100.00\""));
            one(&mut shop, sold, kind, 100_01, 61);
            one(&mut shop, sold, kind, 99_00, 0);
            one(&mut shop, sold, kind, 1_01, 61);
            one(&mut shop, sold, kind, 1_00, 0);
            one(&mut shop, sold, kind, 1_00, 61);
            others.for_each(|other| one(&mut shop, sold, other, 1_00, 0));
            let (mut shop, sold) = with(&format!("{kind}_sum = \"100.00\""));
            one(&mut shop, sold, kind, 99_99, 0);
            let (mut shop, sold) = with(&format!("{kind}_sum = \"100.00\""));
            one(&mut shop, sold, kind, 100_00, 0);
            // What the limit is not about goes on.
            match who {
                "daily" | "monthly" => drop(shop.ask(purchase(B, 1_00), 0)),
                "terminal" => {
                    shop.at = R2;
                    one(&mut shop, sold, kind, 1_00, 0);
                }
                _ => {
                    shop.at = At { cashier: Some("BOB"), ..R1 };
                    one(&mut shop, sold, kind, 1_00, 0);
                }
            }
        }
    }
}

#[test]
fn a_limit_of_nothing_lets_nothing_through() {
    for (_, programme) in WHO {
        for (kind, limit) in [("load", "loads = 0"), ("purchase", "purchase_sum = \"0\"")] {
            let (mut shop, sold) = limited(&programme.replace("LIMIT", limit));
            one(&mut shop, sold, kind, 1_00, 61);
        }
    }
}

#[test]
fn what_is_undone_counts_no_longer_in_its_own_day_and_month_and_nowhere_else() {
    let hundred = "purchase_sum = \"100.00\"";
    // The same day.
    for (_, programme) in WHO {
        let (mut shop, _) = limited(&programme.replace("LIMIT", hundred));
        for undo in [true, false] {
            let bought = shop.ask(purchase(A, 100_00), 0);
            shop.ask(purchase(A, 1), 61);
            let original = shop.named(bought);
            shop.ask(if undo { Command::Void { original } } else { Command::Reversal { original } }, 0);
        }
        shop.ask(purchase(A, 100_00), 0);
        shop.ask(purchase(A, 1), 61);
    }
    // The next day: a day is over, its month is not.
    for (who, programme) in WHO {
        let (mut shop, _) = limited(&programme.replace("LIMIT", hundred));
        let bought = shop.ask(purchase(A, 100_00), 0);
        shop.clock(shop.now.s() + DAY);
        if who != "monthly" {
            shop.ask(purchase(A, 100_00), 0);
        }
        shop.ask(purchase(A, 1), 61);
        shop.void(bought, 0);
        shop.ask(purchase(A, 100_00), if who == "monthly" { 0 } else { 61 });
        shop.ask(purchase(A, 1), 61);
    }
    // The next month.
    let (mut shop, _) = limited(&WHO[1].1.replace("LIMIT", hundred));
    let bought = shop.ask(purchase(A, 100_00), 0);
    shop.clock(LAST_OF_SEPTEMBER + 1);
    shop.ask(purchase(A, 100_00), 0);
    shop.void(bought, 0);
    shop.ask(purchase(A, 1), 61);
}

#[test]
fn a_month_ends_at_the_cutover_of_its_last_business_day() {
    for who in [0, 1] {
        let (mut shop, _) = limited(&WHO[who].1.replace("LIMIT", "purchases = 1"));
        shop.clock(LAST_OF_SEPTEMBER - DAY / 2);
        shop.ask(purchase(A, 1), 0);
        shop.clock(LAST_OF_SEPTEMBER);
        shop.ask(purchase(A, 1), 61);
        shop.clock(LAST_OF_SEPTEMBER + 1);
        assert_eq!(shop.now.business_date, 2026_10_01);
        shop.ask(purchase(A, 1), 0);
        shop.ask(purchase(A, 1), 61);
    }
    // A month's first day is its own, and the day before does not count there.
    let (mut shop, _) = limited("monthly = { purchases = 3 }\ndaily = { purchases = 2 }");
    for (days, codes) in [(0, [0, 0, 61]), (1, [0, 61, 61]), (2, [61, 61, 61])] {
        shop.clock(1_790_000_000 + days * DAY);
        for code in codes {
            shop.ask(purchase(A, 1), code);
        }
    }
    shop.clock(LAST_OF_SEPTEMBER + 1);
    for code in [0, 0, 61] {
        shop.ask(purchase(A, 1), code);
    }
}

#[test]
fn a_card_that_takes_anothers_place_goes_on_with_its_month_and_gets_back_what_is_undone() {
    let (mut shop, _) = limited("monthly = { purchase_sum = \"100.00\", purchases = 2 }");
    let bought = shop.ask(purchase(A, 60_00), 0);
    shop.replace(A, C);
    shop.ask(purchase(C, 40_01), 61);
    shop.ask(purchase(C, 40_00), 0);
    shop.void(bought, 0);
    shop.ask(purchase(C, 60_01), 61);
    shop.ask(purchase(C, 60_00), 0);
    // Two cards that become one have both their months.
    let (mut shop, _) = limited("monthly = { purchase_sum = \"100.00\" }");
    shop.ask(purchase(A, 60_00), 0);
    shop.ask(purchase(B, 50_00), 0);
    shop.merge(A, B);
    shop.ask(purchase(B, 1), 61);
}

#[test]
fn an_authorize_counts_by_what_it_holds_its_captures_not_again_and_voided_not_at_all() {
    for (_, programme) in WHO {
        let (mut shop, _) = limited(&programme.replace("LIMIT", "purchase_sum = \"100.00\", purchases = 3"));
        let held = shop.ask(authorize(A, 60_00), 0);
        shop.ask(purchase(A, 40_01), 61);
        let capture = |shop: &Shop, amount, more_follow| Command::Capture {
            original: shop.named(held),
            amount,
            more_follow,
            lines: Vec::new(),
        };
        let first = capture(&shop, 20_00, true);
        shop.ask(first, 0);
        let second = capture(&shop, 10_00, false);
        shop.ask(second, 0);
        shop.ask(purchase(A, 40_01), 61);
        shop.ask(purchase(A, 40_00), 0);
        shop.ask(purchase(A, 1), 61);
        let (mut shop, _) = limited(&programme.replace("LIMIT", "purchase_sum = \"100.00\", purchases = 1"));
        let held = shop.ask(authorize(A, 100_00), 0);
        shop.ask(authorize(A, 1), 61);
        shop.void(held, 0);
        let held = shop.ask(authorize(A, 100_00), 0);
        shop.ask(Command::Reversal { original: shop.named(held) }, 0);
        shop.ask(purchase(A, 100_00), 0);
        shop.ask(purchase(A, 1), 61);
    }
}

#[test]
fn a_cashier_has_one_day_at_two_terminals_and_whoever_undoes_it_frees_theirs() {
    let (mut shop, _) = limited(&WHO[3].1.replace("LIMIT", "purchase_sum = \"100.00\""));
    let first = shop.ask(purchase(A, 60_00), 0);
    shop.at = At { cashier: Some("AMY"), ..R2 };
    shop.ask(purchase(B, 40_01), 61);
    shop.ask(purchase(B, 40_00), 0);
    shop.at = At { cashier: Some("BOB"), ..R2 };
    shop.ask(purchase(B, 100_00), 0);
    shop.void(first, 0);
    shop.ask(purchase(B, 1), 61);
    shop.at = AMY;
    shop.ask(purchase(B, 60_01), 61);
    shop.ask(purchase(B, 60_00), 0);
    // Nobody's day is limited.
    shop.at = R1;
    shop.ask(purchase(B, 100_00), 0);
}

#[test]
fn a_hold_that_others_raised_frees_no_more_of_a_tills_or_cashiers_day_than_it_took() {
    for limits in ["terminal_day", "cashier_day"] {
        let (mut shop, _) = limited(&format!(
            "[till]\ncashiers = \"sign-on\"\n[limits]\n{limits} = {{ purchase_sum = \"100.00\" }}"
        ));
        shop.ask(purchase(A, 90_00), 0);
        let held = shop.ask(authorize(B, 10_00), 0);
        shop.at = At { cashier: Some("BOB"), ..R2 };
        let raises = Some(shop.named(held));
        shop.ask(Command::Authorize { claim: claim(B), amount: 90_00, partial_allowed: false, raises }, 0);
        shop.at = AMY;
        shop.void(held, 0);
        shop.ask(purchase(A, 10_01), 61);
        shop.ask(purchase(A, 10_00), 0);
    }
}
