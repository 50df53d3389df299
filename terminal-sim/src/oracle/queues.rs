//! What waits for its turn in the journal's order. Cards that were ever linked, by a corporate account or because one took
//! another one's place, have one queue.

use std::collections::BTreeSet;

use super::Oracle;
use super::book::{Place, Waiting};
use super::fact::TransactionKey;

impl Oracle {
    /// Where decisions about a card wait.
    pub(super) fn queue_of(&self, mut card: u64) -> u64 {
        while let Some(next) = self.links.get(&card) {
            card = *next;
        }
        card
    }

    /// Both cards' queues, which may be one.
    pub(super) fn queues_of(&self, (card, other): (Option<u64>, Option<u64>)) -> BTreeSet<u64> {
        card.into_iter().chain(other).map(|card| self.queue_of(card)).collect()
    }

    /// From here on decisions about two cards wait for each other.
    pub(super) fn link(&mut self, one: u64, other: u64) {
        let (one, other) = (self.queue_of(one), self.queue_of(other));
        if one == other {
            return;
        }
        self.links.insert(one, other);
        let from = self.queues.remove(&one).unwrap_or_default();
        let queue = self.queues.entry(other).or_default();
        queue.open.extend(from.open);
        queue.waiting.extend(from.waiting);
        // Whoever watches one of them sees that something has happened.
        queue.begun = queue.begun.saturating_add(from.begun).saturating_add(1);
    }

    /// Something about these cards has begun.
    pub(super) fn queue_up(&mut self, key: &TransactionKey, cards: (Option<u64>, Option<u64>)) {
        for queue in self.queues_of(cards) {
            let queue = self.queues.entry(queue).or_default();
            queue.begun = queue.begun.saturating_add(1);
            queue.open.insert(key.clone());
        }
        if let Some(queue) = cards.0.and_then(|card| self.queues.get(&self.queue_of(card))) {
            let alone = queue.open.len() == 1 && queue.waiting.is_empty();
            self.began.insert(key.clone(), (queue.begun, alone));
        }
    }

    /// Whether something else about its card was under way at the same time.
    pub(super) fn overlapped(&mut self, key: &TransactionKey, card: Option<u64>) -> bool {
        let began = self.began.remove(key);
        let queue = card.and_then(|card| self.queues.get(&self.queue_of(card)));
        self.replaying
            || queue.is_some_and(|queue| began != Some((queue.begun, true)) || queue.open.len() > 1)
    }

    /// It is decided, and waits for its turn.
    pub(super) fn wait(&mut self, place: Place, waiting: Waiting) {
        let (first, other) = waiting.cards();
        for queue in self.queues_of((Some(first), other)) {
            self.queues.entry(queue).or_default().waiting.insert(place.clone());
        }
        self.waiting.insert(place, waiting);
    }

    /// All books are read in: by now it is known which Transfer a Void names, whichever till's book has it, and so which other
    /// card it is about.
    pub(super) fn queue_again(&mut self) {
        let answers = self.waiting.iter().filter_map(|(place, one)| Some((place.clone(), one.intent()?)));
        let cards: Vec<_> = answers.map(|(place, intent)| (place, self.cards_of(intent))).collect();
        for (place, (card, other)) in cards {
            if let Some(Waiting::Answer(answered)) = self.waiting.get_mut(&place) {
                answered.cards.1 = answered.cards.1.or(other);
            }
            for queue in self.queues_of((card, other)) {
                self.queues.entry(queue).or_default().waiting.insert(place.clone());
            }
        }
    }

    /// It is open no more: what has waited for it is checked.
    pub(super) fn leave(&mut self, key: &TransactionKey, queues: BTreeSet<u64>) {
        for queue in &queues {
            if let Some(queue) = self.queues.get_mut(queue) {
                queue.open.remove(key);
            }
        }
        if !self.replaying {
            self.check_queues(queues.into_iter().collect());
            self.check_closes();
        }
    }

    /// Checks what has waited in these queues, and in those that waited for them.
    pub(super) fn check_queues(&mut self, mut queues: Vec<u64>) {
        while let Some(queue) = queues.pop() {
            while let Some(place) = self.ready(queue) {
                let Some(waiting) = self.waiting.remove(&place) else { break };
                let (first, other) = waiting.cards();
                let both = self.queues_of((Some(first), other));
                for queue in &both {
                    if let Some(queue) = self.queues.get_mut(queue) {
                        queue.waiting.remove(&place);
                    }
                }
                self.check(&place, &waiting);
                queues.extend(both.into_iter().filter(|other| *other != queue));
            }
        }
    }

    /// What is next in a queue, if nothing is open that may have come before it: in the other card's neither.
    fn ready(&self, queue: u64) -> Option<Place> {
        let place = self.queues.get(&queue)?.waiting.first()?;
        let (first, other) = self.waiting.get(place)?.cards();
        let both = self.queues_of((Some(first), other));
        let mut both = both.iter().filter_map(|queue| self.queues.get(queue));
        both.all(|queue| queue.open.is_empty() && queue.waiting.first() == Some(place)).then(|| place.clone())
    }
}
