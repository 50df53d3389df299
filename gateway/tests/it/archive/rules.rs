//! Which entries may go, to the day and to the entry.

use gateway::domain::act::{Act, Drawn, Place, decide_act};
use gateway::domain::archive::{ARCHIVED_THROUGH, BACKUP_HORIZON_S, may_go_before};
use gateway::domain::day::close_through;
use gateway::domain::{Effect, Now, State};
use gateway::programme_file::{DEFAULT, parse};

/// The first second of business date 2026-11-22 by the default programme: 04:00, UTC+8.
const CUTOVER_S: i64 = 1_795_276_800 + 4 * 3600;

fn state(closed: u32, archived: i64) -> State {
    let mut state = State::default();
    state.apply(&close_through(&state, closed).expect("later")).expect("fits");
    let counter = ARCHIVED_THROUGH.to_owned();
    state.apply(&Effect::Counter { card: None, counter, period: 0, change: archived }).expect("fits");
    state
}

fn at(s: i64) -> Now {
    Now { ms: s * 1000, business_date: 20_261_122, certain: true }
}

#[test]
fn days_go_that_are_closed_and_over_for_as_long_as_terminals_keep_their_requests() {
    assert_eq!(BACKUP_HORIZON_S, 35 * 86_400);
    let programme = parse(DEFAULT).expect("a programme");
    for (closed, s, before) in [
        (20_261_121, CUTOVER_S, 20_261_018),
        (20_261_121, CUTOVER_S - 1, 20_261_017),
        (20_261_121, CUTOVER_S + 86_399, 20_261_018),
        (20_261_018, CUTOVER_S, 20_261_018),
        (20_261_017, CUTOVER_S, 20_261_018),
        (20_261_016, CUTOVER_S, 20_261_017),
        (20_260_930, CUTOVER_S, 20_261_001),
    ] {
        assert_eq!(may_go_before(&state(closed, 1), &programme, at(s)), before, "{closed} {s}");
    }
}

#[test]
fn entries_go_from_the_first_that_is_there_and_of_days_that_may() {
    let programme = parse(DEFAULT).expect("a programme");
    for (first, last, archived, goes) in [
        (11, 20, 20_261_017, Some(10)),
        (11, 11, 20_261_017, Some(1)),
        (11, 10, 20_261_017, None),
        (10, 20, 20_261_017, None),
        (12, 20, 20_261_017, None),
        (11, 20, 20_261_018, None),
        (11, u64::MAX, 20_261_017, None),
    ] {
        let act = Act::JournalArchive { file: "000001.svga".into(), sha256: [0; 32], first, last };
        let place = Place { merchant: "M", store: "S", index: 99, about: None };
        let drawn = Drawn { archived, ..Drawn::default() };
        let decided = decide_act(&state(20_261_121, 10), &programme, &act, drawn, place, at(CUTOVER_S));
        let change = decided.map(|effects| match effects.as_slice() {
            [Effect::Counter { card: None, change, period: 0, counter }] if counter == ARCHIVED_THROUGH => {
                *change
            }
            other => panic!("{other:?}"),
        });
        assert_eq!(change.ok(), goes, "{first} {last} {archived}");
    }
}
