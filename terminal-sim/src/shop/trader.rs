//! One terminal's day.

use std::sync::Arc;
use std::time::Duration;

use protocol::code::ResponseCode;
use protocol::field::{CardReference, Reason, TransactionState};
use protocol::frame::MessageType;
use tokio::time::sleep;

use super::later::{Known, draw_authorize, draw_capture, draw_misnamed, draw_raise, draw_refund, draw_void};
use super::plan::{Scenario, draw_act, draw_bad_load, draw_load, draw_overspend, draw_purchase};
use super::{MistakePause, Shared};
use crate::card::Card;
use crate::desk::Errand;
use crate::error::Error;
use crate::oracle::{ShiftTotals, Wallet};
use crate::rng::Rng;
use crate::terminal::Outcome;
use crate::till::{Act, Till};

/// A terminal that broke this many promises is stopped: the rest would say the same.
const MOST_BROKEN: u32 = 20;
/// So many of a card's newest transactions are named by later ones.
const KNOWN: usize = 24;

pub(super) struct Trader {
    pub(super) till: Till,
    pub(super) rng: Rng,
    pub(super) shared: Arc<Shared>,
    mistakes: MistakePause,
    broken: u32,
    number: usize,
    /// Operators act on the card in hand.
    at_desk: bool,
}

impl Trader {
    pub(super) fn new(till: Till, rng: Rng, shared: Arc<Shared>, number: usize) -> Self {
        let mistakes = MistakePause::new(shared.mistake_pause);
        Trader { till, rng, shared, mistakes, broken: 0, number, at_desk: false }
    }

