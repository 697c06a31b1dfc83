//! What the answer for an event means.

use rdkafka::error::RDKafkaErrorCode as Code;

/// What a failed event needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its request is too large. If it was alone, it is refused; otherwise smaller requests
    /// find out which event is.
    TooLarge,
    /// An event of its request is refused. If it was alone, it is this one.
    Refused(String),
    /// It is sent again, without being the cause.
    Again,
    /// It is sent again; with the reason.
    Later(String),
}

/// Returns what a failure means for an event of this topic.
pub(super) fn verdict(code: Code, topic: &str) -> Verdict {
    match code {
        Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize => {
            Verdict::TooLarge
        }
        Code::InvalidRecord | Code::InvalidTimestamp | Code::InvalidMessage => {
            Verdict::Refused(format!("{topic}: {}", words(code)))
        }
        // The client stopped because of another event.
        Code::PurgeQueue
        | Code::PurgeInflight
        | Code::Fatal
        | Code::GaplessGuarantee
        | Code::InvalidDifferentRecord => Verdict::Again,
        Code::UnknownTopic | Code::UnknownTopicOrPartition => Verdict::Later(format!(
            "the brokers have no topic {topic}, or do not show it to this user; create it"
        )),
        Code::UnknownPartition => Verdict::Later(format!(
            "the topic {topic} has no such partition; correct partition, or leave it out"
        )),
        Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed => {
            Verdict::Later(format!(
                "this user may not write to the topic {topic}; allow it (ACL: Write, \
                 IdempotentWrite)"
            ))
        }
        Code::InvalidTopic => {
            Verdict::Later(format!("the brokers refuse {topic} as the name of a topic"))
        }
        other => Verdict::Later(format!("{topic}: {}", words(other))),
    }
}

/// Returns the words of the client for a code.
pub(super) fn words(code: Code) -> String {
    let shown = code.to_string();
    // As in `InvalidRecord (Broker: Broker failed to validate record)`.
    match shown.split_once(" (") {
        Some((_, words)) => words.trim_end_matches(')').to_owned(),
        None => shown,
    }
}
