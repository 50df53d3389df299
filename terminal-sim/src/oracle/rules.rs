//! The default programme in integers, written from its rules and from `PROTOCOL.md`, never from the gateway's code.
//! Amounts are minor units.

/// Holds that a purse can have at a time.
pub const MOST_HOLDS: usize = 16;
/// A card with so many lots that are not empty opens no more: a load joins the last lot of its balance.
pub const LOTS_APART: usize = 32;

/// From this load on, this bonus; the highest step that is reached pays once.
const BONUS_STEPS: [(i64, i64); 4] = [(100_00, 5_00), (300_00, 20_00), (500_00, 50_00), (1_000_00, 120_00)];
/// One point for each of these that was paid from the card in one purchase; the rest is dropped.
const POINTS_PER: i64 = 1_00;

/// What a load of this amount is rewarded with.
#[must_use]
pub fn bonus(load: i64) -> i64 {
    BONUS_STEPS.iter().rev().find(|(from, _)| load >= *from).map_or(0, |(_, bonus)| *bonus)
}

/// The next step above this load: what is missing, and the bonus there.
#[must_use]
pub fn next_step(load: i64) -> Option<(i64, i64)> {
    let (from, bonus) = BONUS_STEPS.iter().find(|(from, _)| load < *from)?;
    Some((from.checked_sub(load)?, *bonus))
}

/// The points that a purchase earns on what the card paid.
#[must_use]
pub fn points(paid: i64) -> i64 {
    paid.checked_div(POINTS_PER).unwrap_or(0)
}

/// What has been taken back of something that was given on a whole, once `refunded` of it has been refunded: in
/// proportion, rounded up over all refunds together.
#[must_use]
pub fn taken_back(given: i64, refunded: i64, whole: i64) -> i64 {
    let product = i128::from(given).saturating_mul(i128::from(refunded));
    let up = product.saturating_add(i128::from(whole)).saturating_sub(1).checked_div(i128::from(whole));
    up.and_then(|up| i64::try_from(up).ok()).unwrap_or(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_step_reached_pays_once() {
        let cases = [
            (1_00, 0),
            (99_99, 0),
            (100_00, 5_00),
            (299_99, 5_00),
            (300_00, 20_00),
            (499_99, 20_00),
            (500_00, 50_00),
            (999_99, 50_00),
            (1_000_00, 120_00),
            (5_000_00, 120_00),
        ];
        for (load, expected) in cases {
            assert_eq!(bonus(load), expected, "load of {load}");
        }
    }

    #[test]
    fn a_quote_names_the_step_above() {
        assert_eq!(next_step(99_99), Some((1, 5_00)));
        assert_eq!(next_step(100_00), Some((200_00, 20_00)));
        assert_eq!(next_step(1_000_00), None);
    }

    #[test]
    fn what_is_taken_back_is_rounded_up_and_whole_at_the_end() {
        let taken =
            [0, 1, 33_33, 33_34, 66_67, 99_99, 100_00].map(|refunded| taken_back(3, refunded, 100_00));
        assert_eq!(taken, [0, 1, 1, 2, 3, 3, 3]);
        assert_eq!([taken_back(0, 5, 10), taken_back(7, 10, 10), taken_back(5, 1, 0)], [0, 7, 5]);
    }

    #[test]
    fn points_drop_the_rest() {
        assert_eq!([points(99), points(1_00), points(1_99), points(3_00)], [0, 1, 1, 3]);
    }
}
