//! A gateway process of a test's own, on loopback, in a directory that goes with it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use serde_json::Value;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_gateway");

/// A data directory that may outlive several gateway processes.
#[derive(Debug)]
pub(crate) struct Site {
    directory: tempfile::TempDir,
}

/// A running gateway; killed when dropped.
#[derive(Debug)]
pub(crate) struct Gateway {
    child: Child,
    /// `127.0.0.1:PORT` for terminals.
    pub(crate) listen: String,
    /// `127.0.0.1:PORT` for `/metrics` and `/healthz`.
    pub(crate) metrics: String,
    /// SHA-256 of the gateway's key, in hex.
    pub(crate) fingerprint: String,
}

/// What a command of the command line came to.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) status: ExitStatus,
    /// What `--json` printed.
    pub(crate) json: Value,
    pub(crate) stderr: String,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a temporary directory") }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// A place beside the data, for terminals' state, exports and the like.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Starts the gateway and waits until it listens.
    pub(crate) fn start(&self) -> Gateway {
        self.start_with(&[], &[]).expect("the gateway starts")
    }

    /// Starts the gateway with more arguments and environment; `Err` is what it wrote before it ended.
    pub(crate) fn start_with(
        &self,
        arguments: &[&str],
        environment: &[(String, String)],
    ) -> Result<Gateway, Done> {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.beside("gateway.log"))
            .expect("a log file");
        let mut child = Command::new(BINARY)
            .args(["serve", "--listen", "127.0.0.1:0", "--json", "--data"])
            .arg(self.data())
            .args(arguments)
            .envs(environment.iter().cloned())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the gateway's binary");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("its first line");
        match serde_json::from_str::<Value>(&line) {
            Ok(said) => {
                let text = |field: &str| said[field].as_str().expect("a text").to_owned();
                let (listen, metrics, fingerprint) = (text("listen"), text("metrics"), text("fingerprint"));
                Ok(Gateway { child, listen, metrics, fingerprint })
            }
            Err(_) => {
                let status = child.wait().expect("its end");
                Err(Done { status, json: Value::Null, stderr: self.log() })
            }
        }
    }

    /// What every gateway here has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.beside("gateway.log")).unwrap_or_default()
    }

    /// Runs a command of the gateway's command line.
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        run(&self.data(), arguments)
    }

    /// Runs a command that must succeed.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let done = self.run(arguments);
        assert!(done.status.success(), "{arguments:?}: {} {}", done.json, done.stderr);
        done.json
    }

    /// Operators beside the owner: the first is added by the owner alone, the others by these two.
    pub(crate) fn operators(&self, names: &[&str]) {
        let (first, others) = names.split_first().expect("a name");
        self.json(&["operator", "add", "--name", first]);
        others.iter().for_each(|name| self.add_by_two(name, first));
    }

    /// Another operator, added by the owner and this one.
    pub(crate) fn add_by_two(&self, name: &str, second: &str) {
        let waiting = self.json(&["operator", "add", "--name", name, "--by-two"]);
        let number = waiting["proposal"].to_string();
        self.json(&["act", "confirm", "--number", &number, "--operator", second]);
    }

    /// Enrolment string of a new terminal.
    pub(crate) fn enrolment(&self, terminal: &str, role: &str) -> String {
        let answer = self.json(&["terminal", "enroll", "--id", terminal, "--role", role]);
        answer["enrolment"].as_str().expect("an enrolment").to_owned()
    }

    /// New cards: (reference, secret).
    pub(crate) fn cards(&self, count: u32) -> Vec<(String, String)> {
        let answer = self.json(&["card", "issue", "--count", &count.to_string()]);
        let cards = answer["cards"].as_array().expect("cards");
        let text = |card: &Value, field: &str| card[field].as_str().expect("a text").to_owned();
        cards.iter().map(|card| (text(card, "reference"), text(card, "secret"))).collect()
    }

    /// `journal verify`, which must find nothing wrong; and every entry that rules have priced comes out again when it is worked
    /// out from the journal alone, with lines that come to what they say why of.
    pub(crate) fn verify(&self) -> Value {
        let done = self.run(&["transaction", "explain", "1", "--to", &u64::MAX.to_string()]);
        let entries = done.json.as_array().expect("entries");
        let differ = entries.iter().filter(|entry| entry["same"] == Value::Bool(false));
        assert_eq!(differ.collect::<Vec<_>>(), Vec::<&Value>::new(), "{}", done.stderr);
        entries.iter().for_each(adds_up);
        self.json(&["journal", "verify"])["report"].clone()
    }
}

/// Runs a command on any data directory.
pub(crate) fn run(data: &Path, arguments: &[&str]) -> Done {
    run_with(data, arguments, &[])
}

/// The same with more environment.
pub(crate) fn run_with(data: &Path, arguments: &[&str], environment: &[(String, String)]) -> Done {
    let output = Command::new(BINARY)
        .args(arguments)
        .envs(environment.iter().cloned())
        .arg("--json")
        .arg("--data")
        .arg(data)
        .stdin(Stdio::null())
        .output()
        .expect("the gateway's binary");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    Done {
        status: output.status,
        json: serde_json::from_str(stdout.trim()).unwrap_or(Value::String(stdout)),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Gateway {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, and waits for the end.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("its end");
    }

    /// SIGTERM, and waits for the end.
    pub(crate) fn stop(mut self) -> ExitStatus {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("kill");
        assert!(sent.success(), "SIGTERM");
        self.child.wait().expect("its end")
    }

    /// How it ended, when it ended by itself.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("its state")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An answer's lines come to what changed on its card: of each point currency, what is pending with it; of the bonus where rules gave
/// or took some. A payment takes bonus as it does principal, and says so by its changes alone.
fn adds_up(entry: &Value) {
    let Some(card) = entry["card"].as_str() else { return };
    let number = |value: &Value| value.as_i64().expect("a number");
    let legs = entry["postings"].as_array().expect("postings");
    let ends = |leg: Option<&Value>| {
        leg.is_some_and(|leg| ["breakage", "points-release"].iter().any(|name| leg["account"] == *name))
    };
    let mut changed: BTreeMap<i64, i64> = BTreeMap::new();
    let by_rules = legs.iter().any(|leg| leg["account"] == "bonus-expense");
    for (at, leg) in legs.iter().enumerate() {
        let kind = number(&leg["kind"]);
        let counts = kind >= 16 || kind == 2 && by_rules;
        // What had ended before it stands in front of the account that it went to.
        if leg["card"]["card"] == card && counts && !ends(legs.get(at + 1)) {
            *changed.entry(if kind >= 48 { kind - 32 } else { kind }).or_default() += number(&leg["amount"]);
        }
    }
    let mut said: BTreeMap<i64, i64> = BTreeMap::new();
    // What others got by it stands on their cards.
    let rules = entry["rules"].as_array().expect("rules").iter();
    for line in rules.filter(|line| line["other_card"].is_null()) {
        *said.entry(number(&line["kind"])).or_default() += number(&line["result"]);
    }
    said.remove(&0);
    changed.retain(|_, change| *change != 0);
    said.retain(|_, result| *result != 0);
    assert_eq!(said, changed, "what the lines say, and what changed: {entry:#}");
}
