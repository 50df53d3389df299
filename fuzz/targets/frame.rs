//! A stream of frames: whole, or in two parts, it is read alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::frame::{FrameError, Incoming, MAX_LENGTH, decode};

fuzz_target!(|data: &[u8]| {
    let whole = read_all(data);
    if let Some((&split, stream)) = data.split_first() {
        let cut = usize::from(split).min(stream.len());
        // What is complete in the first part is the same with more bytes behind it.
        let first = read_all(&stream[..cut]);
        let all = read_all(stream);
        assert!(first.0.iter().zip(&all.0).all(|(one, other)| one == other) && first.0.len() <= all.0.len());
    }
    let mut again = Vec::new();
    for incoming in &whole.0 {
        match incoming {
            Incoming::Heartbeat => again.extend([0, 0]),
            Incoming::Frame(frame) => frame.encode(&mut again).unwrap(),
        }
    }
    assert!(data.starts_with(&again));
});

fn read_all(mut stream: &[u8]) -> (Vec<Incoming>, Option<FrameError>) {
    let mut read = Vec::new();
    loop {
        match decode(stream) {
            Ok(Some((incoming, taken))) => {
                assert!(taken >= 2 && taken <= MAX_LENGTH + 2);
                read.push(incoming);
                stream = &stream[taken..];
            }
            Ok(None) => {
                assert!(stream.len() < MAX_LENGTH + 2, "a frame is there and is not read");
                return (read, None);
            }
            Err(error) => return (read, Some(error)),
        }
    }
}
