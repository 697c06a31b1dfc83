//! Replays the corpora of the fuzz targets, and compares their seeds with the files.
//! The seeds are made from the test vectors, the quirks, events of a real server and
//! scripts; `ESTREAMER_BLESS=1` writes them.
#![cfg(feature = "fuzzing")]

mod common;

use common::provoke::{Provoked, provoke};
use common::{bundle, error, extended, message, nested_event, null, record, request, with_length};
use estreamer_core::fuzzing::corpus::{self, Seed};
use estreamer_core::fuzzing::{self, TARGETS};
use estreamer_core::quirk::Quirk;
use estreamer_core::wire::RecordLength;

const VECTORS: &str = include_str!("vectors.txt");
const REAL_EVENTS: &str = include_str!("../../tests/data/real-events.ndjson");

#[test]
fn every_input_of_the_corpus_passes() {
    corpus::replay(TARGETS);
}

#[test]
fn the_corpus_of_decode_keeps_its_promises_in_every_window() {
    for (_, mut data) in corpus::inputs("decode") {
        for window in 0..=255 {
            data[0] = window;
            fuzzing::decode(&data);
        }
    }
}

#[test]
fn both_drivers_give_the_same_frames_wherever_a_stream_is_cut() {
    for (_, mut data) in corpus::inputs("drivers") {
        for cut in 0..=63 {
            // Window, largest read, its sequence, and the configuration.
            data[..4].copy_from_slice(&[cut, cut, 3 * cut, cut % 16]);
            fuzzing::drivers(&data);
        }
    }
}

#[test]
fn the_seeds_in_the_corpus_are_up_to_date() {
    corpus::check(&seeds());
}

fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (name, stream) in streams() {
        // Window and chunks for decode, without limits; the window for parse.
        let decode = [&[0, 10, 7, 0], &stream[..]].concat();
        seeds.push(("decode", name.clone(), decode));
        seeds.push(("parse", name.clone(), [&[0], &stream[..]].concat()));
        // The smallest window, small reads that time out.
        let drivers = [&[0, 30, 7, 8], &stream[..]].concat();
        seeds.push(("drivers", name.clone(), drivers));
        seeds.push(("roundtrip", name, stream));
    }
    let readings = readings();
    for (at, setting) in RecordLength::ALL.into_iter().enumerate() {
        for expected in 0..7 {
            // This byte chooses setting and request; see `fuzzing::decode`.
            let first = (at << 6) as u8;
            let known = (first..).find(|known| known % 7 == expected).unwrap();
            let bytes = [&[0, 10, known, 0], &readings[..]].concat();
            seeds.push(("decode", format!("readings-{setting}-{expected}"), bytes));
        }
    }
    seeds.push((
        "parse",
        "readings".to_owned(),
        [&[0], &readings[..]].concat(),
    ));
    let mut add = |target, name: &str, bytes: &[u8]| {
        seeds.push((target, name.to_owned(), bytes.to_vec()));
    };
    for (name, block) in blocks() {
        add("request", name, block.as_bytes());
    }
    for (name, script) in SESSIONS {
        add("session", name, script);
    }
    for (name, script) in PAIRS {
        add("pair", name, script);
    }
    seeds
}

/// Streams of a server or a client.
fn streams() -> Vec<(String, Vec<u8>)> {
    let mut streams = Vec::new();
    for line in VECTORS.lines() {
        let (name, hex) = line.split_once(": ").unwrap();
        let bytes = hex.as_bytes().chunks(2);
        let bytes = bytes.map(|pair| {
            let digits = std::str::from_utf8(pair).unwrap();
            u8::from_str_radix(digits, 16).unwrap()
        });
        // A null after it shows that the decoder continues.
        streams.push((name.to_owned(), bytes.chain(null()).collect()));
    }
    for &quirk in Quirk::ALL {
        if let (Provoked::Server(bytes) | Provoked::Client(bytes), _) = provoke(quirk) {
            let bytes = [bytes, null()].concat();
            streams.push((format!("quirk-{quirk}"), bytes));
        }
    }
    let mut add = |name: &str, stream: Vec<u8>| streams.push((name.to_owned(), stream));
    let real: Vec<u8> = REAL_EVENTS
        .lines()
        .flat_map(|line| nested_event(line.as_bytes()))
        .collect();
    add("real-events", [bundle(1, &real), null()].concat());
    // The last message of a bundle, one byte longer or shorter than its rest.
    let nested = nested_event(b"{}");
    let body = extended(b"{}");
    for (name, length) in [("long", body.len() + 1), ("short", body.len() - 1)] {
        let last = with_length(0, 4, length as u32, &body);
        let stream = [bundle(1, &[&nested[..], &last].concat()), null()].concat();
        add(&format!("nested-one-{name}"), stream);
    }
    add("nothing-left", bundle(1, &[nested, null()].concat()));
    add(
        "error-short",
        [bundle(1, b""), error(7, "no such thing")].concat(),
    );
    add("request", request(0, 1 << 23, GUIDE.as_bytes()));
    add("bundle-in-bundle", bundle(1, &bundle(2, b"1234")));
    let multi = [message(1, 6, b"host"), message(1, 7, b"")].concat();
    add("hosts", multi);
    streams
}

