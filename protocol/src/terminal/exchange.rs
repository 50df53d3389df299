//! Requests on their way and the answers to them (section 11).

use super::action::{Alarm, CloseReason, Event, NoReply, Refused, Reply, Verdict};
use super::link::Link;
use super::reading::{Asked, FinalAnswer, Reading, check_keys, prove_status, read};
use super::settings::Now;
use super::state::{Finished, Sidecar, StoredAnswer, TransactionId};
use super::{Action, Terminal};
use crate::answer::{Answer, AnswerSidecar};
use crate::code::ResponseCode;
use crate::field::{Nonce, Original, Reason, RequestId, Stan, TransactionState};
use crate::frame::{Frame, MessageType};

/// How long code 65 (too many unknown cards) tells a terminal to wait.
const GUESSING_PAUSE_MS: u64 = 60_000;
/// How long to wait before a Reversal that was refused is sent again: a fault that time alone may mend.
const REVERSAL_PAUSE_MS: u64 = 30_000;

/// A request whose answer is awaited on this connection.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) what: What,
    kind: MessageType,
    deadline_ms: u64,
    overdue: bool,
}

/// What was sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    Enroll {
        request_id: RequestId,
    },
    SignOn,
    SignOff,
    Question {
        number: u32,
        original: Option<Original>,
    },
    /// A value message of the entry `id`: the request itself or its Reversal, as `stan` tells.
    Value {
        id: TransactionId,
        stan: Stan,
    },
}

/// How often an unfinished request (or its Reversal) was sent.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// Ever, as far as is known.
    total: u32,
    on_link: u32,
    in_air: bool,
    not_before_ms: u64,
}

impl Flight {
    pub(super) fn new(what: What, kind: MessageType, deadline_ms: u64) -> Self {
        Flight { what, kind, deadline_ms, overdue: false }
    }

    /// Its time is over; a late answer still counts.
    pub(super) fn is_overdue(&self) -> bool {
        self.overdue
    }
}

impl Attempts {
    /// After a restart: it may have been sent any number of times.
    pub(super) fn unknown() -> Self {
        Attempts { total: 2, ..Attempts::default() }
    }

    pub(super) fn link_is_gone(&mut self) {
        self.on_link = 0;
        self.in_air = false;
        self.not_before_ms = 0;
    }
}

impl Terminal {
    /// Sends what waits, oldest first, as far as the session's limit and the pauses allow.
    pub(super) fn send_waiting(&mut self, now: Now) {
        for id in self.state.unfinished().map(|unfinished| unfinished.id).collect::<alloc::vec::Vec<_>>() {
            if self.free_slots() == 0 {
                return;
            }
            let attempts = self.attempts.entry(id).or_default();
            if attempts.in_air || attempts.not_before_ms > now.ms {
                continue;
            }
            if attempts.on_link >= self.settings.sends_per_connection {
                return self.close(CloseReason::Silence);
            }
            self.send_entry(now, id);
        }
    }

    /// Sends an unfinished request, or its Reversal once it was given up.
    fn send_entry(&mut self, now: Now, id: TransactionId) {
        let Some(entry) = self.state.entries.get(&id) else { return };
        let (kind, body, sidecar) = match (&entry.reversal, &entry.sidecar) {
            (Some(reversal), _) => {
                (MessageType::REVERSAL, reversal.signed.body.clone(), alloc::vec::Vec::new())
            }
            (None, Sidecar::Durable(sidecar) | Sidecar::InMemory(sidecar)) => {
                (entry.kind, entry.request.body.clone(), sidecar.clone())
            }
            // The PIN is gone, so the gateway could only decline it: whatever was applied must be undone.
            (None, Sidecar::Lost) if entry.kind.may_be_given_up() => {
                return self.reverse(now, id, Reason::TERMINAL_FAULT);
            }
            // Where that cannot be, the answer is the stored one, or a decline: both are final.
            (None, Sidecar::Lost) => (entry.kind, entry.request.body.clone(), alloc::vec::Vec::new()),
        };
        let what = What::Value { id, stan: entry.current_stan(id) };
        let attempts = self.attempts.entry(id).or_default();
        let repeat = attempts.total > 0;
        attempts.total = attempts.total.saturating_add(1);
        attempts.on_link = attempts.on_link.saturating_add(1);
        attempts.in_air = true;
        self.send_frame(now, kind, body, sidecar, repeat, what);
    }

    /// The earliest deadline of a flight or end of a pause.
    pub(super) fn next_exchange_ms(&self) -> Option<u64> {
        let deadlines =
            self.flights.values().filter(|flight| !flight.overdue).map(|flight| flight.deadline_ms);
        let can_send = self.free_slots() > 0;
        let pauses = self
            .attempts
            .values()
            .filter(|attempts| can_send && !attempts.in_air && attempts.not_before_ms > 0)
            .map(|attempts| attempts.not_before_ms);
        deadlines.chain(pauses).min()
    }

