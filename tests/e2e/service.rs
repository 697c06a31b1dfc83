//! The simulated server, message by message, as the guides say it.

use std::collections::BTreeSet;

use estreamer_core::wire::{
    Bundle, ESTREAMER_SERVICE, ErrorMessage, EventList, EventStreamRequest, InitialTimestamp,
    Message, MessageType, Null, RecordType, RequestFlags, ServiceEntry, Services,
};
use estreamer_simulate::chaos::ChaosKind;
use estreamer_simulate::selection::Selection;
use estreamer_simulate::{Simulator, SimulatorBuilder};
use estreamer_tests::{Ended, Pki, Raw, collect, events, expected_lines};

fn simulator(pki: &Pki, build: impl FnOnce(SimulatorBuilder) -> SimulatorBuilder) -> Simulator {
    let builder = Simulator::with_identity(pki.identity()).count(250);
    build(builder).spawn().unwrap()
}

fn request(flags: u32, block: &[u8]) -> Vec<u8> {
    message(&Message::Request(EventStreamRequest {
        from: InitialTimestamp::OLDEST,
        flags: RequestFlags(flags),
        block,
    }))
}

fn message(message: &Message<'_>) -> Vec<u8> {
    let mut out = vec![0; message.encoded_len()];
    message.emit(&mut out).unwrap();
    out
}

/// A JSON block that asks for these fields of one event type.
fn block(event: &str, fields: &str, transform: &str) -> String {
    format!(
        r#"{{"Events":{{"{event}":{{"FieldSetDef":{{"OutputFieldSet":[{fields}]}},"Fields":["OutputFieldSet"]}}}},"OutputFormat":{{"Transform":"Text","TransformConfig":"{transform}"}}}}"#
    )
}

/// The data of the events in the first bundle, with their record headers.
fn first_bundle(raw: &mut Raw) -> Vec<(RecordType, Option<u32>, Vec<u8>)> {
    let (header, body) = raw.message().unwrap();
    assert_eq!(header.message_type, MessageType::BUNDLE, "{header}");
    let bundle = Bundle::parse(&body).unwrap();
    let events = bundle.messages().map(|message| match message.unwrap().1 {
        Message::Event(event) => (
            event.record.record_type,
            event.record.archival(),
            event.data.to_vec(),
        ),
        other => panic!("{other}"),
    });
    events.collect()
}

