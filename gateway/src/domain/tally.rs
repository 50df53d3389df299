//! What a card, a terminal or a cashier did in a business day or a month so far, and how much they may (LOYALTY A7, A8;
//! an insider who mints cards one small load after another).

use super::card::Card;
use super::decision::Decline;
use super::effect::Effect;
use super::facts::Facts;
use super::original::Original;
use super::programme::Product;
use super::request::{Now, Request, message};

/// The time that a tally is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Period {
    /// A business day.
    Day = 1,
    /// The business days of a calendar month.
    Month = 2,
}

impl Period {
    /// The date (YYYYMMDD) by which the period of a business date is known: its own, or the first of its month.
    #[must_use]
    pub fn of(self, business_date: u32) -> u32 {
        match self {
            Self::Day => business_date,
            Self::Month => (business_date / 100).saturating_mul(100).saturating_add(1),
        }
    }
}

/// Counts and sums of one period. Sums are minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// YYYYMMDD: the business date, or the first of the month.
    pub date: u32,
    pub loads: u32,
    pub load_sum: i64,
    /// Purchases, advices, authorizes by what they hold, and transfers.
    pub purchases: u32,
    pub purchase_sum: i64,
    /// Refunds and unloads.
    pub refunds: u32,
    pub refund_sum: i64,
}

/// Most of each in a period; `None` for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowance {
    pub loads: Option<u32>,
    /// Minor units.
    pub load_sum: Option<i64>,
    pub purchases: Option<u32>,
    pub purchase_sum: Option<i64>,
    pub refunds: Option<u32>,
    pub refund_sum: Option<i64>,
}

/// What a transaction counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    Load,
    /// Purchases, advices, authorizes by what they hold, and transfers.
    Purchase,
    /// Refunds and unloads, and voids that give something back.
    Refund,
}

impl Counted {
    fn of(message: u8) -> Self {
        match message {
            message::LOAD => Self::Load,
            message::REFUND | message::UNLOAD => Self::Refund,
            _ => Self::Purchase,
        }
    }
}

impl Tally {
    /// The same with one more.
    #[must_use]
    pub fn with(mut self, counted: Counted, amount: i64) -> Self {
        let (count, sum) = self.places(counted);
        *count = count.saturating_add(1);
        *sum = sum.saturating_add(amount);
        self
    }

    fn without(mut self, counted: Counted, amount: i64, whole: bool) -> Self {
        let (count, sum) = self.places(counted);
        *count = count.saturating_sub(u32::from(whole));
        *sum = sum.saturating_sub(amount).max(0);
        self
    }

    fn places(&mut self, counted: Counted) -> (&mut u32, &mut i64) {
        match counted {
            Counted::Load => (&mut self.loads, &mut self.load_sum),
            Counted::Purchase => (&mut self.purchases, &mut self.purchase_sum),
            Counted::Refund => (&mut self.refunds, &mut self.refund_sum),
        }
    }

    /// What both did, of the later period where they are of two.
    #[must_use]
    pub fn together(self, other: Self) -> Self {
        if self.date != other.date {
            return if self.date > other.date { self } else { other };
        }
        Self {
            date: self.date,
            loads: self.loads.saturating_add(other.loads),
            load_sum: self.load_sum.saturating_add(other.load_sum),
            purchases: self.purchases.saturating_add(other.purchases),
            purchase_sum: self.purchase_sum.saturating_add(other.purchase_sum),
            refunds: self.refunds.saturating_add(other.refunds),
            refund_sum: self.refund_sum.saturating_add(other.refund_sum),
        }
    }
}

impl Allowance {
    fn allows(&self, mut tally: Tally, counted: Counted) -> bool {
        let (most, most_in_all) = match counted {
            Counted::Load => (self.loads, self.load_sum),
            Counted::Purchase => (self.purchases, self.purchase_sum),
            Counted::Refund => (self.refunds, self.refund_sum),
        };
        let (count, sum) = tally.places(counted);
        most.is_none_or(|most| *count <= most) && most_in_all.is_none_or(|most| *sum <= most)
    }
}

/// The name under which a terminal's day is kept.
#[must_use]
pub fn of_terminal(terminal: &str) -> String {
    format!("terminal:{terminal}")
}

/// The name under which a cashier's day is kept.
#[must_use]
pub fn of_cashier(cashier: &str) -> String {
    format!("cashier:{cashier}")
}

/// One more transaction of a card, at a terminal, by a cashier.
#[derive(Debug, Clone, Copy)]
pub(super) struct More<'a> {
    pub card: &'a Card,
    pub product: &'a Product,
    pub request: &'a Request,
    pub counted: Counted,
    /// Minor units.
    pub amount: i64,
}

/// The tallies with one more transaction, those that something limits, if no limit is against it.
pub(super) fn count(facts: Facts<'_>, more: More<'_>, now: Now) -> Result<Vec<Effect>, Decline> {
    let (mut effects, above) = count_card(more, now);
    if let Some(decline) = above {
        return Err(decline);
    }
    let (till, above) = count_till(facts, more.request, more.counted, more.amount, now);
    effects.extend(till);
    above.map_or(Ok(effects), Err)
}

