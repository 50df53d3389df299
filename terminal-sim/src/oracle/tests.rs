//! The oracle against a day that was worked out by hand.

mod by_two;
mod corporate;
mod counter;
mod desk;
mod ends;
mod more;
mod people;

use super::*;
use protocol::answer::Answer;
use protocol::field::TransactionState;

const RULES: TerminalRules =
    TerminalRules { sells: true, max_load: 5_000_00, max_purchase: 3_000_00, max_refund: 1_000_00 };

fn key(terminal: &str, stan: u32) -> TransactionKey {
    TransactionKey { terminal: terminal.into(), generation: 1, stan }
}

fn card() -> CardReference {
    CardReference::from_parts(77).unwrap()
}

fn intent(stan: u32, kind: MessageType, amount: i64) -> Intent {
    Intent {
        key: key("T1", stan),
        kind: kind.0,
        card: Some(card().number()),
        amount: (amount > 0).then_some(amount),
        partial: false,
        genuine: true,
        original: None,
        more: false,
        request_id: None,
        shift: Some(1),
        totals: None,
        rules: RULES,
        extra: Extra::default(),
    }
}

fn wallet(principal: i64, bonus: i64, points: i64) -> Wallet {
    Wallet { principal, bonus, points }
}

/// An answer; `balances` is what the card has after it.
fn fact(stan: u32, kind: MessageType, code: u8, approved: i64, changes: Wallet, balances: Wallet) -> Fact {
    let approval = ResponseCode(code).is_approval();
    Fact {
        key: key("T1", stan),
        about: key("T1", stan),
        kind: kind.0,
        code,
        index: u64::from(stan) + 100,
        approved: approval.then_some(approved),
        balances: approval.then_some(balances),
        changes: approval.then_some(changes),
        state: None,
        totals: None,
        time: 1_000,
        date: 0,
        hold: None,
        shortfall: None,
        tries_left: None,
    }
}

fn reversal(
    stan: u32,
    about: u32,
    approved: Option<i64>,
    state: TransactionState,
    changes: Wallet,
    balances: Wallet,
) -> Fact {
    Fact {
        about: key("T1", about),
        state: Some(state.0),
        approved,
        ..fact(stan, MessageType::REVERSAL, 0, 0, changes, balances)
    }
}

/// A programme with this product alone.
fn of(standard: Product) -> Programme {
    Programme { standard, ..Programme::default() }
}

/// An oracle whose card is active and was loaded with 300.00, which gave 20.00 bonus.
fn loaded() -> Oracle {
    loaded_by(Programme::default())
}

/// The same under this programme.
fn loaded_by(programme: Programme) -> Oracle {
    let mut oracle = Oracle::of(programme);
    oracle.issue(card());
    trade(
        &mut oracle,
        intent(1, MessageType::ACTIVATE, 0),
        fact(1, MessageType::ACTIVATE, 0, 0, wallet(0, 0, 0), wallet(0, 0, 0)),
    );
    let load = fact(2, MessageType::LOAD, 0, 300_00, wallet(300_00, 20_00, 0), wallet(300_00, 20_00, 0));
    trade(&mut oracle, intent(2, MessageType::LOAD, 300_00), load);
    assert_eq!(oracle.mismatches(), []);
    oracle
}

fn trade(oracle: &mut Oracle, intent: Intent, fact: Fact) {
    let key = intent.key.clone();
    oracle.begin(intent);
    oracle.settle(&key, vec![fact]);
}

#[test]
fn principal_is_spent_before_bonus_and_points_come_from_what_was_paid() {
    let mut oracle = loaded();
    let paid = fact(3, MessageType::PURCHASE, 0, 310_50, wallet(-300_00, -10_50, 310), wallet(0, 9_50, 310));
    trade(&mut oracle, intent(3, MessageType::PURCHASE, 310_50), paid);
    assert_eq!(oracle.mismatches(), []);
    assert_eq!(oracle.card(card()), Some((true, wallet(0, 9_50, 310))));
}

