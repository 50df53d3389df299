//! Bounded numbers, time and dates.

use core::fmt;

use minicbor::Decoder;

use crate::cbor::{Item, Writer, expect_array};
use crate::error::Problem;

/// The largest amount of one request, in minor units: 999,999,999,999.
pub const MAX_AMOUNT_MINOR: i64 = 999_999_999_999;

/// A whole number from `MIN` to `MAX`; `MIN` is never negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ranged<const MIN: i64, const MAX: i64>(i64);

/// A positive amount in minor units (key 20).
pub type AmountMinor = Ranged<1, MAX_AMOUNT_MINOR>;
/// A number of points to pay with (key 35).
pub type Points = Ranged<1, MAX_AMOUNT_MINOR>;
/// The gross amount of a purchase line in minor units; may be zero.
pub type GrossMinor = Ranged<0, MAX_AMOUNT_MINOR>;
/// A sum in minor units, of totals or in an answer; may be zero.
pub type TotalMinor = Ranged<0, { i64::MAX }>;
/// A quantity in thousandths of its unit.
pub type QuantityThousandths = Ranged<0, 1_000_000_000>;
/// A number of interactions, pieces or uses (key 49).
pub type Quantity = Ranged<1, 1_000_000>;
/// A number of points, pieces or uses in an answer; may be zero.
pub type Count = Ranged<0, { i64::MAX }>;
/// Unix seconds, up to 2^40 - 1.
pub type UnixSeconds = Ranged<0, 0xff_ffff_ffff>;
/// A frame version, 1 to 15.
pub type ProtocolVersion = Ranged<1, 15>;
/// An ISO 4217 number, 1 to 999.
pub type Currency = Ranged<1, 999>;

impl<const MIN: i64, const MAX: i64> Ranged<MIN, MAX> {
    /// The smallest value.
    pub const MIN: Self = Ranged(MIN);
    /// The largest value.
    pub const MAX: Self = Ranged(MAX);

    /// `None` when out of range.
    pub const fn new(value: i64) -> Option<Self> {
        if value >= MIN && value <= MAX { Some(Ranged(value)) } else { None }
    }

    /// The value.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl<const MIN: i64, const MAX: i64> fmt::Debug for Ranged<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const MIN: i64, const MAX: i64> fmt::Display for Ranged<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const MIN: i64, const MAX: i64> Item for Ranged<MIN, MAX> {
    fn write(&self, writer: &mut Writer) {
        writer.int(self.0);
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        let value = i64::try_from(u64::read(decoder)?).map_err(|_| Problem::OutOfRange)?;
        Ranged::new(value).ok_or(Problem::OutOfRange)
    }
}

/// The terminal's clock: Unix seconds, and the offset of its local time from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalTime {
    seconds: UnixSeconds,
    offset_minutes: i16,
}

impl TerminalTime {
    /// `None` unless `seconds` is below 2^40 and the offset is -1440 to 1440 minutes.
    pub fn new(seconds: u64, offset_minutes: i16) -> Option<Self> {
        let seconds = UnixSeconds::new(i64::try_from(seconds).ok()?)?;
        (-1440..=1440).contains(&offset_minutes).then_some(TerminalTime { seconds, offset_minutes })
    }

    /// Unix seconds.
    pub const fn seconds(self) -> u64 {
        self.seconds.get().unsigned_abs()
    }

    /// Minutes to add to UTC to get the terminal's local time.
    pub const fn offset_minutes(self) -> i16 {
        self.offset_minutes
    }
}

impl Item for TerminalTime {
    fn write(&self, writer: &mut Writer) {
        writer.array(2);
        self.seconds.write(writer);
        writer.int(i64::from(self.offset_minutes));
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        expect_array(decoder, 2)?;
        let seconds = u64::read(decoder)?;
        let offset = i16::try_from(i64::read(decoder)?).map_err(|_| Problem::OutOfRange)?;
        TerminalTime::new(seconds, offset).ok_or(Problem::OutOfRange)
    }
}

/// A date as the number YYYYMMDD; month 1 to 12, day 1 to 31.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(u32);

impl Date {
    /// `None` unless it has the form YYYYMMDD.
    pub const fn new(number: u32) -> Option<Self> {
        let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
        let fits = year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
        if fits { Some(Date(number)) } else { None }
    }

    /// The number YYYYMMDD.
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0 / 10_000, self.0 / 100 % 100, self.0 % 100)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Item for Date {
    fn write(&self, writer: &mut Writer) {
        self.0.write(writer);
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        Date::new(u32::read(decoder)?).ok_or(Problem::OutOfRange)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_end_where_section_5_says() {
        assert!(AmountMinor::new(0).is_none() && AmountMinor::new(-1).is_none());
        assert!(AmountMinor::new(1).is_some() && AmountMinor::new(999_999_999_999).is_some());
        assert!(AmountMinor::new(1_000_000_000_000).is_none());
        assert!(TerminalTime::new(1 << 40, 0).is_none() && TerminalTime::new((1 << 40) - 1, 1440).is_some());
        assert!(TerminalTime::new(0, 1441).is_none() && TerminalTime::new(0, -1441).is_none());
        assert!(
            Date::new(20_261_131).is_some()
                && Date::new(20_261_301).is_none()
                && Date::new(20_260_100).is_none()
        );
    }
}
