//! What answers mean, for any answer.

use super::client::Answer;
use super::elastic::ElasticReceiver;
use super::ndjson::NdjsonReceiver;
use super::otlp::OtlpReceiver;
use super::splunk::SplunkReceiver;
use super::{HttpReceiver, ItemResult, Verdict};
use crate::output::options::{HttpOptions, OtlpEncoding};

/// The maximum number of bytes of a reason: a log line holds it.
const MAX_REASON: usize = 4096;

/// Judges an answer for `count` events as each kind of receiver does.
///
/// # Panics
/// If events are taken for accepted without a success, if there is not one result for each
/// event, or if a reason is too long for a log.
pub fn judge_all(status: u16, count: usize, body: &[u8]) {
    let answer = Answer {
        status,
        retry_after: None,
        body: body.to_vec(),
    };
    let splunk = |ack| {
        SplunkReceiver::new(&HttpOptions {
            ack,
            ..HttpOptions::default()
        })
    };
    let otlp = |encoding| OtlpReceiver {
        path: String::new(),
        encoding,
    };
    let receivers: [Box<dyn HttpReceiver>; 6] = [
        Box::new(NdjsonReceiver {
            path: String::new(),
        }),
        Box::new(splunk(false)),
        Box::new(splunk(true)),
        Box::new(ElasticReceiver {
            index: String::new(),
            path: String::new(),
        }),
        Box::new(otlp(OtlpEncoding::Protobuf)),
        Box::new(otlp(OtlpEncoding::Json)),
    ];
    for mut receiver in receivers {
        let is_success = (200..300).contains(&status);
        match receiver.judge(&answer, count) {
            Verdict::Accepted | Verdict::Pending(_) => assert!(is_success, "{status}"),
            Verdict::Items(items) => {
                assert!(is_success, "{status}");
                assert_eq!(items.len(), count);
                for item in items {
                    match item {
                        ItemResult::Accepted => {}
                        ItemResult::Refused(reason) | ItemResult::Later(reason) => check(&reason),
                    }
                }
            }
            Verdict::Refused(reason) | Verdict::PartlyRefused(reason) | Verdict::Later(reason) => {
                check(&reason);
            }
        }
    }
}

fn check(reason: &str) {
    assert!(!reason.is_empty());
    assert!(reason.len() <= MAX_REASON, "{} bytes", reason.len());
}
