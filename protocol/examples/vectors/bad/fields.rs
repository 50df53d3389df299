//! Section 5: keys with a wrong type, out of range, or that do not fit together. Every payload is signed as it should be.

use protocol::frame::MessageType;

use super::Payload;
use crate::files::BadVector;

const ACTIVATE: MessageType = MessageType::ACTIVATE;
const LOAD: MessageType = MessageType::LOAD;
const PURCHASE: MessageType = MessageType::PURCHASE;
const REFUND: MessageType = MessageType::REFUND;
const VOID: MessageType = MessageType::VOID;
const AUTHORIZE: MessageType = MessageType::AUTHORIZE;
const CAPTURE: MessageType = MessageType::CAPTURE;
const PURCHASE_QUOTE: MessageType = MessageType::PURCHASE_QUOTE;
const TRANSFER: MessageType = MessageType::TRANSFER;
const SHIFT_REPORT: MessageType = MessageType::SHIFT_REPORT;
const UNLOAD: MessageType = MessageType::UNLOAD;
const CHANGE_PIN: MessageType = MessageType::CHANGE_PIN;
const CASH_TAKEN: MessageType = MessageType::CASH_TAKEN;
const ADVICE: MessageType = MessageType::ADVICE;
const CASHIER_SIGN_ON: MessageType = MessageType::CASHIER_SIGN_ON;

pub(super) fn all() -> Vec<BadVector> {
    let mut vectors = types();
    vectors.extend(ranges());
    vectors.extend(lists());
    vectors.extend(others());
    vectors
}

/// `00` where it is not a number that is wanted, `f6` where it is.
fn types() -> Vec<BadVector> {
    let wrong: [(u64, &str); 27] = [
        (0, "f6"),
        (1, "6113"),
        (2, "00"),
        (3, "41 01"),
        (4, "61 31"),
        (5, "64 00000000"),
        (6, "63 434e59"),
        (7, "1a 6ab13780"),
        (8, "07"),
        (9, "61 31"),
        (10, "41 61"),
        (11, "f4"),
        (12, "70 39323030303030303030303132333439"),
        (13, "80"),
        (14, "68 6161616161616161"),
        (15, "00"),
        (20, "20"),
        (21, "00"),
        (22, "a0"),
        (40, "00"),
        (41, "80"),
        (42, "f5"),
        (43, "68 3230323631313231"),
        (44, "a0"),
        (45, "6161"),
        (46, "41 61"),
        (47, "80"),
    ];
    let vector = |(key, item)| {
        let name = format!("wrong type of key {key}");
        Payload::of(PURCHASE).with(key, item).bad(&name, "another CBOR type than the key's")
    };
    let mut vectors: Vec<BadVector> = wrong.into_iter().map(vector).collect();
    for (kind, key, item) in [
        (MessageType::ECHO, 16, "70 61616161616161616161616161616161"),
        (MessageType::REVERSAL, 23, "a0"),
        (MessageType::REVERSAL, 25, "f6"),
        (MessageType::RECONCILIATION, 24, "a0"),
        (REFUND, 20, "f6"),
        (REFUND, 23, "f6"),
        (REFUND, 25, "61 34"),
        (VOID, 23, "a0"),
        (VOID, 25, "f6"),
        (AUTHORIZE, 20, "41 01"),
        (AUTHORIZE, 23, "f6"),
        (CAPTURE, 20, "f6"),
        (CAPTURE, 23, "00"),
        (PURCHASE_QUOTE, 12, "f6"),
        (PURCHASE_QUOTE, 20, "f6"),
        (TRANSFER, 15, "68 71756f74652d6964"),
        (TRANSFER, 20, "61 31"),
        (TRANSFER, 33, "70 39323030303030303030303132333439"),
        (SHIFT_REPORT, 9, "f6"),
        (SHIFT_REPORT, 34, "f6"),
        (PURCHASE, 35, "f6"),
        (PURCHASE_QUOTE, 35, "61 31"),
        (REFUND, 37, "00"),
        (VOID, 37, "43 533031"),
        (UNLOAD, 20, "f6"),
        (UNLOAD, 37, "f6"),
        (CHANGE_PIN, 12, "f6"),
        (CASH_TAKEN, 12, "f6"),
        (CASH_TAKEN, 21, "f6"),
        (CASH_TAKEN, 23, "f6"),
        (ADVICE, 36, "63 616263"),
        (CASHIER_SIGN_ON, 8, "07"),
        (MessageType::SIGN_ON, 26, "00"),
        (MessageType::SIGN_ON, 27, "20"),
        (MessageType::SIGN_ON, 28, "40"),
        (MessageType::SIGN_ON, 32, "61 31"),
        (MessageType::ENROLL, 29, "00"),
        (MessageType::ENROLL, 30, "80"),
        (MessageType::ENROLL, 31, "00"),
    ] {
        let name = format!("wrong type of key {key} in {kind}");
        vectors.push(Payload::of(kind).with(key, item).bad(&name, "another CBOR type than the key's"));
    }
    vectors
}

