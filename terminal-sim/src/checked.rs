//! The check of every answer against its request: what does not hold is a broken promise, never a decline.

use protocol::answer::{Answer, AnswerSidecar};
use protocol::code::{Class, ResponseCode};
use protocol::field::{Blob, Installation, TransactionState};
use protocol::frame::{Frame, MessageType};
use protocol::receipt::{CheckedReceipt, Evidence, ReceiptFile, Status, check};

use crate::error::{Broken, Error};
use crate::hash::{hex, sha256};
use crate::keys::GatewayKey;
use crate::message::SignedMessage;

/// An answer whose receipt and status hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The body, decoded.
    pub answer: Answer,
    /// The body as it came.
    pub body: Vec<u8>,
    /// It is the stored answer of a request that was decided before.
    pub repeat: bool,
    /// Where the journal has it; of a TransactionStatus, where it has the stored answer.
    pub place: Option<CheckedReceipt>,
    /// What proves that (section 8.4).
    pub proof: Option<ReceiptFile>,
    /// The present state of the transaction, or of the one asked about.
    pub status: Option<Status>,
}

impl Checked {
    /// The response code.
    #[must_use]
    pub const fn code(&self) -> ResponseCode {
        self.answer.code
    }

    /// A decision stands behind it: the same bytes will get the same answer for ever.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.place.is_some() && self.answer.kind.is_value()
    }

    /// Whether a terminal hands out the goods: approved, and live if it is a repeated answer (section 8.3).
    #[must_use]
    pub fn is_approval(&self) -> bool {
        let state = self.status.map_or(TransactionState::LIVE, |status| status.state);
        self.answer.code.is_approval()
            && state.is_approval()
            && self.answer.state != Some(TransactionState::LIVE)
    }

    /// The error of a refusal that decides nothing.
    pub(crate) fn refusal(&self) -> Error {
        Error::Refused {
            code: self.answer.code,
            detail: self.answer.detail.map(|detail| detail.as_str().to_owned()),
        }
    }
}

/// Checks the answer frame of `message` (sections 6 and 8).
pub fn check_answer(
    frame: &Frame,
    message: &SignedMessage,
    installation: &Installation,
    gateway: &GatewayKey,
) -> Result<Checked, Broken> {
    let answer = Answer::decode(&frame.body).map_err(|error| Broken::unreadable("answer")(&error))?;
    let sidecar = AnswerSidecar::decode(&frame.sidecar)
        .map_err(|error| Broken::unreadable("answer's sidecar")(&error))?;
    check_kind(frame, &answer, message)?;
    let proof = proof(frame, &sidecar, message, installation)?;
    let place = match &proof {
        Some(proof) => {
            let evidence = Evidence {
                request_id: &message.request_id,
                answer: proof.answer.as_bytes(),
                details_hash: &proof.details_hash,
                receipt: proof.receipt.as_bytes(),
            };
            Some(check_evidence(&evidence, installation, gateway)?)
        }
        None => check_stored(&answer, &sidecar, message, installation, gateway)?,
    };
    let decided = is_decided(message.kind, &answer);
    if decided && place.is_none() && !(message.kind == MessageType::ENROLL && frame.repeat) {
        return Err(Broken::NoReceipt(answer.code));
    }
    if proof.is_some() && answer.code.class() == Class::Transient {
        return Err(Broken::Contradiction(format!("itself: transient {:?} with a receipt", answer.code)));
    }
    let subject = message.about.filter(|_| message.kind == MessageType::TRANSACTION_STATUS);
    let status = match &sidecar.status {
        Some(status) => {
            let request_id = subject.unwrap_or(message.request_id);
            let verify = |message: &[u8], signature: &[u8]| gateway.verify(message, signature);
            let status = Status::check(status.as_bytes(), &request_id, installation, &verify);
            Some(status.map_err(|why| Broken::Unproven { what: "status", why })?)
        }
        None => None,
    };
    let about_another = message.kind == MessageType::TRANSACTION_STATUS && answer.code.is_approval();
    if (frame.repeat && message.kind.is_value() && decided || about_another) && status.is_none() {
        return Err(Broken::NoStatus);
    }
    if about_another && answer.state != status.map(|status| status.state) {
        return Err(Broken::Contradiction(format!(
            "its status {status:?}: it says state {:?}",
            answer.state
        )));
    }
    Ok(Checked { answer, body: frame.body.clone(), repeat: frame.repeat, place, proof, status })
}

