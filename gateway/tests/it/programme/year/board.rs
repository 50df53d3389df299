//! What each example programme says, as somebody reads it off the file who writes it on the shop's board: the numbers that the
//! drawn year is checked by. Nothing here comes from the reader of programme files.

/// A kind of card. Amounts are minor units.
#[derive(Debug)]
pub(super) struct Product {
    pub(super) key: &'static str,
    pub(super) min_load: i64,
    pub(super) max_load: i64,
    pub(super) max_balance: i64,
    /// Business days in which a sale can come back.
    pub(super) returns: Option<i64>,
    /// (load, bonus) of each step, rising.
    pub(super) steps: &'static [(i64, i64)],
    pub(super) earns: bool,
    /// Points pay 1.00 each, so many percent of a sale at most.
    pub(super) pays: Option<i64>,
    pub(super) joins: bool,
}

/// When a multiplier holds.
#[derive(Debug)]
pub(super) enum Occasion {
    /// These days of a month, for members of at least this place in the list of tiers.
    Days(&'static [i64], usize),
    BirthdayMonth,
    Birthday,
    /// Who has spent from so much to below so much in twelve months.
    Spent(i64, i64),
}

#[derive(Debug)]
pub(super) struct Times {
    pub(super) rule: &'static str,
    /// 3 is one and a half times.
    pub(super) halves: i64,
    pub(super) on: Occasion,
}

/// How long a tier is held before it must be earned again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lasts {
    pub(super) months: i64,
    pub(super) grace_days: i64,
}

#[derive(Debug)]
pub(super) struct Tier {
    pub(super) key: &'static str,
    /// Spent: in twelve months where tiers end, else ever.
    pub(super) needs: i64,
    pub(super) gift: i64,
    /// Price rule, and percent off.
    pub(super) price: Option<(&'static str, i64)>,
}

/// An example programme.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) name: &'static str,
    pub(super) document: &'static str,
    /// The first is the customers', the second an account's.
    pub(super) products: &'static [Product],
    pub(super) load_rule: &'static str,
    /// Rule, from which load on, points.
    pub(super) first_load: Option<(&'static str, i64, i64)>,
    pub(super) points_rule: &'static str,
    /// Points for each so much.
    pub(super) per: i64,
    /// (points ever earned, points for each), rising.
    pub(super) gives: &'static [(i64, i64)],
    pub(super) carries: bool,
    /// Points wait until the return days are over.
    pub(super) pending: bool,
    /// Points last to the end of the year that they end in.
    pub(super) to_year_end: bool,
    /// Rule, every so many purchases, points.
    pub(super) nth: Option<(&'static str, i64, i64)>,
    /// The better of them holds.
    pub(super) times: &'static [Times],
    pub(super) payment_rule: &'static str,
    pub(super) tiers: &'static [Tier],
    /// None for ever.
    pub(super) tiers_last: Option<Lasts>,
    /// Rule, category, day of the month, percent off; for members above the first tier.
    pub(super) day_price: Option<(&'static str, &'static str, i64, i64)>,
    pub(super) catalogue: &'static [(&'static str, i64)],
    /// Points for bringing a member, and how often a day.
    pub(super) brings: Option<(i64, i64)>,
    /// How it is traded: what a purchase comes to, and how many customers and accounts there are.
    pub(super) sale: (i64, i64),
    pub(super) people: usize,
    pub(super) accounts: usize,
}

const CARD: Product = Product {
    key: "standard",
    min_load: 1_00,
    max_load: 5_000_00,
    max_balance: 5_000_00,
    returns: None,
    steps: &[],
    earns: true,
    pays: None,
    joins: false,
};

const PLAIN: Board = Board {
    name: "",
    document: "",
    products: &[CARD],
    load_rule: "load-steps",
    first_load: None,
    points_rule: "spend-points",
    per: 100_00,
    gives: &[(0, 1)],
    carries: false,
    pending: false,
    to_year_end: false,
    nth: None,
    times: &[],
    payment_rule: "points-as-money",
    tiers: &[],
    tiers_last: None,
    day_price: None,
    catalogue: &[],
    brings: None,
    sale: (1_00, 900_00),
    people: 8,
    accounts: 0,
};

pub(super) const DEFAULT: Board = Board {
    name: "default",
    document: include_str!("../../../../programmes/default.toml"),
    products: &[Product {
        steps: &[(100_00, 5_00), (300_00, 20_00), (500_00, 50_00), (1_000_00, 120_00)],
        ..CARD
    }],
    per: 1_00,
    sale: (50, 300_00),
    ..PLAIN
};

