//! The output to Kafka: with a cluster in this process that fails on demand, and with a
//! broker that is a program of its own.

mod broker;
mod faults;
mod order;
mod recipe;
mod refusals;
mod settings;
