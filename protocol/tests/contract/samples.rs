//! One typical and one largest value of every message.

#[path = "samples/members.rs"]
pub(crate) mod members;

use std::collections::BTreeMap;

use protocol::answer::{
    Answer, AnswerSidecar, CurrencyUnit, Explanations, FoundCards, Hold, InFlight, Limits, NextStep, Quote,
    ShiftTransaction, ShiftTransactions,
};
use protocol::code::ResponseCode;
use protocol::cose::{self, Algorithm, Context};
use protocol::field::{
    AmountMinor, BalanceKind, Blob, CardReference, CardSecret, Code, Count, Currency, CustomerKind, Date,
    EntryMode, Fingerprint, Flags, Generation, GrantId, GrossMinor, Hash, KeyId, Nonce, Original, Pin,
    Points, ProgrammeDigest, ProtocolVersion, PurchaseLine, PurchaseLines, QuantityThousandths, Question,
    QuestionAnswer, QuestionAnswers, QuoteId, Reason, RequestId, Role, Shift, Stan, TenderKind, TenderLine,
    TenderLines, TerminalId, TerminalTime, Text, Total, TotalMinor, Totals, TransactionState, UnixSeconds,
};
use protocol::frame::MessageType;
use protocol::hello::Hello;
use protocol::receipt::{Grant, GrantLimits, MAX_GRANT, MAX_PATH, Receipt, SealHeader, Status};
use protocol::request::{
    BIRTHDAY, Body, Header, LastReceipt, PHONE, PersonalFields, Request, RequestSidecar, Reserved, SALT,
};

use self::members::{largest_rule, rule, taken_back, withheld};
use super::keys::{INSTALLATION, gateway};

pub(crate) const TIME: i64 = 1_790_000_000;
/// What the typical LoadQuote is answered, and the typical Load cites.
pub(crate) const LOAD_QUOTE: QuoteId = QuoteId(*b"quote-id");
/// What the typical PurchaseQuote is answered.
pub(crate) const PURCHASE_QUOTE: QuoteId = QuoteId(*b"quote-no");

/// Who signs a sample.
#[derive(Clone, Copy)]
pub(crate) struct Signer {
    pub(crate) terminal: TerminalId,
    pub(crate) key: Fingerprint,
}

fn code<const MAX: usize>() -> Code<MAX> {
    "C".repeat(MAX).parse().unwrap()
}

fn text<const MAX: usize>() -> Text<MAX> {
    "t".repeat(MAX).parse().unwrap()
}

fn amount(minor: i64) -> AmountMinor {
    AmountMinor::new(minor).unwrap()
}

pub(crate) fn seconds(value: i64) -> UnixSeconds {
    UnixSeconds::new(value).unwrap()
}

pub(crate) fn card(number: u64) -> CardReference {
    CardReference::from_parts(number).unwrap()
}

// ---- requests ----

/// What a terminal sends on an ordinary day. `stan` is used in value messages, and one less in originals.
pub(crate) fn typical_request(kind: MessageType, signer: &Signer, stan: u32) -> Request {
    let time = TerminalTime::new(TIME.unsigned_abs(), 480).unwrap();
    let key_id = signer.key.key_id();
    let header = if kind.is_value() {
        Header {
            cashier: "K07".parse().ok(),
            shift: Shift::new(311),
            currency: Currency::new(156),
            ..Header::value(signer.terminal, Generation::FIRST, Stan::new(stan).unwrap(), key_id, time)
        }
    } else {
        let generation = (kind != MessageType::ENROLL).then_some(Generation::FIRST);
        Header::session(signer.terminal, generation, Nonce(*b"session nonce 16"), key_id, time)
    };
    let mut request = Request { header, body: typical_body(kind, signer, stan) };
    let header = &mut request.header;
    if request.body.card().is_some() {
        header.currency = Currency::new(156);
        header.entry_mode = Some(EntryMode::BAR_CODE);
    }
    if matches!(kind, MessageType::PURCHASE | MessageType::LOAD | MessageType::AUTHORIZE) {
        header.order_reference = "A-20261121-0417".parse().ok();
        header.programme_shown = Some(ProgrammeDigest(*b"program1"));
    }
    if kind == MessageType::LOAD {
        header.quote = Some(LOAD_QUOTE);
    }
    match kind {
        MessageType::SHIFT_REPORT => header.shift = Shift::new(311),
        MessageType::CASHIER_SIGN_ON => header.cashier = "K07".parse().ok(),
        // A kiosk has no cashier.
        MessageType::CASH_TAKEN => header.cashier = None,
        MessageType::ADVICE => header.flags = Some(Flags::OFFLINE_APPROVED),
        MessageType::UNLOAD | MessageType::REDEEM => header.flags = Some(Flags::PIN_USED),
        MessageType::CATALOGUE => header.currency = Currency::new(156),
        MessageType::JOIN => members::typical_joining(header),
        _ => {}
    }
    request
}

