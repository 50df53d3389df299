//! What goes wrong in the field, case by case: which test each case has, and the tests that are nowhere else.

mod others;
mod transactions;

use std::path::Path;

/// Where a case is tested: file of the workspace, and function.
struct In(&'static str, &'static str);

const TRANSACTIONS: &str = "gateway/tests/it/faults/transactions.rs";
const OTHERS: &str = "gateway/tests/it/faults/others.rs";
const REPEATS: &str = "gateway/tests/it/repeats.rs";
const RULES: &str = "gateway/tests/it/rules.rs";
const FIELD: &str = "gateway/tests/it/payment_rules/field.rs";
const TABLE: &str = "gateway/tests/it/payment_rules/table.rs";
const TIME: &str = "gateway/tests/it/timekeeping.rs";
const PAYMENTS: &str = "gateway/tests/it/payments.rs";
const QUEUE: &str = "gateway/tests/it/offline/wire.rs";
const SERVICES: &str = "gateway/tests/it/payments/counter_services.rs";
const BEHAVIOUR: &str = "protocol/tests/contract/terminal/behaviour.rs";
const RESTARTS: &str = "terminal-sim/tests/simulator/restarts.rs";

const TIERS: &str = "gateway/tests/it/programme/tier_review.rs";
const MEMBERS_TIERS: &str = "gateway/tests/it/programme/tiers.rs";
const INQUIRY: &str = "gateway/tests/it/programme/member_inquiry.rs";
const REFERRAL: &str = "gateway/tests/it/programme/referral.rs";

