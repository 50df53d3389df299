//! The default programme in integers, written from its rules and from `PROTOCOL.md`, never from the gateway's code.
//! Amounts are minor units.

/// The smallest load.
pub const MIN_LOAD: i64 = 1_00;
/// The largest load of the card product; the terminal may have a lower limit of its own.
pub const MAX_LOAD: i64 = 5_000_00;
/// Principal and bonus together after a load.
pub const MAX_BALANCE: i64 = 5_000_00;

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
    fn points_drop_the_rest() {
        assert_eq!([points(99), points(1_00), points(1_99), points(3_00)], [0, 1, 1, 3]);
    }
}