fn typical_body(kind: MessageType, signer: &Signer, stan: u32) -> Body {
    let card = card(20_000_000_001_234);
    match kind {
        MessageType::ENROLL => Body::Enroll {
            software: "till 2.4.1".parse().unwrap(),
            code: "7K3QZ9XW2M4RT8VNB6HD".parse().unwrap(),
            public_key: Blob::new(vec![0x30; 91]).unwrap(),
            gateway: Fingerprint([0x5f; 32]),
            protocol_version: ProtocolVersion::MIN,
        },
        MessageType::SIGN_ON => Body::SignOn {
            software: "till 2.4.1".parse().unwrap(),
            last_stan: stan,
            last_receipt: Some(last_receipt(typical_receipt(5).encode())),
            protocol_version: ProtocolVersion::MIN,
        },
        MessageType::SIGN_OFF => Body::SignOff,
        MessageType::ECHO => Body::Echo,
        MessageType::ACTIVATE => Body::Activate { card },
        MessageType::LOAD_QUOTE => Body::LoadQuote { card, amount: amount(100_00) },
        MessageType::LOAD => {
            let cash = TenderLine { kind: TenderKind::CASH, amount: amount(100_00), reference: None };
            Body::Load { card, amount: amount(100_00), tenders: TenderLines::new(vec![cash]).unwrap() }
        }
        MessageType::PURCHASE => {
            Body::Purchase { card, amount: amount(37_50), tenders: None, lines: None, points: None }
        }
        MessageType::BALANCE_INQUIRY => Body::BalanceInquiry { card },
        MessageType::REVERSAL => {
            Body::Reversal { original: original(signer.terminal, stan - 1), reason: Reason::NO_ANSWER }
        }
        MessageType::TRANSACTION_STATUS => {
            Body::TransactionStatus { original: original(signer.terminal, stan - 1) }
        }
        MessageType::RECONCILIATION => {
            let total = |kind, count, amount| Total { kind, count, amount: TotalMinor::new(amount).unwrap() };
            let totals = vec![
                total(MessageType::ACTIVATE, 3, 0),
                total(MessageType::LOAD, 21, 3_150_00),
                total(MessageType::PURCHASE, 187, 6_204_50),
                total(MessageType::REFUND, 2, 58_00),
            ];
            Body::Reconciliation { totals: Totals::new(totals).unwrap() }
        }
        MessageType::REFUND => Body::Refund {
            amount: amount(12_50),
            lines: None,
            original: original(signer.terminal, stan - 1),
            reason: Some(Reason::GOODS_RETURNED),
            supervisor: None,
        },
        MessageType::VOID => Body::Void {
            original: original(signer.terminal, stan - 1),
            reason: Some(Reason::WRONG_AMOUNT),
            supervisor: None,
        },
        MessageType::AUTHORIZE => Body::Authorize { card, amount: amount(50_00), raises: None },
        MessageType::CAPTURE => Body::Capture {
            amount: amount(37_50),
            tenders: None,
            lines: None,
            original: original(signer.terminal, stan - 1),
        },
        MessageType::PURCHASE_QUOTE => {
            Body::PurchaseQuote { card, amount: amount(37_50), lines: None, points: None }
        }
        MessageType::TRANSFER => {
            Body::Transfer { card, to: self::card(20_000_000_005_678), amount: amount(50_00) }
        }
        MessageType::SHIFT_REPORT => Body::ShiftReport { after: 0 },
        MessageType::UNLOAD => Body::Unload {
            card,
            amount: amount(20_00),
            reason: Some(Reason::CUSTOMERS_WISH),
            supervisor: None,
        },
        MessageType::CHANGE_PIN => Body::ChangePin { card },
        MessageType::CASH_TAKEN => {
            let cash = TenderLine { kind: TenderKind::CASH, amount: amount(100_00), reference: None };
            Body::CashTaken {
                card: Some(card),
                amount: amount(100_00),
                tenders: TenderLines::new(vec![cash]).unwrap(),
                original: Some(original(signer.terminal, stan - 1)),
                reason: Reason::NO_ANSWER,
            }
        }
        MessageType::ADVICE => Body::Advice {
            card,
            amount: amount(37_50),
            tenders: None,
            lines: None,
            grant: signed_grant(&typical_grant(signer.terminal)),
        },
        MessageType::CASHIER_SIGN_ON => Body::CashierSignOn,
        MessageType::CARD_LOOKUP => Body::CardLookup,
        other => members::typical_body(other, card).unwrap_or_else(|| panic!("{other:?} is no request")),
    }
}

/// What a terminal may approve on an ordinary day.
pub(crate) fn typical_grant(terminal: TerminalId) -> Grant {
    let minor = |minor| TotalMinor::new(minor).unwrap();
    Grant {
        terminal,
        generation: Generation::FIRST,
        id: GrantId(*b"grant-01"),
        issued: seconds(TIME - 3_600),
        expires: seconds(TIME + 82_800),
        limits: GrantLimits {
            transaction: minor(100_00),
            card: minor(200_00),
            count: 50,
            sum: minor(2_000_00),
        },
    }
}

/// A grant as long as one can be.
pub(crate) fn largest_grant() -> Grant {
    let limits = GrantLimits {
        transaction: TotalMinor::MAX,
        card: TotalMinor::MAX,
        count: u32::MAX,
        sum: TotalMinor::MAX,
    };
    Grant {
        terminal: "TERMINAL00000016".parse().unwrap(),
        generation: Generation::new(u32::MAX).unwrap(),
        id: GrantId([0xff; 8]),
        issued: UnixSeconds::MAX,
        expires: UnixSeconds::MAX,
        limits,
    }
}

