//! Warns of fields that no event is known to have, or that no source requests.

use std::collections::BTreeSet;

use estreamer_core::fqe::is_field_set;

use super::Found;
use crate::config::read::diagnostic::Diagnostic;
use crate::config::read::known_fields;
use crate::config::read::raw::{RawConfig, RawOutput, RequestSource};
use crate::config::read::suggest::shown;

impl Found<'_> {
    /// Looks at the fields that outputs name, and at what `minimal` leaves out.
    pub(super) fn fields(&mut self, raw: &RawConfig) {
        for output in &raw.outputs {
            if let Some(condition) = &output.condition {
                for name in condition
                    .value
                    .fields()
                    .into_iter()
                    .collect::<BTreeSet<_>>()
                {
                    self.field(raw, output, condition.line, "where", name);
                }
            }
            if let Some(fields) = &output.fields {
                let key = match fields.value.is_keep() {
                    true => "keep_fields",
                    false => "drop_fields",
                };
                for name in fields.value.names() {
                    self.field(raw, output, fields.line, key, name);
                }
            }
        }
        for source in raw.sources.iter().filter(|it| it.minimal && !it.is_reduced) {
            let line = source.lines.of("minimal", source.request.line);
            let what = format!(
                "minimal: every event type and field that {} requests is taken by an output",
                source.name.value
            );
            let remedy = "Nothing is left out of the request: docs/filters.md says what can be";
            self.warnings.push(Diagnostic::new(line, what, remedy));
        }
    }

    fn field(&mut self, raw: &RawConfig, output: &RawOutput, line: usize, key: &str, name: &str) {
        let is_requested = is_requested(raw, output, name);
        if is_requested == Some(true) {
            return;
        }
        let (what, remedy) = if !known_fields::is_known(name) {
            let what = format!("{key}: no event is known to have the field {}", shown(name));
            let remedy = match known_fields::suggestion(name) {
                Some(near) => format!("Perhaps you mean {near}"),
                None => "It is used as it is, for a release that has it".into(),
            };
            (what, remedy)
        } else if is_requested == Some(false) && key != "drop_fields" {
            let what = format!(
                "{key}: no source of {} requests the field {}",
                output.name.value,
                shown(name)
            );
            (what, "Add it to the fields in events of the source".into())
        } else {
            return;
        };
        self.warnings.push(Diagnostic::new(line, what, remedy));
    }
}

/// Returns whether a source of the output requests a field by its name; `None` if a field set
/// or a ready-made request may contain it.
fn is_requested(raw: &RawConfig, output: &RawOutput, name: &str) -> Option<bool> {
    let mut may_be = false;
    for source in raw
        .sources
        .iter()
        .filter(|it| output.accepts(&it.name.value))
    {
        let RequestSource::Events(events, _) = &source.request.value else {
            may_be = true;
            continue;
        };
        let wanted = events.iter().filter(|event| {
            let kinds = output.events.as_ref();
            kinds.is_none_or(|kinds| kinds.contains(&event.kind))
        });
        for asked in wanted.flat_map(|event| &event.names) {
            if asked == name {
                return Some(true);
            }
            may_be |= is_field_set(asked);
        }
    }
    (!may_be).then_some(false)
}
