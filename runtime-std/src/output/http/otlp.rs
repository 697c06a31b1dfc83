//! OpenTelemetry logs over HTTP (OTLP 1.x), as Protocol Buffers or JSON.

use std::time::{SystemTime, UNIX_EPOCH};

use estreamer_core::fqe::EventKind;
use serde_json::json;

use super::client::Answer;
use super::ndjson::by_status;
use super::protobuf::{self, Value};
use super::{HttpReceiver, Verdict};
use crate::output::event_queue::QueuedEvent;
use crate::output::options::OtlpEncoding;

/// A receiver of log records.
pub(super) struct OtlpReceiver {
    pub(super) path: String,
    pub(super) encoding: OtlpEncoding,
}

/// The name of the service and of the scope.
const NAME: &str = "estreamer";
/// The maximum number of characters of the receiver's reason in a message.
const MAX_REASON: usize = 300;
/// Severity numbers of the specification.
const INFO: u64 = 9;
const WARN: u64 = 13;

/// The events of one source and device.
struct Resource<'q> {
    source: &'q str,
    device: Option<&'q str>,
    events: Vec<QueuedEvent<'q>>,
}

impl HttpReceiver for OtlpReceiver {
    fn path(&self) -> &str {
        &self.path
    }

    fn headers(&self) -> Vec<(&str, &str)> {
        vec![(
            "content-type",
            match self.encoding {
                OtlpEncoding::Protobuf => "application/x-protobuf",
                OtlpEncoding::Json => "application/json",
            },
        )]
    }

    fn body(&self, events: &[QueuedEvent<'_>], body: &mut Vec<u8>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_nanos() as u64);
        for resource in by_resource(events) {
            match self.encoding {
                OtlpEncoding::Protobuf => {
                    protobuf::message(1, body, |out| in_protobuf(&resource, now, out));
                }
                OtlpEncoding::Json => {
                    let begin = match body.is_empty() {
                        true => "{\"resourceLogs\":[",
                        false => ",",
                    };
                    body.extend_from_slice(begin.as_bytes());
                    // Writing to a Vec cannot fail.
                    let _ = serde_json::to_writer(&mut *body, &in_json(&resource, now));
                }
            }
        }
        if self.encoding == OtlpEncoding::Json {
            body.extend_from_slice(b"]}");
        }
    }

    fn judge(&mut self, answer: &Answer, count: usize) -> Verdict {
        if answer.status != 200 {
            return by_status(answer);
        }
        let (refused, reason) = match self.encoding {
            OtlpEncoding::Protobuf => refused_in_protobuf(&answer.body),
            OtlpEncoding::Json => refused_in_json(&answer.body),
        };
        let reason: String = reason.chars().take(MAX_REASON).collect();
        let reason = format!("{refused} of {count} log records were refused: {reason}");
        match refused {
            0 => Verdict::Accepted,
            all if usize::try_from(all).is_ok_and(|all| all >= count) => Verdict::Refused(reason),
            _ => Verdict::PartlyRefused(reason),
        }
    }
}

fn by_resource<'q>(events: &[QueuedEvent<'q>]) -> Vec<Resource<'q>> {
    let mut all: Vec<Resource<'q>> = Vec::new();
    for event in events {
        let (source, device) = (&*event.record.source, event.record.device.as_deref());
        let same = |of: &&mut Resource<'q>| (of.source, of.device) == (source, device);
        match all.iter_mut().find(same) {
            Some(resource) => resource.events.push(*event),
            None => all.push(Resource {
                source,
                device,
                events: vec![*event],
            }),
        }
    }
    all
}

fn attributes<'q>(resource: &Resource<'q>) -> impl Iterator<Item = (&'static str, &'q str)> {
    let device = resource.device.map(|device| ("host.name", device));
    [
        ("service.name", NAME),
        ("estreamer.source", resource.source),
    ]
    .into_iter()
    .chain(device)
}

fn severity(kind: Option<EventKind>) -> (u64, &'static str) {
    match kind {
        Some(EventKind::Intrusion) => (WARN, "WARN"),
        _ => (INFO, "INFO"),
    }
}

