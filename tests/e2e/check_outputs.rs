//! `estreamer check` of outputs: what surrounds them, and every mistake of theirs.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use estreamer_tests::{Ended, Pki, estreamer};

use super::check::{as_nobody, check, is_root, sound};

const RECEIVER: &str = "[[output]]\nname = \"siem\"\nurl = \"https://siem.example.net/e\"\n";

#[test]
fn the_file_for_refused_events_is_looked_at() {
    let pki = Pki::new();
    fs::create_dir(pki.scratch("dir")).unwrap();
    for (file, words) in [
        (
            "/no/such/dir/r",
            "the directory /no/such/dir does not exist",
        ),
        ("dir", "is a directory"),
        ("~/r", "begins with ~"),
    ] {
        let text = format!("{}{RECEIVER}errors = \"{file}\"\n", sound());
        Ended::of(&mut check(&pki, &text)).failure(2, &[words]);
    }
}

#[test]
fn every_file_of_a_receiver_is_looked_at() {
    let pki = Pki::new();
    let tls = "tls = { ca = \"no-ca\" }\nheader = { A = { file = \"no-key\" } }\n";
    let text = format!(
        "state = \"s\"\n{}{RECEIVER}{tls}auth = {{ bearer = {{ file = \"no-token\" }} }}\n",
        sound()
    );
    Ended::of(&mut check(&pki, &text)).failure(2, &["no-ca", "no-key", "no-token"]);
    let token = pki.write("token", "secret");
    fs::set_permissions(&token, Permissions::from_mode(0o644)).unwrap();
    let auth = "auth = { bearer = { file = \"token\" } }\n";
    let text = format!("state = \"s\"\n{}{RECEIVER}{auth}", sound());
    let ended = Ended::of(&mut check(&pki, &text)).success();
    assert!(ended.stderr.contains("every user"), "{}", ended.stderr);
    let text = format!("{text}[[output]]\nurl = \"file:token\"\n");
    Ended::of(&mut check(&pki, &text))
        .failure(2, &["would write to the secret of the output siem"]);
}

#[test]
fn a_credential_of_a_receiver_is_no_mistake_outside_the_service() {
    let pki = Pki::new();
    let tls = "tls = { pkcs12 = \"pki/client.p12\", password = { credential = \"p\" } }\n";
    let text = format!("state = \"s\"\n{}{RECEIVER}{tls}", sound());
    let outside = || {
        let mut command = check(&pki, &text);
        command.env_remove("CREDENTIALS_DIRECTORY");
        command
    };
    Ended::of(&mut outside()).success();
    let mut required = outside();
    Ended::of(required.arg("--require-credentials")).failure(2, &["CREDENTIALS_DIRECTORY"]);
}

#[test]
fn two_outputs_may_send_to_one_receiver() {
    let pki = Pki::new();
    let output = |name: &str, index: &str| {
        format!(
            "[[output]]\nname = \"{name}\"\nurl = \"elastic+https://a:9200\"\nindex = \"{index}\"\n"
        )
    };
    let text = |second: &str| format!("state = \"s\"\n{}{}{second}", sound(), output("a", "x"));
    Ended::of(&mut check(&pki, &text(&output("b", "y")))).success();
    let shared = |name: &str| format!("{}errors = \"r\"\n", output(name, name));
    let both = format!("{}{}{}", sound(), shared("a"), shared("b"));
    Ended::of(&mut check(&pki, &both)).failure(2, &["would both write to"]);
    let ended = Ended::of(&mut check(&pki, &text(&output("a", "y"))));
    ended.failure(2, &["two outputs are named", "its own name"]);
}

/// New files would have the wrong group, and the next start would not tell.
#[test]
fn a_group_that_the_user_is_not_in_is_told_and_refused_also_at_the_second_start() {
    let pki = Pki::new();
    let log = pki.scratch("log");
    fs::create_dir(&log).unwrap();
    fs::set_permissions(&log, Permissions::from_mode(0o777)).unwrap();
    let text = format!(
        "{}[[output]]\nurl = \"file:{}/x\"\ngroup = \"0\"\n",
        sound(),
        log.display()
    );
    if !is_root() {
        return;
    }
    let command = check(&pki, &text);
    let secret = pki.file("client-nopassword.p12");
    fs::set_permissions(&secret, Permissions::from_mode(0o644)).unwrap();
    let ended = Ended::of(&mut as_nobody(&pki, &command)).success();
    assert!(
        ended.stderr.contains("is not in the group 0"),
        "{}",
        ended.stderr
    );
    let mut collect = estreamer(&["collect", "--config", &pki.write("wrong.toml", &text)]);
    for start in ["first", "second"] {
        let mut command = as_nobody(&pki, &collect);
        let ended = Ended::of(&mut command);
        ended.failure(1, &["cannot be given to the group 0"]);
        assert!(!log.join("x").exists(), "{start}");
    }
    let ended = Ended::of(collect.args(["--stop-when-idle", "0.1"]));
    assert!(!ended.stderr.contains("group"), "{}", ended.stderr);
}

#[test]
fn memory_is_checked_for_all_sources() {
    let pki = Pki::new();
    let sources: String = (0..1100)
        .map(|number| sound().replace("\"fmc\"", &format!("\"fmc{number}\"")))
        .collect();
    let ended = Ended::of(&mut check(&pki, &sources));
    ended.failure(2, &["is not enough for 1100 sources", "Allow at least"]);
}
