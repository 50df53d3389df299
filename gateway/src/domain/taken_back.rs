//! Why points and bonus go and come back when something is undone or refunded, and what of points is owed: lines for the answer
//! (PROTOCOL.md section 11, *Explanation*). What rules gave is read from the lines of the original's own answer.

use std::collections::BTreeMap;

use super::card::CardReference;
use super::decision::{Notes, Reason};
use super::effect::{Account, Effect};
use super::ledger::{Kind, bonus_expense};
use super::original::{Original, own_points_debts, own_postings};
use super::programme::{PointsPayment, Programme};
use super::slice::Slice;
use super::state::State;

/// Longest rule and rate on the wire, in bytes.
const RULE: usize = 32;
const RATE: usize = 20;
/// Of what goes or comes back whole.
const WHOLE: &str = "1/1";
/// Of what the original's answer does not name the rules.
const RULES: &str = "rules";
/// A debt that is made or paid.
const OWED: &str = "owed";
/// Bonus that is not there, and comes off the money.
const WITHHELD: &str = "withheld";

/// What comes back by a refund.
#[derive(Debug, Default)]
pub(super) struct Returned {
    pub effects: Vec<Effect>,
    /// Why points and bonus go and come.
    pub reasons: Vec<Reason>,
    /// What the customer gets, minor units.
    pub paid: i64,
}

/// What a slice takes back of what rules `gave` of a balance: a line for each rule when nothing of it is left, else one for all of
/// them, because it is rounded over all of them.
pub(super) fn taken_back(
    original: &Original,
    kind: Kind,
    slice: Slice,
    (gave, taken): (i64, i64),
) -> Vec<Reason> {
    if taken == 0 {
        return Vec::new();
    }
    let rules: Vec<&Reason> =
        original.reasons.iter().filter(|line| line.kind == kind && line.result > 0).collect();
    let known = sum(rules.iter().copied()) == gave;
    let line = |rule: String, base: i64, taken: i64| Reason {
        rule,
        kind,
        base,
        rate: share(slice),
        result: taken.saturating_neg(),
        notes: Notes::TAKEN_BACK.and(rounded(slice, base)),
        other: None,
    };
    if known && taken == gave {
        return rules.iter().map(|rule| line(rule.rule.clone(), rule.result, rule.result)).collect();
    }
    let names = if known { together(&rules) } else { RULES.to_owned() };
    vec![line(names, gave, taken)]
}

/// Points that paid `all` of a slice's whole, and of which so many come back.
pub(super) fn comes_back(original: &Original, slice: Slice, (all, back): (i64, i64)) -> Reason {
    let paid = original.reasons.iter().find(|line| line.kind == Kind::POINTS && line.result < 0);
    Reason {
        rule: paid.map_or_else(|| RULES.to_owned(), |paid| paid.rule.clone()),
        kind: Kind::POINTS,
        base: all,
        rate: share(slice),
        result: back,
        notes: Notes::TAKEN_BACK.and(rounded(slice, all)),
        other: None,
    }
}

/// Points that are missing and paid for: `money` is withheld for `points` of them.
pub(super) fn bought(
    programme: &Programme,
    pay: &PointsPayment,
    (points, money): (i64, i64),
) -> Option<Reason> {
    let line = || Reason {
        rule: pay.rule.clone(),
        kind: Kind::POINTS,
        base: money,
        rate: pay.rate(programme),
        result: points,
        notes: Notes::WITHHELD,
        other: None,
    };
    (money > 0).then(line)
}

/// Bonus that is missing, and comes off the money.
pub(super) fn withheld(money: i64) -> Option<Reason> {
    let line = || Reason {
        rule: WITHHELD.to_owned(),
        kind: Kind::BONUS,
        base: money,
        rate: WHOLE.to_owned(),
        result: money,
        notes: Notes::WITHHELD,
        other: None,
    };
    (money > 0).then(line)
}

/// The gift of a tier that falls.
pub(super) fn fallen_gift(tier: &str, points: i64) -> Reason {
    whole(Kind::POINTS, tier.to_owned(), points, points.saturating_neg())
}

/// What a transaction changed of the points and of the bonus of its card, the other way round: each line of its answer, or one for
/// a balance whose lines do not come to that.
pub(super) fn undone(original: &Original) -> Vec<Reason> {
    let mut net = net(original);
    // What was taken and paid for at once changed nothing, and is said all the same.
    for line in original.reasons.iter().filter(|line| line.kind != Kind::MONEY) {
        net.entry(line.kind).or_default();
    }
    let of = |kind: Kind| original.reasons.iter().filter(move |line| line.kind == kind);
    let known = |kind: Kind, changed: i64| sum(of(kind)) == changed;
    let is_nothing = |line: &Reason| line.result == 0 && !line.notes.has(Notes::WITHHELD);
    let mut lines: Vec<Reason> = Vec::new();
    for line in &original.reasons {
        if !net.get(&line.kind).is_some_and(|changed| known(line.kind, *changed)) || is_nothing(line) {
            continue;
        }
        let result = line.result.saturating_neg();
        lines.push(if line.notes.has(Notes::WITHHELD) {
            Reason { result, notes: Notes::WITHHELD.and(Notes::TAKEN_BACK), ..line.clone() }
        } else {
            whole(line.kind, line.rule.clone(), line.result.saturating_abs(), result)
        });
    }
    let unknown = net.iter().filter(|(kind, changed)| **changed != 0 && !known(**kind, **changed));
    lines.extend(unknown.map(|(kind, changed)| {
        whole(*kind, RULES.to_owned(), changed.saturating_abs(), changed.saturating_neg())
    }));
    lines
}

