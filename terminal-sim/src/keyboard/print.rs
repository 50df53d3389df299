//! What was said, for people: pure functions of it.

mod differences;
mod members;

use protocol::answer::{Answer, Balances};
use protocol::code::ResponseCode;
use protocol::field::{BalanceKind, CardReference, Stan, TransactionState};
use protocol::frame::MessageType;

use super::advice::advice;
use super::paper::Paper;
use super::said::{Claim, Said, ShiftStanding};
use super::slip::{Mark, Shop, Slip, kind_name, rows};
use crate::terminal::Verdict;

/// What books no money that it was asked for.
const WITHOUT_AMOUNT: &[MessageType] = &[
    MessageType::ACTIVATE,
    MessageType::CHANGE_PIN,
    MessageType::JOIN,
    MessageType::AWARD,
    MessageType::REDEEM,
    MessageType::USE_ENTITLEMENT,
];
const TRAINING: &str = "*** TRAINING *** TRAINING *** TRAINING ***";

/// The text of what was said, with its line ends.
pub(super) fn text(said: &Said, shop: &Shop) -> String {
    match said {
        Said::Note(note) | Said::AsExpected(note) => line(note),
        Said::Slip(slip) => receipt(slip, shop),
        Said::Claim(claim) => claim_slip(claim, shop),
        Said::Asked(answer) => asked(answer, shop),
        Said::Standing { stan, answer, state } => standing(*stan, answer, *state, shop),
        Said::Report(report) => shift_report(report, shop),
        Said::Differences(found) => differences::text(found, shop),
        Said::Refused(why) => line(&format!("Refused here, nothing was sent: {why}")),
        Said::NotUnderstood(why) => line(&format!("Not understood: {why}")),
        Said::NotAsExpected(why) => line(&format!("NOT AS EXPECTED: {why}")),
        Said::Unanswered { stan, code, why } => unanswered(*stan, *code, why),
        Said::Bye => String::new(),
    }
}

fn line(text: &str) -> String {
    format!("{}\n", text.trim_end())
}

fn receipt(slip: &Slip, shop: &Shop) -> String {
    let mut paper = Paper::default();
    let answer = &slip.answer;
    head(&mut paper, shop);
    if slip.mark == Some(Mark::Duplicate) {
        paper.centred("*** DUPLICATE ***");
    }
    training(&mut paper, slip);
    offline(&mut paper, slip);
    paper.rule();
    paper.pair(&title(slip.kind), &shop.terminal);
    optional(&mut paper, "STAN", answer.stan.map(Stan::get));
    optional(&mut paper, "Reference", answer.reference);
    optional(&mut paper, "Business date", answer.business_date);
    optional(&mut paper, "Shift", slip.shift);
    optional(&mut paper, "Cashier", slip.cashier.as_ref());
    optional(&mut paper, "Order", slip.order.as_ref());
    optional(&mut paper, "Of STAN", slip.original);
    optional(&mut paper, "Card", answer.card.map(grouped));
    optional(&mut paper, "To card", slip.to.map(grouped));
    optional(&mut paper, "Amount", slip.amount.map(|amount| shop.unit.show(amount)));
    match &slip.tenders[..] {
        [only] => optional(&mut paper, "Paid with", Some(only.kind.name())),
        several => {
            for tender in several {
                let amount = shop.unit.show(tender.amount.get());
                optional(&mut paper, "Paid with", Some(format!("{} {amount}", tender.kind.name())));
            }
        }
    }
    for reference in slip.tenders.iter().filter_map(|tender| tender.reference.as_ref()) {
        optional(&mut paper, "Its reference", Some(reference));
    }
    paper.rule();
    outcome(&mut paper, slip, shop);
    money(&mut paper, answer, shop);
    if slip.kind == MessageType::RECONCILIATION {
        both_totals(&mut paper, &slip.own_totals, answer, shop);
        if answer.totals.is_some() {
            paper.wrapped("What follows is the next shift's.");
        }
    }
    training(&mut paper, slip);
    offline(&mut paper, slip);
    if let Some(hash) = &slip.hash {
        paper.rule();
        paper.pair("Receipt", hash);
    }
    paper.finish()
}

fn head(paper: &mut Paper, shop: &Shop) {
    for name in [&shop.merchant, &shop.store] {
        if !name.is_empty() {
            paper.centred(name);
        }
    }
}

