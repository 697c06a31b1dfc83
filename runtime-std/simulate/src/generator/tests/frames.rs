//! Packets are frames a dissector would accept.

use super::*;

fn unhex(text: &str) -> Vec<u8> {
    assert_eq!(text.len() % 2, 0);
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
        .collect()
}

/// A sum over data that contains its own right checksum comes out as zero.
/// A separate implementation, so that the test does not use the sum of the generator.
fn ones_complement(parts: &[&[u8]]) -> u16 {
    let bytes = parts.concat();
    let mut sum = 0u64;
    for (i, byte) in bytes.iter().enumerate() {
        sum += u64::from(*byte) << if i % 2 == 0 { 8 } else { 0 };
    }
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn check_frame(frame: &[u8], connection: Option<&GeneratedEvent>) -> u8 {
    let word = |at: usize| usize::from(u16::from_be_bytes([frame[at], frame[at + 1]]));
    let (protocol, addresses, segment) = match word(12) {
        0x0800 => {
            assert_eq!(frame[14], 0x45);
            assert_eq!(word(16), frame.len() - 14, "IPv4 total length");
            assert_eq!(ones_complement(&[&frame[14..34]]), 0, "IPv4 checksum");
            (frame[23], &frame[26..34], &frame[34..])
        }
        0x86dd => {
            assert_eq!(frame[14] >> 4, 6);
            assert_eq!(word(18), frame.len() - 54, "IPv6 payload length");
            (frame[20], &frame[22..54], &frame[54..])
        }
        other => panic!("EtherType {other:#x}"),
    };
    let length = (segment.len() as u32).to_be_bytes();
    let pseudo: &[&[u8]] = &[addresses, &length, &[0, 0, 0, protocol], segment];
    match protocol {
        6 => {
            assert_eq!(segment[12], 0x50, "five words of TCP header");
            assert_eq!(ones_complement(pseudo), 0, "TCP checksum");
        }
        17 => {
            let told = u16::from_be_bytes([segment[4], segment[5]]);
            assert_eq!(usize::from(told), segment.len(), "UDP length");
            assert_ne!(&segment[6..8], [0, 0], "UDP checksum is there");
            assert_eq!(ones_complement(pseudo), 0, "UDP checksum");
        }
        1 => assert_eq!(ones_complement(&[segment]), 0, "ICMP checksum"),
        58 => assert_eq!(ones_complement(pseudo), 0, "ICMPv6 checksum"),
        other => panic!("protocol {other}"),
    }
    if let Some(event) = connection {
        let address = |bytes: &[u8]| match *bytes {
            [a, b, c, d] => std::net::Ipv4Addr::new(a, b, c, d).to_string(),
            _ => std::net::Ipv6Addr::from(<[u8; 16]>::try_from(bytes).unwrap()).to_string(),
        };
        let (from, to) = addresses.split_at(addresses.len() / 2);
        assert_eq!(address(from), string(event, "InitiatorIP"));
        assert_eq!(address(to), string(event, "ResponderIP"));
        if matches!(protocol, 6 | 17) {
            let port = |at| u64::from(u16::from_be_bytes([segment[at], segment[at + 1]]));
            assert_eq!(port(0), integer(event, "InitiatorPort"));
            assert_eq!(port(2), integer(event, "ResponderPort"));
        }
    }
    protocol
}

#[test]
fn packets_are_valid_ethernet_frames_of_their_connection() {
    for size in [PayloadSize::Small, PayloadSize::Typical, PayloadSize::Large] {
        let options = GeneratorOptions {
            size,
            awkward_percent: 30,
            ipv6_percent: 50,
            ..GeneratorOptions::default()
        };
        let mut alerts = HashMap::new();
        let mut protocols = HashSet::new();
        let mut longest = 0;
        for event in events(3_000, options) {
            if event.kind == EventKind::Intrusion {
                alerts.insert(integer(&event, "EventID"), event);
            } else if event.kind == EventKind::Packet {
                let frame = unhex(string(&event, "PacketData"));
                assert_eq!(integer(&event, "PacketLength"), frame.len() as u64);
                assert_eq!(integer(&event, "LinkType"), 1);
                assert!((60..=1_514).contains(&frame.len()), "{}", frame.len());
                longest = longest.max(frame.len());
                let alert = alerts.get(&integer(&event, "EventID"));
                protocols.insert(check_frame(&frame, alert));
            }
        }
        assert_eq!(protocols, HashSet::from([1, 6, 17, 58]));
        assert_eq!(longest == 1_514, size == PayloadSize::Large);
    }
}
