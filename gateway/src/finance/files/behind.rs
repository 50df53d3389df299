//! A form that is written on a thread of its own, behind whoever reads the journal.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use anyhow::{Result, bail};

use super::Form;
use crate::finance::entry::Transaction;

/// Transactions that are handed over at once.
pub(in crate::finance) const BATCH: usize = 256;
/// Batches that may wait.
const WAITING: usize = 8;

type Batch = Arc<Vec<Transaction>>;

/// A form, and the way to its thread.
pub(in crate::finance) struct Behind<'scope> {
    batches: SyncSender<Batch>,
    thread: ScopedJoinHandle<'scope, Result<Box<dyn Form>>>,
}

impl<'scope> Behind<'scope> {
    /// Goes on with a form that has begun.
    pub(in crate::finance) fn new(scope: &'scope Scope<'scope, '_>, form: Box<dyn Form>) -> Self {
        let (batches, waiting) = sync_channel(WAITING);
        Self { batches, thread: scope.spawn(move || write(form, &waiting)) }
    }

    /// Hands transactions over. `false` when the thread has come to an error, which [`Behind::form`] gives.
    pub(in crate::finance) fn write(&self, batch: &Batch) -> bool {
        self.batches.send(Arc::clone(batch)).is_ok()
    }

    /// The form, when everything that was handed over is written.
    ///
    /// # Errors
    /// When something could not be written.
    pub(in crate::finance) fn form(self) -> Result<Box<dyn Form>> {
        drop(self.batches);
        match self.thread.join() {
            Ok(form) => form,
            Err(_) => bail!("a file's thread has ended by itself"),
        }
    }
}

fn write(mut form: Box<dyn Form>, waiting: &Receiver<Batch>) -> Result<Box<dyn Form>> {
    for batch in waiting {
        batch.iter().try_for_each(|transaction| form.transaction(transaction))?;
    }
    Ok(form)
}
