//! Real receivers: rsyslog, ClickHouse, and the published messages of OpenTelemetry.

use std::fmt::Write;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use estreamer_tests::http_server::{HttpReply, serve};
use estreamer_tests::receiver::ReceiverPki;
use estreamer_tests::{Fleet, Running, lines, stored, wait_until};

const EVENTS: u64 = 20_000;

/// An rsyslogd with a configuration, files and ports of its own.
struct Rsyslog {
    child: Child,
    tcp: SocketAddr,
    tls: SocketAddr,
    udp: SocketAddr,
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port of loopback that is free now.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

fn rsyslog(directory: &Path) -> Rsyslog {
    let (tcp, tls, udp) = (free(), free(), free());
    let path = |name: &str| directory.join(name).display().to_string();
    let mut text = format!(
        "global(workDirectory={:?} maxMessageSize=\"64k\" parser.escapeControlCharactersOnReceive=\"off\"\n\
         defaultNetstreamDriverCAFile={:?}\ndefaultNetstreamDriverCertFile={:?}\n\
         defaultNetstreamDriverKeyFile={:?})\n",
        directory.display().to_string(),
        path("receiver-ca.pem"),
        path("receiver.pem"),
        path("receiver.key")
    );
    let _ = writeln!(
        text,
        "template(name=\"msg\" type=\"string\" string=\"%msg:::drop-last-lf%\\n\")\n\
         module(load=\"imptcp\")\nmodule(load=\"imudp\")\n\
         module(load=\"imtcp\" StreamDriver.Name=\"gtls\" StreamDriver.Mode=\"1\" \
         StreamDriver.AuthMode=\"x509/name\" PermittedPeer=[\"collector.example.net\"])\n\
         ruleset(name=\"tcp\") {{ action(type=\"omfile\" file={:?} template=\"msg\") }}\n\
         ruleset(name=\"tls\") {{ action(type=\"omfile\" file={:?} template=\"msg\") }}\n\
         ruleset(name=\"udp\") {{ action(type=\"omfile\" file={:?} template=\"msg\") }}\n\
         input(type=\"imptcp\" address=\"127.0.0.1\" port=\"{}\" ruleset=\"tcp\")\n\
         input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{}\" ruleset=\"tls\")\n\
         input(type=\"imudp\" address=\"127.0.0.1\" port=\"{}\" ruleset=\"udp\" rcvbufSize=\"8m\")",
        path("tcp.log"),
        path("tls.log"),
        path("udp.log"),
        tcp.port(),
        tls.port(),
        udp.port()
    );
    let configuration = directory.join("rsyslog.conf");
    std::fs::write(&configuration, text).unwrap();
    let log = std::fs::File::create(directory.join("rsyslog.log")).unwrap();
    let child = Command::new("rsyslogd")
        .arg("-n")
        .arg("-f")
        .arg(&configuration)
        .arg("-i")
        .arg(directory.join("rsyslog.pid"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("rsyslogd");
    let rsyslog = Rsyslog {
        child,
        tcp,
        tls,
        udp,
    };
    for address in [tcp, tls] {
        wait_until(|| std::net::TcpStream::connect(address).is_ok());
    }
    // It is bound when nobody else can bind it.
    wait_until(|| UdpSocket::bind(udp).is_err());
    rsyslog
}

/// Collects everything to this output and returns what the file of the receiver has when it
/// no longer grows.
fn collected(fleet: &Fleet, url: &str, keys: &str, file: &str) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let server = fleet.server(1, EVENTS, |builder| builder.unacknowledged(16));
    let _ = std::fs::remove_dir_all(fleet.path("state"));
    let tables = [Fleet::source("fmc", &server), Fleet::output(url) + keys];
    fleet.configure("", &tables);
    let ended = Running::until_served(&mut fleet.collect(), &[&server]).success();
    assert!(ended.stderr.contains("20000 events"), "{}", ended.stderr);
    let file = fleet.path(file);
    let mut last = u64::MAX;
    wait_until(|| {
        std::thread::sleep(std::time::Duration::from_millis(500));
        let now = std::fs::metadata(&file).map_or(0, |file| file.len());
        std::mem::replace(&mut last, now) == now && now > 0
    });
    let mut found = lines(&file);
    found.sort();
    (found, stored([&server]))
}

#[test]
#[ignore = "needs rsyslogd with gnutls"]
fn rsyslog_has_every_event_once_over_tcp_and_over_tls_with_a_client_certificate() {
    let fleet = Fleet::new();
    ReceiverPki::new(&["127.0.0.1", "receiver.example.net"], false).write_to(&fleet.path(""));
    let rsyslog = rsyslog(&fleet.path(""));
    for framing in ["octet-counting", "newline"] {
        let _ = std::fs::File::create(fleet.path("tcp.log"));
        let url = format!("syslog+tcp://{}", rsyslog.tcp);
        let keys = format!("framing = {framing:?}\n");
        let (found, expected) = collected(&fleet, &url, &keys, "tcp.log");
        assert!(found == expected, "{framing}: {} events", found.len());
    }
    let url = format!("syslog+tls://{}", rsyslog.tls);
    let keys = "tls = { ca = \"receiver-ca.pem\", cert = \"collector.pem\", key = \
                \"collector.key\" }\n";
    let (found, expected) = collected(&fleet, &url, keys, "tls.log");
    assert!(found == expected, "TLS: {} events", found.len());
}

#[test]
#[ignore = "needs rsyslogd with gnutls"]
fn rsyslog_has_no_event_twice_over_udp_and_none_that_is_damaged() {
    let fleet = Fleet::new();
    ReceiverPki::new(&["127.0.0.1"], false).write_to(&fleet.path(""));
    let rsyslog = rsyslog(&fleet.path(""));
    let url = format!("syslog+udp://{}", rsyslog.udp);
    let (found, expected) = collected(&fleet, &url, "", "udp.log");
    println!("{} of {} events over UDP", found.len(), expected.len());
    let mut expected = expected.into_iter();
    for event in &found {
        // Both are sorted: each event is found once, behind the one before it.
        assert!(
            expected.by_ref().any(|one| one == *event),
            "an event is new or twice"
        );
    }
    assert!(!found.is_empty());
}

#[test]
#[ignore = "needs python3 with opentelemetry-proto"]
fn the_published_messages_of_opentelemetry_read_what_is_posted() {
    let fleet = Fleet::new();
    let bodies = Arc::new(Mutex::new(0_usize));
    let (count, directory) = (bodies.clone(), fleet.path("posted"));
    std::fs::create_dir(&directory).unwrap();
    let kept = directory.clone();
    let address = serve(None, move |request| {
        assert_eq!(request.headers["content-type"], "application/x-protobuf");
        let mut count = count.lock().unwrap();
        std::fs::write(kept.join(format!("{count:06}")), &request.body).unwrap();
        *count += 1;
        HttpReply::status(200)
    });
    let server = fleet.server(1, EVENTS, |builder| builder.unacknowledged(16));
    let output = Fleet::output(&format!("otlp+http://{address}"));
    fleet.configure("", &[Fleet::source("fmc", &server), output]);
    Running::until_served(&mut fleet.collect(), &[&server]).success();
    let script = "\
import os, sys
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
for name in sorted(os.listdir(sys.argv[1])):
    request = ExportLogsServiceRequest.FromString(open(os.path.join(sys.argv[1], name), 'rb').read())
    for resource in request.resource_logs:
        names = {a.key: a.value.string_value for a in resource.resource.attributes}
        assert names['estreamer.source'] == 'fmc' and names['service.name'] == 'estreamer'
        for scope in resource.scope_logs:
            assert scope.scope.name == 'estreamer'
            for record in scope.log_records:
                assert record.time_unix_nano > 10**18 and record.severity_number in (9, 13)
                print(record.body.string_value)
";
    // `cargo xtask interop` installs them there.
    let target = estreamer_tests::program()
        .ancestors()
        .nth(2)
        .unwrap()
        .to_owned();
    let read = Command::new("python3")
        .env("PYTHONPATH", target.join("python"))
        .args(["-c", script])
        .arg(&directory)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&read.stderr);
    assert!(read.status.success(), "{said}");
    let mut found: Vec<Vec<u8>> = read
        .stdout
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(<[u8]>::to_vec)
        .collect();
    found.sort();
    assert!(found == stored([&server]), "{} events", found.len());
}

/// A ClickHouse server with a table for events.
struct ClickHouse {
    child: Child,
    address: SocketAddr,
}

impl Drop for ClickHouse {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl ClickHouse {
    fn start(directory: &Path) -> Self {
        let address = free();
        let path = |name: &str| {
            let path = directory.join(name);
            std::fs::create_dir_all(&path).unwrap();
            format!("{}/", path.display())
        };
        let config = format!(
            "<yandex><logger><level>warning</level><log>{0}log</log><errorlog>{0}err</errorlog>\
             </logger><http_port>{1}</http_port><listen_host>127.0.0.1</listen_host>\
             <path>{0}</path><tmp_path>{2}</tmp_path><users_config>users.xml</users_config>\
             <default_profile>default</default_profile><default_database>default</default_database>\
             <mark_cache_size>5368709</mark_cache_size></yandex>",
            path("clickhouse"),
            address.port(),
            path("tmp"),
        );
        let users = "<yandex><profiles><default></default></profiles><users><default>\
                     <password></password><networks><ip>127.0.0.1</ip></networks>\
                     <profile>default</profile><quota>default</quota></default></users>\
                     <quotas><default></default></quotas></yandex>";
        std::fs::write(directory.join("config.xml"), config).unwrap();
        std::fs::write(directory.join("users.xml"), users).unwrap();
        let log = std::fs::File::create(directory.join("clickhouse.log")).unwrap();
        let child = Command::new("clickhouse-server")
            .arg(format!(
                "--config-file={}",
                directory.join("config.xml").display()
            ))
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("clickhouse-server");
        let server = Self { child, address };
        wait_until(|| server.query("SELECT 1").is_some_and(|answer| answer == "1"));
        server
    }

