//! Tries every form of the request, and records which of them the server answers.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use estreamer_core::fqe::RequestForm;
use estreamer_mio::client::ClientConnection;
use estreamer_mio::event_loop::EventLoop;

use super::attempt::probe;
use super::class::Class;
use super::options::DoctorOptions;
use super::probe::{Goal, Observations};

/// The result of each form that was tried, in order.
pub(super) struct Tried(Vec<(RequestForm, Observations)>);

impl Tried {
    /// Tries the other forms after the first, if the first connection sent its request.
    pub(super) fn of(
        event_loop: &mut EventLoop<ClientConnection>,
        options: &DoctorOptions<'_>,
        address: SocketAddr,
        first: Observations,
    ) -> io::Result<Self> {
        let own = options.form.unwrap_or_default();
        // A configured form that the server answers is the one that is used.
        let is_settled = options.form.is_some() && first.answered.is_some();
        let mut tried = Self(vec![(own, first)]);
        for form in RequestForm::ALL.into_iter().filter(|form| *form != own) {
            if is_settled || !tried.0.iter().all(|(_, seen)| is_about_the_request(seen)) {
                break;
            }
            let goal = match tried.quickest() {
                None => Goal::Events { wait: options.wait },
                Some(after) => Goal::Answer {
                    wait: patience(after).min(options.wait),
                },
            };
            let seen = probe(event_loop, options, address, form, options.from, goal)?;
            tried.0.push((form, seen));
        }
        Ok(tried)
    }

    /// Returns the connection that decides the diagnosis: one with events, else one with
    /// an answer, else the first.
    pub(super) fn best(&self) -> Option<&Observations> {
        let all = || self.0.iter().map(|(_, seen)| seen);
        let events = all().find(|seen| seen.events() > 0);
        let answered = || all().find(|seen| seen.answered.is_some());
        events.or_else(answered).or_else(|| all().next())
    }

    /// Returns the first form that was answered, otherwise the first that was tried.
    pub(super) fn answered_form(&self) -> RequestForm {
        let answered = self.0.iter().find(|(_, seen)| seen.answered.is_some());
        let form = answered.or(self.0.first()).map(|(form, _)| *form);
        form.unwrap_or_default()
    }

    /// Returns the forms that were answered, and those that were not.
    pub(super) fn split(&self) -> (Vec<RequestForm>, Vec<RequestForm>) {
        let form = |(form, _): &(RequestForm, Observations)| *form;
        let (yes, no): (Vec<_>, Vec<_>) =
            self.0.iter().partition(|(_, seen)| seen.answered.is_some());
        let forms =
            |tried: Vec<&(RequestForm, Observations)>| tried.into_iter().map(form).collect();
        (forms(yes), forms(no))
    }

    /// Returns the milliseconds to the fastest answer.
    fn quickest(&self) -> Option<u64> {
        self.0.iter().filter_map(|(_, seen)| seen.answered).min()
    }
}

/// Returns whether another form may have another result.
fn is_about_the_request(seen: &Observations) -> bool {
    let ends = [
        Class::Healthy,
        Class::ClosedSilently,
        Class::RequestRefused,
        Class::Silent,
    ];
    seen.tls.is_some() && ends.contains(&Class::of(seen))
}

/// Returns how long to wait for an answer if another form was answered after so many
/// milliseconds.
fn patience(after: u64) -> Duration {
    Duration::from_millis(1000 + 4 * after)
}
