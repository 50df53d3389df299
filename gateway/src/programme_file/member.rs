//! What the file says of members: joining, bringing others, activities.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;
use toml::Spanned;

use super::Checker;
use super::when::{RawCap, RawEarly, RawWhen};
use crate::domain::programme::referral::On;
use crate::domain::programme::{Activity, Gift, Grade, Membership, Product, Referral};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMembership {
    #[serde(default)]
    pub products: Vec<Spanned<String>>,
    pub joining: Spanned<String>,
    pub spend: Option<Spanned<String>>,
    pub gift: Option<RawGift>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGift {
    pub rule: Spanned<String>,
    #[serde(default)]
    pub when: RawWhen,
    #[serde(default)]
    pub most: RawCap,
    pub points: Spanned<i64>,
    pub of: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReferral {
    pub rule: Spanned<String>,
    #[serde(default)]
    pub products: Vec<Spanned<String>>,
    #[serde(default)]
    pub when: RawWhen,
    #[serde(default)]
    pub most: RawCap,
    pub on: Spanned<String>,
    pub months: Option<Spanned<u16>>,
    pub of: Option<Spanned<String>>,
    pub points: Option<Spanned<i64>>,
    pub per: Option<Spanned<String>>,
    pub gives: Option<Spanned<i64>>,
    pub own: Option<Spanned<i64>>,
    #[serde(default)]
    pub grades: Vec<RawGrade>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGrade {
    pub from: Spanned<i64>,
    pub times: Spanned<String>,
    pub name: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawActivity {
    pub code: Spanned<String>,
    pub rule: Spanned<String>,
    #[serde(default)]
    pub products: Vec<Spanned<String>>,
    #[serde(default)]
    pub when: RawWhen,
    pub early: Option<RawEarly>,
    #[serde(default)]
    pub most: RawCap,
    pub of: Option<Spanned<String>>,
    pub points: Spanned<i64>,
    #[serde(default)]
    pub per_unit: bool,
    pub members: Option<Spanned<i64>>,
    pub needs: Option<Spanned<String>>,
}

/// Most points that a rule gives at a time, and most members or pieces that it counts.
const MOST: i64 = 1_000_000_000;

#[derive(Clone, Copy)]
enum Joining {
    Free,
    FirstPurchase,
    Spend,
}

#[derive(Clone, Copy)]
enum OnWord {
    Joining,
    FirstPurchase,
    Purchases,
}

impl Checker<'_> {
    pub(super) fn membership(&mut self, raw: RawMembership, known: &BTreeMap<String, Product>) -> Membership {
        let words =
            [("free", Joining::Free), ("first-purchase", Joining::FirstPurchase), ("spend", Joining::Spend)];
        let joining = self.word(&raw.joining, &words);
        let spend = match (joining, raw.spend) {
            (Joining::Free, None) => None,
            (Joining::FirstPurchase, None) => Some(0),
            (Joining::Spend, Some(amount)) => Some(self.amount(&amount)),
            (Joining::Spend, None) => {
                self.problem(&raw.joining, "how much must be spent? write spend = \"100.00\" too");
                None
            }
            (_, Some(amount)) => {
                self.problem(&amount, "spend needs joining = \"spend\"; take one of them away");
                None
            }
        };
        Membership {
            products: self.products(raw.products, known),
            spend,
            gift: raw.gift.map(|raw| self.gift(raw)),
        }
    }

    fn gift(&mut self, raw: RawGift) -> Gift {
        let kind = self.point_kind(raw.of);
        Gift {
            rule: self.rule(raw.rule),
            when: self.when(raw.when, Vec::new()),
            kind,
            points: self.within(&raw.points, 1, "points"),
            cap: self.cap(raw.most, kind),
        }
    }

    pub(super) fn referrals(
        &mut self,
        all: Vec<RawReferral>,
        membership: Option<&Membership>,
        known: &BTreeMap<String, Product>,
    ) -> Vec<Referral> {
        let mut rules: Vec<Referral> = Vec::new();
        for raw in all {
            if membership.is_none() {
                self.problem(&raw.rule, "nobody can be brought without a [membership]; add one");
            }
            if rules.iter().any(|rule| rule.rule == *raw.rule.get_ref()) {
                self.problem(
                    &raw.rule,
                    "another [[referral]] has this name; what they give is counted by it",
                );
            }
            let rule = self.referral(raw, known);
            rules.push(rule);
        }
        rules
    }

    fn referral(&mut self, raw: RawReferral, known: &BTreeMap<String, Product>) -> Referral {
        let words = [
            ("joining", OnWord::Joining),
            ("first-purchase", OnWord::FirstPurchase),
            ("purchases", OnWord::Purchases),
        ];
        let word = self.word(&raw.on, &words);
        let months = self.months(raw.months);
        let on = match (word, months) {
            (OnWord::Joining, None) => On::Joining,
            (OnWord::FirstPurchase, None) => On::FirstPurchase,
            (OnWord::Purchases, Some(months)) => On::Purchases { months },
            (OnWord::Purchases, None) => {
                self.problem(&raw.on, "for how long? write months = 12 too");
                On::Joining
            }
            (_, Some(_)) => {
                self.problem(&raw.on, "only on = \"purchases\" has months; take them away");
                On::Joining
            }
        };
        let kind = self.point_kind(raw.of);
        let share = match (raw.per, raw.gives) {
            (None, None) => None,
            (Some(per), Some(gives)) => {
                if on == On::Joining {
                    self.problem(
                        &per,
                        "a joining pays nothing that points could be a share of; write points = 10",
                    );
                }
                let amount = self.amount(&per);
                if amount == 0 {
                    self.problem(&per, "per must be above zero");
                }
                Some((amount.max(1), self.within(&gives, 1, "points")))
            }
            (Some(lonely), None) => {
                self.problem(&lonely, "per needs gives, such as gives = 1");
                None
            }
            (None, Some(lonely)) => {
                self.problem(&lonely, "gives needs per, such as per = \"100.00\"");
                None
            }
        };
        let points = raw.points.map_or(0, |points| self.within(&points, 0, "points"));
        let own = raw.own.map_or(0, |own| self.within(&own, 0, "points"));
        if points == 0 && own == 0 && share.is_none() {
            self.problem(&raw.rule, "it gives nothing; write points = 10");
        }
        let cap = self.cap(raw.most, kind);
        if on == On::Joining && cap.times.is_empty() && cap.member.is_empty() {
            let says =
                "a card joins for nothing; bound what one member gets, such as most = { times_day = 5 }";
            self.problem(&raw.on, says);
        }
        let products = self.products(raw.products, known);
        Referral {
            rule: self.rule(raw.rule),
            when: self.when(raw.when, products),
            on,
            kind,
            points,
            share,
            own,
            grades: self.grades(raw.grades),
            cap,
        }
    }

    fn grades(&mut self, raw: Vec<RawGrade>) -> Vec<Grade> {
        let mut grades: Vec<Grade> = Vec::new();
        for raw in raw {
            let from = self.within(&raw.from, 1, "members brought");
            if grades.last().is_some_and(|before| from <= before.from) {
                self.problem(&raw.from, "grades must rise; this one is not above the grade before it");
            }
            let times = raw.times.get_ref().parse().ok();
            let times = times.filter(|times| (Decimal::ZERO..=Decimal::ONE_HUNDRED).contains(times));
            if times.is_none() {
                self.problem(&raw.times, "write a multiplier from \"0\" to \"100\", such as \"1.5\"");
            }
            let name = self.rule(raw.name);
            grades.push(Grade { from, times: times.unwrap_or(Decimal::ONE), name });
        }
        grades
    }

    pub(super) fn activities(
        &mut self,
        all: Vec<RawActivity>,
        known: &BTreeMap<String, Product>,
    ) -> Vec<Activity> {
        let codes: Vec<String> = all.iter().map(|raw| raw.code.get_ref().clone()).collect();
        let mut activities = Vec::new();
        for (at, raw) in all.into_iter().enumerate() {
            let code = raw.code.get_ref();
            let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.:/".contains(&b);
            if !(1..=24).contains(&code.len()) || !code.bytes().all(allowed) {
                self.problem(&raw.code, "a code has 1 to 24 letters, digits or -_.:/");
            }
            if codes.iter().take(at).any(|before| before == code) {
                self.problem(&raw.code, "another [[activity]] has this code");
            }
            let others =
                |needs: &&Spanned<String>| !codes.contains(needs.get_ref()) || needs.get_ref() == code;
            if let Some(needs) = raw.needs.as_ref().filter(others) {
                self.problem(needs, "needs must name another [[activity]] by its code");
            }
            let kind = self.point_kind(raw.of);
            let products = self.products(raw.products, known);
            activities.push(Activity {
                code: raw.code.into_inner(),
                rule: self.rule(raw.rule),
                when: self.when_early(raw.when, raw.early, products),
                kind,
                points: self.within(&raw.points, 0, "points"),
                per_unit: raw.per_unit,
                members: raw.members.map(|members| self.within(&members, 1, "members")),
                needs: raw.needs.map(Spanned::into_inner),
                cap: self.cap(raw.most, kind),
            });
        }
        activities
    }

    pub(super) fn within(&mut self, number: &Spanned<i64>, least: i64, unit: &str) -> i64 {
        if !(least..=MOST).contains(number.get_ref()) {
            self.problem(number, format!("write {least} to 1,000,000,000 {unit}"));
            return least;
        }
        *number.get_ref()
    }
}