    /// Trades until there is nothing left to begin, and leaves nothing open if the gateway can be reached.
    pub(super) async fn run(mut self) -> Till {
        // Not all at once: the first seconds of a day are like the others.
        sleep(Duration::from_millis((self.number as u64).saturating_mul(3))).await;
        if self.settle_open().await && self.knows_the_time().await {
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
        let errand = self.draw_errand();
        // Captures race more than others: two tills on one hold.
        let hot = self.rng.chance(1, if scenario == Scenario::Capture { 2 } else { 8 });
        let own = match &errand {
            Some(errand) => self.shared.deck().take(errand.cards().0),
            None if hot => None,
            None => self.shared.deck().take_any(&mut self.rng),
        };
        let named = errand.as_ref().and_then(|errand| self.shared.deck().find(errand.cards().0));
        let card = named.or_else(|| own.clone()).or_else(|| self.shared.deck().any_hot(&mut self.rng));
        self.at_desk = errand.is_some();
        let about_pin = errand.as_ref().is_some_and(Errand::is_about_pin);
        let forgotten = self.before_errand(about_pin, card.as_ref()).await;
        let under_way = self.begin_errand(errand).await;
        let later = self.in_its_place(card.as_ref());
        let used_up = later.is_some() && self.rng.chance(1, 3);
        let (scenario, card) = match later {
            Some((later, new)) => (later, Some(new)),
            None => (scenario, card),
        };
        let result = match &card {
            _ if forgotten.is_err() => forgotten,
            Some(card) if used_up => self.use_up_day(card).await,
            Some(card) if about_pin => self.come_with_pin(card).await,
            Some(card) => {
                let (scenario, card) = self.filled_up(scenario, card);
                self.play(scenario, &card).await
            }
            None => Ok(()),
        };
        if let Some(under_way) = under_way {
            // It says by itself what became of it.
            drop(under_way.await);
        }
        if let Some(own) = own {
            self.shared.deck().give_back(own);
        }
        match result {
            Ok(()) => true,
            Err(error) => self.survive(&error) && self.settle_open().await && self.is_reachable().await,
        }
    }

    /// After an errand, mostly: the card that has taken this one's place, and something about what was done with the old one.
    fn in_its_place(&mut self, card: Option<&Card>) -> Option<(Scenario, Card)> {
        let new = self.shared.deck().in_place_of(card?)?;
        if !self.at_desk || self.rng.chance(1, 3) {
            return None;
        }
        let later =
            [Scenario::Refund, Scenario::Void, Scenario::Capture, Scenario::Raise, Scenario::Purchase];
        Some((*self.rng.pick(&later)?, new))
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

    /// Signs on, which says how late it is; an outage is none of its business.
    async fn knows_the_time(&mut self) -> bool {
        match self.till.rules().await {
            Err(error) => self.survive(&error),
            Ok(_) => true,
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

    /// Whoever fills up a bound card fills its account, but for a mistake now and then; and mostly does when that is empty.
    fn filled_up(&mut self, scenario: Scenario, card: &Card) -> (Scenario, Card) {
        let (account, wallet) = {
            let oracle = self.shared.oracle();
            (oracle.account(card.reference), oracle.card(card.reference).unwrap_or_default().1)
        };
        let account = account.and_then(|account| self.shared.deck().find(account.number()));
        let Some(account) = account.filter(|_| !self.rng.chance(1, 8)) else {
            return (scenario, card.clone());
        };
        match scenario {
            _ if wallet.payable().unwrap_or(0) == 0 => (Scenario::Load, account),
            Scenario::Load | Scenario::Quote => (scenario, account),
            _ => (scenario, card.clone()),
        }
    }

    async fn play(&mut self, scenario: Scenario, card: &Card) -> Result<(), Error> {
        let (active, wallet) = self.shared.oracle().card(card.reference).unwrap_or_default();
        self.draw_pin(card);
        self.draw_supervisor();
        if !active && !matches!(scenario, Scenario::Inquiry | Scenario::Mistake) && !self.rng.chance(1, 10) {
            return self.activate(card).await;
        }
        if let Some(more) = self.draw_more(card) {
            return self.play_more(more, card, wallet).await;
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
            Scenario::Refund => {
                let known = self.known(card);
                let act = draw_refund(&mut self.rng, &known);
                self.later("refund", card, act).await
            }
            Scenario::Void => {
                let known = self.known(card);
                let act = draw_void(&mut self.rng, &known);
                self.later("void", card, act).await
            }
            Scenario::Authorize => {
                let known = self.known(card);
                let act = draw_authorize(&mut self.rng, wallet, &known);
                self.later("authorize", card, Some(act)).await
            }
            Scenario::Raise => {
                let known = self.with_hold(card, wallet).await?;
                let act = draw_raise(&mut self.rng, wallet, &known);
                self.later("raise", card, act).await
            }
            Scenario::Capture => {
                let known = self.with_hold(card, wallet).await?;
                let act = draw_capture(&mut self.rng, &known);
                self.later("capture", card, act).await
            }
            Scenario::Misnamed => self.misname(card).await,
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
    pub(super) fn sale(&mut self, act: Act) -> Act {
        let sells = self.till.known_rules().is_none_or(|rules| rules.sells);
        if sells
            || matches!(
                act,
                Act::Activate
                    | Act::ActivateFor(_)
                    | Act::Load(_)
                    | Act::LoadFor(..)
                    | Act::ChangePin(_)
                    | Act::CashTaken(..)
            )
            || self.rng.chance(1, 10)
        {
            act
        } else {
            Act::Load(draw_load(&mut self.rng))
        }
    }

    pub(super) fn any_act(&mut self, card: &Card, wallet: Wallet) -> Act {
        let known = self.known(card);
        let more = self.more_act(card, wallet);
        let act = more.unwrap_or_else(|| draw_act(&mut self.rng, wallet, &known));
        self.sale(act)
    }

    /// What can be named of a card's earlier transactions, whichever terminal's. One that never arrived is left out:
    /// nobody has seen its receipt.
    pub(super) fn known(&self, card: &Card) -> Vec<Known> {
        self.known_of(card, KNOWN)
    }

    /// The same of so many of them.
    pub(super) fn known_of(&self, card: &Card, most: usize) -> Vec<Known> {
        let oracle = self.shared.oracle();
        let newest = oracle.newest(card.reference, most).into_iter();
        let arrived = newest.filter(|standing| standing.state != TransactionState::BLOCKED.0);
        let known = arrived.filter_map(|standing| {
            let original = oracle.intent(&standing.key)?.as_original()?;
            Some(Known { original, standing })
        });
        known.collect()
    }

    /// What can be named, after an Authorize where nothing is held.
    async fn with_hold(&mut self, card: &Card, wallet: Wallet) -> Result<Vec<Known>, Error> {
        let known = self.known(card);
        if known.iter().any(Known::holds) {
            return Ok(known);
        }
        let act = draw_authorize(&mut self.rng, wallet, &known);
        self.later("authorize", card, Some(act)).await?;
        Ok(self.known(card))
    }

    /// Whether other terminals may use the card at the same time.
    pub(super) fn is_shared(&self, card: &Card) -> bool {
        self.at_desk || self.shared.deck().is_shared(card)
    }

    /// An act on an earlier transaction; a purchase when there is none.
    pub(super) async fn later(
        &mut self,
        name: &'static str,
        card: &Card,
        act: Option<Act>,
    ) -> Result<(), Error> {
        let Some(act) = act else {
            let (_, wallet) = self.shared.oracle().card(card.reference).unwrap_or_default();
            let act = draw_purchase(&mut self.rng, wallet);
            let act = self.sale(act);
            return self.trade("purchase", card, act).await;
        };
        let act = self.sale(act);
        self.trade(name, card, act).await
    }

    async fn misname(&mut self, card: &Card) -> Result<(), Error> {
        let known = self.known(card);
        let Some(act) = draw_misnamed(&mut self.rng, &known) else { return Ok(()) };
        let id = self.till.begin(card, act, false).await?;
        let outcome = self.till.finish(id).await?;
        self.done("wrong original", &outcome);
        Ok(())
    }

    pub(super) async fn trade(&mut self, name: &'static str, card: &Card, act: Act) -> Result<(), Error> {
        let outcome = self.till.trade(card, act).await?;
        self.done(name, &outcome);
        Ok(())
    }

    /// An activation, now and then one that is taken back.
    async fn activate(&mut self, card: &Card) -> Result<(), Error> {
        let act = self.draw_activation(card);
        let outcome = self.till.trade(card, act).await?;
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
        let act = draw_act(&mut self.rng, Wallet::default(), &[]);
        let act = self.sale(act);
        let id = self.till.begin(&mistaken, act, false).await?;
        let outcome = self.till.finish(id).await?;
        self.done("wrong card", &outcome);
        Ok(())
    }

    async fn close_shift(&mut self, claimed: Option<ShiftTotals>) -> Result<(), Error> {
        let shift = self.till.open_shift();
        let outcome = self.till.close_shift(claimed).await?;
        self.done("close shift", &outcome);
        if outcome.code == ResponseCode::TOTALS_DIFFER {
            let pages = self.till.differing(shift).await?;
            let alike = pages.iter().all(|page| page.differences.is_empty());
            self.shared.tally().question("shift, STAN by STAN", alike.then_some(true));
        }
        Ok(())
    }

    pub(super) fn done(&mut self, name: &'static str, outcome: &Outcome) {
        self.till.terminal.acknowledge(outcome.id);
        self.shared.tally().outcome(name, outcome);
    }
}
