//! Golden files and the tables of the pages. `ESTREAMER_BLESS=1` writes them anew.

use std::fs;
use std::path::{Path, PathBuf};

use estreamer_core::fqe::EventKind;
use estreamer_core::wire::RecordType;
use estreamer_mio::buffer::{EventRecord, RecordKind};
use estreamer_simulate::generator::{Generator, GeneratorOptions, field_names, render_json};

use super::class::EventClass;
use super::csv::Columns;
use super::head::HeadState;
use super::table::{Row, Source, Table};
use super::{Format, Formatter, OwnedTransform, RecordOrigin};
use super::{ecs, ocsf};
use crate::digest::Digest;

/// Generated events of each type in a golden file.
const GENERATED: usize = 4;

/// The formats with a mapping table.
fn dialects() -> impl Iterator<Item = (Format, &'static Table)> {
    let formats = Format::ALL.iter().map(|(format, _, _)| *format);
    formats.filter_map(|format| Some((format, format.dialect()?.table())))
}

/// Real and generated events: type, archival second, JSON.
fn events() -> Vec<(EventKind, u32, Vec<u8>)> {
    let real = root().join("tests/data/real-events.ndjson");
    let real = fs::read_to_string(real).unwrap();
    let mut events: Vec<_> = real
        .lines()
        .map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            let kind = EventKind::from_name(event["EventType"].as_str().unwrap()).unwrap();
            (kind, 1_750_000_000, line.as_bytes().to_vec())
        })
        .collect();
    let mut generator = Generator::new(GeneratorOptions {
        awkward_percent: 50,
        ..GeneratorOptions::default()
    });
    for kind in EventKind::ALL {
        let events_of_kind = generator.by_ref().filter(|event| event.kind == kind);
        events.extend(events_of_kind.take(GENERATED).map(|event| {
            let mut json = Vec::new();
            render_json(&event, None, &mut json);
            (kind, event.archival, json)
        }));
    }
    events
}

fn formatted(format: Format, kind: EventKind) -> Vec<u8> {
    let mut formatter = Formatter::new(format);
    let names = field_names(kind).all.iter().map(|&name| name.to_owned());
    // The last field is in the column for the rest.
    let columns = Columns::new(Some(kind), names.rev().skip(1).collect());
    let mut out = Vec::new();
    let mut head = formatter.head(&columns);
    for (_, archival, data) in events().iter().filter(|(other, _, _)| *other == kind) {
        let record = EventRecord {
            kind: RecordKind::Event,
            record_type: RecordType(kind.record_type().0),
            archival: Some(*archival),
            bundle: None,
            length: data.len() as u32,
            data,
        };
        let origin = RecordOrigin {
            source: "fmc",
            transform: &OwnedTransform::Json,
            received: 1_750_000_001,
            columns: &columns,
        };
        formatter.append(origin, &record, Some(Digest::new(7)), &mut out);
    }
    formatter.complete(Path::new(""), &mut head);
    let mut all = HeadState::default().missing(&head, 0);
    all.extend_from_slice(&out);
    all
}

#[test]
fn every_format_writes_what_its_golden_file_has() {
    for (format, name, _) in Format::ALL {
        if matches!(format, Format::Lines | Format::Raw) {
            continue;
        }
        for kind in EventKind::ALL {
            let extension = match format {
                Format::Pcapng if kind != EventKind::Packet => continue,
                Format::Pcapng => "pcapng",
                Format::Csv => "csv",
                _ => "txt",
            };
            let path = format!(
                "runtime-std/tests/formats/{name}/{}.{extension}",
                kind.name()
            );
            check(&path, &formatted(*format, kind));
        }
    }
}

#[test]
fn every_table_is_well_formed_and_names_real_fields() {
    for (format, table) in dialects() {
        assert!(table.errors.is_empty(), "{format}: {:?}", table.errors);
    }
    for layout in [&ecs::LAYOUT, &ocsf::LAYOUT] {
        assert!(layout.errors.is_empty(), "{:?}", layout.errors);
    }
}

#[test]
fn the_page_of_every_dialect_has_its_table() {
    for (format, table) in dialects() {
        let path = format!("docs/formats/{format}.md");
        let page = fs::read_to_string(root().join(&path)).unwrap_or_default();
        let (head, _) = page.split_once("\n## Fields\n").unwrap_or((&page, ""));
        let mut expected = format!("{head}\n## Fields\n");
        for class in EventClass::ALL {
            expected += &section(table, class);
        }
        check(&path, expected.as_bytes());
    }
}

/// The section of an event type. Malware has one if its rows are its own.
fn section(table: &Table, class: EventClass) -> String {
    let kind = class.kind();
    let same =
        |row: &Row| row.is_for(Some(EventClass::File)) == row.is_for(Some(EventClass::Malware));
    let has_malware = !table.rows.iter().all(same);
    let mut text = match class {
        EventClass::Malware if !has_malware => return String::new(),
        EventClass::Malware => format!("\n### {} of malware\n\n", kind.name()),
        _ => format!("\n### {}\n\n", kind.name()),
    };
    text += "| field | target | written as |\n|---|---|---|\n";
    let fields = field_names(kind).all;
    let kind = Some(class);
    let is_sent = |row: &&Row| match row.source {
        Source::Field(name) => fields.contains(&name),
        _ => true,
    };
    let of_kind = || table.rows.iter().filter(|row| row.is_for(kind));
    for row in of_kind().filter(is_sent) {
        let source = row.source.shown();
        text += &format!("| {source} | `{}` | {} |\n", row.target, row.written_as);
    }
    let is_home =
        |row: &Row, name: &str| row.is_home(kind) && row.source.shown() == format!("`{name}`");
    let has_home = |name: &str| of_kind().any(|row| is_home(row, name));
    let homeless: Vec<String> = fields
        .iter()
        .filter(|name| !has_home(name))
        .map(|name| format!("`{name}`"))
        .collect();
    if !homeless.is_empty() {
        text += &format!("\nUnder their own names: {}.\n", homeless.join(", "));
    }
    let other: Vec<String> = of_kind()
        .filter(|row| !is_sent(row) && !row.is_copy)
        .filter_map(|row| match row.source {
            Source::Field(name) => Some(format!("`{name}` → `{}`", row.target)),
            _ => None,
        })
        .collect();
    if !other.is_empty() {
        text += &format!("\nIf they are there: {}.\n", other.join(", "));
    }
    text
}

/// Compares a file with what it has to be, or writes it.
fn check(path: &str, expected: &[u8]) {
    let file = root().join(path);
    if std::env::var_os("ESTREAMER_BLESS").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, expected).unwrap();
    }
    let found = fs::read(&file).unwrap_or_default();
    assert!(
        found == expected,
        "{path} is stale: with ESTREAMER_BLESS=1, this test writes it"
    );
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
