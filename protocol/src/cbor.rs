//! Writing the deterministic encoding of section 3, and the private glue that reads it.
//!
//! [`Writer`] always writes shortest forms and definite lengths; that map keys rise is the caller's part, and
//! the decoders of this crate check it.

use alloc::vec::Vec;

use minicbor::Decoder;
use minicbor::data::Type;

use crate::error::{FormatError, Part, Problem};
use crate::strict;

/// Keys below this must be understood; from here on they may be ignored (section 3).
pub const FIRST_IGNORABLE_KEY: u64 = 100;

/// Writes CBOR items one after the other. It cannot fail.
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// An empty writer.
    pub const fn new() -> Self {
        Writer { out: Vec::new() }
    }

    /// An empty writer with room for `bytes`.
    pub fn with_capacity(bytes: usize) -> Self {
        Writer { out: Vec::with_capacity(bytes) }
    }

    /// Everything written.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    /// An unsigned integer.
    pub fn uint(&mut self, value: u64) -> &mut Self {
        self.head(0, value)
    }

    /// A signed integer.
    pub fn int(&mut self, value: i64) -> &mut Self {
        match u64::try_from(value) {
            Ok(value) => self.head(0, value),
            Err(_) => self.head(1, !value.cast_unsigned()),
        }
    }

    /// A byte string.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.head(2, value.len() as u64).raw(value)
    }

    /// A text string.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.head(3, value.len() as u64).raw(value.as_bytes())
    }

    /// The head of an array of `items` items, which the caller writes next.
    pub fn array(&mut self, items: usize) -> &mut Self {
        self.head(4, items as u64)
    }

    /// The head of a map of `entries` entries, which the caller writes next in rising order of key.
    pub fn map(&mut self, entries: usize) -> &mut Self {
        self.head(5, entries as u64)
    }

    /// `null`.
    pub fn null(&mut self) -> &mut Self {
        self.raw(&[0xf6])
    }

    /// `true` or `false`.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.raw(&[if value { 0xf5 } else { 0xf4 }])
    }

    /// An item that is encoded already.
    pub fn raw(&mut self, item: &[u8]) -> &mut Self {
        self.out.extend_from_slice(item);
        self
    }

    /// The head of an item in its shortest form (RFC 8949, section 3).
    fn head(&mut self, major: u8, argument: u64) -> &mut Self {
        let major = major << 5;
        let bytes = argument.to_be_bytes();
        let [.., b4, b5, b6, b7] = bytes;
        match argument {
            0..24 => self.raw(&[major | b7]),
            24..0x100 => self.raw(&[major | 24, b7]),
            0x100..0x1_0000 => self.raw(&[major | 25, b6, b7]),
            0x1_0000..0x1_0000_0000 => self.raw(&[major | 26, b4, b5, b6, b7]),
            _ => self.raw(&[major | 27]).raw(&bytes),
        }
    }
}

/// A map whose entries are counted while they are written.
pub(crate) struct Map<'w> {
    writer: &'w mut Writer,
    start: usize,
    entries: u8,
    last_key: Option<u64>,
}

impl<'w> Map<'w> {
    pub(crate) fn open(writer: &'w mut Writer) -> Self {
        let start = writer.out.len();
        writer.map(0);
        Map { writer, start, entries: 0, last_key: None }
    }

    pub(crate) fn put<T: Item>(&mut self, key: u64, value: &T) {
        value.write(self.key(key));
    }

