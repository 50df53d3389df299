//! Which cards and purses a decision is about, by the time that its turn comes.

use protocol::code::ResponseCode;
use protocol::frame::MessageType;

use super::Oracle;
use super::book::{Answered, Context, Place, Waiting};
use super::card::CardModel;
use super::fact::{Intent, TransactionKey};

/// What a decision moves.
struct Scene {
    /// The card that it is about: that of the original by now, or the one that the request names.
    card: u64,
    /// The card whose purse it moves.
    purse: u64,
    /// The other card of a Transfer.
    partner: Option<u64>,
    /// Another card has taken the place of the one that the request names.
    replaced: bool,
}

impl Oracle {
    /// The card that a request is about; with a Transfer, or what cancels one, the card that it gives to.
    pub(super) fn cards_of(&self, intent: &Intent) -> (Option<u64>, Option<u64>) {
        let transfer = match MessageType(intent.kind) {
            MessageType::VOID => intent.original.as_ref().and_then(|original| self.intent(original)),
            _ => Some(intent),
        };
        let other = transfer.and_then(|transfer| transfer.extra.to).filter(|to| self.issued.contains(to));
        (intent.card, other.filter(|other| Some(*other) != intent.card))
    }

    /// The card whose money a card spends: its account, or itself.
    pub(super) fn purse_of(&self, card: u64) -> u64 {
        self.cards.get(&card).and_then(CardModel::account).unwrap_or(card)
    }

    /// The corporate account whose money a card spends cannot be used at this time.
    pub(super) fn account_refuses(&self, card: u64, time: i64) -> bool {
        let account = self.cards.get(&card).and_then(CardModel::account);
        let account = account.and_then(|account| self.cards.get(&account));
        account.is_some_and(|account| account.refuses(time).is_some())
    }

    /// A card, and those that took its place since, one after the other.
    pub(super) fn line_of(&self, card: u64) -> impl Iterator<Item = u64> + '_ {
        let next = |card: &u64| self.cards.get(card).and_then(CardModel::successor);
        std::iter::successors(Some(card), next)
    }

    fn scene(&self, answered: &Answered) -> Scene {
        let Answered { intent, fact, cards: (named, other), .. } = answered;
        let holder = |key: &TransactionKey| {
            self.line_of(*named).find(|card| self.cards.get(card).is_some_and(|model| model.knows(key)))
        };
        let last = self.line_of(*named).last().unwrap_or(*named);
        let replaced = last != *named;
        let by_original = [MessageType::REFUND, MessageType::VOID, MessageType::CAPTURE];
        let original = match MessageType(fact.kind) {
            MessageType::REVERSAL => Some(&fact.about),
            kind if by_original.contains(&kind) => intent.original.as_ref(),
            MessageType::ADVICE => {
                let card = holder(&intent.key).unwrap_or(last);
                return Scene { card, purse: card, partner: None, replaced };
            }
            _ => {
                let (card, purse) = (*named, self.purse_of(*named));
                return Scene { card, purse, partner: *other, replaced };
            }
        };
        // One that was blocked before it came is known where it was blocked.
        let blocked = holder(&intent.key).filter(|_| fact.kind != MessageType::REVERSAL.0);
        let card = blocked.or_else(|| original.and_then(holder)).unwrap_or(*named);
        let moved = original.and_then(|original| self.cards.get(&card)?.moved(original));
        let (purse, given_to) = moved.unwrap_or((0, None));
        let purse = if self.cards.contains_key(&purse) { purse } else { self.purse_of(card) };
        Scene { card, purse, partner: given_to.filter(|other| *other != card), replaced }
    }

    /// A card with the purse that it spends from.
    pub(super) fn seen(&self, card: u64) -> Option<CardModel> {
        self.with_purse(card, self.purse_of(card))
    }

    /// A card with this purse.
    fn with_purse(&self, card: u64, purse: u64) -> Option<CardModel> {
        let shows = self.cards.get(&self.purse_of(card))?;
        Some(self.cards.get(&card)?.lent(self.cards.get(&purse)?, shows))
    }

    /// The card is this from now on, and the purse that it was lent too.
    fn keep(&mut self, card: u64, purse: u64, mut model: CardModel) {
        model.number = card;
        if purse != card
            && let Some(own) = self.cards.get(&card).cloned()
            && let Some(owner) = self.cards.get_mut(&purse)
        {
            model.give_back_to(owner, &own);
        }
        self.cards.insert(card, model.alone());
    }

    pub(super) fn check(&mut self, place: &Place, waiting: &Waiting) {
        match waiting {
            Waiting::Answer(answered) => self.check_answer(answered),
            Waiting::Errand(carried) => self.carry_out(place, carried),
        }
    }

    fn check_answer(&mut self, waiting: &Answered) {
        let scene = self.scene(waiting);
        let known = self.with_purse(scene.card, scene.purse);
        let mut model = known.unwrap_or_else(|| CardModel::new(scene.card));
        let mut partner = scene.partner.and_then(|other| Some((other, self.cards.get(&other)?.clone())));
        let (shifts, open, intents) = (&self.shifts, &self.open, &self.intents);
        let closed_before = |key: &TransactionKey, index: u64| {
            let shift = open.get(key).or_else(|| intents.get(key)).and_then(|intent| intent.shift);
            let shifts = shifts.get(&(key.terminal.clone(), key.generation));
            let closing = |intent: &Intent| {
                intent.kind == MessageType::RECONCILIATION.0
                    && (&intent.key.terminal, intent.key.generation) == (&key.terminal, key.generation)
                    && intent.shift == shift
            };
            match shifts.is_some_and(|shifts| shifts.is_closed_before(shift, index)) {
                false if open.values().any(closing) => None,
                closed => Some(closed),
            }
        };
        if waiting.intent.extra.quote == Some(true) && waiting.fact.kind == waiting.intent.kind {
            let unknown = waiting.fact.code == ResponseCode::INVALID_TRANSACTION.0;
            let (taken, refused) = &mut self.citations;
            let count = if unknown { refused } else { taken };
            *count = count.saturating_add(1);
        }
        let (programme, days) = (&self.programme, &self.days);
        let others = |class, amount| {
            let decided = (&waiting.intent, &waiting.fact);
            days.allow(decided, (class, amount), open, programme)
        };
        let context = Context {
            shifts: &closed_before,
            others: &others,
            programme,
            replaced: scene.replaced,
            account_refuses: self.account_refuses(scene.card, waiting.fact.time),
        };
        let theirs = partner.as_mut().map(|(_, partner)| partner);
        let found = waiting.check_and_apply(&mut model, theirs, &context);
        if let Some((other, partner)) = partner {
            self.keep(other, other, partner);
        }
        self.keep(scene.card, scene.purse, model);
        self.mismatches.extend(found);
    }
}
