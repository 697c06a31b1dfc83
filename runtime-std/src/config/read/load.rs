//! From a [`RawConfig`] to a [`Config`]: reads the files that it names, and checks
//! that each output can hold what the sources request.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use estreamer_core::decode::Limits;
use estreamer_core::fqe::{RequestError, RequestForm};
use estreamer_mio::tls::Identity;

use super::diagnostic::Diagnostic;
use super::identities::{self, Opened};
use super::output_compat;
use super::output_paths::{self, Around};
use super::raw::{At, RawConfig, RawOutput, RawSource, RequestSource};
use crate::config::event_request::EventRequest;
use crate::config::number::mebibytes;
use crate::config::receiver::ReceiverOptions;
use crate::config::{Config, OutputConfig, SourceConfig};
use crate::failure::Remedy;
use crate::format::OwnedTransform;
use crate::input;
use crate::output::destination::Destination;

/// What a configuration is expected to have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    /// Whether the text was read completely. If not, nothing is concluded from what is
    /// missing.
    pub(super) is_complete: bool,
    /// Whether the credentials of a service have to be there.
    pub(super) credentials: bool,
}

impl Expected {
    const ALL: Self = Self {
        is_complete: true,
        credentials: true,
    };
}

/// What was read from the files that a configuration names, but for identities.
pub(super) struct Examined {
    /// The request of each source; `None` if it was reported.
    requests: Vec<Option<EventRequest>>,
    /// The settings of the receiver of each output.
    receivers: Vec<ReceiverOptions>,
}

impl RawConfig {
    /// Reads the files that the configuration names. Relative paths start at `base`.
    /// Without a state directory, that of the service is used (`STATE_DIRECTORY`). No
    /// output may write to the files in `around`.
    ///
    /// # Errors
    /// Every problem, in no order.
    pub fn load(mut self, base: &Path, around: &Around<'_>) -> Result<Config, Vec<Diagnostic>> {
        let mut diagnostics = Vec::new();
        let examined = self.examine(base, around, Expected::ALL, &mut diagnostics);
        let mut opened = self.identities(base).into_iter();
        let config = self.finish(base, examined, |source, _| {
            opened
                .next()?
                .map_err(|(key, failure)| {
                    let line = source.lines.of(key, source.identity.line);
                    diagnostics.push(Diagnostic { line, failure });
                })
                .ok()
        });
        match diagnostics.is_empty() {
            true => Ok(config),
            false => Err(diagnostics),
        }
    }

    /// Adds what is not written, reads the requests and the settings of receivers, and
    /// reports every contradiction.
    pub(super) fn examine(
        &mut self,
        base: &Path,
        around: &Around<'_>,
        Expected {
            is_complete,
            credentials,
        }: Expected,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Examined {
        if self.outputs.is_empty() && is_complete {
            self.outputs = vec![RawOutput::to(At::argument(Destination::Stdout))];
        }
        self.state = self
            .state
            .take()
            .map(|path| base.join(path))
            .or_else(service_state);
        diagnostics.extend(self.check(is_complete));
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
        output_compat::check(self, &requests, is_complete, diagnostics);
        output_paths::check(self, base, around, diagnostics);
        let errors = self.outputs.iter();
        let errors: Vec<Option<PathBuf>> = errors
            .map(|output| output_paths::errors_path(self, output, base))
            .collect();
        let mut receivers = Vec::with_capacity(self.outputs.len());
        for (output, errors) in self.outputs.iter().zip(errors) {
            if errors.is_none() && is_complete && output.url.value.keys().contains(&"errors") {
                report_no_errors_file(output, diagnostics);
            }
            let receiver = output.receiver.clone();
            receivers.push(receiver.load(base, errors, credentials, diagnostics));
        }
        Examined {
            requests,
            receivers,
        }
    }

    /// Opens the identity of each source, in their order.
    pub(super) fn identities(&self, base: &Path) -> Vec<Opened> {
        let sources = self.sources.iter();
        let files: Vec<_> = sources.map(|source| &source.identity.value).collect();
        identities::open(&files, base)
    }

    /// Makes a configuration of the sources whose request was read and whose identity
    /// `open` returns.
    pub(super) fn finish(
        self,
        base: &Path,
        Examined {
            requests,
            receivers,
        }: Examined,
        mut open: impl FnMut(&RawSource, Option<&EventRequest>) -> Option<Arc<Identity>>,
    ) -> Config {
        let mut sources = Vec::with_capacity(self.sources.len());
        for (source, request) in self.sources.into_iter().zip(requests) {
            let (Some(identity), Some(request)) = (open(&source, request.as_ref()), request) else {
                continue;
            };
            sources.push(SourceConfig {
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
            });
        }
        let outputs = self.outputs.into_iter().zip(receivers);
        let outputs = outputs.map(|(output, receiver)| OutputConfig {
            name: output.name.value,
            destination: output.url.value.under(&base.to_string_lossy()),
            format: output.format,
            required: output.required,
            mode: output.mode,
            group: output.group,
            archive: output.archive,
            queue: mebibytes(output.queue),
            receiver,
            sources: output
                .sources
                .map(|names| names.into_iter().map(|name| name.value).collect()),
            events: output.events,
            condition: output.condition.map(|condition| condition.value),
            fields: output.fields.map(|fields| fields.value),
        });
        Config {
            state: self.state,
            ahead: self.ahead,
            prepaid: self.prepaid,
            overlap: Duration::from_secs(self.overlap.into()),
            memory: mebibytes(self.memory),
            shutdown: Duration::from_secs(self.shutdown.into()),
            listen: self.listen,
            retry: self.retry,
            sources,
            outputs: outputs.collect(),
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

/// Reports an output without a place for events that its receiver refuses.
fn report_no_errors_file(output: &RawOutput, diagnostics: &mut Vec<Diagnostic>) {
    let what = format!(
        "the output {} has no place for events that the receiver refuses",
        output.name.value
    );
    let remedy = "Set state, or errors = \"FILE\" in the output";
    diagnostics.push(Diagnostic::new(output.url.line, what, remedy));
}

/// Returns the first state directory that systemd created (`StateDirectory=` in the unit
/// may name several, which are separated by colons).
fn service_state() -> Option<PathBuf> {
    let paths = std::env::var_os("STATE_DIRECTORY")?;
    let first = paths.as_bytes().split(|&byte| byte == b':').next()?;
    (!first.is_empty()).then(|| OsStr::from_bytes(first).into())
}
