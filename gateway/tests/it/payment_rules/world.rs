//! The rules at work for the payment model: four cards, one for each spend order; two registers in two stores and a kiosk
//! of one merchant, and a register of another merchant; a journal of what was decided.

use std::collections::BTreeMap;

use gateway::domain::act::{Act, Drawn, Place, decide_act};
use gateway::domain::decision::{Notes, Reason};
use gateway::domain::request::{CardClaim, message};
use gateway::domain::{
    Card, CardReference, Command, Decision, Effect, Facts, Fault, Kind, Named, Now, Original, Programme,
    Request, Role, State, Terminal, decide, expire,
};
use gateway::{programme_file, translate};

use crate::bench::{apply, entry, register};

pub(super) const CARDS: usize = 4;
/// Name, merchant and store. The other merchant's store has the same name as the first one's.
pub(super) const TILLS: [(&str, &str, &str); 4] =
    [("R1", "M", "S1"), ("R2", "M", "S2"), ("X1", "N", "S1"), ("K1", "M", "S1")];
pub(super) const KIOSK: usize = 3;
pub(super) const OTHER_MERCHANT: usize = 2;
/// Most that any terminal may do at once, and most that a card may hold, in minor units.
pub(super) const MOST: i64 = 2_000_00;
/// A morning in the shop's zone.
pub(super) const START_S: i64 = 1_790_000_000;

pub(super) const HOLD_HOURS: [i64; CARDS] = [48, 1000, 48, 1000];
pub(super) const GRACE_DAYS: [i64; CARDS] = [10, 1, 10, 10];

/// Most that can be cashed out in one go, minor units.
pub(super) const UNLOAD: [Option<i64>; CARDS] = [Some(2_000_00), None, Some(300_00), Some(2_000_00)];
/// Whose points pay.
pub(super) const PAY_WITH_POINTS: [bool; CARDS] = [true, true, false, true];
/// So many points pay so many minor units, rounded down.
pub(super) const POINTS_PAY: (i64, i64) = (3, 50);
pub(super) const POINTS_FEWEST_AND_STEP: (i64, i64) = (4, 2);
/// Most of an amount that points pay, percent.
pub(super) const POINTS_MOST: i64 = 75;

