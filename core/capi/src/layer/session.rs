//! A client's session, with its memory: bytes in, records out, bytes to send out.

// What each function asks of its caller are the header's rules for pointers.
#![allow(clippy::missing_safety_doc)]

use core::ffi::{c_char, c_void};
use core::mem::{align_of, size_of};
use core::ptr;

use estreamer_core::decode::{Frame, Head, Kind, Limits, Oversize};
use estreamer_core::session::{ClientConfig, ClientSession, End, Instant};
use estreamer_core::wire::{Lossy, trim_nul};

use super::est_status::{self, *};
use super::memory::{Memory, Region};
use super::request::{Mistake, Request};
use super::types::*;
use super::{Detail, Handle, of_end, pointer, text};

/// Bytes of a session beside its window and its output, at most.
pub const EST_SESSION_STATE: usize = 1024;

/// One connection's protocol, without I/O.
pub struct est_session(Handle<Session>);

struct Session {
    protocol: ClientSession,
    window: Region,
    /// Unread bytes of the window.
    start: usize,
    end: usize,
    output: Region,
    /// Bytes of the output that are gone, and that are there.
    sent: usize,
    queued: usize,
    asked: bool,
    /// Nothing was handed out since the last acknowledgement.
    acknowledged: bool,
    /// The record that comes in pieces: the next piece of it.
    piece: Option<est_event>,
    malformed: u64,
    skipped: u64,
    detail: Detail,
    memory: Memory,
}

// With the slack to align it in any memory.
const _: () = assert!(size_of::<est_session>() + align_of::<est_session>() <= EST_SESSION_STATE);

/// Makes a session on a connection whose TLS handshake is complete, in `memory`
/// of EST_SESSION_MEMORY(window, output) bytes, which must live as long, or,
/// where that is NULL and `size` 0, in memory allocated once. `config` NULL
/// means EST_CONFIG_DEFAULT. Nothing else is ever allocated.
///
/// A session that is never asked for bytes to send is a decoder for recorded
/// streams.
///
/// EST_INVALID: a setting is out of its range. EST_NO_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_session_new(
    config: *const est_config,
    memory: *mut c_void,
    size: usize,
    now: u64,
    session: *mut *mut est_session,
) -> est_status {
    if session.is_null() || (memory.is_null() && size > 0) {
        return EST_NULL;
    }
    // SAFETY: the caller's contract.
    let config = unsafe { pointer(config) }.copied().unwrap_or_default();
    let protocol = match protocol(&config, Instant(now)) {
        Ok(protocol) => protocol,
        Err(status) => return status,
    };
    let Some(needed) = EST_SESSION_STATE
        .checked_add(config.window)
        .and_then(|bytes| bytes.checked_add(config.output))
    else {
        return EST_NO_MEMORY;
    };
    // SAFETY: the caller's contract.
    let Some(memory) = (unsafe { Memory::of(memory.cast(), size, needed) }) else {
        return EST_NO_MEMORY;
    };
    let (place, window, output) = memory.lay_out::<est_session>(config.window, config.output);
    let made = est_session(Handle::new(Session {
        protocol,
        window,
        start: 0,
        end: 0,
        output,
        sent: 0,
        queued: 0,
        asked: false,
        acknowledged: true,
        piece: None,
        malformed: 0,
        skipped: 0,
        detail: Detail::new(),
        memory,
    }));
    // SAFETY: the place is aligned and large enough, and the output is the
    // caller's.
    unsafe {
        place.write(made);
        session.write(place);
    }
    EST_OK
}

fn protocol(config: &est_config, now: Instant) -> Result<ClientSession, est_status> {
    let fits = config.output >= 128 && config.pieces <= 1 && config.reserved == [0; 5];
    if !fits {
        return Err(EST_INVALID);
    }
    let config = ClientConfig {
        window: config.window,
        limits: Limits {
            record: config.record_limit,
            ..Limits::DEFAULT
        },
        oversize: match config.pieces {
            0 => Oversize::Skip,
            _ => Oversize::Pieces,
        },
        ahead: config.ahead,
        probe_after: config.probe_after,
        dead_after: config.dead_after,
        ..ClientConfig::default()
    };
    ClientSession::new(config, now).map_err(|_| EST_INVALID)
}

/// Frees a session and clears the pointer. Memory that was given stays its
/// owner's. A pointer that is cleared already does no harm.
///
/// EST_BUSY: nothing is freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_session_free(session: *mut *mut est_session) -> est_status {
    // SAFETY: the caller's contract.
    let Ok(place) = (unsafe { pointer(session) }) else {
        return EST_NULL;
    };
    // SAFETY: the caller's contract.
    if let Ok(found) = unsafe { pointer(*place) } {
        if let Err(status) = found.0.retire() {
            return status;
        }
        // SAFETY: the lock is taken for good, so nobody looks at the value, and
        // nobody will at its memory. The pointer is the caller's.
        unsafe {
            let memory = (*found.0.value()).memory;
            session.write(ptr::null_mut());
            memory.free();
        }
    }
    EST_OK
}

