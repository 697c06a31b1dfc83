//! CSV files: the names of the columns once in each file, and each event once below them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use estreamer::config::event_request::EventFields;
use estreamer::config::{EventRequest, OwnedTransform};
use estreamer_simulate::Simulator;
use estreamer_simulate::archive::{Archive, ArchiveOptions, Live};
use estreamer_simulate::catalog::Catalog;
use estreamer_simulate::generator::{EventKind, GeneratorOptions};
use estreamer_simulate::selection::Selection;
use estreamer_tests::archive::{closed, manifest};
use estreamer_tests::{Ended, Fleet, Running, estreamer, wait_until};

/// Fields with commas, quotes and line ends in their values.
const CONNECTION: [&str; 4] = ["InitiatorIP", "URL", "User", "FirstPacketSecond"];
const FILE: [&str; 4] = ["EventType", "FileName", "URI", "FileSize"];

/// A server with odd values in its events.
fn server(fleet: &Fleet, events: u64) -> Simulator {
    let options = GeneratorOptions {
        awkward_percent: 60,
        ..GeneratorOptions::default()
    };
    let archive = Archive::new(ArchiveOptions {
        live: Live::ByHand,
        ..ArchiveOptions::generated(options, events)
    });
    fleet.server(1, 0, |builder| builder.archive(archive).bundle(20))
}

/// The keys of a source that requests those fields.
fn request(transform: &str) -> String {
    format!(
        "transform = {transform:?}\nevents = {{ connection = {CONNECTION:?}, file = {FILE:?} }}\n"
    )
}

fn configure(fleet: &Fleet, server: &Simulator, transform: &str, keys: &str) {
    let output = Fleet::output("file:log/{event}.csv");
    let tables = [
        Fleet::source("fmc", server) + &request(transform),
        format!("{output}format = \"csv\"\n{keys}\n"),
    ];
    fleet.configure("", &tables);
    fs::create_dir_all(fleet.path("log")).unwrap();
}

/// What the server sends for the request.
fn sent(server: &Simulator, kind: EventKind, transform: OwnedTransform) -> Vec<Vec<u8>> {
    let events = [
        EventFields::new(estreamer_core::fqe::EventKind::Connection, &CONNECTION),
        EventFields::new(estreamer_core::fqe::EventKind::File, &FILE),
    ];
    let request = EventRequest::events(&events, transform).unwrap();
    let selection = Selection::parse(&request.json, &Catalog::built_in()).unwrap();
    let events = server.archive().events_for(&selection).into_iter();
    let of_kind = events.filter(|event| event.kind == kind);
    of_kind.map(|event| event.data).collect()
}

/// The content below the first line of each file of a series, which is checked.
fn below(open: &Path, columns: &[&str]) -> Vec<u8> {
    let line = format!("{},estreamer_rest\n", columns.join(","));
    let mut all = Vec::new();
    for path in closed(open).iter().map(PathBuf::as_path).chain([open]) {
        let content = estreamer::fuzzing::content_of(path).unwrap_or_default();
        if !content.is_empty() {
            let rows = content.strip_prefix(line.as_bytes());
            all.extend_from_slice(rows.unwrap_or_else(|| panic!("{}", path.display())));
        }
    }
    all
}

#[test]
fn each_file_has_one_first_line_and_each_event_is_once_in_them_after_rotations_and_kills() {
    let fleet = Fleet::new();
    let server = server(&fleet, 0);
    configure(&fleet, &server, "CSV", "rotate = { size = \"2KiB\" }");
    let series = [
        (EventKind::Connection, "ConnectionEvent", CONNECTION),
        (EventKind::File, "FileEvent", FILE),
    ];
    let expected = |kind| -> Vec<u8> {
        let rows = sent(&server, kind, OwnedTransform::Csv).into_iter();
        rows.flat_map(|row| [&row[..], b",\n"].concat()).collect()
    };
    for round in 0..6 {
        let running = Running::start(&mut fleet.collect());
        for _ in 0..6 {
            server.archive().store(80);
            // A kill comes while this is written.
            if round % 2 == 1 {
                continue;
            }
            wait_until(|| {
                series.iter().all(|(kind, name, columns)| {
                    let open = fleet.path(&format!("log/{name}.csv"));
                    below(&open, columns).len() == expected(*kind).len()
                })
            });
        }
        match round % 2 {
            0 => {
                let said = running.stop().success().stderr;
                assert!(!said.contains("WARN"), "{said}");
            }
            _ => {
                let open = fleet.path("log/ConnectionEvent.csv");
                let (count, length) = (closed(&open).len(), below(&open, &CONNECTION).len());
                wait_until(|| {
                    closed(&open).len() > count || fs::read(&open).is_ok_and(|it| it.len() > length)
                });
                assert!(running.kill());
            }
        }
    }
    let mut running = Running::start(&mut fleet.collect());
    for (kind, name, columns) in series {
        let (open, expected) = (fleet.path(&format!("log/{name}.csv")), expected(kind));
        wait_until(|| !running.is_running() || below(&open, &columns).len() >= expected.len());
        assert!(
            below(&open, &columns) == expected,
            "{name}: {}",
            running.said()
        );
        let lines = manifest(&open);
        let lines: Vec<_> = lines.iter().filter(|it| it["kind"] == "closed").collect();
        assert!(lines.len() > 3, "{name}: {lines:?}");
        assert!(lines.iter().all(|line| line["events"].as_u64().is_some()));
    }
    running.stop().success();
    let mut command = estreamer(&["verify"]);
    let state = fleet.path("state");
    command.arg(fleet.path("log")).arg("--state").arg(state);
    Ended::of(&mut command).success();
}

