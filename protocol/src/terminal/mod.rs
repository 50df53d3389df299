//! The terminal's side of the protocol, without sockets, disk, clock or keys (sections 9 to 11).
//!
//! A [`Terminal`] is fed with what happens ([`Terminal::connected`], [`Terminal::received`], [`Terminal::timed_out`],
//! ...) and with what the till wants ([`Terminal::submit`], [`Terminal::give_up`], [`Terminal::ask`], ...). After every
//! such call, take [`Terminal::poll_action`] until it is empty and carry the actions out **in order**:
//!
//! * [`Action::Persist`]: write the bytes to durable storage (in place of the last ones) *before* taking the next
//!   action. Everything that was ever sent is in there, so that a power cut at any place loses nothing: start again with
//!   [`State::decode`] and [`Terminal::new`]. The bytes hold the card secrets of unfinished requests; store them as you
//!   store the private key.
//!   And never hand out goods under [`Terminal::approve_offline`] before that is done.
//! * [`Action::Send`]: write the bytes to the connection.
//! * [`Action::Close`]: close the connection, and connect again when you like.
//! * [`Action::Report`]: tell the till. An [`Event::Finished`] is reported again after every restart until
//!   [`Terminal::acknowledge`] says that the till has written it down.
//!
//! What the terminal sees to by itself: STANs are never used twice; the same signed bytes are sent until the answer is
//! final, after time-outs, reconnects and power cuts, with the repeat flag; a sale that is given up becomes a Reversal
//! that is sent until its answer is final, and the sale is never sent again (so do Refund, Authorize and Capture; a
//! Void, ChangePin, CashTaken or Advice is never given up); an answer counts only with a receipt that
//! verifies, and a repeated answer is an approval only if its signed status says so; the last receipt is shown to the
//! gateway at every sign-on.
//!
//! ```
//! use protocol::cose::Algorithm;
//! use protocol::field::{AmountMinor, CardReference, Fingerprint, TerminalTime};
//! use protocol::request::{Body, RequestSidecar};
//! use protocol::terminal::{Action, Details, Keys, Now, Settings, State, Terminal};
//!
//! # fn sha256(_: &[&[u8]]) -> [u8; 32] { [0; 32] }
//! # let (storage, mut connection) = (None::<Vec<u8>>, Vec::<u8>::new());
//! let keys = Keys {
//!     sha256,
//!     sign: Box::new(|_message| Some([0; 64])),              // your key store
//!     verify_gateway: Box::new(|_message, _signature| true), // the gateway's key, pinned at enrolment
//! };
//! let settings = Settings::new("mytill 1.0".parse().unwrap(), Algorithm::Es256, Fingerprint([1; 32]));
//! let state = match storage {
//!     Some(bytes) => State::decode(&bytes).unwrap(),
//!     None => State::new("T0001".parse().unwrap()),
//! };
//! let mut terminal = Terminal::new(settings, keys, state);
//!
//! let now = Now { ms: 0, wall: TerminalTime::new(1_790_000_000, 480).unwrap() };
//! terminal.connected(now); // after the TLS handshake; the gateway's Hello comes next
//!
//! // A sale. It is refused here because this terminal has not been enrolled yet.
//! let card = CardReference::from_parts(1).unwrap();
//! let amount = AmountMinor::new(12_50).unwrap();
//! let body = Body::Purchase { card, amount, tenders: None, lines: None, points: None };
//! assert!(terminal.submit(now, body, Details::default(), RequestSidecar::default()).is_err());
//!
//! while let Some(action) = terminal.poll_action() {
//!     match action {
//!         Action::Persist(_bytes) => { /* write, sync, rename */ }
//!         Action::Send(bytes) => connection.extend_from_slice(&bytes),
//!         Action::Close(_reason) => { /* close, connect again later */ }
//!         Action::Report(_event) => { /* the till's display, its own books */ }
//!     }
//! }
//! ```

