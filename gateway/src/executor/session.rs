//! Sign-on, enrolment and inquiries.

use protocol::answer::{Answer, CurrencyUnit, InFlight, Limits};
use protocol::code::ResponseCode;
use protocol::field::{Code, Generation, ProgrammeDigest, Role as WireRole, TotalMinor, UnixSeconds};
use protocol::frame::MessageType;
use protocol::receipt::{Receipt, entry_leaf};
use protocol::request::LastReceipt;
use tokio::sync::oneshot;
use tracing::{error, info, warn};

use super::group::{Cause, Group, Waiting};
use super::value::identity;
use super::writer::{InDoubt, InForce, Writer, in_doubt};
use super::{Enrolment, Reply, SignOn};
use crate::domain::Now;
use crate::domain::act::with_status;
use crate::domain::archive::BACKUP_HORIZON_S;
use crate::domain::effect::Effect;
use crate::domain::{Terminal, TerminalStatus};
use crate::journal::record::Origin;
use crate::journal::sha256;
use crate::keys::PublicKey;
use crate::translate;

/// Wrong tries after which an enrolment code is dead.
const CODE_TRIES: u8 = 5;

/// What a terminal without a clock says that its time is.
const NO_CLOCK: i64 = 0;

/// What a terminal's last receipt says about this journal.
enum Witness {
    Agrees,
    Unverifiable,
    /// The journal lost what the receipt proves.
    Lost(u64),
}

impl Writer {
    /// Opens a session; a terminal that knows more than the journal stops everything, one that knows less is locked.
    pub(super) fn sign_on(
        &mut self,
        group: &mut Group,
        sign_on: SignOn,
        reply: oneshot::Sender<Reply>,
    ) -> Result<(), InDoubt> {
        let SignOn { terminal, generation, last_stan, last_receipt, time_s } = sign_on;
        let message = MessageType::SIGN_ON;
        let held = match self.active_terminal(&terminal, generation) {
            Ok(held) => held,
            Err((code, detail)) => {
                let refusal = self.refuse(message, code, None, detail);
                group.answer_now(reply, refusal);
                return Ok(());
            }
        };
        if let Some(last) = last_receipt {
            match self.witness(&last)? {
                Witness::Agrees => {}
                Witness::Unverifiable => {
                    let refusal = self.refuse(
                        message,
                        ResponseCode::SECURITY_VIOLATION,
                        None,
                        "last receipt does not verify",
                    );
                    group.answer_now(reply, refusal);
                    return Ok(());
                }
                Witness::Lost(index) => {
                    self.stop(format!(
                        "{terminal} holds a receipt for entry {index}, which the journal lacks"
                    ));
                }
            }
        }
        if held.last_stan > last_stan {
            return self.lock(group, &held, last_stan, reply);
        }
        if time_s != NO_CLOCK {
            self.timekeeper.hear(&terminal, time_s.saturating_mul(1000), self.clock.steady_ms());
            self.look_at_clock();
        }
        let now = self.now();
        let answer = Answer { grant: self.grant(&held, now), ..self.session_answer(&held, now) };
        group.answer_now(reply, ready(&answer));
        info!(terminal, generation, last_stan, "signed on");
        Ok(())
    }

    fn session_answer(&self, held: &Terminal, now: Now) -> Answer {
        let in_force = self.in_force(now);
        Answer {
            business_date: self.dated(now),
            programme_version: Some(in_force.version.into()),
            in_flight: InFlight::new(i64::from(self.in_flight)),
            heartbeat_seconds: Some(self.heartbeat_s),
            programme_digest: Some(ProgrammeDigest(in_force.digest)),
            host_last_stan: Some(held.last_stan),
            backup_horizon: UnixSeconds::new(now.s().saturating_sub(BACKUP_HORIZON_S)),
            ..with_enrolment(
                Answer::new(MessageType::SIGN_ON, ResponseCode::APPROVED, translate::unix_seconds(now)),
                held,
                &in_force,
            )
        }
    }

