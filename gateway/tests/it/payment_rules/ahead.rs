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
//! was refunded of them by the balances, and less the points that paid, but for their share, rounded down, of what was refunded
//! of their worth. An unload is a refund of each of its loads. What is withheld from the refund of a sale has been paid for
//! points: it counts as goods, and the points as earned.
//!
//! Where points pay, what they pay stands on the right side too, less what was refunded of it. And since whoever turns points
//! into goods and back must not gain by it either, the same must hold with every point counted as the money that it pays, and
//! nothing on the right side for those that have paid. There, what is withheld counts for nothing.
//!
//! Last, whoever throws a card away does not pay its points debt: where points pay, that bound holds too with a debt counted as
//! nothing, and of what was earned only the exact share that was not refunded (rounded up, the first cent of a refund takes a
//! whole point, and the money for it is only withheld from the next one). What reversals have left as a debt is
//! allowed for: they are a terminal's, for sales that did not happen.

use std::collections::HashMap;

use gateway::domain::Kind;
use gateway::domain::request::message;

use super::paper::{Deal, bonus_of, share_up};
use super::world::{CARDS, PAY_WITH_POINTS, POINTS_PAY, Said, World, reference};
use gateway::domain::Effect;

#[derive(Debug)]
struct Stands {
    message: u8,
    card: usize,
    approved: i64,
    bonus: i64,
    earned: i64,
    /// Points that paid, and what they paid.
    used: (i64, i64),
    /// Refunds of it that stand: their request, and what was asked for.
    refunds: Vec<(usize, i64)>,
    /// Of a refund or unload: what it refunds.
    of: Vec<usize>,
}

/// What the customers have been told.
#[derive(Default)]
pub(super) struct Customers {
    stands: HashMap<usize, Stands>,
    /// Points, by card, that reversals have left owed, as far as they still are.
    reversed: [i64; CARDS],
}

impl Customers {
    pub(super) fn hear(&mut self, world: &World, request: usize, deal: &Deal, said: Said) {
        for card in 0..CARDS {
            self.reversed[card] = self.reversed[card].min(world.card(card).points_debt(Kind::POINTS));
        }
        if !matches!(said.code, 0 | 10) {
            return;
        }
        let approved = said.amount.unwrap_or(0);
        match *deal {
            Deal::Void { of } | Deal::Reverse { of } => {
                if matches!(said.state, Some(2 | 3))
                    && let Some(gone) = self.stands.remove(&of)
                {
                    if matches!(deal, Deal::Reverse { .. }) {
                        let entry = world.asked[request].entry.as_ref().expect("it was decided");
                        self.reversed[gone.card] += entry.points_debts().values().sum::<i64>().max(0);
                    }
                    for refunded in gone.of {
                        let refunded = self.stands.get_mut(&refunded).expect("it stands");
                        refunded.refunds.retain(|(refund, _)| *refund != of);
                    }
                }
            }
            Deal::Refund { of, amount } | Deal::Return { of, amount, .. } => {
                let original = self.stands.get_mut(&of).expect("only what stands is refunded");
                original.refunds.push((request, amount));
                let card = original.card;
                self.put(world, request, card, approved, 0, vec![of]);
            }
            Deal::Unload { card, amount } => {
                let loads = self.unloaded(world, request);
                assert_eq!(
                    loads.iter().map(|load| load.1).sum::<i64>(),
                    amount,
                    "all of it comes from loads"
                );
                for (load, part) in &loads {
                    self.stands.get_mut(load).expect("it stands").refunds.push((request, *part));
                }
                let loads = loads.into_iter().map(|load| load.0).collect();
                self.put(world, request, card, approved, 0, loads);
            }
            Deal::Load { card, amount } => {
                self.put(world, request, card, approved, bonus_of(amount), Vec::new())
            }
            Deal::Purchase { card, .. } | Deal::Buy { card, .. } => {
                self.put(world, request, card, approved, 0, Vec::new());
            }
            Deal::Capture { of, .. } => {
                let entry = world.asked[of].entry.as_ref().expect("what was captured");
                let card = (0..CARDS).find(|card| entry.card == Some(reference(*card))).expect("a card");
                self.put(world, request, card, approved, 0, Vec::new());
            }
            Deal::Activate { .. } | Deal::Authorize { .. } | Deal::Close => {}
        }
    }

