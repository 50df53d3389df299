//! The test gateway's books: small, and honest unless told to lie.

use std::collections::BTreeMap;

use protocol::answer::{Answer, AnswerSidecar, Balances, CurrencyUnit, InFlight, Limits, NextStep};
use protocol::code::ResponseCode;
use protocol::cose::{self, Algorithm, Context, OpenedRequest};
use protocol::field::{
    BalanceKind, Blob, CardReference, Currency, Date, Flags, Generation, Hash, Installation, Original,
    ProgrammeDigest, RequestId, Role, TotalMinor, Totals, TransactionState, UnixSeconds,
};
use protocol::frame::{Frame, MessageType};
use protocol::merkle;
use protocol::receipt::{Receipt, Seal, SealHeader, Status, entry_leaf};
use protocol::request::{Body, Request, RequestSidecar};
use terminal_sim::keys::TerminalKey;
use terminal_sim::oracle::{ShiftTotals, Wallet, rules};
use terminal_sim::sha256;

/// The secret of every card of these tests.
pub(crate) const SECRET: &str = "27175142096771094217";

/// What the gateway does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    None,
    /// The bonus of each load is a cent too high.
    Bonus,
    /// Points are rounded up.
    Points,
    /// Purchases are approved whatever the card holds, and its balance is shown as 0.
    Overspend,
    /// A repeat is decided and applied again.
    DecidesTwice,
    /// The stored answer has another time than the first one.
    ChangesAnswers,
    /// Final answers have no receipt.
    NoReceipt,
    /// A receipt is that of the entry before.
    ForeignReceipt,
    /// Repeated answers have no status.
    NoStatus,
    /// The status of every transaction is "live".
    AlwaysLive,
    /// A Reversal says that it undid its original, and changes nothing.
    KeepsTheMoney,
    /// The two newest decisions are forgotten at each sign-on.
    Forgets,
    /// A balance inquiry shows a cent more.
    Inquiry,
    /// Quotes promise more than loads give.
    Quote,
    /// The host counts one purchase more.
    Totals,
    /// Two entries get the same index.
    SameIndex,
    /// A TransactionStatus answer shows an answer that was never given.
    OtherStored,
    /// Answers are signed by another key than the pinned one.
    OtherKey,
}

type Id = (String, u32);

#[derive(Clone)]
struct Decided {
    request_id: RequestId,
    body: Vec<u8>,
    sidecar: AnswerSidecar,
    kind: MessageType,
    card: Option<u64>,
    amount: i64,
    changes: Wallet,
    shift: Option<u32>,
    state: TransactionState,
}

#[derive(Clone, Copy, Default)]
struct CardRow {
    active: bool,
    wallet: Wallet,
}

pub(crate) struct Ledger {
    pub(crate) key: TerminalKey,
    pub(crate) installation: Installation,
    /// Everything that was decided, in its order.
    pub(crate) journal: Vec<(String, u32)>,
    lie: Lie,
    other_key: TerminalKey,
    cards: BTreeMap<u64, CardRow>,
    decided: BTreeMap<Id, Decided>,
    blocked: BTreeMap<Id, RequestId>,
    closed: Vec<(String, u32)>,
    last_seal: Vec<u8>,
    last_receipt: Option<Receipt>,
    clock: i64,
    /// Of the request that is being answered.
    secret_is_right: bool,
}

/// A decision before it is sealed.
struct Verdict {
    answer: Answer,
    changes: Wallet,
    amount: i64,
}

impl Ledger {
    pub(crate) fn new(lie: Lie) -> Self {
        Ledger {
            key: TerminalKey::generate(Algorithm::Es256).unwrap(),
            installation: Installation([9; 16]),
            journal: Vec::new(),
            lie,
            other_key: TerminalKey::generate(Algorithm::Es256).unwrap(),
            cards: BTreeMap::new(),
            decided: BTreeMap::new(),
            blocked: BTreeMap::new(),
            closed: Vec::new(),
            last_seal: Vec::new(),
            last_receipt: None,
            clock: 1_790_000_000,
            secret_is_right: false,
        }
    }

    pub(crate) fn issue(&mut self, card: CardReference) {
        self.cards.insert(card.number(), CardRow::default());
    }

