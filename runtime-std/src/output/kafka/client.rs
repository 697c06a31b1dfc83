//! The client of Kafka: its configuration, its messages, and one producer.

use std::sync::Mutex;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use tracing::debug;

use super::reserved;
use super::window::{MAX_BYTES, MAX_EVENTS};
use crate::output::options::KafkaOptions;
use crate::sync::lock;

/// The number of bytes of a request for one partition, unless an option says otherwise.
pub(super) const BATCH_SIZE: usize = 1_000_000;

/// A producer. It retries by itself, in order; what it reports as failed is final.
pub(super) struct KafkaProducer(BaseProducer<Reports>);

/// What one producer is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RequestLimits {
    /// The number of bytes of a request for one partition. A longer event is sent alone.
    pub(super) bytes: usize,
    /// Whether each event is sent alone.
    pub(super) alone: bool,
}

/// The answer for one event.
pub(super) struct Report {
    pub(super) number: usize,
    pub(super) result: Result<(), RDKafkaErrorCode>,
}

/// An event as it is sent.
pub(super) struct Message<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: Option<i32>,
    pub(super) key: Option<&'a str>,
    pub(super) line: &'a [u8],
    pub(super) number: usize,
}

/// Receives what the client reports.
#[derive(Default)]
struct Reports(Mutex<Reported>);

#[derive(Default)]
struct Reported {
    answers: Vec<Report>,
    /// The last problem of a connection.
    problem: Option<String>,
    /// Whether the client cannot go on.
    is_fatal: bool,
    /// The number of calls of the client.
    calls: u64,
}

impl KafkaProducer {
    /// Starts a producer. It connects by itself.
    ///
    /// # Errors
    /// What is wrong with the options.
    pub(super) fn new(
        brokers: &str,
        options: &KafkaOptions,
        limits: RequestLimits,
    ) -> Result<Self, String> {
        let mut config = config(options).map_err(|(name, error)| format!("{name}: {error}"))?;
        config
            .set("bootstrap.servers", brokers)
            .set("batch.size", limits.bytes.to_string());
        if limits.alone {
            config.set("batch.num.messages", "1").set("linger.ms", "0");
        }
        create(&config).map(Self)
    }

    /// Hands an event to the client.
    ///
    /// # Errors
    /// What the client says at once.
    pub(super) fn send(&self, message: &Message<'_>) -> Result<(), RDKafkaErrorCode> {
        let mut record = BaseRecord::with_opaque_to(message.topic, message.number);
        record = record.payload(message.line);
        record.partition = message.partition;
        record.key = message.key;
        self.0.send(record).map_err(|(error, _)| code(&error))
    }

    /// Receives what the client has to report, and waits up to `wait` for it.
    pub(super) fn serve(&self, mut wait: Duration) {
        loop {
            let calls = || lock(&self.0.context().0).calls;
            let before = calls();
            self.0.poll(wait);
            if calls() == before {
                return;
            }
            wait = Duration::ZERO;
        }
    }

    /// Returns the new answers.
    pub(super) fn answers(&self) -> Vec<Report> {
        std::mem::take(&mut lock(&self.0.context().0).answers)
    }

    /// Returns the last problem of a connection since the last answer that was an
    /// acceptance.
    pub(super) fn problem(&self) -> Option<String> {
        lock(&self.0.context().0).problem.clone()
    }

    /// Returns whether the client cannot go on.
    pub(super) fn is_fatal(&self) -> bool {
        lock(&self.0.context().0).is_fatal
    }

    /// Takes back what waits in the client. What is under way is still answered.
    pub(super) fn stop(&self) {
        self.0
            .purge(rdkafka::producer::PurgeConfig::default().queue());
    }
}

impl ClientContext for Reports {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        lock(&self.0).calls += 1;
        debug!("librdkafka: {facility}: {message}");
    }

    fn stats_raw(&self, statistics: &[u8]) {
        lock(&self.0).calls += 1;
        debug!("librdkafka: {}", String::from_utf8_lossy(statistics));
    }

    fn error(&self, error: KafkaError, reason: &str) {
        debug!("librdkafka: {error}: {reason}");
        let mut reported = lock(&self.0);
        reported.calls += 1;
        reported.is_fatal |= code(&error) == RDKafkaErrorCode::Fatal;
        // That no broker is there does not say why.
        if code(&error) != RDKafkaErrorCode::AllBrokersDown {
            reported.problem = Some(told(reason));
        }
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        let mut reported = lock(&self.0);
        reported.calls += 1;
        let result = match result {
            Ok(_) => {
                reported.problem = None;
                Ok(())
            }
            Err((error, _)) => Err(code(error)),
        };
        reported.answers.push(Report { number, result });
    }
}

/// Checks the options, without connecting.
///
/// # Errors
/// The option, if it is one, and what is wrong.
pub(crate) fn check(options: &KafkaOptions) -> Result<(), (Option<String>, String)> {
    let config = config(options).map_err(|(name, error)| (Some(name), error))?;
    create(&config).map(drop).map_err(|error| (None, error))
}

/// Returns the configuration but for brokers and limits.
///
/// # Errors
/// The option and what is wrong with it.
fn config(options: &KafkaOptions) -> Result<ClientConfig, (String, String)> {
    let mut config = ClientConfig::new();
    // What is not wanted is left out later.
    config.set_log_level(RDKafkaLogLevel::Debug);
    // As clients in Java choose the partition of a key.
    config.set("partitioner", "murmur2_random");
    config.set("client.id", "estreamer");
    for (name, value) in &options.options {
        if let Some(reason) = reserved::reason(name, value.as_str()) {
            return Err((name.clone(), reason.into()));
        }
        config.set(name, value.as_str());
        if let Err(error) = ClientConfig::new()
            .set(name, value.as_str())
            .create_native_config()
        {
            let error = match error {
                // The value may be a secret.
                KafkaError::ClientConfig(_, text, _, value) if !value.is_empty() => {
                    text.replace(&value, "…")
                }
                KafkaError::ClientConfig(_, text, ..) => text,
                other => other.to_string(),
            };
            return Err((name.clone(), error));
        }
    }
    for (name, value) in [
        ("acks", "all"),
        ("enable.idempotence", "true"),
        ("enable.gapless.guarantee", "true"),
        ("message.timeout.ms", "0"),
    ] {
        config.set(name, value);
    }
    // The window is what bounds the memory.
    config.set("queue.buffering.max.messages", (2 * MAX_EVENTS).to_string());
    let kibibytes = 4 * MAX_BYTES / 1024;
    config.set("queue.buffering.max.kbytes", kibibytes.to_string());
    Ok(config)
}

fn create(config: &ClientConfig) -> Result<BaseProducer<Reports>, String> {
    let created = config.create_with_context(Reports::default());
    created.map_err(|error| match error {
        KafkaError::ClientCreation(text) => text,
        KafkaError::ClientConfig(_, text, name, _) => format!("{name}: {text}"),
        other => other.to_string(),
    })
}

fn code(error: &KafkaError) -> RDKafkaErrorCode {
    error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)
}

/// Returns a reason of the client without its own state.
fn told(reason: &str) -> String {
    reason
        .split(" (after ")
        .next()
        .unwrap_or(reason)
        .trim()
        .to_owned()
}
