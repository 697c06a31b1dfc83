//! Checks that the reader of each output can tell the events in it apart. A JSON event
//! carries its type; an event in another transform does not.

use estreamer_core::fqe::EventKind;

use super::diagnostic::Diagnostic;
use super::event::in_words;
use super::raw::{RawConfig, RawOutput, RawSource};
use crate::config::Format;
use crate::config::event_request::EventRequest;
use crate::failure::Remedy;
use crate::format::OwnedTransform;

/// Reports every output that would mix events that cannot be told apart. A request
/// that is `None` was reported before.
pub(super) fn check(
    raw: &RawConfig,
    requests: &[Option<EventRequest>],
    is_complete: bool,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let known = is_complete && requests.iter().all(Option::is_some);
    for output in &raw.outputs {
        let sources = raw.sources.iter().zip(requests);
        let mut sources = sources.filter(|(source, _)| output.accepts(&source.name.value));
        let any = sources.clone().next().is_some();
        let shares: Vec<SourceShare<'_>> = sources
            .by_ref()
            .filter_map(|(source, request)| SourceShare::new(output, source, request.as_ref()?))
            .collect();
        diagnostics.extend(without_fields(output, &shares));
        let problem = match known && any && shares.is_empty() {
            true => Some((
                "accepts only events that no source requests".into(),
                "Request them, or correct events and sources of the output".into(),
            )),
            false => unfit(output, &shares)
                .or_else(|| without_columns(output, &shares))
                .or_else(|| mixed_types(output, &shares))
                .or_else(|| mixed_transforms(output, &shares)),
        };
        if let Some((what, remedy)) = problem {
            let what = format!("the output {} {what}", output.name.value);
            diagnostics.push(Diagnostic::new(output.url.line, what, remedy));
        }
    }
}

/// The events of one source that an output accepts.
struct SourceShare<'d> {
    source: &'d str,
    request: &'d EventRequest,
    kinds: Vec<EventKind>,
}

impl<'d> SourceShare<'d> {
    /// Returns `None` if the output accepts nothing of the source.
    fn new(output: &RawOutput, source: &'d RawSource, request: &'d EventRequest) -> Option<Self> {
        let wanted = |kind: &EventKind| match &output.events {
            Some(events) => events.contains(kind),
            None => true,
        };
        let kinds: Vec<EventKind> = request.kinds.iter().copied().filter(wanted).collect();
        let source = &source.name.value;
        (!kinds.is_empty()).then_some(Self {
            source,
            request,
            kinds,
        })
    }

    /// Returns whether its records are written without their event type.
    fn is_bare(&self, output: &RawOutput) -> bool {
        match (&self.request.transform, output.format) {
            (_, Format::Csv) => true,
            (OwnedTransform::Json, _) | (_, Format::Envelope) => false,
            (OwnedTransform::Other(_), format) => format == Format::Raw,
            (OwnedTransform::Csv, _) => true,
        }
    }

    /// Returns whether both have the same columns, or else the same transform and, as CSV, the
    /// same columns.
    fn is_like(&self, other: &Self, output: &RawOutput) -> bool {
        if output.format == Format::Csv {
            let mut kinds = self.kinds.iter().filter(|kind| other.kinds.contains(kind));
            return kinds.all(|kind| self.request.columns(*kind) == other.request.columns(*kind));
        }
        let (own, other) = (self.request, other.request);
        let columns = own.transform != OwnedTransform::Csv || own.json == other.json;
        own.transform == other.transform && columns
    }
}

/// A problem and its remedy.
type Problem = (String, Remedy);

