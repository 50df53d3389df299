//! From a typed line to a command. Nothing here knows a terminal: the same line always means the same.

use std::str::{FromStr, SplitWhitespace};

use protocol::code::ResponseCode;
use protocol::field::{
    AmountMinor, CardReference, Code, GrossMinor, Pin, Points, PurchaseLine, Quantity, QuantityThousandths,
    Role, Stan, TenderKind, TenderLine, Text, UnixSeconds,
};
use protocol::frame::MessageType;
use protocol::request::{BIRTHDAY, PHONE, PersonalFields, RequestSidecar};

use super::command::{CardEntry, CardName, Command, Expected};
use super::members::{Joining, Person};
use super::money::Unit;
use super::words::{WORDS, Word};
use crate::card::Card;
use crate::holder::NAME;

const TENDERS: &[(&str, TenderKind)] = &[
    ("cash", TenderKind::CASH),
    ("card", TenderKind::BANK_CARD),
    ("qr", TenderKind::QR_WALLET),
    ("bank", TenderKind::BANK_TRANSFER),
    ("voucher", TenderKind::VOUCHER),
    ("stored", TenderKind::STORED_VALUE),
    ("other", TenderKind::OTHER),
];

/// What a line is of, when nobody says it.
const GOODS: &str = "goods";

const CODE_16: &str = "1 to 16 of A-Z a-z 0-9 - _ . : /";
const CODE_24: &str = "1 to 24 of A-Z a-z 0-9 - _ . : /";

/// What follows these is, or may be meant as, somebody's PIN or personal data: nothing of it is said again.
const HIDDEN: &[&str] = &["pin", "change-pin", "sign-on", "supervisor", "holder", "look-up"];

/// Reads one line. `None` is a line that says nothing: blank, or a comment after `#`. The error is for the person.
pub(super) fn parse(line: &str, role: Role, unit: Unit) -> Result<Option<Command>, String> {
    let mut words = line.split_whitespace();
    let Some(name) = words.next().filter(|name| !name.starts_with('#')) else { return Ok(None) };
    let word = WORDS.iter().find(|word| word.name == name);
    let word = word.ok_or_else(|| format!("\"{name}\" is no command; help lists them"))?;
    if !word.is_of(role) {
        return Err(format!("a kiosk has no {name}; help lists what it has"));
    }
    let command = Line { word, unit, words }.command()?;
    Ok(Some(command))
}

/// The rest of a line.
struct Line<'a> {
    word: &'static Word,
    unit: Unit,
    words: SplitWhitespace<'a>,
}

