//! Where a source is asked from: nothing is left out between two runs, whatever
//! the clocks say and whenever a run ends.

use std::time::{SystemTime, UNIX_EPOCH};

use estreamer_core::quirk::Quirk;
use estreamer_core::wire::InitialTimestamp;
use estreamer_simulate::Simulator;
use estreamer_simulate::archive::{ArchiveOptions, Live, Oddities};
use estreamer_simulate::chaos::{Chaos, ChaosKind};
use estreamer_simulate::generator::GeneratorOptions;
use estreamer_tests::{ODD, Running, Scene, lines, wait_for_lines, wait_until};

/// Our clock's second.
fn now() -> u32 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs() as u32
}

/// An archive that begins now, and grows when a test stores events.
fn beginning_now(history: u64) -> ArchiveOptions {
    let options = GeneratorOptions {
        start: now(),
        ..GeneratorOptions::default()
    };
    ArchiveOptions {
        live: Live::ByHand,
        ..ArchiveOptions::generated(options, history)
    }
}

/// Where the last connection asked from, once so many have asked.
#[track_caller]
fn asked(simulator: &Simulator, connections: usize) -> InitialTimestamp {
    let asked = |served: &[estreamer_simulate::Served]| {
        served.len() == connections && !served[connections - 1].requests.is_empty()
    };
    assert!(simulator.wait(asked));
    simulator.connections()[connections - 1].requests[0].from
}

/// Stops it in order; returns what it said.
fn stop(running: Running) -> String {
    running.stop().success().stderr
}

#[test]
fn a_run_from_now_without_an_event_is_gone_on_from_its_own_now() {
    let scene = Scene::of(beginning_now(0), |builder| builder);
    let first = now();
    let collect = || Running::start(&mut scene.collect_to(&scene.file("out"), "state", "now"));
    let running = collect();
    assert_eq!(asked(scene.simulator(), 1), InitialTimestamp::NOW);
    stop(running);
    scene.archive().store(200);
    let running = collect();
    let from = asked(scene.simulator(), 2);
    assert!((first - 6..=first).contains(&from.0), "{from:?}, {first}");
    wait_for_lines(&scene.path("out"), 200, &running);
    stop(running);
    scene.check("out", "what was stored between the runs");
}

#[test]
fn the_earliest_time_ever_asked_for_counts_until_something_is_delivered() {
    // Two connections get nothing, and their runs are killed.
    let stall = Chaos::with(ChaosKind::Stall, 600_000);
    let scene = Scene::new(3000, ODD, |builder| {
        builder.chaos(stall).chaos_connections(2)
    });
    let start = |from| Running::start(&mut scene.collect_to(&scene.file("out"), "state", from));
    let running = start("now");
    assert_eq!(asked(scene.simulator(), 1), InitialTimestamp::NOW);
    running.kill();
    let running = start("oldest");
    assert_eq!(asked(scene.simulator(), 2), InitialTimestamp::OLDEST);
    running.kill();
    let running = start("now");
    assert_eq!(asked(scene.simulator(), 3), InitialTimestamp::OLDEST);
    wait_for_lines(&scene.path("out"), 3000, &running);
    stop(running);
    scene.check("out", "from the oldest, as was asked once");
}

#[test]
fn our_own_replay_is_no_disorder() {
    // Four seconds before "now", which the overlap of the second run brings.
    let scene = Scene::of(beginning_now(400), |builder| builder);
    for (run, lines) in [(1, 100), (2, 600), (3, 700)] {
        let running = Running::start(&mut scene.collect_to(&scene.file("out"), "state", "now"));
        asked(scene.simulator(), run);
        scene.archive().store(100);
        wait_for_lines(&scene.path("out"), lines, &running);
        let said = stop(running);
        assert!(!said.contains("out of order"), "run {run}: {said}");
    }
    assert_eq!(scene.compare(&lines(&scene.path("out"))), (0, 0));
}

