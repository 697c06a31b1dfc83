//! What is asked for: the arguments of every command that asks.

use std::path::PathBuf;

use clap::Args;
use estreamer_core::fqe::RequestForm;
use estreamer_core::quirk::{Quirk, Quirks};
use estreamer_core::wire::InitialTimestamp;

use estreamer::config::ask::Fields;
use estreamer::config::from;
use estreamer::config::read::draft::{AskDraft, Asked, At};
use estreamer::config::read::event::{self, EventName};
use estreamer::format::Data;

/// What is asked for, and how.
#[derive(Args)]
#[command(next_help_heading = "What is asked for")]
pub(super) struct AskArgs {
    /// An event type to ask for, repeatable: connection, intrusion, packet or
    /// file; all four if none is given.
    #[arg(long = "event", value_name = "TYPE")]
    events: Vec<EventName>,
    /// An event type with the fields and field sets to ask for, repeatable.
    #[arg(long, value_name = "EVENT=A,B", value_parser = event::fields)]
    fields: Vec<Fields>,
    /// The form the events come in: JSON, CSV (of single fields, by --fields),
    /// or the name of another transform, whose data is never altered.
    #[arg(long, value_name = "NAME", default_value_t = Data::Json)]
    transform: Data,
    /// A ready-made request in JSON, sent as it is.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["events", "fields", "transform"])]
    request: Option<PathBuf>,
    /// The form of the request, which says what its length counts: payload, both,
    /// inclusive, payload-nul, both-nul or inclusive-nul. Not given, collect tries
    /// one after the other until one is answered.
    #[arg(long, value_name = "FORM", value_parser = event::request_form)]
    request_form: Option<RequestForm>,
    /// Deviate by this name, repeatable: request-inclusive, request-both,
    /// request-nul, error-nul or acknowledge-keep-alives.
    #[arg(long = "quirk", value_name = "NAME", value_parser = event::quirk)]
    quirks: Vec<Quirk>,
    /// Where in the server's archive to start: oldest, now, UNIX seconds, RFC
    /// 3339, or a time ago like -1h.
    #[arg(long, value_name = "TIME", default_value = "now", value_parser = from::parse, allow_hyphen_values = true)]
    pub(super) from: InitialTimestamp,
}

impl AskArgs {
    /// What is asked for.
    pub(super) fn draft(&self) -> AskDraft {
        At::argument(match &self.request {
            Some(path) => Asked::Request(path.clone()),
            None => Asked::Events(
                event::all_fields(&self.events, &self.fields),
                self.transform.clone(),
            ),
        })
    }

    /// The form of the request, if it is given.
    pub(super) fn request_form(&self) -> Option<At<RequestForm>> {
        self.request_form.map(At::argument)
    }

    /// The deviations to show.
    pub(super) fn quirks(&self) -> Quirks {
        let quirks = self.quirks.iter();
        quirks.fold(Quirks::NONE, |set, &quirk| set.with(quirk))
    }
}