/// Signed by the gateway of `keys.json`.
pub(crate) fn signed_grant(grant: &Grant) -> Blob<MAX_GRANT> {
    let sign = |message: &[u8]| Ok::<_, ()>(gateway().sign(message));
    let signed = cose::sign(Context::Grant, Algorithm::Es256, &INSTALLATION, &grant.encode_payload(), sign);
    Blob::new(signed.unwrap().body).unwrap()
}

fn original(terminal: TerminalId, stan: u32) -> Original {
    let generation = Generation::FIRST;
    Original { terminal, generation, stan: Stan::new(stan).unwrap(), request_id: RequestId([0xd1; 32]) }
}

/// Every field that the message may have, each as large as it can be.
pub(crate) fn largest_request(kind: MessageType) -> Request {
    let terminal: TerminalId = "TERMINAL00000016".parse().unwrap();
    let last = u32::MAX;
    let time = TerminalTime::new((1 << 40) - 1, -1440).unwrap();
    let (key_id, generation) = (KeyId([0xff; 4]), Generation::new(last).unwrap());
    let signer = Signer { terminal, key: Fingerprint([0xff; 32]) };
    let mut header = if kind.is_value() {
        largest_value_header(Header::value(terminal, generation, Stan::new(last).unwrap(), key_id, time))
    } else {
        let generation = (kind != MessageType::ENROLL).then_some(generation);
        Header::session(terminal, generation, Nonce([0xff; 16]), key_id, time)
    };
    let body = largest_body(kind, &signer);
    if kind == MessageType::CASHIER_SIGN_ON {
        header.cashier = Some(code());
    }
    if !kind.is_value() && body.card().is_some() {
        header.currency = Currency::new(999);
        header.entry_mode = Some(EntryMode(255));
    }
    match kind {
        MessageType::SHIFT_REPORT => header.shift = Shift::new(u32::MAX),
        MessageType::PURCHASE_QUOTE => header.flags = Some(Flags(u32::MAX)),
        MessageType::CATALOGUE => header.currency = Currency::new(999),
        _ => {}
    }
    Request { header, body }
}

fn largest_value_header(header: Header) -> Header {
    let question = Question { question: code(), answer: QuestionAnswer::Text(text()) };
    let questions = QuestionAnswers::new(vec![question; 6]).unwrap();
    Header {
        currency: Currency::new(999),
        cashier: Some(code()),
        shift: Shift::new(u32::MAX),
        order_reference: Some(text()),
        entry_mode: Some(EntryMode(255)),
        flags: Some(Flags(u32::MAX)),
        programme_shown: Some(ProgrammeDigest([0xff; 8])),
        quote: Some(QuoteId([0xff; 8])),
        reserved: Some(Box::new(Reserved {
            referral: Some(code()),
            channel: Some(code()),
            customer_kind: Some(CustomerKind(255)),
            receipt_date: Date::new(9999_12_31),
            survey: Some(questions.clone()),
            activity: Some(questions),
            case_reference: Some(code()),
            personal_commitment: Some(Hash([0xff; 32])),
        })),
        ..header
    }
}

fn largest_body(kind: MessageType, signer: &Signer) -> Body {
    let card = card(99_999_999_999_999);
    let all = AmountMinor::MAX;
    let generation = Generation::new(u32::MAX).unwrap();
    let request_id = RequestId([0xff; 32]);
    let original =
        Original { terminal: signer.terminal, generation, stan: Stan::new(u32::MAX).unwrap(), request_id };
    match kind {
        MessageType::ENROLL => Body::Enroll {
            software: text(),
            code: "ZZZZZZZZZZZZZZZZZZZZ".parse().unwrap(),
            public_key: Blob::new(vec![0xff; 128]).unwrap(),
            gateway: Fingerprint([0xff; 32]),
            protocol_version: ProtocolVersion::MAX,
        },
        MessageType::SIGN_ON => Body::SignOn {
            software: text(),
            last_stan: u32::MAX,
            last_receipt: Some(last_receipt(vec![0xff; 1024])),
            protocol_version: ProtocolVersion::MAX,
        },
        MessageType::LOAD_QUOTE => Body::LoadQuote { card, amount: all },
        MessageType::LOAD => Body::Load { card, amount: all, tenders: largest_tenders() },
        MessageType::PURCHASE => Body::Purchase {
            card,
            amount: all,
            tenders: Some(largest_tenders()),
            lines: Some(largest_lines()),
            points: Some(Points::MAX),
        },
        MessageType::REVERSAL => Body::Reversal { original, reason: Reason(255) },
        MessageType::TRANSACTION_STATUS => Body::TransactionStatus { original },
        MessageType::RECONCILIATION => Body::Reconciliation { totals: largest_totals() },
        MessageType::ACTIVATE => Body::Activate { card },
        MessageType::BALANCE_INQUIRY => Body::BalanceInquiry { card },
        MessageType::REFUND => Body::Refund {
            amount: all,
            lines: Some(largest_lines()),
            original,
            reason: Some(Reason(255)),
            supervisor: Some(code()),
        },
        MessageType::VOID => Body::Void { original, reason: Some(Reason(255)), supervisor: Some(code()) },
        MessageType::AUTHORIZE => Body::Authorize { card, amount: all, raises: Some(original) },
        MessageType::CAPTURE => Body::Capture {
            amount: all,
            tenders: Some(largest_tenders()),
            lines: Some(largest_lines()),
            original,
        },
        MessageType::PURCHASE_QUOTE => {
            Body::PurchaseQuote { card, amount: all, lines: Some(largest_lines()), points: Some(Points::MAX) }
        }
        MessageType::TRANSFER => Body::Transfer { card, to: card, amount: all },
        MessageType::SHIFT_REPORT => Body::ShiftReport { after: u32::MAX },
        MessageType::UNLOAD => {
            Body::Unload { card, amount: all, reason: Some(Reason(255)), supervisor: Some(code()) }
        }
        MessageType::CHANGE_PIN => Body::ChangePin { card },
        MessageType::CASH_TAKEN => Body::CashTaken {
            card: Some(card),
            amount: all,
            tenders: largest_tenders(),
            original: Some(original),
            reason: Reason(255),
        },
        MessageType::ADVICE => Body::Advice {
            card,
            amount: all,
            tenders: Some(largest_tenders()),
            lines: Some(largest_lines()),
            grant: Blob::new(vec![0xff; MAX_GRANT]).unwrap(),
        },
        other => members::largest_body(other, card).unwrap_or_else(|| typical_body(other, signer, 2)),
    }
}