impl<'a> Line<'a> {
    fn command(mut self) -> Result<Command, String> {
        let command = match self.word.name {
            "card" => self.card()?,
            "activate" => Command::Activate,
            "quote" => Command::Quote(self.amount()?),
            "price" => Command::Price {
                amount: self.amount()?,
                prices: self.flag("prices"),
                points: self.points()?,
                lines: self.lines()?,
            },
            "load" => {
                let amount = self.amount()?;
                Command::Load(amount, self.tenders(amount)?)
            }
            "balance" => Command::Balance,
            "sale" => Command::Sale {
                amount: self.amount()?,
                part: self.flag("part"),
                prices: self.flag("prices"),
                points: self.points()?,
                lines: self.lines()?,
            },
            "join" => Command::Join(self.joining()?),
            "holder" => Command::Holder(self.person()?),
            "look-up" => Command::LookUp(Person(self.phone()?)),
            "award" => Command::Award(self.code("an activity")?, self.quantity()?),
            "redeem" => Command::Redeem(self.code("an item")?, self.quantity()?),
            "use" => Command::Use(self.code("an entitlement")?, self.quantity()?),
            "member" => Command::Member(self.after()?),
            "catalogue" => {
                let after = self.words.next();
                Command::Catalogue(after.map(|item| checked(item, CODE_24)).transpose()?)
            }
            "unload" => Command::Unload(self.amount()?),
            "cash-taken" => Command::CashTaken(self.amount()?),
            "sign-on" => Command::SignOn(self.name()?, self.pin()?),
            "supervisor" => Command::Supervisor(self.name()?, self.pin()?),
            "pin" => Command::Pin(self.pin()?),
            "change-pin" => {
                let first = self.pin()?;
                match self.words.clone().next() {
                    Some(_) => Command::ChangePin { old: Some(first), new: self.pin()? },
                    None => Command::ChangePin { old: None, new: first },
                }
            }
            "offline" => Command::Offline,
            "export-queue" => Command::ExportQueue(self.next("a file")?.into()),
            "authorize" => Command::Authorize(self.amount()?),
            "raise" => Command::Raise(self.amount()?, self.optional_stan()?),
            "capture" => Command::Capture {
                amount: self.amount()?,
                more: self.flag("more"),
                stan: self.optional_stan()?,
            },
            "void" => Command::Void(self.optional_stan()?),
            "refund" => {
                let amount = self.amount()?;
                let stan = if self.is_next("line") { None } else { self.optional_stan()? };
                Command::Refund { amount, stan, lines: self.lines()? }
            }
            "transfer" => {
                let amount = self.amount()?;
                let to = self.next("the card that it goes to")?;
                Command::Transfer(amount, card_name(to)?)
            }
            "reverse" => Command::Reverse,
            "status" => {
                let stan = self.next("a STAN")?;
                Command::Status(read_stan(stan)?)
            }
            "receipt" => Command::Receipt(self.optional_stan()?),
            "report" => Command::Report,
            "close" => Command::Close,
            "cashier" => Command::Cashier(self.name()?),
            "order" => self.order()?,
            "last" => Command::Last,
            "expect" => Command::Expect(self.expected()?),
            "quit" => Command::Quit,
            _ => Command::Help,
        };
        match self.words.next() {
            None => Ok(command),
            Some(_) if HIDDEN.contains(&self.word.name) => Err(self.wrong("one word too many")),
            Some(rest) => Err(self.wrong(&format!("\"{rest}\" is one word too many"))),
        }
    }

    fn card(&mut self) -> Result<Command, String> {
        let reference = self.next("a card")?;
        let entry = match self.words.next() {
            None => CardEntry::Named(card_name(reference)?),
            Some(secret) => {
                let card = Card::new(reference, secret);
                let wrong = "no card: 16 digits that begin with 9 and end with their check digit, and 8 to 64 \
                             characters of its secret";
                CardEntry::Keyed(card.ok_or_else(|| self.wrong(wrong))?)
            }
        };
        Ok(Command::Card(entry))
    }

    /// What pays the amount: cash unless something is said. Only the first may leave out its part, which is then all.
    fn tenders(&mut self, amount: i64) -> Result<Vec<TenderLine>, String> {
        let mut tenders = Vec::new();
        while let Some(name) = self.words.next() {
            let kind = tender_kind(name)?;
            let is_all = tenders.is_empty() && self.words.clone().next().is_none_or(|word| word == "ref");
            let part = if is_all { amount } else { self.amount()? };
            let reference = if self.flag("ref") {
                Some(checked(self.next("a reference")?, "1 to 32 bytes")?)
            } else {
                None
            };
            tenders.push(self.tender(kind, part, reference)?);
        }
        if tenders.is_empty() {
            tenders.push(self.tender(TenderKind::CASH, amount, None)?);
        }
        let sum = tenders.iter().fold(0_i64, |sum, tender| sum.saturating_add(tender.amount.get()));
        if sum != amount {
            let (sum, amount) = (self.unit.show(sum), self.unit.show(amount));
            return Err(self.wrong(&format!("the tenders add up to {sum}, not to {amount}")));
        }
        Ok(tenders)
    }

