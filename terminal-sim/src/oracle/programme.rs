//! What a programme says beyond the default one, as far as the oracle knows its rules. A file that says anything else is
//! refused: the oracle would be wrong about it.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use super::product::{Allowance, PointsRule, Product, money, number};
use crate::error::Error;

/// The product that every programme has here.
pub(super) const STANDARD: &str = "standard";

/// What is in force. [`Programme::default`] is the default programme. Amounts are minor units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Programme {
    /// What the cards are of that nothing else is said of.
    pub standard: Product,
    /// Other products by name.
    pub others: BTreeMap<String, Product>,
    /// What a terminal may do in a business day.
    pub terminal_day: Option<Allowance>,
    /// What a cashier may do in a business day.
    pub cashier_day: Option<Allowance>,
    /// Who has to be at the till.
    pub till: TillRule,
    /// When value ends.
    pub expiry: ExpiryRule,
}

/// After so many months, at the end of a business day, value ends; never where nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpiryRule {
    /// Money that was paid in.
    pub principal: Option<i64>,
    /// Bonus.
    pub bonus: Option<i64>,
    /// Points.
    pub points: Option<i64>,
}

impl Default for ExpiryRule {
    fn default() -> ExpiryRule {
        ExpiryRule { principal: None, bonus: None, points: Some(12) }
    }
}

impl ExpiryRule {
    fn read(mut table: Value) -> Result<ExpiryRule, String> {
        let table = table.as_table_mut().ok_or("expiry is a table")?;
        let mut months = |name: &str| {
            let months = table.remove(&format!("{name}_months"));
            months.map(|months| number(Some(&months), 0)).transpose()
        };
        let rule = ExpiryRule {
            principal: months("principal")?,
            bonus: months("bonus")?,
            points: months("points")?,
        };
        if table.is_empty() { Ok(rule) } else { Err(format!("the oracle does not know {table:?}")) }
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

impl Programme {
    /// The product of this name.
    #[must_use]
    pub fn product(&self, name: &str) -> Option<&Product> {
        if name == STANDARD { Some(&self.standard) } else { self.others.get(name) }
    }

    /// Reads the file that the gateway has in force.
    pub fn read_file(path: &Path) -> Result<Programme, Error> {
        let text = std::fs::read_to_string(path).map_err(Error::file(path))?;
        Programme::read(&text).map_err(|why| Error::Usage(format!("{}: {why}", path.display())))
    }

    fn read(text: &str) -> Result<Programme, String> {
        let mut file: Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
        let mut default: Table = DEFAULT.parse().map_err(|error: toml::de::Error| error.to_string())?;
        let mut programme = Programme::default();
        let products = file.get_mut("product").and_then(Value::as_table_mut).ok_or("no product")?;
        for (name, table) in products.iter_mut() {
            let product = Product::read(table)?;
            programme.others.insert(name.clone(), product);
        }
        if let Some(rule) = file.remove("points_payment") {
            let (rule, named) = PointsRule::read(rule)?;
            let applies = |name: &String| named.as_ref().is_none_or(|named| named.contains(name));
            let products = programme.others.iter_mut().filter(|(name, _)| applies(name));
            products.for_each(|(_, product)| product.points = Some(rule));
        }
        programme.standard = programme.others.remove(STANDARD).ok_or("no product standard")?;
        file.remove("product");
        default.remove("product");
        file.remove("offline");
        default.remove("expiry");
        programme.expiry = match file.remove("expiry") {
            Some(expiry) => ExpiryRule::read(expiry)?,
            None => ExpiryRule { points: None, ..ExpiryRule::default() },
        };
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
    use crate::oracle::product::{PinRule, Spend};

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
        let standard = Product {
            max_transfer: Some(500_00),
            max_unload: Some(200_00),
            pin: Some(PinRule { from: 50_00, tries: 5 }),
            points: Some(rule),
            offline: true,
            daily: Some(Allowance { counts: [Some(3), None, None], sums: [None, Some(9_00), None] }),
            ..Product::STANDARD
        };
        let read = Programme {
            standard,
            terminal_day: Some(Allowance { counts: [None, None, Some(2)], sums: [None; 3] }),
            till: TillRule { cashiers: true, tries: 3, void_from: Some(5_00), ..TillRule::default() },
            ..Programme::default()
        };
        assert_eq!(Programme::read(&file), Ok(read.clone()));
        // Another product, of which points do not pay.
        let company = "[product.company]\nname = \"Company\"\nmin_load = \"5.00\"\nmax_load = \"9.00\"\n\
                       max_balance = \"90.00\"\nspend = \"pro-rata\"\nhold_hours = 2\naccount = true";
        let file = file.replace("points = 100\n", "points = 100\nproducts = [\"standard\"]\n") + company;
        let company = Product {
            account: true,
            min_load: 5_00,
            max_load: 9_00,
            max_balance: 90_00,
            spend: Spend::ProRata,
            hold_seconds: 7200,
            ..Product::STANDARD
        };
        let others = BTreeMap::from([("company".to_owned(), company)]);
        assert_eq!(Programme::read(&file), Ok(Programme { others, ..read }));
        assert_eq!([rule.worth(99), rule.worth(150)], [99, 1_50]);
        let odd = PointsRule { points: 3, ..rule };
        assert_eq!(
            [(0, 5), (1, 34), (1, 33), (7, 9_99)].map(|(m, part)| odd.withheld(m, part)),
            [(0, 0), (34, 1), (33, 0), (2_34, 7)]
        );
        // Value that ends, and cards that need a holder.
        let ends =
            DEFAULT.replace("refund_grace_days = 30", "refund_grace_days = 9\nreal_name_above = \"1.00\"");
        let ends = ends.replace("points_months = 12", "bonus_months = 3\nprincipal_months = 36");
        let ends = ends.replace("principal-first", "soonest-expiry");
        let standard = Product {
            grace_days: 9,
            real_name_above: Some(1_00),
            spend: Spend::SoonestExpiry,
            ..Product::STANDARD
        };
        let expiry = ExpiryRule { principal: Some(36), bonus: Some(3), points: None };
        assert_eq!(Programme::read(&ends), Ok(Programme { standard, expiry, ..Programme::default() }));
        assert_eq!([1_00, 1_01].map(|money| standard.needs_holder(money)), [false, true]);
        for (from, to) in [
            ("spend = \"principal-first\"", "spend = \"best-first\""),
            ("gives = 1", "gives = 2"),
            ("refund_grace_days = 30", "refund_grace_days = 30\nreturn_days = 7"),
            ("refund_grace_days = 30", "refund_grace_days = 30\ndaily = { gifts = 7 }"),
            ("points_months = 12", "points_months = 12\npoints_ends = \"year\""),
        ] {
            assert!(Programme::read(&DEFAULT.replace(from, to)).is_err(), "{to}");
        }
    }
}
