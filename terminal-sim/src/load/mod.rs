//! Throughput and latency: many connections, each with several unanswered requests.
//!
//! Not a test of durability: nothing is written down per transaction. Each terminal's STANs are reserved on its disk
//! before, so that it can trade on afterwards, whatever happened.

mod lane;
mod report;
mod wares;

pub use report::{Latency, Report};

use std::path::PathBuf;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use protocol::cose::Algorithm;
use protocol::terminal::EnrolmentTicket;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::address::Address;
use crate::card::Card;
use crate::clock;
use crate::error::Error;
use crate::terminal::{PATIENCE, Reservation, Terminal};
use lane::{Lane, Tally};
use wares::Wares;

/// STANs that a connection could use in a second if it were all alone with a very fast gateway.
const STANS_PER_SECOND: u32 = 200_000;
/// How long to wait, after the last request was sent, for answers that are still due.
const DRAIN: Duration = Duration::from_secs(15);

/// What the requests are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Mix {
    /// Purchases of 1.00; a card that runs low is loaded.
    Purchase,
    /// Loads of 1.00; a card that runs full is emptied by a purchase.
    Load,
}

/// What kind of load.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the gateway is.
    pub address: Address,
    /// Where each terminal has its directory.
    pub state: PathBuf,
    /// Terminals; those without a directory are enrolled.
    pub enrolments: Vec<EnrolmentTicket>,
    /// Cards, which are shared out among the connections.
    pub cards: Vec<Card>,
    /// How many terminals, each with one connection.
    pub terminals: usize,
    /// Unanswered requests per connection; the sign-on answer may allow fewer.
    pub in_flight: usize,
    /// How long to measure.
    pub seconds: u32,
    /// How long to run before that.
    pub warm_up_seconds: u32,
    /// What the requests are.
    pub mix: Mix,
    /// Check every receipt; else about one in a hundred.
    pub check_receipts: bool,
    /// Show a progress bar on standard error, if that is a terminal.
    pub progress: bool,
}

/// From when to when answers count.
#[derive(Clone, Copy, Debug)]
struct Window {
    from: Instant,
    until: Instant,
}

/// Prepares terminals and cards, runs, and measures.
pub async fn run(options: Options) -> Result<Report, Error> {
    let seconds = options.seconds.saturating_add(options.warm_up_seconds).saturating_add(1);
    let mut lanes = Vec::new();
    for (number, ticket) in options.enrolments.iter().take(options.terminals).enumerate() {
        let mut terminal = open(&options, number, ticket).await?;
        let share = options.cards.iter().skip(number).step_by(options.terminals.max(1));
        let mut wares = Wares::new(share.cloned().collect(), options.mix);
        wares.prepare(&mut terminal).await?;
        let reservation = terminal.reserve_stans(seconds.saturating_mul(STANS_PER_SECOND)).await?;
        lanes.push((wares, reservation));
    }
    if lanes.len() < options.terminals {
        return Err(Error::Usage(format!("{} enrolments for {} terminals", lanes.len(), options.terminals)));
    }
    measure(&options, lanes).await
}

async fn measure(options: &Options, prepared: Vec<(Wares, Reservation)>) -> Result<Report, Error> {
    let start = clock::now();
    let from = start + Duration::from_secs(u64::from(options.warm_up_seconds));
    let window = Window { from, until: from + Duration::from_secs(u64::from(options.seconds)) };
    let cpu_before = clock::cpu_milliseconds();
    let mut tasks = JoinSet::new();
    for (wares, reservation) in prepared {
        let session = reservation.session(&options.address, PATIENCE).await?;
        let lane = Lane::new(session, wares, options, window)?;
        tasks.spawn(async move {
            let mut lane = lane;
            lane.run(reservation.first_stan()).await;
            let tally = lane.into_tally();
            // What was used must be on disk before the terminal trades on.
            (reservation.release(tally.last_stan), tally)
        });
    }
    let bar = progress(options);
    let ticker =
        tokio::spawn(tick(bar.clone(), u64::from(options.seconds.saturating_add(options.warm_up_seconds))));
    let mut total = Tally::new()?;
    while let Some(finished) = tasks.join_next().await {
        let (released, tally) = finished.map_err(|error| Error::Usage(format!("a lane failed: {error}")))?;
        released?;
        total.add(tally)?;
    }
    ticker.abort();
    bar.finish_and_clear();
    let cpu = clock::cpu_milliseconds().zip(cpu_before).map(|(after, before)| after.saturating_sub(before));
    Ok(Report::new(options, total, cpu))
}

async fn open(options: &Options, number: usize, ticket: &EnrolmentTicket) -> Result<Terminal, Error> {
    let directory = options.state.join(ticket.terminal.as_str());
    let mut terminal = if Terminal::exists(&directory) {
        Terminal::open(&directory, options.address.clone())?
    } else {
        let algorithm = if number.is_multiple_of(2) { Algorithm::Es256 } else { Algorithm::EdDsa };
        Terminal::enrol(&directory, options.address.clone(), ticket, algorithm).await?
    };
    for unfinished in terminal.unfinished() {
        terminal.finish(unfinished.id).await?;
        terminal.acknowledge(unfinished.id);
    }
    Ok(terminal)
}

fn progress(options: &Options) -> ProgressBar {
    let target = if options.progress { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let length = u64::from(options.seconds.saturating_add(options.warm_up_seconds));
    let bar = ProgressBar::with_draw_target(Some(length), target);
    match ProgressStyle::with_template("{bar:40} {pos}/{len} s") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

async fn tick(bar: ProgressBar, seconds: u64) {
    for _ in 0..seconds {
        sleep(Duration::from_secs(1)).await;
        bar.inc(1);
    }
}
