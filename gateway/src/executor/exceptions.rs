//! What people have to look into, as the operators see it.

use protocol::answer::Answer;
use protocol::request::Body;
use serde_json::{Value, json};

use super::group::Group;
use super::known::{damaged, in_effect, remembered, request_of};
use super::value::identity;
use super::writer::{InDoubt, Writer, in_doubt};
use crate::domain::act::Act;
use crate::domain::effect::TransactionState;
use crate::domain::exception::{Exception, ExceptionKind};
use crate::domain::settle::About;
use crate::domain::state::Touched;
use crate::domain::{Named, Original};
use crate::journal::record::{Origin, Record};

/// Most exceptions that one answer lists: the newest.
const LISTED: usize = 1000;

/// The load that a claim names, and what it is by now.
#[derive(Debug)]
pub(super) struct NamedLoad {
    named: Named,
    state: TransactionState,
    /// Nothing is known under its STAN, and the claim is of its own terminal and later: it may still come.
    waits: bool,
}

/// An entry that an act is about, and the load that it names.
pub(super) struct Subject {
    pub entry: Original,
    load: Option<NamedLoad>,
    /// Another claim for that load, which is settled.
    settled_claim: Option<u64>,
}

impl Subject {
    pub(super) fn about(&self) -> About<'_> {
        use TransactionState::{Blocked, Declined, Reversed, Unknown, Voided};
        let load = self.load.as_ref();
        let stands =
            load.is_some_and(|load| !matches!(load.state, Blocked | Declined | Reversed | Unknown | Voided));
        let waits = load.filter(|load| load.waits).map(|load| &load.named);
        About {
            entry: &self.entry,
            load_stands: stands,
            load_waits: waits,
            settled_claim: self.settled_claim,
        }
    }
}

impl Writer {
    /// The entry that an act is about, of which an exception is open or was, and the load that it names.
    pub(super) fn entry_of_act(&mut self, group: &Group, act: &Act) -> Result<Option<Subject>, InDoubt> {
        let Act::ExceptionSettle { index, .. } = act else { return Ok(None) };
        if !self.state.exceptions.contains_key(index) {
            return Ok(None);
        }
        let (record, request_id) = self.entry_at(group, *index)?;
        let load = self.named_load(group, &record)?;
        let entry = match &record.origin {
            Origin::Terminal { .. } => remembered(*index, request_id, &record)?,
            _ => in_effect(&record),
        };
        let settled_claim = self.settled_claim(group, *index, load.as_ref())?;
        Ok(Some(Subject { entry, load, settled_claim }))
    }

    /// A settled claim, other than this, for the same load.
    fn settled_claim(
        &mut self,
        group: &Group,
        index: u64,
        load: Option<&NamedLoad>,
    ) -> Result<Option<u64>, InDoubt> {
        let Some(load) = load else { return Ok(None) };
        let settled = |held: &Exception| held.kind == ExceptionKind::CashTaken && !held.open;
        let others = self.state.exceptions.iter().filter(|(other, held)| **other != index && settled(held));
        let others: Vec<u64> = others.map(|(other, _)| *other).collect();
        for other in others {
            let (record, _) = self.entry_at(group, other)?;
            if load_of(&record).is_some_and(|named| named == load.named) {
                return Ok(Some(other));
            }
        }
        Ok(None)
    }

