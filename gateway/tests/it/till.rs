//! A till with an open session: what a shop does at its counter, in a word each.

use gateway::programme_file::DEFAULT;
use protocol::code::ResponseCode;
use protocol::cose::Algorithm;
use protocol::field::{BalanceKind, Code, Flags, Hash, Original, Pin, QuoteId, Reason, Shift};
use protocol::request::{Body, Header, Request, RequestSidecar, Reserved};
use terminal_sim::Card;
use terminal_sim::checked::Checked;
use terminal_sim::message::SignedMessage;
use terminal_sim::session::Session;

use crate::counter::{Clerk, amount, balance, cards, sidecar};
use crate::harness::{Gateway, Site};

pub(crate) const APPROVED: ResponseCode = ResponseCode::APPROVED;

/// What people add to a message: PINs, and who stands there.
#[derive(Clone, Copy, Default)]
pub(crate) struct People<'a> {
    /// Of the card.
    pub(crate) pin: Option<&'a str>,
    pub(crate) new_pin: Option<&'a str>,
    pub(crate) cashier: Option<&'a str>,
    /// Name and PIN.
    pub(crate) supervisor: Option<(&'a str, Option<&'a str>)>,
    /// A commitment to the holder's personal data.
    pub(crate) holder: Option<[u8; 32]>,
}

impl<'a> People<'a> {
    /// The card's holder with a PIN.
    pub(crate) fn pin(pin: &'a str) -> Self {
        Self { pin: Some(pin), ..Self::default() }
    }

    pub(crate) fn cashier(name: &'a str) -> Self {
        Self { cashier: Some(name), ..Self::default() }
    }
}

pub(crate) struct Till {
    pub(crate) clerk: Clerk,
    pub(crate) session: Session,
}

impl Till {
    pub(crate) async fn open(site: &Site, gateway: &Gateway, name: &str) -> Self {
        let clerk = Clerk::enrol(site, gateway, name, "register").await;
        let session = clerk.session(gateway).await;
        Self { clerk, session }
    }

    /// In another store than the others.
    pub(crate) async fn elsewhere(site: &Site, gateway: &Gateway, name: &str, place: [&str; 2]) -> Self {
        let [flag, value] = place;
        let enrolment = site.json(&["terminal", "enroll", "--id", name, flag, value]);
        let string = enrolment["enrolment"].as_str().expect("an enrolment");
        let clerk = Clerk::enrol_with(gateway, string, Algorithm::EdDsa).await;
        let session = clerk.session(gateway).await;
        Self { clerk, session }
    }

    /// Signs on again, after a restart.
    pub(crate) async fn again(mut self, gateway: &Gateway) -> Self {
        self.session = self.clerk.session(gateway).await;
        self
    }

    /// Puts new cards into use, each loaded with these amounts.
    pub(crate) async fn sell(&mut self, site: &Site, count: u32, loads_minor: &[i64]) -> Vec<Card> {
        let cards = cards(site, count);
        for card in &cards {
            self.clerk.fill(&mut self.session, card, loads_minor).await;
        }
        cards
    }

    pub(crate) fn sign(&mut self, body: Body, card: &Card) -> SignedMessage {
        self.clerk.sign(&self.session, body, card)
    }

    pub(crate) async fn send(&mut self, message: &SignedMessage) -> Checked {
        self.clerk.send(&mut self.session, message).await
    }

    pub(crate) async fn deal(&mut self, body: Body, card: &Card) -> (SignedMessage, Checked) {
        let message = self.sign(body, card);
        let answer = self.send(&message).await;
        (message, answer)
    }

    pub(crate) async fn code(&mut self, body: Body, card: &Card) -> ResponseCode {
        self.deal(body, card).await.1.code()
    }

    /// The same message once more.
    pub(crate) async fn repeat(&mut self, message: &SignedMessage) -> Checked {
        self.session.exchange(message, true).await.expect("an answer")
    }

