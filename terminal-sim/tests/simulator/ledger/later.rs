//! What the test gateway does to earlier transactions.

use protocol::answer::{Answer, Hold};
use protocol::code::ResponseCode;
use protocol::field::{Flags, Original, TotalMinor, TransactionState, UnixSeconds};
use protocol::frame::MessageType;
use protocol::request::{Body, Request};
use terminal_sim::oracle::{Product, Wallet, rules};

use super::card::{HoldRow, negated};
use super::{Decided, Deed, Id, Ledger, Lie, Verdict, balances, changes_of};

type State = TransactionState;

/// Why nothing was done, and the original's state where that is the reason.
pub(super) type Refusal = (ResponseCode, Option<State>);

const INVALID: ResponseCode = ResponseCode::INVALID_TRANSACTION;

impl Ledger {
    pub(super) fn refused(&self, request: &Request, (code, state): Refusal) -> Verdict {
        Verdict { answer: Answer { state, ..self.bare(request, code) }, deed: Deed::default() }
    }

    /// Books a deed and answers it.
    pub(super) fn approve(&mut self, request: &Request, code: ResponseCode, deed: Deed) -> Verdict {
        let row = self.cards.get_mut(&deed.card.unwrap()).unwrap();
        let changes = row.book(&deed.legs, deed.points);
        let shown = deed.hold.and_then(|reference| Some((reference, row.holds.get(&reference)?)));
        let hold = shown.map(|(reference, hold)| Hold {
            reference,
            held: TotalMinor::new(hold.held()).unwrap(),
            expires: UnixSeconds::new(hold.expires).unwrap(),
        });
        let wallet = row.wallet();
        let answer = Answer {
            card: request.body.card(),
            approved_amount: TotalMinor::new(deed.amount),
            balances: Some(balances(wallet)),
            changes: Some(changes_of(changes)),
            hold,
            ..self.bare(request, code)
        };
        Verdict { answer, deed }
    }

    /// What is named, if something can be done to it.
    fn original(&self, original: &Original) -> Result<(Id, Decided), Refusal> {
        let id = (original.terminal.to_string(), original.stan.get());
        if self.blocked.get(&id) == Some(&original.request_id) {
            return Err((INVALID, Some(State::BLOCKED)));
        }
        let known = self.decided.get(&id).filter(|known| known.request_id == original.request_id);
        let known = known.cloned().ok_or((ResponseCode::ORIGINAL_NOT_FOUND, None))?;
        let undoing = [MessageType::REVERSAL, MessageType::VOID, MessageType::RECONCILIATION];
        if undoing.contains(&known.kind) { Err((INVALID, None)) } else { Ok((id, known)) }
    }

    pub(super) fn refund(
        &mut self,
        request: &Request,
        id: &Id,
        original: &Original,
    ) -> Result<Verdict, Refusal> {
        let (key, known) = self.original(original)?;
        let refundable = [MessageType::LOAD, MessageType::PURCHASE, MessageType::CAPTURE];
        let twice = self.lie == Lie::RefundsTwice && known.state == State::REFUNDED;
        let stands = [State::LIVE, State::REFUNDED_IN_PART].contains(&known.state) || twice;
        if !refundable.contains(&known.kind) || !stands {
            return Err((INVALID, Some(known.state)));
        }
        let amount = request.body.amount().unwrap().get();
        let before = if twice { 0 } else { known.deed.refunded };
        let after = before + amount;
        if amount > super::MAX_REFUND || after > known.deed.amount {
            return Err((ResponseCode::AMOUNT_LIMIT, None));
        }
        let share = |all| {
            rules::taken_back(all, after, known.deed.amount)
                - rules::taken_back(all, before, known.deed.amount)
        };
        let row = &self.cards[&known.deed.card.unwrap()];
        let mut deed =
            Deed { amount, card: known.deed.card, refunds: Some((key.clone(), amount)), ..Deed::default() };
        if known.kind == MessageType::LOAD {
            let spent = (ResponseCode::NOT_SUFFICIENT_FUNDS, Some(known.state));
            let (lot, _) = known.deed.legs[0];
            let bonus = known.deed.legs.get(1).copied();
            let wanted = bonus.map_or(0, |(_, bonus)| share(bonus));
            let taken = bonus.map_or(0, |(lot, _)| row.free(lot)).min(wanted);
            deed.amount = amount - (wanted - taken);
            if row.free(lot) < amount || deed.amount <= 0 {
                return Err(spent);
            }
            deed.legs.push((lot, -amount));
            deed.legs.extend(bonus.filter(|_| taken > 0).map(|(lot, _)| (lot, -taken)));
        } else {
            let mut paid = HoldRow { legs: negated(&known.deed.legs), ..HoldRow::default() };
            paid.take(before, true);
            deed.legs = paid.take(amount, true);
            if self.lie != Lie::KeepsPoints {
                deed.points = -share(known.deed.earned);
            }
        }
        let state = if after == known.deed.amount { State::REFUNDED } else { State::REFUNDED_IN_PART };
        let original = self.decided.get_mut(&key).unwrap();
        original.state = state;
        (original.deed.refunded, original.deed.last_refund) = (after, Some(id.clone()));
        let Verdict { answer, deed } = self.approve(request, ResponseCode::APPROVED, deed);
        Ok(Verdict { answer: Answer { state: Some(state), ..answer }, deed })
    }

