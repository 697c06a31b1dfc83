//! `cargo xtask dist`: the C library as an install tree and as an archive, and the
//! program as packages, with what it is made of and the checksums of all.

mod deb;
mod program;
mod rpm;
mod sbom;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::Steps;
use crate::{Result, process, tree};

/// What the library is made of.
const CAPI: &str = "runtime-std/capi";

pub(crate) fn run(steps: &mut Steps) -> Result {
    steps.run("dist: empty directory", empty)?;
    let system = steps.run("dist: static library", build)?;
    let version = steps.run("dist: install tree", || lay_out(&system))?;
    steps.run("dist: archive", || archive(&version))?;
    steps.run("dist: program", program::build)?;
    steps.run("dist: pages", program::pages)?;
    steps.run("dist: bill of materials", || sbom::write(&version))?;
    steps.run("dist: deb", || deb::pack(&version))?;
    steps.run("dist: rpm", || rpm::pack(&version))?;
    steps.run("dist: checksums", checksums)
}

/// Where everything is that is released.
fn directory() -> PathBuf {
    tree::root().join("target/dist")
}

/// Files of an earlier version would be released, too.
fn empty() -> Result {
    let directory = directory();
    if directory.exists() {
        fs::remove_dir_all(&directory).map_err(|error| failed(&directory, &error))?;
    }
    fs::create_dir_all(&directory).map_err(|error| failed(&directory, &error))
}

/// The SHA-256 of every file that is released, for `sha256sum --check`.
fn checksums() -> Result {
    let directory = directory();
    let entries = fs::read_dir(&directory).map_err(|error| failed(&directory, &error))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| failed(&directory, &error))?;
        if entry.path().is_file() {
            names.push(entry.file_name());
        }
    }
    names.sort();
    let mut command = process::command("sha256sum");
    let sums = process::read(command.current_dir(&directory).args(&names))?;
    let path = directory.join("SHA256SUMS");
    fs::write(&path, format!("{sums}\n")).map_err(|error| failed(&path, &error))?;
    println!("{sums}");
    Ok(())
}

/// Where the install tree is.
pub(crate) fn prefix() -> PathBuf {
    directory().join("prefix")
}

/// Builds libestreamer.a; gives the libraries of the system it needs.
fn build() -> Result<String> {
    let mut command = process::cargo();
    command.args(["rustc", "--release", "--locked", "--package=estreamer-capi"]);
    command.args(["--crate-type=staticlib", "--", "--print=native-static-libs"]);
    let output = process::output(&mut command)?;
    let said = String::from_utf8_lossy(&output.stderr);
    let libraries = said
        .lines()
        .find_map(|line| line.trim_start().strip_prefix("note: native-static-libs: "));
    match libraries {
        Some(libraries) if output.status.success() => Ok(once_each(libraries)),
        _ => Err(format!("cargo did not name the libraries:\n{said}")),
    }
}

/// The names, each once.
fn once_each(libraries: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in libraries.split_whitespace() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(" ")
}

/// Makes the tree; gives the version.
fn lay_out(system: &str) -> Result<String> {
    let prefix = prefix();
    let capi = tree::root().join(CAPI);
    let version = version(&tree::read(&tree::root().join("Cargo.toml"))?)?;
    let major = version.split('.').next().unwrap_or_default();
    let (lib, include) = (prefix.join("lib"), prefix.join("include"));
    for folder in [&lib.join("pkgconfig"), &include] {
        fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    }
    for header in ["estreamer.h", "estreamer_core.h"] {
        copy(&capi.join("include").join(header), &include.join(header))?;
    }
    let archive = tree::root().join("target/release/libestreamer_capi.a");
    copy(&archive, &lib.join("libestreamer.a"))?;
    let soname = format!("libestreamer.so.{major}");
    let full = format!("libestreamer.so.{version}");
    link(
        &archive,
        &capi.join("estreamer.map"),
        &soname,
        system,
        &lib.join(&full),
    )?;
    for (name, target) in [
        (soname.as_str(), full.as_str()),
        ("libestreamer.so", &soname),
    ] {
        let path = lib.join(name);
        symlink(target, &path).map_err(|error| failed(&path, &error))?;
    }
    let pc = lib.join("pkgconfig/estreamer.pc");
    fs::write(&pc, pkg_config(&version, system)).map_err(|error| failed(&pc, &error))?;
    for file in ["LICENSE-APACHE", "LICENSE-MIT"] {
        copy(&tree::root().join(file), &prefix.join(file))?;
    }
    Ok(version)
}

