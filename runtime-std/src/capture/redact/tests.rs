//! What is replaced, and what stays.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use estreamer_core::wire::{
    BundleHeader, BundleWriter, ErrorMessage, Event, EventStreamRequest, InitialTimestamp, Message,
    Null, RecordType, RequestFlags,
};
use serde_json::Value;

use super::*;
use crate::capture::decode;

const REAL: &str = include_str!("../../../../tests/data/real-events.ndjson");

fn emit(message: Message<'_>) -> Vec<u8> {
    let mut out = vec![0; message.encoded_len()];
    message.emit(&mut out).unwrap();
    out
}

fn event(data: &[u8]) -> Vec<u8> {
    emit(Message::Event(Event::new(
        RecordType::FILE,
        Some(1_700_000_000),
        data,
    )))
}

fn bundle(events: &[&[u8]]) -> Vec<u8> {
    let mut buffer = vec![0; 1 << 20];
    let header = BundleHeader {
        connection_id: 42,
        sequence: 1,
    };
    let mut bundle = BundleWriter::new(&mut buffer, header, Default::default()).unwrap();
    for data in events {
        let event = Event::new(RecordType::FILE, Some(1_700_000_000), data);
        bundle.push(&event).unwrap();
    }
    bundle.finish().to_vec()
}

fn redacted_with(key: &[u8], stream: &[u8]) -> (Vec<u8>, Redacted) {
    let mut out = Vec::new();
    let end = redact(&mut &stream[..], RedactionKey::new(key), &mut out).unwrap();
    assert_eq!(out.len(), stream.len());
    (out, end)
}

fn redacted(stream: &[u8]) -> Vec<u8> {
    redacted_with(b"key", stream).0
}

/// The data of one event, redacted.
fn data(data: &[u8]) -> Vec<u8> {
    let stream = event(data);
    let out = redacted(&stream);
    let start = stream.len() - data.len();
    assert_eq!(out[..start], stream[..start], "the headers stay");
    out[start..].to_vec()
}

fn text(source: &str) -> String {
    String::from_utf8(data(source.as_bytes())).unwrap()
}

/// The value of a member of an event with this member alone.
fn value(name: &str, source: &str) -> String {
    let event = serde_json::json!({ name: source }).to_string();
    let event: Value = serde_json::from_str(&text(&event)).unwrap();
    event[name].as_str().unwrap().to_owned()
}

/// What `decode` says about each message, without its variable part.
fn heads(stream: &[u8]) -> Vec<String> {
    let mut out = Vec::new();
    let _ = decode(&mut &stream[..], true, &mut out);
    let text = String::from_utf8(out).unwrap();
    let variable = [
        "  data ",
        "  text ",
        "  raw bytes ",
        "  body ",
        "  JSON block ",
    ];
    let lines = text
        .lines()
        .filter(|line| !variable.iter().any(|name| line.contains(name)));
    // The line of an error message ends with its text.
    let lines = lines.map(|line| line.split(": ").next().unwrap().to_owned());
    lines.collect()
}

#[test]
fn real_events_keep_their_form_and_lose_every_value() {
    let lines: Vec<&[u8]> = REAL.lines().map(str::as_bytes).collect();
    let stream = bundle(&lines);
    let out = redacted(&stream);
    assert_eq!(heads(&out), heads(&stream));
    let bytes = String::from_utf8_lossy(&out);
    let events: Vec<Value> = REAL
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let members = || events.iter().flat_map(|event| event.as_object().unwrap());
    let texts = || members().filter_map(|(name, value)| Some((name, value.as_str()?)));
    let (kept, gone): (Vec<_>, Vec<_>) =
        texts().partition(|(name, text)| fields::keeps_text(name, text));
    assert!(kept.len() < gone.len() / 3);
    for (name, text) in &gone {
        // A short text may be a part of the name of a field, or there by chance.
        let is_part = |(_, other): &(_, &str)| other.contains(text);
        let is_name = members().any(|(name, _)| name.contains(text));
        if text.len() > 4 && !is_name && !kept.iter().any(is_part) {
            assert!(!bytes.contains(text), "{name} {text}");
        }
        if !kept.iter().any(|(_, other)| other == text) {
            assert!(!bytes.contains(&format!("\"{text}\"")), "{name} {text}");
        }
    }
    for part in [
        "142.250.191.196",
        "9999997",
        "google",
        "windowsupdate",
        "NasBlock",
        "eicar",
        "us-east-2",
    ] {
        assert!(!bytes.contains(part), "{part}");
    }
    for part in [
        "\"EventType\":\"ConnectionEvent\"",
        "\"ResponderPort\":443",
        "\"Protocol\":\"tcp\"",
    ] {
        assert!(bytes.contains(part), "{part} in {bytes}");
    }
}

