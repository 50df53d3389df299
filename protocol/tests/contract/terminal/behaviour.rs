//! One sentence about the terminal each.

use protocol::answer::{Answer, AnswerSidecar, Hold};
use protocol::cbor::Writer;
use protocol::code::ResponseCode;
use protocol::cose::open_request;
use protocol::field::{
    Blob, Currency, Generation, Pin, Reason, Shift, Stan, TotalMinor, TransactionState, UnixSeconds,
};
use protocol::frame::{Frame, Incoming, MessageType, decode};
use protocol::hello::Hello;
use protocol::request::{Body, Request, RequestSidecar};
use protocol::terminal::{
    Action, Alarm, CloseReason, Details, Event, GiveUpError, NoReply, Outcome, Reply, State, SubmitError,
    Terminal, TransactionId, Verdict,
};

use super::super::keys::{INSTALLATION, gateway as gateway_key, terminal_ed25519};
use super::gateway::{Gateway, transient};
use super::{
    amount, at, authorize, capture, card, enrolled, purchase, refund, terminal, ticket_text, transfer, void,
};

/// A terminal, its gateway, and the wire between them under the test's control.
pub(super) struct Till {
    pub(super) terminal: Terminal,
    pub(super) gateway: Gateway,
    pub(super) ms: u64,
    pub(super) stored: Vec<u8>,
    pub(super) sent: Vec<Frame>,
    pub(super) heartbeats: usize,
    pub(super) events: Vec<Event>,
    pub(super) closed: Option<CloseReason>,
}

impl Till {
    pub(super) fn with(state: State) -> Self {
        let mut till = Till {
            terminal: terminal(state),
            gateway: Gateway::new(),
            ms: 0,
            stored: Vec::new(),
            sent: Vec::new(),
            heartbeats: 0,
            events: Vec::new(),
            closed: None,
        };
        till.drain();
        till
    }

    /// An enrolled terminal that has signed on.
    pub(super) fn signed_on() -> Self {
        let mut till = Till::with(enrolled());
        till.connect();
        assert!(till.terminal.is_signed_on());
        till.events.clear();
        till
    }

    pub(super) fn connect(&mut self) {
        self.closed = None;
        self.sent.clear();
        self.terminal.connected(at(self.ms));
        let hello = self.gateway.connect();
        self.receive(hello);
        self.serve();
    }

    pub(super) fn sell(&mut self, amount: i64) -> TransactionId {
        self.submit(purchase(amount))
    }

    pub(super) fn submit(&mut self, body: Body) -> TransactionId {
        self.submit_with(body, RequestSidecar::default())
    }

    pub(super) fn submit_with(&mut self, body: Body, sidecar: RequestSidecar) -> TransactionId {
        let id = self.terminal.submit(at(self.ms), body, Details::default(), sidecar);
        self.drain();
        id.unwrap()
    }

    /// The gateway answers everything that was sent, until nothing more is sent.
    pub(super) fn serve(&mut self) {
        while !self.sent.is_empty() {
            let frame = self.sent.remove(0);
            let answer = self.gateway.handle(&frame);
            self.receive(answer);
        }
    }

    /// The gateway answers the oldest frame; the answer is not delivered.
    pub(super) fn answer(&mut self) -> Frame {
        let frame = self.sent.remove(0);
        self.gateway.handle(&frame)
    }

    /// Asks for the status of a request; the gateway's answer is not delivered.
    pub(super) fn status_of(&mut self, id: TransactionId) -> Frame {
        let body = Body::TransactionStatus { original: self.terminal.original(id).unwrap() };
        self.terminal.ask(at(self.ms), body, Details::default(), RequestSidecar::default()).unwrap();
        self.drain();
        let question = self.sent.pop().unwrap();
        self.gateway.handle(&question)
    }

    pub(super) fn ask(&mut self, body: Body, details: Details) -> Result<u32, SubmitError> {
        let number = self.terminal.ask(at(self.ms), body, details, RequestSidecar::default());
        self.drain();
        number
    }

    /// The last reply to a question.
    pub(super) fn reply(&self) -> Result<Reply, NoReply> {
        match self.events.last() {
            Some(Event::Replied { reply, .. }) => reply.clone(),
            other => panic!("no reply but {other:?}"),
        }
    }

    pub(super) fn receive(&mut self, frame: Frame) {
        self.terminal.received(at(self.ms), Incoming::Frame(frame));
        self.drain();
    }

    pub(super) fn pass(&mut self, ms: u64) {
        self.ms += ms;
        self.terminal.timed_out(at(self.ms));
        self.drain();
    }

    pub(super) fn give_up(&mut self, id: TransactionId) -> Result<(), GiveUpError> {
        let result = self.terminal.give_up(at(self.ms), id, Reason::CANCELLED);
        self.drain();
        result
    }

    pub(super) fn restart(self) -> Self {
        let gateway = self.gateway;
        let mut till = Till::with(State::decode(&self.stored).unwrap());
        till.gateway = gateway;
        till.ms = self.ms;
        till.stored = self.stored;
        till
    }

