//! The tree against the recursive definition of RFC 9162, section 2.1.

use proptest::prelude::*;
use protocol::field::Hash;
use protocol::merkle::{Tree, leaf_hash, node_hash, path, root, root_from_path};

use super::keys::{SHA256, hex};

/// MTH(D[n]) of section 2.1.1, on leaf hashes.
fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash(SHA256(&[])),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&mth(left), &mth(right), SHA256)
        }
    }
}

/// PATH(m, D[n]) of section 2.1.3.1.
fn path_of(m: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, sibling) =
        if m < k { (path_of(m, left), mth(right)) } else { (path_of(m - k, right), mth(left)) };
    path.push(sibling);
    path
}

/// The largest power of two below `n`.
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|number| leaf_hash(&number.to_be_bytes(), SHA256)).collect()
}

#[test]
fn the_known_roots_of_certificate_transparency_come_out() {
    let inputs =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    let hashes: Vec<Hash> = inputs.map(|input| leaf_hash(&hex(input), SHA256)).to_vec();
    for (count, expected) in [
        (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
        (5, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
        (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
    ] {
        assert_eq!(root(&hashes[..count], SHA256).to_string(), expected, "{count} leaves");
    }
}

#[test]
fn every_path_of_every_small_tree_is_that_of_the_rfc_and_leads_to_the_root() {
    for size in 1..=40 {
        let leaves = leaves(size);
        let tree = Tree::new(leaves.clone(), SHA256);
        assert_eq!(tree.root(), mth(&leaves));
        assert_eq!(tree.path(size), None);
        for index in 0..size {
            let path = tree.path(index).unwrap();
            assert_eq!(path, path_of(index, &leaves));
            let found = root_from_path(index as u64, size as u64, &leaves[index], &path, SHA256);
            assert_eq!(found, Some(tree.root()));
        }
    }
}

#[test]
fn the_tree_of_nothing_is_the_hash_of_nothing() {
    assert_eq!(root(&[], SHA256), Hash(SHA256(&[])));
}

proptest! {
    #[test]
    fn large_trees_too(size in 2_usize..=1024, pick in any::<prop::sample::Index>()) {
        let leaves = leaves(size);
        let index = pick.index(size);
        prop_assert_eq!(root(&leaves, SHA256), mth(&leaves));
        prop_assert_eq!(path(&leaves, index, SHA256).unwrap(), path_of(index, &leaves));
    }

    #[test]
    fn a_path_proves_one_leaf_at_one_place_of_one_tree(
        size in 1_usize..70, pick in any::<prop::sample::Index>(), other in 0_u64..80, other_size in 0_u64..80,
    ) {
        let leaves = leaves(size);
        let index = pick.index(size);
        let tree = Tree::new(leaves.clone(), SHA256);
        let path = tree.path(index).unwrap();
        let prove = |at, of, path: &[Hash]| root_from_path(at, of, &leaves[index], path, SHA256) == Some(tree.root());
        if other != index as u64 {
            prop_assert!(!prove(other, size as u64, &path));
        }
        if !path.is_empty() {
            prop_assert!(!prove(index as u64, size as u64, &path[1..]));
            prop_assert!(!prove(index as u64, size as u64, &path[..path.len() - 1]));
        }
        let longer = [&path[..], &[Hash([0; 32])]].concat();
        prop_assert_eq!(root_from_path(index as u64, size as u64, &leaves[index], &longer, SHA256), None);
        // Any size and length of path is answered, never a panic.
        root_from_path(other, other_size, &leaves[index], &path, SHA256);
        root_from_path(u64::MAX - 1, u64::MAX, &leaves[index], &path, SHA256);
    }
}
