//! The terminal's state machine under a gateway that says anything: no panic, nothing sent before it is stored, and
//! what was stored can be read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::cose::Algorithm;
use protocol::field::{
    AmountMinor, Blob, CardReference, Fingerprint, Generation, Installation, Original, Reason, RequestId,
    Shift, Stan, TenderKind, TenderLine, TenderLines, TerminalTime,
};
use protocol::frame::{Frame, Incoming, MessageType, decode};
use protocol::request::{Body, PHONE, RequestSidecar};
use protocol::terminal::{Action, Details, Keys, Now, Settings, State, Terminal};
use protocol_fuzz::hash;

fuzz_target!(|data: &[u8]| {
    let mut stored = enrolled();
    let mut terminal = start(&stored);
    let mut sent: Vec<Frame> = Vec::new();
    let mut now = Now { ms: 0, wall: TerminalTime::new(1_790_000_000, 0).unwrap() };
    let mut rest = data;
    while let [step, tail @ ..] = rest {
        rest = tail;
        match step % 8 {
            0 => terminal.connected(now),
            1 => {
                let details =
                    Details { shift: Some(Shift::FIRST), cashier: "K07".parse().ok(), ..Details::default() };
                let body = body(*step);
                let mut sidecar = RequestSidecar::default();
                if body == Body::CardLookup {
                    sidecar.personal.insert(PHONE, "12345".parse().unwrap());
                }
                if body.kind().is_value() {
                    let _ = terminal.submit(now, body, details, sidecar);
                } else {
                    let _ = terminal.ask(now, body, details, sidecar);
                }
            }
            2 => {
                let last = terminal.state().unfinished().last();
                if let Some(last) = last {
                    let _ = terminal.give_up(now, last.id, Reason::NO_ANSWER);
                }
            }
            3 => {
                now.ms += u64::from(*step) * 100;
                terminal.timed_out(now);
            }
            4 => terminal = start(&stored),
            5 => terminal.disconnected(),
            // A frame of the data: its length in one byte, then body and sidecar.
            kind => {
                let [length, split, tail @ ..] = rest else { return };
                let content = &tail[..usize::from(*length).min(tail.len())];
                rest = &tail[content.len()..];
                let (body, sidecar) = content.split_at(usize::from(*split).min(content.len()));
                let asked = sent.pop();
                let frame = Frame {
                    repeat: step & 0x80 != 0,
                    kind: asked
                        .as_ref()
                        .filter(|_| kind == 6)
                        .map_or(MessageType::HELLO, |asked| asked.kind.answer()),
                    correlation: asked.map_or(0, |asked| asked.correlation),
                    body: body.to_vec(),
                    sidecar: sidecar.to_vec(),
                };
                terminal.received(now, Incoming::Frame(frame));
            }
        }
        while let Some(action) = terminal.poll_action() {
            match action {
                Action::Persist(bytes) => stored = bytes,
                Action::Send(bytes) => {
                    let Ok(Some((incoming, _))) = decode(&bytes) else { panic!("no frame is sent") };
                    let Incoming::Frame(frame) = incoming else { continue };
                    let known = stored.windows(frame.body.len()).any(|window| window == frame.body);
                    assert!(known || !frame.kind.is_value(), "sent before it was stored");
                    sent.push(frame);
                }
                Action::Close(_) | Action::Report(_) => {}
            }
        }
    }
    let state = State::decode(&stored).expect("what was stored can be read");
    assert_eq!(state.encode(), stored);
});

fn enrolled() -> Vec<u8> {
    let mut state = State::new("T0001".parse().unwrap());
    state.installation = Some(Installation([7; 16]));
    state.generation = Some(Generation::FIRST);
    state.currency = protocol::field::Currency::new(156);
    state.encode()
}

fn start(stored: &[u8]) -> Terminal {
    let settings = Settings::new("fuzz 1".parse().unwrap(), Algorithm::EdDsa, Fingerprint([1; 32]));
    let sign = |message: &[u8]| {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&hash(&[message]));
        Some(signature)
    };
    let keys = Keys { sha256: hash, sign: Box::new(sign), verify_gateway: Box::new(|_, _| true) };
    Terminal::new(settings, keys, State::decode(stored).unwrap())
}

fn cash(amount: AmountMinor) -> TenderLines {
    TenderLines::new(vec![TenderLine { kind: TenderKind::CASH, amount, reference: None }]).unwrap()
}

fn body(step: u8) -> Body {
    let (card, amount) =
        (CardReference::from_parts(1).unwrap(), AmountMinor::new(1 + i64::from(step)).unwrap());
    let original = Original {
        terminal: "T0001".parse().unwrap(),
        generation: Generation::FIRST,
        stan: Stan::FIRST,
        request_id: RequestId([1; 32]),
    };
    let (tenders, lines, reason, supervisor) = (None, None, None, None);
    match step / 8 % 32 {
        1 => Body::Refund { amount, lines, original, reason, supervisor },
        2 => Body::Void { original, reason, supervisor },
        3 => Body::Authorize { card, amount, raises: Some(original) },
        4 => Body::Capture { amount, tenders, lines, original },
        5 => Body::Transfer { card, to: CardReference::from_parts(2).unwrap(), amount },
        6 => Body::PurchaseQuote { card, amount, lines: None, points: None },
        7 => Body::ShiftReport { after: u32::from(step) },
        8 => Body::Unload { card, amount, reason, supervisor },
        9 => Body::ChangePin { card },
        10 => Body::CashTaken {
            card: Some(card),
            amount,
            tenders: cash(amount),
            original: None,
            reason: Reason(step),
        },
        11 => Body::Advice { card, amount, tenders, lines, grant: Blob::new(vec![step; 9]).unwrap() },
        12 => Body::CashierSignOn,
        13 => Body::CardLookup,
        14 => Body::Join { card },
        15 => Body::Award { card, activity: "walk".parse().unwrap(), quantity: None },
        16 => Body::Redeem { card, item: "mug".parse().unwrap(), quantity: None },
        17 => Body::UseEntitlement { card, entitlement: "lounge".parse().unwrap(), quantity: None },
        18 => Body::MemberInquiry { card, after: None },
        19 => Body::Catalogue { after: None },
        _ => Body::Purchase { card, amount, tenders, lines, points: None },
    }
}
