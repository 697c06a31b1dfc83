//! Calls the core as the C layer does. `c/through.c` does the same through the C layer.
//! `cargo xtask interop` compares the instructions per event with callgrind.

use estreamer_core::decode::{Frame, Kind, Oversize};
use estreamer_core::quirk::Quirks;
use estreamer_core::session::{ClientConfig, ClientSession, Instant};
use estreamer_core::wire::{BundleHeader, BundleWriter, Event, RecordType};

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

    let mut config = ClientConfig::default();
    config.oversize = Oversize::Skip;
    let mut session =
        ClientSession::new(WINDOW, config, Instant(0)).expect("the window is large enough");
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
            let step = step.expect("a valid stream");
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
