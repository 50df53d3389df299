//! What people ask for at the tills.

/// An item, how many thousandths of it, and their price.
pub(in super::super) type Goods = (u8, i64, i64);

/// A message, as a person at a till means it. `of` is the number of an earlier request.
#[derive(Debug, Clone)]
pub(in super::super) enum Deal {
    Activate {
        card: usize,
    },
    Load {
        card: usize,
        amount: i64,
    },
    Purchase {
        card: usize,
        amount: i64,
        partial: bool,
    },
    Authorize {
        card: usize,
        amount: i64,
        partial: bool,
        raises: Option<usize>,
    },
    Capture {
        of: usize,
        amount: i64,
        more: bool,
    },
    Refund {
        of: usize,
        amount: i64,
    },
    /// A purchase that is declined or paid in full: with points, or with goods that are named.
    Buy {
        card: usize,
        amount: i64,
        points: Option<i64>,
        goods: Vec<Goods>,
    },
    /// A refund of goods that are named.
    Return {
        of: usize,
        amount: i64,
        goods: Vec<Goods>,
    },
    Unload {
        card: usize,
        amount: i64,
    },
    Void {
        of: usize,
    },
    Reverse {
        of: usize,
    },
    Close,
}

impl Deal {
    /// The earlier request that it acts on.
    pub(super) fn of(&self) -> Option<usize> {
        match *self {
            Self::Capture { of, .. }
            | Self::Refund { of, .. }
            | Self::Return { of, .. }
            | Self::Void { of }
            | Self::Reverse { of } => Some(of),
            Self::Authorize { raises, .. } => raises,
            _ => None,
        }
    }
}

/// Its number on the wire.
pub(super) fn message_of(deal: &Deal) -> u8 {
    match deal {
        Deal::Activate { .. } => 0x10,
        Deal::Load { .. } => 0x12,
        Deal::Purchase { .. } | Deal::Buy { .. } => 0x13,
        Deal::Reverse { .. } => 0x15,
        Deal::Close => 0x17,
        Deal::Refund { .. } | Deal::Return { .. } => 0x18,
        Deal::Unload { .. } => 0x1F,
        Deal::Void { .. } => 0x19,
        Deal::Authorize { .. } => 0x1A,
        Deal::Capture { .. } => 0x1B,
    }
}
