//! A file that is gone or is not what it was: noticed at the start, by each read, by `journal verify`, and by whoever checks it alone.

use std::fs;
use std::path::Path;

use gateway::archive::{Index, check_file, make, plan};
use gateway::keys::SigningKey;
use gateway::storage::{DATABASE, Identity, Storage, Synchronous};
use protocol::field::Installation;

use super::{Shop, files};

/// Every byte of the file is signed for, directly or by its block's hash: none may change, be missing, or be too many.
#[tokio::test]
async fn no_byte_of_a_file_can_change() {
    let shop = Shop::open(0).await;
    shop.archive();
    let file = files(&shop.site().data()).remove(0);
    let bytes = fs::read(&file).expect("a file");
    let copy = shop.site().beside("copy.svga");
    let holds = |bytes: &[u8]| {
        fs::write(&copy, bytes).expect("a file");
        check_file(&copy, |_| true, |_, _| Ok(())).is_ok()
    };
    assert!(holds(&bytes));
    // All of the index, and of the block each fifth, another one each time.
    let block = Index::open(&file).expect("a file").index.blocks.remove(0);
    let inside = |at: &usize| (*at as u64) > block.offset && (*at as u64) < block.offset + block.length;
    for at in (0..bytes.len()).filter(|at| !inside(at) || at % 5 == bytes.len() % 5) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(!holds(&flipped), "byte {at} of {}", bytes.len());
    }
    for length in 0..bytes.len() {
        if length < 300 || bytes.len() - length < 300 {
            assert!(!holds(&bytes[..length]), "cut at {length}");
        }
    }
    assert!(!holds(&[bytes.as_slice(), &[0]].concat()) && !holds(&[&[0], bytes.as_slice()].concat()));
}

/// What stands beside the files in the database is not believed either.
#[tokio::test]
async fn rows_about_the_archive_that_were_changed_are_found() {
    let shop = Shop::open(0).await;
    shop.archive();
    let Shop { machine, gateway, sold, .. } = shop;
    assert!(gateway.stop().success());
    let site = &machine.site;
    let database = rusqlite::Connection::open(site.data().join(DATABASE)).expect("the database");
    let stan = sold[0].stan.expect("a STAN").get();
    let lost = "is not found under its STAN";
    let cases = [
        ("a request is forgotten", format!("DELETE FROM archived WHERE stan = {stan}"), lost, false),
        (
            "another is named for it",
            format!("UPDATE archived SET idx = idx + 1 WHERE stan = {stan}"),
            lost,
            false,
        ),
        (
            "one is made up",
            "INSERT INTO archived VALUES ('T0001', 1, 99999, 1)".to_owned(),
            "requests by their STAN",
            false,
        ),
        (
            "the file is forgotten",
            "DELETE FROM archive".to_owned(),
            "its group does not match its seal",
            true,
        ),
        (
            "it ends elsewhere",
            "UPDATE archive SET last_grp = last_grp - 1".to_owned(),
            "does not stand between the seals",
            true,
        ),
        (
            "it was another file",
            "UPDATE archive SET proof = zeroblob(32)".to_owned(),
            "than the database names",
            true,
        ),
        (
            "it had another SHA-256",
            "UPDATE archive SET sha256 = zeroblob(32)".to_owned(),
            "has not the SHA-256",
            false,
        ),
    ];
    for (case, sql, said, at_start) in cases {
        let keep = "CREATE TABLE a AS SELECT * FROM archive; CREATE TABLE b AS SELECT * FROM archived;";
        database.execute_batch(keep).expect("kept");
        assert_eq!(database.execute(&sql, []).expect("SQL"), 1, "{case}");
        let verified = site.run(&["journal", "verify"]);
        assert_eq!(verified.status.code(), Some(1), "{case}");
        assert!(verified.json.to_string().contains(said), "{case}: {}", verified.json);
        if at_start {
            assert!(site.start_with(&[], &[]).is_err(), "{case}");
        }
        let back = "DELETE FROM archive; DELETE FROM archived; INSERT INTO archive SELECT * FROM a;
                    INSERT INTO archived SELECT * FROM b; DROP TABLE a; DROP TABLE b;";
        database.execute_batch(back).expect("put back");
        site.verify();
    }
}

