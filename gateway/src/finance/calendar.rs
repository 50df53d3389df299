//! On which business day something happened that was booked later: by the programme that was in force then.

use protocol::request::{Body, Request};

use crate::domain::day::dashed;
use crate::domain::{Effect, Programme};
use crate::journal::record::Record;
use crate::programme_file;

/// The programmes of a journal, as far as it was read.
#[derive(Debug, Default)]
pub struct Calendar {
    /// In the journal's order: when it comes into force, and what it says.
    versions: Vec<(i64, Programme)>,
}

impl Calendar {
    /// Learns the programmes that an entry has.
    pub fn learn(&mut self, record: &Record) {
        self.learn_from(&record.details.effects);
    }

    /// The same of an entry's effects.
    pub(super) fn learn_from(&mut self, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Programme { effective_from, document, .. } = effect
                && let Ok(programme) = programme_file::parse(document)
            {
                self.versions.push((*effective_from, programme));
            }
        }
    }

    /// The business date of a Unix second.
    #[must_use]
    pub fn day(&self, second: i64) -> Option<u32> {
        let newest = self.versions.iter().rev().find(|(from, _)| *from <= second);
        let (_, programme) = newest.or(self.versions.first())?;
        programme.business_date(second.checked_mul(1000)?).ok()
    }

    /// The day on which a sale was made at that second ([`sold_at`]); empty for any other entry.
    #[must_use]
    pub fn happened(&self, sold_at: Option<i64>) -> String {
        sold_at.and_then(|second| self.day(second)).map(dashed).unwrap_or_default()
    }
}

/// When a terminal made a sale that it tells of later, in Unix seconds; `None` for any other request, and for a terminal without a
/// clock.
#[must_use]
pub fn sold_at(request: &Request) -> Option<i64> {
    let is_late = matches!(request.body, Body::Advice { .. });
    let second = i64::try_from(request.header.time.seconds()).ok();
    second.filter(|second| is_late && *second != 0)
}
