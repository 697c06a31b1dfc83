//! `cargo xtask bench`: the collector beside simpler clients of the same server, and what
//! its parts cost.
//!
//! Seconds say nothing on their own, so what is compared took turns on the same machine.
//! Each topic is a table in docs/speed, from which pictures and pages are made.

mod bundles;
mod collector;
mod contender;
mod data;
mod distance;
mod formats;
mod identities;
mod instructions;
mod kafka;
mod load;
mod machine;
mod outputs;
mod page;
mod race;
mod records;
mod scene;
mod sink;
mod sources;
mod start;
mod table;
mod topics;
mod usage;

use crate::steps::Steps;
use crate::{Result, process, programs};
use machine::Watch;
use scene::Scene;
use topics::{TOPICS, Topic};

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// The topics to measure; all if there are none.
    topics: Vec<&'static str>,
    /// Nothing is measured.
    draw: bool,
    /// A missed ratio is a failure, and nothing else is measured.
    check: bool,
    /// Instructions are counted, too.
    instructions: bool,
    /// Only the output to Kafka.
    kafka: bool,
}

impl Options {
    /// `--check`, as before a change lands.
    pub(crate) fn check() -> Self {
        Self {
            check: true,
            ..Self::default()
        }
    }

    /// Reads `[TOPIC…] [--draw] [--check] [--instructions] [--kafka]`.
    pub(crate) fn parse(arguments: &[&str]) -> Option<Self> {
        let mut options = Self::default();
        for argument in arguments {
            match *argument {
                "--draw" => options.draw = true,
                "--check" => options.check = true,
                "--instructions" => options.instructions = true,
                "--kafka" => options.kafka = true,
                topic => options.topics.push(Topic::named(topic)?.name),
            }
        }
        Some(options)
    }
}

pub(crate) fn run(steps: &mut Steps, options: &Options) -> Result {
    if options.draw {
        return steps.run("bench: pictures", page::draw);
    }
    steps.run("bench: build", build)?;
    let scene = steps.run("bench: files", || {
        if !programs::works("python3") {
            programs::install(&["python3"])?;
        }
        Scene::set()
    })?;
    if options.kafka {
        let program = steps.run("bench: build with Kafka", kafka::build)?;
        return steps.run("bench: Kafka", || kafka::cost(&scene, &program));
    }
    if options.instructions {
        steps.run("bench: instructions", || instructions::count(&scene))?;
    }
    if options.check {
        steps.run("bench: instructions", || instructions::check(&scene))?;
        return steps.run("bench: clients", || {
            let table = race::race(&scene, true)?;
            let data = table.data();
            println!("\n{}\n\n{}\n", data.table(), table::ratios(&data)?);
            table.check()
        });
    }
    for topic in &TOPICS {
        let is_asked = options.topics.contains(&topic.name);
        let is_one_of_all = options.topics.is_empty() && !options.instructions;
        if is_asked || is_one_of_all {
            steps.run(&format!("bench: {}", topic.name), || measure(&scene, topic))?;
        }
    }
    steps.run("bench: pictures", page::draw)
}

/// Measures a topic, and writes and prints its table.
fn measure(scene: &Scene, topic: &Topic) -> Result {
    let watch = Watch::start();
    let mut data = (topic.measure)(scene)?;
    watch.note(&mut data)?;
    println!("\n{}\n\n{}\n", data.table(), data.caption());
    data.write(topic.name)
}

/// What is wrong with the pictures and with the blocks of the pages.
pub(crate) fn stale() -> Result<Option<String>> {
    let stale = page::stale()?;
    let files = stale.join(", ");
    Ok((!stale.is_empty()).then(|| {
        format!("not as docs/speed has it: {files}; `cargo xtask bench --draw` draws anew")
    }))
}

/// The program as users build it, and the drain, in one go.
fn build() -> Result {
    process::run(process::cargo().args([
        "build",
        "--release",
        "--package=estreamer-cli",
        "--bin=estreamer",
        "--package=estreamer-mio",
        "--example=drain",
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_in_any_order() {
        let several = Options {
            topics: vec!["formats", "start"],
            check: true,
            ..Options::default()
        };
        let parsed = Options::parse(&["formats", "--check", "start"]);
        assert_eq!(parsed, Some(several));
        assert_eq!(Options::parse(&[]), Some(Options::default()));
        assert_eq!(Options::parse(&["--chekc"]), None);
        assert_eq!(Options::parse(&["format"]), None);
    }
}
