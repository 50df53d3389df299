//! Acts and questions of operators.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::exceptions::imported;
use super::show::{bar, rows, table, text};
use super::{Acts, Awards, Card, CashierCommand, Common, Operator, RoleArgument, Terminal};
use crate::admin::act::SignedAct;
use crate::admin::client::Client;
use crate::admin::socket::Ask;
use crate::clock;
use crate::config::Config;
use crate::domain::act::{Act, MAX_CARDS_PER_ACT};
use crate::domain::card::{CardReference, OwnLimits};
use crate::domain::{Kind, Limits, Role};
use crate::journal::sha256;
use crate::keys::{SigningKey, fingerprint, from_hex, hex};
use protocol::cose::Sign1;

/// Crockford's base 32.
const CODE_ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

pub(super) fn status(common: &Common) -> Result<ExitCode> {
    let answer = ask(common, &Ask::Status)?;
    show(common, &answer, |answer| {
        let fields = ["business_date", "time", "clock", "index", "group", "epoch", "installation", "stopped"];
        table(["what", "value"], fields.map(|field| [field.replace('_', " "), text(answer, field)]));
    })
}

pub(super) fn act(common: &Common, command: Acts) -> Result<ExitCode> {
    match command {
        Acts::List => {
            let answer = ask(common, &Ask::Proposals)?;
            show(common, &answer, |answer| {
                let rows = answer["proposals"].as_array();
                let fields = ["number", "act", "operator", "what", "expires"];
                table(fields, rows.into_iter().flatten().map(|row| fields.map(|field| text(row, field))));
            })
        }
        Acts::Confirm { number } => {
            let waiting = ask(common, &Ask::Proposal { number })?;
            let signed = waiting["signed"].as_str().and_then(from_hex).context("no act in the answer")?;
            let payload = Sign1::parse(&signed).ok().and_then(|sign1| sign1.payload);
            let first = SignedAct::decode(payload.context("the waiting act cannot be read")?)?;
            if !common.json {
                println!("{} proposes: {}", first.operator, first.act.words());
                if let Act::OperatorAdd { public_key, .. } = &first.act {
                    println!("The key's fingerprint: {}", hex(&fingerprint(public_key)));
                }
            }
            let done = Client::confirm(&common.directory(), &common.operator, number, first.act)?;
            show(common, &done, |done| {
                println!("Done: journal entry {}.", done["index"]);
                imported(done);
            })
        }
    }
}

pub(super) fn confirm_clock(common: &Common) -> Result<ExitCode> {
    done(common, Act::ClockConfirm)
}

pub(super) fn terminal(common: &Common, command: Terminal) -> Result<ExitCode> {
    let act = match command {
        Terminal::Enroll { id, role, merchant, store, max_load, max_purchase, max_refund } => {
            let limits = Limits {
                load: minor(&max_load)?,
                purchase: minor(&max_purchase)?,
                refund: minor(&max_refund)?,
            };
            return enroll(common, id, role, (merchant, store), limits);
        }
        Terminal::List => {
            let answer = ask(common, &Ask::Terminals)?;
            return show(common, &answer, |answer| terminals(answer["terminals"].as_array()));
        }
        Terminal::Show { id } => {
            let answer = ask(common, &Ask::Terminal { terminal: id })?;
            return show(common, &answer, |answer| terminals(Some(&vec![answer["terminal"].clone()])));
        }
        Terminal::Suspend { id } => Act::TerminalSuspend { terminal: id },
        Terminal::Resume { id } => Act::TerminalResume { terminal: id },
        Terminal::Revoke { id } => Act::TerminalRevoke { terminal: id },
    };
    done(common, act)
}

fn terminals(rows: Option<&Vec<Value>>) {
    let head = ["terminal", "status", "role", "generation", "merchant", "store", "last STAN"];
    let fields = ["terminal", "status", "role", "generation", "merchant", "store", "last_stan"];
    table(head, rows.into_iter().flatten().map(|row| fields.map(|field| text(row, field))));
}

