//! A card and its lots.

use super::Fault;
use super::effect::{Account, Effect, Posting};
use super::ledger::Kind;
use super::pin::Pin;
use super::tally::{Period, Tally};

/// 16 digits, the first 9, the last a check digit; checked where the wire is decoded. Debug shows the last four.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CardReference(pub u64);

impl std::fmt::Debug for CardReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "card …{:04}", self.0 % 10_000)
    }
}

/// Where a card is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum CardStatus {
    /// Made, not yet sold: holds no value, takes none.
    Issued = 1,
    /// In use.
    Active = 2,
    /// Stopped by an operator; its value stays.
    Blocked = 3,
    /// Another card has taken its place and everything that it held.
    Replaced = 4,
}

/// An amount with one origin and one expiry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot {
    /// Numbered within the card, never reused.
    pub id: u32,
    /// Which balance it belongs to.
    pub kind: Kind,
    /// Minor units or points, above 0.
    pub amount: i64,
    /// Unspendable from this Unix second on.
    pub expires: Option<i64>,
    /// Index of the entry that first opened it.
    pub source: u64,
}

impl Lot {
    /// True from the second at which it can no longer be spent.
    #[must_use]
    pub fn is_expired(&self, now_s: i64) -> bool {
        self.expires.is_some_and(|at| at <= now_s)
    }
}

/// An amount that an authorize has set aside: nothing but its captures can spend it, and it does not expire. It holds until
/// its end is booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Index of the entry that opened it.
    pub id: u64,
    /// It ends at this Unix second.
    pub expires: i64,
    /// Minor units captured so far.
    pub captured: i64,
    /// (lot, amount above 0), in the order in which they are captured; none when it has ended.
    pub parts: Vec<(u32, i64)>,
}

impl Hold {
    /// What is still held, minor units.
    #[must_use]
    pub fn held(&self) -> i64 {
        self.parts.iter().fold(0, |sum, (_, amount)| sum.saturating_add(*amount))
    }

    /// The same hold, ended.
    #[must_use]
    pub fn ended(&self) -> Self {
        Self { parts: Vec::new(), ..*self }
    }

    fn held_in(&self, lot: u32) -> i64 {
        let parts = self.parts.iter().filter(|(part, _)| *part == lot);
        parts.fold(0, |sum, (_, amount)| sum.saturating_add(*amount))
    }
}

/// Above this many lots a credit joins the newest lot with the same kind and expiry. Reversals stay exact, because a
/// posting names the lot it went to.
const LOTS_BEFORE_JOINING: usize = 32;

/// What one card may spend of its account's money, besides what its product says; minor units, `None` for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OwnLimits {
    /// In a business day.
    pub day: Option<i64>,
    /// In a calendar month of business days.
    pub month: Option<i64>,
}

/// A prepaid card. Its balance is the sum of its lots, always.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Public number.
    pub reference: CardReference,
    /// Grows by one with each entry that touches the card.
    pub version: u64,
    /// Where it is in its life.
    pub status: CardStatus,
    /// Key of its product in the programme.
    pub product: String,
    /// Keyed hash of the card secret.
    pub proof: [u8; 32],
    /// Not accepted from this Unix second on.
    pub expires: Option<i64>,
    /// Commitment to the holder's personal data, of a registered card.
    pub holder: Option<[u8; 32]>,
    /// The corporate account whose money it spends.
    pub account: Option<CardReference>,
    /// How much of that it may spend.
    pub own_limits: OwnLimits,
    pub pin: Pin,
    /// Number of the next lot to be opened.
    pub next_lot: u32,
    /// Points owed after something took back more than was left, above 0, rising by kind.
    pub points_debts: Vec<(Kind, i64)>,
    /// Rising by id, none at zero.
    pub lots: Vec<Lot>,
    /// Rising by id, none that has ended.
    pub holds: Vec<Hold>,
    /// Where everything went that it held.
    pub successor: Option<Successor>,
    /// Its last day and month, where its product limits them.
    pub tallies: Vec<(Period, Tally)>,
}

/// The card that another one's lots went to. Their numbers went up by `offset`, so that what is known of a lot on the old
/// card holds for the same lot on the new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Successor {
    pub card: CardReference,
    pub offset: u32,
}

