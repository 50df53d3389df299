//! Requests that were decided before: every byte that an answer rests on is verified against its seal first.

use protocol::answer::Answer;
use protocol::code::ResponseCode;
use protocol::cose::Sign1;
use protocol::frame::MessageType;
use protocol::receipt::Seal;
use protocol::request::Request as WireRequest;
use tracing::error;

use super::Reply;
use super::group::{Group, Waiting, sidecar};
use super::writer::{InDoubt, Writer, in_doubt};
use crate::domain::card::CardReference;
use crate::domain::effect::TransactionState;
use crate::domain::original::Original;
use crate::domain::state::Touched;
use crate::journal::record::{Origin, Record, answer_hash};
use crate::journal::seal::{Sealed, leaf_of, seal_verifies};
use crate::journal::{sha256, walk};
use crate::keys::PublicKey;
use crate::storage::{Identity, Row, StorageError};
use crate::translate;

/// A stored entry whose leaf, tree and seal were found to be right.
pub(super) struct Verified {
    pub index: u64,
    pub request_id: [u8; 32],
    pub details_hash: [u8; 32],
    pub receipt: Option<Vec<u8>>,
    pub record: Record,
}

pub(super) fn damaged(what: &str) -> InDoubt {
    InDoubt {
        doing: "reading the journal",
        source: StorageError::Snapshot(format!("{what}; run `journal verify`")),
    }
}

impl Writer {
    /// What to answer to a request whose STAN was decided before; `None` when it was not.
    pub(super) fn known(
        &mut self,
        group: &Group,
        message: MessageType,
        identity: &Identity,
        request_id: [u8; 32],
    ) -> Result<Option<Waiting>, InDoubt> {
        if let Some(position) = group.by_identity.get(identity) {
            let same = group.entries.get(*position).is_some_and(|entry| entry.request_id == request_id);
            let other = || Waiting::Ready(self.stan_used(message, identity));
            return Ok(Some(if same { Waiting::Repeated(*position) } else { other() }));
        }
        let Some(index) = self.storage.find(identity).map_err(in_doubt("looking up a request"))? else {
            return Ok(None);
        };
        let entry = self.verified(index)?;
        if entry.request_id != request_id {
            return Ok(Some(Waiting::Ready(self.stan_used(message, identity))));
        }
        self.stored_reply(&entry).map(|reply| reply.map(Waiting::Ready))
    }

    fn stan_used(&self, message: MessageType, identity: &Identity) -> Reply {
        self.metrics.stan_mismatch();
        error!(
            terminal = identity.terminal,
            stan = identity.stan,
            "alarm: this STAN was used for another request"
        );
        let detail = "this STAN was used for another request";
        self.refuse(message, ResponseCode::STAN_USED, Some(identity.stan), detail)
    }

    /// The stored answer with its receipt and its present status.
    pub(super) fn stored_reply(&mut self, entry: &Verified) -> Result<Option<Reply>, InDoubt> {
        let Some(body) = entry.record.answer.clone() else { return Ok(None) };
        let code = Answer::decode(&body).map_err(|_| damaged("an answer cannot be read"))?.code;
        let state = self.present_state(entry.index, code)?;
        let status = self.sealer.status(
            entry.request_id,
            translate::wire_state(state),
            &self.head,
            self.now_ms().div_euclid(1000),
        );
        let sidecar = sidecar(entry.receipt.clone(), entry.details_hash, Some(status));
        Ok(Some(Reply { code, body, sidecar, repeat: true, untried: None }))
    }

    /// Where a transaction stands now.
    pub(super) fn present_state(
        &mut self,
        index: u64,
        code: ResponseCode,
    ) -> Result<TransactionState, InDoubt> {
        let touched = Touched::Transaction(index);
        self.fetch(&touched)?;
        Ok(self.state.transactions.get(&index).map_or(translate::state_when_decided(code), |fate| fate.state))
    }

    /// Reads an entry and checks it up to the gateway's signature.
    pub(super) fn verified(&self, index: u64) -> Result<Verified, InDoubt> {
        let reading = || in_doubt("reading the journal");
        let row =
            self.storage.entry(index).map_err(reading())?.ok_or_else(|| damaged("an entry is missing"))?;
        let (record, details) =
            Record::decode(&row.record).map_err(|_| damaged("a record cannot be read"))?;
        let details_hash = sha256(&[details]);
        let request_id = walk::request_id(&record.origin, &self.sealer.installation)
            .ok_or_else(|| damaged("an origin cannot be read"))?;
        let leaf = leaf_of(request_id, answer_hash(record.answer.as_deref()), details_hash);
        if leaf != row.leaf {
            return Err(damaged("an entry does not match its leaf"));
        }
        let receipt = self.stored_receipt(&row)?;
        Ok(Verified { index, request_id, details_hash, receipt, record })
    }

