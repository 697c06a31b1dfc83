//! What one file or stream can hold so that a reader can take it apart again.
//! JSON events say themselves what they are; others do not.

use estreamer_core::fqe::EventKind;

use super::Format;
use super::ask::{Ask, Data};
use super::draft::{Draft, OutputDraft, SourceDraft};
use super::event::in_words;
use super::mistake::Mistake;

/// Notes every output that would mix what cannot be told apart. An ask that is
/// `None` is a mistake of its own.
pub(super) fn check(draft: &Draft, asks: &[Option<Ask>], mistakes: &mut Vec<Mistake>) {
    for output in &draft.outputs {
        let sources = draft.sources.iter().zip(asks);
        let taken: Vec<Taken<'_>> = sources
            .filter(|(source, _)| output.takes(&source.name.value))
            .filter_map(|(source, ask)| Taken::new(output, source, ask.as_ref()?))
            .collect();
        let known = asks.iter().all(Option::is_some);
        if let Some(problem) = problem(output, &taken, known) {
            let what = format!("the output {} {}", output.name.value, problem.0);
            mistakes.push(Mistake::new(output.url.line, what, problem.1));
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
}

/// What is wrong, and the remedy.
fn problem(
    output: &OutputDraft,
    taken: &[Taken<'_>],
    known: bool,
) -> Option<(String, &'static str)> {
    let destination = &output.url.value;
    if taken.is_empty() && known && (output.events.is_some() || output.sources.is_some()) {
        return Some((
            "takes only what is not asked for".into(),
            "Ask for it, or correct its events and sources",
        ));
    }
    let bare = |taken: &&Taken<'_>| is_bare(&taken.ask.data, output.format);
    if !destination.by_event()
        && let Some(taken) = taken
            .iter()
            .filter(bare)
            .find(|taken| taken.kinds.len() > 1)
    {
        return Some((
            format!(
                "would mix {} events in {} form, which does not tell them apart",
                in_words(&taken.kinds),
                taken.ask.data
            ),
            "Put {event} into the path of a file, or let it take one event type",
        ));
    }
    if destination.by_source() {
        return None;
    }
    let first = taken.first()?;
    let others = taken.iter().skip(1);
    let mut mixed = others.filter(|other| {
        let bare = bare(&first) || bare(other);
        let csv = first.ask.data == Data::Csv;
        let same = first.ask.data == other.ask.data && (!csv || first.ask.json == other.ask.json);
        bare && !same
    });
    let other = mixed.next()?;
    let difference = match first.ask.data == other.ask.data {
        true => "other columns".to_owned(),
        false => format!("{} events", other.ask.data),
    };
    Some((
        format!(
            "would mix {} events of {} with {difference} of {}",
            first.ask.data, first.source, other.source
        ),
        "Put {source} into the path of a file, or give each source an output of its own",
    ))
}

/// Whether a record is written without a word on what it is.
fn is_bare(data: &Data, format: Format) -> bool {
    match (data, format) {
        (Data::Json, _) | (Data::Other(_), Format::Lines) => false,
        (Data::Csv, _) | (Data::Other(_), Format::Raw) => true,
    }
}
