//! The page about monitoring, the alerts and the dashboard name what there is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use estreamer_tests::Ended;
use estreamer_tests::http::{get, listening};

use crate::status::{settled, world};

fn root(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(root(name)).unwrap()
}

/// The families of the metrics: name with the suffix of a counter, type and meaning.
fn families(metrics: &str) -> BTreeSet<(String, String, String)> {
    let mut help = None;
    let mut families = BTreeSet::new();
    for line in metrics.lines() {
        if let Some(line) = line.strip_prefix("# HELP ") {
            help = line.split_once(' ');
        } else if let Some(line) = line.strip_prefix("# TYPE ") {
            let (name, kind) = line.split_once(' ').unwrap();
            let (of, help) = help.unwrap();
            assert_eq!(of, name);
            let help = help.trim_end_matches('.').to_owned();
            families.insert((name.to_owned(), kind.to_owned(), help));
        }
    }
    families
}

/// The names of metrics in a query.
fn named(query: &str) -> impl Iterator<Item = &str> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let words = query.split(move |character| !is_part(character));
    words.filter(|word| word.starts_with("estreamer_"))
}

#[test]
fn the_page_lists_every_metric_with_its_type_and_meaning() {
    let (_fleet, _servers, running) = world();
    let address = listening(&running);
    settled(&address);
    let metrics = get(&address, "/metrics").body;
    let served = families(&metrics);
    let page = text("docs/monitoring.md");
    let mut listed = BTreeSet::new();
    for row in page.lines().filter(|row| row.starts_with("| `estreamer_")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, unit, labels, meaning] = cells[..] else {
            panic!("{row}");
        };
        let name = name.trim_matches('`');
        for unit in ["seconds", "bytes", "events", "records", "batches"] {
            let is_said = name
                .trim_end_matches("_total")
                .ends_with(&format!("_{unit}"));
            assert_eq!(is_said, unit == cells[2], "{row}");
        }
        assert!(unit.chars().all(|it| it.is_ascii_lowercase()), "{row}");
        // A sample of it, if there is one, has these labels.
        let sample = if kind == "histogram" {
            format!("{name}_bucket{{")
        } else {
            format!("{name}{{")
        };
        if let Some(line) = metrics.lines().find(|line| line.starts_with(&sample)) {
            let inside = line.split_once('{').unwrap().1.rsplit_once('}').unwrap().0;
            let mut found: Vec<&str> = inside
                .split("\",")
                .map(|label| label.split_once('=').unwrap().0)
                .collect();
            let mut said: Vec<&str> = labels.split(", ").collect();
            found.sort_unstable();
            said.sort_unstable();
            assert_eq!(found, said, "{line}");
        }
        listed.insert((name.to_owned(), kind.to_owned(), meaning.to_owned()));
    }
    assert_eq!(listed, served);
    running.stop().success();
}

#[test]
fn the_page_lists_every_cause_and_every_alert() {
    let (_fleet, _servers, running) = world();
    let address = listening(&running);
    let status = settled(&address);
    let page = text("docs/monitoring.md");
    for end in crate::status::source(&status, "away")["ends"]
        .as_array()
        .unwrap()
    {
        let row = format!("\n| `{}` | ", end["name"].as_str().unwrap());
        assert!(page.contains(&row), "{row}");
    }
    let rules = text("packaging/prometheus/estreamer.rules.yml");
    let tests = text("packaging/prometheus/estreamer.test.yml");
    let alerts = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    let mut count = 0;
    for alert in alerts {
        let severity = rules.split_once(&format!("alert: {alert}\n")).unwrap().1;
        let severity = severity.split_once("severity: ").unwrap().1;
        let severity = severity.lines().next().unwrap();
        assert!(
            page.contains(&format!("\n| `{alert}` | {severity} | ")),
            "{alert}"
        );
        assert!(
            tests.contains(&format!("alertname=\"{alert}\"")),
            "{alert} is tested"
        );
        count += 1;
    }
    assert_eq!(page.matches("\n| `Estreamer").count(), count);
    running.stop().success();
}

#[test]
fn the_alerts_and_the_dashboard_ask_for_metrics_that_exist() {
    let (_fleet, _servers, running) = world();
    let address = listening(&running);
    settled(&address);
    let served = families(&get(&address, "/metrics").body);
    let exists = |name: &str| {
        let name = name.strip_suffix("_bucket").unwrap_or(name);
        served.iter().any(|(of, ..)| of == name)
    };
    let rules = text("packaging/prometheus/estreamer.rules.yml");
    // Comments and descriptions may name them, too.
    let mut names: BTreeSet<&str> = named(&rules).collect();
    let tests = text("packaging/prometheus/estreamer.test.yml");
    names.extend(named(&tests));
    let dashboard = text("packaging/grafana/estreamer.json");
    let dashboard: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut queries = 0;
    for panel in panels {
        for target in panel["targets"].as_array().unwrap() {
            let query = target["expr"].as_str().unwrap();
            assert!(named(query).next().is_some(), "{query}");
            names.extend(named(query));
            queries += 1;
        }
    }
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    names.extend(
        variables
            .iter()
            .flat_map(|it| named(it["query"].as_str().unwrap())),
    );
    assert!(queries >= panels.len() && panels.len() > 10);
    for name in names {
        assert!(exists(name), "{name}");
    }
    running.stop().success();
}

#[test]
#[ignore = "needs promtool: cargo xtask interop"]
fn promtool_accepts_the_metrics_the_alerts_and_their_tests() {
    let (fleet, _servers, running) = world();
    let address = listening(&running);
    settled(&address);
    let path = fleet.path("metrics");
    fs::write(&path, get(&address, "/metrics").body).unwrap();
    let mut check = Command::new("promtool");
    check
        .args(["check", "metrics"])
        .stdin(Stdio::from(fs::File::open(path).unwrap()));
    let ended = Ended::of(&mut check).success();
    assert_eq!((&*ended.stdout, &*ended.stderr), (&b""[..], ""));
    for (task, file) in [("check", "rules.yml"), ("test", "test.yml")] {
        let mut promtool = Command::new("promtool");
        promtool.args([task, "rules", &format!("estreamer.{file}")]);
        promtool.current_dir(root("packaging/prometheus"));
        Ended::of(&mut promtool).success();
    }
    running.stop().success();
}
