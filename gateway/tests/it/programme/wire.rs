//! What is earned, over the wire: the answer, the card, the explanation, and that undoing takes all of it back.

use gateway::programme_file::DEFAULT;
use protocol::code::ResponseCode;
use protocol::field::{
    BalanceKind, GrossMinor, Hash, List, Notes, PurchaseLine, PurchaseLines, QuantityThousandths, Text,
};
use protocol::request::{Body, Header, Request, RequestSidecar, Reserved};
use terminal_sim::checked::Checked;
use terminal_sim::{Card, sha256};

use crate::counter::{activate, amount, balance, cards, holdings, load, purchase, reversal};
use crate::harness::Site;
use crate::till::{APPROVED, Till, load_quote, purchase_quote, put_in_force, refund, unload, void};
use crate::timekeeping::Machine;

const COURTESY: BalanceKind = BalanceKind(17);
const PENDING: BalanceKind = BalanceKind(48);

/// The default programme without its own rules, with these.
pub(super) fn programme(rules: &str) -> String {
    let head = DEFAULT.split("# Bonus on load").next().expect("a head");
    let head = head.replace("# return_days = 7", "return_days = 7").replace("# max_unload", "max_unload");
    format!("{head}\n{rules}\n")
}

/// (rule, rate, result) of each line of an explanation.
fn lines(answer: &Checked) -> Vec<(String, String, i64)> {
    let all = answer.answer.explanation.as_ref().expect("an explanation");
    let line = |line: &protocol::answer::Explanation| {
        (line.rule.as_str().to_owned(), line.rate.as_str().to_owned(), line.result)
    };
    all.iter().map(line).collect()
}

fn line(rule: &str, rate: &str, result: i64) -> (String, String, i64) {
    (rule.into(), rate.into(), result)
}

/// A purchase of items with category, pieces and minor units.
fn purchase_of(card: &Card, items: &[(&str, &str, i64, i64)]) -> Body {
    let line = |(item, category, pieces, minor): &(&str, &str, i64, i64)| PurchaseLine {
        item: item.parse().expect("an item"),
        category: category.parse().expect("a category"),
        brand: None,
        quantity: QuantityThousandths::new(pieces * 1_000).expect("a quantity"),
        gross: GrossMinor::new(*minor).expect("an amount"),
        flags: 0,
    };
    let lines: PurchaseLines = List::new(items.iter().map(line).collect()).expect("lines");
    let all = items.iter().map(|item| item.3).sum();
    let (card, amount) = (card.reference, amount(all));
    Body::Purchase { card, amount, tenders: None, lines: Some(lines), points: None }
}