/// What joining, an activity and redemption give, and what every member is entitled to.
const CATALOGUE: &str = "
[membership]
joining = \"free\"
gift = { rule = \"welcome\", points = 3 }
[[activity]]
code = \"visit\"
rule = \"visit\"
points = 4
[points.other]
kind = 17
name = \"Other\"
[[catalogue]]
item = \"mug\"
name = \"Mug\"
points = 10
gives = \"gift\"
pieces = 3
[[catalogue]]
item = \"red\"
name = \"Money\"
points = 10
bonus = \"1.00\"
[[catalogue]]
item = \"there\"
name = \"Other points\"
points = 10
converts_to = { points = 1, of = \"other\" }
[[catalogue]]
item = \"back\"
name = \"Points\"
points = 1
of = \"other\"
converts_to = { points = 20 }
[[entitlement]]
entitlement = \"parking\"
name = \"Parking\"
uses = [{ per_month = 3 }]
";

/// Loads from 100.00 get 5.00, from 300.00 20.00; each full 3.00 paid earn 2 points. Bonus lasts a month, points two,
/// principal three months or for ever.
fn programme(principal_ends: bool) -> Programme {
    let orders = ["principal-first", "bonus-first", "pro-rata", "soonest-expiry"];
    let mut document = String::from(
        "[programme]\nname = \"Payments\"\ncurrency = \"CNY\"\nzone = \"Asia/Shanghai\"\ncutover = \"04:00\"\n",
    );
    for (card, order) in orders.iter().enumerate() {
        let (hours, days) = (HOLD_HOURS[card], GRACE_DAYS[card]);
        document += &format!(
            "[product.p{card}]\nname = \"Card\"\nmin_load = \"1.00\"\nmax_load = \"2000.00\"\n\
             max_balance = \"2000.00\"\nmax_transfer = \"2000.00\"\noffline = true\nspend = \"{order}\"\nhold_hours = {hours}\nrefund_grace_days = {days}\n"
        );
        if let Some(most) = UNLOAD[card] {
            document += &format!("max_unload = \"{}.00\"\n", most / 100);
        }
    }
    document += "[[load_bonus]]\nrule = \"steps\"\n\
                 steps = [{ from = \"100.00\", bonus = \"5.00\" }, { from = \"300.00\", bonus = \"20.00\" }]\n\
                 [[purchase_points]]\nrule = \"spend\"\nper = \"3.00\"\ngives = 2\n\
                 [expiry]\nbonus_months = 1\npoints_months = 2\n";
    let ((points, pays), (fewest, step)) = (POINTS_PAY, POINTS_FEWEST_AND_STEP);
    let products: Vec<String> =
        (0..CARDS).filter(|card| PAY_WITH_POINTS[*card]).map(|card| format!("\"p{card}\"")).collect();
    let products = products.join(", ");
    let payment = format!(
        "[points_payment]\nrule = \"points\"\npoints = {points}\npays = \"0.{pays}\"\nminimum = {fewest}\n\
         step = {step}\nmax_percent = {POINTS_MOST}\nproducts = [{products}]\n"
    );
    if principal_ends {
        document += "principal_months = 3\n";
    }
    document += &payment;
    document += CATALOGUE;
    document += "[[load_bonus]]\nrule = \"once\"\nof = \"other\"\nsteps = [{ from = \"1.00\", bonus = 1 }]\n\
                 when = { customer = \"person\" }\nmost = { times = 1 }\n";
    programme_file::parse(&document).expect("a programme")
}

/// What the answer says: code, key 10, key 15.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) code: u8,
    pub(super) amount: Option<i64>,
    pub(super) state: Option<u8>,
}

/// A request that was signed, and what the journal has of it if it arrived.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) till: usize,
    pub(super) stan: u32,
    pub(super) id: [u8; 32],
    pub(super) message: u8,
    pub(super) entry: Option<Original>,
    /// Points that it gave, by its explanation.
    pub(super) earned: i64,
    /// Points that paid, and what they paid, by its explanation.
    pub(super) used: (i64, i64),
    pub(super) said: Option<Said>,
}

pub(super) struct World {
    pub(super) now: Now,
    pub(super) state: State,
    programme: Programme,
    pub(super) index: u64,
    pub(super) asked: Vec<Asked>,
    last_stan: [u32; TILLS.len()],
}

pub(super) fn reference(card: usize) -> CardReference {
    CardReference(9_000_000_000_000_000 + card as u64)
}

fn proof(card: usize) -> [u8; 32] {
    [u8::try_from(card).expect("few cards") + 1; 32]
}

pub(super) fn claim(card: usize) -> CardClaim {
    CardClaim { card: reference(card), proof: Some(proof(card)) }
}

impl World {
    pub(super) fn new(principal_ends: bool) -> Self {
        let mut state = State::default();
        for card in 0..CARDS {
            let issued = Card::issued(reference(card), &format!("p{card}"), &proof(card));
            state.cards.insert(reference(card), issued);
        }
        for (till, (name, merchant, store)) in TILLS.iter().enumerate() {
            let terminal = Terminal {
                role: if till == KIOSK { Role::Kiosk } else { Role::Register },
                merchant: (*merchant).into(),
                store: (*store).into(),
                ..register(name, MOST)
            };
            state.terminals.insert((*name).into(), terminal);
        }
        let programme = programme(principal_ends);
        let ms = START_S * 1000;
        let now = Now { ms, business_date: programme.business_date(ms).expect("a date"), certain: true };
        Self { now, state, programme, index: 1, asked: Vec::new(), last_stan: Default::default() }
    }

