//! The terminal state machine against a small gateway in memory.

mod behaviour;
mod gateway;
mod members;
mod offline;
mod persons;
mod storm;

use protocol::field::{
    AmountMinor, CardReference, Currency, EnrolmentCode, Fingerprint, Generation, Original, Reason,
    RequestId, Stan, TenderKind, TenderLine, TenderLines, TerminalId, TerminalTime,
};
use protocol::receipt::Grant;
use protocol::request::Body;
use protocol::terminal::{Keys, Now, Settings, State, Terminal};

use super::keys::{SHA256, gateway as gateway_key, terminal_ed25519};
use super::samples;

pub(crate) fn terminal_id() -> TerminalId {
    "V0002".parse().unwrap()
}

pub(crate) fn at(ms: u64) -> Now {
    Now { ms, wall: TerminalTime::new(1_790_000_000 + ms / 1000, 480).unwrap() }
}

/// A terminal with the key of V0002.
pub(crate) fn terminal(state: State) -> Terminal {
    let key = terminal_ed25519();
    let settings = Settings::new("storm 1".parse().unwrap(), key.algorithm, key.fingerprint());
    let keys = Keys {
        sha256: SHA256,
        sign: Box::new(move |message| Some(key.sign(message))),
        verify_gateway: Box::new(|message, signature| gateway_key().verify(message, signature)),
    };
    Terminal::new(settings, keys, state)
}

/// The state of an enrolled terminal that never did anything.
pub(crate) fn enrolled() -> State {
    let mut state = State::new(terminal_id());
    state.installation = Some(super::keys::INSTALLATION);
    state.generation = Some(Generation::FIRST);
    state.currency = Currency::new(156);
    state
}

pub(crate) fn card() -> CardReference {
    CardReference::from_parts(1).unwrap()
}

pub(crate) fn purchase(minor: i64) -> Body {
    Body::Purchase { card: card(), amount: amount(minor), tenders: None, lines: None, points: None }
}

pub(crate) fn amount(minor: i64) -> AmountMinor {
    AmountMinor::new(minor).unwrap()
}

/// Some earlier request of this terminal.
pub(crate) fn original() -> Original {
    Original {
        terminal: terminal_id(),
        generation: Generation::FIRST,
        stan: Stan::FIRST,
        request_id: RequestId([0xd1; 32]),
    }
}

pub(crate) fn refund(minor: i64) -> Body {
    Body::Refund { amount: amount(minor), lines: None, original: original(), reason: None, supervisor: None }
}

pub(crate) fn void() -> Body {
    Body::Void { original: original(), reason: Some(Reason::WRONG_AMOUNT), supervisor: None }
}

pub(crate) fn authorize(minor: i64) -> Body {
    Body::Authorize { card: card(), amount: amount(minor), raises: None }
}

pub(crate) fn capture(minor: i64) -> Body {
    Body::Capture { amount: amount(minor), tenders: None, lines: None, original: original() }
}

pub(crate) fn transfer(minor: i64) -> Body {
    Body::Transfer { card: card(), to: CardReference::from_parts(2).unwrap(), amount: amount(minor) }
}

pub(crate) fn unload(minor: i64) -> Body {
    Body::Unload { card: card(), amount: amount(minor), reason: None, supervisor: None }
}

pub(crate) fn change_pin() -> Body {
    Body::ChangePin { card: card() }
}

pub(crate) fn cash_taken(minor: i64) -> Body {
    let cash = TenderLine { kind: TenderKind::CASH, amount: amount(minor), reference: None };
    Body::CashTaken {
        card: None,
        amount: amount(minor),
        tenders: TenderLines::new(vec![cash]).unwrap(),
        original: None,
        reason: Reason::NO_ANSWER,
    }
}

/// What this terminal may approve by itself.
pub(crate) fn grant() -> Grant {
    samples::typical_grant(terminal_id())
}

pub(crate) fn advice(minor: i64) -> Body {
    let grant = samples::signed_grant(&grant());
    Body::Advice { card: card(), amount: amount(minor), tenders: None, lines: None, grant }
}

pub(crate) fn ticket_text() -> (String, EnrolmentCode, Fingerprint) {
    let gateway = gateway_key().fingerprint();
    let code = "7K3QZ9XW2M4RT8VNB6HD";
    (format!("svgp1:V0002:{code}:{gateway}"), code.parse().unwrap(), gateway)
}