impl Card {
    /// A card as it leaves the printer.
    #[must_use]
    pub fn issued(reference: CardReference, product: &str, proof: &[u8; 32]) -> Self {
        Self {
            reference,
            version: 0,
            status: CardStatus::Issued,
            product: product.into(),
            proof: *proof,
            expires: None,
            holder: None,
            account: None,
            own_limits: OwnLimits::default(),
            pin: Pin::default(),
            next_lot: 1,
            points_debts: Vec::new(),
            lots: Vec::new(),
            holds: Vec::new(),
            successor: None,
            tallies: Vec::new(),
        }
    }

    /// The effect that makes it what it is, with another status.
    #[must_use]
    pub fn with_status(&self, status: CardStatus, reason: Option<&str>) -> Effect {
        Effect::Card {
            card: self.reference,
            status,
            product: self.product.clone(),
            proof: self.proof,
            reason: reason.map(str::to_owned),
            expires: self.expires,
            holder: self.holder,
            account: self.account,
            own_limits: self.own_limits,
        }
    }

    /// True from the second at which it is no longer accepted.
    #[must_use]
    pub fn is_over(&self, now_s: i64) -> bool {
        self.expires.is_some_and(|at| at <= now_s)
    }

    /// Its last day or month.
    #[must_use]
    pub fn tally(&self, period: Period) -> Option<Tally> {
        self.tallies.iter().find(|(held, _)| *held == period).map(|(_, tally)| *tally)
    }

    pub(super) fn set_tally(&mut self, period: Period, tally: Tally) {
        self.tallies.retain(|(held, _)| *held != period);
        let at = self.tallies.partition_point(|(held, _)| *held < period);
        self.tallies.insert(at, (period, tally));
    }

    /// Spendable balance of one kind at `now_s` (Unix seconds).
    #[must_use]
    pub fn available(&self, kind: Kind, now_s: i64) -> i64 {
        self.lots
            .iter()
            .filter(|lot| lot.kind == kind && !lot.is_expired(now_s))
            .fold(0, |sum, lot| sum.saturating_add(self.free(lot)))
    }

    /// All the money on the card, free and not expired or held: what its product's largest balance is about.
    #[must_use]
    pub fn worth(&self, now_s: i64) -> i64 {
        let money = self.lots.iter().filter(|lot| lot.kind.is_money());
        money.fold(0, |sum, lot| {
            let worth = if lot.is_expired(now_s) { self.held_in(lot.id) } else { lot.amount };
            sum.saturating_add(worth)
        })
    }

    /// What of a lot is not held.
    #[must_use]
    pub fn free(&self, lot: &Lot) -> i64 {
        lot.amount.saturating_sub(self.held_in(lot.id))
    }

    fn held_in(&self, lot: u32) -> i64 {
        self.holds.iter().fold(0, |sum, hold| sum.saturating_add(hold.held_in(lot)))
    }

    /// A lot by its number.
    #[must_use]
    pub fn lot(&self, id: u32) -> Option<&Lot> {
        self.lots.binary_search_by_key(&id, |lot| lot.id).ok().and_then(|at| self.lots.get(at))
    }

    /// A hold by the index of the entry that opened it.
    #[must_use]
    pub fn hold(&self, id: u64) -> Option<&Hold> {
        self.holds.iter().find(|hold| hold.id == id)
    }

    /// Unix second at which something of this card next ends: a hold, or what is free of a lot.
    #[must_use]
    pub fn due(&self) -> Option<i64> {
        let lots = self.lots.iter().filter(|lot| self.free(lot) > 0).filter_map(|lot| lot.expires);
        lots.chain(self.holds.iter().map(|hold| hold.expires)).min()
    }

    /// Points of this kind that its holder owes.
    #[must_use]
    pub fn points_debt(&self, kind: Kind) -> i64 {
        self.points_debts.iter().find(|(owed, _)| *owed == kind).map_or(0, |(_, debt)| *debt)
    }

