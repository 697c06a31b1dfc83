//! `estreamer check`, configuration files, and the sample.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use estreamer::config::read::keys::{TABLES, TableKeys};
use estreamer_tests::{Ended, Pki, Simulator, estreamer, json_lines};

#[test]
fn the_sample_is_sound_beside_the_files_of_a_pki() {
    let (pki, _) = with_password();
    let config = pki.write("estreamer.toml", sample());
    let ended = Ended::of(&mut estreamer(&["check", &config])).success();
    let shown = String::from_utf8(ended.stdout).unwrap();
    let archive = pki.scratch("{source}-{event}.ndjson");
    for part in [
        "source fmc-berlin",
        "fmc1.example.net:8302",
        "CN=127.0.0.1, title=eStreamer, generationQualifier=client",
        "days left",
        "IntrusionEvent and FileEvent as JSON",
        "output archive",
        archive.to_str().unwrap(),
        "overlap    5 s",
    ] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
}

#[test]
fn the_sample_explains_every_key_and_every_option_that_has_one() {
    let sample = sample();
    let explained = |key: &str| {
        let mut lines = sample.lines();
        lines.any(|line| {
            let line = line.trim_start_matches("# ");
            line.starts_with(&format!("{key} = "))
                || line == format!("[{key}]")
                || line == format!("[[{key}]]")
        })
    };
    for TableKeys { name, keys, .. } in TABLES {
        for key in keys {
            let place = format!("{{ {key} = ");
            let next = format!(", {key} = ");
            let inside = sample.contains(&place) || sample.contains(&next);
            assert!(explained(key) || inside, "{key} of {name}");
        }
    }
    // About one run, and a descriptor that is open in one process alone.
    let without = [
        "config",
        "stop-after",
        "stop-when-idle",
        "capture",
        "log-format",
        "verbose",
        "quiet",
        "reset-bookmark",
        "password-fd",
        "help",
        "version",
    ];
    let help = Ended::of(&mut estreamer(&["collect", "--help"])).success();
    let help = String::from_utf8(help.stdout).unwrap();
    let options = help.lines().filter_map(|line| {
        let line = line.trim_start();
        let (_, option) = line.starts_with('-').then(|| line.split_once("--"))??;
        option
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .next()
    });
    let mut count = 0;
    for option in options.filter(|option| !without.contains(option)) {
        assert!(sample.contains(&format!("--{option}")), "--{option}");
        count += 1;
    }
    assert!(count > 20, "{help}");
}

#[test]
fn each_default_in_the_sample_is_the_default() {
    let (pki, _) = with_password();
    // But for the days a certificate has left, which may be fewer the next time.
    let shown = |name: &str, text: &str| -> Vec<String> {
        let config = pki.write(name, text);
        let ended = Ended::of(&mut estreamer(&["check", &config])).success();
        let text = String::from_utf8(ended.stdout).unwrap();
        let lines = text.lines().filter(|line| !line.contains("days left"));
        lines.map(str::to_owned).collect()
    };
    let defaults = [
        "memory",
        "overlap",
        "shutdown",
        "ahead",
        "prepaid",
        "transform",
        "from",
        "quirks",
        "allow_sha1",
        "insecure_no_verify",
        "format",
        "required",
        "queue",
    ];
    let sample = sample();
    let mut said = sample.clone();
    for key in defaults {
        let line = format!("\n# {key} = ");
        assert_eq!(sample.matches(&line).count(), 1, "{key}");
        // An empty list is no more than a default that can be shown.
        if key != "quirks" {
            said = said.replace(&line, &format!("\n{key} = "));
        }
    }
    assert_eq!(shown("said", &said), shown("not-said", &sample));
}

#[test]
fn all_mistakes_are_told_with_file_and_line_and_nothing_on_stdout() {
    let pki = Pki::new();
    let config = pki.write(
        "wrong.toml",
        "memory = 1\n[[source]]\nsever = \"127.0.0.1\"\npkcs12 = \"pki/client.p12\"\n",
    );
    for command in [&["check", &config][..], &["collect", "--config", &config]] {
        let ended = Ended::of(&mut estreamer(command));
        ended.failure(
            2,
            &[
                "wrong.toml:1: ",
                "20 to 65536",
                "wrong.toml:2: [[source]] has no server",
                "wrong.toml:3: unknown key \"sever\"",
                "Perhaps you mean server",
            ],
        );
        assert_eq!(ended.stderr.lines().count(), 3, "{}", ended.stderr);
    }
    Ended::of(&mut estreamer(&["check", "/no/such.toml"])).failure(2, &["/no/such.toml"]);
}

