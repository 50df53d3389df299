//! The frame (section 2): a length, a header of eight bytes, a body and a sidecar.

use alloc::vec::Vec;
use core::fmt;

pub use crate::message_type::MessageType;

/// The largest value of the length field; a frame on the wire is two bytes longer.
pub const MAX_LENGTH: usize = 4096;
/// What the length field counts besides body and sidecar: version and flags, type, correlation number, body length.
pub const HEADER_LENGTH: usize = 8;
/// Body and sidecar together, at most.
pub const MAX_CONTENT: usize = MAX_LENGTH - HEADER_LENGTH;
/// The frame version of this crate.
pub const VERSION: u8 = 1;
/// A heartbeat on the wire.
pub const HEARTBEAT: [u8; 2] = [0, 0];

const LENGTH_FIELD: usize = 2;
const REPEAT: u8 = 0b0001;

/// A frame with content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Flag 0: in a request "the same signed bytes again", in an answer "the stored answer".
    pub repeat: bool,
    /// What the body is.
    pub kind: MessageType,
    /// Chosen by the terminal; the answer carries the same one.
    pub correlation: u32,
    /// A COSE_Sign1 in a request, a map in an answer.
    pub body: Vec<u8>,
    /// Empty, or one map; never signed.
    pub sidecar: Vec<u8>,
}

/// What was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// Two zero bytes; the gateway sends one back.
    Heartbeat,
    /// A frame with content.
    Frame(Frame),
}

/// Takes one frame from the front of `buffer`: the frame and the number of bytes it took, or `None` for "need more".
///
/// The length is checked before anything is copied, so at most [`MAX_LENGTH`] bytes are ever allocated. An error
/// cannot be repaired (section 2): answer [`MessageType::REJECT`] and close.
pub fn decode(buffer: &[u8]) -> Result<Option<(Incoming, usize)>, FrameError> {
    let Some((length, rest)) = buffer.split_first_chunk::<LENGTH_FIELD>() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes(*length));
    if length == 0 {
        return Ok(Some((Incoming::Heartbeat, LENGTH_FIELD)));
    }
    let fail = |problem| Err(FrameError { problem, correlation: readable_correlation(rest, length) });
    if length < HEADER_LENGTH {
        return fail(FrameProblem::TooShort);
    }
    if length > MAX_LENGTH {
        return fail(FrameProblem::TooLong);
    }
    match rest.first() {
        Some(first) if first >> 4 != VERSION => return fail(FrameProblem::Version),
        Some(first) if first & 0x0f & !REPEAT != 0 => return fail(FrameProblem::Flags),
        _ => {}
    }
    let Some((&[flags, kind, c0, c1, c2, c3, b0, b1], content)) =
        rest.get(..length).and_then(<[u8]>::split_first_chunk::<HEADER_LENGTH>)
    else {
        return Ok(None);
    };
    let Some((body, sidecar)) = content.split_at_checked(usize::from(u16::from_be_bytes([b0, b1]))) else {
        return fail(FrameProblem::BodyLength);
    };
    let frame = Frame {
        repeat: flags & REPEAT != 0,
        kind: MessageType(kind),
        correlation: u32::from_be_bytes([c0, c1, c2, c3]),
        body: body.to_vec(),
        sidecar: sidecar.to_vec(),
    };
    Ok(Some((Incoming::Frame(frame), length.saturating_add(LENGTH_FIELD))))
}

impl Frame {
    /// Appends the frame to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), TooLarge> {
        let length = self
            .body
            .len()
            .checked_add(self.sidecar.len())
            .and_then(|content| content.checked_add(HEADER_LENGTH))
            .filter(|length| *length <= MAX_LENGTH)
            .and_then(|length| u16::try_from(length).ok())
            .ok_or(TooLarge)?;
        let body_length = u16::try_from(self.body.len()).map_err(|_| TooLarge)?;
        out.reserve(usize::from(length).saturating_add(LENGTH_FIELD));
        out.extend_from_slice(&length.to_be_bytes());
        out.push((VERSION << 4) | if self.repeat { REPEAT } else { 0 });
        out.push(self.kind.0);
        out.extend_from_slice(&self.correlation.to_be_bytes());
        out.extend_from_slice(&body_length.to_be_bytes());
        out.extend_from_slice(&self.body);
        out.extend_from_slice(&self.sidecar);
        Ok(())
    }
}

/// Bytes that are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameError {
    /// What is wrong.
    pub problem: FrameProblem,
    /// The correlation number, when the frame is long enough to have one and it has arrived; for the Reject.
    pub correlation: Option<u32>,
}

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameProblem {
    /// Length 1 to 7.
    TooShort,
    /// Length over [`MAX_LENGTH`].
    TooLong,
    /// A version other than [`VERSION`].
    Version,
    /// A flag bit that must be 0.
    Flags,
    /// A body that is longer than the frame.
    BodyLength,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.problem {
            FrameProblem::TooShort => "frame: length 1 to 7",
            FrameProblem::TooLong => "frame: length over 4096",
            FrameProblem::Version => "frame: version other than 1",
            FrameProblem::Flags => "frame: unknown flag",
            FrameProblem::BodyLength => "frame: body longer than the frame",
        })
    }
}

impl core::error::Error for FrameError {}

/// Body and sidecar together exceed [`MAX_CONTENT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("body and sidecar do not fit in a frame")
    }
}

impl core::error::Error for TooLarge {}

/// The correlation number after version, flags and type, if the frame claims to have one and it is there.
fn readable_correlation(rest: &[u8], length: usize) -> Option<u32> {
    let inside = rest.get(..length).unwrap_or(rest);
    inside.get(2..)?.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
}
