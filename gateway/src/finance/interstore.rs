//! Inter-store clearing (跨店清算): in whose books a leg is, and what stores owe each other by an entry, so that every store's
//! own books come to zero as every entry does. Pure.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

use super::chart::{Place, Purpose};
use super::homes::Homes;
use crate::domain::effect::{Account, Posting};

/// A leg of the journal, and where it belongs.
pub type Placed<'a> = (&'a Posting, Place<'a>);

/// What one store is owed by another, and the other owes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debt<'a> {
    pub store: &'a str,
    pub other: &'a str,
    /// Minor units by which `store` owes `other` more; below zero, less.
    pub amount: i64,
}

/// The store that acted, which others settle with: the one whose till or account an entry moved, else the one that it is booked in.
#[must_use]
pub fn acting<'a>(legs: &[Placed<'a>], store: &'a str) -> &'a str {
    legs.iter().find_map(|(_, place)| place.store).unwrap_or(store)
}

/// In whose books each leg of an entry is. Money on a card is where its lot is at home, what expired where the lot was, what a
/// store's account has in that store; what bonuses and points cost is the acting store's. Points stay where they were booked.
///
/// # Errors
/// When a lot names an entry that is not there.
pub fn owners<'a>(legs: &[Placed<'a>], store: &'a str, homes: &'a Homes) -> Result<Vec<&'a str>> {
    let acting = acting(legs, store);
    let mut owners: Vec<&str> = Vec::with_capacity(legs.len());
    for (posting, place) in legs {
        let owner = match &posting.account {
            _ if place.points.is_some() => store,
            Account::Card { source, .. } => homes
                .of(*source)
                .with_context(|| format!("a lot names entry {source}, which is not there"))?,
            // What expired stands right behind the lot that it was in.
            Account::Named(_) if place.purpose == Purpose::Breakage => {
                owners.last().copied().unwrap_or(acting)
            }
            Account::Named(_) => place.store.unwrap_or(acting),
        };
        owners.push(owner);
    }
    Ok(owners)
}

/// What other stores owe the acting one by an entry's money: what the entry has left each of them with.
///
/// # Errors
/// When a sum leaves the range.
pub fn debts<'a>(legs: &[Placed<'a>], owners: &[&'a str], acting: &'a str) -> Result<Vec<Debt<'a>>> {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for ((posting, place), owner) in legs.iter().zip(owners) {
        if place.points.is_none() && *owner != acting {
            let sum = sums.entry(owner).or_default();
            // The journal counts what is owed: what it has taken from a store's cards, that store owes.
            let owes = sum.checked_sub(posting.amount);
            *sum = owes.context("a sum leaves the range")?;
        }
    }
    let debts = sums.into_iter().filter(|(_, amount)| *amount != 0);
    Ok(debts.map(|(store, amount)| Debt { store, other: acting, amount }).collect())
}
