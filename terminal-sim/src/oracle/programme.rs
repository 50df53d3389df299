//! What a programme switches on beyond the default one, as far as the oracle knows its rules. A file that says anything
//! else is refused: the oracle would be wrong about it.

use std::path::Path;

use toml::{Table, Value};

use crate::error::Error;

/// What is switched on. [`Programme::default`] is the default programme. Amounts are minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Programme {
    /// The largest transfer.
    pub max_transfer: Option<i64>,
    /// The largest cash-out.
    pub max_unload: Option<i64>,
    /// When a card's PIN is asked for.
    pub pin: Option<PinRule>,
    /// How points pay.
    pub points: Option<PointsRule>,
    /// Registers get grants, and cards may be debited by their advices.
    pub offline: bool,
    /// What a card may do in a business day.
    pub daily: Option<Allowance>,
    /// What a card may do in a month of business days.
    pub monthly: Option<Allowance>,
    /// What a terminal may do in a business day.
    pub terminal_day: Option<Allowance>,
    /// What a cashier may do in a business day.
    pub cashier_day: Option<Allowance>,
    /// Who has to be at the till.
    pub till: TillRule,
}

/// So many loads, purchases and refunds, and sums of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// How many of each.
    pub counts: [Option<i64>; 3],
    /// How much of each, minor units.
    pub sums: [Option<i64>; 3],
}

impl Allowance {
    /// Whether so many of a kind (0 loads, 1 purchases, 2 refunds), and such a sum of them, is allowed.
    #[must_use]
    pub fn allows(&self, kind: usize, (count, sum): (i64, i64)) -> bool {
        let within =
            |most: Option<&Option<i64>>, is: i64| most.copied().flatten().is_none_or(|most| is <= most);
        within(self.counts.get(kind), count) && within(self.sums.get(kind), sum)
    }

    fn read(mut table: Value) -> Result<Allowance, String> {
        let table = table.as_table_mut().ok_or("an allowance is a table")?;
        let mut allowance = Allowance::default();
        let kinds = ["load", "purchase", "refund"].into_iter();
        for ((kind, count), sum) in kinds.zip(&mut allowance.counts).zip(&mut allowance.sums) {
            *count = table.remove(&format!("{kind}s")).map(|value| number(Some(&value), 0)).transpose()?;
            *sum = table.remove(&format!("{kind}_sum")).map(|value| money(&value)).transpose()?;
        }
        if table.is_empty() { Ok(allowance) } else { Err(format!("the oracle does not know {table:?}")) }
    }
}

/// Who has to be at the till.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TillRule {
    /// Registers need a cashier who is signed on.
    pub cashiers: bool,
    /// So many wrong PINs lock a person.
    pub tries: u8,
    /// Refunds from this amount on need a supervisor.
    pub refund_from: Option<i64>,
    /// Voids from this amount on.
    pub void_from: Option<i64>,
    /// Cash-outs from this amount on.
    pub unload_from: Option<i64>,
}

impl TillRule {
    fn read(mut table: Value) -> Result<TillRule, String> {
        let table = table.as_table_mut().ok_or("till is a table")?;
        let cashiers = table.remove("cashiers").is_some_and(|how| how.as_str() == Some("sign-on"));
        let tries = number(table.remove("tries").as_ref(), 3)?;
        let tries = u8::try_from(tries).map_err(|error| error.to_string())?;
        let mut supervisor = table.remove("supervisor").unwrap_or_else(|| Value::Table(Table::new()));
        let supervisor = supervisor.as_table_mut().ok_or("supervisor is a table")?;
        // Nothing is brought back late: the oracle knows no return days.
        supervisor.remove("late_returns");
        let mut from = |name| supervisor.remove(name).map(|value| money(&value)).transpose();
        let (refund_from, void_from) = (from("refund_from")?, from("void_from")?);
        let unload_from = from("unload_from")?;
        if !table.is_empty() || !supervisor.is_empty() {
            return Err(format!("the oracle does not know {table:?} {supervisor:?}"));
        }
        Ok(TillRule { cashiers, tries, refund_from, void_from, unload_from })
    }
}