#[tokio::test]
async fn a_load_brings_what_its_quote_said_and_undoing_it_takes_money_and_points_back() {
    let site = Site::new();
    let gateway = site.start();
    put_in_force(
        &site,
        &programme(
            "[points.courtesy]\nkind = 17\nname = \"Courtesy\"\n[stacking]\nload_bonus = \"sum\"\n\
             [[load_bonus]]\nrule = \"each\"\nevery = true\nsteps = [{ from = \"100\", bonus = \"5\" }]\n\
             most = { member = \"12\", budget = \"100\" }\n\
             [[load_bonus]]\nrule = \"share\"\nsteps = [{ from = \"200\", bonus = \"1%\" }]\n\
             [[load_bonus]]\nrule = \"thanks\"\nof = \"courtesy\"\nsteps = [{ from = \"100\", bonus = 9 }]",
        ),
    );
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[]).await.remove(0);
    let quoted = till.ask(load_quote(&card, 199_99), &card).await;
    let next = quoted.answer.next_step.as_ref().expect("a next step");
    assert_eq!((next.missing.get(), next.bonus.get()), (1, 12_00));
    let quoted = till.ask(load_quote(&card, 200_00), &card).await;
    let (first, answer) = till.deal(load(&card, 200_00), &card).await;
    let given = [line("each", "5.00/100.00", 10_00), line("share", "1%", 2_00), line("thanks", "9", 9)];
    assert_eq!((lines(&quoted), lines(&answer)), (given.to_vec(), given.to_vec()));
    assert_eq!(quoted.answer.changes, answer.answer.changes);
    assert_eq!((balance(&answer, BalanceKind::BONUS), balance(&answer, COURTESY)), (12_00, 9));
    let (second, answer) = till.deal(load(&card, 200_00), &card).await;
    assert_eq!(lines(&answer)[0], line("each", "5.00/100.00", 2_00));
    assert_eq!(answer.answer.explanation.as_ref().expect("lines")[0].notes, Notes(2));
    let (_, undone) = till.deal(reversal(&second), &card).await;
    assert_eq!(
        (undone.code(), balance(&undone, BalanceKind::BONUS), balance(&undone, COURTESY)),
        (APPROVED, 12_00, 9)
    );
    // Half is refunded, half is cashed out.
    let (_, half) = till.deal(refund(&first, 100_00), &card).await;
    assert_eq!(
        (balance(&half, BalanceKind::BONUS), balance(&half, COURTESY)),
        (6_00, 4),
        "ceil(9 / 2) are gone"
    );
    let (cashed, rest) = till.deal(unload(&card, 100_00), &card).await;
    assert_eq!((rest.code(), balance(&rest, BalanceKind::BONUS), balance(&rest, COURTESY)), (APPROVED, 0, 0));
    let (_, again) = till.deal(reversal(&cashed), &card).await;
    assert_eq!((balance(&again, BalanceKind::BONUS), balance(&again, COURTESY)), (6_00, 4));
    // What was counted of it came back too: of the cap of 12.00, 5.00 are used.
    let (_, third) = till.deal(load(&card, 200_00), &card).await;
    assert_eq!(lines(&third)[0], line("each", "5.00/100.00", 7_00));
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn goods_visits_and_remainders_give_points_that_a_refund_takes_back() {
    let site = Site::new();
    let gateway = site.start();
    put_in_force(
        &site,
        &programme(
            "[stacking]\npurchase_points = \"sum\"\nmultiplier = \"product\"\n\
             [[purchase_points]]\nrule = \"spend\"\nper = \"100\"\ngives = 1\nremainder = \"carry\"\n\
             [[purchase_points]]\nrule = \"tea\"\nunits = 2\ngives = 3\ncategories = [\"TEA\"]\n\
             [[purchase_points]]\nrule = \"visit\"\nby = \"purchases\"\nevery = true\nsteps = [{ from = 3, gives = 50 }]\n\
             [[multiplier]]\nrule = \"teatime\"\ntimes = \"2\"\ncategories = [\"TEA\"]",
        ),
    );
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[500_00]).await.remove(0);
    let (first, answer) = till.deal(purchase(&card, 150_00), &card).await;
    assert_eq!(lines(&answer), [line("spend", "1/100.00", 1)]);
    let (second, answer) =
        till.deal(purchase_of(&card, &[("T1", "TEA", 5, 25_00), ("C1", "CUP", 1, 25_00)]), &card).await;
    // 7 points, half of the basket counts twice: 3.5.
    assert_eq!(
        lines(&answer),
        [line("spend", "1/100.00", 1), line("tea", "3/2", 6), line("teatime", "x2", 3)]
    );
    assert_eq!(balance(&answer, BalanceKind::POINTS), 11);
    let (third, answer) = till.deal(purchase(&card, 1_00), &card).await;
    assert_eq!(lines(&answer), [line("visit", "50", 50)]);
    let (_, undone) = till.deal(void(&third), &card).await;
    assert_eq!((undone.code(), balance(&undone, BalanceKind::POINTS)), (APPROVED, 11));
    let (back, answer) = till.deal(refund(&second, 50_00), &card).await;
    assert_eq!(balance(&answer, BalanceKind::POINTS), 1);
    let (_, answer) = till.deal(reversal(&back), &card).await;
    assert_eq!(balance(&answer, BalanceKind::POINTS), 11);
    let (_, answer) = till.deal(refund(&first, 150_00), &card).await;
    assert_eq!((answer.code(), balance(&answer, BalanceKind::POINTS)), (APPROVED, 10));
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_birthday_from_the_personal_data_multiplies_points_until_it_is_erased() {
    let site = Site::new();
    let gateway = site.start();
    put_in_force(
        &site,
        &programme(
            "[[purchase_points]]\nrule = \"spend\"\nper = \"1\"\ngives = 1\n\
             [[multiplier]]\nrule = \"birthday\"\ntimes = \"3\"\nwhen = { birthday = \"month\" }",
        ),
    );
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let all = cards(&site, 3);
    let (both, other) = (&all[..2], &all[2]);
    let today = till.deal(activate(other), other).await.1.answer.business_date.expect("a date");
    let birthday = format!("1988-{:02}-01", today.number() / 100 % 100);
    for (card, birthday) in [(&both[0], birthday.as_str()), (&both[1], "")] {
        let salt = "00112233445566778899aabbccddeeff";
        let mut fields = vec![(0, salt), (1, "8613800138000")];
        fields.extend((!birthday.is_empty()).then_some((3, birthday)));
        let field = |(number, text): (u8, &str)| (number, text.parse::<Text<64>>().expect("a field"));
        let sidecar = RequestSidecar { personal: fields.into_iter().map(field).collect(), ..card.sidecar() };
        let commitment = Hash(sha256(&[&sidecar.personal_bytes().expect("fields")]));
        let stan = till.clerk.next_stan();
        let header = till.session.value_header(stan).expect("a header");
        let reserved = Reserved { personal_commitment: Some(commitment), ..Reserved::default() };
        let header = Header { reserved: Some(Box::new(reserved)), ..header };
        let request = Request { header, body: activate(card) };
        let message = till.session.sign(&request, &sidecar).expect("a signed message");
        assert_eq!(till.send(&message).await.code(), APPROVED);
        assert_eq!(till.code(load(card, 100_00), card).await, APPROVED);
    }
    let quoted = till.ask(purchase_quote(&both[0], 10_00), &both[0]).await;
    let (sale, answer) = till.deal(purchase(&both[0], 10_00), &both[0]).await;
    let expected = [line("spend", "1/1.00", 10), line("birthday", "x3", 20)];
    assert_eq!((lines(&quoted), lines(&answer)), (expected.to_vec(), expected.to_vec()));
    let (_, other) = till.deal(purchase(&both[1], 10_00), &both[1]).await;
    assert_eq!(lines(&other), [line("spend", "1/1.00", 10)], "nobody knows it");
    let (_, back) = till.deal(refund(&sale, 10_00), &both[0]).await;
    assert_eq!(balance(&back, BalanceKind::POINTS), 0);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn pending_points_are_not_spent_and_are_released_by_the_sweep_once() {
    let machine = Machine::new();
    let site = &machine.site;
    let gateway = machine.start();
    put_in_force(
        site,
        &programme(
            "[[purchase_points]]\nrule = \"spend\"\nper = \"1\"\ngives = 1\npending_days = 1\n\
             [points_payment]\nrule = \"pay\"\npoints = 1\npays = \"1\"",
        ),
    );
    let mut till = Till::open(site, &gateway, "T0001").await;
    let sold = till.sell(site, 2, &[100_00]).await;
    let (sale, answer) = till.deal(purchase(&sold[0], 10_00), &sold[0]).await;
    assert_eq!(answer.answer.explanation.as_ref().expect("lines")[0].notes, Notes(8));
    assert_eq!((balance(&answer, BalanceKind::POINTS), balance(&answer, PENDING)), (0, 10));
    let pays = crate::payments::points::by_points(&sold[0], 20_00, 10);
    assert_eq!(till.code(pays, &sold[0]).await, ResponseCode::NOT_SUFFICIENT_FUNDS, "not yet");
    let (_, part) = till.deal(refund(&sale, 4_00), &sold[0]).await;
    assert_eq!(balance(&part, PENDING), 6);
    till.deal(purchase(&sold[1], 10_00), &sold[1]).await;
    // What is due is foreseen as it will come: nothing now, both releases in two days.
    let due = |days: i64| {
        let now = jiff::Timestamp::from_millisecond(gateway::clock::Clock::system().now_ms());
        let at = now.expect("a time") + jiff::SignedDuration::from_hours(24 * days);
        let told = site.json(&["programme", "due", "--at", &at.to_string()])["due"].clone();
        let each = told.as_array().expect("a list").iter();
        let mut each: Vec<_> =
            each.map(|due| (due["what"].clone(), due["kind"].clone(), due["amount"].clone())).collect();
        each.sort_by_key(|(_, _, amount)| amount.as_i64());
        each
    };
    let release = |amount: i64| ("is released".into(), 16.into(), amount.into());
    assert_eq!(due(0), []);
    assert_eq!(due(2), [release(6), release(10)]);
    assert!(gateway.stop().success());
    // The release is at the end of tomorrow's business day: less than a day on, twice.
    let mut ahead = 0;
    let mut gateway = machine.start();
    for _ in 0..3 {
        assert!(gateway.stop().success());
        ahead += 20 * 3600;
        machine.set_clock(ahead);
        gateway = machine.start();
        site.json(&["clock", "confirm"]);
    }
    let released = || sold.iter().map(|card| holdings(site, card).points).collect::<Vec<_>>();
    let mut left = 100;
    while released() != [6, 10] {
        left -= 1;
        assert!(left > 0, "{:?}", released());
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let index = crate::counter::last_index(&gateway);
    std::thread::sleep(std::time::Duration::from_millis(600));
    assert_eq!(crate::counter::last_index(&gateway), index, "once");
    let mut till = till.again(&gateway).await;
    let pays = crate::payments::points::by_points(&sold[0], 6_00, 6);
    assert_eq!(till.code(pays, &sold[0]).await, APPROVED);
    drop(gateway);
    site.verify();
}
