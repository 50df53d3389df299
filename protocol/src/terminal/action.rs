//! What a terminal wants done and says.

use alloc::vec::Vec;

use super::state::TransactionId;
use crate::answer::Answer;
use crate::code::ResponseCode;
use crate::error::FormatError;
use crate::field::{Generation, RequestId, Text, TransactionState};
use crate::frame::MessageType;
use crate::receipt::{Grant, ReceiptError, ReceiptFile};

/// Something for the caller to do, in the order in which it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "an action is moved once, from the queue to the caller")]
pub enum Action {
    /// Make these bytes durable, in place of the last ones, before the next action.
    Persist(Vec<u8>),
    /// Write these bytes to the connection.
    Send(Vec<u8>),
    /// Close the connection.
    Close(CloseReason),
    /// Tell the till.
    Report(Event),
}

/// Why the terminal wants the connection closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// Signed off.
    SignedOff,
    /// No Hello, no answer, or no heartbeat in time.
    Silence,
    /// The gateway belongs to another installation than the one this terminal is enrolled with.
    OtherInstallation,
    /// The gateway did not let this terminal sign on or enrol.
    NotAdmitted,
    /// The gateway sent a Reject, or something that is no answer; or an offline grant that is none of this terminal's.
    BrokenGateway,
    /// The terminal could not sign.
    KeyStore,
    /// The terminal has never been enrolled.
    NotEnrolled,
}

/// Something for the till to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Enrolled; the answer has limits, currency, merchant, store and role.
    Enrolled {
        /// The new generation.
        generation: Generation,
        /// The gateway's answer.
        answer: Answer,
    },
    /// Signed on.
    SignedOn {
        /// The gateway's answer: limits, business date, programme digest.
        answer: Answer,
        /// What the terminal may approve by itself, when the gateway lets it: signed by the gateway, and for this terminal.
        /// An Advice names it by the answer's key 35.
        grant: Option<Grant>,
    },
    /// SignOn, Enroll or SignOff was refused. 88 and 89 need an operator.
    Refused(Refused),
    /// A request has a final result. Reported after every restart until it is acknowledged.
    Finished(Outcome),
    /// A request has no final result yet; it goes on by itself.
    Waiting {
        /// Which request.
        id: TransactionId,
        /// The transient answer.
        refused: Refused,
    },
    /// The result of [`super::Terminal::ask`].
    Replied {
        /// The number that `ask` returned.
        question: u32,
        /// The answer, or why there is none.
        reply: Result<Reply, NoReply>,
    },
    /// The gateway did what it must not do; an operator should look.
    Alarm(Alarm),
}

/// A refusal that decides nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The response code.
    pub code: ResponseCode,
    /// The gateway's words for a technician.
    pub detail: Option<Text<80>>,
}

/// The final result of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Which one.
    pub id: TransactionId,
    /// What it was.
    pub kind: MessageType,
    /// Its request id.
    pub request_id: RequestId,
    /// What to do about it.
    pub verdict: Verdict,
    /// The response code of the answer that decided: the request's own, or that of its Reversal.
    pub code: ResponseCode,
    /// That answer; `None` when nothing was decided.
    pub answer: Option<Answer>,
    /// The proof: request, answer and receipt. Keep it at least until the gateway's backup horizon has passed it.
    pub proof: Option<ReceiptFile>,
}

/// What a result means for the till.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is live: hand out the goods. Under code 10 only the answer's approved amount was paid.
    Approved,
    /// Nothing was applied. (Reconciliation, code 95: the shift is closed, the totals differ.)
    Declined,
    /// It was given up: whatever had been applied was undone, and it will never be applied. Also a repeated approval that
    /// counts no longer: undone since, or an Authorize whose hold has lapsed.
    Reversed,
    /// It was given up, but the gateway did not undo it: it stands as its own state says. An operator should look.
    NotReversed,
    /// The terminal was enrolled anew before there was a result: only the gateway's operator can tell.
    Unresolved,
}

impl Verdict {
    pub(super) const ALL: [Verdict; 5] =
        [Verdict::Approved, Verdict::Declined, Verdict::Reversed, Verdict::NotReversed, Verdict::Unresolved];
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The answer. A stored answer in it (key 16) is proven by its receipt; the rest is what the gateway says.
    pub answer: Answer,
    /// Of a TransactionStatus: the present state, from the signed status.
    pub state: Option<TransactionState>,
}

/// Why a question has no answer. Ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoReply {
    /// The connection ended, or the time was over.
    Silence,
    /// The answer cannot be understood.
    Unreadable(FormatError),
    /// The status in the answer, or the receipt of the stored answer in it, proves nothing.
    Unproven(ReceiptError),
}

/// What the gateway must not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// A final answer without a receipt that verifies. It counts as no answer.
    Unproven {
        /// Which request.
        id: TransactionId,
        /// What is wrong with the receipt or the status.
        error: ReceiptError,
    },
    /// An answer that cannot be understood. It counts as no answer.
    Unreadable {
        /// Which request.
        id: TransactionId,
        /// What is wrong with the answer.
        error: FormatError,
    },
    /// The gateway says that this STAN was used for another request: the terminal was cloned or rolled back.
    StanUsed {
        /// The request that was to have it.
        id: TransactionId,
    },
}
