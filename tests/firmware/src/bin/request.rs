//! The typed request alone, weighed like the session in `footprint`.

#![no_std]
#![no_main]

use core::hint::black_box;

use estreamer_core::fqe::{EventKind, Request, Transform};
use estreamer_core::quirk::Quirks;
use estreamer_core::wire::InitialTimestamp;

/// Whether a request was written.
fn exercise() -> bool {
    let mut buffer = [0; 512];
    let request = Request::new(black_box(InitialTimestamp::OLDEST))
        .event(
            black_box(EventKind::Connection),
            black_box(&["InitiatorIP", "ResponderIP"]),
        )
        .transform(black_box(Transform::Csv));
    let request = request.emit(black_box(Quirks::NONE), &mut buffer);
    request.is_ok_and(|request| black_box(request).starts_with(&[0, 1, 0, 2]))
}

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    estreamer_firmware::finish(exercise())
}
