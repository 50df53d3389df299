//! What operators ask of the programme: its versions, one of them whole, and what another one would change.

use serde_json::{Map, Value, json};

use super::acts::check_programme;
use super::group::Group;
use super::writer::Writer;
use crate::domain::act::{Act, Drawn};
use crate::domain::effect::Effect;
use crate::domain::programme::ProgrammeVersion;
use crate::domain::schedule::{Start, in_force_at, standing};
use crate::keys::hex;
use crate::programme_file::difference::differences;

/// Which version of the programme is meant.
#[derive(Debug, Clone, Copy)]
pub enum Which {
    InForce,
    Version(u32),
    /// The one in force at a Unix second.
    At(i64),
}

impl Writer {
    /// All versions, the oldest first.
    pub(super) fn programme_versions(&self) -> Value {
        let rows = self.state.programmes.iter().map(|version| Value::Object(self.row(version)));
        json!({ "programmes": rows.collect::<Vec<_>>() })
    }

    /// One version with its document.
    pub(super) fn programme_version(&self, which: Which) -> Value {
        let versions = &self.state.programmes;
        let found = match which {
            Which::InForce => {
                let in_force = self.in_force(self.now()).version;
                versions.iter().find(|held| held.version == in_force)
            }
            Which::Version(version) => versions.iter().find(|held| held.version == version),
            Which::At(s) => in_force_at(versions, s),
        };
        match (found, which) {
            (Some(found), _) => {
                let mut row = self.row(found);
                row.insert("document".into(), found.document.clone().into());
                Value::Object(row)
            }
            (None, Which::Version(version)) => {
                json!({ "error": format!("there is no version {version}; `programme list` shows those that there are") })
            }
            (None, _) => {
                json!({ "error": "no programme was in force then; `programme list` shows since when there was one" })
            }
        }
    }

    /// What would change if this document came into force, or why it cannot.
    pub(super) fn programme_trial(&self, group: &Group, document: &str, start: Start) -> Value {
        self.trial(group, document, start).unwrap_or_else(|reason| json!({ "error": reason }))
    }

    fn trial(&self, group: &Group, document: &str, start: Start) -> Result<Value, String> {
        let now = self.now();
        check_programme(document, &self.in_force(now))?;
        let act = Act::ProgrammeActivate { document: document.to_owned(), start };
        let effects = self.decide(&act, Drawn::default(), self.next_index(group), None)?;
        let [Effect::Programme { version, effective_from, .. }] = effects[..] else {
            return Err("that changes nothing".into());
        };
        let versions = &self.state.programmes;
        // What is in force until then; a version that is scheduled for the same time never will be.
        let before = if effective_from > now.s() { effective_from.saturating_sub(1) } else { effective_from };
        let before = in_force_at(versions, before).or(versions.first()).ok_or("there is no programme")?;
        let changes = differences(&before.document, document).map_err(|problem| problem.to_string())?;
        let replaced = versions.iter().filter(|held| {
            held.effective_from > now.s()
                && held.effective_from >= effective_from
                && standing(versions, held.version, now.s()) == "scheduled"
        });
        Ok(json!({
            "version": version,
            "effective_from": effective_from,
            "effective": self.in_force(now).programme.wall(effective_from),
            "at_once": effective_from <= now.s(),
            "compared_with": before.version,
            "replaces": replaced.map(|held| held.version).collect::<Vec<_>>(),
            "words": changes.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "differences": changes,
        }))
    }

    fn row(&self, version: &ProgrammeVersion) -> Map<String, Value> {
        let compiled = self.programmes.iter().find(|compiled| compiled.version == version.version);
        let row = json!({
            "version": version.version,
            "name": compiled.map(|compiled| compiled.programme.name.clone()),
            "standing": standing(&self.state.programmes, version.version, self.now().s()),
            "effective_from": version.effective_from,
            "effective": compiled.map(|compiled| compiled.programme.wall(version.effective_from)),
            "digest": compiled.map(|compiled| hex(&compiled.digest)),
        });
        match row {
            Value::Object(row) => row,
            _ => Map::new(),
        }
    }
}
