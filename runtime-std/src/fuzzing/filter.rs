//! Conditions and selections of fields, applied to events.

use crate::config::{Condition, FieldSelection, Format};
use crate::event::EventIndex;
use crate::format::written;

/// Reads a condition and applies it to an event, and writes the event without some of its
/// fields. The input is a condition, an event, and names of fields, separated by the byte
/// 255.
pub fn filter(data: &[u8]) {
    let mut parts = data.split(|byte| *byte == 255);
    let text = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let event = parts.next().unwrap_or_default();
    let names = parts.map(|name| String::from_utf8_lossy(name).into_owned());
    let names: Vec<String> = names.collect();
    condition(&text, event);
    selection(event, names);
}

fn condition(text: &str, event: &[u8]) {
    let condition: Condition = match text.parse() {
        Ok(condition) => condition,
        Err(error) => {
            let said = format!("{error}. {}", error.remedy());
            assert!(!said.contains(char::is_control), "{said:?} is one line");
            assert!(said.chars().count() < 400, "{said:?} is short");
            return;
        }
    };
    let shown = condition.to_string();
    let again: Result<Condition, _> = shown.parse();
    assert_eq!(
        again.as_ref(),
        Ok(&condition),
        "{shown} reads back the same"
    );
    let opposite: Condition = match format!("not ({shown})").parse() {
        Ok(opposite) => opposite,
        // One level too deep, or a few bytes too long.
        Err(_) => return,
    };
    assert!(condition.fields().len() <= 256);
    let mut index = EventIndex::default();
    if let Ok(event) = index.read(event) {
        let mut buffer = String::new();
        let is_met = condition.is_met(&event, &mut buffer);
        assert_eq!(condition.is_met(&event, &mut buffer), is_met);
        assert_ne!(opposite.is_met(&event, &mut buffer), is_met, "{shown}");
    }
}

fn selection(data: &[u8], names: Vec<String>) {
    let mut index = EventIndex::default();
    let Ok(event) = index.read(data) else {
        return;
    };
    let (keep, drop) = (
        FieldSelection::keep(names.clone()),
        FieldSelection::drop(names),
    );
    let members = 0..event.len();
    let (kept, left): (Vec<usize>, Vec<usize>) = members
        .clone()
        .partition(|&member| keep.writes(event.name(member)));
    let object = |members: &[usize]| {
        let members: Vec<&str> = members.iter().map(|&it| event.member(it)).collect();
        format!("{{{}}}\n", members.join(",")).replace(['\r', '\n'], " ")
    };
    for (fields, members) in [(keep, kept), (drop, left)] {
        let line = written(Format::Lines, &fields, data);
        let text = String::from_utf8(line).expect("it is text");
        assert_eq!(text.replace('\n', " "), object(&members));
        assert!(text.ends_with('\n') && text.lines().count() == 1);
        for (format, name, _) in Format::ALL.iter().filter(|it| it.0.selects()) {
            let out = written(*format, &fields, data);
            let lines = out.iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(lines, 1, "{name} is one line");
        }
    }
}
