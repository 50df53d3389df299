//! Gateways that die, shops that trade with them, and what must hold afterwards.
//!
//! `GATEWAY_CRASH_SEED=7 cargo test -p gateway --test it` draws everything but the timing from another seed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use gateway::journal::record::{Origin, Record};
use gateway::journal::sha256;
use gateway::keys::{PublicKey, SigningKey};
use gateway::storage::Storage;
use protocol::receipt::ReceiptFile;
use protocol::terminal::EnrolmentTicket;
use terminal_sim::shop::{self, Report};
use terminal_sim::{Address, Card, Terminal, enrolment};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::disk::Shim;
use crate::harness::{BINARY, Site};

/// A gateway that is to die at an operation waits for a customer at most so long: terminals pause for up to 2 s.
pub(crate) const TO_OPERATION: Duration = Duration::from_secs(5);
const TERMINALS: [&str; 4] = ["T0001", "T0002", "T0003", "T0004"];
const CARDS: u32 = 20;
/// Acts of one run of the shop; then it compares every card, and begins the next run.
const ACTS: u64 = 40;
/// Terminals must outlast all kills that happen to hit them, also on a machine that takes seconds for a start.
const PATIENCE: Duration = Duration::from_secs(900);
const SIGKILL: i32 = 9;

/// What does not hold, for people.
pub(crate) type Wrong = String;

pub(crate) fn wrong(error: impl std::fmt::Display) -> Wrong {
    error.to_string()
}

/// Looks every millisecond whether something has come, for so long and no longer, however slow the machine is.
#[expect(
    clippy::disallowed_methods,
    reason = "how long a test waits for a process; nothing is decided by it"
)]
pub(crate) fn within<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    loop {
        let found = look();
        if found.is_some() || began.elapsed() > limit {
            return found;
        }
        sleep(Duration::from_millis(1));
    }
}

/// The seed of this run.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("GATEWAY_CRASH_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or(1);
    println!("GATEWAY_CRASH_SEED={seed}");
    seed
}

/// A data directory, the layer that its gateways run under, and the receipts that terminals were given.
pub(crate) struct Bench {
    pub(crate) site: Site,
    shim: Shim,
    /// Where its gateways listen. The port of one that died must not become that of another test's gateway, which would be taken for
    /// a stranger: each bench has an address of its own.
    pub(crate) listen: String,
    /// Receipts that were found to be in the journal.
    audited: BTreeSet<PathBuf>,
}

/// A gateway process that may die at any time; killed when dropped.
pub(crate) struct Victim(Child);

impl Bench {
    pub(crate) fn new() -> Self {
        let site = Site::new();
        fs::create_dir(site.data()).expect("a data directory");
        static BENCHES: AtomicU8 = AtomicU8::new(2);
        let listen = format!("127.0.0.{}:0", BENCHES.fetch_add(1, Ordering::Relaxed));
        Self { site, shim: Shim::build().expect("the layer"), listen, audited: BTreeSet::new() }
    }

    /// Where terminals look for the gateway of the day.
    pub(crate) fn address(&self) -> Address {
        Address::File(self.site.beside("gateway.json"))
    }

    pub(crate) fn receipts(&self) -> PathBuf {
        self.site.beside("receipts")
    }

    pub(crate) fn storage(&self) -> Result<Storage, Wrong> {
        Storage::open_read_only(&self.site.data()).map_err(wrong)
    }

    /// `gateway serve` under the layer, which logs to `log`; `Err` with its end when it does not come to listening.
    pub(crate) fn start(&self, log: &Path, environment: &[(&str, String)]) -> Result<Victim, ExitStatus> {
        let mut serve = Command::new(BINARY);
        serve.args(["serve", "--listen", &self.listen, "--json", "--data"]).arg(self.site.data());
        self.launch(serve, log, environment)
    }

    /// [`Bench::start`] of a gateway that has no reason not to.
    pub(crate) fn start_well(&self, log: &Path, environment: &[(&str, String)]) -> Result<Victim, Wrong> {
        let started = self.start(log, environment);
        started.map_err(|status| format!("it does not start: {status}\n{}", self.last_words()))
    }

    /// Starts a process that says in a line of JSON where it listens.
    pub(crate) fn launch(
        &self,
        mut command: Command,
        log: &Path,
        environment: &[(&str, String)],
    ) -> Result<Victim, ExitStatus> {
        fs::create_dir_all(log).expect("a directory");
        let said = File::options().create(true).append(true).open(self.site.beside("gateway.log"));
        let mut child = command
            .envs(self.shim.env(&self.site.data(), log))
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(said.expect("a log file"))
            .spawn()
            .expect("the gateway's binary");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let Some(listens) = lines.find(|line| line.starts_with('{')) else {
            return Err(child.wait().expect("its end"));
        };
        fs::write(self.site.beside("gateway.json"), listens).expect("a file");
        Ok(Victim(child))
    }

