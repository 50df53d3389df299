//! A quote that is cited (LOYALTY A3): the price that the customer was shown, at the time at which it was shown, or "quote again".

use protocol::answer::Answer;
use protocol::field::{Flags, QuoteId};
use protocol::request::{Body, Header, Request};

use super::done::Done;
use super::{A, B, BONUS, NOT_NOW, POINTS, PRINCIPAL, Shop, goods};
use crate::counter::load;
use crate::till::load_quote;

fn prices() -> Option<Flags> {
    Some(Flags::PROGRAMME_PRICES)
}

fn id(quoted: &Answer) -> QuoteId {
    assert_eq!(quoted.code.0, 0, "{quoted:?}");
    quoted.quote.as_ref().expect("a quote").id
}

impl Shop {
    async fn quote_load(&mut self, card: usize, minor: i64) -> Answer {
        let card = self.cards[card].clone();
        self.till.ask(load_quote(&card, minor), &card).await.answer
    }

    /// What these goods would cost at the programme's prices.
    async fn quote_goods(&mut self, card: usize, items: &[(&str, &str, i64, i64)]) -> Answer {
        let card = self.cards[card].clone();
        let Body::Purchase { card: reference, amount, lines, points, .. } = goods(&card, items) else {
            panic!("goods are bought")
        };
        let currency =
            self.till.session.value_header(self.till.clerk.next_stan()).expect("a header").currency;
        let header =
            Header { flags: prices(), currency, ..self.till.session.question_header().expect("a header") };
        let body = Body::PurchaseQuote { card: reference, amount, lines, points };
        let sidecar = card.sidecar();
        let question = self.till.session.sign(&Request { header, body }, &sidecar).expect("a question");
        self.till.session.exchange(&question, false).await.expect("an answer").answer
    }

    async fn cite(&mut self, quote: QuoteId, card: usize, body: Body) -> Done {
        let card = self.cards[card].clone();
        let flags = matches!(body, Body::Purchase { .. }).then(prices).flatten();
        let more = |header| Header { quote: Some(quote), flags, ..header };
        let message = self.till.sign_with(body, &card.sidecar(), more);
        let answer = self.till.send(&message).await;
        self.done((message, answer))
    }
}

const TEA: &[(&str, &str, i64, i64)] = &[("tea", "tea", 1, 10_00)];
const COFFEE: &[(&str, &str, i64, i64)] = &[("coffee", "coffee", 1, 10_00)];

/// What was shown a second before 13:00 holds a second before its five minutes are over, and what the rules count is of the present.
#[tokio::test]
async fn a_quote_keeps_the_hours_at_which_it_was_given() {
    let rules = "[[load_bonus]]\nrule = \"noon\"\nsteps = [{ from = \"100\", bonus = \"50\" }]\n\
                 when = { hours = \"12:00-13:00\" }\n\
                 [[price]]\nrule = \"noon-tea\"\noff = \"50%\"\ncategories = [\"tea\"]\nwhen = { hours = \"12:00-13:00\" }";
    let mut shop = Shop::open(rules).await;
    shop.sell(1, 50_00).await;
    shop.day("2027-03-01T12:59:50").await;
    let (first, tea) = (shop.quote_load(A, 100_00).await, shop.quote_goods(A, TEA).await);
    let late = shop.quote_load(A, 100_00).await;
    shop.day("2027-03-01T13:04:30").await;
    shop.load(A, 100_00).await.says(&[]).has([(PRINCIPAL, 150_00), (BONUS, 0)]);
    let body = load(&shop.cards[A], 100_00);
    let loaded = shop.cite(id(&first), A, body.clone()).await;
    loaded.says(&[("noon", "50.00", 50_00)]).has([(PRINCIPAL, 250_00), (BONUS, 50_00)]);
    let moves = [("clearing:1", "A", PRINCIPAL, 100_00), ("bonus-expense", "A", BONUS, 50_00)];
    loaded.books(&moves);
    let body_of_tea = goods(&shop.cards[A], TEA);
    let sold = shop.cite(id(&tea), A, body_of_tea).await;
    sold.says(&[("noon-tea", "50%", 5_00)]);
    assert_eq!(sold.answer.answer.approved_amount.map(|paid| paid.get()), Some(5_00));
    shop.day("2027-03-01T13:05:00").await;
    shop.cite(id(&late), A, body).await.refused(NOT_NOW);
    shop.close();
}

/// A budget that one customer has had meanwhile is not overrun for the other: they are asked to quote again, and nothing is taken.
#[tokio::test]
async fn a_quote_whose_bonus_is_gone_is_refused_and_never_approved_for_less() {
    let rules = "[[load_bonus]]\nrule = \"budgeted\"\nsteps = [{ from = \"100\", bonus = \"5\" }]\nmost = { budget = \"5.00\" }";
    let mut shop = Shop::open(rules).await;
    shop.sell(2, 0).await;
    let (first, second) = (shop.quote_load(A, 100_00).await, shop.quote_load(B, 100_00).await);
    let body = load(&shop.cards[A], 100_00);
    shop.cite(id(&first), A, body).await.says(&[("budgeted", "5.00", 5_00)]).has([(BONUS, 5_00)]);
    let body = load(&shop.cards[B], 100_00);
    shop.cite(id(&second), B, body.clone()).await.refused(NOT_NOW);
    assert_eq!(shop.has(B, [PRINCIPAL, BONUS]).await, [0, 0]);
    let again = shop.quote_load(B, 100_00).await;
    shop.cite(id(&again), B, body).await.says(&[]).books(&[("clearing:1", "B", PRINCIPAL, 100_00)]);
    shop.close();
}

/// A member's cap of points is looked at anew: what would earn less than was shown is refused.
#[tokio::test]
async fn a_quote_of_points_that_a_cap_has_cut_since_is_refused() {
    let rules = "[[purchase_points]]\nrule = \"spend\"\nper = \"1\"\ngives = 1\nmost = { member = 15 }";
    let mut shop = Shop::open(rules).await;
    shop.sell(1, 100_00).await;
    let quoted = shop.quote_goods(A, TEA).await;
    shop.buy(A, 10_00).await.has([(POINTS, 10)]);
    let body = goods(&shop.cards[A], TEA);
    shop.cite(id(&quoted), A, body).await.refused(NOT_NOW);
    assert_eq!(shop.has(A, [PRINCIPAL, POINTS]).await, [90_00, 10]);
    shop.close();
}

/// What is cited for other goods than were quoted is not covered, also at the same amount.
#[tokio::test]
async fn a_quote_is_of_its_goods() {
    let rules = "[[price]]\nrule = \"tea\"\noff = \"50%\"\ncategories = [\"tea\"]";
    let mut shop = Shop::open(rules).await;
    shop.sell(1, 100_00).await;
    let quoted = shop.quote_goods(A, TEA).await;
    let (coffee, tea) = (goods(&shop.cards[A], COFFEE), goods(&shop.cards[A], TEA));
    shop.cite(id(&quoted), A, coffee).await.refused(NOT_NOW);
    shop.cite(id(&quoted), A, tea).await.says(&[("tea", "50%", 5_00)]).has([(PRINCIPAL, 95_00)]);
    shop.close();
}
