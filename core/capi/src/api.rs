//! The C functions. [`super::session`] implements them.

// The header states the rules for pointers once, for all functions.
#![allow(clippy::missing_safety_doc)]

use core::ffi::{c_char, c_void};
use core::ptr;

use estreamer_core::session::Instant;

use super::est_status::{self, *};
use super::memory;
use super::request::Request;
use super::session::Session;
use super::types::*;
use super::{Detail, Handle, pointer, text};
use crate::system;

/// Upper limit for the bytes of a session, without window and output buffer.
pub const EST_SESSION_STATE: usize = 1024;

/// The protocol state of one connection, without I/O.
pub struct est_session(Handle<Session>);

// Includes the bytes that align the session in the caller's memory.
const _: () = assert!(size_of::<est_session>() + align_of::<est_session>() <= EST_SESSION_STATE);

/// Creates a session for a connection whose TLS handshake is complete.
///
/// The session lives in `memory`, which has `size` bytes, at least
/// EST_SESSION_MEMORY(window, output), and must outlive it. If `memory` is NULL
/// and `size` is 0, the library allocates the memory. Nothing else is allocated
/// later. `config` NULL means EST_CONFIG_DEFAULT.
///
/// To decode a recorded stream, never ask for output.
///
/// EST_INVALID: a setting is out of range. EST_NO_MEMORY: the memory is too small
/// or cannot be allocated.
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
    let created = system::catch(|| unsafe { create(config, memory, size, Instant(now)) });
    match created {
        None => EST_POISONED,
        Some(Err(status)) => status,
        Some(Ok(created)) => {
            // SAFETY: the caller's contract.
            unsafe { session.write(created) };
            EST_OK
        }
    }
}

/// Creates a session in its memory.
///
/// # Safety
/// `config` is null or valid; `memory` is null or points to `size` writable bytes
/// that nothing else uses.
unsafe fn create(
    config: *const est_config,
    memory: *mut c_void,
    size: usize,
    now: Instant,
) -> Result<*mut est_session, est_status> {
    // SAFETY: the caller's contract.
    let config = unsafe { pointer(config) }.copied().unwrap_or_default();
    let protocol = Session::protocol(&config, now).ok_or(EST_INVALID)?;
    let (window, output) = (config.window, config.output);
    // SAFETY: the caller's contract; the assertion above for the state's size.
    let parts = unsafe {
        memory::divide::<est_session>(memory.cast(), size, EST_SESSION_STATE, window, output)
    };
    let parts = parts.ok_or(EST_NO_MEMORY)?;
    let session = Session::new(protocol, parts.window, parts.output, parts.allocation);
    // SAFETY: `state` is aligned room for the session.
    unsafe { parts.state.write(est_session(Handle::new(session))) };
    Ok(parts.state)
}

/// Frees a session and sets the pointer to NULL. Memory that the caller provided
/// is not freed. Does nothing if the pointer is NULL already.
///
/// EST_BUSY: nothing was freed.
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
        // SAFETY: the handle is locked for good, so nothing else uses the value
        // or its memory. The allocation is read once. The caller owns the pointer.
        unsafe {
            let allocation = ptr::read(&raw const (*found.0.value()).allocation);
            session.write(ptr::null_mut());
            allocation.free();
        }
    }
    EST_OK
}

/// Returns a text that describes the last failed call with this handle. Empty if
/// no call failed. Never NULL; valid until the next call with this handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_session_detail(session: *const est_session) -> *const c_char {
    // SAFETY: the caller's contract.
    match unsafe { pointer(session) } {
        Err(_) => c"".as_ptr(),
        Ok(session) if session.0.is_poisoned() => EST_POISONED.text().as_ptr(),
        // SAFETY: the session is live; only an address is computed.
        Ok(session) => unsafe { Detail::address(&raw const (*session.0.value()).detail) },
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

/// Requests events and puts the request into the output. Call it once for each
/// session, before anything else is sent.
///
/// `from`: EST_FROM_OLDEST, EST_FROM_NOW, or UNIX seconds. `events`: the bits of
/// the event types, which are requested with the field sets of the guide's
/// example. If `events` is 0, `json` is the JSON block to send, in the form of
/// the guide's json_request.json.
///
/// EST_REQUEST: the detail says what to change. EST_STATE: this session has
/// requested events already. EST_NO_MEMORY: `output` in est_config is too small;
/// the detail names the size needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_request(
    session: *mut est_session,
    from: u32,
    events: u32,
    json: *const c_char,
) -> est_status {
    // SAFETY: the caller's contract.
    let json = match unsafe { text(json) } {
        // No block: `events` says what is requested.
        Err(_) => Some(None),
        Ok(json) => json.map(Some),
    };
    // SAFETY: the caller's contract.
    unsafe {
        enter(session, |session| match json {
            _ if session.requested => {
                session.fail(EST_STATE, "this session has requested events already")
            }
            Some(json) => session.request(&Request { from, events, json }),
            None => session.fail(EST_REQUEST, "the JSON block is not UTF-8"),
        })
    }
}

/// Returns room for received bytes: `*length` bytes at `*room`, at least one.
/// Call est_commit() with the number of bytes written. The room is valid until
/// then.
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

/// Adds the first `length` bytes of the room to the received bytes.
///
/// EST_INVALID: `length` is larger than the room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_commit(session: *mut est_session, length: usize) -> est_status {
    // SAFETY: the caller's contract.
    unsafe { enter(session, |session| session.commit(length)) }
}

/// Tells the session that the server has closed the connection. Returns the
/// reason, such as EST_PEER_CLOSED. Take all events out before.
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

/// Takes out the next record.
///
/// EST_AGAIN: there is none; send the output, then add received bytes. Any other
/// status is the reason why the session ended.
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

/// Acknowledges all records taken out so far. One call for many records has the
/// same effect as one call for each. A server that gets no acknowledgement stops
/// sending.
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

/// Returns the bytes to send: `*length` bytes at `*data`. 0 if there are none.
/// They stay in the output until est_sent() removes them.
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

/// Removes the first `length` bytes from the output, after they were sent.
///
/// EST_INVALID: the output has fewer bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_sent(session: *mut est_session, length: usize) -> est_status {
    // SAFETY: the caller's contract.
    unsafe { enter(session, |session| session.sent(length)) }
}

/// Returns the time at which to call est_timeout(), EST_FOREVER if never. Any
/// other call may change it.
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

/// Handles the deadline: probes a silent server, and later ends the session with
/// EST_SILENT. A call before the deadline has no effect.
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

/// Ends the session and puts an error message with the reason into the output.
/// Send the output, then close the connection. Has no effect on a session that
/// has ended.
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

/// Fills in the counters of the session.
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
