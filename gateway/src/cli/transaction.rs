//! `gateway transaction`: why the journal has what it has.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use serde_json::{Value, json};

use super::Common;
use super::journal::open;
use super::show::{bar, table};
use crate::domain::decision::{Notes, Reason};
use crate::domain::effect::Account;
use crate::domain::member::TierHeld;
use crate::explain::{ExplainError, Explained, explain};

#[derive(Debug, Subcommand)]
pub(super) enum Transaction {
    /// Say why an entry gave, took and priced what it did: worked out again from the journal, and compared with it.
    #[command(after_help = "Examples:
  gateway transaction explain 1057               the reference (RRN) on the receipt
  gateway transaction explain 1 --to 999999 --json   every entry; exit code 1 when one does not come out again

The journal is read from its beginning: the rules may look at all that was before. Whether the gateway serves does not matter.")]
    Explain {
        /// Reference of the entry.
        reference: u64,
        /// Explain all up to this one.
        #[arg(long, value_name = "REFERENCE")]
        to: Option<u64>,
    },
}

pub(super) fn transaction(common: &Common, command: Transaction) -> Result<ExitCode> {
    let Transaction::Explain { reference, to } = command;
    let (storage, installation) = open(&common.directory())?;
    storage.hold_still()?;
    let last = storage.last_index()?;
    let wanted = reference..=to.unwrap_or(reference).min(last).max(reference);
    let progress = bar(*wanted.end(), "reading", common.json);
    let (mut each, mut differ) = (Vec::new(), 0_u64);
    let told = |index: u64, explained: Result<Explained, ExplainError>| {
        differ = differ.saturating_add(u64::from(explained.as_ref().is_ok_and(|explained| !explained.same)));
        each.push((index, explained));
    };
    explain(&storage, &installation, wanted, |at| progress.set_position(at), told)
        .context("explaining the journal")?;
    progress.finish_and_clear();
    if common.json {
        println!(
            "{}",
            Value::Array(each.iter().map(|(index, explained)| value(*index, explained)).collect())
        );
    } else if let [(_, explained)] = each.as_slice() {
        match explained {
            Ok(explained) => print(explained),
            Err(error) => println!("{error}"),
        }
    } else {
        summary(&each);
    }
    let failed = differ > 0 || matches!(each.as_slice(), [(_, Err(_))]);
    Ok(if failed { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn notes(notes: Notes, result: i64) -> String {
    let words = [
        (Notes::TAKEN_BACK, if result > 0 { "brought back" } else { "taken back" }),
        (Notes::ROUNDED, "rounded down"),
        (Notes::MEMBER_CAP, "cut by the member's cap"),
        (Notes::BUDGET, "cut by a budget"),
        (Notes::PENDING, "pending"),
        (Notes::OWED, "owed"),
        (Notes::WITHHELD, "withheld"),
        (Notes::TIER, "tier"),
    ];
    let said: Vec<&str> =
        words.iter().filter(|(bit, _)| notes.0 & bit.0 != 0).map(|(_, word)| *word).collect();
    said.join(", ")
}

fn print(explained: &Explained) {
    let Explained { index, what, code, business_date, programme: (version, name), .. } = explained;
    let code = code.map(|code| format!(", code {code:02}")).unwrap_or_default();
    println!(
        "Entry {index}: {what}{code}, business date {business_date}, priced by programme {version} ({name})."
    );
    if let Some(story) = &explained.tier {
        let held = |held: &Option<TierHeld>| {
            held.as_ref().map_or_else(|| "none of its own".to_owned(), |held| held.tier.clone())
        };
        println!(
            "Tier before: {}; after: {}. What was counted, as of {}:",
            held(&story.before),
            held(&story.after),
            story.as_of
        );
        table(
            ["leads to", "way", "measure", "months", "so far", "needed"],
            story.stood.iter().map(|stood| {
                let months = stood.months.map_or_else(|| "ever".to_owned(), |months| months.to_string());
                let (way, measure) = (stood.route.saturating_add(1).to_string(), stood.measure.clone());
                [stood.tier.clone(), way, measure, months, stood.so_far.to_string(), stood.needed.to_string()]
            }),
        );
    }
    table(
        ["rule", "balance", "base", "rate", "result", "notes"],
        explained.reasons.iter().map(|Reason { rule, kind, base, rate, result, notes: bits, other }| {
            [
                other.map_or_else(|| rule.clone(), |card| format!("{rule}, for card {}", card.0)),
                kind.0.to_string(),
                base.to_string(),
                rate.clone(),
                result.to_string(),
                notes(*bits, *result),
            ]
        }),
    );
    table(
        ["booked on", "balance", "amount"],
        explained.postings.iter().map(|posting| {
            let account = match &posting.account {
                Account::Card { card, lot, .. } => format!("card {}, lot {lot}", card.0),
                Account::Named(name) => name.clone(),
            };
            [account, posting.kind.0.to_string(), posting.amount.to_string()]
        }),
    );
    if !explained.counters.is_empty() {
        table(
            ["counted for", "counter", "period", "change"],
            explained.counters.iter().map(|(card, counter, period, change)| {
                let whose = card.map_or_else(|| "everybody".to_owned(), |card| card.to_string());
                [whose, counter.clone(), period.to_string(), change.to_string()]
            }),
        );
    }
    if explained.same {
        println!("Worked out again from the journal: exactly the same.");
    } else {
        println!(
            "Worked out again from the journal: NOT what was written. Keep this data, and ask whoever maintains the gateway."
        );
    }
}

fn summary(each: &[(u64, Result<Explained, ExplainError>)]) {
    let same = each.iter().filter(|(_, explained)| explained.as_ref().is_ok_and(|explained| explained.same));
    let differ: Vec<_> = each
        .iter()
        .filter(|(_, explained)| explained.as_ref().is_ok_and(|explained| !explained.same))
        .collect();
    println!(
        "{} entries: {} come out again exactly, {} do not, {} price nothing: declined, or decided by no rule.",
        each.len(),
        same.count(),
        differ.len(),
        each.iter().filter(|(_, explained)| explained.is_err()).count()
    );
    for (index, _) in differ {
        println!("entry {index} does not come out again; `gateway transaction explain {index}` shows it");
    }
}

fn value(index: u64, explained: &Result<Explained, ExplainError>) -> Value {
    let explained = match explained {
        Ok(explained) => explained,
        Err(error) => return json!({ "reference": index, "error": error.to_string() }),
    };
    let reasons = explained.reasons.iter().map(|reason| {
        json!({ "rule": reason.rule, "kind": reason.kind.0, "base": reason.base, "rate": reason.rate,
            "result": reason.result, "notes": notes(reason.notes, reason.result),
            "other_card": reason.other.map(|card| card.0.to_string()) })
    });
    let postings = explained.postings.iter().map(|posting| {
        let (card, account) = match &posting.account {
            Account::Card { card, lot, .. } => {
                (json!({ "card": card.0.to_string(), "lot": lot }), Value::Null)
            }
            Account::Named(name) => (Value::Null, json!(name)),
        };
        json!({ "card": card, "account": account, "kind": posting.kind.0, "amount": posting.amount })
    });
    let counters = explained.counters.iter().map(|(card, counter, period, change)| {
        json!({ "card": card.map(|card| card.to_string()), "counter": counter, "period": period, "change": change })
    });
    let tier = explained.tier.as_ref().map(|story| {
        let held = |held: &Option<TierHeld>| {
            held.as_ref().map(|held| json!({ "tier": held.tier, "since": held.since, "until": held.until }))
        };
        let stood = story.stood.iter().map(|stood| {
            json!({ "tier": stood.tier, "route": stood.route, "measure": stood.measure,
                "months": stood.months, "so_far": stood.so_far, "needed": stood.needed })
        });
        json!({ "before": held(&story.before), "after": held(&story.after), "as_of": story.as_of,
            "measures": stood.collect::<Vec<_>>() })
    });
    json!({
        "reference": index,
        "message": explained.what,
        "code": explained.code,
        "card": explained.card.map(|card| card.to_string()),
        "business_date": explained.business_date,
        "programme": { "version": explained.programme.0, "name": explained.programme.1 },
        "rules": reasons.collect::<Vec<_>>(),
        "postings": postings.collect::<Vec<_>>(),
        "counters": counters.collect::<Vec<_>>(),
        "tier": tier,
        "same": explained.same,
    })
}
