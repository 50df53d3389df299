//! One terminal's connection, from Hello to the end: frames in, checks in the documented order, jobs to the writer.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use protocol::code::ResponseCode;
use protocol::cose::{Algorithm, OpenedRequest, open_request};
use protocol::field::{Fingerprint, Nonce, ProtocolVersion, RequestId, Stan, UnixSeconds};
use protocol::frame::{self, Frame, Incoming, MessageType};
use protocol::hello::Hello;
use protocol::request::{Body, Request, RequestSidecar};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::sync::{Semaphore, oneshot, watch};
use tracing::{debug, info, warn};

use super::Shared;
use super::outbound::Outbound;
use super::proving::{Proving, personal, phone};
use crate::clock;
use crate::domain::purchase::Asked;
use crate::domain::{CardReference, TerminalStatus};
use crate::executor::{Beside, Enrolment, Inquiry, Job, NotTaken, Reply, SignOn, TerminalView};
use crate::journal::sha256;
use crate::keys::{PublicKey, fingerprint};
use crate::translate;

/// SignOn or Enroll must come within this time.
const SIGN_ON_TIME: Duration = Duration::from_secs(10);
/// Faulty messages after which a connection is closed.
const FAULTS_MAX: u32 = 16;
/// Silence of so many heartbeat times ends a session.
const SILENT_HEARTBEATS: u32 = 3;

/// A refusal that the session gives by itself.
struct Refusal {
    code: ResponseCode,
    detail: String,
}

fn refuse<T>(code: ResponseCode, detail: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { code, detail: detail.into() })
}

/// What becomes of the connection after a frame.
#[derive(PartialEq, Eq)]
enum Next {
    Go,
    Close,
}

struct Session {
    shared: Arc<Shared>,
    peer: SocketAddr,
    /// SubjectPublicKeyInfo that the TLS handshake proved.
    spki: Vec<u8>,
    fingerprint: [u8; 32],
    nonce: Nonce,
    /// TID and generation after sign-on.
    signed_on: Option<(String, u32)>,
    /// Cashiers who have proven themselves in this session.
    cashiers: BTreeSet<String>,
    in_flight: Arc<Semaphore>,
    faults: u32,
    out: Outbound,
}

/// Serves one connection until it ends.
pub(super) async fn run<S>(
    stream: S,
    peer: SocketAddr,
    spki: Vec<u8>,
    shared: Arc<Shared>,
    stopping: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (read, write) = tokio::io::split(stream);
    let (out, writing) = Outbound::start(write);
    let mut session = Session {
        fingerprint: fingerprint(&spki),
        spki,
        nonce: Nonce(clock::random()),
        signed_on: None,
        cashiers: BTreeSet::new(),
        in_flight: Arc::new(Semaphore::new(usize::from(shared.in_flight))),
        faults: 0,
        out,
        peer,
        shared,
    };
    session.serve(read, stopping).await;
    // Every request that was taken is answered before the connection closes, if the peer still reads.
    let all = u32::from(session.shared.in_flight);
    drop(session.in_flight.acquire_many(all).await);
    drop(session);
    drop(writing.await);
}

impl Session {
    async fn serve(&mut self, mut read: impl AsyncRead + Unpin, mut stopping: watch::Receiver<bool>) {
        if !self.hello().await {
            return;
        }
        let mut buffer = BytesMut::with_capacity(frame::MAX_LENGTH);
        let opened = now();
        let mut heard = opened;
        loop {
            match frame::decode(&buffer) {
                Ok(Some((incoming, used))) => {
                    buffer.advance(used);
                    heard = now();
                    if self.incoming(incoming).await == Next::Close {
                        return;
                    }
                    continue;
                }
                Ok(None) => {}
                Err(error) => {
                    debug!(peer = %self.peer, %error, "framing error");
                    let refusal = Refusal { code: ResponseCode::FORMAT_ERROR, detail: error.to_string() };
                    self.send_refusal(MessageType::REJECT, error.correlation.unwrap_or(0), None, refusal)
                        .await;
                    return;
                }
            }
            let idle = self.shared.heartbeat.saturating_mul(SILENT_HEARTBEATS);
            // Counted from the last whole frame: a byte now and then does not keep a connection open.
            let deadline = if self.signed_on.is_some() { heard + idle } else { opened + SIGN_ON_TIME };
            // `read_buf` appends to the buffer or does nothing: a cancelled read loses no byte.
            tokio::select! {
                got = read.read_buf(&mut buffer) => match got {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                },
                () = tokio::time::sleep_until(deadline) => {
                    debug!(peer = %self.peer, "silent for too long");
                    return;
                }
                _ = stopping.wait_for(|stop| *stop) => return,
            }
        }
    }

