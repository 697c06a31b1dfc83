//! However a server counts the record length, and whatever else it sends than it
//! was asked for: events come out as they went in, and it is told.

use std::fs;
use std::io::{copy, sink};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;

use estreamer::client::{Client, InitialTimestamp};
use estreamer_core::quirk::{Quirk, Quirks};
use estreamer_core::wire::{BundleHeader, BundleWriter, Event, RecordType};
use estreamer_mio::tls::ServerTls;
use estreamer_simulate::chaos::{Chaos, ChaosKind};
use estreamer_tests::{
    Ended, Fleet, Pki, Running, Scene, Simulator, at_each, collect, events, expected_lines,
    wait_until,
};

/// Forms of data: what the client asks, and what the simulator needs for it.
const FORMS: [(&[&str], &[&str]); 3] = [
    (&["--event", "connection"], &[]),
    (
        &[
            "--fields",
            "connection=InitiatorIP,ResponderIP,URL",
            "--transform",
            "CSV",
        ],
        &[],
    ),
    (
        &[
            "--event",
            "connection",
            "--transform",
            "FlatBuffer",
            "--format",
            "raw",
        ],
        &["--opaque", "FlatBuffer"],
    ),
];

/// What the record length counts: the data, the extension too, or everything.
const READINGS: [Option<&str>; 3] = [
    None,
    Some("record-covers-extension"),
    Some("record-covers-header"),
];

#[test]
fn every_reading_of_every_form_survives_a_kill_byte_for_byte() {
    let pki = Pki::new();
    let cases: Vec<_> = FORMS
        .iter()
        .enumerate()
        .flat_map(|(at, form)| READINGS.map(|reading| (at, form, reading)))
        .collect();
    at_each(&cases, |_, &(at, (asked, simulate), reading)| {
        let count = ["--count", "20000"];
        let strict = Simulator::start(&pki.path(), &[&count[..], simulate].concat());
        let arguments = ["--from", "oldest", "--stop-when-idle", "1", "--quiet"];
        let arguments = [&arguments[..], asked].concat();
        let expected = Ended::of(&mut collect(&pki, &strict.address, &arguments)).success();
        let expected = expected.stdout;
        assert!(expected.len() > 100_000);

        let quirk: Vec<&str> = reading
            .into_iter()
            .flat_map(|quirk| ["--quirk", quirk])
            .collect();
        let reading = reading.unwrap_or("data");
        let simulate = [&count[..], simulate, &quirk].concat();
        let server = Simulator::start(&pki.path(), &simulate);
        let path = pki.scratch(&format!("{at}-{reading}"));
        let url = format!("file:{}", path.display());
        let state = pki.scratch(&format!("state-{at}-{reading}"));
        let arguments = [
            &arguments[..],
            &["--output", &url, "--state", state.to_str().unwrap()],
        ]
        .concat();
        let mut running = Running::start(&mut collect(&pki, &server.address, &arguments));
        let half = expected.len() as u64 / 2;
        let length = || fs::metadata(&path).map_or(0, |file| file.len());
        wait_until(|| !running.is_running() || length() >= half);
        running.kill();
        for run in ["resumed", "once more"] {
            Ended::of(&mut collect(&pki, &server.address, &arguments)).success();
            let written = fs::read(&path).unwrap();
            assert!(written == expected, "{reading}, form {at}, {run}");
        }
    });
}

#[test]
fn a_reading_is_told_once_for_each_source_and_counted() {
    let told = "the server counts the record length as";
    for (quirk, words, summary) in [
        (None, "", ""),
        (
            Some(Quirk::RecordCoversExtension),
            "archival timestamp, reserved word and data: decoded; nothing to do.",
            "1000 with a record length that counts archival timestamp and reserved word",
        ),
        (
            Some(Quirk::RecordCoversHeader),
            "record header and data: decoded; nothing to do.",
            "1000 with a record length that counts the record header",
        ),
    ] {
        let fleet = Fleet::new();
        let servers = ["rome", "bern"].map(|name| {
            let server = fleet.server(1, 500, |builder| {
                quirk
                    .into_iter()
                    .fold(builder, |builder, q| builder.quirk(q))
            });
            (name, server)
        });
        let sources = servers
            .iter()
            .map(|(name, server)| Fleet::source(name, server));
        let output = Fleet::output("file:{source}.ndjson");
        fleet.configure("", &sources.chain([output]).collect::<Vec<_>>());
        let ended = Ended::of(fleet.collect().args(["--stop-when-idle", "0.5"])).success();
        let said = ended.stderr;
        let times = if quirk.is_some() { 1 } else { 0 };
        for (name, server) in &servers {
            let line = format!("estreamer: {name}: {told} {words}");
            assert_eq!(said.matches(&line).count(), times, "{said}");
            let written = events(&fs::read(fleet.path(&format!("{name}.ndjson"))).unwrap());
            assert!(written == expected_lines(server.archive()));
        }
        assert_eq!(said.matches(told).count(), 2 * times, "{said}");
        assert!(said.contains(summary), "{said}");
    }
}

#[test]
fn a_server_without_the_archival_times_asked_for_is_told_of_and_nothing_is_lost() {
    let scene = Scene::new(1000, Default::default(), |b| b.quirk(Quirk::NoExtension));
    let said = Ended::of(&mut scene.collect("out", "state"))
        .success()
        .stderr;
    scene.check("out", "without archival times");
    let told = "estreamer: fmc: the server sends records without archival time";
    assert_eq!(said.matches(told).count(), 1, "{said}");
    assert!(said.contains("1000 without archival time"), "{said}");
}

