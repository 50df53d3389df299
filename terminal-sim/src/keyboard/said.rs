//! What comes of a command, before it is printed.

use protocol::answer::{Answer, ShiftTransaction};
use protocol::code::ResponseCode;
use protocol::field::{CardReference, Stan, TransactionState};
use protocol::frame::MessageType;

use super::slip::{Mark, Slip};
use crate::shift::Page;

/// What the terminal says to one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Done here, without the gateway.
    Note(String),
    /// A transaction's final answer.
    Slip(Box<Slip>),
    /// What a customer gets whose money is in and was not credited.
    Claim(Box<Claim>),
    /// The answer to a quote, a price or a balance.
    Asked(Box<Answer>),
    /// Where a transaction stands.
    Standing {
        /// Which one.
        stan: Stan,
        /// The answer to the question.
        answer: Box<Answer>,
        /// The signed state, if the gateway knows the transaction.
        state: Option<TransactionState>,
    },
    /// An X report.
    Report(Box<ShiftStanding>),
    /// After totals that differ, the transactions that do.
    Differences(Box<ShiftDifferences>),
    /// The terminal refused by itself, and sent nothing.
    Refused(String),
    /// No such command, or not in this form.
    NotUnderstood(String),
    /// There is no final answer.
    Unanswered {
        /// The transaction that stays open; `None` when nothing was sent that could stay open.
        stan: Option<u32>,
        /// What the gateway said instead, if anything.
        code: Option<ResponseCode>,
        /// Why.
        why: String,
    },
    /// The last answer was what a script expected.
    AsExpected(String),
    /// It was not.
    NotAsExpected(String),
    /// It ends.
    Bye,
}

/// A slip that says whose money it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Terminal, generation and STAN, as `K0001-1-57`.
    pub number: String,
    /// Minor units.
    pub amount: i64,
    /// The card that it was meant for.
    pub card: Option<CardReference>,
    /// The STAN of the load that had no answer.
    pub load: Option<u32>,
    /// The gateway cannot be reached: it will hear of it later.
    pub away: bool,
}

/// All pages of a ShiftReport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShiftStanding {
    /// Which shift.
    pub shift: u32,
    /// No more can come to it.
    pub closed: bool,
    /// The last page's answer: totals, business date.
    pub answer: Answer,
    /// What the terminal counts.
    pub own_totals: Vec<(MessageType, u32, i64)>,
    /// The shift's value messages.
    pub transactions: Vec<ShiftTransaction>,
}

/// A closed shift, compared with the gateway's list of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShiftDifferences {
    /// Which shift.
    pub shift: u32,
    /// Page by page.
    pub pages: Vec<Page>,
}

impl Said {
    /// The gateway's code; `None` when it did not answer.
    #[must_use]
    pub fn code(&self) -> Option<ResponseCode> {
        match self {
            Said::Slip(slip) => Some(slip.answer.code),
            Said::Asked(answer) | Said::Standing { answer, .. } => Some(answer.code),
            Said::Report(report) => Some(report.answer.code),
            Said::Unanswered { code, .. } => *code,
            _ => None,
        }
    }

    /// Whether `last` and `expect` speak of it.
    pub(super) fn is_answer(&self) -> bool {
        match self {
            Said::Slip(slip) => slip.mark != Some(Mark::Duplicate),
            Said::Asked(_)
            | Said::Standing { .. }
            | Said::Report(_)
            | Said::Refused(_)
            | Said::Unanswered { .. } => true,
            _ => false,
        }
    }
}
