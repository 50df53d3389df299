//! Old days leave the database, and nobody who asks for an entry notices.

mod changed;
mod crash;
mod rules;

use std::path::{Path, PathBuf};

use gateway::archive::Index;
use gateway::storage::Storage;
use protocol::code::ResponseCode;
use protocol::field::{BalanceKind, TransactionState};
use serde_json::{Value, json};
use terminal_sim::Card;
use terminal_sim::message::SignedMessage;

use crate::counter::{Clerk, balance, last_index, load, purchase, reversal};
use crate::harness::{Gateway, Site, run};
use crate::till::{Till, approved, change_programme, refund, unload, void};
use crate::timekeeping::{DAY, Machine, until};

/// A shop that traded one day, closed for long, and opened again.
pub(crate) struct Shop {
    pub(crate) machine: Machine,
    pub(crate) gateway: Gateway,
    till: Till,
    cards: Vec<Card>,
    sold: Vec<SignedMessage>,
    loaded: SignedMessage,
    /// The business date of the day that is over.
    day: String,
    /// The last entry of that day.
    last: u64,
}

/// How long the shop was closed; terminals keep what is younger than 35 days.
const CLOSED: i64 = 40 * DAY;

impl Shop {
    /// `ballast` entries are as large as an act may make them, so that there is more than one block.
    pub(crate) async fn open(ballast: u32) -> Self {
        let machine = Machine::new();
        let site = &machine.site;
        let gateway = machine.start();
        change_programme(site, "# max_unload = \"500.00\"", "max_unload = \"500.00\"");
        let mut till = Till::open(site, &gateway, "T0001").await;
        let cards = till.sell(site, 3, &[100_00]).await;
        let (loaded, _) = till.deal(load(&cards[2], 30_00), &cards[2]).await;
        let mut sold = Vec::new();
        for minor in [10_00, 11_00, 12_00, 9_999_00] {
            sold.push(till.deal(purchase(&cards[0], minor), &cards[0]).await.0);
        }
        for _ in 0..ballast {
            site.cards(1000);
        }
        let day = site.json(&["status"])["business_date"].as_str().expect("a date").to_owned();
        let last = last_index(&gateway);
        assert!(gateway.stop().success());
        machine.set_clock(CLOSED);
        let gateway = later(&machine);
        let till = till.again(&gateway).await;
        Self { machine, gateway, till, cards, sold, loaded, day, last }
    }

    pub(crate) fn site(&self) -> &Site {
        &self.machine.site
    }

    pub(crate) fn storage(&self) -> Storage {
        Storage::open_read_only(&self.site().data()).expect("the database")
    }

    /// The last day that `--before` takes.
    pub(crate) fn latest(&self) -> String {
        self.site().json(&["status"])["archive_before"].as_str().expect("a date").to_owned()
    }

    pub(crate) fn archive(&self) -> Value {
        self.site().json(&["archive", "--before", &self.latest()])
    }

    /// What finance and managers are told of the old day, to the byte.
    fn told(&self, name: &str) -> Vec<Vec<u8>> {
        let out = self.site().beside(name);
        let path = out.to_str().expect("a path");
        self.site().json(&["export", "--day", &self.day, "--format", "csv,jsonl,hledger", "--out", path]);
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(&out).expect("files").map(|file| file.expect("a file").path()).collect();
        files.sort();
        let mut all: Vec<Vec<u8>> = files
            .into_iter()
            // Its signature is another one each time.
            .filter(|file| file.extension().is_none_or(|extension| extension != "cbor"))
            .map(|file| std::fs::read(file).expect("a file"))
            .collect();
        let last = self.last.to_string();
        for asked in [
            vec!["day", "show", "--day", &self.day],
            vec!["transaction", "explain", "1", "--to", &last],
            vec!["alerts", "--from", &self.day, "--to", &self.day],
            vec!["report", "liability", "--as-of", &self.day],
        ] {
            let done = self.site().run(&asked);
            all.push(format!("{asked:?} {} {}", done.json, done.stderr).into_bytes());
        }
        all
    }
}

/// A gateway whose machine's clock was set on, and confirmed; what it had in memory is in its snapshot.
fn later(machine: &Machine) -> Gateway {
    let gateway = machine.start();
    machine.site.json(&["clock", "confirm"]);
    until("the days that are over are closed", || {
        let status = machine.site.json(&["status"]);
        status["archive_before"].as_str() > Some("2000") && machine.believes() && {
            let (closed, today) = (&status["closed_through"], &status["day_by_clock"]);
            closed.as_str() >= status["archive_before"].as_str() && closed.as_str() < today.as_str()
        }
    });
    assert!(gateway.stop().success());
    let gateway = machine.start();
    machine.site.cards(1);
    gateway
}

fn files(data: &Path) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(data.join("archive")).into_iter().flatten();
    let mut files: Vec<PathBuf> = folder.map(|file| file.expect("a file").path()).collect();
    files.sort();
    files
}

