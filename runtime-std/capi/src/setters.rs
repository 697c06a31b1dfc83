//! The settings of a client that are functions.

// The header states the rules for pointers once, for all functions.
#![allow(clippy::missing_safety_doc)]

use std::ffi::{c_char, c_void};

use estreamer::client::Quirk;
use estreamer::client::tls::{Identity, IdentityError};
use estreamer_core_capi::est_status::{self, *};
use estreamer_core_capi::{pointer, text};

use crate::client::{est_client, watched};
use crate::settings::{Failure, Log, Settings, est_log};

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
            let identity = Identity::from_pkcs12(bytes, Some(password)).map_err(refused)?;
            settings.identity = Some(identity.into());
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
            let identity = Identity::from_pem(certificate, key, ca).map_err(refused)?;
            settings.identity = Some(identity.into());
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

/// Sets the number of null messages that the client sends ahead of need after the first
/// acknowledgement, 0 by default. A server far away that counts them sends so many more
/// bundles before it waits. Others ignore them; one that objects ends the connection.
///
/// EST_STATE: the client has connected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn est_client_set_prepaid(client: *mut est_client, nulls: u32) -> est_status {
    // SAFETY: the caller's contract.
    unsafe {
        set(client, [], |settings, []| {
            settings.prepaid = nulls;
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
/// made, or has ended and is made again. The function is called during calls of this client, in their
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
