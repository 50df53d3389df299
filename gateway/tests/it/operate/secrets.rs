//! Card secrets and enrolment codes: told once, kept nowhere.

use std::path::Path;

use protocol::code::ResponseCode;
use protocol::field::{Flags, Hash, Pin, Text};
use protocol::request::{Body, Header, RequestSidecar, Reserved};
use terminal_sim::keys::TerminalKey;
use terminal_sim::sha256;

use crate::counter::{Clerk, activate, amount, cards, get, load, number, purchase};
use crate::harness::Site;
use crate::till::{APPROVED, Till, put_in_force};

/// Every file under a directory.
fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let entry = entry.expect("an entry");
        let kind = entry.file_type().expect("a type");
        if kind.is_dir() {
            found.extend(files(&entry.path()));
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    found
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test]
async fn no_secret_is_found_in_any_file_log_page_or_export() {
    let site = Site::new();
    // As talkative as it can be.
    let talkative = [("RUST_LOG".to_owned(), "trace".to_owned())];
    let mut gateway = site.start_with(&[], &talkative).expect("the gateway starts");
    let both = cards(&site, 2);
    let strings = [site.enrolment("T0001", "register"), site.enrolment("T0002", "kiosk")];
    let mut secrets: Vec<String> = both.iter().map(|card| card.secret.expose().to_owned()).collect();
    secrets.extend(strings.iter().map(|string| string.split(':').nth(2).expect("a code").to_owned()));

    let used = secrets[2].clone();
    let mut clerk = Clerk::enrol_with(&gateway, &strings[0], protocol::cose::Algorithm::Es256).await;
    let mut session = clerk.session(&gateway).await;
    clerk.fill(&mut session, &both[0], &[100_00]).await;
    for (body, card) in [
        (purchase(&both[0], 1_00), both[0].clone()),
        (load(&both[0], 9_999_00), both[0].clone()),
        (purchase(&both[1], 1_00), both[1].clone()),
        (purchase(&both[0], 1_00), both[0].with_wrong_secret()),
    ] {
        clerk.deal(&mut session, body, &card).await;
    }
    secrets.push(both[0].with_wrong_secret().secret.expose().to_owned());
    // Errors: a code that meets another terminal's name, a secret in a frame that is refused, a used code.
    let crossed = strings[1].replace("T0002", "T0001");
    let key = || TerminalKey::generate(protocol::cose::Algorithm::Es256).expect("a key");
    for string in [&crossed, &strings[0]] {
        let (_, refused) = Clerk::try_enrol(&gateway.listen, string, key()).await;
        assert!(refused.is_err());
    }
    let good = clerk.sign(&session, purchase(&both[0], 1_00), &both[0]);
    let mut forged = good.clone();
    let last = forged.body.len() - 1;
    forged.body[last] ^= 1;
    let answer = session.exchange(&forged, false).await.expect("an answer");
    assert_eq!(answer.code(), ResponseCode::SECURITY_VIOLATION);
    let mut frame = good.frame(77, false);
    frame.sidecar.push(0);
    session.connection.send(&frame).await.expect("sent");
    session.connection.next_frame().await.expect("a refusal");

    let digits = number(&both[0]);
    let mut said = vec![get(&gateway, "/metrics").1, get(&gateway, "/healthz").1];
    for arguments in [
        &["card", "show", "--card", &digits][..],
        &["terminal", "list"],
        &["terminal", "show", "--id", "T0002"],
        &["operator", "list"],
        &["programme", "list"],
        &["status"],
        &["journal", "verify"],
    ] {
        said.push(site.json(arguments).to_string());
    }
    let date = site.json(&["status"])["business_date"].as_str().expect("a date").to_owned();
    let out = |name: &str| site.beside("out").join(name).to_str().expect("a path").to_owned();
    std::fs::create_dir(site.beside("out")).expect("a directory");
    site.json(&["journal", "export", "--out", &out("journal")]);
    site.json(&["export", "--day", &date, "--out", &out("day")]);
    site.json(&["backup", "--out", &out("backup")]);

    // A forced error: the gateway ends in doubt over a damaged snapshot row, in the middle of a sale.
    assert!(gateway.stop().success());
    let connection = rusqlite::Connection::open(site.data().join(gateway::storage::DATABASE)).expect("open");
    let changed =
        connection.execute("UPDATE snapshot SET hash = zeroblob(16) WHERE substr(key, 1, 1) = x'01'", []);
    assert_eq!(changed.expect("changed"), 2);
    drop(connection);
    gateway = site.start_with(&[], &talkative).expect("the gateway starts");
    let mut session = clerk.session(&gateway).await;
    assert!(
        session.exchange(&clerk.sign(&session, purchase(&both[0], 1_00), &both[0]), false).await.is_err()
    );
    for _ in 0..200 {
        if gateway.ended().is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(gateway.ended().and_then(|status| status.code()), Some(3), "it ended in doubt");

    let log = site.log();
    assert!(log.len() > 10_000 && log.contains("TRACE"), "the log is as talkative as it can be");
    for text in said.iter().map(String::as_str).chain([log.as_str()]) {
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()), "a secret was said: {text}");
        }
    }
    let mut searched = 0;
    for file in files(&site.data()).into_iter().chain(files(&site.beside("out"))) {
        let bytes = std::fs::read(&file).expect("readable");
        // The signed Enroll has its code in it, and is journalled as it was signed: a code that is used up is public, and
        // worth nothing to any other key.
        let journalled = bytes.starts_with(b"SQLite format 3") || file.ends_with("journal");
        for secret in secrets.iter().filter(|secret| !journalled || **secret != used) {
            assert!(!contains(&bytes, secret.as_bytes()), "a secret is in {}", file.display());
        }
        searched += 1;
    }
    assert!(searched > 10, "{searched} files");
    // And the search can find what is there: the reference is public, and written down.
    let journal = std::fs::read(site.beside("out").join("day/transactions.csv")).expect("an export");
    assert!(contains(&journal, digits.as_bytes()));
}

