//! Value messages: known ones get their stored answer, new ones are decided and become entries.

use std::panic::{AssertUnwindSafe, catch_unwind};

use protocol::answer::Answer;
use protocol::code::ResponseCode;
use protocol::frame::MessageType;
use tokio::sync::oneshot;
use tracing::{error, warn};

use super::group::{Cause, Group, Waiting};
use super::housekeeping::Space;
use super::writer::{InDoubt, Writer};
use super::{Beside, Reply};
use crate::domain::Born;
use crate::domain::Programme;
use crate::domain::authorize::opened_by;
use crate::domain::grant::{of_grant, of_grant_and_card};
use crate::domain::join::joined_by;
use crate::domain::payer::purse_of;
use crate::domain::request::message;
use crate::domain::state::{State, Touched};
use crate::domain::tally::{of_cashier, of_terminal};
use crate::domain::unload::loads_on;
use crate::domain::{CardReference, Command, Decision, Effect, Facts, Now, Original, Request, Verdict};
use crate::domain::{Decline, Fault, Role, Terminal, TerminalStatus, decide};
use crate::journal::record::Origin;
use crate::members::Personal;
use crate::storage::Identity;
use crate::translate::{self, Occasion};

impl Writer {
    /// Decides one value message, or finds out that it was decided before.
    pub(super) fn value(
        &mut self,
        group: &mut Group,
        request: Request,
        (signed, beside): (Vec<u8>, Beside),
        reply: oneshot::Sender<Reply>,
    ) -> Result<(), InDoubt> {
        if beside.proving {
            self.tried.remove(&request.request_id);
        }
        let message = MessageType(request.command.message());
        let refuse = |writer: &Self, code, detail| writer.refuse(message, code, Some(request.stan), detail);
        let terminal = match self.active_terminal(&request.terminal, request.generation) {
            Ok(terminal) => terminal,
            Err((code, detail)) => {
                group.answer_now(reply, refuse(self, code, detail));
                return Ok(());
            }
        };
        let identity = identity(&request.terminal, request.generation, request.stan);
        if request.stan <= terminal.last_stan
            && let Some(waiting) = self.known(group, message, &identity, request.request_id)?
        {
            group.waiting.push((reply, waiting));
            return Ok(());
        }
        if let Some(reason) = self.no_money(&request.command) {
            group.answer_now(reply, refuse(self, ResponseCode::NOT_TAKING_MONEY, &reason));
            return Ok(());
        }
        let now = self.now();
        if !beside.proving && self.tried.contains_key(&request.request_id) {
            group.answer_now(reply, refuse(self, ResponseCode::BUSY, "its PIN is being looked at"));
            return Ok(());
        }
        if request.command.claim().is_some() && !self.budget.allows(&request.terminal, now.ms) {
            let detail = "too many cards that do not exist; wait a minute";
            group.answer_now(reply, refuse(self, ResponseCode::TOO_MANY_UNKNOWN_CARDS, detail));
            return Ok(());
        }
        if beside.personal_differs {
            let detail = "the personal fields are not what key 47 is over";
            group.answer_now(reply, refuse(self, ResponseCode::FORMAT_ERROR, detail));
            return Ok(());
        }
        let proven = beside.cashier_proven && self.still_works(&terminal, &request);
        if !proven && self.needs_cashier(&terminal, &request.command, now) {
            let detail = "the cashier in key 8 is not signed on in this session";
            group.answer_now(reply, refuse(self, ResponseCode::CASHIER_NOT_SIGNED_ON, detail));
            return Ok(());
        }
        self.prefetch(&request, &terminal, now)?;
        let original = self.original(group, &request)?;
        let entries = match &request.command {
            Command::Unload { claim, .. } => self.loads(group, claim.card)?,
            Command::Authorize { claim, .. } => self.opened_by(group, claim.card)?,
            _ => self.joined_by(group, original.as_ref())?,
        };
        let birthday = self.birthday_of(&request, original.as_ref(), now)?;
        let named = (original.as_ref(), entries.as_slice(), birthday);
        match self.enter(group, &terminal, &request, (signed, beside.personal), named, now) {
            Ok(waiting) => group.waiting.push((reply, waiting)),
            Err(fault) => {
                error!(terminal = request.terminal, stan = request.stan, %fault, "a request could not be decided");
                group.answer_now(
                    reply,
                    refuse(self, ResponseCode::SYSTEM_MALFUNCTION, "could not be decided"),
                );
            }
        }
        Ok(())
    }

