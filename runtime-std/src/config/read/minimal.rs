//! What is left out of the request of a source with `minimal`: event types that no output
//! takes, and fields that no output writes or looks at.
//!
//! The fields that tell an event apart and say when it happened are always requested:
//! repeated events are recognised by their content.

use estreamer_core::fqe::{EventKind, is_field_set};

use super::at::At;
use super::known_fields;
use super::raw::{RawConfig, RawOutput, RawSource, RequestSource};
use crate::config::event_request::EventFields;
use crate::format::{OwnedTransform, head_fields};

/// The fields that tell an event apart, and say when it happened and on which device.
const ALWAYS: [&str; 13] = [
    "EventType",
    "FirstPacketSecond",
    "LastPacketSecond",
    "ConnectionDuration",
    "DeviceUUID",
    "InstanceID",
    "ConnectionID",
    "EventID",
    "EventSecond",
    "EventMicrosecond",
    "PacketSecond",
    "PacketMicrosecond",
    "Device",
];

/// Leaves out of the requests of all sources what no output takes.
pub(super) fn reduce(raw: &mut RawConfig) {
    let reduced: Vec<_> = raw.sources.iter().map(|it| request(raw, it)).collect();
    for (source, reduced) in raw.sources.iter_mut().zip(reduced) {
        if let Some(request) = reduced {
            source.request = request;
            source.is_reduced = true;
        }
    }
}

/// Returns the request without what no output takes; `None` if it stays as it is.
fn request(raw: &RawConfig, source: &RawSource) -> Option<At<RequestSource>> {
    let RequestSource::Events(events, transform) = &source.request.value else {
        return None;
    };
    if !source.minimal {
        return None;
    }
    let name = &source.name.value;
    let outputs: Vec<&RawOutput> = raw.outputs.iter().filter(|it| it.accepts(name)).collect();
    let mut left = Vec::new();
    for event in events {
        let takers = outputs.iter().filter(|output| takes(output, event.kind));
        let takers: Vec<&RawOutput> = takers.copied().collect();
        if takers.is_empty() {
            continue;
        }
        left.push(EventFields {
            kind: event.kind,
            names: match *transform == OwnedTransform::Json {
                true => names(event, &takers),
                false => event.names.clone(),
            },
        });
    }
    let is_less = !left.is_empty() && left != *events;
    is_less.then(|| At {
        line: source.request.line,
        value: RequestSource::Events(left, transform.clone()),
    })
}

fn takes(output: &RawOutput, kind: EventKind) -> bool {
    let events = output.events.as_ref();
    events.is_none_or(|events| events.contains(&kind))
}

/// Returns the names to request for an event type that these outputs take.
fn names(event: &EventFields, takers: &[&RawOutput]) -> Vec<String> {
    let all = || event.names.clone();
    let is_whole = |output: &RawOutput| output.fields.is_none() || !output.format.selects();
    if takers.iter().any(|output| is_whole(output)) {
        return all();
    }
    let is_needed =
        |name: &str| ALWAYS.contains(&name) || takers.iter().any(|output| needs(output, name));
    // What a set contains is not known, so what is dropped cannot be taken out of it.
    let is_listed =
        |output: &&RawOutput| output.fields.as_ref().is_some_and(|it| it.value.is_keep());
    let can_replace = takers.iter().all(is_listed) && !has_unheard(event, takers);
    let has_sets = event.names.iter().any(|name| is_field_set(name));
    let mut names: Vec<String> = Vec::new();
    if has_sets && can_replace {
        // A set and the name of a field in it might bring the field twice.
        let members = known_fields::of(event.kind).iter();
        let members = members.filter(|member| is_needed(member));
        names.extend(members.map(|&member| member.to_owned()));
    }
    for name in &event.names {
        let stays = match is_field_set(name) {
            true => !can_replace,
            false => is_needed(name),
        };
        if stays && !names.contains(name) {
            names.push(name.clone());
        }
    }
    match names.is_empty() {
        true => all(),
        false => names,
    }
}

/// Returns whether an output needs a field that no event type is known to have: a field set
/// may contain it.
fn has_unheard(event: &EventFields, takers: &[&RawOutput]) -> bool {
    let read = takers.iter().flat_map(|output| {
        let condition = output.condition.iter().flat_map(|at| at.value.fields());
        let fields = output.fields.iter().flat_map(|at| at.value.names());
        condition.chain(fields)
    });
    let is_known = |name: &str| {
        EventKind::ALL
            .into_iter()
            .any(|kind| known_fields::of(kind).contains(&name))
    };
    read.into_iter()
        .any(|name| !is_known(name) && !event.names.iter().any(|asked| asked == name))
}

