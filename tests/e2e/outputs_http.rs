//! Outputs by HTTP, with receivers that are strict, full, slow, or restarted.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use estreamer_simulate::Simulator;
use estreamer_tests::http_server::{HttpReply, HttpRequest, serve, serve_on};
use estreamer_tests::receiver::ReceiverPki;
use estreamer_tests::{Fleet, Running, counted, json_lines, lines, stored, wait_until};
use serde_json::{Value, json};

use crate::outputs::listen;

pub(crate) const EVENTS: u64 = 3000;

/// The documents or lines that a receiver has.
pub(crate) type Store<T> = Arc<Mutex<T>>;

pub(crate) fn configure(fleet: &Fleet, server: &Simulator, url: &str, keys: &str) {
    let output = format!("{}name = \"siem\"\n{keys}\n", Fleet::output(url));
    fleet.configure("", &[Fleet::source("fmc", server), output]);
}

pub(crate) fn collect(fleet: &Fleet, server: &Simulator, url: &str, keys: &str) -> Running {
    configure(fleet, server, url, keys);
    Running::start(&mut fleet.collect())
}

pub(crate) fn text_lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    let lines = bytes.split(|&byte| byte == b'\n').map(<[u8]>::to_vec);
    lines.filter(|line| !line.is_empty()).collect()
}

pub(crate) fn is_done(server: &Simulator) -> bool {
    server.connections().last().is_some_and(|of| of.is_done())
}

/// The events of a server as JSON, sorted.
pub(crate) fn expected_documents(server: &Simulator) -> Vec<String> {
    let read = |line: Vec<u8>| serde_json::from_slice::<Value>(&line).unwrap().to_string();
    let mut documents: Vec<String> = stored([server]).into_iter().map(read).collect();
    documents.sort();
    documents
}

#[test]
fn every_event_is_a_line_of_a_request_with_its_headers_over_tls() {
    let fleet = Fleet::new();
    let pki = ReceiverPki::new(&["receiver.example.net"], false);
    pki.write_to(&fleet.path(""));
    std::fs::write(fleet.path("token"), "s3cret\n").unwrap();
    for compress in ["", "compress = \"gzip\"\n", "compress = \"zstd\"\n"] {
        let store = Store::<Vec<Vec<u8>>>::default();
        let kept = store.clone();
        let address = serve(Some(pki.tls(true)), move |request| {
            assert_eq!(request.path, "/in?table=a");
            assert_eq!(request.headers["authorization"], "Bearer s3cret");
            assert_eq!(request.headers["x-tenant"], "berlin");
            let lines = text_lines(&request.body);
            assert!(lines.len() <= 500);
            kept.lock().unwrap().extend(lines);
            HttpReply::status(204)
        });
        let keys = format!(
            "auth = {{ bearer = {{ file = \"token\" }} }}\nheader = {{ X-Tenant = \"berlin\" }}\n\
             batch = {{ events = 500 }}\ntls = {{ ca = \"receiver-ca.pem\", server_name = \
             \"receiver.example.net\", cert = \"collector.pem\", key = \"collector.key\" }}\n{compress}"
        );
        let server = fleet.server(1, EVENTS, |builder| builder.unacknowledged(16));
        let _ = std::fs::remove_dir_all(fleet.path("state"));
        let url = format!("https://{address}/in?table=a");
        let running = collect(&fleet, &server, &url, &keys);
        wait_until(|| is_done(&server));
        let ended = running.stop().success();
        let mut found = std::mem::take(&mut *store.lock().unwrap());
        found.sort();
        assert!(found == stored([&server]), "{}", ended.stderr);
    }
}

