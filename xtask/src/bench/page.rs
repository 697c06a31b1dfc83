//! Pictures and tables in the pages, which are made of the tables in `docs/speed`.
//!
//! A page has a block for each: `<!-- bench: KIND TOPIC -->`, what is made, and
//! `<!-- /bench -->`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::data::Data;
use super::instructions;
use super::table;
use super::topics::{TOPICS, Topic};
use crate::{Result, tree};

/// The pages with blocks.
const PAGES: [&str; 2] = ["docs/speed.md", "docs/sizing.md"];

const BEGIN: &str = "<!-- bench: ";
const AFTER: &str = " -->";
const END: &str = "<!-- /bench -->";

/// Draws all pictures, and writes the blocks of all pages.
pub(super) fn draw() -> Result {
    for (path, text) in made()? {
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", tree::shown(&path)))?;
    }
    Ok(())
}

/// The files that show something else than the tables they are made of.
pub(super) fn stale() -> Result<Vec<String>> {
    let made = made()?;
    let is_stale = |(path, text): &(&PathBuf, &String)| {
        std::fs::read_to_string(path).ok().as_ref() != Some(*text)
    };
    let stale = made.iter().filter(is_stale);
    Ok(stale.map(|(path, _)| tree::shown(path)).collect())
}

/// Every file that is made, with its text.
fn made() -> Result<BTreeMap<PathBuf, String>> {
    let mut data = BTreeMap::new();
    let mut files = BTreeMap::new();
    for topic in &TOPICS {
        let measured = Data::read(topic.name)
            .map_err(|error| format!("{error}; `cargo xtask bench {}` measures it", topic.name))?;
        let picture = topic.picture(&measured);
        let picture = picture.map_err(|error| format!("{}: {error}", topic.name))?;
        files.insert(Data::path(topic.name).with_extension("svg"), picture);
        data.insert(topic.name, measured);
    }
    data.insert(instructions::NAME, Data::read(instructions::NAME)?);
    for page in PAGES {
        let path = tree::root().join(page);
        let text = filled(&tree::read(&path)?, &data);
        files.insert(path, text.map_err(|error| format!("{page}: {error}"))?);
    }
    Ok(files)
}

/// The page with its blocks made anew.
fn filled(page: &str, data: &BTreeMap<&str, Data>) -> Result<String> {
    let mut parts = page.split(BEGIN);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(AFTER).ok_or("a block without a name")?;
        let (_, rest) = rest
            .split_once(END)
            .ok_or_else(|| format!("the block {name:?} has no {END}"))?;
        let block = block(name, data)?;
        text += &format!("{BEGIN}{name}{AFTER}\n{block}\n{END}{rest}");
    }
    Ok(text)
}

/// What is between the two lines of a block.
fn block(name: &str, data: &BTreeMap<&str, Data>) -> Result<String> {
    let unknown = || format!("there is no block {name:?}");
    let (kind, topic) = name.split_once(' ').ok_or_else(unknown)?;
    let data = data.get(topic).ok_or_else(unknown)?;
    match kind {
        // A blank line, because a comment begins a block of HTML in Markdown.
        "picture" => {
            let title = Topic::named(topic).map_or(topic, |topic| topic.title);
            Ok(format!("\n![{title}](speed/{topic}.svg)\n"))
        }
        "table" => Ok(format!("\n{}\n\n{}\n", data.table(), data.caption())),
        "ratios" => Ok(format!("\n{}\n", table::ratios(data)?)),
        "answer" => Ok(format!("\n{}\n", table::answer(data)?)),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> BTreeMap<&'static str, Data> {
        let mut data = Data::new(&["output", "CPU, µs/event", "events/s on one core"]);
        data.push(["file", "2.50", "400000"].map(String::from).into());
        data.note("machine", "a machine");
        data.note("date", "a day");
        data.note("runs", "best of 3");
        BTreeMap::from([("outputs", data)])
    }

    #[test]
    fn a_block_is_made_of_its_table_and_the_rest_stays() {
        let page = format!("a\n{BEGIN}table outputs{AFTER}\nold\n{END}\nb\n");
        let made = filled(&page, &data()).unwrap();
        assert!(made.starts_with("a\n") && made.ends_with("\nb\n"), "{made}");
        assert!(made.contains("| file | 2.50 | 400,000 |"), "{made}");
        assert!(made.contains("a machine, a day; best of 3"), "{made}");
        assert!(!made.contains("old"), "{made}");
        assert_eq!(filled(&made, &data()).unwrap(), made);
        let mut other = data();
        other
            .get_mut("outputs")
            .unwrap()
            .push(["a", "1", "2"].map(String::from).into());
        assert_ne!(filled(&made, &other).unwrap(), made);
    }

    #[test]
    fn a_block_that_cannot_be_made_is_named() {
        for (page, part) in [
            (format!("{BEGIN}table inputs{AFTER}\n{END}"), "table inputs"),
            (format!("{BEGIN}poem outputs{AFTER}\n{END}"), "poem outputs"),
            (format!("{BEGIN}table outputs{AFTER}\n"), END),
        ] {
            let error = filled(&page, &data()).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_picture_follows_its_table() {
        let picture = |data: &Data| Topic::named("outputs").unwrap().picture(data).unwrap();
        let before = data().remove("outputs").unwrap();
        let mut after = before.clone();
        after.push(["tcp", "5.00", "200000"].map(String::from).into());
        let (before, after) = (picture(&before), picture(&after));
        assert!(!before.contains(">tcp<") && after.contains(">tcp<"));
        assert!(after.contains("file 2.5; tcp 5"), "{after}");
        assert!(after.contains("a machine"), "{after}");
    }
}