#[tokio::test]
async fn what_is_archived_is_answered_undone_and_reported_as_before() {
    let mut shop = Shop::open(6).await;
    let data = shop.site().data();
    let before = shop.told("before");
    let (cards, sold) = (shop.cards.clone(), shop.sold.clone());

    // What cannot go says which date would be possible; a dry run changes nothing.
    let status = shop.site().json(&["status"]);
    let today = status["day_by_clock"].as_str().expect("a date");
    let refused = shop.site().run(&["archive", "--before", today]);
    assert!(
        !refused.status.success() && refused.stderr.contains(&format!("--before {}", shop.latest())),
        "{}",
        refused.stderr
    );
    let nothing = shop.site().json(&["archive", "--before", &shop.day]);
    assert_eq!(nothing["plan"], Value::Null, "nothing is older than the first day");
    let dry = shop.site().json(&["archive", "--before", &shop.latest(), "--dry-run"]);
    assert_eq!((dry["plan"]["days"].as_u64(), dry["plan"]["first_index"].as_u64()), (Some(1), Some(1)));
    assert_eq!(dry["plan"]["last_index"].as_u64(), Some(shop.last), "the whole old day, and no more");
    assert_eq!((files(&data), shop.storage().first_row().expect("a number")), (Vec::new(), 1));

    let first_answer = shop.till.repeat(&sold[0]).await;
    let done = shop.archive();
    assert_eq!(done["plan"], dry["plan"]);
    assert_eq!(shop.storage().first_row().expect("a number"), shop.last + 1, "they have left");
    assert_eq!(files(&data).len(), 1);
    assert_eq!(shop.told("after"), before, "to the byte");
    shop.site().verify();

    // At the till: repeats with the same answer and a receipt that holds, and everything that may happen to an original.
    let again = shop.till.repeat(&sold[0]).await;
    assert_eq!((&again.body, again.place), (&first_answer.body, first_answer.place));
    let declined = shop.till.repeat(&sold[3]).await;
    assert_eq!(declined.code(), ResponseCode::NOT_SUFFICIENT_FUNDS);
    let reversed = shop.till.deal(reversal(&sold[0]), &cards[0]).await.1;
    assert_eq!(
        (reversed.code(), reversed.answer.state),
        (ResponseCode::APPROVED, Some(TransactionState::REVERSED))
    );
    let voided = shop.till.deal(void(&sold[1]), &cards[0]).await.1;
    assert_eq!(
        (voided.code(), voided.answer.state),
        (ResponseCode::APPROVED, Some(TransactionState::VOIDED))
    );
    let refunded = shop.till.deal(refund(&sold[2], 5_00), &cards[0]).await.1;
    assert_eq!((refunded.code(), approved(&refunded)), (ResponseCode::APPROVED, Some(5_00)));
    let principal = balance(&refunded, BalanceKind::PRINCIPAL) + balance(&refunded, BalanceKind::BONUS);
    assert_eq!(
        principal,
        100_00 + 5_00 - 7_00,
        "load and bonus, all but what was not refunded of the third sale"
    );
    let cashed = shop.till.deal(unload(&cards[2], 30_00), &cards[2]).await.1;
    assert_eq!(cashed.code(), ResponseCode::APPROVED, "the load that it pays out is archived");
    let state = shop.till.repeat(&shop.loaded.clone()).await;
    assert_eq!(state.code(), ResponseCode::APPROVED);
    shop.site().verify();

    // A file by itself.
    let key = shop.site().beside("gateway.pem");
    let text = std::process::Command::new(crate::harness::BINARY)
        .args(["export", "key", "--data"])
        .arg(&data)
        .output();
    std::fs::write(&key, text.expect("a key").stdout).expect("a file");
    let file = files(&data).remove(0);
    let blocks = Index::open(&file).expect("a file").index.blocks;
    assert!(blocks.len() > 1, "{blocks:?}");
    let verify = |file: &Path, key: &Path| {
        run(
            &shop.site().beside("nowhere"),
            &["archive", "verify", file.to_str().expect("a path"), "--key", key.to_str().expect("a path")],
        )
    };
    let alone = verify(&file, &key);
    assert!(alone.status.success(), "{}", alone.stderr);
    assert_eq!(alone.json["files"][0]["sha256"], done["file"]["sha256"]);
    let stranger = Site::new();
    drop(stranger.start());
    let text = std::process::Command::new(crate::harness::BINARY)
        .args(["export", "key", "--data"])
        .arg(stranger.data())
        .output();
    let other = shop.site().beside("other.pem");
    std::fs::write(&other, text.expect("a key").stdout).expect("a file");
    assert!(verify(&file, &other).stderr.contains("not signed by the gateway's key"));

    // A backup has the files, and starts elsewhere.
    let copy = shop.site().beside("copy");
    shop.site().json(&["backup", "--out", copy.to_str().expect("a path")]);
    let elsewhere = Site::new();
    std::fs::rename(copy, elsewhere.data()).expect("moved");
    elsewhere.verify();
    drop(elsewhere.start());

    // Much later the next days go, to the next file.
    let Shop { machine, gateway, till, .. } = shop;
    assert!(gateway.stop().success());
    machine.set_clock(2 * CLOSED);
    let gateway = later(&machine);
    let latest = machine.site.json(&["status"])["archive_before"].as_str().expect("a date").to_owned();
    let done = machine.site.json(&["archive", "--before", &latest]);
    assert_eq!(done["plan"]["file"], json!("000002.svga"));
    let mut till = till.again(&gateway).await;
    assert_eq!(till.repeat(&sold[2]).await.code(), ResponseCode::APPROVED);
    machine.site.verify();
    let [one, two] = [0, 1].map(|at| files(&data)[at].display().to_string());
    let chain = |files: &[&str]| {
        machine.site.run(&[&["archive", "verify", "--key", key.to_str().expect("a path")], files].concat())
    };
    assert!(chain(&[&one, &two]).status.success());
    assert!(chain(&[&two, &one]).stderr.contains("does not follow on"));
    assert_eq!(machine.site.json(&["archive", "list"])["files"].as_array().map(Vec::len), Some(2));
    assert!(gateway.stop().success());
    machine.site.verify();
    drop(Clerk::enrol(&machine.site, &machine.start(), "T0002", "register").await);
}
