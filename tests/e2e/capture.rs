//! Recorded streams on the command line.

use estreamer_core::wire::{
    BundleHeader, BundleWriter, ErrorMessage, Event, EventStreamRequest, InitialTimestamp, Message,
    Null, RecordType, RequestFlags,
};
use estreamer_simulate::archive::Oddities;
use estreamer_tests::{Ended, Pki, Scene, estreamer};

/// A bit of both directions, which are decoded alike.
fn stream() -> Vec<u8> {
    let emit = |message: Message<'_>| {
        let mut out = vec![0; message.encoded_len()];
        message.emit(&mut out).unwrap();
        out
    };
    let mut buffer = [0; 256];
    let header = BundleHeader {
        connection_id: 42,
        sequence: 1,
    };
    let mut bundle = BundleWriter::new(&mut buffer, header, Default::default()).unwrap();
    bundle
        .push(&Event::new(
            RecordType::FILE,
            Some(1_700_000_000),
            b"{\"n\":1}",
        ))
        .unwrap();
    [
        emit(Message::Request(EventStreamRequest {
            from: InitialTimestamp::OLDEST,
            flags: RequestFlags::EXTENDED_HEADER,
            block: b"{}\0",
        })),
        bundle.finish().to_vec(),
        Null::BYTES.to_vec(),
        emit(Message::Error(ErrorMessage {
            code: -1,
            text: b"bye",
        })),
    ]
    .concat()
}

#[test]
fn every_message_is_a_line_and_explained_every_field_is() {
    let pki = Pki::new();
    let file = pki.write("stream.bin", stream());
    let decode = |arguments: &[&str]| {
        let mut command = estreamer(&["capture", "decode", &file]);
        let ended = Ended::of(command.args(arguments)).success();
        assert!(ended.stderr.is_empty(), "{}", ended.stderr);
        String::from_utf8(ended.stdout).unwrap()
    };
    let text = decode(&[]);
    let begins: Vec<_> = text
        .lines()
        .map(|line| line[8..].trim_start().split(' ').next().unwrap())
        .collect();
    assert_eq!(
        begins,
        ["event", "bundle", "event", "null", "error"],
        "{text}"
    );
    let text = decode(&["--explain"]);
    for part in [
        "00800000",
        "extended event header",
        "500 = file",
        "{\"n\":1}",
        "ffffffff",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}

#[test]
fn a_stream_cut_short_or_gone_astray_says_where() {
    let pki = Pki::new();
    let stream = stream();
    let file = pki.write("cut.bin", &stream[..stream.len() - 1]);
    let ended = Ended::of(&mut estreamer(&["capture", "decode", &file])).success();
    assert!(
        ended.stderr.contains("ends 16 bytes into a message"),
        "{}",
        ended.stderr
    );
    let file = pki.write("junk.bin", "GET / HTTP/1.1\r\n\r\n");
    let ended = Ended::of(&mut estreamer(&["capture", "decode", &file]));
    ended.failure(1, &["junk.bin", "byte 0", "without TLS"]);
    let ended = Ended::of(&mut estreamer(&["capture", "decode", "/no/such/file"]));
    ended.failure(1, &["/no/such/file"]);
}

#[test]
fn what_collect_records_is_decoded_message_by_message() {
    let scene = Scene::new(250, Oddities::default(), |builder| builder);
    let stream = scene.path("stream");
    let stream = stream.to_str().unwrap();
    let mut command = scene.collect("out", "state");
    scene.run(command.args(["--capture", stream])).success();
    let decode = |file: &str| {
        let ended = Ended::of(&mut estreamer(&["capture", "decode", file])).success();
        String::from_utf8(ended.stdout).unwrap()
    };
    let received = decode(stream);
    assert_eq!(received.matches("bundle ").count(), 3, "{received}");
    assert_eq!(received.matches("event ").count(), 250);
    let sent = decode(&format!("{stream}.sent"));
    assert_eq!(sent.matches("event stream request").count(), 1, "{sent}");
    assert_eq!(sent.matches("null").count(), 3, "{sent}");
    assert_eq!(sent.matches("error -1").count(), 1, "{sent}");
}
