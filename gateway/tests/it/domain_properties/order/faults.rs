//! What can be wrong with a request, by the check that finds it.

use gateway::domain::card::CardStatus;
use gateway::domain::member::{Standing, Window};
use gateway::domain::quoted::goods;
use gateway::domain::{Allowance, Command, Fate, Hold, Member, Quoted, Role, TransactionState};

use super::case::{
    ACCOUNT, ASKED, BESIDE, CARD, Case, EARLIER_SHIFT, EARLIER_STAN, HASHED, HERE, NOW, SHIFT, STAN,
    SUPERVISOR, TRIES, UNKNOWN,
};

/// What can be wrong: the check that finds it, the code, and how a request comes to it.
#[derive(Clone, Copy)]
pub(super) struct Wrong {
    pub check: &'static str,
    pub code: u8,
    pub what: &'static str,
    pub spoil: fn(&mut Case),
}

const fn wrong(check: &'static str, code: u8, what: &'static str, spoil: fn(&mut Case)) -> Wrong {
    Wrong { check, code, what, spoil }
}

pub(super) const TOMBSTONE: &[Wrong] = &[wrong("tombstone", 21, "its reversal came first", |case| {
    case.state.tombstones.insert((HERE.into(), 1, STAN), case.request.request_id);
})];
pub(super) const ROLE: &[Wrong] =
    &[wrong("terminal's role", 58, "a kiosk", |case| case.terminal.role = Role::Kiosk)];
pub(super) const CLOSED: &[Wrong] =
    &[wrong("shift", 12, "its shift is closed", |case| case.close(HERE, SHIFT))];
pub(super) const SECRET: &[Wrong] = &[
    wrong("card and secret", 14, "another secret", |case| case.claim().proof = Some([8; 32])),
    wrong("card and secret", 14, "no secret", |case| case.claim().proof = None),
    wrong("card and secret", 14, "no such card", |case| case.claim().card = UNKNOWN),
];
pub(super) const ISSUED_CARD: &[Wrong] = &[
    wrong("card state", 62, "blocked", |case| case.card().status = CardStatus::Blocked),
    wrong("card state", 46, "replaced", |case| case.card().status = CardStatus::Replaced),
    wrong("card state", 12, "active already", |case| case.card().status = CardStatus::Active),
];
pub(super) const ACTIVE_CARD: &[Wrong] = &[
    wrong("card state", 62, "blocked", |case| case.card().status = CardStatus::Blocked),
    wrong("card state", 46, "replaced", |case| case.card().status = CardStatus::Replaced),
    wrong("card state", 78, "not active", |case| case.card().status = CardStatus::Issued),
    wrong("card state", 54, "over", |case| case.card().expires = Some(NOW.s())),
];
pub(super) const PRODUCT: &[Wrong] = &[
    wrong("product", 57, "in dollars", |case| case.request.currency = 840),
    wrong("product", 57, "no such product", |case| case.card().product = "gold".into()),
];
/// A card that can be neither loaded nor give.
pub(super) const BOUND: &[Wrong] =
    &[wrong("product", 57, "bound to an account", |case| case.card().account = Some(ACCOUNT))];
pub(super) const ACCOUNT_BLOCKED: &[Wrong] =
    &[wrong("corporate account", 62, "its account is blocked", |case| {
        case.card().account = Some(ACCOUNT);
        case.state.cards.get_mut(&ACCOUNT).expect("the account").status = CardStatus::Blocked;
    })];
pub(super) const PIN: &[Wrong] = &[
    wrong("PIN", 70, "no PIN is set", |case| case.wants_pin(None, 0, true, None)),
    wrong("PIN", 70, "no PIN came", |case| case.wants_pin(Some(HASHED), 0, false, None)),
    wrong("PIN", 75, "its PIN is locked", |case| case.wants_pin(Some(HASHED), TRIES, true, None)),
    wrong("PIN", 55, "the PIN is wrong", |case| case.wants_pin(Some(HASHED), 1, true, Some([6; 32]))),
];
pub(super) const PIN_UNUSED: &[Wrong] =
    &[wrong("product", 57, "cards of its product have no PIN", |case| case.product().pin = None)];
