//! What a printed receipt says, before it is laid out.

use protocol::answer::{Answer, Explanation};
use protocol::code::ResponseCode;
use protocol::field::{
    AmountMinor, BalanceKind, CardReference, Notes, Role, Stan, TenderLine, TotalMinor, UnixSeconds,
};
use protocol::frame::MessageType;

use super::money::Unit;
use super::roll::Kept;
use crate::terminal::{Details, Verdict};

/// The head of every receipt, and what amounts are counted in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shop {
    /// Of the sign-on answer; empty if it named none.
    pub merchant: String,
    /// Of the sign-on answer; empty if it named none.
    pub store: String,
    /// The terminal's name.
    pub terminal: String,
    /// What the terminal is for.
    pub role: Role,
    /// Of the terminal's currency.
    pub unit: Unit,
}

/// What stands across a receipt that is not the first print of an answer that came at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Nothing was booked.
    Training,
    /// Printed again.
    Duplicate,
    /// Its answer had been lost: the same bytes were sent again.
    Late,
    /// The terminal approved it by itself; the gateway does not know of it yet.
    Offline,
    /// The gateway has it now.
    Forwarded,
}

/// One receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slip {
    /// What it was.
    pub kind: MessageType,
    /// What was asked for, in minor units.
    pub amount: Option<i64>,
    /// Key 8 of the request.
    pub cashier: Option<String>,
    /// Key 9.
    pub shift: Option<u32>,
    /// Key 10.
    pub order: Option<String>,
    /// Key 21.
    pub tenders: Vec<TenderLine>,
    /// The STAN of key 23.
    pub original: Option<u32>,
    /// Key 33.
    pub to: Option<CardReference>,
    /// What the terminal counted: a Reconciliation.
    pub own_totals: Vec<(MessageType, u32, i64)>,
    /// The answer.
    pub answer: Answer,
    /// The first digits of the hash of the journal's receipt.
    pub hash: Option<String>,
    /// What stands across it.
    pub mark: Option<Mark>,
    /// What the answer came to; `None` on a duplicate, which tells the answer alone.
    pub verdict: Option<Verdict>,
    /// The STAN of what undid it, as far as this terminal did that.
    pub undone_by: Option<u32>,
}

impl Slip {
    /// The receipt of a final answer.
    pub(super) fn of(kept: &Kept, verdict: Option<Verdict>, mark: Option<Mark>) -> Slip {
        let (header, body) = (&kept.request.header, &kept.request.body);
        let own_totals = match body {
            protocol::request::Body::Reconciliation { totals } => rows(totals),
            _ => Vec::new(),
        };
        let to = match body {
            protocol::request::Body::Transfer { to, .. } => Some(*to),
            _ => None,
        };
        Slip {
            kind: kept.request.kind(),
            amount: body.amount().map(AmountMinor::get),
            cashier: header.cashier.map(|cashier| cashier.to_string()),
            shift: header.shift.map(|shift| shift.get()),
            order: header.order_reference.map(|order| order.to_string()),
            tenders: body.tenders().map(|tenders| tenders.to_vec()).unwrap_or_default(),
            original: body.original().map(|original| original.stan.get()),
            to,
            own_totals,
            answer: kept.answer.clone(),
            hash: Some(kept.short_hash.clone()),
            mark,
            verdict,
            undone_by: None,
        }
    }

    /// What a sale prints that the terminal approved by itself.
    pub(super) fn offline(
        stan: Stan,
        (card, amount): (CardReference, AmountMinor),
        details: &Details,
        time: UnixSeconds,
    ) -> Slip {
        let approved = Answer {
            stan: Some(stan),
            card: Some(card),
            approved_amount: TotalMinor::new(amount.get()),
            ..Answer::new(MessageType::ADVICE, ResponseCode::APPROVED, time)
        };
        Slip {
            kind: MessageType::ADVICE,
            amount: Some(amount.get()),
            cashier: details.cashier.map(|cashier| cashier.to_string()),
            shift: details.shift.map(|shift| shift.get()),
            order: details.order_reference.map(|order| order.to_string()),
            tenders: Vec::new(),
            original: None,
            to: None,
            own_totals: Vec::new(),
            answer: approved,
            hash: None,
            mark: Some(Mark::Offline),
            verdict: Some(Verdict::Approved),
            undone_by: None,
        }
    }