    /// Checks a receipt of our own against the journal.
    fn witness(&self, last: &LastReceipt) -> Result<Witness, InDoubt> {
        let Ok(receipt) = Receipt::parse(last.receipt.as_bytes()) else { return Ok(Witness::Unverifiable) };
        let leaf = entry_leaf(&last.request_id, &last.answer_hash, &last.details_hash);
        let Some(key) = PublicKey::from_spki(&self.state.gateway_key) else {
            return Ok(Witness::Unverifiable);
        };
        let verify = |message: &[u8], signature: &[u8]| key.verify(message, signature);
        let Ok(checked) = receipt.verify(&leaf, &self.sealer.installation, sha256, &verify) else {
            return Ok(Witness::Unverifiable);
        };
        if checked.seal.epoch != self.head.epoch {
            return Ok(Witness::Agrees);
        }
        let row = self.storage.entry(checked.index).map_err(in_doubt("reading the journal"))?;
        let ours = row.map(|row| row.leaf);
        let theirs = protocol::merkle::leaf_hash(&leaf, sha256).0;
        Ok(if ours == Some(theirs) { Witness::Agrees } else { Witness::Lost(checked.index) })
    }

    /// The journal knows a higher STAN than the terminal: there are two of it, or it was set back.
    fn lock(
        &mut self,
        group: &mut Group,
        held: &Terminal,
        last_stan: u32,
        reply: oneshot::Sender<Reply>,
    ) -> Result<(), InDoubt> {
        error!(
            terminal = held.terminal,
            host = held.last_stan,
            terminal_says = last_stan,
            "alarm: cloned or rolled back; locked until it is enrolled again"
        );
        let effects = vec![with_status(held, TerminalStatus::Locked)];
        let key = format!("{}/{}", held.terminal, held.generation);
        let cause = Cause::system(Origin::TERMINAL_LOCK, key, place_of(held), self.now(), effects);
        let in_force = self.in_force(self.now());
        let entered = self.append(group, &in_force, cause, |_| None);
        if let Err(fault) = entered {
            error!(%fault, "the lock could not be recorded");
        }
        let refusal =
            self.refuse(MessageType::SIGN_ON, ResponseCode::TERMINAL_LOCKED, None, "locked; enrol again");
        group.answer_now(reply, refusal);
        Ok(())
    }

    /// Makes a key a terminal's key, when the code is right; the same key and code get the same answer again.
    pub(super) fn enroll(
        &mut self,
        group: &mut Group,
        enrolment: Enrolment,
        reply: oneshot::Sender<Reply>,
    ) -> Result<(), InDoubt> {
        let now = self.now();
        let refused = "enrolment refused: wrong, used or expired code";
        let refusal = self.refuse(MessageType::ENROLL, ResponseCode::SECURITY_VIOLATION, None, refused);
        let held = self.state.terminals.get(&enrolment.terminal).cloned();
        let Some((held, code)) = held.and_then(|held| held.code.clone().map(|code| (held, code))) else {
            group.answer_now(reply, refusal);
            return Ok(());
        };
        let right = code.hash.is_some_and(|hash| hash == enrolment.code_hash) && code.tries < CODE_TRIES;
        if right
            && held.status == TerminalStatus::Active
            && held.public_key == enrolment.public_key
            && code.expires == 0
        {
            return self.enrolled_before(group, &held, reply, refusal);
        }
        if !right || code.expires <= now.s() {
            warn!(terminal = enrolment.terminal, "enrolment refused");
            self.count_try(group, &held, &code, now);
            group.answer_now(reply, refusal);
            return Ok(());
        }
        let Some(generation) = held.generation.checked_add(1) else {
            group.answer_now(reply, refusal);
            return Ok(());
        };
        let effects = vec![
            Effect::Terminal {
                terminal: held.terminal.clone(),
                generation,
                status: TerminalStatus::Active,
                role: held.role,
                algorithm: enrolment.algorithm,
                public_key: enrolment.public_key,
                merchant: held.merchant.clone(),
                store: held.store.clone(),
                limits: held.limits,
            },
            // Used up: dead for every other key.
            Effect::EnrolmentCode {
                terminal: held.terminal.clone(),
                code_hash: code.hash,
                expires: 0,
                tries: 0,
            },
        ];
        let in_force = self.in_force(now);
        let answer = with_enrolment(
            Answer {
                business_date: self.dated(now),
                reference: Some(self.next_index(group)),
                generation: Generation::new(generation),
                terminal: held.terminal.parse().ok(),
                ..Answer::new(MessageType::ENROLL, ResponseCode::APPROVED, translate::unix_seconds(now))
            },
            &held,
            &in_force,
        );
        let body = (answer.encode(), answer.code);
        let cause = Cause {
            origin: Origin::Terminal { message: MessageType::ENROLL.0, signed: enrolment.signed },
            identity: Some(identity(&held.terminal, generation, 0)),
            request_id: enrolment.request_id,
            merchant: &held.merchant,
            store: &held.store,
            now,
            quoted_ms: None,
            effects,
        };
        match self.append(group, &in_force, cause, |_| Some(body)) {
            Ok(position) => {
                info!(terminal = held.terminal, generation, "enrolled");
                group.waiting.push((reply, Waiting::Fresh(position)));
            }
            Err(fault) => {
                error!(%fault, "an enrolment could not be recorded");
                group.answer_now(reply, refusal);
            }
        }
        Ok(())
    }

