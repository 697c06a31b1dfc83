//! Capture files: each packet once, with its bytes, time and intrusion event.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use estreamer::fuzzing::{Block, CapturedPacket, content_of, pcapng};
use estreamer_simulate::Simulator;
use estreamer_simulate::archive::{Archive, ArchiveContent, ArchiveOptions, Live, Oddities};
use estreamer_simulate::generator::{EventKind, GeneratorOptions, Mix};
use estreamer_simulate::replay::Replay;
use estreamer_tests::archive::{closed, manifest};
use estreamer_tests::{Ended, Fleet, Running, counted, estreamer, wait_until};

/// A packet as the server stored it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sent {
    time: u64,
    data: Vec<u8>,
    /// The rule of an intrusion event that was stored before it.
    rule: Option<String>,
}

/// A server of which half of the events are packets.
fn server(fleet: &Fleet, events: u64) -> Simulator {
    let options = GeneratorOptions {
        mix: Mix {
            connection: 20,
            intrusion: 30,
            packet: 50,
            file: 0,
        },
        ..GeneratorOptions::default()
    };
    let archive = Archive::new(ArchiveOptions {
        live: Live::ByHand,
        ..ArchiveOptions::generated(options, events)
    });
    fleet.server(1, 0, |builder| builder.archive(archive).bundle(20))
}

fn sent(server: &Simulator) -> Vec<Sent> {
    let mut rules = HashMap::new();
    let mut packets = Vec::new();
    for stored in server.archive().events() {
        let event: serde_json::Value = serde_json::from_slice(&stored.data).unwrap();
        let key = (event["EventID"].as_u64(), event["EventSecond"].as_u64());
        let number = |name: &str| event[name].as_u64().unwrap_or_default();
        match stored.kind {
            EventKind::Intrusion => {
                let message = event["IntrusionRuleMessage"].as_str().unwrap();
                let numbers = ["GeneratorID", "SignatureID", "SignatureRevision"].map(number);
                let [generator, signature, revision] = numbers;
                let rule = format!("{generator}:{signature}:{revision} {message}");
                rules.insert(key, rule);
            }
            EventKind::Packet => {
                let text = event["PacketData"].as_str().unwrap().as_bytes();
                let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
                let pairs = text
                    .chunks(2)
                    .map(|pair| digit(pair[0]) << 4 | digit(pair[1]));
                packets.push(Sent {
                    time: number("PacketSecond") * 1_000_000 + number("PacketMicrosecond"),
                    data: pairs.collect(),
                    rule: rules.get(&key).cloned(),
                });
            }
            _ => {}
        }
    }
    packets
}

fn configure(fleet: &Fleet, server: &Simulator, keys: &str) -> PathBuf {
    let output = Fleet::output("file:log/packets.pcapng");
    let tables = [
        Fleet::source("fmc", server),
        format!("{output}format = \"pcapng\"\n{keys}\n"),
    ];
    fleet.configure("", &tables);
    fs::create_dir_all(fleet.path("log")).unwrap();
    fleet.path("log/packets.pcapng")
}

/// Every block of the closed files and the open one; `None` while a file is written.
fn blocks(open: &Path) -> Option<Vec<Block>> {
    let mut all = Vec::new();
    for path in closed(open).iter().map(PathBuf::as_path).chain([open]) {
        all.extend(pcapng(&content_of(path).ok()?)?);
    }
    Some(all)
}

fn packets(open: &Path) -> Vec<CapturedPacket> {
    let packet = |block| match block {
        Block::Packet(packet) => Some(packet),
        _ => None,
    };
    let blocks = blocks(open).unwrap_or_default().into_iter();
    blocks.filter_map(packet).collect()
}

#[track_caller]
fn compare(found: &[CapturedPacket], sent: &[Sent]) {
    assert_eq!(found.len(), sent.len());
    for (found, sent) in found.iter().zip(sent) {
        assert_eq!((found.time, &found.data), (sent.time, &sent.data));
        assert_eq!(found.length as usize, sent.data.len());
    }
}

fn verify(fleet: &Fleet) {
    let mut command = estreamer(&["verify"]);
    let state = fleet.path("state");
    command.arg(fleet.path("log")).arg("--state").arg(state);
    Ended::of(&mut command).success();
}

