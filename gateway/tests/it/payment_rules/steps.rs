//! What happens at the tills, drawn from numbers: a number is a step, and a smaller number a simpler one.

use gateway::domain::request::message;
use gateway::domain::{Command, Fault, Kind, Line};

use super::calendar::principal_end;
use super::paper::{Deal, Goods, Occasion, Paper, tenders_of};
use super::sheet::POINTS;
use super::world::{CARDS, KIOSK, OTHER_MERCHANT, PAY_WITH_POINTS, PAYMENTS, Said, TILLS, World, claim};

/// What happens.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Ask {
        till: usize,
        shift: Option<u32>,
        deal: Deal,
    },
    /// Signed, and not sent.
    Sign {
        till: usize,
    },
    /// What was signed is sent at last: a purchase.
    Late {
        request: usize,
        card: usize,
        amount: i64,
    },
    /// The same bytes as before, at any later time.
    Repeat {
        of: usize,
    },
    Block {
        card: usize,
        block: bool,
    },
    Sweep {
        card: usize,
    },
    Wait {
        seconds: i64,
    },
}

/// Reads fields off a number.
struct Digits(u64);

impl Digits {
    fn below(&mut self, end: u64) -> usize {
        let digit = self.0 % end;
        self.0 /= end;
        usize::try_from(digit).expect("small")
    }

    fn one_in(&mut self, end: u64) -> bool {
        self.below(end) == 1
    }

    fn amount(&mut self) -> i64 {
        const EDGES: [i64; 12] =
            [1, 99, 1_00, 2_99, 3_00, 99_99, 100_00, 299_99, 300_00, 1_999_99, 2_000_00, 2_000_01];
        match self.below(6) {
            0 => EDGES[self.below(12)],
            1 | 2 => i64::try_from(self.below(20_00)).expect("small") + 1,
            _ => i64::try_from(self.below(400_00)).expect("small") + 1,
        }
    }

    /// Of what was approved: all of it, parts of it, too much of it.
    fn part(&mut self, of: i64) -> i64 {
        let part = match self.below(8) {
            0 | 1 => of,
            2 => of / 2,
            3 => of / 3 + 1,
            4 => of + 1,
            5 => 1,
            6 => of - of / 3,
            _ => self.amount(),
        };
        part.max(1)
    }

    fn item(&mut self) -> u8 {
        u8::try_from(self.below(3)).expect("small")
    }

    /// Mostly a number that is allowed.
    fn points(&mut self, world: &World, card: usize, amount: i64) -> i64 {
        let has = world.card(card).available(Kind::POINTS, world.now.s());
        let fits = amount * 3 / 4 * 3 / 50;
        let points = match self.below(8) {
            0 => has,
            1 => fits / 2 * 2,
            2 => has + 2,
            3 => 3,
            4 => 4,
            _ => has.min(fits) / 2 * 2,
        };
        points.max(1)
    }

    /// Goods that come back, and what for: mostly what was sold.
    fn returned(&mut self, world: &World, of: usize) -> Option<(Vec<Goods>, i64)> {
        let sold = world.asked[of].entry.as_ref().map_or(&[][..], |entry| &entry.lines);
        if sold.is_empty() && !self.one_in(8) || self.one_in(4) {
            return None;
        }
        let line = sold.get(self.below(2)).or(sold.first());
        let (quantity, price) = line.map_or((1_000, 1), |line| (line.quantity, line.amount));
        let item = self.item();
        let item =
            line.and_then(|line| line.item[1..].parse().ok()).filter(|_| self.below(6) > 0).unwrap_or(item);
        let (quantity, price) = match self.below(4) {
            0 => (quantity / 2, price / 2),
            1 => (quantity + 1, price),
            _ => (quantity, price),
        };
        let price = price.max(1);
        let two = vec![(item, quantity / 3, price / 3), (item, quantity - quantity / 3, price - price / 3)];
        Some((if self.one_in(3) { two } else { vec![(item, quantity, price)] }, price))
    }

    /// A card with many points, mostly.
    fn rich(&mut self, world: &World, card: usize) -> usize {
        let points = |card: &usize| world.card(*card).available(Kind::POINTS, world.now.s());
        let richest = (0..CARDS).filter(|card| PAY_WITH_POINTS[*card]).max_by_key(points);
        richest.filter(|_| self.below(4) > 0).unwrap_or(card)
    }

