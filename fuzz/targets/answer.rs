//! What a terminal reads: answers, their sidecars, Hello.
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::answer::{Answer, AnswerSidecar};
use protocol::hello::Hello;
use protocol_fuzz::same_or_refused;

fuzz_target!(|data: &[u8]| {
    same_or_refused(Answer::decode(data), data, Answer::encode);
    same_or_refused(AnswerSidecar::decode(data), data, AnswerSidecar::encode);
    same_or_refused(Hello::decode(data), data, Hello::encode);
});