fn enroll(
    common: &Common,
    id: String,
    role: RoleArgument,
    place: (Option<String>, Option<String>),
    limits: Limits,
) -> Result<ExitCode> {
    let data = common.directory();
    let config = Config::load(None, &data.config())?;
    let code: String =
        clock::random::<20>().iter().map(|byte| char::from(CODE_ALPHABET[usize::from(byte & 31)])).collect();
    let act = Act::TerminalEnroll {
        terminal: id.clone(),
        role: match role {
            RoleArgument::Register => Role::Register,
            RoleArgument::Kiosk => Role::Kiosk,
        },
        merchant: place.0.unwrap_or(config.merchant),
        store: place.1.unwrap_or(config.store),
        limits,
        code_hash: sha256(&[code.as_bytes()]),
    };
    let done = Client::act(&data, &common.operator, act)?;
    let key = SigningKey::load(&data.gateway_key())?;
    let enrolment = format!("svgp1:{id}:{code}:{}", hex(&fingerprint(&key.spki())));
    let answer =
        json!({ "terminal": id, "enrolment": enrolment, "expires_in_hours": 24, "index": done["index"] });
    show(common, &answer, |_| {
        println!("{enrolment}\n\nGive this string to terminal {id} within 24 hours. It is shown this once.");
    })
}

/// An amount in units, of a currency with two decimal places.
fn minor(amount: &str) -> Result<i64> {
    let decimal: Decimal = amount.parse().with_context(|| format!("{amount:?} is no amount"))?;
    let scaled = decimal.checked_mul(Decimal::ONE_HUNDRED).filter(|scaled| scaled.trunc() == *scaled);
    let minor = scaled.and_then(|scaled| i64::try_from(scaled).ok());
    minor.with_context(|| format!("{amount:?} is no amount with two decimal places"))
}

pub(super) fn card(common: &Common, command: Card) -> Result<ExitCode> {
    let act = match command {
        Card::Issue { product, count } => return issue(common, &product, count),
        Card::Show { card } => {
            let answer = ask(common, &Ask::Card { card })?;
            return show(common, &answer, show_card);
        }
        Card::Block { card, reason } => Act::CardBlock { card: CardReference(card), reason },
        Card::Replace { card, by, reason } => {
            Act::CardReplace { card: CardReference(card), by: CardReference(by), reason }
        }
        Card::Merge { card, into, reason } => {
            Act::CardMerge { card: CardReference(card), into: CardReference(into), reason }
        }
        Card::Refund { card, amount, reason } => {
            Act::CardRefund { card: CardReference(card), amount: minor(&amount)?, reason }
        }
        Card::Adjust { card, kind, points, reason } => {
            let known = if kind == "ordinary" { Some(Kind::POINTS.0) } else { kind.parse().ok() };
            let Some(kind) = known.filter(|kind| (16..=47).contains(kind)) else {
                bail!(
                    "there are no {kind:?} points; write ordinary, or the kind of another currency, 17 to 47"
                )
            };
            Act::CardAdjust { card: CardReference(card), kind: Kind(kind), points, reason }
        }
        Card::Pin { card, clear, reason } => Act::CardPin { card: CardReference(card), clear, reason },
        Card::Extend { card, months } => Act::CardExtend { card: CardReference(card), months },
        Card::Bind { card, account, per_day, per_month } => {
            let limit = |amount: Option<String>| amount.map(|amount| minor(&amount)).transpose();
            let limits = OwnLimits { day: limit(per_day)?, month: limit(per_month)? };
            Act::CardBind { card: CardReference(card), account: CardReference(account), limits }
        }
        Card::Unbind { card } => Act::CardUnbind { card: CardReference(card) },
        Card::Unblock { card } => Act::CardUnblock { card: CardReference(card) },
    };
    done(common, act)
}

