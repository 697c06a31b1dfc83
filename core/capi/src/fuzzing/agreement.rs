//! Two clients on one stream: the C session and the blocking client in Rust.

use core::convert::Infallible;
use core::{ptr, slice};
use std::vec::Vec;
use std::{mem, vec};

use embedded_io::{ErrorType, Read, Write};
use estreamer_core::decode::{Frame, Head, Kind, Limits, Oversize};
use estreamer_core::fqe::Request;
use estreamer_core::fuzzing::Choices;
use estreamer_core::io::{Client, IoError};
use estreamer_core::session::{ClientConfig, Instant};
use estreamer_core::wire::InitialTimestamp;

use crate::est_status::*;
use crate::*;

/// Sends one stream to both clients, in different chunks. Asserts that they return the same
/// records, count the same, end alike, and send the same bytes.
///
/// The first five bytes choose the window, the chunks of each client, the limit of a record,
/// how a large record is returned, and how many nulls are prepaid. The rest is the stream.
///
/// # Panics
/// If the clients differ.
pub fn agreement(data: &[u8]) {
    let mut choices = Choices::new(data);
    let mut settings = Settings {
        window: 200 + choices.size(),
        chunks: [1 + choices.size(), 1 + choices.size()],
        record_limit: match choices.byte() {
            0 => Limits::DEFAULT.record,
            small => 16 * u32::from(small),
        },
        pieces: false,
        prepaid: 0,
    };
    let last = choices.byte();
    (settings.pieces, settings.prepaid) = (last % 2 == 1, u32::from(last >> 1 & 3));
    let stream = choices.rest();
    let rust = blocking(settings, stream);
    let c = session(settings, stream);
    assert_eq!(rust.records, c.records, "{settings:?}");
    assert_eq!(
        (rust.status, rust.counts),
        (c.status, c.counts),
        "{settings:?}"
    );
    // A session that ends at a wrong message owes acknowledgements that depend on the chunks.
    if matches!(rust.status, EST_PEER_CLOSED | EST_REFUSED) {
        assert_eq!(rust.sent, c.sent, "{settings:?}");
    }
    assert!(rust.sent.starts_with(&c.sent) || c.sent.starts_with(&rust.sent));
}

#[derive(Debug, Clone, Copy)]
struct Settings {
    window: usize,
    chunks: [usize; 2],
    record_limit: u32,
    pieces: bool,
    prepaid: u32,
}

/// What a client made of a stream.
struct Outcome {
    records: Vec<Record>,
    status: est_status,
    /// Bytes, records, bundles.
    counts: [u64; 3],
    sent: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    kind: est_kind,
    record_type: u16,
    netmap: u16,
    archival: u32,
    length: u32,
    data: Vec<u8>,
}

/// A connection whose server has sent everything already.
struct Wire<'a> {
    stream: &'a [u8],
    chunk: usize,
    sent: Vec<u8>,
}

impl ErrorType for Wire<'_> {
    type Error = Infallible;
}

impl Read for Wire<'_> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, Infallible> {
        let count = self.chunk.min(out.len()).min(self.stream.len());
        let (now, later) = self.stream.split_at(count);
        out[..count].copy_from_slice(now);
        self.stream = later;
        Ok(count)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.sent.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

const JSON: &str = "{\"Events\":{\"FileEvent\":{\"Fields\":[\"FileName\"]}},\
    \"OutputFormat\":{\"Transform\":\"Text\",\"TransformConfig\":\"JSON\"}}";

fn blocking(settings: Settings, stream: &[u8]) -> Outcome {
    let mut config = ClientConfig::default();
    config.limits.record = settings.record_limit;
    config.oversize = match settings.pieces {
        true => Oversize::Pieces,
        false => Oversize::Skip,
    };
    (config.ahead, config.probe_after, config.dead_after) = (0, 0, 0);
    config.prepaid = settings.prepaid;
    let mut wire = Wire {
        stream,
        chunk: settings.chunks[0],
        sent: Vec::new(),
    };
    let request = Request::from_json(InitialTimestamp::OLDEST, JSON.as_bytes());
    let request = request.expect("a valid request");
    let mut window = vec![0; settings.window];
    let mut records = Vec::new();
    let (status, counts);
    {
        let client = Client::start_with(&mut wire, &request, &mut window, config, Instant(0));
        let mut client = client.expect("the request fits");
        let mut piece: Option<Record> = None;
        status = loop {
            let received = match client.next(Instant(0)) {
                Ok(received) => received,
                Err(IoError::Ended(end)) => break of_end(end),
                Err(_) => unreachable!("the wire does not fail"),
            };
            match received.frame {
                Frame::Message { head, .. } => {
                    let data = received.bytes.to_vec();
                    records.extend(record(&head, data.len() as u32, data));
                }
                Frame::Skipped { head, length } => {
                    let skipped = record(&head, length, Vec::new());
                    let kind = est_kind::EST_SKIPPED;
                    records.extend(skipped.map(|record| Record { kind, ..record }));
                }
                Frame::Begin { head, length } => piece = record(&head, length, Vec::new()),
                Frame::Chunk { .. } => {
                    if let Some(piece) = &mut piece {
                        piece.data.extend_from_slice(received.bytes);
                    }
                }
                Frame::End => records.extend(piece.take()),
                _ => {}
            }
            client.delivered();
        };
        let session = client.session();
        let statistics = session.statistics();
        counts = [statistics.bytes, statistics.events, session.received()];
        // A record that was cut off is returned in part by both.
        records.extend(piece.filter(|piece| !piece.data.is_empty()));
    }
    let sent = mem::take(&mut wire.sent);
    Outcome {
        records,
        status,
        counts,
        sent,
    }
}

