//! Names every step as it starts and says how long each took.

use std::time::{Duration, Instant};

use crate::Result;

/// The steps of one run, in order.
pub(crate) struct Steps {
    done: Vec<(String, Duration)>,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Steps { done: Vec::new() }
    }

    /// Runs one step; what it says went wrong is prefixed with its name.
    pub(crate) fn run<T>(&mut self, name: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("== {name}");
        let start = Instant::now();
        let outcome = step();
        let took = start.elapsed();
        println!("== {name}: {:.1} s", took.as_secs_f64());
        self.done.push((name.to_owned(), took));
        outcome.map_err(|message| format!("{name}: {message}"))
    }

    /// Prints all times together, for those who read only the end.
    pub(crate) fn print(&self) {
        let total: Duration = self.done.iter().map(|(_, took)| *took).sum();
        println!();
        for (name, took) in &self.done {
            println!("{:>8.1} s  {name}", took.as_secs_f64());
        }
        println!("{:>8.1} s  in all", total.as_secs_f64());
    }
}
