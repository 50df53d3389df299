//! What came of a transaction, with its proof checked.

use protocol::answer::Answer;
use protocol::code::ResponseCode;
use protocol::field::{BalanceKind, RequestId};
use protocol::frame::MessageType;
use protocol::receipt::{CheckedReceipt, ReceiptFile};
use protocol::terminal::{self, TransactionId, Verdict};

use crate::error::Broken;
use crate::hash::sha256;
use crate::keys::GatewayKey;

/// The final result of one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Which one.
    pub id: TransactionId,
    /// What it was.
    pub kind: MessageType,
    /// Its request id.
    pub request_id: RequestId,
    /// What it means for the till.
    pub verdict: Verdict,
    /// The response code of the answer that decided: the transaction's own, or its Reversal's.
    pub code: ResponseCode,
    /// That answer; `None` when nothing was decided.
    pub answer: Option<Answer>,
    /// That answer with its request and its receipt: the receipt file of section 8.4.
    pub proof: Option<ReceiptFile>,
    /// Where the journal has it.
    pub place: Option<CheckedReceipt>,
}

impl Outcome {
    /// It is live.
    #[must_use]
    pub fn is_approved(&self) -> bool {
        self.verdict == Verdict::Approved
    }

    /// The index of its journal entry.
    #[must_use]
    pub fn index(&self) -> Option<u64> {
        self.place.map(|place| place.index)
    }

    /// Key 10 of the answer.
    #[must_use]
    pub fn approved_minor(&self) -> Option<i64> {
        self.answer.as_ref()?.approved_amount.map(protocol::field::Ranged::get)
    }

    /// What the card has of this kind, as the answer says; 0 when it names others but not this one.
    #[must_use]
    pub fn balance(&self, kind: BalanceKind) -> Option<i64> {
        self.answer.as_ref()?.balances.as_ref().map(|all| all.get(&kind).copied().unwrap_or(0))
    }

    /// What the transaction changed of this kind.
    #[must_use]
    pub fn change(&self, kind: BalanceKind) -> Option<i64> {
        self.answer.as_ref()?.changes.as_ref().map(|all| all.get(&kind).copied().unwrap_or(0))
    }

    /// The receipt file (section 8.4), to hand to somebody else.
    #[must_use]
    pub fn receipt_file(&self) -> Option<Vec<u8>> {
        self.proof.as_ref().map(ReceiptFile::encode)
    }

    /// Checks the proof once more, by other code than the machine that accepted it.
    pub(super) fn check(outcome: terminal::Outcome, gateway: Option<&GatewayKey>) -> Result<Self, Broken> {
        let terminal::Outcome { id, kind, request_id, verdict, code, answer, proof } = outcome;
        let place = match (&proof, gateway) {
            (Some(proof), Some(gateway)) => {
                let verify = |message: &[u8], signature: &[u8]| gateway.verify(message, signature);
                let checked =
                    proof.check(sha256, &verify).map_err(|why| Broken::Unproven { what: "receipt", why })?;
                if checked.request_id != request_id && proof.kind != MessageType::REVERSAL {
                    return Err(Broken::Contradiction("its receipt, which is another request's".into()));
                }
                Some(checked.place)
            }
            _ => None,
        };
        if verdict == Verdict::Approved && place.is_none() {
            return Err(Broken::NoReceipt(code));
        }
        Ok(Outcome { id, kind, request_id, verdict, code, answer, proof, place })
    }
}
