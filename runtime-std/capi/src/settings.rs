//! The settings of a client.

use std::ffi::{CString, c_char, c_void};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use estreamer::client::tls::{Identity, NameRule, ServerRules};
use estreamer::client::{Builder, Client, InitialTimestamp, Quirks, RequestForm};
use estreamer_core_capi::est_status::{self, *};
use estreamer_core_capi::{Request, record_length, text};

/// Accept a server certificate that is signed with SHA-1.
pub const EST_ALLOW_SHA1: u32 = 1;
/// Do not verify the server's certificate. For tests only.
pub const EST_INSECURE: u32 = 2;

/// The settings of a client. Initialise with EST_CLIENT_CONFIG_DEFAULT, then set
/// server, pkcs12 and password. The functions est_client_set_...() set more.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct est_client_config {
    /// HOST or HOST:PORT. The default port is 8302.
    pub server: *const c_char,
    /// The path of the PKCS#12 file downloaded from the Management Center. NULL after
    /// est_client_set_pkcs12() or est_client_set_pem(), as is the password.
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
    pub(crate) identity: Option<Arc<Identity>>,
    pub(crate) bind: Option<IpAddr>,
    pub(crate) quirks: Quirks,
    pub(crate) prepaid: u32,
    pub(crate) reconnect: bool,
    pub(crate) log: Option<Log>,
}

/// The function of est_client_set_log().
#[derive(Clone, Copy)]
pub(crate) struct Log {
    pub(crate) write: unsafe extern "C" fn(*mut c_void, *const c_char),
    pub(crate) context: *mut c_void,
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
pub(crate) type Failure = (est_status, String);

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
            .prepaid(self.prepaid)
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
        // It stays here: a client that cannot connect may try again.
        Ok(match &self.identity {
            Some(identity) => builder.identity(identity.clone()),
            None => builder,
        })
    }
}