/// What exactly was wrong in the last call that failed, in words; empty if none
/// did. Never NULL; valid until the next call with this handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_session_detail(session: *const est_session) -> *const c_char {
    // SAFETY: the caller's contract.
    match unsafe { pointer(session) } {
        Err(_) => c"".as_ptr(),
        Ok(session) if session.0.is_poisoned() => EST_POISONED.text().as_ptr(),
        // SAFETY: the address alone is computed.
        Ok(session) => unsafe { (*session.0.value()).detail.as_ptr() },
    }
}

/// Runs a call on a session.
///
/// # Safety
/// The pointer is null or a live session.
#[inline]
unsafe fn enter(
    session: *const est_session,
    call: impl FnOnce(&mut Session) -> est_status,
) -> est_status {
    // SAFETY: the caller's contract.
    match unsafe { pointer(session) } {
        Ok(session) => session.0.enter(call),
        Err(status) => status,
    }
}

/// Asks for events from the second `from` on (EST_FROM_OLDEST, EST_FROM_NOW, or
/// UNIX seconds): `events` by their bits with the guide's fields, or, with
/// `events` 0, whatever the JSON block `json` says, in the form of the guide's
/// json_request.json. The request is then the first thing to send. Once for each
/// session.
///
/// EST_REQUEST: the detail says what to change. EST_STATE: asked already.
/// EST_NO_MEMORY: `output` in est_config is too small; the detail says how much
/// is needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_request(
    session: *mut est_session,
    from: u32,
    events: u32,
    json: *const c_char,
) -> est_status {
    // SAFETY: the caller's contract.
    let json = match unsafe { text(json) } {
        // Without a block there are the events alone.
        Err(_) => Some(None),
        Ok(json) => json.map(Some),
    };
    // SAFETY: the caller's contract.
    unsafe {
        enter(session, |session| match json {
            _ if session.asked => session.fail(EST_STATE, "this session has asked already"),
            Some(json) => session.request(&Request { from, events, json }),
            None => session.fail(EST_REQUEST, "the JSON block is not UTF-8"),
        })
    }
}

/// Gives room to read into: `*room` has space for `*length` bytes, at least one.
/// Tell with est_commit() how many came. The room is valid until then.
///
/// EST_FULL: take events out with est_next() first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_buffer(
    session: *mut est_session,
    room: *mut *mut u8,
    length: *mut usize,
) -> est_status {
    if room.is_null() || length.is_null() {
        return EST_NULL;
    }
    // SAFETY: the caller's contract.
    unsafe {
        enter(session, |session| {
            let (start, count) = match session.room() {
                Ok(found) => found,
                Err(status) => return status,
            };
            room.write(start);
            length.write(count);
            EST_OK
        })
    }
}

/// Takes in the first `length` bytes of the room, where they are.
///
/// EST_INVALID: more than the room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_commit(session: *mut est_session, length: usize) -> est_status {
    // SAFETY: the caller's contract.
    unsafe {
        enter(session, |session| {
            if let Some(end) = session.protocol.end() {
                return session.ended(end);
            }
            if length > session.window.length() - session.end {
                return session.fail(EST_INVALID, "more bytes than est_buffer() gave room for");
            }
            session.end += length;
            EST_OK
        })
    }
}

/// Says that the server has closed the connection, and returns why that is, such
/// as EST_PEER_CLOSED. Take events out before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_eof(session: *mut est_session) -> est_status {
    // SAFETY: the caller's contract.
    unsafe {
        enter(session, |session| {
            let end = session.protocol.handle_eof();
            session.ended(end)
        })
    }
}

/// Takes out the next record. EST_AGAIN: there is none; send what there is to
/// send, then bring more bytes. Any other status says why the session ended.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_next(
    session: *mut est_session,
    now: u64,
    event: *mut est_event,
) -> est_status {
    if event.is_null() {
        return EST_NULL;
    }
    // SAFETY: the caller's contract.
    unsafe { enter(session, |session| session.next(Instant(now), event)) }
}

/// Says that everything taken out so far is where it belongs. Once for many
/// events is as good as once for each; without it the server soon stops sending.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_ack(session: *mut est_session) -> est_status {
    // SAFETY: the caller's contract.
    unsafe {
        enter(session, |session| {
            if let Some(end) = session.protocol.end() {
                return session.ended(end);
            }
            session.acknowledge();
            EST_OK
        })
    }
}

