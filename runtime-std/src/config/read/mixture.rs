//! What one file or stream can hold so that a reader can take it apart again.
//! JSON events say themselves what they are; others do not.

use estreamer_core::fqe::EventKind;

use super::draft::{Draft, OutputDraft, SourceDraft};
use super::event::in_words;
use super::mistake::Mistake;
use crate::config::Format;
use crate::config::ask::Ask;
use crate::format::Data;

/// Notes every output that would mix what cannot be told apart. An ask that is
/// `None` is a mistake of its own.
pub(super) fn check(draft: &Draft, asks: &[Option<Ask>], mistakes: &mut Vec<Mistake>) {
    let known = asks.iter().all(Option::is_some);
    for output in &draft.outputs {
        let sources = draft.sources.iter().zip(asks);
        let mut sources = sources.filter(|(source, _)| output.takes(&source.name.value));
        let any = sources.clone().next().is_some();
        let taken: Vec<Taken<'_>> = sources
            .by_ref()
            .filter_map(|(source, ask)| Taken::new(output, source, ask.as_ref()?))
            .collect();
        let problem = match known && any && taken.is_empty() {
            true => Some((
                "takes only events that are not asked for".into(),
                "Ask for them, or correct its events and sources",
            )),
            false => types(output, &taken).or_else(|| forms(output, &taken)),
        };
        if let Some((what, remedy)) = problem {
            let what = format!("the output {} {what}", output.name.value);
            mistakes.push(Mistake::new(output.url.line, what, remedy));
        }
    }
}

/// What an output takes of a source.
struct Taken<'d> {
    source: &'d str,
    ask: &'d Ask,
    kinds: Vec<EventKind>,
}

impl<'d> Taken<'d> {
    /// `None` where that is nothing.
    fn new(output: &OutputDraft, source: &'d SourceDraft, ask: &'d Ask) -> Option<Self> {
        let wanted = |kind: &EventKind| match &output.events {
            Some(events) => events.contains(kind),
            None => true,
        };
        let kinds: Vec<EventKind> = ask.kinds.iter().copied().filter(wanted).collect();
        let source = &source.name.value;
        (!kinds.is_empty()).then_some(Self { source, ask, kinds })
    }

    /// Whether its records are written without a word on what they are.
    fn is_bare(&self, output: &OutputDraft) -> bool {
        match (&self.ask.data, output.format) {
            (Data::Json, _) | (Data::Other(_), Format::Lines) => false,
            (Data::Csv, _) | (Data::Other(_), Format::Raw) => true,
        }
    }

    /// Whether an event type has the same form in both.
    fn is_like(&self, other: &Self) -> bool {
        let columns = self.ask.data != Data::Csv || self.ask.json == other.ask.json;
        self.ask.data == other.ask.data && columns
    }
}

/// What is wrong, and the remedy.
type Problem = (String, &'static str);

/// Event types of one source in one place.
fn types(output: &OutputDraft, taken: &[Taken<'_>]) -> Option<Problem> {
    if output.url.value.by_event() {
        return None;
    }
    let mixes = |taken: &&Taken<'_>| taken.is_bare(output) && taken.kinds.len() > 1;
    let taken = taken.iter().find(mixes)?;
    Some((
        format!(
            "would mix {} events in {} form, which does not tell them apart",
            in_words(&taken.kinds),
            taken.ask.data
        ),
        "Put {event} into the path of a file, or let it take one event type",
    ))
}

/// Forms of several sources in one place.
fn forms(output: &OutputDraft, taken: &[Taken<'_>]) -> Option<Problem> {
    let destination = &output.url.value;
    if destination.by_source() {
        return None;
    }
    let places: Vec<Vec<&Taken<'_>>> = match destination.by_event() {
        false => vec![taken.iter().collect()],
        true => EventKind::ALL
            .map(|kind| {
                let in_place = taken.iter().filter(|taken| taken.kinds.contains(&kind));
                in_place.collect()
            })
            .into(),
    };
    // Who is like his neighbour is like all of them.
    let mut neighbours = places.iter().flat_map(|place| place.windows(2));
    let mixed = neighbours.find(|pair| {
        let bare = pair.iter().any(|taken| taken.is_bare(output));
        let kinds = destination.by_event() || pair[0].kinds == pair[1].kinds;
        bare && !(pair[0].is_like(pair[1]) && kinds)
    })?;
    let form = |taken: &Taken<'_>| {
        let events = in_words(&taken.kinds);
        format!(
            "{events} events of {} in {} form",
            taken.source, taken.ask.data
        )
    };
    Some((
        format!(
            "would mix {} with {}, and what is in each differs",
            form(mixed[0]),
            form(mixed[1])
        ),
        "Put {source} into the path of a file, or give each source an output of its own",
    ))
}
