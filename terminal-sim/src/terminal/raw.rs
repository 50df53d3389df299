//! Past the state machine: the same bytes once more, bytes of one's own making, and the parts to build them from.

use protocol::frame::Frame;
use protocol::receipt::ReceiptFile;
use protocol::request::{Body, Header, Request, RequestSidecar};

use super::setup::FIRST_OWN_CORRELATION;
use super::{Outcome, Terminal};
use crate::checked::{Checked, check_answer};
use crate::client::Connection;
use crate::clock::terminal_time;
use crate::error::{Broken, Error};
use crate::message::SignedMessage;
use crate::session::Identity;

impl Terminal {
    /// Sends the bytes of a decided request once more. The stored answer must come back byte for byte, with a status.
    pub async fn repeat(&mut self, outcome: &Outcome) -> Result<Checked, Error> {
        let nothing = || Error::Usage("nothing was decided, so there is nothing to repeat".into());
        let proof = outcome.proof.as_ref().ok_or_else(nothing)?;
        self.repeat_proof(proof).await
    }

    /// [`Terminal::repeat`] from a receipt file.
    pub async fn repeat_proof(&mut self, proof: &ReceiptFile) -> Result<Checked, Error> {
        let message = SignedMessage::from_proof(proof)?;
        let checked = self.exchange(&message, true).await?;
        if checked.is_final() && checked.body != proof.answer.as_bytes() {
            let hex = |bytes: &[u8]| crate::hash::hex(bytes);
            let (before, after) = (hex(proof.answer.as_bytes()), hex(&checked.body));
            return Err(Broken::AnswerChanged { before, after }.into());
        }
        if checked.is_final() && !checked.repeat {
            return Err(Broken::Contradiction("its first answer: it was decided a second time".into()).into());
        }
        Ok(checked)
    }

    /// Sends any signed message on the terminal's own session and checks the answer. The state machine knows nothing of
    /// it: a value message must have a STAN that the machine will not use.
    pub async fn exchange(&mut self, message: &SignedMessage, repeat: bool) -> Result<Checked, Error> {
        self.sign_on().await?;
        let correlation = self.next_own;
        self.next_own = correlation.wrapping_add(1) | FIRST_OWN_CORRELATION;
        let mut bytes = Vec::new();
        let frame = message.frame(correlation, repeat);
        frame.encode(&mut bytes).map_err(|error| Error::Usage(error.to_string()))?;
        let frame = self.exchange_bytes(&bytes, correlation).await?;
        let connection = self.connection.as_ref();
        let installation = self.machine.state().installation;
        let (Some(connection), Some(installation)) = (connection, installation) else {
            return Err(Error::Lost(std::io::ErrorKind::ConnectionReset.into()));
        };
        Ok(check_answer(&frame, message, &installation, &connection.gateway)?)
    }

    /// Signs a session message for the present connection, sends it past the state machine and checks the answer.
    pub(super) async fn ask_past(&mut self, body: Body, sidecar: &RequestSidecar) -> Result<Checked, Error> {
        self.sign_on().await?;
        let lost = || Error::Lost(std::io::ErrorKind::ConnectionReset.into());
        let connection = self.connection.as_ref().ok_or_else(lost)?;
        let (nonce, state) = (connection.hello.nonce, self.machine.state());
        let header =
            Header::session(state.terminal, state.generation, nonce, self.key.key_id(), terminal_time()?);
        let request = Request { header, body };
        let message = SignedMessage::sign(&request, sidecar, &self.key, &connection.hello.installation)?;
        self.exchange(&message, false).await
    }

    async fn exchange_bytes(&mut self, bytes: &[u8], correlation: u32) -> Result<Frame, Error> {
        let lost = || Error::Lost(std::io::ErrorKind::ConnectionReset.into());
        let connection = self.connection.as_mut().ok_or_else(lost)?;
        if let Err(error) = connection.send_raw(bytes).await {
            // It is over, whether or not anybody has read so: the next try is on another one.
            self.cut();
            return Err(error);
        }
        self.drive(|terminal| terminal.connection.is_none() || terminal.inbox.own.contains_key(&correlation))
            .await?;
        self.inbox.own.remove(&correlation).ok_or_else(lost)
    }

    /// Who this terminal is, for a [`crate::session::Session`] of one's own. `None` before its enrolment.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        let state = self.machine.state();
        Some(Identity {
            terminal: state.terminal,
            generation: state.generation?,
            currency: state.currency?,
            key: self.key.clone(),
        })
    }

    /// A connection with this terminal's key beside its own session. Nothing has been sent on it.
    pub fn connect_beside(&self) -> impl Future<Output = Result<Connection, Error>> + Send + use<> {
        let (dialler, address) = (self.dialler.clone(), self.address.current());
        async move { dialler.connect(&address?).await }
    }
}

impl SignedMessage {
    /// The message of a receipt file, without its sidecar: for a decided request the sidecar is ignored.
    pub fn from_proof(proof: &ReceiptFile) -> Result<Self, Error> {
        let damaged = |error: &dyn std::fmt::Display| Error::Usage(format!("not a receipt file: {error}"));
        let opened = protocol::cose::open_request(proof.request.as_bytes(), &proof.installation, proof.kind);
        let opened = opened.map_err(|error| damaged(&error))?;
        let request = Request::decode_payload(proof.kind, opened.payload).map_err(|error| damaged(&error))?;
        Ok(SignedMessage {
            kind: proof.kind,
            body: proof.request.as_bytes().to_vec(),
            request_id: protocol::field::RequestId::of(&opened.to_be_signed, crate::hash::sha256),
            sidecar: Vec::new(),
            stan: request.header.stan,
            sender: (request.header.terminal, request.header.generation),
            about: request.body.original().map(|original| original.request_id),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::Card;

    /// Many terminals trade at once, each on a task of its own.
    #[expect(dead_code, reason = "that it compiles is the test")]
    fn calls_may_move_between_threads(mut terminal: Terminal, card: Card, outcome: Outcome) -> impl Send {
        async move {
            terminal.purchase(&card, 1).await?;
            terminal.inquire(&card).await?;
            terminal.connect_beside().await?;
            terminal.repeat(&outcome).await
        }
    }
}
