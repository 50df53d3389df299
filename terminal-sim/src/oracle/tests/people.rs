//! Supervisors, and the limits of a day and month: each right answer is taken, and a wrong one is seen.

use super::*;

fn declined(stan: u32, kind: MessageType, code: u8) -> Fact {
    fact(stan, kind, code, 0, wallet(0, 0, 0), wallet(0, 0, 0))
}

/// Whether nothing is found with this answer, and something with an approval or decline in its place.
pub(super) fn is_right(oracle: &Oracle, intent: &Intent, right: &Fact, wrong: &Fact) {
    let (mut one, mut other) = (oracle.clone(), oracle.clone());
    trade(&mut one, intent.clone(), right.clone());
    assert_eq!(one.mismatches(), []);
    trade(&mut other, intent.clone(), wrong.clone());
    assert_eq!(other.mismatches().len(), 1, "{wrong:?}");
}

#[test]
fn a_refund_from_an_amount_on_needs_a_supervisor_who_is_one() {
    let till = TillRule { tries: 3, refund_from: Some(10_00), ..TillRule::default() };
    let programme = Programme { till, ..Programme::default() };
    let mut oracle = Oracle { programme, ..loaded() };
    let after = wallet(280_00, 20_00, 20);
    let sale = fact(3, MessageType::PURCHASE, 0, 20_00, wallet(-20_00, 0, 20), after);
    trade(&mut oracle, intent(3, MessageType::PURCHASE, 20_00), sale);
    let refund = |amount, supervisor, lost| Intent {
        original: Some(key("T1", 3)),
        extra: Extra { supervisor, sidecar_lost: lost, ..Extra::default() },
        ..intent(4, MessageType::REFUND, amount)
    };
    let paid = |amount: i64, points: i64| Fact {
        state: Some(TransactionState::REFUNDED_IN_PART.0),
        ..fact(
            4,
            MessageType::REFUND,
            0,
            amount,
            wallet(amount, 0, -points),
            wallet(280_00 + amount, 20_00, 20 - points),
        )
    };
    let needed = declined(4, MessageType::REFUND, 76);
    let nobody = declined(4, MessageType::REFUND, 55);
    let wrong = Fact { tries_left: Some(2), ..nobody.clone() };
    is_right(&oracle, &refund(9_00, None, false), &paid(9_00, 9), &needed);
    is_right(&oracle, &refund(10_00, None, false), &needed, &paid(10_00, 10));
    is_right(&oracle, &refund(9_00, Some(Supervisor::NoPin), false), &needed, &paid(9_00, 9));
    is_right(&oracle, &refund(9_00, Some(Supervisor::Nobody), false), &nobody, &wrong);
    is_right(&oracle, &refund(9_00, Some(Supervisor::WrongPin), false), &wrong, &nobody);
    is_right(&oracle, &refund(12_00, Some(Supervisor::Right), false), &paid(12_00, 12), &needed);
    is_right(&oracle, &refund(12_00, Some(Supervisor::Right), true), &needed, &paid(12_00, 12));
}

#[test]
fn one_load_too_many_in_a_day_or_month_is_declined_whoever_counts() {
    let one = Some(Allowance { counts: [Some(1), None, None], sums: [None; 3] });
    let cashier = Some("amy".to_owned());
    let load = Intent {
        extra: Extra { cashier: cashier.clone(), ..Extra::default() },
        ..intent(3, MessageType::LOAD, 10_00)
    };
    let on = |date| Fact {
        date,
        ..fact(3, MessageType::LOAD, 0, 10_00, wallet(10_00, 0, 0), wallet(310_00, 20_00, 0))
    };
    let over = |date| Fact { date, ..declined(3, MessageType::LOAD, 61) };
    for programme in [
        of(Product { daily: one, ..Product::STANDARD }),
        Programme { terminal_day: one, ..Programme::default() },
    ] {
        let oracle = loaded_by(programme);
        is_right(&oracle, &load, &over(0), &on(0));
        is_right(&oracle, &load, &on(1), &over(1));
    }
    let oracle = loaded_by(of(Product { monthly: one, ..Product::STANDARD }));
    is_right(&oracle, &load, &over(31), &on(31));
    is_right(&oracle, &load, &on(131), &over(131));
    // Nobody counts where nothing limits.
    let oracle = Oracle { programme: of(Product { monthly: one, ..Product::STANDARD }), ..loaded() };
    is_right(&oracle, &load, &on(31), &over(31));
    // The load before was nobody's; the next one would be amy's second.
    let programme = Programme { cashier_day: one, ..Programme::default() };
    let mut oracle = Oracle { programme, ..loaded() };
    is_right(&oracle, &load, &on(0), &over(0));
    trade(&mut oracle, load, on(0));
    let again =
        Intent { extra: Extra { cashier, ..Extra::default() }, ..intent(4, MessageType::LOAD, 10_00) };
    let twice = fact(4, MessageType::LOAD, 0, 10_00, wallet(10_00, 0, 0), wallet(320_00, 20_00, 0));
    is_right(&oracle, &again, &declined(4, MessageType::LOAD, 61), &twice);
    // What is reversed on the same day counts no longer.
    oracle.begin(oracle.intent(&key("T1", 3)).cloned().unwrap());
    let undone = reversal(
        5,
        3,
        Some(10_00),
        TransactionState::REVERSED,
        wallet(-10_00, 0, 0),
        wallet(300_00, 20_00, 0),
    );
    oracle.settle(&key("T1", 3), vec![undone]);
    let once = fact(6, MessageType::LOAD, 0, 10_00, wallet(10_00, 0, 0), wallet(310_00, 20_00, 0));
    let next = Intent { key: key("T1", 6), ..again };
    is_right(&oracle, &next, &once, &declined(6, MessageType::LOAD, 61));
}
