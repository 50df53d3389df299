//! Inquiries: quotes, balances, states and shifts. Nothing is recorded.

use protocol::answer::{Answer, Balances, NextStep, Quote as WireQuote, ShiftTransaction, ShiftTransactions};
use protocol::code::ResponseCode;
use protocol::field::{Blob, CardReference as WireCard, Date, QuoteId, Stan, Text, TotalMinor, UnixSeconds};
use protocol::frame::MessageType;
use tokio::sync::oneshot;

use super::group::{Group, Waiting, sidecar};
use super::housekeeping::Space;
use super::known::request_of;
use super::quotes::LIFETIME_S;
use super::session::ready;
use super::value::identity;
use super::writer::{InDoubt, InForce, Writer, in_doubt};
use super::{Inquiry, Reply};
use crate::domain::effect::TransactionState;
use crate::domain::facts::view_card;
use crate::domain::payer::purse_of;
use crate::domain::purchase::Asked;
use crate::domain::quoted::{Promise, goods};
use crate::domain::request::{CardClaim, message};
use crate::domain::state::Touched;
use crate::domain::{Card, Decline, Facts, Now, Quoted, Terminal, Verdict, expire, purchase_quote, quote};
use crate::domain::{CardReference, Decision, Fault, State};
use crate::journal::record::Record;
use crate::translate;

/// Most transactions in one page of a shift report; the answer's format has no room for more.
const PAGE: usize = 48;
/// Most entries that one page looks at: bounds the time that everybody else waits.
const LOOKED_AT: u32 = 512;

impl Writer {
    /// Quotes, balances and states: nothing is recorded.
    pub(super) fn inquiry(
        &mut self,
        group: &mut Group,
        terminal: &str,
        generation: u32,
        inquiry: Inquiry,
        reply: oneshot::Sender<Reply>,
    ) -> Result<(), InDoubt> {
        let message = inquiry.message();
        let held = match self.active_terminal(terminal, generation) {
            Ok(held) => held,
            Err((code, detail)) => {
                let refusal = self.refuse(message, code, None, detail);
                group.answer_now(reply, refusal);
                return Ok(());
            }
        };
        if let Inquiry::Status { terminal: owner, generation, stan, request_id } = inquiry {
            let same = owner == held.terminal && generation <= held.generation;
            let answered = self.transaction_status(group, &owner, generation, stan, request_id, same)?;
            group.waiting.push((reply, answered));
            return Ok(());
        }
        let now = self.now();
        if let Inquiry::Day(message) = inquiry {
            let answer = Answer {
                business_date: self.dated(now),
                ..Answer::new(message, ResponseCode::APPROVED, translate::unix_seconds(now))
            };
            group.answer_now(reply, ready(&answer));
            return Ok(());
        }
        if let Inquiry::Shift { shift, after } = inquiry {
            let answer = self.shift_report(&held, shift, after, now)?;
            group.answer_now(reply, ready(&answer));
            return Ok(());
        }
        if let Inquiry::CashierSignOn { cashier, hash } = inquiry {
            return self.cashier_sign_on(group, &held, (cashier, hash), reply);
        }
        if let Inquiry::Catalogue { currency, after } = inquiry {
            let answer = self.catalogue(&held, (currency, after.as_deref()), now);
            group.answer_now(reply, ready(&answer));
            return Ok(());
        }
        if !self.budget.allows(terminal, now.ms) {
            let detail = "too many cards that do not exist; wait a minute";
            let refusal = self.refuse(message, ResponseCode::TOO_MANY_UNKNOWN_CARDS, None, detail);
            group.answer_now(reply, refusal);
            return Ok(());
        }
        if let Inquiry::CardLookup { phone } = inquiry {
            let answer = self.card_lookup(&held, &phone, now)?;
            group.answer_now(reply, answer);
            return Ok(());
        }
        let answer = match inquiry {
            Inquiry::Balance { claim, currency } => self.balance(&claim, currency, now)?,
            Inquiry::Member { claim, currency, after } => {
                self.member(group, &held, &claim, (currency, after), now)?
            }
            Inquiry::LoadQuote { claim, currency, amount } => {
                let asked = Asked { currency, amount, points: None, prices: false, sold: Vec::new() };
                self.quote(group, &held, message::LOAD, &claim, asked, now)?
            }
            Inquiry::PurchaseQuote { claim, asked } => {
                self.quote(group, &held, message::PURCHASE, &claim, asked, now)?
            }
            Inquiry::Day(_)
            | Inquiry::Status { .. }
            | Inquiry::Shift { .. }
            | Inquiry::CardLookup { .. }
            | Inquiry::Catalogue { .. }
            | Inquiry::CashierSignOn { .. } => {
                unreachable!("answered before")
            }
        };
        if answer.code == ResponseCode::CARD_NOT_ACCEPTED {
            self.budget.miss(&held.terminal, now.ms);
        }
        group.answer_now(reply, ready(&answer));
        Ok(())
    }

