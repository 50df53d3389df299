//! What operators do: each act is signed, decided here, and an entry in the same journal.

use super::State;
use super::adjust::adjust;
use super::archive::archive;
use super::award_batch::award_batch;
use super::card::{Card, CardReference, CardStatus, OwnLimits};
use super::card_acts::{bind, extend, refund_without_sale, set_card};
use super::cashier::Cashier;
use super::day;
use super::effect::Effect;
use super::ledger::Kind;
use super::operator;
use super::partner_match::{Claim, honour};
use super::pin::Pin;
use super::programme::Programme;
use super::refusal::{Refusal, check_reason};
use super::request::Now;
use super::schedule::{self, Start};
use super::settle::{About, Settlement, settle};
use super::succession;
use super::tag::tag;
use super::terminal::{Limits, Role, Terminal, TerminalStatus};

/// An operator's act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    TerminalEnroll {
        terminal: String,
        role: Role,
        merchant: String,
        store: String,
        limits: Limits,
        /// SHA-256 of the code that was printed.
        code_hash: [u8; 32],
    },
    TerminalSuspend {
        terminal: String,
    },
    TerminalResume {
        terminal: String,
    },
    TerminalRevoke {
        terminal: String,
    },
    /// How many cards of which product; the gateway draws references and secrets.
    CardIssue {
        product: String,
        count: u32,
    },
    CardBlock {
        card: CardReference,
        reason: String,
    },
    CardUnblock {
        card: CardReference,
    },
    /// A card that was never sold takes the place of another, with everything that it holds.
    CardReplace {
        card: CardReference,
        by: CardReference,
        reason: String,
    },
    /// Everything that a card holds goes to another card in use.
    CardMerge {
        card: CardReference,
        into: CardReference,
        reason: String,
    },
    /// Money back on a card without a sale that it belongs to; two people answer for it.
    CardRefund {
        card: CardReference,
        /// Minor units.
        amount: i64,
        reason: String,
    },
    /// Points that were given wrongly are taken back, or such that were not given are (LOYALTY B13); two people answer for it.
    CardAdjust {
        card: CardReference,
        kind: Kind,
        /// Below 0 to take them back.
        points: i64,
        reason: String,
    },
    /// An activity is awarded to all cards of a list, or to none; two people answer for it.
    AwardImport {
        activity: String,
        /// SHA-256 of the list's file.
        file: [u8; 32],
        /// Cards and quantities.
        awards: Vec<(CardReference, i64)>,
    },
    /// Unlocks a card's PIN, or takes it away so that the holder can set another; two people answer for it.
    CardPin {
        card: CardReference,
        clear: bool,
        reason: String,
    },
    /// A card is accepted for so many months more, from today or from its end, whichever is later.
    CardExtend {
        card: CardReference,
        months: u16,
    },
    /// A card spends a corporate account's money from now on.
    CardBind {
        card: CardReference,
        account: CardReference,
        limits: OwnLimits,
    },
    /// A card spends its own money again.
    CardUnbind {
        card: CardReference,
    },
    /// A cashier or supervisor; the gateway draws the PIN. Of one store, or of all of the merchant's.
    CashierAdd {
        cashier: String,
        store: Option<String>,
        supervisor: bool,
    },
    /// A new PIN for a cashier or supervisor who has forgotten it or is locked.
    CashierPin {
        cashier: String,
    },
    CashierEnd {
        cashier: String,
    },
    /// What is kept of a card's holder is erased, and the card has none any more; the journal's commitment stays and says nothing.
    MemberErase {
        card: CardReference,
        reason: String,
    },
    /// What operators say of a member, for segments to ask for.
    MemberTag {
        card: CardReference,
        add: Vec<String>,
        remove: Vec<String>,
    },
    /// A partner's tier is honoured, by its signed statement.
    MemberMatch {
        card: CardReference,
        partner: String,
        /// As it was signed; the journal keeps it.
        statement: Vec<u8>,
    },
    /// What a person had to look into is settled; two people answer for it.
    ExceptionSettle {
        /// Of the entry that it is about.
        index: u64,
        settlement: Settlement,
        reason: String,
        /// It is not the note of another claim for the same load.
        another_note: bool,
    },
    /// Sales that a terminal approved offline come in from a file; two people answer for it.
    AdviceImport {
        terminal: String,
        /// SHA-256 of the file.
        file: [u8; 32],
    },
    OperatorAdd {
        operator: String,
        public_key: Vec<u8>,
        /// Two people answer for it, so that there is no waiting time.
        by_two: bool,
    },
    OperatorRevoke {
        operator: String,
    },
    /// A programme comes into force, now or at a time.
    ProgrammeActivate {
        document: String,
        start: Start,
    },
    /// A business day ends now: what follows is booked on a later one.
    DayClose {
        /// YYYYMMDD.
        day: u32,
    },
    /// Old entries leave the database for a file that holds them.
    JournalArchive {
        /// Its name in the archive's folder.
        file: String,
        /// SHA-256 of the file.
        sha256: [u8; 32],
        /// The first entry that leaves, and the last.
        first: u64,
        last: u64,
    },
    /// The machine's clock is right, whatever it looks like.
    ClockConfirm,
}