#[test]
fn a_server_without_archival_times_loses_nothing_and_is_told_of_once() {
    for from in ["now", "oldest"] {
        let scene = Scene::of(beginning_now(0), |builder| {
            builder.quirk(Quirk::NoExtension)
        });
        let collect = || Running::start(&mut scene.collect_to(&scene.file("out"), "state", from));
        let told = |said: &str| {
            let times = said.matches("sends records without archival time").count();
            assert_eq!(times, 1, "from {from}: {said}");
        };
        let running = collect();
        asked(scene.simulator(), 1);
        scene.archive().store(200);
        wait_for_lines(&scene.path("out"), 200, &running);
        told(&stop(running));
        scene.archive().store(200);
        // Everything of the first run comes again, since nothing tells it apart.
        let running = collect();
        assert_ne!(asked(scene.simulator(), 2), InitialTimestamp::NOW);
        wait_for_lines(&scene.path("out"), 600, &running);
        told(&stop(running));
        let (lost, doubled) = scene.compare(&lines(&scene.path("out")));
        assert_eq!((lost, doubled), (0, 200), "from {from}");
    }
}

#[test]
fn a_server_whose_sequence_number_never_moves_loses_no_twins() {
    let oddities = Oddities {
        twins: 50,
        ..Oddities::default()
    };
    for bundle in [1, 2, 3] {
        let scene = Scene::new(2000, oddities, |builder| {
            builder.quirk(Quirk::SequenceStanding).bundle(bundle)
        });
        scene.run(&mut scene.collect("out", "state")).success();
        scene.check("out", &format!("bundles of {bundle}"));
    }
}

/// A server whose clock goes back by an hour behind the first thousand events.
const SET_BACK: Oddities = Oddities {
    clock_back: 3600,
    disorder: 0,
    late: 0,
    twins: 0,
    crowd: 0,
    clock_ahead: 0,
};

#[test]
fn a_clock_set_back_before_a_cut_loses_nothing() {
    // The connection breaks among the events behind the change.
    let cut = Chaos::with(ChaosKind::Cut, 1_500_000);
    let scene = Scene::live(1000, SET_BACK, |builder| builder.chaos(cut));
    let running = Running::start(&mut scene.collect("out", "state"));
    wait_for_lines(&scene.path("out"), 1000, &running);
    scene.archive().store(1900);
    let said = check_set_back(&scene, running);
    assert!(said.contains("clock was set back"), "{said}");
    assert_eq!(scene.simulator().connections().len(), 2);
}

#[test]
fn a_clock_set_back_before_a_restart_loses_nothing() {
    let scene = Scene::live(1000, SET_BACK, |builder| builder);
    let running = Running::start(&mut scene.collect("out", "state"));
    wait_for_lines(&scene.path("out"), 1000, &running);
    scene.archive().store(300);
    wait_for_lines(&scene.path("out"), 1300, &running);
    let said = stop(running);
    assert!(said.contains("clock was set back"), "{said}");
    scene.archive().store(300);
    let running = Running::start(&mut scene.collect("out", "state"));
    check_set_back(&scene, running);
}

#[test]
fn a_clock_set_back_before_a_kill_loses_nothing() {
    let scene = Scene::live(1000, SET_BACK, |builder| builder);
    let running = Running::start(&mut scene.collect("out", "state"));
    wait_for_lines(&scene.path("out"), 1000, &running);
    scene.archive().store(300);
    wait_for_lines(&scene.path("out"), 1300, &running);
    running.kill();
    scene.archive().store(300);
    let running = Running::start(&mut scene.collect("out", "state"));
    check_set_back(&scene, running);
}

/// Waits until nothing is missing any more; what was said until then.
#[track_caller]
fn check_set_back(scene: &Scene, running: Running) -> String {
    wait_until(|| scene.compare(&lines(&scene.path("out"))).0 == 0);
    stop(running)
}
