//! The order of checks (PROTOCOL.md section 7): of all that is wrong with a request, the first reason is given.

use gateway::domain::card::CardStatus;
use gateway::domain::request::CardClaim;
use gateway::domain::{
    Account, Card, CardReference, Command, Decline, Effect, Facts, Kind, Limits, Lot, Now, Original, Posting,
    Request, Role, State, Terminal, TerminalStatus, Verdict, decide,
};
use gateway::programme_file;

const CARD: CardReference = CardReference(9_000_000_000_000_006);
const PROOF: [u8; 32] = [7; 32];
const STAN: u32 = 11;

struct Case {
    state: State,
    terminal: Terminal,
    request: Request,
}

impl Case {
    /// A request that nothing is wrong with.
    fn sound(command: Command) -> Self {
        let mut state = State::default();
        let mut card = Card::issued(CARD, "standard", &PROOF);
        if !matches!(command, Command::Activate { .. }) {
            card.status = CardStatus::Active;
            card.next_lot = 3;
            let lot = |id, kind| Lot { id, kind, amount: 100_00, expires: None, source: 5 };
            card.lots = vec![lot(1, Kind::PRINCIPAL), lot(2, Kind::POINTS)];
        }
        state.cards.insert(CARD, card);
        let terminal = Terminal {
            terminal: "T1".into(),
            generation: 1,
            status: TerminalStatus::Active,
            role: Role::Register,
            algorithm: -7,
            public_key: Vec::new(),
            merchant: "M".into(),
            store: "S".into(),
            limits: Limits { load: 5_000_00, purchase: 5_000_00, refund: 5_000_00 },
            last_stan: 10,
            code: None,
        };
        state.terminals.insert("T1".into(), terminal.clone());
        let request = Request {
            cashier: None,
            supervisor: None,
            holder: None,
            pins: gateway::domain::Pins::default(),
            request_id: [1; 32],
            terminal: "T1".into(),
            generation: 1,
            stan: STAN,
            shift: Some(1),
            currency: 156,
            quote: None,
            command,
        };
        Self { state, terminal, request }
    }

    fn card(&mut self) -> &mut Card {
        self.state.cards.get_mut(&CARD).expect("the card")
    }

    fn claim(&mut self) -> &mut CardClaim {
        match &mut self.request.command {
            Command::Activate { claim }
            | Command::Load { claim, .. }
            | Command::Purchase { claim, .. }
            | Command::Unload { claim, .. } => claim,
            _ => panic!("a message about a card"),
        }
    }

    fn ask_for(&mut self, minor: i64) {
        match &mut self.request.command {
            Command::Load { amount, tenders, .. } => (*amount, *tenders) = (minor, vec![(1, minor)]),
            Command::Purchase { amount, .. } | Command::Unload { amount, .. } => *amount = minor,
            _ => panic!("a message with an amount"),
        }
    }

    fn decided(&self) -> (Verdict, Vec<Effect>) {
        let document = programme_file::DEFAULT.replace("[product.standard]", PLAIN_PRODUCT) + POINTS_PAY;
        let programme = programme_file::parse(&document).expect("a programme");
        let loads = [loaded()];
        let facts = Facts {
            state: &self.state,
            programme: &programme,
            pricing: &programme,
            index: 12,
            original: None,
            loads: &loads,
            quoted: None,
        };
        let now = Now { ms: 1_790_000_000_000, business_date: 2026_09_21, certain: true };
        let decision = decide(facts, &self.terminal, &self.request, now).expect("no fault");
        (decision.verdict, decision.effects)
    }
}

/// A product whose cards are not cashed out and pay with no points, in front of one whose cards do.
const PLAIN_PRODUCT: &str = "[product.plain]
name = \"Plain\"
min_load = \"1.00\"
max_load = \"5000.00\"
max_balance = \"5000.00\"

[product.standard]
max_unload = \"4000.00\"";

