//! Paying (LOYALTY A4, A6, A7, B6): which balance goes first, a part with another tender, a company's money, points as money.

use protocol::field::{Flags, List, TenderKind, TenderLine};
use protocol::request::Body;

use super::{A, B, BONUS, C, IN_PART, OVER_THE_LIMIT, POINTS, PRINCIPAL, Shop, TOO_LITTLE};
use crate::counter::{amount, number, purchase};
use crate::programme::travel_agency::issue;

/// A4: 100.00 and 20.00 given on them pay 30.00 in each of the four orders.
#[tokio::test]
async fn principal_and_bonus_go_in_the_order_of_the_product() {
    let rules = "[[load_bonus]]\nrule = \"gift\"\nsteps = [{ from = \"100\", bonus = \"20\" }]\n[expiry]\nprincipal_months = 12\nbonus_months = 1";
    for (order, principal, bonus) in [
        ("principal-first", 30_00, 0),
        ("bonus-first", 10_00, 20_00),
        ("pro-rata", 25_00, 5_00),
        ("soonest-expiry", 10_00, 20_00),
    ] {
        let mut shop = Shop::open(&format!("spend = \"{order}\"\n{rules}")).await;
        shop.sell(1, 0).await;
        let loaded = shop.load(A, 100_00).await;
        loaded.says(&[("gift", "20.00", 20_00)]).has([(PRINCIPAL, 100_00), (BONUS, 20_00)]);
        loaded.books(&[("clearing:1", "A", PRINCIPAL, 100_00), ("bonus-expense", "A", BONUS, 20_00)]);
        let sale = shop.buy(A, 30_00).await;
        sale.says(&[]).has([(PRINCIPAL, 100_00 - principal), (BONUS, 20_00 - bonus)]);
        sale.books(&[("A", "redemption", PRINCIPAL, principal), ("A", "redemption", BONUS, bonus)]);
        // To the cent, and not a cent more.
        shop.buy(A, 90_01).await.refused(TOO_LITTLE);
        shop.buy(A, 90_00).await.says(&[]).has([(PRINCIPAL, 0), (BONUS, 0)]);
        shop.close();
    }
}

/// A4: each has a time of its own; what is left of the bonus ends at the end of its last business day.
#[tokio::test]
async fn a_bonus_ends_by_itself_and_the_principal_stays() {
    let mut shop = Shop::open(
        "[[load_bonus]]\nrule = \"gift\"\nsteps = [{ from = \"100\", bonus = \"20\" }]\n[expiry]\nprincipal_months = 12\nbonus_months = 1",
    )
    .await;
    shop.sell(1, 100_00).await;
    shop.day("2027-04-02T03:59:00").await;
    assert_eq!(shop.has(A, [PRINCIPAL, BONUS]).await, [100_00, 20_00]);
    let before = shop.last();
    shop.day("2027-04-02T04:00:01").await;
    let ended = shop.came(&before, "expiry", 1).await.remove(0);
    ended.explains(&[]).books(&[("A", "breakage", BONUS, 20_00)]);
    assert_eq!(shop.has(A, [PRINCIPAL, BONUS]).await, [100_00, 0]);
    shop.close();
}

/// A6: all of it, or what there is where the terminal allows it; points for what the card has paid, and nothing for the other tender.
#[tokio::test]
async fn a_sale_is_paid_in_part_where_the_terminal_allows_it() {
    let mut shop = Shop::open("[[purchase_points]]\nrule = \"spend\"\nper = \"1\"\ngives = 1").await;
    shop.sell(3, 50_00).await;
    for (card, minor) in [(A, 50_01), (A, 80_00)] {
        shop.buy(card, minor).await.refused(TOO_LITTLE);
    }
    for (card, name, minor, code, paid) in
        [(A, "A", 80_00, IN_PART, 50_00), (B, "B", 50_01, IN_PART, 50_00), (C, "C", 50_00, 0, 50_00)]
    {
        let body = purchase(&shop.cards[card], minor);
        let sale = shop.buy_with(card, body, Flags::PARTIAL_ALLOWED).await;
        assert_eq!((sale.code(), sale.amount()), (code, Some(paid)));
        sale.approved().has([(PRINCIPAL, 0), (POINTS, 50)]);
        sale.entry.explains(&[("spend", "1/1.00", 50)]);
        sale.books(&[(name, "redemption", PRINCIPAL, 50_00), ("points-expense", name, POINTS, 50)]);
    }
    // Another tender of the same bill is kept with the sale, and earns nothing.
    shop.sell(1, 50_00).await;
    let line = TenderLine { kind: TenderKind::CASH, amount: amount(30_00), reference: None };
    let (card, tenders) = (shop.cards[3].reference, List::new(vec![line]));
    let body = Body::Purchase { card, amount: amount(20_00), tenders, lines: None, points: None };
    let split = shop.deal(body, 3).await;
    split.says(&[("spend", "1/1.00", 20)]).has([(PRINCIPAL, 30_00), (POINTS, 20)]);
    split.books(&[("D", "redemption", PRINCIPAL, 20_00), ("points-expense", "D", POINTS, 20)]);
    shop.close();
}

