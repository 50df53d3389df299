//! A gateway of one terminal and no money: it decides, remembers, seals, and counts how often each request is applied.

use std::collections::BTreeMap;

use protocol::answer::{
    Answer, AnswerSidecar, CurrencyUnit, FoundCards, Hold, InFlight, Quote, ShiftTransaction,
    ShiftTransactions,
};
use protocol::code::{Class, ResponseCode};
use protocol::cose::{self, Context, open_request};
use protocol::field::{
    Blob, Count, Currency, Generation, Hash, Nonce, Original, ProtocolVersion, QuoteId, RequestId, Stan,
    TotalMinor, TransactionState, UnixSeconds,
};
use protocol::frame::{Frame, MessageType};
use protocol::hello::Hello;
use protocol::merkle::{Tree, leaf_hash};
use protocol::receipt::{MAX_GRANT, Receipt, Seal, SealHeader, Status, entry_leaf};
use protocol::request::{Body, LastReceipt, PHONE, Request, RequestSidecar};

use super::super::keys::{INSTALLATION, SHA256, TestKey, gateway, terminal_ed25519};
use super::super::samples::members;

pub(crate) struct Gateway {
    key: TestKey,
    terminal_key: TestKey,
    pub(crate) in_flight: i64,
    pub(crate) heartbeat_seconds: u32,
    /// What Enroll gives.
    pub(crate) generation: Generation,
    /// What the next value message gets instead of a decision.
    pub(crate) next_refusal: Option<ResponseCode>,
    /// What SignOn brings along.
    pub(crate) grant: Option<Blob<MAX_GRANT>>,
    connection: u8,
    signed_on: bool,
    pub(crate) journal: BTreeMap<Stan, Entry>,
    /// Requests whose reversal came first.
    tombstones: Vec<RequestId>,
    /// How often each request was applied and undone.
    pub(crate) applied: BTreeMap<RequestId, (u32, u32)>,
    previous_seal: Hash,
    next_index: u64,
    pub(crate) alarms: Vec<String>,
}

pub(crate) struct Entry {
    pub(crate) request_id: RequestId,
    kind: MessageType,
    answer: Vec<u8>,
    details_hash: Hash,
    receipt: Vec<u8>,
    pub(crate) state: TransactionState,
}

pub(crate) const GATEWAY_TIME: i64 = 1_790_000_500;

impl Gateway {
    pub(crate) fn new() -> Self {
        Gateway {
            key: gateway(),
            terminal_key: terminal_ed25519(),
            in_flight: 4,
            heartbeat_seconds: 30,
            generation: Generation::FIRST,
            next_refusal: None,
            grant: None,
            connection: 0,
            signed_on: false,
            journal: BTreeMap::new(),
            tombstones: Vec::new(),
            applied: BTreeMap::new(),
            previous_seal: Hash([0; 32]),
            next_index: 1,
            alarms: Vec::new(),
        }
    }

    /// A new connection: its Hello.
    pub(crate) fn connect(&mut self) -> Frame {
        self.connection = self.connection.wrapping_add(1);
        self.signed_on = false;
        let hello = Hello {
            installation: INSTALLATION,
            nonce: self.nonce(),
            time: time(),
            protocol_version: ProtocolVersion::MIN,
        };
        frame(MessageType::HELLO, 0, hello.encode())
    }

    fn nonce(&self) -> Nonce {
        Nonce([self.connection; 16])
    }

    /// Answers one request, whichever connection it came on.
    pub(crate) fn handle(&mut self, sent: &Frame) -> Frame {
        let opened = open_request(&sent.body, &INSTALLATION, sent.kind).unwrap();
        assert!(
            self.terminal_key.verify(&opened.to_be_signed, opened.signature),
            "a request that is not signed"
        );
        let request = Request::decode_payload(sent.kind, opened.payload).unwrap();
        let request_id = RequestId::of(&opened.to_be_signed, SHA256);
        if sent.kind.is_session() {
            return self.session_message(sent, &request, request_id);
        }
        let stan = request.header.stan.unwrap();
        if !self.signed_on {
            return transient(sent, ResponseCode::SIGN_ON_REQUIRED);
        }
        if let Some(entry) = self.journal.get(&stan) {
            if entry.request_id != request_id {
                self.alarms.push(format!("{stan:?} was used for two requests"));
                return transient(sent, ResponseCode::STAN_USED);
            }
            return self.stored_answer(sent, stan);
        }
        if let Some(refusal) = self.next_refusal.take() {
            return transient(sent, refusal);
        }
        self.decide(sent, &request, request_id, stan)
    }

