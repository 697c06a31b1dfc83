//! The keys of the old configuration, and what became of them.

use serde_json::Value;

/// Keys by their path, and why they have no equivalent; nothing where there is one. The
/// longest path that fits counts.
const KEYS: &[(&str, &str)] = &[
    ("enabled", ""),
    ("start", ""),
    ("subscription.servers.host", ""),
    ("subscription.servers.port", ""),
    ("subscription.servers.pkcs12Filepath", ""),
    (
        "subscription.servers.tlsVersion",
        "TLS 1.2 and 1.3 are used, and older versions refused",
    ),
    (
        "subscription.records",
        "the request names event types, not record flags",
    ),
    ("subscription.records.packetData", ""),
    ("handler.outputters", ""),
    ("handler.records", ""),
    (
        "handler.records.metadata",
        "events carry the names that metadata explained",
    ),
    (
        "handler.records.rna",
        "discovery events are not fully-qualified events",
    ),
    (
        "handler.records.rua",
        "user activity is not a fully-qualified event",
    ),
    (
        "alwaysAttemptToContinue",
        "a connection that ends is always made again",
    ),
    ("batchSize", "a server chooses the size of its bundles"),
    ("conditions", "start and stop the service by systemd"),
    ("connectTimeout", "a connection has 30 seconds to stand"),
    (
        "responseTimeout",
        "request_timeout is something else: when the next form of the request is tried",
    ),
    (
        "logging",
        "messages go to standard error, under systemd to the journal",
    ),
    (
        "monitor",
        "SIGUSR1 prints the counts, and systemctl status shows them",
    ),
    (
        "workerProcesses",
        "one process has a thread for each output",
    ),
];

/// A line for each key that has no equivalent, and for each that is not known.
pub(super) fn without_equivalent(old: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    walk(old, "", &mut lines);
    lines.dedup();
    lines
}

fn walk(value: &Value, path: &str, lines: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries.iter().filter(|(key, _)| !is_comment(key)) {
                let path = match path {
                    "" => key.clone(),
                    path => format!("{path}.{key}"),
                };
                visit(value, &path, lines);
            }
        }
        Value::Array(entries) => {
            for value in entries.iter().filter(|value| value.is_object()) {
                walk(value, path, lines);
            }
        }
        _ => {}
    }
}

/// A key that the table names is told as a whole, unless it names keys inside.
fn visit(value: &Value, path: &str, lines: &mut Vec<String>) {
    let inside = format!("{path}.");
    let is_table = value.is_object() || is_list_of_objects(value);
    if is_table && KEYS.iter().any(|(known, _)| known.starts_with(&inside)) {
        return walk(value, path, lines);
    }
    match reason(path) {
        Some("") => {}
        Some(reason) => lines.push(format!("{path} = {}: {reason}", shortened(value))),
        None => lines.push(format!(
            "{path} = {}: this key is not known",
            shortened(value)
        )),
    }
}

fn is_list_of_objects(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|values| values.iter().any(Value::is_object))
}

/// Comments are keys that end so.
fn is_comment(key: &str) -> bool {
    key.ends_with("@comment")
}

/// Why a key has no equivalent: that of the longest known path that it begins with.
fn reason(path: &str) -> Option<&'static str> {
    let fits = |known: &str| {
        let rest = path.strip_prefix(known);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let known = KEYS.iter().filter(|(known, _)| fits(known));
    known
        .max_by_key(|(known, _)| known.len())
        .map(|(_, reason)| *reason)
}

/// A value in one line, of a length that a comment may have.
fn shortened(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_told_once_with_its_reason_and_comments_are_left_out() {
        let old = serde_json::json!({
            "enabled": true,
            "monitor": {"period": 120, "bookmark": false},
            "star@comment": "text",
            "subscription": {
                "servers": [{"host": "a", "tlsVersion": 1.2}, {"host": "b", "tlsVersion": 1.2}],
                "records": {"packetData": true, "metadata": true},
            },
            "handler": {"records": {"core": true, "rna": true}, "unheard": {"of": 1}},
        });
        let lines = without_equivalent(&old).join("\n");
        for (words, count) in [
            ("monitor = {\"bookmark\":false,\"period\":120}: ", 1),
            ("subscription.servers.tlsVersion = 1.2: ", 1),
            ("subscription.records.metadata = true: ", 1),
            ("handler.records.rna = true: ", 1),
            ("handler.unheard = {\"of\":1}: this key is not known", 1),
            ("enabled", 0),
            ("comment", 0),
            ("packetData", 0),
            ("core", 0),
        ] {
            assert_eq!(lines.matches(words).count(), count, "{words} in {lines}");
        }
    }
}
