//! Lost answers, second thoughts, and repeats.

use std::time::Duration;

use protocol::field::{Reason, TransactionState};
use protocol::request::{Body, RequestSidecar};
use tokio::time::sleep;

use super::trader::Trader;
use crate::card::Card;
use crate::checked::Checked;
use crate::error::{Broken, Error};
use crate::oracle::Wallet;
use crate::session::Session;
use crate::terminal::{Outcome, TransactionId, Verdict};

impl Trader {
    pub(super) async fn lose_answer(&mut self, card: &Card, wallet: Wallet) -> Result<(), Error> {
        let act = self.any_act(card, wallet);
        self.till.terminal.sign_on().await?;
        let id = self.till.begin(card, act, true).await?;
        self.linger_and_cut().await;
        let outcome = self.till.finish(id).await?;
        self.done("lost answer, repeated", &outcome);
        Ok(())
    }

    /// Asks for the status on a connection beside the terminal's own, which would repeat at once.
    pub(super) async fn lose_answer_and_ask(&mut self, card: &Card, wallet: Wallet) -> Result<(), Error> {
        let act = self.any_act(card, wallet);
        self.till.terminal.sign_on().await?;
        let id = self.till.begin(card, act, true).await?;
        self.linger_and_cut().await;
        let before = self.ask_beside(id).await?;
        let outcome = self.till.finish(id).await?;
        let state = before.status.map(|status| status.state);
        let stored = before.answer.stored_answer.as_ref().map(|stored| stored.as_bytes().to_vec());
        let proven = outcome.proof.as_ref().map(|proof| proof.answer.as_bytes().to_vec());
        let right = match state {
            Some(TransactionState::UNKNOWN) => stored.is_none(),
            Some(TransactionState::LIVE) => outcome.verdict == Verdict::Approved && stored == proven,
            Some(TransactionState::DECLINED) => outcome.verdict == Verdict::Declined && stored == proven,
            _ => false,
        };
        if !right {
            let what = format!("its TransactionStatus, which said {state:?} of what became {outcome:?}");
            return Err(Broken::Contradiction(what).into());
        }
        self.done("lost answer, status", &outcome);
        Ok(())
    }

    async fn ask_beside(&mut self, id: TransactionId) -> Result<Checked, Error> {
        let gone = || Error::Usage("the transaction is gone".into());
        let terminal = &self.till.terminal;
        let (identity, original) =
            (terminal.identity().ok_or_else(gone)?, terminal.original(id).ok_or_else(gone)?);
        let (last_stan, patience) = (terminal.state().last_stan, terminal.patience);
        let connection = terminal.connect_beside().await?;
        let mut session = Session::sign_on(connection, identity, last_stan, None, patience).await?;
        let question = session.question(Body::TransactionStatus { original }, &RequestSidecar::default())?;
        session.exchange(&question, false).await
    }

    pub(super) async fn abandon(&mut self, card: &Card, wallet: Wallet) -> Result<(), Error> {
        let act = self.any_act(card, wallet);
        let reversible = act.is_reversible();
        self.till.terminal.sign_on().await?;
        let id = self.till.begin(card, act, true).await?;
        self.linger_and_cut().await;
        let outcome = self.give_up(id, reversible, Reason::NO_ANSWER).await?;
        self.done("abandoned, reversed", &outcome);
        Ok(())
    }

    pub(super) async fn give_up_unsent(&mut self, card: &Card, wallet: Wallet) -> Result<(), Error> {
        let act = self.any_act(card, wallet);
        let reversible = act.is_reversible();
        // The limits must be known before, or beginning would sign on to learn them.
        self.till.rules().await?;
        self.till.terminal.cut();
        let id = self.till.begin(card, act, true).await?;
        let outcome = self.give_up(id, reversible, Reason::CANCELLED).await?;
        self.done("never sent, reversed", &outcome);
        Ok(())
    }

    /// A Void is not given up: it is repeated until it is answered.
    async fn give_up(
        &mut self,
        id: TransactionId,
        reversible: bool,
        reason: Reason,
    ) -> Result<Outcome, Error> {
        if reversible { self.till.reverse(id, reason).await } else { self.till.finish(id).await }
    }

    /// Reverses what was approved; then the original's stored answer must come back with the state "reversed".
    pub(super) async fn reverse(&mut self, card: &Card, wallet: Wallet) -> Result<(), Error> {
        let act = self.any_act(card, wallet);
        let reversible = act.is_reversible();
        let outcome = self.till.trade(card, act).await?;
        if !outcome.is_approved() || !reversible {
            self.done("approved, reversed", &outcome);
            return Ok(());
        }
        let undone = self.till.reverse(outcome.id, Reason::TERMINAL_FAULT).await?;
        if self.rng.chance(1, 3) && !self.is_shared(card) {
            let repeated = self.till.terminal.repeat(&outcome).await?;
            let state = repeated.status.map(|status| status.state);
            let expected = match undone.verdict {
                Verdict::Reversed => TransactionState::REVERSED,
                _ => TransactionState::LIVE,
            };
            if repeated.is_final() && state != Some(expected) {
                let what = format!("its Reversal: a repeat of the original says {state:?}, not {expected:?}");
                return Err(Broken::Contradiction(what).into());
            }
        }
        self.done("approved, reversed", &undone);
        Ok(())
    }

    pub(super) async fn repeat(&mut self, card: &Card, wallet: Wallet) -> Result<(), Error> {
        let act = self.any_act(card, wallet);
        let outcome = self.till.trade(card, act).await?;
        if outcome.proof.is_none() {
            self.done("not decided", &outcome);
            return Ok(());
        }
        let repeated = self.till.terminal.repeat(&outcome).await?;
        let state = repeated.status.map(|status| status.state);
        let expected = match outcome.verdict {
            Verdict::Approved => TransactionState::LIVE,
            _ => TransactionState::DECLINED,
        };
        if repeated.is_final() && !self.is_shared(card) && state != Some(expected) {
            let what = format!("its first answer: the repeat says {state:?}, not {expected:?}");
            return Err(Broken::Contradiction(what).into());
        }
        self.done("decided, repeated", &outcome);
        Ok(())
    }

    /// Whether the gateway has decided by the time the connection is gone is left to chance.
    pub(super) async fn linger_and_cut(&mut self) {
        sleep(Duration::from_millis(self.rng.below(6))).await;
        self.till.terminal.cut();
    }
}