#[test]
fn an_address_stays_an_address_of_its_length() {
    for source in [
        "10.1.2.3",
        "192.168.255.255",
        "fe80::1",
        "2001:db8::a:b0",
        "::ffff:10.1.2.3",
    ] {
        let found = value("InitiatorIP", source);
        assert_eq!(found.len(), source.len());
        let (before, after): (IpAddr, IpAddr) = (source.parse().unwrap(), found.parse().unwrap());
        assert_eq!(before.is_ipv4(), after.is_ipv4());
        assert_ne!(before, after);
    }
}

#[test]
fn a_value_has_one_pseudonym_wherever_it_is() {
    let address = value("InitiatorIP", "10.1.2.3");
    let host = value("HTTP_Hostname", "www.example.net");
    let url = value("URL", "https://www.example.net:8443/a?from=10.1.2.3");
    assert!(url.starts_with(&format!("https://{host}:")), "{url}");
    assert!(url.ends_with(&format!("={address}")), "{url}");
    let error = ErrorMessage {
        code: 7,
        text: b"10.1.2.3: refused",
    };
    let error = redacted(&emit(Message::Error(error)));
    assert!(String::from_utf8_lossy(&error).contains(&format!("{address}: ")));
    assert!(text("a,10.1.2.3,\"x\"").contains(&format!(",{address},")));
    // However it is written.
    let escaped = text(r#"{"User":"\u0062ob"}"#);
    let plain = value("User", "bob");
    let event: Value = serde_json::from_str(&escaped).unwrap();
    assert_eq!(event["User"], plain.as_str());
}

#[test]
fn a_key_decides_on_the_pseudonyms() {
    let stream = bundle(&[REAL.lines().next().unwrap().as_bytes(), b"\0binary\xff"]);
    let of = |key: &[u8]| redacted_with(key, &stream).0;
    assert_eq!(of(b"one"), of(b"one"));
    assert_ne!(of(b"one"), of(b"two"));
    let mut random = [Vec::new(), Vec::new()];
    for out in &mut random {
        redact(&mut &stream[..], RedactionKey::random().unwrap(), out).unwrap();
    }
    assert_ne!(random[0], random[1]);
}

#[test]
fn a_field_that_nobody_knows_tells_nothing() {
    let source = r#"{"Future":"bob", "FutureNumber":-3232235777.25e+3, "Deep":{"bob":["bob",77,{"Port":8080}]},"an odd name":true,"FutureNull":null}"#;
    let found = text(source);
    for secret in ["bob", "3232235777", "25e", "77", "8080", "odd"] {
        assert!(!found.contains(secret), "{secret} in {found}");
    }
    for kept in [
        "\"Future\":\"",
        "\"FutureNumber\":-",
        "e+3, ",
        "\"FutureNull\":null}",
        "\":true",
    ] {
        assert!(found.contains(kept), "{kept} in {found}");
    }
    assert!(serde_json::from_str::<Value>(&found).is_ok(), "{found}");
    let one: Value = serde_json::from_str(source).unwrap();
    let other: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(one["FutureNumber"].is_f64(), other["FutureNumber"].is_f64());
}

#[test]
fn punctuation_and_escapes_stay_and_every_letter_and_digit_goes() {
    for source in [
        r#"{"User":"ACME\\b\u00f6b \"x\"\n"}"#,
        r#"{"User":"b\u00f6b=|\ud83d\ude00"}"#,
        "{\"User\":\"\u{4f8b}\u{3048} \u{1f600}\u{e9}\"}",
    ] {
        let found = text(source);
        let marks =
            |text: &str| text.replace(|c: char| c.is_ascii_alphanumeric() || !c.is_ascii(), "");
        let (before, after) = (&source[9..], &found[9..]);
        assert_eq!(marks(before), marks(after));
        assert!(serde_json::from_str::<Value>(&found).is_ok(), "{found}");
        let same = before.chars().zip(after.chars());
        assert!(
            same.filter(|(a, b)| a == b && !a.is_ascii()).count() == 0,
            "{found}"
        );
    }
}

#[test]
fn the_bytes_of_a_packet_are_others_in_the_same_encoding() {
    let hex = "4500003c1c4640004006b1e6ac100a63ac100a0c";
    let found = value("PacketData", hex);
    assert!(
        found != hex && found.bytes().all(|b| b.is_ascii_hexdigit()),
        "{found}"
    );
    // The header of an IP packet does not stay.
    assert!(!found.starts_with("45"), "{found}");
    for length in 30..34 {
        let source = STANDARD.encode(vec![7; length]);
        for name in ["PacketData", "Future"] {
            let found = value(name, &source);
            assert_eq!(found.len(), source.len());
            let bytes = STANDARD.decode(&found);
            assert_eq!(bytes.map(|it| it.len()), Ok(length), "{name}: {found}");
        }
    }
    let uuid = value("DeviceUUID", "11bc8e94-f604-11ef-bcfe-eeb1de9c8a63");
    assert!(
        uuid.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-'),
        "{uuid}"
    );
}

#[test]
fn what_is_not_understood_is_replaced_whole() {
    for source in [
        &b"\x01\x0a\x01\x02\x03secret"[..],
        b"{\"User\":\"secret\xff\"}",
        b"secret\x01secret",
    ] {
        let found = data(source);
        for part in source.windows(4).skip(1) {
            assert!(!found.windows(4).any(|other| other == part), "{part:?}");
        }
    }
    // Not JSON, but text.
    let found = text("{\"User\":\"secret\"");
    assert!(
        found.starts_with("{\"") && !found.contains("User"),
        "{found}"
    );
}

#[test]
fn requests_keep_their_words_and_names_of_fields() {
    let request = |block| {
        let from = InitialTimestamp(5);
        let flags = RequestFlags::EXTENDED_HEADER;
        let stream = emit(Message::Request(EventStreamRequest { from, flags, block }));
        String::from_utf8_lossy(&redacted(&stream)[16..]).into_owned()
    };
    let block = "{\"Events\":{\"FileEvent\":{\"FieldSetDef\":{\"OutputFieldSet\":[\"InitiatorIP\",\"AcmeSet\"]}}}}\0";
    let found = request(block.as_bytes());
    assert!(
        found.contains("\"OutputFieldSet\":[\"InitiatorIP\",\""),
        "{found}"
    );
    assert!(!found.contains("Acme"), "{found}");
}

#[test]
fn every_odd_message_keeps_its_place_and_its_reading() {
    let data = b"{\"User\":\"secret\"}";
    let mut covers = event(data);
    covers[15] += 8;
    let mut malformed = event(data);
    malformed[15] += 3;
    let mut zero_word = event(b"\x01\x02\x03\x04\0\0\0\0secret");
    // A short header: the record length counts what follows.
    zero_word.drain(16..24);
    zero_word[7] -= 8;
    let nested = [&[0, 0, 0, 4, 0, 0, 1, 0][..], b"secret!!"].concat();
    let mut overrun = vec![
        0,
        1,
        0x0f,
        0xa2,
        0,
        0,
        0,
        8 + nested.len() as u8,
        0,
        0,
        0,
        1,
        0,
        0,
        0,
        1,
    ];
    overrun.extend_from_slice(&nested);
    let mut trailing = vec![0, 1, 0x0f, 0xa2, 0, 0, 0, 14, 0, 0, 0, 1, 0, 0, 0, 1];
    trailing.extend_from_slice(b"secret");
    let other = [&[0, 1, 0, 6, 0, 0, 0, 6][..], b"secret"].concat();
    let null = [&[0, 1, 0, 0, 0, 0, 0, 6][..], b"secret"].concat();
    let error = [&[0, 1, 0, 1, 0, 0, 0, 12, 0, 0, 0, 9, 0, 3][..], b"secret"].concat();
    let short = [&[0, 1, 0, 1, 0, 0, 0, 5][..], b"secre"].concat();
    let all = [
        covers,
        malformed,
        zero_word,
        overrun,
        trailing,
        other,
        null,
        error,
        short,
        Null::BYTES.to_vec(),
    ];
    let stream = all.concat();
    let (out, end) = redacted_with(b"key", &stream);
    assert_eq!(end, Redacted::Complete);
    assert_eq!(heads(&out), heads(&stream));
    assert_eq!(heads(&out).len(), heads(&all.concat()).len());
    for secret in [&b"secret"[..], b"secre"] {
        assert!(!out.windows(secret.len()).any(|part| part == secret));
    }
}

#[test]
fn a_message_larger_than_the_window_is_replaced_whole() {
    let mut data = b"{\"User\":\"".to_vec();
    data.resize(3 << 20, b's');
    let stream = event(&data);
    let (out, end) = redacted_with(b"key", &stream);
    assert_eq!(end, Redacted::Complete);
    assert_eq!(heads(&out), heads(&stream));
    assert!(!out[24..].contains(&b's'));
}

#[test]
fn a_truncated_stream_stays_truncated_and_another_one_is_replaced() {
    let whole = bundle(&[b"{\"User\":\"secret\"}"]);
    for cut in 1..whole.len() {
        let (out, end) = redacted_with(b"key", &whole[..cut]);
        let decoded = decode(&mut &out[..], false, &mut Vec::new()).unwrap();
        let expected = decode(&mut &whole[..cut], false, &mut Vec::new()).unwrap();
        assert_eq!(decoded, expected, "{cut}");
        assert_eq!(end == Redacted::Complete, expected == 0, "{cut}");
        assert!(!out.windows(4).any(|part| part == b"secr"), "{cut}");
    }
    let lost = [&Null::BYTES[..], b"HTTP/1.1 400 secret", &[b'y'; 10_000]].concat();
    let mut nothing = Vec::new();
    let key = RedactionKey::new(b"key");
    let other = redact(&mut &lost[8..], key, &mut nothing);
    assert!(matches!(other, Err(CaptureError::Peer(_))) && nothing.is_empty());
    let (out, end) = redacted_with(b"key", &lost);
    assert!(matches!(
        end,
        Redacted::Lost(PeerError::InvalidHeader { offset: 8, .. })
    ));
    assert!(out[8..].iter().all(|byte| *byte == b'x'));
}
