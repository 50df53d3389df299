//! What any rule may say of when it holds, and how much it gives at most.

use serde::Deserialize;
use toml::{Spanned, Value};

use super::Checker;
use crate::domain::Kind;
use crate::domain::member::Window;
use crate::domain::programme::when::{Birthday, Early};
use crate::domain::programme::{Cap, When};

/// Conditions of any rule; what is left out does not matter.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawWhen {
    pub tiers: Vec<Spanned<String>>,
    pub segments: Vec<Spanned<String>>,
    pub stores: Vec<Spanned<String>>,
    pub channels: Vec<Spanned<String>>,
    pub tenders: Vec<Spanned<String>>,
    pub from: Option<Spanned<String>>,
    pub until: Option<Spanned<String>>,
    pub weekdays: Vec<Spanned<String>>,
    pub days: Vec<Spanned<u8>>,
    pub hours: Option<Spanned<String>>,
    pub birthday: Option<Spanned<String>>,
    pub customer: Option<Spanned<String>>,
}

/// Who comes in before the others.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEarly {
    pub tiers: Vec<Spanned<String>>,
    pub days: Spanned<u16>,
}

/// Bounds of any rule that gives something; amounts of money are text, points are numbers.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawCap {
    pub member: Option<Spanned<Value>>,
    pub member_day: Option<Spanned<Value>>,
    pub member_month: Option<Spanned<Value>>,
    pub member_year: Option<Spanned<Value>>,
    pub times: Option<Spanned<u32>>,
    pub times_day: Option<Spanned<u32>>,
    pub times_month: Option<Spanned<u32>>,
    pub times_year: Option<Spanned<u32>>,
    pub budget: Option<Spanned<Value>>,
    pub budget_day: Option<Spanned<Value>>,
    pub budget_month: Option<Spanned<Value>>,
    pub budget_year: Option<Spanned<Value>>,
}

const TENDERS: [(&str, u8); 7] = [
    ("cash", 1),
    ("bank-card", 2),
    ("qr", 3),
    ("transfer", 4),
    ("voucher", 5),
    ("stored-value", 6),
    ("other", 7),
];
const WEEKDAYS: [(&str, u8); 7] =
    [("mon", 1), ("tue", 2), ("wed", 3), ("thu", 4), ("fri", 5), ("sat", 6), ("sun", 7)];