    /// Sends again what got no answer in time; a session message without an answer ends the connection.
    pub(super) fn overdue_exchanges(&mut self, now: Now) {
        for flight in
            self.flights.values_mut().filter(|flight| !flight.overdue && flight.deadline_ms <= now.ms)
        {
            flight.overdue = true;
            match flight.what {
                What::Value { id, stan } => {
                    let is_current =
                        self.state.entries.get(&id).is_some_and(|entry| entry.current_stan(id) == stan);
                    if let Some(attempts) = self.attempts.get_mut(&id).filter(|_| is_current) {
                        attempts.in_air = false;
                    }
                }
                What::Enroll { .. } | What::SignOn | What::SignOff | What::Question { .. } => {
                    return self.close(CloseReason::Silence);
                }
            }
        }
        self.send_waiting(now);
    }

    pub(super) fn on_answer(&mut self, now: Now, frame: &Frame) {
        let Some(flight) = self.flights.remove(&frame.correlation) else { return };
        if frame.kind != flight.kind.answer() {
            return self.close(CloseReason::BrokenGateway);
        }
        match flight.what {
            What::Value { id, stan } => self.on_value_answer(now, frame, id, stan),
            What::Question { number, original } => self.on_reply(frame, number, original.as_ref()),
            What::Enroll { .. } | What::SignOn | What::SignOff => {
                match (Answer::decode(&frame.body), flight.what) {
                    (Ok(answer), What::Enroll { request_id }) => {
                        self.on_enroll_answer(now, frame, answer, request_id);
                    }
                    (Ok(answer), What::SignOn) => self.on_sign_on_answer(now, answer),
                    (Ok(_), _) => self.close(CloseReason::SignedOff),
                    (Err(_), _) => self.close(CloseReason::BrokenGateway),
                }
            }
        }
        self.send_waiting(now);
    }

    fn on_value_answer(&mut self, now: Now, frame: &Frame, id: TransactionId, stan: Stan) {
        let (Some(entry), Some(installation)) = (self.state.entries.get(&id), &self.state.installation)
        else {
            return;
        };
        if entry.finished.is_some() || entry.current_stan(id) != stan {
            return; // A late answer; what counts was or will be decided by another one.
        }
        let (kind, request_id) = match &entry.reversal {
            Some(reversal) => (MessageType::REVERSAL, reversal.signed.request_id),
            None => (entry.kind, entry.request.request_id),
        };
        let reversal = entry.reversal.is_some();
        let asked = Asked { kind, stan, request_id: &request_id, installation };
        match read(frame, &asked, &self.keys) {
            Reading::Final(answer) => {
                self.state.witness(request_id, &answer.stored, self.keys.sha256);
                let verdict = if reversal { reversal_verdict(&answer.answer) } else { verdict(&answer) };
                self.finish(id, verdict, answer.answer.code, Some(answer.stored));
            }
            Reading::Transient(answer) => self.on_transient(now, id, reversal, &answer),
            // Neither is an answer (section 6): the same bytes go out again, until the till gives up.
            Reading::Unproven(error) => {
                self.report(Event::Alarm(Alarm::Unproven { id, error }));
                self.pause(now, id, self.settings.retry_ms);
            }
            Reading::Unreadable(error) => {
                self.report(Event::Alarm(Alarm::Unreadable { id, error }));
                self.pause(now, id, self.settings.retry_ms);
            }
        }
    }

    /// Nothing was recorded: wait and send again where that can help, else settle without an answer.
    fn on_transient(&mut self, now: Now, id: TransactionId, reversal: bool, answer: &Answer) {
        let refused = Refused { code: answer.code, detail: answer.detail };
        self.report(Event::Waiting { id, refused });
        // Of what has happened already, no refusal can be the end.
        let report = self.state.entries.get(&id).is_some_and(|entry| entry.kind.is_report());
        match answer.code {
            ResponseCode::BUSY | ResponseCode::NOT_TAKING_MONEY | ResponseCode::SYSTEM_MALFUNCTION => {
                self.pause(now, id, self.settings.retry_ms);
            }
            ResponseCode::TOO_MANY_UNKNOWN_CARDS => self.pause(now, id, GUESSING_PAUSE_MS),
            ResponseCode::TERMINAL_LOCKED
            | ResponseCode::TERMINAL_NOT_ACTIVE
            | ResponseCode::SIGN_ON_REQUIRED => {
                self.not_admitted(answer);
            }
            ResponseCode::STAN_USED => {
                self.report(Event::Alarm(Alarm::StanUsed { id }));
                if reversal {
                    self.reverse(now, id, Reason::TERMINAL_FAULT);
                } else if report {
                    self.pause_after_failure(now, id);
                } else {
                    self.finish(id, Verdict::Declined, answer.code, None);
                }
            }
            // Sent once, refused once: it is nowhere. Sent more often, an earlier one may have been decided.
            code if !reversal
                && !report
                && self.attempts.get(&id).is_some_and(|attempts| attempts.total <= 1) =>
            {
                self.finish(id, Verdict::Declined, code, None);
            }
            // The session is a new one: the till signs the cashier on again, or gives the request up.
            ResponseCode::CASHIER_NOT_SIGNED_ON => self.pause(now, id, self.settings.retry_ms),
            _ => self.undo_or_pause(now, id, reversal),
        }
    }

