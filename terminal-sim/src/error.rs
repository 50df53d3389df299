//! Errors by blame: the network, the gateway, or this machine.

use std::io;
use std::path::{Path, PathBuf};

use protocol::code::ResponseCode;
use protocol::receipt::ReceiptError;

/// Why a call of a simulated terminal gave no outcome.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection could not be made, or ended before an answer. What was sent may or may not have been decided.
    #[error("no connection")]
    Lost(#[source] io::Error),
    /// Nothing came within the time given; the same holds.
    #[error("no answer in time")]
    Timeout,
    /// The other side of the connection is not the gateway that this terminal was enrolled with.
    #[error("this is not the gateway of the enrolment")]
    OtherGateway,
    /// The gateway does not let this terminal in, or cannot serve it now: a transient refusal.
    #[error("refused with {} {}{}", .code, .code.name(), .detail.as_ref().map(|d| format!(": {d}")).unwrap_or_default())]
    Refused {
        /// Key 2 of the answer.
        code: ResponseCode,
        /// Key 9 of the answer.
        detail: Option<String>,
    },
    /// The gateway did what it promises never to do.
    #[error("promise broken: {0}")]
    Broken(Broken),
    /// This terminal cannot do that now, or was given something wrong.
    #[error("{0}")]
    Usage(String),
    /// A file of this terminal.
    #[error("{}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What happened.
        #[source]
        source: io::Error,
    },
}

/// A promise of the protocol that the gateway broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A frame, Hello, answer or sidecar that cannot be read.
    #[error("{what} cannot be read: {why}")]
    Unreadable {
        /// What it should have been.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// An answer to something that was not asked.
    #[error("an answer that nothing was waiting for: {0}")]
    Unasked(String),
    /// A final answer without a receipt.
    #[error("final answer {0:?} without a receipt")]
    NoReceipt(ResponseCode),
    /// A receipt or status that does not hold.
    #[error("{what} does not hold: {why}")]
    Unproven {
        /// Receipt or status.
        what: &'static str,
        /// Why.
        why: ReceiptError,
    },
    /// A repeated answer without a status.
    #[error("repeated answer without a status")]
    NoStatus,
    /// The same request got two different answer bodies.
    #[error("the stored answer changed: it was {before}, now it is {after}")]
    AnswerChanged {
        /// The first body, in hex.
        before: String,
        /// The second body, in hex.
        after: String,
    },
    /// An answer that contradicts itself or its request.
    #[error("answer contradicts {0}")]
    Contradiction(String),
}

impl Error {
    /// An error of a file.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
        let path = path.to_owned();
        move |source| Error::File { path, source }
    }

    /// Whether trying again later, on a new connection, is what a terminal does.
    #[must_use]
    pub const fn is_outage(&self) -> bool {
        matches!(
            self,
            Error::Lost(_)
                | Error::Timeout
                | Error::Refused {
                    code: ResponseCode::BUSY
                        | ResponseCode::NOT_TAKING_MONEY
                        | ResponseCode::SYSTEM_MALFUNCTION
                        | ResponseCode::TOO_MANY_UNKNOWN_CARDS
                        | ResponseCode::SIGN_ON_REQUIRED,
                    ..
                }
        )
    }

    /// What the gateway is to blame for, if it is. A refusal that blames a terminal whose books are sound counts: it was
    /// never cloned or rolled back, signs with its own key, and never used a STAN twice.
    #[must_use]
    pub fn broken_promise(&self) -> Option<Broken> {
        match self {
            Error::Broken(broken) => Some(broken.clone()),
            Error::Refused {
                code:
                    ResponseCode::FORMAT_ERROR
                    | ResponseCode::SECURITY_VIOLATION
                    | ResponseCode::TERMINAL_LOCKED
                    | ResponseCode::STAN_USED,
                ..
            } => Some(Broken::Contradiction(format!("this terminal's sound books: {self}"))),
            _ => None,
        }
    }
}

impl From<Broken> for Error {
    fn from(broken: Broken) -> Self {
        Error::Broken(broken)
    }
}

impl Broken {
    /// `what` that cannot be read.
    pub(crate) fn unreadable(what: &'static str) -> impl FnOnce(&dyn std::fmt::Display) -> Broken {
        move |why| Broken::Unreadable { what, why: why.to_string() }
    }
}