fn training(paper: &mut Paper, slip: &Slip) {
    if slip.mark == Some(Mark::Training) {
        paper.centred(TRAINING);
    }
}

fn offline(paper: &mut Paper, slip: &Slip) {
    if slip.mark == Some(Mark::Offline) {
        paper.centred("*** OFFLINE ***");
    }
}

/// What a customer takes along whose money is in and was not credited.
fn claim_slip(claim: &Claim, shop: &Shop) -> String {
    let mut paper = Paper::default();
    head(&mut paper, shop);
    paper.rule();
    paper.pair("CLAIM", &claim.number);
    paper.pair("Money taken", &shop.unit.show(claim.amount));
    optional(&mut paper, "For card", claim.card.map(grouped));
    optional(&mut paper, "Load without answer", claim.load);
    paper.rule();
    paper.wrapped(
        "This money was taken and not credited. Keep this slip: the office pays against its number.",
    );
    if claim.away {
        paper.wrapped("The gateway cannot be reached. It hears of this claim as soon as it is back.");
    }
    paper.finish()
}

fn optional<T: std::fmt::Display>(paper: &mut Paper, name: &str, value: Option<T>) {
    if let Some(value) = value {
        paper.pair(name, &value.to_string());
    }
}

/// What the person must know first, in capitals; then why, and what to do.
fn outcome(paper: &mut Paper, slip: &Slip, shop: &Shop) {
    let answer = &slip.answer;
    let amount = answer.approved_amount.filter(|_| slip.is_approved()).map(|amount| amount.get());
    let amount = amount.filter(|_| !WITHOUT_AMOUNT.contains(&slip.kind));
    paper.pair(&headline(slip), &amount.map(|amount| shop.unit.show(amount)).unwrap_or_default());
    if !answer.code.is_approval() {
        paper.wrapped(&format!("{} {}", answer.code, answer.code.name()));
    }
    if let Some(detail) = &answer.detail {
        paper.wrapped(detail.as_str());
    }
    if let Some(state) = answer.state {
        paper.pair("The original is now", state.name());
    }
    if let Some(advice) = advice(answer.code) {
        paper.wrapped(advice);
    }
    if slip.mark == Some(Mark::Late) {
        paper.wrapped("The answer had been lost; the same bytes were sent again.");
    }
    if slip.mark == Some(Mark::Offline) {
        paper.wrapped("Approved here, within the grant. The gateway hears of it when it is back.");
    }
    if slip.mark == Some(Mark::Forwarded) {
        paper.wrapped("This offline sale has been forwarded to the gateway.");
    }
    let short = answer.shortfall.filter(|short| short.get() > 0);
    optional(paper, "Not paid by the card", short.map(|short| shop.unit.show(short.get())));
    optional(paper, "PIN tries left", answer.tries_left);
    if let Some(stan) = slip.undone_by {
        paper.wrapped(&format!("UNDONE by STAN {stan}."));
    }
}

fn headline(slip: &Slip) -> String {
    let code = slip.answer.code;
    let plain = match (slip.verdict, slip.kind) {
        (Some(Verdict::NotReversed), _) => "NOT REVERSED, IT STANDS",
        (Some(Verdict::Reversed), kind) if kind != MessageType::REVERSAL => "NO LONGER VALID",
        (_, MessageType::RECONCILIATION) if code == ResponseCode::APPROVED => "SHIFT CLOSED, TOTALS AGREE",
        (_, MessageType::RECONCILIATION) if code == ResponseCode::TOTALS_DIFFER => {
            "SHIFT CLOSED, TOTALS DIFFER"
        }
        (_, MessageType::REVERSAL) if code.is_approval() => match slip.answer.state {
            Some(TransactionState::BLOCKED) => "NEVER ARRIVED, NEVER WILL",
            Some(TransactionState::DECLINED) => "NOTHING TO UNDO",
            _ => "REVERSED",
        },
        (_, MessageType::VOID) if code.is_approval() => "VOIDED",
        (_, MessageType::CHANGE_PIN) if code.is_approval() => "PIN SET",
        (_, MessageType::CASH_TAKEN) if code.is_approval() => "CLAIM RECORDED",
        (_, MessageType::JOIN) if code.is_approval() => "WELCOME",
        _ if slip.mark == Some(Mark::Offline) => "APPROVED OFFLINE",
        _ if code == ResponseCode::APPROVED => "APPROVED",
        _ if code == ResponseCode::APPROVED_IN_PART => "APPROVED IN PART",
        _ => "DECLINED",
    };
    plain.to_owned()
}

