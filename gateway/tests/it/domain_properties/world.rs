//! The rules at work: several cards, a register and a kiosk, and a journal of what was decided.

use gateway::domain::act::{Act, Drawn, Place, decide_act};
use gateway::domain::effect::TransactionState;
use gateway::domain::request::CardClaim;
use gateway::domain::{
    Card, CardReference, Command, Decision, Effect, Facts, Named, Now, Original, Programme, Request, Role,
    State, Terminal, decide,
};
use gateway::programme_file;

use super::ledger::{Said, Shifts};
use crate::bench::{apply, entry, register};

pub(super) const CARDS: usize = 3;
/// A register, and a kiosk.
pub(super) const TILLS: usize = 2;
pub(super) const NAMES: [&str; TILLS] = ["REGISTER", "KIOSK"];

const PROGRAMME: &str = r#"
[programme]
name = "Properties"
currency = "CNY"
zone = "Asia/Shanghai"
cutover = "04:00"
[product.standard]
name = "Card"
min_load = "1.00"
max_load = "MOST"
max_balance = "MOST"
[[load_bonus]]
rule = "steps"
steps = [{ from = "100.00", bonus = "5.00" }, { from = "300.00", bonus = "20.00" }]
[[purchase_points]]
rule = "spend"
per = "1.00"
gives = 1
[expiry]
bonus_months = 1
points_months = 2
"#;

/// What happens.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Activate {
        till: usize,
        card: usize,
        shift: u32,
    },
    Load {
        till: usize,
        card: usize,
        shift: u32,
        amount: i64,
        proven: bool,
    },
    Purchase {
        till: usize,
        card: usize,
        shift: u32,
        amount: i64,
        partial: bool,
        proven: bool,
    },
    /// Reverses what this till did so many requests ago.
    Reverse {
        till: usize,
        back: usize,
    },
    /// A purchase of 1.00 whose reversal comes first.
    ReverseFirst {
        till: usize,
        card: usize,
        shift: u32,
    },
    /// A reconciliation, with the till's true totals or with others.
    Close {
        till: usize,
        shift: u32,
        honest: bool,
    },
    Block {
        card: usize,
    },
    Unblock {
        card: usize,
    },
    /// Longer than any bonus or point lives; and what was done before is not reversed any more.
    MonthsPass,
}

pub(super) struct World {
    pub(super) now: Now,
    state: State,
    programme: Programme,
    index: u64,
    /// By till, everything that it has asked, in order.
    asked: [Vec<Original>; TILLS],
    /// Requests before this entry are too old to be reversed.
    era: u64,
}

pub(super) fn reference(card: usize) -> CardReference {
    CardReference(9_000_000_000_000_000 + card as u64)
}

fn claim(card: usize, proven: bool) -> CardClaim {
    let proof = u8::try_from(card).expect("few cards") + 1;
    CardClaim { card: reference(card), proof: Some([if proven { proof } else { 99 }; 32]) }
}

impl World {
    pub(super) fn new() -> Self {
        Self::with_limits(2_000_00)
    }

    /// With this as the largest load, balance, and purchase of a register.
    pub(super) fn with_limits(most: i64) -> Self {
        let document = PROGRAMME.replace("MOST", &format!("{}.{:02}", most / 100, most % 100));
        let programme = programme_file::parse(&document).expect("a programme");
        let mut state = State::default();
        for card in 0..CARDS {
            let proof = claim(card, true).proof.expect("a proof");
            state.cards.insert(reference(card), Card::issued(reference(card), "standard", &proof));
        }
        for (name, role) in NAMES.into_iter().zip([Role::Register, Role::Kiosk]) {
            let terminal = Terminal { role, ..register(name, most) };
            state.terminals.insert(name.into(), terminal);
        }
        let now = Now { ms: 1_790_000_000_000, business_date: 2026_09_21, certain: true };
        Self { now, state, programme, index: 1, asked: Default::default(), era: 0 }
    }

    pub(super) fn card(&self, card: usize) -> &Card {
        &self.state.cards[&reference(card)]
    }

    /// Every shift of which something is known.
    pub(super) fn shifts(&self) -> Shifts {
        let shifts = self
            .state
            .shifts
            .iter()
            .map(|((till, _, shift), held)| ((till.clone(), *shift), (held.closed, held.totals.clone())));
        shifts.filter(|(_, (closed, totals))| *closed || !totals.is_empty()).collect()
    }

    /// Money of all cards and accounts together, and points.
    pub(super) fn sums(&self) -> (i64, i64) {
        let lots = self.state.cards.values().flat_map(|card| &card.lots).map(|lot| (lot.kind, lot.amount));
        let named = self.state.accounts.values().flat_map(|account| account.balances.iter().copied());
        lots.chain(named).fold((0, 0), |(money, points), (kind, amount)| {
            if kind.is_money() { (money + amount, points) } else { (money, points + amount) }
        })
    }

