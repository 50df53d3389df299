//! `gateway member`: what is kept of a card's holder, and what the programme makes of the member.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Subcommand;
use serde_json::{Value, json};

use super::Common;
use super::operate::{ask, done, show};
use super::show::{rows, table, text};
use crate::admin::socket::Ask;
use crate::clock::Clock;
use crate::domain::act::Act;
use crate::domain::card::CardReference;
use crate::keys::{PublicKey, SigningKey, fingerprint, from_hex, hex, pem, spki_in};
use crate::statement;

#[derive(Debug, Subcommand)]
pub(super) enum Member {
    /// Show what is kept of a card's holder.
    Show {
        #[arg(long, value_name = "REFERENCE")]
        card: u64,
    },
    /// Report a period of a member, or of all: gathered, spent, expired and owed, progress to the next tiers and the nearest way, what comes.
    #[command(after_help = "Examples:
  gateway member report --period 202612 9000000000000014
  gateway member report --period 2026 9000000000000014 --json
  gateway member report --period 202612 --all --out outbox

With --all it writes outbox/members-202612.jsonl, a line for each member by rising card, in the place of an earlier one and whole:
a messenger may watch that folder. Once the journal goes on after the period, taking it again gives the same bytes. The
columns are in PROGRAMME.md.")]
    Report {
        /// A month (YYYYMM) or a year (YYYY) of business days.
        #[arg(long, value_name = "PERIOD")]
        period: crate::report::Period,
        #[arg(value_name = "CARD", required_unless_present = "all")]
        card: Option<u64>,
        /// Every member.
        #[arg(long, requires = "out", conflicts_with = "card")]
        all: bool,
        /// The folder that the period's file is written into.
        #[arg(long, value_name = "DIR", requires = "all")]
        out: Option<PathBuf>,
    },
    /// Erase what is kept of a card's holder. Card, balances and journal stay as they are.
    #[command(after_help = "Example:
  gateway member erase --card 9000000000000014 --reason 'asked for it'

Copies of members.db in backups are yours to erase.")]
    Erase {
        #[arg(long, value_name = "REFERENCE")]
        card: u64,
        #[arg(long)]
        reason: String,
    },
    /// Say what a member is worth (会员价值), by [member_value] of the programme in force, and what it is made of.
    #[command(after_help = "Examples:
  gateway member value 9000000000000014
  gateway member value 9000000000000014 --curve  the value at the end of each month
  gateway member value 9000000000000014 --json   both, for scripts

Each line of what it is made of is rounded down by itself, the value once over all of them: it may be a little more.")]
    Value {
        /// The member's card.
        #[arg(value_name = "CARD")]
        card: u64,
        /// Show its curve over time.
        #[arg(long)]
        curve: bool,
    },
    /// Tag a member (标签), or take tags away; segments of the programme ask for them.
    #[command(after_help = "Examples:
  gateway member tag 9000000000000014 +vip -sleeper
  gateway member tag 9000000000000014 --add vip --remove sleeper     the same

`gateway card show` lists a member's tags.")]
    Tag {
        /// The member's card.
        #[arg(value_name = "CARD")]
        card: u64,
        /// A tag to give, 1 to 32 bytes; also written +TAG.
        #[arg(long, value_name = "TAG")]
        add: Vec<String>,
        /// A tag to take away; also written -TAG.
        #[arg(long, value_name = "TAG", required_unless_present = "add")]
        remove: Vec<String>,
    },
    /// Honour a partner's tier (合作伙伴会员互认) until a day, by the partner's signed statement, which is used once.
    #[command(after_help = "Example:
  gateway member match 9000000000000014 --partner 'Sea Hotel' --statement elite.cose --operator ann

The programme's [[partner]] says which of its tiers are honoured at which of ours, and for how long at most. A higher tier of the
member's own stays; when the time is over, what they have earned meanwhile is left.")]
    Match {
        /// The member's card.
        #[arg(value_name = "CARD")]
        card: u64,
        /// Name of the partner in the programme.
        #[arg(long, value_name = "NAME")]
        partner: String,
        /// The partner's statement.
        #[arg(long, value_name = "FILE")]
        statement: PathBuf,
    },
    /// Say to a partner which tier a member has earned here, signed; or verify such a statement.
    #[command(after_help = "Examples:
  gateway member statement 9000000000000014 --out gold.cose
  gateway member statement --key-out our-key.pem    the public key that partners verify ours with
  gateway member statement --verify gold.cose --key our-key.pem

Verifying needs no data and no gateway. It ends with exit code 1 when the signature is not by that key, or the statement is over.")]
    Statement {
        /// The member's card.
        #[arg(value_name = "CARD", requires = "out", conflicts_with_all = ["verify", "key_out"])]
        card: Option<u64>,
        /// Where the signed statement goes.
        #[arg(long, value_name = "FILE", requires = "card")]
        out: Option<PathBuf>,
        /// Verify this statement.
        #[arg(long, value_name = "FILE", required_unless_present_any = ["card", "key_out"])]
        verify: Option<PathBuf>,
        /// File with the public key of whoever signed it, PEM or hex [default: our own].
        #[arg(long, value_name = "PEM", requires = "verify")]
        key: Option<PathBuf>,
        /// Write our public key, as PEM.
        #[arg(long, value_name = "FILE", conflicts_with = "verify")]
        key_out: Option<PathBuf>,
    },
}