    pub(crate) fn answer(&mut self, frame: &Frame) -> Frame {
        self.clock += 1;
        let opened = cose::open_request(&frame.body, &self.installation, frame.kind).unwrap();
        let request = Request::decode_payload(frame.kind, opened.payload).unwrap();
        let sidecar = RequestSidecar::decode(frame.kind, &frame.sidecar).unwrap();
        self.secret_is_right = sidecar.secret.is_some_and(|secret| secret.expose() == SECRET);
        if request.kind().is_value() {
            self.value(&request, &opened)
        } else {
            self.session(&request, &opened)
        }
        .into_frame(frame)
    }

    fn value(&mut self, request: &Request, opened: &OpenedRequest<'_>) -> Reply {
        let request_id = RequestId::of(&opened.to_be_signed, sha256);
        let id = (request.header.terminal.to_string(), request.header.stan.unwrap().get());
        let known = self.decided.get(&id).cloned();
        if let Some(known) = known.filter(|_| self.lie != Lie::DecidesTwice) {
            if known.request_id != request_id {
                return Reply::plain(self.bare(request, ResponseCode::STAN_USED));
            }
            return self.stored(&known);
        }
        let verdict = self.decide(request, &id, &request_id);
        self.seal(request, request_id, id, verdict)
    }

    fn stored(&self, known: &Decided) -> Reply {
        let mut answer = Answer::decode(&known.body).unwrap();
        if self.lie == Lie::ChangesAnswers {
            answer.time = UnixSeconds::new(answer.time.get() + 1).unwrap();
        }
        let status = (self.lie != Lie::NoStatus).then(|| self.status(known.request_id, known.state));
        let sidecar = AnswerSidecar { status, ..known.sidecar.clone() };
        Reply { repeat: true, body: answer.encode(), sidecar }
    }

    fn decide(&mut self, request: &Request, id: &Id, request_id: &RequestId) -> Verdict {
        let declined = |ledger: &Self, code| Verdict {
            answer: ledger.bare(request, code),
            changes: Wallet::default(),
            amount: 0,
        };
        let shift = request.header.shift.map(|shift| (id.0.clone(), shift.get()));
        if self.blocked.get(id) == Some(request_id) {
            return declined(self, ResponseCode::ALREADY_REVERSED);
        }
        if let Body::Reversal { original, .. } = &request.body {
            return self.reverse(request, original);
        }
        if shift.as_ref().is_some_and(|shift| self.closed.contains(shift)) {
            return declined(self, ResponseCode::INVALID_TRANSACTION);
        }
        if let Body::Reconciliation { totals } = &request.body {
            let ours = self.totals(&id.0, request.header.shift.unwrap().get());
            let agree = terminal_sim::oracle::totals_of(totals) == terminal_sim::oracle::totals_of(&ours);
            let code = if agree { ResponseCode::APPROVED } else { ResponseCode::TOTALS_DIFFER };
            self.closed.push(shift.unwrap());
            let answer = Answer { totals: Some(ours), ..self.bare(request, code) };
            return Verdict { answer, changes: Wallet::default(), amount: 0 };
        }
        let row = self.cards.get(&request.body.card().unwrap().number()).copied();
        let Some(row) = row.filter(|_| self.secret_is_right) else {
            return declined(self, ResponseCode::CARD_NOT_ACCEPTED);
        };
        match self.changes(request, row) {
            Ok((code, amount, changes)) => {
                let wallet = row.wallet.plus(changes).unwrap();
                let answer = Answer {
                    card: request.body.card(),
                    approved_amount: TotalMinor::new(amount),
                    balances: Some(balances(wallet)),
                    changes: Some(balances(changes)),
                    ..self.bare(request, code)
                };
                let active = row.active || request.kind() == MessageType::ACTIVATE;
                self.cards.insert(request.body.card().unwrap().number(), CardRow { active, wallet });
                Verdict { answer, changes, amount }
            }
            Err(code) => declined(self, code),
        }
    }

