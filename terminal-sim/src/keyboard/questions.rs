//! Questions, which change no balance: they have no STAN, and are all that is sent in training.

use std::time::Duration;

use protocol::answer::Answer;
use protocol::code::ResponseCode;
use protocol::field::{AmountMinor, Flags, Original, Points, PurchaseLine, Shift, Stan, TenderLine};
use protocol::frame::MessageType;
use protocol::request::{Body, RequestSidecar};

use super::counter::{amount, no_answer, purchase_lines};
use super::members::price_flags;
use super::roll::Kept;
use super::said::{Said, ShiftDifferences, ShiftStanding};
use super::slip::{Mark, Slip, rows};
use super::{Cited, Keyboard, books};
use crate::clock;
use crate::error::Error;
use crate::shift::compare;

impl Keyboard {
    pub(super) async fn quote(&mut self, minor: i64) -> Result<Said, Error> {
        let (card, amount) = (self.reference()?, amount(minor)?);
        self.ask_price(Body::LoadQuote { card, amount }, false).await
    }

    pub(super) async fn price(
        &mut self,
        minor: i64,
        prices: bool,
        points: Option<Points>,
        lines: Vec<PurchaseLine>,
    ) -> Result<Said, Error> {
        let (card, amount, lines) = (self.reference()?, amount(minor)?, purchase_lines(lines)?);
        self.ask_price(Body::PurchaseQuote { card, amount, lines, points }, prices).await
    }

    pub(super) async fn balance(&mut self) -> Result<Said, Error> {
        let (body, sidecar) = (Body::BalanceInquiry { card: self.reference()? }, self.card()?.sidecar());
        Ok(self.ask(body, sidecar).await?.map_or_else(|said| said, |answer| Said::Asked(Box::new(answer))))
    }

    /// A load that is only quoted.
    pub(super) async fn practise_load(
        &mut self,
        minor: i64,
        tenders: Vec<TenderLine>,
    ) -> Result<Said, Error> {
        let body = Body::LoadQuote { card: self.reference()?, amount: amount(minor)? };
        self.practise(MessageType::LOAD, body, tenders, (false, false)).await
    }

    /// A sale that is only quoted.
    pub(super) async fn practise_sale(
        &mut self,
        minor: i64,
        (part, prices): (bool, bool),
        points: Option<Points>,
        lines: Vec<PurchaseLine>,
    ) -> Result<Said, Error> {
        let (card, amount, lines) = (self.reference()?, amount(minor)?, purchase_lines(lines)?);
        let body = Body::PurchaseQuote { card, amount, lines, points };
        self.practise(MessageType::PURCHASE, body, Vec::new(), (part, prices)).await
    }

    async fn practise(
        &mut self,
        kind: MessageType,
        body: Body,
        tenders: Vec<TenderLine>,
        (part, prices): (bool, bool),
    ) -> Result<Said, Error> {
        let (sidecar, details) = (self.card()?.sidecar(), self.details()?);
        let asked = (body.amount().map_or(0, AmountMinor::get), tenders);
        let answer = match self.ask_with(body, price_flags(prices), sidecar).await? {
            Ok(answer) => answer,
            Err(said) => return Ok(said),
        };
        self.details.order_reference = None;
        Ok(Said::Slip(Box::new(Slip::training(kind, asked, &details, answer, part))))
    }

    /// A quote, which the next load or sale of the same may name.
    async fn ask_price(&mut self, body: Body, prices: bool) -> Result<Said, Error> {
        let (asked, sidecar) = (body.clone(), self.card()?.sidecar());
        let asked_at = clock::now();
        let answer = match self.ask_with(body, price_flags(prices), sidecar).await? {
            Ok(answer) => answer,
            Err(said) => return Ok(said),
        };
        self.quote = answer.quote.filter(|_| answer.code.is_approval()).map(|quote| {
            let seconds = quote.expires.get().saturating_sub(answer.time.get());
            let until = asked_at + Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
            Cited { asked, prices, quote, until }
        });
        Ok(Said::Asked(Box::new(answer)))
    }

