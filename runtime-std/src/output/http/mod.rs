//! Events by HTTP: one request for many events, with an answer that says which are
//! accepted.
//!
//! - `client`: one request and its answer.
//! - [`HttpReceiver`]: what a kind of receiver is sent and what its answers mean; `ndjson`,
//!   `splunk`, `elastic` and `otlp` are the kinds.
//! - `requests`: which events are in which request.

mod client;
mod elastic;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
#[cfg(feature = "fuzzing")]
mod model;
mod ndjson;
mod otlp;
mod protobuf;
mod receivers;
mod requests;
mod splunk;
#[cfg(test)]
mod tests;

#[cfg(feature = "config")]
pub(crate) use client::proxy;
#[cfg(feature = "fuzzing")]
pub use model::bulk_output;
pub(super) use receivers::{ELASTIC, HTTP, OTLP, SPLUNK};

use std::io;
use std::time::{Duration, Instant};

use super::error_file::ErrorFile;
use super::event_queue::{EventQueue, QueuedEvent};
use super::{Acceptance, AcceptedBatch, NotAcknowledged, Output, OutputPart, RefusedEvents};
use crate::output::options::{BatchLimits, ReceiverOptions};
use client::{Answer, HttpClient, Post};
use requests::{Chunk, Requests};

/// A kind of HTTP receiver.
trait HttpReceiver: Send {
    /// Returns path and query of the URL.
    fn path(&self) -> &str;

    /// Returns the headers of its requests.
    fn headers(&self) -> Vec<(&str, &str)>;

    /// Appends the body of a request with these events.
    fn body(&self, events: &[QueuedEvent<'_>], body: &mut Vec<u8>);

    /// Says what an answer means for the `count` events of its request.
    fn judge(&mut self, answer: &Answer, count: usize) -> Verdict;

    /// Returns those of `pending` that are acknowledged now.
    ///
    /// # Errors
    /// Those of the request.
    fn acknowledged(&mut self, _: &dyn Post, _pending: &[u64]) -> io::Result<Vec<u64>> {
        Ok(Vec::new())
    }

    /// Begins a new channel: earlier acknowledgements will not come.
    fn renew(&mut self) {}
}

/// What an answer means for the events of its request.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// All are accepted.
    Accepted,
    /// All are accepted when this acknowledgement has come.
    Pending(u64),
    /// A result for each event.
    Items(Vec<ItemResult>),
    /// The receiver does not take the events as they are; with the reason. If there are
    /// several, smaller requests find out which.
    Refused(String),
    /// Some of the events are refused, and the answer does not say which; with the reason.
    PartlyRefused(String),
    /// The same request may succeed later; with the reason.
    Later(String),
}

/// The result for one event.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ItemResult {
    Accepted,
    Refused(String),
    Later(String),
}

/// An output to an HTTP receiver.
struct HttpOutput {
    client: Result<Box<dyn Post>, String>,
    receiver: Box<dyn HttpReceiver>,
    limits: BatchLimits,
    queue: EventQueue,
    requests: Requests,
    errors: ErrorFile,
    refused: RefusedEvents,
    /// The number of events that were refused since one was accepted.
    refused_in_a_row: usize,
    /// No request is sent before.
    not_before: Option<Instant>,
    /// When acknowledgements were last asked for.
    asked: Option<Instant>,
    body: Vec<u8>,
    is_finishing: bool,
}

/// The maximum number of requests that wait for their acknowledgements.
const MAX_PENDING: usize = 8;
/// The interval of requests for acknowledgements.
const ASK: Duration = Duration::from_millis(250);
/// Events whose acknowledgement did not come in this time are sent again.
const LOST: Duration = Duration::from_secs(300);
/// After so many events were refused in a row, the receiver and not the event is at fault: the
/// events wait.
const MAX_REFUSED_IN_A_ROW: usize = 100;
/// How long a write waits for acknowledgements.
const WAIT: Duration = Duration::from_secs(5);

impl HttpOutput {
    fn new(
        scheme: &str,
        address: &str,
        options: &ReceiverOptions,
        receiver: Box<dyn HttpReceiver>,
    ) -> Self {
        let client = HttpClient::new(scheme, address, options);
        let client = client.map(|client| Box::new(client) as Box<dyn Post>);
        Self::over(client, options, receiver)
    }

    fn over(
        client: Result<Box<dyn Post>, String>,
        options: &ReceiverOptions,
        receiver: Box<dyn HttpReceiver>,
    ) -> Self {
        Self {
            client,
            receiver,
            limits: options.http.batch,
            queue: EventQueue::default(),
            requests: Requests::default(),
            errors: ErrorFile::new(options.http.errors.clone()),
            refused: RefusedEvents::default(),
            refused_in_a_row: 0,
            not_before: None,
            asked: None,
            body: Vec::new(),
            is_finishing: false,
        }
    }

