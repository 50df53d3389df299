//! Cashiers who sign on, supervisors who allow what a cashier alone may not, and holders who register.

use protocol::code::ResponseCode;
use protocol::request::{Body, RequestSidecar};

use super::pins::{told, wrong};
use crate::counter::{Clerk, activate, cards, holdings, last_index, load, number, purchase, reversal};
use crate::harness::Site;
use crate::till::{
    APPROVED, People, Till, add_to_programme, authorize, change_pin, purchase_quote, refund, void,
};

/// Admits somebody, and says with which PIN.
fn admit(site: &Site, name: &str, more: &[&str]) -> String {
    let admitted = site.json(&[&["cashier", "add", "--name", name], more].concat());
    let pin = admitted["pin"].as_str().expect("a PIN").to_owned();
    assert!(pin.len() == 6 && pin.bytes().all(|byte| byte.is_ascii_digit()));
    pin
}

/// A PIN that is not this one.
fn other_than(pin: &str) -> String {
    let first = if pin.starts_with('1') { "2" } else { "1" };
    format!("{first}{}", &pin[1..])
}

/// Amy sells, and somebody else allows it.
fn allows<'a>(name: &'a str, pin: Option<&'a str>) -> People<'a> {
    People { cashier: Some("AMY"), supervisor: Some((name, pin)), ..People::default() }
}

const SIGN_ON: &str = "[till]\ncashiers = \"sign-on\"\ntries = 3";

