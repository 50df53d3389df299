//! Power cuts while a shop trades: what was written and not synced is gone. And a disk that fails.
//!
//! SIGKILL alone does not test durability: what a killed process has written is still there. Here the layer in
//! `tests/powerloss` takes it back. The same drill must be red without syncs, or it would show nothing.

#![allow(clippy::arithmetic_side_effects, reason = "test code: an overflow panics, and that fails the test")]

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use gateway::clock::Clock;
use gateway::config::Config;
use gateway::executor::{self, Options, SpaceLimits};
use gateway::keys::{DataDir, fingerprint};
use gateway::metrics::Metrics;
use gateway::server::{self, PinPool, Shared};
use gateway::storage::{Identity, Synchronous};
use protocol::cose::Algorithm;
use protocol::terminal::EnrolmentTicket;
use terminal_sim::oracle::Wallet;
use terminal_sim::rng::Rng;
use terminal_sim::till::SharedOracle;
use terminal_sim::{Act, Card, Terminal, Till, enrolment};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{oneshot, watch};

use crate::disk::{self, Cut, FAIL_AT, FAIL_ERRNO, FAIL_EVER, KILL_AT, cut_power};
use crate::trial::{Bench, TO_OPERATION, Trial, Victim, Wrong, killed, seed, wrong};

const KILLS: u64 = 40;
/// A kill comes at one of so many operations after the last one: a commit is 7 or more.
const OPERATIONS: u64 = 60;
/// The gateway's exit code when it does not start.
const REFUSED: i32 = 1;
/// The gateway's exit code when it cannot know what the disk holds.
const IN_DOUBT: i32 = 3;
const EIO: &str = "5";
const ENOSPC: &str = "28";
const SHORT_WRITE: &str = "0";
/// A gateway that is about to die is dead by then.
const SHORTLY: Duration = Duration::from_millis(500);
/// Environment of a child: its data directory, how hard it presses a commit onto the disk, where it listens.
const DATA: &str = "GATEWAY_CHILD_DATA";
const SYNCHRONOUS: &str = "GATEWAY_CHILD_SYNCHRONOUS";
const LISTEN: &str = "GATEWAY_CHILD_LISTEN";

/// What is run under the layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Process {
    /// `gateway serve`, which knows nothing but FULL.
    Binary,
    /// The same executor and server in a child of this test, told how to sync.
    Library(Synchronous),
}

impl Process {
    fn start(self, bench: &Bench, environment: &[(&str, String)]) -> Result<Victim, ExitStatus> {
        let log = bench.site.beside("log");
        let synchronous = match self {
            Self::Binary => return bench.start(&log, environment),
            Self::Library(Synchronous::Full) => "full",
            Self::Library(Synchronous::Off) => "off",
        };
        let module = module_path!().split_once("::").map_or("", |(_, path)| path);
        let mut child = Command::new(std::env::current_exe().expect("this test"));
        child.args([&format!("{module}::serve_from_the_library"), "--exact", "--ignored", "--nocapture"]);
        child.env(DATA, bench.site.data()).env(SYNCHRONOUS, synchronous).env(LISTEN, &bench.listen);
        bench.launch(child, &log, environment)
    }
}

