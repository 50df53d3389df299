//! What somebody who means harm tries with transfers, successions, a card's day and holds.

use gateway::domain::act::{Act, Place, decide_act};
use gateway::domain::ledger::check_balanced;
use gateway::domain::request::CardClaim;
use gateway::domain::{
    Card, CardReference, Command, Decision, Effect, Facts, Fault, Limits, Named, Now, Original, Programme,
    Request, Role, State, Terminal, TerminalStatus, decide,
};
use gateway::{programme_file, translate};

const START_S: i64 = 1_790_000_000;
const MOST: i64 = 10_000_00;
const A: usize = 0;
const B: usize = 1;
const C: usize = 2;
const CARDS: usize = 10;

struct Shop {
    now: Now,
    state: State,
    programme: Programme,
    index: u64,
    entries: Vec<Original>,
}

fn reference(card: usize) -> CardReference {
    CardReference(9_000_000_000_000_000 + card as u64)
}

fn claim(card: usize) -> CardClaim {
    CardClaim { card: reference(card), proof: Some([7; 32]) }
}

fn read(more: &str) -> Programme {
    let document = format!(
        "[programme]\nname = \"P\"\ncurrency = \"CNY\"\nzone = \"Asia/Shanghai\"\ncutover = \"04:00\"\n\
         [product.p]\nname = \"Card\"\nmin_load = \"1.00\"\nmax_load = \"2000.00\"\nmax_balance = \"2000.00\"\n\
         max_transfer = \"2000.00\"\n{more}\n"
    );
    programme_file::parse(&document).expect("a programme")
}

/// Ten cards of one product, two of them in use.
fn shop(more: &str) -> Shop {
    let mut state = State::default();
    for card in 0..CARDS {
        state.cards.insert(reference(card), Card::issued(reference(card), "p", &[7; 32]));
    }
    let terminal = Terminal {
        terminal: "R1".into(),
        generation: 1,
        status: TerminalStatus::Active,
        role: Role::Register,
        algorithm: -7,
        public_key: Vec::new(),
        merchant: "M".into(),
        store: "S".into(),
        limits: Limits { load: MOST, purchase: MOST, refund: MOST },
        last_stan: 0,
        code: None,
    };
    state.terminals.insert("R1".into(), terminal);
    let programme = read(more);
    let ms = START_S * 1000;
    let now = Now { ms, business_date: programme.business_date(ms).expect("a date"), certain: true };
    let mut shop = Shop { now, state, programme, index: 0, entries: Vec::new() };
    for card in [A, B] {
        shop.ask(Command::Activate { claim: claim(card) }, 0);
    }
    shop
}

impl Shop {
    fn named(&self, entry: usize) -> Named {
        let original = &self.entries[entry];
        Named {
            terminal: "R1".into(),
            generation: 1,
            stan: u32::try_from(entry + 1).expect("few"),
            request_id: original.request_id,
        }
    }

    fn attempt(&mut self, command: Command) -> Result<Decision, Fault> {
        let stan = u32::try_from(self.entries.len() + 1).expect("few");
        let mut request_id = [0; 32];
        request_id[..4].copy_from_slice(&stan.to_be_bytes());
        let named = command.original().map(|named| named.stan as usize - 1);
        let original = named.and_then(|at| self.entries.get(at)).cloned().map(|o| o.followed(&self.state));
        let message = command.message();
        let request = Request {
            cashier: None,
            supervisor: None,
            holder: None,
            pins: gateway::domain::Pins::default(),
            request_id,
            terminal: "R1".into(),
            generation: 1,
            stan,
            shift: None,
            currency: 156,
            command,
            quote: None,
        };
        let terminal = self.state.terminals["R1"].clone();
        self.index += 1;
        let facts = Facts {
            state: &self.state,
            programme: &self.programme,
            pricing: &self.programme,
            index: self.index,
            original: original.as_ref(),
            quoted: None,
        };
        let decision = decide(facts, &terminal, &request, self.now)?;
        self.apply(&decision.effects)?;
        self.entries.push(Original {
            index: self.index,
            request_id,
            message,
            terminal: "R1".into(),
            generation: 1,
            merchant: "M".into(),
            store: "S".into(),
            business_date: self.now.business_date,
            shift: None,
            card: decision.card,
            approved: decision.is_approved(),
            approved_amount: decision.amount.unwrap_or(0),
            effects: decision.effects.clone(),
        });
        Ok(decision)
    }

