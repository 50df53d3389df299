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
}

impl CardPin {
    /// A request with a PIN was declined before that was looked at: perhaps not before the try was written down.
    pub(super) fn may_have_been_tried(&mut self, pin: Option<u32>) {
        self.unsure |= pin.is_some();
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
        if self.pin.wrong >= rule.tries {
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
        (self.pin.wrong, self.pin.unsure) = (0, false);
        Ok(())
    }

    pub(super) fn expected_change_pin(&self, request: &Request<'_>) -> Vec<Outcome> {
        let mut after = self.clone();
        after.pin = CardPin { number: request.intent.extra.new_pin, ..CardPin::default() };
        vec![after.approved(request, ResponseCode::APPROVED, Wallet::default(), Decided::default())]
    }
}
