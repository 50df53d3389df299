//! What operators ask; answers are JSON for scripts and for the tables that people read.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::group::Group;
use super::programmes::Which;
use super::writer::{InDoubt, Writer, in_doubt};
use crate::admin::act::name;
use crate::domain::archive::archived_through;
use crate::domain::card::{Card, CardReference};
use crate::domain::day::{closed_through, dashed};
use crate::domain::ledger::Kind;
use crate::domain::member::{Member, Standing};
use crate::domain::programme::Gives;
use crate::domain::refusal::Refusal;
use crate::domain::schedule::Start;
use crate::domain::tag::tags;
use crate::domain::{ClockDoubt, Now};

/// What an operator may ask.
#[derive(Debug, Clone)]
pub enum Query {
    Terminals,
    Terminal(String),
    Card(CardReference),
    Operators,
    /// What can be said of a card's member to a partner.
    MemberStatement(CardReference),
    Member(CardReference),
    /// What a card's member is worth.
    MemberValue(CardReference),
    Cashiers,
    Programmes,
    /// One version, whole.
    Programme(Which),
    /// What a document would change.
    ProgrammeTrial {
        document: String,
        start: Start,
    },
    /// What points can be redeemed for, and how many pieces are left.
    Catalogue,
    Status,
    /// Acts that wait for a second signature.
    Proposals,
    Proposal(u32),
    /// What people have to look into; the settled too when `all`.
    Exceptions {
        all: bool,
    },
}

/// A terminal, for people.
#[derive(Debug, Clone, Serialize)]
pub struct TerminalRow {
    pub terminal: String,
    pub status: &'static str,
    pub role: &'static str,
    pub generation: u32,
    pub merchant: String,
    pub store: String,
    pub max_load_minor: i64,
    pub max_purchase_minor: i64,
    pub max_refund_minor: i64,
    pub last_stan: u32,
}