/// Not a test: a gateway made of the library, until it is killed.
#[test]
#[ignore = "runs as a child of the tests here"]
fn serve_from_the_library() {
    let Some(data) = std::env::var_os(DATA) else { return };
    let data = DataDir(PathBuf::from(data));
    let (config, metrics) = (Config::default(), Arc::new(Metrics::default()));
    let options = Options {
        anchors: data.anchors(),
        data,
        synchronous: match std::env::var(SYNCHRONOUS).as_deref() {
            Ok("off") => Synchronous::Off,
            _ => Synchronous::Full,
        },
        space: SpaceLimits::default(),
        in_flight: config.in_flight,
        heartbeat_s: config.heartbeat_seconds,
        merchant: config.merchant,
        store: config.store,
    };
    let opened = executor::open(options, Clock::system(), Arc::clone(&metrics));
    let (writer, handle, jobs) = opened.unwrap_or_else(|error| panic!("{error}"));
    let tls = server::server_config(writer.gateway_key()).expect("TLS");
    let shared = Arc::new(Shared {
        card_key: writer.card_key(),
        word: writer.word(),
        fingerprint: fingerprint(&writer.gateway_key().spki()),
        installation: handle.installation,
        handle,
        metrics,
        clock: Clock::system(),
        in_flight: config.in_flight,
        heartbeat: Duration::from_secs(u64::from(config.heartbeat_seconds)),
        max_connections: config.max_connections,
        pins: PinPool::default(),
    });
    let (ended, writer_ended) = oneshot::channel();
    std::thread::spawn(move || ended.send(writer.run(&jobs)));
    let (_running, stopping) = watch::channel(false);
    Runtime::new().expect("a runtime").block_on(async {
        let listener = TcpListener::bind(std::env::var(LISTEN).expect("an address")).await.expect("a port");
        let listen = listener.local_addr().expect("its address").to_string();
        println!("\n{}", serde_json::json!({ "listen": listen }));
        tokio::select! {
            served = server::serve(listener, tls, shared, stopping) => panic!("it serves until killed: {served:?}"),
            end = writer_ended => panic!("the writer has ended: {end:?}"),
        }
    });
}

/// A shop that trades through kills at drawn operations, most of them with a power cut. `Err` says what was lost.
fn trade_through_cuts(process: Process, seed: u64) -> Result<String, Wrong> {
    let (mut trial, mut rng) = (Trial::new(seed), Rng::stream(seed, "cuts"));
    let (log, data) = (trial.bench.site.beside("log"), trial.bench.site.data());
    let mut shop = trial.open_shop();
    let (mut cuts, mut lost, mut torn) = (0, 0, 0);
    for number in 0..KILLS {
        // Without a cut the log goes on: what was not synced is still at risk.
        let kill_at = disk::operations(&log).map_err(wrong)? + 1 + rng.below(OPERATIONS);
        let killed_itself = match process.start(&trial.bench, &[(KILL_AT, kill_at.to_string())]) {
            Ok(mut victim) => {
                victim.ended_within(TO_OPERATION);
                victim.kill()
            }
            Err(status) => killed(status),
        };
        killed_itself.map_err(|wrong| format!("kill {number}: {wrong}\n{}", trial.bench.last_words()))?;
        let mode = if rng.chance(1, 4) { None } else { Some(draw_cut(&mut rng)) };
        let report = mode.map(|mode| cut_power(&log, &data, mode).expect("the layer"));
        if let Some(report) = &report {
            (cuts, lost) = (cuts + 1, lost + usize::from(report.unsynced > 0));
            torn += usize::from(report.sectors_undone > 0 && report.sectors_kept > 0);
        }
        trial.bench.audit().map_err(|wrong| format!("kill {number}, {mode:?}: {wrong}; {report:?}"))?;
        shop.check().map_err(|wrong| format!("kill {number}: {wrong}"))?;
    }
    let account = trial.settle(shop, &log)?;
    Ok(format!("{KILLS} kills, {cuts} with a cut; {lost} lost something, {torn} a part; {account}"))
}

fn draw_cut(rng: &mut Rng) -> Cut {
    if rng.chance(1, 2) { Cut::DropAll } else { Cut::Torn { seed: rng.next_u64() } }
}

/// A day so short that a gateway can die at each of its operations: it begins, enrols one terminal, issues one card, which
/// is activated, loaded and spent from, and stops.
struct Day {
    bench: Bench,
    ticket: Option<EnrolmentTicket>,
    card: Option<Card>,
    /// The first and the last operation of the sale's commit, as far as nothing else was written.
    sale: Cell<(u64, u64)>,
}

/// How one gateway's part of a day ended.
#[derive(Debug, PartialEq, Eq)]
enum Life {
    /// The day was over, and the gateway stopped in order.
    Over,
    Died(ExitStatus),
}

impl Day {
    /// With the anchors beside the data, nothing but the database is written there while terminals trade.
    fn new(anchors_beside: bool) -> Self {
        let day = Self { bench: Bench::new(), ticket: None, card: None, sale: Cell::default() };
        if anchors_beside {
            let anchors = day.bench.site.beside("anchors.log");
            fs::write(day.bench.site.data().join("gateway.toml"), format!("anchors = {anchors:?}"))
                .expect("a file");
        }
        day
    }

