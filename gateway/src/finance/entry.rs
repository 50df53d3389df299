//! A journal entry as finance reads it: what happened, and its legs on the chart's accounts.

use anyhow::{Context as _, Result, bail};
use protocol::answer::Answer;
use protocol::cose::Sign1;
use protocol::frame::MessageType;
use protocol::request::{Body, Request};

use super::book::{Commodity, shown};
use super::calendar::sold_at;
use super::chart::{Cause, Place, Purpose, place};
use super::homes::Homes;
use super::interstore::{Placed, acting, debts, owners};
use super::names::Names;
use crate::admin::act::{self, SignedAct};
use crate::domain::act::Act;
use crate::domain::day;
use crate::domain::effect::{Account, Effect, Posting, TransactionState};
use crate::domain::ledger::Kind;
use crate::domain::request::message;
use crate::journal::record::{Origin, Record};
use crate::programme_file::currency_code;

/// One leg of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// Finance's name of the account.
    pub account: String,
    /// In whose books it is.
    pub store: String,
    pub commodity: Commodity,
    /// Debit above zero, credit below: the journal's amount with the other sign.
    pub amount: i64,
    /// What that account is for, and of which tender.
    pub purpose: Purpose,
    pub tender: Option<u8>,
    /// As the journal has it; of what stores owe each other, as it would.
    pub posting: Posting,
}

/// An entry. Texts that it does not have are empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transaction {
    pub index: u64,
    pub time: String,
    /// YYYYMMDD.
    pub business_date: u32,
    pub merchant: String,
    pub store: String,
    /// `terminal`, `operator` or `system`.
    pub origin: &'static str,
    /// A message, an act or a due item, by name.
    pub what: String,
    /// Response code of a terminal's message.
    pub code: String,
    pub terminal: String,
    pub generation: String,
    pub stan: String,
    pub card: String,
    pub amount: String,
    pub currency: String,
    pub programme_version: u32,
    /// Or the operators, of an act.
    pub person: String,
    pub shift: String,
    pub order_reference: String,
    pub tenders: String,
    /// Of a sale that a terminal told of later: the business date on which it was made.
    pub happened: String,
    /// A terminal's message that moves value or state, approved or declined.
    pub is_value: bool,
    pub legs: Vec<Leg>,
}

impl Transaction {
    /// Change of what cards hold of a kind.
    #[must_use]
    pub fn change(&self, kind: Kind) -> i64 {
        let legs = self.legs.iter().map(|leg| &leg.posting);
        let own = legs.filter(|leg| leg.kind == kind && matches!(leg.account, Account::Card { .. }));
        own.fold(0, |sum, leg| sum.saturating_add(leg.amount))
    }

    /// What it is counted as: `Purchase 00`, `card-refund`, `expiry`.
    #[must_use]
    pub fn kind(&self) -> String {
        let mut kind = String::new();
        self.append_kind(&mut kind);
        kind
    }

    /// Appends its [`Transaction::kind`].
    pub(super) fn append_kind(&self, text: &mut String) {
        text.push_str(&self.what);
        if !self.code.is_empty() {
            text.push(' ');
            text.push_str(&self.code);
        }
    }

    /// Whether it has a line of its own; what neither books nor asks is only counted.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.is_value || !self.legs.is_empty()
    }

    /// What of it is in one store's books; `None` when it is neither booked there nor has a leg there.
    #[must_use]
    pub fn in_books_of(mut self, store: &str) -> Option<Self> {
        self.legs.retain(|leg| leg.store == store);
        (self.store == store || !self.legs.is_empty()).then_some(self)
    }
}

/// An entry as far as it can be read by itself; its legs are not placed yet.
#[derive(Debug, Clone)]
pub struct Told {
    transaction: Transaction,
    cause: Cause,
    /// The earlier entry that it undoes.
    undoes: Option<u64>,
    currency: Commodity,
    /// When a sale was made that a terminal told of later ([`sold_at`]).
    pub sold_at: Option<i64>,
}

impl Told {
    /// The first half of [`Reader::read`], which needs nothing but the record.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn of(record: &Record) -> Result<Self> {
        let details = &record.details;
        let time = jiff::Timestamp::from_millisecond(details.time_ms).context("its time")?;
        let currency = money(details.currency);
        let transaction = Transaction {
            index: details.index,
            time: time.to_string(),
            business_date: details.business_date,
            merchant: details.merchant.clone(),
            store: details.store.clone(),
            currency: currency.name.clone(),
            programme_version: details.programme_version,
            ..Transaction::default()
        };
        let mut entry = Self { transaction, cause: Cause::default(), undoes: None, currency, sold_at: None };
        let transaction = &mut entry.transaction;
        match &record.origin {
            Origin::Terminal { message, signed } => {
                let answer = record.answer.as_deref().unwrap_or_default();
                entry.sold_at = told(transaction, MessageType(*message), signed, answer, &entry.currency)?;
                entry.undoes = undone(*message, &details.effects);
                entry.cause.refund = *message == message::REFUND;
            }
            Origin::Operator { signed } => entry.cause = acted(transaction, signed)?,
            Origin::System { name, .. } => {
                (transaction.origin, transaction.what) = ("system", name.clone());
            }
        }
        Ok(entry)
    }
}