/// A file that goes bad after it was named, before its entries have left: they stay.
#[tokio::test]
async fn no_entry_leaves_for_a_file_that_has_not_got_it_as_it_was() {
    let shop = Shop::open(0).await;
    let data = shop.site().data();
    let before = shop.latest().replace('-', "").parse().expect("a date");
    let last = shop.last;
    let Shop { machine, gateway, .. } = shop;
    assert!(gateway.stop().success());
    let mut storage = Storage::open(&data, Synchronous::Full).expect("the database");
    let id = storage.meta("installation").expect("readable").expect("an id");
    let installation = Installation(id.try_into().expect("16 bytes"));
    let key = SigningKey::load(&data.join("keys/gateway.p8")).expect("a key");
    let plan = plan(&storage, before, u64::MAX).expect("readable").expect("an old day");
    assert_eq!((plan.first_index, plan.last_index), (1, last));
    let made = make(&storage, &installation, &key, &data, &plan, |_| {}).expect("made");
    let again = make(&storage, &installation, &key, &data, &plan, |_| {}).expect("taken");
    assert_eq!((made.found, again.found, again.sha256), (false, true, made.sha256));
    let stored = Index::open(&made.path).expect("a file");
    let database = rusqlite::Connection::open(data.join(DATABASE)).expect("the database");
    let row = "INSERT INTO archive VALUES (1, ?1, 1, ?2, 1, ?2, ?3, ?4, ?5)";
    let values = rusqlite::params![plan.file, last, stored.bytes, made.sha256, stored.proof];
    assert_eq!(stored.index.end.group, last, "a group an entry, on a quiet day");
    database.execute(row, values).expect("named");
    drop(database);
    let sound = fs::read(&made.path).expect("a file");
    let mut flipped = sound.clone();
    flipped[100] ^= 1;
    fs::write(&made.path, &flipped).expect("a file");
    assert!(storage.leave(3).is_err());
    assert_eq!(storage.first_row().expect("read"), 1, "all of them are there");
    fs::write(&made.path, &sound).expect("a file");
    let wanted = storage.entries(1, last + 2).expect("read");
    // A row that is not what the file has, too.
    let mut changed = wanted[4].record.clone();
    changed[9] ^= 1;
    let database = rusqlite::Connection::open(data.join(DATABASE)).expect("the database");
    let put = |record: &[u8]| {
        database.execute("UPDATE journal SET record = ?1 WHERE idx = 5", [record]).expect("put")
    };
    put(&changed);
    assert!(storage.leave(3).expect("the first three leave"));
    assert!(storage.leave(3).is_err());
    assert_eq!(storage.first_row().expect("read"), 4);
    put(&wanted[4].record);
    while storage.leave(3).expect("they leave") {
        assert_eq!(storage.entries(1, last + 2).expect("read"), wanted, "wherever they are");
        assert_eq!(storage.entries(2, 4).expect("read"), wanted[1..4]);
    }
    assert_eq!(storage.first_row().expect("read"), last + 1);
    for row in &wanted {
        assert_eq!(storage.entry(row.index).expect("read").as_ref(), Some(row));
        let Some(identity) = &row.identity else { continue };
        assert_eq!(storage.find(identity).expect("read"), Some(row.index));
    }
    let first = Identity { terminal: "T0001".into(), generation: 1, stan: 0 };
    let all: Vec<(u32, u64)> = wanted
        .iter()
        .filter_map(|row| Some((row.identity.as_ref()?.stan, row.index)))
        .filter(|(stan, _)| *stan > 0)
        .collect();
    assert_eq!(storage.requests_after(&first, 99).expect("read"), all);
    drop(machine);
}

/// Whoever needs the file says which it is and what to do, and nobody goes on without it.
#[tokio::test]
async fn whoever_needs_a_file_says_that_it_is_gone_or_changed() {
    // More than one block: the last one that was read is remembered, and was right when it was read.
    let shop = Shop::open(6).await;
    shop.archive();
    let other = Shop::open(0).await;
    other.archive();
    let (data, last) = (shop.site().data(), shop.last.to_string());
    let file = files(&data).remove(0);
    let (bytes, others) =
        (fs::read(&file).expect("a file"), fs::read(files(&other.site().data()).remove(0)).expect("a file"));
    let mut flipped = bytes.clone();
    flipped[100] ^= 1;
    let Shop { machine, gateway, mut till, sold, .. } = shop;
    assert!(till.repeat(&sold[0]).await.code().is_approval());
    assert!(gateway.stop().success());

    let put = |content: Option<&[u8]>| match content {
        Some(content) => fs::write(&file, content).expect("a file"),
        None => fs::remove_file(&file).expect("a file"),
    };
    let named = |said: &str, path: &Path| {
        assert!(
            said.contains(path.to_str().expect("a path")) && said.contains("put the file back from a backup"),
            "{said}"
        );
    };
    let cases: [(&str, Option<&[u8]>, bool); 5] = [
        ("gone", None, true),
        ("cut", Some(&bytes[..bytes.len() - 1]), true),
        ("another journal's", Some(&others), true),
        ("empty", Some(&[]), true),
        // A start does not read blocks, or it would take as long as the archive is large.
        ("a block changed", Some(&flipped), false),
    ];
    for (case, content, at_start) in cases {
        put(content);
        let verified = machine.site.run(&["journal", "verify"]);
        assert_eq!(verified.status.code(), Some(1), "{case}");
        named(&verified.json.to_string(), &file);
        let explained = machine.site.run(&["transaction", "explain", &last]);
        assert!(!explained.status.success(), "{case}");
        named(&explained.stderr, &file);
        if at_start {
            let started = machine.site.start_with(&[], &[]);
            named(&started.expect_err(case).stderr, &file);
        }
        put(Some(&bytes));
        machine.site.verify();
    }
    // A backup does not pretend to be whole.
    put(None);
    let backup =
        machine.site.run(&["backup", "--out", machine.site.beside("copy").to_str().expect("a path")]);
    assert!(!backup.status.success() && backup.stderr.contains("000001.svga"), "{}", backup.stderr);
    put(Some(&bytes));

    // While it serves: no answer is made up, and the process ends rather than go on.
    let mut gateway = machine.start();
    // A receipt at the sign-on would have its block read, and remembered, now.
    till.clerk.last_receipt = None;
    let till = till.again(&gateway).await;
    put(Some(&flipped));
    let mut session = till.clerk.session(&gateway).await;
    assert!(session.exchange(&sold[0], true).await.is_err(), "no answer rests on it");
    crate::timekeeping::until("the gateway has ended", || gateway.ended().is_some());
    assert_eq!(gateway.ended().and_then(|status| status.code()), Some(3));
    named(&machine.site.log(), &file);
}
