//! The order of checks (PROTOCOL.md section 7): of two things that are wrong with a request, the one that is looked at first
//! gives the code. The order is read from the text; for every message, every two of its faults are put together.

use std::collections::{BTreeMap, BTreeSet};

use gateway::domain::card::CardStatus;
use gateway::domain::programme::{PinRule, PointsPayment, Product};
use gateway::domain::purchase::Asked;
use gateway::domain::request::CardClaim;
use gateway::domain::{
    Allowance, Card, CardReference, Cashier, Command, Effect, Facts, Fate, Hold, Kind, Lot, Named, Now,
    Original, Pin, Programme, Quoted, Request, Role, State, Terminal, TransactionState, Verdict, decide,
    purchase_quote, quote,
};
use gateway::{programme_file, translate};

use crate::bench::{apply, entry, register};

const PROTOCOL: &str = include_str!("../../../../protocol/PROTOCOL.md");

const CARD: CardReference = CardReference(9_000_000_000_000_006);
const RECEIVER: CardReference = CardReference(9_000_000_000_000_014);
const UNKNOWN: CardReference = CardReference(9_000_000_000_000_022);
const ACCOUNT: CardReference = CardReference(9_000_000_000_000_030);
/// A supervisor of every store, and the salt and hash of everybody's PIN.
const SUPERVISOR: &str = "LIN";
const HASHED: ([u8; 16], [u8; 32]) = ([1; 16], [5; 32]);
const TRIES: u8 = 3;
const PROOF: [u8; 32] = [7; 32];
/// This till, and another one of the same store.
const HERE: &str = "T1";
const BESIDE: &str = "T2";
const STAN: u32 = 11;
const SHIFT: u32 = 1;
/// The shift of what was done before.
const EARLIER_SHIFT: u32 = 2;
const EARLIER_STAN: u32 = 5;
const ASKED: i64 = 10_00;

/// A check as the text names it, and the codes that it gives, in the text's order.
#[derive(Debug)]
struct Check {
    name: String,
    codes: Vec<u8>,
}

/// Reads `name (code, code), name (code)`.
fn checks(list: &str) -> Vec<Check> {
    let parts = list.split_terminator(')').map(|part| part.split_once(" (").expect("codes in brackets"));
    let check = |(name, codes): (&str, &str)| Check {
        name: name.trim_start_matches(", ").to_owned(),
        codes: codes.split(|c: char| !c.is_ascii_digit()).filter_map(|code| code.parse().ok()).collect(),
    };
    parts.map(check).collect()
}

/// What the rules look at, in the order of the text: the card that is given to after the one that gives, and an original
/// behind the cards.
fn order() -> Vec<Check> {
    let paragraph = PROTOCOL.split_once("**Order of checks.** ").expect("the paragraph").1;
    let paragraph = paragraph.split_once("\n\n").expect("its end").0.replace('\n', " ");
    let split = |text: &'_ str, at: &str| -> (String, String) {
        let (before, after) = text.split_once(at).unwrap_or_else(|| panic!("{at:?} in {text:?}"));
        (before.to_owned(), after.to_owned())
    };
    let (_, rest) = split(&paragraph, "then, all final: ");
    let (list, rest) = split(&rest, ". A Transfer looks at ");
    let (receiver, rest) = split(&rest, " right after the one that gives. ");
    let (_, rest) = split(&rest, "it is looked at after the card: ");
    let (original, _) = split(&rest, ".");
    let mut all = checks(&list);
    let cards = all.iter().position(|check| check.name == "corporate account");
    let cards = cards.expect("the last check of a card") + 1;
    all.splice(cards..cards, checks(&receiver).into_iter().chain(checks(&original)));
    let last = "must not exceed its product's largest balance (61, looked at last), nor that of a card without a \
                registered holder (57, after that)";
    assert!(PROTOCOL.contains(last));
    all.push(Check { name: "balance of the card that it gives to".into(), codes: vec![61, 57] });
    all
}

/// Everything that a decision looks at.
#[derive(Clone, PartialEq)]
struct Case {
    state: State,
    programme: Programme,
    terminal: Terminal,
    request: Request,
    original: Option<Original>,
    /// What an unload may pay out.
    loads: Vec<Original>,
    quoted: Option<Quoted>,
    /// A question in place of a value message.
    is_quote: bool,
}

const NOW: Now = Now { ms: 1_790_000_000_000, business_date: 2026_09_21, certain: true };

