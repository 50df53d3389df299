//! The table of PROTOCOL.md section 11, "State and message": each cell's text, and what the rules do. The cells for Reversal,
//! Void, Refund and Capture; those for a repeat and TransactionStatus are held over the wire (`payments/asked_again.rs`).

use gateway::domain::request::message;
use gateway::domain::{Command, Named};

use super::paper::Deal;
use super::shop::Shop;
use super::steps::command;
use super::world::Said;

const PROTOCOL: &str = include_str!("../../../../protocol/PROTOCOL.md");

/// What a part of a cell says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Clause {
    code: u8,
    key_15: State,
    /// `None` where the text says nothing of it.
    amount: Option<Option<i64>>,
    condition: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Absent,
    /// One of these.
    Is(Vec<u8>),
    /// What the original is, in key 15.
    Unchanged,
    /// What the original is afterwards; key 15 is absent.
    OfOriginal(Vec<u8>),
}

fn numbers(text: &str) -> Vec<u8> {
    text.split(" or ").map_while(|word| word.trim().parse().ok()).collect()
}

/// Clauses of a cell: parts between semicolons; what stands behind a colon is for the reader, and that a tombstone is left is
/// what state 6 afterwards says.
fn clauses(cell: &str) -> Vec<Clause> {
    cell.split("; ").filter(|part| *part != "the original is blocked").flat_map(clause).collect()
}

fn clause(part: &str) -> Vec<Clause> {
    let part = part.split(": ").next().expect("a first part");
    let (what, conditions) = part.split_once(" if ").unwrap_or((part, ""));
    let (code, rest) = what.split_at_checked(2).unwrap_or((what, ""));
    let code = code.parse().unwrap_or_else(|_| panic!("no code in {part:?}"));
    let key_15 = if rest.contains("that state") {
        State::Unchanged
    } else if let Some((_, states)) = rest.split_once("the original's state ") {
        State::OfOriginal(numbers(states))
    } else if let Some((_, states)) = rest.split_once("state ") {
        State::Is(numbers(states.split(',').next().expect("a first part")))
    } else {
        assert_eq!(rest, "", "{part:?}");
        State::Absent
    };
    let amount = match rest {
        rest if rest.ends_with("amount absent") => Some(None),
        rest if rest.ends_with("amount 0") => Some(Some(0)),
        _ => None,
    };
    let clause = |condition: Option<&str>| Clause {
        code,
        key_15: key_15.clone(),
        amount,
        condition: condition.map(str::to_owned),
    };
    if conditions.is_empty() {
        vec![clause(None)]
    } else {
        conditions.split(" or ").map(|c| clause(Some(c))).collect()
    }
}

/// Rows of the table: the original, and its cells for the four messages.
fn rows() -> Vec<(String, [Vec<Clause>; 4])> {
    let table = PROTOCOL.split("### State and message").nth(1).expect("the section");
    let lines =
        table.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let mut lines = lines.map(cells);
    let head = lines.next().expect("a head");
    assert_eq!(
        head,
        ["original", "its repeat", "TransactionStatus", "Reversal", "Void", "Refund", "Capture"]
    );
    lines.next();
    lines
        .map(|row| {
            let [original, _, _, reversal, void, refund, capture] = row.try_into().expect("seven cells");
            let reversed = clauses(&reversal);
            let voided = match void.strip_prefix("as a Reversal, state 3; ") {
                Some(more) => {
                    let mut voided = reversed.clone();
                    voided[0].key_15 = State::Is(vec![3]);
                    voided.extend(clauses(more));
                    voided
                }
                None => clauses(&void),
            };
            (original, [reversed, voided, clauses(&refund), clauses(&capture)])
        })
        .collect()
}

const MESSAGES: [&str; 4] = ["Reversal", "Void", "Refund", "Capture"];

/// A shop, the original in it, and the till at which the message is sent.
struct Case {
    shop: Shop,
    of: usize,
    till: usize,
    other_id: bool,
    /// Of a refund or capture.
    amount: i64,
    more: bool,
}

fn case(set_up: impl FnOnce(&mut Shop) -> usize) -> Case {
    let mut shop = Shop::new();
    let of = set_up(&mut shop);
    Case { shop, of, till: 0, other_id: false, amount: 1, more: false }
}

impl Case {
    fn at(self, till: usize) -> Self {
        Self { till, ..self }
    }

