//! What the till asks for: transactions, giving them up, and questions.

use core::fmt;

use super::exchange::What;
use super::link::Link;
use super::settings::{Details, Now};
use super::state::{Entry, ReversalRequest, Sidecar, SignedRequest, TransactionId};
use super::{Terminal, Verdict};
use crate::cose::{self, Context};
use crate::error::FormatError;
use crate::field::{Generation, Installation, Reason, RequestId, Stan};
use crate::frame::{MAX_CONTENT, MessageType};
use crate::request::{Body, Header, Request, RequestSidecar, may_have_key};

/// Requests in the state at once, finished ones that are not acknowledged included: as many as a session may ever have
/// in flight (key 20).
pub const MAX_ENTRIES: usize = 1024;

impl Terminal {
    /// Starts a value message; only a Reversal is made by [`Terminal::give_up`]. An Advice that keeps to the grant is made
    /// by [`Terminal::approve_offline`]; this sends any. It is sent at once when signed on, else after
    /// the next sign-on, and goes on until it has a final result ([`super::Event::Finished`]) or is given up.
    pub fn submit(
        &mut self,
        now: Now,
        body: Body,
        details: Details,
        sidecar: RequestSidecar,
    ) -> Result<TransactionId, SubmitError> {
        let kind = body.kind();
        if !kind.is_value() || kind == MessageType::REVERSAL {
            return Err(SubmitError::WrongKind);
        }
        if self.state.entries.len() >= MAX_ENTRIES {
            return Err(SubmitError::TooManyEntries);
        }
        let (generation, _) = self.enrolled()?;
        let stan = self.next_stan()?;
        let header = self.value_header(now, generation, stan, &body, details);
        let encoded_sidecar = sidecar.encode();
        RequestSidecar::decode(kind, &encoded_sidecar).map_err(SubmitError::Format)?;
        let (kind, request) = self.sign(&Request { header, body })?;
        if request.body.len().saturating_add(encoded_sidecar.len()) > MAX_CONTENT {
            return Err(SubmitError::TooLarge);
        }
        let sidecar = if sidecar.has_pin() {
            Sidecar::InMemory(encoded_sidecar)
        } else {
            Sidecar::Durable(encoded_sidecar)
        };
        let id = TransactionId { generation, stan };
        self.state.last_stan = stan.get();
        self.state.entries.insert(id, Entry { kind, request, sidecar, reversal: None, finished: None });
        self.unsaved = true;
        self.send_waiting(now);
        Ok(id)
    }

    /// Gives a request up: a Reversal is sent until its answer is final, and the request is never sent again.
    ///
    /// Works on requests without a result, and on approved ones that were not acknowledged, but never on a Void,
    /// Reconciliation, ChangePin, CashTaken or Advice: they are sent until they have an answer. The result comes as
    /// [`super::Event::Finished`] under the request's own id.
    pub fn give_up(&mut self, now: Now, id: TransactionId, reason: Reason) -> Result<(), GiveUpError> {
        let entry = self.state.entries.get(&id).ok_or(GiveUpError::Unknown)?;
        if !entry.kind.may_be_given_up() {
            return Err(GiveUpError::NotReversible);
        }
        match (&entry.finished, &entry.reversal) {
            (None, Some(_)) => return Ok(()),
            (Some(finished), None) if finished.verdict == Verdict::Approved => {}
            (Some(_), _) => return Err(GiveUpError::Finished),
            (None, None) => {}
        }
        self.make_reversal(now, id, reason).map_err(GiveUpError::Submit)?;
        self.send_waiting(now);
        Ok(())
    }

    /// Asks a question: LoadQuote, PurchaseQuote, BalanceInquiry, TransactionStatus, ShiftReport (its shift is in `details`),
    /// CardLookup (the phone number is in the sidecar) or Echo; or signs a cashier on (who is in `details`, with the PIN in
    /// the sidecar). The result comes as [`super::Event::Replied`] under the number returned; it is never sent twice.
    pub fn ask(
        &mut self,
        now: Now,
        body: Body,
        details: Details,
        sidecar: RequestSidecar,
    ) -> Result<u32, SubmitError> {
        let kind = body.kind();
        if !kind.is_session()
            || matches!(kind, MessageType::ENROLL | MessageType::SIGN_ON | MessageType::SIGN_OFF)
        {
            return Err(SubmitError::WrongKind);
        }
        let (generation, _) = self.enrolled()?;
        let nonce = self.session_nonce().filter(|_| self.free_slots() > 0).ok_or(SubmitError::NoSlot)?;
        let mut header =
            Header::session(self.state.terminal, Some(generation), nonce, self.settings.key_id, now.wall);
        header.currency = self.state.currency.filter(|_| may_have_key(kind, 6));
        header.entry_mode = details.entry_mode;
        header.cashier = details.cashier.filter(|_| may_have_key(kind, 8));
        header.shift = details.shift.filter(|_| may_have_key(kind, 9));
        header.flags = details.flags.filter(|_| may_have_key(kind, 13));
        let original = body.original().copied();
        let (kind, signed) = self.sign(&Request { header, body })?;
        let sidecar = sidecar.encode();
        RequestSidecar::decode(kind, &sidecar).map_err(SubmitError::Format)?;
        if signed.body.len().saturating_add(sidecar.len()) > MAX_CONTENT {
            return Err(SubmitError::TooLarge);
        }
        let number = self.next_question;
        self.next_question = number.wrapping_add(1);
        self.send_frame(now, kind, signed.body, sidecar, false, What::Question { number, original });
        Ok(number)
    }

