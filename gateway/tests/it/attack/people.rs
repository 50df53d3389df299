//! Attempts by people: holders whom a card no longer has, PINs that are guessed, files that were taken away.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::code::ResponseCode;
use protocol::field::{Flags, Hash, Pin, Text};
use protocol::request::{Body, Header, RequestSidecar, Reserved};
use rusqlite::Connection;
use terminal_sim::checked::Checked;
use terminal_sim::message::SignedMessage;
use terminal_sim::session::Session;
use terminal_sim::{Card, sha256};
use tokio::task::JoinSet;

use crate::counter::{activate, cards, holdings, last_index, load, number, purchase, reversal};
use crate::harness::Site;
use crate::till::{APPROVED, Till, change_programme, purchase_quote, void};

const SALT: &str = "00112233445566778899aabbccddeeff";
const PHONE: &str = "8613800138000";

fn fields(card: &Card, all: &[(u8, &str)]) -> RequestSidecar {
    let field = |(number, text): &(u8, &str)| (*number, text.parse::<Text<64>>().expect("a field"));
    RequestSidecar { personal: all.iter().map(field).collect(), ..card.sidecar() }
}

/// A message that registers the holder whom the fields beside it are of.
fn registers(till: &mut Till, body: Body, sidecar: &RequestSidecar) -> SignedMessage {
    let commitment = Hash(sha256(&[&sidecar.personal_bytes().expect("personal fields")]));
    let reserved = Reserved { personal_commitment: Some(commitment), ..Reserved::default() };
    till.sign_with(body, sidecar, |header| Header { reserved: Some(Box::new(reserved)), ..header })
}

async fn found(till: &mut Till, phone: &str) -> (ResponseCode, usize) {
    let personal: BTreeMap<u8, Text<64>> = [(1, phone.parse().expect("a phone number"))].into();
    let sidecar = RequestSidecar { personal, ..RequestSidecar::default() };
    let question = till.session.question(Body::CardLookup, &sidecar).expect("a question");
    let answer = till.session.exchange(&question, false).await.expect("an answer");
    (answer.code(), answer.answer.cards.as_ref().map_or(0, |cards| cards.as_slice().len()))
}