/// Eight lines that add up to the largest amount.
fn largest_tenders() -> TenderLines {
    let line = |minor| TenderLine { kind: TenderKind(255), amount: amount(minor), reference: Some(text()) };
    let mut lines = vec![line(124_999_999_999); 8];
    lines[7] = line(125_000_000_006);
    TenderLines::new(lines).unwrap()
}

/// As many lines as there may be, that add up to the largest amount.
fn largest_lines() -> PurchaseLines {
    let line = |minor| PurchaseLine {
        item: code(),
        category: code(),
        brand: Some(code()),
        quantity: QuantityThousandths::MAX,
        gross: GrossMinor::new(minor).unwrap(),
        flags: u32::MAX,
    };
    let mut lines = vec![line(41_666_666_666); 24];
    lines[23] = line(41_666_666_681);
    PurchaseLines::new(lines).unwrap()
}

fn largest_totals() -> Totals {
    let total = |kind| Total { kind: MessageType(kind), count: u32::MAX, amount: TotalMinor::MAX };
    Totals::new((240..=255).map(total).collect()).unwrap()
}

pub(crate) fn last_receipt(receipt: Vec<u8>) -> LastReceipt {
    LastReceipt {
        request_id: RequestId([0xa1; 32]),
        answer_hash: Hash([0xa2; 32]),
        details_hash: Hash([0xa3; 32]),
        receipt: Blob::new(receipt).unwrap(),
    }
}

/// Whether the sidecar of this message may have the key: section 5.1's last column, written a second time.
pub(crate) fn may_have_in_sidecar(kind: MessageType, key: u64) -> bool {
    let keys: &[u64] = match kind.name() {
        "Activate" | "LoadQuote" | "Load" | "BalanceInquiry" | "PurchaseQuote" | "Join" | "Award"
        | "UseEntitlement" | "MemberInquiry" => &[1, 3, 10],
        "Purchase" | "Authorize" | "Transfer" | "Redeem" => &[1, 2, 3, 10],
        "Unload" => &[1, 2, 3, 6, 10],
        "ChangePin" => &[1, 2, 3, 4, 10],
        "Refund" | "Void" => &[6],
        "CashierSignOn" => &[5],
        "CardLookup" => &[10],
        _ => &[],
    };
    keys.contains(&key)
}

/// Whether these personal fields may be in the sidecar of this message: a CardLookup's are field 1 alone.
pub(crate) fn may_have_fields(kind: MessageType, fields: &PersonalFields) -> bool {
    match kind.name() {
        "CardLookup" => fields.keys().eq([&1]),
        _ => fields.is_empty() || may_have_in_sidecar(kind, 10),
    }
}

/// A phone number for a CardLookup.
pub(crate) fn phone(digits: &str) -> PersonalFields {
    PersonalFields::from([(PHONE, digits.parse().unwrap())])
}

/// What a customer gives when a card is registered.
pub(crate) fn typical_person() -> PersonalFields {
    let fields = [
        (SALT, "9f86d081884c7d659a2feaa0c55ad015"),
        (PHONE, "8613800138000"),
        (2, "王小明"),
        (BIRTHDAY, "1990-02-29"),
        (4, "C-000417"),
    ];
    fields.map(|(number, text)| (number, text.parse().unwrap())).into()
}

/// A card secret where there can be one; PINs where the message is about them.
pub(crate) fn typical_request_sidecar(kind: MessageType) -> RequestSidecar {
    let secret = CardSecret::new("31415926535897932384").filter(|_| may_have_in_sidecar(kind, 1));
    let sidecar = RequestSidecar { secret, ..Default::default() };
    match kind {
        MessageType::UNLOAD | MessageType::REDEEM => RequestSidecar { pin: Pin::new("1967"), ..sidecar },
        MessageType::CHANGE_PIN => {
            RequestSidecar { pin: Pin::new("1967"), new_pin: Pin::new("274183"), ..sidecar }
        }
        MessageType::CASHIER_SIGN_ON => RequestSidecar { cashier_pin: Pin::new("80351"), ..sidecar },
        MessageType::CARD_LOOKUP => RequestSidecar { personal: phone("8613800138000"), ..sidecar },
        _ => sidecar,
    }
}

