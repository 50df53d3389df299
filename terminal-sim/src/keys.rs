//! Keys: a terminal's own (it *is* its public key), and the gateway's, which seals receipts.

use std::fmt;

use protocol::Signature;
use protocol::cose::Algorithm;
use protocol::field::{Fingerprint, KeyId};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    UnparsedPublicKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::clock::secure_random;
use crate::error::Error;
use crate::hash::fingerprint;

/// What stands before the 65 bytes of an uncompressed P-256 point in a SubjectPublicKeyInfo (RFC 5480).
const P256_SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// What stands before the 32 bytes of an Ed25519 key (RFC 8410).
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A terminal's key pair.
pub struct TerminalKey {
    pkcs8: Vec<u8>,
    signer: Signer,
    spki: Vec<u8>,
    random: SystemRandom,
}

enum Signer {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl TerminalKey {
    /// Draws a new key.
    pub fn generate(algorithm: Algorithm) -> Result<Self, Error> {
        let random = secure_random();
        let pkcs8 = match algorithm {
            Algorithm::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random),
            Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&random),
        };
        let pkcs8 = pkcs8.map_err(|_| Error::Usage("the system gives no randomness".into()))?;
        Self::from_pkcs8(algorithm, pkcs8.as_ref().to_vec())
    }

    /// Takes a key as [`TerminalKey::pkcs8`] gave it.
    pub fn from_pkcs8(algorithm: Algorithm, pkcs8: Vec<u8>) -> Result<Self, Error> {
        let random = secure_random();
        let wrong = |why| Error::Usage(format!("not a key for {algorithm}: {why}"));
        let (signer, spki) = match algorithm {
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8, &random);
                let pair = pair.map_err(wrong)?;
                let spki = [&P256_SPKI, pair.public_key().as_ref()].concat();
                (Signer::Es256(pair), spki)
            }
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(&pkcs8).map_err(wrong)?;
                let spki = [&ED25519_SPKI, pair.public_key().as_ref()].concat();
                (Signer::EdDsa(pair), spki)
            }
        };
        Ok(TerminalKey { pkcs8, signer, spki, random })
    }

    /// The algorithm that this key signs with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.signer {
            Signer::Es256(_) => Algorithm::Es256,
            Signer::EdDsa(_) => Algorithm::EdDsa,
        }
    }

    /// The private key in PKCS#8. Secret.
    #[must_use]
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The SubjectPublicKeyInfo, DER.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// SHA-256 of the SubjectPublicKeyInfo.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        fingerprint(&self.spki)
    }

    /// What requests signed by this key carry.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.fingerprint().key_id()
    }

    /// The raw signature of section 4.
    pub fn sign(&self, message: &[u8]) -> Result<Signature, Error> {
        let broken = || Error::Usage("the key does not sign".into());
        let signature = match &self.signer {
            Signer::Es256(pair) => pair.sign(&self.random, message).map_err(|_| broken())?,
            Signer::EdDsa(pair) => pair.sign(message),
        };
        signature.as_ref().try_into().map_err(|_| broken())
    }

    /// A self-signed certificate of this key; its names and dates mean nothing (section 1).
    pub fn certificate(&self) -> Result<CertificateDer<'static>, Error> {
        let failed = |error: rcgen::Error| Error::Usage(format!("no certificate: {error}"));
        let algorithm = match self.algorithm() {
            Algorithm::Es256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Algorithm::EdDsa => &rcgen::PKCS_ED25519,
        };
        let der = PrivatePkcs8KeyDer::from(self.pkcs8.as_slice());
        let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&der, algorithm).map_err(failed)?;
        let certificate =
            rcgen::CertificateParams::new(Vec::new()).and_then(|parameters| parameters.self_signed(&pair));
        Ok(certificate.map_err(failed)?.der().clone())
    }

    /// The private key as rustls takes it.
    pub(crate) fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.pkcs8.clone()).into()
    }
}

/// Shows the public fingerprint alone.
impl fmt::Debug for TerminalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TerminalKey({} {})", self.algorithm(), self.fingerprint())
    }
}

/// The gateway's public key, taken from a handshake whose fingerprint was the pinned one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayKey {
    spki: Vec<u8>,
}

impl GatewayKey {
    /// `None` unless it is the SubjectPublicKeyInfo of a P-256 key.
    #[must_use]
    pub fn from_spki(spki: Vec<u8>) -> Option<Self> {
        let point = spki.strip_prefix(&P256_SPKI)?;
        (point.len() == 65).then_some(GatewayKey { spki })
    }

    /// The SubjectPublicKeyInfo, DER.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// What terminals pin.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        fingerprint(&self.spki)
    }

    /// Whether the gateway signed `message`.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let point = self.spki.get(P256_SPKI.len()..).unwrap_or_default();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_file_and_certifies_itself() {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let key = TerminalKey::generate(algorithm).unwrap();
            let again = TerminalKey::from_pkcs8(algorithm, key.pkcs8().to_vec()).unwrap();
            assert_eq!(key.fingerprint(), again.fingerprint());
            let certificate = key.certificate().unwrap();
            let spki = webpki::EndEntityCert::try_from(&certificate).unwrap().subject_public_key_info();
            assert_eq!(spki.as_ref(), key.spki());
        }
    }

    #[test]
    fn a_key_of_one_algorithm_is_none_of_the_other() {
        let key = TerminalKey::generate(Algorithm::EdDsa).unwrap();
        assert!(TerminalKey::from_pkcs8(Algorithm::Es256, key.pkcs8().to_vec()).is_err());
        assert!(GatewayKey::from_spki(key.spki().to_vec()).is_none());
    }

    #[test]
    fn signatures_verify_over_their_message_alone() {
        let key = TerminalKey::generate(Algorithm::Es256).unwrap();
        let public = GatewayKey::from_spki(key.spki().to_vec()).unwrap();
        let signature = key.sign(b"message").unwrap();
        assert!(public.verify(b"message", &signature));
        assert!(!public.verify(b"massage", &signature));
    }
}
