//! The form of a connection's request, stored when the server answers.

use std::path::Path;

use estreamer_core::fqe::RequestForm;

use crate::config::address::Address;
use crate::form_hints::FormHints;

/// The current form, and where it is stored.
pub(super) struct FormInUse {
    form: RequestForm,
    source: String,
    server: String,
    hints: FormHints,
    kept: bool,
}

impl FormInUse {
    /// Selects the `fixed` form, else the one that this server answered before, else the
    /// default.
    pub(super) fn new(
        state: Option<&Path>,
        source: &str,
        server: &Address,
        fixed: Option<RequestForm>,
    ) -> Self {
        let hints = state.map(FormHints::open).unwrap_or_default();
        let server = server.to_string();
        let form = fixed.or_else(|| hints.get(source, &server));
        Self {
            form: form.unwrap_or_default(),
            source: source.into(),
            server,
            hints,
            kept: false,
        }
    }

    pub(super) fn form(&self) -> RequestForm {
        self.form
    }

    /// Records that the server answered: the next connection starts with this form.
    pub(super) fn answered(&mut self) {
        if !std::mem::replace(&mut self.kept, true) {
            // Without the hint, the next start tries the forms again.
            let _ = self.hints.set(&self.source, &self.server, self.form);
        }
    }
}
