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
    /// A load was to be reversed after its value was spent, or paid out by a refund.
    LoadReversedTooLate = 3,
    /// An offline approval was for more than the card could pay.
    OfflineShortfall = 4,
    /// A sale was to be reversed, and something of it stands.
    SaleReversedTooLate = 5,
    /// A refund or unload was to be reversed, and stands.
    RefundReversedTooLate = 6,
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
    /// Minor units: what waits on `suspense:STORE`, or of what was reversed too late, what of it stands against the terminal's word.
    pub amount: i64,
    pub bearer: Bearer,
}

impl ExceptionKind {
    /// For people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CashTaken => "cash taken, not credited",
            Self::TotalsDiffer => "totals differ",
            Self::LoadReversedTooLate => "load reversed too late",
            Self::OfflineShortfall => "offline shortfall",
            Self::SaleReversedTooLate => "sale reversed too late",
            Self::RefundReversedTooLate => "refund reversed too late",
        }
    }
}

impl Bearer {
    /// For people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody yet",
            Self::Merchant => "merchant",
            Self::Store => "store",
        }
    }
}

impl Exception {
    /// Open, to be looked into.
    #[must_use]
    pub const fn open(kind: ExceptionKind, amount: i64, bearer: Bearer) -> Self {
        Self { kind, open: true, amount, bearer }
    }

    /// The same, settled.
    #[must_use]
    pub const fn settled(self) -> Self {
        Self { open: false, ..self }
    }
}
