//! Null messages that are sent ahead of need, to the three kinds of servers.

use std::time::{Duration, Instant};

use estreamer::client::{Client, InitialTimestamp};
use estreamer_mio::server::SurplusNulls;
use estreamer_simulate::archive::Oddities;
use estreamer_tests::{ODD, Running, Scene, Simulator, lines, wait_for_lines};

const PREPAID: [&str; 2] = ["--ack-prepaid", "64"];

/// How long a collector takes for everything this server has.
fn time(scene: &Scene, out: &str, arguments: &[&str]) -> Duration {
    let start = Instant::now();
    let mut command = scene.collect(out, &format!("{out}.state"));
    scene.run(command.args(arguments)).success();
    let time = start.elapsed();
    scene.check(out, &format!("{arguments:?}"));
    time
}

#[test]
fn a_server_far_away_that_counts_nulls_is_not_waited_for() {
    // 400 bundles, each of which waits for 50 ms: 20 s without prepaid nulls.
    let delay = Duration::from_millis(50);
    let scene = Scene::new(4000, ODD, |builder| {
        let builder = builder.bundle(10).delay(delay);
        builder.surplus_nulls(SurplusNulls::Credit)
    });
    let fast = time(&scene, "prepaid", &PREPAID);
    let bundles = scene.simulator().connections()[0].bundles;
    let waits = delay * u32::try_from(bundles).unwrap();
    assert!(fast < waits / 3, "{fast:?} for {bundles} bundles");
    let nulls = scene.simulator().connections()[0].nulls;
    assert_eq!(nulls, bundles + 64);
}

#[test]
fn a_server_that_ignores_surplus_nulls_gets_them_once() {
    let scene = Scene::new(3000, ODD, |builder| builder);
    time(&scene, "out", &PREPAID);
    let served = &scene.simulator().connections()[0];
    assert_eq!(served.nulls, served.bundles + 64);
    assert_eq!(scene.simulator().connections().len(), 1);
}

#[test]
fn without_the_setting_no_null_is_surplus() {
    let scene = Scene::new(1000, Oddities::default(), |builder| {
        builder.surplus_nulls(SurplusNulls::Error)
    });
    time(&scene, "out", &[]);
    let served = &scene.simulator().connections()[0];
    assert_eq!(served.nulls, served.bundles);
}

#[test]
fn a_server_that_objects_gets_no_more_of_them_and_loses_nothing() {
    for deed in [SurplusNulls::Error, SurplusNulls::Close] {
        let scene = Scene::new(3000, ODD, |builder| builder.surplus_nulls(deed));
        let mut command = scene.collect("out", "state");
        let ended = scene.run(command.args(PREPAID)).success();
        scene.check("out", &format!("{deed:?}"));
        let said = ended.stderr;
        let told = said.matches("ahead of need").count();
        assert_eq!(told, 1, "{deed:?}: {said}");
        let connections = scene.simulator().connections();
        assert_eq!(connections.len(), 2, "{deed:?}: {said}");
        assert_eq!(connections[1].nulls, connections[1].bundles);
    }
}

/// A kill between prepaid nulls and their bundles: the bookmark decides, not the nulls.
#[test]
fn a_collector_killed_with_prepaid_nulls_loses_nothing_and_doubles_nothing() {
    let scene = Scene::new(20_000, ODD, |builder| {
        let builder = builder.surplus_nulls(SurplusNulls::Credit);
        builder.rate(20_000).delay(Duration::from_millis(20))
    });
    for at in [1, 4_000_000] {
        let mut command = scene.collect("out", "state");
        scene.kill(command.args(PREPAID), "out", at);
    }
    scene
        .run(scene.collect("out", "state").args(PREPAID))
        .success();
    scene.check("out", "after the kills");
}

