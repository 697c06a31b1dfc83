//! The tests of this folder but the slow ones as one program, which compiles in a
//! fraction of the time. `cargo xtask mutants` needs that; `cargo test` leaves it out.

#[path = "../decode.rs"]
mod decode;
#[path = "../io.rs"]
mod io;
#[path = "../io_async.rs"]
mod io_async;
#[path = "../microcontroller.rs"]
mod microcontroller;
#[path = "../oversize.rs"]
mod oversize;
#[path = "../quirks.rs"]
mod quirks;
#[path = "../record_layouts.rs"]
mod record_layouts;
#[path = "../request.rs"]
mod request;
#[path = "../roundtrip.rs"]
mod roundtrip;
#[path = "../session_client.rs"]
mod session_client;
#[path = "../session_server.rs"]
mod session_server;
#[path = "../vectors.rs"]
mod vectors;
#[path = "../words.rs"]
mod words;
