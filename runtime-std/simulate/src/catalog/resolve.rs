//! From any mix of field sets and single names to single names.

use super::{Catalog, CatalogEvent};
use std::collections::{HashMap, HashSet};
use std::fmt;

/// Names longer than this are shown cut and get no suggestion.
const NAME_SHOWN: usize = 64;

/// Why names could not be resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResolveError {
    /// The catalogue has no such event type.
    UnknownEvent {
        /// What was asked for.
        name: String,
        /// The most similar one it has.
        nearest: Option<String>,
    },
    /// The event type has no such field or field set.
    UnknownName {
        /// The event type.
        event: String,
        /// What was asked for.
        name: String,
        /// The field set it was asked by, if not directly.
        within: Option<String>,
        /// The most similar field or set.
        nearest: Option<String>,
    },
    /// A field set contains itself.
    Cycle {
        /// The event type.
        event: String,
        /// The set.
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
                    write!(f, " (asked by the set {})", shown(set))?;
                }
                suggestion(nearest.as_deref(), f)
            }
            Self::Cycle { event, set } => write!(
                f,
                "the field set {} of {event} contains itself; take it out of its own definition",
                shown(set)
            ),
        }
    }
}

impl std::error::Error for ResolveError {}

fn suggestion(nearest: Option<&str>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match nearest {
        Some(name) => write!(f, "; did you mean {}?", shown(name)),
        None => f.write_str("; `estreamer catalog list` shows what there is"),
    }
}

/// In quotes, made harmless and of bearable length: names come from the peer.
pub(crate) fn shown(name: &str) -> String {
    let short: String = name.chars().take(NAME_SHOWN).collect();
    let dots = if short.len() < name.len() { "…" } else { "" };
    format!("{short:?}{dots}")
}

/// The candidate most like `name`, if one is close enough to be meant.
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
    /// Expands `names`, field sets (nested ones too) and single fields in any
    /// mix, to single field names: each once, where it first comes.
    pub fn resolve(
        &self,
        event_type: &str,
        names: &[impl AsRef<str>],
    ) -> Result<Vec<String>, ResolveError> {
        let names: Vec<String> = names.iter().map(|n| n.as_ref().to_owned()).collect();
        self.resolve_with(event_type, &[], &names)
    }

    /// [`Catalog::resolve`] with further sets, such as a request defines; they
    /// hide the catalogue's own of the same name.
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

/// Depth first, with a stack of our own and every set opened once: neither a
/// long chain of sets nor a doubling one (A = B B, B = C C, …) from a hostile
/// request costs more than its length.
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
