//! `terminal-sim load`.

use std::path::PathBuf;

use clap::Args;
use terminal_sim::load::{self, Mix, Options};
use terminal_sim::{Error, card, enrolment};

use super::{Ending, Gateway, show};

#[derive(Args)]
#[command(after_help = "Example:
  terminal-sim load --gateway 127.0.0.1:7400 --state load --enrolments enrolments.json --cards cards.json \\
      --terminals 4 --in-flight 64 --seconds 20 --json

Nothing is written down per transaction: this measures, and is no test of durability. The answers count that arrive
within --seconds after the warm-up; latency runs from the signed request to its answer.")]
pub(super) struct Arguments {
    #[command(flatten)]
    gateway: Gateway,
    /// A directory for the terminals' keys and states
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// {"enrolments":["svgp1:...", ...]}, at least as many as --terminals
    #[arg(long, value_name = "FILE")]
    enrolments: PathBuf,
    /// What `gateway card issue --json` printed; at least as many cards as --terminals
    #[arg(long, value_name = "FILE")]
    cards: PathBuf,
    /// Terminals, each with one connection
    #[arg(long, default_value_t = 1)]
    terminals: usize,
    /// Unanswered requests per connection; the gateway may allow fewer
    #[arg(long, default_value_t = 1)]
    in_flight: usize,
    /// How long to measure
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// How many seconds to run before that
    #[arg(long, default_value_t = 1)]
    warm_up: u32,
    /// What the requests are
    #[arg(long, value_enum, default_value_t = Mix::Purchase)]
    mix: Mix,
    /// Check every receipt instead of one in a hundred
    #[arg(long)]
    check_receipts: bool,
}

pub(super) async fn run(arguments: Arguments, json: bool) -> Result<Ending, Error> {
    let options = Options {
        address: arguments.gateway.address()?,
        state: arguments.state,
        enrolments: enrolment::read_file(&arguments.enrolments)?,
        cards: card::read_file(&arguments.cards)?,
        terminals: arguments.terminals,
        in_flight: arguments.in_flight,
        seconds: arguments.seconds,
        warm_up_seconds: arguments.warm_up,
        mix: arguments.mix,
        check_receipts: arguments.check_receipts,
        progress: !json,
    };
    let report = load::run(options).await?;
    show(&report, json)?;
    Ok(match (report.is_right(), report.is_complete()) {
        (false, _) => Ending::Broken,
        (true, false) => Ending::Unfinished,
        (true, true) => Ending::Right,
    })
}
