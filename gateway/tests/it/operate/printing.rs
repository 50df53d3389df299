//! What a command prints may be cut short by whoever reads it, or by a full disk: neither is a panic, and only the second is an error.

use std::fs::OpenOptions;
use std::process::{Command, Stdio};

use crate::harness::{BINARY, Site};
use crate::till::Till;

/// Runs a command whose output goes there; the exit code, and what it said of errors.
fn printed(site: &Site, words: &[&str], to: Stdio) -> (Option<i32>, String) {
    let done = Command::new(BINARY)
        .args(words)
        .env("NO_COLOR", "1")
        .arg("--data")
        .arg(site.data())
        .stdin(Stdio::null())
        .stdout(to)
        .stderr(Stdio::piped())
        .output();
    let done = done.expect("the gateway's binary");
    (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
}

/// A pipe that nobody reads.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    Stdio::from(writer)
}

fn full() -> Stdio {
    Stdio::from(OpenOptions::new().write(true).open("/dev/full").expect("a full device"))
}

#[tokio::test]
async fn no_command_panics_when_nobody_reads_it_and_a_full_disk_is_an_error() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    till.sell(&site, 2, &[100_00]).await;
    let day = site.json(&["status"])["business_date"].as_str().expect("a date").to_owned();
    let out = site.beside("out").display().to_string();
    let commands: &[&[&str]] = &[
        &["--help"],
        &["--version"],
        &["day", "close", "--help"],
        &["status"],
        &["terminal", "list"],
        &["operator", "list"],
        &["cashier", "list"],
        &["card", "issue", "--count", "3"],
        &["act", "list"],
        &["exception", "list"],
        &["programme", "list"],
        &["programme", "show"],
        &["journal", "verify"],
        &["alerts"],
        &["day", "show"],
        &["day", "close", "--dry-run"],
        &["report", "liability"],
        &["report", "interstore", "--day", &day],
        &["report", "exceptions", "--day", &day],
        &["report", "bonus", "--day", &day],
        &["report", "breakage", "--day", &day],
        &["export", "key"],
        &["export", "accounts"],
        &["export", "--day", &day, "--out", &out],
        &["reconcile", "--print-map"],
        &["day", "show", "--json"],
        &["report", "bonus", "--day", &day, "--json"],
    ];
    for words in commands {
        let (code, said) = printed(&site, words, Stdio::null());
        assert_eq!(code, Some(0), "{words:?} {said}");
        let (code, said) = printed(&site, words, closed_pipe());
        assert_eq!(code, Some(0), "{words:?} {said}");
        assert!(!said.contains("panicked") && !said.contains("error"), "{words:?} {said}");
        let (code, said) = printed(&site, words, full());
        assert_eq!(code, Some(1), "{words:?} {said}");
        assert!(said.contains("is not whole") && !said.contains("panicked"), "{words:?} {said}");
    }
    // What is refused is refused by the same code, whoever reads it; and nobody has to read why.
    let wrong = ["day", "show", "--day", "1999-12-31", "--json"];
    assert_eq!(printed(&site, &wrong, closed_pipe()).0, Some(1));
    assert_eq!(printed(&site, &["day", "nonsense"], closed_pipe()).0, Some(2));
    let silent = Command::new(BINARY)
        .args(wrong)
        .arg("--data")
        .arg(site.data())
        .stdout(closed_pipe())
        .stderr(closed_pipe())
        .status();
    assert_eq!(silent.expect("the gateway's binary").code(), Some(1), "and no panic");
    // A close whose page nobody could print is a close.
    let (code, said) = printed(&site, &["day", "close", "--yes"], full());
    assert_eq!(code, Some(1));
    assert!(said.contains("what it did is done"), "{said}");
    let status = site.json(&["status"]);
    assert_eq!(status["closed_through"], status["day_by_clock"]);
}
