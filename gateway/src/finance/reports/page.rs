//! A report as one page of HTML that needs nothing else: tables, and bars as plain SVG. No script, nothing fetched, black on
//! white, whole on A4. Every text is escaped; all coordinates are integers.

use super::sheet::{Cell, Sheet, Table};

/// Width of a chart in its own units.
const WIDTH: i64 = 720;
/// Half-width characters in a line of a label.
const LINE: usize = 84;
/// Tables with more columns are printed smaller.
const WIDE: usize = 8;
/// Rows of a table that its chart draws.
const BARS: usize = 24;
const STYLE: &str = "@page{size:A4;margin:15mm}\
body{font:10pt/1.4 sans-serif;color:#000;background:#fff;max-width:180mm;margin:auto}\
h1{font-size:16pt;margin:0}h2{font-size:12pt;margin:6mm 0 2mm;break-after:avoid}\
table{border-collapse:collapse;width:100%;font-size:8pt}thead{display:table-header-group}\
tr{break-inside:avoid}th,td{border-bottom:1px solid #000;padding:1mm;text-align:left;vertical-align:top;overflow-wrap:anywhere}\
.w{font-size:6.5pt}.n{text-align:right;overflow-wrap:normal;white-space:nowrap}svg{width:100%;height:auto;break-inside:avoid}text{font:11px sans-serif;fill:#000}";

/// The page.
#[must_use]
pub fn page(sheet: &Sheet) -> String {
    let title = format!("{} {}", sheet.title, sheet.period);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n\
         <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{}</h1>\n<p>{}</p>\n",
        escaped(&title),
        escaped(sheet.title),
        escaped(&sheet.period)
    );
    if !sheet.complete {
        page.push_str("<p>The last business date is not over by the journal: it may change.</p>\n");
    }
    for table in &sheet.tables {
        page.push_str(&format!("<h2>{}</h2>\n", escaped(table.title)));
        page.push_str(&chart(table));
        page.push_str(&tabled(table));
    }
    for note in &sheet.notes {
        page.push_str(&format!("<p>{}</p>\n", escaped(note)));
    }
    page.push_str("</body>\n</html>\n");
    page
}

/// A text that is nothing but text, wherever it stands in a page. Characters that no page may have become a replacement mark.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            c if c.is_control() && !matches!(c, '\n' | '\t') => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

