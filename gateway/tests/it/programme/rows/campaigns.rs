//! When a rule holds (LOYALTY A2, B3): campaigns of which both ends count, member days, birthdays, and how multipliers stack.

use protocol::field::TenderKind;

use super::{A, B, BONUS, POINTS, PRINCIPAL, Shop, goods};

/// Worked case: 22 February to 13 March; both ends count: 20 days, and 21 in a leap year. A business day ends at 04:00.
#[tokio::test]
async fn a_campaign_has_twenty_days_and_twenty_one_in_a_leap_year() {
    for (year, days) in [(2027, 20), (2028, 21)] {
        let rule = format!(
            "[[load_bonus]]\nrule = \"spring\"\nsteps = [{{ from = \"10\", bonus = \"1\" }}]\n\
             when = {{ from = \"{year}-02-22\", until = \"{year}-03-13\" }}"
        );
        let document = super::programme(&rule);
        let mut shop = Shop::under(&format!("{year}-02-21T12:00:00"), &document).await;
        shop.sell(1, 0).await;
        let mut given = 0;
        let first: jiff::civil::Date = format!("{year}-02-20").parse().expect("a date");
        for ahead in 1..=24 {
            let date = first.checked_add(jiff::Span::new().days(ahead)).expect("a date");
            shop.day(&format!("{date}T12:00:00")).await;
            let loaded = shop.load(A, 10_00).await;
            given += loaded.answer.answer.explanation.as_ref().map_or(0, |lines| lines.iter().count());
        }
        assert_eq!((given, shop.has(A, [BONUS]).await), (days, [100 * i64::try_from(days).expect("few")]));
        shop.close();
    }
    let rule = "[[load_bonus]]\nrule = \"spring\"\nsteps = [{ from = \"10\", bonus = \"1\" }]\n\
                when = { from = \"2027-02-22\", until = \"2027-03-13\" }";
    let mut shop = Shop::under("2027-02-22T03:59:00", &super::programme(rule)).await;
    shop.sell(1, 0).await;
    shop.load(A, 10_00).await.says(&[]).books(&[("clearing:1", "A", PRINCIPAL, 10_00)]);
    for (time, holds) in [
        ("2027-02-22T04:01:00", true),
        ("2027-03-13T12:00:00", true),
        ("2027-03-14T03:59:00", true),
        ("2027-03-14T04:01:00", false),
    ] {
        shop.day(time).await;
        let loaded = shop.load(A, 10_00).await;
        let moves = [("clearing:1", "A", PRINCIPAL, 10_00), ("bonus-expense", "A", BONUS, 1_00)];
        loaded.says(&[("spring", "1.00", 1_00)][..usize::from(holds)]).books(&moves[..=usize::from(holds)]);
    }
    shop.close();
}

/// B3: 会员日 on the 18th, neither the day before nor the day after.
#[tokio::test]
async fn a_member_day_doubles_on_its_day_alone() {
    let rules = "[[purchase_points]]\nrule = \"spend\"\nper = \"1\"\ngives = 1\n\
                 [[multiplier]]\nrule = \"member-day\"\ntimes = \"2\"\nwhen = { days = [18] }";
    let mut shop = Shop::under("2027-03-17T12:00:00", &super::programme(rules)).await;
    shop.sell(1, 100_00).await;
    for (time, doubled) in [
        ("2027-03-17T23:00:00", false),
        ("2027-03-18T03:59:00", false),
        ("2027-03-18T04:01:00", true),
        ("2027-03-19T03:59:00", true),
        ("2027-03-19T04:01:00", false),
        ("2027-04-18T12:00:00", true),
    ] {
        shop.day(time).await;
        let sale = shop.buy(A, 9_99).await;
        let fired = 1 + usize::from(doubled);
        sale.says(&[("spend", "1/1.00", 9), ("member-day", "x2", 9)][..fired]);
        let points = if doubled { 18 } else { 9 };
        sale.books(&[("A", "redemption", PRINCIPAL, 9_99), ("points-expense", "A", POINTS, points)]);
    }
    shop.close();
}