    pub(super) fn drain(&mut self) {
        while let Some(action) = self.terminal.poll_action() {
            match action {
                Action::Persist(bytes) => self.stored = bytes,
                Action::Send(bytes) => match decode(&bytes).unwrap().unwrap() {
                    (Incoming::Frame(frame), _) => self.sent.push(frame),
                    (Incoming::Heartbeat, _) => self.heartbeats += 1,
                },
                Action::Close(reason) => self.closed = Some(reason),
                Action::Report(event) => self.events.push(event),
            }
        }
    }

    pub(super) fn outcome(&self) -> Option<&Outcome> {
        self.events.iter().rev().find_map(|event| match event {
            Event::Finished(outcome) => Some(outcome),
            _ => None,
        })
    }

    pub(super) fn verdict(&self) -> Option<(Verdict, u8)> {
        self.outcome().map(|outcome| (outcome.verdict, outcome.code.0))
    }

    pub(super) fn alarm(&self) -> Option<Alarm> {
        self.events.iter().rev().find_map(|event| match event {
            Event::Alarm(alarm) => Some(*alarm),
            _ => None,
        })
    }
}

pub(super) fn decoded(frame: &Frame) -> Request {
    let opened = open_request(&frame.body, &INSTALLATION, frame.kind).unwrap();
    assert!(terminal_ed25519().verify(&opened.to_be_signed, opened.signature));
    Request::decode_payload(frame.kind, opened.payload).unwrap()
}

#[test]
fn an_approved_sale_is_reported_with_its_proof_until_it_is_acknowledged() {
    let mut till = Till::signed_on();
    let id = till.sell(1250);
    till.serve();
    assert_eq!(till.verdict(), Some((Verdict::Approved, 0)));
    let proof = till.outcome().unwrap().proof.clone().unwrap();
    let verify = |message: &[u8], signature: &[u8]| gateway_key().verify(message, signature);
    assert_eq!(
        proof.check(super::super::keys::SHA256, &verify).unwrap().request_id,
        till.outcome().unwrap().request_id
    );

    let mut till = till.restart();
    assert_eq!(till.verdict(), Some((Verdict::Approved, 0)), "reported again");
    till.terminal.acknowledge(id);
    till.drain();
    assert!(till.restart().outcome().is_none());
}

#[test]
fn a_declined_sale_is_reported_declined() {
    let mut till = Till::signed_on();
    till.sell(700);
    till.serve();
    assert_eq!(till.verdict(), Some((Verdict::Declined, 51)));
}

#[test]
fn the_state_is_stored_before_anything_is_sent() {
    let mut till = Till::signed_on();
    let body = purchase(1250);
    till.terminal.submit(at(0), body, Details::default(), RequestSidecar::default()).unwrap();
    let Some(Action::Persist(stored)) = till.terminal.poll_action() else { panic!("nothing stored") };
    let Some(Action::Send(bytes)) = till.terminal.poll_action() else { panic!("nothing sent") };
    let Some((Incoming::Frame(frame), _)) = decode(&bytes).unwrap() else { panic!("no frame") };
    assert!(
        stored.windows(frame.body.len()).any(|window| window == frame.body),
        "the very bytes that were sent"
    );
    assert_eq!(State::decode(&stored).unwrap().last_stan, 1);
}

#[test]
fn without_an_answer_the_same_bytes_are_sent_again_with_the_repeat_flag() {
    let mut till = Till::signed_on();
    till.sell(1250);
    let first = till.sent[0].clone();
    assert!(!first.repeat);
    till.pass(9_999);
    assert_eq!(till.sent.len(), 1, "not before its time");
    till.pass(1);
    let again = till.sent[1].clone();
    assert_eq!((again.repeat, &again.body), (true, &first.body));
    assert_ne!(again.correlation, first.correlation);
    till.serve();
    assert_eq!(till.verdict(), Some((Verdict::Approved, 0)));
    assert_eq!(till.gateway.applied.values().copied().collect::<Vec<_>>(), [(1, 0)]);
}

#[test]
fn after_three_sends_without_an_answer_the_connection_is_given_up_and_the_sale_is_not() {
    let mut till = Till::signed_on();
    till.sell(1250);
    for _ in 0..3 {
        assert_eq!(till.closed, None);
        till.terminal.received(at(till.ms), Incoming::Heartbeat);
        till.pass(10_000);
    }
    assert_eq!(till.closed, Some(CloseReason::Silence));
    till.connect();
    assert_eq!(till.verdict(), Some((Verdict::Approved, 0)));
}

#[test]
fn a_lost_answer_is_fetched_after_a_power_cut() {
    let mut till = Till::signed_on();
    till.sell(1250);
    let lost = till.answer();
    assert!(!lost.repeat);
    let mut till = till.restart();
    till.connect();
    assert_eq!(till.verdict(), Some((Verdict::Approved, 0)));
    assert_eq!(till.gateway.applied.values().copied().collect::<Vec<_>>(), [(1, 0)]);
}

#[test]
fn after_a_power_cut_everything_counts_as_sent_before() {
    let mut till = Till::signed_on();
    till.sell(1250);
    till.answer();
    let mut till = till.restart();
    till.terminal.connected(at(0));
    let hello = till.gateway.connect();
    till.receive(hello);
    let sign_on = till.answer();
    till.receive(sign_on);
    let again = till.sent.remove(0);
    assert_eq!((again.kind, again.repeat), (MessageType::PURCHASE, true));
    till.receive(transient(&again, ResponseCode::FORMAT_ERROR));
    assert!(till.outcome().is_none(), "the gateway may have decided it before the power cut");
    till.serve();
    assert_eq!(till.verdict(), Some((Verdict::Reversed, 0)));
}

