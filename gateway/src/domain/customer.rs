//! A card as rules see it: whose it is, where and when, and what a rule may still give to it.

use super::card::Card;
use super::decision::{Notes, Reason};
use super::effect::Effect;
use super::facts::Facts;
use super::ledger::Kind;
use super::member::Member;
use super::programme::cap::{Counted, capped, count_given};
use super::programme::{Cap, Circumstances, Measure};
use super::request::Now;

/// What a rule gives, after its cap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given {
    pub kind: Kind,
    /// Minor units or points; 0 when something is only carried to the next sale.
    pub amount: i64,
    /// Unix second until which points cannot be spent.
    pub pending_until: Option<i64>,
    pub reason: Reason,
    /// What its cap counts.
    pub counts: Vec<Effect>,
}

/// A card as rules see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Customer<'a> {
    pub facts: Facts<'a>,
    pub card: &'a Card,
    /// As they are, or were when a quote was given that is honoured.
    pub at: Circumstances<'a>,
    /// When what it gives is booked and counted.
    pub now: Now,
}

/// Nobody: what a card has that is no member's.
static NOBODY: Member = Member::nobody();

impl<'a> Customer<'a> {
    /// `tenders` are kinds (PROTOCOL.md section 5).
    pub(super) fn of(
        facts: Facts<'a>,
        (card, store): (&'a Card, &'a str),
        channel: Option<&'a str>,
        tenders: &'a [u8],
        now: Now,
    ) -> Self {
        let member = facts.state.members.get(&card.reference).unwrap_or(&NOBODY);
        let birthday = facts.birthday;
        let priced_at = facts.priced_at(now);
        let at = Circumstances {
            product: &card.product,
            member,
            birthday,
            store,
            channel,
            tenders,
            now: priced_at,
        };
        Self { facts, card, at, now }
    }

    pub(super) fn counted(&self) -> Counted<'a> {
        Counted {
            card: self.card.reference,
            member: self.at.member,
            programme: &self.facts.state.counters,
            business_date: self.now.business_date,
        }
    }

    /// What a rule gives that wants to give so much, within its cap; `None` when that is nothing.
    pub(super) fn given(&self, cap: &Cap, reason: Reason, pending_until: Option<i64>) -> Option<Given> {
        let (amount, cut) = capped(cap, &reason.rule, reason.result, self.counted());
        let counts = count_given(cap, &reason.rule, amount, self.counted());
        let notes = reason.notes.and(cut).and(Notes::PENDING.when(pending_until.is_some()));
        let reason = Reason { result: amount, notes, ..reason };
        (amount > 0).then_some(Given { kind: reason.kind, amount, pending_until, reason, counts })
    }

    /// Counts what a transaction was, as far as the programme asks for it.
    pub(super) fn measured(&self, what: &[(Measure, i64)]) -> Vec<Effect> {
        let wanted = what.iter().filter(|(measure, _)| self.facts.pricing.measures.contains(measure));
        let date = self.now.business_date;
        let counted = wanted.flat_map(|(measure, change)| measure.count(self.card.reference, *change, date));
        let placed = what.iter().flat_map(|(measure, change)| self.placed(measure, *change));
        counted.chain(placed).collect()
    }

    /// Counts a measure on the leaderboards that are open.
    pub(super) fn placed(&self, measure: &Measure, change: i64) -> Vec<Effect> {
        let (member, date) = ((self.card.reference, self.at.member), self.now.business_date);
        self.facts.pricing.placed(member, (measure, change), &self.facts.state.counters, date)
    }
}
