//! Events to Apache Kafka: one message for each event, which counts as accepted when all
//! replicas in sync have acknowledged it.
//!
//! - `address`: the URL. `topic`: the topic of an event. `reserved`: the options that the
//!   promise depends on.
//! - `receiver`: its keys. `output`: which events are sent, again, or refused. `window`:
//!   those at the client.
//! - `client`: a producer of librdkafka. `verdict`: what its answers mean.

mod address;
#[cfg(feature = "kafka")]
mod client;
#[cfg(not(feature = "kafka"))]
mod not_built;
#[cfg(feature = "kafka")]
mod output;
mod receiver;
#[cfg(feature = "kafka")]
mod reserved;
#[cfg(feature = "kafka")]
mod topic;
#[cfg(feature = "kafka")]
mod verdict;
#[cfg(feature = "kafka")]
mod window;

pub(super) use receiver::KAFKA;

#[cfg(feature = "kafka")]
pub(crate) use client::check;