#[test]
fn a_wrong_balance_bonus_code_or_rounding_is_seen() {
    let right = fact(3, MessageType::PURCHASE, 0, 10_99, wallet(-10_99, 0, 10), wallet(289_01, 20_00, 10));
    let wrong = [
        Fact { balances: Some(wallet(289_01, 20_00, 11)), ..right.clone() },
        Fact {
            changes: Some(wallet(-10_99, 0, 11)),
            balances: Some(wallet(289_01, 20_00, 11)),
            ..right.clone()
        },
        Fact {
            changes: Some(wallet(0, -10_99, 10)),
            balances: Some(wallet(300_00, 9_01, 10)),
            ..right.clone()
        },
        Fact { approved: Some(11_00), ..right.clone() },
        Fact { code: 51, approved: None, changes: None, balances: None, ..right.clone() },
        Fact { balances: None, ..right.clone() },
    ];
    for wrong in wrong {
        let mut oracle = loaded();
        trade(&mut oracle, intent(3, MessageType::PURCHASE, 10_99), wrong.clone());
        assert_eq!(oracle.mismatches().len(), 1, "{wrong:?}");
    }
    let mut oracle = loaded();
    trade(&mut oracle, intent(3, MessageType::PURCHASE, 10_99), right);
    assert_eq!(oracle.mismatches(), []);
}

#[test]
fn declines_follow_the_limits() {
    let cases = [
        (MessageType::LOAD, 99, 13),
        (MessageType::LOAD, 5_000_01, 61),
        (MessageType::LOAD, 4_560_01, 61), // with 120.00 bonus on top of 320.00
        (MessageType::PURCHASE, 3_000_01, 61),
        (MessageType::PURCHASE, 320_01, 51),
        (MessageType::ACTIVATE, 0, 12),
    ];
    for (kind, amount, code) in cases {
        let mut oracle = loaded();
        trade(&mut oracle, intent(3, kind, amount), fact(3, kind, code, 0, wallet(0, 0, 0), wallet(0, 0, 0)));
        assert_eq!(oracle.mismatches(), [], "{kind} of {amount}");
    }
    let mut oracle = loaded();
    let mut partial = intent(3, MessageType::PURCHASE, 320_01);
    partial.partial = true;
    trade(
        &mut oracle,
        partial,
        fact(3, MessageType::PURCHASE, 10, 320_00, wallet(-300_00, -20_00, 320), wallet(0, 0, 320)),
    );
    let mut kiosk = intent(4, MessageType::PURCHASE, 1_00);
    kiosk.rules.sells = false;
    trade(&mut oracle, kiosk, fact(4, MessageType::PURCHASE, 58, 0, wallet(0, 0, 0), wallet(0, 0, 0)));
    let mut forged = intent(5, MessageType::PURCHASE, 1_00);
    forged.genuine = false;
    trade(&mut oracle, forged, fact(5, MessageType::PURCHASE, 14, 0, wallet(0, 0, 0), wallet(0, 0, 0)));
    assert_eq!(oracle.mismatches(), []);
}

#[test]
fn answers_that_come_out_of_order_are_checked_in_the_journals_order() {
    let mut oracle = loaded();
    let watch = oracle.watch(card()).unwrap();
    oracle.begin(intent(3, MessageType::PURCHASE, 320_00));
    oracle.begin(intent(4, MessageType::PURCHASE, 320_00));
    assert_eq!(oracle.watch(card()), None, "nothing can be said about the card now");
    // The second took the money first; the first one's answer was lost and comes last.
    let late = Fact { index: 105, ..fact(3, MessageType::PURCHASE, 51, 0, wallet(0, 0, 0), wallet(0, 0, 0)) };
    oracle.settle(
        &key("T1", 4),
        vec![fact(4, MessageType::PURCHASE, 0, 320_00, wallet(-300_00, -20_00, 320), wallet(0, 0, 320))],
    );
    assert_eq!(oracle.card(card()), Some((true, wallet(300_00, 20_00, 0))), "still open");
    oracle.settle(&key("T1", 3), vec![late]);
    assert_eq!(oracle.mismatches(), []);
    assert_eq!(oracle.card(card()), Some((true, wallet(0, 0, 320))));
    assert_eq!(
        oracle.inquired(
            watch,
            &Answer::new(
                MessageType::BALANCE_INQUIRY,
                ResponseCode::APPROVED,
                protocol::field::UnixSeconds::MIN
            )
        ),
        None
    );
}

