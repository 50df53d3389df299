//! The points of a card, which are its own whoever's money it spends.

/// Points that came or went: on the card, and in what it owes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Points {
    pub(super) card: i64,
    pub(super) debt: i64,
}

/// What a card has of them, and what it owes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PointsHeld {
    pub(super) held: i64,
    debt: i64,
}

impl PointsHeld {
    /// Whether there are so many points.
    pub(super) fn has(&self, points: i64) -> bool {
        points <= self.held
    }

    /// Points that the card owes.
    pub(super) const fn debt(&self) -> i64 {
        self.debt
    }

    /// Earns points: they pay what the card owes first.
    pub(super) fn earn(&mut self, points: i64) -> Points {
        let repaid = points.min(self.debt);
        self.book(Points { card: points.saturating_sub(repaid), debt: repaid.saturating_neg() })
    }

    /// Takes points back: what the card no longer has, it owes.
    pub(super) fn take(&mut self, points: i64) -> Points {
        let taken = points.min(self.held).max(0);
        self.book(Points { card: taken.saturating_neg(), debt: points.saturating_sub(taken) })
    }

    /// The opposite of what was done.
    pub(super) fn undo(&mut self, done: Points) -> Points {
        let back = if done.card > 0 {
            self.take(done.card)
        } else {
            self.book(Points { card: done.card.saturating_neg(), debt: 0 })
        };
        self.debt = self.debt.saturating_sub(done.debt);
        Points { debt: back.debt.saturating_sub(done.debt), ..back }
    }

    /// Takes over all that another card has and owes.
    pub(super) fn take_over(&mut self, other: &mut PointsHeld) {
        let PointsHeld { held, debt } = std::mem::take(other);
        self.book(Points { card: held, debt });
    }

    /// Books points.
    pub(super) fn book(&mut self, points: Points) -> Points {
        self.held = self.held.saturating_add(points.card);
        self.debt = self.debt.saturating_add(points.debt);
        points
    }
}
