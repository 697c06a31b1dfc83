//! Answers of HTTP receivers.

use estreamer_core::fuzzing::Choices;

use crate::output::http::fuzzing::judge_all;

/// Judges an answer as each kind of receiver does. The first byte selects the status, the
/// second one the number of events; the rest is the body.
pub fn answers(data: &[u8]) {
    let mut choices = Choices::new(data);
    let status = STATUS[choices.size() % STATUS.len()];
    let count = 1 + choices.size() % 8;
    judge_all(status, count, choices.rest());
}

const STATUS: [u16; 14] = [
    200, 200, 200, 200, 201, 204, 301, 400, 401, 404, 409, 413, 429, 503,
];
