//! What one purchase costs, one step after the other, and what reading a journal of them costs: `journal verify`, and finance's
//! export in each form. `cargo bench -p gateway --bench journal`, with a number of entries behind `--` for another than 20,000.
//!
//! Times are of the processor, all threads together, so that a busy machine and one with more cores say nearly the same. They
//! still drift with the machine: compare two builds in turns, and look at the price of one signature first.
#![expect(clippy::arithmetic_side_effects, reason = "overflow here panics, which is what it should do")]
#![expect(clippy::disallowed_methods, reason = "this is where time is measured")]

mod shop;

use std::path::Path;

use gateway::finance::{Asked, Format, Names, Period, take};
use gateway::journal::verify::verify;
use rustix::time::{ClockId, clock_gettime};

use shop::Shop;

/// Nanoseconds that all threads have worked so far.
fn worked() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// What `work` gives, how long all threads worked for it, and how long it took; in nanoseconds.
fn measured<T>(work: impl FnOnce() -> T) -> (T, u64, u64) {
    let (watch, before) = (gateway::clock::stopwatch(), worked());
    let result = work();
    let cpu = worked() - before;
    (result, cpu, u64::try_from(watch.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

fn line(what: &str, ns_each: u64) {
    println!("{what:<52} {ns_each:>9} ns   {:>9} a second a core", 1_000_000_000 / ns_each.max(1));
}

/// Of the whole process so far, in MiB.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1024
}

fn main() {
    let mut arguments = std::env::args();
    // Without `--bench` somebody only wants to see it run.
    let default = if std::env::args().any(|argument| argument == "--bench") { 20_000 } else { 300 };
    let entries: u64 = arguments.find_map(|argument| argument.parse().ok()).unwrap_or(default);

    let mut shop = Shop::open();
    for (algorithm, ns) in shop.price_of_a_verification() {
        line(&format!("one {algorithm} verification"), ns);
    }
    let steps = shop.trade(entries);
    println!("\na purchase, over {entries}:");
    for (step, ns) in steps {
        line(&format!("  {step}"), ns / entries);
    }

    let last = shop.last_index();
    println!("\nreading {last} entries in {} groups:", shop.groups());
    let (report, cpu, took) = measured(|| verify(&shop.storage, &shop.installation(), &[], |_| ()));
    let (report, _) = report.expect("a journal that can be read");
    assert_eq!((report.entries, report.faults.len()), (last, 0), "{:?}", report.faults);
    line("  journal verify, an entry", cpu / last);
    let signatures = shop.signatures_price(report.signatures, report.groups);
    line("  without the price of its signatures", cpu.saturating_sub(signatures) / last);
    println!("  it took {} ms", took / 1_000_000);

    let beside = tempfile::tempdir().expect("a directory");
    for (name, format) in [
        ("CSV", Format::Csv),
        ("hledger", Format::Hledger),
        ("beancount", Format::Beancount),
        ("JSON lines", Format::Jsonl),
    ] {
        let out = beside.path().join(name);
        let (transactions, cpu, took) = measured(|| export(&shop, format, &out));
        line(&format!("  export as {name}, a transaction"), cpu / transactions.max(1));
        println!("  it took {} ms", took / 1_000_000);
    }
    println!("\nmost memory: {} MiB, the journal's making included", most_memory());
}

fn export(shop: &Shop, format: Format, out: &Path) -> u64 {
    let period = Period { from: shop::DAY, to: shop::DAY };
    let asked = Asked { period, store: None, formats: vec![format], names: Names::default() };
    let taken = take(&shop.storage, &shop.installation(), &shop.sealer.key, &asked, out, |_| ());
    taken.expect("an export").transactions
}
