//! Reads a programme file: TOML in, a whole and consistent [`Programme`] out, or errors that name the line.

mod member;
mod product;
mod raw;
mod till;
mod when;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use toml::Spanned;

use self::raw::{File, RawLoadBonus, RawPurchasePoints};
use crate::domain::Kind;
use crate::domain::programme::{Expiry, LoadBonus, Measure, Product, Programme, PurchasePoints};

/// The programme that a new gateway starts with.
pub const DEFAULT: &str = include_str!("../programmes/default.toml");

/// Largest file accepted. A programme is journalled whole.
pub const MAX_BYTES: usize = 256 * 1024;

/// One thing that is wrong, and what to write in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Counted from 1; `None` when it concerns the file as a whole.
    pub line: Option<usize>,
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// ISO 4217: code, number, exponent. The currencies that chains have asked for; one line adds another.
const CURRENCIES: [(&str, u16, u8); 10] = [
    ("CNY", 156, 2),
    ("HKD", 344, 2),
    ("MOP", 446, 2),
    ("TWD", 901, 2),
    ("SGD", 702, 2),
    ("JPY", 392, 0),
    ("USD", 840, 2),
    ("EUR", 978, 2),
    ("GBP", 826, 2),
    ("KWD", 414, 3),
];

/// Reads and checks a programme document.
///
/// # Errors
/// Every problem found, in the order of the file.
pub fn parse(document: &str) -> Result<Programme, Vec<Problem>> {
    if document.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; at most {MAX_BYTES} are allowed", document.len());
        return Err(vec![Problem { line: None, message }]);
    }
    let file: File = toml::from_str(document).map_err(|error| {
        let line = error.span().map(|span| line_of(document, span.start));
        vec![Problem { line, message: error.message().to_owned() }]
    })?;
    Checker { document, problems: Vec::new(), exponent: 2 }.check(file)
}

fn line_of(document: &str, at: usize) -> usize {
    document.bytes().take(at).filter(|b| *b == b'\n').count().saturating_add(1)
}

struct Checker<'a> {
    document: &'a str,
    problems: Vec<Problem>,
    exponent: u8,
}

