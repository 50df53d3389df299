//! What people have to look into, as the operators see it.

use protocol::cose::Sign1;
use protocol::frame::MessageType;
use protocol::request::{Body, Request as WireRequest};
use serde_json::{Value, json};

use super::group::Group;
use super::known::{damaged, remembered};
use super::value::identity;
use super::writer::{InDoubt, Writer, in_doubt};
use crate::domain::Original;
use crate::domain::act::Act;
use crate::domain::effect::TransactionState;
use crate::domain::exception::Exception;
use crate::domain::state::Touched;
use crate::journal::record::{Origin, Record};

/// Most exceptions that one answer lists: the newest.
const LISTED: usize = 1000;

impl Writer {
    /// The entry that an act is about, of which an exception is open or was, and whether a load that it names stands.
    pub(super) fn entry_of_act(
        &mut self,
        group: &Group,
        act: &Act,
    ) -> Result<Option<(Original, bool)>, InDoubt> {
        let Act::ExceptionSettle { index, .. } = act else { return Ok(None) };
        if !self.state.exceptions.contains_key(index) {
            return Ok(None);
        }
        let (record, request_id) = match self.in_group(group, *index)? {
            Some(found) => found,
            None => {
                let entry = self.verified(*index)?;
                (entry.record, entry.request_id)
            }
        };
        let load = self.named_load(group, &record)?;
        let stands = load.is_some_and(|state| {
            use TransactionState::{Blocked, Declined, Reversed, Unknown, Voided};
            !matches!(state, Blocked | Declined | Reversed | Unknown | Voided)
        });
        Ok(Some((remembered(*index, request_id, &record)?, stands)))
    }

    /// What the load is by now that a CashTaken names; `None` when the entry names none.
    fn named_load(&mut self, group: &Group, record: &Record) -> Result<Option<TransactionState>, InDoubt> {
        let Some(request) = request_of(&record.origin) else { return Ok(None) };
        let Body::CashTaken { original: Some(named), .. } = &request.body else { return Ok(None) };
        let (terminal, generation, stan) =
            (named.terminal.as_str(), named.generation.get(), named.stan.get());
        let tombstone = Touched::Tombstone((terminal.to_owned(), generation, stan));
        self.fetch(&tombstone)?;
        if self.state.cell(&tombstone).is_some() {
            return Ok(Some(TransactionState::Blocked));
        }
        let found = self.find_original(group, &identity(terminal, generation, stan))?;
        let Some(load) = found.filter(|load| load.request_id == named.request_id.0) else {
            return Ok(Some(TransactionState::Unknown));
        };
        self.fetch(&Touched::Transaction(load.index))?;
        let decided = if load.approved { TransactionState::Live } else { TransactionState::Declined };
        Ok(Some(self.state.transactions.get(&load.index).map_or(decided, |fate| fate.state)))
    }

    /// An entry that waits for this group's commit.
    fn in_group(&self, group: &Group, index: u64) -> Result<Option<(Record, [u8; 32])>, InDoubt> {
        let first = self.head.index.saturating_add(1);
        let position = index.checked_sub(first).and_then(|position| usize::try_from(position).ok());
        let Some(entry) = position.and_then(|position| group.entries.get(position)) else { return Ok(None) };
        let (record, _) = Record::decode(&entry.record).map_err(|_| damaged("a record cannot be read"))?;
        Ok(Some((record, entry.request_id)))
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
            rows.push(exception_row(index, &held, &record, load));
        }
        Ok(json!({ "exceptions": rows }))
    }
}

fn exception_row(index: u64, held: &Exception, record: &Record, load: Option<TransactionState>) -> Value {
    let details = &record.details;
    let request = request_of(&record.origin);
    let header = request.as_ref().map(|request| &request.header);
    let terminal = header.map(|header| header.terminal.as_str().to_owned());
    // As it is printed for the customer.
    let claim = header.and_then(|header| {
        let (generation, stan) = (header.generation?.get(), header.stan?.get());
        Some(format!("{}-{generation}-{stan}", header.terminal.as_str()))
    });
    let card = request.as_ref().and_then(|request| request.body.card());
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
        "load": load.map(load_name),
        "store": details.store,
        "date": format!("{:04}-{:02}-{:02}", date / 10_000, date / 100 % 100, date % 100),
        "since": jiff::Timestamp::from_millisecond(details.time_ms).map(|time| time.to_string()).ok(),
        "open": held.open,
    })
}

/// The request of a terminal's entry.
fn request_of(origin: &Origin) -> Option<WireRequest> {
    let Origin::Terminal { message, signed } = origin else { return None };
    let payload = Sign1::parse(signed).ok()?.payload?;
    WireRequest::decode_payload(MessageType(*message), payload).ok()
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
