//! What a source does after the end of a connection: another attempt, a wait, or the end of
//! the source.

use super::{Context, Phase, SourceTask};
use crate::collect::connection::Connection;
use crate::collect::connection_log::NextAttempt;
use crate::config::RetryPolicy;
use crate::reconnect::{AfterEnd, EndedConnection};
use estreamer_mio::client::ClientEnd;

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
        let ended = EndedConnection {
            end,
            server,
            watch: &collector.watch,
            is_answered: collector.is_answered(),
            // Asked before records are counted, because records in flight may be new.
            is_busy: collector.link.is_busy(),
            records: collector.new_records(),
            now: context.event_loop.now(),
        };
        context.monitor.ended(&self.source.name, ended.cause());
        // No later connection of this source sends them.
        if ended.objects_to_prepaid() {
            self.log.prepaid_refused(&ended.server);
        }
        let after = self.attempts.ended(ended, context.forms);
        self.go_on(after, context);
    }

    /// Does what follows.
    pub(super) fn go_on(&mut self, after: AfterEnd, context: &mut Context<'_>) {
        if let AfterEnd::Server(failed) | AfterEnd::Wait(failed, _) = &after {
            context.monitor.failed(&self.source.name, &failed.failure);
        }
        if context.pipeline.has_failed() || self.after.is_some() {
            self.phase = Phase::Over(None);
            return;
        }
        match after {
            AfterEnd::Nothing => self.phase = Phase::Over(None),
            AfterEnd::Address(address) => {
                self.phase = match context.pipeline.connect(&self.info, self.source.from) {
                    Some(pending) => Phase::Asking(pending, address),
                    // The pipeline has ended.
                    None => Phase::Over(None),
                };
            }
            AfterEnd::Form(failed, form) => {
                self.log.form(failed.failure.what(), &form.to_string());
                self.resolve(context);
            }
            AfterEnd::Server(failed) => {
                let (cause, server) = (failed.cause(), self.attempts.server());
                let next = NextAttempt::Server(&server);
                self.log
                    .failed(&format!("{cause} {server}"), &failed.failure, &next);
                self.resolve(context);
            }
            AfterEnd::Wait(failed, wait)
                if context.retry == RetryPolicy::Always
                    || self.attempts.is_proven()
                    || context.histories.of(&self.source.name).has_worked =>
            {
                let next = NextAttempt::In(wait);
                self.log.failed(failed.cause(), &failed.failure, &next);
                let now = context.event_loop.now();
                self.phase = Phase::Due(now.after(wait.as_millis() as u32));
            }
            AfterEnd::Wait(failed, _) => self.phase = Phase::Over(Some(failed.failure)),
        }
    }
}