impl Case {
    /// A request that nothing is wrong with.
    fn of(command: Command) -> Self {
        let mut programme = programme_file::parse(programme_file::DEFAULT).expect("the default programme");
        let product = programme.products.get_mut("standard").expect("the default product");
        product.max_transfer = Some(500_00);
        let gift = product.clone();
        programme.products.insert("gift".into(), gift);
        let mut state = State::default();
        for (reference, product) in [(CARD, "standard"), (RECEIVER, "gift"), (ACCOUNT, "gift")] {
            let lot = Lot { id: 1, kind: Kind::PRINCIPAL, amount: 100_00, expires: None, source: 4 };
            let card = Card {
                status: CardStatus::Active,
                next_lot: 2,
                lots: vec![lot],
                ..Card::issued(reference, product, &PROOF)
            };
            state.cards.insert(reference, card);
        }
        let pin = Pin { secret: Some(HASHED), tries: 0 };
        let held = Cashier { active: true, merchant: "M".into(), store: None, supervisor: true, pin };
        state.cashiers.insert(SUPERVISOR.into(), held);
        for till in [HERE, BESIDE] {
            state.terminals.insert(till.into(), Terminal { last_stan: STAN - 1, ..register(till, 5_000_00) });
        }
        let terminal = state.terminals[HERE].clone();
        let request = request(HERE, (STAN, SHIFT), command);
        Self {
            state,
            programme,
            terminal,
            request,
            original: None,
            loads: Vec::new(),
            quoted: None,
            is_quote: false,
        }
    }

    /// Something was done before, at this till; `then` names it.
    fn after(till: &str, done: Command, then: impl FnOnce(Named) -> Command) -> Self {
        let mut case = Self::of(done.clone());
        case.request = request(till, (EARLIER_STAN, EARLIER_SHIFT), done);
        let terminal = case.state.terminals[till].clone();
        let decision = decide(case.facts(6), &terminal, &case.request, NOW).expect("no fault");
        apply(&mut case.state, &decision.effects).expect("an entry");
        let original = entry(6, &case.request, &terminal, NOW, &decision);
        assert!(original.approved);
        let named = Named {
            terminal: till.into(),
            generation: 1,
            stan: EARLIER_STAN,
            request_id: original.request_id,
        };
        case.request = request(HERE, (STAN, SHIFT), then(named));
        case.original = Some(original);
        case
    }

    /// A card that was loaded, and what is paid out of that.
    fn unload() -> Self {
        let mut case = Self::after(BESIDE, load(), |_| Command::Unload { claim: claim(), amount: ASKED });
        case.loads = case.original.take().into_iter().collect();
        case.product().max_unload = Some(500_00);
        case
    }

    /// Points pay a half: 100 of them 1.00.
    fn by_points() -> Self {
        let mut case = Self::of(Command::Purchase {
            claim: claim(),
            amount: ASKED,
            partial_allowed: false,
            points: Some(500),
            lines: Vec::new(),
        });
        case.card().lots.push(Lot { id: 2, kind: Kind::POINTS, amount: 500, expires: None, source: 5 });
        case.card().next_lot = 3;
        case.programme.points_payment = Some(PointsPayment {
            rule: "points".into(),
            products: Vec::new(),
            points: 100,
            pays: 1_00,
            minimum: 100,
            step: 100,
            max_percent: 50,
        });
        case
    }

    fn payment(&mut self) -> &mut PointsPayment {
        self.programme.points_payment.as_mut().expect("points pay")
    }

    fn quote(command: Command) -> Self {
        let mut case = Self { is_quote: true, ..Self::of(command) };
        case.request.shift = None;
        case
    }

