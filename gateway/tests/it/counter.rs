//! Terminals at a test's own counter: enrolled for the test, and sending exactly what the test says, when it says so.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use protocol::answer::Answer;
use protocol::code::ResponseCode;
use protocol::cose::Algorithm;
use protocol::field::{
    AmountMinor, BalanceKind, Blob, Currency, Fingerprint, Flags, Generation, Hash, Reason, Stan,
};
use protocol::frame::Frame;
use protocol::request::{Body, Header, LastReceipt, Request, RequestSidecar};
use serde_json::Value;
use terminal_sim::checked::Checked;
use terminal_sim::client::{Connection, Dialler};
use terminal_sim::keys::TerminalKey;
use terminal_sim::message::SignedMessage;
use terminal_sim::session::{self, Identity, Session};
use terminal_sim::{Card, Error, enrolment, sha256};

use crate::harness::{Gateway, Site};

/// No answer takes longer, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// CNY, the currency of the default programme.
pub(crate) const CNY: u16 = 156;

/// One terminal's key and name, and the STANs that it has used.
#[derive(Clone)]
pub(crate) struct Clerk {
    pub(crate) identity: Identity,
    pub(crate) gateway: Fingerprint,
    pub(crate) last_stan: u32,
    pub(crate) last_receipt: Option<LastReceipt>,
}

impl Clerk {
    /// Enrols a new terminal.
    pub(crate) async fn enrol(site: &Site, gateway: &Gateway, name: &str, role: &str) -> Self {
        Self::enrol_with(gateway, &site.enrolment(name, role), Algorithm::Es256).await
    }

    /// Uses an enrolment string with a new key.
    pub(crate) async fn enrol_with(gateway: &Gateway, string: &str, algorithm: Algorithm) -> Self {
        let key = TerminalKey::generate(algorithm).expect("a key");
        let (clerk, answer) = Self::try_enrol(&gateway.listen, string, key).await;
        answer.expect("the terminal is enrolled");
        clerk
    }

    /// Sends one Enroll; the clerk is of use only if it was approved.
    pub(crate) async fn try_enrol(
        address: &str,
        string: &str,
        key: TerminalKey,
    ) -> (Self, Result<Answer, Error>) {
        let ticket = enrolment::parse(string).expect("an enrolment string");
        let dialler = Dialler::new(&key, ticket.gateway, PATIENCE).expect("a TLS configuration");
        let mut connection = dialler.connect(address).await.expect("a connection");
        let answer = session::enrol(&mut connection, &key, &ticket, PATIENCE).await;
        let generation = answer.as_ref().ok().and_then(|answer| answer.generation);
        let identity = Identity {
            terminal: ticket.terminal,
            generation: generation.unwrap_or(Generation::FIRST),
            currency: Currency::new(CNY.into()).expect("a currency"),
            key: Arc::new(key),
        };
        (Self { identity, gateway: ticket.gateway, last_stan: 0, last_receipt: None }, answer)
    }

    /// A connection with this terminal's key; nothing has been sent on it.
    pub(crate) async fn connect(&self, gateway: &Gateway) -> Connection {
        let dialler = Dialler::new(&self.identity.key, self.gateway, PATIENCE).expect("a TLS configuration");
        dialler.connect(&gateway.listen).await.expect("a connection")
    }

    /// A signed-on connection.
    pub(crate) async fn session(&self, gateway: &Gateway) -> Session {
        self.try_session(gateway).await.expect("the terminal is signed on")
    }

    /// What a SignOn with this terminal's last STAN and last receipt comes to.
    pub(crate) async fn try_session(&self, gateway: &Gateway) -> Result<Session, Error> {
        let connection = self.connect(gateway).await;
        let (identity, receipt) = (self.identity.clone(), self.last_receipt.clone());
        Session::sign_on(connection, identity, self.last_stan, receipt, PATIENCE).await
    }

    /// A STAN that was never used.
    pub(crate) fn next_stan(&mut self) -> Stan {
        self.last_stan = self.last_stan.checked_add(1).expect("a STAN is left");
        Stan::new(self.last_stan).expect("above zero")
    }

    /// Signs a value message under a new STAN.
    pub(crate) fn sign(&mut self, session: &Session, body: Body, card: &Card) -> SignedMessage {
        let sidecar = match body {
            Body::Reversal { .. } | Body::Reconciliation { .. } => RequestSidecar::default(),
            _ => card.sidecar(),
        };
        session.value(self.next_stan(), body, &sidecar).expect("a signed message")
    }

    /// Sends a value message under a new STAN and waits for its answer; keeps the receipt, as a terminal does.
    pub(crate) async fn deal(&mut self, session: &mut Session, body: Body, card: &Card) -> Checked {
        let message = self.sign(session, body, card);
        self.send(session, &message).await
    }

    /// Sends a message for the first time and waits for its answer; keeps the receipt, as a terminal does.
    pub(crate) async fn send(&mut self, session: &mut Session, message: &SignedMessage) -> Checked {
        let checked = session.exchange(message, false).await.expect("an answer");
        if let Some(receipt) = receipt_of(message, &checked) {
            self.last_receipt = Some(receipt);
        }
        checked
    }

