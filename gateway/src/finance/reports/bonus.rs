//! What bonuses cost (充值赠送): what each rule, step and store has given, what came back of it, what was spent and what expired.
//! A lot of bonus is one load's; who gave it is asked of the rules again, which say the same as they did then.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, Result};

use super::sheet::{Cell, Sheet, Table};
use super::{Programmes, Source, add, card_legs, is_named, numbers, walk, words};
use crate::domain::card::CardReference;
use crate::domain::decision::Reason;
use crate::domain::effect::{Account, Effect, Posting};
use crate::domain::ledger::Kind;
use crate::explain::explain_those;
use crate::finance::book::{Commodity, shown};
use crate::finance::entry::{Leg, Transaction};
use crate::finance::take::Period;
use crate::journal::record::Record;

const NOTES: [&str; 4] = [
    "Opening, given, came back and moved, less clawed back, spent and expired, is closing. Given less clawed back is what bonuses cost in the books, expired what \
     the books have as breakage of bonus, closing what is owed.",
    "What one load was given by several rules is one lot, and stands beside all of them. From 32 lots on a card, bonus of the same expiry joins a lot, and then stands beside the rule that opened it.",
    "Clawed back is what went when its load was refunded or undone; came back is what was spent in a sale that was refunded or undone. Undoing a refund of a load gives again.",
    "Moved is what transfers brought from lots of another rule, less what they took there.",
];

/// Of one rule, step or store.
#[derive(Debug, Clone, Copy, Default)]
struct Flow {
    opening: i64,
    given: i64,
    clawed_back: i64,
    spent: i64,
    came_back: i64,
    moved: i64,
    expired: i64,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Given,
    Spent,
    Moved,
    Expired,
}

impl Flow {
    /// Takes in a leg; `amount` is above zero when the card holds more.
    fn note(&mut self, what: What, amount: i64, within: bool) -> Result<()> {
        if !within {
            return add(&mut self.opening, amount);
        }
        let size = amount.checked_abs().context("an amount leaves the range")?;
        match what {
            What::Given if amount > 0 => add(&mut self.given, size),
            What::Given => add(&mut self.clawed_back, size),
            What::Spent if amount > 0 => add(&mut self.came_back, size),
            What::Spent => add(&mut self.spent, size),
            What::Moved => add(&mut self.moved, amount),
            What::Expired => add(&mut self.expired, size),
        }
    }

    fn cells(&self) -> [i64; 7] {
        [self.opening, self.given, self.clawed_back, self.spent, self.came_back, self.moved, self.expired]
    }

    fn add(&mut self, other: &Self) -> Result<()> {
        add(&mut self.opening, other.opening)?;
        add(&mut self.given, other.given)?;
        add(&mut self.clawed_back, other.clawed_back)?;
        add(&mut self.spent, other.spent)?;
        add(&mut self.came_back, other.came_back)?;
        add(&mut self.moved, other.moved)?;
        add(&mut self.expired, other.expired)
    }

    fn closing(&self) -> Result<i64> {
        let mut closing = self.opening;
        for more in [self.given, self.came_back, self.moved] {
            add(&mut closing, more)?;
        }
        for less in [self.clawed_back, self.spent, self.expired] {
            add(&mut closing, less.checked_neg().context("a sum leaves the range")?)?;
        }
        Ok(closing)
    }
}

/// A label, and what it is sorted by in front of its words.
type Label = (i64, String);

/// The entry that gave a lot.
#[derive(Debug, Clone)]
struct Giver {
    what: String,
    version: u32,
    store: String,
    commodity: Commodity,
}

#[derive(Debug, Default)]
struct Flows {
    /// Which entry gave what is in a lot.
    origins: HashMap<(CardReference, u32), u64>,
    givers: BTreeMap<u64, Giver>,
    flows: BTreeMap<u64, Flow>,
}