/// When a card's PIN is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinRule {
    /// From this amount on.
    pub from: i64,
    /// So many wrong ones lock it.
    pub tries: u8,
}

/// How points pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PointsRule {
    /// So many points ...
    pub points: i64,
    /// ... are worth this.
    pub pays: i64,
    /// The fewest in one purchase.
    pub minimum: i64,
    /// They come in multiples of this.
    pub step: i64,
    /// The share of an amount that they may pay.
    pub max_percent: i64,
}

impl PointsRule {
    /// What so many points are worth.
    #[must_use]
    pub fn worth(&self, points: i64) -> i64 {
        points.saturating_mul(self.pays).checked_div(self.points).unwrap_or(0)
    }

    /// What a refund that gives so much back to the balances withholds for points that are owed, and how many of them that
    /// pays for.
    #[must_use]
    pub fn withheld(&self, owed: i64, to_balances: i64) -> (i64, i64) {
        let up = owed.saturating_mul(self.pays).saturating_add(self.points).saturating_sub(1);
        match up.checked_div(self.points).unwrap_or(0) {
            _ if owed <= 0 => (0, 0),
            price if price <= to_balances => (price, owed),
            _ => {
                let paid = to_balances.saturating_mul(self.points).checked_div(self.pays);
                (to_balances, paid.unwrap_or(0).min(owed))
            }
        }
    }
}

impl Programme {
    /// Reads the file that the gateway has in force.
    pub fn read_file(path: &Path) -> Result<Programme, Error> {
        let text = std::fs::read_to_string(path).map_err(Error::file(path))?;
        Programme::read(&text).map_err(|why| Error::Usage(format!("{}: {why}", path.display())))
    }

    fn read(text: &str) -> Result<Programme, String> {
        let mut file: Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
        let default: Table = DEFAULT.parse().map_err(|error: toml::de::Error| error.to_string())?;
        let mut programme = Programme::default();
        let products = file.get_mut("product").and_then(Value::as_table_mut).ok_or("no product")?;
        for (name, product) in products.iter_mut() {
            let product = product.as_table_mut().ok_or("a product is a table")?;
            if name != "standard" {
                return Err(format!("the oracle knows the product standard alone, not {name}"));
            }
            programme.max_transfer = product.remove("max_transfer").map(|text| money(&text)).transpose()?;
            programme.max_unload = product.remove("max_unload").map(|text| money(&text)).transpose()?;
            programme.offline = product.remove("offline").and_then(|on| on.as_bool()).unwrap_or(false);
            programme.daily = product.remove("daily").map(Allowance::read).transpose()?;
            programme.monthly = product.remove("monthly").map(Allowance::read).transpose()?;
            if let Some(pin) = product.remove("pin") {
                let from = pin.get("from").map(money).transpose()?.unwrap_or(0);
                let tries = u8::try_from(number(pin.get("tries"), 3)?).map_err(|error| error.to_string())?;
                programme.pin = Some(PinRule { from, tries });
            }
        }
        if let Some(rule) = file.remove("points_payment") {
            programme.points = Some(PointsRule {
                points: number(rule.get("points"), 1)?,
                pays: rule.get("pays").map(money).transpose()?.unwrap_or(0),
                minimum: number(rule.get("minimum"), 1)?,
                step: number(rule.get("step"), 1)?,
                max_percent: number(rule.get("max_percent"), 100)?,
            });
        }
        file.remove("offline");
        if let Some(till) = file.remove("till") {
            programme.till = TillRule::read(till)?;
        }
        if let Some(mut limits) = file.remove("limits") {
            let table = limits.as_table_mut().ok_or("limits is a table")?;
            programme.terminal_day = table.remove("terminal_day").map(Allowance::read).transpose()?;
            programme.cashier_day = table.remove("cashier_day").map(Allowance::read).transpose()?;
            if !table.is_empty() {
                return Err(format!("the oracle does not know the limits {table:?}"));
            }
        }
        if let Some(head) = file.get_mut("programme").and_then(Value::as_table_mut) {
            head.insert("name".into(), Value::String("Default".into()));
        }
        match file == default {
            true => Ok(programme),
            false => {
                let same = |name: &String| file.get(name) == default.get(name);
                let others: Vec<_> = file.keys().chain(default.keys()).filter(|name| !same(name)).collect();
                Err(format!("the oracle does not know what is other than by default in {others:?}"))
            }
        }
    }
}

