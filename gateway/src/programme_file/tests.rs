//! Files that are whole, and what is said of each mistake.

use super::*;
use crate::domain::programme::load_bonus::{Bonus, LoadStep};

#[test]
fn the_default_programme_is_whole() {
    let programme = parse(DEFAULT).expect("default programme");
    assert_eq!(programme.products["standard"].max_load, 500_000);
    let top = LoadStep { from: 100_000, bonus: Bonus::Fixed(12_000) };
    assert_eq!(programme.load_bonuses[0].steps[3], top);
}

#[test]
fn every_programme_that_is_shipped_can_be_put_in_force() {
    let shipped = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/programmes")).expect("a folder");
    let files = shipped.map(|file| file.expect("a file").path());
    let mut names: Vec<String> = Vec::new();
    for file in files {
        let document = std::fs::read_to_string(&file).expect("text");
        parse(&document).unwrap_or_else(|problems| panic!("{}: {problems:?}", file.display()));
        names.extend(file.file_name().and_then(|name| name.to_str()).map(str::to_owned));
    }
    for system in ["points-fixed.toml", "points-variable.toml", "points-convertible.toml"] {
        assert!(names.iter().any(|name| name == system), "{system}");
    }
}

#[test]
fn each_problem_names_its_line() {
    let broken = DEFAULT
        .replace("\"4:00\"", "")
        .replace("cutover = \"04:00\"", "cutover = \"25:00\"")
        .replace("per = \"1.00\"", "per = \"1.001\"")
        .replace("from = \"300.00\"", "from = \"99.00\"");
    let problems = parse(&broken).expect_err("three problems");
    assert_eq!(problems.len(), 4, "{problems:?}"); // an unreadable `per` is also zero
    for problem in &problems {
        let line = broken.lines().nth(problem.line.expect("a line").saturating_sub(1)).expect("in the file");
        assert!(["25:00", "1.001", "99.00"].iter().any(|bad| line.contains(bad)), "{problem} at {line}");
    }
}

