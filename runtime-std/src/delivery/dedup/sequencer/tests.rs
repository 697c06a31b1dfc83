use super::*;
use estreamer_core::wire::RecordType;
use estreamer_mio::buffer::{BundleStart, RecordKind};

/// Our clock, where it does not matter.
const CLOCK: u64 = 1 << 31;
const SAME: BundleStart = BundleStart::SameNumber { same_length: true };

fn record(second: u32, data: &'static [u8]) -> EventRecord<'static> {
    EventRecord {
        kind: RecordKind::Event,
        record_type: RecordType::FILE,
        archival: (second != 0).then_some(second),
        bundle: None,
        length: data.len() as u32,
        data,
    }
}

fn sequencer(digests: usize) -> Sequencer {
    let limits = SequencerLimits {
        overlap: 5,
        digests,
    };
    let nothing = BTreeMap::new();
    Sequencer::new(
        DigestKey::new([1; 32]),
        limits,
        0,
        &nothing,
        FirstSessions::default(),
    )
}

/// A batch at `now`; which of its records are to be delivered, and the rest.
fn batch(
    sequencer: &mut Sequencer,
    records: &[EventRecord<'static>],
    now: u64,
) -> (Vec<bool>, Numbered) {
    let source: Arc<str> = "fmc".into();
    let mut verdicts = Vec::new();
    sequencer.screen(&source, records.iter().copied(), &mut verdicts);
    let all = records.iter().copied();
    let numbered = sequencer.number(&source, all, &mut verdicts, u64::MAX, now, Vec::new());
    let keep = verdicts.iter().map(|verdict| verdict.keep).collect();
    (keep, numbered)
}

#[test]
fn equal_records_without_an_archival_time_have_the_same_numbers_when_they_come_again() {
    let mut sequencer = sequencer(100).with_ordinals();
    let source: Arc<str> = "fmc".into();
    let records = [record(0, b"a"), record(0, b"b"), record(0, b"a")];
    for _ in 0..3 {
        sequencer.connect("fmc", InitialTimestamp::OLDEST, CLOCK, false);
        let mut verdicts = Vec::new();
        sequencer.screen(&source, records.iter().copied(), &mut verdicts);
        let all = records.iter().copied();
        sequencer.number(&source, all, &mut verdicts, u64::MAX, 2000, Vec::new());
        let ordinals: Vec<u32> = verdicts.iter().map(|verdict| verdict.ordinal).collect();
        assert_eq!(ordinals, [0, 0, 1]);
    }
}

#[test]
fn memory_is_bounded_within_one_second_too_and_that_is_noticed() {
    let mut sequencer = sequencer(100);
    sequencer.connect("fmc", InitialTimestamp::OLDEST, CLOCK, false);
    let mut unremembered = 0;
    for second in [1000, 1001, 1001, 1001, 1002] {
        let records = [record(second, b"a"); 40];
        let (_, numbered) = batch(&mut sequencer, &records, 2000);
        unremembered += numbered.counts.unremembered;
        assert!(sequencer.remembered <= 100, "{}", sequencer.remembered);
        assert_eq!(numbered.point.unwrap().resume_from, second - 5, "no loss");
    }
    assert_eq!(unremembered, 160);
}

#[test]
fn a_greedy_source_leaves_the_others_their_share() {
    let mut sequencer = sequencer(100);
    let few = [record(1000, b"a"); 20];
    batch(&mut sequencer, &[record(1000, b"a"); 200], 2000);
    let other: Arc<str> = "other".into();
    let mut verdicts = Vec::new();
    sequencer.screen(&other, few.into_iter(), &mut verdicts);
    let numbered = sequencer.number(
        &other,
        few.into_iter(),
        &mut verdicts,
        u64::MAX,
        2000,
        Vec::new(),
    );
    assert_eq!(numbered.counts.unremembered, 0);
}

#[test]
fn now_stays_the_now_that_was_asked_first() {
    let mut sequencer = sequencer(100);
    let now = InitialTimestamp::NOW;
    let ask = |sequencer: &mut Sequencer| sequencer.connect("fmc", now, CLOCK, false);
    assert_eq!(ask(&mut sequencer), now);
    // Nothing was heard: the next try asks the same.
    assert_eq!(ask(&mut sequencer), now);
    assert_eq!(sequencer.anchor("fmc"), None);
    sequencer.began("fmc", 5000, 0);
    assert_eq!(sequencer.anchor("fmc"), Some(4995));
    sequencer.began("fmc", 6000, 0);
    assert_eq!(ask(&mut sequencer), InitialTimestamp(4995));
}

#[test]
fn the_earliest_second_asked_for_stands_until_something_is_delivered() {
    let mut sequencer = sequencer(100);
    let mut ask = |from| sequencer.connect("fmc", from, CLOCK, false);
    assert_eq!(ask(InitialTimestamp(1000)), InitialTimestamp(1000));
    assert_eq!(ask(InitialTimestamp::NOW), InitialTimestamp(1000));
    assert_eq!(ask(InitialTimestamp::OLDEST), InitialTimestamp::OLDEST);
    assert_eq!(ask(InitialTimestamp(1000)), InitialTimestamp::OLDEST);
    assert_eq!(ask(InitialTimestamp::NOW), InitialTimestamp::OLDEST);
}

#[test]
fn records_without_archival_second_leave_the_first_second_asked_for() {
    let mut sequencer = sequencer(100);
    sequencer.connect("fmc", InitialTimestamp::NOW, CLOCK, false);
    sequencer.began("fmc", 5000, 0);
    let (keep, numbered) = batch(&mut sequencer, &[record(0, b"a"), record(0, b"a")], 5001);
    assert_eq!((keep, numbered.records), (vec![true, true], Vec::new()));
    let again = sequencer.connect("fmc", InitialTimestamp::NOW, CLOCK, false);
    assert_eq!(again, InitialTimestamp(4995));
}

#[test]
fn what_is_late_from_before_all_that_came_is_asked_for_again() {
    for (from, resumed) in [
        (InitialTimestamp::NOW, 995),
        (InitialTimestamp::OLDEST, 995),
        (InitialTimestamp(998), 998),
    ] {
        let mut sequencer = sequencer(100);
        sequencer.connect("fmc", from, CLOCK, false);
        batch(&mut sequencer, &[record(1000, b"a")], 2000);
        let again = sequencer.connect("fmc", InitialTimestamp::NOW, CLOCK, false);
        assert_eq!(again, InitialTimestamp(resumed), "after {from:?}");
    }
}

#[test]
fn twins_under_a_number_that_stands_still_are_all_delivered() {
    let mut sequencer = sequencer(100);
    let bundle = |start, second: &'static [u8]| {
        let mut first = record(1000, b"a");
        first.bundle = Some(start);
        [first, record(1000, second)]
    };
    let bundles = [
        bundle(BundleStart::Next, b"a"),
        bundle(SAME, b"b"),
        bundle(SAME, b"b"),
    ]
    .concat();
    let (keep, _) = batch(&mut sequencer, &bundles, 2000);
    assert_eq!(keep, [true; 6]);
}

#[test]
fn a_bundle_with_the_number_and_the_content_of_the_last_is_left_out() {
    let mut sequencer = sequencer(100);
    let mut first = record(1000, b"a");
    first.bundle = Some(BundleStart::Next);
    batch(&mut sequencer, &[first, record(1000, b"b")], 2000);
    first.bundle = Some(SAME);
    let (keep, numbered) = batch(&mut sequencer, &[first, record(1000, b"b")], 2000);
    assert_eq!(keep, [false; 2]);
    assert_eq!(numbered.counts.duplicates, 2);
}

#[test]
fn a_clock_set_back_is_followed_from_the_first_record_on() {
    let mut sequencer = sequencer(1000);
    sequencer.connect("fmc", InitialTimestamp::OLDEST, CLOCK, false);
    batch(&mut sequencer, &[record(5000, b"a")], 5000);
    for (second, now) in [(1400, 5001), (1401, 5002), (1406, 5007)] {
        let (_, numbered) = batch(&mut sequencer, &[record(second, b"b")], now);
        assert_eq!(numbered.point.unwrap().resume_from, 1395);
    }
    // A minute later the old time is forgotten.
    let (_, numbered) = batch(&mut sequencer, &[record(1470, b"c")], 5071);
    assert_eq!(numbered.point.unwrap().resume_from, 1465);
}

#[test]
fn one_late_record_does_not_keep_the_resume_point_back() {
    let mut sequencer = sequencer(1000);
    sequencer.connect("fmc", InitialTimestamp::OLDEST, CLOCK, false);
    let records = [record(5000, b"a"), record(1400, b"b"), record(5001, b"c")];
    let (_, numbered) = batch(&mut sequencer, &records, 5000);
    assert_eq!(numbered.point.unwrap().resume_from, 4996);
    assert_eq!(numbered.counts.disorder, 3600);
}

#[test]
fn a_replay_is_no_disorder() {
    let mut sequencer = sequencer(1000);
    sequencer.connect("fmc", InitialTimestamp::NOW, CLOCK, false);
    batch(&mut sequencer, &[record(1003, b"a")], 2000);
    sequencer.connect("fmc", InitialTimestamp::NOW, CLOCK, false);
    // From before the first "now", so that they are new.
    let (keep, numbered) = batch(
        &mut sequencer,
        &[record(998, b"x"), record(999, b"y"), record(1003, b"a")],
        2000,
    );
    assert_eq!(keep, [true, true, false]);
    assert_eq!(numbered.counts.disorder, 0);
}

#[test]
fn another_server_is_recognised_by_content_whatever_its_archival_seconds() {
    let mut sequencer = sequencer(1000);
    sequencer.connect("fmc", InitialTimestamp::OLDEST, CLOCK, true);
    assert!(!sequencer.began("fmc", 2000, 1));
    let sent = [record(1000, b"a"), record(1006, b"b"), record(1010, b"c")];
    batch(&mut sequencer, &sent, 2000);
    let from = sequencer.connect("fmc", InitialTimestamp::OLDEST, CLOCK, true);
    assert_eq!(from, InitialTimestamp(1005));
    assert!(sequencer.began("fmc", 2001, 2));
    let (keep, _) = batch(
        &mut sequencer,
        &[
            record(1005, b"a"),
            record(1005, b"b"),
            record(1011, b"c"),
            record(1011, b"c"),
        ],
        2001,
    );
    assert_eq!(keep, [false, false, false, true]);
    // The same one again, and what is remembered is of both.
    sequencer.connect("fmc", InitialTimestamp::OLDEST, CLOCK, true);
    assert!(!sequencer.began("fmc", 2002, 2));
    let (keep, _) = batch(
        &mut sequencer,
        &[record(1007, b"b"), record(1011, b"c")],
        2002,
    );
    assert_eq!(keep, [false, false]);
}

#[test]
fn a_clock_set_back_before_the_first_event_is_not_waited_for() {
    let (now, mut first) = (InitialTimestamp::NOW, sequencer(100));
    assert_eq!(first.connect("fmc", now, 1000, false), now);
    first.began("fmc", 1000, 0);
    assert_eq!(first.connect("fmc", now, 1100, false).0, 995);
    assert_eq!(first.connect("fmc", now, 400, false).0, 395);
    // The same over a restart, from the bookmark alone.
    let known = BTreeMap::from([("fmc".into(), Delivered::anchored(995))]);
    let (limits, key) = (first.limits, DigestKey::new([1; 32]));
    let mut again = Sequencer::new(key, limits, 0, &known, FirstSessions::default());
    assert_eq!(again.connect("fmc", now, 1200, false).0, 995);
    assert_eq!(again.connect("fmc", now, 400, false).0, 395);
    let asked = InitialTimestamp(990);
    assert_eq!(again.connect("fmc", asked, 300, false).0, 395);
}

#[test]
fn batches_are_numbered_and_end_at_the_limit() {
    let mut sequencer = sequencer(100);
    sequencer.connect("fmc", InitialTimestamp::OLDEST, CLOCK, false);
    let source: Arc<str> = "fmc".into();
    let records = [b"a", b"b", b"c"].map(|data| record(1000, data));
    let mut verdicts = Vec::new();
    for (n, limit, kept) in [(1, 2, 2), (2, 3, 3), (3, 4, 3)] {
        sequencer.screen(&source, records.into_iter(), &mut verdicts);
        let numbered = sequencer.number(
            &source,
            records.into_iter(),
            &mut verdicts,
            limit,
            2000,
            Vec::new(),
        );
        assert_eq!((numbered.n, numbered.counts.kept), (n, kept));
        assert_eq!(verdicts.len() as u64, kept);
    }
}

#[test]
fn what_version_1_has_delivered_is_recognised_as_far_as_it_went() {
    let key = DigestKey::new([1; 32]);
    let source: Arc<str> = "fmc".into();
    let old = |second: u32, data: &[u8]| {
        key.digest_version_1(&source, RecordType::FILE, Some(second), data)
    };
    let seconds = [(1000, old(1000, b"a")), (1001, old(1001, b"b"))]
        .into_iter()
        .map(|(second, digest)| (second, [digest].into_iter().collect()))
        .collect();
    let point = ResumePoint::new(1001, 5, 0, 0);
    let mut delivered = Delivered::restore(Some(point), seconds, 0, (0, 0));
    delivered.mark_version_1();
    let known = BTreeMap::from([(source.clone(), delivered)]);
    let limits = SequencerLimits {
        overlap: 5,
        digests: 100,
    };
    let mut sequencer = Sequencer::new(
        DigestKey::new([1; 32]),
        limits,
        7,
        &known,
        FirstSessions::default(),
    );
    sequencer.connect("fmc", InitialTimestamp::OLDEST, CLOCK, false);
    let again = [
        record(1000, b"a"),
        record(1001, b"b"),
        record(1001, b"c"),
        record(1002, b"b"),
    ];
    let (keep, numbered) = batch(&mut sequencer, &again, 2000);
    assert_eq!(keep, [false, false, true, true]);
    assert_eq!((numbered.n, numbered.counts.duplicates), (8, 2));
}

#[test]
fn what_a_server_does_not_repeat_is_counted_once_its_stream_is_past_it() {
    // With several servers, their archives may differ by another overlap.
    for (several, past) in [(false, 1006), (true, 1011)] {
        let mut sequencer = sequencer(100);
        sequencer.connect("fmc", InitialTimestamp::OLDEST, CLOCK, several);
        batch(
            &mut sequencer,
            &[record(1000, b"a"), record(1000, b"b")],
            2000,
        );
        sequencer.connect("fmc", InitialTimestamp::OLDEST, CLOCK, several);
        let mut missing = |second, data| {
            let (_, numbered) = batch(&mut sequencer, &[record(second, data)], 2000);
            numbered.counts.missing
        };
        assert_eq!(missing(1000, b"a"), 0);
        assert_eq!(missing(past - 1, b"c"), 0);
        assert_eq!(missing(past, b"d"), 1, "the other one is gone");
        assert_eq!(missing(past + 1, b"e"), 0);
    }
}

#[test]
fn records_behind_a_clock_that_was_set_back_are_counted() {
    let mut sequencer = sequencer(1000);
    sequencer.connect("fmc", InitialTimestamp::OLDEST, CLOCK, false);
    batch(&mut sequencer, &[record(5000, b"a")], 5000);
    let back = [record(1400, b"b"), record(1401, b"c")];
    let (_, numbered) = batch(&mut sequencer, &back, 5001);
    assert_eq!((numbered.counts.set_back, numbered.counts.ahead), (2, 0));
    let ahead = [record(9000, b"d"), record(9001, b"e")];
    let (_, numbered) = batch(&mut sequencer, &ahead, 5002);
    assert_eq!(numbered.counts.ahead, 2);
}

#[test]
fn records_that_come_before_any_point_to_resume_from_are_not_remembered() {
    let mut sequencer = sequencer(1000);
    let ahead = [record(9000, b"a"), record(9001, b"b")];
    let (keep, numbered) = batch(&mut sequencer, &ahead, 1000);
    assert_eq!((keep, numbered.point), (vec![true, true], None));
    assert_eq!(numbered.counts.unremembered, 2);
}