pub(crate) fn largest_request_sidecar(kind: MessageType) -> RequestSidecar {
    let may = |key| may_have_in_sidecar(kind, key);
    let pin = |key| Pin::new("123456789012").filter(|_| may(key));
    let personal = match kind {
        MessageType::CARD_LOOKUP => phone("999999999999999"),
        _ => (248..=255).filter(|_| may(10)).map(|number| (number, text())).collect(),
    };
    RequestSidecar {
        secret: CardSecret::new(&"9".repeat(64)).filter(|_| may(1)),
        pin: pin(2),
        chip: Blob::new(vec![0xff; 64]).filter(|_| may(3)),
        new_pin: pin(4),
        cashier_pin: pin(5),
        supervisor_pin: pin(6),
        personal,
    }
}

// ---- answers ----

pub(crate) fn typical_answer(kind: MessageType) -> Answer {
    let answer = Answer::new(kind, ResponseCode::APPROVED, seconds(TIME + 1));
    let balances = |principal, bonus, points| {
        BTreeMap::from(
            [(1, principal), (2, bonus), (16, points)].map(|(kind, value)| (BalanceKind(kind), value)),
        )
    };
    let changes = |principal, bonus, points| {
        let mut changes = balances(principal, bonus, points);
        changes.retain(|_, change| *change != 0);
        changes
    };
    let date = Date::new(2026_11_21);
    match kind {
        MessageType::ENROLL => Answer {
            business_date: date,
            reference: Some(88_213),
            generation: Some(Generation::FIRST),
            ..terminal_facts(answer)
        },
        MessageType::SIGN_ON => Answer {
            business_date: date,
            programme_version: Some(12),
            in_flight: InFlight::new(8),
            heartbeat_seconds: Some(30),
            programme_digest: Some(ProgrammeDigest(*b"program1")),
            host_last_stan: Some(4711),
            backup_horizon: Some(seconds(TIME - 86_400)),
            generation: None,
            terminal: None,
            ..terminal_facts(answer)
        },
        MessageType::SIGN_OFF | MessageType::ECHO | MessageType::CASHIER_SIGN_ON => {
            Answer { business_date: date, ..answer }
        }
        MessageType::CARD_LOOKUP => {
            Answer { business_date: date, cards: FoundCards::new(vec![card(20_000_000_001_234)]), ..answer }
        }
        MessageType::LOAD_QUOTE => Answer {
            stan: None,
            reference: None,
            next_step: Some(NextStep {
                missing: TotalMinor::new(100_00).unwrap(),
                bonus: TotalMinor::new(30_00).unwrap(),
            }),
            quote: Some(quote(LOAD_QUOTE)),
            ..priced(answer, 100_00, balances(120_00, 10_00, 85), changes(100_00, 10_00, 0))
        },
        MessageType::BALANCE_INQUIRY => Answer {
            business_date: date,
            programme_version: Some(12),
            card: Some(card(20_000_000_001_234)),
            balances: Some(balances(20_00, 0, 85)),
            ..answer
        },
        MessageType::TRANSACTION_STATUS => Answer {
            business_date: date,
            state: Some(TransactionState::LIVE),
            stored_answer: Blob::new(typical_answer(MessageType::PURCHASE).encode()),
            ..answer
        },
        MessageType::ACTIVATE => priced(answer, 0, balances(0, 0, 0), BTreeMap::new()),
        MessageType::LOAD => Answer {
            explanation: Explanations::new(vec![rule("load-100", BalanceKind::BONUS, 100_00, "10%", 10_00)]),
            ..priced(answer, 100_00, balances(120_00, 10_00, 85), changes(100_00, 10_00, 0))
        },
        MessageType::PURCHASE => Answer {
            explanation: Explanations::new(vec![rule(
                "base-points",
                BalanceKind::POINTS,
                37_50,
                "1/1.00",
                37,
            )]),
            ..priced(answer, 37_50, balances(82_50, 10_00, 122), changes(-37_50, 0, 37))
        },
        MessageType::REVERSAL => Answer {
            state: Some(TransactionState::REVERSED),
            explanation: Explanations::new(vec![taken_back(
                "base-points",
                BalanceKind::POINTS,
                37,
                "1/1",
                -37,
            )]),
            ..priced(answer, 37_50, balances(120_00, 10_00, 85), changes(37_50, 0, -37))
        },
        MessageType::RECONCILIATION => {
            let signer = Signer { terminal: "T0001".parse().unwrap(), key: Fingerprint([0; 32]) };
            let Body::Reconciliation { totals } = typical_body(kind, &signer, 2) else { unreachable!() };
            Answer {
                stan: Stan::new(4712),
                business_date: date,
                reference: Some(88_213),
                totals: Some(totals),
                ..answer
            }
        }
        MessageType::REFUND => Answer {
            state: Some(TransactionState::REFUNDED_IN_PART),
            explanation: Explanations::new(vec![taken_back(
                "base-points",
                BalanceKind::POINTS,
                37,
                "1250/3750",
                -13,
            )]),
            ..priced(answer, 12_50, balances(95_00, 10_00, 109), changes(12_50, 0, -13))
        },
        MessageType::VOID => Answer {
            state: Some(TransactionState::VOIDED),
            explanation: Explanations::new(vec![taken_back(
                "load-100",
                BalanceKind::BONUS,
                10_00,
                "1/1",
                -10_00,
            )]),
            ..priced(answer, 100_00, balances(20_00, 0, 85), changes(-100_00, -10_00, 0))
        },
        // Nothing has left the card yet.
        MessageType::AUTHORIZE => Answer {
            hold: Some(hold(50_00)),
            ..priced(answer, 50_00, balances(70_00, 10_00, 85), BTreeMap::new())
        },
        MessageType::CAPTURE => Answer {
            hold: Some(hold(0)),
            explanation: Explanations::new(vec![rule(
                "base-points",
                BalanceKind::POINTS,
                37_50,
                "1/1.00",
                37,
            )]),
            ..priced(answer, 37_50, balances(82_50, 10_00, 122), changes(-37_50, 0, 37))
        },
        MessageType::PURCHASE_QUOTE => Answer {
            stan: None,
            reference: None,
            explanation: Explanations::new(vec![rule(
                "base-points",
                BalanceKind::POINTS,
                37_50,
                "1/1.00",
                37,
            )]),
            quote: Some(quote(PURCHASE_QUOTE)),
            ..priced(answer, 37_50, balances(120_00, 10_00, 85), changes(-37_50, 0, 37))
        },
        MessageType::TRANSFER => priced(answer, 50_00, balances(70_00, 10_00, 85), changes(-50_00, 0, 0)),
        MessageType::SHIFT_REPORT => {
            let (live, refunded) = (TransactionState::LIVE, TransactionState::REFUNDED_IN_PART);
            let transactions = vec![
                transaction(4708, MessageType::ACTIVATE, Some(0), live),
                transaction(4709, MessageType::LOAD, Some(100_00), live),
                transaction(4710, MessageType::PURCHASE, Some(37_50), refunded),
                transaction(4711, MessageType::PURCHASE, None, TransactionState::DECLINED),
                transaction(4712, MessageType::REFUND, Some(12_50), live),
            ];
            shift_report(Answer { business_date: date, ..answer }, transactions, 4712)
        }
        // Of a load of 100.00 that gave 20.00, half of them spent since.
        MessageType::UNLOAD => Answer {
            explanation: Explanations::new(vec![
                taken_back("load-100", BalanceKind::BONUS, 20_00, "2000/10000", -4_00),
                withheld(2_00),
            ]),
            ..priced(answer, 18_00, balances(100_00, 8_00, 85), changes(-20_00, -2_00, 0))
        },
        MessageType::CHANGE_PIN => priced(answer, 0, balances(120_00, 10_00, 85), BTreeMap::new()),
        MessageType::CASH_TAKEN => Answer {
            balances: None,
            changes: None,
            ..priced(answer, 100_00, BTreeMap::new(), BTreeMap::new())
        },
        // The card had 30.00 left.
        MessageType::ADVICE => Answer {
            shortfall: TotalMinor::new(7_50),
            explanation: Explanations::new(vec![rule(
                "base-points",
                BalanceKind::POINTS,
                30_00,
                "1/1.00",
                30,
            )]),
            ..priced(answer, 37_50, balances(0, 0, 115), changes(-30_00, 0, 30))
        },
        MessageType::JOIN => Answer {
            tier: Some(members::silver()),
            explanation: Explanations::new(vec![
                rule("welcome", BalanceKind::POINTS, 1, "50", 50),
                members::reached("silver", 1200_00, "spent 1000.00"),
            ]),
            ..priced(answer, 0, balances(120_00, 10_00, 135), changes(0, 0, 50))
        },
        MessageType::AWARD => Answer {
            explanation: Explanations::new(vec![rule("bottle-return", BalanceKind::POINTS, 12, "x2", 24)]),
            ..priced(answer, 0, balances(120_00, 10_00, 109), changes(0, 0, 24))
        },
        MessageType::REDEEM => Answer {
            explanation: Explanations::new(vec![rule("mug", BalanceKind::POINTS, 1, "250", -250)]),
            ..priced(answer, 0, balances(120_00, 10_00, 35), changes(0, 0, -250))
        },
        MessageType::USE_ENTITLEMENT => Answer {
            uses_left: Count::new(1),
            ..priced(answer, 0, balances(120_00, 10_00, 85), BTreeMap::new())
        },
        MessageType::MEMBER_INQUIRY => members::typical_member(Answer {
            business_date: date,
            programme_version: Some(12),
            card: Some(card(20_000_000_001_234)),
            balances: Some(balances(20_00, 0, 85)),
            ..answer
        }),
        MessageType::CATALOGUE => {
            members::typical_catalogue(Answer { business_date: date, programme_version: Some(12), ..answer })
        }
        other => panic!("{other:?} has no answer"),
    }
}

