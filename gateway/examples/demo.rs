//! A shop's day in under a minute: the real gateway as a process of its own, two registers, a kiosk, lost answers, a pulled
//! plug, and every figure compared with an oracle that shares no code with the ledger.
//!
//! `cargo run --release --example demo`. Exits non-zero when anything disagrees.
#![expect(clippy::inconsistent_digit_grouping, reason = "cents stand apart: 100_00 is 100.00")]

#[path = "demo/page.rs"]
mod page;
#[path = "demo/site.rs"]
mod site;

use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use protocol::cose::Algorithm;
use protocol::field::{BalanceKind, Reason};
use protocol::frame::MessageType;
use serde_json::Value;
use terminal_sim::oracle::{Oracle, Wallet};
use terminal_sim::terminal::Outcome;
use terminal_sim::{Act, Card, Till};

use page::{money, note, say, section};
use site::Site;

/// The demo is also the gateway that it starts: `demo gateway serve …` is the gateway's own command line.
const AS_GATEWAY: &str = "gateway";
/// Each terminal has one shift that day, its first.
const SHIFT: u32 = 1;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if arguments.first().is_some_and(|first| first == AS_GATEWAY) {
        return gateway::cli::run(arguments);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let day = runtime.context("no runtime").and_then(|runtime| runtime.block_on(day()));
    match day {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("\nTHE DAY DOES NOT ADD UP: {error:#}");
            ExitCode::from(1)
        }
    }
}

struct Shop {
    registers: [Till; 2],
    kiosk: Till,
    cards: Vec<Card>,
    oracle: Arc<Mutex<Oracle>>,
    /// Bonus of all loads, as the kiosk was told.
    given: i64,
}

async fn day() -> Result<()> {
    page::title("A DAY AT THE TEA SHOP");
    let mut site = Site::open()?;
    let mut shop = open_shop(&site).await?;
    morning(&mut shop).await?;
    lost_answer(&mut shop).await?;
    pulled_plug(&mut site, &mut shop).await?;
    afternoon(&mut shop).await?;
    second_thoughts(&mut shop).await?;
    let receipt = evening(&mut shop).await?;
    let day = close_of_day(&site, &shop)?;
    audit(&mut site, &shop, (&day, &receipt))?;
    Ok(())
}

async fn open_shop(site: &Site) -> Result<Shop> {
    section("08:00", "The gateway starts, terminals enrol, cards come from the printer");
    say(&format!("gateway            listens on {}, process {}", site.listen(), site.pid()));
    let oracle = Arc::new(Mutex::new(Oracle::default()));
    let enrol = async |id: &str, role: &str, algorithm: Algorithm| -> Result<Till> {
        let enrolment = site.command(&["terminal", "enroll", "--id", id, "--role", role])?;
        let ticket = terminal_sim::enrolment::parse(enrolment["enrolment"].as_str().unwrap_or_default())?;
        let directory = site.root.join("terminals").join(id);
        let till = Till::enrol(&directory, site.address(), &ticket, algorithm, Arc::clone(&oracle)).await?;
        say(&format!("{id:<18} {role}, {algorithm}; its key never left it"));
        Ok(till)
    };
    let registers = [
        enrol("T0001", "register", Algorithm::Es256).await?,
        enrol("T0002", "register", Algorithm::EdDsa).await?,
    ];
    let kiosk = enrol("K0001", "kiosk", Algorithm::Es256).await?;
    let issued = site.command(&["card", "issue", "--count", "5"])?;
    let text = |card: &Value, field: &str| card[field].as_str().unwrap_or_default().to_owned();
    let cards = issued["cards"].as_array().into_iter().flatten();
    let cards: Option<Vec<Card>> =
        cards.map(|card| Card::new(&text(card, "reference"), &text(card, "secret"))).collect();
    let cards = cards.context("a card cannot be read")?;
    for card in &cards {
        oracle.lock().map_err(|_| anyhow::anyhow!("oracle"))?.issue(card.reference);
    }
    say(&format!(
        "{} cards            public reference on the front, 66 random bits in the stripe",
        cards.len()
    ));
    Ok(Shop { registers, kiosk, cards, oracle, given: 0 })
}

