//! One connection: Hello, Enroll, SignOn, heartbeats, SignOff, and its end (sections 9 and 10).

use alloc::vec::Vec;

use super::action::{Action, CloseReason, Event, NoReply, Refused};
use super::exchange::{Flight, What};
use super::reading::{check_keys, check_receipt};
use super::settings::Now;
use super::ticket::EnrolmentTicket;
use super::{Terminal, Verdict};
use crate::answer::{Answer, AnswerSidecar};
use crate::code::ResponseCode;
use crate::field::{Blob, Generation, Installation, Nonce, ProgrammeDigest, ProtocolVersion, RequestId};
use crate::frame::{self, Frame, HEARTBEAT, Incoming, MessageType};
use crate::hello::Hello;
use crate::receipt::{Grant, ReceiptError};
use crate::request::{Body, Header, Request};

/// The gateway closes after three silent heartbeat times, and so does the terminal.
const SILENT_HEARTBEATS: u64 = 3;

/// Where a connection is.
#[derive(Debug)]
pub(super) enum Link {
    Down,
    AwaitHello {
        deadline_ms: u64,
    },
    /// Enroll or SignOn is on its way.
    Admission {
        hello: Hello,
    },
    Open(Session),
}

/// What sign-on granted.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) nonce: Nonce,
    pub(super) in_flight: usize,
    pub(super) programme: Option<ProgrammeDigest>,
    heartbeat_ms: u64,
    last_sent_ms: u64,
    last_received_ms: u64,
}

/// An enrolment that was asked for and not yet answered.
#[derive(Clone, Debug)]
pub(super) struct Enrolment {
    ticket: EnrolmentTicket,
    public_key: Blob<128>,
}

impl Terminal {
    /// Enrols at the next Hello, with the key that [`super::Settings`] name and the connection uses.
    ///
    /// `public_key` is its SubjectPublicKeyInfo (DER, at most 128 bytes). The key must be in durable storage before:
    /// should the answer be lost, the same key and code get the same answer again.
    pub fn enroll(&mut self, ticket: EnrolmentTicket, public_key: Blob<128>) {
        self.enrolment = Some(Enrolment { ticket, public_key });
    }

    /// A connection is there: the TLS handshake is done and the gateway's fingerprint is the pinned one.
    pub fn connected(&mut self, now: Now) {
        self.drop_link();
        let deadline_ms = now.ms.saturating_add(self.settings.answer_timeout_ms);
        self.link = Link::AwaitHello { deadline_ms };
    }

    /// The connection is gone, whoever ended it.
    pub fn disconnected(&mut self) {
        self.drop_link();
    }

    /// A frame or heartbeat has arrived.
    pub fn received(&mut self, now: Now, incoming: Incoming) {
        if let Link::Open(session) = &mut self.link {
            session.last_received_ms = now.ms;
        }
        let Incoming::Frame(frame) = incoming else { return };
        match &self.link {
            Link::Down => {}
            Link::AwaitHello { .. } => self.on_hello(now, &frame),
            Link::Admission { .. } | Link::Open(_) if frame.kind.is_answer() => self.on_answer(now, &frame),
            Link::Admission { .. } | Link::Open(_) => self.close(CloseReason::BrokenGateway),
        }
    }

    /// When [`Terminal::timed_out`] wants to be called next, on the clock of [`Now::ms`].
    pub fn next_timeout_ms(&self) -> Option<u64> {
        let link = match &self.link {
            Link::Down => return None,
            Link::AwaitHello { deadline_ms } => Some(*deadline_ms),
            Link::Admission { .. } => None,
            Link::Open(session) => Some(session.heartbeat_due_ms().min(session.silence_ms())),
        };
        [link, self.next_exchange_ms()].into_iter().flatten().min()
    }

    /// Time has passed: sends again what got no answer, sends heartbeats, gives up a silent connection.
    pub fn timed_out(&mut self, now: Now) {
        match &mut self.link {
            Link::Down => return,
            Link::AwaitHello { deadline_ms } if *deadline_ms <= now.ms => {
                return self.close(CloseReason::Silence);
            }
            Link::Open(session) if session.silence_ms() <= now.ms => return self.close(CloseReason::Silence),
            Link::Open(session) if session.heartbeat_due_ms() <= now.ms => {
                session.last_sent_ms = now.ms;
                self.actions.push_back(Action::Send(HEARTBEAT.to_vec()));
            }
            _ => {}
        }
        self.overdue_exchanges(now);
    }

