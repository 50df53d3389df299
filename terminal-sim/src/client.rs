//! A connection to a gateway: TLS with both keys checked, then frames. It knows nothing of transactions.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use protocol::field::Fingerprint;
use protocol::frame::{Frame, Incoming, MessageType};
use protocol::hello::Hello;
use rustls_pki_types::ServerName;
use tokio::io::{ReadHalf, WriteHalf, split};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::{Broken, Error};
use crate::frames::{FrameReader, FrameWriter};
use crate::keys::{GatewayKey, TerminalKey};
use crate::tls::{ALPN, client_config, spki};

/// The encrypted stream.
pub type Stream = TlsStream<TcpStream>;

/// Makes connections with one terminal's key to one pinned gateway.
#[derive(Clone)]
pub struct Dialler {
    connector: TlsConnector,
    patience: Duration,
}

impl Dialler {
    /// `patience` bounds the connection with its handshake and Hello.
    pub fn new(key: &TerminalKey, gateway: Fingerprint, patience: Duration) -> Result<Self, Error> {
        let connector = TlsConnector::from(Arc::new(client_config(key, gateway)?));
        Ok(Dialler { connector, patience })
    }

    /// Connects to `address` (`host:port`), and reads the Hello.
    pub async fn connect(&self, address: &str) -> Result<Connection, Error> {
        timeout(self.patience, self.connect_patiently(address)).await.map_err(|_| Error::Timeout)?
    }

    async fn connect_patiently(&self, address: &str) -> Result<Connection, Error> {
        let socket = TcpStream::connect(address).await.map_err(Error::Lost)?;
        socket.set_nodelay(true).map_err(Error::Lost)?;
        let name = ServerName::try_from("gateway.invalid").map_err(|e| Error::Usage(e.to_string()))?;
        let stream = self.connector.connect(name, socket).await.map_err(handshake_error)?;
        let (_, session) = stream.get_ref();
        if session.alpn_protocol() != Some(ALPN) {
            return Err(Broken::Contradiction("the ALPN name that was asked for".into()).into());
        }
        let certificate = session.peer_certificates().and_then(<[_]>::first);
        let gateway = certificate
            .and_then(|certificate| spki(certificate).ok())
            .and_then(GatewayKey::from_spki)
            .ok_or_else(|| Broken::unreadable("gateway key")(&"not P-256"))?;
        let (reader, writer) = split(stream);
        let (mut reader, writer) = (FrameReader::new(reader), FrameWriter::new(writer));
        let hello = read_hello(&mut reader).await?;
        Ok(Connection { reader, writer, hello, gateway })
    }
}

async fn read_hello(reader: &mut FrameReader<ReadHalf<Stream>>) -> Result<Hello, Error> {
    let unreadable = Broken::unreadable("Hello");
    match reader.next().await? {
        Incoming::Frame(frame) if frame.kind == MessageType::HELLO && frame.correlation == 0 => {
            Ok(Hello::decode(&frame.body).map_err(|error| unreadable(&error))?)
        }
        other => Err(unreadable(&format_args!("the first frame is {other:?}")).into()),
    }
}

/// A refused certificate shows up only as an alert, on either side's word.
fn handshake_error(error: io::Error) -> Error {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(_)) => Error::OtherGateway,
        _ => Error::Lost(error),
    }
}

/// An open connection after its Hello.
pub struct Connection {
    /// Frames from the gateway.
    pub reader: FrameReader<ReadHalf<Stream>>,
    /// Frames to the gateway.
    pub writer: FrameWriter<WriteHalf<Stream>>,
    /// The gateway's first frame.
    pub hello: Hello,
    /// The key whose fingerprint was pinned; it seals receipts.
    pub gateway: GatewayKey,
}

impl Connection {
    /// Sends a frame.
    pub async fn send(&mut self, frame: &Frame) -> Result<(), Error> {
        self.writer.queue(frame)?;
        self.writer.flush().await
    }

    /// Sends bytes as they are.
    pub async fn send_raw(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.writer.queue_raw(bytes);
        self.writer.flush().await
    }

    /// The next frame that is no heartbeat. Cancel-safe.
    pub async fn next_frame(&mut self) -> Result<Frame, Error> {
        loop {
            if let Incoming::Frame(frame) = self.reader.next().await? {
                return Ok(frame);
            }
        }
    }

    /// Ends the connection with a TCP reset: whatever is under way in either direction is lost.
    pub fn reset(self) {
        let stream = self.reader.into_inner().unsplit(self.writer.into_inner());
        // A socket that cannot be set is closed in the ordinary way, which cuts the connection too.
        let _ = stream.get_ref().0.set_zero_linger();
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("hello", &self.hello).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Dialler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialler").field("patience", &self.patience).finish_non_exhaustive()
    }
}