/// Session messages record nothing, but for an enrolment that was let in.
fn is_decided(kind: MessageType, answer: &Answer) -> bool {
    match kind {
        MessageType::ENROLL => answer.code.is_approval(),
        kind => kind.is_value() && answer.code.class() == Class::Final,
    }
}

/// Two answers to the same request must have the same body.
pub fn check_same_answer(before: &Checked, after: &Checked) -> Result<(), Broken> {
    if before.body == after.body {
        return Ok(());
    }
    Err(Broken::AnswerChanged { before: hex(&before.body), after: hex(&after.body) })
}

fn check_kind(frame: &Frame, answer: &Answer, message: &SignedMessage) -> Result<(), Broken> {
    let contradiction = |what: String| Err(Broken::Contradiction(what));
    if frame.kind != message.kind.answer() || answer.kind != message.kind {
        return contradiction(format!(
            "its request: {} was answered by {:?} with a body about {}",
            message.kind, frame.kind, answer.kind
        ));
    }
    if answer.stan.is_some() && answer.stan != message.stan {
        return contradiction(format!("its request's STAN: {:?} became {:?}", message.stan, answer.stan));
    }
    if message.kind.is_value() && answer.code.class() == Class::Final && answer.stan.is_none() {
        return contradiction("section 6: a final answer without a STAN".into());
    }
    Ok(())
}

fn proof(
    frame: &Frame,
    sidecar: &AnswerSidecar,
    message: &SignedMessage,
    installation: &Installation,
) -> Result<Option<ReceiptFile>, Broken> {
    let (Some(receipt), Some(details_hash)) = (sidecar.receipt.clone(), sidecar.details_hash) else {
        return Ok(None);
    };
    // A repeated Enroll has the receipt of the one that was decided, which may be of another key's time.
    if !message.kind.is_value() && (message.kind != MessageType::ENROLL || frame.repeat) {
        return Ok(None);
    }
    let too_long = || Broken::unreadable("answer")(&"too long for a receipt file");
    Ok(Some(ReceiptFile {
        installation: *installation,
        kind: message.kind,
        request: Blob::new(message.body.clone()).ok_or_else(too_long)?,
        answer: Blob::new(frame.body.clone()).ok_or_else(too_long)?,
        details_hash,
        receipt,
    }))
}

/// The stored answer in a TransactionStatus answer must be proven like a first answer.
fn check_stored(
    answer: &Answer,
    sidecar: &AnswerSidecar,
    message: &SignedMessage,
    installation: &Installation,
    gateway: &GatewayKey,
) -> Result<Option<CheckedReceipt>, Broken> {
    let (Some(stored), Some(about)) = (&answer.stored_answer, &message.about) else { return Ok(None) };
    let (Some(receipt), Some(details_hash)) = (&sidecar.receipt, &sidecar.details_hash) else {
        return Err(Broken::NoReceipt(answer.code));
    };
    let evidence =
        Evidence { request_id: about, answer: stored.as_bytes(), details_hash, receipt: receipt.as_bytes() };
    check_evidence(&evidence, installation, gateway).map(Some)
}

fn check_evidence(
    evidence: &Evidence<'_>,
    installation: &Installation,
    gateway: &GatewayKey,
) -> Result<CheckedReceipt, Broken> {
    check(evidence, installation, sha256, &|message, signature| gateway.verify(message, signature))
        .map_err(|why| Broken::Unproven { what: "receipt", why })
}
