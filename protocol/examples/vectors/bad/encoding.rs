//! Section 3: bytes that are not in the deterministic encoding; and what stands around a payload.

use protocol::cbor::Writer;
use protocol::cose::Sign1;
use protocol::frame::MessageType;

use super::{FORMAT, Payload, in_frame, sign, signed, unsigned, v0001};
use crate::files::BadVector;
use crate::keys::hex;
use crate::samples;

const PURCHASE: MessageType = MessageType::PURCHASE;
const LOOKUP: MessageType = MessageType::CARD_LOOKUP;

pub(super) fn all() -> Vec<BadVector> {
    let mut vectors = items();
    vectors.extend(maps());
    vectors.extend(structures());
    vectors.extend(sidecars());
    vectors.extend(types());
    vectors
}

/// One item of a payload, written in a way that is not allowed.
fn items() -> Vec<BadVector> {
    let nested = "81".repeat(8) + "00";
    [
        ("long integer", 20, "1b0000000000000ea6", "amount in nine bytes where three do"),
        ("long integer, one byte", 11, "1803", "entry mode in two bytes where one does"),
        ("long negative integer", 7, "82 1a6ab13780 3817", "offset in two bytes where one does"),
        ("long text length", 2, "7805 5630303031", "length of the TID in a second byte"),
        ("long bytes length", 5, "590004 00000000", "length of the key id in two bytes"),
        ("long array length", 7, "9802 1a6ab13780 00", "length of the time array in a second byte"),
        ("indefinite text", 2, "7f 65 5630303031 ff", "TID in chunks"),
        ("indefinite bytes", 5, "5f 44 00000000 ff", "key id in chunks"),
        ("indefinite array", 7, "9f 1a6ab13780 00 ff", "time as an array without length"),
        ("tag", 20, "c2 42 0ea6", "amount as a bignum"),
        ("tag on an integer", 20, "c1 190ea6", "amount under a tag"),
        ("half float", 20, "f95c00", "amount as a float"),
        ("single float", 20, "fa456a6000", "amount as a float"),
        ("double float", 20, "fb40ad4c0000000000", "amount as a float"),
        ("undefined", 100, "f7", "undefined"),
        ("simple value", 100, "f0", "a simple value"),
        ("simple value in two bytes", 100, "f8ff", "a simple value"),
        ("reserved initial byte", 100, "1c", "additional information 28"),
        ("break without a beginning", 100, "ff", "a break outside anything"),
        ("integer of 64 bits", 100, "1b8000000000000000", "2^63 does not fit in a signed 64-bit number"),
        (
            "negative integer of 65 bits",
            100,
            "3bffffffffffffffff",
            "-2^64 does not fit in a signed 64-bit number",
        ),
        ("nine levels", 100, &nested, "the payload is level 1, so this reaches level 9"),
        ("text is not UTF-8", 10, "62 c328", "a second byte that is no continuation"),
        ("overlong UTF-8", 10, "62 c080", "U+0000 in two bytes"),
        ("surrogate in UTF-8", 10, "63 eda080", "U+D800"),
        ("text is cut off", 10, "78ff 61", "255 bytes of text are promised and not there"),
        ("array is cut off", 100, "9b7fffffffffffffff", "2^63 - 1 items are promised and not there"),
        ("text key in an inner map", 100, "a1 6161 00", "a map key that is text"),
        ("negative key in an inner map", 100, "a1 20 00", "a map key below zero, outside a COSE header"),
        ("duplicate key in an inner map", 100, "a2 00 00 00 00", "key 0 twice"),
        ("unordered keys in an inner map", 100, "a2 01 00 00 00", "key 1 before key 0"),
    ]
    .into_iter()
    .map(|(name, key, item, reason)| Payload::of(PURCHASE).with(key, item).bad(name, reason))
    .collect()
}