/// Reads entries by a chart's names.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    pub names: &'a Names,
    /// Of every entry up to the one that is read.
    pub homes: &'a Homes,
}

impl Reader<'_> {
    /// Reads an entry. `message_of` gives the message type of an earlier entry that this one undoes.
    ///
    /// # Errors
    /// When the record cannot be read, does not sum to zero, or books on an account that the chart does not know.
    pub fn read(
        &self,
        record: &Record,
        message_of: impl FnOnce(u64) -> Result<Option<u8>>,
    ) -> Result<Transaction> {
        self.place(Told::of(record)?, &record.details.effects, message_of)
    }

    /// The second half of [`Reader::read`]: what hangs on the entries before.
    ///
    /// # Errors
    /// As there.
    pub fn place(
        &self,
        told: Told,
        effects: &[Effect],
        message_of: impl FnOnce(u64) -> Result<Option<u8>>,
    ) -> Result<Transaction> {
        let Told { mut transaction, mut cause, undoes, currency, .. } = told;
        cause.refund |= undoes.map(message_of).transpose()?.flatten() == Some(message::REFUND);
        transaction.legs = self.legs(effects, cause, (&transaction.store, &currency))?;
        Ok(transaction)
    }

    fn legs(
        &self,
        effects: &[Effect],
        cause: Cause,
        (store, currency): (&str, &Commodity),
    ) -> Result<Vec<Leg>> {
        let placed = effects.iter().filter_map(|effect| match effect {
            Effect::Posting(posting) => Some(posting),
            _ => None,
        });
        let placed = placed.map(|posting| {
            let place = place(posting, cause);
            let place = place.with_context(|| format!("the chart of accounts does not know {posting:?}"))?;
            Ok((posting, place))
        });
        let placed: Vec<Placed<'_>> = placed.collect::<Result<_>>()?;
        let owners = owners(&placed, store, self.homes)?;
        // By the kind of points; money has none.
        let mut sums: Vec<(Option<Kind>, i64)> = Vec::with_capacity(2);
        let mut legs = Vec::with_capacity(placed.len());
        for ((posting, place), owner) in placed.iter().zip(&owners) {
            let amount = posting.amount.checked_neg().context("an amount leaves the range")?;
            let commodity = place.points.map_or_else(|| currency.clone(), points);
            match sums.iter_mut().find(|(known, _)| *known == place.points) {
                Some((_, sum)) => *sum = sum.checked_add(amount).context("a sum leaves the range")?,
                None => sums.push((place.points, amount)),
            }
            let account = self.names.account(&Place { store: Some(owner), ..*place });
            let (store, purpose, tender) = ((*owner).to_owned(), place.purpose, place.tender);
            legs.push(Leg {
                account,
                store,
                commodity,
                amount,
                purpose,
                tender,
                posting: (*posting).clone(),
            });
        }
        if let Some((of, _)) = sums.into_iter().find(|(_, sum)| *sum != 0) {
            let commodity = of.map_or_else(|| currency.clone(), points);
            bail!("its legs in {} do not sum to zero", commodity.name);
        }
        for debt in debts(&placed, &owners, acting(&placed, store))? {
            let owed = debt.amount.checked_neg().context("an amount leaves the range")?;
            legs.push(self.owed((debt.store, debt.other), owed, currency)?);
            legs.push(self.owed((debt.other, debt.store), debt.amount, currency)?);
        }
        Ok(legs)
    }

    /// What a store is owed by another; codes of stores may have colons.
    fn owed(&self, (store, other): (&str, &str), amount: i64, currency: &Commodity) -> Result<Leg> {
        let purpose = Purpose::InterStore;
        let place = Place { purpose, store: Some(store), other: Some(other), tender: None, points: None };
        let journal = Account::Named(format!("interstore:{store}>{other}"));
        let in_journal = amount.checked_neg().context("an amount leaves the range")?;
        Ok(Leg {
            account: self.names.account(&place),
            store: store.to_owned(),
            commodity: currency.clone(),
            amount,
            purpose,
            tender: None,
            posting: Posting { account: journal, kind: Kind::MONEY, amount: in_journal },
        })
    }
}

