//! Wrong configurations and their diagnostics.

use std::path::Path;

use estreamer_core::fqe::{EventKind, RequestForm};
use estreamer_core::quirk::Quirk;
use estreamer_core::wire::{InitialTimestamp, RecordLength};

use super::diagnostic::{self, Diagnostic};
use super::file::parse;
use super::keys::{TABLES, TableKeys};
use super::raw::{RawConfig, RequestSource};
use crate::config::address::in_turn;
use crate::config::event_request::EventFields;
use crate::config::read::identity::IdentityFiles;
use crate::config::read::secret::Secret;
use crate::config::{Format, OwnedTransform, RetryPolicy};
use crate::failure::Cause;

/// A correct source, on lines 1 to 3.
const SOURCE: &str = "[[source]]\nserver = \"fmc\"\npkcs12 = \"fmc.p12\"\n";

fn diagnostics(text: &str) -> Vec<Diagnostic> {
    match parse(text) {
        Err(found) => found,
        Ok(raw) => raw.check(true),
    }
}

/// As they are printed, without the name of the file.
fn said(found: &[Diagnostic]) -> Vec<String> {
    let lines = found.iter();
    lines
        .map(|m| format!("{}: {}", m.line, m.failure))
        .collect()
}

#[test]
fn each_problem_is_reported_with_its_line_and_its_remedy() {
    let source = |more: &str| format!("{SOURCE}{more}");
    let output = |more: &str| format!("{SOURCE}[[output]]\nurl = \"-\"\n{more}");
    for (text, line, parts) in [
        ("", 0, &["no source", "[[source]]"][..]),
        (
            "state = \"a\"\nstate = \"b\"",
            2,
            &["invalid TOML", "duplicate"],
        ),
        (
            "memory = \"32\"",
            1,
            &["memory: expected an integer from 20 to 65536 (MiB), found a string"],
        ),
        ("\nmemory = 19", 2, &["memory", "found 19", "from 20"]),
        ("memory = 9223372036854775808", 1, &["9223372036854775808"]),
        ("memory = 32.5", 1, &["found a float"]),
        (
            "overlap = 0",
            1,
            &["overlap: expected an integer from 1 to 3600 (seconds), found 0"],
        ),
        ("state = \"\"", 1, &["empty", "remove the key"]),
        (
            "ahead = 3",
            1,
            &["unknown key \"ahead\"", "Move it to [ack]"],
        ),
        (
            "ack = 3",
            1,
            &["ack", "found an integer", "the table [ack]"],
        ),
        (
            "[ack]\nahed = 3",
            2,
            &["\"ahed\" in [ack]", "Perhaps you mean ahead"],
        ),
        (
            "[source]\nserver = \"a\"",
            1,
            &["a table", "[[source]] with two brackets"],
        ),
        ("[[source]]\npkcs12 = \"a\"", 1, &["no server", "HOST:8302"]),
        ("[[source]]\nserver = \"a\"", 1, &["no identity", "pkcs12"]),
        (
            "[[source]]\nserver = 7\npkcs12 = \"a\"",
            2,
            &["server", "a string"],
        ),
        (
            &source("sever = \"x\""),
            4,
            &["\"sever\"", "Perhaps you mean server"],
        ),
        (
            &source("colour = \"x\""),
            4,
            &["\"colour\"", "Known keys: name, server"],
        ),
        (&source("format = \"raw\""), 4, &["Move it to [[output]]"]),
        (
            &SOURCE.replace("fmc\"\n", "a:b:c\"\n"),
            2,
            &["server", "[::1]:8302"],
        ),
        (
            &source("bind = \"eth0\""),
            4,
            &["bind", "eth0", "IP address"],
        ),
        (&source("cert = \"c\""), 4, &["cert", "pkcs12 exclude"]),
        (
            "[[source]]\nserver = \"a\"\ncert = \"c\"\nkey = \"k\"",
            1,
            &["cert, key and ca"],
        ),
        (
            "[[source]]\nserver = \"a\"\ncert=\"c\"\nkey=\"k\"\nca=\"a\"\npassword={env=\"P\"}",
            6,
            &["password", "for pkcs12 only"],
        ),
        (
            &source("password = \"x\""),
            4,
            &["not the password", "{ file ="],
        ),
        (&source("password = {}"), 4, &["no place", "{ file ="]),
        (
            &source("password = { file = \"a\", env = \"B\" }"),
            4,
            &["several places"],
        ),
        (
            &source("password = { fiel = \"a\" }"),
            4,
            &["fiel", "Perhaps you mean file"],
        ),
        (
            &source("events = [\"conection\"]"),
            4,
            &["conection", "Use connection"],
        ),
        (
            &source("events = [\n\"file\",\n7]"),
            6,
            &["a list of strings, found an integer"],
        ),
        (&source("events = []"), 4, &["the list is empty"]),
        (&source("events = {}"), 4, &["the table is empty"]),
        (
            &source("events = \"file\""),
            4,
            &["found a string", "a list of event types"],
        ),
        (
            &source("events = { fil = true }"),
            4,
            &["\"fil\"", "Perhaps you mean file"],
        ),
        (
            &source("events = { file = false }"),
            4,
            &["found a boolean", "list of fields"],
        ),
        (
            &source("request = \"r\"\ntransform = \"CSV\""),
            5,
            &["transform and request exclude"],
        ),
        (
            &source("request = \"r\"\ndata = \"csv\""),
            5,
            &["data and request exclude"],
        ),
        (
            &source("transform = \"CSV\"\ndata = \"CSV\""),
            5,
            &["data and transform are the same key", "Remove data"],
        ),
        (&source("from = \"yesterday\""), 4, &["yesterday", "oldest"]),
        (&source("from = 0"), 4, &["from", "1970"]),
        (&source("from = 0x6543210f"), 4, &["UNIX seconds"]),
        (&source("from = -5"), 4, &["-5", "UNIX seconds"]),
        (
            &source("record_length = \"extensions\""),
            4,
            &["record_length", "Use extension"],
        ),
        (
            &source("request_form = \"bothnul\""),
            4,
            &["request_form", "Use both-nul"],
        ),
        (
            &source("request_timeout = 4000"),
            4,
            &["request_timeout", "0 to 3600"],
        ),
        (
            &source("quirks = [\"request-null\"]"),
            4,
            &["request-null", "Use request-nul"],
        ),
        (&source("server_name = \"fmc\""), 4, &["cn:NAME"]),
        (
            &source("server_fingerprint = \"00\""),
            4,
            &["64 hexadecimal"],
        ),
        (
            &source("allow_sha1 = \"yes\""),
            4,
            &["true or false without quotes"],
        ),
        (
            &source("insecure_no_verify = true\nserver_name = \"cn:fmc\""),
            5,
            &["disables verification"],
        ),
        (
            &source("[[output]]\nname = \"x\""),
            4,
            &["no url", "file:PATH"],
        ),
        (
            &source("[[output]]\nurl = \"tape:\""),
            5,
            &["tape:", "stdout:"],
        ),
        (
            &source("[[output]]\nurl = \"file:{day}\""),
            5,
            &["{day}", "{event}"],
        ),
        (&output("format = \"tsv\""), 6, &["csv", "ndjson", "raw"]),
        (&output("queue = 0"), 6, &["from 1 to 65536 (MiB)"]),
        (
            &output("sources = [\"fcm\"]"),
            6,
            &["unknown source \"fcm\"", "Use fmc:8302"],
        ),
        (
            &source(SOURCE),
            4,
            &["named \"fmc:8302\"", "the first one on line 1"],
        ),
        (
            &output("[[output]]\nurl = \"stdout:\""),
            7,
            &["standard output", "on line 5"],
        ),
        (
            &output("name = \"a\"\n[[output]]\nname = \"a\"\nurl = \"file:a\""),
            8,
            &["named \"a\"", "on line 6"],
        ),
        (
            &format!("state = \"s\"\n{}", output("required = false")),
            1,
            &["no output is required", "state"],
        ),
    ] {
        let found = diagnostics(text);
        let [diagnostic] = &found[..] else {
            panic!("{text}\n{:#?}", said(&found));
        };
        assert_eq!(diagnostic.line, line, "{text}\n{:?}", said(&found));
        let failure = diagnostic.failure.to_string();
        for part in parts {
            assert!(failure.contains(part), "{text}\nno {part:?} in {failure}");
        }
        assert!(!failure.contains('\n'), "one line each: {failure}");
    }
}

