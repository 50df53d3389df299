//! What the targets share.

use protocol::error::FormatError;

/// What a decoder accepts has one encoding: writing it gives the same bytes, or fewer where keys from 100 (which
/// decoders leave out) or an empty map were there. A refusal is told in at most 80 bytes (section 6, key 9).
pub fn same_or_refused<T: std::fmt::Debug>(
    decoded: Result<T, FormatError>,
    bytes: &[u8],
    encode: impl Fn(&T) -> Vec<u8>,
) -> Option<T> {
    match decoded {
        Ok(value) => {
            let again = encode(&value);
            assert!(again == bytes || again.len() < bytes.len(), "{value:?}");
            Some(value)
        }
        Err(error) => {
            assert!(error.to_string().len() <= 80, "{error}");
            None
        }
    }
}

/// A stand-in for SHA-256 that is fast and tells different inputs apart well enough for a fuzzer.
pub fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for byte in parts.iter().copied().flatten() {
        state = (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    let mut hash = [0; 32];
    for (place, chunk) in hash.chunks_mut(8).enumerate() {
        chunk.copy_from_slice(&state.rotate_left(u32::try_from(place).unwrap_or(0)).to_be_bytes());
    }
    hash
}