    /// Reverses without being asked: what the gateway said about a request cannot be relied on.
    pub(super) fn reverse(&mut self, now: Now, id: TransactionId, reason: Reason) {
        let reversible = self.state.entries.get(&id).is_some_and(|entry| entry.kind.may_be_given_up());
        if !reversible || self.make_reversal(now, id, reason).is_err() {
            // A Void, a shift's close and their like have no Reversal, and without a key nothing can be said: it is sent again.
            self.pause_after_failure(now, id);
        }
    }

    fn make_reversal(&mut self, now: Now, id: TransactionId, reason: Reason) -> Result<(), SubmitError> {
        let (generation, _) = self.enrolled()?;
        let stan = self.next_stan()?;
        let original = self.original(id).ok_or(SubmitError::WrongKind)?;
        let body = Body::Reversal { original, reason };
        let header = self.value_header(now, generation, stan, &body, Details::default());
        let (_, signed) = self.sign(&Request { header, body })?;
        self.state.last_stan = stan.get();
        if let Some(entry) = self.state.entries.get_mut(&id) {
            entry.reversal = Some(ReversalRequest { stan, signed });
            entry.finished = None;
        }
        self.reset_attempts(id);
        self.unsaved = true;
        Ok(())
    }

    fn value_header(
        &self,
        now: Now,
        generation: Generation,
        stan: Stan,
        body: &Body,
        details: Details,
    ) -> Header {
        let header = Header::value(self.state.terminal, generation, stan, self.settings.key_id, now.wall);
        let programme = if let Link::Open(session) = &self.link { session.programme } else { None };
        Header {
            currency: self.state.currency,
            cashier: details.cashier,
            shift: details.shift,
            order_reference: details.order_reference,
            entry_mode: details.entry_mode,
            flags: details.flags,
            programme_shown: programme.filter(|_| body.card().is_some()),
            quote: details.quote,
            reserved: details.reserved,
            ..header
        }
    }

    /// Checks, encodes and signs a request.
    pub(super) fn sign(&self, request: &Request) -> Result<(MessageType, SignedRequest), SubmitError> {
        request.check().map_err(SubmitError::Format)?;
        let kind = request.kind();
        let installation = self.installation().ok_or(SubmitError::NotEnrolled)?;
        let payload = request.encode_payload();
        let signed = cose::sign(
            Context::Request(kind),
            self.settings.algorithm,
            &installation,
            &payload,
            |message| (self.keys.sign)(message).ok_or(SubmitError::KeyStore),
        )?;
        let request_id = RequestId::of(&signed.to_be_signed, self.keys.sha256);
        Ok((kind, SignedRequest { request_id, body: signed.body }))
    }

    /// The installation that this terminal is enrolled with, or is about to enrol with.
    fn installation(&self) -> Option<Installation> {
        match &self.link {
            Link::Admission { hello } => Some(hello.installation),
            _ => self.state.installation,
        }
    }

    fn enrolled(&self) -> Result<(Generation, Installation), SubmitError> {
        self.state.generation.zip(self.state.installation).ok_or(SubmitError::NotEnrolled)
    }

    fn next_stan(&self) -> Result<Stan, SubmitError> {
        self.state.last_stan.checked_add(1).and_then(Stan::new).ok_or(SubmitError::StansUsedUp)
    }
}

/// Why a request was not started. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitError {
    /// Enrol first.
    NotEnrolled,
    /// Not a message for this call.
    WrongKind,
    /// The message would break the format.
    Format(FormatError),
    /// Body and sidecar do not fit in a frame.
    TooLarge,
    /// Acknowledge finished requests first, or wait for unfinished ones.
    TooManyEntries,
    /// Not signed on, or as many requests in flight as the session may have.
    NoSlot,
    /// All STANs of this generation are used: enrol again.
    StansUsedUp,
    /// The terminal's key store did not sign.
    KeyStore,
}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SubmitError::NotEnrolled => "the terminal is not enrolled",
            SubmitError::WrongKind => "not a message for this call",
            SubmitError::Format(error) => return error.fmt(f),
            SubmitError::TooLarge => "the message does not fit in a frame",
            SubmitError::TooManyEntries => "too many requests are unfinished or not acknowledged",
            SubmitError::NoSlot => "not signed on, or too many requests in flight",
            SubmitError::StansUsedUp => "all STANs of this generation are used",
            SubmitError::KeyStore => "the key store did not sign",
        })
    }
}

impl core::error::Error for SubmitError {}

/// Why a request cannot be given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveUpError {
    /// The state does not have it (any more).
    Unknown,
    /// It has a result that needs no Reversal, or cannot have one.
    Finished,
    /// A Void, Reconciliation, ChangePin, CashTaken or Advice is never reversed.
    NotReversible,
    /// The Reversal could not be made.
    Submit(SubmitError),
}

impl fmt::Display for GiveUpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            GiveUpError::Unknown => "no such request",
            GiveUpError::Finished => "the request has a final result",
            GiveUpError::NotReversible => "a message of this kind is never reversed",
            GiveUpError::Submit(error) => return error.fmt(f),
        })
    }
}

impl core::error::Error for GiveUpError {}
