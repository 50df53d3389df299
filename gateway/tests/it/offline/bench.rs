//! A register with two cards and a grant, at the rules themselves.

use gateway::domain::act::{Act, Drawn, Place, decide_act};
use gateway::domain::card::{Card, CardReference, CardStatus};
use gateway::domain::effect::Effect;
use gateway::domain::exception::{Bearer, Exception, ExceptionKind};
use gateway::domain::ledger::Kind;
use gateway::domain::refusal::Refusal;
use gateway::domain::request::CardClaim;
use gateway::domain::settle::{About, Settlement};
use gateway::domain::{
    Command, Decision, Facts, Grant, Limits, Named, Now, Original, Pins, Programme, Request, Role, State,
    Terminal, TerminalStatus, decide,
};
use gateway::programme_file;

use crate::bench::{apply, entry};

pub(super) const CARD: CardReference = CardReference(9_000_000_000_000_006);
pub(super) const OTHER: CardReference = CardReference(9_000_000_000_000_014);
pub(super) const PROOF: [u8; 32] = [7; 32];

pub(super) struct Bench {
    pub(super) state: State,
    pub(super) programme: Programme,
    pub(super) terminal: Terminal,
    pub(super) index: u64,
    pub(super) now: Now,
    pub(super) shift: Option<u32>,
    pub(super) currency: u16,
    /// What is known of the load that a claim names.
    pub(super) load_stands: bool,
    pub(super) decided: Vec<Original>,
}

impl Bench {
    /// Two active cards with 100.00 each, without a bonus.
    pub(super) fn new() -> Self {
        Self::with(&super::programme())
    }

    pub(super) fn with(document: &str) -> Self {
        let mut state = State::default();
        for card in [CARD, OTHER] {
            let held = Card { status: CardStatus::Active, ..Card::issued(card, "standard", &PROOF) };
            state.cards.insert(card, held);
        }
        let terminal = Terminal {
            terminal: "T1".into(),
            generation: 1,
            status: TerminalStatus::Active,
            role: Role::Register,
            algorithm: -7,
            public_key: Vec::new(),
            merchant: "M".into(),
            store: "S".into(),
            limits: Limits { load: 500_000_00, purchase: 10_00, refund: 500_000_00 },
            last_stan: 0,
            code: None,
        };
        state.terminals.insert("T1".into(), terminal.clone());
        let programme = programme_file::parse(document).expect("a programme");
        let now = Now { ms: 1_790_000_000_000, business_date: 2026_11_21, certain: true };
        let (shift, currency) = (Some(1), 156);
        let mut bench = Self {
            state,
            programme,
            terminal,
            index: 10,
            now,
            shift,
            currency,
            load_stands: false,
            decided: Vec::new(),
        };
        for card in [CARD, OTHER] {
            bench.load(card, 99_00);
            bench.load(card, 1_00);
        }
        bench
    }

    /// Decides, applies, and checks what must hold after every entry.
    pub(super) fn ask(&mut self, command: Command) -> Decision {
        self.index += 1;
        let stan = u32::try_from(self.index).expect("a small number");
        let named = command.original().map(|named| u64::from(named.stan));
        let original = named.and_then(|stan| self.decided.iter().find(|o| o.index == stan).cloned());
        let original = original.map(|original| original.followed(&self.state));
        let request = Request {
            cashier: None,
            supervisor: None,
            channel: None,
            holder: None,
            pins: Pins::default(),
            request_id: [u8::try_from(stan % 251).expect("small"); 32],
            terminal: self.terminal.terminal.clone(),
            generation: self.terminal.generation,
            stan,
            shift: self.shift,
            currency: self.currency,
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
            original: original.as_ref(),
            entries: &[],
            quoted: None,
            birthday: None,
        };
        let decision = decide(facts, &self.terminal, &request, self.now).expect("no fault");
        self.apply(&decision.effects);
        self.terminal.last_stan = stan;
        self.decided.push(entry(self.index, &request, &self.terminal, self.now, &decision));
        decision
    }

    fn apply(&mut self, effects: &[Effect]) {
        apply(&mut self.state, effects).expect("an entry that adds up and fits");
    }

