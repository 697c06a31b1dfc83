//! Why a client does not connect, or connects and stays silent.

pub mod certificate;
