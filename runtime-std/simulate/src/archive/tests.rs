//! What the archive promises.

use super::*;
use crate::generator::EventKind;
use std::collections::HashSet;

fn archive(history: u64, live: Live, oddities: Oddities) -> Archive {
    Archive::new(ArchiveOptions {
        content: ArchiveContent::Generated(GeneratorOptions::default()),
        history: Some(history),
        live,
        oddities,
    })
}

/// Everything a client gets that asks from `from`, now.
fn read(archive: &Archive, from: u32) -> Vec<Stored> {
    let mut reader = archive.read(archive.example(), InitialTimestamp(from));
    let mut events = Vec::new();
    loop {
        match reader.peek() {
            NextEvent::Event(event) => events.push(event.to_stored()),
            NextEvent::Busy => continue,
            NextEvent::Later(_) | NextEvent::Unknown | NextEvent::End => return events,
        }
        reader.take();
    }
}

const START: u32 = 1_750_000_000;

#[test]
fn two_archives_with_the_same_options_hold_the_same_bytes() {
    let odd = Oddities {
        disorder: 3,
        late: 60,
        twins: 10,
        crowd: 500,
        clock_back: 0,
        clock_ahead: 0,
    };
    let events = || archive(9_000, Live::Nothing, odd).events();
    let first = events();
    assert_eq!(first.len(), 9_000);
    assert!(first == events(), "beyond a round of the ring too");
}

#[test]
fn no_two_events_are_alike_unless_they_are_twins() {
    let distinct = |twins| {
        let odd = Oddities {
            twins,
            ..Oddities::default()
        };
        let events = archive(3 * ring::ROUND, Live::Nothing, odd).events();
        events
            .into_iter()
            .map(|event| event.data)
            .collect::<HashSet<_>>()
            .len() as u64
    };
    assert_eq!(distinct(0), 3 * ring::ROUND);
    let twins = 3 * ring::ROUND - distinct(10);
    assert!((800..1600).contains(&twins), "{twins}");
}

#[test]
fn related_events_stay_related_in_every_round() {
    let events = archive(2 * ring::ROUND, Live::Nothing, Oddities::default()).events();
    let key = |event: &Stored| {
        let json: serde_json::Value = serde_json::from_slice(&event.data).unwrap();
        (
            json["ConnectionID"].as_u64(),
            json["FirstPacketSecond"].as_u64(),
        )
    };
    for round in events.chunks(ring::ROUND as usize) {
        let connections: HashSet<_> = round
            .iter()
            .filter(|event| event.kind == EventKind::Connection)
            .map(key)
            .collect();
        let files = round.iter().filter(|event| event.kind == EventKind::File);
        let (known, all) = files.fold((0, 0), |(known, all), file| {
            (known + u32::from(connections.contains(&key(file))), all + 1)
        });
        assert!(known * 2 > all, "{known} of {all} files have a connection");
    }
}

#[test]
fn times_in_events_go_with_their_archival_second() {
    let events = archive(3 * ring::ROUND, Live::Nothing, Oddities::default()).events();
    for event in events {
        let json: serde_json::Value = serde_json::from_slice(&event.data).unwrap();
        for name in ["EventSecond", "FirstPacketSecond", "LastPacketSecond"] {
            if let Some(second) = json[name].as_u64() {
                let age = u64::from(event.archival) - second;
                assert!(age < 300, "{name} is {age} s before the archival second");
            }
        }
    }
}

#[test]
fn a_second_is_replayed_whole_and_what_follows_it() {
    let odd = Oddities {
        crowd: 10_000,
        ..Oddities::default()
    };
    let archive = archive(10_500, Live::Nothing, odd);
    let all = archive.events();
    assert_eq!(all.len(), 10_500);
    let replayed = read(&archive, START + 1);
    assert_eq!(replayed.len(), 10_400);
    assert!(replayed[..] == all[100..]);
    assert_eq!(replayed[9_999].archival, START + 1);
    assert_eq!(replayed[10_000].archival, START + 2);
    assert!(read(&archive, START + 5).len() == 100);
    assert!(read(&archive, START + 6).is_empty());
}

#[test]
fn in_a_shuffled_archive_exactly_the_events_of_the_second_or_later_come() {
    let odd = Oddities {
        disorder: 4,
        late: 30,
        twins: 10,
        ..Oddities::default()
    };
    let archive = archive(5_000, Live::Nothing, odd);
    let all = archive.events();
    assert!(!all.is_sorted_by_key(|event| event.archival));
    for from in [START - 40, START - 1, START + 17, START + 49] {
        let expected: Vec<_> = all.iter().filter(|e| e.archival >= from).cloned().collect();
        assert!(read(&archive, from) == expected, "from {from}");
    }
}

