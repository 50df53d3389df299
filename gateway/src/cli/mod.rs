//! The command line.

// Before all others, whose printing it is.
#[macro_use]
mod out;

mod alerts;
mod archive;
mod day;
mod exceptions;
mod export;
mod filed;
mod finance_report;
mod journal;
mod leaderboard;
mod member;
mod operate;
mod programme;
mod reconcile;
mod report;
mod serve;
mod show;
mod transaction;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::keys::DataDir;

/// Stored value and loyalty for card terminals.
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "Examples:
  gateway serve                                  start; everything it needs is made in ./data
  gateway terminal enroll --id T0001             print the string that a terminal enrols with
  gateway card issue --count 10                  print ten new cards, once
  gateway journal verify                         check every entry, seal, signature and balance
  gateway day close --out days                   close the business day, and print what a manager files
  gateway export --day 2026-11-21 --out day        what finance needs of a day, signed

Exit codes: 0 done, 1 refused or something does not hold, 2 wrong usage, 3 in doubt (start again and look)."
)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
pub struct Common {
    /// Data directory.
    #[arg(long, global = true, default_value = "data", value_name = "DIR")]
    data: PathBuf,
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    json: bool,
    /// Operator who signs acts; needs DIR/keys/operator-NAME.p8.
    #[arg(long, global = true, default_value = "owner", value_name = "NAME")]
    operator: String,
}

