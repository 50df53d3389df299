//! Holders of cards: what is kept of them, and the look-up by phone (PROTOCOL.md section 5.4).

use protocol::answer::{Answer, FoundCards, MAX_FOUND_CARDS};
use protocol::code::ResponseCode;
use protocol::field::{CardReference as WireCard, Text};
use protocol::frame::MessageType;
use tracing::error;

use super::Reply;
use super::session::ready;
use super::writer::{InDoubt, Writer, in_doubt};
use crate::domain::Born;
use crate::domain::request::message;
use crate::domain::{CardReference, Command, Fault, Now, Original, Request, Terminal};
use crate::members::Personal;
use crate::translate;

impl Writer {
    /// Keeps the personal data of a registration that is about to be recorded. Without its entry the row says nothing: a look-up
    /// wants the commitment that the journal has for the card.
    pub(super) fn keep_personal(
        &mut self,
        request: &Request,
        personal: &Personal,
        now: Now,
    ) -> Result<(), Fault> {
        let registers =
            matches!(request.command.message(), message::ACTIVATE | message::LOAD | message::JOIN);
        let (Some(claim), Some(commitment)) = (request.command.claim().filter(|_| registers), request.holder)
        else {
            return Ok(());
        };
        self.members.keep(claim.card, commitment, personal, now.ms).map_err(|error| {
            error!(%error, "personal data could not be kept; the registration is not recorded");
            Fault::Misfit("personal data could not be kept")
        })
    }

    /// Brings in who brought a card's member: whatever the member does may be rewarded.
    pub(super) fn fetch_referrer(&mut self, card: CardReference) -> Result<(), InDoubt> {
        let mut card = card;
        while let Some(successor) = self.state.cards.get(&card).and_then(|held| held.successor) {
            card = successor.card;
        }
        match self.state.members.get(&card).and_then(|member| member.standing.referrer) {
            Some(referrer) => self.fetch_card(referrer),
            None => Ok(()),
        }
    }

    /// The cards that were registered with a phone number. Each look-up counts, found or not: nobody reads a telephone book here.
    pub(super) fn card_lookup(
        &mut self,
        terminal: &Terminal,
        phone: &str,
        now: Now,
    ) -> Result<Reply, InDoubt> {
        let message = MessageType::CARD_LOOKUP;
        if !self.lookups.allows(&terminal.terminal, now.ms) {
            let detail = "too many look-ups; wait a minute";
            return Ok(self.refuse(message, ResponseCode::TOO_MANY_UNKNOWN_CARDS, None, detail));
        }
        self.lookups.miss(&terminal.terminal, now.ms);
        let mut cards: Vec<WireCard> = Vec::new();
        for (card, commitment) in self.members.find(phone).map_err(in_doubt("looking up a phone number"))? {
            let registered = self.registered(card, commitment)?;
            let registered = registered.and_then(|card| WireCard::new(card.0));
            cards.extend(registered.filter(|card| !cards.contains(card)));
            if cards.len() == MAX_FOUND_CARDS {
                break;
            }
        }
        let base = Answer {
            business_date: self.dated(now),
            ..Answer::new(message, ResponseCode::APPROVED, translate::unix_seconds(now))
        };
        Ok(ready(&match FoundCards::new(cards) {
            Some(cards) => Answer { cards: Some(cards), ..base },
            None => Answer {
                code: ResponseCode::CARD_NOT_ACCEPTED,
                detail: Text::fitted("no card was registered with that number"),
                ..base
            },
        }))
    }

    /// The birthday of whoever's card a request is about, where a programme that may price it asks for birthdays.
    pub(super) fn birthday_of(
        &mut self,
        request: &Request,
        original: Option<&Original>,
        now: Now,
    ) -> Result<Option<Born>, InDoubt> {
        let quoted = request.quote.is_some() && self.programmes.iter().any(|one| one.programme.birthdays);
        let asked = quoted || self.in_force(now).programme.birthdays;
        let card = match &request.command {
            Command::Advice { card, .. } => Some(*card),
            command => command.claim().map(|claim| claim.card),
        };
        self.birthday(card.or(original.and_then(|original| original.card)), asked)
    }

    /// The birthday of a card's holder, where it is asked for. Nothing of it is journalled.
    pub(super) fn birthday(
        &mut self,
        card: Option<CardReference>,
        asked: bool,
    ) -> Result<Option<Born>, InDoubt> {
        let Some(card) = card.filter(|_| asked) else { return Ok(None) };
        self.fetch_card(card)?;
        let Some(holder) = self.state.cards.get(&card).and_then(|held| held.holder) else { return Ok(None) };
        for kept in self.kept_under(card)? {
            let birthday = self.members.birthday(kept, &holder).map_err(in_doubt("reading personal data"))?;
            if birthday.is_some() {
                return Ok(birthday);
            }
        }
        Ok(None)
    }

    /// Under which cards there may be data of a card's holder: itself, and those whose place it has taken.
    pub(super) fn kept_under(&mut self, card: CardReference) -> Result<Vec<CardReference>, InDoubt> {
        let mut all = vec![card];
        self.fetch_card(card)?;
        let Some(holder) = self.state.cards.get(&card).and_then(|held| held.holder) else { return Ok(all) };
        let registered = self.members.registered_by(&holder).map_err(in_doubt("reading personal data"))?;
        for earlier in registered {
            if earlier != card && self.registered(earlier, holder)? == Some(card) {
                all.push(earlier);
            }
        }
        Ok(all)
    }

    /// The card, or the one that has taken its place, if its holder is the one of that registration still.
    pub(super) fn registered(
        &mut self,
        card: CardReference,
        commitment: [u8; 32],
    ) -> Result<Option<CardReference>, InDoubt> {
        let mut at = card;
        loop {
            self.fetch_card(at)?;
            let Some(held) = self.state.cards.get(&at) else { return Ok(None) };
            match held.successor {
                Some(successor) => at = successor.card,
                None => return Ok((held.holder == Some(commitment)).then_some(at)),
            }
        }
    }
}
