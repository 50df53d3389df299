//! What operators do to a card: stop it, extend it, bind it, let another one take its place.

use protocol::code::ResponseCode;
use protocol::field::TransactionState;
use protocol::frame::MessageType;

use super::purse::Part;
use super::{CardModel, Decided, OwnLimits};
use crate::oracle::fact::TransactionKey;
use crate::oracle::programme::{Programme, STANDARD};

impl CardModel {
    /// Why nothing can be bought or loaded with it at this time.
    pub(in crate::oracle) fn refuses(&self, time: i64) -> Option<ResponseCode> {
        let over = self.expires.is_some_and(|end| end <= time);
        match (self.blocked, self.successor, self.active) {
            (true, ..) => Some(ResponseCode::CARD_BLOCKED),
            (_, Some(_), _) => Some(ResponseCode::CARD_REPLACED),
            (.., false) => Some(ResponseCode::CARD_NOT_ACTIVE),
            _ => over.then_some(ResponseCode::EXPIRED_CARD),
        }
    }

    /// Its activation is not undone any more.
    pub(super) fn is_in_use(&self) -> bool {
        self.loaded || self.points_debt() > 0 || self.bound.is_some() || !self.is_active()
    }

    /// The card that took its place.
    pub(in crate::oracle) fn successor(&self) -> Option<u64> {
        self.successor
    }

    /// The card whose place it took, and whose PINs it has.
    pub(in crate::oracle) fn predecessor(&self) -> Option<u64> {
        self.predecessor
    }

    /// The second from which it is not accepted.
    pub(in crate::oracle) fn expires(&self) -> Option<i64> {
        self.expires
    }

    /// Whether it has no money of its own, and in how many lots it ever had some.
    pub(in crate::oracle) fn own_money(&self) -> (bool, usize) {
        (self.purse.is_empty(), self.purse.lots())
    }

    pub(in crate::oracle) fn product_name(&self) -> &str {
        if self.product.is_empty() { STANDARD } else { &self.product }
    }

    pub(in crate::oracle) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// It was sold and goes on, perhaps not now.
    pub(super) fn is_alive(&self) -> bool {
        (self.active || self.blocked) && self.successor.is_none()
    }

    /// Money or points could be taken from it now.
    pub(super) fn is_active(&self) -> bool {
        self.active && !self.blocked && self.successor.is_none()
    }

    /// What was decided about a request, if that was decided here.
    pub(in crate::oracle) fn knows(&self, key: &TransactionKey) -> bool {
        self.decided.get(key).is_some()
    }

    /// The cards whose lots a request moved: the one whose purse that was, and the one that it gave to.
    pub(in crate::oracle) fn moved(&self, key: &TransactionKey) -> Option<(u64, Option<u64>)> {
        let decided = self.decided.get(key)?;
        Some((decided.purse, Some(decided.given_to).filter(|_| !decided.given.is_empty())))
    }

