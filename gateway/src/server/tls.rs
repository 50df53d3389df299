//! TLS 1.3 on both sides, keys pinned, names and dates ignored (PROTOCOL.md section 1).

use std::sync::Arc;

use anyhow::{Context as _, Result};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};

use crate::keys::{PublicKey, SigningKey};

/// The protocol's name in ALPN.
pub(super) const ALPN: &[u8] = b"svgp/1";

/// Accepts any certificate that carries an acceptable key and whose owner proves to hold the private one; which
/// terminal that is, and whether it is enrolled, is looked up afterwards, on every frame.
#[derive(Debug)]
struct AnyTerminalKey(Arc<CryptoProvider>);

impl ClientCertVerifier for AnyTerminalKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let spki = spki_of(end_entity).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
        PublicKey::from_spki(&spki)
            .ok_or(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.3 only".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ED25519]
    }
}

/// SubjectPublicKeyInfo of a certificate.
#[must_use]
pub fn spki_of(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let parsed = webpki::EndEntityCert::try_from(certificate).ok()?;
    Some(parsed.subject_public_key_info().as_ref().to_vec())
}

/// The server's configuration for the gateway's key.
///
/// # Errors
/// When no certificate can be made for the key.
pub fn server_config(key: &SigningKey) -> Result<Arc<ServerConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let pkcs8 = PrivatePkcs8KeyDer::from(key.pkcs8().to_vec());
    let pair = rcgen::KeyPair::try_from(&pkcs8).context("the gateway's key")?;
    let certificate = rcgen::CertificateParams::new(vec!["gateway".to_owned()])
        .and_then(|params| params.self_signed(&pair))
        .context("the gateway's certificate")?;
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .context("TLS 1.3")?
        .with_client_cert_verifier(Arc::new(AnyTerminalKey(provider)))
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(pkcs8))
        .context("the gateway's certificate")?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    // No resumption: it would skip the client's certificate, and so hide a revocation.
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}
