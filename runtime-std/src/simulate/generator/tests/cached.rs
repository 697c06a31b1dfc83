//! The ring of rendered events.

use super::*;

fn ring(n: usize, request: &Request) -> Cached {
    let options = Options {
        start: 500,
        per_second: 10,
        ..Options::default()
    };
    Cached::new(Generator::new(options), n, request)
}

#[test]
fn the_cached_form_gives_what_the_generator_gives_and_then_begins_again() {
    let request = Request::everything(Format::Json);
    let mut cached = ring(100, &request);
    let mut generator = Generator::new(cached_options());
    let mut first_round = Vec::new();
    for _ in 0..100 {
        let event = generator.next_event();
        let got = cached.next_event().unwrap();
        assert_eq!((got.kind, got.archival), (event.kind, event.archival));
        assert_eq!(got.data, json(&event, None).as_bytes());
        first_round.push(got.data.to_vec());
    }
    for (n, data) in first_round.iter().enumerate() {
        let got = cached.next_event().unwrap();
        assert_eq!(got.data, data);
        assert_eq!(got.archival, 510 + n as u32 / 10);
    }
}

fn cached_options() -> Options {
    Options {
        start: 500,
        per_second: 10,
        ..Options::default()
    }
}

#[test]
fn clones_of_a_ring_go_round_each_for_itself() {
    let mut one = ring(10, &Request::everything(Format::Csv));
    let mut other = one.clone();
    let first = one.next_event().unwrap().data.to_vec();
    one.next_event();
    assert_eq!(other.next_event().unwrap().data, first);
}

#[test]
fn a_ring_without_events_ends_at_once() {
    let mut empty = ring(0, &Request::everything(Format::Json));
    assert!(empty.is_empty());
    assert_eq!(empty.next_event(), None);
}
