//! The writer's loop: group, commit, answer, keep house.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use protocol::code::ResponseCode;
use protocol::field::{Date, Stan};
use protocol::frame::MessageType;
use tracing::{error, info};

use super::acts::Paper;
use super::birthdays::Round;
use super::budget::GuessBudget;
use super::follow::concerned;
use super::group::{Cause, Draft, Group, Waiting, sidecar};
use super::housekeeping::{Space, SpaceLimits};
use super::pins::Whose;
use super::proposals::Proposals;
use super::quotes::Quotes;
use super::{GROUP_MAX, Job, Registry, Reply, TerminalView};
use crate::clock::{Clock, stopwatch};
use crate::domain::card::CardReference;
use crate::domain::day;
use crate::domain::programme::alert::Watch;
use crate::domain::programme::leaderboard::Slot;
use crate::domain::standing::Standings;
use crate::domain::state::Touched;
use crate::domain::{Card, Effect, Fault, Programme, State, Terminal};
use crate::domain::{Now, Reading, Timekeeper};
use crate::journal::anchor::AnchorFile;
use crate::journal::record::{Details, Origin};
use crate::journal::seal::{CHAIN, Head, Sealer};
use crate::keys::{CardKey, PublicKey, fingerprint};
use crate::members::Members;
use crate::metrics::Metrics;
use crate::storage::{DuePlace, Row, SealRow, Storage, StorageError, decode_cell, key_of};
use crate::translate;

/// How often the writer looks up from an empty queue.
const TICK: Duration = Duration::from_millis(200);
/// At least one anchor in this time while there is something new.
const ANCHOR_EVERY: Duration = Duration::from_secs(1);
/// Dirty state is flushed after this time, or sooner when there is much of it.
const FLUSH_EVERY: Duration = Duration::from_secs(10);
/// Pieces of dirty state that are worth a flush of their own: bounds memory and the tail that a restart replays.
const FLUSH_AT: usize = 8192;
/// How often free space is looked at.
const SPACE_EVERY: Duration = Duration::from_secs(1);

/// The writer ended because it cannot know what the disk holds. The process must end, loudly, and start again.
#[derive(Debug, thiserror::Error)]
#[error("in doubt after {doing}: {source}")]
pub struct InDoubt {
    pub doing: &'static str,
    #[source]
    pub source: StorageError,
}

/// A compiled programme version.
#[derive(Debug, Clone)]
pub(super) struct InForce {
    pub version: u32,
    pub effective_from: i64,
    pub digest: [u8; 8],
    pub programme: Arc<Programme>,
}

/// Owns the state and the database.
pub struct Writer {
    pub(super) storage: Storage,
    pub(super) state: State,
    pub(super) programmes: Vec<InForce>,
    pub(super) sealer: Sealer,
    pub(super) card_key: Arc<CardKey>,
    pub(super) head: Head,
    pub(super) clock: Clock,
    pub(super) timekeeper: Timekeeper,
    /// The time as of the last look; see `look_at_clock`.
    pub(super) time: Reading,
    /// Where the sweep of what is due stands.
    pub(super) swept: DuePlace,
    /// Leaderboards that are open.
    pub(super) standings: Standings,
    /// Of those that are being closed: rank and card that were rewarded last. A start begins anew, and finds who has theirs.
    pub(super) rewarded: HashMap<Slot, (u64, CardReference)>,
    /// What alerts have seen this month.
    pub(super) watch: Watch,
    /// Where the round of birthdays stands.
    pub(super) birthdays: Round,
    pub(super) dirty: HashSet<Touched>,
    /// Rows are there that a file of the archive has, too.
    pub(super) leaving: bool,
    pub(super) last_used: HashMap<CardReference, u64>,
    pub(super) anchors: AnchorFile,
    pub(super) registry: Arc<Registry>,
    pub(super) metrics: Arc<Metrics>,
    /// Requests whose PIN is being looked at, and whose it is.
    pub(super) tried: HashMap<[u8; 32], Whose>,
    pub(super) members: Members,
    pub(super) budget: GuessBudget,
    /// Look-ups by phone, each of which counts.
    pub(super) lookups: GuessBudget,
    pub(super) quotes: Quotes,
    pub(super) proposals: Proposals,
    /// Why no money is taken, once that is so; only a person can end it.
    pub(super) stopped: Option<String>,
    pub(super) space: Space,
    pub(super) directory: PathBuf,
    pub(super) limits: SpaceLimits,
    pub(super) in_flight: u16,
    pub(super) heartbeat_s: u32,
    pub(super) place: (String, String),
    pub(super) watermark: u64,
    /// Time of the last entry.
    pub(super) latest_ms: i64,
    /// Its business date.
    pub(super) latest_date: u32,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Writer at {}", self.head.index)
    }
}

