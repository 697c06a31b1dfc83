//! A cluster in this process, and a consumer that reads topics to their ends.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::{Fleet, Running, wait_until};
use estreamer_simulate::Simulator;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::{Message, TopicPartitionList as Partitions};

/// A cluster that a test can break.
pub struct Cluster {
    /// Where it is told what fails.
    pub mock: MockCluster<'static, DefaultProducerContext>,
    /// The addresses of its brokers.
    pub brokers: String,
}

/// A message as a consumer sees it.
#[expect(missing_docs, reason = "as Kafka calls them")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub topic: String,
    pub partition: i32,
    pub key: Option<String>,
    pub event: Vec<u8>,
}

/// How long a consumer may take.
const PATIENCE: Duration = Duration::from_secs(120);

impl Cluster {
    /// Starts one.
    ///
    /// # Panics
    /// When it cannot listen.
    pub fn new(brokers: i32) -> Self {
        let mock = MockCluster::new(brokers).expect("a cluster");
        let brokers = mock.bootstrap_servers();
        Self { mock, brokers }
    }

    /// The URL of a topic.
    pub fn url(&self, topic: &str) -> String {
        format!("kafka://{}/{topic}", self.brokers)
    }

    /// Reads a topic to its end.
    pub fn read(&self, topic: &str) -> Vec<Received> {
        read(&ClientConfig::new(), &self.brokers, topic)
    }

    /// A consumer that reads so many partitions of a topic from their beginnings.
    ///
    /// # Panics
    /// When there is no such topic.
    pub fn reader(&self, topic: &str, partitions: i32) -> BaseConsumer {
        let consumer = consumer(&ClientConfig::new(), &self.brokers);
        let mut assigned = TopicPartitionList::new();
        (0..partitions).for_each(|partition| add(&mut assigned, topic, partition));
        consumer.assign(&assigned).expect("partitions");
        consumer
    }
}

/// Waits until a topic has so many messages.
#[track_caller]
pub fn wait_for(cluster: &Cluster, topic: &str, messages: u64) {
    let options = ClientConfig::new();
    wait_until(|| count(&options, &cluster.brokers, topic) >= messages);
}

/// The number of messages that a topic has, without reading them.
pub fn count(options: &ClientConfig, brokers: &str, topic: &str) -> u64 {
    let consumer = consumer(options, brokers);
    let mut count = 0;
    for partition in partitions(&consumer, topic) {
        let marks = consumer.fetch_watermarks(topic, partition, Duration::from_secs(10));
        count += marks.map_or(0, |(first, last)| (last - first) as u64);
    }
    count
}

/// Reads a topic to its end.
pub fn read(options: &ClientConfig, brokers: &str, topic: &str) -> Vec<Received> {
    let consumer = consumer(options, brokers);
    let mut assigned = TopicPartitionList::new();
    let mut open = partitions(&consumer, topic);
    for partition in &open {
        add(&mut assigned, topic, *partition);
    }
    consumer.assign(&assigned).expect("partitions");
    let (mut received, began) = (Vec::new(), Instant::now());
    while !open.is_empty() {
        assert!(began.elapsed() < PATIENCE, "{} messages", received.len());
        match consumer.poll(Duration::from_millis(100)) {
            None => {}
            Some(Ok(message)) => received.push(Received {
                topic: message.topic().into(),
                partition: message.partition(),
                key: message
                    .key()
                    .map(|key| String::from_utf8_lossy(key).into_owned()),
                event: message.payload().unwrap_or_default().to_vec(),
            }),
            Some(Err(KafkaError::PartitionEOF(partition))) => open.retain(|one| *one != partition),
            Some(Err(error)) => eprintln!("the consumer says {error}"),
        }
    }
    received
}

fn add(assigned: &mut Partitions, topic: &str, partition: i32) {
    assigned
        .add_partition_offset(topic, partition, Offset::Beginning)
        .expect("an offset");
}

fn consumer(options: &ClientConfig, brokers: &str) -> BaseConsumer {
    options
        .clone()
        .set("bootstrap.servers", brokers)
        .set("group.id", "reader")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()
        .expect("a consumer")
}

fn partitions(consumer: &BaseConsumer, topic: &str) -> Vec<i32> {
    let metadata = consumer
        .fetch_metadata(Some(topic), Duration::from_secs(30))
        .expect("metadata");
    let topics = metadata.topics();
    let all = topics.iter().flat_map(|topic| topic.partitions());
    all.map(|partition| partition.id()).collect()
}

/// The events of messages, sorted.
pub fn sorted(received: &[Received]) -> Vec<Vec<u8>> {
    let mut events: Vec<Vec<u8>> = received.iter().map(|one| one.event.clone()).collect();
    events.sort();
    events
}

/// The events without the repetitions, sorted.
pub fn distinct(received: &[Received]) -> Vec<Vec<u8>> {
    let mut events = sorted(received);
    events.dedup();
    events
}

/// Checks that the messages of a key are in one partition and in the order in which the
/// server stored the events. Each event is looked at where it is for the first time.
#[track_caller]
pub fn assert_in_order(received: &[Received], server: &Simulator) {
    let stored = server.archive().events();
    let stored = stored.into_iter().enumerate();
    let places: BTreeMap<Vec<u8>, usize> = stored.map(|(at, event)| (event.data, at)).collect();
    let mut last = BTreeMap::<(&str, &str), (i32, usize)>::new();
    let mut seen = std::collections::HashSet::new();
    for one in received {
        if !seen.insert(&one.event) {
            continue;
        }
        let place = places[&one.event];
        let key = one.key.as_deref().expect("a key");
        let at = last.entry((&one.topic, key)).or_insert((one.partition, 0));
        assert_eq!(at.0, one.partition, "{key} is in one partition");
        assert!(at.1 <= place, "{key} is in order");
        at.1 = place;
    }
}

/// A collector with one source and one output, `kafka`.
pub fn collect(fleet: &Fleet, server: &Simulator, url: &str, keys: &str) -> Running {
    configure(fleet, server, url, keys);
    Running::start(&mut fleet.collect())
}

/// Writes the configuration of such a collector; `keys` are more keys of the output.
pub fn configure(fleet: &Fleet, server: &Simulator, url: &str, keys: &str) {
    let output = format!("{}name = \"kafka\"\n{keys}\n", Fleet::output(url));
    fleet.configure("", &[Fleet::source("fmc", server), output]);
}

/// Whether everything that was sent is acknowledged.
pub fn is_done(server: &Simulator) -> bool {
    server.connections().last().is_some_and(|of| of.is_done())
}
