//! TLS as section 1 wants it: 1.3 only, both sides known by their public keys, nothing resumed.

use std::sync::Arc;

use protocol::field::Fingerprint;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, PeerIncompatible, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::error::Error;
use crate::hash::fingerprint;
use crate::keys::TerminalKey;

/// The ALPN name of the protocol.
pub const ALPN: &[u8] = b"svgp/1";

/// The configuration for one terminal's connections to one gateway.
pub(crate) fn client_config(key: &TerminalKey, gateway: Fingerprint) -> Result<ClientConfig, Error> {
    let failed = |error: rustls::Error| Error::Usage(format!("no TLS configuration: {error}"));
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(PinnedGateway { fingerprint: gateway, provider: provider.clone() });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(failed)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_auth_cert(vec![key.certificate()?], key.private_key())
        .map_err(failed)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    Ok(config)
}

/// The SubjectPublicKeyInfo of a certificate.
pub(crate) fn spki(certificate: &CertificateDer<'_>) -> Result<Vec<u8>, webpki::Error> {
    Ok(webpki::EndEntityCert::try_from(certificate)?.subject_public_key_info().to_vec())
}

/// Accepts the one certificate key that was named at enrolment; names and dates mean nothing.
#[derive(Debug)]
struct PinnedGateway {
    fingerprint: Fingerprint,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedGateway {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let spki = spki(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        if fingerprint(&spki) == self.fingerprint {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::ServerDoesNotSupportTls12Or13.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