pub(super) type Step = Result<(), InDoubt>;

pub(super) fn in_doubt(doing: &'static str) -> impl FnOnce(StorageError) -> InDoubt {
    move |source| InDoubt { doing, source }
}

impl Writer {
    /// Works until every sender is gone, then flushes, anchors and returns.
    ///
    /// # Errors
    /// [`InDoubt`] when the database failed; terminals that wait get no answer then.
    pub fn run(mut self, jobs: &Receiver<Job>) -> Step {
        let (mut anchored, mut flushed, mut looked, mut swept) =
            (stopwatch(), stopwatch(), stopwatch(), stopwatch());
        self.look_at_space();
        loop {
            match jobs.recv_timeout(if self.lets_go() { Duration::ZERO } else { TICK }) {
                Ok(first) => {
                    let rest = jobs.try_iter().take(GROUP_MAX.saturating_sub(1));
                    let group: Vec<Job> = std::iter::once(first).chain(rest).collect();
                    self.run_group(group)?;
                }
                Err(RecvTimeoutError::Timeout) => self.leave()?,
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if due(&mut anchored, ANCHOR_EVERY) {
                self.anchor();
            }
            if self.dirty.len() >= FLUSH_AT || due(&mut flushed, FLUSH_EVERY) {
                self.flush()?;
            }
            if due(&mut looked, SPACE_EVERY) {
                self.look_at_space();
            }
            if due(&mut swept, TICK) {
                self.look_at_clock();
                self.close_days()?;
                self.sweep()?;
                self.give_birthday_gifts()?;
                self.leave()?;
            }
        }
        self.flush()?;
        self.anchor();
        self.storage.checkpoint().map_err(in_doubt("the last checkpoint"))?;
        info!(index = self.head.index, "journal closed");
        Ok(())
    }

    fn run_group(&mut self, jobs: Vec<Job>) -> Step {
        self.look_at_clock();
        let mut group = Group::default();
        for job in jobs {
            self.process(&mut group, job)?;
        }
        self.commit(group)
    }

    fn process(&mut self, group: &mut Group, job: Job) -> Step {
        match job {
            Job::Value { request, signed, beside, reply } => {
                self.value(group, *request, (signed, beside), reply)
            }
            Job::Inquiry { terminal, generation, inquiry, reply } => {
                self.inquiry(group, &terminal, generation, inquiry, reply)
            }
            Job::SignOn { sign_on, reply } => self.sign_on(group, sign_on, reply),
            Job::Enroll { enrolment, reply } => self.enroll(group, enrolment, reply),
            Job::Act { signed, nonce, confirms, file, reply } => {
                self.act(group, Paper { signed, nonce, confirms, file }, reply)
            }
            Job::Query { query, reply } => self.query(group, query, reply),
            Job::Stop { reason } => {
                self.stop(reason);
                Ok(())
            }
        }
    }

    /// Seals and commits the group; only then do its answers leave.
    pub(super) fn commit(&mut self, group: Group) -> Step {
        if group.entries.is_empty() {
            self.answer(group, None);
            return Ok(());
        }
        let leaves: Vec<[u8; 32]> = group.entries.iter().map(|entry| entry.leaf).collect();
        let sealed = self.sealer.seal(&self.head, &leaves, self.now_ms());
        let first_index = self.head.index.saturating_add(1);
        let rows: Vec<Row> = group
            .entries
            .iter()
            .zip(first_index..)
            .map(|(entry, index)| Row {
                index,
                group: sealed.head.group,
                identity: entry.identity.clone(),
                leaf: entry.leaf,
                record: entry.record.clone(),
            })
            .collect();
        let seal = SealRow {
            group: sealed.head.group,
            first_index,
            last_index: sealed.head.index,
            seal: sealed.bytes.clone(),
        };
        let started = stopwatch();
        self.storage.commit_group_naming(&rows, &seal, &group.files).map_err(in_doubt("a commit"))?;
        self.leaving |= !group.files.is_empty();
        self.metrics.committed(rows.len(), started);
        self.head = sealed.head;
        if group.closes_day {
            self.anchor();
        }
        self.watch(&group, first_index);
        for terminal in &group.terminals {
            if let Some(held) = self.state.terminals.get(terminal) {
                self.registry.publish(terminal, view(held));
            }
        }
        self.answer(group, Some(&sealed));
        Ok(())
    }

    fn answer(&mut self, mut group: Group, sealed: Option<&crate::journal::seal::Sealed>) {
        let waiting = std::mem::take(&mut group.waiting);
        for (to, what) in waiting {
            let reply = match what {
                Waiting::Ready(reply) => Some(reply),
                Waiting::Fresh(position) => self.committed_reply(&group, sealed, position, false),
                Waiting::Repeated(position) => self.committed_reply(&group, sealed, position, true),
            };
            if let Some(reply) = reply {
                self.metrics.answered(reply.code);
                // A terminal that has gone away asks again; its entry stands.
                drop(to.send(reply));
            }
        }
        for (to, done) in group.acts {
            drop(to.send(Ok(done)));
        }
        for (to, value) in group.queries {
            drop(to.send(value));
        }
    }

    fn committed_reply(
        &self,
        group: &Group,
        sealed: Option<&crate::journal::seal::Sealed>,
        position: usize,
        repeat: bool,
    ) -> Option<Reply> {
        let entry = group.entries.get(position)?;
        let (body, code) = entry.answer.clone()?;
        let status = repeat.then(|| {
            let index = self
                .head
                .index
                .saturating_sub(group.entries.len().saturating_sub(position) as u64)
                .saturating_add(1);
            let state = self
                .state
                .transactions
                .get(&index)
                .map_or(translate::state_when_decided(code), |fate| fate.state);
            self.sealer.status(
                entry.request_id,
                translate::wire_state(state),
                &self.head,
                self.now_ms().div_euclid(1000),
            )
        });
        let receipt = sealed?.receipt(position);
        Some(Reply {
            code,
            body,
            sidecar: sidecar(receipt, entry.details_hash, status),
            repeat,
            untried: None,
        })
    }

    /// Appends an entry, priced by a programme version, and what follows from it. `answer` sees the state after the entry's effects.
    pub(super) fn append(
        &mut self,
        group: &mut Group,
        priced_by: &InForce,
        cause: Cause<'_>,
        answer: impl FnOnce(&State) -> Option<(Vec<u8>, ResponseCode)>,
    ) -> Result<usize, Fault> {
        let details = Details {
            chain: CHAIN,
            epoch: self.head.epoch,
            index: self.next_index(group),
            time_ms: cause.now.ms,
            business_date: self.booked_on(cause.now),
            merchant: cause.merchant.into(),
            store: cause.store.into(),
            currency: (priced_by.programme.currency, priced_by.programme.exponent),
            programme_version: priced_by.version,
            quoted_ms: cause.quoted_ms,
            effects: cause.effects,
        };
        let concerned = match cause.origin {
            Origin::System { .. } => BTreeSet::new(),
            _ => concerned(&details.effects),
        };
        let booked = details.business_date;
        group.closes_day |= day::closes(&details.effects);
        let placed: Vec<Effect> =
            details.effects.iter().filter(|effect| Standings::concerns(effect)).cloned().collect();
        let draft =
            Draft { origin: cause.origin, identity: cause.identity, request_id: cause.request_id, details };
        let position = group.append(&mut self.state, &mut self.dirty, draft, answer)?;
        self.latest_ms = self.latest_ms.max(cause.now.ms);
        self.latest_date = booked;
        self.standings.learn(&placed, &self.state);
        self.follow_all(group, concerned, cause.now);
        Ok(position)
    }

    /// Index of the group's next entry.
    pub(super) fn next_index(&self, group: &Group) -> u64 {
        self.head.index.saturating_add(group.entries.len() as u64).saturating_add(1)
    }

    /// Gateway time: never behind the journal's last entry.
    pub(super) fn now_ms(&self) -> i64 {
        self.time.ms.max(self.head.time_ms).max(self.latest_ms)
    }

    /// The time, with the business date of the programme in force.
    pub(super) fn now(&self) -> Now {
        let ms = self.now_ms();
        let newest = self.programmes.iter().rev().find(|p| p.effective_from <= ms.div_euclid(1000));
        let programme = newest.or(self.programmes.first()).map(|p| &p.programme);
        let business_date = programme.and_then(|p| p.business_date(ms).ok()).unwrap_or(19_700_101);
        Now { ms, business_date, certain: self.time.doubt.is_none() }
    }

    /// The business date on which an entry is booked now; see `domain::day`.
    pub(super) fn booked_on(&self, now: Now) -> u32 {
        day::booked_on(&self.state, now.business_date, self.latest_date)
    }

    /// The same, for answers.
    pub(super) fn dated(&self, now: Now) -> Option<Date> {
        Date::new(self.booked_on(now))
    }

    /// The programme version that prices what happens now.
    pub(super) fn in_force(&self, now: Now) -> InForce {
        let newest = self.programmes.iter().rev().find(|p| p.effective_from <= now.s());
        match newest.or(self.programmes.first()) {
            Some(in_force) => in_force.clone(),
            None => unreachable!("the first entry of every journal has a programme"),
        }
    }

    /// A transient refusal.
    pub(super) fn refuse(
        &self,
        message: MessageType,
        code: ResponseCode,
        stan: Option<u32>,
        detail: &str,
    ) -> Reply {
        let stan = stan.and_then(Stan::new);
        let answer = translate::transient(message, code, stan, detail, self.now_ms().div_euclid(1000));
        Reply { code, body: answer.encode(), sidecar: Vec::new(), repeat: false, untried: None }
    }

    /// Reads a piece of state that is not in memory.
    pub(super) fn fetch(&mut self, touched: &Touched) -> Step {
        if self.dirty.contains(touched) || self.state.cell(touched).is_some() {
            return Ok(());
        }
        let key = key_of(touched);
        if let Some(state) = self.storage.snapshot(&key).map_err(in_doubt("reading the snapshot"))? {
            let (touched, cell) = decode_cell(&key, &state).map_err(in_doubt("reading the snapshot"))?;
            self.state.put(&touched, Some(cell));
        }
        Ok(())
    }

    /// Reads a card that is not in memory, with the corporate account whose money it spends, and notes that they are in use.
    pub(super) fn fetch_card(&mut self, card: CardReference) -> Step {
        let mut wanted = Some(card);
        while let Some(card) = wanted {
            self.fetch(&Touched::Card(card))?;
            if self.state.cards.contains_key(&card) {
                self.fetch_member(card)?;
            }
            let held = self.state.cards.get(&card);
            // An account is bound to none, and nothing takes the place of its own successor: this ends.
            let next = |held: &Card| held.successor.map(|successor| successor.card).or(held.account);
            wanted = held.and_then(next);
            if held.is_some() {
                self.last_used.insert(card, self.head.group);
            }
        }
        Ok(())
    }

    /// Reads a card's member. Who is none is remembered as nobody, so that the disk is asked once.
    fn fetch_member(&mut self, card: CardReference) -> Step {
        let touched = Touched::Member(card);
        self.fetch(&touched)?;
        self.state.members.entry(card).or_default();
        Ok(())
    }

    /// Takes no more money until somebody has looked.
    pub(super) fn stop(&mut self, reason: String) {
        error!(reason, "no money is taken any more; find out what was lost, restore it, and start again");
        self.metrics.stopped();
        self.stopped.get_or_insert(reason);
    }
}

/// What sessions see of a terminal.
pub(super) fn view(terminal: &Terminal) -> TerminalView {
    TerminalView {
        generation: terminal.generation,
        status: terminal.status,
        role: terminal.role,
        algorithm: terminal.algorithm,
        key: PublicKey::from_spki(&terminal.public_key),
        fingerprint: fingerprint(&terminal.public_key),
    }
}

impl Registry {
    pub(super) fn fill<'a>(&self, terminals: impl Iterator<Item = &'a Terminal>) {
        for terminal in terminals {
            self.publish(&terminal.terminal, view(terminal));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "measures an interval for housekeeping; decides nothing")]
fn due(since: &mut Instant, every: Duration) -> bool {
    let due = since.elapsed() >= every;
    if due {
        *since = stopwatch();
    }
    due
}