    /// Takes a step, and says what came of it.
    pub(super) fn take(&mut self, step: &Step) -> Said {
        match *step {
            Step::Activate { till, card, shift } => {
                self.trade(till, shift, Command::Activate { claim: claim(card, true) })
            }
            Step::Load { till, card, shift, amount, proven } => {
                let tenders = vec![(1, amount / 2), (3, amount - amount / 2)];
                let tenders = tenders.into_iter().filter(|(_, part)| *part > 0).collect();
                self.trade(till, shift, Command::Load { claim: claim(card, proven), amount, tenders })
            }
            Step::Purchase { till, card, shift, amount, partial, proven } => {
                let claim = claim(card, proven);
                self.trade(
                    till,
                    shift,
                    Command::Purchase {
                        claim,
                        amount,
                        partial_allowed: partial,
                        points: None,
                        lines: Vec::new(),
                    },
                )
            }
            Step::Reverse { till, back } => {
                let at = self.asked[till].len().checked_sub(back);
                let Some(original) = at.map(|at| self.asked[till][at].clone()) else { return Said::Nothing };
                if original.index <= self.era {
                    return Said::Nothing;
                }
                let stan = u32::try_from(self.asked[till].len() + 1 - back).expect("few");
                let decision = self.reverse(till, stan, original.request_id, Some(&original));
                reversed(&decision)
            }
            Step::ReverseFirst { till, card, shift } => {
                // The sale's STAN is left out, its reversal goes first, then the sale comes late.
                let (stan, id) = (self.next_stan(till), [77; 32]);
                self.forget_one(till, id);
                let decision = self.reverse(till, stan, id, None);
                assert_eq!(reversed(&decision), Said::Undone(TransactionState::Blocked, None));
                let command = Command::Purchase {
                    claim: claim(card, true),
                    amount: 1_00,
                    partial_allowed: false,
                    points: None,
                    lines: Vec::new(),
                };
                let (late, _) = self.ask_as(till, stan, id, Some(shift), command, None);
                let at = self.asked[till].len() - 2;
                self.asked[till][at].index = self.index;
                Said::Decided(late.verdict, late.amount)
            }
            Step::Close { till, shift, honest } => {
                let key = (NAMES[till].to_owned(), 1, shift);
                let mut totals = self.state.shifts.get(&key).map(|s| s.totals.clone()).unwrap_or_default();
                if !honest {
                    totals.push((0x17, 1, 1));
                }
                self.trade(till, shift, Command::Reconciliation { totals })
            }
            Step::Block { card } => {
                self.act(&Act::CardBlock { card: reference(card), reason: "lost".into() })
            }
            Step::Unblock { card } => self.act(&Act::CardUnblock { card: reference(card) }),
            Step::MonthsPass => {
                // 100 days.
                self.now.ms += 8_640_000_000;
                self.now.business_date = self.programme.business_date(self.now.ms).expect("a date");
                self.era = self.index;
                Said::Nothing
            }
        }
    }

    fn next_stan(&self, till: usize) -> u32 {
        u32::try_from(self.asked[till].len() + 1).expect("few")
    }

    fn trade(&mut self, till: usize, shift: u32, command: Command) -> Said {
        let (stan, id) = (self.next_stan(till), self.request_id());
        let (decision, entry) = self.ask_as(till, stan, id, Some(shift), command, None);
        self.asked[till].push(entry);
        Said::Decided(decision.verdict, decision.amount)
    }

    fn request_id(&self) -> [u8; 32] {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&(self.index + 1).to_be_bytes());
        id
    }

    fn reverse(&mut self, till: usize, stan: u32, id: [u8; 32], original: Option<&Original>) -> Decision {
        let named = Named { terminal: NAMES[till].into(), generation: 1, stan, request_id: id };
        let command = Command::Reversal { original: named };
        let (own, own_id) = (self.next_stan(till), self.request_id());
        let (decision, entry) = self.ask_as(till, own, own_id, None, command, original);
        self.asked[till].push(entry);
        decision
    }

    /// A STAN under which nothing was heard yet.
    fn forget_one(&mut self, till: usize, request_id: [u8; 32]) {
        self.asked[till].push(Original {
            index: 0,
            request_id,
            message: 0x13,
            terminal: NAMES[till].into(),
            generation: 1,
            merchant: "M".into(),
            store: "S".into(),
            business_date: self.now.business_date,
            shift: None,
            card: None,
            approved: false,
            approved_amount: 0,
            lines: Vec::new(),
            reasons: Vec::new(),
            by_joining: None,
            effects: Vec::new(),
        });
    }

    fn ask_as(
        &mut self,
        till: usize,
        stan: u32,
        request_id: [u8; 32],
        shift: Option<u32>,
        command: Command,
        original: Option<&Original>,
    ) -> (Decision, Original) {
        self.index += 1;
        let terminal = self.state.terminals[NAMES[till]].clone();
        let request = Request {
            cashier: None,
            supervisor: None,
            channel: None,
            holder: None,
            pins: gateway::domain::Pins::default(),
            request_id,
            terminal: NAMES[till].into(),
            generation: 1,
            stan,
            shift,
            currency: 156,
            quote: None,
            prices: false,
            sold: Vec::new(),
            reason: Some(4),
            command,
        };
        let facts = Facts {
            state: &self.state,
            programme: &self.programme,
            pricing: &self.programme,
            index: self.index,
            original,
            entries: &[],
            quoted: None,
            birthday: None,
        };
        let decision = decide(facts, &terminal, &request, self.now).expect("no fault");
        assert_eq!(decide(facts, &terminal, &request, self.now).as_ref(), Ok(&decision), "the same again");
        self.apply(&decision.effects);
        let entry = entry(self.index, &request, &terminal, self.now, &decision);
        (decision, entry)
    }

    fn apply(&mut self, effects: &[Effect]) {
        apply(&mut self.state, effects).expect("an entry that adds up and fits");
    }

    fn act(&mut self, act: &Act) -> Said {
        match decide_act(
            &self.state,
            &self.programme,
            act,
            Drawn::default(),
            Place { merchant: "M", store: "S", index: self.index + 1, about: None },
            self.now,
        ) {
            Ok(effects) => {
                self.index += 1;
                self.apply(&effects);
                Said::Acted(true)
            }
            Err(_) => Said::Acted(false),
        }
    }
}

fn reversed(decision: &Decision) -> Said {
    match decision.original_state {
        Some(state) => Said::Undone(state, decision.amount),
        None => Said::Decided(decision.verdict, decision.amount),
    }
}
