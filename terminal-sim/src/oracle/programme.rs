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
                  pin = { from = \"50.00\", tries = 5 }";
        let more = "\n[points_payment]\nrule = \"points\"\npoints = 100\npays = \"1.00\"\nstep = 10\n";
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
            })
        );
        assert_eq!([rule.worth(99), rule.worth(150)], [99, 1_50]);
        for (from, to) in [
            ("hold_hours = 168", "hold_hours = 167"),
            ("gives = 1", "gives = 2"),
            ("refund_grace_days = 30", "refund_grace_days = 30\nreturn_days = 7"),
            ("points_months = 12", "points_months = 12\nbonus_months = 3"),
        ] {
            assert!(Programme::read(&DEFAULT.replace(from, to)).is_err(), "{to}");
        }
    }
}
