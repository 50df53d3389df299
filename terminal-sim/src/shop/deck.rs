//! Who has which card: one terminal alone, everybody, or the desk.

use protocol::field::CardReference;

use crate::card::Card;
use crate::corporate::Corporate;
use crate::desk::Errand;
use crate::oracle::Oracle;
use crate::rng::Rng;

/// One card in so many is nobody's own: any terminal may use it at any time. So is every corporate account.
const HOT_CARDS: usize = 10;
/// With a desk, one new card in so many waits there to take the place of a lost one.
const SPARE_CARDS: usize = 4;
/// One hot card in so many is one whose place another one has taken.
const GONE: u64 = 6;

#[derive(Clone, Debug, Default)]
pub(super) struct Deck {
    /// Free, for one terminal alone.
    own: Vec<Card>,
    hot: Vec<Card>,
    /// Another one has taken their place.
    gone: Vec<(Card, CardReference)>,
    /// At the desk.
    spare: Vec<Card>,
    all: Vec<Card>,
}

impl Deck {
    /// The cards as they are when the shop opens, perhaps after other days.
    pub(super) fn new(cards: &[Card], corporate: &[Corporate], oracle: &Oracle, desk: bool) -> Deck {
        let mut deck = Deck { all: cards.to_vec(), ..Deck::default() };
        let hot = cards.len().checked_div(HOT_CARDS).unwrap_or(0);
        let (mut own, mut first) = (Vec::new(), Vec::new());
        for (at, card) in cards.iter().enumerate() {
            let listed = corporate.iter().find(|listed| listed.card == card.reference);
            let is_account =
                corporate.iter().filter_map(|one| one.account).any(|(account, _)| account == card.reference);
            let fourth = at.checked_rem(SPARE_CARDS) == SPARE_CARDS.checked_sub(1);
            let spare = listed.map_or(fourth && at >= hot, |listed| !listed.active);
            match (at < hot || is_account, desk && spare) {
                (true, _) => first.push(card),
                (false, true) => deck.spare.push(card.clone()),
                (false, false) => own.push(card),
            }
        }
        let old = |card: &Card| Some((card.clone(), oracle.condition(card.reference).successor?));
        deck.gone = cards.iter().filter_map(old).collect();
        for card in cards {
            let mut first = card.reference;
            while let Some(before) = oracle.condition(first).predecessor {
                first = before;
            }
            if let Some(first) = deck.find(first.number()).filter(|first| first.reference != card.reference) {
                deck.takes_the_place(card.reference, &first);
            }
        }
        let last = |deck: &Deck, card: &Card| {
            let mut reference = card.reference;
            while let Some(next) = oracle.condition(reference).successor {
                reference = next;
            }
            deck.find(reference.number())
        };
        for (cards, is_hot) in [(first, true), (own, false)] {
            for card in cards {
                let card = last(&deck, card).filter(|card| !deck.is_out(card.reference));
                let to = if is_hot { &mut deck.hot } else { &mut deck.own };
                to.extend(card);
            }
        }
        deck
    }

    /// It is at the desk no more, and has the PINs of the old card.
    fn takes_the_place(&mut self, card: CardReference, old: &Card) {
        if let Some(new) = self.all.iter_mut().find(|known| known.reference == card) {
            *new = new.clone().in_place_of(old);
        }
        self.spare.retain(|spare| spare.reference != card);
    }

    fn is_out(&self, card: CardReference) -> bool {
        self.own.iter().chain(&self.hot).any(|other| other.reference == card)
    }

    pub(super) fn find(&self, number: u64) -> Option<Card> {
        self.all.iter().find(|card| card.reference.number() == number).cloned()
    }

    /// This card for one terminal alone, if it is free.
    pub(super) fn take(&mut self, number: u64) -> Option<Card> {
        let at = self.own.iter().position(|card| card.reference.number() == number)?;
        Some(self.own.swap_remove(at))
    }

    /// A card for one terminal alone, until it is given back; `None` when all are in use.
    pub(super) fn take_any(&mut self, rng: &mut Rng) -> Option<Card> {
        let index = rng.index(self.own.len());
        (index < self.own.len()).then(|| self.own.swap_remove(index))
    }

    /// The card that has all that this one had, when that is another one.
    pub(super) fn in_place_of(&self, card: &Card) -> Option<Card> {
        let mut reference = card.reference;
        while let Some((_, next)) = self.gone.iter().find(|(gone, _)| gone.reference == reference) {
            reference = *next;
        }
        self.find(reference.number()).filter(|_| reference != card.reference)
    }