    /// What a sale or load would have printed, made of a quote. `part` says whether a part would have been taken.
    pub(super) fn training(
        kind: MessageType,
        (amount, tenders): (i64, Vec<TenderLine>),
        details: &Details,
        quoted: Answer,
        part: bool,
    ) -> Slip {
        let mut answer = Answer { quote: None, next_step: None, ..quoted };
        if answer.code == ResponseCode::APPROVED_IN_PART && !part {
            answer.code = ResponseCode::NOT_SUFFICIENT_FUNDS;
        }
        if answer.code.is_approval() {
            let changes = answer.changes.clone().unwrap_or_default();
            let balances = answer.balances.get_or_insert_default();
            for (kind, change) in changes {
                let balance = balances.entry(kind).or_default();
                *balance = balance.saturating_add(change);
            }
        } else {
            (answer.approved_amount, answer.balances, answer.changes) = (None, None, None);
            answer.discount = None;
            answer.explanation = None;
        }
        let verdict = if answer.code.is_approval() { Verdict::Approved } else { Verdict::Declined };
        Slip {
            kind,
            amount: Some(amount),
            cashier: details.cashier.map(|cashier| cashier.to_string()),
            shift: details.shift.map(|shift| shift.get()),
            order: details.order_reference.map(|order| order.to_string()),
            tenders,
            original: None,
            to: None,
            own_totals: Vec::new(),
            answer,
            hash: None,
            mark: Some(Mark::Training),
            verdict: Some(verdict),
            undone_by: None,
        }
    }

    /// Whether goods or money may be handed out for it.
    #[must_use]
    pub fn is_approved(&self) -> bool {
        let stands = match self.verdict {
            Some(Verdict::Approved) | None => true,
            Some(Verdict::Reversed) => self.kind == MessageType::REVERSAL,
            Some(_) => false,
        };
        stands && self.answer.code.is_approval()
    }
}

/// Kind, count and sum.
pub(super) fn rows(totals: &protocol::field::Totals) -> Vec<(MessageType, u32, i64)> {
    totals.as_slice().iter().map(|total| (total.kind, total.count, total.amount.get())).collect()
}

/// What else is said of a line of explanation.
pub(super) fn notes(line: &Explanation) -> Vec<&'static str> {
    let comes = line.result > 0;
    let all = [
        (Notes::ROUNDED_DOWN, "rounded down"),
        (Notes::MEMBER_CAP, "cut by the member's cap"),
        (Notes::BUDGET, "cut by a budget"),
        (Notes::PENDING, "pending"),
        (Notes::TAKEN_BACK, if comes { "brought back" } else { "taken back" }),
        (Notes::OWED, if comes { "not there, owed" } else { "pays what was owed" }),
        (Notes::WITHHELD, "withheld"),
        (Notes::TIER, "tier"),
    ];
    all.into_iter().filter(|(bit, _)| line.notes.contains(*bit)).map(|(_, name)| name).collect()
}

/// What a balance of this kind is called.
pub(super) fn kind_name(kind: BalanceKind) -> String {
    if let Some(released) = kind.released() {
        return format!("pending {}", kind_name(released));
    }
    match kind {
        BalanceKind::MONEY | BalanceKind::PRINCIPAL | BalanceKind::BONUS | BalanceKind::POINTS => {
            kind.name().to_owned()
        }
        BalanceKind(number) if kind.is_points() => format!("points {number}"),
        BalanceKind(number) => format!("kind {number}"),
    }
}
