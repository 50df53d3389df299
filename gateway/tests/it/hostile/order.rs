//! The order of checks (PROTOCOL.md section 7), the half before the rules are asked: of two things that are wrong with a frame, the
//! one that is looked at first gives the code, and nothing is recorded. The order is read from the text.

use std::collections::BTreeSet;

use protocol::answer::Answer;
use protocol::code::ResponseCode;
use protocol::cose::Algorithm;
use protocol::field::{Flags, Generation, Hash, Stan};
use protocol::frame::Frame;
use protocol::request::{Body, Header, Request, RequestSidecar, Reserved};
use terminal_sim::client::Connection;
use terminal_sim::keys::TerminalKey;
use terminal_sim::message::SignedMessage;
use terminal_sim::{Card, sha256};

use super::limits::configured;
use crate::counter::{Clerk, PATIENCE, last_index, load, purchase};
use crate::domain_properties::order::text::before_the_rules;
use crate::harness::{Gateway, Site};
use crate::till::{APPROVED, People, Till, add_to_programme, void};

/// What can be wrong with a Load before the rules are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    Frame,
    Encoding,
    Sidecar,
    ForeignKey,
    Generation,
    Suspended,
    Locked,
    Algorithm,
    KeyId,
    Signature,
    NotSignedOn,
    InFlight,
    OfflineBit,
    /// Nothing is wrong: it is known, and has its answer.
    Decided,
    StanUsed,
    NoMoney,
    Guessed,
    Personal,
    Cashier,
}

use Wrong::{
    Cashier, Decided, Encoding, ForeignKey, Guessed, InFlight, KeyId, Locked, NoMoney, NotSignedOn,
    OfflineBit, Personal, Sidecar, Signature, StanUsed, Suspended,
};

const ALL: [Wrong; 19] = [
    Wrong::Frame,
    Encoding,
    Sidecar,
    ForeignKey,
    Wrong::Generation,
    Suspended,
    Locked,
    Wrong::Algorithm,
    KeyId,
    Signature,
    NotSignedOn,
    InFlight,
    OfflineBit,
    Decided,
    StanUsed,
    NoMoney,
    Guessed,
    Personal,
    Cashier,
];

impl Wrong {
    /// Its check and its code there, as the text has them.
    fn stands(self) -> (&'static str, u8) {
        match self {
            Self::Frame | Encoding | Sidecar => ("frame, encoding and sidecar", 30),
            ForeignKey | Self::Generation | Suspended => ("terminal", 89),
            Locked => ("terminal", 88),
            Self::Algorithm | KeyId | Signature => ("signature, key id, algorithm and nonce", 63),
            NotSignedOn => ("session", 97),
            InFlight => ("session", 9),
            OfflineBit => ("session", 30),
            Decided | StanUsed => ("known request", 94),
            NoMoney => ("not taking money", 91),
            Guessed => ("guessing budget", 65),
            Personal => ("personal fields that are not the commitment's", 30),
            Cashier => ("cashier", 77),
        }
    }

    /// Code of the answer, and what stands in its detail where several checks give the same.
    fn answer(self) -> (u8, &'static str) {
        match self {
            Decided => (0, ""),
            OfflineBit => (30, OFFLINE),
            Personal => (30, COMMITMENT),
            other => (other.stands().1, ""),
        }
    }

    /// Whether it can be so together with this one, which stands after it here.
    fn can_be_with(self, other: Self) -> bool {
        let signed_otherwise = [Encoding, Self::Generation, Self::Algorithm, KeyId, OfflineBit, StanUsed];
        match (self, other) {
            // A terminal has one state.
            (Suspended, Locked)
            // Nothing of another session, or of one that may send nothing, is under way.
            | (ForeignKey | Suspended | Locked | NotSignedOn, InFlight) => false,
            // Other bytes are another request.
            (wrong, Decided) => !signed_otherwise.contains(&wrong),
            (Decided, wrong) => !signed_otherwise.contains(&wrong),
            _ => true,
        }
    }
}

const OFFLINE: &str = "key 13 bit 0";
const COMMITMENT: &str = "key 47";
/// More mebibytes than any disk has.
const ENDLESS: u64 = 1 << 40;
const AMY: &str = "AMY";
/// Sales to undo while another request comes.
const SALES: usize = 24;

/// PINs of the people here.
struct Staff {
    amy: String,
    bob: String,
    sue: String,
}

