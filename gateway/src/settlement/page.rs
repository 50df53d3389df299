//! A settlement as a page of text: what a manager files first, then each store and shift.

use super::shift::{Batch, Difference, Reconciled};
use super::{Flow, Settlement};
use crate::finance::shown;
use crate::plain::plain;

/// The page.
pub(super) fn page(settlement: &Settlement) -> String {
    let page = Page { settlement, text: String::new() };
    page.head().summary().open().stores().exceptions().offline().text
}

struct Page<'a> {
    settlement: &'a Settlement,
    text: String,
}

/// Columns as wide as they must be; the first is on the left, the others on the right.
fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(|cell| plain(cell))).collect();
    let wide = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().enumerate().map(|(at, cell)| match at {
            0 => format!("{cell:<width$}", width = wide(at)),
            _ => format!("{cell:>width$}", width = wide(at)),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(&format!("  {}\n", line.trim_end()));
    }
    text
}

impl Page<'_> {
    fn money(&self, minor: i64) -> String {
        shown(minor, self.settlement.exponent)
    }

    fn line(mut self, text: &str) -> Self {
        self.text.push_str(&plain(text));
        self.text.push('\n');
        self
    }

    fn head(self) -> Self {
        let settlement = self.settlement;
        let of = settlement.store.as_ref().map_or("all stores".to_owned(), |store| format!("store {store}"));
        let closed = match &settlement.closed {
            Some(closed) if closed.by.is_empty() => {
                format!("Closed because it was over, at {}, by entry {}.", closed.at, closed.entry)
            }
            Some(closed) => format!("Closed by {} at {}, by entry {}.", closed.by, closed.at, closed.entry),
            None => "Not closed: this is what there is so far.".to_owned(),
        };
        let entries = match (settlement.first_entry, settlement.last_entry) {
            (0, _) => "No entries.".to_owned(),
            (first, last) => {
                format!("Journal entries {first} to {last}; amounts in {}.", settlement.currency)
            }
        };
        self.line(&format!("Settlement of business date {}, {of}", settlement.business_date))
            .line(&closed)
            .line(&entries)
            .line("")
    }

    fn summary(self) -> Self {
        let settlement = self.settlement;
        let mut page = self.flow(&settlement.flow);
        if let Some(held) = &settlement.held {
            let mut rows = vec![
                ["principal".to_owned(), page.money(held.principal_minor)],
                ["bonus".to_owned(), page.money(held.bonus_minor)],
            ];
            rows.extend(held.points.iter().map(|(kind, points)| [kind.clone(), points.to_string()]));
            let pending = held.pending.iter().filter(|(_, points)| **points != 0);
            rows.extend(pending.map(|(kind, points)| [format!("{kind}, pending"), points.to_string()]));
            if held.suspense_minor != 0 {
                rows.push(["waiting on suspense accounts".to_owned(), page.money(held.suspense_minor)]);
            }
            page = page.line("").line("Owed to card holders at the end");
            page.text.push_str(&columns(&rows));
        }
        page
    }

    fn flow(mut self, flow: &Flow) -> Self {
        let mut tenders = vec![["taken in by tender", "lines", "in", "out", "net"].map(str::to_owned)];
        for (name, tender) in &flow.tenders {
            let net = tender.in_minor.saturating_sub(tender.out_minor);
            let [taken, out, net] = [tender.in_minor, tender.out_minor, net].map(|minor| self.money(minor));
            tenders.push([name.clone(), tender.lines.to_string(), taken, out, net]);
        }
        if tenders.len() == 1 {
            tenders.push(["nothing", "0", "", "", ""].map(str::to_owned));
        }
        let mut rows = vec![["", "number", "amount"].map(str::to_owned)];
        let (loaded, paid, refunded) = (flow.loaded, flow.paid, flow.refunded);
        rows.push(["loaded onto cards".into(), loaded.count.to_string(), self.money(loaded.amount_minor)]);
        rows.push(["paid by cards".into(), paid.count.to_string(), self.money(paid.amount_minor)]);
        rows.push([
            "refunded to cards".into(),
            refunded.count.to_string(),
            self.money(refunded.amount_minor),
        ]);
        rows.push(["bonus given".into(), String::new(), self.money(flow.bonus_minor)]);
        if flow.expired_minor != 0 {
            rows.push(["expired on cards".into(), String::new(), self.money(flow.expired_minor)]);
        }
        for (kind, points) in &flow.points {
            rows.push([format!("{kind} issued"), String::new(), points.issued.to_string()]);
            rows.push([format!("{kind} redeemed or taken back"), String::new(), points.redeemed.to_string()]);
            if points.expired != 0 {
                rows.push([format!("{kind} expired"), String::new(), points.expired.to_string()]);
            }
        }
        self.text.push_str(&columns(&tenders));
        self.text.push_str(&columns(&rows));
        self
    }

    fn open(self) -> Self {
        let settlement = self.settlement;
        let carried = settlement.exceptions.iter().filter(|open| open.carried).count();
        let mut page = self.line("");
        let exceptions = settlement.exceptions.len();
        page = page.line(&format!(
            "Exceptions open: {exceptions}, {carried} of them of earlier days; settled on this day: {}.",
            settlement.settled.len()
        ));
        if let Some(held) = &settlement.held {
            let sum = page.money(held.holds.amount_minor);
            page = page.line(&format!("Holds open: {}, of {sum}.", held.holds.count));
        }
        let open: Vec<String> = settlement.open_shifts().map(|(_, batch)| name(batch)).collect();
        let open = if open.is_empty() { "none".to_owned() } else { open.join("; ") };
        page.line(&format!("Shifts not reconciled: {open}."))
    }

    fn stores(mut self) -> Self {
        for (store, batch) in &self.settlement.stores {
            self = self.line("").line(&format!("STORE {store}"));
            if self.settlement.stores.len() > 1 {
                self = self.flow(&batch.flow);
            }
            for shift in &batch.shifts {
                self = self.shift(shift);
            }
            if !batch.others.is_empty() {
                let others = batch.others.iter().map(|(what, count)| format!("{what} {count}"));
                let others = others.collect::<Vec<_>>().join(", ");
                self = self.line(&format!("Operators' acts and what was due: {others}."));
            }
        }
        self
    }

    fn shift(mut self, batch: &Batch) -> Self {
        let cashiers: Vec<&str> = batch.cashiers.iter().map(String::as_str).collect();
        let by = if cashiers.is_empty() { String::new() } else { format!(", by {}", cashiers.join(", ")) };
        let stands = match &batch.reconciled {
            None if batch.shift == 0 => "messages that name none".to_owned(),
            None => "not reconciled".to_owned(),
            Some(reconciled) if reconciled.differences.is_empty() => "reconciled, totals agree".to_owned(),
            Some(_) => "reconciled, TOTALS DIFFER".to_owned(),
        };
        self = self.line(&format!("{}{by}: {stands}", name(batch)));
        let rows: Vec<[String; 3]> = batch
            .lines
            .iter()
            .map(|line| {
                let kind = match line.tender.as_str() {
                    "" => line.kind.clone(),
                    tender => format!("  of it {tender}"),
                };
                [kind, line.count.to_string(), self.money(line.amount_minor)]
            })
            .collect();
        self.text.push_str(&columns(&rows));
        match &batch.reconciled {
            Some(reconciled) => self.differences(reconciled),
            None => self,
        }
    }

    fn differences(mut self, reconciled: &Reconciled) -> Self {
        for difference in &reconciled.differences {
            let Difference { kind, terminal_count, host_count, .. } = difference;
            let terminal = self.money(difference.terminal_minor);
            let host = self.money(difference.host_minor);
            self = self.line(&format!(
                "  {kind}: the terminal has {terminal_count} of {terminal}, the host {host_count} of {host}"
            ));
            let rows: Vec<[String; 3]> = difference
                .stans
                .iter()
                .map(|stan| {
                    let undone = format!("undone by entry {}", stan.undone_by);
                    let undone = if stan.undone_by == 0 { String::new() } else { undone };
                    let fits = if stan.fits { " <- as much as the difference" } else { "" };
                    let amount = self.money(stan.amount_minor);
                    [format!("  STAN {}", stan.stan), amount, format!("{undone}{fits}")]
                })
                .collect();
            self.text.push_str(&columns(&rows));
        }
        if !reconciled.differences.is_empty() && !reconciled.missing.is_empty() {
            let runs = reconciled.missing.iter().map(|(from, to)| match from == to {
                true => from.to_string(),
                false => format!("{from} to {to}"),
            });
            let runs = runs.collect::<Vec<_>>().join(", ");
            self = self.line(&format!("  STANs that never came: {runs}"));
        }
        self
    }

    fn exceptions(mut self) -> Self {
        if self.settlement.exceptions.is_empty() {
            return self;
        }
        let head = ["exception", "since", "store", "terminal", "STAN", "amount", "what"].map(str::to_owned);
        let rows = self.settlement.exceptions.iter().map(|open| {
            let amount = self.money(open.amount_minor);
            let (since, store, terminal) = (open.since.clone(), open.store.clone(), open.terminal.clone());
            [
                open.reference.to_string(),
                since,
                store,
                terminal,
                open.stan.clone(),
                amount,
                open.what.to_owned(),
            ]
        });
        let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
        self = self.line("").line("EXCEPTIONS that somebody has to look into (gateway exception settle)");
        self.text.push_str(&columns(&rows));
        self
    }

    fn offline(mut self) -> Self {
        if self.settlement.offline_sales.is_empty() {
            return self;
        }
        let head = ["entry", "store", "terminal", "STAN", "amount", "sold on"].map(str::to_owned);
        let rows = self.settlement.offline_sales.iter().map(|late| {
            let amount = self.money(late.amount_minor);
            let (store, terminal, on) = (late.store.clone(), late.terminal.clone(), late.happened.clone());
            [late.entry.to_string(), store, terminal, late.stan.to_string(), amount, on]
        });
        let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
        self = self.line("").line("OFFLINE SALES that came in on this day");
        self.text.push_str(&columns(&rows));
        self
    }
}

fn name(batch: &Batch) -> String {
    let shift = if batch.shift == 0 { "no shift".to_owned() } else { format!("shift {}", batch.shift) };
    format!("Terminal {}-{}, {shift}", batch.terminal, batch.generation)
}
