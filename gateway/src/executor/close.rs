//! The close of business days that are over. It is an entry of the system's own, so nobody has to remember it; after downtime one entry
//! closes all of them. An operator may close the present day before the cutover (`Act::DayClose`).

use tracing::{info, warn};

use super::group::{Cause, Group};
use super::housekeeping::Space;
use super::writer::{Step, Writer};
use crate::domain::day::{close_through, day_before};
use crate::journal::record::Origin;

impl Writer {
    /// Closes the days before today, when they are not.
    pub(super) fn close_days(&mut self) -> Step {
        let now = self.now();
        if !now.certain || self.stopped.is_some() || self.space != Space::Enough {
            return Ok(());
        }
        let over = day_before(now.business_date);
        let Some((day, effect)) = over.and_then(|day| Some((day, close_through(&self.state, day)?))) else {
            return Ok(());
        };
        let (in_force, place, key) = (self.in_force(now), self.place.clone(), day.to_string());
        let cause = Cause::system(Origin::CLOSE, key, (&place.0, &place.1), now, vec![effect]);
        let mut group = Group::default();
        match self.append(&mut group, &in_force, cause, |_| None) {
            Ok(_) => info!(day, "business day closed"),
            Err(fault) => warn!(%fault, "the close of a business day could not be booked"),
        }
        self.commit(group)
    }
}
