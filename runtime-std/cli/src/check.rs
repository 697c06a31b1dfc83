//! `estreamer check`: validates a configuration.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use estreamer_core::wire::RecordLength;

use super::Failure;
use super::identity::print;
use estreamer::collect::usable::usable;
use estreamer::config::address::in_turn;
use estreamer::config::read::check::{Checked, Unopened, check, user};
use estreamer::config::read::diagnostic::{self, Hint};
use estreamer::config::read::event::in_words;
use estreamer::config::read::identity;
use estreamer::config::{Format, OutputConfig, RetryPolicy, SourceConfig};
use estreamer::shared::Count;
use estreamer::shared::certificate;
use tracing::warn;

/// Check a configuration without connecting, and show what it would do.
#[derive(Args)]
#[command(
    after_help = "Example:\n  estreamer check /etc/estreamer/estreamer.toml\n\nExit status: 0 valid \
                  · 2 invalid; each problem is printed with its line and remedy. Warnings do not \
                  change the status"
)]
pub(super) struct CheckCommand {
    /// The configuration. The files that it names are read, and the directories that it needs
    /// are looked at, with the permissions of the user who runs this.
    file: PathBuf,
    /// Require the systemd credentials that the file names. By default, an identity whose
    /// credential is not set is not opened, because only the service has it.
    #[arg(long)]
    require_credentials: bool,
}

impl CheckCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        let path = &self.file;
        let checked = check(path, self.require_credentials)?;
        for Hint { line, text } in &checked.hints {
            warn!("{}:{line}: {text}", path.display());
        }
        for warning in checked.warnings.clone() {
            let worded = diagnostic::failure(Some(path), vec![warning]);
            warn!("{worded}.");
        }
        for source in &checked.config.sources {
            identity::warn(&source.name, &source.identity);
        }
        if !checked.mistakes.is_empty() {
            return Err(diagnostic::failure(Some(path), checked.mistakes));
        }
        usable(&checked.config, checked.unopened.len())?;
        print(&show(&checked))
    }
}

/// Formats a block for each source and output, and one for the common settings.
fn show(checked: &Checked) -> String {
    let config = &checked.config;
    let blocks = config.sources.iter().map(source);
    let blocks = blocks.chain(checked.unopened.iter().map(unopened));
    let blocks: Vec<String> = blocks.chain(config.outputs.iter().map(output)).collect();
    let state = match &config.state {
        Some(path) => path.display().to_string(),
        None => "none: no bookmark, a restart does not resume".into(),
    };
    let retry = match config.retry {
        Some(RetryPolicy::Always) => "always",
        Some(_) => "after a first success",
        None => "always as a service, otherwise after a first success",
    };
    let shared = block(
        "all",
        &[
            ("state", state),
            ("ahead", Count(config.ahead.into(), "bundle").to_string()),
            (
                "prepaid",
                Count(config.prepaid.into(), "null message").to_string(),
            ),
            ("overlap", format!("{} s", config.overlap.as_secs())),
            ("memory", format!("{} MiB", config.memory >> 20)),
            ("shutdown", format!("{} s", config.shutdown.as_secs())),
            ("retry", retry.into()),
            ("checked by", user()),
        ],
    );
    format!("{}{shared}", blocks.concat())
}

fn source(source: &SourceConfig) -> String {
    let own = source.identity.certificate();
    let verified = match (source.rules.insecure, source.identity.authorities()) {
        (true, _) => "not at all".into(),
        (false, authorities) => {
            let names: Vec<&str> = authorities.iter().map(|ca| ca.subject.as_str()).collect();
            format!("by {}", names.join(" or "))
        }
    };
    let bind = source
        .bind
        .map_or("any address".into(), |address| address.to_string());
    let form = match source.request_form {
        None => "each form in turn, until the server answers".into(),
        Some(form) => form.to_string(),
    };
    let lengths = match source.record_length {
        RecordLength::Auto => "the content of each record decides what its length counts".into(),
        fixed => format!("a record length counts: {fixed}"),
    };
    block(
        &format!("source {}", source.name),
        &[
            ("server", in_turn(&source.servers)),
            ("bind", bind),
            ("identity", own.subject.clone()),
            ("valid", certificate::validity(own, certificate::now())),
            ("verified", verified),
            ("asks for", source.request.to_string()),
            ("from", source.from.to_string()),
            ("request", form),
            ("lengths", lengths),
        ],
    )
}

fn unopened(source: &Unopened) -> String {
    let identity = format!(
        "not opened: only the service has the credential {:?}",
        source.credential
    );
    block(
        &format!("source {}", source.name),
        &[
            ("server", in_turn(&source.servers)),
            ("identity", identity),
            ("asks for", source.request.to_string()),
            ("from", source.from.to_string()),
        ],
    )
}

fn output(output: &OutputConfig) -> String {
    let sources = match &output.sources {
        Some(names) => format!(" of {}", names.join(", ")),
        None => String::new(),
    };
    let events = match (output.format, &output.events) {
        (Format::Pcapng, _) => "only packets; it reads the intrusion events that they name".into(),
        (_, Some(kinds)) => format!("{} events", in_words(kinds)),
        (_, None) => "everything".into(),
    };
    let kind = match output.required {
        true => "required: the bookmark waits for it".into(),
        false => format!("best effort: drops when {} MiB behind", output.queue >> 20),
    };
    let mut lines = vec![
        ("to", output.destination.to_string()),
        ("format", output.format.to_string()),
        ("takes", events + &sources),
        ("delivery", kind),
    ];
    if let Some(condition) = &output.condition {
        lines.push(("where", condition.to_string()));
    }
    if let Some(fields) = &output.fields {
        lines.push(("fields", fields.to_string()));
    }
    if output.archive.rotate.is_some() {
        lines.push(("closed", output.archive.to_string()));
    }
    if let Some(errors) = &output.receiver.http.errors {
        let text = format!(
            "events that the receiver refuses go to {}",
            errors.display()
        );
        lines.push(("refused", text));
    }
    block(&format!("output {}", output.name), &lines)
}

fn block(title: &str, lines: &[(&str, String)]) -> String {
    let mut text = format!("{title}\n");
    for (label, value) in lines {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {label:<10} {value}");
    }
    text
}