#[test]
fn a_receiver_that_is_busy_is_asked_again_after_the_time_it_says() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 300, |builder| builder);
    let store = Store::<Vec<Vec<u8>>>::default();
    let times = Store::<Vec<std::time::Instant>>::default();
    let (kept, seen) = (store.clone(), times.clone());
    let address = serve(None, move |request| {
        let mut seen = seen.lock().unwrap();
        seen.push(std::time::Instant::now());
        match seen.len() {
            1 => HttpReply::Answer(503, vec![("retry-after", "2".into())], b"full".to_vec()),
            2 => HttpReply::status(429),
            3 => HttpReply::Close,
            _ => {
                kept.lock().unwrap().extend(text_lines(&request.body));
                HttpReply::status(200)
            }
        }
    });
    let running = collect(&fleet, &server, &format!("http://{address}/"), "");
    running.wait_for("HTTP status 503: full (it asks to wait 2 s)");
    running.wait_for("works again after");
    wait_until(|| is_done(&server));
    let ended = running.stop().success();
    let mut found = store.lock().unwrap().clone();
    found.sort();
    assert!(found == stored([&server]), "{}", ended.stderr);
    let times = times.lock().unwrap();
    assert!(times[1] - times[0] >= Duration::from_secs(2));
}

#[test]
fn an_event_that_a_receiver_refuses_goes_to_the_file_for_errors_alone() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 400, |builder| builder);
    let all = stored([&server]);
    let bad: HashSet<Vec<u8>> = [&all[7], &all[200], &all[399]]
        .into_iter()
        .cloned()
        .collect();
    let (store, refused) = (Store::<Vec<Vec<u8>>>::default(), bad.clone());
    let kept = store.clone();
    let address = serve(None, move |request| {
        let lines = text_lines(&request.body);
        if lines.iter().any(|line| refused.contains(line)) {
            return HttpReply::Answer(400, Vec::new(), b"cannot parse".to_vec());
        }
        kept.lock().unwrap().extend(lines);
        HttpReply::status(200)
    });
    let running = collect(&fleet, &server, &format!("http://{address}/"), "");
    wait_until(|| is_done(&server));
    let ended = running.stop().success();
    let mut found = store.lock().unwrap().clone();
    let file = lines(&fleet.path("state/refused-siem.ndjson"));
    assert_eq!(
        counted(&ended.stderr, "refused by receivers"),
        file.len() as u64
    );
    assert!(ended.stderr.contains("cannot parse"), "{}", ended.stderr);
    for line in file {
        let line: Value = serde_json::from_slice(&line).unwrap();
        let event = line["estreamer_refused"]["event"].as_str().unwrap();
        assert!(bad.contains(event.as_bytes()));
        found.push(event.as_bytes().to_vec());
    }
    found.sort();
    assert!(found == all, "{}", ended.stderr);
    // Nothing comes again.
    let ended = Running::until_served(&mut fleet.collect(), &[&server]).success();
    assert!(ended.stderr.contains("0 events"), "{}", ended.stderr);
}

#[test]
fn a_receiver_that_refuses_everything_gets_the_events_when_it_is_repaired() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 400, |builder| builder);
    let (store, repaired) = (
        Store::<Vec<Vec<u8>>>::default(),
        Arc::<AtomicUsize>::default(),
    );
    let (kept, is_repaired) = (store.clone(), repaired.clone());
    let address = serve(None, move |request| {
        if is_repaired.load(Ordering::Relaxed) == 0 {
            return HttpReply::Answer(400, Vec::new(), b"unknown table".to_vec());
        }
        kept.lock().unwrap().extend(text_lines(&request.body));
        HttpReply::status(200)
    });
    let running = collect(&fleet, &server, &format!("http://{address}/"), "");
    running.wait_for("accepted none between; the others wait. HTTP status 400: unknown table");
    repaired.store(1, Ordering::Relaxed);
    wait_until(|| is_done(&server));
    let ended = running.stop().success();
    let refused = lines(&fleet.path("state/refused-siem.ndjson"));
    assert_eq!(refused.len(), 100, "{}", ended.stderr);
    assert_eq!(counted(&ended.stderr, "refused by receivers"), 100);
    let reported = ended.stderr.lines().filter_map(|line| {
        let (before, _) = line.split_once(" refused: HTTP status 400")?;
        let count = before.rsplit(' ').nth(1)?;
        count.parse::<u64>().ok()
    });
    assert_eq!(reported.sum::<u64>(), 100, "{}", ended.stderr);
    assert_eq!(store.lock().unwrap().len(), 300, "{}", ended.stderr);
}

