//! Answers to the requests of terminal V0001, sealed in one write group.

use std::collections::BTreeMap;

use protocol::answer::{
    Answer, AnswerSidecar, Explanation, Explanations, FoundCards, Hold, Quote, ShiftTransaction,
};
use protocol::code::ResponseCode;
use protocol::cose::{self, Algorithm, Context};
use protocol::field::{
    BalanceKind, Blob, Hash, Notes, QuoteId, RequestId, Text, TotalMinor, TransactionState,
};
use protocol::frame::MessageType;
use protocol::merkle::{Tree, leaf_hash};
use protocol::receipt::{Receipt, ReceiptFile, Seal, SealHeader, Status, entry_leaf};

use crate::files::{AnswerVector, Proof, StatusVector, answer_key_name, fields};
use crate::keys::{INSTALLATION, SHA256, gateway};
use crate::members;
use crate::requests::Made;
use crate::samples::{self, TIME, members::rule, seconds};
use crate::{frame_bytes, hex};

const FIRST_INDEX: u64 = 5001;
const PURCHASE: &str = "Purchase-es256";
const AUTHORIZE: &str = "Authorize-es256";
const TRANSFER: &str = "Transfer-es256";

/// An answer that was sealed.
struct Sealed<'a> {
    made: &'a Made,
    answer: Answer,
    body: Vec<u8>,
    details_hash: Hash,
}

pub(crate) fn all(requests: &[Made]) -> Vec<AnswerVector> {
    let mine = |made: &&Made| made.vector.terminal == "V0001" && !made.vector.name.ends_with("other-s");
    let requests: Vec<&Made> = requests.iter().filter(mine).collect();
    let to_seal: Vec<&Made> = requests.iter().copied().filter(|made| is_sealed(made)).collect();
    let opened = to_seal.iter().zip(FIRST_INDEX..).find(|(made, _)| made.vector.name == AUTHORIZE).unwrap().1;
    let sealed: Vec<Sealed<'_>> =
        to_seal.iter().zip(FIRST_INDEX..).map(|(made, index)| seal_one(made, index, opened)).collect();
    let place = |name: &str| sealed.iter().position(|sealed| sealed.made.vector.name == name).unwrap();
    let group = Group::seal(&sealed);

    let mut vectors = vec![hello(), reject()];
    for made in &requests {
        match sealed.iter().position(|sealed| sealed.made.vector.name == made.vector.name) {
            Some(place) => vectors.push(group.first_answer(&sealed[place], place)),
            None if made.request.kind() == MessageType::TRANSACTION_STATUS => {
                vectors.push(group.status_of_unknown(made));
                let purchase = place(PURCHASE);
                vectors.push(group.status_of_live(made, &sealed[purchase], purchase));
            }
            None => vectors.push(session_answer(made)),
        }
    }
    for (name, state, verdict) in [
        (PURCHASE, TransactionState::LIVE, "approved"),
        (PURCHASE, TransactionState::REVERSED, "undone"),
        (PURCHASE, TransactionState::REFUNDED_IN_PART, "approved"),
        (PURCHASE, TransactionState::REFUNDED, "undone"),
        (AUTHORIZE, TransactionState::CAPTURED, "approved"),
        (AUTHORIZE, TransactionState::LAPSED, "undone"),
        (TRANSFER, TransactionState::VOIDED, "undone"),
    ] {
        vectors.push(group.repeated(&sealed[place(name)], place(name), state, verdict));
    }
    vectors.push(busy(sealed[place(PURCHASE)].made));
    vectors.push(nobody_signed_on(sealed[place(PURCHASE)].made));
    vectors
}

fn is_sealed(made: &Made) -> bool {
    samples::is_sealed(made.request.kind())
}