fn quote(id: QuoteId) -> Quote {
    Quote { id, expires: seconds(TIME + 300) }
}

/// Approved with an amount, or not sufficient funds.
pub(crate) fn transaction(
    stan: u32,
    kind: MessageType,
    amount: Option<i64>,
    state: TransactionState,
) -> ShiftTransaction {
    let code = if amount.is_some() { ResponseCode::APPROVED } else { ResponseCode::NOT_SUFFICIENT_FUNDS };
    let amount = amount.map(|minor| TotalMinor::new(minor).unwrap());
    ShiftTransaction { stan: Stan::new(stan).unwrap(), kind, code, amount, state }
}

/// A ShiftReport that lists these, all of the shift up to STAN `listed_to`, and counts what is approved among them.
pub(crate) fn shift_report(answer: Answer, transactions: Vec<ShiftTransaction>, listed_to: u32) -> Answer {
    let mut sums: BTreeMap<MessageType, (u32, i64)> = BTreeMap::new();
    for transaction in &transactions {
        if let Some(amount) = transaction.amount {
            let (count, sum) = sums.entry(transaction.kind).or_default();
            (*count, *sum) = (*count + 1, *sum + amount.get());
        }
    }
    let total = |(kind, (count, sum))| Total { kind, count, amount: TotalMinor::new(sum).unwrap() };
    Answer {
        totals: Totals::new(sums.into_iter().map(total).collect()),
        host_last_stan: Some(4712),
        shift_closed: Some(false),
        transactions: ShiftTransactions::new(transactions),
        listed_to: Some(listed_to),
        ..answer
    }
}

