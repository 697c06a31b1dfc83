//! The arguments of every command that builds a request.

use std::path::PathBuf;

use clap::Args;
use estreamer_core::fqe::RequestForm;
use estreamer_core::quirk::{Quirk, Quirks};
use estreamer_core::wire::InitialTimestamp;

use estreamer::config::OwnedTransform;
use estreamer::config::event_request::EventFields;
use estreamer::config::from;
use estreamer::config::read::event::{self, EventName};
use estreamer::config::read::raw::{At, RequestSource};

/// The request and its form.
#[derive(Args)]
#[command(next_help_heading = "Request")]
pub(super) struct RequestArgs {
    /// Request this event type: connection, intrusion, packet or file. Repeatable; all
    /// four if none is given.
    #[arg(long = "event", value_name = "TYPE")]
    events: Vec<EventName>,
    /// Request an event type with these fields and field sets. Repeatable.
    #[arg(long, value_name = "EVENT=A,B", value_parser = event::fields)]
    fields: Vec<EventFields>,
    /// The transform of the events: JSON, CSV (of single fields, with --fields), or the
    /// name of another transform, whose data is never altered.
    #[arg(long, value_name = "JSON|CSV|NAME", default_value_t = OwnedTransform::Json)]
    transform: OwnedTransform,
    /// A file with a ready-made request in JSON, which is sent unchanged.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["events", "fields", "transform"])]
    request: Option<PathBuf>,
    /// The form of the request, which decides what its length counts: payload, both,
    /// inclusive, payload-nul, both-nul or inclusive-nul. Without it, collect tries the
    /// forms in turn until the server answers.
    #[arg(long, value_name = "FORM", value_parser = event::request_form)]
    request_form: Option<RequestForm>,
    /// Deviate from the guide in this way: request-inclusive, request-both, request-nul,
    /// error-nul or acknowledge-keep-alives. Repeatable.
    #[arg(long = "quirk", value_name = "NAME", value_parser = event::quirk)]
    quirks: Vec<Quirk>,
    /// The time to start from: oldest, now, UNIX seconds, RFC 3339, or a time ago like
    /// -1h.
    #[arg(long, value_name = "TIME", default_value = "now", value_parser = from::parse, allow_hyphen_values = true)]
    pub(super) from: InitialTimestamp,
}

impl RequestArgs {
    /// Returns where the request comes from.
    pub(super) fn source(&self) -> At<RequestSource> {
        At::argument(match &self.request {
            Some(path) => RequestSource::File(path.clone()),
            None => RequestSource::Events(
                event::all_fields(&self.events, &self.fields),
                self.transform.clone(),
            ),
        })
    }

    /// Returns the form of the request if it is given.
    pub(super) fn request_form(&self) -> Option<At<RequestForm>> {
        self.request_form.map(At::argument)
    }

    /// Returns the deviations from the guide.
    pub(super) fn quirks(&self) -> Quirks {
        let quirks = self.quirks.iter();
        quirks.fold(Quirks::NONE, |set, &quirk| set.with(quirk))
    }
}
