//! Between the wire's words and the domain's: the only place that knows both.

use protocol::answer::{Answer, Explanation, Hold as WireHold};
use protocol::code::ResponseCode;
use protocol::field::{
    BalanceKind, CardReference as WireCard, Currency, Date, Flags, Installation, List,
    Original as WireOriginal, Stan, Text, Total, TotalMinor, Totals, UnixSeconds,
};
use protocol::frame::MessageType;
use protocol::receipt::Grant as WireGrant;
use protocol::request::{Body, Request as WireRequest, RequestSidecar};

use crate::domain::card::{Card, CardReference};
use crate::domain::decision::Reason;
use crate::domain::effect::{Account, Effect, Line, TransactionState};
use crate::domain::ledger::Kind;
use crate::domain::original::own_postings;
use crate::domain::request::CardClaim;
use crate::domain::{Command, Decision, Decline, Grant, Hold, Named, Now, Period, Pins, Request, Verdict};
use crate::keys::{CardKey, PublicKey};

/// The command in a value message; `None` for a session message.
#[must_use]
pub fn command(
    request: &WireRequest,
    request_id: [u8; 32],
    sidecar: &RequestSidecar,
    card_key: &CardKey,
    gateway: &GatewayWord,
) -> Option<Request> {
    let header = &request.header;
    let claim = |card: &WireCard| claim(*card, sidecar, card_key);
    let has = |flag| header.flags.is_some_and(|flags| flags.contains(flag));
    let command = match &request.body {
        Body::Activate { card } => Command::Activate { claim: claim(card) },
        Body::Load { card, amount, tenders } => Command::Load {
            claim: claim(card),
            amount: amount.get(),
            tenders: tenders.iter().map(|line| (line.kind.0, line.amount.get())).collect(),
        },
        Body::Purchase { card, amount, points, .. } => Command::Purchase {
            claim: claim(card),
            amount: amount.get(),
            partial_allowed: has(Flags::PARTIAL_ALLOWED),
            points: points.map(|points| points.get()),
            lines: lines(&request.body),
        },
        Body::Reversal { original, .. } => Command::Reversal { original: named(original) },
        Body::Refund { original, amount, .. } => {
            let lines = lines(&request.body);
            Command::Refund { original: named(original), amount: amount.get(), lines }
        }
        Body::Transfer { card, to, amount } => {
            Command::Transfer { claim: claim(card), to: CardReference(to.number()), amount: amount.get() }
        }
        Body::Unload { card, amount, .. } => Command::Unload { claim: claim(card), amount: amount.get() },
        Body::ChangePin { card } => Command::ChangePin { claim: claim(card) },
        Body::Void { original, .. } => Command::Void { original: named(original) },
        Body::Authorize { card, amount, raises } => Command::Authorize {
            claim: claim(card),
            amount: amount.get(),
            partial_allowed: has(Flags::PARTIAL_ALLOWED),
            raises: raises.as_ref().map(named),
        },
        Body::Capture { original, amount, .. } => Command::Capture {
            original: named(original),
            amount: amount.get(),
            more_follow: has(Flags::MORE_CAPTURES),
            lines: lines(&request.body),
        },
        Body::CashTaken { card, amount, tenders, .. } => Command::CashTaken {
            card: card.map(|card| CardReference(card.number())),
            amount: amount.get(),
            tenders: tenders.iter().map(|line| (line.kind.0, line.amount.get())).collect(),
        },
        Body::Advice { card, amount, grant, .. } => Command::Advice {
            card: CardReference(card.number()),
            amount: amount.get(),
            grant: granted(grant.as_bytes(), gateway),
            time_s: i64::try_from(header.time.seconds()).unwrap_or(i64::MAX),
        },
        Body::Reconciliation { totals } => Command::Reconciliation {
            totals: totals
                .as_slice()
                .iter()
                .map(|total| (total.kind.0, i64::from(total.count), total.amount.get()))
                .collect(),
        },
        _ => return None,
    };
    // The flag says of a sale that its PIN was used; a ChangePin is about nothing else.
    let is_change = matches!(command, Command::ChangePin { .. });
    Some(Request {
        request_id,
        terminal: header.terminal.as_str().into(),
        generation: header.generation?.get(),
        stan: header.stan?.get(),
        shift: header.shift.map(|shift| shift.get()),
        currency: header.currency.and_then(|currency| u16::try_from(currency.get()).ok())?,
        cashier: header.cashier.as_ref().map(|cashier| cashier.as_str().into()),
        supervisor: supervisor(&request.body),
        holder: header.reserved.as_ref().and_then(|more| more.personal_commitment).map(|hash| hash.0),
        pins: Pins {
            card_given: sidecar.pin.is_some() && (has(Flags::PIN_USED) || is_change),
            new_given: sidecar.new_pin.is_some(),
            supervisor_given: sidecar.supervisor_pin.is_some(),
            ..Pins::default()
        },
        quote: header.quote.map(|quote| quote.0),
        command,
    })
}