    /// The terminal, when it may trade in this generation.
    pub(super) fn active_terminal(
        &self,
        terminal: &str,
        generation: u32,
    ) -> Result<Terminal, (ResponseCode, &'static str)> {
        match self.state.terminals.get(terminal) {
            Some(held) if held.generation == generation => match held.status {
                TerminalStatus::Active => Ok(held.clone()),
                TerminalStatus::Locked => Err((ResponseCode::TERMINAL_LOCKED, "locked; enrol again")),
                status => Err((ResponseCode::TERMINAL_NOT_ACTIVE, status.name())),
            },
            _ => Err((ResponseCode::TERMINAL_NOT_ACTIVE, "not this generation of an enrolled terminal")),
        }
    }

    /// Why this command is not taken now, if it is not.
    pub(super) fn no_money(&self, command: &Command) -> Option<String> {
        if let Some(reason) = &self.stopped {
            return Some(reason.clone());
        }
        let stops_at = match command {
            Command::Activate { .. } | Command::Load { .. } => Space::NoLoads,
            // What was taken by mistake always comes back, and what was taken is always written down.
            Command::Reversal { .. } | Command::Void { .. } | Command::CashTaken { .. } => return None,
            _ => Space::NoSales,
        };
        (self.space >= stops_at).then(|| "the disk is almost full; nothing was recorded".to_owned())
    }

    /// Whether the cashier whom a request names still works in its terminal's store: one who was ended has no session left.
    fn still_works(&self, terminal: &Terminal, request: &Request) -> bool {
        let held = request.cashier.as_ref().and_then(|cashier| self.state.cashiers.get(cashier));
        held.is_some_and(|held| held.works_at(&terminal.merchant, &terminal.store))
    }

    /// Whether a person must stand behind this message, and say who (PROTOCOL.md section 9.2).
    fn needs_cashier(&self, terminal: &Terminal, command: &Command, now: Now) -> bool {
        let unattended = matches!(
            command.message(),
            message::REVERSAL | message::RECONCILIATION | message::ADVICE | message::CASH_TAKEN
        );
        terminal.role == Role::Register && !unattended && self.in_force(now).programme.till.cashiers_sign_on
    }

    /// Brings into memory everything that the request names.
    pub(super) fn prefetch(
        &mut self,
        request: &Request,
        terminal: &Terminal,
        now: Now,
    ) -> Result<(), InDoubt> {
        if let Some(claim) = request.command.claim() {
            self.fetch_card(claim.card)?;
            self.fetch_referrer(claim.card)?;
        }
        if let Command::Join { referral: Some(code), .. } = &request.command
            && let Ok(referrer) = code.parse()
        {
            self.fetch_card(CardReference(referrer))?;
        }
        if let Command::Transfer { to, .. } = &request.command {
            self.fetch_card(*to)?;
        }
        if let Command::Advice { card, grant, .. } = &request.command {
            self.fetch_card(*card)?;
            self.fetch_referrer(*card)?;
            if let Some(grant) = grant {
                self.fetch(&Touched::Tally(of_grant(grant)))?;
                self.fetch(&Touched::Tally(of_grant_and_card(grant, *card)))?;
            }
        }
        if let Command::CashTaken { card: Some(card), .. } = &request.command {
            self.fetch_card(*card)?;
        }
        if let Some(shift) = request.shift {
            self.fetch(&Touched::Shift((request.terminal.clone(), request.generation, shift)))?;
        }
        if request.stan <= terminal.last_stan {
            let own = (request.terminal.clone(), request.generation, request.stan);
            self.fetch(&Touched::Tombstone(own))?;
        }
        if let Some(named) = request.command.original() {
            self.fetch(&Touched::Tombstone(named.identity()))?;
        }
        self.fetch_tallies(&request.terminal, request.cashier.as_deref(), now)
    }

