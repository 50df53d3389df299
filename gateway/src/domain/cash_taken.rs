//! CashTaken: a terminal took money and could not credit it (PROTOCOL.md section 11). It credits nobody: the money waits
//! until two operators have settled it.

use super::Fault;
use super::card::CardReference;
use super::decision::{Decision, Decline};
use super::effect::Effect;
use super::exception::{Bearer, Exception, ExceptionKind};
use super::facts::Facts;
use super::ledger::{Kind, clearing, named, suspense};
use super::request::Request;
use super::terminal::Terminal;

pub(super) fn decide(
    facts: Facts<'_>,
    terminal: &Terminal,
    request: &Request,
    card: Option<CardReference>,
    amount: i64,
    tenders: &[(u8, i64)],
) -> Result<Decision, Fault> {
    if request.currency != facts.programme.currency {
        return Ok(Decision { card, ..Decision::declined(Decline::CurrencyNotAccepted) });
    }
    let mut effects = Vec::new();
    for (tender, part) in tenders {
        let taken = part.checked_neg().ok_or(Fault::Overflow)?;
        effects.push(named(clearing(&terminal.store, *tender), Kind::MONEY, taken));
    }
    effects.push(named(suspense(&terminal.store), Kind::MONEY, amount));
    let held = Exception::open(ExceptionKind::CashTaken, amount, Bearer::Nobody);
    effects.push(Effect::Exception { index: facts.index, held });
    Ok(Decision { card, amount: Some(amount), shows_card: false, ..Decision::approved(effects) })
}