impl Staff {
    fn admit(site: &Site) -> Self {
        let admit = |name: &str, more: &[&str]| {
            let admitted = site.json(&[&["cashier", "add", "--name", name], more].concat());
            admitted["pin"].as_str().expect("a PIN").to_owned()
        };
        Self { amy: admit(AMY, &[]), bob: admit("BOB", &[]), sue: admit("SUE", &["--supervisor"]) }
    }
}

/// A terminal, what it has sold, and what it was answered before.
struct Place {
    till: Till,
    card: Card,
    sales: Vec<SignedMessage>,
    decided: Option<SignedMessage>,
    /// Of another kind than the terminal's.
    odd_key: TerminalKey,
}

impl Place {
    async fn open(site: &Site, gateway: &Gateway, name: &str, sales: usize) -> Self {
        let mut till = Till::open(site, gateway, name).await;
        let card = till.sell(site, 1, &[100_00]).await.remove(0);
        let mut sold = Vec::new();
        for _ in 0..sales {
            let (sale, answer) = till.deal(purchase(&card, 1_00), &card).await;
            assert_eq!(answer.code(), APPROVED);
            sold.push(sale);
        }
        let odd_key = TerminalKey::generate(Algorithm::EdDsa).expect("a key");
        Self { till, card, sales: sold, decided: None, odd_key }
    }

    /// The request with nothing wrong but this, and what is wrong with its bytes.
    fn request(&mut self, wrong: &[Wrong]) -> SignedMessage {
        let is = |fault| wrong.contains(&fault);
        let beside = |salt: &str| {
            let personal = [(0, salt), (1, "8613800138000")];
            let personal = personal.map(|(number, text)| (number, text.parse().expect("a field")));
            RequestSidecar { personal: personal.into(), ..self.card.sidecar() }
        };
        let right = beside("00112233445566778899aabbccddeeff");
        let commitment = Hash(sha256(&[&right.personal_bytes().expect("fields")]));
        let sidecar = if is(Personal) { beside("ffeeddccbbaa99887766554433221100") } else { right };
        let mut message = match self.decided.clone().filter(|_| is(Decided)) {
            Some(decided) => SignedMessage { sidecar: sidecar.encode(), ..decided },
            None => {
                let used = self.decided.as_ref().and_then(|decided| decided.stan).filter(|_| is(StanUsed));
                let stan = used.unwrap_or_else(|| self.till.clerk.next_stan());
                let minor = if is(StanUsed) { 2_00 } else { 1_00 };
                let header = self.header(stan, commitment, wrong);
                let key = if is(Wrong::Algorithm) { &self.odd_key } else { &self.till.clerk.identity.key };
                let request = Request { header, body: load(&self.card, minor) };
                let installation = &self.till.session.connection.hello.installation;
                SignedMessage::sign(&request, &sidecar, key, installation).expect("a signed message")
            }
        };
        if is(Signature) {
            *message.body.last_mut().expect("bytes") ^= 1;
        }
        if is(Encoding) {
            message.body.push(0);
        }
        if is(Sidecar) {
            message.sidecar.push(0);
        }
        message
    }

    fn header(&self, stan: Stan, commitment: Hash, wrong: &[Wrong]) -> Header {
        let is = |fault| wrong.contains(&fault);
        let reserved = Reserved { personal_commitment: Some(commitment), ..Reserved::default() };
        let mut header = Header {
            cashier: Some(AMY.parse().expect("a name")),
            reserved: Some(Box::new(reserved)),
            flags: is(OfflineBit).then_some(Flags::OFFLINE_APPROVED),
            ..self.till.session.value_header(stan).expect("a header")
        };
        if is(Wrong::Generation) {
            header.generation = Generation::new(7);
        }
        if is(KeyId) {
            header.key_id.0[0] ^= 1;
        }
        header
    }

    /// A connection as far as it is to be.
    async fn connect(&self, gateway: &Gateway, staff: &Staff, wrong: &[Wrong], other: &Clerk) -> Connection {
        let is = |fault| wrong.contains(&fault);
        let clerk = if is(ForeignKey) { other } else { &self.till.clerk };
        if is(NotSignedOn) {
            return clerk.connect(gateway).await;
        }
        let mut till = Till { clerk: clerk.clone(), session: clerk.session(gateway).await };
        if !is(Cashier) {
            assert_eq!(till.cashier(AMY, &staff.amy).await.code(), APPROVED);
        }
        if is(InFlight) {
            assert_eq!(till.cashier("BOB", &staff.bob).await.code(), APPROVED);
        }
        till.session.connection
    }

