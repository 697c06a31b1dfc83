use super::*;
use crate::simulate::selection::{Format, Request};
use serde_json::Value as Json;
use std::collections::{HashMap, HashSet};

fn events(n: usize, options: Options) -> Vec<Event> {
    Generator::new(options).take(n).collect()
}

fn json(event: &Event, fields: Option<&[String]>) -> String {
    let mut out = Vec::new();
    render_json(event, fields, &mut out);
    String::from_utf8(out).unwrap()
}

fn csv(event: &Event, columns: &[&str]) -> String {
    let columns: Vec<_> = columns.iter().map(|c| (*c).to_owned()).collect();
    let mut out = Vec::new();
    render_csv(event, &columns, &mut out);
    String::from_utf8(out).unwrap()
}

fn made_up(fields: Vec<(&'static str, Value)>) -> Event {
    Event {
        kind: EventKind::File,
        archival: 1,
        fields,
    }
}

fn text(value: &'static str) -> Value {
    Value::Text(value.into())
}

fn integer(event: &Event, name: &str) -> u64 {
    match event.get(name) {
        Some(Value::Integer(n)) => *n,
        other => panic!("{name} of {event:?} is {other:?}"),
    }
}

fn string<'a>(event: &'a Event, name: &str) -> &'a str {
    match event.get(name) {
        Some(Value::Text(text)) => text,
        other => panic!("{name} of {event:?} is {other:?}"),
    }
}

fn key(event: &Event) -> (String, u64, u64, u64) {
    (
        string(event, "DeviceUUID").to_owned(),
        integer(event, "InstanceID"),
        integer(event, "FirstPacketSecond"),
        integer(event, "ConnectionID"),
    )
}

#[test]
fn the_same_options_give_the_same_bytes() {
    let render = |seed| {
        let options = Options {
            seed,
            ..Options::default()
        };
        let mut out = Vec::new();
        for event in events(2_000, options) {
            render_json(&event, None, &mut out);
            out.extend_from_slice(&event.archival.to_be_bytes());
        }
        out
    };
    assert_eq!(render(7), render(7));
    assert_ne!(render(7), render(8));
}

#[test]
fn json_is_read_back_with_the_same_values_in_the_same_order() {
    for size in [Size::Small, Size::Typical, Size::Large] {
        let options = Options {
            size,
            awkward_percent: 50,
            ..Options::default()
        };
        for event in events(500, options) {
            let line = json(&event, None);
            assert!(!line.contains(['\n', '\r']), "one event is one line");
            let Json::Object(read) = serde_json::from_str(&line).unwrap() else {
                panic!("{line}");
            };
            assert_eq!(read.len(), event.fields.len(), "no name twice");
            for (name, value) in &event.fields {
                match value {
                    Value::Integer(n) => assert_eq!(read[*name].as_u64(), Some(*n)),
                    Value::Text(t) => assert_eq!(read[*name].as_str(), Some(&**t)),
                }
            }
            let at: Vec<_> = event
                .fields
                .iter()
                .map(|(name, _)| line.find(&format!("\"{name}\":")).unwrap())
                .collect();
            assert!(at.is_sorted());
        }
    }
}

/// Three events as a real Management Center sent them, published as sample logs
/// in the Apache-2.0 repository splunk/security_content.
const REAL_EVENTS: &str = include_str!("real-events.ndjson");