impl Checker<'_> {
    fn check(mut self, file: File) -> Result<Programme, Vec<Problem>> {
        let (currency, exponent) = self.currency(&file.programme.currency);
        self.exponent = exponent;
        let zone = TimeZone::get(file.programme.zone.get_ref()).unwrap_or_else(|_| {
            self.problem(
                &file.programme.zone,
                "unknown time zone; write an IANA name such as \"Asia/Shanghai\"",
            );
            TimeZone::UTC
        });
        let cutover_minutes = self.cutover(&file.programme.cutover);
        if file.product.is_empty() {
            self.problems
                .push(Problem { line: None, message: "no product; add a [product.NAME] table".into() });
        }
        let products: BTreeMap<_, _> =
            file.product.into_iter().map(|(key, raw)| (key, self.product(raw))).collect();
        let load_bonuses = file.load_bonus.into_iter().map(|raw| self.load_bonus(raw, &products)).collect();
        let purchase_points =
            file.purchase_points.into_iter().map(|raw| self.purchase_points(raw, &products)).collect();
        let membership = file.membership.map(|raw| self.membership(raw, &products));
        let referrals = self.referrals(file.referral, membership.as_ref(), &products);
        let activities = self.activities(file.activity, &products);
        let expiry = Expiry {
            principal_months: self.months(file.expiry.principal_months),
            bonus_months: self.months(file.expiry.bonus_months),
            points_months: self.months(file.expiry.points_months),
        };
        let points_payment = file.points_payment.map(|raw| self.points_payment(raw, &products));
        let terminal_day = file.limits.terminal_day.map(|raw| self.allowance(raw));
        let cashier_day = file.limits.cashier_day.map(|raw| self.allowance(raw));
        let till = self.till(file.till);
        let offline = file.offline.map(|raw| self.offline(raw));
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        Ok(Programme {
            name: file.programme.name.into_inner(),
            currency,
            exponent,
            zone,
            cutover_minutes,
            products,
            load_bonuses,
            purchase_points,
            measures: if referrals.iter().any(|rule| !rule.grades.is_empty()) {
                vec![Measure::Referrals]
            } else {
                Vec::new()
            },
            membership,
            referrals,
            activities,
            expiry,
            points_payment,
            terminal_day,
            cashier_day,
            till,
            offline,
        })
    }

    fn problem<T>(&mut self, at: &Spanned<T>, message: impl Into<String>) {
        let line = Some(line_of(self.document, at.span().start));
        self.problems.push(Problem { line, message: message.into() });
    }

    fn currency(&mut self, code: &Spanned<String>) -> (u16, u8) {
        match CURRENCIES.iter().find(|(known, _, _)| known == code.get_ref()) {
            Some((_, number, exponent)) => (*number, *exponent),
            None => {
                let known: Vec<&str> = CURRENCIES.iter().map(|(code, _, _)| *code).collect();
                self.problem(code, format!("unknown currency; write one of {}", known.join(", ")));
                (156, 2)
            }
        }
    }

    fn cutover(&mut self, text: &Spanned<String>) -> u16 {
        let parsed = text.get_ref().split_once(':').and_then(|(hours, minutes)| {
            let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
            (hours < 24 && minutes < 60 && text.get_ref().len() == 5)
                .then(|| hours.saturating_mul(60).saturating_add(minutes))
        });
        parsed.unwrap_or_else(|| {
            self.problem(text, "cutover must be a time of day such as \"04:00\"");
            0
        })
    }

    /// An amount in minor units: exact, never rounded, never negative.
    fn amount(&mut self, text: &Spanned<String>) -> i64 {
        let exact = text.get_ref().parse::<Decimal>().ok().and_then(|decimal| {
            let scale = Decimal::from(10_i64.checked_pow(u32::from(self.exponent))?);
            let minor = decimal.checked_mul(scale)?;
            let whole = minor.trunc() == minor && !minor.is_sign_negative();
            if whole { i64::try_from(minor).ok() } else { None }
        });
        exact.filter(|minor| *minor <= 999_999_999_999).unwrap_or_else(|| {
            let places = self.exponent;
            self.problem(
                text,
                format!("not an amount; write one with at most {places} decimal places, such as \"100\""),
            );
            0
        })
    }

    fn at_least_one(&mut self, number: Option<Spanned<u16>>, default: u16, unit: &str) -> u16 {
        let Some(number) = number else { return default };
        if !(1..=8760).contains(number.get_ref()) {
            self.problem(&number, format!("write 1 to 8760 {unit}, or leave the key out for {default}"));
        }
        number.into_inner()
    }

    fn products(&mut self, names: Vec<Spanned<String>>, known: &BTreeMap<String, Product>) -> Vec<String> {
        for name in &names {
            if !known.contains_key(name.get_ref()) {
                self.problem(name, format!("there is no [product.{}]", name.get_ref()));
            }
        }
        names.into_iter().map(Spanned::into_inner).collect()
    }

    fn rule(&mut self, rule: Spanned<String>) -> String {
        if rule.get_ref().is_empty() || rule.get_ref().len() > 32 {
            self.problem(&rule, "a rule's name has 1 to 32 bytes; it is printed on receipts");
        }
        rule.into_inner()
    }

    fn load_bonus(&mut self, raw: RawLoadBonus, known: &BTreeMap<String, Product>) -> LoadBonus {
        if raw.steps.get_ref().is_empty() {
            self.problem(&raw.steps, "no steps; write { from = \"100.00\", bonus = \"5.00\" }");
        }
        let mut steps: Vec<(i64, i64)> = Vec::new();
        for step in raw.steps.into_inner() {
            let (from, bonus) = (self.amount(&step.from), self.amount(&step.bonus));
            if steps.last().is_some_and(|(before, _)| from <= *before) {
                self.problem(&step.from, "steps must rise; this one is not above the step before it");
            }
            steps.push((from, bonus));
        }
        let products = self.products(raw.products, known);
        LoadBonus {
            rule: self.rule(raw.rule),
            when: self.when(raw.when, products),
            steps,
            cap: self.cap(raw.most, Kind::BONUS),
        }
    }

    fn purchase_points(
        &mut self,
        raw: RawPurchasePoints,
        known: &BTreeMap<String, Product>,
    ) -> PurchasePoints {
        let per = self.amount(&raw.per);
        if per == 0 {
            self.problem(&raw.per, "per must be above zero");
        }
        let gives = *raw.gives.get_ref();
        if !(1..=1_000_000).contains(&gives) {
            self.problem(&raw.gives, "gives must be 1 to 1,000,000 points");
        }
        let products = self.products(raw.products, known);
        PurchasePoints {
            rule: self.rule(raw.rule),
            when: self.when(raw.when, products),
            per,
            gives,
            cap: self.cap(raw.most, Kind::POINTS),
        }
    }

    fn months(&mut self, months: Option<Spanned<u16>>) -> Option<u16> {
        let months = months?;
        if !(1..=1200).contains(months.get_ref()) {
            self.problem(&months, "write 1 to 1200 months, or leave the key out for never");
        }
        Some(months.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_programme_is_whole() {
        let programme = parse(DEFAULT).expect("default programme");
        assert_eq!(programme.products["standard"].max_load, 500_000);
        assert_eq!(programme.load_bonuses[0].steps[3], (100_000, 12_000));
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
            let line =
                broken.lines().nth(problem.line.expect("a line").saturating_sub(1)).expect("in the file");
            assert!(["25:00", "1.001", "99.00"].iter().any(|bad| line.contains(bad)), "{problem} at {line}");
        }
    }

    /// Every example in the default file, as if somebody had taken its `#` away.
    fn with_all_examples() -> String {
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
        let raw = include_str!("programme_file/raw.rs");
        let fields = raw.lines().filter_map(|line| line.trim().strip_prefix("pub "));
        for field in fields.filter_map(|field| field.split_once(": ")).map(|(name, _)| name) {
            assert!(document.contains(field), "{field} is not in the default programme");
        }
    }

    #[test]
    fn each_mistake_of_the_till_names_its_line_and_what_to_write() {
        let sound = with_all_examples();
        for (from, to, says) in [
            ("cashiers = \"sign-on\"", "cashiers = \"always\"", "write \"sign-on\", or \"named\""),
            ("tries = 3                 #", "tries = 16 #", "write 1 to 15 wrong PINs"),
            ("tries = 3                 #", "tries = 0 #", "write 1 to 15 wrong PINs"),
            (
                "pin = { from = \"200.00\", tries = 3",
                "pin = { from = \"200.00\", tries = 99",
                "write 1 to 15",
            ),
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
            ("products = [\"standard\"]", "products = [\"gold\"]", "there is no [product.gold]"),
            ("rule = \"points-as-money\"", "rule = \"\"", "a rule's name has 1 to 32 bytes"),
            ("hours = 72", "hours = 721", "write 1 to 720 hours"),
            ("per_card = \"100.00\"", "per_card = \"1e2x\"", "not an amount"),
            ("count = 100 ", "count = \"100\" ", "invalid type"),
            ("joining = \"spend\"", "joining = \"paid\"", "write one of \"free\""),
            (
                "gift = { rule = \"welcome\", points = 10",
                "gift = { rule = \"welcome\", points = 0",
                "write 1 to",
            ),
            ("rule = \"bring-a-friend\"", "rule = \"\"", "a rule's name has 1 to 32 bytes"),
            ("on = \"purchases\"", "on = \"sales\"", "write one of \"joining\""),
            ("months = 6\npoints", "months = 0\npoints", "write 1 to 1200 months"),
            ("gives = 1\nown", "gives = 0\nown", "write 1 to 1,000,000,000 points"),
            ("own = 5", "own = -5", "write 0 to 1,000,000,000 points"),
            ("{ from = 20, times", "{ from = 5, times", "grades must rise"),
            ("times = \"1.5\"", "times = \"-1\"", "write a multiplier"),
            ("name = \"金牌推荐者\"", "name = \"\"", "1 to 32 bytes"),
            ("kind = \"courtesy\"\ngrades", "kind = \"silver\"\ngrades", "write one of \"ordinary\""),
            ("code = \"talk-enrol\"", "code = \"talk enrol\"", "a code has 1 to 24"),
            ("code = \"talk-visit\"", "code = \"talk-enrol\"", "another [[activity]] has this code"),
            ("members = 100", "members = 0", "write 1 to 1,000,000,000 members"),
            ("needs = \"talk-enrol\"", "needs = \"talk-visit\"", "must name another [[activity]]"),
            ("points = 20\n", "points = -1\n", "write 0 to 1,000,000,000 points"),
        ] {
            assert_eq!(sound.matches(from).count(), 1, "{from}");
            let broken = sound.replace(from, to);
            let line = line_of(&sound, sound.find(from).expect("there"));
            let problems = parse(&broken).expect_err(to);
            let named = |problem: &Problem| problem.line == Some(line) && problem.message.contains(says);
            assert!(problems.iter().any(named), "{to} in line {line}: {problems:?}");
        }
    }

    #[test]
    fn rules_of_members_that_lack_something_say_what() {
        let with =
            |tables: &str| parse(&format!("{DEFAULT}\n{tables}")).map_err(|all| all[0].message.clone());
        let free = "[membership]\njoining = \"free\"\n[[referral]]\nrule = \"r\"\n";
        for (tables, says) in [
            ("[membership]\njoining = \"spend\"".to_owned(), "how much must be spent"),
            ("[membership]\njoining = \"free\"\nspend = \"1.00\"".to_owned(), "spend needs joining"),
            ("[[referral]]\nrule = \"r\"\non = \"first-purchase\"\npoints = 1".into(), "add one"),
            (format!("{free}on = \"joining\"\npoints = 10"), "bound what one member"),
            (
                format!("{free}on = \"joining\"\npoints = 10\nmost = {{ budget = 9 }}"),
                "bound what one member",
            ),
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
}
