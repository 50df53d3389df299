//! Everything the journal says, as it stands after its last entry; and the one function that changes it.

use std::collections::{BTreeMap, HashMap};

use super::Fault;
use super::card::{Card, CardReference};
use super::cashier::Cashier;
use super::effect::{Account, Effect, Fate, Posting, Subject};
use super::exception::Exception;
use super::ledger::NamedAccount;
use super::member::{Counters, Member};
use super::operator::Operator;
use super::programme::ProgrammeVersion;
use super::tally::Tally;
use super::terminal::{EnrolmentCode, Shift, Terminal};

/// (terminal, generation, STAN).
pub type Identity = (String, u32, u32);
/// (terminal, generation, shift).
pub type ShiftKey = (String, u32, u32);

/// What is small is here whole; cards, shifts, transaction states and tombstones are read on demand by whoever owns
/// this state, so their maps hold only what was fetched or changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    pub cards: HashMap<CardReference, Card>,
    pub shifts: HashMap<ShiftKey, Shift>,
    /// Present state of transactions that are no longer what their answer said.
    pub transactions: HashMap<u64, Fate>,
    /// Requests that were reversed before they arrived.
    pub tombstones: HashMap<Identity, [u8; 32]>,
    /// Days of terminals and cashiers, and what was approved under offline grants.
    pub tallies: HashMap<String, Tally>,
    pub cashiers: BTreeMap<String, Cashier>,
    /// By the index of their entry.
    pub exceptions: BTreeMap<u64, Exception>,
    /// By card; one that was looked for and is none is here as nobody.
    pub members: HashMap<CardReference, Member>,
    /// Of the programme: what its rules have given in all, what is left of its stock.
    pub counters: Counters,
    pub accounts: BTreeMap<String, NamedAccount>,
    pub terminals: BTreeMap<String, Terminal>,
    pub operators: BTreeMap<String, Operator>,
    /// By rising version.
    pub programmes: Vec<ProgrammeVersion>,
    /// SubjectPublicKeyInfo of the key that seals.
    pub gateway_key: Vec<u8>,
}

/// What an entry touched: the keys to store again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Touched {
    Card(CardReference),
    Account(String),
    Terminal(String),
    Shift(ShiftKey),
    Transaction(u64),
    Tombstone(Identity),
    Operator(String),
    Programme(u32),
    GatewayKey,
    Tally(String),
    Cashier(String),
    Exception(u64),
    Member(CardReference),
    Counter((String, u32)),
}