fn supervisor(body: &Body) -> Option<String> {
    match body {
        Body::Refund { supervisor, .. } | Body::Void { supervisor, .. } | Body::Unload { supervisor, .. } => {
            supervisor.as_ref().map(|supervisor| supervisor.as_str().into())
        }
        _ => None,
    }
}

/// What is needed to tell the gateway's own word from another's.
#[derive(Debug)]
pub struct GatewayWord {
    pub installation: Installation,
    /// `None` when it cannot be read: nothing is the gateway's word then.
    pub key: Option<PublicKey>,
}

/// The grant that an Advice carries, when the gateway signed it.
fn granted(bytes: &[u8], gateway: &GatewayWord) -> Option<Grant> {
    let key = gateway.key.as_ref()?;
    let verify = |message: &[u8], signature: &[u8]| key.verify(message, signature);
    let grant = WireGrant::check(bytes, &gateway.installation, &verify).ok()?;
    Some(Grant {
        terminal: grant.terminal.as_str().into(),
        generation: grant.generation.get(),
        id: grant.id.0,
        issued: grant.issued.get(),
        expires: grant.expires.get(),
        per_transaction: grant.limits.transaction.get(),
        per_card: grant.limits.card.get(),
        count: grant.limits.count,
        sum: grant.limits.sum.get(),
    })
}

fn named(original: &WireOriginal) -> Named {
    Named {
        terminal: original.terminal.as_str().into(),
        generation: original.generation.get(),
        stan: original.stan.get(),
        request_id: original.request_id.0,
    }
}

/// What a request sells or takes back, item by item.
#[must_use]
pub fn lines(body: &Body) -> Vec<Line> {
    let each = body.lines().into_iter().flat_map(|lines| lines.iter());
    each.map(|line| Line {
        item: line.item.as_str().into(),
        quantity: line.quantity.get(),
        amount: line.gross.get(),
    })
    .collect()
}

/// A card with the keyed hash of the secret that came beside it.
#[must_use]
pub fn claim(card: WireCard, sidecar: &RequestSidecar, card_key: &CardKey) -> CardClaim {
    let proof = sidecar.secret.as_ref().map(|secret| card_key.proof(card.number(), secret.expose()));
    CardClaim { card: CardReference(card.number()), proof }
}

