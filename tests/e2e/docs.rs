//! What the pages say is all there is.

use std::fs;
use std::path::Path;

use estreamer_core::quirk::Quirk;
use estreamer_core::wire::RecordLength;
use estreamer_simulate::chaos::ChaosKind;
use estreamer_simulate::tamper::SHOWN;

/// Whatever the protocol page calls by a name exists, and nothing is left out.
#[test]
fn every_quirk_and_every_reading_is_in_the_protocol_page() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/protocol.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, table) = page.split_once("\n## Every deviation by name\n").unwrap();
    let rows: Vec<&str> = table.lines().filter(|row| row.starts_with("| `")).collect();
    assert_eq!(rows.len(), Quirk::ALL.len());
    for (row, quirk) in rows.iter().zip(Quirk::ALL) {
        let cells: Vec<&str> = row.split(" | ").collect();
        assert_eq!(cells.len(), 3, "{row}");
        let expected = [format!("| `{quirk}`"), quirk.description().to_owned()];
        assert_eq!(cells[..2], expected, "with its source behind it");
    }
    let readings = page.split_once("\n### What the record length counts\n");
    let (readings, _) = readings.unwrap().1.split_once("\n1. ").unwrap();
    for setting in RecordLength::ALL.iter().skip(1) {
        assert!(
            readings.contains(&format!(" | `{setting}` | ")),
            "{setting}"
        );
    }
}

#[test]
fn every_quirk_and_every_kind_of_chaos_is_in_the_page_with_its_sentence() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/testing-your-client.md");
    let page = fs::read_to_string(page).unwrap();
    for quirk in Quirk::SERVER.iter().chain(SHOWN) {
        let row = format!("| `{quirk}` | {} |", quirk.description());
        assert!(page.contains(&row), "no {row}");
    }
    for kind in ChaosKind::ALL {
        let row = format!("| `{kind}` | {} |", kind.sentence());
        assert!(page.contains(&row), "no {row}");
    }
}

/// Every message that the page of the log explains is one that the program can write.
#[test]
fn every_message_in_the_page_of_the_log_is_in_the_source() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(root.join("docs/log.md")).unwrap();
    let (_, tables) = page.split_once("\n## About a source\n").unwrap();
    let mut source = String::new();
    for folder in [
        "runtime-std/src",
        "runtime-std/cli/src/log",
        "runtime-mio/src",
    ] {
        read_all(&root.join(folder), &mut source);
    }
    let mut messages = 0;
    for row in tables.lines().filter(|line| line.starts_with("| `")) {
        let (message, _) = row[3..].split_once('`').unwrap();
        for part in message.split('…') {
            let part = part.trim_matches([' ', ':', '.']);
            assert!(source.contains(part), "no {part:?} of {message:?}");
        }
        messages += 1;
    }
    assert!(messages > 40, "{messages}");
}

/// The text of all files under a folder, with broken strings joined.
fn read_all(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, text);
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let file = fs::read_to_string(&path).unwrap();
        for line in file.lines() {
            let line = line.trim_start();
            match line.strip_suffix('\\') {
                Some(begin) => text.push_str(begin),
                None => {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
    }
}
