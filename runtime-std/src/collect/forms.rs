//! Which form each source's request takes: one is tried after the other until the
//! server answers, and that one is remembered.
//!
//! An answer is an event, a null message or a bundle. What leads to the next form:
//!
//! - The server closes without a byte, or its first message is an error. A form
//!   that was answered since the process started is not changed for that.
//! - Silence for the time a source allows. A form that was ever answered is not
//!   changed for that, since a server without events may be silent for long.
//!
//! When all forms were tried, there is one of two ends. Where `both` met silence,
//! the source stays with it for as long as the connection lasts: it is whole under
//! either reading, so the server probably has no events. Otherwise the source
//! waits as after any refusal, and begins anew.

use std::collections::BTreeMap;

use estreamer_core::fqe::RequestForm;
use estreamer_core::session::End;
use estreamer_mio::client::ClientEnd;

use crate::config::SourceConfig;
use crate::form_hints::FormHints;

/// What is known of all sources.
#[derive(Default)]
pub(super) struct Forms {
    hints: FormHints,
    /// By source and server.
    trials: BTreeMap<(String, String), Trial>,
}

/// What follows a connection that was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Connect again at once, with this form.
    Try(RequestForm),
    /// The usual wait after a refusal. All forms were tried, or one was answered
    /// before.
    Wait {
        /// Whether all were tried.
        tried_all: bool,
    },
}

impl Forms {
    /// Takes the hints from here from now on; what the process knows stays known.
    pub(super) fn keep_in(&mut self, hints: FormHints) {
        self.hints = hints;
    }

    /// The form for the next connection, and whether silence may change it.
    pub(super) fn form(&mut self, source: &SourceConfig, server: &str) -> (RequestForm, bool) {
        match source.request_form {
            Some(form) => (form, false),
            None => {
                let trial = self.trial(source, server);
                (trial.form, trial.heeds_silence())
            }
        }
    }

    /// The server answered.
    pub(super) fn answered(&mut self, source: &SourceConfig, server: &str) {
        if source.request_form.is_some() {
            return;
        }
        let trial = self.trial(source, server);
        trial.answered();
        let form = trial.form;
        if let Err((path, error)) = self.hints.set(&source.name, server, form) {
            say!(
                "estreamer: cannot write {}: {error}. The next start finds out anew which form \
                 of the request {} answers.",
                path.display(),
                source.name
            );
        }
    }

    /// The server refused before it answered; `None` where a user fixed the form,
    /// or the end has nothing to do with it.
    pub(super) fn refused(
        &mut self,
        source: &SourceConfig,
        server: &str,
        end: &ClientEnd,
    ) -> Option<Next> {
        let error = match end {
            ClientEnd::Session(End::BeforeFirstByte, _) => None,
            ClientEnd::Session(End::PeerError { code }, text) => Some((*code, text.clone())),
            _ => return None,
        };
        match source.request_form {
            Some(_) => None,
            None => Some(self.trial(source, server).refused(error)),
        }
    }

    /// The server was silent for too long.
    pub(super) fn silent(&mut self, source: &SourceConfig, server: &str) -> Next {
        self.trial(source, server).silent()
    }

    fn trial(&mut self, source: &SourceConfig, server: &str) -> &mut Trial {
        let hint = self.hints.get(&source.name, server);
        let trial = self.trials.entry((source.name.clone(), server.into()));
        trial.or_insert_with(|| Trial::new(hint))
    }
}

/// The way to the form that one server answers.
#[derive(Debug)]
struct Trial {
    /// Where a round begins.
    first: RequestForm,
    /// The one in use.
    form: RequestForm,
    /// Whether the first was answered in an earlier process, and whether it was in
    /// this one.
    hinted: bool,
    answered: bool,
    /// Of this round: whether `both` met silence, and the last error.
    silent: bool,
    error: Option<(i32, String)>,
    /// Whether a round ended in silence.
    settled: bool,
}

impl Trial {
    fn new(hint: Option<RequestForm>) -> Self {
        let first = hint.unwrap_or_default();
        Self {
            first,
            form: first,
            hinted: hint.is_some(),
            answered: false,
            silent: false,
            error: None,
            settled: false,
        }
    }

    fn heeds_silence(&self) -> bool {
        let known = self.answered || self.hinted && self.form == self.first;
        !known && !self.settled
    }

    fn answered(&mut self) {
        *self = Self {
            answered: true,
            ..Self::new(Some(self.form))
        };
    }