/// The wire's code for a verdict; a table of PROTOCOL.md section 7.
#[must_use]
pub fn code(verdict: Verdict) -> ResponseCode {
    match verdict {
        Verdict::Approved => ResponseCode::APPROVED,
        Verdict::ApprovedInPart => ResponseCode::APPROVED_IN_PART,
        Verdict::TotalsDiffer => ResponseCode::TOTALS_DIFFER,
        Verdict::Declined(decline) => match decline {
            Decline::ReversedBefore => ResponseCode::ALREADY_REVERSED,
            Decline::MessageNotAllowedForRole => ResponseCode::NOT_PERMITTED_TERMINAL,
            Decline::ShiftClosed
            | Decline::CardAlreadyActive
            | Decline::OriginalNotReversible
            | Decline::ActivatedCardInUse
            | Decline::OriginalOver(_)
            | Decline::NotRefundable
            | Decline::ReturnTimeOver
            | Decline::ItemNotSold
            | Decline::RefundedAgainSince
            | Decline::NotAnAuthorize
            | Decline::RaisedAnother
            | Decline::CapturedSince
            | Decline::HoldEnded
            | Decline::TooManyHolds
            | Decline::QuoteGone
            | Decline::TransferToItself => ResponseCode::INVALID_TRANSACTION,
            Decline::CardNotAccepted => ResponseCode::CARD_NOT_ACCEPTED,
            Decline::CardBlocked | Decline::AccountNotUsable => ResponseCode::CARD_BLOCKED,
            Decline::CardReplaced => ResponseCode::CARD_REPLACED,
            Decline::CardNotActive => ResponseCode::CARD_NOT_ACTIVE,
            Decline::CardExpired => ResponseCode::EXPIRED_CARD,
            Decline::CurrencyNotAccepted
            | Decline::ProductNotInProgramme
            | Decline::TransferNotAllowed
            | Decline::HolderNotRegistered
            | Decline::OtherHolder
            | Decline::BoundToAccount
            | Decline::PointsNotAccepted
            | Decline::UnloadNotAllowed
            | Decline::PinNotUsed => ResponseCode::NOT_PERMITTED_CARD,
            Decline::PinNeeded | Decline::NoPin => ResponseCode::PIN_NEEDED,
            Decline::PinLocked => ResponseCode::TOO_MANY_WRONG_PINS,
            Decline::WrongPin { .. } => ResponseCode::WRONG_PIN,
            Decline::SupervisorNeeded => ResponseCode::SUPERVISOR_NEEDED,
            // Never answered: the PIN is looked at first.
            Decline::PinUntried(_) => ResponseCode::SYSTEM_MALFUNCTION,
            Decline::BelowMinimum => ResponseCode::INVALID_AMOUNT,
            Decline::AboveTerminalLimit
            | Decline::AboveProductLimit
            | Decline::AboveMaximumBalance
            | Decline::AboveRefundable
            | Decline::AboveItemSold
            | Decline::AboveCardLimit(_)
            | Decline::AboveTillLimit
            | Decline::PointsNotAllowed
            | Decline::AboveHold => ResponseCode::AMOUNT_LIMIT,
            Decline::NotSufficientFunds
            | Decline::NotEnoughLoaded
            | Decline::NotEnoughPoints
            | Decline::LoadAlreadySpent
            | Decline::RefundAlreadySpent
            | Decline::PointsAlreadySpent => ResponseCode::NOT_SUFFICIENT_FUNDS,
            Decline::OriginalDiffers
            | Decline::OriginalOfAnotherTerminal
            | Decline::OriginalNotFound
            | Decline::NoHoldOfThisCard
            | Decline::OriginalElsewhere => ResponseCode::ORIGINAL_NOT_FOUND,
        },
    }
}