impl Common {
    fn directory(&self) -> DataDir {
        DataDir(self.data.clone())
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the gateway.
    #[command(after_help = "Examples:
  gateway serve
  gateway serve --data /var/lib/gateway --listen 0.0.0.0:7400
  gateway serve --listen 127.0.0.1:0 --json      print the chosen port as JSON on the first line

The first start makes the data directory, the gateway's key, the owner's key, the database and the default programme.
SIGTERM or Ctrl-C: open requests are answered, then it ends.")]
    Serve {
        /// Where terminals connect [default: 127.0.0.1:7400, or what the configuration says].
        #[arg(long, value_name = "ADDR")]
        listen: Option<SocketAddr>,
        /// Configuration file [default: DIR/gateway.toml, if there is one].
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// How the serving gateway is: journal head, business date, whether it takes money.
    Status,
    /// Terminals: enrol, show, suspend, resume, revoke.
    #[command(subcommand)]
    Terminal(Terminal),
    /// Cards: issue, show, block, unblock, replace, merge, refund, adjust, PIN, extend, bind to a corporate account.
    #[command(subcommand)]
    Card(Card),
    /// Activities: award one to the cards of a list.
    #[command(subcommand)]
    Award(Awards),
    /// People at the till: add cashiers and supervisors, list them, give a new PIN, end.
    #[command(subcommand)]
    Cashier(CashierCommand),
    /// Members: personal data, reports, what they are worth, tags, tiers that partners honour.
    #[command(subcommand)]
    Member(member::Member),
    /// Entitlements of members: what was promised and what was delivered.
    #[command(subcommand)]
    Entitlements(report::Entitlements),
    /// Operators: add, list, revoke.
    #[command(subcommand)]
    Operator(Operator),
    /// The programme: check a file, compare, put it in force now or at a time, show and list versions.
    #[command(subcommand)]
    Programme(programme::Command),
    /// Alerts: what was unusual, by the lines that the programme draws.
    Alerts(alerts::Span),
    /// Leaderboards: who is where, with masked references.
    Leaderboard(leaderboard::Board),
    /// The business day: show its settlement, close it.
    #[command(subcommand)]
    Day(day::Day),
    /// Acts that two people must sign: list those that wait, confirm one.
    #[command(subcommand)]
    Act(Acts),
    /// What people have to look into: cash that was not credited, differences, offline shortfalls.
    #[command(subcommand)]
    Exception(Exceptions),
    /// Sales that terminals approved while the gateway was away.
    #[command(subcommand)]
    Advice(Advices),
    /// The machine's clock: vouch for it after it jumped.
    #[command(subcommand)]
    Clock(Clock),
    /// The journal: verify it, export it.
    #[command(subcommand)]
    Journal(Journal),
    /// Transactions: explain one, from the journal.
    #[command(subcommand)]
    Transaction(transaction::Transaction),
    /// Receipts: verify one, offline.
    #[command(subcommand)]
    Receipt(Receipt),
    /// Copy the data directory, also while the gateway serves, and verify the copy.
    #[command(after_help = "Example:
  gateway backup --out /media/usb/backup-2026-11-21

The copy holds the private keys: keep it as safe as the original.")]
    Backup {
        /// A directory that does not exist yet.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Let old days leave the database for a file that proves itself; list the files, check one alone.
    #[command(after_help = "Examples:
  gateway archive --before 2026-10-01 --dry-run  what would go
  gateway archive --before 2026-10-01
  gateway archive list
  gateway archive verify data/archive/000001.svga --key gateway.pem

The days before DATE go, from the journal's beginning, when they are closed and older than the 35
days for which terminals keep their requests. The gateway serves meanwhile. Whatever asks for an
entry finds it as before, in DIR/archive: leave the files there. A run that was ended is taken up
by the same command. FINANCE.md says more (Retention).")]
    Archive(archive::Archive),
    /// Write a period for finance, with a signed manifest; check what was written.
    #[command(after_help = "Examples:
  gateway export --day 2026-11-21 --out day-2026-11-21
  gateway export --from 2026-11-01 --to 2026-11-30 --format csv,hledger,beancount --out november
  gateway export --from 2026-11-01 --to 2026-11-30 --store S001 --accounts accounts.toml --out november-S001
  gateway export key > gateway.pem
  gateway export verify october november --key gateway.pem

Dates are business dates. The directory appears whole or not at all. FINANCE.md explains the files and how to import them.")]
    Export(export::Export),
    /// Compare a bank's or payment provider's statement with what loads took and what was paid out again, by tender.
    #[command(after_help = "Examples:
  gateway reconcile --print-map > wallet.toml      every key of a map explained: fit it to your file
  gateway reconcile --statement wallet.csv --map wallet.toml --from 2026-11-01 --to 2026-11-30
  gateway reconcile --statement wallet.csv --map wallet.toml --json > wallet.json

Payments are found by the reference that the till wrote with the tender, the others by amount
and day where that is beyond doubt. A pair belongs to the day of the payment here.
Exit codes: 0 all of it matches; 1 something does not, or cannot be read, or one reference stands
for several payments; 2 wrong usage; 3 there was nothing to compare on either side.
FINANCE.md explains the lists.")]
    Reconcile(reconcile::Reconcile),
    /// Reports for finance: what is owed, between stores, what bonuses cost, what expired, what is out of the ordinary.
    #[command(subcommand)]
    Report(finance_report::Report),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleArgument {
    Register,
    Kiosk,
}

#[derive(Debug, Subcommand)]
enum Terminal {
    /// Print a one-time enrolment string; for a new terminal, or a new generation of an old one.
    #[command(after_help = "Examples:
  gateway terminal enroll --id T0001
  gateway terminal enroll --id K0001 --role kiosk --store S002 --max-load 1000.00")]
    Enroll {
        /// Terminal id: 1 to 16 of A-Z and 0-9.
        #[arg(long)]
        id: String,
        #[arg(long, value_enum, default_value = "register")]
        role: RoleArgument,
        /// [default: what the configuration says]
        #[arg(long)]
        merchant: Option<String>,
        /// [default: what the configuration says]
        #[arg(long)]
        store: Option<String>,
        /// Largest single load.
        #[arg(long, default_value = "5000.00", value_name = "AMOUNT")]
        max_load: String,
        /// Largest single purchase.
        #[arg(long, default_value = "50000.00", value_name = "AMOUNT")]
        max_purchase: String,
        /// Largest single refund.
        #[arg(long, default_value = "5000.00", value_name = "AMOUNT")]
        max_refund: String,
    },
    /// List all terminals.
    List,
    /// Show one terminal.
    Show {
        #[arg(long)]
        id: String,
    },
    /// Stop a terminal from its next frame on.
    Suspend {
        #[arg(long)]
        id: String,
    },
    /// Let a suspended terminal trade again.
    Resume {
        #[arg(long)]
        id: String,
    },
    /// End a terminal's enrolment.
    Revoke {
        #[arg(long)]
        id: String,
    },
}

#[derive(Debug, Subcommand)]
enum Card {
    /// Make cards; reference and secret are printed this once.
    #[command(after_help = "Examples:
  gateway card issue --count 100 --json > cards.json
  gateway card issue --product standard --count 1")]
    Issue {
        /// Product of the programme in force.
        #[arg(long, default_value = "standard")]
        product: String,
        #[arg(long, value_name = "N")]
        count: u32,
    },
    /// Show a card's state, balances and lots.
    Show {
        #[arg(long, value_name = "REFERENCE")]
        card: u64,
    },
    /// Stop a card; its value stays.
    Block {
        #[arg(long, value_name = "REFERENCE")]
        card: u64,
        #[arg(long)]
        reason: String,
    },
    /// Let a new card take the place of a lost or worn one, with everything that it holds.
    #[command(after_help = "Example:
  gateway card issue --count 1
  gateway card replace --card 9000000000000014 --by 9000000000000022 --reason lost

The old card answers \"replaced\" (46) from then on; refunds and captures of its transactions reach the new one.")]
    Replace {
        #[arg(long, value_name = "REFERENCE")]
        card: u64,
        /// A card that was issued and never activated.
        #[arg(long, value_name = "REFERENCE")]
        by: u64,
        #[arg(long)]
        reason: String,
    },
    /// Let a card in use take over everything that another one holds.
    Merge {
        /// The card that ends.
        #[arg(long, value_name = "REFERENCE")]
        card: u64,
        /// The card that goes on.
        #[arg(long, value_name = "REFERENCE")]
        into: u64,
        #[arg(long)]
        reason: String,
    },
    /// Put money back on a card without a sale to refund; a second operator must confirm it.
    #[command(after_help = "Example:
  gateway card refund --card 9000000000000014 --amount 12.50 --reason 'no receipt' --operator ann
  gateway act confirm --number 1 --operator bob")]
    Refund {
        #[arg(long, value_name = "REFERENCE")]
        card: u64,
        #[arg(long)]
        amount: String,
        #[arg(long)]
        reason: String,
    },
    /// Give points that were not given, or take back such that were given wrongly; a second operator must confirm it.
    #[command(after_help = "Examples:
  gateway card adjust --card 9000000000000014 --kind ordinary --points 100 --reason 'spring talk' --operator ann
  gateway card adjust --card 9000000000000014 --kind ordinary --points=-50 --reason 'given twice' --operator ann
  gateway act confirm --number 1 --operator bob")]
    Adjust {
        #[arg(long, value_name = "REFERENCE")]
        card: u64,
        /// "ordinary" or "courtesy" points.
        #[arg(long, default_value = "ordinary")]
        kind: String,
        /// How many; below zero to take them back.
        #[arg(long, allow_hyphen_values = true)]
        points: i64,
        #[arg(long)]
        reason: String,
    },
    /// Unlock a card's PIN after too many wrong ones, or take it away; a second operator must confirm it.
    #[command(after_help = "Examples:
  gateway card pin --card 9000000000000014 --reason 'showed a passport' --operator ann
  gateway card pin --card 9000000000000014 --clear --reason forgotten --operator ann
  gateway act confirm --number 1 --operator bob")]
    Pin {
        #[arg(long, value_name = "REFERENCE")]
        card: u64,
        /// Take the PIN away; the holder sets another at a terminal.
        #[arg(long)]
        clear: bool,
        #[arg(long)]
        reason: String,
    },
    /// Let a card that ends by time be accepted for longer.
    Extend {
        #[arg(long, value_name = "REFERENCE")]
        card: u64,
        /// From its end, or from today when that is over: 1 to 120.
        #[arg(long, value_name = "N")]
        months: u16,
    },
    /// Let a card spend a corporate account's money; its points stay its own.
    #[command(after_help = "Example:
  gateway card bind --card 9000000000000014 --account 9000000000000022 --per-month 2000.00

The account is an active card of a product that says `account = true`; the card must hold no money of its own.
What it may spend is limited by this, and by its product's `daily` and `monthly`. Binding again changes it.")]
    Bind {
        #[arg(long, value_name = "REFERENCE")]
        card: u64,
        #[arg(long, value_name = "REFERENCE")]
        account: u64,
        /// Most that it may spend of the account's money in a business day.
        #[arg(long, value_name = "AMOUNT")]
        per_day: Option<String>,
        /// Most in a calendar month.
        #[arg(long, value_name = "AMOUNT")]
        per_month: Option<String>,
    },
    /// Let a bound card spend its own money again.
    Unbind {
        #[arg(long, value_name = "REFERENCE")]
        card: u64,
    },
    /// Let a blocked card be used again.
    Unblock {
        #[arg(long, value_name = "REFERENCE")]
        card: u64,
    },
}

#[derive(Debug, Subcommand)]
enum CashierCommand {
    /// Admit a cashier or supervisor; the PIN is printed this once.
    #[command(after_help = "Examples:
  gateway cashier add --name amy
  gateway cashier add --name lin --supervisor --store S001

Whether a till needs cashiers who are signed on, and what needs a supervisor, is said by [till] in the programme.")]
    Add {
        /// 1 to 16 letters, digits or -_.:/ ; what terminals send as the cashier.
        #[arg(long)]
        name: String,
        /// May allow what a cashier alone may not.
        #[arg(long)]
        supervisor: bool,
        /// The one store where they work [default: every store of the merchant].
        #[arg(long)]
        store: Option<String>,
    },
    /// Print a new PIN for one who has forgotten it, or is locked after too many wrong ones.
    Pin {
        #[arg(long)]
        name: String,
    },
    /// End a cashier.
    End {
        #[arg(long)]
        name: String,
    },
    /// List cashiers and supervisors.
    List,
}

#[derive(Debug, Subcommand)]
enum Operator {
    /// Make an operator's key in DIR/keys and admit it.
    #[command(
        after_help = "The first operator may add the second alone. Whom one person alone adds after that may act at once, but be neither
of the two who sign what needs two people until 72 hours are over, and is on the list of exceptions meanwhile; whom
two people add need not wait.

Examples:
  gateway operator add --name ann                the second: alone
  gateway operator add --name bob --by-two       proposed by owner ...
  gateway act confirm --number 1 --operator ann  ... and confirmed by ann: bob may sign with either at once
  gateway operator add --name eve                alone: a lost colleague's place is taken in three days"
    )]
    Add {
        #[arg(long)]
        name: String,
        /// Propose it to a second operator; without this one person adds it.
        #[arg(long)]
        by_two: bool,
    },
    /// List operators.
    List,
    /// End an operator's right to act; one signature is enough.
    Revoke {
        #[arg(long)]
        name: String,
    },
}

