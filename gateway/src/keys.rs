//! Keys: the gateway's own, terminals' and operators' public ones, and the key behind card proofs.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ring::signature::{self, EcdsaKeyPair, KeyPair as _};
use rustls_pki_types::pem::PemObject as _;

use crate::clock;
use crate::journal::sha256;

/// DER before the 65 bytes of an uncompressed P-256 point in a SubjectPublicKeyInfo (RFC 5480).
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// DER before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410).
const ED25519_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A public key that may sign for a terminal or an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// P-256, for ES256; uncompressed point.
    Es256([u8; 65]),
    /// Ed25519, for EdDSA.
    Ed25519([u8; 32]),
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo. Small-order Ed25519 keys are refused: verifiers disagree about what they sign.
    #[must_use]
    pub fn from_spki(spki: &[u8]) -> Option<Self> {
        if let Some(point) = spki.strip_prefix(&P256_PREFIX) {
            let point: [u8; 65] = point.try_into().ok()?;
            return (point[0] == 4).then_some(Self::Es256(point));
        }
        let key: [u8; 32] = spki.strip_prefix(&ED25519_PREFIX)?.try_into().ok()?;
        (!has_small_order(&key)).then_some(Self::Ed25519(key))
    }

    /// COSE algorithm number (RFC 9053).
    #[must_use]
    pub fn algorithm(&self) -> i8 {
        match self {
            Self::Es256(_) => -7,
            Self::Ed25519(_) => -8,
        }
    }

    /// Verifies a COSE signature.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Es256(point) => {
                signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point)
                    .verify(message, signature)
                    .is_ok()
            }
            Self::Ed25519(key) => {
                signature::UnparsedPublicKey::new(&signature::ED25519, key).verify(message, signature).is_ok()
            }
        }
    }
}

/// The encodings of points of order 1, 2, 4 and 8 on edwards25519, sign bit cleared, non-canonical ones included
/// (RFC 7748, section 7, and RFC 8032, section 5.1.3).
fn has_small_order(key: &[u8; 32]) -> bool {
    const ORDER_8: [[u8; 32]; 2] = [
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
            0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
            0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let mut masked = *key;
    masked[31] &= 0x7f;
    let middle_is = |byte: u8| masked[1..31].iter().all(|b| *b == byte);
    let near_zero = middle_is(0) && masked[31] == 0 && masked[0] <= 1;
    let near_prime = middle_is(0xff) && masked[31] == 0x7f && (0xec..=0xee).contains(&masked[0]);
    near_zero || near_prime || ORDER_8.contains(&masked)
}

/// A SubjectPublicKeyInfo as text: PEM (RFC 7468).
#[must_use]
pub fn pem(spki: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let four = |three: &[u8]| -> [char; 4] {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        let digit = |at: usize| match DIGITS
            .get(usize::try_from(bits >> (18_usize.saturating_sub(at.saturating_mul(6))) & 63).unwrap_or(0))
        {
            Some(digit) if at <= three.len() => char::from(*digit),
            _ => '=',
        };
        [0, 1, 2, 3].map(digit)
    };
    let text: Vec<char> = spki.chunks(3).flat_map(four).collect();
    let lines: Vec<String> = text.chunks(64).map(|line| line.iter().collect()).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}

/// The SubjectPublicKeyInfo of a public key that may sign, written as PEM or as hex.
#[must_use]
pub fn spki_in(text: &str) -> Option<Vec<u8>> {
    let spki = if text.contains("-----BEGIN") {
        rustls_pki_types::SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes()).ok()?.to_vec()
    } else {
        from_hex(text.trim())?
    };
    PublicKey::from_spki(&spki).map(|_| spki)
}

/// SHA-256 of a SubjectPublicKeyInfo.
#[must_use]
pub fn fingerprint(spki: &[u8]) -> [u8; 32] {
    sha256(&[spki])
}

/// Lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|b| [DIGITS[usize::from(b >> 4)] as char, DIGITS[usize::from(b & 15)] as char])
        .collect()
}

/// Bytes of a hex text.
#[must_use]
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| (c as char).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some((digit(*pair.first()?)? << 4) | digit(*pair.get(1)?)?)).collect()
}