    /// Asks, and says under which number that can be named.
    fn ask(&mut self, command: Command, code: u8) -> usize {
        let decision = self.attempt(command).expect("it can be decided");
        assert_eq!(translate::code(decision.verdict).0, code, "{:?}", decision.verdict);
        self.entries.len() - 1
    }

    fn apply(&mut self, effects: &[Effect]) -> Result<(), Fault> {
        check_balanced(effects.iter().filter_map(|effect| match effect {
            Effect::Posting(posting) => Some(posting),
            _ => None,
        }))?;
        effects.iter().try_for_each(|effect| self.state.apply(effect))
    }

    fn act(&mut self, act: &Act) {
        self.index += 1;
        let place = Place { store: "S", index: self.index, about: None };
        let effects =
            decide_act(&self.state, &self.programme, act, &[], place, self.now).expect("it is done");
        self.apply(&effects).expect("every effect fits");
    }

    fn replace(&mut self, card: usize, by: usize) {
        self.act(&Act::CardReplace { card: reference(card), by: reference(by), reason: "lost".into() });
    }

    fn merge(&mut self, card: usize, into: usize) {
        self.act(&Act::CardMerge { card: reference(card), into: reference(into), reason: "two".into() });
    }

    fn load(&mut self, card: usize, amount: i64) -> usize {
        self.ask(Command::Load { claim: claim(card), amount, tenders: vec![(1, amount)] }, 0)
    }

    fn card(&self, card: usize) -> &Card {
        &self.state.cards[&reference(card)]
    }

    fn money(&self) -> i64 {
        (0..CARDS).map(|card| self.card(card).worth(self.now.s())).sum()
    }
}

fn purchase(card: usize, amount: i64) -> Command {
    Command::Purchase { claim: claim(card), amount, partial_allowed: false }
}

fn authorize(card: usize, amount: i64) -> Command {
    Command::Authorize { claim: claim(card), amount, partial_allowed: false, raises: None }
}

fn transfer(from: usize, to: usize, amount: i64) -> Command {
    Command::Transfer { claim: claim(from), to: reference(to), amount }
}

const DAY: &str = "daily = { purchase_sum = \"100.00\", loads = 2 }";

#[test]
fn a_void_of_an_authorize_frees_no_more_of_the_day_than_it_frees_of_the_hold() {
    let mut shop = shop(DAY);
    shop.load(A, 1000_00);
    let held = shop.ask(authorize(A, 100_00), 0);
    let original = shop.named(held);
    shop.ask(Command::Capture { original: original.clone(), amount: 99_00, more_follow: true }, 0);
    shop.ask(Command::Void { original }, 0);
    shop.ask(purchase(A, 100_00), 61);
}

#[test]
fn a_card_that_takes_anothers_place_has_the_day_that_the_other_had() {
    let mut shop = shop(DAY);
    shop.load(A, 1000_00);
    shop.ask(purchase(A, 100_00), 0);
    shop.replace(A, C);
    shop.ask(purchase(C, 100_00), 61);
}

#[test]
fn undoing_a_transaction_of_a_replaced_card_frees_nothing_that_its_successor_has_spent() {
    let mut shop = shop(DAY);
    shop.load(A, 500_00);
    shop.load(B, 500_00);
    let bought = shop.ask(purchase(A, 100_00), 0);
    shop.ask(purchase(B, 100_00), 0);
    shop.merge(A, B);
    shop.ask(Command::Void { original: shop.named(bought) }, 0);
    shop.ask(purchase(B, 100_00), 61);
}

