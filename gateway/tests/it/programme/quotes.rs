//! A3: what a quote says is what the load or purchase does that follows at once, debts, caps, budgets and tiers included. Drawn traffic
//! holds it too (`greedy`).

use protocol::field::BalanceKind;
use protocol::request::Body;
use terminal_sim::checked::Checked;

use super::why;
use crate::counter::{load, purchase, reversal};
use crate::harness::Site;
use crate::till::{APPROVED, Till, load_quote, purchase_quote, put_in_force};

type Changes = Vec<(u16, i64)>;
type Lines = Vec<(String, i64)>;

fn said(answer: &Checked) -> (Changes, Lines) {
    assert_eq!(answer.code(), APPROVED);
    let changes = answer.answer.changes.iter().flatten();
    (changes.map(|(kind, change)| (kind.0, *change)).collect(), why(answer))
}

#[tokio::test]
async fn a_card_that_owes_points_is_quoted_what_is_left_of_them() {
    let site = Site::new();
    let gateway = site.start();
    let rules = "[[load_bonus]]\nrule = \"thanks\"\nof = \"ordinary\"\nsteps = [{ from = \"10\", bonus = 9 }]\n\
         [[purchase_points]]\nrule = \"spend\"\nper = \"1\"\ngives = 1\n\
         [[catalogue]]\nitem = \"cup\"\nname = \"Cup\"\npoints = 20\ngives = \"gift\"\n";
    put_in_force(&site, &super::wire::programme(rules));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[100_00]).await.remove(0);
    let (sale, _) = till.deal(purchase(&card, 20_00), &card).await;
    let item = "cup".parse().expect("an item");
    let cup = Body::Redeem { card: card.reference, quantity: None, item };
    assert_eq!(till.code(cup, &card).await, APPROVED);
    assert_eq!(till.code(reversal(&sale), &card).await, APPROVED);
    // 9 of the load, 20 of the sale and none of the cup: 11 are owed.
    let quoted = till.ask(purchase_quote(&card, 4_00), &card).await;
    let (_, done) = till.deal(purchase(&card, 4_00), &card).await;
    assert_eq!(said(&quoted), said(&done));
    assert_eq!(said(&quoted).0, [(1, -4_00)], "4 of 11 are paid back");
    let quoted = till.ask(load_quote(&card, 10_00), &card).await;
    let (_, done) = till.deal(load(&card, 10_00), &card).await;
    assert_eq!(said(&quoted), said(&done));
    let lines = [("thanks".to_owned(), 9), ("owed".to_owned(), -7)];
    assert_eq!(said(&quoted), (vec![(1, 10_00), (BalanceKind::POINTS.0, 2)], lines.to_vec()));
    drop(gateway);
    site.verify();
}
