//! Resolves field sets and names to single field names.

use super::{Catalog, CatalogEvent};
use std::collections::{HashMap, HashSet};
use std::fmt;

/// A longer name is truncated in messages and gets no suggestion.
const NAME_SHOWN: usize = 64;

/// Why names cannot be resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResolveError {
    /// The catalogue has no such event type.
    UnknownEvent {
        /// The requested name.
        name: String,
        /// The most similar known name.
        nearest: Option<String>,
    },
    /// The event type has no such field or field set.
    UnknownName {
        /// The event type.
        event: String,
        /// The requested name.
        name: String,
        /// The field set that contains it, if any.
        within: Option<String>,
        /// The most similar field or set.
        nearest: Option<String>,
    },
    /// A field set contains itself.
    Cycle {
        /// The event type.
        event: String,
        /// The name of the set.
        set: String,
    },
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownEvent { name, nearest } => {
                write!(f, "there is no event type {}", shown(name))?;
                suggestion(nearest.as_deref(), f)
            }
            Self::UnknownName {
                event,
                name,
                within,
                nearest,
            } => {
                write!(f, "{event} has no field or field set {}", shown(name))?;
                if let Some(set) = within {
                    write!(f, " (requested by the set {})", shown(set))?;
                }
                suggestion(nearest.as_deref(), f)
            }
            Self::Cycle { event, set } => write!(
                f,
                "the field set {} of {event} contains itself; remove it from its own definition",
                shown(set)
            ),
        }
    }
}

impl std::error::Error for ResolveError {}

fn suggestion(nearest: Option<&str>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match nearest {
        Some(name) => write!(f, "; did you mean {}?", shown(name)),
        None => f.write_str("; `estreamer catalog list` lists the known fields"),
    }
}

/// Returns the name in quotes, escaped and truncated: it comes from the peer.
pub(crate) fn shown(name: &str) -> String {
    let short: String = name.chars().take(NAME_SHOWN).collect();
    let dots = if short.len() < name.len() { "…" } else { "" };
    format!("{short:?}{dots}")
}

/// Returns the candidate that is most similar to `name`, if it is similar enough.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    if name.len() > NAME_SHOWN {
        return None;
    }
    let lower = name.to_lowercase();
    let distance = |c: &str| strsim::damerau_levenshtein(&lower, &c.to_lowercase());
    candidates
        .map(|candidate| (distance(candidate), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= 1 + name.chars().count() / 4)
        .map(|(_, candidate)| candidate.to_owned())
}

impl Catalog {
    /// Expands field sets and single fields to single field names. Each name appears once, at
    /// its first position.
    pub fn resolve(
        &self,
        event_type: &str,
        names: &[impl AsRef<str>],
    ) -> Result<Vec<String>, ResolveError> {
        let names: Vec<String> = names.iter().map(|n| n.as_ref().to_owned()).collect();
        self.resolve_with(event_type, &[], &names)
    }

    /// As [`Catalog::resolve`] with additional sets, such as those of a request. They replace
    /// sets of the catalogue with the same name.
    pub(crate) fn resolve_with(
        &self,
        event_type: &str,
        further: &[(String, Vec<String>)],
        names: &[String],
    ) -> Result<Vec<String>, ResolveError> {
        let event = self
            .event(event_type)
            .ok_or_else(|| ResolveError::UnknownEvent {
                name: event_type.to_owned(),
                nearest: nearest(event_type, self.events.iter().map(|e| &*e.name)),
            })?;
        expand(event, further, names)
    }
}

/// Depth first with an explicit stack; every set is expanded once. A long chain of sets or
/// an exponential one (A = B B, B = C C, …) costs no more than its length.
pub(super) fn expand(
    event: &CatalogEvent,
    further: &[(String, Vec<String>)],
    names: &[String],
) -> Result<Vec<String>, ResolveError> {
    let fields: HashSet<&str> = event.fields.iter().map(String::as_str).collect();
    let sets: HashMap<&str, &[String]> = event
        .sets
        .iter()
        .chain(further)
        .map(|(name, members)| (name.as_str(), members.as_slice()))
        .collect();
    let mut result = Vec::new();
    let mut taken = HashSet::new();
    let mut opened = HashSet::new();
    let mut open = HashSet::new();
    let mut stack = vec![(None, names.iter())];
    while let Some((set, members)) = stack.last_mut() {
        let set: Option<&str> = *set;
        let Some(name) = members.next() else {
            if let Some(set) = set {
                open.remove(set);
            }
            stack.pop();
            continue;
        };
        let name = name.as_str();
        if let Some(members) = sets.get(name) {
            if open.contains(name) {
                return Err(ResolveError::Cycle {
                    event: event.name.clone(),
                    set: name.to_owned(),
                });
            }
            if opened.insert(name) {
                open.insert(name);
                stack.push((Some(name), members.iter()));
            }
        } else if fields.contains(name) {
            if taken.insert(name) {
                result.push(name.to_owned());
            }
        } else {
            let known = event.fields.iter().map(String::as_str);
            return Err(ResolveError::UnknownName {
                event: event.name.clone(),
                name: name.to_owned(),
                within: set.map(str::to_owned),
                nearest: nearest(name, known.chain(sets.keys().copied())),
            });
        }
    }
    Ok(result)
}
