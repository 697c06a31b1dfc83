//! The settings of a client.

// The header states the rules for pointers once, for all functions.
#![allow(clippy::missing_safety_doc)]

use std::ffi::{CString, c_char, c_void};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use estreamer::client::tls::{Identity, IdentityError, NameRule, ServerRules};
use estreamer::client::{Builder, Client, InitialTimestamp, Quirk, Quirks, RequestForm};
use estreamer_core_capi::est_status::{self, *};
use estreamer_core_capi::{Request, pointer, record_length, text};

use crate::client::{est_client, watched};

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

/// A function that gets one line for a log, and the context of est_client_set_log(). The
/// line is valid during the call.
pub type est_log = Option<unsafe extern "C" fn(context: *mut c_void, line: *const c_char)>;

/// What the functions est_client_set_... set.
#[derive(Default)]
pub(crate) struct Settings {
    identity: Option<Identity>,
    bind: Option<IpAddr>,
    quirks: Quirks,
    reconnect: bool,
    log: Option<Log>,
}

/// Sets the identity of the client: a PKCS#12 file in memory, which has `length` bytes.
/// Leave `pkcs12` and `password` in est_client_config NULL. The bytes are copied.
///
/// EST_IDENTITY: it cannot be used. EST_STATE: the client has connected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_client_set_pkcs12(
    client: *mut est_client,
    bytes: *const u8,
    length: usize,
    password: *const c_char,
) -> est_status {
    if bytes.is_null() {
        return EST_NULL;
    }
    // SAFETY: the caller's contract.
    unsafe {
        let bytes = std::slice::from_raw_parts(bytes, length);
        set(client, [password], |settings, [password]| {
            settings.identity =
                Some(Identity::from_pkcs12(bytes, Some(password)).map_err(refused)?);
            Ok(())
        })
    }
}

/// Sets the identity of the client as PEM texts: its certificate (and chain), the private
/// key of it without a password, and the CA of the server. They are copied. An empty `ca`
/// means that it is in `certificate`. Leave `pkcs12` and `password` in est_client_config
/// NULL.
///
/// EST_IDENTITY: it cannot be used. EST_STATE: the client has connected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_client_set_pem(
    client: *mut est_client,
    certificate: *const c_char,
    key: *const c_char,
    ca: *const c_char,
) -> est_status {
    // SAFETY: the caller's contract.
    unsafe {
        set(client, [certificate, key, ca], |settings, texts| {
            let [certificate, key, ca] = texts.map(str::as_bytes);
            settings.identity = Some(Identity::from_pem(certificate, key, ca).map_err(refused)?);
            Ok(())
        })
    }
}

/// Sets the local IP address to connect from.
///
/// EST_INVALID: it is not an IP address. EST_STATE: the client has connected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_client_set_bind(
    client: *mut est_client,
    address: *const c_char,
) -> est_status {
    // SAFETY: the caller's contract.
    unsafe {
        set(client, [address], |settings, [address]| {
            let parsed = address.parse();
            settings.bind = Some(parsed.map_err(|_| {
                let what = format!("{address:?} is not an IP address");
                (EST_INVALID, what)
            })?);
            Ok(())
        })
    }
}

/// Adds a deviation from the guide that the server needs, by its name:
/// "request-inclusive", "request-both", "request-nul", "error-nul" or
/// "acknowledge-keep-alives". docs/protocol.md describes them.
///
/// EST_INVALID: a client has no such deviation. EST_STATE: the client has connected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_client_set_quirk(
    client: *mut est_client,
    name: *const c_char,
) -> est_status {
    // SAFETY: the caller's contract.
    unsafe {
        set(client, [name], |settings, [name]| {
            let known = Quirk::CLIENT.iter().copied();
            match { known }.find(|quirk| quirk.name() == name) {
                Some(quirk) => settings.quirks = settings.quirks.with(quirk),
                None => return Err((EST_INVALID, format!("a client has no quirk {name:?}"))),
            }
            Ok(())
        })
    }
}