impl Checker<'_> {
    pub(super) fn when(&mut self, raw: RawWhen, products: Vec<String>) -> When {
        let (from, until) =
            (raw.from.as_ref().map(|day| self.day(day)), raw.until.as_ref().map(|day| self.day(day)));
        if let Some(last) = raw.until.as_ref().filter(|_| from > until) {
            self.problem(last, "until is before from; both days count");
        }
        for day in raw.days.iter().filter(|day| !(1..=31).contains(day.get_ref())) {
            self.problem(day, "write days of the month, 1 to 31");
        }
        for name in &raw.tiers {
            if !self.known_tiers.contains(name.get_ref()) {
                self.problem(name, format!("there is no [[tier]] with key = {:?}", name.get_ref()));
            }
        }
        for name in &raw.segments {
            if !self.known_segments.contains(name.get_ref()) {
                self.problem(name, format!("there is no [[segment]] {:?} before it", name.get_ref()));
            }
        }
        self.birthdays |= raw.birthday.is_some();
        When {
            products,
            tiers: raw.tiers.into_iter().map(Spanned::into_inner).collect(),
            segments: raw.segments.into_iter().map(Spanned::into_inner).collect(),
            stores: raw.stores.into_iter().map(Spanned::into_inner).collect(),
            channels: raw.channels.into_iter().map(Spanned::into_inner).collect(),
            tenders: raw.tenders.iter().map(|word| self.word(word, &TENDERS)).collect(),
            from,
            early: None,
            until,
            weekdays: raw.weekdays.iter().map(|word| self.word(word, &WEEKDAYS)).collect(),
            days: raw.days.into_iter().map(Spanned::into_inner).collect(),
            hours: raw.hours.map(|hours| self.hours(&hours)),
            birthday: raw
                .birthday
                .map(|word| self.word(&word, &[("day", Birthday::Day), ("month", Birthday::Month)])),
            customer: raw.customer.map(|word| self.word(&word, &[("person", 1), ("company", 2)])),
        }
    }

    /// The same, where members of some tiers come in before the others.
    pub(super) fn when_early(
        &mut self,
        raw: RawWhen,
        early: Option<RawEarly>,
        products: Vec<String>,
    ) -> When {
        let when = self.when(raw, products);
        let Some(early) = early else { return when };
        if when.from.is_none() {
            self.problem(&early.days, "before what? write when = { from = \"2027-03-01\" } too");
        }
        if !(1..=366).contains(early.days.get_ref()) {
            self.problem(&early.days, "write 1 to 366 days");
        }
        if early.tiers.is_empty() {
            self.problem(&early.days, "for whom? write tiers = [\"gold\"] too");
        }
        for name in &early.tiers {
            if !self.known_tiers.contains(name.get_ref()) {
                self.problem(name, format!("there is no [[tier]] with key = {:?}", name.get_ref()));
            } else if !when.tiers.is_empty() && !when.tiers.contains(name.get_ref()) {
                self.problem(name, "`when` lets no member of this tier in at all; name the tier there too");
            }
        }
        let days = early.days.into_inner();
        let tiers = early.tiers.into_iter().map(Spanned::into_inner).collect();
        When { early: Some(Early { tiers, days }), ..when }
    }

    /// One of a few words; the first when it is none.
    pub(super) fn word<T: Copy>(&mut self, word: &Spanned<String>, known: &[(&str, T)]) -> T {
        let found = known.iter().find(|(name, _)| name == word.get_ref());
        let (_, value) = found.unwrap_or_else(|| {
            let names: Vec<String> = known.iter().map(|(name, _)| format!("{name:?}")).collect();
            self.problem(word, format!("write one of {}", names.join(", ")));
            &known[0]
        });
        *value
    }

    /// A business date, YYYYMMDD.
    pub(super) fn day(&mut self, text: &Spanned<String>) -> u32 {
        let parsed = text.get_ref().parse::<jiff::civil::Date>().ok().filter(|day| day.year() > 0);
        let Some(day) = parsed else {
            self.problem(text, "write a day such as \"2027-02-22\"");
            return 19_700_101;
        };
        let part = |number: i8| u32::from(number.unsigned_abs());
        u32::from(day.year().unsigned_abs())
            .saturating_mul(10_000)
            .saturating_add(part(day.month()).saturating_mul(100))
            .saturating_add(part(day.day()))
    }

    /// From and until in minutes after midnight.
    fn hours(&mut self, text: &Spanned<String>) -> (u16, u16) {
        let minute = |text: &str| {
            let (hour, minute) = text.split_once(':')?;
            let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
            let minutes = hour.checked_mul(60)?.checked_add(minute)?;
            (text.len() == 5 && minute < 60 && minutes <= 1440).then_some(minutes)
        };
        let parsed =
            text.get_ref().split_once('-').and_then(|(from, until)| Some((minute(from)?, minute(until)?)));
        parsed.filter(|(from, until)| from != until).unwrap_or_else(|| {
            self.problem(text, "write hours such as \"14:00-17:00\"; the last minute does not count");
            (0, 1440)
        })
    }

    /// Bounds of a rule that gives `kind`.
    pub(super) fn cap(&mut self, raw: RawCap, kind: Kind) -> Cap {
        let mut give = |list: [(Window, Option<Spanned<Value>>); 4]| -> Vec<(Window, i64)> {
            list.into_iter().filter_map(|(window, most)| Some((window, self.given(&most?, kind)))).collect()
        };
        let member = give([
            (Window::Ever, raw.member),
            (Window::Day, raw.member_day),
            (Window::Month, raw.member_month),
            (Window::Year, raw.member_year),
        ]);
        let budget = give([
            (Window::Ever, raw.budget),
            (Window::Day, raw.budget_day),
            (Window::Month, raw.budget_month),
            (Window::Year, raw.budget_year),
        ]);
        let times = [
            (Window::Ever, raw.times),
            (Window::Day, raw.times_day),
            (Window::Month, raw.times_month),
            (Window::Year, raw.times_year),
        ];
        let times = times
            .into_iter()
            .filter_map(|(window, most)| Some((window, i64::from(most?.into_inner()))))
            .collect();
        Cap { member, times, budget }
    }

    /// So much of a balance: money as text, points as a number.
    pub(super) fn given(&mut self, value: &Spanned<Value>, kind: Kind) -> i64 {
        match value.get_ref() {
            Value::String(text) if kind.is_money() => {
                let text = Spanned::new(value.span(), text.clone());
                self.amount(&text)
            }
            Value::Integer(points) if !kind.is_money() && (0..=1_000_000_000_000).contains(points) => *points,
            _ if kind.is_money() => {
                self.problem(value, "write an amount such as \"100.00\"");
                0
            }
            _ => {
                self.problem(value, "write a number of points");
                0
            }
        }
    }
}
