//! What a comparison says, for people. All of what stands in a statement or was sent by a till is written so that it cannot change
//! how the rest looks.

use std::path::Path;

use comfy_table::{Table, presets};

use super::Told;
use crate::finance::reconcile::{Line, Movement, Outcome, Pair, Span, Statement, is_unseen};

/// Most lines of each list that are printed.
const MOST: usize = 40;
/// Most signs of a field.
const WIDEST: usize = 48;

struct Page<'a> {
    told: &'a Told,
    text: String,
}

pub(super) fn page(told: &Told, statement: &Path) -> String {
    let mut page = Page { told, text: String::new() };
    page.head(statement);
    page.totals();
    page.file();
    page.lists();
    page.notes();
    page.text
}

/// How many lines were passed over, by reason.
pub(super) fn passed(said: &Statement) -> String {
    let each: Vec<String> =
        said.passed.iter().map(|(why, number)| format!("{} {number}", why.name())).collect();
    each.join(", ")
}

/// Text from elsewhere: nothing unseen in it, and no more of it than fits.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for sign in text.chars().take(WIDEST) {
        if sign.is_control() || is_unseen(sign) {
            plain.extend(sign.escape_unicode());
        } else {
            plain.push(sign);
        }
    }
    if text.chars().nth(WIDEST).is_some() {
        plain.push('…');
    }
    plain
}