/// The message type of a stored entry; `None` for an act or a due item.
pub(crate) fn message_of(record: &Record) -> Option<u8> {
    match &record.origin {
        Origin::Terminal { message, .. } => Some(*message),
        _ => None,
    }
}

/// What a terminal asked; `None` for an act or a due item, and for what cannot be read.
pub(crate) fn request_of(record: &Record) -> Option<Request> {
    let Origin::Terminal { message, signed } = &record.origin else { return None };
    Request::decode_payload(MessageType(*message), Sign1::parse(signed).ok()?.payload?).ok()
}

/// Through which business date an entry closes all days, and who closed them; empty when that was due by itself.
#[must_use]
pub fn closing(record: &Record) -> Option<(u32, String)> {
    if !day::closes(&record.details.effects) {
        return None;
    }
    match &record.origin {
        Origin::System { name, key } if name == Origin::CLOSE => Some((key.parse().ok()?, String::new())),
        Origin::Operator { signed } => {
            let signed = SignedAct::decode(Sign1::parse(signed.first()?).ok()?.payload?).ok()?;
            let Act::DayClose { day } = signed.act else { return None };
            Some((day, signed.operator))
        }
        _ => None,
    }
}

/// The entry that a Void or Reversal has undone.
fn undone(message: u8, effects: &[Effect]) -> Option<u64> {
    let undoes = [message::VOID, message::REVERSAL].contains(&message);
    effects.iter().filter(|_| undoes).find_map(|effect| match effect {
        Effect::Transaction { index, fate }
            if matches!(fate.state, TransactionState::Reversed | TransactionState::Voided) =>
        {
            Some(*index)
        }
        _ => None,
    })
}

/// A currency by its ISO 4217 number.
pub(crate) fn money((number, exponent): (u16, u8)) -> Commodity {
    let name = currency_code(number).map_or_else(|| format!("X{number:03}"), str::to_owned);
    Commodity { name, exponent }
}

pub(crate) fn points(kind: Kind) -> Commodity {
    let name = if kind == Kind::POINTS { "PTS".to_owned() } else { format!("PTS{}", kind.0) };
    Commodity { name, exponent: 0 }
}

/// What a terminal's message and its answer say; and when the sale was made, if it is told later.
fn told(
    transaction: &mut Transaction,
    message: MessageType,
    signed: &[u8],
    answer: &[u8],
    currency: &Commodity,
) -> Result<Option<i64>> {
    let sign1 = Sign1::parse(signed).context("its request")?;
    let request =
        Request::decode_payload(message, sign1.payload.unwrap_or_default()).context("its request")?;
    let answer = Answer::decode(answer).context("its answer")?;
    let header = &request.header;
    let text = |value: Option<String>| value.unwrap_or_default();
    (transaction.origin, transaction.what) = ("terminal", message.name().to_owned());
    transaction.is_value = message.is_value();
    transaction.code = answer.code.to_string();
    transaction.terminal = header.terminal.as_str().into();
    transaction.generation = text(header.generation.map(|generation| generation.get().to_string()));
    transaction.stan = text(header.stan.map(|stan| stan.get().to_string()));
    transaction.card = text(answer.card.map(|card| card.number().to_string()));
    transaction.amount = text(answer.approved_amount.map(|amount| shown(amount.get(), currency.exponent)));
    transaction.person = text(header.cashier.map(|cashier| cashier.as_str().into()));
    transaction.shift = text(header.shift.map(|shift| shift.get().to_string()));
    transaction.order_reference =
        text(header.order_reference.as_ref().map(|order| order.as_str().to_owned()));
    if let Body::Load { tenders, .. } = &request.body {
        let line = |line: &protocol::field::TenderLine| {
            format!("{}:{}", line.kind.0, shown(line.amount.get(), currency.exponent))
        };
        transaction.tenders = tenders.iter().map(line).collect::<Vec<_>>().join(" ");
    }
    Ok(sold_at(&request))
}

/// What operators have signed.
fn acted(transaction: &mut Transaction, signed: &[Vec<u8>]) -> Result<Cause> {
    let mut people = Vec::new();
    let mut cause = Cause::default();
    transaction.origin = "operator";
    for bytes in signed {
        let sign1 = Sign1::parse(bytes).context("its act")?;
        let signed = SignedAct::decode(sign1.payload.unwrap_or_default()).context("its act")?;
        cause.refund = matches!(signed.act, Act::CardRefund { .. });
        cause.adjustment = matches!(signed.act, Act::CardAdjust { .. });
        transaction.what = act::name(&signed.act).to_owned();
        people.push(signed.operator);
    }
    transaction.person = people.join(" ");
    Ok(cause)
}
