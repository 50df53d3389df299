//! The catalogue at a terminal and for operators (LOYALTY B7).

use protocol::code::ResponseCode;
use protocol::field::Code;
use protocol::request::{Body, RequestSidecar};
use terminal_sim::checked::Checked;

use super::redemption::redeem;
use crate::counter::purchase;
use crate::harness::Site;
use crate::till::{APPROVED, Till, add_to_programme};

/// What a terminal is told, without anybody's card.
pub(super) async fn catalogue(till: &mut Till, after: Option<Code<24>>) -> Checked {
    let question = till.session.question(Body::Catalogue { after }, &RequestSidecar::default());
    till.session.exchange(&question.expect("a question"), false).await.expect("an answer")
}

#[tokio::test]
async fn it_lists_what_can_be_had_here_and_now_page_by_page() {
    let site = Site::new();
    let gateway = site.start();
    let mut tables = String::new();
    for at in 0..30 {
        tables += &format!(
            "[[catalogue]]\nitem = \"i{at:02}\"\nname = \"Item {at}\"\npoints = {}\ngives = \"gift\"\n",
            at + 1
        );
        tables += match at {
            3 => "when = { until = \"2020-01-01\" }\n",
            4 => "when = { stores = [\"S999\"] }\n",
            5 => "pieces = 2\nmost = { budget_day = 1 }\n",
            6 => "when = { customer = \"company\" }\n",
            _ => "",
        };
    }
    add_to_programme(&site, "", &tables);
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[100_00]).await.remove(0);
    assert_eq!(till.code(purchase(&card, 50_00), &card).await, APPROVED);
    assert_eq!(till.code(redeem(&card, "i05", 1), &card).await, APPROVED);
    let (mut all, mut after, mut pages) = (Vec::new(), None::<Code<24>>, 0);
    loop {
        let page = catalogue(&mut till, after).await;
        assert_eq!(page.code(), APPROVED);
        pages += 1;
        all.extend(page.answer.catalogue.as_ref().expect("items").as_slice().iter().copied());
        after = all.last().map(|last| last.item);
        if page.answer.more == Some(false) {
            break;
        }
    }
    let names: Vec<String> = all.iter().map(|item| item.item.to_string()).collect();
    let expected: Vec<String> =
        (0..30).filter(|at| ![3, 4].contains(at)).map(|at| format!("i{at:02}")).collect();
    assert_eq!((names, pages), (expected, 3));
    let five = all.iter().find(|item| item.item.as_str() == "i05").expect("listed");
    assert_eq!((five.points.get(), five.pieces_left.map(|left| left.get())), (6, Some(0)), "one a day");
    assert_eq!(till.code(redeem(&card, "i05", 1), &card).await, ResponseCode::AMOUNT_LIMIT);
    assert!(all.iter().filter(|item| item.item != five.item).all(|item| item.pieces_left.is_none()));
    let shown = site.json(&["programme", "catalogue"]);
    assert_eq!(shown["catalogue"].as_array().map(Vec::len), Some(30), "operators see all");
    drop(gateway);
    site.verify();
}