pub(super) fn report(source: Source<'_>, period: Period, progress: impl FnMut(u64)) -> Result<Sheet> {
    let (mut programmes, mut flows) = (Programmes::default(), Flows::default());
    let walked = walk(source, numbers(period)?, progress, |step| {
        programmes.note(step.record)?;
        flows.note(step.transaction, step.within)
    })?;
    let reasons = reasons(source, walked.index)?;
    let rule = |index: u64, giver: &Giver| {
        let named = reasons.get(&index).into_iter().flatten().map(|reason| reason.rule.as_str());
        let named: Vec<&str> = named.collect();
        let rule = if named.is_empty() { format!("({})", giver.what) } else { named.join(" + ") };
        (0, rule)
    };
    let tier = |index: u64, giver: &Giver| {
        let each = reasons.get(&index).into_iter().flatten();
        let each: Vec<_> = each.map(|reason| step_of(&programmes, giver, reason)).collect();
        let words: Vec<_> = each.iter().map(|(_, words)| words.as_str()).collect();
        (each.first().map_or(0, |(from, _)| *from), words.join(" + "))
    };
    let version = |giver: &Giver| (i64::from(giver.version), giver.version.to_string());
    let tables = vec![
        flows.by("in_all", "In all", &[], |_, _| Vec::new())?,
        flows.by("by_rule", "By rule and programme version", &["rule", "version"], |index, giver| {
            vec![rule(index, giver), version(giver)]
        })?,
        flows.by("by_tier", "By rule and step of the load", &["rule", "load from"], |index, giver| {
            vec![rule(index, giver), tier(index, giver)]
        })?,
        flows.by("by_store", "By the store that gave it", &["store"], |_, giver| {
            vec![(0, giver.store.clone())]
        })?,
    ];
    Ok(Sheet {
        report: "bonus",
        title: "What bonuses cost",
        period: words(period),
        complete: walked.complete,
        tables,
        notes: NOTES.to_vec(),
    })
}

/// The rules that gave bonus money up to an entry, asked again.
fn reasons(source: Source<'_>, end: u64) -> Result<HashMap<u64, Vec<Reason>>> {
    let mut reasons = HashMap::new();
    explain_those(source.storage, source.installation, end, gives, |index, explained| {
        // What no rule has priced stands beside its message.
        let Ok(explained) = explained else { return };
        let of_bonus = |reason: &Reason| reason.kind == Kind::BONUS && reason.result > 0;
        let given: Vec<Reason> = explained.reasons.into_iter().filter(of_bonus).collect();
        reasons.insert(index, given);
    })
    .context("the journal cannot be explained")?;
    Ok(reasons)
}

fn gives(record: &Record) -> bool {
    record.details.effects.iter().any(|effect| {
        matches!(effect, Effect::Posting(Posting { account: Account::Card { source, .. }, kind: Kind::BONUS, amount })
            if *amount > 0 && *source == record.details.index)
    })
}

/// The threshold that a load has reached: in money where the programme says it, else what a receipt prints.
fn step_of(programmes: &Programmes, giver: &Giver, reason: &Reason) -> Label {
    let programme = programmes.by_version.get(&giver.version).map(|(_, programme)| programme);
    let mut rules = programme.into_iter().flat_map(|programme| &programme.load_bonuses);
    let rule = rules.find(|rule| rule.rule == reason.rule && rule.kind == reason.kind);
    let step = rule.and_then(|rule| rule.steps.iter().rev().find(|step| step.from <= reason.base));
    step.map_or_else(
        || (0, reason.rate.clone()),
        |step| (step.from, shown(step.from, giver.commodity.exponent)),
    )
}

impl Flows {
    fn note(&mut self, transaction: &Transaction, within: bool) -> Result<()> {
        let given = transaction.legs.iter().any(|leg| is_named(leg, "bonus-expense"));
        let named = |leg: &Leg| {
            ["redemption", "suspense", "clearing", "points-payment"].iter().any(|name| is_named(leg, name))
        };
        let moves = !given && !transaction.legs.iter().any(named);
        // Of a transfer, the entry that gave what was just taken out.
        let mut taken = None;
        for (leg, expired) in card_legs(transaction).filter(|(leg, _)| leg.posting.kind == Kind::BONUS) {
            let Account::Card { card, lot, source, .. } = &leg.posting.account else { continue };
            let what = match expired {
                true => What::Expired,
                false if given => What::Given,
                false if moves => What::Moved,
                false => What::Spent,
            };
            let origin = *self.origins.entry((*card, *lot)).or_insert(match (what, taken) {
                (What::Moved, Some(origin)) => origin,
                _ => *source,
            });
            taken = (leg.posting.amount < 0).then_some(origin);
            self.givers.entry(origin).or_insert_with(|| Giver {
                what: transaction.what.clone(),
                version: transaction.programme_version,
                store: transaction.store.clone(),
                commodity: leg.commodity.clone(),
            });
            self.flows.entry(origin).or_default().note(what, leg.posting.amount, within)?;
        }
        Ok(())
    }

