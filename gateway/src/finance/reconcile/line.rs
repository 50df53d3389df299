//! What a line of a provider's file says, by the columns that the map names.

use anyhow::{Result, anyhow, bail};
use jiff::civil::Date;

use super::amount::{amount, fields, shortened};
use super::map::{Column, Map, Types};
use super::spoiled::is_cut;
use super::statement::Why;
use crate::finance::Commodity;

/// Where each thing stands, from 0.
struct Places {
    reference: Option<usize>,
    amount: usize,
    date: usize,
    kind: Option<usize>,
    state: Option<usize>,
    store: Option<usize>,
    refund_amount: Option<usize>,
    fee: Option<usize>,
    currency: Option<usize>,
}

/// How the lines of a file are read.
pub(super) struct Form<'a> {
    map: &'a Map,
    currency: &'a Commodity,
    places: Places,
    /// Empty without a header.
    header: Vec<String>,
}

/// A payment, or a refund below zero.
pub(super) struct Payment {
    pub reference: String,
    pub amount: i64,
    pub day: Date,
    pub fee: i64,
    pub cut: bool,
}

pub(super) enum Read {
    Payment(Payment),
    Not(Why),
}

/// How the refunds of a file are written, as far as they tell: the first one's line, and whether it is below zero.
#[derive(Default)]
pub(super) struct Refunds(Option<(u64, bool)>);

/// What a line is by its type.
enum Kind {
    Payment,
    Refund,
    Neither,
    /// No type says so: its sign does, or the column that its amount is in.
    Plain,
}

impl<'a> Form<'a> {
    /// Finds the columns, by the first line.
    pub(super) fn new(map: &'a Map, currency: &'a Commodity, first: &str) -> Result<Self> {
        let header =
            if map.header { fields_of(map, first).map_err(|what| anyhow!(what))? } else { Vec::new() };
        let place = |key: &str, column: &Column| place_of(&header, map, key, column);
        let may =
            |key: &str, column: &Option<Column>| column.as_ref().map(|column| place(key, column)).transpose();
        let columns = &map.columns;
        let places = Places {
            reference: may("reference", &columns.reference)?,
            amount: place("amount", &columns.amount)?,
            date: place("date", &columns.date)?,
            kind: may("type", &columns.kind)?,
            state: may("state", &columns.state)?,
            store: may("store", &columns.store)?,
            refund_amount: may("refund_amount", &columns.refund_amount)?,
            fee: may("fee", &columns.fee)?,
            currency: may("currency", &columns.currency)?,
        };
        Ok(Self { map, currency, places, header })
    }

    /// A line's fields, as many as the header has.
    fn fields(&self, text: &str) -> Result<Vec<String>, String> {
        let mut fields = fields_of(self.map, text)?;
        let width = self.header.len();
        if fields.len() == width.saturating_add(1) && fields.last().is_some_and(String::is_empty) {
            fields.pop();
        }
        if width > 0 && fields.len() != width {
            return Err(format!(
                "it has {} fields and the header {width}; if it belongs to the foot, look at skip_foot in the map",
                fields.len(),
            ));
        }
        Ok(fields)
    }

    /// The amount and the day that a line would have, if it were a payment's.
    pub(super) fn glance(&self, text: &str) -> Option<(i64, Option<Date>)> {
        let fields = self.fields(text).ok()?;
        let number = |at: usize| {
            let read = amount(fields.get(at)?, self.map.style, self.exponent()).ok();
            read.filter(|amount| *amount != 0)
        };
        let amount = number(self.places.amount).or_else(|| number(self.places.refund_amount?))?;
        let day = fields.get(self.places.date).and_then(|text| self.map.day(text).ok());
        Some((amount, day))
    }

    pub(super) fn payment(&self, number: u64, text: &str, refunds: &mut Refunds) -> Result<Read, String> {
        let fields = self.fields(text)?;
        if fields == self.header {
            return Ok(Read::Not(Why::Header));
        }
        let field = |at: usize| {
            let missing =
                || format!("it has {} fields and none at place {}", fields.len(), at.saturating_add(1));
            fields.get(at).map(String::as_str).ok_or_else(missing)
        };
        let may = |at: Option<usize>| at.map(field).transpose();
        if let Some(word) = may(self.places.store)?
            && !self.is_ours(word)?
        {
            return Ok(Read::Not(Why::Store));
        }
        if let (Some(states), Some(word)) = (&self.map.states, may(self.places.state)?)
            && !is_done(&states.done, &states.not_done, word)?
        {
            return Ok(Read::Not(Why::NotDone));
        }
        let kind = match (&self.map.types, may(self.places.kind)?) {
            (Some(types), Some(word)) => kind_of(types, word)?,
            _ => Kind::Plain,
        };
        if matches!(kind, Kind::Neither) {
            return Ok(Read::Not(Why::Kind));
        }
        let (amount, fee) = self.money(number, &kind, &field, refunds)?;
        if amount == 0 {
            return Ok(Read::Not(Why::Nothing));
        }
        let own = &self.currency.name;
        if let Some(code) = may(self.places.currency)?.filter(|code| code != own) {
            return Err(format!("its currency is {:?}; the journal's is {own}", shortened(code)));
        }
        let day = self.map.day(field(self.places.date)?)?;
        let reference = may(self.places.reference)?.unwrap_or_default();
        let cut = is_cut(reference);
        Ok(Read::Payment(Payment { reference: reference.to_owned(), amount, day, fee, cut }))
    }

    /// Decimal places of an amount in the file.
    fn exponent(&self) -> u8 {
        if self.map.minor { 0 } else { self.currency.exponent }
    }

