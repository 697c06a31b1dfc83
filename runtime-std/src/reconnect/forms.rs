//! Selects the form of each source's request: tries one after the other until the server
//! answers, and remembers that one.
//!
//! An answer is an event, a null message or a bundle. The next form is tried in these
//! cases:
//!
//! - The server closes without sending a byte, or its first message is an error. A form
//!   that was answered since the process started is kept.
//! - The server does not answer within the time that the source allows. A form that was
//!   ever answered is kept, because a server without events may be silent for long.
//!
//! When all forms were tried without an answer, there are two cases. If the server was
//! silent after `both`, the source keeps that form and its connection: a server of
//! either reading accepts it, so the server probably has no events. Otherwise the source
//! waits as after any refusal, and starts with the first form again.

use std::collections::BTreeMap;

use estreamer_core::fqe::RequestForm;
use estreamer_core::session::End;
use estreamer_mio::client::ClientEnd;
use tracing::warn;

use crate::form_hints::FormHints;

/// The request forms of all sources.
#[derive(Default)]
pub(crate) struct Forms {
    hints: FormHints,
    /// The trials by source and server.
    trials: BTreeMap<(String, String), Trial>,
}

/// A server of a source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FormTarget<'a> {
    pub(crate) source: &'a str,
    /// The server as the user wrote it.
    pub(crate) server: &'a str,
    /// The form if a user fixed it.
    pub(crate) fixed: Option<RequestForm>,
}

/// What to do after a connection without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Connect again at once, with this form.
    Try(RequestForm),
    /// Wait as after a refusal. All forms were tried, or one was answered before.
    Wait {
        /// Whether all forms were tried.
        tried_all: bool,
    },
}

impl Forms {
    /// Uses these hints from now on; what the process has learnt is kept.
    pub(crate) fn keep_in(&mut self, hints: FormHints) {
        self.hints = hints;
    }

    /// Returns the form for the next connection, and whether a silent server changes it.
    pub(crate) fn form(&mut self, of: FormTarget<'_>) -> (RequestForm, bool) {
        match of.fixed {
            Some(form) => (form, false),
            None => {
                let trial = self.trial(of);
                (trial.form, trial.heeds_silence())
            }
        }
    }

    /// Records that the server answered.
    pub(crate) fn answered(&mut self, of: FormTarget<'_>) {
        if of.fixed.is_some() {
            return;
        }
        let trial = self.trial(of);
        trial.answered();
        let form = trial.form;
        self.store(of, form);
    }

    /// Stores the form that the server answered.
    pub(crate) fn store(&mut self, of: FormTarget<'_>, form: RequestForm) {
        self.hints.set(of.source, of.server, form);
    }

    /// Writes the forms that changed, for the next start.
    pub(crate) fn save(&mut self) {
        if let Err((path, error)) = self.hints.save() {
            warn!(
                file = %path.display(),
                "cannot write {}: {error}. The next start has to try the forms of the request again.",
                path.display()
            );
        }
    }

    /// Records that the server refused before it answered. Returns `None` if a user
    /// fixed the form, or if the end does not concern the request.
    pub(crate) fn refused(&mut self, of: FormTarget<'_>, end: &ClientEnd) -> Option<Next> {
        let error = match end {
            ClientEnd::Session(End::BeforeFirstByte, _) => None,
            ClientEnd::Session(End::PeerError { code }, text) => Some((*code, text.clone())),
            _ => return None,
        };
        match of.fixed {
            Some(_) => None,
            None => Some(self.trial(of).refused(error)),
        }
    }

    /// Records that the server did not answer in time.
    pub(crate) fn silent(&mut self, of: FormTarget<'_>) -> Next {
        self.trial(of).silent()
    }

    fn trial(&mut self, of: FormTarget<'_>) -> &mut Trial {
        let hint = self.hints.get(of.source, of.server);
        let trial = self.trials.entry((of.source.into(), of.server.into()));
        trial.or_insert_with(|| Trial::new(hint))
    }
}

/// The trials of request forms with one server.
#[derive(Debug)]
struct Trial {
    /// The first form of a round.
    first: RequestForm,
    /// The current form.
    form: RequestForm,
    /// Whether the first form was answered in an earlier process, and whether it was in
    /// this one.
    hinted: bool,
    answered: bool,
    /// In this round: whether the server was silent after `both`, and the last error.
    silent: bool,
    error: Option<(i32, String)>,
    /// Whether a round ended with a silent server.
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
            // A server of either reading accepts this form. The same error as with
            // another form means that the error is in the request itself, unless the NUL
            // causes it.
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
        // A server that expects 8 + N would wait for the rest of `inclusive`.
        let mut trial = Trial::new(None);
        let wrong = || error("unknown field");
        assert_eq!(trial.refused(wrong()), Next::Try(Form::Both));
        assert_eq!(trial.refused(wrong()), Next::Try(Form::BothNul));
        assert_eq!(trial.refused(wrong()), WAIT);
    }
}
