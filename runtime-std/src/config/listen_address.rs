//! The address at which a collector serves its status.

use std::net::SocketAddr;

/// Parses an address with its port, such as `127.0.0.1:9302` or `[::1]:9302`. Port 0 lets
/// the system select one. A name is refused: it may resolve to an address that others
/// reach.
///
/// # Errors
/// What to write instead.
pub fn parse(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse()
        .map_err(|_| "use an address with a port, such as \"127.0.0.1:9302\"")
}

/// Returns the warning for an address that other machines can reach; `None` for a loopback
/// address.
pub fn warning(address: SocketAddr) -> Option<String> {
    (!address.ip().is_loopback()).then(|| {
        format!(
            "everyone who reaches {address} can read the status: names of servers and outputs, \
             and errors. It has no password and no encryption"
        )
    })
}
