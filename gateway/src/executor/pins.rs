//! PINs: each try is an entry of its own before anybody looks at the PIN (PROTOCOL.md section 9.3).

use protocol::answer::Answer;
use protocol::code::ResponseCode;
use protocol::frame::MessageType;
use tokio::sync::oneshot;
use tracing::warn;

use super::Reply;
use super::group::{Cause, Group, Waiting};
use super::session::ready;
use super::writer::{InDoubt, Writer};
use crate::clock;
use crate::domain::effect::Effect;
use crate::domain::supervision::supervisor;
use crate::domain::{
    CardReference, Cashier, Decline, Fault, Now, Pin, Request, Role, Terminal, Tried, Verdict,
};
use crate::journal::record::Origin;
use crate::translate;

impl Writer {
    /// Counts a try of a PIN that a request rests on. What goes back, after the commit, is the salt to hash it with.
    pub(super) fn count_pin_try(
        &mut self,
        group: &mut Group,
        terminal: &Terminal,
        request: &Request,
        tried: Tried,
        now: Now,
    ) -> Result<Reply, Fault> {
        let missing = || Fault::Misfit("a PIN that is not there is to be tried");
        let (effect, salt, whose) = match tried {
            Tried::New => return Ok(self.untried(tried, clock::random())),
            Tried::Card => {
                let card = request.command.claim().and_then(|claim| self.state.cards.get(&claim.card));
                let card = card.ok_or_else(missing)?;
                let (salt, _) = card.pin.secret.ok_or_else(missing)?;
                (
                    Effect::Pin { card: card.reference, pin: card.pin.tried() },
                    salt,
                    Whose::Card(card.reference),
                )
            }
            Tried::Supervisor => {
                let in_force = self.in_force(now);
                let held = supervisor(self.facts(&in_force), terminal, request).ok_or_else(missing)?;
                let (salt, _) = held.pin.secret.ok_or_else(missing)?;
                let cashier = request.supervisor.clone().ok_or_else(missing)?;
                let whose = Whose::Supervisor(cashier.clone());
                (Effect::Cashier { cashier, held: with_pin(held, held.pin.tried()) }, salt, whose)
            }
        };
        self.record_try(group, terminal, &request.stan.to_string(), effect, now)?;
        self.tried.insert(request.request_id, whose);
        Ok(self.untried(tried, salt))
    }

    /// Whether a PIN that this request rests on is being looked at for another one.
    pub(super) fn is_tried_elsewhere(&self, request: &Request) -> bool {
        let own = own(request);
        let others = self.tried.iter().filter(|(id, _)| **id != request.request_id);
        others.into_iter().any(|(_, whose)| own.iter().flatten().any(|own| own == whose))
    }

    fn record_try(
        &mut self,
        group: &mut Group,
        terminal: &Terminal,
        what: &str,
        effect: Effect,
        now: Now,
    ) -> Result<(), Fault> {
        let index = self.next_index(group);
        let key = format!("{}/{}/{what}/{index}", terminal.terminal, terminal.generation);
        let place = (terminal.merchant.as_str(), terminal.store.as_str());
        let cause = Cause::system(Origin::PIN_TRY, key, place, now, vec![effect]);
        let in_force = self.in_force(now);
        self.append(group, &in_force, cause, |_| None).map(drop)
    }

    fn untried(&self, tried: Tried, salt: [u8; 16]) -> Reply {
        let refusal = self.refuse(MessageType::REJECT, ResponseCode::BUSY, None, "the PIN was not looked at");
        Reply { untried: Some((tried, salt)), ..refusal }
    }

    /// Proves a cashier. Whoever is unknown here gets the answer of a wrong PIN, after the same work.
    pub(super) fn cashier_sign_on(
        &mut self,
        group: &mut Group,
        terminal: &Terminal,
        (cashier, hash): (String, Option<[u8; 32]>),
        reply: oneshot::Sender<Reply>,
    ) -> Result<(), InDoubt> {
        let now = self.now();
        let till = self.in_force(now).programme.till.clone();
        let held = self.state.cashiers.get(&cashier).cloned();
        let held = held.filter(|held| held.works_at(&terminal.merchant, &terminal.store));
        let checked = match (&held, hash) {
            _ if terminal.role == Role::Kiosk => Err(Decline::MessageNotAllowedForRole),
            (Some(held), _) => held.pin.check(till.tries, true, hash, Tried::Card),
            (None, None) => Err(Decline::PinUntried(Tried::Card)),
            (None, Some(_)) => Err(Decline::WrongPin { left: None }),
        };
        let what = cashier.clone();
        let record = |writer: &mut Self, group: &mut Group, held: Cashier| {
            let effect = Effect::Cashier { cashier, held };
            writer.record_try(group, terminal, &what, effect, now)
        };
        let recorded = match (&checked, held) {
            (Ok(()), Some(held)) if held.pin.tries > 0 => {
                record(self, group, with_pin(&held, Pin { tries: 0, ..held.pin }))
            }
            (Err(Decline::PinUntried(tried)), held) => {
                let salt = held.as_ref().and_then(|held| held.pin.secret).map(|(salt, _)| salt);
                let recorded = match held {
                    Some(held) => record(self, group, with_pin(&held, held.pin.tried())),
                    None => Ok(()),
                };
                if recorded.is_ok() {
                    let untried = self.untried(*tried, salt.unwrap_or_else(clock::random));
                    group.waiting.push((reply, Waiting::Ready(untried)));
                    return Ok(());
                }
                recorded
            }
            _ => Ok(()),
        };
        let refused = checked.err();
        let code = match (&recorded, refused) {
            (Err(_), _) => ResponseCode::SYSTEM_MALFUNCTION,
            (Ok(()), None) => ResponseCode::APPROVED,
            (Ok(()), Some(decline)) => {
                warn!(terminal = terminal.terminal, cashier = what, "a cashier was not signed on");
                translate::code(Verdict::Declined(decline))
            }
        };
        let answer = Answer {
            business_date: self.dated(now),
            tries_left: refused.and_then(translate::tries_left),
            detail: refused.map(translate::detail).and_then(protocol::field::Text::fitted),
            ..Answer::new(MessageType::CASHIER_SIGN_ON, code, translate::unix_seconds(now))
        };
        group.answer_now(reply, ready(&answer));
        Ok(())
    }
}

/// Whose PIN is being looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whose {
    Card(CardReference),
    Supervisor(String),
}

/// The PINs that a request may rest on.
fn own(request: &Request) -> [Option<Whose>; 2] {
    let card = request.command.claim().map(|claim| Whose::Card(claim.card));
    [card, request.supervisor.clone().map(Whose::Supervisor)]
}

fn with_pin(held: &Cashier, pin: Pin) -> Cashier {
    Cashier { pin, ..held.clone() }
}
