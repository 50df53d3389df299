//! Requests that a gateway must accept.

use protocol::cose::{self, Algorithm, Context, Sign1};
use protocol::field::{AmountMinor, Flags, Original, Pin, Points, RequestId, Shift, Stan, TerminalId};
use protocol::frame::MessageType;
use protocol::request::{Body, Request, RequestSidecar, Reserved, key_name};

use crate::files::{RequestVector, fields};
use crate::keys::{INSTALLATION, SHA256, TestKey};
use crate::samples::{self, Signer};
use crate::{frame_bytes, hex, suffix, terminals};

/// A vector, and what the answers need of it.
pub(crate) struct Made {
    pub(crate) vector: RequestVector,
    pub(crate) request: Request,
    pub(crate) request_id: RequestId,
    pub(crate) body: Vec<u8>,
    pub(crate) correlation: u32,
}

/// The order of STANs in a terminal's day.
const FIRST_STAN: u32 = 1001;
pub(crate) const FIRST_VARIANT: u32 = 1051;

pub(crate) fn all() -> Vec<Made> {
    let mut made: Vec<Made> = Vec::new();
    for signer in &terminals() {
        add(&mut made, MessageType::PURCHASE, FIRST_STAN, signer);
        let others = MessageType::requests().filter(|kind| *kind != MessageType::PURCHASE);
        for (kind, stan) in others.zip(FIRST_STAN + 1..) {
            add(&mut made, kind, stan, signer);
        }
        add_variants(&mut made, signer);
    }
    let (terminal, key) = &terminals()[0];
    made.push(with_ignorable_keys(terminal, key));
    made.push(with_the_other_s(&made[0]));
    made
}

/// Adds the typical request of this kind.
fn add(made: &mut Vec<Made>, kind: MessageType, stan: u32, signer: &(TerminalId, TestKey)) {
    let note = format!("{} as a terminal sends it on an ordinary day", kind.name());
    let one = make(made, kind.name(), &note, typical(kind, stan, signer), named(kind), signer);
    made.push(one);
}

/// What else the younger messages may say.
fn add_variants(made: &mut Vec<Made>, signer: &(TerminalId, TestKey)) {
    let (authorize, capture) = (MessageType::AUTHORIZE, MessageType::CAPTURE);
    let amount = |request: &mut Request, minor| match &mut request.body {
        Body::Authorize { amount, .. }
        | Body::Capture { amount, .. }
        | Body::Refund { amount, .. }
        | Body::PurchaseQuote { amount, .. } => {
            *amount = AmountMinor::new(minor).unwrap();
        }
        _ => unreachable!(),
    };

    let mut raise = typical(authorize, FIRST_VARIANT, signer);
    let Body::Authorize { raises, .. } = &mut raise.body else { unreachable!() };
    *raises = samples::typical_request(capture, &by(signer), FIRST_VARIANT).body.original().copied();
    amount(&mut raise, 20_00);
    let note = "key 23: 20.00 more for the hold that the first Authorize opened";
    made.push(make(made, "Authorize-raise", note, raise, Some(authorize), signer));

    let mut first = typical(capture, FIRST_VARIANT + 1, signer);
    first.header.flags = Some(Flags::MORE_CAPTURES);
    amount(&mut first, 30_00);
    let note = "flag bit 3: what this leaves stays held for further captures";
    made.push(make(made, "Capture-more-follow", note, first, Some(authorize), signer));

    let late = typical(capture, FIRST_VARIANT + 2, signer);
    made.push(make(made, "Capture-too-late", "the hold has lapsed", late, Some(authorize), signer));

    let mut load = typical(MessageType::REFUND, FIRST_VARIANT + 3, signer);
    let Body::Refund { reason, .. } = &mut load.body else { unreachable!() };
    *reason = None;
    amount(&mut load, 100_00);
    let note = "pays a Load back, and says no reason";
    made.push(make(made, "Refund-of-a-Load", note, load, Some(MessageType::LOAD), signer));

    let mut part = typical(MessageType::PURCHASE_QUOTE, FIRST_VARIANT, signer);
    amount(&mut part, 200_00);
    made.push(make(made, "PurchaseQuote-in-part", "more than the card can pay", part, None, signer));

    let mut quoted = typical(MessageType::PURCHASE, FIRST_VARIANT + 4, signer);
    quoted.header.quote = Some(samples::PURCHASE_QUOTE);
    let note = "key 15: the price that the PurchaseQuote named";
    made.push(make(made, "Purchase-as-quoted", note, quoted, None, signer));

    let late = typical(MessageType::LOAD, FIRST_VARIANT + 5, signer);
    made.push(make(made, "Load-quote-expired", "key 15: the quote has expired", late, None, signer));

    let blocked = typical(MessageType::TRANSFER, FIRST_VARIANT + 6, signer);
    let note = "the card of key 33 is blocked";
    made.push(make(made, "Transfer-to-a-blocked-card", note, blocked, None, signer));

    for (name, after, note) in [
        ("ShiftReport-first-page", 0, "a shift before the typical one, with more than 48 transactions"),
        ("ShiftReport-next-page", 4648, "key 34: what comes after the page before"),
    ] {
        let mut page = typical(MessageType::SHIFT_REPORT, FIRST_VARIANT, signer);
        page.header.shift = Shift::new(310);
        page.body = Body::ShiftReport { after };
        made.push(make(made, name, note, page, None, signer));
    }
    add_persons(made, signer);
    add_holders(made, signer);
    add_terms(made, signer);
    crate::members::add(made, signer);
}

