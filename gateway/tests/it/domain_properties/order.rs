//! The order of checks (PROTOCOL.md section 7): of two things that are wrong with a request, the one that is looked at first
//! gives the code. The order is read from the text; for every message, every two of its faults are put together.

mod case;
mod faults;
mod messages;
pub(crate) mod text;

use std::collections::{BTreeMap, BTreeSet};

use gateway::domain::Role;

use case::Case;
use faults::{
    ACCOUNT_BLOCKED, ACTIVE_CARD, BOUND, CASHIER_DAY, CLOSED, DAY, PRODUCT, SPENT, TILL_LIMIT, Wrong,
};
use messages::messages;
use text::order;

fn spoilt(case: &Case, faults: [Wrong; 2]) -> Case {
    let mut case = case.clone();
    faults.into_iter().for_each(|fault| (fault.spoil)(&mut case));
    case
}

#[test]
fn of_any_two_things_that_are_wrong_with_any_message_the_first_in_the_texts_order_is_given() {
    let order = order();
    // Where a fault stands: its check, and its code within that.
    let place = |fault: &Wrong| {
        let check = order.iter().position(|check| check.name == fault.check);
        let check = check.unwrap_or_else(|| panic!("{} is no check of the text's", fault.check));
        let code = order[check].codes.iter().position(|code| *code == fault.code);
        (check, code.unwrap_or_else(|| panic!("{} gives no {}", fault.check, fault.code)))
    };
    let (mut told, mut pairs, mut disorder) = (BTreeSet::new(), 0, Vec::new());
    for (message, sound, faults) in messages() {
        assert_eq!(sound.code(), 0, "{message}");
        let faults: Vec<Wrong> = faults.concat();
        // Which two checks were seen to fail together.
        let mut together: BTreeMap<(usize, usize), bool> = BTreeMap::new();
        for first in &faults {
            let mut alone = sound.clone();
            (first.spoil)(&mut alone);
            assert_eq!(alone.code(), first.code, "{message}: {}", first.what);
            told.insert(place(first));
            for second in faults.iter().filter(|second| place(first) < place(second)) {
                let both = spoilt(&sound, [*first, *second]);
                // When the order in which they come about matters, one has undone the other.
                let can_be = both == spoilt(&sound, [*second, *first]);
                *together.entry((place(first).0, place(second).0)).or_default() |= can_be;
                if can_be {
                    pairs += 1;
                    let code = both.code();
                    if code != first.code {
                        disorder.push(format!(
                            "{message}: {} ({}) and {} ({}): {code}",
                            first.what, first.code, second.what, second.code
                        ));
                    }
                }
            }
        }
        for ((first, second), seen) in together {
            let (one, two) = (&order[first].name, &order[second].name);
            assert!(seen || first == second, "{message}: {one} and {two} were never wrong together");
        }
    }
    assert!(disorder.is_empty(), "{}", disorder.join("\n"));
    assert!(pairs > 500, "{pairs} pairs");
    for (at, check) in order.iter().enumerate() {
        for (code, number) in check.codes.iter().enumerate() {
            assert!(told.contains(&(at, code)), "{} ({number})", check.name);
        }
    }
}

#[test]
fn a_kiosk_sells_nothing_and_may_do_everything_else() {
    for (message, mut case, _) in messages() {
        case.terminal.role = Role::Kiosk;
        let may = message.starts_with("Reversal")
            || [
                "Activate",
                "Load",
                "LoadQuote",
                "Reconciliation",
                "ChangePin",
                "CashTaken",
                "Join",
                "Award",
                "Redeem",
            ]
            .contains(&message);
        assert_eq!(case.code(), if may { 0 } else { 58 }, "{message}");
    }
}

#[test]
fn a_report_of_what_has_happened_is_taken_whatever_card_and_shift_it_names() {
    for (message, sound, _) in messages() {
        if !["Advice", "CashTaken"].contains(&message) {
            continue;
        }
        let faults =
            [CLOSED, ACTIVE_CARD, &PRODUCT[1..], BOUND, ACCOUNT_BLOCKED, TILL_LIMIT, SPENT, DAY, CASHIER_DAY];
        for fault in faults.concat() {
            let mut case = sound.clone();
            (fault.spoil)(&mut case);
            assert_eq!(case.code(), 0, "{message}: {}", fault.what);
        }
        let mut case = sound.clone();
        case.state.cards.clear();
        assert_eq!(case.code(), 0, "{message}: no such card");
    }
}
