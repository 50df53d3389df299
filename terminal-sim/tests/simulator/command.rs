//! The command line: what it prints, and how it exits.

use std::path::Path;
use std::process::{Command, Output};

use protocol::field::Hex;

use crate::gateway::{CODE, Gateway};
use crate::ledger::{Lie, SECRET};

pub(crate) struct Stage {
    pub(crate) gateway: Gateway,
    pub(crate) directory: tempfile::TempDir,
}

impl Stage {
    /// A gateway, and the files that a shop of two terminals and six cards needs.
    pub(crate) async fn open(lie: Lie) -> Stage {
        let gateway = Gateway::start(lie).await;
        let directory = tempfile::tempdir().unwrap();
        let fingerprint = gateway.ledger.lock().unwrap().key.fingerprint();
        let enrolment = |name: &str| format!("svgp1:{name}:{CODE}:{}", Hex(&fingerprint.0));
        let cards = (0..6).map(|number| gateway.card(50 + number).reference.digits().to_string());
        let cards: Vec<_> =
            cards.map(|reference| serde_json::json!({ "reference": reference, "secret": SECRET })).collect();
        let files = [
            ("cards.json", serde_json::json!({ "cards": cards })),
            (
                "enrolments.json",
                serde_json::json!({ "enrolments": [enrolment("T0001"), enrolment("T0002")] }),
            ),
            ("gateway.json", serde_json::json!({ "listen": gateway.address.current().unwrap() })),
        ];
        for (name, content) in files {
            std::fs::write(directory.path().join(name), content.to_string()).unwrap();
        }
        Stage { gateway, directory }
    }

    async fn run(&self, arguments: &[&str]) -> (i32, serde_json::Value) {
        let output = run(self.directory.path(), arguments).await;
        let stdout = String::from_utf8(output.stdout).unwrap();
        let json = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("no JSON: {stdout}"));
        (output.status.code().unwrap(), json)
    }
}

pub(crate) async fn run(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_terminal-sim"));
    command.current_dir(directory).args(arguments);
    tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap()
}

const SHOP: [&str; 14] = [
    "shop",
    "--gateway-file",
    "gateway.json",
    "--state",
    "shop",
    "--cards",
    "cards.json",
    "--enrolments",
    "enrolments.json",
    "--transactions",
    "60",
    "--patience",
    "3",
    "--json",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_agrees_exits_0_and_one_that_was_cheated_exits_1() {
    let (code, report) = Stage::open(Lie::None).await.run(&SHOP).await;
    assert_eq!(
        (code, report["cards_agreed"].as_u64(), report["open"].as_u64()),
        (0, Some(6), Some(0)),
        "{report}"
    );
    let (code, report) = Stage::open(Lie::Bonus).await.run(&SHOP).await;
    assert_eq!(code, 1, "{report}");
    assert!(!report["mismatches"].as_array().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enrolled_terminal_has_its_files_and_no_gateway_exits_2() {
    let stage = Stage::open(Lie::None).await;
    let enrolment = std::fs::read_to_string(stage.directory.path().join("enrolments.json")).unwrap();
    let enrolment: serde_json::Value = serde_json::from_str(&enrolment).unwrap();
    let enrolment = enrolment["enrolments"][0].as_str().unwrap();
    let arguments = [
        "--json",
        "enroll",
        "--gateway-file",
        "gateway.json",
        "--state",
        "T1",
        "--algorithm",
        "ed25519",
        "--enrolment",
    ];
    let (code, enrolled) = stage.run(&[&arguments[..], &[enrolment]].concat()).await;
    assert_eq!(
        (code, enrolled["terminal"].as_str(), enrolled["generation"].as_u64()),
        (0, Some("T0001"), Some(1))
    );
    for file in ["key.p8", "state.cbor", "terminal.json"] {
        assert!(stage.directory.path().join("T1").join(file).exists(), "{file}");
    }
    let Stage { gateway, directory } = stage;
    drop(gateway);
    std::fs::remove_file(directory.path().join("gateway.json")).unwrap();
    let output = run(directory.path(), &SHOP).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stdout).unwrap().contains("\"broken_promise\":false"));
}

#[tokio::test(flavor = "multi_thread")]
async fn load_is_measured_and_the_terminal_trades_on_afterwards() {
    let stage = Stage::open(Lie::None).await;
    let files =
        ["--gateway-file", "gateway.json", "--cards", "cards.json", "--enrolments", "enrolments.json"];
    let load =
        ["load", "--state", "shop", "--terminals", "2", "--in-flight", "4", "--seconds", "1", "--json"];
    let (code, report) = stage.run(&[&load[..], &files].concat()).await;
    assert_eq!(code, 0, "{report}");
    assert!(report["answered"].as_u64() > Some(10) && report["codes"]["00"].as_u64() > Some(10), "{report}");
    assert!(report["latency_us"]["p50"].as_u64() <= report["latency_us"]["max"].as_u64());
    assert_eq!((&report["in_flight"], &report["unanswered"]), (&4.into(), &0.into()));
    let (code, again) =
        stage.run(&[&load[..], &files, &["--mix", "load", "--check-receipts"]].concat()).await;
    assert_eq!(code, 0, "a terminal whose STANs were used comes back: {again}");
    assert!(again["receipts_checked"].as_u64() >= again["answered"].as_u64(), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_exits_2_and_help_shows_examples() {
    let directory = tempfile::tempdir().unwrap();
    for wrong in [&["shop"][..], &["enroll", "--state", "x", "--enrolment", "y"], &[]] {
        assert_eq!(run(directory.path(), wrong).await.status.code(), Some(2), "{wrong:?}");
    }
    for command in ["enroll", "shop", "load", "register", "kiosk"] {
        let output = run(directory.path(), &[command, "--help"]).await;
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8(output.stdout).unwrap().contains("Example:"), "{command}");
    }
}
