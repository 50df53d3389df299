//! The journal against whoever can write to the disk: nothing changes, moves or goes without being found.

mod busy_day;
mod bytes;
mod seals;

use std::path::Path;

use gateway::domain::state::{Cell, Touched};
use gateway::domain::{CardReference, Kind};
use gateway::storage::{DATABASE, decode_cell, encode_cell, key_of};
use protocol::code::ResponseCode;
use protocol::request::{Body, RequestSidecar};
use rusqlite::Connection;
use terminal_sim::{Card, Error, sha256};

use crate::counter::{Clerk, activate, cards, get, holdings, last_index, load, purchase, reversal};
use crate::harness::{Gateway, Site};

fn database(data: &Path) -> Connection {
    Connection::open(data.join(DATABASE)).expect("the database")
}

/// Cuts off every write group after this one.
fn cut_after(data: &Path, group: u64) {
    let connection = database(data);
    for table in ["journal", "seal"] {
        let cut = connection.execute(&format!("DELETE FROM {table} WHERE grp > ?"), [group]).expect("cut");
        assert!(cut > 0, "there was something to cut");
    }
}

/// A directory with everything in it, once more.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else if entry.file_type().expect("a type").is_file() {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// A register with a card that was filled before the last orderly close.
struct Shop {
    site: Site,
    gateway: Gateway,
    clerk: Clerk,
    card: Card,
}

impl Shop {
    async fn open() -> Self {
        let site = Site::new();
        let gateway = site.start();
        let card = cards(&site, 1).remove(0);
        let mut clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
        let mut session = clerk.session(&gateway).await;
        clerk.fill(&mut session, &card, &[100_00]).await;
        assert!(gateway.stop().success());
        let gateway = site.start();
        Self { site, gateway, clerk, card }
    }

