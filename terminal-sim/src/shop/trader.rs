//! One terminal's day.

use std::sync::Arc;
use std::time::Duration;

use protocol::field::{CardReference, Reason};
use protocol::frame::MessageType;
use tokio::time::sleep;

use super::plan::{Scenario, draw_act, draw_bad_load, draw_load, draw_overspend, draw_purchase};
use super::{MistakePause, Shared};
use crate::card::Card;
use crate::error::Error;
use crate::oracle::{ShiftTotals, Wallet};
use crate::rng::Rng;
use crate::terminal::Outcome;
use crate::till::{Act, Till};

/// A terminal that broke this many promises is stopped: the rest would say the same.
const MOST_BROKEN: u32 = 20;

pub(super) struct Trader {
    pub(super) till: Till,
    pub(super) rng: Rng,
    shared: Arc<Shared>,
    mistakes: MistakePause,
    broken: u32,
    number: usize,
}

impl Trader {
    pub(super) fn new(till: Till, rng: Rng, shared: Arc<Shared>, number: usize) -> Self {
        let mistakes = MistakePause::new(shared.mistake_pause);
        Trader { till, rng, shared, mistakes, broken: 0, number }
    }

    /// Trades until there is nothing left to begin, and leaves nothing open if the gateway can be reached.
    pub(super) async fn run(mut self) -> Till {
        // Not all at once: the first seconds of a day are like the others.
        sleep(Duration::from_millis((self.number as u64).saturating_mul(3))).await;
        if self.settle_open().await {
            while self.broken < MOST_BROKEN && self.shared.take_turn() {
                if !self.turn().await {
                    break;
                }
            }
            self.settle_open().await;
        }
        self.till
    }

    /// One scenario; `false` ends the day.
    async fn turn(&mut self) -> bool {
        let scenario = Scenario::draw(&mut self.rng);
        let hot = self.rng.chance(1, 8);
        let own = if hot { None } else { self.shared.take_card(&mut self.rng) };
        let card = own.clone().or_else(|| self.rng.pick(&self.shared.hot).cloned());
        let result = match &card {
            Some(card) => self.play(scenario, card).await,
            None => Ok(()),
        };
        if let Some(own) = own {
            self.shared.give_back(own);
        }
        match result {
            Ok(()) => true,
            Err(error) => self.survive(&error) && self.settle_open().await && self.is_reachable().await,
        }
    }

    /// Finishes what is open, through outages; `false` when the gateway stays away or has thrown this terminal out.
    async fn settle_open(&mut self) -> bool {
        loop {
            match self.till.resolve().await {
                Ok(_) => return true,
                Err(error) if error.broken_promise().is_some() && self.broken < MOST_BROKEN => {
                    self.survive(&error);
                }
                Err(error) => {
                    self.shared.tally().failed(&error);
                    return false;
                }
            }
        }
    }

    /// Whether the gateway can be reached within the terminal's patience.
    async fn is_reachable(&mut self) -> bool {
        let reached = self.till.terminal.sign_on().await;
        reached.is_ok_and(|answer| answer.code.is_approval())
    }

    /// Takes note of an error; `true` when there is sense in going on.
    fn survive(&mut self, error: &Error) -> bool {
        if let Some(broken) = error.broken_promise() {
            self.broken = self.broken.saturating_add(1);
            self.shared.tally().broken(&broken);
            return self.broken < MOST_BROKEN;
        }
        if error.is_outage() {
            self.shared.tally().outage();
            return true;
        }
        self.shared.tally().failed(error);
        false
    }

