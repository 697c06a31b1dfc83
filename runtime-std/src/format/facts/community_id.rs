//! The Community ID, version 1: a digest of a flow that other tools work out as well.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const IPV6_ICMP: u8 = 58;
const SCTP: u8 = 132;

/// The two ends of a flow.
pub(super) struct Flow {
    pub(super) protocol: u8,
    pub(super) addresses: [IpAddr; 2],
    /// Ports, or type and code of ICMP.
    pub(super) ports: Option<[u16; 2]>,
}

/// Appends the identifier with the seed 0. `None` if the ports are missing.
pub(super) fn append(flow: &Flow, out: &mut String) -> Option<()> {
    let [from, to] = flow.addresses;
    let (mut ports, mut is_one_way) = (None, false);
    match flow.protocol {
        TCP | UDP | SCTP => ports = Some(flow.ports?),
        ICMP | IPV6_ICMP => {
            let [kind, code] = flow.ports?;
            let answer = answer(flow.protocol, kind);
            is_one_way = answer.is_none();
            ports = Some([kind, answer.unwrap_or(code)]);
        }
        _ => {}
    }
    let [from_port, to_port] = ports.unwrap_or_default();
    let is_swapped = !is_one_way && (from, from_port) > (to, to_port);
    let mut bytes = [0; 40];
    // The seed.
    let mut length = 2;
    let mut push = |part: &[u8]| {
        bytes[length..length + part.len()].copy_from_slice(part);
        length += part.len();
    };
    for address in if is_swapped { [to, from] } else { [from, to] } {
        match address {
            IpAddr::V4(address) => push(&address.octets()),
            IpAddr::V6(address) => push(&address.octets()),
        }
    }
    push(&[flow.protocol, 0]);
    if let Some([from, to]) = ports {
        let (from, to) = if is_swapped { (to, from) } else { (from, to) };
        push(&from.to_be_bytes());
        push(&to.to_be_bytes());
    }
    out.push_str("1:");
    STANDARD.encode_string(digest(&SHA1_FOR_LEGACY_USE_ONLY, &bytes[..length]), out);
    Some(())
}

/// Returns whether a protocol has types and codes in place of ports.
pub(super) fn is_icmp(protocol: u8) -> bool {
    matches!(protocol, ICMP | IPV6_ICMP)
}

/// Returns the type of ICMP that answers this one, or that it answers.
fn answer(protocol: u8, kind: u16) -> Option<u16> {
    const PAIRS: [(u8, u16, u16); 11] = [
        (ICMP, 8, 0),
        (ICMP, 10, 9),
        (ICMP, 13, 14),
        (ICMP, 15, 16),
        (ICMP, 17, 18),
        (IPV6_ICMP, 128, 129),
        (IPV6_ICMP, 130, 131),
        (IPV6_ICMP, 133, 134),
        (IPV6_ICMP, 135, 136),
        (IPV6_ICMP, 139, 140),
        (IPV6_ICMP, 144, 145),
    ];
    let mut of_protocol = PAIRS.iter().filter(|(other, _, _)| *other == protocol);
    of_protocol.find_map(|(_, request, reply)| match kind {
        _ if kind == *request => Some(*reply),
        _ if kind == *reply => Some(*request),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_those_that_the_specification_publishes() {
        for (protocol, from, to, ports, expected) in [
            (
                TCP,
                "128.232.110.120",
                "66.35.250.204",
                Some([34855, 80]),
                "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
            ),
            (
                TCP,
                "66.35.250.204",
                "128.232.110.120",
                Some([80, 34855]),
                "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
            ),
            (
                UDP,
                "192.168.1.52",
                "8.8.8.8",
                Some([54585, 53]),
                "1:d/FP5EW3wiY1vCndhwleRRKHowQ=",
            ),
            (
                SCTP,
                "192.168.170.8",
                "192.168.170.56",
                Some([7, 80]),
                "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ=",
            ),
            (
                ICMP,
                "192.168.0.89",
                "192.168.0.1",
                Some([8, 0]),
                "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=",
            ),
            (
                ICMP,
                "192.168.0.1",
                "192.168.0.89",
                Some([0, 0]),
                "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=",
            ),
        ] {
            let addresses = [from, to].map(|address| address.parse().unwrap());
            let flow = Flow {
                protocol,
                addresses,
                ports,
            };
            let mut text = String::new();
            append(&flow, &mut text).unwrap();
            assert_eq!(text, expected, "{protocol} {from} {to}");
        }
    }
}
