//! Libraries of other people as judges: coset on COSE, cddl-cat on the schema, ciborium on determinism.

use coset::{
    CborSerializable, CoseSign1, CoseSign1Builder, HeaderBuilder, ProtectedHeader, SignatureContext, iana,
};
use proptest::prelude::*;
use protocol::answer::Answer;
use protocol::cbor::Writer;
use protocol::cose::{self, Algorithm, Context, Sign1, open_request, sig_structure};
use protocol::field::Installation;
use protocol::field::{BalanceKind, Stan};
use protocol::frame::MessageType;
use protocol::request::{Request, RequestSidecar};

use super::keys::{INSTALLATION, gateway, hex, terminal_ed25519, terminal_p256};
use super::samples::{self, Signer};
use super::strategies;

fn aad(context: &str, installation: &Installation, direction: u8, kind: u8) -> Vec<u8> {
    let value = ciborium_value(context, installation, direction, kind);
    let mut bytes = Vec::new();
    coset::cbor::ser::into_writer(&value, &mut bytes).unwrap();
    bytes
}

fn ciborium_value(context: &str, installation: &Installation, direction: u8, kind: u8) -> coset::cbor::Value {
    use coset::cbor::Value;
    Value::Array(vec![
        Value::Text(context.into()),
        Value::Bytes(installation.0.to_vec()),
        Value::Integer(direction.into()),
        Value::Integer(kind.into()),
    ])
}

fn header(algorithm: Algorithm) -> coset::Header {
    HeaderBuilder::new()
        .algorithm(match algorithm {
            Algorithm::Es256 => iana::Algorithm::ES256,
            Algorithm::EdDsa => iana::Algorithm::EdDSA,
        })
        .build()
}

