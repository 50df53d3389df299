//! Guessing defence: how many unknown cards a terminal, and all terminals together, may name in a while.

use std::collections::HashMap;

/// Misses that a terminal may have at once; a busy till mistypes now and then.
const TERMINAL_MISSES: i64 = 20;
/// Misses of all terminals together.
const ALL_MISSES: i64 = 200;
/// One miss is forgiven to a terminal after so long: 20 a minute.
const TERMINAL_FORGIVES_MS: i64 = 3_000;
/// And to all together: 200 a minute.
const ALL_FORGIVES_MS: i64 = 300;

/// While everybody's budget is used up, a terminal counts as honest when its last miss is longer ago than this.
const HONEST_AFTER_MS: i64 = 10 * 60_000;

/// A bucket that fills with misses and leaks with time.
#[derive(Debug, Default, Clone, Copy)]
struct Bucket {
    misses: i64,
    leaked_at_ms: i64,
    last_miss_ms: i64,
}

impl Bucket {
    fn leak(&mut self, now_ms: i64, forgives_ms: i64) {
        let forgiven = now_ms.saturating_sub(self.leaked_at_ms).max(0).checked_div(forgives_ms).unwrap_or(0);
        if forgiven > 0 {
            self.misses = self.misses.saturating_sub(forgiven).max(0);
            self.leaked_at_ms = now_ms;
        }
    }
}

/// Kept in memory alone: a restart forgives, and costs a guesser more time than it wins.
#[derive(Debug, Default)]
pub(super) struct GuessBudget {
    terminals: HashMap<String, Bucket>,
    all: Bucket,
}

impl GuessBudget {
    /// Whether this terminal may name a card now. While everybody's budget is used up, terminals without a recent miss
    /// of their own go on trading.
    pub(super) fn allows(&mut self, terminal: &str, now_ms: i64) -> bool {
        self.all.leak(now_ms, ALL_FORGIVES_MS);
        let Some(own) = self.terminals.get_mut(terminal) else { return true };
        own.leak(now_ms, TERMINAL_FORGIVES_MS);
        if now_ms.saturating_sub(own.last_miss_ms) > HONEST_AFTER_MS {
            self.terminals.remove(terminal);
            return true;
        }
        own.misses < TERMINAL_MISSES && self.all.misses < ALL_MISSES
    }

    /// A card was unknown, or its proof wrong.
    pub(super) fn miss(&mut self, terminal: &str, now_ms: i64) {
        for bucket in [self.terminals.entry(terminal.into()).or_default(), &mut self.all] {
            if bucket.misses == 0 {
                bucket.leaked_at_ms = now_ms;
            }
            bucket.misses = bucket.misses.saturating_add(1);
            bucket.last_miss_ms = now_ms;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guesser_is_held_to_twenty_a_minute_and_others_go_on() {
        let mut budget = GuessBudget::default();
        let mut tried = 0;
        for second in 0..600 {
            while budget.allows("T1", second * 1000) {
                budget.miss("T1", second * 1000);
                tried += 1;
            }
        }
        assert!((200..=225).contains(&tried), "{tried} guesses in ten minutes");
        assert!(budget.allows("T2", 600_000));
    }

    #[test]
    fn many_guessers_together_are_held_too() {
        let mut budget = GuessBudget::default();
        let terminals: Vec<String> = (0..100).map(|n| format!("T{n}")).collect();
        let mut tried = 0;
        for second in 0..60 {
            for terminal in &terminals {
                while budget.allows(terminal, second * 1000) {
                    budget.miss(terminal, second * 1000);
                    tried += 1;
                }
            }
        }
        assert!(tried <= 200 + 200 + 100, "{tried} guesses in a minute");
        assert!(budget.allows("HONEST", 60_000));
    }
}
