//! What a cashier does, one call each.

use std::time::Duration;

use protocol::answer::Answer;
use protocol::field::{
    AmountMinor, CardReference, Flags, Original, Points, Reason, Shift, TenderKind, TenderLine, TenderLines,
    Totals,
};
use protocol::request::{Body, RequestSidecar};
use protocol::terminal::{Allowance, Details, GiveUpError, OfflineSale, Reply, SubmitError, TransactionId};
use tokio::time::sleep;

use super::{KEPT_OUTCOMES, Outcome, Terminal};
use crate::card::Card;
use crate::checked::Checked;
use crate::error::{Broken, Error};

/// How often a question is asked whose answer is lost with its connection.
const TRIES: u32 = 5;

impl Terminal {
    /// Connects and signs on, if it is not, and its cashier too; the answer has the limits of this terminal.
    pub async fn sign_on(&mut self) -> Result<Answer, Error> {
        self.drive(|terminal| terminal.is_signed_on() && terminal.is_proven()).await?;
        self.inbox.signed_on.clone().ok_or(Error::Timeout)
    }

    /// Ends the session in order.
    pub async fn sign_off(&mut self) -> Result<(), Error> {
        if !self.is_signed_on() {
            return Ok(());
        }
        let now = self.now()?;
        self.machine.sign_off(now);
        self.drive(|terminal| terminal.connection.is_none()).await?;
        self.inbox.closed = None;
        Ok(())
    }

    /// Puts an issued card into use.
    pub async fn activate(&mut self, card: &Card) -> Result<Outcome, Error> {
        let id = self.submit(Body::Activate { card: card.reference }, card.sidecar()).await?;
        self.finish(id).await
    }

    /// Loads a card with cash.
    pub async fn load(&mut self, card: &Card, amount_minor: i64) -> Result<Outcome, Error> {
        let body = load_body(card, amount_minor)?;
        let id = self.submit(body, card.sidecar()).await?;
        self.finish(id).await
    }

    /// Takes the whole amount from a card, or nothing.
    pub async fn purchase(&mut self, card: &Card, amount_minor: i64) -> Result<Outcome, Error> {
        let id = self.submit(purchase_body(card, amount_minor)?, card.sidecar()).await?;
        self.finish(id).await
    }

    /// Takes the amount from a card, or what the card has.
    pub async fn purchase_part(&mut self, card: &Card, amount_minor: i64) -> Result<Outcome, Error> {
        let details = Details { flags: Some(Flags::PARTIAL_ALLOWED), ..self.details.clone() };
        let body = purchase_body(card, amount_minor)?;
        let id = self.submit_with(body, details, card.sidecar()).await?;
        self.finish(id).await
    }

    /// Gives back part or all of a Purchase or Capture, or pays back a Load, of any terminal of the merchant.
    pub async fn refund(&mut self, original: Original, amount_minor: i64) -> Result<Outcome, Error> {
        let id = self.submit(refund_body(original, amount_minor)?, RequestSidecar::default()).await?;
        self.finish(id).await
    }

    /// Cancels a transaction of any terminal of the store while its shift is open. It is repeated until it is answered,
    /// and never reversed.
    pub async fn void(&mut self, original: Original) -> Result<Outcome, Error> {
        let id = self.submit(void_body(original), RequestSidecar::default()).await?;
        self.finish(id).await
    }

    /// Holds an amount for later captures.
    pub async fn authorize(&mut self, card: &Card, amount_minor: i64) -> Result<Outcome, Error> {
        let id = self.submit(authorize_body(card, amount_minor, None)?, card.sidecar()).await?;
        self.finish(id).await
    }

    /// Holds more in the hold that an earlier Authorize has opened.
    pub async fn raise(
        &mut self,
        card: &Card,
        original: Original,
        amount_minor: i64,
    ) -> Result<Outcome, Error> {
        let id = self.submit(authorize_body(card, amount_minor, Some(original))?, card.sidecar()).await?;
        self.finish(id).await
    }

    /// Takes an amount from a hold, and lets the rest go.
    pub async fn capture(&mut self, original: Original, amount_minor: i64) -> Result<Outcome, Error> {
        let id = self.submit(capture_body(original, amount_minor)?, RequestSidecar::default()).await?;
        self.finish(id).await
    }

