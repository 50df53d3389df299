//! Killed at every step, by whichever process: each entry is in the database or in a file that holds, and the same command goes on.

use std::fs;

use crate::disk::{Cut, KILL_AT, Shim, cut_power, operations};
use crate::harness::run_with;

use super::{Shop, files};

#[tokio::test]
async fn a_command_that_is_killed_at_any_step_is_taken_up_by_the_next() {
    let shop = Shop::open(0).await;
    let (site, data, latest) = (shop.site(), shop.site().data(), shop.latest());
    let shim = Shim::build().expect("the layer");
    // The cut below is for this folder alone, because the gateway goes on beside it.
    fs::create_dir(data.join("archive")).expect("a directory");
    let (mut kill_at, mut left_files) = (1, 0);
    loop {
        let log = site.beside(&format!("log-{kill_at}"));
        fs::create_dir(&log).expect("a directory");
        let mut environment = shim.env(&data, &log);
        environment.push((KILL_AT.to_owned(), kill_at.to_string()));
        let done = run_with(&data, &["archive", "--before", &latest], &environment);
        // What the command had not synced is gone, too.
        if operations(&log).is_ok() {
            cut_power(&log, &data.join("archive"), Cut::DropAll).expect("the layer");
        }
        let rows = shop.storage().first_row().expect("a number");
        let named = shop.storage().archives().expect("rows").len();
        let report = site.json(&["journal", "verify"]);
        assert_eq!(report["ok"], true, "killed at {kill_at}");
        if done.status.success() {
            assert_eq!((named, rows), (1, shop.last + 1));
            break;
        }
        assert_eq!((named, rows), (0, 1), "nothing leaves before the file is whole: killed at {kill_at}");
        left_files +=
            usize::from(files(&data).iter().any(|file| file.extension().is_some_and(|end| end == "svga")));
        kill_at += 1;
    }
    assert!(kill_at > 5, "it was killed {kill_at} times");
    assert!(left_files > 0, "a file that was whole and named by nobody was taken up");
    let alone: Vec<_> = files(&data);
    assert_eq!(alone.len(), 1, "no half file is left: {alone:?}");
    site.verify();
}

/// The gateway dies while the act is journalled and while rows leave; it goes on at the next start.
#[tokio::test]
async fn a_gateway_that_is_killed_while_rows_leave_goes_on_at_its_next_start() {
    let shop = Shop::open(0).await;
    let (data, latest, last) = (shop.site().data(), shop.latest(), shop.last);
    shop.machine.site.cards(1);
    let shim = Shim::build().expect("the layer");
    let Shop { machine, gateway, till, sold, .. } = shop;
    shop_ends(gateway);
    let (mut in_both, mut kills) = (0, 0);
    for kill_at in (1..).step_by(2) {
        let log = machine.site.beside(&format!("log-{kill_at}"));
        fs::create_dir(&log).expect("a directory");
        let mut environment = shim.env(&data, &log);
        environment.push((KILL_AT.to_owned(), kill_at.to_string()));
        let started = machine.site.start_with(&[], &environment);
        let archived = machine.site.run(&["archive", "--before", &latest]).status.success();
        if let Ok(gateway) = started {
            gateway.kill();
        }
        let storage = gateway::storage::Storage::open_read_only(&data).expect("the database");
        let (first, named) =
            (storage.first_row().expect("a number"), storage.archives().expect("rows").len());
        in_both += usize::from(named == 1 && first <= last);
        kills += 1;
        for index in [1, last, last + 1] {
            assert!(storage.entry(index).expect("readable").is_some(), "entry {index}, killed at {kill_at}");
        }
        drop(storage);
        assert_eq!(machine.site.json(&["journal", "verify"])["ok"], true, "killed at {kill_at}");
        if archived || first > last {
            break;
        }
    }
    println!("{kills} kills, {in_both} of them while rows were in both places");
    let gateway = machine.site.start();
    crate::timekeeping::until("the rest has left", || {
        gateway::storage::Storage::open_read_only(&data)
            .and_then(|storage| storage.first_row())
            .expect("a number")
            > last
    });
    let mut till = till.again(&gateway).await;
    assert!(till.repeat(&sold[0]).await.code().is_approval());
    machine.site.verify();
}

fn shop_ends(gateway: crate::harness::Gateway) {
    assert!(gateway.stop().success());
}