mod action;
mod exchange;
mod link;
mod offline;
mod reading;
mod settings;
mod state;
mod submit;
mod ticket;

pub use action::{Action, Alarm, CloseReason, Event, NoReply, Outcome, Refused, Reply, Verdict};
pub use offline::{Allowance, OfflineError, OfflineSale};
pub use settings::{Details, Keys, Now, Settings, Sign, VerifyGateway};
pub use state::{State, TransactionId, Unfinished};
pub use submit::{GiveUpError, MAX_ENTRIES, SubmitError};
pub use ticket::EnrolmentTicket;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use crate::field::Original;
use exchange::{Attempts, Flight};
use link::{Enrolment, Link};

/// One terminal: what it must never forget ([`State`]), and one connection at a time.
pub struct Terminal {
    settings: Settings,
    keys: Keys,
    state: State,
    /// The state differs from what was last handed out to be persisted.
    unsaved: bool,
    actions: VecDeque<Action>,
    link: Link,
    /// Requests on this connection whose answers are still awaited, by correlation number.
    flights: BTreeMap<u32, Flight>,
    /// How often and when each unfinished request was sent.
    attempts: BTreeMap<TransactionId, Attempts>,
    /// To be sent at the next Hello in place of SignOn.
    enrolment: Option<Enrolment>,
    next_correlation: u32,
    next_question: u32,
}

impl Terminal {
    /// A terminal that is not connected. Outcomes that were not acknowledged before are reported again.
    pub fn new(settings: Settings, keys: Keys, state: State) -> Self {
        let mut terminal = Terminal {
            settings,
            keys,
            state,
            unsaved: false,
            actions: VecDeque::new(),
            link: Link::Down,
            flights: BTreeMap::new(),
            attempts: BTreeMap::new(),
            enrolment: None,
            next_correlation: 1,
            next_question: 1,
        };
        terminal.restore();
        terminal
    }

    /// The next thing to do; `None` when there is nothing until the next call. See the module's text for the contract.
    pub fn poll_action(&mut self) -> Option<Action> {
        if self.unsaved {
            self.unsaved = false;
            return Some(Action::Persist(self.state.encode()));
        }
        self.actions.pop_front()
    }

    /// What the terminal must never forget.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether requests are answered on this connection.
    pub fn is_signed_on(&self) -> bool {
        matches!(self.link, Link::Open(_))
    }

    /// How many more requests the gateway takes on this connection right now.
    pub fn free_slots(&self) -> usize {
        let Link::Open(session) = &self.link else { return 0 };
        let waiting = self.flights.values().filter(|flight| !flight.is_overdue()).count();
        session.in_flight.saturating_sub(waiting)
    }

    /// How a request is named by a later one (key 23); `None` when it is no longer in the state.
    pub fn original(&self, id: TransactionId) -> Option<Original> {
        let entry = self.state.entries.get(&id)?;
        let TransactionId { generation, stan } = id;
        Some(Original {
            terminal: self.state.terminal,
            generation,
            stan,
            request_id: entry.request.request_id,
        })
    }

    /// Forgets a finished request: the till has written its outcome down.
    pub fn acknowledge(&mut self, id: TransactionId) {
        if self.state.entries.get(&id).is_some_and(|entry| entry.finished.is_some()) {
            self.state.entries.remove(&id);
            self.attempts.remove(&id);
            self.unsaved = true;
        }
    }

    fn report(&mut self, event: Event) {
        self.actions.push_back(Action::Report(event));
    }

    /// Nobody knows what was sent before the restart: everything unfinished counts as sent.
    fn restore(&mut self) {
        let entries: Vec<TransactionId> = self.state.entries.keys().copied().collect();
        for id in entries {
            match self.state.outcome(id) {
                Some(outcome) => self.report(Event::Finished(outcome)),
                None => {
                    self.attempts.insert(id, Attempts::unknown());
                }
            }
        }
    }
}
