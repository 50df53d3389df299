//! A shop that trades in memory, by the rules themselves, with registers that sign, into a sealed journal.

use gateway::domain::card::{Card, CardReference, CardStatus};
use gateway::domain::effect::{Account, Effect, Posting, Subject};
use gateway::domain::ledger::{Kind, clearing};
use gateway::domain::request::CardClaim;
use gateway::domain::state::Touched;
use gateway::domain::{
    Command, Decision, Facts, Limits, Now, Pins, Programme, Request, Role, State, TerminalStatus, decide,
};
use gateway::journal::record::{Details, Origin, answer_hash, encode_parts};
use gateway::journal::seal::{CHAIN, Head, Sealer, leaf_of};
use gateway::journal::sha256;
use gateway::journal::walk::{request_id, subject_hash};
use gateway::keys::{PublicKey, SigningKey};
use gateway::programme_file;
use gateway::storage::{Identity, Row, SealRow, Storage, Synchronous};
use jiff::civil::Date;
use protocol::answer::Answer;
use protocol::code::ResponseCode;
use protocol::cose::{Algorithm, Context, sign};
use protocol::field::{
    AmountMinor, CardReference as CardNumber, Currency, Generation, Installation, KeyId, Stan, TerminalTime,
    TotalMinor, UnixSeconds,
};
use protocol::frame::MessageType;
use protocol::request::{Body, Header, Request as Wire};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use tempfile::TempDir;

use super::measured;

pub(super) const DAY: Date = Date::constant(2026, 11, 21);
const NOW: Now = Now { ms: 1_795_222_800_000, business_date: 20_261_121, certain: true };
const TERMINALS: u64 = 16;
const CARDS: u64 = 640;
/// Entries that are sealed and committed together.
const GROUP: usize = 32;
const PROOF: [u8; 32] = [7; 32];
/// DER before an Ed25519 key (RFC 8410).
const ED25519: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

enum Key {
    Es256(SigningKey),
    Ed25519(Ed25519KeyPair),
}

impl Key {
    fn spki(&self) -> Vec<u8> {
        match self {
            Self::Es256(key) => key.spki(),
            Self::Ed25519(key) => [ED25519.as_slice(), key.public_key().as_ref()].concat(),
        }
    }

    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Es256(_) => Algorithm::Es256,
            Self::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        match self {
            Self::Es256(key) => key.sign(message),
            Self::Ed25519(key) => key.sign(message).as_ref().try_into().expect("64 bytes"),
        }
    }
}

pub(super) struct Shop {
    pub storage: Storage,
    pub sealer: Sealer,
    state: State,
    programme: Programme,
    keys: Vec<Key>,
    cards: Vec<CardReference>,
    head: Head,
    group: Vec<Row>,
    index: u64,
    /// Nanoseconds of one verification, by algorithm.
    prices: [u64; 2],
    _directory: TempDir,
}