    fn of_amount(self, amount: i64, more: bool) -> Self {
        Self { amount, more, ..self }
    }

    fn with_other_id(self) -> Self {
        Self { other_id: true, ..self }
    }

    fn send(&mut self, column: &str) -> Said {
        let (of, amount, more) = (self.of, self.amount, self.more);
        let deal = match column {
            "Reversal" => Deal::Reverse { of },
            "Void" => Deal::Void { of },
            "Refund" => Deal::Refund { of, amount },
            _ => Deal::Capture { of, amount, more },
        };
        let mut command = command(&self.shop.world, &deal);
        if self.other_id {
            let (Command::Reversal { original }
            | Command::Void { original }
            | Command::Refund { original, .. }
            | Command::Capture { original, .. }) = &mut command
            else {
                unreachable!("one of the four");
            };
            *original = Named { request_id: [99; 32], ..original.clone() };
        }
        // After the shift was closed people work in the next one.
        self.shop.world.ask(self.till, Some(2), command).expect("the rules decide")
    }
}

fn unsent(shop: &mut Shop) -> usize {
    shop.world.sign(0, message::PURCHASE)
}

fn declined(shop: &mut Shop) -> usize {
    let said = shop.ask(0, &Deal::Purchase { card: 0, amount: 1_000_00, partial: false });
    assert_eq!(said.code, 51);
    shop.last()
}

fn captured(shop: &mut Shop) -> usize {
    let hold = shop.hold(30_00);
    shop.capture(hold, 30_00, false)
}

fn activated(shop: &mut Shop) -> usize {
    shop.done(Deal::Activate { card: 1 })
}

fn by_20_points(shop: &mut Shop) -> usize {
    shop.done(Deal::Buy { card: 0, amount: 5_00, points: Some(20), goods: Vec::new() })
}

/// 20 points for 1 of another kind, which cost 10.
fn other_points_back(shop: &mut Shop) -> usize {
    shop.join();
    shop.pay(30_00);
    shop.redeem("there");
    shop.redeem("back")
}

fn late_and_blocked(shop: &mut Shop) -> usize {
    let of = unsent(shop);
    shop.reverse(of);
    let purchase = command(&shop.world, &Deal::Purchase { card: 0, amount: 1_00, partial: false });
    assert_eq!(shop.world.send(of, Some(1), purchase).expect("decided").code, 21);
    of
}

/// Originals that a row speaks of.
fn originals(row: &str) -> Vec<fn(&mut Shop) -> usize> {
    match row {
        "blocked" => vec![
            |shop| {
                let of = unsent(shop);
                shop.reverse(of);
                of
            },
            late_and_blocked,
        ],
        "unknown" => vec![unsent],
        "a Reversal, Void, Reconciliation, ChangePin or CashTaken" => vec![
            |shop| {
                let sale = shop.pay(1_00);
                shop.reverse(sale)
            },
            |shop| {
                let sale = shop.pay(1_00);
                shop.void(sale)
            },
            Shop::close,
            |shop| shop.cash(5_00),
        ],
        "declined" => vec![declined],
        "reversed, voided" => vec![
            |shop| {
                let sale = shop.pay(1_00);
                shop.reverse(sale);
                sale
            },
            |shop| {
                let sale = shop.pay(1_00);
                shop.void(sale);
                sale
            },
        ],
        "Activate, live" => vec![activated],
        "Load, live" => vec![|shop| shop.load(10_00)],
        "Transfer, live" => vec![|shop| shop.give(10_00)],
        "Purchase, Capture or Advice, live" => {
            vec![|shop| shop.pay(30_00), captured, |shop| shop.advise(30_00)]
        }
        "Load, Purchase, Capture or Advice, refunded in part" => vec![
            |shop| {
                let load = shop.load(10_00);
                shop.refund(load, 4_00);
                load
            },
            |shop| {
                let sale = shop.pay(10_00);
                shop.refund(sale, 4_00);
                sale
            },
            |shop| {
                let capture = captured(shop);
                shop.refund(capture, 24_00);
                capture
            },
            |shop| {
                let advice = shop.advise(10_00);
                shop.refund(advice, 4_00);
                advice
            },
        ],
        "Load, Purchase, Capture or Advice, refunded" => vec![
            |shop| {
                let load = shop.load(10_00);
                shop.refund(load, 10_00);
                load
            },
            |shop| {
                let sale = shop.pay(10_00);
                shop.refund(sale, 4_00);
                shop.refund(sale, 6_00);
                sale
            },
            |shop| {
                let capture = captured(shop);
                shop.refund(capture, 30_00);
                capture
            },
            |shop| {
                let advice = shop.advise(30_00);
                shop.refund(advice, 30_00);
                advice
            },
        ],
        "Refund, live" => vec![
            |shop| {
                let sale = shop.pay(10_00);
                shop.refund(sale, 10_00)
            },
            |shop| {
                let load = shop.load(10_00);
                shop.refund(load, 4_00)
            },
        ],
        "Join, Award, Redeem or UseEntitlement, live" => vec![
            Shop::join,
            |shop| shop.award("visit"),
            |shop| {
                shop.join();
                shop.pay(30_00);
                shop.redeem("mug")
            },
            |shop| {
                shop.join();
                shop.pay(30_00);
                shop.redeem("red")
            },
            other_points_back,
            |shop| {
                shop.join();
                shop.use_entitlement("parking")
            },
        ],
        "Unload, live" => vec![|shop| shop.unload(10_00), |shop| {
            shop.load(10_00);
            shop.unload(30_00)
        }],
        "Authorize, live" => vec![|shop| shop.hold(30_00)],
        "Authorize that raised another, live" => vec![|shop| {
            let hold = shop.hold(30_00);
            shop.raise(hold, 10_00)
        }],
        "Authorize, captured or lapsed" => vec![
            |shop| {
                let hold = shop.hold(30_00);
                shop.capture(hold, 10_00, false);
                hold
            },
            |shop| {
                let hold = shop.hold(30_00);
                shop.days_pass(3);
                shop.world.sweep(0).expect("booked");
                hold
            },
        ],
        other => panic!("the table has a new row: {other}"),
    }
}

