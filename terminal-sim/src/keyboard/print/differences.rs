//! Which transactions differ after a closing whose totals do, page by page.

use super::super::paper::Paper;
use super::super::said::ShiftDifferences;
use super::super::slip::Shop;
use crate::shift::{Difference, Page, Row};

pub(super) fn text(found: &ShiftDifferences, shop: &Shop) -> String {
    let mut paper = Paper::default();
    paper.rule();
    paper.pair("WHAT DIFFERS", &shop.terminal);
    paper.pair("Shift", &found.shift.to_string());
    for (page, number) in found.pages.iter().zip(1_u32..) {
        one_page(&mut paper, page, number, shop);
    }
    let count: usize = found.pages.iter().map(|page| page.differences.len()).sum();
    paper.rule();
    paper.pair("Transactions that differ", &count.to_string());
    paper.wrapped(if count == 0 {
        "Both have the same transactions, so their sums were made unlike: call whoever runs the gateway."
    } else {
        "Give this to the office: the difference is on its list of exceptions."
    });
    paper.finish()
}

fn one_page(paper: &mut Paper, page: &Page, number: u32, shop: &Shop) {
    paper.rule();
    paper.pair(&format!("Page {number}"), &format!("STAN {} to {}", page.from, page.to));
    if page.differences.is_empty() {
        paper.pair("  nothing differs", "");
    }
    for one in &page.differences {
        difference(paper, one, shop);
    }
}

fn difference(paper: &mut Paper, one: &Difference, shop: &Shop) {
    let kind = one.here.or(one.there).map_or("", |row| row.kind.name());
    paper.pair(&format!("{:>5} {kind}", one.stan), one.what());
    side(paper, "here", one.here, shop);
    side(paper, "there", one.there, shop);
}

fn side(paper: &mut Paper, name: &str, row: Option<Row>, shop: &Shop) {
    let Some(row) = row else { return };
    let amount = row.amount.map(|amount| shop.unit.show(amount)).unwrap_or_default();
    paper.pair(&format!("      {name:<6}{}", row.state.name()), &amount);
}