    /// The end of what all gateways here have logged.
    pub(crate) fn last_words(&self) -> String {
        let log = self.site.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }

    /// Every final answer that a terminal holds is in the journal, at the place that its receipt names, with the request
    /// and the answer to the byte. To be asked while no gateway runs; then the receipts are the promises that stand.
    pub(crate) fn audit(&mut self) -> Result<(), Wrong> {
        for entry in fs::read_dir(self.receipts()).into_iter().flatten() {
            let path = entry.map_err(wrong)?.path();
            // A file that is just being written is looked at the next time.
            if !self.audited.contains(&path)
                && let Ok(receipt) = ReceiptFile::decode(&fs::read(&path).map_err(wrong)?)
            {
                self.check(&receipt).map_err(|wrong| format!("{}: {wrong}", path.display()))?;
                self.audited.insert(path);
            }
        }
        Ok(())
    }

    fn check(&self, receipt: &ReceiptFile) -> Result<(), Wrong> {
        let key = SigningKey::load(&self.site.data().join("keys/gateway.p8")).map_err(wrong)?.spki();
        let key = PublicKey::from_spki(&key).ok_or("the gateway's key is none")?;
        let verify = |message: &[u8], signature: &[u8]| key.verify(message, signature);
        let index = receipt.check(sha256, &verify).map_err(wrong)?.place.index;
        let row = self.storage()?.entry(index).map_err(wrong)?;
        let row = row.ok_or_else(|| format!("entry {index} was acknowledged and is not in the journal"))?;
        let (record, details) = Record::decode(&row.record).map_err(wrong)?;
        let same_request = matches!(&record.origin, Origin::Terminal { message, signed }
            if *message == receipt.kind.0 && signed == receipt.request.as_bytes());
        let same_answer = record.answer.as_deref() == Some(receipt.answer.as_bytes());
        if same_request && same_answer && sha256(&[details]) == receipt.details_hash.0 {
            return Ok(());
        }
        Err(format!("entry {index} is another one than its receipt says: {record:?}"))
    }

    /// The journal by its own verification, and every receipt; the gateway was stopped in order.
    pub(crate) fn verify(&mut self) -> Result<String, Wrong> {
        self.audit()?;
        let held = fs::read_dir(self.receipts()).map_or(0, Iterator::count);
        if held != self.audited.len() {
            return Err(format!("{held} receipts, {} of them whole", self.audited.len()));
        }
        let verified = self.site.run(&["journal", "verify"]);
        if !verified.status.success() {
            return Err(format!("journal verify: {} {}", verified.json, verified.stderr));
        }
        Ok(format!("{held} receipts, journal: {}", verified.json["report"]))
    }
}

/// A shop with its cards, and a bench on which its gateway dies.
pub(crate) struct Trial {
    pub(crate) bench: Bench,
    cards: Vec<Card>,
    enrolments: Vec<EnrolmentTicket>,
    seed: u64,
}

/// The shop, in a thread of its own: it trades, run after run, until it is closed or something is wrong.
pub(crate) struct Shop {
    stop: watch::Sender<Stop>,
    thread: Option<JoinHandle<Result<Vec<Report>, Wrong>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    No,
    AfterThisRun,
    Now,
}

