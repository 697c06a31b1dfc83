//! Formats events in every format.

use serde_json::{Map, Value};

use crate::config::Format;
use crate::format::{Converted, Converter, readers};

/// The fields of an event that is made of values.
const FIELDS: [&str; 6] = [
    "URL",
    "User",
    "FirewallRule",
    "Unheard_Of",
    "FileName",
    "Other",
];

/// Formats an event. After the first byte come the bytes of the event if that is even, or
/// values of fields, separated by the byte 255.
pub fn formats(data: &[u8]) {
    let Some((how, data)) = data.split_first() else {
        return;
    };
    match how % 4 {
        1 => return values(data),
        3 => return packets(data),
        _ => {}
    }
    // The readers below refuse a number that no double can hold; it stays as it came.
    let is_too_large = serde_json::from_slice::<Value>(data)
        .is_err_and(|error| error.to_string().starts_with("number out of range"));
    for (format, name, _) in Format::ALL {
        let mut out = b"before".to_vec();
        Converter::new(*format, "fuzz").append(data, &mut out);
        let record = out.strip_prefix(b"before").expect("it is appended");
        let is_line = |record: &[u8]| {
            let end = record.iter().position(|byte| *byte == b'\n');
            end.is_none_or(|end| end + 1 == record.len())
        };
        match format {
            Format::Raw | Format::Csv => {}
            Format::Pcapng => {
                let blocks = readers::pcapng(record).expect("it is a capture file");
                assert!(record.is_empty() || blocks.len() == 3, "it is one packet");
                continue;
            }
            _ => assert!(is_line(record), "{name} is one line"),
        }
        if !matches!(format, Format::Raw | Format::Lines) {
            assert!(str::from_utf8(record).is_ok(), "{name} is text");
        }
        // Splunk gets the text of the event as it is, also half a pair of surrogates.
        if matches!(format, Format::Ecs | Format::Ocsf) {
            let unique = readers::json(record).is_some();
            assert!(
                record.is_empty() || unique || is_too_large,
                "{name} is an object without equal names"
            );
        }
    }
}

/// Formats the text of a packet, and of the rule of its intrusion event before or after it:
/// separated by the byte 255.
fn packets(data: &[u8]) {
    let mut parts = data.split(|byte| *byte == 255).map(String::from_utf8_lossy);
    let mut part = || parts.next().unwrap_or_default();
    let (text, message, comment, length) = (part(), part(), part(), part());
    let length = length.parse::<u64>().ok();
    let packet = serde_json::json!({
        "EventType": "IntrusionPacket", "EventID": 1, "EventSecond": 2,
        "PacketLength": length, "PacketData": text, "Other": comment,
    });
    let alert = serde_json::json!({
        "EventType": "IntrusionEvent", "EventID": 1, "EventSecond": 2,
        "SignatureID": 3, "IntrusionRuleMessage": message,
    });
    let lines = [packet, alert].map(|event| event.to_string().into_bytes());
    let mut converter = Converter::new(Format::Pcapng, "fuzz");
    let mut out = Vec::new();
    converter.begin(lines.iter().map(Vec::as_slice));
    let converted = lines
        .each_ref()
        .map(|line| converter.append(line, &mut out));
    assert_eq!(converted[1], Converted::LeftOut);
    let blocks = readers::pcapng(&out).expect("it is a capture file");
    let [
        readers::Block::Section,
        readers::Block::Interface(..),
        readers::Block::Packet(packet),
    ] = &blocks[..]
    else {
        panic!("one packet in {blocks:?}")
    };
    let comment = packet.comments.first().expect("it has a comment");
    match converted[0] {
        Converted::Event => {
            assert!(comment.starts_with("-:3:- "), "{comment}");
            let shorter = length.filter(|length| *length < packet.data.len() as u64);
            let expected = shorter.map_or(length, |_| Some(packet.data.len() as u64));
            if let Some(expected) = expected.and_then(|it| u32::try_from(it).ok()) {
                assert_eq!(packet.length, expected);
            }
        }
        _ => assert!(comment.starts_with("{\"estreamer_error\":"), "{comment}"),
    }
}

