//! What time makes of a card: holds and lots end.

use protocol::field::TransactionState;

use super::{CardModel, Decided, Request};
use crate::oracle::calendar;
use crate::oracle::happened::Happened;
use crate::oracle::product::Product;

impl Request<'_> {
    /// The end of what is given now and lasts so many months.
    pub(in crate::oracle) fn ends(&self, months: Option<i64>) -> Option<i64> {
        calendar::after_months(self.date, months?)
    }

    /// The end of what comes back late to a card of this product.
    pub(super) fn grace(&self, product: &Product) -> Option<i64> {
        calendar::after_days(self.date, product.grace_days)
    }
}

impl CardModel {
    /// The card when it is so late, or later: what has ended by then is gone, booked or not.
    pub(in crate::oracle) fn at(mut self, time: i64) -> CardModel {
        let over = |decided: &Decided| {
            decided.state == TransactionState::LIVE && decided.ends.is_some_and(|end| end <= time)
        };
        let over: Vec<_> =
            self.decided.iter().filter(|(_, one)| over(one)).map(|(key, _)| key.clone()).collect();
        for key in over {
            if let Some(authorize) = self.decided.get_mut(&key) {
                authorize.state = TransactionState::LAPSED;
            }
        }
        let ended = self.purse.end(time).plus(self.points.end(time));
        self.happened = self.happened.plus(ended);
        if let Some(shows) = &mut self.shows {
            shows.end(time);
        }
        self
    }

    /// What has happened to it so far.
    pub(in crate::oracle) const fn happened(&self) -> Happened {
        self.happened
    }
}
