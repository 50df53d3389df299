//! What is understood, and what is said of the rest.

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

fn code(text: &str) -> Code<24> {
    text.parse().unwrap()
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
    Command::Sale { amount: 1_250, part, prices: false, points, lines }
}

fn of(line: PurchaseLine, category: &str, brand: Option<&str>) -> PurchaseLine {
    PurchaseLine {
        category: category.parse().unwrap(),
        brand: brand.map(|brand| brand.parse().unwrap()),
        ..line
    }
}

fn price(prices: bool, points: Option<Points>, lines: Vec<PurchaseLine>) -> Command {
    Command::Price { amount: 1_250, prices, points, lines }
}

fn load(tenders: &[(TenderKind, i64, Option<&str>)]) -> Command {
    let line = |(kind, minor, reference): &(TenderKind, i64, Option<&str>)| TenderLine {
        kind: *kind,
        amount: AmountMinor::new(*minor).unwrap(),
        reference: reference.map(|text| text.parse().unwrap()),
    };
    Command::Load(10_000, tenders.iter().map(line).collect())
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
        ("price 12.50", price(false, None, Vec::new())),
        ("price 12.50 prices", price(true, None, Vec::new())),
        (
            "price 12.50 prices points 3 line A 1 12.50 of drinks ACME",
            price(true, Points::new(3), vec![of(bought("A", 1_000, 1_250), "drinks", Some("ACME"))]),
        ),
        ("load 100.00", load(&[(TenderKind::CASH, 10_000, None)])),
        ("load 100.00 cash", load(&[(TenderKind::CASH, 10_000, None)])),
        ("load 100.00 card", load(&[(TenderKind::BANK_CARD, 10_000, None)])),
        ("load 100.00 qr", load(&[(TenderKind::QR_WALLET, 10_000, None)])),
        ("load 100.00 bank", load(&[(TenderKind::BANK_TRANSFER, 10_000, None)])),
        ("load 100.00 voucher", load(&[(TenderKind::VOUCHER, 10_000, None)])),
        ("load 100.00 stored", load(&[(TenderKind::STORED_VALUE, 10_000, None)])),
        ("load 100.00 other", load(&[(TenderKind::OTHER, 10_000, None)])),
        ("load 100.00 qr 100.00", load(&[(TenderKind::QR_WALLET, 10_000, None)])),
        ("load 100.00 qr ref 4200/1", load(&[(TenderKind::QR_WALLET, 10_000, Some("4200/1"))])),
        (
            "load 100.00 cash 59.99 qr 40.01 ref 42",
            load(&[(TenderKind::CASH, 5_999, None), (TenderKind::QR_WALLET, 4_001, Some("42"))]),
        ),
        ("sale 12.50", sale(false, None, Vec::new())),
        ("  sale\t12.50   part ", sale(true, None, Vec::new())),
        ("sale 12.50 points 300", sale(false, Points::new(300), Vec::new())),
        (
            "sale 12.50 line A-1 2 10 line B 0.375 2.50",
            sale(false, None, vec![bought("A-1", 2_000, 1_000), bought("B", 375, 250)]),
        ),
        (
            "sale 12.50 line A-1 2 10 of tea line B 0.375 2.50 of cake ACME",
            sale(
                false,
                None,
                vec![
                    of(bought("A-1", 2_000, 1_000), "tea", None),
                    of(bought("B", 375, 250), "cake", Some("ACME")),
                ],
            ),
        ),
        (
            "sale 12.50 part prices",
            Command::Sale { amount: 1_250, part: true, prices: true, points: None, lines: Vec::new() },
        ),
        ("join", Command::Join(Joining::default())),
        (
            "join by 3 via leaflet company",
            Command::Join(Joining { by: Some(place), channel: "leaflet".parse().ok(), company: true }),
        ),
        ("award walk", Command::Award(code("walk"), None)),
        ("award walk 12", Command::Award(code("walk"), Quantity::new(12))),
        ("redeem mug 2", Command::Redeem(code("mug"), Quantity::new(2))),
        ("use lounge", Command::Use(code("lounge"), None)),
        ("member", Command::Member(None)),
        ("member 1790000000", Command::Member(UnixSeconds::new(1_790_000_000))),
        ("catalogue", Command::Catalogue(None)),
        ("catalogue coffee", Command::Catalogue(Some(code("coffee")))),
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
    for line in super::super::words::help(Role::REGISTER).lines().filter(|line| !line.starts_with("LINE")) {
        let example = line[66..88].trim();
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
        (
            "price",
            "an amount is missing; it reads: price AMOUNT [prices] [points N] [LINE]..., such as: price 12.50 prices; LINE is: line ITEM QTY AMOUNT [of CATEGORY [BRAND]]",
        ),
        (
            "load",
            "an amount is missing; it reads: load AMOUNT [TENDER [AMOUNT] [ref TEXT]]..., such as: load 100.00 qr ref 42",
        ),
        (
            "load 5 cash 3 qr 1.99",
            "the tenders add up to 4.99, not to 5.00; it reads: load AMOUNT [TENDER [AMOUNT] [ref TEXT]]..., such as: load 100.00 qr ref 42",
        ),
        (
            "load 5 cash 6",
            "the tenders add up to 6.00, not to 5.00; it reads: load AMOUNT [TENDER [AMOUNT] [ref TEXT]]..., such as: load 100.00 qr ref 42",
        ),
        (
            "load 5 cash 3 qr",
            "an amount is missing; it reads: load AMOUNT [TENDER [AMOUNT] [ref TEXT]]..., such as: load 100.00 qr ref 42",
        ),
        (
            "load 5 qr ref",
            "a reference is missing; it reads: load AMOUNT [TENDER [AMOUNT] [ref TEXT]]..., such as: load 100.00 qr ref 42",
        ),
        (
            "sale 5 line A 1 5 of",
            "a category is missing; it reads: sale AMOUNT [part] [prices] [points N] [LINE]..., such as: sale 12.50 part; LINE is: line ITEM QTY AMOUNT [of CATEGORY [BRAND]]",
        ),
        ("sale 5 line A 1 5 of t*a", "\"t*a\" does not fit: 1 to 16 of A-Z a-z 0-9 - _ . : /"),
        ("load 5 gold", "\"gold\" is no tender: cash, card, qr, bank, voucher, stored, other"),
        (
            "sale",
            "an amount is missing; it reads: sale AMOUNT [part] [prices] [points N] [LINE]..., such as: sale 12.50 part; LINE is: line ITEM QTY AMOUNT [of CATEGORY [BRAND]]",
        ),
        ("sale 12,50", "\"12,50\" is no amount: digits, and at most 2 after a point, such as 12.50"),
        (
            "sale 5 some",
            "\"some\" is one word too many; it reads: sale AMOUNT [part] [prices] [points N] [LINE]..., such as: sale 12.50 part; LINE is: line ITEM QTY AMOUNT [of CATEGORY [BRAND]]",
        ),
        ("authorize", "an amount is missing; it reads: authorize AMOUNT, such as: authorize 50.00"),
        ("award", "an activity is missing; it reads: award ACTIVITY [N], such as: award bottle-return 12"),
        ("redeem m*g", "\"m*g\" does not fit: 1 to 24 of A-Z a-z 0-9 - _ . : /"),
        (
            "use lounge 0",
            "\"0\" is no number from 1 to 1000000; it reads: use ENTITLEMENT [N], such as: use lounge",
        ),
        ("member soon", "\"soon\" is no Unix second; it reads: member [AFTER], such as: member"),
        ("join by x", "\"x\" is no card: its 16 digits, or its number in the cards file, from 1"),
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
    for line in [
        "sale 1",
        "price 1",
        "refund 1",
        "void",
        "authorize 1",
        "raise 1",
        "capture 1",
        "transfer 1 2",
        "use x",
    ] {
        let name = line.split(' ').next().unwrap();
        let said = parse(line, Role::KIOSK, UNIT).unwrap_err();
        assert_eq!(said, format!("a kiosk has no {name}; help lists what it has"));
    }
    for line in [
        "load 1",
        "quote 1",
        "balance",
        "activate",
        "reverse",
        "status 1",
        "report",
        "close",
        "join",
        "award x",
        "redeem x",
        "member",
        "catalogue",
    ] {
        assert!(parse(line, Role::KIOSK, UNIT).is_ok(), "{line}");
    }
}
