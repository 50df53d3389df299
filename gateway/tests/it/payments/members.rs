//! Holders of cards: registered at a till, found by phone, erased without touching a proof (PROTOCOL.md section 5.4).

use protocol::code::ResponseCode;
use protocol::field::{Hash, Text};
use protocol::request::{Body, Header, Request, RequestSidecar, Reserved};
use terminal_sim::checked::Checked;
use terminal_sim::{Card, sha256};

use crate::counter::{activate, cards, load, number};
use crate::harness::Site;
use crate::till::{APPROVED, Till};

const PHONE: &str = "8613800138000";
const SALT: &str = "00112233445566778899aabbccddeeff";

/// Personal fields beside a card's secret.
fn fields(card: &Card, all: &[(u8, &str)]) -> RequestSidecar {
    let field = |(number, text): &(u8, &str)| (*number, text.parse::<Text<64>>().expect("a field"));
    RequestSidecar { personal: all.iter().map(field).collect(), ..card.sidecar() }
}

fn commitment(sidecar: &RequestSidecar) -> Hash {
    Hash(sha256(&[&sidecar.personal_bytes().expect("personal fields")]))
}

async fn register(
    till: &mut Till,
    body: Body,
    sidecar: &RequestSidecar,
    commitment: Option<Hash>,
) -> Checked {
    let stan = till.clerk.next_stan();
    let header = till.session.value_header(stan).expect("a header");
    let reserved = Reserved { personal_commitment: commitment, ..Reserved::default() };
    let header = Header { reserved: commitment.map(|_| Box::new(reserved)), ..header };
    let message = till.session.sign(&Request { header, body }, sidecar).expect("a signed message");
    till.send(&message).await
}

async fn look_up(till: &mut Till, phone: &str) -> (ResponseCode, Vec<u64>) {
    let personal = [(1, phone.parse::<Text<64>>().expect("a phone number"))].into_iter().collect();
    let sidecar = RequestSidecar { personal, ..RequestSidecar::default() };
    let question = till.session.question(Body::CardLookup, &sidecar).expect("a question");
    let answer = till.session.exchange(&question, false).await.expect("an answer");
    let found =
        answer.answer.cards.as_ref().map(|cards| cards.as_slice().iter().map(|card| card.number()).collect());
    (answer.code(), found.unwrap_or_default())
}

#[tokio::test]
async fn a_holder_is_registered_found_by_phone_and_erased() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let all = cards(&site, 4);
    let holder = fields(&all[0], &[(0, SALT), (1, PHONE), (2, "王小明")]);

    let wrong = register(&mut till, activate(&all[0]), &holder, Some(Hash([7; 32]))).await;
    assert_eq!(wrong.code(), ResponseCode::FORMAT_ERROR, "other fields than the commitment is over");
    assert_eq!(look_up(&mut till, PHONE).await.0, ResponseCode::CARD_NOT_ACCEPTED);
    let done = register(&mut till, activate(&all[0]), &holder, Some(commitment(&holder))).await;
    assert_eq!(done.code(), APPROVED);
    assert_eq!(look_up(&mut till, PHONE).await, (APPROVED, vec![all[0].reference.number()]));

    // A load registers too; fields without a commitment do not, and a declined one keeps nothing.
    till.deal(activate(&all[1]), &all[1]).await;
    let second = fields(&all[1], &[(0, SALT), (1, PHONE)]);
    register(&mut till, load(&all[1], 10_00), &second, None).await;
    let refused = fields(&all[3], &[(0, SALT), (1, PHONE)]);
    let declined = register(&mut till, load(&all[3], 10_00), &refused, Some(commitment(&refused))).await;
    assert_eq!(declined.code(), ResponseCode::CARD_NOT_ACTIVE);
    assert_eq!(look_up(&mut till, PHONE).await.1.len(), 1);
    register(&mut till, load(&all[1], 10_00), &second, Some(commitment(&second))).await;
    let mut both = look_up(&mut till, PHONE).await.1;
    both.sort_unstable();
    let mut expected = vec![all[0].reference.number(), all[1].reference.number()];
    expected.sort_unstable();
    assert_eq!(both, expected);

    // A card that takes another's place is found in its place, after a restart too.
    let replaced = [number(&all[0]), number(&all[2])];
    site.json(&["card", "replace", "--card", &replaced[0], "--by", &replaced[1], "--reason", "lost"]);
    gateway.kill();
    let gateway = site.start();
    let mut till = till.again(&gateway).await;
    assert!(look_up(&mut till, PHONE).await.1.contains(&all[2].reference.number()));
    let shown = site.json(&["member", "show", "--card", &replaced[0]]);
    assert_eq!(
        (shown["fields"]["name"].as_str(), shown["fields"]["phone"].as_str()),
        (Some("王小明"), Some(PHONE))
    );
    site.json(&["member", "erase", "--card", &replaced[0], "--reason", "asked for it"]);
    site.json(&["member", "erase", "--card", &number(&all[1]), "--reason", "asked for it"]);
    assert_eq!(look_up(&mut till, PHONE).await, (ResponseCode::CARD_NOT_ACCEPTED, vec![]));
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn nobody_reads_a_telephone_book_at_a_till() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = &till.sell(&site, 1, &[10_00]).await[0];
    let mut asked = 0;
    while look_up(&mut till, &format!("86138001380{asked:02}")).await.0 == ResponseCode::CARD_NOT_ACCEPTED {
        asked += 1;
        assert!(asked < 40, "look-ups are not counted");
    }
    assert!((20..25).contains(&asked), "{asked} look-ups");
    assert_eq!(look_up(&mut till, PHONE).await.0, ResponseCode::TOO_MANY_UNKNOWN_CARDS);
    assert_eq!(till.code(load(card, 5_00), card).await, APPROVED, "and trade goes on");
}