    fn tender(
        &self,
        kind: TenderKind,
        minor: i64,
        reference: Option<Text<32>>,
    ) -> Result<TenderLine, String> {
        let amount = AmountMinor::new(minor).ok_or_else(|| self.wrong("the amount is too large"))?;
        Ok(TenderLine { kind, amount, reference })
    }

    /// All that follows, with single spaces.
    fn order(&mut self) -> Result<Command, String> {
        let first = self.next("a text")?;
        let text: Vec<&str> = std::iter::once(first).chain(self.words.by_ref()).collect();
        Ok(Command::Order(checked(&text.join(" "), "1 to 32 bytes")?))
    }

    fn expected(&mut self) -> Result<Expected, String> {
        let code = self.next("a response code")?;
        if code == "refused" {
            return Ok(Expected::Refused);
        }
        let number = code.parse().ok().filter(|_| code.len() == 2 && is_digits(code));
        let wrong = || format!("\"{code}\" is no response code: two digits, or refused");
        number.map(|number| Expected::Code(ResponseCode(number))).ok_or_else(wrong)
    }

    fn amount(&mut self) -> Result<i64, String> {
        let text = self.next("an amount")?;
        self.unit.read(text)
    }

    fn optional_stan(&mut self) -> Result<Option<Stan>, String> {
        self.words.next().map(read_stan).transpose()
    }

    fn name(&mut self) -> Result<Code<16>, String> {
        let name = self.next("a name")?;
        checked(name, CODE_16)
    }

    /// A PIN, which is never said again, right or wrong.
    fn pin(&mut self) -> Result<Pin, String> {
        let digits = self.next("a PIN")?;
        Pin::new(digits).ok_or_else(|| self.wrong("a PIN has 4 to 12 digits"))
    }

    fn code(&mut self, what: &str) -> Result<Code<24>, String> {
        let code = self.next(what)?;
        checked(code, CODE_24)
    }

    fn quantity(&mut self) -> Result<Option<Quantity>, String> {
        let Some(text) = self.words.next() else { return Ok(None) };
        let number = text.parse().ok().filter(|_| is_digits(text)).and_then(Quantity::new);
        number.map(Some).ok_or_else(|| self.wrong(&format!("\"{text}\" is no number from 1 to 1000000")))
    }

    /// A Unix second, as the end of a page says it.
    fn after(&mut self) -> Result<Option<UnixSeconds>, String> {
        let Some(text) = self.words.next() else { return Ok(None) };
        let number = text.parse().ok().filter(|_| is_digits(text)).and_then(UnixSeconds::new);
        number.map(Some).ok_or_else(|| self.wrong(&format!("\"{text}\" is no Unix second")))
    }

    fn joining(&mut self) -> Result<Joining, String> {
        let by = if self.flag("by") { Some(card_name(self.next("a card")?)?) } else { None };
        let channel = if self.flag("via") {
            Some(checked(self.next("a channel")?, "1 to 32 of A-Z a-z 0-9 - _ . : /")?)
        } else {
            None
        };
        Ok(Joining { by, channel, company: self.flag("company") })
    }

    /// What somebody says of themselves, which is never said again, right or wrong.
    fn person(&mut self) -> Result<Person, String> {
        let mut fields = self.phone()?;
        if self.flag("born") {
            let day = self.next("a birthday")?;
            fields.extend(self.personal(BIRTHDAY, day, "a birthday is YYYY-MM-DD")?);
        }
        let name = self.words.by_ref().collect::<Vec<_>>().join(" ");
        if !name.is_empty() {
            fields.extend(self.personal(NAME, &name, "a name has 64 bytes at most")?);
        }
        Ok(Person(fields))
    }

    fn phone(&mut self) -> Result<PersonalFields, String> {
        let digits = self.next("a phone number")?;
        self.personal(PHONE, digits, "a phone number has 5 to 15 digits, country code first, no sign")
    }

