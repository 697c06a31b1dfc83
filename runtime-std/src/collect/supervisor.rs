//! The sources of one pipeline, until all have ended.

use std::cell::Cell;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use estreamer_core::session::Instant;
use estreamer_mio::buffer::Pool;
use estreamer_mio::client::Client;
use estreamer_mio::event_loop::EventLoop;

use super::collector::Collector;
use super::forms::Forms;
use super::options::{Health, PendingSignals, Run};
use super::progress::Progress;
use super::resolver::Resolver;
use super::source_task::{Context, SourceTask, tls};
use super::summary::{Summary, report};
use crate::config::{Config, OutputConfig, SourceConfig};
use crate::count::Count;
use crate::delivery::ledger::Ledger;
use crate::delivery::pipeline::Pipeline;
use crate::failure::Failure;
use crate::output::destination::Destination;

/// Why the sources of a pipeline have ended.
pub(super) enum Ended {
    /// Somebody asked, or there was enough; or the pipeline failed.
    Stopped,
    /// Another configuration takes over.
    Replaced(Box<Config>),
}

/// What sources work with, and how they are doing.
pub(super) struct Supervisor<'a> {
    pub(super) config: &'a mut Config,
    pub(super) sources: &'a mut Vec<Arc<SourceConfig>>,
    pub(super) run: &'a mut Run,
    pub(super) event_loop: &'a mut EventLoop<Client>,
    pub(super) signals: &'a PendingSignals,
    pub(super) pipeline: &'a Pipeline,
    pub(super) resolver: &'a Resolver,
    pub(super) forms: &'a mut Forms,
    pub(super) ledger: &'a Ledger,
    /// By when everything has to have ended, once it was asked to.
    pub(super) stop_by: &'a Cell<Option<Instant>>,
    /// When the first session of the run began.
    pub(super) began: &'a Cell<Option<Instant>>,
}

/// Milliseconds between two looks at what there is to tell.
const TELL: u32 = 1000;

const STOPPED: &str = "the client shuts down";
const IDLE: &str = "the client stops because no events came for a while";
const CHANGED: &str = "the client's configuration changed";
const REMOVED: &str = "the client's configuration does not name this server any more";