#[test]
fn a_declined_request_on_a_replaced_card_does_not_tell_which_card_took_its_place() {
    let mut shop = shop("");
    shop.load(A, 100_00);
    shop.replace(A, C);
    let guessed = CardClaim { card: reference(A), proof: Some([9; 32]) };
    let declined = shop.ask(Command::Purchase { claim: guessed, amount: 1, partial_allowed: false }, 14);
    let answer = shop.attempt(Command::Void { original: shop.named(declined) }).expect("an answer");
    assert_ne!(answer.card, Some(reference(C)));
    let answer =
        shop.attempt(Command::Refund { original: shop.named(declined), amount: 1 }).expect("an answer");
    assert_ne!(answer.card, Some(reference(C)));
    let answer = shop.attempt(Command::Reversal { original: shop.named(declined) }).expect("an answer");
    assert_ne!(answer.card, Some(reference(C)));
}

#[test]
fn transfers_open_no_more_lots_than_loads_do() {
    let mut shop = shop("");
    shop.load(A, 100_00);
    for _ in 0..200 {
        shop.ask(transfer(A, B, 1), 0);
    }
    let lots = shop.card(B).lots.len();
    assert!(lots <= 33, "{lots} lots");
}

#[test]
fn captures_and_their_voids_do_not_make_a_hold_grow() {
    let mut shop = shop("");
    shop.load(A, 1000_00);
    let held = shop.ask(authorize(A, 1000_00), 0);
    let original = shop.named(held);
    for amount in 1..=200 {
        let captured =
            shop.ask(Command::Capture { original: original.clone(), amount, more_follow: true }, 0);
        shop.ask(Command::Void { original: shop.named(captured) }, 0);
    }
    let parts = shop.card(A).holds[0].parts.len();
    assert!(parts <= 64, "{parts} parts");
}

#[test]
fn a_transfer_does_not_tell_the_balance_of_a_card_to_whoever_has_none_to_give() {
    let mut shop = shop("");
    shop.load(A, 1_00);
    shop.load(B, 123_45);
    // Nothing is given, yet where the answer turns is B's balance.
    let codes: Vec<u8> = [2000_00 - 123_45, 2000_00 - 123_45 + 1]
        .into_iter()
        .map(|amount| {
            let said = shop.attempt(transfer(A, B, amount)).expect("an answer");
            translate::code(said.verdict).0
        })
        .collect();
    assert_eq!(codes[0], codes[1]);
}

#[test]
fn an_activation_that_is_undone_leaves_alone_a_card_that_was_sold_by_itself() {
    let mut shop = shop("");
    shop.merge(A, B);
    let said = shop.attempt(Command::Void { original: shop.named(0) }).expect("an answer");
    assert!(!said.is_approved() || shop.card(B).status == gateway::domain::CardStatus::Active);
}

#[test]
fn a_merge_keeps_to_the_largest_balance() {
    let mut shop = shop("");
    shop.load(A, 2000_00);
    shop.load(B, 2000_00);
    let act = Act::CardMerge { card: reference(A), into: reference(B), reason: "two".into() };
    let place = Place { store: "S", index: 99, about: None };
    assert!(decide_act(&shop.state, &shop.programme, &act, &[], place, shop.now).is_err());
}

#[test]
fn a_transfer_can_be_undone_after_its_cards_became_one() {
    for into_giver in [false, true] {
        let mut shop = shop("");
        shop.load(A, 100_00);
        shop.load(B, 50_00);
        let given = shop.ask(transfer(A, B, 70_00), 0);
        if into_giver {
            shop.merge(B, A)
        } else {
            shop.merge(A, B)
        }
        shop.ask(Command::Reversal { original: shop.named(given) }, 0);
        assert_eq!(shop.money(), 150_00);
        let one = if into_giver { A } else { B };
        shop.ask(purchase(one, 150_00), 0);
        assert_eq!(shop.money(), 0);
    }
}

