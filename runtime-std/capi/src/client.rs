//! The second layer: a client that makes its own connection.

// The header states the rules for pointers once, for all functions.
#![allow(clippy::missing_safety_doc)]

use std::alloc::{Layout, alloc, dealloc};
use std::ffi::c_char;
use std::ptr;
use std::sync::OnceLock;
use std::time::Duration;

use estreamer::client::{
    Builder, Client, Error, ErrorKind, EventRecord, Interrupter, Quirk, RecordKind,
};

use crate::reserve;
use crate::settings::{Settings, est_client_config};
use estreamer_core_capi::est_status::{self, *};
use estreamer_core_capi::{
    Detail, Handle, catch, est_event, est_kind, est_statistics, est_strerror, of_end, pointer, text,
};

/// A connection to a server, made by the library.
pub struct est_client {
    handle: Handle<State>,
    /// For other threads, after the connection is made.
    interrupter: OnceLock<Interrupter>,
}

/// What a call of a client uses.
pub(crate) struct State {
    client: Option<Client>,
    /// Until the client connects.
    pub(crate) settings: Settings,
    closed: bool,
    /// Memory ran out, and the client was closed.
    ran_out: bool,
    /// Reserves of memory that are this client's.
    reserves: usize,
    /// Names of certificates and addresses make it long; the remedy is at its end.
    detail: Detail<2048>,
}

/// Creates a client that is not connected. It reserves 24 MiB of address space, so that
/// later calls can end in a status when memory runs out.
///
/// EST_NO_MEMORY: nothing was created.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_client_new(client: *mut *mut est_client) -> est_status {
    if client.is_null() {
        return EST_NULL;
    }
    if !reserve::add(reserve::WITHOUT_BOOKMARK) {
        return EST_NO_MEMORY;
    }
    let layout = Layout::new::<est_client>();
    let value = est_client {
        handle: Handle::new(State {
            client: None,
            settings: Settings::default(),
            closed: false,
            ran_out: false,
            reserves: reserve::WITHOUT_BOOKMARK,
            detail: Detail::new(),
        }),
        interrupter: OnceLock::new(),
    };
    // SAFETY: the size is not 0. est_client_free turns the memory into a Box.
    unsafe {
        let (made, ran_out) = reserve::watch(None, || alloc(layout).cast::<est_client>());
        if made.is_null() || ran_out {
            if !made.is_null() {
                dealloc(made.cast(), layout);
            }
            reserve::remove(reserve::WITHOUT_BOOKMARK);
            return EST_NO_MEMORY;
        }
        made.write(value);
        client.write(made);
    }
    EST_OK
}

/// Frees a client, closes its connection, and sets the pointer to NULL. Does nothing
/// if the pointer is NULL already.
///
/// EST_BUSY: nothing was freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_client_free(client: *mut *mut est_client) -> est_status {
    // SAFETY: the caller's contract.
    let Ok(place) = (unsafe { pointer(client) }) else {
        return EST_NULL;
    };
    let found = *place;
    // SAFETY: the caller's contract.
    if let Ok(owned) = unsafe { pointer(found) } {
        if let Err(status) = owned.handle.retire() {
            return status;
        }
        // SAFETY: est_client_new made it, and the handle is locked for good. The
        // caller owns the pointer.
        let owned = unsafe {
            client.write(ptr::null_mut());
            Box::from_raw(found)
        };
        // SAFETY: the handle is locked for good.
        let reserves = unsafe { (*owned.handle.value()).reserves };
        // A panic must not cross into C. The handle is freed in any case.
        let _ = catch(|| drop(owned));
        reserve::remove(reserves);
    }
    EST_OK
}

/// Returns a text that describes the last failed call with this handle. Empty if
/// no call failed. Never NULL; valid until the next call with this handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_client_detail(client: *const est_client) -> *const c_char {
    // SAFETY: the caller's contract.
    match unsafe { pointer(client) } {
        Err(_) => c"".as_ptr(),
        Ok(client) if client.handle.is_poisoned() => est_strerror(EST_POISONED as _),
        // SAFETY: the client is live; only an address is computed.
        Ok(client) => unsafe { Detail::address(&raw const (*client.handle.value()).detail) },
    }
}

/// Connects and sends the request. Returns after the TLS handshake. A client connects
/// once; after the connection has ended, create another client.
///
/// After est_client_set_reconnect(), it returns at once, and later calls connect.
///
/// The detail says what is wrong and what to do: EST_INVALID, EST_REQUEST,
/// EST_IDENTITY, EST_ADDRESS, EST_CONNECTION, EST_TLS, EST_BOOKMARK, EST_SYSTEM.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_client_connect(
    client: *mut est_client,
    config: *const est_client_config,
) -> est_status {
    // SAFETY: the caller's contract.
    unsafe { connect(client, config, Builder::connect) }
}