    /// Brings in what terminal and cashier did today, where the programme limits it.
    pub(super) fn fetch_tallies(
        &mut self,
        terminal: &str,
        cashier: Option<&str>,
        now: Now,
    ) -> Result<(), InDoubt> {
        let programme = self.in_force(now).programme;
        if programme.terminal_day.is_some() {
            self.fetch(&Touched::Tally(of_terminal(terminal)))?;
        }
        if let Some(cashier) = cashier.filter(|_| programme.cashier_day.is_some()) {
            self.fetch(&Touched::Tally(of_cashier(cashier)))?;
        }
        Ok(())
    }

    /// What the journal, or this group, has under the STAN that the request names; its card, shift and fate in memory.
    pub(super) fn original(&mut self, group: &Group, request: &Request) -> Result<Option<Original>, InDoubt> {
        let Some(named) = request.command.original() else { return Ok(None) };
        let found = self.find_original(group, &identity(&named.terminal, named.generation, named.stan))?;
        let original = found.map(|original| self.followed(original)).transpose()?;
        if let Some(original) = &original {
            if let Some(card) = original.card {
                self.fetch_referrer(card)?;
            }
            self.fetch(&Touched::Transaction(original.index))?;
            if let Some(hold) = original.hold() {
                self.fetch(&Touched::Transaction(hold.id))?;
            }
            for effect in &original.effects {
                match effect {
                    Effect::Transaction { index, .. } => self.fetch(&Touched::Transaction(*index))?,
                    Effect::Tally { who, .. } => self.fetch(&Touched::Tally(who.clone()))?,
                    Effect::Exception { index, .. } => self.fetch(&Touched::Exception(*index))?,
                    _ => {}
                }
            }
            if let Some(shift) = original.shift {
                self.fetch(&Touched::Shift((original.terminal.clone(), original.generation, shift)))?;
            }
        }
        Ok(original)
    }

    /// The same, of the cards that its cards' places have gone to; all of them in memory.
    fn followed(&mut self, mut original: Original) -> Result<Original, InDoubt> {
        // Each round brings in the cards that have taken the place of those before.
        loop {
            let before = original.cards();
            for card in &before {
                self.fetch_card(*card)?;
            }
            original = original.followed(&self.state);
            if original.cards() == before {
                return Ok(original);
            }
        }
    }

    /// Loads that an unload of this card may pay out; their fates in memory.
    fn loads(&mut self, group: &Group, card: CardReference) -> Result<Vec<Original>, InDoubt> {
        let Some(card) = self.state.cards.get(&card).cloned() else { return Ok(Vec::new()) };
        loads_on(&card, |source| {
            let Some(found) = self.find_entry(group, source)? else { return Ok(None) };
            self.fetch(&Touched::Transaction(source))?;
            self.followed(found).map(Some)
        })
    }

    /// What has opened the holds on the lots that a card spends.
    fn opened_by(&mut self, group: &Group, card: CardReference) -> Result<Vec<Original>, InDoubt> {
        let mut found = Vec::new();
        for index in opened_by(&self.state, card) {
            if let Some(entry) = self.find_entry(group, index)? {
                found.push(self.followed(entry)?);
            }
        }
        Ok(found)
    }

    /// Purchases by which the card of an original became its member's.
    fn joined_by(&mut self, group: &Group, original: Option<&Original>) -> Result<Vec<Original>, InDoubt> {
        let mut found = Vec::new();
        for index in original.map_or(Vec::new(), |original| joined_by(&self.state, original)) {
            if let Some(entry) = self.find_entry(group, index)? {
                found.push(self.followed(entry)?);
            }
        }
        Ok(found)
    }

