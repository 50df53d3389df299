//! What was said, for programs: one JSON object for each command. Amounts are in minor units.

use protocol::answer::{Answer, Balances};
use protocol::field::{Count, TenderLine, TotalMinor, UnixSeconds};
use protocol::frame::MessageType;
use serde_json::{Map, Value, json};

use super::advice::advice;
use super::said::{Claim, Said, ShiftDifferences};
use super::slip::{Mark, Slip, kind_name, notes, rows};
use crate::shift::{Page, Row};

/// The object of what was said in answer to `line` (its first word: a line may hold a card's secret).
pub(super) fn object(said: &Said, word: Option<&str>) -> Value {
    let (said, fields) = match said {
        Said::Note(note) => ("note", json!({ "text": note })),
        Said::Slip(slip) => ("receipt", of_slip(slip)),
        Said::Claim(claim) => {
            let card = claim.card.map(|card| card.digits().to_string());
            let Claim { number, amount, load, away, .. } = &**claim;
            let fields =
                json!({ "claim": number, "amount": amount, "card": card, "load": load, "away": away });
            ("claim", fields)
        }
        Said::Asked(answer) => ("answer", Value::Object(of_answer(answer))),
        Said::Standing { stan, answer, state } => {
            let mut fields = of_answer(answer);
            fields.insert("stan".into(), json!(stan.get()));
            fields.insert("state".into(), json!(state.map(protocol::field::TransactionState::name)));
            ("status", Value::Object(fields))
        }
        Said::Report(report) => {
            let mut fields = of_answer(&report.answer);
            let transactions = report.transactions.iter().map(|one| {
                json!({
                    "stan": one.stan.get(), "kind": one.kind.name(), "code": one.code.to_string(),
                    "approved_amount": one.amount.map(TotalMinor::get), "state": one.state.name(),
                })
            });
            fields.insert("transactions".into(), transactions.collect());
            fields.insert("shift".into(), json!(report.shift));
            fields.insert("closed".into(), json!(report.closed));
            fields.insert("own_totals".into(), of_totals(&report.own_totals));
            ("report", Value::Object(fields))
        }
        Said::Differences(found) => ("differences", of_differences(found)),
        Said::Refused(why) => ("refused", json!({ "text": why })),
        Said::NotUnderstood(why) => ("not understood", json!({ "text": why })),
        Said::Unanswered { stan, code, why } => {
            ("no answer", json!({ "stan": stan, "code": code.map(|code| code.to_string()), "text": why }))
        }
        Said::AsExpected(text) => ("as expected", json!({ "text": text })),
        Said::NotAsExpected(why) => ("not as expected", json!({ "text": why })),
        Said::Bye => ("end", json!({})),
    };
    let mut object = Map::new();
    object.insert("command".into(), json!(word));
    object.insert("said".into(), json!(said));
    if let Value::Object(fields) = fields {
        object.extend(fields.into_iter().filter(|(_, value)| !value.is_null()));
    }
    Value::Object(object)
}

fn of_differences(found: &ShiftDifferences) -> Value {
    let row = |row: &Row| json!({ "kind": row.kind.name(), "approved_amount": row.amount, "state": row.state.name() });
    let page = |page: &Page| {
        let differences = page.differences.iter().map(|one| {
            json!({
                "stan": one.stan, "differs": one.what(),
                "here": one.here.as_ref().map(row), "there": one.there.as_ref().map(row),
            })
        });
        json!({ "from": page.from, "to": page.to, "differences": differences.collect::<Value>() })
    };
    json!({ "shift": found.shift, "pages": found.pages.iter().map(page).collect::<Value>() })
}

fn of_tender(tender: &TenderLine) -> Value {
    json!({ "kind": tender.kind.name(), "amount": tender.amount.get(), "reference": tender.reference.as_ref().map(|text| text.as_str()) })
}

fn of_slip(slip: &Slip) -> Value {
    let mut fields = of_answer(&slip.answer);
    let more = json!({
        "approved": slip.is_approved(),
        "verdict": slip.verdict.map(|verdict| format!("{verdict:?}").to_lowercase()),
        "mark": slip.mark.map(|mark| match mark {
            Mark::Training => "training",
            Mark::Duplicate => "duplicate",
            Mark::Late => "late",
            Mark::Offline => "offline",
            Mark::Forwarded => "forwarded",
        }),
        "amount": slip.amount,
        "cashier": slip.cashier,
        "shift": slip.shift,
        "order": slip.order,
        "tenders": (!slip.tenders.is_empty()).then(|| slip.tenders.iter().map(of_tender).collect::<Vec<_>>()),
        "original": slip.original,
        "to": slip.to.map(|card| card.digits().to_string()),
        "own_totals": (slip.kind == MessageType::RECONCILIATION).then(|| of_totals(&slip.own_totals)),
        "receipt": slip.hash,
        "undone_by": slip.undone_by,
    });
    fields.insert("kind".into(), json!(slip.kind.name()));
    if let Value::Object(more) = more {
        fields.extend(more);
    }
    Value::Object(fields)
}

