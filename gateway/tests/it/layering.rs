//! Dependencies point one way; a rule that nobody checks is a wish.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_path_buf()
}

/// Every Rust file under a folder of the workspace: its path there, and its code without comments.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in
            std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path())
        {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&entry).expect("a file");
                let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
                let name = entry.strip_prefix(root()).expect("inside").display().to_string();
                found.push((name, code.collect::<Vec<_>>().join("\n")));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has no sources");
    found
}

/// Asserts that no file of `folder`, but for those that end as `except` says, has any of the words.
fn nobody_says(folder: &str, words: &[&str], except: &[&str]) {
    for (name, code) in sources(folder) {
        if except.iter().any(|end| name.ends_with(end)) {
            continue;
        }
        for word in words {
            assert!(!code.contains(word), "{name} says {word:?}");
        }
    }
}

#[test]
fn the_rules_know_no_wire_storage_clock_or_runtime() {
    let elsewhere = [
        "protocol::",
        "rusqlite",
        "serde",
        "tokio",
        "minicbor",
        "ring::",
        "tracing::",
        "std::fs",
        "std::io",
        "std::net",
        "std::thread",
        "std::time",
        "Timestamp::now",
        "crate::storage",
        "crate::journal",
        "crate::executor",
        "crate::server",
        "crate::translate",
        "crate::clock",
        "crate::cli",
        "crate::admin",
        "crate::keys",
    ];
    nobody_says("gateway/src/domain", &elsewhere, &[]);
    // And nothing else of the gateway either, however it will be called.
    for (name, code) in sources("gateway/src/domain") {
        let outside = code.match_indices("crate::").find(|(at, _)| !code[*at..].starts_with("crate::domain"));
        assert!(outside.is_none(), "{name} reaches out of the rules: {outside:?}");
    }
}

#[test]
fn only_storage_speaks_sql() {
    nobody_says(
        "gateway/src",
        &[
            "rusqlite::",
            "SELECT ",
            "INSERT INTO",
            "UPDATE ",
            "DELETE FROM",
            "PRAGMA ",
            "CREATE TABLE",
            "DROP TABLE",
        ],
        &[
            "gateway/src/storage/archive.rs",
            "gateway/src/storage/mod.rs",
            "gateway/src/storage/members.rs",
            "gateway/src/storage/schema.rs",
            "gateway/src/executor/scrub.rs", // its test damages rows
        ],
    );
}

#[test]
fn only_the_clock_reads_time_and_randomness() {
    let readers = [
        "SystemTime",
        "Timestamp::now()",
        "SystemRandom::new",
        "Zoned::now",
        "TimeZone::system",
        "thread_rng",
    ];
    nobody_says("gateway/src", &readers, &["gateway/src/clock.rs"]);
    // Deadlines of a connection, and how long something took: no transaction depends on them.
    let measuring = ["gateway/src/clock.rs", "gateway/src/server/session.rs"];
    nobody_says("gateway/src", &["Instant::now"], &measuring);
    nobody_says(
        "gateway/src",
        &[".elapsed()"],
        &["gateway/src/executor/writer.rs", "gateway/src/metrics.rs"],
    );
    nobody_says("gateway/src/domain", &["Instant", "elapsed"], &[]);
    nobody_says("terminal-sim/src", &readers, &["terminal-sim/src/clock.rs"]);
    nobody_says("protocol/src", &readers, &[]);
}

#[test]
fn the_simulator_shares_nothing_with_the_gateway_but_the_wire() {
    nobody_says(
        "terminal-sim/src",
        &["use gateway", "gateway::domain", "gateway::journal", "gateway::storage"],
        &[],
    );
    let manifest = std::fs::read_to_string(root().join("terminal-sim/Cargo.toml")).expect("a manifest");
    assert!(!manifest.lines().any(|line| line.starts_with("gateway")), "terminal-sim depends on the gateway");
}

#[test]
fn the_protocol_needs_no_std_and_one_crate() {
    let lib = std::fs::read_to_string(root().join("protocol/src/lib.rs")).expect("lib.rs");
    assert!(lib.contains("#![no_std]"));
    let manifest = std::fs::read_to_string(root().join("protocol/Cargo.toml")).expect("a manifest");
    let section = manifest.split("[dependencies]").nth(1).and_then(|rest| rest.split("\n[").next());
    let crates: Vec<&str> =
        section.expect("dependencies").lines().filter(|line| !line.trim().is_empty()).collect();
    assert_eq!(crates, ["minicbor.workspace = true"]);
}

#[test]
fn the_gateway_uses_the_simulator_in_tests_and_examples_alone() {
    nobody_says("gateway/src", &["terminal_sim"], &[]);
}
