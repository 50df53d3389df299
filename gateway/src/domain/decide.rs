//! What a request does. Every check comes before any effect; the first that fails is the answer, in the order that
//! PROTOCOL.md section 7 gives.

use super::card::{Card, CardReference, CardStatus};
use super::effect::{Account, Effect, Posting, TransactionState};
use super::ledger::{Kind, breakage, points_expense, points_receivable};
use super::programme::{Product, Programme};
use super::state::State;
use super::terminal::{Role, Terminal};
use super::{Fault, activate, load, purchase, reconciliation, reversal};

/// The time a decision is made at. Business date is YYYYMMDD in the shop's zone, after its cutover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    pub ms: i64,
    pub business_date: u32,
}

impl Now {
    /// Unix seconds.
    #[must_use]
    pub fn s(self) -> i64 {
        self.ms.div_euclid(1000)
    }
}

/// A card and the proof that came with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardClaim {
    pub card: CardReference,
    /// Keyed hash of the secret in the sidecar; `None` when none came.
    pub proof: Option<[u8; 32]>,
}

/// A value message that passed every check of form, signature and session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub request_id: [u8; 32],
    pub terminal: String,
    pub generation: u32,
    pub stan: u32,
    pub shift: Option<u32>,
    /// ISO 4217 number.
    pub currency: u16,
    pub command: Command,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Activate { claim: CardClaim },
    Load { claim: CardClaim, amount: i64, tenders: Vec<(u8, i64)> },
    Purchase { claim: CardClaim, amount: i64, partial_allowed: bool },
    Reversal { terminal: String, generation: u32, stan: u32, request_id: [u8; 32] },
    Reconciliation { totals: Vec<(u8, i64, i64)> },
}

impl Command {
    /// Message type on the wire.
    #[must_use]
    pub fn message(&self) -> u8 {
        match self {
            Self::Activate { .. } => 0x10,
            Self::Load { .. } => 0x12,
            Self::Purchase { .. } => 0x13,
            Self::Reversal { .. } => 0x15,
            Self::Reconciliation { .. } => 0x17,
        }
    }

    /// The card it names, if any.
    #[must_use]
    pub fn claim(&self) -> Option<&CardClaim> {
        match self {
            Self::Activate { claim } | Self::Load { claim, .. } | Self::Purchase { claim, .. } => Some(claim),
            Self::Reversal { .. } | Self::Reconciliation { .. } => None,
        }
    }
}

/// The journal's memory of the transaction that a reversal names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    pub index: u64,
    pub request_id: [u8; 32],
    /// Message type.
    pub message: u8,
    pub shift: Option<u32>,
    pub card: Option<CardReference>,
    pub approved: bool,
    pub approved_amount: i64,
    pub postings: Vec<Posting>,
    /// Change of points debt.
    pub points_debt: i64,
}

/// All that a decision may look at besides the request and the time.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Holds everything that the request names, if it exists.
    pub state: &'a State,
    pub programme: &'a Programme,
    /// Index of the entry that will be written.
    pub index: u64,
    /// What the journal has under the STAN that a reversal names.
    pub original: Option<&'a Original>,
}

/// Why a request was declined. Final, all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decline {
    ReversedBefore,
    MessageNotAllowedForRole,
    ShiftClosed,
    CardNotAccepted,
    CardBlocked,
    CardNotActive,
    CardAlreadyActive,
    CurrencyNotAccepted,
    ProductNotInProgramme,
    BelowMinimum,
    AboveTerminalLimit,
    AboveProductLimit,
    AboveMaximumBalance,
    NotSufficientFunds,
    LoadAlreadySpent,
    OriginalDiffers,
    OriginalOfAnotherTerminal,
    OriginalNotReversible,
    ActivatedCardInUse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Approved,
    ApprovedInPart,
    /// Reconciliation only: recorded, with a difference.
    TotalsDiffer,
    Declined(Decline),
}

/// One line of "why": which rule gave what, on which base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    pub rule: String,
    pub kind: Kind,
    pub base: i64,
    pub result: i64,
}

/// What to write and what to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub verdict: Verdict,
    pub effects: Vec<Effect>,
    pub card: Option<CardReference>,
    /// Approved, or for a reversal undone, in minor units.
    pub amount: Option<i64>,
    pub explanation: Vec<Reason>,
    /// Reversal only: what the original is now.
    pub original_state: Option<TransactionState>,
    /// Reconciliation only: the host's totals.
    pub totals: Option<Vec<(u8, i64, i64)>>,
}

