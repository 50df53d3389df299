//! PINs, cashiers, cards looked up, supervisors, offline grants, and the messages that are never given up.

use protocol::answer::{Answer, FoundCards};
use protocol::code::ResponseCode;
use protocol::field::{Blob, CardSecret, Generation, Pin, TerminalId, TotalMinor, UnixSeconds};
use protocol::frame::{Frame, MessageType};
use protocol::receipt::Grant;
use protocol::request::{Body, PersonalFields, RequestSidecar};
use protocol::terminal::{Alarm, CloseReason, Details, Event, GiveUpError, NoReply, SubmitError, Verdict};

use super::super::keys::{INSTALLATION, gateway as gateway_key, terminal_p256};
use super::super::samples;
use super::behaviour::{Till, decoded};
use super::gateway::transient;
use super::{advice, at, cash_taken, change_pin, grant, purchase, unload, void};

const REPORTS: [fn(i64) -> Body; 2] = [cash_taken, advice];

fn secret() -> Option<CardSecret> {
    CardSecret::new("12345678901234567890")
}

#[test]
fn change_pin_cash_taken_and_advice_are_never_reversed_and_are_sent_until_they_have_an_answer() {
    for body in [change_pin(), cash_taken(1250), advice(1250)] {
        let mut till = Till::signed_on();
        let kind = body.kind();
        let id = till.submit(body);
        let first = till.sent[0].clone();
        till.answer();
        assert_eq!(till.give_up(id), Err(GiveUpError::NotReversible), "{kind}");
        assert!(till.sent.is_empty());

        till.pass(10_000);
        let again = till.sent.remove(0);
        assert_eq!((again.kind, again.repeat, &again.body), (kind, true, &first.body));
        till.receive(transient(&again, ResponseCode::FORMAT_ERROR));
        assert!(till.outcome().is_none(), "the first one may have been decided");

        let mut till = till.restart();
        till.connect();
        assert_eq!(till.verdict(), Some((Verdict::Approved, 0)), "{kind}");
        assert_eq!(till.gateway.journal.len(), 1, "no Reversal was ever sent");
        assert_eq!(till.give_up(id), Err(GiveUpError::NotReversible));
    }
}

#[test]
fn no_refusal_is_the_end_of_what_has_happened_already() {
    for code in [9, 30, 63, 77, 91, 94, 96] {
        for report in REPORTS {
            let mut till = Till::signed_on();
            till.gateway.next_refusal = Some(ResponseCode(code));
            till.submit(report(1250));
            till.serve();
            assert!(till.outcome().is_none(), "{code}");
            assert!(till.events.iter().any(|event| matches!(event, Event::Waiting { .. })));
            assert_eq!(till.alarm().is_some(), code == 94);
            till.pass(30_000);
            till.serve();
            assert_eq!(till.verdict(), Some((Verdict::Approved, 0)), "{code}");
        }
    }
}

#[test]
fn an_advice_that_waits_holds_no_other_up() {
    let mut till = Till::signed_on();
    till.gateway.next_refusal = Some(ResponseCode::FORMAT_ERROR);
    till.submit(advice(1250));
    till.submit(advice(1350));
    till.serve();
    assert_eq!((till.gateway.journal.len(), till.terminal.state().unfinished().count()), (1, 1));
    till.sell(1450);
    till.serve();
    assert_eq!((till.gateway.journal.len(), till.terminal.state().unfinished().count()), (2, 1));
}

#[test]
fn a_declined_report_is_over() {
    let mut till = Till::signed_on();
    till.submit(advice(1400));
    till.serve();
    assert_eq!(till.verdict(), Some((Verdict::Declined, 51)));
    assert_eq!(till.terminal.state().unfinished().count(), 0);
}

