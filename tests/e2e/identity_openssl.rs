//! Key files made on the fly by `openssl`, right and wrong.
//!
//! Ignored by default because they need that program (3.0 or newer):
//! `cargo xtask interop`

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use estreamer_tests::{Ended, Pki, estreamer, program};
use serde_json::Value;

use crate::openssl::openssl;

/// How `openssl pkcs12` encrypts, by name.
const CIPHERS: [(&str, &[&str]); 5] = [
    ("legacy: RC2-40 and 3DES", &["-legacy"]),
    (
        "3DES",
        &[
            "-legacy",
            "-keypbe",
            "PBE-SHA1-3DES",
            "-certpbe",
            "PBE-SHA1-3DES",
        ],
    ),
    ("modern: AES-256", &[]),
    (
        "AES-128",
        &["-keypbe", "AES-128-CBC", "-certpbe", "AES-128-CBC"],
    ),
    ("nothing", &["-keypbe", "NONE", "-certpbe", "NONE"]),
];

const MACS: [(&str, &[&str]); 3] = [
    ("SHA-256", &["-macalg", "sha256"]),
    ("SHA-1", &["-macalg", "sha1"]),
    ("none", &["-nomac"]),
];

#[test]
#[ignore = "needs the openssl program"]
fn every_combination_of_cipher_password_and_mac_opens() {
    let place = Place::new();
    let printed = openssl(
        &place.pki.path(),
        &[
            "x509",
            "-in",
            "client.pem",
            "-noout",
            "-fingerprint",
            "-sha256",
        ],
    );
    let fingerprint = printed.trim().rsplit('=').next().unwrap();
    let fingerprint = fingerprint.replace(':', "").to_ascii_lowercase();
    for (cipher, encryption) in CIPHERS {
        for password in ["estreamer", "Grüße", ""] {
            for (mac, integrity) in MACS {
                let case = format!("{cipher}, password {password:?}, MAC {mac}");
                let file = place.export(password, &[encryption, integrity].concat());
                let ended = place.identity(&file, (!password.is_empty()).then_some(password));
                assert!(ended.status.success(), "{case}: {}", ended.stderr);
                let document: Value = serde_json::from_slice(&ended.stdout).unwrap();
                let certificates = document["certificates"].as_array().unwrap();
                assert_eq!(certificates.len(), 2, "{case}");
                let own = certificates
                    .iter()
                    .find(|one| one["key_matches"] == true)
                    .unwrap_or_else(|| panic!("{case}: no certificate of the key"));
                assert_eq!(own["sha256"], fingerprint.as_str(), "{case}");
            }
        }
    }
}

#[test]
#[ignore = "needs the openssl program"]
fn openssl_opens_what_pki_init_writes() {
    let place = Place::new();
    let show = |arguments: &[&str]| {
        let fixed = ["pkcs12", "-nodes", "-in"];
        openssl(&place.pki.path(), &[&fixed[..], arguments].concat())
    };
    for arguments in [
        &["client.p12", "-passin", "pass:estreamer"][..],
        &["client-legacy.p12", "-passin", "pass:estreamer", "-legacy"],
        &["client-nopassword.p12", "-passin", "pass:"],
    ] {
        let shown = show(arguments);
        assert_eq!(shown.matches("BEGIN CERTIFICATE").count(), 2, "{shown}");
        assert_eq!(shown.matches("BEGIN PRIVATE KEY").count(), 1, "{shown}");
    }
}

#[test]
#[ignore = "needs the openssl program"]
fn a_wrong_password_is_told_from_a_missing_and_from_a_needless_one() {
    let place = Place::new();
    for (_, encryption) in &CIPHERS[..4] {
        let file = place.export("estreamer", encryption);
        place.identity(&file, None).failure(1, &["none was given"]);
        place
            .identity(&file, Some("wrong"))
            .failure(1, &["the password does not open"]);
        let file = place.export("", encryption);
        place
            .identity(&file, Some("needless"))
            .failure(1, &["has an empty one"]);
        // Without a MAC, a wrong password shows in what it decrypts to.
        let file = place.export("estreamer", &[encryption, &["-nomac"][..]].concat());
        place
            .identity(&file, Some("wrong"))
            .failure(1, &["the password does not open"]);
    }
}

