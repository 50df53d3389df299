//! Amounts that are set aside.

use super::super::sheet::{Draft, Hold};
use super::super::world::{HOLD_HOURS, MOST};
use super::{CAPTURED, Deed, Done, Entry, IN_PART, LAPSED, LIVE, Occasion, Outcome, Paper, REFUNDED, Said};
use super::{no, no_because, yes};

const MOST_HOLDS: usize = 16;
const MOST_PARTS: usize = 64;

/// Entry that opened a hold, its end, what was captured of it, and what is held in which lots.
pub(in super::super) type HeldNow<'a> = (u64, i64, i64, &'a [(usize, i64)]);

impl Paper {
    /// What was captured of a hold, and stands.
    pub(super) fn captured(&self, opener: usize) -> i64 {
        let entries = self.slips.iter().filter_map(|slip| slip.entry.as_ref());
        let stands = |entry: &&Entry| matches!(entry.state, LIVE | REFUNDED | IN_PART);
        entries
            .filter(stands)
            .filter(|entry| matches!(entry.deed, Deed::Paid { hold: Some((of, _)), .. } if of == opener))
            .map(|entry| entry.amount)
            .sum()
    }

    pub(super) fn authorize(
        &self,
        card: usize,
        amount: i64,
        partial: bool,
        raises: Option<usize>,
        at: Occasion,
    ) -> Outcome {
        self.usable(card)?;
        let mut draft = self.draft(card, at);
        let mut present = None;
        if let Some(of) = raises {
            // An answer to an authorize has no key 15; what undoes or closes is no authorize.
            let entry = self.near(of, true, at).map_err(|said| match said.state {
                None => no(25),
                Some(_) => Said { state: None, ..said },
            })?;
            if entry.message != 0x1A || entry.card != card {
                return Err(no(25));
            }
            present = draft.sheet.holds.iter().position(|hold| hold.request == of);
            if entry.state != LIVE || present.is_none() {
                return Err(no_because(12, if draft.lapsed.contains(&of) { LAPSED } else { entry.state }));
            }
        }
        if present.map_or(0, |hold| draft.sheet.holds[hold].held()) + amount > MOST {
            return Err(no(61));
        }
        let held = amount.min(draft.payable());
        if held == 0 || held < amount && !partial {
            return Err(no(51));
        }
        let chosen = draft.choose(card, held);
        let hold = present.unwrap_or(draft.sheet.holds.len());
        if present.is_none() {
            let ends = at.now + HOLD_HOURS[card] * 3600;
            let opened = Hold { request: at.request, index: at.index, ends, parts: Vec::new() };
            draft.sheet.holds.push(opened);
        }
        draft.sheet.holds[hold].parts.extend(chosen);
        if hold >= MOST_HOLDS || draft.sheet.holds[hold].parts.len() > MOST_PARTS {
            return Err(no(12));
        }
        let code = if held < amount { 10 } else { 0 };
        let deed = Deed::Held { raised: raises };
        Ok(Done { said: Said { code, ..yes(held) }, card, draft, deed })
    }

    pub(super) fn capture(&mut self, of: usize, amount: i64, more: bool, at: Occasion) -> Outcome {
        let entry = self.near(of, true, at)?;
        let Deed::Held { raised } = entry.deed else { return Err(no_because(12, entry.state)) };
        if entry.state != LIVE || raised.is_some() {
            return Err(no_because(12, entry.state));
        }
        let card = entry.card;
        let mut draft = self.draft(card, at);
        let Some(hold) = draft.sheet.holds.iter().position(|hold| hold.request == of) else {
            return Err(no_because(12, LAPSED));
        };
        let mut held = draft.sheet.holds.remove(hold);
        if amount > MOST || amount > held.held() {
            return Err(no(61));
        }
        let (mut missing, mut taken, mut left) = (amount, Vec::new(), Vec::new());
        for (lot, part) in &held.parts {
            let now = missing.min(*part);
            missing -= now;
            taken.extend((now > 0).then_some((*lot, now)));
            left.extend((*part > now).then_some((*lot, part - now)));
        }
        let ends = held.ends;
        held.parts = left;
        let over = held.parts.is_empty() || !more;
        if !over {
            draft.sheet.holds.insert(hold, held);
        }
        let deed = self.pay(&mut draft, taken, amount, Some((of, ends)), at);
        if over {
            self.entry_mut(of).state = CAPTURED;
        }
        Ok(Done { said: yes(amount), card, draft, deed })
    }

    /// What a capture took is held again, in front, unless the hold's time is over or somebody has ended it.
    pub(super) fn hold_again(&mut self, draft: &mut Draft, opener: usize, ends: i64, parts: &[(usize, i64)]) {
        let state = self.entry(opener).state;
        if ends <= draft.now || !matches!(state, LIVE | CAPTURED) {
            return;
        }
        let index = self.entry(opener).index;
        self.entry_mut(opener).state = LIVE;
        let holds = &mut draft.sheet.holds;
        let at = holds.iter().position(|hold| hold.request == opener).unwrap_or_else(|| {
            holds.push(Hold { request: opener, index, ends, parts: Vec::new() });
            holds.len() - 1
        });
        let rest = std::mem::take(&mut holds[at].parts);
        // Neighbours from the same lot are one part.
        for (lot, amount) in parts.iter().copied().chain(rest) {
            match holds[at].parts.last_mut() {
                Some(last) if last.0 == lot => last.1 += amount,
                _ => holds[at].parts.push((lot, amount)),
            }
        }
    }

    /// Of a card, every hold: entry, end, what was captured and what is held, by lot.
    pub(in super::super) fn holds(&self, card: usize) -> Vec<HeldNow<'_>> {
        let holds = self.sheets[card].holds.iter();
        let mut holds: Vec<_> = holds
            .map(|hold| (hold.index, hold.ends, self.captured(hold.request), hold.parts.as_slice()))
            .collect();
        holds.sort_by_key(|hold| hold.0);
        holds
    }
}

/// Takes `amount` from the end of a hold; false when nothing would be left.
pub(super) fn shorten(hold: &mut Hold, amount: i64) -> bool {
    if hold.held() <= amount {
        return false;
    }
    let mut missing = amount;
    while missing > 0 {
        let last = hold.parts.last_mut().expect("more is held than that");
        let part = missing.min(last.1);
        (missing, last.1) = (missing - part, last.1 - part);
        if last.1 == 0 {
            hold.parts.pop();
        }
    }
    true
}