    fn log(&self) -> PathBuf {
        self.bench.site.beside("log")
    }

    /// Goes on where the last gateway left off. `Err` when a promise is broken.
    fn live(&mut self, environment: &[(&str, String)]) -> Result<Life, Wrong> {
        self.live_until(environment, Victim::terminate)
    }

    /// The same, with another end than SIGTERM when the day is over.
    fn live_until(
        &mut self,
        environment: &[(&str, String)],
        end: impl FnOnce(&Victim),
    ) -> Result<Life, Wrong> {
        let mut victim = match self.bench.start(&self.log(), environment) {
            Ok(victim) => victim,
            Err(status) => return Ok(Life::Died(status)),
        };
        let prepared = self.prepare();
        let traded = match (&prepared, &self.ticket, &self.card) {
            (Ok(()), Some(ticket), Some(card)) => Runtime::new().map_err(wrong)?.block_on(async {
                tokio::select! {
                    traded = self.trade(ticket, card) => Some(traded),
                    _ = victim.end() => None,
                }
            }),
            _ => None,
        };
        match traded {
            Some(Ok(())) => end(&victim),
            Some(Err(wrong)) if victim.ended_within(SHORTLY).is_none() => return Err(wrong),
            Some(Err(_)) | None => {}
        }
        match victim.ended_within(TO_OPERATION) {
            Some(status) if status.success() && traded == Some(Ok(())) => Ok(Life::Over),
            Some(status) => Ok(Life::Died(status)),
            None => Err(format!("it neither works nor dies: {prepared:?} {traded:?}")),
        }
    }

    fn prepare(&mut self) -> Result<(), Wrong> {
        let ask = |arguments: &[&str]| {
            let done = self.bench.site.run(arguments);
            if done.status.success() { Ok(done.json) } else { Err(done.stderr) }
        };
        if self.ticket.is_none() {
            let enrolled = ask(&["terminal", "enroll", "--id", "T0001"])?;
            self.ticket = enrolment::parse(enrolled["enrolment"].as_str().unwrap_or_default()).ok();
        }
        if self.card.is_none() {
            let issued = &ask(&["card", "issue", "--count", "1"])?["cards"][0];
            let text = |field: &str| issued[field].as_str().unwrap_or_default().to_owned();
            self.card = Card::new(&text("reference"), &text("secret"));
        }
        Ok(())
    }

    /// Opens the terminal from its directory, resolves what was left open, and does what is still to be done.
    async fn trade(&self, ticket: &EnrolmentTicket, card: &Card) -> Result<(), Wrong> {
        let oracle = SharedOracle::default();
        let directory = self.bench.site.beside("T0001");
        let mut till = if Terminal::exists(&directory) {
            Till::open(&directory, self.bench.address(), oracle)
        } else {
            Till::enrol(&directory, self.bench.address(), ticket, Algorithm::Es256, oracle).await
        }
        .map_err(wrong)?;
        till.oracle().issue(card.reference);
        till.receipts = Some(self.bench.receipts());
        fs::create_dir_all(self.bench.receipts()).map_err(wrong)?;
        till.resolve().await.map_err(wrong)?;
        loop {
            let (active, wallet) = till.oracle().card(card.reference).unwrap_or_default();
            let act = match (active, wallet.principal, wallet.points) {
                (false, ..) => Act::Activate,
                (true, 0, 0) => Act::Load(100_00),
                (true, _, 0) => Act::Purchase(30_00),
                _ => break,
            };
            let before = disk::operations(&self.log()).map_err(wrong)?;
            let outcome = till.trade(card, act.clone()).await.map_err(wrong)?;
            self.sale.set((before + 1, disk::operations(&self.log()).map_err(wrong)?));
            if !outcome.is_approved() {
                return Err(format!("{act:?}: {outcome:?}"));
            }
            till.terminal.acknowledge(outcome.id);
        }
        let agreed = till.inquire(card).await.map_err(wrong)?;
        let (oracle, spent) = (till.oracle().clone(), Wallet { principal: 70_00, bonus: 5_00, points: 30 });
        if agreed != Some(true) || oracle.card(card.reference) != Some((true, spent)) {
            return Err(format!("{:?}, {:?}", oracle.card(card.reference), oracle.mismatches()));
        }
        till.terminal.sign_off().await.map_err(wrong)
    }

