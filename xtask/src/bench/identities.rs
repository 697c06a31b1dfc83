//! Identities of clients, one for each source.

use std::path::Path;
use std::process::{Command, Stdio};

use super::collector::SECRET;
use super::scene::{Scene, program};
use crate::{Result, process};

/// Makes so many identities, unless they are there.
pub(super) fn make(scene: &Scene, count: u64) -> Result {
    let pki = scene.file("pki");
    for index in 0..count {
        if Path::new(&pki).join(format!("client-{index}.p12")).exists() {
            continue;
        }
        let mut command = Command::new(program());
        command.args(["pki", "client", &index.to_string(), "--pki", &pki]);
        process::run(command.stderr(Stdio::null()))?;
    }
    Ok(())
}

/// The PKCS#12 file of a source.
pub(super) fn own(index: u64) -> String {
    pkcs12(&format!("client-{index}"))
}

/// A PKCS#12 file that all sources can share.
pub(super) fn shared() -> String {
    pkcs12("client")
}

fn pkcs12(name: &str) -> String {
    format!("pkcs12 = \"pki/{name}.p12\"\npassword = {{ env = {SECRET:?} }}\n")
}
