//! A request that nothing is wrong with, and all that a decision about it looks at.

use gateway::domain::card::CardStatus;
use gateway::domain::member::Standing;
use gateway::domain::programme::{PinRule, PointsPayment, Product, When};
use gateway::domain::purchase::Asked;
use gateway::domain::request::CardClaim;
use gateway::domain::{
    Card, CardReference, Cashier, Command, Effect, Facts, Kind, Lot, Member, Named, Now, Original, Pin,
    Programme, Quoted, Request, State, Terminal, Verdict, decide, purchase_quote, quote,
};
use gateway::{programme_file, translate};

use super::messages::{claim, load};
use crate::bench::{apply, entry, register};

pub(super) const CARD: CardReference = CardReference(9_000_000_000_000_006);
pub(super) const RECEIVER: CardReference = CardReference(9_000_000_000_000_014);
pub(super) const UNKNOWN: CardReference = CardReference(9_000_000_000_000_022);
pub(super) const ACCOUNT: CardReference = CardReference(9_000_000_000_000_030);
/// A supervisor of every store, and the salt and hash of everybody's PIN.
pub(super) const SUPERVISOR: &str = "LIN";
pub(super) const HASHED: ([u8; 16], [u8; 32]) = ([1; 16], [5; 32]);
pub(super) const TRIES: u8 = 3;
pub(super) const PROOF: [u8; 32] = [7; 32];
/// This till, and another one of the same store.
pub(super) const HERE: &str = "T1";
pub(super) const BESIDE: &str = "T2";
pub(super) const STAN: u32 = 11;
pub(super) const SHIFT: u32 = 1;
/// The shift of what was done before.
pub(super) const EARLIER_SHIFT: u32 = 2;
pub(super) const EARLIER_STAN: u32 = 5;
pub(super) const ASKED: i64 = 10_00;

/// Everything that a decision looks at.
#[derive(Clone, PartialEq)]
pub(super) struct Case {
    pub state: State,
    pub programme: Programme,
    pub terminal: Terminal,
    pub request: Request,
    pub original: Option<Original>,
    /// What an unload may pay out.
    pub loads: Vec<Original>,
    pub quoted: Option<Quoted>,
    /// A question in place of a value message.
    pub is_quote: bool,
}

pub(super) const NOW: Now = Now { ms: 1_790_000_000_000, business_date: 2026_09_21, certain: true };