    pub(super) fn authorize(&mut self, request: &Request, card: u64, index: u64) -> Result<Verdict, Refusal> {
        let Body::Authorize { amount, raises, .. } = &request.body else { unreachable!() };
        let opener = match raises {
            None => None,
            Some(original) => {
                let not_found = (ResponseCode::ORIGINAL_NOT_FOUND, None);
                let (_, known) = self.original(original).map_err(|(code, _)| (code, None))?;
                if known.kind != MessageType::AUTHORIZE || known.deed.card != Some(card) {
                    return Err(not_found);
                }
                let live = known.state == State::LIVE && known.deed.hold == Some(known.index);
                Some(known.deed.hold.filter(|_| live).ok_or((INVALID, None))?)
            }
        };
        let row = self.cards.get_mut(&card).unwrap();
        let partial = request.header.flags.is_some_and(|flags| flags.contains(Flags::PARTIAL_ALLOWED));
        let (amount, payable) = (amount.get(), row.wallet().payable().unwrap());
        let held = opener.map_or(0, |opener| row.holds[&opener].held());
        if held + amount > super::MAX_PURCHASE {
            return Err((ResponseCode::AMOUNT_LIMIT, None));
        }
        let (code, amount) = match amount {
            amount if amount <= payable => (ResponseCode::APPROVED, amount),
            _ if partial && payable > 0 => (ResponseCode::APPROVED_IN_PART, payable),
            _ => return Err((ResponseCode::NOT_SUFFICIENT_FUNDS, None)),
        };
        if opener.is_none() && row.holds.values().filter(|hold| hold.held() > 0).count() >= rules::MOST_HOLDS
        {
            return Err((INVALID, None));
        }
        let chosen = row.choose(amount);
        let reference = opener.unwrap_or(index);
        let expires = self.clock + Product::STANDARD.hold_seconds;
        let hold = row.holds.entry(reference).or_insert(HoldRow { expires, ..HoldRow::default() });
        hold.legs.extend(chosen);
        let deed = Deed { amount, card: Some(card), hold: Some(reference), ..Deed::default() };
        Ok(self.approve(request, code, deed))
    }

    pub(super) fn capture(&mut self, request: &Request, original: &Original) -> Result<Verdict, Refusal> {
        let (key, known) = self.original(original)?;
        let opener = known.deed.hold.filter(|opener| *opener == known.index);
        let is_hold = known.kind == MessageType::AUTHORIZE && known.state == State::LIVE;
        let reference = opener.filter(|_| is_hold).ok_or((INVALID, Some(known.state)))?;
        let amount = request.body.amount().unwrap().get();
        let row = self.cards.get_mut(&known.deed.card.unwrap()).unwrap();
        let hold = row.holds.get_mut(&reference).unwrap();
        if amount > super::MAX_PURCHASE || (amount > hold.held() && self.lie != Lie::CapturesMore) {
            return Err((ResponseCode::AMOUNT_LIMIT, None));
        }
        let legs = negated(&hold.take(amount, false));
        hold.captured += amount;
        if !request.header.flags.is_some_and(|flags| flags.contains(Flags::MORE_CAPTURES)) {
            hold.legs.clear();
        }
        if hold.legs.is_empty() {
            self.decided.get_mut(&key).unwrap().state = State::CAPTURED;
        }
        let earned = rules::points(amount);
        let (card, hold) = (known.deed.card, Some(reference));
        let deed = Deed { amount, card, legs, points: earned, earned, hold, ..Deed::default() };
        Ok(self.approve(request, ResponseCode::APPROVED, deed))
    }

    pub(super) fn void(&mut self, request: &Request, original: &Original) -> Result<Verdict, Refusal> {
        let (key, known) = self.original(original)?;
        let shift = known.shift.map(|shift| (key.0.clone(), shift));
        let kept = [MessageType::ACTIVATE, MessageType::AUTHORIZE].contains(&known.kind);
        let closed = !kept && shift.is_some_and(|shift| self.closed.contains(&shift));
        let raised = known.kind == MessageType::AUTHORIZE && known.deed.hold != Some(known.index);
        if known.state != State::LIVE || closed || raised {
            return Err((INVALID, Some(known.state)));
        }
        let held = self.held(&known).filter(|_| known.kind == MessageType::AUTHORIZE);
        let amount = held.unwrap_or(known.deed.amount);
        let changes = self.undo(&key, &known, State::VOIDED).map_err(|code| (code, Some(State::LIVE)))?;
        Ok(self.undone(request, &known, amount, changes, State::VOIDED))
    }