impl Act {
    /// Whether two operators must have signed it.
    #[must_use]
    pub fn needs_two(&self) -> bool {
        matches!(
            self,
            Self::OperatorAdd { by_two: true, .. }
                | Self::CardRefund { .. }
                | Self::CardAdjust { .. }
                | Self::AwardImport { .. }
                | Self::CardPin { .. }
                | Self::ExceptionSettle { .. }
                | Self::AdviceImport { .. }
        )
    }

    /// What an act that waits for a second person would do, for that person.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::CardRefund { card, amount, reason } => {
                format!("put {amount} minor units on card {}, without a sale: {reason}", card.0)
            }
            Self::CardAdjust { card, kind, points, reason } => {
                let what = if *points < 0 { "take" } else { "give" };
                let points = points.unsigned_abs();
                format!("{what} {points} points of kind {}, card {}: {reason}", kind.0, card.0)
            }
            Self::AwardImport { activity, file, awards } => {
                let hash: String = file.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("award {activity} to {} cards, of the file with SHA-256 {hash}", awards.len())
            }
            Self::CardPin { card, clear, reason } => {
                let what = if *clear { "take away" } else { "unlock" };
                format!("{what} the PIN of card {}: {reason}", card.0)
            }
            Self::ExceptionSettle { index, settlement, reason, another_note } => {
                let other = if *another_note { ", another note than other claims'" } else { "" };
                format!("settle the exception of entry {index}, {}{other}: {reason}", settlement.words())
            }
            Self::AdviceImport { terminal, file } => {
                let hash: String = file.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("take in terminal {terminal}'s offline sales from the file with SHA-256 {hash}")
            }
            Self::OperatorAdd { operator, .. } => {
                format!("add operator {operator}, who may be one of two people at once")
            }
            other => format!("{other:?}"),
        }
    }
}

/// How long an enrolment code may be used.
const CODE_LIFETIME_S: i64 = 24 * 3600;

/// Most cards that one act issues: keeps an entry's record small enough to seal and read in one piece.
pub const MAX_CARDS_PER_ACT: u32 = 1000;

impl TerminalStatus {
    /// For people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Awaiting => "awaiting enrolment",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
            Self::Locked => "locked",
        }
    }
}

impl CardStatus {
    /// For people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Active => "active",
            Self::Blocked => "blocked",
            Self::Replaced => "replaced",
        }
    }
}

/// Where the gateway itself stands, and the entry that the act will be.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub merchant: &'a str,
    pub store: &'a str,
    pub index: u64,
    /// The entry that the act is about, if there is one.
    pub about: Option<About<'a>>,
}

/// What the shell has drawn for an act.
#[derive(Debug, Clone, Copy, Default)]
pub struct Drawn<'a> {
    /// For [`Act::CardIssue`]: reference and proof; none of them exists yet.
    pub cards: &'a [(CardReference, [u8; 32])],
    /// For an act that gives a cashier a PIN.
    pub pin: Pin,
    /// For [`Act::JournalArchive`]: the business date of the last entry that leaves.
    pub archived: u32,
    /// For [`Act::MemberMatch`]: what the statement says, when its signature is its partner's.
    pub claim: Option<&'a Claim>,
}

