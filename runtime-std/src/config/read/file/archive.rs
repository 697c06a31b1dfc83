//! Reads the keys of an `[[output]]` about its files.

use crate::config::number::{KEEP_DAYS, KEEP_FILES};
use crate::config::read::keys::{KEEP, ROTATE};
use crate::config::read::reader::Section;
use crate::config::{ArchiveRules, Compression, Destination, Retention, Rotation};
use crate::quantity::{size, time};

/// The keys that make sense for files only.
const FILE_KEYS: [&str; 6] = ["rotate", "keep", "compress", "manifest", "mode", "group"];
/// The keys that need `rotate`.
const ROTATE_KEYS: [&str; 3] = ["keep", "compress", "manifest"];

/// Reads when files are closed, and what is done to them then; and the group of new
/// files.
pub(super) fn read(section: &Section<'_>, url: &Destination) -> (ArchiveRules, Option<u32>) {
    let table = section.table("rotate", ROTATE);
    let rotate = table.as_ref().map(|table| Rotation {
        size: table.read("size", size).map(|at| at.value),
        every: table.read("every", time).map(|at| at.value),
    });
    if let (Some(table), Some((line, _))) = (&table, section.get("rotate"))
        && !ROTATE.keys.iter().any(|key| table.has(key))
    {
        let remedy = "Use rotate = { size = \"256MiB\" }, { every = \"1h\" }, or both";
        section.note(line, "rotate has neither size nor every", remedy);
    }
    let keep = match section.get("keep") {
        Some((line, value)) if value.get_ref().is_array() => {
            let what = "keep: expected a table about closed files, found a list";
            let remedy = "Use keep_fields = [\"NAME\"] for the fields of events";
            section.note(line, what, remedy);
            None
        }
        _ => section.table("keep", KEEP),
    };
    let keep = keep.map(|table| Retention {
        files: table
            .has("files")
            .then(|| table.number("files", KEEP_FILES).into()),
        days: table
            .has("days")
            .then(|| table.number("days", KEEP_DAYS).into()),
        total: table.read("total", size).map(|at| at.value),
    });
    let is_file = matches!(url, Destination::File(_));
    // For a receiver, the key is about its requests.
    let compress = section
        .read("compress", |text| match is_file {
            true => compression(text).map(Some),
            false => Ok(None),
        })
        .and_then(|at| at.value);
    let manifest = section.flag("manifest");
    let group = section.read("group", group);
    for key in FILE_KEYS {
        if let Some((line, _)) = section.get(key)
            && !is_file
            && !url.keys().contains(&key)
        {
            let remedy = "Remove it, or use url = \"file:PATH\"";
            section.note(line, format!("{key} is for files only"), remedy);
        }
    }
    for key in ROTATE_KEYS.into_iter().filter(|_| is_file) {
        if let (Some((line, _)), false) = (section.get(key), section.has("rotate")) {
            let what = format!("{key} is about closed files, and nothing closes the file");
            section.note(line, what, "Add rotate = { size = \"256MiB\" }");
        }
    }
    let manifest = manifest.unwrap_or(rotate.is_some());
    for key in ["keep", "compress"] {
        if let (Some((line, _)), Some(_), false) = (section.get(key), rotate, manifest) {
            let what = format!("{key} needs the manifest, which proves the files to be ours");
            section.note(line, what, "Remove manifest = false");
        }
    }
    let rules = ArchiveRules {
        rotate,
        keep: keep.unwrap_or_default(),
        compress,
        manifest,
    };
    (rules, group.map(|at| at.value))
}

fn compression(text: &str) -> Result<Compression, &'static str> {
    match text {
        "zstd" if cfg!(feature = "archive") => Ok(Compression::Zstd),
        "gzip" if cfg!(feature = "archive") => Ok(Compression::Gzip),
        "zstd" | "gzip" => Err("this program was built without the feature archive"),
        _ => Err("use \"zstd\" or \"gzip\""),
    }
}

/// Looks up a group by name; a number stands for itself.
fn group(text: &str) -> Result<u32, String> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    match nix::unistd::Group::from_name(text) {
        Ok(Some(group)) => Ok(group.gid.as_raw()),
        Ok(None) => Err("use the name or the number of a group of this machine".into()),
        Err(error) => Err(format!("the group cannot be looked up: {error}")),
    }
}
