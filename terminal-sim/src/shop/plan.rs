//! What may happen at a till, and how often.

use super::later::{Known, draw_authorize, draw_capture, draw_raise, draw_refund, draw_void};
use crate::oracle::Wallet;
use crate::rng::Rng;
use crate::till::Act;

/// One thing that happens with one card at one till.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scenario {
    /// A load quote.
    Quote,
    /// A load, below, at and above the bonus steps.
    Load,
    /// A load that is too small or too large.
    BadLoad,
    /// A purchase that the card can pay.
    Purchase,
    /// A purchase that it cannot pay.
    Overspend,
    /// A purchase that may be paid in part.
    PartialPurchase,
    /// A balance inquiry.
    Inquiry,
    /// The answer is lost; the same bytes are sent again.
    LostAnswer,
    /// The answer is lost; the status is asked for before the same bytes are sent again.
    LostAnswerStatus,
    /// The answer is lost and the act is given up.
    Abandoned,
    /// The act is given up before it was ever sent.
    NeverSent,
    /// An approved act is reversed.
    Reversed,
    /// A decided request is repeated: the stored answer must come back byte for byte.
    Repeated,
    /// A card that is in use is activated again.
    ActivateAgain,
    /// A wrong secret, or a card that was never issued.
    Mistake,
    /// Part or all of an earlier transaction is given back, at whatever terminal it was made.
    Refund,
    /// An earlier transaction is cancelled, at whatever terminal it was made.
    Void,
    /// An amount is held.
    Authorize,
    /// More is held in an earlier hold.
    Raise,
    /// An amount is taken from a hold; several terminals may do so at once.
    Capture,
    /// An earlier transaction is named by a request id that is not its own.
    Misnamed,
    /// The shift is closed.
    CloseShift,
    /// The shift is closed with wrong totals.
    CloseShiftWrong,
}

const WEIGHTS: [(Scenario, u64); 23] = [
    (Scenario::Quote, 30),
    (Scenario::Load, 160),
    (Scenario::BadLoad, 10),
    (Scenario::Purchase, 240),
    (Scenario::Overspend, 20),
    (Scenario::PartialPurchase, 40),
    (Scenario::Inquiry, 60),
    (Scenario::LostAnswer, 60),
    (Scenario::LostAnswerStatus, 30),
    (Scenario::Abandoned, 50),
    (Scenario::NeverSent, 20),
    (Scenario::Reversed, 50),
    (Scenario::Repeated, 30),
    (Scenario::ActivateAgain, 10),
    (Scenario::Mistake, 15),
    (Scenario::Refund, 45),
    (Scenario::Void, 25),
    (Scenario::Authorize, 30),
    (Scenario::Raise, 15),
    (Scenario::Capture, 30),
    (Scenario::Misnamed, 10),
    (Scenario::CloseShift, 15),
    (Scenario::CloseShiftWrong, 5),
];

impl Scenario {
    /// Draws one.
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let total = WEIGHTS.iter().map(|(_, weight)| weight).sum();
        let mut left = rng.below(total);
        for (scenario, weight) in WEIGHTS {
            match left.checked_sub(weight) {
                Some(rest) => left = rest,
                None => return scenario,
            }
        }
        Scenario::Purchase
    }
}

/// A load of a size that matters to the bonus steps, or any.
pub(super) fn draw_load(rng: &mut Rng) -> i64 {
    const EDGES: [i64; 9] = [1_00, 99_99, 100_00, 299_99, 300_00, 499_99, 500_00, 999_99, 1_000_00];
    match rng.pick(&EDGES) {
        Some(edge) if rng.chance(1, 2) => *edge,
        _ => rng.between(1_00, 400_00),
    }
}

/// A load that the product does not allow.
pub(super) fn draw_bad_load(rng: &mut Rng) -> i64 {
    rng.pick(&[1, 99, 5_000_01, 1_000_000_00]).copied().unwrap_or(1)
}

/// A purchase that the card can pay, if it can pay anything.
pub(super) fn draw_purchase(rng: &mut Rng, wallet: Wallet) -> Act {
    let payable = wallet.payable().unwrap_or(0).max(1);
    let largest = if rng.chance(1, 8) { payable } else { payable.min(60_00) };
    Act::Purchase(rng.between(1, largest))
}

/// More than the card can pay.
pub(super) fn draw_overspend(rng: &mut Rng, wallet: Wallet) -> i64 {
    wallet.payable().unwrap_or(0).saturating_add(rng.between(1, 50_00))
}

/// Any act with money, whatever becomes of it.
pub(super) fn draw_act(rng: &mut Rng, wallet: Wallet, known: &[Known]) -> Act {
    let act = match rng.below(16) {
        0..4 => Some(Act::Load(draw_load(rng))),
        4 => Some(Act::Purchase(draw_overspend(rng, wallet))),
        5 => Some(Act::PurchasePart(draw_overspend(rng, wallet))),
        6 | 7 => draw_refund(rng, known),
        8 => draw_void(rng, known),
        9 => Some(draw_authorize(rng, wallet, known)),
        10 => draw_raise(rng, wallet, known),
        11 => draw_capture(rng, known),
        _ => None,
    };
    act.unwrap_or_else(|| draw_purchase(rng, wallet))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_drawn_about_as_often_as_its_weight_says() {
        let mut rng = Rng::new(3);
        let total: u64 = WEIGHTS.iter().map(|(_, weight)| weight).sum();
        assert_eq!(total, 1000);
        let drawn: Vec<Scenario> = (0..20_000).map(|_| Scenario::draw(&mut rng)).collect();
        for (scenario, weight) in WEIGHTS {
            let count = drawn.iter().filter(|drawn| **drawn == scenario).count() as u64;
            assert!(count >= weight * 10 && count <= weight * 30, "{scenario:?}: {count} for {weight}");
        }
    }

    #[test]
    fn amounts_are_what_their_scenario_promises() {
        let mut rng = Rng::new(4);
        let wallet = Wallet { principal: 30_00, bonus: 1_00, points: 9 };
        for _ in 0..1000 {
            assert!(draw_overspend(&mut rng, wallet) > 31_00);
            let Act::Purchase(amount) = draw_purchase(&mut rng, wallet) else { panic!("not a purchase") };
            assert!((1..=31_00).contains(&amount));
            let bad = draw_bad_load(&mut rng);
            assert!(!(1_00..=5_000_00).contains(&bad), "{bad}");
        }
    }
}