/// Connects a client with its settings.
///
/// # Safety
/// Each pointer is null or valid, as are those in the settings.
pub(crate) unsafe fn connect(
    client: *mut est_client,
    config: *const est_client_config,
    connect: impl FnOnce(Builder) -> Result<Client, Error>,
) -> est_status {
    // SAFETY: the caller's contract.
    let (client, config) = match unsafe { (pointer(client), pointer(config)) } {
        (Ok(client), Ok(config)) => (client, config),
        _ => return EST_NULL,
    };
    watched(client, |state| {
        if state.is_used() {
            return state.fail(
                EST_STATE,
                "this client has connected already; create another one",
            );
        }
        if !config.state.is_null() && state.reserves == reserve::WITHOUT_BOOKMARK {
            if !reserve::add(reserve::FOR_BOOKMARK) {
                return state.run_out();
            }
            state.reserves += reserve::FOR_BOOKMARK;
        }
        // SAFETY: the caller's contract.
        let made = match unsafe { state.settings.builder(config) } {
            Ok(builder) => connect(builder),
            Err((status, detail)) => return state.fail(status, detail),
        };
        match made {
            Ok(made) => {
                // Empty, because this client connects for the first time.
                let _ = client.interrupter.set(made.interrupter());
                state.client = Some(made);
                state.settings.identity = None;
                EST_OK
            }
            Err(error) => state.error(&error),
        }
    })
}

/// Waits for the next record, up to `timeout` milliseconds or EST_FOREVER.
///
/// EST_AGAIN: no record arrived in time. EST_INTERRUPTED, EST_UNACKNOWLEDGED: the
/// connection continues. EST_BOOKMARK: many acknowledged records cannot be written to
/// the disk; call again when it has room. EST_STATE: not connected. Any other status
/// is the reason why the connection ended.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_client_next(
    client: *mut est_client,
    timeout: u64,
    event: *mut est_event,
) -> est_status {
    if event.is_null() {
        return EST_NULL;
    }
    let timeout = match timeout {
        u64::MAX => None,
        // Long enough, and Duration does not overflow.
        milliseconds => Some(Duration::from_millis(milliseconds.min(1 << 40))),
    };
    // SAFETY: the caller's contract.
    unsafe {
        enter(client, |state, client| match client.receive(timeout) {
            Ok(record) => hand_out(record, event),
            Err(error) => state.error(&error),
        })
    }
}

/// Acknowledges all records taken out so far. The server may send more, and with a
/// bookmark, these records are not delivered again. The bookmark is on disk when
/// this function returns, so one call for many records is cheaper than one for each.
///
/// EST_BOOKMARK: the bookmark is not on disk. EST_NO_MEMORY: it may be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_client_ack(client: *mut est_client) -> est_status {
    // SAFETY: the caller's contract.
    unsafe {
        enter(client, |state, client| match client.acknowledge() {
            Ok(()) => EST_OK,
            Err(error) => state.error(&error),
        })
    }
}

/// Ends the session: sends the reason to the server, and waits up to one second until
/// the server has closed the connection. Records that were taken out and not
/// acknowledged are delivered again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_client_close(
    client: *mut est_client,
    reason: *const c_char,
) -> est_status {
    // SAFETY: the caller's contract.
    let reason = match unsafe { text(reason) } {
        Err(status) => return status,
        Ok(reason) => reason.unwrap_or("the client closes"),
    };
    // SAFETY: the caller's contract.
    unsafe {
        enter(client, |state, client| {
            state.closed = true;
            match client.close(reason) {
                Ok(()) => EST_OK,
                Err(error) => state.error(&error),
            }
        })
    }
}

/// Fills in the counters of the connection.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_client_statistics(
    client: *mut est_client,
    statistics: *mut est_statistics,
) -> est_status {
    if statistics.is_null() {
        return EST_NULL;
    }
    // SAFETY: the caller's contract.
    let Ok(found) = (unsafe { pointer(client) }) else {
        return EST_NULL;
    };
    watched(found, |state| {
        let Some(client) = &state.client else {
            return state.fail(EST_STATE, "this client is not connected");
        };
        let counters = client.statistics();
        let quirk = |quirk| counters.deviations.of(quirk).into();
        // SAFETY: the caller's contract.
        unsafe {
            statistics.write(est_statistics {
                bytes: counters.bytes,
                records: counters.records,
                malformed: counters.malformed,
                skipped: counters.oversize,
                bundles: counters.bundles,
                acknowledged: counters.acknowledged,
                duplicates: counters.duplicates,
                record_covers_extension: quirk(Quirk::RecordCoversExtension),
                record_covers_header: quirk(Quirk::RecordCoversHeader),
                no_extension: quirk(Quirk::NoExtension),
                data_not_json: quirk(Quirk::DataNotJson),
                ..est_statistics::default()
            });
        }
        EST_OK
    })
}

