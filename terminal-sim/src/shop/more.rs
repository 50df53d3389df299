//! What a programme switches on beyond the default one: transfers, cash-outs, PINs, points that pay, offline sales; and
//! with them what needs no switch: quotes that are cited, baskets that come back by line, claims.

use protocol::field::{Original, Reason, TransactionState};
use protocol::frame::MessageType;
use protocol::request::RequestSidecar;

use super::later::{Known, draw_refund};
use super::plan::{draw_load, draw_overspend, draw_purchase};
use super::trader::Trader;
use crate::card::Card;
use crate::error::Error;
use crate::message::SignedMessage;
use crate::oracle::{Line, Product, Programme, TillRule, Wallet};
use crate::rng::Rng;
use crate::session::Session;
use crate::terminal::TransactionId;
use crate::till::Act;

/// Of a hundred scenarios, so many are of these, when the programme switches anything on.
const SHARE: u64 = 40;
/// One PIN in so many is wrong, one is forgotten, and one is that of before.
const WRONG_PIN: u64 = 30;
/// What comes back late is one of so many sales, the oldest.
const OLDEST: usize = 5;
/// Sales while the gateway is away.
const MOST_OFFLINE: i64 = 4;

/// One thing that happens with one card at one till.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum More {
    /// A load or purchase cites its quote; sometimes twice, or another one's.
    Cite,
    Transfer,
    Unload,
    ChangePin,
    /// Wrong PINs lock the card.
    ForgetPin,
    Points,
    Basket,
    ReturnByLine,
    Claim,
    /// A load gets no answer and is given up; the money stays there.
    ClaimLoad,
    /// A cashier is not signed on, then is.
    Cashier,
    /// The terminal loses the gateway, sells within its grant, and comes back.
    Offline,
    /// A sale of long ago comes back: what paid it may have ended.
    ReturnLate,
    /// A load registers the card's holder.
    Register,
    LookUp,
}

fn possible(product: &Product, till: &TillRule) -> Vec<(More, u64)> {
    let on = |is_on: bool, weight: u64| if is_on { weight } else { 0 };
    vec![
        (More::Cite, 3),
        (More::Transfer, on(product.max_transfer.is_some(), 4)),
        (More::Unload, on(product.max_unload.is_some(), 3)),
        (More::ChangePin, on(product.pin.is_some(), 3)),
        (More::ForgetPin, on(product.pin.is_some(), 1)),
        (More::Points, on(product.points.is_some(), 3)),
        (More::Basket, 2),
        (More::ReturnByLine, 2),
        (More::Claim, 1),
        (More::ClaimLoad, 1),
        (More::Cashier, on(*till != TillRule::default(), 2)),
        (More::Offline, on(product.offline, 3)),
        (More::ReturnLate, 5),
        (More::Register, on(product.real_name_above.is_some(), 8)),
        (More::LookUp, on(product.real_name_above.is_some(), 4)),
    ]
}

fn draw(rng: &mut Rng, all: &[(More, u64)]) -> Option<More> {
    let mut left = rng.below(all.iter().map(|(_, weight)| weight).sum());
    for (more, weight) in all {
        match left.checked_sub(*weight) {
            Some(rest) => left = rest,
            None => return Some(*more),
        }
    }
    None
}

impl Trader {
    fn product(&self, card: &Card) -> Product {
        self.shared.oracle().product(card.reference)
    }

    /// `None` leaves it to the default scenarios, always under the default programme.
    pub(super) fn draw_more(&mut self, card: &Card) -> Option<More> {
        let programme = self.shared.oracle().programme().clone();
        if programme == Programme::default() || !self.rng.chance(SHARE, 100) {
            return None;
        }
        let all = possible(&self.product(card), &programme.till);
        draw(&mut self.rng, &all)
    }

    /// What the customer types, if PINs are asked for.
    pub(super) fn draw_pin(&mut self, card: &Card) {
        self.till.cites = None;
        if self.product(card).pin.is_none() {
            return;
        }
        let (number, former) = {
            let oracle = self.shared.oracle();
            (oracle.pin(card.reference), oracle.former_pin(card.reference))
        };
        self.till.pin = match self.rng.below(WRONG_PIN) {
            0 => Some(number.unwrap_or(0).saturating_add(1_000)),
            1 => None,
            2 => former.or(number),
            3..16 if number.is_none() => former,
            _ => number,
        };
    }