/// Records in every layout, with every form of data, some larger than the smallest
/// window.
fn readings() -> Vec<u8> {
    let time = [&1_700_000_000_u32.to_be_bytes()[..], &[0; 4]].concat();
    let mut records = Vec::new();
    for data in [
        br#"{"EventID":7}"#.to_vec(),
        b"1743500734,172.16.3.110".to_vec(),
        b"\x10\0\0\0\x08\0\x0c\0opaque".to_vec(),
        [&[b' '; 39][..], b"{}"].concat(),
        vec![b'x'; 100],
        Vec::new(),
    ] {
        for rest in [[&time[..], &data].concat(), data] {
            for spare in [16, 8, 0] {
                let length = (rest.len() as u32 + 8).saturating_sub(spare);
                records.extend(message(0, 4, &record(71, length, &rest)));
            }
        }
    }
    bundle(1, &records)
}

const GUIDE: &str = r#"{ "Events": { "FileEvent": { "FieldSetDef":
 { "OutputFieldSet": ["HeaderFieldSet", "FileName"] }, "Fields": ["OutputFieldSet"] } },
 "OutputFormat": { "Transform": "Text", "TransformConfig": "JSON" } }
"#;

fn blocks() -> Vec<(&'static str, String)> {
    let file = r#"{"Events":{"FileEvent":{"Fields":["FileName"]}},"OutputFormat":{"Transform":"Text","TransformConfig":"JSON"}}"#;
    vec![
        ("guide", GUIDE.to_owned()),
        ("one-field", file.to_owned()),
        ("csv", file.replace("JSON", "CSV")),
        ("no-format", file.replace("TransformConfig", "Other")),
        ("not-text", file.replace("Text", "Binary")),
        ("unknown-event", file.replace("FileEvent", "FooEvent")),
        ("no-fields", file.replace("\"FileName\"", "")),
        ("escape", file.replace("FileName", "File\\u0000Name")),
        (
            "unknown-keys",
            file.replacen('{', r#"{"V":[1,{"a":null}],"#, 1),
        ),
        ("cut", file[..40].to_owned()),
        ("deep", "[".repeat(20)),
        ("empty", String::new()),
        ("words", r#"CSV"A"B"C"D"#.to_owned()),
    ]
}

/// Seven bytes of settings, then operations; see `fuzzing::session`.
const SESSIONS: &[(&str, &[u8])] = &[
    // Every null follows delivery.
    (
        "strict",
        &[0, 0, 0, 0, 0, 0, 0, 3, 5, 6, 7, 2, 9, 8, 7, 0, 9, 8, 9, 8],
    ),
    (
        "ahead",
        &[
            255, 0, 0, 0, 2, 0, 0, 3, 1, 2, 3, 3, 1, 2, 3, 3, 1, 2, 3, 2, 2, 9, 39, 7, 1, 9, 39,
        ],
    ),
    (
        "answers",
        &[
            0, 0, 1, 0, 1, 0, 0, 5, 5, 2, 9, 8, 9, 8, 3, 0, 0, 0, 2, 9, 39,
        ],
    ),
    (
        "probes",
        &[
            0, 0, 0, 0, 1, 2, 3, 5, 2, 12, 9, 8, 12, 9, 8, 11, 255, 0, 12,
        ],
    ),
    (
        "withheld",
        &[
            0, 0, 0, 0, 0, 2, 2, 3, 1, 1, 1, 2, 12, 9, 8, 7, 0, 12, 9, 39, 12, 12,
        ],
    ),
    ("silence", &[0, 0, 0, 0, 1, 1, 1, 12, 9, 8, 12, 12]),
    (
        "not-reading",
        &[0, 0, 0, 0, 1, 2, 2, 13, 1, 12, 11, 99, 99, 13, 2, 12, 12],
    ),
    (
        "pieces",
        &[
            0, 0, 0, 0, 1, 0, 0, 3, 200, 201, 202, 0, 60, 0, 60, 2, 2, 2, 2, 2, 9, 8,
        ],
    ),
    (
        "skipped",
        &[
            0, 9, 0, 1, 1, 0, 0, 3, 200, 20, 70, 4, 0, 90, 2, 2, 2, 2, 2, 2, 9, 39,
        ],
    ),
    (
        "malformed",
        &[0, 0, 0, 0, 1, 0, 0, 3, 1, 250, 2, 4, 6, 3, 2, 2, 2, 9, 39],
    ),
    (
        "events",
        &[
            0, 0, 0, 0, 1, 0, 0, 4, 0, 9, 4, 0, 0, 4, 1, 255, 2, 2, 2, 7, 0, 9, 39,
        ],
    ),
    (
        "error",
        &[0, 0, 0, 0, 1, 0, 0, 3, 0, 0, 0, 4, 7, 9, 2, 9, 8, 2, 12],
    ),
    (
        "closed",
        &[
            0, 0, 0, 0, 1, 2, 2, 3, 0, 0, 0, 2, 13, 255, 9, 8, 12, 13, 254, 2,
        ],
    ),
    (
        "end",
        &[0, 0, 0, 0, 1, 0, 0, 3, 0, 0, 0, 0, 20, 13, 254, 2, 13, 255],
    ),
    (
        "raw",
        &[
            0, 0, 0, 0, 1, 0, 0, 6, 8, 0, 1, 0, 0, 0, 0, 0, 0, 2, 6, 4, 9, 9, 9, 9, 2,
        ],
    ),
];

/// Flags, windows, credit; then operations; see `fuzzing::pair`.
const PAIRS: &[(&str, &[u8])] = &[
    (
        "strict",
        &[
            0, 255, 0, 255, 0, 3, 255, 3, 255, 3, 255, 3, 255, 6, 2, 9, 9, 0, 255, 8, 9, 3, 3, 39,
        ],
    ),
    (
        "ahead",
        &[
            0, 0, 3, 0, 3, 3, 39, 3, 39, 3, 39, 3, 39, 3, 39, 6, 1, 255, 6, 0, 6, 1, 1, 0, 99, 0,
            255, 9, 3,
        ],
    ),
    (
        "inclusive",
        &[
            2, 0, 1, 0, 3, 39, 3, 39, 3, 39, 3, 39, 11, 1, 0, 6, 2, 1, 2, 0, 255,
        ],
    ),
    (
        "inclusive-null",
        &[2, 0, 1, 0, 9, 1, 3, 39, 3, 39, 3, 39, 3, 39, 11, 1, 0],
    ),
    (
        "keep-alives",
        &[
            9, 0, 1, 64, 1, 3, 39, 3, 39, 3, 39, 3, 39, 3, 39, 11, 80, 0, 0, 8, 9, 3, 3, 39, 11,
            80, 0, 0, 8, 9, 3,
        ],
    ),
    (
        "probes",
        &[
            4, 0, 1, 64, 1, 3, 39, 3, 39, 3, 39, 11, 255, 0, 9, 3, 3, 39, 6, 1, 7,
        ],
    ),
    (
        "cut",
        &[
            0, 0, 1, 64, 1, 3, 39, 3, 39, 3, 39, 3, 39, 6, 3, 9, 9, 9, 0, 20, 255,
        ],
    ),
    (
        "mutated",
        &[
            0, 0, 1, 64, 1, 3, 39, 3, 39, 3, 39, 3, 39, 6, 3, 9, 9, 9, 240, 0, 7, 9, 0, 99, 9, 1,
            3, 39,
        ],
    ),
    (
        "mutated-request",
        &[
            0, 0, 1, 64, 1, 240, 1, 3, 0, 3, 39, 3, 39, 3, 39, 3, 39, 6, 1, 1, 0, 99,
        ],
    ),
];