/// How a cell's clause comes about.
fn cases(row: &str, column: &str, condition: Option<&str>) -> Vec<Case> {
    if row.starts_with("another request id under this STAN") {
        let blocked: fn(&mut Shop) -> usize = |shop| {
            let of = unsent(shop);
            shop.reverse(of);
            of
        };
        let known: fn(&mut Shop) -> usize = |shop| shop.pay(1_00);
        return [blocked, known, late_and_blocked].into_iter().map(|of| case(of).with_other_id()).collect();
    }
    if row.starts_with("not this terminal's") {
        let far = match column {
            "Reversal" => vec![1, 2, 3],
            "Refund" => vec![2],
            _ => vec![1, 2],
        };
        let set_ups: [fn(&mut Shop) -> usize; 3] =
            [|shop| shop.pay(1_00), |shop| shop.hold(1_00), late_and_blocked];
        let far = far.into_iter().flat_map(|till| set_ups.iter().map(move |of| case(of).at(till)));
        return far.collect();
    }
    let all = || originals(row).into_iter().map(case);
    let then = |more: fn(&mut Shop, usize)| -> Vec<Case> {
        let mut cases: Vec<Case> = all().collect();
        cases.iter_mut().for_each(|case| more(&mut case.shop, case.of));
        cases
    };
    match (column, condition) {
        ("Refund", None) if matches!(row, "Load, live" | "Purchase, Capture or Advice, live") => {
            let whole = if row.starts_with("Load") { 10_00 } else { 30_00 };
            all().chain(all().map(|case| case.of_amount(whole, false))).collect()
        }
        ("Refund", None) if row.ends_with("refunded in part") => {
            all().chain(all().map(|case| case.of_amount(6_00, false))).collect()
        }
        ("Capture", None) if row == "Authorize, live" => all()
            .chain(all().map(|case| case.of_amount(1, true)))
            .chain(all().map(|case| case.of_amount(30_00, true)))
            .collect(),
        (_, None) => all().collect(),
        (_, Some("the card was loaded since")) => then(|shop, _| {
            shop.done(Deal::Load { card: 1, amount: 1_00 });
        }),
        (_, Some("it owes points")) => then(|shop, _| {
            assert!(shop.world.adjust(1, -5));
        }),
        (_, Some("its value is spent")) if row.starts_with("Transfer") => then(|shop, _| {
            shop.done(Deal::Purchase { card: 1, amount: 1, partial: false });
        }),
        (_, Some("its value is spent")) => {
            // 110.00 and 5.00: nothing is left of the later load.
            then(|shop, _| {
                shop.pay(100_01);
            })
        }
        (_, Some("points pay and more of them would be owed")) if row == "Refund, live" => {
            vec![case(|shop| {
                let earning = shop.pay(30_00);
                let sale = by_20_points(shop);
                shop.reverse(earning);
                assert_eq!(shop.debt(), 20);
                shop.refund(sale, 5_00)
            })]
        }
        (_, Some("money that it gave is spent")) => {
            // 70.00, and 5.00 of bonus in front of what it gave.
            let mut case = case(|shop| {
                shop.join();
                shop.pay(30_00);
                shop.redeem("red")
            });
            case.shop.pay(75_01);
            vec![case]
        }
        (_, Some("points pay and more of them would be owed")) if row.starts_with("Join") => {
            let mut case = case(other_points_back);
            by_20_points(&mut case.shop);
            vec![case]
        }
        (_, Some("points pay and more of them would be owed")) => then(|shop, _| {
            by_20_points(shop);
        }),
        (_, Some("its shift is closed")) => then(|shop, _| {
            shop.close();
        }),
        (_, Some("what it gave back is spent")) => {
            let mut case = case(|shop| {
                let sale = shop.pay(10_00);
                shop.refund(sale, 10_00)
            });
            case.shop.pay(100_00);
            vec![case]
        }
        (_, Some("one of its loads was refunded since")) => then(|shop, _| {
            shop.refund(1, 1_00);
        }),
        (_, Some("its original was refunded again since")) => vec![case(|shop| {
            let sale = shop.pay(10_00);
            let first = shop.refund(sale, 1_00);
            shop.refund(sale, 1_00);
            first
        })],
        (_, Some("a reward that it took back was given again since")) => {
            let mut case = case(|shop| {
                shop.join();
                let load = shop.load(50_00);
                if row == "Unload, live" { shop.unload(50_00) } else { shop.refund(load, 50_00) }
            });
            case.shop.load(50_00);
            vec![case]
        }
        (_, Some("something was captured")) => then(|shop, of| {
            let raised =
                shop.world.asked[of].entry.as_ref().is_some_and(gateway::domain::Original::raised_another);
            shop.capture(if raised { of - 1 } else { of }, 1_00, true);
        }),
        (_, Some("the hold has ended")) => {
            let mut cases = then(|shop, _| shop.days_pass(3));
            cases.extend(then(|shop, of| {
                shop.void(of - 1);
            }));
            cases
        }
        (_, Some(other)) => panic!("the table has a new condition: {other}"),
    }
}

