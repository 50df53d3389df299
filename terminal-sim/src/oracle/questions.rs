//! Questions about a card, whose answers can be checked when nobody used its purse meanwhile.

use protocol::answer::Answer;
use protocol::code::ResponseCode;
use protocol::field::CardReference;
use protocol::frame::MessageType;

use super::card::{CardModel, Expected, Request};
use super::fact::{Extra, Intent, TerminalRules, TransactionKey, Wallet, date_of};
use super::{Mismatch, Oracle, masked, rules};

/// Taken before an inquiry is sent; see [`Oracle::watch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    card: u64,
    begun: u64,
}

impl Oracle {
    /// Remembers what the card is now, so that the answer to a question asked from here on can be checked. `None`
    /// while something about its purse is open.
    #[must_use]
    pub fn watch(&self, card: CardReference) -> Option<Watch> {
        let queue = self.queues.get(&self.queue_of(card.number()))?;
        (queue.open.is_empty() && queue.waiting.is_empty())
            .then_some(Watch { card: card.number(), begun: queue.begun })
    }

    /// Checks the answer to a balance inquiry; `None` when somebody used the card meanwhile.
    pub fn inquired(&mut self, watch: Watch, answer: &Answer) -> Option<bool> {
        let model = self.unchanged(watch)?.at(answer.time.get());
        let (code, wallet) = match (model.active, model.wallet()) {
            _ if model.successor().is_some() => (ResponseCode::CARD_REPLACED, None),
            (true, wallet) => (ResponseCode::APPROVED, Some(wallet)),
            (false, _) => (ResponseCode::CARD_NOT_ACTIVE, None),
        };
        let got = answer.balances.as_ref().and_then(Wallet::of).filter(|_| answer.code.is_approval());
        // Whether a card that is not active may be asked about is not laid down; what it holds is.
        let right = match (wallet, got) {
            (Some(wallet), got) => answer.code == code && got == Some(wallet),
            (None, Some(got)) => got == Wallet::default() && code == ResponseCode::CARD_NOT_ACTIVE,
            (None, None) => answer.code == code,
        };
        if !right {
            self.mismatches.push(Mismatch {
                about: format!("inquiry about card {}", masked(watch.card)),
                expected: format!("{code:?} {wallet:?}"),
                got: format!("{:?} {got:?}", answer.code),
            });
        }
        Some(right)
    }

    /// Checks the answer to a load quote; `None` when somebody used the card meanwhile.
    pub fn quoted(
        &mut self,
        watch: Watch,
        amount: i64,
        rules: TerminalRules,
        answer: &Answer,
    ) -> Option<bool> {
        self.priced(watch, MessageType::LOAD, (amount, None), rules, answer)
    }

    /// Checks the answer to the quote of a load, or of a purchase, which points may pay a part of.
    pub fn priced(
        &mut self,
        watch: Watch,
        kind: MessageType,
        (amount, points): (i64, Option<i64>),
        rules: TerminalRules,
        answer: &Answer,
    ) -> Option<bool> {
        let programme = self.programme.clone();
        let is_load = kind == MessageType::LOAD;
        let model = self.unchanged(watch)?.at(answer.time.get());
        let key = TransactionKey { terminal: String::new(), generation: 0, stan: 0 };
        let intent = Intent {
            key,
            kind: kind.0,
            card: Some(watch.card),
            amount: Some(amount),
            partial: !is_load,
            genuine: true,
            original: None,
            more: false,
            request_id: None,
            shift: None,
            totals: None,
            rules,
            extra: Extra { points, ..Extra::default() },
        };
        let request = Request {
            intent: &intent,
            index: 0,
            time: answer.time.get(),
            date: date_of(answer),
            shift_closed: false,
            original_closed: None,
            programme: &programme,
            partner: None,
            replaced: false,
            account_refuses: self.account_refuses(watch.card, answer.time.get()),
            overlapped: false,
            quoting: true,
            others: &|_, _| None,
        };
        let outcomes = model.expected(&request);
        let expected: Vec<_> = outcomes.into_iter().map(|outcome| outcome.expected).collect();
        let changes = answer.changes.as_ref().and_then(Wallet::of_changes);
        let step = answer.next_step.map(|step| (step.missing.get(), step.bonus.get()));
        let balances = answer.balances.as_ref().and_then(Wallet::of);
        let next = rules::next_step(amount).filter(|_| is_load);
        let fits = |expected: &Expected| {
            answer.code.0 == expected.code
                && (!answer.code.is_approval()
                    || answer.approved_amount.map(protocol::field::Ranged::get) == expected.approved
                        && balances == Some(model.wallet())
                        && changes == expected.shown.map(|shown| shown.changes)
                        && step == next)
        };
        let right = expected.iter().any(fits);
        if !right {
            self.mismatches.push(Mismatch {
                about: format!("quote of {kind} {amount} for card {}", masked(watch.card)),
                expected: format!("{expected:?}, next step {next:?}"),
                got: format!("{:?} {changes:?}, next step {step:?}", answer.code),
            });
        }
        Some(right)
    }

    /// The card that is watched, if nobody used it meanwhile.
    pub(super) fn watched(&self, watch: Watch) -> Option<(u64, CardModel)> {
        Some((watch.card, self.unchanged(watch)?))
    }

    fn unchanged(&self, watch: Watch) -> Option<CardModel> {
        let queue = self.queues.get(&self.queue_of(watch.card))?;
        self.seen(watch.card).filter(|_| queue.begun == watch.begun)
    }
}