    fn session_message(&mut self, sent: &Frame, request: &Request, request_id: RequestId) -> Frame {
        if request.header.nonce != Some(self.nonce()) {
            return transient(sent, ResponseCode::SECURITY_VIOLATION);
        }
        let unit = CurrencyUnit { number: Currency::new(156).unwrap(), exponent: 2 };
        let mut answer = Answer::new(sent.kind, ResponseCode::APPROVED, time());
        let mut sidecar = AnswerSidecar::default();
        match &request.body {
            Body::Enroll { .. } => {
                answer.generation = Some(self.generation);
                answer.currency = Some(unit);
                answer.reference = Some(self.next_index);
                let entry = self.seal(sent.kind, request_id, answer.encode(), TransactionState::LIVE);
                return self.answer_frame(sent, &entry, false);
            }
            Body::SignOn { last_stan, last_receipt, .. } => {
                let host_last = self.journal.last_key_value().map_or(0, |(stan, _)| stan.get());
                if host_last > *last_stan {
                    self.alarms.push(format!("the terminal forgot: {last_stan} after {host_last}"));
                    return transient(sent, ResponseCode::TERMINAL_LOCKED);
                }
                self.check_witness(last_receipt.as_ref());
                self.signed_on = true;
                answer.in_flight = InFlight::new(self.in_flight);
                answer.heartbeat_seconds = Some(self.heartbeat_seconds);
                answer.currency = Some(unit);
                answer.grant = self.grant.clone();
            }
            Body::CashierSignOn => {
                let sidecar = RequestSidecar::decode(sent.kind, &sent.sidecar).unwrap();
                if sidecar.cashier_pin.is_none_or(|pin| pin.expose() != "80351") {
                    (answer.code, answer.tries_left) = (ResponseCode::WRONG_PIN, Some(2));
                }
            }
            Body::CardLookup => {
                let sidecar = RequestSidecar::decode(sent.kind, &sent.sidecar).unwrap();
                answer.cards = match sidecar.personal[&PHONE].as_str() {
                    "8613800138000" => FoundCards::new(vec![super::super::samples::card(1)]),
                    _ => None,
                };
                if answer.cards.is_none() {
                    answer.code = ResponseCode::CARD_NOT_ACCEPTED;
                }
            }
            Body::MemberInquiry { .. } => answer = members::typical_member(answer),
            Body::Catalogue { .. } => answer = members::typical_catalogue(answer),
            Body::TransactionStatus { original } => {
                let entry = self.journal.get(&original.stan).filter(|e| e.request_id == original.request_id);
                let state = entry.map_or(TransactionState::UNKNOWN, |entry| entry.state);
                answer.state = Some(state);
                answer.stored_answer = entry.and_then(|entry| Blob::new(entry.answer.clone()));
                sidecar = AnswerSidecar {
                    receipt: entry.and_then(|entry| Blob::new(entry.receipt.clone())),
                    details_hash: entry.map(|entry| entry.details_hash),
                    status: Some(self.status(original.request_id, state)),
                };
            }
            Body::LoadQuote { amount, .. } | Body::PurchaseQuote { amount, .. } => {
                answer.approved_amount = TotalMinor::new(amount.get());
                answer.quote = Some(Quote { id: QuoteId([self.connection; 8]), expires: time() });
            }
            Body::ShiftReport { after } => {
                answer.shift_closed = Some(false);
                answer.transactions = self.transactions(*after);
                answer.host_last_stan = self.journal.last_key_value().map(|(stan, _)| stan.get());
                answer.listed_to = answer.host_last_stan;
            }
            _ => {}
        }
        Frame { sidecar: sidecar.encode(), ..frame(sent.kind.answer(), sent.correlation, answer.encode()) }
    }

    /// What was decided after this STAN; this gateway's terminals have one shift.
    fn transactions(&self, after: u32) -> Option<ShiftTransactions> {
        let transaction = |(stan, entry): (&Stan, &Entry)| {
            let Answer { code, approved_amount: amount, .. } = Answer::decode(&entry.answer).unwrap();
            ShiftTransaction { stan: *stan, kind: entry.kind, code, amount, state: entry.state }
        };
        let after = self.journal.iter().filter(|(stan, _)| stan.get() > after);
        ShiftTransactions::new(after.map(transaction).collect())
    }

    fn check_witness(&mut self, last: Option<&LastReceipt>) {
        let Some(last) = last else { return };
        let leaf = entry_leaf(&last.request_id, &last.answer_hash, &last.details_hash);
        let verify = |message: &[u8], signature: &[u8]| self.key.verify(message, signature);
        let receipt = Receipt::parse(last.receipt.as_bytes()).unwrap();
        let place = receipt.verify(&leaf, &INSTALLATION, SHA256, &verify).unwrap();
        assert!(place.index < self.next_index, "a receipt for an entry that the journal does not have");
    }

