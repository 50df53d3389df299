//! What comes after the sale: refunds, voids and holds, worked out by hand.

use super::*;

const EXPIRES: i64 = 1_000 + Product::STANDARD.hold_seconds;

/// A day at one terminal, which must go as it is told.
struct Day {
    oracle: Oracle,
    /// What the card has, as the answers say.
    now: Wallet,
}

impl Day {
    fn new() -> Self {
        Day { oracle: loaded(), now: wallet(300_00, 20_00, 0) }
    }

    /// Tells of a request and its answer, which must be the expected one.
    fn right(&mut self, intent: Intent, fact: Fact) {
        if let Some(balances) = fact.balances {
            self.now = balances;
        }
        trade(&mut self.oracle, intent, fact);
        assert_eq!(self.oracle.mismatches(), []);
    }

    /// The same of an answer that no gateway may give; the day goes on as if it had not been.
    fn wrong(&self, intent: &Intent, fact: Fact) {
        let mut oracle = self.oracle.clone();
        trade(&mut oracle, intent.clone(), fact.clone());
        assert_eq!(oracle.mismatches().len(), 1, "{fact:?}");
    }

    /// A sale or load that is approved.
    fn trade(&mut self, stan: u32, kind: MessageType, amount: i64, changes: Wallet) {
        let after = self.now.plus(changes).unwrap();
        self.right(intent(stan, kind, amount), fact(stan, kind, 0, amount, changes, after));
    }
}

fn names(stan: u32, kind: MessageType, amount: i64, original: u32) -> Intent {
    Intent { original: Some(key("T1", original)), ..intent(stan, kind, amount) }
}

fn declined(stan: u32, kind: MessageType, code: u8, state: Option<TransactionState>) -> Fact {
    let state = state.map(|state| state.0);
    Fact { state, ..fact(stan, kind, code, 0, Wallet::default(), Wallet::default()) }
}

fn held(fact: Fact, reference: u64, held: i64) -> Fact {
    Fact { hold: Some(HoldShown { reference, held, expires: EXPIRES }), ..fact }
}

fn in_state(fact: Fact, state: TransactionState) -> Fact {
    Fact { state: Some(state.0), ..fact }
}

#[test]
fn a_refund_gives_back_what_was_spent_last_and_takes_points_in_proportion() {
    let (refund, part) = (MessageType::REFUND, TransactionState::REFUNDED_IN_PART);
    let mut day = Day::new();
    day.trade(3, MessageType::PURCHASE, 310_50, wallet(-300_00, -10_50, 310));
    let first = names(4, refund, 20_00, 3);
    let right = fact(4, refund, 0, 20_00, wallet(9_50, 10_50, -20), wallet(9_50, 20_00, 290));
    let right = in_state(right, part);
    let no_points = Fact {
        changes: Some(wallet(9_50, 10_50, 0)),
        balances: Some(wallet(9_50, 20_00, 310)),
        ..right.clone()
    };
    let wrong_order = Fact {
        changes: Some(wallet(20_00, 0, -20)),
        balances: Some(wallet(20_00, 9_50, 290)),
        ..right.clone()
    };
    for wrong in [no_points, wrong_order, Fact { state: Some(1), ..right.clone() }] {
        day.wrong(&first, wrong);
    }
    day.right(first, right);
    day.right(names(5, refund, 290_51, 3), declined(5, refund, 61, None));
    let rest = fact(6, refund, 0, 290_50, wallet(290_50, 0, -290), wallet(300_00, 20_00, 0));
    day.right(names(6, refund, 290_50, 3), in_state(rest.clone(), TransactionState::REFUNDED));
    let again = names(7, refund, 1, 3);
    day.wrong(&again, in_state(fact(7, refund, 0, 1, wallet(1, 0, 0), wallet(300_01, 20_00, 0)), part));
    day.right(again, declined(7, refund, 12, Some(TransactionState::REFUNDED)));
    // The last refund alone can be undone, and its original is refunded by so much less then.
    let void = MessageType::VOID;
    day.right(names(8, void, 0, 4), declined(8, void, 12, Some(TransactionState::LIVE)));
    let undone = fact(9, void, 0, 290_50, wallet(-290_50, 0, 290), wallet(9_50, 20_00, 290));
    day.right(names(9, void, 0, 6), in_state(undone, TransactionState::VOIDED));
    day.right(names(10, void, 0, 3), declined(10, void, 12, Some(part)));
    let totals = day.oracle.shift_totals("T1", 1, 1);
    assert_eq!((totals[&refund.0], totals[&MessageType::PURCHASE.0]), ((1, 20_00), (1, 310_50)));
}