/// Decides and encodes; `opened` is the reference of the Authorize that opened the hold.
fn seal_one<'a>(made: &'a Made, index: u64, opened: u64) -> Sealed<'a> {
    let kind = made.request.kind();
    let typical = samples::typical_answer(kind);
    let mut answer = Answer {
        stan: made.request.header.stan,
        reference: Some(index),
        business_date: protocol::field::Date::new(2026_11_21),
        hold: typical.hold.map(|hold| Hold { reference: opened, ..hold }),
        ..typical
    };
    match made.vector.name.as_str() {
        "Authorize-raise-es256" => held(&mut answer, 20_00, 70_00, 0),
        "Capture-more-follow-es256" => held(&mut answer, 30_00, 40_00, 30),
        "Capture-too-late-es256" => {
            let code = ResponseCode::INVALID_TRANSACTION;
            decline(&mut answer, code, "the hold has lapsed", Some(TransactionState::LAPSED));
        }
        "Refund-of-a-Load-es256" => {
            let (code, detail) = (ResponseCode::NOT_SUFFICIENT_FUNDS, "the load is spent");
            decline(&mut answer, code, detail, Some(TransactionState::LIVE));
        }
        "Load-quote-expired-es256" => {
            decline(&mut answer, ResponseCode::INVALID_TRANSACTION, "the quote has expired", None);
        }
        "Transfer-to-a-blocked-card-es256" => {
            let detail = "the card that it gives to is blocked";
            decline(&mut answer, ResponseCode::CARD_BLOCKED, detail, None);
        }
        "Purchase-wrong-PIN-es256" | "Refund-supervisor-wrong-PIN-es256" | "ChangePin-wrong-PIN-es256" => {
            wrong_pin(&mut answer, Some(2));
        }
        "Purchase-PIN-locked-es256" => {
            decline(&mut answer, ResponseCode::TOO_MANY_WRONG_PINS, "two operators unlock it", None);
        }
        "Purchase-without-PIN-es256" => {
            decline(&mut answer, ResponseCode::PIN_NEEDED, "ask the customer for the PIN", None);
        }
        "Refund-without-supervisor-es256" => {
            decline(&mut answer, ResponseCode::SUPERVISOR_NEEDED, "from 10.00 on", None);
            name_no_card(&mut answer);
        }
        "Purchase-with-points-es256" => with_points(&mut answer),
        "Unload-spent-es256" => {
            decline(&mut answer, ResponseCode::NOT_SUFFICIENT_FUNDS, "not so much was loaded", None);
        }
        "CashTaken-without-a-card-es256" => answer.card = None,
        "Advice-paid-es256" => {
            let paid = samples::typical_answer(MessageType::PURCHASE);
            answer = Answer {
                balances: paid.balances,
                changes: paid.changes,
                explanation: paid.explanation,
                shortfall: Some(TotalMinor::MIN),
                ..answer
            };
        }
        "Advice-outside-its-grant-es256" => {
            answer = Answer {
                approved_amount: TotalMinor::new(100_01),
                shortfall: TotalMinor::new(100_01),
                balances: samples::typical_answer(MessageType::PURCHASE_QUOTE).balances,
                changes: Some(BTreeMap::new()),
                explanation: None,
                ..answer
            };
        }
        "Purchase-ignorable-keys" => {
            decline(&mut answer, ResponseCode::NOT_SUFFICIENT_FUNDS, "not sufficient funds", None);
        }
        other => members::answer(other, &mut answer),
    }
    if kind == MessageType::ENROLL {
        answer.terminal = Some(made.request.header.terminal);
    }
    let details_hash = Hash(SHA256(&[b"details of ", made.vector.name.as_bytes()]));
    Sealed { made, body: answer.encode(), answer, details_hash }
}

