//! One connection under load: it keeps its window of unanswered requests full.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use protocol::answer::Answer;
use protocol::code::ResponseCode;
use protocol::field::Stan;
use protocol::frame::{Frame, Incoming, MessageType};
use tokio::time::timeout_at;

use super::wares::{Order, Wares};
use super::{DRAIN, Options, Window};
use crate::checked::check_answer;
use crate::clock;
use crate::error::{Broken, Error};
use crate::message::SignedMessage;
use crate::oracle::Wallet;
use crate::session::Session;

/// One receipt in so many is checked, unless all are.
const SAMPLE: u32 = 100;
/// The longest latency that is told apart, in microseconds.
const LONGEST_US: u64 = 120_000_000;

/// What came of one connection, or of all.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) latency_us: Histogram<u64>,
    pub(super) codes: BTreeMap<ResponseCode, u64>,
    pub(super) answered: u64,
    pub(super) signing: Duration,
    pub(super) signed: u64,
    pub(super) receipts_checked: u64,
    pub(super) broken: Vec<Broken>,
    pub(super) lost: Vec<String>,
    pub(super) unanswered: u64,
    /// The smallest number of requests in flight that a connection was allowed.
    pub(super) in_flight: usize,
    pub(super) last_stan: u32,
}

impl Tally {
    pub(super) fn new() -> Result<Self, Error> {
        let histogram = Histogram::new_with_bounds(1, LONGEST_US, 3);
        Ok(Tally {
            latency_us: histogram.map_err(|error| Error::Usage(error.to_string()))?,
            codes: BTreeMap::new(),
            answered: 0,
            signing: Duration::ZERO,
            signed: 0,
            receipts_checked: 0,
            broken: Vec::new(),
            lost: Vec::new(),
            unanswered: 0,
            in_flight: usize::MAX,
            last_stan: 0,
        })
    }

    pub(super) fn add(&mut self, other: Tally) -> Result<(), Error> {
        self.latency_us.add(&other.latency_us).map_err(|error| Error::Usage(error.to_string()))?;
        for (code, count) in other.codes {
            let sum = self.codes.entry(code).or_default();
            *sum = sum.saturating_add(count);
        }
        self.answered = self.answered.saturating_add(other.answered);
        self.signing = self.signing.saturating_add(other.signing);
        self.signed = self.signed.saturating_add(other.signed);
        self.receipts_checked = self.receipts_checked.saturating_add(other.receipts_checked);
        self.broken.extend(other.broken);
        self.lost.extend(other.lost);
        self.unanswered = self.unanswered.saturating_add(other.unanswered);
        self.in_flight = self.in_flight.min(other.in_flight);
        Ok(())
    }
}

/// One connection.
pub(super) struct Lane {
    session: Session,
    wares: Wares,
    window: Window,
    sample: u32,
    flights: HashMap<u32, Flight>,
    tally: Tally,
}

struct Flight {
    sent: Instant,
    slot: usize,
    levels: bool,
    /// Kept when the receipt is to be checked.
    message: Option<SignedMessage>,
}

impl Lane {
    pub(super) fn new(
        session: Session,
        wares: Wares,
        options: &Options,
        window: Window,
    ) -> Result<Self, Error> {
        let mut tally = Tally::new()?;
        tally.in_flight = session.in_flight().min(options.in_flight.max(1));
        let sample = if options.check_receipts { 1 } else { SAMPLE };
        Ok(Lane { session, wares, window, sample, flights: HashMap::new(), tally })
    }

    pub(super) fn into_tally(self) -> Tally {
        self.tally
    }

    /// Runs until the window is over and everything is answered, or the connection is lost.
    pub(super) async fn run(&mut self, first: Stan) {
        let result = self.run_to_end(first).await;
        self.tally.unanswered = self.flights.len() as u64;
        match result {
            Ok(()) => {}
            Err(Error::Broken(broken)) => self.tally.broken.push(broken),
            Err(error) => self.tally.lost.push(error.to_string()),
        }
    }

    async fn run_to_end(&mut self, first: Stan) -> Result<(), Error> {
        let mut stan = first;
        let drained = self.window.until + DRAIN;
        loop {
            let open = clock::now() < self.window.until;
            while open && self.flights.len() < self.tally.in_flight {
                self.send(stan)?;
                self.tally.last_stan = stan.get();
                stan = stan.next().ok_or_else(|| Error::Usage("no STANs are left".into()))?;
            }
            if self.flights.is_empty() {
                return Ok(());
            }
            let connection = &mut self.session.connection;
            let (reader, writer) = (&mut connection.reader, &mut connection.writer);
            // Reading goes on while a write is stuck, or both sides could wait for each other.
            let step = async {
                tokio::select! {
                    incoming = reader.next() => incoming.map(Some),
                    flushed = writer.flush(), if !writer.is_empty() => flushed.map(|()| None),
                }
            };
            let until = if open { self.window.until } else { drained };
            match timeout_at(until.into(), step).await {
                Ok(Ok(Some(incoming))) => {
                    self.received(incoming)?;
                    while let Some(more) = self.session.connection.reader.buffered()? {
                        self.received(more)?;
                    }
                }
                Ok(Ok(None)) => {}
                Ok(Err(error)) => return Err(error),
                Err(_) if open => {}
                Err(_) => return Err(Error::Timeout),
            }
        }
    }

    fn send(&mut self, stan: Stan) -> Result<(), Error> {
        let Order { slot, body, card, levels } = self.wares.next()?;
        let before = clock::now();
        let message = self.session.value(stan, body, &card.sidecar())?;
        let sent = clock::now();
        self.tally.signing = self.tally.signing.saturating_add(sent - before);
        self.tally.signed = self.tally.signed.saturating_add(1);
        let correlation = self.session.correlation();
        self.session.connection.writer.queue(&message.frame(correlation, false))?;
        let checked = stan.get().is_multiple_of(self.sample);
        let message = checked.then_some(message);
        self.flights.insert(correlation, Flight { sent, slot, levels, message });
        Ok(())
    }

    fn received(&mut self, incoming: Incoming) -> Result<(), Error> {
        let Incoming::Frame(frame) = incoming else { return Ok(()) };
        let now = clock::now();
        if frame.kind == MessageType::REJECT {
            return Err(crate::session::rejected(&frame));
        }
        let unasked = || Broken::Unasked(format!("correlation {}", frame.correlation));
        let flight = self.flights.remove(&frame.correlation).ok_or_else(unasked)?;
        let answer = Answer::decode(&frame.body).map_err(|error| Broken::unreadable("answer")(&error))?;
        if let Some(message) = &flight.message {
            self.check(&frame, message)?;
        }
        self.wares.answered(flight.slot, flight.levels, answer.balances.as_ref().and_then(Wallet::of));
        if (self.window.from..self.window.until).contains(&now) {
            let us = u64::try_from((now - flight.sent).as_micros()).unwrap_or(u64::MAX);
            self.tally.latency_us.saturating_record(us.clamp(1, LONGEST_US));
            self.tally.answered = self.tally.answered.saturating_add(1);
            let count = self.tally.codes.entry(answer.code).or_default();
            *count = count.saturating_add(1);
        }
        Ok(())
    }

    fn check(&mut self, frame: &Frame, message: &SignedMessage) -> Result<(), Error> {
        let connection = &self.session.connection;
        let checked = check_answer(frame, message, &connection.hello.installation, &connection.gateway)?;
        if checked.is_final() {
            self.tally.receipts_checked = self.tally.receipts_checked.saturating_add(1);
        }
        Ok(())
    }
}
