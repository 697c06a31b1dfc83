//! Every event once, in its topic, in the order of its key.

use estreamer_tests::{Fleet, stored, wait_until};

use estreamer_tests::cluster::{Cluster, assert_in_order, collect, is_done, sorted};

#[test]
fn every_event_is_one_message_and_the_events_of_a_connection_are_in_order() {
    let (fleet, cluster) = (Fleet::new(), Cluster::new(3));
    let server = fleet.server(1, 3000, |builder| builder.unacknowledged(16));
    let running = collect(&fleet, &server, &cluster.url("ftd"), "");
    wait_until(|| is_done(&server));
    let ended = running.stop().success();
    let received = cluster.read("ftd");
    assert!(sorted(&received) == stored([&server]), "{}", ended.stderr);
    assert_in_order(&received, &server);
    let mut keys: Vec<_> = received.iter().map(|one| one.key.clone()).collect();
    let partitions = received.iter().map(|one| one.partition);
    let partitions: std::collections::BTreeSet<i32> = partitions.collect();
    assert_eq!(partitions.len(), 4, "the keys are spread");
    keys.sort();
    keys.dedup();
    assert!(keys.len() > 100, "{} connections", keys.len());
    let of_connections = keys.iter().flatten().filter(|key| key.contains('/'));
    assert!(of_connections.count() > 100);
    // The bookmark has them all.
    let ended = estreamer_tests::Running::until_served(&mut fleet.collect(), &[&server]).success();
    assert!(ended.stderr.contains("0 events"), "{}", ended.stderr);
    assert_eq!(cluster.read("ftd").len(), 3000);
}

#[test]
fn topics_can_be_those_of_event_types_and_sources_and_keys_those_of_devices() {
    let (fleet, cluster) = (Fleet::new(), Cluster::new(1));
    let server = fleet.server(1, 400, |builder| builder);
    let keys = "key = \"device\"\npartition = 2\n";
    let url = cluster.url("ftd.{source}-{event}");
    let running = collect(&fleet, &server, &url, keys);
    wait_until(|| is_done(&server));
    let ended = running.stop().success();
    let mut received = Vec::new();
    for kind in [
        "ConnectionEvent",
        "IntrusionEvent",
        "FileEvent",
        "IntrusionPacket",
    ] {
        let of_kind = cluster.read(&format!("ftd.fmc-{kind}"));
        for one in &of_kind {
            let event: serde_json::Value = serde_json::from_slice(&one.event).unwrap();
            assert_eq!(event["EventType"], kind);
            let device = event["Device"].as_str().or(event["DeviceUUID"].as_str());
            assert_eq!(one.key.as_deref(), device);
            assert_eq!(one.partition, 2);
        }
        received.extend(of_kind);
    }
    assert!(sorted(&received) == stored([&server]), "{}", ended.stderr);
}

#[test]
fn without_a_key_events_are_spread_over_partitions() {
    let (fleet, cluster) = (Fleet::new(), Cluster::new(1));
    let server = fleet.server(1, 300, |builder| builder);
    let running = collect(&fleet, &server, &cluster.url("ftd"), "key = \"none\"\n");
    wait_until(|| is_done(&server));
    let ended = running.stop().success();
    let received = cluster.read("ftd");
    assert!(received.iter().all(|one| one.key.is_none()));
    assert!(sorted(&received) == stored([&server]), "{}", ended.stderr);
}

#[test]
fn packets_whose_connection_is_requested_are_with_their_intrusions() {
    let (fleet, cluster) = (Fleet::new(), Cluster::new(1));
    let server = fleet.server(1, 400, |builder| builder);
    let source = Fleet::source("fmc", &server)
        + "events = { intrusion = true, packet = [\"HeaderFieldSet\", \
           \"ConnectionKeySet\", \"DetailFieldSet\"] }\n";
    fleet.configure("", &[source, Fleet::output(&cluster.url("ftd"))]);
    let ended = estreamer_tests::Running::until_served(&mut fleet.collect(), &[&server]).success();
    let received = cluster.read("ftd");
    let with = |kind: &str| {
        let kind = format!("\"{kind}\"");
        let of_kind = received.iter().filter(|one| {
            let event = String::from_utf8_lossy(&one.event);
            event.contains(&kind)
        });
        let keys = of_kind.map(|one| one.key.clone().unwrap());
        keys.collect::<std::collections::BTreeSet<String>>()
    };
    let (intrusions, packets) = (with("IntrusionEvent"), with("IntrusionPacket"));
    assert!(packets.len() > 10, "{}", ended.stderr);
    assert!(packets.is_subset(&intrusions), "{packets:?}");
}
