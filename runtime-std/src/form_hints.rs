//! Which form of the request each source answered, kept in the state directory.
//!
//! It saves a restart the connections that find out. It is no more than a hint:
//! where the file is missing or cannot be read, the first form is tried first, and
//! a hint that is wrong costs one connection.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use estreamer_core::fqe::RequestForm;

/// The file's name.
const FILE: &str = "request-forms.json";

/// The hints of a state directory, or of a process without one.
#[derive(Debug, Default)]
pub(crate) struct FormHints {
    path: Option<PathBuf>,
    /// By source, and by the server that answered: another one may count otherwise.
    sources: BTreeMap<String, BTreeMap<String, String>>,
}

impl FormHints {
    /// Those of a state directory.
    pub(crate) fn open(directory: &Path) -> Self {
        let path = directory.join(FILE);
        let sources = fs::read(&path).ok();
        let sources = sources.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self {
            path: Some(path),
            sources: sources.unwrap_or_default(),
        }
    }

    /// The form that this server answered.
    pub(crate) fn get(&self, source: &str, server: &str) -> Option<RequestForm> {
        RequestForm::from_name(self.sources.get(source)?.get(server)?)
    }

    /// Keeps the form that this server answered. It is in the file when this
    /// returns, if there is one.
    ///
    /// # Errors
    /// The file cannot be written; the process knows all the same.
    pub(crate) fn set(
        &mut self,
        source: &str,
        server: &str,
        form: RequestForm,
    ) -> Result<(), (PathBuf, io::Error)> {
        if self.get(source, server) == Some(form) {
            return Ok(());
        }
        let servers = self.sources.entry(source.into()).or_default();
        servers.insert(server.into(), form.name().into());
        match &self.path {
            None => Ok(()),
            Some(path) => self.write(path).map_err(|error| (path.clone(), error)),
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
        hints.set("fmc", "a:1", RequestForm::Both).unwrap();
        hints.set("fmc", "b:1", RequestForm::Payload).unwrap();
        hints.set("rome", "b:1", RequestForm::Inclusive).unwrap();
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
            hints.set("fmc", "a:1", RequestForm::Inclusive).unwrap();
            let hints = FormHints::open(directory.path());
            assert_eq!(hints.get("fmc", "a:1"), Some(RequestForm::Inclusive));
        }
    }
}
