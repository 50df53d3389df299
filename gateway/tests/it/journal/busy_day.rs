//! A day with everything in it: each message, each act, each decline, reversals before and after their originals.

use protocol::code::ResponseCode;
use protocol::cose::Algorithm;
use protocol::field::{
    Code, Currency, PurchaseLine, PurchaseLines, Shift, TenderKind, Total, TotalMinor, Totals,
};
use protocol::frame::MessageType;
use protocol::request::{Body, Header, Request, RequestSidecar};
use terminal_sim::checked::Checked;
use terminal_sim::keys::TerminalKey;
use terminal_sim::message::SignedMessage;
use terminal_sim::rng::Rng;
use terminal_sim::session::Session;
use terminal_sim::{Card, Error, terminal};

use crate::counter::{
    Clerk, activate, amount, cards, frames, last_index, load, purchase, reversal, sign_partial, wire,
};
use crate::harness::{Gateway, Site};

/// The journal has at least so many entries in the evening.
pub(super) const ENTRIES: u64 = 200;

/// A programme that says much in few bytes.
const SPRING: &str = r#"[programme]
name = "Spring"
currency = "CNY"
zone = "Asia/Shanghai"
cutover = "04:00"
[product.standard]
name = "Card"
min_load = "1.00"
max_load = "5000.00"
max_balance = "5000.00"
[[load_bonus]]
rule = "spring"
steps = [{ from = "50.00", bonus = "4.00" }]
[[purchase_points]]
rule = "spend"
per = "1.00"
gives = 1
[expiry]
bonus_months = 3
points_months = 12
"#;

/// Trades for a day and closes in order.
pub(super) async fn trade(site: &Site) {
    let gateway = site.start();
    let mut day = Day::open(site, &gateway).await;
    day.operators_act(site, &gateway).await;
    day.sales(site).await;
    day.declines().await;
    day.reversals().await;
    day.shifts().await;
    day.an_impostor(&gateway).await;
    day.rush(&gateway).await;
    drop((day.session, day.kiosk));
    assert!(gateway.stop().success(), "the gateway closes in order");
}

struct Day {
    clerk: Clerk,
    session: Session,
    /// A second register, with an Ed25519 key.
    other: Clerk,
    kiosk: (Clerk, Session),
    cards: Vec<Card>,
}

impl Day {
    async fn open(site: &Site, gateway: &Gateway) -> Self {
        let clerk = Clerk::enrol(site, gateway, "T0001", "register").await;
        let string = site.enrolment("T0002", "register");
        let other = Clerk::enrol_with(gateway, &string, Algorithm::EdDsa).await;
        let kiosk = Clerk::enrol(site, gateway, "K0001", "kiosk").await;
        let (session, at_kiosk) = (clerk.session(gateway).await, kiosk.session(gateway).await);
        Self { clerk, session, other, kiosk: (kiosk, at_kiosk), cards: cards(site, 12) }
    }

    async fn operators_act(&mut self, site: &Site, gateway: &Gateway) {
        let string = site.enrolment("T0003", "register");
        let wrong = string.replace(&string[12..16], if &string[12..16] == "0000" { "1111" } else { "0000" });
        let key = TerminalKey::generate(Algorithm::Es256).expect("a key");
        let (_, refused) = Clerk::try_enrol(&gateway.listen, &wrong, key).await;
        assert!(matches!(refused, Err(Error::Refused { code: ResponseCode::SECURITY_VIOLATION, .. })));
        let blocked = self.cards[11].reference.digits().to_string();
        let file = site.beside("spring.toml");
        std::fs::write(&file, SPRING).expect("a programme file");
        for arguments in [
            &["terminal", "revoke", "--id", "T0003"][..],
            &["terminal", "suspend", "--id", "K0001"],
            &["terminal", "resume", "--id", "K0001"],
            &["operator", "add", "--name", "ann"],
            &["operator", "revoke", "--name", "ann"],
            &["card", "block", "--card", &blocked, "--reason", "lost"],
            &["card", "unblock", "--card", &blocked],
            &["card", "block", "--card", &blocked, "--reason", "lost again"],
            &["programme", "activate", file.to_str().expect("a path")],
        ] {
            site.json(arguments);
        }
    }

    /// A message of the first register that gets this code.
    async fn gets(&mut self, code: ResponseCode, card: usize, body: Body) -> Checked {
        let card = self.cards[card].clone();
        let message = self.clerk.sign(&self.session, body, &card);
        self.send(code, &message).await
    }