    fn by(
        &self,
        key: &'static str,
        title: &'static str,
        labels: &[&'static str],
        label: impl Fn(u64, &Giver) -> Vec<Label>,
    ) -> Result<Table> {
        let mut sums: BTreeMap<(Vec<Label>, Commodity), Flow> = BTreeMap::new();
        for (origin, flow) in &self.flows {
            let giver = self.givers.get(origin).context("a lot that nobody gave")?;
            sums.entry((label(*origin, giver), giver.commodity.clone())).or_default().add(flow)?;
        }
        let amounts =
            ["opening", "given", "clawed back", "spent", "came back", "moved", "expired", "closing"];
        let columns: Vec<_> = labels.iter().copied().chain(["in"]).chain(amounts).collect();
        let mut table = Table::new(key, title, &columns).drawing("given");
        for ((labels, commodity), flow) in sums {
            let mut row: Vec<Cell> = labels.into_iter().map(|(_, words)| Cell::Text(words)).collect();
            row.push(Cell::text(&commodity.name));
            let amounts = flow.cells().into_iter().chain([flow.closing()?]);
            row.extend(amounts.map(|amount| Cell::Amount(amount, commodity.clone())));
            table.rows.push(row);
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finance::chart::Purpose;

    const CNY: fn() -> Commodity = || Commodity { name: "CNY".into(), exponent: 2 };

    fn leg(account: Account, kind: Kind, amount: i64) -> Leg {
        let posting = Posting { account, kind, amount };
        let (account, store, purpose) = (String::new(), String::new(), Purpose::Bonus);
        Leg { account, store, commodity: CNY(), amount, purpose, tender: None, posting }
    }

    /// Of card, lot and the entry that opened the lot.
    fn bonus((card, lot, source): (u64, u32, u64), amount: i64) -> Leg {
        let account = Account::Card { card: CardReference(card), lot, expires: None, source };
        leg(account, Kind::BONUS, amount)
    }

    fn named(name: &str, amount: i64) -> Leg {
        leg(Account::Named(name.into()), Kind::MONEY, amount)
    }

    fn noted(entries: Vec<(bool, Vec<Leg>)>) -> Flows {
        let mut flows = Flows::default();
        for (index, (within, legs)) in (1..).zip(entries) {
            let transaction =
                Transaction { index, what: "Load".into(), store: "S".into(), legs, ..Transaction::default() };
            flows.note(&transaction, within).expect("in range");
        }
        flows
    }

    #[test]
    fn what_became_of_a_bonus_stands_beside_the_load_that_gave_it() {
        let (one, two, moved) = ((1, 2, 1), (1, 3, 2), (2, 2, 3));
        let flows = noted(vec![
            (false, vec![bonus(one, 100), named("bonus-expense", -100)]),
            (true, vec![bonus(two, 50), named("bonus-expense", -50)]),
            // A transfer of 30 of the first and 20 of the second, into one lot; the second comes to be the first's there.
            (true, vec![bonus(one, -30), bonus(moved, 30), bonus(two, -20), bonus(moved, 20)]),
            (true, vec![bonus(moved, -15), named("redemption:S", 15)]),
            (true, vec![bonus(moved, 5), named("redemption:S", -5)]),
            (true, vec![bonus(two, -10), named("bonus-expense", 10)]),
            (true, vec![bonus(one, -70), named("breakage", 70), bonus(two, -3), named("redemption:S", 3)]),
        ]);
        let cells =
            |index: u64| (flows.flows[&index].cells(), flows.flows[&index].closing().expect("in range"));
        // Opening, given, clawed back, spent, came back, moved, expired; closing.
        assert_eq!(cells(1), ([100, 0, 0, 15, 5, 20, 70], 40));
        assert_eq!(cells(2), ([0, 50, 10, 3, 0, -20, 0], 17));
        assert_eq!(flows.flows.len(), 2);
        let all = flows.by("t", "T", &[], |_, _| Vec::new()).expect("a table");
        assert_eq!(all.rows[0].last(), Some(&Cell::Amount(57, CNY())), "57 is what the lots hold");
    }
}
