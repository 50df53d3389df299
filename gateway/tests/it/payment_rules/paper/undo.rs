//! Voids and reversals.

use super::super::calendar::points_end;
use super::super::sheet::{Account, Draft, Line, POINTS, Status};
use super::super::world::PAY_WITH_POINTS;
use super::holds::shorten;
use super::{
    BLOCKED, DECLINED, Deed, Done, Entry, IN_PART, LAPSED, LIVE, Occasion, Outcome, Paper, REVERSED, Said,
};
use super::{VOIDED, counts, no, no_because, yes};

impl Paper {
    pub(super) fn void(&mut self, of: usize, at: Occasion) -> Outcome {
        let entry = self.near(of, true, at)?;
        if entry.state != LIVE {
            return Err(no_because(12, entry.state));
        }
        if matches!(entry.deed, Deed::Held { raised: Some(_) }) {
            return Err(no_because(12, LIVE));
        }
        let dated = counts(entry.message) && entry.message != 0x10;
        if dated && self.is_closed(self.slips[of].till, entry.shift) {
            return Err(no_because(12, LIVE));
        }
        self.undo(of, VOIDED, at)
    }

    pub(super) fn reverse(&mut self, of: usize, at: Occasion) -> Outcome {
        if self.slips[of].till != self.slips[at.request].till || of >= at.request {
            return Err(no(25));
        }
        let unchanged = |state, amount| Err(Said { code: 0, amount, state: Some(state) });
        if self.slips[of].entry.is_none() || self.slips[of].blocked {
            self.slips[of].blocked = true;
            return unchanged(BLOCKED, None);
        }
        let entry = self.entry(of);
        match entry.state {
            _ if matches!(entry.deed, Deed::Final) => Err(no(12)),
            DECLINED => unchanged(DECLINED, None),
            REVERSED | VOIDED => unchanged(entry.state, Some(0)),
            LIVE => self.undo(of, REVERSED, at),
            other => Err(no_because(12, other)),
        }
    }

    fn undo(&mut self, of: usize, state: u8, at: Occasion) -> Outcome {
        let original = self.entry(of).clone();
        let card = original.card;
        let mut draft = self.draft(card, at);
        let stands = |code, state| Err(no_because(code, state));
        let mut amount = original.amount;
        match original.deed.clone() {
            Deed::Activated => {
                if draft.sheet.was_loaded || draft.sheet.status != Status::Active {
                    return stands(12, LIVE);
                }
                draft.sheet.status = Status::Issued;
            }
            Deed::Loaded { .. } | Deed::Paid { .. } => {
                if !mirror(&mut draft, &original) {
                    return stands(51, LIVE);
                }
            }
            Deed::Refund { of: refunded } => {
                if refunded.iter().any(|(load, _)| self.entry(*load).refunds.last() != Some(&of)) {
                    return stands(12, LIVE);
                }
                if !mirror(&mut draft, &original) {
                    return stands(51, LIVE);
                }
            }
            Deed::Held { raised } => {
                let opener = raised.unwrap_or(of);
                let Some(at) = draft.sheet.holds.iter().position(|hold| hold.request == opener) else {
                    return stands(12, if raised.is_some() { LIVE } else { LAPSED });
                };
                if self.captured(opener) > 0 && state == REVERSED {
                    return stands(12, LIVE);
                }
                let hold = &mut draft.sheet.holds[at];
                if raised.is_none() {
                    amount = hold.held();
                    draft.sheet.holds.remove(at);
                } else if !shorten(hold, amount) {
                    return stands(12, LIVE);
                }
            }
            Deed::Nothing | Deed::Final => unreachable!("answered before"),
        }
        // A person does not leave more points owed where points are money.
        if state == VOIDED && draft.debt > 0 && PAY_WITH_POINTS[card] {
            return stands(51, LIVE);
        }
        self.entry_mut(of).state = state;
        match original.deed {
            Deed::Paid { parts, hold: Some((opener, ends)), .. } => {
                self.hold_again(&mut draft, opener, ends, &parts);
            }
            Deed::Refund { of: refunded } => {
                for (original, amount) in refunded {
                    let original = self.entry_mut(original);
                    original.refunded -= amount;
                    original.state = if original.refunded == 0 { LIVE } else { IN_PART };
                }
            }
            _ => {}
        }
        self.count(self.slips[of].till, original.shift, original.message, -1, -original.amount);
        let said = Said { state: Some(state), ..yes(amount) };
        Ok(Done { said, card, draft, deed: Deed::Final })
    }
}

/// Every line with its sign turned; false when money that it gave is not there any more.
fn mirror(draft: &mut Draft, original: &Entry) -> bool {
    // What it took goes back first.
    let took = |line: &&Line| matches!(line, Line::Lot(_, amount) if *amount < 0);
    let gave = original.lines.iter().filter(|line| !took(line));
    let refund = matches!(original.deed, Deed::Refund { .. });
    for line in original.lines.iter().filter(took).chain(gave) {
        match *line {
            Line::Named(Account::PointsOwed, _) => {}
            Line::Named(account, amount) => draft.named(account, -amount),
            Line::Lot(lot, amount) if amount < 0 => draft.lot(lot, -amount),
            // Points that came back with a refund are worth something: they must be there, like money.
            Line::Lot(lot, amount) if draft.sheet.lots[lot].kind == POINTS && !refund => {
                draft.take_points(Some(lot), amount);
            }
            Line::Lot(lot, amount) => {
                if draft.sheet.free(lot) < amount {
                    return false;
                }
                draft.lot(lot, -amount);
            }
        }
    }
    // Points that repaid a debt are owed again; a debt that has been repaid since comes back as points.
    let again = (-original.debt).max(-draft.sheet.debt);
    draft.named(Account::PointsOwed, -again);
    draft.owe(again);
    let repaid = original.debt + again;
    if repaid > 0 {
        draft.credit(POINTS, repaid, Some(points_end(draft.now)), draft.index, 0);
    }
    true
}
