//! A client in the event loop of a program.

// The header states the rules for pointers once, for all functions.
#![allow(clippy::missing_safety_doc)]

use std::ffi::c_int;
use std::os::fd::AsRawFd;

use estreamer::client::Builder;
use estreamer_core_capi::est_event;
use estreamer_core_capi::est_status::{self, *};

use crate::client::{connect, enter, est_client, hand_out};
use crate::settings::est_client_config;

/// Starts to connect, and never waits: est_client_step() connects. Otherwise as
/// est_client_connect(); errors of the connection are returned by later calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_client_start(
    client: *mut est_client,
    config: *const est_client_config,
) -> est_status {
    // SAFETY: the caller's contract.
    unsafe { connect(client, config, Builder::start) }
}

/// Returns a descriptor for poll(), epoll or select(). When it is readable, call
/// est_client_step(). It stays the same until the client is freed; do not read from it
/// and do not close it.
///
/// EST_STATE: not connected, and not started.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_client_descriptor(
    client: *mut est_client,
    descriptor: *mut c_int,
) -> est_status {
    if descriptor.is_null() {
        return EST_NULL;
    }
    // SAFETY: the caller's contract.
    unsafe {
        enter(client, |_, client| {
            descriptor.write(client.as_raw_fd());
            EST_OK
        })
    }
}

/// Returns the next record that is there. If there is none, it connects, reads, writes
/// and acknowledges what can be done now. It never waits for the network.
///
/// EST_AGAIN: wait for the descriptor, and for est_client_due() at most. Other statuses
/// are those of est_client_next().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_client_step(
    client: *mut est_client,
    event: *mut est_event,
) -> est_status {
    if event.is_null() {
        return EST_NULL;
    }
    // SAFETY: the caller's contract.
    unsafe {
        enter(client, |state, client| match client.poll() {
            Ok(record) => hand_out(record, event),
            Err(error) => state.error(&error),
        })
    }
}

/// Returns the milliseconds after which to call est_client_step() if the descriptor is
/// not readable before. At most 1000.
///
/// EST_STATE: not connected, and not started.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_client_due(
    client: *mut est_client,
    milliseconds: *mut u64,
) -> est_status {
    if milliseconds.is_null() {
        return EST_NULL;
    }
    // SAFETY: the caller's contract.
    unsafe {
        enter(client, |_, client| {
            // Rounded up, so that something is due then.
            milliseconds.write(client.due().as_micros().div_ceil(1000) as u64);
            EST_OK
        })
    }
}
