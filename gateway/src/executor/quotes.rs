//! Quotes that may still be cited. They are in memory: after a restart a citation is answered "quote again", and nothing
//! was done.

use std::collections::{HashMap, VecDeque};

use crate::clock;
use crate::domain::Quoted;

/// How long a quote may be cited, in seconds: a customer at a kiosk counts notes meanwhile.
pub(super) const LIFETIME_S: i64 = 300;
/// Most quotes remembered; the oldest goes first. Each is about 150 bytes.
const REMEMBERED: usize = 8192;

#[derive(Debug, Default)]
pub(super) struct Quotes {
    by_id: HashMap<[u8; 8], Quoted>,
    oldest_first: VecDeque<[u8; 8]>,
}

impl Quotes {
    /// Remembers a quote; returns its id.
    pub(super) fn remember(&mut self, quoted: Quoted) -> [u8; 8] {
        if self.oldest_first.len() >= REMEMBERED
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.by_id.remove(&oldest);
        }
        let id = clock::random();
        self.oldest_first.push_back(id);
        self.by_id.insert(id, quoted);
        id
    }

    /// Its place in the row is taken up when it would have been the oldest.
    pub(super) fn forget(&mut self, id: &[u8; 8]) {
        self.by_id.remove(id);
    }

    /// What was quoted under an id.
    pub(super) fn find(&self, id: &[u8; 8]) -> Option<&Quoted> {
        self.by_id.get(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::quoted::goods;
    use crate::domain::{CardReference, Now};

    #[test]
    fn the_oldest_quote_makes_room() {
        let mut quotes = Quotes::default();
        let quoted = Quoted {
            terminal: "T1".into(),
            message: 0x12,
            card: CardReference(9_000_000_000_000_006),
            amount: 1,
            points: None,
            prices: false,
            goods: goods(&[]),
            programme_version: 1,
            at: Now { ms: 1, business_date: 20_260_101, certain: true },
            promised: None,
            expires: 9,
        };
        let first = quotes.remember(quoted.clone());
        let second = quotes.remember(quoted.clone());
        for _ in 2..REMEMBERED {
            quotes.remember(quoted.clone());
        }
        assert!(quotes.find(&first).is_some());
        let last = quotes.remember(quoted);
        assert_eq!((quotes.find(&first), quotes.by_id.len()), (None, REMEMBERED));
        assert!(quotes.find(&second).is_some() && quotes.find(&last).is_some());
    }
}
