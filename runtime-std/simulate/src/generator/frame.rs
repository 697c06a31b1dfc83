//! A valid Ethernet frame of a connection, initiator to responder.

use super::PayloadSize;
use super::connection::SimulatedConnection;
use super::rng::Rng;
use super::vocabulary::TransportProtocol;
use std::net::IpAddr;

const ETHERNET_HEADER: usize = 14;
/// What fits behind the Ethernet header.
const MTU: usize = 1_500;
/// Below this a real frame would carry padding that belongs to no header.
const PAYLOAD_LEAST: usize = 18;

/// Ethernet II, IPv4 or IPv6, TCP, UDP or ICMP echo, with right lengths and
/// checksums; between 60 and 1514 bytes.
pub(super) fn build(connection: &SimulatedConnection, size: PayloadSize, rng: &mut Rng) -> Vec<u8> {
    let v6 = connection.initiator.is_ipv6();
    let ip_header = if v6 { 40 } else { 20 };
    let transport_header = match connection.service.transport {
        TransportProtocol::Tcp => 20,
        TransportProtocol::Udp | TransportProtocol::Icmp => 8,
    };
    let mut payload = payload(connection, size, rng);
    payload.truncate(MTU - ip_header - transport_header);

    let mut segment = Vec::with_capacity(transport_header + payload.len());
    push_transport(connection, payload.len(), &mut segment, rng);
    segment.extend_from_slice(&payload);
    set_transport_checksum(connection, &mut segment);

    let mut frame = Vec::with_capacity(ETHERNET_HEADER + ip_header + segment.len());
    // Locally administered addresses, which no maker ever gave out.
    for _ in 0..2 {
        frame.extend_from_slice(&[2, 0, 0x5e]);
        frame.extend_from_slice(&rng.next().to_be_bytes()[..3]);
    }
    frame.extend_from_slice(if v6 { &[0x86, 0xdd] } else { &[0x08, 0x00] });
    push_ip(connection, segment.len(), &mut frame, rng);
    frame.extend_from_slice(&segment);
    frame
}

fn payload(connection: &SimulatedConnection, size: PayloadSize, rng: &mut Rng) -> Vec<u8> {
    let mut payload = if connection.service.name == "HTTP" {
        format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\n\r\n",
            connection.path, connection.host
        )
        .into_bytes()
    } else if connection.service.port == 53 {
        dns_query(connection.host, rng)
    } else {
        Vec::new()
    };
    let length = match size {
        PayloadSize::Small => PAYLOAD_LEAST,
        PayloadSize::Typical => rng.between(PAYLOAD_LEAST as u64, 300) as usize,
        PayloadSize::Large => MTU,
    };
    // What has a form of its own keeps it, the rest is noise.
    if payload.is_empty() {
        while payload.len() < length {
            payload.extend_from_slice(&rng.next().to_be_bytes());
        }
        payload.truncate(length);
    }
    payload
}

fn dns_query(host: &str, rng: &mut Rng) -> Vec<u8> {
    let mut query = (rng.next() as u16).to_be_bytes().to_vec();
    // Recursion desired, one question.
    query.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in host.split('.') {
        query.push(label.len() as u8);
        query.extend_from_slice(label.as_bytes());
    }
    // Root, type A, class IN.
    query.extend_from_slice(&[0, 0, 1, 0, 1]);
    query
}

/// The transport header, its checksum still zero.
fn push_transport(
    connection: &SimulatedConnection,
    payload: usize,
    out: &mut Vec<u8>,
    rng: &mut Rng,
) {
    let ports = [connection.initiator_port, connection.service.port];
    match connection.service.transport {
        TransportProtocol::Tcp => {
            out.extend(ports.map(u16::to_be_bytes).concat());
            // Sequence and acknowledgement number.
            out.extend_from_slice(&rng.next().to_be_bytes());
            // Header of five words, PSH and ACK, window, checksum, no urgency.
            out.extend_from_slice(&[0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
        }
        TransportProtocol::Udp => {
            out.extend(ports.map(u16::to_be_bytes).concat());
            out.extend_from_slice(&((8 + payload) as u16).to_be_bytes());
            out.extend_from_slice(&[0, 0]);
        }
        TransportProtocol::Icmp => {
            // Type, code, checksum, identifier and sequence number.
            out.extend_from_slice(&[connection.icmp_type().unwrap_or(8), 0, 0, 0]);
            out.extend_from_slice(&connection.initiator_port.to_be_bytes());
            out.extend_from_slice(&[0, 1]);
        }
    }
}

fn set_transport_checksum(connection: &SimulatedConnection, segment: &mut [u8]) {
    let (at, pseudo) = match connection.service.transport {
        TransportProtocol::Tcp => (16, true),
        TransportProtocol::Udp => (6, true),
        // ICMP for IPv4 is the one without pseudo header.
        TransportProtocol::Icmp => (2, connection.initiator.is_ipv6()),
    };
    let mut sum = Sum::default();
    if pseudo {
        sum.add(&address_bytes(connection.initiator));
        sum.add(&address_bytes(connection.responder));
        sum.add(&(segment.len() as u32).to_be_bytes());
        sum.add(&[0, connection.protocol().1]);
    }
    sum.add(segment);
    let mut checksum = sum.finish();
    // In UDP zero means “no checksum”.
    if checksum == 0 && connection.service.transport == TransportProtocol::Udp {
        checksum = 0xffff;
    }
    segment[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
}

fn push_ip(connection: &SimulatedConnection, segment: usize, out: &mut Vec<u8>, rng: &mut Rng) {
    let protocol = connection.protocol().1;
    let start = out.len();
    if connection.initiator.is_ipv6() {
        // Version 6, no traffic class, no flow label.
        out.extend_from_slice(&[0x60, 0, 0, 0]);
        out.extend_from_slice(&(segment as u16).to_be_bytes());
        out.extend_from_slice(&[protocol, 64]);
    } else {
        out.extend_from_slice(&[0x45, 0]);
        out.extend_from_slice(&((20 + segment) as u16).to_be_bytes());
        out.extend_from_slice(&rng.next().to_be_bytes()[..2]);
        // Don't fragment, time to live, protocol, checksum still zero.
        out.extend_from_slice(&[0x40, 0, 64, protocol, 0, 0]);
    }
    out.extend(address_bytes(connection.initiator));
    out.extend(address_bytes(connection.responder));
    if connection.initiator.is_ipv4() {
        let mut sum = Sum::default();
        sum.add(&out[start..]);
        let checksum = sum.finish().to_be_bytes();
        out[start + 10..start + 12].copy_from_slice(&checksum);
    }
}

fn address_bytes(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(a) => a.octets().to_vec(),
        IpAddr::V6(a) => a.octets().to_vec(),
    }
}

/// The Internet checksum (RFC 1071) over pieces, of which only the last may
/// have an odd length.
#[derive(Default)]
pub(super) struct Sum(u32);

impl Sum {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks(2) {
            let low = pair.get(1).copied().unwrap_or(0);
            self.0 += u32::from(u16::from_be_bytes([pair[0], low]));
        }
    }

    pub(super) fn finish(&self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }
}