#[test]
fn real_events_taken_apart_and_written_again_are_the_same_bytes() {
    for line in REAL_EVENTS.lines() {
        let Json::Object(read) = serde_json::from_str(line).unwrap() else {
            panic!("{line}");
        };
        let mut fields: Vec<(&'static str, Value)> = read
            .into_iter()
            .map(|(name, value)| {
                let value = match value {
                    Json::String(text) => Value::Text(text.into()),
                    number => Value::Integer(number.as_u64().unwrap()),
                };
                (&*name.leak(), value)
            })
            .collect();
        fields.sort_by_key(|(name, _)| line.find(&format!("\"{name}\":")));
        assert_eq!(json(&made_up(fields), None), line);
    }
}

#[test]
fn awkward_text_is_escaped_where_json_demands_it_and_nowhere_else() {
    let event = made_up(vec![(
        "FileName",
        text("a\"b\\c\n\r\t\u{1}\u{1f}\u{7f}/é\u{1f680}\u{2028}"),
    )]);
    assert_eq!(
        json(&event, None),
        "{\"FileName\":\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u001f\u{7f}/é\u{1f680}\u{2028}\"}"
    );
    assert_eq!(json(&made_up(vec![]), None), "{}");
    let limits = made_up(vec![
        ("ThreatScore", Value::Integer(0)),
        ("FileSize", Value::Integer(u64::MAX)),
    ]);
    assert_eq!(
        json(&limits, None),
        r#"{"ThreatScore":0, "FileSize":18446744073709551615}"#
    );
}

#[test]
fn a_selection_gives_its_fields_in_its_order_and_skips_what_is_not_there() {
    let event = made_up(vec![
        ("EventType", text("FileEvent")),
        ("FileName", text("x")),
        ("FileSize", Value::Integer(3)),
    ]);
    let names = ["FileSize", "ThreatName", "FileName", "EventType"].map(str::to_owned);
    assert_eq!(
        json(&event, Some(&names)),
        r#"{"FileSize":3, "FileName":"x", "EventType":"FileEvent"}"#
    );
    assert_eq!(json(&event, Some(&[])), "{}");
}

#[test]
fn csv_has_a_place_for_every_column_and_quotes_by_rfc_4180() {
    let event = made_up(vec![
        ("A", text("plain")),
        ("B", text("one, two")),
        ("C", text("say \"hi\"")),
        ("D", text("two\r\nlines")),
        ("E", Value::Integer(5)),
        ("F", text("")),
        ("G", text("back\\slash \u{1f680}")),
    ]);
    assert_eq!(
        csv(&event, &["A", "B", "C", "D", "E", "F", "G"]),
        "plain,\"one, two\",\"say \"\"hi\"\"\",\"two\r\nlines\",5,,back\\slash \u{1f680}"
    );
    assert_eq!(csv(&event, &["X", "E", "Y", "A", "Z"]), ",5,,plain,");
    assert_eq!(csv(&event, &["X"]), "");
}

#[test]
fn every_field_is_in_the_catalogue_in_its_order_and_none_is_there_in_vain() {
    for size in [Size::Small, Size::Typical, Size::Large] {
        let options = Options {
            size,
            ..Options::default()
        };
        let mut seen = HashSet::new();
        for event in events(5_000, options) {
            let all = field_names(event.kind).all;
            let places: Vec<_> = event
                .fields
                .iter()
                .map(|(name, _)| {
                    let found = all.iter().position(|n| n == name);
                    found.unwrap_or_else(|| panic!("{name} is not in the catalogue"))
                })
                .collect();
            assert!(places.windows(2).all(|w| w[0] < w[1]), "{:?}", event.fields);
            assert_eq!(string(&event, "EventType"), event.kind.name());
            seen.extend(event.fields.iter().map(|(name, _)| (event.kind, *name)));
        }
        if size == Size::Typical {
            for kind in EventKind::ALL {
                for name in field_names(kind).all {
                    assert!(seen.contains(&(kind, *name)), "{kind} never has {name}");
                }
            }
        }
    }
}

#[test]
fn the_mix_is_kept_exactly() {
    let count = |mix: Mix| {
        let options = Options {
            mix,
            ..Options::default()
        };
        let mut counts = HashMap::new();
        for event in events(1_000, options) {
            *counts.entry(event.kind).or_insert(0) += 1;
        }
        EventKind::ALL.map(|kind| counts.get(&kind).copied().unwrap_or(0))
    };
    assert_eq!(count(Mix::default()), [500, 200, 200, 100]);
    let zero = Mix {
        connection: 0,
        intrusion: 0,
        packet: 0,
        file: 0,
    };
    assert_eq!(count(zero), [500, 200, 200, 100]);
    assert_eq!(count(Mix { packet: 10, ..zero }), [0, 0, 1_000, 0]);
    let two = Mix {
        intrusion: 3,
        file: 1,
        ..zero
    };
    assert_eq!(count(two), [0, 750, 0, 250]);
}

#[test]
fn the_first_ten_events_show_all_four_types() {
    let kinds: HashSet<_> = events(10, Options::default())
        .iter()
        .map(|event| event.kind)
        .collect();
    assert_eq!(kinds.len(), 4);
}

#[test]
fn archival_seconds_never_go_back_and_hold_as_many_events_as_asked() {
    let options = Options {
        start: 1_000,
        per_second: 7,
        ..Options::default()
    };
    for (n, event) in events(100, options).iter().enumerate() {
        assert_eq!(event.archival, 1_000 + n as u32 / 7);
        let first = integer(event, "FirstPacketSecond");
        assert!(first <= u64::from(event.archival));
        if event.kind != EventKind::Connection {
            let second = integer(event, "EventSecond");
            assert!(first <= second && second <= u64::from(event.archival));
        }
    }
    let end = Options {
        start: u32::MAX - 1,
        per_second: 0,
        ..Options::default()
    };
    let archival: Vec<_> = events(4, end).iter().map(|e| e.archival).collect();
    assert_eq!(archival, [u32::MAX - 1, u32::MAX, u32::MAX, u32::MAX]);
}

#[test]
fn intrusions_packets_and_files_belong_to_connections_that_were_reported() {
    let events = events(5_000, Options::default());
    let mut started = HashMap::new();
    let mut ended = HashSet::new();
    let mut related = HashMap::new();
    for event in &events {
        let key = key(event);
        if event.kind != EventKind::Connection {
            let (known, all) = related.entry(event.kind).or_insert((0, 0));
            *known += usize::from(started.contains_key(&key));
            *all += 1;
            continue;
        }
        if event.get("LastPacketSecond").is_none() {
            assert!(started.insert(key, event).is_none(), "keys are unique");
        } else {
            if let Some(start) = started.get(&key) {
                for name in ["InitiatorIP", "ResponderIP", "Application", "User"] {
                    assert_eq!(event.get(name), start.get(name));
                }
            }
            assert!(ended.insert(key), "a connection ends once");
        }
    }
    assert!(ended.len() > 1_000);
    // Where nothing open fits, a connection is made up whose start was not
    // logged; that stays the exception.
    for (kind, (known, all)) in related {
        assert!(known * 10 > all * 7, "{kind}: {known} of {all}");
    }
}

#[test]
fn the_first_packet_of_an_alert_has_the_alerts_key_and_time() {
    let mut alerts = HashMap::new();
    let mut packets = 0;
    let mut seen = HashSet::new();
    for event in events(5_000, Options::default()) {
        match event.kind {
            EventKind::Intrusion => {
                alerts.insert(integer(&event, "EventID"), event);
            }
            EventKind::Packet => {
                let id = integer(&event, "EventID");
                let Some(alert) = alerts.get(&id) else {
                    continue;
                };
                packets += 1;
                assert_eq!(key(&event), key(alert));
                for name in ["EventSecond", "EventMicrosecond"] {
                    assert_eq!(event.get(name), alert.get(name));
                }
                let first = seen.insert(id);
                let time = |s, us| integer(&event, s) * 1_000_000 + integer(&event, us);
                let alerted = time("EventSecond", "EventMicrosecond");
                let logged = time("PacketSecond", "PacketMicrosecond");
                assert_eq!(first, logged == alerted);
                assert!(logged >= alerted);
            }
            _ => {}
        }
    }
    assert!(packets > 900, "{packets}");
}

#[test]
fn ipv6_and_awkward_text_come_as_often_as_asked() {
    let share = |options: Options, test: fn(&Event) -> bool| {
        let events = events(10_000, options);
        let of: Vec<_> = events
            .iter()
            .filter(|e| e.kind == EventKind::Connection)
            .collect();
        100 * of.iter().filter(|e| test(e)).count() / of.len()
    };
    let v6 = |e: &Event| string(e, "InitiatorIP").contains(':');
    let odd = |e: &Event| vocabulary::AWKWARD_ACCESS_RULES.contains(&string(e, "FirewallRule"));
    let none = Options {
        ipv6_percent: 0,
        awkward_percent: 0,
        ..Options::default()
    };
    let all = Options {
        ipv6_percent: 100,
        awkward_percent: 100,
        ..Options::default()
    };
    assert_eq!(share(none.clone(), v6), 0);
    assert_eq!(share(all.clone(), v6), 100);
    assert_eq!(share(none, odd), 0);
    assert_eq!(share(all, odd), 100);
    assert!((18..=32).contains(&share(Options::default(), v6)));
    assert!((5..=15).contains(&share(Options::default(), odd)));
}

#[test]
fn irrelevant_fields_are_absent() {
    for event in events(10_000, Options::default()) {
        if event.kind == EventKind::Packet {
            continue;
        }
        let application = string(&event, "Application");
        let icmp = application == "ICMP";
        assert_eq!(event.get("InitiatorPort").is_none(), icmp);
        assert_eq!(event.get("ICMP_Type").is_some(), icmp);
        if event.kind == EventKind::Connection {
            let tls = matches!(application, "HTTPS" | "QUIC");
            assert_eq!(event.get("SSL_Version").is_some(), tls);
            assert_eq!(event.get("DNS_Query").is_some(), application == "DNS");
        }
        if event.kind == EventKind::File {
            let malware = string(&event, "SHA_Disposition") == "Malware";
            assert_eq!(event.get("ThreatName").is_some(), malware);
        }
    }
}

fn unhex(text: &str) -> Vec<u8> {
    assert_eq!(text.len() % 2, 0);
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
        .collect()
}

/// A sum over data that contains its own right checksum comes out as zero.
/// Written anew, so that the generator's own sum is not its own judge.
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

fn check_frame(frame: &[u8], connection: Option<&Event>) -> u8 {
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
    for size in [Size::Small, Size::Typical, Size::Large] {
        let options = Options {
            size,
            awkward_percent: 30,
            ipv6_percent: 50,
            ..Options::default()
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
        assert_eq!(longest == 1_514, size == Size::Large);
    }
}

#[test]
fn addresses_and_hosts_are_nobodys() {
    use std::net::IpAddr;
    let ours = |text: &str| match text.parse::<IpAddr>().unwrap() {
        IpAddr::V4(a) => a.is_private() || a.is_documentation(),
        IpAddr::V6(a) => a.segments()[0] == 0xfd00 || a.segments()[..2] == [0x2001, 0xdb8],
    };
    for event in events(5_000, Options::default()) {
        for (name, value) in &event.fields {
            if let (true, Value::Text(value)) = (name.ends_with("IP"), value) {
                assert!(ours(value), "{name} {value}");
            }
        }
    }
}

fn ring(n: usize, request: &Request) -> Cached {
    let options = Options {
        start: 500,
        per_second: 10,
        ..Options::default()
    };
    Cached::new(Generator::new(options), n, request)
}

#[test]
fn the_cached_form_gives_what_the_generator_gives_and_then_begins_again() {
    let request = Request::everything(Format::Json);
    let mut cached = ring(100, &request);
    let mut generator = Generator::new(cached_options());
    let mut first_round = Vec::new();
    for _ in 0..100 {
        let event = generator.next_event();
        let got = cached.next_event().unwrap();
        assert_eq!((got.kind, got.archival), (event.kind, event.archival));
        assert_eq!(got.data, json(&event, None).as_bytes());
        first_round.push(got.data.to_vec());
    }
    for (n, data) in first_round.iter().enumerate() {
        let got = cached.next_event().unwrap();
        assert_eq!(got.data, data);
        assert_eq!(got.archival, 510 + n as u32 / 10);
    }
}

fn cached_options() -> Options {
    Options {
        start: 500,
        per_second: 10,
        ..Options::default()
    }
}

#[test]
fn clones_of_a_ring_go_round_each_for_itself() {
    let mut one = ring(10, &Request::everything(Format::Csv));
    let mut other = one.clone();
    let first = one.next_event().unwrap().data.to_vec();
    one.next_event();
    assert_eq!(other.next_event().unwrap().data, first);
}

#[test]
fn a_ring_without_events_ends_at_once() {
    let mut empty = ring(0, &Request::everything(Format::Json));
    assert!(empty.is_empty());
    assert_eq!(empty.next_event(), None);
}

/// Not a test of behaviour: prints the rates. Run it by name in release mode.
#[test]
#[ignore = "a measurement"]
fn measure_the_rate_of_events() {
    use std::hint::black_box;
    use std::time::Instant;
    let request = Request::everything(Format::Json);
    for size in [Size::Small, Size::Typical, Size::Large] {
        let options = Options {
            size,
            ..Options::default()
        };
        let n = 300_000;
        let mut generator = Generator::new(options.clone());
        let begun = Instant::now();
        for _ in 0..n {
            black_box(generator.next_event());
        }
        let bare = f64::from(n) / begun.elapsed().as_secs_f64();

        let mut generator = Generator::new(options.clone());
        let (mut out, mut bytes) = (Vec::new(), 0);
        let begun = Instant::now();
        for _ in 0..n {
            out.clear();
            request.render(&generator.next_event(), &mut out);
            bytes += out.len();
        }
        let rendered = f64::from(n) / begun.elapsed().as_secs_f64();

        let mut cached = Cached::new(Generator::new(options), 10_000, &request);
        let rounds = 20_000_000u32;
        let mut bundle = Vec::with_capacity(1 << 20);
        let begun = Instant::now();
        for _ in 0..rounds {
            let event = cached.next_event().unwrap();
            if bundle.len() + event.data.len() > 1 << 16 {
                black_box(&bundle);
                bundle.clear();
            }
            bundle.extend_from_slice(event.data);
        }
        let served = f64::from(rounds) / begun.elapsed().as_secs_f64();
        println!(
            "{size:?}: {} bytes/event, {bare:.0} events/s made, {rendered:.0} made and \
             rendered, {served:.0} cached and copied",
            bytes / n as usize
        );
    }
}
