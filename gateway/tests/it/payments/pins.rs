//! PINs of cards: set, changed, needed, tried, locked, and never told.

use std::collections::BTreeMap;

use protocol::code::ResponseCode;
use protocol::field::Pin;
use protocol::request::RequestSidecar;
use terminal_sim::Card;
use terminal_sim::checked::Checked;
use terminal_sim::message::SignedMessage;

use crate::counter::{cards, frames, holdings, last_index, number, purchase, wire};
use crate::harness::{Gateway, Site};
use crate::hostile::limits::configured;
use crate::till::{
    APPROVED, People, Till, add_to_programme, approved, authorize, capture, change_pin, purchase_quote,
    raise, refund,
};

const RIGHT: &str = "4711";
const WRONG: &str = "4712";
const PIN_FROM_100: &str = "pin = { from = \"100.00\", tries = 3 }";

fn shown(site: &Site, card: &Card) -> (String, u64) {
    let card = site.json(&["card", "show", "--card", &number(card)]);
    (card["pin"].as_str().expect("a word").to_owned(), card["wrong_pins"].as_u64().expect("a number"))
}

pub(super) fn told(answer: &Checked) -> (ResponseCode, Option<u8>) {
    (answer.code(), answer.answer.tries_left)
}

pub(super) const fn wrong(left: u8) -> (ResponseCode, Option<u8>) {
    (ResponseCode::WRONG_PIN, Some(left))
}

/// A card with a PIN and much on it.
async fn with_pin(site: &Site, gateway: &Gateway) -> (Till, Card) {
    let mut till = Till::open(site, gateway, "T0001").await;
    let card = till.sell(site, 1, &[2000_00, 2000_00]).await.remove(0);
    add_to_programme(site, PIN_FROM_100, "");
    let set = People { new_pin: Some(RIGHT), ..People::default() };
    assert_eq!(till.by(set, change_pin(&card), &card).await.1.code(), APPROVED);
    (till, card)
}

/// Two more operators beside the owner.
pub(super) fn operators(site: &Site) {
    site.operators(&["ann", "bob"]);
}

/// `card pin`, by two people.
fn pin_by_two(site: &Site, card: &Card, clear: bool) {
    let number = number(card);
    let mut act = vec!["card", "pin", "--card", &number, "--reason", "passport", "--operator", "ann"];
    act.extend(clear.then_some("--clear"));
    let proposal = site.json(&act)["proposal"].as_u64().expect("a number").to_string();
    site.json(&["act", "confirm", "--number", &proposal, "--operator", "bob"]);
}

