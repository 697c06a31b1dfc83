//! A sequence of calls with valid pointers and any other arguments.

use core::ffi::CStr;
use core::{ptr, slice};
use std::vec;

use estreamer_core::fuzzing::Choices;

use crate::est_status::*;
use crate::*;

/// Calls the functions of a session in any order. Seven bytes choose the settings. Then
/// one byte chooses each call, and the next one its arguments.
///
/// # Panics
/// If a guarantee of the header is broken.
pub fn capi(data: &[u8]) {
    let mut choices = Choices::new(data);
    let config = est_config {
        window: 60 + choices.size(),
        output: 120 + choices.size(),
        ahead: u32::from(choices.below(4)),
        probe_after: [0, 1, 60_000][usize::from(choices.below(3))],
        dead_after: [0, 2, 600_000][usize::from(choices.below(3))],
        record_limit: 16 * choices.size() as u32,
        pieces: u32::from(choices.below(2)),
        ..est_config::default()
    };
    let mut memory = vec![0_u8; EST_SESSION_STATE + config.window + config.output];
    let (place, size) = (memory.as_mut_ptr().cast(), memory.len());
    let mut session = ptr::null_mut();
    // SAFETY: config, memory and session live until the session is freed below.
    let made = unsafe { est_session_new(&config, place, size, 0, &mut session) };
    if made != EST_OK {
        let small = config.window < 64 || config.output < 128;
        assert_eq!((made, small), (EST_INVALID, true));
        assert!(session.is_null(), "written on success only");
        return;
    }
    let mut caller = Caller {
        session,
        window: config.window,
        now: 0,
        offset: 0,
    };
    while !choices.is_empty() {
        let status = caller.call(&mut choices);
        assert_ne!(status, EST_POISONED, "no call panics");
        assert_ne!(status, EST_BUSY, "there is one thread");
        caller.check();
    }
    // SAFETY: the session is live, and nothing uses it afterwards.
    let freed = unsafe {
        [
            est_session_free(&mut session),
            est_session_free(&mut session),
        ]
    };
    assert_eq!(freed, [EST_OK; 2], "a second call has no effect");
    assert!(session.is_null());
}

/// The calling program.
struct Caller {
    session: *mut est_session,
    window: usize,
    /// Milliseconds.
    now: u64,
    /// Bytes returned so far of the record in pieces.
    offset: u32,
}

impl Caller {
    fn call(&mut self, choices: &mut Choices<'_>) -> est_status {
        let session = self.session;
        let (call, how) = (choices.below(16), choices.byte());
        // SAFETY: the session is live; the other pointers are valid, or null where the
        // header allows it.
        unsafe {
            match call {
                0..=4 => self.receive(choices.bytes(usize::from(how))),
                5..=7 => self.next(),
                8 => est_ack(session),
                9..=10 => self.send(usize::from(how)),
                11 => {
                    self.now += u64::from(how) * 400;
                    est_timeout(session, self.now)
                }
                12 => {
                    let json = [choices.bytes(usize::from(how)), &[0]].concat();
                    let json = match how {
                        0 => ptr::null(),
                        _ => json.as_ptr().cast(),
                    };
                    est_request(session, EST_FROM_NOW, u32::from(how % 18), json)
                }
                13 => est_commit(session, self.window + usize::from(how)),
                14 => est_next(ptr::null_mut(), self.now, ptr::null_mut()),
                _ if how > 250 => est_eof(session),
                _ if how > 245 => est_close(session, ptr::null()),
                _ => est_sent(session, usize::from(how) + 1000),
            }
        }
    }

    fn receive(&self, bytes: &[u8]) -> est_status {
        let (mut room, mut length) = (ptr::null_mut(), 0);
        // SAFETY: the session is live; the room has `length` bytes.
        unsafe {
            let status = est_buffer(self.session, &mut room, &mut length);
            if status != EST_OK {
                return status;
            }
            assert!(
                (1..=self.window).contains(&length),
                "the room is within the window"
            );
            let count = length.min(bytes.len());
            ptr::copy_nonoverlapping(bytes.as_ptr(), room, count);
            est_commit(self.session, count)
        }
    }

    fn next(&mut self) -> est_status {
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
            let status = est_next(self.session, self.now, &mut event);
            let data = match event.data.is_null() {
                true => &[][..],
                false => slice::from_raw_parts(event.data, event.data_length),
            };
            (status, data)
        };
        if status == EST_OK {
            assert!(data.len() <= self.window);
            read(data);
            if event.kind == est_kind::EST_SKIPPED {
                assert!(data.is_empty());
            } else {
                assert_eq!(event.offset, self.offset, "pieces are in order");
                let end = event.offset + data.len() as u32;
                assert!(end <= event.length);
                self.offset = if end == event.length { 0 } else { end };
            }
        }
        status
    }

    fn send(&self, limit: usize) -> est_status {
        let (mut data, mut length) = (ptr::null(), 0);
        // SAFETY: the session is live; the output has `length` bytes.
        unsafe {
            let status = est_output(self.session, self.now, &mut data, &mut length);
            assert_eq!(status, EST_OK);
            let output = slice::from_raw_parts(data, length);
            read(output);
            est_sent(self.session, length.min(limit))
        }
    }

    /// Checks what must hold after every call.
    fn check(&self) {
        let mut counted = est_statistics::default();
        let mut due = 0;
        // SAFETY: the session is live; the detail ends with a NUL.
        let detail = unsafe {
            assert_eq!(est_session_statistics(self.session, &mut counted), EST_OK);
            assert_eq!(est_deadline(self.session, &mut due), EST_OK);
            CStr::from_ptr(est_session_detail(self.session))
        };
        assert!(
            counted.acknowledged <= counted.bundles,
            "no bundle is acknowledged twice"
        );
        let detail = detail.to_str().expect("the detail is text");
        assert!(!detail.contains(char::is_control), "{detail:?}");
    }
}

/// Reads every byte, so that a sanitizer checks it.
fn read(bytes: &[u8]) {
    std::hint::black_box(bytes.iter().fold(0_u8, |sum, byte| sum ^ byte));
}