    pub(super) fn card(&self, card: usize) -> &Card {
        &self.state.cards[&reference(card)]
    }

    pub(super) fn wait(&mut self, seconds: i64) {
        self.now.ms += seconds * 1000;
        self.now.business_date = self.programme.business_date(self.now.ms).expect("a date");
    }

    /// Takes the next STAN of a till and signs something that is not sent.
    pub(super) fn sign(&mut self, till: usize, message: u8) -> usize {
        self.last_stan[till] += 1;
        let mut id = [0; 32];
        id[..8].copy_from_slice(&(self.asked.len() as u64 + 1).to_be_bytes());
        let stan = self.last_stan[till];
        self.asked.push(Asked { till, stan, id, message, entry: None, earned: 0, used: (0, 0), said: None });
        self.asked.len() - 1
    }

    pub(super) fn named(&self, request: usize) -> Named {
        let asked = &self.asked[request];
        Named { terminal: TILLS[asked.till].0.into(), generation: 1, stan: asked.stan, request_id: asked.id }
    }

    /// Signs and sends.
    pub(super) fn ask(&mut self, till: usize, shift: Option<u32>, command: Command) -> Result<Said, Fault> {
        let request = self.sign(till, command.message());
        self.send(request, shift, command)
    }

    /// Sends what was signed before.
    pub(super) fn send(
        &mut self,
        request: usize,
        shift: Option<u32>,
        command: Command,
    ) -> Result<Said, Fault> {
        let Asked { till, stan, id, message, .. } = self.asked[request];
        let original = command.original().and_then(|named| self.journalled(named));
        let loads = if message == message::UNLOAD { self.loads() } else { Vec::new() };
        let terminal = self.state.terminals[TILLS[till].0].clone();
        let wire = Request {
            cashier: None,
            supervisor: None,
            channel: None,
            holder: None,
            pins: gateway::domain::Pins::default(),
            request_id: id,
            terminal: TILLS[till].0.into(),
            generation: 1,
            stan,
            shift,
            currency: 156,
            command,
            quote: None,
            prices: false,
            sold: Vec::new(),
            reason: Some(4),
        };
        self.index += 1;
        let facts = Facts {
            state: &self.state,
            programme: &self.programme,
            pricing: &self.programme,
            index: self.index,
            original: original.map(|at| self.asked[at].entry.as_ref().expect("it arrived")),
            entries: &loads,
            quoted: None,
            birthday: None,
        };
        let decision = decide(facts, &terminal, &wire, self.now)?;
        self.apply(&decision.effects)?;
        let said = said(&decision);
        let asked = &mut self.asked[request];
        let gave = |reason: &&Reason| reason.kind == Kind::POINTS && reason.notes.0 < Notes::TAKEN_BACK.0;
        for reason in decision.explanation.iter().filter(gave) {
            if reason.result > 0 {
                asked.earned += reason.result;
            } else {
                asked.used = (-reason.result, reason.base);
            }
        }
        asked.said = Some(said);
        asked.entry = Some(entry(self.index, &wire, &terminal, self.now, &decision));
        Ok(said)
    }

    /// The same bytes once more: what the gateway keeps of them under their identity, and what has become of it since. `None`
    /// when nothing is kept: then they are decided now.
    pub(super) fn repeat(&self, request: usize) -> Option<(Said, u8)> {
        let asked = &self.asked[self.journalled(&self.named(request))?];
        let said = asked.said.filter(|_| asked.id == self.asked[request].id)?;
        let decided = translate::state_when_decided(protocol::code::ResponseCode(said.code));
        let index = asked.entry.as_ref()?.index;
        let state = self.state.transactions.get(&index).map_or(decided, |fate| fate.state);
        Some((said, state as u8))
    }

