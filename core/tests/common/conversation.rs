//! Random streams with every quirk and fault, truncated anywhere.

use super::{bundle, error_body, extended, message, record, request, with_length};
use proptest::collection::vec;
use proptest::prelude::*;

/// Everything that a peer may send, in any order, truncated anywhere.
pub fn conversation() -> impl Strategy<Value = Vec<u8>> {
    let tail = prop_oneof![
        6 => Just(Vec::new()),
        1 => vec(any::<u8>(), 1..40),
    ];
    (
        vec(top_level(), 0..8),
        tail,
        any::<prop::sample::Index>(),
        0..4,
    )
        .prop_map(|(parts, tail, cut, cuts)| {
            let mut stream = parts.concat();
            stream.extend(tail);
            if cuts == 0 {
                stream.truncate(cut.index(stream.len() + 1));
            }
            stream
        })
}

fn top_level() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (0..4_u32, vec(nested(), 0..6), stray()).prop_map(|(sequence, parts, stray)| {
            bundle(sequence, &[parts.concat(), stray].concat())
        }),
        2 => (numbers(), body()).prop_map(|(number, body)| message(1, number, &body)),
        2 => (3..5_u16, event()).prop_map(|(number, body)| message(1, number, &body)),
        1 => (any::<u32>(), any::<u32>(), text(), 0..2_usize)
            .prop_map(|(from, flags, block, nul)| {
                request(from, flags, &[&block, &[0][..nul]].concat())
            }),
        1 => Just(message(1, 0, b"")),
        1 => error().prop_map(|body| message(1, 1, &body)),
    ]
}

fn nested() -> impl Strategy<Value = Vec<u8>> {
    let version = prop_oneof![4 => Just(0), 2 => Just(1), 1 => any::<u16>()];
    let body = prop_oneof![
        8 => (3..5_u16, event()),
        2 => (numbers(), body()),
        1 => (Just(0), Just(Vec::new())),
    ];
    prop_oneof![
        30 => (version, body).prop_map(|(version, (number, body))| message(version, number, &body)),
        // Rare, because it ends the session.
        1 => error().prop_map(|body| message(0, 1, &body)),
    ]
}

/// Bytes at the end of a bundle.
fn stray() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => Just(Vec::new()),
        1 => vec(any::<u8>(), 1..8),
        1 => (1..1000_u32, body()).prop_map(|(more, body)| {
            with_length(0, 4, body.len() as u32 + more, &body)
        }),
    ]
}

/// A record with a known or an unknown relation between its lengths.
fn event() -> impl Strategy<Value = Vec<u8>> {
    let word = (any::<bool>(), prop_oneof![3 => Just(0), 1 => any::<u32>()]);
    prop_oneof![
        4 => text().prop_map(|data| extended(&data)),
        2 => (time(), json(), prop::sample::select(vec![0, 8, 16]))
            .prop_map(|(time, data, spare)| {
                let rest = [time, data].concat();
                record(71, rest.len() as u32 + 8 - spare.min(rest.len() as u32 + 8), &rest)
            }),
        2 => (word, text(), 0..30_u32).prop_map(|((flag, word), rest, off)| {
            let record_length = (rest.len() as u32 + 8).saturating_sub(off);
            record(u32::from(flag) << 31 | word >> 1, record_length, &rest)
        }),
        1 => vec(any::<u8>(), 0..8),
    ]
}

/// Archival timestamp and reserved word, or neither.
fn time() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        2 => any::<u32>().prop_map(|time| [time.to_be_bytes(), [0; 4]].concat()),
        1 => vec(any::<u8>(), 8),
        1 => Just(Vec::new()),
    ]
}

/// Data that begins as JSON, possibly after white space.
fn json() -> impl Strategy<Value = Vec<u8>> {
    (
        vec(prop::sample::select(b" \r\n\0".to_vec()), 0..50),
        text(),
    )
        .prop_map(|(blanks, text)| [blanks, b"{".to_vec(), text].concat())
}

fn error() -> impl Strategy<Value = Vec<u8>> {
    (any::<i32>(), 0..200_u16, text(), any::<bool>()).prop_map(|(code, length, mut text, nul)| {
        if nul {
            text.push(0);
        }
        let length = if length < 100 {
            text.len() as u16
        } else {
            length
        };
        error_body(code, length, &text)
    })
}

fn numbers() -> impl Strategy<Value = u16> {
    prop_oneof![
        4 => prop::sample::select(vec![0, 2, 3, 4, 5, 6, 7, 2049, 2051, 4002]),
        1 => any::<u16>(),
    ]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![2 => vec(any::<u8>(), 0..24), 1 => text()]
}

/// Often larger than a small window.
fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => vec(b'a'..=b'z', 0..30),
        2 => vec(b'a'..=b'z', 30..120),
        1 => vec(b'a'..=b'z', 120..600),
    ]
}
