//! Files that a person names: whatever they are, they are read up to a limit, and
//! nothing hangs.

use std::fs::File;
use std::process::Command;

use estreamer_tests::{Ended, Pki, at_each, estreamer};

/// Every command that reads a file, with `FILE` in its place.
fn commands(pki: &Pki) -> Vec<Vec<String>> {
    let (p12, key, ca) = (
        pki.file("client.p12"),
        pki.file("client.key"),
        pki.file("ca.pem"),
    );
    let cert = pki.file("client.pem");
    let server = ["collect", "--server", "127.0.0.1:1"];
    let commands: [&[&str]; 15] = [
        &["identity", "FILE"],
        &["identity", &p12, "--password-file", "FILE"],
        &["check", "FILE"],
        &["collect", "--config", "FILE"],
        &["request", "--config", "FILE"],
        &["request", "--request", "FILE"],
        &["catalog", "list", "FILE"],
        &["catalog", "lint", "FILE"],
        &["catalog", "diff", "FILE", "FILE"],
        &["simulate", "--pki", "PKI", "--replay", "FILE"],
        &["--pkcs12", "FILE"],
        &["--pkcs12", &p12, "--password-file", "FILE"],
        &["--cert", "FILE", "--key", &key, "--ca", &ca],
        &["--cert", &cert, "--key", "FILE", "--ca", &ca],
        &["--cert", &cert, "--key", &key, "--ca", "FILE"],
    ];
    let whole = commands.into_iter().map(|command| {
        let begin = match command[0].starts_with("--") {
            true => &server[..],
            false => &[],
        };
        let words = begin.iter().chain(command);
        words
            .map(|word| match *word {
                "PKI" => pki.path().to_str().unwrap().to_owned(),
                word => word.to_owned(),
            })
            .collect()
    });
    whole.collect()
}

/// The program with that file, in 500 MiB of memory.
fn with(command: &[String], file: &str) -> Command {
    let program = estreamer(&[]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -v 512000; exec \"$@\"", "sh"]);
    limited.arg(program.get_program());
    limited.args(command.iter().map(|word| match &**word {
        "FILE" => file,
        word => word,
    }));
    limited
}

fn each_ends(file: &str, words: &[&str]) {
    let pki = Pki::new();
    at_each(&commands(&pki), |_, command| {
        let ended = Ended::of(&mut with(command, file));
        let status = ended.status.code().unwrap_or_default();
        assert!((1..=2).contains(&status), "{command:?}: {}", ended.status);
        let name = match file {
            "/dev/zero" => "/dev/zero",
            _ => "named",
        };
        ended.failure(status, &[&[name], words].concat());
    });
}

#[test]
fn a_device_that_never_ends_is_refused_in_little_memory() {
    each_ends("/dev/zero", &["is larger than"]);
}

#[test]
fn a_file_of_three_gigabytes_is_refused_in_little_memory() {
    let pki = Pki::new();
    let path = pki.scratch("named");
    File::create(&path).unwrap().set_len(3 << 30).unwrap();
    each_ends(path.to_str().unwrap(), &["is larger than"]);
}

#[test]
fn a_pipe_that_nobody_writes_to_is_given_up() {
    let pki = Pki::new();
    let path = pki.scratch("named");
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let path = path.to_str().unwrap();
    each_ends(path, &["nothing writes to the pipe"]);
    let decode = ["capture", "decode", "FILE"].map(String::from);
    Ended::of(&mut with(&decode, path)).failure(1, &["named", "nothing writes to the pipe"]);
}

#[test]
fn a_pipe_that_somebody_writes_to_is_read() {
    let pki = Pki::new();
    let password = pki.write("password", "estreamer");
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "cat \"$3\" | \"$1\" identity \"$2\" --password-fd 0",
        "sh",
    ]);
    command.arg(estreamer(&[]).get_program());
    command.args([&pki.file("client.p12"), &password]);
    Ended::of(&mut command).success();
}