    /// Whether the journal has the sale that the terminal sent and got no answer to.
    fn open_sale(&self) -> Result<bool, Wrong> {
        let terminal =
            Terminal::open(&self.bench.site.beside("T0001"), self.bench.address()).map_err(wrong)?;
        let open = terminal.unfinished();
        let [sale] = open.as_slice() else { return Err(format!("no open sale: {open:?}")) };
        let (generation, stan) = (sale.id.generation.get(), sale.id.stan.get());
        let identity = Identity { terminal: terminal.id().to_string(), generation, stan };
        Ok(self.bench.storage()?.find(&identity).map_err(wrong)?.is_some())
    }

    /// After a life that ended badly: another one without faults, to the end of the day, and all must hold.
    fn recover(&mut self) -> Result<(), Wrong> {
        self.bench.audit()?;
        match self.live(&[])? {
            Life::Over => self.bench.verify().map(drop),
            Life::Died(status) => {
                Err(format!("the next one ended with {status}\n{}", self.bench.last_words()))
            }
        }
    }
}

#[test]
fn power_cuts_at_any_operation_lose_nothing_that_was_acknowledged() {
    let account = trade_through_cuts(Process::Binary, seed());
    println!("{}", account.unwrap_or_else(|wrong| panic!("{wrong}")));
}

#[test]
fn the_same_cuts_find_a_gateway_that_does_not_sync() {
    let seed = seed();
    let account = trade_through_cuts(Process::Library(Synchronous::Full), seed);
    println!("{}", account.unwrap_or_else(|wrong| panic!("{wrong}")));
    let found = trade_through_cuts(Process::Library(Synchronous::Off), seed);
    println!("{}", found.expect_err("it syncs nothing and loses nothing: these tests see nothing"));
}

#[test]
fn sales_that_were_lost_are_missed_at_the_start_and_at_the_next_sign_on() {
    let trial = Trial::new(seed());
    let (bench, log) = (&trial.bench, trial.bench.site.beside("log"));
    let shop = trial.open_shop();
    let robbed = Process::Library(Synchronous::Off).start(bench, &[]).expect("it starts");
    // Long enough for an anchor, and for sales under it and after it.
    std::thread::sleep(Duration::from_secs(2));
    robbed.kill().expect("SIGKILL");
    cut_power(&log, &bench.site.data(), Cut::DropAll).expect("the layer");

    let refused = bench.start(&log, &[]).err().expect("it starts on a journal that is behind its anchor");
    assert_eq!(refused.code(), Some(1));
    assert!(bench.last_words().contains("an anchor names entry"), "{}", bench.last_words());

    fs::remove_file(bench.site.data().join("anchors.log")).expect("anchors");
    let _deceived = bench.start(&log, &[]).expect("without anchors it cannot know");
    let stopped = || bench.site.json(&["status"])["stopped"].as_str().map(str::to_owned);
    let reason = (0..100).find_map(|_| {
        std::thread::sleep(Duration::from_millis(50));
        stopped()
    });
    let reason = reason.expect("terminals that hold receipts have signed on");
    assert!(reason.contains("holds a receipt"), "{reason}");
    drop(shop);
}

