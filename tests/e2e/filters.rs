//! What outputs take of the events: `where`, `keep_fields`, `drop_fields`, and what `minimal`
//! leaves out of the request.

use std::fs;
use std::path::Path;

use estreamer_core::quirk::Quirk;
use estreamer_tests::http::{get, listening};
use estreamer_tests::{
    Ended, Fleet, Pki, Running, estreamer, lines, stored, wait_for_lines, whole_lines,
};
use serde_json::{Map, Value};

use crate::status::LISTEN;

/// An event as an object.
fn object(line: &[u8]) -> Map<String, Value> {
    serde_json::from_slice(line).unwrap()
}

fn is_https(line: &[u8]) -> bool {
    object(line).get("ResponderPort") == Some(&443.into())
}

/// The lines of a file in no particular order.
fn sorted(path: &Path) -> Vec<Vec<u8>> {
    let mut lines = lines(path);
    lines.sort();
    lines
}

/// An output to a file, with more keys.
fn output(name: &str, keys: &str) -> String {
    format!(
        "{}name = {name:?}\n{keys}\n",
        Fleet::output(&format!("file:{name}"))
    )
}

#[test]
fn where_leaves_out_the_events_that_do_not_meet_it_and_counts_them() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 1000, |builder| builder);
    let tables = [
        Fleet::source("fmc", &server),
        output("all", ""),
        output("https", "where = \"ResponderPort = 443\""),
        output(
            "best",
            "where = 'not ResponderPort = 443'\nrequired = false",
        ),
    ];
    fleet.configure(LISTEN, &tables);
    let running = Running::start(&mut fleet.collect());
    let address = listening(&running);
    let all = stored([&server]);
    let (https, other): (Vec<_>, Vec<_>) = all.iter().cloned().partition(|it| is_https(it));
    assert!(https.len() > 100 && other.len() > 100, "both occur");
    wait_for_lines(&fleet.path("all"), 1000, &running);
    wait_for_lines(&fleet.path("https"), https.len(), &running);
    wait_for_lines(&fleet.path("best"), other.len(), &running);
    let metrics = get(&address, "/metrics").body;
    for (name, filtered) in [("all", 0), ("https", other.len()), ("best", https.len())] {
        let sample =
            format!("estreamer_output_filtered_events_total{{output={name:?}}} {filtered}");
        assert!(metrics.contains(&sample), "no {sample} in {metrics}");
    }
    let said = running.stop().success().stderr;
    assert!(sorted(&fleet.path("all")) == all);
    assert!(sorted(&fleet.path("https")) == https);
    assert!(sorted(&fleet.path("best")) == other);
    let told = format!("{} events filtered: where is not met", other.len());
    assert!(said.contains(&told), "no {told:?} in {said}");
    assert!(!said.contains(" 0 events filtered"), "{said}");
}

#[test]
fn the_bookmark_moves_on_past_events_that_are_filtered() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 500, |builder| builder);
    let tables = [
        Fleet::source("fmc", &server),
        output("out", "where = \"EventType = Nothing\""),
    ];
    fleet.configure("", &tables);
    let first = Running::until_served(&mut fleet.collect(), &[&server]).success();
    assert!(
        first.stderr.contains("500 events filtered"),
        "{}",
        first.stderr
    );
    // Only the last seconds are requested again, and recognised.
    let again = Running::until_served(&mut fleet.collect(), &[&server]).success();
    assert!(again.stderr.contains("0 events, "), "{}", again.stderr);
    assert!(!again.stderr.contains("filtered"), "{}", again.stderr);
    assert_eq!(fs::read(fleet.path("out")).unwrap_or_default(), b"");
}

