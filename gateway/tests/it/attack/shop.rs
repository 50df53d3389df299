//! A shop with two registers and ten cards of one product, two of them in use.

use gateway::domain::act::{Act, Drawn, Place, decide_act};
use gateway::domain::refusal::Refusal;
use gateway::domain::request::CardClaim;
use gateway::domain::{
    Card, CardReference, Command, Decision, Effect, Facts, Fault, Named, Now, Original, Pins, Programme,
    Request, State, decide,
};
use gateway::{programme_file, translate};

use crate::bench::{apply, entry, register};

const START_S: i64 = 1_790_000_000;
const MOST: i64 = 10_000_00;
pub(super) const A: usize = 0;
pub(super) const B: usize = 1;
pub(super) const C: usize = 2;
pub(super) const D: usize = 3;
pub(super) const CARDS: usize = 10;

pub(super) struct Shop {
    pub(super) now: Now,
    pub(super) state: State,
    pub(super) programme: Programme,
    pub(super) index: u64,
    pub(super) entries: Vec<Original>,
    pub(super) at: At,
}

/// Where the next requests come from, and who stands there.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub(super) terminal: &'static str,
    pub(super) cashier: Option<&'static str>,
    /// Who allows it, and the hash of the PIN that came along.
    pub(super) supervisor: Option<(&'static str, [u8; 32])>,
    pub(super) holder: Option<[u8; 32]>,
}

/// The till that most is done at.
pub(super) const R1: At = At { terminal: "R1", cashier: None, supervisor: None, holder: None };

pub(super) fn reference(card: usize) -> CardReference {
    CardReference(9_000_000_000_000_000 + card as u64)
}

pub(super) fn claim(card: usize) -> CardClaim {
    CardClaim { card: reference(card), proof: Some([7; 32]) }
}

pub(super) fn read(more: &str) -> Programme {
    programme_file::parse(&document(more)).expect("a programme")
}

pub(super) fn document(more: &str) -> String {
    format!(
        "[programme]\nname = \"P\"\ncurrency = \"CNY\"\nzone = \"Asia/Shanghai\"\ncutover = \"04:00\"\n\
         [product.p]\nname = \"Card\"\nmin_load = \"1.00\"\nmax_load = \"2000.00\"\nmax_balance = \"2000.00\"\n\
         max_transfer = \"2000.00\"\n{more}\n"
    )
}

/// Ten cards of one product, two of them in use.
pub(super) fn shop(more: &str) -> Shop {
    let mut state = State::default();
    for card in 0..CARDS {
        state.cards.insert(reference(card), Card::issued(reference(card), "p", &[7; 32]));
    }
    for till in ["R1", "R2"] {
        state.terminals.insert(till.into(), register(till, MOST));
    }
    let programme = read(more);
    let ms = START_S * 1000;
    let now = Now { ms, business_date: programme.business_date(ms).expect("a date"), certain: true };
    let mut shop = Shop { now, state, programme, index: 0, entries: Vec::new(), at: R1 };
    for card in [A, B] {
        shop.ask(Command::Activate { claim: claim(card) }, 0);
    }
    shop
}

impl Shop {
    pub(super) fn named(&self, entry: usize) -> Named {
        let original = &self.entries[entry];
        Named {
            terminal: original.terminal.clone(),
            generation: 1,
            stan: u32::try_from(entry + 1).expect("few"),
            request_id: original.request_id,
        }
    }

