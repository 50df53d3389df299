//! The types of fields: each can only hold a value that section 5 allows, and knows its encoding.

mod bytes;
mod card;
mod kinds;
mod lines;
mod list;
mod number;
mod terminal;
mod text;

pub use bytes::{
    Blob, Fingerprint, GrantId, Hash, Hex, Installation, KeyId, Nonce, ProgrammeDigest, QuoteId, RequestId,
};
pub use card::{CardDigits, CardReference, CardSecret, Pin};
pub use kinds::{
    BalanceKind, CustomerKind, Due, EntryMode, Flags, Measure, Notes, Reason, Role, TenderKind,
    TransactionState,
};
pub use lines::{
    MAX_ANSWERS, MAX_PURCHASE_LINES, MAX_TENDER_LINES, MAX_TOTALS, PurchaseLine, PurchaseLines, Question,
    QuestionAnswer, QuestionAnswers, TenderLine, TenderLines, Total, Totals,
};
pub use list::List;
pub use number::{
    AmountMinor, Count, Currency, Date, GrossMinor, MAX_AMOUNT_MINOR, Points, ProtocolVersion, Quantity,
    QuantityThousandths, Ranged, TerminalTime, TotalMinor, UnixSeconds,
};
pub use terminal::{EnrolmentCode, Generation, Original, Shift, Stan, TerminalId};
pub use text::{Code, Text};
