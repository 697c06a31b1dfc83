//! `estreamer convert`: writes events that were collected earlier in another format.

use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use estreamer::config::Format;

use estreamer::shared::{Converted, Converter, Count, Input, decompressed};
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

impl ConvertCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self {
            file,
            format,
            explain,
            source,
        } = self;
        let unreadable = |error: io::Error| {
            Failure::failed(
                format!("cannot read {}: {error}", file.display()),
                "Check the path and its permissions",
            )
        };
        let mut converter = match explain {
            true => Converter::explaining(format, &source),
            false => Converter::new(format, &source),
        };
        let input = open(&file).and_then(decompressed).map_err(unreadable)?;
        let mut input = BufReader::with_capacity(1 << 16, input);
        let mut output = BufWriter::with_capacity(1 << 16, io::stdout().lock());
        let (mut line, mut out) = (Vec::new(), Vec::new());
        let (mut events, mut errors) = (0, 0);
        loop {
            line.clear();
            let length = input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
            match length.map_err(unreadable)? as u64 {
                0 => break,
                MAX_LINE => {
                    let what = format!("{} has a line of more than 32 MiB", file.display());
                    return Err(Failure::failed(
                        what,
                        "Convert a file with one event a line",
                    ));
                }
                _ => {}
            }
            out.clear();
            match converter.append(&line, &mut out) {
                Converted::Nothing => {}
                Converted::Event => events += 1,
                Converted::Error => errors += 1,
            }
            if let Err(error) = output.write_all(&out) {
                return written(&error);
            }
        }
        if let Err(error) = output.flush() {
            return written(&error);
        }
        let adjusted = converter.adjusted();
        if adjusted > 0 {
            let values = Count(adjusted, "value");
            info!("{values} had a comma before a key; it is a semicolon now.");
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
