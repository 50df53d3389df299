//! What a terminal may ask about members: what one has and what comes, and what points can be redeemed for. Nothing is recorded.

use protocol::answer::{
    Answer, Catalogue, CatalogueItem, Coming, ComingLots, Entitlement, Entitlements, MAX_CATALOGUE,
    MAX_COMING, MAX_ENTITLEMENTS, MAX_PROGRESS, Progress, Routes,
};
use protocol::code::ResponseCode;
use protocol::field::{BalanceKind, Count, Date, Due, Measure, UnixSeconds};
use protocol::frame::MessageType;

use super::group::Group;
use super::inquiry::{about_card, balances, declined, ended};
use super::writer::{InDoubt, InForce, Writer};
use crate::domain::facts::view_card;
use crate::domain::member::Member;
use crate::domain::programme::Circumstances;
use crate::domain::programme::tier::progress;
use crate::domain::request::CardClaim;
use crate::domain::{Card, Decline, Kind, Now, Programme, Terminal};
use crate::translate;

impl Writer {
    /// What a member has and what comes after a Unix second.
    pub(super) fn member(
        &mut self,
        group: &mut Group,
        held: &Terminal,
        claim: &CardClaim,
        (currency, after): (u16, i64),
        now: Now,
    ) -> Result<Answer, InDoubt> {
        self.fetch_card(claim.card)?;
        self.due_now(group, claim.card, now);
        let in_force = self.in_force(now);
        let base = about_card(MessageType::MEMBER_INQUIRY, claim, &in_force, (self.dated(now), now));
        let birthday = self.birthday(Some(claim.card), in_force.programme.birthdays)?;
        let facts = self.facts(&in_force);
        let card = match view_card(facts, claim, currency) {
            Ok(card) => card,
            Err(decline) => return Ok(declined(base, decline)),
        };
        let nobody = Member::nobody();
        let at = Circumstances {
            product: &card.product,
            member: self.state.members.get(&card.reference).unwrap_or(&nobody),
            birthday,
            store: &held.store,
            channel: None,
            tenders: &[],
            now,
        };
        let (coming, more) = coming(&ended(card, &in_force.programme, now), after, now);
        Ok(Answer {
            balances: Some(balances(&self.state, &in_force.programme, card, now)),
            tier: translate::tier(&in_force.programme, in_force.programme.tiers.held(at.member).as_ref()),
            progress: progress_of(&in_force.programme, at.member, now),
            coming,
            entitlements: entitlements(&in_force.programme, &at),
            more: Some(more),
            joined: at.member.standing.joined.and_then(Date::new),
            ranks: self.ranks(&in_force.programme, (card.reference, at.member), now),
            ..base
        })
    }

    /// The items that can be redeemed in a store now, behind one of them.
    pub(super) fn catalogue(
        &self,
        held: &Terminal,
        (currency, after): (u16, Option<&str>),
        now: Now,
    ) -> Answer {
        let in_force = self.in_force(now);
        let base = Answer {
            business_date: self.dated(now),
            programme_version: Some(in_force.version.into()),
            ..Answer::new(MessageType::CATALOGUE, ResponseCode::APPROVED, translate::unix_seconds(now))
        };
        if currency != in_force.programme.currency {
            return declined(base, Decline::CurrencyNotAccepted);
        }
        let mut items = self.items(&in_force, &held.store, now);
        items.retain(|item| after.is_none_or(|after| item.item.as_str() > after));
        let more = items.len() > MAX_CATALOGUE;
        items.truncate(MAX_CATALOGUE);
        Answer { catalogue: Catalogue::new(items), more: Some(more), ..base }
    }

    /// All items that can be redeemed in a store now, rising.
    fn items(&self, in_force: &InForce, store: &str, now: Now) -> Vec<CatalogueItem> {
        let programme = &in_force.programme;
        let open = programme.catalogue.iter().filter(|item| item.when.is_open(programme, store, now));
        let shown = open.filter_map(|item| {
            let pieces_left = item.pieces_left(&self.state.counters, now.business_date);
            Some(CatalogueItem {
                item: item.item.parse().ok()?,
                name: item.name.parse().ok()?,
                kind: BalanceKind(u16::from(item.kind.0)),
                points: Count::new(programme.price_for_all(item, store, now).points)?,
                pieces_left: pieces_left.and_then(Count::new),
            })
        });
        shown.collect()
    }
}

/// How far each route to the next tier is, as far as one answer has room.
fn progress_of(programme: &Programme, member: &Member, now: Now) -> Option<Routes> {
    let measures = progress(programme, member, now).into_iter().filter_map(|one| {
        Some(Progress {
            tier: one.tier.parse().ok()?,
            route: one.route,
            measure: Measure(one.measure),
            so_far: one.so_far,
            needed: one.needed,
        })
    });
    Routes::new(measures.take(MAX_PROGRESS).collect())
}

/// Points of a card by the time at which they expire or are released, those of one kind and time together, as far as one answer
/// has room: a time is never divided between two. And whether more come.
fn coming(card: &Card, after: i64, now: Now) -> (Option<ComingLots>, bool) {
    let mut all: Vec<(i64, Kind, i64)> = Vec::new();
    let points = card.lots.iter().filter(|lot| !lot.kind.is_money() && !lot.is_expired(now.s()));
    for lot in points {
        let Some(time) = lot.expires.filter(|time| *time > after) else { continue };
        match all.iter_mut().find(|(at, kind, _)| (*at, *kind) == (time, lot.kind)) {
            Some((.., amount)) => *amount = amount.saturating_add(card.free(lot)),
            None => all.push((time, lot.kind, card.free(lot))),
        }
    }
    all.sort_unstable();
    let more = all.get(MAX_COMING).map(|next| next.0);
    let whole = all.partition_point(|(time, ..)| more.is_none_or(|next| *time < next));
    all.truncate(if whole == 0 { MAX_COMING } else { whole.min(MAX_COMING) });
    let listed = all.into_iter().filter_map(|(time, kind, amount)| {
        Some(Coming {
            time: UnixSeconds::new(time)?,
            kind: BalanceKind(u16::from(kind.0)),
            amount: Count::new(amount)?,
            what: if kind.is_pending() { Due::RELEASED } else { Due::EXPIRES },
        })
    });
    (ComingLots::new(listed.collect()), more.is_some())
}

/// What a member may use now.
fn entitlements(programme: &Programme, at: &Circumstances<'_>) -> Option<Entitlements> {
    let usable = programme.entitlements.iter().filter(|held| held.when.holds(programme, at));
    let listed = usable.filter_map(|held| {
        let left = held.left(held.of(programme, at.member)?, at.member, at.now.business_date);
        Some(Entitlement {
            entitlement: held.entitlement.parse().ok()?,
            name: held.name.parse().ok()?,
            uses_left: left.and_then(Count::new),
        })
    });
    Entitlements::new(listed.take(MAX_ENTITLEMENTS).collect())
}