    fn changes(&self, request: &Request, row: CardRow) -> Result<(ResponseCode, i64, Wallet), ResponseCode> {
        let partial = request.header.flags.is_some_and(|flags| flags.contains(Flags::PARTIAL_ALLOWED));
        let payable = row.wallet.payable().unwrap();
        match (&request.body, row.active) {
            (Body::Activate { .. }, false) => Ok((ResponseCode::APPROVED, 0, Wallet::default())),
            (Body::Activate { .. }, true) => Err(ResponseCode::INVALID_TRANSACTION),
            (_, false) => Err(ResponseCode::CARD_NOT_ACTIVE),
            (Body::Load { amount, .. }, true) => {
                let principal = amount.get();
                let bonus = rules::bonus(principal) + i64::from(self.lie == Lie::Bonus);
                let fits = payable + principal + bonus <= rules::MAX_BALANCE;
                match principal {
                    ..rules::MIN_LOAD => Err(ResponseCode::INVALID_AMOUNT),
                    _ if !fits => Err(ResponseCode::AMOUNT_LIMIT),
                    _ => Ok((ResponseCode::APPROVED, principal, Wallet { principal, bonus, points: 0 })),
                }
            }
            _ => {
                let amount = request.body.amount().unwrap().get();
                let (code, paid) = match amount {
                    amount if amount <= payable || self.lie == Lie::Overspend => {
                        (ResponseCode::APPROVED, amount)
                    }
                    _ if partial && payable > 0 => (ResponseCode::APPROVED_IN_PART, payable),
                    _ => return Err(ResponseCode::NOT_SUFFICIENT_FUNDS),
                };
                let principal = -paid.min(row.wallet.principal);
                let bonus = (-paid - principal).max(-row.wallet.bonus);
                let points = rules::points(paid) + i64::from(self.lie == Lie::Points && paid % 100 != 0);
                Ok((code, paid, Wallet { principal, bonus, points }))
            }
        }
    }

    fn reverse(&mut self, request: &Request, original: &Original) -> Verdict {
        let id = (original.terminal.to_string(), original.stan.get());
        let answer = |ledger: &Self, code, state| Answer { state: Some(state), ..ledger.bare(request, code) };
        let nothing = |answer| Verdict { answer, changes: Wallet::default(), amount: 0 };
        let Some(known) = self.decided.get(&id).cloned() else {
            self.blocked.insert(id, original.request_id);
            return nothing(answer(self, ResponseCode::APPROVED, TransactionState::BLOCKED));
        };
        if known.state != TransactionState::LIVE {
            let undone = answer(self, ResponseCode::APPROVED, known.state);
            let zero = (known.state == TransactionState::REVERSED).then_some(TotalMinor::MIN);
            return nothing(Answer { approved_amount: zero, ..undone });
        }
        let row = known.card.and_then(|card| self.cards.get_mut(&card)).unwrap();
        let back = known.changes.negated().unwrap();
        let Some(wallet) = row.wallet.plus(back).filter(|wallet| wallet.is_sound()) else {
            return nothing(answer(self, ResponseCode::NOT_SUFFICIENT_FUNDS, TransactionState::LIVE));
        };
        if self.lie != Lie::KeepsTheMoney {
            row.wallet = wallet;
        }
        row.active &= known.kind != MessageType::ACTIVATE;
        let wallet = row.wallet;
        self.decided.get_mut(&id).unwrap().state = TransactionState::REVERSED;
        let undone = answer(self, ResponseCode::APPROVED, TransactionState::REVERSED);
        let answer = Answer {
            approved_amount: TotalMinor::new(known.amount),
            balances: Some(balances(wallet)),
            changes: Some(balances(back)),
            ..undone
        };
        Verdict { answer, changes: Wallet::default(), amount: 0 }
    }

