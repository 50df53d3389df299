//! Requests that a gateway must accept.

use protocol::cose::{self, Algorithm, Context, Sign1};
use protocol::field::{Original, RequestId, Stan, TerminalId};
use protocol::frame::MessageType;
use protocol::request::{Body, Request, key_name};

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

pub(crate) fn all() -> Vec<Made> {
    let mut made: Vec<Made> = Vec::new();
    for (terminal, key) in terminals() {
        let purchase = add(&mut made, MessageType::PURCHASE, FIRST_STAN, &terminal, &key, None);
        for (number, kind) in
            MessageType::requests().filter(|kind| *kind != MessageType::PURCHASE).enumerate()
        {
            let stan = FIRST_STAN + 1 + u32::try_from(number).unwrap();
            add(&mut made, kind, stan, &terminal, &key, Some(purchase));
        }
    }
    let (terminal, key) = &terminals()[0];
    made.push(with_ignorable_keys(terminal, key));
    made.push(with_the_other_s(&made[0]));
    made
}

/// Adds the typical request of this kind; Reversal and TransactionStatus name the terminal's own Purchase.
fn add(
    made: &mut Vec<Made>,
    kind: MessageType,
    stan: u32,
    terminal: &TerminalId,
    key: &TestKey,
    purchase: Option<RequestId>,
) -> RequestId {
    let signer = Signer { terminal: *terminal, key: key.fingerprint() };
    let mut request = samples::typical_request(kind, &signer, stan);
    if let (Body::Reversal { original, .. } | Body::TransactionStatus { original }, Some(request_id)) =
        (&mut request.body, purchase)
    {
        *original = Original { stan: Stan::new(FIRST_STAN).unwrap(), request_id, ..*original };
    }
    if let Body::Enroll { public_key, gateway, .. } = &mut request.body {
        *public_key = protocol::field::Blob::new(key.spki()).unwrap();
        *gateway = crate::keys::gateway().fingerprint();
    }
    let name = format!("{}-{}", kind.name(), suffix(key.algorithm));
    let note = format!("{} as a terminal sends it on an ordinary day", kind.name());
    let payload = request.encode_payload();
    let one = sign(&name, &note, request, payload, key);
    let request_id = one.request_id;
    made.push(one);
    request_id
}

/// Signs a payload and writes everything down.
fn sign(name: &str, note: &str, request: Request, payload: Vec<u8>, key: &TestKey) -> Made {
    let kind = request.kind();
    let signed = cose::sign(Context::Request(kind), key.algorithm, &INSTALLATION, &payload, |message| {
        Ok::<_, ()>(key.sign(message))
    });
    let signed = signed.unwrap();
    let request_id = RequestId::of(&signed.to_be_signed, SHA256);
    let sidecar = samples::typical_request_sidecar(kind).encode();
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
    sign("Purchase-ignorable-keys", note, request, payload, key)
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