    /// Whoever had it has the card that took its place by now, if there is one.
    pub(super) fn give_back(&mut self, card: Card) {
        let card = self.in_place_of(&card).unwrap_or(card);
        let free = reference_is_free(&self.hot, &self.own, card.reference);
        self.own.extend(Some(card).filter(|_| free));
    }

    /// One that others may use at the same time; now and then one whose place another one has taken.
    pub(super) fn any_hot(&self, rng: &mut Rng) -> Option<Card> {
        let gone = rng.chance(1, GONE).then(|| rng.pick(&self.gone)).flatten();
        gone.map(|(card, _)| card).or_else(|| rng.pick(&self.hot)).cloned()
    }

    /// Any card of the shop.
    pub(super) fn any(&self, rng: &mut Rng) -> Option<Card> {
        rng.pick(&self.all).cloned()
    }

    /// Cards that operators may act on now: nobody has one of them alone.
    pub(super) fn free(&self) -> Vec<CardReference> {
        self.hot.iter().chain(&self.own).map(|card| card.reference).collect()
    }

    pub(super) fn spare(&self) -> Vec<CardReference> {
        self.spare.iter().map(|card| card.reference).collect()
    }

    pub(super) fn is_shared(&self, card: &Card) -> bool {
        self.hot
            .iter()
            .chain(self.gone.iter().map(|(card, _)| card))
            .any(|hot| hot.reference == card.reference)
    }

    /// An operator has done this.
    pub(super) fn done(&mut self, errand: &Errand) {
        let (card, Some(other)) = errand.cards() else { return };
        if matches!(errand, Errand::Bind { .. }) {
            return;
        }
        let (Some(old), Some(new)) = (self.find(card), self.find(other)) else { return };
        if matches!(errand, Errand::Replace { .. }) {
            self.takes_the_place(new.reference, &old);
        }
        let Some(new) = self.find(other) else { return };
        let is_old = |card: &Card| card.reference == old.reference;
        let free = reference_is_free(&self.hot, &self.own, new.reference);
        for pile in [&mut self.hot, &mut self.own] {
            if let Some(at) = pile.iter().position(is_old) {
                pile.swap_remove(at);
                pile.extend(Some(new.clone()).filter(|_| free && matches!(errand, Errand::Replace { .. })));
            }
        }
        self.gone.push((old, new.reference));
    }
}

fn reference_is_free(hot: &[Card], own: &[Card], reference: CardReference) -> bool {
    !hot.iter().chain(own).any(|card| card.reference == reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_goes_on_as_the_one_that_took_its_place_in_whosever_hand_it_was() {
        let mut oracle = Oracle::default();
        let card = |number| {
            let reference = CardReference::from_parts(number).unwrap();
            Card { reference, ..Card::new("9766338083284777", "27175142096771094217").unwrap() }
        };
        let cards: Vec<Card> = (1..21).map(card).collect();
        cards.iter().for_each(|card| oracle.issue(card.reference));
        let mut deck = Deck::new(&cards, &[], &oracle, true);
        assert_eq!((deck.free().len(), deck.spare().len(), deck.hot.len()), (15, 5, 2));
        assert_eq!(Deck::new(&cards, &[], &oracle, false).free().len(), 20, "without a desk none waits");
        let replace = |card: &Card, by: CardReference| Errand::Replace {
            card: card.reference.number(),
            by: by.number(),
        };
        // One in somebody's hand, one on the table, and one that anybody uses.
        let (held, new) = (deck.take_any(&mut Rng::new(1)).unwrap(), deck.spare()[0]);
        deck.done(&replace(&held, new));
        assert!(deck.is_shared(&held) && !deck.free().contains(&new));
        assert_eq!(deck.in_place_of(&held).map(|card| card.reference), Some(new));
        assert_eq!(deck.find(new.number()).unwrap().pins, Some(held.secret.clone()));
        deck.give_back(held.clone());
        assert!(deck.free().contains(&new) && !deck.free().contains(&held.reference));
        let (hot, new) = (deck.hot[0].clone(), deck.spare()[0]);
        deck.done(&replace(&hot, new));
        assert!(deck.hot.iter().any(|card| card.reference == new) && !deck.spare().contains(&new));
        // Of two that are merged one is left, once.
        let (one, other) = (deck.own[0].clone(), deck.own[1].clone());
        deck.done(&Errand::Merge { card: one.reference.number(), into: other.reference.number() });
        let left = deck.free().into_iter().filter(|card| *card == other.reference).count();
        assert!(left == 1 && !deck.free().contains(&one.reference));
    }
}
