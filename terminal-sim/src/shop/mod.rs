//! A shop: many terminals that trade at once with a seed, through whatever happens to the network and the gateway, and a
//! final account that must agree to the cent.

mod by_two;
mod deck;
mod errands;
mod holders;
mod later;
mod mishaps;
mod more;
mod people;
mod plan;
mod report;
mod trader;

pub use plan::Scenario;
pub use report::Report;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use protocol::cose::Algorithm;
use protocol::terminal::EnrolmentTicket;
use tokio::task::JoinSet;

use crate::address::Address;
use crate::card::Card;
use crate::clock;
use crate::corporate::Corporate;
use crate::desk::Desk;
use crate::error::Error;
use crate::faults::FaultPlan;
use crate::holder::Holders;
use crate::oracle::{Oracle, Programme};
use crate::people::Person;
use crate::rng::Rng;
use crate::terminal::Terminal;
use crate::till::{SharedOracle, Till};
use deck::Deck;
use errands::{DeskBook, DeskOffice, look_at_cards};
use report::Tally;
use trader::Trader;

/// Of a thousand value messages, how many meet a fault of the network when faults are on.
const FAULTS_PER_MILLE: u64 = 60;
/// Time after which a mistyped card is forgiven by the guessing defence, with room to spare.
const MISTAKE_PAUSE: Duration = Duration::from_secs(4);
/// The same for all terminals together.
const SHARED_MISTAKE_PAUSE: Duration = Duration::from_millis(500);

/// What kind of shop.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the gateway is.
    pub address: Address,
    /// Where each terminal has its directory. A shop that finds its directories goes on from there.
    pub state: PathBuf,
    /// Cards that were issued to this shop alone.
    pub cards: Vec<Card>,
    /// Those of them that are corporate accounts, bound to one, or of another product than the standard one.
    pub corporate: Vec<Corporate>,
    /// Who was admitted to this shop alone; needed when the programme asks for cashiers or supervisors.
    pub people: Vec<Person>,
    /// Terminals; those without a directory are enrolled.
    pub enrolments: Vec<EnrolmentTicket>,
    /// What is drawn follows from it.
    pub seed: u64,
    /// How many acts to begin.
    pub transactions: u64,
    /// Break connections on purpose.
    pub faults: bool,
    /// A directory for the receipt file of every final answer.
    pub receipts: Option<PathBuf>,
    /// How long a terminal tries to reach the gateway before it gives up.
    pub patience: Duration,
}

/// What the traders share.
pub(crate) struct Shared {
    oracle: SharedOracle,
    deck: Mutex<Deck>,
    desk: Option<DeskOffice>,
    people: Vec<Person>,
    terminals: usize,
    left: AtomicU64,
    stopped: AtomicBool,
    tally: Mutex<Tally>,
    mistake_pause: Duration,
}

/// Trades until all is done, resolves what is open, and compares every card. An error means that there is no account to
/// give: the environment failed. Broken promises are in the report.
pub async fn run(options: Options) -> Result<Report, Error> {
    run_by(options, Programme::default()).await
}

/// [`run`] with a gateway that has this programme in force: what it switches on is traded too.
pub async fn run_by(options: Options, programme: Programme) -> Result<Report, Error> {
    run_at(options, programme, None).await
}

/// [`run_by`] with operators at a desk, who replace, merge, stop, extend, bind and unbind cards while terminals trade with
/// them, and, when there are two, put money and points on them or take points off, unlock PINs and take them away. Some of
/// the cards wait there to take the place of lost ones.
pub async fn run_at(
    options: Options,
    programme: Programme,
    desk: Option<Arc<dyn Desk>>,
) -> Result<Report, Error> {
    let started = clock::now();
    let oracle = SharedOracle::new(Mutex::new(Oracle::of(programme)));
    let (tills, book) = open_tills(&options, &oracle).await?;
    let shared =
        Arc::new(Shared::new(&options, oracle.clone(), desk.map(|desk| DeskOffice::new(desk, book))));
    shared.tally().settled_before = shared.oracle().settled();
    let mut tasks = JoinSet::new();
    for (number, till) in tills.into_iter().enumerate() {
        let rng = Rng::stream(options.seed, till.terminal.id().as_str());
        let trader = Trader::new(till, rng, shared.clone(), number);
        tasks.spawn(trader.run());
    }
    let stop = shared.clone();
    let on_signal = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stop.stopped.store(true, Ordering::Relaxed);
        }
    });
    let mut tills = Vec::new();
    while let Some(finished) = tasks.join_next().await {
        tills.push(finished.map_err(|error| Error::Usage(format!("a trader failed: {error}")))?);
    }
    on_signal.abort();
    check_cards(&options.cards, tills, &shared).await?;
    look_at_cards(&options.cards, &shared).await?;
    let tally = shared.tally().clone();
    let mut oracle = oracle.lock().unwrap_or_else(PoisonError::into_inner);
    oracle.check_citations();
    Ok(Report::new(&options, &oracle, tally, clock::now() - started))
}

