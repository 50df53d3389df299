//! PINs: of the card, of the cashier, of the supervisor. They are in memory until the message that takes them along, and
//! never printed or written down.

use protocol::field::{Code, Flags, Pin};
use protocol::frame::MessageType;
use protocol::request::{Body, PersonalFields, RequestSidecar};

use super::Keyboard;
use super::said::Said;
use crate::error::Error;

/// What the next message that may have it says beside the card.
#[derive(Debug, Default)]
pub(super) struct Proof {
    pin: Option<Pin>,
    supervisor: Option<(Code<16>, Pin)>,
    /// Who is to be registered as the card's holder.
    pub(super) holder: Option<PersonalFields>,
}

impl Keyboard {
    pub(super) fn take_pin(&mut self, pin: Pin) -> Said {
        self.proof.pin = Some(pin);
        Said::Note("The next message of this card has the PIN.".into())
    }

    pub(super) fn take_supervisor(&mut self, name: Code<16>, pin: Pin) -> Said {
        self.proof.supervisor = Some((name, pin));
        Said::Note(format!("Supervisor {name}, for the next message."))
    }

    /// Another card, another PIN, and another holder.
    pub(super) fn forget_pin(&mut self) {
        self.proof.pin = None;
        self.proof.holder = None;
    }

    /// Puts what was typed into the message, if that may have it.
    pub(super) fn prove(&mut self, body: &mut Body, flags: &mut Option<Flags>, sidecar: &mut RequestSidecar) {
        let asks_for_pin = [
            MessageType::PURCHASE,
            MessageType::AUTHORIZE,
            MessageType::TRANSFER,
            MessageType::UNLOAD,
            MessageType::REDEEM,
        ];
        if asks_for_pin.contains(&body.kind())
            && let Some(pin) = self.proof.pin.take()
        {
            sidecar.pin = Some(pin);
            *flags = Some(flags.unwrap_or_default().union(Flags::PIN_USED));
        }
        if matches!(body, Body::Activate { .. } | Body::Load { .. } | Body::Join { .. })
            && let Some(holder) = self.proof.holder.take()
        {
            sidecar.personal = holder;
        }
        if let Body::Refund { supervisor, .. }
        | Body::Void { supervisor, .. }
        | Body::Unload { supervisor, .. } = body
            && let Some((name, pin)) = self.proof.supervisor.take()
        {
            *supervisor = Some(name);
            sidecar.supervisor_pin = Some(pin);
        }
    }

    /// Proves a cashier for this session, who is the one here from now on.
    pub(super) async fn sign_cashier_on(&mut self, name: Code<16>, pin: Pin) -> Result<Said, Error> {
        let sidecar = RequestSidecar { cashier_pin: Some(pin), ..RequestSidecar::default() };
        let before = self.terminal.details.cashier.replace(name);
        let answer = self.ask(Body::CashierSignOn, sidecar).await;
        self.terminal.details.cashier = before;
        Ok(match answer? {
            Ok(answer) => {
                if answer.code.is_approval() {
                    self.details.cashier = Some(name);
                }
                Said::Asked(Box::new(answer))
            }
            Err(said) => said,
        })
    }

    pub(super) async fn change_pin(&mut self, old: Option<Pin>, new: Pin) -> Result<Said, Error> {
        let card = self.card()?;
        let (body, sidecar) = (Body::ChangePin { card: card.reference }, card.sidecar());
        let flags = old.is_some().then_some(Flags::PIN_USED);
        let sidecar = RequestSidecar { pin: old, new_pin: Some(new), ..sidecar };
        self.proof.pin = None;
        self.trade(body, flags, sidecar).await
    }
}