    /// Puts a card into use with this much on it, given in loads that the product allows.
    pub(crate) async fn fill(&mut self, session: &mut Session, card: &Card, loads_minor: &[i64]) {
        let answer = self.deal(session, activate(card), card).await;
        assert_eq!(answer.code(), ResponseCode::APPROVED, "activating a new card");
        for minor in loads_minor {
            let answer = self.deal(session, load(card, *minor), card).await;
            assert_eq!(answer.code(), ResponseCode::APPROVED, "loading {minor}");
        }
    }
}

/// What a terminal shows at its next sign-on; `None` when nothing was decided.
pub(crate) fn receipt_of(message: &SignedMessage, answer: &Checked) -> Option<LastReceipt> {
    let proof = answer.proof.as_ref()?;
    Some(LastReceipt {
        request_id: message.request_id,
        answer_hash: Hash(sha256(&[&answer.body])),
        details_hash: proof.details_hash,
        receipt: Blob::new(proof.receipt.as_bytes().to_vec())?,
    })
}

/// New cards.
pub(crate) fn cards(site: &Site, count: u32) -> Vec<Card> {
    let issued = site.cards(count);
    issued.iter().map(|(reference, secret)| Card::new(reference, secret).expect("a card")).collect()
}

pub(crate) fn activate(card: &Card) -> Body {
    Body::Activate { card: card.reference }
}

/// A load paid in cash.
pub(crate) fn load(card: &Card, minor: i64) -> Body {
    let amount = amount(minor);
    let tenders = terminal_sim::terminal::cash(amount).expect("one tender");
    Body::Load { card: card.reference, amount, tenders }
}

pub(crate) fn purchase(card: &Card, minor: i64) -> Body {
    Body::Purchase { card: card.reference, amount: amount(minor), tenders: None, lines: None, points: None }
}

/// The reversal of a message, whether it has arrived or not.
pub(crate) fn reversal(of: &SignedMessage) -> Body {
    let original = of.original().expect("a value message");
    Body::Reversal { original, reason: Reason::NO_ANSWER }
}

pub(crate) fn amount(minor: i64) -> AmountMinor {
    AmountMinor::new(minor).expect("an amount")
}

/// The header of a value message that takes part of the amount where there is no more.
pub(crate) fn partial(session: &Session, stan: Stan) -> Header {
    let header = session.value_header(stan).expect("a header");
    Header { flags: Some(Flags::PARTIAL_ALLOWED), ..header }
}

/// Signs a purchase that may be approved in part.
pub(crate) fn sign_partial(session: &Session, stan: Stan, card: &Card, minor: i64) -> SignedMessage {
    let request = Request { header: partial(session, stan), body: purchase(card, minor) };
    session.sign(&request, &card.sidecar()).expect("a signed message")
}

/// What an answer says that the card has.
pub(crate) fn balance(answer: &Checked, kind: BalanceKind) -> i64 {
    let balances = answer.answer.balances.as_ref().expect("balances");
    balances.get(&kind).copied().unwrap_or(0)
}

/// The next `count` answers of a connection, in the order in which they come.
pub(crate) async fn frames(session: &mut Session, count: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    for _ in 0..count {
        let frame = tokio::time::timeout(PATIENCE, session.connection.next_frame()).await;
        frames.push(frame.expect("in time").expect("a frame"));
    }
    frames
}

/// Messages as they stand on the wire, one behind the other, with correlation numbers that rise from `first`.
pub(crate) fn wire(messages: &[&SignedMessage], first: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (message, correlation) in messages.iter().zip(first..) {
        message.frame(correlation, false).encode(&mut bytes).expect("a frame");
    }
    bytes
}

/// What the operators see of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holdings {
    pub(crate) principal: i64,
    pub(crate) bonus: i64,
    pub(crate) points: i64,
    pub(crate) points_debt: i64,
    pub(crate) lots: Value,
}

impl Holdings {
    /// What the card can pay.
    pub(crate) fn payable(&self) -> i64 {
        self.principal.checked_add(self.bonus).expect("in range")
    }
}

/// What the gateway says that a card holds.
pub(crate) fn holdings(site: &Site, card: &Card) -> Holdings {
    let shown = site.json(&["card", "show", "--card", &card.reference.digits().to_string()]);
    let number = |field: &str| shown[field].as_i64().expect("a number");
    Holdings {
        principal: number("principal_minor"),
        bonus: number("bonus_minor"),
        points: number("points"),
        points_debt: number("points_debt"),
        lots: shown["lots"].clone(),
    }
}

/// GET from the gateway's own page: status line and body.
pub(crate) fn get(gateway: &Gateway, path: &str) -> (String, String) {
    let mut stream = std::net::TcpStream::connect(&gateway.metrics).expect("the metrics port");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n").expect("asked");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("answered");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
}

/// Where the journal ends: the writer's own word, after everything that it took before.
pub(crate) fn last_index(gateway: &Gateway) -> u64 {
    let (_, body) = get(gateway, "/healthz");
    let status: Value = serde_json::from_str(&body).expect("JSON");
    status["index"].as_u64().expect("an index")
}

/// The seed of a random test: `SEED` from the environment, or a fixed one. Printed, so that a failure can be replayed.
pub(crate) fn seed(test: &str) -> u64 {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_121);
    println!("{test}: SEED={seed}");
    seed
}
