//! `estreamer convert`: writes events that were collected earlier in another format.

use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use estreamer::config::Format;

use estreamer::shared::{Converted, Converter, Count, Input, decompressed, mapping};
use tracing::info;

use super::Failure;

/// Write events that were collected earlier in another format, to try it without a server.
///
/// The file has one event a line, as the formats ndjson and ndjson+envelope write it.
#[derive(Args)]
#[command(
    after_help = "Example:\n  estreamer convert events.ndjson --format cef\n\n\
                  Where does each field go?\n  head -1 events.ndjson | estreamer convert - --format cef --explain\n\n\
                  Exit status: 0 every event is converted · 1 some are in error envelopes, or \
                  the file cannot be read · 2 wrong usage"
)]
pub(super) struct ConvertCommand {
    /// The file, also compressed with gzip or zstd; - is standard input.
    file: PathBuf,
    /// The format to write, such as ecs or cef.
    #[arg(long, value_name = "FORMAT")]
    format: Format,
    /// The columns of csv, by the names of fields. The last column has the other fields.
    #[arg(long, value_name = "FIELD,FIELD", value_delimiter = ',')]
    columns: Vec<String>,
    /// Print where each field of an event goes, by the table of the page of the format, and
    /// then the event.
    #[arg(long)]
    explain: bool,
    /// The name of the source, for formats that show it.
    #[arg(long, value_name = "NAME", default_value = "convert")]
    source: String,
}

/// The maximum length of a line in bytes: more than the largest event.
const MAX_LINE: u64 = 32 << 20;
/// The lines in which packets and their intrusion events are looked for, and how many bytes of
/// them are enough.
const TOGETHER: usize = 1000;
const MUCH: usize = 1 << 20;

impl ConvertCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self {
            file,
            format,
            columns,
            explain,
            source,
        } = self;
        match (format == Format::Csv, columns.is_empty()) {
            (true, true) => {
                return Err(Failure::usage(
                    "csv needs columns",
                    "Name them: --columns EventType,InitiatorIP,ResponderIP",
                ));
            }
            (false, false) => {
                return Err(Failure::usage(
                    format!("{format} has no columns"),
                    "Use --columns with --format csv",
                ));
            }
            _ => {}
        }
        if explain && mapping(format).is_none() {
            return Err(Failure::usage(
                format!("{format} has no table of fields to explain"),
                "Remove --explain, or use a format that has one, such as cef",
            ));
        }
        let unreadable = |error: io::Error| {
            Failure::failed(
                format!("cannot read {}: {error}", file.display()),
                "Check the path and its permissions",
            )
        };
        let mut converter = match explain {
            true => Converter::explaining(format, &source),
            false => Converter::new(format, &source).with_columns(columns),
        };
        let input = open(&file).and_then(decompressed).map_err(unreadable)?;
        let mut input = BufReader::with_capacity(1 << 16, input);
        let mut output = BufWriter::with_capacity(1 << 16, io::stdout().lock());
        let (mut lines, mut out) = (Lines::default(), Vec::new());
        let (mut events, mut errors, mut left_out) = (0, 0, 0);
        // A packet may come before its intrusion event.
        let count = if format == Format::Pcapng {
            TOGETHER
        } else {
            1
        };
        while lines.read(&mut input, count).map_err(unreadable)? {
            if lines.is_too_long {
                let what = format!("{} has a line of more than 32 MiB", file.display());
                let remedy = "Convert a file with one event a line";
                return Err(Failure::failed(what, remedy));
            }
            converter.begin(lines.all());
            for line in lines.all() {
                out.clear();
                match converter.append(line, &mut out) {
                    Converted::Nothing => {}
                    Converted::LeftOut => left_out += 1,
                    Converted::Event => events += 1,
                    Converted::Error => errors += 1,
                }
                if let Err(error) = output.write_all(&out) {
                    return written(&error);
                }
            }
        }
        if let Err(error) = output.flush() {
            return written(&error);
        }
        let adjusted = converter.adjusted();
        if adjusted > 0 && format == Format::Pcapng {
            info!("{} shortened.", Count(adjusted, "packet"));
        } else if adjusted > 0 {
            let values = Count(adjusted, "value");
            info!("{values} had a comma before a key; it is a semicolon now.");
        }
        if left_out > 0 {
            info!(
                "{} left out: {format} takes only packets.",
                Count(left_out, "event")
            );
        }
        if errors == 0 {
            return Ok(());
        }
        let (all, verb) = (
            Count(events + errors, "event"),
            if errors == 1 { "is" } else { "are" },
        );
        Err(Failure::failed(
            format!("{errors} of {all} {verb} not converted but in error envelopes"),
            "Each envelope, a line that begins with {\"estreamer_error\", has the reason",
        ))
    }
}

/// Lines that are read together.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
    is_too_long: bool,
}

impl Lines {
    /// Reads up to `count` lines, and no more after 1 MiB. Returns false at the end.
    fn read(&mut self, input: &mut impl BufRead, count: usize) -> io::Result<bool> {
        self.bytes.clear();
        self.ends.clear();
        while self.ends.len() < count && self.bytes.len() < MUCH {
            let mut line = input.by_ref().take(MAX_LINE);
            let length = line.read_until(b'\n', &mut self.bytes)? as u64;
            self.is_too_long |= length == MAX_LINE;
            if length == 0 {
                break;
            }
            self.ends.push(self.bytes.len());
        }
        Ok(!self.ends.is_empty())
    }

    /// Returns the lines with their line ends.
    fn all(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.bytes[*start..*end])
    }
}

fn open(file: &Path) -> io::Result<Box<dyn Read>> {
    match file == Path::new("-") {
        true => Ok(Box::new(io::stdin().lock())),
        false => Ok(Box::new(Input::open(file)?)),
    }
}

/// Reports an error of the output. A closed pipe is none.
fn written(error: &io::Error) -> Result<(), Failure> {
    match error.kind() {
        ErrorKind::BrokenPipe => Ok(()),
        _ => Err(Failure::failed(
            format!("cannot write the events: {error}"),
            "",
        )),
    }
}
