//! The URL of an output to Kafka: `kafka://BROKER,BROKER/TOPIC`.

/// The brokers to begin with, and the topic of each event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KafkaAddress {
    /// `HOST:PORT`, separated by commas.
    pub(super) brokers: String,
    pub(super) topic: TopicPattern,
}

/// The name of a topic, with the placeholders `{event}` and `{source}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TopicPattern(pub(super) Vec<TopicPart>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TopicPart {
    Text(String),
    Event,
    Source,
}

/// The maximum length of a topic's name.
const MAX_TOPIC: usize = 249;

impl KafkaAddress {
    /// Parses what follows `kafka://`; `None` if it is not valid.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (brokers, topic) = text.split_once('/')?;
        let all_sound = brokers.split(',').all(is_broker);
        let topic = TopicPattern::parse(topic)?;
        all_sound.then(|| Self {
            brokers: brokers.into(),
            topic,
        })
    }
}

/// Returns whether the text is a host with a port or without. A user in a URL is refused,
/// because it would be shown in messages.
fn is_broker(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None => return false,
        },
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"/@#?".contains(&byte);
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    !host.is_empty() && host.bytes().all(is_plain) && port.is_none_or(is_port)
}

impl TopicPattern {
    /// Parses a name; `None` if it is not valid.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, tail)) = rest.split_once('{') {
            let (name, tail) = tail.split_once('}')?;
            parts.push(TopicPart::Text(before.into()));
            parts.push(match name {
                "event" => TopicPart::Event,
                "source" => TopicPart::Source,
                _ => return None,
            });
            rest = tail;
        }
        parts.push(TopicPart::Text(rest.into()));
        parts.retain(|part| !matches!(part, TopicPart::Text(text) if text.is_empty()));
        let is_sound = |part: &TopicPart| match part {
            TopicPart::Text(text) => text.bytes().all(is_legal),
            _ => true,
        };
        let sound = parts.iter().all(is_sound)
            && !parts.is_empty()
            && text.len() <= MAX_TOPIC
            && !matches!(text, "." | "..");
        sound.then_some(Self(parts))
    }
}

/// Returns whether the name of a topic may have this byte.
pub(super) fn is_legal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_brokers_and_a_topic() {
        for (text, brokers) in [
            ("k1:9092,k2:9092/ftd", Some("k1:9092,k2:9092")),
            ("k1/ftd-{event}", Some("k1")),
            ("[::1]:9092/{source}.x", Some("[::1]:9092")),
            ("k1:9092", None),
            ("k1:9092/", None),
            ("k1:0/t", None),
            ("k1:/t", None),
            ("k1,,k2/t", None),
            ("user:word@k1/t", None),
            ("/t", None),
            ("k1/a/b", None),
            ("k1/{day}", None),
            ("k1/{event", None),
            ("k1/..", None),
            ("k1/Zürich", None),
        ] {
            let parsed = KafkaAddress::parse(text).map(|address| address.brokers);
            assert_eq!(parsed.as_deref(), brokers, "{text}");
        }
        let long = format!("k1/{}", "x".repeat(MAX_TOPIC + 1));
        assert_eq!(KafkaAddress::parse(&long), None);
    }
}