/// A7: the company's money, the buyer's points; the buyer spends up to their own limit of a day.
#[tokio::test]
async fn a_bound_buyer_spends_the_companys_money_and_keeps_the_points() {
    let limit = "[product.company]\nname = \"Company\"\nmin_load = \"1\"\nmax_load = \"5000000\"\nmax_balance = \"20000000\"\naccount = true\n\
         [[purchase_points]]\nrule = \"buyer\"\nproducts = [\"standard\"]\nper = \"100\"\ngives = 1\n\
         [points_payment]\nrule = \"pay\"\nproducts = [\"standard\"]\npoints = 1\npays = \"1\"";
    let mut shop = Shop::open(&format!("daily = {{ purchase_sum = \"600.00\" }}\n{limit}")).await;
    shop.sell(1, 0).await;
    let company = issue(shop.site(), "company", 1).remove(0);
    shop.cards.push(company.clone());
    shop.deal(crate::counter::activate(&company), B).await.approved();
    shop.load(B, 1_000_00).await.says(&[]).books(&[("clearing:1", "B", PRINCIPAL, 1_000_00)]);
    shop.json(&["card", "bind", "--card", &shop.number(A), "--account", &number(&company)]);
    let sale = shop.buy(A, 250_00).await;
    sale.says(&[("buyer", "1/100.00", 2)]).has([(POINTS, 2)]);
    sale.books(&[("B", "redemption", PRINCIPAL, 250_00), ("points-expense", "A", POINTS, 2)]);
    assert_eq!(shop.has(B, [PRINCIPAL, POINTS]).await, [750_00, 0]);
    shop.buy(A, 350_01).await.refused(OVER_THE_LIMIT);
    // Two points pay 2.00 of 102.00.
    let sale = shop.pay(A, 102_00, 2).await;
    sale.says(&[("pay", "1/1.00", -2), ("buyer", "1/100.00", 1)]).has([(POINTS, 1)]);
    sale.books(&[
        ("B", "redemption", PRINCIPAL, 100_00),
        ("A", "points-expense", POINTS, 2),
        ("points-payment", "redemption", PRINCIPAL, 2_00),
        ("points-expense", "A", POINTS, 1),
    ]);
    // The one that is left pays 1.00; then there is none.
    let last = shop.pay(A, 1_01, 1).await;
    last.says(&[("pay", "1/1.00", -1)]).has([(POINTS, 0)]);
    last.books(&[
        ("B", "redemption", PRINCIPAL, 1),
        ("A", "points-expense", POINTS, 1),
        ("points-payment", "redemption", PRINCIPAL, 1_00),
    ]);
    shop.pay(A, 1_00, 1).await.refused(TOO_LITTLE);
    shop.close();
}

/// A7: points are for whoever buys. A company gets bonus money for its loads; what it buys by its own card counts for nobody.
#[tokio::test]
async fn a_company_earns_no_points_by_its_own_card() {
    let rules = "[product.company]\nname = \"Company\"\nmin_load = \"1\"\nmax_load = \"5000\"\nmax_balance = \"9000\"\naccount = true\n\
         [stacking]\nload_bonus = \"sum\"\n\
         [[load_bonus]]\nrule = \"money\"\nsteps = [{ from = \"100\", bonus = \"5.00\" }]\n\
         [[load_bonus]]\nrule = \"courtesy\"\nof = \"ordinary\"\nsteps = [{ from = \"100\", bonus = 7 }]\n\
         [[purchase_points]]\nrule = \"spend\"\nper = \"1\"\ngives = 1";
    let mut shop = Shop::open(rules).await;
    shop.sell(1, 0).await;
    let company = issue(shop.site(), "company", 1).remove(0);
    shop.cards.push(company.clone());
    shop.deal(crate::counter::activate(&company), B).await.approved();
    shop.load(A, 100_00).await.has([(POINTS, 7)]);
    shop.buy(A, 30_00).await.has([(POINTS, 37)]);
    shop.load(B, 1_000_00).await.approved();
    let held = crate::counter::holdings(shop.site(), &company);
    assert_eq!((held.principal, held.bonus), (1_000_00, 5_00));
    shop.buy(B, 50_00).await.says(&[]);
    assert_eq!(shop.has(B, [POINTS]).await, [0]);
    shop.close();
}

/// B6: at least 3 points, in twos and no more than half of a bill; what they paid earns nothing.
#[tokio::test]
async fn points_pay_within_their_least_their_step_and_their_share() {
    let mut shop = Shop::open(
        "[[purchase_points]]\nrule = \"spend\"\nper = \"1\"\ngives = 1\n\
         [points_payment]\nrule = \"pay\"\npoints = 1\npays = \"1.00\"\nminimum = 4\nstep = 2\nmax_percent = 50",
    )
    .await;
    shop.sell(1, 100_00).await;
    shop.buy(A, 12_00).await.says(&[("spend", "1/1.00", 12)]);
    for (minor, points) in [(20_00, 2), (20_00, 3), (20_00, 5), (11_99, 6), (20_00, 12)] {
        let refused = shop.pay(A, minor, points).await;
        assert_ne!(refused.code(), 0, "{points} of {minor}");
        refused.entry.books(&[]);
    }
    let least = shop.pay(A, 20_00, 4).await;
    least.says(&[("pay", "1/1.00", -4), ("spend", "1/1.00", 16)]).has([(PRINCIPAL, 72_00), (POINTS, 24)]);
    let half = shop.pay(A, 12_00, 6).await;
    half.says(&[("pay", "1/1.00", -6), ("spend", "1/1.00", 6)]).has([(PRINCIPAL, 66_00), (POINTS, 24)]);
    half.books(&[
        ("A", "points-expense", POINTS, 6),
        ("points-payment", "redemption", PRINCIPAL, 6_00),
        ("A", "redemption", PRINCIPAL, 6_00),
        ("points-expense", "A", POINTS, 6),
    ]);
    // All of it comes back, as it was paid.
    let back = shop.refund(&half, 12_00).await;
    back.approved().has([(PRINCIPAL, 72_00), (POINTS, 24)]);
    back.books(&[
        ("points-expense", "A", POINTS, 6),
        ("redemption", "points-payment", PRINCIPAL, 6_00),
        ("redemption", "A", PRINCIPAL, 6_00),
        ("A", "points-expense", POINTS, 6),
    ]);
    shop.close();
}
