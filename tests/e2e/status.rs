//! What a collector says of itself is true: it equals what is in its files.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use estreamer_tests::http::{get, listening, status};
use estreamer_tests::{Ended, Fleet, Running, estreamer, wait_for_lines, wait_until};
use serde_json::Value;

pub(crate) const LISTEN: &str = "[listen]\naddress = \"127.0.0.1:0\"\n";

/// Two servers that answer, one that is away, and two outputs, one of them away.
pub(crate) fn world() -> (Fleet, [estreamer_simulate::Simulator; 2], Running) {
    let fleet = Fleet::new();
    let servers = [
        fleet.server(1, 1000, |builder| builder),
        fleet.server(2, 300, |builder| builder),
    ];
    let tables = [
        Fleet::source("big", &servers[0]),
        Fleet::source("small", &servers[1]),
        Fleet::source_at("away", "127.0.0.1:1"),
        Fleet::output("file:{source}-{event}.ndjson"),
        Fleet::output("tcp://127.0.0.1:2") + "name = \"siem\"\nrequired = false\n",
    ];
    fleet.configure(LISTEN, &tables);
    let running = Running::start(&mut fleet.collect());
    (fleet, servers, running)
}

pub(crate) fn source<'s>(status: &'s Value, name: &str) -> &'s Value {
    let sources = status["sources"].as_array().unwrap();
    sources
        .iter()
        .find(|source| source["name"] == name)
        .unwrap()
}

/// Waits until every event of both servers is durable; returns the status then.
#[track_caller]
pub(crate) fn settled(address: &str) -> Value {
    let mut last = Value::Null;
    wait_until(|| {
        last = status(address);
        let durable = |name| source(&last, name)["durable"]["events"].as_u64();
        let failing = &last["outputs"][1]["failure"];
        let tried = &source(&last, "away")["trouble"];
        durable("big") == Some(1000)
            && durable("small") == Some(300)
            && !failing.is_null()
            && !tried.is_null()
    });
    last
}

fn lines(path: &Path) -> u64 {
    let bytes = fs::read(path).unwrap_or_default();
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}

#[test]
fn the_counts_of_the_status_are_those_of_the_files_and_of_the_metrics() {
    let (fleet, servers, running) = world();
    let address = listening(&running);
    let status = settled(&address);
    let metrics = get(&address, "/metrics");
    assert!(
        metrics.head.contains("text/plain; version=0.0.4"),
        "{metrics:?}"
    );
    let metric = |line: &str| {
        let mut lines = metrics.body.lines();
        lines.any(|found| found == line)
    };
    for (name, count) in [("big", 1000), ("small", 300)] {
        let source = source(&status, name);
        assert_eq!(source["state"], "connected");
        for step in ["received", "accepted", "durable"] {
            assert_eq!(source[step]["events"], count, "{step}");
        }
        let mut sum = 0;
        for by_event in source["by_event"].as_array().unwrap() {
            let event = by_event["event"].as_str().unwrap();
            let events = by_event["accepted"]["events"].as_u64().unwrap();
            let file = fleet.path(&format!("{name}-{event}.ndjson"));
            assert_eq!(lines(&file), events, "{name} {event}");
            let line = "estreamer_source_accepted_events_total";
            let line = format!("{line}{{source=\"{name}\",event=\"{event}\"}} {events}");
            assert!(metric(&line), "no {line} in {}", metrics.body);
            sum += events;
        }
        assert_eq!(sum, count);
        assert_eq!(source["in_flight"], 0);
        assert_eq!(source["connections"], 1);
        assert_eq!(source["tls"], "TLS 1.3");
        let bookmark = &source["bookmark"];
        assert_eq!(bookmark["second"], source["newest"]);
        assert!(bookmark["age"].as_f64().unwrap() < 600.0);
        // A certificate of a test is valid for years.
        let days = |of: &str| source[of]["days_left"].as_i64().unwrap();
        assert!(days("server_certificate") > 300 && days("identity") > 300);
        assert!(metric(&format!(
            "estreamer_source_connected{{source=\"{name}\"}} 1.0"
        )));
        let address = source["address"].as_str().unwrap();
        assert!(
            servers
                .iter()
                .any(|server| server.address().to_string() == address)
        );
    }
    let away = source(&status, "away");
    assert!(
        away["trouble"]["what"]
            .as_str()
            .unwrap()
            .contains("refuses the connection")
    );
    assert!(
        away["trouble"]["remedy"]
            .as_str()
            .unwrap()
            .contains("Check address and port")
    );
    let refused = away["ends"].as_array().unwrap().iter();
    let mut refused = refused.filter(|end| end["name"] == "refused");
    assert!(refused.next().unwrap()["count"].as_u64().unwrap() >= 1);
    let outputs = status["outputs"].as_array().unwrap();
    assert_eq!(outputs[0]["kind"], "file");
    assert_eq!(outputs[0]["failure"], Value::Null);
    assert_eq!(outputs[0]["backlog"]["batches"], 0);
    let batches = outputs[0]["batches"].as_u64().unwrap();
    let buckets = outputs[0]["latency"]["buckets"].as_array().unwrap();
    let observed = buckets.iter().map(|it| it["count"].as_u64().unwrap());
    assert!(batches >= 2 && observed.sum::<u64>() == batches);
    let written: u64 = fs::read_dir(fleet.path(""))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().extension().is_some_and(|it| it == "ndjson"))
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    assert_eq!(outputs[0]["bytes"], written);
    assert_eq!(
        (&outputs[1]["kind"], &outputs[1]["required"]),
        (&"tcp".into(), &false.into())
    );
    assert!(outputs[1]["backlog"]["batches"].as_u64().unwrap() > 0);
    assert_eq!(status["process"]["pid"], running.id());
    assert_eq!(get(&address, "/healthz").status, 200);
    assert_eq!(
        get(&address, "/readyz").status,
        200,
        "a required output works"
    );
    running.stop().success();
}