#[test]
fn a_cashier_who_is_not_signed_on_is_a_decline_at_first_and_a_wait_afterwards() {
    let mut till = Till::signed_on();
    till.gateway.next_refusal = Some(ResponseCode::CASHIER_NOT_SIGNED_ON);
    till.sell(1250);
    till.serve();
    assert_eq!(till.verdict(), Some((Verdict::Declined, 77)));

    let mut till = Till::signed_on();
    till.sell(1250);
    let lost = till.sent.remove(0);
    till.pass(10_000);
    till.gateway.next_refusal = Some(ResponseCode::CASHIER_NOT_SIGNED_ON);
    till.serve();
    assert!(till.outcome().is_none());
    till.pass(1_000);
    assert_eq!((till.sent[0].kind, &till.sent[0].body), (MessageType::PURCHASE, &lost.body));
    till.serve();
    assert_eq!(till.verdict(), Some((Verdict::Approved, 0)));
}

/// Each message with the PINs that it may have.
fn with_pins() -> Vec<(Body, RequestSidecar, &'static [u8])> {
    let sidecar = || RequestSidecar { secret: secret(), ..Default::default() };
    let supervisor_pin = || Pin::new("739154");
    let Body::Void { original, reason, .. } = void() else { unreachable!() };
    let allowed = Body::Void { original, reason, supervisor: "S1".parse().ok() };
    vec![
        (purchase(1250), RequestSidecar { pin: Pin::new("739154"), ..sidecar() }, b"739154"),
        (unload(1250), RequestSidecar { supervisor_pin: supervisor_pin(), ..sidecar() }, b"739154"),
        (change_pin(), RequestSidecar { new_pin: Pin::new("739154"), ..sidecar() }, b"739154"),
        (allowed, RequestSidecar { supervisor_pin: supervisor_pin(), ..Default::default() }, b"739154"),
    ]
}

#[test]
fn no_pin_is_ever_stored_and_what_cannot_be_reversed_is_repeated_without_it() {
    for (body, sidecar, pin) in with_pins() {
        let kind = body.kind();
        let mut till = Till::signed_on();
        till.submit_with(body, sidecar);
        let sent = till.sent[0].clone();
        assert!(sent.sidecar.windows(6).any(|window| window == pin), "{kind}");
        assert!(!till.stored.windows(6).any(|window| window == pin), "{kind}");
        till.answer();

        let mut till = till.restart();
        till.terminal.connected(at(0));
        let hello = till.gateway.connect();
        till.receive(hello);
        let sign_on = till.answer();
        till.receive(sign_on);
        if kind.may_be_given_up() {
            assert_eq!(till.sent[0].kind, MessageType::REVERSAL, "{kind}");
            continue;
        }
        let again = &till.sent[0];
        assert_eq!((again.kind, again.repeat, &again.body), (kind, true, &sent.body));
        assert!(again.sidecar.is_empty());
        till.serve();
        assert_eq!(till.verdict(), Some((Verdict::Approved, 0)), "the stored answer: {kind}");
    }
}

#[test]
fn no_secret_shows_itself() {
    let pin = || Pin::new("739154");
    let sidecar = RequestSidecar {
        secret: secret(),
        pin: pin(),
        new_pin: pin(),
        cashier_pin: pin(),
        supervisor_pin: pin(),
        ..Default::default()
    };
    let shown = format!("{sidecar:?}");
    assert!(!shown.contains("739154") && !shown.contains("1234567"), "{shown}");
    assert_eq!(shown.matches("hidden").count(), 5);
}

#[test]
fn a_message_is_not_started_with_a_sidecar_that_it_may_not_have() {
    let mut till = Till::signed_on();
    let wrong = RequestSidecar { cashier_pin: Pin::new("80351"), ..Default::default() };
    for body in [purchase(1250), cash_taken(1250), advice(1250), change_pin(), void()] {
        let refused = till.terminal.submit(at(0), body, Details::default(), wrong.clone());
        assert!(matches!(refused, Err(SubmitError::Format(_))));
    }
    assert_eq!(till.terminal.state().last_stan, 0);
}

fn sign_cashier_on(till: &mut Till, pin: &str) {
    let details =
        Details { cashier: "K07".parse().ok(), shift: protocol::field::Shift::new(3), ..Details::default() };
    let sidecar = RequestSidecar { cashier_pin: Pin::new(pin), ..Default::default() };
    till.terminal.ask(at(0), Body::CashierSignOn, details, sidecar).unwrap();
    till.drain();
}

