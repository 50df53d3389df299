//! Comparing a shift with the gateway's list of it, by STAN and page by page (section 11, ShiftReport): what to look at when
//! totals differ. Only what counts in totals can make them differ, so nothing else is compared.

use std::collections::BTreeMap;

use protocol::answer::{Answer, ShiftTransaction};
use protocol::code::ResponseCode;
use protocol::field::{TotalMinor, TransactionState};
use protocol::frame::MessageType;

/// A transaction, as one side has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it was.
    pub kind: MessageType,
    /// What was approved, in minor units.
    pub amount: Option<i64>,
    /// Where it stands.
    pub state: TransactionState,
}

/// What a terminal's own journal has of a shift, by STAN.
pub type Own = BTreeMap<u32, Row>;

/// A STAN that is not the same on both sides: only here, only there, or with another amount or state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which transaction.
    pub stan: u32,
    /// As the terminal has it.
    pub here: Option<Row>,
    /// As the gateway has it.
    pub there: Option<Row>,
}

/// One page of the gateway's list, compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The first STAN that it is about.
    pub from: u32,
    /// The last one.
    pub to: u32,
    /// What differs, by rising STAN.
    pub differences: Vec<Difference>,
}

impl Row {
    /// Whether it is in the totals of its shift.
    #[must_use]
    pub const fn counts(self) -> bool {
        !matches!(
            self.state,
            TransactionState::DECLINED
                | TransactionState::REVERSED
                | TransactionState::VOIDED
                | TransactionState::BLOCKED
        )
    }

    /// As the terminal knows it: its answer, and whether the terminal has undone it since.
    #[must_use]
    pub fn own(kind: MessageType, answer: (ResponseCode, Option<TotalMinor>), undone: bool) -> Row {
        let state = match (answer.0.is_approval(), undone) {
            (false, _) => TransactionState::DECLINED,
            (true, true) => TransactionState::REVERSED,
            (true, false) => TransactionState::LIVE,
        };
        Row { kind, amount: answer.1.map(TotalMinor::get), state }
    }

    fn there(listed: &ShiftTransaction) -> Row {
        let ShiftTransaction { kind, amount, state, .. } = listed;
        Row { kind: *kind, amount: amount.map(TotalMinor::get), state: *state }
    }
}

impl Difference {
    /// `only here`, `only there`, `amount` or `state`.
    #[must_use]
    pub fn what(&self) -> &'static str {
        match (self.here, self.there) {
            (Some(_), None) => "only here",
            (None, _) => "only there",
            (Some(here), Some(there)) if here.kind != there.kind => "kind",
            (Some(here), Some(there)) if here.counts() != there.counts() => "state",
            _ => "amount",
        }
    }
}

/// Compares the pages of a shift's list, each from behind the page before it.
#[must_use]
pub fn compare(own: &Own, pages: &[Answer]) -> Vec<Page> {
    let mut after = 0_u32;
    let last = pages.len().saturating_sub(1);
    let compared = pages.iter().enumerate().map(|(number, page)| {
        let from = after.saturating_add(1);
        // What only the terminal knows may lie behind all that the gateway has listed.
        let until = page.listed_to.filter(|_| number < last).unwrap_or(u32::MAX);
        let listed = page.transactions.as_ref().map(|listed| listed.as_slice()).unwrap_or_default();
        let differences = differences(own, (from, until), listed);
        let shown = page.listed_to.unwrap_or(after).max(differences.last().map_or(0, |last| last.stan));
        after = until;
        Page { from, to: shown, differences }
    });
    compared.collect()
}

/// What differs between two STANs, both included.
fn differences(own: &Own, (from, to): (u32, u32), listed: &[ShiftTransaction]) -> Vec<Difference> {
    let theirs: Own = listed.iter().map(|row| (row.stan.get(), Row::there(row))).collect();
    let mut stans: Vec<u32> = own.range(from..=to.max(from)).map(|(stan, _)| *stan).collect();
    stans.extend(theirs.keys());
    stans.sort_unstable();
    stans.dedup();
    let pairs = stans.into_iter().map(|stan| Difference {
        stan,
        here: own.get(&stan).copied(),
        there: theirs.get(&stan).copied(),
    });
    pairs.filter(differs).collect()
}

