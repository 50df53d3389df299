//! From a typed line to a command. Nothing here knows a terminal: the same line always means the same.

use std::str::{FromStr, SplitWhitespace};

use protocol::code::ResponseCode;
use protocol::field::{
    CardReference, Code, GrossMinor, Pin, Points, PurchaseLine, QuantityThousandths, Role, Stan, TenderKind,
};

use super::command::{CardEntry, CardName, Command, Expected};
use super::money::Unit;
use super::words::{WORDS, Word};
use crate::card::Card;

const TENDERS: &[(&str, TenderKind)] = &[
    ("cash", TenderKind::CASH),
    ("card", TenderKind::BANK_CARD),
    ("qr", TenderKind::QR_WALLET),
    ("bank", TenderKind::BANK_TRANSFER),
    ("voucher", TenderKind::VOUCHER),
    ("stored", TenderKind::STORED_VALUE),
    ("other", TenderKind::OTHER),
];

/// What follows these is, or may be meant as, somebody's PIN: nothing of it is said again.
const HIDDEN: &[&str] = &["pin", "change-pin", "sign-on", "supervisor"];

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
            "price" => Command::Price(self.amount()?),
            "load" => Command::Load(self.amount()?, self.tender()?),
            "balance" => Command::Balance,
            "sale" => Command::Sale {
                amount: self.amount()?,
                part: self.flag("part"),
                points: self.points()?,
                lines: self.lines()?,
            },
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

    fn tender(&mut self) -> Result<TenderKind, String> {
        let Some(name) = self.words.next() else { return Ok(TenderKind::CASH) };
        let found = TENDERS.iter().find(|(word, _)| *word == name).map(|(_, kind)| *kind);
        found.ok_or_else(|| {
            let all: Vec<&str> = TENDERS.iter().map(|(word, _)| *word).collect();
            format!("\"{name}\" is no tender: {}", all.join(", "))
        })
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
        checked(name, "1 to 16 of A-Z a-z 0-9 - _ . : /")
    }

    /// A PIN, which is never said again, right or wrong.
    fn pin(&mut self) -> Result<Pin, String> {
        let digits = self.next("a PIN")?;
        Pin::new(digits).ok_or_else(|| self.wrong("a PIN has 4 to 12 digits"))
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
            lines.push(PurchaseLine {
                item: checked(item, "1 to 24 of A-Z a-z 0-9 - _ . : /")?,
                category: checked("goods", "a code")?,
                brand: None,
                quantity: thousandths.ok_or_else(|| self.wrong(&format!("\"{quantity}\" is no quantity")))?,
                gross: GrossMinor::new(self.amount()?).ok_or_else(|| self.wrong("the line is too large"))?,
                flags: 0,
            });
        }
        Ok(lines)
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
mod tests {
    use super::*;

    const UNIT: Unit = Unit { exponent: 2 };
    const CARD: &str = "9766338083284777";
    const SECRET: &str = "27175142096771094217";

    fn understood(line: &str) -> Command {
        parse(line, Role::REGISTER, UNIT).unwrap_or_else(|error| panic!("{line}: {error}")).unwrap()
    }

    fn refused(line: &str) -> String {
        parse(line, Role::REGISTER, UNIT).expect_err(line)
    }

    fn stan(number: u32) -> Stan {
        Stan::new(number).unwrap()
    }

    fn pin(digits: &str) -> Pin {
        Pin::new(digits).unwrap()
    }

    fn bought(item: &str, thousandths: u32, gross: i64) -> PurchaseLine {
        PurchaseLine {
            item: item.parse().unwrap(),
            category: "goods".parse().unwrap(),
            brand: None,
            quantity: QuantityThousandths::new(thousandths.into()).unwrap(),
            gross: GrossMinor::new(gross).unwrap(),
            flags: 0,
        }
    }

    fn sale(part: bool, points: Option<Points>, lines: Vec<PurchaseLine>) -> Command {
        Command::Sale { amount: 1_250, part, points, lines }
    }

    fn refund(stan: Option<Stan>, lines: Vec<PurchaseLine>) -> Command {
        Command::Refund { amount: 500, stan, lines }
    }

    #[test]
    fn a_pin_is_not_said_again_however_wrong_the_line_is() {
        for line in [
            "pin 9876a",
            "pin 9876 5432",
            "change-pin 98765 x9876",
            "change-pin 9876 9876 9876",
            "sign-on A 98",
            "sign-on A 9876 9876",
            "supervisor A 9876x",
            "supervisor A 9876 9876",
            "pin 9876543210987",
        ] {
            let said = refused(line);
            assert!(!said.contains("98"), "{line}: {said}");
        }
        assert!(!format!("{:?}", understood("change-pin 9876 98765")).contains("98"));
    }