    /// A value message whose header says more than is usual, with what goes beside it.
    pub(crate) fn sign_with(
        &mut self,
        body: Body,
        sidecar: &RequestSidecar,
        more: impl FnOnce(Header) -> Header,
    ) -> SignedMessage {
        let stan = self.clerk.next_stan();
        let header = more(self.session.value_header(stan).expect("a header"));
        self.session.sign(&Request { header, body }, sidecar).expect("a signed message")
    }

    /// The same, sent.
    async fn deal_with(&mut self, body: Body, card: &Card, more: impl FnOnce(Header) -> Header) -> Checked {
        let sidecar = sidecar(&body, card);
        let message = self.sign_with(body, &sidecar, more);
        self.send(&message).await
    }

    /// A value message with people behind it.
    pub(crate) fn sign_by(&mut self, mut body: Body, card: &Card, people: People<'_>) -> SignedMessage {
        let pin = |text: &str| Pin::new(text).expect("a PIN");
        let code = |name: &str| -> Code<16> { name.parse().expect("a name") };
        let reserved = people
            .holder
            .map(|hash| Box::new(Reserved { personal_commitment: Some(Hash(hash)), ..Reserved::default() }));
        let stan = self.clerk.next_stan();
        let header = Header {
            cashier: people.cashier.map(code),
            // The flag says of a sale that its PIN was used.
            flags: people.pin.filter(|_| !matches!(body, Body::ChangePin { .. })).map(|_| Flags::PIN_USED),
            reserved,
            ..self.session.value_header(stan).expect("a header")
        };
        if let Body::Refund { supervisor, .. } | Body::Void { supervisor, .. } = &mut body {
            *supervisor = people.supervisor.map(|(name, _)| code(name));
        }
        let sidecar = RequestSidecar {
            pin: people.pin.map(pin),
            new_pin: people.new_pin.map(pin),
            supervisor_pin: people.supervisor.and_then(|(_, given)| given).map(pin),
            ..sidecar(&body, card)
        };
        self.session.sign(&Request { header, body }, &sidecar).expect("a signed message")
    }

    pub(crate) async fn by(
        &mut self,
        people: People<'_>,
        body: Body,
        card: &Card,
    ) -> (SignedMessage, Checked) {
        let message = self.sign_by(body, card, people);
        let answer = self.send(&message).await;
        (message, answer)
    }

    /// Signs a cashier on to this session.
    pub(crate) async fn cashier(&mut self, name: &str, pin: &str) -> Checked {
        let cashier = Some(name.parse().expect("a name"));
        let header = Header { cashier, ..self.session.question_header().expect("a header") };
        let sidecar = RequestSidecar { cashier_pin: Pin::new(pin), ..RequestSidecar::default() };
        let request = Request { header, body: Body::CashierSignOn };
        let message = self.session.sign(&request, &sidecar).expect("a signed message");
        self.session.exchange(&message, false).await.expect("an answer")
    }

    /// A capture after which more follow.
    pub(crate) async fn capture_some(&mut self, of: &SignedMessage, minor: i64, card: &Card) -> Checked {
        let more = |header| Header { flags: Some(Flags::MORE_CAPTURES), ..header };
        self.deal_with(capture(of, minor), card, more).await
    }

    /// A value message that cites a quote.
    pub(crate) async fn cite(&mut self, quote: QuoteId, body: Body, card: &Card) -> Checked {
        self.deal_with(body, card, |header| Header { quote: Some(quote), ..header }).await
    }

    /// A value message in a shift.
    pub(crate) async fn in_shift(&mut self, shift: u32, body: Body, card: &Card) -> Checked {
        self.deal_with(body, card, |header| Header { shift: Shift::new(shift), ..header }).await
    }

    pub(crate) async fn ask(&mut self, body: Body, card: &Card) -> Checked {
        let question = self.session.question(body, &card.sidecar()).expect("a question");
        self.session.exchange(&question, false).await.expect("an answer")
    }

