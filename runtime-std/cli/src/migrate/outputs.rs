//! The outputters of the old configuration, as outputs.

use std::fmt::Write;

use estreamer::config::Destination;
use serde_json::Value;

use super::quote::quoted;

/// An `[[output]]` for each outputter. One that cannot be had yet is shown in comments,
/// and a file of NDJSON stands in its place.
pub(super) fn write(old: &Value) -> String {
    let outputters = old.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut outputs = Outputs::default();
    for outputter in outputters {
        outputs.add(outputter);
    }
    if outputs.urls.is_empty() {
        outputs.text += "\n# The old configuration has no outputter that is enabled.\n";
        outputs.put("events", "file:events.ndjson");
    }
    outputs.text
}

#[derive(Default)]
struct Outputs {
    text: String,
    /// Those that are written to: no two may lead to one place.
    urls: Vec<String>,
    names: Vec<String>,
}

impl Outputs {
    fn add(&mut self, old: &Value) {
        let adapter = old["adapter"].as_str().unwrap_or("unknown");
        let name = old["name"].as_str().unwrap_or(adapter);
        let uri = old["stream"]["uri"].as_str().unwrap_or("relfile:///");
        if old["enabled"] == Value::Bool(false) {
            self.comment(&format!("\nSwitched off: {adapter} to {}.", quoted(uri)));
            return;
        }
        self.text.push('\n');
        if let Some(url) = url(uri).filter(|_| adapter == "json" && !self.is_taken(uri)) {
            if url.starts_with("file:") {
                self.comment(
                    "One file that grows. logrotate renames it; after SIGHUP a new one is made. \
                     The old",
                );
                self.comment("client's options rotate and maxLogs have no equivalent.");
            }
            self.put(name, &url);
            return;
        }
        let what = match self.is_taken(uri) && adapter == "json" {
            true => "Another output writes there already",
            false => "Not there yet",
        };
        self.comment(&format!(
            "{what}: events as {} to {}.",
            quoted(adapter),
            quoted(uri)
        ));
        self.comment("[[output]]");
        self.comment(&format!("name = {}", quoted(name)));
        self.comment(&format!("url = {}", quoted(uri)));
        self.comment(&format!("format = {}", quoted(adapter)));
        self.comment("In its place, as JSON, one event a line:");
        let plain: String = name
            .chars()
            .map(|letter| match letter.is_ascii_alphanumeric() {
                true => letter,
                false => '-',
            })
            .collect();
        let mut file = format!("file:{plain}.ndjson");
        let mut count = 2;
        while self.urls.contains(&file) {
            file = format!("file:{plain}-{count}.ndjson");
            count += 1;
        }
        self.put(name, &file);
    }

    /// Whether another output leads there.
    fn is_taken(&self, uri: &str) -> bool {
        url(uri).is_some_and(|url| self.urls.contains(&url))
    }

    fn put(&mut self, name: &str, url: &str) {
        let mut unique = name.to_owned();
        let mut count = 2;
        while self.names.contains(&unique) {
            unique = format!("{name}-{count}");
            count += 1;
        }
        // Writing to a String cannot fail.
        let _ = write!(
            self.text,
            "[[output]]\nname = {}\nurl = {}\n",
            quoted(&unique),
            quoted(url)
        );
        self.names.push(unique);
        self.urls.push(url.to_owned());
    }

    /// A comment; an empty line before it stays one.
    fn comment(&mut self, text: &str) {
        let bare = text.trim_start_matches('\n');
        self.text += &text[..text.len() - bare.len()];
        let _ = writeln!(self.text, "# {bare}");
    }
}

/// Our URL for a stream of JSON, if there is one: a path without the time that the old
/// client puts in place of `{0}`, a receiver of lines, or standard output.
fn url(uri: &str) -> Option<String> {
    let url = match uri.split_once("://")? {
        ("stdout", _) => "stdout:".to_owned(),
        ("relfile", path) => format!("file:{}", without_time(path.trim_start_matches('/'))),
        ("file", path) => format!("file:{}", without_time(path)),
        ("tcp", address) => format!("tcp://{address}"),
        _ => return None,
    };
    url.parse::<Destination>().ok().map(|_| url)
}

fn without_time(path: &str) -> String {
    path.replace(".{0}", "").replace("{0}", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_a_url_of_ours_where_there_is_one() {
        for (uri, expected) in [
            (
                "relfile:///data/json/encore.{0}.log",
                Some("file:data/json/encore.log"),
            ),
            ("file:///var/log/a.json", Some("file:/var/log/a.json")),
            ("tcp://127.0.0.1:5000", Some("tcp://127.0.0.1:5000")),
            ("stdout://", Some("stdout:")),
            ("udp://10.0.0.5:514", None),
            ("tcp://10.0.0.5", None),
            ("relfile:///", None),
            ("", None),
        ] {
            assert_eq!(url(uri).as_deref(), expected, "{uri}");
        }
    }
}