/// A tally of that date with one more.
fn one_more(held: Option<Tally>, date: u32, counted: Counted, amount: i64) -> Tally {
    let fresh = Tally { date, ..Tally::default() };
    held.filter(|held| held.date == date).unwrap_or(fresh).with(counted, amount)
}

/// What a product allows, and of purchases no more than a card's own limit (minor units).
fn lesser(product: Option<Allowance>, own: Option<i64>) -> Option<Allowance> {
    let Some(own) = own else { return product };
    let product = product.unwrap_or_default();
    let purchase_sum = Some(product.purchase_sum.map_or(own, |most| most.min(own)));
    Some(Allowance { purchase_sum, ..product })
}

/// The card's tallies with one more transaction, and the first limit that it goes beyond.
pub(super) fn count_card(more: More<'_>, now: Now) -> (Vec<Effect>, Option<Decline>) {
    let (mut effects, mut above) = (Vec::new(), None);
    let own = more.card.own_limits;
    let periods = [
        (Period::Day, lesser(more.product.daily, own.day)),
        (Period::Month, lesser(more.product.monthly, own.month)),
    ];
    for (period, allowance) in periods {
        let Some(allowance) = allowance else { continue };
        let date = period.of(now.business_date);
        let tally = one_more(more.card.tally(period), date, more.counted, more.amount);
        if !allowance.allows(tally, more.counted) {
            above = above.or(Some(Decline::AboveCardLimit(period)));
        }
        effects.push(Effect::CardTally { card: more.card.reference, period, tally });
    }
    (effects, above)
}

/// The terminal's and the cashier's tallies with one more transaction, and the limit that it goes beyond.
pub(super) fn count_till(
    facts: Facts<'_>,
    request: &Request,
    counted: Counted,
    amount: i64,
    now: Now,
) -> (Vec<Effect>, Option<Decline>) {
    let held = |who: &str| facts.state.tallies.get(who).copied();
    count_till_on(facts, request, held, (counted, amount), now)
}

/// A void that gives something back counts as a refund does at the till, behind what it takes out of the tallies.
pub(super) fn count_void(
    facts: Facts<'_>,
    request: &Request,
    amount: i64,
    effects: &mut Vec<Effect>,
    now: Now,
) -> Result<(), Decline> {
    let taken_out = |who: &str| {
        effects.iter().find_map(|effect| match effect {
            Effect::Tally { who: theirs, tally } if theirs == who => Some(*tally),
            _ => None,
        })
    };
    let held = |who: &str| taken_out(who).or_else(|| facts.state.tallies.get(who).copied());
    let (counted, above) = count_till_on(facts, request, held, (Counted::Refund, amount), now);
    if let Some(decline) = above {
        return Err(decline);
    }
    for effect in counted {
        let Effect::Tally { who, .. } = &effect else { continue };
        effects.retain(|other| !matches!(other, Effect::Tally { who: theirs, .. } if theirs == who));
        effects.push(effect);
    }
    Ok(())
}

fn count_till_on(
    facts: Facts<'_>,
    request: &Request,
    held: impl Fn(&str) -> Option<Tally>,
    (counted, amount): (Counted, i64),
    now: Now,
) -> (Vec<Effect>, Option<Decline>) {
    let (mut effects, mut above) = (Vec::new(), None);
    let terminal = (&facts.programme.terminal_day, Some(of_terminal(&request.terminal)));
    let cashier = (&facts.programme.cashier_day, request.cashier.as_deref().map(of_cashier));
    for (allowance, who) in [terminal, cashier] {
        let Some((allowance, who)) = allowance.as_ref().zip(who) else { continue };
        let tally = one_more(held(&who), now.business_date, counted, amount);
        if !allowance.allows(tally, counted) {
            above = Some(Decline::AboveTillLimit);
        }
        effects.push(Effect::Tally { who, tally });
    }
    (effects, above)
}

/// The tallies without what was undone of a transaction of the same period; `whole` when nothing of it stays.
pub(super) fn uncount(
    facts: Facts<'_>,
    original: &Original,
    (amount, whole): (i64, bool),
    now: Now,
) -> Vec<Effect> {
    let counted = Counted::of(original.message);
    // A hold that was raised since ends whole for the card, yet here only what the original itself had added is its
    // terminal's and its cashier's. The tallies of a grant have no date, so that they never lessen.
    let own = amount.min(original.approved_amount);
    let less = |held: Option<Tally>, then: Tally, date: u32, amount: i64| {
        let held = held.filter(|held| held.date == then.date && held.date == date)?;
        Some(held.without(counted, amount, whole))
    };
    let of_card = if original.message == message::ADVICE { original.refundable() } else { amount };
    let each = original.effects.iter().filter_map(|effect| match effect {
        Effect::CardTally { card, period, tally } => {
            let held = facts.state.cards.get(card)?.tally(*period);
            let tally = less(held, *tally, period.of(now.business_date), of_card)?;
            Some(Effect::CardTally { card: *card, period: *period, tally })
        }
        Effect::Tally { who, tally } => {
            let held = facts.state.tallies.get(who).copied();
            let tally = less(held, *tally, now.business_date, own)?;
            Some(Effect::Tally { who: who.clone(), tally })
        }
        _ => None,
    });
    each.collect()
}
