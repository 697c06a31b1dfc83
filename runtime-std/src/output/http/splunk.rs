//! Splunk's HTTP Event Collector.

use std::io;

use ring::rand::{SecureRandom, SystemRandom};
use serde::Deserialize;

use super::client::{Answer, Post};
use super::elastic::is_json_object;
use super::ndjson::by_status;
use super::{HttpReceiver, Verdict};
use crate::format::HecEvent;
use crate::output::event_queue::QueuedEvent;
use crate::output::options::HttpOptions;

/// A receiver of events, with or without acknowledgements of its indexers.
pub(super) struct SplunkReceiver {
    index: Option<String>,
    sourcetype: String,
    ack: bool,
    /// Acknowledgements belong to a channel.
    channel: String,
}

/// What the collector answers.
#[derive(Deserialize)]
struct HecAnswer {
    code: Option<u32>,
    #[serde(rename = "ackId")]
    ack_id: Option<u64>,
}

/// Which acknowledgements have come.
#[derive(Deserialize)]
struct AckAnswer {
    acks: std::collections::HashMap<String, bool>,
}

/// Codes for events that the collector cannot read.
const BAD_EVENT: [u32; 4] = [5, 6, 12, 13];

impl SplunkReceiver {
    pub(super) fn new(options: &HttpOptions) -> Self {
        Self {
            index: options.index.clone(),
            sourcetype: options.sourcetype.clone(),
            ack: options.ack,
            channel: random_uuid(),
        }
    }
}

impl HttpReceiver for SplunkReceiver {
    fn path(&self) -> &str {
        "/services/collector/event"
    }

    fn headers(&self) -> Vec<(&str, &str)> {
        vec![
            ("content-type", "application/json"),
            ("x-splunk-request-channel", &self.channel),
        ]
    }

    fn body(&self, events: &[QueuedEvent<'_>], body: &mut Vec<u8>) {
        for QueuedEvent { record, line } in events {
            HecEvent {
                micros: record.micros(),
                host: record.device.as_deref().unwrap_or(&record.source),
                source: &record.source,
                sourcetype: &self.sourcetype,
                index: self.index.as_deref(),
                is_object: is_json_object(line),
            }
            .append(line, body);
        }
    }

    fn judge(&mut self, answer: &Answer, _: usize) -> Verdict {
        let read = serde_json::from_slice::<HecAnswer>(&answer.body).ok();
        let code = read.as_ref().and_then(|answer| answer.code);
        match (answer.status, code) {
            (200..=299, _) if self.ack => match read.and_then(|answer| answer.ack_id) {
                Some(ack) => Verdict::Pending(ack),
                None => Verdict::Later(
                    "the answer has no ackId; enable indexer acknowledgement for the token, or \
                     remove ack"
                        .into(),
                ),
            },
            // An empty event, or one that is not JSON.
            (400, Some(code)) if BAD_EVENT.contains(&code) => Verdict::Refused(answer.shown()),
            (400, None) | (413, _) => Verdict::Refused(answer.shown()),
            (400, Some(7)) => Verdict::Later(format!("{}; check index", answer.shown())),
            (400, Some(14)) => Verdict::Later(format!("{}; remove ack", answer.shown())),
            (400 | 422, Some(_)) => Verdict::Later(answer.shown()),
            (401 | 403, _) => Verdict::Later(format!("{}; check token", answer.shown())),
            _ => by_status(answer),
        }
    }

    fn acknowledged(&mut self, client: &dyn Post, pending: &[u64]) -> io::Result<Vec<u64>> {
        let path = format!("/services/collector/ack?channel={}", self.channel);
        let body = serde_json::json!({ "acks": pending }).to_string();
        let answer = client.post(&path, &self.headers(), body.as_bytes())?;
        if answer.status != 200 {
            let text = format!("asking for acknowledgements: {}", answer.shown());
            return Err(io::Error::other(text));
        }
        let read: AckAnswer = serde_json::from_slice(&answer.body)?;
        let come = read.acks.into_iter().filter(|(_, come)| *come);
        Ok(come.filter_map(|(ack, _)| ack.parse().ok()).collect())
    }

    fn renew(&mut self) {
        self.channel = random_uuid();
    }
}

/// Returns a random UUID.
fn random_uuid() -> String {
    let mut bytes = [0; 16];
    // Without random numbers of the system there is no TLS either.
    let _ = SystemRandom::new().fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}