    fn enrolled_before(
        &mut self,
        group: &mut Group,
        held: &Terminal,
        reply: oneshot::Sender<Reply>,
        refusal: Reply,
    ) -> Result<(), InDoubt> {
        let key = identity(&held.terminal, held.generation, 0);
        if let Some(position) = group.by_identity.get(&key) {
            group.waiting.push((reply, Waiting::Repeated(*position)));
            return Ok(());
        }
        let found = self.storage.find(&key).map_err(in_doubt("looking up an enrolment"))?;
        let answer = match found {
            Some(index) => {
                let entry = self.verified(index)?;
                self.stored_reply(&entry)?
            }
            None => None,
        };
        group.answer_now(reply, answer.unwrap_or(refusal));
        Ok(())
    }

    fn count_try(
        &mut self,
        group: &mut Group,
        held: &Terminal,
        code: &crate::domain::terminal::EnrolmentCode,
        now: Now,
    ) {
        if code.tries >= CODE_TRIES || code.hash.is_none() || code.expires == 0 {
            return;
        }
        let tries = code.tries.saturating_add(1);
        let effects = vec![Effect::EnrolmentCode {
            terminal: held.terminal.clone(),
            code_hash: code.hash,
            expires: code.expires,
            tries,
        }];
        let key = format!("{}/{}/{}", held.terminal, code.expires, tries);
        let cause = Cause::system(Origin::ENROLMENT_TRY, key, place_of(held), now, effects);
        let in_force = self.in_force(now);
        if let Err(fault) = self.append(group, &in_force, cause, |_| None) {
            error!(%fault, "a wrong enrolment try could not be recorded");
        }
    }
}

/// A reply that records nothing.
pub(super) fn ready(answer: &Answer) -> Reply {
    Reply { code: answer.code, body: answer.encode(), sidecar: Vec::new(), repeat: false, untried: None }
}

fn place_of(terminal: &Terminal) -> (&str, &str) {
    (&terminal.merchant, &terminal.store)
}

/// Keys 25 to 29: what enrolment fixed.
fn with_enrolment(answer: Answer, held: &Terminal, in_force: &InForce) -> Answer {
    let limit = |minor: i64| TotalMinor::new(minor).unwrap_or(TotalMinor::MAX);
    Answer {
        limits: Some(Limits {
            load: limit(held.limits.load),
            purchase: limit(held.limits.purchase),
            refund: limit(held.limits.refund),
        }),
        merchant: held.merchant.parse::<Code<16>>().ok(),
        store: held.store.parse::<Code<16>>().ok(),
        role: Some(WireRole(held.role as u8)),
        currency: translate::wire_currency(in_force.programme.currency)
            .map(|number| CurrencyUnit { number, exponent: in_force.programme.exponent }),
        ..answer
    }
}
