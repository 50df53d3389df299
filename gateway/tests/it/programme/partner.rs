//! Partner match (LOYALTY C9): a partner's tier is honoured by its signed statement, once, until a day, beside what is earned here.

use proptest::prelude::*;

use gateway::domain::act::{Act, Drawn, Place, decide_act};
use gateway::domain::partner_match::Claim;
use gateway::domain::refusal::Refusal;
use gateway::domain::tier_review::review;
use gateway::domain::{CardStatus, Effect, State};
use gateway::keys::{SigningKey, hex, pem, spki_in};
use gateway::programme_file::{DEFAULT, parse};
use gateway::statement::{issued, verified};
use protocol::request::Body;

use super::book::{Book, DAY, reference};
use super::tiers::{LADDER, with};
use crate::bench::apply;
use crate::counter::{number, purchase};
use crate::harness::{Site, run};
use crate::till::{APPROVED, Till, put_in_force, refund};
use crate::timekeeping::Machine;

/// A public key of nobody here.
const KEY: &str = "302a300506032b6570032100d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

fn partner(key: &str) -> String {
    format!(
        "[[partner]]\nname = \"Sea Hotel\"\npublic_key = '''{key}'''\nhonours = {{ gold = \"gold\", silver = \"silver\" }}\nmost_months = 6\n"
    )
}

fn claim(tier: &str, until: i64, number: u8) -> Claim {
    Claim { issuer: "Sea Hotel".into(), hash: [number; 32], tier: tier.into(), issued: 0, until }
}

/// A book whose programme honours the partner's tiers.
fn book(tiers: &str) -> Book {
    let mut book = Book::new("");
    let document = format!(
        "{}\n{LADDER}\n{}\n{tiers}",
        DEFAULT.replace("[product.standard]", "[product.p]"),
        partner(KEY)
    );
    book.programme = parse(&document).unwrap_or_else(|problems| panic!("{problems:?}"));
    book
}

fn matched(book: &Book, claim: Option<&Claim>) -> Result<Vec<Effect>, Refusal> {
    let act = Act::MemberMatch { card: reference(0), partner: "Sea Hotel".into(), statement: Vec::new() };
    let place = Place { merchant: "M", store: "S", index: 1, about: None };
    decide_act(&book.state, &book.programme, &act, Drawn { claim, ..Drawn::default() }, place, book.now)
}

fn honour(book: &mut Book, claim: &Claim) {
    let effects = matched(book, Some(claim)).expect("it is honoured");
    apply(&mut book.state, &effects).expect("it fits");
}

fn look(book: &mut Book) {
    let state: &mut State = &mut book.state;
    let Some(member) = state.members.get(&reference(0)) else { return };
    if let Some(reviewed) = review(&book.programme, reference(0), member, book.now) {
        apply(state, &reviewed.effects).expect("it fits");
        let member = &state.members[&reference(0)];
        assert_eq!(review(&book.programme, reference(0), member, book.now), None, "a second look");
    }
}

fn count(book: &mut Book, spent: i64) {
    look(book);
    for effect in
        gateway::domain::programme::Measure::Spent.count(reference(0), spent, book.now.business_date)
    {
        book.state.apply(&effect).expect("it fits");
    }
    look(book);
}

fn tier(book: &Book) -> (String, Option<i64>) {
    let nobody = gateway::domain::Member::default();
    let member = book.state.members.get(&reference(0)).unwrap_or(&nobody);
    let held = book.programme.tiers.held(member);
    let key = book.programme.tiers.of(member).map(|tier| tier.key.clone()).unwrap_or_default();
    (key, held.and_then(|held| held.until))
}