#[test]
fn a_cashier_signs_on_like_one_asks_a_question() {
    let mut till = Till::signed_on();
    sign_cashier_on(&mut till, "80351");
    let header = decoded(&till.sent[0]).header;
    assert_eq!((header.cashier, header.shift, header.stan), ("K07".parse().ok(), None, None));
    till.serve();
    assert_eq!(till.reply().unwrap().answer.code, ResponseCode::APPROVED);

    sign_cashier_on(&mut till, "80352");
    till.serve();
    let answer = till.reply().unwrap().answer;
    assert_eq!((answer.code, answer.tries_left), (ResponseCode::WRONG_PIN, Some(2)));

    let nobody = till.ask(Body::CashierSignOn, Details::default());
    assert!(matches!(nobody, Err(SubmitError::Format(error)) if error.key == Some(8)));
}

fn look_up(till: &mut Till, personal: PersonalFields) -> Result<u32, SubmitError> {
    let sidecar = RequestSidecar { personal, ..Default::default() };
    let details =
        Details { cashier: "K07".parse().ok(), shift: protocol::field::Shift::new(3), ..Details::default() };
    let number = till.terminal.ask(at(0), Body::CardLookup, details, sidecar);
    till.drain();
    number
}

#[test]
fn cards_are_looked_up_by_phone_alone() {
    let mut till = Till::signed_on();
    look_up(&mut till, samples::phone("8613800138000")).unwrap();
    let header = decoded(&till.sent[0]).header;
    assert_eq!((header.cashier, header.shift, header.currency, header.stan), (None, None, None, None));
    till.serve();
    let answer = till.reply().unwrap().answer;
    assert_eq!(
        (answer.code, answer.cards),
        (ResponseCode::APPROVED, FoundCards::new(vec![samples::card(1)]))
    );

    look_up(&mut till, samples::phone("12345")).unwrap();
    till.serve();
    let answer = till.reply().unwrap().answer;
    assert_eq!((answer.code, answer.cards), (ResponseCode::CARD_NOT_ACCEPTED, None));

    for personal in
        [PersonalFields::new(), samples::typical_person(), samples::phone("1234"), samples::phone("+12345")]
    {
        let refused = look_up(&mut till, personal);
        assert!(matches!(refused, Err(SubmitError::Format(error)) if error.key == Some(10)));
    }
    assert!(matches!(till.ask(Body::CardLookup, Details::default()), Err(SubmitError::Format(_))));
}

#[test]
fn the_cards_found_are_in_every_approval_of_a_card_lookup_and_nowhere_else() {
    let cards = FoundCards::new(vec![samples::card(1)]);
    for (phone, has_cards) in [("8613800138000", true), ("12345", false)] {
        let mut till = Till::signed_on();
        look_up(&mut till, samples::phone(phone)).unwrap();
        let frame = till.answer();
        let right = Answer::decode(&frame.body).unwrap();
        assert_eq!(right.cards.is_some(), has_cards);
        let cards = if has_cards { None } else { cards.clone() };
        till.receive(Frame { body: Answer { cards, ..right }.encode(), ..frame });
        assert!(matches!(till.reply(), Err(NoReply::Unreadable(error)) if error.key == Some(38)));
    }
    let mut till = Till::signed_on();
    till.sell(1250);
    let frame = till.answer();
    let answer = Answer { cards, ..Answer::decode(&frame.body).unwrap() };
    till.receive(Frame { body: answer.encode(), ..frame });
    assert!(matches!(till.alarm(), Some(Alarm::Unreadable { error, .. }) if error.key == Some(38)));
    assert!(till.outcome().is_none(), "that is no answer");
}

#[test]
fn the_tries_that_are_left_are_said_with_a_wrong_pin_and_nowhere_else() {
    let mut till = Till::signed_on();
    sign_cashier_on(&mut till, "80351");
    let right = till.answer();
    let answer = Answer { tries_left: Some(2), ..Answer::decode(&right.body).unwrap() };
    till.receive(Frame { body: answer.encode(), ..right });
    assert!(matches!(till.reply(), Err(NoReply::Unreadable(error)) if error.key == Some(37)));

    till.sell(1400);
    let declined = till.answer();
    let answer = Answer { tries_left: Some(2), ..Answer::decode(&declined.body).unwrap() };
    till.receive(Frame { body: answer.encode(), ..declined });
    assert!(matches!(till.alarm(), Some(Alarm::Unreadable { error, .. }) if error.key == Some(37)));
    assert!(till.outcome().is_none(), "that is no answer");
}

