//! Why an operator's act was refused, in words that say what to do next.

use super::act::MAX_CARDS_PER_ACT;

/// Why an act was refused. Nothing is recorded then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("there is no terminal {0}; `terminal list` shows those that there are")]
    NoSuchTerminal(String),
    #[error("terminal {terminal} is {is}; only {needs} can do that")]
    TerminalState { terminal: String, is: &'static str, needs: &'static str },
    #[error("there is no card with that reference")]
    NoSuchCard,
    #[error("the card is {is}; only {needs} card can do that")]
    CardState { is: &'static str, needs: &'static str },
    #[error("the two cards must be different ones of the same product")]
    CardPair,
    #[error("an amount must be above zero and in range")]
    Range,
    #[error("this list has come in before")]
    BatchKnown,
    #[error("nothing of the list came in: card {0} {1}")]
    BatchLine(u64, &'static str),
    #[error("say how many points to give or take, of a currency such as \"ordinary\"")]
    Points,
    #[error("the balance would exceed the product's maximum")]
    MaximumBalance,
    #[error("so large a balance needs a card with a registered holder")]
    NotRegistered,
    #[error("the programme in force has no product {0:?}")]
    NoSuchProduct(String),
    #[error("between 1 and {MAX_CARDS_PER_ACT} cards can be issued at once")]
    CardCount,
    #[error("{0:?} is no terminal id: 1 to 16 of A-Z and 0-9")]
    TerminalId(String),
    #[error("{what} must be {rule}")]
    Name { what: &'static str, rule: &'static str },
    #[error("there is an operator {0} already")]
    OperatorExists(String),
    #[error("there is no active operator {0}")]
    NoSuchOperator(String),
    #[error("the last active operator cannot be revoked; add another first")]
    LastOperator,
    #[error("limits must be above zero")]
    Limits,
    #[error("there is a cashier {0} already; `cashier pin` gives a new PIN")]
    CashierExists(String),
    #[error("there is no active cashier {0}")]
    NoSuchCashier(String),
    #[error("the card has no PIN")]
    NoPin,
    #[error("write 1 to 120 months")]
    Months,
    #[error(
        "a card that is bound must be empty, and its account one of a product that says `account = true`"
    )]
    Binding,
    #[error("the card is bound to no account")]
    NotBound,
    #[error("there is no exception {0}; `exception list` shows those that are open")]
    NoSuchException(u64),
    #[error("exception {0} is settled already")]
    ExceptionSettled(u64),
    #[error(
        "the load that the claim names stands, so the money is on its card; settle it as paid out, or void the load first"
    )]
    LoadStands,
    #[error(
        "exception {0} claims cash for the same load and is settled: it is the same note, unless somebody knows better and says `--another-note`"
    )]
    NoteSettled(u64),
    #[error("nothing would change: the member has these tags, or has them not, already")]
    NothingToTag,
    #[error("a member has 64 tags at most")]
    Tags,
    #[error("the card is no member's yet: it joins at a terminal")]
    NotAMember,
    #[error("the programme in force has no [[partner]] with name = {0:?}")]
    NoSuchPartner(String),
    #[error("the statement is not accepted: {0}")]
    Statement(&'static str),
    #[error("{partner} says tier {tier:?}, which the programme's [[partner]] does not honour")]
    NotHonoured { partner: String, tier: String },
    #[error("the member has as high a tier already, for as long; the statement can still be used later")]
    NoHigher,
    #[error("that time is over; it is {now} now")]
    Past { now: String },
    #[error(
        "version {version} is scheduled for {at}: choose that time to take its place, or a later one; or say `--instead`, \
         and it never comes into force"
    )]
    Scheduled { version: u32, at: String },
    #[error("business date {0} is closed already; `gateway day show --day {0}` prints it")]
    DayClosed(String),
    #[error("business date {0} has not begun, and only a day that has can be closed")]
    DayAhead(String),
    #[error("entries up to {0} are archived, and the file does not begin behind them; make it anew")]
    ArchivedElsewhere(u64),
    #[error(
        "terminals keep their requests for 35 days, and only closed days may go: archive what is before {0}"
    )]
    TooYoungToArchive(String),
    #[error("that is no way to settle this exception: {0}")]
    SettlementOf(&'static str),
}

/// A reason that a person gives.
///
/// # Errors
/// [`Refusal::Name`] when it says nothing, or too much.
pub(super) fn check_reason(reason: &str) -> Result<(), Refusal> {
    if reason.is_empty() || reason.len() > 80 || reason.chars().any(char::is_control) {
        return Err(Refusal::Name { what: "a reason", rule: "1 to 80 bytes without control characters" });
    }
    Ok(())
}
