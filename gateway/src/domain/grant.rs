//! Offline grants: what a terminal may approve while the gateway is away, and whether it kept to that (PROTOCOL.md
//! section 9.1).

use super::card::CardReference;
use super::programme::OfflineLimits;
use super::request::Request;
use super::state::State;
use super::tally::{Counted, Tally};

/// A grant that the gateway has signed, as an Advice carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// TID that it was issued to.
    pub terminal: String,
    pub generation: u32,
    pub id: [u8; 8],
    /// Unix seconds: from then on ...
    pub issued: i64,
    /// ... and before this one.
    pub expires: i64,
    /// Minor units, in one sale.
    pub per_transaction: i64,
    /// Minor units, of one card.
    pub per_card: i64,
    /// Sales in all.
    pub count: u32,
    /// Minor units in all.
    pub sum: i64,
}

impl OfflineLimits {
    /// When the grant that a terminal gets at `now_s` was issued, and when it ends, in Unix seconds. A new one comes after
    /// half of its time: however often a terminal signs on, no more than two grants of it hold at a time.
    #[must_use]
    pub fn window(&self, now_s: i64) -> (i64, i64) {
        let half = i64::from(self.hours).saturating_mul(1800).max(1);
        let issued = now_s.saturating_sub(now_s.rem_euclid(half));
        (issued, issued.saturating_add(half.saturating_mul(2)))
    }
}

/// The name under which is kept what was approved under a grant.
#[must_use]
pub fn of_grant(grant: &Grant) -> String {
    let id: String = grant.id.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("grant:{}/{}/{id}", grant.terminal, grant.generation)
}

/// The same, of one card.
#[must_use]
pub fn of_grant_and_card(grant: &Grant, card: CardReference) -> String {
    format!("{}/{}", of_grant(grant), card.0)
}

/// What was approved under a grant, with one more sale of `amount` minor units at `time_s` by the terminal's clock: the tallies
/// of the grant and of the card under it; `None` when that is more than the grant allows. A grant is of no day: its tallies
/// have date 0, and what is undone still counts under it.
pub(super) fn within(
    state: &State,
    grant: &Grant,
    request: &Request,
    (card, amount, time_s): (CardReference, i64, i64),
) -> Option<[(String, Tally); 2]> {
    let own = grant.terminal == request.terminal && grant.generation == request.generation;
    let in_time = grant.issued <= time_s && time_s < grant.expires;
    if !own || !in_time || amount > grant.per_transaction {
        return None;
    }
    let more = |who: String| {
        let held = state.tallies.get(&who).copied().unwrap_or_default();
        (who, held.with(Counted::Purchase, amount))
    };
    let all = more(of_grant(grant));
    let of_card = more(of_grant_and_card(grant, card));
    let fits = all.1.purchases <= grant.count
        && all.1.purchase_sum <= grant.sum
        && of_card.1.purchase_sum <= grant.per_card;
    fits.then_some([all, of_card])
}
