//! Prints one message as text.

use std::fmt::Display;
use std::io::{self, Write};

use estreamer_core::decode::{Frame, Head, Kind};
use estreamer_core::wire::{
    Evidence, Header, Lossy, Message, MessageType, RecordHeader, RecordLayout, RecordType,
    RequestFlags, Services,
};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Prints a frame with the bytes `raw` at `offset`. `evidence` is the evidence for the
/// interpretation of the record length of an event.
pub(super) fn print(
    offset: u64,
    frame: &Frame,
    raw: &[u8],
    evidence: Option<Evidence>,
    explain: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut page = Page {
        rest: raw,
        evidence: evidence.unwrap_or(Evidence::Lengths),
        explain,
        out,
    };
    match frame {
        Frame::BundleBegin { bundle, length } => {
            page.line(offset, false, format_args!("{bundle}, {length} bytes"))?;
            page.header(raw)?;
            page.field(4, "connection id", bundle.connection_id)?;
            page.field(4, "sequence number", bundle.sequence)?;
            page.section(BUNDLE)
        }
        Frame::Message { head, body } => {
            match (head.kind, Message::parse(raw)) {
                (Kind::Event { record, layout }, _) => {
                    page.event(offset, head, &record, layout, body.len)?;
                }
                (Kind::Malformed(malformed), _) => {
                    page.line(offset, head.nested, format_args!("malformed: {malformed}"))?;
                    return page.field(raw.len(), "raw bytes", "");
                }
                (_, Ok(((_, message), _))) => page.line(offset, head.nested, message)?,
                (_, Err(_)) => page.line(offset, head.nested, head.header)?,
            }
            page.header(raw)?;
            page.kind(head, body.len)?;
            page.section(section(head))
        }
        Frame::Begin { head, length } | Frame::Skipped { head, length } => {
            let large = format_args!("{}, too large to show completely", head.header);
            page.line(offset, head.nested, large)?;
            page.header(raw)?;
            page.kind(head, *length as usize)?;
            page.section(section(head))
        }
        // Chunks, ends, and frames of later versions.
        _ => Ok(()),
    }
}

/// The remaining bytes of a message.
struct Page<'a, W> {
    rest: &'a [u8],
    evidence: Evidence,
    explain: bool,
    out: &'a mut W,
}

