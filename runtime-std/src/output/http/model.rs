//! The output to the bulk API, with the receiver in the same program.

use std::io;
use std::sync::Mutex;
use std::time::Duration;

use super::client::{Answer, Post};
use super::elastic::ElasticReceiver;
use super::{HttpOutput, Output};
use crate::output::options::ReceiverOptions;
use crate::sync::lock;

/// Takes the body of a request and returns status and body of the answer.
type Exchange = Box<dyn FnMut(&[u8]) -> io::Result<(u16, Vec<u8>)> + Send>;

struct ModelPost(Mutex<Exchange>);

impl Post for ModelPost {
    fn post(&self, _: &str, _: &[(&str, &str)], body: &[u8]) -> io::Result<Answer> {
        let (status, body) = lock(&self.0)(body)?;
        Ok(Answer {
            status,
            retry_after: None,
            body,
        })
    }
}

/// Returns an output that sends at most `events` events in a request, without delay, to this
/// receiver of a bulk API.
pub fn bulk_output(events: usize, exchange: Exchange) -> Box<dyn Output> {
    let mut options = ReceiverOptions::default();
    options.http.batch.events = events;
    options.http.batch.time = Duration::ZERO;
    let receiver = ElasticReceiver {
        index: "events".into(),
        path: "/_bulk".into(),
    };
    let post = ModelPost(Mutex::new(exchange));
    Box::new(HttpOutput::over(
        Ok(Box::new(post)),
        &options,
        Box::new(receiver),
    ))
}