fn tabled(table: &Table) -> String {
    if table.rows.is_empty() {
        return "<p>Nothing.</p>\n".into();
    }
    let is_number = |at: usize| table.rows.iter().all(|row| row.get(at).is_some_and(Cell::is_number));
    let class = |at: usize| if is_number(at) { " class=\"n\"" } else { "" };
    let wide = if table.columns.len() > WIDE { " class=\"w\"" } else { "" };
    let mut text = format!("<table{wide}>\n<thead><tr>");
    for (at, column) in table.columns.iter().enumerate() {
        text.push_str(&format!("<th{}>{}</th>", class(at), escaped(column)));
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    let classes: Vec<&str> = (0..table.columns.len()).map(class).collect();
    for row in &table.rows {
        text.push_str("<tr>");
        for (cell, class) in row.iter().zip(&classes) {
            text.push_str(&format!("<td{class}>{}</td>", escaped(&cell.shown())));
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</tbody>\n</table>\n");
    text
}

/// A bar for each of the first rows, its label and amount above it; what is below zero goes to the left and is hollow.
fn chart(table: &Table) -> String {
    let Some(drawn) = table.drawn.filter(|_| !table.rows.is_empty()) else { return String::new() };
    let rows: Vec<&Vec<Cell>> = table.rows.iter().take(BARS).collect();
    let lengths: Vec<i64> = rows.iter().map(|row| row.get(drawn).map_or(0, Cell::length)).collect();
    let below = lengths.iter().copied().min().unwrap_or(0).min(0).unsigned_abs();
    let above = lengths.iter().copied().max().unwrap_or(0).max(0).unsigned_abs();
    let span = u128::from(below).saturating_add(u128::from(above));
    // Rounded down to a unit of the chart.
    let scaled = |amount: u64| -> i64 {
        let long = u128::from(amount).saturating_mul(u128::from(WIDTH.unsigned_abs()));
        long.checked_div(span).and_then(|long| i64::try_from(long).ok()).unwrap_or(0)
    };
    let zero = scaled(below);
    let (mut bars, mut y) = (String::new(), 0_i64);
    for (row, length) in rows.iter().zip(&lengths) {
        let label = row.iter().take(drawn).filter(|cell| !cell.is_number()).map(Cell::shown);
        let value = row.get(drawn).map_or_else(String::new, Cell::shown);
        let label: Vec<String> = label.chain([value]).filter(|part| !part.is_empty()).collect();
        for line in lines(&label.join("  ")) {
            y = y.saturating_add(14);
            bars.push_str(&format!("<text x=\"0\" y=\"{y}\">{}</text>\n", escaped(&line)));
        }
        let long = scaled(length.unsigned_abs());
        let (x, fill) = if *length < 0 { (zero.saturating_sub(long), "#fff") } else { (zero, "#000") };
        bars.push_str(&format!(
            "<rect x=\"{x}\" y=\"{}\" width=\"{long}\" height=\"8\" fill=\"{fill}\" stroke=\"#000\"/>\n",
            y.saturating_add(4)
        ));
        y = y.saturating_add(16);
    }
    let height = y.saturating_add(4);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-1 0 {} {height}\" role=\"img\">\n<title>{}</title>\n{bars}</svg>\n",
        WIDTH.saturating_add(2),
        escaped(table.title)
    );
    if table.rows.len() > BARS {
        text.push_str(&format!("<p>The first {BARS} of {} rows are drawn.</p>\n", table.rows.len()));
    }
    text
}

/// A label in lines that a chart has the width for; characters beyond ASCII take two places.
fn lines(label: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut places = 0_usize;
    for c in label.chars() {
        let wide = if c.is_ascii() { 1 } else { 2 };
        if places.saturating_add(wide) > LINE {
            lines.push(String::new());
            places = 0;
        }
        places = places.saturating_add(wide);
        if let Some(line) = lines.last_mut() {
            line.push(c);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finance::book::Commodity;

    fn sheet(rows: Vec<Vec<Cell>>) -> Sheet {
        let table = Table { rows, ..Table::new("t", "Title", &["what", "amount"]).drawing("amount") };
        let period = "2026-11-30".into();
        Sheet {
            report: "r",
            title: "Report",
            period,
            complete: true,
            tables: vec![table],
            notes: vec!["a < b"],
        }
    }

    #[test]
    fn no_text_of_anybodys_becomes_anything_but_text() {
        let hostile = "</td><script>alert('x')</script>&\"\u{0}\u{1b}";
        let cny = Commodity { name: "CNY".into(), exponent: 2 };
        let page = page(&sheet(vec![vec![Cell::text(hostile), Cell::Amount(-5, cny)]]));
        assert!(!page.contains("<script") && !page.contains('\u{0}') && !page.contains('\u{1b}'));
        assert!(page.contains(
            "&lt;/td&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;\u{fffd}\u{fffd}"
        ));
        assert!(page.contains("a &lt; b") && page.contains("-0.05"));
    }

    #[test]
    fn bars_stay_within_the_chart_whatever_they_show() {
        let cny = || Commodity { name: "CNY".into(), exponent: 2 };
        for amounts in [&[i64::MAX, i64::MIN][..], &[0, 0], &[-1], &[1, 2, 3], &[]] {
            let rows =
                amounts.iter().map(|amount| vec![Cell::text("x".repeat(300)), Cell::Amount(*amount, cny())]);
            let page = page(&sheet(rows.collect()));
            for rect in page.split("<rect ").skip(1) {
                let number = |name: &str| -> i64 {
                    let rest = rect.split(&format!("{name}=\"")).nth(1).expect("there");
                    rest.split('"').next().expect("its end").parse().expect("an integer")
                };
                let (x, width) = (number("x"), number("width"));
                assert!(x >= 0 && width >= 0 && x + width <= WIDTH, "{amounts:?}: {x} {width}");
            }
            assert!(lines(&"x".repeat(300)).iter().all(|line| line.len() <= LINE));
        }
    }
}