    pub(super) fn owe(&mut self, kind: Kind, change: i64) -> Result<(), Fault> {
        let debt = self.points_debt(kind).checked_add(change).ok_or(Fault::Overflow)?;
        self.points_debts.retain(|(owed, _)| *owed != kind);
        let at = self.points_debts.partition_point(|(owed, _)| *owed < kind);
        match debt {
            ..0 => return Err(Fault::Misfit("points debt below zero")),
            0 => {}
            1.. => self.points_debts.insert(at, (kind, debt)),
        }
        Ok(())
    }

    /// What the card can pay: principal and bonus.
    #[must_use]
    pub fn payable(&self, now_s: i64) -> i64 {
        self.available(Kind::PRINCIPAL, now_s).saturating_add(self.available(Kind::BONUS, now_s))
    }

    /// The posting that credits `amount`: to a lot that it may join, or to the new lot `next_lot`.
    /// `opened` says how many lots the same decision has opened before.
    #[must_use]
    pub fn credit(&self, kind: Kind, amount: i64, expires: Option<i64>, source: u64, opened: u32) -> Posting {
        let joins = kind == Kind::POINTS || self.lots.len() >= LOTS_BEFORE_JOINING;
        let same = self.lots.iter().rev().find(|lot| joins && lot.kind == kind && lot.expires == expires);
        match same {
            Some(lot) => self.posting(lot, amount),
            None => Posting {
                account: Account::Card {
                    card: self.reference,
                    lot: self.next_lot.saturating_add(opened),
                    expires,
                    source,
                },
                kind,
                amount,
            },
        }
    }

    /// A posting to a lot of this card.
    #[must_use]
    pub fn posting(&self, lot: &Lot, amount: i64) -> Posting {
        Posting {
            account: Account::Card {
                card: self.reference,
                lot: lot.id,
                expires: lot.expires,
                source: lot.source,
            },
            kind: lot.kind,
            amount,
        }
    }

    /// Books one leg. A lot never goes below zero; a lot at zero is closed.
    pub(super) fn post(
        &mut self,
        lot: u32,
        expires: Option<i64>,
        source: u64,
        kind: Kind,
        amount: i64,
    ) -> Result<(), Fault> {
        let reserved = self.held_in(lot);
        match self.lots.binary_search_by_key(&lot, |l| l.id) {
            Ok(at) => {
                let held = &mut self.lots[at];
                if held.kind != kind || held.expires != expires || held.source != source {
                    return Err(Fault::Misfit("posting names another lot than the card holds"));
                }
                let left = held.amount.checked_add(amount).ok_or(Fault::Overflow)?;
                if amount < 0 && left < reserved {
                    return Err(Fault::Misfit("a posting takes what is held, or more than there is"));
                }
                match left {
                    ..0 => return Err(Fault::Misfit("lot below zero")),
                    0 => drop(self.lots.remove(at)),
                    1.. => held.amount = left,
                }
            }
            Err(_) if amount <= 0 => return Err(Fault::Misfit("lot below zero")),
            Err(at) => {
                self.lots.insert(at, Lot { id: lot, kind, amount, expires, source });
                self.next_lot = self.next_lot.max(lot.checked_add(1).ok_or(Fault::Overflow)?);
            }
        }
        Ok(())
    }

    /// Books a posting, if it is to one of its own lots.
    pub(super) fn book(&mut self, posting: &Posting) -> Result<(), Fault> {
        match &posting.account {
            Account::Card { card, lot, expires, source } if *card == self.reference => {
                self.post(*lot, *expires, *source, posting.kind, posting.amount)
            }
            _ => Ok(()),
        }
    }

    /// Puts a hold as it is now in the place of what it was.
    pub(super) fn set_hold(&mut self, hold: Hold) -> Result<(), Fault> {
        self.holds.retain(|held| held.id != hold.id);
        if hold.parts.is_empty() {
            return Ok(());
        }
        let at = self.holds.partition_point(|held| held.id < hold.id);
        self.holds.insert(at, hold.clone());
        let covered = |(lot, amount): &(u32, i64)| {
            *amount > 0 && self.lot(*lot).is_some_and(|held| self.free(held) >= 0)
        };
        if hold.parts.iter().all(covered) {
            Ok(())
        } else {
            Err(Fault::Misfit("a hold of more than there is"))
        }
    }
}