const CASES: &[(&str, In)] = &[
    (
        "t1 lost request",
        In(RESTARTS, "a_sale_that_was_never_sent_did_not_happen_and_its_stan_is_used_by_the_next"),
    ),
    ("t1 lost answer", In(RESTARTS, "a_sale_without_an_answer_is_repeated_and_applied_once")),
    (
        "t1 answer after the timeout",
        In(BEHAVIOUR, "a_sale_that_is_given_up_is_reversed_until_acknowledged_and_never_sent_again"),
    ),
    (
        "t1 answer after the timeout, over the wire",
        In(RESTARTS, "an_answer_that_comes_late_finds_its_sale_repeated_or_given_up"),
    ),
    (
        "t1 the same id on another connection, 100 at once, after a restart",
        In(REPEATS, "a_hundred_copies_of_one_request_have_one_effect_and_one_answer"),
    ),
    (
        "t1 the same of refund, void, raise, transfer and capture",
        In(TRANSACTIONS, "t1_a_hundred_copies_at_once_of_every_message_that_moves_money"),
    ),
    (
        "t1 the same id months later",
        In(TRANSACTIONS, "t1_the_same_request_months_later_gets_the_answer_of_then"),
    ),
    (
        "t2 reversal before and after, twice, then the late original, and of a reversal",
        In(
            TRANSACTIONS,
            "t2_a_reversal_before_and_after_its_original_twice_then_the_late_original_and_of_itself",
        ),
    ),
    (
        "t2 reversal during its original",
        In(REPEATS, "a_reversal_that_races_its_original_ends_with_nothing_done"),
    ),
    ("t2 many late originals", In(REPEATS, "copies_of_a_blocked_original_are_all_told_that_it_is_blocked")),
    (
        "t2 every state and message",
        In(TABLE, "every_cell_of_the_table_of_states_and_messages_is_what_the_rules_do"),
    ),
    (
        "t3 STAN reset",
        In(
            "gateway/tests/it/journal.rs",
            "a_terminal_that_was_set_back_is_locked_and_a_forged_receipt_refused",
        ),
    ),
    (
        "t3 STAN used again",
        In(REPEATS, "a_stan_that_was_used_for_something_else_gets_94_and_changes_nothing"),
    ),
    ("t3 cloned terminal", In(TRANSACTIONS, "t3_two_copies_of_one_terminal_cannot_both_trade")),
    (
        "t4 clock off by a year",
        In(TIME, "a_wrong_clock_expires_nothing_until_it_is_confirmed_and_then_everything_once"),
    ),
    (
        "t4 clock off by a day or back by ten years",
        In(
            TIME,
            "a_clock_that_jumps_while_the_gateway_runs_is_not_followed_and_ends_its_doubt_by_coming_back",
        ),
    ),
    (
        "t4 a terminal's clock",
        In("gateway/tests/python/test_payments.py", "test_terminal_without_a_right_clock"),
    ),
    ("t4 daylight saving", In(TRANSACTIONS, "t4_daylight_saving_skips_no_business_day_and_none_comes_twice")),
    (
        "t5 stored and forwarded: out of order, twice, partly, cut off in the middle",
        In(QUEUE, "t5_a_queue_in_any_order_twice_cut_in_the_middle_and_after_a_kill_is_booked_once"),
    ),
    (
        "t5 a load that comes after its money was given back",
        In(QUEUE, "t5_a_load_that_comes_after_its_claim_was_settled_is_not_credited_beside_it"),
    ),
    (
        "t5 the queue of a terminal that is gone",
        In(
            "gateway/tests/it/offline/import.rs",
            "t5_the_queue_of_a_revoked_terminal_comes_in_from_a_file_and_a_bad_message_harms_no_other",
        ),
    ),
    (
        "t6 crash at each step of a day",
        In("gateway/tests/it/powerloss.rs", "a_gateway_survives_its_death_at_any_operation_of_its_first_day"),
    ),
    ("t6 a transaction at the cut", In(TRANSACTIONS, "t6_a_sale_at_the_cut_falls_into_exactly_one_day")),
    (
        "t6 the day's files",
        In("gateway/tests/it/operate/day.rs", "the_days_files_add_up_to_the_journal_and_to_the_cards"),
    ),
    (
        "t6 an export taken again",
        In(
            "gateway/tests/it/journal.rs",
            "an_export_taken_again_is_the_same_to_the_byte_and_a_damaged_journal_gives_none",
        ),
    ),
    (
        "t6 an export that was killed",
        In(TRANSACTIONS, "t6_a_days_export_that_was_killed_at_any_moment_is_taken_again_to_the_byte"),
    ),
    (
        "t7 overflow and maximum",
        In(
            "gateway/tests/it/domain_properties.rs",
            "amounts_at_the_end_of_the_range_are_declined_and_never_wrap_round",
        ),
    ),
    ("t7 zero and negative", In("protocol/src/field/number.rs", "ranges_end_where_section_5_says")),
    (
        "t7 rounding at each step's edge",
        In(RULES, "each_step_of_the_bonus_begins_at_its_amount_and_not_a_cent_before"),
    ),
    ("t7 rounding of points", In(RULES, "points_come_for_full_units_and_the_rest_is_dropped")),
    (
        "t7 refund after the bonus was spent",
        In(FIELD, "a_bonus_that_is_spent_is_withheld_from_the_money_of_the_load"),
    ),
    (
        "t7 refund after points expired",
        In(FIELD, "points_that_have_expired_before_the_refund_are_owed_and_the_next_ones_pay_for_them"),
    ),
    (
        "t8 one bad command in a write group",
        In(TRANSACTIONS, "t8_what_is_wrong_in_a_write_group_harms_nothing_beside_it"),
    ),
    (
        "t9 programme change in mid-flight",
        In(TRANSACTIONS, "t9_a_programme_that_changes_between_sales_in_flight_prices_each_of_them_by_one"),
    ),
    (
        "t9 undone after a programme change",
        In(TRANSACTIONS, "t9_what_an_earlier_programme_gave_is_taken_back_as_it_was_given"),
    ),
    (
        "t9 quoted before, bought after",
        In(SERVICES, "a_quote_is_honoured_by_the_programme_that_gave_it_once_another_is_in_force"),
    ),
    (
        "others points stay after a refund",
        In(FIELD, "points_go_with_the_refund_of_the_sale_that_earned_them"),
    ),
    (
        "others a buy-refund loop mints points",
        In(FIELD, "buying_and_refunding_over_and_over_mints_no_points_and_no_money"),
    ),
    (
        "others an offline retry doubles points",
        In(OTHERS, "others_an_offline_sale_that_is_sent_over_and_over_earns_its_points_once"),
    ),
    (
        "others two identical top-ups",
        In(FIELD, "two_loads_and_two_refunds_that_look_alike_are_two_and_what_they_name_is_one"),
    ),
    (
        "others refund answered as refused while paying again",
        In(OTHERS, "others_a_refund_that_is_answered_as_refused_was_not_paid"),
    ),
    (
        "others refundable repeatedly",
        In(FIELD, "a_sale_is_refunded_once_at_whatever_till_and_in_whatever_parts"),
    ),
    ("others refund twice at once", In(OTHERS, "others_refund_twice_at_two_tills_at_once_pays_once")),
    ("others overspend races", In(REPEATS, "two_tills_that_race_for_one_balance_never_overspend")),
    (
        "others two tills on one card, 100 parallel purchases",
        In(OTHERS, "others_100_parallel_purchases_at_two_tills_spend_a_card_once"),
    ),
    ("others captures that race", In(PAYMENTS, "captures_that_race_never_take_more_than_is_held")),
    (
        "others parallel transfers keep the sum",
        In(OTHERS, "others_parallel_transfers_keep_the_sum_and_nothing_falls_below_zero"),
    ),
    ("others parallel transfers both ways", In(SERVICES, "transfers_both_ways_at_once_keep_the_sum")),
    (
        "others top up 100, get more, withdraw it",
        In(OTHERS, "others_top_up_100_get_a_bonus_and_withdraw_100_and_no_more"),
    ),
    (
        "others the same over the counter, as cash",
        In(OTHERS, "others_top_up_100_get_105_and_cash_out_100_and_no_more"),
    ),
    ("others the same in parts", In(FIELD, "a_load_that_is_taken_out_in_parts_leaves_no_bonus_behind")),
    (
        "others bonus only when the amount is exactly the rule's",
        In(RULES, "each_step_of_the_bonus_begins_at_its_amount_and_not_a_cent_before"),
    ),
    (
        "others clawback that gives up when points are short",
        In(RULES, "points_that_are_gone_become_a_debt_that_the_next_points_repay"),
    ),
    (
        "others a refund reverses only the first points of an order",
        In(FIELD, "points_go_with_the_refund_of_the_sale_that_earned_them"),
    ),
    (
        "others any refund returns all redeemed points",
        In(OTHERS, "others_a_refund_gives_back_its_share_of_the_points_that_paid_and_never_all_of_them"),
    ),
    ("others 3.00 earns 6 and not 5", In(RULES, "points_come_for_full_units_and_the_rest_is_dropped")),
    (
        "others scale and rounding swapped",
        In("gateway/tests/it/payment_rules.rs", "payments_end_as_on_paper_and_leave_no_customer_ahead"),
    ),
    (
        "others unexpired points expired",
        In(RULES, "what_has_expired_is_never_spent_and_is_booked_at_the_next_touch"),
    ),
    (
        "others some lots never expire",
        In(TIME, "what_fell_due_while_the_gateway_was_down_is_booked_after_the_start"),
    ),
    ("others only the next expiry is shown", In(INQUIRY, "every_coming_expiry_is_listed_page_by_page")),
    (
        "others tier from the balance",
        In(TIERS, "only_what_was_spent_and_earned_counts_never_what_is_left_nor_what_was_redeemed"),
    ),
    (
        "others redemption counted as tier spend",
        In(MEMBERS_TIERS, "what_is_left_and_what_points_paid_count_for_nothing"),
    ),
    (
        "others merging members loses points",
        In(REFERRAL, "members_that_are_merged_lose_nothing_and_bring_nobody_in_a_circle"),
    ),
    ("others points earned on points", In(OTHERS, "others_what_points_pay_earns_no_points")),
    (
        "others answers matched by STAN alone",
        In(REPEATS, "of_many_requests_under_one_stan_at_once_one_is_decided"),
    ),
    (
        "others a poison record blocks a forward queue",
        In(OTHERS, "others_a_poison_record_in_a_queue_or_a_file_holds_up_no_other"),
    ),
    (
        "others pruned idempotency keys",
        In(TRANSACTIONS, "t1_the_same_request_months_later_gets_the_answer_of_then"),
    ),
    (
        "others errors that reveal that a code exists",
        In("gateway/tests/python/test_sales.py", "test_wrong_secret_and_unknown_card"),
    ),
    (
        "others no limit on guesses",
        In("gateway/src/executor/budget.rs", "a_guesser_is_held_to_twenty_a_minute_and_others_go_on"),
    ),
];