    /// Writes the decision into the journal: a group of its own, sealed.
    fn seal(&mut self, request: &Request, request_id: RequestId, id: Id, verdict: Verdict) -> Reply {
        self.journal.push(id.clone());
        // Terminals are let in by everybody; the lies begin with the money.
        let lie = if request.kind().is_value() { self.lie } else { Lie::None };
        let same = u64::from(lie == Lie::SameIndex && self.journal.len().is_multiple_of(2));
        let index = self.journal.len() as u64 - same;
        let answer = Answer { reference: Some(index), ..verdict.answer };
        let body = answer.encode();
        let details_hash = Hash([7; 32]);
        let leaf = entry_leaf(&request_id, &Hash(sha256(&[&body])), &details_hash);
        let before = if self.last_seal.is_empty() { Hash([0; 32]) } else { Hash(sha256(&[&self.last_seal])) };
        let leaves = [merkle::leaf_hash(&before.0, sha256), merkle::leaf_hash(&leaf, sha256)];
        let root = merkle::node_hash(&leaves[0], &leaves[1], sha256);
        let group = self.journal.len() as u64;
        let header = SealHeader {
            chain: 1,
            epoch: 1,
            group,
            first_index: index,
            last_index: index,
            time_ms: self.clock.unsigned_abs() * 1000,
        };
        let key = if lie == Lie::OtherKey { &self.other_key } else { &self.key };
        let signature = key.sign(&header.to_be_signed(&self.installation, &root)).unwrap();
        self.last_seal = Seal { header, root, signature }.encode();
        let own = Receipt { seal: header, tree_size: 2, leaf_index: 1, path: vec![leaves[0]], signature };
        let foreign = self.last_receipt.replace(own.clone());
        let receipt = if lie == Lie::ForeignReceipt { foreign.unwrap_or(own) } else { own };
        let with_receipt = AnswerSidecar {
            receipt: Blob::new(receipt.encode()),
            details_hash: Some(details_hash),
            status: None,
        };
        let sidecar = if lie == Lie::NoReceipt { AnswerSidecar::default() } else { with_receipt };
        let approved = answer.code.is_approval();
        let decided = Decided {
            request_id,
            body: body.clone(),
            sidecar: sidecar.clone(),
            kind: request.kind(),
            card: request.body.card().map(CardReference::number),
            amount: verdict.amount,
            changes: verdict.changes,
            shift: request.header.shift.map(protocol::field::Shift::get),
            state: if approved { TransactionState::LIVE } else { TransactionState::DECLINED },
        };
        self.decided.insert(id, decided);
        Reply { repeat: false, body, sidecar }
    }

    fn session(&mut self, request: &Request, opened: &OpenedRequest<'_>) -> Reply {
        let terminal = request.header.terminal.to_string();
        let approved = self.bare(request, ResponseCode::APPROVED);
        let row = request.body.card().and_then(|card| self.cards.get(&card.number()).copied());
        match &request.body {
            Body::Enroll { code, .. } => {
                assert!(crate::gateway::is_code(code));
                let answer = Answer { generation: Some(Generation::FIRST), ..self.terms(approved) };
                let id = (format!("enrolment of {terminal}"), 0);
                let request_id = RequestId::of(&opened.to_be_signed, sha256);
                self.seal(request, request_id, id, Verdict { answer, changes: Wallet::default(), amount: 0 })
            }
            Body::SignOn { .. } => {
                if self.lie == Lie::Forgets {
                    let keep = self.journal.len().saturating_sub(2);
                    let forgotten = self.journal.split_off(keep);
                    self.decided.retain(|id, _| !forgotten.contains(id));
                }
                let own = self.decided.keys().filter(|(name, _)| *name == terminal);
                let last = own.map(|(_, stan)| *stan).max().unwrap_or(0);
                Reply::plain(Answer { host_last_stan: Some(last), ..self.terms(approved) })
            }
            Body::TransactionStatus { original } => self.answer_status(approved, original),
            Body::BalanceInquiry { .. } => {
                let mut wallet = row.unwrap().wallet;
                wallet.principal += i64::from(self.lie == Lie::Inquiry);
                Reply::plain(Answer { balances: Some(balances(wallet)), ..approved })
            }
            Body::LoadQuote { amount, .. } => Reply::plain(self.quote(approved, amount.get(), row.unwrap())),
            _ => Reply::plain(approved),
        }
    }

    fn quote(&self, approved: Answer, amount: i64, row: CardRow) -> Answer {
        let bonus = rules::bonus(amount) + i64::from(self.lie == Lie::Quote);
        let step = rules::next_step(amount);
        let step = step.map(|(missing, bonus)| NextStep {
            missing: TotalMinor::new(missing).unwrap(),
            bonus: TotalMinor::new(bonus).unwrap(),
        });
        Answer {
            approved_amount: TotalMinor::new(amount),
            balances: Some(balances(row.wallet)),
            changes: Some(balances(Wallet { principal: amount, bonus, points: 0 })),
            next_step: step,
            ..approved
        }
    }