    /// The answer of a query, which is the body of a request.
    fn query(&self, query: &str) -> Option<String> {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(self.address).ok()?;
        let length = query.len();
        let request = format!("POST / HTTP/1.0\r\ncontent-length: {length}\r\n\r\n{query}");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let is_fine = head.lines().next()?.contains(" 200 ");
        is_fine.then(|| body.trim().to_owned())
    }
}

#[test]
#[ignore = "needs clickhouse-server"]
fn clickhouse_has_as_many_rows_of_each_type_as_there_are_events() {
    let fleet = Fleet::new();
    let clickhouse = ClickHouse::start(&fleet.path(""));
    let table = "CREATE TABLE events (EventType String, InitiatorIP String) \
                 ENGINE = MergeTree() ORDER BY EventType";
    assert!(clickhouse.query(table).is_some());
    let server = fleet.server(1, EVENTS, |builder| builder.unacknowledged(16));
    let url = format!(
        "http://{}/?query=INSERT%20INTO%20events%20FORMAT%20JSONEachRow\
         &input_format_skip_unknown_fields=1",
        clickhouse.address
    );
    let output = Fleet::output(&url) + "name = \"clickhouse\"\nbatch = { events = 5000 }\n";
    fleet.configure("", &[Fleet::source("fmc", &server), output]);
    let ended = Running::until_served(&mut fleet.collect(), &[&server]).success();
    let mut expected = std::collections::BTreeMap::<String, u64>::new();
    for event in stored([&server]) {
        let event: serde_json::Value = serde_json::from_slice(&event).unwrap();
        *expected
            .entry(event["EventType"].as_str().unwrap().into())
            .or_default() += 1;
    }
    for (kind, count) in expected {
        let query = format!("SELECT count() FROM events WHERE EventType = '{kind}'");
        let found = clickhouse.query(&query).unwrap();
        assert_eq!(found, count.to_string(), "{kind}; {}", ended.stderr);
    }
}
