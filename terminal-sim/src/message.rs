//! A signed request as it goes into a frame, as often as needed.

use protocol::cose::{self, Context};
use protocol::field::{Generation, Installation, Original, RequestId, Stan, TerminalId};
use protocol::frame::{Frame, MessageType};
use protocol::request::{Request, RequestSidecar};

use crate::error::Error;
use crate::hash::sha256;
use crate::keys::TerminalKey;

/// Signed bytes with their sidecar. Sending them again is a repeat of the same request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedMessage {
    /// The message type.
    pub kind: MessageType,
    /// The COSE_Sign1.
    pub body: Vec<u8>,
    /// SHA-256 of what was signed.
    pub request_id: RequestId,
    /// The encoded sidecar.
    pub sidecar: Vec<u8>,
    /// Of a value message.
    pub stan: Option<Stan>,
    /// Whose request it is, in which generation.
    pub sender: (TerminalId, Option<Generation>),
    /// The request that a TransactionStatus asks about.
    pub about: Option<RequestId>,
}

impl SignedMessage {
    /// Signs a request, whatever it says: a test may sign nonsense.
    pub fn sign(
        request: &Request,
        sidecar: &RequestSidecar,
        key: &TerminalKey,
        installation: &Installation,
    ) -> Result<Self, Error> {
        let kind = request.kind();
        let payload = request.encode_payload();
        let signed =
            cose::sign(Context::Request(kind), key.algorithm(), installation, &payload, |message| {
                key.sign(message)
            })?;
        Ok(SignedMessage {
            kind,
            request_id: RequestId::of(&signed.to_be_signed, sha256),
            body: signed.body,
            sidecar: sidecar.encode(),
            stan: request.header.stan,
            sender: (request.header.terminal, request.header.generation),
            about: request.body.original().map(|original| original.request_id),
        })
    }

    /// The frame for it.
    #[must_use]
    pub fn frame(&self, correlation: u32, repeat: bool) -> Frame {
        Frame { repeat, kind: self.kind, correlation, body: self.body.clone(), sidecar: self.sidecar.clone() }
    }

    /// How a Reversal or TransactionStatus names it; `None` when it is no value message.
    #[must_use]
    pub fn original(&self) -> Option<Original> {
        let (terminal, generation) = self.sender;
        Some(Original { terminal, generation: generation?, stan: self.stan?, request_id: self.request_id })
    }
}
