//! Instructions per event, which a busy machine does not change.

use std::process::Command;

use super::contender::Contender;
use super::data::Data;
use super::machine;
use super::scene::Scene;
use crate::{Result, process, programs};

/// The name of the table.
pub(super) const NAME: &str = "instructions";
const COLUMN: &str = "instructions per event";
/// The difference between two runs is free of start, handshake and end.
const FEW: u64 = 20_000;
const MANY: u64 = 60_000;
/// What the collector does more than the bare drain may grow by this factor before a check
/// fails. Two counts of the same program differ by less than a hundredth.
const GROWTH: f64 = 1.03;

/// Counts, and writes and prints the table.
pub(super) fn count(scene: &Scene) -> Result {
    let all = [
        Contender::Collector,
        Contender::Drain,
        Contender::WritingDrain,
    ];
    let mut data = counted(scene, &all)?;
    machine::note(&mut data)?;
    data.note(
        "runs",
        format!("callgrind, {MANY} events less a run of {FEW}"),
    );
    println!("\n{}\n", data.table());
    data.write(NAME)
}

/// Fails if an event costs more than the table says.
pub(super) fn check(scene: &Scene) -> Result {
    let now = counted(scene, &[Contender::Collector, Contender::Drain])?;
    println!("\n{}\n", now.table());
    has_not_grown(own(&Data::read(NAME)?)?, own(&now)?)
}

fn has_not_grown(before: f64, now: f64) -> Result {
    match now <= before * GROWTH {
        true => Ok(()),
        false => Err(format!(
            "the collector executes {now:.0} instructions per event more than the bare drain, \
             and {before:.0} before; `cargo xtask bench --instructions` writes what it is now"
        )),
    }
}

/// What the collector does more than the drain.
fn own(data: &Data) -> Result<f64> {
    let of = |contender: Contender| data.number(contender.name(), COLUMN);
    Ok(of(Contender::Collector)? - of(Contender::Drain)?)
}

fn counted(scene: &Scene, contenders: &[Contender]) -> Result<Data> {
    if !programs::works("valgrind") {
        programs::install(&["valgrind"])?;
    }
    let mut data = Data::new(&["client", COLUMN]);
    for contender in contenders {
        let more = run(scene, *contender, MANY)?.saturating_sub(run(scene, *contender, FEW)?);
        let each = more / (MANY - FEW);
        data.push(vec![contender.name().to_owned(), each.to_string()]);
    }
    Ok(data)
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

    #[test]
    fn growth_is_an_error_and_noise_is_none() {
        assert!(has_not_grown(3000.0, 3080.0).is_ok());
        let error = has_not_grown(3000.0, 3100.0).unwrap_err();
        assert!(error.contains("3100") && error.contains("3000"), "{error}");
    }
}
