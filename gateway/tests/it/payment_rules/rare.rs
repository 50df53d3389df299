//! What the drawn days must have reached for their agreement to mean something.

use std::collections::BTreeMap;

use gateway::domain::request::message;
use gateway::domain::{Account, Effect, Kind};

use super::world::{Asked, World};

/// What is rare, by name, and whether a request was that.
fn kinds(asked: &Asked) -> Vec<(&'static str, bool)> {
    let (Some(entry), Some(said)) = (&asked.entry, asked.said) else { return Vec::new() };
    let moved = |name: &str| {
        let named = entry.own_postings().filter(|leg| leg.account == Account::Named(name.into()));
        named.map(|leg| leg.amount).sum::<i64>()
    };
    let redeemed = entry
        .own_postings()
        .filter(|leg| matches!(&leg.account, Account::Named(name) if name.starts_with("redemption:")));
    let goods_back = -redeemed.map(|leg| leg.amount).sum::<i64>();
    let paid = said.amount.unwrap_or(0);
    let refunds_sale = asked.message == message::REFUND && said.code == 0 && goods_back > 0;
    let withheld = if refunds_sale { goods_back - paid } else { 0 };
    let by_points = moved("points-payment") - withheld;
    let fates: Vec<_> = entry
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Transaction { fate, .. } => Some(fate),
            _ => None,
        })
        .collect();
    let refunded = fates.iter().filter(|fate| fate.last_refund == entry.index).count();
    let asks = |message: u8, code: u8| asked.message == message && said.code == code;
    let undoes = asks(message::VOID, 0) || asks(message::REVERSAL, 0);
    let by_line = !entry.lines.is_empty();
    let bonus_left = entry.spent().any(|leg| leg.kind == Kind::BONUS);
    [
        ("unload of one load", asks(message::UNLOAD, 0) && refunded == 1),
        ("unload of several loads", asks(message::UNLOAD, 0) && refunded > 1),
        ("unload, its bonus withheld", asks(message::UNLOAD, 0) && moved("bonus-expense") > 0 && !bonus_left),
        ("unload of too much", asks(message::UNLOAD, 51)),
        ("unload that no product allows", asks(message::UNLOAD, 57)),
        // Its loads, and itself.
        ("unload of several loads undone", undoes && fates.len() > 2),
        ("purchase by points", asks(message::PURCHASE, 0) && asked.used.0 > 0),
        ("purchase by points of named goods", asks(message::PURCHASE, 0) && asked.used.0 > 0 && by_line),
        ("points that may not pay so", asks(message::PURCHASE, 61)),
        ("refund of what points paid", refunds_sale && by_points > 0),
        ("points that come back pay a debt", refunds_sale && withheld == 0 && moved("receivable:points") > 0),
        ("points withheld from a refund", withheld > 0 && paid > 0),
        ("points withheld that were owed before", withheld > 0 && moved("receivable:points") > 0),
        (
            "refund withheld whole, and points still owed",
            withheld > 0 && paid == 0 && entry.points_debts().values().sum::<i64>() > 0,
        ),
        ("refund from which points were withheld undone", undoes && paid < -goods_back),
        // Points and money of a purchase go back, of a refund they come again.
        ("purchase by points undone", undoes && moved("points-payment") > 0),
        ("refund of what points paid undone", undoes && moved("points-payment") < 0),
        ("refund by line", asks(message::REFUND, 0) && fates.iter().any(|fate| !fate.lines.is_empty())),
        ("refund of other goods", asks(message::REFUND, 12) && by_line),
        ("refund of too many goods", asks(message::REFUND, 61) && by_line),
        ("refund by line undone", undoes && fates.iter().any(|fate| !fate.lines.is_empty())),
    ]
    .to_vec()
}

/// How often each was seen.
#[derive(Default)]
pub(super) struct Seen(BTreeMap<&'static str, u32>);

impl Seen {
    pub(super) fn look_at(&mut self, world: &World) {
        for (name, seen) in world.asked.iter().flat_map(kinds) {
            *self.0.entry(name).or_default() += u32::from(seen);
        }
    }

    pub(super) fn check(&self) {
        let missing = self.0.values().filter(|times| **times == 0).count();
        assert!(missing == 0 && !self.0.is_empty(), "{:#?}", self.0);
    }
}