#[test]
fn it_is_honoured_until_the_statement_or_the_programme_ends_it_whichever_is_first() {
    let now = book("").now.s();
    // 1 March 2027 and six months: to the end of 1 September, 4:00 on the 2nd in Shanghai.
    let most = now - 12 * 3600 + 184 * DAY + 28 * 3600;
    for (until, held) in [(now + 1, now + 1), (most - 1, most - 1), (most, most), (most + 1, most)] {
        let mut book = book("");
        honour(&mut book, &claim("gold", until, 1));
        assert_eq!(tier(&book), ("gold".into(), Some(held)));
        for (at, key) in [(held - 1, "gold"), (held, "regular"), (held + 1, "regular")] {
            book.clock(at);
            let before = book.state.members[&reference(0)].clone();
            assert_eq!(before.due(), Some(held), "the sweep finds it");
            look(&mut book);
            assert_eq!(tier(&book).0, key, "{}", at - held);
            book.state.members.insert(reference(0), before);
        }
        look(&mut book);
        assert!(book.state.members[&reference(0)].counters.is_empty(), "nothing stays of it");
    }
}

#[test]
fn what_a_statement_must_be() {
    let mut held = book("");
    let now = held.now.s();
    let refused = |book: &Book, claim: Option<&Claim>| matched(book, claim).expect_err("refused").to_string();
    let says = |book: &Book, claim: &Claim, words: &str| {
        let said = refused(book, Some(claim));
        assert!(said.contains(words), "{said}");
    };
    assert!(refused(&held, None).contains("not verified"));
    says(&held, &Claim { issuer: "Hill Hotel".into(), ..claim("gold", now + DAY, 1) }, "not verified");
    says(&held, &claim("gold", now, 1), "over");
    says(&held, &claim("diamond", now + DAY, 1), "does not honour");
    says(&held, &Claim { issued: now + 3601, ..claim("gold", now + DAY, 1) }, "in the future");
    held.now.certain = false;
    says(&held, &claim("gold", now + DAY, 1), "in doubt");
    held.now.certain = true;
    held.state.cards.get_mut(&reference(0)).expect("a card").status = CardStatus::Blocked;
    says(&held, &claim("gold", now + DAY, 1), "blocked");
    held.state.cards.get_mut(&reference(0)).expect("a card").status = CardStatus::Active;
    honour(&mut held, &Claim { issued: now + 3600, ..claim("gold", now + DAY, 1) });
    says(&held, &claim("gold", now + 2 * DAY, 1), "has been used");
    for (tier, until) in [("gold", now + DAY), ("silver", now + DAY), ("gold", now + DAY - 1)] {
        says(&held, &claim(tier, until, 2), "as high a tier already");
    }
    honour(&mut held, &claim("gold", now + DAY + 1, 2));
    assert_eq!(tier(&held), ("gold".into(), Some(now + DAY + 1)));
    honour(&mut held, &claim("silver", now + 9 * DAY, 3));
    assert_eq!(tier(&held).0, "gold", "the higher one");
    held.clock(now + 2 * DAY);
    look(&mut held);
    assert_eq!(tier(&held), ("silver".into(), Some(now + 9 * DAY)));
}

#[test]
fn it_lowers_nothing_and_what_is_earned_meanwhile_is_left() {
    let mut book = book("[tiers]\nlasts_months = 12");
    let now = book.now.s();
    count(&mut book, 20_00);
    assert_eq!(tier(&book).0, "silver");
    honour(&mut book, &claim("gold", now + 30 * DAY, 1));
    assert_eq!(tier(&book), ("gold".into(), Some(now + 30 * DAY)));
    let own = |book: &Book| book.state.members[&reference(0)].standing.tier.clone().map(|held| held.tier);
    assert_eq!(own(&book).as_deref(), Some("silver"));
    // A refund takes what was earned, and not what the partner said.
    count(&mut book, -1);
    assert_eq!((tier(&book).0.as_str(), own(&book)), ("gold", None));
    count(&mut book, 30_01);
    assert_eq!(own(&book).as_deref(), Some("gold"));
    assert!(tier(&book).1 > Some(now + 300 * DAY), "its own lasts longer");
    book.clock(now + 30 * DAY);
    look(&mut book);
    assert_eq!((tier(&book).0.as_str(), own(&book).as_deref()), ("gold", Some("gold")));
    let said = matched(&book, Some(&claim("silver", now + 60 * DAY, 2))).expect_err("refused");
    assert_eq!(said, Refusal::NoHigher);
}