/// PINs, cashiers and supervisors.
fn add_persons(made: &mut Vec<Made>, signer: &(TerminalId, TestKey)) {
    let (purchase, refund, change) = (MessageType::PURCHASE, MessageType::REFUND, MessageType::CHANGE_PIN);
    let sidecar = samples::typical_request_sidecar;
    let pin = |kind| RequestSidecar { pin: Pin::new("1967"), ..sidecar(kind) };

    for (stan, name, note) in [
        (FIRST_VARIANT + 7, "Purchase-with-PIN", "flag bit 2, and the PIN in sidecar key 2"),
        (FIRST_VARIANT + 8, "Purchase-wrong-PIN", "the PIN in sidecar key 2 is wrong"),
        (FIRST_VARIANT + 9, "Purchase-PIN-locked", "there were too many wrong ones before"),
    ] {
        let mut request = typical(purchase, stan, signer);
        request.header.flags = Some(Flags::PIN_USED);
        made.push(make_with(made, name, note, request, &pin(purchase), None, signer));
    }
    let without = typical(purchase, FIRST_VARIANT + 10, signer);
    let note = "the card's product asks for a PIN at this amount";
    made.push(make(made, "Purchase-without-PIN", note, without, None, signer));

    let mut allowed = typical(refund, FIRST_VARIANT + 11, signer);
    let Body::Refund { supervisor, .. } = &mut allowed.body else { unreachable!() };
    *supervisor = "S01".parse().ok();
    let by_supervisor = |pin| RequestSidecar { supervisor_pin: Pin::new(pin), ..sidecar(refund) };
    let note = "key 37, and that person's PIN in sidecar key 6";
    let (of, right, wrong) = (Some(purchase), by_supervisor("271828"), by_supervisor("271829"));
    made.push(make_with(made, "Refund-with-supervisor", note, allowed.clone(), &right, of, signer));
    allowed.header.stan = Stan::new(FIRST_VARIANT + 12);
    let note = "the PIN in sidecar key 6 is wrong";
    made.push(make_with(made, "Refund-supervisor-wrong-PIN", note, allowed, &wrong, of, signer));
    let alone = typical(refund, FIRST_VARIANT + 13, signer);
    let note = "the programme wants a second person for it";
    made.push(make(made, "Refund-without-supervisor", note, alone, of, signer));
    let mut void = typical(MessageType::VOID, FIRST_VARIANT + 14, signer);
    let Body::Void { supervisor, .. } = &mut void.body else { unreachable!() };
    *supervisor = "S01".parse().ok();
    let note = "key 37 in a Void";
    let of = Some(MessageType::LOAD);
    made.push(make_with(made, "Void-with-supervisor", note, void, &right, of, signer));

    let first = typical(change, FIRST_VARIANT + 15, signer);
    let note = "a card that has no PIN yet: the new one in sidecar key 4 alone";
    let new = RequestSidecar { pin: None, ..sidecar(change) };
    made.push(make_with(made, "ChangePin-first", note, first, &new, None, signer));
    let wrong = typical(change, FIRST_VARIANT + 16, signer);
    let old = RequestSidecar { pin: Pin::new("1968"), ..sidecar(change) };
    let note = "the present PIN in sidecar key 2 is wrong";
    made.push(make_with(made, "ChangePin-wrong-PIN", note, wrong, &old, None, signer));

    let sign_on = MessageType::CASHIER_SIGN_ON;
    let wrong = RequestSidecar { cashier_pin: Pin::new("80352"), ..Default::default() };
    let request = typical(sign_on, FIRST_VARIANT, signer);
    let note = "the PIN in sidecar key 5 is wrong";
    made.push(make_with(made, "CashierSignOn-wrong-PIN", note, request.clone(), &wrong, None, signer));
    let mut unknown = request;
    unknown.header.cashier = "K99".parse().ok();
    made.push(make(made, "CashierSignOn-unknown", "nobody has this name", unknown, None, signer));
}

