//! What time it is, and whether the machine's clock may be believed.
//!
//! A mini-PC whose battery is flat comes up years ago; one that somebody has set wrong is years ahead. The journal's time
//! never goes back, so a wrong clock must not get into it. Time therefore runs on from the last entry by the steady clock,
//! and the machine's clock is followed while it stays near. When it does not, most of the terminals, or an operator, can
//! vouch for it.

use std::collections::BTreeMap;

/// How far the machine's clock may be from what it is compared with.
const NEAR_MS: u64 = 24 * 3600 * 1000;

/// Why the machine's clock is not believed. Nothing that waits for a time happens then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockDoubt {
    /// It is over a day from the last entry and the time that has passed since.
    Jumped,
    /// Most terminals' clocks are over a day from it.
    TerminalsDiffer,
}

impl ClockDoubt {
    /// For people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Jumped => "over a day from the journal's last entry and the time since",
            Self::TerminalsDiffer => "over a day from the clocks of most terminals",
        }
    }
}

/// The time by all that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Unix milliseconds.
    pub ms: i64,
    pub doubt: Option<ClockDoubt>,
}

/// Follows the machine's clock as long as it can be believed.
#[derive(Debug, Clone)]
pub struct Timekeeper {
    /// The time that was last believed, and what the steady clock showed then.
    believed_ms: i64,
    steady_ms: i64,
    /// How far each terminal's clock was ahead of the steady clock at its last sign-on.
    terminals: BTreeMap<String, i64>,
    /// An operator has vouched for the clock since it last jumped.
    vouched: bool,
}

impl Timekeeper {
    /// Starts from the time of the last entry.
    #[must_use]
    pub fn new(last_entry_ms: i64, steady_ms: i64) -> Self {
        Self { believed_ms: last_entry_ms, steady_ms, terminals: BTreeMap::new(), vouched: false }
    }

    /// A terminal has signed on and said what time it has.
    pub fn hear(&mut self, terminal: &str, terminal_ms: i64, steady_ms: i64) {
        self.terminals.insert(terminal.into(), terminal_ms.saturating_sub(steady_ms));
    }

    /// An operator says that the machine's clock is right.
    pub fn vouch(&mut self, clock_ms: i64, steady_ms: i64) {
        (self.believed_ms, self.steady_ms, self.vouched) = (clock_ms, steady_ms, true);
    }

    /// Compares the machine's clock with all that is known, and follows it if it can be believed.
    pub fn observe(&mut self, clock_ms: i64, steady_ms: i64) -> Reading {
        let passed = steady_ms.saturating_sub(self.steady_ms);
        let expected = self.believed_ms.saturating_add(passed);
        let jumped = clock_ms.abs_diff(expected) > NEAR_MS;
        if jumped {
            self.vouched = false;
        }
        let agree = self.terminals.values().filter(|ahead| near(clock_ms, steady_ms, **ahead)).count();
        let differ = self.terminals.len().saturating_sub(agree);
        if jumped && agree <= differ {
            return Reading { ms: expected, doubt: Some(ClockDoubt::Jumped) };
        }
        (self.believed_ms, self.steady_ms) = (clock_ms, steady_ms);
        let doubt = (differ > agree && !self.vouched).then_some(ClockDoubt::TerminalsDiffer);
        Reading { ms: clock_ms, doubt }
    }
}

fn near(clock_ms: i64, steady_ms: i64, ahead_ms: i64) -> bool {
    clock_ms.abs_diff(steady_ms.saturating_add(ahead_ms)) <= NEAR_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3600 * 1000;
    const NOON: i64 = 1_800_000_000_000;

    fn reading(ms: i64, doubt: Option<ClockDoubt>) -> Reading {
        Reading { ms, doubt }
    }

    #[test]
    fn a_clock_that_stays_within_a_day_is_followed_forwards_and_back() {
        let mut keeper = Timekeeper::new(NOON, 0);
        assert_eq!(keeper.observe(NOON + DAY, 0), reading(NOON + DAY, None));
        assert_eq!(keeper.observe(NOON, 0), reading(NOON, None));
        assert_eq!(keeper.observe(NOON + 30 * DAY, 30 * DAY), reading(NOON + 30 * DAY, None), "days pass");
    }

    #[test]
    fn a_clock_that_jumps_is_not_followed_and_time_runs_on() {
        for wrong in [NOON + DAY + 2, NOON + 4000 * DAY, NOON - DAY - 1, 0] {
            let mut keeper = Timekeeper::new(NOON, 0);
            assert_eq!(keeper.observe(wrong, 1), reading(NOON + 1, Some(ClockDoubt::Jumped)), "{wrong}");
            assert_eq!(
                keeper.observe(wrong + 500, 501),
                reading(NOON + 501, Some(ClockDoubt::Jumped)),
                "and it still is not"
            );
            assert_eq!(keeper.observe(NOON + 600, 600), reading(NOON + 600, None), "set right");
        }
    }

    #[test]
    fn after_a_holiday_one_terminal_that_agrees_is_enough_and_half_of_them_are_not() {
        let holiday = NOON + 9 * DAY;
        let mut keeper = Timekeeper::new(NOON, 0);
        assert_eq!(keeper.observe(holiday, 0).doubt, Some(ClockDoubt::Jumped));
        keeper.hear("T1", 5, 5);
        assert_eq!(keeper.observe(holiday, 10).doubt, Some(ClockDoubt::Jumped), "T1 has no battery either");
        keeper.hear("T2", holiday + DAY - 10, 5);
        assert_eq!(keeper.observe(holiday, 10).doubt, Some(ClockDoubt::Jumped), "one against one");
        keeper.hear("T3", holiday - DAY, 11);
        assert_eq!(keeper.observe(holiday, 11), reading(holiday, None));
    }

    #[test]
    fn terminals_that_agreed_with_the_clock_before_it_jumped_do_not_vouch_for_it_afterwards() {
        let mut keeper = Timekeeper::new(NOON, 0);
        for terminal in ["T1", "T2", "T3"] {
            keeper.hear(terminal, NOON, 0);
        }
        assert_eq!(keeper.observe(NOON, 0).doubt, None);
        assert_eq!(keeper.observe(NOON + 2 * DAY, 60_000).doubt, Some(ClockDoubt::Jumped));
    }

    #[test]
    fn most_terminals_against_the_clock_are_a_doubt_until_an_operator_vouches() {
        let mut keeper = Timekeeper::new(NOON, 0);
        keeper.hear("T1", NOON + 2 * DAY, 0);
        let doubt = reading(NOON, Some(ClockDoubt::TerminalsDiffer));
        assert_eq!(keeper.observe(NOON, 0), doubt);
        keeper.vouch(NOON, 0);
        assert_eq!(keeper.observe(NOON + 1, 1), reading(NOON + 1, None));
        assert_eq!(keeper.observe(NOON + 5 * DAY, 2).doubt, Some(ClockDoubt::Jumped), "and it is seen again");
        keeper.vouch(NOON + 5 * DAY, 2);
        assert_eq!(keeper.observe(NOON + 5 * DAY, 2), reading(NOON + 5 * DAY, None));
    }
}
