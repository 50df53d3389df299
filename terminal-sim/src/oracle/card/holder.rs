//! Whose card it is (section 5.4).

use protocol::code::ResponseCode;
use protocol::frame::MessageType;

use super::{CardModel, Outcome, Request};
use crate::oracle::happened::Happened;
use crate::oracle::product::Product;

impl CardModel {
    /// An approved Activate or Load registers whom it names; nothing that undoes a Load takes that back.
    pub(super) fn register(&mut self, request: &Request<'_>) {
        let registers = [MessageType::ACTIVATE.0, MessageType::LOAD.0].contains(&request.intent.kind);
        let Some(holder) = request.intent.extra.holder.filter(|_| registers) else { return };
        let holders = u64::from(self.holder != Some(holder));
        self.happened = self.happened.plus(Happened { holders, ..Happened::default() });
        self.holder = Some(holder);
        self.registered = Some((holder, request.index, request.time));
    }

    /// A load names somebody else than the card's holder.
    pub(super) fn is_somebody_elses(&self, request: &Request<'_>) -> bool {
        self.holder.is_some() && request.intent.extra.holder.is_some_and(|other| self.holder != Some(other))
    }

    /// So much money is too much for a card without a holder.
    pub(super) fn lacks_holder(&self, product: &Product, money: i64, named: Option<u32>) -> bool {
        self.holder.or(named).is_none() && product.needs_holder(money)
    }

    /// The decline for want of a holder, or for another one, which is counted.
    pub(super) fn declined_for_holder(&self, request: &Request<'_>, counts: Happened) -> Vec<Outcome> {
        let mut declined = self.declined(request, ResponseCode::NOT_PERMITTED_CARD);
        for outcome in &mut declined {
            outcome.after.happened = outcome.after.happened.plus(counts);
        }
        declined
    }
}