#[test]
fn a_reconnecting_client_goes_on_without_them_too() {
    let scene = Scene::new(500, Oddities::default(), |builder| {
        builder.bundle(10).surplus_nulls(SurplusNulls::Close)
    });
    let client = Client::builder(&scene.simulator().address().to_string());
    let client = client.pkcs12(scene.path("pki/client.p12"), "estreamer");
    let client = client.state(scene.path("state"));
    let client = client.from(InitialTimestamp::OLDEST).prepaid(8);
    let mut client = client.reconnecting().connect().unwrap();
    let mut found = Vec::new();
    while found.len() < 500 {
        let record = client.receive(Some(Duration::from_secs(60))).unwrap();
        found.push(record.expect("an event").data.to_vec());
        client.acknowledge().unwrap();
    }
    assert!(found == estreamer_tests::expected_lines(scene.archive()));
    let connections = scene.simulator().connections();
    assert!(connections[0].nulls > connections[0].bundles);
    assert!(connections.len() > 1);
}

/// The same servers as programs, with a configuration file.
#[test]
fn the_key_of_a_configuration_file_and_the_option_of_the_simulator_do_the_same() {
    let pki = estreamer_tests::Pki::new();
    let arguments = ["--count", "2000", "--bundle", "10", "--delay", "20"];
    let arguments = [&arguments[..], &["--surplus-nulls", "credit"]].concat();
    let server = Simulator::start(&pki.path(), &arguments);
    let out = pki.scratch("out.ndjson");
    let config = format!(
        "[ack]\nprepaid = 64\n[[source]]\nserver = \"{}\"\ncert = \"{}\"\nkey = \"{}\"\n\
         ca = \"{}\"\nfrom = \"oldest\"\n[[output]]\nurl = \"file:{}\"\n",
        server.address,
        pki.file("client.pem"),
        pki.file("client.key"),
        pki.file("ca.pem"),
        out.display()
    );
    let config = pki.write("estreamer.toml", config);
    let mut command = estreamer_tests::estreamer(&["collect", "--config", &config]);
    let running = Running::start(&mut command);
    wait_for_lines(&out, 2000, &running);
    let ended = running.stop().success();
    assert_eq!(lines(&out).len(), 2000, "{}", ended.stderr);
    let bundles = estreamer_tests::counted(&ended.stderr, "bundles");
    server.stop_after(&format!("{} nulls received", bundles + 64), 1);
}

/// The doctor measures round trip and window, and what the server does with the nulls.
#[test]
fn the_doctor_says_whether_a_server_counts_them() {
    let delay = Duration::from_millis(20);
    let doctor = |window: u32, deed: SurplusNulls| {
        let pki = estreamer_tests::Pki::new();
        let server = pki.server().count(2000).bundle(20).delay(delay);
        let server = server.unacknowledged(window).surplus_nulls(deed);
        let server = server.spawn().unwrap();
        let address = server.address().to_string();
        let diagnosis = super::doctor::examine(&pki, &address, &[]);
        diagnosis.assert(estreamer::doctor::Class::Healthy, None);
        diagnosis.step("round trip").cloned()
    };
    let windows = [
        (1, "1 bundle of"),
        (4, "4 bundles of"),
        (20, "20 bundles of"),
    ];
    for (window, bundles) in windows {
        let step = doctor(window, SurplusNulls::Credit).unwrap();
        let found = step["found"].as_str().unwrap();
        assert!(found.starts_with(bundles), "{found}");
        assert!(found.contains("are counted: with 64 at most"), "{found}");
        let look_at = step["look_at"].as_str().unwrap();
        assert!(look_at.contains("--ack-prepaid 64"), "{look_at}");
    }
    for (window, deed, words) in [
        (1, SurplusNulls::Ignore, "are ignored"),
        (1, SurplusNulls::Error, "ends the connection"),
        (20, SurplusNulls::Error, "ends the connection"),
        (1, SurplusNulls::Close, "ends the connection"),
    ] {
        let step = doctor(window, deed).unwrap();
        let found = step["found"].as_str().unwrap();
        assert!(found.contains(words), "{found}");
        assert!(step["look_at"].is_null(), "{step}");
    }
    // A server that does not wait leaves nothing to measure.
    assert!(doctor(100, SurplusNulls::Ignore).is_none());
}