impl Writer {
    /// Answers a question; after the commit of what came before it.
    pub(super) fn query(
        &mut self,
        group: &mut Group,
        query: Query,
        reply: oneshot::Sender<Value>,
    ) -> Result<(), InDoubt> {
        let now = self.now();
        let value = match query {
            Query::Terminals => {
                json!({ "terminals": self.state.terminals.values().map(terminal_row).collect::<Vec<_>>() })
            }
            Query::Terminal(terminal) => match self.state.terminals.get(&terminal) {
                Some(held) => json!({ "terminal": terminal_row(held) }),
                None => json!({ "error": Refusal::NoSuchTerminal(terminal).to_string() }),
            },
            Query::Card(card) => {
                self.fetch_card(card)?;
                match self.state.cards.get(&card) {
                    Some(_) => self.card_value(card, now),
                    None => json!({ "error": Refusal::NoSuchCard.to_string() }),
                }
            }
            Query::Member(card) => {
                let mut fields = None;
                let kept = self.kept_under(card)?;
                if let Some(holder) = self.state.cards.get(&card).and_then(|held| held.holder) {
                    for kept in kept {
                        let found = self.members.fields(kept, &holder);
                        fields = fields.or(found.map_err(in_doubt("reading personal data"))?);
                    }
                }
                match fields {
                    Some(fields) => json!({ "card": card.0.to_string(), "fields": fields_value(&fields) }),
                    None => json!({ "error": "nothing is kept of that card's holder" }),
                }
            }
            Query::MemberStatement(card) => self.member_statement(card, now)?,
            Query::MemberValue(card) => self.member_value(card, now)?,
            Query::Operators => {
                json!({ "operators": self.state.operators.iter().map(|(name, held)| json!({
                "operator": name,
                "status": if held.active { "active" } else { "revoked" },
                "one_of_two": held.counts(now.s()),
                "counts_from": jiff::Timestamp::from_second(held.counts_from).ok().filter(|at| at.as_second() > 0).map(|at| at.to_string()),
                "fingerprint": crate::keys::hex(&crate::keys::fingerprint(&held.public_key)),
            })).collect::<Vec<_>>() })
            }
            Query::Programmes => self.programme_versions(),
            Query::Programme(which) => self.programme_version(which),
            Query::ProgrammeTrial { document, start } => self.programme_trial(group, &document, start),
            Query::Catalogue => self.catalogue_value(now),
            Query::Exceptions { all } => self.exceptions(group, all)?,
            Query::Proposals => {
                let waiting = self.proposals.waiting(now.s()).map(|(number, waiting)| {
                    json!({
                        "number": number, "act": name(&waiting.act.act), "operator": waiting.act.operator,
                        "what": waiting.act.act.words(), "expires": waiting.expires,
                    })
                });
                json!({ "proposals": waiting.collect::<Vec<_>>() })
            }
            Query::Proposal(number) => match self.proposals.find(number, now.s()) {
                Some(waiting) => json!({
                    "signed": crate::keys::hex(&waiting.signed), "what": waiting.act.act.words(),
                    "operator": waiting.act.operator,
                }),
                None => json!({ "error": "no such act waits; `gateway act list` shows those that do" }),
            },
            Query::Cashiers => json!({ "cashiers": self.state.cashiers.iter().map(|(name, held)| json!({
                "cashier": name,
                "status": if held.active { "active" } else { "ended" },
                "merchant": held.merchant,
                "store": held.store.as_deref().unwrap_or("all"),
                "role": if held.supervisor { "supervisor" } else { "cashier" },
                "wrong_pins": held.pin.tries,
            })).collect::<Vec<_>>() }),
            Query::Status => json!({
                "installation": crate::keys::hex(&self.sealer.installation.0),
                "epoch": self.head.epoch, "group": self.head.group, "index": self.head.index,
                "stopped": self.stopped,
                "clock": self.time.doubt.map_or("believed", ClockDoubt::name),
                "time": jiff::Timestamp::from_millisecond(now.ms).map(|time| time.to_string()).ok(),
                "business_date": dashed(self.booked_on(now)),
                "day_by_clock": dashed(now.business_date),
                "closed_through": dashed(closed_through(&self.state)),
                "archive_before": dashed(self.archive_before()),
                "archived_through": archived_through(&self.state),
                "leaving": self.leaving,
            }),
        };
        group.queries.push((reply, value));
        Ok(())
    }

    /// Every item, whether it can be redeemed today or not.
    fn catalogue_value(&self, now: Now) -> Value {
        let in_force = self.in_force(now);
        let items = in_force.programme.catalogue.iter().map(|item| {
            json!({
                "item": item.item, "name": item.name, "kind": item.kind.0, "points": item.points,
                "gives": match item.gives {
                    Gives::Handed => "handed out".to_owned(),
                    Gives::Bonus(piece) => in_force.programme.money(piece),
                    Gives::Points(kind, piece) => format!("{piece} points of kind {}", kind.0),
                },
                "pieces_left": item.pieces_left(&self.state.counters, now.business_date),
            })
        });
        json!({ "programme_version": in_force.version, "catalogue": items.collect::<Vec<_>>() })
    }

