//! A signed-on connection with nothing kept for the terminal: tests and the load generator say what is sent, and when.

use std::sync::Arc;
use std::time::Duration;

use protocol::answer::Answer;
use protocol::field::{Blob, Currency, Generation, ProtocolVersion, Stan, TerminalId, Text};
use protocol::frame::{Frame, MessageType};
use protocol::request::{Body, Header, LastReceipt, Request, RequestSidecar};
use protocol::terminal::EnrolmentTicket;
use tokio::time::timeout;

use crate::checked::{Checked, check_answer};
use crate::client::Connection;
use crate::clock::terminal_time;
use crate::error::{Broken, Error};
use crate::keys::TerminalKey;
use crate::message::SignedMessage;

/// What this software calls itself at enrolment and sign-on.
pub const SOFTWARE: &str = concat!("terminal-sim ", env!("CARGO_PKG_VERSION"));

/// Who signs on.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The terminal's name.
    pub terminal: TerminalId,
    /// From its enrolment.
    pub generation: Generation,
    /// From its enrolment.
    pub currency: Currency,
    /// Its key.
    pub key: Arc<TerminalKey>,
}

/// Makes this connection's key the key of the terminal that `ticket` names. The connection stays open, not signed on.
pub async fn enrol(
    connection: &mut Connection,
    key: &TerminalKey,
    ticket: &EnrolmentTicket,
    patience: Duration,
) -> Result<Answer, Error> {
    let nonce = connection.hello.nonce;
    let public_key = Blob::new(key.spki().to_vec());
    let request = Request {
        header: Header::session(ticket.terminal, None, nonce, key.key_id(), terminal_time()?),
        body: Body::Enroll {
            software: software()?,
            code: ticket.code,
            public_key: public_key.ok_or_else(|| Error::Usage("the public key is too long".into()))?,
            gateway: connection.gateway.fingerprint(),
            protocol_version: ProtocolVersion::MIN,
        },
    };
    let sidecar = RequestSidecar::default();
    let message = SignedMessage::sign(&request, &sidecar, key, &connection.hello.installation)?;
    connection.send(&message.frame(1, false)).await?;
    let frame = receive(connection, 1, patience).await?;
    let checked = check_answer(&frame, &message, &connection.hello.installation, &connection.gateway)?;
    if checked.code().is_approval() { Ok(checked.answer) } else { Err(checked.refusal()) }
}

/// A connection after SignOn.
#[derive(Debug)]
pub struct Session {
    /// The connection; use it to send what a session would not.
    pub connection: Connection,
    /// Who is signed on.
    pub identity: Identity,
    /// The answer to SignOn: limits, in-flight number, digest, horizon.
    pub sign_on: Answer,
    /// How long to wait for an answer.
    pub patience: Duration,
    next_correlation: u32,
}

impl Session {
    /// Signs on. Neither a last STAN that is too low nor a foreign receipt is held back: a test may send them.
    pub async fn sign_on(
        mut connection: Connection,
        identity: Identity,
        last_stan: u32,
        last_receipt: Option<LastReceipt>,
        patience: Duration,
    ) -> Result<Session, Error> {
        let body = Body::SignOn {
            software: software()?,
            last_stan,
            last_receipt,
            protocol_version: ProtocolVersion::MIN,
        };
        let request = Request { header: session_header(&connection, &identity)?, body };
        let installation = connection.hello.installation;
        let message =
            SignedMessage::sign(&request, &RequestSidecar::default(), &identity.key, &installation)?;
        connection.send(&message.frame(1, false)).await?;
        let frame = receive(&mut connection, 1, patience).await?;
        let checked = check_answer(&frame, &message, &installation, &connection.gateway)?;
        if !checked.code().is_approval() {
            return Err(checked.refusal());
        }
        Ok(Session { connection, identity, sign_on: checked.answer, patience, next_correlation: 2 })
    }