/// A P-256 signing key: the gateway's, or an operator's.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    random: ring::rand::SystemRandom,
    pkcs8: zeroize::Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", hex(&fingerprint(&self.spki())[..4]))
    }
}

impl SigningKey {
    /// Makes a key.
    ///
    /// # Errors
    /// When the random source fails.
    pub fn generate() -> Result<Self> {
        let random = clock::secure_random();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .map_err(|_| anyhow::anyhow!("no key could be made: the random source failed"))?;
        Self::from_pkcs8(pkcs8.as_ref())
    }

    fn from_pkcs8(pkcs8: &[u8]) -> Result<Self> {
        let random = clock::secure_random();
        let pair = EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &random)
            .map_err(|reason| anyhow::anyhow!("not a P-256 key in PKCS #8: {reason}"))?;
        Ok(Self { pair, random, pkcs8: pkcs8.to_vec().into() })
    }

    /// Reads a key file, or makes key and file when there is none.
    ///
    /// # Errors
    /// When the file is not a key, or cannot be read or made.
    pub fn load_or_generate(path: &Path) -> Result<Self> {
        if path.exists() {
            return Self::load(path);
        }
        let key = Self::generate()?;
        write_secret(path, &key.pkcs8)?;
        Ok(key)
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// When it is missing or no key.
    pub fn load(path: &Path) -> Result<Self> {
        let pkcs8 =
            zeroize::Zeroizing::new(fs::read(path).with_context(|| format!("reading {}", path.display()))?);
        Self::from_pkcs8(&pkcs8).with_context(|| format!("reading {}", path.display()))
    }

    /// SubjectPublicKeyInfo, DER.
    #[must_use]
    pub fn spki(&self) -> Vec<u8> {
        [P256_PREFIX.as_slice(), self.pair.public_key().as_ref()].concat()
    }

    /// ES256 signature, r and s.
    ///
    /// # Panics
    /// When the operating system has no randomness to give.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let signed = self.pair.sign(&self.random, message);
        let mut bytes = [0; 64];
        match signed {
            Ok(signature) => bytes.copy_from_slice(signature.as_ref()),
            Err(_) => unreachable!("signing fails only without randomness, and start-up has drawn some"),
        }
        bytes
    }

    /// The private key, PKCS #8, for the TLS stack.
    #[must_use]
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }
}

/// The key behind card proofs: an export or a stolen database alone does not let anybody test card secrets.
pub struct CardKey(ring::hmac::Key);

impl std::fmt::Debug for CardKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CardKey")
    }
}

impl CardKey {
    /// Reads the key file, or makes key and file.
    ///
    /// # Errors
    /// When the file is damaged or cannot be made.
    pub fn load_or_generate(path: &Path) -> Result<Self> {
        Ok(Self(ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret_of_32(path)?.as_slice())))
    }

    /// HMAC-SHA-256 over reference and secret.
    #[must_use]
    pub fn proof(&self, card: u64, secret: &str) -> [u8; 32] {
        let mut context = ring::hmac::Context::with_key(&self.0);
        context.update(&card.to_be_bytes());
        context.update(secret.as_bytes());
        let mut proof = [0; 32];
        proof.copy_from_slice(context.sign().as_ref());
        proof
    }
}

impl CardKey {
    /// Who a card's member is to a partner: the same each time, and it says nothing of the card.
    #[must_use]
    pub fn member(&self, card: u64) -> [u8; 32] {
        let mut context = ring::hmac::Context::with_key(&self.0);
        context.update(b"member statement");
        context.update(&card.to_be_bytes());
        let mut member = [0; 32];
        member.copy_from_slice(context.sign().as_ref());
        member
    }

    /// HMAC-SHA-256 over what a PIN was stretched to: without this key nobody can try PINs against a stolen journal.
    #[must_use]
    pub fn pin_hash(&self, stretched: &[u8; 32]) -> [u8; 32] {
        let mut context = ring::hmac::Context::with_key(&self.0);
        context.update(b"pin");
        context.update(stretched);
        let mut hash = [0; 32];
        hash.copy_from_slice(context.sign().as_ref());
        hash
    }
}