/// Returns whether an output writes or looks at a field.
fn needs(output: &RawOutput, name: &str) -> bool {
    let condition = output.condition.as_ref();
    let fields = output.fields.as_ref();
    fields.is_none_or(|fields| fields.value.writes(name))
        || condition.is_some_and(|at| at.value.fields().contains(&name))
        || output.format.needs_json() && head_fields().any(|field| field == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::read::file;

    /// Returns the names that are requested of each event type.
    fn requested(source: &str, outputs: &str) -> Vec<(EventKind, String)> {
        let text = format!(
            "[[source]]\nserver = \"a\"\npkcs12 = \"a\"\nminimal = true\n{source}\n{outputs}"
        );
        let raw = file::parse(&text).unwrap();
        match raw.sources[0].request.value.clone() {
            RequestSource::Events(events, _) => {
                let events = events.into_iter();
                events.map(|it| (it.kind, it.names.join(" "))).collect()
            }
            RequestSource::File(_) => Vec::new(),
        }
    }

    const SETS: &str = "events = [\"connection\", \"file\"]";
    const DEFAULT: &str = "HeaderFieldSet ConnectionKeySet DetailFieldSet";

    fn output(more: &str) -> String {
        let number = more.len();
        format!("[[output]]\nurl = \"file:{number}\"\n{more}\n")
    }

    #[test]
    fn an_event_type_that_no_output_takes_is_left_out() {
        let file = (EventKind::File, DEFAULT.to_owned());
        let left = requested(SETS, &output("events = [\"file\", \"packet\"]"));
        assert_eq!(left, [file]);
        for all in [
            "",
            "events = [\"connection\", \"file\"]",
            "events = [\"packet\"]",
        ] {
            assert_eq!(requested(SETS, &output(all)).len(), 2, "{all}");
        }
        let other = output("sources = [\"b\"]\nevents = [\"connection\"]");
        let own = output("sources = [\"a:8302\"]\nevents = [\"file\"]");
        assert_eq!(requested(SETS, &[other, own].concat()).len(), 1);
    }

    #[test]
    fn a_field_set_gives_way_to_the_fields_that_outputs_keep_and_look_at() {
        let left = requested(
            SETS,
            &output("where = \"ResponderPort = 443\"\nkeep_fields = [\"URL\", \"FileName\"]"),
        );
        let expected = [
            (
                EventKind::Connection,
                "EventType FirstPacketSecond LastPacketSecond ConnectionDuration DeviceUUID \
                 InstanceID ConnectionID ResponderPort URL",
            ),
            (
                EventKind::File,
                "EventType EventSecond DeviceUUID InstanceID FirstPacketSecond ConnectionID \
                 ResponderPort FileName Device",
            ),
        ];
        assert_eq!(left, expected.map(|(kind, names)| (kind, names.to_owned())));
    }

    #[test]
    fn a_field_set_stays_where_its_content_matters() {
        let keep = output("keep_fields = [\"URL\"]");
        for (outputs, why) in [
            (
                output("drop_fields = [\"URL\"]"),
                "it may hold every other field",
            ),
            (
                output("keep_fields = [\"New_Field\"]"),
                "it may hold the new field",
            ),
            (
                output("where = \"New_Field exists\"\nkeep_fields = [\"URL\"]"),
                "as well",
            ),
            (
                [keep.clone(), output("")].concat(),
                "another output takes all",
            ),
        ] {
            let left = requested(SETS, &outputs);
            assert!(
                left.iter().all(|(_, names)| names == DEFAULT),
                "{why}: {left:?}"
            );
        }
        let other = output("events = [\"file\"]");
        let left = requested(SETS, &[keep, other].concat());
        assert!(
            left[0].1.contains("URL") && left[1].1 == DEFAULT,
            "{left:?}"
        );
    }

    #[test]
    fn single_fields_are_left_out_if_no_output_takes_them() {
        let source = "events = { connection = [\"EventType\", \"URL\", \"User\", \"New_Field\"] }";
        for (outputs, expected) in [
            ("keep_fields = [\"User\"]", "EventType User"),
            ("keep_fields = [\"New_Field\"]", "EventType New_Field"),
            ("drop_fields = [\"User\"]", "EventType URL New_Field"),
            (
                "drop_fields = [\"User\"]\nwhere = \"User exists\"",
                "EventType URL User New_Field",
            ),
            (
                "drop_fields = [\"EventType\"]",
                "EventType URL User New_Field",
            ),
        ] {
            assert_eq!(
                requested(source, &output(outputs))[0].1,
                expected,
                "{outputs}"
            );
        }
        let only = "events = { connection = [\"URL\"] }";
        assert_eq!(
            requested(only, &output("keep_fields = [\"User\"]"))[0].1,
            "URL"
        );
    }

    #[test]
    fn a_dialect_gets_what_it_works_out_time_class_and_severity_from() {
        let source = "events = [\"intrusion\"]";
        let fields = "keep_fields = [\"InitiatorIP\"]";
        let plain = &requested(source, &output(fields))[0].1;
        let cef = &requested(source, &output(&format!("format = \"cef\"\n{fields}")))[0].1;
        assert!(
            !plain.contains("PriorityID") && cef.contains("PriorityID"),
            "{cef}"
        );
        assert!(
            cef.contains("Impact") && !cef.contains("ResponderIP"),
            "{cef}"
        );
    }

    #[test]
    fn without_minimal_and_as_csv_fields_stay() {
        let csv = "events = { file = [\"FileName\", \"FileSize\"] }\ntransform = \"CSV\"";
        let left = requested(csv, &output("keep_fields = [\"FileName\"]"));
        assert_eq!(left[0].1, "FileName FileSize");
    }
}
