//! The bulk API of Elasticsearch and OpenSearch. Each event has an identifier of its own, so
//! that an event which is sent again is not stored twice.

use std::io::Write;

use serde::Deserialize;
use serde::de::IgnoredAny;
use time::OffsetDateTime;

use super::client::Answer;
use super::ndjson::by_status;
use super::{HttpReceiver, ItemResult, Verdict};
use crate::output::event_queue::QueuedEvent;

/// A receiver of documents.
pub(super) struct ElasticReceiver {
    pub(super) index: String,
    pub(super) path: String,
}

#[derive(Deserialize)]
struct BulkAnswer {
    #[serde(default)]
    items: Vec<BulkItem>,
}

#[derive(Deserialize)]
struct BulkItem {
    create: CreateResult,
}

#[derive(Deserialize)]
struct CreateResult {
    status: u16,
    error: Option<serde_json::Value>,
}

/// The maximum number of characters of an error to keep.
const MAX_ERROR: usize = 300;

impl HttpReceiver for ElasticReceiver {
    fn path(&self) -> &str {
        &self.path
    }

    fn headers(&self) -> Vec<(&str, &str)> {
        vec![("content-type", "application/x-ndjson")]
    }

    fn body(&self, events: &[QueuedEvent<'_>], body: &mut Vec<u8>) {
        for QueuedEvent { record, line } in events {
            body.extend_from_slice(b"{\"create\":{\"_index\":");
            let _ = serde_json::to_writer(&mut *body, &self.index);
            let second = record.archival.unwrap_or(0);
            // Digest, archival second and number among equals: the same after a restart.
            let _ = writeln!(
                body,
                ",\"_id\":\"{:?}-{second}-{}\"}}}}",
                record.digest, record.ordinal
            );
            let time = record.micros().and_then(rfc3339);
            let is_object = is_json_object(line);
            body.push(b'{');
            if let Some(time) = time.filter(|_| !is_object || !has_timestamp(line)) {
                let _ = write!(body, "\"@timestamp\":\"{time}\"");
                if !is_object || !is_empty(line) {
                    body.push(b',');
                }
            }
            match is_object {
                true => body.extend_from_slice(&line.trim_ascii_start()[1..]),
                false => {
                    body.extend_from_slice(b"\"message\":");
                    let _ = serde_json::to_writer(&mut *body, &String::from_utf8_lossy(line));
                    body.push(b'}');
                }
            }
            body.push(b'\n');
        }
    }

    fn judge(&mut self, answer: &Answer, count: usize) -> Verdict {
        if answer.status != 200 {
            return by_status(answer);
        }
        let Ok(read) = serde_json::from_slice::<BulkAnswer>(&answer.body) else {
            return Verdict::Later(format!("not the answer of a bulk API: {}", answer.shown()));
        };
        if read.items.len() != count {
            let found = read.items.len();
            return Verdict::Later(format!("{found} results for {count} events"));
        }
        Verdict::Items(
            read.items
                .into_iter()
                .map(|item| item.create.result())
                .collect(),
        )
    }
}

impl CreateResult {
    fn result(self) -> ItemResult {
        match self.status {
            // With 409 the document is there: it was sent before.
            200..=299 | 409 => ItemResult::Accepted,
            400 | 413 | 422 => ItemResult::Refused(self.shown()),
            _ => ItemResult::Later(self.shown()),
        }
    }

    fn shown(&self) -> String {
        let text = |name: &str| {
            let error = self.error.as_ref()?;
            error.get(name).and_then(|text| text.as_str())
        };
        let parts = ["type", "reason"].iter().filter_map(|name| text(name));
        let parts: Vec<&str> = parts.collect();
        let text: String = parts.join(": ").chars().take(MAX_ERROR).collect();
        format!("status {} for an event: {text}", self.status)
    }
}

/// Returns whether a line is one JSON object in UTF-8.
pub(super) fn is_json_object(line: &[u8]) -> bool {
    line.trim_ascii_start().starts_with(b"{")
        && std::str::from_utf8(line)
            .is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

fn has_timestamp(line: &[u8]) -> bool {
    memchr::memmem::find(line, b"\"@timestamp\"").is_some()
}

/// Returns whether a JSON object has no member.
fn is_empty(line: &[u8]) -> bool {
    line.trim_ascii_start()[1..]
        .trim_ascii_start()
        .starts_with(b"}")
}

fn rfc3339(micros: u64) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).ok()?;
    time.format(&time::format_description::well_known::Rfc3339)
        .ok()
}