/// Another amount of an Authorize or Capture, and what is held after it. A Capture takes it and earns points.
fn held(answer: &mut Answer, amount: i64, held: i64, points: i64) {
    answer.approved_amount = TotalMinor::new(amount);
    answer.hold = answer.hold.map(|hold| Hold { held: TotalMinor::new(held).unwrap(), ..hold });
    if answer.kind == MessageType::CAPTURE {
        let changes = [(BalanceKind::PRINCIPAL, -amount), (BalanceKind::POINTS, points)];
        answer.changes = Some(changes.into());
        answer.explanation = None;
    }
    let balances =
        [(BalanceKind::PRINCIPAL, 50_00), (BalanceKind::BONUS, 10_00), (BalanceKind::POINTS, 85 + points)];
    answer.balances = Some(balances.into());
}

/// 50 points are worth 5.00; the balances pay 32.50, which earn 32.
fn with_points(answer: &mut Answer) {
    let changes = [(BalanceKind::PRINCIPAL, -32_50), (BalanceKind::POINTS, 32 - 50)];
    let balances =
        [(BalanceKind::PRINCIPAL, 87_50), (BalanceKind::BONUS, 10_00), (BalanceKind::POINTS, 85 + 32 - 50)];
    (answer.changes, answer.balances) = (Some(changes.into()), Some(balances.into()));
    answer.explanation = Explanations::new(vec![
        rule("points-payment", BalanceKind::POINTS, 5_00, "10/1.00", -50),
        rule("base-points", BalanceKind::POINTS, 32_50, "1/1.00", 32),
    ]);
}

fn wrong_pin(answer: &mut Answer, tries_left: Option<u8>) {
    let detail = match answer.kind {
        MessageType::REFUND => "the supervisor's PIN is wrong",
        MessageType::CASHIER_SIGN_ON => "no such cashier, or wrong PIN",
        _ => "the card's PIN is wrong",
    };
    decline(answer, ResponseCode::WRONG_PIN, detail, None);
    answer.tries_left = tries_left;
    name_no_card(answer);
}

/// What is declined for its supervisor says nothing of the original.
fn name_no_card(answer: &mut Answer) {
    if answer.kind == MessageType::REFUND {
        answer.card = None;
    }
}

pub(crate) fn decline(
    answer: &mut Answer,
    code: ResponseCode,
    detail: &str,
    state: Option<TransactionState>,
) {
    *answer = Answer {
        code,
        approved_amount: None,
        balances: None,
        changes: None,
        explanation: None,
        hold: None,
        shortfall: None,
        uses_left: None,
        tier: None,
        state,
        detail: Text::fitted(detail),
        ..answer.clone()
    };
}

/// One write group: its tree and seal.
struct Group {
    tree: Tree,
    seal: Seal,
    last_index: u64,
}