    /// Every load, in no order that means anything.
    fn loads(&self) -> Vec<Original> {
        let entries = self.asked.iter().filter_map(|asked| asked.entry.as_ref());
        entries.filter(|entry| entry.message == message::LOAD).cloned().collect()
    }

    /// The request that arrived under the identity that is named.
    fn journalled(&self, named: &Named) -> Option<usize> {
        self.asked.iter().position(|asked| {
            asked.stan == named.stan && asked.entry.is_some() && TILLS[asked.till].0 == named.terminal
        })
    }

    fn apply(&mut self, effects: &[Effect]) -> Result<(), Fault> {
        apply(&mut self.state, effects)
    }

    /// Books what has ended on a card, as a sweep does.
    pub(super) fn sweep(&mut self, card: usize) -> Result<(), Fault> {
        let (_, effects) = expire(self.card(card), &self.programme, self.index, self.now)?;
        if !effects.is_empty() {
            self.index += 1;
            self.apply(&effects)?;
        }
        Ok(())
    }

    /// An operator blocks or unblocks a card; whether that was possible.
    pub(super) fn block(&mut self, card: usize, block: bool) -> bool {
        let card = reference(card);
        self.acts(&if block {
            Act::CardBlock { card, reason: "lost".into() }
        } else {
            Act::CardUnblock { card }
        })
    }

    /// Two operators give points, or take them; whether that was possible.
    pub(super) fn adjust(&mut self, card: usize, points: i64) -> bool {
        let (card, kind, reason) = (reference(card), Kind::POINTS, "a mistake".into());
        self.acts(&Act::CardAdjust { card, kind, points, reason })
    }

    fn acts(&mut self, act: &Act) -> bool {
        let place = Place { merchant: "M", store: "S", index: self.index + 1, about: None };
        let Ok(effects) = decide_act(&self.state, &self.programme, act, Drawn::default(), place, self.now)
        else {
            return false;
        };
        self.index += 1;
        self.apply(&effects).expect("every effect fits");
        true
    }

    /// Closes a shift with the till's true totals.
    pub(super) fn close(&mut self, till: usize, shift: u32) -> Result<Said, Fault> {
        let totals = self.totals(till, shift).1;
        self.ask(till, Some(shift), Command::Reconciliation { totals })
    }

    /// Whether a shift is closed, and its totals.
    pub(super) fn totals(&self, till: usize, shift: u32) -> (bool, Vec<(u8, i64, i64)>) {
        let held = self.state.shifts.get(&(TILLS[till].0.to_owned(), 1, shift));
        held.map_or((false, Vec::new()), |held| (held.closed, held.totals.clone()))
    }

    /// Named accounts: money and points.
    pub(super) fn accounts(&self) -> BTreeMap<&str, (i64, i64)> {
        let each = self.state.accounts.iter();
        each.map(|(name, held)| (name.as_str(), (held.balance(Kind::MONEY), held.balance(Kind::POINTS))))
            .filter(|(_, sums)| *sums != (0, 0))
            .collect()
    }

    /// True when the request is one of these messages and was approved.
    pub(super) fn is_approved(&self, request: usize, messages: &[u8]) -> bool {
        let asked = &self.asked[request];
        messages.contains(&asked.message) && asked.said.is_some_and(|said| matches!(said.code, 0 | 10))
    }

    pub(super) fn card_of(&self, request: usize) -> Option<usize> {
        let card = self.asked[request].entry.as_ref()?.card?;
        (0..CARDS).find(|known| reference(*known) == card)
    }
}

fn said(decision: &Decision) -> Said {
    Said {
        code: translate::code(decision.verdict).0,
        amount: decision.amount,
        state: decision.original_state.map(|state| state as u8),
    }
}

/// Messages that a person can take back.
pub(super) const PAYMENTS: [u8; 6] = [
    message::LOAD,
    message::PURCHASE,
    message::CAPTURE,
    message::REFUND,
    message::AUTHORIZE,
    message::UNLOAD,
];