/// Ends the current wait in est_client_next(), or the next one, with EST_INTERRUPTED.
/// Any thread may call it, but not a signal handler.
///
/// EST_STATE: not connected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_client_interrupt(client: *mut est_client) -> est_status {
    // SAFETY: the caller's contract.
    let Ok(client) = (unsafe { pointer(client) }) else {
        return EST_NULL;
    };
    match client.interrupter.get() {
        None => EST_STATE,
        Some(interrupter) => match catch(|| interrupter.interrupt()) {
            Some(()) => EST_OK,
            None => EST_POISONED,
        },
    }
}

/// Runs a call on a connected client.
///
/// # Safety
/// The pointer is null or a live client.
pub(crate) unsafe fn enter(
    client: *mut est_client,
    call: impl FnOnce(&mut State, &mut Client) -> est_status,
) -> est_status {
    // SAFETY: the caller's contract.
    let Ok(found) = (unsafe { pointer(client) }) else {
        return EST_NULL;
    };
    watched(found, |state| {
        if state.closed {
            return state.fail(EST_CLOSED, "this client was closed");
        }
        let Some(mut client) = state.client.take() else {
            return state.fail(EST_STATE, "this client is not connected");
        };
        let status = call(state, &mut client);
        state.client = Some(client);
        status
    })
}

/// Runs a call on a client, and closes the client if memory runs out meanwhile.
pub(crate) fn watched(
    client: &est_client,
    call: impl FnOnce(&mut State) -> est_status,
) -> est_status {
    client.handle.enter(|state| {
        if state.ran_out {
            return state.run_out();
        }
        match reserve::watch(client.interrupter.get(), || call(state)) {
            (status, false) => status,
            (_, true) => state.run_out(),
        }
    })
}

impl State {
    /// Whether the client has connected.
    pub(crate) fn is_used(&self) -> bool {
        self.client.is_some() || self.closed
    }

    /// Closes the client. Its memory goes back to the reserves.
    fn run_out(&mut self) -> est_status {
        self.ran_out = true;
        self.client = None;
        self.fail(
            EST_NO_MEMORY,
            "memory ran out, and this client is closed; free it, and create another one",
        )
    }

    /// Stores the detail of a failure.
    pub(crate) fn fail(
        &mut self,
        status: est_status,
        detail: impl std::fmt::Display,
    ) -> est_status {
        self.detail.set(detail);
        status
    }

    pub(crate) fn error(&mut self, error: &Error) -> est_status {
        let status = match error.kind() {
            ErrorKind::Identity => EST_IDENTITY,
            ErrorKind::Request => EST_REQUEST,
            ErrorKind::Address => EST_ADDRESS,
            ErrorKind::Connection => EST_CONNECTION,
            ErrorKind::Tls => EST_TLS,
            ErrorKind::Bookmark => EST_BOOKMARK,
            ErrorKind::Interrupted => EST_INTERRUPTED,
            ErrorKind::Unacknowledged => EST_UNACKNOWLEDGED,
            ErrorKind::Ended(end) => of_end(end),
            _ => EST_SYSTEM,
        };
        self.fail(status, error)
    }
}

/// Writes a record for C, if there is one.
///
/// # Safety
/// The pointer is valid for writing.
pub(crate) unsafe fn hand_out(
    record: Option<EventRecord<'_>>,
    event: *mut est_event,
) -> est_status {
    let Some(record) = record else {
        return EST_AGAIN;
    };
    // SAFETY: the caller's contract.
    unsafe { event.write(view(&record)) };
    EST_OK
}

/// The C structure for a record.
fn view(record: &EventRecord<'_>) -> est_event {
    est_event {
        data: record.data.as_ptr(),
        data_length: record.data.len(),
        length: record.length,
        offset: 0,
        archival: record.archival.unwrap_or(0),
        record_type: record.record_type.0,
        netmap: 0,
        kind: match record.kind {
            RecordKind::Event => est_kind::EST_EVENT,
            RecordKind::Malformed(_) => est_kind::EST_MALFORMED,
            RecordKind::Oversize => est_kind::EST_SKIPPED,
        },
    }
}