impl Supervisor<'_> {
    /// Works until every source has ended.
    pub(super) fn serve(mut self) -> Result<Ended, Failure> {
        let now = self.event_loop.now();
        let mut tasks = Vec::with_capacity(self.sources.len());
        for source in self.sources.iter() {
            tasks.push(SourceTask::new(source.clone(), now)?);
        }
        let progress = !self.run.quiet && io::stderr().is_terminal();
        let mut progress = progress.then(Progress::new);
        let arena = arena(self.config.memory, tasks.len())?;
        let pool = Pool::new(arena, self.config.memory, self.event_loop.handle());
        let mut successor = None;
        let mut last: Option<Instant> = None;
        let mut tell = now.after(TELL);
        self.beat(&tasks);
        // By when they have to have ended, once they are asked to.
        let mut end: Option<Instant> = None;
        loop {
            let now = self.event_loop.now();
            if self.event_loop.handle().is_stopped() && end.is_none() {
                end = Some(self.stop(&mut tasks, STOPPED));
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
                    say!(
                        "estreamer: the output {stuck} does not take what was sent to it, and no \
                         other configuration can write there before. The configuration stays as \
                         it was; reload again when the output works."
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
                let idle = self.run.idle.map(|idle| last.after(milliseconds(idle)));
                if idle.is_some_and(|due| now >= due) && end.is_none() {
                    end = Some(self.stop(&mut tasks, IDLE));
                }
            }
            if now >= tell {
                self.ledger.report(false);
                self.beat(&tasks);
                tell = now.after(TELL);
            }
            if let Some(progress) = &mut progress {
                let total = self.ledger.total();
                progress.show(&Summary::new(total, self.began.get(), now), now);
            }
            let idle = self.run.idle.filter(|_| end.is_none());
            let idle = idle.and_then(|idle| Some(last?.after(milliseconds(idle))));
            let redraw = progress.as_ref().map(Progress::due);
            let dues = tasks.iter().filter_map(SourceTask::due);
            let dues = dues.chain(idle).chain(end).chain(redraw).chain([tell]);
            let wait = dues.min().map(|due| due.0.saturating_sub(now.0));
            let wait = wait.map(Duration::from_millis);
            self.event_loop.wait(wait).map_err(Failure::system)?;
            self.turns(&mut tasks);
        }
        if let Some(progress) = &mut progress {
            progress.clear();
        }
        Ok(successor.map_or(Ended::Stopped, Ended::Replaced))
    }

    /// Tells how many connections stand and what was delivered.
    fn beat(&mut self, tasks: &[SourceTask]) {
        let collectors = tasks.iter().filter_map(SourceTask::collector);
        self.run.beat(Health::Collecting {
            sources: tasks.len(),
            connected: collectors.filter(|it| it.is_connected()).count(),
            accepted: self.ledger.total().accepted,
        });
    }

    /// Gives commands to the clients, and a turn to each that is ready.
    fn turns(&mut self, tasks: &mut [SourceTask]) {
        let now = self.event_loop.now();
        for task in tasks.iter_mut() {
            task.command(self.event_loop, now);
        }
        while let Some((id, client)) = self.event_loop.next_turn() {
            for task in tasks.iter_mut() {
                task.after_turn(id, client, now);
            }
        }
    }

    /// Moves every source on, and lets those go that have ended.
    fn advance(&mut self, tasks: &mut Vec<SourceTask>, pool: &Pool) -> Result<(), Failure> {
        let several = self.sources.len() > 1;
        let mut context = Context {
            event_loop: self.event_loop,
            pipeline: self.pipeline,
            pool,
            resolver: self.resolver,
            forms: self.forms,
            ahead: self.config.ahead,
            patient: self.run.patient,
            capture: self.run.capture.as_deref(),
            several,
        };
        let mut index = 0;
        while let Some(task) = tasks.get_mut(index) {
            task.advance(&mut context)?;
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

    /// Asks all of them to end; returns by when they have to.
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

    /// The output that keeps another configuration from taking over: a write to it
    /// does not return, and the other one would write to the same place.
    fn stuck(&self, new: &Config) -> Option<&str> {
        let required: Vec<&OutputConfig> =
            self.config.outputs.iter().filter(|o| o.required).collect();
        let called = self.pipeline.called().into_iter();
        let mut called = called.filter_map(|output| required.get(output).copied());
        let stuck = called.find(|output| {
            let same = |new: &OutputConfig| new.destination == output.destination;
            // A receiver is connected to anew.
            let alone = !matches!(output.destination, Destination::Receiver { .. });
            alone && new.outputs.iter().any(same)
        });
        stuck.map(|output| &*output.name)
    }

    /// Lets every source go on that was asked to end.
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

    /// Reads the configuration again. Sources that changed ask again, outputs
    /// open their files anew; where more changed, the new configuration is
    /// returned and takes over. What cannot be read changes nothing.
    fn reload(&mut self, tasks: &mut Vec<SourceTask>) -> Option<Box<Config>> {
        self.pipeline.reopen();
        let Some(reload) = &mut self.run.reload else {
            say!("estreamer: files are opened anew.");
            return None;
        };
        let new = match reload() {
            Ok(new) => new,
            Err(failure) => {
                say!(
                    "estreamer: {}. The configuration stays as it was.",
                    failure.worded(self.run.wording)
                );
                return None;
            }
        };
        let arenas = (self.sources.len(), new.sources.len());
        if !same_pipeline(self.config, &new, arenas) {
            if let Err(failure) = self.usable(&new) {
                say!(
                    "estreamer: {}. The configuration stays as it was.",
                    failure.worded(self.run.wording)
                );
                return None;
            }
            say!(
                "estreamer: the configuration changed; all sources begin anew from their bookmarks."
            );
            return Some(Box::new(new));
        }
        let sources: Vec<Arc<SourceConfig>> = new.sources.into_iter().map(Arc::new).collect();
        match self.fresh(&sources, tasks) {
            Err(failure) => say!(
                "estreamer: {}. The configuration stays as it was.",
                failure.worded(self.run.wording)
            ),
            Ok(fresh) => {
                self.config.shutdown = new.shutdown;
                replace(tasks, &sources, fresh);
                *self.sources = sources;
            }
        }
        None
    }

    /// Whether a supervisor can be made of a configuration.
    fn usable(&self, config: &Config) -> Result<(), Failure> {
        arena(config.memory, config.sources.len())?;
        for source in &config.sources {
            tls(source)?;
        }
        Ok(())
    }

    /// Those of the sources that are new or changed, ready to begin.
    fn fresh(
        &self,
        sources: &[Arc<SourceConfig>],
        tasks: &[SourceTask],
    ) -> Result<Vec<SourceTask>, Failure> {
        let stays = |source: &SourceConfig| {
            let mut tasks = tasks.iter();
            tasks.any(|task| !task.is_ending() && same_source(&task.source, source))
        };
        let fresh = sources.iter().filter(|source| !stays(source));
        fresh
            .map(|source| SourceTask::new(source.clone(), self.event_loop.now()))
            .collect()
    }
}

/// Ends what is not among the sources any more, and lets `fresh` ones begin: at
/// once, or when what had their name has ended.
fn replace(tasks: &mut Vec<SourceTask>, sources: &[Arc<SourceConfig>], fresh: Vec<SourceTask>) {
    if fresh.is_empty() && sources.len() == tasks.len() {
        say!("estreamer: the configuration is read again; files are opened anew.");
    }
    for task in tasks.iter_mut() {
        let name = &task.source.name;
        if !sources.iter().any(|source| source.name == *name) {
            say!("estreamer: {name} is not collected from any more.");
            task.end(REMOVED, None);
        }
    }
    for new in fresh {
        let name = new.source.name.clone();
        match tasks.iter_mut().find(|old| old.source.name == name) {
            Some(old) => {
                say!("estreamer: {name}: what is asked for changed; asking again.");
                old.end(CHANGED, Some(new));
            }
            None => {
                say!("estreamer: {name} is collected from, too.");
                tasks.push(new);
            }
        }
    }
}

/// When something came or was delivered last, as far as any connection knows.
/// While none stands, that is now: silence is a server's.
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

/// Whether a pipeline serves both configurations.
fn same_pipeline(old: &Config, new: &Config, (before, now): (usize, usize)) -> bool {
    // Fewer sources are served by arenas that are smaller than need be.
    let serves = now <= before || arena(old.memory, now).ok() == arena(old.memory, before).ok();
    serves
        && old.state == new.state
        && old.ahead == new.ahead
        && old.overlap == new.overlap
        && old.memory == new.memory
        && old.outputs == new.outputs
}

/// Whether a connection serves both sources.
fn same_source(old: &SourceConfig, new: &SourceConfig) -> bool {
    let (a, b) = (&old.identity, &new.identity);
    let authorities = |identity: &estreamer_mio::tls::Identity| -> Vec<[u8; 32]> {
        let all = identity.authorities().iter();
        all.map(|facts| facts.sha256).collect()
    };
    (&old.name, &old.servers, old.bind) == (&new.name, &new.servers, new.bind)
        && (&old.request, old.from, old.quirks) == (&new.request, new.from, new.quirks)
        && (old.request_form, old.request_timeout) == (new.request_form, new.request_timeout)
        && old.record_length == new.record_length
        && old.rules == new.rules
        && a.certificate().sha256 == b.certificate().sha256
        && authorities(a) == authorities(b)
}

/// The largest record with its room: what the budget has to hold beside arenas.
const LARGEST: usize = 16 << 20;
/// An arena holds a TLS record at least, and no more than makes sense.
const ARENA: (usize, usize) = (16 << 10, 256 << 10);

/// Bytes received into one piece of memory. Each source may hold one that is
/// half read while it needs the next.
fn arena(memory: usize, sources: usize) -> Result<usize, Failure> {
    let size = memory.saturating_sub(LARGEST) / (2 * sources + 2);
    if size < ARENA.0 {
        let needed = (LARGEST + (2 * sources + 2) * ARENA.0).div_ceil(1 << 20);
        return Err(Failure::usage(
            format!(
                "{} MiB of memory are too few for {}",
                memory >> 20,
                Count(sources as u64, "source")
            ),
            format!("Allow {needed} MiB at least"),
        ));
    }
    Ok(size.min(ARENA.1))
}

/// The duration in milliseconds; the longest is about 49 days.
fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
