//! The ABI is the one in estreamer.abi.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{root, succeed};
use crate::dist::prefix;
use crate::header::declared;

#[test]
#[ignore = "needs abidw and abidiff; `cargo xtask interop` runs it"]
fn the_abi_is_the_listed_one() {
    let directory = tempfile::tempdir().unwrap();
    let found = directory.path().join("found.abi");
    let mut abidw = Command::new("abidw");
    abidw.args(["--no-corpus-path", "--no-comp-dir-path", "--no-show-locs"]);
    abidw.arg("--out-file").arg(&found);
    succeed(abidw.arg(of_header(directory.path())));
    let listed = root().join("estreamer.abi");
    if std::env::var_os("ESTREAMER_BLESS").is_some() {
        fs::copy(&found, &listed).unwrap();
    }
    let mut abidiff = Command::new("abidiff");
    let output = abidiff.arg(&listed).arg(&found).output().unwrap();
    assert!(
        output.status.success(),
        "the ABI changed. If only functions were added, ESTREAMER_BLESS=1 lists them; any \
         other change needs another SONAME:\n{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[test]
#[ignore = "needs what dist makes; `cargo xtask interop` runs it"]
fn the_released_library_exports_the_functions_with_their_version() {
    let mut nm = Command::new("nm");
    nm.args([
        "-D",
        "--defined-only",
        "--with-symbol-versions",
        "--format=posix",
    ]);
    let output = succeed(nm.arg(prefix().join("lib/libestreamer.so")));
    let text = String::from_utf8(output.stdout).unwrap();
    let symbols = text.lines().filter(|line| !line.contains(" A "));
    let exported: BTreeSet<_> = symbols.filter_map(|line| line.split(' ').next()).collect();
    let declared = declared();
    let expected = declared.iter().map(|name| format!("{name}@@ESTREAMER_0"));
    assert_eq!(
        exported,
        expected
            .collect::<BTreeSet<_>>()
            .iter()
            .map(String::as_str)
            .collect()
    );
}

/// A shared library with the functions of the header and no bodies, so that its debug
/// information has what a C program sees of them and nothing else.
fn of_header(directory: &Path) -> PathBuf {
    let source = directory.join("abi.c");
    let mut text = "#include <estreamer.h>\n".to_owned();
    for header in ["estreamer_core.h", "estreamer.h"] {
        let header = fs::read_to_string(prefix().join("include").join(header)).unwrap();
        let (_, functions) = header.split_once("extern \"C\" {\n#endif").unwrap();
        let (functions, _) = functions.split_once("#ifdef __cplusplus").unwrap();
        let code = functions.lines().filter(|line| !line.starts_with("//"));
        let code: Vec<&str> = code.collect();
        text += &code.join("\n").replace(");", ") { for (;;) {} }");
    }
    fs::write(&source, text).unwrap();
    let library = directory.join("libestreamer.so");
    let mut command = Command::new("cc");
    command.args([
        "-g",
        "-shared",
        "-fPIC",
        "-w",
        "-Wl,-soname,libestreamer.so.0",
    ]);
    command.arg(format!("-fdebug-prefix-map={}=.", directory.display()));
    let script = root().join("estreamer.map");
    command.arg(format!("-Wl,--version-script={}", script.display()));
    command.arg("-I").arg(prefix().join("include"));
    succeed(command.arg(source).arg("-o").arg(&library));
    library
}