    pub(super) fn attempt(&mut self, command: Command) -> Result<Decision, Fault> {
        let stan = u32::try_from(self.entries.len() + 1).expect("few");
        let mut request_id = [0; 32];
        request_id[..4].copy_from_slice(&stan.to_be_bytes());
        let named = command.original().map(|named| named.stan as usize - 1);
        let original = named.and_then(|at| self.entries.get(at)).cloned().map(|o| o.followed(&self.state));
        let request = Request {
            request_id,
            terminal: self.at.terminal.into(),
            generation: 1,
            stan,
            shift: None,
            cashier: self.at.cashier.map(Into::into),
            supervisor: self.at.supervisor.map(|(name, _)| name.into()),
            channel: None,
            holder: self.at.holder,
            pins: Pins {
                supervisor_given: self.at.supervisor.is_some(),
                supervisor: self.at.supervisor.map(|(_, hash)| hash),
                ..Pins::default()
            },
            currency: 156,
            command,
            quote: None,
            prices: false,
            sold: Vec::new(),
            reason: Some(4),
        };
        let terminal = self.state.terminals[self.at.terminal].clone();
        self.index += 1;
        let facts = Facts {
            state: &self.state,
            programme: &self.programme,
            pricing: &self.programme,
            index: self.index,
            original: original.as_ref(),
            entries: &[],
            quoted: None,
            birthday: None,
        };
        let decision = decide(facts, &terminal, &request, self.now)?;
        self.apply(&decision.effects)?;
        self.entries.push(entry(self.index, &request, &terminal, self.now, &decision));
        Ok(decision)
    }

    /// Asks, and says under which number that can be named.
    pub(super) fn ask(&mut self, command: Command, code: u8) -> usize {
        let decision = self.attempt(command).expect("it can be decided");
        assert_eq!(translate::code(decision.verdict).0, code, "{:?}", decision.verdict);
        self.entries.len() - 1
    }

    pub(super) fn apply(&mut self, effects: &[Effect]) -> Result<(), Fault> {
        apply(&mut self.state, effects)
    }

    /// An operator's act, if it is not refused.
    pub(super) fn try_act(&mut self, act: &Act) -> Result<(), Refusal> {
        let place = Place { merchant: "M", store: "S", index: self.index + 1, about: None };
        let effects = decide_act(&self.state, &self.programme, act, Drawn::default(), place, self.now)?;
        self.index += 1;
        self.apply(&effects).expect("every effect fits");
        Ok(())
    }

    pub(super) fn act(&mut self, act: &Act) {
        self.try_act(act).expect("it is done");
    }

    /// The same at another second.
    pub(super) fn clock(&mut self, s: i64) {
        let business_date = self.programme.business_date(s * 1000).expect("a date");
        self.now = Now { ms: s * 1000, business_date, ..self.now };
    }

    pub(super) fn void(&mut self, entry: usize, code: u8) -> usize {
        self.ask(Command::Void { original: self.named(entry) }, code)
    }

    pub(super) fn refund(&mut self, entry: usize, amount: i64, code: u8) -> usize {
        self.ask(Command::Refund { original: self.named(entry), amount, lines: Vec::new() }, code)
    }

    pub(super) fn replace(&mut self, card: usize, by: usize) {
        self.act(&Act::CardReplace { card: reference(card), by: reference(by), reason: "lost".into() });
    }

    pub(super) fn merge(&mut self, card: usize, into: usize) {
        self.act(&Act::CardMerge { card: reference(card), into: reference(into), reason: "two".into() });
    }

    pub(super) fn load(&mut self, card: usize, amount: i64) -> usize {
        self.ask(Command::Load { claim: claim(card), amount, tenders: vec![(1, amount)] }, 0)
    }

    pub(super) fn card(&self, card: usize) -> &Card {
        &self.state.cards[&reference(card)]
    }

    pub(super) fn money(&self) -> i64 {
        (0..CARDS).map(|card| self.card(card).worth(self.now.s())).sum()
    }
}

pub(super) fn purchase(card: usize, amount: i64) -> Command {
    Command::Purchase { claim: claim(card), amount, partial_allowed: false, points: None, lines: Vec::new() }
}

pub(super) fn authorize(card: usize, amount: i64) -> Command {
    Command::Authorize { claim: claim(card), amount, partial_allowed: false, raises: None }
}

pub(super) fn transfer(from: usize, to: usize, amount: i64) -> Command {
    Command::Transfer { claim: claim(from), to: reference(to), amount }
}