#[test]
fn openmetrics_is_served_to_who_asks_for_it() {
    let (_fleet, _servers, running) = world();
    let address = listening(&running);
    let request = "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text;version=1.0.0;\
                   q=0.6,text/plain;q=0.2\r\n\r\n";
    let answer = estreamer_tests::http::exchange(&address, request.as_bytes());
    assert!(answer.head.contains(
        "\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"
    ));
    assert!(answer.body.ends_with("# EOF\n"), "{}", answer.body);
    assert!(
        answer
            .body
            .contains("# UNIT estreamer_source_lag_seconds seconds\n")
    );
    running.stop().success();
}

#[test]
fn it_is_not_ready_while_no_source_is_connected_or_a_required_output_fails() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 10, |builder| builder);
    let away = Fleet::source_at("away", "127.0.0.1:1");
    fleet.configure(LISTEN, &[away, Fleet::output("file:out.ndjson")]);
    let running = Running::start(&mut fleet.collect());
    let address = listening(&running);
    wait_until(|| {
        get(&address, "/readyz")
            .body
            .contains("away is not connected")
    });
    let answer = get(&address, "/readyz");
    assert_eq!(
        (answer.status, get(&address, "/healthz").status),
        (503, 200)
    );
    running.stop().success();

    let tables = [
        Fleet::source("fmc", &server),
        Fleet::output("tcp://127.0.0.1:2") + "name = \"siem\"\n",
    ];
    fleet.configure(LISTEN, &tables);
    fs::remove_dir_all(fleet.path("state")).unwrap();
    let running = Running::start(&mut fleet.collect());
    let address = listening(&running);
    wait_until(|| get(&address, "/readyz").body.contains("output siem fails"));
    assert_eq!(get(&address, "/readyz").status, 503);
    let status = status(&address);
    assert!(source(&status, "fmc")["in_flight"].as_u64().unwrap() > 0);
    assert!(status["outputs"][0]["retries"].as_u64().unwrap() > 0);
    running.stop();
}

#[test]
fn a_status_has_the_fields_of_its_schema_and_no_others() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/status.schema.json");
    let schema: Value = serde_json::from_slice(&fs::read(schema).unwrap()).unwrap();
    let (_fleet, _servers, running) = world();
    let address = listening(&running);
    let mut wrong = Vec::new();
    check(&schema, &schema, &settled(&address), "status", &mut wrong);
    assert!(wrong.is_empty(), "{wrong:#?}");
    running.stop().success();
}

