//! Tests of the C library through its C interface.

mod c;
mod common;
mod header;
mod install;
mod pages;
mod server;
