//! Acts that wait for a second person. They are in memory: until the second signature nothing has happened.

use std::collections::BTreeMap;

use crate::admin::act::SignedAct;
use crate::clock;

/// How long an act waits for its second signature, in seconds.
pub(super) const LIFETIME_S: i64 = 3600;
/// Most acts that wait at a time.
const WAITING: usize = 64;

/// An act with its first signature.
#[derive(Debug, Clone)]
pub(super) struct Proposal {
    pub act: SignedAct,
    /// The COSE_Sign1.
    pub signed: Vec<u8>,
    /// What came with it, where the act names a file.
    pub file: Vec<u8>,
    pub request_id: [u8; 32],
    /// Unix seconds.
    pub expires: i64,
}

#[derive(Debug)]
pub(super) struct Proposals {
    by_number: BTreeMap<u32, Proposal>,
    last: u32,
}

impl Default for Proposals {
    /// Numbers begin anywhere, so that one that was told before a restart is no other act's after it.
    fn default() -> Self {
        let [a, b, c] = clock::random();
        Self { by_number: BTreeMap::new(), last: u32::from_be_bytes([0, a, b, c]) }
    }
}

impl Proposals {
    /// Keeps a proposal; `None` when too many wait.
    pub(super) fn keep(&mut self, proposal: Proposal, now_s: i64) -> Option<u32> {
        self.by_number.retain(|_, waiting| waiting.expires > now_s);
        if self.by_number.len() >= WAITING {
            return None;
        }
        self.last = self.last.checked_add(1)?;
        self.by_number.insert(self.last, proposal);
        Some(self.last)
    }

    /// A proposal that still waits.
    pub(super) fn find(&self, number: u32, now_s: i64) -> Option<&Proposal> {
        self.by_number.get(&number).filter(|waiting| waiting.expires > now_s)
    }

    pub(super) fn forget(&mut self, number: u32) -> Option<Proposal> {
        self.by_number.remove(&number)
    }

    pub(super) fn waiting(&self, now_s: i64) -> impl Iterator<Item = (u32, &Proposal)> {
        self.by_number.iter().filter(move |(_, waiting)| waiting.expires > now_s).map(|(n, p)| (*n, p))
    }
}
