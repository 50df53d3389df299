//! Loads (LOYALTY A1, A2, A3, A5): limits, tenders, steps of bonus and their neighbours, quotes, and what a refund takes back.

use protocol::field::TenderKind;

use super::{A, B, BONUS, C, COURTESY, Move, OVER_THE_LIMIT, POINTS, PRINCIPAL, Shop, TOO_LITTLE};
use crate::till::load_quote;

/// The merchants' own numbers: 存10万送5千, 存50万送5万, 存100万送12万.
const STEPS: &str = "steps = [{ from = \"100000\", bonus = \"5000\" }, { from = \"500000\", bonus = \"50000\" }, { from = \"1000000\", bonus = \"120000\" }]\n";

fn cash(to: &str, minor: i64) -> Move<'_> {
    ("clearing:1", to, PRINCIPAL, minor)
}

fn given(to: &str, minor: i64) -> Move<'_> {
    ("bonus-expense", to, BONUS, minor)
}

/// A1: 9.99 is below the least load, 100.01 above the largest, and 150.00 all that a card holds; by cash, bank card, QR and transfer.
#[tokio::test]
async fn a_load_is_within_its_limits_and_says_what_paid_it() {
    let limits = "min_load = \"10.00\"\nmax_load = \"100.00\"\nmax_balance = \"150.00\"";
    let document = super::programme("").replace("min_load = \"0.01\"", limits);
    let document = document.replace("max_load = \"9000000.00\"\nmax_balance = \"9000000.00\"\n", "");
    let mut shop = Shop::under("2027-03-01T12:00:00", &document).await;
    shop.sell(1, 0).await;
    shop.load(A, 9_99).await.refused(13);
    shop.load(A, 100_01).await.refused(OVER_THE_LIMIT);
    shop.load(A, 10_00).await.says(&[]).has([(PRINCIPAL, 10_00)]).books(&[cash("A", 10_00)]);
    shop.load(A, 10_01).await.says(&[]).has([(PRINCIPAL, 20_01)]).books(&[cash("A", 10_01)]);
    for (tender, clearing, minor, held) in [
        (TenderKind::BANK_CARD, "clearing:2", 99_99, 120_00),
        (TenderKind::QR_WALLET, "clearing:3", 19_99, 139_99),
    ] {
        let loaded = shop.load_by(A, minor, tender).await;
        loaded.says(&[]).has([(PRINCIPAL, held)]).books(&[(clearing, "A", PRINCIPAL, minor)]);
    }
    shop.load(A, 10_02).await.refused(OVER_THE_LIMIT);
    let full = shop.load_by(A, 10_01, TenderKind::BANK_TRANSFER).await;
    full.says(&[]).has([(PRINCIPAL, 150_00)]).books(&[("clearing:4", "A", PRINCIPAL, 10_01)]);
    shop.sell(1, 0).await;
    shop.load(B, 100_00).await.says(&[]).books(&[cash("B", 100_00)]);
    shop.close();
}

/// A2, worked case: the highest step that is reached gives, once; one minor unit below it, the one before.
#[tokio::test]
async fn the_merchants_steps_give_at_their_amounts_and_not_a_cent_below() {
    let mut shop = Shop::open(&format!("[[load_bonus]]\nrule = \"steps\"\n{STEPS}")).await;
    shop.sell(10, 0).await;
    let cases = [
        (99_999_99, "", 0),
        (100_000_00, "5000.00", 5_000_00),
        (100_000_01, "5000.00", 5_000_00),
        (499_999_99, "5000.00", 5_000_00),
        (500_000_00, "50000.00", 50_000_00),
        (500_000_01, "50000.00", 50_000_00),
        (999_999_99, "50000.00", 50_000_00),
        (1_000_000_00, "120000.00", 120_000_00),
        (1_000_000_01, "120000.00", 120_000_00),
    ];
    for ((minor, rate, bonus), card) in cases.into_iter().zip(0_u8..) {
        let name = char::from(b'A' + card).to_string();
        let loaded = shop.load(card.into(), minor).await;
        let (lines, moves) = ([("steps", rate, bonus)], [cash(&name, minor), given(&name, bonus)]);
        let fired = usize::from(bonus > 0);
        loaded.says(&lines[..fired]).has([(PRINCIPAL, minor), (BONUS, bonus)]).books(&moves[..=fired]);
    }
    // Twice 500,000.00 on one card.
    for held in [50_000_00, 100_000_00] {
        let loaded = shop.load(9, 500_000_00).await;
        loaded.says(&[("steps", "50000.00", 50_000_00)]).has([(BONUS, held)]);
        loaded.books(&[cash("J", 500_000_00), given("J", 50_000_00)]);
    }
    shop.close();
}

