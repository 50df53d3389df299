//! A journal entry as bytes (PROTOCOL.md section 12).

use minicbor::encode::Write;
use minicbor::{Decoder, Encoder};

use super::effects::{self, EncodeResult, optional, optionally};
use super::sha256;
use crate::domain::Effect;

/// Version of the record's layout.
const RECORD_VERSION: u8 = 1;

/// Who caused the entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A terminal's request, as it was signed.
    Terminal { message: u8, signed: Vec<u8> },
    /// An operator's act; more than one signature where two people are needed.
    Operator { signed: Vec<Vec<u8>> },
    /// A due item of the system's own, named and keyed so that it happens once.
    System { name: String, key: String },
}

/// Everything about the entry but its origin and answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details {
    pub chain: u64,
    pub epoch: u64,
    pub index: u64,
    pub time_ms: i64,
    /// YYYYMMDD.
    pub business_date: u32,
    pub merchant: String,
    pub store: String,
    /// ISO 4217 number and exponent.
    pub currency: (u16, u8),
    pub programme_version: u32,
    /// When the quote was given by which it is priced; `None` without one.
    pub quoted_ms: Option<i64>,
    pub effects: Vec<Effect>,
}

/// An entry with the hashes that its leaf is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub origin: Origin,
    /// The answer's body; `None` for acts and due items.
    pub answer: Option<Vec<u8>>,
    pub details: Details,
}

/// A record that cannot be read: damaged, or written by a newer gateway.
#[derive(Debug, thiserror::Error)]
#[error("journal record cannot be read: {0}")]
pub struct RecordError(String);

impl From<minicbor::decode::Error> for RecordError {
    fn from(error: minicbor::decode::Error) -> Self {
        Self(error.to_string())
    }
}

type Infallible<T> = Result<T, minicbor::encode::Error<core::convert::Infallible>>;

/// Bytes that an encoder into a `Vec`, which cannot fail, has written.
pub(crate) fn written(write: impl FnOnce(&mut Encoder<Vec<u8>>) -> Infallible<()>) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::with_capacity(256));
    match write(&mut encoder) {
        Ok(()) => encoder.into_writer(),
        Err(error) => unreachable!("writing to memory cannot fail: {error}"),
    }
}

/// Bytes that are compared with what would be written, instead of writing it.
struct Compared<'a>(&'a [u8]);

/// Something else would be written.
struct Differs;

impl Write for Compared<'_> {
    type Error = Differs;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Differs> {
        self.0 = self.0.strip_prefix(bytes).ok_or(Differs)?;
        Ok(())
    }
}

/// Whether `write` would write exactly these bytes.
fn would_write<'a>(
    bytes: &'a [u8],
    write: impl FnOnce(&mut Encoder<Compared<'a>>) -> EncodeResult<Compared<'a>>,
) -> bool {
    let mut encoder = Encoder::new(Compared(bytes));
    write(&mut encoder).is_ok() && encoder.writer().0.is_empty()
}

impl Details {
    /// The bytes whose hash is in the entry's leaf.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        written(|e| self.encode_to(e))
    }

    fn encode_to<W: Write>(&self, e: &mut Encoder<W>) -> EncodeResult<W> {
        let length = if self.quoted_ms.is_some() { 11 } else { 10 };
        e.array(length)?.u64(self.chain)?.u64(self.epoch)?.u64(self.index)?.i64(self.time_ms)?;
        e.u32(self.business_date)?.str(&self.merchant)?.str(&self.store)?;
        e.array(2)?.u16(self.currency.0)?.u8(self.currency.1)?;
        e.u32(self.programme_version)?.array(self.effects.len() as u64)?;
        self.effects.iter().try_for_each(|effect| effects::encode(e, effect))?;
        self.quoted_ms.map_or(Ok(()), |ms| e.i64(ms).map(drop))
    }

    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let d = &mut Decoder::new(bytes);
        let length = d.array()?.filter(|length| matches!(length, 10 | 11));
        let length = length.ok_or_else(|| RecordError("not an array of 10 or 11".into()))?;
        let (chain, epoch, index, time_ms) = (d.u64()?, d.u64()?, d.u64()?, d.i64()?);
        let (business_date, merchant, store) = (d.u32()?, d.str()?.into(), d.str()?.into());
        expect_array(d, 2)?;
        let currency = (d.u16()?, d.u8()?);
        let programme_version = d.u32()?;
        let count = d.array()?.ok_or_else(|| RecordError("indefinite array".into()))?;
        let effects = (0..count).map(|_| effects::decode(d)).collect::<Result<Vec<_>, _>>()?;
        let quoted_ms = if length == 11 { Some(d.i64()?) } else { None };
        if d.position() != bytes.len() {
            return Err(RecordError("bytes after the details".into()));
        }
        Ok(Self {
            chain,
            epoch,
            index,
            time_ms,
            business_date,
            merchant,
            store,
            currency,
            programme_version,
            quoted_ms,
            effects,
        })
    }
}

