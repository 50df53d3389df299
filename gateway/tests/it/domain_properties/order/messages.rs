//! Every message, sound, with all that can be wrong with it.

use gateway::domain::card::CardStatus;
use gateway::domain::programme::PinRule;
use gateway::domain::request::CardClaim;
use gateway::domain::{Command, Named};

use super::case::{ASKED, BESIDE, CARD, Case, HASHED, HERE, NOW, PROOF, RECEIVER, TRIES};
use super::faults::*;

pub(super) fn claim() -> CardClaim {
    CardClaim { card: CARD, proof: Some(PROOF) }
}

pub(super) fn load() -> Command {
    Command::Load { claim: claim(), amount: ASKED, tenders: vec![(1, ASKED)] }
}

pub(super) fn purchase() -> Command {
    Command::Purchase {
        claim: claim(),
        amount: ASKED,
        partial_allowed: false,
        points: None,
        lines: Vec::new(),
    }
}

pub(super) fn authorize(raises: Option<Named>) -> Command {
    Command::Authorize { claim: claim(), amount: ASKED, partial_allowed: false, raises }
}

/// Every message, sound, with all that can be wrong with it.
pub(super) fn messages() -> Vec<(&'static str, Case, Vec<&'static [Wrong]>)> {
    let mut activate = Case::of(Command::Activate { claim: claim() });
    (activate.card().status, activate.card().next_lot) = (CardStatus::Issued, 1);
    activate.card().lots.clear();
    let mut change_pin = Case::of(Command::ChangePin { claim: claim() });
    change_pin.product().pin = Some(PinRule { from: 0, tries: TRIES });
    (change_pin.request.pins.new_given, change_pin.request.pins.new) = (true, Some(HASHED));
    let mut by_points_quote = Case { is_quote: true, ..Case::by_points() };
    by_points_quote.request.shift = None;
    let refund = |original| Command::Refund { original, amount: ASKED, lines: Vec::new() };
    let void = |original| Command::Void { original };
    let reversal = |original| Command::Reversal { original };
    let capture =
        |original| Command::Capture { original, amount: ASKED, more_follow: false, lines: Vec::new() };
    let captures =
        [TOMBSTONE, ROLE, CLOSED, WHOSE, CURRENCY, STILL_LIVE, NOT_UNDONE, MORE_THAN_LEFT, TILL_LIMIT];
    let refunds = [&captures[..], &[SUPERVISED, DAY, CASHIER_DAY]].concat();
    // A void may name any shift.
    let voids = [TOMBSTONE, ROLE, WHOSE, CURRENCY, STILL_LIVE, NOT_UNDONE, EARLIER_CLOSED, SUPERVISED];
    // What it gives back is a refund's.
    let voids = [&voids[..], &[TILL_LIMIT, CASHIER_DAY]].concat();
    let cards = [TOMBSTONE, ROLE, CLOSED, SECRET, ACTIVE_CARD, PRODUCT];
    let loads = [SECRET, ACTIVE_CARD, PRODUCT, BOUND, TILL_LIMIT, LOAD_LIMITS, NEEDS_HOLDER, DAY];
    let quotes = [TILL_LIMIT, SPENT, DAY];
    let pays = [&quotes[..], &[PIN, CASHIER_DAY]].concat();
    let of_members = [TOMBSTONE, CLOSED, SECRET, ACTIVE_CARD, PRODUCT];
    let raises = [ACCOUNT_BLOCKED, PIN, WHOSE, STILL_LIVE, NOT_UNDONE, TILL_LIMIT, ALL_IS_HELD, PARTS, DAY];
    vec![
        ("Activate", activate, vec![TOMBSTONE, CLOSED, SECRET, ISSUED_CARD, PRODUCT]),
        ("Load", Case::of(load()), [&[TOMBSTONE, CLOSED, QUOTE, CASHIER_DAY][..], &loads].concat()),
        ("Purchase", Case::of(purchase()), [&cards[..], &[ACCOUNT_BLOCKED, QUOTE], &pays].concat()),
        ("Authorize", Case::of(authorize(None)), [&cards[..], &[ACCOUNT_BLOCKED, HOLDS], &pays].concat()),
        (
            "Authorize that raises",
            Case::after(BESIDE, authorize(None), |named| authorize(Some(named))),
            [&cards[..], &raises, &[CASHIER_DAY]].concat(),
        ),
        (
            "Transfer",
            Case::of(Command::Transfer { claim: claim(), to: RECEIVER, amount: ASKED }),
            [&cards[..], &[BOUND, MAY_NOT_GIVE, GIVES_TO, TRANSFER_LIMIT, GIVES_TOO_MUCH], &pays].concat(),
        ),
        (
            "Unload",
            Case::unload(),
            [
                &cards[..],
                &[BOUND, MAY_NOT_PAY_OUT, PIN, TILL_LIMIT, UNLOAD_LIMIT],
                &[SUPERVISED, SPENT, NOT_LOADED, DAY, CASHIER_DAY],
            ]
            .concat(),
        ),
        (
            "Purchase with points",
            Case::by_points(),
            [&cards[..], &[POINTS_PAY_NOTHING, ACCOUNT_BLOCKED, QUOTE, POINTS_LIMITS, POINTS_SPENT], &pays]
                .concat(),
        ),
        (
            "PurchaseQuote with points",
            by_points_quote,
            [
                &[ROLE, SECRET, ACTIVE_CARD, PRODUCT, ACCOUNT_BLOCKED, POINTS_PAY_NOTHING][..],
                &[POINTS_LIMITS, POINTS_SPENT],
                &quotes,
            ]
            .concat(),
        ),
        (
            "Advice",
            Case::of(Command::Advice { card: CARD, amount: ASKED, grant: None, time_s: NOW.s() }),
            vec![TOMBSTONE, ROLE, IN_DOLLARS],
        ),
        (
            "CashTaken",
            Case::of(Command::CashTaken { card: Some(CARD), amount: ASKED, tenders: vec![(1, ASKED)] }),
            vec![TOMBSTONE, IN_DOLLARS],
        ),
        (
            "ChangePin",
            change_pin,
            vec![TOMBSTONE, CLOSED, SECRET, ACTIVE_CARD, PRODUCT, PIN_UNUSED, OLD_AND_NEW_PIN],
        ),
        (
            "Join",
            {
                let command = Command::Join { claim: claim(), referral: None, customer: 0 };
                let mut joining = Case::of_member(command);
                joining.state.members.clear();
                joining
            },
            [&of_members[..], &[NO_MEMBERSHIP]].concat(),
        ),
        (
            "Award",
            Case::of_member(Command::Award { claim: claim(), activity: "visit".into(), quantity: 1 }),
            [&of_members[..], &[NOT_OFFERED, EXHAUSTED]].concat(),
        ),
        (
            "Redeem",
            Case::of_member(Command::Redeem { claim: claim(), item: "mug".into(), quantity: 1 }),
            [&of_members[..], &[ACCOUNT_BLOCKED, PIN, NOT_OFFERED, NO_POINTS, EXHAUSTED]].concat(),
        ),
        (
            "UseEntitlement",
            Case::of_member(Command::UseEntitlement {
                claim: claim(),
                entitlement: "parking".into(),
                quantity: 1,
            }),
            [&of_members[..], &[ROLE, ACCOUNT_BLOCKED, NOT_OFFERED, EXHAUSTED]].concat(),
        ),
        ("Reversal", Case::after(HERE, purchase(), reversal), vec![TOMBSTONE, WHOSE_REVERSAL, STILL_LIVE]),
        (
            "Reversal of a load",
            Case::after(HERE, load(), reversal),
            vec![TOMBSTONE, WHOSE_REVERSAL, STILL_LIVE, SPENT],
        ),
        ("Refund", Case::after(BESIDE, purchase(), refund), [&refunds[..], &[RETURN_DAYS, LATE]].concat()),
        ("Refund of a load", Case::after(BESIDE, load(), refund), [&refunds[..], &[SPENT]].concat()),
        ("Void", Case::after(BESIDE, purchase(), void), voids.to_vec()),
        ("Void of a load", Case::after(BESIDE, load(), void), [&voids[..], &[SPENT]].concat()),
        ("Capture", Case::after(BESIDE, authorize(None), capture), captures.to_vec()),
        ("Reconciliation", Case::of(Command::Reconciliation { totals: Vec::new() }), vec![TOMBSTONE, CLOSED]),
        ("LoadQuote", Case::quote(load()), loads.to_vec()),
        (
            "PurchaseQuote",
            Case::quote(purchase()),
            [&[ROLE, SECRET, ACTIVE_CARD, PRODUCT, ACCOUNT_BLOCKED][..], &quotes].concat(),
        ),
    ]
}
