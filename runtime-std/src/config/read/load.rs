//! From a [`RawConfig`] to a [`Config`]: reads the files that it names, and checks
//! that each output can hold what the sources request.

use std::path::{Path, PathBuf};
use std::time::Duration;

use estreamer_core::decode::Limits;
use estreamer_core::fqe::{RequestError, RequestForm};

use super::diagnostic::Diagnostic;
use super::output_compat;
use super::output_paths::{self, Around};
use super::raw::{At, RawConfig, RawOutput, RequestSource};
use crate::config::event_request::EventRequest;
use crate::config::number::mebibytes;
use crate::config::{Config, OutputConfig, SourceConfig};
use crate::failure::Remedy;
use crate::format::OwnedTransform;
use crate::input;
use crate::output::destination::Destination;
use crate::output::pattern::segment;

impl RawConfig {
    /// Reads the files that the configuration names. Relative paths start at `base`.
    /// Without a state directory, that of the service is used (`STATE_DIRECTORY`). No
    /// output may write to the files in `around`.
    ///
    /// # Errors
    /// Every problem, in no order.
    pub fn load(mut self, base: &Path, around: &Around<'_>) -> Result<Config, Vec<Diagnostic>> {
        if self.outputs.is_empty() {
            self.outputs = vec![RawOutput::to(At::argument(Destination::Stdout))];
        }
        self.state = self
            .state
            .map(|path| base.join(path))
            .or_else(service_state);
        let mut diagnostics = self.check();
        let requests: Vec<Option<EventRequest>> = self
            .sources
            .iter()
            .map(|source| {
                source
                    .request
                    .load(base)
                    .map_err(|error| diagnostics.push(error))
                    .ok()
            })
            .collect();
        output_compat::check(&self, &requests, &mut diagnostics);
        output_paths::check(&self, base, around, &mut diagnostics);
        let mut sources = Vec::with_capacity(self.sources.len());
        for (source, request) in self.sources.into_iter().zip(requests) {
            let line = source.identity.line;
            match source.identity.value.load(base) {
                Err(failure) => diagnostics.push(Diagnostic { line, failure }),
                Ok(identity) => sources.extend(request.map(|request| {
                    SourceConfig {
                        name: source.name.value,
                        servers: source.servers.value,
                        bind: source.bind,
                        identity,
                        rules: source.rules,
                        from: source.from,
                        request,
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
        let mut outputs = Vec::with_capacity(self.outputs.len());
        for output in self.outputs {
            let errors = errors(self.state.as_deref(), &output, &mut diagnostics);
            let receiver = match output.receiver.load(base, errors) {
                Ok(receiver) => receiver,
                Err(diagnostic) => {
                    diagnostics.push(diagnostic);
                    continue;
                }
            };
            outputs.push(OutputConfig {
                name: output.name.value,
                destination: output.url.value.under(&base.to_string_lossy()),
                format: output.format,
                required: output.required,
                mode: output.mode,
                queue: mebibytes(output.queue),
                receiver,
                sources: output
                    .sources
                    .map(|names| names.into_iter().map(|name| name.value).collect()),
                events: output.events,
            });
        }
        let config = Config {
            state: self.state,
            ahead: self.ahead,
            overlap: Duration::from_secs(self.overlap.into()),
            memory: mebibytes(self.memory),
            shutdown: Duration::from_secs(self.shutdown.into()),
            retry: self.retry,
            sources,
            outputs,
        };
        match diagnostics.is_empty() {
            true => Ok(config),
            false => Err(diagnostics),
        }
    }
}

impl At<RequestSource> {
    /// Builds the request. Relative paths start at `base`.
    ///
    /// # Errors
    /// The first problem that a server would refuse, with its line.
    pub fn load(&self, base: &Path) -> Result<EventRequest, Diagnostic> {
        match &self.value {
            RequestSource::Events(events, transform) => {
                EventRequest::events(events, transform.clone()).map_err(|error| {
                    let remedy = remedy(&error, transform);
                    Diagnostic::new(self.line, error, remedy)
                })
            }
            RequestSource::File(file) => {
                let path = base.join(file);
                let refused = |what: String| {
                    let what = format!("{}: {what}", path.display());
                    Diagnostic::new(
                        self.line,
                        what,
                        "Correct the file, or use events and transform instead",
                    )
                };
                match input::read(&path, Limits::DEFAULT.request as usize) {
                    Err(error) => Err(Diagnostic::new(
                        self.line,
                        format!("cannot read {}: {error}", path.display()),
                        "Check the path and its permissions",
                    )),
                    Ok(json) => EventRequest::block(json.to_vec()).map_err(|error| {
                        refused(format!("a server would refuse this request: {error}"))
                    }),
                }
            }
        }
    }
}

/// Returns what to change in the settings after a request was refused.
fn remedy(error: &RequestError, transform: &OwnedTransform) -> Remedy {
    match (error, transform) {
        (RequestError::FieldSetInCsv(_), _) => Remedy::NameFields,
        (RequestError::NoFormat, OwnedTransform::Other(_)) => {
            "Use a transform name without quotes, backslashes and control characters".into()
        }
        _ => Remedy::None,
    }
}

/// Returns the file for events that a receiver refuses, unless it is configured: one in
/// the state directory.
fn errors(
    state: Option<&Path>,
    output: &RawOutput,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<PathBuf> {
    if output.receiver.http.errors.is_some() || !output.url.value.keys().contains(&"errors") {
        return None;
    }
    if state.is_none() {
        let what = format!(
            "the output {} has no place for events that the receiver refuses",
            output.name.value
        );
        let remedy = "Set state, or errors = \"FILE\" in the output";
        diagnostics.push(Diagnostic::new(output.url.line, what, remedy));
    }
    let name = format!("refused-{}.ndjson", segment(&output.name.value));
    Some(state?.join(name))
}

/// Returns the state directory that systemd created (`StateDirectory=` in the unit).
fn service_state() -> Option<PathBuf> {
    let path = std::env::var_os("STATE_DIRECTORY").filter(|path| !path.is_empty())?;
    Some(path.into())
}