    #[test]
    fn every_command_is_understood() {
        let reference: CardReference = CARD.parse().unwrap();
        let keyed = Card::new(CARD, SECRET).unwrap();
        let place = CardName::Place(3);
        for (line, command) in [
            ("help", Command::Help),
            ("card 3", Command::Card(CardEntry::Named(place))),
            ("card 9766338083284777", Command::Card(CardEntry::Named(CardName::Reference(reference)))),
            ("card 9766338083284777 27175142096771094217", Command::Card(CardEntry::Keyed(keyed))),
            ("activate", Command::Activate),
            ("quote 100", Command::Quote(10_000)),
            ("price 12.50", Command::Price(1_250)),
            ("load 100.00", Command::Load(10_000, TenderKind::CASH)),
            ("load 100.00 cash", Command::Load(10_000, TenderKind::CASH)),
            ("load 100.00 card", Command::Load(10_000, TenderKind::BANK_CARD)),
            ("load 100.00 qr", Command::Load(10_000, TenderKind::QR_WALLET)),
            ("load 100.00 bank", Command::Load(10_000, TenderKind::BANK_TRANSFER)),
            ("load 100.00 voucher", Command::Load(10_000, TenderKind::VOUCHER)),
            ("load 100.00 stored", Command::Load(10_000, TenderKind::STORED_VALUE)),
            ("load 100.00 other", Command::Load(10_000, TenderKind::OTHER)),
            ("sale 12.50", sale(false, None, Vec::new())),
            ("  sale\t12.50   part ", sale(true, None, Vec::new())),
            ("sale 12.50 points 300", sale(false, Points::new(300), Vec::new())),
            (
                "sale 12.50 line A-1 2 10 line B 0.375 2.50",
                sale(false, None, vec![bought("A-1", 2_000, 1_000), bought("B", 375, 250)]),
            ),
            ("unload 50", Command::Unload(5_000)),
            ("cash-taken 50", Command::CashTaken(5_000)),
            ("sign-on ANNA 1234", Command::SignOn("ANNA".parse().unwrap(), pin("1234"))),
            ("supervisor BO 4711", Command::Supervisor("BO".parse().unwrap(), pin("4711"))),
            ("pin 123456", Command::Pin(pin("123456"))),
            ("change-pin 1234", Command::ChangePin { old: None, new: pin("1234") }),
            ("change-pin 1234 9876", Command::ChangePin { old: Some(pin("1234")), new: pin("9876") }),
            ("offline", Command::Offline),
            ("export-queue q.hex", Command::ExportQueue("q.hex".into())),
            ("balance", Command::Balance),
            ("authorize 50", Command::Authorize(5_000)),
            ("raise 10", Command::Raise(1_000, None)),
            ("raise 10 7", Command::Raise(1_000, Some(stan(7)))),
            ("capture 42", Command::Capture { amount: 4_200, more: false, stan: None }),
            ("capture 42 more", Command::Capture { amount: 4_200, more: true, stan: None }),
            ("capture 42 7", Command::Capture { amount: 4_200, more: false, stan: Some(stan(7)) }),
            ("capture 42 more 7", Command::Capture { amount: 4_200, more: true, stan: Some(stan(7)) }),
            ("void", Command::Void(None)),
            ("void 7", Command::Void(Some(stan(7)))),
            ("refund 5", refund(None, Vec::new())),
            ("refund 5 7", refund(Some(stan(7)), Vec::new())),
            ("refund 5 line A 1 5", refund(None, vec![bought("A", 1_000, 500)])),
            ("refund 5 7 line A 1 5", refund(Some(stan(7)), vec![bought("A", 1_000, 500)])),
            ("transfer 20 3", Command::Transfer(2_000, place)),
            ("transfer 20 9766338083284777", Command::Transfer(2_000, CardName::Reference(reference))),
            ("reverse", Command::Reverse),
            ("status 7", Command::Status(stan(7))),
            ("receipt", Command::Receipt(None)),
            ("receipt 7", Command::Receipt(Some(stan(7)))),
            ("report", Command::Report),
            ("close", Command::Close),
            ("cashier ANNA", Command::Cashier("ANNA".parse().unwrap())),
            ("order table  4", Command::Order("table 4".parse().unwrap())),
            ("last", Command::Last),
            ("expect 00", Command::Expect(Expected::Code(ResponseCode::APPROVED))),
            ("expect 51", Command::Expect(Expected::Code(ResponseCode::NOT_SUFFICIENT_FUNDS))),
            ("expect refused", Command::Expect(Expected::Refused)),
            ("quit", Command::Quit),
        ] {
            assert_eq!(understood(line), command, "{line}");
        }
        for nothing in ["", "   ", "# a remark", "#sale 1"] {
            assert_eq!(parse(nothing, Role::REGISTER, UNIT), Ok(None), "{nothing:?}");
        }
    }

