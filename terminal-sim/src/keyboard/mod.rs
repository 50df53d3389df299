//! One terminal, played from the keyboard: by a person, or by a script whose `expect` lines make it a test.
//!
//! A line is read ([`Command`]), carried out by the [`Keyboard`] with an ordinary [`Terminal`], and what came of it
//! ([`Said`]) is printed. Whatever had no answer is sent again before anything else is begun, after a restart too.

mod advice;
mod books;
mod command;
mod counter;
mod json;
mod later;
mod members;
mod money;
mod offline;
mod paper;
mod parse;
mod print;
mod questions;
mod roll;
mod said;
mod secrets;
mod slip;
mod words;

pub use command::{CardEntry, CardName, Command, Expected};
pub use members::{Joining, Person};
pub use money::Unit;
pub use said::{Claim, Said, ShiftDifferences, ShiftStanding};
pub use slip::{Mark, Shop, Slip};

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use protocol::answer::Quote;
use protocol::cose::Algorithm;
use protocol::field::{EntryMode, Role};
use protocol::request::Body;
use protocol::terminal::EnrolmentTicket;

use crate::address::Address;
use crate::card::Card;
use crate::error::Error;
use crate::terminal::{Details, Terminal, TransactionId};
use roll::Roll;
use secrets::Proof;

/// Which terminal, and how it is played.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the gateway is.
    pub address: Address,
    /// The terminal's directory.
    pub state: PathBuf,
    /// Enrols the terminal if its directory has none yet.
    pub enrolment: Option<EnrolmentTicket>,
    /// The algorithm of the key of a terminal that is enrolled now.
    pub algorithm: Algorithm,
    /// What the terminal must be.
    pub role: Role,
    /// What `card NUMBER` chooses from.
    pub cards: Vec<Card>,
    /// Nothing that reaches the ledger is sent.
    pub training: bool,
    /// How long to wait for the gateway before there is no answer.
    pub patience: Duration,
}

/// How to read and print.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// One JSON object for each command instead of text.
    pub json: bool,
    /// The first line that goes wrong ends it.
    pub script: bool,
    /// Say whose turn it is.
    pub prompt: bool,
}

/// How the playing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Played {
    /// Every line was understood and answered.
    Right,
    /// A line of a script was not understood.
    NotUnderstood,
    /// A line of a script got no answer.
    NoAnswer,
    /// A line of a script expected something else.
    NotAsExpected,
}

/// A terminal with a receipt roll, a card slot and a person.
#[derive(Debug)]
pub struct Keyboard {
    /// The terminal. What is sent past the keyboard is not on its roll.
    pub terminal: Terminal,
    shop: Shop,
    roll: Roll,
    cards: Vec<Card>,
    training: bool,
    card: Option<(Card, EntryMode)>,
    /// Cashier; order of the next transaction.
    details: Details,
    quote: Option<Cited>,
    last: Option<Said>,
    /// The newest approved transaction, which can still be reversed.
    newest: Option<TransactionId>,
    /// What the next message that may have it says beside the card.
    proof: Proof,
    /// The gateway could not be reached when it was last tried.
    away: bool,
}

/// A quote that the next load or sale of the very same names.
#[derive(Debug)]
struct Cited {
    asked: Body,
    /// With the programme's prices.
    prices: bool,
    quote: Quote,
    /// By this machine's clock.
    until: Instant,
}

/// Plays one line after the other until they end, or one says `quit`.
pub async fn play(
    options: Options,
    style: Style,
    lines: impl Iterator<Item = io::Result<String>>,
    out: &mut impl Write,
) -> Result<Played, Error> {
    let printed = |error| Error::file("the output".as_ref())(error);
    let (mut keyboard, said) = match Keyboard::open(options).await {
        Ok(opened) => opened,
        Err(error) => {
            let (code, why) = counter::no_answer(error)?;
            let said = Said::Unanswered { stan: None, code, why };
            write!(out, "{}", unopened(&said, style.json)).map_err(printed)?;
            return Ok(Played::NoAnswer);
        }
    };
    let mut ended = None;
    for one in &said {
        write!(out, "{}", keyboard.show(one, None, style.json)).map_err(printed)?;
        ended = ended.or(wrong(one).filter(|_| style.script));
    }
    let mut lines = lines.zip(1_u64..);
    while ended.is_none() {
        if style.prompt {
            write!(out, "{}> ", keyboard.prompt()).and_then(|()| out.flush()).map_err(printed)?;
        }
        let Some((line, number)) = lines.next() else { break };
        let line = line.map_err(|error| Error::file("the input".as_ref())(error))?;
        for one in keyboard.obey(&line).await? {
            write!(out, "{}", keyboard.show(&one, line.split_whitespace().next(), style.json))
                .map_err(printed)?;
            ended = ended.or(if one == Said::Bye { Some(Played::Right) } else { None });
            if let Some(wrong) = wrong(&one).filter(|_| style.script) {
                ended = Some(wrong);
                if !style.json {
                    writeln!(out, "The script ends at line {number}.").map_err(printed)?;
                }
            }
        }
    }
    out.flush().map_err(printed)?;
    // The terminal has its answers; whether the gateway still hears a farewell changes nothing.
    let _ = keyboard.terminal.sign_off().await;
    Ok(ended.unwrap_or(Played::Right))
}

/// What ends a script.
const fn wrong(said: &Said) -> Option<Played> {
    match said {
        Said::NotUnderstood(_) => Some(Played::NotUnderstood),
        Said::Unanswered { .. } => Some(Played::NoAnswer),
        Said::NotAsExpected(_) => Some(Played::NotAsExpected),
        _ => None,
    }
}

/// What is said by a terminal that was not signed on.
fn unopened(said: &Said, json: bool) -> String {
    let shop = Shop {
        merchant: String::new(),
        store: String::new(),
        terminal: String::new(),
        role: Role::REGISTER,
        unit: Unit { exponent: 2 },
    };
    if json { format!("{}\n", json::object(said, None)) } else { print::text(said, &shop) }
}
