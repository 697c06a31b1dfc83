//! Instructions per event, which a busy machine does not change.

use std::process::Command;

use super::contender::Contender;
use super::scene::Scene;
use crate::{Result, process, programs};

/// The difference between two runs is free of start, handshake and end.
const FEW: u64 = 20_000;
const MANY: u64 = 60_000;

/// Counts and prints them.
pub(super) fn count(scene: &Scene) -> Result {
    if !programs::works("valgrind") {
        programs::install(&["valgrind"])?;
    }
    println!("| client | instructions per event |\n|---|---:|");
    for contender in [
        Contender::Collector,
        Contender::Drain,
        Contender::WritingDrain,
    ] {
        let more = run(scene, contender, MANY)?.saturating_sub(run(scene, contender, FEW)?);
        println!("| {} | {} |", contender.name(), more / (MANY - FEW));
    }
    Ok(())
}

/// Instructions of one run, its threads and the TLS library included, the kernel
/// not.
fn run(scene: &Scene, contender: Contender, events: u64) -> Result<u64> {
    let server = scene.server(&contender.load())?;
    server.clean()?;
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args(contender.arguments(&server, events));
    let output = process::output(&mut command)?;
    contender.judge(server.bundle, events, &output)?;
    server.clean()?;
    let said = String::from_utf8_lossy(&output.stderr);
    collected(&said).ok_or(format!("valgrind told no count:\n{said}"))
}

/// The number in `==7== Collected : 1234567`.
fn collected(said: &str) -> Option<u64> {
    said.lines()
        .find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_among_what_valgrind_says() {
        let said = "==7== \n==7== Events    : Ir\n==7== Collected : 1234567\n==7== I refs: 1\n";
        assert_eq!(collected(said), Some(1_234_567));
        assert_eq!(collected("==7== Events    : Ir\n"), None);
    }
}
