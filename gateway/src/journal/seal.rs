//! Seals: one signature over the Merkle root of a write group, chained to the one before (PROTOCOL.md section 8.1).

use protocol::cose::{Algorithm, Context, EMPTY_MAP, Sign1, sig_structure};
use protocol::field::{Hash, Installation, RequestId, TransactionState, UnixSeconds};
use protocol::merkle::{Tree, leaf_hash};
use protocol::receipt::{Grant, Receipt, Seal, SealHeader, Status, entry_leaf};

use super::sha256;
use crate::domain::State;
use crate::keys::{PublicKey, SigningKey};

/// The only chain there is; merchants that share a gateway may get chains of their own.
pub const CHAIN: u64 = 1;

/// Where the journal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub epoch: u64,
    /// Last group; 0 before the first.
    pub group: u64,
    /// Last entry; 0 before the first.
    pub index: u64,
    /// Zeros before the first group.
    pub seal_hash: [u8; 32],
    /// Time of the last group; gateway time never goes back behind it.
    pub time_ms: i64,
}

impl Head {
    /// Before the first entry.
    pub const GENESIS: Self = Self { epoch: 1, group: 0, index: 0, seal_hash: [0; 32], time_ms: 0 };
}

/// Signs seals and statuses.
#[derive(Debug)]
pub struct Sealer {
    pub key: SigningKey,
    pub installation: Installation,
}

/// A sealed group: what to store, and the receipts of its entries.
#[derive(Debug)]
pub struct Sealed {
    header: SealHeader,
    signature: protocol::Signature,
    tree: Tree,
    tree_size: u64,
    /// The seal as stored.
    pub bytes: Vec<u8>,
    /// The head after this group.
    pub head: Head,
}

impl Sealer {
    /// Seals the entries that follow `head`.
    ///
    /// # Panics
    /// When an index leaves the range of `u64`.
    #[must_use]
    pub fn seal(&self, head: &Head, entry_leaves: &[[u8; 32]], time_ms: i64) -> Sealed {
        let next = |number: u64| number.checked_add(1).expect("a journal of 2^64 entries cannot exist");
        let header = SealHeader {
            chain: CHAIN,
            epoch: head.epoch,
            group: next(head.group),
            first_index: next(head.index),
            last_index: head
                .index
                .checked_add(entry_leaves.len() as u64)
                .expect("a journal of 2^64 entries cannot exist"),
            time_ms: u64::try_from(time_ms).unwrap_or(0),
        };
        let tree = group_tree(&head.seal_hash, entry_leaves);
        let root = tree.root();
        let signature = self.key.sign(&header.to_be_signed(&self.installation, &root));
        let bytes = Seal { header, root, signature }.encode();
        let entries = entry_leaves.len() as u64;
        let head = Head {
            epoch: head.epoch,
            group: header.group,
            index: head.index.checked_add(entries).expect("a journal of 2^64 entries cannot exist"),
            seal_hash: sha256(&[&bytes]),
            time_ms,
        };
        Sealed { header, signature, tree, tree_size: next(entries), bytes, head }
    }

    /// What a terminal may approve by itself, signed.
    #[must_use]
    pub fn grant(&self, grant: &Grant) -> Vec<u8> {
        self.signed(Context::Grant, &grant.encode_payload())
    }

    fn signed(&self, context: Context, payload: &[u8]) -> Vec<u8> {
        let protected = Algorithm::Es256.protected_header();
        let signature = self.key.sign(&sig_structure(context, &self.installation, &protected, payload));
        let sign1 = Sign1 {
            protected: &protected,
            unprotected: EMPTY_MAP,
            payload: Some(payload),
            signature: &signature,
        };
        sign1.encode()
    }

    /// A signed statement of where a transaction stands now.
    #[must_use]
    pub fn status(&self, request_id: [u8; 32], state: TransactionState, head: &Head, now_s: i64) -> Vec<u8> {
        let status = Status {
            request_id: RequestId(request_id),
            state,
            time: UnixSeconds::new(now_s).unwrap_or(UnixSeconds::MIN),
            epoch: head.epoch,
            last_index: head.index,
        };
        self.signed(Context::Status, &status.encode_payload())
    }
}

impl Sealed {
    /// A stored group, to make receipts from again. `None` when the seal's root is not that of these leaves.
    #[must_use]
    pub fn stored(
        seal: &Seal,
        bytes: &[u8],
        previous_seal_hash: &[u8; 32],
        entry_leaves: &[[u8; 32]],
    ) -> Option<Self> {
        let tree = group_tree(previous_seal_hash, entry_leaves);
        let entries = entry_leaves.len() as u64;
        let head = Head {
            epoch: seal.header.epoch,
            group: seal.header.group,
            index: seal.header.first_index.checked_add(entries)?.checked_sub(1)?,
            seal_hash: sha256(&[bytes]),
            time_ms: i64::try_from(seal.header.time_ms).ok()?,
        };
        (tree.root() == seal.root).then_some(Self {
            header: seal.header,
            signature: seal.signature,
            tree,
            tree_size: entries.checked_add(1)?,
            bytes: bytes.to_vec(),
            head,
        })
    }

    /// The receipt of the entry at `position` (0 for the group's first entry).
    #[must_use]
    pub fn receipt(&self, position: usize) -> Option<Vec<u8>> {
        let leaf = position.checked_add(1)?;
        let receipt = Receipt {
            seal: self.header,
            tree_size: self.tree_size,
            leaf_index: leaf as u64,
            path: self.tree.path(leaf)?,
            signature: self.signature,
        };
        Some(receipt.encode())
    }
}

/// Leaf 0 names the seal before; the others are the group's entries.
fn group_tree(previous_seal_hash: &[u8; 32], entry_leaves: &[[u8; 32]]) -> Tree {
    let mut leaves = Vec::with_capacity(entry_leaves.len().saturating_add(1));
    leaves.push(leaf_hash(previous_seal_hash, sha256));
    leaves.extend(entry_leaves.iter().map(|leaf| Hash(*leaf)));
    Tree::new(leaves, sha256)
}

/// The leaf hash of an entry.
#[must_use]
pub fn leaf_of(request_id: [u8; 32], answer_hash: [u8; 32], details_hash: [u8; 32]) -> [u8; 32] {
    let data = entry_leaf(&RequestId(request_id), &Hash(answer_hash), &Hash(details_hash));
    leaf_hash(&data, sha256).0
}

/// Whether a seal is signed by this key for this installation.
#[must_use]
pub fn seal_verifies(seal: &Seal, installation: &Installation, key: &PublicKey) -> bool {
    key.verify(&seal.header.to_be_signed(installation, &seal.root), &seal.signature)
}

/// The key that a group must be sealed with: the one in force before it, so that an old key vouches for a new one; the
/// first group names its own.
#[must_use]
pub fn sealing_key(key_before: &[u8], state_after: &State) -> Option<PublicKey> {
    PublicKey::from_spki(sealing_spki(key_before, state_after))
}

/// The same, as it is written.
pub(super) fn sealing_spki<'a>(key_before: &'a [u8], state_after: &'a State) -> &'a [u8] {
    if key_before.is_empty() { &state_after.gateway_key } else { key_before }
}
