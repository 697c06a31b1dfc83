//! The status as metrics: one table of families, in the text format of OpenMetrics or in
//! the older one of Prometheus.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::status::{Named, Output, RunState, Source, SourceState, Status};

/// The format of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The text format of Prometheus, version 0.0.4.
    Prometheus,
}

impl Form {
    /// Returns the content type.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Returns the metrics of a status.
///
/// # Errors
/// None in practice: a `String` takes everything.
pub(super) fn write(status: Status, form: Form) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(StatusMetrics(status)));
    let mut written = String::new();
    match form {
        Form::OpenMetrics => text::encode(&mut written, &registry)?,
        Form::Prometheus => prometheus_text::encode(&mut written, &registry)?,
    }
    Ok(written)
}

#[derive(Debug)]
struct StatusMetrics(Status);

impl Collector for StatusMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in FAMILIES {
            let (name, unit) = family.name_and_unit();
            let kind = family.values.metric_type();
            let metric = encoder.encode_descriptor(name, family.help, unit.as_ref(), kind)?;
            family.values.encode(&self.0, metric)?;
        }
        Ok(())
    }
}

/// A family of metrics. The names of counters get the suffix `_total`.
struct Family {
    name: &'static str,
    help: &'static str,
    values: Values,
}

/// Where the values of a family come from.
enum Values {
    Run(fn(&Status) -> Option<f64>),
    Build,
    State,
    Source(fn(&Source) -> Option<f64>),
    SourceCount(fn(&Source) -> u64),
    /// By event type.
    Events(fn(&super::status::ByEvent) -> u64),
    /// By a name: the label, and the counts.
    Named(&'static str, fn(&Source) -> &[Named]),
    Output(fn(&Output) -> f64),
    OutputCount(fn(&Output) -> u64),
    OutputKind,
    Latency,
}

/// Labels of a metric.
type Labels<'s> = [(&'static str, &'s str)];

impl Family {
    fn name_and_unit(&self) -> (&'static str, Option<Unit>) {
        for (suffix, unit) in [("_seconds", Unit::Seconds), ("_bytes", Unit::Bytes)] {
            if let Some(name) = self.name.strip_suffix(suffix) {
                return (name, Some(unit));
            }
        }
        (self.name, None)
    }
}

impl Values {
    fn metric_type(&self) -> MetricType {
        match self {
            Self::Run(_) | Self::State | Self::Source(_) | Self::Output(_) => MetricType::Gauge,
            Self::SourceCount(_) | Self::Events(_) | Self::Named(..) | Self::OutputCount(_) => {
                MetricType::Counter
            }
            Self::Build | Self::OutputKind => MetricType::Gauge,
            Self::Latency => MetricType::Histogram,
        }
    }

