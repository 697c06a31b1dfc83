//! The functions of the first layer. What they have in common is here, what they
//! do is in [`super::session`].

// What each function asks of its caller are the header's rules for pointers.
#![allow(clippy::missing_safety_doc)]

use core::ffi::{c_char, c_void};
use core::ptr;

use estreamer_core::session::Instant;

use super::est_status::{self, *};
use super::memory::Memory;
use super::request::Request;
use super::session::Session;
use super::types::*;
use super::{Handle, pointer, text};
use crate::system;

/// Bytes of a session beside its window and its output, at most.
pub const EST_SESSION_STATE: usize = 1024;

/// One connection's protocol, without I/O.
pub struct est_session(Handle<Session>);

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
    let made = system::catch(|| unsafe { make(config, memory, size, Instant(now)) });
    match made {
        None => EST_POISONED,
        Some(Err(status)) => status,
        Some(Ok(made)) => {
            // SAFETY: the caller's contract.
            unsafe { session.write(made) };
            EST_OK
        }
    }
}

/// Makes a session in its memory.
///
/// # Safety
/// The pointers are null, or to a configuration and to so much memory.
unsafe fn make(
    config: *const est_config,
    memory: *mut c_void,
    size: usize,
    now: Instant,
) -> Result<*mut est_session, est_status> {
    // SAFETY: the caller's contract.
    let config = unsafe { pointer(config) }.copied().unwrap_or_default();
    let protocol = Session::protocol(&config, now).ok_or(EST_INVALID)?;
    let needed = EST_SESSION_STATE
        .checked_add(config.window)
        .and_then(|bytes| bytes.checked_add(config.output))
        .ok_or(EST_NO_MEMORY)?;
    // SAFETY: the caller's contract.
    let memory = unsafe { Memory::of(memory.cast(), size, needed) }.ok_or(EST_NO_MEMORY)?;
    let (place, window, output) = memory.lay_out::<est_session>(config.window, config.output);
    let made = Session::new(protocol, window, output, memory);
    // SAFETY: the place is aligned and large enough.
    unsafe { place.write(est_session(Handle::new(made))) };
    Ok(place)
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
    unsafe { enter(session, |session| session.commit(length)) }
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
    unsafe { enter(session, |session| session.sent(length)) }
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