/// Opens the terminals that are there and enrols the others.
async fn open_tills(options: &Options, oracle: &SharedOracle) -> Result<(Vec<Till>, DeskBook), Error> {
    if let Some(receipts) = &options.receipts {
        std::fs::create_dir_all(receipts).map_err(Error::file(receipts))?;
    }
    let book = || -> MutexGuard<'_, Oracle> { oracle.lock().unwrap_or_else(PoisonError::into_inner) };
    options.cards.iter().for_each(|card| book().issue(card.reference));
    book().put_into_use(&options.corporate)?;
    book().replay();
    let errands = DeskBook::open(&options.state, &mut book())?;
    let directory = |ticket: &EnrolmentTicket| options.state.join(ticket.terminal.as_str());
    let (known, new): (Vec<_>, Vec<_>) =
        options.enrolments.iter().partition(|ticket| Terminal::exists(&directory(ticket)));
    let mut tills = Vec::new();
    for ticket in known {
        tills.push(Till::open(&directory(ticket), options.address.clone(), oracle.clone())?);
    }
    book().replayed();
    for (number, ticket) in new.into_iter().enumerate() {
        let algorithm = if number % 2 == 0 { Algorithm::Es256 } else { Algorithm::EdDsa };
        let (directory, address) = (directory(ticket), options.address.clone());
        let patience = options.patience;
        let terminal = Terminal::enrol_within(&directory, address, ticket, algorithm, patience).await?;
        tills.push(Till::new(terminal, &directory, oracle.clone())?);
    }
    if tills.is_empty() {
        return Err(Error::Usage("a shop needs at least one terminal".into()));
    }
    let cashiers: Vec<&Person> = options.people.iter().filter(|one| !one.supervisor).collect();
    for (number, till) in tills.iter_mut().enumerate() {
        if let Some(cashier) = number.checked_rem(cashiers.len()).and_then(|at| cashiers.get(at)) {
            till.terminal.details.cashier = Some(cashier.name);
            till.terminal.cashier = Some((cashier.name, cashier.pin.clone()));
        }
        till.terminal.patience = options.patience;
        till.holders = Holders::of(&options.cards);
        till.receipts.clone_from(&options.receipts);
        if options.faults {
            let rng = Rng::stream(options.seed, &format!("faults {}", till.terminal.id()));
            till.terminal.faults = FaultPlan::seeded(rng, FAULTS_PER_MILLE);
        }
    }
    Ok((tills, errands))
}

/// Asks for the balances of all cards, each terminal for its part of them.
async fn check_cards(cards: &[Card], tills: Vec<Till>, shared: &Arc<Shared>) -> Result<(), Error> {
    let share = cards.len().div_ceil(tills.len().max(1)).max(1);
    let mut parts = cards.chunks(share).map(<[Card]>::to_vec);
    let mut tasks = JoinSet::new();
    for mut till in tills {
        let (part, shared) = (parts.next().unwrap_or_default(), shared.clone());
        tasks.spawn(async move {
            for card in part {
                let agreed = till.inquire(&card).await;
                match agreed {
                    Ok(agreed) => shared.tally().checked(agreed),
                    Err(error) => match error.broken_promise() {
                        Some(broken) => shared.tally().broken(&broken),
                        None => return Err(error),
                    },
                }
            }
            till.terminal.sign_off().await
        });
    }
    while let Some(finished) = tasks.join_next().await {
        let result = finished.map_err(|error| Error::Usage(format!("a terminal failed: {error}")))?;
        if let Err(error) = result {
            shared.tally().failed(&error);
        }
    }
    Ok(())
}

impl Shared {
    fn new(options: &Options, oracle: SharedOracle, desk: Option<DeskOffice>) -> Self {
        let deck = {
            let book = oracle.lock().unwrap_or_else(PoisonError::into_inner);
            Deck::new(&options.cards, &options.corporate, &book, desk.is_some())
        };
        let terminals = u32::try_from(options.enrolments.len()).unwrap_or(u32::MAX);
        Shared {
            oracle,
            deck: Mutex::new(deck),
            desk,
            people: options.people.clone(),
            terminals: options.enrolments.len(),
            left: AtomicU64::new(options.transactions),
            stopped: AtomicBool::new(false),
            tally: Mutex::default(),
            mistake_pause: MISTAKE_PAUSE.max(SHARED_MISTAKE_PAUSE.saturating_mul(terminals)),
        }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.oracle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more act is to be begun.
    fn take_turn(&self) -> bool {
        let one_less = |left: u64| left.checked_sub(1);
        !self.stopped.load(Ordering::Relaxed)
            && self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
    }

    /// Who has which card. Hold it briefly, and never while taking the oracle.
    fn deck(&self) -> MutexGuard<'_, Deck> {
        self.deck.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets one mistake pass at a time.
#[derive(Debug)]
pub(crate) struct MistakePause {
    next: Instant,
    pause: Duration,
}

impl MistakePause {
    fn new(pause: Duration) -> Self {
        MistakePause { next: clock::now(), pause }
    }

    fn is_over(&mut self) -> bool {
        let now = clock::now();
        let over = now >= self.next;
        if over {
            self.next = now + self.pause;
        }
        over
    }
}