/// One line of the page for one transaction.
fn told(who: &str, what: &str, outcome: &Outcome) {
    let kind = |kind| outcome.balance(kind).unwrap_or(0);
    let now = match outcome.answer.as_ref().and_then(|answer| answer.balances.as_ref()) {
        Some(_) => format!(
            "card holds {} + {} bonus, {} points",
            money(kind(BalanceKind::PRINCIPAL)),
            money(kind(BalanceKind::BONUS)),
            kind(BalanceKind::POINTS)
        ),
        None => outcome.answer.as_ref().and_then(|a| a.detail).map(|d| d.to_string()).unwrap_or_default(),
    };
    let entry = outcome.index().map(|index| format!("entry {index}")).unwrap_or_default();
    say(&format!("{who:<6} {what:<28} {} {:<22} {now:<46} {entry}", outcome.code, outcome.code.name()));
}

async fn morning(shop: &mut Shop) -> Result<()> {
    section("09:00", "Cards are sold and loaded; the bonus comes by steps (充值赠送)");
    for (till, at) in [(0, 0), (1, 1), (0, 2)] {
        let till = &mut shop.registers[till];
        let outcome = till.trade(&shop.cards[at], Act::Activate).await?;
        told(till.terminal.id().as_str(), "activate", &outcome);
    }
    for (at, amount) in [(0, 99_99), (0, 100_00), (1, 500_00), (2, 1000_00)] {
        let card = &shop.cards[at];
        let quoted = shop.kiosk.quote(card, amount).await?;
        ensure!(quoted == Some(true), "the kiosk's quote is not what the rules say");
        let outcome = shop.kiosk.trade(card, Act::Load(amount)).await?;
        let bonus = outcome.change(BalanceKind::BONUS).unwrap_or(0);
        shop.given = shop.given.saturating_add(bonus);
        told("K0001", &format!("load {} -> bonus {}", money(amount), money(bonus)), &outcome);
    }
    section("10:00", "Tea is bought; points come with it (消费积分)");
    for (till, at, amount) in [(0, 0, 38_50), (1, 1, 45_00), (1, 2, 12_99)] {
        let till = &mut shop.registers[till];
        let outcome = till.trade(&shop.cards[at], Act::Purchase(amount)).await?;
        let points = outcome.change(BalanceKind::POINTS).unwrap_or(0);
        told(till.terminal.id().as_str(), &format!("sale {} -> {points} points", money(amount)), &outcome);
    }
    Ok(())
}

async fn lost_answer(shop: &mut Shop) -> Result<()> {
    section("11:30", "The network drops an answer; the register sends the same bytes again");
    let till = &mut shop.registers[0];
    let id = till.begin(&shop.cards[2], Act::Purchase(66_00), true).await?;
    tokio::time::sleep(Duration::from_millis(150)).await;
    till.terminal.cut();
    note("T0001  sale 66.00 sent, connection cut before the answer");
    let outcome = till.finish(id).await?;
    told("T0001", "the same sale again", &outcome);
    note("       one sale, one answer: the repeat got the stored answer, with a signed status \"live\"");
    Ok(())
}

async fn pulled_plug(site: &mut Site, shop: &mut Shop) -> Result<()> {
    section("12:00", "Somebody pulls the plug (SIGKILL) while both registers sell");
    let [anna, bo] = &mut shop.registers;
    anna.terminal.sign_on().await?;
    bo.terminal.sign_on().await?;
    let first = anna.begin(&shop.cards[1], Act::Purchase(21_00), true).await?;
    let second = bo.begin(&shop.cards[2], Act::Purchase(33_00), true).await?;
    let died = site.kill()?;
    note(&format!("       process {died} is gone; nobody knows whether the two sales were recorded"));
    site.start()?;
    note(&format!("       process {} has verified its journal and goes on", site.pid()));
    let (one, two) = tokio::join!(anna.finish(first), bo.finish(second));
    told("T0001", "sale 21.00, once", &one?);
    told("T0002", "sale 33.00, once", &two?);
    Ok(())
}

async fn afternoon(shop: &mut Shop) -> Result<()> {
    section("15:00", "Mistakes, and people who try");
    let [anna, bo] = &mut shop.registers;
    let sale = anna.trade(&shop.cards[1], Act::Purchase(50_00)).await?;
    told("T0001", "sale 50.00, wrong customer", &sale);
    let undone = anna.reverse(sale.id, Reason::CANCELLED).await?;
    told("T0001", "reversed, points and all", &undone);
    let declined = bo.trade(&shop.cards[0], Act::Purchase(900_00)).await?;
    ensure!(!declined.is_approved(), "a sale above the balance was approved");
    told("T0002", "sale 900.00", &declined);
    let part = bo.trade(&shop.cards[0], Act::PurchasePart(900_00)).await?;
    told("T0002", "the same, part allowed", &part);
    let id = bo.begin(&shop.cards[2].with_wrong_secret(), Act::Purchase(1_00), false).await?;
    told("T0002", "a copied card, no secret", &bo.finish(id).await?);
    let kiosk = shop.kiosk.trade(&shop.cards[1], Act::Purchase(1_00)).await?;
    told("K0001", "a kiosk that sells", &kiosk);
    Ok(())
}

