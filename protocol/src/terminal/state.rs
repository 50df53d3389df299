//! What a terminal must never forget, and its encoding on the terminal's own storage.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use minicbor::Decoder;

use super::action::{Outcome, Verdict};
use super::offline::Allowance;
use crate::Sha256;
use crate::answer::Answer;
use crate::cbor::{
    Item, Map, Writer, expect_array, expect_uint, read_array_head, read_bytes, read_map, take_null,
};
use crate::code::ResponseCode;
use crate::error::{FormatError, Part, Problem};
use crate::field::{Blob, Currency, Generation, Hash, Installation, RequestId, Stan, TerminalId};
use crate::frame::{MAX_CONTENT, MessageType};
use crate::receipt::{Receipt, ReceiptFile};
use crate::request::{LastReceipt, MAX_RECEIPT};

const VERSION: u64 = 1;

/// Everything that must survive a power cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The terminal's name.
    pub terminal: TerminalId,
    /// The installation that this terminal is enrolled with.
    pub installation: Option<Installation>,
    /// `None` until it is enrolled.
    pub generation: Option<Generation>,
    /// From the enrolment or the last sign-on.
    pub currency: Option<Currency>,
    /// The highest STAN ever used in this generation, 0 for none.
    pub last_stan: u32,
    /// The newest receipt ever verified.
    pub last_receipt: Option<LastReceipt>,
    /// The newest offline grant and what was approved under it.
    pub(super) allowance: Option<Allowance>,
    /// Requests without a final answer, and results that the till has not acknowledged.
    pub(super) entries: BTreeMap<TransactionId, Entry>,
}

/// Which of a terminal's transactions: STANs begin again with every generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId {
    /// The generation in which it was made.
    pub generation: Generation,
    /// Its STAN.
    pub stan: Stan,
}

/// A request of the state, for a till that wants to look after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Which one.
    pub id: TransactionId,
    /// What it is.
    pub kind: MessageType,
    /// It was given up; its Reversal is being sent.
    pub given_up: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) kind: MessageType,
    pub(super) request: SignedRequest,
    pub(super) sidecar: Sidecar,
    /// There once the request was given up: from then on only this is sent.
    pub(super) reversal: Option<ReversalRequest>,
    pub(super) finished: Option<Finished>,
}

/// The signed bytes, and what they are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SignedRequest {
    pub(super) request_id: RequestId,
    pub(super) body: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReversalRequest {
    pub(super) stan: Stan,
    pub(super) signed: SignedRequest,
}

/// A request's sidecar. One with a PIN is never written to storage.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Sidecar {
    Durable(Vec<u8>),
    InMemory(Vec<u8>),
    /// It was in memory when the power went: the request cannot be sent again.
    Lost,
}

impl core::fmt::Debug for Sidecar {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Sidecar::Durable(_) => "Durable(hidden)",
            Sidecar::InMemory(_) => "InMemory(hidden)",
            Sidecar::Lost => "Lost",
        })
    }
}

/// A final result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finished {
    pub(super) verdict: Verdict,
    pub(super) code: ResponseCode,
    pub(super) answer: Option<StoredAnswer>,
}

/// A final answer and what proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredAnswer {
    /// The answer's body.
    pub(super) body: Blob<MAX_CONTENT>,
    /// From its sidecar.
    pub(super) details_hash: Hash,
    /// From its sidecar.
    pub(super) receipt: Blob<MAX_RECEIPT>,
}

impl State {
    /// A terminal that was never enrolled.
    pub const fn new(terminal: TerminalId) -> Self {
        State {
            terminal,
            installation: None,
            generation: None,
            currency: None,
            last_stan: 0,
            last_receipt: None,
            allowance: None,
            entries: BTreeMap::new(),
        }
    }