fn of_answer(answer: &Answer) -> Map<String, Value> {
    let explanation = answer.explanation.as_ref().map(|lines| {
        let line = |line: &protocol::answer::Explanation| {
            json!({
                "rule": line.rule.as_str(), "kind": kind_name(line.kind), "base": line.base,
                "rate": line.rate.as_str(), "result": line.result, "notes": notes(line),
            })
        };
        lines.iter().map(line).collect::<Value>()
    });
    let fields = json!({
        "kind": answer.kind.name(),
        "code": answer.code.to_string(),
        "name": answer.code.name(),
        "detail": answer.detail.as_ref().map(|detail| detail.as_str()),
        "advice": advice(answer.code),
        "stan": answer.stan.map(|stan| stan.get()),
        "reference": answer.reference,
        "business_date": answer.business_date.map(|date| date.to_string()),
        "card": answer.card.map(|card| card.digits().to_string()),
        "cards": answer.cards.as_ref().map(|cards| {
            cards.as_slice().iter().map(|card| json!(card.digits().to_string())).collect::<Value>()
        }),
        "approved_amount": answer.approved_amount.map(TotalMinor::get),
        "balances": answer.balances.as_ref().map(of_balances),
        "changes": answer.changes.as_ref().map(of_balances),
        "explanation": explanation,
        "next_step": answer.next_step.map(|step| json!({ "missing": step.missing.get(), "bonus": step.bonus.get() })),
        "state": answer.state.map(protocol::field::TransactionState::name),
        "shortfall": answer.shortfall.map(TotalMinor::get),
        "tries_left": answer.tries_left,
        "held": answer.hold.map(|hold| hold.held.get()),
        "totals": answer.totals.as_ref().map(|totals| of_totals(&rows(totals))),
    });
    let (Value::Object(mut fields), Value::Object(member)) = (fields, of_member(answer)) else {
        return Map::new();
    };
    fields.extend(member);
    fields
}

/// Keys 39 to 48.
fn of_member(answer: &Answer) -> Value {
    let seconds = |time: UnixSeconds| time.get();
    json!({
        "discount": answer.discount.map(TotalMinor::get),
        "uses_left": answer.uses_left.map(Count::get),
        "tier": answer.tier.map(|tier| json!({
            "tier": tier.tier.as_str(), "name": tier.name.as_str(), "until": tier.until.map(seconds),
        })),
        "progress": answer.progress.as_ref().map(|all| all.iter().map(|one| json!({
            "tier": one.tier.as_str(), "route": one.route, "measure": one.measure.name(),
            "so_far": one.so_far, "needed": one.needed,
        })).collect::<Value>()),
        "coming": answer.coming.as_ref().map(|all| all.as_slice().iter().map(|one| json!({
            "time": one.time.get(), "kind": kind_name(one.kind), "amount": one.amount.get(),
            "what": one.what.name(),
        })).collect::<Value>()),
        "entitlements": answer.entitlements.as_ref().map(|all| all.iter().map(|one| json!({
            "entitlement": one.entitlement.as_str(), "name": one.name.as_str(),
            "uses_left": one.uses_left.map(Count::get),
        })).collect::<Value>()),
        "catalogue": answer.catalogue.as_ref().map(|all| all.as_slice().iter().map(|one| json!({
            "item": one.item.as_str(), "name": one.name.as_str(), "kind": kind_name(one.kind),
            "points": one.points.get(), "pieces_left": one.pieces_left.map(Count::get),
        })).collect::<Value>()),
        "more": answer.more,
        "joined": answer.joined.map(|joined| joined.to_string()),
        "ranks": answer.ranks.as_ref().map(|all| all.iter().map(|one| json!({
            "leaderboard": one.board.as_str(), "name": one.name.as_str(), "measure": one.measure.name(),
            "until": one.until.to_string(), "count": one.count.get(), "rank": one.rank.map(Count::get),
            "members": one.members.get(), "title": one.title.map(|title| title.as_str().to_owned()),
        })).collect::<Value>()),
    })
}

fn of_balances(balances: &Balances) -> Value {
    Value::Object(balances.iter().map(|(kind, number)| (kind_name(*kind), json!(number))).collect())
}

fn of_totals(rows: &[(MessageType, u32, i64)]) -> Value {
    let row = |(kind, count, sum): &(MessageType, u32, i64)| json!({ "kind": kind.name(), "count": count, "amount": sum });
    rows.iter().map(row).collect()
}
