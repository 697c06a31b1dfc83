//! `estreamer request`: prints a request.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use estreamer_core::fqe::RequestForm;
use estreamer_core::quirk::{Quirk, Quirks};
use estreamer_core::wire::{EventStreamRequest, InitialTimestamp, RequestFlags};

use super::identity::print;
use super::request_args::RequestArgs;
use super::{Failure, remedy};
use estreamer::config::address::in_turn;
use estreamer::config::event_request::EventRequest;
use estreamer::config::read::event::one_of;
use estreamer::config::read::{diagnostic, file};

/// Print the request that would be sent: its flags by name, its JSON block, and
/// the whole message in hexadecimal.
#[derive(Args)]
#[command(
    after_help = "Example:\n  estreamer request --fields connection=InitiatorIP,URL --transform CSV"
)]
pub(super) struct RequestCommand {
    /// The configuration with the sources; their identities are not read.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only the source of this name.
    #[arg(long, value_name = "NAME", requires = "config")]
    source: Option<String>,
    #[command(flatten)]
    request: RequestArgs,
}

impl RequestCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Some(path) = &self.config else {
            let args = &self.request;
            let request = args.source().load(Path::new(""));
            let request = request
                .map_err(|error| diagnostic::worded(None, vec![error], remedy::wording()))?;
            let form = args.request_form().map(|form| form.value);
            return print(&show(&request, args.from, applied(form, args.quirks())));
        };
        let base = path.parent().unwrap_or(Path::new(""));
        let raw = file::read(path)?;
        let wanted = |name: &str| self.source.as_deref().is_none_or(|wanted| wanted == name);
        let mut text = String::new();
        for source in &raw.sources {
            let name = &source.name.value;
            if wanted(name) {
                let request = source.request.load(base);
                let request =
                    request.map_err(|error| diagnostic::failure(Some(path), vec![error]))?;
                // Writing to a String cannot fail.
                let _ = writeln!(text, "source {name} at {}", in_turn(&source.servers.value));
                let form = source.request_form.as_ref().map(|form| form.value);
                text += &show(&request, source.from, applied(form, source.quirks));
            }
        }
        if let (true, Some(name)) = (text.is_empty(), &self.source) {
            let known = raw.sources.iter().map(|source| source.name.value.as_str());
            return Err(Failure::usage(
                format!("{} has no source {name:?}", path.display()),
                format!("Use {}", one_of(name, known)),
            ));
        }
        print(&text)
    }
}

/// Adds the quirks of the request form, if one is given.
fn applied(form: Option<RequestForm>, quirks: Quirks) -> Quirks {
    form.map_or(quirks, |form| form.apply(quirks))
}

/// Formats the flags by name, the JSON block unchanged, and the message in hexadecimal.
fn show(request: &EventRequest, from: InitialTimestamp, quirks: Quirks) -> String {
    let message = EventStreamRequest {
        from,
        flags: RequestFlags::EXTENDED_HEADER,
        block: &request.json,
    };
    let mut text = format!("{message}\n{request}\n");
    for quirk in Quirk::CLIENT.iter().filter(|&&quirk| quirks.has(quirk)) {
        text += &format!("{quirk}: {}\n", quirk.description());
    }
    text += &format!(
        "\n{}\n\n",
        String::from_utf8_lossy(message.json()).trim_end()
    );
    for (line, bytes) in request.message(from, quirks).chunks(16).enumerate() {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x} ")).collect();
        let shown = bytes.iter().map(|&byte| match byte {
            b' '..=b'~' => char::from(byte),
            _ => '.',
        });
        let shown: String = shown.collect();
        text += &format!("{:08x}  {hex:<48} {shown}\n", line * 16);
    }
    text
}
