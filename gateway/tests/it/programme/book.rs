//! One register, one store and a few members' cards, on paper: what is asked is decided, applied and kept.

use std::collections::BTreeSet;

use gateway::domain::act::{Act, Drawn, Place, decide_act};
use gateway::domain::decision::{Notes, Reason};
use gateway::domain::follow::follow;
use gateway::domain::purchase::Asked;
use gateway::domain::request::{CardClaim, Sold};
use gateway::domain::{
    Born, Card, CardReference, CardStatus, Command, Decision, Facts, Kind, Named, Now, Original, Pins,
    Programme, Request, State, decide, expire, purchase_quote, quote,
};
use gateway::{programme_file, translate};

use crate::bench::{apply, entry, register};

const PROOF: [u8; 32] = [7; 32];
/// 1 March 2027, noon in Shanghai: a Monday.
pub(super) const START_S: i64 = 1_803_873_600;
pub(super) const DAY: i64 = 24 * 3600;
/// Entries of the system's own have numbers of their own.
const OWN: u64 = 1_000_000_000;

pub(super) struct Book {
    pub(super) state: State,
    pub(super) programme: Programme,
    pub(super) now: Now,
    pub(super) birthday: Option<(u8, u8)>,
    /// Of the birthday; 0 when it is not known.
    pub(super) born_in: u16,
    pub(super) channel: Option<String>,
    /// The till asks for the programme's prices.
    pub(super) prices: bool,
    entries: Vec<Original>,
    /// How many entries of the system's own there are.
    own: u64,
}

/// A programme with one product whose cards hold a lot.
pub(super) fn read(rules: &str) -> Programme {
    let document = format!(
        "[programme]\nname = \"P\"\ncurrency = \"CNY\"\nzone = \"Asia/Shanghai\"\ncutover = \"04:00\"\n\
         [product.p]\nname = \"Card\"\nmin_load = \"0.01\"\nmax_load = \"9000000.00\"\n\
         max_balance = \"9000000.00\"\nreturn_days = 7\nmax_unload = \"9000000.00\"\n{rules}\n\
         [[tier]]\nkey = \"gold\"\nname = \"Gold\"\nany = [{{ referrals = 1000 }}]\n"
    );
    programme_file::parse(&document).unwrap_or_else(|problems| panic!("{problems:?}\n{document}"))
}

impl Book {
    pub(super) fn new(rules: &str) -> Self {
        Self::of(read(rules), ["p"; 2])
    }

