//! What `cargo xtask dist` made, unpacked elsewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::common::{root, succeed};

/// The install tree, unpacked once for all tests.
static PREFIX: LazyLock<PathBuf> = LazyLock::new(|| {
    let directory = fresh("elsewhere");
    let mut tar = Command::new("tar");
    tar.arg("-xzf")
        .arg(file(".tar.gz"))
        .arg("-C")
        .arg(&directory);
    succeed(tar.arg("--strip-components=1"));
    directory
});

/// The Python of a virtual environment with the wheel.
static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| {
    let directory = fresh("venv");
    succeed(Command::new("python3").args(["-m", "venv"]).arg(&directory));
    let mut pip = Command::new(directory.join("bin/pip"));
    pip.args(["--disable-pip-version-check", "install", "--no-index"]);
    succeed(pip.arg(file(".whl")));
    directory.join("bin/python")
});

/// The install tree.
pub(crate) fn prefix() -> &'static Path {
    &PREFIX
}

/// A Python that has the module.
pub(crate) fn python(script: &Path) -> Command {
    let mut command = Command::new(&*PYTHON);
    command.arg(script);
    command
}

/// The file that is released with this end of its name.
pub(crate) fn file(end: &str) -> PathBuf {
    let folder = root().join("../../target/dist").canonicalize().unwrap();
    let files = fs::read_dir(&folder).expect("`cargo xtask dist` makes it");
    let mut paths = files.map(|file| file.unwrap().path());
    paths
        .find(|path| path.to_string_lossy().ends_with(end))
        .unwrap_or_else(|| panic!("{end}: `cargo xtask dist` makes it"))
}

/// An empty directory that is not the one in which it was made.
fn fresh(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    directory
}