#[test]
fn a_repeated_answer_is_an_approval_only_if_its_status_says_so() {
    for (state, verdict) in [
        (TransactionState::LIVE, Verdict::Approved),
        (TransactionState::REFUNDED_IN_PART, Verdict::Approved),
        (TransactionState::CAPTURED, Verdict::Approved),
        (TransactionState::LAPSED, Verdict::Reversed),
        (TransactionState::REVERSED, Verdict::Reversed),
        (TransactionState::VOIDED, Verdict::Reversed),
        (TransactionState::REFUNDED, Verdict::Reversed),
        (TransactionState::BLOCKED, Verdict::Reversed),
        (TransactionState(99), Verdict::Reversed),
    ] {
        let mut till = Till::signed_on();
        till.sell(1250);
        till.answer();
        till.gateway.journal.values_mut().for_each(|entry| entry.state = state);
        till.pass(10_000);
        till.serve();
        assert_eq!(till.outcome().unwrap().verdict, verdict, "{state:?}");
    }
}

#[test]
fn a_repeated_approval_without_a_status_is_no_answer() {
    let mut till = Till::signed_on();
    till.sell(1250);
    let first = till.answer();
    till.receive(Frame { repeat: true, ..first });
    assert!(matches!(till.alarm(), Some(Alarm::Unproven { .. })));
    assert!(till.outcome().is_none());
    till.pass(1_000);
    till.serve();
    assert_eq!(till.verdict(), Some((Verdict::Approved, 0)), "asked again, with a status");
}

#[test]
fn an_answer_without_a_receipt_that_verifies_is_no_answer() {
    let broken: [fn(&mut AnswerSidecar); 4] = [
        |sidecar| sidecar.receipt = None,
        |sidecar| sidecar.details_hash = None,
        |sidecar| sidecar.details_hash.as_mut().unwrap().0[0] ^= 1,
        |sidecar| {
            let mut receipt = sidecar.receipt.clone().unwrap().as_bytes().to_vec();
            *receipt.last_mut().unwrap() ^= 1;
            sidecar.receipt = Blob::new(receipt);
        },
    ];
    for breaks in broken {
        let mut till = Till::signed_on();
        till.sell(1250);
        let mut answer = till.answer();
        let mut sidecar = AnswerSidecar::decode(&answer.sidecar).unwrap();
        breaks(&mut sidecar);
        answer.sidecar = sidecar.encode();
        till.receive(answer);
        assert!(matches!(till.alarm(), Some(Alarm::Unproven { .. })));
        assert!(till.outcome().is_none());
    }
}

#[test]
fn the_answer_to_another_sale_does_not_pass_for_this_one() {
    let mut till = Till::signed_on();
    till.sell(1250);
    till.sell(1251);
    let (first, second) = (till.sent[0].correlation, till.sent[1].correlation);
    let (one, two) = (till.answer(), till.answer());
    till.receive(Frame { correlation: second, ..one });
    till.receive(Frame { correlation: first, ..two });
    assert!(till.outcome().is_none(), "both name another STAN");
    till.pass(1_000);
    till.serve();
    assert_eq!(till.terminal.state().unfinished().count(), 0, "asked again");
    assert!(till.gateway.applied.values().all(|counts| *counts == (1, 0)));
}

#[test]
fn an_answer_with_an_unknown_key_is_no_answer() {
    let mut till = Till::signed_on();
    let id = till.sell(1250);
    let mut answer = till.answer();
    let entries = answer.body[0] & 0x1f;
    answer.body[0] = 0xa0 | (entries + 1);
    let mut extra = Writer::new();
    extra.uint(99).uint(1);
    answer.body.extend(extra.finish());
    till.receive(answer.clone());
    assert!(matches!(till.alarm(), Some(Alarm::Unreadable { .. })));
    till.pass(1_000);
    let again = till.sent.remove(0);
    assert_eq!((again.kind, again.repeat), (MessageType::PURCHASE, true));
    till.receive(Frame { correlation: again.correlation, ..answer });
    assert!(till.outcome().is_none());
    till.give_up(id).unwrap();
    till.serve();
    assert_eq!(till.verdict(), Some((Verdict::Reversed, 0)));
}

#[test]
fn a_hold_is_in_every_approval_of_an_authorize_or_capture_and_nowhere_else() {
    for (body, approved, has_hold) in [
        (authorize(1250), true, true),
        (capture(1250), true, true),
        (authorize(700), false, false),
        (capture(700), false, false),
        (purchase(1250), true, false),
        (refund(1250), true, false),
        (transfer(1250), true, false),
        (void(), true, false),
    ] {
        let mut till = Till::signed_on();
        till.submit(body.clone());
        let frame = till.answer();
        let right = Answer::decode(&frame.body).unwrap();
        assert_eq!((right.code.is_approval(), right.hold.is_some()), (approved, has_hold));
        let hold = Hold { reference: 1, held: TotalMinor::MIN, expires: UnixSeconds::MAX };
        let wrong = Answer { hold: if has_hold { None } else { Some(hold) }, ..right };
        till.receive(Frame { body: wrong.encode(), ..frame });
        assert!(
            matches!(till.alarm(), Some(Alarm::Unreadable { error, .. }) if error.key == Some(18)),
            "{body:?}"
        );
        assert!(till.outcome().is_none());
        till.pass(1_000);
        till.serve();
        let verdict = if approved { Verdict::Approved } else { Verdict::Declined };
        assert_eq!(till.outcome().unwrap().verdict, verdict);
    }
}