    /// Where a transaction of this terminal stands, one without an answer included.
    pub(super) async fn status(&mut self, stan: Stan) -> Result<Vec<Said>, Error> {
        let unknown = || Error::Usage(format!("STAN {stan} is not on this terminal's roll, nor open"));
        let original = self.own(stan).ok_or_else(unknown)?;
        let body = Body::TransactionStatus { original };
        let said = match self.terminal.ask(body, RequestSidecar::default()).await {
            Ok(reply) => Said::Standing { stan, answer: Box::new(reply.answer), state: reply.state },
            Err(error) => {
                let (code, why) = no_answer(error)?;
                Said::Unanswered { stan: None, code, why }
            }
        };
        Ok(vec![said])
    }

    fn own(&self, stan: Stan) -> Option<Original> {
        let kept = self.roll.get(self.generation(), stan.get()).and_then(Kept::original);
        let open = self.terminal.unfinished().into_iter().find(|open| open.id.stan == stan);
        kept.or_else(|| self.terminal.original(open?.id))
    }

    /// How the shift stands at the gateway, page by page, beside what the terminal counts.
    pub(super) async fn report(&mut self) -> Result<Said, Error> {
        let shift = self.details()?.shift.unwrap_or(Shift::FIRST);
        let pages = match self.terminal.shift_pages(shift).await {
            Ok(pages) => pages,
            Err(error) => return unanswered(error),
        };
        let listed = |page: &Answer| page.transactions.as_ref().map(|rows| rows.as_slice().to_vec());
        let transactions = pages.iter().filter_map(listed).flatten().collect();
        let own = books::totals(&self.roll, self.generation(), shift);
        let answer = pages.into_iter().next_back().ok_or(Error::Timeout)?;
        Ok(Said::Report(Box::new(ShiftStanding {
            shift: shift.get(),
            closed: answer.shift_closed.unwrap_or(false),
            own_totals: own.as_ref().map(rows).unwrap_or_default(),
            answer,
            transactions,
        })))
    }

    /// Behind each closing whose totals differ, what differs.
    pub(super) async fn with_differences(&mut self, said: Vec<Said>) -> Result<Vec<Said>, Error> {
        let mut all = Vec::new();
        for one in said {
            let differ = match &one {
                Said::Slip(slip) if slip.answer.code == ResponseCode::TOTALS_DIFFER => {
                    slip.shift.filter(|_| slip.mark != Some(Mark::Duplicate)).and_then(Shift::new)
                }
                _ => None,
            };
            all.push(one);
            if let Some(shift) = differ {
                all.push(self.differences(shift).await?);
            }
        }
        Ok(all)
    }

    /// What this terminal's roll and the gateway have not alike of a shift, by STAN.
    async fn differences(&mut self, shift: Shift) -> Result<Said, Error> {
        match self.terminal.shift_pages(shift).await {
            Ok(pages) => {
                let own = books::rows(&self.roll, self.generation(), shift);
                let pages = compare(&own, &pages);
                Ok(Said::Differences(Box::new(ShiftDifferences { shift: shift.get(), pages })))
            }
            Err(error) => {
                let (_, why) = no_answer(error)?;
                Ok(Said::Note(format!("What differs could not be asked for: {why}.")))
            }
        }
    }

    /// A question with these flags.
    async fn ask_with(
        &mut self,
        body: Body,
        flags: Option<Flags>,
        sidecar: RequestSidecar,
    ) -> Result<Result<Answer, Said>, Error> {
        let before = std::mem::replace(&mut self.terminal.details.flags, flags);
        let answer = self.ask(body, sidecar).await;
        self.terminal.details.flags = before;
        answer
    }

    /// The answer, or what is said because there is none.
    pub(super) async fn ask(
        &mut self,
        body: Body,
        sidecar: RequestSidecar,
    ) -> Result<Result<Answer, Said>, Error> {
        match self.terminal.ask(body, sidecar).await {
            Ok(reply) => Ok(Ok(reply.answer)),
            Err(error) => unanswered(error).map(Err),
        }
    }
}

fn unanswered(error: Error) -> Result<Said, Error> {
    let (code, why) = no_answer(error)?;
    Ok(Said::Unanswered { stan: None, code, why })
}