#[test]
fn a_load_that_was_given_away_is_not_paid_out_and_comes_back_once() {
    let mut shop = shop("");
    let loaded = shop.load(A, 100_00);
    let given = shop.ask(transfer(A, B, 100_00), 0);
    shop.ask(Command::Refund { original: shop.named(loaded), amount: 1 }, 51);
    shop.ask(Command::Reversal { original: shop.named(loaded) }, 51);
    shop.replace(B, C);
    shop.ask(Command::Refund { original: shop.named(loaded), amount: 1 }, 51);
    shop.merge(C, A);
    shop.ask(Command::Refund { original: shop.named(loaded), amount: 1 }, 51);
    shop.ask(Command::Void { original: shop.named(given) }, 0);
    shop.ask(Command::Refund { original: shop.named(loaded), amount: 100_00 }, 0);
    assert_eq!(shop.money(), 0);
}

#[test]
fn holds_go_through_a_chain_of_cards_and_are_captured_voided_and_refunded_at_its_end() {
    let mut shop = shop("");
    shop.load(A, 100_00);
    let held = shop.ask(authorize(A, 60_00), 0);
    let original = shop.named(held);
    let captured =
        shop.ask(Command::Capture { original: original.clone(), amount: 20_00, more_follow: true }, 0);
    shop.load(B, 30_00);
    let own = shop.ask(authorize(B, 30_00), 0);
    shop.merge(A, B);
    shop.replace(B, C);
    shop.ask(Command::Capture { original, amount: 40_00, more_follow: false }, 0);
    shop.ask(Command::Void { original: shop.named(captured) }, 0);
    assert_eq!(shop.card(C).holds.len(), 2);
    shop.ask(Command::Capture { original: shop.named(held), amount: 20_01, more_follow: false }, 61);
    shop.ask(Command::Capture { original: shop.named(held), amount: 20_00, more_follow: false }, 0);
    shop.ask(Command::Capture { original: shop.named(own), amount: 30_00, more_follow: false }, 0);
    assert_eq!(shop.money(), 40_00);
    shop.ask(purchase(C, 40_00), 0);
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % sides).expect("few")
    }
}