    fn facts(&self, index: u64) -> Facts<'_> {
        Facts {
            state: &self.state,
            programme: &self.programme,
            pricing: &self.programme,
            index,
            original: self.original.as_ref(),
            loads: &self.loads,
            quoted: self.quoted.as_ref(),
            birthday: None,
        }
    }

    fn code(&self) -> u8 {
        let facts = self.facts(12);
        let currency = self.request.currency;
        let verdict = match &self.request.command {
            Command::Load { claim, amount, .. } if self.is_quote => {
                let quoted = quote(facts, &self.terminal, claim, currency, *amount, NOW);
                quoted.map_or_else(Verdict::Declined, |_| Verdict::Approved)
            }
            Command::Purchase { claim, amount, points, .. } if self.is_quote => {
                let asked = Asked { currency, amount: *amount, points: *points, prices: self.request.prices };
                let quoted = purchase_quote(facts, &self.terminal, claim, asked, NOW);
                quoted.expect("no fault").verdict
            }
            _ => {
                let decision = decide(facts, &self.terminal, &self.request, NOW).expect("no fault");
                if let Verdict::Declined(decline) = decision.verdict {
                    // A load that is reversed too late is somebody's to look into, and nothing more.
                    let noted = |effect: &Effect| {
                        matches!(effect, Effect::LastStan { .. } | Effect::Exception { .. })
                    };
                    assert!(decision.effects.iter().all(noted), "{decline:?} changes {:?}", decision.effects);
                }
                decision.verdict
            }
        };
        translate::code(verdict).0
    }

    fn claim(&mut self) -> &mut CardClaim {
        match &mut self.request.command {
            Command::Activate { claim }
            | Command::Load { claim, .. }
            | Command::Purchase { claim, .. }
            | Command::Authorize { claim, .. }
            | Command::Transfer { claim, .. }
            | Command::Unload { claim, .. }
            | Command::ChangePin { claim } => claim,
            _ => panic!("a message about a card"),
        }
    }

    fn named(&mut self) -> &mut Named {
        match &mut self.request.command {
            Command::Reversal { original }
            | Command::Void { original }
            | Command::Refund { original, .. }
            | Command::Capture { original, .. }
            | Command::Authorize { raises: Some(original), .. } => original,
            _ => panic!("a message that names another"),
        }
    }

    fn amount(&mut self) -> &mut i64 {
        match &mut self.request.command {
            Command::Refund { amount, .. } | Command::Capture { amount, .. } => amount,
            _ => panic!("a message about a part"),
        }
    }

    fn original(&mut self) -> &mut Original {
        self.original.as_mut().expect("an original")
    }

    fn card(&mut self) -> &mut Card {
        self.state.cards.get_mut(&CARD).expect("the card")
    }

    fn receiver(&mut self) -> &mut Card {
        self.state.cards.get_mut(&RECEIVER).expect("the card that is given to")
    }

    fn product(&mut self) -> &mut Product {
        self.programme.products.get_mut("standard").expect("the product")
    }

    fn gift(&mut self) -> &mut Product {
        self.programme.products.get_mut("gift").expect("the product of the card that is given to")
    }

    /// The card's PIN with so many tries, and what came of the one beside the request.
    fn pin(&mut self, secret: Option<([u8; 16], [u8; 32])>, tries: u8, given: bool, hash: Option<[u8; 32]>) {
        self.card().pin = Pin { secret, tries };
        (self.request.pins.card_given, self.request.pins.card) = (given, hash);
    }

    /// The same, where the card's product wants it.
    fn wants_pin(
        &mut self,
        secret: Option<([u8; 16], [u8; 32])>,
        tries: u8,
        given: bool,
        hash: Option<[u8; 32]>,
    ) {
        self.product().pin = Some(PinRule { from: ASKED, tries: TRIES });
        self.pin(secret, tries, given, hash);
    }

    /// Somebody is named as supervisor.
    fn supervisor(&mut self, name: &str, tries: u8, given: bool, hash: Option<[u8; 32]>) {
        self.request.supervisor = Some(name.into());
        self.state.cashiers.get_mut(SUPERVISOR).expect("the supervisor").pin.tries = tries;
        (self.request.pins.supervisor_given, self.request.pins.supervisor) = (given, hash);
    }

    fn close(&mut self, till: &str, shift: u32) {
        self.state.shifts.entry((till.into(), 1, shift)).or_default().closed = true;
    }
}

fn request(till: &str, (stan, shift): (u32, u32), command: Command) -> Request {
    Request {
        request_id: [u8::try_from(stan).expect("small"); 32],
        terminal: till.into(),
        generation: 1,
        stan,
        shift: Some(shift),
        cashier: None,
        supervisor: None,
        channel: None,
        holder: None,
        pins: gateway::domain::Pins::default(),
        currency: 156,
        quote: None,
        prices: false,
        sold: Vec::new(),
        command,
    }
}

/// What can be wrong: the check that finds it, the code, and how a request comes to it.
#[derive(Clone, Copy)]
struct Wrong {
    check: &'static str,
    code: u8,
    what: &'static str,
    spoil: fn(&mut Case),
}

const fn wrong(check: &'static str, code: u8, what: &'static str, spoil: fn(&mut Case)) -> Wrong {
    Wrong { check, code, what, spoil }
}

