//! Every sample message parses, prints in one line, and is emitted with the same bytes
//! if it follows the guide.

use estreamer_core::wire::{Header, Message};
use estreamer_core::{Malformed, PeerError};

const VECTORS: &str = include_str!("vectors.txt");

/// The text of each vector, and whether it is emitted with the same bytes.
const EXPECTED: &[(&str, &str, bool)] = &[
    ("01_null", "null", true),
    // The text length counts a NUL, which is not emitted.
    ("02a_error_doc19", "error 19: No space", false),
    ("02b_error_client_minus1", "error -1: shutdown", true),
    (
        "03a_request_now_extended",
        "event stream request from now, flags 0x48900061 [packet data, impact alerts, intrusion with impact, metadata v4, extended event header, extra data, extended request]",
        true,
    ),
    (
        "03b_request_epoch_plain",
        "event stream request from second 1700000000, flags 0x00900041 [packet data, intrusion with impact, metadata v4, extended event header]",
        true,
    ),
    (
        "04a_fqe_request_nonul",
        "event stream request from second 1700000000, flags 0x00800000 [extended event header], JSON 181 bytes",
        true,
    ),
    (
        "04b_fqe_request_nul",
        "event stream request from second 1700000000, flags 0x00800000 [extended event header], JSON 181 bytes",
        true,
    ),
    ("05_event_noext", "event intrusion (400), 13 bytes", true),
    (
        "06a_event_ext_bit31clear",
        "event intrusion (400), archived 1700000001, 13 bytes",
        true,
    ),
    (
        "06b_event_ext_bit31set",
        "event intrusion (400), archived 1700000001, 13 bytes",
        true,
    ),
    (
        "06c_event_ext_type3",
        "event intrusion (400), archived 1700000001, 13 bytes",
        true,
    ),
    (
        "07a_event_netmap5_noext",
        "event connection (71), netmap 5, 13 bytes",
        true,
    ),
    (
        "07b_event_netmap5_ext",
        "event connection (71), netmap 5, archived 1700000001, 13 bytes",
        true,
    ),
    (
        "08a_bundle2_nestedver0",
        "bundle 1 of connection 42, 74 bytes",
        true,
    ),
    (
        "08b_bundle2_nestedver1",
        "bundle 1 of connection 42, 74 bytes",
        true,
    ),
    (
        "08c_bundle2_nestedver1_type3",
        "bundle 1 of connection 42, 74 bytes",
        true,
    ),
    (
        "09_streaming_info",
        "streaming information: service 6667; service 5000",
        true,
    ),
    (
        "10a_streaming_request_svclen_incl28",
        "streaming request: service 6667 from oldest, flags 0x40000000 [extended request], events 71v6 21v4",
        true,
    ),
    (
        "10b_streaming_request_svclen_excl20",
        "streaming request: service 6667 from oldest, flags 0x40000000 [extended request], events 71v6 21v4",
        true,
    ),
    (
        "10c_streaming_request_encore",
        "streaming request: service 6667 from now, flags 0x48900061 [packet data, impact alerts, intrusion with impact, metadata v4, extended event header, extra data, extended request], events 12v11 21v4 31v9 61v11 71v17 91v7 101v8 111v7 131v2",
        true,
    ),
    (
        "11a_host_request_v7",
        "host data request (5) 10.0.0.0 to 10.0.0.255",
        true,
    ),
    (
        "11b_host_request_legacy_v5",
        "host data request (5) 10.0.0.0 to 10.0.0.255",
        true,
    ),
    ("11c_multi_host_end", "multiple host data (7) end", true),
    // The record length is emitted as the guide describes it.
    (
        "13a_event_covers_extension",
        "event intrusion (400), archived 1700000001, 13 bytes",
        false,
    ),
    (
        "13b_event_covers_header_ext",
        "event intrusion (400), archived 1700000001, 13 bytes",
        false,
    ),
    (
        "13c_event_covers_header_noext",
        "event intrusion (400), 13 bytes",
        false,
    ),
];

