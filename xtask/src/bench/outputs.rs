//! What each output costs.

use super::collector::{self, Collector, Taken};
use super::data::Data;
use super::load::Load;
use super::scene::{Scene, Server};
use super::sink::{self, Answers};
use crate::Result;

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
        "file, rotated, with manifest",
        "file:{}",
        "rotate = { size = \"32MiB\" }\nmanifest = true\n",
        Receiver::File,
    ),
    of(
        "file, rotated, with zstd",
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
        "token = { env = \"BENCH_SECRET\" }\n",
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
        "otlp, JSON",
        "otlp+http://{}",
        "encoding = \"json\"\n",
        Receiver::Http(Answers::Nothing),
    ),
];

/// The column that is drawn.
pub(super) const COST: &str = "CPU, µs/event";

/// Delivers events to each output in turn: the processor time of the collector.
pub(super) fn cost(scene: &Scene) -> Result<Data> {
    let server = scene.server(&Load::default())?;
    let mut data = Data::new(&["output", COST, "events/s on one core"]);
    let run = |index: usize| {
        let output = &OUTPUTS[index];
        once(&server, output).map_err(|error| format!("{}: {error}", output.name))
    };
    let taken = collector::best(ROUNDS, OUTPUTS.len(), run, |taken| taken.processor)?;
    for (output, taken) in OUTPUTS.iter().zip(taken) {
        let each = taken.processor / EVENTS as f64;
        data.push(vec![
            output.name.to_owned(),
            format!("{:.2}", each * 1e6),
            format!("{:.0}", 1.0 / each),
        ]);
    }
    data.note(
        "runs",
        format!("{EVENTS} events of 1 KB, best of {ROUNDS} runs"),
    );
    Ok(data)
}

fn once(server: &Server, output: &Measured) -> Result<Taken> {
    let path = server.file("events");
    let place = match output.receiver {
        Receiver::File | Receiver::Stdout => path,
        Receiver::Tcp => sink::tcp()?,
        Receiver::Udp => sink::udp()?,
        Receiver::Unix => sink::unix(&server.file("socket"))?,
        Receiver::Http(answers) => sink::http(answers)?,
    };
    let url = output.url.replace("{}", &place);
    let mut collector = Collector::of(server, EVENTS);
    collector.output = format!("url = {url:?}\n{}", output.keys);
    collector.run()
}