/// The payload's own map.
fn maps() -> Vec<BadVector> {
    let purchase = Payload::of(PURCHASE);
    let (items, good) = (purchase.items(), purchase.encode());
    let map = |items: &[Vec<u8>]| {
        let mut writer = Writer::new();
        writer.map(items.len()).raw(&items.concat());
        writer.finish()
    };
    let mut swapped = items.clone();
    swapped.swap(3, 4);
    let doubled = [&items[..3], &items[2..]].concat();
    let long_key = [&[hex("180001")], &items[1..]].concat();
    let text_key = [&items[..], &[hex("616100")]].concat();
    let count = u8::try_from(items.len()).unwrap();
    let cases: [(&str, Vec<u8>, &str); 12] = [
        ("unordered keys", map(&swapped), "two keys change places"),
        ("duplicate key", map(&doubled), "key 2 twice, with the same value"),
        ("long key", map(&long_key), "key 0 in two bytes"),
        ("text key", map(&text_key), "a key that is text"),
        (
            "long map length",
            [&[0xb8, count][..], &items.concat()].concat(),
            "length of the map in a second byte",
        ),
        ("indefinite map", [&[0xbf][..], &items.concat(), &[0xff]].concat(), "a map without length"),
        ("byte after the payload", [&good[..], &[0x00]].concat(), "exactly one item, no bytes after it"),
        ("payload is cut off", good[..good.len() - 1].to_vec(), "the last byte is missing"),
        (
            "map is one entry short",
            [&[0xa1 + count][..], &items.concat()].concat(),
            "more entries promised than there are",
        ),
        ("empty payload", Vec::new(), "no item at all"),
        ("payload is an array", hex("8101"), "an array is no map"),
        ("empty map", hex("a0"), "no key at all"),
    ];
    cases
        .into_iter()
        .map(|(name, payload, reason)| signed(name, reason, FORMAT, PURCHASE, &payload, &v0001()))
        .collect()
}

/// The COSE_Sign1 around the payload.
fn structures() -> Vec<BadVector> {
    let payload = Payload::of(PURCHASE).encode();
    let good = sign(PURCHASE, &payload, &v0001().1);
    let parts = Sign1::parse(&good).unwrap();
    let signature = parts.signature;
    let array = |protected: &[u8], unprotected: &str, payload: Option<&[u8]>, signature: &[u8]| {
        let mut writer = Writer::new();
        writer.array(4).bytes(protected).raw(&hex(unprotected));
        match payload {
            Some(payload) => writer.bytes(payload),
            None => writer.null(),
        };
        writer.bytes(signature);
        writer.finish()
    };
    let with_payload = Some(&payload[..]);
    let es256 = hex("a10126");
    let der = [&[0x30, 0x44, 0x02, 0x20][..], &signature[..32], &[0x02, 0x20], &signature[32..]].concat();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty body", Vec::new(), "no COSE_Sign1"),
        ("tagged COSE_Sign1", [&[0xd2][..], &good].concat(), "tag 18 is not used"),
        ("byte after the COSE_Sign1", [&good[..], &[0xf6]].concat(), "exactly one item, no bytes after it"),
        (
            "COSE_Sign1 is cut off",
            good[..good.len() - 1].to_vec(),
            "the last byte of the signature is missing",
        ),
        ("three parts", [&[0x83][..], &good[1..good.len() - 66]].concat(), "the signature is missing"),
        ("five parts", [&[0x85][..], &good[1..], &[0xf6]].concat(), "one part too many"),
        ("body is a map", hex("a0"), "a map is no COSE_Sign1"),
        (
            "long array length of the COSE_Sign1",
            [&[0x98, 0x04][..], &good[1..]].concat(),
            "length in a second byte",
        ),
        ("indefinite COSE_Sign1", [&[0x9f][..], &good[1..], &[0xff]].concat(), "an array without length"),
        ("empty protected header", array(&[], "a0", with_payload, signature), "the algorithm is missing"),
        (
            "protected header without algorithm",
            array(&hex("a0"), "a0", with_payload, signature),
            "the algorithm is missing",
        ),
        (
            "unknown algorithm",
            array(&hex("a1013822"), "a0", with_payload, signature),
            "ES384 is not one of the two",
        ),
        (
            "more in the protected header",
            array(&hex("a201260300"), "a0", with_payload, signature),
            "a content type",
        ),
        ("long algorithm", array(&hex("a1013806"), "a0", with_payload, signature), "-7 in two bytes"),
        ("unprotected header is not empty", array(&es256, "a10442aabb", with_payload, signature), "a key id"),
        (
            "unprotected header is an array",
            array(&es256, "80", with_payload, signature),
            "an array is no map",
        ),
        ("detached payload", array(&es256, "a0", None, signature), "payload null"),
        (
            "signature in DER",
            array(&es256, "a0", with_payload, &der),
            "r and s are 32 bytes each, without DER",
        ),
        ("signature of 63 bytes", array(&es256, "a0", with_payload, &signature[..63]), "one byte short"),
        ("no signature", array(&es256, "a0", with_payload, &[]), "an empty signature"),
    ];
    cases
        .into_iter()
        .map(|(name, body, reason)| unsigned(name, reason, FORMAT, PURCHASE, &body, &v0001()))
        .collect()
}

