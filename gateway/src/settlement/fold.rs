//! A day's settlement, entry by entry: pure.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use protocol::answer::Answer;
use protocol::field::TenderLine;
use protocol::frame::MessageType;
use protocol::request::{Body, Request};

use super::shift::{Batch, Line, Run, Told};
use super::{Counted, Flow, Held, Late, OpenException, Settlement, StoreBatch};
use crate::domain::day::dashed;
use crate::domain::effect::{Effect, Posting, TransactionState};
use crate::domain::exception::Exception;
use crate::finance::chart::{Cause, Purpose, place};
use crate::finance::homes::Homes;
use crate::finance::{Calendar, Leg, Names, Reader, Transaction, money, points, request_of, sold_at, tender};
use crate::journal::record::{Origin, Record};

/// Terminal, generation and shift; 0 for a message that names no shift.
type Key = (String, u32, u32);

/// A settlement in the making.
pub(super) struct Fold {
    day: u32,
    names: Names,
    homes: Homes,
    /// Stores that have booked something, or have a terminal.
    known: BTreeSet<String>,
    settlement: Settlement,
    held: Held,
    holds: BTreeMap<(u64, u64), i64>,
    exceptions: BTreeMap<u64, OpenException>,
    /// Shifts that are not closed, of any day.
    runs: BTreeMap<Key, Run>,
    last_stan: BTreeMap<(String, u32), u32>,
    /// Transactions that were undone, and the entry that undid each.
    undone: BTreeMap<u64, u64>,
    /// The day's shifts by store.
    shifts: BTreeMap<(String, Key), Batch>,
}

impl Fold {
    pub(super) fn new(day: u32, store: Option<&str>) -> Self {
        let (business_date, store) = (dashed(day), store.map(str::to_owned));
        Self {
            day,
            names: Names::default(),
            homes: Homes::default(),
            known: BTreeSet::new(),
            settlement: Settlement { business_date, store, ..Settlement::default() },
            held: Held::default(),
            holds: BTreeMap::new(),
            exceptions: BTreeMap::new(),
            runs: BTreeMap::new(),
            last_stan: BTreeMap::new(),
            undone: BTreeMap::new(),
            shifts: BTreeMap::new(),
        }
    }

    /// The next entry, of the day or of an earlier one. `message_of` gives the message type of an earlier entry that it undoes.
    pub(super) fn entry(
        &mut self,
        record: &Record,
        calendar: &Calendar,
        message_of: impl FnOnce(u64) -> Result<Option<u8>>,
    ) -> Result<()> {
        let details = &record.details;
        self.homes.note(details.index, &details.store)?;
        self.knows(&details.store);
        let request = request_of(record);
        for effect in &details.effects {
            self.effect(record, request.as_ref(), effect)?;
        }
        let currency = money(details.currency);
        (self.settlement.currency, self.settlement.exponent) = (currency.name, currency.exponent);
        let asked = match request {
            Some(request) => {
                let answer = record.answer.as_deref().and_then(|body| Answer::decode(body).ok());
                Some((request, answer.context("its answer cannot be read")?))
            }
            None => None,
        };
        let is_ours = self.settlement.store.as_ref().is_none_or(|store| *store == details.store);
        let of_day = details.business_date == self.day && is_ours;
        if of_day {
            let transaction = Reader { names: &self.names, homes: &self.homes }.read(record, message_of)?;
            self.booked(record, &transaction)?;
        }
        if let Some((request, answer)) = &asked {
            self.told(record, (request, answer), of_day)?;
            if of_day && matches!(request.body, Body::Advice { .. }) && answer.code.is_approval() {
                self.settlement.offline_sales.push(Late {
                    entry: details.index,
                    store: details.store.clone(),
                    terminal: request.header.terminal.as_str().into(),
                    stan: request.header.stan.map_or(0, |stan| stan.get()),
                    amount_minor: answer.approved_amount.map_or(0, |amount| amount.get()),
                    happened: calendar.happened(sold_at(request)),
                });
            }
        }
        Ok(())
    }

    /// What an entry changes that is still there at the end of the day.
    fn effect(&mut self, record: &Record, request: Option<&Request>, effect: &Effect) -> Result<()> {
        match effect {
            Effect::Posting(posting) => self.held.post(posting)?,
            Effect::Hold { card, hold } => match hold.held() {
                0 => drop(self.holds.remove(&(card.0, hold.id))),
                held => drop(self.holds.insert((card.0, hold.id), held)),
            },
            Effect::Transaction { index, fate } => match fate.state {
                TransactionState::Reversed | TransactionState::Voided => {
                    self.undone.insert(*index, record.details.index);
                }
                _ => drop(self.undone.remove(index)),
            },
            Effect::Terminal { store, .. } => self.knows(store),
            Effect::Exception { index, held } => self.exception(record, request, (*index, *held)),
            _ => {}
        }
        Ok(())
    }

