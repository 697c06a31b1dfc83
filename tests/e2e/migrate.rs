//! Configurations of a retired client, as ours. `data/migrate` has three of them, and
//! what is written for each; `ESTREAMER_BLESS=1` writes that anew.

use std::fs;
use std::path::{Path, PathBuf};

use estreamer_tests::{Ended, Pki, data, estreamer};

fn migrate(file: &Path) -> Ended {
    Ended::of(estreamer(&["migrate"]).arg(file))
}

/// The names of the files that a configuration reads, by key.
fn files<'a>(config: &'a str, before: &'static str) -> impl Iterator<Item = String> + 'a {
    let lines = config
        .lines()
        .filter_map(move |line| line.strip_prefix(before));
    lines.map(|rest| {
        let text = rest.trim_end_matches(" }");
        serde_json::from_str(text).expect("a text in quotes")
    })
}

#[test]
fn each_configuration_becomes_one_that_check_accepts() {
    let pki = Pki::new();
    for name in ["json", "siem", "odd"] {
        let old = data(&format!("migrate/{name}.conf"));
        let new = String::from_utf8(migrate(&old).success().stdout).unwrap();
        let golden = data(&format!("migrate/{name}.toml"));
        if std::env::var_os("ESTREAMER_BLESS").is_some() {
            fs::write(&golden, &new).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap();
        assert_eq!(new, expected, "{name}");

        // The files it names have to be there.
        let here = tempfile::tempdir().unwrap();
        let place = |name: String| -> PathBuf {
            let path = here.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            path
        };
        for identity in files(&new, "pkcs12 = ") {
            fs::copy(pki.file("client.p12"), place(identity)).unwrap();
        }
        for password in files(&new, "password = { file = ") {
            fs::write(place(password), "estreamer\n").unwrap();
        }
        // The remedy of check for a directory that is missing.
        let new = new.replace("file:/srv/", "file:srv/");
        for url in files(&new, "url = ") {
            if let Some(output) = url.strip_prefix("file:") {
                place(output.into());
            }
        }
        let config = place("estreamer.toml".into());
        fs::write(&config, &new).unwrap();
        let checked = Ended::of(estreamer(&["check"]).arg(&config)).success();
        let shown = String::from_utf8(checked.stdout).unwrap();
        let sources = new.matches("\n[[source]]").count();
        assert_eq!(shown.matches("source ").count(), sources, "{shown}");
    }
}

#[test]
fn the_bookmarks_are_taken_from_another_directory_too() {
    let here = tempfile::tempdir().unwrap();
    let file = here.path().join("192.0.2.10-8302_bookmark.dat");
    fs::write(file, r#"{"1": 1700000000, "2": 1700000007}"#).unwrap();
    let mut command = estreamer(&["migrate", "--bookmarks"]);
    command.arg(here.path()).arg(data("migrate/json.conf"));
    let new = String::from_utf8(Ended::of(&mut command).success().stdout).unwrap();
    assert!(new.contains("\nfrom = \"1700000000\"\n"), "{new}");
}

#[test]
fn what_is_not_the_old_configuration_is_refused_with_its_place() {
    let here = tempfile::tempdir().unwrap();
    let file = here.path().join("estreamer.conf");
    for (text, words) in [
        (
            "{\n  \"enabled\": yes\n}\n",
            "estreamer.conf:2:14: this is not JSON",
        ),
        ("{\"start\": 2", "estreamer.conf:1:11: this is not JSON"),
        ("", "this is not JSON"),
        ("[1]", "not an object"),
    ] {
        fs::write(&file, text).unwrap();
        migrate(&file).failure(2, &[words, "the old client"]);
    }
    migrate(&here.path().join("none")).failure(2, &["cannot read", "none"]);
    // Nothing that is missing is an error.
    fs::write(&file, "{}").unwrap();
    let new = String::from_utf8(migrate(&file).success().stdout).unwrap();
    assert!(new.contains("names no server"), "{new}");
}