    /// Sells something, and kills the gateway before it has written its snapshot; the group of the last sale.
    async fn sell_and_crash(self, sales: usize) -> (Site, Clerk, Card, u64) {
        let Self { site, gateway, mut clerk, card } = self;
        let mut session = clerk.session(&gateway).await;
        let mut group = 0;
        for _ in 0..sales {
            let answer = clerk.deal(&mut session, purchase(&card, 1_00), &card).await;
            group = answer.place.expect("a receipt").seal.group;
        }
        // An anchor follows within a second.
        let anchored = || std::fs::read_to_string(site.data().join("anchors.log")).unwrap_or_default();
        let wanted = format!("1 {group} ");
        for _ in 0..100 {
            if anchored().lines().any(|line| line.starts_with(&wanted)) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert!(anchored().contains(&wanted), "no anchor for group {group}");
        gateway.kill();
        (site, clerk, card, group)
    }
}

/// What a refused start says.
fn refusal(site: &Site) -> String {
    let done = site.start_with(&[], &[]).map(drop).expect_err("a gateway that does not start");
    assert_eq!(done.status.code(), Some(1), "{}", done.stderr);
    done.stderr
}

#[tokio::test]
async fn a_journal_cut_below_a_receipt_takes_no_money_once_its_terminal_signs_on() {
    let (site, clerk, card, group) = Shop::open().await.sell_and_crash(3).await;
    cut_after(&site.data(), group - 1);
    std::fs::remove_file(site.data().join("anchors.log")).expect("no anchors either");
    let gateway = site.start();
    let honest = Clerk::enrol(&site, &gateway, "T0002", "register").await;
    let mut other = honest.session(&gateway).await;
    let mut other_clerk = honest;
    let answer = other_clerk.deal(&mut other, purchase(&card, 1_00), &card).await;
    assert_eq!(answer.code(), ResponseCode::APPROVED, "nobody can know yet");
    let index = last_index(&gateway);

    let mut clerk = clerk;
    let mut session = clerk.session(&gateway).await;
    let (status, said) = get(&gateway, "/healthz");
    assert!(status.contains("503"), "{status}");
    assert!(said.contains("T0001 holds a receipt"), "{said}");
    for (clerk, session) in [(&mut clerk, &mut session), (&mut other_clerk, &mut other)] {
        let sale = clerk.sign(session, purchase(&card, 1_00), &card);
        for body in [activate(&card), load(&card, 10_00), purchase(&card, 1_00), reversal(&sale)] {
            let answer = clerk.deal(session, body, &card).await;
            assert_eq!(answer.code(), ResponseCode::NOT_TAKING_MONEY, "for everyone");
        }
        let inquiry = Body::BalanceInquiry { card: card.reference };
        let question = session.question(inquiry, &card.sidecar()).expect("a question");
        let answer = session.exchange(&question, false).await.expect("an answer");
        assert_eq!(answer.code(), ResponseCode::APPROVED, "whoever only asks is answered");
    }
    assert_eq!(last_index(&gateway), index, "nothing was written any more");
}

#[tokio::test]
async fn a_journal_cut_below_an_anchor_does_not_start() {
    let (site, _, _, group) = Shop::open().await.sell_and_crash(3).await;
    for left in [group - 1, group - 2] {
        cut_after(&site.data(), left);
        let said = refusal(&site);
        assert!(said.contains("was cut off or an old copy put back"), "{said}");
        let done = site.run(&["journal", "verify"]);
        assert_eq!(done.status.code(), Some(1), "verify finds it too");
        assert!(done.json.to_string().contains("is not in this journal"), "{}", done.json);
    }
}

#[tokio::test]
async fn an_old_copy_of_the_data_is_found_at_start_by_anchors_and_at_sign_on_by_receipts() {
    let shop = Shop::open().await;
    let (data, old) = (shop.site.data(), shop.site.beside("old"));
    let mut shop = shop;
    assert!(shop.gateway.stop().success());
    copy(&data, &old);
    shop.gateway = shop.site.start();
    let (site, clerk, card, _) = shop.sell_and_crash(2).await;

    let anchors = std::fs::read(data.join("anchors.log")).expect("anchors");
    std::fs::remove_dir_all(&data).expect("gone");
    copy(&old, &data);
    std::fs::write(data.join("anchors.log"), anchors).expect("anchors of today");
    let said = refusal(&site);
    assert!(said.contains("was cut off or an old copy put back"), "{said}");

    std::fs::copy(old.join("anchors.log"), data.join("anchors.log")).expect("anchors of yesterday");
    let gateway = site.start();
    let mut clerk = clerk;
    let mut session = clerk.session(&gateway).await;
    let answer = clerk.deal(&mut session, purchase(&card, 1_00), &card).await;
    assert_eq!(answer.code(), ResponseCode::NOT_TAKING_MONEY);
}

#[tokio::test]
async fn another_history_of_the_same_length_is_found_by_its_anchor() {
    let mut shop = Shop::open().await;
    let (data, old) = (shop.site.data(), shop.site.beside("old"));
    assert!(shop.gateway.stop().success());
    copy(&data, &old);
    shop.gateway = shop.site.start();
    let (site, _, _, _) = shop.sell_and_crash(1).await;
    let anchors = std::fs::read(data.join("anchors.log")).expect("anchors");
    std::fs::remove_dir_all(&data).expect("gone");
    copy(&old, &data);
    let gateway = site.start();
    // The same number of groups, with something else in the last one.
    cards(&site, 1);
    gateway.kill();
    std::fs::write(data.join("anchors.log"), anchors).expect("anchors of the first history");
    let said = refusal(&site);
    assert!(said.contains("this is another history"), "{said}");
}

#[tokio::test]
async fn nothing_in_the_journal_can_be_moved_or_taken_away() {
    let site = Site::new();
    busy_day::trade(&site).await;
    let swap = "UPDATE journal SET {c} = (SELECT {c} FROM journal j WHERE j.idx = 230 - journal.idx)
                WHERE idx IN (110, 120)";
    let swapped = |column: &str| swap.replace("{c}", column);
    let tampering = [
        ("two records swapped", vec![swapped("record")]),
        (
            "two entries swapped but for their place",
            vec![
                // The identity is unique, so it goes by way of a third name.
                "CREATE TABLE kept AS SELECT * FROM journal WHERE idx IN (110, 120)".into(),
                "UPDATE journal SET terminal = 'X' || idx WHERE idx IN (110, 120)".into(),
                "UPDATE journal SET (terminal, generation, stan, leaf, record) =
                 (SELECT terminal, generation, stan, leaf, record FROM kept WHERE kept.idx = 230 - journal.idx)
                 WHERE idx IN (110, 120)"
                    .into(),
            ],
        ),
        ("an entry in the middle deleted", vec!["DELETE FROM journal WHERE idx = 100".into()]),
        ("the first entry deleted", vec!["DELETE FROM journal WHERE idx = 1".into()]),
        ("the last entry deleted", vec!["DELETE FROM journal WHERE idx = (SELECT max(idx) FROM journal)".into()]),
        ("a seal in the middle removed", vec!["DELETE FROM seal WHERE grp = 50".into()]),
        ("the last seal removed", vec!["DELETE FROM seal WHERE grp = (SELECT max(grp) FROM seal)".into()]),
        ("all seals removed", vec!["DELETE FROM seal".into()]),
        (
            "a whole group in the middle removed",
            vec!["DELETE FROM journal WHERE grp = 60".into(), "DELETE FROM seal WHERE grp = 60".into()],
        ),
        (
            "a whole group removed and the rest moved up",
            vec![
                "DELETE FROM seal WHERE grp = 60".into(),
                "UPDATE seal SET grp = grp - 1 WHERE grp > 60".into(),
                "DELETE FROM journal WHERE grp = 60".into(),
                "UPDATE journal SET grp = grp - 1 WHERE grp > 60".into(),
            ],
        ),
        (
            "two seals swapped",
            vec![
                "UPDATE seal SET seal = (SELECT seal FROM seal s WHERE s.grp = 95 - seal.grp)
                 WHERE grp IN (45, 50)"
                    .into(),
            ],
        ),
        (
            "an entry added at the end",
            vec![
                "INSERT INTO journal SELECT max(idx) + 1, max(grp), NULL, NULL, NULL, leaf, record FROM journal"
                    .into(),
            ],
        ),
        (
            "the last group doubled",
            vec![
                "INSERT INTO journal SELECT max(idx) + 1, max(grp) + 1, NULL, NULL, NULL, leaf, record
                 FROM journal"
                    .into(),
                "INSERT INTO seal SELECT max(grp) + 1, max(last_idx) + 1, max(last_idx) + 1, seal FROM seal"
                    .into(),
            ],
        ),
        ("a snapshot row removed", vec!["DELETE FROM snapshot WHERE key = (SELECT min(key) FROM snapshot)".into()]),
        ("the snapshot emptied", vec!["DELETE FROM snapshot".into()]),
        ("the watermark forgotten", vec!["DELETE FROM meta WHERE name = 'watermark'".into()]),
        (
            "another installation id",
            vec!["UPDATE meta SET value = zeroblob(16) WHERE name = 'installation'".into()],
        ),
    ];
    let original = std::fs::read(site.data().join(DATABASE)).expect("the database");
    site.verify();
    for (what, statements) in tampering {
        let connection = database(&site.data());
        for statement in &statements {
            connection.execute_batch(statement).expect(what);
        }
        drop(connection);
        let done = site.run(&["journal", "verify"]);
        assert_eq!(done.status.code(), Some(1), "{what}: {}", done.json);
        assert_ne!(done.json["report"]["faults"], serde_json::json!([]), "{what}: {}", done.json);
        for beside in ["gateway.db-wal", "gateway.db-shm"] {
            let _ = std::fs::remove_file(site.data().join(beside));
        }
        std::fs::write(site.data().join(DATABASE), &original).expect("put back");
    }
    site.verify();
}

#[tokio::test]
async fn bytes_that_nobody_signed_cannot_hide_beside_a_signature() {
    let site = Site::new();
    busy_day::trade(&site).await;
    let connection = database(&site.data());
    let originals: Vec<(u64, Vec<u8>)> = connection
        .prepare("SELECT idx, record FROM journal WHERE idx IN (3, 150)")
        .and_then(|mut select| select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
        .expect("an act and a sale");
    for (index, record) in originals {
        // The unprotected header lies outside every hash: an empty map becomes {100: h'00...'}.
        let headers: &[u8] = &[0x43, 0xa1, 0x01, 0x26, 0xa0];
        let at = record.windows(5).position(|window| window == headers).expect("a COSE_Sign1 with ES256") + 4;
        let mut longer = record.clone();
        longer.splice(at..=at, [0xa1, 0x18, 0x64, 0x41, 0x00]);
        grow(&mut longer, at - 4, 4);
        let update = "UPDATE journal SET record = ? WHERE idx = ?";
        connection.execute(update, rusqlite::params![longer, index]).expect("changed");
        let done = site.run(&["journal", "verify"]);
        assert_eq!(done.status.code(), Some(1), "entry {index}: {}", done.json);
        let faults = done.json["report"]["faults"].to_string();
        assert!(faults.contains("cannot be read") || faults.contains("headers"), "{faults}");
        connection.execute(update, rusqlite::params![record, index]).expect("put back");
    }
    site.verify();
}

/// Corrects the length of the byte string whose first byte (the array of four) lies just before `start`.
fn grow(record: &mut [u8], start: usize, by: usize) {
    // Before the array: 0x58 and one byte of length, or 0x59 and two.
    let array = start - 1;
    assert_eq!(record[array], 0x84);
    let by = u8::try_from(by).expect("little");
    match (record[array - 2], record[array - 3]) {
        (0x58, _) => record[array - 1] = record[array - 1].checked_add(by).expect("no carry"),
        (_, 0x59) => record[array - 1] = record[array - 1].checked_add(by).expect("no carry"),
        other => panic!("a byte string before the COSE_Sign1, not {other:02x?}"),
    }
}

/// Raises what the snapshot says that a card has, by a fortune; with its hash, or without.
fn enrich(data: &Path, card: &Card, with_hash: bool) {
    let key = key_of(&Touched::Card(CardReference(card.reference.number())));
    let connection = database(data);
    let state: Vec<u8> = connection
        .query_row("SELECT state FROM snapshot WHERE key = ?", [&key], |row| row.get(0))
        .expect("the card's row");
    let (touched, cell) = decode_cell(&key, &state).expect("a card");
    let Cell::Card(mut held) = cell else { panic!("a card's row holds a card") };
    let lot = held.lots.iter_mut().find(|lot| lot.kind == Kind::PRINCIPAL).expect("principal");
    lot.amount += 1_000_000_00;
    let state = encode_cell(&touched, &Cell::Card(held));
    connection.execute("UPDATE snapshot SET state = ? WHERE key = ?", (&state, &key)).expect("changed");
    if with_hash {
        let hash = &sha256(&[&key, &state])[..16];
        connection.execute("UPDATE snapshot SET hash = ? WHERE key = ?", (hash, &key)).expect("changed");
    }
}

#[tokio::test]
async fn a_balance_raised_in_the_snapshot_ends_the_gateway_before_it_is_paid() {
    let Shop { site, gateway, mut clerk, card } = Shop::open().await;
    assert!(gateway.stop().success());
    enrich(&site.data(), &card, false);
    let done = site.run(&["journal", "verify"]);
    assert_eq!(done.status.code(), Some(1), "verify finds it: {}", done.json);
    let mut gateway = site.start();
    let index = last_index(&gateway);
    let mut session = clerk.session(&gateway).await;
    let greedy = clerk.sign(&session, purchase(&card, 500_00), &card);
    let answer = session.exchange(&greedy, false).await;
    assert!(
        matches!(answer, Err(Error::Lost(_) | Error::Timeout)),
        "no answer is better than a lie: {answer:?}"
    );
    let status = loop {
        match gateway.ended() {
            Some(status) => break status,
            None => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    };
    assert_eq!(status.code(), Some(3), "in doubt: {}", site.log());
    let last: u64 = database(&site.data())
        .query_row("SELECT max(idx) FROM journal", [], |row| row.get(0))
        .expect("an index");
    assert_eq!(last, index, "nothing was written");
}

#[tokio::test]
async fn a_balance_raised_in_the_snapshot_with_its_hash_is_found_by_verify() {
    let Shop { site, gateway, card, .. } = Shop::open().await;
    let before = holdings(&site, &card);
    assert!(gateway.stop().success());
    enrich(&site.data(), &card, true);
    let done = site.run(&["journal", "verify"]);
    assert_eq!(done.status.code(), Some(1));
    assert!(done.json.to_string().contains("rows of kind 1 differ from the replay"), "{}", done.json);
    assert_eq!(before.principal, 100_00);
}

#[tokio::test]
async fn a_sale_that_the_identity_index_has_lost_is_found_by_verify() {
    let Shop { site, gateway, mut clerk, card } = Shop::open().await;
    let mut session = clerk.session(&gateway).await;
    clerk.deal(&mut session, purchase(&card, 10_00), &card).await;
    assert!(gateway.stop().success());
    let file = site.data().join(DATABASE);
    let good = std::fs::read(&file).expect("the database");
    let names: Vec<usize> =
        good.windows(5).enumerate().filter(|(_, window)| *window == b"T0001").map(|(at, _)| at).collect();
    let mut lost = 0;
    for at in names {
        let mut bad = good.clone();
        bad[at] ^= 2;
        std::fs::write(&file, &bad).expect("written");
        let done = site.run(&["journal", "verify"]);
        lost += usize::from(done.json.to_string().contains("is not found under its STAN"));
        for beside in ["gateway.db-wal", "gateway.db-shm"] {
            let _ = std::fs::remove_file(site.data().join(beside));
        }
    }
    assert!(lost > 0, "no byte of the index was hit");
}

#[tokio::test]
async fn an_export_taken_again_is_the_same_to_the_byte_and_a_damaged_journal_gives_none() {
    let site = Site::new();
    busy_day::trade(&site).await;
    let export = |name: &str| {
        let file = site.beside(name);
        let done = site.run(&["journal", "export", "--out", file.to_str().expect("a path")]);
        (done.status.success(), file)
    };
    let ((one, first), (two, second)) = (export("one"), export("two"));
    assert!(one && two);
    assert_eq!(std::fs::read(&first).expect("an export"), std::fs::read(&second).expect("an export"));
    let connection = database(&site.data());
    connection.execute("UPDATE journal SET leaf = zeroblob(32) WHERE idx = 150", []).expect("damaged");
    let (done, _) = export("three");
    assert!(!done, "what does not verify is not exported");
}

#[tokio::test]
async fn a_terminal_that_was_set_back_is_locked_and_a_forged_receipt_refused() {
    let Shop { site, gateway, mut clerk, card } = Shop::open().await;
    let mut session = clerk.session(&gateway).await;
    clerk.deal(&mut session, purchase(&card, 1_00), &card).await;
    let mut forged = clerk.clone();
    if let Some(receipt) = &mut forged.last_receipt {
        receipt.answer_hash.0[0] ^= 1;
    }
    let refused = forged.try_session(&gateway).await.expect_err("a forged receipt");
    assert!(matches!(refused, Error::Refused { code: ResponseCode::SECURITY_VIOLATION, .. }), "{refused}");
    let question = session.question(Body::Echo, &RequestSidecar::default()).expect("a question");
    assert_eq!(session.exchange(&question, false).await.expect("an answer").code(), ResponseCode::APPROVED);
    assert!(get(&gateway, "/healthz").0.contains("200"), "nobody can stop the shop with a forgery");
    clerk.last_stan -= 1;
    let locked = clerk.try_session(&gateway).await.expect_err("an old memory");
    assert!(matches!(locked, Error::Refused { code: ResponseCode::TERMINAL_LOCKED, .. }), "{locked}");
    let answer = clerk.deal(&mut session, purchase(&card, 1_00), &card).await;
    assert_eq!(answer.code(), ResponseCode::TERMINAL_LOCKED, "both of it are locked, on their next frame");
    site.verify();
}
