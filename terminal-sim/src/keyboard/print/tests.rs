//! What is printed, to the letter.

mod members;

use protocol::answer::{Explanation, Explanations, NextStep, ShiftTransaction};
use protocol::field::{Date, Notes, Role, Total, TotalMinor, Totals, UnixSeconds};

use super::super::money::Unit;
use super::super::paper::WIDTH;
use super::*;

fn shop() -> Shop {
    Shop {
        merchant: "M001".into(),
        store: "S001".into(),
        terminal: "T0001".into(),
        role: Role::REGISTER,
        unit: Unit { exponent: 2 },
    }
}

fn answer(kind: MessageType, code: ResponseCode) -> Answer {
    Answer {
        stan: Stan::new(7),
        business_date: Date::new(20_261_122),
        reference: Some(12),
        card: "9766338083284777".parse().ok(),
        ..Answer::new(kind, code, UnixSeconds::MIN)
    }
}

fn sale(code: ResponseCode) -> Slip {
    Slip {
        kind: MessageType::PURCHASE,
        amount: Some(12_50),
        cashier: Some("ANNA".into()),
        shift: Some(1),
        order: Some("table 4".into()),
        tenders: Vec::new(),
        original: None,
        to: None,
        own_totals: Vec::new(),
        answer: answer(MessageType::PURCHASE, code),
        hash: Some("3f9a12bc88d0".into()),
        mark: None,
        verdict: Some(if code.is_approval() { Verdict::Approved } else { Verdict::Declined }),
        undone_by: None,
    }
}

fn approved_sale() -> Slip {
    let mut slip = sale(ResponseCode::APPROVED);
    let why = Explanation {
        rule: "spend-points".parse().unwrap(),
        kind: BalanceKind::POINTS,
        base: 12_50,
        rate: "1/1.00".parse().unwrap(),
        result: 12,
        notes: Notes::ROUNDED_DOWN,
    };
    slip.answer.approved_amount = TotalMinor::new(12_50);
    slip.answer.changes = Some([(BalanceKind::PRINCIPAL, -12_50), (BalanceKind::POINTS, 12)].into());
    slip.answer.balances =
        Some([(BalanceKind::PRINCIPAL, 87_50), (BalanceKind::BONUS, 5_00), (BalanceKind::POINTS, 12)].into());
    slip.answer.explanation = Explanations::new(vec![why]);
    slip
}

fn printed(said: &Said) -> String {
    let text = text(said, &shop());
    assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    text
}

fn slip(slip: Slip) -> String {
    printed(&Said::Slip(Box::new(slip)))
}

#[test]
fn an_approved_sale() {
    assert_eq!(
        slip(approved_sale()),
        "                   M001
                   S001
------------------------------------------
SALE                                 T0001
STAN                                     7
Reference                               12
Business date                   2026-11-22
Shift                                    1
Cashier                               ANNA
Order                              table 4
Card                   9766 3380 8328 4777
Amount                               12.50
------------------------------------------
APPROVED                             12.50
Changes
  principal                         -12.50
  points                               +12
Balances
  principal                          87.50
  bonus                               5.00
  points                                12
Why
  spend-points         points +12 of 12.50
    at 1/1.00                 rounded down
------------------------------------------
Receipt                       3f9a12bc88d0
"
    );
}

#[test]
fn a_declined_sale_says_why_and_what_to_do() {
    let mut declined = sale(ResponseCode::NOT_SUFFICIENT_FUNDS);
    declined.answer.detail = "not enough on the card".parse().ok();
    let text = slip(declined);
    let (_, from_outcome) = text.split_once("Amount                               12.50\n").unwrap();
    assert_eq!(
        from_outcome,
        "\
------------------------------------------
DECLINED
51 not sufficient funds
not enough on the card
Nothing was deducted. Ask for the balance,
take a part, or other means.
------------------------------------------
Receipt                       3f9a12bc88d0
"
    );
}

#[test]
fn marks_stand_across_a_receipt() {
    let marked = |mark| slip(Slip { mark: Some(mark), ..approved_sale() });
    let plain = slip(approved_sale());
    let duplicate = marked(Mark::Duplicate);
    assert_eq!(duplicate.replace("            *** DUPLICATE ***\n", ""), plain);
    assert_ne!(duplicate, plain);
    let training = marked(Mark::Training);
    assert_eq!(training.matches(&format!("{TRAINING}\n")).count(), 2);
    assert_eq!(training.replace(&format!("{TRAINING}\n"), ""), plain);
    let late = marked(Mark::Late);
    assert!(
        late.contains("APPROVED                             12.50\nThe answer had been lost; the same bytes")
    );
}

#[test]
fn an_approval_that_counts_no_longer_does_not_look_like_one() {
    for (verdict, headline) in
        [(Verdict::Reversed, "\nNO LONGER VALID\n"), (Verdict::NotReversed, "\nNOT REVERSED, IT STANDS\n")]
    {
        let text = slip(Slip { verdict: Some(verdict), ..approved_sale() });
        assert!(text.contains(headline) && !text.contains("APPROVED"), "{text}");
    }
    let undone = slip(Slip { undone_by: Some(9), mark: Some(Mark::Duplicate), ..approved_sale() });
    assert!(undone.contains("\nUNDONE by STAN 9.\n"), "{undone}");
}

