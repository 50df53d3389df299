//! What the file says of alerts.

use serde::Deserialize;
use toml::{Spanned, Value};

use super::Checker;
use crate::domain::Kind;
use crate::domain::member::Window;
use crate::domain::programme::alert::{Above, Alert, By, Deed};

const DEEDS: [(&str, Deed); 6] = [
    ("points-given", Deed::PointsGiven),
    ("points-redeemed", Deed::PointsRedeemed),
    ("bonus-given", Deed::BonusGiven),
    ("voids", Deed::Voids),
    ("refunds", Deed::Refunds),
    ("adjustments", Deed::Adjustments),
];
const BY: [(&str, By); 5] = [
    ("member", By::Member),
    ("cashier", By::Cashier),
    ("terminal", By::Terminal),
    ("store", By::Store),
    ("rule", By::Rule),
];
const PER: [(&str, Window); 2] = [("day", Window::Day), ("month", Window::Month)];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAlert {
    pub alert: Spanned<String>,
    pub on: Spanned<String>,
    pub by: Spanned<String>,
    pub per: Spanned<String>,
    pub above: Option<Spanned<Value>>,
    pub above_times: Option<Spanned<u32>>,
}

impl Checker<'_> {
    pub(super) fn alerts(&mut self, all: Vec<RawAlert>) -> Vec<Alert> {
        let mut alerts: Vec<Alert> = Vec::new();
        for raw in all {
            if alerts.iter().any(|alert| alert.alert == *raw.alert.get_ref()) {
                self.problem(&raw.alert, "another [[alert]] has this name");
            }
            let alert = self.alert(raw);
            alerts.push(alert);
        }
        alerts
    }

    fn alert(&mut self, raw: RawAlert) -> Alert {
        let (on, by) = (self.word(&raw.on, &DEEDS), self.word(&raw.by, &BY));
        if by == By::Rule && !matches!(on, Deed::PointsGiven | Deed::BonusGiven) {
            self.problem(&raw.by, "only \"points-given\" and \"bonus-given\" are by a rule");
        }
        if on == Deed::Adjustments && matches!(by, By::Cashier | By::Terminal) {
            self.problem(&raw.by, "operators adjust points, not tills; write \"member\" or \"store\"");
        }
        let money = matches!(on, Deed::BonusGiven | Deed::Voids | Deed::Refunds);
        let above = match (&raw.above, &raw.above_times) {
            (Some(above), None) => {
                Above::Amount(self.given(above, if money { Kind::MONEY } else { Kind::POINTS }))
            }
            (None, Some(times)) => Above::Times(i64::from(*times.get_ref())),
            _ => {
                self.problem(&raw.alert, "write above = 5000, or above_times = 5, one of them");
                Above::Times(0)
            }
        };
        Alert { per: self.word(&raw.per, &PER), alert: self.rule(raw.alert), on, by, above }
    }
}

/// How a file says what is looked at, and who.
#[must_use]
pub(crate) fn words(alert: &Alert) -> (&'static str, &'static str, &'static str) {
    let on = DEEDS.iter().find(|(_, deed)| *deed == alert.on).map_or("", |(word, _)| *word);
    let by = BY.iter().find(|(_, by)| *by == alert.by).map_or("", |(word, _)| *word);
    (on, by, if alert.per == Window::Day { "day" } else { "month" })
}