    pub(crate) async fn report(&mut self, shift: u32, after: u32) -> Checked {
        let header = Header { shift: Shift::new(shift), ..self.session.question_header().expect("a header") };
        let request = Request { header, body: Body::ShiftReport { after } };
        let message = self.session.sign(&request, &RequestSidecar::default()).expect("a signed message");
        self.session.exchange(&message, false).await.expect("an answer")
    }
}

fn original(of: &SignedMessage) -> Original {
    of.original().expect("a value message")
}

pub(crate) fn refund(of: &SignedMessage, minor: i64) -> Body {
    let reason = Some(Reason::GOODS_RETURNED);
    Body::Refund { amount: amount(minor), lines: None, original: original(of), reason, supervisor: None }
}

pub(crate) fn void(of: &SignedMessage) -> Body {
    Body::Void { original: original(of), reason: Some(Reason::WRONG_AMOUNT), supervisor: None }
}

pub(crate) fn authorize(card: &Card, minor: i64) -> Body {
    Body::Authorize { card: card.reference, amount: amount(minor), raises: None }
}

pub(crate) fn raise(card: &Card, of: &SignedMessage, minor: i64) -> Body {
    Body::Authorize { card: card.reference, amount: amount(minor), raises: Some(original(of)) }
}

pub(crate) fn capture(of: &SignedMessage, minor: i64) -> Body {
    Body::Capture { amount: amount(minor), tenders: None, lines: None, original: original(of) }
}

pub(crate) fn transfer(from: &Card, to: &Card, minor: i64) -> Body {
    Body::Transfer { card: from.reference, to: to.reference, amount: amount(minor) }
}

pub(crate) fn change_pin(card: &Card) -> Body {
    Body::ChangePin { card: card.reference }
}

pub(crate) fn unload(card: &Card, minor: i64) -> Body {
    Body::Unload { card: card.reference, amount: amount(minor), reason: None, supervisor: None }
}

pub(crate) fn load_quote(card: &Card, minor: i64) -> Body {
    Body::LoadQuote { card: card.reference, amount: amount(minor) }
}

pub(crate) fn purchase_quote(card: &Card, minor: i64) -> Body {
    Body::PurchaseQuote { card: card.reference, amount: amount(minor), lines: None, points: None }
}

pub(crate) fn quote_of(answer: &Checked) -> QuoteId {
    answer.answer.quote.as_ref().expect("a quote").id
}

pub(crate) fn held(answer: &Checked) -> i64 {
    answer.answer.hold.expect("a hold").held.get()
}

pub(crate) fn principal(answer: &Checked) -> i64 {
    balance(answer, BalanceKind::PRINCIPAL)
}

/// What was approved, undone or paid back.
pub(crate) fn approved(answer: &Checked) -> Option<i64> {
    answer.answer.approved_amount.map(|amount| amount.get())
}

/// Puts a programme in force.
pub(crate) fn put_in_force(site: &Site, document: &str) {
    let file = site.beside("programme.toml");
    std::fs::write(&file, document).expect("a file");
    site.json(&["programme", "activate", file.to_str().expect("a path")]);
}

/// Puts a programme in force that differs from the default one by this.
pub(crate) fn change_programme(site: &Site, from: &str, to: &str) {
    let document = DEFAULT.replace(from, to);
    assert_ne!(document, DEFAULT, "{from} is in it");
    put_in_force(site, &document);
}

/// Puts the default programme in force with more in its product, and more behind all of it.
pub(crate) fn add_to_programme(site: &Site, product: &str, tables: &str) {
    let anchor = "refund_grace_days = 30";
    assert!(DEFAULT.contains(anchor));
    let document = DEFAULT.replace(anchor, &format!("{anchor}\n{product}\n#"));
    put_in_force(site, &format!("{document}\n{tables}\n"));
}

/// Transfers are not allowed by the default programme.
pub(crate) fn allow_transfers(site: &Site) {
    change_programme(site, "# max_transfer = \"500.00\"", "max_transfer = \"500.00\"");
}
