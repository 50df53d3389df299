//! What the rules of loads and purchases give, each within its cap, and together as they stack (LOYALTY A2, A3, B1).

use super::customer::{Customer, Given};
use super::decision::{Notes, Reason};
use super::effect::Effect;
use super::ledger::Kind;
use super::member::{Counters, Member, Window, counted};
use super::programme::goods::Sale;
use super::programme::load_bonus::Wanted;
use super::programme::purchase_points::Stage;
use super::programme::{LoadBonus, Measure, PurchasePoints};

impl<'a> Customer<'a> {
    /// What a load of `amount` minor units brings.
    pub(super) fn load_bonus(&self, amount: i64) -> Vec<Given> {
        let programme = self.facts.pricing;
        let given = self.load_rules().filter_map(|rule| {
            let wanted = rule.wanted(programme, amount)?;
            Some((rule.exclusive, self.given(&rule.cap, reason(&rule.rule, rule.kind, wanted), None)?))
        });
        let chosen = programme
            .load_stacking
            .choose(given.collect(), |(exclusive, given)| (*exclusive, given.kind, given.amount));
        chosen.into_iter().map(|(_, given)| given).collect()
    }

    fn load_rules(&self) -> impl Iterator<Item = &'a LoadBonus> {
        let (programme, at) = (self.facts.pricing, self.at);
        let loads = Measure::Loads.over(at.member, None, at.now.business_date);
        // A company gets bonus money, and no points (LOYALTY A7).
        let account = programme.is_account(&self.card.product);
        let rules = programme.load_bonuses.iter().filter(move |rule| !rule.first_load || loads == 0);
        rules.filter(move |rule| (rule.kind.is_money() || !account) && rule.when.holds(programme, &at))
    }

    /// How much more must be loaded to get more, and what is given then: bonus money, or points where that is all.
    pub(super) fn next_step(&self, amount: i64) -> Option<(i64, i64)> {
        let most = self.facts.pricing.products.get(&self.card.product).map_or(0, |product| product.max_load);
        let brings = |amount: i64| {
            let given = self.load_bonus(amount);
            let sum = |money: bool| {
                let of = given.iter().filter(|given| given.kind.is_money() == money);
                of.fold(0_i64, |sum, given| sum.saturating_add(given.amount))
            };
            (sum(true), sum(false))
        };
        let mut thresholds: Vec<i64> =
            self.load_rules().flat_map(|rule| rule.thresholds_above(amount)).collect();
        thresholds.retain(|threshold| *threshold <= most);
        thresholds.sort_unstable();
        let now = brings(amount);
        thresholds.into_iter().find_map(|threshold| {
            let then = brings(threshold);
            let bonus = if then.0 > now.0 { then.0 } else { then.1 };
            (then.0 > now.0 || then.1 > now.1).then_some((threshold.checked_sub(amount)?, bonus))
        })
    }

    /// Points for a sale, before multipliers.
    pub(super) fn purchase_points(&self, sale: Sale<'_>) -> Vec<Given> {
        let programme = self.facts.pricing;
        let rules = programme.purchase_points.iter().filter(|rule| rule.when.holds(programme, &self.at));
        let given = rules.filter_map(|rule| Some((rule.exclusive, self.points_by(rule, sale)?)));
        let chosen = programme
            .points_stacking
            .choose(given.collect(), |(exclusive, given)| (*exclusive, given.kind, given.amount));
        chosen.into_iter().map(|(_, given)| given).collect()
    }

    fn points_by(&self, rule: &PurchasePoints, sale: Sale<'_>) -> Option<Given> {
        let programme = self.facts.pricing;
        let counter = carry(&rule.rule);
        let carried = counted(&self.at.member.counters, &counter, Window::Ever, 0);
        let reached = |by, base| self.reached(rule.kind, by, base);
        let turn = self.turn(rule, reached(rule.by, sale.paid_for(&rule.goods)));
        if matches!(turn, Some(Effect::Counter { change: ..=0, .. })) {
            return None;
        }
        let wanted = rule.wanted(programme, sale, reached, carried)?;
        let change = wanted.carried;
        let pending = rule.pending.and_then(|pending| programme.pending_until(pending, self.at));
        let reason = reason(&rule.rule, rule.kind, wanted);
        let mut given = match self.given(&rule.cap, reason.clone(), pending) {
            Some(given) => given,
            None if change.is_none() => return None,
            None => Given { kind: rule.kind, amount: 0, pending_until: None, reason, counts: Vec::new() },
        };
        given.counts.extend(turn.filter(|_| given.amount > 0));
        for change in change.into_iter().flatten().filter(|change| *change != 0) {
            let (card, counter) = (Some(self.card.reference), counter.clone());
            given.counts.push(Effect::Counter { card, counter, period: 0, change });
        }
        Some(given)
    }

    /// Of every Nth purchase: which of them are rewarded with this one. One that has been stays so, whatever is refunded in front
    /// of it: the next purchase would be that one again.
    fn turn(&self, rule: &PurchasePoints, reached: i64) -> Option<Effect> {
        if !rule.every || rule.by != Stage::Purchases {
            return None;
        }
        let from = rule.steps.iter().rev().find(|step| step.from <= reached)?.from;
        let (card, counter) = (Some(self.card.reference), format!("{TURN}{}/{from}", rule.rule));
        let rewarded = self.at.member.counted(&counter, Window::Ever, 0);
        let change = reached.checked_div(from)?.saturating_sub(rewarded);
        Some(Effect::Counter { card, counter, period: 0, change })
    }

    /// How far a member is on a stage, with a sale whose base is `base`.
    fn reached(&self, kind: Kind, by: Stage, base: i64) -> i64 {
        let so_far = |measure: Measure| measure.over(self.at.member, None, self.at.now.business_date);
        match by {
            Stage::Amount => base,
            Stage::PointsHeld => self.card.available(kind, self.at.now.s()),
            Stage::PointsEarned => so_far(Measure::PointsEarned),
            Stage::Purchases => so_far(Measure::Purchases).saturating_add(1),
        }
    }
}

/// How many turns of every Nth purchase a member can have had who has bought so often, if a counter is of that.
pub(super) fn turns(counter: &str, counters: &Counters) -> Option<i64> {
    let every: i64 = counter.strip_prefix(TURN)?.rsplit_once('/')?.1.parse().ok()?;
    let member = Member { counters: counters.clone(), ..Member::nobody() };
    Measure::Purchases.over(&member, None, 0).checked_div(every)
}

/// Turns of every Nth purchase that were rewarded: `turn:RULE/N`.
const TURN: &str = "turn:";

/// The counter of what a rule has left over for the next sale.
pub(super) fn carry(rule: &str) -> String {
    format!("{CARRY}{rule}")
}

/// With it the names of those counters begin.
pub(super) const CARRY: &str = "carry:";

fn reason(rule: &str, kind: Kind, wanted: Wanted) -> Reason {
    let Wanted { base, result, rounded, rate, .. } = wanted;
    Reason {
        rule: rule.to_owned(),
        kind,
        base,
        rate,
        result,
        notes: Notes::ROUNDED.when(rounded),
        other: None,
    }
}