    fn exception(&mut self, record: &Record, request: Option<&Request>, (index, held): (u64, Exception)) {
        let details = &record.details;
        if !held.open {
            let settled = self.exceptions.remove(&index);
            let is_ours = |of: &OpenException| self.settlement.store.as_ref().is_none_or(|s| *s == of.store);
            if details.business_date == self.day && settled.as_ref().is_some_and(is_ours) {
                self.settlement.settled.push(index);
            }
            return;
        }
        let header = request.map(|request| &request.header);
        let open = OpenException {
            reference: index,
            what: held.kind.name(),
            amount_minor: held.amount,
            bearer: held.bearer.name(),
            since: dashed(details.business_date),
            carried: details.business_date < self.day,
            store: details.store.clone(),
            terminal: header.map(|header| header.terminal.as_str().to_owned()).unwrap_or_default(),
            stan: header
                .and_then(|header| header.stan)
                .map(|stan| stan.get().to_string())
                .unwrap_or_default(),
        };
        self.exceptions.insert(index, open);
    }

    /// Counts an entry of the day, in all and in its store.
    fn booked(&mut self, record: &Record, transaction: &Transaction) -> Result<()> {
        let settlement = &mut self.settlement;
        if settlement.first_entry == 0 {
            settlement.first_entry = transaction.index;
        }
        settlement.last_entry = transaction.index;
        let batch = settlement.stores.entry(transaction.store.clone()).or_default();
        for flow in [&mut settlement.flow, &mut batch.flow] {
            flow.add(record, transaction)?;
        }
        if transaction.origin != "terminal" {
            let other = batch.others.entry(transaction.what.clone()).or_default();
            *other = other.saturating_add(1);
        }
        Ok(())
    }

    /// Counts a terminal's message in its shift.
    fn told(&mut self, record: &Record, (request, answer): (&Request, &Answer), of_day: bool) -> Result<()> {
        let Origin::Terminal { message, .. } = &record.origin else { return Ok(()) };
        let (details, header, kind) = (&record.details, &request.header, MessageType(*message));
        let (Some(generation), Some(stan)) = (header.generation, header.stan) else { return Ok(()) };
        let terminal = (header.terminal.as_str().to_owned(), generation.get());
        let key = (terminal.0.clone(), terminal.1, header.shift.map_or(0, |shift| shift.get()));
        let (stan, last) = (stan.get(), self.last_stan.get(&terminal).copied().unwrap_or(0));
        let run = self.runs.entry(key.clone()).or_default();
        if stan > last.saturating_add(1) && last > 0 {
            run.missing.push((last.saturating_add(1), stan.saturating_sub(1)));
        }
        if stan < last {
            run.came(stan);
        }
        self.last_stan.insert(terminal, last.max(stan));
        let amount = answer.approved_amount.map_or(0, |amount| amount.get());
        let approved = answer.code.is_approval();
        if approved && kind.counts_in_shift() {
            run.told.push(Told { index: details.index, stan, message: *message, amount });
        }
        let closes = details.effects.iter().any(|effect| matches!(effect, Effect::ShiftClosed { .. }));
        let compared = match &request.body {
            Body::Reconciliation { totals } if closes => {
                let run = self.runs.remove(&key).unwrap_or_default();
                Some(run.compare(details.index, totals, answer, &self.undone))
            }
            _ => None,
        };
        if !of_day {
            return Ok(());
        }
        let batch = self.shifts.entry((details.store.clone(), key.clone())).or_default();
        (batch.terminal, batch.generation, batch.shift) = key;
        batch.cashiers.extend(header.cashier.as_ref().map(|cashier| cashier.as_str().to_owned()));
        batch.closed |= closes;
        if compared.is_some() {
            batch.reconciled = compared;
        }
        let tenders: &[TenderLine] = match &request.body {
            Body::Load { tenders, .. } | Body::CashTaken { tenders, .. } if approved => tenders,
            _ => &[],
        };
        for line in tenders {
            batch.count(kind.name(), &tender_name(line.kind.0), line.amount.get())?;
        }
        match approved {
            // A reconciliation that differs is answered so, and is no decline.
            _ if closes => batch.count(kind.name(), "", 0),
            true => batch.count(kind.name(), "", amount),
            false => batch.count("declined", "", 0),
        }
    }

    fn knows(&mut self, store: &str) {
        if !self.known.contains(store) {
            self.known.insert(store.to_owned());
        }
    }

    /// A settlement of a store that is nobody's would say that it took nothing.
    pub(super) fn knows_its_store(&self) -> Result<()> {
        let Some(store) = &self.settlement.store else { return Ok(()) };
        let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
        let day = &self.settlement.business_date;
        ensure!(
            self.known.contains(store),
            "store {store} is not known on {day}; there are {}",
            known.join(", ")
        );
        Ok(())
    }