impl<W: Write> Page<'_, W> {
    fn line(&mut self, offset: u64, nested: bool, text: impl Display) -> io::Result<()> {
        let indent = if nested { "  " } else { "" };
        writeln!(self.out, "{offset:08x}  {indent}{text}")
    }

    /// Prints an event, and the interpretation of its record length if it is unusual.
    fn event(
        &mut self,
        offset: u64,
        head: &Head,
        record: &RecordHeader,
        layout: RecordLayout,
        length: usize,
    ) -> io::Result<()> {
        let event = format_args!("event {record}, {length} bytes");
        let evidence = self.evidence;
        match layout {
            RecordLayout::Extended | RecordLayout::Short => self.line(offset, head.nested, event),
            layout => self.line(
                offset,
                head.nested,
                format_args!("{event}; the record length counts {layout}, decided by {evidence}"),
            ),
        }
    }

    /// Prints the next `length` bytes in hexadecimal with name and meaning.
    fn field(&mut self, length: usize, name: &str, meaning: impl Display) -> io::Result<()> {
        let (field, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        if !self.explain {
            return Ok(());
        }
        let hex: String = field
            .iter()
            .take(SHOWN)
            .map(|b| format!("{b:02x}"))
            .collect();
        let more = if field.len() > SHOWN { "…" } else { "" };
        writeln!(self.out, "          {name:<19}{hex}{more}  {meaning}")
    }

    fn section(&mut self, section: &str) -> io::Result<()> {
        match self.explain {
            true => writeln!(self.out, "          see {section}"),
            false => Ok(()),
        }
    }

    fn header(&mut self, raw: &[u8]) -> io::Result<()> {
        let Ok((header, _)) = Header::parse(raw) else {
            return Ok(());
        };
        let name = header.message_type.name().unwrap_or("unknown");
        self.field(2, "version", header.version)?;
        self.field(
            2,
            "message type",
            format_args!("{} = {name}", header.message_type.0),
        )?;
        self.field(
            4,
            "message length",
            format_args!("{} bytes follow", header.length),
        )
    }

    /// Prints the fields after the header; the variable part has `length` bytes.
    fn kind(&mut self, head: &Head, length: usize) -> io::Result<()> {
        match head.kind {
            Kind::Null => self.rest(length, "body without meaning"),
            Kind::Error { code, text_length } => {
                self.field(4, "error code", code)?;
                self.field(2, "text length", format_args!("{text_length} bytes"))?;
                self.rest(length, "text")
            }
            Kind::Request { from, flags } => {
                let time = match from.0 {
                    0 | u32::MAX => from.to_string(),
                    second => format!("{second} = {}", time(second)),
                };
                self.field(4, "initial timestamp", time)?;
                self.field(4, "request flags", RequestFlags(flags.0))?;
                self.rest(length, "JSON block")
            }
            Kind::Event { record, layout } => {
                self.record(&record, layout)?;
                self.rest(length, "data")
            }
            Kind::Other if is_services(head) => {
                let services = Services { body: self.rest }.to_string();
                self.field(length, "services", services)
            }
            _ => self.rest(length, "body"),
        }
    }

    fn record(&mut self, record: &RecordHeader, layout: RecordLayout) -> io::Result<()> {
        let RecordType(number) = record.record_type;
        let name = record.record_type.name().unwrap_or("unknown");
        let flag = if record.flag {
            ", extended-header flag"
        } else {
            ""
        };
        let netmap = match record.netmap {
            0 => String::new(),
            netmap => format!(", netmap {netmap}"),
        };
        self.field(
            4,
            "record type",
            format_args!("{number} = {name}{netmap}{flag}"),
        )?;
        let length = self.rest.get(..4).and_then(|bytes| bytes.try_into().ok());
        let length = length.map_or(0, u32::from_be_bytes);
        let evidence = self.evidence;
        let meaning = format_args!("{length} bytes: {layout}, decided by {evidence}");
        self.field(4, "record length", meaning)?;
        if let Some(extension) = record.extension {
            let second = extension.archival;
            let archived = format_args!("{second} = {}", time(second));
            self.field(4, "archival timestamp", archived)?;
            self.field(4, "reserved", extension.reserved)?;
        }
        Ok(())
    }

    /// Prints the start of the variable part as text.
    fn rest(&mut self, length: usize, name: &str) -> io::Result<()> {
        if length == 0 {
            return Ok(());
        }
        let here = self.rest.len().min(length);
        let shown = &self.rest[..here.min(TEXT)];
        let more = if length > shown.len() { "…" } else { "" };
        let text = format!("{length} bytes: {}{more}", Lossy(shown));
        self.field(here, name, text)
    }
}

fn is_services(head: &Head) -> bool {
    [
        MessageType::STREAMING_INFORMATION,
        MessageType::STREAMING_REQUEST,
    ]
    .contains(&head.header.message_type)
}

/// Returns the section of the guide that describes a message.
fn section(head: &Head) -> &'static str {
    match head.header.message_type {
        MessageType::NULL => "FQE, Fully-Qualified Event Messages; Accepting Data from eStreamer",
        MessageType::ERROR => "FQE, Error Message Format; Terminating Connections",
        MessageType::EVENT_STREAM_REQUEST => "FQE, Requesting Fully-qualified Events",
        MessageType::EVENT_DATA | MessageType::EVENT_DATA_3 => {
            "FQE, Fully-Qualified Event Messages"
        }
        MessageType::STREAMING_INFORMATION => "classic guide, Streaming Information Message",
        MessageType::STREAMING_REQUEST => "classic guide, Streaming Request Message",
        MessageType::HOST_REQUEST => "classic guide, Host Data Request",
        MessageType::SINGLE_HOST | MessageType::MULTIPLE_HOST => "classic guide, Host Data",
        MessageType::BUNDLE => BUNDLE,
        _ => "no published guide",
    }
}

fn time(second: u32) -> String {
    OffsetDateTime::from_unix_timestamp(second.into())
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default()
}

const BUNDLE: &str = "classic guide, Message Bundle Format";
/// The maximum number of bytes to show in hexadecimal.
const SHOWN: usize = 16;
/// The maximum number of bytes to show as text.
const TEXT: usize = 400;