#[test]
fn the_bytes_of_the_fields_that_are_written_are_those_of_the_event() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 300, |builder| builder);
    let tables = [
        Fleet::source("fmc", &server),
        output("all", ""),
        output(
            "keep",
            "keep_fields = [\"InitiatorIP\", \"URL\", \"FileName\"]",
        ),
        output("drop", "drop_fields = [\"URL\", \"User\"]"),
        output(
            "envelope",
            "format = \"ndjson+envelope\"\nkeep_fields = [\"EventType\"]",
        ),
        output("cef", "format = \"cef\""),
        output(
            "cef-drop",
            "format = \"cef\"\ndrop_fields = [\"User\", \"ConnectionDuration\", \"LastPacketSecond\"]",
        ),
    ];
    fleet.configure("", &tables);
    Running::until_served(&mut fleet.collect(), &[&server]).success();
    let of = |name: &str| lines(&fleet.path(name));
    let all = of("all");
    assert_eq!(all.len(), 300);
    let wanted = ["InitiatorIP", "URL", "FileName"];
    for (whole, kept) in all.iter().zip(of("keep")) {
        let (whole, kept_text) = (object(whole), String::from_utf8(kept).unwrap());
        let members: Vec<String> = whole
            .iter()
            .filter(|(name, _)| wanted.contains(&name.as_str()))
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        let kept: Map<String, Value> = object(kept_text.as_bytes());
        assert_eq!(kept.len(), members.len(), "{kept_text}");
        for member in members {
            assert!(kept_text.contains(&member), "no {member} in {kept_text}");
        }
    }
    for (whole, left) in all.iter().zip(of("drop")) {
        let mut whole = object(whole);
        whole.remove("URL");
        whole.remove("User");
        assert_eq!(object(&left), whole);
    }
    for (whole, line) in all.iter().zip(of("envelope")) {
        let event = &object(&line)["event"];
        assert_eq!(event["EventType"], object(whole)["EventType"]);
        assert_eq!(event.as_object().unwrap().len(), 1);
    }
    let heads = |line: &[u8]| {
        let text = String::from_utf8(line.to_vec()).unwrap();
        text.splitn(8, '|').take(7).collect::<Vec<_>>().join("|")
    };
    let mut users = 0;
    for (whole, left) in of("cef").iter().zip(of("cef-drop")) {
        // A connection's end is still one, although the fields that say so are left out.
        assert_eq!(heads(whole), heads(&left));
        let has = |line: &[u8], key: &str| String::from_utf8_lossy(line).contains(key);
        users += usize::from(has(whole, " suser="));
        assert!(!has(&left, " suser=") && !has(&left, " end="));
    }
    assert!(users > 0, "some event has a user");
}

#[test]
fn a_record_that_is_not_an_event_is_never_filtered() {
    for quirk in [Quirk::RecordMalformed, Quirk::DataNotJson] {
        let fleet = Fleet::new();
        let server = fleet.server(1, 300, |builder| builder.quirk(quirk));
        let tables = [
            Fleet::source("fmc", &server),
            output("all", ""),
            output("none", "where = \"EventType = Nothing\""),
            output("kept", "keep_fields = [\"EventType\"]"),
        ];
        fleet.configure("", &tables);
        Running::until_served(&mut fleet.collect(), &[&server]).success();
        let is_event = |line: &[u8]| {
            let value: Option<Map<String, Value>> = serde_json::from_slice(line).ok();
            value.is_some_and(|object| object.contains_key("EventType"))
        };
        let read = |name: &str| {
            let bytes = fs::read(fleet.path(name)).unwrap();
            bytes
                .split(|byte| *byte == b'\n')
                .map(<[u8]>::to_vec)
                .collect::<Vec<_>>()
        };
        let odd: Vec<_> = read("all")
            .into_iter()
            .filter(|line| !is_event(line))
            .collect();
        assert!(odd.len() > 1, "{quirk}");
        assert!(read("none") == odd, "{quirk}");
        let kept = read("kept");
        let errors = kept
            .iter()
            .filter(|line| line.starts_with(b"{\"estreamer_error\""));
        let events = kept.iter().filter(|line| is_event(line));
        // The last line is empty.
        assert_eq!(errors.count() + events.count() + 1, kept.len(), "{quirk}");
        assert_eq!(kept.len(), read("all").len(), "{quirk}");
    }
}

