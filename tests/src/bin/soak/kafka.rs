//! A Kafka cluster in this process, and a consumer that keeps what it reads. Out of order,
//! its brokers are gone.

use std::sync::{Arc, Mutex};

use crate::account::Counts;
use crate::receivers::{Switch, lock};

/// The cluster.
pub(crate) struct Kafka {
    brokers: String,
    pub(crate) down: Switch,
    got: Arc<Mutex<Counts>>,
}

impl Kafka {
    /// The `[[output]]` to it.
    pub(crate) fn output(&self) -> String {
        format!(
            "[[output]]\nname = \"kafka\"\nurl = \"kafka://{}/ftd\"\n",
            self.brokers
        )
    }

    /// Looks at the events so far.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Counts) -> T) -> T {
        look(&lock(&self.got))
    }

    /// There is none without the feature `kafka`.
    #[cfg(not(feature = "kafka"))]
    pub(crate) fn start() -> Option<Self> {
        None
    }

    /// Starts one.
    #[cfg(feature = "kafka")]
    pub(crate) fn start() -> Option<Self> {
        let (told, brokers) = std::sync::mpsc::channel();
        let (down, got) = (Switch::default(), Arc::default());
        let (is_down, kept) = (Arc::clone(&down), Arc::clone(&got));
        // It stays in the thread that made it.
        std::thread::spawn(move || {
            let cluster = estreamer_tests::cluster::Cluster::new(1);
            let created = cluster.mock.create_topic("ftd", PARTITIONS, 1);
            created.expect("a topic");
            told.send(cluster.brokers.clone())
                .expect("it is waited for");
            consume(&cluster, &is_down, &kept);
        });
        Some(Self {
            brokers: brokers.recv().expect("a cluster"),
            down,
            got,
        })
    }
}

#[cfg(feature = "kafka")]
const PARTITIONS: i32 = 3;

/// Reads all partitions as long as the program runs. The cluster keeps no more than 5 MB of
/// each.
#[cfg(feature = "kafka")]
fn consume(
    cluster: &estreamer_tests::cluster::Cluster,
    down: &std::sync::atomic::AtomicBool,
    got: &Mutex<Counts>,
) {
    use rdkafka::Message;
    let consumer = cluster.reader("ftd", PARTITIONS);
    let mut is_down = false;
    loop {
        let is_wanted = down.load(std::sync::atomic::Ordering::Relaxed);
        if is_wanted != is_down {
            let told = match is_wanted {
                true => cluster.mock.broker_down(-1),
                false => cluster.mock.broker_up(-1),
            };
            told.expect("the cluster is in this process");
            is_down = is_wanted;
        }
        // An error says that the brokers are gone.
        if let Some(Ok(message)) = consumer.poll(std::time::Duration::from_millis(50)) {
            lock(got).add(message.payload().unwrap_or_default());
        }
    }
}