#[test]
fn wrong_credentials_hold_the_events_back_until_they_are_right() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 100, |builder| builder);
    let (store, calls) = (Store::<Vec<Vec<u8>>>::default(), AtomicUsize::new(0));
    let kept = store.clone();
    let address = serve(None, move |request| {
        if calls.fetch_add(1, Ordering::Relaxed) < 3 {
            return HttpReply::status(401);
        }
        kept.lock().unwrap().extend(text_lines(&request.body));
        HttpReply::status(200)
    });
    let running = collect(&fleet, &server, &format!("http://{address}/"), "");
    running.wait_for("check the credentials");
    wait_until(|| store.lock().unwrap().len() == 100);
    running.stop().success();
    assert!(!fleet.path("state/refused-siem.ndjson").exists());
}

/// An HTTP Event Collector with acknowledgements.
#[derive(Default)]
struct Collector {
    events: Vec<Value>,
    channel: Option<String>,
    next: u64,
    asked: u64,
}

fn hec(request: &HttpRequest, collector: &Store<Collector>, has_acks: bool) -> HttpReply {
    assert_eq!(request.headers["authorization"], "Splunk 11111111-2222");
    let channel = &request.headers["x-splunk-request-channel"];
    let mut collector = collector.lock().unwrap();
    if request.path.starts_with("/services/collector/ack") {
        assert!(request.path.ends_with(&format!("?channel={channel}")));
        let asked: Value = serde_json::from_slice(&request.body).unwrap();
        collector.asked += 1;
        // Every second question is answered.
        let come = collector.asked.is_multiple_of(2);
        let acks = asked["acks"].as_array().unwrap().iter();
        let acks = acks.map(|ack| (ack.to_string(), Value::Bool(come)));
        return HttpReply::json(200, &json!({ "acks": Value::Object(acks.collect()) }));
    }
    assert_eq!(request.path, "/services/collector/event");
    assert!(collector.channel.as_ref().is_none_or(|one| one == channel));
    collector.channel = Some(channel.clone());
    collector.events.extend(json_lines(&request.body));
    collector.next += 1;
    match has_acks {
        true => HttpReply::json(
            200,
            &json!({ "text": "Success", "code": 0, "ackId": collector.next }),
        ),
        false => HttpReply::json(200, &json!({ "text": "Success", "code": 0 })),
    }
}

#[test]
fn splunk_has_every_event_with_time_and_type_and_acknowledges_it() {
    let fleet = Fleet::new();
    std::fs::write(fleet.path("token"), "11111111-2222").unwrap();
    let server = fleet.server(1, EVENTS, |builder| builder.unacknowledged(16));
    for ack in [true, false] {
        let collector = Store::<Collector>::default();
        let kept = collector.clone();
        let address = serve(None, move |request| hec(request, &kept, ack));
        let keys = format!(
            "token = {{ file = \"token\" }}\nindex = \"ftd\"\nack = {ack}\nbatch = {{ events = 250 }}\n"
        );
        let _ = std::fs::remove_dir_all(fleet.path("state"));
        let before = server.connections().len();
        let running = collect(&fleet, &server, &format!("splunk+http://{address}"), &keys);
        wait_until(|| server.connections().len() > before && is_done(&server));
        let ended = running.stop().success();
        let collector = collector.lock().unwrap();
        assert_eq!(collector.asked > 0, ack);
        let first = &collector.events[0];
        assert_eq!(first["sourcetype"], "cisco:sfw:estreamer");
        assert_eq!(first["index"], "ftd");
        assert_eq!(first["source"], "fmc");
        assert!(first["time"].as_f64().unwrap() > 1e9);
        let events = collector
            .events
            .iter()
            .map(|event| event["event"].to_string());
        let mut events: Vec<String> = events.collect();
        events.sort();
        assert!(events == expected_documents(&server), "{}", ended.stderr);
    }
}

