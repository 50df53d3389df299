//! `terminal-sim register` and `terminal-sim kiosk`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use protocol::cose::Algorithm;
use protocol::field::Role;
use terminal_sim::keyboard::{self, Options, Played, Style};
use terminal_sim::terminal::parse_algorithm;
use terminal_sim::{Error, card, enrolment};

use super::{Ending, Gateway};

#[derive(Args)]
#[command(after_help = "Example:
  gateway card issue --count 5 --json > cards.json
  terminal-sim register --gateway 127.0.0.1:7400 --state shop/T0001 --cards cards.json \\
      --enrolment svgp1:T0001:7K3QZ9XW2M4RT8VNB6HD:5f1c...      # the first time
  terminal-sim register --gateway 127.0.0.1:7400 --state shop/T0001 --cards cards.json
  terminal-sim kiosk --gateway 127.0.0.1:7400 --state shop/K0001 --cards cards.json --script day.txt

A script, from a file or from a pipe, has one command a line; help lists them, a line that begins with # is a remark:
  card 1
  activate
  load 100.00 qr
  sale 12.50
  # the last answer must be this, or the script ends here
  expect 00
  sale 900.00
  expect 51
  receipt 3
  close

PINs are typed with sign-on, pin, change-pin and supervisor; they go to the gateway with the next message, and are never
printed or written down. While the gateway is away a register sells within its grant, if it has one (offline says what is
left), and a kiosk prints claims (cash-taken); both wait in --state and go out first when the gateway is back. --state is for
one process at a time.

What the terminal has sent and not had answered is in --state; the next start sends it again before anything else, and says
what came of it. Receipts are kept in --state/receipts. With --json each thing said is one JSON object on a line of its own,
with amounts in minor units.

Exit code 0: every line was understood and answered (a decline is an answer). A script ends at the first line that goes
wrong, with 2: not understood, wrong usage, or a file cannot be read; 3: no answer; 4: not the answer that `expect` names.
Exit code 1: the gateway broke a promise.")]
pub(super) struct Arguments {
    #[command(flatten)]
    gateway: Gateway,
    /// The terminal's directory: its key, its state, its receipts
    #[arg(long, visible_alias = "terminal", value_name = "DIR")]
    state: PathBuf,
    /// The string that `gateway terminal enroll` printed; a terminal that is in --state already is not enrolled again
    #[arg(long, value_name = "STRING")]
    enrolment: Option<String>,
    /// The algorithm of the terminal's key, when it is enrolled: es256 or ed25519
    #[arg(long, default_value = "es256", value_parser = parse_algorithm)]
    algorithm: Algorithm,
    /// What `gateway card issue --json` printed: `card 1` takes its first card
    #[arg(long, value_name = "FILE")]
    cards: Option<PathBuf>,
    /// Read the commands from this file instead of the keyboard
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Send nothing that reaches the ledger: sale and load are quotes, and their receipts say TRAINING
    #[arg(long)]
    training: bool,
    /// How many seconds to try to reach the gateway before there is no answer
    #[arg(long, default_value_t = 30)]
    patience: u64,
}

pub(super) async fn run(arguments: Arguments, role: Role, json: bool) -> Result<Ending, Error> {
    let options = Options {
        address: arguments.gateway.address()?,
        state: arguments.state,
        enrolment: arguments.enrolment.as_deref().map(enrolment::parse).transpose()?,
        algorithm: arguments.algorithm,
        role,
        cards: arguments.cards.as_deref().map(card::read_file).transpose()?.unwrap_or_default(),
        training: arguments.training,
        patience: Duration::from_secs(arguments.patience),
    };
    let person = arguments.script.is_none() && io::stdin().is_terminal();
    let style = Style { json, script: !person, prompt: person && !json };
    let input: Box<dyn BufRead> = match arguments.script {
        Some(path) => {
            let opened = File::open(&path);
            Box::new(BufReader::new(opened.map_err(|source| Error::File { path, source })?))
        }
        // Not locked: the lock could not be held while the terminal waits for the gateway.
        None => Box::new(BufReader::new(io::stdin())),
    };
    let played = keyboard::play(options, style, input.lines(), &mut io::stdout()).await?;
    Ok(match played {
        Played::Right => Ending::Right,
        Played::NotUnderstood => Ending::Unfinished,
        Played::NoAnswer => Ending::Unanswered,
        Played::NotAsExpected => Ending::Unexpected,
    })
}
