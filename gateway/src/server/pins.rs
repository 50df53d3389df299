//! PIN hashes, worked out beside the sessions: each costs memory and time on purpose, so few run at once.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use protocol::field::Pin;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::keys::CardKey;

/// KiB that one hash takes, passes over them, lanes: OWASP's first choice for Argon2id.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Hashes at once.
const AT_ONCE: usize = 2;
/// Requests with a PIN at once, those that wait for a hash included.
const WAITING: usize = 64;

/// The places where PINs are hashed.
#[derive(Debug)]
pub struct PinPool {
    waiting: Arc<Semaphore>,
    at_once: Arc<Semaphore>,
}

/// The right to have PINs of one request hashed: whoever has it is not sent away half way.
#[derive(Debug)]
pub(super) struct Place {
    _waiting: OwnedSemaphorePermit,
    at_once: Arc<Semaphore>,
}

impl Default for PinPool {
    fn default() -> Self {
        Self { waiting: Arc::new(Semaphore::new(WAITING)), at_once: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl PinPool {
    /// A place, or `None` when too many wait: nothing was tried then, and nothing counted.
    pub(super) fn place(&self) -> Option<Place> {
        let waiting = Arc::clone(&self.waiting).try_acquire_owned().ok()?;
        Some(Place { _waiting: waiting, at_once: Arc::clone(&self.at_once) })
    }
}

impl Place {
    /// The keyed hash of a PIN; `None` when the process is ending.
    pub(super) async fn hash(&self, pin: &Pin, salt: [u8; 16], key: &Arc<CardKey>) -> Option<[u8; 32]> {
        let _turn = self.at_once.acquire().await.ok()?;
        let (pin, key) = (pin.clone(), Arc::clone(key));
        tokio::task::spawn_blocking(move || stretch(&pin, salt).map(|stretched| key.pin_hash(&stretched)))
            .await
            .ok()?
    }
}

/// The memory-hard part; what the writer stores is its keyed hash.
#[must_use]
pub fn stretch(pin: &Pin, salt: [u8; 16]) -> Option<[u8; 32]> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(32)).ok()?;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut out = [0; 32];
    argon.hash_password_into(pin.expose().as_bytes(), &salt, &mut out).ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pin_and_salt_both_matter() {
        let pin = |text: &str| Pin::new(text).expect("a PIN");
        let hash = stretch(&pin("1234"), [1; 16]);
        assert_eq!(hash, stretch(&pin("1234"), [1; 16]));
        assert_ne!(hash, stretch(&pin("1235"), [1; 16]));
        assert_ne!(hash, stretch(&pin("1234"), [2; 16]));
    }
}