    #[test]
    fn every_example_of_the_help_is_understood() {
        for line in super::super::words::help(Role::REGISTER).lines() {
            let example = line[58..80].trim();
            assert_eq!(example.split(' ').next(), line.split(' ').next(), "{line}");
            understood(example);
        }
    }

    #[test]
    fn every_wrong_form_is_told_what_is_wrong_with_it() {
        let card = "no card: 16 digits that begin with 9 and end with their check digit, and 8 to 64 characters of \
                    its secret; it reads: card REFERENCE SECRET, or NUMBER, such as: card 1";
        for (line, said) in [
            ("sell 5", "\"sell\" is no command; help lists them"),
            ("SALE 5", "\"SALE\" is no command; help lists them"),
            ("card", "a card is missing; it reads: card REFERENCE SECRET, or NUMBER, such as: card 1"),
            ("card 0", "\"0\" is no card: its 16 digits, or its number in the cards file, from 1"),
            (
                "card 9766338083284778",
                "\"9766338083284778\" is no card: its 16 digits, or its number in the cards file, from 1",
            ),
            ("card 9766338083284778 27175142096771094217", card),
            ("card 9766338083284777 1234567", card),
            (
                "card 9766338083284777 27175142096771094217 x",
                "\"x\" is one word too many; it reads: card REFERENCE SECRET, or NUMBER, such as: card 1",
            ),
            ("activate now", "\"now\" is one word too many; it reads: activate, such as: activate"),
            ("quote", "an amount is missing; it reads: quote AMOUNT, such as: quote 100.00"),
            ("price", "an amount is missing; it reads: price AMOUNT, such as: price 12.50"),
            ("load", "an amount is missing; it reads: load AMOUNT [TENDER], such as: load 100.00 qr"),
            ("load 5 gold", "\"gold\" is no tender: cash, card, qr, bank, voucher, stored, other"),
            (
                "sale",
                "an amount is missing; it reads: sale AMOUNT [part] [points N] [line ITEM QTY AMOUNT]..., such as: sale 12.50 part",
            ),
            ("sale 12,50", "\"12,50\" is no amount: digits, and at most 2 after a point, such as 12.50"),
            (
                "sale 5 some",
                "\"some\" is one word too many; it reads: sale AMOUNT [part] [points N] [line ITEM QTY AMOUNT]..., such as: sale 12.50 part",
            ),
            ("authorize", "an amount is missing; it reads: authorize AMOUNT, such as: authorize 50.00"),
            ("raise 5 x", "\"x\" is no STAN: a number from 1, as on the receipt"),
            ("capture 5 less", "\"less\" is no STAN: a number from 1, as on the receipt"),
            ("void 0", "\"0\" is no STAN: a number from 1, as on the receipt"),
            ("void +1", "\"+1\" is no STAN: a number from 1, as on the receipt"),
            ("refund 1 4294967296", "\"4294967296\" is no STAN: a number from 1, as on the receipt"),
            (
                "transfer 5",
                "the card that it goes to is missing; it reads: transfer AMOUNT TO, such as: transfer 20.00 2",
            ),
            ("transfer 5 x", "\"x\" is no card: its 16 digits, or its number in the cards file, from 1"),
            ("status", "a STAN is missing; it reads: status STAN, such as: status 7"),
            ("cashier", "a name is missing; it reads: cashier NAME, such as: cashier ANNA"),
            ("cashier ANNA*", "\"ANNA*\" does not fit: 1 to 16 of A-Z a-z 0-9 - _ . : /"),
            ("order", "a text is missing; it reads: order TEXT, such as: order table 4"),
            (
                "order 123456789012345678901234567890123",
                "\"123456789012345678901234567890123\" does not fit: 1 to 32 bytes",
            ),
            ("expect", "a response code is missing; it reads: expect CODE, or refused, such as: expect 00"),
            ("expect 0", "\"0\" is no response code: two digits, or refused"),
            ("expect +1", "\"+1\" is no response code: two digits, or refused"),
            ("quit now", "\"now\" is one word too many; it reads: quit, such as: quit"),
        ] {
            assert_eq!(refused(line), said, "{line}");
        }
        for alone in ["balance", "reverse", "report", "close", "last", "help"] {
            assert!(refused(&format!("{alone} x")).starts_with("\"x\" is one word too many; it reads: "));
        }
    }

    #[test]
    fn a_kiosk_has_only_what_it_may_send() {
        for line in
            ["sale 1", "price 1", "refund 1", "void", "authorize 1", "raise 1", "capture 1", "transfer 1 2"]
        {
            let name = line.split(' ').next().unwrap();
            let said = parse(line, Role::KIOSK, UNIT).unwrap_err();
            assert_eq!(said, format!("a kiosk has no {name}; help lists what it has"));
        }
        for line in ["load 1", "quote 1", "balance", "activate", "reverse", "status 1", "report", "close"] {
            assert!(parse(line, Role::KIOSK, UNIT).is_ok(), "{line}");
        }
    }
}
