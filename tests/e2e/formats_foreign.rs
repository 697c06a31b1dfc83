//! What other programs read in the formats that are written for them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use estreamer_simulate::generator::{Generator, GeneratorOptions, render_json};
use estreamer_tests::{Ended, Pki, data, estreamer, json_lines};

/// The values of an event by key.
type Values = BTreeMap<String, String>;

/// Real and generated events, and some that hold what the formats give a meaning.
fn events() -> String {
    let mut events = fs::read(data("real-events.ndjson")).unwrap();
    let options = GeneratorOptions {
        awkward_percent: 30,
        ..GeneratorOptions::default()
    };
    for event in Generator::new(options).take(500) {
        render_json(&event, None, &mut events);
        events.push(b'\n');
    }
    for value in [
        r"a=b c=d",
        r"\\",
        r"C:\\new",
        r"a|b",
        r"tab\tend",
        r"line\nend",
        "x, y: z",
    ] {
        let event = format!(
            "{{\"EventType\":\"ConnectionEvent\",\"User\":\"{value}\",\"Unheard_Of\":\"{value}\"}}\n"
        );
        events.extend_from_slice(event.as_bytes());
    }
    String::from_utf8(events).unwrap()
}

fn converted(pki: &Pki, format: &str) -> String {
    converted_of(pki, &events(), format)
}

fn converted_of(pki: &Pki, events: &str, format: &str) -> String {
    let file = pki.write("events.ndjson", events);
    let ended = Ended::of(&mut estreamer(&["convert", &file, "--format", format])).success();
    String::from_utf8(ended.stdout).unwrap()
}

/// Runs a program over lines and reads the JSON that it prints for each.
fn read_by(command: &mut Command, lines: &str) -> Vec<serde_json::Value> {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the program of another project");
    let mut stdin = child.stdin.take().unwrap();
    let lines = lines.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    json_lines(&output.stdout)
}