#[derive(Debug, Subcommand)]
enum Acts {
    /// List acts that wait for a second person.
    List,
    /// Sign a waiting act as its second person; it is recorded then.
    #[command(after_help = "Examples:
  gateway card refund --card 9000000000000014 --amount 12.50 --reason 'no receipt' --operator ann
  gateway act list
  gateway act confirm --number 1 --operator bob")]
    Confirm {
        #[arg(long, value_name = "N")]
        number: u32,
    },
}

#[derive(Debug, Subcommand)]
enum Exceptions {
    /// List those that are open, the newest first.
    List {
        /// Those that are settled, too.
        #[arg(long)]
        all: bool,
    },
    /// Settle one; a second operator must confirm it.
    #[command(after_help = "Examples:
  gateway exception list
  gateway exception settle 57 --card 9000000000000014 --reason 'claim K0001-1-57' --operator ann
  gateway exception settle 58 --paid-out --reason 'cash given back' --operator ann
  gateway exception settle 59 --write-off --reason 'card is empty' --operator ann
  gateway act confirm --number 1 --operator bob

Cash that was taken is credited to a card or was paid out again; an offline shortfall is written off; a difference of
totals, what was reversed late or too late, and an operator whom one person added are explained. Where another claim for
the same load is settled, say with --another-note that these are two notes.")]
    Settle {
        /// Its reference in the list.
        reference: u64,
        #[command(flatten)]
        way: Way,
        #[arg(long)]
        reason: String,
        /// The cash is not that of another claim for the same load, which is settled.
        #[arg(long)]
        another_note: bool,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Way {
    /// Credit the cash to this card, without a bonus.
    #[arg(long, value_name = "REFERENCE")]
    card: Option<u64>,
    /// The cash was given back.
    #[arg(long)]
    paid_out: bool,
    /// The shortfall will not be paid.
    #[arg(long)]
    write_off: bool,
    /// There is no money to move.
    #[arg(long)]
    explained: bool,
}

#[derive(Debug, Subcommand)]
enum Awards {
    /// Award an activity to every card of a list, or to none; a second operator must confirm it.
    #[command(after_help = "Example:
  gateway award import visitors.csv --activity talk-visit --operator ann
  sha256sum visitors.csv                         the second operator compares it with what `act list` says
  gateway act confirm --number 1 --operator bob

A line of the file is a card and a quantity: 9000000000000014,1. Nothing is recorded before the second operator has confirmed
it; a list with a card that cannot have the award is refused at once. The same file comes in once.")]
    Import {
        file: PathBuf,
        #[arg(long, value_name = "CODE")]
        activity: String,
    },
}

#[derive(Debug, Subcommand)]
enum Advices {
    /// Take in the queue of a terminal that cannot send it any more; a second operator must confirm it.
    #[command(after_help = "Example:
  gateway advice import queue.hex --terminal T0001 --operator ann
  sha256sum queue.hex                            the second operator compares it with what `act list` says
  gateway act confirm --number 1 --operator bob

The file has the terminal's signed Advices as they would go over the wire: each a line of hex, or one CBOR sequence. They
must be of the terminal's last enrolment: import them before it is enrolled again. What came in before is not booked twice.")]
    Import {
        file: PathBuf,
        /// Whose they are.
        #[arg(long, value_name = "TID")]
        terminal: String,
    },
}

#[derive(Debug, Subcommand)]
enum Clock {
    /// Say that the machine's clock is right, so that what waits for a time goes on.
    #[command(after_help = "Example:
  date && gateway status && gateway clock confirm

The gateway does not follow a clock that is over a day from its journal: not after a flat battery, and not after a long
holiday either, until most terminals, or this command, agree with it. It shows its own time in `gateway status`.
Time in the journal never goes back, so look twice before you confirm a date in the future.")]
    Confirm,
}

#[derive(Debug, Subcommand)]
enum Journal {
    /// Check ledger, chain, seals, signatures, balances against replay, and anchors.
    #[command(after_help = "Examples:
  gateway journal verify
  gateway journal verify --anchors /media/usb/anchors.log --json")]
    Verify {
        /// Anchor file [default: the configured one].
        #[arg(long, value_name = "FILE")]
        anchors: Option<PathBuf>,
    },
    /// Write the whole journal into one self-contained file.
    Export {
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum Receipt {
    /// Check a receipt file against the gateway's public key.
    Verify {
        file: PathBuf,
        /// SubjectPublicKeyInfo of the gateway, in hex [default: the key in DIR].
        #[arg(long, value_name = "HEX")]
        key: Option<String>,
    },
}

/// Runs a command line, the program's name first; the exit code says what happened.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> ExitCode {
    out::ended(command(arguments))
}

fn command(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(member::signed_tags(arguments)) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors and go to standard output.
            out::came_to(error.print());
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let common = &cli.common;
    let done = match cli.command {
        Command::Serve { listen, config } => return serve::serve(common, listen, config.as_deref()),
        Command::Status => operate::status(common),
        Command::Terminal(command) => operate::terminal(common, command),
        Command::Card(command) => operate::card(common, command),
        Command::Cashier(command) => operate::cashier(common, command),
        Command::Member(command) => member::member(common, command),
        Command::Entitlements(command) => report::entitlements(common, command),
        Command::Operator(command) => operate::operator(common, command),
        Command::Programme(command) => programme::programme(common, command),
        Command::Alerts(span) => Ok(alerts::told(common, &span)),
        Command::Leaderboard(wanted) => leaderboard::leaderboard(common, &wanted),
        Command::Day(command) => day::day(common, command),
        Command::Act(command) => operate::act(common, command),
        Command::Exception(command) => exceptions::exception(common, command),
        Command::Advice(command) => exceptions::advice(common, command),
        Command::Award(command) => operate::award(common, command),
        Command::Clock(Clock::Confirm) => operate::confirm_clock(common),
        Command::Journal(Journal::Verify { anchors }) => journal::verify_journal(common, anchors),
        Command::Journal(Journal::Export { out }) => journal::export_journal(common, &out),
        Command::Transaction(command) => transaction::transaction(common, command),
        Command::Receipt(Receipt::Verify { file, key }) => journal::verify_receipt(common, &file, key),
        Command::Backup { out } => journal::backup(common, &out),
        Command::Archive(arguments) => archive::archive(common, arguments),
        Command::Export(arguments) => export::export(common, arguments),
        Command::Reconcile(asked) => reconcile::reconcile(common, &asked),
        Command::Report(command) => finance_report::report(common, command),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            told(common, &error);
            ExitCode::from(1)
        }
    }
}

/// Says why a command was not done.
fn told(common: &Common, error: &anyhow::Error) {
    if common.json {
        println!("{}", serde_json::json!({ "error": format!("{error:#}") }));
    }
    eprintln!("error: {error:#}");
}