fn differs(pair: &Difference) -> bool {
    let counted = |row: Option<Row>| row.filter(|row| row.counts() && row.kind.counts_in_shift());
    match (counted(pair.here), counted(pair.there)) {
        (Some(here), Some(there)) => (here.kind, here.amount) != (there.kind, there.amount),
        (here, there) => here.is_some() || there.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::answer::ShiftTransactions;
    use protocol::field::{Stan, UnixSeconds};

    const SALE: MessageType = MessageType::PURCHASE;
    const LIVE: TransactionState = TransactionState::LIVE;

    fn row(amount: i64, state: TransactionState) -> Row {
        Row { kind: SALE, amount: Some(amount), state }
    }

    fn page(listed_to: u32, rows: &[(u32, Row)]) -> Answer {
        let listed = rows.iter().map(|(stan, row)| ShiftTransaction {
            stan: Stan::new(*stan).unwrap(),
            kind: row.kind,
            code: ResponseCode::APPROVED,
            amount: row.amount.and_then(TotalMinor::new),
            state: row.state,
        });
        Answer {
            listed_to: Some(listed_to),
            transactions: ShiftTransactions::new(listed.collect()),
            ..Answer::new(MessageType::SHIFT_REPORT, ResponseCode::APPROVED, UnixSeconds::MIN)
        }
    }

    /// Every difference is on the page that its STAN belongs to, and only differences are.
    #[test]
    fn each_stan_is_compared_once_whatever_page_it_is_on() {
        let all: Own = (1..=30).map(|stan| (stan, row(i64::from(stan), LIVE))).collect();
        for size in [1, 4, 7, 30] {
            for planted in 1..=30 {
                for way in ["only here", "only there", "amount", "state", "kind"] {
                    let (mut here, mut there) = (all.clone(), all.clone());
                    match way {
                        "only here" => _ = there.remove(&planted),
                        "only there" => _ = here.remove(&planted),
                        "amount" => _ = there.insert(planted, row(99, LIVE)),
                        "kind" => {
                            there.get_mut(&planted).unwrap().kind = MessageType::LOAD;
                        }
                        _ => _ = there.insert(planted, row(i64::from(planted), TransactionState::VOIDED)),
                    }
                    let rows: Vec<(u32, Row)> = there.into_iter().collect();
                    let pages: Vec<Answer> =
                        rows.chunks(size).map(|rows| page(rows.last().unwrap().0, rows)).collect();
                    let compared = compare(&here, &pages);
                    assert_eq!(compared.len(), pages.len());
                    let found: Vec<_> = compared.iter().flat_map(|page| &page.differences).collect();
                    assert_eq!(found.len(), 1, "{way} {planted} in pages of {size}: {compared:?}");
                    assert_eq!((found[0].stan, found[0].what()), (planted, way));
                    let its = compared.iter().find(|page| (page.from..=page.to).contains(&planted)).unwrap();
                    assert_eq!(its.differences.len(), 1);
                }
            }
        }
    }

    #[test]
    fn what_counts_on_neither_side_is_no_difference() {
        let none = [TransactionState::DECLINED, TransactionState::REVERSED, TransactionState::VOIDED];
        for state in none {
            assert_eq!(compare(&Own::new(), &[page(5, &[(5, row(1, state))])])[0].differences, []);
            for other in none {
                let own = Own::from([(5, row(2, other))]);
                assert_eq!(compare(&own, &[page(5, &[(5, row(1, state))])])[0].differences, []);
            }
        }
        let hold = Row { kind: MessageType::AUTHORIZE, ..row(1, LIVE) };
        assert_eq!(compare(&Own::new(), &[page(5, &[(5, hold)])])[0].differences, []);
        // Refunded and captured transactions stay in their shift's totals.
        let own = Own::from([(5, row(1, LIVE))]);
        assert_eq!(compare(&own, &[page(5, &[(5, row(1, TransactionState::REFUNDED))])])[0].differences, []);
        assert_eq!(compare(&own, &[page(9, &[])])[0].differences.len(), 1);
        assert_eq!(compare(&own, &[page(0, &[])])[0], compare(&own, &[page(5, &[])])[0]);
    }
}
