//! The strict check against a second opinion: ciborium reads the bytes, the rules of section 3 are applied to what it
//! read, and what it writes again must be the same bytes.
#![no_main]

use ciborium::Value;
use libfuzzer_sys::fuzz_target;
use protocol::strict::{MAX_DEPTH, check, check_cose};

fuzz_target!(|data: &[u8]| {
    if data.len() > 4096 {
        return;
    }
    assert_eq!(check(data).is_ok(), second_opinion(data, false), "{:?}", check(data));
    assert_eq!(check_cose(data).is_ok(), second_opinion(data, true), "{:?}", check_cose(data));
});

fn second_opinion(data: &[u8], negative_keys: bool) -> bool {
    let mut rest = data;
    let Ok(value) = ciborium::de::from_reader::<Value, _>(&mut rest) else { return false };
    let mut again = Vec::new();
    ciborium::ser::into_writer(&value, &mut again).unwrap();
    rest.is_empty() && again == data && allowed(&value, 0, negative_keys)
}

/// `depth` counts the arrays and maps around this value.
fn allowed(value: &Value, depth: usize, negative_keys: bool) -> bool {
    match value {
        Value::Integer(number) => i64::try_from(*number).is_ok(),
        Value::Bytes(_) | Value::Text(_) | Value::Bool(_) | Value::Null => true,
        Value::Array(items) => {
            depth < MAX_DEPTH && items.iter().all(|item| allowed(item, depth + 1, negative_keys))
        }
        Value::Map(entries) => {
            let keys: Option<Vec<Vec<u8>>> =
                entries.iter().map(|(key, _)| encoded_key(key, negative_keys)).collect();
            depth < MAX_DEPTH
                && keys.is_some_and(|keys| keys.is_sorted_by(|one, next| one < next))
                && entries.iter().all(|(_, value)| allowed(value, depth + 1, negative_keys))
        }
        _ => false,
    }
}

/// The bytes by which keys are ordered; `None` for a key that is not allowed.
fn encoded_key(key: &Value, negative_keys: bool) -> Option<Vec<u8>> {
    let number = i64::try_from(key.as_integer()?).ok()?;
    if number < 0 && !negative_keys {
        return None;
    }
    let mut bytes = Vec::new();
    ciborium::ser::into_writer(key, &mut bytes).ok()?;
    Some(bytes)
}