/// Appends the fields of a `ResourceLogs`.
fn in_protobuf(resource: &Resource<'_>, now: u64, out: &mut Vec<u8>) {
    protobuf::message(1, out, |out| {
        for (name, value) in attributes(resource) {
            protobuf::message(1, out, |out| {
                protobuf::bytes(1, name.as_bytes(), out);
                protobuf::message(2, out, |out| protobuf::bytes(1, value.as_bytes(), out));
            });
        }
    });
    protobuf::message(2, out, |out| {
        protobuf::message(1, out, |out| {
            protobuf::bytes(1, NAME.as_bytes(), out);
            protobuf::bytes(2, env!("CARGO_PKG_VERSION").as_bytes(), out);
        });
        for event in &resource.events {
            protobuf::message(2, out, |out| record(event, now, out));
        }
    });
}

/// Appends the fields of a `LogRecord`.
fn record(QueuedEvent { record, line }: &QueuedEvent<'_>, now: u64, out: &mut Vec<u8>) {
    if let Some(micros) = record.micros() {
        protobuf::fixed64(1, micros * 1000, out);
    }
    let (number, text) = severity(record.kind);
    protobuf::integer(2, number, out);
    protobuf::bytes(3, text.as_bytes(), out);
    // Text, or bytes if it is not UTF-8.
    let field = match std::str::from_utf8(line) {
        Ok(_) => 1,
        Err(_) => 7,
    };
    protobuf::message(5, out, |out| protobuf::bytes(field, line, out));
    protobuf::fixed64(11, now, out);
    if let Some(kind) = record.kind {
        protobuf::bytes(12, kind.name().as_bytes(), out);
    }
}

fn in_json(resource: &Resource<'_>, now: u64) -> serde_json::Value {
    let text = |value: &str| json!({ "stringValue": value });
    let attributes = attributes(resource);
    let attributes = attributes.map(|(name, value)| json!({ "key": name, "value": text(value) }));
    let records = resource.events.iter().map(|event| {
        let record = event.record;
        let (number, severity) = severity(record.kind);
        let mut shown = json!({
            "observedTimeUnixNano": now.to_string(),
            "severityNumber": number,
            "severityText": severity,
            "body": text(&String::from_utf8_lossy(event.line)),
        });
        if let Some(micros) = record.micros() {
            shown["timeUnixNano"] = json!((micros * 1000).to_string());
        }
        if let Some(kind) = record.kind {
            shown["eventName"] = json!(kind.name());
        }
        shown
    });
    json!({
        "resource": { "attributes": attributes.collect::<Vec<_>>() },
        "scopeLogs": [{
            "scope": { "name": NAME, "version": env!("CARGO_PKG_VERSION") },
            "logRecords": records.collect::<Vec<_>>(),
        }],
    })
}

/// Returns the number of refused records of an `ExportLogsServiceResponse`, and why.
fn refused_in_protobuf(answer: &[u8]) -> (u64, String) {
    let Some(Value::Bytes(partial)) = protobuf::find(answer, 1) else {
        return (0, String::new());
    };
    let refused = match protobuf::find(partial, 1) {
        Some(Value::Integer(refused)) => refused,
        _ => 0,
    };
    let reason = match protobuf::find(partial, 2) {
        Some(Value::Bytes(reason)) => String::from_utf8_lossy(reason).into_owned(),
        _ => String::new(),
    };
    (refused, reason)
}

fn refused_in_json(answer: &[u8]) -> (u64, String) {
    let read: serde_json::Value = serde_json::from_slice(answer).unwrap_or_default();
    let partial = &read["partialSuccess"];
    // An integer of 64 bits is a string in JSON; some write a number.
    let refused = &partial["rejectedLogRecords"];
    let refused = refused
        .as_u64()
        .or_else(|| refused.as_str()?.parse().ok())
        .unwrap_or(0);
    let reason = partial["errorMessage"].as_str().unwrap_or_default();
    (refused, reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_records_are_read_from_either_encoding() {
        let mut answer = Vec::new();
        protobuf::message(1, &mut answer, |out| {
            protobuf::integer(1, 2, out);
            protobuf::bytes(2, b"too old", out);
        });
        assert_eq!(refused_in_protobuf(&answer), (2, "too old".into()));
        assert_eq!(refused_in_protobuf(b""), (0, String::new()));
        let json = br#"{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"too old"}}"#;
        assert_eq!(refused_in_json(json), (2, "too old".into()));
        assert_eq!(refused_in_json(b"{}"), (0, String::new()));
        assert_eq!(refused_in_json(b""), (0, String::new()));
    }
}