async fn second_thoughts(shop: &mut Shop) -> Result<()> {
    section(
        "17:00",
        "Goods come back to the other till (退货); a deposit is held, then taken in part (预授权)",
    );
    let [anna, bo] = &mut shop.registers;
    let card = &shop.cards[1];
    let sale = anna.trade(card, Act::Purchase(48_00)).await?;
    told("T0001", "sale 48.00", &sale);
    let back = bo.trade(card, Act::Refund(16_00, anna.original_of(&sale))).await?;
    told("T0002", "16.00 of it refunded", &back);
    let deposit = anna.trade(card, Act::Authorize(100_00)).await?;
    told("T0001", "deposit 100.00 held", &deposit);
    let taken = bo.trade(card, Act::Capture(64_50, anna.original_of(&deposit))).await?;
    told("T0002", "64.50 captured, rest free", &taken);
    let again = bo.trade(card, Act::Capture(35_50, anna.original_of(&deposit))).await?;
    ensure!(!again.is_approved(), "a deposit that was given back was captured");
    told("T0002", "35.50 more of it", &again);
    Ok(())
}

/// Closes the shifts; returns a receipt to check offline.
async fn evening(shop: &mut Shop) -> Result<Vec<u8>> {
    section("22:00", "Shifts close: both sides count, and agree");
    let last = shop.registers[0].trade(&shop.cards[2], Act::Purchase(8_00)).await?;
    told("T0001", "last sale 8.00", &last);
    for till in shop.registers.iter_mut().chain([&mut shop.kiosk]) {
        let closed = till.close_shift(None).await?;
        let totals = closed.answer.as_ref().and_then(|answer| answer.totals.clone());
        let lines = totals.iter().flat_map(|totals| totals.as_slice().to_vec()).map(|total| {
            format!("{} {} {}", total.count, total.kind.name().to_lowercase(), money(total.amount.get()))
        });
        let lines: Vec<String> = lines.collect();
        say(&format!(
            "{:<6} {} {:<10} {}",
            till.terminal.id(),
            closed.code,
            closed.code.name(),
            lines.join(", ")
        ));
        ensure!(closed.is_approved(), "the totals differ");
    }
    last.receipt_file().context("the last sale has no receipt")
}

/// Closes the business day before its cutover, and files what a manager would; returns the day.
fn close_of_day(site: &Site, shop: &Shop) -> Result<String> {
    section("22:05", "The manager closes the day (日结); what comes now is booked on the next");
    let day = site.business_day()?;
    let out = site.root.join("settlements");
    let closed = site.command(&["day", "close", "--yes", "--out", &out.display().to_string()])?;
    let page = std::fs::read_to_string(out.join(format!("settlement-{day}.txt")))?;
    page.lines().for_each(note);
    let settlement = &closed["settlement"];
    let open = settlement["exceptions"].as_array().map_or(usize::MAX, Vec::len);
    ensure!(open == 0, "{open} exceptions are open");
    settled(settlement, shop)?;
    ensure!(site.business_day()? > day, "the next entry would be booked on the day that is closed");
    Ok(day)
}

