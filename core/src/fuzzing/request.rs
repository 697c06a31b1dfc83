//! A request's JSON block, judged.

use crate::decode::{Frame, Kind};
use crate::fqe::{self, Asked, EventKind, Request, RequestError, RequestForm, Transform};
use crate::quirk::{Quirk, Quirks};
use crate::session::{Instant, ServerConfig, ServerSession};
use crate::wire::{EventStreamRequest, InitialTimestamp, RequestFlags};
use core::str;
use std::string::ToString;
use std::{vec, vec::Vec};

/// Judges a block in every dress it may come in: alone, in white space, with its
/// NUL, through a server with the length the guide can be read to ask for. Then
/// builds a request out of its words.
pub fn request(data: &[u8]) {
    let judged = fqe::check(data);
    match judged {
        Ok(asked) => {
            accepted(data, &asked);
        }
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

fn accepted(block: &[u8], asked: &Asked<'_>) {
    assert!(EventKind::ALL.into_iter().any(|kind| asked.has(kind)));
    let spaced = [b" \n", block, b"\t\r"].concat();
    assert_eq!(fqe::check(&spaced), Ok(*asked), "white space says nothing");
    for cut in 0..block.trim_ascii_end().len() {
        assert!(fqe::check(&block[..cut]).is_err(), "cut after {cut} bytes");
        if block.len() > 512 {
            // A few will do.
            break;
        }
    }
    // Whatever dress it comes in, the server sees the same block.
    for form in RequestForm::ALL {
        served(block, asked, form.quirks());
    }
}

fn served(block: &[u8], asked: &Asked<'_>, quirks: Quirks) {
    let request = EventStreamRequest {
        from: InitialTimestamp(7),
        flags: RequestFlags::EXTENDED_HEADER,
        block,
    };
    let mut buffer = vec![0; block.len() + 32];
    let message = fqe::emit(&request, quirks, &mut buffer).expect("there is room");
    let config = ServerConfig {
        // As much as the message says it has.
        window: (message.len() + 8).max(64),
        ..ServerConfig::default()
    };
    let mut server = ServerSession::new(config, Instant(0)).expect("at least 64");
    let mut step = server.step(message, Instant(0)).expect("in step");
    if step.frame.is_none() {
        assert!(quirks.has(Quirk::RequestInclusive), "all of it is there");
        let due = server
            .poll_timeout()
            .expect("it waits for what never comes");
        server.handle_timeout(due).expect("it stands");
        step = server.step(message, due).expect("in step");
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
    assert_eq!(seen.check(), Ok(*asked), "{quirks:?}");
}

/// What the builder writes, the check reads; what it refuses, it writes nothing of.
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
            let asked = match fqe::check(&out[..length]) {
                // A kind whose only field is the set's own name asks for nothing.
                Err(RequestError::NoFields(_)) => return,
                judged => judged.expect("what was built is read"),
            };
            assert_eq!(asked.transform.name(), *transform);
            let kinds = EventKind::ALL.into_iter().enumerate();
            for (index, kind) in kinds {
                assert_eq!(asked.has(kind), index < lists.len());
            }
            let short = request.emit_json(&mut out[..length - 1]);
            assert!(matches!(short, Err(RequestError::Resource(_))), "exact");
        }
        (Err(refused), Err(again)) => assert_eq!(refused, again),
        (check, emit) => panic!("{check:?} is not {emit:?}"),
    }
}