/// Sections 5.3 and 5.4.
fn sidecars() -> Vec<BadVector> {
    let nine_fields =
        "a10aa9".to_owned() + &(10..19).map(|number| format!("{number:02x}6161")).collect::<String>();
    let long_secret = "a1017841".to_owned() + &"39".repeat(65);
    let secret = "a10168 3132333435363738";
    let pin = |key: u8| format!("a1{key:02x}64 31393637");
    let field = |number: &str, length: usize, character: &str| {
        let head = if length < 24 { format!("{:02x}", 0x60 + length) } else { format!("78{length:02x}") };
        format!("a10aa1 {number} {head} {}", character.repeat(length))
    };
    let cases: [(&str, MessageType, &str, &str); 71] = [
        ("sidecar where none may be", MessageType::REVERSAL, secret, "a Reversal has no card"),
        ("card secret with a Refund", MessageType::REFUND, secret, "it names the card by its original"),
        ("card secret with a Void", MessageType::VOID, secret, "it names the card by its original"),
        ("card secret with a Capture", MessageType::CAPTURE, secret, "it names the card by its original"),
        ("card secret with a ShiftReport", MessageType::SHIFT_REPORT, secret, "a ShiftReport has no card"),
        ("empty map as sidecar where none may be", MessageType::ECHO, "a0", "an Echo has no sidecar"),
        ("sidecar is no map", PURCHASE, "68 3132333435363738", "text is no map"),
        (
            "byte after the sidecar",
            PURCHASE,
            "a10168 3132333435363738 00",
            "exactly one item, no bytes after it",
        ),
        ("unknown key in the sidecar", PURCHASE, "a107 00", "keys below 100 must be understood"),
        ("short secret", PURCHASE, "a10167 31323334353637", "8 bytes at least"),
        ("long secret", PURCHASE, &long_secret, "64 bytes at most"),
        ("secret with a control character", PURCHASE, "a10168 313233343536370a", "a line feed"),
        ("secret as bytes", PURCHASE, "a10148 3132333435363738", "a byte string is no text"),
        ("PIN with a letter", PURCHASE, "a10264 31323361", "digits only"),
        ("short PIN", PURCHASE, "a10263 313233", "4 digits at least"),
        ("long PIN", PURCHASE, "a1026d 31393637313936373139363731", "12 digits at most"),
        ("PIN as a number", PURCHASE, "a102 1907af", "a number is no text"),
        ("PIN in Arabic-Indic digits", PURCHASE, "a10268 d9a1d9a9d9a6d9a7", "0 to 9 only"),
        ("short new PIN", MessageType::CHANGE_PIN, "a10463 313936", "4 digits at least"),
        ("new PIN with a letter", MessageType::CHANGE_PIN, "a10464 3139366f", "digits only"),
        ("long new PIN", MessageType::CHANGE_PIN, "a1046d 31393637313936373139363731", "12 digits at most"),
        ("short cashier PIN", MessageType::CASHIER_SIGN_ON, "a10563 313936", "4 digits at least"),
        ("cashier PIN with a letter", MessageType::CASHIER_SIGN_ON, "a10564 3139366f", "digits only"),
        ("short supervisor PIN", MessageType::VOID, "a10663 313936", "4 digits at least"),
        ("supervisor PIN with a letter", MessageType::REFUND, "a10664 3139366f", "digits only"),
        ("PIN with a Load", MessageType::LOAD, &pin(2), "no PIN is asked for there"),
        ("PIN with an Activate", MessageType::ACTIVATE, &pin(2), "no PIN is asked for there"),
        ("PIN with a BalanceInquiry", MessageType::BALANCE_INQUIRY, &pin(2), "no PIN is asked for there"),
        ("PIN with a PurchaseQuote", MessageType::PURCHASE_QUOTE, &pin(2), "no PIN is asked for there"),
        ("PIN with a Refund", MessageType::REFUND, &pin(2), "only a supervisor's"),
        ("new PIN with a Purchase", PURCHASE, &pin(4), "only a ChangePin sets one"),
        ("new PIN with an Unload", MessageType::UNLOAD, &pin(4), "only a ChangePin sets one"),
        ("cashier PIN with a Purchase", PURCHASE, &pin(5), "only a CashierSignOn has one"),
        ("cashier PIN with a SignOn", MessageType::SIGN_ON, &pin(5), "a SignOn has no sidecar"),
        ("PIN with a CashierSignOn", MessageType::CASHIER_SIGN_ON, &pin(2), "the card's is none of it"),
        ("supervisor PIN with a Purchase", PURCHASE, &pin(6), "it has no supervisor"),
        ("supervisor PIN with a ChangePin", MessageType::CHANGE_PIN, &pin(6), "it has no supervisor"),
        ("card secret with a CashierSignOn", MessageType::CASHIER_SIGN_ON, secret, "it has no card"),
        ("card secret with a CashTaken", MessageType::CASH_TAKEN, secret, "it has no sidecar"),
        ("card secret with an Advice", MessageType::ADVICE, secret, "it has no sidecar"),
        ("nine personal fields", PURCHASE, &nine_fields, "8 at most"),
        ("empty map of personal fields", MessageType::LOAD, "a10aa0", "1 at least"),
        ("personal field 256", PURCHASE, "a10aa1 190100 6161", "255 at most"),
        ("empty personal field", PURCHASE, "a10aa1 04 60", "1 byte at least"),
        ("long personal field", PURCHASE, &field("02", 65, "41"), "64 bytes at most"),
        ("personal field with a line feed", PURCHASE, "a10aa1 02 62 410a", "control character"),
        ("personal field as a number", PURCHASE, "a10aa1 01 1a1e240a43", "a number is no text"),
        ("short salt", MessageType::LOAD, &field("00", 31, "61"), "32 digits"),
        ("long salt", MessageType::LOAD, &field("00", 33, "61"), "32 digits"),
        ("salt in upper case", MessageType::ACTIVATE, &field("00", 32, "41"), "lower case"),
        ("salt that is not hexadecimal", MessageType::ACTIVATE, &field("00", 32, "67"), "0 to 9 and a to f"),
        ("short phone", MessageType::LOAD, "a10aa1 01 64 31323334", "5 digits at least"),
        ("long phone", MessageType::LOAD, &field("01", 16, "31"), "15 digits at most"),
        ("phone with a sign", MessageType::ACTIVATE, "a10aa1 01 66 2b3132333435", "digits only"),
        ("phone with a space", MessageType::BALANCE_INQUIRY, "a10aa1 01 66 313233203435", "digits only"),
        ("phone in Arabic-Indic digits", PURCHASE, "a10aa1 01 6a d9a1d9a2d9a3d9a4d9a5", "0 to 9 only"),
        ("birthday without hyphens", MessageType::LOAD, "a10aa1 03 68 3139393030323238", "YYYY-MM-DD"),
        ("birthday with slashes", MessageType::LOAD, "a10aa1 03 6a 313939302f30322f3238", "YYYY-MM-DD"),
        ("birthday with the day first", PURCHASE, "a10aa1 03 6a 32382d30322d31393930", "YYYY-MM-DD"),
        ("birthday in month 13", MessageType::ACTIVATE, "a10aa1 03 6a 313939302d31332d3031", "month 1 to 12"),
        ("birthday on day 0", MessageType::ACTIVATE, "a10aa1 03 6a 313939302d30312d3030", "day 1 to 31"),
        ("birthday in year 0", MessageType::ACTIVATE, "a10aa1 03 6a 303030302d30312d3031", "year 1 at least"),
        (
            "card secret with a CardLookup",
            LOOKUP,
            "a2 0168 3132333435363738 0aa1 01 65 3132333435",
            "it has no card",
        ),
        ("PIN with a CardLookup", LOOKUP, "a2 0264 31393637 0aa1 01 65 3132333435", "it has no card"),
        ("CardLookup without a sidecar", LOOKUP, "", "field 1 is what it asks for"),
        ("CardLookup without personal fields", LOOKUP, "a0", "field 1 is what it asks for"),
        ("CardLookup by name", LOOKUP, "a10aa1 02 65 416c696365", "field 1 alone"),
        ("CardLookup by phone and name", LOOKUP, "a10aa2 01 65 3132333435 02 65 416c696365", "field 1 alone"),
        ("CardLookup of a phone with a letter", LOOKUP, "a10aa1 01 65 313233346f", "digits only"),
        ("personal fields with a Refund", MessageType::REFUND, "a10aa1 01 65 3132333435", "it has none"),
        (
            "personal fields with a CashierSignOn",
            MessageType::CASHIER_SIGN_ON,
            "a10aa1 01 65 3132333435",
            "it has none",
        ),
    ];
    let vector = |(name, kind, sidecar, reason): (&str, MessageType, &str, &str)| {
        let body = sign(kind, &Payload::of(kind).encode(), &v0001().1);
        in_frame(name, reason, FORMAT, kind, &body, &hex(&sidecar.replace(' ', "")), &v0001())
    };
    cases.into_iter().map(vector).collect()
}

/// Frames whose type is not that of a request, or not that of the payload.
fn types() -> Vec<BadVector> {
    let payload = Payload::of(PURCHASE).encode();
    let sidecar = samples::typical_request_sidecar(PURCHASE).encode();
    let body = sign(PURCHASE, &payload, &v0001().1);
    let vector = |name: &str, kind: MessageType, reason: &str| {
        in_frame(name, reason, FORMAT, kind, &body, &sidecar, &v0001())
    };
    vec![
        vector("unknown message type", MessageType(0x7e), "no request has this type"),
        vector("type of an answer", PURCHASE.answer(), "a terminal sends no answers"),
        vector("type of Hello", MessageType::HELLO, "only the gateway sends it"),
        vector("type of Reject", MessageType::REJECT, "only the gateway sends it"),
        vector(
            "Purchase in the frame of a Load",
            MessageType::LOAD,
            "key 1 names another message than the frame",
        ),
        signed(
            "Purchase signed as a Load",
            "the frame and the signature say Load, key 1 says Purchase",
            FORMAT,
            MessageType::LOAD,
            &payload,
            &v0001(),
        ),
    ]
}
