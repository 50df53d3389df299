//! What things come to.

use super::super::world::{POINTS_MOST, POINTS_PAY};

pub(in super::super) fn bonus_of(amount: i64) -> i64 {
    match amount {
        300_00.. => 20_00,
        100_00.. => 5_00,
        _ => 0,
    }
}

pub(in super::super) fn points_of(paid: i64) -> i64 {
    paid / 3_00 * 2
}

/// `all` x `part` / `whole`, rounded up.
pub(in super::super) fn share_up(all: i64, part: i64, whole: i64) -> i64 {
    (all * part + whole - 1) / whole
}

/// Tenders of a load: cash and a QR wallet, half and half.
pub(in super::super) fn tenders_of(amount: i64) -> Vec<(u8, i64)> {
    let lines = [(1, amount / 2), (3, amount - amount / 2)];
    lines.into_iter().filter(|(_, part)| *part > 0).collect()
}

/// `amount` of a list, from its end, after `skip` of it.
pub(super) fn from_the_end<T: Copy>(list: &[(T, i64)], mut skip: i64, mut amount: i64) -> Vec<(T, i64)> {
    let mut picked = Vec::new();
    for (what, part) in list.iter().rev() {
        let passed = skip.min(*part);
        let taken = amount.min(part - passed);
        (skip, amount) = (skip - passed, amount - taken);
        if taken > 0 {
            picked.push((*what, taken));
        }
    }
    assert_eq!(amount, 0, "no more than the list has");
    picked
}

/// What points pay, and whether they may pay so much of an amount.
pub(super) fn worth_of(points: i64, amount: i64) -> Option<i64> {
    let (so_many, pay) = POINTS_PAY;
    let worth = points * pay / so_many;
    (worth > 0 && worth * 100 <= amount * POINTS_MOST).then_some(worth)
}