impl State {
    /// Applies one effect. [`Effect::Version`] changes the version only; the caller compares hashes.
    ///
    /// # Errors
    /// [`Fault`] when the effect does not fit; what the entry has changed so far must be put back.
    pub fn apply(&mut self, effect: &Effect) -> Result<(), Fault> {
        match effect {
            Effect::Posting(posting) => self.post(posting)?,
            Effect::PointsDebt { card, kind, change } => self.card_mut(*card)?.owe(*kind, *change)?,
            Effect::Card {
                card,
                status,
                product,
                proof,
                reason: _,
                expires,
                holder,
                account,
                own_limits,
            } => {
                let held = self.cards.entry(*card).or_insert_with(|| Card::issued(*card, product, proof));
                (held.status, held.product, held.proof) = (*status, product.clone(), *proof);
                (held.expires, held.holder, held.account) = (*expires, *holder, *account);
                held.own_limits = *own_limits;
            }
            Effect::Transaction { index, fate } => drop(self.transactions.insert(*index, fate.clone())),
            Effect::Tombstone { terminal, generation, stan, request_id } => {
                self.tombstones.insert((terminal.clone(), *generation, *stan), *request_id);
            }
            Effect::ShiftTotals { terminal, generation, shift, message, count, amount } => {
                let held = self.shifts.entry((terminal.clone(), *generation, *shift)).or_default();
                held.add(*message, *count, *amount).ok_or(Fault::Overflow)?;
            }
            Effect::ShiftClosed { terminal, generation, shift } => {
                self.shifts.entry((terminal.clone(), *generation, *shift)).or_default().closed = true;
            }
            Effect::Terminal { .. } | Effect::EnrolmentCode { .. } | Effect::LastStan { .. } => {
                self.apply_to_terminal(effect)?;
            }
            Effect::Operator { operator, held } => {
                self.operators.insert(operator.clone(), held.clone());
            }
            Effect::Programme { version, effective_from, document } => {
                let newest = self.programmes.last().map_or(0, |p| p.version);
                if *version <= newest {
                    return Err(Fault::Misfit("programme versions must rise"));
                }
                self.programmes.push(ProgrammeVersion {
                    version: *version,
                    effective_from: *effective_from,
                    document: document.clone(),
                });
            }
            Effect::Successor { card, successor } => self.card_mut(*card)?.successor = Some(*successor),
            Effect::CardTally { card, period, tally } => self.card_mut(*card)?.set_tally(*period, *tally),
            Effect::Pin { card, pin } => self.card_mut(*card)?.pin = *pin,
            Effect::Tally { who, tally } => drop(self.tallies.insert(who.clone(), *tally)),
            Effect::Cashier { cashier, held } => {
                drop(self.cashiers.insert(cashier.clone(), held.clone()));
            }
            Effect::Exception { index, held } => drop(self.exceptions.insert(*index, *held)),
            Effect::Member { card, standing } => {
                self.members.entry(*card).or_default().standing = standing.clone();
            }
            Effect::Counter { card: Some(card), counter, period, change } => {
                self.members.entry(*card).or_default().count(counter, *period, *change)?;
            }
            Effect::Counter { card: None, counter, period, change } => {
                let held = self.counters.entry((counter.clone(), *period)).or_default();
                *held = held.checked_add(*change).ok_or(Fault::Overflow)?;
            }
            Effect::NextLot { card, next_lot } => {
                let held = self.card_mut(*card)?;
                held.next_lot = held.next_lot.max(*next_lot);
            }
            Effect::Hold { card, hold } => self.card_mut(*card)?.set_hold(hold.clone())?,
            Effect::GatewayKey { public_key } => self.gateway_key.clone_from(public_key),
            Effect::Version { subject: Subject::Card(card), version, .. } => {
                self.card_mut(*card)?.version = *version;
            }
            Effect::Version { subject: Subject::Named(name), version, .. } => {
                self.accounts.entry(name.clone()).or_default().version = *version;
            }
        }
        Ok(())
    }

    fn post(&mut self, posting: &Posting) -> Result<(), Fault> {
        match &posting.account {
            Account::Card { card, lot, expires, source } => {
                self.card_mut(*card)?.post(*lot, *expires, *source, posting.kind, posting.amount)
            }
            Account::Named(name) => {
                self.accounts.entry(name.clone()).or_default().post(posting.kind, posting.amount)
            }
        }
    }

    fn card_mut(&mut self, card: CardReference) -> Result<&mut Card, Fault> {
        self.cards.get_mut(&card).ok_or(Fault::Misfit("no such card"))
    }

    fn apply_to_terminal(&mut self, effect: &Effect) -> Result<(), Fault> {
        match effect {
            Effect::Terminal {
                terminal,
                generation,
                status,
                role,
                algorithm,
                public_key,
                merchant,
                store,
                limits,
            } => {
                let before = self.terminals.get(terminal);
                let same_generation = before.filter(|t| t.generation == *generation);
                let after = Terminal {
                    terminal: terminal.clone(),
                    generation: *generation,
                    status: *status,
                    role: *role,
                    algorithm: *algorithm,
                    public_key: public_key.clone(),
                    merchant: merchant.clone(),
                    store: store.clone(),
                    limits: *limits,
                    last_stan: same_generation.map_or(0, |t| t.last_stan),
                    code: before.and_then(|t| t.code.clone()),
                };
                self.terminals.insert(terminal.clone(), after);
            }
            Effect::EnrolmentCode { terminal, code_hash, expires, tries } => {
                let held = self.terminals.get_mut(terminal).ok_or(Fault::Misfit("no such terminal"))?;
                held.code = Some(EnrolmentCode { hash: *code_hash, expires: *expires, tries: *tries });
            }
            Effect::LastStan { terminal, generation, stan } => {
                let held = self.terminals.get_mut(terminal).ok_or(Fault::Misfit("no such terminal"))?;
                if held.generation != *generation {
                    return Err(Fault::Misfit("last STAN of another generation"));
                }
                held.last_stan = *stan;
            }
            _ => return Err(Fault::Misfit("not a terminal's effect")),
        }
        Ok(())
    }
}