    fn stored_receipt(&self, row: &Row) -> Result<Option<Vec<u8>>, InDoubt> {
        let reading = || in_doubt("reading the journal");
        let stored =
            self.storage.seal(row.group).map_err(reading())?.ok_or_else(|| damaged("a seal is missing"))?;
        let previous = match row.group.checked_sub(1) {
            None | Some(0) => [0; 32],
            Some(group) => {
                let before = self.storage.seal(group).map_err(reading())?;
                sha256(&[&before.ok_or_else(|| damaged("a seal is missing"))?.seal])
            }
        };
        let leaves = self.storage.leaves(&stored).map_err(reading())?;
        let seal = Seal::parse(&stored.seal).map_err(|_| damaged("a seal cannot be read"))?;
        let key = PublicKey::from_spki(&self.state.gateway_key).ok_or_else(|| damaged("no gateway key"))?;
        if !seal_verifies(&seal, &self.sealer.installation, &key) {
            return Err(damaged("a seal's signature does not verify"));
        }
        let sealed = Sealed::stored(&seal, &stored.seal, &previous, &leaves)
            .ok_or_else(|| damaged("a group does not match its seal"))?;
        let position = row.index.checked_sub(stored.first_index).and_then(|p| usize::try_from(p).ok());
        Ok(position.and_then(|position| sealed.receipt(position)))
    }

    /// The transaction under an identity, as far as a reversal needs it.
    pub(super) fn find_original(
        &self,
        group: &Group,
        identity: &Identity,
    ) -> Result<Option<Original>, InDoubt> {
        if let Some(position) = group.by_identity.get(identity) {
            let index = self.head.index.saturating_add(1).saturating_add(*position as u64);
            return self.find_entry(group, index);
        }
        let found = self.storage.find(identity).map_err(in_doubt("looking up a request"))?;
        found.map_or(Ok(None), |index| self.find_entry(group, index))
    }

    /// An entry with its request id, in this group or behind it.
    pub(super) fn entry_at(&self, group: &Group, index: u64) -> Result<(Record, [u8; 32]), InDoubt> {
        if let Some(found) = self.in_group(group, index)? {
            return Ok(found);
        }
        let entry = self.verified(index)?;
        Ok((entry.record, entry.request_id))
    }

    /// An entry that waits for this group's commit.
    pub(super) fn in_group(&self, group: &Group, index: u64) -> Result<Option<(Record, [u8; 32])>, InDoubt> {
        let first = self.head.index.saturating_add(1);
        let position = index.checked_sub(first).and_then(|position| usize::try_from(position).ok());
        let Some(entry) = position.and_then(|position| group.entries.get(position)) else { return Ok(None) };
        let (record, _) = Record::decode(&entry.record).map_err(|_| damaged("a record cannot be read"))?;
        Ok(Some((record, entry.request_id)))
    }

    /// The transaction of an entry, in this group or behind it; `None` when no terminal asked for it.
    pub(super) fn find_entry(&self, group: &Group, index: u64) -> Result<Option<Original>, InDoubt> {
        let (record, request_id) = self.entry_at(group, index)?;
        match record.origin {
            Origin::Terminal { .. } => remembered(index, request_id, &record).map(Some),
            _ => Ok(None),
        }
    }
}

/// The request of a terminal's entry; `None` for another origin, or when it cannot be read.
pub(super) fn request_of(origin: &Origin) -> Option<(MessageType, WireRequest)> {
    let Origin::Terminal { message, signed } = origin else { return None };
    let message = MessageType(*message);
    let request = WireRequest::decode_payload(message, Sign1::parse(signed).ok()?.payload?).ok()?;
    Some((message, request))
}

/// What the journal remembers of an entry that a terminal caused.
pub(crate) fn remembered(index: u64, request_id: [u8; 32], record: &Record) -> Result<Original, InDoubt> {
    let answer = record.answer.as_deref().and_then(|body| Answer::decode(body).ok());
    let answer = answer.ok_or_else(|| damaged("an answer cannot be read"))?;
    let (message, request) =
        request_of(&record.origin).ok_or_else(|| damaged("a terminal's request cannot be read"))?;
    Ok(Original {
        index,
        request_id,
        message: message.0,
        terminal: request.header.terminal.as_str().into(),
        generation: request.header.generation.map_or(0, |generation| generation.get()),
        merchant: record.details.merchant.clone(),
        store: record.details.store.clone(),
        business_date: record.details.business_date,
        shift: request.header.shift.map(|shift| shift.get()),
        card: answer.card.map(|card| CardReference(card.number())),
        approved: answer.code.is_approval(),
        approved_amount: answer.approved_amount.map_or(0, |amount| amount.get()),
        lines: translate::lines(&request.body),
        reasons: translate::reasons(answer.explanation.as_ref()),
        effects: record.details.effects.clone(),
        by_joining: None,
    })
}

/// An entry that is no transaction of a terminal's, by what it did.
pub(crate) fn in_effect(record: &Record) -> Original {
    let details = &record.details;
    Original {
        index: details.index,
        request_id: [0; 32],
        message: 0,
        terminal: String::new(),
        generation: 0,
        merchant: details.merchant.clone(),
        store: details.store.clone(),
        business_date: details.business_date,
        shift: None,
        card: None,
        approved: true,
        approved_amount: 0,
        lines: Vec::new(),
        reasons: Vec::new(),
        by_joining: None,
        effects: details.effects.clone(),
    }
}
