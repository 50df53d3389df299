//! Multiplies the points of a sale (多倍积分; LOYALTY B3): each multiplier that holds has a line of its own, which says the points that
//! it adds. Rounded down over all of them together.

use super::Fault;
use super::customer::{Customer, Given};
use super::decision::{Notes, Reason};
use super::ledger::Kind;
use super::programme::Multiplier;
use super::programme::goods::Sale;
use super::programme::multiplier::{Factor, How};

impl Customer<'_> {
    /// What multipliers add to the points that were given for a sale.
    pub(super) fn multiplied(&self, given: &[Given], sale: Sale<'_>) -> Result<Vec<Given>, Fault> {
        let programme = self.facts.pricing;
        let mut kinds: Vec<Kind> = given.iter().map(|given| given.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let mut more = Vec::new();
        for kind in kinds {
            let of_kind = || given.iter().filter(|given| given.kind == kind);
            let points = of_kind().fold(0, |sum: i64, given| sum.saturating_add(given.amount));
            let pending = of_kind().map(|given| given.pending_until).max().flatten();
            let holding = programme.multipliers.iter().filter(|one| one.kind == kind);
            let holding: Vec<&Multiplier> =
                holding.filter(|one| one.when.holds(programme, &self.at)).collect();
            more.extend(self.all_of(&holding, points, sale, pending)?);
        }
        Ok(more)
    }

    fn all_of(
        &self,
        holding: &[&Multiplier],
        points: i64,
        sale: Sale<'_>,
        pending: Option<i64>,
    ) -> Result<Vec<Given>, Fault> {
        let multiplying = &self.facts.pricing.multiplying;
        let (mut all, mut so_far, mut reached) = (Vec::new(), Factor::ONE, points);
        for one in holding {
            let Some(factor) = one.factor(sale) else { continue };
            so_far = multiplying.with(so_far, factor).ok_or(Fault::Overflow)?;
            let (after, rounded) = so_far.apply(points).ok_or(Fault::Overflow)?;
            let before = if multiplying.how == How::Best { points } else { reached };
            reached = after;
            let result = after.checked_sub(before).ok_or(Fault::Overflow)?;
            let reason = Reason {
                rule: one.rule.clone(),
                kind: one.kind,
                base: points,
                rate: format!("x{}", one.times.normalize()),
                result,
                notes: Notes::ROUNDED.when(rounded),
                other: None,
            };
            all.extend(self.given(&one.cap, reason, pending));
        }
        if multiplying.how == How::Best {
            // The first of those that give as much.
            let best = all.iter().map(|given| given.amount).max();
            return Ok(all.into_iter().find(|given| Some(given.amount) == best).into_iter().collect());
        }
        Ok(all)
    }
}
