//! Members: what they may send besides the typical requests, and what they are answered.

use std::collections::BTreeMap;

use protocol::answer::{Answer, Catalogue, ComingLots, Explanations, Quote, Tier};
use protocol::code::ResponseCode;
use protocol::field::{BalanceKind, Code, Flags, QuoteId, TerminalId, TotalMinor};
use protocol::frame::MessageType;
use protocol::request::{Body, RequestSidecar, Reserved};

use crate::answers::decline;
use crate::keys::{SHA256, TestKey};
use crate::requests::{FIRST_VARIANT, Made, make, make_with, typical};
use crate::samples::{
    self,
    members::{reached, rule},
};

/// The first STAN of these.
const FIRST: u32 = FIRST_VARIANT + 24;

pub(crate) fn add(made: &mut Vec<Made>, signer: &(TerminalId, TestKey)) {
    let mut plain = |name, stan, kind, note| {
        let one = make(made, name, note, typical(kind, stan, signer), None, signer);
        made.push(one);
    };
    plain("Join-again", FIRST, MessageType::JOIN, "the card has joined already");
    plain("Award-used-up", FIRST + 1, MessageType::AWARD, "the member has had all that the activity gives");
    plain("Redeem-too-dear", FIRST + 2, MessageType::REDEEM, "the card has fewer points");

    for (name, kind, stan) in [
        ("Purchase-with-prices", MessageType::PURCHASE, FIRST + 3),
        ("PurchaseQuote-with-prices", MessageType::PURCHASE_QUOTE, FIRST),
    ] {
        let mut request = typical(kind, stan, signer);
        request.header.flags = Some(Flags::PROGRAMME_PRICES);
        made.push(make(made, name, "flag bit 4: 10% off for this member", request, None, signer));
    }

    let person = RequestSidecar { personal: samples::typical_person(), ..Default::default() };
    let mut registers = typical(MessageType::JOIN, FIRST + 4, signer);
    let personal_commitment = person.personal_commitment(SHA256);
    registers.header.reserved = Some(Box::new(Reserved { personal_commitment, ..Default::default() }));
    let sidecar =
        RequestSidecar { personal: person.personal, ..samples::typical_request_sidecar(MessageType::JOIN) };
    let note = "key 47, and the fields that hash to it in sidecar key 10";
    made.push(make_with(made, "Join-with-a-holder", note, registers, &sidecar, None, signer));

    let mut rises = typical(MessageType::PURCHASE, FIRST + 5, signer);
    rises.header.flags = None;
    let note = "with it the member comes to the next tier";
    made.push(make(made, "Purchase-to-the-next-tier", note, rises, None, signer));

    let mut unknown = typical(MessageType::USE_ENTITLEMENT, FIRST + 6, signer);
    let Body::UseEntitlement { entitlement, .. } = &mut unknown.body else { unreachable!() };
    *entitlement = code("cinema");
    let note = "the member's tier entitles to no such thing";
    made.push(make(made, "UseEntitlement-unknown", note, unknown, None, signer));

    let mut next = typical(MessageType::MEMBER_INQUIRY, FIRST, signer);
    let Body::MemberInquiry { after, .. } = &mut next.body else { unreachable!() };
    *after = Some(samples::seconds(samples::TIME + 7 * 86_400));
    let note = "key 52: what comes after the last of a page before";
    made.push(make(made, "MemberInquiry-next-page", note, next, None, signer));

    let mut next = typical(MessageType::CATALOGUE, FIRST, signer);
    next.body = Body::Catalogue { after: Some(code("coffee")) };
    let note = "key 50: what comes after the last item of a page before";
    made.push(make(made, "Catalogue-next-page", note, next, None, signer));
}

/// What is said to the requests above.
pub(crate) fn answer(name: &str, answer: &mut Answer) {
    match name {
        "Join-again-es256" => {
            decline(answer, ResponseCode::INVALID_TRANSACTION, "the card has joined already", None);
        }
        "Award-used-up-es256" => {
            decline(answer, ResponseCode::AMOUNT_LIMIT, "nothing of this activity is left", None);
        }
        "Redeem-too-dear-es256" => {
            decline(answer, ResponseCode::NOT_SUFFICIENT_FUNDS, "250 points are needed", None);
        }
        "UseEntitlement-unknown-es256" => {
            decline(answer, ResponseCode::NOT_PERMITTED_CARD, "no such entitlement", None);
        }
        "Join-with-a-holder-es256" => {
            // Nothing is given yet.
            (answer.tier, answer.explanation) = (None, Explanations::new(Vec::new()));
            answer.changes = Some(BTreeMap::new());
            answer.balances = answer.balances.take().map(|mut held| {
                held.insert(BalanceKind::POINTS, 85);
                held
            });
        }
        "Purchase-with-prices-es256" => with_prices(answer),
        "PurchaseQuote-with-prices-es256" => {
            let balances = answer.balances.clone();
            with_prices(answer);
            answer.balances = balances; // A quote's are those before.
            answer.quote = answer.quote.map(|quote| Quote { id: QuoteId(*b"quote-%%"), ..quote });
        }
        "Purchase-to-the-next-tier-es256" => {
            answer.tier = Some(Tier { tier: code("gold"), name: "Gold".parse().unwrap(), until: None });
            let mut lines: Vec<_> =
                answer.explanation.iter().flat_map(|lines| lines.iter().cloned()).collect();
            lines.push(reached("gold", 5000_00, "spent 5000.00"));
            answer.explanation = Explanations::new(lines);
        }
        "MemberInquiry-next-page-es256" => {
            let coming = answer.coming.as_ref().map(|coming| coming.as_slice()[1..].to_vec());
            answer.coming = coming.and_then(ComingLots::new);
        }
        "Catalogue-next-page-es256" => {
            let items = answer.catalogue.as_ref().map(|items| items.as_slice()[1..].to_vec());
            answer.catalogue = items.and_then(Catalogue::new);
        }
        _ => {}
    }
}

/// 10% of 37.50 are 3.75; the card pays 33.75, which earn 33 points.
fn with_prices(answer: &mut Answer) {
    let balances =
        [(BalanceKind::PRINCIPAL, 86_25), (BalanceKind::BONUS, 10_00), (BalanceKind::POINTS, 85 + 33)];
    *answer = Answer {
        approved_amount: TotalMinor::new(33_75),
        discount: TotalMinor::new(3_75),
        balances: Some(balances.into()),
        changes: Some(BTreeMap::from([(BalanceKind::PRINCIPAL, -33_75), (BalanceKind::POINTS, 33)])),
        explanation: Explanations::new(vec![
            rule("member-price", BalanceKind::MONEY, 37_50, "10%", 3_75),
            rule("base-points", BalanceKind::POINTS, 33_75, "1/1.00", 33),
        ]),
        ..answer.clone()
    };
}

fn code<const MAX: usize>(text: &str) -> Code<MAX> {
    text.parse().unwrap()
}