    /// Requests that have no final result yet, by rising generation and STAN.
    pub fn unfinished(&self) -> impl Iterator<Item = Unfinished> + '_ {
        self.entries.iter().filter(|(_, entry)| entry.finished.is_none()).map(|(id, entry)| Unfinished {
            id: *id,
            kind: entry.kind,
            given_up: entry.reversal.is_some(),
        })
    }

    /// Advices that have no answer, as they were signed: those still to be sent, and those of an earlier generation, which
    /// the gateway's operators can import (section 9.1).
    pub fn advices(&self) -> impl Iterator<Item = (TransactionId, &[u8])> + '_ {
        let unanswered = |entry: &Entry| {
            entry.finished.as_ref().is_none_or(|finished| finished.verdict == Verdict::Unresolved)
        };
        self.entries
            .iter()
            .filter(move |(_, entry)| entry.kind == MessageType::ADVICE && unanswered(entry))
            .map(|(id, entry)| (*id, &*entry.request.body))
    }

    /// The bytes for [`super::Action::Persist`].
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(256);
        let mut map = Map::open(&mut writer);
        map.put(0, &VERSION);
        map.put(1, &self.terminal);
        map.put_optional(2, self.installation.as_ref());
        map.put_optional(3, self.generation.as_ref());
        map.put_optional(4, self.currency.as_ref());
        map.put(5, &self.last_stan);
        map.put_optional(6, self.last_receipt.as_ref());
        let writer_of_entries = map.key(7);
        writer_of_entries.array(self.entries.len());
        for (id, entry) in &self.entries {
            entry.write(*id, writer_of_entries);
        }
        map.put_optional(8, self.allowance.as_ref());
        map.close();
        writer.finish()
    }

    /// Decodes what [`State::encode`] wrote. An error means that the storage is damaged: enrol again.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let (mut version, mut terminal, mut last_stan, mut entries) = (None, None, None, None);
        let (mut installation, mut generation, mut currency, mut last_receipt) = (None, None, None, None);
        let mut allowance = None;
        read_map(bytes, Part::TerminalState, |key, decoder| {
            match key {
                0 => version = Some(expect_uint(decoder, VERSION)?),
                1 => terminal = Some(Item::read(decoder)?),
                2 => installation = Some(Item::read(decoder)?),
                3 => generation = Some(Item::read(decoder)?),
                4 => currency = Some(Item::read(decoder)?),
                5 => last_stan = Some(Item::read(decoder)?),
                6 => last_receipt = Some(Item::read(decoder)?),
                7 => entries = Some(read_entries(decoder)?),
                8 => allowance = Some(Item::read(decoder)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let missing = |key| FormatError::at(Part::TerminalState, key, Problem::Missing);
        version.ok_or(missing(0))?;
        Ok(State {
            terminal: terminal.ok_or(missing(1))?,
            installation,
            generation,
            currency,
            last_stan: last_stan.ok_or(missing(5))?,
            last_receipt,
            allowance,
            entries: entries.ok_or(missing(7))?,
        })
    }

    /// The result of a finished request.
    pub(super) fn outcome(&self, id: TransactionId) -> Option<Outcome> {
        let entry = self.entries.get(&id)?;
        let finished = entry.finished.as_ref()?;
        let (kind, request) = match &entry.reversal {
            Some(reversal) => (MessageType::REVERSAL, &reversal.signed),
            None => (entry.kind, &entry.request),
        };
        let proof = finished.answer.as_ref().zip(self.installation).and_then(|(stored, installation)| {
            Some(ReceiptFile {
                installation,
                kind,
                request: Blob::new(request.body.clone())?,
                answer: stored.body.clone(),
                details_hash: stored.details_hash,
                receipt: stored.receipt.clone(),
            })
        });
        Some(Outcome {
            id,
            kind: entry.kind,
            request_id: entry.request.request_id,
            verdict: finished.verdict,
            code: finished.code,
            answer: finished.answer.as_ref().and_then(|stored| Answer::decode(stored.body.as_bytes()).ok()),
            proof,
        })
    }

    /// Keeps a verified receipt if it is newer than the one that is kept.
    pub(super) fn witness(&mut self, request_id: RequestId, stored: &StoredAnswer, sha256: Sha256) {
        let place = |receipt: &Blob<MAX_RECEIPT>| {
            Receipt::parse(receipt.as_bytes())
                .ok()
                .and_then(|receipt| Some((receipt.seal.epoch, receipt.index()?)))
        };
        let kept = self.last_receipt.as_ref().and_then(|last| place(&last.receipt));
        if place(&stored.receipt) > kept {
            self.last_receipt = Some(LastReceipt {
                request_id,
                answer_hash: Hash(sha256(&[stored.body.as_bytes()])),
                details_hash: stored.details_hash,
                receipt: stored.receipt.clone(),
            });
        }
    }
}

fn read_entries(decoder: &mut Decoder<'_>) -> Result<BTreeMap<TransactionId, Entry>, Problem> {
    let count = read_array_head(decoder)?;
    let mut entries = BTreeMap::new();
    for _ in 0..count {
        let (id, entry) = Entry::read(decoder)?;
        if entries.insert(id, entry).is_some() {
            return Err(Problem::Order);
        }
    }
    Ok(entries)
}

/// `[generation, STAN, kind, request, sidecar / null, [reversal stan, reversal] / null, finished / null]`.
impl Entry {
    /// The STAN of what is sent for this entry: its own, or that of its Reversal.
    pub(super) fn current_stan(&self, id: TransactionId) -> Stan {
        self.reversal.as_ref().map_or(id.stan, |reversal| reversal.stan)
    }

    fn write(&self, id: TransactionId, writer: &mut Writer) {
        writer.array(7);
        id.generation.write(writer);
        id.stan.write(writer);
        self.kind.0.write(writer);
        self.request.write(writer);
        match &self.sidecar {
            Sidecar::Durable(bytes) => writer.bytes(bytes),
            Sidecar::InMemory(_) | Sidecar::Lost => writer.null(),
        };
        self.reversal.write(writer);
        self.finished.write(writer);
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<(TransactionId, Self), Problem> {
        expect_array(decoder, 7)?;
        let id = TransactionId { generation: Item::read(decoder)?, stan: Item::read(decoder)? };
        let kind = MessageType(Item::read(decoder)?);
        let request = Item::read(decoder)?;
        let sidecar =
            if take_null(decoder) { Sidecar::Lost } else { Sidecar::Durable(read_bytes(decoder)?.to_vec()) };
        let reversal = Item::read(decoder)?;
        let finished = Item::read(decoder)?;
        Ok((id, Entry { kind, request, sidecar, reversal, finished }))
    }
}

impl Item for SignedRequest {
    fn write(&self, writer: &mut Writer) {
        writer.array(2).bytes(&self.request_id.0).bytes(&self.body);
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        expect_array(decoder, 2)?;
        Ok(SignedRequest { request_id: Item::read(decoder)?, body: read_bytes(decoder)?.to_vec() })
    }
}

impl Item for ReversalRequest {
    fn write(&self, writer: &mut Writer) {
        writer.array(2);
        self.stan.write(writer);
        self.signed.write(writer);
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        expect_array(decoder, 2)?;
        Ok(ReversalRequest { stan: Item::read(decoder)?, signed: Item::read(decoder)? })
    }
}

/// `[verdict, code, [answer body, details hash, receipt] / null]`.
impl Item for Finished {
    fn write(&self, writer: &mut Writer) {
        let verdict = Verdict::ALL.iter().position(|verdict| *verdict == self.verdict).unwrap_or_default();
        writer.array(3).uint(verdict as u64).uint(u64::from(self.code.0));
        self.answer.write(writer);
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        expect_array(decoder, 3)?;
        let verdict = Verdict::ALL.get(usize::from(u8::read(decoder)?)).ok_or(Problem::OutOfRange)?;
        Ok(Finished {
            verdict: *verdict,
            code: ResponseCode(Item::read(decoder)?),
            answer: Item::read(decoder)?,
        })
    }
}

impl Item for StoredAnswer {
    fn write(&self, writer: &mut Writer) {
        writer.array(3);
        self.body.write(writer);
        self.details_hash.write(writer);
        self.receipt.write(writer);
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        expect_array(decoder, 3)?;
        Ok(StoredAnswer {
            body: Item::read(decoder)?,
            details_hash: Item::read(decoder)?,
            receipt: Item::read(decoder)?,
        })
    }
}
