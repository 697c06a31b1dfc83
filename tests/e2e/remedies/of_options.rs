//! Command lines that are refused, and the same with the remedy applied. Nothing listens at
//! the server that they name.

use std::process::Command;

use estreamer_tests::{Ended, Pki, estreamer};

use super::{Printed, accepted, fixture};

pub(super) fn run(printed: &mut Printed) {
    let pki = Pki::new();
    let password = pki.write("password", "estreamer");
    let (p12, open) = (pki.file("client.p12"), pki.file("client-nopassword.p12"));
    let collect = |arguments: &[&str]| -> Command {
        let mut command = estreamer(&["collect"]);
        command.args(arguments).env_remove("STATE_DIRECTORY");
        command
    };
    let at = ["--server", "127.0.0.1:1"];
    let identity = [&at[..], &["--pkcs12", &open]].concat();
    let with = |more: &[&str]| collect(&[&identity[..], more].concat());

    printed.refused(&mut collect(&at), "Add --pkcs12 FILE");
    accepted(&mut with(&[]));
    let (cert, key, ca) = (
        pki.file("client.pem"),
        pki.file("client.key"),
        pki.file("ca.pem"),
    );
    accepted(&mut collect(
        &[&at[..], &["--cert", &cert, "--key", &key, "--ca", &ca]].concat(),
    ));

    let locked = [&at[..], &["--pkcs12", &p12]].concat();
    printed.refused(&mut collect(&locked), "Name its place with --password-file");
    for place in [
        ["--password-file", &password],
        ["--password-env", "P12_PASSWORD"],
        ["--password-credential", "password"],
    ] {
        let mut command = collect(&[&locked[..], &place].concat());
        command.env("P12_PASSWORD", "estreamer");
        command.env("CREDENTIALS_DIRECTORY", pki.scratch(""));
        Ended::of(&mut command).failure(1, &["nothing listens"]);
    }
    let mut shell = Command::new("sh");
    let script = format!("exec \"$@\" --password-fd 3 3< {password}");
    shell.args(["-c", &script, "sh"]);
    let command = collect(&locked);
    shell.arg(command.get_program()).args(command.get_args());
    Ended::of(&mut shell).failure(1, &["nothing listens"]);

    let (no_ca, ca_file) = (fixture("no-ca.p12"), fixture("ca-v1.pem"));
    let no_ca = [&at[..], &["--pkcs12", &no_ca, "--password-file", &password]].concat();
    printed.refused(&mut collect(&no_ca), "Name it with --ca FILE");
    let ca = ["--ca", &ca_file];
    Ended::of(&mut collect(&[&no_ca[..], &ca].concat())).failure(1, &["nothing listens"]);

    printed.refused(
        &mut with(&["--transform", "CSV"]),
        "--fields connection=InitiatorIP,URL",
    );
    let fields = [
        "--transform",
        "CSV",
        "--fields",
        "connection=InitiatorIP,URL",
    ];
    Ended::of(&mut with(&fields)).failure(1, &["nothing listens"]);

    printed.refused(&mut with(&["--name", ""]), "Remove the name, or set one");
    Ended::of(&mut with(&["--name", "fmc"])).failure(1, &["nothing listens"]);

    printed.refused(
        &mut with(&["--reset-bookmark"]),
        "Add --state DIR, or state = \"DIR\" in a configuration",
    );
    let state = pki.scratch("state");
    let state = state.to_str().unwrap();
    Ended::of(&mut with(&["--reset-bookmark", "--state", state])).failure(1, &["nothing listens"]);

    printed.refused(&mut with(&["--bind", "192.0.2.1"]), "Correct --bind");
    printed.refused(&mut with(&["--bind", "::1"]), "bind");
    Ended::of(&mut with(&["--bind", "127.0.0.1"])).failure(1, &["nothing listens"]);

    let nothing = pki.scratch("nothing");
    let mut status = estreamer(&["status", "--state", nothing.to_str().unwrap()]);
    printed.refused(&mut status, "its state directory with --state DIR");
    let mut status = estreamer(&["status", "--address", "127.0.0.1:1"]);
    printed.refused(&mut status, "no collector found");

    let place = pki.scratch("");
    let verify = |more: &[&str]| {
        let mut command = estreamer(&["verify", place.to_str().unwrap()]);
        command.args(more);
        command
    };
    printed.refused(
        &mut verify(&[]),
        "name the state directory with --state DIR",
    );
    accepted(&mut verify(&["--state", state]));

    let events = pki.write("events.ndjson", "{\"EventType\":\"FileEvent\"}\n");
    let convert = |more: &[&str]| {
        let mut command = estreamer(&["convert", &events]);
        command.args(more);
        command
    };
    printed.refused(&mut convert(&["--format", "csv"]), "Name them: --columns");
    let columns = ["--columns", "EventType,InitiatorIP,ResponderIP"];
    let cef = [&columns[..], &["--format", "cef"]].concat();
    printed.refused(&mut convert(&cef), "Use --columns with --format csv");
    let csv = [&columns[..], &["--format", "csv"]].concat();
    Ended::of(&mut convert(&csv)).success();
    let no_table = ["--format", "ndjson", "--explain"];
    printed.refused(
        &mut convert(&no_table),
        "Remove --explain, or use a format that has one",
    );
    for words in [
        &["--format", "ndjson"][..],
        &["--format", "cef", "--explain"],
    ] {
        Ended::of(&mut convert(words)).success();
    }

    let output = "[[output]]\nurl = \"file:archive/e.ndjson\"\n";
    let text = super::of_configurations::source() + output;
    let config = pki.write("verify.toml", &text);
    let verify = || estreamer(&["verify", "--config", &config]);
    printed.refused(&mut verify(), "Add rotate = ");
    pki.write("verify.toml", &(text + "rotate = { size = \"256MiB\" }\n"));
    accepted(&mut verify());
}
