//! The second layer: a client that connects by itself.

// What each function asks of its caller are the header's rules for pointers.
#![allow(clippy::missing_safety_doc)]

use std::ffi::c_char;
use std::ptr;
use std::sync::OnceLock;
use std::time::Duration;

use estreamer::client::tls::{NameRule, ServerRules};
use estreamer::client::{
    Client, Error, ErrorKind, EventRecord, InitialTimestamp, Interrupter, Quirk, RecordKind,
};

use crate::layer::est_status::{self, *};
use crate::layer::{
    Detail, Handle, Request, est_event, est_kind, est_statistics, of_end, pointer, record_length,
    text,
};
use crate::system;

/// Accept a server certificate that is signed with SHA-1.
pub const EST_ALLOW_SHA1: u32 = 1;
/// Verify nothing: believe whoever answers. For tests only.
pub const EST_INSECURE: u32 = 2;

/// What a client is to do. Begin with EST_CLIENT_CONFIG_DEFAULT, then set server,
/// pkcs12 and password.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct est_client_config {
    /// HOST or HOST:PORT; without, the port is 8302.
    pub server: *const c_char,
    /// The file downloaded from the Management Center.
    pub pkcs12: *const c_char,
    /// Its password, which may be empty.
    pub password: *const c_char,
    /// With `events` 0: what is asked for, in the form of the guide's
    /// json_request.json. Otherwise NULL.
    pub json: *const c_char,
    /// A directory to keep a bookmark in; NULL: no bookmark.
    pub state: *const c_char,
    /// The bookmark's name in it; NULL: the server.
    pub name: *const c_char,
    /// The common name the server's certificate has to carry; NULL: any.
    pub common_name: *const c_char,
    /// 32 bytes, the SHA-256 the server's certificate has to have; NULL: any.
    pub fingerprint: *const u8,
    /// EST_FROM_OLDEST, EST_FROM_NOW, or UNIX seconds. A bookmark wins.
    pub from: u32,
    /// Which events, by their bits, with the guide's fields.
    pub events: u32,
    /// Bundles the server may send before the first of them is acknowledged.
    pub ahead: u32,
    /// Seconds asked for again at a restart.
    pub overlap: u32,
    /// MiB for what was received, and less than 20 counts as 20; when they are
    /// used up, the server waits.
    pub memory: u32,
    /// Milliseconds until the connection has to stand.
    pub connect_timeout: u32,
    /// EST_ALLOW_SHA1, EST_INSECURE, or 0.
    pub flags: u32,
    /// What this server's record length counts, if that is known; otherwise
    /// EST_RECORD_LENGTH_AUTO.
    pub record_length: u32,
    /// Must be 0.
    pub reserved: [u32; 6],
}

/// A connection to a server, made and driven by the library.
pub struct est_client {
    handle: Handle<State>,
    /// For other threads, once there is a connection.
    interrupter: OnceLock<Interrupter>,
}

struct State {
    client: Option<Client>,
    closed: bool,
    detail: Detail,
}

/// Makes a client that is not connected yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_client_new(client: *mut *mut est_client) -> est_status {
    if client.is_null() {
        return EST_NULL;
    }
    let made = system::catch(|| {
        Box::new(est_client {
            handle: Handle::new(State {
                client: None,
                closed: false,
                detail: Detail::new(),
            }),
            interrupter: OnceLock::new(),
        })
    });
    match made {
        None => EST_POISONED,
        Some(made) => {
            // SAFETY: the caller's contract.
            unsafe { client.write(Box::into_raw(made)) };
            EST_OK
        }
    }
}

/// Frees a client and clears the pointer; a connection that stands is closed. A
/// pointer that is cleared already does no harm.
///
/// EST_BUSY: nothing is freed.
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
        // SAFETY: it was made by est_client_new, and the lock is taken for good.
        // The pointer is the caller's.
        let owned = unsafe {
            client.write(ptr::null_mut());
            Box::from_raw(found)
        };
        // A panic ends here: the handle is gone either way.
        let _ = system::catch(|| drop(owned));
    }
    EST_OK
}

/// What exactly was wrong in the last call that failed, in words; empty if none
/// did. Never NULL; valid until the next call with this handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_client_detail(client: *const est_client) -> *const c_char {
    // SAFETY: the caller's contract.
    match unsafe { pointer(client) } {
        Err(_) => c"".as_ptr(),
        Ok(client) if client.handle.is_poisoned() => crate::layer::est_strerror(EST_POISONED as _),
        // SAFETY: the address alone is computed.
        Ok(client) => unsafe { (*client.handle.value()).detail.as_ptr() },
    }
}