#[test]
fn minimal_leaves_out_of_the_request_what_no_output_takes() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 500, |builder| builder);
    let outputs = [
        output(
            "a",
            "events = [\"connection\"]\nwhere = \"ResponderPort = 443\"\nkeep_fields = [\"URL\"]",
        ),
        output(
            "b",
            "events = [\"file\"]\nkeep_fields = [\"FileName\", \"FileSHA256\"]",
        ),
    ];
    let source = Fleet::source("fmc", &server);
    let configure = |minimal: &str| {
        let tables = [format!("{source}{minimal}"), outputs.concat()];
        fleet.configure("", &tables)
    };
    configure("");
    let running = Running::start(&mut fleet.collect());
    let https = stored([&server]).into_iter().filter(|line| is_https(line));
    let connections = https.filter(|line| object(line)["EventType"] == "ConnectionEvent");
    wait_for_lines(&fleet.path("a"), connections.count(), &running);
    let before = (lines(&fleet.path("a")).len(), lines(&fleet.path("b")).len());
    running.stop().success();
    let path = configure("minimal = true\n");
    let printed = Ended::of(estreamer(&["request", "--config"]).arg(&path)).success();
    let printed = String::from_utf8(printed.stdout).unwrap();
    let running = Running::start(&mut fleet.collect());
    server.archive().store(500);
    let all = stored([&server]);
    let of_type = |kind: &str| -> Vec<&Vec<u8>> {
        let events = all.iter();
        events
            .filter(|line| object(line)["EventType"] == kind)
            .collect()
    };
    let connections = of_type("ConnectionEvent");
    let https = connections.iter().filter(|line| is_https(line)).count();
    let files = of_type("FileEvent").len();
    let least = |name: &str, least: usize| {
        estreamer_tests::wait_until(|| whole_lines(&fleet.path(name)).len() >= least);
    };
    least("a", https);
    least("b", files);
    running.stop().success();
    // Nothing is lost; events of the overlap come again, because their bytes differ.
    assert!(https > before.0 && files > before.1);
    assert!(lines(&fleet.path("a")).len() <= https + before.0);
    let connections = server.connections();
    let [first, second] = [0, 1].map(|place| connections[place].requests[0].json.clone());
    assert!(second.len() < first.len() * 2, "{second}");
    for part in [
        "\"IntrusionEvent\"",
        "\"IntrusionPacket\"",
        "DetailFieldSet",
    ] {
        assert!(
            first.contains(part) && !second.contains(part),
            "{part}: {second}"
        );
    }
    for part in [
        "\"URL\"",
        "\"ResponderPort\"",
        "\"FileName\"",
        "\"ConnectionID\"",
    ] {
        assert!(second.contains(part), "{part}: {second}");
    }
    assert!(!second.contains("\"User\""), "{second}");
    assert!(printed.contains(second.trim_end_matches('\0')), "{printed}");
}

#[test]
fn a_changed_filter_applies_from_the_bookmark_on() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 200, |builder| builder);
    let configure = |keys: &str| {
        fleet.configure("", &[Fleet::source("fmc", &server), output("out", keys)]);
    };
    configure("where = \"ResponderPort = 443\"");
    let running = Running::start(&mut fleet.collect());
    let first: Vec<_> = stored([&server])
        .into_iter()
        .filter(|it| is_https(it))
        .collect();
    wait_for_lines(&fleet.path("out"), first.len(), &running);
    configure("where = \"ResponderPort != 443\"\ndrop_fields = [\"URL\"]");
    running.signal("HUP");
    running.wait_for("the configuration changed");
    running.wait_for("connected");
    let old = stored([&server]);
    server.archive().store(200);
    let new: Vec<_> = stored([&server])
        .into_iter()
        .filter(|line| !old.contains(line))
        .filter(|line| !is_https(line))
        .collect();
    let has_new = || {
        let found = whole_lines(&fleet.path("out"));
        let of = found[first.len().min(found.len())..].iter();
        of.filter(|line| !is_https(line)).count() >= new.len()
    };
    estreamer_tests::wait_until(has_new);
    running.stop().success();
    let found = lines(&fleet.path("out"));
    let mut before: Vec<_> = found[..first.len()].to_vec();
    before.sort();
    assert!(before == first, "what was written stays");
    for line in &found[first.len()..] {
        assert!(!object(line).contains_key("URL"));
    }
    let mut seen = std::collections::BTreeSet::new();
    assert!(
        found.iter().all(|line| seen.insert(line.clone())),
        "nothing comes twice"
    );
}

