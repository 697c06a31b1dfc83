//! Names every step as it starts and says how long each took.

use std::time::{Duration, Instant};

use crate::Result;

/// The steps of one run, in order.
pub(crate) struct Steps {
    done: Vec<Step>,
}

struct Step {
    name: String,
    took: Duration,
    /// The processor time of the programs that ended during it, on Linux.
    processors: Option<Duration>,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Steps { done: Vec::new() }
    }

    /// Runs one step; what it says went wrong is prefixed with its name.
    pub(crate) fn run<T>(&mut self, name: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("== {name}");
        let (start, before) = (Instant::now(), processor_time());
        let outcome = step();
        let took = start.elapsed();
        println!("== {name}: {:.1} s", took.as_secs_f64());
        let processors = processor_time().zip(before);
        self.done.push(Step {
            name: name.to_owned(),
            took,
            processors: processors.map(|(after, before)| after.saturating_sub(before)),
        });
        outcome.map_err(|message| format!("{name}: {message}"))
    }

    /// Prints all times together, for those who read only the end.
    pub(crate) fn print(&self) {
        println!("\n     took  processors");
        for step in &self.done {
            println!("{}", row(step.took, step.processors, &step.name));
        }
        let took = self.done.iter().map(|step| step.took).sum();
        let processors = self.done.iter().map(|step| step.processors).sum();
        println!("{}", row(took, processors, "in all"));
    }
}

fn row(took: Duration, processors: Option<Duration>, name: &str) -> String {
    let processors = processors.map_or(String::new(), |it| format!("{:.1} s", it.as_secs_f64()));
    format!("{:>7.1} s  {processors:>10}  {name}", took.as_secs_f64())
}

/// The processor time of all programs that this one has started and that have ended.
fn processor_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    ended_children(&stat)
}

/// Reads `cutime` and `cstime`, in ticks of 10 ms, from the fields that follow the name of the
/// program.
fn ended_children(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(13);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (ticks()? + ticks()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_time_of_children_is_read() {
        let stat = "12 (a) b) S 1 2 3 4 -1 5 6 7 8 9 10 11 150 30 20 0 1 0 99";
        assert_eq!(ended_children(stat), Some(Duration::from_millis(1800)));
    }
}