#[test]
fn every_packet_is_in_the_files_once_with_its_rule_after_rotations_kills_and_restarts() {
    let fleet = Fleet::new();
    let server = server(&fleet, 0);
    let keys = "rotate = { size = \"24KiB\" }\ncompress = \"zstd\"";
    let open = configure(&fleet, &server, keys);
    for round in 0..6 {
        let running = Running::start(&mut fleet.collect());
        for _ in 0..6 {
            server.archive().store(80);
            if round % 2 == 0 {
                wait_until(|| packets(&open).len() == sent(&server).len());
            }
        }
        if round % 2 == 0 {
            running.signal("HUP");
            server.archive().store(50);
            wait_until(|| packets(&open).len() == sent(&server).len());
            running.stop().success();
        } else {
            // In the middle of a write, if it comes to that.
            let before = fs::metadata(&open).map_or(0, |file| file.len());
            let count = closed(&open).len();
            wait_until(|| {
                closed(&open).len() > count
                    || fs::metadata(&open).is_ok_and(|file| file.len() > before)
            });
            assert!(running.kill());
        }
    }
    let running = Running::start(&mut fleet.collect());
    server.archive().store(100);
    wait_until(|| packets(&open).len() >= sent(&server).len());
    running.stop().success();
    let (found, sent) = (packets(&open), sent(&server));
    compare(&found, &sent);
    let named = found.iter().zip(&sent).filter(|(found, sent)| {
        let rule = sent.rule.as_deref().unwrap_or("(");
        found.comments[0].starts_with(rule)
    });
    // A packet after a restart may not know its intrusion event before it.
    let named = named.count();
    assert!(named * 2 > found.len(), "{named} of {}", found.len());
    let lines = manifest(&open);
    let lines = lines.iter().filter(|line| line["kind"] == "closed");
    let counted: u64 = lines.filter_map(|line| line["events"].as_u64()).sum();
    let in_open = pcapng(&fs::read(&open).unwrap()).unwrap();
    let in_open = in_open.iter().filter(|it| matches!(it, Block::Packet(_)));
    assert_eq!(counted + in_open.count() as u64, sent.len() as u64);
    verify(&fleet);
}

#[test]
fn a_packet_names_its_intrusion_event() {
    let fleet = Fleet::new();
    let server = server(&fleet, 2000);
    let open = configure(&fleet, &server, "");
    Running::until_served(&mut fleet.collect(), &[&server]).success();
    let (found, sent) = (packets(&open), sent(&server));
    compare(&found, &sent);
    let with_rule = sent.iter().filter(|sent| sent.rule.is_some()).count();
    assert!(with_rule > 500, "{with_rule}");
    for (found, sent) in found.iter().zip(&sent) {
        if let Some(rule) = &sent.rule {
            assert!(found.comments[0].starts_with(rule), "{found:?} {rule}");
        }
    }
    // One section, as long as nothing was closed and reopened.
    let sections = blocks(&open).unwrap();
    let sections = sections.iter().filter(|it| matches!(it, Block::Section));
    assert_eq!(sections.count(), 1);
}

/// A server with these events.
fn replaying(fleet: &Fleet, events: &[&str]) -> Simulator {
    let lines = Replay::parse(events.join("\n").into_bytes()).unwrap();
    let archive = Archive::new(ArchiveOptions {
        content: ArchiveContent::Lines(lines),
        history: None,
        live: Live::Nothing,
        oddities: Oddities::default(),
    });
    fleet.server(1, 0, |builder| builder.archive(archive))
}

const ALERT: &str = r#"{"EventType":"IntrusionEvent","EventSecond":1750000000,"EventID":7,"GeneratorID":1,"SignatureID":2,"SignatureRevision":3,"IntrusionRuleMessage":"it, \"so\""}"#;
const BASE64: &str = r#"{"EventType":"IntrusionPacket","EventSecond":1750000000,"EventID":7,"PacketSecond":1750000001,"PacketMicrosecond":5,"LinkType":101,"PacketLength":40,"PacketData":"RQAAKAABAABAEQ\/\/"}"#;
const NONE: &str =
    r#"{"EventType":"IntrusionPacket","EventSecond":1750000000,"EventID":8,"PacketData":"?"}"#;

#[test]
fn a_packet_that_does_not_decode_is_kept_and_told() {
    let fleet = Fleet::new();
    let server = replaying(&fleet, &[BASE64, ALERT, NONE]);
    let open = configure(&fleet, &server, "");
    let ended = Running::until_served(&mut fleet.collect(), &[&server]).success();
    let [base64, none] = &packets(&open)[..] else {
        panic!("{:?}", packets(&open))
    };
    let expected = b"\x45\0\0\x28\0\x01\0\0\x40\x11\x0f\xff";
    assert_eq!((&base64.data[..], base64.length), (&expected[..], 40));
    assert_eq!(base64.time, 1_750_000_001_000_005);
    assert!(
        base64.comments[0].starts_with("1:2:3 it, \"so\" ("),
        "{base64:?}"
    );
    assert!(none.data.is_empty() && none.comments[0].contains("neither hexadecimal nor base64"));
    let said = &ended.stderr;
    assert!(said.contains("the format cannot hold 1 event: "), "{said}");
    assert_eq!(counted(said, "not fit for a format"), 1);
}