fn record(head: &Head, length: u32, data: Vec<u8>) -> Option<Record> {
    let (kind, record) = match head.kind {
        Kind::Event { record, .. } => (est_kind::EST_EVENT, Some(record)),
        Kind::Malformed(_) => (est_kind::EST_MALFORMED, None),
        _ => return None,
    };
    Some(Record {
        kind,
        record_type: record.map_or(0, |record| record.record_type.0),
        netmap: record.map_or(0, |record| record.netmap),
        archival: record.and_then(|record| record.archival()).unwrap_or(0),
        length,
        data,
    })
}

fn session(settings: Settings, stream: &[u8]) -> Outcome {
    let config = est_config {
        window: settings.window,
        ahead: 0,
        probe_after: 0,
        dead_after: 0,
        record_limit: settings.record_limit,
        pieces: settings.pieces.into(),
        prepaid: settings.prepaid,
        ..est_config::default()
    };
    let mut memory = vec![0_u8; EST_SESSION_STATE + config.window + config.output];
    let (place, size) = (memory.as_mut_ptr().cast(), memory.len());
    let mut session = ptr::null_mut();
    // SAFETY: config, memory and session live until the session is freed below.
    let made = unsafe { est_session_new(&config, place, size, 0, &mut session) };
    assert_eq!(made, EST_OK);
    let mut wire = Wire {
        stream,
        chunk: settings.chunks[1],
        sent: Vec::new(),
    };
    let mut records: Vec<Record> = Vec::new();
    let json = [JSON.as_bytes(), &[0]].concat();
    let mut counted = est_statistics::default();
    // SAFETY: the session is live, the text ends with a NUL, and every pointer is valid
    // during its call.
    let status = unsafe {
        assert_eq!(
            est_request(session, EST_FROM_OLDEST, 0, json.as_ptr().cast()),
            EST_OK
        );
        let status = loop {
            match next(session, &mut records) {
                EST_OK => {
                    est_ack(session);
                }
                EST_AGAIN => {
                    transmit(session, &mut wire);
                    receive(session, &mut wire);
                }
                status => break status,
            }
        };
        assert_eq!(est_session_statistics(session, &mut counted), EST_OK);
        est_session_free(&mut session);
        status
    };
    Outcome {
        records,
        status,
        counts: [counted.bytes, counted.records, counted.bundles],
        sent: mem::take(&mut wire.sent),
    }
}

/// Takes the next record. A piece is added to the record before it.
///
/// # Safety
/// The session is live.
unsafe fn next(session: *mut est_session, records: &mut Vec<Record>) -> est_status {
    let mut event = est_event {
        data: ptr::null(),
        data_length: 0,
        length: 0,
        offset: 0,
        archival: 0,
        record_type: 0,
        netmap: 0,
        kind: est_kind::EST_EVENT,
    };
    // SAFETY: the session is live; the data has `data_length` bytes.
    let (status, data) = unsafe {
        let status = est_next(session, 0, &mut event);
        let data = match event.data.is_null() {
            true => &[][..],
            false => slice::from_raw_parts(event.data, event.data_length),
        };
        (status, data)
    };
    match (status, records.last_mut()) {
        (EST_OK, Some(record)) if event.offset > 0 => record.data.extend_from_slice(data),
        (EST_OK, _) => records.push(Record {
            kind: event.kind,
            record_type: event.record_type,
            netmap: event.netmap,
            archival: event.archival,
            length: event.length,
            data: data.to_vec(),
        }),
        _ => {}
    }
    status
}

/// Sends what there is to send.
///
/// # Safety
/// The session is live.
unsafe fn transmit(session: *mut est_session, wire: &mut Wire<'_>) {
    let (mut data, mut length) = (ptr::null(), 0);
    loop {
        // SAFETY: the session is live; the output has `length` bytes.
        unsafe {
            assert_eq!(est_output(session, 0, &mut data, &mut length), EST_OK);
            if length == 0 {
                return;
            }
            wire.sent
                .extend_from_slice(slice::from_raw_parts(data, length));
            assert_eq!(est_sent(session, length), EST_OK);
        }
    }
}

/// Receives a chunk, or the end of the stream.
///
/// # Safety
/// The session is live.
unsafe fn receive(session: *mut est_session, wire: &mut Wire<'_>) {
    let (mut room, mut length) = (ptr::null_mut(), 0);
    // SAFETY: the session is live; the room has `length` bytes.
    unsafe {
        assert_eq!(est_buffer(session, &mut room, &mut length), EST_OK);
        let room = slice::from_raw_parts_mut(room, length);
        let Ok(count) = wire.read(room);
        match count {
            0 => est_eof(session),
            count => est_commit(session, count),
        };
    }
}
