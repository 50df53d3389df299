//! Offline sales that come in from a file: those of a terminal that cannot send them itself any more (PROTOCOL.md section
//! 9.1). Each message is checked and decided like one from the wire, but for the terminal's status.

use minicbor::Decoder;
use protocol::answer::Answer;
use protocol::code::ResponseCode;
use protocol::cose::open_request;
use protocol::field::RequestId;
use protocol::frame::MessageType;
use protocol::request::{Request as WireRequest, RequestSidecar};
use serde::Serialize;
use tracing::{error, info};

use super::group::{Group, Waiting};
use super::value::identity;
use super::writer::{InDoubt, Writer};
use crate::domain::act::Act;
use crate::domain::{Command, Request, Terminal};
use crate::journal::sha256;
use crate::keys::{PublicKey, fingerprint, from_hex};
use crate::translate;

/// Most bytes of a file.
const MAX_FILE: usize = 1 << 20;
/// Most messages of a file: they are sealed as one group.
const MAX_MESSAGES: usize = 1000;

/// What became of one message of a file.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Imported {
    /// Its place in the file, from 1.
    pub message: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stan: Option<u32>,
    /// Its journal entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<u64>,
    /// Response code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u8>,
    /// `decided`, `known`, or why it was not taken.
    pub outcome: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shortfall_minor: Option<i64>,
}

impl Writer {
    /// An act that names a file must come with it the first time, and no other act with one.
    pub(super) fn check_file(&self, act: &Act, confirms: Option<u32>, file: &[u8]) -> Result<(), String> {
        match act {
            Act::AdviceImport { file: hash, .. } if confirms.is_none() => {
                let messages = messages(file).len();
                if file.is_empty() || file.len() > MAX_FILE || messages == 0 || messages > MAX_MESSAGES {
                    return Err(format!("a file has 1 to {MAX_MESSAGES} messages and {MAX_FILE} bytes"));
                }
                if sha256(&[file]) != *hash {
                    return Err("that is not the file that was signed for".into());
                }
            }
            Act::AdviceImport { .. } => {
                let advice = Command::Advice {
                    card: crate::domain::CardReference(0),
                    amount: 0,
                    grant: None,
                    time_s: 0,
                };
                if let Some(reason) = self.no_money(&advice) {
                    return Err(reason);
                }
            }
            _ if !file.is_empty() => return Err("this act needs no file".into()),
            _ => {}
        }
        Ok(())
    }

    /// Decides every message of a file; a bad one harms no other.
    pub(super) fn import(
        &mut self,
        group: &mut Group,
        terminal: &str,
        file: &[u8],
    ) -> Result<Vec<Imported>, InDoubt> {
        let mut report = Vec::new();
        for (message, bytes) in (1..).zip(messages(file)) {
            let line = match bytes {
                Some(bytes) => self.import_one(group, terminal, bytes)?,
                None => refused("cannot be read"),
            };
            report.push(Imported { message, ..line });
        }
        info!(terminal, messages = report.len(), "offline sales from a file");
        Ok(report)
    }

    fn import_one(
        &mut self,
        group: &mut Group,
        terminal: &str,
        signed: Vec<u8>,
    ) -> Result<Imported, InDoubt> {
        let Some(held) = self.state.terminals.get(terminal).cloned() else {
            return Ok(refused("there is no such terminal"));
        };
        let request = match self.read_advice(&held, &signed) {
            Ok(request) => request,
            Err(why) => return Ok(refused(why)),
        };
        let stan = Some(request.stan);
        let own = identity(&request.terminal, request.generation, request.stan);
        if request.stan <= held.last_stan
            && let Some(known) = self.known(group, MessageType::ADVICE, &own, request.request_id)?
        {
            let line = told(body_of(group, known).as_deref(), "known");
            let other = line.code == Some(ResponseCode::STAN_USED.0);
            let outcome = if other { "this STAN was used for another request".into() } else { line.outcome };
            return Ok(Imported { stan, outcome, ..line });
        }
        let now = self.now();
        self.prefetch(&request, &held, now)?;
        let birthday = self.birthday_of(&request, None, now)?;
        match self.enter(group, &held, &request, (signed, None), (None, &[], birthday), now) {
            Ok(decided) => Ok(Imported { stan, ..told(body_of(group, decided).as_deref(), "decided") }),
            Err(fault) => {
                error!(terminal, stan, %fault, "a message of a file could not be decided");
                Ok(Imported { stan, ..refused("could not be decided") })
            }
        }
    }

    /// The Advice, when the terminal has signed it with the key of its last generation.
    fn read_advice(&self, held: &Terminal, signed: &[u8]) -> Result<Request, &'static str> {
        let installation = &self.sealer.installation;
        let opened = open_request(signed, installation, MessageType::ADVICE).map_err(|_| "cannot be read")?;
        let wire = WireRequest::decode_payload(MessageType::ADVICE, opened.payload)
            .map_err(|_| "is no Advice, or one that cannot be read")?;
        if wire.header.terminal.as_str() != held.terminal {
            return Err("is another terminal's");
        }
        if wire.header.generation.map(|generation| generation.get()) != Some(held.generation) {
            return Err("is of another generation than the terminal's last");
        }
        let key = PublicKey::from_spki(&held.public_key).ok_or("has no key to be checked with")?;
        let own = opened.algorithm.number() == held.algorithm
            && wire.header.key_id.0 == fingerprint(&held.public_key)[..4]
            && key.verify(&opened.to_be_signed, opened.signature);
        if !own {
            return Err("is not signed with the terminal's key");
        }
        let request_id = RequestId::of(&opened.to_be_signed, sha256).0;
        let none = RequestSidecar::default();
        translate::command(&wire, request_id, &none, &|_| None, &self.word()).ok_or("is no value message")
    }
}

fn refused(why: &str) -> Imported {
    Imported { outcome: why.into(), ..Imported::default() }
}

fn body_of(group: &Group, answer: Waiting) -> Option<Vec<u8>> {
    match answer {
        Waiting::Ready(reply) => Some(reply.body),
        Waiting::Fresh(position) | Waiting::Repeated(position) => {
            Some(group.entries.get(position)?.answer.as_ref()?.0.clone())
        }
    }
}

/// A line from what the terminal would have been answered.
fn told(body: Option<&[u8]>, outcome: &str) -> Imported {
    let Some(answer) = body.and_then(|body| Answer::decode(body).ok()) else {
        return refused("has an answer that cannot be read");
    };
    Imported {
        reference: answer.reference,
        code: Some(answer.code.0),
        outcome: outcome.into(),
        amount_minor: answer.approved_amount.map(|amount| amount.get()),
        shortfall_minor: answer.shortfall.map(|amount| amount.get()),
        ..Imported::default()
    }
}

/// The messages of a file: lines of hex, or a CBOR sequence. What cannot be taken apart is `None`.
fn messages(file: &[u8]) -> Vec<Option<Vec<u8>>> {
    let is_text = |byte: &u8| byte.is_ascii_hexdigit() || byte.is_ascii_whitespace();
    if file.iter().all(is_text) {
        let text = String::from_utf8_lossy(file);
        return text.split_whitespace().map(from_hex).collect();
    }
    let mut found = Vec::new();
    let mut rest = file;
    while !rest.is_empty() {
        let mut decoder = Decoder::new(rest);
        let whole = decoder.skip().ok().and_then(|()| rest.split_at_checked(decoder.position()));
        let Some((item, after)) = whole.filter(|(item, _)| !item.is_empty()) else {
            found.push(None);
            break;
        };
        found.push(Some(item.to_vec()));
        rest = after;
    }
    found
}
