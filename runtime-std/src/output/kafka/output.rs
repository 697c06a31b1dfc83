//! The output: it keeps the order of events, whatever the client reports.
//!
//! The client retries by itself. If it gives an event up, it is stopped: what it was not
//! asked to send by then is taken back, and what is under way is answered first. Then another
//! one sends everything again that is not accepted, in order.

use std::io;
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;

use super::address::KafkaAddress;
use super::client::{BATCH_SIZE, KafkaProducer, Message, Report, RequestLimits};
use super::verdict::{Verdict, verdict, words};
use super::window::Window;
use crate::output::error_file::ErrorFile;
use crate::output::event_queue::{EventQueue, QueuedEvent};
use crate::output::options::{BatchLimits, KafkaKey, KafkaOptions, ReceiverOptions};
use crate::output::{
    Acceptance, AcceptedBatch, NotAcknowledged, Output, OutputPart, RefusedEvents,
};

struct KafkaOutput {
    address: Option<KafkaAddress>,
    options: KafkaOptions,
    queue: EventQueue,
    /// The number of the last batch.
    last: Option<u64>,
    window: Window,
    producer: Option<KafkaProducer>,
    /// When the producer is given up, because it was stopped.
    ends: Option<Instant>,
    limits: RequestLimits,
    /// Events with smaller numbers are sent alone: one of them is refused.
    alone_until: usize,
    /// The number of events that were refused alone, since one was accepted.
    refused_alone: usize,
    /// Whether requests were too large since the producer was started.
    was_too_large: bool,
    /// When an event was last accepted, or the first one was sent.
    progressed: Instant,
    errors: ErrorFile,
    refused: RefusedEvents,
}

/// The interval of polls while events wait for their answers.
const POLL: Duration = Duration::from_millis(5);
/// The interval of polls otherwise: the client has messages for the log.
const IDLE: Duration = Duration::from_secs(1);
/// How long answers may take until a problem of a connection is told.
const PROBLEM: Duration = Duration::from_secs(1);
/// How long answers may take until that is told.
const SILENT: Duration = Duration::from_secs(10);
/// After so many events were refused in a row, each alone, the topic and not the event is at
/// fault: the events wait.
const MAX_REFUSED_ALONE: usize = 100;
/// How long a write waits for answers.
const WAIT: Duration = Duration::from_secs(5);
/// How long a stopped client may take to answer what is under way.
const END: Duration = Duration::from_secs(10);

/// Returns the output for an address.
pub(super) fn output(address: &str, options: &ReceiverOptions) -> Box<dyn Output> {
    let options = options.kafka.clone();
    let bytes = options.option("batch.size").and_then(|of| of.parse().ok());
    Box::new(KafkaOutput {
        address: KafkaAddress::parse(address),
        errors: ErrorFile::new(options.errors.clone()),
        options,
        queue: EventQueue::default(),
        last: None,
        window: Window::default(),
        producer: None,
        ends: None,
        limits: RequestLimits {
            bytes: bytes.unwrap_or(BATCH_SIZE),
            alone: false,
        },
        alone_until: 0,
        refused_alone: 0,
        was_too_large: false,
        progressed: Instant::now(),
        refused: RefusedEvents::default(),
    })
}

impl KafkaOutput {
    /// Receives answers, waiting up to `wait` for them, and sends what can be sent.
    ///
    /// # Errors
    /// Why events are not accepted. The next call continues.
    fn advance(&mut self, wait: Duration) -> io::Result<()> {
        let received = self.receive(wait);
        self.keep_refused()?;
        self.queue.done(self.window.pop_settled());
        received?;
        self.send()
    }

    /// Handles the answers for events.
    fn receive(&mut self, wait: Duration) -> io::Result<()> {
        let Some(producer) = &self.producer else {
            return Ok(());
        };
        producer.serve(wait);
        let is_fatal = producer.is_fatal();
        let mut problem = None;
        for Report { number, result } in producer.answers() {
            match result {
                Ok(()) => {
                    self.progressed = Instant::now();
                    self.refused_alone = 0;
                    self.window.accept(number);
                }
                Err(code) => problem = self.failed(number, code).or(problem),
            }
        }
        if is_fatal {
            self.stop();
        }
        self.end_producer();
        match problem {
            Some(problem) => Err(io::Error::other(problem)),
            None => Ok(()),
        }
    }

