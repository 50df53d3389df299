//! What people have to look into, and what terminals sold while the gateway was away.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use rust_decimal::Decimal;
use serde_json::Value;

use super::operate::{ask, done, recorded, show};
use super::show::{table, text};
use super::{Advices, Common, Exceptions, Way};
use crate::admin::client::Client;
use crate::admin::socket::Ask;
use crate::domain::act::Act;
use crate::domain::card::CardReference;
use crate::domain::settle::Settlement;
use crate::journal::sha256;

pub(super) fn exception(common: &Common, command: Exceptions) -> Result<ExitCode> {
    match command {
        Exceptions::List { all } => {
            let answer = ask(common, &Ask::Exceptions { all })?;
            show(common, &answer, list)
        }
        Exceptions::Settle { reference, way, reason, another_note } => {
            let settlement = settlement(&way);
            done(common, Act::ExceptionSettle { index: reference, settlement, reason, another_note })
        }
    }
}

fn settlement(way: &Way) -> Settlement {
    match way.card {
        Some(card) => Settlement::Card(CardReference(card)),
        None if way.paid_out => Settlement::PaidOut,
        None if way.write_off => Settlement::WriteOff,
        None => Settlement::Explained,
    }
}

fn list(answer: &Value) {
    let head = [
        "reference",
        "what",
        "amount",
        "who bears it",
        "terminal",
        "claim",
        "its load",
        "card",
        "date",
        "since",
        "state",
    ];
    let rows = answer["exceptions"].as_array().into_iter().flatten().map(|row| {
        let state = if row["open"].as_bool() == Some(true) { "open" } else { "settled" };
        let field = |name: &str| text(row, name);
        [
            field("reference"),
            field("what"),
            units(&row["amount_minor"]),
            field("bearer"),
            field("terminal"),
            field("claim"),
            field("load"),
            field("card"),
            field("date"),
            field("since"),
            state.to_owned(),
        ]
    });
    table(head, rows);
}

/// Minor units of a currency with two decimal places.
fn units(minor: &Value) -> String {
    minor.as_i64().map_or_else(String::new, |minor| Decimal::new(minor, 2).to_string())
}

pub(super) fn advice(common: &Common, command: Advices) -> Result<ExitCode> {
    let Advices::Import { file, terminal } = command;
    let bytes = read(&file)?;
    let act = Act::AdviceImport { terminal, file: sha256(&[&bytes]) };
    if !common.json {
        println!("{}", act.words());
    }
    let done = Client::act_with_file(&common.directory(), &common.operator, act, &bytes)?;
    recorded(common, &done)
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("reading {}", file.display()))
}

/// What became of each message of an imported file.
pub(super) fn imported(done: &Value) {
    let Some(rows) = done["advices"].as_array() else { return };
    table(
        ["message", "STAN", "outcome", "code", "reference", "amount", "shortfall"],
        rows.iter().map(|row| {
            let field = |name: &str| text(row, name);
            [
                field("message"),
                field("stan"),
                field("outcome"),
                field("code"),
                field("reference"),
                units(&row["amount_minor"]),
                units(&row["shortfall_minor"]),
            ]
        }),
    );
}