proptest! {
    /// Looked at daily, or only when something is counted: the same, with a match in between.
    #[test]
    fn a_match_makes_no_difference_to_what_is_earned(
        events in prop::collection::vec((1..200_i64, 1..60_00_i64), 1..6), lasts in 1..300_i64, at in 0..6_usize,
    ) {
        let tiers = "[tiers]\nlasts_months = 3\ndowngrade = \"one-step\"\ngrace_days = 5";
        let (mut daily, mut seldom, mut without) = (book(tiers), book(tiers), book(tiers));
        for (turn, (days, spent)) in events.into_iter().enumerate() {
            for _ in 0..days {
                daily.clock(daily.now.s() + DAY);
                look(&mut daily);
            }
            for book in [&mut seldom, &mut without] {
                book.clock(book.now.s() + days * DAY);
                look(book);
            }
            if turn == at {
                let claim = claim("gold", daily.now.s() + lasts * DAY, 1);
                if matched(&daily, Some(&claim)).is_ok() {
                    honour(&mut daily, &claim);
                    honour(&mut seldom, &claim);
                }
            }
            for book in [&mut daily, &mut seldom, &mut without] {
                count(book, spent);
            }
            prop_assert_eq!(&daily.state, &seldom.state);
            let own = |book: &Book| book.state.members[&reference(0)].standing.clone();
            prop_assert_eq!(own(&daily), own(&without));
        }
    }
}

#[test]
fn a_key_is_read_as_pem_or_hex_and_a_statement_by_its_own_key_alone() {
    let (key, other) = (SigningKey::generate().expect("a key"), SigningKey::generate().expect("a key"));
    for text in [pem(&key.spki()), hex(&key.spki()), format!("{}\n", hex(&key.spki()))] {
        assert_eq!(spki_in(&text), Some(key.spki()), "{text}");
    }
    for text in [KEY, "00", "", "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n"] {
        assert_eq!(spki_in(text).is_some(), text == KEY, "{text}");
    }
    let public = |key: &SigningKey| gateway::keys::PublicKey::from_spki(&key.spki()).expect("a key");
    let statement =
        issued(&key, ("Sea Hotel", [7; 32]), "gold", (1_800_000_000, 1_830_000_000)).expect("fits");
    let (said, hash) = verified(&statement, &public(&key)).expect("signed");
    assert_eq!((said.tier.as_str(), said.until.get()), ("gold", 1_830_000_000));
    assert!(verified(&statement, &public(&other)).is_err());
    for at in 0..statement.len() {
        let mut broken = statement.clone();
        broken[at] ^= 1;
        assert!(verified(&broken, &public(&key)).is_err(), "byte {at}");
    }
    // Signed again it is the same statement, whatever the signature.
    let again = issued(&key, ("Sea Hotel", [7; 32]), "gold", (1_800_000_000, 1_830_000_000)).expect("fits");
    assert_ne!(again, statement);
    assert_eq!(verified(&again, &public(&key)).expect("signed").1, hash);
    assert_eq!(issued(&key, (&"x".repeat(33), [7; 32]), "gold", (1, 2)), None);
}