/// Every sum, every hold and every effect of a long day with operators in it.
#[test]
fn nothing_is_undecidable_however_cards_take_each_others_place() {
    let mut problems = std::collections::BTreeMap::new();
    let cases = std::env::var("ATTACK_CASES").map_or(3000, |text| text.parse().expect("a number"));
    let mut approved = std::collections::BTreeMap::new();
    for seed in 0..cases {
        let mut dice = Dice(seed);
        let mut shop = shop(
            "hold_hours = 30\nrefund_grace_days = 3\nspend = \"pro-rata\"\ndaily = { purchase_sum = \"900.00\", loads = 9 }\n\
             [[load_bonus]]\nrule = \"steps\"\nsteps = [{ from = \"100.00\", bonus = \"5.00\" }]\n\
             [[purchase_points]]\nrule = \"spend\"\nper = \"3.00\"\ngives = 2\n\
             [expiry]\nbonus_months = 1\npoints_months = 1\nprincipal_months = 2\n",
        );
        let mut told = Vec::new();
        for _ in 0..60 {
            let cards = 4;
            let (card, other) = (dice.roll(cards), dice.roll(cards));
            let amount = [1, 33_33, 100_00, 7_77, 250_00][dice.roll(5)];
            let held = |shop: &Shop, dice: &mut Dice| {
                let alive = |at: &usize| {
                    let entry = &shop.entries[*at];
                    let held = |card: &Card| card.hold(entry.index).is_some();
                    shop.state.cards.values().any(held)
                };
                let all: Vec<usize> = (0..shop.entries.len()).filter(alive).collect();
                all.get(dice.roll(all.len().max(1) as u64)).map_or(shop.named(0), |at| shop.named(*at))
            };
            let named = |shop: &Shop, dice: &mut Dice| {
                if dice.roll(3) == 0 {
                    let kinds = [0x1d, 0x1b, 0x18];
                    let kind = kinds[dice.roll(3)];
                    let mut all = (0..shop.entries.len()).rev();
                    if let Some(at) =
                        all.find(|at| shop.entries[*at].message == kind && shop.entries[*at].approved)
                    {
                        return shop.named(at);
                    }
                }
                let many = shop.entries.len() as u64;
                shop.named(usize::try_from(many).expect("few") - 1 - dice.roll(many.min(25)))
            };
            let command = match dice.roll(20) {
                0 => Command::Activate { claim: claim(card) },
                1..=3 => Command::Load { claim: claim(card), amount, tenders: vec![(1, amount)] },
                4 | 5 => Command::Purchase { claim: claim(card), amount, partial_allowed: true },
                6 => Command::Authorize { claim: claim(card), amount, partial_allowed: true, raises: None },
                7 => Command::Authorize {
                    claim: claim(card),
                    amount,
                    partial_allowed: true,
                    raises: Some(held(&shop, &mut dice)),
                },
                8 | 9 => transfer(card, other, amount),
                10 | 11 => Command::Capture {
                    original: held(&shop, &mut dice),
                    amount,
                    more_follow: dice.roll(2) == 0,
                },
                12 | 13 => Command::Refund { original: named(&shop, &mut dice), amount },
                14 => Command::Void { original: named(&shop, &mut dice) },
                15 | 16 => Command::Reversal { original: named(&shop, &mut dice) },
                17 => {
                    let hours = [1, 20, 800, 1500][dice.roll(4)];
                    shop.now.ms += hours * 3_600_000;
                    shop.now.business_date = shop.programme.business_date(shop.now.ms).expect("a date");
                    shop.now.certain = dice.roll(5) != 0;
                    told.push(format!("wait {hours} certain {}", shop.now.certain));
                    continue;
                }
                _ => {
                    let act = match dice.roll(4) {
                        0 => Act::CardReplace {
                            card: reference(card),
                            by: reference(other),
                            reason: "r".into(),
                        },
                        1 => Act::CardMerge {
                            card: reference(card),
                            into: reference(other),
                            reason: "r".into(),
                        },
                        2 => Act::CardBlock { card: reference(card), reason: "r".into() },
                        _ => Act::CardUnblock { card: reference(card) },
                    };
                    let place = Place { store: "S", index: shop.index + 1, about: None };
                    if let Ok(effects) = decide_act(&shop.state, &shop.programme, &act, &[], place, shop.now)
                    {
                        shop.index += 1;
                        told.push(format!("{act:?}"));
                        if let Err(fault) = shop.apply(&effects) {
                            problems.entry(format!("{fault:?} in an act")).or_insert_with(|| told.clone());
                            break;
                        }
                    }
                    continue;
                }
            };
            let what = format!("{}: {command:?}", shop.entries.len() + 1);
            let message = command.message();
            match shop.attempt(command) {
                Ok(decision) => {
                    *approved.entry((message, decision.is_approved())).or_insert(0) += 1;
                    told.push(format!("{what} -> {:?}", decision.verdict));
                    let mut once = std::collections::BTreeSet::new();
                    for effect in &decision.effects {
                        let key = match effect {
                            Effect::Transaction { index, .. } => format!("t{index}"),
                            Effect::CardTally { card, .. } => format!("d{}", card.0),
                            Effect::Hold { card, hold } => format!("h{}-{}", card.0, hold.id),
                            Effect::PointsDebt { card, .. } => format!("p{}", card.0),
                            _ => continue,
                        };
                        if !once.insert(key.clone()) {
                            let kind = format!("twice in an entry: {}", &key[..1]);
                            problems.entry(kind).or_insert_with(|| told.clone());
                        }
                    }
                }
                Err(fault) => {
                    told.push(what);
                    problems.entry(format!("{fault:?} in {message:#x}")).or_insert_with(|| told.clone());
                    break;
                }
            }
            for card in shop.state.cards.values() {
                for lot in &card.lots {
                    assert!(lot.amount > 0 && card.free(lot) >= 0, "{told:#?}");
                }
            }
        }
    }
    eprintln!("{approved:?}");
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn a_void_of_a_raised_hold_frees_all_of_the_day_that_the_hold_took() {
    let mut shop = shop(DAY);
    shop.load(A, 1000_00);
    let held = shop.ask(authorize(A, 10_00), 0);
    let original = shop.named(held);
    let raises = Some(original.clone());
    shop.ask(Command::Authorize { claim: claim(A), amount: 90_00, partial_allowed: false, raises }, 0);
    shop.ask(Command::Void { original }, 0);
    shop.ask(purchase(A, 100_00), 0);
}

#[test]
fn a_capture_that_is_undone_while_the_time_is_uncertain_is_held_again() {
    let mut shop = shop("hold_hours = 30");
    shop.load(A, 100_00);
    let held = shop.ask(authorize(A, 60_00), 0);
    let captured =
        shop.ask(Command::Capture { original: shop.named(held), amount: 60_00, more_follow: false }, 0);
    (shop.now.ms, shop.now.certain) = (shop.now.ms + 31 * 3_600_000, false);
    shop.ask(Command::Void { original: shop.named(captured) }, 0);
    assert_eq!(shop.card(A).holds.len(), 1);
}

mod counter {
    //! At a real counter.

    use protocol::code::ResponseCode;
    use protocol::field::QuoteId;
    use protocol::request::{Body, Header, Request};
    use terminal_sim::Card;
    use terminal_sim::checked::Checked;
    use terminal_sim::session::Session;

    use crate::counter::{Clerk, amount, cards, holdings, load};
    use crate::harness::{Gateway, Site};

    const APPROVED: ResponseCode = ResponseCode::APPROVED;

    struct Till {
        clerk: Clerk,
        session: Session,
    }

    impl Till {
        async fn open(site: &Site, gateway: &Gateway, name: &str) -> Self {
            let clerk = Clerk::enrol(site, gateway, name, "register").await;
            let session = clerk.session(gateway).await;
            Self { clerk, session }
        }

        async fn quote(&mut self, card: &Card, minor: i64) -> QuoteId {
            let body = Body::LoadQuote { card: card.reference, amount: amount(minor) };
            let question = self.session.question(body, &card.sidecar()).expect("a question");
            let answer = self.session.exchange(&question, false).await.expect("an answer");
            answer.answer.quote.as_ref().expect("a quote").id
        }

        async fn cite(&mut self, quote: Option<QuoteId>, body: Body, card: &Card) -> Checked {
            let stan = self.clerk.next_stan();
            let header = Header { quote, ..self.session.value_header(stan).expect("a header") };
            let message =
                self.session.sign(&Request { header, body }, &card.sidecar()).expect("a signed message");
            self.clerk.send(&mut self.session, &message).await
        }
    }

    fn change_programme(site: &Site, from: &str, to: &str) {
        let document = gateway::programme_file::DEFAULT.replace(from, to);
        assert_ne!(document, gateway::programme_file::DEFAULT, "{from} is in it");
        let file = site.beside("programme.toml");
        std::fs::write(&file, document).expect("a file");
        site.json(&["programme", "activate", file.to_str().expect("a path")]);
    }

    #[tokio::test]
    async fn a_quote_is_honoured_once() {
        let site = Site::new();
        let gateway = site.start();
        let card = cards(&site, 1).remove(0);
        let mut till = Till::open(&site, &gateway, "T0001").await;
        till.clerk.fill(&mut till.session, &card, &[]).await;
        let quote = till.quote(&card, 100_00).await;
        change_programme(&site, "bonus = \"5.00\"", "bonus = \"1.00\"");
        assert_eq!(till.cite(Some(quote), load(&card, 100_00), &card).await.code(), APPROVED);
        let again = till.cite(Some(quote), load(&card, 100_00), &card).await;
        assert_eq!(again.code(), ResponseCode::INVALID_TRANSACTION, "{:?}", holdings(&site, &card).bonus);
    }

    #[tokio::test]
    async fn a_quote_lets_nothing_through_that_todays_limits_forbid() {
        let site = Site::new();
        let gateway = site.start();
        let card = cards(&site, 1).remove(0);
        let mut till = Till::open(&site, &gateway, "T0001").await;
        till.clerk.fill(&mut till.session, &card, &[]).await;
        let quote = till.quote(&card, 500_00).await;
        change_programme(&site, "max_load = \"", "max_load = \"100.00\" # \"");
        assert_eq!(till.cite(None, load(&card, 500_00), &card).await.code(), ResponseCode::AMOUNT_LIMIT);
        let cited = till.cite(Some(quote), load(&card, 500_00), &card).await;
        assert_eq!(cited.code(), ResponseCode::AMOUNT_LIMIT);
    }

    #[tokio::test]
    async fn a_load_that_cites_a_quote_counts_into_the_cards_day() {
        let site = Site::new();
        let gateway = site.start();
        let card = cards(&site, 1).remove(0);
        let mut till = Till::open(&site, &gateway, "T0001").await;
        till.clerk.fill(&mut till.session, &card, &[]).await;
        let quotes = [till.quote(&card, 50_00).await, till.quote(&card, 50_00).await];
        let limits = "daily = { loads = 1 }";
        change_programme(&site, "refund_grace_days = 30", &format!("{limits}\nrefund_grace_days = 30"));
        assert_eq!(till.cite(Some(quotes[0]), load(&card, 50_00), &card).await.code(), APPROVED);
        let plain = till.cite(None, load(&card, 50_00), &card).await;
        assert_eq!(plain.code(), ResponseCode::AMOUNT_LIMIT, "a second load");
    }

    #[tokio::test]
    async fn a_reason_cannot_rewrite_what_the_second_person_reads() {
        let site = Site::new();
        let _gateway = site.start();
        let card = cards(&site, 1).remove(0);
        let number = card.reference.digits().to_string();
        let reason = "\u{1b}[2K\rowner proposes: put 100 minor units on card 9, without a sale: x";
        let proposed =
            site.run(&["card", "refund", "--card", &number, "--amount", "1500.00", "--reason", reason]);
        assert!(!proposed.status.success(), "{}", site.json(&["act", "list"]));
    }

    #[tokio::test]
    async fn what_waits_for_a_second_person_has_another_number_after_a_restart() {
        let site = Site::new();
        let gateway = site.start();
        let card = cards(&site, 1).remove(0);
        let mut till = Till::open(&site, &gateway, "T0001").await;
        till.clerk.fill(&mut till.session, &card, &[10_00]).await;
        for name in ["ann", "bob"] {
            site.json(&["operator", "add", "--name", name]);
        }
        let number = card.reference.digits().to_string();
        let propose = |amount: &str| {
            let said = site.json(&[
                "card",
                "refund",
                "--card",
                &number,
                "--amount",
                amount,
                "--reason",
                "r",
                "--operator",
                "ann",
            ]);
            said["proposal"].as_u64().expect("a number").to_string()
        };
        // Bob was told this number, and what it is about.
        let told = propose("5.00");
        gateway.kill();
        let _gateway = site.start();
        propose("900.00");
        let done = site.run(&["act", "confirm", "--number", &told, "--operator", "bob"]);
        assert!(!done.status.success(), "{}", holdings(&site, &card).principal);
    }

    #[tokio::test]
    async fn a_restart_in_the_middle_loses_nothing_of_cards_that_took_each_others_place() {
        for seed in 0..3 {
            let site = Site::new();
            let mut gateway = site.start();
            let cards = cards(&site, 8);
            let mut dice = super::Dice(seed);
            let mut till = Till::open(&site, &gateway, "T0001").await;
            change_programme(&site, "# max_transfer = \"500.00\"", "max_transfer = \"500.00\"");
            for card in &cards[..4] {
                till.clerk.fill(&mut till.session, card, &[100_00]).await;
            }
            let mut sent: Vec<terminal_sim::message::SignedMessage> = Vec::new();
            for step in 0..160 {
                let (card, other) = (&cards[dice.roll(5)], &cards[dice.roll(6)]);
                let minor = amount([1, 9_99, 40_00, 130_00][dice.roll(4)]);
                let original = |dice: &mut super::Dice| {
                    let at = sent.len() - 1 - dice.roll(sent.len().min(20) as u64);
                    sent[at].original().expect("a value message")
                };
                if step > 5 && dice.roll(12) == 0 {
                    let digits = |card: &Card| card.reference.digits().to_string();
                    let (one, two) = (digits(card), digits(other));
                    let flag = if dice.roll(2) == 0 { ["merge", "--into"] } else { ["replace", "--by"] };
                    site.run(&["card", flag[0], "--card", &one, flag[1], &two, "--reason", "r"]);
                    continue;
                }
                if dice.roll(40) == 0 {
                    let before: Vec<String> =
                        cards.iter().map(|card| format!("{:?}", holdings(&site, card).lots)).collect();
                    gateway.kill();
                    gateway = site.start();
                    till.session = till.clerk.session(&gateway).await;
                    let after: Vec<String> =
                        cards.iter().map(|card| format!("{:?}", holdings(&site, card).lots)).collect();
                    assert_eq!(before, after);
                }
                let body = match if sent.is_empty() { 0 } else { dice.roll(10) } {
                    0 | 1 => load(card, minor.get()),
                    2 => crate::counter::purchase(card, minor.get()),
                    3 => Body::Authorize { card: card.reference, amount: minor, raises: None },
                    4 | 5 => Body::Transfer { card: card.reference, to: other.reference, amount: minor },
                    6 => Body::Capture {
                        amount: minor,
                        tenders: None,
                        lines: None,
                        original: original(&mut dice),
                    },
                    7 => Body::Void { original: original(&mut dice), reason: None, supervisor: None },
                    8 => Body::Refund {
                        supervisor: None,
                        amount: minor,
                        lines: None,
                        original: original(&mut dice),
                        reason: None,
                    },
                    _ => Body::Reversal {
                        original: original(&mut dice),
                        reason: protocol::field::Reason::WRONG_AMOUNT,
                    },
                };
                let sidecar = match body {
                    Body::Capture { .. }
                    | Body::Void { .. }
                    | Body::Refund { .. }
                    | Body::Reversal { .. } => protocol::request::RequestSidecar::default(),
                    _ => card.sidecar(),
                };
                let stan = till.clerk.next_stan();
                let header = till.session.value_header(stan).expect("a header");
                let message =
                    till.session.sign(&Request { header, body }, &sidecar).expect("a signed message");
                let answer = till.clerk.send(&mut till.session, &message).await;
                assert_ne!(answer.code(), ResponseCode::SYSTEM_MALFUNCTION, "seed {seed} step {step}");
                sent.push(message);
            }
            drop(gateway);
            site.verify();
        }
    }

    #[tokio::test]
    async fn whoever_lacks_a_cards_secret_does_not_learn_which_card_took_its_place() {
        let site = Site::new();
        let gateway = site.start();
        let cards = cards(&site, 2);
        let mut till = Till::open(&site, &gateway, "T0001").await;
        till.clerk.fill(&mut till.session, &cards[0], &[10_00]).await;
        let digits = |card: &Card| card.reference.digits().to_string();
        let (old, new) = (digits(&cards[0]), digits(&cards[1]));
        site.json(&["card", "replace", "--card", &old, "--by", &new, "--reason", "lost"]);
        // The secret is another card's.
        let stan = till.clerk.next_stan();
        let header = till.session.value_header(stan).expect("a header");
        let body = crate::counter::purchase(&cards[0], 1_00);
        let message =
            till.session.sign(&Request { header, body }, &cards[1].sidecar()).expect("a signed message");
        let declined = till.clerk.send(&mut till.session, &message).await;
        assert_eq!(declined.code(), ResponseCode::CARD_NOT_ACCEPTED);
        let stan = till.clerk.next_stan();
        let body = Body::Void {
            original: message.original().expect("a value message"),
            reason: None,
            supervisor: None,
        };
        let header = till.session.value_header(stan).expect("a header");
        let message = till
            .session
            .sign(&Request { header, body }, &protocol::request::RequestSidecar::default())
            .expect("a signed message");
        let answer = till.clerk.send(&mut till.session, &message).await;
        assert_ne!(answer.answer.card, Some(cards[1].reference), "{:?}", answer.code());
    }
}
