//! Partners (合作伙伴; LOYALTY C9): other programmes whose tiers are honoured, by whose word and for how long.

/// A partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partner {
    /// As it calls itself in its statements, 1 to 32 bytes.
    pub name: String,
    /// SubjectPublicKeyInfo by which its statements are verified.
    pub key: Vec<u8>,
    /// Its tiers, each with the key of the one that it is honoured at.
    pub tiers: Vec<(String, String)>,
    /// Most months that a statement is honoured for.
    pub months: u16,
}

impl Partner {
    /// The tier that one of the partner's is honoured at.
    #[must_use]
    pub fn honoured(&self, tier: &str) -> Option<&str> {
        self.tiers.iter().find(|(theirs, _)| theirs == tier).map(|(_, ours)| ours.as_str())
    }
}
