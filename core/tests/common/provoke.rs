//! Bytes that contain each quirk.

use super::{
    bundle, error_body, extended, message, nested_event, null, record, request, with_length,
};
use estreamer_core::quirk::Quirk;

/// The bytes that provoke a quirk. The quirks beside it are counted too, because they
/// cannot be separated from it: every nested message has a version.
pub enum Provoked {
    Server(Vec<u8>),
    Client(Vec<u8>),
    /// The client answers a keep-alive.
    Answer,
}

pub const BLOCK: &[u8] = br#"{"Events":{}}"#;

pub fn provoke(quirk: Quirk) -> (Provoked, &'static [Quirk]) {
    use Provoked::{Answer, Client, Server};
    use Quirk as Q;
    let nested = |bytes: Vec<u8>| Server(bundle(1, &bytes));
    let flag = 1 << 31;
    let time = [0; 8];
    match quirk {
        Q::NestedVersion0 => (nested(nested_event(b"")), &[]),
        Q::NestedVersion1 => (nested(message(1, 4, &extended(b""))), &[]),
        Q::NestedVersionOther => (nested(message(2, 4, &extended(b""))), &[]),
        Q::EventType3 => (nested(message(0, 3, &extended(b""))), &[Q::NestedVersion0]),
        Q::ExtendedFlag => {
            let record = record(flag | 71, 0, &time);
            (nested(message(0, 4, &record)), &[Q::NestedVersion0])
        }
        Q::FlagContradictsLengths => {
            let record = record(flag | 71, 2, b"{}");
            (nested(message(0, 4, &record)), &[Q::NestedVersion0])
        }
        Q::Netmap => {
            let record = record(5 << 16 | 71, 0, &time);
            (nested(message(0, 4, &record)), &[Q::NestedVersion0])
        }
        Q::RecordClipped => {
            let record = record(flag | 71, 99, &time);
            (nested(message(0, 4, &record)), &[Q::NestedVersion0])
        }
        Q::RecordCoversExtension => {
            let record = record(
                71,
                10,
                &[&1_700_000_000_u32.to_be_bytes()[..], b"\0\0\0\0{}"].concat(),
            );
            (nested(message(0, 4, &record)), &[Q::NestedVersion0])
        }
        Q::RecordCoversHeader => {
            let record = record(71, 10, b"{}");
            (nested(message(0, 4, &record)), &[Q::NestedVersion0])
        }
        Q::RecordMalformed => {
            let record = record(71, 99, b"{}");
            (nested(message(0, 4, &record)), &[Q::NestedVersion0])
        }
        Q::NoExtension => {
            let record = record(71, 2, b"{}");
            (nested(message(0, 4, &record)), &[Q::NestedVersion0])
        }
        Q::DataNotJson => (nested(nested_event(b"no")), &[Q::NestedVersion0]),
        Q::MessageMalformed => (Server(message(1, 4002, b"short")), &[]),
        Q::ErrorNul => (Server(message(1, 1, &error_body(1, 3, b"no\0"))), &[]),
        Q::ErrorLength => (Server(message(1, 1, &error_body(1, 3, b"no"))), &[]),
        Q::RequestInclusive => {
            let request = request(0, 0, BLOCK);
            let inclusive = with_length(1, 2, request.len() as u32, &request[8..]);
            (Client(inclusive), &[])
        }
        Q::RequestBoth => {
            let request = request(0, 0, BLOCK);
            let both = with_length(1, 2, request.len() as u32, &request[8..]);
            (Client([both, null()].concat()), &[])
        }
        Q::RequestNul => (Client(request(0, 0, &[BLOCK, &[0]].concat())), &[]),
        Q::SurplusNull => (Client(null()), &[]),
        Q::NullBody => (Server(message(1, 0, b"body")), &[]),
        Q::NestedNull => (nested(message(0, 0, b"")), &[Q::NestedVersion0]),
        Q::NestedError => {
            let error = message(0, 1, &error_body(1, 2, b"no"));
            (nested(error), &[Q::NestedVersion0])
        }
        Q::NestedUnknown => (nested(message(0, 99, b"")), &[Q::NestedVersion0]),
        Q::UnknownMessage => (Server(message(1, 99, b"")), &[]),
        Q::TopLevelEvent => (Server(message(1, 4, &extended(b""))), &[]),
        Q::BundleOverrun => (nested(with_length(0, 4, 99, b"")), &[]),
        Q::BundleTrailing => (nested(b"stray".to_vec()), &[]),
        Q::BundleEmpty => (nested(vec![]), &[]),
        Q::SequenceGap => (Server(bundle(2, b"stray")), &[Q::BundleTrailing]),
        Q::SequenceRepeat => {
            let twice = bundle(1, b"stray").repeat(2);
            (Server(twice), &[Q::BundleTrailing])
        }
        // Counted as `sequence-repeat`.
        Q::SequenceStanding => provoke(Q::SequenceRepeat),
        Q::Oversize => (
            nested(message(0, 99, &[0; 1000])),
            &[Q::NestedVersion0, Q::NestedUnknown],
        ),
        Q::AcknowledgeKeepAlives => (Answer, &[]),
        other => panic!("no bytes provoke {other} yet: add them here"),
    }
}
