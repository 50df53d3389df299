//! Losses, duplicates, reorderings, reconnects and power cuts at every place: whatever happens, a sale that is reported
//! approved was applied exactly once, and one that is reported otherwise is not applied.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use protocol::code::ResponseCode;
use protocol::field::{
    CardSecret, Pin, Reason, RequestId, TenderKind, TenderLine, TenderLines, TransactionState,
};
use protocol::frame::{Frame, Incoming, decode};
use protocol::request::{Body, RequestSidecar};
use protocol::terminal::{Action, Alarm, Details, Event, Outcome, State, Terminal, TransactionId, Verdict};

use super::super::samples;
use super::gateway::Gateway;
use super::{
    advice, at, authorize, capture, card, cash_taken, change_pin, enrolled, purchase, refund, terminal,
    transfer, unload, void,
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_sale_ends_exactly_as_it_is_reported(seed in any::<u64>(), calm in 0_u64..100) {
        Storm::new(seed, calm).run(400);
    }
}

#[test]
fn the_storm_reaches_every_kind_of_ending() {
    let mut seen = BTreeMap::new();
    for seed in 1..40_u64 {
        let mut storm = Storm::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), 20);
        storm.run(400);
        for outcome in storm.reported.values() {
            *seen.entry(format!("{:?}", outcome.verdict)).or_insert(0) += 1;
        }
        *seen.entry("power cut".into()).or_insert(0) += storm.power_cuts;
        *seen.entry("repeat".into()).or_insert(0) += storm.repeats;
    }
    for what in ["Approved", "Declined", "Reversed", "NotReversed", "power cut", "repeat"] {
        assert!(seen.get(what).is_some_and(|count| *count >= 5), "{seen:?}");
    }
}

struct Storm {
    random: u64,
    /// Percent of the time that nothing bad happens.
    calm: u64,
    ms: u64,
    terminal: Terminal,
    stored: Vec<u8>,
    gateway: Gateway,
    connected: bool,
    /// Which connection is up, and on which each frame was sent: an answer goes back the same way or not at all.
    connection: u32,
    to_gateway: Vec<(u32, Frame)>,
    to_terminal: Vec<Frame>,
    unacknowledged: BTreeSet<TransactionId>,
    reported: BTreeMap<RequestId, Outcome>,
    power_cuts: u32,
    repeats: u32,
}

impl Storm {
    fn new(seed: u64, calm: u64) -> Self {
        let stored = enrolled().encode();
        let terminal = terminal(State::decode(&stored).unwrap());
        Storm {
            random: seed | 1,
            calm,
            ms: 0,
            terminal,
            stored,
            gateway: Gateway::new(),
            connected: false,
            connection: 0,
            to_gateway: Vec::new(),
            to_terminal: Vec::new(),
            unacknowledged: BTreeSet::new(),
            reported: BTreeMap::new(),
            power_cuts: 0,
            repeats: 0,
        }
    }

    fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            self.step();
        }
        self.calm = 100;
        for _ in 0..2_000 {
            if self.terminal.state().unfinished().next().is_none() && self.to_gateway.is_empty() {
                break;
            }
            self.calm_step();
        }
        self.check();
    }

    fn check(&self) {
        assert_eq!(self.gateway.alarms, Vec::<String>::new());
        assert_eq!(self.terminal.state().unfinished().count(), 0, "everything has a result");
        for (request_id, (applied, _)) in &self.gateway.applied {
            assert_eq!(*applied, 1, "applied twice");
            assert!(self.reported.contains_key(request_id), "applied and never reported");
        }
        for (request_id, outcome) in &self.reported {
            let (applied, undone) = self.gateway.applied.get(request_id).copied().unwrap_or_default();
            let expected = match outcome.verdict {
                Verdict::Approved | Verdict::NotReversed => 1,
                Verdict::Declined | Verdict::Reversed => 0,
                Verdict::Unresolved => panic!("no new generation in this storm"),
            };
            assert_eq!(applied - undone, expected, "{outcome:?}");
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % bound
    }

    fn bad(&mut self) -> bool {
        let calm = self.calm;
        self.below(100) >= calm && self.below(4) == 0
    }

    fn step(&mut self) {
        match self.below(20) {
            0..4 => self.sale(),
            4 => self.give_up(),
            5 => self.acknowledge(),
            6 if self.bad() => self.power_cut(),
            7 if self.bad() => self.disconnect(),
            8 if self.bad() => self.gateway.next_refusal = Some(ResponseCode::BUSY),
            9 => self.pass(5_000),
            _ => self.calm_step(),
        }
    }

    /// What a working network and an attentive till do.
    fn calm_step(&mut self) {
        if !self.connected {
            return self.connect();
        }
        match self.below(3) {
            0 => self.deliver_to_gateway(),
            1 => self.deliver_to_terminal(),
            _ => self.pass(500),
        }
    }

    fn sale(&mut self) {
        let amount = 1 + i64::try_from(self.below(100)).unwrap();
        let body = match self.below(14) {
            7 => unload(amount),
            8 => change_pin(),
            9 => cash_taken(amount),
            10 => advice(amount),
            0 | 1 => load(amount),
            2 => refund(amount),
            3 => void(),
            4 => authorize(amount),
            5 => capture(amount),
            6 => transfer(amount),
            _ => purchase(amount),
        };
        let mut sidecar = RequestSidecar::default();
        if samples::may_have_in_sidecar(body.kind(), 1) {
            sidecar.secret = CardSecret::new("12345678901234567890");
        }
        let with_pin = samples::may_have_in_sidecar(body.kind(), 2);
        if with_pin && self.below(6) == 0 {
            sidecar.pin = Pin::new("1234");
        }
        self.terminal.submit(at(self.ms), body, Details::default(), sidecar).unwrap();
        self.drain();
    }

    fn give_up(&mut self) {
        let ids: Vec<_> = self.terminal.state().unfinished().map(|unfinished| unfinished.id).collect();
        let ids = [ids, self.unacknowledged.iter().copied().collect()].concat();
        if ids.is_empty() {
            return;
        }
        let pick = usize::try_from(self.below(ids.len() as u64)).unwrap();
        // An outcome that cannot be reversed any more stays as it was reported.
        if self.terminal.give_up(at(self.ms), ids[pick], Reason::NO_ANSWER).is_ok() {
            self.unacknowledged.remove(&ids[pick]);
        }
        self.drain();
    }

    fn acknowledge(&mut self) {
        if let Some(id) = self.unacknowledged.pop_first() {
            self.terminal.acknowledge(id);
            self.drain();
        }
    }

    fn pass(&mut self, most_ms: u64) {
        self.ms += self.below(most_ms);
        self.terminal.timed_out(at(self.ms));
        self.drain();
    }

    fn connect(&mut self) {
        self.connected = true;
        self.connection += 1;
        self.to_terminal = vec![self.gateway.connect()];
        self.terminal.connected(at(self.ms));
        self.drain();
    }

    /// Frames on their way to the gateway may still arrive; answers are lost.
    fn disconnect(&mut self) {
        self.connected = false;
        self.to_terminal.clear();
        self.terminal.disconnected();
        self.drain();
    }

    fn power_cut(&mut self) {
        self.power_cuts += 1;
        self.connected = false;
        self.to_terminal.clear();
        self.terminal = terminal(State::decode(&self.stored).unwrap());
        self.drain();
    }

    fn deliver_to_gateway(&mut self) {
        let Some(pick) = self.pick(self.to_gateway.len()) else { return };
        let (connection, frame) = self.to_gateway.remove(pick);
        for _ in 0..self.copies() {
            let answer = self.gateway.handle(&frame);
            if self.connected && connection == self.connection {
                self.to_terminal.push(answer);
            }
        }
    }

    fn deliver_to_terminal(&mut self) {
        let Some(pick) = self.pick(self.to_terminal.len()) else { return };
        let frame = self.to_terminal.remove(pick);
        for _ in 0..self.copies() {
            self.terminal.received(at(self.ms), Incoming::Frame(frame.clone()));
            self.drain();
        }
    }

    /// The first of a queue, or any one in bad weather.
    fn pick(&mut self, length: usize) -> Option<usize> {
        if length > 0 && self.bad() {
            return usize::try_from(self.below(length as u64)).ok();
        }
        (length > 0).then_some(0)
    }

    /// In bad weather a frame is lost or comes twice.
    fn copies(&mut self) -> u64 {
        if self.bad() { self.below(3) } else { 1 }
    }

    /// Carries the actions out in order; the power may go between any two of them.
    fn drain(&mut self) {
        while let Some(action) = self.terminal.poll_action() {
            if self.below(12) == 0 && self.bad() {
                return self.power_cut();
            }
            match action {
                Action::Persist(bytes) => self.stored = bytes,
                Action::Send(bytes) => {
                    if let Some((Incoming::Frame(frame), _)) = decode(&bytes).unwrap() {
                        assert!(self.connected);
                        self.repeats += u32::from(frame.repeat);
                        self.to_gateway.push((self.connection, frame));
                    }
                }
                Action::Close(_) => {
                    self.connected = false;
                    self.to_terminal.clear();
                }
                Action::Report(Event::Finished(outcome)) => self.note(outcome),
                Action::Report(Event::Alarm(alarm)) => {
                    assert!(!matches!(alarm, Alarm::Unproven { .. } | Alarm::Unreadable { .. }), "{alarm:?}");
                }
                Action::Report(_) => {}
            }
        }
    }

    /// What is reported must be so at that very moment.
    fn note(&mut self, outcome: Outcome) {
        let (applied, undone) = self.gateway.applied.get(&outcome.request_id).copied().unwrap_or_default();
        match outcome.verdict {
            Verdict::Approved => assert_eq!((applied, undone), (1, 0), "{outcome:?}"),
            Verdict::NotReversed => {
                assert_eq!(self.state_of(&outcome.request_id), Some(TransactionState::LIVE))
            }
            _ => assert_eq!(applied, undone, "{outcome:?}"),
        }
        assert_eq!(outcome.proof.is_some(), outcome.answer.is_some());
        self.unacknowledged.insert(outcome.id);
        self.reported.insert(outcome.request_id, outcome);
    }

    fn state_of(&self, request_id: &RequestId) -> Option<TransactionState> {
        self.gateway.journal.values().find(|entry| entry.request_id == *request_id).map(|entry| entry.state)
    }
}

fn load(amount: i64) -> Body {
    let Body::Purchase { amount, .. } = purchase(amount) else { unreachable!() };
    let cash = TenderLine { kind: TenderKind::CASH, amount, reference: None };
    Body::Load { card: card(), amount, tenders: TenderLines::new(vec![cash]).unwrap() }
}