    fn balance(&mut self, claim: &CardClaim, currency: u16, now: Now) -> Result<Answer, InDoubt> {
        self.fetch_card(claim.card)?;
        let in_force = self.in_force(now);
        let base = about_card(MessageType::BALANCE_INQUIRY, claim, &in_force, (self.dated(now), now));
        Ok(match view_card(self.facts(&in_force), claim, currency) {
            Err(decline) => declined(base, decline),
            Ok(card) => {
                Answer { balances: Some(balances(&self.state, &in_force.programme, card, now)), ..base }
            }
        })
    }

    /// What is due for the member of a card is booked before anybody is told of it, as in front of a transaction.
    pub(super) fn due_now(&mut self, group: &mut Group, card: CardReference, now: Now) {
        if self.stopped.is_none() && self.space == Space::Enough {
            self.follow_all(group, [card], now);
        }
    }

    /// What a load or purchase would come to, under an id that it may cite.
    fn quote(
        &mut self,
        group: &mut Group,
        held: &Terminal,
        message: u8,
        claim: &CardClaim,
        asked: Asked,
        now: Now,
    ) -> Result<Answer, InDoubt> {
        self.fetch_card(claim.card)?;
        self.fetch_referrer(claim.card)?;
        self.fetch_tallies(&held.terminal, None, now)?;
        self.due_now(group, claim.card, now);
        let in_force = self.in_force(now);
        let birthday = self.birthday(Some(claim.card), in_force.programme.birthdays)?;
        let facts = Facts { birthday, ..self.facts(&in_force) };
        let Asked { currency, amount, points, prices, ref sold } = asked;
        let goods = goods(sold);
        let dated = (self.dated(now), now);
        let (answer, promise) = if message == message::LOAD {
            let base = about_card(MessageType::LOAD_QUOTE, claim, &in_force, dated);
            let quoted = quote(facts, held, claim, currency, amount, now);
            quote_answer(base, facts, claim, quoted.map(|quoted| (quoted.decision, quoted.next_step)), now)
        } else {
            let base = about_card(MessageType::PURCHASE_QUOTE, claim, &in_force, dated);
            let quoted = purchase_quote(facts, held, claim, asked, now);
            quote_answer(base, facts, claim, quoted.map(|decision| (decision, None)), now)
        };
        if !answer.code.is_approval() {
            return Ok(answer);
        }
        let expires = now.s().saturating_add(LIFETIME_S);
        let id = self.quotes.remember(Quoted {
            terminal: held.terminal.clone(),
            message,
            card: claim.card,
            amount,
            points,
            prices,
            goods,
            programme_version: in_force.version,
            at: now,
            promised: Some(promise),
            expires,
        });
        let quote = UnixSeconds::new(expires).map(|expires| WireQuote { id: QuoteId(id), expires });
        Ok(Answer { quote, ..answer })
    }

    pub(super) fn facts<'a>(&'a self, in_force: &'a InForce) -> Facts<'a> {
        Facts {
            state: &self.state,
            programme: &in_force.programme,
            pricing: &in_force.programme,
            index: self.head.index,
            original: None,
            entries: &[],
            quoted: None,
            birthday: None,
        }
    }

