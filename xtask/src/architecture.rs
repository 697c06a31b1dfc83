//! `cargo xtask architecture`: the picture of crates and of the folders in them,
//! `docs/architecture.svg`, from what imports what.

use std::collections::{BTreeMap, BTreeSet};

use crate::circles::{self, Imports, Module};
use crate::svg::Svg;
use crate::{Result, process, tree};

const PICTURE: &str = "docs/architecture.svg";

/// Packages that are not part of the product.
const LEFT_OUT: [&str; 2] = ["tests", "xtask"];
/// Files at the top of a crate with fewer lines are left out.
const SMALL: usize = 100;

/// Sizes in pixels: a box in a crate, the space around it, the title of a crate.
const BOX: f64 = 28.0;
const GAP: f64 = 14.0;
const BETWEEN_ROWS: f64 = 40.0;
const TITLE: f64 = 52.0;
const CORNER: u32 = 8;

const SHOWS: &str = "The crates, the folders in them, and what imports what";

const STYLE: &str =
    "  text { font: 14px system-ui, sans-serif; fill: #1f2933; text-anchor: middle }
  .name { font-weight: 600; font-size: 16px }
  .path { font: 12px ui-monospace, monospace; fill: #52606d }
  .crate { fill: #f5f7fa; stroke: #9aa5b1 }
  .part { fill: #ffffff; stroke: #2680c2 }
  .arrow { fill: none; stroke: #7b8794; stroke-width: 1.3 }
  .uses { fill: none; stroke: #1f2933; stroke-width: 2 }
  .tip { fill: #7b8794 } .end { fill: #1f2933 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e4e7eb } .path { fill: #9aa5b1 }
    .crate { fill: #1f2933; stroke: #52606d } .part { fill: #323f4b; stroke: #4098d7 }
    .uses { stroke: #cbd2d9 } .end { fill: #cbd2d9 }
  }
";

const ARROWHEADS: &str = r#"<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="tip" d="M0 0 8 4 0 8z"/></marker>
<marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto"><path class="end" d="M0 0 8 4 0 8z"/></marker>"#;

/// Draws the picture anew.
pub(crate) fn run() -> Result {
    std::fs::write(tree::root().join(PICTURE), draw()?)
        .map_err(|error| format!("{PICTURE}: {error}"))
}

/// Whether the picture shows something else than the tree.
pub(crate) fn is_stale() -> Result<Option<String>> {
    let is_stale = tree::read(&tree::root().join(PICTURE)).ok() != Some(draw()?);
    Ok(is_stale.then(|| format!("{PICTURE} is stale; `cargo xtask architecture` draws it anew")))
}

/// The whole picture: a row of crates for each layer, the lowest at the bottom.
fn draw() -> Result<String> {
    if let Some(circle) = circles::find()?.first() {
        return Err(format!("{circle}; the picture needs an order"));
    }
    let (folders, uses) = crates()?;
    let mut modules = circles::crates()?;
    let mut inner = BTreeMap::new();
    for (name, folder) in &folders {
        let files = modules.remove(&tree::root().join(folder).join("src"));
        let size = |name: &str| (name.len() as f64 * 8.0 + 24.0, BOX);
        let layout = Layout::of(&parts(&files.unwrap_or_default()), size);
        inner.insert(name.as_str(), layout);
    }
    let outer = Layout::of(&uses, |name| {
        let Layout { width, height, .. } = inner[name];
        (width.max(190.0) + 3.0 * GAP, height + TITLE + GAP)
    });
    let (width, height) = (outer.width + 2.0 * GAP, outer.height + 2.0 * GAP);
    let mut svg = Svg::new((width, height), SHOWS, STYLE);
    svg.element(ARROWHEADS);
    outer.arrows(&mut svg, (GAP, GAP), "uses", "end");
    for (name, place) in outer.shown() {
        let (x, y) = (place.x + GAP, place.y + GAP);
        let middle = x + place.width / 2.0;
        svg.rectangle("crate", CORNER, (x, y), (place.width, place.height));
        svg.text("name", (middle, y + 24.0), name);
        svg.text("path", (middle, y + 41.0), &folders[name]);
        let layout = &inner[name];
        let (x, y) = (middle - layout.width / 2.0, y + TITLE);
        layout.arrows(&mut svg, (x, y), "arrow", "tip");
        for (part, place) in layout.shown() {
            let (x, y) = (x + place.x, y + place.y);
            svg.rectangle("part", CORNER, (x, y), (place.width, place.height));
            svg.text("label", (x + place.width / 2.0, y + 19.0), part);
        }
    }
    Ok(svg.finish())
}

/// The folder of each crate of the product, and the crates it is built on.
fn crates() -> Result<(BTreeMap<String, String>, Imports)> {
    let mut command = process::cargo();
    command.args(["tree", "--workspace", "--edges=normal", "--depth=1"]);
    let tree = process::read(command.args(["--prefix=depth", "--no-dedupe"]))?;
    let root = format!("({}/", tree::root().display());
    let (mut folders, mut uses) = (BTreeMap::new(), Imports::new());
    let mut user = None;
    // `1estreamer-core v0.1.0 (/path/of/the/tree/core)` is used by the last one with 0.
    for line in tree.lines() {
        let (Some((name, _)), Some((_, folder))) = (line.split_once(' '), line.split_once(&root))
        else {
            continue;
        };
        let folder = folder.split(')').next().unwrap_or_default();
        if let Some(name) = name.strip_prefix('0') {
            let is_shown = !LEFT_OUT.contains(&folder);
            user = is_shown.then(|| uses.entry(name.to_owned()).or_default());
            folders.extend(is_shown.then(|| (name.to_owned(), folder.to_owned())));
        } else if let Some(uses) = &mut user {
            uses.insert(name[1..].to_owned());
        }
    }
    Ok((folders, uses))
}

/// The folders and the larger files at the top of a crate, and what they import of
/// each other.
fn parts(files: &BTreeMap<Module, String>) -> Imports {
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    for (module, text) in files {
        if let [top, rest @ ..] = &module[..] {
            // A folder counts whatever its size.
            *lines.entry(top).or_default() += match rest.is_empty() {
                true => text.lines().count(),
                false => SMALL,
            };
        }
    }
    lines.retain(|name, lines| *name != "fuzzing" && *lines >= SMALL);
    let names = lines.keys().map(|name| name.to_string());
    let mut parts: Imports = names.map(|name| (name, BTreeSet::new())).collect();
    parts.extend(circles::folders(&circles::imports(files)));
    parts.retain(|name, targets| {
        targets.retain(|name| lines.contains_key(name.as_str()));
        lines.contains_key(name.as_str())
    });
    parts
}

/// Where something is drawn.
struct Place {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    /// The lower edge of its row, where its arrows spread.
    bottom: f64,
}

/// A graph in rows: whatever imports something lies above it.
struct Layout {
    width: f64,
    height: f64,
    places: BTreeMap<String, Place>,
    /// From a row to the next one.
    arrows: Vec<(String, String)>,
}

impl Layout {
    fn of(graph: &Imports, size: impl Fn(&str) -> (f64, f64)) -> Self {
        let mut rows: Vec<Vec<String>> = Vec::new();
        for name in graph.keys() {
            let rank = rank(graph, name);
            rows.resize(rows.len().max(rank + 1), Vec::new());
            rows[rank].push(name.clone());
        }
        // An arrow across rows has a point in each of them.
        let mut arrows = Vec::new();
        for (from, targets) in graph {
            for to in targets.iter().filter(|to| !is_implied(graph, from, to)) {
                let mut last = from.clone();
                for between in (rank(graph, to) + 1..rank(graph, from)).rev() {
                    let point = format!("{from}>{to}>{between}");
                    rows[between].push(point.clone());
                    arrows.push((last, point.clone()));
                    last = point;
                }
                arrows.push((last, to.clone()));
            }
        }
        let size = |name: &String| {
            if is_point(name) {
                (4.0, 0.0)
            } else {
                size(name)
            }
        };
        let height_of = |row: &Vec<String>| row.iter().map(|name| size(name).1).fold(0.0, f64::max);
        let width_of =
            |row: &Vec<String>| row.iter().map(|name| size(name).0 + GAP).sum::<f64>() - GAP;
        let between = BETWEEN_ROWS * (rows.len().max(1) - 1) as f64;
        let mut layout = Self {
            width: rows.iter().map(width_of).fold(0.0, f64::max),
            height: rows.iter().map(height_of).sum::<f64>() + between,
            places: BTreeMap::new(),
            arrows,
        };
        // Below or above those it is joined to, as far as others leave room.
        for turn in 0..12 {
            let mut y = layout.height;
            for row in &mut rows {
                if turn > 0 {
                    row.sort_by(|a, b| layout.wanted(a).total_cmp(&layout.wanted(b)));
                }
                let row_height = height_of(row);
                y -= row_height;
                let mut x = (layout.width - width_of(row)) / 2.0;
                for name in row.iter() {
                    let (width, mut height) = size(name);
                    if is_point(name) {
                        height = row_height;
                    }
                    let bottom = y + row_height;
                    let place = Place {
                        x,
                        y,
                        width,
                        height,
                        bottom,
                    };
                    layout.places.insert(name.clone(), place);
                    x += width + GAP;
                }
                y -= BETWEEN_ROWS;
            }
        }
        layout
    }

    /// The mean position of what a box is joined to.
    fn wanted(&self, name: &str) -> f64 {
        let ends = self.arrows.iter().filter_map(|(from, to)| match name {
            _ if from == name => Some(to),
            _ if to == name => Some(from),
            _ => None,
        });
        let ends: Vec<f64> = ends.map(|end| self.middle(end)).collect();
        match ends.is_empty() {
            true => self.middle(name),
            false => ends.iter().sum::<f64>() / ends.len() as f64,
        }
    }

    fn middle(&self, name: &str) -> f64 {
        self.places[name].x + self.places[name].width / 2.0
    }

    /// All but the points of arrows.
    fn shown(&self) -> impl Iterator<Item = (&str, &Place)> {
        let all = self
            .places
            .iter()
            .map(|(name, place)| (name.as_str(), place));
        all.filter(|(name, _)| !is_point(name))
    }

    /// Writes the arrows, from the lower edge of a box to the upper one of another.
    fn arrows(&self, svg: &mut Svg, (x, y): (f64, f64), class: &str, end: &str) {
        for (from, to) in &self.arrows {
            let (x1, x2) = (x + self.middle(from), x + self.middle(to));
            let (above, below) = (&self.places[from], &self.places[to]);
            let (edge, y1, y2) = (y + above.y + above.height, y + above.bottom, y + below.y);
            let middle = (y1 + y2) / 2.0;
            let (further, end) = match is_point(to) {
                true => (format!("v{:.0}", below.height), String::new()),
                false => (String::new(), format!(r#" marker-end="url(#{end})""#)),
            };
            let curve = format!(
                "M{x1:.0} {edge:.0}V{y1:.0}C{x1:.0} {middle:.0} {x2:.0} {middle:.0} {x2:.0} {y2:.0}{further}"
            );
            svg.path(class, &curve, &end);
        }
    }
}

fn is_point(name: &str) -> bool {
    name.contains('>')
}

/// How many others lie below at most.
fn rank(graph: &Imports, name: &str) -> usize {
    let below = graph[name].iter().map(|name| rank(graph, name) + 1);
    below.max().unwrap_or(0)
}

/// Whether an import follows from others: `from` imports what imports `to`.
fn is_implied(graph: &Imports, from: &str, to: &str) -> bool {
    fn reaches(graph: &Imports, from: &str, to: &str) -> bool {
        from == to || graph[from].iter().any(|next| reaches(graph, next, to))
    }
    let others = graph[from].iter().filter(|other| *other != to);
    others.into_iter().any(|other| reaches(graph, other, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &str)]) -> Imports {
        let mut graph = Imports::new();
        for (from, to) in edges {
            graph.entry((*to).into()).or_default();
            graph
                .entry((*from).into())
                .or_default()
                .insert((*to).into());
        }
        graph
    }

    #[test]
    fn what_imports_lies_above_and_an_arrow_that_follows_from_others_is_left_out() {
        let graph = graph(&[("a", "b"), ("b", "c"), ("a", "c"), ("a", "d")]);
        let layout = Layout::of(&graph, |_| (10.0, 10.0));
        let y = |name: &str| layout.places[name].y;
        assert!(y("a") < y("b") && y("b") < y("c") && y("c") == y("d"));
        let mut svg = Svg::new((0.0, 0.0), "", "");
        layout.arrows(&mut svg, (0.0, 0.0), "arrow", "tip");
        let text = svg.finish();
        assert_eq!(text.matches("marker-end").count(), 3, "{text}");
    }

    #[test]
    fn folders_are_shown_and_small_files_are_not() {
        let module = |path: &str| path.split('/').map(String::from).collect::<Module>();
        let files = [
            (
                "folder/file",
                "use crate::large::A;\nuse crate::small::B;".to_owned(),
            ),
            ("large", "\n".repeat(SMALL)),
            ("small", String::new()),
        ];
        let mut files: BTreeMap<_, _> = files.map(|(path, text)| (module(path), text)).into();
        files.insert(Module::new(), String::new());
        assert_eq!(parts(&files), graph(&[("folder", "large")]));
    }
}