/// Every example in the default file, as if somebody had taken its `#` away.
pub(super) fn with_all_examples() -> String {
    let is_example = |line: &str| {
        let key = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        line.split_once(" = ").is_some_and(|(before, _)| key(before)) || line.starts_with('[')
    };
    let lines = DEFAULT.lines().map(|line| match line.strip_prefix("# ") {
        Some(example) if is_example(example) => example,
        _ => line,
    });
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_cashiers_limit_needs_cashiers_who_sign_on() {
    let limits = "\n[limits]\nterminal_day = { loads = 1 }\ncashier_day = { refunds = 20 }\n";
    for (till, holds) in
        [("[till]\ncashiers = \"sign-on\"", true), ("[till]\ncashiers = \"named\"", false), ("", false)]
    {
        let document = format!("{DEFAULT}{limits}{till}\n");
        let problems = parse(&document).err().unwrap_or_default();
        assert_eq!(problems.is_empty(), holds, "{till}: {problems:?}");
        for problem in problems {
            let line = problem.line.and_then(|line| document.lines().nth(line - 1));
            assert!(line.is_some_and(|line| line.starts_with("cashier_day")), "{problem:?}");
            assert!(problem.message.contains("write `cashiers = \"sign-on\"` under [till]"), "{problem:?}");
        }
    }
}

#[test]
fn every_example_of_the_default_programme_may_be_used_as_it_stands() {
    let document = with_all_examples();
    let programme = parse(&document).expect("a programme");
    let card = &programme.products["standard"];
    assert_eq!(card.pin.map(|pin| (pin.from, pin.tries)), Some((20_000, 3)));
    assert_eq!((card.card_months, card.real_name_above), (Some(36), Some(100_000)));
    assert_eq!(card.monthly.and_then(|month| month.refund_sum), Some(200_000));
    assert_eq!((card.return_days, card.max_unload, card.offline), (Some(7), Some(50_000), true));
    assert!(programme.products["company"].account && !card.account);
    assert_eq!(programme.cashier_day.and_then(|day| day.refunds), Some(20));
    assert_eq!(programme.terminal_day.and_then(|day| day.load_sum), Some(5_000_000));
    let till = programme.till;
    assert!(till.cashiers_sign_on && till.late_returns);
    assert_eq!(
        (till.tries, till.refund_from, till.void_from, till.unload_from),
        (3, Some(20_000), Some(50_000), Some(10_000))
    );
    let payment = programme.points_payment.expect("points as money");
    assert_eq!((payment.points, payment.pays, payment.minimum, payment.step), (100, 1_00, 500, 100));
    assert_eq!(programme.offline.map(|offline| (offline.sum, offline.hours)), Some((200_000, 72)));
    // Every key that there is has its example.
    let raw = concat!(
        include_str!("alert.rs"),
        include_str!("birthday_gift.rs"),
        include_str!("catalogue.rs"),
        include_str!("currency.rs"),
        include_str!("earning.rs"),
        include_str!("leaderboard.rs"),
        include_str!("member.rs"),
        include_str!("member_value.rs"),
        include_str!("partner.rs"),
        include_str!("price.rs"),
        include_str!("product.rs"),
        include_str!("raw.rs"),
        include_str!("segment.rs"),
        include_str!("tier.rs"),
        include_str!("till.rs"),
        include_str!("when.rs"),
    );
    let fields = raw.lines().filter_map(|line| line.trim().strip_prefix("pub "));
    for field in fields.filter_map(|field| field.split_once(": ")).map(|(name, _)| name) {
        assert!(document.contains(field), "{field} is not in the default programme");
    }
}

#[test]
fn each_mistake_of_the_till_names_its_line_and_what_to_write() {
    each_names_its_line(&[
        ("cashiers = \"sign-on\"", "cashiers = \"always\"", "write \"sign-on\", or \"named\""),
        ("tries = 3                 #", "tries = 16 #", "write 1 to 15 wrong PINs"),
        ("tries = 3                 #", "tries = 0 #", "write 1 to 15 wrong PINs"),
        ("pin = { from = \"200.00\", tries = 3", "pin = { from = \"200.00\", tries = 99", "write 1 to 15"),
        ("pin = { from = \"200.00\"", "pin = { from = \"200.001\"", "not an amount"),
        ("pin = { from = \"200.00\", tries", "pin = { tries", "missing field `from`"),
        ("refund_from = \"200.00\"", "refund_from = \"-1\"", "not an amount"),
        ("void_from = ", "voids_from = ", "unknown field `voids_from`"),
        ("late_returns = true", "late_returns = 1", "invalid type"),
        ("cashier_day = { refunds = 20", "cashier_day = { refunds = -1", "invalid value"),
        ("cashier_day = ", "cashier_week = ", "unknown field `cashier_week`"),
        ("refund_sum = \"5000.00\" }", "refund_sum = \"many\" }", "not an amount"),
        ("monthly = { load_sum", "monthly = { loads_sum", "unknown field `loads_sum`"),
        ("card_months = 36", "card_months = 0", "write 1 to 1200 months"),
        ("real_name_above = \"1000.00\"", "real_name_above = \"\"", "not an amount"),
        ("account = true", "account = \"yes\"", "invalid type"),
        ("pays = \"1.00\"", "pays = \"0\"", "pays must be above zero"),
        ("points = 100\n", "points = 0\n", "write 1 to 1,000,000,000 points"),
        ("minimum = 500", "minimum = -1", "write 1 to 1,000,000,000 points"),
        ("step = 100", "step = 0", "write 1 to 1,000,000,000 points"),
        ("max_percent = 50", "max_percent = 101", "write 1 to 100 percent"),
        ("products = [\"standard\"]   #", "products = [\"gold\"]   #", "there is no [product.gold]"),
        ("rule = \"points-as-money\"", "rule = \"\"", "a rule's name has 1 to 32 bytes"),
        ("hours = 72", "hours = 721", "write 1 to 720 hours"),
        ("per_card = \"100.00\"", "per_card = \"1e2x\"", "not an amount"),
        ("count = 100 ", "count = \"100\" ", "invalid type"),
    ]);
}

#[test]
fn each_mistake_of_what_is_earned_names_its_line_and_what_to_write() {
    each_names_its_line(&[
        ("bonus = \"5%\"", "bonus = \"0%\"", "write a percentage above 0"),
        ("bonus = \"5%\"", "bonus = \"101%\"", "write a percentage above 0"),
        ("bonus = \"5%\"", "bonus = 5", "write an amount"),
        ("bonus = 10 }", "bonus = \"10%\" }", "write a number of points"),
        ("from = \"250.00\", bonus", "from = \"0\", bonus", "every full 0 cannot be counted"),
        ("segments = [\"young\"]", "segments = [\"old\"]", "there is no [[segment]] \"old\""),
        ("units = 3", "units = 0", "write 1 to 1,000,000 units"),
        ("units = 3", "units = 3\nper = \"7.00\" #", "write per or units, not both"),
        ("gives = 5\n", "gives = 0\n", "gives must be 1 to 1,000,000 points"),
        ("remainder = \"carry\"", "remainder = \"keep\"", "write one of \"drop\", \"carry\""),
        ("pending = \"return-days\"", "pending = \"week\"", "write one of \"return-days\""),
        ("by = \"purchases\"", "by = \"visits\"", "write one of \"amount\", \"points-held\""),
        ("from = 10, gives", "from = \"10\", gives", "write a number of points"),
        ("pending_days = 8", "pending_days = 0", "write 1 to 8760 days"),
        ("from = \"1600.00\", per", "from = \"800.00\", per", "steps must rise"),
        ("load_bonus = \"sum\"", "load_bonus = \"all\"", "write one of \"best\", \"sum\", \"first\""),
        ("multiplier = \"product\"", "multiplier = \"times\"", "write one of \"best\""),
        ("most_times = \"5\"", "most_times = \"1\"", "write a factor above 1"),
        ("times = \"1.5\"\n", "times = \"1.00001\"\n", "write a factor above 1"),
        ("times = \"2\"\n", "times = 2\n", "invalid type"),
        ("of = \"courtesy\"\nevery", "of = \"curtsy\"\nevery", "there is no [points.curtsy]"),
        ("kind = 17", "kind = 16", "write another kind of 17 to 47"),
        ("kind = 17", "kind = 48", "write another kind of 17 to 47"),
        ("ends = \"year\"", "ends = \"week\"", "write one of \"day\", \"month\", \"year\""),
        ("\nmonths = 6\nends", "\nmonths = 1201\nends", "write 1 to 1200 months"),
        ("points_ends = \"day\"", "points_ends = \"days\"", "write one of \"day\""),
        ("tags = [\"vip\"", "tags = [\"+vip\"", "a tag has 1 to 32 bytes"),
        ("age = { from = 18, below = 30 }", "age = { }", "write whole years"),
        ("age = { from = 18, below = 30 }", "age = { from = 30, below = 30 }", "write whole years"),
        ("last_purchase = { over_days = 90 }", "last_purchase = { }", "write { within_days = 30 }"),
        ("{ over_days = 90 }", "{ over_days = 9, within_days = 9 }", "write { within_days = 30 }"),
        ("segment = \"sleeping\"", "segment = \"young\"", "another segment has this name"),
        ("measure = \"purchases\"", "measure = \"visits\"", "write one of \"spent\""),
        ("measure = \"spent:category:tea\", from = \"1.00\"", "measure = \"spent\"", "write from or below"),
        ("months = 3, below", "months = 0, below", "write 1 to 1200 months"),
    ]);
}

#[test]
fn each_mistake_of_tiers_and_prices_names_its_line_and_what_to_write() {
    each_names_its_line(&[
        ("key = \"platinum\"", "key = \"gold\"", "another [[tier]] has this key"),
        ("key = \"platinum\"", "key = \"plat/inum\"", "a tier's key has 1 to 16 letters"),
        ("name = \"白金卡\"", "name = \"白金卡白金卡白金卡白金\"", "a tier's name has 1 to 32 bytes"),
        ("tiers = [\"gold\", \"platinum\"]", "tiers = [\"bronze\"]", "there is no [[tier]]"),
        ("gift = { points = 100 }", "gift = { points = 0 }", "write 1 to 1,000,000,000 points"),
        ("spent = \"50000.00\", months = 12", "spent = \"0\", months = 12", "write an amount above zero"),
        ("spent = \"50000.00\", months = 12", "months = 12", "this route asks for nothing"),
        ("50000.00\", months = 12", "50000.00\", months = 12, year = true", "write months = 12, or year"),
        ("50000.00\", months = 12", "50000.00\", months = 0", "write 1 to 120 calendar months"),
        ("points_earned = 5000", "points_earned = 0", "write a number above zero"),
        ("brand = \"acme\", amount", "amount", "write a category or a brand"),
        ("spent = \"0.1\"", "spent = \"0\"", "write what 1.00 is worth"),
        ("spent = \"0.1\"", "spent = \"0.0000001\"", "write what 1.00 is worth"),
        ("invitees_spent = \"0.01\"", "invitees_spent = \"101\"", "write what 1.00 is worth"),
        ("units = \"0.10\"", "units = \"0\"", "write what one is worth"),
        ("brand = \"acme\", worth", "worth", "write a category or a brand with the worth"),
        ("\"jewel\", worth", "\"jew;el\", worth", "without ; in its name"),
        ("decay = \"0.95\"", "decay = \"1\"", "write what is left after a month"),
        ("decay = \"0.95\"", "decay = \"0.12345\"", "write what is left after a month"),
        ("decay = \"0.95\"", "months = 121 #", "write 1 to 120 calendar months"),
        ("decay = \"0.95\"", "decay = \"0.9\"\nmonths = 2 #", "write months or decay, not both"),
        ("{ value = \"9000.00\" }", "{ value = \"0\" }", "write an amount above zero"),
        ("{ value = \"9000.00\" }", "{ value = \"1\", months = 2 }", "a value looks back as"),
        ("name = \"Sea Hotel\"", "name = \"\"", "a partner's name has 1 to 32 bytes"),
        ("public_key = \"302a", "public_key = \"312a", "not a public key"),
        ("plus = \"gold\"", "plus = \"bronze\"", "there is no [[tier]]"),
        ("plus = \"gold\"", "plus = \"regular\"", "there is no [[tier]]"),
        ("{ elite = \"platinum\", plus = \"gold\" }", "{ }", "write which tiers are honoured"),
        ("most_months = 6", "most_months = 0", "write 1 to 120 months"),
        ("promotion = \"keep\"", "promotion = \"null\"", "write one of \"keep\", \"reset\""),
        ("\nlasts_months = 12", "\nlasts_months = 0", "write 1 to 120 months"),
        ("\ngrace_days = 30", "\ngrace_days = 367", "write 0 to 366 days"),
        ("downgrade = \"one-step\"", "downgrade = \"two\"", "write one of \"earned\", \"one-step\""),
        ("changed = \"keep\"", "changed = \"now\"", "write one of \"keep\", \"regrade\""),
        ("off = \"12.5%\"", "off = \"12.345%\"", "write a percentage above 0"),
        ("off = \"12.5%\"", "off = \"101%\"", "write a percentage above 0"),
        ("most_off = \"20%\"", "most_off = \"20\"", "write a percentage above 0"),
        ("together = \"best\"", "together = \"all\"", "write one of \"best\", \"sum\", \"product\""),
    ]);
}

#[test]
fn each_mistake_of_members_names_its_line_and_what_to_write() {
    each_names_its_line(&[
        ("joining = \"spend\"", "joining = \"paid\"", "write one of \"free\""),
        ("gift = { rule = \"welcome\", points = 10", "gift = { rule = \"welcome\", points = 0", "write 1 to"),
        ("rule = \"bring-a-friend\"", "rule = \"\"", "a rule's name has 1 to 32 bytes"),
        ("on = \"purchases\"", "on = \"sales\"", "write one of \"joining\""),
        ("months = 6\npoints", "months = 0\npoints", "write 1 to 1200 months"),
        ("gives = 1\nown", "gives = 0\nown", "write 1 to 1,000,000,000 points"),
        ("own = 5", "own = -5", "write 0 to 1,000,000,000 points"),
        ("{ from = 20, times", "{ from = 5, times", "grades must rise"),
        ("times = \"1.5\", name", "times = \"-1\", name", "write a multiplier"),
        ("name = \"金牌推荐者\"", "name = \"\"", "1 to 32 bytes"),
        ("of = \"courtesy\"\ngrades", "of = \"silver\"\ngrades", "there is no [points.silver]"),
        ("code = \"talk-enrol\"", "code = \"talk enrol\"", "a code has 1 to 24"),
        ("code = \"talk-visit\"", "code = \"talk-enrol\"", "another [[activity]] has this code"),
        ("members = 100", "members = 0", "write 1 to 1,000,000,000 members"),
        ("needs = \"talk-enrol\"", "needs = \"talk-visit\"", "must name another [[activity]]"),
        ("points = 20\n", "points = -1\n", "write 0 to 1,000,000,000 points"),
    ]);
}

#[test]
fn the_programme_of_a_mall_is_whole() {
    let mall = parse(include_str!("../../programmes/mall.toml")).expect("a programme");
    let thresholds = mall.tiers.list.iter().filter_map(|tier| Some(tier.routes.first()?.needs.first()?.1));
    assert_eq!(thresholds.collect::<Vec<_>>(), [5_000_000, 10_000_000, 20_000_000]);
    assert_eq!((mall.prices.rules.len(), mall.prices.most), (4, Some(2_000)));
}

/// (in the default programme with all its examples, what is written in its place, what is said about it).
fn each_names_its_line(mistakes: &[(&str, &str, &str)]) {
    let sound = with_all_examples();
    for (from, to, says) in mistakes {
        assert_eq!(sound.matches(from).count(), 1, "{from}");
        let broken = sound.replace(from, to);
        let at = sound.find(from).expect("there").saturating_add(usize::from(from.starts_with('\n')));
        let line = line_of(&sound, at);
        let problems = parse(&broken).expect_err(to);
        let named = |problem: &Problem| problem.line == Some(line) && problem.message.contains(says);
        assert!(problems.iter().any(named), "{to} in line {line}: {problems:?}");
    }
}

#[test]
fn rules_of_members_that_lack_something_say_what() {
    let with = |tables: &str| parse(&format!("{DEFAULT}\n{tables}")).map_err(|all| format!("{all:?}"));
    let free = "[membership]\njoining = \"free\"\n[[referral]]\nrule = \"r\"\n";
    for (tables, says) in [
        ("[membership]\njoining = \"spend\"".to_owned(), "how much must be spent"),
        ("[membership]\njoining = \"free\"\nspend = \"1.00\"".to_owned(), "spend needs joining"),
        ("[[referral]]\nrule = \"r\"\non = \"first-purchase\"\npoints = 1".into(), "add one"),
        (format!("{free}on = \"joining\"\npoints = 10"), "bound what one member"),
        (format!("{free}on = \"joining\"\npoints = 10\nmost = {{ budget = 9 }}"), "bound what one member"),
        (format!("{free}on = \"joining\"\nper = \"1.00\"\ngives = 1"), "a joining pays nothing"),
        (format!("{free}on = \"purchases\"\npoints = 1"), "write months = 12"),
        (format!("{free}on = \"first-purchase\"\npoints = 1\nmonths = 2"), "take them away"),
        (format!("{free}on = \"first-purchase\""), "it gives nothing"),
        (format!("{free}on = \"first-purchase\"\nper = \"1.00\""), "per needs gives"),
        (format!("{free}on = \"first-purchase\"\ngives = 1"), "gives needs per"),
        (format!("{free}on = \"first-purchase\"\nper = \"0\"\ngives = 1"), "per must be above zero"),
    ] {
        let said = with(&tables).expect_err(&tables);
        assert!(said.contains(says), "{tables}: {said}");
    }
    let bounded = format!("{free}on = \"joining\"\npoints = 10\nmost = {{ times_day = 5 }}");
    assert_eq!(with(&bounded).map(|programme| programme.referrals[0].points), Ok(10));
    let twice = format!("{bounded}\n[[referral]]\nrule = \"r\"\non = \"first-purchase\"\npoints = 1");
    assert!(with(&twice).expect_err("two of one name").contains("another [[referral]]"));
}

#[test]
fn unknown_keys_are_refused_with_their_line() {
    let problems = parse(&DEFAULT.replace("min_load", "mim_load")).expect_err("a misspelt key");
    assert_eq!(problems[0].line, Some(16), "{problems:?}");
}