    /// Takes an amount from a hold, and keeps the rest for more captures.
    pub async fn capture_more(&mut self, original: Original, amount_minor: i64) -> Result<Outcome, Error> {
        let details = Details { flags: Some(Flags::MORE_CAPTURES), ..self.details.clone() };
        let body = capture_body(original, amount_minor)?;
        let id = self.submit_with(body, details, RequestSidecar::default()).await?;
        self.finish(id).await
    }

    /// How any terminal names the transaction of an outcome of this one, acknowledged or not.
    #[must_use]
    pub fn original_of(&self, outcome: &Outcome) -> Original {
        let TransactionId { generation, stan } = outcome.id;
        Original { terminal: self.id(), generation, stan, request_id: outcome.request_id }
    }

    /// Closes the shift that [`Terminal::details`] name.
    pub async fn reconcile(&mut self, totals: Totals) -> Result<Outcome, Error> {
        let id = self.submit(Body::Reconciliation { totals }, RequestSidecar::default()).await?;
        self.finish(id).await
    }

    /// Asks what a load would give.
    pub async fn quote(&mut self, card: &Card, amount_minor: i64) -> Result<Reply, Error> {
        let body = Body::LoadQuote { card: card.reference, amount: amount(amount_minor)? };
        self.ask(body, card.sidecar()).await
    }

    /// Asks what a purchase would take and give, which points may pay a part of.
    pub async fn price(
        &mut self,
        card: &Card,
        amount_minor: i64,
        points: Option<i64>,
    ) -> Result<Reply, Error> {
        let points = points.map(points_to_use).transpose()?;
        let body =
            Body::PurchaseQuote { card: card.reference, amount: amount(amount_minor)?, lines: None, points };
        self.ask(body, card.sidecar()).await
    }

    /// Asks what a card holds.
    pub async fn inquire(&mut self, card: &Card) -> Result<Reply, Error> {
        self.ask(Body::BalanceInquiry { card: card.reference }, card.sidecar()).await
    }

    /// Asks whether the gateway is there.
    pub async fn echo(&mut self) -> Result<Reply, Error> {
        self.ask(Body::Echo, RequestSidecar::default()).await
    }

    /// Asks where a transaction stands that was not acknowledged yet.
    pub async fn status(&mut self, id: TransactionId) -> Result<Checked, Error> {
        let gone = || Error::Usage("the transaction was acknowledged".into());
        let original = self.original(id).ok_or_else(gone)?;
        self.status_of(original).await
    }

    /// Asks where any transaction stands. Its status, and the receipt of its stored answer, are checked.
    pub async fn status_of(&mut self, original: Original) -> Result<Checked, Error> {
        let mut last = Error::Timeout;
        for _ in 0..TRIES {
            let body = Body::TransactionStatus { original };
            match self.ask_past(body, &RequestSidecar::default()).await {
                Ok(checked) if checked.answer.code.is_approval() => return Ok(checked),
                Ok(checked) => last = checked.refusal(),
                Err(error) => last = error,
            }
            if !last.is_outage() {
                break;
            }
        }
        Err(last)
    }

    /// Gives a transaction up: one without a result, or an approved one that was not acknowledged. The outcome is the
    /// Reversal's, under the transaction's own id.
    pub async fn reverse(&mut self, id: TransactionId, reason: Reason) -> Result<Outcome, Error> {
        self.give_up(id, reason).await?;
        self.finish(id).await
    }

    /// [`Terminal::reverse`] without waiting: the Reversal is on disk, and sent if there is a connection.
    pub async fn give_up(&mut self, id: TransactionId, reason: Reason) -> Result<(), Error> {
        let now = self.now()?;
        self.machine
            .give_up(now, id, reason)
            .map_err(|error: GiveUpError| Error::Usage(error.to_string()))?;
        self.inbox.outcomes.remove(&id);
        self.inbox.kept.retain(|kept| *kept != id);
        self.carry_out().await
    }

    /// Starts a transaction without waiting: it is on disk, and sent if the terminal is signed on and the gateway takes
    /// it. [`Terminal::finish`] waits for it.
    pub async fn submit(&mut self, body: Body, sidecar: RequestSidecar) -> Result<TransactionId, Error> {
        self.submit_with(body, self.details.clone(), sidecar).await
    }

    /// Approves a purchase by itself, while the gateway cannot be reached; its Advice is on disk on return, and goes out
    /// after the next sign-on. An error that is wrong usage says why the grant does not cover it.
    pub async fn approve_offline(
        &mut self,
        sale: OfflineSale,
        details: Details,
    ) -> Result<TransactionId, Error> {
        let id = self.prepare_offline(sale, details)?;
        self.carry_out().await?;
        Ok(id)
    }