#[test]
fn a_loads_refund_takes_its_bonus_back_and_withholds_what_is_spent() {
    let (refund, part) = (MessageType::REFUND, TransactionState::REFUNDED_IN_PART);
    let mut day = Day::new();
    let back = fact(3, refund, 0, 1_00, wallet(-1_00, -7, 0), wallet(299_00, 19_93, 0));
    day.right(names(3, refund, 1_00, 2), in_state(back, part));
    let hold = fact(4, MessageType::AUTHORIZE, 0, 309_00, Wallet::default(), wallet(0, 9_93, 0));
    day.right(intent(4, MessageType::AUTHORIZE, 309_00), held(hold, 104, 309_00));
    let none = declined(5, refund, 51, Some(part));
    day.right(names(5, refund, 1, 2), none);
    day.trade(6, MessageType::LOAD, 100_00, wallet(100_00, 5_00, 0));
    day.trade(7, MessageType::PURCHASE, 110_00, wallet(-100_00, -10_00, 110));
    let void = fact(8, MessageType::VOID, 0, 309_00, Wallet::default(), wallet(299_00, 14_93, 110));
    day.right(names(8, MessageType::VOID, 0, 4), in_state(void, TransactionState::VOIDED));
    // 19.93 is to be taken back and 10.00 of it is left; the other 4.93 are another load's.
    let paid = fact(9, refund, 0, 289_07, wallet(-299_00, -10_00, 0), wallet(0, 4_93, 110));
    let last = names(9, refund, 299_00, 2);
    let all = Fact { approved: Some(299_00), ..paid.clone() };
    day.wrong(&last, in_state(all, TransactionState::REFUNDED));
    day.right(last, in_state(paid, TransactionState::REFUNDED));
}

#[test]
fn a_hold_is_captured_up_to_what_is_held_and_a_capture_undone_goes_back_into_it() {
    let (authorize, capture, void) = (MessageType::AUTHORIZE, MessageType::CAPTURE, MessageType::VOID);
    let mut day = Day::new();
    let none = Wallet::default();
    let hold = intent(3, authorize, 100_00);
    let right = held(fact(3, authorize, 0, 100_00, none, wallet(200_00, 20_00, 0)), 103, 100_00);
    day.wrong(&hold, Fact { hold: None, ..right.clone() });
    day.wrong(&hold, held(right.clone(), 104, 100_00));
    day.wrong(&hold, Fact { balances: Some(wallet(300_00, 20_00, 0)), ..right.clone() });
    day.right(hold, right);
    day.right(intent(4, MessageType::PURCHASE, 220_01), declined(4, MessageType::PURCHASE, 51, None));
    let more = held(fact(5, authorize, 0, 50_00, none, wallet(150_00, 20_00, 0)), 103, 150_00);
    day.right(names(5, authorize, 50_00, 3), more);
    day.right(names(6, authorize, 1_00, 5), declined(6, authorize, 12, None));
    day.right(names(7, authorize, 1_00, 2), declined(7, authorize, 25, None));
    let first = Intent { more: true, ..names(8, capture, 60_00, 3) };
    let taken = fact(8, capture, 0, 60_00, wallet(-60_00, 0, 60), wallet(150_00, 20_00, 60));
    day.right(first, held(taken, 103, 90_00));
    let above = names(9, capture, 90_01, 3);
    let too_much = fact(9, capture, 0, 90_01, wallet(-90_01, 0, 90), wallet(149_99, 20_00, 150));
    day.wrong(&above, held(too_much, 103, 0));
    day.right(above, declined(9, capture, 61, None));
    day.right(names(10, capture, 1, 5), declined(10, capture, 12, Some(TransactionState::LIVE)));
    let back = fact(11, void, 0, 60_00, wallet(60_00, 0, -60), wallet(150_00, 20_00, 0));
    let all_free = Fact { balances: Some(wallet(210_00, 20_00, 0)), ..back.clone() };
    day.wrong(&names(11, void, 0, 8), in_state(all_free, TransactionState::VOIDED));
    day.right(names(11, void, 0, 8), in_state(back, TransactionState::VOIDED));
    let last = fact(12, capture, 0, 30_00, wallet(-30_00, 0, 30), wallet(270_00, 20_00, 30));
    day.right(names(12, capture, 30_00, 3), held(last, 103, 0));
    let over = Some(TransactionState::CAPTURED);
    day.right(names(13, void, 0, 3), declined(13, void, 12, over));
    day.right(names(14, capture, 1, 3), declined(14, capture, 12, over));
    day.right(names(15, authorize, 1, 3), declined(15, authorize, 12, None));
    // The last capture is reversed: its amount is held again.
    let reversed = reversal(
        16,
        12,
        Some(30_00),
        TransactionState::REVERSED,
        wallet(30_00, 0, -30),
        wallet(270_00, 20_00, 0),
    );
    day.right(names(12, capture, 30_00, 3), reversed);
    let freed = fact(17, void, 0, 30_00, none, wallet(300_00, 20_00, 0));
    day.right(names(17, void, 0, 3), in_state(freed, TransactionState::VOIDED));
    assert!(!day.oracle.shift_totals("T1", 1, 1).contains_key(&capture.0));
}

