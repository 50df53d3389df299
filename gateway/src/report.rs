//! Reports of a period, from the journal alone: what members did and have (LOYALTY C8), and which entitlements were promised and not
//! used (C7). The journal is read up to the end of the period, so a report of one that is over comes out the same whenever it is taken.

pub mod entitlement;
mod flow;
pub mod member;

use std::collections::HashMap;

use jiff::ToSpan as _;
use jiff::civil::Date;
use protocol::field::Installation;

pub use self::flow::{Flow, PointsFlow, Turnover};
use crate::domain::programme::birthday_gift::number;
use crate::domain::programme::date;
use crate::domain::{Fault, Now, Programme, State};
use crate::journal::seal::Head;
use crate::journal::walk::{WalkError, next_group, replay};
use crate::programme_file;
use crate::storage::{Storage, StorageError};

/// A calendar month or year of business days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// YYYYMM or YYYY.
    pub name: String,
    pub first: Date,
    pub last: Date,
}

impl std::str::FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no period; write a month such as 202612, or a year such as 2026");
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let day = match text.len() {
            4 if digits => format!("{text}0101"),
            6 if digits => format!("{text}01"),
            _ => return Err(wrong()),
        };
        let first = day.parse().ok().and_then(date).filter(|day| day.year() > 0).ok_or_else(wrong)?;
        let last = if text.len() == 4 { first.last_of_year() } else { first.last_of_month() };
        Ok(Self { name: text.to_owned(), first, last })
    }
}

impl Period {
    fn has(&self, business_date: u32) -> bool {
        (number(self.first)..=number(self.last)).contains(&business_date)
    }

    /// Its days.
    fn days(&self) -> i64 {
        self.first.until(self.last).map_or(0, |span| i64::from(span.get_days())).saturating_add(1)
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error(transparent)]
    Walk(#[from] WalkError),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error("entry {0} cannot be read; run `gateway journal verify`")]
    Damaged(u64),
    #[error("the journal has nothing of {0}: it begins later, or has not come to it")]
    Nothing(String),
}

/// What the journal says up to the end of a period.
#[derive(Debug)]
pub struct Books {
    pub period: Period,
    pub state: State,
    /// In force at the end.
    pub programme: Programme,
    /// The end of the period's last day, or the time of the last entry where the period is not over by the journal.
    pub end: Now,
    /// The journal goes on after the period: nothing in it can change any more.
    pub complete: bool,
    /// What was done in the period, by card.
    flows: HashMap<u64, Flow>,
}

/// Reads the journal up to the end of a period. `progress` is told each index that is read.
///
/// # Errors
/// [`ReportError`] when the journal is damaged, or has nothing of that time.
pub fn read(
    storage: &Storage,
    installation: &Installation,
    period: Period,
    mut progress: impl FnMut(u64),
) -> Result<Books, ReportError> {
    let (mut state, mut head) = (State::default(), Head::GENESIS);
    let mut flows: HashMap<u64, Flow> = HashMap::new();
    let (mut written, mut begins, mut complete) = (None, None, false);
    'journal: while let Some(group) = next_group(storage, installation, &head)? {
        for entry in &group.entries {
            let details = &entry.record.details;
            if details.business_date > number(period.last) {
                complete = true;
                break 'journal;
            }
            let now = Now { ms: details.time_ms, business_date: details.business_date, certain: true };
            if period.has(details.business_date) {
                let begins = *begins.get_or_insert_with(|| beginning(&state, &period, now));
                flow::note(storage, entry, begins, &mut flows)?;
            }
            replay(&mut state, entry.row.index, &entry.record, |_| Ok(None))?;
            written = Some(now);
        }
        head = group.sealed.head;
        progress(head.index);
    }
    let began = |written: &Now| complete || written.business_date >= number(period.first);
    let written = written.filter(began).ok_or_else(|| ReportError::Nothing(period.name.clone()))?;
    let programme = in_force(&state, written)?;
    let end = if complete { end_of(&programme, &period).unwrap_or(written) } else { written };
    let programme = in_force(&state, end)?;
    let flows = together(&state, flows)?;
    Ok(Books { period, state, programme, end, complete, flows })
}

fn in_force(state: &State, now: Now) -> Result<Programme, ReportError> {
    let newest = state.programmes.iter().rev().find(|held| held.effective_from <= now.s());
    let document = newest.or(state.programmes.first()).map(|held| held.document.as_str());
    let programme = document.and_then(|document| programme_file::parse(document).ok());
    programme.ok_or(ReportError::Damaged(1))
}

/// The Unix second at which a period begins; nothing is before the first entry.
fn beginning(state: &State, period: &Period, now: Now) -> i64 {
    let programme = in_force(state, now).ok();
    programme.and_then(|programme| programme.beginning(period.first)).map_or(i64::MIN, Now::s)
}

/// The last moment of a period.
fn end_of(programme: &Programme, period: &Period) -> Option<Now> {
    let next = programme.beginning(period.last.checked_add(1.day()).ok()?)?;
    Some(Now { ms: next.ms.checked_sub(1)?, business_date: number(period.last), certain: true })
}

/// What was done with a card that another one has taken the place of is that one's.
fn together(state: &State, flows: HashMap<u64, Flow>) -> Result<HashMap<u64, Flow>, Fault> {
    let mut all: HashMap<u64, Flow> = HashMap::new();
    for (card, flow) in flows {
        let mut at = crate::domain::CardReference(card);
        while let Some(successor) = state.cards.get(&at).and_then(|held| held.successor) {
            at = successor.card;
        }
        all.entry(at.0).or_default().add(&flow)?;
    }
    Ok(all)
}
