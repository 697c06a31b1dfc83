//! From a draft to a configuration: the files it names are read, and what its
//! sources ask is compared with what its outputs can hold.

use std::path::{Path, PathBuf};
use std::time::Duration;

use estreamer_core::decode::Limits;
use estreamer_core::fqe::{RequestError, RequestForm};

use super::collision::{self, Around};
use super::draft::{Asked, At, Draft, OutputDraft};
use super::mistake::Mistake;
use super::mixture;
use crate::config::ask::Ask;
use crate::config::number::mebibytes;
use crate::config::{Config, Output, Source};
use crate::failure::Remedy;
use crate::format::Data;
use crate::input;
use crate::output::destination::Destination;

impl Draft {
    /// Reads the files named; relative paths are taken from `base`. Without a
    /// state directory, that of the service is taken (`STATE_DIRECTORY`). The
    /// files `around` it are not to be written to either.
    ///
    /// # Errors
    /// Every mistake, in no order.
    pub fn load(mut self, base: &Path, around: &Around<'_>) -> Result<Config, Vec<Mistake>> {
        if self.outputs.is_empty() {
            self.outputs = vec![OutputDraft::to(At::argument(Destination::Stdout))];
        }
        self.state = self.state.map(|path| base.join(path)).or_else(of_service);
        let mut mistakes = self.check();
        let asks: Vec<Option<Ask>> = self
            .sources
            .iter()
            .map(|source| {
                source
                    .ask
                    .load(base)
                    .map_err(|error| mistakes.push(error))
                    .ok()
            })
            .collect();
        mixture::check(&self, &asks, &mut mistakes);
        collision::check(&self, base, around, &mut mistakes);
        let mut sources = Vec::with_capacity(self.sources.len());
        for (source, ask) in self.sources.into_iter().zip(asks) {
            let line = source.identity.line;
            match source.identity.value.load(base) {
                Err(failure) => mistakes.push(Mistake { line, failure }),
                Ok(identity) => sources.extend(ask.map(|ask| {
                    Source {
                        name: source.name.value,
                        servers: source.servers.value,
                        bind: source.bind,
                        identity,
                        rules: source.rules,
                        from: source.from,
                        ask,
                        request_form: source
                            .request_form
                            .map(|form| form.value)
                            .or(RequestForm::of(source.quirks)),
                        request_timeout: Duration::from_secs(source.request_timeout.into()),
                        record_length: source.record_length,
                        quirks: source.quirks,
                    }
                })),
            }
        }
        let base = base.to_string_lossy();
        let outputs = self.outputs.into_iter().map(|output| Output {
            name: output.name.value,
            destination: output.url.value.under(&base),
            format: output.format,
            required: output.required,
            mode: output.mode,
            queue: mebibytes(output.queue),
            sources: output
                .sources
                .map(|names| names.into_iter().map(|name| name.value).collect()),
            events: output.events,
        });
        let config = Config {
            state: self.state,
            ahead: self.ahead,
            overlap: self.overlap,
            memory: mebibytes(self.memory),
            shutdown: Duration::from_secs(self.shutdown.into()),
            sources,
            outputs: outputs.collect(),
        };
        match mistakes.is_empty() {
            true => Ok(config),
            false => Err(mistakes),
        }
    }
}

impl At<Asked> {
    /// The request; a file with it is read.
    ///
    /// # Errors
    /// What a server would refuse, with the line it stands on.
    pub fn load(&self, base: &Path) -> Result<Ask, Mistake> {
        match &self.value {
            Asked::Events(events, data) => Ask::events(events, data.clone()).map_err(|error| {
                let remedy = remedy(&error, data);
                Mistake::new(self.line, error, remedy)
            }),
            Asked::Request(file) => {
                let path = base.join(file);
                let refused = |what: String| {
                    let what = format!("{}: {what}", path.display());
                    Mistake::new(
                        self.line,
                        what,
                        "Correct the file, or ask by events and data",
                    )
                };
                match input::read(&path, Limits::DEFAULT.request as usize) {
                    Err(error) => Err(Mistake::new(
                        self.line,
                        format!("cannot read {}: {error}", path.display()),
                        "Check the path and its permissions",
                    )),
                    Ok(json) => Ask::block(json.to_vec()).map_err(|error| {
                        refused(format!("a server would refuse this request: {error}"))
                    }),
                }
            }
        }
    }
}

/// What to do about a request that is refused, in the words of the settings.
fn remedy(error: &RequestError, data: &Data) -> Remedy {
    match (error, data) {
        (RequestError::FieldSetInCsv(_), _) => Remedy::NameFields,
        (RequestError::NoFormat, Data::Other(_)) => {
            "Name the transform without quotes, backslashes and control characters".into()
        }
        _ => Remedy::None,
    }
}

/// The directory systemd made for the service (`StateDirectory=` in the unit).
fn of_service() -> Option<PathBuf> {
    let path = std::env::var_os("STATE_DIRECTORY").filter(|path| !path.is_empty())?;
    Some(path.into())
}