#[test]
#[ignore = "needs the openssl program"]
fn each_wrong_file_fails_with_a_sentence_of_its_own() {
    let place = Place::new();
    let make = |arguments: &[&str]| openssl(&place.pki.path(), arguments);
    let export = ["pkcs12", "-export", "-passout", "pass:", "-out"];
    let with = |name: &str, arguments: &[&str]| {
        make(&[&export[..], &[name], arguments].concat());
        place.pki.file(name)
    };
    let no_key = with("no-key.p12", &["-nokeys", "-in", "client.pem"]);
    let no_ca = with("no-ca.p12", &["-in", "client.pem", "-inkey", "client.key"]);
    make(&["genrsa", "-out", "small.key", "1024"]);
    let request = ["req", "-new", "-key", "small.key", "-subj", "/CN=small"];
    make(&[&request[..], &["-out", "small.csr"]].concat());
    let issue = ["x509", "-req", "-in", "small.csr", "-out", "small.pem"];
    make(&[&issue[..], &["-CA", "ca.pem", "-CAkey", "ca.key"]].concat());
    let small = with("small.p12", &["-in", "small.pem", "-inkey", "small.key"]);
    let whole = std::fs::read(place.export("", &[])).unwrap();
    let torn = place.pki.write("torn.p12", &whole[..whole.len() / 2]);
    let der = place.pki.file("client.der");
    make(&["x509", "-in", "client.pem", "-outform", "DER", "-out", &der]);
    make(&[
        "pkcs8",
        "-topk8",
        "-in",
        "client.key",
        "-passout",
        "pass:estreamer",
        "-out",
        "encrypted.key",
    ]);
    let mut sentences = Vec::new();
    for (file, words) in [
        (no_key, "no private key"),
        (no_ca, "no CA certificate"),
        (small, "1024 bits"),
        (torn, "not a PKCS#12 file"),
        (place.pki.file("encrypted.key"), "encrypted"),
    ] {
        let ended = place.identity(&file, None);
        assert_eq!(ended.status.code(), Some(1), "{file}: {}", ended.stderr);
        assert!(ended.stderr.contains(words), "{file}: {}", ended.stderr);
        let sentence = ended.stderr.replace(&file, "");
        assert!(!sentences.contains(&sentence), "said twice: {sentence}");
        sentences.push(sentence);
    }
    place
        .identity(&der, None)
        .failure(1, &["not a PKCS#12 file"]);
    // A PEM file where PKCS#12 is wanted.
    let pem = place.pki.file("client.pem");
    let ended = Ended::of(&mut estreamer(&[
        "collect",
        "--server",
        "127.0.0.1:1",
        "--pkcs12",
        &pem,
    ]));
    ended.failure(1, &["this is a PEM file"]);
}

#[test]
#[ignore = "needs the script program"]
fn on_a_terminal_the_password_is_asked_for_and_not_echoed() {
    let place = Place::new();
    // `script` gives a terminal to what it runs, and types what it reads.
    let identity = format!(
        "tty; {} identity {}",
        program().display(),
        place.pki.file("client.p12")
    );
    let mut child = Command::new("script")
        .args(["--quiet", "--return", "--command", &identity, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the script program");
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut terminal = String::new();
    stdout.read_line(&mut terminal).unwrap();
    let mut printed = Vec::new();
    stdout.read_until(b':', &mut printed).unwrap();
    wait_until_silent(terminal.trim());
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"estreamer\n").unwrap();
    stdout.read_to_end(&mut printed).unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
    let printed = String::from_utf8_lossy(&printed);
    assert!(printed.contains("Password of "), "{printed}");
    assert!(printed.contains("a private key that fits"), "{printed}");
    // The word is in the issuer as well; an echo would end a line.
    let echoed = printed.lines().any(|line| line.ends_with(": estreamer"));
    assert!(!echoed, "{printed}");
}

/// Echo ends a moment after the question is asked.
fn wait_until_silent(terminal: &str) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(20) {
        let state = Command::new("stty").args(["-F", terminal, "-a"]).output();
        let state = String::from_utf8_lossy(&state.expect("the stty program").stdout).into_owned();
        if state.split_whitespace().any(|word| word == "-echo") {
            return;
        }
    }
    panic!("{terminal} echoes what is typed");
}

/// A client that `openssl` makes files for.
struct Place {
    pki: Pki,
}

impl Place {
    fn new() -> Self {
        Self { pki: Pki::new() }
    }

    /// The client's key, certificate and CA as `openssl pkcs12 -export` writes
    /// them.
    fn export(&self, password: &str, extra: &[&str]) -> String {
        let password = format!("pass:{password}");
        let fixed = [
            "pkcs12",
            "-export",
            "-in",
            "client.pem",
            "-inkey",
            "client.key",
            "-certfile",
            "ca.pem",
            "-out",
            "made.p12",
            "-passout",
            &password,
        ];
        openssl(&self.pki.path(), &[&fixed[..], extra].concat());
        self.pki.file("made.p12")
    }

    fn identity(&self, file: &str, password: Option<&str>) -> Ended {
        let mut command = estreamer(&["identity", "--json", file]);
        if let Some(password) = password {
            command.args(["--password-env", "SECRET"]);
            command.env("SECRET", password);
        }
        Ended::of(&mut command)
    }
}
