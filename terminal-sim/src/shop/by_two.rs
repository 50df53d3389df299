//! What two operators do at the desk, and the holders who have forgotten their PINs.

use protocol::code::ResponseCode;
use protocol::field::CardReference;

use super::errands::{Choice, Kind};
use super::trader::Trader;
use crate::card::Card;
use crate::desk::{ByTwo, Errand, Signed};
use crate::error::Error;
use crate::rng::Rng;
use crate::till::Act;

/// One act in so many is asked for a card that it does not suit.
const UNSUITABLE: u64 = 6;
/// Acts that nobody confirms wait for an hour, and a gateway lets so many wait: the desk leaves fewer than that.
const MOST_WAITING: u32 = 8;
/// More than any card may hold.
const TOO_MUCH: i64 = 100_000_00;

impl Choice<'_> {
    /// Wrong PINs have locked a card.
    pub(super) fn has_locked(&self) -> bool {
        self.free.iter().any(|card| self.is(card).locked)
    }

    /// What two must sign, for a card that it suits, but for one in a few.
    pub(super) fn draw_by_two(&self, rng: &mut Rng, kind: Kind) -> Option<Errand> {
        let any = if rng.chance(1, UNSUITABLE) { self.one(rng, &|_| true) } else { None };
        let holds = |card: &CardReference| self.sold(card) && self.is(card).account.is_none();
        let may_have_pin = |card: &CardReference| self.sold(card) && self.oracle.product(*card).pin.is_some();
        let locked = |card: &CardReference| self.is(card).locked;
        let suits = match kind {
            Kind::Refund => self.one(rng, &holds),
            Kind::Adjust => self.one(rng, &|card| self.sold(card)),
            _ => self.one(rng, &locked).or_else(|| self.one(rng, &may_have_pin)),
        };
        let card = any.or(suits)?;
        let act = match kind {
            // One is refused at least.
            Kind::Refund if self.refused == 0 && rng.chance(1, 2) => ByTwo::Refund { amount: TOO_MUCH },
            Kind::Refund => ByTwo::Refund { amount: draw_refund(rng) },
            Kind::Adjust => {
                let (_, wallet) = self.oracle.card(card).unwrap_or_default();
                ByTwo::Adjust { points: draw_adjustment(rng, wallet.points) }
            }
            Kind::ResetPin => ByTwo::ResetPin,
            _ => ByTwo::UnlockPin,
        };
        let signed = match rng.below(6) {
            0..3 if self.waiting == 0 => Signed::FirstOnly,
            0 if self.waiting < MOST_WAITING => Signed::FirstOnly,
            0 | 3 => Signed::FirstTwice,
            _ => Signed::Both,
        };
        Some(Errand::ByTwo { card: card.number(), act, signed })
    }
}

/// Some money; now and then none, or more than a card may hold.
fn draw_refund(rng: &mut Rng) -> i64 {
    match rng.below(14) {
        0 => 0,
        1 => TOO_MUCH,
        _ => rng.between(1, 60_00),
    }
}

/// Points for a card that has so many: more of them, fewer, or fewer than none; now and then no change.
fn draw_adjustment(rng: &mut Rng, held: i64) -> i64 {
    match rng.below(16) {
        0 => 0,
        1..6 => rng.between(1, 300),
        6..10 => rng.between(1, held.max(1)).saturating_neg(),
        _ => held.saturating_add(rng.between(1, 60)).saturating_neg(),
    }
}

impl Trader {
    /// A holder tries until the card takes no more PINs; one who has none sets one first.
    pub(super) async fn forget_pin(&mut self, card: &Card) -> Result<(), Error> {
        let (product, number) = {
            let oracle = self.shared.oracle();
            (oracle.product(card.reference), oracle.pin(card.reference))
        };
        let Some(rule) = product.pin else { return Ok(()) };
        self.till.pin = number;
        if number.is_none() {
            self.set_pin("change of PIN", card).await?;
        }
        for _ in 0..=rule.tries {
            self.till.pin = Some(self.draw_pin_number().saturating_add(1_000));
            if self.set_pin("forgotten PIN", card).await? != ResponseCode::WRONG_PIN {
                break;
            }
        }
        Ok(())
    }

    /// Mostly a holder who asks operators about a PIN has forgotten it.
    pub(super) async fn before_errand(&mut self, about_pin: bool, card: Option<&Card>) -> Result<(), Error> {
        match card {
            Some(card) if about_pin && self.rng.chance(3, 4) => {
                self.draw_supervisor();
                self.forget_pin(card).await
            }
            _ => Ok(()),
        }
    }

    /// Two operators are asked about a card's PIN; its holder pays, or sets another one.
    pub(super) async fn come_with_pin(&mut self, card: &Card) -> Result<(), Error> {
        self.draw_pin(card);
        self.draw_supervisor();
        if self.rng.chance(1, 2) {
            self.set_pin("change of PIN", card).await?;
        }
        let rule = self.shared.oracle().product(card.reference).pin;
        let from = rule.map_or(1, |rule| rule.from).max(1);
        let amount = self.rng.between(from, from.saturating_add(20_00));
        let act = self.sale(Act::Purchase(amount));
        self.trade("purchase with PIN", card, act).await
    }

    async fn set_pin(&mut self, name: &'static str, card: &Card) -> Result<ResponseCode, Error> {
        let act = Act::ChangePin(self.draw_pin_number());
        let outcome = self.till.trade(card, act).await?;
        self.done(name, &outcome);
        Ok(outcome.code)
    }

    fn draw_pin_number(&mut self) -> u32 {
        u32::try_from(self.rng.below(900)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjustments_give_take_and_take_what_is_not_there() {
        let mut rng = Rng::new(6);
        let drawn: Vec<i64> = (0..1000).map(|_| draw_adjustment(&mut rng, 20)).collect();
        let count = |wanted: &dyn Fn(i64) -> bool| drawn.iter().filter(|points| wanted(**points)).count();
        let counts = [count(&|points| points > 0), count(&|points| (-20..0).contains(&points))];
        assert!(counts.iter().all(|count| (200..400).contains(count)), "{counts:?}");
        assert!(count(&|points| points < -20) > 250 && count(&|points| points == 0) > 20);
        let refunds: Vec<i64> = (0..1000).map(|_| draw_refund(&mut rng)).collect();
        assert!(refunds.contains(&0) && refunds.contains(&TOO_MUCH));
        assert!(refunds.iter().filter(|amount| (1..=60_00).contains(*amount)).count() > 800);
    }
}