#[test]
fn after_the_clock_is_set_back_a_second_before_the_history_brings_everything() {
    let odd = Oddities {
        clock_back: 3600,
        ..Oddities::default()
    };
    let archive = archive(500, Live::ByHand, odd);
    archive.store(200);
    let all = archive.events();
    assert_eq!(all[500].archival, START + 5 - 3600);
    assert!(read(&archive, START - 3600) == all);
    // What was stored later is left out where it is older than asked for.
    assert!(read(&archive, START + 4) == all[400..500]);
}

#[test]
fn from_now_only_what_is_stored_later_comes_even_if_it_is_late() {
    let odd = Oddities {
        disorder: 10,
        ..Oddities::default()
    };
    let archive = archive(100, Live::ByHand, odd);
    let mut now = archive.read(archive.example(), InitialTimestamp::NOW);
    let mut time = archive.read(archive.example(), InitialTimestamp(START + 100));
    for reader in [&mut now, &mut time] {
        assert_eq!(reader.peek(), NextEvent::Unknown);
    }
    archive.store(3);
    assert_eq!(archive.stored(), 103);
    for reader in [&mut now, &mut time] {
        for expected in &archive.events()[100..] {
            match reader.peek() {
                NextEvent::Event(event) => assert_eq!(&event.to_stored(), expected),
                other => panic!("{other:?}"),
            }
            reader.take();
        }
        assert_eq!(reader.peek(), NextEvent::Unknown);
    }
}

#[test]
fn live_events_are_due_at_their_rate_and_in_bursts() {
    let live = Live::Rate {
        per_second: 10,
        burst: 5,
    };
    let archive = archive(2, live, Oddities::default());
    for (index, least, most) in [(2, 0, 500), (6, 0, 500), (7, 500, 1000), (12, 1000, 1500)] {
        match archive.due(index) {
            Due::In(wait) => {
                let wait = wait.as_millis();
                assert!(wait <= most, "{index}: {wait} ms");
                // Unless this machine slept meanwhile.
                let slept = archive.0.clock.elapsed().as_millis();
                assert!(wait + slept >= least, "{index}: {wait} ms");
            }
            Due::Now => assert!(archive.0.clock.elapsed().as_millis() >= least),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(archive.due(1), Due::Now);
}

#[test]
fn an_endless_archive_is_live_as_fast_as_it_is_read() {
    let archive = archive(0, Live::Endless, Oddities::default());
    assert_eq!(archive.stored(), 0);
    let mut first = archive.read(archive.example(), InitialTimestamp::OLDEST);
    for _ in 0..50 {
        assert!(matches!(first.peek(), NextEvent::Event(_)));
        first.take();
    }
    assert_eq!(archive.events().len(), 50);
    let mut now = archive.read(archive.example(), InitialTimestamp::NOW);
    assert_eq!(now.peek(), first.peek());
    assert_eq!(archive.stored(), 50, "looking is not reading");
}

#[test]
fn a_reader_that_wants_nothing_there_is_does_not_look_for_ever() {
    let mix = crate::generator::Mix {
        connection: 1,
        intrusion: 0,
        packet: 0,
        file: 0,
    };
    let archive = Archive::new(ArchiveOptions {
        content: ArchiveContent::Generated(GeneratorOptions {
            mix,
            ..GeneratorOptions::default()
        }),
        history: None,
        live: Live::Endless,
        oddities: Oddities::default(),
    });
    let mut reader = archive.read(Selection::packet_records(), InitialTimestamp::OLDEST);
    assert_eq!(reader.peek(), NextEvent::Busy);
}

#[test]
fn packet_records_hold_the_packets_of_the_json_events() {
    let archive = archive(6_000, Live::Nothing, Oddities::default());
    let packets: Vec<_> = archive
        .events()
        .into_iter()
        .filter(|event| event.kind == EventKind::Packet)
        .collect();
    let records = archive.events_for(&Selection::packet_records());
    assert_eq!(records.len(), packets.len());
    for (record, packet) in records.iter().zip(packets) {
        let json: serde_json::Value = serde_json::from_slice(&packet.data).unwrap();
        let word = |at: usize| u32::from_be_bytes(record.data[at..at + 4].try_into().unwrap());
        for (at, name) in [(4, "EventID"), (8, "EventSecond"), (24, "PacketLength")] {
            assert_eq!(json[name], word(at), "{name}");
        }
        assert_eq!(record.data.len(), 28 + word(24) as usize);
        assert_eq!(record.archival, packet.archival);
    }
}
