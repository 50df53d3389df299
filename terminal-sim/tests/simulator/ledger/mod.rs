//! The test gateway's books: small, and honest unless told to lie.

mod card;
mod later;

use std::collections::BTreeMap;

use protocol::answer::{
    Answer, AnswerSidecar, Balances, CurrencyUnit, FoundCards, InFlight, Limits, NextStep, Quote,
    ShiftTransaction, ShiftTransactions,
};
use protocol::code::ResponseCode;
use protocol::cose::{self, Algorithm, Context, OpenedRequest};
use protocol::field::{
    BalanceKind, Blob, CardReference, Currency, Date, Flags, Generation, GrantId, Hash, Installation,
    Original, ProgrammeDigest, QuoteId, RequestId, Role, Stan, TotalMinor, Totals, TransactionState,
    UnixSeconds,
};
use protocol::frame::{Frame, MessageType};
use protocol::merkle;
use protocol::receipt::{Grant, GrantLimits, Receipt, Seal, SealHeader, Status, entry_leaf};
use protocol::request::{Body, PHONE, PersonalFields, Request, RequestSidecar};
use terminal_sim::keys::TerminalKey;
use terminal_sim::oracle::{Product, ShiftTotals, Wallet, rules};
use terminal_sim::sha256;

use card::{CardRow, Leg, negated};
use later::Refusal;

/// The secret of every card of these tests.
pub(crate) const SECRET: &str = "27175142096771094217";

/// The PIN of every card and person of these tests.
pub(crate) const PIN: &str = "80351";

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
    /// In shifts, the host has another amount for STAN 3, never heard of 4 and 9, and has voided 10.
    Shift,
    /// Two entries get the same index.
    SameIndex,
    /// A TransactionStatus answer shows an answer that was never given.
    OtherStored,
    /// Answers are signed by another key than the pinned one.
    OtherKey,
    /// A capture of more than is held is approved.
    CapturesMore,
    /// What was refunded wholly is refunded once more.
    RefundsTwice,
    /// Refunds leave the points that the sale had earned.
    KeepsPoints,
    /// The changes name kinds without change.
    ZeroChanges,
}

pub(crate) type Id = (String, u32);

#[derive(Clone)]
struct Decided {
    request_id: RequestId,
    body: Vec<u8>,
    sidecar: AnswerSidecar,
    kind: MessageType,
    index: u64,
    deed: Deed,
    shift: Option<u32>,
    state: TransactionState,
}

/// What a transaction did.
#[derive(Clone, Default)]
struct Deed {
    amount: i64,
    card: Option<u64>,
    legs: Vec<Leg>,
    points: i64,
    earned: i64,
    refunded: i64,
    last_refund: Option<Id>,
    /// Of a Refund: what it refunded, and how much of that.
    refunds: Option<(Id, i64)>,
    /// The reference of its hold's first Authorize.
    hold: Option<u64>,
}

pub(crate) struct Ledger {
    pub(crate) key: TerminalKey,
    pub(crate) installation: Installation,
    /// Everything that was decided, in its order.
    pub(crate) journal: Vec<(String, u32)>,
    /// The value messages that arrived, repeats too.
    pub(crate) value_messages: Vec<MessageType>,
    /// Which of them named a quote.
    pub(crate) citing: Vec<MessageType>,
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
    /// Of the request that is being answered.
    personal: PersonalFields,
    /// The holders: card to commitment and phone, in the order of their registration.
    pub(crate) holders: Vec<(CardReference, Hash, String)>,
    /// The same of the PIN of whoever types one, card, cashier or supervisor.
    pin_is_right: bool,
    /// Registers get grants.
    pub(crate) offline: bool,
    /// Nobody reaches the gateway.
    pub(crate) away: bool,
    /// The terminals and STANs of the advices that were decided, in that order.
    pub(crate) advices: Vec<Id>,
}

/// A decision before it is sealed.
struct Verdict {
    answer: Answer,
    deed: Deed,
}

