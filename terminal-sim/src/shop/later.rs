//! What is done to earlier transactions: refunds, voids, and what holds are for.

use protocol::field::{Original, RequestId, TransactionState};
use protocol::frame::MessageType;

use super::plan::{draw_overspend, draw_purchase};
use crate::oracle::{Standing, Wallet};
use crate::rng::Rng;
use crate::till::Act;

/// One refund, void or raise in so many is of something that it is not meant for.
const UNSUITABLE: u64 = 6;
/// A card with so many holds gets one captured before it gets another.
const HOLDS: usize = 4;

/// An earlier transaction of a card, and how it is named.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) original: Original,
    pub(super) standing: Standing,
}

impl Known {
    fn is(&self, kinds: &[MessageType], states: &[TransactionState]) -> bool {
        kinds.contains(&MessageType(self.standing.kind))
            && states.contains(&TransactionState(self.standing.state))
    }

    /// A sale that is not refunded whole.
    pub(super) fn is_sale(&self) -> bool {
        let kinds = [MessageType::PURCHASE, MessageType::CAPTURE];
        self.is(&kinds, &[TransactionState::LIVE, TransactionState::REFUNDED_IN_PART])
    }

    /// It opened a hold that has not ended.
    pub(super) fn holds(&self) -> bool {
        self.standing.held > 0
    }
}

/// Part or all of what is left of a sale or load; now and then too much, or of something else.
pub(super) fn draw_refund(rng: &mut Rng, known: &[Known]) -> Option<Act> {
    let kinds = [MessageType::LOAD, MessageType::PURCHASE, MessageType::CAPTURE, MessageType::ADVICE];
    let states = [TransactionState::LIVE, TransactionState::REFUNDED_IN_PART];
    let original = pick(rng, known, |known| known.is(&kinds, &states))?;
    let left = original.standing.left.max(1);
    let amount = match rng.below(12) {
        0 => left.saturating_add(rng.between(1, 5_00)),
        1..5 => left,
        _ => rng.between(1, left),
    };
    Some(Act::Refund(amount, original.original))
}

/// Any live transaction; now and then one that is over.
pub(super) fn draw_void(rng: &mut Rng, known: &[Known]) -> Option<Act> {
    let undoing =
        [MessageType::VOID, MessageType::REVERSAL, MessageType::CHANGE_PIN, MessageType::CASH_TAKEN];
    let suits = |known: &Known| {
        known.standing.state == TransactionState::LIVE.0
            && !undoing.contains(&MessageType(known.standing.kind))
    };
    pick(rng, known, suits).map(|known| Act::Void(known.original))
}

/// A hold that the card can bear, seldom more, or the capture of an earlier one when there are many.
pub(super) fn draw_authorize(rng: &mut Rng, wallet: Wallet, known: &[Known]) -> Act {
    let holds = known.iter().filter(|known| known.holds()).count();
    if holds >= HOLDS
        && let Some(capture) = draw_capture(rng, known)
    {
        return capture;
    }
    match rng.below(10) {
        0 => Act::Authorize(draw_overspend(rng, wallet)),
        1 => Act::AuthorizePart(draw_overspend(rng, wallet)),
        _ => Act::Authorize(affordable(rng, wallet)),
    }
}

/// More for a hold; now and then for what is none, or has ended. A Void has no hold, and is not drawn.
pub(super) fn draw_raise(rng: &mut Rng, wallet: Wallet, known: &[Known]) -> Option<Act> {
    let original = pick(rng, known, Known::holds)?;
    let amount = affordable(rng, wallet);
    let none = [MessageType::VOID, MessageType::CHANGE_PIN, MessageType::CASH_TAKEN];
    (!none.contains(&MessageType(original.standing.kind))).then_some(Act::Raise(amount, original.original))
}

/// Part or all of a hold, now and then more than that, with or without more to follow.
pub(super) fn draw_capture(rng: &mut Rng, known: &[Known]) -> Option<Act> {
    let original = pick(rng, known, Known::holds)?;
    let held = original.standing.held.max(1);
    let amount = match rng.below(10) {
        0 => held.saturating_add(rng.between(1, 5_00)),
        1..4 => held,
        _ => rng.between(1, held),
    };
    let capture = if rng.chance(1, 2) { Act::CaptureMore } else { Act::Capture };
    Some(capture(amount, original.original))
}

/// A refund, void or capture that names what it means by another request id.
pub(super) fn draw_misnamed(rng: &mut Rng, known: &[Known]) -> Option<Act> {
    let Known { original, standing } = rng.pick(known)?;
    let RequestId(mut id) = original.request_id;
    id.reverse();
    let wrong = Original { request_id: RequestId(id), ..*original };
    Some(match rng.below(3) {
        0 => Act::Refund(standing.left.max(1), wrong),
        1 => Act::Void(wrong),
        _ => Act::Capture(standing.held.max(1), wrong),
    })
}

fn affordable(rng: &mut Rng, wallet: Wallet) -> i64 {
    match draw_purchase(rng, wallet) {
        Act::Purchase(amount) => amount,
        _ => 1,
    }
}

/// One that suits, if there is one; now and then any.
fn pick<'a>(rng: &mut Rng, known: &'a [Known], suits: impl Fn(&Known) -> bool) -> Option<&'a Known> {
    let suitable: Vec<&Known> = known.iter().filter(|known| suits(known)).collect();
    if rng.chance(1, UNSUITABLE) { rng.pick(known) } else { rng.pick(&suitable).copied() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::TransactionKey;

    fn known(stan: u32, kind: MessageType, left: i64, held: i64) -> Known {
        let key = TransactionKey { terminal: "T1".into(), generation: 1, stan };
        let original = Original {
            terminal: "T1".parse().unwrap(),
            generation: protocol::field::Generation::FIRST,
            stan: protocol::field::Stan::new(stan).unwrap(),
            request_id: RequestId(std::array::from_fn(|at| u8::try_from(at).unwrap())),
        };
        let standing = Standing { key, kind: kind.0, state: TransactionState::LIVE.0, left, held };
        Known { original, standing }
    }

    #[test]
    fn mostly_what_suits_is_drawn_and_now_and_then_something_else() {
        let all = [
            known(1, MessageType::ACTIVATE, 0, 0),
            known(2, MessageType::PURCHASE, 10_00, 0),
            known(3, MessageType::AUTHORIZE, 20_00, 15_00),
            known(4, MessageType::VOID, 0, 0),
        ];
        let mut rng = Rng::new(5);
        let (mut refunds, mut captures, mut raises) = (0, 0, 0);
        for _ in 0..1000 {
            let Some(Act::Refund(amount, original)) = draw_refund(&mut rng, &all) else { panic!("none") };
            refunds += u32::from(original.stan.get() == 2 && amount <= 10_00);
            let capture = draw_capture(&mut rng, &all).unwrap();
            captures += u32::from(capture.original().unwrap().stan.get() == 3);
            let raise = draw_raise(&mut rng, Wallet::default(), &all).and_then(|act| act.original());
            assert_ne!(raise.map(|original| original.stan.get()), Some(4));
            raises += u32::from(raise.is_some_and(|original| original.stan.get() == 3));
            let misnamed = draw_misnamed(&mut rng, &all).and_then(|act| act.original()).unwrap();
            assert_ne!(misnamed.request_id, all[0].original.request_id);
        }
        assert!([refunds, captures, raises].iter().all(|drawn| (700..960).contains(drawn)), "{refunds}");
        assert!(draw_refund(&mut rng, &[]).is_none() && draw_void(&mut rng, &[]).is_none());
    }
}