impl Group {
    fn seal(sealed: &[Sealed<'_>]) -> Self {
        let previous_seal = SHA256(&[b"the seal before"]);
        let entries = sealed.iter().map(|entry| leaf_hash(&entry.leaf(), SHA256));
        let leaves: Vec<Hash> = std::iter::once(leaf_hash(&previous_seal, SHA256)).chain(entries).collect();
        let last_index = FIRST_INDEX + u64::try_from(sealed.len()).unwrap() - 1;
        let tree = Tree::new(leaves, SHA256);
        let time_ms = u64::try_from(TIME).unwrap() * 1000 + 999;
        let header =
            SealHeader { chain: 1, epoch: 1, group: 812, first_index: FIRST_INDEX, last_index, time_ms };
        let signature = gateway().sign(&header.to_be_signed(&INSTALLATION, &tree.root()));
        let seal = Seal { header, root: tree.root(), signature };
        Group { tree, seal, last_index }
    }

    fn receipt(&self, place: usize) -> Receipt {
        Receipt {
            seal: self.seal.header,
            tree_size: self.seal.header.tree_size().unwrap(),
            leaf_index: u64::try_from(place).unwrap() + 1,
            path: self.tree.path(place + 1).unwrap(),
            signature: self.seal.signature,
        }
    }

    fn first_answer(&self, sealed: &Sealed<'_>, place: usize) -> AnswerVector {
        let verdict = if sealed.answer.code.is_approval() { "approved" } else { "declined" };
        let note = format!("first answer to {}", sealed.made.vector.name);
        self.answer(sealed, place, &sealed.made.vector.name, &note, None, verdict)
    }

    fn repeated(
        &self,
        sealed: &Sealed<'_>,
        place: usize,
        state: TransactionState,
        verdict: &str,
    ) -> AnswerVector {
        let name = format!("{}-repeated-{}", sealed.made.vector.name, state.name().replace(' ', "-"));
        let note = format!("the stored answer again, byte for byte; the transaction is {} now", state.name());
        self.answer(sealed, place, &name, &note, Some(state), verdict)
    }

    fn answer(
        &self,
        sealed: &Sealed<'_>,
        place: usize,
        name: &str,
        note: &str,
        state: Option<TransactionState>,
        verdict: &str,
    ) -> AnswerVector {
        let receipt = self.receipt(place);
        let status = state.map(|state| self.status(sealed.made.request_id, state));
        let sidecar = AnswerSidecar {
            receipt: Blob::new(receipt.encode()),
            details_hash: Some(sealed.details_hash),
            status: status.clone().map(|status| Blob::new(status).unwrap()),
        };
        let kind = sealed.made.request.kind();
        let file = ReceiptFile {
            installation: INSTALLATION,
            kind,
            request: Blob::new(sealed.made.body.clone()).unwrap(),
            answer: Blob::new(sealed.body.clone()).unwrap(),
            details_hash: sealed.details_hash,
            receipt: Blob::new(receipt.encode()).unwrap(),
        };
        let proof = Proof {
            request_id: sealed.made.request_id.to_string(),
            answer_hash: hex(&SHA256(&[&sealed.body])),
            details_hash: sealed.details_hash.to_string(),
            entry_leaf: hex(&sealed.leaf()),
            leaf_hash: leaf_hash(&sealed.leaf(), SHA256).to_string(),
            path: receipt.path.iter().map(ToString::to_string).collect(),
            root: self.seal.root.to_string(),
            seal: hex(&self.seal.encode()),
            receipt: hex(&receipt.encode()),
            receipt_file: hex(&file.encode()),
            index: receipt.index().unwrap(),
        };
        let status = status.zip(state).map(|(status, state)| StatusVector {
            status: hex(&status),
            request_id: sealed.made.request_id.to_string(),
            state: state.0,
        });
        let vector =
            bare(name, note, Some(sealed.made), &sealed.answer, &sidecar.encode(), state.is_some(), verdict);
        AnswerVector { proof: Some(proof), status, ..vector }
    }

    fn status(&self, request_id: RequestId, state: TransactionState) -> Vec<u8> {
        let status =
            Status { request_id, state, time: seconds(TIME + 60), epoch: 1, last_index: self.last_index };
        let sign = |message: &[u8]| Ok::<_, ()>(gateway().sign(message));
        cose::sign(Context::Status, Algorithm::Es256, &INSTALLATION, &status.encode_payload(), sign)
            .unwrap()
            .body
    }

    /// An answer to the TransactionStatus before the Purchase that it asks about had arrived.
    fn status_of_unknown(&self, asked: &Made) -> AnswerVector {
        let state = TransactionState::UNKNOWN;
        let answer = Answer {
            state: Some(state),
            stored_answer: None,
            ..samples::typical_answer(MessageType::TRANSACTION_STATUS)
        };
        self.status_answer(asked, answer, state, AnswerSidecar::default(), "the transaction never arrived")
    }

    /// An answer to it afterwards: the stored answer, and the proof of that answer.
    fn status_of_live(&self, asked: &Made, purchase: &Sealed<'_>, place: usize) -> AnswerVector {
        let answer = Answer {
            stored_answer: Blob::new(purchase.body.clone()),
            ..samples::typical_answer(MessageType::TRANSACTION_STATUS)
        };
        let sidecar = AnswerSidecar {
            receipt: Blob::new(self.receipt(place).encode()),
            details_hash: Some(purchase.details_hash),
            status: None,
        };
        let note = "the Purchase is live; its stored answer, with that answer's receipt and details hash";
        self.status_answer(asked, answer, TransactionState::LIVE, sidecar, note)
    }

    fn status_answer(
        &self,
        asked: &Made,
        answer: Answer,
        state: TransactionState,
        sidecar: AnswerSidecar,
        note: &str,
    ) -> AnswerVector {
        let request_id = asked.request.body.original().unwrap().request_id;
        let status = self.status(request_id, state);
        let sidecar = AnswerSidecar { status: Blob::new(status.clone()), ..sidecar };
        let name = format!("{}-{}", asked.vector.name, state.name());
        let vector = bare(&name, note, Some(asked), &answer, &sidecar.encode(), false, "nothing");
        let status =
            StatusVector { status: hex(&status), request_id: request_id.to_string(), state: state.0 };
        AnswerVector { status: Some(status), ..vector }
    }
}

impl Sealed<'_> {
    fn leaf(&self) -> Vec<u8> {
        entry_leaf(&self.made.request_id, &Hash(SHA256(&[&self.body])), &self.details_hash)
    }
}

