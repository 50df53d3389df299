//! The table of PROTOCOL.md section 11, "State and message", over the wire: what a repeat of each original is told, and what
//! TransactionStatus says of it. The other columns are the rules' (`payment_rules/table.rs`).

use std::collections::BTreeMap;

use protocol::field::{Original, RequestId, Totals};
use protocol::request::{Body, Header, Request, RequestSidecar};
use terminal_sim::Card;
use terminal_sim::checked::Checked;
use terminal_sim::message::SignedMessage;

use crate::counter::{activate, amount, load, purchase, reversal};
use crate::harness::{Gateway, Site};
use crate::offline::wire::{advice, granted};
use crate::till::{
    APPROVED, People, Till, add_to_programme, authorize, capture, change_pin, raise, refund, transfer,
    unload, void,
};

const PROTOCOL: &str = include_str!("../../../../protocol/PROTOCOL.md");
const PRODUCT: &str = "max_transfer = \"500.00\"\nmax_unload = \"500.00\"\noffline = true\n\
                       pin = { from = \"400.00\", tries = 3 }";
const TABLES: &str = "[membership]\njoining = \"free\"\n\
    [[activity]]\ncode = \"visit\"\nrule = \"visit\"\npoints = 4\n\
    [[catalogue]]\nitem = \"mug\"\nname = \"Mug\"\npoints = 10\ngives = \"gift\"\npieces = 30\n\
    [[entitlement]]\nentitlement = \"parking\"\nname = \"Parking\"\nuses = [{ per_month = 30 }]\n\
    [offline]\nper_transaction = \"100.00\"\nper_card = \"200.00\"\ncount = 50\nsum = \"2000.00\"\nhours = 72\n";

const PIN: &str = "135790";
const LIVE: u8 = 1;
const REVERSED: u8 = 2;
const VOIDED: u8 = 3;
const REFUNDED: u8 = 4;
const DECLINED: u8 = 5;
const IN_PART: u8 = 7;
const CAPTURED: u8 = 8;

/// Rows of the table: the original, its repeat, TransactionStatus; "the same" is what stands above it.
fn rows() -> Vec<[String; 3]> {
    let table = PROTOCOL.split("### State and message").nth(1).expect("the section");
    let lines = table.lines().skip_while(|line| !line.starts_with('|'));
    let mut above = [String::new(), String::new()];
    let mut rows = Vec::new();
    for line in lines.take_while(|line| line.starts_with('|')).skip(2) {
        let mut cells = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
        let original = cells.next().expect("an original");
        for cell in &mut above {
            let next = cells.next().expect("a cell");
            if next != "the same" {
                *cell = next;
            }
        }
        rows.push([original, above[0].clone(), above[1].clone()]);
    }
    rows
}

/// What was asked, how it was answered, and what it is by now.
struct Case {
    row: &'static str,
    message: SignedMessage,
    first: Checked,
    state: u8,
}

struct Counter {
    till: Till,
    card: Card,
    to: Card,
    spare: Vec<Card>,
    cases: Vec<Case>,
}

impl Counter {
    async fn open(site: &Site, gateway: &Gateway) -> Self {
        add_to_programme(site, PRODUCT, TABLES);
        let mut till = Till::open(site, gateway, "T0001").await;
        let mut cards = till.sell(site, 1, &[2_000_00, 2_000_00]).await;
        let to = till.sell(site, 1, &[]).await.remove(0);
        let spare = crate::counter::cards(site, 8);
        Self { till, card: cards.remove(0), to, spare, cases: Vec::new() }
    }

    /// Asks something that is approved.
    async fn done(&mut self, body: Body) -> (SignedMessage, Checked) {
        let card = self.card.clone();
        let (message, answer) = self.till.deal(body, &card).await;
        assert_eq!(answer.code(), APPROVED, "{:?}", answer.answer);
        (message, answer)
    }

    async fn is(&mut self, row: &'static str, body: Body, state: u8) -> SignedMessage {
        let (message, first) = self.done(body).await;
        self.cases.push(Case { row, message: message.clone(), first, state });
        message
    }

