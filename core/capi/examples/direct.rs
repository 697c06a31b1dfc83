//! The core called directly, in the way the first layer calls it: what
//! `c/through.c` costs more per event is what the layer costs. Counted by
//! callgrind in `cargo xtask interop`.

use protocol::decode::{Frame, Kind, Oversize};
use protocol::quirk::Quirks;
use protocol::session::{ClientConfig, ClientSession, Instant};
use protocol::wire::{BundleHeader, BundleWriter, Event, RecordType};

const WINDOW: usize = 256 << 10;
const EVENTS: usize = 100;

fn main() {
    let argument = std::env::args().nth(1);
    let bundles: u32 = argument.and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut buffer = vec![0; WINDOW];
    let header = BundleHeader {
        connection_id: 1,
        sequence: 1,
    };
    let mut bundle = BundleWriter::new(&mut buffer, header, Quirks::NONE).expect("room");
    for _ in 0..EVENTS {
        let event = Event::new(RecordType::CONNECTION, Some(7), &[b'x'; 700]);
        bundle.push(&event).expect("room");
    }
    let bundle = bundle.finish();

    let config = ClientConfig {
        window: WINDOW,
        oversize: Oversize::Skip,
        ..ClientConfig::default()
    };
    let mut session = ClientSession::new(config, Instant(0)).expect("a window");
    let mut window = vec![0; WINDOW];
    let (mut start, mut end) = (0, 0);
    let (mut bytes, mut sum) = (0, 0u64);
    for _ in 0..bundles {
        window.copy_within(start..end, 0);
        (start, end) = (0, end - start);
        window[end..end + bundle.len()].copy_from_slice(bundle);
        end += bundle.len();
        loop {
            session.set_reading(true, Instant(1));
            let step = session.step(&window[start..end], Instant(1));
            let step = step.expect("it is eStreamer");
            if let Some(Frame::Message { head, body }) = &step.frame
                && let Kind::Event { record, .. } = head.kind
            {
                bytes += body.of(&window[start..end]).len();
                sum += u64::from(record.archival().unwrap_or(0));
                session.set_reading(false, Instant(1));
            }
            start += step.consumed;
            if step.consumed == 0 && step.frame.is_none() {
                break;
            }
        }
        session.delivered(session.received());
        let mut out = [0; 64];
        assert_eq!(session.poll_transmit(&mut out, Instant(1)), 8);
    }
    println!("{bytes} {sum}");
}