    /// Decides and appends. A decision is a pure function, so a panic in it harms nobody else.
    pub(super) fn enter(
        &mut self,
        group: &mut Group,
        terminal: &Terminal,
        request: &Request,
        (signed, personal): (Vec<u8>, Option<Personal>),
        (original, entries, birthday): (Option<&Original>, &[Original], Option<Born>),
        now: Now,
    ) -> Result<Waiting, Fault> {
        self.catch_up(group, request, original, now);
        let in_force = self.in_force(now);
        let quoted = request.quote.and_then(|id| self.quotes.find(&id));
        let quoted = quoted.filter(|quoted| quoted.covers(request, now));
        let honoured = quoted.map(|quoted| quoted.programme_version);
        let quoted_ms = quoted.map(|quoted| quoted.at.ms);
        let priced_by =
            self.programmes.iter().find(|p| Some(p.version) == honoured).unwrap_or(&in_force).clone();
        let index = self.next_index(group);
        let facts = Facts {
            state: &self.state,
            programme: &in_force.programme,
            pricing: &priced_by.programme,
            index,
            original,
            entries,
            quoted,
            birthday,
        };
        let decided = catch_unwind(AssertUnwindSafe(|| decide(facts, terminal, request, now)));
        let decision = decided.unwrap_or(Err(Fault::Misfit("a rule panicked")))?;
        if let Verdict::Declined(Decline::PinUntried(tried)) = decision.verdict {
            return self.count_pin_try(group, terminal, request, tried, now).map(Waiting::Ready);
        }
        if decision.verdict == Verdict::Declined(Decline::PinLocked) && self.is_tried_elsewhere(request) {
            // One of those that are being looked at may be the right one.
            let stan = Some(request.stan);
            let message = MessageType(request.command.message());
            let detail = "another PIN is being looked at; send it again";
            return Ok(Waiting::Ready(self.refuse(message, ResponseCode::BUSY, stan, detail)));
        }
        if let Verdict::Declined(Decline::CardNotAccepted | Decline::ReferralUnknown) = decision.verdict {
            self.budget.miss(&request.terminal, now.ms);
            warn!(terminal = request.terminal, stan = request.stan, "card not accepted");
        }
        if let Some(personal) = personal.filter(|_| decision.is_approved()) {
            self.keep_personal(request, &personal, now)?;
        }
        let occasion =
            Occasion { now, booked: self.booked_on(now), index, programme_version: priced_by.version };
        let cause = Cause {
            origin: Origin::Terminal { message: request.command.message(), signed },
            identity: Some(identity(&request.terminal, request.generation, request.stan)),
            request_id: request.request_id,
            merchant: &terminal.merchant,
            store: &terminal.store,
            now,
            quoted_ms: quoted_ms.filter(|_| decision.is_approved()),
            effects: decision.effects.clone(),
        };
        let programme = in_force.programme.as_ref();
        let body = |state: &State| Some(final_body(state, request, &decision, occasion, programme));
        let position = self.append(group, &priced_by, cause, body)?;
        if let Some(id) = request.quote.filter(|_| decision.is_approved()) {
            // It is honoured once.
            self.quotes.forget(&id);
        }
        Ok(Waiting::Fresh(position))
    }
}

fn final_body(
    state: &State,
    request: &Request,
    decision: &Decision,
    occasion: Occasion,
    programme: &Programme,
) -> (Vec<u8>, ResponseCode) {
    let card = decision.card.and_then(|card| state.cards.get(&card));
    let answer =
        translate::final_answer(request, decision, card.map(|card| (card, purse_of(state, card))), occasion);
    let tier = decision.tier.as_ref().and_then(|held| translate::tier(programme, held.as_ref()));
    let answer = Answer { tier, ..answer };
    (answer.encode(), answer.code)
}

pub(super) fn identity(terminal: &str, generation: u32, stan: u32) -> Identity {
    Identity { terminal: terminal.into(), generation, stan }
}
