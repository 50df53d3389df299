//! A report as one page of HTML that needs nothing else: tables, and bars as plain SVG. No script, nothing fetched, black on
//! white, whole on A4. Every text is escaped; all coordinates are integers.

use super::sheet::{Cell, Sheet, Table};
use crate::plain::stands;

/// Width of a chart in its own units.
const WIDTH: i64 = 720;
/// Half-width characters in a line of a label.
const LINE: usize = 84;
/// Tables with more columns are printed smaller.
const WIDE: usize = 8;
/// Rows of a table that its chart draws at most, and how high it becomes: charts are not cut in two, so one must fit on a page under its
/// title. A page is 180 mm by 267 mm within its margins, which is 720 by 1068 units.
const BARS: usize = 24;
const HIGH: i64 = 960;
const STYLE: &str = "@page{size:A4;margin:15mm;@bottom-right{content:counter(page) \" / \" counter(pages);font:8pt sans-serif}}\
body{font:10pt/1.4 sans-serif;color:#000;background:#fff;max-width:180mm;margin:auto}\
h1{font-size:16pt;margin:0}h2{font-size:12pt;margin:6mm 0 2mm;break-after:avoid}\
table{border-collapse:collapse;width:100%;font-size:8pt}thead{display:table-header-group}\
tr{break-inside:avoid}p{orphans:3;widows:3}th,td{border-bottom:1px solid #000;padding:1mm;text-align:left;vertical-align:top;overflow-wrap:anywhere}\
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
        page.push_str("<p>The last business date is not closed: it may still change.</p>\n");
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

/// A text that is nothing but text, wherever it stands in a page, and turns nothing around it. Characters that do more than stand there
/// become a replacement mark.
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
            c if stands(c) => safe.push(c),
            _ => safe.push(char::REPLACEMENT_CHARACTER),
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
            // A name that is written from the right does not move what stands beside it.
            text.push_str(&format!("<td{class}><bdi>{}</bdi></td>", escaped(&cell.shown())));
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</tbody>\n</table>\n");
    text
}

/// A bar for each of the first rows, its label and amount above it; what is below zero goes to the left and is hollow.
fn chart(table: &Table) -> String {
    let Some(drawn) = table.drawn.filter(|_| !table.rows.is_empty()) else { return String::new() };
    let length = |row: &Vec<Cell>| row.get(drawn).map_or(0, Cell::length);
    let lengths = || table.rows.iter().take(BARS).map(length);
    let below = lengths().min().unwrap_or(0).min(0).unsigned_abs();
    let above = lengths().max().unwrap_or(0).max(0).unsigned_abs();
    let span = u128::from(below).saturating_add(u128::from(above));
    // Rounded down to a unit of the chart.
    let scaled = |amount: u64| -> i64 {
        let long = u128::from(amount).saturating_mul(u128::from(WIDTH.unsigned_abs()));
        long.checked_div(span).and_then(|long| i64::try_from(long).ok()).unwrap_or(0)
    };
    let zero = scaled(below);
    let (mut bars, mut y, mut count) = (String::new(), 0_i64, 0_usize);
    for row in table.rows.iter().take(BARS) {
        let (label, under) = labelled(row, drawn, y);
        if under.saturating_add(20) > HIGH && count > 0 {
            break;
        }
        bars.push_str(&label);
        let long = scaled(length(row).unsigned_abs());
        let (x, fill) = if length(row) < 0 { (zero.saturating_sub(long), "#fff") } else { (zero, "#000") };
        bars.push_str(&format!(
            "<rect x=\"{x}\" y=\"{}\" width=\"{long}\" height=\"8\" fill=\"{fill}\" stroke=\"#000\"/>\n",
            under.saturating_add(4)
        ));
        (y, count) = (under.saturating_add(16), count.saturating_add(1));
    }
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-1 0 {} {}\" role=\"img\">\n<title>{}</title>\n{bars}</svg>\n",
        WIDTH.saturating_add(2),
        y.saturating_add(4),
        escaped(table.title)
    );
    if table.rows.len() > count {
        text.push_str(&format!("<p>The first {count} of {} rows are drawn.</p>\n", table.rows.len()));
    }
    text
}