#[test]
fn refund_authorize_capture_and_transfer_are_repeated_and_reversed_like_a_sale() {
    for body in [refund(1250), authorize(1250), capture(1250), transfer(1250)] {
        let mut till = Till::signed_on();
        till.submit(body.clone());
        let first = till.sent[0].clone();
        till.answer();
        let mut till = till.restart();
        till.connect();
        assert_eq!(till.verdict(), Some((Verdict::Approved, 0)), "the lost answer is fetched");
        assert_eq!(decoded(&first).body, body);

        let mut till = Till::signed_on();
        let id = till.submit(body);
        let late = till.answer();
        till.give_up(id).unwrap();
        assert_eq!(till.sent[0].kind, MessageType::REVERSAL);
        till.receive(late);
        assert!(till.outcome().is_none(), "the late approval does not count");
        till.serve();
        assert_eq!(till.verdict(), Some((Verdict::Reversed, 0)));
        assert_eq!(till.gateway.applied.values().copied().collect::<Vec<_>>(), [(1, 1)]);
    }
}

#[test]
fn a_void_is_never_reversed_and_is_sent_until_it_has_an_answer() {
    let mut till = Till::signed_on();
    let id = till.submit(void());
    let first = till.sent[0].clone();
    till.answer();
    assert_eq!(till.give_up(id), Err(GiveUpError::NotReversible));
    assert!(till.sent.is_empty());

    till.pass(10_000);
    let again = till.sent.remove(0);
    assert_eq!((again.kind, again.repeat, &again.body), (MessageType::VOID, true, &first.body));
    till.receive(transient(&again, ResponseCode::FORMAT_ERROR));
    assert!(till.outcome().is_none(), "the first one may have been decided");

    let mut till = till.restart();
    till.connect();
    assert_eq!(till.verdict(), Some((Verdict::Approved, 0)));
    assert!(till.gateway.journal.len() == 1, "no Reversal was ever sent");
    assert_eq!(till.give_up(id), Err(GiveUpError::NotReversible));
}

#[test]
fn a_refusal_of_another_stan_is_not_understood() {
    for (stan, understood) in [(Stan::new(2), false), (Stan::new(1), true), (None, true)] {
        let mut till = Till::signed_on();
        till.sell(1250);
        let sale = till.sent.remove(0);
        let mut refusal = transient(&sale, ResponseCode::BUSY);
        refusal.body = Answer { stan, ..Answer::decode(&refusal.body).unwrap() }.encode();
        till.receive(refusal);
        let waiting = till.events.iter().any(|event| matches!(event, Event::Waiting { .. }));
        assert_eq!((waiting, till.alarm().is_none()), (understood, understood));
    }
}

#[test]
fn a_refusal_of_another_kind_of_request_is_not_understood() {
    let mut till = Till::signed_on();
    till.sell(1250);
    let sale = till.sent.remove(0);
    let mut refusal = transient(&sale, ResponseCode::BUSY);
    refusal.body = Answer { kind: MessageType::LOAD, ..Answer::decode(&refusal.body).unwrap() }.encode();
    till.receive(refusal);
    assert!(matches!(till.alarm(), Some(Alarm::Unreadable { .. })));
}

#[test]
fn a_sale_that_is_given_up_is_reversed_until_acknowledged_and_never_sent_again() {
    let mut till = Till::signed_on();
    let id = till.sell(1250);
    let answer = till.answer();
    till.give_up(id).unwrap();
    let reversal = till.sent.remove(0);
    assert_eq!(reversal.kind, MessageType::REVERSAL);
    let Body::Reversal { original, reason } = decoded(&reversal).body else { panic!("no Reversal") };
    assert_eq!((original.stan, reason), (id.stan, Reason::CANCELLED));
    till.receive(answer);
    assert!(till.outcome().is_none(), "the late approval does not count");

    let mut till = till.restart();
    till.connect();
    assert_eq!(till.verdict(), Some((Verdict::Reversed, 0)));
    assert_eq!(till.outcome().unwrap().id, id);
    assert_eq!(till.gateway.applied.values().copied().collect::<Vec<_>>(), [(1, 1)]);
    assert_eq!(till.gateway.journal.len(), 2);
}

#[test]
fn a_sale_that_never_arrived_can_be_given_up_too() {
    let mut till = Till::signed_on();
    let id = till.sell(1250);
    let late = till.sent.remove(0);
    till.give_up(id).unwrap();
    till.serve();
    assert_eq!(till.verdict(), Some((Verdict::Reversed, 0)));
    let answer = till.gateway.handle(&late);
    assert_eq!(Answer::decode(&answer.body).unwrap().code, ResponseCode::ALREADY_REVERSED);
}