/// Connects and sends the request; returns when TLS stands. Once for each
/// client: after its end, make another.
///
/// The detail says what is wrong, and what to do: EST_INVALID, EST_REQUEST,
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
    client.handle.enter(|state| {
        if state.client.is_some() || state.closed {
            return state.fail(EST_STATE, "this client has connected already; make another");
        }
        // SAFETY: the caller's contract.
        let made = match unsafe { builder(config) } {
            Ok(builder) => builder.connect(),
            Err((status, detail)) => return state.fail(status, detail),
        };
        match made {
            Ok(made) => {
                // It was empty, or the state would not have been.
                let _ = client.interrupter.set(made.interrupter());
                state.client = Some(made);
                EST_OK
            }
            Err(error) => state.error(&error),
        }
    })
}

/// Waits for the next record, `timeout` milliseconds or EST_FOREVER.
///
/// EST_AGAIN: none came in time. EST_INTERRUPTED, EST_UNACKNOWLEDGED: it can go
/// on. EST_STATE: not connected. Any other status says why the connection ended.
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
        // Longer than that is for ever.
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

/// Says that everything taken out so far is where it belongs: the server may
/// send more, and with a bookmark, none of it comes again. That is durable when
/// this returns, so once for many events is cheaper than once for each.
///
/// EST_BOOKMARK: it is not durable.
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

/// Ends the session: tells the server why, and waits up to a second until it has
/// closed. What was taken out and not acknowledged comes again.
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

/// Fills in what was counted.
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
    found.handle.enter(|state| {
        let Some(client) = &state.client else {
            return state.fail(EST_STATE, "this client is not connected");
        };
        let counted = client.statistics();
        let showed = |quirk| counted.deviations.of(quirk).into();
        // SAFETY: the caller's contract.
        unsafe {
            statistics.write(est_statistics {
                bytes: counted.bytes,
                records: counted.records,
                malformed: counted.malformed,
                skipped: counted.oversize,
                bundles: counted.bundles,
                acknowledged: counted.acknowledged,
                duplicates: counted.duplicates,
                record_covers_extension: showed(Quirk::RecordCoversExtension),
                record_covers_header: showed(Quirk::RecordCoversHeader),
                no_extension: showed(Quirk::NoExtension),
                data_not_json: showed(Quirk::DataNotJson),
                ..est_statistics::default()
            });
        }
        EST_OK
    })
}

/// Ends the wait in est_client_next(), or the next one if there is none: it
/// returns EST_INTERRUPTED. For any thread, but for no signal handler.
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
        Some(interrupter) => match system::catch(|| interrupter.interrupt()) {
            Some(()) => EST_OK,
            None => EST_POISONED,
        },
    }
}

/// Runs a call on a client that stands.
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
    found.handle.enter(|state| {
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

impl State {
    /// Keeps what was wrong, for a person.
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

/// What C wants, in Rust.
///
/// # Safety
/// Every text is null or ends with NUL; a fingerprint has 32 bytes.
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
    let needed = |name: &str, pointer| {
        optional(name, pointer)?.ok_or_else(|| (EST_NULL, format!("{name} is NULL")))
    };
    if config.reserved != [0; 6] || config.flags > (EST_ALLOW_SHA1 | EST_INSECURE) {
        return Err(invalid(
            "unknown flags; begin with EST_CLIENT_CONFIG_DEFAULT",
        ));
    }
    let record_length = record_length(config.record_length)
        .ok_or_else(|| invalid("record_length is none of EST_RECORD_LENGTH_…"))?;
    let request = Request {
        from: config.from,
        events: config.events,
        json: optional("json", config.json)?,
    };
    request
        .check()
        .map_err(|mistake| (EST_INVALID, mistake.to_string()))?;
    let name = optional("common_name", config.common_name)?;
    let rules = ServerRules {
        name: name.map_or(NameRule::None, |name| NameRule::CommonName(name.into())),
        // SAFETY: the caller's contract.
        fingerprint: unsafe { config.fingerprint.cast::<[u8; 32]>().as_ref() }.copied(),
        allow_sha1: config.flags & EST_ALLOW_SHA1 != 0,
        insecure: config.flags & EST_INSECURE != 0,
    };
    let pkcs12 = needed("pkcs12", config.pkcs12)?;
    let mut builder = Client::builder(needed("server", config.server)?)
        .pkcs12(pkcs12, needed("password", config.password)?)
        .rules(rules)
        .from(InitialTimestamp(config.from))
        .ahead(config.ahead)
        .overlap(config.overlap)
        .memory((config.memory as usize).saturating_mul(1 << 20))
        .connect_timeout(config.connect_timeout)
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

/// What C sees of a record.
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
