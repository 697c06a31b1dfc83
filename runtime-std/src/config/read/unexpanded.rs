//! Finds what a shell would expand and a configuration does not.

use super::suggest::shown;

/// The keys that name a place: a path, a server or an address.
const PLACES: [&str; 11] = [
    "state", "server", "bind", "pkcs12", "cert", "key", "ca", "file", "request", "url", "errors",
];

/// Returns what is not expanded in the value of a key that names a place, and what to
/// write instead.
pub(super) fn in_place(key: &str, text: &str) -> Option<(String, &'static str)> {
    if !PLACES.contains(&key) {
        return None;
    }
    let path = text.strip_prefix("file:").unwrap_or(text);
    if path == "~" || path.starts_with("~/") {
        let what = format!(
            "{key}: {} begins with ~, which is not expanded",
            shown(text)
        );
        return Some((what, "Write the whole path of the directory"));
    }
    let variable = variable(text)?;
    let what = format!(
        "{key}: {} contains {variable}, which is not expanded",
        shown(text)
    );
    Some((
        what,
        "Write the value itself: a configuration has no variables",
    ))
}

/// Returns the first `${NAME}` or `$NAME` in upper case.
fn variable(text: &str) -> Option<&str> {
    let (start, _) = text.match_indices('$').find(|(start, _)| {
        let rest = &text[start + 1..];
        rest.starts_with(|c: char| c == '{' || c == '_' || c.is_ascii_uppercase())
    })?;
    let rest = &text[start..];
    let end = match rest.starts_with("${") {
        true => rest.find('}').map(|end| end + 1),
        false => rest[1..]
            .find(|c: char| c != '_' && !c.is_ascii_alphanumeric())
            .map(|end| end + 1),
    };
    Some(&rest[..end.unwrap_or(rest.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_the_tilde_are_found_in_places_only() {
        for (key, text, found) in [
            ("state", "~", Some("begins with ~")),
            ("url", "file:~/events", Some("begins with ~")),
            ("url", "file:${LOGS}/events", Some("contains ${LOGS},")),
            ("errors", "~/refused", Some("begins with ~")),
            ("file", "$HOME/pass", Some("contains $HOME,")),
            ("file", "a${B", Some("contains ${B,")),
            ("server", "$FMC", Some("contains $FMC,")),
            ("state", "/a/~/b~", None),
            ("url", "file:{source}.$1", None),
            ("name", "${A}", None),
        ] {
            let what = in_place(key, text).map(|(what, _)| what);
            match found {
                None => assert_eq!(what, None),
                Some(part) => assert!(what.as_ref().unwrap().contains(part), "{what:?}"),
            }
        }
    }
}