impl Trial {
    /// A gateway that has begun, has issued its cards and enrolled its terminals; stopped in order.
    pub(crate) fn new(seed: u64) -> Self {
        let bench = Bench::new();
        let first = bench.site.start();
        fs::write(bench.site.beside("gateway.json"), format!(r#"{{"listen":"{}"}}"#, first.listen))
            .expect("a file");
        let ticket = |name: &&str| enrolment::parse(&bench.site.enrolment(name, "register"));
        let enrolments = TERMINALS.iter().map(|name| ticket(name).expect("an enrolment")).collect();
        let card = |(reference, secret): &(String, String)| Card::new(reference, secret).expect("a card");
        let cards = bench.site.cards(CARDS).iter().map(card).collect();
        let trial = Self { bench, cards, enrolments, seed };
        let no_acts = shop::Options { transactions: 0, ..trial.options() };
        let enrolled = Runtime::new().expect("a runtime").block_on(shop::run(no_acts)).expect("enrolled");
        assert!(enrolled.is_right() && enrolled.is_complete(), "{enrolled}");
        assert!(first.stop().success(), "{}", trial.bench.last_words());
        fs::remove_file(trial.bench.site.beside("gateway.json")).expect("removed");
        trial
    }

    fn options(&self) -> shop::Options {
        shop::Options {
            address: self.bench.address(),
            state: self.bench.site.beside("shop"),
            cards: self.cards.clone(),
            corporate: Vec::new(),
            people: Vec::new(),
            enrolments: self.enrolments.clone(),
            seed: self.seed,
            transactions: ACTS,
            faults: true,
            receipts: Some(self.bench.receipts()),
            patience: PATIENCE,
        }
    }

    /// The shop begins to trade.
    pub(crate) fn open_shop(&self) -> Shop {
        let (stop, stopping) = watch::channel(Stop::No);
        let options = self.options();
        Shop { stop, thread: Some(std::thread::spawn(move || trade(options, &stopping))) }
    }

    /// The account at the end: every run of the shop was right, requests that are repeated get the answers that they got,
    /// to the byte, every receipt is in the journal, and the journal verifies.
    pub(crate) fn settle(&mut self, shop: Shop, log: &Path) -> Result<String, Wrong> {
        let last = self.bench.start_well(log, &[])?;
        let runs = shop.close()?.len();
        self.repeat_receipts()?;
        last.stop()?;
        Ok(format!("{runs} runs, {}", self.bench.verify()?))
    }

    /// Sends the bytes of decided requests again: the answers must be those of before.
    fn repeat_receipts(&self) -> Result<(), Wrong> {
        let runtime = Runtime::new().map_err(wrong)?;
        for ticket in &self.enrolments {
            let name = ticket.terminal.as_str();
            let opened = Terminal::open(&self.bench.site.beside("shop").join(name), self.bench.address());
            let mut terminal = opened.map_err(wrong)?;
            let own =
                |path: &&PathBuf| path.file_name().is_some_and(|f| f.to_string_lossy().starts_with(name));
            for path in self.bench.audited.iter().filter(own) {
                let receipt = ReceiptFile::decode(&fs::read(path).map_err(wrong)?).map_err(wrong)?;
                let repeated = runtime.block_on(terminal.repeat_proof(&receipt)).map_err(wrong)?;
                if !repeated.is_final() {
                    return Err(format!("{}: repeated and not decided: {repeated:?}", path.display()));
                }
            }
        }
        Ok(())
    }
}

/// Run after run, each with the same terminals and cards and a seed of its own.
fn trade(mut options: shop::Options, stopping: &watch::Receiver<Stop>) -> Result<Vec<Report>, Wrong> {
    let runtime = Runtime::new().map_err(wrong)?;
    let mut reports = Vec::new();
    while *stopping.borrow() == Stop::No {
        let mut aborted = stopping.clone();
        let run = runtime.block_on(async {
            tokio::select! {
                run = shop::run(options.clone()) => Some(run),
                _ = aborted.wait_for(|stop| *stop == Stop::Now) => None,
            }
        });
        let Some(run) = run else { break };
        let report = run.map_err(|error| format!("the shop: {:#}", anyhow::Error::new(error)))?;
        if !report.is_right() || !report.is_complete() {
            return Err(report.to_string());
        }
        reports.push(report);
        options.seed = options.seed.wrapping_add(1);
    }
    runtime.shutdown_background();
    Ok(reports)
}

impl Victim {
    /// How it ended, when it ended by itself.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("its state")
    }

    /// The same, after waiting for it.
    pub(crate) fn ended_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        within(limit, || self.ended())
    }

    /// The same, for a task.
    pub(crate) async fn end(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// SIGKILL, if it still runs, and its end.
    pub(crate) fn finish_off(mut self) -> ExitStatus {
        drop(self.0.kill());
        self.0.wait().expect("its end")
    }

    /// SIGKILL, if it still runs. It must have ended by SIGKILL and by nothing else.
    pub(crate) fn kill(self) -> Result<(), Wrong> {
        killed(self.finish_off())
    }

    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    /// SIGKILL.
    pub(crate) fn strike(&self) {
        self.signal("-KILL");
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.0.id().to_string()]).status();
        assert!(sent.expect("kill").success(), "{name}");
    }

    /// SIGTERM, and its end in order.
    pub(crate) fn stop(mut self) -> Result<(), Wrong> {
        self.terminate();
        let status = self.0.wait().expect("its end");
        if status.success() { Ok(()) } else { Err(format!("asked to stop, it ended with {status}")) }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub(crate) fn killed(status: ExitStatus) -> Result<(), Wrong> {
    if status.signal() == Some(SIGKILL) { Ok(()) } else { Err(format!("it ended by itself: {status}")) }
}

impl Shop {
    /// `Err` with its account when it has stopped by itself.
    pub(crate) fn check(&mut self) -> Result<(), Wrong> {
        match self.thread.take_if(|thread| thread.is_finished()) {
            None => Ok(()),
            Some(thread) => thread.join().expect("the shop's thread").map(drop),
        }
    }

    /// Ends after the run that is under way, and gives the accounts of all.
    fn close(mut self) -> Result<Vec<Report>, Wrong> {
        self.stop.send_replace(Stop::AfterThisRun);
        self.thread.take().expect("it trades").join().expect("the shop's thread")
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.stop.send_replace(Stop::Now);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
