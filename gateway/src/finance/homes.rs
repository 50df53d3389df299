//! Which store each entry was booked in, as the journal is read from its first entry on: where a lot is at home is the store of
//! the entry that first opened it. Two bytes an entry.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};

/// Stores by entry.
#[derive(Debug, Clone, Default)]
pub struct Homes {
    stores: Vec<String>,
    numbers: BTreeMap<String, u16>,
    /// From entry 1 on.
    by_entry: Vec<u16>,
}

impl Homes {
    /// Notes the next entry.
    ///
    /// # Errors
    /// When an entry was left out, or there are more stores than can be counted.
    pub fn note(&mut self, index: u64, store: &str) -> Result<()> {
        let next = (self.by_entry.len() as u64).saturating_add(1);
        ensure!(index == next, "entry {index} stands where entry {next} should");
        let number = match self.numbers.get(store) {
            Some(number) => *number,
            None => {
                let number = u16::try_from(self.stores.len()).context("too many stores")?;
                self.stores.push(store.to_owned());
                self.numbers.insert(store.to_owned(), number);
                number
            }
        };
        self.by_entry.push(number);
        Ok(())
    }

    /// The store of an entry; `None` when it was not noted.
    #[must_use]
    pub fn of(&self, index: u64) -> Option<&str> {
        let at = usize::try_from(index.checked_sub(1)?).ok()?;
        self.stores.get(usize::from(*self.by_entry.get(at)?)).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_has_its_store_and_none_can_be_left_out() {
        let mut homes = Homes::default();
        for (index, store) in [(1, "A"), (2, "B"), (3, "A")] {
            homes.note(index, store).expect("the next");
        }
        assert_eq!(
            [0, 1, 2, 3, 4].map(|index| homes.of(index)),
            [None, Some("A"), Some("B"), Some("A"), None]
        );
        assert!(homes.note(3, "A").is_err() && homes.note(5, "A").is_err());
    }
}