/// A2, worked case: 每满 100,000.00 gives for each of them.
#[tokio::test]
async fn every_full_multiple_gives_and_a_cent_below_it_one_less() {
    let rule =
        "[[load_bonus]]\nrule = \"every\"\nevery = true\nsteps = [{ from = \"100000\", bonus = \"5000\" }]";
    let mut shop = Shop::open(rule).await;
    shop.sell(1, 0).await;
    shop.load(A, 99_999_99).await.says(&[]).books(&[cash("A", 99_999_99)]);
    for (minor, bonus) in [
        (100_000_00, 5_000_00),
        (199_999_99, 5_000_00),
        (200_000_00, 10_000_00),
        (200_000_01, 10_000_00),
        (300_000_00, 15_000_00),
    ] {
        let loaded = shop.load(A, minor).await;
        loaded.says(&[("every", "5000.00/100000.00", bonus)]).books(&[cash("A", minor), given("A", bonus)]);
    }
    shop.close();
}

/// A2: percent, first load, points, a member's cap and the budget of all.
#[tokio::test]
async fn a_bonus_is_a_percentage_for_the_first_load_in_points_and_within_its_caps() {
    let mut shop = Shop::open(
        "[points.courtesy]\nkind = 17\nname = \"Courtesy\"\n[stacking]\nload_bonus = \"sum\"\n\
         [[load_bonus]]\nrule = \"share\"\nsteps = [{ from = \"10\", bonus = \"5%\" }]\n\
         most = { member = \"12.00\", budget = \"20.00\" }\n\
         [[load_bonus]]\nrule = \"first\"\nof = \"courtesy\"\nfirst_load = true\nsteps = [{ from = \"10\", bonus = 8 }]",
    )
    .await;
    shop.sell(3, 0).await;
    // 5% of 10.19 are 50.95 cents: rounded down.
    let first = shop.load(A, 10_19).await;
    first.says(&[("share", "5%", 50), ("first", "8", 8)]).has([(BONUS, 50), (COURTESY, 8)]);
    first.books(&[cash("A", 10_19), given("A", 50), ("points-expense", "A", COURTESY, 8)]);
    shop.load(A, 9_99).await.says(&[]).books(&[cash("A", 9_99)]);
    let second = shop.load(A, 229_80).await;
    second.says(&[("share", "5%", 11_49)]).books(&[cash("A", 229_80), given("A", 11_49)]);
    let last = shop.load(A, 100_00).await;
    last.says(&[("share", "5%", 1)]).books(&[cash("A", 100_00), given("A", 1)]);
    shop.load(A, 100_00).await.says(&[]).books(&[cash("A", 100_00)]);
    // Of the budget 8.00 are left.
    let other = shop.load(B, 161_00).await;
    other.says(&[("share", "5%", 8_00), ("first", "8", 8)]);
    other.books(&[cash("B", 161_00), given("B", 8_00), ("points-expense", "B", COURTESY, 8)]);
    let nothing = shop.load(C, 20_00).await;
    nothing.says(&[("first", "8", 8)]).books(&[cash("C", 20_00), ("points-expense", "C", COURTESY, 8)]);
    shop.close();
}