/// One piece of state, by itself: what a snapshot row holds and what an undo restores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    Card(Card),
    Account(NamedAccount),
    Terminal(Terminal),
    Shift(Shift),
    Transaction(Fate),
    Tombstone([u8; 32]),
    Operator(Operator),
    Programme(ProgrammeVersion),
    GatewayKey(Vec<u8>),
    Tally(Tally),
    Cashier(Cashier),
    Exception(Exception),
    Member(Member),
    Counter(i64),
}

impl State {
    /// The piece that `touched` names, if there is one.
    #[must_use]
    pub fn cell(&self, touched: &Touched) -> Option<Cell> {
        match touched {
            Touched::Card(card) => self.cards.get(card).cloned().map(Cell::Card),
            Touched::Account(name) => self.accounts.get(name).cloned().map(Cell::Account),
            Touched::Terminal(tid) => self.terminals.get(tid).cloned().map(Cell::Terminal),
            Touched::Shift(key) => self.shifts.get(key).cloned().map(Cell::Shift),
            Touched::Transaction(index) => self.transactions.get(index).cloned().map(Cell::Transaction),
            Touched::Tombstone(identity) => self.tombstones.get(identity).copied().map(Cell::Tombstone),
            Touched::Operator(name) => self.operators.get(name).cloned().map(Cell::Operator),
            Touched::Programme(version) => {
                self.programmes.iter().find(|p| p.version == *version).cloned().map(Cell::Programme)
            }
            Touched::GatewayKey => Some(Cell::GatewayKey(self.gateway_key.clone())),
            Touched::Tally(who) => self.tallies.get(who).copied().map(Cell::Tally),
            Touched::Cashier(cashier) => self.cashiers.get(cashier).cloned().map(Cell::Cashier),
            Touched::Exception(index) => self.exceptions.get(index).copied().map(Cell::Exception),
            Touched::Member(card) => self.members.get(card).cloned().map(Cell::Member),
            Touched::Counter(counter) => self.counters.get(counter).copied().map(Cell::Counter),
        }
    }

    /// Whether there is a piece that `touched` names.
    #[must_use]
    pub fn has(&self, touched: &Touched) -> bool {
        match touched {
            Touched::Card(card) => self.cards.contains_key(card),
            Touched::Account(name) => self.accounts.contains_key(name),
            Touched::Terminal(tid) => self.terminals.contains_key(tid),
            Touched::Shift(key) => self.shifts.contains_key(key),
            Touched::Transaction(index) => self.transactions.contains_key(index),
            Touched::Tombstone(identity) => self.tombstones.contains_key(identity),
            Touched::Operator(name) => self.operators.contains_key(name),
            Touched::Programme(version) => self.programmes.iter().any(|p| p.version == *version),
            Touched::GatewayKey => true,
            Touched::Tally(who) => self.tallies.contains_key(who),
            Touched::Cashier(cashier) => self.cashiers.contains_key(cashier),
            Touched::Exception(index) => self.exceptions.contains_key(index),
            Touched::Member(card) => self.members.contains_key(card),
            Touched::Counter(counter) => self.counters.contains_key(counter),
        }
    }