#[test]
fn a_void_counts_another_tills_sale_out_and_its_closed_shift_stands() {
    let (void, close) = (MessageType::VOID, MessageType::RECONCILIATION);
    let mut day = Day::new();
    day.trade(3, MessageType::PURCHASE, 10_00, wallet(-10_00, 0, 10));
    day.trade(4, MessageType::PURCHASE, 20_00, wallet(-20_00, 0, 20));
    let by_other = |stan: u32, original| {
        let own = TransactionKey { terminal: "T2".into(), generation: 1, stan };
        (own.clone(), Intent { key: own, ..names(stan, void, 0, original) })
    };
    // The other till's answer comes late: the close cannot be judged before.
    let claimed = day.oracle.shift_totals("T1", 1, 1);
    let (own, voids) = by_other(5, 3);
    day.oracle.begin(voids);
    let ours = ShiftTotals::from([
        (MessageType::ACTIVATE.0, (1, 0)),
        (MessageType::LOAD.0, (1, 300_00)),
        (MessageType::PURCHASE.0, (1, 20_00)),
    ]);
    let closing = Intent { card: None, totals: Some(claimed), ..intent(6, close, 0) };
    let closed = Fact {
        totals: Some(ours.clone()),
        approved: None,
        balances: None,
        changes: None,
        ..fact(6, close, 95, 0, Wallet::default(), Wallet::default())
    };
    trade(&mut day.oracle, closing, closed);
    let voided = fact(5, void, 0, 10_00, wallet(10_00, 0, -10), wallet(280_00, 20_00, 20));
    let voided = Fact { key: own.clone(), about: own.clone(), ..in_state(voided, TransactionState::VOIDED) };
    day.oracle.settle(&own, vec![voided]);
    assert_eq!(day.oracle.mismatches(), []);
    assert_eq!(day.oracle.shift_totals("T1", 1, 1), ours);
    let (own, voids) = by_other(7, 4);
    let late = declined(7, void, 12, Some(TransactionState::LIVE));
    day.right(voids, Fact { key: own.clone(), about: own, ..late });
}

#[test]
fn what_is_named_wrongly_is_not_found_and_a_kiosk_may_name_nothing() {
    let mut day = Day::new();
    day.trade(3, MessageType::PURCHASE, 10_00, wallet(-10_00, 0, 10));
    let mut stan = 3;
    for kind in [MessageType::REFUND, MessageType::VOID, MessageType::CAPTURE] {
        let amount = if kind == MessageType::VOID { 0 } else { 1_00 };
        for (code, wrong) in [(25, false), (25, true), (58, true)] {
            stan += 1;
            let mut intent = names(stan, kind, amount, if wrong { 99 } else { 3 });
            intent.genuine = wrong;
            intent.rules.sells = code != 58;
            day.right(intent, declined(stan, kind, code, None));
        }
    }
    let block = reversal(30, 29, None, TransactionState::BLOCKED, Wallet::default(), Wallet::default());
    let block = Fact { balances: None, changes: None, ..block };
    day.right(intent(29, MessageType::PURCHASE, 1_00), block);
    let blocked = declined(31, MessageType::REFUND, 12, Some(TransactionState::BLOCKED));
    day.right(names(31, MessageType::REFUND, 1_00, 29), blocked);
}
