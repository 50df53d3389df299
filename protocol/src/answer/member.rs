//! What an answer says of a member: tier, progress, what comes, entitlements, and the catalogue (keys 41 to 45 and 48).

use alloc::vec::Vec;

use minicbor::Decoder;

use crate::cbor::{Item, Writer, expect_array};
use crate::error::Problem;
use crate::field::{BalanceKind, Code, Count, Date, Due, List, Measure, Text, UnixSeconds};

/// Measures in one answer to a MemberInquiry, at most.
pub const MAX_PROGRESS: usize = 12;
/// Lots that expire or are released in one answer to a MemberInquiry, at most.
pub const MAX_COMING: usize = 32;
/// Entitlements in one answer to a MemberInquiry, at most.
pub const MAX_ENTITLEMENTS: usize = 16;
/// Items in one answer to a Catalogue, at most.
pub const MAX_CATALOGUE: usize = 12;

/// Leaderboards in one answer to a MemberInquiry, at most.
pub const MAX_RANKS: usize = 8;

/// Key 42.
pub type Routes = List<Progress, 0, MAX_PROGRESS>;
/// Key 44.
pub type Entitlements = List<Entitlement, 0, MAX_ENTITLEMENTS>;
/// Key 48.
pub type Ranks = List<Rank, 1, MAX_RANKS>;

/// What a member is (key 41).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Its code in the programme.
    pub tier: Code<16>,
    /// What it is called.
    pub name: Text<32>,
    /// Until when the member holds it; `None` for good.
    pub until: Option<UnixSeconds>,
}

/// How far one measure of a route to the next tier is; a route is done when all its measures are (key 42).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The code of the tier that the route leads to.
    pub tier: Code<16>,
    /// Which route of that tier.
    pub route: u8,
    /// What is measured.
    pub measure: Measure,
    /// What it is by now, in the measure's unit.
    pub so_far: i64,
    /// What it must be.
    pub needed: i64,
}

/// Points that expire or are released (key 43).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coming {
    /// When.
    pub time: UnixSeconds,
    /// What they are until then.
    pub kind: BalanceKind,
    /// How many points.
    pub amount: Count,
    /// What becomes of them.
    pub what: Due,
}

/// What the member's tier entitles to (key 44).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entitlement {
    /// Its code in the programme, for request key 51.
    pub entitlement: Code<24>,
    /// What it is called.
    pub name: Text<32>,
    /// Uses left in the present period; `None` when they are not counted.
    pub uses_left: Option<Count>,
}

/// What points can be redeemed for (key 45).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatalogueItem {
    /// Its code in the programme, for request key 50.
    pub item: Code<24>,
    /// What it is called.
    pub name: Text<32>,
    /// The point currency that it costs.
    pub kind: BalanceKind,
    /// What one piece costs.
    pub points: Count,
    /// Pieces left; `None` when they are not counted.
    pub pieces_left: Option<Count>,
}

/// Where the member is on a leaderboard that is open (key 48).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rank {
    /// Its code in the programme.
    pub board: Code<24>,
    /// What it is called.
    pub name: Text<32>,
    /// What is measured.
    pub measure: Measure,
    /// The last business date that counts.
    pub until: Date,
    /// What the member has by now, in the measure's unit.
    pub count: Count,
    /// One more than have a higher count; `None` with too little for a place.
    pub rank: Option<Count>,
    /// How many have a place.
    pub members: Count,
    /// What the member is called who has so much, where there is a title for it.
    pub title: Option<Text<32>>,
}

tuples! {
    Tier [3] { tier, name, until }
    Progress [5] { tier, route, measure, so_far, needed }
    Coming [4] { time, kind, amount, what }
    Entitlement [3] { entitlement, name, uses_left }
    Rank [8] { board, name, measure, until, count, rank, members, title }
    CatalogueItem [5] { item, name, kind, points, pieces_left }
}

/// What comes, by rising time; several may come at one time (key 43).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComingLots(List<Coming, 0, MAX_COMING>);

/// Items by rising code, none twice (key 45).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue(List<CatalogueItem, 0, MAX_CATALOGUE>);

macro_rules! ordered {
    ($($name:ident [$limit:ident] of $item:ident: $in_order:expr, $fault:literal;)*) => {$(
        impl $name {
            #[doc = concat!("`None` when there are more than [`", stringify!($limit), "`] or ", $fault, ".")]
            pub fn new(items: Vec<$item>) -> Option<Self> {
                List::new(items).filter(|items| items.is_sorted_by($in_order)).map($name)
            }

            /// What is listed.
            pub fn as_slice(&self) -> &[$item] {
                &self.0
            }
        }

        impl Item for $name {
            fn write(&self, writer: &mut Writer) {
                self.0.write(writer);
            }

            fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
                let items: List<$item, 0, $limit> = List::read(decoder)?;
                if items.is_sorted_by($in_order) { Ok($name(items)) } else { Err(Problem::Order) }
            }
        }
    )*};
}

ordered! {
    ComingLots [MAX_COMING] of Coming: |earlier, later| earlier.time <= later.time, "the times fall";
    Catalogue [MAX_CATALOGUE] of CatalogueItem: |before, after| before.item < after.item, "the items do not rise";
}
