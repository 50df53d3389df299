//! Double entry: balance kinds, named accounts, and the rule that every entry sums to zero.

use super::{Account, Effect, Fault, Posting};

/// From this kind on, points are pending (PROTOCOL.md section 6) ...
const FIRST_PENDING: u8 = 48;
/// ... and become those of the kind so much lower.
const PENDING: u8 = 32;

/// What a posting counts: money on a named account, or one of a card's balances (PROTOCOL.md section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub u8);

impl Kind {
    /// Money on a named account, in minor units.
    pub const MONEY: Self = Self(0);
    /// What the customer paid in, in minor units.
    pub const PRINCIPAL: Self = Self(1);
    /// What the merchant gave on top, in minor units.
    pub const BONUS: Self = Self(2);
    /// Ordinary points.
    pub const POINTS: Self = Self(16);

    /// Courtesy points (特殊礼遇积分; LOYALTY B11).
    pub const COURTESY: Self = Self(17);
    /// Point currencies by the words that people write.
    pub const CURRENCIES: [(&str, Self); 2] = [("ordinary", Self::POINTS), ("courtesy", Self::COURTESY)];

    /// What people call a currency of points.
    #[must_use]
    pub fn word(self) -> String {
        let named = Self::CURRENCIES.iter().find(|(_, kind)| *kind == self);
        named.map_or_else(|| format!("kind {}", self.0), |(word, _)| (*word).to_owned())
    }

    /// Money kinds sum to zero together; each point currency by itself.
    #[must_use]
    pub fn is_money(self) -> bool {
        self.0 < 16
    }

    /// What points of this kind are while they cannot be spent yet.
    #[must_use]
    pub fn pending(self) -> Self {
        Self(self.0.saturating_add(PENDING))
    }

    /// True for points that cannot be spent yet.
    #[must_use]
    pub fn is_pending(self) -> bool {
        self.0 >= FIRST_PENDING
    }

    /// What pending points become when they are released; any other kind is itself.
    #[must_use]
    pub fn released(self) -> Self {
        if self.is_pending() { Self(self.0.saturating_sub(PENDING)) } else { self }
    }
}

/// An account that is no card: clearing, redemption, expense, receivable (PROTOCOL.md section 12).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NamedAccount {
    /// Grows by one with each entry that touches the account.
    pub version: u64,
    /// Rising by kind, no kind twice.
    pub balances: Vec<(Kind, i64)>,
}

impl NamedAccount {
    /// The balance of one kind; 0 when it was never posted.
    #[must_use]
    pub fn balance(&self, kind: Kind) -> i64 {
        self.balances.iter().find(|(k, _)| *k == kind).map_or(0, |(_, amount)| *amount)
    }

    pub(super) fn post(&mut self, kind: Kind, amount: i64) -> Result<(), Fault> {
        match self.balances.binary_search_by_key(&kind, |(k, _)| *k) {
            Ok(at) => {
                let slot = &mut self.balances[at].1;
                *slot = slot.checked_add(amount).ok_or(Fault::Overflow)?;
            }
            Err(at) => self.balances.insert(at, (kind, amount)),
        }
        Ok(())
    }
}

/// Holds when the money legs sum to zero together and each point currency by itself.
///
/// # Errors
/// [`Fault::Unbalanced`] names the first kind that does not.
pub fn check_balanced<'a>(postings: impl Iterator<Item = &'a Posting>) -> Result<(), Fault> {
    let mut sums: Vec<(u8, i64)> = Vec::new();
    for posting in postings {
        let class = if posting.kind.is_money() { 0 } else { posting.kind.released().0 };
        match sums.iter_mut().find(|(c, _)| *c == class) {
            Some((_, sum)) => *sum = sum.checked_add(posting.amount).ok_or(Fault::Overflow)?,
            None => sums.push((class, posting.amount)),
        }
    }
    sums.iter().find(|(_, sum)| *sum != 0).map_or(Ok(()), |(class, _)| Err(Fault::Unbalanced(*class)))
}

/// Money taken for loads in a store, by tender kind.
#[must_use]
pub fn clearing(store: &str, tender: u8) -> Account {
    Account::Named(format!("clearing:{store}:{tender}"))
}

/// The tender kind of a clearing account; `None` for another account.
#[must_use]
pub fn tender_of(account: &Account) -> Option<u8> {
    match account {
        Account::Named(name) => name.strip_prefix("clearing:")?.rsplit(':').next()?.parse().ok(),
        Account::Card { .. } => None,
    }
}

/// Value spent in a store.
#[must_use]
pub fn redemption(store: &str) -> Account {
    Account::Named(format!("redemption:{store}"))
}

/// What bonuses cost.
#[must_use]
pub fn bonus_expense() -> Account {
    Account::Named("bonus-expense".into())
}

/// Money value of points that were paid with.
#[must_use]
pub fn points_payment() -> Account {
    Account::Named("points-payment".into())
}

/// Points issued, in points.
#[must_use]
pub fn points_expense() -> Account {
    Account::Named("points-expense".into())
}

/// Where pending points pass when they are released, in points; always back at nothing.
#[must_use]
pub fn points_release() -> Account {
    Account::Named("points-release".into())
}

/// Points that members owe after a reversal took back more than was left.
#[must_use]
pub fn points_receivable() -> Account {
    Account::Named("receivable:points".into())
}

/// Value and points that expired unspent.
#[must_use]
pub fn breakage() -> Account {
    Account::Named("breakage".into())
}

/// Cash that was taken and credited to nobody, less what offline approvals lack, in a store.
#[must_use]
pub fn suspense(store: &str) -> Account {
    Account::Named(format!("suspense:{store}"))
}

/// Shortfalls of a store that were written off.
#[must_use]
pub fn offline_loss(store: &str) -> Account {
    Account::Named(format!("offline-loss:{store}"))
}

/// A leg on a named account; cards' money kinds become plain money there, pending points the points that they will be.
pub(super) fn named(account: Account, kind: Kind, amount: i64) -> Effect {
    let kind = if kind.is_money() { Kind::MONEY } else { kind.released() };
    Effect::Posting(Posting { account, kind, amount })
}
