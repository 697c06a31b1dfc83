//! Options of the client that an output may not change: its promise depends on them.

/// Returns why an option is refused; `None` if it is allowed. Its value is not shown.
pub(crate) fn reason(name: &str, value: &str) -> Option<&'static str> {
    Some(match name {
        "bootstrap.servers" | "metadata.broker.list" => "the brokers are in url",
        "acks" | "request.required.acks" => {
            "an event counts as accepted when all replicas in sync have it"
        }
        "enable.idempotence" | "enable.gapless.guarantee" => {
            "without it, retries repeat and reorder events"
        }
        "transactional.id" | "transaction.timeout.ms" => "events are not sent in transactions",
        "message.timeout.ms" | "delivery.timeout.ms" | "retries" | "message.send.max.retries" => {
            "an event is sent until the broker has accepted or refused it"
        }
        "queue.buffering.max.messages" | "queue.buffering.max.kbytes" => {
            "the memory of the output is bounded"
        }
        "delivery.report.only.error" => "every acknowledgement is needed",
        "log.queue" => "the messages of the client go to the log",
        "partitioner" if value == "random" => {
            "the events of a connection would not stay in order; for that, set key to none"
        }
        _ if name.starts_with("test.mock.") => "no event would leave this process",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_the_promise_is_refused_and_the_rest_is_not() {
        for (name, value, refused) in [
            ("acks", "1", true),
            ("enable.idempotence", "false", true),
            ("test.mock.num.brokers", "3", true),
            ("partitioner", "random", true),
            ("partitioner", "consistent", false),
            ("linger.ms", "50", false),
            ("sasl.password", "x", false),
        ] {
            assert_eq!(reason(name, value).is_some(), refused, "{name}");
        }
    }
}