    /// Ends the session: SignOff, and the connection is closed when it is answered.
    pub fn sign_off(&mut self, now: Now) {
        if let Link::Open(session) = &self.link {
            let nonce = session.nonce;
            self.send_session(now, nonce, Body::SignOff, |_| What::SignOff);
        }
    }

    pub(super) fn close(&mut self, reason: CloseReason) {
        self.drop_link();
        self.actions.push_back(Action::Close(reason));
    }

    /// Forgets the connection; what was sent on it counts as unanswered.
    fn drop_link(&mut self) {
        self.link = Link::Down;
        let flights = core::mem::take(&mut self.flights);
        for flight in flights.into_values() {
            if let What::Question { number, .. } = flight.what {
                self.report(Event::Replied { question: number, reply: Err(NoReply::Silence) });
            }
        }
        self.attempts.values_mut().for_each(super::exchange::Attempts::link_is_gone);
    }

    fn on_hello(&mut self, now: Now, frame: &Frame) {
        let Some(hello) = Some(frame).filter(|frame| frame.kind == MessageType::HELLO) else {
            return self.close(CloseReason::BrokenGateway);
        };
        let Ok(hello) = Hello::decode(&hello.body) else { return self.close(CloseReason::BrokenGateway) };
        if self.state.installation.is_some_and(|pinned| pinned != hello.installation) {
            return self.close(CloseReason::OtherInstallation);
        }
        self.link = Link::Admission { hello };
        match self.enrolment.clone() {
            Some(enrolment) => self.send_enroll(now, &hello, enrolment),
            None if self.state.generation.is_some() => self.send_sign_on(now, &hello),
            None => self.close(CloseReason::NotEnrolled),
        }
    }

    fn send_enroll(&mut self, now: Now, hello: &Hello, enrolment: Enrolment) {
        let body = Body::Enroll {
            software: self.settings.software,
            code: enrolment.ticket.code,
            public_key: enrolment.public_key,
            gateway: enrolment.ticket.gateway,
            protocol_version: ProtocolVersion::MIN,
        };
        self.send_session(now, hello.nonce, body, |request_id| What::Enroll { request_id });
    }

    fn send_sign_on(&mut self, now: Now, hello: &Hello) {
        let body = Body::SignOn {
            software: self.settings.software,
            last_stan: self.state.last_stan,
            last_receipt: self.state.last_receipt.clone(),
            protocol_version: ProtocolVersion::MIN,
        };
        self.send_session(now, hello.nonce, body, |_| What::SignOn);
    }

    /// Signs and sends a session message; a message that cannot be signed ends the connection.
    pub(super) fn send_session(&mut self, now: Now, nonce: Nonce, body: Body, what: fn(RequestId) -> What) {
        let generation = self.state.generation.filter(|_| body.kind() != MessageType::ENROLL);
        let header = Header::session(self.state.terminal, generation, nonce, self.settings.key_id, now.wall);
        match self.sign(&Request { header, body }) {
            Ok((kind, signed)) => {
                let what = what(signed.request_id);
                self.send_frame(now, kind, signed.body, Vec::new(), false, what);
            }
            Err(_) => self.close(CloseReason::KeyStore),
        }
    }

    /// Puts a frame on its way and remembers to wait for its answer.
    pub(super) fn send_frame(
        &mut self,
        now: Now,
        kind: MessageType,
        body: Vec<u8>,
        sidecar: Vec<u8>,
        repeat: bool,
        what: What,
    ) {
        let correlation = self.next_correlation;
        self.next_correlation = correlation.wrapping_add(1);
        let mut bytes = Vec::new();
        if (Frame { repeat, kind, correlation, body, sidecar }).encode(&mut bytes).is_err() {
            // Cannot happen: submit and ask refuse what does not fit.
            return self.close(CloseReason::KeyStore);
        }
        if let Link::Open(session) = &mut self.link {
            session.last_sent_ms = now.ms;
        }
        let deadline_ms = now.ms.saturating_add(self.settings.answer_timeout_ms);
        self.flights.insert(correlation, Flight::new(what, kind, deadline_ms));
        self.actions.push_back(Action::Send(bytes));
    }

