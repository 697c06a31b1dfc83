//! What follows from the end of a connection: another form of the request, another server,
//! a wait, or the end of the source.

use std::time::Duration;

use estreamer_core::fqe::RequestForm;
use estreamer_core::session::End;
use estreamer_mio::client::ClientEnd;

use super::{Context, Phase, SourceTask};
use crate::collect::connection::Connection;
use crate::collect::connection_log::{self, NextAttempt};
use crate::collect::forms::Next;
use crate::config::RetryPolicy;
use crate::explain::{explain, unanswered};
use crate::failure::Failure;
use crate::telemetry::cause::EndCause;
use crate::trouble::Words;

/// A server that closes later than this after the handshake does not refuse the client.
const STOOD_IDLE: Duration = Duration::from_secs(3);

impl SourceTask {
    /// Processes the end of the connection.
    pub(super) fn ended(&mut self, end: ClientEnd, context: &mut Context<'_>) {
        let phase = std::mem::replace(&mut self.phase, Phase::Over(None));
        let Phase::Connected(connection) = phase else {
            return;
        };
        let Connection {
            id,
            collector,
            server,
            ..
        } = connection;
        if let Some(id) = id {
            context.event_loop.remove(id);
        }
        self.proven |= collector.is_answered();
        if collector.is_connected() {
            self.stood = Some(self.turn.current());
        }
        // Done before records are counted, because records in flight may be new.
        let busy = collector.link.is_busy();
        let stood = collector.age(context.event_loop.now());
        let progress = self
            .backoff
            .connection_ended(stood, collector.new_records());
        let cause = match &end {
            _ if collector.is_silent() || collector.gone().is_some() => Some(EndCause::Silent),
            ClientEnd::Session(End::BeforeFirstByte, _) if stood >= STOOD_IDLE => {
                Some(EndCause::Closed)
            }
            end => EndCause::of(end),
        };
        context.monitor.ended(&self.source.name, cause);
        match end {
            ClientEnd::Session(End::Closed, _) if collector.is_silent() => {
                self.silent(&server, context);
            }
            ClientEnd::Session(End::Closed, _) if collector.gone().is_some() => {
                let (silence, usual) = collector.gone().unwrap_or_default();
                let what = format!(
                    "{server} has sent nothing for {}; before, it sent a null message at least \
                     every {}",
                    Words(silence),
                    Words(usual)
                );
                let remedy = "Check whether the server runs, and the firewalls on the path";
                let end = ClientEnd::Session(End::PeerSilent, String::new());
                self.server_failed(end, Failure::failed(what, remedy), context);
            }
            ClientEnd::Session(End::Closed, _) => {}
            // Another address of the server may answer.
            ClientEnd::Connect(_)
            | ClientEnd::ConnectTimeout(_)
            | ClientEnd::HandshakeTimeout(_) => {
                self.last = Some((server, end));
                self.next(context);
            }
            end if progress || busy => {
                let failure = explain(&server, &end);
                self.turn.works();
                self.ends = vec![end];
                self.failed(failure, context);
            }
            end if collector.is_answered() => {
                let failure = explain(&server, &end);
                self.server_failed(end, failure, context);
            }
            ClientEnd::Session(End::BeforeFirstByte, text) if stood >= STOOD_IDLE => {
                self.closed_idle(&server, stood, text, context);
            }
            end => self.refused(&server, end, context),
        }
        if self.after.is_some() {
            self.phase = Phase::Over(None);
        }
    }

    /// Processes an end before the server answered.
    fn refused(&mut self, server: &str, end: ClientEnd, context: &mut Context<'_>) {
        let next = context.forms.refused(&self.source, &self.server(), &end);
        let failure = match next {
            Some(Next::Try(form)) => {
                let what = explain(server, &end);
                return self.try_form(what.what(), form, context);
            }
            Some(Next::Wait { tried_all: true }) => unanswered(server, &end),
            Some(Next::Wait { tried_all: false }) | None => explain(server, &end),
        };
        self.server_failed(end, failure, context);
    }

    /// Processes a server that did not answer the request.
    fn silent(&mut self, server: &str, context: &mut Context<'_>) {
        let seconds = self.source.request_timeout.as_secs();
        let what = format!("{server} sent nothing within {seconds} s of the request");
        match context.forms.silent(&self.source, &self.server()) {
            Next::Try(form) => self.try_form(&what, form, context),
            Next::Wait { .. } => {
                let end = ClientEnd::Session(End::PeerSilent, String::new());
                let remedy =
                    "Run the doctor: it shows which forms of the request the server answers";
                self.server_failed(end, Failure::failed(what, remedy), context);
            }
        }
    }

    /// Processes a server that closed a connection on which it had sent nothing for some
    /// seconds. A server that refuses this client closes at once; this one has nothing to
    /// send, or waits for the rest of a request that it reads differently.
    fn closed_idle(
        &mut self,
        server: &str,
        stood: Duration,
        text: String,
        context: &mut Context<'_>,
    ) {
        self.proven = true;
        let what = format!(
            "{server} closed the connection after {} without having sent anything",
            Words(stood)
        );
        let (_, heeds_silence) = context.forms.form(&self.source, &self.server());
        if heeds_silence && let Next::Try(form) = context.forms.silent(&self.source, &self.server())
        {
            return self.try_form(&what, form, context);
        }
        let end = ClientEnd::Session(End::Idle, text);
        self.server_failed(end, Failure::failed(what, ""), context);
    }

    fn try_form(&mut self, what: &str, form: RequestForm, context: &Context<'_>) {
        if context.pipeline.has_failed() || self.after.is_some() {
            return;
        }
        self.log.form(what, &form.to_string());
        self.resolve(context);
    }

    /// Processes the failure of one server: the next one is tried at once.
    pub(super) fn server_failed(
        &mut self,
        end: ClientEnd,
        failure: Failure,
        context: &Context<'_>,
    ) {
        self.ends.push(end);
        context.monitor.failed(&self.source.name, &failure);
        if !self.turn.next() || context.pipeline.has_failed() || self.after.is_some() {
            return self.failed(failure, context);
        }
        let (cause, server) = (self.cause(), self.server());
        let next = NextAttempt::Server(&server);
        self.log
            .failed(&format!("{cause} {server}"), &failure, &next);
        self.resolve(context);
    }

    /// Processes the failure of all servers: waits, or ends the task.
    fn failed(&mut self, failure: Failure, context: &Context<'_>) {
        context.monitor.failed(&self.source.name, &failure);
        if context.pipeline.has_failed() {
            self.phase = Phase::Over(None);
        } else if self.proven || context.retry == RetryPolicy::Always {
            let wait = self.backoff.after(&self.ends);
            let next = NextAttempt::In(wait);
            self.log.failed(self.cause(), &failure, &next);
            let now = context.event_loop.now();
            self.phase = Phase::Due(now.after(wait.as_millis() as u32));
        } else {
            self.phase = Phase::Over(Some(failure));
        }
    }

    /// Returns the cause of the last end.
    fn cause(&self) -> &'static str {
        self.ends.last().map_or("", connection_log::cause)
    }
}