    /// [`Terminal::approve_offline`], but nothing is on disk before [`Terminal::dispatch`].
    pub fn prepare_offline(&mut self, sale: OfflineSale, details: Details) -> Result<TransactionId, Error> {
        let now = self.now()?;
        let approved = self.machine.approve_offline(now, sale, details);
        approved.map_err(|error| Error::Usage(error.to_string()))
    }

    /// What it may approve by itself, from the last sign-on.
    pub fn allowance(&self) -> Option<&Allowance> {
        self.machine.allowance()
    }

    /// [`Terminal::submit`] with other details than [`Terminal::details`].
    pub async fn submit_with(
        &mut self,
        body: Body,
        details: Details,
        sidecar: RequestSidecar,
    ) -> Result<TransactionId, Error> {
        let id = self.prepare(body, details, sidecar)?;
        self.carry_out().await?;
        Ok(id)
    }

    /// Makes and signs a transaction. Nothing is on disk or sent before the next call that waits for something:
    /// [`Terminal::dispatch`], [`Terminal::finish`], [`Terminal::sign_on`]. Until then a caller can write down what the
    /// transaction is for.
    pub fn prepare(
        &mut self,
        body: Body,
        details: Details,
        sidecar: RequestSidecar,
    ) -> Result<TransactionId, Error> {
        while self.inbox.kept.len() >= KEPT_OUTCOMES
            && let Some(oldest) = self.inbox.kept.front().copied()
        {
            self.acknowledge(oldest);
        }
        let now = self.now()?;
        self.machine.submit(now, body, details, sidecar).map_err(submit_error)
    }

    /// Puts what was prepared on disk, and sends it if the terminal is signed on and the gateway takes it.
    pub async fn dispatch(&mut self) -> Result<(), Error> {
        self.carry_out().await
    }

    /// Starts a transaction and loses its answer: cuts the connection `linger` after it was sent.
    pub async fn submit_and_cut(
        &mut self,
        body: Body,
        sidecar: RequestSidecar,
        linger: Duration,
    ) -> Result<TransactionId, Error> {
        self.sign_on().await?;
        let id = self.submit(body, sidecar).await?;
        sleep(linger).await;
        self.cut();
        Ok(id)
    }

    /// Waits for the final result of a transaction: sends it again as often as needed, on new connections too. The
    /// outcome stays until it is acknowledged, or pushed out by [`KEPT_OUTCOMES`] later ones.
    pub async fn finish(&mut self, id: TransactionId) -> Result<Outcome, Error> {
        if self.original(id).is_none() {
            return Err(Error::Usage("no such transaction".into()));
        }
        self.drive(|terminal| terminal.inbox.outcomes.contains_key(&id)).await?;
        self.inbox.outcomes.get(&id).cloned().ok_or(Error::Timeout)
    }

    /// What the gateway has of a shift, page by page: all its transactions, and in the last page its totals.
    pub async fn shift_pages(&mut self, shift: Shift) -> Result<Vec<Answer>, Error> {
        let (mut pages, mut after) = (Vec::new(), 0);
        loop {
            let before = self.details.shift.replace(shift);
            let asked = self.ask(Body::ShiftReport { after }, RequestSidecar::default()).await;
            self.details.shift = before;
            let page = asked?.answer;
            let (listed, last) = (page.listed_to.unwrap_or(u32::MAX), page.host_last_stan.unwrap_or(0));
            let ends = listed >= last || !page.code.is_approval();
            pages.push(page);
            if ends {
                return Ok(pages);
            }
            if listed <= after {
                let what = format!("itself: a page after STAN {after} ends there");
                return Err(Broken::Contradiction(what).into());
            }
            after = listed;
        }
    }

    /// Asks a question, again after each lost connection.
    pub async fn ask(&mut self, body: Body, sidecar: RequestSidecar) -> Result<Reply, Error> {
        let mut last = Error::Timeout;
        for _ in 0..TRIES {
            self.drive(|terminal| terminal.is_signed_on() && terminal.machine.free_slots() > 0).await?;
            let now = self.now()?;
            let question = self.machine.ask(now, body.clone(), self.details.clone(), sidecar.clone());
            let question = question.map_err(submit_error)?;
            self.drive(|terminal| terminal.inbox.replies.contains_key(&question)).await?;
            match self.inbox.replies.remove(&question) {
                Some(Ok(reply)) => return Ok(reply),
                Some(Err(protocol::terminal::NoReply::Unreadable(error))) => {
                    return Err(Broken::unreadable("answer")(&error).into());
                }
                Some(Err(protocol::terminal::NoReply::Unproven(why))) => {
                    return Err(Broken::Unproven { what: "status", why }.into());
                }
                Some(Err(protocol::terminal::NoReply::Silence)) | None => {
                    last = Error::Lost(std::io::ErrorKind::ConnectionReset.into());
                }
            }
        }
        Err(last)
    }
}