#[test]
fn what_is_wrong_with_a_file_it_names_is_told_where_that_is_named() {
    let (pki, source) = with_password();
    let wrong = pki.write("wrong", "not it");
    let request = pki.write("request.json", "{\"Events\":{\"FooEvent\":{}}}");
    let check = |text: &str| {
        let config = pki.write("estreamer.toml", text);
        Ended::of(&mut estreamer(&["check", &config]))
    };
    let text = source.replace("\"password\"", &format!("{wrong:?}"));
    let ended = check(&format!("{text}request = {request:?}\n"));
    let (first, second) = ("estreamer.toml:3: ", "estreamer.toml:5: ");
    ended.failure(
        2,
        &[
            first,
            "client.p12",
            "password",
            second,
            "request.json",
            "use ConnectionEvent",
        ],
    );
    assert!(!ended.stderr.contains("not it"));
    check(&source.replace("pki/client", "pki/no")).failure(2, &[":3: ", "pki/no.p12"]);
    check(&format!("{source}request = \"no.json\"")).failure(2, &[":5: ", "no.json"]);
}

#[test]
fn a_password_comes_from_the_environment_or_a_credential_too() {
    let (pki, source) = with_password();
    for (place, name, value) in [
        ("env", "FMC_PASSWORD", "estreamer".to_owned()),
        ("credential", "CREDENTIALS_DIRECTORY", directory(&pki)),
    ] {
        let key = if place == "env" { name } else { "password" };
        let place = format!("{{ {place} = \"{key}\" }}");
        let config = pki.write("c.toml", source.replace("{ file = \"password\" }", &place));
        let check = || estreamer(&["check", &config]);
        Ended::of(check().env(name, value)).success();
        // Only the service has credentials.
        if place.contains("env") {
            Ended::of(check().env_remove(name)).failure(2, &["c.toml:4: ", name]);
        }
    }
}

#[test]
fn what_a_reader_could_not_take_apart_is_refused() {
    let (pki, source) = with_password();
    let other = source.replace("[[source]]", "[[source]]\nname = \"b\"");
    let csv = "transform = \"CSV\"\nevents = { file = [\"FileName\"] }\n";
    let two = "transform = \"CSV\"\nevents = { file = [\"FileName\"], packet = [\"EventID\"] }\n";
    let columns = "transform = \"CSV\"\nevents = { file = [\"FileSize\"] }\n";
    let packets = "transform = \"CSV\"\nevents = { packet = [\"EventID\"] }\n";
    let (file, packet) = ("events = [\"file\"]\n", "events = [\"packet\"]\n");
    let output = |path: &str| format!("[[output]]\nurl = \"file:{path}\"\n");
    let raw = |path: &str| output(path) + "format = \"raw\"\n";
    let as_csv = |path: &str| output(path) + "format = \"csv\"\n";
    let captured = |path: &str| output(path) + "format = \"pcapng\"\n";
    let named = "events = { file = [\"FileName\"] }\n";
    let flat = "transform = \"FlatBuffer\"\n";
    let all = |parts: &[&str]| parts.concat();
    for (text, words) in [
        (all(&[&source, two]), Some("packet and file events as CSV")),
        (all(&[&source, two, &output("a.csv")]), Some("{event}")),
        (all(&[&source, two, &output("{event}.csv")]), None),
        (
            all(&[&source, two, &output("a"), "events = [\"file\"]"]),
            None,
        ),
        (all(&[&source, flat, &output("a")]), None),
        (all(&[&source, flat, &raw("a")]), Some("{event}")),
        (all(&[&source, flat, &raw("{event}")]), None),
        (all(&[&source, &raw("a")]), None),
        (all(&[&source, csv, &other, csv]), None),
        (
            all(&[&source, csv, &other, columns]),
            Some("file events of b as CSV, and the two have different contents"),
        ),
        (all(&[&source, csv, &other]), Some("events of b as JSON")),
        (all(&[&source, csv, &other, &output("{source}")]), None),
        (
            all(&[&source, csv, &other, packets, &output("{event}")]),
            None,
        ),
        (
            all(&[&source, csv, &other, packets, &output("a")]),
            Some("packet events of b as CSV"),
        ),
        (
            all(&[&source, flat, file, &other, flat, packet, &raw("a")]),
            Some("packet events of b as FlatBuffer"),
        ),
        (all(&[&source, &other, flat, &output("a")]), None),
        (
            all(&[&source, &other, flat, &raw("{event}")]),
            Some("{source}"),
        ),
        (
            all(&[&source, csv, &output("a"), "events = [\"packet\"]"]),
            Some("that no source requests"),
        ),
        // The columns of csv are the fields of the request.
        (
            all(&[&source, &as_csv("{event}")]),
            Some("Name the fields: events = {"),
        ),
        (all(&[&source, named, &as_csv("a")]), None),
        (all(&[&source, csv, &as_csv("a")]), None),
        (all(&[&source, two, &as_csv("a")]), Some("{event}")),
        (all(&[&source, two, &as_csv("{event}")]), None),
        (all(&[&source, csv, &other, named, &as_csv("a")]), None),
        (
            all(&[&source, columns, &other, named, &as_csv("a")]),
            Some("the two have different contents"),
        ),
        (
            all(&[&source, flat, &as_csv("{event}")]),
            Some("has the format csv, and 127.0.0.1:1 requests FlatBuffer"),
        ),
        // Captures are of packets, which are JSON.
        (all(&[&source, &captured("a")]), None),
        (
            all(&[&source, file, &captured("a")]),
            Some("takes packets, and would get none"),
        ),
        (all(&[&source, packets, &captured("a")]), Some("needs JSON")),
        (
            all(&[
                &source,
                "[[output]]\nurl = \"unix:a\"\nformat = \"pcapng\"\n",
            ]),
            Some("Use url = \"file:PATH\""),
        ),
        (
            all(&[&source, "transform = \"CSV\"\n"]),
            Some("Name the fields: events = {"),
        ),
    ] {
        let config = pki.write("estreamer.toml", &text);
        let ended = Ended::of(&mut estreamer(&["check", &config]));
        match words {
            None => drop(ended.success()),
            Some(words) => ended.failure(2, &[words]),
        }
    }
}