/// Discount, changes, balances, hold, why, and what a member has.
fn money(paper: &mut Paper, answer: &Answer, shop: &Shop) {
    optional(paper, "Discount", answer.discount.map(|discount| shop.unit.show(discount.get())));
    balances(paper, "Changes", answer.changes.as_ref(), |kind, change| value(shop, kind, change, true));
    balances(paper, "Balances", answer.balances.as_ref(), |kind, balance| value(shop, kind, balance, false));
    if let Some(hold) = &answer.hold {
        paper.pair("Still held", &shop.unit.show(hold.held.get()));
    }
    let lines = answer.explanation.as_ref().map(|lines| &lines[..]).unwrap_or_default();
    if !lines.is_empty() {
        paper.wrapped("Why");
    }
    for line in lines {
        members::reason(paper, line, answer.kind, shop);
    }
    members::member(paper, answer, shop);
}

fn balances(
    paper: &mut Paper,
    name: &str,
    all: Option<&Balances>,
    show: impl Fn(BalanceKind, i64) -> String,
) {
    let Some(all) = all.filter(|all| !all.is_empty()) else { return };
    paper.wrapped(name);
    for (kind, number) in all {
        paper.pair(&format!("  {}", kind_name(*kind)), &show(*kind, *number));
    }
}

/// Points are counted, the rest is money.
fn value(shop: &Shop, kind: BalanceKind, number: i64, signed: bool) -> String {
    match (kind.is_points(), signed) {
        (true, true) => format!("{number:+}"),
        (true, false) => number.to_string(),
        (false, true) => shop.unit.show_change(number),
        (false, false) => shop.unit.show(number),
    }
}

fn both_totals(paper: &mut Paper, own: &[(MessageType, u32, i64)], answer: &Answer, shop: &Shop) {
    let host = answer.totals.as_ref().map(rows).unwrap_or_default();
    totals(paper, "Counted by the gateway", &host, shop);
    if own != host {
        totals(paper, "Counted here", own, shop);
    }
}

fn totals(paper: &mut Paper, name: &str, rows: &[(MessageType, u32, i64)], shop: &Shop) {
    paper.wrapped(name);
    if rows.is_empty() {
        paper.pair("  nothing", "");
    }
    for (kind, count, sum) in rows {
        paper.pair(&format!("  {:<13} {count:>6}", kind.name()), &shop.unit.show(*sum));
    }
}

/// The answer to a quote, a price or a balance: no transaction, so no STAN and no proof.
fn asked(answer: &Answer, shop: &Shop) -> String {
    let mut paper = Paper::default();
    paper.rule();
    paper.pair(&title(answer.kind), &shop.terminal);
    optional(&mut paper, "Business date", answer.business_date);
    optional(&mut paper, "Card", answer.card.map(grouped));
    for card in answer.cards.iter().flat_map(|cards| cards.as_slice()) {
        paper.pair("Card", &grouped(*card));
    }
    if answer.code.is_approval() {
        optional(&mut paper, "Would be approved", answer.approved_amount.map(|a| shop.unit.show(a.get())));
        money(&mut paper, answer, shop);
    } else {
        paper.wrapped(&format!("DECLINED {} {}", answer.code, answer.code.name()));
        optional(&mut paper, "PIN tries left", answer.tries_left);
    }
    if let Some(detail) = &answer.detail {
        paper.wrapped(detail.as_str());
    }
    if let Some(advice) = advice(answer.code).filter(|_| !answer.code.is_approval()) {
        paper.wrapped(advice);
    }
    if let Some(step) = &answer.next_step {
        let (missing, bonus) = (shop.unit.show(step.missing.get()), shop.unit.show(step.bonus.get()));
        paper.wrapped(&format!("With {missing} more the bonus is {bonus}."));
    }
    paper.finish()
}