fn values(data: &[u8]) {
    let values = data.split(|byte| *byte == 255);
    let mut event = Map::new();
    event.insert("EventType".into(), "ConnectionEvent".into());
    for (field, value) in FIELDS.iter().zip(values) {
        let value = String::from_utf8_lossy(value).into_owned();
        event.insert((*field).into(), value.into());
    }
    let json = serde_json::to_vec(&event).expect("it is JSON");
    let written = |format| {
        let mut out = Vec::new();
        let converted = Converter::new(format, "fuzz").append(&json, &mut out);
        assert_eq!(converted, Converted::Event);
        String::from_utf8(out).expect("it is text")
    };
    let (_, cef) = readers::cef(&written(Format::Cef)).expect("it is CEF");
    let leef = readers::leef(&written(Format::Leef)).expect("it is LEEF");
    documents(&event, &written);
    let ftd = written(Format::Ftd);
    let ftd = [true, false].map(|blank| readers::ftd(&ftd, blank).expect("they are pairs"));
    for (field, value) in event.iter().filter(|(field, _)| *field != "EventType") {
        // CEF, LEEF and `ftd` write a blank for NUL.
        let value = value.as_str().expect("it is text").replace('\0', " ");
        let find = |pairs: &readers::Pairs, key: &str| {
            let mut found = pairs.iter().filter(|(other, _)| other == key);
            let found = [found.next(), found.next()];
            let [Some((_, value)), None] = found else {
                panic!("one {key} in {pairs:?}")
            };
            value.clone()
        };
        let key = |url, user, rule, file| match &**field {
            "URL" => url,
            "User" => user,
            "FirewallRule" => rule,
            "FileName" => file,
            other => other.to_owned(),
        };
        let own = |names: [&str; 4]| {
            let [url, user, rule, file] = names.map(str::to_owned);
            key(url, user, rule, file)
        };
        assert_eq!(
            find(&cef, &own(["request", "suser", "cs2", "fname"])),
            value
        );
        let blanks = value.replace(['\t', '\r', '\n'], " ");
        let key = own(["url", "usrName", "FirewallRule", "resource"]);
        assert_eq!(find(&leef, &key), blanks);
        let one_line = value.replace(['\r', '\n'], " ").replace(',', ";");
        let key = own(["URL", "User", "AccessControlRuleName", "FileName"]);
        for pairs in &ftd {
            assert_eq!(find(pairs, &key).replace(',', ";"), one_line);
        }
    }
}

/// Checks that documents have the values of an event.
fn documents(event: &Map<String, Value>, written: &impl Fn(Format) -> String) {
    let read = |format| readers::json(written(format).as_bytes()).expect("it is JSON");
    let (ecs, ocsf) = (read(Format::Ecs), read(Format::Ocsf));
    assert_eq!(read(Format::Splunk)["event"], Value::Object(event.clone()));
    for (field, value) in event {
        let [in_ecs, in_ocsf] = match &**field {
            "URL" => ["/url/original", "/url/url_string"],
            "FirewallRule" => ["/rule/name", "/firewall_rule/name"],
            "FileName" => ["/file/name", "/unmapped/FileName"],
            "Unheard_Of" => ["/cisco/ftd/unheard_of", "/unmapped/Unheard_Of"],
            "Other" => ["/cisco/ftd/other", "/unmapped/Other"],
            _ => continue,
        };
        assert_eq!(ecs.pointer(in_ecs), Some(value), "{field}");
        assert_eq!(ocsf.pointer(in_ocsf), Some(value), "{field}");
    }
    let Some(user) = event.get("User").and_then(Value::as_str) else {
        return;
    };
    let name = user.split_once('\\').map_or(user, |(_, name)| name);
    let domain = user.split_once('\\').map(|(domain, _)| Value::from(domain));
    assert_eq!(ecs["user"]["name"], name);
    assert_eq!(ecs.pointer("/user/domain"), domain.as_ref());
    assert_eq!(ocsf["actor"]["user"]["name"], name);
}
