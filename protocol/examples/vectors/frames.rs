//! Framing cases.

use protocol::frame::{self, Incoming};

use crate::files::FrameVector;
use crate::hex;

pub(crate) fn all() -> Vec<FrameVector> {
    let mut vectors = vec![
        vector("heartbeat", vec![0, 0]),
        vector("heartbeat and the beginning of a frame", vec![0, 0, 0, 8]),
        vector("nothing", vec![]),
        vector("half a length", vec![0]),
        vector("smallest frame", frame(8, 0x10, 0x05, 0, 0)),
        vector("repeat flag", frame(8, 0x11, 0x13, 0, 0)),
        vector("body without sidecar", frame(11, 0x10, 0x13, 3, 3)),
        vector("body and sidecar", frame(12, 0x10, 0x13, 3, 4)),
        vector("sidecar without body", frame(10, 0x10, 0x13, 0, 2)),
        vector("largest frame, all body", frame(4096, 0x10, 0x13, 4088, 4088)),
        vector("largest frame, all sidecar", frame(4096, 0x10, 0x13, 0, 4088)),
        vector("frame and a heartbeat after it", [frame(8, 0x10, 0x05, 0, 0), vec![0, 0]].concat()),
        vector("unknown type", frame(8, 0x10, 0x7e, 0, 0)),
        vector("one byte short", frame(12, 0x10, 0x13, 3, 3)),
        vector("header only of a longer frame", frame(100, 0x10, 0x13, 92, 0)),
    ];
    for length in [1, 2, 3, 4, 5, 6, 7] {
        vectors.push(vector(&format!("length {length}"), frame(length, 0x10, 0x13, 0, 0)));
    }
    for length in [4097, 4098, 8192, 65535] {
        vectors.push(vector(&format!("length {length}"), frame(length, 0x10, 0x13, 0, 0)));
    }
    for version in [0, 2, 3, 15] {
        vectors.push(vector(&format!("version {version}"), frame(8, version << 4, 0x13, 0, 0)));
    }
    for flags in [2, 3, 4, 8, 15] {
        vectors.push(vector(&format!("flags {flags}"), frame(8, 0x10 | flags, 0x13, 0, 0)));
    }
    vectors.push(vector("body one byte longer than the frame", frame(11, 0x10, 0x13, 4, 3)));
    vectors.push(vector("body length 65535", frame(4096, 0x10, 0x13, 65535, 4088)));
    vectors.push(vector("bad length in the first two bytes", vec![0x10, 0x01]));
    vectors.push(vector("bad version in the first three bytes", vec![0x00, 0x08, 0x20]));
    vectors.push(vector("HTTP", b"GET / HTTP/1.1\r\n".to_vec()));
    vectors.push(vector("TLS inside TLS", vec![0x16, 0x03, 0x01, 0x02, 0x00]));
    vectors
}

/// A header that says what it says, and `content` bytes after it.
fn frame(length: u16, first: u8, kind: u8, body_length: u16, content: usize) -> Vec<u8> {
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend([first, kind, 0xca, 0xfe, 0x00, 0x01]);
    bytes.extend(body_length.to_be_bytes());
    bytes.extend((0..content).map(|place| u8::try_from(place % 251).unwrap()));
    bytes
}

/// What the frame should be read as is said by the decoder, and held against section 2 by the tests.
fn vector(name: &str, bytes: Vec<u8>) -> FrameVector {
    let mut vector = FrameVector {
        name: name.into(),
        bytes: hex(&bytes),
        result: "error".into(),
        taken: None,
        message_type: None,
        repeat: None,
        correlation: None,
        body: None,
        sidecar: None,
    };
    match frame::decode(&bytes) {
        Ok(None) => vector.result = "incomplete".into(),
        Ok(Some((Incoming::Heartbeat, taken))) => {
            vector.result = "heartbeat".into();
            vector.taken = Some(taken);
        }
        Ok(Some((Incoming::Frame(frame), taken))) => {
            vector.result = "frame".into();
            vector.taken = Some(taken);
            vector.message_type = Some(frame.kind.0);
            vector.repeat = Some(frame.repeat);
            vector.correlation = Some(frame.correlation);
            vector.body = Some(hex(&frame.body));
            vector.sidecar = Some(hex(&frame.sidecar));
        }
        Err(error) => vector.correlation = error.correlation,
    }
    vector
}
