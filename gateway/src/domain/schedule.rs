//! When programme versions come into force: the newest one whose time has come is in force.

use jiff::tz::TimeZone;

use super::effect::Effect;
use super::programme::{Programme, ProgrammeVersion};
use super::refusal::Refusal;
use super::request::Now;

/// A time so long ago is taken for now: somebody had to read the question, and clocks differ.
const SLACK_S: i64 = 60;

/// When an operator wants a new version to come into force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Start {
    /// Unix seconds; at once when `None`.
    pub from: Option<i64>,
    /// Versions that are scheduled for later never come into force.
    pub instead: bool,
}

/// Puts a document in force from some time on.
///
/// # Errors
/// [`Refusal`] for a time in the past, and for one before that of a version which is scheduled.
pub(super) fn activate(
    versions: &[ProgrammeVersion],
    zone: &TimeZone,
    (document, start): (&str, Start),
    now: Now,
) -> Result<Vec<Effect>, Refusal> {
    let from = start.from.unwrap_or(now.s());
    if from < now.s().saturating_sub(SLACK_S) {
        return Err(Refusal::Past { now: wall(zone, now.s()) });
    }
    let effective_from = from.max(now.s());
    let newest = versions.last();
    if let Some(later) = newest.filter(|newest| newest.effective_from > effective_from && !start.instead) {
        return Err(Refusal::Scheduled { version: later.version, at: wall(zone, later.effective_from) });
    }
    let version = newest.map_or(1, |newest| newest.version.saturating_add(1));
    Ok(vec![Effect::Programme { version, effective_from, document: document.to_owned() }])
}

/// The version in force at a Unix second; `None` before the first.
#[must_use]
pub fn in_force_at(versions: &[ProgrammeVersion], s: i64) -> Option<&ProgrammeVersion> {
    versions.iter().rev().find(|version| version.effective_from <= s)
}

/// How a version stands at a Unix second, for people.
#[must_use]
pub fn standing(versions: &[ProgrammeVersion], version: u32, s: i64) -> &'static str {
    let Some(held) = versions.iter().find(|held| held.version == version) else { return "unknown" };
    let newer = |other: &&ProgrammeVersion| other.version > version;
    if in_force_at(versions, s).is_some_and(|in_force| in_force.version == version) {
        "in force"
    } else if versions.iter().filter(newer).any(|other| other.effective_from <= held.effective_from) {
        "replaced"
    } else if held.effective_from > s {
        "scheduled"
    } else {
        "past"
    }
}

impl Programme {
    /// A Unix second as the shop's clocks show it.
    #[must_use]
    pub fn wall(&self, s: i64) -> String {
        wall(&self.zone, s)
    }
}

fn wall(zone: &TimeZone, s: i64) -> String {
    let at = jiff::Timestamp::from_second(s).map(|at| at.to_zoned(zone.clone()));
    at.map_or_else(|_| s.to_string(), |at| at.strftime("%Y-%m-%d %H:%M:%S %:z").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(times: &[i64]) -> Vec<ProgrammeVersion> {
        let version = |(version, at): (u32, &i64)| ProgrammeVersion {
            version,
            effective_from: *at,
            document: "".into(),
        };
        (1..).zip(times).map(version).collect()
    }

    fn activated(times: &[i64], start: Start, now_s: i64) -> Result<(u32, i64), Refusal> {
        let now = Now { ms: now_s.saturating_mul(1000), business_date: 20_270_101, certain: true };
        let zone = TimeZone::get("Asia/Shanghai").expect("a zone");
        let effects = activate(&versions(times), &zone, ("new", start), now)?;
        match &effects[..] {
            [Effect::Programme { version, effective_from, document }] if document == "new" => {
                Ok((*version, *effective_from))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_version_starts_now_or_later_and_before_no_scheduled_one() {
        let at = |s| Start { from: Some(s), instead: false };
        assert_eq!(activated(&[5], Start::default(), 1000), Ok((2, 1000)));
        assert_eq!(activated(&[5], at(2000), 1000), Ok((2, 2000)));
        assert_eq!(activated(&[5], at(940), 1000), Ok((2, 1000)), "what was priced keeps its version");
        let now = "1970-01-01 08:16:40 +08:00".to_owned();
        assert_eq!(activated(&[5], at(939), 1000), Err(Refusal::Past { now }));
        let scheduled = Refusal::Scheduled { version: 2, at: "1970-01-01 08:33:20 +08:00".into() };
        for start in [Start::default(), at(1999)] {
            assert_eq!(activated(&[5, 2000], start, 1000), Err(scheduled.clone()));
            assert!(activated(&[5, 2000], Start { instead: true, ..start }, 1000).is_ok());
        }
        assert_eq!(activated(&[5, 2000], at(2000), 1000), Ok((3, 2000)), "in its place");
        assert_eq!(activated(&[5, 2000], at(i64::MAX), 1000), Ok((3, i64::MAX)));
    }

    #[test]
    fn each_version_stands_as_its_time_says() {
        let told = |times: &[i64], s| {
            let versions = versions(times);
            versions.iter().map(|held| standing(&versions, held.version, s)).collect::<Vec<_>>()
        };
        assert_eq!(told(&[10, 20, 30], 25), ["past", "in force", "scheduled"]);
        assert_eq!(told(&[10, 30, 30], 25), ["in force", "replaced", "scheduled"]);
        assert_eq!(told(&[10, 30, 20], 25), ["past", "replaced", "in force"]);
        assert_eq!(told(&[10, 30, 20], 35), ["past", "replaced", "in force"], "it never comes");
        assert_eq!(in_force_at(&versions(&[10]), 9), None);
    }
}
