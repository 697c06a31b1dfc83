//! `estreamer request`: what would be sent.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use estreamer_core::fqe::RequestForm;
use estreamer_core::quirk::{Quirk, Quirks};
use estreamer_core::wire::{EventStreamRequest, InitialTimestamp, RequestFlags};

use super::ask_args::AskArgs;
use super::identity::print;
use super::{Failure, remedy};
use estreamer::config::address::in_turn;
use estreamer::config::ask::Ask;
use estreamer::config::read::event::one_of;
use estreamer::config::read::{file, mistake};

/// Print the request that would be sent: its flags by name, its JSON block, and
/// the whole message in hexadecimal.
#[derive(Args)]
#[command(
    after_help = "Example:\n  estreamer request --fields connection=InitiatorIP,URL --transform CSV"
)]
pub(super) struct Request {
    /// The configuration whose sources ask; their identities are not read.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only the source of this name.
    #[arg(long, value_name = "NAME", requires = "config")]
    source: Option<String>,
    #[command(flatten)]
    ask: AskArgs,
}

impl Request {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Some(path) = &self.config else {
            let ask = self.ask.draft().load(Path::new(""));
            let ask = ask.map_err(|error| mistake::worded(None, vec![error], remedy::wording()))?;
            let form = self.ask.request_form().map(|form| form.value);
            return print(&show(&ask, self.ask.from, shown(form, self.ask.quirks())));
        };
        let base = path.parent().unwrap_or(Path::new(""));
        let draft = file::draft(path)?;
        let wanted = |name: &str| self.source.as_deref().is_none_or(|wanted| wanted == name);
        let mut text = String::new();
        for source in &draft.sources {
            let name = &source.name.value;
            if wanted(name) {
                let ask = source.ask.load(base);
                let ask = ask.map_err(|error| mistake::failure(Some(path), vec![error]))?;
                // Writing to a String cannot fail.
                let _ = writeln!(text, "source {name} at {}", in_turn(&source.servers.value));
                let form = source.request_form.as_ref().map(|form| form.value);
                text += &show(&ask, source.from, shown(form, source.quirks));
            }
        }
        if let (true, Some(name)) = (text.is_empty(), &self.source) {
            let known = draft
                .sources
                .iter()
                .map(|source| source.name.value.as_str());
            return Err(Failure::usage(
                format!("{} has no source {name:?}", path.display()),
                format!("Use {}", one_of(name, known)),
            ));
        }
        print(&text)
    }
}

/// The quirks of a request in the form that was asked for, if one was.
fn shown(form: Option<RequestForm>, quirks: Quirks) -> Quirks {
    form.map_or(quirks, |form| form.apply(quirks))
}

/// The message in words, its JSON block as it is, and its bytes.
fn show(ask: &Ask, from: InitialTimestamp, quirks: Quirks) -> String {
    let request = EventStreamRequest {
        from,
        flags: RequestFlags::EXTENDED_HEADER,
        block: &ask.json,
    };
    let mut text = format!("{request}\n{ask}\n");
    for quirk in Quirk::CLIENT.iter().filter(|&&quirk| quirks.has(quirk)) {
        text += &format!("{quirk}: {}\n", quirk.description());
    }
    text += &format!(
        "\n{}\n\n",
        String::from_utf8_lossy(request.json()).trim_end()
    );
    for (line, bytes) in ask.message(from, quirks).chunks(16).enumerate() {
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
