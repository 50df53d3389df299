//! Work on all cores whose results are taken in the order in which it was given, so that what it finds does not depend on which
//! core was faster.

use std::collections::VecDeque;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

type Job<'env> = Box<dyn FnOnce() + Send + 'env>;

/// More threads than this find nothing to do: one thread reads and replays what they check.
const MOST: usize = 16;
/// Jobs a thread that may wait or lie done: enough that no core waits, few enough that memory does not grow with the journal.
const AHEAD: usize = 4;

/// Threads that wait for work.
#[derive(Debug)]
pub struct Workers<'env> {
    jobs: Sender<Job<'env>>,
    threads: usize,
}

/// Has threads for as long as `body` runs, one a core.
pub fn with_workers<'env, R>(body: impl FnOnce(&Workers<'env>) -> R) -> R {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MOST);
    let (jobs, work) = channel::<Job<'env>>();
    let work = Mutex::new(work);
    thread::scope(|scope| {
        for _ in 0..threads {
            // A job that panics is noticed by whoever takes its result; its thread goes on, or others would wait for ever.
            scope.spawn(|| {
                while let Some(job) = next_job(&work) {
                    drop(catch_unwind(AssertUnwindSafe(job)));
                }
            });
        }
        body(&Workers { jobs, threads })
    })
}

/// Waits for a job; `None` when no more can come. The lock is held while waiting and not while working.
fn next_job<'env>(work: &Mutex<Receiver<Job<'env>>>) -> Option<Job<'env>> {
    work.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// Work of one sort, in the order in which it was given.
#[derive(Debug)]
pub struct Line<'a, 'env, T> {
    workers: &'a Workers<'env>,
    given: VecDeque<Receiver<T>>,
}

impl<'a, 'env, T: Send + 'env> Line<'a, 'env, T> {
    #[must_use]
    pub fn new(workers: &'a Workers<'env>) -> Self {
        Self { workers, given: VecDeque::new() }
    }

    /// Whether a result should be taken before more work is given.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.given.len() >= self.workers.threads.saturating_mul(AHEAD)
    }

    /// Gives work; it begins when a thread is free.
    pub fn give(&mut self, work: impl FnOnce() -> T + Send + 'env) {
        let (done, taken) = channel();
        // Whoever stops at a fault takes no further results.
        let job = move || drop(done.send(work()));
        if self.workers.jobs.send(Box::new(job)).is_ok() {
            self.given.push_back(taken);
        }
    }

    /// The next result, in order; waits for it. `None` when all work that was given is done.
    ///
    /// # Panics
    /// When the work has.
    pub fn take(&mut self) -> Option<T> {
        let taken = self.given.pop_front()?;
        Some(taken.recv().expect("a worker that has not panicked gives its result"))
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_work() {
        let taken = with_workers(|workers| {
            let (mut line, mut taken) = (Line::new(workers), Vec::new());
            for number in 0..1_000_u64 {
                if line.is_full() {
                    taken.extend(line.take());
                }
                // The first of any few takes the longest.
                line.give(move || {
                    black_box((0..(7 - number % 7) * 2_000).map(black_box).sum::<u64>());
                    number
                });
            }
            while let Some(number) = line.take() {
                taken.push(number);
            }
            taken
        });
        assert_eq!(taken, (0..1_000).collect::<Vec<_>>());
    }

    #[test]
    fn what_nobody_takes_ends_with_its_threads() {
        with_workers(|workers| {
            let mut line = Line::new(workers);
            (0..100_u64).for_each(|number| line.give(move || vec![number; 1_000]));
            assert_eq!(line.take(), Some(vec![0; 1_000]));
        });
    }
}
