//! `gateway member`: what is kept of a card's holder, and what the programme makes of the member.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use serde_json::Value;

use super::Common;
use super::operate::{ask, done, show};
use super::show::{rows, table, text};
use crate::admin::socket::Ask;
use crate::domain::act::Act;
use crate::domain::card::CardReference;

#[derive(Debug, Subcommand)]
pub(super) enum Member {
    /// Show what is kept of a card's holder.
    Show {
        #[arg(long, value_name = "REFERENCE")]
        card: u64,
    },
    /// Erase what is kept of a card's holder. Card, balances and journal stay as they are.
    #[command(after_help = "Example:
  gateway member erase --card 9000000000000014 --reason 'asked for it'

Copies of members.db in backups are yours to erase.")]
    Erase {
        #[arg(long, value_name = "REFERENCE")]
        card: u64,
        #[arg(long)]
        reason: String,
    },
    /// Say what a member is worth (会员价值), by [member_value] of the programme in force, and what it is made of.
    #[command(after_help = "Examples:
  gateway member value 9000000000000014
  gateway member value 9000000000000014 --curve  the value at the end of each month
  gateway member value 9000000000000014 --json   both, for scripts

Each line of what it is made of is rounded down by itself, the value once over all of them: it may be a little more.")]
    Value {
        /// The member's card.
        #[arg(value_name = "CARD")]
        card: u64,
        /// Show its curve over time.
        #[arg(long)]
        curve: bool,
    },
}

pub(super) fn member(common: &Common, command: Member) -> Result<ExitCode> {
    match command {
        Member::Show { card } => {
            let answer = ask(common, &Ask::Member { card })?;
            show(common, &answer, |answer| {
                let fields = answer["fields"].as_object();
                let rows = fields.into_iter().flatten();
                table(
                    ["field", "value"],
                    rows.map(|(name, _)| [name.clone(), text(&answer["fields"], name)]),
                );
            })
        }
        Member::Erase { card, reason } => {
            done(common, Act::MemberErase { card: CardReference(card), reason })
        }
        Member::Value { card, curve } => {
            let answer = ask(common, &Ask::MemberValue { card })?;
            show(common, &answer, |answer| value(answer, curve))
        }
    }
}

fn value(answer: &Value, curve: bool) {
    println!(
        "Member value of card {}: {} ({}).",
        text(answer, "card"),
        text(answer, "value"),
        text(answer, "time")
    );
    let fields = ["measure", "counted", "worth", "value"];
    let head = ["measure", "counted in all", "each is worth", "comes to"];
    table(head, rows(answer, "measures").map(|row| fields.map(|field| text(row, field))));
    if curve {
        let fields = ["month", "done", "value"];
        let head = ["month", "done in it", "value at its end"];
        table(head, rows(answer, "curve").map(|row| fields.map(|field| text(row, field))));
    }
}