const TOMBSTONE: &[Wrong] = &[wrong("tombstone", 21, "its reversal came first", |case| {
    case.state.tombstones.insert((HERE.into(), 1, STAN), case.request.request_id);
})];
const ROLE: &[Wrong] = &[wrong("terminal's role", 58, "a kiosk", |case| case.terminal.role = Role::Kiosk)];
const CLOSED: &[Wrong] = &[wrong("shift", 12, "its shift is closed", |case| case.close(HERE, SHIFT))];
const SECRET: &[Wrong] = &[
    wrong("card and secret", 14, "another secret", |case| case.claim().proof = Some([8; 32])),
    wrong("card and secret", 14, "no secret", |case| case.claim().proof = None),
    wrong("card and secret", 14, "no such card", |case| case.claim().card = UNKNOWN),
];
const ISSUED_CARD: &[Wrong] = &[
    wrong("card state", 62, "blocked", |case| case.card().status = CardStatus::Blocked),
    wrong("card state", 46, "replaced", |case| case.card().status = CardStatus::Replaced),
    wrong("card state", 12, "active already", |case| case.card().status = CardStatus::Active),
];
const ACTIVE_CARD: &[Wrong] = &[
    wrong("card state", 62, "blocked", |case| case.card().status = CardStatus::Blocked),
    wrong("card state", 46, "replaced", |case| case.card().status = CardStatus::Replaced),
    wrong("card state", 78, "not active", |case| case.card().status = CardStatus::Issued),
    wrong("card state", 54, "over", |case| case.card().expires = Some(NOW.s())),
];
const PRODUCT: &[Wrong] = &[
    wrong("product", 57, "in dollars", |case| case.request.currency = 840),
    wrong("product", 57, "no such product", |case| case.card().product = "gold".into()),
];
/// A card that can be neither loaded nor give.
const BOUND: &[Wrong] =
    &[wrong("product", 57, "bound to an account", |case| case.card().account = Some(ACCOUNT))];
const ACCOUNT_BLOCKED: &[Wrong] = &[wrong("corporate account", 62, "its account is blocked", |case| {
    case.card().account = Some(ACCOUNT);
    case.state.cards.get_mut(&ACCOUNT).expect("the account").status = CardStatus::Blocked;
})];
const PIN: &[Wrong] = &[
    wrong("PIN", 70, "no PIN is set", |case| case.wants_pin(None, 0, true, None)),
    wrong("PIN", 70, "no PIN came", |case| case.wants_pin(Some(HASHED), 0, false, None)),
    wrong("PIN", 75, "its PIN is locked", |case| case.wants_pin(Some(HASHED), TRIES, true, None)),
    wrong("PIN", 55, "the PIN is wrong", |case| case.wants_pin(Some(HASHED), 1, true, Some([6; 32]))),
];
const PIN_UNUSED: &[Wrong] =
    &[wrong("product", 57, "cards of its product have no PIN", |case| case.product().pin = None)];
const OLD_AND_NEW_PIN: &[Wrong] = &[
    wrong("PIN", 70, "no new PIN came", |case| {
        (case.request.pins.new_given, case.request.pins.new) = (false, None);
    }),
    wrong("PIN", 70, "the present PIN did not come", |case| case.pin(Some(HASHED), 0, false, None)),
    wrong("PIN", 75, "the present PIN is locked", |case| case.pin(Some(HASHED), TRIES, true, None)),
    wrong("PIN", 55, "the present PIN is wrong", |case| case.pin(Some(HASHED), 1, true, Some([6; 32]))),
];
const SUPERVISED: &[Wrong] = &[
    wrong("supervisor", 76, "no supervisor is named", |case| {
        let till = &mut case.programme.till;
        (till.refund_from, till.void_from, till.unload_from) = (Some(ASKED), Some(ASKED), Some(ASKED));
        case.request.supervisor = None;
    }),
    wrong("supervisor", 76, "the supervisor's PIN did not come", |case| {
        case.supervisor(SUPERVISOR, 0, false, None);
    }),
    wrong("supervisor", 76, "nobody's PIN did not come", |case| case.supervisor("NOBODY", 0, false, None)),
    wrong("supervisor", 75, "the supervisor is locked", |case| {
        case.supervisor(SUPERVISOR, TRIES, true, None)
    }),
    wrong("supervisor", 55, "the supervisor's PIN is wrong", |case| {
        case.supervisor(SUPERVISOR, 1, true, Some([6; 32]));
    }),
    wrong("supervisor", 55, "nobody is supervisor", |case| case.supervisor("NOBODY", 0, true, None)),
];
const LATE: &[Wrong] = &[wrong("supervisor", 76, "late, and nobody allows it", |case| {
    case.programme.till.late_returns = true;
    case.product().return_days = Some(1);
    case.original().business_date = 2026_09_01;
    case.request.supervisor = None;
})];
const MAY_NOT_GIVE: &[Wrong] =
    &[wrong("product", 57, "its product gives nothing", |case| case.product().max_transfer = None)];
const MAY_NOT_PAY_OUT: &[Wrong] =
    &[wrong("product", 57, "its product pays nothing out", |case| case.product().max_unload = None)];
const UNLOAD_LIMIT: &[Wrong] =
    &[wrong("amounts", 61, "above the largest cash-out", |case| case.product().max_unload = Some(1))];
