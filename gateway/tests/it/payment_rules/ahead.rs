//! No sequence of operations leaves the customer ahead.
//!
//! Counted from what the answers say and from what is on the cards, by card. Of the requests that stand (approved, and
//! neither reversed nor voided): `paid_in` is what loads were approved for; `paid_out` what refunds of loads gave back in
//! money; `goods` what purchases and captures were approved for, less what refunds of them gave back; `entitled` the bonus of
//! the loads, less the part of it, rounded up, that belongs to what was refunded of them. Then
//!
//! `goods + paid_out + principal on the card + bonus on the card <= paid_in + entitled`
//!
//! with what is held and what has expired without being booked counted as on the card. The bound is tight: every load
//! raises both sides by the same, a refund of a load raises the left by what it pays, less the principal and bonus that it
//! takes, and the right by minus its share of the bonus, which is what it takes and withholds; everything else moves value on
//! the left, and only an expiry makes the left smaller. So whatever is above the bound was made from nothing. Points alike:
//! points on the card, less the debt, are at most what the payments that stand have earned, less the share, rounded up, of what
//! was refunded of them.

use std::collections::HashMap;

use gateway::domain::Kind;
use gateway::domain::request::message;

use super::paper::{Deal, bonus_of, share_up};
use super::world::{CARDS, Said, World, reference};

#[derive(Debug)]
struct Stands {
    message: u8,
    card: usize,
    approved: i64,
    bonus: i64,
    earned: i64,
    /// Refunds of it that stand: their request, and what was asked for.
    refunds: Vec<(usize, i64)>,
    /// Of a refund: what it refunds.
    of: Option<usize>,
}

/// What the customers have been told.
#[derive(Default)]
pub(super) struct Customers {
    stands: HashMap<usize, Stands>,
}

impl Customers {
    pub(super) fn hear(&mut self, world: &World, request: usize, deal: &Deal, said: Said) {
        if !matches!(said.code, 0 | 10) {
            return;
        }
        let approved = said.amount.unwrap_or(0);
        match *deal {
            Deal::Void { of } | Deal::Reverse { of } => {
                if matches!(said.state, Some(2 | 3))
                    && let Some(gone) = self.stands.remove(&of)
                    && let Some(refunded) = gone.of.and_then(|of| self.stands.get_mut(&of))
                {
                    refunded.refunds.retain(|(refund, _)| *refund != of);
                }
            }
            Deal::Refund { of, amount } => {
                let original = self.stands.get_mut(&of).expect("only what stands is refunded");
                original.refunds.push((request, amount));
                let card = original.card;
                self.put(world, request, card, approved, 0, Some(of));
            }
            Deal::Load { card, amount } => self.put(world, request, card, approved, bonus_of(amount), None),
            Deal::Purchase { card, .. } => self.put(world, request, card, approved, 0, None),
            Deal::Capture { of, .. } => {
                let entry = world.asked[of].entry.as_ref().expect("what was captured");
                let card = (0..CARDS).find(|card| entry.card == Some(reference(*card))).expect("a card");
                self.put(world, request, card, approved, 0, None);
            }
            Deal::Activate { .. } | Deal::Authorize { .. } | Deal::Close => {}
        }
    }

    fn put(
        &mut self,
        world: &World,
        request: usize,
        card: usize,
        approved: i64,
        bonus: i64,
        of: Option<usize>,
    ) {
        let asked = &world.asked[request];
        let (message, earned) = (asked.message, asked.earned);
        self.stands
            .insert(request, Stands { message, card, approved, bonus, earned, refunds: Vec::new(), of });
    }

    /// Holds when no customer is ahead.
    pub(super) fn check(&self, world: &World) -> Result<(), String> {
        for card in 0..CARDS {
            let (mut got, mut given, mut points) = (0, 0, 0);
            for one in self.stands.values().filter(|one| one.card == card) {
                let refunded: i64 = one.refunds.iter().map(|refund| refund.1).sum();
                if refunded > one.approved {
                    return Err(format!("more was refunded than was paid: {one:?}"));
                }
                match one.message {
                    message::LOAD => {
                        given += one.approved + one.bonus - share_up(one.bonus, refunded, one.approved)
                    }
                    message::REFUND => {
                        let original = &self.stands[&one.of.expect("a refund's original")];
                        got += if original.message == message::LOAD { one.approved } else { -one.approved };
                    }
                    _ => {
                        got += one.approved;
                        points += one.earned - share_up(one.earned, refunded, one.approved);
                    }
                }
            }
            let held = world.card(card);
            let of = |kind: Kind| -> i64 {
                held.lots.iter().filter(|lot| lot.kind == kind).map(|lot| lot.amount).sum()
            };
            let on_card = of(Kind::PRINCIPAL) + of(Kind::BONUS);
            if got + on_card > given {
                return Err(format!(
                    "card {card}: {got} in goods and money, {on_card} left, and {given} given"
                ));
            }
            if of(Kind::POINTS) - held.points_debt > points {
                let (has, owes) = (of(Kind::POINTS), held.points_debt);
                return Err(format!("card {card}: {has} points and a debt of {owes}, and {points} earned"));
            }
        }
        Ok(())
    }
}