/// Points that this leaves owed by a card, or that pay what it owed: with the other lines, what changes of the points on it.
pub(super) fn owed(state: &State, card: CardReference, effects: &[Effect]) -> Vec<Reason> {
    let of_card = |kind: Kind| {
        effects.iter().fold(0_i64, |sum, effect| match effect {
            Effect::PointsDebt { card: of, kind: held, change } if *of == card && *held == kind => {
                sum.saturating_add(*change)
            }
            _ => sum,
        })
    };
    let debts = own_points_debts(effects);
    let changed = debts.into_iter().filter(|((of, _), change)| *of == card && *change != 0);
    let line = |((_, kind), change): ((CardReference, Kind), i64)| {
        let held = state.cards.get(&card).map_or(0, |card| card.points_debt(kind));
        let after = held.saturating_add(of_card(kind));
        // The debt that it is about: what is owed then, or what was before some of it was paid.
        let debt = after.max(after.saturating_sub(change));
        Reason {
            rule: OWED.to_owned(),
            kind,
            base: debt,
            rate: fraction(change.saturating_abs(), debt),
            result: change,
            notes: Notes::OWED,
            other: None,
        }
    };
    changed.map(line).collect()
}

/// What an entry changed for its card: of each point currency, what it owes taken off; of the bonus, when rules changed that.
fn net(original: &Original) -> BTreeMap<Kind, i64> {
    let mut net: BTreeMap<Kind, i64> = BTreeMap::new();
    let mut add = |kind: Kind, change: i64| {
        let held = net.entry(kind.released()).or_default();
        *held = held.saturating_add(change);
    };
    // A payment takes bonus as it does principal, and has no leg for what the bonus costs.
    let gives = own_postings(&original.effects).any(|leg| leg.account == bonus_expense());
    for leg in own_postings(&original.effects) {
        let own = matches!(&leg.account, Account::Card { card, .. } if Some(*card) == original.card);
        if own && (!leg.kind.is_money() || gives && leg.kind == Kind::BONUS) {
            add(leg.kind, leg.amount);
        }
    }
    for ((card, kind), change) in original.points_debts() {
        if Some(card) == original.card {
            add(kind, change.saturating_neg());
        }
    }
    net
}

fn whole(kind: Kind, rule: String, base: i64, result: i64) -> Reason {
    Reason { rule, kind, base, rate: WHOLE.to_owned(), result, notes: Notes::TAKEN_BACK, other: None }
}

fn sum<'a>(lines: impl Iterator<Item = &'a Reason>) -> i64 {
    lines.fold(0, |sum, line| sum.saturating_add(line.result))
}

/// Names of rules, when they fit into a line; else how many there are.
fn together(rules: &[&Reason]) -> String {
    let mut names: Vec<&str> = rules.iter().map(|rule| rule.rule.as_str()).collect();
    names.dedup();
    let all = names.join(" + ");
    if all.len() <= RULE { all } else { format!("{} {RULES}", names.len()) }
}

fn share(slice: Slice) -> String {
    fraction(slice.amount, slice.whole)
}

/// A part of a whole; of amounts that are too long for that, in percent.
fn fraction(part: i64, whole: i64) -> String {
    let exact = format!("{part}/{whole}");
    if exact.len() <= RATE {
        return exact;
    }
    let hundredths = i128::from(part).saturating_mul(10_000).checked_div(i128::from(whole)).unwrap_or(0);
    format!("~{}.{:02}%", hundredths.div_euclid(100), hundredths.rem_euclid(100))
}

/// Whether a slice's part of `all` is no whole number.
fn rounded(slice: Slice, all: i64) -> Notes {
    let part = i128::from(all).saturating_mul(i128::from(slice.amount));
    Notes::ROUNDED.when(part.checked_rem(i128::from(slice.whole)).is_some_and(|rest| rest != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_that_does_not_fit_is_said_in_percent() {
        assert_eq!(fraction(300, 1_000), "300/1000");
        assert_eq!(fraction(999_999_999, 9_999_999_999), "999999999/9999999999");
        assert_eq!(fraction(9_999_999_998, 9_999_999_999), "~99.99%");
        assert_eq!(fraction(1, 1_000_000_000_000_000_000), "~0.00%");
        assert_eq!(fraction(i64::MAX, i64::MAX), "~100.00%");
    }
}