/// Cards that are registered, and found again.
fn add_holders(made: &mut Vec<Made>, signer: &(TerminalId, TestKey)) {
    let person = RequestSidecar { personal: samples::typical_person(), ..Default::default() };
    let commit = |request: &mut Request| {
        let personal_commitment = person.personal_commitment(SHA256);
        request.header.reserved = Some(Box::new(Reserved { personal_commitment, ..Default::default() }));
    };
    let activate = MessageType::ACTIVATE;
    let mut registers = typical(activate, FIRST_VARIANT + 22, signer);
    commit(&mut registers);
    let fields =
        RequestSidecar { personal: person.personal.clone(), ..samples::typical_request_sidecar(activate) };
    let note = "key 47, and the fields that hash to it in sidecar key 10";
    made.push(make_with(made, "Activate-with-a-holder", note, registers, &fields, None, signer));
    let mut kept_elsewhere = typical(activate, FIRST_VARIANT + 23, signer);
    commit(&mut kept_elsewhere);
    let note = "key 47 alone: somebody else keeps the fields";
    made.push(make(made, "Activate-with-a-commitment", note, kept_elsewhere, None, signer));

    for (name, phone, note) in [
        (
            "CardLookup-of-many",
            "447700900123",
            "more cards were registered with this number than an answer lists",
        ),
        ("CardLookup-unknown", "999999999999999", "no card was registered with this number"),
        ("CardLookup-too-many", "12345", "the 21st within a minute"),
    ] {
        let request = typical(MessageType::CARD_LOOKUP, FIRST_VARIANT, signer);
        let sidecar = RequestSidecar { personal: samples::phone(phone), ..Default::default() };
        made.push(make_with(made, name, note, request, &sidecar, None, signer));
    }
}