const NOT_LOADED: &[Wrong] = &[
    wrong("funds", 51, "what is on it was not loaded there", |case| case.loads.clear()),
    wrong("funds", 51, "its load was paid out", |case| {
        case.state.transactions.insert(6, Fate::of(TransactionState::Refunded));
    }),
];
const POINTS_PAY_NOTHING: &[Wrong] = &[wrong("product", 57, "points do not pay", |case| {
    case.payment().products = vec!["gift".into()];
})];
const POINTS_LIMITS: &[Wrong] = &[
    wrong("amounts", 61, "too few points", |case| case.payment().minimum = 501),
    wrong("amounts", 61, "points between two steps", |case| case.payment().step = 300),
    wrong("amounts", 61, "too much of it by points", |case| case.payment().max_percent = 49),
    wrong("amounts", 61, "points that are worth nothing", |case| case.payment().points = 1_000_000),
];
const POINTS_SPENT: &[Wrong] = &[
    wrong("funds", 51, "the points are spent", |case| case.card().lots.retain(|lot| lot.id == 1)),
    wrong("funds", 51, "the rest is spent", |case| case.card().lots.retain(|lot| lot.id == 2)),
];
/// All that a report of what has happened is declined for, but for its tombstone and its terminal.
const IN_DOLLARS: &[Wrong] = &[wrong("product", 57, "in dollars", |case| case.request.currency = 840)];
const GIVES_TO: &[Wrong] = &[
    wrong("the card that it gives to", 14, "no such card to give to", |case| {
        let Command::Transfer { to, .. } = &mut case.request.command else { panic!("a transfer") };
        *to = UNKNOWN;
    }),
    wrong("the card that it gives to", 12, "to itself", |case| {
        let Command::Transfer { to, .. } = &mut case.request.command else { panic!("a transfer") };
        *to = CARD;
    }),
    wrong("the card that it gives to", 54, "that is over", |case| case.receiver().expires = Some(NOW.s())),
    wrong("the card that it gives to", 57, "that is bound to an account", |case| {
        case.receiver().account = Some(ACCOUNT);
    }),
    wrong("the card that it gives to", 62, "that is blocked", |case| {
        case.receiver().status = CardStatus::Blocked;
    }),
    wrong("the card that it gives to", 46, "that was replaced", |case| {
        case.receiver().status = CardStatus::Replaced;
    }),
    wrong("the card that it gives to", 78, "that is not active", |case| {
        case.receiver().status = CardStatus::Issued;
    }),
    wrong("the card that it gives to", 57, "of no such product", |case| {
        case.receiver().product = "gold".into();
    }),
];
const GIVES_TOO_MUCH: &[Wrong] = &[
    wrong("balance of the card that it gives to", 61, "too much on that card", |case| {
        case.gift().max_balance = 1_00;
    }),
    wrong("balance of the card that it gives to", 57, "too much for nobody's card", |case| {
        case.gift().real_name_above = Some(100_00 + ASKED - 1);
    }),
];
const ANOTHER_ID: Wrong =
    wrong("whose it is", 25, "another request", |case| case.named().request_id = [99; 32]);
const WHOSE: &[Wrong] = &[
    ANOTHER_ID,
    wrong("whose it is", 25, "of another merchant", |case| {
        case.original().merchant = "N".into();
        case.state.terminals.get_mut(BESIDE).expect("its till").merchant = "N".into();
    }),
];
const WHOSE_REVERSAL: &[Wrong] = &[
    ANOTHER_ID,
    wrong("whose it is", 25, "of another till", |case| case.named().terminal = BESIDE.into()),
    wrong("whose it is", 25, "not older", |case| case.named().stan = STAN),
];
const CURRENCY: &[Wrong] = &[wrong("the currency", 57, "in dollars", |case| case.request.currency = 840)];
const STILL_LIVE: &[Wrong] = &[wrong("what it is now", 12, "its fate", |case| {
    // A fate that leaves nothing to do for a reversal either.
    case.state.transactions.insert(6, Fate::of(TransactionState::Refunded));
})];
const NOT_UNDONE: &[Wrong] = &[
    wrong("what it is now", 12, "declined", |case| case.original().approved = false),
    wrong("what it is now", 12, "blocked", |case| {
        let original = case.original().clone();
        let identity = (original.terminal, original.generation, EARLIER_STAN);
        case.state.tombstones.insert(identity, original.request_id);
    }),
];
const EARLIER_CLOSED: &[Wrong] =
    &[wrong("what it is now", 12, "its shift was closed", |case| case.close(BESIDE, EARLIER_SHIFT))];
