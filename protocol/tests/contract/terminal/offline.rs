//! Purchases that the terminal approves by itself: within its grant, exactly; and their Advices, exactly once.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use protocol::code::ResponseCode;
use protocol::cose::open_request;
use protocol::field::{
    AmountMinor, CardReference, Flags, Generation, GrantId, TerminalTime, TotalMinor, UnixSeconds,
};
use protocol::frame::MessageType;
use protocol::receipt::{Grant, GrantLimits};
use protocol::terminal::{Details, Event, Now, OfflineError, OfflineSale, State, TransactionId, Verdict};

use super::super::keys::{INSTALLATION, terminal_ed25519};
use super::super::samples::signed_grant;
use super::behaviour::{Till, decoded};
use super::enrolled;

const START: u64 = 1_790_000_000;

fn grant(id: u8, transaction: i64, card: i64, count: u32, sum: i64) -> Grant {
    let minor = |minor| TotalMinor::new(minor).unwrap();
    Grant {
        id: GrantId([id; 8]),
        issued: seconds(START),
        expires: seconds(START + 1000),
        limits: GrantLimits { transaction: minor(transaction), card: minor(card), count, sum: minor(sum) },
        ..super::grant()
    }
}

fn seconds(value: u64) -> UnixSeconds {
    UnixSeconds::new(i64::try_from(value).unwrap()).unwrap()
}

fn card(number: u64) -> CardReference {
    CardReference::from_parts(number).unwrap()
}

impl Till {
    /// A terminal that got this grant and lost its connection then.
    fn alone_with(grant: &Grant) -> Self {
        let mut till = Till::with(enrolled());
        till.sign_on_with(Some(grant));
        till.lose();
        till
    }

    fn sign_on_with(&mut self, grant: Option<&Grant>) {
        self.gateway.grant = grant.map(signed_grant);
        self.connect();
    }

    fn lose(&mut self) {
        self.terminal.disconnected();
        self.sent.clear();
        self.drain();
    }

    fn approve_at(&mut self, seconds: u64, number: u64, minor: i64) -> Result<TransactionId, OfflineError> {
        let now = Now { ms: self.ms, wall: TerminalTime::new(seconds, 480).unwrap() };
        let amount = AmountMinor::new(minor).unwrap();
        let sale = OfflineSale { card: card(number), amount, tenders: None, lines: None };
        let id = self.terminal.approve_offline(now, sale, Details::default());
        self.drain();
        id
    }

    fn approve(&mut self, number: u64, minor: i64) -> Result<TransactionId, OfflineError> {
        self.approve_at(START, number, minor)
    }
}

#[test]
fn each_limit_is_exact() {
    use OfflineError::{CardLimit, CountLimit, SumLimit, TransactionLimit};
    let till = || Till::alone_with(&grant(1, 100, 150, 3, 250));
    let mut one = till();
    assert_eq!(one.approve(1, 101), Err(TransactionLimit));
    assert!(one.approve(1, 100).is_ok());
    assert_eq!(one.approve(1, 51), Err(CardLimit));
    assert!(one.approve(1, 50).is_ok());
    assert_eq!(one.approve(1, 1), Err(CardLimit));
    assert_eq!(one.approve(2, 101), Err(TransactionLimit));
    assert!(one.approve(2, 100).is_ok(), "the sum is reached");
    assert_eq!(one.approve(3, 1), Err(CountLimit));

    let mut two = till();
    assert!(two.approve(1, 100).is_ok() && two.approve(2, 100).is_ok());
    assert_eq!(two.approve(3, 51), Err(SumLimit));
    assert!(two.approve(3, 50).is_ok());
    let allowance = two.terminal.allowance().unwrap();
    assert_eq!((allowance.count(), allowance.sum(), allowance.of_card(card(3))), (3, 250, 50));
}

#[test]
fn a_grant_holds_from_its_issue_until_it_expires() {
    let mut till = Till::alone_with(&grant(1, 100, 1000, 10, 1000));
    assert_eq!(till.approve_at(START - 1, 1, 1), Err(OfflineError::NotYet));
    assert!(till.approve_at(START, 1, 1).is_ok());
    assert!(till.approve_at(START + 999, 1, 1).is_ok());
    assert_eq!(till.approve_at(START + 1000, 1, 1), Err(OfflineError::Expired));
}