#[test]
fn something_else_is_not_continued_as_a_capture() {
    let fleet = Fleet::new();
    let server = server(&fleet, 100);
    let open = configure(&fleet, &server, "");
    fs::write(&open, "something else\n").unwrap();
    let running = Running::start(&mut fleet.collect());
    running.wait_for("it is not a pcapng file");
    assert_eq!(fs::read_to_string(&open).unwrap(), "something else\n");
    fs::rename(&open, fleet.path("else")).unwrap();
    wait_until(|| packets(&open).len() == sent(&server).len());
    running.stop().success();
}

#[test]
fn events_that_are_no_packets_are_left_out_and_that_is_shown() {
    let fleet = Fleet::new();
    let server = replaying(&fleet, &[ALERT]);
    configure(&fleet, &server, "");
    let config = fleet.path("estreamer.toml");
    let checked = Ended::of(estreamer(&["check"]).arg(&config)).success();
    let text = String::from_utf8(checked.stdout).unwrap();
    assert!(text.contains("takes      only packets"), "{text}");
    let file = fleet.path("events.ndjson");
    fs::write(&file, format!("{ALERT}\n{BASE64}\n")).unwrap();
    let mut command = estreamer(&["convert"]);
    let ended = Ended::of(command.arg(&file).args(["--format", "pcapng"])).success();
    assert_eq!(pcapng(&ended.stdout).unwrap().len(), 3);
    let said = &ended.stderr;
    assert!(
        said.contains("1 event left out: pcapng takes only packets"),
        "{said}"
    );
}

#[test]
fn values_that_ftd_changed_are_counted_in_the_summary() {
    let fleet = Fleet::new();
    let event = |name: &str| {
        format!(r#"{{"EventType":"FileEvent","EventSecond":1750000000,"FileName":"{name}"}}"#)
    };
    let server = replaying(&fleet, &[&event("a, b: c"), &event("a, b")]);
    let source = Fleet::source("fmc", &server) + "events = [\"file\"]\n";
    let output = Fleet::output("file:events.log") + "format = \"ftd\"\n";
    fleet.configure("", &[source, output]);
    let ended = Running::until_served(&mut fleet.collect(), &[&server]).success();
    assert_eq!(counted(&ended.stderr, "changed to fit a format"), 1);
}

/// What tshark lists of a file: time, bytes in hexadecimal, length and comment.
fn listed(path: &Path) -> Vec<(String, String, usize, String)> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(path).args(["-x", "-T", "json"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", path.display());
    let frames: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let frames = frames.iter().map(|frame| &frame["_source"]["layers"]);
    frames
        .map(|layers| {
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            (
                text(&layers["frame"]["frame.time_epoch"]),
                text(&layers["frame_raw"][0]),
                text(&layers["frame"]["frame.len"]).parse().unwrap(),
                text(&layers["pkt_comment"]["frame.comment"]),
            )
        })
        .collect()
}

#[track_caller]
fn compare_listed(paths: &[PathBuf], sent: &[Sent], knows_all: bool) {
    let listed: Vec<_> = paths.iter().flat_map(|path| listed(path)).collect();
    assert_eq!(listed.len(), sent.len());
    for ((time, data, length, comment), sent) in listed.iter().zip(sent) {
        let (second, micros) = (sent.time / 1_000_000, sent.time % 1_000_000);
        assert_eq!(*time, format!("{second}.{micros:06}000"));
        let hex: Vec<String> = sent.data.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((data, *length), (&hex.concat(), sent.data.len()));
        if let Some(rule) = sent.rule.as_ref().filter(|_| knows_all) {
            assert!(comment.starts_with(rule), "{comment}: {rule}");
        }
        assert!(comment.contains("EventID "), "{comment}");
    }
}

#[test]
#[ignore = "needs tshark"]
fn tshark_lists_every_packet_while_it_is_written_after_rotation_and_after_a_kill() {
    let fleet = Fleet::new();
    let server = server(&fleet, 300);
    let open = configure(&fleet, &server, "");
    let running = Running::start(&mut fleet.collect());
    for _ in 0..3 {
        wait_until(|| packets(&open).len() == sent(&server).len());
        compare_listed(std::slice::from_ref(&open), &sent(&server), true);
        server.archive().store(200);
    }
    let before = fs::metadata(&open).unwrap().len();
    wait_until(|| fs::metadata(&open).unwrap().len() > before);
    server.archive().store(3000);
    assert!(running.kill());
    configure(&fleet, &server, "rotate = { size = \"64KiB\" }");
    let running = Running::start(&mut fleet.collect());
    for _ in 0..4 {
        server.archive().store(200);
        wait_until(|| packets(&open).len() >= sent(&server).len());
    }
    running.stop().success();
    let mut files = closed(&open);
    assert!(files.len() > 2, "{files:?}");
    files.push(open);
    compare_listed(&files, &sent(&server), false);
    verify(&fleet);
}
