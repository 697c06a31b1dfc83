//! End to end: the real program over real TLS sockets.

mod archive;
mod collect;
mod demo;
mod failures;
mod readme;
mod simulate;
