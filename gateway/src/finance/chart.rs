//! The chart of accounts: which finance account a leg of an entry belongs to. Pure; [`PURPOSES`] is the only list of them.

use crate::domain::effect::{Account, Posting};
use crate::domain::ledger::Kind;

/// What an account is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    Clearing,
    Principal,
    Bonus,
    Points,
    PendingPoints,
    Redemption,
    Refunds,
    BonusExpense,
    PointsExpense,
    Adjustments,
    PointsPayment,
    PointsReceivable,
    PointsRelease,
    Breakage,
    PointsBreakage,
    Suspense,
    OfflineLoss,
    InterStore,
}

/// A purpose as finance reads it.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub purpose: Purpose,
    /// In `[accounts]`.
    pub key: &'static str,
    /// The account's name unless a file says otherwise; `{store}`, `{other}`, `{tender}` and `{points}` stand for what the leg has.
    pub name: &'static str,
    pub what: &'static str,
}

const fn row(purpose: Purpose, key: &'static str, name: &'static str, what: &'static str) -> Row {
    Row { purpose, key, name, what }
}

/// Every account that there is. FINANCE.md has the same table; a test compares them.
pub const PURPOSES: [Row; 18] = [
    row(
        Purpose::Clearing,
        "clearing",
        "Assets:Clearing:{store}:{tender}",
        "money taken for loads, less what was paid out, by store and tender",
    ),
    row(
        Purpose::Principal,
        "principal",
        "Liabilities:Cards:Principal:{store}",
        "what customers paid in and may still spend, by the store where its lot was opened",
    ),
    row(
        Purpose::Bonus,
        "bonus",
        "Liabilities:Cards:Bonus:{store}",
        "what was given on top and may still be spent, by the store where its lot was opened",
    ),
    row(Purpose::Points, "points", "Liabilities:Points:{points}", "points that members may spend, in points"),
    row(
        Purpose::PendingPoints,
        "points-pending",
        "Liabilities:PendingPoints:{points}",
        "points that cannot be spent yet, in points",
    ),
    row(
        Purpose::Redemption,
        "redemption",
        "Income:Redemption:{store}",
        "value that cards paid with, by store",
    ),
    row(
        Purpose::Refunds,
        "refunds",
        "Income:Refunds:{store}",
        "value that came back to cards by refunds, with or without a sale, by store",
    ),
    row(
        Purpose::BonusExpense,
        "bonus-expense",
        "Expenses:Bonus:{store}",
        "what bonuses cost, by the store that gave them",
    ),
    row(
        Purpose::PointsExpense,
        "points-expense",
        "Expenses:Points:{points}",
        "points issued less points spent, in points",
    ),
    row(
        Purpose::Adjustments,
        "adjustments",
        "Expenses:Adjustments:{points}",
        "points that two operators gave or took, in points",
    ),
    row(
        Purpose::PointsPayment,
        "points-payment",
        "Expenses:PointsPayment:{store}",
        "money value of points that paid, less what was withheld for points, by the store that took them",
    ),
    row(
        Purpose::PointsReceivable,
        "points-receivable",
        "Assets:Receivable:{points}",
        "points that members owe, in points",
    ),
    row(
        Purpose::PointsRelease,
        "points-release",
        "Equity:PointsRelease:{points}",
        "where pending points pass when they are released; always back at nothing",
    ),
    row(
        Purpose::Breakage,
        "breakage",
        "Income:Breakage:Cards:{store}",
        "money on cards that expired unspent, by the store where its lot was opened",
    ),
    row(
        Purpose::PointsBreakage,
        "points-breakage",
        "Income:Breakage:Points:{points}",
        "points that expired unspent, in points",
    ),
    row(
        Purpose::Suspense,
        "suspense",
        "Liabilities:Suspense:{store}",
        "cash taken and credited to nobody, less what offline approvals lack, by store",
    ),
    row(
        Purpose::OfflineLoss,
        "offline-loss",
        "Expenses:OfflineLoss:{store}",
        "offline shortfalls that were written off, by store",
    ),
    row(
        Purpose::InterStore,
        "interstore",
        "Assets:InterStore:{store}:{other}",
        "what another store owes a store, below zero what it owes the other",
    ),
];

/// What of an entry, beside its legs, decides where they belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cause {
    /// It is a refund, money back without a sale, or undoes one of them.
    pub refund: bool,
    /// Two operators gave or took points.
    pub adjustment: bool,
}

/// Where a leg belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    pub purpose: Purpose,
    /// That the journal's account names.
    pub store: Option<&'a str>,
    /// That owes the store, or is owed by it.
    pub other: Option<&'a str>,
    pub tender: Option<u8>,
    /// The point currency, as it will be once released; `None` for money.
    pub points: Option<Kind>,
}

