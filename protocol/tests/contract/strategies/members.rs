//! What requests and answers about members say.

use proptest::option;
use proptest::prelude::*;
use protocol::answer::{
    Answer, Catalogue, CatalogueItem, Coming, ComingLots, Entitlement, Entitlements, Progress, Rank, Ranks,
    Routes, Tier,
};
use protocol::code::ResponseCode;
use protocol::field::{BalanceKind, Code, Due, Measure, UnixSeconds};
use protocol::frame::MessageType;
use protocol::request::Body;

use super::{card, code, date, ranged, text};

pub(super) fn body() -> impl Strategy<Value = Body> {
    let counted = || (card(), code(), option::of(ranged()));
    prop_oneof![
        card().prop_map(|card| Body::Join { card }),
        counted().prop_map(|(card, activity, quantity)| Body::Award { card, activity, quantity }),
        counted().prop_map(|(card, item, quantity)| Body::Redeem { card, item, quantity }),
        counted().prop_map(|(card, entitlement, quantity)| Body::UseEntitlement {
            card,
            entitlement,
            quantity
        }),
        (card(), option::of(ranged())).prop_map(|(card, after)| Body::MemberInquiry { card, after }),
        option::of(code()).prop_map(|after| Body::Catalogue { after }),
    ]
}

fn tier() -> impl Strategy<Value = Tier> {
    (code(), text(), option::of(ranged())).prop_map(|(tier, name, until)| Tier { tier, name, until })
}

fn progress() -> impl Strategy<Value = Routes> {
    let one = (code(), any::<u8>(), any::<u8>(), any::<i64>(), any::<i64>()).prop_map(
        |(tier, route, measure, so_far, needed)| Progress {
            tier,
            route,
            measure: Measure(measure),
            so_far,
            needed,
        },
    );
    prop::collection::vec(one, 0..=12).prop_map(|all| Routes::new(all).unwrap())
}

fn coming() -> impl Strategy<Value = ComingLots> {
    let one = (ranged(), any::<u16>(), ranged(), any::<u8>()).prop_map(
        |(time, kind, amount, what): (UnixSeconds, _, _, _)| Coming {
            time,
            kind: BalanceKind(kind),
            amount,
            what: Due(what),
        },
    );
    prop::collection::vec(one, 0..=32).prop_map(|mut all| {
        all.sort_by_key(|coming| coming.time);
        ComingLots::new(all).unwrap()
    })
}

fn entitlements() -> impl Strategy<Value = Entitlements> {
    let one = (code(), text(), option::of(ranged())).prop_map(|(entitlement, name, uses_left)| Entitlement {
        entitlement,
        name,
        uses_left,
    });
    prop::collection::vec(one, 0..=16).prop_map(|all| Entitlements::new(all).unwrap())
}

fn catalogue() -> impl Strategy<Value = Catalogue> {
    let one = (text(), any::<u16>(), ranged(), option::of(ranged()));
    prop::collection::btree_map(code(), one, 0..=12).prop_map(|all| {
        let item = |(item, (name, kind, points, pieces_left)): (Code<24>, _)| CatalogueItem {
            item,
            name,
            kind: BalanceKind(kind),
            points,
            pieces_left,
        };
        Catalogue::new(all.into_iter().map(item).collect()).unwrap()
    })
}

fn ranks() -> impl Strategy<Value = Ranks> {
    let named = (code(), text(), any::<u8>(), date());
    let one = (named, ranged(), option::of(ranged()), ranged(), option::of(text())).prop_map(
        |((board, name, measure, until), count, rank, members, title)| Rank {
            board,
            name,
            measure: Measure(measure),
            until,
            count,
            rank,
            members,
            title,
        },
    );
    prop::collection::vec(one, 1..=8).prop_map(|all| Ranks::new(all).unwrap())
}

/// An answer with any of keys 39 to 48, and with no other.
pub(super) fn said() -> BoxedStrategy<Box<Answer>> {
    let numbers = (option::of(ranged()), option::of(ranged()), option::of(any::<bool>()), option::of(date()));
    let lists =
        (option::of(progress()), option::of(coming()), option::of(entitlements()), option::of(catalogue()));
    (numbers, (option::of(tier()), option::of(ranks())), lists)
        .prop_map(
            |(
                (discount, uses_left, more, joined),
                (tier, ranks),
                (progress, coming, entitlements, catalogue),
            )| {
                Box::new(Answer {
                    discount,
                    uses_left,
                    tier,
                    progress,
                    coming,
                    entitlements,
                    catalogue,
                    more,
                    joined,
                    ranks,
                    ..Answer::new(MessageType::REJECT, ResponseCode::APPROVED, UnixSeconds::MIN)
                })
            },
        )
        .boxed()
}