#[test]
fn the_first_line_is_no_event_in_the_manifest() {
    let fleet = Fleet::new();
    let server = server(&fleet, 300);
    configure(&fleet, &server, "JSON", "rotate = { every = \"1s\" }");
    let running = Running::start(&mut fleet.collect());
    let open = fleet.path("log/FileEvent.csv");
    let count = sent(&server, EventKind::File, OwnedTransform::Json).len() as u64;
    let counted = || {
        let lines = manifest(&open);
        let counts = lines.iter().filter_map(|line| line["events"].as_u64());
        counts.sum::<u64>()
    };
    wait_until(|| counted() > 0);
    running.stop().success();
    assert_eq!(counted(), count);
}

#[test]
fn events_do_not_come_under_the_columns_of_others() {
    let fleet = Fleet::new();
    let server = server(&fleet, 100);
    let before = "Name,Size\nold.txt,1\n";
    for rotate in [false, true] {
        let keys = if rotate {
            "rotate = { size = \"1MiB\" }"
        } else {
            ""
        };
        configure(&fleet, &server, "JSON", keys);
        let open = fleet.path("log/FileEvent.csv");
        let _ = fs::remove_dir_all(fleet.path("state"));
        fs::write(&open, before).unwrap();
        let running = Running::start(&mut fleet.collect());
        let has_all = || {
            let text = fs::read_to_string(&open).unwrap_or_default();
            text.starts_with(&format!("{},estreamer_rest\n", FILE.join(",")))
        };
        if rotate {
            wait_until(has_all);
            let files = closed(&open);
            assert_eq!(fs::read_to_string(&files[0]).unwrap(), before);
        } else {
            running.wait_for("does not have the columns of these events");
            assert_eq!(fs::read_to_string(&open).unwrap(), before);
            fs::rename(&open, fleet.path("old.csv")).unwrap();
            wait_until(has_all);
        }
        running.stop().success();
    }
}

#[test]
fn csv_to_standard_output_has_its_first_line_once() {
    let fleet = Fleet::new();
    let server = server(&fleet, 500);
    let source = Fleet::source("fmc", &server) + "events = { file = [\"FileName\"] }\n";
    let output = Fleet::output("-") + "format = \"csv\"\n";
    fleet.configure("", &[source, output]);
    let ended = Running::until_served(&mut fleet.collect(), &[&server]).success();
    let text = String::from_utf8(ended.stdout).unwrap();
    assert!(text.starts_with("FileName,estreamer_rest\n"), "{text}");
    assert_eq!(text.matches("estreamer_rest").count(), 1);
}

#[test]
fn what_is_no_row_is_an_error_in_the_last_column_and_told() {
    let fleet = Fleet::new();
    let lines = [
        r#"{"EventType":"FileEvent","FileName":"a,b","FileSize":1}"#,
        r#"{"EventType":"FileEvent","FileName":"c","FileName":"d"}"#,
    ];
    let file = fleet.path("events.ndjson");
    fs::write(&file, lines.join("\n") + "\n").unwrap();
    let arguments = ["--format", "csv", "--columns", "FileName,Other"];
    let mut command = estreamer(&["convert"]);
    let ended = Ended::of(command.arg(&file).args(arguments));
    let text = String::from_utf8(ended.stdout).unwrap();
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(rows[0], "FileName,Other,estreamer_rest");
    assert_eq!(
        rows[1],
        "\"a,b\",,\"{\"\"EventType\"\":\"\"FileEvent\"\",\"\"FileSize\"\":1}\""
    );
    assert!(
        rows[2].starts_with(",,\"{\"\"estreamer_error\"\":"),
        "{text}"
    );
    assert_eq!(ended.status.code(), Some(1));
    let said = &ended.stderr;
    assert!(
        said.contains("1 of 2 events is not converted but in error envelopes"),
        "{said}"
    );
    let mut command = estreamer(&["convert"]);
    let ended = Ended::of(command.arg(&file).args(&arguments[..2]));
    ended.failure(2, &["csv needs columns", "--columns"]);
}

#[test]
#[ignore = "needs python3"]
fn python_reads_every_value_of_csv() {
    for transform in ["CSV", "JSON"] {
        let fleet = Fleet::new();
        let server = server(&fleet, 2000);
        configure(&fleet, &server, transform, "");
        Running::until_served(&mut fleet.collect(), &[&server]).success();
        for (kind, name, columns) in [
            (EventKind::Connection, "ConnectionEvent", CONNECTION),
            (EventKind::File, "FileEvent", FILE),
        ] {
            let script = "import csv, json, sys\n\
                          with open(sys.argv[1], newline='', encoding='utf-8') as file:\n    \
                          print(json.dumps(list(csv.reader(file, strict=True))))";
            let path = fleet.path(&format!("log/{name}.csv"));
            let mut python = Command::new("python3");
            let ended = Ended::of(python.args(["-c", script]).arg(path)).success();
            let read: Vec<Vec<String>> = serde_json::from_slice(&ended.stdout).unwrap();
            let (first, rows) = read.split_first().unwrap();
            assert_eq!(first[..4], columns);
            let events = sent(&server, kind, OwnedTransform::Json);
            assert!(
                rows.len() == events.len() && rows.len() > 50,
                "{}",
                rows.len()
            );
            let mut odd = 0;
            for (row, event) in rows.iter().zip(&events) {
                let event: serde_json::Value = serde_json::from_slice(event).unwrap();
                let expected = columns.map(|column| match &event[column] {
                    serde_json::Value::Null => String::new(),
                    serde_json::Value::String(text) => text.clone(),
                    other => other.to_string(),
                });
                assert_eq!(row[..4], expected, "{transform} {event}");
                assert_eq!(row[4], "");
                odd += usize::from(expected.iter().any(|it| it.contains(['"', ',', '\n'])));
            }
            assert!(odd > 5, "{odd}");
        }
    }
}