/// Lives a first day for each `GATEWAY_CRASH_EVERY`-th operation of one, every 6th unless told otherwise; which of the six
/// is drawn.
fn live_for_each_operation(
    rng: &mut Rng,
    mut live: impl FnMut(&mut Day, u64, &mut Rng) -> Result<(), Wrong>,
) {
    let mut whole = Day::new(false);
    assert_eq!(whole.live(&[]), Ok(Life::Over));
    let last = disk::operations(&whole.log()).expect("the layer's log");
    let every = std::env::var("GATEWAY_CRASH_EVERY").ok().and_then(|every| every.parse().ok()).unwrap_or(6);
    let chosen = (1 + rng.below(every)..=last).step_by(usize::try_from(every).expect("a step"));
    let failures: Vec<String> = chosen
        .filter_map(|operation| {
            let lived = live(&mut Day::new(false), operation, rng);
            lived.err().map(|wrong| format!("operation {operation} of {last}: {wrong}"))
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_gateway_survives_its_death_at_any_operation_of_its_first_day() {
    live_for_each_operation(&mut Rng::stream(seed(), "deaths"), |day, operation, rng| {
        match day.live(&[(KILL_AT, operation.to_string())])? {
            Life::Over => return Ok(()),
            Life::Died(status) => killed(status)?,
        }
        let cut = rng.chance(1, 2).then(|| draw_cut(rng));
        if let Some(mode) = cut {
            cut_power(&day.log(), &day.bench.site.data(), mode).expect("the layer");
        }
        day.recover().map_err(|wrong| format!("{cut:?}: {wrong}"))
    });
}

#[test]
fn a_disk_that_fails_at_any_operation_of_the_first_day_costs_nothing_but_a_restart() {
    const FAULTS: [(&str, &str); 5] =
        [(EIO, "0"), (EIO, "1"), (ENOSPC, "0"), (ENOSPC, "1"), (SHORT_WRITE, "0")];
    live_for_each_operation(&mut Rng::stream(seed(), "faults"), |day, operation, rng| {
        let (errno, ever) = FAULTS[rng.index(FAULTS.len())];
        let fault = [(FAIL_AT, &*operation.to_string()), (FAIL_ERRNO, errno), (FAIL_EVER, ever)];
        let lived = day.live(&fault.map(|(name, value)| (name, value.to_owned())));
        let lived = lived.map_err(|wrong| format!("errno {errno}, ever {ever}: {wrong}"))?;
        match lived {
            Life::Over => day.bench.verify().map(drop),
            Life::Died(status) if [Some(REFUSED), Some(IN_DOUBT)].contains(&status.code()) => day.recover(),
            Life::Died(_) => Err(day.bench.last_words()),
        }
        .map_err(|wrong| format!("errno {errno}, ever {ever}: {lived:?}: {wrong}"))
    });
}

#[test]
fn a_disk_that_fails_in_a_commit_ends_the_gateway_in_doubt_and_a_repeat_resolves_it() {
    const FAULTS: [(&str, &str); 2] = [(EIO, "0"), (ENOSPC, "1")];
    let mut whole = Day::new(true);
    assert_eq!(whole.live(&[]), Ok(Life::Over));
    let (first, last) = whole.sale.get();
    let (mut undone, mut done) = (0, 0);
    for fail_at in first..=last {
        for (errno, ever) in FAULTS {
            let mut day = Day::new(true);
            let mut fail = || -> Result<(), Wrong> {
                let fault = [(FAIL_AT, &*fail_at.to_string()), (FAIL_ERRNO, errno), (FAIL_EVER, ever)];
                match day.live(&fault.map(|(name, value)| (name, value.to_owned())))? {
                    Life::Died(status) if status.code() == Some(IN_DOUBT) => {}
                    other => return Err(format!("{other:?}\n{}", day.bench.last_words())),
                }
                *(if day.open_sale()? { &mut done } else { &mut undone }) += 1;
                day.recover()
            };
            let failed = fail();
            assert_eq!(failed, Ok(()), "operation {fail_at} of {first} to {last}, errno {errno}");
        }
    }
    println!("operations {first} to {last}: {undone} sales were undone, {done} were done");
    assert!(undone > 0 && done > 0, "a commit that fails is undecided");
}

#[test]
fn what_a_killed_gateway_had_not_synced_is_synced_before_the_next_one_answers_with_it() {
    let mut whole = Day::new(true);
    assert_eq!(whole.live(&[]), Ok(Life::Over));
    let (_, sync) = whole.sale.get();
    let mut day = Day::new(true);
    let died = day.live(&[(KILL_AT, sync.to_string())]).expect("a life");
    assert!(matches!(died, Life::Died(status) if killed(status).is_ok()), "{died:?}");
    assert_eq!(day.open_sale(), Ok(true), "it is in the log file, and nobody knows it");

    // The repeat gets its answer, and then the power goes.
    let died = day.live_until(&[], Victim::strike).expect("a life");
    assert!(matches!(died, Life::Died(status) if killed(status).is_ok()), "{died:?}");
    let report = cut_power(&day.log(), &day.bench.site.data(), Cut::DropAll).expect("the layer");
    assert_eq!(day.recover(), Ok(()), "{report:?}");
}