pub(super) const OLD_AND_NEW_PIN: &[Wrong] = &[
    wrong("PIN", 70, "no new PIN came", |case| {
        (case.request.pins.new_given, case.request.pins.new) = (false, None);
    }),
    wrong("PIN", 70, "the present PIN did not come", |case| case.pin(Some(HASHED), 0, false, None)),
    wrong("PIN", 75, "the present PIN is locked", |case| case.pin(Some(HASHED), TRIES, true, None)),
    wrong("PIN", 55, "the present PIN is wrong", |case| case.pin(Some(HASHED), 1, true, Some([6; 32]))),
];
pub(super) const SUPERVISED: &[Wrong] = &[
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
pub(super) const LATE: &[Wrong] = &[wrong("supervisor", 76, "late, and nobody allows it", |case| {
    case.programme.till.late_returns = true;
    case.product().return_days = Some(1);
    case.original().business_date = 2026_09_01;
    case.request.supervisor = None;
})];
pub(super) const MAY_NOT_GIVE: &[Wrong] =
    &[wrong("product", 57, "its product gives nothing", |case| case.product().max_transfer = None)];
pub(super) const MAY_NOT_PAY_OUT: &[Wrong] =
    &[wrong("product", 57, "its product pays nothing out", |case| case.product().max_unload = None)];
pub(super) const UNLOAD_LIMIT: &[Wrong] =
    &[wrong("amounts", 61, "above the largest cash-out", |case| case.product().max_unload = Some(1))];
pub(super) const NOT_LOADED: &[Wrong] = &[
    wrong("funds", 51, "what is on it was not loaded there", |case| case.loads.clear()),
    wrong("funds", 51, "its load was paid out", |case| {
        case.state.transactions.insert(6, Fate::of(TransactionState::Refunded));
    }),
];
/// What a member's message may name wrongly.
pub(super) const NOT_OFFERED: &[Wrong] = &[
    wrong("what it names", 57, "for cards of another store", |case| {
        case.when().stores = vec!["ELSEWHERE".into()]
    }),
    wrong("what it names", 57, "for members alone", |case| drop(case.state.members.remove(&CARD))),
    wrong("what it names", 12, "its time is over", |case| case.when().until = Some(2026_09_20)),
];
pub(super) const NO_MEMBERSHIP: &[Wrong] = &[
    wrong("what it names", 57, "there is nothing to join", |case| case.programme.membership = None),
    wrong("what it names", 12, "joined already", |case| {
        let counters = [(("join".to_owned(), 0), 1), (("joined".to_owned(), 0), 1)].into();
        let standing = Standing { joined: Some(2026_01_01), ..Standing::default() };
        case.state.members.insert(CARD, Member { standing, counters });
    }),
    wrong("what it names", 12, "brought by nobody", |case| {
        let Command::Join { referral, .. } = &mut case.request.command else { panic!("a join") };
        *referral = Some(UNKNOWN.0.to_string());
    }),
];
pub(super) const NO_POINTS: &[Wrong] = &[wrong("what it names", 51, "a point is missing", |case| {
    case.card().lots.retain(|lot| lot.id == 1);
})];
pub(super) const EXHAUSTED: &[Wrong] = &[wrong("what it names", 61, "there is no more of it", |case| {
    let none = vec![(Window::Ever, 0)];
    case.programme.activities[0].cap.member = none.clone();
    case.programme.catalogue[0].most.member = none.clone();
    case.programme.entitlements[0].uses[0].most = none;
})];
pub(super) const POINTS_PAY_NOTHING: &[Wrong] = &[wrong("product", 57, "points do not pay", |case| {
    case.payment().products = vec!["gift".into()];
})];
pub(super) const POINTS_LIMITS: &[Wrong] = &[
    wrong("amounts", 61, "too few points", |case| case.payment().minimum = 501),
    wrong("amounts", 61, "points between two steps", |case| case.payment().step = 300),
    wrong("amounts", 61, "too much of it by points", |case| case.payment().max_percent = 49),
    wrong("amounts", 61, "points that are worth nothing", |case| case.payment().points = 1_000_000),
];
pub(super) const POINTS_SPENT: &[Wrong] = &[
    wrong("funds", 51, "the points are spent", |case| case.card().lots.retain(|lot| lot.id == 1)),
    wrong("funds", 51, "the rest is spent", |case| case.card().lots.retain(|lot| lot.id == 2)),
];
/// All that a report of what has happened is declined for, but for its tombstone and its terminal.
pub(super) const IN_DOLLARS: &[Wrong] =
    &[wrong("product", 57, "in dollars", |case| case.request.currency = 840)];
pub(super) const GIVES_TO: &[Wrong] = &[
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
pub(super) const GIVES_TOO_MUCH: &[Wrong] = &[
    wrong("balance of the card that it gives to", 61, "too much on that card", |case| {
        case.gift().max_balance = 1_00;
    }),
    wrong("balance of the card that it gives to", 57, "too much for nobody's card", |case| {
        case.gift().real_name_above = Some(100_00 + ASKED - 1);
    }),
];
pub(super) const ANOTHER_ID: Wrong =
    wrong("whose it is", 25, "another request", |case| case.named().request_id = [99; 32]);
pub(super) const WHOSE: &[Wrong] = &[
    ANOTHER_ID,
    wrong("whose it is", 25, "of another merchant", |case| {
        case.original().merchant = "N".into();
        case.state.terminals.get_mut(BESIDE).expect("its till").merchant = "N".into();
    }),
];
pub(super) const WHOSE_REVERSAL: &[Wrong] = &[
    ANOTHER_ID,
    wrong("whose it is", 25, "of another till", |case| case.named().terminal = BESIDE.into()),
    wrong("whose it is", 25, "not older", |case| case.named().stan = STAN),
];
pub(super) const CURRENCY: &[Wrong] =
    &[wrong("the currency", 57, "in dollars", |case| case.request.currency = 840)];
pub(super) const STILL_LIVE: &[Wrong] = &[wrong("what it is now", 12, "its fate", |case| {
    // A fate that leaves nothing to do for a reversal either.
    case.state.transactions.insert(6, Fate::of(TransactionState::Refunded));
})];
pub(super) const NOT_UNDONE: &[Wrong] = &[
    wrong("what it is now", 12, "declined", |case| case.original().approved = false),
    wrong("what it is now", 12, "blocked", |case| {
        let original = case.original().clone();
        let identity = (original.terminal, original.generation, EARLIER_STAN);
        case.state.tombstones.insert(identity, original.request_id);
    }),
];
pub(super) const EARLIER_CLOSED: &[Wrong] =
    &[wrong("what it is now", 12, "its shift was closed", |case| case.close(BESIDE, EARLIER_SHIFT))];
pub(super) const RETURN_DAYS: &[Wrong] = &[
    wrong("what it is now", 12, "its return days are over", |case| {
        case.programme.till.late_returns = false;
        case.product().return_days = Some(1);
        case.original().business_date = 2026_09_01;
    }),
    wrong("what it is now", 12, "its return days are over, and nobody says why it comes back", |case| {
        case.programme.till.late_returns = true;
        case.product().return_days = Some(1);
        case.original().business_date = 2026_09_01;
        case.request.reason = None;
    }),
];
pub(super) const MORE_THAN_LEFT: &[Wrong] =
    &[wrong("how much is left of it", 61, "more than it was", |case| *case.amount() = 10_01)];
pub(super) const QUOTE: &[Wrong] = &[
    wrong("quote", 12, "no such quote", |case| case.request.quote = Some([1; 8])),
    wrong("quote", 12, "a quote that is over", |case| {
        let (message, amount) = (case.request.command.message(), case.request.command.amount());
        case.request.quote = Some([2; 8]);
        case.quoted = Some(Quoted {
            points: None,
            prices: false,
            terminal: HERE.into(),
            message,
            card: CARD,
            amount: amount.expect("an amount"),
            goods: goods(&[]),
            programme_version: 1,
            at: NOW,
            promised: None,
            expires: NOW.s(),
        });
    }),
];
pub(super) const TILL_LIMIT: &[Wrong] = &[wrong("amounts", 61, "above the till's limit", |case| {
    let limits = &mut case.terminal.limits;
    (limits.load, limits.purchase, limits.refund) = (1, 1, 1);
})];
pub(super) const LOAD_LIMITS: &[Wrong] = &[
    wrong("amounts", 13, "too little", |case| case.product().min_load = 1_000_00),
    wrong("amounts", 61, "above the largest load", |case| case.product().max_load = 1_00),
    wrong("amounts", 61, "above the largest balance", |case| case.product().max_balance = 1_00),
];
pub(super) const NEEDS_HOLDER: &[Wrong] =
    &[wrong("registered holder", 57, "too much for nobody's card", |case| {
        case.product().real_name_above = Some(100_00 + ASKED - 1);
    })];
pub(super) const TRANSFER_LIMIT: &[Wrong] =
    &[wrong("amounts", 61, "above the largest transfer", |case| case.product().max_transfer = Some(1))];
pub(super) const SPENT: &[Wrong] = &[wrong("funds", 51, "nothing is left", |case| case.card().lots.clear())];
pub(super) const ALL_IS_HELD: &[Wrong] = &[wrong("funds", 51, "all that is left is held", |case| {
    let held = case.card().holds[0].held();
    case.card().lots[0].amount = held;
})];
pub(super) const HOLDS: &[Wrong] = &[wrong("number of holds", 12, "sixteen holds", |case| {
    let hold = |id| Hold { id, expires: NOW.s() + 1, captured: 0, parts: vec![(1, 1)] };
    case.card().holds = (1..=16).map(hold).collect();
})];
pub(super) const PARTS: &[Wrong] = &[wrong("number of holds", 12, "64 parts of its hold", |case| {
    let rest = case.card().holds[0].held() - 63;
    case.card().holds[0].parts = [vec![(1, 1); 63], vec![(1, rest)]].concat();
})];
pub(super) const NONE: Allowance = Allowance {
    loads: Some(0),
    load_sum: None,
    purchases: Some(0),
    purchase_sum: None,
    refunds: Some(0),
    refund_sum: None,
};
pub(super) const DAY: &[Wrong] = &[
    wrong("limits of a day or month", 61, "no more today", |case| case.product().daily = Some(NONE)),
    wrong("limits of a day or month", 61, "no more this month", |case| case.product().monthly = Some(NONE)),
    wrong("limits of a day or month", 61, "no more at this till", |case| {
        case.programme.terminal_day = Some(NONE);
    }),
];
pub(super) const CASHIER_DAY: &[Wrong] =
    &[wrong("limits of a day or month", 61, "no more by this cashier", |case| {
        case.request.cashier = Some("AMY".into());
        case.programme.cashier_day = Some(NONE);
    })];
