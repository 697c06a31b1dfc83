//! What is sent when, with a receiver in the same program.

use super::*;
use crate::output::event_queue::tests::part;
use crate::output::options::HttpOptions;
use crate::sync::lock;
use elastic::ElasticReceiver;
use splunk::SplunkReceiver;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Status, `Retry-After` in seconds, and body of an answer.
type Scripted = (u16, Option<u64>, &'static str);

/// A receiver that gives these answers, and keeps the bodies that it was sent.
#[derive(Default)]
struct Script {
    answers: VecDeque<Scripted>,
    bodies: Vec<String>,
}

struct ScriptedPost(Arc<Mutex<Script>>);

impl Post for ScriptedPost {
    fn post(&self, _: &str, _: &[(&str, &str)], body: &[u8]) -> io::Result<Answer> {
        let mut script = lock(&self.0);
        script.bodies.push(String::from_utf8_lossy(body).into());
        let next = script.answers.pop_front();
        let (status, seconds, body) = next.ok_or(io::ErrorKind::ConnectionReset)?;
        Ok(Answer {
            status,
            retry_after: seconds.map(Duration::from_secs),
            body: body.into(),
        })
    }
}

/// An output with acknowledgements that sends two events in a request, or fewer after an
/// hour, and its receiver.
fn output(answers: &[Scripted]) -> (HttpOutput, Arc<Mutex<Script>>) {
    let script = Arc::new(Mutex::new(Script {
        answers: answers.iter().copied().collect(),
        bodies: Vec::new(),
    }));
    let mut options = ReceiverOptions::default();
    options.http.batch.events = 2;
    options.http.batch.time = Duration::from_secs(3600);
    let ack = HttpOptions {
        ack: true,
        ..HttpOptions::default()
    };
    let output = HttpOutput::over(
        Ok(Box::new(ScriptedPost(script.clone()))),
        &options,
        Box::new(SplunkReceiver::new(&ack)),
    );
    (output, script)
}

/// The same for the bulk API, without acknowledgements.
fn bulk(answers: &[Scripted], place: &Path) -> (HttpOutput, Arc<Mutex<Script>>) {
    let (mut output, script) = output(answers);
    output.receiver = Box::new(ElasticReceiver {
        index: "events".into(),
        path: "/_bulk".into(),
    });
    output.errors = ErrorFile::new(Some(place.join("refused.ndjson")));
    (output, script)
}

/// What was posted since the last call.
fn posted(script: &Arc<Mutex<Script>>) -> Vec<String> {
    std::mem::take(&mut lock(script).bodies)
}

#[test]
fn an_output_looks_again_when_something_is_due() {
    let (mut output, script) = output(&[
        (200, None, "{\"code\":0,\"ackId\":7}"),
        (200, None, "{\"acks\":{\"7\":false}}"),
    ]);
    assert_eq!(output.poll_interval(), None);
    // One event waits for another one.
    output.write(1, &[part(&["a"])]).unwrap();
    assert!(posted(&script).is_empty());
    let wait = output.poll_interval().unwrap();
    assert!(wait > Duration::from_secs(3500), "{wait:?}");
    // Two are sent, and their acknowledgement is asked for after a while.
    output.write(2, &[part(&["b"])]).unwrap();
    assert_eq!(posted(&script).len(), 1);
    assert_eq!(output.poll_interval(), Some(ASK));
    assert_eq!(output.accepted(), None);
    // Nothing is sent at once, but a caller that has nothing else to do does not spin.
    output.write(3, &[part(&["c"])]).unwrap();
    output.finish();
    assert_eq!(output.poll_interval(), Some(Duration::from_millis(1)));
}

#[test]
fn acknowledgements_are_asked_for_now_and_then_until_they_have_come() {
    let (mut output, script) = output(&[
        (200, None, "{\"code\":0,\"ackId\":7}"),
        (200, None, "{\"acks\":{\"7\":false}}"),
        (200, None, "{\"acks\":{\"7\":true}}"),
    ]);
    output.write(1, &[part(&["a", "b"])]).unwrap();
    assert_eq!(posted(&script).len(), 1);
    output.poll().unwrap();
    assert_eq!(posted(&script), ["{\"acks\":[7]}"]);
    assert_eq!(output.accepted(), None);
    // Too early.
    output.poll().unwrap();
    assert!(posted(&script).is_empty());
    output.asked = output.asked.map(|at| at - ASK);
    output.poll().unwrap();
    assert_eq!(posted(&script), ["{\"acks\":[7]}"]);
    assert_eq!(output.accepted().map(|batch| batch.n), Some(1));
    assert!(output.is_idle());
    assert_eq!(output.poll_interval(), None);
}

#[test]
fn a_receiver_that_asks_to_wait_is_left_alone_so_long() {
    let (mut output, script) = output(&[(503, Some(30), ""), (200, None, "{\"ackId\":1}")]);
    let error = output.write(1, &[part(&["a", "b"])]).unwrap_err();
    assert!(
        error.to_string().contains("it asks to wait 30 s"),
        "{error}"
    );
    assert_eq!(posted(&script).len(), 1);
    let wait = output.poll_interval().unwrap();
    assert!(wait > Duration::from_secs(29), "{wait:?}");
    let error = output.write(1, &[part(&["a", "b"])]).unwrap_err();
    assert_eq!(error.to_string(), "the receiver asks to wait");
    assert!(posted(&script).is_empty());
    output.not_before = Some(Instant::now());
    output.write(1, &[part(&["a", "b"])]).unwrap();
    assert_eq!(posted(&script).len(), 1);
}

#[test]
fn at_most_eight_requests_wait_for_their_acknowledgements() {
    let answer = |ack| (200, None, ack);
    let answers = [
        "{\"ackId\":0}",
        "{\"ackId\":1}",
        "{\"ackId\":2}",
        "{\"ackId\":3}",
        "{\"ackId\":4}",
        "{\"ackId\":5}",
        "{\"ackId\":6}",
        "{\"ackId\":7}",
        "{\"ackId\":8}",
    ];
    let (mut output, script) = output(&answers.map(answer));
    // It does not ask.
    output.asked = Some(Instant::now() + WAIT);
    for n in 1..=8 {
        output.write(n, &[part(&["a", "b"])]).unwrap();
    }
    output.write(9, &[part(&["a"])]).unwrap();
    output.finish();
    output.poll().unwrap();
    assert_eq!(posted(&script).len(), MAX_PENDING);
    assert_eq!(output.poll_interval(), Some(ASK));
}

const BOTH_REFUSED: &str = r#"{"errors":true,"items":[
    {"create":{"status":400,"error":{"type":"mapper_parsing_exception"}}},
    {"create":{"status":400,"error":{"type":"mapper_parsing_exception"}}}]}"#;
