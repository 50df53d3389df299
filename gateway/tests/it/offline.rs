//! Sales that were approved while the gateway was away, money that nobody was credited with, and what people make of both.

mod bench;
mod drawn;
pub(crate) mod import;
mod never;
mod rules;
mod settling;
mod undoing;
pub(crate) mod wire;

/// The default programme with offline approval: 50.00 a sale, 80.00 a card, 5 sales, 200.00 in all.
pub(crate) fn programme() -> String {
    let document =
        gateway::programme_file::DEFAULT.replace("hold_hours = 168 ", "offline = true\nhold_hours = 168 ");
    let offline = "[offline]\nper_transaction = \"50.00\"\nper_card = \"80.00\"\ncount = 5\nsum = \"200.00\"\nhours = 24\n";
    format!("{document}\n{offline}")
}

/// Puts the programme with offline approval in force.
pub(crate) fn switch_on(site: &crate::harness::Site) {
    let file = site.beside("offline.toml");
    std::fs::write(&file, programme()).expect("a file");
    site.json(&["programme", "activate", file.to_str().expect("a path")]);
}
