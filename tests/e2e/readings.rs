//! However a server counts the record length, and whatever else it sends than it
//! was asked for: events come out as they went in, and it is told.

use std::fs;

use estreamer::client::{Client, InitialTimestamp};
use estreamer_core::quirk::{Quirk, Quirks};
use estreamer_core::wire::{BundleHeader, BundleWriter, Event, RecordType};
use estreamer_simulate::Simulator;
use estreamer_simulate::chaos::{Chaos, ChaosKind};
use estreamer_tests::speaker::{serve, speak};
use estreamer_tests::{
    Ended, Fleet, Pki, Running, Scene, at_each, collect, collect_all, events, expected_lines,
    wait_until,
};

/// Forms of data, as the client asks for them.
const FORMS: [&[&str]; 3] = [
    &["--event", "connection"],
    &[
        "--fields",
        "connection=InitiatorIP,ResponderIP,URL",
        "--transform",
        "CSV",
    ],
    &[
        "--event",
        "connection",
        "--transform",
        "FlatBuffer",
        "--format",
        "raw",
    ],
];

/// A server of those.
fn server(pki: &Pki, events: u64, reading: Option<Quirk>) -> Simulator {
    let builder = pki.server().count(events).opaque("FlatBuffer");
    let quirks = reading.map_or(Quirks::NONE, |quirk| Quirks::NONE.with(quirk));
    // Slow enough to be killed in the middle.
    builder.quirks(quirks).rate(20_000).spawn().unwrap()
}

/// What the record length counts: the data, the extension too, or everything.
const READINGS: [Option<Quirk>; 3] = [
    None,
    Some(Quirk::RecordCoversExtension),
    Some(Quirk::RecordCoversHeader),
];

#[test]
fn every_reading_of_every_form_survives_a_kill_byte_for_byte() {
    let pki = Pki::new();
    let cases: Vec<_> = FORMS
        .iter()
        .enumerate()
        .flat_map(|(at, form)| READINGS.map(|reading| (at, *form, reading)))
        .collect();
    at_each(&cases, |_, &(at, asked, reading)| {
        let strict = server(&pki, 20_000, None);
        let asked = [asked, &["--quiet"][..]].concat();
        let expected = collect_all(&pki, &strict, &asked).success().stdout;
        assert!(expected.len() > 100_000);

        let server = server(&pki, 20_000, reading);
        let reading = reading.map_or("data", Quirk::name);
        let path = pki.scratch(&format!("{at}-{reading}"));
        let url = format!("file:{}", path.display());
        let state = pki.scratch(&format!("state-{at}-{reading}"));
        let state = ["--output", &url, "--state", state.to_str().unwrap()];
        let asked = [&asked[..], &state].concat();
        let address = server.address().to_string();
        let mut command = collect(&pki, &address, &["--from", "oldest"]);
        let running = Running::start(command.args(&asked));
        let half = expected.len() as u64 / 2;
        let length = || fs::metadata(&path).map_or(0, |file| file.len());
        wait_until(|| length() >= half);
        running.kill();
        assert!(length() < expected.len() as u64, "it was at work");
        for run in ["resumed", "once more"] {
            collect_all(&pki, &server, &asked).success();
            let written = fs::read(&path).unwrap();
            assert!(written == expected, "{reading}, form {at}, {run}");
        }
    });
}

#[test]
fn a_reading_is_told_once_for_each_source_and_counted() {
    let told = "the record length of this server includes";
    for (quirk, words, summary) in [
        (None, "", ""),
        (
            Some(Quirk::RecordCoversExtension),
            "archival timestamp and reserved word. The events are decoded correctly; nothing to do.",
            "1000 with a record length that counts archival timestamp and reserved word",
        ),
        (
            Some(Quirk::RecordCoversHeader),
            "the record header. The events are decoded correctly; nothing to do.",
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
        let ended =
            Running::until_served(&mut fleet.collect(), &[&servers[0].1, &servers[1].1]).success();
        let said = ended.stderr;
        let times = if quirk.is_some() { 1 } else { 0 };
        for (name, server) in &servers {
            let line = format!(" WARN {name}: {told} {words}");
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
    let said = scene
        .run(&mut scene.collect("out", "state"))
        .success()
        .stderr;
    scene.check("out", "without archival times");
    let told = " WARN fmc: the server sends records without archival time";
    assert_eq!(said.matches(told).count(), 1, "{said}");
    assert!(said.contains("1000 without archival time"), "{said}");
}

#[test]
fn a_setting_reads_opaque_data_that_does_not_tell_where_it_begins() {
    let pki = Pki::new();
    let run = |quirk, more: &[&str]| {
        let arguments = [&["--quiet"], FORMS[2], more].concat();
        let ended = collect_all(&pki, &server(&pki, 500, quirk), &arguments);
        ended.success().stdout
    };
    let expected = run(None, &[]);
    for (quirk, setting) in [
        (Quirk::NoExtension, "data"),
        (Quirk::RecordCoversExtension, "extension"),
        (Quirk::RecordCoversHeader, "all"),
    ] {
        let found = run(Some(quirk), &["--record-length", setting]);
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
        let (identity, bytes) = (pki.identity(), bundle.finish().to_vec());
        let address = serve(move |socket| speak(&identity, socket, &bytes));
        let arguments = ["--name", "fmc", "--from", "oldest", "--stop-after", "3"];
        let mut command = collect(&pki, &address.to_string(), &arguments);
        let ended = Ended::of(&mut command).success();
        let expected = [line, b"\n{}\n", line, b"\n"].concat();
        assert_eq!(ended.stdout, expected, "as it came");
        let said = ended.stderr;
        let told = " WARN fmc: the server sends events that are not JSON";
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
        fleet.configure_one(&server, &["file:out"]);
        let ended = Running::until_served(&mut fleet.collect(), &[&server]).success();
        let told = ended.stderr.contains("over the size limit");
        assert_eq!(told, oversize, "{}", ended.stderr);
        let written = fs::read(fleet.path("out")).unwrap();
        let longest = written.split(|&byte| byte == b'\n').map(<[u8]>::len).max();
        assert_eq!(longest == Some(16 << 20), !oversize);
        assert_eq!(events(&written).len(), 100 + usize::from(!oversize));
    }
}
