//! The request form that each server answered, stored in the state directory.
//!
//! A restart then needs no trial connections. It is only a hint: without a readable file the
//! forms are tried in turn, and a wrong hint costs one connection.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use estreamer_core::fqe::RequestForm;

/// The name of the file.
const FILE: &str = "request-forms.json";

/// The stored request forms, in memory and in a file if there is a state directory.
#[derive(Debug, Default)]
pub(crate) struct FormHints {
    path: Option<PathBuf>,
    /// The forms by source and server.
    sources: BTreeMap<String, BTreeMap<String, String>>,
    /// Whether a form changed since the file was written.
    is_changed: bool,
}

impl FormHints {
    /// Reads the forms of a state directory.
    pub(crate) fn open(directory: &Path) -> Self {
        let path = directory.join(FILE);
        let sources = fs::read(&path).ok();
        let sources = sources.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self {
            path: Some(path),
            sources: sources.unwrap_or_default(),
            is_changed: false,
        }
    }

    /// Returns the form that this server answered.
    pub(crate) fn get(&self, source: &str, server: &str) -> Option<RequestForm> {
        RequestForm::from_name(self.sources.get(source)?.get(server)?)
    }

    /// Stores the form that this server answered; [`save`](Self::save) writes it.
    pub(crate) fn set(&mut self, source: &str, server: &str, form: RequestForm) {
        if self.get(source, server) != Some(form) {
            let servers = self.sources.entry(source.into()).or_default();
            servers.insert(server.into(), form.name().into());
            self.is_changed = true;
        }
    }

    /// Writes the file durably if a form changed. An owner of many sources calls this once a
    /// second, because each call may sync.
    ///
    /// # Errors
    /// The file cannot be written; the forms are then kept in memory until the next change.
    pub(crate) fn save(&mut self) -> Result<(), (PathBuf, io::Error)> {
        match &self.path {
            Some(path) if std::mem::take(&mut self.is_changed) => {
                self.write(path).map_err(|error| (path.clone(), error))
            }
            _ => Ok(()),
        }
    }

    /// A reader sees the old file or the new one.
    fn write(&self, path: &Path) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(&self.sources)?;
        let new = path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_outlives_the_process_and_is_for_one_server() {
        let directory = tempfile::tempdir().unwrap();
        let mut hints = FormHints::open(directory.path());
        assert_eq!(hints.get("fmc", "a:1"), None);
        hints.set("fmc", "a:1", RequestForm::Both);
        hints.set("fmc", "b:1", RequestForm::Payload);
        hints.set("rome", "b:1", RequestForm::Inclusive);
        hints.save().unwrap();
        let hints = FormHints::open(directory.path());
        assert_eq!(hints.get("fmc", "a:1"), Some(RequestForm::Both));
        assert_eq!(hints.get("fmc", "b:1"), Some(RequestForm::Payload));
        assert_eq!(hints.get("rome", "b:1"), Some(RequestForm::Inclusive));
        assert_eq!(hints.get("fmc", "a:2"), None);
    }

    #[test]
    fn a_damaged_file_is_no_hint_and_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        let unknown = r#"{"fmc":{"a:1":"telepathic"}}"#;
        for damage in ["", "{\"fmc\":", "[1]", unknown] {
            fs::write(&path, damage).unwrap();
            let mut hints = FormHints::open(directory.path());
            assert_eq!(hints.get("fmc", "a:1"), None, "{damage}");
            hints.set("fmc", "a:1", RequestForm::Inclusive);
            hints.save().unwrap();
            let hints = FormHints::open(directory.path());
            assert_eq!(hints.get("fmc", "a:1"), Some(RequestForm::Inclusive));
        }
    }
}