/// The pairs of a line, in which no value holds this separator.
fn pairs_of(line: &str, separator: char) -> Values {
    let pairs = line
        .split(separator)
        .filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

#[test]
#[ignore = "needs pycef"]
fn pycef_reads_every_field_of_cef() {
    let pki = Pki::new();
    let lines = converted(&pki, "cef");
    let script = "import sys, json, pycef\n\
                  for line in sys.stdin:\n    print(json.dumps(pycef.parse(line.rstrip('\\n'))))";
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/python");
    let mut command = Command::new("python3");
    command.args(["-c", script]).env("PYTHONPATH", python);
    let read = read_by(&mut command, &lines);
    assert_eq!(read.len(), lines.lines().count());
    let text = events();
    let mut compared = 0;
    for (read, event) in read.iter().zip(json_lines(text.as_bytes())) {
        let name = event.get("IntrusionRuleMessage");
        let name = name.and_then(serde_json::Value::as_str).unwrap_or_default();
        // It reads no header with these, escaped or not.
        if name.contains(['=', '\\']) {
            continue;
        }
        assert_eq!(read["DeviceVendor"], "Cisco", "{event}");
        let home = [
            ("InitiatorIP", "src"),
            ("ResponderIP", "dst"),
            ("InitiatorPort", "spt"),
            ("Protocol", "proto"),
            ("User", "suser"),
            ("FileSHA256", "fileHash"),
            // It names custom fields by their labels.
            ("FirewallRule", "FirewallRule"),
            ("InstanceID", "InstanceID"),
            ("WebApplication", "WebApplication"),
            ("Unheard_Of", "Unheard_Of"),
        ];
        for (field, key) in home
            .into_iter()
            .filter(|(field, _)| event.get(field).is_some())
        {
            let expected = match &event[field] {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            // It leaves the escapes of values to its caller, and drops a blank at the end.
            let escaped = expected.replace('\\', "\\\\").replace('=', "\\=");
            let escaped = escaped.replace('\n', "\\n").replace('\r', "\\r");
            let found = read[key].as_str().unwrap_or_default();
            assert_eq!(found.trim_end(), escaped.trim_end(), "{field} in {event}");
            compared += 1;
        }
    }
    assert!(compared > 2000, "{compared}");
}

/// Real events, 10,000 generated ones, and values that no place of a document can hold.
fn documents() -> String {
    let mut events = events().into_bytes();
    let options = GeneratorOptions {
        awkward_percent: 50,
        seed: 7,
        ..GeneratorOptions::default()
    };
    for event in Generator::new(options).take(10_000) {
        render_json(&event, None, &mut events);
        events.push(b'\n');
    }
    let real = fs::read_to_string(data("real-events.ndjson")).unwrap();
    let values = [
        "null",
        "true",
        "-1",
        "1.5",
        "1e400",
        "99999999999999999999",
        "65536",
        "\"\"",
        "\"x\"",
        "\"\\\\\"",
        "\"\\ud800\"",
        "\"\\u0000\"",
        "[1]",
        "{\"a\":[]}",
        "\"007\"",
        "\"+1\"",
        "\"::1%eth0\"",
        "\"1.2.3\"",
        "\"DOMAIN\\\\\"",
        "\"http://[::1\"",
        "\"SSLv\"",
    ];
    for event in json_lines(real.as_bytes()) {
        let event = event.as_object().unwrap();
        for (changed, value) in event
            .keys()
            .flat_map(|name| values.map(|value| (name, value)))
        {
            let members = event.iter().map(|(name, own)| match name == changed {
                true => format!("{name:?}:{value}"),
                false => format!("{name:?}:{own}"),
            });
            let members: Vec<String> = members.collect();
            let more = "\"Event_Type\":1,\"event-type\":2,\"a.b\":3,\"A b\":4,\"\":5";
            events.extend_from_slice(format!("{{{},{more}}}\n", members.join(",")).as_bytes());
        }
    }
    String::from_utf8(events).unwrap()
}

/// Runs a script of this folder over lines and returns what it counted.
fn counted(script: &str, lines: &str) -> serde_json::Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new("python3");
    command
        .arg(root.join("foreign").join(script))
        .env("PYTHONPATH", root.join("../target/python"));
    read_by(&mut command, lines).remove(0)
}

#[test]
#[ignore = "needs jsonschema and communityid"]
fn documents_have_the_types_of_ecs_and_the_community_ids_of_others() {
    let pki = Pki::new();
    let lines = converted_of(&pki, &documents(), "ecs");
    let found = counted("validate_ecs.py", &lines);
    assert_eq!(found["events"], lines.lines().count());
    assert!(found["identifiers"].as_u64() > Some(7000), "{found}");
}

#[test]
#[ignore = "needs pydantic-ocsf"]
fn events_are_valid_in_their_classes_of_ocsf() {
    let pki = Pki::new();
    let lines = converted_of(&pki, &documents(), "ocsf");
    let found = counted("validate_ocsf.py", &lines);
    for class in ["2004", "4001", "6006"] {
        assert!(found[class].as_u64() > Some(300), "{class} in {found}");
    }
    let all = found.as_object().unwrap().values();
    let all: u64 = all.filter_map(serde_json::Value::as_u64).sum();
    assert_eq!(all, lines.lines().count() as u64);
}

#[test]
#[ignore = "needs liblognorm"]
fn liblognorm_reads_every_field_of_leef() {
    let pki = Pki::new();
    let lines = converted(&pki, "leef");
    let rules = concat!(
        "version=2\n",
        "rule=:LEEF:2.0|%vendor:char-to:|%|%product:char-to:|%|%version:char-to:|%|%id:char-to:|%",
        "|x09|%{\"name\":\"pairs\", \"type\":\"repeat\", \"parser\":[",
        "{\"type\":\"char-to\", \"name\":\"key\", \"extradata\":\"=\"}, ",
        "{\"type\":\"literal\", \"text\":\"=\"}, ",
        "{\"type\":\"char-sep\", \"name\":\"value\", \"extradata\":\"\\t\"}], ",
        "\"while\":[{\"type\":\"literal\", \"text\":\"\\t\"}]}%\n",
    );
    let rules = pki.write("leef.rulebase", rules);
    let mut command = Command::new("lognormalizer");
    let read = read_by(command.args(["-r", &rules, "-e", "json"]), &lines);
    assert_eq!(read.len(), lines.lines().count());
    for (read, line) in read.iter().zip(lines.lines()) {
        let pairs = read["pairs"]
            .as_array()
            .unwrap_or_else(|| panic!("not read: {line}"));
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let found: Values = pairs
            .iter()
            .map(|pair| (text(&pair["key"]), text(&pair["value"])))
            .collect();
        let (_, sent) = line.split_once("|x09|").unwrap();
        assert_eq!(found, pairs_of(sent, '\t'), "{line}");
    }
}
