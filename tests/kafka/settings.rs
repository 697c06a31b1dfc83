//! What a configuration may say of Kafka.

use estreamer_tests::{Ended, Fleet, estreamer};

fn check(url: &str, keys: &str) -> Ended {
    let fleet = Fleet::new();
    std::fs::write(fleet.path("word"), "s3cret-word").unwrap();
    let source = Fleet::source_at("fmc", "fmc.example.net:8302");
    let path = fleet.configure("", &[source, Fleet::output(url) + keys]);
    Ended::of(&mut estreamer(&["check", path.to_str().unwrap()]))
}

const URL: &str = "kafka://k1.example.net:9092,k2.example.net:9092/ftd-{event}";

#[test]
fn options_of_the_client_are_accepted_in_every_form() {
    for keys in [
        "",
        "key = \"device\"\npartition = 3\nerrors = \"refused.ndjson\"\n",
        "option = { \"linger.ms\" = 50, compression.type = \"lz4\", log.connection.close = false }\n",
        "[output.option]\nsecurity.protocol = \"ssl\"\n",
        "option = { security.protocol = \"sasl_ssl\", sasl.mechanism = \"SCRAM-SHA-512\", \
         sasl.username = \"collector\", sasl.password = { file = \"word\" } }\n",
        "option = { security.protocol = \"sasl_plaintext\", sasl.mechanism = \"PLAIN\", \
         sasl.username = \"collector\", sasl.password = { credential = \"kafka\" } }\n",
    ] {
        check(URL, keys).success();
    }
}

#[test]
fn what_cannot_work_is_refused_with_its_reason_and_no_secret() {
    for (url, keys, words) in [
        (
            URL,
            "option = { acks = 1 }\n",
            ["option: acks: ", "replicas in sync"],
        ),
        (
            URL,
            "option = { enable.idempotence = false }\n",
            ["option: enable.idempotence: ", "repeat and reorder"],
        ),
        (
            URL,
            "option = { max.in.flight = 7 }\n",
            ["option: ", "max.in.flight"],
        ),
        (
            URL,
            "option = { bootstrap.servers = \"k3\" }\n",
            ["bootstrap.servers", "the brokers are in url"],
        ),
        (
            URL,
            "option = { linger = 3 }\n",
            ["option: linger: ", "No such configuration property"],
        ),
        (
            URL,
            "option = { security.protocol = { file = \"word\" } }\n",
            ["option: security.protocol: ", "Invalid value"],
        ),
        (
            URL,
            "option = { ssl.ca.location = \"/nonexistent/ca.pem\", security.protocol = \"ssl\" }\n",
            ["option: ", "ssl.ca.location"],
        ),
        (
            URL,
            "option = { linger.ms = [1] }\n",
            ["option: expected", ""],
        ),
        (URL, "option = 3\n", ["option: expected", ""]),
        (
            URL,
            "key = \"flow\"\n",
            ["Use connection, device, source", ""],
        ),
        (URL, "partition = -1\n", ["partition: expected", ""]),
        (URL, "tls = { ca = \"x\" }\n", ["tls has no meaning", ""]),
        (URL, "format = \"raw\"\n", ["raw", "ndjson"]),
        (
            "kafka://k1:9092",
            "",
            ["invalid value", "Use kafka://BROKER,BROKER/TOPIC"],
        ),
        (
            "kafka://user:word@k1:9092/t",
            "",
            ["invalid value", "Use kafka://"],
        ),
        (
            "tcp://k1:9092",
            "partition = 3\n",
            ["partition has no meaning", "kafka"],
        ),
    ] {
        let ended = check(url, keys);
        ended.failure(2, &words);
        assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
        assert!(ended.stderr.contains("estreamer.toml:"), "{}", ended.stderr);
    }
}
