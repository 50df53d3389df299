//! Corporate accounts: cards that spend another card's money, and collect points of their own.

use protocol::code::ResponseCode;
use protocol::field::{BalanceKind, TransactionState};
use protocol::request::Body;
use terminal_sim::Card;
use terminal_sim::checked::Checked;

use crate::counter::{activate, balance, cards, frames, holdings, load, number, purchase, reversal};
use crate::harness::{Done, Gateway, Site};
use crate::till::{
    APPROVED, Till, add_to_programme, approved, authorize, capture, held, load_quote, principal,
    purchase_quote, raise, refund, transfer, void,
};

const COMPANY: &str = "[product.company]\nname = \"Company account\"\nmin_load = \"1.00\"\nmax_load = \"5000.00\"\n\
                       max_balance = \"5000.00\"\naccount = true\nmax_transfer = \"500.00\"";

/// New accounts, not active.
pub(super) fn issue_accounts(site: &Site, count: u32) -> Vec<Card> {
    let issued = site.json(&["card", "issue", "--product", "company", "--count", &count.to_string()]);
    let text = |card: &serde_json::Value, field: &str| card[field].as_str().expect("a text").to_owned();
    let card = |card| Card::new(&text(card, "reference"), &text(card, "secret")).expect("a card");
    issued["cards"].as_array().expect("cards").iter().map(card).collect()
}

fn try_bind(site: &Site, card: &Card, account: &Card) -> Done {
    site.run(&["card", "bind", "--card", &number(card), "--account", &number(account)])
}

fn bind(site: &Site, card: &Card, account: &Card) {
    let done = try_bind(site, card, account);
    assert!(done.status.success(), "{}", done.stderr);
}

fn unbind(site: &Site, card: &Card) -> Done {
    site.run(&["card", "unbind", "--card", &number(card)])
}

struct Company {
    till: Till,
    /// Two cards of its staff, bound.
    staff: Vec<Card>,
    account: Card,
}

/// A company with 100.00 and a bonus of 5.00.
async fn company(site: &Site, gateway: &Gateway) -> Company {
    let mut till = Till::open(site, gateway, "T0001").await;
    add_to_programme(site, "max_transfer = \"500.00\"", COMPANY);
    let staff = till.sell(site, 2, &[]).await;
    let account = issue_accounts(site, 1).remove(0);
    till.clerk.fill(&mut till.session, &account, &[100_00]).await;
    staff.iter().for_each(|card| bind(site, card, &account));
    Company { till, staff, account }
}

/// Principal, bonus and points as an answer says them.
fn balances(answer: &Checked) -> [i64; 3] {
    [BalanceKind::PRINCIPAL, BalanceKind::BONUS, BalanceKind::POINTS].map(|kind| balance(answer, kind))
}

fn changes(answer: &Checked) -> [i64; 3] {
    let changes = answer.answer.changes.as_ref().expect("changes");
    [BalanceKind::PRINCIPAL, BalanceKind::BONUS, BalanceKind::POINTS]
        .map(|kind| changes.get(&kind).copied().unwrap_or(0))
}

/// What operators see: principal, bonus and points.
fn shown(site: &Site, card: &Card) -> [i64; 3] {
    let held = holdings(site, card);
    [held.principal, held.bonus, held.points]
}

