//! Quotes that are honoured, transfers, a card's day, and what a shift holds.

use protocol::code::ResponseCode;
use protocol::field::{BalanceKind, QuoteId, TransactionState};
use protocol::request::{Body, Header, Request, RequestSidecar};
use terminal_sim::Card;
use terminal_sim::checked::Checked;

use super::{APPROVED, Till, authorize, principal, refund, void};
use crate::counter::{activate, amount, balance, cards, holdings, load, purchase, reversal};
use crate::harness::{Gateway, Site};

fn load_quote(card: &Card, minor: i64) -> Body {
    Body::LoadQuote { card: card.reference, amount: amount(minor) }
}

fn purchase_quote(card: &Card, minor: i64) -> Body {
    Body::PurchaseQuote { card: card.reference, amount: amount(minor), points: None }
}

fn transfer(from: &Card, to: &Card, minor: i64) -> Body {
    Body::Transfer { card: from.reference, to: to.reference, amount: amount(minor) }
}

impl Till {
    async fn ask(&mut self, body: Body, card: &Card) -> Checked {
        let question = self.session.question(body, &card.sidecar()).expect("a question");
        self.session.exchange(&question, false).await.expect("an answer")
    }

    /// A value message that cites a quote.
    async fn cite(&mut self, quote: QuoteId, body: Body, card: &Card) -> Checked {
        let stan = self.clerk.next_stan();
        let header = Header { quote: Some(quote), ..self.session.value_header(stan).expect("a header") };
        let message =
            self.session.sign(&Request { header, body }, &card.sidecar()).expect("a signed message");
        self.send(&message).await
    }

    /// A value message in a shift.
    async fn in_shift(&mut self, shift: u32, body: Body, card: &Card) -> Checked {
        let stan = self.clerk.next_stan();
        let shift = protocol::field::Shift::new(shift);
        let header = Header { shift, ..self.session.value_header(stan).expect("a header") };
        let sidecar = match body {
            Body::Refund { .. } | Body::Void { .. } => RequestSidecar::default(),
            _ => card.sidecar(),
        };
        let message = self.session.sign(&Request { header, body }, &sidecar).expect("a signed message");
        self.send(&message).await
    }

    async fn report(&mut self, shift: u32, after: u32) -> Checked {
        let request = Request {
            header: Header {
                shift: protocol::field::Shift::new(shift),
                ..self.session.question_header().expect("a header")
            },
            body: Body::ShiftReport { after },
        };
        let message = self.session.sign(&request, &RequestSidecar::default()).expect("a signed message");
        self.session.exchange(&message, false).await.expect("an answer")
    }
}

/// Puts a programme in force that differs from the default one by this.
fn change_programme(site: &Site, from: &str, to: &str) {
    let document = gateway::programme_file::DEFAULT.replace(from, to);
    assert_ne!(document, gateway::programme_file::DEFAULT, "{from} is in it");
    let file = site.beside("programme.toml");
    std::fs::write(&file, document).expect("a file");
    site.json(&["programme", "activate", file.to_str().expect("a path")]);
}

fn quote_of(answer: &Checked) -> QuoteId {
    answer.answer.quote.as_ref().expect("a quote").id
}

async fn shop(site: &Site, gateway: &Gateway) -> (Till, Vec<Card>) {
    let mut till = Till::open(site, gateway, "T0001").await;
    let cards = cards(site, 2);
    for card in &cards {
        till.clerk.fill(&mut till.session, card, &[]).await;
    }
    (till, cards)
}

