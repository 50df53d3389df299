//! Power cuts while a shop trades: what was written and not synced is gone. And a disk that fails.
//!
//! SIGKILL alone does not test durability: what a killed process has written is still there. Here the layer in
//! `tests/powerloss` takes it back. The same drill must be red without syncs, or it would show nothing.

#![allow(clippy::arithmetic_side_effects, reason = "test code: an overflow panics, and that fails the test")]

use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use gateway::clock::Clock;
use gateway::config::Config;
use gateway::executor::{self, Options, SpaceLimits};
use gateway::keys::{DataDir, fingerprint};
use gateway::metrics::Metrics;
use gateway::server::{self, Shared};
use gateway::storage::Synchronous;
use terminal_sim::rng::Rng;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::disk::{Cut, KILL_AT, cut_power};
use crate::trial::{Bench, TO_OPERATION, Trial, Victim, Wrong, killed, seed};

const CUTS: u64 = 30;
/// A cut comes at one of so many operations: a commit is 7 or more.
const OPERATIONS: u64 = 60;
/// Environment of a child: its data directory, and how hard it presses a commit onto the disk.
const DATA: &str = "GATEWAY_CHILD_DATA";
const SYNCHRONOUS: &str = "GATEWAY_CHILD_SYNCHRONOUS";

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
        child.env(DATA, bench.site.data()).env(SYNCHRONOUS, synchronous);
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
        fingerprint: fingerprint(&writer.gateway_key().spki()),
        installation: handle.installation,
        handle,
        metrics,
        clock: Clock::system(),
        in_flight: config.in_flight,
        heartbeat: Duration::from_secs(u64::from(config.heartbeat_seconds)),
        max_connections: config.max_connections,
    });
    std::thread::spawn(move || writer.run(&jobs));
    let (_running, stopping) = watch::channel(false);
    let served = Runtime::new().expect("a runtime").block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("\n{}", serde_json::json!({ "listen": listener.local_addr()?.to_string() }));
        server::serve(listener, tls, shared, stopping).await
    });
    served.expect("it serves until it is killed");
}

/// A shop that trades through power cuts at drawn operations. `Err` says what was lost.
fn trade_through_cuts(process: Process, seed: u64) -> Result<String, Wrong> {
    let (mut trial, mut rng) = (Trial::new(seed), Rng::stream(seed, "cuts"));
    let (log, data) = (trial.bench.site.beside("log"), trial.bench.site.data());
    let mut shop = trial.open_shop();
    let (mut lost, mut torn, mut operations) = (0, 0, 0);
    for number in 0..CUTS {
        let kill_at = 1 + rng.below(OPERATIONS);
        match process.start(&trial.bench, &[(KILL_AT, kill_at.to_string())]) {
            Ok(mut victim) => {
                victim.ended_within(TO_OPERATION);
                victim.kill()?;
            }
            Err(status) => killed(status).map_err(|wrong| {
                format!("cut {number}: it does not start: {wrong}\n{}", trial.bench.last_words())
            })?,
        }
        let mode = draw_cut(&mut rng);
        let report = cut_power(&log, &data, mode).expect("the layer");
        (operations, lost) = (operations + report.operations, lost + usize::from(report.unsynced > 0));
        torn += usize::from(report.sectors_undone > 0 && report.sectors_kept > 0);
        trial.bench.audit().map_err(|wrong| format!("cut {number}, {mode:?}: {wrong}; {report:?}"))?;
        shop.check().map_err(|wrong| format!("cut {number}: {wrong}"))?;
    }
    let account = trial.settle(shop, &log)?;
    Ok(format!("{CUTS} cuts of {operations} operations, {lost} lost something, {torn} a part; {account}"))
}

fn draw_cut(rng: &mut Rng) -> Cut {
    if rng.chance(1, 2) { Cut::DropAll } else { Cut::Torn { seed: rng.next_u64() } }
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
