//! Whoever finds the port: wrong protocols, wrong versions, wrong keys; and honest terminals on terrible networks.

use std::sync::Arc;

use protocol::code::ResponseCode;
use protocol::cose::Algorithm;
use protocol::field::Generation;
use protocol::frame::{Incoming, MessageType};
use protocol::hello::Hello;
use protocol::request::{Body, RequestSidecar};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use terminal_sim::Error;
use terminal_sim::client::Connection;
use terminal_sim::frames::{FrameReader, FrameWriter};
use terminal_sim::keys::{GatewayKey, TerminalKey};
use terminal_sim::session::Session;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::counter::{Clerk, PATIENCE, cards, get, last_index, purchase};
use crate::harness::{Gateway, Site};

/// The protocol's name (section 1).
const ALPN: &str = "svgp/1";

/// A client that believes any server, with the ALPN names and the certificate that the test wants.
fn client(alpn: &[&str], key: Option<&TerminalKey>) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Believer));
    let mut config = match key {
        Some(key) => {
            let pkcs8 = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.pkcs8().to_vec()));
            builder.with_client_auth_cert(vec![key.certificate().expect("a certificate")], pkcs8)
        }
        .expect("a client's certificate"),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

#[derive(Debug)]
struct Believer;

impl ServerCertVerifier for Believer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

async fn handshake(socket: TcpStream, config: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("gateway.invalid").expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, socket).await
}

/// A connection of this key over a socket that the test has made.
pub(super) async fn connect_over(socket: TcpStream, key: &TerminalKey) -> Connection {
    let stream = handshake(socket, client(&[ALPN], Some(key))).await.expect("a handshake");
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).expect("a certificate");
    let spki = gateway::server::spki_of(certificate).expect("a key");
    let (reader, writer) = split(stream);
    let mut reader = FrameReader::new(reader);
    let Incoming::Frame(frame) = reader.next().await.expect("a Hello") else { panic!("a heartbeat") };
    let hello = Hello::decode(&frame.body).expect("a Hello");
    let gateway = GatewayKey::from_spki(spki).expect("a P-256 key");
    Connection { reader, writer: FrameWriter::new(writer), hello, gateway }
}

/// Whether the gateway said Hello to this client.
async fn is_greeted(gateway: &Gateway, config: ClientConfig) -> bool {
    let socket = TcpStream::connect(&gateway.listen).await.expect("a socket");
    // Under TLS 1.3 the client may be done before the server has seen its certificate: only Hello counts.
    let Ok(mut stream) = handshake(socket, config).await else { return false };
    let mut byte = [0];
    matches!(timeout(PATIENCE, stream.read(&mut byte)).await.expect("in time"), Ok(1))
}

#[tokio::test]
async fn only_the_protocols_own_name_and_a_key_that_it_knows_are_greeted() {
    let site = Site::new();
    let gateway = site.start();
    let key = TerminalKey::generate(Algorithm::Es256).expect("a key");
    let ed25519 = TerminalKey::generate(Algorithm::EdDsa).expect("a key");
    assert!(is_greeted(&gateway, client(&[ALPN], Some(&key))).await);
    assert!(is_greeted(&gateway, client(&[ALPN], Some(&ed25519))).await);
    assert!(is_greeted(&gateway, client(&["h2", ALPN], Some(&key))).await, "one of several names");
    for alpn in [&[][..], &["h2"], &["svgp/2"], &["svgp/1\0"], &["SVGP/1"], &["svgp/"]] {
        assert!(!is_greeted(&gateway, client(alpn, Some(&key))).await, "{alpn:?}");
    }
    assert!(!is_greeted(&gateway, client(&[ALPN], None)).await, "no certificate");
    let (status, page) = get(&gateway, "/metrics");
    assert!(status.contains("200"));
    assert!(page.contains("gateway_refused_connections_total{reason=\"handshake\"}"), "{page}");
}

/// A ClientHello of TLS 1.2: no `supported_versions`.
fn client_hello_1_2() -> Vec<u8> {
    let extensions: &[&[u8]] = &[
        &[0, 10, 0, 4, 0, 2, 0, 23],      // supported_groups: P-256
        &[0, 11, 0, 2, 1, 0],             // ec_point_formats: uncompressed
        &[0, 13, 0, 6, 0, 4, 4, 3, 8, 7], // signature_algorithms
        &[0, 16, 0, 9, 0, 7, 6, b's', b'v', b'g', b'p', b'/', b'1'], // ALPN
    ];
    let extensions = extensions.concat();
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 4, 0xc0, 0x2b, 0xc0, 0x2c, 1, 0]);
    body.extend(u16::try_from(extensions.len()).expect("short").to_be_bytes());
    body.extend(extensions);
    let length = u16::try_from(body.len()).expect("short");
    let mut record = vec![0x16, 3, 1];
    record.extend((length + 4).to_be_bytes());
    record.extend([1, 0]);
    record.extend(length.to_be_bytes());
    record.extend(body);
    record
}