pub(super) fn text(length: usize, character: &str) -> String {
    let head = if length < 24 { format!("{:02x}", 0x60 + length) } else { format!("78{length:02x}") };
    head + &character.repeat(length)
}

fn bytes(length: usize) -> String {
    let head = if length < 24 { format!("{:02x}", 0x40 + length) } else { format!("58{length:02x}") };
    head + &"00".repeat(length)
}

pub(super) fn number(value: u64) -> String {
    format!("1b{value:016x}")
}

/// A card reference with another check digit.
fn wrong_card() -> u64 {
    let right = crate::samples::card(20_000_000_001_234).number();
    right / 10 * 10 + (right + 1) % 10
}

fn ranges() -> Vec<BadVector> {
    let cases: Vec<(&str, MessageType, u64, String, &str)> = vec![
        ("schema version 2", PURCHASE, 0, "02".into(), "1 is the only version"),
        ("schema version 0", PURCHASE, 0, "00".into(), "1 is the only version"),
        ("empty TID", PURCHASE, 2, "60".into(), "1 character at least"),
        ("TID in lower case", PURCHASE, 2, "65 7630303031".into(), "A to Z and 0 to 9"),
        ("TID of 17 characters", PURCHASE, 2, text(17, "56"), "16 characters at most"),
        ("generation 0", PURCHASE, 3, "00".into(), "1 at least"),
        ("generation of 33 bits", PURCHASE, 3, "1b0000000100000000".into(), "2^32 - 1 at most"),
        ("STAN 0", PURCHASE, 4, "00".into(), "1 at least"),
        ("STAN of 33 bits", PURCHASE, 4, "1b0000000100000000".into(), "2^32 - 1 at most"),
        ("key id of 3 bytes", PURCHASE, 5, bytes(3), "4 bytes"),
        ("key id of 5 bytes", PURCHASE, 5, bytes(5), "4 bytes"),
        ("currency 0", PURCHASE, 6, "00".into(), "1 at least"),
        ("currency 1000", PURCHASE, 6, "1903e8".into(), "999 at most"),
        ("time of 41 bits", PURCHASE, 7, "82 1b0000010000000000 00".into(), "2^40 - 1 at most"),
        ("offset over a day", PURCHASE, 7, "82 1a6ab13780 1905a1".into(), "1440 minutes at most"),
        ("offset below a day", PURCHASE, 7, "82 1a6ab13780 3905a0".into(), "-1440 minutes at least"),
        ("time without offset", PURCHASE, 7, "81 1a6ab13780".into(), "two items"),
        ("time with three items", PURCHASE, 7, "83 1a6ab13780 00 00".into(), "two items"),
        ("empty cashier", PURCHASE, 8, "60".into(), "1 character at least"),
        ("cashier of 17 characters", PURCHASE, 8, text(17, "4b"), "16 bytes at most"),
        ("cashier with a space", PURCHASE, 8, "63 4b2037".into(), "not in the set of a code"),
        ("cashier with an umlaut", PURCHASE, 8, "62 c3a4".into(), "not in the set of a code"),
        ("shift 0", PURCHASE, 9, "00".into(), "1 at least"),
        ("empty order reference", PURCHASE, 10, "60".into(), "1 byte at least"),
        ("order reference of 33 bytes", PURCHASE, 10, text(33, "41"), "32 bytes at most"),
        ("order reference with a line feed", PURCHASE, 10, "62 410a".into(), "control character"),
        ("order reference with a zero", PURCHASE, 10, "62 4100".into(), "control character"),
        ("order reference with a delete", PURCHASE, 10, "62 417f".into(), "control character"),
        ("entry mode 256", PURCHASE, 11, "190100".into(), "255 at most"),
        ("card of 15 digits", PURCHASE, 12, number(900_000_000_000_000), "16 digits"),
        ("card of 17 digits", PURCHASE, 12, number(92_000_000_000_012_345), "16 digits"),
        ("bank card", PURCHASE, 12, number(4_111_111_111_111_111), "the first digit is 9"),
        ("card with a wrong check digit", PURCHASE, 12, number(wrong_card()), "Luhn"),
        ("flags of 33 bits", PURCHASE, 13, "1b0000000100000000".into(), "2^32 - 1 at most"),
        ("programme digest of 7 bytes", PURCHASE, 14, bytes(7), "8 bytes"),
        ("quote id of 9 bytes", PURCHASE, 15, bytes(9), "8 bytes"),
        ("nonce of 15 bytes", MessageType::ECHO, 16, bytes(15), "16 bytes"),
        ("amount 0", PURCHASE, 20, "00".into(), "1 at least"),
        ("amount over the maximum", PURCHASE, 20, "1b000000e8d4a51000".into(), "999,999,999,999 at most"),
        ("no points to use", PURCHASE, 35, "00".into(), "1 at least"),
        ("points below zero", PURCHASE, 35, "20".into(), "1 at least"),
        ("points over the maximum", PURCHASE, 35, "1b000000e8d4a51000".into(), "999,999,999,999 at most"),
        ("no points to use in a PurchaseQuote", PURCHASE_QUOTE, 35, "00".into(), "1 at least"),
        ("empty supervisor", REFUND, 37, "60".into(), "1 character at least"),
        ("supervisor of 17 characters", VOID, 37, text(17, "53"), "16 bytes at most"),
        ("supervisor with a space", UNLOAD, 37, "63 532031".into(), "not in the set of a code"),
        ("empty cashier who signs on", CASHIER_SIGN_ON, 8, "60".into(), "1 character at least"),
        (
            "offline grant of 257 bytes",
            ADVICE,
            36,
            "590101".to_owned() + &"00".repeat(257),
            "256 bytes at most",
        ),
        ("Unload of nothing", UNLOAD, 20, "00".into(), "1 at least"),
        ("Advice of nothing", ADVICE, 20, "00".into(), "1 at least"),
        ("CashTaken of nothing", CASH_TAKEN, 20, "00".into(), "1 at least"),
        ("CashTaken for a bank card", CASH_TAKEN, 12, number(4_111_111_111_111_111), "the first digit is 9"),
        ("CashTaken with reason 256", CASH_TAKEN, 25, "190100".into(), "255 at most"),
        ("Unload with reason 256", UNLOAD, 25, "190100".into(), "255 at most"),
        ("ChangePin of a card with a wrong check digit", CHANGE_PIN, 12, number(wrong_card()), "Luhn"),
        ("referral code of 33 bytes", PURCHASE, 40, text(33, "41"), "32 bytes at most"),
        ("channel code with a space", PURCHASE, 41, "61 20".into(), "not in the set of a code"),
        ("customer kind 256", PURCHASE, 42, "190100".into(), "255 at most"),
        ("receipt date in month 13", PURCHASE, 43, "1a01352915".into(), "month 1 to 12"),
        ("receipt date on day 0", PURCHASE, 43, "1a013525ec".into(), "day 1 to 31"),
        ("case reference of 33 bytes", PURCHASE, 46, text(33, "41"), "32 bytes at most"),
        ("commitment of 31 bytes", PURCHASE, 47, bytes(31), "32 bytes"),
    ];
    cases
        .into_iter()
        .map(|(name, kind, key, item, reason)| Payload::of(kind).with(key, &item).bad(name, reason))
        .collect()
}

