//! Tests of the C library through its C interface.

mod abi;
mod c;
mod common;
mod dist;
mod header;
mod install;
mod pages;
mod restarts;
mod server;