    /// A sale that points have paid or that named its goods, mostly; or whatever is paid back.
    fn sale(&mut self, world: &World) -> Option<usize> {
        let special = |at: &usize| {
            let asked = &world.asked[*at];
            let lines = asked.entry.as_ref().is_some_and(|entry| !entry.lines.is_empty());
            world.is_approved(*at, &[message::PURCHASE]) && (asked.used.0 > 0 || lines)
        };
        let special = (0..world.asked.len()).rev().filter(special).nth(self.below(3));
        special
            .filter(|_| self.below(3) == 0)
            .or_else(|| self.earlier(world, &[message::LOAD, message::PURCHASE, message::CAPTURE]))
    }

    /// A sale whose points are gone.
    fn without_points(&mut self, world: &World) -> Option<usize> {
        let gone = |at: &usize| {
            let card = world.card_of(*at).filter(|card| PAY_WITH_POINTS[*card]);
            let has = |card: usize| world.card(card).available(Kind::POINTS, world.now.s());
            let sells = world.is_approved(*at, &[message::PURCHASE, message::CAPTURE]);
            sells && card.is_some_and(|card| has(card) < world.asked[*at].earned)
        };
        (0..world.asked.len()).rev().filter(gone).nth(self.below(3))
    }

    /// What is spent: mostly little.
    fn price(&mut self) -> i64 {
        if self.below(4) == 0 { self.amount() } else { i64::try_from(self.below(60_00)).expect("small") + 1 }
    }

    /// An earlier request: mostly an approved one of these messages, and a recent one rather than an old one.
    fn earlier(&mut self, world: &World, messages: &[u8]) -> Option<usize> {
        let any = self.one_in(16);
        let recent = self.below(3) > 0;
        let fits: Vec<usize> =
            (0..world.asked.len()).filter(|request| any || world.is_approved(*request, messages)).collect();
        let window = if recent { fits.len().min(4) } else { fits.len() };
        let back = self.below(window.max(1) as u64) + 1;
        fits.len().checked_sub(back).and_then(|at| fits.get(at).copied())
    }

    /// Mostly the till of the original.
    fn till_for(&mut self, world: &World, of: usize, till: usize) -> usize {
        if self.below(8) == 0 { till } else { world.asked[of].till }
    }
}

impl Step {
    /// The step of a number, and the number that follows: where nothing has come yet that a step would be about, the next
    /// number says what happens.
    pub(super) fn of(mut number: u64, world: &World) -> (Self, u64) {
        loop {
            let step = Self::read(number, world);
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if let Some(step) = step {
                return (step, number.rotate_left(17));
            }
            number = number.rotate_left(17);
        }
    }

    /// Whether somebody did something: time that passes, a sweep and what nobody sent are in between.
    pub(super) fn is_operation(&self) -> bool {
        !matches!(self, Self::Sign { .. } | Self::Sweep { .. } | Self::Wait { .. })
    }