    /// Approves, unless the amount is a multiple of 7.
    fn decide(&mut self, sent: &Frame, request: &Request, request_id: RequestId, stan: Stan) -> Frame {
        let mut answer = Answer::new(sent.kind, ResponseCode::APPROVED, time());
        answer.stan = Some(stan);
        answer.reference = Some(self.next_index);
        let mut state = TransactionState::LIVE;
        if self.tombstones.contains(&request_id) {
            answer.code = ResponseCode::ALREADY_REVERSED;
            state = TransactionState::BLOCKED;
        } else if let Body::Reversal { original, .. } = &request.body {
            self.reverse(original, &mut answer);
        } else if request.body.amount().is_some_and(|amount| amount.get() % 7 == 0) {
            answer.code = ResponseCode::NOT_SUFFICIENT_FUNDS;
            state = TransactionState::DECLINED;
        } else {
            answer.approved_amount = request.body.amount().and_then(|amount| TotalMinor::new(amount.get()));
            answer.hold = matches!(sent.kind, MessageType::AUTHORIZE | MessageType::CAPTURE).then(|| Hold {
                reference: self.next_index,
                held: TotalMinor::MIN,
                expires: time(),
            });
            answer.shortfall = (sent.kind == MessageType::ADVICE).then_some(TotalMinor::MIN);
            answer.uses_left = (sent.kind == MessageType::USE_ENTITLEMENT).then_some(Count::MIN);
            self.applied.entry(request_id).or_default().0 += 1;
        }
        let entry = self.seal(sent.kind, request_id, answer.encode(), state);
        let answer = self.answer_frame(sent, &entry, false);
        self.journal.insert(stan, entry);
        answer
    }

    /// A Reversal by the table of section 11.
    fn reverse(&mut self, original: &Original, answer: &mut Answer) {
        match self.journal.get_mut(&original.stan) {
            None => {
                if !self.tombstones.contains(&original.request_id) {
                    self.tombstones.push(original.request_id);
                }
                answer.state = Some(TransactionState::BLOCKED);
            }
            Some(entry) if entry.request_id != original.request_id => {
                answer.code = ResponseCode::ORIGINAL_NOT_FOUND
            }
            Some(entry) if entry.kind == MessageType::LOAD && entry.state == TransactionState::LIVE => {
                answer.code = ResponseCode::NOT_SUFFICIENT_FUNDS; // This gateway's loads are always spent already.
                answer.state = Some(TransactionState::LIVE);
            }
            Some(entry) => {
                if entry.state == TransactionState::LIVE {
                    entry.state = TransactionState::REVERSED;
                    self.applied.entry(original.request_id).or_default().1 += 1;
                }
                answer.state = Some(entry.state);
            }
        }
    }

    /// Seals the entry in a write group of its own.
    fn seal(
        &mut self,
        kind: MessageType,
        request_id: RequestId,
        answer: Vec<u8>,
        state: TransactionState,
    ) -> Entry {
        let index = self.next_index;
        self.next_index += 1;
        let details_hash = Hash(SHA256(&[b"details", &index.to_be_bytes()]));
        let leaf = entry_leaf(&request_id, &Hash(SHA256(&[&answer])), &details_hash);
        let tree =
            Tree::new(vec![leaf_hash(&self.previous_seal.0, SHA256), leaf_hash(&leaf, SHA256)], SHA256);
        let header = SealHeader {
            chain: 1,
            epoch: 1,
            group: index,
            first_index: index,
            last_index: index,
            time_ms: 1_790_000_500_000,
        };
        let signature = self.key.sign(&header.to_be_signed(&INSTALLATION, &tree.root()));
        let seal = Seal { header, root: tree.root(), signature };
        self.previous_seal = Seal::hash(&seal.encode(), SHA256);
        let path = tree.path(1).unwrap();
        let receipt = Receipt { seal: header, tree_size: 2, leaf_index: 1, path, signature };
        Entry { request_id, kind, answer, details_hash, receipt: receipt.encode(), state }
    }

    fn stored_answer(&self, sent: &Frame, stan: Stan) -> Frame {
        self.answer_frame(sent, &self.journal[&stan], true)
    }

    fn answer_frame(&self, sent: &Frame, entry: &Entry, repeat: bool) -> Frame {
        let sidecar = AnswerSidecar {
            receipt: Blob::new(entry.receipt.clone()),
            details_hash: Some(entry.details_hash),
            status: repeat.then(|| self.status(entry.request_id, entry.state)),
        };
        let answer = frame(sent.kind.answer(), sent.correlation, entry.answer.clone());
        Frame { repeat, sidecar: sidecar.encode(), ..answer }
    }

    fn status(&self, request_id: RequestId, state: TransactionState) -> Blob<256> {
        let status = Status { request_id, state, time: time(), epoch: 1, last_index: self.next_index - 1 };
        let sign = |message: &[u8]| Ok::<_, ()>(self.key.sign(message));
        let signed =
            cose::sign(Context::Status, self.key.algorithm, &INSTALLATION, &status.encode_payload(), sign);
        Blob::new(signed.unwrap().body).unwrap()
    }
}

pub(crate) fn transient(sent: &Frame, code: ResponseCode) -> Frame {
    assert_ne!(code.class(), Class::Final);
    frame(sent.kind.answer(), sent.correlation, Answer::new(sent.kind, code, time()).encode())
}

fn frame(kind: MessageType, correlation: u32, body: Vec<u8>) -> Frame {
    Frame { repeat: false, kind, correlation, body, sidecar: Vec::new() }
}

fn time() -> UnixSeconds {
    UnixSeconds::new(GATEWAY_TIME).unwrap()
}
