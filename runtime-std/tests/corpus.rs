//! Replays the fuzzers' corpora: what they once found stays found. And makes
//! their seeds; `ESTREAMER_BLESS=1` writes them.
#![cfg(feature = "fuzzing")]

use estreamer::fuzzing::TARGETS;
use estreamer::fuzzing::disk::CRASHES;
use estreamer::fuzzing::{BatchEntry, JournalEntry, frame};
use estreamer_core::fuzzing::corpus::{self, Seed};

#[test]
fn every_corpus_keeps_its_promises() {
    corpus::replay(TARGETS);
}

#[test]
fn the_seeds_are_what_they_are_made_of() {
    corpus::check(&seeds());
}

fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (name, stream) in corpus::inputs("parse") {
        // The seeds among them have names for people.
        if name.contains(['-', '_']) {
            let kind = [name.len() as u8, 1, 144, 9, 9, 0, 1, 3, b'f', b'm', b'c'];
            let record = [&kind, &stream[1..]].concat();
            seeds.push(("envelope", name.clone(), record));
            seeds.push(("redact", name.clone(), [&[0], &stream[1..]].concat()));
            seeds.push(("capture", name, [&[7], &stream[1..]].concat()));
        }
    }
    for (name, secret) in secrets() {
        seeds.push(("redact", name.to_owned(), secret.to_vec()));
    }
    for (name, answer) in answers() {
        seeds.push(("answers", name.to_owned(), answer));
    }
    for (name, event) in events() {
        seeds.push(("formats", name, event));
    }
    for (name, condition, rest) in filters() {
        let input = [condition.as_bytes(), b"\xff", rest].concat();
        seeds.push(("filter", name.to_owned(), input));
    }
    for (name, bytes) in journals() {
        seeds.push(("journal", name.to_owned(), bytes));
    }
    for (name, text) in configurations() {
        seeds.push(("config", name, text.into_bytes()));
    }
    for (name, script) in deliveries() {
        seeds.push(("delivery", name, script));
    }
    seeds
}

/// See `estreamer::fuzzing::formats`.
fn events() -> Vec<(String, Vec<u8>)> {
    let real = include_str!("../../tests/data/real-events.ndjson").lines();
    let mut all: Vec<(String, Vec<u8>)> = real
        .enumerate()
        .map(|(number, line)| (format!("real-{number}"), [b"\0", line.as_bytes()].concat()))
        .collect();
    for (name, event) in [
        ("nothing", &b""[..]),
        ("packet-hex", b"\x0300ff10\xffa rule\xffmore\xff3"),
        ("packet-base64", b"\x03AP8Q/w==\xff\xff\n\xff60"),
        ("packet-none", b"\x03?\xffx"),
        ("no-object", b"\0[1,2]"),
        ("no-utf8", b"\0{\"a\":\"\xff\"}"),
        ("twice", b"\0{\"a\":1,\"\\u0061\":2}"),
        ("half-a-pair", b"\0{\"URL\":\"\\ud800\\udc00\\ud800x\"}"),
        (
            "digits",
            b"\0{\"InitiatorBytes\":123456789012345678901234567890}",
        ),
        (
            "nested",
            b"\0{\"a\":[[[{\"b\":\"]\"}]]],\"c\":null,\"d\":true}",
        ),
        ("line-ends", b"\0{\r\n\"User\" :\n\"a\\nb\"}\r\n\0"),
        (
            "values",
            b"\x01a=b\\c\xff|x, y: z\xff\tt\r\n\xff, :\xff\\=\\n\xffk=v k2=v2",
        ),
        ("no-values", b"\x01\xff\xff\xff"),
    ] {
        all.push((name.to_owned(), event.to_vec()));
    }
    all
}

/// A name of a field, and what is around its secret value. See `estreamer::fuzzing::redact`.
fn secrets() -> [(&'static str, &'static [u8]); 6] {
    [
        ("user", b"\x01User\xffACME\\\xff@example.net"),
        (
            "url",
            b"\x01URL\xffhttps://10.1.2.3:80/?a=%2F\xff://[fe80::1]/",
        ),
        (
            "number",
            b"\x01ResponderPort\xff1:2:3:4:5:6:7:8-\xff.10.1.2.3",
        ),
        ("packet", b"\x01PacketData\xffAAAA\xffAA=="),
        (
            "odd-name",
            b"\x01an odd name\xff\xc3\xa9\xf0\x9f\x98\x80\xff\n\t\x01",
        ),
        ("enum", b"\x01AC_RuleAction\xffBlock \xff Allow"),
    ]
}