/// What the Authorize with the typical reference still holds.
pub(crate) fn hold(held: i64) -> Hold {
    Hold { reference: 88_213, held: TotalMinor::new(held).unwrap(), expires: seconds(TIME + 7 * 86_400) }
}

fn terminal_facts(answer: Answer) -> Answer {
    Answer {
        limits: Some(Limits {
            load: TotalMinor::new(5_000_00).unwrap(),
            purchase: TotalMinor::new(5_000_00).unwrap(),
            refund: TotalMinor::new(1_000_00).unwrap(),
        }),
        merchant: "M001".parse().ok(),
        store: "S01".parse().ok(),
        role: Some(Role::REGISTER),
        currency: Some(CurrencyUnit { number: Currency::new(156).unwrap(), exponent: 2 }),
        generation: Some(Generation::FIRST),
        terminal: "T0001".parse().ok(),
        ..answer
    }
}

fn priced(
    answer: Answer,
    minor: i64,
    balances: BTreeMap<BalanceKind, i64>,
    changes: BTreeMap<BalanceKind, i64>,
) -> Answer {
    Answer {
        stan: Stan::new(4712),
        business_date: Date::new(2026_11_21),
        reference: Some(88_213),
        programme_version: Some(12),
        card: Some(card(20_000_000_001_234)),
        approved_amount: TotalMinor::new(minor),
        balances: Some(balances),
        changes: Some(changes),
        ..answer
    }
}

/// Every key of section 6's second table for this message, each as large as it can be.
pub(crate) fn largest_answer(kind: MessageType) -> Answer {
    let large = i64::MIN;
    let last = u64::try_from(i64::MAX).unwrap();
    let all = Answer {
        stan: Stan::new(u32::MAX),
        business_date: Date::new(9999_12_31),
        reference: Some(last),
        programme_version: Some(last),
        card: Some(card(99_999_999_999_999)),
        detail: Some(text()),
        approved_amount: Some(TotalMinor::MAX),
        balances: Some((0xfff0..=0xffff).map(|kind| (BalanceKind(kind), large)).collect()),
        changes: Some((0xfff0..=0xffff).map(|kind| (BalanceKind(kind), large)).collect()),
        explanation: Explanations::new(vec![largest_rule(); 12]),
        ..Answer::new(kind, ResponseCode(99), UnixSeconds::MAX)
    };
    let bare = Answer {
        business_date: all.business_date,
        detail: all.detail,
        ..Answer::new(kind, all.code, all.time)
    };
    let limits = Some(Limits { load: TotalMinor::MAX, purchase: TotalMinor::MAX, refund: TotalMinor::MAX });
    let facts = Answer {
        limits,
        merchant: Some(code()),
        store: Some(code()),
        role: Some(Role(255)),
        currency: Some(CurrencyUnit { number: Currency::MAX, exponent: 255 }),
        ..bare.clone()
    };
    let largest_hold = Hold { reference: last, held: TotalMinor::MAX, expires: UnixSeconds::MAX };
    let largest_quote = Quote { id: QuoteId([0xff; 8]), expires: UnixSeconds::MAX };
    let answer = match kind {
        MessageType::ENROLL => Answer {
            reference: Some(last),
            generation: Generation::new(u32::MAX),
            terminal: "TERMINAL00000016".parse().ok(),
            ..facts
        },
        MessageType::SIGN_ON => Answer {
            programme_version: Some(last),
            in_flight: Some(InFlight::MAX),
            heartbeat_seconds: Some(u32::MAX),
            programme_digest: Some(ProgrammeDigest([0xff; 8])),
            host_last_stan: Some(u32::MAX),
            backup_horizon: Some(UnixSeconds::MAX),
            grant: Blob::new(vec![0xff; MAX_GRANT]),
            ..facts
        },
        MessageType::SIGN_OFF | MessageType::ECHO => bare,
        MessageType::CASHIER_SIGN_ON => Answer { tries_left: Some(255), ..bare },
        MessageType::CARD_LOOKUP => {
            let cards = (99_999_999_999_992..=99_999_999_999_999).map(card).collect();
            Answer { cards: FoundCards::new(cards), ..bare }
        }
        MessageType::LOAD_QUOTE => Answer {
            stan: None,
            reference: None,
            next_step: Some(NextStep { missing: TotalMinor::MAX, bonus: TotalMinor::MAX }),
            quote: Some(largest_quote),
            ..all
        },
        MessageType::PURCHASE_QUOTE => {
            Answer { stan: None, reference: None, quote: Some(largest_quote), ..all }
        }
        MessageType::SHIFT_REPORT => Answer {
            totals: Some(largest_totals()),
            host_last_stan: Some(u32::MAX),
            shift_closed: Some(true),
            transactions: Some(largest_transactions()),
            listed_to: Some(u32::MAX),
            ..bare
        },
        MessageType::BALANCE_INQUIRY => {
            Answer { programme_version: Some(last), card: all.card, balances: all.balances, ..bare }
        }
        MessageType::TRANSACTION_STATUS => Answer {
            state: Some(TransactionState(255)),
            stored_answer: Blob::new(largest_answer(MessageType::CAPTURE).encode()),
            ..bare
        },
        MessageType::REVERSAL => Answer { state: Some(TransactionState(255)), ..all },
        MessageType::REFUND | MessageType::VOID => {
            Answer { state: Some(TransactionState(255)), tries_left: Some(255), ..all }
        }
        MessageType::PURCHASE
        | MessageType::TRANSFER
        | MessageType::UNLOAD
        | MessageType::CHANGE_PIN
        | MessageType::JOIN
        | MessageType::AWARD
        | MessageType::REDEEM
        | MessageType::USE_ENTITLEMENT => Answer { tries_left: Some(255), ..all },
        MessageType::MEMBER_INQUIRY => members::largest_member(Answer {
            programme_version: Some(last),
            card: all.card,
            balances: all.balances,
            ..bare
        }),
        MessageType::CATALOGUE => {
            members::largest_catalogue(Answer { programme_version: Some(last), ..bare })
        }
        MessageType::AUTHORIZE => Answer { hold: Some(largest_hold), tries_left: Some(255), ..all },
        MessageType::ADVICE => Answer { shortfall: Some(TotalMinor::MAX), ..all },
        MessageType::CASH_TAKEN => Answer { balances: None, changes: None, explanation: None, ..all },
        MessageType::CAPTURE => {
            Answer { hold: Some(largest_hold), state: Some(TransactionState(255)), ..all }
        }
        MessageType::RECONCILIATION => {
            Answer { stan: all.stan, reference: all.reference, totals: Some(largest_totals()), ..bare }
        }
        _ => all,
    };
    members::with_largest_keys(kind, answer)
}