    pub(super) fn finish(self) -> Settlement {
        let Self { mut settlement, mut held, holds, exceptions, shifts, .. } = self;
        for ((store, _), batch) in shifts {
            let of_store: &mut StoreBatch = settlement.stores.entry(store).or_default();
            of_store.shifts.push(batch);
        }
        let open = exceptions.into_values();
        let is_ours =
            |open: &OpenException| settlement.store.as_ref().is_none_or(|store| *store == open.store);
        settlement.exceptions = open.filter(is_ours).collect();
        held.holds = holds.values().fold(Counted::default(), |sum, held| Counted {
            count: sum.count.saturating_add(1),
            amount_minor: sum.amount_minor.saturating_add(*held),
        });
        settlement.held = settlement.store.is_none().then_some(held);
        settlement
    }
}

/// What a tender is called.
fn tender_name(kind: u8) -> String {
    tender(kind).map_or_else(|| format!("Tender{kind}"), str::to_owned)
}

fn raise(sum: &mut i64, by: i64) -> Result<()> {
    *sum = sum.checked_add(by).context("a sum leaves the range")?;
    Ok(())
}

impl Batch {
    fn count(&mut self, kind: &str, tender: &str, amount: i64) -> Result<()> {
        let same = |line: &&mut Line| line.kind == kind && line.tender == tender;
        match self.lines.iter_mut().find(same) {
            Some(line) => {
                line.count = line.count.saturating_add(1);
                raise(&mut line.amount_minor, amount)?;
            }
            None => {
                let (kind, tender) = (kind.to_owned(), tender.to_owned());
                self.lines.push(Line { kind, tender, count: 1, amount_minor: amount });
                self.lines.sort_by(|one, other| (&one.kind, &one.tender).cmp(&(&other.kind, &other.tender)));
            }
        }
        Ok(())
    }
}

impl Held {
    fn post(&mut self, posting: &Posting) -> Result<()> {
        let Some(place) = place(posting, Cause::default()) else { return Ok(()) };
        let kind = || points(posting.kind.released()).name;
        let sum = match place.purpose {
            Purpose::Principal => &mut self.principal_minor,
            Purpose::Bonus => &mut self.bonus_minor,
            Purpose::Suspense => &mut self.suspense_minor,
            Purpose::Points => self.points.entry(kind()).or_default(),
            Purpose::PendingPoints => self.pending.entry(kind()).or_default(),
            _ => return Ok(()),
        };
        raise(sum, posting.amount)
    }
}

impl Flow {
    fn add(&mut self, record: &Record, transaction: &Transaction) -> Result<()> {
        self.entries = self.entries.saturating_add(1);
        self.postings = self.postings.saturating_add(transaction.legs.len() as u64);
        let message = match &record.origin {
            Origin::Terminal { message, .. } => MessageType(*message),
            _ => MessageType(0),
        };
        let (mut paid, mut refunded, mut loaded) = (0, 0, 0);
        for leg in &transaction.legs {
            if message == MessageType::LOAD && leg.purpose == Purpose::Clearing && leg.amount > 0 {
                raise(&mut loaded, leg.amount)?;
            }
            match leg.purpose {
                Purpose::Redemption => raise(&mut paid, leg.posting.amount)?,
                Purpose::Refunds => raise(&mut refunded, leg.amount)?,
                _ => self.leg(leg, message)?,
            }
        }
        raise(&mut self.paid.amount_minor, paid)?;
        raise(&mut self.refunded.amount_minor, refunded)?;
        raise(&mut self.loaded.amount_minor, loaded)?;
        self.loaded.count = self.loaded.count.saturating_add(u64::from(loaded > 0));
        let sale = [MessageType::PURCHASE, MessageType::CAPTURE, MessageType::ADVICE].contains(&message);
        self.paid.count = self.paid.count.saturating_add(u64::from(sale && paid != 0));
        self.refunded.count = self.refunded.count.saturating_add(u64::from(refunded > 0));
        Ok(())
    }

    fn leg(&mut self, leg: &Leg, message: MessageType) -> Result<()> {
        match leg.purpose {
            Purpose::Clearing => {
                let tender = self.tenders.entry(tender_name(leg.tender.unwrap_or(0))).or_default();
                if leg.amount > 0 {
                    tender.lines = tender.lines.saturating_add(u64::from(message == MessageType::LOAD));
                    raise(&mut tender.in_minor, leg.amount)?;
                } else {
                    raise(&mut tender.out_minor, leg.amount.saturating_neg())?;
                }
            }
            Purpose::BonusExpense => raise(&mut self.bonus_minor, leg.amount)?,
            Purpose::Breakage => raise(&mut self.expired_minor, leg.posting.amount)?,
            Purpose::PointsBreakage => {
                raise(
                    &mut self.points.entry(leg.commodity.name.clone()).or_default().expired,
                    leg.posting.amount,
                )?;
            }
            Purpose::PointsExpense | Purpose::Adjustments => {
                let points = self.points.entry(leg.commodity.name.clone()).or_default();
                let (side, amount) = if leg.amount > 0 {
                    (&mut points.issued, leg.amount)
                } else {
                    (&mut points.redeemed, leg.posting.amount)
                };
                raise(side, amount)?;
            }
            _ => {}
        }
        Ok(())
    }
}
