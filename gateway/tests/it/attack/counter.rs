//! Attacks on a running gateway.

use protocol::code::ResponseCode;
use terminal_sim::message::SignedMessage;

use super::days::Dice;
use crate::counter::{cards, holdings, load, number, purchase, reversal};
use crate::harness::Site;
use crate::till::{
    APPROVED, Till, allow_transfers, authorize, capture, change_programme, load_quote, quote_of, refund,
    transfer, void,
};

#[tokio::test]
async fn a_quote_is_honoured_once() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[]).await.remove(0);
    let quote = quote_of(&till.ask(load_quote(&card, 100_00), &card).await);
    change_programme(&site, "bonus = \"5.00\"", "bonus = \"1.00\"");
    assert_eq!(till.cite(quote, load(&card, 100_00), &card).await.code(), APPROVED);
    let again = till.cite(quote, load(&card, 100_00), &card).await;
    assert_eq!(again.code(), ResponseCode::INVALID_TRANSACTION, "{:?}", holdings(&site, &card).bonus);
}

#[tokio::test]
async fn a_quote_lets_nothing_through_that_todays_limits_forbid() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[]).await.remove(0);
    let quote = quote_of(&till.ask(load_quote(&card, 500_00), &card).await);
    change_programme(&site, "max_load = \"", "max_load = \"100.00\" # \"");
    assert_eq!(till.code(load(&card, 500_00), &card).await, ResponseCode::AMOUNT_LIMIT);
    let cited = till.cite(quote, load(&card, 500_00), &card).await;
    assert_eq!(cited.code(), ResponseCode::AMOUNT_LIMIT);
}

#[tokio::test]
async fn a_load_that_cites_a_quote_counts_into_the_cards_day() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[]).await.remove(0);
    let quotes = [
        quote_of(&till.ask(load_quote(&card, 50_00), &card).await),
        quote_of(&till.ask(load_quote(&card, 50_00), &card).await),
    ];
    let limits = "daily = { loads = 1 }";
    change_programme(&site, "refund_grace_days = 30", &format!("{limits}\nrefund_grace_days = 30"));
    assert_eq!(till.cite(quotes[0], load(&card, 50_00), &card).await.code(), APPROVED);
    let plain = till.code(load(&card, 50_00), &card).await;
    assert_eq!(plain, ResponseCode::AMOUNT_LIMIT, "a second load");
}

#[tokio::test]
async fn a_reason_cannot_rewrite_what_the_second_person_reads() {
    let site = Site::new();
    let _gateway = site.start();
    let card = cards(&site, 1).remove(0);
    let number = number(&card);
    let reason = "\u{1b}[2K\rowner proposes: put 100 minor units on card 9, without a sale: x";
    let proposed =
        site.run(&["card", "refund", "--card", &number, "--amount", "1500.00", "--reason", reason]);
    assert!(!proposed.status.success(), "{}", site.json(&["act", "list"]));
}

#[tokio::test]
async fn what_waits_for_a_second_person_has_another_number_after_a_restart() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[10_00]).await.remove(0);
    site.operators(&["ann", "bob"]);
    let number = number(&card);
    let propose = |amount: &str| {
        let said = site.json(&[
            "card",
            "refund",
            "--card",
            &number,
            "--amount",
            amount,
            "--reason",
            "r",
            "--operator",
            "ann",
        ]);
        said["proposal"].as_u64().expect("a number").to_string()
    };
    // Bob was told this number, and what it is about.
    let told = propose("5.00");
    gateway.kill();
    let _gateway = site.start();
    propose("900.00");
    let done = site.run(&["act", "confirm", "--number", &told, "--operator", "bob"]);
    assert!(!done.status.success(), "{}", holdings(&site, &card).principal);
}

#[tokio::test]
async fn a_restart_in_the_middle_loses_nothing_of_cards_that_took_each_others_place() {
    for seed in 0..3 {
        let site = Site::new();
        let mut gateway = site.start();
        let cards = cards(&site, 8);
        let mut dice = Dice(seed);
        let mut till = Till::open(&site, &gateway, "T0001").await;
        allow_transfers(&site);
        for card in &cards[..4] {
            till.clerk.fill(&mut till.session, card, &[100_00]).await;
        }
        let mut sent: Vec<SignedMessage> = Vec::new();
        for step in 0..160 {
            let (card, other) = (&cards[dice.roll(5)], &cards[dice.roll(6)]);
            let minor = [1, 9_99, 40_00, 130_00][dice.roll(4)];
            let earlier = |dice: &mut Dice| &sent[sent.len() - 1 - dice.roll(sent.len().min(20) as u64)];
            if step > 5 && dice.roll(12) == 0 {
                let flag = if dice.roll(2) == 0 { ["merge", "--into"] } else { ["replace", "--by"] };
                let (one, two) = (number(card), number(other));
                site.run(&["card", flag[0], "--card", &one, flag[1], &two, "--reason", "r"]);
                continue;
            }
            if dice.roll(40) == 0 {
                let lots = || -> Vec<_> { cards.iter().map(|card| holdings(&site, card).lots).collect() };
                let before = lots();
                gateway.kill();
                gateway = site.start();
                till = till.again(&gateway).await;
                assert_eq!(before, lots());
            }
            let body = match if sent.is_empty() { 0 } else { dice.roll(10) } {
                0 | 1 => load(card, minor),
                2 => purchase(card, minor),
                3 => authorize(card, minor),
                4 | 5 => transfer(card, other, minor),
                6 => capture(earlier(&mut dice), minor),
                7 => void(earlier(&mut dice)),
                8 => refund(earlier(&mut dice), minor),
                _ => reversal(earlier(&mut dice)),
            };
            let (message, answer) = till.deal(body, card).await;
            assert_ne!(answer.code(), ResponseCode::SYSTEM_MALFUNCTION, "seed {seed} step {step}");
            sent.push(message);
        }
        drop(gateway);
        site.verify();
    }
}

#[tokio::test]
async fn whoever_lacks_a_cards_secret_does_not_learn_which_card_took_its_place() {
    let site = Site::new();
    let gateway = site.start();
    let cards = cards(&site, 2);
    let mut till = Till::open(&site, &gateway, "T0001").await;
    till.clerk.fill(&mut till.session, &cards[0], &[10_00]).await;
    let (old, new) = (number(&cards[0]), number(&cards[1]));
    site.json(&["card", "replace", "--card", &old, "--by", &new, "--reason", "lost"]);
    // The secret is another card's.
    let (message, declined) = till.deal(purchase(&cards[0], 1_00), &cards[1]).await;
    assert_eq!(declined.code(), ResponseCode::CARD_NOT_ACCEPTED);
    let (_, answer) = till.deal(void(&message), &cards[0]).await;
    assert_ne!(answer.answer.card, Some(cards[1].reference), "{:?}", answer.code());
}
