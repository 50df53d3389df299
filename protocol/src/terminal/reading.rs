//! What the answer to a value message says, once everything that can be checked has been checked.

use super::settings::Keys;
use super::state::StoredAnswer;
use crate::answer::{Answer, AnswerSidecar};
use crate::code::Class;
use crate::error::{FormatError, Part, Problem};
use crate::field::{Blob, Hash, Installation, RequestId, Stan, TransactionState};
use crate::frame::{Frame, MessageType};
use crate::receipt::{Evidence, ReceiptError, Status, check};

/// The request that an answer belongs to.
pub(super) struct Asked<'a> {
    pub(super) kind: MessageType,
    pub(super) stan: Stan,
    pub(super) request_id: &'a RequestId,
    pub(super) installation: &'a Installation,
}

/// What an answer says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Decided, and proven by a receipt.
    Final(FinalAnswer),
    /// Nothing was recorded.
    Transient(Answer),
    /// It claims to be final and does not prove it.
    Unproven(ReceiptError),
    /// It cannot be understood.
    Unreadable(FormatError),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct FinalAnswer {
    pub(super) answer: Answer,
    pub(super) answer_hash: Hash,
    pub(super) stored: StoredAnswer,
    /// The present state of a request that was decided before; `None` in a first answer.
    pub(super) state: Option<TransactionState>,
}

/// Reads the answer in `frame` to the request `asked`.
pub(super) fn read(frame: &Frame, asked: &Asked<'_>, keys: &Keys) -> Reading {
    let answer = match read_body(frame, asked) {
        Ok(answer) => answer,
        Err(error) => return Reading::Unreadable(error),
    };
    let sidecar = match AnswerSidecar::decode(&frame.sidecar) {
        Ok(sidecar) => sidecar,
        Err(error) => return Reading::Unreadable(error),
    };
    match answer.code.class() {
        Class::Transient => return Reading::Transient(answer),
        Class::Unknown if sidecar.receipt.is_none() => return Reading::Transient(answer),
        Class::Unknown | Class::Final => {}
    }
    match prove(frame, asked, &answer, sidecar, keys) {
        Ok((stored, state)) => {
            let answer_hash = Hash((keys.sha256)(&[&frame.body]));
            Reading::Final(FinalAnswer { answer, answer_hash, stored, state })
        }
        Err(error) => Reading::Unproven(error),
    }
}

/// The body must be the answer to this very request.
fn read_body(frame: &Frame, asked: &Asked<'_>) -> Result<Answer, FormatError> {
    let answer = Answer::decode(&frame.body)?;
    let fail = |key| Err(FormatError::at(Part::Answer, key, Problem::Mismatch));
    if answer.kind != asked.kind {
        return fail(1);
    }
    if answer.stan.is_some_and(|stan| stan != asked.stan) {
        return fail(3);
    }
    Ok(answer)
}

/// Section 8.2, and 8.3 for a repeated answer: one that approves must have a status.
fn prove(
    frame: &Frame,
    asked: &Asked<'_>,
    answer: &Answer,
    sidecar: AnswerSidecar,
    keys: &Keys,
) -> Result<(StoredAnswer, Option<TransactionState>), ReceiptError> {
    let missing = |key| FormatError::at(Part::AnswerSidecar, key, Problem::Missing);
    let receipt = sidecar.receipt.ok_or(missing(1))?;
    let details_hash = sidecar.details_hash.ok_or(missing(2))?;
    let evidence = Evidence {
        request_id: asked.request_id,
        answer: &frame.body,
        details_hash: &details_hash,
        receipt: receipt.as_bytes(),
    };
    check(&evidence, asked.installation, keys.sha256, &*keys.verify_gateway)?;

    let state = match &sidecar.status {
        Some(status) => Some(
            Status::check(status.as_bytes(), asked.request_id, asked.installation, &*keys.verify_gateway)?
                .state,
        ),
        None if frame.repeat && answer.code.is_approval() => return Err(missing(3).into()),
        None => None,
    };
    let body = Blob::new(frame.body.clone()).ok_or(FormatError::whole(Part::Answer, Problem::WrongLength))?;
    Ok((StoredAnswer { body, details_hash, receipt }, state))
}