#[test]
fn each_connection_is_cut_at_another_byte() {
    let pki = Pki::new();
    // More than 50,000 bytes in the first bundle.
    let simulator = simulator(&pki, |builder| {
        let builder = builder.count(5000).bundle(5000);
        builder.chaos(ChaosKind::Cut).chaos_connections(3)
    });
    let json = block("ConnectionEvent", r#""InitiatorIP""#, "JSON");
    let lengths: BTreeSet<usize> = (0..3)
        .map(|_| {
            let mut raw = Raw::connect(&pki, simulator.address());
            raw.send(&request(1 << 23, json.as_bytes()));
            raw.rest().len()
        })
        .collect();
    assert_eq!(lengths.len(), 3, "{lengths:?}");
}

#[test]
fn exactly_the_fields_asked_for_come_as_json() {
    let pki = Pki::new();
    let simulator = simulator(&pki, |builder| builder);
    let mut raw = Raw::connect(&pki, simulator.address());
    let fields = r#""FileName","EventType","ConnectionKeySet""#;
    raw.send(&request(
        1 << 23,
        block("FileEvent", fields, "JSON").as_bytes(),
    ));
    let events = first_bundle(&mut raw);
    assert_eq!(events.len(), 25, "one event in ten is a file");
    for (record_type, archival, data) in events {
        assert_eq!(record_type, RecordType::FILE);
        assert!(archival.is_some());
        let json: serde_json::Value = serde_json::from_slice(&data).unwrap();
        let mut names: Vec<_> = json.as_object().unwrap().keys().collect();
        names.sort();
        let expected = [
            "ConnectionID",
            "DeviceUUID",
            "EventType",
            "FileName",
            "FirstPacketSecond",
            "InstanceID",
        ];
        assert_eq!(names, expected);
    }
}

#[test]
fn csv_has_the_fields_in_the_order_asked_for_and_short_headers_without_bit_23() {
    let pki = Pki::new();
    let simulator = simulator(&pki, |builder| builder);
    let mut raw = Raw::connect(&pki, simulator.address());
    let fields = r#""EventType","ICMP_Type","InstanceID""#;
    raw.send(&request(
        0,
        block("ConnectionEvent", fields, "CSV").as_bytes(),
    ));
    for (record_type, archival, data) in first_bundle(&mut raw) {
        assert_eq!((record_type, archival), (RecordType::CONNECTION, None));
        let line = String::from_utf8(data).unwrap();
        let values: Vec<_> = line.split(',').collect();
        assert_eq!(values.len(), 3, "{line}");
        assert_eq!(values[0], "ConnectionEvent");
        assert!(values[1].is_empty() || values[1].parse::<u8>().is_ok());
        assert!(values[2].parse::<u8>().is_ok());
    }
}

#[test]
fn replayed_lines_are_cut_to_the_fields_asked_for_foreign_ones_too() {
    use estreamer_simulate::archive::{Archive, ArchiveContent, ArchiveOptions, Live, Oddities};
    use estreamer_simulate::replay::Replay;
    let pki = Pki::new();
    let lines = r#"{"EventType":"FileEvent", "Foreign":[1], "FileName":"a", "EventSecond":7}
{"EventType":"FileEvent", "FileName":"b", "EventSecond":9}"#;
    let file = pki.write("events.ndjson", lines);
    let archive = Archive::new(ArchiveOptions {
        content: ArchiveContent::Lines(Replay::parse(std::fs::read(&file).unwrap()).unwrap()),
        history: None,
        live: Live::Nothing,
        oddities: Oddities::default(),
    });
    let simulator = simulator(&pki, |builder| builder.archive(archive));
    let mut raw = Raw::connect(&pki, simulator.address());
    let fields = r#""FileName","Foreign""#;
    raw.send(&request(
        1 << 23,
        block("FileEvent", fields, "JSON").as_bytes(),
    ));
    let events = first_bundle(&mut raw);
    let data: Vec<_> = events
        .iter()
        .map(|(_, at, data)| (*at, data.as_slice()))
        .collect();
    assert_eq!(
        data,
        [
            (Some(7), &br#"{"FileName":"a", "Foreign":[1]}"#[..]),
            (Some(9), br#"{"FileName":"b"}"#),
        ]
    );
}

#[test]
fn every_mistake_in_a_request_gets_its_error_and_a_close() {
    let pki = Pki::new();
    let simulator = simulator(&pki, |builder| builder);
    let good = block("FileEvent", r#""FileName""#, "JSON");
    let of = |event, fields, transform| block(event, fields, transform).into_bytes();
    for (flags, block, code, words) in [
        (1 << 23, b"{\"Events\":".to_vec(), 1, "JSON"),
        (0, of("FlowEvent", r#""A""#, "JSON"), 2, "FlowEvent"),
        (0, of("FileEvents", r#""A""#, "JSON"), 2, "did you mean"),
        (0, of("FileEvent", "", "JSON"), 3, "field"),
        (0, of("FileEvent", r#""FileNam""#, "JSON"), 3, "FileName"),
        (0, of("FileEvent", r#""FileName""#, "XML"), 4, "XML"),
        (1 << 30, good.clone().into_bytes(), 5, "bit 30"),
        (1, good.clone().into_bytes(), 5, "bit 23"),
        (1 << 23, Vec::new(), 5, "bit 30"),
    ] {
        let mut raw = Raw::connect(&pki, simulator.address());
        raw.send(&request(flags, &block));
        let (header, body) = raw.message().unwrap();
        assert_eq!(header.message_type, MessageType::ERROR, "{header}");
        let error = ErrorMessage::parse(&body).unwrap();
        let text = String::from_utf8_lossy(error.text);
        assert_eq!(error.code, code, "{text}");
        assert!(text.contains(words), "no {words:?} in {text}");
        assert_eq!(raw.message(), None, "and closes");
    }
    assert!(simulator.wait(|served| served.iter().all(|served| served.end.is_some())));
}

#[test]
fn a_request_of_a_size_no_request_has_is_refused_before_it_is_there() {
    let pki = Pki::new();
    let simulator = simulator(&pki, |builder| builder);
    for message_type in [
        MessageType::EVENT_STREAM_REQUEST,
        MessageType::STREAMING_REQUEST,
    ] {
        let mut raw = Raw::connect(&pki, simulator.address());
        let [high, low] = message_type.0.to_be_bytes();
        // Eight MiB are promised, and only the fixed fields sent.
        raw.send(&[0, 1, high, low, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let (_, body) = raw.message().unwrap();
        assert_eq!(ErrorMessage::parse(&body).unwrap().code, 6);
    }
}

#[test]
fn a_second_request_is_refused() {
    let pki = Pki::new();
    let simulator = simulator(&pki, |builder| builder);
    let mut raw = Raw::connect(&pki, simulator.address());
    let request = request(0, block("FileEvent", r#""FileName""#, "JSON").as_bytes());
    raw.send(&request);
    first_bundle(&mut raw);
    raw.send(&request);
    let (_, body) = raw.message().unwrap();
    assert_eq!(ErrorMessage::parse(&body).unwrap().code, 7);
    assert_eq!(simulator.connections()[0].requests.len(), 1);
}

#[test]
fn a_classic_client_is_offered_the_service_and_gets_packet_records() {
    let pki = Pki::new();
    let simulator = simulator(&pki, |builder| builder);
    let mut raw = Raw::connect(&pki, simulator.address());
    raw.send(&request(1 << 30 | 1 << 23, b""));
    let (header, body) = raw.message().unwrap();
    assert_eq!(header.message_type, MessageType::STREAMING_INFORMATION);
    let offered = Services { body: &body };
    let offered: Vec<_> = offered.entries().map(|entry| entry.service).collect();
    assert_eq!(offered, [ESTREAMER_SERVICE]);
    raw.send(&choice(ESTREAMER_SERVICE));
    let records = first_bundle(&mut raw);
    let expected = simulator.archive().events_for(&Selection::packet_records());
    assert_eq!(records.len(), 50, "two events in ten are packets");
    for ((record_type, archival, data), expected) in records.into_iter().zip(expected) {
        assert_eq!(record_type, RecordType::INTRUSION_PACKET);
        assert_eq!(archival, Some(expected.archival));
        assert_eq!(data, expected.data);
        let length = u32::from_be_bytes(data[24..28].try_into().unwrap());
        assert_eq!(data.len(), 28 + length as usize);
    }
}

#[test]
fn a_classic_client_that_chooses_what_was_not_offered_is_refused() {
    let pki = Pki::new();
    let simulator = simulator(&pki, |builder| builder);
    for offered in [true, false] {
        let mut raw = Raw::connect(&pki, simulator.address());
        if offered {
            raw.send(&request(1 << 30, b""));
            raw.message().unwrap();
        }
        raw.send(&choice(ESTREAMER_SERVICE + u32::from(offered)));
        let (_, body) = raw.message().unwrap();
        assert_eq!(ErrorMessage::parse(&body).unwrap().code, 8);
    }
}

/// A streaming request for one service, from the oldest event on.
fn choice(service: u32) -> Vec<u8> {
    let list = [0, 1, 0, 2];
    let entry = ServiceEntry {
        service,
        flags: 0,
        timestamp: 0,
        events: Some(EventList(&list)),
    };
    let mut body = vec![0; entry.encoded_len()];
    entry.emit(&mut body).unwrap();
    message(&Message::StreamingRequest(Services { body: &body }))
}

#[test]
fn no_more_bundles_come_than_may_be_unacknowledged() {
    let pki = Pki::new();
    let simulator = simulator(&pki, |builder| {
        builder.bundle(1).unacknowledged(3).keep_alive(50)
    });
    let mut raw = Raw::connect(&pki, simulator.address());
    raw.send(&request(
        0,
        block("FileEvent", r#""FileName""#, "JSON").as_bytes(),
    ));
    let kinds = |raw: &mut Raw, count| -> Vec<_> {
        let next = |_| raw.message().unwrap().0.message_type;
        (0..count).map(next).collect()
    };
    let (bundle, null) = (MessageType::BUNDLE, MessageType::NULL);
    // Where a bundle is missing, the keep-alive comes in its stead.
    assert_eq!(kinds(&mut raw, 4), [bundle, bundle, bundle, null]);
    raw.send(&Null::BYTES);
    assert_eq!(kinds(&mut raw, 2), [bundle, null]);
    raw.send(&[Null::BYTES, Null::BYTES].concat());
    assert_eq!(kinds(&mut raw, 3), [bundle, bundle, null]);
}

#[test]
fn without_limit_bundles_come_unacknowledged() {
    let pki = Pki::new();
    let simulator = simulator(&pki, |builder| builder.bundle(1).chaos(ChaosKind::NoLimit));
    let mut raw = Raw::connect(&pki, simulator.address());
    raw.send(&request(
        0,
        block("FileEvent", r#""FileName""#, "JSON").as_bytes(),
    ));
    for _ in 0..25 {
        assert_eq!(raw.message().unwrap().0.message_type, MessageType::BUNDLE);
    }
}

#[test]
fn a_bundle_is_as_large_as_asked_for() {
    let pki = Pki::new();
    let simulator = simulator(&pki, |builder| builder.count(40_000).bundle(40_000));
    let address = simulator.address().to_string();
    let arguments = ["--from", "oldest", "--stop-after", "40000"];
    let ended = Ended::of(&mut collect(&pki, &address, &arguments)).success();
    assert!(ended.stderr.contains(" MiB, "), "{}", ended.stderr);
    assert!(ended.stderr.contains(" 1 bundle,"), "{}", ended.stderr);
    assert!(events(&ended.stdout) == expected_lines(simulator.archive()));
}

#[test]
fn a_drip_has_a_tls_record_for_each_byte() {
    let pki = Pki::new();
    let simulator = simulator(&pki, |builder| builder.count(10).chaos(ChaosKind::Drip));
    let mut raw = Raw::connect(&pki, simulator.address());
    let before = raw.wire();
    raw.send(&request(
        0,
        block("FileEvent", r#""FileName""#, "JSON").as_bytes(),
    ));
    let (header, _) = raw.message().unwrap();
    let wire = raw.wire() - before;
    // A header of five bytes, and a tag of sixteen, to each.
    let expected = u64::from(header.length + 8) * 22;
    assert!(wire >= expected, "{wire} of {expected} bytes");
}

#[test]
fn what_was_served_is_told() {
    let pki = Pki::new();
    let simulator = simulator(&pki, |builder| builder.bundle(10));
    let mut raw = Raw::connect(&pki, simulator.address());
    let json = block("FileEvent", r#""FileName""#, "JSON");
    raw.send(&request(1 << 23, json.as_bytes()));
    for _ in 0..3 {
        raw.message().unwrap();
        raw.send(&Null::BYTES);
    }
    assert!(simulator.wait(|served| served[0].nulls == 3));
    let served = &simulator.connections()[0];
    assert_eq!((served.events, served.bundles), (25, 3));
    assert_eq!(served.requests[0].json, json);
    assert_eq!(served.requests[0].from, InitialTimestamp::OLDEST);
    assert_eq!(served.end, None);
    drop(raw);
    assert!(simulator.wait(|served| served[0].end.is_some()));
}

#[test]
fn an_event_stored_by_hand_reaches_those_who_wait() {
    use estreamer_simulate::archive::{Archive, ArchiveOptions, Live};
    use estreamer_simulate::generator::GeneratorOptions;
    let pki = Pki::new();
    let archive = Archive::new(ArchiveOptions {
        live: Live::ByHand,
        ..ArchiveOptions::generated(GeneratorOptions::default(), 100)
    });
    let simulator = simulator(&pki, |builder| builder.archive(archive));
    let mut raw = Raw::connect(&pki, simulator.address());
    let json = block("ConnectionEvent", r#""ConnectionID""#, "JSON");
    let now = Message::Request(EventStreamRequest {
        from: InitialTimestamp::NOW,
        flags: RequestFlags(0),
        block: json.as_bytes(),
    });
    raw.send(&message(&now));
    assert!(simulator.wait(|served| !served.is_empty() && !served[0].requests.is_empty()));
    simulator.archive().store(10);
    // They may come in more bundles than one.
    let mut came = 0;
    while came < 5 {
        came += first_bundle(&mut raw).len();
        raw.send(&Null::BYTES);
    }
    assert_eq!(came, 5, "every second event is a connection's");
}