    /// Under any programme, with a card of each of these products.
    pub(super) fn of<'a>(programme: Programme, products: impl IntoIterator<Item = &'a str>) -> Self {
        let mut state = State::default();
        for (product, card) in products.into_iter().zip(0..) {
            let card = Card::issued(reference(card), product, &PROOF);
            state.cards.insert(card.reference, Card { status: CardStatus::Active, ..card });
        }
        state.terminals.insert("R1".into(), register("R1", 999_999_999_999));
        let now = Now { ms: 0, business_date: 0, certain: true };
        let (birthday, born_in, channel, prices) = (None, 0, None, false);
        let entries = Vec::new();
        let mut book = Self { state, programme, now, birthday, born_in, channel, prices, entries, own: 0 };
        book.clock(START_S);
        book
    }

    /// Lets it be another second.
    pub(super) fn clock(&mut self, s: i64) {
        let business_date = self.programme.business_date(s * 1000).expect("a date");
        self.now = Now { ms: s * 1000, business_date, ..self.now };
    }

    fn facts<'a>(&'a self, original: Option<&'a Original>, entries: &'a [Original]) -> Facts<'a> {
        Facts {
            state: &self.state,
            programme: &self.programme,
            pricing: &self.programme,
            index: self.entries.len() as u64 + 1,
            original,
            entries,
            quoted: None,
            birthday: self.birthday.map(|(month, day)| Born { year: self.born_in, month, day }),
        }
    }

    pub(super) fn ask(&mut self, command: Command, sold: Vec<Sold>) -> Decision {
        let stan = u32::try_from(self.entries.len() + 1).expect("few");
        let named = command.original().map(|named| named.stan as usize - 1);
        let merged = self.state.cards.values().any(|card| card.successor.is_some());
        let followed: Option<Vec<Original>> =
            merged.then(|| self.entries.iter().map(|entry| entry.clone().followed(&self.state)).collect());
        let entries = followed.as_ref().unwrap_or(&self.entries);
        let original = named.map(|at| entries[at].clone());
        let mut request_id = [0; 32];
        request_id[..4].copy_from_slice(&stan.to_be_bytes());
        let request = Request {
            request_id,
            terminal: "R1".into(),
            generation: 1,
            stan,
            shift: None,
            cashier: None,
            supervisor: None,
            channel: self.channel.clone(),
            holder: None,
            pins: Pins::default(),
            currency: 156,
            quote: None,
            prices: self.prices,
            sold,
            reason: Some(4),
            command,
        };
        let terminal = self.state.terminals["R1"].clone();
        let decided = decide(self.facts(original.as_ref(), entries), &terminal, &request, self.now);
        let decision = decided.expect("it can be decided");
        apply(&mut self.state, &decision.effects).expect("every effect fits");
        self.entries.push(entry(u64::from(stan), &request, &terminal, self.now, &decision));
        decision
    }

    /// A card goes into another one, if that may be.
    pub(super) fn merge(&mut self, card: u64, into: u64) -> bool {
        self.own += 1;
        let (card, into) = (reference(card), reference(into));
        let act = Act::CardMerge { card, into, reason: "two".into() };
        let place = Place { merchant: "M", store: "S", index: OWN + self.own, about: None };
        let decided = decide_act(&self.state, &self.programme, &act, Drawn::default(), place, self.now);
        let Ok(effects) = decided else { return false };
        apply(&mut self.state, &effects).expect("every effect fits");
        true
    }

    /// Books what follows for a member by now.
    pub(super) fn follow(&mut self, card: CardReference) {
        self.own += 1;
        let at = (OWN + self.own, self.now);
        let effects = follow(&self.state, &self.programme, card, at).expect("no fault");
        apply(&mut self.state, &effects).expect("every effect fits");
    }

    /// Books what is due by now, of every card.
    pub(super) fn sweep(&mut self) {
        let cards: BTreeSet<CardReference> = self.state.cards.keys().copied().collect();
        for card in cards {
            let held = &self.state.cards[&card];
            if held.due().is_some_and(|due| due <= self.now.s()) {
                self.own += 1;
                let booked = expire(held, &self.programme, OWN + self.own, self.now);
                let effects = booked.expect("no fault").1;
                apply(&mut self.state, &effects).expect("every effect fits");
            }
            self.follow(card);
        }
    }

    /// The tier that a card's member holds.
    pub(super) fn tier(&self, card: u64) -> Option<&str> {
        let member = self.state.members.get(&reference(card))?;
        member.standing.tier.as_ref().map(|held| held.tier.as_str())
    }

    /// What a till would be told before a load or a purchase.
    pub(super) fn quoted(&self, command: &Command, sold: Vec<Sold>) -> Option<Promise> {
        let (terminal, facts) = (&self.state.terminals["R1"], self.facts(None, &[]));
        let (claim, told) = match command {
            Command::Load { claim, amount, .. } => {
                let quoted = quote(facts, terminal, claim, 156, *amount, self.now);
                (claim, quoted.expect("it can be decided").decision)
            }
            Command::Purchase { claim, amount, partial_allowed: true, points, .. } => {
                let (amount, points, prices) = (*amount, *points, self.prices);
                let asked = Asked { currency: 156, amount, points, prices, sold };
                let quoted = purchase_quote(facts, terminal, claim, asked, self.now);
                (claim, quoted.expect("it can be decided"))
            }
            _ => return None,
        };
        Some(Promise { card: claim.card, told })
    }

    fn approved(&mut self, command: Command, sold: Vec<Sold>) -> (usize, Decision) {
        let decision = self.ask(command, sold);
        assert_eq!(translate::code(decision.verdict).0, 0, "{:?}", decision.verdict);
        (self.entries.len() - 1, decision)
    }

    pub(super) fn load(&mut self, card: u64, amount: i64) -> (usize, Decision) {
        self.approved(Command::Load { claim: claim(card), amount, tenders: vec![(1, amount)] }, Vec::new())
    }

    pub(super) fn sale(&mut self, card: u64, amount: i64) -> (usize, Decision) {
        self.sale_of(card, amount, Vec::new())
    }

    pub(super) fn sale_of(&mut self, card: u64, amount: i64, sold: Vec<Sold>) -> (usize, Decision) {
        let claim = claim(card);
        let lines = Vec::new();
        self.approved(Command::Purchase { claim, amount, partial_allowed: true, points: None, lines }, sold)
    }

    pub(super) fn named(&self, at: usize) -> Named {
        let stan = u32::try_from(at + 1).expect("few");
        Named { terminal: "R1".into(), generation: 1, stan, request_id: self.entries[at].request_id }
    }

    pub(super) fn refund(&mut self, at: usize, amount: i64) -> (usize, Decision) {
        let original = self.named(at);
        self.approved(Command::Refund { original, amount, lines: Vec::new() }, Vec::new())
    }

    pub(super) fn reverse(&mut self, at: usize) -> (usize, Decision) {
        let original = self.named(at);
        self.approved(Command::Reversal { original }, Vec::new())
    }

    pub(super) fn unload(&mut self, card: u64, amount: i64) -> (usize, Decision) {
        self.approved(Command::Unload { claim: claim(card), amount }, Vec::new())
    }

    /// How many requests were decided.
    pub(super) fn entries(&self) -> usize {
        self.entries.len()
    }

    /// The cards that one of them was about.
    pub(super) fn cards_of(&self, at: usize) -> BTreeSet<CardReference> {
        self.entries[at].cards()
    }

    pub(super) fn message(&self, at: usize) -> u8 {
        self.entries[at].message
    }

    pub(super) fn refundable(&self, at: usize) -> i64 {
        self.entries[at].refundable()
    }

    /// How much more must be loaded, and what is given then.
    pub(super) fn next_step(&self, card: u64, amount: i64) -> Option<(i64, i64)> {
        let terminal = &self.state.terminals["R1"];
        let quoted = quote(self.facts(None, &[]), terminal, &claim(card), 156, amount, self.now);
        quoted.expect("it can be decided").next_step
    }

    pub(super) fn has(&self, card: u64, kind: u8) -> i64 {
        self.state.cards[&reference(card)].available(Kind(kind), self.now.s())
    }

    pub(super) fn owes(&self, card: u64, kind: u8) -> i64 {
        self.state.cards[&reference(card)].points_debt(Kind(kind))
    }

    /// A member's counter for ever.
    pub(super) fn counter(&self, card: u64, name: &str) -> i64 {
        let member = self.state.members.get(&reference(card));
        member.and_then(|member| member.counters.get(&(name.to_owned(), 0))).copied().unwrap_or(0)
    }

    /// Nothing is counted of anybody.
    pub(super) fn counts_nothing(&self) -> bool {
        self.state.counters.values().all(|counted| *counted == 0)
            && self.state.members.values().all(|member| member.counters.is_empty())
    }
}

