//! Runs the sources of one pipeline until all have ended.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use estreamer_core::session::Instant;
use estreamer_mio::buffer::Pool;
use estreamer_mio::client::ClientConnection;
use estreamer_mio::event_loop::{EndpointId, EventLoop, after};
use tracing::{error, info};

use super::arena::arena;
use super::collector::Collector;
use super::history::Histories;
use super::listening::Listening;
use super::options::{Health, PendingSignals, Run};
use super::source_task::{Context, SourceTask};
use super::summary::report;
use super::usable::usable;
use crate::config::{Config, OutputConfig, SourceConfig};
use crate::count::Count;
use crate::delivery::ledger::Ledger;
use crate::delivery::pipeline::Pipeline;
use crate::failure::Failure;
use crate::output::destination::Destination;
use crate::reconnect::{Forms, Resolver};
use crate::telemetry::RunState;
use crate::telemetry::monitor::Monitor;
use crate::trouble::Words;

/// Why the sources of a pipeline have ended.
pub(super) enum Ended {
    /// A stop request, a limit, or a failure of the pipeline.
    Stopped,
    /// Another configuration replaces the current one.
    Replaced(Box<Config>),
}

/// The sources with their shared context.
pub(super) struct Supervisor<'a> {
    pub(super) config: &'a mut Config,
    pub(super) sources: &'a mut Vec<Arc<SourceConfig>>,
    pub(super) run: &'a mut Run,
    pub(super) event_loop: &'a mut EventLoop<ClientConnection>,
    pub(super) signals: &'a PendingSignals,
    pub(super) pipeline: &'a Pipeline,
    pub(super) resolver: &'a Resolver,
    pub(super) forms: &'a mut Forms,
    pub(super) histories: &'a mut Histories,
    pub(super) ledger: &'a Ledger,
    pub(super) monitor: &'a Monitor,
    pub(super) listening: &'a mut Listening,
    /// The deadline of a shutdown.
    pub(super) stop_by: &'a Cell<Option<Instant>>,
    /// The start of the first session of the run.
    pub(super) began: &'a Cell<Option<Instant>>,
}

/// Milliseconds between two reports of counts.
const TELL: u32 = 1000;
/// Sources for which everything between two rounds can be done in a millisecond.
const SOURCES_IN_A_MILLISECOND: u64 = 256;
/// The time between two heartbeats.
const BEAT: Duration = Duration::from_secs(1);

const STOPPED: &str = "the client shuts down";
const IDLE: &str = "the client stops because no events came for a while";
const CHANGED: &str = "the client's configuration changed";
const REMOVED: &str = "the client's configuration no longer contains this server";