/// A status, a number of events and a body. See `estreamer::fuzzing::answers`.
fn answers() -> Vec<(&'static str, Vec<u8>)> {
    let answer = |status: u8, count: u8, body: &[u8]| [&[status, count - 1], body].concat();
    vec![
        ("nothing", answer(0, 1, b"")),
        ("ndjson-refused", answer(7, 2, b"bad\r\nrequest")),
        ("splunk-ack", answer(0, 1, b"{\"text\":\"Success\",\"code\":0,\"ackId\":7}")),
        ("splunk-bad-event", answer(7, 1, b"{\"text\":\"No data\",\"code\":5}")),
        ("splunk-index", answer(7, 1, b"{\"text\":\"Incorrect index\",\"code\":7}")),
        ("splunk-token", answer(8, 1, b"{\"text\":\"Invalid token\",\"code\":4}")),
        (
            "elastic-items",
            answer(0, 2, b"{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":400,\"error\":{\"type\":\"mapper\",\"reason\":\"no\"}}}]}"),
        ),
        ("elastic-too-few", answer(0, 2, b"{\"items\":[{\"create\":{\"status\":409}}]}")),
        ("otlp-json", answer(0, 2, b"{\"partialSuccess\":{\"rejectedLogRecords\":\"1\",\"errorMessage\":\"no\"}}")),
        ("otlp-protobuf", answer(0, 2, b"\x0a\x06\x08\x01\x12\x02no")),
        (
            "otlp-long",
            answer(0, 2, &[&b"\x0a\x8b\x27\x08\x01\x12\x86\x27"[..], &[b'n'; 4998]].concat()),
        ),
        ("otlp-damaged", answer(0, 2, b"\x0a\xff\xff\xff\xff\x0f")),
        ("busy", answer(13, 1, b"<html>\x00busy</html>")),
    ]
}

/// A condition; an event and names of fields. See `estreamer::fuzzing::filter`.
fn filters() -> Vec<(&'static str, &'static str, &'static [u8])> {
    const EVENT: &[u8] = b"{\"EventType\":\"ConnectionEvent\", \"InitiatorIP\":\"10.1.2.3\", \"ResponderPort\":443, \"User\":\"ACME\\\\bob\",\r\n\"a\":null,\"\\u0062\":[1]}\xffUser\xffb";
    vec![
        ("nothing", "", b""),
        ("equal", "EventType = ConnectionEvent", EVENT),
        (
            "number",
            "ResponderPort >= 443 and ResponderPort < 1e3",
            EVENT,
        ),
        (
            "network",
            "InitiatorIP ~ 10.0.0.0/8 or InitiatorIP in (::1, 2001:db8::/32)",
            EVENT,
        ),
        ("pattern", "User ~ 'ACME*' and User ~ *?ob", EVENT),
        (
            "absent",
            "not a exists and a != 1 and c != \"x\"\"y\"",
            EVENT,
        ),
        ("nested", "not (not (User exists or (b = \"[1]\")))", EVENT),
        ("quoted-field", "'b' exists and \"and\" != 'in'", EVENT),
        ("mistake", "a = and b", EVENT),
        ("not-closed", "a in (1, 'x", EVENT),
        ("twice", "a = 1", b"{\"a\":1,\"a\":2}\xffa"),
        (
            "digits",
            "a = 9007199254740993",
            b"{\"a\":9007199254740993.0e0}\xffa",
        ),
    ]
}

/// Small ones, and mistakes. Beside them lies the sample as it once was.
fn configurations() -> Vec<(String, String)> {
    let source = "[[source]]\nserver = \"fmc:8302\"\npkcs12 = \"a.p12\"\n";
    let output = "[[output]]\nurl = \"file:events.ndjson\"\n";
    let mut all = vec![
        ("least".to_owned(), [source, output].concat()),
        (
            "twice".to_owned(),
            [source, source, output, output].concat(),
        ),
    ];
    for (name, wrong) in [
        ("not-toml", "[[source\n"),
        ("unknown-key", "[[source]]\nservr = \"x\"\n"),
        ("wrong-type", "overlap = \"5\"\nmemory = []\n"),
        ("out-of-range", "overlap = -1\nmemory = 99999999999999\n"),
        ("nothing", ""),
        ("bad-address", "[[source]]\nserver = \"fmc:port\"\n"),
        ("bad-output", "[[output]]\nurl = \"gopher:x\"\n"),
    ] {
        all.push((name.to_owned(), wrong.to_owned()));
    }
    all
}

