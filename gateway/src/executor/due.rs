//! What falls due by time alone: expiries of cards that nobody touches and tiers whose time is over, a few at a time, so that terminals keep their
//! latency. An item is booked once, because booking changes what made it due; downtime only makes it late.

use tracing::{error, info, warn};

use super::group::{Cause, Group};
use super::housekeeping::Space;
use super::writer::{InDoubt, Writer, in_doubt};
use crate::domain::{Fault, expire};
use crate::journal::record::Origin;
use crate::storage::{DuePlace, card_of_key};

/// Cards in one sweep. A write group of so many entries takes a few milliseconds.
const CARDS_AT_ONCE: u32 = 128;

impl Writer {
    /// Looks at the clocks once for everything that happens until the next look.
    pub(super) fn look_at_clock(&mut self) {
        let before = self.time.doubt;
        self.time = self.timekeeper.observe(self.clock.now_ms(), self.clock.steady_ms());
        if self.time.doubt == before {
            return;
        }
        self.metrics.clock_in_doubt(self.time.doubt.is_some());
        match self.time.doubt {
            Some(doubt) => error!(
                clock_ms = self.clock.now_ms(),
                gateway_ms = self.time.ms,
                "the machine's clock is {}: expiries wait; set it right, or confirm it with `gateway clock confirm`",
                doubt.name()
            ),
            None => info!(clock_ms = self.clock.now_ms(), "the machine's clock is believed"),
        }
    }

    /// Books the next few expiries that are due, and rewards of leaderboards whose time is over, as one write group. `swept` goes round with each flush: what was swept
    /// before it is no longer due then, and what became due since is.
    pub(super) fn sweep(&mut self) -> Result<(), InDoubt> {
        let now = self.now();
        if !now.certain || self.stopped.is_some() || self.space != Space::Enough {
            return Ok(());
        }
        let rows = self
            .storage
            .due(now.s(), &self.swept, CARDS_AT_ONCE)
            .map_err(in_doubt("looking for what is due"))?;
        let mut group = Group::default();
        for place in rows {
            if let Err(fault) = self.expire_row(&mut group, &place)? {
                warn!(%fault, "an expiry could not be booked");
            }
            self.swept = place;
        }
        self.close_boards(&mut group)?;
        self.commit(group)
    }

    fn expire_row(&mut self, group: &mut Group, place: &DuePlace) -> Result<Result<(), Fault>, InDoubt> {
        let now = self.now();
        let reference = card_of_key(&place.1).map_err(in_doubt("reading what is due"))?;
        self.fetch_card(reference)?;
        let Some(card) = self.state.cards.get(&reference) else { return Ok(Ok(())) };
        let in_force = self.in_force(now);
        let index = self.next_index(group);
        let effects = match expire(card, &in_force.programme, index, now) {
            Ok((_, effects)) if effects.is_empty() => {
                return Ok(self.follow(group, reference, now).map(drop));
            }
            Ok((_, effects)) => effects,
            Err(fault) => return Ok(Err(fault)),
        };
        let key = format!("{}/{}", reference.0, card.version);
        let at = self.place.clone();
        let cause = Cause::system(Origin::EXPIRY, key, (&at.0, &at.1), now, effects);
        let booked = self.append(group, &in_force, cause, |_| None);
        Ok(booked.and_then(|_| self.follow(group, reference, now)).map(drop))
    }
}