    fn card_value(&self, card: CardReference, now: Now) -> Value {
        let Some(held) = self.state.cards.get(&card) else { return Value::Null };
        let lots = held.lots.iter().map(|lot| {
            json!({ "lot": lot.id, "kind": lot.kind.0, "amount": lot.amount, "expires": lot.expires, "source": lot.source })
        });
        let holds = held.holds.iter().map(|hold| {
            json!({ "hold": hold.id, "held": hold.held(), "captured": hold.captured, "expires": hold.expires })
        });
        json!({
            "reference": card.0.to_string(),
            "status": held.status.name(),
            "product": held.product,
            "version": held.version,
            "principal_minor": held.available(Kind::PRINCIPAL, now.s()),
            "bonus_minor": held.available(Kind::BONUS, now.s()),
            "points": held.available(Kind::POINTS, now.s()),
            "points_debt": held.points_debt(Kind::POINTS),
            "point_kinds": point_kinds(held, now),
            "member": self.state.members.get(&card).map(member_value),
            "lots": lots.collect::<Vec<_>>(),
            "holds": holds.collect::<Vec<_>>(),
            "expires": held.expires.and_then(|at| jiff::Timestamp::from_second(at).ok()).map(|at| at.to_string()),
            "registered": held.holder.is_some(),
            "day_limit_minor": held.own_limits.day,
            "month_limit_minor": held.own_limits.month,
            "account": held.account.map(|account| account.0.to_string()),
            "pin": if held.pin.secret.is_some() { "set" } else { "none" },
            "wrong_pins": held.pin.tries,
            "replaced_by": held.successor.map(|successor| successor.card.0.to_string()),
        })
    }
}

/// What a card has of each kind of points: to spend, pending, and owed.
fn point_kinds(held: &Card, now: Now) -> Vec<Value> {
    let lots = held.lots.iter().map(|lot| lot.kind.released());
    let owed = held.points_debts.iter().map(|(kind, _)| *kind);
    let kinds: BTreeSet<Kind> = lots.chain(owed).filter(|kind| !kind.is_money()).collect();
    let row = |kind: Kind| {
        json!({
            "kind": kind.0, "points": held.available(kind, now.s()),
            "pending": held.available(kind.pending(), now.s()), "debt": held.points_debt(kind),
        })
    };
    kinds.into_iter().map(row).collect()
}

fn member_value(member: &Member) -> Value {
    let Standing { joined, channel, referrer, customer, tier } = &member.standing;
    let counters = member
        .counters
        .iter()
        .map(|((counter, period), value)| json!({ "counter": counter, "period": period, "value": value }));
    let matched =
        member.matched().map(|held| json!({ "tier": held.tier, "since": held.since, "until": held.until }));
    json!({
        "joined": joined,
        "channel": channel,
        "referrer": referrer.map(|card| card.0.to_string()),
        "customer": match customer {
            0 => "not said".to_owned(),
            1 => "person".to_owned(),
            2 => "company".to_owned(),
            other => other.to_string(),
        },
        "tier": tier.as_ref().map(|held| &held.tier),
        "tier_since": tier.as_ref().map(|held| held.since),
        "tier_until": tier.as_ref().and_then(|held| held.until),
        "tags": tags(member).collect::<Vec<_>>(),
        "matched": matched.collect::<Vec<_>>(),
        "counters": counters.collect::<Vec<_>>(),
    })
}

/// Personal fields by name, for the operator who asked.
fn fields_value(bytes: &[u8]) -> Value {
    let names = [(1, "phone"), (2, "name"), (3, "birthday"), (4, "number")];
    let name = |number: u8| {
        let known = names.iter().find(|(known, _)| *known == number);
        known.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
    };
    let d = &mut minicbor::Decoder::new(bytes);
    let count = d.map().ok().flatten().unwrap_or(0);
    let fields = (0..count).map_while(|_| Some((d.u8().ok()?, d.str().ok()?.to_owned())));
    let shown = fields.filter(|(number, _)| *number != 0);
    Value::Object(shown.map(|(number, text)| (name(number), Value::String(text))).collect())
}

fn terminal_row(held: &crate::domain::Terminal) -> TerminalRow {
    TerminalRow {
        terminal: held.terminal.clone(),
        status: held.status.name(),
        role: match held.role {
            crate::domain::Role::Register => "register",
            crate::domain::Role::Kiosk => "kiosk",
        },
        generation: held.generation,
        merchant: held.merchant.clone(),
        store: held.store.clone(),
        max_load_minor: held.limits.load,
        max_purchase_minor: held.limits.purchase,
        max_refund_minor: held.limits.refund,
        last_stan: held.last_stan,
    }
}
