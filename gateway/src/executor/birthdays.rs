//! Birthday gifts (生日礼; LOYALTY B3, E1), a few members at a time: a round goes through the birthdays that are due, and begins again each
//! minute and each business day, so that whoever joins today or earns a tier for it has it today too. Who was given one
//! is counted in the entry that gives it; up to which day all have been looked at is an entry of its own. So a start, or any number
//! of them, makes up for what was missed, once.

use jiff::civil::Date;
use tracing::warn;

use super::group::{Cause, Group};
use super::housekeeping::Space;
use super::writer::{InDoubt, InForce, Step, Writer, in_doubt};
use crate::domain::birthday::{birthday_gift, gifts_since, last_looked_at, looked_at};
use crate::domain::programme::birthday_gift::{births_on, day_before, number};
use crate::domain::{CardReference, Fault, Now};
use crate::journal::record::Origin;

/// Members looked at in one write group.
const MEMBERS_AT_ONCE: usize = 128;
/// Rows of personal data that are read for their birthdays at once, after a start.
const ROWS_AT_ONCE: u32 = 1024;
/// A round begins no sooner after the one before.
const PAUSE_MS: i64 = 60_000;

/// A round through the birthdays that are due.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// Business date on which it began, and the programme version in force then.
    began: (u32, u32),
    /// The birthdays that are still to be looked at: those of a day, of cards after one, to the last day; `None` when it is over.
    rest: Option<(Date, u64, Date)>,
    /// The next one begins then, Unix milliseconds.
    again_ms: i64,
}

impl Writer {
    /// Gives the next few birthday gifts that are due, as one write group.
    pub(super) fn give_birthday_gifts(&mut self) -> Step {
        let now = self.now();
        let in_force = self.in_force(now);
        let rests = !now.certain || self.stopped.is_some() || self.space != Space::Enough;
        if rests || in_force.programme.birthday_gifts.is_empty() {
            return Ok(());
        }
        if !self.members.learn_births(ROWS_AT_ONCE).map_err(in_doubt("reading personal data"))? {
            return Ok(());
        }
        let began = (now.business_date, in_force.version);
        if self.birthdays.began != began || self.birthdays.rest.is_none() && now.ms >= self.birthdays.again_ms
        {
            let rest = self.birthdays_due(&in_force, now);
            self.birthdays = Round { began, rest, again_ms: now.ms.saturating_add(PAUSE_MS) };
        }
        let Some((day, after, last)) = self.birthdays.rest else { return Ok(()) };
        let mut group = Group::default();
        self.birthdays.rest = self.give_some(&mut group, (day, after, last), now)?;
        if self.birthdays.rest.is_none() {
            self.have_looked(&mut group, &in_force, now);
        }
        self.commit(group)
    }

    /// The days whose birthdays are due.
    fn birthdays_due(&self, in_force: &InForce, now: Now) -> Option<(Date, u64, Date)> {
        let versions = self.programmes.iter();
        let versions: Vec<_> = versions
            .map(|version| (version.effective_from, !version.programme.birthday_gifts.is_empty()))
            .collect();
        let since = gifts_since(&versions, now.s())?.checked_mul(1000)?;
        let since = in_force.programme.business_date(since).ok()?;
        let days = in_force.programme.birthdays_due(last_looked_at(&self.state), since, now.business_date)?;
        Some((*days.start(), 0, *days.end()))
    }

    /// Looks at the next few members; what is left of the round then.
    fn give_some(
        &mut self,
        group: &mut Group,
        (mut day, mut after, last): (Date, u64, Date),
        now: Now,
    ) -> Result<Option<(Date, u64, Date)>, InDoubt> {
        let mut left = MEMBERS_AT_ONCE;
        while day <= last {
            let births = births_on(day);
            let all = births.iter().flat_map(|born| self.members.born_on(*born, after).take(left));
            let mut cards: Vec<CardReference> = all.collect();
            cards.sort_unstable_by_key(|card| card.0);
            cards.truncate(left);
            for card in cards {
                if let Err(fault) = self.give_birthday_gift(group, card, day, now)? {
                    warn!(%fault, "a birthday gift could not be booked");
                }
                (after, left) = (card.0, left.saturating_sub(1));
            }
            if left == 0 {
                return Ok(Some((day, after, last)));
            }
            let Ok(next) = day.tomorrow() else { break };
            (day, after) = (next, 0);
        }
        Ok(None)
    }

    /// Books the gift of whoever has a birthday on a day, when there is one. `registered` is the card by which they were registered.
    fn give_birthday_gift(
        &mut self,
        group: &mut Group,
        registered: CardReference,
        day: Date,
        now: Now,
    ) -> Result<Result<(), Fault>, InDoubt> {
        let birth = self.members.birth_of(registered).map_err(in_doubt("reading personal data"))?;
        let Some(birth) = birth.filter(|birth| births_on(day).contains(&birth.born.month_and_day())) else {
            return Ok(Ok(()));
        };
        let Some(card) = self.registered(registered, birth.commitment)? else { return Ok(Ok(())) };
        let in_force = self.in_force(now);
        // A birthday before anybody knew of it is none.
        let kept = in_force.programme.business_date(birth.kept_at);
        if kept.is_ok_and(|kept| kept > number(day)) {
            return Ok(Ok(()));
        }
        // What was due for the member stands in front: a tier whose time is over gives nothing.
        if let Err(fault) = self.follow(group, card, now) {
            return Ok(Err(fault));
        }
        let (place, index) = (self.place.clone(), self.next_index(group));
        let about = ((card, place.1.as_str()), (day.year(), birth.born), (index, now));
        let effects = match birthday_gift(&self.state, &in_force.programme, about.0, about.1, about.2) {
            Ok(Some((effects, _))) => effects,
            other => return Ok(other.map(drop)),
        };
        let key = format!("{}/{}", card.0, day.year());
        let cause = Cause::system(Origin::BIRTHDAY, key, (&place.0, &place.1), now, effects);
        Ok(self.append(group, &in_force, cause, |_| None).map(drop))
    }

    /// Notes that all birthdays before today have been looked at.
    fn have_looked(&mut self, group: &mut Group, in_force: &InForce, now: Now) {
        let yesterday = day_before(now.business_date);
        let Some((up_to, effect)) = yesterday.and_then(|up_to| Some((up_to, looked_at(&self.state, up_to)?)))
        else {
            return;
        };
        let place = self.place.clone();
        let key = up_to.to_string();
        let cause = Cause::system(Origin::BIRTHDAYS, key, (&place.0, &place.1), now, vec![effect]);
        if let Err(fault) = self.append(group, in_force, cause, |_| None) {
            warn!(%fault, "that the birthdays were looked at could not be booked");
        }
    }
}