#[test]
fn an_event_that_splunk_has_not_acknowledged_comes_again_after_a_kill() {
    let fleet = Fleet::new();
    std::fs::write(fleet.path("token"), "11111111-2222").unwrap();
    let server = fleet.server(1, 300, |builder| builder);
    let (listener, address) = listen();
    let collector = Store::<Collector>::default();
    let kept = collector.clone();
    let lives = Arc::new(AtomicUsize::new(0));
    let alive = lives.clone();
    serve_on(listener, None, move |request| {
        // Until it is well, no acknowledgement ever comes.
        if request.path.contains("/ack?") && alive.load(Ordering::Relaxed) == 0 {
            return HttpReply::json(200, &json!({ "acks": {} }));
        }
        if alive.load(Ordering::Relaxed) > 0 {
            kept.lock().unwrap().channel = None;
        }
        hec(request, &kept, true)
    });
    let keys = "token = { file = \"token\" }\nack = true\n";
    let running = collect(&fleet, &server, &format!("splunk+http://{address}"), keys);
    wait_until(|| collector.lock().unwrap().events.len() >= 300);
    running.kill();
    lives.store(1, Ordering::Relaxed);
    let running = Running::start(&mut fleet.collect());
    wait_until(|| collector.lock().unwrap().events.len() >= 600);
    let ended = running.stop().success();
    assert!(ended.stderr.contains("300 events"), "{}", ended.stderr);
}

#[test]
fn opentelemetry_has_every_event_as_a_log_record_in_json() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 500, |builder| builder);
    let store = Store::<Vec<Value>>::default();
    let kept = store.clone();
    let address = serve(None, move |request| {
        assert_eq!(request.path, "/v1/logs");
        assert_eq!(request.headers["content-type"], "application/json");
        let request: Value = serde_json::from_slice(&request.body).unwrap();
        for resource in request["resourceLogs"].as_array().unwrap() {
            let attributes = resource["resource"]["attributes"].to_string();
            assert!(attributes.contains("\"fmc\""), "{attributes}");
            let records = resource["scopeLogs"][0]["logRecords"].as_array().unwrap();
            kept.lock().unwrap().extend(records.iter().cloned());
        }
        HttpReply::json(200, &json!({}))
    });
    let keys = "encoding = \"json\"\n";
    let running = collect(&fleet, &server, &format!("otlp+http://{address}"), keys);
    wait_until(|| is_done(&server));
    let ended = running.stop().success();
    let store = store.lock().unwrap();
    assert!(store[0]["timeUnixNano"].as_str().unwrap().len() == 19);
    let bodies = store.iter().map(|record| {
        let body = record["body"]["stringValue"].as_str().unwrap();
        body.as_bytes().to_vec()
    });
    let mut bodies: Vec<Vec<u8>> = bodies.collect();
    bodies.sort();
    assert!(bodies == stored([&server]), "{}", ended.stderr);
}

#[test]
fn a_receiver_that_never_answers_does_not_keep_a_stop_waiting() {
    // The kernel takes the connection, and nobody reads.
    let (listener, address) = listen();
    let fleet = Fleet::new();
    let server = fleet.server(1, 100, |builder| builder);
    let tables = [
        Fleet::source("fmc", &server),
        Fleet::output(&format!("http://{address}/")),
    ];
    fleet.configure("shutdown = 1", &tables);
    let running = Running::start(&mut fleet.collect());
    wait_until(|| !server.connections().is_empty());
    let began = std::time::Instant::now();
    running.stop();
    assert!(began.elapsed() < Duration::from_secs(20));
    drop(listener);
}

