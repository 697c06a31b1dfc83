//! Wrong configurations, and what is said about them.

use std::net::IpAddr;
use std::path::Path;

use estreamer_core::fqe::{EventKind, RequestForm};
use estreamer_core::quirk::Quirk;
use estreamer_core::wire::{InitialTimestamp, RecordLength};

use super::draft::{Asked, Draft};
use super::file::parse;
use super::keys::{TABLES, Table};
use super::mistake::{self, Mistake};
use crate::config::address::in_turn;
use crate::config::read::identity::IdentityFiles;
use crate::config::read::secret::Secret;
use crate::config::{Data, Format};
use crate::failure::Cause;

/// A source that is right, on lines 1 to 3.
const SOURCE: &str = "[[source]]\nserver = \"fmc\"\npkcs12 = \"fmc.p12\"\n";

fn mistakes(text: &str) -> Vec<Mistake> {
    match parse(text) {
        Err(mistakes) => mistakes,
        Ok(draft) => draft.check(),
    }
}

/// As they are printed, but for the file's name.
fn said(mistakes: &[Mistake]) -> Vec<String> {
    let lines = mistakes.iter();
    lines
        .map(|m| format!("{}: {}", m.line, m.failure))
        .collect()
}

#[test]
fn each_mistake_is_told_with_its_line_and_its_remedy() {
    let source = |more: &str| format!("{SOURCE}{more}");
    let output = |more: &str| format!("{SOURCE}[[output]]\nurl = \"-\"\n{more}");
    for (text, line, parts) in [
        ("", 0, &["no source", "[[source]]"][..]),
        (
            "state = \"a\"\nstate = \"b\"",
            2,
            &["not TOML", "duplicate"],
        ),
        (
            "memory = \"32\"",
            1,
            &["memory", "text", "MiB from 20 to 65536"],
        ),
        ("\nmemory = 19", 2, &["memory", "cannot be 19", "from 20"]),
        ("memory = 9223372036854775808", 1, &["9223372036854775808"]),
        ("memory = 32.5", 1, &["a number with a fraction"]),
        ("overlap = 0", 1, &["seconds from 1 to 3600"]),
        ("state = \"\"", 1, &["empty", "leave it out"]),
        ("ahead = 3", 1, &["no key \"ahead\"", "belongs into [ack]"]),
        ("ack = 3", 1, &["ack", "a whole number", "a table"]),
        (
            "[ack]\nahed = 3",
            2,
            &["\"ahed\" in [ack]", "Perhaps you mean ahead"],
        ),
        (
            "[source]\nserver = \"a\"",
            1,
            &["a table", "[[source]], with two brackets"],
        ),
        ("[[source]]\npkcs12 = \"a\"", 1, &["no server", "HOST:8302"]),
        ("[[source]]\nserver = \"a\"", 1, &["no identity", "pkcs12"]),
        (
            "[[source]]\nserver = 7\npkcs12 = \"a\"",
            2,
            &["server", "text"],
        ),
        (
            &source("sever = \"x\""),
            4,
            &["\"sever\"", "Perhaps you mean server"],
        ),
        (
            &source("colour = \"x\""),
            4,
            &["\"colour\"", "There are name, server"],
        ),
        (&source("format = \"raw\""), 4, &["belongs into [[output]]"]),
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
        (&source("cert = \"c\""), 4, &["cert", "beside pkcs12"]),
        (
            "[[source]]\nserver = \"a\"\ncert = \"c\"\nkey = \"k\"",
            1,
            &["cert, key and ca"],
        ),
        (
            "[[source]]\nserver = \"a\"\ncert=\"c\"\nkey=\"k\"\nca=\"a\"\npassword={env=\"P\"}",
            6,
            &["password", "pkcs12 only"],
        ),
        (
            &source("password = \"x\""),
            4,
            &["not written here", "{ file ="],
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
            &["a whole number", "quotes"],
        ),
        (&source("events = []"), 4, &["empty list"]),
        (&source("events = {}"), 4, &["empty table"]),
        (
            &source("events = \"file\""),
            4,
            &["text", "a list of event types"],
        ),
        (
            &source("events = { fil = true }"),
            4,
            &["\"fil\"", "Perhaps you mean file"],
        ),
        (
            &source("events = { file = false }"),
            4,
            &["true or false", "list of fields"],
        ),
        (
            &source("request = \"r\"\ndata = \"csv\""),
            5,
            &["data", "beside request"],
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
            &["true or false, without quotes"],
        ),
        (
            &source("insecure_no_verify = true\nserver_name = \"cn:fmc\""),
            5,
            &["verifies nothing"],
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
            &source("[[output]]\nurl = \"file:{date}\""),
            5,
            &["{date}", "{event}"],
        ),
        (&output("format = \"csv\""), 6, &["csv", "ndjson", "raw"]),
        (&output("queue = 0"), 6, &["MiB from 1"]),
        (
            &output("sources = [\"fcm\"]"),
            6,
            &["no source \"fcm\"", "Use fmc:8302"],
        ),
        (
            &source(SOURCE),
            4,
            &["named \"fmc:8302\"", "as the one of line 1"],
        ),
        (
            &output("[[output]]\nurl = \"stdout:\""),
            7,
            &["standard output", "of line 5"],
        ),
        (
            &output("name = \"a\"\n[[output]]\nname = \"a\"\nurl = \"file:a\""),
            8,
            &["named \"a\"", "of line 6"],
        ),
        (
            &format!("state = \"s\"\n{}", output("required = false")),
            0,
            &["no output is required", "state"],
        ),
    ] {
        let found = mistakes(text);
        let [mistake] = &found[..] else {
            panic!("{text}\n{:#?}", said(&found));
        };
        assert_eq!(mistake.line, line, "{text}\n{:?}", said(&found));
        let failure = mistake.failure.to_string();
        for part in parts {
            assert!(failure.contains(part), "{text}\nno {part:?} in {failure}");
        }
        assert!(!failure.contains('\n'), "one line each: {failure}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_by_line() {
    let text = "memory = 1\n[[output]]\nurl = \"tape:\"\n[[source]]\nsever = \"x\"\n";
    let found = mistakes(text);
    let lines: Vec<usize> = found.iter().map(|mistake| mistake.line).collect();
    assert_eq!(lines, [1, 3, 4, 4, 5]);
    let failure = mistake::failure(Some(Path::new("a.toml")), found);
    assert_eq!(failure.cause(), Cause::Usage);
    let text = failure.to_string();
    for line in [
        "a.toml:1: ",
        "\nestreamer: a.toml:3: ",
        "\nestreamer: a.toml:5: ",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn a_password_that_was_written_down_is_not_repeated() {
    let found = mistakes(&format!("{SOURCE}password = \"opensesame-7\""));
    assert!(!said(&found).concat().contains("opensesame"));
}

#[test]
fn what_is_not_said_is_as_the_flags_have_it() {
    let Draft {
        state,
        ahead,
        overlap,
        memory,
        shutdown,
        sources,
        outputs,
    } = parse(SOURCE).unwrap();
    assert_eq!((state, outputs.len()), (None, 0));
    assert_eq!((ahead, overlap, memory, shutdown), (16, 5, 32, 30));
    let source = &sources[0];
    assert_eq!(source.name.value, "fmc:8302");
    assert_eq!(source.from, InitialTimestamp::NOW);
    assert_eq!(source.record_length, RecordLength::Auto);
    assert_eq!((&source.request_form, source.request_timeout), (&None, 60));
    let Asked::Events(events, data) = &source.ask.value else {
        panic!("events are asked for");
    };
    assert_eq!((events.len(), data), (4, &Data::Json));
}

#[test]
fn what_is_said_arrives() {
    let text = r#"
state = "s"
memory = 64
overlap = 0x10
shutdown = 7
ack.ahead = 0

[[source]]
name = "a"
server = "[::1]:9000"
bind = "192.0.2.7"
pkcs12 = "a.p12"
password = { credential = "c" }
events = { connection = ["URL", "InitiatorIP"], file = true }
data = "FlatBuffer"
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
    let draft = parse(text).unwrap();
    assert_eq!(draft.state.as_deref(), Some(Path::new("s")));
    let numbers = (draft.memory, draft.overlap, draft.shutdown, draft.ahead);
    assert_eq!(numbers, (64, 16, 7, 0));
    let source = &draft.sources[0];
    assert_eq!(in_turn(&source.servers.value), "[::1]:9000");
    assert_eq!(source.bind, Some(IpAddr::from([192, 0, 2, 7])));
    let IdentityFiles::Pkcs12 { file, password, .. } = &source.identity.value else {
        panic!("PKCS#12 was named");
    };
    assert_eq!(file, Path::new("a.p12"));
    assert_eq!(*password, Some(Secret::Credential("c".into())));
    let Asked::Events(events, data) = &source.ask.value else {
        panic!("events are asked for");
    };
    assert_eq!(*data, Data::Other("FlatBuffer".into()));
    let urls = (
        EventKind::Connection,
        vec!["URL".into(), "InitiatorIP".into()],
    );
    assert!(events.contains(&urls) && events.len() == 2);
    assert_eq!(source.from, InitialTimestamp(1_700_000_000));
    assert_eq!(source.record_length, RecordLength::Extension);
    let form = source.request_form.as_ref().map(|form| form.value);
    assert_eq!(form, Some(RequestForm::PayloadNul));
    assert_eq!(source.request_timeout, 0);
    assert!(source.quirks.has(Quirk::RequestNul) && source.quirks.has(Quirk::ErrorNul));
    assert!(source.rules.allow_sha1 && !source.rules.insecure);
    let output = &draft.outputs[0];
    assert_eq!(
        (output.format, output.required, output.queue),
        (Format::Raw, false, 3)
    );
    assert_eq!(output.events, Some(vec![EventKind::File]));
    assert!(output.takes("a") && !output.takes("b"));
    assert!(draft.check().is_empty());
}

#[test]
fn no_text_makes_it_panic_or_goes_without_a_word() {
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
        assert!(!mistakes(text).is_empty(), "{text:?}");
    }
    let many: String = (0..1000).map(|n| format!("a{n} = 1\n")).collect();
    assert_eq!(mistakes(&many).len(), 100, "and no more");
    let deep = format!("a = {}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(!mistakes(&deep).is_empty());
}

#[test]
fn the_sample_cut_or_damaged_anywhere_is_read_or_refused() {
    let sample = include_str!("../../../../docs/estreamer.toml").replace("\n# ", "\n");
    let sample = sample.as_bytes();
    for at in 0..sample.len() {
        let mut damaged = sample.to_vec();
        damaged[at] = b"\"[]{}=\n.#'"[at % 10];
        for text in [&sample[..at], &damaged] {
            // What it says is of no matter here, but that it returns.
            let text = String::from_utf8_lossy(text);
            let lines = text.lines().count();
            let found = mistakes(&text);
            assert!(found.iter().all(|mistake| mistake.line <= lines + 1));
        }
    }
}

#[test]
fn no_key_is_known_twice_in_a_table() {
    for Table { name, keys } in TABLES {
        let mut sorted = keys.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), keys.len(), "{name}");
    }
}
