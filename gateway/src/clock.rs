//! The only reader of time and randomness.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the one place that may read the clock and the random source"
)]

use std::sync::Arc;

/// Where the time comes from. Cloning shares the source.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(|| jiff::Timestamp::now().as_millisecond()))
    }

    /// A clock that a test or a simulation turns.
    pub fn manual(now_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now_ms))
    }

    /// Unix milliseconds. May go back; the journal's time does not.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        (self.0)()
    }
}

/// For measuring how long something took; never part of a decision.
#[must_use]
pub fn stopwatch() -> std::time::Instant {
    std::time::Instant::now()
}

/// The operating system's random source, for keys and signatures.
#[must_use]
pub fn secure_random() -> ring::rand::SystemRandom {
    ring::rand::SystemRandom::new()
}

/// Random bytes.
///
/// # Panics
/// When the operating system has no randomness to give; nothing secure can be done then.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let filled = ring::rand::SecureRandom::fill(&secure_random(), &mut bytes);
    assert!(filled.is_ok(), "the operating system gives no random bytes");
    bytes
}
