//! Holders of cards: registered at a till, and looked up by their phone, now and then too often.

use protocol::request::{Body, RequestSidecar};

use super::trader::Trader;
use crate::card::Card;
use crate::error::Error;
use crate::oracle::{Wallet, phone_of};
use crate::session::Session;
use crate::till::Act;

/// So many people come to a shop.
const PEOPLE: u64 = 6;
/// One load that registers in so many names somebody else than the card's holder.
const SOMEBODY_ELSE: u64 = 2;
/// After one such load in so many somebody else comes with the card.
const SOMEBODY_COMES: u64 = 2;
/// One look-up in so many is the first of more than anybody may make.
const TOO_MANY: u64 = 2;
/// So many phones are thought of until one is asked for.
const QUIET: u64 = 3;
/// More than those.
const MANY: i64 = 26;

impl Trader {
    /// The card's holder, if it has one, or somebody else.
    pub(super) fn draw_holder(&mut self, card: &Card) -> u32 {
        let holder = self.shared.oracle().holder(card.reference);
        let anybody = u32::try_from(self.rng.below(PEOPLE)).unwrap_or(0);
        match holder {
            Some(holder) if self.rng.chance(1, SOMEBODY_ELSE) => {
                if anybody == holder {
                    anybody.wrapping_add(1)
                } else {
                    anybody
                }
            }
            holder => holder.unwrap_or(anybody),
        }
    }

    /// Whoever buys a card is asked who they are, perhaps, where it matters.
    pub(super) fn draw_activation(&mut self, card: &Card) -> Act {
        let asks = self.shared.oracle().product(card.reference).real_name_above.is_some();
        if asks && self.rng.chance(1, 5) { Act::ActivateFor(self.draw_holder(card)) } else { Act::Activate }
    }

    /// A load that registers, as large as the card takes or as any.
    pub(super) fn draw_registration(&mut self, card: &Card, wallet: Wallet) -> Act {
        let product = self.shared.oracle().product(card.reference);
        let room = product.max_balance.saturating_sub(wallet.payable().unwrap_or(0)).max(1_00);
        let amount = self.rng.between(1_00, room.min(300_00));
        Act::LoadFor(amount, self.draw_holder(card))
    }

    /// A load that registers; perhaps somebody else comes with the card then.
    pub(super) async fn register(&mut self, card: &Card, wallet: Wallet) -> Result<(), Error> {
        let act = self.draw_registration(card, wallet);
        let act = self.sale(act);
        self.trade("load that registers", card, act).await?;
        let holder = self.shared.oracle().holder(card.reference);
        let Some(holder) = holder.filter(|_| self.rng.chance(1, SOMEBODY_COMES)) else { return Ok(()) };
        let others = self.rng.below(PEOPLE.saturating_sub(1)).saturating_add(1);
        let other = u64::from(holder).saturating_add(others).checked_rem(PEOPLE);
        let other = other.and_then(|other| u32::try_from(other).ok()).unwrap_or(0);
        let amount = self.rng.between(1_00, 20_00);
        let act = self.sale(Act::LoadFor(amount, other));
        self.trade("load for somebody else", card, act).await
    }

    /// Asks for cards by phone, on a connection beside the terminal's own, which would ask again when an answer is lost: each
    /// look-up counts.
    pub(super) async fn look_up(&mut self) -> Result<(), Error> {
        let many = if self.rng.chance(1, TOO_MANY) { MANY } else { self.rng.between(1, 3) };
        let gone = || Error::Usage("the terminal is gone".into());
        let terminal = &self.till.terminal;
        let identity = terminal.identity().ok_or_else(gone)?;
        let (last_stan, patience) = (terminal.state().last_stan, terminal.patience);
        let name = terminal.id();
        let connection = terminal.connect_beside().await?;
        let mut session = Session::sign_on(connection, identity, last_stan, None, patience).await?;
        for _ in 0..many {
            // Mostly one about whose cards nothing is under way.
            let mut phone = 0;
            for _ in 0..QUIET {
                let somebody = u32::try_from(self.rng.below(PEOPLE.saturating_add(2))).unwrap_or(0);
                phone = phone_of(somebody);
                if self.shared.oracle().watch_phone(phone).is_some() {
                    break;
                }
            }
            let personal = self.till.holders.phone(phone);
            let sidecar = RequestSidecar { personal, ..RequestSidecar::default() };
            let question = session.question(Body::CardLookup, &sidecar)?;
            let watch = self.shared.oracle().watch_phone(phone);
            let answered = session.exchange(&question, false).await;
            let reply = match answered {
                Ok(reply) => reply,
                Err(error) => {
                    self.shared.oracle().look_up_lost(name.as_str());
                    return Err(error);
                }
            };
            let right = self.shared.oracle().looked_up(name.as_str(), watch, &reply.answer);
            let found = reply.answer.cards.as_ref().map_or(0, |cards| cards.as_slice().len());
            let name = match (reply.answer.code.is_approval(), found) {
                (true, 1) => "look-up, one card",
                (true, _) => "look-up, cards",
                (false, _) if reply.answer.code == protocol::code::ResponseCode::CARD_NOT_ACCEPTED => {
                    "look-up, nobody"
                }
                (false, _) => "look-up, too many",
            };
            self.shared.tally().question(name, right);
        }
        Ok(())
    }
}