#[tokio::test]
async fn tls_1_2_and_things_that_are_no_tls_are_turned_away() {
    let site = Site::new();
    let gateway = site.start();
    let clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let mut session = clerk.session(&gateway).await;
    let talk = async |bytes: &[u8]| {
        let mut socket = TcpStream::connect(&gateway.listen).await.expect("a socket");
        socket.write_all(bytes).await.expect("sent");
        let mut said = Vec::new();
        // The end may come as a reset.
        drop(timeout(PATIENCE, socket.read_to_end(&mut said)).await.expect("the gateway ends it"));
        said
    };
    let alert = talk(&client_hello_1_2()).await;
    assert_eq!(alert, [0x15, 3, 3, 0, 2, 2, 70], "a fatal alert: protocol_version");
    let noise: Vec<u8> = (0..4096_u32).map(|n| u8::try_from(n * n % 251).expect("a byte")).collect();
    for garbage in [
        &b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"[..],
        b"\0\0",
        &[0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10, 1, 0, 0x80, 3, 0, 0x80],
        &[0x16, 3, 1, 0xff, 0xff, 1],
        &[0x16, 3, 1, 0, 0],
        &noise,
    ] {
        let said = talk(garbage).await;
        assert!(said.len() <= 7, "nothing but an alert: {said:02x?}");
    }
    let question = session.question(Body::Echo, &RequestSidecar::default()).expect("a question");
    assert_eq!(session.exchange(&question, false).await.expect("an answer").code(), ResponseCode::APPROVED);
}

/// Passes bytes on in pieces of this size, each in a packet of its own.
async fn in_pieces(to: String, size: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(&to).await.expect("the gateway");
            for socket in [&near, &far] {
                socket.set_nodelay(true).expect("no delay");
            }
            let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
            for (mut from, mut onto) in [(near_in, far_out), (far_in, near_out)] {
                tokio::spawn(async move {
                    let mut buffer = [0; 4096];
                    while let Ok(read @ 1..) = from.read(&mut buffer).await {
                        for piece in buffer[..read].chunks(size) {
                            if onto.write_all(piece).await.is_err() {
                                return;
                            }
                            tokio::task::yield_now().await;
                        }
                    }
                    let _ = onto.shutdown().await;
                });
            }
        }
    });
    address
}

#[tokio::test]
async fn a_network_that_passes_single_bytes_is_slow_and_nothing_else() {
    let site = Site::new();
    let gateway = site.start();
    let card = cards(&site, 1).remove(0);
    for size in [1, 3] {
        let name = format!("T000{size}");
        let mut clerk = Clerk::enrol(&site, &gateway, &name, "register").await;
        let through = in_pieces(gateway.listen.clone(), size).await;
        let socket = TcpStream::connect(through).await.expect("a socket");
        socket.set_nodelay(true).expect("no delay");
        let connection = connect_over(socket, &clerk.identity.key).await;
        let identity = clerk.identity.clone();
        let mut session = Session::sign_on(connection, identity, 0, None, PATIENCE).await.expect("signed on");
        if size == 1 {
            clerk.fill(&mut session, &card, &[100_00]).await;
        }
        let answer = clerk.deal(&mut session, purchase(&card, 1_00), &card).await;
        assert_eq!(answer.code(), ResponseCode::APPROVED);
    }
    site.verify();
}

#[tokio::test]
async fn a_key_that_is_nobodys_gets_no_further_than_enrolment() {
    let site = Site::new();
    let gateway = site.start();
    let clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let string = site.enrolment("T0002", "register");
    let index = last_index(&gateway);
    let thief = Clerk {
        identity: terminal_sim::session::Identity {
            key: Arc::new(TerminalKey::generate(Algorithm::Es256).expect("a key")),
            ..clerk.identity.clone()
        },
        ..clerk.clone()
    };
    // With a name that exists, one that waits for its enrolment, and one that does not exist.
    for name in ["T0001", "T0002", "T9999"] {
        let mut thief = thief.clone();
        thief.identity.terminal = name.parse().expect("a name");
        let refused = thief.try_session(&gateway).await.expect_err("no session");
        assert!(
            matches!(refused, Error::Refused { code: ResponseCode::TERMINAL_NOT_ACTIVE, .. }),
            "{refused}"
        );
    }
    // Another terminal's channel does not help: what is signed on one connection is worth nothing on another.
    let mine = clerk.session(&gateway).await;
    let question = mine.question(Body::Echo, &RequestSidecar::default()).expect("a question");
    let mut other = clerk.session(&gateway).await;
    let replayed = other.exchange(&question, false).await.expect("an answer");
    assert_eq!(replayed.code(), ResponseCode::SECURITY_VIOLATION, "the nonce of another connection");
    let mut stranger = thief.connect(&gateway).await;
    stranger.send(&question.frame(9, false)).await.expect("sent");
    let frame = stranger.next_frame().await.expect("an answer");
    assert_eq!(frame.kind, MessageType::ECHO.answer());
    let answer = protocol::answer::Answer::decode(&frame.body).expect("an answer");
    assert_eq!(
        answer.code,
        ResponseCode::TERMINAL_NOT_ACTIVE,
        "signed by T0001, on another key's connection"
    );
    assert_eq!(last_index(&gateway), index);
    let key = TerminalKey::generate(Algorithm::EdDsa).expect("a key");
    let (late, answer) = Clerk::try_enrol(&gateway.listen, &string, key).await;
    assert_eq!(answer.expect("the code still holds").generation, Some(Generation::FIRST));
    late.session(&gateway).await;
}
