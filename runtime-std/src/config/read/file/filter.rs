//! Reads the keys of an `[[output]]` about what it takes of the events.

use estreamer_core::fqe::is_field_set;

use crate::config::read::raw::At;
use crate::config::read::reader::Section;
use crate::config::{Condition, FieldSelection};

/// Reads `where`.
pub(super) fn condition(section: &Section<'_>) -> Option<At<Condition>> {
    let At { line, value } = section.text("where")?;
    match value.parse::<Condition>() {
        Ok(value) => Some(At { line, value }),
        Err(error) => {
            section.note(line, format!("where: {error}"), error.remedy().to_owned());
            None
        }
    }
}

/// Reads `keep_fields` and `drop_fields`, of which an output has one at most.
pub(super) fn fields(section: &Section<'_>) -> Option<At<FieldSelection>> {
    let keep = names(section, "keep_fields");
    let drop = names(section, "drop_fields");
    if let (Some((line, _)), true) = (section.get("drop_fields"), section.has("keep_fields")) {
        let what = "keep_fields and drop_fields exclude each other: a field that is not kept is \
                    dropped";
        section.note(line, what, "Remove drop_fields or keep_fields");
        return None;
    }
    let keep = keep.map(|At { line, value }| At {
        line,
        value: FieldSelection::keep(value),
    });
    let drop = drop.map(|At { line, value }| At {
        line,
        value: FieldSelection::drop(value),
    });
    keep.or(drop)
}

fn names(section: &Section<'_>, key: &str) -> Option<At<Vec<String>>> {
    let (line, _) = section.get(key)?;
    let names = section.list(key, |name| {
        let is_set = is_field_set(name);
        match is_set {
            false => Ok(name.to_owned()),
            true => Err("name single fields: an event does not say which field set a field is of"),
        }
    })?;
    let value = names.into_iter().map(|at| at.value).collect();
    Some(At { line, value })
}
