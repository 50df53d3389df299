//! FINANCE.md says what the program does.

use gateway::finance::chart::PURPOSES;

const GUIDE: &str = include_str!("../../../FINANCE.md");

#[test]
fn the_guide_has_every_account_of_the_chart_by_its_key_name_and_purpose() {
    for row in PURPOSES {
        let line = format!("| `{}` | `{}` | {} |", row.key, row.name, row.what);
        assert!(GUIDE.contains(&line), "FINANCE.md lacks the line\n{line}");
    }
}