pub(super) fn award(common: &Common, command: Awards) -> Result<ExitCode> {
    let Awards::Import { file, activity } = command;
    let text = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    let line = |(at, line): (usize, &str)| {
        let parts = line.split_once(',').and_then(|(card, quantity)| {
            let (card, quantity): (u64, i64) = (card.trim().parse().ok()?, quantity.trim().parse().ok()?);
            (1..=1_000_000).contains(&quantity).then_some((CardReference(card), quantity))
        });
        let number = at.saturating_add(1);
        parts.with_context(|| {
            format!("line {number}: write a card and a quantity, such as 9000000000000014,1")
        })
    };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let awards = lines.map(line).collect::<Result<Vec<_>>>()?;
    done(common, Act::AwardImport { activity, file: sha256(&[text.as_bytes()]), awards })
}

fn show_card(card: &Value) {
    let fields = [
        "reference",
        "status",
        "replaced_by",
        "product",
        "expires",
        "registered",
        "account",
        "day_limit_minor",
        "month_limit_minor",
        "pin",
        "wrong_pins",
        "principal_minor",
        "bonus_minor",
        "points",
        "points_debt",
    ];
    table(["what", "value"], fields.map(|field| [field.replace('_', " "), text(card, field)]));
    let fields = ["kind", "points", "pending", "debt"];
    table(
        ["points of kind", "points", "pending", "owed"],
        rows(card, "point_kinds").map(|row| fields.map(|field| text(row, field))),
    );
    let member = &card["member"];
    let fields = ["joined", "channel", "referrer", "customer", "tier", "tier_since", "tier_until"];
    table(["member", "value"], fields.map(|field| [field.replace('_', " "), text(member, field)]));
    let fields = ["counter", "period", "value"];
    table(
        ["counted", "period", "value"],
        rows(member, "counters").map(|row| fields.map(|field| text(row, field))),
    );
    let fields = ["lot", "kind", "amount", "expires", "source"];
    table(
        ["lot", "kind", "amount", "expires", "source entry"],
        rows(card, "lots").map(|lot| fields.map(|field| text(lot, field))),
    );
    let holds = card["holds"].as_array().filter(|holds| !holds.is_empty());
    let fields = ["hold", "held", "captured", "expires"];
    if let Some(holds) = holds {
        table(
            ["hold (entry)", "held", "captured", "expires"],
            holds.iter().map(|hold| fields.map(|field| text(hold, field))),
        );
    }
}