pub(super) fn member(common: &Common, command: Member) -> Result<ExitCode> {
    match command {
        Member::Report { period, card, all: _, out } => {
            super::report::member(common, period, card, out.as_deref())
        }
        Member::Show { card } => {
            let answer = ask(common, &Ask::Member { card })?;
            show(common, &answer, |answer| {
                let fields = answer["fields"].as_object();
                let rows = fields.into_iter().flatten();
                table(
                    ["field", "value"],
                    rows.map(|(name, _)| [name.clone(), text(&answer["fields"], name)]),
                );
            })
        }
        Member::Erase { card, reason } => {
            done(common, Act::MemberErase { card: CardReference(card), reason })
        }
        Member::Value { card, curve } => {
            let answer = ask(common, &Ask::MemberValue { card })?;
            show(common, &answer, |answer| value(answer, curve))
        }
        Member::Tag { card, add, remove } => {
            done(common, Act::MemberTag { card: CardReference(card), add, remove })
        }
        Member::Match { card, partner, statement } => {
            let bytes = read(&statement)?;
            done(common, Act::MemberMatch { card: CardReference(card), partner, statement: bytes })
        }
        Member::Statement { card, out, verify, key, key_out } => {
            if let Some(path) = key_out {
                return write_key(common, &path);
            }
            match (card.zip(out), verify) {
                (Some((card, out)), _) => issue(common, card, &out),
                (None, Some(file)) => verify_statement(common, &file, key.as_deref()),
                (None, None) => bail!("name a card and --out, or a file to --verify"),
            }
        }
    }
}

/// `+TAG` and `-TAG` of `member tag` as the options that they mean.
pub(super) fn signed_tags(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut all: Vec<OsString> = arguments.into_iter().collect();
    let Some(at) = all.windows(2).position(|pair| pair == ["member", "tag"]) else { return all };
    for argument in all.iter_mut().skip(at) {
        let Some(text) = argument.to_str() else { continue };
        let given = text.strip_prefix('+').map(|tag| format!("--add={tag}"));
        let taken =
            text.strip_prefix('-').filter(|tag| !tag.is_empty() && !tag.starts_with('-') && *tag != "h");
        if let Some(option) = given.or(taken.map(|tag| format!("--remove={tag}"))) {
            *argument = option.into();
        }
    }
    all
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("reading {}", path.display()))
}

/// A new file: nothing is written over.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let made = fs::File::create_new(path).and_then(|mut file| file.write_all(bytes));
    made.with_context(|| format!("writing {}", path.display()))
}

