//! `estreamer check` finds every mistake in one pass, and looks at what surrounds a
//! configuration.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use estreamer_tests::{Ended, Pki, copy_program, estreamer};

/// Sources and outputs with one mistake on most lines, as written by somebody in a hurry.
const MISTAKES: &str = r#"memory = "much"
[[source]]
name = "a"
server = "https://fmc.example.net:8302"
pkcs12 = "~/client.p12"
[[source]]
name = "b"
server = ["fmc.example.net", "fe80::1", "a b"]
pkcs12 = "pki/no.p12"
password = { file = "no.pass" }
bind = "192.0.2.1"
[[source]]
name = "c"
server = "${FMC}"
cert = "pki/client.pem"
key = "pki/ca.pem"
ca = "junk"
[[source]]
name = "d"
server = "127.0.0.1"
pkcs12 = "pki"
request = "no.json"
[[output]]
url = "file:/no/such/dir/events"
[[output]]
name = "there"
url = "file:out"
[[output]]
url = "file:junk/x"
[[output]]
url = "tape:"
"#;

#[test]
fn every_mistake_is_found_in_one_pass_with_its_line() {
    let pki = Pki::new();
    fs::create_dir(pki.scratch("out")).unwrap();
    pki.write("junk", "junk");
    let ended = check(&pki, MISTAKES);
    let ended = Ended::of(&mut { ended });
    let said = &ended.stderr;
    let lines = [
        "1: memory: expected an integer",
        "4: server: invalid value",
        "5: pkcs12: \"~/client.p12\" begins with ~, which is not expanded",
        "8: server: invalid value \"fe80::1\"",
        "8: server: invalid value \"a b\"",
        "9: pkcs12: cannot read ",
        "10: password: cannot read ",
        "11: bind: 192.0.2.1 cannot be used",
        "14: server: \"${FMC}\" contains ${FMC}, which is not expanded",
        "21: pkcs12: ",
        "22: cannot read ",
        "24: the directory /no/such/dir does not exist. Create it: mkdir -p /no/such/dir",
        "27: ",
        "29: ",
        "31: url: invalid value \"tape:\"",
    ];
    for line in lines {
        let line = format!("wrong.toml:{line}");
        assert_eq!(said.matches(&line).count(), 1, "{line:?} in {said}");
    }
    ended.failure(
        2,
        &[
            "out is a directory",
            "is not a directory",
            "write fmc.example.net:8302",
        ],
    );
    assert_eq!(said.lines().count(), lines.len(), "{said}");
}

#[test]
fn every_file_of_an_identity_is_looked_at() {
    let pki = Pki::new();
    pki.write("junk", "junk");
    let text = "[[source]]\nserver = \"127.0.0.1\"\npkcs12 = \"pki/no.p12\"\n\
                password = { file = \"no.pass\" }\nca = \"junk\"\nbind = \"192.0.2.1\"\n\
                [[source]]\nname = \"b\"\nserver = \"127.0.0.1\"\ncert = \"junk\"\n\
                key = \"pki\"\nca = \"pki/no.pem\"\n";
    let ended = Ended::of(&mut check(&pki, text));
    ended.failure(
        2,
        &[
            "wrong.toml:3: pkcs12: cannot read ",
            "wrong.toml:4: password: cannot read ",
            "wrong.toml:5: ",
            "junk: there is no certificate in the file",
            "wrong.toml:6: bind: 192.0.2.1 cannot be used",
            "wrong.toml:10: ",
            "wrong.toml:11: key: ",
            "wrong.toml:12: ca: cannot read ",
        ],
    );
}

#[test]
fn every_line_that_is_no_toml_is_named() {
    let pki = Pki::new();
    let ended = Ended::of(&mut check(
        &pki,
        "memory =\n[[source]]\nserver = 'a\nname = b\n",
    ));
    ended.failure(
        2,
        &[
            "wrong.toml:1: invalid TOML",
            "wrong.toml:3: invalid TOML",
            ":4: invalid",
        ],
    );
}

#[test]
fn a_text_of_another_encoding_is_named_and_a_mark_is_ignored() {
    let pki = Pki::new();
    let path = pki.write("wrong.toml", b"\xff\xfem\0");
    Ended::of(&mut estreamer(&["check", &path])).failure(2, &["UTF-16", "Save it as UTF-8"]);
    pki.write("wrong.toml", b"# Z\xfcrich\n");
    Ended::of(&mut estreamer(&["check", &path])).failure(2, &["not UTF-8 text (line 1)"]);
    pki.write("wrong.toml", format!("\u{feff}{}", sound()));
    Ended::of(&mut estreamer(&["check", &path])).success();
}