    /// An operators' act.
    pub(super) fn act(&mut self, act: &Act) -> Result<(), Refusal> {
        self.index += 1;
        let entry = match act {
            Act::ExceptionSettle { index, .. } => self.decided.iter().find(|entry| entry.index == *index),
            _ => None,
        };
        let about = entry.map(|entry| About {
            entry,
            load_stands: self.load_stands,
            load_waits: None,
            settled_claim: None,
        });
        let place = Place { merchant: "M", store: "HQ", index: self.index, about };
        let effects = decide_act(&self.state, &self.programme, act, Drawn::default(), place, self.now)?;
        self.apply(&effects);
        Ok(())
    }

    pub(super) fn settle(&mut self, index: u64, settlement: Settlement) -> Result<(), Refusal> {
        self.act(&Act::ExceptionSettle {
            index,
            settlement,
            reason: "looked into".into(),
            another_note: false,
        })
    }

    pub(super) fn load(&mut self, card: CardReference, amount: i64) -> Decision {
        let claim = CardClaim { card, proof: Some(PROOF) };
        self.ask(Command::Load { claim, amount, tenders: vec![(1, amount)] })
    }

    pub(super) fn sale(&mut self, card: CardReference, amount: i64) -> Decision {
        let claim = CardClaim { card, proof: Some(PROOF) };
        self.ask(Command::Purchase { claim, amount, partial_allowed: false, points: None, lines: Vec::new() })
    }

    /// The grant of this minute.
    pub(super) fn grant(&self) -> Grant {
        let limits = self.programme.offline.expect("offline approval");
        let (issued, expires) = limits.window(self.now.s());
        Grant {
            terminal: "T1".into(),
            generation: 1,
            id: [0xAB; 8],
            issued,
            expires,
            per_transaction: limits.per_transaction,
            per_card: limits.per_card,
            count: limits.count,
            sum: limits.sum,
        }
    }

    pub(super) fn advice(&mut self, card: CardReference, amount: i64) -> Decision {
        let grant = self.grant();
        self.advice_under(card, amount, Some(grant), self.now.s())
    }

    pub(super) fn advice_under(
        &mut self,
        card: CardReference,
        amount: i64,
        grant: Option<Grant>,
        time_s: i64,
    ) -> Decision {
        self.ask(Command::Advice { card, amount, grant, time_s })
    }

    pub(super) fn cash(&mut self, tenders: &[(u8, i64)]) -> Decision {
        let amount = tenders.iter().map(|(_, part)| part).sum();
        self.ask(Command::CashTaken { card: Some(CARD), amount, tenders: tenders.to_vec() })
    }

    pub(super) fn named(&self, index: u64) -> Named {
        let request_id = self.decided.iter().find(|o| o.index == index).map_or([0; 32], |o| o.request_id);
        let stan = u32::try_from(index).expect("small");
        Named { terminal: self.terminal.terminal.clone(), generation: 1, stan, request_id }
    }

    pub(super) fn reverse(&mut self, index: u64) -> Decision {
        let original = self.named(index);
        self.ask(Command::Reversal { original })
    }

    pub(super) fn void(&mut self, index: u64) -> Decision {
        let original = self.named(index);
        self.ask(Command::Void { original })
    }

    pub(super) fn refund(&mut self, index: u64, amount: i64) -> Decision {
        let original = self.named(index);
        self.ask(Command::Refund { original, amount, lines: Vec::new() })
    }

    /// Principal of a card.
    pub(super) fn money(&self, card: CardReference) -> i64 {
        self.state.cards[&card].available(Kind::PRINCIPAL, self.now.s())
    }

    pub(super) fn points(&self, card: CardReference) -> i64 {
        self.state.cards[&card].available(Kind::POINTS, self.now.s())
    }

    pub(super) fn account(&self, name: &str) -> i64 {
        self.state.accounts.get(name).map_or(0, |account| account.balance(Kind::MONEY))
    }

    pub(super) fn exception(&self, index: u64) -> Option<Exception> {
        self.state.exceptions.get(&index).copied()
    }

    /// Who bears what of the last entry; `None` when it left no shortfall.
    pub(super) fn shortfall(&self) -> Option<(i64, Bearer)> {
        let held = self.exception(self.index)?;
        assert_eq!((held.kind, held.open), (ExceptionKind::OfflineShortfall, true));
        Some((held.amount, held.bearer))
    }
}
