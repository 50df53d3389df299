//! Alerts (LOYALTY B13): a line for what is unusual, of a member, a cashier, a terminal, a store or a rule in a day or a month, and who
//! has crossed it. Nothing is refused for it: a person looks.

use std::collections::BTreeMap;

use crate::domain::card::CardReference;
use crate::domain::member::Window;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Its name, 1 to 32 bytes.
    pub alert: String,
    pub on: Deed,
    pub by: By,
    /// A business day, or a calendar month of them.
    pub per: Window,
    pub above: Above,
}

/// What is looked at. What was undone afterwards counts too: to give and to take back is unusual as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Points that anything but an operator's adjustment gave.
    PointsGiven,
    /// Points that paid, or were redeemed.
    PointsRedeemed,
    /// Bonus money on loads, minor units.
    BonusGiven,
    Voids,
    Refunds,
    /// Operators' adjustments of points, up or down.
    Adjustments,
}

/// Who is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Member,
    Cashier,
    Terminal,
    Store,
    Rule,
}

/// The line; it is crossed by more than this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Above {
    Times(i64),
    /// Points, or minor units.
    Amount(i64),
}

/// One thing that an entry did: of one card, or (then without the others) by one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Of the entry.
    pub index: u64,
    /// YYYYMMDD.
    pub business_date: u32,
    pub deed: Deed,
    pub card: Option<CardReference>,
    pub cashier: Option<String>,
    pub terminal: Option<String>,
    pub store: Option<String>,
    pub rule: Option<String>,
    /// Points, or minor units.
    pub amount: i64,
}

/// Whom an alert is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    Card(CardReference),
    Named(String),
}

/// A line that was crossed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raised {
    pub alert: Alert,
    pub who: Who,
    /// YYYYMMDD, or YYYYMM00.
    pub period: u32,
    /// Business date of the entry that crossed it.
    pub business_date: u32,
    pub index: u64,
    /// How often, or how much, with it.
    pub reached: i64,
}

impl Alert {
    fn who(&self, done: &Done) -> Option<Who> {
        let named = |name: &Option<String>| name.clone().map(Who::Named);
        match self.by {
            By::Member => done.card.map(Who::Card),
            By::Cashier => named(&done.cashier),
            By::Terminal => named(&done.terminal),
            By::Store => named(&done.store),
            By::Rule => named(&done.rule),
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    times: i64,
    amount: i64,
    /// Index of the entry that was counted last: an entry is one time, whatever it did.
    last: u64,
    raised: bool,
}

/// What was seen so far, and which lines were crossed.
#[derive(Debug, Clone, Default)]
pub struct Watch(BTreeMap<(String, u32, Who), Tally>);

impl Watch {
    /// Counts what an entry did; what it crossed. Each line is crossed once by each in a period.
    pub fn see(&mut self, alerts: &[Alert], done: &Done) -> Vec<Raised> {
        let mut raised = Vec::new();
        for alert in alerts.iter().filter(|alert| alert.on == done.deed) {
            let Some(who) = alert.who(done) else { continue };
            let period = alert.per.of(done.business_date);
            let tally = self.0.entry((alert.alert.clone(), period, who.clone())).or_default();
            tally.times = tally.times.saturating_add(i64::from(tally.last != done.index));
            tally.amount = tally.amount.saturating_add(done.amount);
            tally.last = done.index;
            let (reached, line) = match alert.above {
                Above::Times(line) => (tally.times, line),
                Above::Amount(line) => (tally.amount, line),
            };
            if reached > line && !tally.raised {
                tally.raised = true;
                let (business_date, index) = (done.business_date, done.index);
                raised.push(Raised { alert: alert.clone(), who, period, business_date, index, reached });
            }
        }
        raised
    }

    /// Forgets what was before the month of a business date.
    pub fn forget_before(&mut self, business_date: u32) {
        let month = Window::Month.of(business_date);
        self.0.retain(|(_, period, _), _| *period >= month);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(index: u64, business_date: u32, cashier: &str, amount: i64) -> Done {
        Done {
            index,
            business_date,
            deed: Deed::Voids,
            card: None,
            cashier: Some(cashier.into()),
            terminal: None,
            store: None,
            rule: None,
            amount,
        }
    }

    fn alert(per: Window, above: Above) -> Alert {
        Alert { alert: format!("{per:?}"), on: Deed::Voids, by: By::Cashier, per, above }
    }

    /// (alert, index, reached) of what is raised.
    fn raised(alerts: &[Alert], all: &[Done]) -> Vec<(String, u64, i64)> {
        let mut watch = Watch::default();
        let each = all.iter().flat_map(|done| watch.see(alerts, done));
        each.map(|raised| (raised.alert.alert, raised.index, raised.reached)).collect()
    }

    #[test]
    fn a_line_is_crossed_by_more_than_it_says_and_once_in_its_period() {
        let day = 20_270_131;
        let four: Vec<Done> = (1..=4).map(|index| done(index, day, "amy", 5_00)).collect();
        for (line, expected) in [(2, Some((3, 3))), (3, Some((4, 4))), (4, None)] {
            let times = raised(&[alert(Window::Day, Above::Times(line))], &four);
            assert_eq!(times.iter().map(|(_, index, reached)| (*index, *reached)).next(), expected, "{line}");
            assert!(times.len() <= 1);
        }
        for (line, expected) in [(9_99, Some((2, 10_00))), (10_00, Some((3, 15_00))), (20_00, None)] {
            let amounts = raised(&[alert(Window::Day, Above::Amount(line))], &four);
            assert_eq!(
                amounts.iter().map(|(_, index, reached)| (*index, *reached)).next(),
                expected,
                "{line}"
            );
        }
    }

    #[test]
    fn each_has_a_line_of_their_own_and_each_period_begins_anew() {
        let both = [alert(Window::Day, Above::Times(1)), alert(Window::Month, Above::Times(2))];
        let all = [
            done(1, 20_270_131, "amy", 1),
            done(2, 20_270_131, "bob", 1),
            done(3, 20_270_131, "amy", 1),
            done(4, 20_270_201, "amy", 1),
            done(5, 20_270_201, "amy", 1),
            done(6, 20_270_202, "amy", 1),
            done(7, 20_270_202, "amy", 1),
        ];
        let expected = [("Day", 3, 2), ("Day", 5, 2), ("Month", 6, 3), ("Day", 7, 2)];
        assert_eq!(
            raised(&both, &all),
            expected.map(|(name, index, reached)| (name.to_owned(), index, reached))
        );
    }

    #[test]
    fn an_entry_is_one_time_whatever_it_did_and_what_nobody_is_named_for_counts_for_nobody() {
        let twice = [done(1, 20_270_131, "amy", 5), done(1, 20_270_131, "amy", 6)];
        assert_eq!(raised(&[alert(Window::Day, Above::Times(1))], &twice), []);
        let more = raised(&[alert(Window::Day, Above::Amount(10))], &twice);
        assert_eq!(more, [("Day".to_owned(), 1, 11)]);
        let nobody = Done { cashier: None, ..done(1, 20_270_131, "", 99) };
        assert_eq!(raised(&[alert(Window::Day, Above::Times(0))], &[nobody]), []);
    }
}
