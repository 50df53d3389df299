//! Point currencies (积分, 特殊礼遇积分; LOYALTY B8, B11): ordinary points, and others beside them.

use jiff::civil::Date;

use crate::domain::ledger::Kind;

/// The name of ordinary points in the programme.
pub const ORDINARY: &str = "ordinary";

/// Points of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointCurrency {
    pub kind: Kind,
    /// As it is printed.
    pub name: String,
    /// How long its lots live, where that is not as the programme's points do.
    pub months: Option<u16>,
    pub ends: Option<Ends>,
}

/// Where the last day of a lot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ends {
    /// On the day so many months on.
    #[default]
    Day,
    /// At the end of that day's month.
    Month,
    /// At the end of that day's year.
    Year,
}

impl Ends {
    /// The last day, of a lot that would end on `day`.
    #[must_use]
    pub fn last(self, day: Date) -> Date {
        match self {
            Self::Day => day,
            Self::Month => day.last_of_month(),
            Self::Year => day.last_of_year(),
        }
    }
}