    async fn hello(&self) -> bool {
        let hello = Hello {
            installation: self.shared.installation,
            nonce: self.nonce,
            time: UnixSeconds::new(self.now_s()).unwrap_or(UnixSeconds::MIN),
            protocol_version: ProtocolVersion::MIN,
        };
        let frame = Frame {
            repeat: false,
            kind: MessageType::HELLO,
            correlation: 0,
            body: hello.encode(),
            sidecar: Vec::new(),
        };
        self.out.frame(&frame).await
    }

    fn now_s(&self) -> i64 {
        self.shared.clock.now_ms().div_euclid(1000)
    }

    async fn incoming(&mut self, incoming: Incoming) -> Next {
        let frame = match incoming {
            Incoming::Heartbeat => return if self.out.heartbeat().await { Next::Go } else { Next::Close },
            Incoming::Frame(frame) => frame,
        };
        let (kind, correlation) = (frame.kind, frame.correlation);
        let mut stan = None;
        match self.take(frame, &mut stan).await {
            Ok(next) => next,
            Err(refusal) => {
                let faulty =
                    matches!(refusal.code, ResponseCode::FORMAT_ERROR | ResponseCode::SECURITY_VIOLATION);
                let answered = if kind.is_request() { kind } else { MessageType::REJECT };
                let sent = self.send_refusal(answered, correlation, stan, refusal).await;
                self.faults = self.faults.saturating_add(u32::from(faulty));
                if sent && self.faults < FAULTS_MAX { Next::Go } else { Next::Close }
            }
        }
    }

    async fn send_refusal(
        &self,
        kind: MessageType,
        correlation: u32,
        stan: Option<Stan>,
        refusal: Refusal,
    ) -> bool {
        self.shared.metrics.answered(refusal.code);
        if refusal.code == ResponseCode::SECURITY_VIOLATION {
            warn!(peer = %self.peer, detail = refusal.detail, "security violation");
        }
        let answer = translate::transient(kind, refusal.code, stan, &refusal.detail, self.now_s());
        let reply = Reply {
            code: refusal.code,
            body: answer.encode(),
            sidecar: Vec::new(),
            repeat: false,
            untried: None,
        };
        self.out.reply(kind, correlation, reply).await
    }

    /// Checks a frame in the order of PROTOCOL.md section 7 and hands it on.
    async fn take(&mut self, frame: Frame, stan: &mut Option<Stan>) -> Result<Next, Refusal> {
        let format = |error: protocol::error::FormatError| Refusal {
            code: ResponseCode::FORMAT_ERROR,
            detail: error.to_string(),
        };
        if !frame.kind.is_request() {
            return refuse(ResponseCode::FORMAT_ERROR, "not a request type");
        }
        let opened = open_request(&frame.body, &self.shared.installation, frame.kind).map_err(format)?;
        let request = Request::decode_payload(frame.kind, opened.payload).map_err(format)?;
        *stan = request.header.stan;
        let sidecar = RequestSidecar::decode(frame.kind, &frame.sidecar).map_err(format)?;
        if let Body::Enroll { .. } = request.body {
            return self.enroll(&frame, &opened, &request).await;
        }
        let view = self.terminal(&request)?;
        self.check_signature(&view, &opened, &request)?;
        match &request.body {
            Body::SignOn { .. } => self.sign_on(&frame, request, view.generation).await,
            _ => self.in_session(&frame, &opened, &request, &sidecar).await,
        }
    }