#[test]
fn all_problems_are_reported_at_once_by_line() {
    let text = "memory = 1\n[[output]]\nurl = \"tape:\"\n[[source]]\nsever = \"x\"\n";
    let found = diagnostics(text);
    let lines: Vec<usize> = found.iter().map(|diagnostic| diagnostic.line).collect();
    assert_eq!(lines, [1, 3, 4, 4, 5]);
    let failure = diagnostic::failure(Some(Path::new("a.toml")), found);
    assert_eq!(failure.cause(), Cause::Usage);
    let text = failure.to_string();
    for line in ["a.toml:1: ", "\na.toml:3: ", "\na.toml:5: "] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn a_password_that_was_written_down_is_not_repeated() {
    let found = diagnostics(&format!("{SOURCE}password = \"opensesame-7\""));
    assert!(!said(&found).concat().contains("opensesame"));
}

#[test]
fn the_defaults_are_those_of_the_flags() {
    let RawConfig {
        state,
        ahead,
        prepaid,
        overlap,
        memory,
        shutdown,
        listen,
        retry,
        sources,
        outputs,
        hints,
        lines: _,
    } = parse(SOURCE).unwrap();
    assert_eq!((state, outputs.len(), hints.len()), (None, 0, 0));
    assert_eq!(listen, None);
    assert_eq!((ahead, prepaid), (16, 0));
    assert_eq!((overlap, memory, shutdown), (5, 32, 30));
    assert_eq!(retry, None);
    let source = &sources[0];
    assert_eq!(source.name.value, "fmc:8302");
    assert_eq!(source.from, InitialTimestamp::NOW);
    assert_eq!(source.record_length, RecordLength::Auto);
    assert_eq!((&source.request_form, source.request_timeout), (&None, 60));
    let RequestSource::Events(events, transform) = &source.request.value else {
        panic!("events are requested");
    };
    assert_eq!((events.len(), transform), (4, &OwnedTransform::Json));
}

#[test]
fn every_key_is_read() {
    let text = r#"
state = "s"
memory = 64
overlap = 0x10
shutdown = 7
retry = "always"
ack = { ahead = 0, prepaid = 64 }
listen.address = "127.0.0.1:9302"

[[source]]
name = "a"
server = "[::1]:9000"
bind = "2001:db8::7"
pkcs12 = "a.p12"
password = { credential = "c" }
events = { connection = ["URL", "InitiatorIP"], file = true }
transform = "FlatBuffer"
from = 2023-11-14T22:13:20Z
record_length = "extension"
request_form = "payload-nul"
request_timeout = 0
quirks = ["request-nul", "error-nul"]
server_name = "cn:fmc"
allow_sha1 = true

[[output]]
url = "file:{event}"
format = "raw"
required = false
queue = 3
sources = ["a"]
events = ["file"]

[[output]]
url = "-"
"#;
    let raw = parse(text).unwrap();
    assert_eq!(raw.state.as_deref(), Some(Path::new("s")));
    let numbers = (raw.memory, raw.overlap, raw.shutdown, raw.ahead);
    assert_eq!(numbers, (64, 16, 7, 0));
    assert_eq!(raw.prepaid, 64);
    assert_eq!(raw.listen, Some("127.0.0.1:9302".parse().unwrap()));
    assert_eq!(raw.retry, Some(RetryPolicy::Always));
    let source = &raw.sources[0];
    assert_eq!(in_turn(&source.servers.value), "[::1]:9000");
    assert_eq!(source.bind, "2001:db8::7".parse().ok());
    let IdentityFiles::Pkcs12 { file, password, .. } = &source.identity.value else {
        panic!("PKCS#12 was named");
    };
    assert_eq!(file, Path::new("a.p12"));
    assert_eq!(*password, Some(Secret::Credential("c".into())));
    let RequestSource::Events(events, transform) = &source.request.value else {
        panic!("events are requested");
    };
    assert_eq!(*transform, OwnedTransform::Other("FlatBuffer".into()));
    let urls = EventFields::new(EventKind::Connection, &["URL", "InitiatorIP"]);
    assert!(events.contains(&urls) && events.len() == 2);
    assert_eq!(source.from, InitialTimestamp(1_700_000_000));
    assert_eq!(source.record_length, RecordLength::Extension);
    let form = source.request_form.as_ref().map(|form| form.value);
    assert_eq!(form, Some(RequestForm::PayloadNul));
    assert_eq!(source.request_timeout, 0);
    assert!(source.quirks.has(Quirk::RequestNul) && source.quirks.has(Quirk::ErrorNul));
    assert!(source.rules.allow_sha1 && !source.rules.insecure);
    let output = &raw.outputs[0];
    assert_eq!(
        (output.format, output.required, output.queue),
        (Format::Raw, false, 3)
    );
    assert_eq!(output.events, Some(vec![EventKind::File]));
    assert!(output.accepts("a") && !output.accepts("b"));
    assert!(raw.check(true).is_empty());
}

#[test]
fn the_old_name_of_transform_is_accepted_with_a_hint() {
    let raw = parse(&format!(
        "{SOURCE}data = \"CSV\"\nevents = {{ file = [\"A\"] }}"
    ))
    .unwrap();
    let RequestSource::Events(_, transform) = &raw.sources[0].request.value else {
        panic!("events are requested");
    };
    assert_eq!(*transform, OwnedTransform::Csv);
    let hints: Vec<_> = raw.hints.iter().map(|it| (it.line, &*it.text)).collect();
    assert_eq!(hints, [(4, "`data` is now `transform`; both work")]);
}

#[test]
fn every_invalid_text_is_reported_and_none_panics() {
    for text in [
        "\u{feff}",
        "=",
        "[[",
        "a",
        "[[source]]\n[source]",
        "source = [1]",
        "source = []",
        "output = [[]]",
        "[[source]]\nserver.x = 1",
        "\"\" = 1",
        "[ack.ahead]",
        "\0",
        "é = \"é\"",
        "[[source]]\nevents = [[\"file\"]]",
        "[[source]]\npassword = [1]",
        "state = '''\n\n'''",
    ] {
        assert!(!diagnostics(text).is_empty(), "{text:?}");
    }
    let many: String = (0..1000).map(|n| format!("a{n} = 1\n")).collect();
    assert_eq!(diagnostics(&many).len(), 100, "and no more");
    let deep = format!("a = {}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(!diagnostics(&deep).is_empty());
}

#[test]
fn the_sample_cut_or_damaged_anywhere_is_read_or_refused() {
    let sample = include_str!("../../../../docs/estreamer.toml").replace("\n# ", "\n");
    let sample = sample.as_bytes();
    for at in 0..sample.len() {
        let mut damaged = sample.to_vec();
        damaged[at] = b"\"[]{}=\n.#'"[at % 10];
        for text in [&sample[..at], &damaged] {
            // Only the line numbers are checked.
            let text = String::from_utf8_lossy(text);
            let lines = text.lines().count();
            let found = diagnostics(&text);
            assert!(found.iter().all(|diagnostic| diagnostic.line <= lines + 1));
        }
    }
}

#[test]
fn no_key_is_known_twice_in_a_table() {
    for TableKeys { name, keys, former } in TABLES {
        let keys = [keys, former].concat();
        let mut sorted = keys.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), keys.len(), "{name}");
    }
}