fn largest_transactions() -> ShiftTransactions {
    let transaction = |stan| ShiftTransaction {
        stan: Stan::new(stan).unwrap(),
        kind: MessageType(255),
        code: ResponseCode(99),
        amount: Some(TotalMinor::MAX),
        state: TransactionState(255),
    };
    ShiftTransactions::new((u32::MAX - 47..=u32::MAX).map(transaction).collect()).unwrap()
}

/// The receipt of an entry in a group whose tree has `height` levels above the leaves.
pub(crate) fn typical_receipt(height: usize) -> Receipt {
    Receipt {
        seal: SealHeader {
            chain: 1,
            epoch: 1,
            group: 61_204,
            first_index: 88_201,
            last_index: 88_199 + (1 << height),
            time_ms: 1_790_000_001_234,
        },
        tree_size: 1 << height,
        leaf_index: 13.min((1 << height) - 1),
        path: vec![Hash([0xab; 32]); height],
        signature: [0xcd; 64],
    }
}

pub(crate) fn largest_receipt() -> Receipt {
    let last = u64::try_from(i64::MAX).unwrap();
    Receipt {
        seal: SealHeader {
            chain: last,
            epoch: last,
            group: last,
            first_index: last,
            last_index: last,
            time_ms: last,
        },
        tree_size: last,
        leaf_index: last,
        path: vec![Hash([0xff; 32]); MAX_PATH],
        signature: [0xff; 64],
    }
}

/// A first answer to a value message in a busy hour: 32 leaves in the group.
pub(crate) fn typical_answer_sidecar(kind: MessageType) -> AnswerSidecar {
    if !is_sealed(kind) && kind != MessageType::TRANSACTION_STATUS {
        return AnswerSidecar::default();
    }
    AnswerSidecar {
        receipt: Blob::new(typical_receipt(5).encode()),
        details_hash: Some(Hash([0xde; 32])),
        status: (kind == MessageType::TRANSACTION_STATUS).then(typical_status),
    }
}

/// Receipt and status as large as the sidecar may carry them.
pub(crate) fn largest_answer_sidecar(kind: MessageType) -> AnswerSidecar {
    if !is_sealed(kind) && kind != MessageType::TRANSACTION_STATUS {
        return AnswerSidecar::default();
    }
    AnswerSidecar {
        receipt: Blob::new(vec![0xff; 1024]),
        details_hash: Some(Hash([0xff; 32])),
        status: Blob::new(vec![0xff; 256]),
    }
}

/// Whether an approval of this message is a journal entry.
pub(crate) fn is_sealed(kind: MessageType) -> bool {
    kind.is_value() || kind == MessageType::ENROLL
}

fn typical_status() -> Blob<256> {
    let status = Status {
        request_id: RequestId([0xd1; 32]),
        state: TransactionState::LIVE,
        time: seconds(TIME + 60),
        epoch: 1,
        last_index: 88_300,
    };
    let sign = |_: &[u8]| Ok::<_, ()>([0xcd; 64]);
    let signed = cose::sign(Context::Status, Algorithm::Es256, &INSTALLATION, &status.encode_payload(), sign);
    Blob::new(signed.unwrap().body).unwrap()
}

pub(crate) fn hello() -> Hello {
    Hello {
        installation: INSTALLATION,
        nonce: Nonce(*b"session nonce 16"),
        time: seconds(TIME),
        protocol_version: ProtocolVersion::MIN,
    }
}
