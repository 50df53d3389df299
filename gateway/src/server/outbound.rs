//! The writing half of a session: one task that owns the socket's sending side and its time limit.

use std::time::Duration;

use protocol::frame::{Frame, HEARTBEAT, MessageType};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tracing::debug;

use crate::executor::Reply;

/// A peer that takes nothing for so long is cut off.
const WRITE_TIME: Duration = Duration::from_secs(10);
/// Frames that wait for a slow peer; more make the reader of that session wait.
const WAITING_FRAMES: usize = 64;
/// Frames that are ready together leave in one write, up to this many bytes.
const BATCH_BYTES: usize = 16 * 1024;

/// Where a session puts what it wants to send.
#[derive(Debug, Clone)]
pub(super) struct Outbound(mpsc::Sender<Vec<u8>>);

impl Outbound {
    /// Starts the writing task; it ends when every clone is gone, or the peer is.
    pub(super) fn start(
        socket: impl AsyncWrite + Unpin + Send + 'static,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(WAITING_FRAMES);
        (Self(sender), tokio::spawn(write_all(socket, receiver)))
    }

    /// False when the peer is gone.
    pub(super) async fn heartbeat(&self) -> bool {
        self.0.send(HEARTBEAT.to_vec()).await.is_ok()
    }

    /// False when the peer is gone.
    pub(super) async fn frame(&self, frame: &Frame) -> bool {
        let mut bytes = Vec::new();
        if frame.encode(&mut bytes).is_err() {
            // Every answer's size is bounded by PROTOCOL.md section 14.
            debug!(kind = ?frame.kind, "an answer was too large to send");
            return false;
        }
        self.0.send(bytes).await.is_ok()
    }

    /// An answer to a request of type `request`. False when the peer is gone.
    pub(super) async fn reply(&self, request: MessageType, correlation: u32, reply: Reply) -> bool {
        let kind = if request == MessageType::REJECT { request } else { request.answer() };
        let frame =
            Frame { repeat: reply.repeat, kind, correlation, body: reply.body, sidecar: reply.sidecar };
        self.frame(&frame).await
    }
}

async fn write_all(mut socket: impl AsyncWrite + Unpin, mut frames: mpsc::Receiver<Vec<u8>>) {
    while let Some(mut bytes) = frames.recv().await {
        while bytes.len() < BATCH_BYTES
            && let Ok(more) = frames.try_recv()
        {
            bytes.extend(more);
        }
        let written = async {
            socket.write_all(&bytes).await?;
            socket.flush().await
        };
        match tokio::time::timeout(WRITE_TIME, written).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => {
                debug!("the peer does not read; cut off");
                return;
            }
        }
    }
    // A clean end of TLS; the peer may be gone already.
    drop(tokio::time::timeout(WRITE_TIME, socket.shutdown()).await);
}
