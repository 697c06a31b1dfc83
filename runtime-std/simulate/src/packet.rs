//! The intrusion packet record of the binary format (record type 2): what
//! classic clients are served.
//!
//! Device id, event id, event second, packet second, packet microsecond, link
//! type, packet length, all u32 in network byte order; then the packet.

use super::generator::{EventKind, FieldValue, GeneratedEvent};

/// The fields of a record, its packet apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PacketFields {
    /// In the order of [`NAMES`].
    pub(super) numbers: [u32; 5],
    pub(super) sensor: u32,
}

/// The numbers behind the device id, by their names in fully-qualified events.
pub(super) const NAMES: [&str; 5] = [
    "EventID",
    "EventSecond",
    "PacketSecond",
    "PacketMicrosecond",
    "LinkType",
];

impl PacketFields {
    /// Appends the record; false, and nothing appended, if the packet is not
    /// written in hexadecimal digits. Of each number, name and place are noted.
    pub(super) fn push(
        &self,
        packet: &str,
        out: &mut Vec<u8>,
        mut note: impl FnMut(&str, u64, usize),
    ) -> bool {
        let start = out.len();
        out.extend_from_slice(&self.sensor.to_be_bytes());
        for (name, number) in NAMES.into_iter().zip(self.numbers) {
            note(name, number.into(), out.len());
            out.extend_from_slice(&number.to_be_bytes());
        }
        out.extend_from_slice(&((packet.len() / 2) as u32).to_be_bytes());
        let (pairs, odd) = packet.as_bytes().as_chunks::<2>();
        let digit = |byte: u8| char::from(byte).to_digit(16);
        for &[high, low] in pairs {
            let (Some(high), Some(low)) = (digit(high), digit(low)) else {
                out.truncate(start);
                return false;
            };
            out.push((high << 4 | low) as u8);
        }
        if !odd.is_empty() {
            out.truncate(start);
        }
        odd.is_empty()
    }
}

/// Appends a generated packet event as a record; false for any other event.
pub(super) fn render(
    event: &GeneratedEvent,
    out: &mut Vec<u8>,
    note: impl FnMut(&str, u64, usize),
) -> bool {
    let number = |name| match event.get(name) {
        Some(FieldValue::Integer(number)) => *number as u32,
        _ => 0,
    };
    let Some(FieldValue::Text(packet)) = event.get("PacketData") else {
        return false;
    };
    event.kind == EventKind::Packet
        && PacketFields {
            numbers: NAMES.map(number),
            sensor: event.sensor,
        }
        .push(packet, out, note)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_the_layout_of_the_guides_example() {
        // The numbers of the guide's example record.
        let fields = PacketFields {
            numbers: [195_430, 0x3f04_7f72, 0x3f04_7f74, 254_365, 1],
            sensor: 3,
        };
        let mut out = Vec::new();
        let mut noted = Vec::new();
        let whole = fields.push("c0ffee", &mut out, |name, value, at| {
            noted.push((name.to_owned(), value, at));
        });
        assert!(whole);
        assert_eq!(
            out[..12],
            [0, 0, 0, 3, 0, 2, 0xfb, 0x66, 0x3f, 0x04, 0x7f, 0x72]
        );
        assert_eq!(out[24..], [0, 0, 0, 3, 0xc0, 0xff, 0xee]);
        assert_eq!(noted[0], ("EventID".into(), 195_430, 4));
    }

    #[test]
    fn what_is_not_hexadecimal_is_left_out_whole() {
        let fields = PacketFields {
            numbers: [0; 5],
            sensor: 0,
        };
        for packet in ["abc", "zz", "+1", "é"] {
            let mut out = vec![7];
            assert!(!fields.push(packet, &mut out, |_, _, _| {}), "{packet}");
            assert_eq!(out, [7]);
        }
    }
}
