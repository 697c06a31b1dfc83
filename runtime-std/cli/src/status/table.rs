//! The status as tables.

use std::fmt::Write;

use estreamer::telemetry::words::{period, size};
use estreamer::telemetry::{Output, Source, Status, Trouble};

/// Returns the status as text whose lines fit this number of characters.
pub(super) fn write(status: &Status, width: usize) -> String {
    let mut text = String::new();
    let process = &status.process;
    let mut line = |line: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", cut(&line, width));
    };
    line(format!(
        "estreamer {}, process {}, {} for {}",
        process.version,
        process.pid,
        status.state,
        period(status.at - process.started)
    ));
    let resident = process
        .resident_bytes
        .map_or(String::new(), |bytes| format!(", {} resident", size(bytes)));
    let (used, limit) = (status.memory.used_bytes, status.memory.limit_bytes);
    line(format!(
        "events in memory: {} of {}{resident}",
        size(used),
        size(limit)
    ));
    line(String::new());
    let sources: Vec<Vec<String>> = status
        .sources
        .iter()
        .map(|it| source(it, status.at))
        .collect();
    for row in table(SOURCE, &sources, width) {
        line(row);
    }
    line(String::new());
    let outputs: Vec<Vec<String>> = status.outputs.iter().map(output).collect();
    for row in table(OUTPUT, &outputs, width) {
        line(row);
    }
    let problems = status.problems();
    if !problems.is_empty() {
        line(String::new());
    }
    for problem in problems {
        wrapped(&format!("! {problem}."), width, &mut line);
    }
    for source in &status.sources {
        if let Some(Trouble {
            what, remedy, at, ..
        }) = &source.trouble
        {
            let ago = period(status.at - at);
            let stop = if remedy.is_empty() { "" } else { ". " };
            let text = format!("{}, {ago} ago: {what}{stop}{remedy}.", source.name);
            wrapped(&text, width, &mut line);
        }
    }
    text
}

/// The columns, the most important first: those that do not fit are left out.
const SOURCE: &[&str] = &[
    "source", "state", "events", "per s", "lag", "waiting", "bookmark", "server", "cert",
    "own cert",
];
const OUTPUT: &[&str] = &[
    "output", "state", "backlog", "latency", "written", "retries", "dropped", "filtered",
];

fn source(source: &Source, now: f64) -> Vec<String> {
    let days = |days: Option<i64>| days.map_or("-".to_owned(), |days| format!("{days} d"));
    let state = match source.until {
        Some(until) if until > now => format!("waiting {}", period(until - now)),
        _ => source.state.to_string(),
    };
    let bookmark = source.bookmark.as_ref().and_then(|it| it.age);
    vec![
        source.name.clone(),
        state,
        source.accepted.events.to_string(),
        format!("{:.0}", source.rate.accepted),
        source.lag.map_or("-".into(), period),
        source.in_flight.to_string(),
        bookmark.map_or("-".into(), |age| format!("{} ago", period(age))),
        source.server.clone().unwrap_or_default(),
        days(source.server_certificate.as_ref().map(|it| it.days_left)),
        days(Some(source.identity.days_left)),
    ]
}

fn output(output: &Output) -> Vec<String> {
    let mean = match output.latency.count {
        0 => "-".to_owned(),
        count => format!("{:.1} ms", output.latency.sum / count as f64 * 1000.0),
    };
    vec![
        output.name.clone(),
        if output.failure.is_some() {
            "failing"
        } else {
            "works"
        }
        .to_owned(),
        size(output.backlog.bytes),
        mean,
        size(output.bytes),
        output.retries.to_string(),
        output.dropped.to_string(),
        output.filtered.to_string(),
    ]
}

/// Returns the lines of a table with as many columns as fit.
fn table(columns: &[&str], rows: &[Vec<String>], width: usize) -> Vec<String> {
    let length = |text: &str| text.chars().count();
    let header: Vec<String> = columns.iter().map(|&name| name.to_owned()).collect();
    let all = || std::iter::once(&header).chain(rows);
    // The first column takes at most a third.
    let widths: Vec<usize> = (0..columns.len())
        .map(|index| {
            all()
                .filter_map(|row| row.get(index))
                .map(|cell| length(cell))
                .max()
        })
        .enumerate()
        .map(|(index, widest)| match (index, widest.unwrap_or(0)) {
            (0, widest) => widest.min(width / 3),
            (_, widest) => widest,
        })
        .collect();
    let mut used = 0;
    let fitting = widths.iter().take_while(|&&of| {
        used += of + 2;
        used <= width + 2
    });
    let fitting = fitting.count();
    let shown = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).take(fitting);
        let cells = cells.map(|(cell, &width)| format!("{:<width$}", cut(cell, width)));
        let cells: Vec<String> = cells.collect();
        cells.join("  ").trim_end().to_owned()
    };
    all().map(shown).collect()
}

/// Truncates a text to this number of characters. Control characters become spaces.
fn cut(text: &str, width: usize) -> String {
    let clean = |character: char| {
        if character.is_control() {
            ' '
        } else {
            character
        }
    };
    match text.chars().count() > width {
        true => {
            let short: String = text
                .chars()
                .take(width.saturating_sub(1))
                .map(clean)
                .collect();
            format!("{short}…")
        }
        false => text.chars().map(clean).collect(),
    }
}

/// Breaks a text into lines at its spaces.
fn wrapped(text: &str, width: usize, line: &mut impl FnMut(String)) {
    let mut current = String::new();
    for word in text.split(' ') {
        let length = current.chars().count() + 1 + word.chars().count();
        if !current.is_empty() && length > width {
            line(std::mem::replace(&mut current, String::from(" ")));
        }
        if !current.is_empty() {
            current.push(' ');
        }
        current.push_str(word);
    }
    line(current);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_leaves_out_the_columns_that_do_not_fit() {
        let row = |cells: &[&str]| cells.iter().map(|&cell| cell.to_owned()).collect();
        let rows = [row(&["a-long-name-of-a-source", "connected", "1234567"])];
        let columns = ["source", "state", "events"];
        assert_eq!(
            table(&columns, &rows, 100)[1],
            "a-long-name-of-a-source  connected  1234567"
        );
        let narrow = table(&columns, &rows, 40);
        assert_eq!(narrow[1], "a-long-name-…  connected  1234567");
        let narrowest = table(&columns, &rows, 21);
        assert_eq!(narrowest[1], "a-long…  connected");
        assert!(cut("a\u{1b}[2Jb", 10).chars().all(|it| !it.is_control()));
    }

    #[test]
    fn a_text_is_broken_at_its_spaces() {
        let mut lines = Vec::new();
        wrapped("one two three four", 10, &mut |line| lines.push(line));
        assert_eq!(lines, ["one two", "  three", "  four"]);
    }
}
