//! What can be wrong with received bytes, in words short enough for an answer's detail (section 6, key 9).

use core::fmt;

use crate::request::key_name;
use crate::strict::EncodingError;

/// A message that breaks the format; the gateway answers it with code 30.
///
/// `Display` names the place and the fault in at most 80 bytes and never repeats received data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormatError {
    /// Which structure the fault is in.
    pub part: Part,
    /// The map key (or array position) inside that structure.
    pub key: Option<u64>,
    /// What is wrong there.
    pub problem: Problem,
}

impl FormatError {
    /// A fault of the whole structure rather than of one key.
    pub const fn whole(part: Part, problem: Problem) -> Self {
        FormatError { part, key: None, problem }
    }

    /// A fault at one key.
    pub const fn at(part: Part, key: u64, problem: Problem) -> Self {
        FormatError { part, key: Some(key), problem }
    }
}

/// The structure in which a fault was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The COSE_Sign1 around a payload (section 4).
    Signed,
    /// A request's payload (section 5).
    Request,
    /// A request's sidecar (section 5.3).
    RequestSidecar,
    /// An answer's body (section 6).
    Answer,
    /// An answer's sidecar (section 6).
    AnswerSidecar,
    /// Hello (section 9).
    Hello,
    /// A receipt or a seal (section 8.1).
    Receipt,
    /// A status (section 8.3).
    Status,
    /// An offline grant (section 9.1).
    Grant,
    /// What one programme says of a member to another (section 12.1).
    Statement,
    /// A receipt file (section 8.4).
    ReceiptFile,
    /// The state that a terminal has persisted; never on the wire.
    TerminalState,
}

/// What is wrong at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Not deterministic CBOR (section 3).
    Encoding(EncodingError),
    /// The value has another CBOR type than the key's.
    WrongType,
    /// A number outside the key's range.
    OutOfRange,
    /// A byte or text string, array or map of a length that the key does not have.
    WrongLength,
    /// A character outside the key's set.
    Characters,
    /// A card reference whose check digit is wrong.
    CheckDigit,
    /// Array elements that must rise and do not.
    Order,
    /// An array element that is there twice and may not be.
    Repeated,
    /// The message must have this key.
    Missing,
    /// The message may not have this key.
    Forbidden,
    /// A key from 0 to 99 that this version does not know.
    Unknown,
    /// Not the value that is fixed by the protocol or by another field.
    Mismatch,
    /// Lines that do not add up to the amount.
    Sum,
    /// A frame's message type that is no request.
    NoRequest,
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.part.name())?;
        if let Some(key) = self.key {
            write!(f, " key {key}")?;
            if let Some(name) = key_name(key).filter(|_| self.part == Part::Request) {
                write!(f, " ({name})")?;
            }
        }
        write!(f, ": {}", self.problem)
    }
}

impl core::error::Error for FormatError {}

impl Part {
    const fn name(self) -> &'static str {
        match self {
            Part::Signed => "COSE_Sign1",
            Part::Request => "request",
            Part::RequestSidecar => "request sidecar",
            Part::Answer => "answer",
            Part::AnswerSidecar => "answer sidecar",
            Part::Hello => "hello",
            Part::Receipt => "receipt",
            Part::Status => "status",
            Part::Grant => "offline grant",
            Part::Statement => "statement",
            Part::ReceiptFile => "receipt file",
            Part::TerminalState => "terminal state",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Problem::Encoding(error) => return error.fmt(f),
            Problem::WrongType => "wrong type",
            Problem::OutOfRange => "out of range",
            Problem::WrongLength => "wrong length",
            Problem::Characters => "character not allowed",
            Problem::CheckDigit => "wrong check digit",
            Problem::Order => "not in rising order",
            Problem::Repeated => "there twice",
            Problem::Missing => "missing",
            Problem::Forbidden => "not allowed in this message",
            Problem::Unknown => "unknown key below 100",
            Problem::Mismatch => "not the value required here",
            Problem::Sum => "lines do not add up to the amount",
            Problem::NoRequest => "not a request type",
        })
    }
}

impl From<EncodingError> for Problem {
    fn from(error: EncodingError) -> Self {
        Problem::Encoding(error)
    }
}
