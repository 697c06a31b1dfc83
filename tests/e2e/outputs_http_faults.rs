//! HTTP receivers that are slow, silent, behind a proxy, or forget what they said.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use estreamer_tests::http_server::{HttpReply, serve};
use estreamer_tests::receiver::ReceiverPki;
use estreamer_tests::{Fleet, counted, json_lines, lines, stored, wait_until};
use serde_json::{Value, json};

use crate::outputs::listen;
use crate::outputs_http::{Store, collect, expected_documents, is_done, text_lines};

/// A proxy that leads every name to `target`. Returns its address and what it was asked for.
fn proxy(target: SocketAddr) -> (SocketAddr, Store<Vec<String>>) {
    let (listener, address) = listen();
    let asked = Store::<Vec<String>>::default();
    let heads = asked.clone();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let heads = heads.clone();
            std::thread::spawn(move || tunnel(client, target, &heads));
        }
    });
    (address, asked)
}

fn tunnel(client: TcpStream, target: SocketAddr, heads: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    heads.lock().unwrap().push(head);
    let server = TcpStream::connect(target).unwrap();
    (&client)
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .unwrap();
    let (mut up, mut answers) = (server.try_clone().unwrap(), server);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut answers, &mut &client);
        let _ = client.shutdown(std::net::Shutdown::Both);
    });
    let _ = std::io::copy(&mut reader, &mut up);
}

#[test]
fn a_receiver_is_reached_through_a_proxy_with_credentials_of_its_own() {
    let fleet = Fleet::new();
    let pki = ReceiverPki::new(&["siem.example.net"], false);
    pki.write_to(&fleet.path(""));
    let server = fleet.server(1, 300, |builder| builder);
    for scheme in ["http", "https"] {
        let store = Store::<Vec<Vec<u8>>>::default();
        let kept = store.clone();
        let tls = (scheme == "https").then(|| pki.tls(false));
        let target = serve(tls, move |request| {
            kept.lock().unwrap().extend(text_lines(&request.body));
            HttpReply::status(200)
        });
        let (through, asked) = proxy(target);
        let url = format!("http://user:s3cret@{through}");
        std::fs::write(fleet.path("proxy"), url).unwrap();
        let tls = match scheme {
            "https" => "tls = { ca = \"receiver-ca.pem\" }\n",
            _ => "",
        };
        let keys = format!("proxy = {{ file = \"proxy\" }}\n{tls}");
        let _ = std::fs::remove_dir_all(fleet.path("state"));
        // Only the proxy knows the name.
        let url = format!("{scheme}://siem.example.net:8443/in");
        let before = server.connections().len();
        let running = collect(&fleet, &server, &url, &keys);
        wait_until(|| server.connections().len() > before && is_done(&server));
        let ended = running.stop().success();
        let asked = asked.lock().unwrap();
        let head = &asked[0];
        assert!(head.starts_with("CONNECT siem.example.net:8443 "), "{head}");
        let authorization = "proxy-authorization: basic dxnlcjpzm2nyzxq=";
        assert!(head.to_lowercase().contains(authorization), "{head}");
        let mut found = store.lock().unwrap().clone();
        found.sort();
        assert!(found == stored([&server]), "{}", ended.stderr);
        assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
    }
}

#[test]
fn a_slow_receiver_has_every_event_once() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 2000, |builder| builder.unacknowledged(16));
    let store = Store::<Vec<Vec<u8>>>::default();
    let kept = store.clone();
    let address = serve(None, move |request| {
        std::thread::sleep(Duration::from_millis(300));
        kept.lock().unwrap().extend(text_lines(&request.body));
        HttpReply::status(200)
    });
    let keys = "batch = { events = 200 }\n";
    let running = collect(&fleet, &server, &format!("http://{address}/"), keys);
    wait_until(|| is_done(&server));
    let ended = running.stop().success();
    let mut found = store.lock().unwrap().clone();
    found.sort();
    assert!(found == stored([&server]), "{}", ended.stderr);
}

