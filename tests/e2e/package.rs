//! The packages that `cargo xtask dist` made: installed into a directory, checked with
//! the tools of their systems, run as the service runs them, and removed.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use estreamer_tests::{Ended, Fleet, Running, wait_for_lines};

/// What `cargo xtask dist` made, by the end of its name.
fn released(end: &str) -> PathBuf {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/dist");
    let entries = fs::read_dir(&dist).expect("cargo xtask dist was run");
    let mut paths = entries.map(|entry| entry.unwrap().path());
    let found = paths.find(|path| path.to_string_lossy().ends_with(end));
    found.unwrap_or_else(|| panic!("no {end} in {}", dist.display()))
}

/// What a program prints, which has to succeed.
#[track_caller]
fn read(program: &str, arguments: &[&str]) -> String {
    let ended = Ended::of(Command::new(program).args(arguments)).success();
    String::from_utf8(ended.stdout).unwrap() + &ended.stderr
}

/// A directory into which the package is installed, with dpkg's own records.
struct Root(tempfile::TempDir);

impl Root {
    fn with_package() -> Self {
        let root = Self(tempfile::tempdir().unwrap());
        for folder in ["var/lib/dpkg/info", "var/lib/dpkg/updates"] {
            fs::create_dir_all(root.path(folder)).unwrap();
        }
        fs::write(root.path("var/lib/dpkg/status"), "").unwrap();
        root.dpkg(&["--install", released(".deb").to_str().unwrap()]);
        root
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Scripts run outside of the directory, where the shell is.
    fn dpkg(&self, arguments: &[&str]) {
        let root = format!("--root={}", self.0.path().display());
        let force = ["--force-depends", "--force-script-chrootless"];
        read("dpkg", &[&[root.as_str()], &force[..], arguments].concat());
    }

    /// The unit, with the program where it is installed.
    fn unit(&self) -> PathBuf {
        let unit = self.path("usr/lib/systemd/system/estreamer.service");
        let text = fs::read_to_string(unit).unwrap();
        let program = self.path("usr/bin/estreamer").display().to_string();
        let path = self.path("estreamer.service");
        fs::write(&path, text.replace("/usr/bin/estreamer", &program)).unwrap();
        path
    }

    /// The command of the unit, as systemd runs it, with the credentials in `directory`.
    fn exec_start(&self, directory: &Path) -> Vec<String> {
        let unit = fs::read_to_string(self.unit()).unwrap();
        let mut lines = unit.lines();
        let command = lines
            .find_map(|line| line.strip_prefix("ExecStart="))
            .unwrap();
        let directory = directory.display().to_string();
        let words = command.split(' ');
        words
            .map(|word| word.replace("${CREDENTIALS_DIRECTORY}", &directory))
            .collect()
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
#[ignore = "needs packages and tools of Debian: cargo xtask interop"]
fn the_debian_package_is_installed_and_removed_and_its_events_are_kept() {
    let root = Root::with_package();
    let users = fs::read_to_string(root.path("etc/passwd")).unwrap();
    assert!(users.contains("estreamer:x:"), "{users}");
    assert_eq!(mode(&root.path("etc/estreamer")), 0o750);
    assert_eq!(mode(&root.path("etc/estreamer/estreamer.toml")), 0o640);
    let version = root.path("usr/bin/estreamer").display().to_string();
    let version = read(&version, &["--version"]);
    assert_eq!(
        version,
        format!("estreamer {}\n", env!("CARGO_PKG_VERSION"))
    );
    for name in [
        "usr/share/man/man1/estreamer-collect.1.gz",
        "usr/share/bash-completion/completions/estreamer",
        "usr/share/zsh/vendor-completions/_estreamer",
        "usr/share/fish/vendor_completions.d/estreamer.fish",
        "usr/share/doc/estreamer/copyright",
        "usr/share/doc/estreamer/sbom.cdx.json",
        "usr/share/doc/estreamer/status.schema.json",
        "usr/share/doc/estreamer/prometheus/estreamer.rules.yml",
        "usr/share/doc/estreamer/grafana/estreamer.json",
    ] {
        assert!(root.path(name).exists(), "{name}");
    }
    // What the service leaves.
    for folder in ["var/lib/estreamer", "var/log/estreamer"] {
        fs::create_dir_all(root.path(folder)).unwrap();
        fs::write(root.path(folder).join("file"), "").unwrap();
    }
    root.dpkg(&["--remove", "estreamer"]);
    assert!(!root.path("usr/bin/estreamer").exists());
    assert!(
        root.path("etc/estreamer/estreamer.toml").exists(),
        "it is kept"
    );
    assert!(root.path("var/lib/estreamer/file").exists());
    root.dpkg(&["--purge", "estreamer"]);
    assert!(!root.path("etc/estreamer").exists());
    assert!(!root.path("var/lib/estreamer").exists());
    assert!(root.path("var/log/estreamer/file").exists());
    assert!(!root.path("usr").exists(), "nothing of it is left");
}

#[test]
#[ignore = "needs packages and tools of Debian: cargo xtask interop"]
fn the_packages_satisfy_the_tools_that_check_them() {
    let root = Root::with_package();
    let unit = root.unit().display().to_string();
    let said = read("systemd-analyze", &["--man=no", "verify", &unit]);
    assert_eq!(said, "", "systemd-analyze verify");
    // 20 is an exposure of 2.0 of 10.
    let threshold = ["security", "--offline=true", "--threshold=20", "--no-pager"];
    read("systemd-analyze", &[&threshold[..], &[&unit]].concat());
    let deb = released(".deb").display().to_string();
    read("lintian", &["--fail-on", "error", "--allow-root", &deb]);
    let mut pages = 0;
    for page in fs::read_dir(root.path("usr/share/man/man1")).unwrap() {
        let page = page.unwrap().path().display().to_string();
        let text = read("gzip", &["--decompress", "--stdout", &page]);
        let plain = root.path("page.1");
        fs::write(&plain, text).unwrap();
        let plain = plain.display().to_string();
        let said = read("mandoc", &["-Tlint", "-Werror", &plain]);
        assert_eq!(said, "", "{page}");
        pages += 1;
    }
    assert!(pages > 10, "a page for each command");
    for (shell, name) in [
        ("bash", "usr/share/bash-completion/completions/estreamer"),
        ("sh", "var/lib/dpkg/info/estreamer.postinst"),
    ] {
        read(shell, &["-n", &root.path(name).display().to_string()]);
    }
}

/// Runs the unit's command with its credentials and its directories.
#[test]
#[ignore = "needs packages and tools of Debian: cargo xtask interop"]
fn the_service_runs_as_the_unit_says_and_makes_no_system_call_that_it_forbids() {
    let root = Root::with_package();
    let fleet = Fleet::new();
    let server = fleet.server(1, 500, |builder| builder);
    let credentials = fleet.path("credentials");
    fs::create_dir(&credentials).unwrap();
    let (state, out) = (fleet.path("state"), fleet.path("out.ndjson"));
    let config = fs::read_to_string(root.path("etc/estreamer/estreamer.toml")).unwrap();
    let config = config
        .replace("fmc.example.net", &server.address().to_string())
        .replace("[[output]]", "from = \"oldest\"\n\n[[output]]")
        .replace("/var/log/estreamer/{source}.ndjson", out.to_str().unwrap());
    fs::write(credentials.join("estreamer.toml"), config).unwrap();
    fs::copy(fleet.path("pki/client.p12"), credentials.join("client.p12")).unwrap();
    fs::write(credentials.join("client.pass"), "estreamer\n").unwrap();
    let socket = UnixDatagram::bind(fleet.path("notify")).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();

    let trace = fleet.path("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o"]).arg(&trace);
    command.args(root.exec_start(&credentials));
    command
        .env("CREDENTIALS_DIRECTORY", &credentials)
        .env("STATE_DIRECTORY", &state)
        .env("NOTIFY_SOCKET", fleet.path("notify"))
        .env("WATCHDOG_USEC", "120000000");
    let running = Running::start(&mut command);
    let mut bytes = [0; 4096];
    let length = socket.recv(&mut bytes).expect("READY=1");
    assert!(String::from_utf8_lossy(&bytes[..length]).contains("READY=1"));
    wait_for_lines(&out, 500, &running);
    // The program, not what traces it.
    read("pkill", &["-TERM", "-P", &running.id().to_string()]);
    running.wait().success();

    let trace = fs::read_to_string(trace).unwrap();
    assert!(
        !trace.contains("PROT_WRITE|PROT_EXEC"),
        "MemoryDenyWriteExecute="
    );
    let mut allowed = set("@system-service");
    for denied in ["@privileged", "@resources"] {
        for call in set(denied) {
            allowed.remove(&call);
        }
    }
    let calls = trace.lines().filter_map(|line| {
        let (_, rest) = line.split_once(' ')?;
        let (name, _) = rest.trim_start().split_once('(')?;
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            .then_some(name)
    });
    let calls: BTreeSet<&str> = calls.collect();
    assert!(calls.len() > 20, "{calls:?}");
    let forbidden: Vec<_> = calls
        .iter()
        .filter(|call| !allowed.contains(**call))
        .collect();
    assert!(forbidden.is_empty(), "{forbidden:?}");
}

/// The system calls of one of systemd's sets.
fn set(name: &str) -> BTreeSet<String> {
    let mut calls = BTreeSet::new();
    for line in read("systemd-analyze", &["syscall-filter", "--no-pager", name]).lines() {
        match line.trim() {
            other if other.starts_with('@') && other != name => calls.extend(set(other)),
            call if call.starts_with(|first: char| first.is_ascii_lowercase() || first == '_') => {
                calls.insert(call.to_owned());
            }
            _ => {}
        }
    }
    calls
}

#[test]
#[ignore = "needs packages and rpm: cargo xtask interop"]
fn the_rpm_package_holds_what_the_debian_one_does() {
    let package = released(".rpm").display().to_string();
    let rpm = read("rpm", &["--query", "--list", "--package", &package]);
    let deb = read(
        "dpkg-deb",
        &["--contents", released(".deb").to_str().unwrap()],
    );
    let deb: Vec<&str> = deb
        .lines()
        .filter_map(|line| line.split_once(" ./").map(|(_, path)| path))
        .filter(|path| !path.is_empty() && !path.ends_with('/'))
        .filter(|path| !path.contains("/zsh/") && !path.contains("/doc/"))
        .collect();
    assert!(deb.len() > 10, "{deb:?}");
    for path in deb {
        assert!(
            rpm.lines().any(|line| line == format!("/{path}")),
            "{path} in {rpm}"
        );
    }
    let root = tempfile::tempdir().unwrap();
    let at = root.path().display().to_string();
    let options = ["--root", &at, "--nodeps", "--noscripts"];
    read("rpm", &[&options[..], &["--install", &package]].concat());
    let program = root.path().join("usr/bin/estreamer").display().to_string();
    assert!(read(&program, &["--version"]).starts_with("estreamer "));
    read("rpm", &[&options[..], &["--erase", "estreamer"]].concat());
    assert!(!Path::new(&program).exists());
}

#[test]
#[ignore = "needs packages: cargo xtask interop"]
fn checksums_and_bill_of_materials_can_be_read() {
    let sums = released("SHA256SUMS");
    let mut check = Command::new("sha256sum");
    check.args(["--check", "--strict", "SHA256SUMS"]);
    let ended = Ended::of(check.current_dir(sums.parent().unwrap())).success();
    assert_eq!(
        String::from_utf8_lossy(&ended.stdout)
            .matches(": OK")
            .count(),
        5,
        "archive, wheel, two packages, and what they are made of"
    );
    let bill = fs::read(released(".cdx.json")).unwrap();
    let bill: serde_json::Value = serde_json::from_slice(&bill).unwrap();
    assert_eq!(bill["bomFormat"], "CycloneDX");
    let components = bill["components"].as_array().unwrap();
    let rustls = components.iter().find(|it| it["name"] == "rustls").unwrap();
    assert_eq!(rustls["hashes"][0]["alg"], "SHA-256");
    assert!(
        !rustls["licenses"][0]["expression"]
            .as_str()
            .unwrap()
            .is_empty()
    );
    let names: BTreeSet<_> = components.iter().map(|it| it["purl"].as_str()).collect();
    assert_eq!(names.len(), components.len(), "each once");
}