/// Lines, and what they add up to. Load and CashTaken are of 10,000 minor units, Purchase, Capture and Advice of 3,750,
/// the Refund is of 1,250.
fn lists() -> Vec<BadVector> {
    let tender = |amount: &str| format!("82 01 {amount}");
    let line = |gross: &str| format!("86 6141 6142 f6 1903e8 {gross} 00");
    let (ten_thousand, all) = ("192710", "190ea6");
    let long_item = format!("81 86 {} 6142 f6 1903e8 {all} 00", text(25, "41"));
    let long_category = format!("81 86 6141 {} f6 1903e8 {all} 00", text(17, "42"));
    let long_reference = format!("81 83 01 {ten_thousand} {}", text(33, "52"));
    let cases: Vec<(&str, MessageType, u64, String, &str)> = vec![
        ("no tender line", LOAD, 21, "80".into(), "1 at least"),
        ("nine tender lines", LOAD, 21, "89".to_owned() + &tender("1904 57").repeat(9), "8 at most"),
        ("tender line with one item", LOAD, 21, "81 81 01".into(), "two items or three"),
        (
            "tender line with four items",
            LOAD,
            21,
            format!("81 84 01 {ten_thousand} 6131 6132"),
            "two items or three",
        ),
        ("tender kind 256", LOAD, 21, format!("81 82 190100 {ten_thousand}"), "255 at most"),
        (
            "tender of nothing",
            LOAD,
            21,
            "82".to_owned() + &tender(ten_thousand) + &tender("00"),
            "1 at least",
        ),
        ("tender reference of 33 bytes", LOAD, 21, long_reference, "32 bytes at most"),
        ("tender reference null", LOAD, 21, format!("81 83 01 {ten_thousand} f6"), "left out, not null"),
        ("tenders below the amount", LOAD, 21, "81".to_owned() + &tender("19270f"), "9,999 of 10,000"),
        (
            "tenders above the amount",
            LOAD,
            21,
            "82".to_owned() + &tender(ten_thousand) + &tender("01"),
            "10,001 of 10,000",
        ),
        ("no purchase line", PURCHASE, 22, "80".into(), "1 at least"),
        ("25 purchase lines", PURCHASE, 22, "9819".to_owned() + &line("1896").repeat(25), "24 at most"),
        (
            "purchase line with five items",
            PURCHASE,
            22,
            format!("81 85 6141 6142 f6 1903e8 {all}"),
            "six items",
        ),
        ("item of 25 bytes", PURCHASE, 22, long_item, "24 bytes at most"),
        ("category of 17 bytes", PURCHASE, 22, long_category, "16 bytes at most"),
        (
            "empty brand",
            PURCHASE,
            22,
            format!("81 86 6141 6142 60 1903e8 {all} 00"),
            "null or 1 byte at least",
        ),
        (
            "item with a space",
            PURCHASE,
            22,
            format!("81 86 6120 6142 f6 1903e8 {all} 00"),
            "not in the set of a code",
        ),
        (
            "quantity over the maximum",
            PURCHASE,
            22,
            format!("81 86 6141 6142 f6 1a3b9aca01 {all} 00"),
            "10^9 at most",
        ),
        (
            "line flags of 33 bits",
            PURCHASE,
            22,
            format!("81 86 6141 6142 f6 1903e8 {all} 1b0000000100000000"),
            "2^32 - 1 at most",
        ),
        (
            "negative line",
            PURCHASE,
            22,
            "82".to_owned() + &line("190ea7") + &line("20"),
            "a line is not below zero",
        ),
        ("lines below the amount", PURCHASE, 22, "81".to_owned() + &line("190ea5"), "3,749 of 3,750"),
        ("lines above the amount", PURCHASE, 22, "81".to_owned() + &line("190ea7"), "3,751 of 3,750"),
        ("no purchase line in a Refund", REFUND, 22, "80".into(), "1 at least"),
        (
            "lines below the amount of a Refund",
            REFUND,
            22,
            "81".to_owned() + &line("1904e1"),
            "1,249 of 1,250",
        ),
        (
            "lines above the amount of a Refund",
            REFUND,
            22,
            "81".to_owned() + &line("1904e3"),
            "1,251 of 1,250",
        ),
        ("no tender line in a Capture", CAPTURE, 21, "80".into(), "1 at least"),
        (
            "lines below the amount of a Capture",
            CAPTURE,
            22,
            "81".to_owned() + &line("190ea5"),
            "3,749 of 3,750",
        ),
        (
            "lines above the amount of a Capture",
            CAPTURE,
            22,
            "81".to_owned() + &line("190ea7"),
            "3,751 of 3,750",
        ),
        ("no tender line in a CashTaken", CASH_TAKEN, 21, "80".into(), "1 at least"),
        (
            "tenders below the amount of a CashTaken",
            CASH_TAKEN,
            21,
            "81".to_owned() + &tender("19270f"),
            "9,999 of 10,000",
        ),
        (
            "tenders above the amount of a CashTaken",
            CASH_TAKEN,
            21,
            "82".to_owned() + &tender(ten_thousand) + &tender("01"),
            "10,001 of 10,000",
        ),
        ("no tender line in an Advice", ADVICE, 21, "80".into(), "1 at least"),
        (
            "lines below the amount of an Advice",
            ADVICE,
            22,
            "81".to_owned() + &line("190ea5"),
            "3,749 of 3,750",
        ),
        (
            "lines above the amount of an Advice",
            ADVICE,
            22,
            "81".to_owned() + &line("190ea7"),
            "3,751 of 3,750",
        ),
        ("no survey answer", PURCHASE, 44, "80".into(), "1 at least"),
        ("seven survey answers", PURCHASE, 44, "87".to_owned() + &"82 6171 01".repeat(7), "6 at most"),
        ("survey answer with three items", PURCHASE, 44, "81 83 6171 01 02".into(), "two items"),
        ("activity answer as bytes", PURCHASE, 45, "81 82 6171 4101".into(), "int or text"),
    ];
    cases
        .into_iter()
        .map(|(name, kind, key, item, reason)| Payload::of(kind).with(key, &item).bad(name, reason))
        .collect()
}

