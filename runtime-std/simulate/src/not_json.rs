//! Data that is not the JSON that was asked for, as `data-not-json` shows it.

use serde_json::{Map, Value};

use super::opaque::OPAQUE;

/// What the event of this number becomes: in turn comma-separated values, bytes
/// that are no text, and nothing.
pub(super) fn not_json(json: &[u8], number: u64) -> Vec<u8> {
    match number % 3 {
        0 => values(json),
        1 => json.iter().map(|byte| byte ^ OPAQUE).collect(),
        _ => Vec::new(),
    }
}

/// The values of an object, with commas between them.
fn values(json: &[u8]) -> Vec<u8> {
    // A replayed line may be no JSON, which is what is wanted.
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