    fn read(number: u64, world: &World) -> Option<Self> {
        let mut digits = Digits(number);
        let kind = digits.below(86);
        let mut till = match digits.below(32) {
            0..19 => 0,
            19..28 => 1,
            28..31 if kind < 11 => KIOSK,
            28..30 => 0,
            30 => KIOSK,
            _ => OTHER_MERCHANT,
        };
        let shift = match digits.below(8) {
            7 => None,
            other => Some(u32::try_from(other % 2).expect("small") + 1),
        };
        let card = digits.below(8).min(CARDS * 2 - 1) / 2;
        let partial = digits.below(2) == 1;
        let approved = |request: usize| world.asked[request].said.and_then(|said| said.amount).unwrap_or(0);
        let deal = match kind {
            0..2 => Deal::Activate { card },
            2..11 => Deal::Load { card, amount: digits.amount() },
            11..22 => Deal::Purchase { card, amount: digits.price(), partial },
            22..27 => Deal::Authorize { card, amount: digits.price(), partial, raises: None },
            27..30 => {
                let of = digits.earlier(world, &[message::AUTHORIZE])?;
                till = digits.till_for(world, of, till);
                let card = if digits.below(8) == 0 { card } else { world.card_of(of).unwrap_or(card) };
                Deal::Authorize { card, amount: digits.price(), partial, raises: Some(of) }
            }
            30..36 => {
                let of = digits.earlier(world, &[message::AUTHORIZE])?;
                till = digits.till_for(world, of, till);
                Deal::Capture { of, amount: digits.part(approved(of)), more: partial }
            }
            36..44 if digits.below(4) == 0 => {
                let of = digits.without_points(world)?;
                let slice = i64::try_from(digits.below(20)).expect("small") + 1;
                let amount = if digits.one_in(2) { slice } else { digits.part(approved(of)) };
                Deal::Refund { of, amount }
            }
            36..44 => {
                let of = digits.sale(world)?;
                match digits.returned(world, of) {
                    None => Deal::Refund { of, amount: digits.part(approved(of)) },
                    Some((goods, amount)) => Deal::Return { of, amount, goods },
                }
            }
            44..49 => {
                let of = digits.earlier(world, &PAYMENTS)?;
                till = digits.till_for(world, of, till);
                Deal::Void { of }
            }
            49..54 => {
                let of = digits.earlier(world, &PAYMENTS)?;
                let till = if digits.one_in(10) { till } else { world.asked[of].till };
                return Some(Self::Ask { till, shift, deal: Deal::Reverse { of } });
            }
            54 if digits.below(4) == 0 => Deal::Close,
            54 => Deal::Void { of: digits.earlier(world, &[message::CAPTURE, message::REFUND])? },
            55 => return Some(Self::Sign { till: till % 2 }),
            56 => {
                let waits = |at: &usize| world.asked[*at].entry.is_none();
                let request = (0..world.asked.len()).rev().find(waits)?;
                return Some(Self::Late { request, card, amount: digits.amount() });
            }
            64..70 => {
                let held = world.card(card).available(Kind::PRINCIPAL, world.now.s());
                Deal::Unload { card, amount: digits.part(held) }
            }
            70..74 => {
                let (card, amount) = (digits.rich(world, card), digits.price());
                Deal::Buy {
                    card,
                    amount,
                    points: Some(digits.points(world, card, amount)),
                    goods: Vec::new(),
                }
            }
            74..78 => {
                let (card, amount) = (digits.rich(world, card), digits.price());
                let (first, other) = (digits.item(), digits.item());
                let goods = vec![(first, 1_000, amount / 2), (other, 2_500, amount - amount / 2)];
                let points = digits.one_in(3).then(|| digits.points(world, card, amount));
                Deal::Buy { card, amount, points, goods }
            }
            78..86 => {
                let came = |request: &usize| world.asked[*request].entry.is_some();
                let recent = if digits.one_in(2) { 4 } else { world.asked.len() as u64 };
                let back = digits.below(recent.max(1));
                return Some(Self::Repeat { of: (0..world.asked.len()).rev().filter(came).nth(back)? });
            }
            57 => return Some(Self::Block { card, block: digits.below(4) == 0 }),
            58..60 => return Some(Self::Sweep { card }),
            _ => {
                let hours = [1, 5, 1, 25, 49, 20 * 24, 42 * 24, 100 * 24][digits.below(8)];
                // Often to the second at which something of a card ends, or the second before.
                let due = world.card(card).due().map(|due| due - world.now.s());
                let before = i64::try_from(digits.below(2)).expect("small");
                let seconds = due.filter(|due| partial && *due > before).map(|due| due - before);
                return Some(Self::Wait { seconds: seconds.unwrap_or(hours * 3600 + 17) });
            }
        };
        let shift = if matches!(deal, Deal::Close) { shift.or(Some(1)) } else { shift };
        Some(Self::Ask { till, shift, deal })
    }
}

/// The rules and the paper, side by side.
pub(super) struct Both {
    pub(super) world: World,
    pub(super) paper: Paper,
}

pub(super) fn lines(goods: &[Goods]) -> Vec<Line> {
    let each = goods.iter();
    each.map(|(item, quantity, amount)| Line {
        item: format!("I{item}"),
        quantity: *quantity,
        amount: *amount,
    })
    .collect()
}

pub(super) fn command(world: &World, deal: &Deal) -> Command {
    match *deal {
        Deal::Unload { card, amount } => Command::Unload { claim: claim(card), amount },
        Deal::Buy { card, amount, points, ref goods } => {
            let claim = claim(card);
            Command::Purchase { claim, amount, partial_allowed: false, points, lines: lines(goods) }
        }
        Deal::Return { of, amount, ref goods } => {
            Command::Refund { original: world.named(of), amount, lines: lines(goods) }
        }
        Deal::Activate { card } => Command::Activate { claim: claim(card) },
        Deal::Load { card, amount } => {
            Command::Load { claim: claim(card), amount, tenders: tenders_of(amount) }
        }
        Deal::Purchase { card, amount, partial } => Command::Purchase {
            claim: claim(card),
            amount,
            partial_allowed: partial,
            points: None,
            lines: Vec::new(),
        },
        Deal::Authorize { card, amount, partial, raises } => {
            let raises = raises.map(|of| world.named(of));
            Command::Authorize { claim: claim(card), amount, partial_allowed: partial, raises }
        }
        Deal::Capture { of, amount, more } => {
            Command::Capture { original: world.named(of), amount, more_follow: more, lines: Vec::new() }
        }
        Deal::Refund { of, amount } => {
            Command::Refund { original: world.named(of), amount, lines: Vec::new() }
        }
        Deal::Void { of } => Command::Void { original: world.named(of) },
        Deal::Reverse { of } => Command::Reversal { original: world.named(of) },
        Deal::Close => unreachable!("with the till's totals"),
    }
}