/// The place of a leg; `None` for an account that the chart does not know, which must not be guessed.
#[must_use]
pub fn place(leg: &Posting, cause: Cause) -> Option<Place<'_>> {
    let money = leg.kind.is_money();
    let points = (!money).then(|| leg.kind.released());
    let of = |purpose, store, tender| Some(Place { purpose, store, other: None, tender, points });
    let name = match &leg.account {
        Account::Card { .. } => {
            return match leg.kind {
                Kind::PRINCIPAL => of(Purpose::Principal, None, None),
                Kind::BONUS => of(Purpose::Bonus, None, None),
                _ if money => None,
                kind if kind.is_pending() => of(Purpose::PendingPoints, None, None),
                _ => of(Purpose::Points, None, None),
            };
        }
        Account::Named(name) => name.as_str(),
    };
    match (name.split_once(':').unwrap_or((name, "")), money) {
        (("clearing", rest), true) => {
            let (store, tender) = rest.rsplit_once(':')?;
            of(Purpose::Clearing, Some(store), Some(tender.parse().ok()?))
        }
        (("redemption", store), true) if cause.refund => of(Purpose::Refunds, Some(store), None),
        (("redemption", store), true) => of(Purpose::Redemption, Some(store), None),
        (("suspense", store), true) => of(Purpose::Suspense, Some(store), None),
        (("offline-loss", store), true) => of(Purpose::OfflineLoss, Some(store), None),
        (("bonus-expense", ""), true) => of(Purpose::BonusExpense, None, None),
        (("points-payment", ""), true) => of(Purpose::PointsPayment, None, None),
        (("breakage", ""), true) => of(Purpose::Breakage, None, None),
        (("breakage", ""), false) => of(Purpose::PointsBreakage, None, None),
        (("points-expense", ""), false) if cause.adjustment => of(Purpose::Adjustments, None, None),
        (("points-expense", ""), false) => of(Purpose::PointsExpense, None, None),
        (("points-release", ""), false) => of(Purpose::PointsRelease, None, None),
        (("receivable", "points"), false) => of(Purpose::PointsReceivable, None, None),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::card::CardReference;
    use crate::domain::ledger;

    fn leg(account: Account, kind: Kind) -> Posting {
        Posting { account, kind, amount: 1 }
    }

    fn purpose(account: Account, kind: Kind, cause: Cause) -> Option<Purpose> {
        place(&leg(account, kind), cause).map(|place| place.purpose)
    }

    #[test]
    fn every_account_that_the_ledger_can_name_has_a_place() {
        let (store, points, money) = ("S:1", Kind::POINTS, Kind::MONEY);
        let usual = Cause::default();
        let clearing = leg(ledger::clearing(store, 3), money);
        let placed = place(&clearing, usual).expect("known");
        assert_eq!((placed.purpose, placed.store, placed.tender), (Purpose::Clearing, Some(store), Some(3)));
        for (account, kind, wanted) in [
            (ledger::redemption(store), money, Purpose::Redemption),
            (ledger::bonus_expense(), money, Purpose::BonusExpense),
            (ledger::points_payment(), money, Purpose::PointsPayment),
            (ledger::points_expense(), points, Purpose::PointsExpense),
            (ledger::points_release(), points, Purpose::PointsRelease),
            (ledger::points_receivable(), points, Purpose::PointsReceivable),
            (ledger::breakage(), money, Purpose::Breakage),
            (ledger::breakage(), points, Purpose::PointsBreakage),
            (ledger::suspense(store), money, Purpose::Suspense),
            (ledger::offline_loss(store), money, Purpose::OfflineLoss),
        ] {
            assert_eq!(purpose(account.clone(), kind, usual), Some(wanted), "{account:?}");
        }
        let refund = Cause { refund: true, ..usual };
        assert_eq!(purpose(ledger::redemption(store), money, refund), Some(Purpose::Refunds));
        let adjustment = Cause { adjustment: true, ..usual };
        assert_eq!(purpose(ledger::points_expense(), points, adjustment), Some(Purpose::Adjustments));
    }

    #[test]
    fn a_cards_lots_go_by_their_kind_and_what_is_not_known_goes_nowhere() {
        let card = || Account::Card { card: CardReference(1), lot: 1, expires: None, source: 1 };
        let usual = Cause::default();
        for (kind, wanted) in [
            (Kind::MONEY, None),
            (Kind::PRINCIPAL, Some(Purpose::Principal)),
            (Kind::BONUS, Some(Purpose::Bonus)),
            (Kind(3), None),
            (Kind(15), None),
            (Kind(16), Some(Purpose::Points)),
            (Kind(47), Some(Purpose::Points)),
            (Kind(48), Some(Purpose::PendingPoints)),
        ] {
            assert_eq!(purpose(card(), kind, usual), wanted, "{kind:?}");
        }
        let pending = leg(card(), Kind(49));
        assert_eq!(place(&pending, usual).and_then(|place| place.points), Some(Kind(17)));
        for name in ["treasury", "clearing:S1", "clearing:S1:cash", "receivable:money", "breakage:S1"] {
            assert_eq!(purpose(Account::Named(name.into()), Kind::MONEY, usual), None, "{name}");
        }
    }

    #[test]
    fn no_purpose_key_or_name_is_there_twice() {
        for (at, one) in PURPOSES.iter().enumerate() {
            for other in &PURPOSES[at + 1..] {
                assert!(one.purpose != other.purpose && one.key != other.key && one.name != other.name);
            }
        }
    }
}