    async fn play(&mut self, scenario: Scenario, card: &Card) -> Result<(), Error> {
        let (active, wallet) = self.shared.oracle().card(card.reference).unwrap_or_default();
        if !active && !matches!(scenario, Scenario::Inquiry | Scenario::Mistake) && !self.rng.chance(1, 10) {
            return self.activate(card).await;
        }
        match scenario {
            Scenario::Quote => {
                let amount = draw_load(&mut self.rng);
                let agreed = self.till.quote(card, amount).await?;
                self.shared.tally().question("quote", agreed);
                Ok(())
            }
            Scenario::Inquiry => {
                let agreed = self.till.inquire(card).await?;
                self.shared.tally().question("inquiry", agreed);
                Ok(())
            }
            Scenario::Load => {
                let amount = draw_load(&mut self.rng);
                self.trade("load", card, Act::Load(amount)).await
            }
            Scenario::BadLoad => {
                let amount = draw_bad_load(&mut self.rng);
                self.trade("bad load", card, Act::Load(amount)).await
            }
            Scenario::Purchase => {
                let act = draw_purchase(&mut self.rng, wallet);
                let act = self.sale(act);
                self.trade("purchase", card, act).await
            }
            Scenario::Overspend => {
                let amount = draw_overspend(&mut self.rng, wallet);
                self.trade("purchase too large", card, Act::Purchase(amount)).await
            }
            Scenario::PartialPurchase => {
                let amount = draw_overspend(&mut self.rng, wallet);
                self.trade("purchase in part", card, Act::PurchasePart(amount)).await
            }
            Scenario::LostAnswer => self.lose_answer(card, wallet).await,
            Scenario::LostAnswerStatus => self.lose_answer_and_ask(card, wallet).await,
            Scenario::Abandoned => self.abandon(card, wallet).await,
            Scenario::NeverSent => self.give_up_unsent(card, wallet).await,
            Scenario::Reversed => self.reverse(card, wallet).await,
            Scenario::Repeated => self.repeat(card, wallet).await,
            Scenario::ActivateAgain => self.trade("activate again", card, Act::Activate).await,
            Scenario::Mistake => self.mistake(card).await,
            Scenario::CloseShift => self.close_shift(None).await,
            Scenario::CloseShiftWrong => {
                let wrong = ShiftTotals::from([(MessageType::PURCHASE.0, (9_999, 1))]);
                self.close_shift(Some(wrong)).await
            }
        }
    }

    /// A kiosk seldom tries to sell.
    fn sale(&mut self, act: Act) -> Act {
        let sells = self.till.known_rules().is_none_or(|rules| rules.sells);
        if sells || self.rng.chance(1, 10) { act } else { Act::Load(draw_load(&mut self.rng)) }
    }

    pub(super) fn any_act(&mut self, wallet: Wallet) -> Act {
        let act = draw_act(&mut self.rng, wallet);
        self.sale(act)
    }

    async fn trade(&mut self, name: &'static str, card: &Card, act: Act) -> Result<(), Error> {
        let outcome = self.till.trade(card, act).await?;
        self.done(name, &outcome);
        Ok(())
    }

    /// An activation, now and then one that is taken back.
    async fn activate(&mut self, card: &Card) -> Result<(), Error> {
        let outcome = self.till.trade(card, Act::Activate).await?;
        if outcome.is_approved() && self.rng.chance(1, 10) {
            let undone = self.till.reverse(outcome.id, Reason::CANCELLED).await?;
            self.done("activate, reversed", &undone);
        } else {
            self.done("activate", &outcome);
        }
        Ok(())
    }

    async fn mistake(&mut self, card: &Card) -> Result<(), Error> {
        if !self.mistakes.is_over() {
            return Ok(());
        }
        let mistaken = if self.rng.chance(1, 2) {
            card.with_wrong_secret()
        } else {
            let reference = CardReference::from_parts(self.rng.below(1_000_000));
            Card { reference: reference.unwrap_or(card.reference), ..card.with_wrong_secret() }
        };
        let act = self.any_act(Wallet::default());
        let id = self.till.begin(&mistaken, act, false).await?;
        let outcome = self.till.finish(id).await?;
        self.done("wrong card", &outcome);
        Ok(())
    }

    async fn close_shift(&mut self, claimed: Option<ShiftTotals>) -> Result<(), Error> {
        let outcome = self.till.close_shift(claimed).await?;
        self.done("close shift", &outcome);
        Ok(())
    }

    pub(super) fn done(&mut self, name: &'static str, outcome: &Outcome) {
        self.till.terminal.acknowledge(outcome.id);
        self.shared.tally().outcome(name, outcome);
    }
}