#[tokio::test]
async fn a_pin_is_set_changed_with_the_one_before_and_needed_from_its_amount_on() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[2000_00]).await.remove(0);
    let set = |old, new| People { pin: old, new_pin: new, ..People::default() };
    let unused = till.by(set(None, Some(RIGHT)), change_pin(&card), &card).await.1;
    assert_eq!(unused.code(), ResponseCode::NOT_PERMITTED_CARD, "its product has no PIN");
    add_to_programme(&site, PIN_FROM_100, "");
    assert_eq!(till.code(purchase(&card, 99_99), &card).await, APPROVED);
    let unset = till.by(People::pin(RIGHT), purchase(&card, 100_00), &card).await.1;
    assert_eq!(unset.code(), ResponseCode::PIN_NEEDED);
    assert!(unset.answer.detail.expect("a detail").as_str().contains("no PIN is set"));
    assert_eq!(till.code(change_pin(&card), &card).await, ResponseCode::PIN_NEEDED, "no new one");
    let (_, done) = till.by(set(None, Some(RIGHT)), change_pin(&card), &card).await;
    assert_eq!((done.code(), approved(&done)), (APPROVED, Some(0)));
    assert_eq!(shown(&site, &card), ("set".into(), 0));

    for (minor, without) in
        [(99_99, APPROVED), (100_00, ResponseCode::PIN_NEEDED), (100_01, ResponseCode::PIN_NEEDED)]
    {
        assert_eq!(till.code(purchase(&card, minor), &card).await, without, "{minor}");
        assert_eq!(
            till.ask(purchase_quote(&card, minor), &card).await.code(),
            APPROVED,
            "a quote needs none"
        );
        let (_, sold) = till.by(People::pin(RIGHT), purchase(&card, minor), &card).await;
        assert_eq!(sold.code(), APPROVED, "{minor}");
    }
    let (_, unlooked) = till.by(People::pin(WRONG), purchase(&card, 99_99), &card).await;
    assert_eq!((unlooked.code(), shown(&site, &card).1), (APPROVED, 0), "below it nobody looks at a PIN");
    // What a hold comes to counts, not what is added.
    let (held, answer) = till.deal(authorize(&card, 60_00), &card).await;
    assert_eq!(answer.code(), APPROVED);
    assert_eq!(till.code(raise(&card, &held, 40_00), &card).await, ResponseCode::PIN_NEEDED);
    assert_eq!(till.code(raise(&card, &held, 39_99), &card).await, APPROVED);
    let (_, raised) = till.by(People::pin(RIGHT), raise(&card, &held, 1), &card).await;
    assert_eq!(raised.code(), APPROVED);
    assert_eq!(till.code(capture(&held, 100_00), &card).await, APPROVED, "it was asked for before");

    let (_, without) = till.by(set(None, Some("1111")), change_pin(&card), &card).await;
    assert_eq!(told(&without), (ResponseCode::PIN_NEEDED, None));
    let (_, other) = till.by(set(Some(WRONG), Some("1111")), change_pin(&card), &card).await;
    assert_eq!(told(&other), wrong(2));
    let (_, nothing) = till.by(set(Some(WRONG), None), change_pin(&card), &card).await;
    assert_eq!((nothing.code(), shown(&site, &card).1), (ResponseCode::PIN_NEEDED, 1), "no try for nothing");
    let (_, changed) = till.by(set(Some(RIGHT), Some("123456789012")), change_pin(&card), &card).await;
    assert_eq!((changed.code(), shown(&site, &card).1), (APPROVED, 0));
    let (_, old) = till.by(People::pin(RIGHT), purchase(&card, 100_00), &card).await;
    assert_eq!(told(&old), wrong(2));
    let (_, new) = till.by(People::pin("123456789012"), purchase(&card, 100_00), &card).await;
    assert_eq!((told(&new), shown(&site, &card).1), ((APPROVED, None), 0));
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn wrong_pins_lock_a_card_until_two_operators_unlock_it_and_no_restart_does() {
    let site = Site::new();
    let gateway = site.start();
    let (mut till, card) = with_pin(&site, &gateway).await;
    operators(&site);
    for left in [2, 1] {
        let (_, answer) = till.by(People::pin(WRONG), purchase(&card, 100_00), &card).await;
        assert_eq!(told(&answer), wrong(left));
    }
    // A right PIN forgives, whatever else the answer says.
    let (_, short) = till.by(People::pin(RIGHT), purchase(&card, 4999_00), &card).await;
    assert_eq!((short.code(), shown(&site, &card).1), (ResponseCode::NOT_SUFFICIENT_FUNDS, 0));
    for left in [2, 1, 0] {
        let (_, answer) = till.by(People::pin(WRONG), purchase(&card, 100_00), &card).await;
        assert_eq!(told(&answer), wrong(left));
    }
    let locked = (ResponseCode::TOO_MANY_WRONG_PINS, None);
    let index = last_index(&gateway);
    for pin in [WRONG, RIGHT] {
        let (_, answer) = till.by(People::pin(pin), purchase(&card, 100_00), &card).await;
        assert_eq!(told(&answer), locked, "{pin}");
    }
    let change = People { pin: Some(RIGHT), new_pin: Some("1111"), ..People::default() };
    assert_eq!(told(&till.by(change, change_pin(&card), &card).await.1), locked);
    assert_eq!(last_index(&gateway), index + 3, "nobody looked at a PIN, and no try was counted");
    assert_eq!(till.code(purchase(&card, 99_99), &card).await, APPROVED, "what needs none goes on");
    gateway.kill();
    let gateway = site.start();
    let mut till = till.again(&gateway).await;
    let right = |till: &mut Till| till.sign_by(purchase(&card, 100_00), &card, People::pin(RIGHT));
    let message = right(&mut till);
    assert_eq!(told(&till.send(&message).await), locked, "after a restart");

    let number = number(&card);
    let propose = ["card", "pin", "--card", &number, "--reason", "passport", "--operator", "ann"];
    let proposal = site.json(&propose)["proposal"].as_u64().expect("a number").to_string();
    assert!(!site.run(&["act", "confirm", "--number", &proposal, "--operator", "ann"]).status.success());
    let message = right(&mut till);
    assert_eq!(told(&till.send(&message).await), locked, "one person changes nothing");
    site.json(&["act", "confirm", "--number", &proposal, "--operator", "bob"]);
    let message = right(&mut till);
    assert_eq!(till.send(&message).await.code(), APPROVED, "unlocked, with the PIN that it had");

    pin_by_two(&site, &card, true);
    assert_eq!(shown(&site, &card), ("none".into(), 0));
    let message = right(&mut till);
    assert_eq!(till.send(&message).await.code(), ResponseCode::PIN_NEEDED);
    let set = People { new_pin: Some("1111"), ..People::default() };
    assert_eq!(till.by(set, change_pin(&card), &card).await.1.code(), APPROVED, "without one before");
    assert!(!site.run(&["card", "pin", "--card", "9000000000000006", "--reason", "x"]).status.success());
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_cut_connection_gives_no_try_back_and_what_it_asked_is_decided_once() {
    let site = Site::new();
    let gateway = site.start();
    let (mut till, card) = with_pin(&site, &gateway).await;
    for tried in 1..=5_u64 {
        let index = last_index(&gateway);
        let message = till.sign_by(purchase(&card, 100_00), &card, People::pin(WRONG));
        till.session.send(&message, false).await.expect("sent");
        let Till { clerk, session } = till;
        drop(session);
        // A try before the answer, until there is none left to count.
        let entries = if tried <= 3 { 2 } else { 1 };
        for _ in 0..500 {
            if last_index(&gateway) == index + entries {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert_eq!(last_index(&gateway), index + entries, "it is decided without its connection");
        assert_eq!(shown(&site, &card).1, tried.min(3));
        let session = clerk.session(&gateway).await;
        till = Till { clerk, session };
        let again = till.repeat(&message).await;
        let code = if tried <= 3 { ResponseCode::WRONG_PIN } else { ResponseCode::TOO_MANY_WRONG_PINS };
        assert_eq!((again.code(), again.repeat), (code, true));
        assert_eq!(shown(&site, &card).1, tried.min(3), "a repeat is no try");
    }
    let (_, right) = till.by(People::pin(RIGHT), purchase(&card, 100_00), &card).await;
    assert_eq!(right.code(), ResponseCode::TOO_MANY_WRONG_PINS);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_repeat_that_comes_before_the_answer_is_there_gets_that_answer() {
    let site = Site::new();
    let gateway = site.start();
    let (mut till, card) = with_pin(&site, &gateway).await;
    let before = holdings(&site, &card).payable();
    let message = till.sign_by(purchase(&card, 100_00), &card, People::pin(RIGHT));
    for repeat in [false, true] {
        till.session.send(&message, repeat).await.expect("sent");
    }
    let answers = frames(&mut till.session, 2).await;
    let answers: Vec<Checked> =
        answers.iter().map(|frame| till.session.check(frame, &message).expect("an answer")).collect();
    // The one that comes while the PIN is being looked at is told so, and gets the answer when it asks again.
    let busy = answers.iter().filter(|answer| answer.code() == ResponseCode::BUSY).count();
    assert_eq!(answers.iter().filter(|answer| answer.code() == APPROVED).count(), 2 - busy);
    let first = answers.iter().find(|answer| answer.code() == APPROVED).expect("one is decided");
    let again = till.repeat(&message).await;
    assert_eq!((&again.body, again.repeat), (&first.body, true), "decided once");
    assert_eq!(holdings(&site, &card).payable(), before - 100_00);
    assert_eq!(shown(&site, &card).1, 0);
    drop(gateway);
    site.verify();
}

/// The same signed bytes with another PIN beside them.
fn with_other_pin(message: &SignedMessage, card: &Card, pin: &str) -> SignedMessage {
    let sidecar = RequestSidecar { pin: Pin::new(pin), ..card.sidecar() };
    SignedMessage { sidecar: sidecar.encode(), ..message.clone() }
}

#[tokio::test]
async fn a_decided_request_that_comes_again_with_another_pin_gets_its_stored_answer() {
    let site = Site::new();
    let gateway = site.start();
    let (mut till, card) = with_pin(&site, &gateway).await;
    let (no, refused) = till.by(People::pin(WRONG), purchase(&card, 100_00), &card).await;
    let (yes, sold) = till.by(People::pin(RIGHT), purchase(&card, 100_00), &card).await;
    assert_eq!((refused.code(), sold.code()), (ResponseCode::WRONG_PIN, APPROVED));
    let index = last_index(&gateway);
    for (message, first, pin) in [(&no, &refused, RIGHT), (&yes, &sold, WRONG)] {
        for again in
            [with_other_pin(message, &card, pin), SignedMessage { sidecar: Vec::new(), ..message.clone() }]
        {
            let answer = till.repeat(&again).await;
            assert_eq!((&answer.body, answer.repeat), (&first.body, true));
        }
    }
    assert_eq!((last_index(&gateway), shown(&site, &card).1), (index, 0));
}

#[tokio::test]
async fn of_fifty_wrong_pins_from_several_terminals_at_once_no_more_are_looked_at_than_are_allowed() {
    let site = Site::new();
    let gateway = site.start();
    let (till, card) = with_pin(&site, &gateway).await;
    let mut tills = vec![till];
    for name in ["T0002", "T0003", "T0004"] {
        tills.push(Till::open(&site, &gateway, name).await);
    }
    let index = last_index(&gateway);
    let mut codes = BTreeMap::new();
    let mut sent = Vec::new();
    for till in &mut tills {
        let count = till.session.in_flight().min(13);
        let mut messages = BTreeMap::new();
        for guess in 0..count {
            let guess = format!("{:04}", 5000 + guess);
            let message = till.sign_by(purchase(&card, 100_00), &card, People::pin(&guess));
            let correlation = till.session.send(&message, false).await.expect("sent");
            messages.insert(correlation, message);
        }
        sent.push(messages);
    }
    let all: usize = sent.iter().map(BTreeMap::len).sum();
    assert!(all >= 50, "{all} at once");
    for (till, messages) in tills.iter_mut().zip(&sent) {
        for frame in frames(&mut till.session, messages.len()).await {
            let message = &messages[&frame.correlation];
            let mut answer = till.session.check(&frame, message).expect("an answer");
            while answer.code() == ResponseCode::BUSY {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                answer = till.session.exchange(message, false).await.expect("an answer");
            }
            *codes.entry(answer.code().0).or_insert(0_usize) += 1;
        }
    }
    assert_eq!(codes.get(&55), Some(&3), "{codes:?}");
    assert_eq!(codes.get(&75), Some(&(all - 3)), "{codes:?}");
    assert_eq!(shown(&site, &card).1, 3);
    assert_eq!(
        last_index(&gateway),
        index + u64::try_from(all).expect("few") + 3,
        "a try each that was looked at"
    );
    drop(gateway);
    site.verify();
}

/// PINs that wait to be looked at, at once.
const WAITING: usize = 64;
/// More than that, so that as many wait still when some of them are done.
const CROWD: u32 = 160;

#[tokio::test]
async fn while_too_many_pins_wait_one_more_is_told_busy_counts_no_try_and_is_decided_when_it_comes_again() {
    let site = Site::new();
    let gateway = configured(&site, "in_flight = 512");
    let (mut till, card) = with_pin(&site, &gateway).await;
    let others = till.sell(&site, CROWD, &[]).await;
    let lin = site.json(&["cashier", "add", "--name", "LIN", "--supervisor"]);
    let lin = lin["pin"].as_str().expect("a PIN").to_owned();
    let (sold, _) = till.deal(purchase(&card, 50_00), &card).await;
    let allowed = People { supervisor: Some(("LIN", Some(&lin))), ..People::default() };
    let mut crowd = Vec::new();
    for other in &others {
        let set = People { new_pin: Some(RIGHT), ..People::default() };
        crowd.push(till.sign_by(change_pin(other), other, set));
    }
    let late = [
        till.sign_by(purchase(&card, 100_00), &card, People::pin(WRONG)),
        till.sign_by(purchase(&card, 100_00), &card, People::pin(RIGHT)),
        till.sign_by(refund(&sold, 50_00), &card, allowed),
    ];
    let without = till.sign(purchase(&card, 1_00), &card);
    let (index, before) = (last_index(&gateway), holdings(&site, &card).payable());
    let sent: Vec<&SignedMessage> = crowd.iter().chain(&late).chain([&without]).collect();
    till.session.connection.send_raw(&wire(&sent, 1000)).await.expect("sent");
    let mut told = BTreeMap::new();
    for frame in frames(&mut till.session, sent.len()).await {
        let place = usize::try_from(frame.correlation - 1000).expect("few");
        told.insert(place, till.session.check(&frame, sent[place]).expect("an answer"));
    }
    let done = told.values().filter(|answer| answer.code() == APPROVED).count();
    assert!(
        (WAITING + 1..sent.len()).contains(&done),
        "{done} of {} had a place, or needed none",
        sent.len()
    );
    for (place, message) in sent.iter().enumerate() {
        let answer = &told[&place];
        let code = if message.stan == without.stan { APPROVED } else { answer.code() };
        assert_eq!(answer.code(), code, "what has no PIN waits for none");
        if code != APPROVED {
            let detail = answer.answer.detail.map(|detail| detail.as_str().to_owned());
            assert_eq!((code, answer.is_final()), (ResponseCode::BUSY, false), "{detail:?}");
            assert_eq!(detail.as_deref(), Some("too many PINs are being checked"));
        }
    }
    for message in &late {
        let place = sent.iter().position(|sent| sent.stan == message.stan).expect("sent");
        assert_eq!(told[&place].code(), ResponseCode::BUSY, "they came when all places were taken");
    }
    assert_eq!(
        last_index(&gateway),
        index + u64::try_from(done).expect("few"),
        "an entry for each that is done"
    );
    assert_eq!(shown(&site, &card), ("set".into(), 0), "no try was counted");
    assert_eq!(holdings(&site, &card).payable(), before - 1_00);
    // The same bytes again, one after the other.
    for (place, message) in sent.iter().enumerate().filter(|(place, _)| told[place].code() != APPROVED) {
        let answer = till.repeat(message).await;
        let wrong_pin = message.stan == late[0].stan;
        let code = if wrong_pin { ResponseCode::WRONG_PIN } else { APPROVED };
        assert_eq!((answer.code(), answer.repeat), (code, false), "{place}: decided now");
        assert_eq!(answer.answer.tries_left, wrong_pin.then_some(2));
    }
    assert_eq!(holdings(&site, &card).payable(), before - 1_00 - 100_00 + 50_00);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_card_that_takes_anothers_place_has_its_pin_and_its_wrong_tries() {
    let site = Site::new();
    let gateway = site.start();
    let (mut till, card) = with_pin(&site, &gateway).await;
    let spares = cards(&site, 2);
    let replace = |old: &Card, new: &Card| {
        site.json(&["card", "replace", "--card", &number(old), "--by", &number(new), "--reason", "lost"]);
    };
    for left in [2, 1] {
        let (_, answer) = till.by(People::pin(WRONG), purchase(&card, 100_00), &card).await;
        assert_eq!(told(&answer), wrong(left));
    }
    replace(&card, &spares[0]);
    let (_, answer) = till.by(People::pin(WRONG), purchase(&spares[0], 100_00), &spares[0]).await;
    assert_eq!(told(&answer), wrong(0));
    replace(&spares[0], &spares[1]);
    let (_, answer) = till.by(People::pin(RIGHT), purchase(&spares[1], 100_00), &spares[1]).await;
    assert_eq!(answer.code(), ResponseCode::TOO_MANY_WRONG_PINS, "locked it stays");
    operators(&site);
    pin_by_two(&site, &spares[1], false);
    let (_, answer) = till.by(People::pin(RIGHT), purchase(&spares[1], 100_00), &spares[1]).await;
    assert_eq!(answer.code(), APPROVED, "with the PIN that the first one had");
    drop(gateway);
    site.verify();
}

/// `text` in a file's bytes.
fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

fn files(directory: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
}

#[tokio::test]
async fn no_pin_is_in_any_file_and_no_hash_of_one_in_what_is_said() {
    let site = Site::new();
    let talkative = [("RUST_LOG".to_owned(), "trace".to_owned())];
    let gateway = site.start_with(&[], &talkative).expect("the gateway starts");
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[2000_00]).await.remove(0);
    add_to_programme(&site, PIN_FROM_100, "[till.supervisor]\nrefund_from = \"0\"");
    let drawn = site.json(&["cashier", "add", "--name", "LIN", "--supervisor"]);
    let drawn = drawn["pin"].as_str().expect("a PIN").to_owned();
    let pins = ["908172635441", "918273645502", "927364558190", "936455819273"];
    let set = People { new_pin: Some(pins[0]), ..People::default() };
    till.by(set, change_pin(&card), &card).await;
    let (sold, answer) = till.by(People::pin(pins[0]), purchase(&card, 100_00), &card).await;
    assert_eq!(answer.code(), APPROVED);
    till.by(People::pin(pins[1]), purchase(&card, 100_00), &card).await;
    let set = People { pin: Some(pins[0]), new_pin: Some(pins[2]), ..People::default() };
    till.by(set, change_pin(&card), &card).await;
    for pin in [pins[3], &drawn] {
        let allowed = People { supervisor: Some(("LIN", Some(pin))), ..People::default() };
        till.by(allowed, refund(&sold, 1_00), &card).await;
        till.cashier("LIN", pin).await;
    }
    let mut said = vec![site.log()];
    for arguments in
        [&["card", "show", "--card", &number(&card)][..], &["cashier", "list"], &["journal", "verify"]]
    {
        said.push(site.json(arguments).to_string());
    }
    std::fs::create_dir(site.beside("out")).expect("a directory");
    let out = |name: &str| site.beside("out").join(name).to_str().expect("a path").to_owned();
    site.json(&["journal", "export", "--out", &out("journal")]);
    site.json(&["backup", "--out", &out("backup")]);
    drop(gateway);
    let mut found = Vec::new();
    files(&site.data(), &mut found);
    files(&site.beside("out"), &mut found);
    assert!(found.len() > 5, "{found:?}");
    for file in &found {
        let bytes = std::fs::read(file).expect("readable");
        for pin in pins {
            assert!(!contains(&bytes, pin.as_bytes()), "a PIN is in {}", file.display());
        }
    }
    // Effect 20, by its first bytes: the journal has salt and hash, and nobody else is told.
    let journal = std::fs::read(out("journal")).expect("an export");
    let start = [&[0x85, 0x14, 0x1b][..], &card.reference.number().to_be_bytes(), &[0x50]].concat();
    let at = journal.windows(start.len()).position(|window| window == start).expect("the PIN's effect");
    let salt_and_hash = &journal[at + start.len()..][..16 + 2 + 32];
    assert_eq!(salt_and_hash[16..18], [0x58, 0x20]);
    for (what, bytes) in [("salt", &salt_and_hash[..16]), ("hash", &salt_and_hash[18..])] {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        for text in &said {
            assert!(!text.contains(&hex) && !text.contains(&format!("{bytes:?}")), "the {what} was said");
        }
    }
    assert!(said[0].contains("TRACE"), "the log is as talkative as it can be");
    for pin in pins {
        assert!(said.iter().all(|text| !text.contains(pin)), "a PIN was said");
    }
}