#[test]
fn a_shortfall_is_in_every_approval_of_an_advice_and_nowhere_else() {
    for (body, has_shortfall) in
        [(advice(1250), true), (advice(1400), false), (purchase(1250), false), (cash_taken(1250), false)]
    {
        let mut till = Till::signed_on();
        till.submit(body);
        let sent = till.sent[0].clone();
        let frame = till.answer();
        let right = Answer::decode(&frame.body).unwrap();
        assert_eq!(right.shortfall.is_some(), has_shortfall);
        let shortfall = if has_shortfall { None } else { Some(TotalMinor::MIN) };
        till.receive(Frame { body: Answer { shortfall, ..right }.encode(), ..frame });
        assert!(matches!(till.alarm(), Some(Alarm::Unreadable { error, .. }) if error.key == Some(36)));
        assert!(till.outcome().is_none());
        till.pass(1_000);
        assert_eq!(till.sent[0].body, sent.body, "the same again");
    }
}

/// What happens at a sign-on that brings this grant along.
fn sign_on_with(bytes: Option<Blob<256>>) -> Result<Option<Grant>, CloseReason> {
    let mut till = Till::with(super::enrolled());
    till.gateway.grant = bytes;
    till.connect();
    match till.events.last() {
        Some(Event::SignedOn { grant, .. }) => Ok(*grant),
        _ => Err(till.closed.unwrap()),
    }
}

#[test]
fn sign_on_hands_the_grant_on_when_the_gateway_signed_it_for_this_terminal() {
    let signed = samples::signed_grant;
    assert_eq!(sign_on_with(None), Ok(None));
    assert_eq!(sign_on_with(Some(signed(&grant()))), Ok(Some(grant())));

    let stranger: TerminalId = "V0001".parse().unwrap();
    for other in [
        Grant { terminal: stranger, ..grant() },
        Grant { generation: Generation::new(2).unwrap(), ..grant() },
    ] {
        assert_eq!(sign_on_with(Some(signed(&other))), Err(CloseReason::BrokenGateway));
    }
    let mut forged = signed(&grant()).as_bytes().to_vec();
    forged[20] ^= 1;
    assert_eq!(sign_on_with(Blob::new(forged)), Err(CloseReason::BrokenGateway));
    assert_eq!(sign_on_with(Blob::new(Vec::new())), Err(CloseReason::BrokenGateway));
}

#[test]
fn a_grant_is_checked_like_a_status_and_holds_from_its_issue_until_it_expires() {
    let verify = |message: &[u8], signature: &[u8]| gateway_key().verify(message, signature);
    let stranger = |message: &[u8], signature: &[u8]| terminal_p256().verify(message, signature);
    let signed = samples::signed_grant(&samples::largest_grant());
    let check = |bytes: &[u8]| Grant::check(bytes, &INSTALLATION, &verify);
    assert_eq!(check(signed.as_bytes()), Ok(samples::largest_grant()));
    assert!(Grant::check(signed.as_bytes(), &INSTALLATION, &stranger).is_err(), "another key");
    let elsewhere = protocol::field::Installation([0; 16]);
    assert!(Grant::check(signed.as_bytes(), &elsewhere, &verify).is_err(), "another installation");
    for place in 0..signed.as_bytes().len() {
        let mut bytes = signed.as_bytes().to_vec();
        bytes[place] ^= 1;
        assert!(check(&bytes).is_err(), "byte {place}");
        assert!(check(&bytes[..place]).is_err());
    }

    let grant =
        Grant { issued: UnixSeconds::new(100).unwrap(), expires: UnixSeconds::new(200).unwrap(), ..grant() };
    for (seconds, holds) in
        [(0, false), (99, false), (100, true), (199, true), (200, false), (u64::MAX, false)]
    {
        assert_eq!(grant.holds_at(seconds), holds, "{seconds}");
    }
}
