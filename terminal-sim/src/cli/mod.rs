//! The command line. Exit code 0: all is right; 1: a promise was broken; 2: wrong usage, or the environment failed. A script
//! for `register` or `kiosk` has two more: 3: no answer; 4: not the answer that it expects.

mod enroll;
mod keyboard;
mod load;
mod shop;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use protocol::field::Role;
use serde::Serialize;

use terminal_sim::{Address, Error};

const BROKEN: u8 = 1;
const FAILED: u8 = 2;
const UNANSWERED: u8 = 3;
const UNEXPECTED: u8 = 4;
const SHOP_THREADS: usize = 16;

#[derive(Parser)]
#[command(
    name = "terminal-sim",
    version,
    about = "Registers and top-up kiosks that trade with a gateway, and check it"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Enrol one terminal
    Enroll(enroll::Arguments),
    /// Trade with many terminals at once, and compare everything with an oracle
    Shop(shop::Arguments),
    /// Measure throughput and latency
    Load(load::Arguments),
    /// Play a register from the keyboard, or from a script
    Register(keyboard::Arguments),
    /// Play a top-up kiosk from the keyboard, or from a script
    Kiosk(keyboard::Arguments),
}

/// Where the gateway is.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Gateway {
    /// The gateway's address
    #[arg(long = "gateway", visible_alias = "address", value_name = "HOST:PORT")]
    address: Option<String>,
    /// A JSON file with a `listen` key, such as the first line that `gateway serve --json` prints; read again before
    /// each connection
    #[arg(long = "gateway-file", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl Gateway {
    fn address(self) -> Result<Address, Error> {
        match (self.address, self.file) {
            (Some(address), _) => Ok(Address::Fixed(address)),
            (None, Some(file)) => Ok(Address::File(file)),
            (None, None) => Err(Error::Usage("--gateway or --gateway-file is needed".into())),
        }
    }
}

/// How a command ended.
enum Ending {
    Right,
    Broken,
    Unfinished,
    Unanswered,
    Unexpected,
}

/// Runs the command line.
pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let shown = error.print();
            let asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if asked_for && shown.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) };
        }
    };
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if matches!(cli.command, Command::Shop(_)) {
        // Terminals of a shop wait for their disks, each on its thread.
        runtime.worker_threads(SHOP_THREADS);
    }
    let runtime = match runtime.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("terminal-sim: no runtime: {error}");
            return ExitCode::from(FAILED);
        }
    };
    let json = cli.json;
    let result = runtime.block_on(async {
        match cli.command {
            Command::Enroll(arguments) => enroll::run(arguments, json).await,
            Command::Shop(arguments) => shop::run(arguments, json).await,
            Command::Load(arguments) => load::run(arguments, json).await,
            Command::Register(arguments) => keyboard::run(arguments, Role::REGISTER, json).await,
            Command::Kiosk(arguments) => keyboard::run(arguments, Role::KIOSK, json).await,
        }
    });
    match result {
        Ok(Ending::Right) => ExitCode::SUCCESS,
        Ok(Ending::Broken) => ExitCode::from(BROKEN),
        Ok(Ending::Unfinished) => ExitCode::from(FAILED),
        Ok(Ending::Unanswered) => ExitCode::from(UNANSWERED),
        Ok(Ending::Unexpected) => ExitCode::from(UNEXPECTED),
        Err(error) => {
            let broken = matches!(error, Error::Broken(_));
            let text = format!("{:#}", anyhow::Error::new(error));
            eprintln!("terminal-sim: {text}");
            if json {
                println!("{}", serde_json::json!({ "error": text, "broken_promise": broken }));
            }
            ExitCode::from(if broken { BROKEN } else { FAILED })
        }
    }
}

/// Prints a result as text or as JSON.
fn show<T: Serialize + std::fmt::Display>(result: &T, json: bool) -> Result<(), Error> {
    if json {
        let text = serde_json::to_string_pretty(result).map_err(|error| Error::Usage(error.to_string()))?;
        println!("{text}");
    } else {
        print!("{result}");
    }
    Ok(())
}
