//! The chain of seals, computed by hand from the protocol's text.

use gateway::journal::seal::seal_verifies;
use gateway::keys::{PublicKey, SigningKey};
use protocol::field::Installation;
use protocol::receipt::Seal;
use terminal_sim::sha256;

use super::{busy_day, database};
use crate::harness::Site;

/// The root of a tree by the text of RFC 9162, section 2.1.1: split at the largest power of two below the size.
fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            sha256(&[&[1], &root(left), &root(right)])
        }
    }
}

#[tokio::test]
async fn every_seal_has_the_hash_of_the_one_before_it_under_its_root() {
    let site = Site::new();
    busy_day::trade(&site).await;
    let connection = database(&site.data());
    let mut seals = connection.prepare("SELECT grp, seal FROM seal ORDER BY grp").expect("a query");
    let seals = seals.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("seals");
    let mut leaves =
        connection.prepare("SELECT leaf FROM journal WHERE grp = ? ORDER BY idx").expect("a query");
    let mut before = [0; 32];
    for seal in seals {
        let (group, seal): (u64, Vec<u8>) = seal.expect("a seal");
        let entries = leaves.query_map([group], |row| row.get(0)).expect("leaves");
        let mut tree = vec![sha256(&[&[0], &before])];
        tree.extend(entries.map(|leaf: rusqlite::Result<[u8; 32]>| leaf.expect("a leaf")));
        assert_eq!(Seal::parse(&seal).expect("a seal").root.0, root(&tree), "group {group}");
        before = sha256(&[&seal]);
    }
}

/// The other valid signature over the same bytes: `n - s` in the place of `s` (ES256 does not say which one to take).
fn other_signature(seal: &[u8]) -> Vec<u8> {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
        0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let mut other = seal.to_vec();
    let s = seal.len() - 32;
    let mut borrow = 0;
    for at in (0..32).rev() {
        let difference = i16::from(ORDER[at]) - i16::from(seal[s + at]) - borrow;
        borrow = i16::from(difference < 0);
        other[s + at] = u8::try_from(difference.rem_euclid(256)).expect("a byte");
    }
    other
}

#[tokio::test]
async fn a_seal_in_other_words_is_missed_by_the_next_one_and_the_last_by_its_anchor() {
    let site = Site::new();
    busy_day::trade(&site).await;
    let connection = database(&site.data());
    let last: u64 = connection.query_row("SELECT max(grp) FROM seal", [], |row| row.get(0)).expect("a group");
    for group in [1, 50, last - 1, last] {
        let read = "SELECT seal FROM seal WHERE grp = ?";
        let seal: Vec<u8> = connection.query_row(read, [group], |row| row.get(0)).expect("a seal");
        let other = other_signature(&seal);
        let key = SigningKey::load(&site.data().join("keys/gateway.p8")).expect("the gateway's key").spki();
        let key = PublicKey::from_spki(&key).expect("a P-256 key");
        let id: [u8; 16] = connection
            .query_row("SELECT value FROM meta WHERE name = 'installation'", [], |row| row.get(0))
            .expect("an installation id");
        let parsed = Seal::parse(&other).expect("a seal");
        assert!(seal_verifies(&parsed, &Installation(id), &key), "both signatures are right");
        let update = "UPDATE seal SET seal = ? WHERE grp = ?";
        connection.execute(update, rusqlite::params![other, group]).expect("changed");
        let done = site.run(&["journal", "verify"]);
        assert_eq!(done.status.code(), Some(1), "group {group}: {}", done.json);
        connection.execute(update, rusqlite::params![seal, group]).expect("put back");
    }
    site.verify();
}
