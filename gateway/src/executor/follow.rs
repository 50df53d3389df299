//! What follows from an entry, and what a member's time has come for: asked of one pure function, booked in the same write group.

use std::collections::BTreeSet;

use tracing::warn;

use super::group::{Cause, Group};
use super::writer::Writer;
use crate::domain::follow::follow;
use crate::domain::request::Request;
use crate::domain::{CardReference, Command, Effect, Fault, Now, Original};
use crate::journal::record::Origin;

/// The members of whom an entry changed something.
pub(super) fn concerned(effects: &[Effect]) -> BTreeSet<CardReference> {
    let cards = effects.iter().filter_map(|effect| match effect {
        Effect::Counter { card, .. } => *card,
        Effect::Member { card, .. } => Some(*card),
        _ => None,
    });
    cards.collect()
}

impl Writer {
    /// Books what follows for a member by now, at once; whether something did.
    pub(super) fn follow(&mut self, group: &mut Group, card: CardReference, now: Now) -> Result<bool, Fault> {
        let in_force = self.in_force(now);
        let index = self.next_index(group);
        let effects = follow(&self.state, &in_force.programme, card, (index, now))?;
        if effects.is_empty() {
            return Ok(false);
        }
        let place = self.place.clone();
        let key = format!("{}/{index}", card.0);
        let cause = Cause::system(Origin::TIER, key, (&place.0, &place.1), now, effects);
        self.append(group, &in_force, cause, |_| None).map(|_| true)
    }

    /// The same for several. What cannot be booked harms nobody: it is asked again when the member is next looked at.
    pub(super) fn follow_all(
        &mut self,
        group: &mut Group,
        cards: impl IntoIterator<Item = CardReference>,
        now: Now,
    ) {
        for card in cards {
            if let Err(fault) = self.follow(group, card, now) {
                warn!(card = card.0, %fault, "what follows for a member could not be booked");
            }
        }
    }

    /// What was due for the members that a request is about stands in front of what it does.
    pub(super) fn catch_up(
        &mut self,
        group: &mut Group,
        request: &Request,
        original: Option<&Original>,
        now: Now,
    ) {
        let own = match &request.command {
            Command::Advice { card, .. } => Some(*card),
            command => command.claim().map(|claim| claim.card),
        };
        let cards: BTreeSet<_> =
            original.map(Original::cards).unwrap_or_default().into_iter().chain(own).collect();
        self.follow_all(group, cards, now);
    }
}
