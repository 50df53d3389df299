//! A3: what a quote says is what the load or purchase does that follows at once, debts, caps, budgets and tiers included. Drawn traffic
//! holds it too (`greedy`).

use gateway::domain::Command;
use proptest::prelude::*;
use protocol::field::BalanceKind;
use protocol::request::Body;
use terminal_sim::checked::Checked;

use super::book::{Book, DAY, claim, read};
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

/// A lower threshold makes a member gold at once: the quote prices as for gold, as the purchase does.
#[tokio::test]
async fn what_is_due_for_a_member_is_booked_before_they_are_quoted() {
    let site = Site::new();
    let gateway = site.start();
    let rules = |gold: &str| {
        super::wire::programme(&format!(
            "[[purchase_points]]\nrule = \"spend\"\nper = \"1\"\ngives = 1\n\
             [[multiplier]]\nrule = \"double\"\ntimes = \"2\"\nwhen = {{ tiers = [\"gold\"] }}\n\
             [[tier]]\nkey = \"gold\"\nname = \"Gold\"\nany = [{{ spent = \"{gold}\" }}]\n"
        ))
    };
    put_in_force(&site, &rules("50.00"));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[100_00]).await.remove(0);
    assert_eq!(till.code(purchase(&card, 30_00), &card).await, APPROVED);
    put_in_force(&site, &rules("20.00"));
    let quoted = till.ask(purchase_quote(&card, 10_00), &card).await;
    let (_, done) = till.deal(purchase(&card, 10_00), &card).await;
    assert_eq!(said(&quoted), said(&done));
    assert_eq!(said(&done), (vec![(1, -10_00), (16, 20)], vec![("spend".into(), 10), ("double".into(), 10)]));
    // Whoever asks what a member has is told of the tier too.
    put_in_force(&site, &rules("45.00"));
    let other = till.sell(&site, 1, &[100_00]).await.remove(0);
    assert_eq!(till.code(purchase(&other, 30_00), &other).await, APPROVED);
    put_in_force(&site, &rules("20.00"));
    let asked = till.ask(Body::MemberInquiry { card: other.reference, after: None }, &other).await;
    assert_eq!(asked.answer.tier.map(|tier| tier.tier.to_string()), Some("gold".to_owned()));
    drop(gateway);
    site.verify();
}

/// Points of loads and sales, some of them pending or within caps; all that is there can be had for something.
const RULES: &str = "[points_payment]\nrule = \"pay\"\npoints = 1\npays = \"0.01\"\n\
    [[load_bonus]]\nrule = \"thanks\"\nof = \"ordinary\"\nevery = true\nsteps = [{ from = \"1\", bonus = 3 }]\nmost = { member = 400, budget = 700 }\n\
    [[load_bonus]]\nrule = \"share\"\nsteps = [{ from = \"5\", bonus = \"10%\" }]\nmost = { member = \"9.00\" }\n\
    [[purchase_points]]\nrule = \"spend\"\nper = \"0.70\"\ngives = 2\nremainder = \"carry\"\nmost = { budget = 900 }\n\
    [[purchase_points]]\nrule = \"late\"\nper = \"1\"\ngives = 1\npending_days = 2\n\
    [stacking]\nload_bonus = \"sum\"\npurchase_points = \"sum\"\n\
    [[multiplier]]\nrule = \"half\"\ntimes = \"1.5\"\nmost = { budget = 60 }\n\
    [[catalogue]]\nitem = \"one\"\nname = \"One\"\npoints = 1\ngives = \"gift\"\n";

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_quoted_is_what_follows(steps in prop::collection::vec((0..12_u8, 0..2_u64, 1..3_000_i64), 1..40)) {
        let mut book = Book::of(read(RULES), ["p"; 2]);
        let mut undoable = Vec::new();
        for (what, card, n) in steps {
            let claim = claim(card);
            let command = match what {
                0..=2 => Command::Load { claim, amount: n, tenders: vec![(1, n)] },
                3..=6 => {
                    let points = (n % 3 == 0).then_some(1 + n % 40);
                    Command::Purchase { claim, amount: n, partial_allowed: true, points, lines: Vec::new() }
                }
                7 | 8 => match book.has(card, 16) {
                    // All that is there: whatever is undone now is owed.
                    has @ 1.. => Command::Redeem { claim, item: "one".into(), quantity: has },
                    _ => continue,
                },
                9 | 10 => match undoable.pop() {
                    Some(at) => Command::Reversal { original: book.named(at) },
                    None => continue,
                },
                _ => {
                    book.clock(book.now.s() + n % 4 * DAY);
                    continue;
                }
            };
            let quoted = book.quoted(&command, Vec::new());
            let is_sale = quoted.is_some();
            let done = book.ask(command, Vec::new());
            if let Some(quoted) = quoted {
                quoted.is_kept_by(&done);
            }
            if is_sale && done.is_approved() {
                undoable.push(book.entries() - 1);
            }
        }
    }
}
