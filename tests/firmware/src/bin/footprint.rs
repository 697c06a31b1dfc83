//! The client session and nothing else: what this image has more than
//! `baseline` is what the session costs. Every method is called with values the
//! compiler knows nothing about, so that it keeps all of it.

#![no_std]
#![no_main]

use core::hint::black_box;

use estreamer_core::session::{ClientConfig, ClientSession, Instant};

/// Whether a null message came through.
fn exercise() -> bool {
    let mut now = black_box(Instant(0));
    let config = black_box(ClientConfig::default());
    let Ok(mut session) = ClientSession::new(black_box(4096), config, now) else {
        return false;
    };
    let mut window = black_box([0, 1, 0, 0, 0, 0, 0, 0]);
    let step = session.step(black_box(&window), now);
    let seen = step.is_ok_and(|step| black_box(step).consumed == window.len());

    session.delivered(black_box(session.received()));
    session.set_reading(black_box(true), now);
    now = black_box(session.poll_timeout().unwrap_or(now));
    let _ = black_box(session.handle_timeout(now));
    let _ = black_box(session.poll_transmit(black_box(&mut window), now));
    let _ = black_box(session.close(black_box("done"), black_box(&mut window)));
    let _ = black_box(session.handle_eof());
    let _ = black_box((session.end(), session.acknowledged(), session.statistics()));
    seen
}

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    estreamer_firmware::finish(exercise())
}