    /// Handles the failure of an event. Returns what is told of it.
    fn failed(&mut self, number: usize, code: RDKafkaErrorCode) -> Option<String> {
        self.window.give_back(number);
        self.stop();
        let (length, limits) = (self.window.length(number), self.limits);
        match verdict(code, &self.topic(number)) {
            Verdict::TooLarge if limits.alone || length >= limits.bytes => {
                self.refuse(number, format!("{length} bytes: {}", words(code)))
            }
            Verdict::TooLarge => {
                self.was_too_large = true;
                None
            }
            Verdict::Refused(reason) if limits.alone => self.refuse(number, reason),
            Verdict::Refused(_) => {
                self.alone_until = self.alone_until.max(number + 1);
                None
            }
            Verdict::Again => None,
            Verdict::Later(reason) => Some(reason),
        }
    }

    /// Handles the refusal of an event that was alone in its request. Returns what is told of
    /// it.
    fn refuse(&mut self, number: usize, reason: String) -> Option<String> {
        if self.refused_alone >= MAX_REFUSED_ALONE {
            return Some(format!(
                "the brokers refused the last {MAX_REFUSED_ALONE} events and accepted none \
                 between; the others wait. {reason}; check the settings of the topic"
            ));
        }
        self.refused_alone += 1;
        self.window.refuse(number, reason);
        None
    }

    fn topic(&self, number: usize) -> String {
        let event = self
            .window
            .event(number)
            .and_then(|id| self.queue.event(id));
        match (&self.address, event) {
            (Some(address), Some(event)) => address.topic.topic(event.record).into_owned(),
            _ => String::new(),
        }
    }

    /// Stops the producer: it sends nothing more.
    fn stop(&mut self) {
        if let (Some(producer), None) = (&self.producer, self.ends) {
            producer.stop();
            self.ends = Some(Instant::now() + END);
        }
    }

    /// Gives up a producer that was stopped, when everything under way is answered.
    fn end_producer(&mut self) {
        let Some(ends) = self.ends else {
            return;
        };
        if self.window.is_sent() && Instant::now() < ends {
            return;
        }
        (self.producer, self.ends) = (None, None);
        self.window.rewind();
        if std::mem::take(&mut self.was_too_large) {
            self.limits.bytes = (self.limits.bytes / 2).max(1);
        }
    }

    /// Hands events to the client, the oldest first, until it has enough.
    ///
    /// # Errors
    /// Those of the client.
    fn send(&mut self) -> io::Result<()> {
        if self.ends.is_some() {
            return Ok(());
        }
        let alone = self.window.first() < self.alone_until;
        if self.limits.alone != alone {
            // The first event that is not sent alone waits for those that are.
            self.limits.alone = alone;
            self.producer = None;
            self.window.rewind();
        }
        self.fill();
        while let Some((number, id)) = self.window.next()
            && (!alone || number < self.alone_until)
        {
            let Some(address) = &self.address else {
                return Err(io::Error::other("the address is not valid"));
            };
            let Some(event) = self.queue.event(id) else {
                self.window.accept(number);
                continue;
            };
            let producer = match &self.producer {
                Some(producer) => producer,
                None => {
                    let made = KafkaProducer::new(&address.brokers, &self.options, self.limits);
                    self.producer.insert(made.map_err(io::Error::other)?)
                }
            };
            let topic = address.topic.topic(event.record);
            let sent = producer.send(&Message {
                topic: &topic,
                partition: self.options.partition,
                key: key(self.options.key, &event),
                line: event.line,
                number,
            });
            if !self.window.is_sent() {
                self.progressed = Instant::now();
            }
            match sent {
                Ok(()) => self.window.sent(),
                Err(RDKafkaErrorCode::QueueFull) => return Ok(()),
                Err(RDKafkaErrorCode::MessageSizeTooLarge) => {
                    let reason = format!(
                        "{} bytes are more than the option message.max.bytes allows",
                        event.line.len()
                    );
                    self.window.refuse(number, reason);
                    self.keep_refused()?;
                    self.queue.done(self.window.pop_settled());
                }
                Err(code) => {
                    let topic = topic.into_owned();
                    self.stop();
                    return match verdict(code, &topic) {
                        Verdict::Later(reason) => Err(io::Error::other(reason)),
                        _ => Ok(()),
                    };
                }
            }
        }
        Ok(())
    }