fn bare(
    name: &str,
    note: &str,
    made: Option<&Made>,
    answer: &Answer,
    sidecar: &[u8],
    repeat: bool,
    verdict: &str,
) -> AnswerVector {
    let body = answer.encode();
    let kind = if made.is_some() { answer.kind.answer() } else { answer.kind };
    let correlation = made.map_or(0, |made| made.correlation);
    AnswerVector {
        name: name.into(),
        note: note.into(),
        request: made.map(|made| made.vector.name.clone()),
        code: Some(answer.code.0),
        fields: fields(&body, answer_key_name),
        sidecar: hex(sidecar),
        frame: hex(&frame_bytes(kind, correlation, repeat, &body, sidecar)),
        body: hex(&body),
        proof: None,
        status: None,
        verdict: verdict.into(),
    }
}

fn session_answer(made: &Made) -> AnswerVector {
    let typical = samples::typical_answer(made.request.kind());
    let mut answer = match made.vector.name.as_str() {
        "PurchaseQuote-in-part-es256" => in_part(typical),
        "SignOn-with-grant-es256" => {
            let grant = samples::typical_grant(made.request.header.terminal);
            Answer { grant: Some(samples::signed_grant(&grant)), ..typical }
        }
        "ShiftReport-first-page-es256" => page(typical, 4601, 4648),
        "ShiftReport-next-page-es256" => page(typical, 4649, 4712),
        _ => typical,
    };
    match made.vector.name.as_str() {
        "PurchaseQuote-with-points-es256" => {
            let balances = answer.balances.clone();
            with_points(&mut answer);
            answer.balances = balances; // A quote's are those before.
            answer.quote = answer.quote.map(|quote| Quote { id: QuoteId(*b"quote-50"), ..quote });
        }
        "CashierSignOn-wrong-PIN-es256" => wrong_pin(&mut answer, Some(2)),
        "CashierSignOn-unknown-es256" => wrong_pin(&mut answer, None),
        "CardLookup-of-many-es256" => {
            // The newest first: the order of the numbers says nothing.
            let cards = [8, 3, 7, 1, 6, 2, 5, 4].map(|place| samples::card(20_000_000_004_000 + place));
            answer.cards = FoundCards::new(cards.into());
        }
        "CardLookup-unknown-es256" => {
            answer = Answer { cards: None, ..answer };
            decline(&mut answer, ResponseCode::CARD_NOT_ACCEPTED, "no card with this phone number", None);
        }
        "CardLookup-too-many-es256" => {
            answer = Answer {
                detail: Text::fitted("too many look-ups, wait a minute"),
                ..Answer::new(answer.kind, ResponseCode::TOO_MANY_UNKNOWN_CARDS, answer.time)
            };
        }
        other => members::answer(other, &mut answer),
    }
    let note = format!("answer to {}", made.vector.name);
    bare(&made.vector.name, &note, Some(made), &answer, &[], false, "nothing")
}