/// Decides an act. The state holds the card that an act names, if there is one.
///
/// # Errors
/// [`Refusal`] when the state or the programme does not allow it.
pub fn decide_act(
    state: &State,
    programme: &Programme,
    act: &Act,
    drawn: Drawn<'_>,
    place: Place<'_>,
    now: Now,
) -> Result<Vec<Effect>, Refusal> {
    match act {
        Act::TerminalEnroll { terminal, role, merchant, store, limits, code_hash } => {
            check_terminal_id(terminal)?;
            check_code("merchant", merchant)?;
            check_code("store", store)?;
            if limits.load <= 0 || limits.purchase <= 0 || limits.refund <= 0 {
                return Err(Refusal::Limits);
            }
            let before = state.terminals.get(terminal);
            let status = match before.map(|t| t.status) {
                None | Some(TerminalStatus::Revoked) => TerminalStatus::Awaiting,
                Some(status) => status,
            };
            Ok(vec![
                Effect::Terminal {
                    terminal: terminal.clone(),
                    generation: before.map_or(0, |t| t.generation),
                    status,
                    role: *role,
                    algorithm: before.map_or(0, |t| t.algorithm),
                    public_key: before.map(|t| t.public_key.clone()).unwrap_or_default(),
                    merchant: merchant.clone(),
                    store: store.clone(),
                    limits: *limits,
                },
                Effect::EnrolmentCode {
                    terminal: terminal.clone(),
                    code_hash: Some(*code_hash),
                    expires: now.s().saturating_add(CODE_LIFETIME_S),
                    tries: 0,
                },
            ])
        }
        Act::TerminalSuspend { terminal } => set_status(
            state,
            terminal,
            &[TerminalStatus::Active],
            "an active terminal",
            TerminalStatus::Suspended,
        ),
        Act::TerminalResume { terminal } => set_status(
            state,
            terminal,
            &[TerminalStatus::Suspended],
            "a suspended terminal",
            TerminalStatus::Active,
        ),
        Act::TerminalRevoke { terminal } => {
            let from = [
                TerminalStatus::Awaiting,
                TerminalStatus::Active,
                TerminalStatus::Suspended,
                TerminalStatus::Locked,
            ];
            let mut effects = set_status(
                state,
                terminal,
                &from,
                "a terminal that is not revoked",
                TerminalStatus::Revoked,
            )?;
            effects.push(Effect::EnrolmentCode {
                terminal: terminal.clone(),
                code_hash: None,
                expires: 0,
                tries: 0,
            });
            Ok(effects)
        }
        Act::CardIssue { product, count } => {
            if !programme.products.contains_key(product) {
                return Err(Refusal::NoSuchProduct(product.clone()));
            }
            if *count == 0 || *count > MAX_CARDS_PER_ACT || usize::try_from(*count) != Ok(drawn.cards.len()) {
                return Err(Refusal::CardCount);
            }
            let issue = |(card, proof): &(CardReference, [u8; 32])| Effect::Card {
                card: *card,
                status: CardStatus::Issued,
                product: product.clone(),
                proof: *proof,
                reason: None,
                expires: None,
                holder: None,
                account: None,
                own_limits: OwnLimits::default(),
            };
            Ok(drawn.cards.iter().map(issue).collect())
        }
        Act::CardBlock { card, reason } => {
            check_reason(reason)?;
            set_card(state, *card, false, CardStatus::Blocked, Some(reason))
        }
        Act::CardUnblock { card } => set_card(state, *card, true, CardStatus::Active, None),
        Act::CardReplace { card, by, reason } => succession::replace(state, *card, *by, reason),
        Act::CardRefund { card, amount, reason } => {
            refund_without_sale(state, programme, *card, *amount, reason, place, now)
        }
        Act::CardAdjust { card, kind, points, reason } => {
            adjust(state, programme, *card, (*kind, *points), reason, (place.index, now))
        }
        Act::AwardImport { activity, file, awards } => {
            award_batch(state, programme, (file, activity), awards, place.store, (place.index, now))
        }
        Act::CardPin { card, clear, reason } => {
            check_reason(reason)?;
            let held = state.cards.get(card).ok_or(Refusal::NoSuchCard)?;
            let secret = held.pin.secret.ok_or(Refusal::NoPin)?;
            let pin = Pin { secret: (!clear).then_some(secret), tries: 0 };
            Ok(vec![Effect::Pin { card: *card, pin }])
        }
        Act::CardExtend { card, months } => extend(state, programme, *card, *months, now),
        Act::CardBind { card, account, limits } => {
            bind(state, programme, *card, (*account, *limits), place, now)
        }
        Act::CardUnbind { card } => {
            let held = state.cards.get(card).ok_or(Refusal::NoSuchCard)?;
            if held.account.is_none() || held.status == CardStatus::Replaced {
                return Err(Refusal::NotBound);
            }
            let unbound = Card { account: None, own_limits: OwnLimits::default(), ..held.clone() };
            Ok(vec![unbound.with_status(held.status, None)])
        }
        Act::CashierAdd { cashier, store, supervisor } => {
            check_code("a cashier", cashier)?;
            if let Some(store) = store {
                check_code("store", store)?;
            }
            if state.cashiers.get(cashier).is_some_and(|held| held.active) {
                return Err(Refusal::CashierExists(cashier.clone()));
            }
            let (merchant, store) = (place.merchant.to_owned(), store.clone());
            let held = Cashier { active: true, merchant, store, supervisor: *supervisor, pin: drawn.pin };
            Ok(vec![Effect::Cashier { cashier: cashier.clone(), held }])
        }
        Act::CashierPin { cashier } => {
            let held = active_cashier(state, cashier)?;
            let held = Cashier { pin: drawn.pin, ..held.clone() };
            Ok(vec![Effect::Cashier { cashier: cashier.clone(), held }])
        }
        Act::CashierEnd { cashier } => {
            let held = active_cashier(state, cashier)?;
            let held = Cashier { active: false, pin: Pin::default(), ..held.clone() };
            Ok(vec![Effect::Cashier { cashier: cashier.clone(), held }])
        }
        Act::CardMerge { card, into, reason } => {
            succession::merge(state, programme, (*card, *into), reason, now)
        }
        Act::MemberErase { card, reason } => {
            check_reason(reason)?;
            let held = state.cards.get(card).ok_or(Refusal::NoSuchCard)?;
            let without = Card { holder: None, ..held.clone() };
            Ok(held.holder.iter().map(|_| without.with_status(held.status, None)).collect())
        }
        Act::MemberTag { card, add, remove } => tag(state, *card, add, remove),
        Act::MemberMatch { card, partner, .. } => honour(state, programme, *card, partner, drawn, now),
        Act::ExceptionSettle { index, settlement, reason, another_note } => {
            settle(state, programme, (*index, *settlement, *another_note), reason, place, now)
        }
        // What it brings in are entries of their own.
        Act::AdviceImport { terminal, .. } => match state.terminals.get(terminal) {
            Some(held) if held.generation > 0 => Ok(Vec::new()),
            _ => Err(Refusal::NoSuchTerminal(terminal.clone())),
        },
        Act::OperatorAdd { operator: name, public_key, by_two } => {
            check_code("an operator's name", name)?;
            operator::add(state, (name, public_key, *by_two), place, now)
        }
        Act::OperatorRevoke { operator: name } => operator::revoke(state, name),
        Act::ProgrammeActivate { document, start } => {
            schedule::activate(&state.programmes, &programme.zone, (document, *start), now)
        }
        Act::DayClose { day } => day::close(state, *day, now.business_date),
        Act::JournalArchive { first, last, .. } => {
            archive(state, programme, (*first, *last), drawn.archived, now)
        }
        Act::ClockConfirm => Ok(Vec::new()),
    }
}