impl Decision {
    pub(super) fn declined(decline: Decline) -> Self {
        Self { verdict: Verdict::Declined(decline), ..Self::approved(Vec::new()) }
    }

    pub(super) fn approved(effects: Vec<Effect>) -> Self {
        Self {
            verdict: Verdict::Approved,
            effects,
            card: None,
            amount: None,
            explanation: Vec::new(),
            original_state: None,
            totals: None,
        }
    }

    /// Whether the answer shows balances and changes: something was done to a card.
    #[must_use]
    pub fn changes_a_card(&self) -> bool {
        let undone = self.original_state.is_none_or(|state| state == TransactionState::Reversed);
        self.is_approved()
            && self.totals.is_none()
            && undone
            && self.original_state.is_none_or(|_| self.amount != Some(0))
    }

    /// True for full and partial approval.
    #[must_use]
    pub fn is_approved(&self) -> bool {
        matches!(self.verdict, Verdict::Approved | Verdict::ApprovedInPart)
    }
}

/// Decides one request of an active terminal. The effects include the terminal's last STAN and shift totals, and not
/// yet the versions of what was touched.
///
/// # Errors
/// [`Fault`] when a sum leaves its range; nothing is recorded then.
pub fn decide(facts: Facts<'_>, terminal: &Terminal, request: &Request, now: Now) -> Result<Decision, Fault> {
    let mut decision = check_terminal(facts, terminal, request).map_or_else(
        |decline| Ok(Decision::declined(decline)),
        |()| match &request.command {
            Command::Activate { claim } => activate::decide(facts, request, claim, now),
            Command::Load { claim, amount, tenders } => {
                load::decide(facts, terminal, request, claim, *amount, tenders, now)
            }
            Command::Purchase { claim, amount, partial_allowed } => {
                purchase::decide(facts, terminal, request, claim, *amount, *partial_allowed, now)
            }
            Command::Reversal { .. } => reversal::decide(facts, request, now),
            Command::Reconciliation { totals } => reconciliation::decide(facts, request, totals),
        },
    )?;
    if decision.card.is_none() {
        decision.card = request.command.claim().map(|claim| claim.card);
    }
    if request.stan > terminal.last_stan {
        decision.effects.push(Effect::LastStan {
            terminal: request.terminal.clone(),
            generation: request.generation,
            stan: request.stan,
        });
    }
    count_into_shift(request, &mut decision);
    Ok(decision)
}

fn check_terminal(facts: Facts<'_>, terminal: &Terminal, request: &Request) -> Result<(), Decline> {
    let identity = (request.terminal.clone(), request.generation, request.stan);
    if facts.state.tombstones.contains_key(&identity) {
        return Err(Decline::ReversedBefore);
    }
    if terminal.role == Role::Kiosk && matches!(request.command, Command::Purchase { .. }) {
        return Err(Decline::MessageNotAllowedForRole);
    }
    let shift = request.shift.map(|shift| (request.terminal.clone(), request.generation, shift));
    let closed = shift.is_some_and(|key| facts.state.shifts.get(&key).is_some_and(|s| s.closed));
    if closed && !matches!(request.command, Command::Reversal { .. }) {
        return Err(Decline::ShiftClosed);
    }
    Ok(())
}

/// An approved Activate, Load or Purchase counts into the shift it names; a reversal counts its original out there.
fn count_into_shift(request: &Request, decision: &mut Decision) {
    let counts =
        matches!(request.command, Command::Activate { .. } | Command::Load { .. } | Command::Purchase { .. });
    if let (true, Some(shift), true) = (counts, request.shift, decision.is_approved()) {
        let message = request.command.message();
        let amount = decision.amount.unwrap_or(0);
        decision.effects.push(Effect::ShiftTotals {
            terminal: request.terminal.clone(),
            generation: request.generation,
            shift,
            message,
            count: 1,
            amount,
        });
    }
}

/// The card, when its proof is right and its state and product let it trade.
pub(super) fn accept_card<'a>(
    facts: Facts<'a>,
    currency: u16,
    claim: &CardClaim,
) -> Result<(&'a Card, &'a Product), Decline> {
    let card = prove_card(facts, claim)?;
    match card.status {
        CardStatus::Blocked => return Err(Decline::CardBlocked),
        CardStatus::Issued => return Err(Decline::CardNotActive),
        CardStatus::Active => {}
    }
    Ok((card, product_of(facts, currency, card)?))
}