const POINTS_PAY: &str = "
[points_payment]
rule = \"points\"
products = [\"standard\"]
points = 100
pays = \"1.00\"
step = 10
max_percent = 50
";

/// The load that opened the card's lot of principal.
fn loaded() -> Original {
    let posting = |account, kind, amount| Effect::Posting(Posting { account, kind, amount });
    let lot = Account::Card { card: CARD, lot: 1, expires: None, source: 5 };
    Original {
        index: 5,
        request_id: [5; 32],
        message: 0x12,
        terminal: "T1".into(),
        generation: 1,
        merchant: "M".into(),
        store: "S".into(),
        business_date: 2026_09_20,
        shift: None,
        card: Some(CARD),
        approved: true,
        approved_amount: 100_00,
        lines: Vec::new(),
        effects: vec![
            posting(lot, Kind::PRINCIPAL, 100_00),
            posting(Account::Named("clearing:S:1".into()), Kind::MONEY, -100_00),
        ],
    }
}

/// A reason, and how a request comes to it.
type Reason = (Decline, fn(&mut Case));

const BLOCKED_BEFORE: Reason = (Decline::ReversedBefore, |case| {
    case.state.tombstones.insert(("T1".into(), 1, STAN), [1; 32]);
});
const KIOSK: Reason = (Decline::MessageNotAllowedForRole, |case| case.terminal.role = Role::Kiosk);
const CLOSED: Reason = (Decline::ShiftClosed, |case| {
    case.state.shifts.entry(("T1".into(), 1, 1)).or_default().closed = true;
});
const UNPROVEN: Reason = (Decline::CardNotAccepted, |case| case.claim().proof = Some([8; 32]));
const WITHOUT_SECRET: Reason = (Decline::CardNotAccepted, |case| case.claim().proof = None);
const UNKNOWN: Reason = (Decline::CardNotAccepted, |case| case.claim().card = CardReference(9));
const BLOCKED: Reason = (Decline::CardBlocked, |case| case.card().status = CardStatus::Blocked);
const NOT_ACTIVE: Reason = (Decline::CardNotActive, |case| case.card().status = CardStatus::Issued);
const ACTIVE: Reason = (Decline::CardAlreadyActive, |case| case.card().status = CardStatus::Active);
const DOLLARS: Reason = (Decline::CurrencyNotAccepted, |case| case.request.currency = 840);
const NO_PRODUCT: Reason = (Decline::ProductNotInProgramme, |case| case.card().product = "gold".into());
const TOO_LITTLE: Reason = (Decline::BelowMinimum, |case| case.ask_for(99));
const TILL_LIMIT: Reason = (Decline::AboveTerminalLimit, |case| {
    case.ask_for(5_000_00);
    case.terminal.limits = Limits { load: 4_999_99, purchase: 4_999_99, refund: 4_999_99 };
});
const PRODUCT_LIMIT: Reason = (Decline::AboveProductLimit, |case| {
    case.ask_for(5_000_01);
    case.terminal.limits.load = case.terminal.limits.load.max(5_000_01);
});
const FULL: Reason = (Decline::AboveMaximumBalance, |case| {
    case.card().lots.iter_mut().for_each(|lot| lot.amount = 5_000_00);
});
const NO_UNLOAD: Reason = (Decline::UnloadNotAllowed, |case| case.card().product = "plain".into());
const TOO_MUCH_CASH: Reason = (Decline::AboveProductLimit, |case| case.ask_for(4_000_01));
const NOT_LOADED: Reason = (Decline::NotEnoughLoaded, |case| {
    case.card().lots.iter_mut().for_each(|lot| lot.source = 6);
});
const NO_POINTS: Reason = (Decline::PointsNotAccepted, |case| case.card().product = "plain".into());
const NO_QUOTE: Reason = (Decline::QuoteGone, |case| case.request.quote = Some([9; 8]));
const ODD_POINTS: Reason = (Decline::PointsNotAllowed, |case| {
    if let Command::Purchase { points, .. } = &mut case.request.command {
        *points = Some(101);
    }
});
const FEW_POINTS: Reason = (Decline::NotEnoughPoints, |case| {
    case.card().lots.retain(|lot| lot.kind != Kind::POINTS);
});
const LITTLE_MONEY: Reason = (Decline::NotSufficientFunds, |case| {
    case.card().lots.retain(|lot| lot.kind == Kind::POINTS);
});
const EMPTY: Reason = (Decline::NotSufficientFunds, |case| case.card().lots.clear());

/// Every selection of these reasons gives the first of them, and changes nothing but the last STAN.
fn first_of(command: &Command, reasons: &[Reason]) {
    let sound = Case::sound(command.clone()).decided();
    assert!(matches!(sound.0, Verdict::Approved), "{command:?}: {:?}", sound.0);
    for selection in 1_u32..1 << reasons.len() {
        let selected =
            || reasons.iter().enumerate().filter(|(at, _)| selection >> at & 1 == 1).map(|(_, one)| one);
        let mut case = Case::sound(command.clone());
        // From the last to the first: what an earlier reason needs overwrites what a later one did.
        selected().rev().for_each(|(_, spoil)| spoil(&mut case));
        let (expected, _) = selected().next().expect("at least one");
        let (verdict, effects) = case.decided();
        let all: Vec<Decline> = selected().map(|(decline, _)| *decline).collect();
        assert_eq!(verdict, Verdict::Declined(*expected), "{command:?} with {all:?}");
        assert!(matches!(effects.as_slice(), [Effect::LastStan { stan: STAN, .. }]), "{effects:?}");
    }
}

fn claim() -> CardClaim {
    CardClaim { card: CARD, proof: Some(PROOF) }
}

#[test]
fn of_all_that_is_wrong_with_an_activation_the_first_reason_is_given() {
    let command = Command::Activate { claim: claim() };
    for unproven in [UNPROVEN, WITHOUT_SECRET, UNKNOWN] {
        for state in [BLOCKED, ACTIVE] {
            first_of(&command, &[BLOCKED_BEFORE, CLOSED, unproven, state, DOLLARS, NO_PRODUCT]);
        }
    }
}

#[test]
fn of_all_that_is_wrong_with_a_load_the_first_reason_is_given() {
    let command = Command::Load { claim: claim(), amount: 100_00, tenders: vec![(1, 100_00)] };
    for state in [BLOCKED, NOT_ACTIVE] {
        for amount in [&[TOO_LITTLE][..], &[TILL_LIMIT, FULL], &[PRODUCT_LIMIT, FULL]] {
            let before = [BLOCKED_BEFORE, CLOSED, UNPROVEN, state, DOLLARS, NO_PRODUCT];
            first_of(&command, &[&before, amount].concat());
        }
    }
}

#[test]
fn of_all_that_is_wrong_with_a_purchase_the_first_reason_is_given() {
    let command = Command::Purchase {
        claim: claim(),
        amount: 10_00,
        partial_allowed: false,
        points: None,
        lines: Vec::new(),
    };
    for state in [BLOCKED, NOT_ACTIVE] {
        let all = [BLOCKED_BEFORE, KIOSK, CLOSED, UNPROVEN, state, DOLLARS, NO_PRODUCT, TILL_LIMIT, EMPTY];
        first_of(&command, &all);
    }
}

#[test]
fn of_all_that_is_wrong_with_a_payment_by_points_the_first_reason_is_given() {
    let (partial_allowed, points, lines) = (true, Some(100), Vec::new());
    let command = Command::Purchase { claim: claim(), amount: 10_00, partial_allowed, points, lines };
    let before = [UNPROVEN, BLOCKED, DOLLARS, NO_PRODUCT, NO_POINTS, NO_QUOTE];
    first_of(&command, &[&before[..], &[TILL_LIMIT, ODD_POINTS, FEW_POINTS, LITTLE_MONEY]].concat());
}

#[test]
fn of_all_that_is_wrong_with_an_unload_the_first_reason_is_given() {
    let command = Command::Unload { claim: claim(), amount: 10_00 };
    let before = [BLOCKED_BEFORE, KIOSK, CLOSED, UNPROVEN, NOT_ACTIVE, DOLLARS, NO_PRODUCT, NO_UNLOAD];
    for amount in [TILL_LIMIT, TOO_MUCH_CASH] {
        first_of(&command, &[&before[..], &[amount, NOT_LOADED]].concat());
    }
}

#[test]
fn of_all_that_is_wrong_with_a_reconciliation_the_first_reason_is_given() {
    first_of(&Command::Reconciliation { totals: Vec::new() }, &[BLOCKED_BEFORE, CLOSED]);
}

#[test]
fn a_kiosk_sells_nothing_and_may_do_everything_else() {
    let load = Command::Load { claim: claim(), amount: 1_00, tenders: vec![(1, 1_00)] };
    for command in
        [Command::Activate { claim: claim() }, load, Command::Reconciliation { totals: Vec::new() }]
    {
        let mut case = Case::sound(command);
        case.terminal.role = Role::Kiosk;
        assert_eq!(case.decided().0, Verdict::Approved);
    }
}