#[test]
fn a_file_collects_as_flags_do_and_its_paths_are_beside_it() {
    let (pki, source) = with_password();
    let server = Simulator::start(&pki.path(), &["--count", "50"]);
    let text = source.replace("127.0.0.1:1", &server.address);
    let more = "from = \"oldest\"\nname = \"fmc\"\n[[output]]\nurl = \"file:out/{source}\"\n";
    let config = pki.write("estreamer.toml", format!("state = \"state\"\n{text}{more}"));
    fs::create_dir(pki.scratch("out")).unwrap();
    let arguments = ["collect", "-c", &config, "--stop-after", "50", "--quiet"];
    let ended = Ended::of(&mut estreamer(&arguments)).success();
    assert!(
        ended.stdout.is_empty() && ended.stderr.is_empty(),
        "{}",
        ended.stderr
    );
    let events = fs::read(pki.scratch("out").join("fmc")).unwrap();
    assert_eq!(json_lines(&events).len(), 50);
    assert!(pki.scratch("state").is_dir());
}

#[test]
fn the_old_name_of_transform_works_and_a_hint_names_the_new_one() {
    let (pki, source) = with_password();
    let check = |keys: &str| {
        let config = pki.write("c.toml", format!("{source}{keys}"));
        Ended::of(&mut estreamer(&["check", &config]))
    };
    let events = "events = { file = [\"FileName\"] }\n";
    let old = check(&format!("{events}data = \"csv\"\n")).success();
    let hint = "c.toml:6: `data` is now `transform`; both work\n";
    assert!(old.stderr.ends_with(hint), "{}", old.stderr);
    let new = check(&format!("{events}transform = \"CSV\"\n")).success();
    // But for the days a certificate has left, which may be fewer the next time.
    let shown = |text: Vec<u8>| {
        let text = String::from_utf8(text).unwrap();
        let lines = text.lines().filter(|line| !line.contains("days left"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!((shown(new.stdout), &*new.stderr), (shown(old.stdout), ""));
    check("transform = \"CSV\"\ndata = \"CSV\"\n").failure(2, &["c.toml:6: ", "Remove data"]);
}

#[test]
fn a_file_and_flags_that_say_the_same_do_not_go_together() {
    for flag in [
        &["--server", "a"][..],
        &["--memory", "64"],
        &["--event", "file"],
        &["--from", "oldest"],
        &["--pkcs12", "a"],
        &["--password-env", "A"],
        &["--allow-sha1"],
        &["--output", "-"],
    ] {
        let mut command = estreamer(&["collect", "--config", "a.toml"]);
        Ended::of(command.args(flag)).failure(2, &["--config", flag[0]]);
    }
}

#[test]
fn the_state_directory_of_a_service_is_taken_and_a_bookmark_needs_one() {
    let (pki, source) = with_password();
    let config = pki.write("estreamer.toml", source);
    let mut check = estreamer(&["check", &config]);
    let state = pki.scratch("of-service");
    let ended = Ended::of(check.env("STATE_DIRECTORY", &state)).success();
    let shown = String::from_utf8(ended.stdout).unwrap();
    let line = format!("state      {}\n", state.display());
    assert!(shown.contains(&line), "{shown}");
    let mut collect = estreamer(&["collect", "--config", &config, "--reset-bookmark"]);
    Ended::of(collect.env_remove("STATE_DIRECTORY")).failure(2, &["no state directory"]);
}

/// A PKI, and a source on four lines that uses it. Nothing listens there.
fn with_password() -> (Pki, String) {
    let pki = Pki::new();
    let password = pki.write("password", "estreamer\n");
    fs::set_permissions(password, fs::Permissions::from_mode(0o600)).unwrap();
    let source = "[[source]]\nserver = \"127.0.0.1:1\"\npkcs12 = \"pki/client.p12\"\n\
                  password = { file = \"password\" }\n";
    (pki, source.into())
}

fn directory(pki: &Pki) -> String {
    pki.scratch("").to_str().unwrap().into()
}

fn sample() -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/estreamer.toml");
    fs::read_to_string(path).unwrap()
}
