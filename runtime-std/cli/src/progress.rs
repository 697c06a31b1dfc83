//! The progress line on a terminal.

use std::collections::VecDeque;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use estreamer::collect::{Health, Heartbeat};
use estreamer::config::{Config, Destination};
use estreamer::shared::{Count, Words};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::log::{give_way_to, metadata};

/// The time between two redraws.
pub(crate) const REDRAW: Duration = Duration::from_millis(200);
/// The rate is that of this time.
const WINDOW: Duration = Duration::from_secs(5);

/// A line that shows how a collection proceeds. It is erased when this is dropped.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Starts the line if standard error is a terminal, and not the one that shows the
    /// events.
    pub(crate) fn on_terminal(config: &Config) -> Option<Self> {
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let mut outputs = config.outputs.iter();
        let shows_events = outputs.any(|output| output.destination == Destination::Stdout)
            && stdout.is_terminal()
            && is_same_terminal(stdout.as_fd(), stderr.as_fd());
        if !stderr.is_terminal() || shows_events {
            return None;
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5));
        if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
            bar.set_style(style);
        }
        give_way_to(Some(bar.clone()));
        Some(Self(bar))
    }

    /// Shows the state of the run, and passes it on.
    pub(crate) fn heartbeat(&self, mut next: Option<Heartbeat>) -> Heartbeat {
        let bar = self.0.clone();
        let mut rate = Rate::default();
        Box::new(move |health| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let now = now.map_or(0, |age| age.as_secs());
            bar.set_message(text(health, &mut rate, Instant::now(), now));
            if let Some(next) = &mut next {
                next(health);
            }
        })
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
        give_way_to(None);
    }
}

/// Returns whether two terminals are or may be the same: `/dev/tty` may be any.
fn is_same_terminal(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> bool {
    const TTY: u64 = 5 << 8;
    let devices = [one, other].map(|file| metadata(file).map(|of| of.rdev()));
    devices[0] == devices[1] || devices.contains(&Some(TTY))
}

/// The events of the last seconds.
#[derive(Default)]
struct Rate(VecDeque<(Instant, u64)>);

impl Rate {
    /// Returns the events per second.
    fn of(&mut self, accepted: u64, now: Instant) -> f64 {
        self.0.push_back((now, accepted));
        while self.0.len() > 2
            && let Some((at, _)) = self.0.get(1)
            && now.saturating_duration_since(*at) >= WINDOW
        {
            self.0.pop_front();
        }
        let Some((at, before)) = self.0.front() else {
            return 0.0;
        };
        let seconds = now.saturating_duration_since(*at).as_secs_f64();
        match seconds > 0.0 {
            true => accepted.saturating_sub(*before) as f64 / seconds,
            false => 0.0,
        }
    }
}

/// The line; `now` in UNIX seconds.
fn text(health: Health, rate: &mut Rate, at: Instant, now: u64) -> String {
    let Health::Collecting {
        sources,
        connected,
        received,
        accepted,
        newest,
        ..
    } = health
    else {
        return "waiting for space on the disk".into();
    };
    let lag = match newest {
        None => String::new(),
        Some(newest) => {
            let lag = Duration::from_secs(now.saturating_sub(newest.into()));
            format!(", {} behind", Words(lag))
        }
    };
    format!(
        "{} accepted, {received} received, {} in flight, {:.0}/s{lag}, {connected} of {sources} \
         connected",
        Count(accepted, "event"),
        received.saturating_sub(accepted),
        rate.of(accepted, at)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let (mut rate, start) = (Rate::default(), Instant::now());
        let second = Duration::from_secs(1);
        assert_eq!(rate.of(1000, start), 0.0, "before it started");
        assert_eq!(rate.of(1100, start + second), 100.0);
        for seconds in 2..30 {
            rate.of(1100, start + second * seconds);
        }
        assert_eq!(rate.of(1100, start + second * 30), 0.0, "an outage");
        assert_eq!(rate.of(1200, start + second * 31), 20.0);
        assert!(rate.0.len() < 10);
    }
}
