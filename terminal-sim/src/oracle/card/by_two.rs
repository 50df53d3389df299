//! What two operators do to a card: money without a sale, points without one, a PIN that may be typed again or is set anew.
//! Why not is said in words that the gateway's own reason has in it.

use super::CardModel;
use super::purse::{Balance, Part};
use crate::desk::{ByTwo, CardShown};
use crate::oracle::calendar;
use crate::oracle::programme::Programme;
use crate::oracle::rules;

impl CardModel {
    pub(in crate::oracle) fn by_two(
        &mut self,
        act: ByTwo,
        programme: &Programme,
        date: u32,
    ) -> Result<(), &'static str> {
        let ends = |months: Option<i64>| calendar::after_months(date, months?);
        match act {
            ByTwo::Refund { amount } => {
                self.refund_without_sale(amount, programme, ends(programme.expiry.principal))
            }
            ByTwo::Adjust { points } => self.adjust(points, ends(programme.expiry.points)),
            ByTwo::UnlockPin => self.pin.unlock(),
            ByTwo::ResetPin => self.pin.reset(),
        }
    }

    /// A lot of principal, without a bonus, that ends as a load's does; it is no load, and nothing is counted.
    fn refund_without_sale(
        &mut self,
        amount: i64,
        programme: &Programme,
        ends: Option<i64>,
    ) -> Result<(), &'static str> {
        if !self.is_active() || self.bound.is_some() {
            return Err("only an active, unbound card");
        }
        if amount <= 0 {
            return Err("above zero");
        }
        let (product, together) = (self.product(programme), self.purse.total().saturating_add(amount));
        if together > product.max_balance {
            return Err("exceed the product's maximum");
        }
        if self.lacks_holder(product, together, None) {
            return Err("a card with a registered holder");
        }
        let crowded = self.purse.alive().saturating_add(self.points.alive()) >= rules::LOTS_APART;
        let lot = self.purse.place((Balance::Principal, ends), crowded, usize::MAX);
        self.purse.book(&[Part { lot, amount }]);
        self.loaded = true;
        Ok(())
    }

    /// What is given pays first what the card owes; what is taken comes of the oldest lots first, and what is not there is owed.
    fn adjust(&mut self, points: i64, ends: Option<i64>) -> Result<(), &'static str> {
        if !self.is_alive() {
            return Err("only an active or blocked card");
        }
        if points == 0 {
            return Err("how many points");
        }
        if points < 0 {
            self.points.take(points.saturating_neg(), None);
        } else {
            self.loaded |= self.points.earn(points, ends).card() > 0;
        }
        Ok(())
    }

    /// Points that it owes.
    pub(in crate::oracle) fn points_debt(&self) -> i64 {
        self.points.debt()
    }

    /// Wrong PINs have locked it.
    pub(in crate::oracle) fn is_locked(&self, programme: &Programme) -> bool {
        self.product(programme).pin.is_some_and(|rule| self.pin.is_locked(rule.tries))
    }

    /// The number of the PIN that it had before the one that it has, or before that was taken away.
    pub(in crate::oracle) fn former_pin(&self) -> Option<u32> {
        self.pin.former()
    }

    /// Whether it is what an operator is shown; what it should be, if not.
    pub(in crate::oracle) fn is_shown(&self, shown: &CardShown) -> Result<(), CardShown> {
        let status = match (self.successor, self.blocked, self.active) {
            (Some(_), ..) => "replaced",
            (_, true, _) => "blocked",
            (.., true) => "active",
            (.., false) => "issued",
        };
        let expected = CardShown {
            status: status.into(),
            points_debt: self.points.debt(),
            pin: if self.pin.number.is_some() { "set" } else { "none" }.into(),
            wrong_pins: self.pin.wrong_tries().unwrap_or(shown.wrong_pins),
        };
        // What is known of a card's holder goes over to the one that takes its place.
        let rest = if self.successor.is_some() {
            CardShown { pin: shown.pin.clone(), wrong_pins: shown.wrong_pins, ..expected }
        } else {
            expected
        };
        if rest == *shown { Ok(()) } else { Err(rest) }
    }
}