#[tokio::test]
async fn a_card_whose_sale_was_undone_is_nobodys_when_the_next_one_gets_it() {
    let site = Site::new();
    let gateway = site.start();
    change_programme(&site, "hold_hours = 168 ", "real_name_above = \"100.00\"\nhold_hours = 168 ");
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let all = cards(&site, 2);
    for (card, undo) in all.iter().zip([void as fn(&SignedMessage) -> Body, reversal]) {
        let wang = fields(card, &[(0, SALT), (1, PHONE)]);
        let sold = registers(&mut till, activate(card), &wang);
        assert_eq!(till.send(&sold).await.code(), APPROVED);
        assert_eq!(found(&mut till, PHONE).await, (APPROVED, 1));
        assert_eq!(till.code(undo(&sold), card).await, APPROVED);
        assert_eq!(found(&mut till, PHONE).await.0, ResponseCode::CARD_NOT_ACCEPTED, "it is not Wang's");
        // The next customer says no name, and gets no more than somebody without one.
        assert_eq!(till.code(activate(card), card).await, APPROVED);
        assert_eq!(till.code(load(card, 100_01), card).await, ResponseCode::NOT_PERMITTED_CARD);
        assert_eq!(found(&mut till, PHONE).await.0, ResponseCode::CARD_NOT_ACCEPTED);
        assert!(!site.run(&["member", "show", "--card", &number(card)]).status.success(), "nor is it shown");
        site.json(&["member", "erase", "--card", &number(card), "--reason", "sold to nobody"]);
    }
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn what_is_not_recorded_registers_nobody_and_what_is_too_long_or_no_text_is_refused() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = &cards(&site, 1)[0];
    let long = "n".repeat(64);
    let wang = fields(card, &[(0, SALT), (1, PHONE), (2, &long), (255, &long)]);
    let first = registers(&mut till, activate(card), &wang);
    // Control characters have no place in a text; more bytes have none either.
    for (at, text) in [(2, "a\nb"), (2, "\u{1b}[31m"), (2, "\u{7f}"), (4, "\u{0}")] {
        assert!(text.parse::<Text<64>>().is_err(), "{at}: {text:?}");
    }
    let raw = |text: &str| {
        // { 1: secret, 10: { 2: text } }
        let secret = card.secret.expose();
        let mut bytes = vec![0xA2, 0x01, 0x74];
        bytes.extend(secret.as_bytes());
        bytes.extend([0x0A, 0xA1, 0x02, 0x78, u8::try_from(text.len()).expect("short")]);
        bytes.extend(text.as_bytes());
        bytes
    };
    let index = last_index(&gateway);
    for text in [format!("{long}n"), format!("{}\u{7}", &long[..40]), format!("{}\u{85}", &long[..40])] {
        let bad = SignedMessage { sidecar: raw(&text), ..first.clone() };
        assert_eq!(till.send(&bad).await.code(), ResponseCode::FORMAT_ERROR, "{text:?}");
    }
    assert_eq!(last_index(&gateway), index);
    // No space for loads: nothing is recorded, and nobody is found.
    assert!(gateway.stop().success());
    std::fs::write(site.data().join("gateway.toml"), format!("stop_loads_below_mib = {}\n", 1_u64 << 40))
        .expect("a configuration");
    let gateway = site.start();
    let mut till = till.again(&gateway).await;
    assert_eq!(till.send(&first).await.code(), ResponseCode::NOT_TAKING_MONEY);
    assert_eq!(found(&mut till, PHONE).await.0, ResponseCode::CARD_NOT_ACCEPTED);
    let rows = |site: &Site| -> i64 {
        let members = Connection::open(site.data().join("members.db")).expect("open");
        members.query_row("SELECT count(*) FROM member", [], |row| row.get(0)).expect("a count")
    };
    assert_eq!(rows(&site), 0);
    assert!(gateway.stop().success());
    std::fs::remove_file(site.data().join("gateway.toml")).expect("removed");
    let gateway = site.start();
    let mut till = till.again(&gateway).await;
    // The same bytes with other fields beside them are refused, and nothing is kept.
    let li = fields(card, &[(0, SALT), (1, "8613800138001")]);
    let other = SignedMessage { sidecar: li.encode(), ..first.clone() };
    assert_eq!(till.send(&other).await.code(), ResponseCode::FORMAT_ERROR);
    assert_eq!(rows(&site), 0);
    assert_eq!(till.send(&first).await.code(), APPROVED);
    // Decided before: what comes beside it now is not looked at, and takes nobody's place.
    let again = till.repeat(&other).await;
    assert_eq!((again.code(), again.repeat), (APPROVED, true));
    assert_eq!(found(&mut till, "8613800138001").await.0, ResponseCode::CARD_NOT_ACCEPTED);
    assert_eq!(found(&mut till, PHONE).await, (APPROVED, 1));
    // A card that is blocked is found; it authorises nothing.
    site.json(&["card", "block", "--card", &number(card), "--reason", "lost"]);
    assert_eq!(found(&mut till, PHONE).await, (APPROVED, 1));
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_gateway_says_what_is_wrong_with_its_file_of_holders() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = &cards(&site, 1)[0];
    let wang = fields(card, &[(0, SALT), (1, PHONE)]);
    let sold = registers(&mut till, activate(card), &wang);
    assert_eq!(till.send(&sold).await.code(), APPROVED);
    assert!(gateway.stop().success());
    let file = site.data().join("members.db");
    let kept = std::fs::read(&file).expect("a file");
    let fails = |words: &[&str]| {
        let before = site.log().len();
        let done = site.start_with(&[], &[]).expect_err("the gateway does not start");
        let said = &done.stderr[before..];
        assert!(!done.status.success());
        for word in words {
            assert!(said.contains(word), "no {word:?} in: {said}");
        }
    };
    let newer = Connection::open(&file).expect("open");
    newer.pragma_update(None, "user_version", 2).expect("set");
    drop(newer);
    fails(&["members.db", "schema 2"]);
    std::fs::write(
        &file,
        b"This is no database at all, and it is long enough to be read as one. ".repeat(20),
    )
    .expect("written");
    fails(&["members.db"]);
    std::fs::write(&file, &kept).expect("written");

    // The key is gone, or another one's: what is there could not be read, and what came would be kept under another key.
    let key = site.data().join("keys/member.key");
    let secret = std::fs::read(&key).expect("a key");
    std::fs::remove_file(&key).expect("removed");
    fails(&["members"]);
    assert!(!key.exists(), "no new one takes its place");
    std::fs::write(&key, &secret).expect("written");

    let gateway = site.start();
    let mut till = till.again(&gateway).await;
    assert_eq!(found(&mut till, PHONE).await, (APPROVED, 1));
    drop(gateway);
    // A file that is not there is made anew: the journal has all money, and only the look-up is lost.
    std::fs::remove_file(&file).expect("removed");
    let gateway = site.start();
    let mut till = till.again(&gateway).await;
    assert_eq!(found(&mut till, PHONE).await.0, ResponseCode::CARD_NOT_ACCEPTED);
    assert_eq!(till.code(load(card, 10_00), card).await, APPROVED);
    drop(gateway);
    site.verify();
}

fn pin(digits: &str) -> Option<Pin> {
    Pin::new(digits)
}

/// A purchase with a PIN beside it.
fn paying(till: &mut Till, card: &Card, digits: &str) -> SignedMessage {
    let sidecar = RequestSidecar { pin: pin(digits), ..card.sidecar() };
    till.sign_with(purchase(card, 1_00), &sidecar, |header| Header { flags: Some(Flags::PIN_USED), ..header })
}