/// The 32 random bytes of a key file, which is made when it is not there.
///
/// # Errors
/// When the file is damaged or cannot be made.
pub fn secret_of_32(path: &Path) -> Result<zeroize::Zeroizing<[u8; 32]>> {
    if !path.exists() {
        write_secret(path, &clock::random::<32>())?;
    }
    let bytes =
        zeroize::Zeroizing::new(fs::read(path).with_context(|| format!("reading {}", path.display()))?);
    let secret = <[u8; 32]>::try_from(bytes.as_slice());
    let secret =
        secret.with_context(|| format!("{} has {} bytes; such a key has 32", path.display(), bytes.len()))?;
    Ok(zeroize::Zeroizing::new(secret))
}

/// Writes a new file that only its owner may read, durably, never over an old one. The name appears with the whole content
/// or not at all: a start that is killed here can be repeated.
///
/// # Errors
/// When it exists or cannot be written.
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<()> {
    let context = || format!("writing {}", path.display());
    let beside = path.with_added_extension("new");
    if beside.exists() {
        fs::remove_file(&beside).with_context(context)?;
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .with_context(context)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).with_context(context)?;
    let linked = fs::hard_link(&beside, path).and_then(|()| fs::remove_file(&beside));
    // A medium without hard links (a backup on a memory stick): nobody else writes there.
    let unlinkable = |_| {
        if path.exists() { Err(std::io::ErrorKind::AlreadyExists.into()) } else { fs::rename(&beside, path) }
    };
    linked.or_else(unlinkable).with_context(context)?;
    if let Some(directory) = path.parent() {
        fs::File::open(directory).and_then(|d| d.sync_all()).with_context(context)?;
    }
    Ok(())
}

/// Where things are in a data directory.
#[derive(Debug, Clone)]
pub struct DataDir(pub PathBuf);

impl DataDir {
    #[must_use]
    pub fn gateway_key(&self) -> PathBuf {
        self.0.join("keys/gateway.p8")
    }

    #[must_use]
    pub fn card_key(&self) -> PathBuf {
        self.0.join("keys/card.key")
    }

    #[must_use]
    pub fn member_key(&self) -> PathBuf {
        self.0.join("keys/member.key")
    }

    #[must_use]
    pub fn operator_key(&self, operator: &str) -> PathBuf {
        self.0.join(format!("keys/operator-{operator}.p8"))
    }

    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.0.join("admin.sock")
    }

    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.0.join("gateway.toml")
    }

    #[must_use]
    pub fn anchors(&self) -> PathBuf {
        self.0.join("anchors.log")
    }

    /// Makes the directory and its key folder, readable by the owner alone.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn create(&self) -> Result<()> {
        use std::os::unix::fs::DirBuilderExt as _;
        let keys = self.0.join("keys");
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&keys)
            .with_context(|| format!("making {}", keys.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_small_order_are_refused() {
        for point in ["00", "01", "ec", "ed", "ee"] {
            let filler = if point.starts_with('e') { "ff" } else { "00" };
            let last = if point.starts_with('e') { "7f" } else { "00" };
            let key = from_hex(&format!("{point}{}{last}", filler.repeat(30))).expect("hex");
            let spki = [ED25519_PREFIX.as_slice(), &key].concat();
            assert_eq!(PublicKey::from_spki(&spki), None, "{point}");
            let mut signed = spki.clone();
            signed[43] |= 0x80;
            assert_eq!(PublicKey::from_spki(&signed), None, "{point} with its sign bit");
        }
    }

    #[test]
    fn a_signature_verifies_under_its_own_key_only() {
        let (key, other) = (SigningKey::generate().expect("key"), SigningKey::generate().expect("key"));
        let signature = key.sign(b"message");
        let public = |key: &SigningKey| PublicKey::from_spki(&key.spki()).expect("P-256");
        assert!(public(&key).verify(b"message", &signature));
        assert!(!public(&key).verify(b"massage", &signature));
        assert!(!public(&other).verify(b"message", &signature));
    }
}