impl Shop {
    /// Half of its registers sign with ES256, half with Ed25519; every card has been filled.
    pub(super) fn open() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let storage = Storage::open(directory.path(), Synchronous::Off).expect("a database");
        let key = SigningKey::generate().expect("a key");
        let keys = (0..TERMINALS).map(|at| match at % 2 {
            0 => Key::Es256(SigningKey::generate().expect("a key")),
            _ => Key::Ed25519(
                Ed25519KeyPair::from_seed_unchecked(&sha256(&[&at.to_be_bytes()])).expect("a key"),
            ),
        });
        let cards = (0..CARDS).map(|at| CardNumber::from_parts(at + 1).expect("a card").number());
        let mut shop = Self {
            storage,
            keys: keys.collect(),
            cards: cards.map(CardReference).collect(),
            sealer: Sealer { key, installation: Installation([7; 16]) },
            state: State::default(),
            programme: programme_file::parse(programme_file::DEFAULT).expect("the default programme"),
            head: Head::GENESIS,
            group: Vec::new(),
            index: 0,
            prices: [0; 2],
            _directory: directory,
        };
        shop.furnish();
        shop
    }

    fn furnish(&mut self) {
        self.system("key", vec![Effect::GatewayKey { public_key: self.sealer.key.spki() }]);
        for at in 0..self.keys.len() {
            let key = &self.keys[at];
            let terminal = Effect::Terminal {
                terminal: name(at),
                generation: 1,
                status: TerminalStatus::Active,
                role: Role::Register,
                algorithm: key.algorithm().number(),
                public_key: key.spki(),
                merchant: "M001".into(),
                store: "S001".into(),
                limits: Limits { load: 500_000, purchase: 500_000, refund: 500_000 },
            };
            self.system(&name(at), vec![terminal]);
        }
        for card in self.cards.clone() {
            let issued = Card::issued(card, "standard", &PROOF);
            let amount = 1_000_000_000_000;
            let lot = Account::Card { card, lot: 1, expires: None, source: self.index + 1 };
            let effects = vec![
                Effect::Card {
                    card,
                    status: CardStatus::Active,
                    product: issued.product,
                    proof: PROOF,
                    reason: None,
                    expires: None,
                    holder: None,
                    account: None,
                    own_limits: issued.own_limits,
                },
                Effect::Posting(Posting { account: lot, kind: Kind::PRINCIPAL, amount }),
                Effect::Posting(Posting { account: clearing("S001", 1), kind: Kind::MONEY, amount: -amount }),
            ];
            self.system(&card.0.to_string(), effects);
        }
        self.seal();
    }

    pub(super) fn installation(&self) -> Installation {
        self.sealer.installation
    }

    pub(super) fn last_index(&self) -> u64 {
        self.head.index
    }

    pub(super) fn groups(&self) -> u64 {
        self.head.group
    }

    /// Nanoseconds of one verification, by the name of its algorithm.
    pub(super) fn price_of_a_verification(&mut self) -> [(&'static str, u64); 2] {
        let message = [7; 300];
        for (at, key) in self.keys.iter().take(2).enumerate() {
            let (public, signature) = (PublicKey::from_spki(&key.spki()).expect("a key"), key.sign(&message));
            let rounds = 300;
            let (sound, ns, _) = measured(|| (0..rounds).all(|_| public.verify(&message, &signature)));
            assert!(sound);
            self.prices[at] = ns / rounds;
        }
        [("ES256", self.prices[0]), ("Ed25519", self.prices[1])]
    }

    /// What so many registers' signatures and seals cost to verify.
    pub(super) fn signatures_price(&self, signatures: u64, seals: u64) -> u64 {
        (self.prices[0] + self.prices[1]) * signatures / 2 + self.prices[0] * seals
    }

    /// Sells so many times; the nanoseconds that each step has worked for all of it.
    pub(super) fn trade(&mut self, entries: u64) -> [(&'static str, u64); 5] {
        let mut ns = [0; 5];
        for at in 0..entries {
            let place = |at: u64| usize::try_from(at).expect("a place");
            let (terminal, card) = (place(at % TERMINALS), self.cards[place(at * 7 % CARDS)]);
            let stan = u32::try_from(at / TERMINALS + 1).expect("a STAN");
            let amount = i64::try_from(at % 9_000 + 100).expect("an amount");
            let (signed, request_id) = self.signed(terminal, stan, card, amount);
            let request = request(terminal, stan, card, amount, request_id);
            let (mut decision, worked, _) = measured(|| self.decide(&request));
            ns[0] += worked;
            let (_, worked, _) = measured(|| self.apply(&mut decision.effects));
            ns[1] += worked;
            let identity = Identity { terminal: name(terminal), generation: 1, stan };
            let answer = answer(stan, card, amount, self.index + 1);
            let origin = Origin::Terminal { message: MessageType::PURCHASE.0, signed };
            let (_, worked, _) =
                measured(|| self.enter(origin, Some(identity), request_id, Some(&answer), decision.effects));
            ns[2] += worked;
            if self.group.len() == GROUP {
                let (sealed, commit) = self.seal();
                ns[3] += sealed;
                ns[4] += commit;
            }
        }
        let (sealed, commit) = self.seal();
        [
            ("decide", ns[0]),
            ("apply, versions and state hashes", ns[1]),
            ("encode and hash", ns[2]),
            ("its share of a seal", ns[3] + sealed),
            ("its share of a commit, nothing synced", ns[4] + commit),
        ]
    }

    fn signed(&self, terminal: usize, stan: u32, card: CardReference, amount: i64) -> (Vec<u8>, [u8; 32]) {
        let key = &self.keys[terminal];
        let header = Header::value(
            name(terminal).parse().expect("a terminal"),
            Generation::FIRST,
            Stan::new(stan).expect("a STAN"),
            KeyId([1, 2, 3, 4]),
            TerminalTime::new(NOW.s().unsigned_abs(), 480).expect("a time"),
        );
        let body = Body::Purchase {
            card: card.0.to_string().parse().expect("a card"),
            amount: AmountMinor::new(amount).expect("an amount"),
            tenders: None,
            lines: None,
            points: None,
        };
        let wire = Wire { header: Header { currency: Currency::new(156), ..header }, body };
        let context = Context::Request(wire.kind());
        let sign = sign(context, key.algorithm(), &self.installation(), &wire.encode_payload(), |message| {
            Ok::<_, ()>(key.sign(message))
        });
        let signed = sign.expect("a signature");
        (signed.body, sha256(&[&signed.to_be_signed]))
    }

    fn decide(&self, request: &Request) -> Decision {
        let facts = Facts {
            state: &self.state,
            programme: &self.programme,
            pricing: &self.programme,
            index: self.index + 1,
            original: None,
            entries: &[],
            quoted: None,
            birthday: None,
        };
        let decision =
            decide(facts, &self.state.terminals[&request.terminal], request, NOW).expect("no fault");
        assert!(decision.is_approved(), "{:?}", decision.verdict);
        decision
    }

    /// Applies effects, and adds the versions of the cards and accounts that they touched.
    fn apply(&mut self, effects: &mut Vec<Effect>) {
        let mut subjects: Vec<Subject> = Vec::new();
        for effect in effects.iter() {
            self.state.apply(effect).expect("an effect that fits");
            let subject = match State::touched_by(effect) {
                Touched::Card(card) => Subject::Card(card),
                Touched::Account(name) => Subject::Named(name),
                _ => continue,
            };
            if !subjects.contains(&subject) {
                subjects.push(subject);
            }
        }
        for subject in subjects {
            let version = 1 + match &subject {
                Subject::Card(card) => self.state.cards[card].version,
                Subject::Named(name) => self.state.accounts[name].version,
            };
            let unhashed = Effect::Version { subject: subject.clone(), version, state_hash: [0; 16] };
            self.state.apply(&unhashed).expect("a version that fits");
            let state_hash = subject_hash(&self.state, &subject);
            effects.push(Effect::Version { subject, version, state_hash });
        }
    }

    fn system(&mut self, key: &str, mut effects: Vec<Effect>) {
        self.apply(&mut effects);
        let origin = Origin::System { name: Origin::GENESIS.into(), key: key.into() };
        let id = request_id(&origin, &self.installation()).expect("an id");
        self.enter(origin, None, id, None, effects);
    }

    fn enter(
        &mut self,
        origin: Origin,
        identity: Option<Identity>,
        request_id: [u8; 32],
        answer: Option<&[u8]>,
        effects: Vec<Effect>,
    ) {
        self.index += 1;
        let details = Details {
            chain: CHAIN,
            epoch: 1,
            index: self.index,
            time_ms: NOW.ms,
            business_date: NOW.business_date,
            merchant: "M001".into(),
            store: "S001".into(),
            currency: (156, 2),
            programme_version: 1,
            quoted_ms: None,
            effects,
        };
        let details = details.encode();
        let record = encode_parts(&origin, answer, &details);
        let leaf = leaf_of(request_id, answer_hash(answer), sha256(&[&details]));
        self.group.push(Row { index: self.index, group: self.head.group + 1, identity, leaf, record });
    }

    /// Seals and commits what was entered since the last time; the nanoseconds of each.
    fn seal(&mut self) -> (u64, u64) {
        let rows = std::mem::take(&mut self.group);
        if rows.is_empty() {
            return (0, 0);
        }
        let leaves: Vec<_> = rows.iter().map(|row| row.leaf).collect();
        let (sealed, sealing, _) = measured(|| self.sealer.seal(&self.head, &leaves, NOW.ms));
        let (first_index, last_index) = (self.head.index + 1, sealed.head.index);
        let row = SealRow { group: sealed.head.group, first_index, last_index, seal: sealed.bytes };
        let (done, commit, _) = measured(|| self.storage.commit_group(&rows, &row));
        done.expect("a commit");
        self.head = sealed.head;
        (sealing, commit)
    }
}

fn name(at: usize) -> String {
    format!("T{at:04}")
}

fn request(terminal: usize, stan: u32, card: CardReference, amount: i64, request_id: [u8; 32]) -> Request {
    let claim = CardClaim { card, proof: Some(PROOF) };
    Request {
        request_id,
        terminal: name(terminal),
        generation: 1,
        stan,
        shift: Some(1),
        cashier: None,
        supervisor: None,
        channel: None,
        holder: None,
        pins: Pins::default(),
        currency: 156,
        quote: None,
        prices: false,
        sold: Vec::new(),
        reason: None,
        command: Command::Purchase { claim, amount, partial_allowed: false, points: None, lines: Vec::new() },
    }
}

fn answer(stan: u32, card: CardReference, amount: i64, index: u64) -> Vec<u8> {
    let time = UnixSeconds::new(NOW.s()).expect("a time");
    let answer = Answer {
        stan: Stan::new(stan),
        reference: Some(index),
        programme_version: Some(1),
        card: card.0.to_string().parse().ok(),
        approved_amount: TotalMinor::new(amount),
        ..Answer::new(MessageType::PURCHASE, ResponseCode::APPROVED, time)
    };
    answer.encode()
}
