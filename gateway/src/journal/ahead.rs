//! The journal read ahead: one thread reads the rows, all cores check the groups, and what they make of them comes back in the
//! journal's order. What is found, and where, is what [`next_group`](super::walk::next_group) finds one by one.

use std::vec;

use protocol::field::Installation;

use super::seal::Head;
use super::walk::{Damage, Group, Unchecked, WalkError, read_group};
use crate::storage::Storage;
use crate::workers::{Line, Workers};

/// Bytes of entries that are checked at once: enough that handing them over costs nothing beside it.
const BATCH: usize = 128 * 1024;

/// Groups that are sound, from the first on, and what is made of each.
pub struct Ahead<'a, 'env, T> {
    storage: &'a Storage,
    installation: &'env Installation,
    each: &'env (dyn Fn(Group) -> T + Sync),
    /// Where the rows that were read end.
    head: Head,
    line: Line<'a, 'env, Vec<Result<T, Damage>>>,
    ready: vec::IntoIter<Result<T, Damage>>,
    /// Reading came to its end, by itself or not; that is said when everything before it was.
    end: Option<Result<(), WalkError>>,
}

impl<'a, 'env, T: Send + 'env> Ahead<'a, 'env, T> {
    /// Begins at the first entry. `each` runs on many threads, a group at a time.
    pub fn new(
        workers: &'a Workers<'env>,
        storage: &'a Storage,
        installation: &'env Installation,
        each: &'env (dyn Fn(Group) -> T + Sync),
    ) -> Self {
        let (line, ready) = (Line::new(workers), Vec::new().into_iter());
        Self { storage, installation, each, head: Head::GENESIS, line, ready, end: None }
    }

    /// What was made of the next group; `None` at the end of the journal.
    ///
    /// # Errors
    /// [`WalkError`] at the first thing that does not fit.
    pub fn take(&mut self) -> Result<Option<T>, WalkError> {
        loop {
            if let Some(group) = self.ready.next() {
                return group.map(Some).map_err(WalkError::Damage);
            }
            while self.end.is_none() && !self.line.is_full() {
                self.read();
            }
            match self.line.take() {
                Some(batch) => self.ready = batch.into_iter(),
                None => return self.end.replace(Ok(())).unwrap_or(Ok(())).map(|()| None),
            }
        }
    }

    fn read(&mut self) {
        let (mut groups, mut bytes) = (Vec::new(), 0_usize);
        while bytes < BATCH && self.end.is_none() {
            match read_group(self.storage, &self.head) {
                Ok(Some(group)) => {
                    self.head = group.head();
                    bytes = bytes.saturating_add(group.bytes());
                    groups.push(group);
                }
                Ok(None) => self.end = Some(Ok(())),
                Err(error) => self.end = Some(Err(error)),
            }
        }
        let (installation, each) = (self.installation, self.each);
        let check = move |group: Unchecked| group.check(installation).map(each);
        self.line.give(move || groups.into_iter().map(check).collect());
    }
}