#[test]
fn an_approved_sale_can_be_given_up_until_it_is_acknowledged() {
    let mut till = Till::signed_on();
    let id = till.sell(1250);
    till.serve();
    till.give_up(id).unwrap();
    till.serve();
    assert_eq!(till.verdict(), Some((Verdict::Reversed, 0)));
    assert_eq!(till.give_up(id), Err(GiveUpError::Finished));
    till.terminal.acknowledge(id);
    assert_eq!(till.give_up(id), Err(GiveUpError::Unknown));
}

#[test]
fn a_sale_that_was_declined_needs_no_reversal() {
    let mut till = Till::signed_on();
    let id = till.sell(700);
    till.serve();
    assert_eq!(till.give_up(id), Err(GiveUpError::Finished));
    assert!(till.sent.is_empty());
}

#[test]
fn a_declined_sale_that_is_given_up_is_declined() {
    let mut till = Till::signed_on();
    let id = till.sell(700);
    till.answer();
    till.give_up(id).unwrap();
    till.pass(10_000);
    till.serve();
    assert_eq!(till.verdict(), Some((Verdict::Declined, 0)));
}

#[test]
fn transient_codes_are_waited_out() {
    for (code, pause_ms) in [(9, 1_000), (91, 1_000), (96, 1_000), (65, 60_000)] {
        let mut till = Till::signed_on();
        till.sell(1250);
        till.gateway.next_refusal = Some(ResponseCode(code));
        till.serve();
        assert!(matches!(till.events.last(), Some(Event::Waiting { .. })));
        till.terminal.received(at(till.ms), Incoming::Heartbeat);
        assert_eq!(till.terminal.next_timeout_ms().unwrap().min(pause_ms), pause_ms.min(30_000));
        till.pass(pause_ms - 1);
        assert_eq!((till.sent.len(), till.closed), (0, None), "{code} is sent again too early");
        till.pass(1);
        assert!(till.sent[0].repeat);
        till.serve();
        assert_eq!(till.verdict(), Some((Verdict::Approved, 0)), "{code}");
    }
}

#[test]
fn a_request_that_was_refused_without_a_decision_is_declined() {
    for code in [30, 63, 77] {
        let mut till = Till::signed_on();
        till.sell(1250);
        till.gateway.next_refusal = Some(ResponseCode(code));
        till.serve();
        assert_eq!(till.verdict(), Some((Verdict::Declined, code)));
        assert!(till.outcome().unwrap().proof.is_none());
    }
}

#[test]
fn a_refusal_after_an_unanswered_send_is_made_sure_of_by_a_reversal() {
    let mut till = Till::signed_on();
    till.sell(1250);
    till.answer();
    till.pass(10_000);
    let again = till.sent.remove(0);
    till.receive(transient(&again, ResponseCode::FORMAT_ERROR));
    assert_eq!(till.sent[0].kind, MessageType::REVERSAL);
    till.serve();
    assert_eq!(till.verdict(), Some((Verdict::Reversed, 0)));
}

#[test]
fn a_stan_that_is_taken_is_an_alarm_and_a_decline_and_a_reversal_gets_another_one() {
    let mut till = Till::signed_on();
    let id = till.sell(1250);
    let first = till.sent.remove(0);
    till.receive(transient(&first, ResponseCode::STAN_USED));
    assert_eq!(till.alarm(), Some(Alarm::StanUsed { id }));
    assert_eq!(till.verdict(), Some((Verdict::Declined, 94)));

    let mut till = Till::signed_on();
    let id = till.sell(1250);
    till.answer();
    till.give_up(id).unwrap();
    let reversal = till.sent.remove(0);
    assert_eq!(decoded(&reversal).header.stan, Stan::new(2));
    till.receive(transient(&reversal, ResponseCode::STAN_USED));
    assert_eq!(decoded(&till.sent[0]).header.stan, Stan::new(3));
    till.serve();
    assert_eq!(till.verdict(), Some((Verdict::Reversed, 0)));
}

#[test]
fn a_locked_terminal_closes_and_keeps_its_sales() {
    for code in [88, 89, 97] {
        let mut till = Till::signed_on();
        till.sell(1250);
        let sale = till.sent.remove(0);
        till.receive(transient(&sale, ResponseCode(code)));
        assert_eq!(till.closed, Some(CloseReason::NotAdmitted));
        assert!(
            till.events
                .iter()
                .any(|event| matches!(event, Event::Refused(refused) if refused.code.0 == code))
        );
        assert_eq!(till.terminal.state().unfinished().count(), 1);
    }
}

#[test]
fn no_more_requests_are_in_flight_than_the_session_allows() {
    let mut till = Till::signed_on();
    for amount in 1..=6 {
        till.sell(amount);
    }
    assert_eq!((till.sent.len(), till.terminal.free_slots()), (4, 0));
    let refused = till.terminal.ask(at(0), Body::Echo, Details::default(), RequestSidecar::default());
    assert_eq!(refused, Err(SubmitError::NoSlot));
    let answer = till.answer();
    till.receive(answer);
    assert_eq!(till.sent.len(), 4, "three unanswered and one more");
    till.serve();
    assert_eq!(till.gateway.applied.len(), 6);
}

