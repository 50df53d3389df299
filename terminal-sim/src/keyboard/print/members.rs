//! What a member is, has and can get, on paper.

use protocol::answer::{Answer, CatalogueItem, Coming, Entitlement, Explanation, Progress, Rank, Tier};
use protocol::field::{BalanceKind, Due, Measure, Notes, UnixSeconds};
use protocol::frame::MessageType;

use super::super::slip::{Shop, kind_name, notes};
use super::{Paper, optional, value};

/// Keys 40 to 48.
pub(super) fn member(paper: &mut Paper, answer: &Answer, shop: &Shop) {
    optional(paper, "Member since", answer.joined);
    if let Some(tier) = &answer.tier {
        of_tier(paper, tier);
    }
    optional(paper, "Uses left", answer.uses_left);
    list(paper, "On the way", answer.progress.as_deref(), |paper, one| of_progress(paper, one, shop));
    list(paper, "Ranks", answer.ranks.as_deref(), |paper, one| of_rank(paper, one, shop));
    list(paper, "Coming", answer.coming.as_ref().map(|all| all.as_slice()), of_coming);
    list(paper, "Entitled to", answer.entitlements.as_deref(), of_entitlement);
    list(paper, "To redeem", answer.catalogue.as_ref().map(|all| all.as_slice()), of_item);
    if answer.more == Some(true) {
        paper.wrapped(&match (&answer.coming, &answer.catalogue) {
            (Some(coming), _) => {
                let last = coming.as_slice().last().map(|last| last.time.to_string()).unwrap_or_default();
                format!("There is more: member {last}")
            }
            (_, Some(items)) => {
                let last = items.as_slice().last().map(|last| last.item.to_string()).unwrap_or_default();
                format!("There is more: catalogue {last}")
            }
            _ => "There is more.".to_owned(),
        });
    }
}

fn list<T>(paper: &mut Paper, name: &str, all: Option<&[T]>, mut one: impl FnMut(&mut Paper, &T)) {
    let Some(all) = all.filter(|all| !all.is_empty()) else { return };
    paper.wrapped(name);
    for item in all {
        one(paper, item);
    }
}

fn of_tier(paper: &mut Paper, tier: &Tier) {
    paper.pair("Tier", tier.name.as_str());
    optional(paper, "  held until", tier.until.map(date_time));
}

fn of_progress(paper: &mut Paper, one: &Progress, shop: &Shop) {
    let show = |number: i64| match one.measure {
        Measure::SPENT | Measure::LOADED => shop.unit.show(number),
        _ => number.to_string(),
    };
    let way = format!("  {} {}: {}", one.tier, one.route, one.measure.name());
    paper.pair(&way, &format!("{} of {}", show(one.so_far), show(one.needed)));
}

fn of_rank(paper: &mut Paper, one: &Rank, shop: &Shop) {
    let count = match one.measure {
        Measure::SPENT | Measure::LOADED => shop.unit.show(one.count.get()),
        _ => one.count.to_string(),
    };
    let place =
        one.rank.map_or_else(|| "no place yet".to_owned(), |rank| format!("{rank} of {}", one.members));
    paper.pair(&format!("  {}", one.name), &place);
    let title = one.title.map(|title| format!(", {title}")).unwrap_or_default();
    paper.pair(&format!("    until {}", one.until), &format!("{count}{title}"));
}

fn of_coming(paper: &mut Paper, one: &Coming) {
    let (kind, what) = match one.what {
        Due::EXPIRES => (one.kind, "expire".to_owned()),
        Due::RELEASED => (one.kind.released().unwrap_or(one.kind), "released".to_owned()),
        Due(number) => (one.kind, format!("due ({number})")),
    };
    paper.pair(&format!("  {}", date_time(one.time)), &format!("{} {} {what}", one.amount, kind_name(kind)));
}

fn of_entitlement(paper: &mut Paper, one: &Entitlement) {
    let left = one.uses_left.map(|left| format!("{left} left")).unwrap_or_default();
    paper.pair(&format!("  {} ({})", one.name, one.entitlement), &left);
}

fn of_item(paper: &mut Paper, one: &CatalogueItem) {
    let left = one.pieces_left.map(|left| format!(", {left} left")).unwrap_or_default();
    paper.pair(
        &format!("  {} ({})", one.name, one.item),
        &format!("{} {}{left}", one.points, kind_name(one.kind)),
    );
}

/// A line of explanation: what it made of its base, at what rate, and what else is to be said.
pub(super) fn reason(paper: &mut Paper, line: &Explanation, kind: MessageType, shop: &Shop) {
    let result = value(shop, line.kind, line.result, true);
    let what = if line.kind == BalanceKind::MONEY { "price".to_owned() } else { kind_name(line.kind) };
    let base = base(line, kind, shop);
    let is_tier = line.notes.contains(Notes::TIER);
    let made = if is_tier { format!("tier, by {base}") } else { format!("{what} {result} of {base}") };
    paper.pair(&format!("  {}", line.rule), &made);
    let said = notes(line).join(", ");
    paper.pair(&format!("    at {}", line.rate), &said);
}

/// What a rule looked at, in its own unit, which the rate tells: of `1/1.00` money, of `x2` the balance, of `5/1` goods; what Award and
/// Redeem count are pieces, and what comes or goes again was that of its balance.
fn base(line: &Explanation, kind: MessageType, shop: &Shop) -> String {
    let has = |bit: Notes| line.notes.contains(bit);
    let rate = line.rate.as_str();
    let own = (has(Notes::TAKEN_BACK) || has(Notes::OWED)) && !has(Notes::WITHHELD);
    let amounts = shop.unit.exponent > 0;
    if has(Notes::TIER) {
        return if rate.contains('.') { shop.unit.show(line.base) } else { line.base.to_string() };
    }
    if own || rate.starts_with('x') {
        return value(shop, line.kind, line.base, false);
    }
    if !has(Notes::WITHHELD) && matches!(kind, MessageType::AWARD | MessageType::REDEEM) {
        return line.base.to_string();
    }
    match rate.split_once('/') {
        Some((_, per)) if amounts && !per.contains('.') => thousandths(line.base),
        _ => shop.unit.show(line.base),
    }
}

/// `2` or `0.5`, of goods in thousandths.
fn thousandths(count: i64) -> String {
    let (whole, part) = (count.div_euclid(1_000), count.rem_euclid(1_000));
    format!("{whole}.{part:03}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `2027-01-31 16:00`, in UTC: the days of a year that begins in March, so that the leap day is its last.
pub(super) fn date_time(time: UnixSeconds) -> String {
    let (days, second) = (time.get().div_euclid(86_400), time.get().rem_euclid(86_400));
    let days = days.saturating_add(719_468);
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let leaps = (day / 1_460).saturating_sub(day / 36_524).saturating_add(day / 146_096);
    let year = day.saturating_sub(leaps) / 365;
    let before = year.saturating_mul(365).saturating_add(year / 4).saturating_sub(year / 100);
    let day = day.saturating_sub(before);
    let march = day.saturating_mul(5).saturating_add(2) / 153;
    let day = day.saturating_sub(march.saturating_mul(153).saturating_add(2) / 5).saturating_add(1);
    let month = if march < 10 { march.saturating_add(3) } else { march.saturating_sub(9) };
    let year = era.saturating_mul(400).saturating_add(year).saturating_add(i64::from(month <= 2));
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", second / 3_600, second / 60 % 60)
}