fn expect_array(d: &mut Decoder<'_>, length: u64) -> Result<(), RecordError> {
    if d.array()? == Some(length) { Ok(()) } else { Err(RecordError(format!("not an array of {length}"))) }
}

impl Origin {
    /// The first entry; its key is the installation id.
    pub const GENESIS: &str = "genesis";
    /// A terminal that was cloned or rolled back; its key is terminal and generation.
    pub const TERMINAL_LOCK: &str = "terminal-lock";
    /// A wrong enrolment code; its key is terminal, expiry of the code and number of the try.
    pub const ENROLMENT_TRY: &str = "enrolment-try";
    /// Name of the due item that counts a try of a PIN.
    pub const PIN_TRY: &'static str = "pin-try";
    /// Lots of a card that have expired; its key is the card and its version before.
    pub const EXPIRY: &str = "expiry";
    /// A member's tier that was reached, earned again or lost; its key is the card and the entry's own index.
    pub const TIER: &str = "tier";
    /// The close of a leaderboard, and what ranks get.
    pub const LEADERBOARD: &str = "leaderboard";
    /// A member's birthday gift; its key is the card and the year of the birthday.
    pub const BIRTHDAY: &str = "birthday";
    /// All birthdays up to a business date have been looked at; its key is that date.
    pub const BIRTHDAYS: &str = "birthdays";
    /// All business days up to a date are closed, because they are over; its key is that date.
    pub const CLOSE: &str = "close";

    fn encode<W: Write>(&self, e: &mut Encoder<W>) -> EncodeResult<W> {
        match self {
            Self::Terminal { message, signed } => e.array(3)?.u8(1)?.u8(*message)?.bytes(signed)?.ok(),
            Self::Operator { signed } => {
                e.array((signed.len() as u64).saturating_add(1))?.u8(2)?;
                signed.iter().try_for_each(|act| e.bytes(act).map(drop))
            }
            Self::System { name, key } => e.array(3)?.u8(3)?.str(name)?.str(key)?.ok(),
        }
    }

    fn decode(d: &mut Decoder<'_>) -> Result<Self, RecordError> {
        let length = d.array()?.unwrap_or(0);
        match (d.u8()?, length) {
            (1, 3) => Ok(Self::Terminal { message: d.u8()?, signed: d.bytes()?.into() }),
            (2, 2 | 3) => {
                let signed = (1..length).map(|_| d.bytes().map(Vec::from)).collect::<Result<_, _>>()?;
                Ok(Self::Operator { signed })
            }
            (3, 3) => Ok(Self::System { name: d.str()?.into(), key: d.str()?.into() }),
            _ => Err(RecordError("unknown origin".into())),
        }
    }

    /// The bytes of the origin by itself; their hash is a due item's request id.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        written(|e| self.encode(e))
    }
}

impl Record {
    /// The stored form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode_parts(&self.origin, self.answer.as_deref(), &self.details.encode())
    }

    /// Whether [`Record::encode`] gives these bytes, of which `details` are the details'.
    #[must_use]
    pub fn is_encoded(&self, bytes: &[u8], details: &[u8]) -> bool {
        would_write(details, |e| self.details.encode_to(e))
            && would_write(bytes, |e| encode_parts_to(e, &self.origin, self.answer.as_deref(), details))
    }

    /// Reads a stored record; the second value is the details' bytes.
    ///
    /// # Errors
    /// [`RecordError`] when a byte is not as written.
    pub fn decode(bytes: &[u8]) -> Result<(Self, &[u8]), RecordError> {
        let d = &mut Decoder::new(bytes);
        expect_array(d, 4)?;
        if d.u8()? != RECORD_VERSION {
            return Err(RecordError("unknown record version".into()));
        }
        let origin = Origin::decode(d)?;
        let answer = optionally(d, |d| d.bytes().map(Vec::from))?;
        let details = d.bytes()?;
        if d.position() != bytes.len() {
            return Err(RecordError("bytes after the record".into()));
        }
        Ok((Self { origin, answer, details: Details::decode(details)? }, details))
    }
}

/// The stored form from details that are already encoded.
#[must_use]
pub fn encode_parts(origin: &Origin, answer: Option<&[u8]>, details: &[u8]) -> Vec<u8> {
    written(|e| encode_parts_to(e, origin, answer, details))
}

fn encode_parts_to<W: Write>(
    e: &mut Encoder<W>,
    origin: &Origin,
    answer: Option<&[u8]>,
    details: &[u8],
) -> EncodeResult<W> {
    e.array(4)?.u8(RECORD_VERSION)?;
    origin.encode(e)?;
    optional(e, answer, |e, answer| e.bytes(answer).map(drop))?;
    e.bytes(details)?.ok()
}

/// SHA-256 of an answer body; zeros when there is none.
#[must_use]
pub fn answer_hash(answer: Option<&[u8]>) -> [u8; 32] {
    answer.map_or([0; 32], |answer| sha256(&[answer]))
}
