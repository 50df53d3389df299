//! What became of cards by time and by rules about people, as the oracle works it out: for whoever asks whether a shop came by it.

use std::fmt;

use serde::Serialize;

/// Counts of what has happened to cards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Happened {
    /// Lots of principal that ended with something in them.
    pub principal_lots: u64,
    /// The same of bonus.
    pub bonus_lots: u64,
    /// The same of points.
    pub points_lots: u64,
    /// Minor units that ended with them.
    pub money: i64,
    /// Points that did.
    pub points: i64,
    /// Holds whose time was over.
    pub holds: u64,
    /// Parts of refunds that came back to a lot which had ended, and so as a new one.
    pub late_refunds: u64,
    /// Holders who were registered.
    pub holders: u64,
    /// Loads and transfers that were declined because the card has no registered holder.
    pub without_holder: u64,
    /// Loads that were declined because the card is somebody else's.
    pub other_holder: u64,
}

impl Happened {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Happened) -> Happened {
        Happened {
            principal_lots: self.principal_lots.saturating_add(other.principal_lots),
            bonus_lots: self.bonus_lots.saturating_add(other.bonus_lots),
            points_lots: self.points_lots.saturating_add(other.points_lots),
            money: self.money.saturating_add(other.money),
            points: self.points.saturating_add(other.points),
            holds: self.holds.saturating_add(other.holds),
            late_refunds: self.late_refunds.saturating_add(other.late_refunds),
            holders: self.holders.saturating_add(other.holders),
            without_holder: self.without_holder.saturating_add(other.without_holder),
            other_holder: self.other_holder.saturating_add(other.other_holder),
        }
    }
}

impl fmt::Display for Happened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Happened { principal_lots, bonus_lots, points_lots, money, points, holds, .. } = self;
        writeln!(
            f,
            "ended: {principal_lots} lots of principal and {bonus_lots} of bonus ({money} minor units), {points_lots} of points \
             ({points} points), {holds} holds; {} parts of refunds came back late",
            self.late_refunds
        )?;
        write!(
            f,
            "holders: {} registered; declined for want of one: {}, for another one: {}",
            self.holders, self.without_holder, self.other_holder
        )
    }
}