impl Page<'_> {
    fn say(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn table<const N: usize>(&mut self, head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) {
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(head);
        for row in rows {
            table.add_row(row);
        }
        self.say(&table.to_string());
    }

    fn more(&mut self, number: usize) {
        if number > MOST {
            self.say(&format!("and {} more; --json has all of them", number.saturating_sub(MOST)));
        }
    }

    fn tenders(&self) -> String {
        let tenders: Vec<String> = self.told.map.tenders.iter().map(u8::to_string).collect();
        tenders.join(", ")
    }

    fn head(&mut self, statement: &Path) {
        let Told { days: Span { from, to }, currency, entries, .. } = self.told;
        self.say(&format!(
            "{} and tender {}, {from} to {to}, in {}; journal entries {} to {}",
            plain(&statement.display().to_string()),
            self.tenders(),
            currency.name,
            entries.0,
            entries.1
        ));
    }

    fn totals(&mut self) {
        let told = self.told;
        let rows = told.outcome.totals().map(|(name, totals)| {
            [
                name.to_owned(),
                totals.lines.to_string(),
                told.shown(totals.statement),
                totals.movements.to_string(),
                told.shown(totals.here),
                told.shown(totals.difference()),
            ]
        });
        self.table(["", "lines", "statement", "here", "sum here", "difference"], rows);
    }

    /// Every line of the file.
    fn file(&mut self) {
        let rows = self.told.accounted();
        let all = [("in all", self.told.said.file)];
        let rows = rows.into_iter().chain(all);
        self.say("\nLines of the file:");
        self.table(["", "lines"], rows.map(|(what, number)| [what.to_owned(), number.to_string()]));
    }

    fn lists(&mut self) {
        let told = self.told;
        let outcome = &told.outcome;
        self.dropped();
        self.pairs("The amount differs:", outcome.differing.iter());
        let late = outcome.late.iter().filter_map(|at| outcome.matched.get(*at));
        self.pairs("The same, but too many days apart:", late);
        self.pairs("Possibly the same: a spreadsheet has spoilt the reference:", outcome.possible.iter());
        self.pairs(
            "Lines of these days whose payments are of other days, and in no sum:",
            outcome.elsewhere.iter(),
        );
        self.sides("In the statement, and not here:", &outcome.missing_here, &[]);
        self.sides("Here, and not in the statement:", &[], &outcome.missing_there);
        for group in outcome.ambiguous.iter().take(MOST) {
            self.sides("Which is which cannot be told:", &group.lines, &group.movements);
        }
        self.more(outcome.ambiguous.len());
        for group in outcome.repeated_lines.iter().take(MOST) {
            self.sides("One reference, several payments in the statement:", group, &[]);
        }
        self.more(outcome.repeated_lines.len());
        for group in outcome.repeated_movements.iter().take(MOST) {
            self.sides("One reference, several payments here:", &[], group);
        }
        self.more(outcome.repeated_movements.len());
        let undone: Vec<Movement> = outcome.undone.iter().flatten().cloned().collect();
        self.sides("Undone here, and so nothing:", &[], &undone);
    }

    fn dropped(&mut self) {
        let told = self.told;
        let dropped = &told.said.dropped;
        if dropped.is_empty() {
            return;
        }
        self.say("\nDropped by the map, and with an amount:");
        let rows = dropped.iter().take(MOST).map(|line| {
            [
                line.line.to_string(),
                line.why.name().to_owned(),
                line.day.map(|day| day.to_string()).unwrap_or_default(),
                told.shown(line.amount.into()),
                if line.looks_paid() { "a payment? look at [file] of the map".into() } else { String::new() },
            ]
        });
        self.table(["line", "as", "day", "amount", ""], rows);
        self.more(dropped.len());
    }

    fn pairs<'p>(&mut self, title: &str, pairs: impl Iterator<Item = &'p Pair>) {
        let pairs: Vec<&Pair> = pairs.collect();
        if pairs.is_empty() {
            return;
        }
        let told = self.told;
        self.say(&format!("\n{title}"));
        let rows = pairs.iter().take(MOST).map(|pair| {
            let Pair { line, movement, .. } = pair;
            let difference = i128::from(line.amount).saturating_sub(i128::from(movement.amount));
            [
                plain(&line.reference),
                line.line.to_string(),
                line.day.to_string(),
                told.shown(line.amount.into()),
                movement.index.to_string(),
                movement.day.to_string(),
                told.shown(movement.amount.into()),
                told.shown(difference),
            ]
        });
        self.table(["reference", "line", "day", "statement", "entry", "day", "here", "difference"], rows);
        self.more(pairs.len());
    }

    fn sides(&mut self, title: &str, lines: &[Line], movements: &[Movement]) {
        if lines.is_empty() && movements.is_empty() {
            return;
        }
        let told = self.told;
        self.say(&format!("\n{title}"));
        let number = lines.len().saturating_add(movements.len());
        let lines = lines.iter().map(|line| {
            let place = format!("line {}", line.line);
            let spoilt = if line.cut { "reference spoilt" } else { "" };
            let amount = told.shown(line.amount.into());
            [place, line.day.to_string(), amount, plain(&line.reference), spoilt.to_owned()]
        });
        let movements = movements.iter().map(|movement| {
            let what = format!("{} {} {}", movement.what, movement.request, movement.store);
            let place = format!("entry {}", movement.index);
            let amount = told.shown(movement.amount.into());
            [place, movement.day.to_string(), amount, plain(&movement.reference), plain(&what)]
        });
        self.table(["where", "day", "amount", "reference", "what"], lines.chain(movements).take(MOST));
        self.more(number);
    }

    fn notes(&mut self) {
        let told = self.told;
        self.say("");
        if told.map.says_fees() {
            let fees = told.shown(told.outcome.all().fees);
            self.say(&format!("The provider has kept {fees} in fees of the lines in the sums."));
        }
        self.spoilt(&told.outcome);
        if let Some(unit) = told.outcome.in_another_unit() {
            self.say(&format!(
                "Every amount that differs does so by the factor 100: is it unit = {unit:?} in [numbers] of the map?"
            ));
        }
        if !told.complete {
            self.say("The journal has not come past these days: payments may follow.");
        }
        self.uncompared();
        self.say(match told.code() {
            0 => "All of it matches.",
            1 => "Not all of it matches.",
            _ => "Nothing matches and nothing differs, because there was nothing: look at the days, the tender and the store.",
        });
    }

    fn spoilt(&mut self, outcome: &Outcome) {
        let groups = outcome.ambiguous.iter().flat_map(|group| &group.lines);
        let pairs = outcome.possible.iter().map(|pair| &pair.line);
        let lines = outcome.missing_here.iter().chain(groups).filter(|line| line.cut).chain(pairs);
        let mut lines: Vec<u64> = lines.map(|line| line.line).collect();
        if lines.is_empty() {
            return;
        }
        lines.sort_unstable();
        let shown: Vec<String> = lines.iter().take(MOST).map(u64::to_string).collect();
        let more = if lines.len() > MOST { " and more" } else { "" };
        self.say(&format!(
            "A spreadsheet has spoilt the references of {} lines ({}{more}): take the file as the provider wrote it.",
            lines.len(),
            shown.join(", ")
        ));
    }

    /// What was looked at, when one side has nothing.
    fn uncompared(&mut self) {
        let told = self.told;
        let Some(has) = &told.has else { return };
        let Span { from, to } = told.days;
        let stores = if told.map.stores.is_empty() { "all".to_owned() } else { told.map.stores.join(", ") };
        self.say(&format!(
            "Nothing was compared. Looked for: {from} to {to}, tender {}, stores: {}.",
            self.tenders(),
            plain(&stores)
        ));
        let seen = told.said.seen.map_or("has no payment at all".to_owned(), |seen| {
            format!("has payments from {} to {}", seen.from, seen.to)
        });
        self.say(&format!("The statement {seen}; {} of them are of these days.", told.outcome.all().lines));
        let loads: Vec<String> = has
            .tenders
            .iter()
            .map(|(tender, (number, days))| {
                format!("tender {tender}: {number}, {} to {}", days.from, days.to)
            })
            .collect();
        let loads = if loads.is_empty() { "none".to_owned() } else { loads.join("; ") };
        self.say(&format!("Loads in the whole journal, in all stores: {loads}."));
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn what_is_not_seen_is_written_out_and_what_is_long_is_cut() {
        assert_eq!(plain("订单 A-1"), "订单 A-1");
        assert_eq!(plain("A\u{202e}1\u{1b}[2J\t"), "A\\u{202e}1\\u{1b}[2J\\u{9}");
        assert_eq!(plain(&"x".repeat(48)), "x".repeat(48));
        assert_eq!(plain(&"x".repeat(49)), format!("{}…", "x".repeat(48)));
    }
}
