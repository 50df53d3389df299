//! Whole days of several cards and tills, drawn at random, against a ledger that was written from the protocol's text and
//! shares no code with the rules: what is decided, what it is worth, what is restored, what a shift adds up to.

mod ledger;
pub(crate) mod order;
mod world;

use gateway::domain::card::CardStatus;
use gateway::domain::effect::TransactionState;
use gateway::domain::{Decline, Kind, Verdict};
use proptest::prelude::*;

use ledger::{Ledger, Said};
use world::{CARDS, Step, TILLS, World};

fn step() -> impl Strategy<Value = Step> {
    let amount = prop_oneof![
        4 => 1_i64..=400_00,
        1 => prop_oneof![Just(99_i64), Just(100), Just(99_99), Just(100_00), Just(299_99), Just(300_00)],
        1 => prop_oneof![Just(1_999_99_i64), Just(2_000_00), Just(2_000_01), Just(5_000_01)],
    ];
    let (till, card, shift) = (0..TILLS, 0..CARDS, 1_u32..=2);
    let proven = prop::bool::weighted(0.95);
    prop_oneof![
        3 => (till.clone(), card.clone(), shift.clone()).prop_map(|(till, card, shift)| Step::Activate { till, card, shift }),
        8 => (till.clone(), card.clone(), shift.clone(), amount.clone(), proven)
            .prop_map(|(till, card, shift, amount, proven)| Step::Load { till, card, shift, amount, proven }),
        10 => (till.clone(), card.clone(), shift.clone(), amount, any::<bool>(), proven).prop_map(
            |(till, card, shift, amount, partial, proven)| Step::Purchase { till, card, shift, amount, partial, proven }
        ),
        9 => (till.clone(), 1_usize..12).prop_map(|(till, back)| Step::Reverse { till, back }),
        2 => (till.clone(), card.clone(), shift.clone()).prop_map(|(till, card, shift)| Step::ReverseFirst { till, card, shift }),
        1 => (till, shift, any::<bool>()).prop_map(|(till, shift, honest)| Step::Close { till, shift, honest }),
        1 => card.clone().prop_map(|card| Step::Block { card }),
        1 => card.prop_map(|card| Step::Unblock { card }),
        1 => Just(Step::MonthsPass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn days_of_several_cards_and_tills_end_as_the_ledger_ends(steps in prop::collection::vec(step(), 1..60)) {
        let (mut world, mut ledger) = (World::new(), Ledger::new());
        // Cards are sold in the morning, as a rule.
        for card in 1..CARDS {
            let opening = Step::Activate { till: 0, card, shift: 1 };
            let expected = ledger.expect(&opening);
            prop_assert_eq!(world.take(&opening), expected);
        }
        for step in steps {
            let expected = ledger.expect(&step);
            let said = world.take(&step);
            prop_assert_eq!(&said, &expected, "{:?}", step);
            for card in 0..CARDS {
                let held = world.card(card);
                let has = |kind| held.available(kind, world.now.s());
                let payable = (has(Kind::PRINCIPAL), has(Kind::BONUS), has(Kind::POINTS));
                prop_assert_eq!(payable, ledger.balances(card), "card {} after {:?}", card, step);
                prop_assert!(held.lots.iter().all(|lot| lot.amount > 0), "a lot at or below zero");
                prop_assert_eq!(held.points_debt(Kind::POINTS), 0);
                prop_assert_eq!(held.status == CardStatus::Active, ledger.is_active(card));
            }
            prop_assert_eq!(world.shifts(), ledger.shifts(), "{:?}", step);
            prop_assert_eq!(world.sums(), (0, 0), "money or points from nowhere");
        }
    }
}

#[test]
fn a_reversal_leaves_the_card_as_if_the_sale_had_never_been_to_the_lot() {
    let mut world = World::new();
    world.take(&Step::Activate { till: 0, card: 0, shift: 1 });
    for amount in [300_00, 100_00, 50_00] {
        world.take(&Step::Load { till: 0, card: 0, shift: 1, amount, proven: true });
    }
    for amount in [1, 299_99, 300_00, 300_01, 449_99, 450_00, 450_01, 475_00] {
        let before = world.card(0).lots.clone();
        let step = Step::Purchase { till: 0, card: 0, shift: 1, amount, partial: false, proven: true };
        let Said::Decided(verdict, Some(paid)) = world.take(&step) else { panic!("a sale") };
        assert_eq!((verdict, paid), (Verdict::Approved, amount));
        assert_ne!(world.card(0).lots, before);
        let undone = world.take(&Step::Reverse { till: 0, back: 1 });
        assert_eq!(undone, Said::Undone(TransactionState::Reversed, Some(amount)));
        assert_eq!(world.card(0).lots, before, "{amount}");
    }
}

#[test]
fn amounts_at_the_end_of_the_range_are_declined_and_never_wrap_round() {
    let mut world = World::with_limits(999_999_999_999);
    world.take(&Step::Activate { till: 0, card: 0, shift: 1 });
    let most = 999_999_999_999;
    let load = |amount| Step::Load { till: 0, card: 0, shift: 1, amount, proven: true };
    for amount in [most, i64::MAX] {
        let said = world.take(&load(amount));
        let declined = matches!(said, Said::Decided(Verdict::Declined(_), None));
        assert!(declined, "the bonus alone takes it above the largest balance: {said:?}");
    }
    assert_eq!(world.take(&load(most - 400_00)), Said::Decided(Verdict::Approved, Some(most - 400_00)));
    let more = world.take(&load(most));
    assert_eq!(more, Said::Decided(Verdict::Declined(Decline::AboveMaximumBalance), None));
    let sale = |amount| Step::Purchase { till: 0, card: 0, shift: 1, amount, partial: false, proven: true };
    let said = world.take(&sale(i64::MAX));
    assert!(matches!(said, Said::Decided(Verdict::Declined(_), None)), "{said:?}");
    assert_eq!(world.take(&sale(most - 400_00)), Said::Decided(Verdict::Approved, Some(most - 400_00)));
    assert_eq!(world.card(0).available(Kind::POINTS, world.now.s()), (most - 400_00) / 100);
    assert_eq!(world.sums(), (0, 0));
}
