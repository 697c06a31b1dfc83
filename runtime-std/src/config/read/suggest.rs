//! “Did you mean”: the name that was probably meant.

/// Names longer than this are shown cut and get no suggestion.
const MOST_CHARACTERS: usize = 64;

/// The name in quotes, harmless to a terminal, and cut to 64 characters.
pub(super) fn shown(name: &str) -> String {
    let short: String = name.chars().take(MOST_CHARACTERS).collect();
    let dots = if short.len() < name.len() { "…" } else { "" };
    format!("{short:?}{dots}")
}

/// The candidate most like `name`, if one is close enough to be meant.
pub(super) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    if name.len() > MOST_CHARACTERS {
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