    fn refused(&mut self, error: Option<(i32, String)>) -> Next {
        if self.answered {
            return Next::Wait { tried_all: false };
        }
        if self.settled {
            return self.begin_anew();
        }
        let again = error.is_some() && error == self.error;
        self.error = error;
        match self.form {
            // Whole under either reading, and answered in the same words as another
            // form: what is wrong is what is asked for, unless it is the NUL.
            RequestForm::Both if again => self.go_on(RequestForm::BothNul),
            RequestForm::BothNul if again => self.begin_anew(),
            form => self.go_on(form.next()),
        }
    }

    fn silent(&mut self) -> Next {
        self.error = None;
        self.silent |= self.form == RequestForm::Both;
        self.go_on(self.form.next())
    }

    fn go_on(&mut self, next: RequestForm) -> Next {
        if next != self.first {
            self.form = next;
        } else if self.silent {
            self.settled = true;
            self.form = RequestForm::Both;
        } else {
            return self.begin_anew();
        }
        Next::Try(self.form)
    }

    fn begin_anew(&mut self) -> Next {
        let hint = self.hinted.then_some(self.first);
        *self = Self::new(hint);
        Next::Wait { tried_all: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RequestForm as Form;

    const WAIT: Next = Next::Wait { tried_all: true };

    fn error(text: &str) -> Option<(i32, String)> {
        Some((1, text.into()))
    }

    #[test]
    fn each_form_is_tried_once_before_it_waits() {
        let mut trial = Trial::new(None);
        for _ in 0..2 {
            for form in &Form::ALL[1..] {
                assert_eq!(trial.refused(None), Next::Try(*form));
            }
            assert_eq!(trial.refused(None), WAIT);
            assert_eq!(trial.form, Form::Payload);
        }
    }

    #[test]
    fn a_form_that_was_answered_stays() {
        let mut trial = Trial::new(None);
        assert_eq!(trial.refused(error("cut")), Next::Try(Form::Both));
        trial.answered();
        assert!(!trial.heeds_silence());
        for error in [None, error("restarting")] {
            assert_eq!(trial.refused(error), Next::Wait { tried_all: false });
            assert_eq!(trial.form, Form::Both);
        }
    }

    #[test]
    fn a_hint_is_tried_first_and_silence_does_not_change_it_but_a_refusal_does() {
        let mut trial = Trial::new(Some(Form::Inclusive));
        assert_eq!(trial.form, Form::Inclusive);
        assert!(!trial.heeds_silence());
        assert_eq!(trial.refused(None), Next::Try(Form::PayloadNul));
        assert!(trial.heeds_silence());
        for form in [Form::BothNul, Form::InclusiveNul, Form::Payload, Form::Both] {
            assert_eq!(trial.refused(None), Next::Try(form));
        }
        assert_eq!(trial.refused(None), WAIT);
        assert_eq!(trial.form, Form::Inclusive);
        assert!(!trial.heeds_silence());
    }

    #[test]
    fn a_server_that_is_only_silent_is_left_alone_after_one_round() {
        let mut trial = Trial::new(None);
        for form in &Form::ALL[1..] {
            assert!(trial.heeds_silence());
            assert_eq!(trial.silent(), Next::Try(*form));
        }
        assert_eq!(trial.silent(), Next::Try(Form::Both));
        assert!(!trial.heeds_silence());
        assert_eq!(trial.refused(None), WAIT, "it went away");
    }

    #[test]
    fn silence_after_a_refusal_of_the_other_reading_is_a_server_without_events() {
        let mut trial = Trial::new(None);
        assert_eq!(trial.refused(error("cut")), Next::Try(Form::Both));
        assert_eq!(trial.silent(), Next::Try(Form::Inclusive));
        assert_eq!(trial.silent(), Next::Try(Form::PayloadNul));
        assert_eq!(trial.refused(error("cut")), Next::Try(Form::BothNul));
        assert_eq!(trial.silent(), Next::Try(Form::InclusiveNul));
        assert_eq!(trial.silent(), Next::Try(Form::Both));
        assert!(!trial.heeds_silence());
    }

    #[test]
    fn an_error_about_what_is_asked_for_does_not_lead_into_silence() {
        // A server that counts 8 + N would wait for the rest of `inclusive`.
        let mut trial = Trial::new(None);
        let wrong = || error("unknown field");
        assert_eq!(trial.refused(wrong()), Next::Try(Form::Both));
        assert_eq!(trial.refused(wrong()), Next::Try(Form::BothNul));
        assert_eq!(trial.refused(wrong()), WAIT);
    }
}