/// Transactions in one answer to a ShiftReport.
const PAGE: usize = 4;
const MAX_LOAD: i64 = 5_000_00;
const MAX_PURCHASE: i64 = 3_000_00;
const MAX_REFUND: i64 = 1_000_00;

impl Ledger {
    pub(crate) fn new(lie: Lie) -> Self {
        Ledger {
            key: TerminalKey::generate(Algorithm::Es256).unwrap(),
            installation: Installation([9; 16]),
            journal: Vec::new(),
            value_messages: Vec::new(),
            citing: Vec::new(),
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
            personal: PersonalFields::new(),
            holders: Vec::new(),
            pin_is_right: false,
            offline: false,
            away: false,
            advices: Vec::new(),
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
        let pins = [&sidecar.pin, &sidecar.cashier_pin, &sidecar.supervisor_pin];
        self.pin_is_right = pins.into_iter().flatten().all(|pin| pin.expose() == PIN);
        self.personal.clone_from(&sidecar.personal);
        self.secret_is_right = sidecar.secret.is_some_and(|secret| secret.expose() == SECRET);
        if request.kind().is_value() {
            self.value_messages.push(request.kind());
            self.citing.extend(request.header.quote.map(|_| request.kind()));
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
        let reserved = request.header.reserved.as_ref();
        if let (Some(commitment), Some(card)) =
            (reserved.and_then(|more| more.personal_commitment), request.body.card())
            && verdict.answer.code.is_approval()
        {
            let sidecar = RequestSidecar { personal: self.personal.clone(), ..RequestSidecar::default() };
            assert_eq!(sidecar.personal_commitment(sha256), Some(commitment), "salt and all");
            self.holders.push((card, commitment, self.personal[&PHONE].as_str().to_owned()));
        }
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
        let shift = request.header.shift.map(|shift| (id.0.clone(), shift.get()));
        let declined = |ledger: &Self, code| ledger.refused(request, (code, None));
        if self.blocked.get(id) == Some(request_id) {
            return declined(self, ResponseCode::ALREADY_REVERSED);
        }
        if let Body::Reversal { original, .. } = &request.body {
            return self.reverse(request, original);
        }
        if let Body::Void { original, .. } = &request.body {
            return self.void(request, original).unwrap_or_else(|refusal| self.refused(request, refusal));
        }
        if let Body::Advice { card, amount, .. } = &request.body {
            self.advices.push(id.clone());
            return self.advice(request, card.number(), amount.get());
        }
        if let Body::CashTaken { amount, card, .. } = &request.body {
            let (card, approved_amount) = (*card, TotalMinor::new(amount.get()));
            let answer = Answer { card, approved_amount, ..self.bare(request, ResponseCode::APPROVED) };
            return Verdict { answer, deed: Deed { amount: amount.get(), ..Deed::default() } };
        }
        if !self.pin_is_right {
            let answer = Answer { tries_left: Some(2), ..self.bare(request, ResponseCode::WRONG_PIN) };
            return Verdict { answer, deed: Deed::default() };
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
            return Verdict { answer, deed: Deed::default() };
        }
        let decided = match &request.body {
            Body::Refund { original, .. } => self.refund(request, id, original),
            Body::Capture { original, .. } => self.capture(request, original),
            _ => self.at_card(request),
        };
        decided.unwrap_or_else(|refusal| self.refused(request, refusal))
    }

    /// What needs a card and its secret.
    fn at_card(&mut self, request: &Request) -> Result<Verdict, Refusal> {
        let card = request.body.card().unwrap().number();
        let row = self.cards.get(&card).filter(|_| self.secret_is_right);
        let active = row.map(|row| row.active).ok_or((ResponseCode::CARD_NOT_ACCEPTED, None))?;
        match (&request.body, active) {
            (Body::Activate { .. }, false) => {
                self.cards.get_mut(&card).unwrap().active = true;
                let deed = Deed { card: Some(card), ..Deed::default() };
                Ok(self.approve(request, ResponseCode::APPROVED, deed))
            }
            (Body::Activate { .. }, true) => Err((ResponseCode::INVALID_TRANSACTION, None)),
            (_, false) => Err((ResponseCode::CARD_NOT_ACTIVE, None)),
            (Body::Load { amount, .. }, true) => self.load(request, card, amount.get()),
            (Body::Transfer { to, amount, .. }, true) => {
                self.transfer(request, card, to.number(), amount.get())
            }
            (Body::ChangePin { .. }, true) => {
                let deed = Deed { card: Some(card), ..Deed::default() };
                Ok(self.approve(request, ResponseCode::APPROVED, deed))
            }
            (Body::Unload { amount, .. }, true) => {
                let legs = negated(&self.cards[&card].choose(amount.get()));
                let deed = Deed { amount: amount.get(), card: Some(card), legs, ..Deed::default() };
                Ok(self.approve(request, ResponseCode::APPROVED, deed))
            }
            (Body::Authorize { .. }, true) => self.authorize(request, card, self.journal.len() as u64 + 1),
            _ => self.purchase(request, card),
        }
    }

    fn load(&mut self, request: &Request, card: u64, amount: i64) -> Result<Verdict, Refusal> {
        let row = self.cards.get_mut(&card).unwrap();
        let bonus = rules::bonus(amount) + i64::from(self.lie == Lie::Bonus);
        let fits = row.wallet().payable().unwrap() + amount + bonus <= Product::STANDARD.max_balance;
        match amount {
            amount if amount < Product::STANDARD.min_load => {
                return Err((ResponseCode::INVALID_AMOUNT, None));
            }
            _ if !fits || amount > MAX_LOAD => return Err((ResponseCode::AMOUNT_LIMIT, None)),
            _ => {}
        }
        let first = row.lots.len();
        row.lots.extend([(false, 0), (true, 0)].iter().take(if bonus > 0 { 2 } else { 1 }));
        let legs = [(first, amount), (first + 1, bonus)].into_iter().filter(|leg| leg.1 > 0).collect();
        let deed = Deed { amount, card: Some(card), legs, ..Deed::default() };
        Ok(self.approve(request, ResponseCode::APPROVED, deed))
    }

    /// Takes what the card has, and says what it has not.
    fn advice(&mut self, request: &Request, card: u64, amount: i64) -> Verdict {
        let legs = self.cards[&card].choose(amount);
        let paid: i64 = legs.iter().map(|leg| leg.1).sum();
        let points = rules::points(paid);
        let legs = negated(&legs);
        let deed = Deed { amount: paid, card: Some(card), legs, points, earned: points, ..Deed::default() };
        let Verdict { answer, deed } = self.approve(request, ResponseCode::APPROVED, deed);
        let answer = Answer {
            approved_amount: TotalMinor::new(amount),
            shortfall: TotalMinor::new(amount - paid),
            ..answer
        };
        Verdict { answer, deed: Deed { amount, ..deed } }
    }

    /// A grant of 50.00 at a time, 80.00 a card, three sales, 120.00 in all.
    fn grant(&self, request: &Request) -> Option<Blob<256>> {
        let limit = |minor| TotalMinor::new(minor).unwrap();
        let now = request.header.time.seconds();
        let grant = Grant {
            terminal: request.header.terminal,
            generation: Generation::FIRST,
            id: GrantId([4; 8]),
            issued: UnixSeconds::new(i64::try_from(now).unwrap() - 60)?,
            expires: UnixSeconds::new(i64::try_from(now).unwrap() + 3600)?,
            limits: GrantLimits {
                transaction: limit(50_00),
                card: limit(80_00),
                count: 3,
                sum: limit(120_00),
            },
        };
        let sign = |message: &[u8]| self.key.sign(message);
        let payload = grant.encode_payload();
        let signed = cose::sign(Context::Grant, Algorithm::Es256, &self.installation, &payload, sign);
        Blob::new(signed.unwrap().body)
    }

    fn transfer(&mut self, request: &Request, card: u64, to: u64, amount: i64) -> Result<Verdict, Refusal> {
        let legs = self.cards[&card].choose(amount);
        if legs.iter().map(|leg| leg.1).sum::<i64>() < amount {
            return Err((ResponseCode::NOT_SUFFICIENT_FUNDS, None));
        }
        let lots = legs.iter().map(|(lot, part)| (self.cards[&card].lots[*lot].0, *part)).collect::<Vec<_>>();
        self.cards.get_mut(&to).unwrap().lots.extend(lots);
        let deed = Deed { amount, card: Some(card), legs: negated(&legs), ..Deed::default() };
        Ok(self.approve(request, ResponseCode::APPROVED, deed))
    }

    fn purchase(&mut self, request: &Request, card: u64) -> Result<Verdict, Refusal> {
        let partial = request.header.flags.is_some_and(|flags| flags.contains(Flags::PARTIAL_ALLOWED));
        let row = &self.cards[&card];
        let (amount, payable) = (request.body.amount().unwrap().get(), row.wallet().payable().unwrap());
        let (code, paid) = match amount {
            amount if amount > MAX_PURCHASE => return Err((ResponseCode::AMOUNT_LIMIT, None)),
            amount if amount <= payable || self.lie == Lie::Overspend => (ResponseCode::APPROVED, amount),
            _ if partial && payable > 0 => (ResponseCode::APPROVED_IN_PART, payable),
            _ => return Err((ResponseCode::NOT_SUFFICIENT_FUNDS, None)),
        };
        let points = rules::points(paid) + i64::from(self.lie == Lie::Points && paid % 100 != 0);
        let legs = negated(&row.choose(paid));
        let deed = Deed { amount: paid, card: Some(card), legs, points, earned: points, ..Deed::default() };
        Ok(self.approve(request, code, deed))
    }

    /// Writes the decision into the journal: a group of its own, sealed.
    fn seal(&mut self, request: &Request, request_id: RequestId, id: Id, verdict: Verdict) -> Reply {
        self.journal.push(id.clone());
        // Terminals are let in by everybody; the lies begin with the money.
        let lie = if request.kind().is_value() { self.lie } else { Lie::None };
        let same = u64::from(lie == Lie::SameIndex && self.journal.len().is_multiple_of(2));
        let index = self.journal.len() as u64 - same;
        let mut answer = Answer { reference: Some(index), ..verdict.answer };
        if let Some(changes) = answer.changes.as_mut().filter(|_| self.lie == Lie::ZeroChanges) {
            changes.entry(BalanceKind::BONUS).or_insert(0);
        }
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
        let code = answer.code;
        let decided = Decided {
            request_id,
            body: body.clone(),
            sidecar: sidecar.clone(),
            kind: request.kind(),
            index,
            // Also of what was declined: a hold that never was is not another card's.
            deed: Deed {
                card: verdict.deed.card.or(request.body.card().map(|card| card.number())),
                ..verdict.deed
            },
            shift: request.header.shift.map(protocol::field::Shift::get),
            state: match code {
                code if code.is_approval() => TransactionState::LIVE,
                ResponseCode::ALREADY_REVERSED => TransactionState::BLOCKED,
                _ => TransactionState::DECLINED,
            },
        };
        self.decided.insert(id, decided);
        Reply { repeat: false, body, sidecar }
    }

    fn session(&mut self, request: &Request, opened: &OpenedRequest<'_>) -> Reply {
        let terminal = request.header.terminal.to_string();
        let approved = self.bare(request, ResponseCode::APPROVED);
        let row = request.body.card().and_then(|card| self.cards.get(&card.number()).cloned());
        match &request.body {
            Body::Enroll { code, .. } => {
                assert!(crate::gateway::is_code(code));
                let answer =
                    Answer { generation: Some(Generation::FIRST), ..self.terms(&terminal, approved) };
                let id = (format!("enrolment of {terminal}"), 0);
                let request_id = RequestId::of(&opened.to_be_signed, sha256);
                self.seal(request, request_id, id, Verdict { answer, deed: Deed::default() })
            }
            Body::SignOn { .. } => {
                if self.lie == Lie::Forgets {
                    let keep = self.journal.len().saturating_sub(2);
                    let forgotten = self.journal.split_off(keep);
                    self.decided.retain(|id, _| !forgotten.contains(id));
                }
                let own = self.decided.keys().filter(|(name, _)| *name == terminal);
                let last = own.map(|(_, stan)| *stan).max().unwrap_or(0);
                let grant = if self.offline { self.grant(request) } else { None };
                Reply::plain(Answer { host_last_stan: Some(last), grant, ..self.terms(&terminal, approved) })
            }
            Body::CashierSignOn if !self.pin_is_right => {
                Reply::plain(Answer { tries_left: Some(2), ..self.bare(request, ResponseCode::WRONG_PIN) })
            }
            Body::TransactionStatus { original } => self.answer_status(approved, original),
            Body::BalanceInquiry { .. } => {
                let mut wallet = row.unwrap().wallet();
                wallet.principal += i64::from(self.lie == Lie::Inquiry);
                Reply::plain(Answer { balances: Some(balances(wallet)), ..approved })
            }
            Body::LoadQuote { amount, .. } => Reply::plain(self.quote(approved, amount.get(), &row.unwrap())),
            Body::PurchaseQuote { amount, .. } => Reply::plain(price(approved, amount.get(), &row.unwrap())),
            Body::CardLookup => {
                let phone = self.personal[&PHONE].as_str();
                let found = self.holders.iter().rev().filter(|(_, _, theirs)| theirs == phone);
                let cards = FoundCards::new(found.map(|(card, ..)| *card).take(8).collect());
                match cards {
                    Some(_) => Reply::plain(Answer { cards, ..approved }),
                    None => Reply::plain(self.bare(request, ResponseCode::CARD_NOT_ACCEPTED)),
                }
            }
            Body::ShiftReport { after } => Reply::plain(self.shift_report(
                approved,
                &terminal,
                request.header.shift.unwrap().get(),
                *after,
            )),
            _ => Reply::plain(approved),
        }
    }

    fn quote(&self, approved: Answer, amount: i64, row: &CardRow) -> Answer {
        let bonus = rules::bonus(amount) + i64::from(self.lie == Lie::Quote);
        let step = rules::next_step(amount);
        let step = step.map(|(missing, bonus)| NextStep {
            missing: TotalMinor::new(missing).unwrap(),
            bonus: TotalMinor::new(bonus).unwrap(),
        });
        Answer {
            approved_amount: TotalMinor::new(amount),
            balances: Some(balances(row.wallet())),
            changes: Some(changes_of(Wallet { principal: amount, bonus, points: 0 })),
            next_step: step,
            quote: quote(approved.time),
            ..approved
        }
    }

    /// Pages of [`PAGE`] transactions.
    fn shift_report(&self, approved: Answer, terminal: &str, shift: u32, after: u32) -> Answer {
        let own = self.decided.iter().filter(|((name, _), _)| name == terminal);
        let own: Vec<_> = own.filter(|(_, decided)| decided.kind.is_value()).collect();
        let last = own.iter().map(|((_, stan), _)| *stan).max().unwrap_or(0);
        let ours = own.into_iter().filter(|((_, stan), known)| *stan > after && known.shift == Some(shift));
        let ours = ours.filter(|((_, stan), _)| self.in_shift(*stan).is_some());
        let listed: Vec<_> = ours.take(PAGE).collect();
        let listed_to = if listed.len() < PAGE { last } else { listed.last().unwrap().0.1 };
        let row = |((_, stan), decided): (&Id, &Decided)| {
            let answer = Answer::decode(&decided.body).unwrap();
            let (more, voided) = self.in_shift(*stan).unwrap();
            ShiftTransaction {
                stan: Stan::new(*stan).unwrap(),
                kind: decided.kind,
                code: answer.code,
                amount: answer.approved_amount.and_then(|amount| TotalMinor::new(amount.get() + more)),
                state: if voided { TransactionState::VOIDED } else { decided.state },
            }
        };
        Answer {
            totals: Some(self.totals(terminal, shift)),
            host_last_stan: Some(last),
            shift_closed: Some(self.closed.contains(&(terminal.to_owned(), shift))),
            transactions: ShiftTransactions::new(listed.into_iter().map(row).collect()),
            listed_to: Some(listed_to),
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

    /// By how much the host's amount is too high, and whether it has been voided; `None` when the host has it not.
    fn in_shift(&self, stan: u32) -> Option<(i64, bool)> {
        match (self.lie, stan) {
            (Lie::Shift, 3) => Some((1, false)),
            (Lie::Shift, 4 | 9) => None,
            (Lie::Shift, 10) => Some((0, true)),
            _ => Some((0, false)),
        }
    }

    fn totals(&self, terminal: &str, shift: u32) -> Totals {
        let mut totals = ShiftTotals::new();
        let own = self.decided.iter().filter(|((name, _), _)| name == terminal);
        let undone = [TransactionState::REVERSED, TransactionState::VOIDED];
        let over = [&undone[..], &[TransactionState::DECLINED, TransactionState::BLOCKED]].concat();
        for ((_, stan), decided) in own.filter(|(_, decided)| decided.kind.counts_in_shift()) {
            let Some((more, false)) = self.in_shift(*stan) else { continue };
            if decided.shift == Some(shift) && !over.contains(&decided.state) {
                let (count, amount) = totals.entry(decided.kind.0).or_default();
                (*count, *amount) = (*count + 1, *amount + decided.deed.amount + more);
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

    /// A terminal whose name begins with K is a kiosk.
    fn terms(&self, terminal: &str, answer: Answer) -> Answer {
        let limit = |minor| TotalMinor::new(minor).unwrap();
        Answer {
            in_flight: InFlight::new(8),
            heartbeat_seconds: Some(60),
            programme_digest: Some(ProgrammeDigest([1; 8])),
            limits: Some(Limits {
                load: limit(MAX_LOAD),
                purchase: limit(MAX_PURCHASE),
                refund: limit(MAX_REFUND),
            }),
            role: Some(if terminal.starts_with('K') { Role::KIOSK } else { Role::REGISTER }),
            merchant: "M001".parse().ok(),
            store: "S001".parse().ok(),
            currency: Currency::new(156).map(|number| CurrencyUnit { number, exponent: 2 }),
            ..answer
        }
    }
}

/// What a purchase would take and give.
fn price(approved: Answer, amount: i64, row: &CardRow) -> Answer {
    let payable = row.wallet().payable().unwrap();
    let paid = amount.min(payable);
    let code = match paid {
        paid if paid == amount => ResponseCode::APPROVED,
        0 => return Answer { code: ResponseCode::NOT_SUFFICIENT_FUNDS, ..approved },
        _ => ResponseCode::APPROVED_IN_PART,
    };
    let mut after = row.clone();
    let changes = after.book(&negated(&row.choose(paid)), rules::points(paid));
    Answer {
        code,
        approved_amount: TotalMinor::new(paid),
        balances: Some(balances(row.wallet())),
        changes: Some(changes_of(changes)),
        quote: quote(approved.time),
        ..approved
    }
}

/// Every quote of these tests; it can be cited for a minute.
fn quote(time: UnixSeconds) -> Option<Quote> {
    let expires = UnixSeconds::new(time.get() + 60).unwrap();
    Some(Quote { id: QuoteId([5; 8]), expires })
}

fn balances(wallet: Wallet) -> Balances {
    [
        (BalanceKind::PRINCIPAL, wallet.principal),
        (BalanceKind::BONUS, wallet.bonus),
        (BalanceKind::POINTS, wallet.points),
    ]
    .into()
}

/// Kinds without change are left out.
fn changes_of(changes: Wallet) -> Balances {
    balances(changes).into_iter().filter(|(_, change)| *change != 0).collect()
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