    async fn pay(&mut self) -> Body {
        purchase(&self.card, 10_00)
    }

    /// What has a decision of its own and is never undone, and what was declined or undone.
    async fn over_at_once(&mut self) {
        const FINAL: &str = "a Reversal, Void, Reconciliation, ChangePin or CashTaken";
        const UNDONE: &str = "reversed, voided";
        let pay = self.pay().await;
        let sale = self.is(UNDONE, pay.clone(), REVERSED).await;
        self.is(FINAL, reversal(&sale), LIVE).await;
        let sale = self.is(UNDONE, pay, VOIDED).await;
        self.is(FINAL, void(&sale), LIVE).await;
        let card = self.card.clone();
        let (message, first) = self.till.deal(void(&sale), &card).await;
        assert_eq!(first.code().0, 12);
        self.cases.push(Case { row: FINAL, message, first, state: DECLINED });
        let (message, first) = self.till.deal(purchase(&card, 5_000_00), &card).await;
        assert!(!first.code().is_approval());
        self.cases.push(Case { row: "declined", message, first, state: DECLINED });
        let people = People { new_pin: Some(PIN), ..People::default() };
        let (message, first) = self.till.by(people, change_pin(&card), &card).await;
        assert_eq!(first.code(), APPROVED);
        self.cases.push(Case { row: FINAL, message, first, state: LIVE });
        let amount = amount(5_00);
        let cash = Body::CashTaken {
            card: None,
            amount,
            tenders: terminal_sim::terminal::cash(amount).expect("one tender"),
            original: None,
            reason: protocol::field::Reason::NO_ANSWER,
        };
        let body = Body::Reconciliation { totals: Totals::new(Vec::new()).expect("nothing") };
        for (body, shift) in [(cash, 1), (body, 2)] {
            let more = |header| Header { shift: protocol::field::Shift::new(shift), ..header };
            let message = self.till.sign_with(body, &RequestSidecar::default(), more);
            let first = self.till.send(&message).await;
            assert_eq!(first.code(), APPROVED);
            self.cases.push(Case { row: FINAL, message, first, state: LIVE });
        }
    }

    /// What is live, and what was refunded.
    async fn live(&mut self) {
        const PART: &str = "Load, Purchase, Capture or Advice, refunded in part";
        const WHOLE: &str = "Load, Purchase, Capture or Advice, refunded";
        let (card, to) = (self.card.clone(), self.to.clone());
        let fresh = self.spare.remove(0);
        let (message, first) = self.till.deal(activate(&fresh), &fresh).await;
        assert_eq!(first.code(), APPROVED);
        self.cases.push(Case { row: "Activate, live", message, first, state: LIVE });
        // It refunds a load, so it comes before those that are to be live.
        self.is("Unload, live", unload(&card, 5_00), LIVE).await;
        self.is("Load, live", load(&card, 20_00), LIVE).await;
        self.is("Transfer, live", transfer(&card, &to, 5_00), LIVE).await;
        let kinds = ["Load", "Purchase", "Capture", "Advice"];
        for (state, row) in [(LIVE, "Purchase, Capture or Advice, live"), (IN_PART, PART), (REFUNDED, WHOLE)]
        {
            for kind in kinds {
                if (kind, state) == ("Load", LIVE) {
                    continue;
                }
                let message = self.paid(kind, row, state).await;
                if state != LIVE {
                    let minor = if state == REFUNDED { 10_00 } else { 4_00 };
                    self.is("Refund, live", refund(&message, minor), LIVE).await;
                }
            }
        }
    }

    /// 10.00, that the card was loaded with or paid.
    async fn paid(&mut self, kind: &str, row: &'static str, state: u8) -> SignedMessage {
        let card = self.card.clone();
        match kind {
            "Load" => self.is(row, load(&card, 10_00), state).await,
            "Purchase" => self.is(row, purchase(&card, 10_00), state).await,
            "Capture" => {
                let (hold, _) = self.done(authorize(&card, 10_00)).await;
                self.is(row, capture(&hold, 10_00), state).await
            }
            _ => {
                let grant = granted(&self.till.session);
                let body = advice(&card, 10_00, &grant);
                let message = self.till.sign_with(body, &RequestSidecar::default(), |header| header);
                let first = self.till.send(&message).await;
                assert_eq!(first.code(), APPROVED, "{:?}", first.answer);
                self.cases.push(Case { row, message: message.clone(), first, state });
                message
            }
        }
    }

