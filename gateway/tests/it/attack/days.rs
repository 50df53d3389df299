//! Days drawn at random, with operators in them.

use std::collections::{BTreeMap, BTreeSet};

use gateway::domain::act::{Act, Drawn, Place, decide_act};
use gateway::domain::{Card, Command, Effect};

use super::shop::{Shop, claim, reference, shop, transfer};

pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % sides).expect("few")
    }
}

/// Every sum, every hold and every effect of a long day with operators in it.
#[test]
fn nothing_is_undecidable_however_cards_take_each_others_place() {
    let mut problems = BTreeMap::new();
    let cases = std::env::var("ATTACK_CASES").map_or(3000, |text| text.parse().expect("a number"));
    let mut approved = BTreeMap::new();
    for seed in 0..cases {
        let mut dice = Dice(seed);
        let mut shop = shop(
            "hold_hours = 30\nrefund_grace_days = 3\nspend = \"pro-rata\"\ndaily = { purchase_sum = \"900.00\", loads = 9 }\n\
             [[load_bonus]]\nrule = \"steps\"\nsteps = [{ from = \"100.00\", bonus = \"5.00\" }]\n\
             [[purchase_points]]\nrule = \"spend\"\nper = \"3.00\"\ngives = 2\n\
             [expiry]\nbonus_months = 1\npoints_months = 1\nprincipal_months = 2\n",
        );
        let mut told = Vec::new();
        for _ in 0..60 {
            let cards = 4;
            let (card, other) = (dice.roll(cards), dice.roll(cards));
            let amount = [1, 33_33, 100_00, 7_77, 250_00][dice.roll(5)];
            let held = |shop: &Shop, dice: &mut Dice| {
                let alive = |at: &usize| {
                    let entry = &shop.entries[*at];
                    let held = |card: &Card| card.hold(entry.index).is_some();
                    shop.state.cards.values().any(held)
                };
                let all: Vec<usize> = (0..shop.entries.len()).filter(alive).collect();
                all.get(dice.roll(all.len().max(1) as u64)).map_or(shop.named(0), |at| shop.named(*at))
            };
            let named = |shop: &Shop, dice: &mut Dice| {
                if dice.roll(3) == 0 {
                    let kinds = [0x1d, 0x1b, 0x18];
                    let kind = kinds[dice.roll(3)];
                    let mut all = (0..shop.entries.len()).rev();
                    if let Some(at) =
                        all.find(|at| shop.entries[*at].message == kind && shop.entries[*at].approved)
                    {
                        return shop.named(at);
                    }
                }
                let many = shop.entries.len() as u64;
                shop.named(usize::try_from(many).expect("few") - 1 - dice.roll(many.min(25)))
            };
            let command = match dice.roll(20) {
                0 => Command::Activate { claim: claim(card) },
                1..=3 => Command::Load { claim: claim(card), amount, tenders: vec![(1, amount)] },
                4 | 5 => Command::Purchase {
                    claim: claim(card),
                    amount,
                    partial_allowed: true,
                    points: None,
                    lines: Vec::new(),
                },
                6 => Command::Authorize { claim: claim(card), amount, partial_allowed: true, raises: None },
                7 => Command::Authorize {
                    claim: claim(card),
                    amount,
                    partial_allowed: true,
                    raises: Some(held(&shop, &mut dice)),
                },
                8 | 9 => transfer(card, other, amount),
                10 | 11 => Command::Capture {
                    original: held(&shop, &mut dice),
                    amount,
                    more_follow: dice.roll(2) == 0,
                    lines: Vec::new(),
                },
                12 | 13 => Command::Refund { original: named(&shop, &mut dice), amount, lines: Vec::new() },
                14 => Command::Void { original: named(&shop, &mut dice) },
                15 | 16 => Command::Reversal { original: named(&shop, &mut dice) },
                17 => {
                    let hours = [1, 20, 800, 1500][dice.roll(4)];
                    shop.now.ms += hours * 3_600_000;
                    shop.now.business_date = shop.programme.business_date(shop.now.ms).expect("a date");
                    shop.now.certain = dice.roll(5) != 0;
                    told.push(format!("wait {hours} certain {}", shop.now.certain));
                    continue;
                }
                _ => {
                    let act = match dice.roll(4) {
                        0 => Act::CardReplace {
                            card: reference(card),
                            by: reference(other),
                            reason: "r".into(),
                        },
                        1 => Act::CardMerge {
                            card: reference(card),
                            into: reference(other),
                            reason: "r".into(),
                        },
                        2 => Act::CardBlock { card: reference(card), reason: "r".into() },
                        _ => Act::CardUnblock { card: reference(card) },
                    };
                    let place = Place { merchant: "M", store: "S", index: shop.index + 1, about: None };
                    if let Ok(effects) =
                        decide_act(&shop.state, &shop.programme, &act, Drawn::default(), place, shop.now)
                    {
                        shop.index += 1;
                        told.push(format!("{act:?}"));
                        if let Err(fault) = shop.apply(&effects) {
                            problems.entry(format!("{fault:?} in an act")).or_insert_with(|| told.clone());
                            break;
                        }
                    }
                    continue;
                }
            };
            let what = format!("{}: {command:?}", shop.entries.len() + 1);
            let message = command.message();
            match shop.attempt(command) {
                Ok(decision) => {
                    *approved.entry((message, decision.is_approved())).or_insert(0) += 1;
                    told.push(format!("{what} -> {:?}", decision.verdict));
                    let mut once = BTreeSet::new();
                    for effect in &decision.effects {
                        let key = match effect {
                            Effect::Transaction { index, .. } => format!("t{index}"),
                            Effect::CardTally { card, .. } => format!("d{}", card.0),
                            Effect::Hold { card, hold } => format!("h{}-{}", card.0, hold.id),
                            Effect::PointsDebt { card, .. } => format!("p{}", card.0),
                            _ => continue,
                        };
                        if !once.insert(key.clone()) {
                            let kind = format!("twice in an entry: {}", &key[..1]);
                            problems.entry(kind).or_insert_with(|| told.clone());
                        }
                    }
                }
                Err(fault) => {
                    told.push(what);
                    problems.entry(format!("{fault:?} in {message:#x}")).or_insert_with(|| told.clone());
                    break;
                }
            }
            for card in shop.state.cards.values() {
                for lot in &card.lots {
                    assert!(lot.amount > 0 && card.free(lot) >= 0, "{told:#?}");
                }
            }
        }
    }
    eprintln!("{approved:?}");
    assert!(problems.is_empty(), "{problems:#?}");
}
