//! What is in the blocks.

use estreamer_core::wire::RecordType;

use super::*;
use crate::format::csv::Columns;
use crate::format::readers::{Block, pcapng};
use crate::format::{Converted, Converter, Format, Formatter, OwnedTransform};

const ALERT: &str = r#"{"EventType":"IntrusionEvent","EventSecond":5,"EventMicrosecond":7,
    "DeviceUUID":"u","InstanceID":1,"EventID":9,"GeneratorID":1,"SignatureID":11192,
    "SignatureRevision":20,"IntrusionRuleMessage":"FILE \"x\""}"#;

fn packet(rest: &str) -> String {
    format!("{{\"EventType\":\"IntrusionPacket\",\"EventSecond\":5,\"EventID\":9{rest}}}")
}

/// Formats events, each with the source and the file it is for, as one batch each.
fn written(formatter: &mut Formatter, batches: &[&[&str]]) -> Vec<u8> {
    let (mut out, file) = (Vec::new(), Arc::from(Path::new("a")));
    let mut state = crate::format::head::HeadState::default();
    let columns = Columns::default();
    for batch in batches {
        let records = || {
            batch.iter().map(|event| EventRecord {
                kind: RecordKind::Event,
                record_type: RecordType(0),
                archival: Some(3),
                bundle: None,
                length: event.len() as u32,
                data: event.as_bytes(),
            })
        };
        let mut part = Vec::new();
        formatter.begin("fmc", records());
        for record in records() {
            if !formatter.takes(&record) {
                continue;
            }
            let origin = RecordOrigin {
                source: "fmc",
                transform: &OwnedTransform::Json,
                received: 4,
                columns: &columns,
            };
            formatter.select(&file);
            formatter.append(origin, &record, None, &mut part);
        }
        let mut head = formatter.head(&columns);
        formatter.complete(&file, &mut head);
        out.extend_from_slice(&state.missing(&head, out.len() as u64));
        state.written(&head);
        out.extend_from_slice(&part);
    }
    out
}

fn blocks(batches: &[&[&str]]) -> Vec<Block> {
    let out = written(&mut Formatter::new(Format::Pcapng), batches);
    pcapng(&out).expect("it is pcapng")
}

#[test]
fn a_packet_has_its_bytes_time_length_and_members() {
    let event = packet(
        r#","DeviceUUID":"u","PacketSecond":1744752707,"PacketMicrosecond":709756,
        "LinkType":101,"PacketLength":60,"PacketData":"AP8Q","Unheard_Of":"x\ny","Gone":null"#,
    );
    let found = blocks(&[&[&event]]);
    let [
        Block::Section,
        Block::Interface(name, link),
        Block::Packet(packet),
    ] = &found[..]
    else {
        panic!("{found:?}")
    };
    assert_eq!((&**name, *link), ("u", 101));
    assert_eq!(packet.interface, 0);
    assert_eq!(packet.time, 1_744_752_707_709_756);
    assert_eq!(
        (&packet.data[..], packet.length),
        (&[0, 0xff, 0x10][..], 60)
    );
    assert_eq!(
        packet.comments,
        ["(EventType IntrusionPacket, EventSecond 5, EventID 9, DeviceUUID u, Unheard_Of x y)"]
    );
}