pub(super) const TEA_SHOP: Board = Board {
    name: "tea-shop",
    document: include_str!("../../../../programmes/tea-shop.toml"),
    products: &[Product {
        min_load: 10_00,
        max_load: 1_000_00,
        max_balance: 2_000_00,
        returns: Some(1),
        steps: &[(100_00, 10_00), (200_00, 30_00), (500_00, 100_00)],
        ..CARD
    }],
    load_rule: "充值赠送",
    first_load: Some(("首充有礼", 10_00, 20)),
    points_rule: "消费积分",
    per: 1_00,
    carries: true,
    to_year_end: true,
    nth: Some(("第十杯", 10, 30)),
    times: &[
        Times { rule: "会员日", halves: 4, on: Occasion::Days(&[8, 18, 28], 0) },
        Times { rule: "生日双倍", halves: 4, on: Occasion::BirthdayMonth },
    ],
    catalogue: &[("topping", 30), ("cup", 200)],
    sale: (3_00, 60_00),
    ..PLAIN
};

pub(super) const MALL: Board = Board {
    name: "mall",
    document: include_str!("../../../../programmes/mall.toml"),
    products: &[Product {
        key: "member",
        min_load: 100_00,
        max_load: 1_000_000_00,
        max_balance: 5_000_000_00,
        returns: Some(7),
        steps: &[(100_000_00, 5_000_00), (500_000_00, 50_000_00), (1_000_000_00, 120_000_00)],
        ..CARD
    }],
    times: &[
        Times { rule: "member-day", halves: 4, on: Occasion::Days(&[18], 1) },
        Times { rule: "birthday-points", halves: 4, on: Occasion::BirthdayMonth },
    ],
    tiers: &[
        Tier { key: "regular", needs: 0, gift: 0, price: None },
        Tier { key: "gold", needs: 50_000_00, gift: 100, price: Some(("gold-price", 5)) },
        Tier { key: "platinum", needs: 100_000_00, gift: 300, price: Some(("platinum-price", 8)) },
        Tier { key: "diamond", needs: 200_000_00, gift: 1000, price: Some(("diamond-price", 12)) },
    ],
    tiers_last: Some(Lasts { months: 12, grace_days: 30 }),
    day_price: Some(("member-day-dining", "dining", 18, 10)),
    sale: (20_00, 9_000_00),
    ..PLAIN
};

pub(super) const TRAVEL_AGENCY: Board = Board {
    name: "travel-agency",
    document: include_str!("../../../../programmes/travel-agency.toml"),
    products: &[
        Product {
            key: "buyer",
            max_load: 50_000_00,
            max_balance: 50_000_00,
            pays: Some(100),
            joins: true,
            ..CARD
        },
        Product {
            key: "company",
            min_load: 1_000_00,
            max_load: 5_000_000_00,
            max_balance: 20_000_000_00,
            steps: &[(100_000_00, 5_000_00), (500_000_00, 50_000_00), (1_000_000_00, 120_000_00)],
            earns: false,
            ..CARD
        },
    ],
    load_rule: "company-load",
    points_rule: "buyer-points",
    brings: Some((10, 20)),
    sale: (30_00, 6_000_00),
    people: 30,
    accounts: 3,
    ..PLAIN
};

pub(super) const POINTS_FIXED: Board = Board {
    name: "points-fixed",
    document: include_str!("../../../../programmes/points-fixed.toml"),
    products: &[Product { returns: Some(7), ..CARD }],
    carries: true,
    pending: true,
    tiers: &[
        Tier { key: "regular", needs: 0, gift: 0, price: None },
        Tier { key: "silver", needs: 10_000_00, gift: 0, price: None },
        Tier { key: "gold", needs: 50_000_00, gift: 0, price: None },
    ],
    sale: (1_00, 2_500_00),
    ..PLAIN
};

pub(super) const POINTS_VARIABLE: Board = Board {
    name: "points-variable",
    document: include_str!("../../../../programmes/points-variable.toml"),
    products: &[Product { returns: Some(7), ..CARD }],
    per: 10_00,
    to_year_end: true,
    times: &[
        Times { rule: "silver-points", halves: 3, on: Occasion::Spent(10_000_00, 50_000_00) },
        Times { rule: "gold-points", halves: 4, on: Occasion::Spent(50_000_00, i64::MAX) },
        Times { rule: "birthday-points", halves: 4, on: Occasion::Birthday },
    ],
    sale: (5_00, 2_500_00),
    ..PLAIN
};

pub(super) const POINTS_CONVERTIBLE: Board = Board {
    name: "points-convertible",
    document: include_str!("../../../../programmes/points-convertible.toml"),
    products: &[Product { returns: Some(7), pays: Some(50), ..CARD }],
    gives: &[(0, 1), (500, 2)],
    pending: true,
    sale: (5_00, 2_500_00),
    ..PLAIN
};

/// All of them.
pub(super) const BOARDS: [&Board; 7] =
    [&DEFAULT, &TEA_SHOP, &MALL, &TRAVEL_AGENCY, &POINTS_FIXED, &POINTS_VARIABLE, &POINTS_CONVERTIBLE];