    fn undo_or_pause(&mut self, now: Now, id: TransactionId, reversal: bool) {
        if reversal {
            self.pause(now, id, REVERSAL_PAUSE_MS);
        } else {
            self.reverse(now, id, Reason::TERMINAL_FAULT);
        }
    }

    fn pause(&mut self, now: Now, id: TransactionId, pause_ms: u64) {
        let attempts = self.attempts.entry(id).or_default();
        attempts.in_air = false;
        attempts.on_link = 0;
        attempts.not_before_ms = now.ms.saturating_add(pause_ms);
    }

    pub(super) fn finish(
        &mut self,
        id: TransactionId,
        verdict: Verdict,
        code: ResponseCode,
        answer: Option<StoredAnswer>,
    ) {
        if let Some(entry) = self.state.entries.get_mut(&id) {
            entry.finished = Some(Finished { verdict, code, answer });
            self.unsaved = true;
        }
        self.attempts.remove(&id);
        if let Some(outcome) = self.state.outcome(id) {
            self.actions.push_back(Action::Report(Event::Finished(outcome)));
        }
    }

    fn on_reply(&mut self, frame: &Frame, question: u32, original: Option<&Original>) {
        let reply = self.read_reply(frame, original);
        let code = reply.as_ref().ok().map(|reply| reply.answer.code);
        self.report(Event::Replied { question, reply });
        let locked = [
            ResponseCode::TERMINAL_LOCKED,
            ResponseCode::TERMINAL_NOT_ACTIVE,
            ResponseCode::SIGN_ON_REQUIRED,
        ];
        if code.is_some_and(|code| locked.contains(&code)) {
            self.close(CloseReason::NotAdmitted);
        }
    }

    fn read_reply(&mut self, frame: &Frame, original: Option<&Original>) -> Result<Reply, NoReply> {
        let answer = Answer::decode(&frame.body).map_err(NoReply::Unreadable)?;
        check_keys(&answer).map_err(NoReply::Unreadable)?;
        let sidecar = AnswerSidecar::decode(&frame.sidecar).map_err(NoReply::Unreadable)?;
        let (Some(original), Some(installation)) = (original, &self.state.installation) else {
            return Ok(Reply { answer, state: None });
        };
        let request_id = original.request_id;
        let (stored, state) = prove_status(&answer, sidecar, &request_id, installation, &self.keys)
            .map_err(NoReply::Unproven)?;
        if let Some(stored) = stored {
            self.state.witness(request_id, &stored, self.keys.sha256);
            self.unsaved = true;
        }
        Ok(Reply { answer, state })
    }

    pub(super) fn session_nonce(&self) -> Option<Nonce> {
        if let Link::Open(session) = &self.link { Some(session.nonce) } else { None }
    }

    pub(super) fn pause_after_failure(&mut self, now: Now, id: TransactionId) {
        self.pause(now, id, REVERSAL_PAUSE_MS);
    }

    /// A request starts anew: as a Reversal that was never sent.
    pub(super) fn reset_attempts(&mut self, id: TransactionId) {
        self.attempts.insert(id, Attempts::default());
    }
}

/// A first answer decides by its code; a repeated one is an approval only if its status says so.
fn verdict(last: &FinalAnswer) -> Verdict {
    match (last.answer.code, last.state) {
        (ResponseCode::ALREADY_REVERSED, _) => Verdict::Reversed,
        (code, _) if !code.is_approval() => Verdict::Declined,
        (_, None) => Verdict::Approved,
        (_, Some(state)) if state.is_approval() => Verdict::Approved,
        (_, Some(_)) => Verdict::Reversed,
    }
}

/// What the final answer to a Reversal says about the original (section 11).
fn reversal_verdict(answer: &Answer) -> Verdict {
    match (answer.code, answer.state) {
        (ResponseCode::APPROVED, Some(TransactionState::DECLINED)) => Verdict::Declined,
        (ResponseCode::APPROVED, Some(state)) if state.is_undone() => Verdict::Reversed,
        (ResponseCode::ORIGINAL_NOT_FOUND, _) => Verdict::Declined,
        _ => Verdict::NotReversed,
    }
}