    async fn members_and_holds(&mut self) {
        const MEMBERS: &str = "Join, Award, Redeem or UseEntitlement, live";
        let reference = self.card.reference;
        let code = |text: &str| text.parse().expect("a code");
        self.is(MEMBERS, Body::Join { card: reference }, LIVE).await;
        let quantity = None;
        self.is(MEMBERS, Body::Award { card: reference, activity: code("visit"), quantity }, LIVE).await;
        let card = self.card.clone();
        let redeem = Body::Redeem { card: reference, item: code("mug"), quantity };
        let (message, first) = self.till.by(People::pin(PIN), redeem, &card).await;
        assert_eq!(first.code(), APPROVED, "{:?}", first.answer);
        self.cases.push(Case { row: MEMBERS, message, first, state: LIVE });
        let used = Body::UseEntitlement { card: reference, entitlement: code("parking"), quantity };
        self.is(MEMBERS, used, LIVE).await;
        let hold = self.is("Authorize, live", authorize(&card, 10_00), LIVE).await;
        self.is("Authorize that raised another, live", raise(&card, &hold, 5_00), LIVE).await;
        let hold = self.is("Authorize, captured or lapsed", authorize(&card, 10_00), CAPTURED).await;
        self.done(capture(&hold, 6_00)).await;
    }

    async fn status(&mut self, original: Original) -> Checked {
        let body = Body::TransactionStatus { original };
        let question = self.till.session.question(body, &RequestSidecar::default()).expect("a question");
        self.till.session.exchange(&question, false).await.expect("an answer")
    }

    /// Nothing was decided under the STAN of this message.
    async fn unsent(&mut self) -> SignedMessage {
        let (body, card) = (purchase(&self.card, 1_00), self.card.clone());
        self.till.sign(body, &card)
    }
}

fn named(message: &SignedMessage) -> Original {
    message.original().expect("a value message")
}

fn state(answer: &Checked) -> u8 {
    answer.status.expect("a status").state.0
}

/// What both cells of a decided original say: the states that they allow.
fn states(repeat: &str, status: &str, known: u8) -> [u8; 2] {
    let repeat = match repeat {
        "stored answer" | "stored answer and that status" => known,
        "stored answer, status declined" => DECLINED,
        "stored answer, status live" => LIVE,
        other => panic!("the table has a new cell: {other}"),
    };
    let status = match status {
        "that state, stored answer" => known,
        "state 1, stored answer" => LIVE,
        "state 5, stored answer" => DECLINED,
        "state 1 (declined: 5), stored answer" if known == DECLINED => DECLINED,
        "state 1 (declined: 5), stored answer" => LIVE,
        other => panic!("the table has a new cell: {other}"),
    };
    [repeat, status]
}

#[tokio::test]
async fn every_original_is_repeated_and_asked_about_as_the_table_says() {
    let site = Site::new();
    let gateway = site.start();
    let mut counter = Counter::open(&site, &gateway).await;
    counter.live().await;
    // Redemption asks for the PIN that is set here.
    counter.over_at_once().await;
    counter.members_and_holds().await;
    let entries = crate::counter::last_index(&gateway);
    let mut held: BTreeMap<&str, usize> = BTreeMap::new();
    let rows = rows();
    for Case { row, message, first, state: known } in std::mem::take(&mut counter.cases) {
        let cells = rows.iter().find(|cells| cells[0] == row).unwrap_or_else(|| panic!("no row {row}"));
        let expected = states(&cells[1], &cells[2], known);
        let again = counter.till.repeat(&message).await;
        let what = format!("{row}, {:?}", first.answer.kind);
        assert!(again.repeat && again.body == first.body, "{what}: the stored answer, byte for byte");
        let asked = counter.status(named(&message)).await;
        assert_eq!([state(&again), state(&asked)], expected, "{what}");
        assert_eq!(asked.answer.state.map(|state| state.0), Some(expected[1]), "{what}");
        let stored = asked.answer.stored_answer.expect("a stored answer");
        assert_eq!(stored.as_bytes(), first.body, "{what}");
        *held.entry(row).or_default() += 1;
    }
    assert_eq!(crate::counter::last_index(&gateway), entries, "nothing was written down");
    for [row, ..] in &rows[4..] {
        assert!(held.contains_key(row.as_str()), "the table has a new row: {row}");
    }
    drop(gateway);
    site.verify();
}