#[test]
fn what_a_packet_cannot_hold_is_in_its_comment() {
    let event =
        packet(r#","PacketSecond":7,"PacketMicrosecond":1000000,"Packet":"00","PacketData":"01""#);
    let found = blocks(&[&[&event]]);
    let Some(Block::Packet(packet)) = found.last() else {
        panic!("{found:?}")
    };
    assert_eq!((packet.time, &packet.data[..]), (7_000_000, &[0][..]));
    let comment = &packet.comments[0];
    assert!(
        comment.ends_with("EventID 9, PacketMicrosecond 1000000, PacketData 01)"),
        "{comment}"
    );
}

#[test]
fn a_packet_names_its_intrusion_event_before_or_after_it_in_a_batch_and_in_an_earlier_one() {
    let mine = packet(r#","PacketData":"00""#);
    for batches in [
        &[&[ALERT, &*mine][..]][..],
        &[&[&*mine, ALERT]],
        &[&[ALERT], &[&*mine]],
    ] {
        let found = blocks(batches);
        let Some(Block::Packet(packet)) = found.last() else {
            panic!("{found:?}")
        };
        let comment = &packet.comments[0];
        assert!(
            comment.starts_with("1:11192:20 FILE \"x\" (EventType "),
            "{comment}"
        );
    }
    // A later batch is too late, and another device has alerts of its own.
    let other = packet(r#","DeviceUUID":"v","PacketData":"00""#);
    for batches in [&[&[&*mine][..], &[ALERT]][..], &[&[ALERT, &*other]]] {
        let found = blocks(batches);
        let packets = found.iter().filter_map(|block| match block {
            Block::Packet(packet) => Some(&packet.comments[0]),
            _ => None,
        });
        let comments: Vec<&String> = packets.collect();
        assert!(
            comments.iter().all(|it| it.starts_with("(EventType ")),
            "{comments:?}"
        );
    }
}

#[test]
fn what_holds_no_packet_is_an_empty_one_with_its_envelope_and_another_type_is_left_out() {
    let large = packet(&format!(",\"PacketData\":\"!{}\"", "x".repeat(60_000)));
    let none = packet("");
    let other = r#"{"EventType":"ConnectionEvent"}"#;
    let found = blocks(&[&["{", other, &none, &large]]);
    let mut packets = found.iter().filter_map(|block| match block {
        Block::Packet(packet) => Some(packet),
        _ => None,
    });
    for reason in [
        "not JSON at line 1, column 1",
        "it has no packet data",
        "its packet data is neither hexadecimal nor base64",
    ] {
        let packet = packets.next().unwrap();
        assert_eq!((packet.data.len(), packet.time), (0, 3_000_000));
        let envelope: serde_json::Value = serde_json::from_str(&packet.comments.concat()).unwrap();
        assert_eq!(envelope["estreamer_error"]["reason"], reason);
    }
    assert!(packets.next().is_none());
}

#[test]
fn each_device_and_link_type_has_one_interface_in_a_section() {
    let of = |device: &str, link: u16| {
        let rest = format!(r#","Device":"{device}","LinkType":{link},"PacketData":"00""#);
        packet(&rest)
    };
    let (a1, a2, b1) = (of("a", 1), of("a", 2), of("b", 1));
    let batches: [&[&str]; 3] = [&[&a1, &a2], &[&a1], &[&b1, &a2]];
    let mut formatter = Formatter::new(Format::Pcapng);
    let found = pcapng(&written(&mut formatter, &batches)).unwrap();
    let mut interfaces = Vec::new();
    let mut numbers = Vec::new();
    for block in &found {
        match block {
            Block::Section => {}
            Block::Interface(name, link) => interfaces.push((&**name, *link)),
            Block::Packet(packet) => numbers.push(packet.interface),
        }
    }
    assert_eq!(interfaces, [("a", 1), ("a", 2), ("b", 1)]);
    assert_eq!(numbers, [0, 1, 0, 2, 1]);
    // Another file gets all of them at once, so that the numbers stay.
    let again = pcapng(&written(&mut formatter, &[&[&b1]])).unwrap();
    assert!(matches!(
        &again[..],
        [
            Block::Section,
            Block::Interface(..),
            Block::Interface(..),
            Block::Interface(..),
            Block::Packet(_)
        ]
    ));
}

#[test]
fn hostile_devices_do_not_grow_a_section_for_ever() {
    let mut formatter = Formatter::new(Format::Pcapng);
    let events: Vec<String> = (0..5 * MAX_INTERFACES)
        .map(|number| packet(&format!(r#","Device":"{number}","PacketData":"00""#)))
        .collect();
    let batches: Vec<[&str; 1]> = events.iter().map(|event| [&**event]).collect();
    let batches: Vec<&[&str]> = batches.iter().map(|batch| &batch[..]).collect();
    let found = pcapng(&written(&mut formatter, &batches)).unwrap();
    let count = |which: fn(&Block) -> bool| found.iter().filter(|block| which(block)).count();
    assert_eq!(count(|it| matches!(it, Block::Packet(_))), events.len());
    assert_eq!(count(|it| matches!(it, Block::Section)), 5);
}

#[test]
fn a_capture_of_more_bytes_than_readers_take_is_shortened_and_counted() {
    let event = packet(&format!(",\"PacketData\":\"{}\"", "00".repeat(300_000)));
    let mut converter = Converter::new(Format::Pcapng, "fmc");
    let mut out = Vec::new();
    assert_eq!(
        converter.append(event.as_bytes(), &mut out),
        Converted::Event
    );
    assert_eq!(converter.adjusted(), 1);
    let found = pcapng(&out).unwrap();
    let Some(Block::Packet(packet)) = found.last() else {
        panic!("{found:?}")
    };
    assert_eq!((packet.data.len(), packet.length), (262_144, 300_000));
}
