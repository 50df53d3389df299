//! How the demo's page looks.

pub(crate) fn title(text: &str) {
    println!("\n  {text}\n  {}", "═".repeat(text.chars().count()));
}

pub(crate) fn section(time: &str, text: &str) {
    println!("\n  {time:<6} {text}");
}

pub(crate) fn say(text: &str) {
    println!("         {}", text.trim_end());
}

pub(crate) fn note(text: &str) {
    println!("         {text}");
}

pub(crate) fn done(text: &str) {
    println!("\n  {text}\n");
}

/// Minor units as people write them.
pub(crate) fn money(minor: i64) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let minor = minor.unsigned_abs();
    format!("{sign}{}.{:02}", minor / 100, minor % 100)
}