    /// How a shift stands, and its value messages by STAN, a page at a time.
    fn shift_report(&mut self, held: &Terminal, shift: u32, after: u32, now: Now) -> Result<Answer, InDoubt> {
        let key = (held.terminal.clone(), held.generation, shift);
        self.fetch(&Touched::Shift(key.clone()))?;
        let found = self
            .storage
            .requests_after(&identity(&held.terminal, held.generation, after), LOOKED_AT)
            .map_err(in_doubt("listing a shift"))?;
        let (mut page, mut listed_to) = (Vec::new(), after);
        for (stan, index) in found {
            if page.len() == PAGE {
                break;
            }
            page.extend(self.shift_line(index, shift)?);
            listed_to = stan;
        }
        let state = self.state.shifts.get(&key);
        Ok(Answer {
            business_date: self.dated(now),
            totals: translate::wire_totals(state.map_or(&[], |state| &state.totals)),
            host_last_stan: Some(held.last_stan),
            shift_closed: Some(state.is_some_and(|state| state.closed)),
            transactions: ShiftTransactions::new(page),
            listed_to: Some(listed_to),
            ..Answer::new(MessageType::SHIFT_REPORT, ResponseCode::APPROVED, translate::unix_seconds(now))
        })
    }

    /// An entry as a line of a shift's list, if it names that shift.
    fn shift_line(&mut self, index: u64, shift: u32) -> Result<Option<ShiftTransaction>, InDoubt> {
        let row = self.storage.entry(index).map_err(in_doubt("listing a shift"))?;
        let record = row.and_then(|row| Record::decode(&row.record).ok().map(|(record, _)| record));
        let Some((message, header, answer)) = record.as_ref().and_then(read_request) else { return Ok(None) };
        let (Some(stan), true) = (header.stan, header.shift.map(|named| named.get()) == Some(shift)) else {
            return Ok(None);
        };
        let state = self.present_state(index, answer.code)?;
        Ok(Some(ShiftTransaction {
            stan,
            kind: message,
            code: answer.code,
            amount: answer.approved_amount,
            state: translate::wire_state(state),
        }))
    }

    fn transaction_status(
        &mut self,
        group: &Group,
        terminal: &str,
        generation: u32,
        stan: u32,
        request_id: [u8; 32],
        same_terminal: bool,
    ) -> Result<Waiting, InDoubt> {
        let now = self.now();
        let key = identity(terminal, generation, stan);
        let base = Answer {
            business_date: self.dated(now),
            ..Answer::new(
                MessageType::TRANSACTION_STATUS,
                ResponseCode::APPROVED,
                translate::unix_seconds(now),
            )
        };
        let not_found = Answer { code: ResponseCode::ORIGINAL_NOT_FOUND, ..base.clone() };
        if !same_terminal || Stan::new(stan).is_none() {
            return Ok(Waiting::Ready(ready(&not_found)));
        }
        if group.by_identity.contains_key(&key) {
            // Decided in this very group: it is not committed yet, so its fate is not known yet.
            let detail = "being decided now; ask again";
            return Ok(Waiting::Ready(self.refuse(base.kind, ResponseCode::BUSY, None, detail)));
        }
        let Some(index) = self.storage.find(&key).map_err(in_doubt("looking up a request"))? else {
            let tombstone = (terminal.to_owned(), generation, stan);
            self.fetch(&Touched::Tombstone(tombstone.clone()))?;
            return Ok(Waiting::Ready(match self.state.tombstones.get(&tombstone) {
                Some(id) if *id != request_id => ready(&not_found),
                found => {
                    let state =
                        if found.is_some() { TransactionState::Blocked } else { TransactionState::Unknown };
                    let status =
                        self.sealer.status(request_id, translate::wire_state(state), &self.head, now.s());
                    let answer = Answer { state: Some(translate::wire_state(state)), ..base };
                    Reply { sidecar: status_only(status), ..ready(&answer) }
                }
            }));
        };
        let entry = self.verified(index)?;
        if entry.request_id != request_id {
            return Ok(Waiting::Ready(ready(&not_found)));
        }
        let stored = entry.record.answer.clone().unwrap_or_default();
        let code = Answer::decode(&stored).map_or(ResponseCode::SYSTEM_MALFUNCTION, |answer| answer.code);
        let state = self.present_state(index, code)?;
        let status = self.sealer.status(request_id, translate::wire_state(state), &self.head, now.s());
        let answer =
            Answer { state: Some(translate::wire_state(state)), stored_answer: Blob::new(stored), ..base };
        let sidecar = sidecar(entry.receipt, entry.details_hash, Some(status));
        Ok(Waiting::Ready(Reply { sidecar, ..ready(&answer) }))
    }
}