impl Supervisor<'_> {
    /// Runs until every source has ended.
    pub(super) fn serve(mut self) -> Result<Ended, Failure> {
        let now = self.event_loop.now();
        let mut tasks = Vec::with_capacity(self.sources.len());
        for source in self.sources.iter() {
            tasks.push(SourceTask::new(source.clone(), now)?);
        }
        let arena = arena(self.config.memory, tasks.len())?;
        let pool = Pool::new(arena, self.config.memory, self.event_loop.handle());
        self.monitor.set_pool(pool.clone());
        self.watch_sources();
        self.monitor.set_state(RunState::Collecting);
        // The index of the task of each client.
        let mut clients = HashMap::new();
        let mut successor = None;
        let mut last: Option<Instant> = None;
        let interval = self.run.heartbeat_interval.unwrap_or(BEAT);
        let (mut tell, mut beat) = (now.after(TELL), after(now, interval));
        self.watch(&mut tasks);
        self.beat(&tasks);
        // The deadline of a shutdown.
        let mut end: Option<Instant> = None;
        loop {
            let now = self.event_loop.now();
            if self.event_loop.handle().is_stopped() && end.is_none() {
                self.monitor.set_state(RunState::Stopping);
                end = Some(self.stop(&mut tasks, STOPPED));
                self.tell_pending();
            }
            if self.pipeline.has_failed() || self.pipeline.is_enough() {
                end.get_or_insert_with(|| self.stop(&mut tasks, STOPPED));
            }
            if end.is_none() && self.signals.reload() {
                successor = self.reload(&mut tasks);
                if successor.is_some() {
                    end = Some(self.stop(&mut tasks, CHANGED));
                }
            }
            if self.signals.report() {
                report(self.ledger, self.began.get(), now);
            }
            self.advance(&mut tasks, &pool)?;
            let over = end.is_some_and(|end| now >= end);
            if let Some(new) = &successor
                && !self.event_loop.handle().is_stopped()
                && let Some(stuck) = self.stuck(new)
            {
                if over {
                    error!(
                        output = stuck,
                        "a write does not return, so another configuration cannot use this \
                         output. The configuration is unchanged; \
                         reload again when the output works."
                    );
                    self.revive(&mut tasks)?;
                    (successor, end) = (None, None);
                    self.stop_by.set(None);
                    continue;
                }
            } else if tasks.is_empty() || over {
                break;
            }
            last = activity(&tasks, last, now);
            if let Some(last) = last {
                self.began.set(self.began.get().or(Some(last)));
                let idle = self.run.idle.map(|idle| after(last, idle));
                if idle.is_some_and(|due| now >= due) && end.is_none() {
                    end = Some(self.stop(&mut tasks, IDLE));
                }
            }
            if now >= tell {
                self.ledger.report(false);
                self.watch(&mut tasks);
                self.forms.save();
                tell = now.after(TELL);
            }
            if now >= beat {
                self.beat(&tasks);
                beat = after(now, interval);
            }
            let idle = self.run.idle.filter(|_| end.is_none());
            let idle = idle.and_then(|idle| Some(after(last?, idle)));
            let dues = tasks.iter().filter_map(|task| task.due(now));
            let dues = dues.chain(idle).chain(end).chain([tell, beat]);
            let wait = dues.min().map(|due| due.0.saturating_sub(now.0));
            let wait = wait.map(Duration::from_millis);
            self.rounds(&mut tasks, &mut clients, wait)?;
        }
        Ok(successor.map_or(Ended::Stopped, Ended::Replaced))
    }

    /// Reports the established connections and the delivered events.
    fn beat(&mut self, tasks: &[SourceTask]) {
        let collectors = tasks.iter().filter_map(SourceTask::collector);
        let total = self.ledger.total();
        self.run.beat(Health::Collecting {
            sources: tasks.len(),
            connected: collectors.filter(|it| it.is_connected()).count(),
            received: total.received.events().saturating_sub(total.duplicates),
            accepted: total.accepted.events(),
            newest: total.newest,
        });
    }

    /// Tells the monitor that the event loop turns, and what each source does.
    fn watch(&self, tasks: &mut [SourceTask]) {
        self.monitor.tick();
        for task in tasks {
            task.show(self.monitor, self.event_loop, true);
        }
    }

    /// Tells the monitor which sources there are.
    fn watch_sources(&self) {
        let sources = self.sources.iter();
        let sources = sources.map(|source| (&*source.name, source.identity.certificate()));
        self.monitor.set_sources(sources);
    }

    /// Waits, gives commands to the clients, and a turn to each client that is ready. With
    /// many sources it does so several times, because the work for every source that follows
    /// takes long.
    fn rounds(
        &mut self,
        tasks: &mut [SourceTask],
        clients: &mut HashMap<EndpointId, usize>,
        wait: Option<Duration>,
    ) -> Result<(), Failure> {
        self.event_loop.wait(wait).map_err(Failure::system)?;
        let mut now = self.event_loop.now();
        let end = now.0 + tasks.len() as u64 / SOURCES_IN_A_MILLISECOND;
        for task in tasks.iter_mut() {
            task.command(self.event_loop, now);
        }
        clients.clear();
        for (index, task) in tasks.iter().enumerate() {
            clients.extend(task.client().map(|id| (id, index)));
        }
        loop {
            while let Some((id, client)) = self.event_loop.next_turn() {
                let task = clients.get(&id).and_then(|&index| tasks.get_mut(index));
                if let Some(task) = task {
                    task.after_turn(client, now);
                }
            }
            now = self.event_loop.now();
            if now.0 >= end {
                return Ok(());
            }
            let left = Duration::from_millis(end - now.0);
            self.event_loop.wait(Some(left)).map_err(Failure::system)?;
        }
    }

    /// Advances every source, and removes those that have ended.
    fn advance(&mut self, tasks: &mut Vec<SourceTask>, pool: &Pool) -> Result<(), Failure> {
        let several = self.sources.len() > 1;
        let mut context = Context {
            event_loop: self.event_loop,
            pipeline: self.pipeline,
            pool,
            resolver: self.resolver,
            monitor: self.monitor,
            forms: self.forms,
            histories: self.histories,
            ahead: self.config.ahead,
            prepaid: self.config.prepaid,
            retry: self.config.retry.unwrap_or_default(),
            capture: self.run.capture.as_deref(),
            several,
        };
        let mut index = 0;
        while let Some(task) = tasks.get_mut(index) {
            task.advance(&mut context)?;
            task.show(context.monitor, context.event_loop, false);
            match task.over() {
                None => index += 1,
                Some(failure) => {
                    if let Some(failure) = failure {
                        return Err(failure.clone());
                    }
                    match task.successor() {
                        Some(successor) => *task = successor,
                        None => drop(tasks.swap_remove(index)),
                    }
                }
            }
        }
        Ok(())
    }

    /// Ends all sources; returns the deadline.
    fn stop(&self, tasks: &mut [SourceTask], reason: &'static str) -> Instant {
        for task in tasks {
            task.end(reason, None);
        }
        let limit = u32::try_from(self.config.shutdown.as_millis()).unwrap_or(u32::MAX);
        // Their error messages are sent in the next step.
        self.event_loop.handle().wake();
        let end = self.event_loop.now().after(limit);
        self.stop_by.set(Some(end));
        end
    }

    /// Tells what a stop waits for.
    fn tell_pending(&self) {
        let limit = self.config.shutdown;
        for (output, events) in self.pipeline.pending() {
            info!(
                output,
                "the stop waits for {} that this output has not accepted, at most {}",
                Count(events, "event"),
                Words(limit)
            );
        }
    }

    /// Returns the output that blocks another configuration: a write to it does not
    /// return, and the new configuration would write to the same destination.
    fn stuck(&self, new: &Config) -> Option<&str> {
        let required: Vec<&OutputConfig> =
            self.config.outputs.iter().filter(|o| o.required).collect();
        let called = self.pipeline.called().into_iter();
        let mut called = called.filter_map(|output| required.get(output).copied());
        let stuck = called.find(|output| {
            let same = |new: &OutputConfig| new.destination == output.destination;
            // A TCP output opens a new connection.
            let alone = !matches!(output.destination, Destination::Receiver { .. });
            alone && new.outputs.iter().any(same)
        });
        stuck.map(|output| &*output.name)
    }

    /// Restarts every source: those that are ending start again after their end.
    fn revive(&self, tasks: &mut Vec<SourceTask>) -> Result<(), Failure> {
        let now = self.event_loop.now();
        for source in self.sources.iter() {
            let fresh = SourceTask::new(source.clone(), now)?;
            match tasks.iter_mut().find(|s| s.source.name == source.name) {
                // Its connection is about to end.
                Some(task) => task.end(CHANGED, Some(fresh)),
                None => tasks.push(fresh),
            }
        }
        Ok(())
    }

    /// Reads the configuration again. Changed sources send their requests again, and
    /// outputs reopen their files. If other settings changed, returns the new
    /// configuration, which replaces the current one. An invalid configuration has no
    /// effect.
    fn reload(&mut self, tasks: &mut Vec<SourceTask>) -> Option<Box<Config>> {
        self.pipeline.reopen();
        let Some(reload) = &mut self.run.reload else {
            info!("files are reopened.");
            return None;
        };
        let new = match reload() {
            Ok(new) => new,
            Err(failure) => {
                error!(
                    "{}. The configuration is unchanged.",
                    failure.worded(self.run.wording)
                );
                return None;
            }
        };
        let arenas = (self.sources.len(), new.sources.len());
        if !same_pipeline(self.config, &new, arenas) {
            if let Err(failure) = usable(&new, 0) {
                error!(
                    "{}. The configuration is unchanged.",
                    failure.worded(self.run.wording)
                );
                return None;
            }
            let from = match new.state == self.config.state || new.state.is_none() {
                true => "go on where they were",
                false => "start from the bookmarks in the new state directory",
            };
            info!("the configuration changed; all sources reconnect and {from}.");
            return Some(Box::new(new));
        }
        let sources: Vec<Arc<SourceConfig>> = new.sources.into_iter().map(Arc::new).collect();
        match self.fresh(&sources, tasks) {
            Err(failure) => error!(
                "{}. The configuration is unchanged.",
                failure.worded(self.run.wording)
            ),
            Ok(fresh) => {
                self.listening.change(new.listen);
                let config = &mut *self.config;
                (config.shutdown, config.retry, config.listen) =
                    (new.shutdown, new.retry, new.listen);
                replace(tasks, &sources, fresh);
                *self.sources = sources;
                self.watch_sources();
            }
        }
        None
    }

    /// Returns tasks for the new and the changed sources.
    fn fresh(
        &self,
        sources: &[Arc<SourceConfig>],
        tasks: &[SourceTask],
    ) -> Result<Vec<SourceTask>, Failure> {
        let stays = |source: &SourceConfig| {
            let mut tasks = tasks.iter();
            // Events are asked for from there, and no longer from where the user said.
            let has_position = self.ledger.of(&source.name).newest.is_some();
            tasks.any(|task| !task.is_ending() && same_source(&task.source, source, has_position))
        };
        let fresh = sources.iter().filter(|source| !stays(source));
        fresh
            .map(|source| SourceTask::new(source.clone(), self.event_loop.now()))
            .collect()
    }
}