    pub(crate) fn put_optional<T: Item>(&mut self, key: u64, value: Option<&T>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    /// Starts an entry; the caller writes exactly one item next.
    pub(crate) fn key(&mut self, key: u64) -> &mut Writer {
        debug_assert!(self.last_key.is_none_or(|last| last < key), "map keys must rise");
        self.last_key = Some(key);
        self.entries = self.entries.saturating_add(1);
        self.writer.uint(key)
    }

    /// Writes the number of entries into the head. No map of this protocol has more than 255.
    pub(crate) fn close(self) {
        let out = &mut self.writer.out;
        if let Some(head) = out.get_mut(self.start) {
            *head = if self.entries < 24 { 0xa0 | self.entries } else { 0xb8 };
        }
        if self.entries >= 24 {
            out.insert(self.start.saturating_add(1), self.entries);
        }
    }
}

/// A value with one encoding on the wire.
///
/// `read` is only called on bytes that passed [`strict`], so lengths are definite and text is UTF-8.
pub(crate) trait Item: Sized {
    fn write(&self, writer: &mut Writer);
    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem>;
}

/// Checks `bytes` strictly, and hands each entry of the map to `entry`, which returns whether it knows the key.
pub(crate) fn read_map(
    bytes: &[u8],
    part: Part,
    entry: impl FnMut(u64, &mut Decoder<'_>) -> Result<bool, Problem>,
) -> Result<(), FormatError> {
    strict::check(bytes).map_err(|error| FormatError::whole(part, error.into()))?;
    read_checked_map(&mut Decoder::new(bytes), part, entry)
}

/// [`read_map`] for a map inside bytes that were checked as a whole.
pub(crate) fn read_checked_map(
    decoder: &mut Decoder<'_>,
    part: Part,
    mut entry: impl FnMut(u64, &mut Decoder<'_>) -> Result<bool, Problem>,
) -> Result<(), FormatError> {
    let entries = read_map_head(decoder).map_err(|problem| FormatError::whole(part, problem))?;
    for _ in 0..entries {
        let key = decoder.u64().map_err(|_| FormatError::whole(part, Problem::WrongType))?;
        let known = entry(key, decoder).map_err(|problem| FormatError::at(part, key, problem))?;
        if !known {
            if key < FIRST_IGNORABLE_KEY {
                return Err(FormatError::at(part, key, Problem::Unknown));
            }
            decoder.skip().map_err(|_| FormatError::at(part, key, Problem::WrongType))?;
        }
    }
    Ok(())
}

pub(crate) fn read_map_head(decoder: &mut Decoder<'_>) -> Result<u64, Problem> {
    decoder.map().ok().flatten().ok_or(Problem::WrongType)
}

pub(crate) fn read_array_head(decoder: &mut Decoder<'_>) -> Result<u64, Problem> {
    decoder.array().ok().flatten().ok_or(Problem::WrongType)
}

/// Reads the head of an array that must have `items` items.
pub(crate) fn expect_array(decoder: &mut Decoder<'_>, items: u64) -> Result<(), Problem> {
    if read_array_head(decoder)? == items { Ok(()) } else { Err(Problem::WrongLength) }
}

pub(crate) fn read_bytes<'b>(decoder: &mut Decoder<'b>) -> Result<&'b [u8], Problem> {
    decoder.bytes().map_err(|_| Problem::WrongType)
}

pub(crate) fn read_text<'b>(decoder: &mut Decoder<'b>) -> Result<&'b str, Problem> {
    decoder.str().map_err(|_| Problem::WrongType)
}

/// Takes a `null` if one comes next.
pub(crate) fn take_null(decoder: &mut Decoder<'_>) -> bool {
    matches!(decoder.datatype(), Ok(Type::Null)) && decoder.null().is_ok()
}

/// Reads a number that must be the one given, such as a schema version.
pub(crate) fn expect_uint(decoder: &mut Decoder<'_>, value: u64) -> Result<(), Problem> {
    if u64::read(decoder)? == value { Ok(()) } else { Err(Problem::Mismatch) }
}

impl Item for u64 {
    fn write(&self, writer: &mut Writer) {
        writer.uint(*self);
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        decoder.u64().map_err(|_| Problem::WrongType)
    }
}

impl Item for i64 {
    fn write(&self, writer: &mut Writer) {
        writer.int(*self);
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        decoder.i64().map_err(|_| Problem::WrongType)
    }
}

macro_rules! small_unsigned {
    ($($number:ty),*) => {$(
        impl Item for $number {
            fn write(&self, writer: &mut Writer) {
                writer.uint(u64::from(*self));
            }

            fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
                u64::read(decoder)?.try_into().map_err(|_| Problem::OutOfRange)
            }
        }
    )*};
}

small_unsigned!(u8, u16, u32);

/// A value, or `null`.
impl<T: Item> Item for Option<T> {
    fn write(&self, writer: &mut Writer) {
        match self {
            Some(value) => value.write(writer),
            None => {
                writer.null();
            }
        }
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        if take_null(decoder) { Ok(None) } else { Item::read(decoder).map(Some) }
    }
}

impl Item for bool {
    fn write(&self, writer: &mut Writer) {
        writer.bool(*self);
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        decoder.bool().map_err(|_| Problem::WrongType)
    }
}

impl<const N: usize> Item for [u8; N] {
    fn write(&self, writer: &mut Writer) {
        writer.bytes(self);
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        read_bytes(decoder)?.try_into().map_err(|_| Problem::WrongLength)
    }
}
