//! The check of section 3: is this exactly one CBOR item in the protocol's deterministic encoding?
//!
//! It runs over received bytes before any decoder does. One pass, no recursion, no allocation: a declared length costs
//! nothing, because every length is held against the bytes that are really there.

use core::fmt;

/// Arrays and maps inside one another, at most.
pub const MAX_DEPTH: usize = 8;

/// Checks a body, a payload or a sidecar: map keys are unsigned integers.
pub fn check(bytes: &[u8]) -> Result<(), EncodingError> {
    run(bytes, Keys::Unsigned)
}

/// Checks a structure that holds COSE headers (a receipt, a protected header): map keys may be negative too.
pub fn check_cose(bytes: &[u8]) -> Result<(), EncodingError> {
    run(bytes, Keys::AnyInteger)
}

/// Why bytes are not in the deterministic encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodingError {
    /// An item is longer than the bytes that are there.
    Truncated,
    /// Bytes after the item.
    TrailingBytes,
    /// An integer or length is not in its shortest form.
    NotShortest,
    /// An indefinite length.
    IndefiniteLength,
    /// A tag.
    Tag,
    /// A float, `undefined`, or another simple value.
    Simple,
    /// An initial byte that RFC 8949 reserves.
    Reserved,
    /// An integer that does not fit in a signed 64-bit number.
    IntegerRange,
    /// Text that is not UTF-8.
    Utf8,
    /// A map key of a type that is not allowed.
    KeyType,
    /// Map keys out of order.
    KeyOrder,
    /// A map key that occurs twice.
    DuplicateKey,
    /// More than [`MAX_DEPTH`] levels.
    Depth,
}

impl fmt::Display for EncodingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EncodingError::Truncated => "item is cut off",
            EncodingError::TrailingBytes => "bytes after the item",
            EncodingError::NotShortest => "integer or length not in shortest form",
            EncodingError::IndefiniteLength => "indefinite length",
            EncodingError::Tag => "tag",
            EncodingError::Simple => "float or simple value",
            EncodingError::Reserved => "reserved initial byte",
            EncodingError::IntegerRange => "integer over 64 bits signed",
            EncodingError::Utf8 => "text is not UTF-8",
            EncodingError::KeyType => "map key of wrong type",
            EncodingError::KeyOrder => "map keys out of order",
            EncodingError::DuplicateKey => "duplicate map key",
            EncodingError::Depth => "nested too deep",
        })
    }
}

impl core::error::Error for EncodingError {}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    Unsigned,
    AnyInteger,
}

/// An array or map that is being read.
#[derive(Clone, Copy)]
struct Level {
    /// Items still to come; a map counts keys and values.
    remaining: u64,
    is_map: bool,
    /// The last key of the map. Keys are in the shortest form, so (major type, argument) orders as their bytes do.
    last_key: Option<(u8, u64)>,
}

/// The head of an item: its major type and argument (RFC 8949, section 3).
struct Head {
    major: u8,
    argument: u64,
}

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;

fn run(bytes: &[u8], keys: Keys) -> Result<(), EncodingError> {
    let mut rest = bytes;
    let mut stack = [Level { remaining: 0, is_map: false, last_key: None }; MAX_DEPTH];
    let mut depth: usize = 0;
    loop {
        let head = read_head(&mut rest)?;
        if let Some(level) = depth.checked_sub(1).and_then(|top| stack.get_mut(top)) {
            level.count(&head, keys)?;
        }
        match head.major {
            BYTES => {
                take(&mut rest, head.argument)?;
            }
            TEXT => {
                let text = take(&mut rest, head.argument)?;
                core::str::from_utf8(text).map_err(|_| EncodingError::Utf8)?;
            }
            ARRAY | MAP => {
                let level = Level::open(&head, rest.len())?;
                *stack.get_mut(depth).ok_or(EncodingError::Depth)? = level;
                depth = depth.saturating_add(1);
            }
            _ => {}
        }
        while depth.checked_sub(1).and_then(|top| stack.get(top)).is_some_and(|level| level.remaining == 0) {
            depth = depth.saturating_sub(1);
        }
        if depth == 0 {
            return if rest.is_empty() { Ok(()) } else { Err(EncodingError::TrailingBytes) };
        }
    }
}

impl Level {
    /// Opens an array or map; its items must fit in the bytes left, one byte each at least.
    fn open(head: &Head, bytes_left: usize) -> Result<Self, EncodingError> {
        let is_map = head.major == MAP;
        let items = if is_map { head.argument.checked_mul(2) } else { Some(head.argument) };
        let remaining = items
            .filter(|&items| usize::try_from(items).is_ok_and(|items| items <= bytes_left))
            .ok_or(EncodingError::Truncated)?;
        Ok(Level { remaining, is_map, last_key: None })
    }

    /// Counts one item of this array or map; a key must be allowed, and come after the last one.
    fn count(&mut self, head: &Head, keys: Keys) -> Result<(), EncodingError> {
        if self.is_map && self.remaining.is_multiple_of(2) {
            let allowed = head.major == UNSIGNED || (head.major == NEGATIVE && keys == Keys::AnyInteger);
            if !allowed {
                return Err(EncodingError::KeyType);
            }
            let key = (head.major, head.argument);
            match self.last_key {
                Some(last) if last == key => return Err(EncodingError::DuplicateKey),
                Some(last) if last > key => return Err(EncodingError::KeyOrder),
                _ => self.last_key = Some(key),
            }
        }
        self.remaining = self.remaining.saturating_sub(1);
        Ok(())
    }
}