/// Tests of a source, Rust or Python, that are not left out.
fn tests(path: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
    let text = std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let (mut found, mut runs) = (Vec::new(), false);
    for line in text.lines().map(str::trim) {
        let after = |head: &str| line.strip_prefix(head);
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            runs = true;
        } else if line.starts_with("#[ignore") || line.starts_with("@pytest.mark.skip") {
            runs = false;
        } else if let Some(rest) = after("fn ").or_else(|| after("async fn ")).filter(|_| runs) {
            found.extend(rest.split('(').next().map(str::to_owned));
            runs = false;
        } else if let Some(rest) = after("def test_") {
            found.extend(rest.split('(').next().map(|name| format!("test_{name}")));
        }
    }
    found
}

#[test]
fn every_case_has_a_test_that_is_there() {
    for (case, In(path, name)) in CASES {
        assert!(tests(path).iter().any(|test| test == name), "{case}: no {name} in {path}");
    }
    for number in 1..=9 {
        assert!(CASES.iter().any(|(case, _)| case.starts_with(&format!("t{number} "))), "T{number}");
    }
    for path in [TRANSACTIONS, OTHERS] {
        for test in tests(path) {
            let case = test.split('_').next().expect("a first word");
            let named = CASES
                .iter()
                .any(|(told, In(file, name))| told.starts_with(case) && *file == path && *name == test);
            assert!(named, "{test} stands for no case");
        }
    }
}