/// Checks a configuration of one source, whose certificate is there.
fn check(source: &str, output: &str) -> Ended {
    let pki = Pki::new();
    let text = format!(
        "[[source]]\nserver = \"127.0.0.1:1\"\ncert = \"pki/client.pem\"\nkey = \
         \"pki/client.key\"\nca = \"pki/ca.pem\"\n{source}\n[[output]]\nurl = \"file:out\"\n{output}"
    );
    let config = pki.write("c.toml", text);
    let mut command = estreamer(&["check", &config]);
    Ended::of(command.env_remove("STATE_DIRECTORY"))
}

#[test]
fn a_mistake_in_a_filter_is_told_with_file_line_and_place() {
    for (source, keys, told) in [
        (
            "",
            "where = \"Impact = and URL exists\"",
            "c.toml:9: where: expected a value at ^ in `Impact = ^and URL exists`",
        ),
        ("", "where = \"\"", "c.toml:9: where: the string is empty"),
        ("", "where = 5", "c.toml:9: where: expected a string"),
        (
            "",
            "keep_fields = [\"URL\"]\ndrop_fields = [\"User\"]",
            "c.toml:10: keep_fields and drop_fields exclude each other",
        ),
        (
            "",
            "keep_fields = []",
            "c.toml:9: keep_fields: the list is empty",
        ),
        (
            "",
            "keep_fields = [\"DetailFieldSet\"]",
            "c.toml:9: keep_fields: invalid value \"DetailFieldSet\"",
        ),
        (
            "",
            "keep = [\"URL\"]",
            "c.toml:9: keep: expected a table about closed files, found a list. Use keep_fields",
        ),
        (
            "",
            "format = \"raw\"\ndrop_fields = [\"URL\"]",
            "c.toml:10: drop_fields: the output out has the format raw",
        ),
        (
            "events = { file = [\"FileName\", \"FileSize\"] }",
            "format = \"csv\"\nkeep_fields = [\"FileName\"]",
            "c.toml:10: keep_fields: the output out has the format csv, whose columns are the \
             fields that the source requests",
        ),
        (
            "transform = \"CSV\"\nevents = { file = [\"FileName\"] }",
            "where = \"FileName exists\"",
            "c.toml:10: where: the output out would read the fields of events, which needs \
             JSON, and 127.0.0.1:1 requests CSV",
        ),
    ] {
        check(source, keys).failure(2, &[told]);
    }
}

#[test]
fn a_field_that_is_not_known_or_not_requested_is_a_warning() {
    for (source, keys, told) in [
        (
            "",
            "where = \"InitatorIP ~ 10.0.0.0/8\"",
            "c.toml:9: where: no event is known to have the field \"InitatorIP\". Perhaps you \
             mean InitiatorIP",
        ),
        (
            "",
            "drop_fields = [\"Quantum_Flux_Level\"]",
            "c.toml:9: drop_fields: no event is known to have the field \"Quantum_Flux_Level\". It \
             is used as it is",
        ),
        (
            "events = { file = [\"FileName\"] }",
            "where = \"FileSize > 1000\"",
            "c.toml:9: where: no source of out requests the field \"FileSize\". Add it",
        ),
        (
            "minimal = true",
            "drop_fields = [\"URL\"]",
            "c.toml:6: minimal: every event type and field that 127.0.0.1:1 requests is taken",
        ),
    ] {
        let ended = check(source, keys).success();
        assert!(
            ended.stderr.contains(told),
            "no {told:?} in {}",
            ended.stderr
        );
    }
    for (source, keys, shown) in [
        (
            "",
            "where = \"Impact=1 or (URL exists)\"",
            "where      Impact = 1 or URL exists",
        ),
        (
            "",
            "keep_fields = [\"URL\", \"Impact\"]",
            "fields     only Impact, URL",
        ),
        (
            "events = { file = [\"New\"] }",
            "drop_fields = [\"New\"]",
            "fields     all but New",
        ),
    ] {
        let ended = check(source, keys).success();
        let text = String::from_utf8(ended.stdout).unwrap();
        assert!(text.contains(shown), "no {shown:?} in {text}");
        assert!(!ended.stderr.contains("field"), "{}", ended.stderr);
    }
}