    /// Puts a piece where `touched` says, or takes it away.
    pub fn put(&mut self, touched: &Touched, cell: Option<Cell>) {
        match (touched, cell) {
            (Touched::Card(card), Some(Cell::Card(held))) => drop(self.cards.insert(*card, held)),
            (Touched::Card(card), _) => drop(self.cards.remove(card)),
            (Touched::Account(name), Some(Cell::Account(held))) => {
                drop(self.accounts.insert(name.clone(), held))
            }
            (Touched::Account(name), _) => drop(self.accounts.remove(name)),
            (Touched::Terminal(tid), Some(Cell::Terminal(held))) => {
                drop(self.terminals.insert(tid.clone(), held))
            }
            (Touched::Terminal(tid), _) => drop(self.terminals.remove(tid)),
            (Touched::Shift(key), Some(Cell::Shift(held))) => drop(self.shifts.insert(key.clone(), held)),
            (Touched::Shift(key), _) => drop(self.shifts.remove(key)),
            (Touched::Transaction(index), Some(Cell::Transaction(held))) => {
                self.transactions.insert(*index, held);
            }
            (Touched::Transaction(index), _) => drop(self.transactions.remove(index)),
            (Touched::Tombstone(id), Some(Cell::Tombstone(held))) => {
                self.tombstones.insert(id.clone(), held);
            }
            (Touched::Tombstone(id), _) => drop(self.tombstones.remove(id)),
            (Touched::Operator(name), Some(Cell::Operator(held))) => {
                drop(self.operators.insert(name.clone(), held))
            }
            (Touched::Operator(name), _) => drop(self.operators.remove(name)),
            (Touched::Programme(version), cell) => {
                self.programmes.retain(|p| p.version != *version);
                if let Some(Cell::Programme(held)) = cell {
                    self.programmes.push(held);
                    self.programmes.sort_by_key(|p| p.version);
                }
            }
            (Touched::GatewayKey, Some(Cell::GatewayKey(held))) => self.gateway_key = held,
            (Touched::GatewayKey, _) => self.gateway_key.clear(),
            (Touched::Tally(who), Some(Cell::Tally(held))) => drop(self.tallies.insert(who.clone(), held)),
            (Touched::Tally(who), _) => drop(self.tallies.remove(who)),
            (Touched::Cashier(cashier), Some(Cell::Cashier(held))) => {
                drop(self.cashiers.insert(cashier.clone(), held));
            }
            (Touched::Cashier(cashier), _) => drop(self.cashiers.remove(cashier)),
            (Touched::Exception(index), Some(Cell::Exception(held))) => {
                self.exceptions.insert(*index, held);
            }
            (Touched::Exception(index), _) => drop(self.exceptions.remove(index)),
            (Touched::Member(card), Some(Cell::Member(held))) => drop(self.members.insert(*card, held)),
            (Touched::Member(card), _) => drop(self.members.remove(card)),
            (Touched::Counter(counter), Some(Cell::Counter(held))) => {
                self.counters.insert(counter.clone(), held);
            }
            (Touched::Counter(counter), _) => drop(self.counters.remove(counter)),
        }
    }

    /// The piece that an effect will change.
    #[must_use]
    pub fn touched_by(effect: &Effect) -> Touched {
        match effect {
            Effect::Posting(Posting { account: Account::Card { card, .. }, .. })
            | Effect::PointsDebt { card, .. }
            | Effect::Hold { card, .. }
            | Effect::Successor { card, .. }
            | Effect::NextLot { card, .. }
            | Effect::CardTally { card, .. }
            | Effect::Pin { card, .. }
            | Effect::Card { card, .. }
            | Effect::Version { subject: Subject::Card(card), .. } => Touched::Card(*card),
            Effect::Posting(Posting { account: Account::Named(name), .. })
            | Effect::Version { subject: Subject::Named(name), .. } => Touched::Account(name.clone()),
            Effect::Transaction { index, .. } => Touched::Transaction(*index),
            Effect::Tombstone { terminal, generation, stan, .. } => {
                Touched::Tombstone((terminal.clone(), *generation, *stan))
            }
            Effect::ShiftTotals { terminal, generation, shift, .. }
            | Effect::ShiftClosed { terminal, generation, shift } => {
                Touched::Shift((terminal.clone(), *generation, *shift))
            }
            Effect::Terminal { terminal, .. }
            | Effect::EnrolmentCode { terminal, .. }
            | Effect::LastStan { terminal, .. } => Touched::Terminal(terminal.clone()),
            Effect::Operator { operator, .. } => Touched::Operator(operator.clone()),
            Effect::Programme { version, .. } => Touched::Programme(*version),
            Effect::GatewayKey { .. } => Touched::GatewayKey,
            Effect::Tally { who, .. } => Touched::Tally(who.clone()),
            Effect::Cashier { cashier, .. } => Touched::Cashier(cashier.clone()),
            Effect::Exception { index, .. } => Touched::Exception(*index),
            Effect::Member { card, .. } | Effect::Counter { card: Some(card), .. } => Touched::Member(*card),
            Effect::Counter { card: None, counter, period, .. } => {
                Touched::Counter((counter.clone(), *period))
            }
        }
    }
}