/// A2: two rules that hold give the best of them, their sum, or the first in the file; an exclusive one stands alone.
#[tokio::test]
async fn rules_of_a_load_stack_as_declared() {
    let rule = |name: &str, bonus: &str, more: &str| {
        format!(
            "[[load_bonus]]\nrule = \"{name}\"\nsteps = [{{ from = \"100\", bonus = \"{bonus}\" }}]\n{more}\n"
        )
    };
    let (small, large, alone) = (("small", "3.00", 3_00), ("large", "5.00", 5_00), ("alone", "2.00", 2_00));
    for (stacking, exclusive, lines) in [
        ("best", "", vec![large]),
        ("sum", "", vec![small, large]),
        ("first", "", vec![small]),
        ("sum", "exclusive = true", vec![alone]),
    ] {
        let rules = [rule("small", "3", ""), rule("large", "5", ""), rule("alone", "2", exclusive)];
        let count = if exclusive.is_empty() { 2 } else { 3 };
        let mut shop =
            Shop::open(&format!("{}[stacking]\nload_bonus = \"{stacking}\"", rules[..count].concat())).await;
        shop.sell(1, 0).await;
        shop.load(A, 99_99).await.says(&[]).books(&[cash("A", 99_99)]);
        let bonus = lines.iter().map(|line| line.2).sum();
        let loaded = shop.load(A, 100_00).await;
        loaded.says(&lines).has([(BONUS, bonus)]).books(&[cash("A", 100_00), given("A", bonus)]);
        shop.close();
    }
}

/// A3: what a kiosk shows before the customer pays, how much more reaches the next step, and that it is then given.
#[tokio::test]
async fn a_quote_says_the_bonus_and_what_is_missing_to_the_next_step() {
    let mut shop = Shop::open(&format!("[[load_bonus]]\nrule = \"steps\"\n{STEPS}")).await;
    shop.sell(1, 0).await;
    let card = shop.cards[A].clone();
    for (minor, bonus, next) in [
        (99_999_99, None, Some((1, 5_000_00))),
        (100_000_00, Some(5_000_00), Some((400_000_00, 50_000_00))),
        (499_999_99, Some(5_000_00), Some((1, 50_000_00))),
        (1_000_000_00, Some(120_000_00), None),
    ] {
        let quoted = shop.till.ask(load_quote(&card, minor), &card).await.answer;
        let lines = quoted.explanation.as_ref().map_or(&[][..], |lines| lines);
        let step = quoted.next_step.map(|step| (step.missing.get(), step.bonus.get()));
        assert_eq!((lines.first().map(|line| line.result), step), (bonus, next), "{minor}");
    }
    let quoted = shop.till.ask(load_quote(&card, 500_000_00), &card).await;
    let cited = crate::till::quote_of(&quoted);
    let answer = shop.till.cite(cited, crate::counter::load(&card, 500_000_00), &card).await;
    assert_eq!(answer.answer.explanation, quoted.answer.explanation);
    shop.last().explains(&[("steps", "50000.00", 50_000_00)]);
    shop.last().books(&[cash("A", 500_000_00), given("A", 50_000_00)]);
    shop.close();
}

