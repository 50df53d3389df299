//! A card's PIN (section 9.3). The oracle knows PINs by number, never their digits. Not checked: a try that the gateway
//! had written down when it was killed, before it decided, counts there and not here.

use protocol::code::ResponseCode;
use protocol::frame::MessageType;

use super::{CardModel, Decided, Outcome, Request};
use crate::oracle::fact::Wallet;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CardPin {
    pub(super) number: Option<u32>,
    wrong: u8,
    /// A try was perhaps written down, of a request that came to nothing.
    unsure: bool,
    /// The one before, by its number.
    former: Option<u32>,
}

impl CardPin {
    /// A request with a PIN was declined before that was looked at: perhaps not before the try was written down.
    pub(super) fn may_have_been_tried(&mut self, pin: Option<u32>) {
        self.unsure |= pin.is_some();
    }

    /// It may be typed again, and is what it was.
    pub(super) fn unlock(&mut self) -> Result<(), &'static str> {
        self.number.ok_or("the card has no PIN")?;
        (self.wrong, self.unsure) = (0, false);
        Ok(())
    }

    /// There is none until the holder sets one.
    pub(super) fn reset(&mut self) -> Result<(), &'static str> {
        let former = self.number.ok_or("the card has no PIN")?;
        *self = CardPin { former: Some(former), ..CardPin::default() };
        Ok(())
    }

    pub(super) fn is_locked(&self, tries: u8) -> bool {
        self.number.is_some() && self.wrong >= tries
    }

    pub(super) const fn former(&self) -> Option<u32> {
        self.former
    }

    /// How many were wrong since a right one, where that is known.
    pub(super) fn wrong_tries(&self) -> Option<u8> {
        (!self.unsure).then_some(self.wrong)
    }
}

impl CardModel {
    /// The number of its PIN.
    pub(in crate::oracle) fn pin(&self) -> Option<u32> {
        self.pin.number
    }

    /// Looks at the PIN of a request that needs one, and counts it; the decline if it is not the right one.
    pub(super) fn look_at_pin(&mut self, request: &Request<'_>) -> Result<(), Vec<Outcome>> {
        let Some(rule) = self.product(request.programme).pin.filter(|_| !request.quoting) else {
            return Ok(());
        };
        let intent = request.intent;
        let asked = match MessageType(intent.kind) {
            MessageType::CHANGE_PIN => self.pin.number.is_some(),
            MessageType::PURCHASE | MessageType::AUTHORIZE | MessageType::TRANSFER | MessageType::UNLOAD => {
                self.held_by_original(request).saturating_add(intent.amount.unwrap_or(0)) >= rule.from
            }
            _ => false,
        };
        if !asked {
            return Ok(());
        }
        let (Some(number), Some(given)) = (self.pin.number, intent.extra.pin) else {
            return Err(self.declined(request, ResponseCode::PIN_NEEDED));
        };
        if self.pin.wrong >= rule.tries && !request.overlapped {
            return Err(self.declined(request, ResponseCode::TOO_MANY_WRONG_PINS));
        }
        if given != number {
            self.pin.wrong = self.pin.wrong.saturating_add(1);
            // A try is written down before the answer to it: what was decided in between may have set the count back.
            let open = request.overlapped || self.pin.unsure;
            let counts = if open { 0..=rule.tries } else { self.pin.wrong..=self.pin.wrong };
            let outcome = |wrong| {
                let mut declined = self.declined(request, ResponseCode::WRONG_PIN);
                for outcome in &mut declined {
                    (outcome.after.pin.wrong, outcome.after.pin.unsure) = (wrong, false);
                    outcome.expected.tries_left = Some(rule.tries.saturating_sub(wrong));
                }
                declined
            };
            return Err(counts.flat_map(outcome).collect());
        }
        // Where tries overlap, another one may have been written down behind this one.
        (self.pin.wrong, self.pin.unsure) = (0, request.overlapped);
        Ok(())
    }

    /// A try that was perhaps written down, of a request that came to nothing, may have been the last one. And where tries
    /// overlap, an answer to one says what the others have left: whether its own was the last cannot be known.
    pub(super) fn perhaps_locked(&self, request: &Request<'_>) -> Vec<Outcome> {
        let rule = self.product(request.programme).pin;
        let given = request.intent.extra.pin.filter(|_| !request.quoting);
        let Some((rule, _)) = rule.zip(given) else { return Vec::new() };
        if !(self.pin.unsure || request.overlapped && self.pin.is_locked(rule.tries)) {
            return Vec::new();
        }
        let mut locked = self.declined(request, ResponseCode::TOO_MANY_WRONG_PINS);
        locked.iter_mut().for_each(|outcome| outcome.after.pin.wrong = rule.tries);
        locked
    }

    /// A request that was given up came to nothing: perhaps not before the try of its PIN was written down.
    pub(in crate::oracle) fn given_up(&mut self, pin: Option<u32>) {
        self.pin.may_have_been_tried(pin);
    }

    pub(super) fn expected_change_pin(&self, request: &Request<'_>) -> Vec<Outcome> {
        let mut after = self.clone();
        let number = request.intent.extra.new_pin;
        after.pin = CardPin { number, former: self.pin.number.or(self.pin.former), ..CardPin::default() };
        vec![after.approved(request, ResponseCode::APPROVED, Wallet::default(), Decided::default())]
    }
}