/// The first four rows: what was never decided, or is somebody else's.
#[tokio::test]
async fn what_never_came_or_is_somebody_elses_is_told_as_the_table_says() {
    let site = Site::new();
    let gateway = site.start();
    let mut counter = Counter::open(&site, &gateway).await;
    let rows = rows();
    let cells: Vec<[&str; 2]> = rows[..4].iter().map(|cells| [&*cells[1], &*cells[2]]).collect();
    assert_eq!(
        cells,
        [
            ["94; under a tombstone 21", "code 25, no state"],
            ["-", "code 25, no state"],
            ["is decided now", "state 0"],
            ["first time: 21, final; then that answer", "state 6"],
        ]
    );
    let card = counter.card.clone();
    let without = |answer: &Checked| (answer.code().0, answer.answer.state, answer.status);

    // Another request id: under what was decided, and under a tombstone.
    let (sale, _) = counter.done(purchase(&card, 1_00)).await;
    let header = counter.till.session.value_header(named(&sale).stan).expect("a header");
    let request = Request { header, body: purchase(&card, 2_00) };
    let other = counter.till.session.sign(&request, &card.sidecar()).expect("a signed message");
    assert_eq!(counter.till.repeat(&other).await.code().0, 94);
    assert_eq!(without(&counter.status(named(&other)).await), (25, None, None));
    let wrong = Original { request_id: RequestId([7; 32]), ..named(&sale) };
    assert_eq!(without(&counter.status(wrong).await), (25, None, None));
    let blocked = counter.unsent().await;
    counter.done(reversal(&blocked)).await;
    let header = counter.till.session.value_header(named(&blocked).stan).expect("a header");
    let request = Request { header, body: purchase(&card, 2_00) };
    let other = counter.till.session.sign(&request, &card.sidecar()).expect("a signed message");
    assert_eq!(without(&counter.status(named(&other)).await), (25, None, None));
    assert_eq!(counter.till.repeat(&other).await.code().0, 21);

    // Another terminal's.
    let mut beside = Till::open(&site, &gateway, "T0002").await;
    let body = Body::TransactionStatus { original: named(&sale) };
    let question = beside.session.question(body, &RequestSidecar::default()).expect("a question");
    let asked = beside.session.exchange(&question, false).await.expect("an answer");
    assert_eq!(without(&asked), (25, None, None));

    // Unknown: asked about, then decided, although it says that it is a repeat.
    let unknown = counter.unsent().await;
    let asked = counter.status(named(&unknown)).await;
    assert_eq!((state(&asked), asked.answer.stored_answer.is_some()), (0, false));
    let decided = counter.till.repeat(&unknown).await;
    assert_eq!((decided.code(), decided.repeat), (APPROVED, false));

    // Blocked: 21 once and for all.
    let blocked = counter.unsent().await;
    counter.done(reversal(&blocked)).await;
    let asked = counter.status(named(&blocked)).await;
    assert_eq!((state(&asked), asked.answer.stored_answer.is_some()), (6, false));
    let first = counter.till.repeat(&blocked).await;
    assert_eq!((first.code().0, first.repeat, first.is_final()), (21, false, true));
    let again = counter.till.repeat(&blocked).await;
    assert_eq!((again.repeat, &again.body), (true, &first.body));
    assert_eq!(state(&counter.status(named(&blocked)).await), 6);
    drop(gateway);
    site.verify();
}
