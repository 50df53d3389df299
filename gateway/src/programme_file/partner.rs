//! Partners and whose tiers are honoured at which, checked.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::Checker;
use crate::domain::programme::{Partner, Tiers};
use crate::keys::spki_in;

/// Another programme whose tiers are honoured.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPartner {
    pub name: Spanned<String>,
    pub public_key: Spanned<String>,
    pub honours: Spanned<BTreeMap<String, Spanned<String>>>,
    pub most_months: Spanned<u16>,
}

impl Checker<'_> {
    pub(super) fn partners(&mut self, raw: Vec<RawPartner>, tiers: &Tiers) -> Vec<Partner> {
        let mut all: Vec<Partner> = Vec::new();
        for raw in raw {
            let name = raw.name.get_ref();
            if !(1..=32).contains(&name.len()) || name.contains(char::is_control) {
                self.problem(&raw.name, "a partner's name has 1 to 32 bytes, as it is in its statements");
            }
            if all.iter().any(|other| other.name == *name) {
                self.problem(&raw.name, "another [[partner]] has this name");
            }
            let key = spki_in(raw.public_key.get_ref()).unwrap_or_else(|| {
                self.problem(
                    &raw.public_key,
                    "not a public key: write the partner's P-256 or Ed25519 SubjectPublicKeyInfo as PEM or hex",
                );
                Vec::new()
            });
            if raw.honours.get_ref().is_empty() {
                self.problem(&raw.honours, "write which tiers are honoured, such as { elite = \"gold\" }");
            }
            for ours in raw.honours.get_ref().values() {
                let reached = tiers.list.iter().filter(|tier| !tier.routes.is_empty());
                if !reached.into_iter().any(|tier| tier.key == *ours.get_ref()) {
                    self.problem(
                        ours,
                        format!("there is no [[tier]] with key = {:?} to reach", ours.get_ref()),
                    );
                }
            }
            if !(1..=120).contains(raw.most_months.get_ref()) {
                self.problem(&raw.most_months, "write 1 to 120 months");
            }
            let tiers = raw.honours.into_inner().into_iter();
            all.push(Partner {
                name: raw.name.into_inner(),
                key,
                tiers: tiers.map(|(theirs, ours)| (theirs, ours.into_inner())).collect(),
                months: raw.most_months.into_inner(),
            });
        }
        all
    }
}