#[tokio::test]
async fn only_an_empty_active_card_is_bound_and_only_to_an_active_account() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    add_to_programme(&site, "", COMPANY);
    let card = till.sell(&site, 1, &[]).await.remove(0);
    let full = till.sell(&site, 1, &[1_00]).await.remove(0);
    let new = cards(&site, 1).remove(0);
    let accounts = issue_accounts(&site, 3);
    let refused = |card: &Card, account: &Card, why: &str| {
        let done = try_bind(&site, card, account);
        assert!(!done.status.success() && done.stderr.contains(why), "{why}: {}", done.stderr);
    };
    refused(&card, &accounts[0], "the card is issued");
    for account in &accounts {
        till.deal(activate(account), account).await;
    }
    refused(&new, &accounts[0], "the card is issued");
    refused(&card, &full, "must be empty, and its account one");
    refused(&full, &accounts[0], "must be empty");
    refused(&accounts[0], &accounts[1], "must be empty");
    refused(&accounts[0], &accounts[0], "must be empty");
    refused(&card, &card, "must be empty");
    assert!(!unbind(&site, &card).status.success(), "it is bound to nothing");
    site.json(&["card", "block", "--card", &number(&accounts[0]), "--reason", "unpaid"]);
    refused(&card, &accounts[0], "the card is blocked");
    bind(&site, &card, &accounts[1]);
    let shown = site.json(&["card", "show", "--card", &number(&card)]);
    assert_eq!(shown["account"], number(&accounts[1]));
    // To another one, and back to its own.
    bind(&site, &card, &accounts[2]);
    assert!(unbind(&site, &card).status.success());
    assert!(!unbind(&site, &card).status.success(), "once");
    // Held money is money too.
    assert_eq!(till.code(authorize(&full, 1_00), &full).await, APPROVED);
    refused(&full, &accounts[1], "must be empty");
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_bound_card_spends_its_accounts_money_and_collects_points_of_its_own() {
    let site = Site::new();
    let gateway = site.start();
    let Company { mut till, staff, account } = company(&site, &gateway).await;
    let card = &staff[0];
    let quoted = till.ask(purchase_quote(card, 30_00), card).await;
    assert_eq!((balances(&quoted), changes(&quoted)), ([100_00, 5_00, 0], [-30_00, 0, 30]));
    let (sale, sold) = till.deal(purchase(card, 30_00), card).await;
    assert_eq!((balances(&sold), changes(&sold)), ([70_00, 5_00, 30], [-30_00, 0, 30]));
    assert_eq!(sold.answer.card, Some(card.reference));
    assert_eq!((shown(&site, card), shown(&site, &account)), ([0, 0, 30], [70_00, 5_00, 0]));
    let asked = till.ask(Body::BalanceInquiry { card: card.reference }, card).await;
    assert_eq!(balances(&asked), [70_00, 5_00, 30]);
    let asked = till.ask(Body::BalanceInquiry { card: account.reference }, &account).await;
    assert_eq!(balances(&asked), [70_00, 5_00, 0]);

    let (auth, answer) = till.deal(authorize(card, 20_00), card).await;
    assert_eq!((answer.code(), held(&answer), balances(&answer)), (APPROVED, 20_00, [50_00, 5_00, 30]));
    let others = till.deal(raise(&staff[1], &auth, 1_00), &staff[1]).await.1;
    assert_eq!(others.code(), ResponseCode::ORIGINAL_NOT_FOUND, "another card of the same account");
    let owners = till.deal(raise(&account, &auth, 1_00), &account).await.1;
    assert_eq!(owners.code(), ResponseCode::ORIGINAL_NOT_FOUND, "the account's own card");
    assert_eq!(till.code(purchase(&staff[1], 55_01), &staff[1]).await, ResponseCode::NOT_SUFFICIENT_FUNDS);
    let (_, answer) = till.deal(raise(card, &auth, 5_00), card).await;
    assert_eq!((answer.code(), held(&answer)), (APPROVED, 25_00));
    let (taken, answer) = till.deal(capture(&auth, 15_00), card).await;
    assert_eq!((answer.code(), balances(&answer)), (APPROVED, [55_00, 5_00, 45]));
    assert_eq!(changes(&answer), [-15_00, 0, 15]);
    let (_, voided) = till.deal(void(&taken), card).await;
    assert_eq!((voided.code(), balances(&voided)[2]), (APPROVED, 30));
    let (_, freed) = till.deal(void(&auth), card).await;
    assert_eq!((freed.code(), balances(&freed)), (APPROVED, [70_00, 5_00, 30]));
    let (_, undone) = till.deal(reversal(&sale), card).await;
    assert_eq!(
        (undone.code(), balances(&undone), changes(&undone)),
        (APPROVED, [100_00, 5_00, 0], [30_00, 0, -30])
    );
    // The account's own card spends like any other, and earns nothing: points are for whoever buys.
    let (_, own) = till.deal(purchase(&account, 5_00), &account).await;
    assert_eq!(balances(&own), [95_00, 5_00, 0]);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn money_of_a_bound_card_comes_from_nowhere_and_goes_nowhere_else() {
    let site = Site::new();
    let gateway = site.start();
    let Company { mut till, staff, account } = company(&site, &gateway).await;
    let card = &staff[0];
    let private = till.sell(&site, 1, &[50_00]).await.remove(0);
    for (body, of) in [
        (load(card, 10_00), card),
        (transfer(card, &private, 1_00), card),
        (transfer(&private, card, 1_00), &private),
        (transfer(&account, card, 1_00), &account),
    ] {
        assert_eq!(till.code(body, of).await, ResponseCode::NOT_PERMITTED_CARD);
    }
    assert_eq!(till.ask(load_quote(card, 10_00), card).await.code(), ResponseCode::NOT_PERMITTED_CARD);
    let number = number(card);
    let refund = site.run(&["card", "refund", "--card", &number, "--amount", "1.00", "--reason", "none"]);
    assert!(!refund.status.success());
    for [from, into] in [[card, &private], [&private, card]] {
        let (from, into) = (crate::counter::number(from), crate::counter::number(into));
        let merge = site.run(&["card", "merge", "--card", &from, "--into", &into, "--reason", "two"]);
        assert!(!merge.status.success());
    }
    assert_eq!(shown(&site, &account), [100_00, 5_00, 0]);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn an_account_that_cannot_be_used_declines_its_cards_and_what_was_held_is_captured_all_the_same() {
    let site = Site::new();
    let gateway = site.start();
    let Company { mut till, staff, account } = company(&site, &gateway).await;
    let card = &staff[0];
    let (auth, _) = till.deal(authorize(card, 40_00), card).await;
    let (sale, _) = till.deal(purchase(card, 10_00), card).await;
    site.json(&["card", "block", "--card", &number(&account), "--reason", "unpaid"]);
    for body in [purchase(card, 1_00), authorize(card, 1_00), raise(card, &auth, 1_00)] {
        assert_eq!(till.code(body, card).await, ResponseCode::CARD_BLOCKED);
    }
    assert_eq!(till.ask(purchase_quote(card, 1_00), card).await.code(), ResponseCode::CARD_BLOCKED);
    let (_, wrong) = till.deal(purchase(card, 1_00), &card.with_wrong_secret()).await;
    assert_eq!(wrong.code(), ResponseCode::CARD_NOT_ACCEPTED, "who cannot prove the card learns nothing");
    let (taken, answer) = till.deal(capture(&auth, 30_00), card).await;
    assert_eq!(answer.code(), APPROVED);

    // Another account takes its place, and it is the cards' from then on.
    let next = issue_accounts(&site, 1).remove(0);
    let replace = ["card", "replace", "--card", &number(&account), "--by", &number(&next), "--reason", "new"];
    site.json(&replace);
    assert_eq!(shown(&site, &next)[..2], [60_00, 5_00]);
    for card in &staff {
        let (_, sold) = till.deal(purchase(card, 1_00), card).await;
        assert_eq!(sold.code(), APPROVED);
    }
    let (_, back) = till.deal(void(&taken), card).await;
    assert_eq!((back.code(), back.answer.card), (APPROVED, Some(card.reference)));
    assert_eq!(principal(&back), 58_00, "what was captured is held again");
    let (_, again) = till.deal(capture(&auth, 30_00), card).await;
    assert_eq!((again.code(), principal(&again)), (APPROVED, 58_00));
    let (_, undone) = till.deal(reversal(&sale), card).await;
    assert_eq!((undone.code(), principal(&undone)), (APPROVED, 68_00));
    assert_eq!(shown(&site, &next)[0], 68_00);
    gateway.kill();
    let gateway = site.start();
    let mut till = till.again(&gateway).await;
    let (_, sold) = till.deal(purchase(card, 8_00), card).await;
    assert_eq!((sold.code(), principal(&sold)), (APPROVED, 60_00), "after a restart");
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn what_an_account_paid_goes_back_to_it_when_the_card_is_its_own_again() {
    let site = Site::new();
    let gateway = site.start();
    let Company { mut till, staff, account } = company(&site, &gateway).await;
    let card = &staff[0];
    let (first, _) = till.deal(purchase(card, 30_00), card).await;
    let (second, _) = till.deal(purchase(card, 20_00), card).await;
    let (auth, _) = till.deal(authorize(card, 10_00), card).await;
    assert!(unbind(&site, card).status.success());
    assert_eq!(till.code(purchase(card, 1_00), card).await, ResponseCode::NOT_SUFFICIENT_FUNDS);
    let (_, loaded) = till.deal(load(card, 7_00), card).await;
    assert_eq!(balances(&loaded), [7_00, 0, 50]);
    assert_eq!(till.deal(void(&first), card).await.1.code(), APPROVED);
    assert_eq!(till.deal(reversal(&second), card).await.1.code(), APPROVED);
    assert_eq!(till.deal(capture(&auth, 10_00), card).await.1.code(), APPROVED);
    assert_eq!((shown(&site, card), shown(&site, &account)), ([7_00, 0, 10], [90_00, 5_00, 0]));
    assert!(!try_bind(&site, card, &account).status.success(), "it has money of its own");
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_refund_brings_money_to_the_account_that_paid_bound_unbound_or_replaced() {
    let site = Site::new();
    let gateway = site.start();
    let Company { mut till, staff, account } = company(&site, &gateway).await;
    let card = &staff[0];
    let (sale, _) = till.deal(purchase(card, 102_00), card).await;
    let (_, back) = till.deal(refund(&sale, 4_00), card).await;
    assert_eq!((back.code(), approved(&back)), (APPROVED, Some(4_00)));
    assert_eq!(back.answer.state, Some(TransactionState::REFUNDED_IN_PART));
    // What was spent last comes back first: the bonus.
    assert_eq!((balances(&back), changes(&back)), ([2_00, 5_00, 98], [2_00, 2_00, -4]));
    assert!(unbind(&site, card).status.success());
    let (_, back) = till.deal(refund(&sale, 8_00), card).await;
    assert_eq!(back.code(), APPROVED);
    assert_eq!((shown(&site, card), shown(&site, &account)), ([0, 0, 90], [10_00, 5_00, 0]));
    let next = issue_accounts(&site, 1).remove(0);
    site.json(&["card", "replace", "--card", &number(&account), "--by", &number(&next), "--reason", "new"]);
    let (last, back) = till.deal(refund(&sale, 90_00), card).await;
    assert_eq!((back.code(), back.answer.state), (APPROVED, Some(TransactionState::REFUNDED)));
    assert_eq!((shown(&site, card), shown(&site, &next)), ([0, 0, 0], [100_00, 5_00, 0]));
    let (_, undone) = till.deal(reversal(&last), card).await;
    assert_eq!(undone.code(), APPROVED);
    assert_eq!((shown(&site, card), shown(&site, &next)), ([0, 0, 90], [10_00, 5_00, 0]));
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn two_cards_that_race_for_one_account_never_take_more_than_it_has() {
    let site = Site::new();
    let gateway = site.start();
    let Company { till, staff, account } = company(&site, &gateway).await;
    let mut tills = [till, Till::open(&site, &gateway, "T0002").await];
    let mut sent = Vec::new();
    for (till, card) in tills.iter_mut().zip(&staff) {
        let messages: Vec<_> = (0..10).map(|_| till.sign(purchase(card, 7_00), card)).collect();
        for message in &messages {
            till.session.send(message, false).await.expect("sent");
        }
        sent.push(messages);
    }
    let mut sold = 0;
    for (till, messages) in tills.iter_mut().zip(&sent) {
        for frame in frames(&mut till.session, messages.len()).await {
            let answer = protocol::answer::Answer::decode(&frame.body).expect("an answer");
            sold += i64::from(answer.code == APPROVED);
        }
    }
    assert_eq!(sold, 15, "105.00 pays for fifteen");
    assert_eq!(shown(&site, &account)[..2], [0, 0]);
    assert_eq!(shown(&site, &staff[0])[2] + shown(&site, &staff[1])[2], 105);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_lost_card_goes_on_with_its_account_its_limits_and_its_pin_on_another_one() {
    let site = Site::new();
    let gateway = site.start();
    let Company { mut till, staff, account } = company(&site, &gateway).await;
    let card = &staff[0];
    add_to_programme(&site, "daily = { purchase_sum = \"50.00\" }", COMPANY);
    let (sale, sold) = till.deal(purchase(card, 40_00), card).await;
    assert_eq!(sold.code(), APPROVED);
    assert_eq!(till.code(purchase(card, 10_01), card).await, ResponseCode::AMOUNT_LIMIT);
    assert_eq!(till.code(purchase(&staff[1], 50_00), &staff[1]).await, APPROVED, "a day of its own");
    let new = cards(&site, 1).remove(0);
    site.json(&["card", "replace", "--card", &number(card), "--by", &number(&new), "--reason", "lost"]);
    assert_eq!(till.code(purchase(&new, 10_01), &new).await, ResponseCode::AMOUNT_LIMIT);
    let (_, back) = till.deal(void(&sale), &new).await;
    assert_eq!((back.code(), back.answer.card), (APPROVED, Some(new.reference)));
    assert_eq!(balances(&back), [50_00, 5_00, 0]);
    assert_eq!(till.code(purchase(&new, 50_00), &new).await, APPROVED);
    assert_eq!((shown(&site, &account)[..2].to_vec(), shown(&site, &new)), (vec![0, 5_00], [0, 0, 50]));
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn each_card_of_an_account_has_limits_of_its_own_which_the_card_in_its_place_has_too() {
    let site = Site::new();
    let gateway = site.start();
    let Company { mut till, staff, account } = company(&site, &gateway).await;
    let card = &staff[0];
    let ends = [number(card), number(&account)];
    let within = ["--per-day", "20.00", "--per-month", "30.00"];
    let words = [&["card", "bind", "--card", &ends[0], "--account", &ends[1]][..], &within].concat();
    assert!(site.run(&words).status.success());
    assert_eq!(till.code(purchase(card, 20_01), card).await, ResponseCode::AMOUNT_LIMIT);
    let (sold, answer) = till.deal(purchase(card, 20_00), card).await;
    assert_eq!(answer.code(), APPROVED);
    assert_eq!(till.code(purchase(card, 1), card).await, ResponseCode::AMOUNT_LIMIT);
    assert_eq!(till.code(purchase(&staff[1], 20_01), &staff[1]).await, APPROVED, "the other has none");
    assert_eq!(till.code(void(&sold), card).await, APPROVED);
    assert_eq!(till.code(purchase(card, 15_00), card).await, APPROVED);
    // What it has spent, and what it may, goes over to the card in its place.
    let new = &cards(&site, 1)[0];
    site.json(&["card", "replace", "--card", &ends[0], "--by", &number(new), "--reason", "lost"]);
    assert_eq!(till.code(purchase(new, 5_01), new).await, ResponseCode::AMOUNT_LIMIT);
    assert_eq!(till.code(purchase(new, 5_00), new).await, APPROVED);
    // Another day's limit, and the month's that is left.
    let shown = site.json(&["card", "show", "--card", &number(new)]);
    assert_eq!(
        (shown["day_limit_minor"].as_i64(), shown["month_limit_minor"].as_i64()),
        (Some(20_00), Some(30_00))
    );
    let words = ["card", "bind", "--card", &number(new), "--account", &ends[1], "--per-month", "30.00"];
    assert!(site.run(&words).status.success());
    assert_eq!(till.code(purchase(new, 10_01), new).await, ResponseCode::AMOUNT_LIMIT);
    assert_eq!(till.code(purchase(new, 10_00), new).await, APPROVED);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn one_of_the_staff_cannot_take_all_holds_of_the_account() {
    let site = Site::new();
    let gateway = site.start();
    let Company { mut till, staff, account } = company(&site, &gateway).await;
    let (greedy, colleague) = (&staff[0], &staff[1]);
    let mut holds = Vec::new();
    for _ in 0..16 {
        let (hold, answer) = till.deal(authorize(greedy, 1), greedy).await;
        assert_eq!(answer.code(), APPROVED);
        holds.push(hold);
    }
    let refused = ResponseCode::INVALID_TRANSACTION;
    assert_eq!(till.code(authorize(greedy, 1), greedy).await, refused);
    for _ in 0..16 {
        assert_eq!(till.code(authorize(colleague, 1), colleague).await, APPROVED);
    }
    assert_eq!(till.code(authorize(colleague, 1), colleague).await, refused);
    assert_eq!(till.code(authorize(&account, 1), &account).await, APPROVED, "and the company itself");
    assert_eq!(till.code(void(&holds[0]), greedy).await, APPROVED);
    assert_eq!(till.code(authorize(greedy, 1), greedy).await, APPROVED, "one has ended");
    assert_eq!(till.code(authorize(greedy, 1), greedy).await, refused);
    // A card that takes another's place has its holds.
    let by = cards(&site, 1).remove(0);
    site.json(&["card", "replace", "--card", &number(greedy), "--by", &number(&by), "--reason", "lost"]);
    assert_eq!(till.code(authorize(&by, 1), &by).await, refused);
    assert_eq!(holdings(&site, &account).principal, 100_00 - 33, "33 holds of 0.01");
    drop(gateway);
    site.verify();
}