    /// What keeps the session's only place while a PIN is looked at.
    fn occupant(&mut self, staff: &Staff) -> SignedMessage {
        let sale = self.sales.pop().expect("a sale is left");
        let allowed = People {
            cashier: Some("BOB"),
            supervisor: Some(("SUE", Some(staff.sue.as_str()))),
            ..People::default()
        };
        self.till.sign_by(void(&sale), &self.card, allowed)
    }

    /// Names cards that do not exist until no more are listened to; whether one was still listened to.
    async fn guess(&mut self) -> bool {
        let secret = "00000000000000000000";
        let stranger = Card::new(&self.card.reference.digits().to_string(), secret).expect("a card");
        for guess in 0..=64 {
            let body = Body::BalanceInquiry { card: stranger.reference };
            match self.till.ask(body, &stranger).await.code() {
                ResponseCode::TOO_MANY_UNKNOWN_CARDS => return guess > 0,
                code => assert_eq!(code, ResponseCode::CARD_NOT_ACCEPTED),
            }
        }
        panic!("nobody minds how many cards are guessed");
    }
}

/// What came back: code, detail, and whether it was stored.
type Said = (u8, String, bool);

/// Sends it, behind an occupant of the session's place where there is one.
async fn send(
    connection: &mut Connection,
    occupant: Option<&SignedMessage>,
    message: &SignedMessage,
    broken: bool,
) -> Said {
    let mut bytes = Vec::new();
    if let Some(occupant) = occupant {
        occupant.frame(7, false).encode(&mut bytes).expect("a frame");
    }
    let begins = bytes.len();
    message.frame(8, false).encode(&mut bytes).expect("a frame");
    if broken {
        // A flag that must not be.
        bytes[begins + 2] |= 8;
    }
    connection.send_raw(&bytes).await.expect("sent");
    let mut said = None;
    for _ in 0..1 + usize::from(occupant.is_some()) {
        let frame: Frame =
            tokio::time::timeout(PATIENCE, connection.next_frame()).await.expect("in time").expect("a frame");
        let answer = Answer::decode(&frame.body).expect("an answer");
        if frame.correlation == 7 {
            assert_eq!(answer.code, APPROVED, "what was before it: {:?}", answer.detail);
        } else {
            let detail = answer.detail.map(|detail| detail.as_str().to_owned()).unwrap_or_default();
            said = Some((answer.code.0, detail, frame.repeat));
        }
    }
    said.expect("its answer")
}

/// Whether this is what the first thing that is wrong is answered with.
fn is_told(first: Wrong, said: &Said) -> bool {
    let (code, word) = first.answer();
    let words = [OFFLINE, COMMITMENT].map(|known| said.1.contains(known) == (word == known));
    said.0 == code && words == [true; 2] && said.2 == (first == Decided)
}

/// The state of things around a request.
struct World<'a> {
    site: &'a Site,
    gateway: &'a Gateway,
    staff: &'a Staff,
    other: &'a Clerk,
}

impl World<'_> {
    /// Sends every case to one terminal; what was not in order comes back.
    async fn run(&self, place: &mut Place, state: Option<Wrong>, cases: &[[Wrong; 2]]) -> Vec<String> {
        let mut disorder = Vec::new();
        // Who is to be suspended or locked signs on before.
        let mut ready = Vec::new();
        if state.is_some() {
            for case in cases {
                ready.push(place.connect(self.gateway, self.staff, case, self.other).await);
            }
            if cases.iter().flatten().any(|wrong| *wrong == Guessed) {
                place.guess().await;
            }
            self.bring_about(place, state).await;
        }
        for case in cases {
            for attempt in 0.. {
                assert!(attempt < 20, "{case:?}: a guess was forgiven each time");
                let mut connection = match ready.is_empty() {
                    true => place.connect(self.gateway, self.staff, case, self.other).await,
                    false => ready.remove(0),
                };
                let guessed = case.contains(&Guessed) && state.is_none();
                if guessed {
                    place.guess().await;
                }
                let occupant = case.contains(&InFlight).then(|| place.occupant(self.staff));
                let message = place.request(case);
                let index = last_index(self.gateway);
                let broken = case.contains(&Wrong::Frame);
                let said = send(&mut connection, occupant.as_ref(), &message, broken).await;
                if guessed && place.guess().await {
                    continue;
                }
                // The occupant's try, and what it came to.
                let entries = if occupant.is_some() { 2 } else { 0 };
                assert_eq!(last_index(self.gateway), index + entries, "{case:?}: something was recorded");
                if !is_told(case[0], &said) {
                    disorder.push(format!("{case:?}: {said:?}"));
                }
                break;
            }
        }
        disorder
    }

    async fn bring_about(&self, place: &Place, state: Option<Wrong>) {
        match state {
            Some(Suspended) => {
                let name = place.till.clerk.identity.terminal.to_string();
                self.site.json(&["terminal", "suspend", "--id", &name]);
            }
            Some(Locked) => {
                // Two of it, it seems: this one knows less than it has said before.
                let back = Clerk { last_stan: 0, ..place.till.clerk.clone() };
                assert!(back.try_session(self.gateway).await.is_err(), "it is locked");
            }
            _ => {}
        }
    }
}

