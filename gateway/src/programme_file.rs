//! Reads a programme file: TOML in, a whole and consistent [`Programme`] out, or errors that name the line.

mod alert;
mod birthday_gift;
mod catalogue;
mod currency;
pub mod difference;
mod earning;
mod leaderboard;
mod member;
mod member_value;
mod partner;
mod price;
mod product;
mod raw;
mod reading;
mod segment;
mod tier;
mod till;
mod when;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use toml::Spanned;

pub(crate) use self::alert::words as alert_words;
use self::raw::File;
use crate::domain::Kind;
use crate::domain::programme::{Measure, MemberValue, Product, Programme};

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

/// The letters of a currency's ISO 4217 number.
#[must_use]
pub fn currency_code(number: u16) -> Option<&'static str> {
    CURRENCIES.iter().find(|(_, known, _)| *known == number).map(|(code, _, _)| *code)
}

/// Reads and checks a programme document.
///
/// # Errors
/// Every problem found, in the order of the file.
pub fn parse(document: &str) -> Result<Programme, Vec<Problem>> {
    if document.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; at most {MAX_BYTES} are allowed", document.len());
        return Err(vec![Problem { line: None, message }]);
    }
    let reading = reading::read(document);
    let Some(file) = reading.file else { return Err(reading.problems) };
    let checker = Checker { document, problems: reading.problems, exponent: 2, ..Checker::default() };
    checker.check(file).map_err(|mut problems| {
        problems.sort_by_key(|problem| problem.line);
        problems
    })
}

fn line_of(document: &str, at: usize) -> usize {
    document.bytes().take(at).filter(|b| *b == b'\n').count().saturating_add(1)
}

#[derive(Default)]
struct Checker<'a> {
    document: &'a str,
    problems: Vec<Problem>,
    exponent: u8,
    known_points: BTreeMap<String, Kind>,
    known_segments: Vec<String>,
    /// Keys of the tiers.
    known_tiers: Vec<String>,
    /// What rules need to be counted.
    measures: Vec<Measure>,
    /// A rule asks for birthdays.
    birthdays: bool,
    /// A rule asks when members last bought.
    recency: bool,
    value: Option<MemberValue>,
}

impl Checker<'_> {
    fn check(mut self, file: File) -> Result<Programme, Vec<Problem>> {
        let (currency, exponent) = self.currency(&file.programme.currency);
        self.exponent = exponent;
        self.known_tiers = file.tier.iter().map(|tier| tier.key.get_ref().clone()).collect();
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
        let currencies = self.currencies(file.points);
        self.value = file.member_value.map(|raw| self.member_value(raw));
        let segments = self.segments(file.segment, &products);
        let load_bonuses = file.load_bonus.into_iter().map(|raw| self.load_bonus(raw, &products)).collect();
        let purchase_points =
            file.purchase_points.into_iter().map(|raw| self.purchase_points(raw, &products)).collect();
        let catalogue = self.catalogue(file.catalogue, &products);
        let points_worth =
            file.points_worth.into_iter().map(|raw| self.points_worth(raw, &products, &catalogue)).collect();
        let entitlements = self.entitlements(file.entitlement, &products);
        let multipliers = file.multiplier.into_iter().map(|raw| self.multiplier(raw, &products)).collect();
        let (load_stacking, points_stacking, multiplying) = self.stacking(file.stacking);
        let expiry = self.expiry(file.expiry);
        let tiers = self.tiers(file.tiers, file.tier);
        let prices = self.prices(file.prices, file.price, &products);
        tiers.measures().into_iter().for_each(|measure| self.counts(measure));
        let membership = file.membership.map(|raw| self.membership(raw, &products));
        let referrals = self.referrals(file.referral, membership.as_ref(), &products);
        let activities = self.activities(file.activity, &products);
        let leaderboards = self.leaderboards(file.leaderboard);
        let alerts = self.alerts(file.alert);
        let birthday_gifts = self.birthday_gifts(file.birthday_gift, &segments, &products);
        if referrals.iter().any(|rule| !rule.grades.is_empty()) {
            self.counts(Measure::Referrals);
        }
        let partners = self.partners(file.partner, &tiers);
        let points_payment = file.points_payment.map(|raw| self.points_payment(raw, &products));
        let terminal_day = file.limits.terminal_day.map(|raw| self.allowance(raw));
        let till = self.till(file.till);
        let cashier_day = file.limits.cashier_day.map(|raw| self.cashier_day(raw, &till));
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
            load_stacking,
            purchase_points,
            catalogue,
            points_worth,
            entitlements,
            points_stacking,
            multipliers,
            multiplying,
            currencies,
            segments,
            birthdays: self.birthdays,
            recency: self.recency,
            expiry,
            measures: self.measures,
            tiers,
            prices,
            membership,
            referrals,
            activities,
            member_value: self.value,
            partners,
            leaderboards,
            alerts,
            birthday_gifts,
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

    fn months(&mut self, months: Option<Spanned<u16>>) -> Option<u16> {
        let months = months?;
        if !(1..=1200).contains(months.get_ref()) {
            self.problem(&months, "write 1 to 1200 months, or leave the key out for never");
        }
        Some(months.into_inner())
    }
}

#[cfg(test)]
mod tests;
