//! PIN hashes, worked out beside the sessions: each costs memory and time on purpose, so few run at once.

use std::sync::{Arc, Mutex, PoisonError};

use argon2::{Algorithm, Argon2, Block, Params, Version};
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
    memory: Arc<Memory>,
}

/// Memory of the hashes that run at once, for the next ones: given back, it would stay with every thread that has ever hashed, and
/// the gateway would hold hundreds of megabytes after an hour of PINs.
#[derive(Debug, Default)]
struct Memory(Mutex<Vec<Vec<Block>>>);

/// The right to have PINs of one request hashed: whoever has it is not sent away half way.
#[derive(Debug)]
pub(super) struct Place {
    _waiting: OwnedSemaphorePermit,
    at_once: Arc<Semaphore>,
    memory: Arc<Memory>,
}

impl Default for PinPool {
    fn default() -> Self {
        let [waiting, at_once] = [WAITING, AT_ONCE].map(|places| Arc::new(Semaphore::new(places)));
        Self { waiting, at_once, memory: Arc::default() }
    }
}

impl PinPool {
    /// A place, or `None` when too many wait: nothing was tried then, and nothing counted.
    pub(super) fn place(&self) -> Option<Place> {
        let waiting = Arc::clone(&self.waiting).try_acquire_owned().ok()?;
        let (at_once, memory) = (Arc::clone(&self.at_once), Arc::clone(&self.memory));
        Some(Place { _waiting: waiting, at_once, memory })
    }
}

impl Place {
    /// The keyed hash of a PIN; `None` when the process is ending.
    pub(super) async fn hash(&self, pin: &Pin, salt: [u8; 16], key: &Arc<CardKey>) -> Option<[u8; 32]> {
        let _turn = self.at_once.acquire().await.ok()?;
        let (pin, key, memory) = (pin.clone(), Arc::clone(key), Arc::clone(&self.memory));
        let hashed = move || {
            let mut blocks = memory.take();
            let stretched = stretch_in(&mut blocks, &pin, salt);
            memory.put_back(blocks);
            stretched.map(|stretched| key.pin_hash(&stretched))
        };
        tokio::task::spawn_blocking(hashed).await.ok()?
    }
}

impl Memory {
    fn take(&self) -> Vec<Block> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Nothing of a PIN stays in it.
    fn put_back(&self, mut blocks: Vec<Block>) {
        blocks.fill(Block::default());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(blocks);
    }
}

/// The memory-hard part; what the writer stores is its keyed hash.
#[must_use]
pub fn stretch(pin: &Pin, salt: [u8; 16]) -> Option<[u8; 32]> {
    stretch_in(&mut Vec::new(), pin, salt)
}

fn stretch_in(blocks: &mut Vec<Block>, pin: &Pin, salt: [u8; 16]) -> Option<[u8; 32]> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(32)).ok()?;
    blocks.resize(params.block_count(), Block::default());
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut out = [0; 32];
    argon.hash_password_into_with_memory(pin.expose().as_bytes(), &salt, &mut out, blocks).ok()?;
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
        // What was hashed before in the same memory does not matter.
        let memory = Memory::default();
        for (text, salt) in [("1234", [1; 16]), ("1235", [3; 16]), ("1234", [1; 16])] {
            let mut blocks = memory.take();
            assert_eq!(stretch_in(&mut blocks, &pin(text), salt), stretch(&pin(text), salt));
            memory.put_back(blocks);
        }
        assert_eq!(memory.0.lock().expect("nobody panicked").len(), 1, "it is used again");
    }
}