/// Points as money, cash that could not be credited, and what was approved offline.
fn add_terms(made: &mut Vec<Made>, signer: &(TerminalId, TestKey)) {
    for (name, kind) in [
        ("Purchase-with-points", MessageType::PURCHASE),
        ("PurchaseQuote-with-points", MessageType::PURCHASE_QUOTE),
    ] {
        let mut request = typical(kind, FIRST_VARIANT + 17, signer);
        let (Body::Purchase { points, .. } | Body::PurchaseQuote { points, .. }) = &mut request.body else {
            unreachable!()
        };
        *points = Points::new(50);
        made.push(make(made, name, "key 35: 50 points pay a part", request, None, signer));
    }

    let spent = typical(MessageType::UNLOAD, FIRST_VARIANT + 18, signer);
    let note = "the loads of this card are spent";
    made.push(make(made, "Unload-spent", note, spent, None, signer));

    let mut unknown = typical(MessageType::CASH_TAKEN, FIRST_VARIANT + 19, signer);
    let Body::CashTaken { card, original, .. } = &mut unknown.body else { unreachable!() };
    (*card, *original) = (None, None);
    unknown.header.entry_mode = None;
    let note = "notes without a card, and without a Load before them";
    made.push(make(made, "CashTaken-without-a-card", note, unknown, None, signer));

    let paid = typical(MessageType::ADVICE, FIRST_VARIANT + 20, signer);
    made.push(make(made, "Advice-paid", "the card had enough", paid, None, signer));
    let mut outside = typical(MessageType::ADVICE, FIRST_VARIANT + 21, signer);
    let Body::Advice { amount, .. } = &mut outside.body else { unreachable!() };
    *amount = AmountMinor::new(100_01).unwrap();
    let note = "one minor unit more than the grant allows in one transaction";
    made.push(make(made, "Advice-outside-its-grant", note, outside, None, signer));

    let grant = typical(MessageType::SIGN_ON, FIRST_VARIANT + 21, signer);
    let note = "of a terminal that may approve by itself";
    made.push(make(made, "SignOn-with-grant", note, grant, None, signer));
}

/// What the typical request of this kind names; every vector stands for itself.
fn named(kind: MessageType) -> Option<MessageType> {
    match kind {
        MessageType::REVERSAL | MessageType::TRANSACTION_STATUS | MessageType::REFUND => {
            Some(MessageType::PURCHASE)
        }
        MessageType::VOID | MessageType::CASH_TAKEN => Some(MessageType::LOAD),
        MessageType::CAPTURE => Some(MessageType::AUTHORIZE),
        _ => None,
    }
}

fn by((terminal, key): &(TerminalId, TestKey)) -> Signer {
    Signer { terminal: *terminal, key: key.fingerprint() }
}

pub(crate) fn typical(kind: MessageType, stan: u32, signer: &(TerminalId, TestKey)) -> Request {
    let mut request = samples::typical_request(kind, &by(signer), stan);
    if let Body::Enroll { public_key, gateway, .. } = &mut request.body {
        *public_key = protocol::field::Blob::new(signer.1.spki()).unwrap();
        *gateway = crate::keys::gateway().fingerprint();
    }
    request
}

/// Signs a request; if it names another, that is the terminal's own one of the kind `named`.
pub(crate) fn make(
    made: &[Made],
    name: &str,
    note: &str,
    request: Request,
    named: Option<MessageType>,
    signer: &(TerminalId, TestKey),
) -> Made {
    let sidecar = samples::typical_request_sidecar(request.kind());
    make_with(made, name, note, request, &sidecar, named, signer)
}

/// The same, with this sidecar.
pub(crate) fn make_with(
    made: &[Made],
    name: &str,
    note: &str,
    mut request: Request,
    sidecar: &RequestSidecar,
    named: Option<MessageType>,
    (_, key): &(TerminalId, TestKey),
) -> Made {
    let vector = |name: &str| format!("{name}-{}", suffix(key.algorithm));
    if let Some(named) = named {
        let named = made.iter().find(|made| made.vector.name == vector(named.name())).unwrap();
        let original = original(&mut request.body).unwrap();
        let stan = named.request.header.stan.unwrap();
        *original = Original { stan, request_id: named.request_id, ..*original };
    }
    let payload = request.encode_payload();
    sign(&vector(name), note, request, payload, sidecar, key)
}

fn original(body: &mut Body) -> Option<&mut Original> {
    match body {
        Body::Reversal { original, .. }
        | Body::TransactionStatus { original }
        | Body::Refund { original, .. }
        | Body::Void { original, .. }
        | Body::Capture { original, .. } => Some(original),
        Body::Authorize { raises, .. } => raises.as_mut(),
        Body::CashTaken { original, .. } => original.as_mut(),
        _ => None,
    }
}