    /// Loads that an unload paid out, and how much of each, by what the journal says became of them.
    fn unloaded(&self, world: &World, request: usize) -> Vec<(usize, i64)> {
        let entry = world.asked[request].entry.as_ref().expect("it was decided");
        let fates = entry.effects.iter().filter_map(|effect| match effect {
            Effect::Transaction { index, fate } if fate.last_refund == entry.index => {
                Some((*index, fate.done))
            }
            _ => None,
        });
        let of = |index| {
            let load = |at: &usize| world.asked[*at].entry.as_ref().is_some_and(|load| load.index == index);
            self.stands.keys().copied().find(load).expect("a load that stands")
        };
        fates
            .map(|(index, done)| {
                let load = of(index);
                (load, done - self.stands[&load].refunds.iter().map(|refund| refund.1).sum::<i64>())
            })
            .collect()
    }

    fn put(&mut self, world: &World, request: usize, card: usize, approved: i64, bonus: i64, of: Vec<usize>) {
        let asked = &world.asked[request];
        let (message, earned, used) = (asked.message, asked.earned, asked.used);
        let stands = Stands { message, card, approved, bonus, earned, used, refunds: Vec::new(), of };
        self.stands.insert(request, stands);
    }

    /// Holds when no customer is ahead.
    pub(super) fn check(&self, world: &World) -> Result<(), String> {
        for (card, points_pay) in PAY_WITH_POINTS.into_iter().enumerate() {
            let (mut got, mut given, mut points) = (0, 0, 0);
            // What points have paid, and points that were earned.
            let (mut by_points, mut earned) = (0, 0);
            let (so_many, pay) = POINTS_PAY;
            // What was withheld, and what the points that were earned are worth without rounding, times `so_many`.
            let (mut withheld, mut earned_worth) = (0, 0);
            for (request, one) in self.stands.iter().filter(|one| one.1.card == card) {
                let refunded: i64 = one.refunds.iter().map(|refund| refund.1).sum();
                if refunded > one.approved {
                    return Err(format!("more was refunded than was paid: {one:?}"));
                }
                match one.message {
                    message::LOAD => {
                        given += one.approved + one.bonus - share_up(one.bonus, refunded, one.approved)
                    }
                    message::REFUND => {
                        let original = &self.stands[&one.of[0]];
                        let refund = original.refunds.iter().find(|refund| refund.0 == *request);
                        let left_out = refund.expect("a refund of it").1 - one.approved;
                        if original.message == message::LOAD {
                            got += one.approved;
                        } else {
                            got -= one.approved;
                            withheld += left_out;
                            // The price was rounded up by less than a point.
                            points += left_out * so_many / pay;
                        }
                    }
                    message::UNLOAD => got += one.approved,
                    _ => {
                        got += one.approved;
                        let (used, worth) = one.used;
                        let by_balances = one.approved - worth;
                        let of_points = (refunded - by_balances).max(0);
                        if one.earned > 0 {
                            let gone = share_up(one.earned, refunded.min(by_balances), by_balances);
                            earned += one.earned - gone;
                            let stays = by_balances - refunded.min(by_balances);
                            earned_worth += share_up(one.earned * pay, stays, by_balances);
                        }
                        if worth > 0 {
                            by_points += worth - of_points;
                            points += used * of_points / worth - used;
                        }
                    }
                }
            }
            let held = world.card(card);
            let of = |kind: Kind| -> i64 {
                held.lots.iter().filter(|lot| lot.kind == kind).map(|lot| lot.amount).sum()
            };
            let on_card = of(Kind::PRINCIPAL) + of(Kind::BONUS);
            if got + on_card > given + by_points {
                return Err(format!(
                    "card {card}: {got} in goods and money, {on_card} left, and {given} given, {by_points} by points"
                ));
            }
            points += earned;
            let (has, owes) = (of(Kind::POINTS), held.points_debt(Kind::POINTS));
            if has - owes > points {
                return Err(format!("card {card}: {has} points and a debt of {owes}, and {points} earned"));
            }
            let value = (got - withheld + on_card) * so_many + has * pay;
            if value - owes * pay > given * so_many + earned * pay {
                return Err(format!(
                    "card {card}: {got} in goods and money, {on_card} and {has} points less {owes} left, \
                     and {given} given and {earned} points earned"
                ));
            }
            let reversed = self.reversed[card];
            if points_pay && value > given * so_many + earned_worth + reversed * pay {
                return Err(format!(
                    "card {card}, thrown away: {got} in goods and money, {withheld} of it withheld, {on_card} and {has} \
                     points left, {owes} owed; {given} given, {earned_worth} / {so_many} the worth of points earned, and \
                     {reversed} points that reversals left owed"
                ));
            }
        }
        Ok(())
    }
}