/// Gives what there is to send: `*length` bytes at `*data`, 0 if nothing is left.
/// They stay there until est_sent() says how many of them are gone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_output(
    session: *mut est_session,
    now: u64,
    data: *mut *const u8,
    length: *mut usize,
) -> est_status {
    if data.is_null() || length.is_null() {
        return EST_NULL;
    }
    // SAFETY: the caller's contract.
    unsafe {
        enter(session, |session| {
            let output = session.output(Instant(now));
            data.write(output.as_ptr());
            length.write(output.len());
            EST_OK
        })
    }
}

/// Says that `length` bytes of the output were sent.
///
/// EST_INVALID: more than there were.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_sent(session: *mut est_session, length: usize) -> est_status {
    // SAFETY: the caller's contract.
    unsafe {
        enter(session, |session| {
            if length > session.queued - session.sent {
                return session.fail(EST_INVALID, "more bytes than est_output() gave");
            }
            session.sent += length;
            EST_OK
        })
    }
}

/// Gives the time when est_timeout() is to be called, EST_FOREVER if never.
/// Every other call may move it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_deadline(session: *mut est_session, when: *mut u64) -> est_status {
    if when.is_null() {
        return EST_NULL;
    }
    // SAFETY: the caller's contract.
    unsafe {
        enter(session, |session| {
            let due = session.protocol.poll_timeout();
            when.write(due.map_or(EST_FOREVER, |due| due.0));
            EST_OK
        })
    }
}

/// Says that the deadline has come: a silent server is probed, and at last given
/// up with EST_SILENT. Too early does no harm.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_timeout(session: *mut est_session, now: u64) -> est_status {
    // SAFETY: the caller's contract.
    unsafe {
        enter(session, |session| {
            match session.protocol.handle_timeout(Instant(now)) {
                Ok(()) => EST_OK,
                Err(end) => session.ended(end),
            }
        })
    }
}

/// Ends the session and puts a message that tells the server why into the
/// output. Send that, then close the connection. A session that has ended
/// already stays as it is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_close(session: *mut est_session, reason: *const c_char) -> est_status {
    // SAFETY: the caller's contract.
    let reason = match unsafe { text(reason) } {
        Err(status) => return status,
        Ok(reason) => reason.unwrap_or("the client closes"),
    };
    // SAFETY: the caller's contract.
    unsafe {
        enter(session, |session| {
            session.close(reason);
            EST_OK
        })
    }
}

/// Fills in what was counted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_session_statistics(
    session: *mut est_session,
    statistics: *mut est_statistics,
) -> est_status {
    if statistics.is_null() {
        return EST_NULL;
    }
    // SAFETY: the caller's contract.
    unsafe {
        enter(session, |session| {
            statistics.write(session.statistics());
            EST_OK
        })
    }
}

impl Session {
    /// Keeps what was wrong, for a person.
    fn fail(&mut self, status: est_status, detail: impl core::fmt::Display) -> est_status {
        self.detail.set(detail);
        status
    }

    /// What to say of a session that has ended. The text of the server's error
    /// message is there since it came.
    fn ended(&mut self, end: End) -> est_status {
        match end {
            End::PeerError { .. } => EST_PEER_ERROR,
            end => self.fail(of_end(end), end),
        }
    }

    fn request(&mut self, request: &Request<'_>) -> est_status {
        let room = self.output.filled(self.queued..self.output.length());
        match request.emit(room) {
            Ok(length) => {
                self.queued += length;
                self.asked = true;
                EST_OK
            }
            Err(mistake @ Mistake::Arguments) => self.fail(EST_INVALID, mistake),
            Err(mistake @ Mistake::TooLarge(_)) => self.fail(EST_NO_MEMORY, mistake),
            Err(mistake @ Mistake::Request(_)) => self.fail(EST_REQUEST, mistake),
        }
    }

    /// The free end of the window, with what is unread moved to its front.
    fn room(&mut self) -> Result<(*mut u8, usize), est_status> {
        if let Some(end) = self.protocol.end() {
            return Err(self.ended(end));
        }
        if self.start > 0 {
            self.window.move_to_front(self.start..self.end);
            (self.start, self.end) = (0, self.end - self.start);
        }
        match self.window.length() - self.end {
            0 => Err(self.fail(EST_FULL, "take events out with est_next() first")),
            room => Ok((self.window.at(self.end), room)),
        }
    }

    /// # Safety
    /// The event can be written.
    unsafe fn next(&mut self, now: Instant, event: *mut est_event) -> est_status {
        // Time spent by the application is no silence of the server's.
        self.protocol.set_reading(true, now);
        loop {
            let unread = self.window.filled(self.start..self.end);
            let step = match self.protocol.step(unread, now) {
                Ok(step) => step,
                Err(end) => return self.ended(end),
            };
            let from = self.start;
            self.start += step.consumed;
            match &step.frame {
                None if step.consumed == 0 => return EST_AGAIN,
                None => {}
                Some(frame) => {
                    if let Some(found) = self.look(frame, from) {
                        self.protocol.set_reading(false, now);
                        self.acknowledged = false;
                        // SAFETY: the caller's contract.
                        unsafe { event.write(found) };
                        return EST_OK;
                    }
                }
            }
        }
    }