#[test]
fn a_z_report_shows_both_counts_when_they_differ() {
    let total = |count, sum| Total { kind: MessageType::LOAD, count, amount: TotalMinor::new(sum).unwrap() };
    let mut closed = sale(ResponseCode::TOTALS_DIFFER);
    (closed.kind, closed.amount, closed.order, closed.cashier) =
        (MessageType::RECONCILIATION, None, None, None);
    closed.answer.card = None;
    closed.answer.totals = Totals::new(vec![total(2, 300_00)]);
    closed.own_totals = vec![(MessageType::LOAD, 1, 100_00)];
    assert_eq!(
        slip(closed.clone()),
        "                   M001
                   S001
------------------------------------------
Z REPORT                             T0001
STAN                                     7
Reference                               12
Business date                   2026-11-22
Shift                                    1
------------------------------------------
SHIFT CLOSED, TOTALS DIFFER
95 totals differ
The shift is closed. Write the difference
down for the office.
Counted by the gateway
  Load               2              300.00
Counted here
  Load               1              100.00
What follows is the next shift's.
------------------------------------------
Receipt                       3f9a12bc88d0
"
    );
    closed.own_totals = vec![(MessageType::LOAD, 2, 300_00)];
    assert!(!slip(closed).contains("Counted here"));
}

#[test]
fn a_quote_says_what_more_would_give() {
    let mut quoted = answer(MessageType::LOAD_QUOTE, ResponseCode::APPROVED);
    (quoted.stan, quoted.reference) = (None, None);
    quoted.approved_amount = TotalMinor::new(100_00);
    quoted.changes = Some([(BalanceKind::PRINCIPAL, 100_00), (BalanceKind(17), 3)].into());
    let (missing, bonus) = (TotalMinor::new(200_00).unwrap(), TotalMinor::new(20_00).unwrap());
    quoted.next_step = Some(NextStep { missing, bonus });
    assert_eq!(
        printed(&Said::Asked(Box::new(quoted))),
        "\
------------------------------------------
QUOTE                                T0001
Business date                   2026-11-22
Card                   9766 3380 8328 4777
Would be approved                   100.00
Changes
  principal                        +100.00
  points 17                             +3
With 200.00 more the bonus is 20.00.
"
    );
    let declined =
        Said::Asked(Box::new(answer(MessageType::BALANCE_INQUIRY, ResponseCode::CARD_NOT_ACCEPTED)));
    assert!(printed(&declined).contains("DECLINED 14 card not accepted\nRead the card again."));
}

#[test]
fn an_x_report_lists_the_shift() {
    let row = |stan, kind, state| ShiftTransaction {
        stan: Stan::new(stan).unwrap(),
        kind,
        code: ResponseCode::APPROVED,
        amount: TotalMinor::new(5_00),
        state,
    };
    let report = ShiftStanding {
        shift: 3,
        closed: false,
        answer: answer(MessageType::SHIFT_REPORT, ResponseCode::APPROVED),
        own_totals: Vec::new(),
        transactions: vec![
            row(7, MessageType::PURCHASE, TransactionState::LIVE),
            row(4_294_967_295, MessageType::RECONCILIATION, TransactionState::VOIDED),
        ],
    };
    assert_eq!(
        printed(&Said::Report(Box::new(report))),
        "                   M001
                   S001
------------------------------------------
X REPORT                             T0001
Business date                   2026-11-22
Shift                                    3
The shift is                          open
------------------------------------------
Counted by the gateway
  nothing
------------------------------------------
    7 Purchase       00               5.00
4294967295 Reconciliation 00          5.00
                                    voided
Transactions                             2
"
    );
}

#[test]
fn no_answer_says_what_is_open_and_what_to_do() {
    let open = Said::Unanswered { stan: Some(7), code: None, why: "no answer in time".into() };
    assert_eq!(
        text(&open, &shop()),
        "\
NO ANSWER: no answer in time.
STAN 7 is open: it may have been booked. It is sent again before anything else;
reverse gives it up. Hand out nothing yet.
"
    );
    let code = Some(ResponseCode::NOT_TAKING_MONEY);
    let refused = Said::Unanswered { stan: None, code, why: "refused with 91 not taking money".into() };
    assert_eq!(
        text(&refused, &shop()),
        "\
NOT TAKEN: refused with 91 not taking money.
The gateway takes no money now. Take other means.
Nothing was booked. Try again.
"
    );
}

#[test]
fn every_state_of_section_8_3_has_a_meaning() {
    for number in 0..10 {
        assert_ne!(meaning(TransactionState(number)), meaning(TransactionState(99)), "{number}");
    }
}

#[test]
fn json_says_the_same_and_nothing_of_a_secret() {
    let said = Said::Slip(Box::new(approved_sale()));
    let object = super::super::json::object(&said, Some("sale"));
    let expected = serde_json::json!({
        "command": "sale", "said": "receipt", "kind": "Purchase", "code": "00", "name": "approved",
        "approved": true, "verdict": "approved", "stan": 7, "reference": 12, "business_date": "2026-11-22",
        "card": "9766338083284777", "amount": 1250, "approved_amount": 1250, "cashier": "ANNA", "shift": 1,
        "order": "table 4", "balances": { "principal": 8750, "bonus": 500, "points": 12 },
        "changes": { "principal": -1250, "points": 12 },
        "explanation": [{
            "rule": "spend-points", "kind": "points", "base": 1250, "rate": "1/1.00", "result": 12,
            "notes": ["rounded down"],
        }],
        "receipt": "3f9a12bc88d0",
    });
    assert_eq!(object, expected);
}