    /// The enrolled terminal that the request names, as of the last commit.
    fn terminal(&self, request: &Request) -> Result<TerminalView, Refusal> {
        let not_active = |detail: &str| refuse(ResponseCode::TERMINAL_NOT_ACTIVE, detail);
        let Some(view) = self.shared.handle.registry.find(request.header.terminal.as_str()) else {
            return not_active("not enrolled");
        };
        if view.key.is_none() || view.fingerprint != self.fingerprint {
            return not_active("not this connection's terminal");
        }
        if request.header.generation.map(|generation| generation.get()) != Some(view.generation) {
            return not_active("another enrolment generation is in force");
        }
        match view.status {
            TerminalStatus::Active => {}
            TerminalStatus::Locked => return refuse(ResponseCode::TERMINAL_LOCKED, "locked; enrol again"),
            status => return not_active(status.name()),
        }
        Ok(view)
    }

    fn check_signature(
        &self,
        view: &TerminalView,
        opened: &OpenedRequest<'_>,
        request: &Request,
    ) -> Result<(), Refusal> {
        let violation = |detail: &str| refuse(ResponseCode::SECURITY_VIOLATION, detail);
        if opened.algorithm.number() != view.algorithm {
            return violation("not this terminal's algorithm");
        }
        if request.header.key_id.0 != self.fingerprint[..4] {
            return violation("not this terminal's key id");
        }
        let verifies =
            view.key.as_ref().is_some_and(|key| key.verify(&opened.to_be_signed, opened.signature));
        if !verifies {
            return violation("the signature does not verify");
        }
        if request.header.nonce.is_some_and(|nonce| nonce != self.nonce) {
            return violation("not this connection's nonce");
        }
        Ok(())
    }

    async fn enroll(
        &self,
        frame: &Frame,
        opened: &OpenedRequest<'_>,
        request: &Request,
    ) -> Result<Next, Refusal> {
        let violation = |detail: &str| refuse(ResponseCode::SECURITY_VIOLATION, detail);
        let Body::Enroll { code, public_key, gateway, .. } = &request.body else {
            return refuse(ResponseCode::FORMAT_ERROR, "not an Enroll");
        };
        if public_key.as_bytes() != self.spki || request.header.key_id.0 != self.fingerprint[..4] {
            return violation("not the key of this connection");
        }
        if *gateway != Fingerprint(self.shared.fingerprint) || request.header.nonce != Some(self.nonce) {
            return violation("not meant for this connection");
        }
        let Some(key) = PublicKey::from_spki(&self.spki) else {
            return violation("this kind of key is not accepted");
        };
        if opened.algorithm.number() != key.algorithm() || !key.verify(&opened.to_be_signed, opened.signature)
        {
            return violation("the signature does not verify");
        }
        let enrolment = Enrolment {
            terminal: request.header.terminal.as_str().into(),
            code_hash: sha256(&[code.expose().as_bytes()]),
            algorithm: match opened.algorithm {
                Algorithm::Es256 => -7,
                Algorithm::EdDsa => -8,
            },
            public_key: self.spki.clone(),
            request_id: RequestId::of(&opened.to_be_signed, sha256).0,
            signed: frame.body.clone(),
        };
        let reply = self.ask(|reply| Job::Enroll { enrolment, reply }).await?;
        Ok(self.send(frame, reply).await)
    }

    async fn sign_on(&mut self, frame: &Frame, request: Request, generation: u32) -> Result<Next, Refusal> {
        let terminal = request.header.terminal.as_str().to_owned();
        let Body::SignOn { last_stan, last_receipt, .. } = request.body else {
            return refuse(ResponseCode::FORMAT_ERROR, "not a SignOn");
        };
        let sign_on = SignOn {
            terminal: terminal.clone(),
            generation,
            last_stan,
            last_receipt,
            time_s: i64::try_from(request.header.time.seconds()).unwrap_or(i64::MAX),
        };
        let reply = self.ask(|reply| Job::SignOn { sign_on, reply }).await?;
        if reply.code == ResponseCode::APPROVED {
            self.signed_on = Some((terminal, generation));
        }
        Ok(self.send(frame, reply).await)
    }