    async fn send(&mut self, code: ResponseCode, message: &SignedMessage) -> Checked {
        let answer = self.clerk.send(&mut self.session, message).await;
        assert_eq!(answer.code(), code, "{} {:?}", message.kind, answer.answer.detail);
        answer
    }

    /// A message with more in its header than the least.
    fn sign(&mut self, body: Body, card: usize, more: impl FnOnce(Header) -> Header) -> SignedMessage {
        let header = more(self.session.value_header(self.clerk.next_stan()).expect("a header"));
        let sidecar = match body {
            Body::Reversal { .. } | Body::Reconciliation { .. } => RequestSidecar::default(),
            _ => self.cards[card].sidecar(),
        };
        self.session.sign(&Request { header, body }, &sidecar).expect("a signed message")
    }

    async fn sales(&mut self, site: &Site) {
        for card in 0..8 {
            let body = activate(&self.cards[card]);
            self.gets(ResponseCode::APPROVED, card, body).await;
        }
        for card in 0..6 {
            let parts = [(TenderKind::CASH, amount(30_00)), (TenderKind::BANK_CARD, amount(70_00))];
            let tenders = terminal::tender(&parts).expect("two tenders");
            let body = Body::Load { card: self.cards[card].reference, amount: amount(100_00), tenders };
            let message = self.sign(body, card, |header| Header {
                shift: Some(Shift::FIRST),
                cashier: Some("anna".parse().expect("a cashier")),
                ..header
            });
            self.send(ResponseCode::APPROVED, &message).await;
        }
        let line = |gross: i64| PurchaseLine {
            item: code("tea"),
            category: code("drinks"),
            brand: (gross > 500).then(|| code("own")),
            quantity: protocol::field::Ranged::new(1_000).expect("one"),
            gross: protocol::field::Ranged::new(gross).expect("an amount"),
            flags: 0,
        };
        let lines = PurchaseLines::new(vec![line(4_50), line(7_50)]);
        let body = Body::Purchase {
            card: self.cards[0].reference,
            amount: amount(12_00),
            tenders: None,
            lines,
            points: None,
        };
        let message = self.sign(body, 0, |header| Header {
            shift: Some(Shift::FIRST),
            order_reference: Some("order 7".parse().expect("an order")),
            ..header
        });
        self.send(ResponseCode::APPROVED, &message).await;
        let stan = self.clerk.next_stan();
        let partly = sign_partial(&self.session, stan, &self.cards[5], 200_00);
        self.send(ResponseCode::APPROVED_IN_PART, &partly).await;
        let (clerk, session) = &mut self.kiosk;
        assert_eq!(site.json(&["status"])["stopped"], serde_json::Value::Null);
        let answer = clerk.deal(session, load(&self.cards[6], 50_00), &self.cards[6]).await;
        assert_eq!(answer.code(), ResponseCode::APPROVED, "a kiosk loads");
    }

    async fn declines(&mut self) {
        let body = purchase(&self.cards[0], 1);
        let (clerk, session) = &mut self.kiosk;
        let answer = clerk.deal(session, body.clone(), &self.cards[0]).await;
        assert_eq!(answer.code(), ResponseCode::NOT_PERMITTED_TERMINAL, "a kiosk does not sell");
        let wrong = self.cards[0].with_wrong_secret();
        let message = self.clerk.sign(&self.session, body, &wrong);
        self.send(ResponseCode::CARD_NOT_ACCEPTED, &message).await;
        let dollars = |header: Header| Header { currency: Currency::new(840), ..header };
        let message = self.sign(purchase(&self.cards[0], 1), 0, dollars);
        self.send(ResponseCode::NOT_PERMITTED_CARD, &message).await;
        for (code, card, body) in [
            (ResponseCode::INVALID_TRANSACTION, 0, activate(&self.cards[0])),
            (ResponseCode::CARD_NOT_ACTIVE, 9, purchase(&self.cards[9], 1)),
            (ResponseCode::CARD_BLOCKED, 11, purchase(&self.cards[11], 1)),
            (ResponseCode::NOT_SUFFICIENT_FUNDS, 7, purchase(&self.cards[7], 1)),
            (ResponseCode::INVALID_AMOUNT, 1, load(&self.cards[1], 99)),
            (ResponseCode::AMOUNT_LIMIT, 1, load(&self.cards[1], 5_000_01)),
        ] {
            self.gets(code, card, body).await;
        }
    }

