//! Between the wire's words and the domain's: the only place that knows both.

mod declines;

pub use declines::{code, detail};

use protocol::answer::{
    Answer, Explanation, Explanations, Hold as WireHold, MAX_EXPLANATIONS, Tier as WireTier,
};
use protocol::code::ResponseCode;
use protocol::field::{
    BalanceKind, CardReference as WireCard, Count, Currency, Date, Flags, Installation, Notes,
    Original as WireOriginal, Stan, Text, Total, TotalMinor, Totals, UnixSeconds,
};
use protocol::frame::MessageType;
use protocol::receipt::Grant as WireGrant;
use protocol::request::{Body, Request as WireRequest, RequestSidecar};

use crate::domain::card::{Card, CardReference};
use crate::domain::decision::{self, Reason};
use crate::domain::effect::{Account, Effect, Line, TransactionState};
use crate::domain::ledger::Kind;
use crate::domain::member::TierHeld;
use crate::domain::original::own_postings;
use crate::domain::request::{CardClaim, Sold};
use crate::domain::{Command, Decision, Decline, Grant, Hold, Named, Now, Pins, Programme, Request, Verdict};
use crate::keys::PublicKey;

/// Where a transaction stands of which nothing was said since its answer.
#[must_use]
pub fn state_when_decided(code: ResponseCode) -> TransactionState {
    match code {
        ResponseCode::ALREADY_REVERSED => TransactionState::Blocked,
        ResponseCode::TOTALS_DIFFER => TransactionState::Live,
        code if code.is_approval() => TransactionState::Live,
        _ => TransactionState::Declined,
    }
}

/// Whether a request says that it was approved offline and may not: only sales are, as Advices (PROTOCOL.md section 9.1).
#[must_use]
pub fn is_wrongly_offline(request: &WireRequest) -> bool {
    let kind = request.kind();
    let flagged = request.header.flags.is_some_and(|flags| flags.contains(Flags::OFFLINE_APPROVED));
    flagged && kind.is_reversible() && kind != MessageType::ADVICE
}

/// The command in a value message; `None` for a session message. `proof` is the keyed hash of a card's secret, if one came.
#[must_use]
pub fn command(
    request: &WireRequest,
    request_id: [u8; 32],
    sidecar: &RequestSidecar,
    proof: &dyn Fn(CardReference) -> Option<[u8; 32]>,
    gateway: &GatewayWord,
) -> Option<Request> {
    let header = &request.header;
    let claim = |card: &WireCard| claim(*card, proof);
    let has = |flag| header.flags.is_some_and(|flags| flags.contains(flag));
    let reserved = header.reserved.as_ref();
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
        Body::Join { card } => Command::Join {
            claim: claim(card),
            referral: reserved.and_then(|more| more.referral.as_ref()).map(|code| code.as_str().into()),
            customer: reserved.and_then(|more| more.customer_kind).map_or(0, |kind| kind.0),
        },
        Body::Award { card, activity, quantity } => Command::Award {
            claim: claim(card),
            activity: activity.as_str().into(),
            quantity: quantity.map_or(1, |quantity| quantity.get()),
        },
        Body::Redeem { card, item, quantity } => Command::Redeem {
            claim: claim(card),
            item: item.as_str().into(),
            quantity: quantity.map_or(1, |quantity| quantity.get()),
        },
        Body::UseEntitlement { card, entitlement, quantity } => Command::UseEntitlement {
            claim: claim(card),
            entitlement: entitlement.as_str().into(),
            quantity: quantity.map_or(1, |quantity| quantity.get()),
        },
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
        channel: reserved.and_then(|more| more.channel.as_ref()).map(|channel| channel.as_str().into()),
        holder: header.reserved.as_ref().and_then(|more| more.personal_commitment).map(|hash| hash.0),
        pins: Pins {
            card_given: sidecar.pin.is_some() && (has(Flags::PIN_USED) || is_change),
            new_given: sidecar.new_pin.is_some(),
            supervisor_given: sidecar.supervisor_pin.is_some(),
            ..Pins::default()
        },
        quote: header.quote.map(|quote| quote.0),
        prices: has(Flags::PROGRAMME_PRICES),
        sold: sold(&request.body),
        reason: request.body.reason().map(|reason| reason.0),
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

/// The same, as rules see it.
#[must_use]
pub fn sold(body: &Body) -> Vec<Sold> {
    let each = body.lines().into_iter().flat_map(|lines| lines.iter());
    each.map(|line| Sold {
        item: line.item.as_str().into(),
        category: line.category.as_str().into(),
        brand: line.brand.as_ref().map(|brand| brand.as_str().into()),
        quantity: line.quantity.get(),
        amount: line.gross.get(),
    })
    .collect()
}

/// A card with its proof: the keyed hash of the secret that came beside it, as `proof` has it.
#[must_use]
pub fn claim(card: WireCard, proof: &dyn Fn(CardReference) -> Option<[u8; 32]>) -> CardClaim {
    let card = CardReference(card.number());
    CardClaim { card, proof: proof(card) }
}

/// What every answer says about when and where it was decided.
#[derive(Debug, Clone, Copy)]
pub struct Occasion {
    pub now: Now,
    /// Business date on which it is booked.
    pub booked: u32,
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
        business_date: Date::new(occasion.booked),
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
        explanation: explained(message, decision),
        state: decision.original_state.map(wire_state),
        totals: decision.totals.as_deref().and_then(wire_totals),
        hold: decision.hold.as_ref().map(wire_hold),
        shortfall: decision.shortfall.and_then(TotalMinor::new),
        uses_left: decision.uses_left.and_then(Count::new),
        discount: decision.discount.filter(|discount| *discount > 0).and_then(TotalMinor::new),
        ..Answer::new(message, code(decision.verdict), unix_seconds(occasion.now))
    }
}

