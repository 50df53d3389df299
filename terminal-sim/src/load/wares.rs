//! The cards of one connection, and which request comes next so that none runs dry or full.

use protocol::request::Body;

use super::Mix;
use crate::card::Card;
use crate::error::Error;
use crate::oracle::{Product, Wallet};
use crate::terminal::{Terminal, calls};

/// The amount of an ordinary request.
const AMOUNT: i64 = 1_00;
/// Below this a card is loaded, above [`HIGH`] it is emptied: far enough from the limits for what is in flight.
const LOW: i64 = 1_100_00;
const HIGH: i64 = 3_600_00;
/// What is loaded or taken then.
const REFILL: i64 = 2_000_00;

/// The cards of one connection.
#[derive(Debug)]
pub(super) struct Wares {
    cards: Vec<Stock>,
    mix: Mix,
    next: usize,
}

#[derive(Debug)]
struct Stock {
    card: Card,
    /// As the last answer said.
    payable: i64,
    /// A load or purchase that levels it is in flight.
    levelling: bool,
}

/// A request to be signed.
#[derive(Debug)]
pub(super) struct Order {
    /// Which of the cards.
    pub(super) slot: usize,
    pub(super) body: Body,
    pub(super) card: Card,
    /// It brings the card back to the middle.
    pub(super) levels: bool,
}

impl Wares {
    pub(super) fn new(cards: Vec<Card>, mix: Mix) -> Self {
        let stock = |card| Stock { card, payable: 0, levelling: false };
        Wares { cards: cards.into_iter().map(stock).collect(), mix, next: 0 }
    }

    /// Activates cards that are not in use, and brings each to where requests can begin.
    pub(super) async fn prepare(&mut self, terminal: &mut Terminal) -> Result<(), Error> {
        if self.cards.is_empty() {
            return Err(Error::Usage("each terminal needs at least one card".into()));
        }
        for stock in &mut self.cards {
            let reply = terminal.inquire(&stock.card).await?;
            let wallet = reply.answer.balances.as_ref().and_then(Wallet::of).unwrap_or_default();
            if wallet == Wallet::default() {
                // Code 12 when it is in use already, and merely empty.
                let activated = terminal.activate(&stock.card).await?;
                terminal.acknowledge(activated.id);
            }
            stock.payable = wallet.payable().unwrap_or(0);
            if stock.payable < LOW {
                let loaded = terminal.load(&stock.card, REFILL).await?;
                terminal.acknowledge(loaded.id);
                let answer = loaded.answer.as_ref().filter(|_| loaded.is_approved());
                let wallet = answer.and_then(|answer| answer.balances.as_ref()).and_then(Wallet::of);
                let failed = || Error::Usage(format!("a card could not be loaded: {:?}", loaded.code));
                stock.payable = wallet.and_then(Wallet::payable).ok_or_else(failed)?;
            }
        }
        Ok(())
    }

    /// The next request: the cards take turns.
    pub(super) fn next(&mut self) -> Result<Order, Error> {
        let slot = self.next.checked_rem(self.cards.len()).unwrap_or(0);
        self.next = slot.saturating_add(1);
        let stock = self.cards.get_mut(slot).ok_or_else(|| Error::Usage("no cards".into()))?;
        let (card, may_level) = (stock.card.clone(), !stock.levelling);
        let (body, levels) = match self.mix {
            Mix::Purchase if may_level && stock.payable < LOW => (calls::load_body(&card, REFILL)?, true),
            Mix::Load if may_level && stock.payable > HIGH => (calls::purchase_body(&card, REFILL)?, true),
            Mix::Purchase => (calls::purchase_body(&card, AMOUNT)?, false),
            Mix::Load => (calls::load_body(&card, AMOUNT)?, false),
        };
        stock.levelling |= levels;
        Ok(Order { slot, body, card, levels })
    }

    /// What an answer says about a card.
    pub(super) fn answered(&mut self, slot: usize, levels: bool, wallet: Option<Wallet>) {
        let Some(stock) = self.cards.get_mut(slot) else { return };
        stock.levelling &= !levels;
        stock.payable = wallet.and_then(Wallet::payable).unwrap_or(stock.payable);
    }
}

/// As many requests as a session may ever have in flight (key 20), all about one card.
const MOST_IN_FLIGHT: i64 = 1024 * AMOUNT;
const _: () = assert!(LOW > MOST_IN_FLIGHT && LOW + REFILL + 120_00 < Product::STANDARD.max_balance);
const _: () = assert!(HIGH > REFILL && HIGH + MOST_IN_FLIGHT < Product::STANDARD.max_balance);

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::field::CardReference;
    use protocol::frame::MessageType;

    fn wares(mix: Mix, payable: i64) -> Wares {
        let card = |n| {
            let reference = CardReference::from_parts(n).unwrap().digits().to_string();
            Card::new(&reference, "12345678901234567890").unwrap()
        };
        let mut wares = Wares::new(vec![card(1), card(2)], mix);
        (0..2).for_each(|slot| {
            wares.answered(slot, false, Some(Wallet { principal: payable, bonus: 0, points: 0 }));
        });
        wares
    }

    fn kinds(wares: &mut Wares, count: usize) -> Vec<(usize, MessageType)> {
        (0..count).map(|_| wares.next().unwrap()).map(|order| (order.slot, order.body.kind())).collect()
    }

    #[test]
    fn cards_take_turns() {
        let p = MessageType::PURCHASE;
        assert_eq!(kinds(&mut wares(Mix::Purchase, HIGH), 4), [(0, p), (1, p), (0, p), (1, p)]);
    }

    #[test]
    fn a_card_that_runs_low_is_loaded_once_until_the_answer() {
        let (p, l) = (MessageType::PURCHASE, MessageType::LOAD);
        let mut low = wares(Mix::Purchase, LOW - 1);
        assert_eq!(kinds(&mut low, 4), [(0, l), (1, l), (0, p), (1, p)]);
        low.answered(0, true, Some(Wallet { principal: LOW, bonus: 0, points: 0 }));
        low.answered(1, true, None);
        assert_eq!(kinds(&mut low, 2), [(0, p), (1, l)], "a decline leaves the card low");
        assert_eq!(kinds(&mut wares(Mix::Load, HIGH + 1), 4), [(0, p), (1, p), (0, l), (1, l)]);
    }
}
