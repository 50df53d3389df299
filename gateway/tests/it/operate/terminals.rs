//! Terminals' lives: enrolled, suspended, resumed, enrolled anew, revoked.

use protocol::answer::Answer;
use protocol::code::ResponseCode;
use protocol::cose::Algorithm;
use protocol::field::{Blob, ProtocolVersion, TerminalTime};
use protocol::frame::Frame;
use protocol::request::{Body, Header, Request, RequestSidecar};
use terminal_sim::client::Dialler;
use terminal_sim::keys::TerminalKey;
use terminal_sim::message::SignedMessage;
use terminal_sim::session::Session;
use terminal_sim::{Error, enrolment};

use crate::counter::{Clerk, PATIENCE, cards, holdings, last_index, load, purchase, reversal};
use crate::harness::{Gateway, Site};

async fn echo(session: &mut Session) -> ResponseCode {
    let question = session.question(Body::Echo, &RequestSidecar::default()).expect("a question");
    session.exchange(&question, false).await.expect("an answer").code()
}

fn key() -> TerminalKey {
    TerminalKey::generate(Algorithm::Es256).expect("a key")
}

fn code_of(refused: Result<Answer, Error>) -> ResponseCode {
    match refused {
        Err(Error::Refused { code, .. }) => code,
        other => panic!("a refusal, not {other:?}"),
    }
}

#[tokio::test]
async fn a_suspension_holds_from_the_next_frame_on_until_it_is_lifted() {
    let site = Site::new();
    let gateway = site.start();
    let card = cards(&site, 1).remove(0);
    let mut clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let mut session = clerk.session(&gateway).await;
    clerk.fill(&mut session, &card, &[100_00]).await;
    let sale = clerk.sign(&session, purchase(&card, 1_00), &card);
    let paid = clerk.send(&mut session, &sale).await;
    site.json(&["terminal", "suspend", "--id", "T0001"]);
    let index = last_index(&gateway);
    for body in [purchase(&card, 1_00), load(&card, 10_00), reversal(&sale)] {
        let answer = clerk.deal(&mut session, body, &card).await;
        assert_eq!(answer.code(), ResponseCode::TERMINAL_NOT_ACTIVE);
    }
    let again = session.exchange(&sale, true).await.expect("an answer");
    assert_eq!(again.code(), ResponseCode::TERMINAL_NOT_ACTIVE, "not even what it knows already");
    assert_eq!(echo(&mut session).await, ResponseCode::TERMINAL_NOT_ACTIVE);
    let refused = clerk.try_session(&gateway).await.expect_err("no new session either");
    assert!(matches!(refused, Error::Refused { code: ResponseCode::TERMINAL_NOT_ACTIVE, .. }), "{refused}");
    assert_eq!(last_index(&gateway), index, "nothing was written");
    site.json(&["terminal", "resume", "--id", "T0001"]);
    let again = session.exchange(&sale, true).await.expect("an answer");
    assert_eq!((again.repeat, again.body), (true, paid.body), "the session goes on where it was");
    let answer = clerk.deal(&mut session, purchase(&card, 1_00), &card).await;
    assert_eq!(answer.code(), ResponseCode::APPROVED);
    site.verify();
}

#[tokio::test]
async fn a_revoked_terminal_is_out_at_once_and_for_good() {
    let site = Site::new();
    let gateway = site.start();
    let string = site.enrolment("T0001", "register");
    let clerk = Clerk::enrol_with(&gateway, &string, Algorithm::Es256).await;
    let mut session = clerk.session(&gateway).await;
    assert_eq!(echo(&mut session).await, ResponseCode::APPROVED);
    // A new enrolment was begun, and goes with the terminal.
    let begun = site.enrolment("T0001", "register");
    site.json(&["terminal", "revoke", "--id", "T0001"]);
    assert_eq!(echo(&mut session).await, ResponseCode::TERMINAL_NOT_ACTIVE);
    for string in [&string, &begun] {
        let (_, refused) = Clerk::try_enrol(&gateway.listen, string, key()).await;
        assert_eq!(code_of(refused), ResponseCode::SECURITY_VIOLATION);
    }
    for act in ["resume", "suspend", "revoke"] {
        assert!(!site.run(&["terminal", act, "--id", "T0001"]).status.success(), "{act}");
    }
    gateway.kill();
    let gateway = site.start();
    let refused = clerk.try_session(&gateway).await.expect_err("after a restart neither");
    assert!(matches!(refused, Error::Refused { code: ResponseCode::TERMINAL_NOT_ACTIVE, .. }), "{refused}");
    let anew = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    assert_eq!(anew.identity.generation.get(), 2, "only an operator brings its name back");
    site.verify();
}

