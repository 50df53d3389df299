//! The only reader of time and of the system's randomness.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the one place that may read the clock and the random source"
)]

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use protocol::field::TerminalTime;

use crate::error::Error;

/// Unix seconds of this machine's clock.
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A terminal's clock, in UTC.
pub(crate) fn terminal_time() -> Result<TerminalTime, Error> {
    TerminalTime::new(unix_seconds(), 0)
        .ok_or_else(|| Error::Usage("this machine's clock is unusable".into()))
}

/// For measuring how long something takes, and for deadlines.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The operating system's random source, for keys and signatures.
pub(crate) fn secure_random() -> ring::rand::SystemRandom {
    ring::rand::SystemRandom::new()
}

/// Processor time that this process has used, where the system tells.
pub(crate) fn cpu_milliseconds() -> Option<u64> {
    // Fields 14 and 15 of proc(5) stat, counted after the name in parentheses: user and system time, in hundredths of a
    // second on every Linux that this runs on.
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    user.checked_add(system)?.checked_mul(10)
}