#[test]
fn both_of_two_sales_that_only_one_had_money_for_is_an_overspend() {
    let mut oracle = loaded();
    for stan in [3, 4] {
        let paid =
            fact(stan, MessageType::PURCHASE, 0, 320_00, wallet(-300_00, -20_00, 320), wallet(0, 0, 320));
        trade(&mut oracle, intent(stan, MessageType::PURCHASE, 320_00), paid);
    }
    assert_eq!(oracle.mismatches().len(), 1);
}

#[test]
fn a_reversal_gives_back_exactly_what_was_taken_once() {
    let mut oracle = loaded();
    let sale = fact(3, MessageType::PURCHASE, 0, 310_00, wallet(-300_00, -10_00, 310), wallet(0, 10_00, 310));
    let back = reversal(
        4,
        3,
        Some(310_00),
        TransactionState::REVERSED,
        wallet(300_00, 10_00, -310),
        wallet(300_00, 20_00, 0),
    );
    oracle.begin(intent(3, MessageType::PURCHASE, 310_00));
    oracle.settle(&key("T1", 3), vec![back, sale]);
    assert_eq!(oracle.mismatches(), []);
    let again = reversal(
        5,
        3,
        Some(310_00),
        TransactionState::REVERSED,
        wallet(300_00, 10_00, -310),
        wallet(600_00, 30_00, -310),
    );
    oracle.begin(intent(3, MessageType::PURCHASE, 310_00));
    oracle.settle(&key("T1", 3), vec![again]);
    assert_eq!(oracle.mismatches().len(), 1, "the second reversal undoes nothing more");
}

#[test]
fn a_load_is_reversed_whole_or_not_at_all_once_it_may_be_spent() {
    let spent = Fact {
        code: 51,
        approved: None,
        changes: None,
        balances: None,
        ..reversal(9, 2, None, TransactionState::LIVE, wallet(0, 0, 0), wallet(0, 0, 0))
    };
    let undone = |balances| {
        reversal(9, 2, Some(300_00), TransactionState::REVERSED, wallet(-300_00, -20_00, 0), balances)
    };
    let reverse = |oracle: &mut Oracle, fact: Fact| {
        oracle.begin(intent(2, MessageType::LOAD, 300_00));
        oracle.settle(&key("T1", 2), vec![fact]);
        oracle.mismatches().len()
    };
    assert_eq!(reverse(&mut loaded(), undone(wallet(0, 0, 0))), 0);
    assert_eq!(reverse(&mut loaded(), spent.clone()), 1, "nothing was spent");
    let mut oracle = loaded();
    trade(
        &mut oracle,
        intent(3, MessageType::PURCHASE, 1_00),
        fact(3, MessageType::PURCHASE, 0, 1_00, wallet(-1_00, 0, 1), wallet(299_00, 20_00, 1)),
    );
    assert_eq!(reverse(&mut oracle.clone(), undone(wallet(-1_00, 0, 1))), 1, "below zero");
    assert_eq!(reverse(&mut oracle, spent), 0);
}

#[test]
fn a_reversal_that_came_first_blocks_its_original() {
    let mut oracle = loaded();
    oracle.begin(intent(3, MessageType::PURCHASE, 5_00));
    let blocked = Fact {
        balances: None,
        changes: None,
        ..reversal(4, 3, None, TransactionState::BLOCKED, wallet(0, 0, 0), wallet(0, 0, 0))
    };
    oracle.settle(&key("T1", 3), vec![blocked]);
    assert_eq!(oracle.mismatches(), []);
    assert_eq!(oracle.card(card()), Some((true, wallet(300_00, 20_00, 0))));
}

