//! `terminal-sim shop`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use terminal_sim::desk::{CommandDesk, Desk};
use terminal_sim::oracle::Programme;
use terminal_sim::shop::{self, Options};
use terminal_sim::{Error, card, corporate, enrolment, people};

use super::{Ending, Gateway, show};

#[derive(Args)]
#[command(after_help = "Example:
  gateway card issue --count 50 --json > cards.json
  terminal-sim shop --gateway 127.0.0.1:7400 --state shop --cards cards.json \\
      --enrolments enrolments.json --seed 7 --transactions 2000 --faults

With corporate accounts and bound cards, which are in cards.json too, and active and empty when the shop opens:
  gateway card bind --card 9000000000000014 --account 9000000000000022 --per-day 200.00
  for card in 9000000000000022 9000000000000014; do gateway card show --card $card --json; done > corporate.json
  terminal-sim shop ... --programme programme.toml --corporate corporate.json

With operators at the desk, who replace, merge, block, extend, bind and unbind cards while terminals trade with them:
  terminal-sim shop ... --desk 'gateway --data /var/lib/gateway'
With two of them, who also refund without a sale, adjust points, unlock PINs and take them away:
  terminal-sim shop ... --desk 'gateway --data /var/lib/gateway --operator ann' --second bob

Then one new card in four waits to take the place of a lost one; so do cards that --corporate shows as issued.

Where the programme says `real_name_above`, tills register holders (made-up people, who exist as numbers in the diaries) and look
them up by phone. Where value ends ([expiry]), the account counts what has ended by the gateway's own clock.

The cards must have been issued to this shop alone. Started again with the same --state, it goes on where it was: what was
left open is resolved first, and the account covers all runs. Exit code 1: the gateway broke a promise.")]
pub(super) struct Arguments {
    #[command(flatten)]
    gateway: Gateway,
    /// A directory for the terminals' keys, states and diaries
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// What `gateway card issue --json` printed: {"cards":[{"reference":"9...","secret":"..."}]}
    #[arg(long, value_name = "FILE")]
    cards: PathBuf,
    /// {"enrolments":["svgp1:...", ...]}; terminals that are in --state already are not enrolled again
    #[arg(long, value_name = "FILE")]
    enrolments: PathBuf,
    /// What is drawn follows from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many acts to begin
    #[arg(long, default_value_t = 1000)]
    transactions: u64,
    /// Break connections on purpose
    #[arg(long)]
    faults: bool,
    /// The programme file that the gateway has in force: transfers, cash-outs, PINs, points that pay and offline sales that
    /// it switches on are traded too; so are its limits, cashiers and supervisors. Without it: the default programme
    #[arg(long, value_name = "FILE")]
    programme: Option<PathBuf>,
    /// {"people":[{"cashier":"amy","pin":"123456"},{"cashier":"lin","pin":"654321","supervisor":true}]}: cashiers and
    /// supervisors that `gateway cashier add --json` admitted to this shop alone
    #[arg(long, value_name = "FILE")]
    people: Option<PathBuf>,
    /// What `gateway card show --json` printed of the shop's corporate accounts, of the cards that are bound to them, and of
    /// other cards that are not of the product "standard" or end by time, one after the other, before the shop used them
    #[arg(long, value_name = "FILE")]
    corporate: Option<PathBuf>,
    /// Let operators act on cards while terminals trade with them: the gateway's command line with the data directory that
    /// it serves, divided by spaces, such as 'gateway --data DIR'
    #[arg(long, value_name = "COMMAND")]
    desk: Option<String>,
    /// The operator who confirms what the desk's own one proposes; without one, nothing is done that needs two
    #[arg(long, value_name = "OPERATOR", requires = "desk")]
    second: Option<String>,
    /// Write the receipt file of every final answer into this directory
    #[arg(long, value_name = "DIR")]
    receipts: Option<PathBuf>,
    /// How many seconds a terminal tries to reach the gateway before it gives up
    #[arg(long, default_value_t = 60)]
    patience: u64,
}

pub(super) async fn run(arguments: Arguments, json: bool) -> Result<Ending, Error> {
    let options = Options {
        address: arguments.gateway.address()?,
        state: arguments.state,
        cards: card::read_file(&arguments.cards)?,
        corporate: arguments.corporate.as_deref().map(corporate::read_file).transpose()?.unwrap_or_default(),
        people: arguments.people.as_deref().map(people::read_file).transpose()?.unwrap_or_default(),
        enrolments: enrolment::read_file(&arguments.enrolments)?,
        seed: arguments.seed,
        transactions: arguments.transactions,
        faults: arguments.faults,
        receipts: arguments.receipts,
        patience: Duration::from_secs(arguments.patience),
    };
    let programme = arguments.programme.as_deref().map(Programme::read_file).transpose()?.unwrap_or_default();
    let desk = arguments.desk.as_deref().map(CommandDesk::new).transpose()?;
    let desk = desk.map(|desk| match &arguments.second {
        Some(second) => desk.with_second(second),
        None => desk,
    });
    let desk = desk.map(|desk| Arc::new(desk) as Arc<dyn Desk>);
    let report = shop::run_at(options, programme, desk).await?;
    show(&report, json)?;
    Ok(match (report.is_right(), report.is_complete()) {
        (false, _) => Ending::Broken,
        (true, false) => Ending::Unfinished,
        (true, true) => Ending::Right,
    })
}