#[tokio::test]
async fn a_register_sells_nothing_without_a_cashier_who_has_signed_on_to_this_session() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[500_00]).await.remove(0);
    let (earlier, _) = till.deal(purchase(&card, 1_00), &card).await;
    let (amy, bob) = (admit(&site, "AMY", &[]), admit(&site, "BOB", &[]));
    add_to_programme(&site, "", SIGN_ON);
    let by_amy = People::cashier("AMY");
    let early = till.sign_by(purchase(&card, 10_00), &card, by_amy);
    let index = last_index(&gateway);
    let refused = till.send(&early).await;
    assert_eq!((refused.code(), refused.is_final()), (ResponseCode::CASHIER_NOT_SIGNED_ON, false));
    assert_eq!(till.code(purchase(&card, 1_00), &card).await, ResponseCode::CASHIER_NOT_SIGNED_ON, "nobody");
    assert_eq!(last_index(&gateway), index, "nothing was written");
    assert_eq!(till.cashier("AMY", &amy).await.code(), APPROVED);
    let sold = till.repeat(&early).await;
    assert_eq!((sold.code(), sold.repeat), (APPROVED, false), "the same bytes, decided now");
    let (_, bobs) = till.by(People::cashier("BOB"), purchase(&card, 1_00), &card).await;
    assert_eq!(bobs.code(), ResponseCode::CASHIER_NOT_SIGNED_ON);
    assert_eq!(till.cashier("BOB", &bob).await.code(), APPROVED, "several may be signed on");
    for name in ["AMY", "BOB"] {
        let (_, sold) = till.by(People::cashier(name), purchase(&card, 1_00), &card).await;
        assert_eq!(sold.code(), APPROVED);
    }
    // Questions, what was decided before, and what has nobody behind it need no cashier.
    assert_eq!(till.ask(purchase_quote(&card, 1_00), &card).await.code(), APPROVED);
    assert_eq!(till.code(reversal(&earlier), &card).await, APPROVED);
    for body in [
        void(&early),
        refund(&early, 1_00),
        load(&card, 10_00),
        authorize(&card, 1_00),
        activate(&card),
        change_pin(&card),
    ] {
        let kind = body.kind();
        assert_eq!(till.code(body, &card).await, ResponseCode::CASHIER_NOT_SIGNED_ON, "{kind:?}");
    }
    // Another session of the same terminal knows nobody.
    let session = till.clerk.session(&gateway).await;
    let clerk = till.clerk.clone();
    let mut beside = Till { clerk: Clerk { last_stan: clerk.last_stan + 100, ..clerk }, session };
    let (_, unknown) = beside.by(by_amy, purchase(&card, 1_00), &card).await;
    assert_eq!(unknown.code(), ResponseCode::CASHIER_NOT_SIGNED_ON);
    // Whoever is ended is signed on no longer, here and everywhere.
    site.json(&["cashier", "end", "--name", "BOB"]);
    let (_, ended) = till.by(People::cashier("BOB"), purchase(&card, 1_00), &card).await;
    assert_eq!(ended.code(), ResponseCode::CASHIER_NOT_SIGNED_ON);
    assert_eq!(told(&till.cashier("BOB", &bob).await), (ResponseCode::WRONG_PIN, None));
    assert_eq!(till.by(by_amy, purchase(&card, 1_00), &card).await.1.code(), APPROVED);
    drop(beside);
    gateway.kill();
    let gateway = site.start();
    till.clerk.last_stan += 200;
    let mut till = till.again(&gateway).await;
    let (_, fresh) = till.by(by_amy, purchase(&card, 1_00), &card).await;
    assert_eq!(fresh.code(), ResponseCode::CASHIER_NOT_SIGNED_ON, "a session's end ends it");
    assert_eq!(till.cashier("AMY", &amy).await.code(), APPROVED);
    assert_eq!(till.by(by_amy, purchase(&card, 1_00), &card).await.1.code(), APPROVED);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn whoever_is_no_cashier_here_is_told_what_a_wrong_pin_is_told_and_nothing_is_guessed_for_long() {
    let site = Site::new();
    let gateway = site.start();
    let (amy, eve) = (admit(&site, "AMY", &["--store", "S001"]), admit(&site, "EVE", &["--store", "S002"]));
    add_to_programme(&site, "", SIGN_ON);
    let mut till = Till::elsewhere(&site, &gateway, "T0001", ["--store", "S001"]).await;
    let mut branch = Till::elsewhere(&site, &gateway, "T0002", ["--store", "S002"]).await;
    let index = last_index(&gateway);
    let stranger = till.cashier("NOBODY", "111111").await;
    let others = till.cashier("EVE", &eve).await;
    assert_eq!(last_index(&gateway), index, "nothing to count");
    let guessed = till.cashier("AMY", &other_than(&amy)).await;
    for answer in [&stranger, &others] {
        assert_eq!(told(answer), (ResponseCode::WRONG_PIN, None));
        assert_eq!(answer.answer.detail, guessed.answer.detail);
    }
    assert_eq!(told(&guessed), wrong(2));
    assert_eq!(branch.cashier("EVE", &eve).await.code(), APPROVED, "in her own store");
    // A right one forgives.
    assert_eq!(till.cashier("AMY", &amy).await.code(), APPROVED);
    for left in [2, 1, 0] {
        assert_eq!(told(&till.cashier("AMY", &other_than(&amy)).await), wrong(left));
    }
    assert_eq!(told(&till.cashier("AMY", &amy).await), (ResponseCode::TOO_MANY_WRONG_PINS, None));
    gateway.kill();
    let gateway = site.start();
    let mut till = till.again(&gateway).await;
    assert_eq!(till.cashier("AMY", &amy).await.code(), ResponseCode::TOO_MANY_WRONG_PINS);
    let new = site.json(&["cashier", "pin", "--name", "AMY"])["pin"].as_str().expect("a PIN").to_owned();
    assert_eq!(till.cashier("AMY", &new).await.code(), APPROVED);
    assert!(!site.run(&["cashier", "add", "--name", "AMY"]).status.success(), "there is one");
    assert!(!site.run(&["cashier", "pin", "--name", "NOBODY"]).status.success());
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_kiosk_needs_no_cashier_and_takes_none() {
    let site = Site::new();
    let gateway = site.start();
    let amy = admit(&site, "AMY", &[]);
    add_to_programme(&site, "", SIGN_ON);
    let clerk = Clerk::enrol(&site, &gateway, "K0001", "kiosk").await;
    let session = clerk.session(&gateway).await;
    let mut kiosk = Till { clerk, session };
    let card = kiosk.sell(&site, 1, &[100_00]).await.remove(0);
    assert_eq!(holdings(&site, &card).principal, 100_00);
    let index = last_index(&gateway);
    assert_eq!(kiosk.cashier("AMY", &amy).await.code(), ResponseCode::NOT_PERMITTED_TERMINAL);
    assert_eq!(kiosk.cashier("AMY", &other_than(&amy)).await.code(), ResponseCode::NOT_PERMITTED_TERMINAL);
    assert_eq!(last_index(&gateway), index, "no try was counted");
}

#[tokio::test]
async fn a_refund_or_void_from_its_amount_on_needs_a_supervisor_who_is_somebody_else() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::elsewhere(&site, &gateway, "T0001", ["--store", "S001"]).await;
    let card = till.sell(&site, 1, &[2000_00]).await.remove(0);
    let (amy, lin) = (admit(&site, "AMY", &[]), admit(&site, "LIN", &["--supervisor"]));
    let eve = admit(&site, "EVE", &["--supervisor", "--store", "S002"]);
    let rules = "[till]\ntries = 3\n[till.supervisor]\nrefund_from = \"50.00\"\nvoid_from = \"80.00\"";
    add_to_programme(&site, "", rules);
    let right = allows("LIN", Some(lin.as_str()));
    let alone = People::cashier("AMY");
    let (sale, _) = till.deal(purchase(&card, 500_00), &card).await;
    assert_eq!(till.by(alone, refund(&sale, 49_99), &card).await.1.code(), APPROVED);
    for minor in [50_00, 50_01] {
        let (_, refused) = till.by(alone, refund(&sale, minor), &card).await;
        assert_eq!(refused.code(), ResponseCode::SUPERVISOR_NEEDED);
        assert_eq!(till.by(right, refund(&sale, minor), &card).await.1.code(), APPROVED);
    }
    for (minor, without) in [
        (79_99, APPROVED),
        (80_00, ResponseCode::SUPERVISOR_NEEDED),
        (80_01, ResponseCode::SUPERVISOR_NEEDED),
    ] {
        let (sale, _) = till.deal(purchase(&card, minor), &card).await;
        assert_eq!(till.by(alone, void(&sale), &card).await.1.code(), without, "{minor}");
        if without != APPROVED {
            assert_eq!(till.by(right, void(&sale), &card).await.1.code(), APPROVED, "{minor}");
        }
    }
    // Nobody learns who is one: not with a PIN, and not without.
    let index = last_index(&gateway);
    let own = People { cashier: Some("LIN"), ..right };
    let nobody = [
        allows("AMY", Some(amy.as_str())),
        allows("EVE", Some(eve.as_str())),
        allows("NOBODY", Some("111111")),
        own,
    ];
    for people in nobody {
        let (_, refused) = till.by(people, refund(&sale, 60_00), &card).await;
        assert_eq!(told(&refused), (ResponseCode::WRONG_PIN, None), "{:?}", people.supervisor);
    }
    for name in ["LIN", "AMY", "EVE", "NOBODY"] {
        let (_, refused) = till.by(allows(name, None), refund(&sale, 1_00), &card).await;
        assert_eq!(told(&refused), (ResponseCode::SUPERVISOR_NEEDED, None), "{name}");
    }
    assert_eq!(last_index(&gateway), index + 8, "no try was counted");
    // One who is named is checked, needed or not.
    let other = other_than(&lin);
    let guesses = allows("LIN", Some(other.as_str()));
    for left in [2, 1] {
        let (_, refused) = till.by(guesses, refund(&sale, 1_00), &card).await;
        assert_eq!(told(&refused), wrong(left));
    }
    assert_eq!(till.by(right, refund(&sale, 1_00), &card).await.1.code(), APPROVED, "and forgiven");
    for left in [2, 1, 0] {
        let (_, refused) = till.by(guesses, void(&sale), &card).await;
        assert_eq!(refused.code(), ResponseCode::INVALID_TRANSACTION, "what it is comes first: {left}");
        let (_, refused) = till.by(guesses, refund(&sale, 60_00), &card).await;
        assert_eq!(told(&refused), wrong(left));
    }
    let (_, locked) = till.by(right, refund(&sale, 60_00), &card).await;
    assert_eq!(told(&locked), (ResponseCode::TOO_MANY_WRONG_PINS, None));
    assert_eq!(till.cashier("LIN", &lin).await.code(), ResponseCode::TOO_MANY_WRONG_PINS, "one lock");
    gateway.kill();
    let gateway = site.start();
    let mut till = till.again(&gateway).await;
    let (_, locked) = till.by(right, refund(&sale, 60_00), &card).await;
    assert_eq!(locked.code(), ResponseCode::TOO_MANY_WRONG_PINS);
    let new = site.json(&["cashier", "pin", "--name", "LIN"])["pin"].as_str().expect("a PIN").to_owned();
    let (_, back) = till.by(allows("LIN", Some(new.as_str())), refund(&sale, 60_00), &card).await;
    assert_eq!(back.code(), APPROVED);
    let list = site.json(&["cashier", "list"]);
    assert_eq!(list["cashiers"][2]["cashier"], "LIN");
    assert_eq!(
        (&list["cashiers"][2]["role"], &list["cashiers"][2]["wrong_pins"]),
        (&"supervisor".into(), &0.into())
    );
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_load_or_activate_registers_the_holder_whom_a_large_balance_needs() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let new = cards(&site, 2);
    add_to_programme(&site, "real_name_above = \"1000.00\"\ncard_months = 36", "");
    let holder = People { holder: Some([7; 32]), ..People::default() };
    for (card, at_sale) in [(&new[0], false), (&new[1], true)] {
        let sold = till.by(if at_sale { holder } else { People::default() }, activate(card), card).await.1;
        assert_eq!(sold.code(), APPROVED);
        let shown = |field: &str| site.json(&["card", "show", "--card", &number(card)])[field].clone();
        assert_eq!(shown("registered"), at_sale);
        assert!(shown("expires").is_string());
        let above = till.deal(load(card, 900_00), card).await.1;
        assert_eq!(above.code(), APPROVED, "with a bonus of 50.00");
        let over = if at_sale { APPROVED } else { ResponseCode::NOT_PERMITTED_CARD };
        assert_eq!(till.code(load(card, 50_01), card).await, over);
        let quoted = till.ask(crate::till::load_quote(card, 50_01), card).await;
        assert_eq!(quoted.code(), over);
        assert_eq!(till.code(load(card, 50_00), card).await, APPROVED);
        let (_, registers) = till.by(holder, load(card, 1_00), card).await;
        assert_eq!(registers.code(), APPROVED);
        assert_eq!(shown("registered"), true);
        let hash: String = "07".repeat(32);
        assert!(!site.json(&["card", "show", "--card", &number(card)]).to_string().contains(&hash));
    }
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_question_about_a_cashier_is_a_format_error_without_one() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let question = till.session.question(Body::CashierSignOn, &RequestSidecar::default());
    let question = question.expect("a message");
    let refused = till.session.exchange(&question, false).await;
    assert_eq!(refused.expect("an answer").code(), ResponseCode::FORMAT_ERROR);
}