const RETURN_DAYS: &[Wrong] = &[wrong("what it is now", 12, "its return days are over", |case| {
    case.programme.till.late_returns = false;
    case.product().return_days = Some(1);
    case.original().business_date = 2026_09_01;
})];
const MORE_THAN_LEFT: &[Wrong] =
    &[wrong("how much is left of it", 61, "more than it was", |case| *case.amount() = 10_01)];
const QUOTE: &[Wrong] = &[
    wrong("quote", 12, "no such quote", |case| case.request.quote = Some([1; 8])),
    wrong("quote", 12, "a quote that is over", |case| {
        let (message, amount) = (case.request.command.message(), case.request.command.amount());
        case.request.quote = Some([2; 8]);
        case.quoted = Some(Quoted {
            points: None,
            terminal: HERE.into(),
            message,
            card: CARD,
            amount: amount.expect("an amount"),
            prices: false,
            programme_version: 1,
            expires: NOW.s(),
        });
    }),
];
const TILL_LIMIT: &[Wrong] = &[wrong("amounts", 61, "above the till's limit", |case| {
    let limits = &mut case.terminal.limits;
    (limits.load, limits.purchase, limits.refund) = (1, 1, 1);
})];
const LOAD_LIMITS: &[Wrong] = &[
    wrong("amounts", 13, "too little", |case| case.product().min_load = 1_000_00),
    wrong("amounts", 61, "above the largest load", |case| case.product().max_load = 1_00),
    wrong("amounts", 61, "above the largest balance", |case| case.product().max_balance = 1_00),
];
const NEEDS_HOLDER: &[Wrong] = &[wrong("registered holder", 57, "too much for nobody's card", |case| {
    case.product().real_name_above = Some(100_00 + ASKED - 1);
})];
const TRANSFER_LIMIT: &[Wrong] =
    &[wrong("amounts", 61, "above the largest transfer", |case| case.product().max_transfer = Some(1))];
const SPENT: &[Wrong] = &[wrong("funds", 51, "nothing is left", |case| case.card().lots.clear())];
const ALL_IS_HELD: &[Wrong] = &[wrong("funds", 51, "all that is left is held", |case| {
    let held = case.card().holds[0].held();
    case.card().lots[0].amount = held;
})];
const HOLDS: &[Wrong] = &[wrong("number of holds", 12, "sixteen holds", |case| {
    let hold = |id| Hold { id, expires: NOW.s() + 1, captured: 0, parts: vec![(1, 1)] };
    case.card().holds = (1..=16).map(hold).collect();
})];
const PARTS: &[Wrong] = &[wrong("number of holds", 12, "64 parts of its hold", |case| {
    let rest = case.card().holds[0].held() - 63;
    case.card().holds[0].parts = [vec![(1, 1); 63], vec![(1, rest)]].concat();
})];
const NONE: Allowance = Allowance {
    loads: Some(0),
    load_sum: None,
    purchases: Some(0),
    purchase_sum: None,
    refunds: Some(0),
    refund_sum: None,
};
const DAY: &[Wrong] = &[
    wrong("limits of a day or month", 61, "no more today", |case| case.product().daily = Some(NONE)),
    wrong("limits of a day or month", 61, "no more this month", |case| case.product().monthly = Some(NONE)),
    wrong("limits of a day or month", 61, "no more at this till", |case| {
        case.programme.terminal_day = Some(NONE);
    }),
];
const CASHIER_DAY: &[Wrong] = &[wrong("limits of a day or month", 61, "no more by this cashier", |case| {
    case.request.cashier = Some("AMY".into());
    case.programme.cashier_day = Some(NONE);
})];

fn claim() -> CardClaim {
    CardClaim { card: CARD, proof: Some(PROOF) }
}

fn load() -> Command {
    Command::Load { claim: claim(), amount: ASKED, tenders: vec![(1, ASKED)] }
}

fn purchase() -> Command {
    Command::Purchase {
        claim: claim(),
        amount: ASKED,
        partial_allowed: false,
        points: None,
        lines: Vec::new(),
    }
}

fn authorize(raises: Option<Named>) -> Command {
    Command::Authorize { claim: claim(), amount: ASKED, partial_allowed: false, raises }
}