    fn is_ours(&self, word: &str) -> Result<bool, String> {
        let code = match &self.map.store_words {
            None => word,
            Some(words) => words
                .get(word)
                .map(String::as_str)
                .ok_or_else(|| format!("its store {:?} is not in [stores] of the map", shortened(word)))?,
        };
        Ok(self.map.stores.iter().any(|store| store == code))
    }

    /// What a line paid, refunds below zero, and its fee.
    fn money<'f>(
        &self,
        line: u64,
        kind: &Kind,
        field: &impl Fn(usize) -> Result<&'f str, String>,
        refunds: &mut Refunds,
    ) -> Result<(i64, i64), String> {
        let number = |text: &str| amount(text, self.map.style, self.exponent());
        let or_none =
            |at: usize| field(at).and_then(|text| if text.is_empty() { Ok(0) } else { number(text) });
        let places = &self.places;
        let fee = places.fee.map_or(Ok(0), or_none)?;
        let fee = if self.map.fees_below { fee.saturating_neg() } else { fee };
        let (paid, fee) = match (kind, places.refund_amount) {
            (Kind::Payment, at) => {
                if at.map_or(Ok(0), or_none)? != 0 {
                    return Err("it is a payment by its type, and it has a refund amount".into());
                }
                match number(field(places.amount)?)? {
                    below if below < 0 => {
                        return Err("it is a payment by its type, and its amount is below zero. If the sign says what \
                             is a refund in this file, take `type` and [types] out of the map"
                            .into());
                    }
                    paid => (paid, fee),
                }
            }
            (Kind::Refund, at) => {
                let amount = number(field(at.unwrap_or(places.amount))?)?;
                refunds.went_back(line, amount, fee, self.map.refunds_below)?
            }
            (Kind::Neither, _) => (0, 0),
            (Kind::Plain, Some(at)) => match (or_none(places.amount)?, or_none(at)?) {
                (paid, 0) => (paid, fee),
                (0, back) => refunds.went_back(line, back, fee, self.map.refunds_below)?,
                _ => return Err("it has an amount and a refund amount".into()),
            },
            (Kind::Plain, None) => (number(field(places.amount)?)?, fee),
        };
        let paid = if self.map.turned { paid.saturating_neg() } else { paid };
        let kept = if self.map.net { fee } else { 0 };
        let gross = paid.checked_add(kept).ok_or("its amount and fee leave the range")?;
        Ok((gross, fee))
    }
}

impl Refunds {
    /// A refund and the fee that came back with it, both below zero; above, when the refund was called back. Some write refunds
    /// with a sign, some without; a file that does both can be read in two ways.
    fn went_back(
        &mut self,
        line: u64,
        amount: i64,
        fee: i64,
        said_below: Option<bool>,
    ) -> Result<(i64, i64), String> {
        let below = amount < 0;
        let refund = match (said_below, self.0) {
            (Some(said), _) => below == said,
            (None, Some((first, other))) if amount != 0 && other != below => {
                let [is, was] = if below { ["below", "above"] } else { ["above", "below"] };
                return Err(format!(
                    "its refund is {is} zero, and that of line {first} {was}. Say in [numbers] of the map how refunds are \
                     written, refunds = \"positive\" or \"negative\": the others were called back"
                ));
            }
            (None, first) => {
                self.0 = first.or((amount != 0).then_some((line, below)));
                true
            }
        };
        let signed = |value: i64| {
            let value = value.saturating_abs();
            if refund { value.saturating_neg() } else { value }
        };
        Ok((signed(amount), signed(fee)))
    }
}

/// Fields without what stands around them, also what nobody sees.
fn fields_of(map: &Map, text: &str) -> Result<Vec<String>, String> {
    let bare = |field: String| field.trim_matches(|sign: char| map.is_around(sign)).to_owned();
    Ok(fields(text, map.delimiter)?.into_iter().map(bare).collect())
}

fn place_of(header: &[String], map: &Map, key: &str, column: &Column) -> Result<usize> {
    let name = match column {
        Column::Place(place) => return Ok(place.saturating_sub(1)),
        Column::Name(name) => name,
    };
    let mut found = header.iter().enumerate().filter(|(_, header)| *header == name);
    match (found.next(), found.next(), header) {
        (Some((at, _)), None, _) => Ok(at),
        (None, _, [only]) => bail!(
            "the header is one field, {:?}: is delimiter = {:?} right, and skip_head?",
            shortened(only),
            map.delimiter
        ),
        (None, ..) => {
            let names: Vec<String> =
                header.iter().take(40).map(|name| format!("{:?}", shortened(name))).collect();
            bail!(
                "the header has no {name:?}, which [columns] {key} names; it has: {}. Is skip_head right?",
                names.join(", ")
            )
        }
        _ => bail!("the header has {name:?} twice; name [columns] {key} by its number"),
    }
}

fn is_done(done: &[String], not_done: &[String], word: &str) -> Result<bool, String> {
    let among = |words: &[String]| words.iter().any(|known| known == word);
    if among(done) {
        Ok(true)
    } else if among(not_done) {
        Ok(false)
    } else {
        Err(format!("its state {:?} is neither done nor not_done in [states] of the map", shortened(word)))
    }
}

fn kind_of(types: &Types, word: &str) -> Result<Kind, String> {
    let among = |words: &[String]| words.iter().any(|known| known == word);
    if among(&types.ignore) {
        Ok(Kind::Neither)
    } else if among(&types.payment) {
        Ok(Kind::Payment)
    } else if among(&types.refund) {
        Ok(Kind::Refund)
    } else {
        let word = shortened(word);
        Err(format!("its type {word:?} is none of payment, refund or ignore in [types] of the map"))
    }
}
