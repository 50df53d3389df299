//! What each terminal and each cashier has done in a business day, at any place of the journal.

use std::collections::BTreeMap;

use protocol::frame::MessageType;

use super::fact::{Fact, Intent, TransactionKey};
use super::product::Allowance;
use super::programme::Programme;

/// What a message counts as: 0 loads, 1 purchases, 2 refunds.
pub(super) const fn class_of(kind: u8) -> Option<usize> {
    match MessageType(kind) {
        MessageType::LOAD => Some(0),
        MessageType::PURCHASE | MessageType::AUTHORIZE | MessageType::TRANSFER | MessageType::ADVICE => {
            Some(1)
        }
        MessageType::REFUND | MessageType::UNLOAD => Some(2),
        _ => None,
    }
}

/// A Void of what was paid or loaded hands something out at the till, as a refund of it would.
pub(super) const fn class_of_void(original: u8) -> Option<usize> {
    match MessageType(original) {
        MessageType::LOAD | MessageType::PURCHASE | MessageType::CAPTURE | MessageType::ADVICE => Some(2),
        _ => None,
    }
}

/// Approved transactions that count, and when they were undone.
#[derive(Clone, Debug, Default)]
pub(super) struct DayBook {
    counted: BTreeMap<TransactionKey, Counted>,
    undone: BTreeMap<TransactionKey, (u64, u32)>,
}

#[derive(Clone, Debug)]
struct Counted {
    cashier: Option<String>,
    class: usize,
    amount: i64,
    index: u64,
    date: u32,
}

impl DayBook {
    /// An approval counts; an Advice with what the card paid, a Void by the kind of what it undoes.
    pub(super) fn apply(&mut self, intent: &Intent, fact: &Fact, voided: Option<u8>) {
        let of_void = voided.filter(|_| fact.kind == MessageType::VOID.0).and_then(class_of_void);
        let class = class_of(fact.kind).or(of_void);
        let Some(class) = class.filter(|_| fact.is_approval()) else { return };
        let amount = fact.approved.unwrap_or(0).saturating_sub(fact.shortfall.unwrap_or(0));
        if amount == 0 && fact.kind == MessageType::ADVICE.0 {
            return;
        }
        let cashier = intent.extra.cashier.clone();
        let counted = Counted { cashier, class, amount, index: fact.index, date: fact.date };
        self.counted.insert(fact.key.clone(), counted);
    }

    pub(super) fn undo(&mut self, key: &TransactionKey, index: u64, date: u32) {
        let first = self.undone.entry(key.clone()).or_insert((index, date));
        *first = (*first).min((index, date));
    }

    /// Whether the terminal's and the cashier's day allow one more; `None` when that depends on what is open.
    pub(super) fn allow(
        &self,
        (intent, fact): (&Intent, &Fact),
        (class, amount): (usize, i64),
        open: &BTreeMap<TransactionKey, Intent>,
        programme: &Programme,
    ) -> Option<bool> {
        let same_terminal = |key: &TransactionKey, _: Option<&String>| key.terminal == intent.key.terminal;
        let same_cashier = |_: &TransactionKey, cashier: Option<&String>| {
            cashier.is_some() && cashier == intent.extra.cashier.as_ref()
        };
        let terminal = self.one(programme.terminal_day, fact, (class, amount), open, &same_terminal);
        let cashier = programme.cashier_day.filter(|_| intent.extra.cashier.is_some());
        match (terminal, self.one(cashier, fact, (class, amount), open, &same_cashier)) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        }
    }

    fn one(
        &self,
        most: Option<Allowance>,
        fact: &Fact,
        (class, amount): (usize, i64),
        open: &BTreeMap<TransactionKey, Intent>,
        is_theirs: &dyn Fn(&TransactionKey, Option<&String>) -> bool,
    ) -> Option<bool> {
        let Some(most) = most else { return Some(true) };
        let (mut least, mut highest) = ((1_i64, amount), (1_i64, amount));
        let add = |(count, sum): &mut (i64, i64), amount: i64| {
            *count = count.saturating_add(1);
            *sum = sum.saturating_add(amount);
        };
        for (key, counted) in &self.counted {
            let undone = self.undone.get(key);
            let gone = undone.is_some_and(|(index, date)| *index < fact.index && *date == fact.date);
            let other = counted.class != class || counted.date != fact.date || counted.index >= fact.index;
            if gone || other || !is_theirs(key, counted.cashier.as_ref()) {
                continue;
            }
            add(&mut highest, counted.amount);
            let undoing = |intent: &Intent| intent.key == *key || intent.original.as_ref() == Some(key);
            if !open.values().any(undoing) {
                add(&mut least, counted.amount);
            }
        }
        for (key, begun) in open {
            let counts = class_of(begun.kind) == Some(class) && *key != fact.key;
            // How much an open Void hands out is not said by it.
            let voids = begun.kind == MessageType::VOID.0 && class == 2 && *key != fact.key;
            if (counts || voids) && is_theirs(key, begun.extra.cashier.as_ref()) {
                add(&mut highest, if voids { i64::MAX } else { begun.amount.unwrap_or(0) });
            }
        }
        match (most.allows(class, least), most.allows(class, highest)) {
            (true, true) => Some(true),
            (false, _) => Some(false),
            (true, false) => None,
        }
    }
}