#[tokio::test]
async fn a_quote_is_honoured_by_the_programme_that_gave_it_once_another_is_in_force() {
    let site = Site::new();
    let gateway = site.start();
    let (mut till, cards) = shop(&site, &gateway).await;
    let card = &cards[0];
    let quoted = till.ask(load_quote(card, 100_00), card).await;
    assert_eq!(quoted.answer.changes.as_ref().expect("changes")[&BalanceKind::BONUS], 5_00);
    change_programme(&site, "bonus = \"5.00\"", "bonus = \"1.00\"");
    let other = till.cite(quote_of(&quoted), load(card, 200_00), card).await;
    assert_eq!(other.code(), ResponseCode::INVALID_TRANSACTION, "of another amount");
    let other = till.cite(quote_of(&quoted), load(&cards[1], 100_00), &cards[1]).await;
    assert_eq!(other.code(), ResponseCode::INVALID_TRANSACTION, "of another card");
    let loaded = till.cite(quote_of(&quoted), load(card, 100_00), card).await;
    assert_eq!((loaded.code(), balance(&loaded, BalanceKind::BONUS)), (APPROVED, 5_00));
    assert_eq!(loaded.answer.programme_version, Some(1));
    let (_, next) = till.deal(load(card, 100_00), card).await;
    assert_eq!((balance(&next, BalanceKind::BONUS), next.answer.programme_version), (6_00, Some(2)));

    let quoted = till.ask(purchase_quote(card, 50_00), card).await;
    assert_eq!((quoted.code(), principal(&quoted)), (APPROVED, 200_00), "as it is before");
    let changes = quoted.answer.changes.as_ref().expect("changes");
    assert_eq!((changes[&BalanceKind::PRINCIPAL], changes[&BalanceKind::POINTS]), (-50_00, 50));
    change_programme(&site, "gives = 1", "gives = 3");
    let sold = till.cite(quote_of(&quoted), purchase(card, 50_00), card).await;
    assert_eq!((sold.code(), balance(&sold, BalanceKind::POINTS)), (APPROVED, 50));
    let part = till.ask(purchase_quote(card, 1000_00), card).await;
    assert_eq!(part.code(), ResponseCode::APPROVED_IN_PART);
    assert_eq!(part.answer.approved_amount.map(|amount| amount.get()), Some(156_00));
    // A restart forgets quotes, and says so before anything is done.
    gateway.kill();
    let gateway = site.start();
    let mut till = till.again(&gateway).await;
    let gone = till.cite(quote_of(&quoted), purchase(card, 50_00), card).await;
    assert_eq!(gone.code(), ResponseCode::INVALID_TRANSACTION);
    assert_eq!(holdings(&site, card).payable(), 156_00);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_transfer_moves_lots_and_is_undone_only_while_they_are_there() {
    let site = Site::new();
    let gateway = site.start();
    let (mut till, cards) = shop(&site, &gateway).await;
    let (from, to) = (&cards[0], &cards[1]);
    till.deal(load(from, 100_00), from).await;
    assert_eq!(till.code(transfer(from, to, 1_00), from).await, ResponseCode::NOT_PERMITTED_CARD);
    change_programme(&site, "# max_transfer = \"500.00\"", "max_transfer = \"102.00\"");
    assert_eq!(till.code(transfer(from, from, 1_00), from).await, ResponseCode::INVALID_TRANSACTION);
    assert_eq!(till.code(transfer(from, to, 102_01), from).await, ResponseCode::AMOUNT_LIMIT);
    let (gift, moved) = till.deal(transfer(from, to, 102_00), from).await;
    assert_eq!((moved.code(), principal(&moved)), (APPROVED, 0));
    let got = holdings(&site, to);
    assert_eq!((got.principal, got.bonus), (100_00, 2_00));
    let undone = till.deal(reversal(&gift), from).await.1;
    assert_eq!(undone.answer.state, Some(TransactionState::REVERSED));
    assert_eq!(holdings(&site, from).payable(), 105_00);
    let (gift, _) = till.deal(transfer(from, to, 50_00), from).await;
    till.deal(purchase(to, 1_00), to).await;
    let kept = till.deal(void(&gift), from).await.1;
    assert_eq!(
        (kept.code(), kept.answer.state),
        (ResponseCode::NOT_SUFFICIENT_FUNDS, Some(TransactionState::LIVE))
    );
    assert_eq!(till.code(refund(&gift, 1_00), from).await, ResponseCode::INVALID_TRANSACTION);
    assert_eq!(holdings(&site, from).payable() + holdings(&site, to).payable(), 104_00);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn transfers_both_ways_at_once_keep_the_sum() {
    let site = Site::new();
    let gateway = site.start();
    let (mut till, cards) = shop(&site, &gateway).await;
    change_programme(&site, "# max_transfer = \"500.00\"", "max_transfer = \"500.00\"");
    for card in &cards {
        till.deal(load(card, 99_00), card).await;
    }
    let mut racing = Vec::new();
    for number in 2..8 {
        let mut other = Till::open(&site, &gateway, &format!("T000{number}")).await;
        let (from, to) = (cards[number % 2].clone(), cards[(number + 1) % 2].clone());
        racing.push(tokio::spawn(async move {
            for minor in [70_00, 60_00, 1, 33_33, 90_00] {
                let code = other.code(transfer(&from, &to, minor), &from).await;
                assert!([APPROVED, ResponseCode::NOT_SUFFICIENT_FUNDS].contains(&code), "{code:?}");
            }
        }));
    }
    for one in racing {
        one.await.expect("no panic");
    }
    let left: Vec<i64> = cards.iter().map(|card| holdings(&site, card).payable()).collect();
    assert_eq!(left.iter().sum::<i64>(), 198_00, "{left:?}");
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_cards_day_ends_at_its_products_limits_and_what_is_undone_does_not_count() {
    let site = Site::new();
    let gateway = site.start();
    let limits = "daily = { loads = 2, purchases = 3, purchase_sum = \"50.00\" }";
    change_programme(&site, "refund_grace_days = 30", &format!("{limits}\nrefund_grace_days = 30"));
    let (mut till, cards) = shop(&site, &gateway).await;
    let card = &cards[0];
    for _ in 0..2 {
        assert_eq!(till.code(load(card, 50_00), card).await, APPROVED);
    }
    assert_eq!(till.code(load(card, 50_00), card).await, ResponseCode::AMOUNT_LIMIT, "a third load");
    assert_eq!(till.ask(load_quote(card, 50_00), card).await.code(), ResponseCode::AMOUNT_LIMIT);
    let (sale, _) = till.deal(purchase(card, 30_00), card).await;
    assert_eq!(till.code(purchase(card, 20_01), card).await, ResponseCode::AMOUNT_LIMIT, "above the sum");
    assert_eq!(till.code(authorize(card, 20_01), card).await, ResponseCode::AMOUNT_LIMIT);
    assert_eq!(till.code(void(&sale), card).await, APPROVED);
    for _ in 0..3 {
        assert_eq!(till.code(authorize(card, 1_00), card).await, APPROVED);
    }
    assert_eq!(till.code(purchase(card, 1_00), card).await, ResponseCode::AMOUNT_LIMIT, "a fourth");
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_shift_is_listed_page_by_page_with_what_became_of_each_transaction() {
    let site = Site::new();
    let gateway = site.start();
    let (mut till, cards) = shop(&site, &gateway).await;
    let card = &cards[0];
    till.in_shift(1, load(card, 500_00), card).await;
    let mut expected = vec![(till.clerk.last_stan, APPROVED, TransactionState::LIVE)];
    for number in 0..60 {
        let sold = till.in_shift(1, purchase(card, 1_00), card).await;
        assert_eq!(sold.code(), APPROVED);
        expected.push((till.clerk.last_stan, APPROVED, TransactionState::LIVE));
        if number % 7 == 0 {
            till.in_shift(2, purchase(card, 1_00), card).await;
        }
    }
    let declined = till.in_shift(1, activate(card), card).await;
    expected.push((till.clerk.last_stan, declined.code(), TransactionState::DECLINED));
    let (mut listed, mut after, mut pages) = (Vec::new(), 0, 0);
    loop {
        let page = till.report(1, after).await.answer;
        assert_eq!(page.shift_closed, Some(false));
        let totals = page.totals.as_ref().expect("totals").as_slice();
        assert_eq!(totals.iter().map(|total| total.count).collect::<Vec<_>>(), [1, 60]);
        let lines = page.transactions.as_ref().expect("lines");
        listed.extend(lines.as_slice().iter().map(|line| (line.stan.get(), line.code, line.state)));
        pages += 1;
        after = page.listed_to.expect("a place");
        if Some(after) == page.host_last_stan {
            break;
        }
    }
    assert_eq!((listed, pages), (expected, 2));
    drop(gateway);
}