#[tokio::test]
async fn enrolling_anew_opens_a_generation_and_ends_the_one_before() {
    let site = Site::new();
    let gateway = site.start();
    let card = cards(&site, 1).remove(0);
    let mut old = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let mut before = old.session(&gateway).await;
    old.fill(&mut before, &card, &[100_00]).await;
    let sale = old.sign(&before, purchase(&card, 10_00), &card);
    old.send(&mut before, &sale).await;
    let string = site.enrolment("T0001", "register");
    assert_eq!(echo(&mut before).await, ResponseCode::APPROVED, "a code alone ends nothing");
    let mut new = Clerk::enrol_with(&gateway, &string, Algorithm::EdDsa).await;
    assert_eq!(new.identity.generation.get(), 2);
    assert_eq!(echo(&mut before).await, ResponseCode::TERMINAL_NOT_ACTIVE, "the old key, on its next frame");
    let again = before.exchange(&sale, true).await.expect("an answer");
    assert_eq!(again.code(), ResponseCode::TERMINAL_NOT_ACTIVE);
    let mut session = new.session(&gateway).await;
    let answer = new.deal(&mut session, purchase(&card, 1_00), &card).await;
    assert_eq!(answer.answer.stan.map(|stan| stan.get()), Some(1), "STANs begin again");
    assert_eq!((answer.code(), answer.repeat), (ResponseCode::APPROVED, false));
    // What the old generation left open, the new one can give up.
    let undone = new.deal(&mut session, reversal(&sale), &card).await;
    assert_eq!(undone.code(), ResponseCode::APPROVED);
    assert_eq!(holdings(&site, &card).payable(), 105_00 - 1_00);
    site.verify();
}

/// One Enroll, and its answer as it came: a repeated one has the receipt of the Enroll that was decided.
async fn enroll(gateway: &Gateway, string: &str, key: &TerminalKey) -> Frame {
    let ticket = enrolment::parse(string).expect("an enrolment string");
    let dialler = Dialler::new(key, ticket.gateway, PATIENCE).expect("a TLS configuration");
    let mut connection = dialler.connect(&gateway.listen).await.expect("a connection");
    let time = TerminalTime::new(1_790_000_000, 480).expect("a time");
    let request = Request {
        header: Header::session(ticket.terminal, None, connection.hello.nonce, key.key_id(), time),
        body: Body::Enroll {
            software: "tests".parse().expect("a name"),
            code: ticket.code,
            public_key: Blob::new(key.spki().to_vec()).expect("short"),
            gateway: ticket.gateway,
            protocol_version: ProtocolVersion::MIN,
        },
    };
    let sidecar = RequestSidecar::default();
    let message = SignedMessage::sign(&request, &sidecar, key, &connection.hello.installation);
    connection.send(&message.expect("a signed message").frame(1, false)).await.expect("sent");
    connection.next_frame().await.expect("an answer")
}

#[tokio::test]
async fn an_enrolment_code_serves_one_key_and_tells_it_the_same_as_often_as_it_asks() {
    let site = Site::new();
    let gateway = site.start();
    let string = site.enrolment("T0001", "register");
    let mine = key();
    let first = enroll(&gateway, &string, &mine).await;
    let answer = Answer::decode(&first.body).expect("an answer");
    assert_eq!((answer.code, first.repeat), (ResponseCode::APPROVED, false));
    let index = last_index(&gateway);
    for _ in 0..3 {
        let other = enroll(&gateway, &string, &key()).await;
        let answer = Answer::decode(&other.body).expect("an answer");
        assert_eq!(answer.code, ResponseCode::SECURITY_VIOLATION, "another key");
        let again = enroll(&gateway, &string, &mine).await;
        assert_eq!((again.body, again.repeat), (first.body.clone(), true), "its answer may have been lost");
    }
    assert_eq!(last_index(&gateway), index, "nothing was written");
    gateway.kill();
    let gateway = site.start();
    let again = enroll(&gateway, &string, &mine).await;
    assert_eq!((again.body, again.repeat), (first.body, true), "after a restart too");
    site.verify();
}

/// The string with another code in it.
fn with_code(string: &str, code: &str) -> String {
    let mut parts: Vec<&str> = string.split(':').collect();
    parts[2] = code;
    parts.join(":")
}

async fn guess(gateway: &Gateway, string: &str, number: u32) -> ResponseCode {
    let guess = with_code(string, &format!("{number:020}"));
    code_of(Clerk::try_enrol(&gateway.listen, &guess, key()).await.1)
}

#[tokio::test]
async fn five_wrong_codes_kill_a_code_even_with_a_restart_between_them() {
    let site = Site::new();
    let mut gateway = site.start();
    let string = site.enrolment("T0001", "register");
    let spared = site.enrolment("T0002", "register");
    for number in 0..5 {
        if number == 3 {
            gateway.kill();
            gateway = site.start();
        }
        assert_eq!(guess(&gateway, &string, number).await, ResponseCode::SECURITY_VIOLATION);
    }
    let (_, refused) = Clerk::try_enrol(&gateway.listen, &string, key()).await;
    assert_eq!(code_of(refused), ResponseCode::SECURITY_VIOLATION, "the right one comes too late");
    let index = last_index(&gateway);
    assert_eq!(guess(&gateway, &string, 9).await, ResponseCode::SECURITY_VIOLATION);
    assert_eq!(last_index(&gateway), index, "a dead code fills no journal");
    for _ in 0..4 {
        assert_eq!(guess(&gateway, &spared, 1).await, ResponseCode::SECURITY_VIOLATION);
    }
    Clerk::enrol_with(&gateway, &spared, Algorithm::Es256).await;
    let anew = site.enrolment("T0001", "register");
    Clerk::enrol_with(&gateway, &anew, Algorithm::Es256).await;
    site.verify();
}
