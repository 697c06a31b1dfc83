//! The package for Fedora, Red Hat Enterprise Linux and their kin.

use std::fs;

use super::failed;
use super::program::{self, Layout};
use crate::{Result, process, programs, tree};

pub(super) fn pack(version: &str) -> Result {
    if !programs::works("rpmbuild") {
        programs::install(&["rpm"])?;
    }
    let root = program::lay_out(
        &Layout {
            name: "rpm",
            zsh: "usr/share/zsh/site-functions",
        },
        version,
    )?;
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        let to = root.join("usr/share/licenses/estreamer").join(licence);
        program::install(&tree::root().join(licence), &to, 0o644)?;
    }
    let news = root.join("usr/share/doc/estreamer/CHANGELOG.md");
    program::install(&tree::root().join("CHANGELOG.md"), &news, 0o644)?;

    let work = super::directory().join("rpmbuild");
    fs::create_dir_all(&work).map_err(|error| failed(&work, &error))?;
    let spec = work.join("estreamer.spec");
    let tree = root.display().to_string();
    let text = program::fill(
        "rpm/estreamer.spec",
        &[("VERSION", version), ("TREE", &tree)],
    )?;
    fs::write(&spec, text).map_err(|error| failed(&spec, &error))?;
    let mut command = process::command("rpmbuild");
    command.env("SOURCE_DATE_EPOCH", program::epoch());
    for (name, value) in [
        ("_topdir", work.display().to_string()),
        ("_rpmdir", super::directory().display().to_string()),
        (
            "_build_name_fmt",
            "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm".to_owned(),
        ),
        ("use_source_date_epoch_as_buildtime", "1".to_owned()),
        ("clamp_mtime_to_source_date_epoch", "1".to_owned()),
        ("_buildhost", "localhost".to_owned()),
    ] {
        command.arg("--define").arg(format!("{name} {value}"));
    }
    process::run(command.args(["-bb", "--quiet"]).arg(&spec))
}
