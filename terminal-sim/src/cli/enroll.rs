//! `terminal-sim enroll`.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use protocol::cose::Algorithm;
use serde::Serialize;
use terminal_sim::terminal::parse_algorithm;
use terminal_sim::{Error, Terminal, enrolment};

use super::{Ending, Gateway, show};

#[derive(Args)]
#[command(after_help = "Example:
  terminal-sim enroll --gateway 127.0.0.1:7400 --state shop/T0001 \\
      --enrolment svgp1:T0001:7K3QZ9XW2M4RT8VNB6HD:5f1c...")]
pub(super) struct Arguments {
    #[command(flatten)]
    gateway: Gateway,
    /// The string that `gateway terminal enroll` printed
    #[arg(long, value_name = "STRING")]
    enrolment: String,
    /// The terminal's directory: its key and its state
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// The algorithm of the terminal's key: es256 or ed25519
    #[arg(long, default_value = "es256", value_parser = parse_algorithm)]
    algorithm: Algorithm,
}

#[derive(Serialize)]
struct Enrolled {
    terminal: String,
    generation: u32,
    fingerprint: String,
    merchant: Option<String>,
    store: Option<String>,
    role: Option<&'static str>,
    largest_load: Option<i64>,
    largest_purchase: Option<i64>,
    state: PathBuf,
}

pub(super) async fn run(arguments: Arguments, json: bool) -> Result<Ending, Error> {
    let ticket = enrolment::parse(&arguments.enrolment)?;
    let address = arguments.gateway.address()?;
    let mut terminal = Terminal::enrol(&arguments.state, address, &ticket, arguments.algorithm).await?;
    let sign_on = terminal.last_sign_on().cloned();
    let limits = sign_on.as_ref().and_then(|answer| answer.limits);
    let enrolled = Enrolled {
        terminal: terminal.id().to_string(),
        generation: terminal.state().generation.map_or(0, |generation| generation.get()),
        fingerprint: terminal.key().fingerprint().to_string(),
        merchant: sign_on.as_ref().and_then(|answer| answer.merchant).map(|code| code.to_string()),
        store: sign_on.as_ref().and_then(|answer| answer.store).map(|code| code.to_string()),
        role: sign_on.as_ref().and_then(|answer| answer.role).map(|role| role.name()),
        largest_load: limits.map(|limits| limits.load.get()),
        largest_purchase: limits.map(|limits| limits.purchase.get()),
        state: arguments.state,
    };
    terminal.sign_off().await?;
    show(&enrolled, json)?;
    Ok(Ending::Right)
}

impl fmt::Display for Enrolled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Enrolled { terminal, generation, fingerprint, state, .. } = self;
        writeln!(f, "{terminal} is enrolled, generation {generation}, key {fingerprint}")?;
        let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "unknown".into());
        writeln!(
            f,
            "merchant {}, store {}, {}",
            name(&self.merchant),
            name(&self.store),
            self.role.unwrap_or("no role")
        )?;
        writeln!(f, "its key and state are in {}", state.display())
    }
}