    pub(super) fn reverse(&mut self, request: &Request, original: &Original) -> Verdict {
        let id = (original.terminal.to_string(), original.stan.get());
        let answer = |ledger: &Self, code, state| Answer { state: Some(state), ..ledger.bare(request, code) };
        let nothing = |answer| Verdict { answer, deed: Deed::default() };
        let Some(known) = self.decided.get(&id).cloned() else {
            self.blocked.insert(id, original.request_id);
            return nothing(answer(self, ResponseCode::APPROVED, State::BLOCKED));
        };
        match known.state {
            State::LIVE => {}
            State::REVERSED | State::VOIDED => {
                let undone = answer(self, ResponseCode::APPROVED, known.state);
                return nothing(Answer { approved_amount: Some(TotalMinor::MIN), ..undone });
            }
            State::DECLINED => return nothing(answer(self, ResponseCode::APPROVED, known.state)),
            state => return nothing(answer(self, INVALID, state)),
        }
        match self.undo(&id, &known, State::REVERSED) {
            Err(code) => nothing(answer(self, code, State::LIVE)),
            Ok(changes) => self.undone(request, &known, known.deed.amount, changes, State::REVERSED),
        }
    }

    fn held(&self, known: &Decided) -> Option<i64> {
        Some(self.cards.get(&known.deed.card?)?.holds.get(&known.deed.hold?)?.held())
    }

    fn undone(
        &self,
        request: &Request,
        known: &Decided,
        amount: i64,
        changes: Wallet,
        state: State,
    ) -> Verdict {
        let wallet = self.cards[&known.deed.card.unwrap()].wallet();
        let answer = Answer {
            approved_amount: TotalMinor::new(amount),
            balances: Some(balances(wallet)),
            changes: Some(changes_of(changes)),
            state: Some(state),
            ..self.bare(request, ResponseCode::APPROVED)
        };
        Verdict { answer, deed: Deed { amount, ..Deed::default() } }
    }

    /// Undoes a live transaction exactly, or says why it stands.
    fn undo(&mut self, key: &Id, known: &Decided, state: State) -> Result<Wallet, ResponseCode> {
        let row = self.cards.get_mut(&known.deed.card.unwrap()).unwrap();
        let before = row.clone();
        let gone = |leg: &&(usize, i64)| leg.1 > before.free(leg.0);
        if known.deed.legs.iter().filter(|leg| leg.1 > 0).any(|leg| gone(&leg)) {
            return Err(ResponseCode::NOT_SUFFICIENT_FUNDS);
        }
        match known.kind {
            MessageType::ACTIVATE if !row.lots.is_empty() => return Err(INVALID),
            MessageType::ACTIVATE => row.active = false,
            MessageType::AUTHORIZE => {
                let hold = row.holds.get_mut(&known.deed.hold.unwrap()).unwrap();
                let opened = known.deed.hold == Some(known.index);
                if state == State::REVERSED && hold.captured != 0
                    || !opened && hold.held() <= known.deed.amount
                {
                    return Err(INVALID);
                }
                hold.take(if opened { hold.held() } else { known.deed.amount }, true);
            }
            MessageType::REFUND => {
                let (refunded, by) = known.deed.refunds.clone().unwrap();
                let original = self.decided.get_mut(&refunded).unwrap();
                if original.deed.last_refund.as_ref() != Some(key) {
                    return Err(INVALID);
                }
                original.deed.refunded -= by;
                original.deed.last_refund = None;
                let left = original.deed.refunded > 0;
                original.state = if left { State::REFUNDED_IN_PART } else { State::LIVE };
            }
            _ => {}
        }
        let row = self.cards.get_mut(&known.deed.card.unwrap()).unwrap();
        let changes = if self.lie == Lie::KeepsTheMoney {
            row.clone().book(&negated(&known.deed.legs), -known.deed.points)
        } else {
            row.book(&negated(&known.deed.legs), -known.deed.points)
        };
        if let Some(reference) = known.deed.hold.filter(|_| known.kind == MessageType::CAPTURE) {
            let authorize = self.decided.values_mut();
            let mut authorize =
                authorize.filter(|other| other.index == reference && other.kind != MessageType::ENROLL);
            let authorize = authorize.find(|other| [State::LIVE, State::CAPTURED].contains(&other.state));
            let hold = row.holds.get_mut(&reference).unwrap();
            hold.captured -= known.deed.amount;
            if let Some(authorize) = authorize {
                authorize.state = State::LIVE;
                hold.legs.splice(0..0, negated(&known.deed.legs));
            }
        }
        self.decided.get_mut(key).unwrap().state = state;
        Ok(changes)
    }
}
