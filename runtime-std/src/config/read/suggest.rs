//! Suggestions for misspelled names.

/// A longer name is truncated in messages and gets no suggestion.
const MAX_CHARACTERS: usize = 64;

/// Returns the name in quotes, escaped and truncated to [`MAX_CHARACTERS`]. What may be a password
/// in a URL is left out.
pub(super) fn shown(name: &str) -> String {
    let mut name = name.to_owned();
    if let Some(start) = name.find("://").map(|at| at + 3)
        && let Some(end) = name.rfind('@').filter(|end| *end > start)
    {
        name.replace_range(start..end, "…");
    }
    let short: String = name.chars().take(MAX_CHARACTERS).collect();
    let dots = if short.len() < name.len() { "…" } else { "" };
    format!("{short:?}{dots}")
}

/// Returns the candidate that is most similar to `name`, if it is similar enough.
pub(super) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    if name.len() > MAX_CHARACTERS {
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