/// Finds events that the format cannot hold.
fn unfit(output: &RawOutput, shares: &[SourceShare<'_>]) -> Option<Problem> {
    let format = output.format;
    let is_json = |share: &SourceShare<'_>| share.request.transform == OwnedTransform::Json;
    if format.needs_json()
        && let Some(share) = shares.iter().find(|share| !is_json(share))
    {
        let (source, transform) = (share.source, &share.request.transform);
        return Some((
            format!("has the format {format}, which needs JSON, and {source} requests {transform}"),
            "Request JSON, or set another format".into(),
        ));
    }
    let mut kinds = shares.iter().flat_map(|share| &share.kinds);
    if format == Format::Pcapng {
        let has_packets = kinds.any(|kind| *kind == EventKind::Packet);
        return (!has_packets && !shares.is_empty()).then(|| {
            (
                "has the format pcapng, which takes packets, and would get none".into(),
                "Request packet events, and let the output accept them".into(),
            )
        });
    }
    let kind = kinds.find(|kind| !format.takes(**kind))?;
    let kind = in_words(&[*kind]);
    Some((
        format!("has the format {format}, which has no message for {kind} events"),
        "Do not request them, or set events to the other event types".into(),
    ))
}

/// Finds events whose columns are not known: the first line of a file names them.
fn without_columns(output: &RawOutput, shares: &[SourceShare<'_>]) -> Option<Problem> {
    if output.format != Format::Csv {
        return None;
    }
    let mut shares = shares.iter();
    if let Some(share) = shares
        .clone()
        .find(|share| matches!(share.request.transform, OwnedTransform::Other(_)))
    {
        let (source, transform) = (share.source, &share.request.transform);
        return Some((
            format!("has the format csv, and {source} requests {transform}"),
            "Request JSON or CSV, or set another format".into(),
        ));
    }
    let (source, kind) = shares.find_map(|share| {
        let mut kinds = share.kinds.iter();
        let kind = kinds.find(|kind| share.request.columns(**kind).is_none())?;
        Some((share.source, *kind))
    })?;
    Some((
        format!(
            "has the format csv, whose columns are the requested fields, and {source} does not \
             request {} events by the names of fields, each once",
            in_words(&[kind])
        ),
        Remedy::NameFields,
    ))
}

/// Finds keys about fields where the fields of an event are not read.
fn without_fields(output: &RawOutput, shares: &[SourceShare<'_>]) -> Option<Diagnostic> {
    let name = &output.name.value;
    let condition = output.condition.as_ref().map(|at| ("where", at.line));
    let fields = output.fields.as_ref().map(|at| match at.value.is_keep() {
        true => ("keep_fields", at.line),
        false => ("drop_fields", at.line),
    });
    let transform = shares.iter().map(|share| (share, &share.request.transform));
    let mut other = transform.filter(|(_, transform)| **transform != OwnedTransform::Json);
    if let (Some((key, line)), Some((share, transform))) = (condition.or(fields), other.next()) {
        let what = format!(
            "{key}: the output {name} would read the fields of events, which needs JSON, and {} \
             requests {transform}",
            share.source
        );
        let remedy = "Request JSON, or remove where, keep_fields and drop_fields";
        return Some(Diagnostic::new(line, what, remedy));
    }
    let (key, line) = fields.filter(|_| !output.format.selects())?;
    let why = match output.format {
        Format::Raw => "the bytes as received",
        Format::Csv => "whose columns are the fields that the source requests",
        _ => "which takes packets",
    };
    let format = output.format;
    let what = format!("{key}: the output {name} has the format {format}, {why}");
    let remedy = "Remove keep_fields and drop_fields, or set another format";
    Some(Diagnostic::new(line, what, remedy))
}

/// Finds event types of one source that would be mixed in one file or stream.
fn mixed_types(output: &RawOutput, shares: &[SourceShare<'_>]) -> Option<Problem> {
    if output.url.value.by_event() {
        return None;
    }
    let mixes = |share: &&SourceShare<'_>| share.is_bare(output) && share.kinds.len() > 1;
    let share = shares.iter().find(mixes)?;
    Some((
        format!(
            "would mix {} events as {}, which does not carry the event type",
            in_words(&share.kinds),
            share.request.transform
        ),
        "Put {event} into the path of a file, or set events to one event type".into(),
    ))
}

/// Finds sources with different transforms or columns that would be mixed in one file
/// or stream.
fn mixed_transforms(output: &RawOutput, shares: &[SourceShare<'_>]) -> Option<Problem> {
    let destination = &output.url.value;
    if destination.by_source() {
        return None;
    }
    let targets: Vec<Vec<&SourceShare<'_>>> = match destination.by_event() {
        false => vec![shares.iter().collect()],
        true => EventKind::ALL
            .map(|kind| {
                let of_kind = shares.iter().filter(|share| share.kinds.contains(&kind));
                of_kind.collect()
            })
            .into(),
    };
    // Equality is transitive, so comparing neighbours is enough.
    let mut neighbours = targets.iter().flat_map(|target| target.windows(2));
    let mixed = neighbours.find(|pair| {
        let bare = pair.iter().any(|share| share.is_bare(output));
        let kinds = destination.by_event() || pair[0].kinds == pair[1].kinds;
        bare && !(pair[0].is_like(pair[1], output) && kinds)
    })?;
    let shown = |share: &SourceShare<'_>| {
        let events = in_words(&share.kinds);
        format!(
            "{events} events of {} as {}",
            share.source, share.request.transform
        )
    };
    Some((
        format!(
            "would mix {} with {}, and the two have different contents",
            shown(mixed[0]),
            shown(mixed[1])
        ),
        "Put {source} into the path of a file, or give each source its own output".into(),
    ))
}
