//! What a person has to look into: money that nobody was credited with, and differences that nobody has explained. Open
//! until two operators settle it.

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExceptionKind {
    /// A terminal took money and could not credit it.
    CashTaken = 1,
    /// A shift's totals differ from the host's.
    TotalsDiffer = 2,
    /// A load was to be reversed after its value was spent.
    LoadReversedTooLate = 3,
    /// An offline approval was for more than the card could pay.
    OfflineShortfall = 4,
}

/// Who bears it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Bearer {
    Nobody = 0,
    /// The terminal kept to its grant.
    Merchant = 1,
    /// The terminal went beyond its grant.
    Store = 2,
}

/// An exception of one journal entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exception {
    pub kind: ExceptionKind,
    pub open: bool,
    /// Minor units: what waits on `suspense:STORE`, or of a load reversed too late, the load.
    pub amount: i64,
    pub bearer: Bearer,
}
