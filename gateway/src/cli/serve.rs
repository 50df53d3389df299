//! `gateway serve`.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tracing::{error, info};
use tracing_subscriber::EnvFilter;

use super::Common;
use crate::admin::socket;
use crate::clock::Clock;
use crate::config::Config;
use crate::executor::{self, InDoubt, Options, SpaceLimits};
use crate::keys::{fingerprint, hex};
use crate::metrics::Metrics;
use crate::server::{self, PinPool, Shared};
use crate::storage::Synchronous;

/// In doubt: nothing more may be said before a restart has looked at the disk.
const EXIT_IN_DOUBT: u8 = 3;

/// How the server came to its end.
enum End {
    Asked,
    InDoubt(String),
}

pub(super) fn serve(common: &Common, listen: Option<SocketAddr>, config: Option<&Path>) -> ExitCode {
    log_to_stderr(common.json);
    match run(common, listen, config) {
        Ok(End::Asked) => ExitCode::SUCCESS,
        Ok(End::InDoubt(reason)) => {
            eprintln!(
                "in doubt: {reason}. Nothing more was answered. Start again; the journal says what happened."
            );
            ExitCode::from(EXIT_IN_DOUBT)
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(1)
        }
    }
}

/// Structured logs on standard error: for people, or one JSON object a line. `RUST_LOG` says how much.
fn log_to_stderr(json: bool) {
    let wanted =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,refinery_core=warn"));
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(wanted);
    if json {
        log.json().flatten_event(true).init();
    } else {
        log.with_ansi(std::io::stderr().is_terminal()).init();
    }
}

fn run(common: &Common, listen: Option<SocketAddr>, config: Option<&Path>) -> Result<End> {
    let data = common.directory();
    data.create()?;
    let config = Config::load(config, &data.config())?;
    let lock = std::fs::File::create(data.lock()).context("making the lock file")?;
    lock.try_lock().with_context(|| {
        format!("another gateway serves {}; two on the same data would corrupt it", data.0.display())
    })?;

    let metrics = Arc::new(Metrics::default());
    let options = Options {
        anchors: config.anchors.clone().unwrap_or_else(|| data.anchors()),
        data: data.clone(),
        synchronous: Synchronous::Full,
        space: SpaceLimits {
            loads_bytes: config.stop_loads_below_mib << 20,
            sales_bytes: config.stop_sales_below_mib << 20,
        },
        in_flight: config.in_flight,
        heartbeat_s: config.heartbeat_seconds,
        merchant: config.merchant.clone(),
        store: config.store.clone(),
    };
    let (writer, handle, jobs) = executor::open(options, Clock::system(), Arc::clone(&metrics))?;
    let tls = server::server_config(writer.gateway_key())?;
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
    let thread = std::thread::Builder::new().name("writer".into()).spawn(move || {
        let end = writer.run(&jobs);
        // The queue is gone from here on: whoever waits for an answer gets none.
        drop(jobs);
        let _ = ended.send(());
        end
    })?;
    let (scrub_on, scrub_off) = std::sync::mpsc::channel();
    let scrubbed = (data.0.clone(), shared.handle.clone());
    let scrubber = std::thread::Builder::new()
        .name("scrub".into())
        .spawn(move || executor::scrub(&scrubbed.0, &scrubbed.1, &scrub_off))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(trade(common, &config, listen, tls, Arc::clone(&shared), writer_ended));
    drop((shared, scrub_on));
    runtime.shutdown_timeout(Duration::from_secs(1));
    // The scrubber holds a way to the writer, which ends when nobody has one any more.
    drop(scrubber.join());
    let end = thread.join().map_err(|_| anyhow::anyhow!("panic in the writer"));
    drop(lock);
    match (served, end) {
        (_, Ok(Err(doubt))) => Ok(End::InDoubt(chain(&doubt))),
        (_, Err(panic)) => Ok(End::InDoubt(panic.to_string())),
        (Err(error), Ok(Ok(()))) => Err(error),
        (Ok(()), Ok(Ok(()))) => Ok(End::Asked),
    }
}

fn chain(doubt: &InDoubt) -> String {
    error!(%doubt, "in doubt");
    doubt.to_string()
}

/// Serves until a signal comes or the writer ends.
async fn trade(
    common: &Common,
    config: &Config,
    listen: Option<SocketAddr>,
    tls: Arc<rustls::ServerConfig>,
    shared: Arc<Shared>,
    writer_ended: oneshot::Receiver<()>,
) -> Result<()> {
    let data = common.directory();
    let address = listen.unwrap_or(config.listen);
    let terminals = TcpListener::bind(address).await.with_context(|| format!("listening on {address}"))?;
    let metrics = TcpListener::bind(config.metrics)
        .await
        .with_context(|| format!("listening on {}", config.metrics))?;
    let admin = socket::listen(&data.socket())?;
    // Whoever reads the announcement may stop the gateway at once.
    let (mut term, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    announce(common, terminals.local_addr()?, metrics.local_addr()?, &shared);

    let (stop, stopping) = watch::channel(false);
    let admin = tokio::spawn(socket::serve(admin, shared.handle.clone()));
    let http =
        tokio::spawn(server::serve_metrics(metrics, Arc::clone(&shared.metrics), shared.handle.clone()));
    let serving = tokio::spawn(server::serve(terminals, tls, shared, stopping));
    tokio::select! {
        _ = term.recv() => info!("SIGTERM: draining"),
        _ = interrupt.recv() => info!("interrupted: draining"),
        _ = writer_ended => error!("the writer has ended"),
    }
    let _ = stop.send(true);
    drop(serving.await);
    admin.abort();
    http.abort();
    drop((admin.await, http.await));
    drop(std::fs::remove_file(data.socket()));
    Ok(())
}

fn announce(common: &Common, listen: SocketAddr, metrics: SocketAddr, shared: &Shared) {
    let data = common.data.display().to_string();
    let fingerprint = hex(&shared.fingerprint);
    if common.json {
        println!(
            "{}",
            json!({ "listen": listen.to_string(), "metrics": metrics.to_string(), "data": data, "fingerprint": fingerprint })
        );
        return;
    }
    println!("The gateway listens on {listen}.");
    println!("  data         {data} (keys/ holds the private keys: back them up, show them to nobody)");
    println!("  fingerprint  {fingerprint}");
    println!("  metrics      http://{metrics}/metrics and /healthz");
    println!("  next         gateway terminal enroll --data {data} --id T0001");
    println!("               gateway card issue --data {data} --count 10");
}
