//! The C library, as C sees it.

mod c;
mod common;
mod header;
mod install;
mod pages;
mod server;