/// Every message, sound, with all that can be wrong with it.
fn messages() -> Vec<(&'static str, Case, Vec<&'static [Wrong]>)> {
    let mut activate = Case::of(Command::Activate { claim: claim() });
    (activate.card().status, activate.card().next_lot) = (CardStatus::Issued, 1);
    activate.card().lots.clear();
    let mut change_pin = Case::of(Command::ChangePin { claim: claim() });
    change_pin.product().pin = Some(PinRule { from: 0, tries: TRIES });
    (change_pin.request.pins.new_given, change_pin.request.pins.new) = (true, Some(HASHED));
    let mut by_points_quote = Case { is_quote: true, ..Case::by_points() };
    by_points_quote.request.shift = None;
    let refund = |original| Command::Refund { original, amount: ASKED, lines: Vec::new() };
    let void = |original| Command::Void { original };
    let reversal = |original| Command::Reversal { original };
    let capture =
        |original| Command::Capture { original, amount: ASKED, more_follow: false, lines: Vec::new() };
    let captures =
        [TOMBSTONE, ROLE, CLOSED, WHOSE, CURRENCY, STILL_LIVE, NOT_UNDONE, MORE_THAN_LEFT, TILL_LIMIT];
    let refunds = [&captures[..], &[SUPERVISED, DAY, CASHIER_DAY]].concat();
    // A void may name any shift.
    let voids = [TOMBSTONE, ROLE, WHOSE, CURRENCY, STILL_LIVE, NOT_UNDONE, EARLIER_CLOSED, SUPERVISED];
    let cards = [TOMBSTONE, ROLE, CLOSED, SECRET, ACTIVE_CARD, PRODUCT];
    let loads = [SECRET, ACTIVE_CARD, PRODUCT, BOUND, TILL_LIMIT, LOAD_LIMITS, NEEDS_HOLDER, DAY];
    let quotes = [TILL_LIMIT, SPENT, DAY];
    let pays = [&quotes[..], &[PIN, CASHIER_DAY]].concat();
    let raises = [ACCOUNT_BLOCKED, PIN, WHOSE, STILL_LIVE, NOT_UNDONE, TILL_LIMIT, ALL_IS_HELD, PARTS, DAY];
    vec![
        ("Activate", activate, vec![TOMBSTONE, CLOSED, SECRET, ISSUED_CARD, PRODUCT]),
        ("Load", Case::of(load()), [&[TOMBSTONE, CLOSED, QUOTE, CASHIER_DAY][..], &loads].concat()),
        ("Purchase", Case::of(purchase()), [&cards[..], &[ACCOUNT_BLOCKED, QUOTE], &pays].concat()),
        ("Authorize", Case::of(authorize(None)), [&cards[..], &[ACCOUNT_BLOCKED, HOLDS], &pays].concat()),
        (
            "Authorize that raises",
            Case::after(BESIDE, authorize(None), |named| authorize(Some(named))),
            [&cards[..], &raises, &[CASHIER_DAY]].concat(),
        ),
        (
            "Transfer",
            Case::of(Command::Transfer { claim: claim(), to: RECEIVER, amount: ASKED }),
            [&cards[..], &[BOUND, MAY_NOT_GIVE, GIVES_TO, TRANSFER_LIMIT, GIVES_TOO_MUCH], &pays].concat(),
        ),
        (
            "Unload",
            Case::unload(),
            [
                &cards[..],
                &[BOUND, MAY_NOT_PAY_OUT, PIN, TILL_LIMIT, UNLOAD_LIMIT],
                &[SUPERVISED, SPENT, NOT_LOADED, DAY, CASHIER_DAY],
            ]
            .concat(),
        ),
        (
            "Purchase with points",
            Case::by_points(),
            [&cards[..], &[POINTS_PAY_NOTHING, ACCOUNT_BLOCKED, QUOTE, POINTS_LIMITS, POINTS_SPENT], &pays]
                .concat(),
        ),
        (
            "PurchaseQuote with points",
            by_points_quote,
            [
                &[ROLE, SECRET, ACTIVE_CARD, PRODUCT, ACCOUNT_BLOCKED, POINTS_PAY_NOTHING][..],
                &[POINTS_LIMITS, POINTS_SPENT],
                &quotes,
            ]
            .concat(),
        ),
        (
            "Advice",
            Case::of(Command::Advice { card: CARD, amount: ASKED, grant: None, time_s: NOW.s() }),
            vec![TOMBSTONE, ROLE, IN_DOLLARS],
        ),
        (
            "CashTaken",
            Case::of(Command::CashTaken { card: Some(CARD), amount: ASKED, tenders: vec![(1, ASKED)] }),
            vec![TOMBSTONE, IN_DOLLARS],
        ),
        (
            "ChangePin",
            change_pin,
            vec![TOMBSTONE, CLOSED, SECRET, ACTIVE_CARD, PRODUCT, PIN_UNUSED, OLD_AND_NEW_PIN],
        ),
        ("Reversal", Case::after(HERE, purchase(), reversal), vec![TOMBSTONE, WHOSE_REVERSAL, STILL_LIVE]),
        (
            "Reversal of a load",
            Case::after(HERE, load(), reversal),
            vec![TOMBSTONE, WHOSE_REVERSAL, STILL_LIVE, SPENT],
        ),
        ("Refund", Case::after(BESIDE, purchase(), refund), [&refunds[..], &[RETURN_DAYS, LATE]].concat()),
        ("Refund of a load", Case::after(BESIDE, load(), refund), [&refunds[..], &[SPENT]].concat()),
        ("Void", Case::after(BESIDE, purchase(), void), voids.to_vec()),
        ("Void of a load", Case::after(BESIDE, load(), void), [&voids[..], &[SPENT]].concat()),
        ("Capture", Case::after(BESIDE, authorize(None), capture), captures.to_vec()),
        ("Reconciliation", Case::of(Command::Reconciliation { totals: Vec::new() }), vec![TOMBSTONE, CLOSED]),
        ("LoadQuote", Case::quote(load()), loads.to_vec()),
        (
            "PurchaseQuote",
            Case::quote(purchase()),
            [&[ROLE, SECRET, ACTIVE_CARD, PRODUCT, ACCOUNT_BLOCKED][..], &quotes].concat(),
        ),
    ]
}