/// Every fault alone, and every two that can be so together, the one that the text looks at first in front.
fn cases() -> Vec<[Wrong; 2]> {
    let order = before_the_rules();
    let place = |wrong: Wrong| {
        let (name, number) = wrong.stands();
        let check = order.iter().position(|check| check.name == name);
        let check = check.unwrap_or_else(|| panic!("{name} is no check of the text's"));
        let code = order[check].codes.iter().position(|code| *code == number);
        (check, code.unwrap_or_else(|| panic!("{name} gives no {number}: {order:?}")))
    };
    let told: BTreeSet<(usize, usize)> = ALL.map(place).into();
    for (at, check) in order.iter().enumerate() {
        for (code, number) in check.codes.iter().enumerate() {
            assert!(told.contains(&(at, code)), "nobody looks at {} ({number})", check.name);
        }
    }
    let mut cases = ALL.map(|wrong| [wrong, wrong]).to_vec();
    for (at, one) in ALL.iter().enumerate() {
        for two in ALL[at + 1..].iter().filter(|two| one.can_be_with(**two)) {
            match place(*one).cmp(&place(*two)) {
                std::cmp::Ordering::Less => cases.push([*one, *two]),
                std::cmp::Ordering::Greater => cases.push([*two, *one]),
                std::cmp::Ordering::Equal => {}
            }
        }
    }
    cases
}

#[tokio::test]
async fn of_any_two_things_that_are_wrong_with_a_frame_the_first_in_the_texts_order_is_told_and_nothing_is_recorded()
 {
    let cases = cases();
    assert!(cases.len() > 130, "{} cases", cases.len());
    let site = Site::new();
    let mut gateway = configured(&site, "in_flight = 1");
    let other = Till::open(&site, &gateway, "T0099").await.clerk;
    let states = [None, Some(Suspended), Some(Locked)];
    let mut places = Vec::new();
    for (number, state) in states.iter().chain(&states).enumerate() {
        let sales = if state.is_none() { SALES } else { 0 };
        places.push(Place::open(&site, &gateway, &format!("T{number:04}"), sales).await);
    }
    let staff = Staff::admit(&site);
    add_to_programme(&site, "", "[till]\ncashiers = \"sign-on\"\ntries = 3");
    for place in &mut places {
        assert_eq!(place.till.cashier(AMY, &staff.amy).await.code(), APPROVED);
        let decided = place.request(&[]);
        assert_eq!(place.till.send(&decided).await.code(), APPROVED, "with nothing wrong it is taken");
        place.decided = Some(decided);
    }
    let mut disorder = Vec::new();
    let mut places = places.iter_mut();
    for money in [true, false] {
        if !money {
            assert!(gateway.stop().success());
            let none = format!("stop_loads_below_mib = {ENDLESS}\nstop_sales_below_mib = {ENDLESS}");
            gateway = configured(&site, &format!("in_flight = 1\n{none}"));
        }
        let world = World { site: &site, gateway: &gateway, staff: &staff, other: &other };
        for (state, place) in states.iter().zip(places.by_ref()) {
            place.till.session = place.till.clerk.session(&gateway).await;
            let now = |case: &&[Wrong; 2]| {
                let is = |fault| case.contains(&fault);
                is(NoMoney) != money && [Suspended, Locked].into_iter().find(|state| is(*state)) == *state
            };
            let mut cases: Vec<[Wrong; 2]> = cases.iter().filter(now).copied().collect();
            // A terminal that has guessed is not listened to for a while.
            cases.sort_by_key(|case| case.contains(&Guessed));
            disorder.extend(world.run(place, *state, &cases).await);
        }
    }
    assert!(disorder.is_empty(), "{}", disorder.join("\n"));
    drop(gateway);
    site.verify();
}