    /// The record in a frame whose input began at `from`, if there is one.
    #[inline]
    fn look(&mut self, frame: &Frame, from: usize) -> Option<est_event> {
        let (head, length, span) = match frame {
            Frame::Message { head, body } => (head, body.len, Some(body)),
            Frame::Skipped { head, length } => (head, *length as usize, None),
            _ => return self.look_again(frame, from),
        };
        let Some(mut event) = event(head, length) else {
            self.keep_error(
                head,
                span.map(|span| span.of(self.window.filled(from..self.end))),
            );
            return None;
        };
        match span {
            Some(span) => {
                event.data = self.window.at(from + span.start);
                event.data_length = span.len;
            }
            None => {
                event.kind = est_kind::EST_SKIPPED;
                self.skipped += 1;
            }
        }
        self.malformed += u64::from(event.kind == est_kind::EST_MALFORMED);
        Some(event)
    }

    /// The frames that are no whole message.
    fn look_again(&mut self, frame: &Frame, from: usize) -> Option<est_event> {
        match frame {
            // All of it was acknowledged before its end had come.
            Frame::BundleEnd if self.acknowledged => self.acknowledge(),
            Frame::Begin { head, length } => {
                self.piece = event(head, *length as usize);
                if self.piece.is_none() {
                    self.keep_error(head, None);
                }
            }
            Frame::Chunk { body } => {
                let piece = self.piece.as_mut()?;
                piece.offset += piece.data_length as u32;
                piece.data = self.window.at(from + body.start);
                piece.data_length = body.len;
                return Some(*piece);
            }
            Frame::End => {
                let whole = self.piece.take();
                self.malformed +=
                    u64::from(whole.is_some_and(|event| event.kind == est_kind::EST_MALFORMED));
                // A record by itself is complete only now.
                if self.acknowledged {
                    self.acknowledge();
                }
            }
            _ => {}
        }
        None
    }

    /// Keeps what the server says before it closes.
    fn keep_error(&mut self, head: &Head, text: Option<&[u8]>) {
        if let Kind::Error { code, .. } = head.kind {
            let text = Lossy(trim_nul(text.unwrap_or_default()));
            self.detail
                .set(format_args!("the server sent error {code}: {text}"));
        }
    }

    fn acknowledge(&mut self) {
        self.acknowledged = true;
        self.protocol.delivered(self.protocol.received());
    }

    /// What there is to send.
    fn output(&mut self, now: Instant) -> &[u8] {
        if self.sent == self.queued {
            let room = self.output.filled(0..self.output.length());
            (self.sent, self.queued) = (0, self.protocol.poll_transmit(room, now));
        }
        self.output.filled(self.sent..self.queued)
    }

    fn close(&mut self, reason: &str) {
        // What is gone makes room; a message that is half gone stays whole.
        self.output.move_to_front(self.sent..self.queued);
        (self.sent, self.queued) = (0, self.queued - self.sent);
        let room = self.output.filled(self.queued..self.output.length());
        // Header, code, text length.
        let mut length = room.len().saturating_sub(14).min(reason.len());
        while !reason.is_char_boundary(length) {
            length -= 1;
        }
        let reason = reason.get(..length).unwrap_or_default();
        // Where not even that fits, the session ends without a word.
        self.queued += self.protocol.close(reason, room).unwrap_or(0);
    }

    fn statistics(&self) -> est_statistics {
        let counted = self.protocol.statistics();
        est_statistics {
            bytes: counted.bytes,
            records: counted.events,
            malformed: self.malformed,
            skipped: self.skipped,
            bundles: self.protocol.received(),
            acknowledged: self.protocol.acknowledged(),
            ..est_statistics::default()
        }
    }
}

/// What C sees of a record's head; `None` if it is no record.
#[inline]
fn event(head: &Head, length: usize) -> Option<est_event> {
    let mut event = est_event {
        data: ptr::null(),
        data_length: 0,
        length: length as u32,
        offset: 0,
        archival: 0,
        record_type: 0,
        netmap: 0,
        kind: est_kind::EST_EVENT,
    };
    match head.kind {
        Kind::Event { record, .. } => {
            event.archival = record.archival().unwrap_or(0);
            event.record_type = record.record_type.0;
            event.netmap = record.netmap;
        }
        Kind::Malformed(_) => event.kind = est_kind::EST_MALFORMED,
        _ => return None,
    }
    Some(event)
}