fn spoilt(case: &Case, faults: [Wrong; 2]) -> Case {
    let mut case = case.clone();
    faults.into_iter().for_each(|fault| (fault.spoil)(&mut case));
    case
}

#[test]
fn of_any_two_things_that_are_wrong_with_any_message_the_first_in_the_texts_order_is_given() {
    let order = order();
    // Where a fault stands: its check, and its code within that.
    let place = |fault: &Wrong| {
        let check = order.iter().position(|check| check.name == fault.check);
        let check = check.unwrap_or_else(|| panic!("{} is no check of the text's", fault.check));
        let code = order[check].codes.iter().position(|code| *code == fault.code);
        (check, code.unwrap_or_else(|| panic!("{} gives no {}", fault.check, fault.code)))
    };
    let (mut told, mut pairs, mut disorder) = (BTreeSet::new(), 0, Vec::new());
    for (message, sound, faults) in messages() {
        assert_eq!(sound.code(), 0, "{message}");
        let faults: Vec<Wrong> = faults.concat();
        // Which two checks were seen to fail together.
        let mut together: BTreeMap<(usize, usize), bool> = BTreeMap::new();
        for first in &faults {
            let mut alone = sound.clone();
            (first.spoil)(&mut alone);
            assert_eq!(alone.code(), first.code, "{message}: {}", first.what);
            told.insert(place(first));
            for second in faults.iter().filter(|second| place(first) < place(second)) {
                let both = spoilt(&sound, [*first, *second]);
                // When the order in which they come about matters, one has undone the other.
                let can_be = both == spoilt(&sound, [*second, *first]);
                *together.entry((place(first).0, place(second).0)).or_default() |= can_be;
                if can_be {
                    pairs += 1;
                    let code = both.code();
                    if code != first.code {
                        disorder.push(format!(
                            "{message}: {} ({}) and {} ({}): {code}",
                            first.what, first.code, second.what, second.code
                        ));
                    }
                }
            }
        }
        for ((first, second), seen) in together {
            let (one, two) = (&order[first].name, &order[second].name);
            assert!(seen || first == second, "{message}: {one} and {two} were never wrong together");
        }
    }
    assert!(disorder.is_empty(), "{}", disorder.join("\n"));
    assert!(pairs > 500, "{pairs} pairs");
    for (at, check) in order.iter().enumerate() {
        for (code, number) in check.codes.iter().enumerate() {
            assert!(told.contains(&(at, code)), "{} ({number})", check.name);
        }
    }
}

#[test]
fn a_kiosk_sells_nothing_and_may_do_everything_else() {
    for (message, mut case, _) in messages() {
        case.terminal.role = Role::Kiosk;
        let may = message.starts_with("Reversal")
            || ["Activate", "Load", "LoadQuote", "Reconciliation", "ChangePin", "CashTaken"]
                .contains(&message);
        assert_eq!(case.code(), if may { 0 } else { 58 }, "{message}");
    }
}

#[test]
fn a_report_of_what_has_happened_is_taken_whatever_card_and_shift_it_names() {
    for (message, sound, _) in messages() {
        if !["Advice", "CashTaken"].contains(&message) {
            continue;
        }
        let faults =
            [CLOSED, ACTIVE_CARD, &PRODUCT[1..], BOUND, ACCOUNT_BLOCKED, TILL_LIMIT, SPENT, DAY, CASHIER_DAY];
        for fault in faults.concat() {
            let mut case = sound.clone();
            (fault.spoil)(&mut case);
            assert_eq!(case.code(), 0, "{message}: {}", fault.what);
        }
        let mut case = sound.clone();
        case.state.cards.clear();
        assert_eq!(case.code(), 0, "{message}: no such card");
    }
}