/// What a quote said.
pub(super) struct Promise {
    card: CardReference,
    told: Decision,
}

impl Promise {
    /// The transaction that follows at once does exactly this. (That it reaches a tier is told by its own answer.)
    pub(super) fn is_kept_by(&self, done: &Decision) {
        let changes = |decision: &Decision| translate::changes(&[self.card], &decision.effects);
        let lines = |decision: &Decision| -> Vec<Reason> {
            let all = decision.explanation.iter().filter(|line| !line.notes.has(Notes::TIER));
            all.cloned().collect()
        };
        assert_eq!(self.told.verdict, done.verdict);
        if !done.is_approved() {
            return;
        }
        assert_eq!((self.told.amount, self.told.discount), (done.amount, done.discount));
        assert_eq!(changes(&self.told), changes(done), "what was quoted, and what was done");
        assert_eq!(lines(&self.told), lines(done), "why it was quoted, and why it was done");
    }
}

pub(super) fn reference(card: u64) -> CardReference {
    CardReference(9_000_000_000_000_000 + card)
}

pub(super) fn claim(card: u64) -> CardClaim {
    CardClaim { card: reference(card), proof: Some(PROOF) }
}

/// Goods of a category: pieces and minor units.
pub(super) fn goods(item: &str, category: &str, pieces: i64, amount: i64) -> Sold {
    let brand = (category == "tea").then(|| "tea-house".to_owned());
    Sold { item: item.into(), category: category.into(), brand, quantity: pieces * 1000, amount }
}

/// (rule, rate, result) of each line of an explanation.
pub(super) fn lines(decision: &Decision) -> Vec<(&str, &str, i64)> {
    let own = decision.explanation.iter().filter(|line| line.other.is_none());
    own.map(|line| (line.rule.as_str(), line.rate.as_str(), line.result)).collect()
}