/// The card, when it exists and its proof is right; one answer for both failures.
pub(super) fn prove_card<'a>(facts: Facts<'a>, claim: &CardClaim) -> Result<&'a Card, Decline> {
    let card = facts.state.cards.get(&claim.card);
    let expected = card.map_or([0; 32], |c| c.proof);
    let same = claim.proof.is_some_and(|proof| constant_time_eq(&proof, &expected));
    card.filter(|_| same).ok_or(Decline::CardNotAccepted)
}

pub(super) fn product_of<'a>(facts: Facts<'a>, currency: u16, card: &Card) -> Result<&'a Product, Decline> {
    if currency != facts.programme.currency {
        return Err(Decline::CurrencyNotAccepted);
    }
    facts.programme.products.get(&card.product).ok_or(Decline::ProductNotInProgramme)
}

fn constant_time_eq(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).fold(0, |difference, (x, y)| difference | (x ^ y)) == 0
}

/// What a load would do (LOYALTY A3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote<'a> {
    pub card: &'a Card,
    /// Change of each balance.
    pub changes: Vec<(Kind, i64)>,
    pub reasons: Vec<Reason>,
    /// How much more reaches the next step, and the bonus there.
    pub next_step: Option<(i64, i64)>,
}

/// What a load of `amount` would do now; decided by the same checks as the load itself.
///
/// # Errors
/// The decline that the load would get.
pub fn quote<'a>(
    facts: Facts<'a>,
    terminal: &Terminal,
    claim: &CardClaim,
    currency: u16,
    amount: i64,
    now: Now,
) -> Result<Quote<'a>, Decline> {
    let (card, product) = accept_card(facts, currency, claim)?;
    let bonus = load::check_load(facts, terminal, card, product, amount, now)?;
    let given = bonus.as_ref().map(|bonus| (Kind::BONUS, bonus.result));
    Ok(Quote {
        card,
        changes: std::iter::once((Kind::PRINCIPAL, amount)).chain(given).collect(),
        reasons: bonus.into_iter().collect(),
        next_step: facts.programme.next_step(&card.product, amount),
    })
}

/// The card, for whoever holds it: its state does not matter, its proof does.
///
/// # Errors
/// The decline for a card that is unknown, or a programme without its product.
pub fn view_card<'a>(facts: Facts<'a>, claim: &CardClaim, currency: u16) -> Result<&'a Card, Decline> {
    let card = prove_card(facts, claim)?;
    product_of(facts, currency, card).map(|_| card)
}

/// Books what has expired on a card, before anything else happens to it.
pub(super) fn expire(card: &Card, now: Now) -> Result<(Card, Vec<Effect>), Fault> {
    let mut left = card.clone();
    let mut effects = Vec::new();
    for lot in card.lots.iter().filter(|lot| lot.is_expired(now.s())) {
        let amount = lot.amount.checked_neg().ok_or(Fault::Overflow)?;
        left.lots.retain(|l| l.id != lot.id);
        effects.push(Effect::Posting(card.posting(lot, amount)));
        effects.push(named(breakage(), lot.kind, lot.amount));
    }
    Ok((left, effects))
}

/// A leg on a named account; cards' money kinds become plain money there.
pub(super) fn named(account: Account, kind: Kind, amount: i64) -> Effect {
    let kind = if kind.is_money() { Kind::MONEY } else { kind };
    Effect::Posting(Posting { account, kind, amount })
}

/// Gives points: what the card owes is paid back first, the rest opens or joins a lot.
pub(super) fn award_points(
    facts: Facts<'_>,
    card: &Card,
    points: i64,
    now: Now,
    opened: u32,
) -> Result<Vec<Effect>, Fault> {
    if points == 0 {
        return Ok(Vec::new());
    }
    let repaid = points.min(card.points_debt);
    let credited = points.checked_sub(repaid).ok_or(Fault::Overflow)?;
    let minus = |amount: i64| amount.checked_neg().ok_or(Fault::Overflow);
    let mut effects = vec![named(points_expense(), Kind::POINTS, minus(points)?)];
    if repaid > 0 {
        effects.push(named(points_receivable(), Kind::POINTS, repaid));
        effects.push(Effect::PointsDebt { card: card.reference, change: minus(repaid)? });
    }
    if credited > 0 {
        let expires = facts.programme.points_expiry(now);
        let posting = card.credit(Kind::POINTS, credited, expires, facts.index, opened);
        effects.push(Effect::Posting(posting));
    }
    Ok(effects)
}