#[test]
fn every_vector_prints_what_it_is_and_survives_a_round_trip() {
    for &(name, line, same) in EXPECTED {
        let bytes = vector(name);
        let ((_, message), rest) = Message::parse(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(rest.is_empty(), "{name}");
        assert_eq!(message.to_string(), line, "{name}");
        let mut out = vec![0; message.encoded_len()];
        assert_eq!(message.emit(&mut out), Ok(out.len()), "{name}");
        assert_eq!(out == bytes, same, "{name}: {out:02x?}");
        let ((_, again), _) = Message::parse(&out).unwrap();
        assert_eq!(again, message, "{name}");
    }
}

#[test]
fn no_vector_is_left_out() {
    let elsewhere = ["04c_fqe_request_len_incl_hdr", "12_packet_record_doc_hdr"];
    let names = VECTORS
        .lines()
        .filter_map(|line| Some(line.split_once(':')?.0));
    let tested: Vec<&str> = EXPECTED.iter().map(|row| row.0).chain(elsewhere).collect();
    for name in names {
        assert!(tested.contains(&name), "{name} is not tested");
    }
}

#[test]
fn the_inclusive_request_is_eight_bytes_short_of_its_length() {
    let bytes = vector("04c_fqe_request_len_incl_hdr");
    assert_eq!(
        Message::parse(&bytes).unwrap_err(),
        PeerError::Truncated { needed: 8 }
    );
}

#[test]
fn the_packet_records_header_tells_its_length_although_the_body_is_cut() {
    let bytes = vector("12_packet_record_doc_hdr");
    let (header, body) = Header::parse(&bytes).unwrap();
    assert_eq!(header.length, 989);
    let record = estreamer_core::wire::RecordHeader::parse(body, header.length);
    let (record, _) = record.unwrap();
    assert_eq!(record.to_string(), "intrusion packet (2)");
    assert!(matches!(
        Message::parse(&bytes),
        Err(PeerError::Truncated { .. })
    ));
}

#[test]
fn bundled_events_carry_their_own_archival_times() {
    for name in [
        "08a_bundle2_nestedver0",
        "08b_bundle2_nestedver1",
        "08c_bundle2_nestedver1_type3",
    ] {
        let bytes = vector(name);
        let ((_, Message::Bundle(bundle)), _) = Message::parse(&bytes).unwrap() else {
            panic!("{name} is no bundle");
        };
        let lines: Vec<String> = bundle
            .messages()
            .map(|message| message.unwrap().1.to_string())
            .collect();
        assert_eq!(
            lines,
            [
                "event intrusion (400), archived 1700000001, 13 bytes",
                "event connection (71), archived 1700000002, 13 bytes"
            ],
            "{name}"
        );
    }
}

#[test]
fn a_vector_cut_anywhere_is_truncated_or_malformed_but_never_a_panic() {
    for line in VECTORS.lines().filter(|line| line.contains(':')) {
        let bytes = vector(line.split_once(':').unwrap().0);
        for cut in 0..bytes.len() {
            let error = Message::parse(&bytes[..cut]).unwrap_err();
            assert!(
                matches!(error, PeerError::Truncated { .. }),
                "{line} at {cut}"
            );
            if cut >= 8 {
                // The same body with a valid length.
                let mut short = bytes[..cut].to_vec();
                short[4..8].copy_from_slice(&(cut as u32 - 8).to_be_bytes());
                match Message::parse(&short) {
                    Ok(_) | Err(PeerError::Malformed(_)) => {}
                    Err(other) => panic!("{line} at {cut}: {other}"),
                }
            }
        }
    }
    assert_eq!(
        Message::parse(&[0, 1, 0, 4, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0]).unwrap_err(),
        PeerError::Malformed(Malformed::RecordTooShort)
    );
}

fn vector(name: &str) -> Vec<u8> {
    let hex = VECTORS
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        .unwrap_or_else(|| panic!("no vector {name}"));
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}