    pub(super) fn on_enroll_answer(
        &mut self,
        now: Now,
        frame: &Frame,
        answer: Answer,
        request_id: RequestId,
    ) {
        let Link::Admission { hello } = self.link else { return };
        let Some(generation) = answer.generation.filter(|_| answer.code == ResponseCode::APPROVED) else {
            // The code is used up, or one of its few tries is.
            self.enrolment = None;
            return self.not_admitted(&answer);
        };
        if !frame.repeat {
            // A repeated answer's receipt is that of an earlier Enroll, over the nonce of an earlier connection.
            let sidecar = AnswerSidecar::decode(&frame.sidecar).unwrap_or_default();
            match check_receipt(&frame.body, sidecar, &request_id, &hello.installation, &self.keys) {
                Ok(stored) => self.state.witness(request_id, &stored, self.keys.sha256),
                Err(_) => return self.close(CloseReason::BrokenGateway),
            }
        }
        self.enrolment = None;
        self.start_generation(generation, hello.installation);
        self.state.currency = answer.currency.map(|unit| unit.number);
        self.unsaved = true;
        self.report(Event::Enrolled { generation, answer });
        self.send_sign_on(now, &hello);
    }

    /// A new generation closes the STANs of the earlier one: what is unfinished there stays so.
    fn start_generation(&mut self, generation: Generation, installation: Installation) {
        self.state.installation = Some(installation);
        if self.state.generation == Some(generation) {
            return;
        }
        self.state.generation = Some(generation);
        self.state.last_stan = 0;
        self.state.allowance = None;
        let unresolved: Vec<_> = self.state.unfinished().map(|unfinished| unfinished.id).collect();
        for id in unresolved {
            self.finish(id, Verdict::Unresolved, ResponseCode::TERMINAL_NOT_ACTIVE, None);
        }
    }

    pub(super) fn on_sign_on_answer(&mut self, now: Now, answer: Answer) {
        let Link::Admission { hello } = self.link else { return };
        if answer.code != ResponseCode::APPROVED {
            return self.not_admitted(&answer);
        }
        let Ok(grant) = self.read_grant(&answer) else { return self.close(CloseReason::BrokenGateway) };
        self.take_grant(grant.zip(answer.grant.clone()));
        self.link = Link::Open(Session {
            nonce: hello.nonce,
            in_flight: answer.in_flight.and_then(|limit| usize::try_from(limit.get()).ok()).unwrap_or(1),
            programme: answer.programme_digest,
            heartbeat_ms: u64::from(answer.heartbeat_seconds.unwrap_or(60)).saturating_mul(1000).max(1000),
            last_sent_ms: now.ms,
            last_received_ms: now.ms,
        });
        if let Some(unit) = answer.currency.filter(|unit| self.state.currency != Some(unit.number)) {
            self.state.currency = Some(unit.number);
            self.unsaved = true;
        }
        self.report(Event::SignedOn { answer, grant });
        self.send_waiting(now);
    }

    /// The grant in the answer to a SignOn, if there is one. It must be the gateway's word to this terminal.
    fn read_grant(&self, answer: &Answer) -> Result<Option<Grant>, ReceiptError> {
        check_keys(answer)?;
        let (Some(bytes), Some(installation)) = (&answer.grant, &self.state.installation) else {
            return Ok(None);
        };
        let grant = Grant::check(bytes.as_bytes(), installation, &*self.keys.verify_gateway)?;
        let ours = self.state.generation.is_some_and(|ours| grant.is_for(&self.state.terminal, ours));
        if ours { Ok(Some(grant)) } else { Err(ReceiptError::OtherRequest) }
    }

    pub(super) fn not_admitted(&mut self, answer: &Answer) {
        self.report(Event::Refused(Refused { code: answer.code, detail: answer.detail }));
        self.close(CloseReason::NotAdmitted);
    }
}

impl Session {
    fn heartbeat_due_ms(&self) -> u64 {
        self.last_sent_ms.saturating_add(self.heartbeat_ms)
    }

    fn silence_ms(&self) -> u64 {
        self.last_received_ms.saturating_add(self.heartbeat_ms.saturating_mul(SILENT_HEARTBEATS))
    }
}

impl Terminal {
    /// Takes frames off the front of `buffer` and handles them; returns how many bytes it took. Call it again with the
    /// rest and what came after. Bytes that are no frame end the connection.
    pub fn received_bytes(&mut self, now: Now, buffer: &[u8]) -> usize {
        let mut taken: usize = 0;
        while let Some(rest) = buffer.get(taken..) {
            match frame::decode(rest) {
                Ok(Some((incoming, length))) => {
                    taken = taken.saturating_add(length);
                    self.received(now, incoming);
                }
                Ok(None) => break,
                Err(_) => {
                    self.close(CloseReason::BrokenGateway);
                    return buffer.len();
                }
            }
        }
        taken
    }
}