#[tokio::test]
async fn a_partner_states_a_tier_that_is_honoured_here_once_and_until_its_day() {
    // The partner is a gateway of its own.
    let hotel = Site::new();
    let gateway = hotel.start();
    put_in_force(
        &hotel,
        &with("[tiers]\nlasts_months = 12").replace("name = \"Default\"", "name = \"Sea Hotel\""),
    );
    let mut till = Till::open(&hotel, &gateway, "T0001").await;
    let guests = till.sell(&hotel, 2, &[200_00]).await;
    assert_eq!(till.code(purchase(&guests[0], 50_00), &guests[0]).await, APPROVED);
    let path = |site: &Site, name: &str| site.beside(name).to_str().expect("a path").to_owned();
    let (gold, key) = (path(&hotel, "gold.cose"), path(&hotel, "hotel.pem"));
    let stated = hotel.json(&["member", "statement", &number(&guests[0]), "--out", &gold]);
    assert_eq!((stated["issuer"].as_str(), stated["tier"].as_str()), (Some("Sea Hotel"), Some("gold")));
    hotel.json(&["member", "statement", "--key-out", &key]);
    let none = hotel.run(&["member", "statement", &number(&guests[1]), "--out", &path(&hotel, "none")]);
    assert!(none.stderr.contains("no tier to state"), "{}", none.stderr);
    let over = hotel.run(&["member", "statement", &number(&guests[0]), "--out", &gold]);
    assert!(!over.status.success(), "it is not written over");
    drop(gateway);

    let machine = Machine::new();
    let site = &machine.site;
    let gateway = machine.start();
    // Anybody verifies it with the key alone: there is no data in that folder.
    let nowhere = site.beside("nowhere");
    let seen = run(&nowhere, &["member", "statement", "--verify", &gold, "--key", &key]);
    assert_eq!(
        (seen.json["ok"].as_bool(), &seen.json["until"]),
        (Some(true), &stated["until"]),
        "{}",
        seen.stderr
    );
    assert!(!std::fs::read_to_string(&gold).is_ok_and(|text| text.contains(&number(&guests[0]))));
    let ours = path(site, "ours.pem");
    site.json(&["member", "statement", "--key-out", &ours]);
    let other = run(&nowhere, &["member", "statement", "--verify", &gold, "--key", &ours]);
    assert_eq!(other.status.code(), Some(1));
    assert!(other.stderr.contains("not by that key"), "{}", other.stderr);

    let price = "[[price]]\nrule = \"gold-price\"\noff = \"10%\"\nwhen = { tiers = [\"gold\"] }\n";
    let rules = format!("{}{price}", partner(&std::fs::read_to_string(&key).expect("a key")));
    put_in_force(site, &with(&rules));
    let mut till = Till::open(site, &gateway, "T0001").await;
    let cards = till.sell(site, 2, &[200_00]).await;
    let by = number(&cards[0]);
    let honour = |card: &str, partner: &str, file: &str| {
        site.run(&["member", "match", card, "--partner", partner, "--statement", file])
    };
    assert!(honour(&by, "Hill Hotel", &gold).stderr.contains("no [[partner]]"));
    assert!(honour(&by, "Sea Hotel", &ours).stderr.contains("not a statement"));
    assert!(honour(&by, "Sea Hotel", &gold).status.success());
    assert!(honour(&number(&cards[1]), "Sea Hotel", &gold).stderr.contains("has been used"));
    let shown = site.json(&["card", "show", "--card", &by])["member"]["matched"].clone();
    assert_eq!(shown[0]["tier"], "gold");
    assert!(shown[0]["until"].as_i64() < stated["until"].as_i64(), "six months at most");
    let inquiry = Body::MemberInquiry { card: cards[0].reference, after: None };
    let told = |answer: &terminal_sim::checked::Checked| {
        answer.answer.tier.as_ref().map(|tier| (tier.tier.as_str().to_owned(), tier.until.is_some()))
    };
    assert_eq!(told(&till.ask(inquiry.clone(), &cards[0]).await), Some(("gold".into(), true)));
    // What is only honoured here is not stated further.
    assert!(!site.run(&["member", "statement", &by, "--out", &path(site, "further")]).status.success());
    let (sale, answer) = till.deal(purchase(&cards[0], 20_00), &cards[0]).await;
    assert_eq!((answer.code(), told(&answer)), (APPROVED, None), "silver is earned, and gold is higher");
    assert!(gateway.stop().success());

    machine.set_clock(200 * DAY);
    let gateway = machine.start();
    let mut till = till.again(&gateway).await;
    assert_eq!(told(&till.ask(inquiry.clone(), &cards[0]).await), Some(("gold".into(), true)), "in doubt");
    site.json(&["clock", "confirm"]);
    let after = till.deal(purchase(&cards[0], 1), &cards[0]).await.1;
    assert_eq!(
        (after.code(), told(&till.ask(inquiry, &cards[0]).await)),
        (APPROVED, Some(("silver".into(), false)))
    );
    let (_, answer) = till.deal(refund(&sale, 1_00), &cards[0]).await;
    assert_eq!(told(&answer), Some(("regular".into(), false)));
    drop(gateway);
    site.verify();
}
