//! The package for Debian and its kin, made with dpkg's own tools.

use std::fs;
use std::path::Path;

use super::program::{self, Layout};
use super::{copy, failed};
use crate::{Result, process, programs, tree};

pub(super) fn pack(version: &str) -> Result {
    if !programs::works("dpkg-shlibdeps") {
        programs::install(&["dpkg-dev"])?;
    }
    let root = program::lay_out(
        &Layout {
            name: "deb",
            zsh: "usr/share/zsh/vendor-completions",
        },
        version,
    )?;
    let doc = root.join("usr/share/doc/estreamer");
    write(&doc.join("copyright"), &copyright()?)?;
    let changelog = doc.join("changelog.Debian");
    write(&changelog, &self::changelog(version)?)?;
    program::compress(&changelog)?;
    let news = doc.join("changelog");
    program::install(&tree::root().join("CHANGELOG.md"), &news, 0o644)?;
    program::compress(&news)?;

    let control = root.join("DEBIAN");
    fs::create_dir_all(&control).map_err(|error| failed(&control, &error))?;
    let architecture = process::read(process::command("dpkg").arg("--print-architecture"))?;
    let depends = depends(&root.join("usr/bin/estreamer"))?;
    let text = program::fill(
        "deb/control",
        &[
            ("VERSION", version),
            ("ARCHITECTURE", &architecture),
            ("MAINTAINER", &program::maintainer()),
            ("SIZE", &size(&root)?),
            ("DEPENDS", &depends),
        ],
    )?;
    write(&control.join("control"), &text)?;
    write(
        &control.join("conffiles"),
        "/etc/estreamer/estreamer.toml\n",
    )?;
    for script in ["postinst", "prerm", "postrm"] {
        let path = control.join(script);
        copy(&tree::root().join("packaging/deb").join(script), &path)?;
        program::permit(&path, 0o755)?;
    }
    let package = super::directory().join(format!("estreamer_{version}-1_{architecture}.deb"));
    let mut command = process::command("dpkg-deb");
    command.env("SOURCE_DATE_EPOCH", program::epoch());
    command.args(["--root-owner-group", "-Zxz", "--build"]);
    process::run(command.arg(&root).arg(&package))
}

/// The libraries that the program needs, as packages with versions.
fn depends(program: &Path) -> Result<String> {
    // The tool wants to stand in the source of a package.
    let source = super::directory().join("shlibdeps");
    fs::create_dir_all(source.join("debian")).map_err(|error| failed(&source, &error))?;
    write(
        &source.join("debian/control"),
        "Source: estreamer\n\nPackage: estreamer\nArchitecture: any\n",
    )?;
    let mut command = process::command("dpkg-shlibdeps");
    let said = process::read(command.current_dir(&source).arg("-O").arg(program))?;
    match said.strip_prefix("shlibs:Depends=") {
        Some(depends) => Ok(depends.to_owned()),
        None => Err(format!("dpkg-shlibdeps names no packages: {said}")),
    }
}

/// KiB that the tree takes.
fn size(root: &Path) -> Result<String> {
    let said = process::read(
        process::command("du")
            .args(["-sk", "--apparent-size"])
            .arg(root),
    )?;
    Ok(said
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned())
}

/// Debian's form of a changelog; what changed is in the project's own.
fn changelog(version: &str) -> Result<String> {
    let date = format!("@{}", program::epoch());
    let date = process::read(process::command("date").args(["--utc", "-R", "-d", &date]))?;
    let maintainer = program::maintainer();
    Ok(format!(
        "estreamer ({version}-1) unstable; urgency=medium\n\n  \
         * Version {version}; changelog.gz says what changed.\n\n \
         -- {maintainer}  {date}\n"
    ))
}

/// The licences: the text of the one that Debian does not have is ours.
fn copyright() -> Result<String> {
    let mut text = program::fill("deb/copyright", &[])?;
    text.push_str("License: Expat\n");
    for line in tree::read(&tree::root().join("LICENSE-MIT"))?.lines() {
        match line.trim() {
            "" => text.push_str(" .\n"),
            line => text.push_str(&format!(" {line}\n")),
        }
    }
    Ok(text)
}

fn write(path: &Path, text: &str) -> Result {
    fs::write(path, text).map_err(|error| failed(path, &error))?;
    program::permit(path, 0o644)
}