#[test]
fn an_index_belongs_to_one_request_and_a_request_has_one_answer() {
    let mut oracle = loaded();
    let sale = fact(3, MessageType::PURCHASE, 0, 1_00, wallet(-1_00, 0, 1), wallet(299_00, 20_00, 1));
    trade(&mut oracle, intent(3, MessageType::PURCHASE, 1_00), sale.clone());
    trade(&mut oracle, intent(3, MessageType::PURCHASE, 1_00), sale.clone());
    assert_eq!(oracle.mismatches(), [], "told twice after a restart");
    trade(&mut oracle, intent(3, MessageType::PURCHASE, 1_00), Fact { approved: Some(2_00), ..sale.clone() });
    assert_eq!(oracle.mismatches().len(), 1);
    let twin =
        Fact { key: key("T1", 4), about: key("T1", 4), balances: Some(wallet(298_00, 20_00, 2)), ..sale };
    trade(&mut oracle, intent(4, MessageType::PURCHASE, 1_00), twin);
    assert_eq!(oracle.mismatches().len(), 2);
}

#[test]
fn a_shift_counts_what_is_live_and_closes_once() {
    let mut oracle = loaded();
    let sale = fact(3, MessageType::PURCHASE, 0, 10_00, wallet(-10_00, 0, 10), wallet(290_00, 20_00, 10));
    let back = reversal(
        4,
        3,
        Some(10_00),
        TransactionState::REVERSED,
        wallet(10_00, 0, -10),
        wallet(300_00, 20_00, 0),
    );
    oracle.begin(intent(3, MessageType::PURCHASE, 10_00));
    oracle.settle(&key("T1", 3), vec![sale, back]);
    let ours = oracle.shift_totals("T1", 1, 1);
    assert_eq!(ours, BTreeMap::from([(MessageType::ACTIVATE.0, (1, 0)), (MessageType::LOAD.0, (1, 300_00))]));
    let close = |stan, claimed: &ShiftTotals, code, host: Option<ShiftTotals>| {
        let intent = Intent {
            card: None,
            totals: Some(claimed.clone()),
            ..intent(stan, MessageType::RECONCILIATION, 0)
        };
        let fact = Fact {
            balances: None,
            changes: None,
            approved: None,
            totals: host,
            ..fact(stan, MessageType::RECONCILIATION, code, 0, wallet(0, 0, 0), wallet(0, 0, 0))
        };
        (intent, fact)
    };
    let (claim, differs) = close(5, &ShiftTotals::new(), 95, Some(ours.clone()));
    trade(&mut oracle, claim, differs);
    assert_eq!(oracle.mismatches(), []);
    let (claim, twice) = close(6, &ours, 12, None);
    trade(&mut oracle, claim, twice);
    trade(
        &mut oracle,
        intent(7, MessageType::PURCHASE, 1_00),
        fact(7, MessageType::PURCHASE, 12, 0, wallet(0, 0, 0), wallet(0, 0, 0)),
    );
    assert_eq!(oracle.mismatches(), []);
}

#[test]
fn an_activation_is_reversed_only_while_the_card_holds_nothing() {
    let none = Wallet::default();
    let mut oracle = Oracle::default();
    oracle.issue(card());
    trade(&mut oracle, intent(1, MessageType::ACTIVATE, 0), fact(1, MessageType::ACTIVATE, 0, 0, none, none));
    let undone = reversal(2, 1, Some(0), TransactionState::REVERSED, none, none);
    trade(&mut oracle, intent(1, MessageType::ACTIVATE, 0), undone.clone());
    assert_eq!((oracle.mismatches(), oracle.card(card())), (&[][..], Some((false, none))));
    assert_eq!(oracle.shift_totals("T1", 1, 1), ShiftTotals::new());
    let again = fact(3, MessageType::ACTIVATE, 0, 0, none, none);
    trade(&mut oracle, intent(3, MessageType::ACTIVATE, 0), again);
    // The first activation's Reversal, once more: it does not touch the second one.
    trade(&mut oracle, intent(1, MessageType::ACTIVATE, 0), Fact { key: key("T1", 4), index: 104, ..undone });
    assert_eq!((oracle.mismatches(), oracle.card(card())), (&[][..], Some((true, none))));

    let mut oracle = loaded();
    let in_use = Fact {
        code: 12,
        approved: None,
        changes: None,
        balances: None,
        ..reversal(9, 1, None, TransactionState::LIVE, none, none)
    };
    trade(&mut oracle, intent(1, MessageType::ACTIVATE, 0), in_use);
    assert_eq!(oracle.mismatches(), []);
}