    /// What the load is by now that a CashTaken names; `None` when the entry names none.
    fn named_load(&mut self, group: &Group, record: &Record) -> Result<Option<NamedLoad>, InDoubt> {
        let Some((named, (_, request))) = load_of(record).zip(request_of(&record.origin)) else {
            return Ok(None);
        };
        let tombstone = Touched::Tombstone(named.identity());
        self.fetch(&tombstone)?;
        if self.state.cell(&tombstone).is_some() {
            return Ok(Some(NamedLoad { named, state: TransactionState::Blocked, waits: false }));
        }
        let Some(load) =
            self.find_original(group, &identity(&named.terminal, named.generation, named.stan))?
        else {
            let header = &request.header;
            let own = header.terminal.as_str() == named.terminal
                && header.generation.map(|generation| generation.get()) == Some(named.generation);
            let waits = own && header.stan.is_some_and(|stan| named.stan < stan.get());
            return Ok(Some(NamedLoad { named, state: TransactionState::Unknown, waits }));
        };
        if load.request_id != named.request_id {
            return Ok(Some(NamedLoad { named, state: TransactionState::Unknown, waits: false }));
        }
        self.fetch(&Touched::Transaction(load.index))?;
        let decided = if load.approved { TransactionState::Live } else { TransactionState::Declined };
        let state = self.state.transactions.get(&load.index).map_or(decided, |fate| fate.state);
        Ok(Some(NamedLoad { named, state, waits: false }))
    }

    /// The list, the newest first.
    pub(super) fn exceptions(&mut self, group: &Group, all: bool) -> Result<Value, InDoubt> {
        let mut rows = Vec::new();
        let wanted = self.state.exceptions.iter().rev().filter(|(_, held)| all || held.open);
        let wanted: Vec<(u64, Exception)> =
            wanted.take(LISTED).map(|(index, held)| (*index, *held)).collect();
        for (index, held) in wanted {
            let record = match self.in_group(group, index)? {
                Some((record, _)) => record,
                None => {
                    let row = self.storage.entry(index).map_err(in_doubt("reading the journal"))?;
                    let row = row.ok_or_else(|| damaged("an entry is missing"))?;
                    Record::decode(&row.record).map_err(|_| damaged("a record cannot be read"))?.0
                }
            };
            let load = self.named_load(group, &record)?;
            rows.push(exception_row(index, &held, &record, load.as_ref()));
        }
        Ok(json!({ "exceptions": rows }))
    }
}

/// The load that a CashTaken names.
fn load_of(record: &Record) -> Option<Named> {
    let (_, request) = request_of(&record.origin)?;
    let Body::CashTaken { original: Some(named), .. } = &request.body else { return None };
    Some(Named {
        terminal: named.terminal.as_str().into(),
        generation: named.generation.get(),
        stan: named.stan.get(),
        request_id: named.request_id.0,
    })
}

fn exception_row(index: u64, held: &Exception, record: &Record, load: Option<&NamedLoad>) -> Value {
    let details = &record.details;
    let request = request_of(&record.origin).map(|(_, request)| request);
    let header = request.as_ref().map(|request| &request.header);
    let terminal = header.map(|header| header.terminal.as_str().to_owned());
    // As it is printed for the customer.
    let claim = header.and_then(|header| {
        let (generation, stan) = (header.generation?.get(), header.stan?.get());
        Some(format!("{}-{generation}-{stan}", header.terminal.as_str()))
    });
    let told = record.answer.as_deref().and_then(|body| Answer::decode(body).ok());
    let card = request.as_ref().and_then(|request| request.body.card());
    let card = card.or(told.and_then(|told| told.card));
    let date = details.business_date;
    json!({
        "reference": index,
        "what": held.kind.name(),
        "kind": held.kind as u8,
        "amount_minor": held.amount,
        "bearer": held.bearer.name(),
        "terminal": terminal,
        "claim": claim,
        "card": card.map(|card| card.number().to_string()),
        "load": load.map(|load| load_name(load.state)),
        "store": details.store,
        "date": format!("{:04}-{:02}-{:02}", date / 10_000, date / 100 % 100, date % 100),
        "since": jiff::Timestamp::from_millisecond(details.time_ms).map(|time| time.to_string()).ok(),
        "open": held.open,
    })
}

/// What became of the load that a claim names, for people.
fn load_name(state: TransactionState) -> &'static str {
    match state {
        TransactionState::Unknown => "never came; it may still",
        TransactionState::Blocked => "never came",
        TransactionState::Declined => "declined",
        TransactionState::Reversed | TransactionState::Voided => "undone",
        _ => "stands",
    }
}
