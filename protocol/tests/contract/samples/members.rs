//! One typical and one largest value of the messages about members.

use protocol::answer::{
    Answer, Catalogue, CatalogueItem, Coming, ComingLots, Entitlement, Entitlements, Explanation, Progress,
    Rank, Ranks, Routes, Tier,
};
use protocol::field::{
    BalanceKind, CardReference, Code, Count, Date, Due, Measure, Notes, Quantity, TotalMinor, UnixSeconds,
};
use protocol::frame::MessageType;
use protocol::request::{Body, Header, Reserved};

use super::{TIME, code, seconds, text};

pub(crate) fn typical_body(kind: MessageType, card: CardReference) -> Option<Body> {
    Some(match kind {
        MessageType::JOIN => Body::Join { card },
        MessageType::AWARD => {
            Body::Award { card, activity: "bottle-return".parse().ok()?, quantity: Quantity::new(12) }
        }
        MessageType::REDEEM => Body::Redeem { card, item: "mug".parse().ok()?, quantity: None },
        MessageType::USE_ENTITLEMENT => {
            Body::UseEntitlement { card, entitlement: "lounge".parse().ok()?, quantity: None }
        }
        MessageType::MEMBER_INQUIRY => Body::MemberInquiry { card, after: None },
        MessageType::CATALOGUE => Body::Catalogue { after: None },
        _ => return None,
    })
}

/// Who brought a member, how the member was won, and what the member is.
pub(crate) fn typical_joining(header: &mut Header) {
    header.reserved = Some(Box::new(Reserved {
        referral: super::card(20_000_000_005_678).digits().to_string().parse().ok(),
        channel: "leaflet".parse().ok(),
        customer_kind: Some(protocol::field::CustomerKind::PERSON),
        ..Default::default()
    }));
}

pub(crate) fn largest_body(kind: MessageType, card: CardReference) -> Option<Body> {
    let quantity = Some(Quantity::MAX);
    Some(match kind {
        MessageType::AWARD => Body::Award { card, activity: code(), quantity },
        MessageType::REDEEM => Body::Redeem { card, item: code(), quantity },
        MessageType::USE_ENTITLEMENT => Body::UseEntitlement { card, entitlement: code(), quantity },
        MessageType::MEMBER_INQUIRY => Body::MemberInquiry { card, after: Some(UnixSeconds::MAX) },
        MessageType::CATALOGUE => Body::Catalogue { after: Some(code()) },
        _ => return typical_body(kind, card),
    })
}

/// A line of explanation; points for each full amount of a base that has a part left were rounded down.
pub(crate) fn rule(name: &str, kind: BalanceKind, base: i64, rate: &str, result: i64) -> Explanation {
    let rounded = rate.ends_with("/1.00") && base % 100 != 0;
    let notes = if rounded { Notes::ROUNDED_DOWN } else { Notes::default() };
    Explanation { rule: name.parse().unwrap(), kind, base, rate: rate.parse().unwrap(), result, notes }
}

/// A line of what goes again; a part that comes out uneven was rounded down.
pub(crate) fn taken_back(name: &str, kind: BalanceKind, base: i64, rate: &str, result: i64) -> Explanation {
    let (part, whole) = rate.split_once('/').unwrap();
    let [part, whole] = [part, whole].map(|number| number.parse::<i64>().unwrap());
    let rounded = if base * part % whole == 0 { 0 } else { Notes::ROUNDED_DOWN.0 };
    Explanation { notes: Notes(Notes::TAKEN_BACK.0 | rounded), ..rule(name, kind, base, rate, result) }
}

/// Why a tier is reached.
pub(crate) fn reached(tier: &str, base: i64, rate: &str) -> Explanation {
    Explanation { notes: Notes::TIER, ..rule(tier, BalanceKind::MONEY, base, rate, 0) }
}

/// Bonus that is not there, and comes off the money.
pub(crate) fn withheld(money: i64) -> Explanation {
    let line = rule("withheld", BalanceKind::BONUS, money, "1/1", money);
    Explanation { notes: Notes::WITHHELD, ..line }
}

pub(crate) fn largest_rule() -> Explanation {
    let (base, result) = (i64::MIN, i64::MIN);
    Explanation { rule: text(), kind: BalanceKind(0xffff), base, rate: text(), result, notes: Notes(255) }
}

fn count(number: i64) -> Count {
    Count::new(number).unwrap()
}

pub(crate) fn silver() -> Tier {
    Tier {
        tier: "silver".parse().unwrap(),
        name: "Silver".parse().unwrap(),
        until: Some(seconds(TIME + 400 * 86_400)),
    }
}