/// What a cashier's second line says; never card data, at most 80 bytes.
#[must_use]
pub fn detail(decline: Decline) -> &'static str {
    match decline {
        Decline::ReversedBefore => "a reversal of this request came first",
        Decline::MessageNotAllowedForRole => "a kiosk activates and loads, and says what it took",
        Decline::ShiftClosed => "this shift is closed",
        Decline::CardNotAccepted => "card or secret not accepted",
        Decline::CardBlocked => "card is blocked",
        Decline::CardReplaced => "another card has taken the place of this one",
        Decline::CardNotActive => "card is not active; activate it first",
        Decline::CardExpired => "the card's time is over; an operator can extend it",
        Decline::HolderNotRegistered => "so large a balance needs a registered holder (key 47)",
        Decline::OtherHolder => "another holder is registered; an operator can erase that",
        Decline::AccountNotUsable => "its corporate account cannot be used",
        Decline::BoundToAccount => "it spends a corporate account's money and has none of its own",
        Decline::PinNeeded => "ask for the PIN",
        Decline::NoPin => "no PIN is set yet; set one first",
        Decline::PinNotUsed => "cards of this product have no PIN",
        Decline::PinLocked => "too many wrong PINs; two operators can unlock it",
        Decline::WrongPin { .. } => "wrong PIN",
        Decline::PinUntried(_) => "the PIN was not looked at",
        Decline::SupervisorNeeded => "a supervisor must allow it",
        Decline::CardAlreadyActive => "card is active already",
        Decline::CurrencyNotAccepted => "this programme has another currency",
        Decline::ProductNotInProgramme => "the programme in force has no such product",
        Decline::BelowMinimum => "below the smallest load of this product",
        Decline::AboveTerminalLimit => "above this terminal's limit",
        Decline::AboveProductLimit => "above this product's limit",
        Decline::AboveMaximumBalance => "the balance would exceed this product's maximum",
        Decline::NotSufficientFunds => "not enough on the card",
        Decline::LoadAlreadySpent => "what it gave is spent already, at least in part",
        Decline::OriginalDiffers => "that STAN was another request",
        Decline::OriginalOfAnotherTerminal => {
            "only the same terminal may reverse, a later STAN an earlier one"
        }
        Decline::OriginalNotReversible => "a message of this kind cannot be undone",
        Decline::ActivatedCardInUse => "the card has been used since",
        Decline::OriginalNotFound => "there is no such request",
        Decline::OriginalElsewhere => "that was in another store",
        Decline::OriginalOver(state) => match state {
            TransactionState::Reversed => "it was reversed",
            TransactionState::Voided => "it was voided",
            TransactionState::Refunded => "all of it was refunded",
            TransactionState::RefundedInPart => "a part of it was refunded",
            TransactionState::Captured => "it was captured; void or refund the capture",
            TransactionState::Lapsed => "its hold has ended by time",
            TransactionState::Declined => "it was declined",
            _ => "a reversal has blocked it",
        },
        Decline::NotRefundable => "only a load, a purchase or a capture can be refunded",
        Decline::ReturnTimeOver => "its return time is over; two operators can still pay it back",
        Decline::AboveRefundable => "more than is left to refund",
        Decline::ItemNotSold => "no line of that sale has such an item",
        Decline::AboveItemSold => "more of an item than was sold and has not come back",
        Decline::RefundAlreadySpent => "what the refund gave back is spent already",
        Decline::PointsAlreadySpent => "points that it gave are spent already; refund it",
        Decline::RefundedAgainSince => "it was refunded again since; undo that one",
        Decline::NotAnAuthorize => "only an authorize can be captured",
        Decline::NoHoldOfThisCard => "that is no authorize of this card",
        Decline::RaisedAnother => "it raised another; name the first authorize",
        Decline::CapturedSince => "something was captured since",
        Decline::HoldEnded => "the hold has ended",
        Decline::AboveHold => "more than is held",
        Decline::TooManyHolds => "the card has too many holds",
        Decline::QuoteGone => "the quote is not known any more; quote again",
        Decline::AboveCardLimit(Period::Day) => "above what this card may do in a day",
        Decline::AboveCardLimit(Period::Month) => "above what this card may do in a month",
        Decline::AboveTillLimit => "above what this terminal or cashier may do in a day",
        Decline::TransferNotAllowed => "cards of this product give nothing to others",
        Decline::PointsNotAccepted => "points pay for no card of this product",
        Decline::PointsNotAllowed => "too few points, not in their steps, or too large a share of the amount",
        Decline::NotEnoughPoints => "not so many points on the card",
        Decline::UnloadNotAllowed => "cards of this product are not cashed out",
        Decline::NotEnoughLoaded => "less than that was loaded on this card and is still there",
        Decline::TransferToItself => "a card cannot give to itself",
    }
}

/// What every answer says about when and where it was decided.
#[derive(Debug, Clone, Copy)]
pub struct Occasion {
    pub now: Now,
    /// Index of the entry.
    pub index: u64,
    pub programme_version: u32,
}

/// The answer to a value message; `card` is its state after the entry's effects.
#[must_use]
pub fn final_answer(
    request: &Request,
    decision: &Decision,
    card: Option<(&Card, Option<&Card>)>,
    occasion: Occasion,
) -> Answer {
    let message = MessageType(request.command.message());
    let changes_shown = decision.shows_card;
    let declined = match decision.verdict {
        Verdict::Declined(decline) => Some(detail(decline)),
        _ => None,
    };
    Answer {
        stan: Stan::new(request.stan),
        business_date: Date::new(occasion.now.business_date),
        reference: Some(occasion.index),
        programme_version: (message != MessageType::RECONCILIATION)
            .then_some(occasion.programme_version.into()),
        card: decision.card.and_then(|card| WireCard::new(card.0)),
        detail: declined.and_then(Text::fitted),
        approved_amount: decision.amount.and_then(TotalMinor::new),
        balances: card.filter(|_| changes_shown).map(|(card, purse)| balances(card, purse, occasion.now)),
        changes: card.filter(|_| changes_shown).map(|(card, purse)| {
            let spends = purse.map_or(card.reference, |purse| purse.reference);
            changes(&[card.reference, decision.purse.unwrap_or(spends)], &decision.effects)
        }),
        tries_left: match decision.verdict {
            Verdict::Declined(decline) => tries_left(decline),
            _ => None,
        },
        explanation: explanation(
            &decision.explanation,
            decision.is_approved()
                && !matches!(
                    message,
                    MessageType::REVERSAL
                        | MessageType::RECONCILIATION
                        | MessageType::REFUND
                        | MessageType::VOID
                        | MessageType::CASH_TAKEN
                ),
        ),
        state: decision.original_state.map(wire_state),
        totals: decision.totals.as_deref().and_then(wire_totals),
        hold: decision.hold.as_ref().map(wire_hold),
        shortfall: decision.shortfall.and_then(TotalMinor::new),
        ..Answer::new(message, code(decision.verdict), unix_seconds(occasion.now))
    }
}