proptest! {
    #[test]
    fn the_bytes_to_sign_are_those_of_coset(
        payload in prop::collection::vec(any::<u8>(), 0..400), installation in any::<[u8; 16]>(), kind in any::<u8>(),
        ed25519 in any::<bool>(),
    ) {
        let installation = Installation(installation);
        let algorithm = if ed25519 { Algorithm::EdDsa } else { Algorithm::Es256 };
        for (context, text, direction, kind) in [
            (Context::Request(MessageType(kind)), "svgp.request", 0, kind),
            (Context::Seal, "svgp.seal", 1, 0),
            (Context::Status, "svgp.status", 1, 0),
            (Context::Act, "svgp.act", 2, 0),
            (Context::Grant, "svgp.grant", 1, 0),
        ] {
            let ours = sig_structure(context, &installation, &algorithm.protected_header(), &payload);
            let protected = ProtectedHeader { original_data: None, header: header(algorithm) };
            let aad = aad(text, &installation, direction, kind);
            let theirs =
                coset::sig_structure_data(SignatureContext::CoseSign1, protected, None, &aad, &payload);
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn a_signed_request_is_the_sign1_of_coset(request in strategies::request(), ed25519 in any::<bool>()) {
        let key = if ed25519 { terminal_ed25519() } else { terminal_p256() };
        let (kind, payload) = (request.kind(), request.encode_payload());
        let sign = |message: &[u8]| Ok::<_, ()>(key.sign(message));
        let ours = cose::sign(Context::Request(kind), key.algorithm, &INSTALLATION, &payload, sign).unwrap();
        let signature = Sign1::parse(&ours.body).unwrap().signature.to_vec();
        let built = CoseSign1Builder::new()
            .protected(header(key.algorithm))
            .payload(payload.clone())
            .signature(signature)
            .build();
        prop_assert_eq!(&built.to_vec().unwrap(), &ours.body);

        let theirs = CoseSign1::from_slice(&ours.body).unwrap();
        let aad = aad("svgp.request", &INSTALLATION, 0, kind.0);
        let verified = theirs.verify_signature(&aad, |signature, message| {
            if key.verify(message, signature) { Ok(()) } else { Err(()) }
        });
        prop_assert_eq!(verified, Ok(()));
        let opened = open_request(&ours.body, &INSTALLATION, kind).unwrap();
        prop_assert_eq!((opened.payload, opened.to_be_signed), (&*payload, ours.to_be_signed));
    }

    /// ciborium writes lengths and integers in their shortest form too: reading and writing must change nothing.
    #[test]
    fn what_we_write_another_library_writes_alike(request in strategies::request(), answer in strategies::answer()) {
        for bytes in [request.encode_payload(), answer.encode()] {
            let value: coset::cbor::Value = coset::cbor::de::from_reader(bytes.as_slice()).unwrap();
            let mut theirs = Vec::new();
            coset::cbor::ser::into_writer(&value, &mut theirs).unwrap();
            prop_assert_eq!(theirs, bytes);
        }
    }
}

// ---- the schema ----

struct Schema(cddl_cat::context::BasicContext);

thread_local! {
    static SCHEMA: Schema = Schema::read();
}

impl Schema {
    fn read() -> Self {
        let rules = cddl_cat::flatten::flatten_from_str(include_str!("../../messages.cddl")).unwrap();
        Schema(cddl_cat::context::BasicContext::new(rules))
    }

    fn check(&self, rule: &str, bytes: &[u8]) -> Result<(), String> {
        let definition = self.0.rules.get(rule).ok_or_else(|| format!("no rule {rule}"))?;
        let value: coset::cbor::Value =
            coset::cbor::de::from_reader(bytes).map_err(|error| error.to_string())?;
        cddl_cat::cbor::validate_cbor(definition, &value, &self.0).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn accepts(&self, rule: &str, bytes: &[u8]) {
        if let Err(error) = self.check(rule, bytes) {
            panic!("{rule}: {error}\n{}", protocol::field::Hex(bytes));
        }
    }
}

/// The rule of a request's payload: `purchase` for Purchase, `sign-on` for SignOn.
fn rule(kind: MessageType) -> String {
    let mut name = String::new();
    for letter in kind.name().chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[test]
fn every_sample_is_valid_under_the_schema() {
    let schema = Schema::read();
    let signer = Signer { terminal: "T0001".parse().unwrap(), key: gateway().fingerprint() };
    for kind in MessageType::requests() {
        schema.accepts(&rule(kind), &samples::typical_request(kind, &signer, 7).encode_payload());
        schema.accepts(&rule(kind), &samples::largest_request(kind).encode_payload());
        schema.accepts("answer", &samples::typical_answer(kind).encode());
        schema.accepts("answer", &samples::largest_answer(kind).encode());
        for sidecar in [samples::typical_request_sidecar(kind), samples::largest_request_sidecar(kind)] {
            let bytes = sidecar.encode();
            if !bytes.is_empty() {
                schema.accepts("request-sidecar", &bytes);
                schema.accepts(sidecar_rule(kind), &bytes);
            }
        }
        for sidecar in [samples::typical_answer_sidecar(kind), samples::largest_answer_sidecar(kind)] {
            let bytes = sidecar.encode();
            if !bytes.is_empty() {
                schema.accepts("answer-sidecar", &bytes);
            }
        }
    }
    schema.accepts("hello", &samples::hello().encode());
    schema.accepts("receipt", &samples::typical_receipt(5).encode());
    schema.accepts("receipt", &samples::largest_receipt().encode());
    for grant in [samples::typical_grant("T0001".parse().unwrap()), samples::largest_grant()] {
        schema.accepts("grant", &grant.encode_payload());
        schema.accepts("grant-body", samples::signed_grant(&grant).as_bytes());
    }
}

/// The rule of a request's own sidecar.
fn sidecar_rule(kind: MessageType) -> &'static str {
    match kind.name() {
        "Purchase" | "Authorize" | "Transfer" | "Redeem" => "pin-sidecar",
        "Unload" => "unload-sidecar",
        "ChangePin" => "change-pin-sidecar",
        "Refund" | "Void" => "supervisor-sidecar",
        "CashierSignOn" => "cashier-sidecar",
        "CardLookup" => "lookup-sidecar",
        _ => "secret-sidecar",
    }
}

#[test]
fn a_sidecar_that_the_message_may_not_have_is_none_under_the_schema() {
    let schema = Schema::read();
    let kinds = || {
        MessageType::requests().filter(|kind| !samples::largest_request_sidecar(*kind).encode().is_empty())
    };
    for kind in kinds() {
        let own = samples::largest_request_sidecar(kind).encode();
        for other in kinds() {
            let accepted = schema.check(sidecar_rule(other), &own).is_ok();
            assert_eq!(
                accepted,
                RequestSidecar::decode(other, &own).is_ok(),
                "{kind}'s sidecar with {other}"
            );
        }
    }
    for (sidecar, accepted) in
        [("a10564 30333531", true), ("a10563 303335", false), ("a10564 3033356c", false)]
    {
        let bytes = hex(&sidecar.replace(' ', ""));
        assert_eq!(schema.check("cashier-sidecar", &bytes).is_ok(), accepted);
        assert_eq!(RequestSidecar::decode(MessageType::CASHIER_SIGN_ON, &bytes).is_ok(), accepted);
    }
}

#[test]
fn the_schema_and_the_decoder_agree_on_personal_fields() {
    let schema = Schema::read();
    // cddl-cat looks for a pattern anywhere in a text: what is merely too long passes there.
    for (fields, accepted, by_schema) in [
        ("a1 00 7820 6639383765353432313061626364656630313233343536373839616263646566", true, true),
        ("a1 00 7820 4639383765353432313061626364656630313233343536373839616263646566", false, false),
        ("a1 00 781f 39383765353432313061626364656630313233343536373839616263646566", false, false),
        ("a1 01 65 3132333435", true, true),
        ("a1 01 64 31323334", false, false),
        ("a1 01 6f 313233343536373839303132333435", true, true),
        ("a1 01 70 31323334353637383930313233343536", false, true),
        ("a1 01 66 2b3132333435", false, true),
        ("a1 02 60", false, false),
        ("a1 02 61 41", true, true),
        ("a1 03 6a 313939302d30322d3239", true, true),
        ("a1 03 6a 313939302d31332d3031", false, false),
        ("a1 03 6a 313939302d31322d3332", false, false),
        ("a1 03 6a 303030302d30312d3031", false, false),
        ("a1 03 68 3139393030323239", false, false),
        ("a1 18ff 61 41", true, true),
        ("a1 190100 61 41", false, false),
        ("a0", false, false),
        ("a9 02 6141 04 6141 05 6141 06 6141 07 6141 08 6141 09 6141 0a 6141 0b 6141", false, false),
    ] {
        let sidecar = hex(&format!("a10a{}", fields.replace(' ', "")));
        assert_eq!(schema.check("request-sidecar", &sidecar).is_ok(), by_schema, "{fields}");
        assert_eq!(RequestSidecar::decode(MessageType::LOAD, &sidecar).is_ok(), accepted, "{fields}");
        let phone = fields.starts_with("a1 01");
        assert_eq!(schema.check("lookup-sidecar", &sidecar).is_ok(), phone && by_schema, "{fields}");
        let lookup = RequestSidecar::decode(MessageType::CARD_LOOKUP, &sidecar);
        assert_eq!(lookup.is_ok(), phone && accepted, "{fields}");
    }
    let two = hex("a10aa2 01 65 3132333435 02 61 41".replace(' ', "").as_str());
    for (sidecar, rule) in [(&two[..], "a phone and a name"), (&[][..], "nothing"), (&[0xa0][..], "no key")] {
        assert!(RequestSidecar::decode(MessageType::CARD_LOOKUP, sidecar).is_err(), "{rule}");
        assert!(schema.check("lookup-sidecar", sidecar).is_err(), "{rule}");
    }
}

#[test]
fn the_schema_refuses_what_section_5_refuses() {
    let schema = Schema::read();
    let signer = Signer { terminal: "T0001".parse().unwrap(), key: gateway().fingerprint() };
    let sample = |kind| samples::typical_request(kind, &signer, 7);
    for kind in MessageType::requests() {
        for other in MessageType::requests().filter(|other| *other != kind) {
            assert!(
                schema.check(&rule(other), &sample(kind).encode_payload()).is_err(),
                "{kind} is no {other}"
            );
        }
        let mut incomplete = sample(kind);
        (incomplete.header.stan, incomplete.header.nonce) = (None, None);
        assert!(schema.check(&rule(kind), &incomplete.encode_payload()).is_err(), "{kind} without identity");
        let mut confused = sample(kind);
        confused.header.nonce = Some(protocol::field::Nonce([0; 16]));
        confused.header.stan = Some(Stan::FIRST);
        assert!(schema.check(&rule(kind), &confused.encode_payload()).is_err(), "{kind} with two identities");
    }
    for (key, accepted) in [(99, false), (100, true)] {
        let mut payload = sample(MessageType::ECHO).encode_payload();
        payload[0] += 1;
        payload.extend([0x18, key, 0x00]);
        assert_eq!(schema.check("echo", &payload).is_ok(), accepted, "key {key}");
        assert_eq!(Request::decode_payload(MessageType::ECHO, &payload).is_ok(), accepted, "key {key}");
    }
    let authorize = samples::typical_answer(MessageType::AUTHORIZE).encode();
    let hold = authorize.windows(2).position(|pair| pair == [18, 0x83]).unwrap();
    let two_items = [&authorize[..=hold], &[0x82], &authorize[hold + 2..authorize.len() - 5]].concat();
    assert!(schema.check("answer", &authorize).is_ok() && schema.check("answer", &two_items).is_err());
    assert!(Answer::decode(&authorize).is_ok() && Answer::decode(&two_items).is_err());
    let report = samples::largest_answer(MessageType::SHIFT_REPORT);
    let encoded = report.encode();
    let list = encoded.windows(2).position(|pair| pair == [33, 0x98]).unwrap();
    let transaction = &encoded[list + 3..list + 3 + 21];
    let mut forty_nine = encoded[..list + 3].to_vec();
    forty_nine[list + 2] += 1;
    forty_nine.extend([transaction, &encoded[list + 3..]].concat());
    assert!(schema.check("answer", &encoded).is_ok() && Answer::decode(&encoded).is_ok());
    assert!(schema.check("answer", &forty_nine).is_err() && Answer::decode(&forty_nine).is_err());
    let found = samples::largest_answer(MessageType::CARD_LOOKUP).encode();
    let list = found.windows(3).position(|three| three == [0x18, 38, 0x88]).unwrap() + 2;
    let mut nine = [&found[..list], &[0x89], &found[list + 1..], &found[list + 1..list + 10]].concat();
    assert!(schema.check("answer", &found).is_ok() && Answer::decode(&found).is_ok());
    assert!(schema.check("answer", &nine).is_err() && Answer::decode(&nine).is_err());
    nine.truncate(list + 1);
    nine[list] = 0x80;
    assert!(schema.check("answer", &nine).is_err() && Answer::decode(&nine).is_err(), "no card");
    let answer = samples::typical_answer(MessageType::LOAD);
    let too_many = (0..17).map(|kind| (BalanceKind(kind), 0)).collect();
    let bloated = Answer { balances: Some(too_many), ..answer.clone() };
    assert!(schema.check("answer", &bloated.encode()).is_err());
    for (change, accepted) in [(i64::MIN, true), (-1, true), (0, false), (1, true), (i64::MAX, true)] {
        let changes = Some([(BalanceKind::POINTS, change)].into());
        let answer = Answer { changes, ..answer.clone() };
        assert_eq!(schema.check("answer", &answer.encode()).is_ok(), accepted, "a change of {change}");
    }
}

/// What a state hash is taken over, written by hand from section 12.
#[test]
fn hashed_states_are_valid_under_the_schema() {
    let schema = Schema::read();
    let card = |successor: bool, period: bool| {
        let mut w = Writer::new();
        w.array(16).uint(samples::card(1).number()).uint(3).uint(2).text("gift").bytes(&[7; 32]);
        _ = if period {
            w.uint(1_890_000_000).bytes(&[8; 32]).uint(samples::card(9).number())
        } else {
            w.null().null().null()
        };
        w.array(2).null().uint(500_00);
        _ = if period {
            w.array(3).bytes(&[9; 16]).bytes(&[7; 32]).uint(2)
        } else {
            w.array(3).null().null().uint(0)
        };
        w.uint(4).array(1).array(2).uint(16).uint(3);
        w.array(2).array(5).uint(1).uint(1).uint(50).uint(1_790_086_400).uint(9);
        w.array(5).uint(3).uint(16).uint(85).null().uint(12);
        w.array(1).array(4).uint(12).uint(1_790_086_400).uint(0).array(1).array(2).uint(1).uint(700);
        _ = if successor { w.array(2).uint(samples::card(2).number()).uint(3) } else { w.null() };
        w.array(usize::from(period));
        if period {
            w.array(8).uint(1).uint(20_261_121).uint(1).uint(100_00).uint(2).uint(75_00).uint(0).uint(0);
        }
        w.finish()
    };
    for (successor, period) in [(false, false), (true, false), (false, true), (true, true)] {
        schema.accepts("hashed-card", &card(successor, period));
    }
    let without_periods = [&[0x8f], &card(true, false)[1..card(true, false).len() - 1]].concat();
    assert!(
        schema.check("hashed-card", &without_periods).is_err(),
        "no period is an empty list, not left out"
    );
    let mut account = Writer::new();
    account.array(3).text("redemption:S01").uint(3).array(1).array(2).uint(0).int(-50);
    schema.accepts("hashed-account", &account.finish());
}

type Write<'a> = &'a dyn Fn(&mut Writer);

/// Records are the gateway's to write; these are written by hand from section 12.
#[test]
fn journal_records_and_acts_are_valid_under_the_schema() {
    let schema = Schema::read();
    let hash = [7; 32];
    let card = samples::card(1).number();
    let mut effects: Vec<Writer> = Vec::new();
    let mut effect = |write: &dyn Fn(&mut Writer)| {
        let mut writer = Writer::new();
        write(&mut writer);
        effects.push(writer);
    };
    effect(&|w| _ = w.array(7).uint(1).uint(card).uint(1).int(-50).uint(2).null().uint(9));
    effect(&|w| _ = w.array(4).uint(1).text("redemption:S01").uint(0).int(50));
    effect(&|w| _ = w.array(4).uint(2).uint(card).uint(16).int(-3));
    effect(&|w| {
        w.array(10).uint(3).uint(card).uint(2).text("gift").bytes(&hash).null().null().null().null();
        w.array(2).null().null();
    });
    effect(&|w| _ = w.array(6).uint(4).uint(12).uint(2).uint(0).uint(0).array(0));
    effect(&|w| {
        w.array(6).uint(4).uint(12).uint(7).uint(500).uint(31).array(2);
        w.array(3).text("A").uint(1000).uint(300).array(3).text("B").uint(500).uint(200);
    });
    effect(&|w| _ = w.array(5).uint(5).text("T0001").uint(1).uint(7).bytes(&hash));
    effect(&|w| _ = w.array(7).uint(6).text("T0001").uint(1).uint(1).uint(0x13).int(1).int(50));
    effect(&|w| _ = w.array(4).uint(7).text("T0001").uint(1).uint(1));
    effect(&|w| {
        w.array(12).uint(8).text("T0001").uint(1).uint(2).uint(1).int(-7).bytes(&hash).text("M1").text("S01");
        w.uint(1).uint(1).uint(1);
    });
    effect(&|w| _ = w.array(5).uint(9).text("T0001").null().uint(0).uint(0));
    effect(&|w| _ = w.array(5).uint(10).text("alice").uint(1).bytes(&hash).uint(1_790_000_000));
    effect(&|w| _ = w.array(4).uint(11).uint(1).uint(0).text("..."));
    effect(&|w| _ = w.array(2).uint(12).bytes(&hash));
    effect(&|w| _ = w.array(4).uint(13).text("T0001").uint(1).uint(7));
    effect(&|w| _ = w.array(4).uint(14).uint(card).uint(3).bytes(&hash[..16]));
    effect(&|w| {
        w.array(6).uint(16).uint(card).uint(12).uint(1_790_086_400).uint(50).array(2);
        w.array(2).uint(1).uint(700).array(2).uint(2).uint(300);
    });
    effect(&|w| _ = w.array(6).uint(16).uint(card).uint(12).uint(1_790_086_400).uint(1050).array(0));
    effect(&|w| {
        w.array(10).uint(3).uint(card).uint(4).text("gift").bytes(&hash).text("lost").uint(1_890_000_000);
        w.bytes(&hash).uint(samples::card(9).number()).array(2).uint(50_00).null();
    });
    effect(&|w| _ = w.array(4).uint(17).uint(card).uint(samples::card(2).number()).uint(3));
    effect(&|w| _ = w.array(3).uint(18).uint(card).uint(9));
    effect(&|w| {
        w.array(10).uint(19).uint(card).uint(2).uint(20_261_101);
        w.uint(1).uint(100_00).uint(2).uint(75_00).uint(1).uint(12_50);
    });
    effect(&|w| _ = w.array(5).uint(20).uint(card).bytes(&hash[..16]).bytes(&hash).uint(1));
    effect(&|w| _ = w.array(5).uint(20).uint(card).null().null().uint(0));
    effect(&|w| {
        w.array(9).uint(21).text("cashier:K07").uint(20_261_121);
        w.uint(0).uint(0).uint(2).uint(75_00).uint(0).uint(0);
    });
    effect(&|w| {
        w.array(9)
            .uint(22)
            .text("K07")
            .uint(1)
            .text("M1")
            .null()
            .bool(true)
            .bytes(&hash[..16])
            .bytes(&hash)
            .uint(0);
    });
    effect(&|w| _ = w.array(6).uint(23).uint(12).uint(4).uint(1).uint(7_50).uint(1));
    effect(&|w| _ = w.array(6).uint(23).uint(12).uint(9).uint(1).uint(7_50).uint(0));
    effect(&|w| {
        w.array(9)
            .uint(24)
            .uint(card)
            .uint(20_261_121)
            .text("leaflet")
            .uint(samples::card(9).number())
            .uint(1);
        w.text("silver").uint(20_261_121).uint(1_890_000_000);
    });
    effect(&|w| {
        w.array(9).uint(24).uint(card).null().null().null().uint(0).null().null().null();
    });
    effect(&|w| _ = w.array(5).uint(25).uint(card).text("spent").uint(2026_00_00).int(37_50));
    effect(&|w| _ = w.array(5).uint(25).null().text("pieces:mug").uint(0).int(-1));

    let effects: Vec<Vec<u8>> = effects.into_iter().map(Writer::finish).collect();
    let details = |quoted: Option<u64>| {
        let mut details = Writer::new();
        details.array(10 + usize::from(quoted.is_some()));
        details.uint(1).uint(1).uint(12).uint(1_790_000_000_000).uint(20_261_121).text("M1").text("S01");
        details.array(2).uint(156).uint(2).uint(1).array(effects.len());
        for effect in &effects {
            details.raw(effect);
        }
        if let Some(at) = quoted {
            details.uint(at);
        }
        details.finish()
    };
    schema.accepts("details", &details(Some(1_789_999_999_000)));
    let details = details(None);
    schema.accepts("details", &details);

    let mut act = Writer::new();
    act.map(6).uint(0).uint(1).uint(1).text("card issue").uint(2).text("alice").uint(3).uint(1_790_000_000);
    act.uint(4).bytes(&hash[..16]).uint(5).map(1).uint(1).text("gift");
    let sign = |message: &[u8]| Ok::<_, ()>(gateway().sign(message));
    let act = cose::sign(Context::Act, Algorithm::Es256, &INSTALLATION, &act.finish(), sign).unwrap().body;
    let signer = Signer { terminal: "T0001".parse().unwrap(), key: gateway().fingerprint() };
    let payload = samples::typical_request(MessageType::PURCHASE, &signer, 7).encode_payload();
    let context = Context::Request(MessageType::PURCHASE);
    let request = cose::sign(context, Algorithm::Es256, &INSTALLATION, &payload, sign).unwrap().body;
    schema.accepts("request-body", &request);
    let request_origin = |w: &mut Writer| _ = w.array(3).uint(1).uint(0x13).bytes(&request);
    let act_origin = |w: &mut Writer| _ = w.array(2).uint(2).bytes(&act);
    let two_acts_origin = |w: &mut Writer| _ = w.array(3).uint(2).bytes(&act).bytes(&act);
    let system_origin = |w: &mut Writer| _ = w.array(3).uint(3).text("expiry").text("12");
    let request_as_act = |w: &mut Writer| _ = w.array(2).uint(2).bytes(&request);
    let no_key = |w: &mut Writer| _ = w.array(3).uint(3).text("expiry").null();
    let origins: [(Write<'_>, bool); 6] = [
        (&request_origin, true),
        (&act_origin, true),
        (&two_acts_origin, true),
        (&system_origin, true),
        (&request_as_act, false),
        (&no_key, false),
    ];
    for (write, valid) in origins {
        let mut record = Writer::new();
        write(record.array(4).uint(1));
        record.bytes(&samples::typical_answer(MessageType::PURCHASE).encode()).bytes(&details);
        assert_eq!(schema.check("record", &record.finish()).is_ok(), valid);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_message_is_valid_under_the_schema(
        request in strategies::request(), sidecar in strategies::request_sidecar(), answer in strategies::answer(),
        receipt in strategies::receipt(),
    ) {
        SCHEMA.with(|schema| {
            schema.accepts(&rule(request.kind()), &request.encode_payload());
            schema.accepts("answer", &answer.encode());
            schema.accepts("receipt", &receipt.encode());
            if sidecar != Default::default() {
                schema.accepts("request-sidecar", &sidecar.encode());
            }
        });
    }

    /// A payload with one byte changed: what the schema refuses, the decoder refuses.
    #[test]
    fn the_decoder_is_never_laxer_than_the_schema(
        request in strategies::request(), place in any::<prop::sample::Index>(), value in any::<u8>(),
    ) {
        let mut bytes = request.encode_payload();
        let place = place.index(bytes.len());
        bytes[place] = value;
        if Request::decode_payload(request.kind(), &bytes).is_ok() {
            SCHEMA.with(|schema| schema.accepts(&rule(request.kind()), &bytes));
        }
    }
}
