//! The Merkle tree of a write group: RFC 9162, section 2.1, with SHA-256 (section 8.1).

use alloc::vec::Vec;

use crate::Sha256;
use crate::field::Hash;

/// The hash of a leaf's data.
pub fn leaf_hash(data: &[u8], sha256: Sha256) -> Hash {
    Hash(sha256(&[&[0x00], data]))
}

/// The hash of two subtrees.
pub fn node_hash(left: &Hash, right: &Hash, sha256: Sha256) -> Hash {
    Hash(sha256(&[&[0x01], &left.0, &right.0]))
}

/// A whole tree, level by level, from which every path can be taken.
///
/// An odd node at the end of a level moves up as it is; that is the tree of RFC 9162, whose left subtree is the largest
/// power of two (a test holds it against the RFC's recursive definition).
#[derive(Clone, Debug)]
pub struct Tree {
    /// `levels[0]` are the leaf hashes, the last level is the root alone. Never empty.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// The tree over leaf hashes in order; of no leaves, the root is SHA-256 of nothing.
    pub fn new(leaf_hashes: Vec<Hash>, sha256: Sha256) -> Self {
        let mut levels = Vec::new();
        let mut level = if leaf_hashes.is_empty() { Vec::from([Hash(sha256(&[]))]) } else { leaf_hashes };
        while level.len() > 1 {
            let above = level
                .chunks(2)
                .map(|pair| match pair {
                    [left, right] => node_hash(left, right, sha256),
                    odd => odd.first().copied().unwrap_or(Hash([0; 32])),
                })
                .collect();
            levels.push(core::mem::replace(&mut level, above));
        }
        levels.push(level);
        Tree { levels }
    }

    /// The root hash.
    pub fn root(&self) -> Hash {
        self.levels.last().and_then(|level| level.first()).copied().unwrap_or(Hash([0; 32]))
    }

    /// The inclusion path of leaf `index`, from the leaf up; `None` when there is no such leaf.
    pub fn path(&self, index: usize) -> Option<Vec<Hash>> {
        self.levels.first()?.get(index)?;
        let siblings = self.levels.iter().enumerate().filter_map(|(height, level)| {
            let position = index.checked_shr(u32::try_from(height).ok()?)?;
            level.get(position ^ 1)
        });
        Some(siblings.copied().collect())
    }
}

/// The root over leaf hashes.
pub fn root(leaf_hashes: &[Hash], sha256: Sha256) -> Hash {
    Tree::new(leaf_hashes.to_vec(), sha256).root()
}

/// The inclusion path of one leaf; [`Tree`] gives many for the price of one.
pub fn path(leaf_hashes: &[Hash], index: usize, sha256: Sha256) -> Option<Vec<Hash>> {
    Tree::new(leaf_hashes.to_vec(), sha256).path(index)
}

/// The root that a path leads to: RFC 9162, section 2.1.3.2, step by step. `None` when the path does not have the
/// length that leaf `index` of `size` leaves needs.
pub fn root_from_path(
    index: u64,
    size: u64,
    leaf_hash: &Hash,
    path: &[Hash],
    sha256: Sha256,
) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut node, mut last) = (index, size.checked_sub(1)?);
    let mut hash = *leaf_hash;
    for sibling in path {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash, sha256);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling, sha256);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}