    /// One of these acts, that anything may happen to.
    pub(super) fn more_act(&mut self, card: &Card, wallet: Wallet) -> Option<Act> {
        let more = self.draw_more(card)?;
        self.act_of(more, card, wallet)
    }

    fn act_of(&mut self, more: More, card: &Card, wallet: Wallet) -> Option<Act> {
        let product = self.product(card);
        let affordable = |rng: &mut Rng| match draw_purchase(rng, wallet) {
            Act::Purchase(amount) => amount,
            _ => 1,
        };
        Some(match more {
            More::Transfer => {
                let to = self.shared.deck().any(&mut self.rng)?.reference;
                let to = if self.rng.chance(1, 20) { card.reference } else { to };
                let most = product.max_transfer.unwrap_or(0);
                let amount = match self.rng.below(12) {
                    0 => draw_overspend(&mut self.rng, wallet),
                    1 => most.saturating_add(1),
                    _ => affordable(&mut self.rng),
                };
                Act::Transfer(amount, to)
            }
            More::Unload => {
                let most = product.max_unload.unwrap_or(0);
                Act::Unload(match self.rng.below(12) {
                    0 => most.saturating_add(1),
                    1..4 => most.min(wallet.principal.max(1)),
                    4 => most.min(wallet.principal.saturating_add(self.rng.between(1, 20_00))),
                    _ => self.rng.between(1, most.min(wallet.principal.max(1))),
                })
            }
            More::ChangePin => Act::ChangePin(u32::try_from(self.rng.below(900)).unwrap_or(0)),
            More::Points => {
                let rule = product.points?;
                let amount = affordable(&mut self.rng).max(2);
                let most = amount.saturating_mul(rule.max_percent).checked_div(100)?;
                let worth = self.rng.between(1, most.max(1));
                let points = worth.saturating_mul(rule.points).checked_div(rule.pays)?;
                let even = points.saturating_sub(points.checked_rem(rule.step).unwrap_or(0)).max(rule.step);
                let points = match self.rng.below(10) {
                    0 => even.saturating_add(1),
                    1 => wallet.points.max(1),
                    2 => amount.saturating_mul(rule.points).checked_div(rule.pays)?.saturating_add(rule.step),
                    _ => even.min(wallet.points.saturating_sub(wallet.points.checked_rem(rule.step)?)).max(1),
                };
                Act::PurchasePoints(amount, points)
            }
            More::Basket => {
                let items = ["tea", "cake", "A-1"];
                let count = usize::try_from(self.rng.between(1, 3)).unwrap_or(1);
                let most = wallet.payable().unwrap_or(0).checked_div(3)?.clamp(2, 40_00);
                let line = |item: &&str| Line {
                    item: (*item).to_owned(),
                    quantity: self.rng.between(1, 5).saturating_mul(1_000),
                    amount: self.rng.between(1, most),
                };
                Act::PurchaseLines(items.iter().take(count).map(line).collect())
            }
            More::Claim => Act::CashTaken(self.rng.between(1, 100_00), None),
            More::Register => self.draw_registration(card, wallet),
            More::Cite
            | More::ReturnByLine
            | More::ReturnLate
            | More::Offline
            | More::ClaimLoad
            | More::Cashier
            | More::LookUp
            | More::ForgetPin => return None,
        })
    }

    pub(super) async fn play_more(&mut self, more: More, card: &Card, wallet: Wallet) -> Result<(), Error> {
        let name = match more {
            More::Cite => return self.cite(card, wallet).await,
            More::ReturnByLine => return self.return_by_line(card, wallet).await,
            More::Offline => return self.sell_offline(card, wallet).await,
            More::Cashier => return self.prove_cashier(card).await,
            More::ClaimLoad => return self.claim_load(card).await,
            More::ForgetPin => return self.forget_pin(card).await,
            More::LookUp => return self.look_up().await,
            More::ReturnLate => return self.return_late(card).await,
            More::Register => return self.register(card, wallet).await,
            More::Transfer => "transfer",
            More::Unload => "unload",
            More::ChangePin => "change of PIN",
            More::Points => "points that pay",
            More::Basket => "basket",
            More::Claim => "claim",
        };
        let Some(act) = self.act_of(more, card, wallet) else { return Ok(()) };
        let act = self.sale(act);
        self.trade(name, card, act).await
    }

