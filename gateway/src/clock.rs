//! The only reader of time and randomness.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the one place that may read the clock and the random source"
)]

use std::sync::Arc;

type Source = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Where the time comes from. Cloning shares the source.
#[derive(Clone)]
pub struct Clock {
    wall: Source,
    steady: Source,
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self { wall: Arc::new(|| jiff::Timestamp::now().as_millisecond()), steady: Arc::new(since_boot_ms) }
    }

    /// Clocks that a test or a simulation turns.
    pub fn manual(
        wall_ms: impl Fn() -> i64 + Send + Sync + 'static,
        steady_ms: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> Self {
        Self { wall: Arc::new(wall_ms), steady: Arc::new(steady_ms) }
    }

    /// Unix milliseconds. May go back; the journal's time does not.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        (self.wall)()
    }

    /// Milliseconds of a clock that nobody can set; only differences mean something.
    #[must_use]
    pub fn steady_ms(&self) -> i64 {
        (self.steady)()
    }
}

/// Counts while the machine sleeps, too.
fn since_boot_ms() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    time.tv_sec.saturating_mul(1000).saturating_add(time.tv_nsec / 1_000_000)
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