#[test]
fn a_setting_reads_opaque_data_that_does_not_tell_where_it_begins() {
    let pki = Pki::new();
    let (asked, simulate) = FORMS[2];
    let count = ["--count", "500"];
    let run = |quirk: &[&str], more: &[&str]| {
        let simulate = [&count[..], simulate, quirk].concat();
        let server = Simulator::start(&pki.path(), &simulate);
        let arguments = ["--from", "oldest", "--stop-when-idle", "1", "--quiet"];
        let arguments = [&arguments[..], asked, more].concat();
        let mut command = collect(&pki, &server.address, &arguments);
        Ended::of(&mut command).success().stdout
    };
    let expected = run(&[], &[]);
    for (quirk, setting) in [
        ("no-extension", "data"),
        ("record-covers-extension", "extension"),
        ("record-covers-header", "all"),
    ] {
        let found = run(&["--quirk", quirk], &["--record-length", setting]);
        assert!(found == expected, "{quirk} {setting}");
    }
}

#[test]
fn events_that_are_not_the_json_asked_for_are_delivered_counted_and_told() {
    let pki = Pki::new();
    let archival = 1_700_000_000_u32;
    for (data, line) in [
        (
            &b"1743500734,172.16.3.110,443"[..],
            &b"1743500734,172.16.3.110,443"[..],
        ),
        (b"\x10\x00\x02\xff\xfe", b"\x10\x00\x02\xff\xfe"),
        (b"", b""),
        (b"[{}]", b"[{}]"),
    ] {
        let mut buffer = [0; 512];
        let header = BundleHeader {
            connection_id: 1,
            sequence: 1,
        };
        let mut bundle = BundleWriter::new(&mut buffer, header, Quirks::NONE).unwrap();
        for data in [data, b"{}", data] {
            let event = Event::new(RecordType::CONNECTION, Some(archival), data);
            bundle.push(&event).unwrap();
        }
        let address = serve(&pki, bundle.finish().to_vec());
        let arguments = ["--name", "fmc", "--from", "oldest", "--stop-after", "3"];
        let mut command = collect(&pki, &address.to_string(), &arguments);
        let ended = Ended::of(&mut command).success();
        let expected = [line, b"\n{}\n", line, b"\n"].concat();
        assert_eq!(ended.stdout, expected, "as it came");
        let said = ended.stderr;
        let told = "estreamer: fmc: the server sends events that are not JSON";
        assert_eq!(said.matches(told).count(), 1, "{said}");
        assert!(said.contains("2 not JSON"), "{said}");
    }
}

#[test]
fn a_program_sees_the_reading_in_its_statistics() {
    let scene = Scene::new(200, Default::default(), |builder| {
        builder.quirk(Quirk::RecordCoversExtension)
    });
    let mut client = Client::builder(&scene.simulator().address().to_string())
        .pkcs12(scene.path("pki/client.p12"), "estreamer")
        .from(InitialTimestamp::OLDEST)
        .connect()
        .unwrap();
    for event in client.by_ref().take(200) {
        let event = event.unwrap();
        assert!(event.data.starts_with(b"{") && event.archival.is_some());
    }
    let deviations = client.statistics().deviations;
    assert_eq!(deviations.of(Quirk::RecordCoversExtension), 200);
    assert_eq!(deviations.of(Quirk::DataNotJson), 0);
}

/// The limit concerns the data of a record, not its headers.
#[test]
fn a_record_of_just_16_mib_is_delivered_and_a_larger_one_is_not() {
    for (mebibytes, oversize) in [(16, false), (17, true)] {
        let fleet = Fleet::new();
        let server = fleet.server(1, 100, |builder| {
            builder.chaos(Chaos::with(ChaosKind::Oversize, mebibytes))
        });
        let tables = [Fleet::source("fmc", &server), Fleet::output("file:out")];
        fleet.configure("", &tables);
        let ended = Ended::of(fleet.collect().args(["--stop-when-idle", "0.5"])).success();
        let told = ended.stderr.contains("over the size limit");
        assert_eq!(told, oversize, "{}", ended.stderr);
        let written = fs::read(fleet.path("out")).unwrap();
        let longest = written.split(|&byte| byte == b'\n').map(<[u8]>::len).max();
        assert_eq!(longest == Some(16 << 20), !oversize);
        assert_eq!(events(&written).len(), 100 + usize::from(!oversize));
    }
}

/// A server that answers one connection with these bytes, whatever it is asked.
fn serve(pki: &Pki, bytes: Vec<u8>) -> SocketAddr {
    let identity = pki.identity();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut tls = ServerTls::new(&identity).unwrap().accept().unwrap();
        while tls.is_handshaking() {
            while tls.wants_write() {
                tls.write_tls(&mut socket).unwrap();
            }
            if tls.is_handshaking() {
                tls.read_tls(&mut socket).unwrap();
                tls.process().unwrap();
            }
        }
        assert_eq!(tls.write(&bytes), bytes.len());
        while tls.wants_write() {
            tls.write_tls(&mut socket).unwrap();
        }
        // Until the client leaves.
        let _ = copy(&mut socket, &mut sink());
    });
    address
}