fn number(value: Option<&Value>, otherwise: i64) -> Result<i64, String> {
    value.map_or(Ok(otherwise), |value| value.as_integer().ok_or_else(|| format!("{value} is no number")))
}

/// `"12.50"` in minor units.
fn money(value: &Value) -> Result<i64, String> {
    let wrong = || format!("{value} is no amount");
    let (whole, places) = value.as_str().and_then(|text| text.split_once('.')).ok_or_else(wrong)?;
    if places.len() != 2 {
        return Err(wrong());
    }
    [whole, places].concat().parse().map_err(|_| wrong())
}

/// What the oracle's own rules are written from ([`super::rules`]).
const DEFAULT: &str = r#"
[programme]
name = "Default"
currency = "CNY"
zone = "Asia/Shanghai"
cutover = "04:00"

[product.standard]
name = "Standard card"
min_load = "1.00"
max_load = "5000.00"
max_balance = "5000.00"
spend = "principal-first"
hold_hours = 168
refund_grace_days = 30

[[load_bonus]]
rule = "load-steps"
steps = [
    { from = "100.00", bonus = "5.00" },
    { from = "300.00", bonus = "20.00" },
    { from = "500.00", bonus = "50.00" },
    { from = "1000.00", bonus = "120.00" },
]

[[purchase_points]]
rule = "spend-points"
per = "1.00"
gives = 1

[expiry]
points_months = 12
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_switched_on_is_read_and_what_is_unknown_is_refused() {
        assert_eq!(Programme::read(DEFAULT), Ok(Programme::default()));
        let on = "refund_grace_days = 30\nmax_transfer = \"500.00\"\nmax_unload = \"200.00\"\noffline = true\n\
                  daily = { loads = 3, purchase_sum = \"9.00\" }\npin = { from = \"50.00\", tries = 5 }";
        let more = "\n[points_payment]\nrule = \"points\"\npoints = 100\npays = \"1.00\"\nstep = 10\n\
                    [limits]\nterminal_day = { refunds = 2 }\n[till]\ncashiers = \"sign-on\"\n\
                    [till.supervisor]\nvoid_from = \"5.00\"\n";
        let file = DEFAULT.replace("refund_grace_days = 30", on) + more;
        let rule = PointsRule { points: 100, pays: 1_00, minimum: 1, step: 10, max_percent: 100 };
        assert_eq!(
            Programme::read(&file),
            Ok(Programme {
                max_transfer: Some(500_00),
                max_unload: Some(200_00),
                pin: Some(PinRule { from: 50_00, tries: 5 }),
                points: Some(rule),
                offline: true,
                daily: Some(Allowance { counts: [Some(3), None, None], sums: [None, Some(9_00), None] }),
                monthly: None,
                terminal_day: Some(Allowance { counts: [None, None, Some(2)], sums: [None; 3] }),
                cashier_day: None,
                till: TillRule { cashiers: true, tries: 3, void_from: Some(5_00), ..TillRule::default() },
            })
        );
        assert_eq!([rule.worth(99), rule.worth(150)], [99, 1_50]);
        let odd = PointsRule { points: 3, ..rule };
        assert_eq!(
            [(0, 5), (1, 34), (1, 33), (7, 9_99)].map(|(m, part)| odd.withheld(m, part)),
            [(0, 0), (34, 1), (33, 0), (2_34, 7)]
        );
        for (from, to) in [
            ("hold_hours = 168", "hold_hours = 167"),
            ("gives = 1", "gives = 2"),
            ("refund_grace_days = 30", "refund_grace_days = 30\nreturn_days = 7"),
            ("refund_grace_days = 30", "refund_grace_days = 30\ndaily = { gifts = 7 }"),
            ("points_months = 12", "points_months = 12\nbonus_months = 3"),
        ] {
            assert!(Programme::read(&DEFAULT.replace(from, to)).is_err(), "{to}");
        }
    }
}