#[test]
fn a_credential_is_no_mistake_outside_the_service_unless_it_is_required() {
    let pki = Pki::new();
    let text = "[[source]]\nname = \"fmc\"\nserver = \"127.0.0.1\"\npkcs12 = \"pki/client.p12\"\n\
                password = { credential = \"fmc.pass\" }\n";
    let outside = || {
        let mut command = check(&pki, text);
        command.env_remove("CREDENTIALS_DIRECTORY");
        command
    };
    let ended = Ended::of(&mut outside()).success();
    let warning = "warning: ";
    assert!(ended.stderr.contains(warning), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains("wrong.toml:5: password: the credential \"fmc.pass\"")
    );
    let shown = String::from_utf8(ended.stdout).unwrap();
    assert!(
        shown.contains("not opened: only the service has"),
        "{shown}"
    );
    let required = Ended::of(outside().arg("--require-credentials"));
    required.failure(2, &["wrong.toml:5: ", "CREDENTIALS_DIRECTORY is not set"]);
    // In the service it is read.
    pki.write("fmc.pass", "estreamer");
    let mut inside = check(&pki, text);
    inside.env("CREDENTIALS_DIRECTORY", pki.scratch(""));
    let ended = Ended::of(&mut inside).success();
    let shown = String::from_utf8(ended.stdout).unwrap();
    assert!(shown.contains("days left"), "{shown}");
    // What else is wrong is found all the same.
    let no_file = text.replace("client.p12", "no.p12");
    Ended::of(&mut check(&pki, &no_file)).failure(2, &["wrong.toml:4: pkcs12: cannot read"]);
}