/// Sends a message until it is not told that a PIN is being looked at.
async fn insist(session: &mut Session, message: &SignedMessage) -> Checked {
    loop {
        let answer = session.exchange(message, false).await.expect("an answer");
        if answer.code() != ResponseCode::BUSY {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_pin_is_guessed_as_often_as_the_programme_says_at_however_many_tills() {
    let site = Site::new();
    let gateway = site.start();
    change_programme(&site, "hold_hours = 168 ", "pin = { from = \"0.01\", tries = 3 }\nhold_hours = 168 ");
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let mut beside = Till::open(&site, &gateway, "T0002").await;
    let card = &till.sell(&site, 1, &[50_00]).await[0];
    let set = RequestSidecar { new_pin: pin("9182"), ..card.sidecar() };
    let change = till.sign_with(Body::ChangePin { card: card.reference }, &set, |header| header);
    assert_eq!(till.send(&change).await.code(), APPROVED);

    let before = last_index(&gateway);
    // The same signed bytes over and over, with another PIN each time, at once and on many connections; and at another till.
    let one = paying(&mut till, card, "0000");
    let mut guesses = JoinSet::new();
    for number in 0..10_u32 {
        let digits = format!("{number:04}");
        let sidecar = RequestSidecar { pin: pin(&digits), ..card.sidecar() };
        let copy = SignedMessage { sidecar: sidecar.encode(), ..one.clone() };
        let mut session = till.clerk.session(&gateway).await;
        guesses.spawn(async move { insist(&mut session, &copy).await });
        let other = paying(&mut beside, card, &digits);
        let mut session = beside.clerk.session(&gateway).await;
        guesses.spawn(async move { insist(&mut session, &other).await });
    }
    let answers: Vec<Checked> = guesses.join_all().await;
    let with = |code: ResponseCode| answers.iter().filter(|answer| answer.code() == code).count();
    let (wrong, locked) = (with(ResponseCode::WRONG_PIN), with(ResponseCode::TOO_MANY_WRONG_PINS));
    assert_eq!(wrong + locked, 20, "nobody was paid");
    // One entry for what was decided under each of the eleven STANs, and one for each try.
    assert_eq!(last_index(&gateway) - before, 11 + 3, "three PINs were looked at");
    // The right one comes too late, the same bytes included; and a quote tells nothing of it.
    let late = paying(&mut till, card, "9182");
    assert_eq!(till.send(&late).await.code(), ResponseCode::TOO_MANY_WRONG_PINS);
    let sidecar = RequestSidecar { pin: pin("9182"), ..card.sidecar() };
    let copy = SignedMessage { sidecar: sidecar.encode(), ..one };
    assert_ne!(till.repeat(&copy).await.code(), APPROVED);
    assert_eq!(till.ask(purchase_quote(card, 1_00), card).await.code(), APPROVED);
    gateway.kill();
    let gateway = site.start();
    let mut till = till.again(&gateway).await;
    let late = paying(&mut till, card, "9182");
    assert_eq!(
        till.send(&late).await.code(),
        ResponseCode::TOO_MANY_WRONG_PINS,
        "a restart gives no try back"
    );
    assert_eq!(holdings(&site, card).principal, 50_00);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_holder_is_shown_and_erased_by_the_card_that_took_the_registered_ones_place() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let all = cards(&site, 4);
    let wang = fields(&all[0], &[(0, SALT), (1, PHONE)]);
    let sold = registers(&mut till, activate(&all[0]), &wang);
    assert_eq!(till.send(&sold).await.code(), APPROVED);
    let mut beside = wang.clone();
    beside.secret = Some(all[3].secret.clone());
    let other = registers(&mut till, activate(&all[3]), &beside);
    assert_eq!(till.send(&other).await.code(), APPROVED);
    let digits: Vec<String> = all.iter().map(number).collect();
    for (old, new) in [(0, 1), (1, 2)] {
        site.json(&["card", "replace", "--card", &digits[old], "--by", &digits[new], "--reason", "lost"]);
    }
    assert_eq!(found(&mut till, PHONE).await, (APPROVED, 2));
    // The person has the last card in hand, and knows no other.
    let shown = site.json(&["member", "show", "--card", &digits[2]]);
    assert_eq!(shown["fields"]["phone"].as_str(), Some(PHONE));
    site.json(&["member", "erase", "--card", &digits[2], "--reason", "asked for it"]);
    assert_eq!(found(&mut till, PHONE).await, (APPROVED, 1), "the other card is another registration");
    for at in [0, 1, 2] {
        assert!(!site.run(&["member", "show", "--card", &digits[at]]).status.success(), "card {at}");
    }
    let shown = site.json(&["member", "show", "--card", &digits[3]]);
    assert_eq!(shown["fields"]["phone"].as_str(), Some(PHONE));
    drop(gateway);
    site.verify();
}