/// The request and the answer of a terminal's entry.
fn read_request(record: &Record) -> Option<(MessageType, protocol::request::Header, Answer)> {
    let (message, request) = request_of(&record.origin)?;
    Some((message, request.header, Answer::decode(record.answer.as_deref()?).ok()?))
}

/// What can be spent now: a hold whose time is over is as good as ended, booked or not.
pub(super) fn balances(
    state: &State,
    programme: &crate::domain::Programme,
    card: &Card,
    now: Now,
) -> Balances {
    let ended = |card: &Card| ended(card, programme, now);
    translate::balances(&ended(card), purse_of(state, card).map(ended).as_ref(), now)
}

/// A card without what has ended on it, booked or not.
pub(super) fn ended(card: &Card, programme: &crate::domain::Programme, now: Now) -> Card {
    expire(card, programme, u64::MAX, now).map_or_else(|_| card.clone(), |(card, _)| card)
}

pub(super) fn about_card(
    message: MessageType,
    claim: &CardClaim,
    in_force: &InForce,
    (dated, now): (Option<Date>, Now),
) -> Answer {
    Answer {
        business_date: dated,
        programme_version: Some(in_force.version.into()),
        card: WireCard::new(claim.card.0),
        ..Answer::new(message, ResponseCode::APPROVED, translate::unix_seconds(now))
    }
}

pub(super) fn declined(base: Answer, decline: Decline) -> Answer {
    Answer {
        code: translate::code(Verdict::Declined(decline)),
        detail: Text::fitted(translate::detail(decline)),
        ..base
    }
}

/// What was quoted: what the transaction would do, and how much more would bring more; and what is promised by that.
fn quote_answer(
    base: Answer,
    facts: Facts<'_>,
    claim: &CardClaim,
    quoted: Result<(Decision, Option<(i64, i64)>), Fault>,
    now: Now,
) -> (Answer, Promise) {
    let Ok((decision, next_step)) = quoted else {
        let answer = Answer { code: ResponseCode::SYSTEM_MALFUNCTION, card: None, ..base };
        return (answer, Promise::default());
    };
    if let Verdict::Declined(decline) = decision.verdict {
        return (declined(base, decline), Promise::default());
    }
    let of = (decision.amount.unwrap_or(0), decision.discount.unwrap_or(0));
    let promise = Promise::of(of, decision.explanation.iter());
    let card = facts.state.cards.get(&claim.card);
    let purse = card.and_then(|card| purse_of(facts.state, card));
    let cards: Vec<CardReference> = card.into_iter().chain(purse).map(|card| card.reference).collect();
    let total = |amount: i64| TotalMinor::new(amount).unwrap_or(TotalMinor::MIN);
    let answer = Answer {
        code: translate::code(decision.verdict),
        approved_amount: decision.amount.and_then(TotalMinor::new),
        balances: card.map(|card| balances(facts.state, facts.programme, card, now)),
        changes: Some(translate::changes(&cards, &decision.effects)),
        explanation: translate::explanation(&decision.explanation),
        next_step: next_step
            .map(|(missing, bonus)| NextStep { missing: total(missing), bonus: total(bonus) }),
        discount: decision.discount.filter(|discount| *discount > 0).and_then(TotalMinor::new),
        ..base
    };
    (answer, promise)
}

fn status_only(status: Vec<u8>) -> Vec<u8> {
    protocol::answer::AnswerSidecar { status: Blob::new(status), ..Default::default() }.encode()
}
