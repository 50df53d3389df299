//! Carrying out what the state machine wants, in its order: disk first, then the network.

use std::time::{Duration, Instant};

use protocol::code::ResponseCode;
use protocol::field::{Role, Stan};
use protocol::frame::{Frame, Incoming, MessageType};
use protocol::request::{Body, RequestSidecar};
use protocol::terminal::{Action, Alarm, CloseReason, Event, Now, Refused};
use tokio::time::{sleep, timeout_at};

use super::setup::{ANSWER_TIMEOUT_MS, FIRST_OWN_CORRELATION, STATE_FILE};
use super::{Details, Inbox, Outcome, Proof, Terminal};
use crate::clock;
use crate::error::{Broken, Error};
use crate::faults::Fault;

/// The first pause before a new connection; it doubles with each failure.
const FIRST_BACK_OFF: Duration = Duration::from_millis(50);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(2);
/// How long an answer that is to be lost may take at most before the connection is cut.
const LINGER_MS: usize = 8;
/// How long an answer that is to be late may have to come, so that it is there and unread, mostly.
const LATE_MS: usize = 300;

impl Terminal {
    /// Goes on until `done`, connecting as often as needed, for at most [`Terminal::patience`].
    pub(super) async fn drive(&mut self, done: impl Fn(&Terminal) -> bool) -> Result<(), Error> {
        let deadline = clock::now() + self.patience;
        let mut back_off = FIRST_BACK_OFF;
        loop {
            self.carry_out().await?;
            self.prove_cashier().await?;
            self.raise_alarm()?;
            if done(self) {
                return Ok(());
            }
            if clock::now() >= deadline {
                return Err(self.why_unfinished());
            }
            match self.step(deadline).await {
                Ok(()) => {}
                Err(error) if error.is_outage() => {
                    if clock::now() + back_off >= deadline {
                        return Err(error);
                    }
                    sleep(back_off).await;
                    back_off = back_off.saturating_mul(2).min(LONGEST_BACK_OFF);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Connects, or waits until something arrives or the machine's time has come.
    async fn step(&mut self, deadline: Instant) -> Result<(), Error> {
        if let Some(error) = self.closed_for_good() {
            return Err(error);
        }
        if std::mem::take(&mut self.is_late) {
            let now = self.now()?;
            self.machine.timed_out(now);
            return Ok(());
        }
        let Some(connection) = &mut self.connection else { return self.dial().await };
        let due = self.machine.next_timeout_ms();
        let due = due.map(|ms| Duration::from_millis(ms).saturating_sub(self.skipped));
        let due = due.and_then(|since| self.started.checked_add(since));
        let proof = if let Proof::Due(at) = self.proof { Some(at) } else { None };
        let due = due.into_iter().chain(proof).min();
        let until = due.map_or(deadline, |due| due.min(deadline));
        match timeout_at(until.into(), connection.reader.next()).await {
            Ok(Ok(Incoming::Frame(frame))) if is_own(&frame) => {
                self.inbox.own.insert(frame.correlation, frame);
            }
            Ok(Ok(incoming)) => {
                let now = self.now()?;
                self.machine.received(now, incoming);
            }
            Ok(Err(Error::Lost(_))) => self.cut(),
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                let now = self.now()?;
                self.machine.timed_out(now);
            }
        }
        Ok(())
    }

    /// Has the cashier prove themselves, once in each session; who is busy is asked again.
    async fn prove_cashier(&mut self) -> Result<(), Error> {
        if let Proof::Asked(question) = self.proof
            && let Some(reply) = self.inbox.replies.remove(&question)
        {
            self.proof = match reply {
                Ok(reply) if reply.answer.code.is_approval() => Proof::Given,
                Ok(reply) if reply.answer.code == ResponseCode::BUSY => {
                    Proof::Due(clock::now() + FIRST_BACK_OFF)
                }
                Ok(reply) => {
                    let what = format!("the cashier's PIN, which got {}", reply.answer.code);
                    return Err(Broken::Contradiction(what).into());
                }
                Err(_) => Proof::None,
            };
        }
        let Some((name, pin)) = self.cashier.clone() else { return Ok(()) };
        match self.proof {
            Proof::Due(at) if at <= clock::now() && self.is_signed_on() && self.machine.free_slots() > 0 => {
                let details = Details { cashier: Some(name), ..Details::default() };
                let sidecar = RequestSidecar { cashier_pin: Some(pin), ..RequestSidecar::default() };
                let now = self.now()?;
                let asked = self.machine.ask(now, Body::CashierSignOn, details, sidecar);
                self.proof = Proof::Asked(asked.map_err(|error| Error::Usage(error.to_string()))?);
                self.carry_out().await
            }
            _ => Ok(()),
        }
    }

    async fn dial(&mut self) -> Result<(), Error> {
        let address = self.address.current()?;
        let connection = self.dialler.connect(&address).await?;
        if self.gateway_key.get().is_none() {
            // Only this thread sets it, and the pin says that there is but one key.
            let _ = self.gateway_key.set(connection.gateway.clone());
        }
        let hello = Frame {
            repeat: false,
            kind: MessageType::HELLO,
            correlation: 0,
            body: connection.hello.encode(),
            sidecar: Vec::new(),
        };
        self.connection = Some(connection);
        self.inbox.closed = None;
        self.inbox.refused = None;
        let now = self.now()?;
        self.machine.connected(now);
        self.machine.received(now, Incoming::Frame(hello));
        Ok(())
    }

    /// Cuts the connection without a word. What was under way is lost or arrives; nobody here will know.
    pub fn cut(&mut self) {
        self.connection = None;
        self.overtaken = None;
        self.machine.disconnected();
    }

    /// What is under way now takes longer than the machine waits for it.
    fn come_late(&mut self) {
        self.skipped = self.skipped.saturating_add(Duration::from_millis(ANSWER_TIMEOUT_MS));
        self.is_late = true;
    }

    /// The machine's time.
    pub(super) fn now(&self) -> Result<Now, Error> {
        let since = (clock::now() - self.started).saturating_add(self.skipped);
        let ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        Ok(Now { ms, wall: clock::terminal_time()? })
    }

    /// Does all that the machine wants done now.
    pub(super) async fn carry_out(&mut self) -> Result<(), Error> {
        while let Some(action) = self.machine.poll_action() {
            match action {
                Action::Persist(bytes) => self.store.write(STATE_FILE, &bytes)?,
                Action::Send(bytes) => match self.transmit(&bytes).await {
                    Ok(true) => {}
                    Ok(false) | Err(Error::Lost(_)) => self.cut(),
                    Err(error) => return Err(error),
                },
                Action::Close(reason) => {
                    (self.connection, self.overtaken) = (None, None);
                    self.inbox.closed = Some(reason);
                }
                Action::Report(event) => self.note(event)?,
            }
        }
        Ok(())
    }

    /// Takes the outcomes that the machine reports again after a restart.
    pub(super) fn take_restored(&mut self) -> Result<(), Error> {
        while let Some(action) = self.machine.poll_action() {
            if let Action::Report(event) = action {
                self.note(event)?;
            }
        }
        Ok(())
    }

    /// Writes a frame, if there is a connection and the fault plan lets it through; `false` ends the connection.
    async fn transmit(&mut self, bytes: &[u8]) -> Result<bool, Error> {
        let kind = bytes.get(3).map(|kind| MessageType(*kind));
        let fault = if kind.is_some_and(MessageType::is_value) { self.faults.draw() } else { None };
        let Some(connection) = &mut self.connection else { return Ok(true) };
        match fault {
            Some(Fault::LateRequest) if self.overtaken.is_none() => {
                self.overtaken = Some(bytes.to_vec());
                self.come_late();
                return Ok(true);
            }
            None | Some(Fault::LateRequest) => connection.send_raw(bytes).await?,
            Some(Fault::LateAnswer) => {
                let linger = Duration::from_millis(self.faults.detail(LATE_MS) as u64);
                connection.send_raw(bytes).await?;
                sleep(linger).await;
                self.come_late();
            }
            Some(Fault::LoseRequest) => return Ok(false),
            Some(Fault::CutInside) => {
                let cut = self.faults.detail(bytes.len());
                connection.send_raw(bytes.get(..cut).unwrap_or_default()).await?;
                return Ok(false);
            }
            Some(Fault::LoseAnswer) => {
                let linger = Duration::from_millis(self.faults.detail(LINGER_MS) as u64);
                connection.send_raw(bytes).await?;
                sleep(linger).await;
                return Ok(false);
            }
            Some(Fault::Reset) => {
                connection.send_raw(bytes).await?;
                if let Some(connection) = self.connection.take() {
                    connection.reset();
                }
                return Ok(false);
            }
            Some(Fault::Dribble) => {
                for byte in bytes {
                    connection.send_raw(std::slice::from_ref(byte)).await?;
                }
            }
            Some(Fault::Double) => {
                let again = as_own_repeat(bytes, self.next_own);
                self.next_own = self.next_own.wrapping_add(1) | FIRST_OWN_CORRELATION;
                connection.send_raw(&[bytes, &again].concat()).await?;
            }
        }
        if let (Some(late), Some(connection)) = (self.overtaken.take(), &mut self.connection) {
            connection.send_raw(&late).await?;
        }
        Ok(true)
    }

    fn note(&mut self, event: Event) -> Result<(), Error> {
        let inbox: &mut Inbox = &mut self.inbox;
        match event {
            Event::Enrolled { .. } => self.highest_decided = 0,
            Event::SignedOn { answer, .. } => {
                let last = answer.host_last_stan;
                // A kiosk has nobody who could prove themselves.
                let is_kiosk = answer.role == Some(Role::KIOSK);
                inbox.signed_on = Some(answer);
                self.proof = if is_kiosk { Proof::Given } else { Proof::Due(clock::now()) };
                if last.is_some_and(|last| last < self.highest_decided) {
                    let decided = self.highest_decided;
                    let what = format!(
                        "its receipts: it decided STAN {decided} and says that {last:?} was the last"
                    );
                    return Err(Broken::Contradiction(what).into());
                }
            }
            Event::Refused(refused) => inbox.refused = Some(refused),
            Event::Finished(outcome) => {
                let outcome = Outcome::check(outcome, self.gateway_key.get())?;
                if outcome.place.is_some() && self.machine.state().generation == Some(outcome.id.generation) {
                    let stan = outcome.answer.as_ref().and_then(|answer| answer.stan).map_or(0, Stan::get);
                    self.highest_decided = self.highest_decided.max(stan);
                }
                inbox.waiting.remove(&outcome.id);
                inbox.kept.retain(|kept| *kept != outcome.id);
                inbox.kept.push_back(outcome.id);
                inbox.outcomes.insert(outcome.id, outcome);
            }
            Event::Waiting { id, refused } => {
                inbox.waiting.insert(id, refused);
            }
            Event::Replied { question, reply } => {
                inbox.replies.insert(question, reply);
            }
            Event::Alarm(alarm) => inbox.alarms.push_back(alarm),
        }
        Ok(())
    }

    fn raise_alarm(&mut self) -> Result<(), Error> {
        let Some(alarm) = self.inbox.alarms.pop_front() else { return Ok(()) };
        Err(Error::Broken(match alarm {
            Alarm::Unproven { error, .. } => Broken::Unproven { what: "receipt or status", why: error },
            Alarm::Unreadable { error, .. } => Broken::unreadable("answer")(&error),
            Alarm::StanUsed { id } => {
                Broken::Contradiction(format!("this terminal's books: STAN {} was never used twice", id.stan))
            }
        }))
    }

    /// Why the last connection was closed, when another one would not help (or not now).
    fn closed_for_good(&mut self) -> Option<Error> {
        match self.inbox.closed.take()? {
            CloseReason::SignedOff | CloseReason::Silence => None,
            CloseReason::OtherInstallation => Some(Error::OtherGateway),
            CloseReason::NotAdmitted => self.inbox.refused.take().map(refusal),
            CloseReason::BrokenGateway => Some(Broken::unreadable("frame")(&"not what was due").into()),
            CloseReason::KeyStore => Some(Error::Usage("the key does not sign".into())),
            CloseReason::NotEnrolled => Some(Error::Usage("enrol first".into())),
        }
    }

    fn why_unfinished(&self) -> Error {
        self.inbox.waiting.values().next().copied().map_or(Error::Timeout, refusal)
    }
}

fn refusal(refused: Refused) -> Error {
    let Refused { code, detail } = refused;
    match code {
        // The connection outlived its session; the next one signs on again.
        ResponseCode::SIGN_ON_REQUIRED => Error::Lost(std::io::ErrorKind::ConnectionReset.into()),
        _ => Error::Refused { code, detail: detail.map(|detail| detail.as_str().to_owned()) },
    }
}

fn is_own(frame: &Frame) -> bool {
    frame.correlation >= FIRST_OWN_CORRELATION && frame.kind != MessageType::REJECT
}

/// The frame with the repeat flag and another correlation number.
fn as_own_repeat(bytes: &[u8], correlation: u32) -> Vec<u8> {
    let mut again = bytes.to_vec();
    if let Some(flags) = again.get_mut(2) {
        *flags |= 1;
    }
    if let Some(place) = again.get_mut(4..8) {
        place.copy_from_slice(&correlation.to_be_bytes());
    }
    again
}
