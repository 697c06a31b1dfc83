//! End to end: the real program over real TLS sockets.

mod archive;
mod capture;
mod catalog;
mod chaos;
mod client;
mod collect;
mod config;
mod config_ask;
mod delivery;
mod delivery_cuts;
mod delivery_memory;
mod delivery_strace;
mod demo;
mod docs;
mod doctor;
mod doctor_openssl;
mod doctor_servers;
mod failures;
mod guide_client_openssl;
mod identity;
mod identity_openssl;
mod openssl;
mod quirks;
mod readme;
mod service;
mod simulate;
