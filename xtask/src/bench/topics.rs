//! What is measured, and how it is drawn.

use super::data::Data;
use super::scene::Scene;
use super::{bundles, distance, formats, outputs, race, records, sources, start, table};
use crate::Result;
use crate::chart::{Axis, Bars, Chart, Line, Lines, Panel, Plot, Unit};

/// A measurement with its picture.
pub(super) struct Topic {
    /// The name of its files, and of its blocks in the pages.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) measure: fn(&Scene) -> Result<Data>,
    panels: &'static [(&'static str, Shape)],
}

/// What a panel shows of a table.
enum Shape {
    /// Of each row, these columns.
    Bars(&'static [Column]),
    /// These columns over that of `x`.
    Lines {
        x: &'static str,
        unit: Unit,
        left: Axis,
        lines: &'static [Column],
    },
}

/// A column, and its name in the picture.
type Column = (&'static str, &'static str);

const CLIENTS: [&str; 2] = ["collector", "bare drain"];
const IDENTITIES: [&str; 3] = ["PKCS#12 each", "PKCS#12 shared", "PEM"];
const ROUND_TRIPS: [&str; 3] = ["0 ms", "1 ms", "20 ms"];

pub(super) static TOPICS: [Topic; 8] = [
    Topic {
        name: "clients",
        title: "The collector beside simpler clients",
        measure: |scene| Ok(race::race(scene, false)?.data()),
        panels: &[
            ("Events a second", Shape::Bars(&[(table::RATE, "events/s")])),
            (
                "Processor time of the client for an event, µs",
                Shape::Bars(&[(table::COST, "µs")]),
            ),
        ],
    },
    Topic {
        name: "formats",
        title: "Processor time by format",
        measure: formats::cost,
        panels: &[(
            "µs for an event (estreamer convert)",
            Shape::Bars(&[
                (formats::LONG, "long event"),
                (formats::SHORT, "short event"),
            ]),
        )],
    },
    Topic {
        name: "outputs",
        title: "Processor time by output",
        measure: outputs::cost,
        panels: &[(
            "µs for an event of 1 KB, receiving included",
            Shape::Bars(&[(outputs::COST, "µs")]),
        )],
    },
    Topic {
        name: "sources",
        title: "The same events from 1 to 1000 sources",
        measure: sources::cost,
        panels: &[
            (
                "Resident memory at most, MiB",
                lines(
                    sources::COUNT,
                    Axis::Linear,
                    &[
                        (sources::MEMORY, "PKCS#12 each"),
                        (sources::SHARED, "PKCS#12 shared"),
                    ],
                ),
            ),
            (
                "Time from start to end, s",
                lines(
                    sources::COUNT,
                    Axis::Linear,
                    &[(sources::SECONDS, "seconds")],
                ),
            ),
        ],
    },
    Topic {
        name: "start",
        title: "Start: until every source has delivered an event",
        measure: start::cost,
        panels: &[
            (
                "Time, s",
                lines(
                    start::COUNT,
                    Axis::Logarithmic,
                    &[
                        (start::OWN, IDENTITIES[0]),
                        (start::SHARED, IDENTITIES[1]),
                        (start::OF_PEM, IDENTITIES[2]),
                    ],
                ),
            ),
            (
                "Processor time of the collector, s",
                lines(
                    start::COUNT,
                    Axis::Logarithmic,
                    &[
                        (start::OWN_CPU, IDENTITIES[0]),
                        (start::SHARED_CPU, IDENTITIES[1]),
                        (start::OF_PEM_CPU, IDENTITIES[2]),
                    ],
                ),
            ),
        ],
    },
    Topic {
        name: "distance",
        title: "A server far away: events a second by round trip",
        measure: distance::cost,
        panels: &[
            (
                "Acknowledged ahead (ahead = 16, the default)",
                lines(
                    distance::NULLS,
                    Axis::Logarithmic,
                    &[
                        (distance::COLUMNS[0], ROUND_TRIPS[0]),
                        (distance::COLUMNS[1], ROUND_TRIPS[1]),
                        (distance::COLUMNS[2], ROUND_TRIPS[2]),
                    ],
                ),
            ),
            (
                "Acknowledged after the outputs (ahead = 0)",
                lines(
                    distance::NULLS,
                    Axis::Logarithmic,
                    &[
                        (distance::COLUMNS[3], ROUND_TRIPS[0]),
                        (distance::COLUMNS[4], ROUND_TRIPS[1]),
                        (distance::COLUMNS[5], ROUND_TRIPS[2]),
                    ],
                ),
            ),
        ],
    },
    Topic {
        name: "bundles",
        title: "Bundles of 1 to 1000 events",
        measure: bundles::cost,
        panels: &[
            (
                "Events a second",
                lines(
                    bundles::COUNT,
                    Axis::Logarithmic,
                    &[
                        (bundles::COLUMNS[0], CLIENTS[0]),
                        (bundles::COLUMNS[1], CLIENTS[1]),
                    ],
                ),
            ),
            (
                "Processor time of the client for an event, µs",
                lines(
                    bundles::COUNT,
                    Axis::Logarithmic,
                    &[
                        (bundles::COLUMNS[2], CLIENTS[0]),
                        (bundles::COLUMNS[3], CLIENTS[1]),
                    ],
                ),
            ),
        ],
    },
    Topic {
        name: "records",
        title: "Events of 200 B to 1 MiB",
        measure: records::cost,
        panels: &[
            (
                "Events a second",
                Shape::Lines {
                    x: records::SIZE,
                    unit: Unit::Bytes,
                    left: Axis::Logarithmic,
                    lines: &[
                        (records::COLUMNS[0], CLIENTS[0]),
                        (records::COLUMNS[1], CLIENTS[1]),
                    ],
                },
            ),
            (
                "MB of events a second",
                Shape::Lines {
                    x: records::SIZE,
                    unit: Unit::Bytes,
                    left: Axis::Linear,
                    lines: &[
                        (records::COLUMNS[2], CLIENTS[0]),
                        (records::COLUMNS[3], CLIENTS[1]),
                    ],
                },
            ),
        ],
    },
];

const fn lines(x: &'static str, left: Axis, lines: &'static [Column]) -> Shape {
    Shape::Lines {
        x,
        unit: Unit::Number,
        left,
        lines,
    }
}

impl Topic {
    /// Finds a topic by its name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        TOPICS.iter().find(|topic| topic.name == name)
    }