/// Makes the shared library of the static one: cargo's own linking knows no
/// version script beside its own.
fn link(archive: &Path, script: &Path, soname: &str, system: &str, library: &Path) -> Result {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let mut command = process::command(compiler);
    command.arg("-shared").arg("-o").arg(library);
    command.arg(format!("-Wl,-soname,{soname}"));
    command.arg(format!("-Wl,--version-script={}", script.display()));
    command.args([
        "-Wl,--gc-sections",
        "-Wl,--no-undefined",
        "-Wl,--strip-debug",
        "-Wl,-z,relro,-z,now",
        "-Wl,--whole-archive",
    ]);
    command.arg(archive).arg("-Wl,--no-whole-archive");
    command.args(system.split_whitespace());
    process::run(&mut command)
}

/// The tree may be anywhere: paths are relative to the file itself.
fn pkg_config(version: &str, system: &str) -> String {
    format!(
        "prefix=${{pcfiledir}}/../..\n\
         libdir=${{prefix}}/lib\n\
         includedir=${{prefix}}/include\n\
         \n\
         Name: estreamer\n\
         Description: Cisco eStreamer client (fully-qualified events)\n\
         Version: {version}\n\
         Libs: -L${{libdir}} -lestreamer\n\
         Libs.private: {system}\n\
         Cflags: -I${{includedir}}\n"
    )
}

/// Packs the tree; the same tree gives the same archive.
fn archive(version: &str) -> Result {
    let host = process::read(Command::new("rustc").args(["--print", "host-tuple"]))?;
    let name = format!("estreamer-{version}-{host}");
    let path = directory().join(format!("{name}.tar.gz"));
    let mut command = process::command("tar");
    command.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner"]);
    command.args(["--mtime=@0", "--format=gnu"]);
    command.arg(format!("--transform=s,^\\.,{name},"));
    command
        .arg("-czf")
        .arg(&path)
        .arg("-C")
        .arg(prefix())
        .arg(".");
    process::run(command.env("GZIP", "-n"))?;
    println!("{}", tree::shown(&path));
    Ok(())
}

/// The version in the workspace's manifest.
fn version(manifest: &str) -> Result<String> {
    let mut lines = manifest.lines();
    let line = lines.find_map(|line| line.strip_prefix("version = \""));
    match line.and_then(|rest| rest.strip_suffix('"')) {
        Some(version) => Ok(version.to_owned()),
        None => Err("Cargo.toml names no version".to_owned()),
    }
}

fn copy(from: &Path, to: &Path) -> Result {
    fs::copy(from, to).map_err(|error| failed(from, &error))?;
    Ok(())
}

fn failed(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", tree::shown(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_libraries_of_the_system_are_private_and_named_once() {
        let system = once_each("-lgcc_s -lc -lm -lc");
        assert_eq!(system, "-lgcc_s -lc -lm");
        let file = pkg_config("1.2.3", &system);
        assert!(file.contains("\nLibs: -L${libdir} -lestreamer\n"), "{file}");
        assert!(file.contains("\nLibs.private: -lgcc_s -lc -lm\n"), "{file}");
    }

    #[test]
    fn the_version_is_that_of_the_workspace() {
        let manifest = tree::read(&tree::root().join("Cargo.toml")).unwrap();
        assert_eq!(version(&manifest).unwrap(), env!("CARGO_PKG_VERSION"));
    }
}