/// PINs and personal fields that nothing else looks like.
const PINS: [&str; 6] =
    ["918273645501", "918273645502", "918273645503", "918273645504", "918273645505", "918273645506"];
const PERSONAL: [(u8, &str); 4] = [
    (0, "c0ffeec0ffee0123456789abcdef4321"),
    (1, "861380013899991"),
    (2, "Canary Xiaoming 王小明"),
    (77, "canary-of-field-77"),
];

#[tokio::test]
async fn no_pin_and_no_personal_field_is_found_in_any_file_log_page_or_export() {
    let site = Site::new();
    let talkative = [("RUST_LOG".to_owned(), "trace".to_owned())];
    let gateway = site.start_with(&[], &talkative).expect("the gateway starts");
    let product = "max_unload = \"500.00\"\npin = { from = \"0.01\", tries = 5 }\nhold_hours = 168 ";
    let document = gateway::programme_file::DEFAULT.replace("hold_hours = 168 ", product);
    put_in_force(&site, &document);
    site.json(&["cashier", "add", "--name", "lin", "--supervisor"]);
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = &cards(&site, 1)[0];
    let field = |(number, text): (u8, &str)| (number, text.parse::<Text<64>>().expect("a field"));
    let personal = RequestSidecar { personal: PERSONAL.map(field).into(), ..card.sidecar() };
    let commitment = Hash(sha256(&[&personal.personal_bytes().expect("personal fields")]));
    // One that is over other fields, and the right one.
    for (over, code) in [(Hash([7; 32]), ResponseCode::FORMAT_ERROR), (commitment, APPROVED)] {
        let reserved = Reserved { personal_commitment: Some(over), ..Reserved::default() };
        let more = |header| Header { reserved: Some(Box::new(reserved)), ..header };
        let message = till.sign_with(activate(card), &personal, more);
        assert_eq!(till.send(&message).await.code(), code);
    }
    assert_eq!(till.code(load(card, 100_00), card).await, APPROVED);
    let phone = RequestSidecar { personal: [field(PERSONAL[1])].into(), ..RequestSidecar::default() };
    let question = till.session.question(Body::CardLookup, &phone).expect("a question");
    assert_eq!(till.session.exchange(&question, false).await.expect("an answer").code(), APPROVED);

    let pin = |digits: &str| Pin::new(digits);
    let unload = |supervisor: Option<&str>| Body::Unload {
        card: card.reference,
        amount: amount(1_00),
        reason: None,
        supervisor: supervisor.map(|name| name.parse().expect("a code")),
    };
    let change = || Body::ChangePin { card: card.reference };
    let beside = |card_pin: &str| RequestSidecar { pin: pin(card_pin), ..card.sidecar() };
    for (body, sidecar, code) in [
        (change(), RequestSidecar { new_pin: pin(PINS[0]), ..card.sidecar() }, APPROVED),
        (change(), RequestSidecar { new_pin: pin(PINS[1]), ..beside(PINS[2]) }, ResponseCode::WRONG_PIN),
        (change(), RequestSidecar { new_pin: pin(PINS[1]), ..beside(PINS[0]) }, APPROVED),
        (purchase(card, 1_00), beside(PINS[1]), APPROVED),
        (purchase(card, 1_00), beside(PINS[3]), ResponseCode::WRONG_PIN),
        (
            unload(Some("lin")),
            RequestSidecar { supervisor_pin: pin(PINS[4]), ..beside(PINS[1]) },
            ResponseCode::WRONG_PIN,
        ),
        (unload(None), beside(PINS[1]), APPROVED),
    ] {
        let message =
            till.sign_with(body, &sidecar, |header| Header { flags: Some(Flags::PIN_USED), ..header });
        let answer = till.send(&message).await;
        assert_eq!(answer.code(), code, "{:?}", answer.answer.detail);
    }
    let header = Header { cashier: "lin".parse().ok(), ..till.session.question_header().expect("a header") };
    let request = protocol::request::Request { header, body: Body::CashierSignOn };
    let sidecar = RequestSidecar { cashier_pin: pin(PINS[5]), ..RequestSidecar::default() };
    let question = till.session.sign(&request, &sidecar).expect("a question");
    let refused = till.session.exchange(&question, false).await.expect("an answer");
    assert_eq!(refused.code(), ResponseCode::WRONG_PIN);

    let digits = number(card);
    let mut said = vec![get(&gateway, "/metrics").1, get(&gateway, "/healthz").1];
    for arguments in
        [&["card", "show", "--card", &digits][..], &["cashier", "list"], &["status"], &["journal", "verify"]]
    {
        said.push(site.json(arguments).to_string());
    }
    let shown = site.json(&["member", "show", "--card", &digits]).to_string();
    assert!(shown.contains(PERSONAL[1].1), "an operator may see it");
    let date = site.json(&["status"])["business_date"].as_str().expect("a date").to_owned();
    let out = |name: &str| site.beside("out").join(name).to_str().expect("a path").to_owned();
    std::fs::create_dir(site.beside("out")).expect("a directory");
    site.json(&["journal", "export", "--out", &out("journal")]);
    site.json(&["export", "--day", &date, "--out", &out("day")]);
    site.json(&["backup", "--out", &out("backup")]);
    assert!(gateway.stop().success());

    let secrets: Vec<&str> = PINS.into_iter().chain(PERSONAL.map(|(_, text)| text)).collect();
    said.push(site.log());
    assert!(said.last().expect("a log").contains("TRACE"), "the log is as talkative as it can be");
    for text in &said {
        for secret in &secrets {
            assert!(!text.contains(secret), "{secret} was said: {text}");
        }
    }
    let mut searched = 0;
    for file in files(&site.data()).into_iter().chain(files(&site.beside("out"))) {
        let bytes = std::fs::read(&file).expect("readable");
        for secret in &secrets {
            assert!(!contains(&bytes, secret.as_bytes()), "{secret} is in {}", file.display());
        }
        searched += 1;
    }
    assert!(searched > 10, "{searched} files");
    site.verify();
}