/// A5: a refund of a load takes its bonus and points in proportion, rounded up; what is spent is withheld; nobody is ahead.
#[tokio::test]
async fn a_refund_of_a_load_recovers_what_it_gave() {
    let mut shop = Shop::open(
        "spend = \"bonus-first\"\n[points.courtesy]\nkind = 17\nname = \"Courtesy\"\n[stacking]\nload_bonus = \"sum\"\n\
         [[load_bonus]]\nrule = \"steps\"\nsteps = [{ from = \"100\", bonus = \"10\" }]\n\
         [[load_bonus]]\nrule = \"thanks\"\nof = \"courtesy\"\nsteps = [{ from = \"100\", bonus = 9 }]",
    )
    .await;
    shop.sell(2, 0).await;
    let first = shop.load(A, 100_00).await;
    first.says(&[("steps", "10.00", 10_00), ("thanks", "9", 9)]);
    // A cent takes a tenth of a cent and a ninth of a point, both rounded up; up to half of it the rest of half.
    let cent = shop.refund(&first, 1).await;
    cent.approved().has([(PRINCIPAL, 99_99), (BONUS, 9_99), (COURTESY, 8)]);
    cent.books(&[
        ("A", "clearing:1", PRINCIPAL, 1),
        ("A", "bonus-expense", BONUS, 1),
        ("A", "points-expense", COURTESY, 1),
    ]);
    let half = shop.refund(&first, 49_99).await;
    half.approved().has([(PRINCIPAL, 50_00), (BONUS, 5_00), (COURTESY, 4)]);
    half.books(&[
        ("A", "clearing:1", PRINCIPAL, 49_99),
        ("A", "bonus-expense", BONUS, 4_99),
        ("A", "points-expense", COURTESY, 4),
    ]);
    shop.refund(&first, 50_01).await.refused(OVER_THE_LIMIT);
    shop.refund(&first, 50_00).await.approved().has([(PRINCIPAL, 0), (BONUS, 0), (COURTESY, 0)]);

    // The bonus is spent: 4.00 of it are withheld from what is paid out.
    let second = shop.load(B, 100_00).await;
    shop.buy(B, 4_00).await.says(&[]).books(&[("B", "redemption", BONUS, 4_00)]);
    let all = shop.refund(&second, 100_00).await;
    all.approved().has([(PRINCIPAL, 0), (BONUS, 0), (COURTESY, 0)]);
    assert_eq!(all.amount(), Some(96_00));
    all.books(&[
        ("B", "clearing:1", PRINCIPAL, 96_00),
        ("B", "bonus-expense", PRINCIPAL, 4_00),
        ("B", "bonus-expense", BONUS, 6_00),
        ("B", "points-expense", COURTESY, 9),
    ]);
    shop.unload(B, 1).await.refused(TOO_LITTLE);
    shop.close();
}

/// A5: where points pay, those of a load that are spent are withheld from its refund at their price.
#[tokio::test]
async fn spent_points_of_a_load_are_withheld_where_points_pay() {
    let rules = "[[load_bonus]]\nrule = \"thanks\"\nof = \"ordinary\"\nsteps = [{ from = \"100\", bonus = 10 }]\n\
        [points_payment]\nrule = \"pay\"\npoints = 1\npays = \"0.50\"";
    let mut shop = Shop::open(rules).await;
    shop.sell(2, 0).await;
    let loaded = shop.load(A, 100_00).await;
    loaded.says(&[("thanks", "10", 10)]).books(&[cash("A", 100_00), ("points-expense", "A", POINTS, 10)]);
    let other = shop.load(A, 50_00).await;
    other.says(&[]).books(&[cash("A", 50_00)]);
    // Eight points pay 4.00.
    shop.pay(A, 4_00, 8).await.says(&[("pay", "1/0.50", -8)]).has([(PRINCIPAL, 150_00), (POINTS, 2)]);
    // Half of the load takes five, of which three are gone: 1.50.
    let half = shop.refund(&loaded, 50_00).await;
    half.approved().has([(PRINCIPAL, 100_00), (POINTS, 0)]);
    assert_eq!(half.amount(), Some(48_50));
    half.books(&[
        ("A", "clearing:1", PRINCIPAL, 48_50),
        ("A", "points-payment", PRINCIPAL, 1_50),
        ("A", "points-expense", POINTS, 2),
    ]);
    let rest = shop.refund(&loaded, 50_00).await;
    assert_eq!(rest.approved().amount(), Some(47_50), "five more are 2.50");
    assert_eq!(crate::counter::holdings(shop.site(), &shop.cards[A]).points_debt, 0);
    shop.close();
}
