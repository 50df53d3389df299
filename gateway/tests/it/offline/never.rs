//! What is never offline: a request that says it was approved there is refused, whatever it is, unless it is an Advice.

use protocol::field::{Flags, Stan};
use protocol::request::{Body, Header, Request, RequestSidecar};
use terminal_sim::message::SignedMessage;

use super::wire::{advice, granted, shop, shortfall};
use crate::counter::{activate, cards, last_index, load, purchase};
use crate::till::{authorize, capture, refund, transfer, unload};

const APPROVED_OFFLINE: Option<Flags> = Some(Flags::OFFLINE_APPROVED);

#[tokio::test]
async fn t5_nothing_but_an_advice_says_that_it_was_approved_offline() {
    let (site, gateway, all, mut clerk, mut session) = shop(2).await;
    let (card, fresh) = (&all[0], &cards(&site, 1)[0]);
    let deal = |body, stan: Stan, session: &terminal_sim::session::Session| -> SignedMessage {
        session.value(stan, body, &card.sidecar()).expect("a signed message")
    };
    let sale = deal(purchase(card, 5_00), clerk.next_stan(), &session);
    let hold = deal(authorize(card, 5_00), clerk.next_stan(), &session);
    for message in [&sale, &hold] {
        assert_eq!(clerk.send(&mut session, message).await.code().0, 0);
    }
    let (reference, quantity) = (card.reference, None);
    let bodies = [
        activate(fresh),
        load(card, 10_00),
        unload(card, 1_00),
        transfer(card, &all[1], 1_00),
        purchase(card, 1_00),
        authorize(card, 1_00),
        capture(&hold, 1_00),
        refund(&sale, 1_00),
        Body::Join { card: reference },
        Body::Award { card: reference, activity: "visit".parse().expect("a code"), quantity },
        Body::Redeem { card: reference, item: "mug".parse().expect("a code"), quantity },
        Body::UseEntitlement { card: reference, entitlement: "lounge".parse().expect("a code"), quantity },
    ];
    let before = last_index(&gateway);
    for body in bodies {
        let kind = body.kind();
        // Nothing was recorded, so the STAN is still free.
        let stan = Stan::new(clerk.last_stan + 1).expect("a STAN");
        let header = session.value_header(stan).expect("a header");
        let header = Header { flags: APPROVED_OFFLINE, ..header };
        let sidecar = if body.card().is_some() { card.sidecar() } else { RequestSidecar::default() };
        let message = session.sign(&Request { header, body }, &sidecar).expect("a signed message");
        let answer = session.exchange(&message, false).await.expect("an answer");
        assert_eq!((answer.code().0, answer.is_final()), (30, false), "{kind:?}");
        assert!(answer.answer.detail.expect("a detail").as_str().contains("offline"), "{kind:?}");
    }
    assert_eq!(last_index(&gateway), before, "nothing was written down");
    let header = session.value_header(clerk.next_stan()).expect("a header");
    let header = Header { flags: APPROVED_OFFLINE, ..header };
    let request = Request { header, body: advice(card, 2_00, &granted(&session)) };
    let message = session.sign(&request, &RequestSidecar::default()).expect("a signed message");
    assert_eq!(shortfall(&clerk.send(&mut session, &message).await), 0, "an Advice may say so");
    drop(gateway);
    site.verify();
}