#[test]
fn without_a_grant_or_with_a_session_nothing_is_approved() {
    let mut till = Till::with(enrolled());
    assert_eq!(till.approve(1, 1), Err(OfflineError::NoGrant));
    till.sign_on_with(Some(&grant(1, 100, 1000, 10, 1000)));
    assert_eq!(till.approve(1, 1), Err(OfflineError::Online));
    till.lose();
    assert!(till.approve(1, 1).is_ok());
    till.sign_on_with(None);
    till.lose();
    assert_eq!(till.approve(1, 1), Err(OfflineError::NoGrant), "the gateway grants nothing any more");
}

#[test]
fn the_advice_says_when_under_which_grant_and_that_it_was_offline() {
    let granted = grant(1, 100, 1000, 10, 1000);
    let mut till = Till::alone_with(&granted);
    let signed = till.gateway.grant.clone();
    let id = till.approve_at(START + 7, 1, 60).unwrap();
    assert!(till.sent.is_empty());
    assert_eq!(State::decode(&till.stored).unwrap().unfinished().next().map(|advice| advice.id), Some(id));

    till.terminal.connected(super::at(0));
    let hello = till.gateway.connect();
    till.receive(hello);
    let sign_on = till.answer();
    till.receive(sign_on);
    let request = decoded(&till.sent[0]);
    assert_eq!((till.sent[0].kind, till.sent[0].repeat), (MessageType::ADVICE, false));
    assert_eq!(
        (request.header.time.seconds(), request.header.flags),
        (START + 7, Some(Flags::OFFLINE_APPROVED))
    );
    assert_eq!(request.body.grant(), signed.as_ref());
    till.serve();
    assert_eq!(till.verdict(), Some((Verdict::Approved, 0)));
}

#[test]
fn what_was_approved_is_known_after_a_power_cut_and_a_new_grant_counts_from_zero() {
    let mut till = Till::alone_with(&grant(1, 100, 100, 10, 1000));
    till.approve(1, 60).unwrap();
    let mut till = till.restart();
    assert_eq!(till.approve(1, 41), Err(OfflineError::CardLimit));
    till.sign_on_with(Some(&grant(1, 100, 100, 10, 1000)));
    till.lose();
    assert_eq!(till.approve(1, 41), Err(OfflineError::CardLimit), "the same grant again");
    till.sign_on_with(Some(&grant(2, 100, 100, 10, 1000)));
    till.lose();
    assert!(till.approve(1, 100).is_ok());
}

#[test]
fn the_next_grant_is_not_used_before_every_advice_has_an_answer() {
    let mut till = Till::alone_with(&grant(1, 100, 100, 10, 1000));
    till.approve(1, 60).unwrap();
    till.gateway.next_refusal = Some(ResponseCode::NOT_TAKING_MONEY);
    till.sign_on_with(Some(&grant(2, 100, 100, 10, 1000)));
    till.lose();
    assert_eq!(till.approve(1, 60), Err(OfflineError::EarlierAdvices));
    let mut till = till.restart();
    assert_eq!(till.approve(1, 60), Err(OfflineError::EarlierAdvices));
    till.sign_on_with(Some(&grant(3, 100, 100, 10, 1000)));
    till.lose();
    assert!(till.approve(1, 60).is_ok());
    assert!(till.approve(1, 40).is_ok(), "its own do not stand in the way");
}