/// A member of the silver tier on the way to gold, by spending or by bringing others.
pub(crate) fn typical_member(answer: Answer) -> Answer {
    let progress = |route, measure, so_far, needed| Progress {
        tier: "gold".parse().unwrap(),
        route,
        measure,
        so_far,
        needed,
    };
    let coming = |days: i64, kind, amount, what| Coming {
        time: seconds(TIME + days * 86_400),
        kind,
        amount: count(amount),
        what,
    };
    let entitlement = |entitlement: &str, name: &str, uses_left| Entitlement {
        entitlement: entitlement.parse().unwrap(),
        name: name.parse().unwrap(),
        uses_left,
    };
    Answer {
        tier: Some(silver()),
        progress: Routes::new(vec![
            progress(1, Measure::SPENT, 812_50, 2_000_00),
            progress(1, Measure::PURCHASES, 14, 20),
            progress(2, Measure::MEMBERS_BROUGHT, 1, 5),
        ]),
        coming: ComingLots::new(vec![
            coming(7, BalanceKind(48), 37, Due::RELEASED),
            coming(120, BalanceKind::POINTS, 85, Due::EXPIRES),
        ]),
        entitlements: Entitlements::new(vec![
            entitlement("lounge", "Lounge", Some(count(2))),
            entitlement("wifi", "Free Wi-Fi", None),
        ]),
        more: Some(false),
        joined: Date::new(2025_03_01),
        ranks: ranks(),
        ..answer
    }
}

pub(crate) fn ranks() -> Option<Ranks> {
    let rank = Rank {
        board: "month-points".parse().unwrap(),
        name: "Points this month".parse().unwrap(),
        measure: Measure::POINTS_EARNED,
        until: Date::new(2026_12_31).unwrap(),
        count: count(812),
        rank: Some(count(3)),
        members: count(2041),
        title: Some("Hero of points".parse().unwrap()),
    };
    let contest = Rank {
        board: "contest".parse().unwrap(),
        name: "Bring your friends".parse().unwrap(),
        measure: Measure::MEMBERS_BROUGHT,
        count: count(1),
        rank: None,
        members: count(17),
        title: None,
        ..rank
    };
    Ranks::new(vec![rank, contest])
}

pub(crate) fn typical_catalogue(answer: Answer) -> Answer {
    let item = |item: &str, name: &str, points, pieces_left| CatalogueItem {
        item: item.parse().unwrap(),
        name: name.parse().unwrap(),
        kind: BalanceKind::POINTS,
        points: count(points),
        pieces_left,
    };
    let items = vec![item("coffee", "Coffee", 40, None), item("mug", "Mug", 250, Some(count(17)))];
    Answer { catalogue: Catalogue::new(items), more: Some(false), ..answer }
}

pub(crate) fn largest_tier() -> Tier {
    Tier { tier: code(), name: text(), until: Some(UnixSeconds::MAX) }
}

pub(crate) fn largest_member(answer: Answer) -> Answer {
    let progress =
        Progress { tier: code(), route: 255, measure: Measure(255), so_far: i64::MIN, needed: i64::MIN };
    let coming =
        Coming { time: UnixSeconds::MAX, kind: BalanceKind(0xffff), amount: Count::MAX, what: Due(255) };
    let entitlement = Entitlement { entitlement: code(), name: text(), uses_left: Some(Count::MAX) };
    Answer {
        tier: Some(largest_tier()),
        progress: Routes::new(vec![progress; 12]),
        coming: ComingLots::new(vec![coming; 32]),
        entitlements: Entitlements::new(vec![entitlement; 16]),
        more: Some(true),
        joined: Date::new(9999_12_31),
        ranks: Ranks::new(vec![largest_rank(); 8]),
        ..answer
    }
}

fn largest_rank() -> Rank {
    Rank {
        board: code(),
        name: text(),
        measure: Measure(255),
        until: Date::new(9999_12_31).unwrap(),
        count: Count::MAX,
        rank: Some(Count::MAX),
        members: Count::MAX,
        title: Some(text()),
    }
}

/// Twelve items that differ in their last letter.
pub(crate) fn largest_catalogue(answer: Answer) -> Answer {
    let item = |last: char| -> Code<24> { format!("{}{last}", "C".repeat(23)).parse().unwrap() };
    let items = ('A'..='L').map(|last| CatalogueItem {
        item: item(last),
        name: text(),
        kind: BalanceKind(0xffff),
        points: Count::MAX,
        pieces_left: Some(Count::MAX),
    });
    Answer { catalogue: Catalogue::new(items.collect()), more: Some(true), ..answer }
}

/// A discount, uses left or a tier where the message can have them.
pub(crate) fn with_largest_keys(kind: MessageType, answer: Answer) -> Answer {
    let discount = matches!(kind.name(), "Purchase" | "PurchaseQuote").then_some(TotalMinor::MAX);
    let uses_left = (kind == MessageType::USE_ENTITLEMENT).then_some(Count::MAX);
    let tier = changes_tier(kind).then(largest_tier);
    Answer { discount, uses_left, tier: tier.or(answer.tier), ..answer }
}

/// The messages that can change a member's tier, as section 6 names them.
pub(crate) fn changes_tier(kind: MessageType) -> bool {
    let text = include_str!("../../../PROTOCOL.md");
    let named = text.split(" in key 41 (").nth(1).unwrap().split(')').next().unwrap();
    named.split(", ").any(|name| name == kind.name())
}