const ONE_REFUSED: &str = r#"{"errors":true,"items":[{"create":{"status":201}},
    {"create":{"status":400,"error":{"type":"mapper_parsing_exception"}}}]}"#;

#[test]
fn a_bulk_api_that_refuses_everything_is_at_fault_and_not_the_events() {
    let place = tempfile::tempdir().unwrap();
    let written = |count| {
        let mut answers = vec![(200, None, BOTH_REFUSED); count];
        answers.push((200, None, ONE_REFUSED));
        let (mut output, _) = bulk(&answers, place.path());
        (0..=count as u64).find_map(|n| output.write(n, &[part(&["a", "b"])]).err())
    };
    assert!(written(40).is_none());
    let error = written(60).unwrap().to_string();
    assert!(error.contains("refused the last 100 events"), "{error}");
    assert!(error.contains("mapper_parsing_exception"), "{error}");
    let kept = std::fs::read_to_string(place.path().join("refused.ndjson")).unwrap();
    assert_eq!(kept.lines().count(), 2 * 40 + 1 + 100);
}

#[test]
fn refused_events_that_cannot_be_kept_are_not_counted() {
    let place = tempfile::tempdir().unwrap();
    let later = place.path().join("later");
    let (mut output, _) = bulk(&[(200, None, BOTH_REFUSED); 61], &later);
    for _ in 0..60 {
        let error = output.write(1, &[part(&["a", "b"])]).unwrap_err();
        assert!(
            error.to_string().contains("cannot keep refused events"),
            "{error}"
        );
    }
    std::fs::create_dir(&later).unwrap();
    output.write(1, &[part(&["a", "b"])]).unwrap();
    assert_eq!(output.accepted().map(|batch| batch.n), Some(1));
}

/// A receiver that accepts a part of each second request, and does not say which.
struct Partly(u32);

impl HttpReceiver for Partly {
    fn path(&self) -> &str {
        "/"
    }

    fn headers(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }

    fn body(&self, _: &[QueuedEvent<'_>], _: &mut Vec<u8>) {}

    fn judge(&mut self, _: &Answer, _: usize) -> Verdict {
        self.0 += 1;
        match self.0 % 2 {
            0 => Verdict::PartlyRefused("one of them".into()),
            _ => Verdict::Refused("all of them".into()),
        }
    }
}

#[test]
fn a_receiver_that_takes_a_part_now_and_then_does_not_refuse_everything() {
    let place = tempfile::tempdir().unwrap();
    let (mut output, _) = bulk(&[(200, None, ""); 300], place.path());
    output.receiver = Box::new(Partly(0));
    output.limits.events = 1;
    for n in 0..300 {
        output.write(n, &[part(&["a"])]).unwrap();
    }
}