impl Both {
    pub(super) fn new(principal_ends: bool) -> Self {
        Self { world: World::new(principal_ends), paper: Paper::new(principal_ends) }
    }

    /// Takes a step on both sides; what differs in the answer, or on the card that it was about.
    pub(super) fn take(&mut self, step: &Step) -> Result<(), String> {
        match *step {
            Step::Ask { till, shift, ref deal } => drop(self.ask(till, shift, deal)?),
            Step::Sign { till } => {
                self.world.sign(till, message::PURCHASE);
                self.paper.sign(till);
            }
            Step::Late { request, card, amount } => {
                let deal = Deal::Purchase { card, amount, partial: false };
                let command = command(&self.world, &deal);
                let expected = self.expect(request, Some(1), &deal);
                let said = self.world.send(request, Some(1), command).map_err(fault)?;
                same("answer", &said, &expected)?;
            }
            Step::Repeat { of } => {
                let before = self.world.index;
                let told = self.world.repeat(of);
                same("repeat", &told, &self.paper.repeat(of))?;
                same("entries after a repeat", &self.world.index, &before)?;
            }
            Step::Block { card, block } => {
                same("act", &self.world.block(card, block), &self.paper.block(card, block))?;
            }
            Step::Sweep { card } => {
                self.paper.sweep(card, self.world.now.s(), self.world.index + 1);
                self.world.sweep(card).map_err(fault)?;
            }
            Step::Wait { seconds } => self.world.wait(seconds),
        }
        self.card(step).map_or(Ok(()), |card| self.compare_card(card))
    }

    fn card(&self, step: &Step) -> Option<usize> {
        match *step {
            Step::Sign { .. } | Step::Wait { .. } => None,
            Step::Repeat { of } => self.world.card_of(of),
            Step::Late { card, .. } | Step::Block { card, .. } | Step::Sweep { card } => Some(card),
            Step::Ask { .. } => self.world.card_of(self.world.asked.len() - 1),
        }
    }

    fn expect(&mut self, request: usize, shift: Option<u32>, deal: &Deal) -> Said {
        let (index, now) = (self.world.index + 1, self.world.now.s());
        self.paper.expect(deal, Occasion { request, shift, index, now })
    }

    pub(super) fn ask(&mut self, till: usize, shift: Option<u32>, deal: &Deal) -> Result<Said, String> {
        let request = self.world.asked.len();
        self.paper.sign(till);
        let expected = self.expect(request, shift, deal);
        let said = match deal {
            Deal::Close => self.world.close(till, shift.unwrap_or(1)),
            deal => {
                let command = command(&self.world, deal);
                self.world.ask(till, shift, command)
            }
        };
        let said = said.map_err(fault)?;
        same("answer", &said, &expected)?;
        Ok(said)
    }

    /// Everything that both sides know.
    pub(super) fn compare(&self) -> Result<(), String> {
        for card in 0..CARDS {
            self.compare_card(card)?;
        }
        for till in 0..TILLS.len() {
            for shift in 1..=2 {
                let held = self.paper.shifts.get(&(till, shift));
                let closed = held.is_some_and(|held| held.closed);
                let totals = held.into_iter().flat_map(|held| &held.totals);
                let totals = totals.map(|(message, total)| (*message, total.0, total.1));
                let totals = totals.filter(|total| (total.1, total.2) != (0, 0)).collect::<Vec<_>>();
                same("shift", &self.world.totals(till, shift), &(closed, totals))?;
            }
        }
        self.compare_fates()?;
        let mut accounts = std::collections::BTreeMap::new();
        for (account, amount) in &self.paper.accounts {
            let sums: &mut (i64, i64) = accounts.entry(account.name()).or_default();
            *(if account.counts_points() { &mut sums.1 } else { &mut sums.0 }) += amount;
        }
        accounts.retain(|_, sums| *sums != (0, 0));
        let accounts = accounts.iter().map(|(name, sums)| (name.as_str(), *sums)).collect();
        same("accounts", &self.world.accounts(), &accounts)?;
        let lots = self.world.state.cards.values().flat_map(|card| &card.lots);
        let (mut money, mut points) = (0, 0);
        for lot in lots {
            *(if lot.kind.0 == POINTS { &mut points } else { &mut money }) += lot.amount;
        }
        let named =
            self.world.accounts().into_values().fold((0, 0), |sum, two| (sum.0 + two.0, sum.1 + two.1));
        same("sum of everything", &(money + named.0, points + named.1), &(0, 0))
    }