/// Makes the client connect again by itself after the end of a connection, with growing
/// waits. Its calls end only with a status that another attempt cannot repair. Records
/// that were taken out do not come again.
///
/// EST_STATE: the client has connected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_client_set_reconnect(client: *mut est_client) -> est_status {
    // SAFETY: the caller's contract.
    unsafe {
        set(client, [], |settings, []| {
            settings.reconnect = true;
            Ok(())
        })
    }
}

/// Sets a function that gets one line for each change of the connection: it begins, is
/// made, or has ended. The function is called during calls of this client, in their
/// thread. It must return, and gets EST_BUSY from this client. `log` NULL: none.
///
/// EST_STATE: the client has connected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_client_set_log(
    client: *mut est_client,
    log: est_log,
    context: *mut c_void,
) -> est_status {
    // SAFETY: the caller's contract.
    unsafe {
        set(client, [], |settings, []| {
            settings.log = log.map(|write| Log { write, context });
            Ok(())
        })
    }
}

/// Changes the settings of a client.
///
/// # Safety
/// The client is null or live. Every text is null or ends with NUL.
unsafe fn set<const N: usize>(
    client: *mut est_client,
    texts: [*const c_char; N],
    change: impl FnOnce(&mut Settings, [&str; N]) -> Result<(), Failure>,
) -> est_status {
    // SAFETY: the caller's contract.
    let Ok(client) = (unsafe { pointer(client) }) else {
        return EST_NULL;
    };
    let mut found = [""; N];
    for (found, given) in found.iter_mut().zip(texts) {
        // SAFETY: the caller's contract.
        *found = match unsafe { text(given) } {
            Ok(Some(text)) => text,
            Ok(None) => {
                return watched(client, |state| {
                    state.fail(EST_INVALID, "a text is not UTF-8")
                });
            }
            Err(status) => return status,
        };
    }
    watched(client, |state| {
        if state.is_used() {
            return state.fail(EST_STATE, "this client has connected already");
        }
        match change(&mut state.settings, found) {
            Ok(()) => EST_OK,
            Err((status, detail)) => state.fail(status, detail),
        }
    })
}

fn refused(error: IdentityError) -> Failure {
    (EST_IDENTITY, error.to_string())
}

/// The function of est_client_set_log().
#[derive(Clone, Copy)]
struct Log {
    write: unsafe extern "C" fn(*mut c_void, *const c_char),
    context: *mut c_void,
}

// SAFETY: the function is called by the thread that uses the client, as the header says.
unsafe impl Send for Log {}

impl Log {
    fn write(&self, line: &dyn fmt::Display) {
        let line = CString::new(line.to_string().replace('\0', " ")).unwrap_or_default();
        // SAFETY: the caller's contract; the line ends with NUL.
        unsafe { (self.write)(self.context, line.as_ptr()) };
    }
}

/// A failure: its status and detail.
type Failure = (est_status, String);

impl Settings {
    /// The settings of the client and those in the structure, for the Rust client.
    ///
    /// # Safety
    /// Every text is null or ends with NUL. The fingerprint is null or has 32 bytes.
    pub(crate) unsafe fn builder(
        &mut self,
        config: &est_client_config,
    ) -> Result<Builder, Failure> {
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
        if self.identity.is_some() && !config.pkcs12.is_null() {
            return Err(invalid(
                "pkcs12 is set, and an identity in memory; set one of them",
            ));
        }
        let file = match self.identity {
            Some(_) => None,
            None => Some(required("pkcs12", config.pkcs12)?),
        };
        let mut builder = Client::builder(required("server", config.server)?);
        builder = match file {
            Some(file) => builder.pkcs12(file, required("password", config.password)?),
            None => builder,
        };
        builder = builder
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
        if let Some(address) = self.bind {
            builder = builder.bind(address);
        }
        builder = builder.quirks(self.quirks);
        if let Some(form) = RequestForm::of(self.quirks) {
            builder = builder.request_form(form);
        }
        if self.reconnect {
            builder = builder.reconnecting();
        }
        if let Some(log) = self.log {
            builder = builder.on_change(move |change| log.write(change));
        }
        // Last, because a client that is not complete keeps its identity.
        Ok(match self.identity.take() {
            Some(identity) => builder.identity(identity),
            None => builder,
        })
    }
}
