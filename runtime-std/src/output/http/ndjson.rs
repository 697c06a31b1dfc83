//! One event a line, to any receiver that answers with a status.

use super::client::Answer;
use super::{HttpReceiver, Verdict};
use crate::output::event_queue::QueuedEvent;

/// A receiver of lines.
pub(super) struct NdjsonReceiver {
    pub(super) path: String,
}

impl HttpReceiver for NdjsonReceiver {
    fn path(&self) -> &str {
        &self.path
    }

    fn headers(&self) -> Vec<(&str, &str)> {
        vec![("content-type", "application/x-ndjson")]
    }

    fn body(&self, events: &[QueuedEvent<'_>], body: &mut Vec<u8>) {
        for event in events {
            body.extend_from_slice(event.line);
            body.push(b'\n');
        }
    }

    fn judge(&mut self, answer: &Answer, _: usize) -> Verdict {
        by_status(answer)
    }
}

/// Judges an answer by its status alone. Only 400, 413 and 422 are about the events; with
/// any other error the same events may be accepted later, or after a correction of the
/// settings.
pub(super) fn by_status(answer: &Answer) -> Verdict {
    match answer.status {
        200..=299 => Verdict::Accepted,
        400 | 413 | 422 => Verdict::Refused(answer.shown()),
        401 | 403 => Verdict::Later(format!("{}; check the credentials", answer.shown())),
        300..=399 | 404 | 405 => Verdict::Later(format!("{}; check the URL", answer.shown())),
        _ => Verdict::Later(answer.shown()),
    }
}