/// B3: x2 and x3 and x1.5 of a category: the best, their sum, their product, within the most.
#[tokio::test]
async fn multipliers_stack_as_declared_up_to_their_most() {
    let rule = |name: &str, times: &str, more: &str| {
        format!("[[multiplier]]\nrule = \"{name}\"\ntimes = \"{times}\"\n{more}\n")
    };
    let rules = [
        "[[purchase_points]]\nrule = \"spend\"\nper = \"1\"\ngives = 1\n".to_owned(),
        rule("monday", "2", "when = { weekdays = [\"mon\"] }"),
        rule("march", "3", "when = { from = \"2027-03-01\", until = \"2027-03-31\" }"),
        rule("sunday", "9", "when = { weekdays = [\"sun\"] }"),
    ];
    for (stacking, points) in [
        ("multiplier = \"best\"", 30),
        ("multiplier = \"sum\"", 40),
        ("multiplier = \"product\"", 60),
        ("multiplier = \"product\"\nmost_times = \"5\"", 50),
        ("multiplier = \"product\"\nmost_times = \"6\"", 60),
    ] {
        let mut shop = Shop::open(&format!("{}[stacking]\n{stacking}", rules.concat())).await;
        shop.sell(1, 100_00).await;
        let sale = shop.buy(A, 10_00).await;
        sale.approved().has([(POINTS, points)]);
        sale.books(&[("A", "redemption", PRINCIPAL, 10_00), ("points-expense", "A", POINTS, points)]);
        let given: i64 = super::super::why(&sale.answer).iter().map(|(_, points)| points).sum();
        assert_eq!(given, points, "the lines come to what was given");
        shop.close();
    }
    // Half of the bill is tea.
    let tea = rule("tea", "1.5", "categories = [\"TEA\"]");
    let mut shop = Shop::open(&format!("{}{tea}", rules[0])).await;
    shop.sell(1, 100_00).await;
    let body = goods(&shop.cards[A], &[("T", "TEA", 1, 5_00), ("C", "CUP", 1, 5_00)]);
    let sale = shop.deal(body, A).await;
    // 10 points, of which 5 count half as much again: 2.5, rounded down.
    sale.says(&[("spend", "1/1.00", 10), ("tea", "x1.5", 2)]);
    sale.books(&[("A", "redemption", PRINCIPAL, 10_00), ("points-expense", "A", POINTS, 12)]);
    shop.close();
}

/// B3: hours, of which the first minute counts and the last one is over; and a tender.
#[tokio::test]
async fn a_rule_holds_in_its_hours_and_for_its_tender() {
    let rules = "[[purchase_points]]\nrule = \"spend\"\nper = \"1\"\ngives = 1\n\
                 [[multiplier]]\nrule = \"afternoon\"\ntimes = \"2\"\nwhen = { hours = \"14:00-17:00\" }\n\
                 [[load_bonus]]\nrule = \"cash-load\"\nsteps = [{ from = \"10\", bonus = \"1\" }]\nwhen = { tenders = [\"cash\"] }";
    let mut shop = Shop::open(rules).await;
    shop.sell(1, 0).await;
    let by_card = shop.load_by(A, 90_00, TenderKind::BANK_CARD).await;
    by_card.says(&[]).books(&[("clearing:2", "A", PRINCIPAL, 90_00)]);
    let cash = shop.load(A, 10_00).await;
    cash.says(&[("cash-load", "1.00", 1_00)]);
    cash.books(&[("clearing:1", "A", PRINCIPAL, 10_00), ("bonus-expense", "A", BONUS, 1_00)]);
    for (time, doubled) in [("13:59:30", false), ("14:00:01", true), ("16:59:30", true), ("17:00:01", false)]
    {
        shop.day(&format!("2027-03-01T{time}")).await;
        let sale = shop.buy(A, 5_00).await;
        sale.says(&[("spend", "1/1.00", 5), ("afternoon", "x2", 5)][..=usize::from(doubled)]);
        let points = if doubled { 10 } else { 5 };
        sale.books(&[("A", "redemption", PRINCIPAL, 5_00), ("points-expense", "A", POINTS, points)]);
    }
    shop.close();
}

/// B3: 生日: the day, with the 28th where there is no 29 February.
#[tokio::test]
async fn a_birthday_doubles_on_its_day_and_on_the_28th_where_there_is_no_29th() {
    let rules = "[[purchase_points]]\nrule = \"spend\"\nper = \"1\"\ngives = 1\n\
                 [[multiplier]]\nrule = \"birthday\"\ntimes = \"2\"\nwhen = { birthday = \"day\" }";
    let mut shop = Shop::under("2027-02-27T12:00:00", &super::programme(rules)).await;
    shop.sell_to("1992-02-29", 100_00).await;
    shop.sell_to("1990-03-01", 100_00).await;
    for (time, doubled) in [
        ("2027-02-27T12:00:00", [false, false]),
        ("2027-02-28T12:00:00", [true, false]),
        ("2027-03-01T12:00:00", [false, true]),
        ("2028-02-28T12:00:00", [false, false]),
        ("2028-02-29T12:00:00", [true, false]),
    ] {
        shop.day(time).await;
        for (card, name) in [(A, "A"), (B, "B")] {
            let sale = shop.buy(card, 5_00).await;
            let fired = usize::from(doubled[card]);
            sale.says(&[("spend", "1/1.00", 5), ("birthday", "x2", 5)][..=fired]);
            let points = if doubled[card] { 10 } else { 5 };
            sale.books(&[(name, "redemption", PRINCIPAL, 5_00), ("points-expense", name, POINTS, points)]);
        }
    }
    shop.close();
}
