//! The Python module with the C library in it, as a wheel.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{copy, directory, failed, library, program};
use crate::{Result, process, tree};

/// The module; Python imports it by the name of its folder.
const MODULE: &str = "runtime-std/capi/python/estreamer_client";

/// Lays out what pip unpacks, and packs it.
pub(super) fn pack(version: &str) -> Result {
    let host = process::read(Command::new("rustc").args(["--print", "host-tuple"]))?;
    let machine = host.split('-').next().unwrap_or_default();
    let root = directory().join("wheel");
    let module = root.join("estreamer_client");
    let source = tree::root().join(MODULE);
    let files = fs::read_dir(&source).map_err(|error| failed(&source, &error))?;
    for file in files {
        let path = file.map_err(|error| failed(&source, &error))?.path();
        if path.is_file() {
            let name = path.file_name().unwrap_or_default();
            program::install(&path, &module.join(name), 0o644)?;
        }
    }
    let soname = format!(
        "libestreamer.so.{}",
        version.split('.').next().unwrap_or_default()
    );
    copy(&library::shared(version), &module.join(soname))?;
    let info = root.join(format!("estreamer_client-{version}.dist-info"));
    for file in ["LICENSE-APACHE", "LICENSE-MIT"] {
        program::install(
            &tree::root().join(file),
            &info.join("licenses").join(file),
            0o644,
        )?;
    }
    let tag = format!("py3-none-linux_{machine}");
    write(
        &info.join("WHEEL"),
        &program::fill("wheel/WHEEL", &[("TAG", &tag)])?,
    )?;
    let metadata = program::fill("wheel/METADATA", &[("VERSION", version)])?;
    let page = tree::read(&tree::root().join("runtime-std/capi/python/README.md"))?;
    write(&info.join("METADATA"), &format!("{metadata}\n{page}"))?;
    let name = format!("estreamer_client-{version}-{tag}.whl");
    let wheel = directory().join(&name);
    let mut command = process::command("python3");
    command
        .arg("packaging/wheel/pack.py")
        .arg(&root)
        .arg(&wheel);
    process::run(&mut command)?;
    println!("{}", tree::shown(&wheel));
    Ok(())
}

fn write(path: &Path, text: &str) -> Result {
    fs::write(path, text).map_err(|error| failed(path, &error))
}
