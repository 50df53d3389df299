//! Receipts, seals, statuses, offline grants and receipt files, decoded and checked.
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::field::{Hash, Installation, RequestId};
use protocol::merkle::{Tree, root_from_path};
use protocol::receipt::{Grant, Receipt, ReceiptFile, Seal, SealHeader, Status, entry_leaf};
use protocol_fuzz::{hash, same_or_refused};

fuzz_target!(|data: &[u8]| {
    let installation = Installation([7; 16]);
    let yes = |_: &[u8], _: &[u8]| true;
    if let Some(receipt) = same_or_refused(Receipt::parse(data), data, Receipt::encode) {
        let leaf = entry_leaf(&RequestId([1; 32]), &Hash([2; 32]), &Hash([3; 32]));
        if let Ok(checked) = receipt.verify(&leaf, &installation, hash, &yes) {
            let seal = receipt.seal;
            assert!((seal.first_index..=seal.last_index).contains(&checked.index), "outside its group");
        }
    }
    same_or_refused(Seal::parse(data), data, Seal::encode);
    same_or_refused(SealHeader::decode(data), data, SealHeader::encode);
    same_or_refused(Status::decode_payload(data), data, Status::encode_payload);
    let _ = Status::check(data, &RequestId([1; 32]), &installation, &yes);
    same_or_refused(Grant::decode_payload(data), data, Grant::encode_payload);
    let _ = Grant::check(data, &installation, &yes);
    if let Some(file) = same_or_refused(ReceiptFile::decode(data), data, ReceiptFile::encode) {
        let _ = file.check(hash, &yes);
    }
    paths(data);
});

/// Every leaf of a tree made of the data has a path to its root, and no path leads there from another place.
fn paths(data: &[u8]) {
    let [size, index, other, ..] = data else { return };
    let leaves: Vec<Hash> = (0..=*size).map(|leaf| Hash([leaf; 32])).collect();
    let (size, index) = (leaves.len(), usize::from(*index) % leaves.len());
    let tree = Tree::new(leaves.clone(), hash);
    let path = tree.path(index).unwrap();
    let root = |place: u64| root_from_path(place, size as u64, &leaves[index], &path, hash);
    assert_eq!(root(index as u64), Some(tree.root()));
    if usize::from(*other) != index {
        assert_ne!(root(u64::from(*other)), Some(tree.root()));
    }
}