/// Rules that fired, for key 13.
#[must_use]
pub fn explanation(reasons: &[Reason], shown: bool) -> Option<List<Explanation, 0, 16>> {
    if !shown {
        return None;
    }
    let lines = reasons.iter().take(16).filter_map(|reason| {
        Some(Explanation {
            rule: Text::fitted(&reason.rule)?,
            kind: BalanceKind(u16::from(reason.kind.0)),
            base: reason.base,
            result: reason.result,
        })
    });
    List::new(lines.collect())
}

/// Available balances, by kind; principal and bonus always, points too. Money is that of the `purse` from which the card
/// pays, none when that cannot be used.
#[must_use]
pub fn balances(card: &Card, purse: Option<&Card>, now: Now) -> protocol::answer::Balances {
    let money = |kind: Kind| (kind, purse.map_or(0, |purse| purse.available(kind, now.s())));
    let points = (Kind::POINTS, card.available(Kind::POINTS, now.s()));
    let all = [money(Kind::PRINCIPAL), money(Kind::BONUS), points];
    all.into_iter().map(|(kind, amount)| (BalanceKind(u16::from(kind.0)), amount)).collect()
}

/// Key 37.
#[must_use]
pub fn tries_left(decline: Decline) -> Option<u8> {
    match decline {
        Decline::WrongPin { left } => left,
        _ => None,
    }
}

/// What a transaction changed on a card and its purse, by kind; what had expired before it is not its change.
#[must_use]
pub fn changes(cards: &[CardReference], effects: &[Effect]) -> protocol::answer::Balances {
    let mut changes = protocol::answer::Balances::new();
    for posting in own_postings(effects) {
        if matches!(&posting.account, Account::Card { card, .. } if cards.contains(card)) {
            let change = changes.entry(BalanceKind(u16::from(posting.kind.0))).or_insert(0_i64);
            *change = change.saturating_add(posting.amount);
        }
    }
    changes.retain(|_, change| *change != 0);
    changes
}

/// A transaction state on the wire.
#[must_use]
pub fn wire_state(state: TransactionState) -> protocol::field::TransactionState {
    protocol::field::TransactionState(state as u8)
}

fn wire_hold(hold: &Hold) -> WireHold {
    WireHold {
        reference: hold.id,
        held: TotalMinor::new(hold.held()).unwrap_or(TotalMinor::MAX),
        expires: UnixSeconds::new(hold.expires).unwrap_or(UnixSeconds::MAX),
    }
}

/// Shift totals on the wire.
#[must_use]
pub fn wire_totals(totals: &[(u8, i64, i64)]) -> Option<Totals> {
    let lines = totals.iter().map(|(message, count, amount)| {
        Some(Total {
            kind: MessageType(*message),
            count: u32::try_from(*count).ok()?,
            amount: TotalMinor::new(*amount)?,
        })
    });
    Totals::new(lines.collect::<Option<_>>()?)
}

/// Key 4.
#[must_use]
pub fn unix_seconds(now: Now) -> UnixSeconds {
    UnixSeconds::new(now.s()).unwrap_or(UnixSeconds::MIN)
}

/// A refusal that records nothing.
#[must_use]
pub fn transient(
    message: MessageType,
    code: ResponseCode,
    stan: Option<Stan>,
    detail: &str,
    now_s: i64,
) -> Answer {
    Answer {
        stan,
        detail: Text::fitted(detail),
        ..Answer::new(message, code, UnixSeconds::new(now_s).unwrap_or(UnixSeconds::MIN))
    }
}

/// An ISO 4217 number.
#[must_use]
pub fn wire_currency(number: u16) -> Option<Currency> {
    Currency::new(i64::from(number))
}