fn write_key(common: &Common, path: &Path) -> Result<ExitCode> {
    let spki = SigningKey::load(&common.directory().gateway_key())?.spki();
    write(path, pem(&spki).as_bytes())?;
    let answer = json!({ "file": path.display().to_string(), "fingerprint": hex(&fingerprint(&spki)) });
    show(common, &answer, |answer| {
        println!("{}: our public key, fingerprint {}", text(answer, "file"), text(answer, "fingerprint"));
    })
}

fn issue(common: &Common, card: u64, out: &Path) -> Result<ExitCode> {
    let said = ask(common, &Ask::MemberStatement { card })?;
    let member = said["member"].as_str().and_then(from_hex).and_then(|bytes| bytes.try_into().ok());
    let (issuer, tier) = (text(&said, "issuer"), text(&said, "tier"));
    let issued = said["issued"].as_i64().context("no time in the answer")?;
    let until = said["until"].as_i64().or(said["latest"].as_i64()).context("no end in the answer")?;
    let key = SigningKey::load(&common.directory().gateway_key())?;
    let member = member.context("no member in the answer")?;
    let statement = statement::issued(&key, (&issuer, member), &tier, (issued, until));
    write(
        out,
        &statement.context("the programme's name has more than 32 bytes; a statement cannot carry it")?,
    )?;
    let answer = json!({
        "file": out.display().to_string(), "issuer": issuer, "tier": tier, "issued": issued, "until": until,
        "member": said["member"],
    });
    show(common, &answer, |answer| {
        println!(
            "{}: {} says that this member has tier {} until {}.",
            text(answer, "file"),
            text(answer, "issuer"),
            text(answer, "tier"),
            day(until)
        );
    })
}

fn verify_statement(common: &Common, file: &Path, key: Option<&Path>) -> Result<ExitCode> {
    let bytes = read(file)?;
    let spki = match key {
        Some(path) => {
            let text = String::from_utf8(read(path)?).ok().and_then(|text| spki_in(&text));
            text.with_context(|| format!("{} has no public key, neither PEM nor hex", path.display()))?
        }
        None => SigningKey::load(&common.directory().gateway_key())?.spki(),
    };
    let key = PublicKey::from_spki(&spki).context("not a key that may sign")?;
    let (said, hash) = statement::verified(&bytes, &key).map_err(|reason| anyhow!(reason))?;
    let (issued, until) = (said.issued.get(), said.until.get());
    let over = until <= Clock::system().now_ms().div_euclid(1000);
    let answer = json!({
        "ok": !over, "over": over, "issuer": said.issuer.as_str(), "member": said.member.to_string(),
        "tier": said.tier.as_str(), "issued": issued, "until": until, "statement": hex(&hash),
    });
    show(common, &answer, |answer| {
        println!(
            "Signed by that key: {} says on {} that member {} has tier {} until {}{}.",
            text(answer, "issuer"),
            day(issued),
            text(answer, "member"),
            text(answer, "tier"),
            day(until),
            if over { ", which is over" } else { "" }
        );
    })?;
    Ok(if over { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn day(s: i64) -> String {
    jiff::Timestamp::from_second(s).map_or_else(|_| s.to_string(), |at| at.to_string())
}

fn value(answer: &Value, curve: bool) {
    println!(
        "Member value of card {}: {} ({}).",
        text(answer, "card"),
        text(answer, "value"),
        text(answer, "time")
    );
    let fields = ["measure", "counted", "worth", "value"];
    let head = ["measure", "counted in all", "each is worth", "comes to"];
    table(head, rows(answer, "measures").map(|row| fields.map(|field| text(row, field))));
    if curve {
        let fields = ["month", "done", "value"];
        let head = ["month", "done in it", "value at its end"];
        table(head, rows(answer, "curve").map(|row| fields.map(|field| text(row, field))));
    }
}
