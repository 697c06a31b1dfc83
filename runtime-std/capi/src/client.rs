//! The second layer: a client that makes its own connection.

// The header states the rules for pointers once, for all functions.
#![allow(clippy::missing_safety_doc)]

use std::alloc::{Layout, alloc, dealloc};
use std::ffi::c_char;
use std::ptr;
use std::sync::OnceLock;
use std::time::Duration;

use estreamer::client::tls::{NameRule, ServerRules};
use estreamer::client::{
    Client, Error, ErrorKind, EventRecord, InitialTimestamp, Interrupter, Quirk, RecordKind,
};

use crate::reserve;
use estreamer_core_capi::est_status::{self, *};
use estreamer_core_capi::{
    Detail, Handle, Request, catch, est_event, est_kind, est_statistics, est_strerror, of_end,
    pointer, record_length, text,
};

/// Accept a server certificate that is signed with SHA-1.
pub const EST_ALLOW_SHA1: u32 = 1;
/// Do not verify the server's certificate. For tests only.
pub const EST_INSECURE: u32 = 2;

/// The settings of a client. Initialise with EST_CLIENT_CONFIG_DEFAULT, then set
/// server, pkcs12 and password.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct est_client_config {
    /// HOST or HOST:PORT. The default port is 8302.
    pub server: *const c_char,
    /// The path of the PKCS#12 file downloaded from the Management Center.
    pub pkcs12: *const c_char,
    /// The password of the PKCS#12 file. May be empty.
    pub password: *const c_char,
    /// If `events` is 0: the JSON block to send, in the form of the guide's
    /// json_request.json. Otherwise NULL.
    pub json: *const c_char,
    /// The state directory for the bookmark. NULL: no bookmark.
    pub state: *const c_char,
    /// The name of the bookmark. NULL: the server.
    pub name: *const c_char,
    /// The common name that the server's certificate must have. NULL: any.
    pub common_name: *const c_char,
    /// The SHA-256 that the server's certificate must have, 32 bytes. NULL: any.
    pub fingerprint: *const u8,
    /// EST_FROM_OLDEST, EST_FROM_NOW, or UNIX seconds. A bookmark takes precedence.
    pub from: u32,
    /// The bits of the event types, which are requested with the field sets of the
    /// guide's example.
    pub events: u32,
    /// Bundles that the server may send before the first of them is acknowledged.
    pub ahead: u32,
    /// Seconds to request again after a restart.
    pub overlap: u32,
    /// Memory for received events in MiB, at least 20. When it is used up, the
    /// server waits.
    pub memory: u32,
    /// Time limit for connecting, in milliseconds.
    pub connect_timeout: u32,
    /// EST_ALLOW_SHA1, EST_INSECURE, or 0.
    pub flags: u32,
    /// Which bytes this server's record length counts, if known; otherwise
    /// EST_RECORD_LENGTH_AUTO.
    pub record_length: u32,
    /// Must be 0.
    pub reserved: [u32; 6],
}

/// A connection to a server, made by the library.
pub struct est_client {
    handle: Handle<State>,
    /// For other threads, after the connection is made.
    interrupter: OnceLock<Interrupter>,
}

struct State {
    client: Option<Client>,
    closed: bool,
    /// Memory ran out, and the client was closed.
    ran_out: bool,
    /// Reserves of memory that are this client's.
    reserves: usize,
    detail: Detail,
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

/// Connects and sends the request. Returns after the TLS handshake. Call it once for
/// each client; after the connection has ended, create another client.
///
/// The detail says what is wrong and what to do: EST_INVALID, EST_REQUEST,
/// EST_IDENTITY, EST_ADDRESS, EST_CONNECTION, EST_TLS, EST_BOOKMARK, EST_SYSTEM.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_client_connect(
    client: *mut est_client,
    config: *const est_client_config,
) -> est_status {
    // SAFETY: the caller's contract.
    let (client, config) = match unsafe { (pointer(client), pointer(config)) } {
        (Ok(client), Ok(config)) => (client, config),
        _ => return EST_NULL,
    };
    watched(client, |state| {
        if state.client.is_some() || state.closed {
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
        let made = match unsafe { builder(config) } {
            Ok(builder) => builder.connect(),
            Err((status, detail)) => return state.fail(status, detail),
        };
        match made {
            Ok(made) => {
                // Empty, because this client connects for the first time.
                let _ = client.interrupter.set(made.interrupter());
                state.client = Some(made);
                EST_OK
            }
            Err(error) => state.error(&error),
        }
    })
}

/// Waits for the next record, up to `timeout` milliseconds or EST_FOREVER.
///
/// EST_AGAIN: no record arrived in time. EST_INTERRUPTED, EST_UNACKNOWLEDGED: the
/// connection continues. EST_STATE: not connected. Any other status is the reason
/// why the connection ended.
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
            Ok(Some(record)) => {
                event.write(view(&record));
                EST_OK
            }
            Ok(None) => EST_AGAIN,
            Err(error) => state.error(&error),
        })
    }
}

