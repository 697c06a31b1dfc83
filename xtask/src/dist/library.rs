//! The C library: its install tree, and the archive of it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{directory, failed, program};
use crate::{Result, process, tree};

/// What the library is made of.
const CAPI: &str = "runtime-std/capi";
/// Its first layer, which is a library of its own.
const CORE: &str = "core/capi";

/// The examples and the files that they need.
const EXAMPLES: [&str; 8] = [
    "runtime-std/capi/examples/blocking.c",
    "runtime-std/capi/examples/event_loop.c",
    "runtime-std/capi/examples/epoll.c",
    "runtime-std/capi/examples/collect.py",
    "runtime-std/capi/examples/collect_asyncio.py",
    "core/capi/c/conversation.c",
    "core/capi/c/conversation.h",
    "runtime-std/capi/tests/c/conversation_main.c",
];

/// Where the install tree is.
fn prefix() -> PathBuf {
    directory().join("prefix")
}

/// Where the shared library is.
pub(super) fn shared(version: &str) -> PathBuf {
    prefix().join("lib").join(file_name(version))
}

fn file_name(version: &str) -> String {
    format!("libestreamer.so.{version}")
}

/// Builds libestreamer.a; gives the libraries of the system it needs.
pub(super) fn build() -> Result<String> {
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

/// Builds libestreamer_core.a for this machine, as for firmware.
pub(super) fn build_core() -> Result {
    process::run(process::cargo().args([
        "rustc",
        "--profile=firmware",
        "--locked",
        "--package=estreamer-core-capi",
        "--crate-type=staticlib",
        "--features=panic-handler",
    ]))
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

/// Makes the tree.
pub(super) fn lay_out(version: &str, system: &str) -> Result {
    let (prefix, root) = (prefix(), tree::root());
    let (capi, target) = (root.join(CAPI), root.join("target"));
    let lib = prefix.join("lib");
    let major = version.split('.').next().unwrap_or_default();
    let archive = target.join("release/libestreamer_capi.a");
    for (from, to) in [
        (capi.join("include/estreamer.h"), "include/estreamer.h"),
        (
            root.join(CORE).join("include/estreamer_core.h"),
            "include/estreamer_core.h",
        ),
        (archive.clone(), "lib/libestreamer.a"),
        (
            target.join("firmware/libestreamer_core_capi.a"),
            "lib/libestreamer_core.a",
        ),
        (capi.join("man/estreamer.3"), "share/man/man3/estreamer.3"),
        (
            capi.join("tests/valgrind.supp"),
            "share/estreamer/valgrind.supp",
        ),
        (root.join("LICENSE-APACHE"), "LICENSE-APACHE"),
        (root.join("LICENSE-MIT"), "LICENSE-MIT"),
    ] {
        program::install(&from, &prefix.join(to), 0o644)?;
    }
    for example in EXAMPLES {
        let from = root.join(example);
        let name = from.file_name().unwrap_or_default();
        let to = prefix.join("share/estreamer/examples").join(name);
        program::install(&from, &to, 0o644)?;
    }
    let soname = format!("libestreamer.so.{major}");
    let full = shared(version);
    link(
        &archive,
        &capi.join("estreamer.map"),
        &soname,
        system,
        &full,
    )?;
    for (name, target) in [
        (soname.as_str(), file_name(version).as_str()),
        ("libestreamer.so", &soname),
    ] {
        let path = lib.join(name);
        symlink(target, &path).map_err(|error| failed(&path, &error))?;
    }
    describe(&lib, version, system)
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

/// Writes what pkg-config and CMake read. The tree may be anywhere: paths are relative to
/// the files themselves.
fn describe(lib: &Path, version: &str, system: &str) -> Result {
    let mut numbers = version.split('.');
    let (major, minor) = (numbers.next(), numbers.next());
    let list = system.replace(' ', ";");
    let values = [
        ("VERSION", version),
        ("MAJOR", major.unwrap_or_default()),
        ("MINOR", minor.unwrap_or_default()),
        ("SYSTEM", system),
        ("SYSTEM_LIST", &list),
    ];
    for (name, folder) in [
        ("estreamer.pc", "pkgconfig"),
        ("estreamer-static.pc", "pkgconfig"),
        ("estreamer-config.cmake", "cmake/estreamer"),
        ("estreamer-config-version.cmake", "cmake/estreamer"),
    ] {
        let folder = lib.join(folder);
        fs::create_dir_all(&folder).map_err(|error| failed(&folder, &error))?;
        let path = folder.join(name);
        let text = program::fill(&format!("capi/{name}"), &values)?;
        fs::write(&path, text).map_err(|error| failed(&path, &error))?;
    }
    Ok(())
}

/// Packs the tree; the same tree gives the same archive.
pub(super) fn archive(version: &str) -> Result {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_library_of_the_system_is_named_once() {
        assert_eq!(once_each("-lgcc_s -lc -lm -lc"), "-lgcc_s -lc -lm");
    }
}
