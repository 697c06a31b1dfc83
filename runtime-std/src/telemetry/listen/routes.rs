//! Which path answers what.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::request::Request;
use super::response::Answer;
use crate::sync::lock;
use crate::telemetry::Status;
use crate::telemetry::metrics::{self, Form};
use crate::telemetry::monitor::Monitor;
use crate::telemetry::page;

/// What the paths answer from.
pub(super) struct Routes {
    monitor: Arc<Monitor>,
    /// Whether names other than `localhost` are refused: a page in a browser on this
    /// machine could otherwise read the status under a name of its own.
    only_localhost: bool,
    /// The last status, and when it was taken.
    last: Mutex<Option<(Instant, Status)>>,
}

/// A status is taken at most this often, however many clients ask.
const FRESH: Duration = Duration::from_millis(50);

impl Routes {
    pub(super) fn new(monitor: Arc<Monitor>, only_localhost: bool) -> Self {
        Self {
            monitor,
            only_localhost,
            last: Mutex::default(),
        }
    }

    /// Returns the answer to a request.
    pub(super) fn answer(&self, request: &Request) -> Answer {
        if self.only_localhost && request.host.as_deref().is_some_and(is_foreign) {
            return Answer::FOREIGN;
        }
        let known = ["/", "/status", "/metrics", "/healthz", "/readyz"];
        if !known.contains(&&*request.path) {
            return Answer::NOT_FOUND;
        }
        if !["GET", "HEAD"].contains(&&*request.method) {
            return Answer::NOT_ALLOWED;
        }
        let status = self.status();
        match &*request.path {
            "/status" => {
                // A status always is JSON.
                let body = serde_json::to_string(&status).unwrap_or_default();
                Answer::ok("application/json", body)
            }
            "/metrics" => {
                let form = match request.takes_openmetrics {
                    true => Form::OpenMetrics,
                    false => Form::Prometheus,
                };
                let body = metrics::write(status, form).unwrap_or_default();
                Answer::ok(form.content_type(), body)
            }
            "/healthz" => match status.is_alive() {
                true => Answer::probe(true, "the event loop turns"),
                false => Answer::probe(false, "the event loop does not turn"),
            },
            "/readyz" => match status.is_ready() {
                true => Answer::probe(true, "it collects"),
                false => Answer::probe(false, &status.problems().join("\n")),
            },
            _ => Answer {
                policy: page::policy(),
                ..Answer::ok("text/html; charset=utf-8", page::write(&status))
            },
        }
    }

    fn status(&self) -> Status {
        let mut last = lock(&self.last);
        match &*last {
            Some((at, status)) if at.elapsed() < FRESH => status.clone(),
            _ => {
                let status = self.monitor.status();
                *last = Some((Instant::now(), status.clone()));
                status
            }
        }
    }
}

fn is_foreign(host: &str) -> bool {
    host.parse::<IpAddr>().is_err() && !host.eq_ignore_ascii_case("localhost")
}