/// Compares a value with the part of JSON Schema that this schema uses; fields that it
/// does not name are wrong, too.
fn check(root: &Value, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.trim_start_matches("#/$defs/");
        return check(root, &root["$defs"][name], value, at, wrong);
    }
    if let Some(options) = schema["anyOf"].as_array() {
        let fits = options.iter().any(|option| {
            let mut wrong = Vec::new();
            check(root, option, value, at, &mut wrong);
            wrong.is_empty()
        });
        if !fits {
            wrong.push(format!("{at}: {value} fits no option"));
        }
        return;
    }
    if let Some(values) = schema["enum"].as_array()
        && !values.contains(value)
    {
        wrong.push(format!("{at}: {value} is not in {values:?}"));
    }
    if !schema["const"].is_null() && schema["const"] != *value {
        wrong.push(format!("{at}: {value}"));
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is_allowed = match &schema["type"] {
        Value::String(name) => name == kind,
        Value::Array(names) => names.iter().any(|name| name == kind),
        _ => true,
    };
    if !is_allowed {
        wrong.push(format!("{at}: {value} is not {}", schema["type"]));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        check(
            root,
            &schema["items"],
            item,
            &format!("{at}[{index}]"),
            wrong,
        );
    }
    let Some(fields) = value.as_object() else {
        return;
    };
    for name in schema["required"].as_array().into_iter().flatten() {
        if !fields.contains_key(name.as_str().unwrap()) {
            wrong.push(format!("{at}: no {name}"));
        }
    }
    for (name, field) in fields {
        match schema["properties"].get(name) {
            Some(schema) => check(root, schema, field, &format!("{at}.{name}"), wrong),
            None => wrong.push(format!("{at}.{name} is not in the schema")),
        }
    }
}

#[test]
#[ignore = "needs python3 with jsonschema: cargo xtask interop"]
fn a_status_is_valid_for_another_implementation_of_json_schema() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/status.schema.json");
    let (fleet, _servers, running) = world();
    let address = listening(&running);
    let path = fleet.path("status.json");
    fs::write(&path, settled(&address).to_string()).unwrap();
    let script = "import json, sys, jsonschema\nschema = json.load(open(sys.argv[1]))\n\
                  jsonschema.Draft202012Validator.check_schema(schema)\n\
                  jsonschema.Draft202012Validator(schema).validate(json.load(open(sys.argv[2])))";
    let mut command = Command::new("python3");
    Ended::of(command.args(["-c", script]).arg(schema).arg(path)).success();
    running.stop().success();
}

#[test]
fn the_command_says_what_is_wrong_by_its_exit_status() {
    let (fleet, _servers, running) = world();
    let address = listening(&running);
    settled(&address);
    let state = fleet.path("state");
    let status = |arguments: &[&str]| Ended::of(&mut estreamer(arguments));
    let ask = |more: &[&str]| {
        let mut command = estreamer(&["status", "--state"]);
        Ended::of(command.arg(&state).args(more).env("COLUMNS", "72"))
    };
    let ended = ask(&[]);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    let shown = String::from_utf8(ended.stdout).unwrap();
    assert!(
        shown.lines().all(|line| line.chars().count() <= 72),
        "{shown}"
    );
    for part in [
        "big",
        "connected",
        "1000",
        "! source away is not connected",
        "! output siem",
    ] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
    let json: Value = serde_json::from_slice(&ask(&["--json"]).stdout).unwrap();
    assert_eq!(source(&json, "big")["accepted"]["events"], 1000);
    let mut watch = estreamer(&["status", "--watch", "--state"]);
    watch.arg(&state).stdout(Stdio::piped());
    let mut watching = watch.spawn().unwrap();
    let lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let heads = lines
        .map_while(Result::ok)
        .filter(|line| line.starts_with("estreamer "));
    assert_eq!(heads.take(2).count(), 2, "it prints again");
    watching.kill().unwrap();
    watching.wait().unwrap();
    let by_address = status(&["status", "--address", &address, "--json"]);
    assert_eq!(by_address.status.code(), Some(1));
    let mut service = estreamer(&["status"]);
    let found = Ended::of(service.env("STATE_DIRECTORY", &state));
    assert_eq!(found.status.code(), Some(1), "{}", found.stderr);
    running.stop().success();
    ask(&[]).failure(2, &["no collector found", "status.sock"]);
    status(&["status", "--address", &address]).failure(2, &["no collector found"]);

    let server = fleet.server(3, 10, |builder| builder);
    fleet.configure_one(&server, &["file:fine.ndjson"]);
    let running = Running::start(&mut fleet.collect());
    wait_for_lines(&fleet.path("fine.ndjson"), 10, &running);
    let ended = ask(&[]).success();
    let shown = String::from_utf8(ended.stdout).unwrap();
    assert!(!shown.contains('!'), "{shown}");
    running.stop().success();
}
