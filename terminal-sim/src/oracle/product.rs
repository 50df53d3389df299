//! What a product says of its cards, as far as the oracle knows its rules. Amounts are minor units.

use toml::Value;

/// What the cards of a product are and may. [`Product::STANDARD`] is the default programme's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
    /// Its cards are corporate accounts.
    pub account: bool,
    /// The smallest load.
    pub min_load: i64,
    /// The largest load; the terminal may have a lower limit of its own.
    pub max_load: i64,
    /// Principal and bonus together after a load.
    pub max_balance: i64,
    /// Which lots pay first.
    pub spend: Spend,
    /// An Authorize holds its amount for so many seconds.
    pub hold_seconds: i64,
    /// What a refund brings back to a lot that has ended lasts so many days more.
    pub grace_days: i64,
    /// More than this only a card with a registered holder may have.
    pub real_name_above: Option<i64>,
    /// The largest transfer.
    pub max_transfer: Option<i64>,
    /// The largest cash-out.
    pub max_unload: Option<i64>,
    /// When a card's PIN is asked for.
    pub pin: Option<PinRule>,
    /// How points pay.
    pub points: Option<PointsRule>,
    /// Its cards may be debited by the Advices of registers.
    pub offline: bool,
    /// Its cards are accepted for so many months only.
    pub ends: bool,
    /// What a card may do in a business day.
    pub daily: Option<Allowance>,
    /// What a card may do in a month of business days.
    pub monthly: Option<Allowance>,
}

impl Product {
    /// The default programme's only product.
    pub const STANDARD: Product = Product {
        account: false,
        min_load: 1_00,
        max_load: 5_000_00,
        max_balance: 5_000_00,
        spend: Spend::PrincipalFirst,
        hold_seconds: 7 * 24 * 3600,
        grace_days: 30,
        real_name_above: None,
        max_transfer: None,
        max_unload: None,
        pin: None,
        points: None,
        offline: false,
        ends: false,
        daily: None,
        monthly: None,
    };

    /// Reads a product's table. How points pay is not said there.
    pub(super) fn read(product: &mut Value) -> Result<Product, String> {
        let table = product.as_table_mut().ok_or("a product is a table")?;
        table.remove("name");
        // Of no card that is put into use here the end comes: it is a month away at least.
        let ends = table.remove("card_months").is_some();
        let grace_days = number(table.remove("refund_grace_days").as_ref(), 30)?;
        let mut must = |name: &str| table.remove(name).ok_or_else(|| format!("a product has no {name}"));
        let (min_load, max_load) = (money(&must("min_load")?)?, money(&must("max_load")?)?);
        let max_balance = money(&must("max_balance")?)?;
        let spend = table.remove("spend").map_or(Ok(Spend::PrincipalFirst), |order| Spend::read(&order))?;
        let hours = number(table.remove("hold_hours").as_ref(), 7 * 24)?;
        let mut is_on = |name| table.remove(name).and_then(|on| on.as_bool()).unwrap_or(false);
        let (account, offline) = (is_on("account"), is_on("offline"));
        let mut most = |name| table.remove(name).map(|value| money(&value)).transpose();
        let (max_transfer, max_unload) = (most("max_transfer")?, most("max_unload")?);
        let real_name_above = most("real_name_above")?;
        let mut allowance = |name| table.remove(name).map(Allowance::read).transpose();
        let (daily, monthly) = (allowance("daily")?, allowance("monthly")?);
        let pin = table.remove("pin").map(|pin| PinRule::read(&pin)).transpose()?;
        if !table.is_empty() {
            return Err(format!("the oracle does not know what a product says in {table:?}"));
        }
        Ok(Product {
            account,
            min_load,
            max_load,
            max_balance,
            spend,
            hold_seconds: hours.saturating_mul(3600),
            grace_days,
            real_name_above,
            max_transfer,
            max_unload,
            pin,
            points: None,
            offline,
            ends,
            daily,
            monthly,
        })
    }
}

impl Product {
    /// Whether a card with so much money must have a registered holder.
    #[must_use]
    pub fn needs_holder(&self, money: i64) -> bool {
        self.real_name_above.is_some_and(|most| money > most)
    }
}

impl Default for Product {
    fn default() -> Product {
        Product::STANDARD
    }
}

/// Which lots pay first. Of each balance the one that ends first does, then the oldest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spend {
    /// Principal, then bonus.
    PrincipalFirst,
    /// Bonus, then principal.
    BonusFirst,
    /// Bonus pays its share of both, rounded down.
    ProRata,
    /// What ends first, of both; of two that end together, principal.
    SoonestExpiry,
}

impl Spend {
    fn read(value: &Value) -> Result<Spend, String> {
        match value.as_str() {
            Some("principal-first") => Ok(Spend::PrincipalFirst),
            Some("bonus-first") => Ok(Spend::BonusFirst),
            Some("pro-rata") => Ok(Spend::ProRata),
            Some("soonest-expiry") => Ok(Spend::SoonestExpiry),
            _ => Err(format!("the oracle does not know the order {value}")),
        }
    }
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

    pub(super) fn read(mut table: Value) -> Result<Allowance, String> {
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

/// When a card's PIN is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinRule {
    /// From this amount on.
    pub from: i64,
    /// So many wrong ones lock it.
    pub tries: u8,
}

impl PinRule {
    fn read(pin: &Value) -> Result<PinRule, String> {
        let from = pin.get("from").map(money).transpose()?.unwrap_or(0);
        let tries = u8::try_from(number(pin.get("tries"), 3)?).map_err(|error| error.to_string())?;
        Ok(PinRule { from, tries })
    }
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
    /// The rule, and the products that it names: all of them where it names none.
    pub(super) fn read(mut rule: Value) -> Result<(PointsRule, Option<Vec<String>>), String> {
        let table = rule.as_table_mut().ok_or("points_payment is a table")?;
        table.remove("rule");
        let products = table.remove("products").map(|names| names.try_into()).transpose();
        let products = products.map_err(|error: toml::de::Error| error.to_string())?;
        let rule = PointsRule {
            points: number(table.remove("points").as_ref(), 1)?,
            pays: table.remove("pays").as_ref().map(money).transpose()?.unwrap_or(0),
            minimum: number(table.remove("minimum").as_ref(), 1)?,
            step: number(table.remove("step").as_ref(), 1)?,
            max_percent: number(table.remove("max_percent").as_ref(), 100)?,
        };
        if table.is_empty() {
            Ok((rule, products))
        } else {
            Err(format!("the oracle does not know {table:?}"))
        }
    }

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

pub(super) fn number(value: Option<&Value>, otherwise: i64) -> Result<i64, String> {
    value.map_or(Ok(otherwise), |value| value.as_integer().ok_or_else(|| format!("{value} is no number")))
}

/// `"12.50"` in minor units.
pub(super) fn money(value: &Value) -> Result<i64, String> {
    let wrong = || format!("{value} is no amount");
    let (whole, places) = value.as_str().and_then(|text| text.split_once('.')).ok_or_else(wrong)?;
    if places.len() != 2 {
        return Err(wrong());
    }
    [whole, places].concat().parse().map_err(|_| wrong())
}
