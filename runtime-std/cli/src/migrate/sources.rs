//! The servers of the old configuration, as sources.

use std::fmt::Write;
use std::path::Path;

use serde_json::Value;

use super::quote::quoted;

/// The event types, in the order of the sample configuration.
const EVENTS: [&str; 4] = ["connection", "intrusion", "packet", "file"];

/// Record types of the classic protocol, and the event type that has their data.
const RECORDS: [(u64, &str); 5] = [
    (2, "packet"),
    (71, "connection"),
    (400, "intrusion"),
    (500, "file"),
    (502, "file"),
];

/// A `[[source]]` for each server.
pub(super) fn write(old: &Value, bookmark: &dyn Fn(&str, u64) -> Option<u64>) -> String {
    let servers = old["subscription"]["servers"].as_array();
    let servers = servers.map(Vec::as_slice).unwrap_or_default();
    let mut text = String::new();
    if servers.is_empty() {
        text += "\n# The old configuration names no server (subscription.servers).\n";
        text += "# [[source]]\n# server = \"fmc.example.net\"\n# pkcs12 = \"client.p12\"\n";
    }
    let (events, notes) = events(old);
    for server in servers {
        let Some(host) = server["host"].as_str().filter(|host| !host.is_empty()) else {
            text += "\n# A server of the old configuration has no host.\n";
            continue;
        };
        let port = server["port"].as_u64().unwrap_or(8302);
        let identity = server["pkcs12Filepath"].as_str().unwrap_or("client.pkcs12");
        let address = match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        };
        let password = Path::new(identity).with_extension("pass");
        let start = start(&old["start"], bookmark(host, port));
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n[[source]]\n\
             server = {address}\n\
             # The path is as in the old configuration.\n\
             pkcs12 = {identity}\n\
             # The old client kept the key without a password beside it. Put the password of the\n\
             # PKCS#12 file into this one, readable for the collector alone.\n\
             password = {{ file = {password} }}\n\
             {notes}events = [{events}]\n\
             {start}",
            address = quoted(&address),
            identity = quoted(identity),
            password = quoted(&password.to_string_lossy()),
        );
    }
    text
}

/// The event types asked for, and comments about them.
fn events(old: &Value) -> (String, String) {
    let records = &old["handler"]["records"];
    let is_on = |value: &Value| value.as_bool().unwrap_or(true);
    let mut wanted = EVENTS.map(|event| match event {
        "connection" => is_on(&records["connections"]) && is_on(&records["flows"]),
        "intrusion" => is_on(&records["intrusion"]),
        "packet" => {
            is_on(&records["packets"]) && is_on(&old["subscription"]["records"]["packetData"])
        }
        _ => is_on(&records["core"]),
    });
    let mut notes = String::new();
    // What is excluded wins.
    for (key, value) in [("include", true), ("exclude", false)] {
        let listed = records[key]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        for record in listed {
            let known = RECORDS
                .iter()
                .find(|(number, _)| record.as_u64() == Some(*number));
            let event = known.and_then(|(_, name)| EVENTS.iter().position(|it| it == name));
            match event {
                Some(event) => wanted[event] = value,
                None => {
                    // Writing to a String cannot fail.
                    let _ = writeln!(
                        notes,
                        "# {key}: record type {record} is not one of fully-qualified events."
                    );
                }
            }
        }
    }
    if wanted == [false; 4] {
        wanted = [true; 4];
        notes += "# The old configuration wrote none of these event types.\n";
    }
    let names = EVENTS.iter().zip(wanted).filter(|(_, wanted)| *wanted);
    let names: Vec<String> = names.map(|(name, _)| quoted(name)).collect();
    (names.join(", "), notes)
}

/// Where to start.
fn start(start: &Value, bookmark: Option<u64>) -> String {
    match (start.as_u64(), bookmark) {
        (Some(0), _) => "# start = 0: everything that the server has.\n\
             from = \"oldest\"\n"
            .into(),
        (Some(1), _) => "# start = 1: what comes from now on.\n\
             from = \"now\"\n"
            .into(),
        (_, Some(seconds)) => format!(
            "# The bookmark of the old client, in UNIX seconds. Events of that second come again.\n\
             # It counts at the first start; then our own bookmark does.\n\
             from = \"{seconds}\"\n"
        ),
        (_, None) => {
            "# There is no bookmark of the old client beside its configuration: collection\n\
             # starts now. Name the time of the last event it wrote to miss none.\n\
             # from = \"2026-01-31T12:00:00Z\"\n"
                .into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_decide_on_event_types_and_exclude_wins() {
        for (records, expected) in [
            ("{}", r#""connection", "intrusion", "packet", "file""#),
            (
                r#"{"connections": false, "core": false}"#,
                r#""intrusion", "packet""#,
            ),
            (
                r#"{"packets": false, "include": [2]}"#,
                r#""connection", "intrusion", "packet", "file""#,
            ),
            (
                r#"{"include": [71], "exclude": [71, 400]}"#,
                r#""packet", "file""#,
            ),
            (
                r#"{"core": false, "flows": false, "intrusion": false, "packets": false}"#,
                r#""connection", "intrusion", "packet", "file""#,
            ),
        ] {
            let records: Value = serde_json::from_str(records).unwrap();
            let old = serde_json::json!({"handler": {"records": records}});
            assert_eq!(events(&old).0, expected, "{old}");
        }
        let old = serde_json::json!({"subscription": {"records": {"packetData": false}}});
        assert_eq!(events(&old).0, r#""connection", "intrusion", "file""#);
        let old = serde_json::json!({"handler": {"records": {"include": [110]}}});
        assert!(events(&old).1.contains("record type 110"));
    }
}
