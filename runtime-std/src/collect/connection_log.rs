//! Tells what happens to the connections of one source.

use std::fmt::Write;
use std::time::{Duration, Instant};

use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::client::ClientConnection;
use tracing::{debug, info, warn};

use crate::certificate::{self, days_left};
use crate::config::from::in_words;
use crate::count::Count;
use crate::failure::{Failure, Remedy};
use crate::trouble::{Trouble, Words};

/// The messages about one source. Each is told once; those about trouble are limited by
/// [`Trouble`].
#[derive(Debug, Default)]
pub(super) struct ConnectionLog {
    source: String,
    trouble: Trouble,
    is_connecting: bool,
    is_requested: bool,
    has_event: bool,
    /// The server of the last connection that was told.
    server: Option<String>,
    /// The warnings about certificates that were told.
    warned: Vec<String>,
}

/// What happens next.
pub(super) enum NextAttempt<'a> {
    /// The next attempt after this time.
    In(Duration),
    /// Another server, at once.
    Server(&'a str),
}

impl ConnectionLog {
    pub(super) fn new(source: &str) -> Self {
        Self {
            source: source.to_owned(),
            ..Self::default()
        }
    }

    /// An attempt begins.
    pub(super) fn connecting(&mut self, server: &str) {
        let source = &*self.source;
        match std::mem::replace(&mut self.is_connecting, true) {
            false => info!(source, "connecting to {server}"),
            true => debug!(source, "connecting to {server}"),
        }
    }

    /// The server has accepted the connection; `server` with the address, `from` as
    /// requested.
    pub(super) fn connected(
        &mut self,
        server: &str,
        client: &ClientConnection,
        from: InitialTimestamp,
    ) {
        let (source, now) = (&*self.source, Instant::now());
        let is_first = self.server.is_none();
        let again = self.server.as_deref() == Some(server);
        let mut text = match again {
            true => format!("reconnected to {server}"),
            false => format!("connected to {server}"),
        };
        let has_failed = self.trouble.has_failed();
        let recovery = self.trouble.works(now);
        if let Some(recovery) = recovery {
            let attempts = Count(recovery.failures.into(), "failure");
            // Writing to a String cannot fail.
            let _ = write!(text, " after {} and {attempts}", Words(recovery.after));
        }
        let tls = client.tls();
        if !again {
            let version = tls.protocol_version().unwrap_or("TLS");
            let _ = write!(text, " with {version}");
            if let Some(facts) = tls.peer() {
                let days = days_left(facts, certificate::now());
                let days = Count(u64::try_from(days).unwrap_or_default(), "day");
                let _ = write!(text, "; the certificate of the server is valid for {days}");
            }
        }
        if is_first || recovery.is_some() || !has_failed {
            info!(source, "{text}");
            self.server = Some(server.to_owned());
        } else {
            debug!(source, "{text}");
        }
        let certificate = tls.peer();
        for warning in certificate
            .iter()
            .flat_map(|it| it.warnings(certificate::now()))
        {
            let warning = warning.to_string();
            if !self.warned.contains(&warning) {
                warn!(source, "{warning}");
                self.warned.push(warning);
            }
        }
        let from = start(from);
        match std::mem::replace(&mut self.is_requested, true) {
            false => info!(source, "requested events {from}"),
            true => debug!(source, "requested events {from}"),
        }
    }

    /// Events have arrived; `archival` is the archival time of the first.
    pub(super) fn event(&mut self, archival: Option<u32>) {
        if !std::mem::replace(&mut self.has_event, true) {
            let archived = archival.map(|second| {
                let time = certificate::utc(second.into());
                format!(", archived at {time}")
            });
            info!(
                source = &*self.source,
                "first event{}",
                archived.unwrap_or_default()
            );
        }
    }

    /// An attempt or a connection failed.
    pub(super) fn failed(&mut self, cause: &str, failure: &Failure, next: &NextAttempt<'_>) {
        let (source, now) = (&*self.source, Instant::now());
        let what = match self.trouble.has_failed() || self.server.is_none() {
            true => failure.what().to_owned(),
            false => format!("disconnected: {}", failure.what()),
        };
        let next = match next {
            NextAttempt::In(wait) => format!("Trying again in {}", Words(*wait)),
            NextAttempt::Server(server) => format!("Trying {server} now"),
        };
        match self.trouble.failed(cause, &what, now) {
            None => debug!(source, cause, "{what}. {next}."),
            Some(times) => {
                let remedy = match failure.remedy() {
                    Remedy::None | Remedy::CollectAgain => String::new(),
                    remedy => format!("{remedy}. "),
                };
                warn!(source, cause, "{what}{times}. {remedy}{next}.");
            }
        }
    }

    /// The server ended a connection soon after null messages ahead of need.
    pub(super) fn prepaid_refused(&self, server: &str) {
        warn!(
            source = &*self.source,
            "{server} ended the connection soon after null messages that were sent ahead of \
             need. It may object to them, so this source sends no more of them."
        );
    }

    /// The server did not answer this form of the request.
    pub(super) fn form(&mut self, what: &str, form: &str) {
        let (source, cause) = (&*self.source, format!("form {form}"));
        let text = format!("{what}. It may expect another form of the request. Trying {form}.");
        match self.trouble.failed(&cause, what, Instant::now()) {
            Some(_) => info!(source, cause = "form", "{text}"),
            None => debug!(source, cause = "form", "{text}"),
        }
    }

    /// When [`summarise`](Self::summarise) has something to tell, from now.
    pub(super) fn due(&self) -> Option<Duration> {
        let due = self.trouble.due()?;
        Some(due.saturating_duration_since(Instant::now()))
    }

    /// Tells what was not told for a minute.
    pub(super) fn summarise(&mut self) {
        if self.trouble.due().is_none() {
            return;
        }
        while let Some(summary) = self.trouble.summary(Instant::now()) {
            warn!(source = &*self.source, "{summary}.");
        }
    }
}

/// From when events are requested.
pub(super) fn start(from: InitialTimestamp) -> String {
    format!("from {} on", in_words(from))
}
