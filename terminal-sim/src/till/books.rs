//! From outcome to diary to oracle, and back from the diary after a restart.

use protocol::answer::Answer;
use protocol::code::ResponseCode;
use protocol::field::{Original, Shift, TransactionState};
use protocol::frame::MessageType;

use super::Till;
use crate::diary::{Entry, open_intents};
use crate::error::Error;
use crate::oracle::{Fact, Mismatch, TransactionKey};
use crate::shift::{Page, compare};
use crate::terminal::{Outcome, Verdict};

impl Till {
    /// Tells the oracle what the diary says; what is open there and unknown to the terminal was never sent.
    pub(super) fn read_in(&mut self, entries: &[Entry]) -> Result<(), Error> {
        let generation = self.terminal.state().generation.map(|generation| generation.get());
        for entry in entries {
            match entry {
                Entry::Begin(intent) => self.oracle().begin((**intent).clone()),
                Entry::Settled { key, facts } => self.oracle().settle(key, facts.clone()),
            }
            if let Entry::Settled { facts, .. } = entry {
                let current = facts.iter().filter(|fact| Some(fact.key.generation) == generation);
                current.for_each(|fact| self.terminal.remember_decided(fact.key.stan));
            }
        }
        // The PIN was in memory alone: from now on these go out without what stood beside them.
        for open in self.terminal.unfinished() {
            let key = self.key(open.id);
            let intent = self.oracle().intent(&key).cloned();
            let lost = intent.filter(|intent| {
                let extra = &intent.extra;
                extra.pin.is_some() || extra.new_pin.is_some() || extra.supervisor.is_some()
            });
            if let Some(mut intent) = lost.filter(|intent| !intent.extra.sidecar_lost) {
                intent.extra.sidecar_lost = true;
                self.diary.append(&Entry::Begin(Box::new(intent.clone())))?;
                self.oracle().begin(intent);
            }
        }
        let known: Vec<TransactionKey> = self
            .terminal
            .unfinished()
            .iter()
            .map(|unfinished| unfinished.id)
            .chain(self.terminal.outcomes().map(|outcome| outcome.id))
            .map(|id| self.key(id))
            .collect();
        for intent in open_intents(entries) {
            if !known.contains(&intent.key) {
                self.diary.append(&Entry::Settled { key: intent.key.clone(), facts: Vec::new() })?;
                self.oracle().settle(&intent.key, Vec::new());
            }
        }
        Ok(())
    }

    /// Tells the oracle what an outcome says, after it is in the diary.
    pub(super) async fn settle(&mut self, outcome: &Outcome) -> Result<(), Error> {
        let key = self.key(outcome.id);
        if !self.oracle().is_open(&key) {
            return Ok(());
        }
        let facts = self.facts(outcome, &key).await?;
        self.keep_receipt(outcome)?;
        self.diary.append(&Entry::Settled { key: key.clone(), facts: facts.clone() })?;
        self.oracle().settle(&key, facts);
        Ok(())
    }

    /// Writes the receipt file, if they are kept.
    fn keep_receipt(&self, outcome: &Outcome) -> Result<(), Error> {
        let stan = outcome.answer.as_ref().and_then(|answer| answer.stan);
        let (Some(directory), Some(receipt), Some(stan)) = (&self.receipts, outcome.receipt_file(), stan)
        else {
            return Ok(());
        };
        let name = format!("{}-{}-{stan}.receipt", self.terminal.id(), outcome.id.generation);
        let path = directory.join(name);
        std::fs::write(&path, receipt).map_err(Error::file(&path))
    }

    /// The final answers behind an outcome. After a Reversal, what became of the original before is asked for too.
    async fn facts(&mut self, outcome: &Outcome, key: &TransactionKey) -> Result<Vec<Fact>, Error> {
        let (Some(answer), Some(proof)) = (&outcome.answer, &outcome.proof) else {
            // What is never given up is dropped with a transient code, if it was sent once: it is nowhere.
            if outcome.verdict == Verdict::Declined && outcome.code == ResponseCode::CASHIER_NOT_SIGNED_ON {
                return Ok(Vec::new());
            }
            let got = format!("{:?} with {:?} and no receipt", outcome.verdict, outcome.code);
            self.complain(key, "a decision", &got);
            return Ok(Vec::new());
        };
        if proof.kind != MessageType::REVERSAL {
            return Ok(Fact::of(key.clone(), key.clone(), answer).into_iter().collect());
        }
        let stan = answer.stan.map_or(0, protocol::field::Stan::get);
        let own = TransactionKey { stan, ..key.clone() };
        let mut facts: Vec<Fact> = Fact::of(own, key.clone(), answer).into_iter().collect();
        if !self.oracle().knows(key)
            && let Some(original) = self.terminal.original(outcome.id)
        {
            facts.extend(self.look_up(original, key, answer.state).await?);
        }
        if outcome.verdict == Verdict::Unresolved {
            self.complain(key, "a result", "none: the terminal was enrolled anew");
        }
        Ok(facts)
    }

    /// The stored answer of an original that was given up without one.
    async fn look_up(
        &mut self,
        original: Original,
        key: &TransactionKey,
        state: Option<TransactionState>,
    ) -> Result<Option<Fact>, Error> {
        let reply = self.terminal.status_of(original).await?;
        let now = reply.answer.state;
        if now != state {
            self.complain(key, &format!("state {state:?} as in its Reversal"), &format!("{now:?}"));
        }
        let stored = reply.answer.stored_answer.as_ref();
        let stored = stored.and_then(|stored| Answer::decode(stored.as_bytes()).ok());
        Ok(stored.and_then(|answer| Fact::of(key.clone(), key.clone(), &answer)))
    }

    /// After totals that differed, what differs by STAN, page by page. The oracle hears of what nobody can have changed
    /// meanwhile: another till may have voided a sale of this one, and an advice may have gone out unseen.
    pub async fn differing(&mut self, shift: u32) -> Result<Vec<Page>, Error> {
        let unknown = || Error::Usage(format!("there is no shift {shift}"));
        let pages = self.terminal.shift_pages(Shift::new(shift).ok_or_else(unknown)?).await?;
        let (name, generation) = (self.terminal.id(), self.terminal.state().generation);
        let generation = generation.map_or(0, |generation| generation.get());
        let own = self.oracle().shift_rows(name.as_str(), generation, shift);
        let pages = compare(&own, &pages);
        let certain = pages.iter().flat_map(|page| &page.differences).filter(|one| {
            let advice = one.there.is_some_and(|row| row.kind == MessageType::ADVICE);
            one.what() != "state" && !(advice && one.here.is_none())
        });
        for one in certain {
            let key = TransactionKey { terminal: name.as_str().to_owned(), generation, stan: one.stan };
            self.complain(&key, &format!("{:?}", one.here), &format!("{:?}, {}", one.there, one.what()));
        }
        Ok(pages)
    }

    fn complain(&self, key: &TransactionKey, expected: &str, got: &str) {
        let about = format!("{}/{}/{}", key.terminal, key.generation, key.stan);
        self.oracle().report(Mismatch { about, expected: expected.into(), got: got.into() });
    }
}
