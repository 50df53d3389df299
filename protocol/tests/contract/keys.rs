//! The fixed test keys of `vectors/keys.json`, and signatures with them through ring.

use protocol::cose::Algorithm;
use protocol::field::{Fingerprint, Installation};
use protocol::{Sha256, Signature};
use ring::digest;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    UnparsedPublicKey,
};

/// The installation id of every vector.
pub(crate) const INSTALLATION: Installation = Installation(*b"svgp test vector");

/// One party's key pair.
#[derive(Clone)]
pub(crate) struct TestKey {
    pub(crate) algorithm: Algorithm,
    /// P-256: the scalar; Ed25519: the seed.
    pub(crate) private: Vec<u8>,
    /// P-256: the uncompressed point; Ed25519: 32 bytes.
    pub(crate) public: Vec<u8>,
}

/// Terminal V0001: P-256.
pub(crate) fn terminal_p256() -> TestKey {
    p256(
        "b0b7ac1381951b58e07bbbc75573a5b5cff743f912795bc96647a66dc9308426",
        "04342d798fcf5e8498bdc8faefdb723df1bce032306c3d24b4ec596a99e544740f\
         a6f64297eb5d9df8634613f6a94c70b8184f99d36852490b644714350cb671d0",
    )
}

/// Terminal V0002: Ed25519.
pub(crate) fn terminal_ed25519() -> TestKey {
    let private = hex("ade5a0e0efd6dc0a51c5348d9b16de36446ee47832b99457b725e348e0bfd3ee");
    let public = Ed25519KeyPair::from_seed_unchecked(&private).unwrap().public_key().as_ref().to_vec();
    TestKey { algorithm: Algorithm::EdDsa, private, public }
}

/// The gateway: P-256.
pub(crate) fn gateway() -> TestKey {
    p256(
        "522eda37c2cfeb59faa48a9aeaaaef0d100a942100d6430c1a8dfd4c845a40fa",
        "0465104f1cdec7d935eba8ddf10e47262a5cbc874634aaeea770c11979eaa63422\
         267aa3ded715976f1a3a4b38fe5840e953576ae7aeb15796bfa2fa0cabb60006",
    )
}

fn p256(private: &str, public: &str) -> TestKey {
    TestKey { algorithm: Algorithm::Es256, private: hex(private), public: hex(public) }
}

impl TestKey {
    #[expect(clippy::disallowed_methods, reason = "ES256 in ring needs a random nonce")]
    pub(crate) fn sign(&self, message: &[u8]) -> Signature {
        let random = SystemRandom::new();
        let bytes = match self.algorithm {
            Algorithm::Es256 => {
                let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let pair = EcdsaKeyPair::from_private_key_and_public_key(
                    algorithm,
                    &self.private,
                    &self.public,
                    &random,
                );
                pair.unwrap().sign(&random, message).unwrap().as_ref().to_vec()
            }
            Algorithm::EdDsa => {
                Ed25519KeyPair::from_seed_unchecked(&self.private).unwrap().sign(message).as_ref().to_vec()
            }
        };
        bytes.try_into().unwrap()
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match self.algorithm {
            Algorithm::Es256 => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.public).verify(message, signature)
            }
            Algorithm::EdDsa => UnparsedPublicKey::new(&ED25519, &self.public).verify(message, signature),
        };
        verified.is_ok()
    }

    /// SubjectPublicKeyInfo, DER.
    pub(crate) fn spki(&self) -> Vec<u8> {
        let prefix = match self.algorithm {
            Algorithm::Es256 => "3059301306072a8648ce3d020106082a8648ce3d030107034200",
            Algorithm::EdDsa => "302a300506032b6570032100",
        };
        [hex(prefix), self.public.clone()].concat()
    }

    /// The private key as PKCS #8 DER: what TLS libraries load.
    pub(crate) fn pkcs8(&self) -> Vec<u8> {
        match self.algorithm {
            Algorithm::Es256 => [
                hex("308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420"),
                self.private.clone(),
                hex("a144034200"),
                self.public.clone(),
            ]
            .concat(),
            Algorithm::EdDsa => [hex("302e020100300506032b657004220420"), self.private.clone()].concat(),
        }
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint(SHA256(&[&self.spki()]))
    }
}

/// SHA-256 through ring.
pub(crate) const SHA256: Sha256 = |parts| {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    context.finish().as_ref().try_into().unwrap()
};

pub(crate) fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "odd hex: {text}");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
