//! Commands about earlier transactions of this terminal, which its roll knows by their STANs.

use protocol::field::{Flags, Original, Reason, Stan};
use protocol::frame::MessageType;
use protocol::request::{Body, RequestSidecar};

use super::command::Command;
use super::counter::{amount, purchase_lines};
use super::roll::Kept;
use super::said::Said;
use super::slip::{Mark, Slip};
use super::{Keyboard, books};
use crate::error::Error;

impl Keyboard {
    /// What names an earlier transaction.
    pub(super) async fn later(&mut self, command: Command) -> Result<Said, Error> {
        let none = RequestSidecar::default();
        match command {
            Command::Raise(minor, stan) => {
                let raises = Some(self.original(stan, "hold", is_hold)?);
                let (card, amount) = (self.reference()?, amount(minor)?);
                self.with_card(Body::Authorize { card, amount, raises }, None).await
            }
            Command::Authorize(minor) => {
                let (card, amount) = (self.reference()?, amount(minor)?);
                self.with_card(Body::Authorize { card, amount, raises: None }, None).await
            }
            Command::Capture { amount: minor, more, stan } => {
                let original = self.original(stan, "hold", is_hold)?;
                let body = Body::Capture { amount: amount(minor)?, tenders: None, lines: None, original };
                self.trade(body, more.then_some(Flags::MORE_CAPTURES), none).await
            }
            Command::Void(stan) => {
                let original = self.original(stan, "transaction", |kind, _| kind.is_reversible())?;
                self.trade(
                    Body::Void { original, reason: Some(Reason::CUSTOMERS_WISH), supervisor: None },
                    None,
                    none,
                )
                .await
            }
            Command::Refund { amount: minor, stan, lines } => {
                let original = self.original(stan, "sale", is_sale)?;
                let reason = Some(Reason::GOODS_RETURNED);
                let (amount, lines) = (amount(minor)?, purchase_lines(lines)?);
                let body = Body::Refund { amount, lines, original, reason, supervisor: None };
                self.trade(body, None, none).await
            }
            Command::Unload(minor) => {
                let (card, amount) = (self.reference()?, amount(minor)?);
                let reason = Some(Reason::CUSTOMERS_WISH);
                self.with_card(Body::Unload { card, amount, reason, supervisor: None }, None).await
            }
            other => Err(Error::Usage(format!("nothing is known about {other:?}"))),
        }
    }

    /// Closes the shift with what the terminal has counted. The next one begins by itself.
    pub(super) async fn close(&mut self) -> Result<Said, Error> {
        let shift = self.shift().and_then(|shift| books::totals(&self.roll, self.generation(), shift));
        let totals = shift.ok_or_else(|| Error::Usage("the sums of this shift are too large".into()))?;
        self.trade(Body::Reconciliation { totals }, None, RequestSidecar::default()).await
    }

    /// Gives up what has no answer; else takes back the newest approval.
    pub(super) async fn reverse(&mut self) -> Result<Vec<Said>, Error> {
        if self.training {
            return Ok(vec![Said::Refused(
                "this is training: nothing was booked that could be reversed".into(),
            )]);
        }
        // First of all: what is the newest by now?
        let mut said = self.ready()?;
        let open = self.terminal.unfinished().last().map(|open| (open.id, Reason::NO_ANSWER));
        let newest = self.newest.map(|id| (id, Reason::CANCELLED));
        let nothing = "there is nothing to reverse: it works on what has no answer, and on the newest approval. \
                       Cancel an earlier one with void";
        let Some((id, reason)) = open.or(newest) else {
            said.push(Said::Refused(nothing.into()));
            return Ok(said);
        };
        match self.terminal.give_up(id, reason).await {
            Ok(()) => {}
            Err(Error::Usage(why)) => {
                said.push(Said::Refused(why));
                return Ok(said);
            }
            Err(error) => return Err(error),
        }
        if self.newest == Some(id) {
            self.newest = None;
        }
        said.push(self.finish(id, None).await?);
        Ok(said)
    }

    /// A stored receipt once more.
    pub(super) fn duplicate(&self, stan: Option<Stan>) -> Said {
        let generation = self.generation();
        let kept = match stan {
            Some(stan) => self.roll.get(generation, stan.get()),
            None => self.roll.of(generation).next_back(),
        };
        let Some(kept) = kept else {
            return Said::Refused("there is no such receipt on this terminal's roll".into());
        };
        let undone_by = books::undone(&self.roll, generation).get(&kept.place().1).copied();
        let slip = Slip::of(kept, None, Some(Mark::Duplicate));
        Said::Slip(Box::new(Slip { undone_by, ..slip }))
    }

    /// The transaction with this STAN; without one the newest that fits, was approved, and was not undone.
    fn original(
        &self,
        stan: Option<Stan>,
        what: &str,
        fits: impl Fn(MessageType, &Kept) -> bool,
    ) -> Result<Original, Error> {
        let generation = self.generation();
        if let Some(stan) = stan {
            let kept = self.roll.get(generation, stan.get());
            let unknown =
                || Error::Usage(format!("there is no receipt of STAN {stan} on this terminal's roll"));
            return kept.and_then(Kept::original).ok_or_else(unknown);
        }
        let undone = books::undone(&self.roll, generation);
        let mut newest = self.roll.of(generation).rev().filter(|kept| {
            kept.answer.code.is_approval()
                && fits(kept.request.kind(), kept)
                && !undone.contains_key(&kept.place().1)
        });
        let unknown = || Error::Usage(format!("there is no {what} on this terminal's roll; name a STAN"));
        newest.next().and_then(Kept::original).ok_or_else(unknown)
    }
}

/// An Authorize that opened a hold.
fn is_hold(kind: MessageType, kept: &Kept) -> bool {
    kind == MessageType::AUTHORIZE && kept.request.body.original().is_none()
}

/// What a customer paid.
fn is_sale(kind: MessageType, _: &Kept) -> bool {
    matches!(kind, MessageType::PURCHASE | MessageType::CAPTURE | MessageType::ADVICE)
}