fn standing(stan: Stan, answer: &Answer, state: Option<TransactionState>, shop: &Shop) -> String {
    let mut paper = Paper::default();
    paper.rule();
    paper.pair(&title(answer.kind), &shop.terminal);
    paper.pair("STAN", &stan.to_string());
    match state {
        Some(state) => {
            paper.pair("State", state.name());
            paper.wrapped(meaning(state));
        }
        None => {
            paper.wrapped(&format!("{} {}", answer.code, answer.code.name()));
            if let Some(advice) = advice(answer.code) {
                paper.wrapped(advice);
            }
        }
    }
    let stored = answer.stored_answer.as_ref().and_then(|stored| Answer::decode(stored.as_bytes()).ok());
    if let Some(stored) = stored {
        paper.pair(&format!("{} was answered", stored.kind), &stored.code.to_string());
        optional(&mut paper, "Reference", stored.reference);
        optional(&mut paper, "Approved amount", stored.approved_amount.map(|a| shop.unit.show(a.get())));
    }
    paper.finish()
}

/// What a state means at the counter (section 8.3).
const fn meaning(state: TransactionState) -> &'static str {
    match state {
        TransactionState::UNKNOWN => "It never arrived. Send it again, or reverse it.",
        TransactionState::LIVE => "It stands.",
        TransactionState::REVERSED | TransactionState::VOIDED => "It was undone.",
        TransactionState::REFUNDED => "All of it was given back.",
        TransactionState::DECLINED => "It was declined, nothing was booked.",
        TransactionState::BLOCKED => "It never arrived, and never will be applied.",
        TransactionState::REFUNDED_IN_PART => "It stands, a part was given back.",
        TransactionState::CAPTURED => "The hold is over, it was captured.",
        TransactionState::LAPSED => "The hold's time is over, what was left is free.",
        _ => "This terminal does not know that state.",
    }
}

fn shift_report(report: &ShiftStanding, shop: &Shop) -> String {
    let mut paper = Paper::default();
    head(&mut paper, shop);
    paper.rule();
    paper.pair("X REPORT", &shop.terminal);
    optional(&mut paper, "Business date", report.answer.business_date);
    paper.pair("Shift", &report.shift.to_string());
    paper.pair("The shift is", if report.closed { "closed" } else { "open" });
    paper.rule();
    both_totals(&mut paper, &report.own_totals, &report.answer, shop);
    paper.rule();
    for one in &report.transactions {
        let amount = one.amount.map(|amount| shop.unit.show(amount.get())).unwrap_or_default();
        paper.pair(&format!("{:>5} {:<14} {}", one.stan, one.kind.name(), one.code), &amount);
        if one.state != TransactionState::LIVE && one.state != TransactionState::DECLINED {
            paper.pair("", one.state.name());
        }
    }
    let count = report.transactions.len();
    paper.pair("Transactions", &count.to_string());
    paper.finish()
}

fn unanswered(stan: Option<u32>, code: Option<ResponseCode>, why: &str) -> String {
    let head = if code.is_some() { "NOT TAKEN" } else { "NO ANSWER" };
    let mut text = format!("{head}: {why}.\n");
    if let Some(advice) = code.and_then(advice) {
        text.push_str(&line(advice));
    }
    text.push_str(&match stan {
        Some(stan) => format!(
            "STAN {stan} is open: it may have been booked. It is sent again before anything else;\n\
             reverse gives it up. Hand out nothing yet.\n"
        ),
        None => "Nothing was booked. Try again.\n".to_owned(),
    });
    text
}

fn title(kind: MessageType) -> String {
    let name = match kind {
        MessageType::PURCHASE => "SALE",
        MessageType::ADVICE => "OFFLINE SALE",
        MessageType::CHANGE_PIN => "PIN",
        MessageType::CASH_TAKEN => "CLAIM",
        MessageType::CASHIER_SIGN_ON => "SIGN-ON",
        MessageType::LOAD_QUOTE => "QUOTE",
        MessageType::PURCHASE_QUOTE => "PRICE",
        MessageType::BALANCE_INQUIRY => "BALANCE",
        MessageType::TRANSACTION_STATUS => "STATUS",
        MessageType::RECONCILIATION => "Z REPORT",
        MessageType::USE_ENTITLEMENT => "ENTITLEMENT",
        MessageType::MEMBER_INQUIRY => "MEMBER",
        MessageType::CARD_LOOKUP => "LOOK-UP",
        kind => kind.name(),
    };
    name.to_uppercase()
}

/// `9766 3380 8328 4777`.
fn grouped(card: CardReference) -> String {
    let digits = card.digits().to_string();
    let groups = digits.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group).into_owned());
    groups.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
