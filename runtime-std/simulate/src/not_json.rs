//! Data that is not JSON although JSON was requested, for the quirk `data-not-json`.

use serde_json::{Map, Value};

use super::opaque::OPAQUE;

/// Returns the replacement for event `n`: in turn comma-separated values, binary bytes, and
/// nothing.
pub(super) fn not_json(json: &[u8], number: u64) -> Vec<u8> {
    match number % 3 {
        0 => values(json),
        1 => json.iter().map(|byte| byte ^ OPAQUE).collect(),
        _ => Vec::new(),
    }
}

/// Returns the values of an object, separated by commas.
fn values(json: &[u8]) -> Vec<u8> {
    // A replayed line that is not JSON needs no change.
    let Ok(object) = serde_json::from_slice::<Map<String, Value>>(json) else {
        return json.to_vec();
    };
    let text: Vec<String> = object
        .values()
        .map(|value| match value {
            Value::String(text) => text.replace(['{', ',', '\n', '\r'], " "),
            other => other.to_string(),
        })
        .collect();
    text.join(",").into_bytes()
}