/// Acknowledges all records taken out so far. The server may send more, and with a
/// bookmark, these records are not delivered again. The bookmark is on disk when
/// this function returns, so one call for many records is cheaper than one for each.
///
/// EST_BOOKMARK: the bookmark is not on disk.
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
unsafe fn enter(
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
fn watched(client: &est_client, call: impl FnOnce(&mut State) -> est_status) -> est_status {
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
    fn fail(&mut self, status: est_status, detail: impl std::fmt::Display) -> est_status {
        self.detail.set(detail);
        status
    }

    fn error(&mut self, error: &Error) -> est_status {
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

/// Converts the settings.
///
/// # Safety
/// Every text is null or ends with NUL. The fingerprint is null or has 32 bytes.
unsafe fn builder(
    config: &est_client_config,
) -> Result<estreamer::client::Builder, (est_status, String)> {
    let invalid = |detail: &str| (EST_INVALID, detail.to_owned());
    // SAFETY: the caller's contract.
    let optional = |name: &str, pointer| match unsafe { text(pointer) } {
        Err(_) => Ok(None),
        Ok(Some(text)) => Ok(Some(text)),
        Ok(None) => Err(invalid(&format!("{name} is not UTF-8"))),
    };
    let required = |name: &str, pointer| {
        optional(name, pointer)?.ok_or_else(|| (EST_NULL, format!("{name} is NULL")))
    };
    if config.reserved != [0; 6] || config.flags > (EST_ALLOW_SHA1 | EST_INSECURE) {
        return Err(invalid(
            "unknown flags; initialise with EST_CLIENT_CONFIG_DEFAULT",
        ));
    }
    let record_length = record_length(config.record_length)
        .ok_or_else(|| invalid("record_length is not one of EST_RECORD_LENGTH_…"))?;
    let request = Request {
        from: config.from,
        events: config.events,
        json: optional("json", config.json)?,
    };
    request
        .check()
        .map_err(|failure| (EST_INVALID, failure.to_string()))?;
    let name = optional("common_name", config.common_name)?;
    let rules = ServerRules {
        name: name.map_or(NameRule::None, |name| NameRule::CommonName(name.into())),
        // SAFETY: the caller's contract.
        fingerprint: unsafe { config.fingerprint.cast::<[u8; 32]>().as_ref() }.copied(),
        allow_sha1: config.flags & EST_ALLOW_SHA1 != 0,
        insecure: config.flags & EST_INSECURE != 0,
    };
    let pkcs12 = required("pkcs12", config.pkcs12)?;
    let mut builder = Client::builder(required("server", config.server)?)
        .pkcs12(pkcs12, required("password", config.password)?)
        .rules(rules)
        .from(InitialTimestamp(config.from))
        .ahead(config.ahead)
        .overlap(Duration::from_secs(config.overlap.into()))
        .memory((config.memory as usize).saturating_mul(1 << 20))
        .connect_timeout(Duration::from_millis(config.connect_timeout.into()))
        .record_length(record_length);
    for kind in request.kinds() {
        builder = builder.event(kind);
    }
    if let Some(json) = request.json {
        builder = builder.json(json);
    }
    if let Some(state) = optional("state", config.state)? {
        builder = builder.state(state);
    }
    if let Some(name) = optional("name", config.name)? {
        builder = builder.name(name);
    }
    Ok(builder)
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
