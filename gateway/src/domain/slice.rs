//! A refund's part of what its original did: where it begins, and how what cannot be split evenly is rounded.

use super::Fault;

/// This refund's place among all refunds of an original: `amount` after `before`, of `whole`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slice {
    pub before: i64,
    pub amount: i64,
    pub whole: i64,
}

impl Slice {
    /// This refund's part of `all`: of what was earned on the whole, rounded up over all refunds so far, so that nothing is
    /// left of it when nothing is left of the whole, and never too much before.
    pub(super) fn share_of(self, all: i64) -> Result<i64, Fault> {
        if self.amount == 0 {
            return Ok(0);
        }
        let upto = |refunded: i64| -> Option<i64> {
            let product = i128::from(all).checked_mul(i128::from(refunded))?;
            let whole = i128::from(self.whole);
            let up = product.checked_add(whole.checked_sub(1)?)?.checked_div(whole)?;
            i64::try_from(up).ok()
        };
        let after = self.before.checked_add(self.amount).and_then(upto);
        after
            .zip(upto(self.before))
            .and_then(|(after, before)| after.checked_sub(before))
            .ok_or(Fault::Overflow)
    }

    /// This refund's part of `all`: of what paid the whole, rounded down over all refunds so far, as a slice of it.
    pub(super) fn rounded_down(self, all: i64) -> Result<Self, Fault> {
        let upto = |refunded: i64| -> Option<i64> {
            let product = i128::from(all).checked_mul(i128::from(refunded))?;
            i64::try_from(product.checked_div(i128::from(self.whole))?).ok()
        };
        if self.amount == 0 {
            return Ok(Self { before: 0, amount: 0, whole: all });
        }
        let before = upto(self.before).ok_or(Fault::Overflow)?;
        let after = self.before.checked_add(self.amount).and_then(upto).ok_or(Fault::Overflow)?;
        let amount = after.checked_sub(before).ok_or(Fault::Overflow)?;
        Ok(Self { before, amount, whole: all })
    }

    /// Its part of the first `first` of the whole that is refunded, and its part of the rest, which is refunded after that.
    pub(super) fn split(self, first: i64) -> Result<(Self, Self), Fault> {
        let minus = |all: i64, part: i64| all.checked_sub(part).ok_or(Fault::Overflow);
        let after = self.before.checked_add(self.amount).ok_or(Fault::Overflow)?;
        let before = self.before.min(first);
        let amount = minus(after.min(first), before)?;
        let rest = Self {
            before: minus(self.before, before)?,
            amount: minus(self.amount, amount)?,
            whole: minus(self.whole, first)?,
        };
        Ok((Self { before, amount, whole: first }, rest))
    }

    /// This refund's part of a list of amounts that make up the whole, taken from its end.
    pub(super) fn of_legs<T: Clone>(self, legs: &[(T, i64)]) -> Result<Vec<(T, i64)>, Fault> {
        let (mut skip, mut missing) = (self.before, self.amount);
        let mut part = Vec::new();
        for (leg, amount) in legs.iter().rev() {
            let skipped = skip.min(*amount);
            skip = skip.checked_sub(skipped).ok_or(Fault::Overflow)?;
            let taken = missing.min(amount.checked_sub(skipped).ok_or(Fault::Overflow)?);
            missing = missing.checked_sub(taken).ok_or(Fault::Overflow)?;
            if taken > 0 {
                part.push((leg.clone(), taken));
            }
        }
        if missing == 0 { Ok(part) } else { Err(Fault::Misfit("a refund of more than was paid")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_paid_last_is_refunded_after_all_that_paid_first() {
        let part = |before, amount| Slice { before, amount, whole: 10 }.split(7).expect("in range");
        let parts = |before, amount| {
            let (first, rest) = part(before, amount);
            assert_eq!((first.whole, rest.whole), (7, 3));
            ((first.before, first.amount), (rest.before, rest.amount))
        };
        assert_eq!(parts(0, 7), ((0, 7), (0, 0)));
        assert_eq!(parts(5, 3), ((5, 2), (0, 1)));
        assert_eq!(parts(8, 2), ((7, 0), (1, 2)));
        let (all, none) = Slice { before: 2, amount: 8, whole: 10 }.split(10).expect("in range");
        assert_eq!((all.amount, none.amount, none.whole), (8, 0, 0));
        assert_eq!((none.share_of(5), none.rounded_down(5).map(|none| none.amount)), (Ok(0), Ok(0)));
    }

    #[test]
    fn shares_add_up_whichever_way_they_are_rounded() {
        let most = i64::MAX;
        for whole in [1, 3, 999_999_999_999] {
            let (mut up, mut down, mut before) = (0, 0, 0);
            for amount in [whole / 3, whole / 2, whole - whole / 3 - whole / 2] {
                let slice = Slice { before, amount, whole };
                up += slice.share_of(most).expect("in range");
                down += slice.rounded_down(most).expect("in range").amount;
                before += amount;
                assert!(down <= up);
            }
            assert_eq!((up, down), (most, most));
        }
    }
}
