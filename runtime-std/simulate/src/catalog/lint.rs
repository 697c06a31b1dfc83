//! Checks a catalogue for errors.

use super::resolve::{ResolveError, expand, shown};
use super::{Catalog, CatalogEvent};
use crate::generator::EventKind;
use std::collections::HashSet;
use std::fmt;

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The path, such as `Fields.FileEvent.FieldSetDef.DetailFieldSet`.
    pub path: String,
    /// The problem; the path precedes it.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl Catalog {
    /// Returns everything that affects requests unexpectedly: missing event types, unknown
    /// or repeated names, empty or recursive sets, and members of the wrong type.
    pub fn lint(&self) -> Vec<Finding> {
        let mut findings = self.oddities.clone();
        for kind in EventKind::ALL {
            if self.event(kind.name()).is_none() {
                findings.push(Finding {
                    path: "Fields".to_owned(),
                    message: format!("has no {kind}, so such events cannot be requested"),
                });
            }
        }
        for event in &self.events {
            lint_event(event, &mut findings);
        }
        findings
    }
}

fn lint_event(event: &CatalogEvent, findings: &mut Vec<Finding>) {
    let path = format!("Fields.{}", event.name);
    let mut find = |path: String, message: String| findings.push(Finding { path, message });

    let fields_path = format!("{path}.Fields");
    if event.fields.is_empty() {
        find(fields_path.clone(), "lists no field".to_owned());
    }
    for name in doubled(&event.fields) {
        find(
            fields_path.clone(),
            format!("lists {} more than once", shown(name)),
        );
    }
    for (set, members) in &event.sets {
        let set_path = format!("{path}.FieldSetDef.{set}");
        if event.fields.contains(set) {
            find(
                set_path.clone(),
                "has the name of a field; requesting it selects the set".to_owned(),
            );
        }
        if members.is_empty() {
            find(set_path.clone(), "is an empty set".to_owned());
        }
        for name in doubled(members) {
            find(
                set_path.clone(),
                format!("contains {} more than once", shown(name)),
            );
        }
        for (i, name) in members.iter().enumerate() {
            let known = event.fields.contains(name) || event.sets.iter().any(|(s, _)| s == name);
            if !known {
                find(
                    format!("{set_path}[{i}]"),
                    format!("names {}, which is neither a field nor a set", shown(name)),
                );
            }
        }
        if contains_itself(event, set) {
            find(
                set_path,
                "contains itself, directly or through others".to_owned(),
            );
        }
    }
}

fn contains_itself(event: &CatalogEvent, set: &str) -> bool {
    // Unknown names are reported above; skip them to find cycles after them.
    let mut event = event.clone();
    let all = event.sets.iter().flat_map(|(_, members)| members.clone());
    let unknown: Vec<_> = all.filter(|m| !event.fields.contains(m)).collect();
    event.fields.extend(unknown);
    matches!(
        expand(&event, &[], &[set.to_owned()]),
        Err(ResolveError::Cycle { set: found, .. }) if found == set
    )
}

/// Returns each repeated name once.
fn doubled(names: &[String]) -> Vec<&str> {
    let mut seen = HashSet::new();
    let mut doubled: Vec<&str> = Vec::new();
    for name in names {
        if !seen.insert(name) && !doubled.contains(&name.as_str()) {
            doubled.push(name);
        }
    }
    doubled
}