    /// How much of each sale and load was refunded, and which goods came back.
    fn compare_fates(&self) -> Result<(), String> {
        for (request, asked) in self.world.asked.iter().enumerate() {
            let Some(fate) = asked.entry.as_ref().and_then(|it| self.world.state.transactions.get(&it.index))
            else {
                continue;
            };
            if !matches!(asked.message, message::LOAD | message::PURCHASE | message::CAPTURE) {
                continue;
            }
            let back = self.paper.came_back(request).into_iter();
            let goods: Vec<Goods> = back.map(|(item, (quantity, price))| (item, quantity, price)).collect();
            same("goods that came back", &fate.lines, &lines(&goods))?;
            same("refunded", &fate.done, &self.paper.refunded(request))?;
        }
        Ok(())
    }

    fn compare_card(&self, card: usize) -> Result<(), String> {
        self.compare_sheet(card).map_err(|what| format!("card {card}: {what}"))
    }

    fn compare_sheet(&self, card: usize) -> Result<(), String> {
        let (held, sheet) = (self.world.card(card), &self.paper.sheets[card]);
        same("points debt", &held.points_debt(Kind::POINTS), &sheet.debt)?;
        let mut expected: Vec<_> =
            sheet.lots.iter().map(|lot| (lot.kind, lot.ends, lot.source, lot.amount)).collect();
        expected.retain(|lot| lot.3 != 0);
        expected.sort_unstable();
        let mut lots: Vec<_> =
            held.lots.iter().map(|lot| (lot.kind.0, lot.expires, lot.source, lot.amount)).collect();
        lots.sort_unstable();
        same("lots", &lots, &expected)?;
        for lot in &held.lots {
            let reserved: i64 = held
                .holds
                .iter()
                .flat_map(|hold| &hold.parts)
                .filter(|part| part.0 == lot.id)
                .map(|part| part.1)
                .sum();
            if lot.amount <= 0 || reserved > lot.amount {
                return Err(format!("{lot:?} with {reserved} held"));
            }
        }
        let holds = held.holds.iter().map(|hold| {
            let parts = hold.parts.iter().map(|(lot, part)| {
                let lot = held.lot(*lot).expect("a lot that is held");
                (lot.kind.0, lot.expires, lot.source, *part)
            });
            (hold.id, hold.expires, hold.captured, parts.collect::<Vec<_>>())
        });
        let expected = self.paper.holds(card).into_iter().map(|(index, ends, captured, parts)| {
            let parts = parts.iter().map(|(lot, part)| {
                let lot = sheet.lots[*lot];
                (lot.kind, lot.ends, lot.source, *part)
            });
            (index, ends, captured, parts.collect::<Vec<_>>())
        });
        same("holds", &holds.collect::<Vec<_>>(), &expected.collect::<Vec<_>>())
    }
}

fn fault(fault: Fault) -> String {
    format!("the rules could not decide: {fault}")
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, expected: &T) -> Result<(), String> {
    if is == expected { Ok(()) } else { Err(format!("{what}:\n      is {is:?}\n  should {expected:?}")) }
}

#[test]
fn the_calendar_of_the_paper_is_that_of_the_shop() {
    // Three months on from 30 November is the last of February; the day ends at 04:00 in Shanghai.
    let at = |day: jiff::civil::DateTime| {
        day.to_zoned(jiff::tz::TimeZone::get("Asia/Shanghai").expect("a zone"))
            .expect("a time")
            .timestamp()
            .as_second()
    };
    let date = jiff::civil::datetime;
    assert_eq!(principal_end(at(date(2027, 11, 30, 4, 0, 0, 0))), at(date(2028, 3, 1, 4, 0, 0, 0)));
    assert_eq!(principal_end(at(date(2026, 12, 1, 3, 59, 59, 0))), at(date(2027, 3, 1, 4, 0, 0, 0)));
    assert_eq!(principal_end(at(date(2026, 9, 21, 12, 0, 0, 0))), at(date(2026, 12, 22, 4, 0, 0, 0)));
}