    /// Moves events from the queue into the window.
    fn fill(&mut self) {
        while let Some((events, bytes)) = self.window.room() {
            let taken = self.queue.take(BatchLimits {
                events,
                bytes,
                time: Duration::ZERO,
            });
            if taken.is_empty() {
                return;
            }
            for id in taken {
                let length = self.queue.event(id).map_or(0, |event| event.line.len());
                self.window.push(id, length);
            }
        }
    }

    /// Writes refused events to the file for errors.
    ///
    /// # Errors
    /// Those of the file.
    fn keep_refused(&mut self) -> io::Result<()> {
        let refused = self.window.refused();
        let events = refused.iter().filter_map(|(_, id, reason)| {
            let event = self.queue.event(*id)?;
            Some((event, *reason))
        });
        let events: Vec<(QueuedEvent<'_>, &str)> = events.collect();
        if events.is_empty() {
            return Ok(());
        }
        self.errors.append(&events)?;
        let place = self.errors.place();
        for (event, reason) in &events {
            let told = || format!("{reason}. They are in {place}");
            self.refused.refuse(&event.record.source, told);
        }
        let numbers: Vec<usize> = refused.iter().map(|refused| refused.0).collect();
        for number in numbers {
            self.window.accept(number);
        }
        Ok(())
    }

    /// Checks that answers come.
    ///
    /// # Errors
    /// They do not, and why.
    fn check_answers(&self) -> io::Result<()> {
        let Some(producer) = self.producer.as_ref().filter(|_| self.window.is_sent()) else {
            return Ok(());
        };
        let waited = self.progressed.elapsed();
        match producer.problem() {
            Some(problem) if waited > PROBLEM => Err(io::Error::other(problem)),
            None if waited > SILENT => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the brokers do not acknowledge events",
            )),
            _ => Ok(()),
        }
    }
}

/// Returns the key of an event; `None` for no key.
fn key<'e>(key: KafkaKey, event: &QueuedEvent<'e>) -> Option<&'e str> {
    let record = event.record;
    let device = || record.device.as_deref().unwrap_or(&record.source);
    match key {
        KafkaKey::Connection => Some(record.connection.as_deref().unwrap_or_else(device)),
        KafkaKey::Device => Some(device()),
        KafkaKey::Source => Some(&record.source),
        KafkaKey::None => None,
    }
}

impl Output for KafkaOutput {
    fn write(&mut self, n: u64, parts: &[OutputPart]) -> io::Result<Acceptance> {
        if self.last.is_none_or(|last| last < n) {
            self.last = Some(n);
            self.queue.push(n, parts);
        }
        let began = Instant::now();
        self.advance(Duration::ZERO)?;
        while !self.queue.is_sent() {
            self.check_answers()?;
            if began.elapsed() > WAIT {
                return Err(io::Error::other(NotAcknowledged("brokers")));
            }
            self.advance(POLL)?;
        }
        Ok(Acceptance::Taken)
    }

    fn poll(&mut self) -> io::Result<()> {
        self.advance(Duration::ZERO)?;
        self.check_answers()
    }

    fn accepted(&mut self) -> Option<AcceptedBatch> {
        self.queue.accepted()
    }

    fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    fn has_unsent(&self) -> bool {
        !self.queue.is_empty()
    }

    fn poll_interval(&self) -> Option<Duration> {
        match self.queue.is_empty() {
            false => Some(POLL),
            true => self.producer.as_ref().map(|_| IDLE),
        }
    }

    fn take_refused(&mut self) -> Option<RefusedEvents> {
        self.refused.take()
    }
}