/// See `estreamer::fuzzing::journal`.
fn journals() -> Vec<(&'static str, Vec<u8>)> {
    let batch = JournalEntry::Batch(BatchEntry {
        n: 1,
        source: "a".into(),
        server: 0,
        point: None,
        records: Vec::new(),
    });
    // A snapshot of version 1, generation 1, boot x, batch 0, and nothing in it.
    let snapshot = [0, 1, 1, 1, b'x', 0, 0, 0];
    let commit = [3, 1];
    let payload = &frame(&batch)[12..];
    let parts: [&[u8]; 3] = [&snapshot, payload, &commit];
    let framed: Vec<u8> = parts
        .iter()
        .flat_map(|part| [&[part.len() as u8], *part].concat())
        .collect();
    let entries = [
        0, 1, 0, 1, 0, 0, 9, 0, 4, 2, 0, 9, 0, 1, 0, 8, 0, 2, 1, 1, 1, 0, 77, 1, 2, 2, 0,
    ];
    let with = |count: usize, cut, flip, rest: &[u8]| [&[count as u8, cut, flip], rest].concat();
    let both = [&framed, &entries[..]].concat();
    let two = [frame(&batch), frame(&JournalEntry::Commit(1))].concat();
    let commits = [0, 1, 0, 1, 0, 1, 2, 3, 2, 2, 2];
    vec![
        ("nothing", Vec::new()),
        ("a-frame", frame(&batch)),
        ("two-frames", two),
        ("whole-frames", with(framed.len(), 128, 128, &framed)),
        ("no-snapshot", with(framed.len() - 9, 0, 0, &framed[9..])),
        ("entries", with(0, 255, 255, &entries)),
        ("entries-cut", with(0, 128, 0, &entries)),
        ("entries-flipped", with(0, 0, 100, &entries)),
        ("frames-and-entries", with(framed.len(), 30, 60, &both)),
        ("commits", with(0, 255, 255, &commits)),
        // The first one has all the entries that it may have.
        (
            "two-segments",
            with(
                0,
                255,
                255,
                &[&[0; 3][..], &[1, 0, 9, 0].repeat(19), &[0, 9, 1, 2, 3]].concat(),
            ),
        ),
    ]
}

/// An operation of `estreamer::fuzzing::delivery`, and how.
type Operation = [u8; 2];

