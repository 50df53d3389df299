//! Who stands at a till: cashiers who prove themselves, or do not, and supervisors.

use protocol::code::ResponseCode;
use protocol::field::{Code, Pin, Stan};
use protocol::request::{Body, Header, Request, RequestSidecar};

use super::trader::Trader;
use crate::card::Card;
use crate::checked::Checked;
use crate::error::{Broken, Error};
use crate::oracle::Supervisor;
use crate::session::Session;
use crate::till::Allowing;

/// One supervisor in so many gets the PIN wrong, and so forth.
const WRONG: u64 = 24;

impl Trader {
    /// Mostly a supervisor goes along, if there is one; now and then somebody who is none, or the wrong PIN.
    pub(super) fn draw_supervisor(&mut self) {
        let supervisors: Vec<_> = self.shared.people.iter().filter(|one| one.supervisor).cloned().collect();
        self.till.supervisor = None;
        let Some(one) = self.rng.pick(&supervisors).cloned() else { return };
        let wrong = Pin::new("0000").filter(|wrong| *wrong != one.pin).or_else(|| Pin::new("1111"));
        let cashier = self.till.terminal.cashier.clone();
        let (name, pin, said) = match (self.rng.below(WRONG), cashier) {
            (0, _) => (one.name, wrong, Supervisor::WrongPin),
            (1, _) => (one.name, None, Supervisor::NoPin),
            (2, Some((name, pin))) => (name, Some(pin), Supervisor::Nobody),
            (3..10, _) => return,
            _ => (one.name, Some(one.pin), Supervisor::Right),
        };
        self.till.supervisor = Some(Allowing { name, pin, said });
    }

    /// In a session beside the terminal's own, nobody is signed on at first. What gets 77 was never there: the terminal
    /// uses its STAN for something else.
    pub(super) async fn prove_cashier(&mut self, card: &Card) -> Result<(), Error> {
        let Some((name, pin)) = self.till.terminal.cashier.clone() else { return Ok(()) };
        if self.till.known_rules().is_none_or(|rules| !rules.sells) {
            return Ok(());
        }
        let gone = || Error::Usage("the terminal is gone".into());
        let terminal = &self.till.terminal;
        let identity = terminal.identity().ok_or_else(gone)?;
        let (last_stan, patience) = (terminal.state().last_stan, terminal.patience);
        let connection = terminal.connect_beside().await?;
        let mut session = Session::sign_on(connection, identity, last_stan, None, patience).await?;
        let named = if self.rng.chance(1, 3) { None } else { Some(name) };
        if self.shared.oracle().programme().till.cashiers {
            let stan = last_stan.checked_add(1).and_then(Stan::new).ok_or_else(gone)?;
            let header = Header { cashier: named, ..session.value_header(stan)? };
            let request = Request { header, body: Body::Activate { card: card.reference } };
            let message = session.sign(&request, &card.sidecar())?;
            let refused = session.exchange(&message, false).await?;
            self.said("cashier not signed on", &refused, ResponseCode::CASHIER_NOT_SIGNED_ON, None)?;
        }
        let nobody: Code<16> = "nobody".parse().map_err(|_| gone())?;
        let unknown = prove(&mut session, nobody, pin.clone()).await?;
        self.said("unknown cashier", &unknown, ResponseCode::WRONG_PIN, None)?;
        let tills = self.shared.people.iter().filter(|one| !one.supervisor).count();
        if self.shared.terminals <= tills {
            let wrong = Pin::new("0000").filter(|wrong| *wrong != pin).or_else(|| Pin::new("1111"));
            let refused = prove(&mut session, name, wrong.ok_or_else(gone)?).await?;
            // A try is written down before the answer to it: the terminal's own sign-on, which a fault may have sent twice, was
            // perhaps counted by then, or has set the count back.
            let tries = self.shared.oracle().programme().till.tries;
            let racing =
                refused.answer.tries_left.filter(|left| (tries.saturating_sub(2)..=tries).contains(left));
            let left = racing.unwrap_or(tries.saturating_sub(1));
            self.said("cashier's wrong PIN", &refused, ResponseCode::WRONG_PIN, Some(left))?;
        }
        let proven = prove(&mut session, name, pin).await?;
        self.said("cashier signs on", &proven, ResponseCode::APPROVED, None)
    }

    fn said(
        &mut self,
        what: &str,
        reply: &Checked,
        code: ResponseCode,
        tries_left: Option<u8>,
    ) -> Result<(), Error> {
        let right = reply.answer.code == code && reply.answer.tries_left == tries_left;
        self.shared.tally().question(what, Some(right));
        if right {
            return Ok(());
        }
        let got = (reply.answer.code, reply.answer.tries_left);
        Err(Broken::Contradiction(format!("{what}: {got:?}, not {:?}", (code, tries_left))).into())
    }
}

async fn prove(session: &mut Session, name: Code<16>, pin: Pin) -> Result<Checked, Error> {
    let header = Header { cashier: Some(name), ..session.question_header()? };
    let sidecar = RequestSidecar { cashier_pin: Some(pin), ..RequestSidecar::default() };
    let message = session.sign(&Request { header, body: Body::CashierSignOn }, &sidecar)?;
    session.exchange(&message, false).await
}