#[test]
fn a_sale_made_offline_is_sent_after_sign_on() {
    let mut till = Till::with(enrolled());
    till.sell(1250);
    assert!(till.sent.is_empty());
    till.connect();
    assert_eq!(till.verdict(), Some((Verdict::Approved, 0)));
}

#[test]
fn sign_on_shows_the_last_stan_and_the_newest_receipt() {
    let mut till = Till::signed_on();
    till.sell(1250);
    till.serve();
    let newest = till.terminal.state().last_receipt.clone().unwrap();
    let mut till = till.restart();
    till.terminal.connected(at(till.ms));
    let hello = till.gateway.connect();
    till.receive(hello);
    let Body::SignOn { last_stan, last_receipt, .. } = decoded(&till.sent[0]).body else {
        panic!("no SignOn")
    };
    assert_eq!((last_stan, last_receipt), (1, Some(newest)));
}

#[test]
fn the_newest_receipt_is_kept_whatever_the_order_of_answers() {
    let mut till = Till::signed_on();
    till.sell(1);
    till.sell(2);
    let (first, second) = (till.answer(), till.answer());
    till.receive(second);
    let newest = till.terminal.state().last_receipt.clone().unwrap();
    till.receive(first);
    assert_eq!(till.terminal.state().last_receipt, Some(newest));
    till.sell(3);
    till.serve();
    let third = till.outcome().unwrap().request_id;
    assert_eq!(till.terminal.state().last_receipt.as_ref().map(|last| last.request_id), Some(third));
}

#[test]
fn a_pin_is_never_stored_and_its_sale_is_reversed_after_a_power_cut() {
    let mut till = Till::signed_on();
    let sidecar = RequestSidecar { pin: Pin::new("739154"), ..Default::default() };
    till.terminal.submit(at(0), purchase(1250), Details::default(), sidecar).unwrap();
    till.drain();
    assert!(till.sent[0].sidecar.windows(6).any(|window| window == b"739154"));
    assert!(!till.stored.windows(6).any(|window| window == b"739154"));
    let mut till = till.restart();
    till.connect();
    assert_eq!(till.verdict(), Some((Verdict::Reversed, 0)));
}

#[test]
fn a_terminal_enrols_with_its_ticket_and_signs_on() {
    let (ticket, code, gateway) = ticket_text();
    let mut till = Till::with(State::new(super::terminal_id()));
    till.terminal.enroll(ticket.parse().unwrap(), Blob::new(terminal_ed25519().spki()).unwrap());
    till.terminal.connected(at(0));
    let hello = till.gateway.connect();
    let nonce = Hello::decode(&hello.body).unwrap().nonce;
    till.receive(hello);
    let request = decoded(&till.sent[0]);
    assert_eq!(request.header.nonce, Some(nonce));
    let Body::Enroll { code: sent, public_key, gateway: named, .. } = request.body else {
        panic!("no Enroll")
    };
    assert_eq!((sent, public_key.as_bytes(), named), (code, &*terminal_ed25519().spki(), gateway));
    till.serve();
    assert!(matches!(till.events[0], Event::Enrolled { generation: Generation::FIRST, .. }));
    assert!(matches!(till.events[1], Event::SignedOn { grant: None, .. }));
    assert!(till.terminal.is_signed_on());
    assert_eq!(State::decode(&till.stored).unwrap().generation, Some(Generation::FIRST));
}

#[test]
fn an_enrolment_without_a_receipt_that_verifies_is_tried_again() {
    let mut till = Till::with(State::new(super::terminal_id()));
    till.terminal.enroll(ticket_text().0.parse().unwrap(), Blob::new(terminal_ed25519().spki()).unwrap());
    till.terminal.connected(at(0));
    let hello = till.gateway.connect();
    till.receive(hello);
    let answer = till.answer();
    till.receive(Frame { sidecar: Vec::new(), ..answer });
    assert_eq!((till.closed, till.terminal.state().generation), (Some(CloseReason::BrokenGateway), None));
    till.connect();
    assert!(till.terminal.is_signed_on());
    assert!(till.terminal.state().last_receipt.is_some(), "a witness from the first");
}

#[test]
fn the_repeated_answer_to_an_enrolment_counts_though_its_receipt_names_the_first_one() {
    let mut till = Till::with(State::new(super::terminal_id()));
    till.terminal.enroll(ticket_text().0.parse().unwrap(), Blob::new(terminal_ed25519().spki()).unwrap());
    till.terminal.connected(at(0));
    let hello = till.gateway.connect();
    till.receive(hello);
    let first = till.answer();
    till.terminal.connected(at(0));
    let hello = till.gateway.connect();
    till.receive(hello);
    let again = till.sent.remove(0);
    till.receive(Frame { repeat: true, correlation: again.correlation, ..first });
    till.serve();
    assert!(till.terminal.is_signed_on());
}

#[test]
fn a_new_generation_leaves_old_sales_unresolved_and_counts_from_one() {
    let mut till = Till::signed_on();
    let id = till.sell(1250);
    let mut till = till.restart();
    till.gateway.generation = Generation::new(2).unwrap();
    till.terminal.enroll(ticket_text().0.parse().unwrap(), Blob::new(terminal_ed25519().spki()).unwrap());
    till.connect();
    assert_eq!(till.outcome().map(|outcome| (outcome.id, outcome.verdict)), Some((id, Verdict::Unresolved)));
    let next = till.sell(1);
    assert_eq!((next.generation.get(), next.stan.get()), (2, 1));
}

