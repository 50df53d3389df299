//! Sockets: accepts terminals, bounds what strangers can cost, drains at the end.

mod http;
mod outbound;
mod pins;
mod proving;
mod session;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use protocol::field::Installation;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, info, warn};

pub use http::serve_metrics;
pub use pins::{PinPool, stretch};
pub use tls::{server_config, spki_of};

use crate::clock::Clock;
use crate::executor::Handle;
use crate::keys::CardKey;
use crate::metrics::Metrics;
use crate::translate::GatewayWord;

/// Time for a TLS handshake, queueing for a place included.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// Handshakes at once: each costs about a millisecond of a core, so a flood cannot starve those who trade.
const HANDSHAKES: usize = 32;
/// Pause after the system had no file descriptor for a new connection.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);
/// Time that open requests get at shutdown.
const DRAIN_TIME: Duration = Duration::from_secs(20);

/// What every session shares.
#[derive(Debug)]
pub struct Shared {
    pub handle: Handle,
    pub card_key: Arc<CardKey>,
    pub metrics: Arc<Metrics>,
    pub clock: Clock,
    pub installation: Installation,
    /// What grants are checked with.
    pub word: GatewayWord,
    /// SHA-256 of the gateway's SubjectPublicKeyInfo.
    pub fingerprint: [u8; 32],
    pub in_flight: u16,
    pub heartbeat: Duration,
    pub max_connections: usize,
    pub pins: PinPool,
}

/// Accepts terminals until `stopping` turns true, then drains.
///
/// # Errors
/// When the listener breaks for good.
pub async fn serve(
    listener: TcpListener,
    config: Arc<rustls::ServerConfig>,
    shared: Arc<Shared>,
    mut stopping: watch::Receiver<bool>,
) -> Result<()> {
    let acceptor = TlsAcceptor::from(config);
    let connections = Arc::new(Semaphore::new(shared.max_connections));
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
    let mut sessions = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stop| *stop) => break,
            Some(_) = sessions.join_next() => continue,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "no connection could be accepted; trying again");
                shared.metrics.connection_refused("accept");
                tokio::time::sleep(ACCEPT_BACK_OFF).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&connections).try_acquire_owned() else {
            shared.metrics.connection_refused("too many connections");
            continue;
        };
        let (acceptor, handshakes, shared) = (acceptor.clone(), Arc::clone(&handshakes), Arc::clone(&shared));
        let stopping = stopping.clone();
        sessions.spawn(async move {
            let _permit = permit;
            shared.metrics.connections().inc();
            connection(stream, peer, acceptor, handshakes, &shared, stopping).await;
            shared.metrics.connections().dec();
        });
    }
    drop(listener);
    let open = sessions.len();
    info!(open, "draining");
    let drained =
        tokio::time::timeout(DRAIN_TIME, async { while sessions.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        warn!(
            left = sessions.len(),
            "some connections did not end in time; their requests are safe to repeat"
        );
    }
    Ok(())
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: TlsAcceptor,
    handshakes: Arc<Semaphore>,
    shared: &Arc<Shared>,
    stopping: watch::Receiver<bool>,
) {
    let handshake = async {
        stream.set_nodelay(true)?;
        // Who has said nothing costs nothing but its place among the connections: it keeps nobody from a handshake.
        stream.peek(&mut [0]).await?;
        let _place = handshakes.acquire().await.context("closing")?;
        let tls = acceptor.accept(stream).await?;
        let (_, session) = tls.get_ref();
        anyhow::ensure!(session.alpn_protocol() == Some(tls::ALPN), "no ALPN");
        let certificates = session.peer_certificates().unwrap_or_default();
        let spki = certificates.first().and_then(spki_of).context("no certificate")?;
        Ok((tls, spki))
    };
    match tokio::time::timeout(HANDSHAKE_TIME, handshake).await {
        Ok(Ok((tls, spki))) => session::run(tls, peer, spki, Arc::clone(shared), stopping).await,
        Ok(Err(error)) => {
            shared.metrics.connection_refused("handshake");
            debug!(%peer, %error, "handshake failed");
        }
        Err(_) => {
            shared.metrics.connection_refused("handshake time");
            debug!(%peer, "handshake took too long");
        }
    }
}