/// The card can pay 130.00 of what was asked.
fn in_part(typical: Answer) -> Answer {
    let changes =
        [(BalanceKind::PRINCIPAL, -120_00), (BalanceKind::BONUS, -10_00), (BalanceKind::POINTS, 130)];
    let points = typical.explanation.as_ref().map(|lines| {
        lines
            .iter()
            .map(|line| Explanation { base: 130_00, result: 130, notes: Notes::default(), ..*line })
            .collect()
    });
    Answer {
        code: ResponseCode::APPROVED_IN_PART,
        approved_amount: TotalMinor::new(130_00),
        changes: Some(changes.into()),
        explanation: points.and_then(Explanations::new),
        quote: typical.quote.map(|quote| Quote { id: QuoteId(*b"quote-10"), ..quote }),
        ..typical
    }
}

/// The transactions from `first` to `last` of a closed shift: 60 Purchases of 10.00 from STAN 4601, and its
/// Reconciliation. The totals are those of the whole shift.
fn page(typical: Answer, first: u32, last: u32) -> Answer {
    let live = TransactionState::LIVE;
    let purchase = |stan| samples::transaction(stan, MessageType::PURCHASE, Some(10_00), live);
    let reconciliation = ShiftTransaction {
        amount: None,
        ..samples::transaction(4661, MessageType::RECONCILIATION, Some(0), live)
    };
    let mut all: Vec<ShiftTransaction> = (4601..=4660).map(purchase).collect();
    let whole = samples::shift_report(typical.clone(), all.clone(), last).totals;
    all.push(reconciliation);
    let listed = all.into_iter().filter(|listed| (first..=last).contains(&listed.stan.get())).collect();
    Answer { totals: whole, shift_closed: Some(true), ..samples::shift_report(typical, listed, last) }
}

fn busy(made: &Made) -> AnswerVector {
    let answer = Answer {
        stan: made.request.header.stan,
        detail: Text::fitted("queue full, wait a second"),
        ..Answer::new(made.request.kind(), ResponseCode::BUSY, seconds(TIME))
    };
    bare(
        "Purchase-es256-busy",
        "nothing was recorded: send the same bytes again",
        Some(made),
        &answer,
        &[],
        false,
        "transient",
    )
}

fn nobody_signed_on(made: &Made) -> AnswerVector {
    let answer = Answer {
        stan: made.request.header.stan,
        detail: Text::fitted("K07 is not signed on"),
        ..Answer::new(made.request.kind(), ResponseCode::CASHIER_NOT_SIGNED_ON, seconds(TIME))
    };
    let note = "nothing was recorded: sign the cashier on, and send the same bytes again";
    bare("Purchase-es256-cashier-not-signed-on", note, Some(made), &answer, &[], false, "transient")
}

fn reject() -> AnswerVector {
    let answer = Answer {
        detail: Text::fitted("frame: length over 4096"),
        ..Answer::new(MessageType::REJECT, ResponseCode::FORMAT_ERROR, seconds(TIME))
    };
    bare(
        "Reject",
        "a frame whose type cannot be known; the gateway closes",
        None,
        &answer,
        &[],
        false,
        "nothing",
    )
}

fn hello() -> AnswerVector {
    let body = samples::hello().encode();
    AnswerVector {
        name: "Hello".into(),
        note: "the gateway's first frame; its nonce is in the session messages of requests.json".into(),
        request: None,
        code: None,
        fields: fields(&body, |key| {
            let names = BTreeMap::from([(2, "installation id"), (3, "session nonce"), (4, "gateway time")]);
            names.get(&key).copied()
        }),
        frame: hex(&frame_bytes(MessageType::HELLO, 0, false, &body, &[])),
        body: hex(&body),
        sidecar: String::new(),
        proof: None,
        status: None,
        verdict: "nothing".into(),
    }
}