    /// Returns the time until a request is due; `None` if there is nothing to send.
    fn due_in(&self) -> Option<Duration> {
        let due = match self.requests.is_unfinished() {
            true => Some(Duration::ZERO),
            false if self.is_finishing && !self.queue.is_sent() => Some(Duration::ZERO),
            false => self.queue.due_in(self.limits),
        }?;
        let wait = self.not_before.map_or(Duration::ZERO, |at| {
            at.saturating_duration_since(Instant::now())
        });
        Some(due.max(wait))
    }

    /// Sends every request that is due.
    ///
    /// # Errors
    /// Those of the receiver. The next call continues.
    fn send_due(&mut self) -> io::Result<()> {
        while self.due_in() == Some(Duration::ZERO) && self.requests.pending() < MAX_PENDING {
            if !self.requests.is_unfinished() {
                self.requests.begin(self.queue.take(self.limits));
            }
            while let Some(chunk) = self.requests.next() {
                self.send(chunk)?;
            }
            self.settle();
        }
        Ok(())
    }

    /// Sends one request and handles its answer. After an error the chunk is back in
    /// `requests`.
    fn send(&mut self, chunk: Chunk) -> io::Result<()> {
        let sent = self.post(&chunk);
        let (verdict, retry_after) = match sent {
            Ok(judged) => judged,
            Err(error) => {
                self.requests.put_back(chunk);
                return Err(error);
            }
        };
        let is_some_accepted = match &verdict {
            Verdict::Accepted | Verdict::Pending(_) | Verdict::PartlyRefused(_) => true,
            Verdict::Items(items) => items.contains(&ItemResult::Accepted),
            _ => false,
        };
        if is_some_accepted {
            self.refused_in_a_row = 0;
        }
        match verdict {
            Verdict::Accepted => Ok(()),
            // The numbers began again: the events that waited for this one may be lost.
            Verdict::Pending(ack) if self.requests.is_waiting_for(ack) => Err(self.send_again(
                "the numbers of the acknowledgements began again; events without acknowledgement \
                 are sent again",
            )),
            Verdict::Pending(ack) => {
                self.requests.wait_for(ack);
                Ok(())
            }
            Verdict::Refused(_) if chunk.len() > 1 => {
                self.requests.split(chunk);
                Ok(())
            }
            Verdict::Refused(reason) if self.refused_in_a_row >= MAX_REFUSED_IN_A_ROW => {
                self.requests.put_back(chunk);
                Err(refuses_all(&reason))
            }
            Verdict::Refused(reason) => {
                let refused = self.refuse(&chunk, |_| Some(&reason));
                match &refused {
                    Ok(()) => self.refused_in_a_row += 1,
                    Err(_) => self.requests.put_back(chunk),
                }
                refused
            }
            Verdict::PartlyRefused(reason) => self
                .refuse(&chunk, |_| Some(&reason))
                .inspect_err(|_| self.requests.put_back(chunk)),
            Verdict::Later(reason) => {
                self.requests.put_back(chunk);
                Err(self.later(reason, retry_after))
            }
            Verdict::Items(items) => self.items(chunk, &items, retry_after),
        }
    }

    fn post(&mut self, chunk: &Chunk) -> io::Result<(Verdict, Option<Duration>)> {
        let client = match &self.client {
            Ok(client) => client,
            Err(error) => return Err(io::Error::other(error.clone())),
        };
        let events = chunk.iter().filter_map(|id| self.queue.event(*id));
        let events: Vec<QueuedEvent<'_>> = events.collect();
        self.body.clear();
        self.receiver.body(&events, &mut self.body);
        let headers = self.receiver.headers();
        let answer = client.post(self.receiver.path(), &headers, &self.body)?;
        let verdict = self.receiver.judge(&answer, chunk.len());
        Ok((verdict, answer.retry_after))
    }

    /// Handles a result for each event: the refused ones go to the file for errors, others
    /// are sent again.
    fn items(
        &mut self,
        chunk: Chunk,
        items: &[ItemResult],
        retry_after: Option<Duration>,
    ) -> io::Result<()> {
        let reason = |index: usize| match items.get(index) {
            Some(ItemResult::Refused(reason)) => Some(reason.as_str()),
            _ => None,
        };
        let refused: Vec<&str> = (0..items.len()).filter_map(reason).collect();
        if let Some(first) = refused.first()
            && self.refused_in_a_row >= MAX_REFUSED_IN_A_ROW
        {
            self.requests.put_back(chunk);
            return Err(refuses_all(first));
        }
        if let Err(error) = self.refuse(&chunk, reason) {
            self.requests.put_back(chunk);
            return Err(error);
        }
        if !items.contains(&ItemResult::Accepted) {
            self.refused_in_a_row += refused.len();
        }
        let later = items.iter().find_map(|item| match item {
            ItemResult::Later(reason) => Some(reason.clone()),
            _ => None,
        });
        let Some(later) = later else {
            return Ok(());
        };
        let again = chunk.into_iter().zip(items);
        let again = again.filter(|(_, item)| matches!(item, ItemResult::Later(_)));
        self.requests.put_back(again.map(|(id, _)| id).collect());
        Err(self.later(later, retry_after))
    }

