//! Server addresses: `HOST[:PORT]`, with brackets around IPv6 addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

/// The default port of a Management Center (FQE, Connection Specifications).
pub const PORT: u16 = 8302;

/// A server address as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Host name or address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Address {
    /// Resolves the host to socket addresses.
    ///
    /// # Errors
    /// Those of the resolver.
    pub fn resolve(&self) -> std::io::Result<Vec<SocketAddr>> {
        Ok((self.host.as_str(), self.port).to_socket_addrs()?.collect())
    }
}

/// Returns whether a server is given by an address of another kind (IPv4, IPv6) than the
/// local one. A name may have both.
pub fn kinds_differ(bind: IpAddr, server: &Address) -> bool {
    let host = server.host.split('%').next().unwrap_or_default();
    let server = host.parse::<IpAddr>();
    server.is_ok_and(|server| server.is_ipv4() != bind.is_ipv4())
}

/// Joins servers in the order in which they are tried: `a:8302, then b:8302`.
pub fn in_turn(servers: &[Address]) -> String {
    let servers: Vec<String> = servers.iter().map(Address::to_string).collect();
    servers.join(", then ")
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((scheme, rest)) = text.split_once("://") {
            let host = rest.split('/').next().unwrap_or_default();
            return Err(format!(
                "use HOST or HOST:PORT; a server is not a URL: leave out {scheme}:// and write {host}"
            ));
        }
        let port = |digits: &str| match digits.parse() {
            Ok(0) | Err(_) => Err(format!("{digits:?} is not a port; use 1 to 65535")),
            Ok(port) => Ok(port),
        };
        let (host, port) = if is_ipv6(text) {
            (text, PORT)
        } else if let Some(rest) = text.strip_prefix('[') {
            match rest.split_once(']') {
                Some((host, _)) if !is_ipv6(host) => {
                    return Err(format!(
                        "{host:?} is not an IPv6 address; write one as [::1]:8302"
                    ));
                }
                Some((host, "")) => (host, PORT),
                Some((host, tail)) if tail.starts_with(':') => (host, port(&tail[1..])?),
                _ => return Err("write an IPv6 address as [::1]:8302".into()),
            }
        } else {
            match text.split_once(':') {
                Some((_, tail)) if tail.contains(':') => {
                    return Err("write an IPv6 address as [::1]:8302".into());
                }
                Some((host, digits)) => (host, port(digits)?),
                None => (text, PORT),
            }
        };
        check_host(host)?;
        Ok(Self {
            host: host.into(),
            port,
        })
    }
}

/// Returns whether the text is an IPv6 address, with or without a zone.
fn is_ipv6(text: &str) -> bool {
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    address.parse::<Ipv6Addr>().is_ok()
}

/// Checks that a host can be resolved, as far as its spelling tells.
fn check_host(host: &str) -> Result<(), String> {
    if host.is_empty() {
        return Err("the host name is empty".into());
    }
    if is_ipv6(host) {
        return check_zone(host);
    }
    let labels = || host.strip_suffix('.').unwrap_or(host).split('.');
    if labels().count() == 4 && labels().all(|label| label.bytes().all(|b| b.is_ascii_digit())) {
        return match host.parse::<Ipv4Addr>() {
            Ok(_) => Ok(()),
            Err(_) => Err(format!(
                "{host} is not an IPv4 address; use four numbers from 0 to 255 without leading zeros"
            )),
        };
    }
    let accepted = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    if let Some(found) = host.chars().find(|&c| c != '.' && !accepted(c)) {
        return Err(format!(
            "a host name cannot contain {found:?}; use letters, digits, dots and hyphens"
        ));
    }
    match labels().any(str::is_empty) {
        true => Err("a host name cannot have an empty part; remove the extra dot".into()),
        false => Ok(()),
    }
}

/// Checks that an IPv6 address has a zone if it needs one: a link-local address exists on
/// every link.
fn check_zone(host: &str) -> Result<(), String> {
    let (address, zone) = host.split_once('%').unwrap_or((host, ""));
    let link_local = address
        .parse::<Ipv6Addr>()
        .is_ok_and(|address| address.is_unicast_link_local());
    match (link_local, zone) {
        (true, "") => Err(format!(
            "a link-local address needs its network interface; write [{address}%eth0] with the \
             interface of this machine"
        )),
        (false, zone) if !zone.is_empty() => Err(format!(
            "only a link-local address (fe80::) has a zone; write [{address}]"
        )),
        _ => Ok(()),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_port_is_8302_and_ipv6_brackets_are_optional() {
        for (text, expected) in [
            ("fmc.example.net", "fmc.example.net:8302"),
            ("fmc.example.net:9000", "fmc.example.net:9000"),
            ("192.0.2.7:1", "192.0.2.7:1"),
            ("::1", "[::1]:8302"),
            ("[::1]", "[::1]:8302"),
            ("[2001:db8::7]:9000", "[2001:db8::7]:9000"),
            ("[fe80::1%eth0]:9000", "[fe80::1%eth0]:9000"),
            ("fe80::1%2", "[fe80::1%2]:8302"),
            ("fmc_1.example.net.", "fmc_1.example.net.:8302"),
            ("10.1", "10.1:8302"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), expected);
        }
    }

    #[test]
    fn an_invalid_address_is_refused_with_the_reason() {
        for (text, part) in [
            ("", "empty"),
            (":8302", "empty"),
            ("host:0", "not a port"),
            ("host:70000", "not a port"),
            ("host:https", "not a port"),
            ("[::1", "[::1]:8302"),
            ("[::1]8302", "[::1]:8302"),
            ("1:2:3", "[::1]:8302"),
            ("[a b]:8302", "not an IPv6 address"),
            (
                "https://host:8302",
                "leave out https:// and write host:8302",
            ),
            ("ssl://[::1]/x", "write [::1]"),
            ("fe80::1", "write [fe80::1%eth0]"),
            ("[fe80::1]:8302", "write [fe80::1%eth0]"),
            ("[::1%eth0]", "write [::1]"),
            ("192.0.2.300", "four numbers"),
            ("192.0.02.3", "four numbers"),
            ("a b", "cannot contain ' '"),
            ("${FMC}", "cannot contain '$'"),
            ("host/path", "cannot contain '/'"),
            ("a..b", "extra dot"),
            (".a", "extra dot"),
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