    async fn reversals(&mut self) {
        let paid = self.sign(purchase(&self.cards[1], 25_00), 1, |header| Header {
            shift: Some(Shift::FIRST),
            ..header
        });
        self.send(ResponseCode::APPROVED, &paid).await;
        let undo = self.sign(reversal(&paid), 1, |header| header);
        self.send(ResponseCode::APPROVED, &undo).await;
        let loaded = self.sign(load(&self.cards[2], 60_00), 2, |header| header);
        let spent = self.sign(purchase(&self.cards[2], 100_01), 2, |header| header);
        let issued = self.sign(activate(&self.cards[8]), 8, |header| header);
        for message in [&loaded, &spent, &issued] {
            self.send(ResponseCode::APPROVED, message).await;
        }
        let never = self.sign(purchase(&self.cards[2], 1_00), 2, |header| header);
        for (code, body) in [
            (ResponseCode::NOT_SUFFICIENT_FUNDS, reversal(&loaded)),
            (ResponseCode::APPROVED, reversal(&spent)),
            (ResponseCode::APPROVED, reversal(&loaded)),
            (ResponseCode::APPROVED, reversal(&loaded)),
            (ResponseCode::APPROVED, reversal(&issued)),
            (ResponseCode::APPROVED, reversal(&never)),
            (ResponseCode::INVALID_TRANSACTION, reversal(&undo)),
        ] {
            self.gets(code, 2, body).await;
        }
        self.send(ResponseCode::ALREADY_REVERSED, &never).await;
        let foreign = SignedMessage { sender: (self.other.identity.terminal, paid.sender.1), ..paid };
        self.gets(ResponseCode::ORIGINAL_NOT_FOUND, 2, reversal(&foreign)).await;
    }

    async fn shifts(&mut self) {
        let totals = |totals: &[(MessageType, u32, i64)]| {
            let total = |(kind, count, minor): &(MessageType, u32, i64)| Total {
                kind: *kind,
                count: *count,
                amount: TotalMinor::new(*minor).expect("an amount"),
            };
            Totals::new(totals.iter().map(total).collect()).expect("totals")
        };
        let shift = |number: u32| move |header: Header| Header { shift: Shift::new(number), ..header };
        let first = totals(&[(MessageType::LOAD, 6, 600_00), (MessageType::PURCHASE, 1, 12_00)]);
        for (code, number, totals) in [
            (ResponseCode::APPROVED, 1, first.clone()),
            (ResponseCode::INVALID_TRANSACTION, 1, first.clone()),
            (ResponseCode::TOTALS_DIFFER, 2, first),
            (ResponseCode::APPROVED, 3, totals(&[])),
        ] {
            let message = self.sign(Body::Reconciliation { totals }, 0, shift(number));
            self.send(code, &message).await;
        }
    }

    /// Somebody signs on with the other register's key and an older memory.
    async fn an_impostor(&mut self, gateway: &Gateway) {
        let mut session = self.other.session(gateway).await;
        let card = self.cards[3].clone();
        let answer = self.other.deal(&mut session, purchase(&card, 5_00), &card).await;
        assert_eq!(answer.code(), ResponseCode::APPROVED);
        let forgetful = Clerk { last_stan: 0, ..self.other.clone() };
        let locked = forgetful.try_session(gateway).await.expect_err("it is locked");
        assert!(matches!(locked, Error::Refused { code: ResponseCode::TERMINAL_LOCKED, .. }), "{locked}");
    }

    /// Fills the journal up with sales of which several share a write group.
    async fn rush(&mut self, gateway: &Gateway) {
        let mut rng = Rng::new(7);
        while last_index(gateway) < ENTRIES {
            let mut messages = Vec::new();
            for _ in 0..rng.between(1, 6) {
                let card = rng.index(4);
                let body = if rng.chance(1, 4) {
                    load(&self.cards[card], rng.between(1_00, 60_00))
                } else {
                    purchase(&self.cards[card], rng.between(1, 20_00))
                };
                messages.push(self.sign(body, card, |header| header));
            }
            let all: Vec<&SignedMessage> = messages.iter().collect();
            self.session.connection.send_raw(&wire(&all, 1)).await.expect("sent");
            for frame in frames(&mut self.session, all.len()).await {
                let message = &messages[frame.correlation as usize - 1];
                let answer = self.session.check(&frame, message).expect("an answer that holds");
                if message.stan.map(|stan| stan.get()) == Some(self.clerk.last_stan) {
                    self.clerk.last_receipt = crate::counter::receipt_of(message, &answer);
                }
            }
        }
    }
}

fn code<const MAX: usize>(text: &str) -> Code<MAX> {
    text.parse().expect("a code")
}