    /// Asks, and cites the quote: mostly as it must be, now and then for another amount, or once more.
    async fn cite(&mut self, card: &Card, wallet: Wallet) -> Result<(), Error> {
        let act = match self.rng.below(4) {
            0 | 1 => Act::Load(draw_load(&mut self.rng)),
            2 => draw_purchase(&mut self.rng, wallet),
            _ => match self.act_of(More::Points, card, wallet) {
                Some(act) => act,
                None => draw_purchase(&mut self.rng, wallet),
            },
        };
        let act = self.sale(act);
        let (kind, amount, points) = match act {
            Act::Load(amount) => (MessageType::LOAD, amount, None),
            Act::Purchase(amount) => (MessageType::PURCHASE, amount, None),
            Act::PurchasePoints(amount, points) => (MessageType::PURCHASE, amount, Some(points)),
            _ => return Ok(()),
        };
        if kind == MessageType::PURCHASE && self.till.known_rules().is_none_or(|rules| !rules.sells) {
            return Ok(());
        }
        let (quote, right) = self.till.price(card, kind, (amount, points)).await?;
        let name = match (kind, points) {
            (MessageType::LOAD, _) => "quote",
            (_, None) => "price",
            (_, Some(_)) => "price with points",
        };
        self.shared.tally().question(name, right);
        let Some(quote) = quote else { return Ok(()) };
        let other = self.rng.chance(1, 8);
        let act = match act {
            Act::Load(amount) if other => Act::Load(amount.saturating_add(1)),
            Act::Purchase(amount) if other => Act::Purchase(amount.saturating_add(1)),
            Act::PurchasePoints(amount, _) if other && self.rng.chance(1, 2) => Act::Purchase(amount),
            Act::PurchasePoints(amount, points) if other => {
                Act::PurchasePoints(amount, points.saturating_add(1))
            }
            act => act,
        };
        self.till.cites = Some((quote, !other));
        let outcome = self.till.trade(card, act.clone()).await?;
        let name = if other { "cites another's quote" } else { "cites its quote" };
        self.done(name, &outcome);
        if !other && outcome.is_approved() && self.rng.chance(1, 4) {
            self.till.cites = Some((quote, false));
            self.trade("cites a used quote", card, act).await?;
        }
        Ok(())
    }

    /// A kiosk swallows notes, and the load of them is given up.
    async fn claim_load(&mut self, card: &Card) -> Result<(), Error> {
        let amount = draw_load(&mut self.rng);
        self.till.terminal.sign_on().await?;
        let id = self.till.begin(card, Act::Load(amount), true).await?;
        self.linger_and_cut().await;
        let load = self.till.terminal.original(id);
        let outcome = self.till.reverse(id, Reason::NO_ANSWER).await?;
        self.done("load, given up", &outcome);
        self.trade("claim for a load", card, Act::CashTaken(amount, load)).await
    }

    /// Of all sales that still stand, one of the oldest.
    async fn return_late(&mut self, card: &Card) -> Result<(), Error> {
        let mut known = self.known_of(card, usize::MAX);
        known.retain(Known::is_sale);
        let newer = known.len().saturating_sub(OLDEST);
        let oldest = known.split_off(newer);
        let act = draw_refund(&mut self.rng, &oldest);
        self.later("late return", card, act).await
    }

    /// Some of a basket that was sold, now and then more than that, or something else.
    async fn return_by_line(&mut self, card: &Card, wallet: Wallet) -> Result<(), Error> {
        let known = self.known(card);
        let stands = [TransactionState::LIVE.0, TransactionState::REFUNDED_IN_PART.0];
        let baskets: Vec<(Original, Vec<Line>)> = known
            .iter()
            .filter(|known| stands.contains(&known.standing.state))
            .filter_map(|known| {
                let lines = self.shared.oracle().intent(&known.standing.key)?.extra.lines.clone();
                let sold = known.standing.kind == MessageType::PURCHASE.0;
                (sold && !lines.is_empty()).then_some((known.original, lines))
            })
            .collect();
        let Some((original, lines)) = self.rng.pick(&baskets).cloned() else {
            return self.play_basket(card, wallet).await;
        };
        let keep = self.rng.index(lines.len());
        let mut back: Vec<Line> = Vec::new();
        for (at, line) in lines.into_iter().enumerate() {
            if at != keep && self.rng.chance(1, 2) {
                continue;
            }
            let quantity = self.rng.between(1, line.quantity);
            let amount = line.amount.saturating_mul(quantity).checked_div(line.quantity).unwrap_or(0);
            back.push(Line { quantity, amount: amount.max(1), ..line });
        }
        match (self.rng.below(10), back.first_mut()) {
            (0, Some(line)) => line.item = "unsold".to_owned(),
            (1, Some(line)) => line.quantity = line.quantity.saturating_add(6_000),
            _ => {}
        }
        let act = self.sale(Act::RefundLines(back, original));
        self.trade("return by line", card, act).await
    }