/// Compares the settlement with what the oracle has counted at the terminals.
fn settled(settlement: &Value, shop: &Shop) -> Result<()> {
    let oracle = shop.oracle.lock().map_err(|_| anyhow::anyhow!("oracle"))?;
    let tills = shop.registers.iter().chain([&shop.kiosk]);
    let shifts: Vec<_> = tills
        .map(|till| {
            let generation = till.terminal.state().generation.map_or(0, |generation| generation.get());
            oracle.shift_totals(till.terminal.id().as_str(), generation, SHIFT)
        })
        .collect();
    let told = |kinds: &[MessageType]| -> i64 {
        let sums = kinds.iter().flat_map(|kind| shifts.iter().filter_map(|totals| totals.get(&kind.0)));
        sums.map(|(_, sum)| sum).sum()
    };
    let wallets: Vec<_> = shop.cards.iter().filter_map(|card| oracle.card(card.reference)).collect();
    let owed = |of: fn(&Wallet) -> i64| -> i64 { wallets.iter().map(|(_, wallet)| of(wallet)).sum() };
    let (flow, held) = (&settlement["flow"], &settlement["held"]);
    for (what, says, must) in [
        ("loaded", &flow["loaded"]["amount_minor"], told(&[MessageType::LOAD])),
        ("paid", &flow["paid"]["amount_minor"], told(&[MessageType::PURCHASE, MessageType::CAPTURE])),
        ("refunded", &flow["refunded"]["amount_minor"], told(&[MessageType::REFUND])),
        ("bonus given", &flow["bonus_minor"], shop.given),
        ("owed, principal", &held["principal_minor"], owed(|wallet| wallet.principal)),
        ("owed, bonus", &held["bonus_minor"], owed(|wallet| wallet.bonus)),
        ("owed, points", &held["points"]["PTS"], owed(|wallet| wallet.points)),
    ] {
        ensure!(must > 0 && says.as_i64() == Some(must), "the settlement says {says} {what}, not {must}");
    }
    say(
        "settlement         loaded, paid, refunded, given and owed: what the oracle has counted at the terminals",
    );
    Ok(())
}

fn audit(site: &mut Site, shop: &Shop, (day, receipt): (&str, &[u8])) -> Result<()> {
    section("22:10", "The books");
    let oracle = shop.oracle.lock().map_err(|_| anyhow::anyhow!("oracle"))?;
    ensure!(oracle.mismatches().is_empty(), "the oracle disagrees: {:?}", oracle.mismatches());
    for card in &shop.cards {
        let held = site.command(&["card", "show", "--card", &card.reference.number().to_string()])?;
        let (_, must) = oracle.card(card.reference).context("the oracle does not know a card")?;
        let holds =
            ["principal_minor", "bonus_minor", "points"].map(|field| held[field].as_i64().unwrap_or(-1));
        ensure!(
            holds == [must.principal, must.bonus, must.points],
            "{:?} holds {holds:?}, not {must:?}",
            card.reference
        );
    }
    say(&format!("balances           all {} cards hold exactly what the oracle says", shop.cards.len()));
    let file = site.root.join("receipt.cbor");
    std::fs::write(&file, receipt)?;
    site.stop()?;
    note("       the gateway has stopped; everything below reads the files it left");

    let report = site.command(&["journal", "verify"])?;
    let report = &report["report"];
    say(&format!(
        "journal            {} entries in {} sealed groups, {} signatures, every state replayed: sound",
        report["entries"], report["groups"], report["signatures"]
    ));
    let checked = site.command(&["receipt", "verify", &file.display().to_string()])?;
    say(&format!(
        "receipt            holds offline: entry {} of the journal, and nothing can be moved",
        checked["index"]
    ));
    let export = site.root.join("day");
    let (to, forms) = (export.display().to_string(), "csv,hledger,xlsx");
    let exported = site.command(&["export", "--day", day, "--format", forms, "--out", &to])?;
    let exported = &exported["export"];
    ensure!(exported["complete"] == true, "the day is closed, and its export says that more may come");
    let key = site.command(&["export", "key"])?;
    let fingerprint = key["fingerprint"].as_str().unwrap_or_default();
    let checked = site.command(&["export", "verify", &to, "--fingerprint", fingerprint])?;
    ensure!(checked["ok"] == true, "the export does not verify: {checked}");
    let journal = site.root.join("journal.cborseq");
    site.command(&["journal", "export", "--out", &journal.display().to_string()])?;
    say(&format!(
        "export             {} transactions, {} postings; signed, verified, and complete: the day is closed",
        exported["transactions"], exported["postings"]
    ));

    section("", "Where things are");
    for (what, path) in [
        ("the settlement", site.root.join("settlements").join(format!("settlement-{day}.txt"))),
        ("for hledger", export.join("journal.hledger")),
        ("the workbook", export.join("finance.xlsx")),
        ("the day", export.join("transactions.csv")),
        ("its postings", export.join("postings.csv")),
        ("its totals", export.join("totals.csv")),
        ("the journal", journal),
        ("a receipt", file),
        ("the data", site.data()),
        ("the log", site.log()),
    ] {
        say(&format!("{what:<18} {}", path.display()));
    }
    page::done(
        "Every answer and balance above, and what the settlement says was loaded, paid, refunded, given as a bonus and is owed, was computed \
         twice: by the gateway, and by an oracle that shares no code with it.",
    );
    Ok(())
}
