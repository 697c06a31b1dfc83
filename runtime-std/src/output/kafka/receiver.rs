//! Kafka as a kind of receiver.

use super::address::KafkaAddress;
#[cfg(not(feature = "kafka"))]
use super::not_built::output;
#[cfg(feature = "kafka")]
use super::output::output;
use crate::output::receivers::{ReceiverKind, RecordNeeds};

/// Kafka. Without the feature, its URL and its keys are known, so that messages name it.
pub(in crate::output) static KAFKA: ReceiverKind = ReceiverKind {
    scheme: "kafka",
    usage: "kafka://BROKER,BROKER/TOPIC",
    keys: &["key", "partition", "option", "errors"],
    needs: RecordNeeds::Connections,
    missing: match cfg!(feature = "kafka") {
        true => None,
        false => Some("kafka"),
    },
    is_path: false,
    address: |text| KafkaAddress::parse(text).map(|_| text.to_owned()),
    output,
};