/// A terminal's record with another status, as an effect.
#[must_use]
pub fn with_status(terminal: &Terminal, status: TerminalStatus) -> Effect {
    Effect::Terminal {
        terminal: terminal.terminal.clone(),
        generation: terminal.generation,
        status,
        role: terminal.role,
        algorithm: terminal.algorithm,
        public_key: terminal.public_key.clone(),
        merchant: terminal.merchant.clone(),
        store: terminal.store.clone(),
        limits: terminal.limits,
    }
}

fn set_status(
    state: &State,
    terminal: &str,
    from: &[TerminalStatus],
    needs: &'static str,
    to: TerminalStatus,
) -> Result<Vec<Effect>, Refusal> {
    let held = state.terminals.get(terminal).ok_or_else(|| Refusal::NoSuchTerminal(terminal.into()))?;
    if !from.contains(&held.status) {
        return Err(Refusal::TerminalState { terminal: terminal.into(), is: held.status.name(), needs });
    }
    Ok(vec![with_status(held, to)])
}

fn active_cashier<'a>(state: &'a State, cashier: &str) -> Result<&'a Cashier, Refusal> {
    let held = state.cashiers.get(cashier).filter(|held| held.active);
    held.ok_or_else(|| Refusal::NoSuchCashier(cashier.into()))
}

fn check_terminal_id(terminal: &str) -> Result<(), Refusal> {
    let allowed = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    if (1..=16).contains(&terminal.len()) && terminal.bytes().all(allowed) {
        Ok(())
    } else {
        Err(Refusal::TerminalId(terminal.into()))
    }
}

fn check_code(what: &'static str, text: &str) -> Result<(), Refusal> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.:/".contains(&b);
    if (1..=16).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(())
    } else {
        Err(Refusal::Name { what, rule: "1 to 16 letters, digits or -_.:/" })
    }
}