impl Case {
    /// A request that nothing is wrong with.
    pub(super) fn of(command: Command) -> Self {
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
    pub(super) fn after(till: &str, done: Command, then: impl FnOnce(Named) -> Command) -> Self {
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
    pub(super) fn unload() -> Self {
        let mut case = Self::after(BESIDE, load(), |_| Command::Unload { claim: claim(), amount: ASKED });
        case.loads = case.original.take().into_iter().collect();
        case.product().max_unload = Some(500_00);
        case
    }

    /// Points pay a half: 100 of them 1.00.
    pub(super) fn by_points() -> Self {
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

    /// A member, and a programme with an activity, an item for points and an entitlement.
    pub(super) fn of_member(command: Command) -> Self {
        let mut case = Self::of(command);
        let tables = "[membership]\njoining = \"free\"\n\
            [[activity]]\ncode = \"visit\"\nrule = \"visit\"\npoints = 1\n\
            [[catalogue]]\nitem = \"mug\"\nname = \"Mug\"\npoints = 5\ngives = \"gift\"\n\
            [[entitlement]]\nentitlement = \"parking\"\nname = \"Parking\"\nuses = [{ per_month = 2 }]\n";
        let document = format!("{}\n{tables}", programme_file::DEFAULT);
        let of_members = programme_file::parse(&document).expect("a programme");
        case.programme = Programme { products: case.programme.products, ..of_members };
        let joined = Standing { joined: Some(2026_01_01), ..Standing::default() };
        case.state.members.insert(CARD, Member { standing: joined, ..Member::default() });
        case.card().lots.push(Lot { id: 2, kind: Kind::POINTS, amount: 5, expires: None, source: 5 });
        case.card().next_lot = 3;
        case
    }

    /// When what a member's message names can be had.
    pub(super) fn when(&mut self) -> &mut When {
        match self.request.command {
            Command::Award { .. } => &mut self.programme.activities[0].when,
            Command::Redeem { .. } => &mut self.programme.catalogue[0].when,
            Command::UseEntitlement { .. } => &mut self.programme.entitlements[0].when,
            _ => panic!("a message that names something of the programme"),
        }
    }

    pub(super) fn payment(&mut self) -> &mut PointsPayment {
        self.programme.points_payment.as_mut().expect("points pay")
    }

    pub(super) fn quote(command: Command) -> Self {
        let mut case = Self { is_quote: true, ..Self::of(command) };
        case.request.shift = None;
        case
    }

    pub(super) fn facts(&self, index: u64) -> Facts<'_> {
        Facts {
            state: &self.state,
            programme: &self.programme,
            pricing: &self.programme,
            index,
            original: self.original.as_ref(),
            entries: &self.loads,
            quoted: self.quoted.as_ref(),
            birthday: None,
        }
    }

    pub(super) fn code(&self) -> u8 {
        let facts = self.facts(12);
        let currency = self.request.currency;
        let verdict = match &self.request.command {
            Command::Load { claim, amount, .. } if self.is_quote => {
                let quoted = quote(facts, &self.terminal, claim, currency, *amount, NOW);
                quoted.expect("no fault").decision.verdict
            }
            Command::Purchase { claim, amount, points, .. } if self.is_quote => {
                let asked = Asked {
                    currency,
                    amount: *amount,
                    points: *points,
                    prices: self.request.prices,
                    sold: Vec::new(),
                };
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

    pub(super) fn claim(&mut self) -> &mut CardClaim {
        match &mut self.request.command {
            Command::Activate { claim }
            | Command::Load { claim, .. }
            | Command::Purchase { claim, .. }
            | Command::Authorize { claim, .. }
            | Command::Transfer { claim, .. }
            | Command::Unload { claim, .. }
            | Command::Join { claim, .. }
            | Command::Award { claim, .. }
            | Command::Redeem { claim, .. }
            | Command::UseEntitlement { claim, .. }
            | Command::ChangePin { claim } => claim,
            _ => panic!("a message about a card"),
        }
    }

    pub(super) fn named(&mut self) -> &mut Named {
        match &mut self.request.command {
            Command::Reversal { original }
            | Command::Void { original }
            | Command::Refund { original, .. }
            | Command::Capture { original, .. }
            | Command::Authorize { raises: Some(original), .. } => original,
            _ => panic!("a message that names another"),
        }
    }

    pub(super) fn amount(&mut self) -> &mut i64 {
        match &mut self.request.command {
            Command::Refund { amount, .. } | Command::Capture { amount, .. } => amount,
            _ => panic!("a message about a part"),
        }
    }

    pub(super) fn original(&mut self) -> &mut Original {
        self.original.as_mut().expect("an original")
    }

    pub(super) fn card(&mut self) -> &mut Card {
        self.state.cards.get_mut(&CARD).expect("the card")
    }

    pub(super) fn receiver(&mut self) -> &mut Card {
        self.state.cards.get_mut(&RECEIVER).expect("the card that is given to")
    }

    pub(super) fn product(&mut self) -> &mut Product {
        self.programme.products.get_mut("standard").expect("the product")
    }

    pub(super) fn gift(&mut self) -> &mut Product {
        self.programme.products.get_mut("gift").expect("the product of the card that is given to")
    }

    /// The card's PIN with so many tries, and what came of the one beside the request.
    pub(super) fn pin(
        &mut self,
        secret: Option<([u8; 16], [u8; 32])>,
        tries: u8,
        given: bool,
        hash: Option<[u8; 32]>,
    ) {
        self.card().pin = Pin { secret, tries };
        (self.request.pins.card_given, self.request.pins.card) = (given, hash);
    }

    /// The same, where the card's product wants it.
    pub(super) fn wants_pin(
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
    pub(super) fn supervisor(&mut self, name: &str, tries: u8, given: bool, hash: Option<[u8; 32]>) {
        self.request.supervisor = Some(name.into());
        self.state.cashiers.get_mut(SUPERVISOR).expect("the supervisor").pin.tries = tries;
        (self.request.pins.supervisor_given, self.request.pins.supervisor) = (given, hash);
    }

    pub(super) fn close(&mut self, till: &str, shift: u32) {
        self.state.shifts.entry((till.into(), 1, shift)).or_default().closed = true;
    }
}

pub(super) fn request(till: &str, (stan, shift): (u32, u32), command: Command) -> Request {
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
        reason: Some(4),
        command,
    }
}
