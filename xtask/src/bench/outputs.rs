//! What each output costs.

use std::fs;
use std::process::{Command, Stdio};

use super::scene::{Scene, Server, program};
use super::sink::{self, Answers};
use super::usage::Usage;
use crate::{Result, process};

/// Events that are delivered in a run.
const EVENTS: u64 = 200_000;
/// The best of so many runs counts.
const ROUNDS: u32 = 3;

/// An output: its name in the table, its URL, its other keys, and its receiver.
struct Measured {
    name: &'static str,
    /// `{}` is the address of the receiver, or a path.
    url: &'static str,
    keys: &'static str,
    receiver: Receiver,
}

#[derive(Clone, Copy)]
enum Receiver {
    File,
    Stdout,
    Tcp,
    Udp,
    Unix,
    Http(Answers),
}

const fn of(
    name: &'static str,
    url: &'static str,
    keys: &'static str,
    receiver: Receiver,
) -> Measured {
    Measured {
        name,
        url,
        keys,
        receiver,
    }
}

const OUTPUTS: &[Measured] = &[
    of("file", "file:{}", "", Receiver::File),
    of(
        "file with manifest",
        "file:{}",
        "rotate = { size = \"32MiB\" }\nmanifest = true\n",
        Receiver::File,
    ),
    of(
        "file with manifest and zstd",
        "file:{}",
        "rotate = { size = \"32MiB\" }\ncompress = \"zstd\"\n",
        Receiver::File,
    ),
    of("stdout", "stdout:", "", Receiver::Stdout),
    of("unix", "unix:{}", "", Receiver::Unix),
    of("tcp", "tcp://{}", "", Receiver::Tcp),
    of("syslog+tcp", "syslog+tcp://{}", "", Receiver::Tcp),
    of("syslog+udp", "syslog+udp://{}", "", Receiver::Udp),
    of("http", "http://{}/", "", Receiver::Http(Answers::Nothing)),
    of(
        "http, zstd",
        "http://{}/",
        "compress = \"zstd\"\n",
        Receiver::Http(Answers::Nothing),
    ),
    of(
        "splunk",
        "splunk+http://{}",
        "token = { env = \"BENCH_TOKEN\" }\n",
        Receiver::Http(Answers::Nothing),
    ),
    of(
        "elastic",
        "elastic+http://{}",
        "index = \"events\"\n",
        Receiver::Http(Answers::Items),
    ),
    of(
        "otlp, protobuf",
        "otlp+http://{}",
        "",
        Receiver::Http(Answers::Nothing),
    ),
    of(
        "otlp, json",
        "otlp+http://{}",
        "encoding = \"json\"\n",
        Receiver::Http(Answers::Nothing),
    ),
];

/// Delivers events to each output in turn, and prints the processor time of the collector.
pub(super) fn cost(scene: &Scene) -> Result {
    let server = &scene.plain;
    println!(
        "\n`estreamer collect`, {EVENTS} events, one output, without TLS to the receiver, \
         best of {ROUNDS} runs\n\n\
         | output | CPU, µs/event | events/s on one core |\n|---|---:|---:|"
    );
    for output in OUTPUTS {
        let mut best = f64::MAX;
        for _ in 0..ROUNDS {
            best = best.min(once(server, output)?);
        }
        let each = best / EVENTS as f64;
        println!(
            "| {} | {:.2} | {:.0} |",
            output.name,
            each * 1e6,
            1.0 / each
        );
    }
    Ok(())
}

/// Returns the processor time of a run in seconds.
fn once(server: &Server, output: &Measured) -> Result<f64> {
    server.clean()?;
    let path = server.file("events");
    let place = match output.receiver {
        Receiver::File | Receiver::Stdout => path,
        Receiver::Tcp => sink::tcp()?,
        Receiver::Udp => sink::udp()?,
        Receiver::Unix => sink::unix(&path)?,
        Receiver::Http(answers) => sink::http(answers)?,
    };
    let config = server.file("config.toml");
    let file = |name: &str| server.file(name);
    let text = format!(
        "state = \"{}\"\n[[source]]\nname = \"fmc\"\nserver = \"{}\"\ncert = \"{}\"\nkey = \
         \"{}\"\nca = \"{}\"\nrequest = \"{}\"\nfrom = \"oldest\"\n[[output]]\nurl = \"{}\"\n{}",
        file("state"),
        server.address,
        file("pki/client.pem"),
        file("pki/client.key"),
        file("pki/ca.pem"),
        file("request.json"),
        output.url.replace("{}", &place),
        output.keys,
    );
    fs::write(&config, text).map_err(|error| format!("{config}: {error}"))?;
    let mut command = Command::new(program());
    command.args(["collect", "--quiet", "--config", &config]);
    command.args(["--stop-after", &EVENTS.to_string()]);
    command.env("BENCH_TOKEN", "token").stdout(Stdio::null());
    let before = Usage::now(server.id());
    let status = command
        .status()
        .map_err(|error| process::could_not_start(&command, &error))?;
    let used = Usage::now(server.id()).since(&before).client;
    server.clean()?;
    match status.success() {
        true => Ok(used),
        false => Err(format!("`estreamer collect` to {}: {status}", output.name)),
    }
}
