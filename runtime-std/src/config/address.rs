//! Server addresses: `HOST[:PORT]`, with brackets around IPv6 addresses.

use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
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

/// Joins servers in the order in which they are tried: `a:8302, then b:8302`.
pub fn in_turn(servers: &[Address]) -> String {
    let servers: Vec<String> = servers.iter().map(Address::to_string).collect();
    servers.join(", then ")
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let port = |digits: &str| match digits.parse() {
            Ok(0) | Err(_) => Err(format!("{digits:?} is not a port; use 1 to 65535")),
            Ok(port) => Ok(port),
        };
        let (host, port) = if text.parse::<IpAddr>().is_ok() {
            (text, PORT)
        } else if let Some(rest) = text.strip_prefix('[') {
            match rest.split_once(']') {
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
        if host.is_empty() {
            return Err("the host name is empty".into());
        }
        Ok(Self {
            host: host.into(),
            port,
        })
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
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