    fn encode(&self, status: &Status, mut metric: MetricEncoder<'_>) -> fmt::Result {
        let metric = &mut metric;
        match self {
            Self::Run(read) => match read(status) {
                Some(value) => metric.encode_gauge(&value),
                None => Ok(()),
            },
            Self::Build => {
                let process = &status.process;
                let labels = [("version", &*process.version), ("target", &process.target)];
                gauge(metric, &labels, 1.0)
            }
            Self::State => RUN_STATES.iter().try_for_each(|state| {
                let value = f64::from(u8::from(status.state == *state));
                gauge(metric, &[("state", &state.to_string())], value)
            }),
            Self::Source(read) => status.sources.iter().try_for_each(|source| {
                let labels = [("source", &*source.name)];
                read(source).map_or(Ok(()), |value| gauge(metric, &labels, value))
            }),
            Self::SourceCount(read) => status
                .sources
                .iter()
                .try_for_each(|source| counter(metric, &[("source", &source.name)], read(source))),
            Self::Events(read) => status.sources.iter().try_for_each(|source| {
                source.by_event.iter().try_for_each(|by_event| {
                    let labels = [("source", &*source.name), ("event", &by_event.event)];
                    counter(metric, &labels, read(by_event))
                })
            }),
            Self::Named(label, read) => status.sources.iter().try_for_each(|source| {
                read(source).iter().try_for_each(|Named { name, count }| {
                    counter(metric, &[("source", &source.name), (label, name)], *count)
                })
            }),
            Self::Output(read) => status
                .outputs
                .iter()
                .try_for_each(|output| gauge(metric, &[("output", &output.name)], read(output))),
            Self::OutputCount(read) => status
                .outputs
                .iter()
                .try_for_each(|output| counter(metric, &[("output", &output.name)], read(output))),
            Self::OutputKind => status.outputs.iter().try_for_each(|output| {
                let required = if output.required { "true" } else { "false" };
                let labels = [
                    ("output", &*output.name),
                    ("kind", &output.kind),
                    ("required", required),
                ];
                gauge(metric, &labels, 1.0)
            }),
            Self::Latency => status.outputs.iter().try_for_each(|output| {
                let latency = &output.latency;
                let buckets = latency.buckets.iter();
                let buckets: Vec<(f64, u64)> = buckets
                    .map(|bucket| (bucket.up_to.unwrap_or(f64::INFINITY), bucket.count))
                    .collect();
                let labels: &Labels<'_> = &[("output", &output.name)];
                metric
                    .encode_family(&labels)?
                    .encode_histogram::<NoLabelSet>(latency.sum, latency.count, &buckets, None)
            }),
        }
    }
}

fn gauge(metric: &mut MetricEncoder<'_>, labels: &Labels<'_>, value: f64) -> fmt::Result {
    metric.encode_family(&labels)?.encode_gauge(&value)
}

fn counter(metric: &mut MetricEncoder<'_>, labels: &Labels<'_>, value: u64) -> fmt::Result {
    let mut metric = metric.encode_family(&labels)?;
    metric.encode_counter::<NoLabelSet, _, f64>(&value, None)
}

const RUN_STATES: [RunState; 4] = [
    RunState::Starting,
    RunState::WaitingForSpace,
    RunState::Collecting,
    RunState::Stopping,
];

/// Declares the table.
macro_rules! families {
    ($($name:literal $help:literal $values:expr;)*) => {
        const FAMILIES: &[Family] = &[$(Family { name: $name, help: $help, values: $values }),*];
    };
}

use Values::{
    Build, Events, Latency, Named as ByName, Output as OfOutput, OutputCount, OutputKind, Run,
    Source as OfSource, SourceCount, State,
};

families! {
    "estreamer_build_info" "The version of the program, and the system and processor it was built for; always 1" Build;
    "estreamer_start_time_seconds" "The start of the run, UNIX seconds" Run(|it| Some(it.process.started));
    "estreamer_run_state" "1 for what the run does, 0 for the other states" State;
    "estreamer_ready" "1 if it collects: the event loop turns, a source is connected, and neither the journal nor a required output fails" Run(|it| Some(flag(it.is_ready())));
    "estreamer_event_loop_age_seconds" "Time since the event loop turned last" Run(|it| Some(it.loop_age));
    "estreamer_journal_failing" "1 while the journal of the bookmark cannot be written" Run(|it| Some(flag(it.journal_failure.is_some())));
    "estreamer_event_memory_used_bytes" "Memory in use for events between servers and outputs" Run(|it| Some(it.memory.used_bytes as f64));
    "estreamer_event_memory_limit_bytes" "The maximum of that memory; when it is reached, the servers wait" Run(|it| Some(it.memory.limit_bytes as f64));
    "estreamer_resident_memory_bytes" "Resident memory of the process" Run(|it| it.process.resident_bytes.map(|of| of as f64));
    "estreamer_open_descriptors" "Open file descriptors of the process" Run(|it| it.process.descriptors.map(|of| of as f64));

    "estreamer_source_connected" "1 while the session with the server stands" OfSource(|it| Some(flag(it.state == SourceState::Connected)));
    "estreamer_source_received_events" "Events from the server, duplicates included" Events(|it| it.received.events);
    "estreamer_source_received_bytes" "Bytes of the data of these events" Events(|it| it.received.bytes);
    "estreamer_source_accepted_events" "Events that every required output has accepted" Events(|it| it.accepted.events);
    "estreamer_source_accepted_bytes" "Bytes of the data of these events" Events(|it| it.accepted.bytes);
    "estreamer_source_durable_events" "Accepted events that are durable in the bookmark" Events(|it| it.durable.events);
    "estreamer_source_durable_bytes" "Bytes of the data of these events" Events(|it| it.durable.bytes);
    "estreamer_source_stream_bytes" "Bytes from the server, framing included" SourceCount(|it| it.stream_bytes);
    "estreamer_source_bundles" "Bundles from the server" SourceCount(|it| it.bundles);
    "estreamer_source_newest_event_time_seconds" "The newest archival second that every required output has accepted, UNIX seconds" OfSource(|it| it.newest.map(f64::from));
    "estreamer_source_lag_seconds" "Now minus the newest accepted archival second; it also grows while the server has no new events" OfSource(|it| it.lag);
    "estreamer_source_in_flight_events" "Events between the server and the outputs" OfSource(|it| Some(it.in_flight as f64));
    "estreamer_source_duplicate_events" "Events left out because they were delivered before" SourceCount(|it| it.duplicates);
    "estreamer_source_missing_events" "Events delivered before that did not come again at a resume" SourceCount(|it| it.missing);
    "estreamer_source_malformed_records" "Malformed records, delivered in error envelopes" SourceCount(|it| it.malformed);
    "estreamer_source_oversize_records" "Records over the size limit, delivered without data in error envelopes" SourceCount(|it| it.oversize);
    "estreamer_source_dropped_events" "Events dropped by outputs that are not required" SourceCount(|it| it.dropped);
    "estreamer_source_ahead_events" "Events stored more than an hour ahead of the local clock" SourceCount(|it| it.ahead);
    "estreamer_source_unremembered_events" "Events that come twice if the connection ends now, because memory is used up" SourceCount(|it| it.unremembered);
    "estreamer_source_set_back_events" "Events stored before the resume second" SourceCount(|it| it.set_back);
    "estreamer_source_disorder_seconds" "The maximum by which events were out of order" OfSource(|it| Some(it.disorder as f64));
    "estreamer_source_quirks" "Deviations of the server from the guide that were seen, by name" ByName("quirk", |it| &it.quirks);
    "estreamer_source_connections" "Established connections" SourceCount(|it| it.connections);
    "estreamer_source_server_changes" "Changes of the server that answers" SourceCount(|it| it.server_changes);
    "estreamer_source_ends" "Attempts and connections that ended, by cause" ByName("cause", |it| &it.ends);
    "estreamer_source_last_trouble_time_seconds" "The last failure, UNIX seconds" OfSource(|it| it.trouble.as_ref().map(|of| of.at));
    "estreamer_source_server_certificate_expiry_time_seconds" "The end of the validity of the server certificate, UNIX seconds" OfSource(|it| it.server_certificate.as_ref().map(|of| of.not_after as f64));
    "estreamer_source_identity_expiry_time_seconds" "The end of the validity of the client certificate, UNIX seconds" OfSource(|it| Some(it.identity.not_after as f64));
    "estreamer_source_bookmark_time_seconds" "The newest archival second in the bookmark, UNIX seconds" OfSource(|it| it.bookmark.as_ref()?.second.map(f64::from));
    "estreamer_source_bookmark_commit_time_seconds" "The last commit of events of this source, UNIX seconds" OfSource(|it| it.bookmark.as_ref()?.committed);

    "estreamer_output_info" "The kind of the destination, and whether the bookmark waits for the output; always 1" OutputKind;
    "estreamer_output_failing" "1 while writes to the output fail and are retried" OfOutput(|it| flag(it.failure.is_some()));
    "estreamer_output_latency_seconds" "Time from the hand-over of a batch to its acceptance" Latency;
    "estreamer_output_written_bytes" "Bytes of accepted batches, formatted" OutputCount(|it| it.bytes);
    "estreamer_output_retries" "Failed writes that were retried" OutputCount(|it| it.retries);
    "estreamer_output_backlog_batches" "Batches that the output has not accepted" OfOutput(|it| it.backlog.batches as f64);
    "estreamer_output_backlog_bytes" "Bytes of these batches" OfOutput(|it| it.backlog.bytes as f64);
    "estreamer_output_backlog_age_seconds" "How long the first of these batches has waited" OfOutput(|it| it.backlog.age);
    "estreamer_output_dropped_events" "Events that did not fit the queue of an output that is not required" OutputCount(|it| it.dropped);
    "estreamer_output_filtered_events" "Events that the condition of the output leaves out" OutputCount(|it| it.filtered);
}

fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}
