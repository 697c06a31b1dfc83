//! What a service manager is told while events are collected: the datagrams of
//! sd_notify(3).

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use estreamer::collect::{Health, Heartbeat};
use estreamer::failure::Failure;

/// The service manager that started this process and wants to be told.
#[derive(Clone)]
pub(crate) struct ServiceManager {
    socket: Arc<UnixDatagram>,
    stopping: Arc<AtomicBool>,
}

/// The status is sent this often while only the count of events changes.
const STATUS: Duration = Duration::from_secs(10);

impl ServiceManager {
    /// The manager that `NOTIFY_SOCKET` names; `None` without one.
    ///
    /// # Errors
    /// Nothing receives datagrams there: the service would never count as started.
    pub(crate) fn of_service() -> Result<Option<Self>, Failure> {
        let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let socket = connect(&name).map_err(|error| {
            Failure::failed(
                format!("cannot notify the service manager at {}: {error}", name.display()),
                "Check NotifyAccess= and RestrictAddressFamilies= of the unit, or unset NOTIFY_SOCKET",
            )
        })?;
        Ok(Some(Self {
            socket: Arc::new(socket),
            stopping: Arc::default(),
        }))
    }

    /// Tells that the service stops.
    pub(crate) fn stopping(&self) {
        self.stopping.store(true, Ordering::Release);
        self.send("STOPPING=1\nSTATUS=Stopping: delivering what was received");
    }

    /// Tells that the service is ready, how it is doing, and that it works.
    pub(crate) fn heartbeat(self) -> Heartbeat {
        let watchdog = is_watched();
        let mut last: Option<(Instant, Health)> = None;
        Box::new(move |health| {
            let mut lines = Vec::new();
            if watchdog {
                lines.push("WATCHDOG=1".to_owned());
            }
            let now = Instant::now();
            let is_news = last.is_none_or(|(at, before)| {
                now - at >= STATUS && before != health || connected(before) != connected(health)
            });
            if is_news && !self.stopping.load(Ordering::Acquire) {
                if last.is_none() {
                    lines.push("READY=1".to_owned());
                }
                lines.push(format!("STATUS={}", status(health)));
                last = Some((now, health));
            }
            if !lines.is_empty() {
                self.send(&lines.join("\n"));
            }
        })
    }

    /// Sends a datagram. A manager that does not take it misses a status, or
    /// restarts the service when it hears nothing.
    fn send(&self, text: &str) {
        let _ = self.socket.send(text.as_bytes());
    }
}

fn connect(name: &OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    // A manager that reads slowly does not hold up the collection.
    socket.set_nonblocking(true)?;
    socket.connect_addr(&address(name)?)?;
    Ok(socket)
}

/// A path, or behind `@` a name in Linux's abstract namespace.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_encoded_bytes() {
        #[cfg(target_os = "linux")]
        [b'@', name @ ..] => {
            use std::os::linux::net::SocketAddrExt;
            SocketAddr::from_abstract_name(name)
        }
        [b'/', ..] => SocketAddr::from_pathname(name),
        _ => Err(io::Error::other("this is no path and no abstract name")),
    }
}

/// Whether the manager restarts this process when it hears nothing (`WatchdogSec=`).
fn is_watched() -> bool {
    let ours = match env::var("WATCHDOG_PID") {
        Ok(id) => id == process::id().to_string(),
        Err(_) => true,
    };
    ours && env::var_os("WATCHDOG_USEC").is_some()
}

fn connected(health: Health) -> Option<(usize, usize)> {
    match health {
        Health::Collecting {
            sources, connected, ..
        } => Some((connected, sources)),
        _ => None,
    }
}

/// How it is doing, for `systemctl status`.
fn status(health: Health) -> String {
    match health {
        Health::Collecting {
            sources,
            connected,
            accepted,
            ..
        } => format!("Connected to {connected} of {sources}; events delivered: {accepted}"),
        _ => "Waiting for space on the disk".into(),
    }
}
