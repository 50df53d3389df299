//! Operators: who may act, and who may be one of the two people that some acts need.

use super::act::Place;
use super::effect::Effect;
use super::exception::{Bearer, Exception, ExceptionKind};
use super::refusal::Refusal;
use super::request::Now;
use super::state::State;

/// How long an operator who was added by one person alone is not one of two: whoever makes up a second person to sign with
/// must show that person to everybody else for three days.
pub const WAIT_S: i64 = 72 * 3600;

/// Somebody who signs acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    pub active: bool,
    /// SubjectPublicKeyInfo.
    pub public_key: Vec<u8>,
    /// Unix second from which this operator may be one of two people; 0 for always.
    pub counts_from: i64,
}

impl Operator {
    /// The first of an installation.
    #[must_use]
    pub fn first(public_key: Vec<u8>) -> Self {
        Self { active: true, public_key, counts_from: 0 }
    }

    /// Whether this operator may be one of two people by then.
    #[must_use]
    pub fn counts(&self, now_s: i64) -> bool {
        self.active && self.counts_from <= now_s
    }
}

/// Whether these are two people, each of whom may be one of two, with two keys.
#[must_use]
pub fn are_two(state: &State, (one, other): (&str, &str), now_s: i64) -> bool {
    let key = |name: &str| state.operators.get(name).filter(|held| held.counts(now_s)).map(|o| &o.public_key);
    one != other && key(one).zip(key(other)).is_some_and(|(one, other)| one != other)
}

/// A new operator. The second that there ever was may be added by the first; each later one is added by two people, or has to
/// wait and is on the list of exceptions, also where nobody else is left.
pub(super) fn add(
    state: &State,
    (operator, public_key, by_two): (&str, &[u8], bool),
    place: Place<'_>,
    now: Now,
) -> Result<Vec<Effect>, Refusal> {
    if state.operators.contains_key(operator) {
        return Err(Refusal::OperatorExists(operator.to_owned()));
    }
    let waits = !by_two && state.operators.len() > 1;
    let counts_from = if waits { now.s().saturating_add(WAIT_S) } else { 0 };
    let held = Operator { active: true, public_key: public_key.to_owned(), counts_from };
    let mut effects = vec![Effect::Operator { operator: operator.to_owned(), held }];
    if waits {
        let held = Exception::open(ExceptionKind::OperatorAddedAlone, 0, Bearer::Nobody);
        effects.push(Effect::Exception { index: place.index, held });
    }
    Ok(effects)
}

/// One signature is enough: it takes power away.
pub(super) fn revoke(state: &State, operator: &str) -> Result<Vec<Effect>, Refusal> {
    let active = |held: &&Operator| held.active;
    let held = state.operators.get(operator).filter(active);
    let held = held.ok_or_else(|| Refusal::NoSuchOperator(operator.to_owned()))?;
    if state.operators.values().filter(active).count() < 2 {
        return Err(Refusal::LastOperator);
    }
    let held = Operator { active: false, ..held.clone() };
    Ok(vec![Effect::Operator { operator: operator.to_owned(), held }])
}