#[test]
fn a_gateway_of_another_installation_is_left() {
    let mut till = Till::signed_on();
    till.terminal.connected(at(0));
    let mut hello = till.gateway.connect();
    let mut body = Hello::decode(&hello.body).unwrap();
    body.installation.0[0] ^= 1;
    hello.body = body.encode();
    till.receive(hello);
    assert_eq!((till.closed, till.sent.len()), (Some(CloseReason::OtherInstallation), 0));
}

#[test]
fn questions_are_answered_or_fail_and_are_never_repeated() {
    let mut till = Till::signed_on();
    let first = till.ask(Body::BalanceInquiry { card: card() }, Details::default()).unwrap();
    till.serve();
    assert!(matches!(&till.events[..], [Event::Replied { question, reply: Ok(_) }] if *question == first));

    till.ask(Body::Echo, Details::default()).unwrap();
    till.pass(10_000);
    assert_eq!(till.closed, Some(CloseReason::Silence));
    assert!(matches!(till.events.last(), Some(Event::Replied { reply: Err(NoReply::Silence), .. })));
    till.connect();
    assert!(till.sent.is_empty());
}

#[test]
fn a_sale_may_cite_the_quote_that_came_before_it() {
    let mut till = Till::signed_on();
    let body = Body::PurchaseQuote { card: card(), amount: amount(1250), lines: None, points: None };
    till.ask(body, Details { shift: Shift::new(311), ..Details::default() }).unwrap();
    let question = decoded(&till.sent[0]).header;
    assert_eq!((question.shift, question.currency), (None, Currency::new(156)));
    till.serve();
    let quote = till.reply().unwrap().answer.quote.unwrap().id;

    let details = Details { quote: Some(quote), ..Details::default() };
    till.terminal.submit(at(0), purchase(1250), details, RequestSidecar::default()).unwrap();
    till.drain();
    assert_eq!(decoded(&till.sent[0]).header.quote, Some(quote));
    till.serve();
    assert_eq!(till.verdict(), Some((Verdict::Approved, 0)));
}

#[test]
fn a_shift_report_names_its_shift_and_lists_what_was_decided() {
    let mut till = Till::signed_on();
    for minor in [1250, 700, 1000] {
        till.sell(minor);
    }
    till.serve();
    let refused = till.ask(Body::ShiftReport { after: 0 }, Details::default());
    assert!(matches!(refused, Err(SubmitError::Format(error)) if error.key == Some(9)), "{refused:?}");

    let details = Details { shift: Shift::new(311), ..Details::default() };
    till.ask(Body::ShiftReport { after: 1 }, details).unwrap();
    assert_eq!(decoded(&till.sent[0]).header.shift, Shift::new(311));
    till.serve();
    let answer = till.reply().unwrap().answer;
    let listed = answer.transactions.unwrap();
    let amounts: Vec<_> =
        listed.as_slice().iter().map(|one| (one.stan.get(), one.amount.map(|amount| amount.get()))).collect();
    assert_eq!(amounts, [(2, None), (3, Some(1000))]);
    assert_eq!((answer.listed_to, answer.host_last_stan), (Some(3), Some(3)));
}

#[test]
fn the_state_in_a_transaction_status_is_the_signed_one() {
    let mut till = Till::signed_on();
    let id = till.sell(1250);
    till.serve();
    let mut answer = till.status_of(id);
    let forged = Answer { state: Some(TransactionState::UNKNOWN), ..Answer::decode(&answer.body).unwrap() };
    answer.body = forged.encode();
    till.receive(answer);
    assert_eq!(till.reply().unwrap().state, Some(TransactionState::LIVE));
}

#[test]
fn a_stored_answer_in_a_transaction_status_is_proven_by_its_own_receipt() {
    let mut till = Till::signed_on();
    let id = till.sell(1250);
    till.answer();
    let answer = till.status_of(id);
    till.receive(answer);
    let reply = till.reply().unwrap();
    assert_eq!(reply.state, Some(TransactionState::LIVE));
    let stored = reply.answer.stored_answer.unwrap();
    assert_eq!(Answer::decode(stored.as_bytes()).unwrap().code, ResponseCode::APPROVED);
    // As with a repeated answer, the receipt is a witness from now on, after a power cut too.
    let witness = State::decode(&till.stored).unwrap().last_receipt.unwrap();
    assert_eq!(witness.request_id, till.terminal.original(id).unwrap().request_id);
}