/// Ends tasks whose source is removed, and starts the `fresh` tasks: at once, or after
/// the end of the task of the same name.
fn replace(tasks: &mut Vec<SourceTask>, sources: &[Arc<SourceConfig>], fresh: Vec<SourceTask>) {
    if fresh.is_empty() && sources.len() == tasks.len() {
        info!("the configuration is reloaded; files are reopened.");
    }
    for task in tasks.iter_mut() {
        let name = &task.source.name;
        if !sources.iter().any(|source| source.name == *name) {
            info!(source = &**name, "collection stopped.");
            task.end(REMOVED, None);
        }
    }
    for new in fresh {
        let name = new.source.name.clone();
        match tasks.iter_mut().find(|old| old.source.name == name) {
            Some(old) => {
                info!(source = &*name, "the source changed; it restarts.");
                old.end(CHANGED, Some(new));
            }
            None => {
                info!(source = &*name, "collection started.");
                tasks.push(new);
            }
        }
    }
}

/// Returns when the last event was received or delivered on any connection. Without a
/// session, returns now: the time without a connection is not idle time.
fn activity(tasks: &[SourceTask], last: Option<Instant>, now: Instant) -> Option<Instant> {
    let all = || tasks.iter().filter_map(SourceTask::collector);
    if !all().any(Collector::is_connected) {
        return last.map(|_| now);
    }
    if all().any(|collector| collector.link.is_busy()) {
        return Some(now);
    }
    all().filter_map(Collector::last).max().max(last)
}