#[test]
fn a_new_generation_has_no_grant_of_the_old_one_and_its_advices_can_be_imported() {
    let mut till = Till::alone_with(&grant(1, 100, 100, 10, 1000));
    let id = till.approve(1, 60).unwrap();
    till.gateway.generation = Generation::new(2).unwrap();
    till.gateway.grant = None;
    let spki = protocol::field::Blob::new(terminal_ed25519().spki()).unwrap();
    till.terminal.enroll(super::ticket_text().0.parse().unwrap(), spki);
    till.connect();
    till.lose();
    assert_eq!(till.approve(1, 1), Err(OfflineError::NoGrant));
    assert_eq!(till.verdict(), Some((Verdict::Unresolved, 89)));
    let state = State::decode(&till.stored).unwrap();
    let left: Vec<_> = state.advices().collect();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].0, id);
    let opened = open_request(left[0].1, &INSTALLATION, MessageType::ADVICE).unwrap();
    assert!(terminal_ed25519().verify(&opened.to_be_signed, opened.signature));
    till.terminal.acknowledge(id);
    assert_eq!(till.terminal.state().advices().count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Approvals, power cuts, sign-ons with the same, another or no grant: never more than a grant allows, and never less.
    #[test]
    fn no_sequence_exceeds_a_grant_and_each_refusal_has_its_reason(
        limits in (1..60_i64, 1..120_i64, 1..8_u32, 1..240_i64),
        steps in prop::collection::vec((0..12_u8, 1..4_u64, 1..70_i64, 0..1200_u64), 1..60),
    ) {
        let (transaction, of_card, count, sum) = limits;
        let make = |id| grant(id, transaction, of_card, count, sum);
        let mut id = 1;
        let mut till = Till::alone_with(&make(id));
        // Under each grant: what was approved.
        let mut approved: BTreeMap<u8, Vec<(u64, i64)>> = BTreeMap::new();
        for (what, number, minor, after) in steps {
            match what {
                0 => till = till.restart(),
                1 => {
                    id += 1;
                    till.sign_on_with(Some(&make(id)));
                    till.lose();
                }
                2 => {
                    till.sign_on_with(Some(&make(id)));
                    till.lose();
                }
                _ => {
                    let time = START - 100 + after;
                    let so_far = approved.entry(id).or_default();
                    let card_sum: i64 = so_far.iter().filter(|(card, _)| *card == number).map(|two| two.1).sum();
                    let total: i64 = so_far.iter().map(|two| two.1).sum();
                    let covered = minor <= transaction
                        && card_sum + minor <= of_card
                        && so_far.len() < count as usize
                        && total + minor <= sum
                        && (START..START + 1000).contains(&time);
                    let result = till.approve_at(time, number, minor);
                    prop_assert_eq!(result.is_ok(), covered, "{:?}", result);
                    if covered {
                        so_far.push((number, minor));
                    }
                }
            }
            prop_assert_eq!(State::decode(&till.stored).unwrap(), till.terminal.state().clone());
        }
    }

    /// A gateway that is busy, away, or forgets to answer, and power cuts: every Advice is applied once and ends, and none
    /// is sent after it did.
    #[test]
    fn every_advice_ends_and_none_is_sent_after_that(
        sales in prop::collection::vec(1..70_i64, 1..12),
        steps in prop::collection::vec((0..8_u8, 0..6_usize), 0..80),
    ) {
        let mut till = Till::alone_with(&grant(1, 1000, 100_000, 1000, 100_000));
        let mut made = BTreeSet::new();
        for minor in sales {
            made.insert(till.approve(1, minor).unwrap());
        }
        let codes = [9, 30, 63, 91, 94, 96].map(ResponseCode);
        let mut ended: BTreeSet<TransactionId> = BTreeSet::new();
        for (what, pick) in steps.into_iter().chain([(7, 0), (6, 0), (5, 0), (5, 0), (5, 0)]) {
            match what {
                0 => till = till.restart(),
                1 => till.lose(),
                2 => till.gateway.next_refusal = Some(codes[pick]),
                3 if !till.sent.is_empty() => drop(till.sent.remove(0)),
                4 if !till.sent.is_empty() => {
                    let answer = till.answer();
                    till.receive(answer);
                }
                5 => {
                    till.pass(30_000);
                    if !till.terminal.is_signed_on() {
                        till.connect();
                    }
                    till.serve();
                }
                6 | 7 if !till.terminal.is_signed_on() => {
                    till.terminal.connected(super::at(till.ms));
                    let hello = till.gateway.connect();
                    till.receive(hello);
                    let sign_on = till.answer();
                    till.receive(sign_on);
                }
                _ => {}
            }
            for frame in till.sent.iter().filter(|frame| frame.kind == MessageType::ADVICE) {
                let header = decoded(frame).header;
                let id = TransactionId { generation: Generation::FIRST, stan: header.stan.unwrap() };
                prop_assert!(!ended.contains(&id), "sent after it was answered finally");
            }
            for event in till.events.drain(..) {
                if let Event::Finished(outcome) = event {
                    // The gateway declines multiples of 7; nothing else may end without being applied.
                    prop_assert!(matches!(outcome.code, ResponseCode::APPROVED | ResponseCode::NOT_SUFFICIENT_FUNDS));
                    ended.insert(outcome.id);
                }
            }
        }
        prop_assert_eq!(&ended, &made, "every one has an end");
        prop_assert!(till.gateway.applied.values().all(|(applied, undone)| (*applied, *undone) == (1, 0)));
        prop_assert_eq!(till.gateway.journal.len(), made.len());
    }
}