#[test]
fn a_transaction_status_that_is_not_proven_is_no_reply() {
    let forgeries: [fn(&mut Answer, &mut AnswerSidecar); 6] = [
        |answer, _| {
            let stored = Answer::decode(answer.stored_answer.as_ref().unwrap().as_bytes()).unwrap();
            let forged = Answer { code: ResponseCode::NOT_SUFFICIENT_FUNDS, ..stored };
            answer.stored_answer = Blob::new(forged.encode());
        },
        |_, sidecar| sidecar.receipt = None,
        |_, sidecar| sidecar.details_hash = None,
        |_, sidecar| sidecar.details_hash.as_mut().unwrap().0[0] ^= 1,
        |_, sidecar| {
            let mut receipt = sidecar.receipt.clone().unwrap().as_bytes().to_vec();
            *receipt.last_mut().unwrap() ^= 1;
            sidecar.receipt = Blob::new(receipt);
        },
        |_, sidecar| sidecar.status = None,
    ];
    for forge in forgeries {
        let mut till = Till::signed_on();
        let id = till.sell(1250);
        till.answer();
        let mut frame = till.status_of(id);
        let mut answer = Answer::decode(&frame.body).unwrap();
        let mut sidecar = AnswerSidecar::decode(&frame.sidecar).unwrap();
        forge(&mut answer, &mut sidecar);
        (frame.body, frame.sidecar) = (answer.encode(), sidecar.encode());
        till.receive(frame);
        assert!(matches!(till.reply(), Err(NoReply::Unproven(_))));
        assert_eq!(till.terminal.state().last_receipt, None);
    }
}

#[test]
fn another_sale_s_stored_answer_and_status_do_not_pass_for_this_one_s() {
    let mut till = Till::signed_on();
    let (first, second) = (till.sell(1250), till.sell(1251));
    till.serve();
    let (one, two) = (till.status_of(first), till.status_of(second));
    let other = AnswerSidecar::decode(&one.sidecar).unwrap();
    let status = AnswerSidecar::decode(&two.sidecar).unwrap().status;
    // All of the other sale's; then its stored answer and receipt beside this one's own status.
    for sidecar in [other.clone(), AnswerSidecar { status, ..other }] {
        let asked = till.status_of(second);
        till.receive(Frame { correlation: asked.correlation, sidecar: sidecar.encode(), ..one.clone() });
        assert!(matches!(till.reply(), Err(NoReply::Unproven(_))));
    }
}

#[test]
fn a_transaction_status_without_a_stored_answer_needs_a_status_and_no_receipt() {
    let mut till = Till::signed_on();
    let id = till.sell(1250);
    till.sent.clear();
    let answer = till.status_of(id);
    assert_eq!(Answer::decode(&answer.body).unwrap().stored_answer, None);
    let sidecar = AnswerSidecar::decode(&answer.sidecar).unwrap();
    assert!(sidecar.receipt.is_none() && sidecar.status.is_some());
    till.receive(answer);
    assert_eq!(till.reply().unwrap().state, Some(TransactionState::UNKNOWN));

    let unproven = Frame { sidecar: Vec::new(), ..till.status_of(id) };
    till.receive(unproven);
    assert!(matches!(till.reply(), Err(NoReply::Unproven(_))));

    // One that is not found has neither state nor status.
    let mut refusal = till.status_of(id);
    refusal.body = Answer {
        code: ResponseCode::ORIGINAL_NOT_FOUND,
        state: None,
        ..Answer::decode(&refusal.body).unwrap()
    }
    .encode();
    refusal.sidecar = Vec::new();
    till.receive(refusal);
    let reply = till.reply().unwrap();
    assert_eq!((reply.state, reply.answer.code), (None, ResponseCode::ORIGINAL_NOT_FOUND));
}

#[test]
fn an_idle_terminal_sends_heartbeats_and_leaves_a_silent_gateway() {
    let mut till = Till::signed_on();
    assert_eq!(till.terminal.next_timeout_ms(), Some(30_000));
    till.pass(30_000);
    assert_eq!(till.heartbeats, 1);
    till.terminal.received(at(till.ms), Incoming::Heartbeat);
    till.pass(30_000);
    till.pass(30_000);
    assert_eq!((till.heartbeats, till.closed), (3, None));
    till.pass(30_000);
    assert_eq!(till.closed, Some(CloseReason::Silence));
    assert_eq!(till.terminal.next_timeout_ms(), None);
}

#[test]
fn sign_off_closes_when_it_is_answered() {
    let mut till = Till::signed_on();
    till.terminal.sign_off(at(0));
    till.drain();
    assert_eq!((till.sent[0].kind, till.closed), (MessageType::SIGN_OFF, None));
    till.serve();
    assert_eq!(till.closed, Some(CloseReason::SignedOff));
}

#[test]
fn what_is_no_answer_ends_the_connection() {
    let mut till = Till::signed_on();
    till.sell(1250);
    let mut answer = till.answer();
    answer.kind = MessageType::LOAD.answer();
    till.receive(answer);
    assert_eq!(till.closed, Some(CloseReason::BrokenGateway));
    till.connect();
    assert_eq!(till.terminal.received_bytes(at(0), &[0, 1]), 2);
    till.drain();
    assert_eq!(till.closed, Some(CloseReason::BrokenGateway));
}

#[test]
fn bytes_are_taken_frame_by_frame_however_they_are_split() {
    let mut till = Till::with(enrolled());
    till.terminal.connected(at(0));
    let mut bytes = Vec::new();
    till.gateway.connect().encode(&mut bytes).unwrap();
    bytes.extend([0, 0]);
    for end in 0..bytes.len() - 2 {
        assert_eq!(till.terminal.received_bytes(at(0), &bytes[..end]), 0);
    }
    assert_eq!(till.terminal.received_bytes(at(0), &bytes), bytes.len());
    till.drain();
    assert_eq!(till.sent[0].kind, MessageType::SIGN_ON);
}
