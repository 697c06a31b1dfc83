//! `estreamer identity`, and every way to hand over a password.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use estreamer_mio::tls;
use estreamer_tests::{Ended, Pki, Simulator, estreamer, program};
use serde_json::Value;

#[test]
fn the_files_of_a_fresh_pki_are_sound_and_say_what_they_hold() {
    let pki = Pki::new();
    let password = pki.write("password", "estreamer\n");
    for name in ["client.p12", "client-legacy.p12", "client-nopassword.p12"] {
        let mut command = estreamer(&["identity", "--json", &pki.file(name)]);
        if name != "client-nopassword.p12" {
            command.args(["--password-file", &password]);
        }
        let document = json(&Ended::of(&mut command).success());
        assert_eq!(document["form"], "PKCS#12");
        assert_eq!(document["problem"], Value::Null);
        let certificates = document["certificates"].as_array().unwrap();
        assert_eq!(certificates.len(), 2);
        assert_eq!(certificates[0]["role"], "leaf");
        assert_eq!(certificates[0]["key_matches"], true);
        assert_eq!(certificates[1]["role"], "CA");
    }
}

#[test]
fn the_text_says_the_same_in_words() {
    let pki = Pki::new();
    let file = pki.file("client-nopassword.p12");
    let ended = Ended::of(&mut estreamer(&["identity", &file])).success();
    let text = String::from_utf8(ended.stdout).unwrap();
    for part in [
        "PKCS#12, 2 certificates, a private key that fits",
        "1 leaf, of the private key",
        "2 CA",
        "CN=127.0.0.1, title=eStreamer, generationQualifier=client",
        "days left",
        "id-ecPublicKey, 256 bits",
        "SHA-256",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    let key = std::fs::read_to_string(pki.file("client.key")).unwrap();
    assert!(!text.contains(key.lines().nth(1).unwrap()));
}

#[test]
fn a_password_comes_from_a_file_a_variable_a_descriptor_or_a_credential() {
    let pki = Pki::new();
    let password = pki.write("password", "estreamer\r\n");
    let p12 = pki.file("client.p12");
    let opens = |command: &mut Command| {
        let ended = Ended::of(command).success();
        let text = String::from_utf8(ended.stdout).unwrap();
        assert!(text.contains("a private key that fits"), "{text}");
    };
    let identity = |arguments: &[&str]| {
        let mut command = estreamer(&["identity", &p12]);
        command.args(arguments);
        command
    };
    opens(&mut identity(&["--password-file", &password]));
    opens(identity(&["--password-env", "SECRET"]).env("SECRET", "estreamer"));
    // The shell opens descriptor 7.
    let mut shell = Command::new("sh");
    let script = "exec \"$0\" identity \"$1\" --password-fd 7 7<\"$2\"";
    shell.args(["-c", script]).arg(program());
    opens(shell.args([&p12, &password]).stdin(Stdio::null()));
    let directory = Path::new(&password).parent().unwrap();
    opens(identity(&["--password-credential", "password"]).env("CREDENTIALS_DIRECTORY", directory));
}

#[test]
fn a_password_that_does_not_come_says_which_and_why() {
    let pki = Pki::new();
    let p12 = pki.file("client.p12");
    let large = pki.write("large", "x".repeat(5000));
    let binary = pki.write("binary", [0xff, 0xfe]);
    for (arguments, status, words) in [
        (&["--password-file", "/no/such"][..], 1, &["/no/such"][..]),
        (&["--password-file", &large], 1, &["large", "larger"]),
        (&["--password-file", &binary], 1, &["binary", "UTF-8"]),
        (&["--password-env", "NOT_SET"], 1, &["NOT_SET"]),
        (&["--password-fd", "99"], 1, &["descriptor 99"]),
        (
            &["--password-credential", "x"],
            1,
            &["x", "CREDENTIALS_DIRECTORY"],
        ),
        (&["--password-credential", "../x"], 2, &["../x"]),
        (
            &["--password-env", "A", "--password-fd", "0"],
            2,
            &["--password-env"],
        ),
        (&[], 1, &["none was given", "--password-credential"]),
    ] {
        let mut command = estreamer(&["identity", &p12]);
        command.args(arguments).env_remove("CREDENTIALS_DIRECTORY");
        Ended::of(&mut command).failure(status, words);
    }
}

#[test]
fn a_wrong_password_is_never_repeated() {
    let pki = Pki::new();
    let password = pki.write("password", "opensesame-7");
    let ended = Ended::of(&mut estreamer(&[
        "identity",
        &pki.file("client.p12"),
        "--password-file",
        &password,
    ]));
    ended.failure(1, &["does not open"]);
    assert!(!ended.stderr.contains("opensesame-7"));
    let ended = Ended::of(&mut estreamer(&[
        "identity",
        &pki.file("client-nopassword.p12"),
        "--password-file",
        &password,
    ]));
    ended.failure(1, &["has an empty one"]);
}

#[test]
fn a_pem_file_may_hold_a_part() {
    let pki = Pki::new();
    let read = |name: &str| std::fs::read_to_string(pki.file(name)).unwrap();
    let both = pki.write("both.pem", read("client.pem") + &read("client.key"));
    for (file, count, key) in [
        (pki.file("ca.pem"), 1, "no private key"),
        (pki.file("client.pem"), 1, "no private key"),
        (pki.file("client.key"), 0, "a private key"),
        (both, 1, "a private key that fits"),
    ] {
        let ended = Ended::of(&mut estreamer(&["identity", "--json", &file])).success();
        let document = json(&ended);
        assert_eq!(document["form"], "PEM");
        assert_eq!(document["key"], key);
        assert_eq!(document["certificates"].as_array().unwrap().len(), count);
    }
}

#[test]
fn pem_as_windows_saves_it_is_pem() {
    let pki = Pki::new();
    let text = std::fs::read_to_string(pki.file("ca.pem")).unwrap();
    let text = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [text.into_bytes(), wide] {
        let file = pki.write("saved.pem", bytes);
        let ended = Ended::of(&mut estreamer(&["identity", "--json", &file])).success();
        let document = json(&ended);
        assert_eq!(document["form"], "PEM");
        assert_eq!(document["certificates"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn what_is_in_an_unsound_file_is_shown_before_it_fails() {
    let pki = Pki::new();
    let read = |name: &str| std::fs::read_to_string(pki.file(name)).unwrap();
    let mismatch = pki.write("mismatch.pem", read("client.pem") + &read("server.key"));
    for (file, count, sentence) in [
        (mismatch, 1, "belongs to none of the certificates"),
        (fixture("no-key.p12"), 2, "no private key"),
        (fixture("no-ca.p12"), 1, "no CA certificate"),
        (fixture("client-encrypted.key"), 0, "encrypted"),
    ] {
        let password = pki.write("password", "estreamer");
        let ended = Ended::of(&mut estreamer(&[
            "identity",
            "--json",
            &file,
            "--password-file",
            &password,
        ]));
        assert_eq!(ended.status.code(), Some(1), "{file}: {}", ended.stderr);
        assert!(ended.stderr.contains(sentence), "{}", ended.stderr);
        let document = json(&ended);
        assert_eq!(document["certificates"].as_array().unwrap().len(), count);
        assert!(document["problem"].as_str().unwrap().contains(sentence));
    }
    let junk = pki.write("junk", "junk");
    Ended::of(&mut estreamer(&["identity", &junk])).failure(1, &["junk", "not a PKCS#12 file"]);
}

#[test]
fn to_pem_writes_what_collect_reads_with_the_key_for_its_owner_alone() {
    let pki = Pki::new();
    let directory = pki.scratch("pem");
    let pem = directory.to_str().unwrap();
    let p12 = pki.file("client-nopassword.p12");
    let write = || Ended::of(&mut estreamer(&["identity", &p12, "--to-pem", pem]));
    write().success();
    let mode = |name: &str| {
        let metadata = std::fs::metadata(directory.join(name)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode("client.key"), 0o600);
    assert_eq!(mode("client.pem") & 0o200, 0o200);

    let again = write();
    assert_eq!(again.status.code(), Some(1));
    assert!(again.stderr.contains("exists already"), "{}", again.stderr);

    let server = Simulator::start(&pki.path(), &["--count", "5"]);
    let file = |name: &str| directory.join(name).to_str().unwrap().to_owned();
    let collected = Ended::of(&mut estreamer(&[
        "collect",
        "--server",
        &server.address,
        "--cert",
        &file("client.pem"),
        "--key",
        &file("client.key"),
        "--ca",
        &file("ca.pem"),
        "--from",
        "oldest",
        "--stop-after",
        "5",
    ]))
    .success();
    assert_eq!(collected.stdout.split(|b| *b == b'\n').count(), 6);
}

#[test]
fn a_password_file_may_begin_with_a_byte_order_mark() {
    let pki = Pki::new();
    let password = pki.write("password", "\u{feff}estreamer\r\n");
    let p12 = pki.file("client.p12");
    let mut command = estreamer(&["identity", &p12, "--password-file", &password]);
    Ended::of(&mut command).success();
}

#[test]
fn a_pkcs12_file_without_a_ca_says_what_helps_and_that_helps() {
    let pki = Pki::new();
    let read = |name: &str| std::fs::read(pki.file(name)).unwrap();
    let alone = tls::Identity::from_pem(&read("client.pem"), &read("client.key"), b"").unwrap();
    let encryption = tls::Pkcs12Encryption::Aes256;
    let alone = alone.to_pkcs12("client", "", encryption).unwrap();
    let p12 = pki.write("no-ca.p12", alone);
    let server = Simulator::start(&pki.path(), &["--count", "5"]);
    let collect = |more: &[&str]| {
        let mut command = estreamer(&["collect", "--from", "oldest", "--stop-after", "5"]);
        command.args(["--server", &server.address, "--pkcs12", &p12]);
        Ended::of(command.args(more))
    };
    collect(&[]).failure(
        1,
        &["no CA certificate", "configure that CA as well", "--ca"],
    );
    collect(&["--ca", &pki.file("ca.pem")]).success();
    let configuration = format!(
        "[[source]]\nserver = \"{}\"\npkcs12 = \"{p12}\"\nca = \"{}\"\nfrom = \"oldest\"\n",
        server.address,
        pki.file("ca.pem"),
    );
    let configuration = pki.write("estreamer.toml", configuration);
    let mut command = estreamer(&["collect", "--config", &configuration, "--stop-after", "5"]);
    Ended::of(&mut command).success();
}

#[test]
fn what_is_wrong_with_one_of_three_pem_files_is_said_of_that_file() {
    let pki = Pki::new();
    let junk = pki.write("junk", "junk");
    let [cert, key, ca] = ["client.pem", "client.key", "ca.pem"].map(|name| pki.file(name));
    for files in [
        [&junk, &key, &ca],
        [&cert, &junk, &ca],
        [&cert, &key, &junk],
    ] {
        let mut command = estreamer(&["collect", "--server", "127.0.0.1:1"]);
        for (flag, file) in ["--cert", "--key", "--ca"].iter().zip(files) {
            command.args([flag, file.as_str()]);
        }
        let ended = Ended::of(&mut command);
        ended.failure(1, &[&format!("{junk}: ")]);
    }
}

#[test]
fn a_certificate_for_either_end_is_not_told_to_the_doctor_as_a_servers() {
    let pki = Pki::new();
    let server = Simulator::start(&pki.path(), &["--count", "10"]);
    let mut command = estreamer(&["doctor", "--json", "--server", &server.address]);
    command.args(["--cert", &fixture("client-both.pem")]);
    command.args(["--key", &fixture("client-both.key")]);
    let ended = Ended::of(command.args(["--ca", &pki.file("ca.pem")]));
    let text = String::from_utf8(ended.stdout).unwrap();
    assert!(text.contains("generationQualifier=server"), "{text}");
    assert!(!text.contains("use the PKCS#12 of a client"), "{text}");
}

#[test]
fn nothing_is_written_that_is_no_whole_identity() {
    let pki = Pki::new();
    let directory = pki.scratch("pem");
    for file in [pki.file("ca.pem"), pki.file("client.key")] {
        let mut command = estreamer(&["identity", &file, "--to-pem"]);
        let ended = Ended::of(command.arg(&directory));
        assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
        assert!(!directory.exists());
    }
}

fn fixture(name: &str) -> String {
    format!(
        "{}/../runtime-mio/src/tls/fixtures/{name}",
        env!("CARGO_MANIFEST_DIR")
    )
}

fn json(ended: &Ended) -> Value {
    serde_json::from_slice(&ended.stdout).unwrap()
}
