//! A gateway in this process, for these tests alone: sockets, sessions, and frames. What it answers is the ledger's.

use std::sync::{Arc, Mutex};

use protocol::field::{EnrolmentCode, Fingerprint, Hex, Nonce, ProtocolVersion, UnixSeconds};
use protocol::frame::{Frame, Incoming, MessageType};
use protocol::hello::Hello;
use protocol::terminal::EnrolmentTicket;
use rustls::crypto::{ring, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer, UnixTime};
use terminal_sim::frames::{FrameReader, FrameWriter};
use terminal_sim::{Address, Card};
use tokio::io::split;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::ledger::{Ledger, Lie, SECRET};

/// The code of every terminal of these tests.
pub(crate) const CODE: &str = "7K3QZ9XW2M4RT8VNB6HD";

pub(crate) struct Gateway {
    pub(crate) address: Address,
    pub(crate) ledger: Arc<Mutex<Ledger>>,
    fingerprint: Fingerprint,
    listener: JoinHandle<()>,
}

impl Gateway {
    /// A gateway that tells one lie, or none.
    pub(crate) async fn start(lie: Lie) -> Self {
        let ledger = Ledger::new(lie);
        let (fingerprint, config) = (ledger.key.fingerprint(), server_config(&ledger));
        let ledger = Arc::new(Mutex::new(ledger));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = Address::Fixed(listener.local_addr().unwrap().to_string());
        let (acceptor, shared) = (TlsAcceptor::from(Arc::new(config)), ledger.clone());
        let listener = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(acceptor.clone(), socket, shared.clone()));
            }
        });
        Gateway { address, ledger, fingerprint, listener }
    }

    pub(crate) fn ticket(&self, terminal: &str) -> EnrolmentTicket {
        let text = format!("svgp1:{terminal}:{CODE}:{}", Hex(&self.fingerprint.0));
        text.parse().unwrap()
    }

    /// Issues a card.
    pub(crate) fn card(&self, number: u64) -> Card {
        let reference = protocol::field::CardReference::from_parts(number).unwrap();
        self.ledger.lock().unwrap().issue(reference);
        Card::new(&reference.digits().to_string(), SECRET).unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// The code that a ticket of these tests has.
pub(crate) fn is_code(code: &EnrolmentCode) -> bool {
    code.expose() == CODE
}

async fn serve(acceptor: TlsAcceptor, socket: TcpStream, ledger: Arc<Mutex<Ledger>>) {
    if ledger.lock().unwrap().away {
        return;
    }
    let Ok(stream) = acceptor.accept(socket).await else { return };
    let (reader, writer) = split(stream);
    let (mut reader, mut writer) = (FrameReader::new(reader), FrameWriter::new(writer));
    let hello = Hello {
        installation: ledger.lock().unwrap().installation,
        nonce: Nonce([3; 16]),
        time: UnixSeconds::MIN,
        protocol_version: ProtocolVersion::MIN,
    };
    let hello = Frame {
        repeat: false,
        kind: MessageType::HELLO,
        correlation: 0,
        body: hello.encode(),
        sidecar: Vec::new(),
    };
    writer.queue(&hello).unwrap();
    loop {
        if writer.flush().await.is_err() {
            return;
        }
        match reader.next().await {
            _ if ledger.lock().unwrap().away => return,
            Ok(Incoming::Heartbeat) => writer.queue_heartbeat(),
            Ok(Incoming::Frame(frame)) => {
                let answer = ledger.lock().unwrap().answer(&frame);
                writer.queue(&answer).unwrap();
                if frame.kind == MessageType::SIGN_OFF {
                    let _ = writer.flush().await;
                    return;
                }
            }
            Err(_) => return,
        }
    }
}

fn server_config(ledger: &Ledger) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let key = PrivatePkcs8KeyDer::from(ledger.key.pkcs8().to_vec());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(Arc::new(AnyKey))
        .with_single_cert(vec![ledger.key.certificate().unwrap()], key.into())
        .unwrap();
    config.alpn_protocols = vec![b"svgp/1".to_vec()];
    config.send_tls13_tickets = 0;
    config
}

/// Lets every key in: who it is, these tests know.
#[derive(Debug)]
struct AnyKey;

impl ClientCertVerifier for AnyKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Err(rustls::PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &ring::default_provider().signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