/// Signs a payload and writes everything down.
fn sign(
    name: &str,
    note: &str,
    request: Request,
    payload: Vec<u8>,
    sidecar: &RequestSidecar,
    key: &TestKey,
) -> Made {
    let kind = request.kind();
    let signed = cose::sign(Context::Request(kind), key.algorithm, &INSTALLATION, &payload, |message| {
        Ok::<_, ()>(key.sign(message))
    });
    let signed = signed.unwrap();
    let request_id = RequestId::of(&signed.to_be_signed, SHA256);
    let sidecar = sidecar.encode();
    let correlation = request.header.stan.map_or(u32::from(kind.0), Stan::get);
    let vector = RequestVector {
        name: name.into(),
        note: note.into(),
        message: kind.name().into(),
        message_type: kind.0,
        terminal: request.header.terminal.to_string(),
        algorithm: key.algorithm.to_string(),
        fields: fields(&payload, key_name),
        payload: hex(&payload),
        sig_structure: hex(&signed.to_be_signed),
        request_id: request_id.to_string(),
        body: hex(&signed.body),
        sidecar: hex(&sidecar),
        frame: hex(&frame_bytes(kind, correlation, false, &signed.body, &sidecar)),
    };
    Made { vector, request, request_id, body: signed.body, correlation }
}

fn with_ignorable_keys(terminal: &TerminalId, key: &TestKey) -> Made {
    let signer = Signer { terminal: *terminal, key: key.fingerprint() };
    let request = samples::typical_request(MessageType::PURCHASE, &signer, 1101);
    let mut payload = request.encode_payload();
    payload[0] += 2;
    payload.extend(crate::keys::hex("1864f5"));
    payload.extend(crate::keys::hex("1903e8820163616263"));
    let note = "keys 100 and 1000 may be ignored; they are signed all the same";
    let sidecar = samples::typical_request_sidecar(MessageType::PURCHASE);
    sign("Purchase-ignorable-keys", note, request, payload, &sidecar, key)
}

/// For every ES256 signature (r, s) there is another, (r, n - s). Both are valid, and the request id is the same.
fn with_the_other_s(first: &Made) -> Made {
    assert_eq!(first.vector.algorithm, Algorithm::Es256.to_string());
    let sign1 = Sign1::parse(&first.body).unwrap();
    let mut signature = *sign1.signature;
    let s: [u8; 32] = signature[32..].try_into().unwrap();
    signature[32..].copy_from_slice(&subtract(&crate::bad::ORDER_P256, &s));
    let body = Sign1 { signature: &signature, ..sign1 }.encode();
    let sidecar = crate::keys::hex(&first.vector.sidecar);
    let frame = frame_bytes(first.request.kind(), first.correlation, true, &body, &sidecar);
    let vector = RequestVector {
        name: "Purchase-es256-other-s".into(),
        note:
            "the first Purchase again, repeat flag set, with n - s in place of s: valid, and the same request"
                .into(),
        body: hex(&body),
        frame: hex(&frame),
        fields: first.vector.fields.clone(),
        message: first.vector.message.clone(),
        terminal: first.vector.terminal.clone(),
        algorithm: first.vector.algorithm.clone(),
        payload: first.vector.payload.clone(),
        sig_structure: first.vector.sig_structure.clone(),
        request_id: first.vector.request_id.clone(),
        sidecar: first.vector.sidecar.clone(),
        message_type: first.vector.message_type,
    };
    Made {
        vector,
        request: first.request.clone(),
        request_id: first.request_id,
        body,
        correlation: first.correlation,
    }
}

/// `a - b` of big-endian numbers, modulo 2^256.
fn subtract(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    let (mut result, mut borrow) = ([0; 32], false);
    for place in (0..32).rev() {
        let (first, under) = a[place].overflowing_sub(b[place]);
        let (second, under_again) = first.overflowing_sub(u8::from(borrow));
        (result[place], borrow) = (second, under || under_again);
    }
    result
}