/// The text above a row's bar, from `y` on, and where it ends: the label in lines, and the amount at the right of the last one that has
/// the room. They are texts of their own, so that neither moves the other whichever way it is written.
fn labelled(row: &[Cell], drawn: usize, mut y: i64) -> (String, i64) {
    let label = row.iter().take(drawn).filter(|cell| !cell.is_number()).map(Cell::shown);
    let label: Vec<String> = label.filter(|part| !part.is_empty()).collect();
    let value = row.get(drawn).map_or_else(String::new, Cell::shown);
    let (mut text, lines) = (String::new(), lines(&label.join("  ")));
    let room =
        lines.last().map_or(0, |line| places(line)).saturating_add(places(&value)).saturating_add(2) <= LINE;
    for line in &lines {
        y = y.saturating_add(14);
        text.push_str(&format!("<text x=\"0\" y=\"{y}\">{}</text>\n", escaped(line)));
    }
    if !room {
        y = y.saturating_add(14);
    }
    text.push_str(&format!("<text x=\"{WIDTH}\" y=\"{y}\" text-anchor=\"end\">{}</text>\n", escaped(&value)));
    (text, y)
}

/// Half-width places of a text; characters beyond ASCII take two.
fn places(text: &str) -> usize {
    text.chars().fold(0, |places, c| places.saturating_add(if c.is_ascii() { 1 } else { 2 }))
}

/// A label in lines that a chart has the width for.
fn lines(label: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut taken = 0_usize;
    for c in label.chars() {
        let wide = if c.is_ascii() { 1 } else { 2 };
        if taken.saturating_add(wide) > LINE {
            lines.push(String::new());
            taken = 0;
        }
        taken = taken.saturating_add(wide);
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
    fn a_name_turns_nothing_that_stands_beside_it() {
        let cny = || Commodity { name: "CNY".into(), exponent: 2 };
        for turn in ['\u{202e}', '\u{2066}', '\u{1b}', '\0', '\n', '\u{2029}'] {
            let name = format!("Nan{turn}jing");
            let page = page(&sheet(vec![vec![Cell::text(&name), Cell::Amount(12_34, cny())]]));
            assert!(page.contains("<td><bdi>Nan\u{fffd}jing</bdi></td>"), "{page}");
            assert!(page.contains(">Nan\u{fffd}jing</text>"), "{page}");
            assert!(page.chars().all(|c| stands(c) || c == '\n'), "{turn:?} in {page}");
        }
        // Written from the right, and no trick: it stays, and the amount is a text of its own.
        let page = page(&sheet(vec![vec![Cell::text("חנות"), Cell::Amount(12_34, cny())]]));
        assert!(
            page.contains(">חנות</text>") && page.contains(" text-anchor=\"end\">12.34</text>"),
            "{page}"
        );
    }

    #[test]
    fn a_page_is_whole_and_its_chart_fits_on_it_with_no_row_one_and_five_hundred() {
        let cny = || Commodity { name: "CNY".into(), exponent: 2 };
        for (rows, long) in
            [(0, 1), (1, 1), (24, 1), (25, 1), (500, 1), (500, 83), (500, 84), (24, 300), (3, 9000)]
        {
            let row = |at: i64| vec![Cell::text("南".repeat(long)), Cell::Amount(at - 3, cny())];
            let page = page(&sheet((0..rows).map(row).collect()));
            assert_eq!(
                page.matches("<tr>").count(),
                usize::from(rows > 0) + usize::try_from(rows).expect("few")
            );
            assert_eq!(page.contains("<p>Nothing.</p>"), rows == 0);
            for tag in ["table", "tr", "td", "th", "svg", "text", "p", "h2", "body", "html"] {
                let opened =
                    page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
                assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag} of {rows}");
            }
            let drawn = page.matches("<rect ").count();
            assert_eq!(
                page.contains("rows are drawn"),
                drawn < usize::try_from(rows).expect("few"),
                "{rows} {long}"
            );
            let Some(view) = page.split("viewBox=\"-1 0 722 ").nth(1) else {
                assert_eq!(rows, 0);
                continue;
            };
            let high: i64 = view.split('"').next().expect("its end").parse().expect("a height");
            assert!(drawn > 0 && (high <= HIGH || drawn == 1), "{rows} {long}: {high}");
            for y in page.split(" y=\"").skip(1) {
                let y: i64 = y.split('"').next().expect("its end").parse().expect("an integer");
                assert!(y > 0 && y < high, "{y} of {high}");
            }
        }
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
