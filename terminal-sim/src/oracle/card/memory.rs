//! What is remembered of a card's requests. A card is copied for every result that may be right, and that is cheap: what was
//! remembered before is shared by the copies.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Decided;
use crate::oracle::fact::TransactionKey;

#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    before: Arc<BTreeMap<TransactionKey, Decided>>,
    news: BTreeMap<TransactionKey, Decided>,
}

impl Memory {
    pub(super) fn get(&self, key: &TransactionKey) -> Option<&Decided> {
        self.news.get(key).or_else(|| self.before.get(key))
    }

    pub(super) fn get_mut(&mut self, key: &TransactionKey) -> Option<&mut Decided> {
        if !self.news.contains_key(key) {
            self.news.insert(key.clone(), self.before.get(key)?.clone());
        }
        self.news.get_mut(key)
    }

    pub(super) fn insert(&mut self, key: TransactionKey, decided: Decided) {
        self.news.insert(key, decided);
    }

    /// The other copies are gone: what is new becomes what all later copies share.
    pub(super) fn settle(&mut self) {
        Arc::make_mut(&mut self.before).append(&mut self.news);
    }

    /// Takes out what is settled and `wanted`.
    pub(super) fn take_out(&mut self, wanted: impl Fn(&Decided) -> bool) -> Vec<(TransactionKey, Decided)> {
        let all = std::mem::take(Arc::make_mut(&mut self.before));
        let (out, left): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, decided)| wanted(decided));
        self.before = Arc::new(left.into_iter().collect());
        out
    }

    /// All that is settled, to be changed.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Decided> {
        Arc::make_mut(&mut self.before).values_mut()
    }

    /// All that is settled.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&TransactionKey, &Decided)> {
        self.before.iter()
    }
}