    async fn play_basket(&mut self, card: &Card, wallet: Wallet) -> Result<(), Error> {
        let Some(act) = self.act_of(More::Basket, card, wallet) else { return Ok(()) };
        let act = self.sale(act);
        self.trade("basket", card, act).await
    }

    /// Sells without the gateway; what was sold is forwarded in any order, some of it twice.
    async fn sell_offline(&mut self, card: &Card, wallet: Wallet) -> Result<(), Error> {
        self.till.rules().await?;
        let limits = self.till.terminal.allowance().map(|allowance| allowance.grant().limits);
        let Some(limits) = limits else { return Ok(()) };
        self.till.terminal.cut();
        let mut sold = Vec::new();
        for _ in 0..self.rng.between(1, MOST_OFFLINE) {
            let other = if self.rng.chance(1, 3) { self.shared.deck().any(&mut self.rng) } else { None };
            let amount = match self.rng.below(4) {
                0 => draw_overspend(&mut self.rng, wallet),
                _ => self.rng.between(1, 20_00),
            };
            let amount = amount.min(limits.transaction.get());
            match self.till.sell_offline(other.as_ref().unwrap_or(card), amount).await {
                Ok(id) => sold.push(id),
                Err(Error::Usage(_)) => break,
                Err(error) => return Err(error),
            }
        }
        for at in 0..sold.len() {
            let other = self.rng.index(sold.len());
            sold.swap(at, other);
        }
        if self.rng.chance(1, 2) {
            match self.forward_beside(&sold).await {
                Ok(()) => {}
                Err(error) if error.is_outage() => self.shared.tally().outage(),
                Err(error) => return Err(error),
            }
        }
        for id in sold {
            let outcome = self.till.finish(id).await?;
            if self.rng.chance(1, 4) {
                self.till.terminal.repeat(&outcome).await?;
            }
            self.done("offline sale", &outcome);
        }
        Ok(())
    }

    /// In this order, on a connection beside the terminal's own, which will send the same once more.
    async fn forward_beside(&mut self, sold: &[TransactionId]) -> Result<(), Error> {
        let gone = || Error::Usage("the terminal is gone".into());
        let terminal = &self.till.terminal;
        let identity = terminal.identity().ok_or_else(gone)?;
        let (sender, last_stan) = ((terminal.id(), terminal.state().generation), terminal.state().last_stan);
        let messages: Vec<SignedMessage> = sold
            .iter()
            .filter_map(|id| {
                let (_, body) = terminal.state().advices().find(|(waiting, _)| waiting == id)?;
                Some(SignedMessage {
                    kind: MessageType::ADVICE,
                    body: body.to_vec(),
                    request_id: terminal.original(*id)?.request_id,
                    sidecar: RequestSidecar::default().encode(),
                    stan: Some(id.stan),
                    sender,
                    about: None,
                })
            })
            .collect();
        let patience = terminal.patience;
        let connection = terminal.connect_beside().await?;
        let mut session = Session::sign_on(connection, identity, last_stan, None, patience).await?;
        for message in messages {
            if self.rng.chance(1, 4) {
                continue;
            }
            session.exchange(&message, false).await?;
            if self.rng.chance(1, 3) {
                session.exchange(&message, true).await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_drawn_that_the_programme_does_not_switch_on() {
        let transfers = Product { max_transfer: Some(1), ..Product::STANDARD };
        let mut rng = Rng::new(1);
        let mut drawn: Vec<More> = Vec::new();
        for _ in 0..500 {
            drawn.extend(draw(&mut rng, &possible(&transfers, &TillRule::default())));
        }
        assert_eq!(drawn.len(), 500);
        assert!(drawn.contains(&More::Transfer) && drawn.contains(&More::Claim));
        assert!(
            ![More::Unload, More::Points, More::Offline, More::ChangePin, More::Register, More::LookUp]
                .iter()
                .any(|off| drawn.contains(off))
        );
    }
}