/// A Load paid in cash.
pub(crate) fn load_body(card: &Card, amount_minor: i64) -> Result<Body, Error> {
    let amount = amount(amount_minor)?;
    Ok(Body::Load { card: card.reference, amount, tenders: cash(amount)? })
}

/// A Purchase without lines.
pub(crate) fn purchase_body(card: &Card, amount_minor: i64) -> Result<Body, Error> {
    let amount = amount(amount_minor)?;
    Ok(Body::Purchase { card: card.reference, amount, tenders: None, lines: None, points: None })
}

/// A Purchase that points pay a part of.
pub(crate) fn points_body(card: &Card, amount_minor: i64, points: i64) -> Result<Body, Error> {
    let points = Some(points_to_use(points)?);
    let amount = amount(amount_minor)?;
    Ok(Body::Purchase { card: card.reference, amount, tenders: None, lines: None, points })
}

fn points_to_use(points: i64) -> Result<Points, Error> {
    Points::new(points).ok_or_else(|| Error::Usage(format!("{points} points cannot pay")))
}

/// A Transfer to another card.
pub(crate) fn transfer_body(card: &Card, to: CardReference, amount_minor: i64) -> Result<Body, Error> {
    Ok(Body::Transfer { card: card.reference, to, amount: amount(amount_minor)? })
}

/// An Unload by the customer's wish.
pub(crate) fn unload_body(card: &Card, amount_minor: i64) -> Result<Body, Error> {
    let reason = Some(Reason::CUSTOMERS_WISH);
    Ok(Body::Unload { card: card.reference, amount: amount(amount_minor)?, reason, supervisor: None })
}

/// A CashTaken for a card, in cash; it may name the Load that was not answered.
pub(crate) fn cash_taken_body(
    card: &Card,
    amount_minor: i64,
    original: Option<Original>,
) -> Result<Body, Error> {
    let amount = amount(amount_minor)?;
    let (card, tenders) = (Some(card.reference), cash(amount)?);
    Ok(Body::CashTaken { card, amount, tenders, original, reason: Reason::NO_ANSWER })
}

/// A Refund without lines.
pub(crate) fn refund_body(original: Original, amount_minor: i64) -> Result<Body, Error> {
    let reason = Some(Reason::GOODS_RETURNED);
    Ok(Body::Refund { amount: amount(amount_minor)?, lines: None, original, reason, supervisor: None })
}

/// A Void by the customer's wish.
pub(crate) const fn void_body(original: Original) -> Body {
    Body::Void { original, reason: Some(Reason::CUSTOMERS_WISH), supervisor: None }
}

/// An Authorize, which raises the hold of an earlier one if it names one.
pub(crate) fn authorize_body(
    card: &Card,
    amount_minor: i64,
    raises: Option<Original>,
) -> Result<Body, Error> {
    Ok(Body::Authorize { card: card.reference, amount: amount(amount_minor)?, raises })
}

/// A Capture without lines.
pub(crate) fn capture_body(original: Original, amount_minor: i64) -> Result<Body, Error> {
    Ok(Body::Capture { amount: amount(amount_minor)?, tenders: None, lines: None, original })
}

/// The whole amount in cash.
pub fn cash(amount: AmountMinor) -> Result<TenderLines, Error> {
    tender(&[(TenderKind::CASH, amount)])
}

/// An amount paid by several means.
pub fn tender(parts: &[(TenderKind, AmountMinor)]) -> Result<TenderLines, Error> {
    let lines =
        parts.iter().map(|(kind, amount)| TenderLine { kind: *kind, amount: *amount, reference: None });
    TenderLines::new(lines.collect()).ok_or_else(|| Error::Usage("1 to 8 tender lines".into()))
}

fn amount(minor: i64) -> Result<AmountMinor, Error> {
    AmountMinor::new(minor).ok_or_else(|| Error::Usage(format!("{minor} is no amount")))
}

fn submit_error(error: SubmitError) -> Error {
    Error::Usage(error.to_string())
}