fn issue(common: &Common, product: &str, count: u32) -> Result<ExitCode> {
    let data = common.directory();
    let progress = bar(u64::from(count), "issuing", common.json);
    let mut cards = Vec::new();
    let mut left = count;
    loop {
        let now = left.min(MAX_CARDS_PER_ACT);
        let act = Act::CardIssue { product: product.into(), count: now };
        let issued = Client::act(&data, &common.operator, act);
        let issued = match issued {
            Ok(issued) => issued,
            Err(error) if cards.is_empty() => return Err(error),
            // What was issued before must not be lost: its secrets are shown this once.
            Err(error) => {
                eprintln!("error: {error:#}; {} of {count} cards were issued", cards.len());
                break;
            }
        };
        cards.extend(issued["cards"].as_array().cloned().unwrap_or_default());
        progress.inc(u64::from(now));
        left = left.saturating_sub(now);
        if left == 0 {
            break;
        }
    }
    progress.finish_and_clear();
    let answer = json!({ "product": product, "cards": cards });
    show(common, &answer, |answer| {
        let rows = answer["cards"].as_array();
        table(
            ["reference", "secret"],
            rows.into_iter().flatten().map(|card| [text(card, "reference"), text(card, "secret")]),
        );
        println!("Secrets are shown this once; the gateway keeps only what it needs to check them.");
    })?;
    Ok(if left == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

pub(super) fn cashier(common: &Common, command: CashierCommand) -> Result<ExitCode> {
    let (name, act) = match command {
        CashierCommand::List => {
            let answer = ask(common, &Ask::Cashiers)?;
            return show(common, &answer, |answer| {
                let rows = answer["cashiers"].as_array();
                let fields = ["cashier", "role", "status", "store", "wrong_pins"];
                table(fields, rows.into_iter().flatten().map(|row| fields.map(|field| text(row, field))));
            });
        }
        CashierCommand::End { name } => return done(common, Act::CashierEnd { cashier: name }),
        CashierCommand::Add { name, supervisor, store } => {
            (name.clone(), Act::CashierAdd { cashier: name, store, supervisor })
        }
        CashierCommand::Pin { name } => (name.clone(), Act::CashierPin { cashier: name }),
    };
    let drawn = Client::act(&common.directory(), &common.operator, act)?;
    let answer = json!({ "cashier": name, "pin": drawn["pin"], "index": drawn["index"] });
    show(common, &answer, |answer| {
        println!("{name} has the PIN {}. It is shown this once.", text(answer, "pin"));
    })
}

pub(super) fn operator(common: &Common, command: Operator) -> Result<ExitCode> {
    match command {
        Operator::List => {
            let answer = ask(common, &Ask::Operators)?;
            show(common, &answer, |answer| {
                let rows = answer["operators"].as_array();
                let fields = ["operator", "status", "one of two", "fingerprint"];
                let row_of = |row: &Value| {
                    let counts = match (row["one_of_two"].as_bool(), row["counts_from"].as_str()) {
                        (Some(true), _) => "yes".to_owned(),
                        (_, Some(from)) if row["status"] == "active" => format!("from {from}"),
                        _ => "no".to_owned(),
                    };
                    [text(row, "operator"), text(row, "status"), counts, text(row, "fingerprint")]
                };
                table(fields, rows.into_iter().flatten().map(row_of));
            })
        }
        Operator::Add { name, by_two } => {
            let path = common.directory().operator_key(&name);
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
                bail!("an operator's name has 1 to 16 letters, digits, - or _");
            }
            let key = SigningKey::load_or_generate(&path)?;
            let act = Act::OperatorAdd { operator: name.clone(), public_key: key.spki(), by_two };
            let done = Client::act(&common.directory(), &common.operator, act)?;
            let key = path.display().to_string();
            let answer = json!({
                "operator": name, "key": key, "index": done["index"], "proposal": done["proposal"],
            });
            if by_two {
                return recorded(common, &answer);
            }
            show(common, &answer, |_| {
                println!(
                    "Operator {name} may act (entry {}). The key is {key}; move it to where {name} keeps it.
Whom one person alone adds when there were two already may not be one of two people for three days: see `gateway operator list`.",
                    done["index"],
                );
            })
        }
        Operator::Revoke { name } => done(common, Act::OperatorRevoke { operator: name }),
    }
}

pub(super) fn ask(common: &Common, ask: &Ask) -> Result<Value> {
    Client::connect(&common.directory())?.ask(ask)
}

pub(super) fn done(common: &Common, act: Act) -> Result<ExitCode> {
    let done = Client::act(&common.directory(), &common.operator, act)?;
    recorded(common, &done)
}

/// Says that an act is recorded, or that it waits.
pub(super) fn recorded(common: &Common, done: &Value) -> Result<ExitCode> {
    show(common, done, |done| match done["proposal"].as_u64() {
        Some(number) => println!(
            "Nothing is recorded yet: a second operator must confirm it within an hour, with
  gateway act confirm --number {number} --operator NAME"
        ),
        None => println!("Done: journal entry {}.", done["index"]),
    })
}

pub(super) fn show(common: &Common, answer: &Value, people: impl FnOnce(&Value)) -> Result<ExitCode> {
    if common.json {
        println!("{answer}");
    } else {
        people(answer);
    }
    Ok(ExitCode::SUCCESS)
}