fn read_head(rest: &mut &[u8]) -> Result<Head, EncodingError> {
    let (&initial, after) = rest.split_first().ok_or(EncodingError::Truncated)?;
    *rest = after;
    let (major, info) = (initial >> 5, initial & 0x1f);
    match major {
        TAG => return Err(EncodingError::Tag),
        7 => return simple(info),
        _ => {}
    }
    let (size, smallest) = match info {
        0..24 => return Ok(Head { major, argument: u64::from(info) }),
        24 => (1, 24),
        25 => (2, 1 << 8),
        26 => (4, 1 << 16),
        27 => (8, 1 << 32),
        31 if (BYTES..=MAP).contains(&major) => return Err(EncodingError::IndefiniteLength),
        _ => return Err(EncodingError::Reserved),
    };
    let argument = take(rest, size)?.iter().fold(0_u64, |value, &byte| (value << 8) | u64::from(byte));
    if argument < smallest {
        return Err(EncodingError::NotShortest);
    }
    if major <= NEGATIVE && argument > i64::MAX.unsigned_abs() {
        return Err(EncodingError::IntegerRange);
    }
    Ok(Head { major, argument })
}

fn simple(info: u8) -> Result<Head, EncodingError> {
    match info {
        20..=22 => Ok(Head { major: 7, argument: u64::from(info) }),
        28..=30 => Err(EncodingError::Reserved),
        31 => Err(EncodingError::IndefiniteLength),
        _ => Err(EncodingError::Simple),
    }
}

fn take<'a>(rest: &mut &'a [u8], count: u64) -> Result<&'a [u8], EncodingError> {
    let count = usize::try_from(count).map_err(|_| EncodingError::Truncated)?;
    let (taken, after) = rest.split_at_checked(count).ok_or(EncodingError::Truncated)?;
    *rest = after;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(|b| *b != b' ').collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    #[test]
    fn what_section_3_allows_is_accepted() {
        for good in [
            "00",
            "17",
            "1818",
            "18ff",
            "190100",
            "1a00010000",
            "1b0000000100000000",
            "1b7fffffffffffffff",
            "20",
            "3b7fffffffffffffff",
            "40",
            "4101",
            "60",
            "63e282ac",
            "80",
            "a0",
            "f4",
            "f5",
            "f6",
            "83010203",
            "a2000a010b",
            "a200a0018100",
            "8181818181818180",
            "82a0a0",
        ] {
            assert_eq!(check(&hex(good)), Ok(()), "{good}");
        }
    }

    #[test]
    fn each_rule_of_section_3_is_enforced() {
        use EncodingError::*;
        for (bad, why) in [
            ("", Truncated),
            ("18", Truncated),
            ("4201", Truncated),
            ("8201", Truncated),
            ("a101", Truncated),
            ("9bffffffffffffffff", Truncated),
            ("bbffffffffffffffff", Truncated),
            ("5bffffffffffffffff", Truncated),
            ("0000", TrailingBytes),
            ("a000", TrailingBytes),
            ("f6f6", TrailingBytes),
            ("1817", NotShortest),
            ("1900ff", NotShortest),
            ("1a0000ffff", NotShortest),
            ("1b00000000ffffffff", NotShortest),
            ("3817", NotShortest),
            ("5800", NotShortest),
            ("7800", NotShortest),
            ("9800", NotShortest),
            ("b800", NotShortest),
            ("5fff", IndefiniteLength),
            ("7fff", IndefiniteLength),
            ("9fff", IndefiniteLength),
            ("bfff", IndefiniteLength),
            ("ff", IndefiniteLength),
            ("c000", Tag),
            ("d8184100", Tag),
            ("f90000", Simple),
            ("fa00000000", Simple),
            ("fb0000000000000000", Simple),
            ("f7", Simple),
            ("e0", Simple),
            ("f818", Simple),
            ("1c", Reserved),
            ("1f", Reserved),
            ("3f", Reserved),
            ("fc", Reserved),
            ("1b8000000000000000", IntegerRange),
            ("3b8000000000000000", IntegerRange),
            ("61ff", Utf8),
            ("62c080", Utf8),
            ("63eda080", Utf8),
            ("a1200a", KeyType),
            ("a141000a", KeyType),
            ("a161610a", KeyType),
            ("a1800a", KeyType),
            ("a1f60a", KeyType),
            ("a2010a000b", KeyOrder),
            ("a21901000018180a", KeyOrder),
            ("a2000a000b", DuplicateKey),
            ("818181818181818180", Depth),
        ] {
            assert_eq!(check(&hex(bad)), Err(why), "{bad}");
        }
    }

    #[test]
    fn cose_headers_may_have_negative_keys_in_bytewise_order() {
        assert_eq!(check_cose(&hex("a3012619018b013a0001000080")), Ok(()));
        assert_eq!(check_cose(&hex("a220002100")), Ok(()));
        assert_eq!(check_cose(&hex("a221002000")), Err(EncodingError::KeyOrder));
        assert_eq!(check_cose(&hex("a220000100")), Err(EncodingError::KeyOrder));
        assert_eq!(check_cose(&hex("a220002000")), Err(EncodingError::DuplicateKey));
        assert_eq!(check_cose(&hex("a1616100")), Err(EncodingError::KeyType));
    }

    #[test]
    fn a_key_order_error_inside_an_inner_map_is_seen() {
        assert_eq!(check(&hex("a200a2010a000b01a0")), Err(EncodingError::KeyOrder));
        assert_eq!(check(&hex("a200a2000a010b00a0")), Err(EncodingError::DuplicateKey));
    }
}