    /// Everything that needs a signed-on terminal.
    async fn in_session(
        &mut self,
        frame: &Frame,
        opened: &OpenedRequest<'_>,
        request: &Request,
        sidecar: &RequestSidecar,
    ) -> Result<Next, Refusal> {
        let named = request.header.terminal.as_str();
        let Some((terminal, generation)) = self.signed_on.as_ref().filter(|(terminal, _)| terminal == named)
        else {
            return refuse(ResponseCode::SIGN_ON_REQUIRED, "sign on first");
        };
        let currency = request.header.currency.and_then(|c| u16::try_from(c.get()).ok()).unwrap_or(0);
        if let Body::CashierSignOn = request.body {
            return self.cashier_sign_on(frame, request, sidecar).await;
        }
        let proof = |card: CardReference| {
            let secret = sidecar.secret.as_ref()?;
            Some(self.shared.card_key.proof(card.0, secret.expose()))
        };
        let claim = |card: &protocol::field::CardReference| translate::claim(*card, &proof);
        let inquiry = match &request.body {
            Body::SignOff => {
                let (terminal, generation) = (terminal.clone(), *generation);
                info!(terminal, "signed off");
                let inquiry = Inquiry::Day(MessageType::SIGN_OFF);
                let reply = self.ask(|reply| Job::Inquiry { terminal, generation, inquiry, reply }).await?;
                self.send(frame, reply).await;
                return Ok(Next::Close);
            }
            Body::Echo => Some(Inquiry::Day(MessageType::ECHO)),
            Body::LoadQuote { card, amount } => {
                Some(Inquiry::LoadQuote { claim: claim(card), currency, amount: amount.get() })
            }
            Body::PurchaseQuote { card, amount, points, .. } => Some(Inquiry::PurchaseQuote {
                claim: claim(card),
                asked: Asked {
                    currency,
                    amount: amount.get(),
                    points: points.map(|points| points.get()),
                    prices: request
                        .header
                        .flags
                        .is_some_and(|flags| flags.contains(protocol::field::Flags::PROGRAMME_PRICES)),
                    sold: translate::sold(&request.body),
                },
            }),
            Body::CardLookup => Some(Inquiry::CardLookup { phone: phone(sidecar).unwrap_or_default() }),
            Body::ShiftReport { after } => Some(Inquiry::Shift {
                shift: request.header.shift.map_or(0, |shift| shift.get()),
                after: *after,
            }),
            Body::MemberInquiry { card, after } => Some(Inquiry::Member {
                claim: claim(card),
                currency,
                after: after.map_or(0, |after| after.get()),
            }),
            Body::Catalogue { after } => {
                Some(Inquiry::Catalogue { currency, after: after.map(|after| after.as_str().into()) })
            }
            Body::BalanceInquiry { card } => Some(Inquiry::Balance { claim: claim(card), currency }),
            Body::TransactionStatus { original } => Some(Inquiry::Status {
                terminal: original.terminal.as_str().into(),
                generation: original.generation.get(),
                stan: original.stan.get(),
                request_id: original.request_id.0,
            }),
            _ => None,
        };
        let Ok(place) = Arc::clone(&self.in_flight).try_acquire_owned() else {
            return refuse(ResponseCode::BUSY, "more unanswered requests than the session may have");
        };
        let (sender, answer) = oneshot::channel();
        let mut proving = None;
        let job = match inquiry {
            Some(inquiry) => {
                Job::Inquiry { terminal: terminal.clone(), generation: *generation, inquiry, reply: sender }
            }
            None if translate::is_wrongly_offline(request) => {
                return refuse(
                    ResponseCode::FORMAT_ERROR,
                    "key 13 bit 0: only an Advice is approved offline",
                );
            }
            None => {
                let request_id = RequestId::of(&opened.to_be_signed, sha256).0;
                let command = translate::command(request, request_id, sidecar, &proof, &self.shared.word);
                let Some(request) = command else {
                    return refuse(ResponseCode::FORMAT_ERROR, "not a request of this version");
                };
                let cashier = request.cashier.as_ref();
                let cashier_proven = cashier.is_some_and(|cashier| self.cashiers.contains(cashier));
                let beside = Beside { cashier_proven, ..personal(sidecar, request.holder) };
                let request = Box::new(request);
                if sidecar.has_pin() {
                    let Some(place) = self.shared.pins.place() else {
                        return refuse(ResponseCode::BUSY, "too many PINs are being checked");
                    };
                    let (request, signed) = (request.clone(), frame.body.clone());
                    let (sidecar, beside) = (sidecar.clone(), beside.clone());
                    proving = Some(Proving { place, request, signed, sidecar, beside });
                }
                Job::Value { request, signed: frame.body.clone(), beside, reply: sender }
            }
        };
        self.submit(job)?;
        // From here on the job is the writer's: a connection that ends cancels nothing.
        let (out, kind, correlation) = (self.out.clone(), frame.kind, frame.correlation);
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            let mut answer = answer.await.ok();
            if let Some(proving) = proving {
                answer = proving.finish(&shared, answer).await;
            }
            // Given back first: whoever has the answer may send the next request.
            drop(place);
            if let Some(reply) = answer {
                out.reply(kind, correlation, reply).await;
            }
        });
        Ok(Next::Go)
    }

    /// Proves a cashier for this session.
    async fn cashier_sign_on(
        &mut self,
        frame: &Frame,
        request: &Request,
        sidecar: &RequestSidecar,
    ) -> Result<Next, Refusal> {
        let (Some((terminal, generation)), Some(cashier)) = (self.signed_on.clone(), &request.header.cashier)
        else {
            return refuse(ResponseCode::FORMAT_ERROR, "no cashier is named");
        };
        let cashier = cashier.as_str().to_owned();
        let Some(place) = self.shared.pins.place() else {
            return refuse(ResponseCode::BUSY, "too many PINs are being checked");
        };
        let mut hash = None;
        loop {
            let inquiry = Inquiry::CashierSignOn { cashier: cashier.clone(), hash };
            let terminal = terminal.clone();
            let reply = self.ask(|reply| Job::Inquiry { terminal, generation, inquiry, reply }).await?;
            let Some((_, salt)) = reply.untried else {
                if reply.code == ResponseCode::APPROVED {
                    self.cashiers.insert(cashier);
                }
                return Ok(self.send(frame, reply).await);
            };
            // Without a PIN there is nothing that could be right.
            hash = Some(match &sidecar.cashier_pin {
                Some(pin) => place.hash(pin, salt, &self.shared.card_key).await.unwrap_or_default(),
                None => [0; 32],
            });
        }
    }

    async fn send(&self, frame: &Frame, reply: Reply) -> Next {
        if self.out.reply(frame.kind, frame.correlation, reply).await { Next::Go } else { Next::Close }
    }

    fn submit(&self, job: Job) -> Result<(), Refusal> {
        match self.shared.handle.submit(job) {
            Ok(()) => Ok(()),
            Err(NotTaken::Full) => refuse(ResponseCode::BUSY, "the gateway is busy; nothing was recorded"),
            Err(NotTaken::Ended) => refuse(ResponseCode::SYSTEM_MALFUNCTION, "the gateway is stopping"),
        }
    }

    /// Submits and waits; for messages that change what the session may do.
    async fn ask(&self, job: impl FnOnce(oneshot::Sender<Reply>) -> Job) -> Result<Reply, Refusal> {
        let (sender, answer) = oneshot::channel();
        self.submit(job(sender))?;
        match answer.await {
            Ok(reply) => Ok(reply),
            Err(_) => refuse(ResponseCode::SYSTEM_MALFUNCTION, "the gateway is stopping"),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "deadlines of a connection; no transaction depends on them")]
fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}