/// The keys of Reversal, Reconciliation, SignOn, Enroll, Refund, Void, Authorize, Capture, PurchaseQuote, Transfer and
/// ShiftReport.
fn others() -> Vec<BadVector> {
    let hash = bytes(32);
    let receipt = |length: usize| format!("84 {hash} {hash} {hash} 59{length:04x}") + &"00".repeat(length);
    let total = |kind: &str| format!("83 {kind} 01 00");
    let totals = |kinds: &[&str]| {
        format!("{:02x}", 0x80 + kinds.len()) + &kinds.iter().map(|kind| total(kind)).collect::<String>()
    };
    let seventeen: String = (0..17).map(|kind| total(&format!("{kind:02x}"))).collect();
    let (reversal, reconciliation) = (MessageType::REVERSAL, MessageType::RECONCILIATION);
    let (sign_on, enroll) = (MessageType::SIGN_ON, MessageType::ENROLL);
    let too_much = number(1_000_000_000_000);
    let cases: Vec<(&str, MessageType, u64, String, &str)> = vec![
        ("original with three items", reversal, 23, "83 655630303031 01 1903e9".into(), "four items"),
        (
            "original with a short request id",
            reversal,
            23,
            format!("84 655630303031 01 1903e9 {}", bytes(31)),
            "32 bytes",
        ),
        ("original with STAN 0", reversal, 23, format!("84 655630303031 01 00 {hash}"), "1 at least"),
        ("original with generation 0", reversal, 23, format!("84 655630303031 00 01 {hash}"), "1 at least"),
        ("reversal reason 256", reversal, 25, "190100".into(), "255 at most"),
        ("refund reason 256", REFUND, 25, "190100".into(), "255 at most"),
        ("void reason 256", VOID, 25, "190100".into(), "255 at most"),
        ("Refund of nothing", REFUND, 20, "00".into(), "1 at least"),
        ("Authorize of nothing", AUTHORIZE, 20, "00".into(), "1 at least"),
        ("Capture of nothing", CAPTURE, 20, "00".into(), "1 at least"),
        ("raised original with three items", AUTHORIZE, 23, "83 655630303031 01 1903e9".into(), "four items"),
        ("captured original with STAN 0", CAPTURE, 23, format!("84 655630303031 01 00 {hash}"), "1 at least"),
        ("hold in an Authorize", AUTHORIZE, 18, "83 01 191388 1a6ab13780".into(), "key 18 is an answer's"),
        ("hold in a Capture", CAPTURE, 18, "83 01 191388 1a6ab13780".into(), "key 18 is an answer's"),
        ("PurchaseQuote of nothing", PURCHASE_QUOTE, 20, "00".into(), "1 at least"),
        ("PurchaseQuote over the maximum", PURCHASE_QUOTE, 20, too_much, "999,999,999,999 at most"),
        ("Transfer of nothing", TRANSFER, 20, "00".into(), "1 at least"),
        ("Transfer to a card of 15 digits", TRANSFER, 33, number(900_000_000_000_000), "16 digits"),
        ("Transfer to a bank card", TRANSFER, 33, number(4_111_111_111_111_111), "the first digit is 9"),
        ("Transfer to a card with a wrong check digit", TRANSFER, 33, number(wrong_card()), "Luhn"),
        ("ShiftReport of shift 0", SHIFT_REPORT, 9, "00".into(), "1 at least"),
        ("ShiftReport after STAN -1", SHIFT_REPORT, 34, "20".into(), "0 at least"),
        ("ShiftReport after a STAN of 33 bits", SHIFT_REPORT, 34, number(1 << 32), "2^32 - 1 at most"),
        ("17 totals", reconciliation, 24, "91".to_owned() + &seventeen, "16 at most"),
        ("totals out of order", reconciliation, 24, totals(&["13", "12"]), "rising by kind"),
        ("totals twice for a kind", reconciliation, 24, totals(&["12", "12"]), "none twice"),
        ("total with two items", reconciliation, 24, "81 82 12 01".into(), "three items"),
        ("total with a negative amount", reconciliation, 24, "81 83 12 01 20".into(), "0 at least"),
        ("empty software", sign_on, 26, "60".into(), "1 byte at least"),
        ("software of 33 bytes", sign_on, 26, text(33, "41"), "32 bytes at most"),
        ("last STAN of 33 bits", sign_on, 27, "1b0000000100000000".into(), "2^32 - 1 at most"),
        ("last receipt over 1024 bytes", sign_on, 28, receipt(1025), "1024 at most"),
        ("last receipt with three items", sign_on, 28, format!("83 {hash} {hash} {hash}"), "four items"),
        ("protocol version 0", sign_on, 32, "00".into(), "1 at least"),
        ("protocol version 16", sign_on, 32, "10".into(), "15 at most"),
        ("enrolment code of 19 characters", enroll, 29, text(19, "37"), "20 characters"),
        ("enrolment code with a U", enroll, 29, text(20, "55"), "not in the alphabet"),
        ("enrolment code in lower case", enroll, 29, text(20, "61"), "not in the alphabet"),
        ("public key of 129 bytes", enroll, 30, bytes(129), "128 at most"),
        ("gateway fingerprint of 31 bytes", enroll, 31, bytes(31), "32 bytes"),
    ];
    let mut vectors: Vec<BadVector> = cases
        .into_iter()
        .map(|(name, kind, key, item, reason)| Payload::of(kind).with(key, &item).bad(name, reason))
        .collect();
    let activate = Payload::of(ACTIVATE).with(20, "190ea6");
    vectors.push(activate.bad("amount in an Activate", "a blank in the table of section 5.1"));
    vectors
}