/// Scripts for `estreamer::fuzzing::delivery`.
fn deliveries() -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> = Vec::new();
    let mut add = |name: &str, settings: [u8; 4], operations: &[&[Operation]]| {
        let operations: Vec<Operation> = operations.concat();
        let script = [&settings[..], operations.as_flattened()].concat();
        all.push((name.to_owned(), script));
    };
    // The overlap less one, the outputs, the size of a segment, the first asks.
    let (plain, two_files, segments) = ([4, 0, 255, 0], [4, 1, 255, 0], [4, 0, 0, 0]);
    let (by_kind, from_now) = ([4, 2, 255, 0], [4, 0, 255, 2]);
    let stored = &[store(0, 10), store(0, 8), store(0, 9), store(0, 11)][..];
    let whole = &[send(0, 7), batch(0, 15), write(0, 0), COMMIT][..];
    let late = store(0, 5);
    let twin = store(0, 6);
    add("plain", plain, &[stored, whole]);
    let other = [
        store(1, 9),
        store(1, 15),
        send(1, 7),
        batch(1, 1),
        write(1, 0),
    ];
    add("two-sources", two_files, &[stored, whole, &other, whole]);
    let far = [stored, stored, stored, whole, whole].concat();
    add("late", plain, &[&far, &[crash(1), late], whole]);
    let away = [late, crash(0), late];
    add("late-while-away", plain, &[&far, &away, whole]);
    let again = [late, connect(0)];
    add("late-at-reconnect", plain, &[&far, &again, whole]);
    let before_all = [store(0, 10), send(0, 7), batch(0, 15), crash(0), late];
    add("late-before-all", plain, &[&before_all, whole]);
    let cut = [crash(1), late];
    add(
        "late-by-one",
        [0, 0, 255, 0],
        &[&far, &cut, whole, &[crash(0)]],
    );
    let twins = [store(0, 9), twin, twin];
    add("twins", plain, &[&twins, whole, &[crash(0), twin], whole]);
    let twice = [send(0, 3), batch(0, 2), REPEAT, batch(0, 15), write(0, 0)];
    add(
        "bundle-twice",
        plain,
        &[stored, &twice, &[COMMIT, crash(1)]],
    );
    let ahead = [send(0, 2), batch(0, 2), write(0, 0), COMMIT];
    let behind = [write(1, 1), COMMIT, crash(2)];
    add(
        "one-file-lags",
        two_files,
        &[stored, &ahead, &ahead, &behind],
    );
    let written = &whole[..3];
    let kills = [stored, written, &[crash(0)], stored, written, &[crash(1)]];
    add("not-committed", plain, &kills);
    let lives = [stored, whole, &[crash(1)], stored, whole, &[crash(0)]].concat();
    add("segments", segments, &[stored, whole, &lives, stored]);
    let later = [LATER, LATER, late, connect(0)];
    add("time-passes", plain, &[stored, whole, &later, whole]);
    let new = [store(0, 10), store(0, 8)];
    let written = [send(0, 7), batch(0, 15), write(0, 0)];
    add("now-and-nothing", from_now, &[&[crash(4)], &new, whole]);
    let asks = [crash(4), store(0, 9), crash(0), store(0, 9), crash(4)];
    add("now-oldest-now", from_now, &[&new, &asks, whole]);
    let two_kinds = [store(0, 8), store(0, 40), store(0, 9), store(0, 41)];
    add(
        "by-kind",
        by_kind,
        &[&two_kinds, whole, &[crash(0)], &two_kinds],
    );
    let rename = |how: u8| [16, 2 * how];
    let renames = [rename(1), rename(0), rename(3)];
    for (index, rename) in renames.into_iter().enumerate() {
        let name = format!("renamed-{index}");
        let away = [&[rename], &new[..], &written].concat();
        add(
            &name,
            plain,
            &[stored, whole, &new, &written, &away, &[crash(0)], &new],
        );
        let name = format!("renamed-after-{index}");
        add(
            &name,
            plain,
            &[stored, whole, &new, &written, &[rename, crash(1)], &new],
        );
    }
    let foreign = |how: u8| [17, 2 * how];
    for how in [0, 1] {
        let name = format!("foreign-{how}");
        add(
            &name,
            plain,
            &[
                stored,
                whole,
                &new,
                &written,
                &[foreign(how), crash(0)],
                &new,
            ],
        );
        let name = format!("foreign-closed-{how}");
        add(
            &name,
            plain,
            &[
                stored,
                whole,
                &[[18, 0], foreign(how), crash(0)],
                &new,
                whole,
            ],
        );
        let name = format!("foreign-open-{how}");
        add(
            &name,
            plain,
            &[stored, whole, &[foreign(how)], &new, whole, &[crash(1)]],
        );
    }
    let set_back = [15, 0];
    add(
        "set-back",
        plain,
        &[stored, whole, &[set_back], &new, whole, &[connect(0)], &new],
    );
    add(
        "reopen",
        plain,
        &[stored, whole, &[[15, 40]], &new, &written, &[crash(1)]],
    );
    for (kind, crash) in CRASHES.iter().enumerate() {
        for at in [2, 5, 8, 11, 14, 17, 20, 23] {
            let name = format!("crash-{crash:?}-{at}").to_lowercase();
            // The kind is read when it comes, in the place of an operation.
            let torn = [[19, at], send(0, 3), batch(0, 3), write(0, 0)];
            let which = [[12, kind as u8], [12, kind as u8]];
            let settings = [4, at % 3, 1, 0];
            add(
                &name,
                settings,
                &[stored, whole, &[late, twin], &torn, &which, stored, whole],
            );
        }
    }
    all
}

const COMMIT: Operation = [12, 0];
const REPEAT: Operation = [6, 0];
const LATER: Operation = [13, 40];

/// An event: 0 to 5 seconds late, 6 a twin, from 7 on not late.
const fn store(source: u8, how: u8) -> Operation {
    [0, source + 2 * how]
}

const fn send(source: u8, count: u8) -> Operation {
    [4, source + 2 * count]
}

const fn batch(source: u8, count: u8) -> Operation {
    [7, source + 2 * count]
}

const fn write(output: u8, behind: u8) -> Operation {
    [9, output + 2 * behind]
}

const fn connect(source: u8) -> Operation {
    [14, source]
}

const fn crash(how: u8) -> Operation {
    [22, how]
}