#[test]
fn every_cell_of_the_table_of_states_and_messages_is_what_the_rules_do() {
    let mut cells = 0;
    let mut wrong = Vec::new();
    for (row, columns) in rows() {
        for (column, clauses) in MESSAGES.into_iter().zip(columns) {
            for clause in clauses {
                let mut seen = Vec::new();
                let cases = cases(&row, column, clause.condition.as_deref());
                assert!(!cases.is_empty());
                for (at, mut case) in cases.into_iter().enumerate() {
                    let before = case.shop.present(case.of);
                    let said = case.send(column);
                    let after = case.shop.present(case.of);
                    let fits = match &clause.key_15 {
                        State::Absent => said.state.is_none(),
                        State::Is(states) => {
                            said.state.is_some_and(|state| states.contains(&state) && state == after)
                        }
                        State::Unchanged => said.state == Some(before) && after == before,
                        State::OfOriginal(states) => said.state.is_none() && states.contains(&after),
                    };
                    seen.push(after);
                    let amount_fits = clause.amount.is_none_or(|amount| amount == said.amount);
                    if said.code != clause.code || !fits || !amount_fits {
                        wrong.push(format!(
                            "{row} / {column} / case {at}: {said:?}, then state {after}; {clause:?}"
                        ));
                    }
                    cells += 1;
                }
                if let State::Is(states) | State::OfOriginal(states) = &clause.key_15
                    && !states.iter().all(|state| seen.contains(state))
                {
                    wrong.push(format!("{row} / {column}: {seen:?} seen of {states:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cells > 100, "{cells} cases");
}

#[test]
fn a_reversal_of_what_is_not_older_than_itself_finds_nothing() {
    let mut shop = Shop::new();
    let (early, late) = (unsent(&mut shop), unsent(&mut shop));
    for of in [early, late] {
        let original = shop.world.named(of);
        let said = shop.world.send(early, Some(1), Command::Reversal { original }).expect("decided");
        assert_eq!(said, Said { code: 25, amount: None, state: None });
    }
}
