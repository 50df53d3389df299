//! SHA-256 and hex, as the protocol library wants them.

use protocol::field::{Fingerprint, Hex};
use ring::digest::{Context, SHA256, SHA256_OUTPUT_LEN};

/// SHA-256 over the concatenation of the parts: a [`protocol::Sha256`].
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; SHA256_OUTPUT_LEN] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; SHA256_OUTPUT_LEN];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// The fingerprint of a SubjectPublicKeyInfo (section 1).
pub(crate) fn fingerprint(spki: &[u8]) -> Fingerprint {
    Fingerprint(sha256(&[spki]))
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    Hex(bytes).to_string()
}

/// Bytes of lower-case or upper-case hex.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some((digit(*high)? << 4) | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_goes_there_and_back() {
        assert_eq!(hex(&[0, 0x9a, 0xff]), "009aff");
        assert_eq!(unhex("009aFF"), Some(vec![0, 0x9a, 0xff]));
        assert_eq!((unhex("0"), unhex("0g"), unhex("")), (None, None, Some(Vec::new())));
    }

    #[test]
    fn parts_are_hashed_as_one() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex(&sha256(&[b"a", b"", b"bc"])), abc);
    }
}