    pub(in crate::oracle) fn block(&mut self) -> Result<(), &'static str> {
        if self.blocked || self.successor.is_some() {
            return Err("the card is neither issued nor active");
        }
        self.blocked = true;
        Ok(())
    }

    /// One that was never sold goes back to being for sale.
    pub(in crate::oracle) fn unblock(&mut self) -> Result<(), &'static str> {
        if !self.blocked {
            return Err("the card is not blocked");
        }
        self.blocked = false;
        let bound = self.bound.is_some() || self.pin.number.is_some();
        self.active =
            self.loaded || bound || self.points_debt() > 0 || self.expires.is_some() || self.holder.is_some();
        Ok(())
    }

    pub(in crate::oracle) fn extend(&mut self, to: Option<i64>) -> Result<(), &'static str> {
        if self.expires.is_none() || !self.is_alive() {
            return Err("the card does not end by time");
        }
        self.expires = to;
        Ok(())
    }

    pub(in crate::oracle) fn bind(
        &mut self,
        account: &CardModel,
        limits: OwnLimits,
        programme: &Programme,
    ) -> Result<(), &'static str> {
        if !self.is_active() || !account.is_active() {
            return Err("the card or the account is not active");
        }
        if !self.purse.is_empty() || self.product(programme).account {
            return Err("the card is not empty, or an account");
        }
        if !account.product(programme).account || account.bound.is_some() {
            return Err("that is no account");
        }
        self.bound = Some((account.number, limits));
        Ok(())
    }

    pub(in crate::oracle) fn unbind(&mut self) -> Result<(), &'static str> {
        if self.bound.is_none() || self.successor.is_some() {
            return Err("the card is not bound");
        }
        self.bound = None;
        Ok(())
    }

    /// A card that was never sold takes this one's place.
    pub(in crate::oracle) fn replaced_by(
        &mut self,
        new: &mut CardModel,
        overlapped: bool,
    ) -> Result<usize, &'static str> {
        self.pair(new)?;
        if new.active || new.blocked || new.successor.is_some() {
            return Err("the new card was sold");
        }
        (new.active, new.expires) = (true, self.expires);
        (new.bound, new.pin, new.holder) = (self.bound, self.pin, self.holder);
        new.pin.may_have_been_tried(self.pin.number.filter(|_| overlapped));
        new.predecessor = Some(self.number);
        Ok(self.hand_over(new))
    }

    /// A card in use takes over what this one holds.
    pub(in crate::oracle) fn merged_into(
        &mut self,
        other: &mut CardModel,
        programme: &Programme,
    ) -> Result<usize, &'static str> {
        self.pair(other)?;
        if self.bound.is_some() || !other.is_active() {
            return Err("the card is bound, or the other one not active");
        }
        let together = self.purse.total().saturating_add(other.purse.total());
        let product = other.product(programme);
        if together > product.max_balance || other.lacks_holder(product, together, None) {
            return Err("that is more than a card may hold, or than one without a holder may");
        }
        Ok(self.hand_over(other))
    }

    fn pair(&self, other: &CardModel) -> Result<(), &'static str> {
        let same = self.product_name() == other.product_name();
        if self.number == other.number || !same || other.bound.is_some() {
            return Err("these two cards do not fit");
        }
        if self.is_alive() { Ok(()) } else { Err("the card is neither active nor blocked") }
    }

    /// All that it has, owes and did; says by how much the numbers of its lots have grown. What was declined stays, and how it
    /// was sold.
    fn hand_over(&mut self, to: &mut CardModel) -> usize {
        let approved = |decided: &Decided| {
            let nothing = [TransactionState::DECLINED, TransactionState::BLOCKED];
            decided.kind != MessageType::ACTIVATE.0 && !nothing.contains(&decided.state)
        };
        let offset = to.points.take_over(&mut self.points);
        for (key, mut decided) in self.decided.take_out(approved) {
            let lots = decided.points.parts.iter_mut().chain(&mut decided.paid_parts);
            lots.for_each(|part| part.lot = part.lot.saturating_add(offset));
            to.decided.insert(key, decided);
        }
        to.decided.settle();
        to.loaded |= self.loaded;
        (self.blocked, self.bound, self.successor) = (false, None, Some(to.number));
        to.purse.take_over(&mut self.purse)
    }

    /// Another card has taken the place of one: what is known of that is known of the other.
    pub(in crate::oracle) fn follow(&mut self, old: u64, new: u64, offset: usize) {
        let moved = |parts: &mut Vec<Part>| {
            parts.iter_mut().for_each(|part| part.lot = part.lot.saturating_add(offset));
        };
        if let Some((account, _)) = &mut self.bound
            && *account == old
        {
            *account = new;
        }
        for decided in self.decided.iter_mut() {
            if decided.purse == old {
                decided.purse = new;
                moved(&mut decided.parts);
            }
            if decided.given_to == old {
                decided.given_to = new;
                moved(&mut decided.given);
            }
        }
    }
}
