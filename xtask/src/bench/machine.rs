//! The machine of a bench, and how busy others kept it.

use std::fs;
use std::process::Command;
use std::time::Instant;

use super::data::Data;
use super::usage;
use crate::{Result, process};

/// The beginning of a measurement.
pub(super) struct Watch {
    start: Instant,
    others: f64,
}

impl Watch {
    pub(super) fn start() -> Self {
        Self {
            start: Instant::now(),
            others: usage::others(),
        }
    }

    /// Notes machine, date and how busy others were. Every program that was measured has
    /// ended.
    pub(super) fn note(&self, data: &mut Data) -> Result {
        let seconds = self.start.elapsed().as_secs_f64() * cores().max(1) as f64;
        let others = (usage::others() - self.others).max(0.0) / seconds * 100.0;
        note(data)?;
        data.note("others", format!("{others:.0} %"));
        Ok(())
    }
}

/// Notes machine and date.
pub(super) fn note(data: &mut Data) -> Result {
    data.note("machine", machine());
    let date = process::read(Command::new("date").args(["-u", "+%F"]))?;
    data.note("date", date);
    Ok(())
}

pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

/// Processor, cores, memory and kernel.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processor = field(&read("/proc/cpuinfo"), "model name").unwrap_or("a processor".into());
    let memory = field(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
    let kib = memory
        .split(' ')
        .next()
        .and_then(|kib| kib.parse::<f64>().ok());
    let memory = kib.map_or(String::new(), |kib| {
        format!(", {:.0} GiB", kib / f64::from(1 << 20))
    });
    let kernel = read("/proc/sys/kernel/osrelease");
    let version: Vec<_> = kernel.trim().splitn(3, '.').take(2).collect();
    let kernel = match version.is_empty() {
        true => std::env::consts::OS.to_owned(),
        false => format!("Linux {}", version.join(".")),
    };
    format!("{processor}, {} cores{memory}, {kernel}", cores())
}

/// The text in `name : text`.
fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_name() {
        let text = "processor\t: 0\nmodel name\t: A: B\nmodel name\t: C\n";
        assert_eq!(field(text, "model name").as_deref(), Some("A: B"));
        assert_eq!(field(text, "MemTotal"), None);
    }
}
