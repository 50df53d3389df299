//! What the answer to a value message says, once everything that can be checked has been checked.

use super::settings::Keys;
use super::state::StoredAnswer;
use crate::answer::{Answer, AnswerSidecar};
use crate::code::{Class, ResponseCode};
use crate::error::{FormatError, Part, Problem};
use crate::field::{Blob, Installation, RequestId, Stan, TransactionState};
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
    match prove(frame, &answer, sidecar, asked, keys) {
        Ok((stored, state)) => Reading::Final(FinalAnswer { answer, stored, state }),
        Err(error) => Reading::Unproven(error),
    }
}

/// The body must be the answer to this very request, with the keys that section 6 gives it.
fn read_body(frame: &Frame, asked: &Asked<'_>) -> Result<Answer, FormatError> {
    let answer = Answer::decode(&frame.body)?;
    let fail = |key| Err(FormatError::at(Part::Answer, key, Problem::Mismatch));
    if answer.kind != asked.kind {
        return fail(1);
    }
    if answer.stan.is_some_and(|stan| stan != asked.stan) {
        return fail(3);
    }
    check_keys(&answer)?;
    Ok(answer)
}

/// Messages that can change a member's tier, and the one that asks for it (key 41).
const SAY_TIER: &[MessageType] = &[
    MessageType::ACTIVATE,
    MessageType::LOAD,
    MessageType::PURCHASE,
    MessageType::JOIN,
    MessageType::AWARD,
    MessageType::REDEEM,
    MessageType::CAPTURE,
    MessageType::REFUND,
    MessageType::UNLOAD,
    MessageType::VOID,
    MessageType::REVERSAL,
    MessageType::ADVICE,
    MessageType::MEMBER_INQUIRY,
];

/// The keys that section 6 gives to some answers alone are there and nowhere else: a hold, a grant, a shortfall, the
/// tries that are left, the cards found, and what is said of a member.
pub(super) fn check_keys(answer: &Answer) -> Result<(), FormatError> {
    let approved = answer.code.is_approval();
    let is = |kinds: &[MessageType]| approved && kinds.contains(&answer.kind);
    let holds = is(&[MessageType::AUTHORIZE, MessageType::CAPTURE]);
    let asks_for_pin = answer.code == ResponseCode::WRONG_PIN;
    let (tells_member, lists) = (is(&[MessageType::MEMBER_INQUIRY]), is(&[MessageType::CATALOGUE]));
    let uses = is(&[MessageType::USE_ENTITLEMENT]);
    let has_prices = is(&[MessageType::PURCHASE, MessageType::PURCHASE_QUOTE]);
    for (key, there, required, allowed) in [
        (18, answer.hold.is_some(), holds, holds),
        (35, answer.grant.is_some(), false, is(&[MessageType::SIGN_ON])),
        (36, answer.shortfall.is_some(), is(&[MessageType::ADVICE]), is(&[MessageType::ADVICE])),
        (37, answer.tries_left.is_some(), false, asks_for_pin),
        (38, answer.cards.is_some(), is(&[MessageType::CARD_LOOKUP]), is(&[MessageType::CARD_LOOKUP])),
        (39, answer.discount.is_some(), false, has_prices),
        (40, answer.uses_left.is_some(), false, uses),
        (41, answer.tier.is_some(), false, is(SAY_TIER)),
        (42, answer.progress.is_some(), tells_member, tells_member),
        (43, answer.coming.is_some(), tells_member, tells_member),
        (44, answer.entitlements.is_some(), tells_member, tells_member),
        (45, answer.catalogue.is_some(), lists, lists),
        (46, answer.more.is_some(), tells_member || lists, tells_member || lists),
        (47, answer.joined.is_some(), false, tells_member),
        (48, answer.ranks.is_some(), false, tells_member),
    ] {
        if required && !there {
            return Err(FormatError::at(Part::Answer, key, Problem::Missing));
        }
        if there && !allowed {
            return Err(FormatError::at(Part::Answer, key, Problem::Forbidden));
        }
    }
    Ok(())
}

/// Section 8.3 for a repeated answer (one that approves must have a status), and section 8.2 for every one.
fn prove(
    frame: &Frame,
    answer: &Answer,
    sidecar: AnswerSidecar,
    asked: &Asked<'_>,
    keys: &Keys,
) -> Result<(StoredAnswer, Option<TransactionState>), ReceiptError> {
    let state = check_status(&sidecar, asked.request_id, asked.installation, keys)?;
    if state.is_none() && frame.repeat && answer.code.is_approval() {
        return Err(missing(3).into());
    }
    let stored = check_receipt(&frame.body, sidecar, asked.request_id, asked.installation, keys)?;
    Ok((stored, state))
}

/// Section 8.3 for the answer to a TransactionStatus: `request_id` is the one asked about. An approval must have a
/// status, and a stored answer must be proven like one that came by itself.
pub(super) fn prove_status(
    answer: &Answer,
    sidecar: AnswerSidecar,
    request_id: &RequestId,
    installation: &Installation,
    keys: &Keys,
) -> Result<(Option<StoredAnswer>, Option<TransactionState>), ReceiptError> {
    let state = check_status(&sidecar, request_id, installation, keys)?;
    if state.is_none() && answer.code.is_approval() {
        return Err(missing(3).into());
    }
    let stored = match &answer.stored_answer {
        Some(stored) => Some(check_receipt(stored.as_bytes(), sidecar, request_id, installation, keys)?),
        None => None,
    };
    Ok((stored, state))
}

/// The present state, if there is a status.
fn check_status(
    sidecar: &AnswerSidecar,
    request_id: &RequestId,
    installation: &Installation,
    keys: &Keys,
) -> Result<Option<TransactionState>, ReceiptError> {
    let Some(status) = &sidecar.status else { return Ok(None) };
    let status = Status::check(status.as_bytes(), request_id, installation, &*keys.verify_gateway)?;
    Ok(Some(status.state))
}

/// Section 8.2 for an answer's body and the receipt in its sidecar.
pub(super) fn check_receipt(
    body: &[u8],
    sidecar: AnswerSidecar,
    request_id: &RequestId,
    installation: &Installation,
    keys: &Keys,
) -> Result<StoredAnswer, ReceiptError> {
    let receipt = sidecar.receipt.ok_or(missing(1))?;
    let details_hash = sidecar.details_hash.ok_or(missing(2))?;
    let evidence =
        Evidence { request_id, answer: body, details_hash: &details_hash, receipt: receipt.as_bytes() };
    check(&evidence, installation, keys.sha256, &*keys.verify_gateway)?;
    let body = Blob::new(body.to_vec()).ok_or(FormatError::whole(Part::Answer, Problem::WrongLength))?;
    Ok(StoredAnswer { body, details_hash, receipt })
}

const fn missing(key: u64) -> FormatError {
    FormatError::at(Part::AnswerSidecar, key, Problem::Missing)
}