    /// The picture of a table, as SVG.
    pub(super) fn picture(&self, data: &Data) -> Result<String> {
        let panels = self.panels.iter().map(|(title, shape)| {
            Ok(Panel {
                title: (*title).to_owned(),
                plot: shape.plot(data)?,
            })
        });
        let chart = Chart {
            title: self.title.to_owned(),
            footer: data.machine(),
            panels: panels.collect::<Result<_>>()?,
        };
        Ok(chart.draw())
    }
}

impl Shape {
    fn plot(&self, data: &Data) -> Result<Plot> {
        match self {
            Self::Bars(columns) => {
                let values: Vec<Vec<f64>> = columns
                    .iter()
                    .map(|(column, _)| data.numbers(column))
                    .collect::<Result<_>>()?;
                let rows = data.rows().enumerate().map(|(index, row)| {
                    let values = values.iter().map(|column| column[index]);
                    (row[0].clone(), values.collect())
                });
                Ok(Plot::Bars(Bars {
                    series: columns.iter().map(|(_, name)| (*name).to_owned()).collect(),
                    rows: rows.collect(),
                }))
            }
            Self::Lines {
                x,
                unit,
                left,
                lines,
            } => {
                let places = data.numbers(x)?;
                let lines = lines.iter().map(|(column, name)| {
                    let values = data.numbers(column)?;
                    Ok(Line {
                        name: (*name).to_owned(),
                        points: places.iter().copied().zip(values).collect(),
                    })
                });
                Ok(Plot::Lines(Lines {
                    below: (*x).to_owned(),
                    unit: *unit,
                    left: *left,
                    lines: lines.collect::<Result<_>>()?,
                }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart;

    #[test]
    fn titles_and_legends_have_room() {
        for topic in &TOPICS {
            assert!(chart::has_room(topic.title, &[], false), "{}", topic.title);
            for (title, shape) in topic.panels {
                let (columns, is_half) = match shape {
                    Shape::Bars(columns) => (columns, false),
                    Shape::Lines { lines, .. } => (lines, true),
                };
                let names: Vec<&str> = columns.iter().map(|(_, name)| *name).collect();
                assert!(chart::has_room(title, &names, is_half), "{title}");
            }
        }
        assert!(!chart::has_room(&"x".repeat(60), &[], true));
    }
}