    /// One field, if it has its form (section 5.4).
    fn personal(&self, field: u8, text: &str, form: &str) -> Result<PersonalFields, String> {
        let personal: PersonalFields = text.parse().ok().map(|text| (field, text)).into_iter().collect();
        let sidecar = RequestSidecar { personal: personal.clone(), ..RequestSidecar::default() };
        let fits = RequestSidecar::decode(MessageType::LOAD, &sidecar.encode()).is_ok();
        if fits && !personal.is_empty() { Ok(personal) } else { Err(self.wrong(form)) }
    }

    fn points(&mut self) -> Result<Option<Points>, String> {
        if !self.flag("points") {
            return Ok(None);
        }
        let text = self.next("how many points")?;
        let number = text.parse().ok().filter(|_| is_digits(text)).and_then(Points::new);
        number.map(Some).ok_or_else(|| self.wrong(&format!("\"{text}\" is no number of points")))
    }

    fn lines(&mut self) -> Result<Vec<PurchaseLine>, String> {
        let mut lines = Vec::new();
        while self.flag("line") {
            let item = self.next("an item")?;
            let quantity = self.next("a quantity")?;
            let thousandths = Unit { exponent: 3 }.read(quantity).ok().and_then(QuantityThousandths::new);
            let quantity =
                thousandths.ok_or_else(|| self.wrong(&format!("\"{quantity}\" is no quantity")))?;
            let gross = GrossMinor::new(self.amount()?).ok_or_else(|| self.wrong("the line is too large"))?;
            let named = self.flag("of");
            let category = if named { self.next("a category")? } else { GOODS };
            let brand = if named { self.brand()? } else { None };
            let (item, category) = (checked(item, CODE_24)?, checked(category, CODE_16)?);
            lines.push(PurchaseLine { item, category, brand, quantity, gross, flags: 0 });
        }
        Ok(lines)
    }

    /// The word behind a category, unless the next line begins with it.
    fn brand(&mut self) -> Result<Option<Code<16>>, String> {
        if self.is_next("line") {
            return Ok(None);
        }
        self.words.next().map(|brand| checked(brand, CODE_16)).transpose()
    }

    fn is_next(&self, word: &str) -> bool {
        self.words.clone().next() == Some(word)
    }

    /// Whether this word comes next; then it is taken.
    fn flag(&mut self, flag: &str) -> bool {
        let mut ahead = self.words.clone();
        let there = ahead.next() == Some(flag);
        if there {
            self.words = ahead;
        }
        there
    }

    fn next(&mut self, what: &str) -> Result<&'a str, String> {
        let next = self.words.next();
        next.ok_or_else(|| format!("{what} is missing; {}", self.word.usage()))
    }

    fn wrong(&self, what: &str) -> String {
        format!("{what}; {}", self.word.usage())
    }
}

fn tender_kind(name: &str) -> Result<TenderKind, String> {
    let found = TENDERS.iter().find(|(word, _)| *word == name).map(|(_, kind)| *kind);
    found.ok_or_else(|| {
        let all: Vec<&str> = TENDERS.iter().map(|(word, _)| *word).collect();
        format!("\"{name}\" is no tender: {}", all.join(", "))
    })
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn read_stan(text: &str) -> Result<Stan, String> {
    let number = text.parse().ok().filter(|_| is_digits(text)).and_then(Stan::new);
    number.ok_or_else(|| format!("\"{text}\" is no STAN: a number from 1, as on the receipt"))
}

fn card_name(text: &str) -> Result<CardName, String> {
    if let Ok(reference) = text.parse::<CardReference>() {
        return Ok(CardName::Reference(reference));
    }
    let place = text.parse().ok().filter(|place| *place > 0 && is_digits(text) && text.len() < 16);
    let wrong = || format!("\"{text}\" is no card: its 16 digits, or its number in the cards file, from 1");
    place.map(CardName::Place).ok_or_else(wrong)
}

fn checked<T: FromStr>(text: &str, set: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("\"{text}\" does not fit: {set}"))
}

#[cfg(test)]
mod tests;