/// A member's tier, for key 41; without one that is held, what everybody has.
#[must_use]
pub fn tier(programme: &Programme, held: Option<&TierHeld>) -> Option<WireTier> {
    let tier = match held {
        Some(held) => programme.tiers.list.iter().find(|tier| tier.key == held.tier)?,
        None => programme.tiers.base()?,
    };
    Some(WireTier {
        tier: tier.key.parse().ok()?,
        name: Text::fitted(&tier.name)?,
        until: held.and_then(|held| held.until).and_then(UnixSeconds::new),
    })
}

/// Key 13 of the answer to a value message: of what does something to a card.
#[must_use]
pub fn explained(message: MessageType, decision: &Decision) -> Option<Explanations> {
    let never = matches!(message, MessageType::RECONCILIATION | MessageType::CASH_TAKEN);
    let undoes_nothing = message == MessageType::REVERSAL && !decision.shows_card;
    if !decision.is_approved() || never || undoes_nothing {
        return None;
    }
    explanation(&decision.explanation)
}

/// Rules that fired, for key 13; too many lines in short. What other members got by it is theirs to know.
#[must_use]
pub fn explanation(reasons: &[Reason]) -> Option<Explanations> {
    let own = reasons.iter().filter(|reason| reason.other.is_none()).cloned();
    // What a tier took is never added up: each measure has its own.
    let (tiers, own): (Vec<Reason>, Vec<Reason>) =
        own.partition(|reason| reason.notes.has(decision::Notes::TIER));
    let room = MAX_EXPLANATIONS.saturating_sub(tiers.len());
    let told = if own.len() > room { added_up(&own) } else { own };
    let told = told.iter().take(room).chain(&tiers);
    let lines = told.take(MAX_EXPLANATIONS).filter_map(|reason| {
        Some(Explanation {
            rule: Text::fitted(&reason.rule)?,
            kind: BalanceKind(u16::from(reason.kind.0)),
            base: reason.base,
            rate: Text::fitted(&reason.rate)?,
            result: reason.result,
            notes: Notes(reason.notes.0),
        })
    });
    Explanations::new(lines.collect())
}

/// Lines of one balance that give, and those that take, each added up; what is taken back, owed or withheld by itself.
fn added_up(reasons: &[Reason]) -> Vec<Reason> {
    let apart = [decision::Notes::TAKEN_BACK, decision::Notes::OWED, decision::Notes::WITHHELD];
    let same = |one: &Reason, other: &Reason| {
        one.kind == other.kind
            && one.result.signum() == other.result.signum()
            && apart.iter().all(|bit| one.notes.has(*bit) == other.notes.has(*bit))
    };
    let mut sums: Vec<(Reason, usize)> = Vec::new();
    for reason in reasons {
        let Some((sum, count)) = sums.iter_mut().find(|(sum, _)| same(sum, reason)) else {
            sums.push((reason.clone(), 1));
            continue;
        };
        *count = count.saturating_add(1);
        sum.rule = format!("{count} rules");
        sum.rate = "sum".to_owned();
        sum.base = sum.base.saturating_add(reason.base);
        sum.result = sum.result.saturating_add(reason.result);
        sum.notes = sum.notes.and(reason.notes);
    }
    sums.into_iter().map(|(sum, _)| sum).collect()
}

/// The lines of an answer as rules look back on them, without those about what is owed and about tiers: that is told anew.
#[must_use]
pub fn reasons(lines: Option<&Explanations>) -> Vec<Reason> {
    let lines = lines.into_iter().flat_map(|lines| lines.iter());
    let told = lines.filter_map(|line| {
        Some(Reason {
            rule: line.rule.as_str().to_owned(),
            kind: Kind(u8::try_from(line.kind.0).ok()?),
            base: line.base,
            rate: line.rate.as_str().to_owned(),
            result: line.result,
            notes: decision::Notes(line.notes.0),
            other: None,
        })
    });
    let anew = [decision::Notes::OWED, decision::Notes::TIER];
    told.filter(|reason| !anew.iter().any(|bit| reason.notes.has(*bit))).collect()
}

/// Available balances, by kind; principal and bonus always, points too. Money is that of the `purse` from which the card
/// pays, none when that cannot be used.
#[must_use]
pub fn balances(card: &Card, purse: Option<&Card>, now: Now) -> protocol::answer::Balances {
    let money = |kind: Kind| (kind, purse.map_or(0, |purse| purse.available(kind, now.s())));
    let points = |kind: Kind| (kind, card.available(kind, now.s()));
    let mut others: Vec<Kind> = card.lots.iter().map(|lot| lot.kind).collect();
    others.retain(|kind| !kind.is_money() && *kind != Kind::POINTS);
    others.sort_unstable();
    others.dedup();
    let all = [money(Kind::PRINCIPAL), money(Kind::BONUS), points(Kind::POINTS)];
    all.into_iter()
        .chain(others.into_iter().map(points))
        .filter(|(kind, amount)| *amount != 0 || kind.0 <= Kind::POINTS.0)
        .map(|(kind, amount)| (BalanceKind(u16::from(kind.0)), amount))
        .collect()
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