    /// How many unanswered requests the gateway takes.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.sign_on.in_flight.and_then(|number| usize::try_from(number.get()).ok()).unwrap_or(1)
    }

    /// The header of a value message with currency.
    pub fn value_header(&self, stan: Stan) -> Result<Header, Error> {
        let Identity { terminal, generation, currency, key } = &self.identity;
        let header = Header::value(*terminal, *generation, stan, key.key_id(), terminal_time()?);
        Ok(Header { currency: Some(*currency), ..header })
    }

    /// Signs a value message with nothing but what is required.
    pub fn value(&self, stan: Stan, body: Body, sidecar: &RequestSidecar) -> Result<SignedMessage, Error> {
        self.sign(&Request { header: self.value_header(stan)?, body }, sidecar)
    }

    /// The header of a session message, without currency.
    pub fn question_header(&self) -> Result<Header, Error> {
        session_header(&self.connection, &self.identity)
    }

    /// Signs a session message with nothing but what is required.
    pub fn question(&self, body: Body, sidecar: &RequestSidecar) -> Result<SignedMessage, Error> {
        let header = self.question_header()?;
        let needs_currency = body.card().is_some() || matches!(body, Body::Catalogue { .. });
        let currency = needs_currency.then_some(self.identity.currency);
        self.sign(&Request { header: Header { currency, ..header }, body }, sidecar)
    }

    /// Signs any request.
    pub fn sign(&self, request: &Request, sidecar: &RequestSidecar) -> Result<SignedMessage, Error> {
        SignedMessage::sign(request, sidecar, &self.identity.key, &self.connection.hello.installation)
    }

    /// Sends a message and waits for its checked answer, transient or final.
    pub async fn exchange(&mut self, message: &SignedMessage, repeat: bool) -> Result<Checked, Error> {
        let correlation = self.send(message, repeat).await?;
        let frame = receive(&mut self.connection, correlation, self.patience).await?;
        self.check(&frame, message)
    }

    /// Sends a message; the answer will carry the number returned.
    pub async fn send(&mut self, message: &SignedMessage, repeat: bool) -> Result<u32, Error> {
        let correlation = self.correlation();
        self.connection.send(&message.frame(correlation, repeat)).await?;
        Ok(correlation)
    }

    /// Checks the answer to a message of this terminal.
    pub fn check(&self, frame: &Frame, message: &SignedMessage) -> Result<Checked, Error> {
        let installation = &self.connection.hello.installation;
        Ok(check_answer(frame, message, installation, &self.connection.gateway)?)
    }

    /// A correlation number that this connection has not used.
    pub fn correlation(&mut self) -> u32 {
        let number = self.next_correlation;
        self.next_correlation = number.wrapping_add(1);
        number
    }
}

/// Waits for the answer with this correlation number; any other frame breaks the protocol.
pub(crate) async fn receive(
    connection: &mut Connection,
    correlation: u32,
    patience: Duration,
) -> Result<Frame, Error> {
    let frame = timeout(patience, connection.next_frame()).await.map_err(|_| Error::Timeout)??;
    if frame.kind == MessageType::REJECT {
        return Err(rejected(&frame));
    }
    if frame.correlation != correlation {
        let asked = format!("{:?} with correlation {}, not {correlation}", frame.kind, frame.correlation);
        return Err(Broken::Unasked(asked).into());
    }
    Ok(frame)
}

/// A Reject: code 30, with the place of the fault.
pub(crate) fn rejected(frame: &Frame) -> Error {
    match Answer::decode(&frame.body) {
        Ok(answer) => Error::Refused {
            code: answer.code,
            detail: answer.detail.map(|detail| detail.as_str().to_owned()),
        },
        Err(error) => Broken::unreadable("Reject")(&error).into(),
    }
}

fn session_header(connection: &Connection, identity: &Identity) -> Result<Header, Error> {
    let Identity { terminal, generation, key, .. } = identity;
    Ok(Header::session(*terminal, Some(*generation), connection.hello.nonce, key.key_id(), terminal_time()?))
}

pub(crate) fn software() -> Result<Text<32>, Error> {
    SOFTWARE.parse().map_err(|problem| Error::Usage(format!("software name: {problem}")))
}