#[test]
fn a_secret_that_everyone_can_read_is_a_warning() {
    let pki = Pki::new();
    let text = "[[source]]\nserver = \"127.0.0.1\"\npkcs12 = \"pki/client.p12\"\n\
                password = { file = \"pass\" }\n";
    let pass = pki.write("pass", "estreamer");
    fs::set_permissions(&pass, Permissions::from_mode(0o644)).unwrap();
    let ended = Ended::of(&mut check(&pki, text)).success();
    let said = ended.stderr;
    assert!(
        said.contains("wrong.toml:4: password: every user"),
        "{said}"
    );
    // The remedy, word for word.
    run_remedy(&said, "chmod o-rwx ");
    let ended = Ended::of(&mut check(&pki, text)).success();
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_directory_that_is_missing_is_named_and_the_remedy_makes_it() {
    let pki = Pki::new();
    let output = pki.scratch("a/b");
    let text = format!(
        "{}[[output]]\nurl = \"file:{}/x\"\n",
        sound(),
        output.display()
    );
    let ended = Ended::of(&mut check(&pki, &text));
    ended.failure(2, &["wrong.toml:6: the directory ", "does not exist"]);
    run_remedy(&ended.stderr, "mkdir -p ");
    Ended::of(&mut check(&pki, &text)).success();
    // The state directory is created at the start.
    let state = format!("state = \"{}\"\n{}", pki.scratch("c/d").display(), sound());
    Ended::of(&mut check(&pki, &state)).success();
    let in_file = format!("state = \"{}\"\n{}", pki.write("f", "") + "/g", sound());
    Ended::of(&mut check(&pki, &in_file)).failure(2, &["wrong.toml:1: ", "is not a directory"]);
}

/// What a user without privileges is told, who is named.
#[test]
fn permissions_are_those_of_the_user_who_checks() {
    let pki = Pki::new();
    let (closed, odd) = (pki.scratch("closed"), pki.scratch("odd"));
    for (directory, mode) in [(&closed, 0o555), (&odd, 0o333)] {
        fs::create_dir(directory).unwrap();
        fs::set_permissions(directory, Permissions::from_mode(mode)).unwrap();
    }
    let file = pki.write("file", "");
    fs::set_permissions(&file, Permissions::from_mode(0o444)).unwrap();
    let secret = pki.file("client.p12");
    let text = format!(
        "state = \"{0}/state\"\n{1}[[output]]\nurl = \"file:{0}/x\"\n[[output]]\nurl = \
         \"file:{2}/x\"\n[[output]]\nurl = \"file:{3}\"\n",
        closed.display(),
        sound(),
        odd.display(),
        file
    );
    let mut command = check(&pki, &text);
    let is_root = is_root();
    if is_root {
        // Privileges hide every permission. The file of the identity stays ours.
        fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
        command = as_nobody(&pki, &command);
    }
    let ended = Ended::of(&mut command);
    let who = if is_root { "uid 65534" } else { "uid " };
    ended.failure(
        2,
        &[
            who,
            "wrong.toml:1: ",
            "may not create files in",
            "(mode 0555)",
            "wrong.toml:11: ",
            "may not append to",
            "(mode 0444)",
            "check as that user",
            "may write to",
            "but not read it (mode 0333)",
        ],
    );
    if is_root {
        ended.failure(2, &["pkcs12: nobody (uid 65534) may not read"]);
        let ended = Ended::of(&mut check(&pki, &text)).success();
        let shown = String::from_utf8(ended.stdout).unwrap();
        assert!(shown.contains("checked by root (uid 0)"), "{shown}");
    }
}

#[test]
fn a_directory_that_others_may_write_to_is_a_warning() {
    let pki = Pki::new();
    let open = pki.scratch("open");
    fs::create_dir(&open).unwrap();
    let text = format!(
        "{}[[output]]\nurl = \"file:{}/x\"\n",
        sound(),
        open.display()
    );
    for (mode, told) in [
        (0o777, true),
        (0o733, true),
        (0o1777, false),
        (0o755, false),
    ] {
        fs::set_permissions(&open, Permissions::from_mode(mode)).unwrap();
        let ended = Ended::of(&mut check(&pki, &text)).success();
        let said = &ended.stderr;
        assert_eq!(said.contains(&format!("(mode {mode:04o})")), told, "{said}");
        if told {
            run_remedy(said, "chmod go-w ");
            let again = Ended::of(&mut check(&pki, &text)).success();
            assert_eq!(again.stderr, "");
        }
    }
}

#[test]
fn what_is_no_regular_file_is_named_with_the_output_for_it() {
    let pki = Pki::new();
    let text = |url: &str| format!("{}[[output]]\nurl = \"{url}\"\n", sound());
    let ended = Ended::of(&mut check(&pki, &text("file:/dev/null")));
    ended.failure(
        2,
        &[
            "wrong.toml:6: ",
            "not a regular file",
            "use url = \"stdout:\"",
        ],
    );
    Ended::of(&mut check(&pki, &text("stdout:"))).success();
}

#[test]
fn a_start_in_the_future_is_a_warning() {
    let pki = Pki::new();
    let text = |from: &str| format!("{}from = \"{from}\"\n", sound());
    let ended = Ended::of(&mut check(&pki, &text("2094-01-01T00:00:00Z"))).success();
    let said = ended.stderr;
    assert!(said.contains("wrong.toml:5: from: 2094-01-01"), "{said}");
    assert!(said.contains("in the future"), "{said}");
    for from in ["now", "oldest", "-1h"] {
        let ended = Ended::of(&mut check(&pki, &text(from))).success();
        assert_eq!(ended.stderr, "", "{from}");
    }
}

#[test]
fn an_address_of_another_kind_or_another_machine_is_refused() {
    let pki = Pki::new();
    let text = |server: &str, bind: &str| {
        format!(
            "{}bind = \"{bind}\"\n",
            sound().replace("127.0.0.1", server)
        )
    };
    for (server, bind, words) in [
        (
            "[::1]:8302",
            "127.0.0.1",
            Some("is an IPv4 address, and the server [::1]:8302"),
        ),
        ("127.0.0.1", "::1", Some("is an IPv6 address")),
        ("127.0.0.1", "192.0.2.1", Some("192.0.2.1 cannot be used")),
        ("fmc.example.net", "127.0.0.1", None),
    ] {
        let ended = Ended::of(&mut check(&pki, &text(server, bind)));
        match words {
            None => drop(ended.success()),
            Some(words) => ended.failure(2, &["wrong.toml:5: bind: ", words, "remove bind"]),
        }
    }
}

#[test]
fn of_several_state_directories_of_a_service_the_first_is_used() {
    let pki = Pki::new();
    let (first, second) = (pki.scratch("first"), pki.scratch("second"));
    let mut command = check(&pki, &sound());
    let both = format!("{}:{}", first.display(), second.display());
    let ended = Ended::of(command.env("STATE_DIRECTORY", both)).success();
    let shown = String::from_utf8(ended.stdout).unwrap();
    let line = format!("state      {}\n", first.display());
    assert!(shown.contains(&line), "{shown}");
}

/// A source on four lines. Nothing listens there.
pub(super) fn sound() -> String {
    "[[source]]\nname = \"fmc\"\nserver = \"127.0.0.1\"\npkcs12 = \"pki/client-nopassword.p12\"\n"
        .into()
}

/// `estreamer check` of this text, in a file beside the PKI.
pub(super) fn check(pki: &Pki, text: &str) -> Command {
    let config = pki.write("wrong.toml", text);
    let mut command = estreamer(&["check", &config]);
    command.env_remove("STATE_DIRECTORY");
    command
}

pub(super) fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// The same command for a user without privileges, who can reach program and files.
pub(super) fn as_nobody(pki: &Pki, command: &Command) -> Command {
    let copy = pki.scratch("program");
    copy_program(&copy);
    for path in pki.scratch("pki").ancestors().take(2) {
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }
    let mut other = Command::new(copy);
    other.args(command.get_args()).uid(65_534).gid(65_534);
    other.env_remove("STATE_DIRECTORY");
    other
}

/// Runs the command that begins like this in a message.
fn run_remedy(said: &str, start: &str) {
    let (_, rest) = said
        .split_once(start)
        .unwrap_or_else(|| panic!("no {start} in {said}"));
    let line = rest.lines().next().unwrap();
    let command = format!("{start}{}", line.trim_end_matches('.'));
    let mut shell = Command::new("sh");
    Ended::of(shell.args(["-c", &command]).current_dir(Path::new("/"))).success();
}
