//! Parses the JSON block of a request, and builds requests.

use crate::decode::{Frame, Kind};
use crate::fqe::{self, EventKind, ParsedRequest, Request, RequestError, RequestForm, Transform};
use crate::quirk::{Quirk, Quirks};
use crate::session::{Instant, ServerConfig, ServerSession};
use crate::wire::{EventStreamRequest, InitialTimestamp, RequestFlags};
use core::str;
use std::string::ToString;
use std::{vec, vec::Vec};

/// Parses a block in every form: alone, in white space, and through a server with
/// every [`RequestForm`]. Then builds a request from its words.
pub fn request(data: &[u8]) {
    match fqe::parse(data) {
        Ok(parsed) => accepted(data, &parsed),
        Err(error) => {
            assert!(error.code() > 0);
            assert!(!error.to_string().is_empty());
        }
    }
    let words: Vec<&str> = data
        .split(|&byte| byte == b'"')
        .filter_map(|word| str::from_utf8(word).ok())
        .take(12)
        .collect();
    built(&words);
}

fn accepted(block: &[u8], parsed: &ParsedRequest<'_>) {
    assert!(EventKind::ALL.into_iter().any(|kind| parsed.has(kind)));
    let spaced = [b" \n", block, b"\t\r"].concat();
    assert_eq!(
        fqe::parse(&spaced),
        Ok(*parsed),
        "white space does not matter"
    );
    for cut in 0..block.trim_ascii_end().len() {
        assert!(fqe::parse(&block[..cut]).is_err(), "cut after {cut} bytes");
        if block.len() > 512 {
            // One cut is enough for a long block.
            break;
        }
    }
    // The server sees the same block in every form.
    for form in RequestForm::ALL {
        served(block, parsed, form.quirks());
    }
}

fn served(block: &[u8], parsed: &ParsedRequest<'_>, quirks: Quirks) {
    let request = EventStreamRequest {
        from: InitialTimestamp(7),
        flags: RequestFlags::EXTENDED_HEADER,
        block,
    };
    let mut buffer = vec![0; block.len() + 32];
    let message = fqe::emit(&request, quirks, &mut buffer).expect("there is room");
    // Room for the length in the header, which may count 8 bytes more.
    let window = (message.len() + 8).max(64);
    let config = ServerConfig::default();
    let mut server = ServerSession::new(window, config, Instant(0)).expect("at least 64");
    let mut step = server.step(message, Instant(0)).expect("a valid stream");
    if step.frame.is_none() {
        assert!(
            quirks.has(Quirk::RequestInclusive),
            "the request is complete"
        );
        let due = server
            .poll_timeout()
            .expect("it waits for the last 8 bytes");
        server.handle_timeout(due).expect("the session continues");
        step = server.step(message, due).expect("a valid stream");
    }
    let Some(Frame::Message { head, body }) = step.frame else {
        panic!("{quirks:?}: no request but {step:?}");
    };
    let Kind::Request { from, flags } = head.kind else {
        panic!("{head:?} is no request");
    };
    assert_eq!(step.consumed, message.len());
    let seen = EventStreamRequest {
        from,
        flags,
        block: body.of(message),
    };
    assert_eq!(seen.parse_json(), Ok(*parsed), "{quirks:?}");
}

/// The parser accepts what the builder writes. The builder writes nothing if it
/// refuses a request.
fn built(words: &[&str]) {
    let [transform, names @ ..] = words else {
        return;
    };
    let mut request =
        Request::new(InitialTimestamp::NOW).transform(Transform::from_name(transform));
    let lists: Vec<&[&str]> = names.chunks(3).collect();
    for (kind, fields) in EventKind::ALL.into_iter().zip(&lists) {
        request = request.event(kind, fields);
    }
    let mut out = vec![0; 4096 + 2 * words.iter().map(|word| word.len()).sum::<usize>()];
    match (request.check(), request.emit_json(&mut out)) {
        (Ok(()), Ok(length)) => {
            let parsed = match fqe::parse(&out[..length]) {
                // An event type whose only field is the name of the set has none.
                Err(RequestError::NoFields(_)) => return,
                parsed => parsed.expect("a built request parses"),
            };
            assert_eq!(parsed.transform.name(), *transform);
            let kinds = EventKind::ALL.into_iter().enumerate();
            for (index, kind) in kinds {
                assert_eq!(parsed.has(kind), index < lists.len());
            }
            let short = request.emit_json(&mut out[..length - 1]);
            assert!(matches!(short, Err(RequestError::Resource(_))), "exact");
        }
        (Err(refused), Err(again)) => assert_eq!(refused, again),
        (check, emit) => panic!("{check:?} is not {emit:?}"),
    }
}
