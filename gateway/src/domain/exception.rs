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
    /// One person alone has added an operator, who will be one of two people after a waiting time.
    OperatorAddedAlone = 5,
    /// A reversal undid what a shift or a day had been closed with.
    ReversedLate = 6,
    /// A sale was to be reversed, and something of it stands.
    SaleReversedTooLate = 7,
    /// A refund or unload was to be reversed, and stands.
    RefundReversedTooLate = 8,
    /// What a refund gave back lifted a card above the largest balance that it may have.
    AboveLargestBalance = 9,
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
    /// Minor units: what waits on `suspense:STORE`; of what was reversed late, that; of what was reversed too late, what of it
    /// stands against the terminal's word; how much a card has above what it may.
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
            Self::OperatorAddedAlone => "operator added by one person",
            Self::ReversedLate => "undone after its shift or day was closed",
            Self::SaleReversedTooLate => "sale reversed too late",
            Self::RefundReversedTooLate => "refund reversed too late",
            Self::AboveLargestBalance => "refund above the card's largest balance",
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
