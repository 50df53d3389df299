//! People at the till: cashiers, and supervisors who allow what a cashier alone may not.

use super::pin::Pin;

/// A person at the till.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cashier {
    pub active: bool,
    pub merchant: String,
    /// `None` for every store of the merchant.
    pub store: Option<String>,
    pub supervisor: bool,
    pub pin: Pin,
}

impl Cashier {
    /// Whether this person works in that store.
    #[must_use]
    pub fn works_at(&self, merchant: &str, store: &str) -> bool {
        self.active && self.merchant == merchant && self.store.as_deref().is_none_or(|own| own == store)
    }
}