#[test]
fn a_receiver_that_is_not_required_counts_what_it_did_not_get() {
    for is_taken in [false, true] {
        let fleet = Fleet::new();
        let server = fleet.server(1, 200, |builder| builder);
        let (listener, address) = listen();
        // Nobody listens; or the kernel takes the connection, and nobody reads.
        let listener = is_taken.then_some(listener);
        let output = Fleet::output(&format!("http://{address}/")) + "required = false\n";
        let tables = [
            Fleet::source("fmc", &server),
            Fleet::output("file:out.ndjson"),
            output,
        ];
        fleet.configure("", &tables);
        let running = Running::start(&mut fleet.collect());
        if listener.is_none() {
            running.wait_for("cannot write");
        }
        wait_until(|| is_done(&server));
        let ended = running.stop().success();
        let dropped = counted(&ended.stderr, "dropped by outputs");
        assert_eq!(dropped, 200, "{}", ended.stderr);
    }
}

#[test]
fn settings_that_cannot_work_are_refused_with_a_remedy() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 1, |builder| builder);
    for (url, keys, words) in [
        ("elastic+https://a:9200", "", ["has no index", "Add index"]),
        ("splunk+https://a:8088", "", ["has no token", "Add token"]),
        (
            "https://a/",
            "token = { env = \"X\" }\n",
            ["token has no meaning", "splunk+https"],
        ),
        (
            "https://user:secret@a/",
            "",
            ["invalid value", "Use https://"],
        ),
        (
            "https://a/",
            "auth = { bearer = \"x\" }\n",
            ["expected the place", "Write bearer"],
        ),
        (
            "https://a/",
            "compress = \"lz4\"\n",
            ["Use gzip or zstd", ""],
        ),
        (
            "https://a/",
            "batch = { event = 3 }\n",
            ["unknown key", "events"],
        ),
        (
            "http://a/",
            "tls = { ca = \"x\" }\n",
            ["tls has no meaning", ""],
        ),
        (
            "elastic+http://a:1",
            "index = \"i\"\nuser = \"x\"\n",
            ["belong together", ""],
        ),
        ("http://a/", "format = \"raw\"\n", ["raw", "ndjson"]),
    ] {
        let tables = [Fleet::source("fmc", &server), Fleet::output(url) + keys];
        fleet.configure("", &tables);
        let ended = estreamer_tests::Ended::of(&mut fleet.collect());
        assert!(!ended.stderr.contains("secret@"), "{}", ended.stderr);
        ended.failure(2, &words);
    }
}

#[cfg(not(feature = "kafka"))]
#[test]
fn a_program_without_kafka_names_the_feature_that_it_lacks() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 1, |builder| builder);
    let url = "kafka://a:9092/ftd";
    fleet.configure("", &[Fleet::source("fmc", &server), Fleet::output(url)]);
    let ended = estreamer_tests::Ended::of(&mut fleet.collect());
    ended.failure(
        2,
        &["built without the cargo feature kafka", "build it with"],
    );
    fleet.configure(
        "",
        &[
            Fleet::source("fmc", &server),
            Fleet::output("tcp://a:1") + "partition = 1\n",
        ],
    );
    let ended = estreamer_tests::Ended::of(&mut fleet.collect());
    ended.failure(2, &["partition has no meaning", "it belongs to kafka"]);
}

#[test]
fn every_output_of_a_recipe_is_accepted() {
    let pki = ReceiverPki::new(&["127.0.0.1"], false);
    let recipes = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/recipes");
    let mut count = 0;
    for recipe in std::fs::read_dir(recipes).unwrap() {
        let recipe = recipe.unwrap().path();
        // A program with that output has tests of its own.
        if recipe.ends_with("kafka.md") {
            continue;
        }
        let text = std::fs::read_to_string(recipe).unwrap();
        for block in text.split("```toml\n").skip(1) {
            let fleet = Fleet::new();
            pki.write_to(&fleet.path(""));
            for secret in ["token", "api-key", "password"] {
                std::fs::write(fleet.path(secret), "secret").unwrap();
            }
            let (output, _) = block.split_once("```").unwrap();
            let source = Fleet::source_at("fmc", "fmc.example.net:8302");
            let path = fleet.configure("", &[source, output.to_owned()]);
            let path = path.to_str().unwrap();
            estreamer_tests::Ended::of(&mut estreamer_tests::estreamer(&["check", path])).success();
            count += 1;
        }
    }
    assert!(count >= 6);
}