    fn answer_status(&self, approved: Answer, original: &Original) -> Reply {
        let id = (original.terminal.to_string(), original.stan.get());
        let (known, blocked) = (self.decided.get(&id), self.blocked.contains_key(&id));
        let state = match known {
            Some(known) => known.state,
            None if blocked => TransactionState::BLOCKED,
            None => TransactionState::UNKNOWN,
        };
        let mut stored = known.and_then(|known| Blob::new(known.body.clone()));
        if self.lie == Lie::OtherStored {
            stored = stored.and_then(|_| Blob::new(approved.encode()));
        }
        let answer = Answer { state: Some(state), stored_answer: stored, ..approved };
        let status = self.status(original.request_id, state);
        let proof = known.map(|known| known.sidecar.clone()).unwrap_or_default();
        Reply { sidecar: AnswerSidecar { status: Some(status), ..proof }, ..Reply::plain(answer) }
    }

    fn status(&self, request_id: RequestId, state: TransactionState) -> Blob<256> {
        let state = if self.lie == Lie::AlwaysLive { TransactionState::LIVE } else { state };
        let time = UnixSeconds::new(self.clock).unwrap();
        let status = Status { request_id, state, time, epoch: 1, last_index: self.journal.len() as u64 };
        let payload = status.encode_payload();
        let sign = |message: &[u8]| self.key.sign(message);
        let signed = cose::sign(Context::Status, Algorithm::Es256, &self.installation, &payload, sign);
        Blob::new(signed.unwrap().body).unwrap()
    }

    fn totals(&self, terminal: &str, shift: u32) -> Totals {
        let mut totals = ShiftTotals::new();
        let own = self.decided.iter().filter(|((name, _), _)| name == terminal).map(|(_, decided)| decided);
        let counted = [MessageType::ACTIVATE, MessageType::LOAD, MessageType::PURCHASE];
        for decided in own.filter(|decided| counted.contains(&decided.kind)) {
            if decided.shift == Some(shift) && decided.state == TransactionState::LIVE {
                let (count, amount) = totals.entry(decided.kind.0).or_default();
                (*count, *amount) = (*count + 1, *amount + decided.amount);
            }
        }
        if self.lie == Lie::Totals {
            totals.entry(MessageType::PURCHASE.0).or_default().0 += 1;
        }
        let total = |(kind, (count, amount))| protocol::field::Total {
            kind: MessageType(kind),
            count,
            amount: TotalMinor::new(amount).unwrap(),
        };
        Totals::new(totals.into_iter().map(total).collect()).unwrap()
    }

    fn bare(&self, request: &Request, code: ResponseCode) -> Answer {
        let time = UnixSeconds::new(self.clock).unwrap();
        let business_date = Date::new(20_261_122);
        Answer { stan: request.header.stan, business_date, ..Answer::new(request.kind(), code, time) }
    }

    fn terms(&self, answer: Answer) -> Answer {
        let limit = |minor| TotalMinor::new(minor).unwrap();
        Answer {
            in_flight: InFlight::new(8),
            heartbeat_seconds: Some(60),
            programme_digest: Some(ProgrammeDigest([1; 8])),
            limits: Some(Limits {
                load: limit(5_000_00),
                purchase: limit(3_000_00),
                refund: limit(1_000_00),
            }),
            role: Some(Role::REGISTER),
            currency: Currency::new(156).map(|number| CurrencyUnit { number, exponent: 2 }),
            ..answer
        }
    }
}

fn balances(wallet: Wallet) -> Balances {
    [
        (BalanceKind::PRINCIPAL, wallet.principal),
        (BalanceKind::BONUS, wallet.bonus),
        (BalanceKind::POINTS, wallet.points),
    ]
    .into()
}

/// What goes into the answer frame.
struct Reply {
    repeat: bool,
    body: Vec<u8>,
    sidecar: AnswerSidecar,
}

impl Reply {
    fn plain(answer: Answer) -> Self {
        Reply { repeat: false, body: answer.encode(), sidecar: AnswerSidecar::default() }
    }

    fn into_frame(self, request: &Frame) -> Frame {
        Frame {
            repeat: self.repeat,
            kind: request.kind.answer(),
            correlation: request.correlation,
            body: self.body,
            sidecar: self.sidecar.encode(),
        }
    }
}