#[test]
fn a_request_without_an_answer_is_sent_again_over_another_connection() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 300, |builder| builder);
    let (store, calls) = (Store::<Vec<Vec<u8>>>::default(), AtomicUsize::new(0));
    let kept = store.clone();
    let address = serve(None, move |request| {
        let lines = text_lines(&request.body);
        kept.lock().unwrap().extend(lines);
        if calls.fetch_add(1, Ordering::Relaxed) == 0 {
            // Longer than anybody waits: as after a lost route.
            std::thread::sleep(Duration::from_secs(300));
        }
        HttpReply::status(200)
    });
    let began = Instant::now();
    let running = collect(&fleet, &server, &format!("http://{address}/"), "");
    running.wait_for("cannot write: ");
    assert!(began.elapsed() > Duration::from_secs(25), "a limit of 30 s");
    running.wait_for("works again after");
    wait_until(|| is_done(&server));
    let ended = running.stop().success();
    // At least once: the first request was read, and its answer was lost.
    let mut found = store.lock().unwrap().clone();
    assert!(found.len() > 300);
    found.sort();
    found.dedup();
    let mut expected = stored([&server]);
    expected.dedup();
    assert!(found == expected, "{}", ended.stderr);
}

#[test]
fn records_that_opentelemetry_refuses_are_kept_with_their_request() {
    for all in [false, true] {
        let fleet = Fleet::new();
        let server = fleet.server(1, 60, |builder| builder);
        let bad = String::from_utf8(stored([&server])[30].clone()).unwrap();
        let store = Store::<Vec<String>>::default();
        let kept = store.clone();
        let address = serve(None, move |request| {
            let request: Value = serde_json::from_slice(&request.body).unwrap();
            let resources = request["resourceLogs"].as_array().unwrap().iter();
            let records =
                resources.flat_map(|of| of["scopeLogs"][0]["logRecords"].as_array().unwrap());
            let bodies = records.map(|record| record["body"]["stringValue"].as_str().unwrap());
            let bodies: Vec<String> = bodies.map(str::to_owned).collect();
            let mut refused = bodies.iter().filter(|body| **body == bad).count();
            if refused > 0 && all {
                refused = bodies.len();
            } else {
                kept.lock().unwrap().extend(bodies);
            }
            let partial =
                json!({ "rejectedLogRecords": refused.to_string(), "errorMessage": "no" });
            HttpReply::json(200, &json!({ "partialSuccess": partial }))
        });
        let keys = "encoding = \"json\"\nbatch = { events = 20 }\n";
        let running = collect(&fleet, &server, &format!("otlp+http://{address}"), keys);
        wait_until(|| is_done(&server));
        let ended = running.stop().success();
        assert!(
            ended.stderr.contains("log records were refused: no"),
            "{}",
            ended.stderr
        );
        let refused = lines(&fleet.path("state/refused-siem.ndjson"));
        assert_eq!(
            counted(&ended.stderr, "refused by receivers"),
            refused.len() as u64
        );
        let mut found = store.lock().unwrap().clone();
        if all {
            // The request was sent again in halves, and one record is left.
            assert_eq!(refused.len(), 1, "{}", ended.stderr);
            assert_eq!(found.len(), 59);
        } else {
            // Which ones is not said: all of the request are kept.
            assert!((2..=20).contains(&refused.len()), "{}", refused.len());
        }
        for line in refused {
            let line: Value = serde_json::from_slice(&line).unwrap();
            found.push(
                line["estreamer_refused"]["event"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
            );
        }
        found.sort();
        found.dedup();
        let expected = stored([&server]).into_iter();
        let mut expected: Vec<String> = expected
            .map(|line| String::from_utf8(line).unwrap())
            .collect();
        expected.dedup();
        assert!(found == expected, "{}", ended.stderr);
    }
}

/// A HTTP Event Collector that was restarted and knows no earlier acknowledgement.
#[derive(Default)]
struct Forgetful {
    events: Vec<Value>,
    next: u64,
    requests: u64,
    channels: Vec<String>,
}

#[test]
fn events_whose_acknowledgements_a_restarted_splunk_forgot_are_sent_again() {
    let fleet = Fleet::new();
    std::fs::write(fleet.path("token"), "11111111-2222").unwrap();
    let server = fleet.server(1, 1000, |builder| builder.unacknowledged(16));
    let collector = Arc::new(Mutex::new(Forgetful::default()));
    let kept = collector.clone();
    let address = serve(None, move |request| {
        let mut collector = kept.lock().unwrap();
        let channel = request.headers["x-splunk-request-channel"].clone();
        if request.path.contains("/ack?") {
            let asked: Value = serde_json::from_slice(&request.body).unwrap();
            let asked = asked["acks"].as_array().unwrap().iter();
            // Only what was received over a channel of after the restart is known.
            let is_known = collector.requests > 3 && collector.channels.len() > 1;
            let acks = asked.map(|ack| (ack.to_string(), Value::Bool(is_known)));
            return HttpReply::json(200, &json!({ "acks": Value::Object(acks.collect()) }));
        }
        if !collector.channels.contains(&channel) {
            collector.channels.push(channel);
        }
        collector.events.extend(json_lines(&request.body));
        collector.requests += 1;
        if collector.requests == 3 {
            // It starts again, and so do its numbers.
            collector.next = 0;
        }
        let ack = collector.next;
        collector.next += 1;
        HttpReply::json(200, &json!({ "text": "Success", "code": 0, "ackId": ack }))
    });
    let keys = "token = { file = \"token\" }\nack = true\nbatch = { events = 100 }\n";
    let running = collect(&fleet, &server, &format!("splunk+http://{address}"), keys);
    running.wait_for("the numbers of the acknowledgements began again");
    wait_until(|| is_done(&server));
    let ended = running.stop().success();
    let collector = collector.lock().unwrap();
    let events = collector
        .events
        .iter()
        .map(|event| event["event"].to_string());
    let mut found: Vec<String> = events.collect();
    assert!(found.len() > 1000, "the first requests came twice");
    found.sort();
    found.dedup();
    let mut expected = expected_documents(&server);
    expected.dedup();
    assert!(found == expected, "{}", ended.stderr);
}

#[test]
fn a_receiver_is_shown_the_certificate_of_a_pkcs12_file() {
    let fleet = Fleet::new();
    let pki = ReceiverPki::new(&["siem.example.net"], false);
    pki.write_to(&fleet.path(""));
    std::fs::write(fleet.path("collector.p12"), pki.client_p12("s3cret")).unwrap();
    std::fs::write(fleet.path("password"), "s3cret\n").unwrap();
    let server = fleet.server(1, 200, |builder| builder);
    let store = Store::<Vec<Vec<u8>>>::default();
    let kept = store.clone();
    let address = serve(Some(pki.tls(true)), move |request| {
        kept.lock().unwrap().extend(text_lines(&request.body));
        HttpReply::status(200)
    });
    let keys = "tls = { ca = \"receiver-ca.pem\", server_name = \"siem.example.net\", pkcs12 = \
                \"collector.p12\", password = { file = \"password\" } }\n";
    let running = collect(&fleet, &server, &format!("https://{address}/"), keys);
    wait_until(|| is_done(&server));
    let ended = running.stop().success();
    let mut found = store.lock().unwrap().clone();
    found.sort();
    assert!(found == stored([&server]), "{}", ended.stderr);
    // A wrong password is a mistake in the configuration.
    std::fs::write(fleet.path("password"), "wrong\n").unwrap();
    estreamer_tests::Ended::of(&mut fleet.collect()).failure(2, &["password"]);
}