/// Returns whether the pipeline can continue with the new configuration.
fn same_pipeline(old: &Config, new: &Config, (before, now): (usize, usize)) -> bool {
    // Fewer sources can use the existing, smaller arenas.
    let serves = now <= before || arena(old.memory, now).ok() == arena(old.memory, before).ok();
    serves
        && old.state == new.state
        && old.ahead == new.ahead
        && old.prepaid == new.prepaid
        && old.overlap == new.overlap
        && old.memory == new.memory
        && old.outputs == new.outputs
}

/// Returns whether a connection can continue with the new settings of its source. A start like
/// `-1h` is another one at each reload.
fn same_source(old: &SourceConfig, new: &SourceConfig, has_position: bool) -> bool {
    let (a, b) = (&old.identity, &new.identity);
    let authorities = |identity: &estreamer_mio::tls::Identity| -> Vec<[u8; 32]> {
        let all = identity.authorities().iter();
        all.map(|facts| facts.sha256).collect()
    };
    (&old.name, &old.servers, old.bind) == (&new.name, &new.servers, new.bind)
        && (&old.request, old.quirks) == (&new.request, new.quirks)
        && (has_position || old.from == new.from)
        && (old.request_form, old.request_timeout) == (new.request_form, new.request_timeout)
        && old.record_length == new.record_length
        && old.rules == new.rules
        && a.certificate().sha256 == b.certificate().sha256
        && authorities(a) == authorities(b)
}