    fn later(&mut self, reason: String, retry_after: Option<Duration>) -> io::Error {
        self.not_before = retry_after.map(|wait| Instant::now() + wait);
        let text = match retry_after {
            Some(wait) => format!("{reason} (it asks to wait {} s)", wait.as_secs()),
            None => reason,
        };
        io::Error::other(text)
    }

    /// Writes events of a chunk to the file for errors; `reason` says which.
    fn refuse<'r>(
        &mut self,
        chunk: &Chunk,
        reason: impl Fn(usize) -> Option<&'r str>,
    ) -> io::Result<()> {
        let refused = chunk.iter().enumerate().filter_map(|(index, id)| {
            let event = self.queue.event(*id)?;
            Some((event, reason(index)?))
        });
        let refused: Vec<(QueuedEvent<'_>, &str)> = refused.collect();
        if refused.is_empty() {
            return Ok(());
        }
        self.errors.append(&refused)?;
        let place = self.errors.place();
        for (event, reason) in &refused {
            let told = || format!("{reason}. They are in {place}");
            self.refused.refuse(&event.record.source, told);
        }
        Ok(())
    }

    /// Counts the events of finished requests as accepted.
    fn settle(&mut self) {
        while let Some(count) = self.requests.finished() {
            self.queue.done(count);
        }
    }

    /// Asks for acknowledgements, if it is time to.
    fn ask(&mut self) -> io::Result<()> {
        let pending = self.requests.acknowledgements();
        if pending.is_empty() || self.asked.is_some_and(|at| at.elapsed() < ASK) {
            return Ok(());
        }
        self.asked = Some(Instant::now());
        let come = match &self.client {
            Ok(client) => self.receiver.acknowledged(&**client, &pending),
            Err(_) => Ok(Vec::new()),
        };
        let asked = come.map(|acks| {
            for ack in acks {
                self.requests.acknowledge(ack);
            }
        });
        self.settle();
        // Also if the request for acknowledgements fails: perhaps the channel is unknown.
        if self.requests.waited() > LOST {
            return Err(self.send_again(
                "the indexers did not acknowledge events within 5 minutes; they are sent again",
            ));
        }
        asked
    }

    /// Sends every event again that is not accepted, over a new channel.
    fn send_again(&mut self, reason: &str) -> io::Error {
        self.requests = Requests::default();
        self.queue.rewind();
        self.receiver.renew();
        io::Error::other(reason)
    }
}

/// Returns the error for a receiver that is at fault itself.
fn refuses_all(reason: &str) -> io::Error {
    io::Error::other(format!(
        "the receiver refused the last {MAX_REFUSED_IN_A_ROW} events and accepted none between; the \
         others wait. {reason}; check the URL and the format"
    ))
}

impl Output for HttpOutput {
    fn write(&mut self, n: u64, parts: &[OutputPart]) -> io::Result<Acceptance> {
        if self.queue.last().is_none_or(|last| last < n) {
            self.queue.push(n, parts);
        }
        let began = Instant::now();
        loop {
            self.ask()?;
            self.send_due()?;
            // What is left does not fill a request, or must wait.
            if !self.queue.is_full(self.limits) && !self.requests.is_unfinished() {
                return Ok(Acceptance::Taken);
            }
            if self.not_before.is_some_and(|at| at > Instant::now()) {
                return Err(io::Error::other("the receiver asks to wait"));
            }
            if began.elapsed() > WAIT {
                return Err(io::Error::other(NotAcknowledged("indexers")));
            }
            std::thread::sleep(ASK);
        }
    }

    fn poll(&mut self) -> io::Result<()> {
        self.ask()?;
        self.send_due()
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
        let asks = (self.requests.pending() > 0).then_some(ASK);
        let sends = match self.requests.pending() < MAX_PENDING {
            true => self.due_in(),
            false => None,
        };
        let next = asks.into_iter().chain(sends).min();
        next.map(|next| next.max(Duration::from_millis(1)))
    }

    fn finish(&mut self) {
        self.is_finishing = true;
    }

    fn take_refused(&mut self) -> Option<RefusedEvents> {
        self.refused.take()
    }
}
