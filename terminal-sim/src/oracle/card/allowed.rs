//! What a person must allow, and what a day or month leaves.

use protocol::code::ResponseCode;
use protocol::field::TransactionState;
use protocol::frame::MessageType;

use super::purse::Hold;
use super::{CardModel, Outcome, Request};
use crate::oracle::fact::{Supervisor, TransactionKey};
use crate::oracle::limits::{class_of, class_of_void};
use crate::oracle::product::Allowance;
use crate::oracle::programme::Programme;
use crate::oracle::rules;

/// A decision counts in this day, and in its month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Span {
    Day,
    Month,
}

impl Span {
    const fn of(self, date: u32) -> Option<u32> {
        match self {
            Span::Day => Some(date),
            Span::Month => date.checked_div(100),
        }
    }

    /// Of what counts in its day and in its month.
    const fn is_counted(self, [in_day, in_month]: [bool; 2]) -> bool {
        match self {
            Span::Day => in_day,
            Span::Month => in_month,
        }
    }
}

impl CardModel {
    /// Declines where a supervisor is named who cannot allow it, or none is where one is needed. Not checked: how many
    /// tries a supervisor has left, whom all tills of a shop ask (a right PIN may have set the count back since the try was
    /// written down).
    pub(super) fn supervised(
        &self,
        request: &Request<'_>,
        amount: i64,
        from: Option<i64>,
    ) -> Result<(), Vec<Outcome>> {
        let till = request.programme.till;
        let extra = &request.intent.extra;
        let said = extra.supervisor.map(|said| if extra.sidecar_lost { Supervisor::NoPin } else { said });
        let code = match said {
            Some(Supervisor::Right) => return Ok(()),
            None if from.is_none_or(|from| amount < from) => return Ok(()),
            None | Some(Supervisor::NoPin) => ResponseCode::SUPERVISOR_NEEDED,
            Some(Supervisor::Nobody | Supervisor::WrongPin) => ResponseCode::WRONG_PIN,
        };
        let declined = self.declined(request, code);
        if said != Some(Supervisor::WrongPin) {
            return Err(declined);
        }
        let left = |left| {
            let mut outcomes = declined.clone();
            outcomes.iter_mut().for_each(|outcome| outcome.expected.tries_left = Some(left));
            outcomes
        };
        let locked = self.declined(request, ResponseCode::TOO_MANY_WRONG_PINS);
        Err((0..=till.tries).flat_map(left).chain(locked).collect())
    }

    /// The outcomes that the day and the month still allow, and the decline of the others.
    pub(super) fn within_limits(&self, request: &Request<'_>, outcomes: Vec<Outcome>) -> Vec<Outcome> {
        let is_void = request.intent.kind == MessageType::VOID.0;
        let original = self.original(request).ok().filter(|_| is_void);
        let of_void = original.and_then(|(_, original)| class_of_void(original.kind));
        let Some(class) = class_of(request.intent.kind).or(of_void) else { return outcomes };
        let check = |outcome: Outcome| {
            let amount = outcome.expected.approved.unwrap_or(0);
            if !ResponseCode(outcome.expected.code).is_approval() {
                return vec![outcome];
            }
            let own = is_void || self.card_allows(request, class, amount);
            match if own { (request.others)(class, amount) } else { Some(false) } {
                Some(true) => vec![outcome],
                Some(false) => self.declined(request, ResponseCode::AMOUNT_LIMIT),
                None => {
                    let mut both = self.declined(request, ResponseCode::AMOUNT_LIMIT);
                    both.push(outcome);
                    both
                }
            }
        };
        outcomes.into_iter().flat_map(check).collect()
    }

    /// Points for what was paid: none for a corporate account, points are for whoever buys.
    pub(super) fn earned(&self, request: &Request<'_>, paid: i64) -> i64 {
        if self.product(request.programme).account { 0 } else { rules::points(paid) }
    }

    /// Whether something limits the card's day, and its month: nobody counts without.
    pub(super) fn limited(&self, programme: &Programme) -> [bool; 2] {
        let product = self.product(programme);
        let own = self.bound.map(|(_, own)| own).unwrap_or_default();
        [product.daily.is_some() || own.day.is_some(), product.monthly.is_some() || own.month.is_some()]
    }

    fn card_allows(&self, request: &Request<'_>, class: usize, amount: i64) -> bool {
        let product = self.product(request.programme);
        let own = self.bound.map(|(_, own)| own).unwrap_or_default();
        let of_own = |sum| Allowance { sums: [None, sum, None], ..Allowance::default() };
        let (daily, monthly) = (product.daily.unwrap_or_default(), product.monthly.unwrap_or_default());
        let spans = [(Span::Day, [daily, of_own(own.day)]), (Span::Month, [monthly, of_own(own.month)])];
        spans.into_iter().all(|(span, most)| {
            let used = self.decided.iter().filter(|(_, decided)| {
                span.is_counted(decided.counted)
                    && class_of(decided.kind) == Some(class)
                    && span.of(decided.date) == span.of(request.date)
                    && decided.undone.is_none_or(|undone| span.of(undone) != span.of(request.date))
            });
            let total = used.fold((1_i64, amount), |(count, sum), (_, decided)| {
                (count.saturating_add(1), sum.saturating_add(decided.approved))
            });
            most.iter().all(|most| most.allows(class, total))
        })
    }

    /// It was undone on this day.
    pub(in crate::oracle) fn undone_on(&mut self, key: &TransactionKey, date: u32) {
        if let Some(decided) = self.decided.get_mut(key)
            && [TransactionState::REVERSED, TransactionState::VOIDED].contains(&decided.state)
        {
            decided.undone.get_or_insert(date);
        }
    }

    /// The amount that a Void is judged by: an Authorize may hold more than it asked for, once others have raised it.
    pub(super) fn void_amount(&self, key: &TransactionKey) -> i64 {
        let original = self.decided.get(key);
        original.map_or(0, |original| match MessageType(original.kind) {
            MessageType::ADVICE => original.advised,
            MessageType::AUTHORIZE => {
                let hold = original.hold.and_then(|opener| self.purse.holds.get(&opener));
                hold.map_or(0, Hold::held).max(original.approved)
            }
            _ => original.approved,
        })
    }
}
