//! `pcapng`: the packets of intrusion events as a capture file.
//!
//! - `block`: the blocks. `data`: the bytes of a packet. `alerts`: the intrusion events that
//!   packets name.
//!
//! Each packet is a block with its time in microseconds, its length on the wire, and a comment:
//! the rule of its intrusion event if that is known, and every member of the event that has no
//! other place. A record that holds no packet becomes an empty one, whose comments are its error
//! envelope. An event of another type is left out.
//!
//! There is an interface for each device and link type. A section has the blocks of the
//! interfaces that its packets name; see [`PartHead::Section`].

mod alerts;
mod block;
mod data;

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use estreamer_core::fqe::EventKind;
use estreamer_mio::buffer::{EventRecord, RecordKind};

use super::RecordOrigin;
use super::head::{PartHead, Section};
use crate::event::{Event, EventIndex, Unfit, Value};
use alerts::Alerts;
use block::{MAX_COMMENT, MAX_NAME, Packet, shortened};

/// The link type of an event that names none: Ethernet.
const ETHERNET: u16 = 1;
/// A section with this many interfaces gets no new part.
const MAX_INTERFACES: usize = 1024;
/// The maximum number of files to remember between two batches.
const MAX_FILES: usize = 64;

/// The number of the next section.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// The packets of one output.
#[derive(Default)]
pub(super) struct Packets {
    index: EventIndex,
    alerts: Alerts,
    files: HashMap<Arc<Path>, Interfaces>,
    /// The file of the next packet.
    file: Option<Arc<Path>>,
    comment: String,
    buffer: String,
    adjusted: u64,
}

/// The interfaces of the section in which the packets of a file are.
struct Interfaces {
    section: Section,
    /// By the name of the device: link type and number.
    numbers: HashMap<String, Vec<(u16, u32)>>,
}

impl Packets {
    /// Begins a batch: its packets name the intrusion events that [`learn`](Self::learn) gets.
    pub(super) fn begin_batch(&mut self) {
        if self.files.len() > MAX_FILES {
            self.files.clear();
        }
        let is_full = |of: &Interfaces| of.section.blocks.len() > MAX_INTERFACES;
        self.files.retain(|_, interfaces| !is_full(interfaces));
    }

    /// Remembers an intrusion event; ignores any other record.
    pub(super) fn learn(&mut self, source: &str, record: &EventRecord<'_>) {
        let kind = EventKind::from_record_type(record.record_type);
        if record.kind != RecordKind::Event || kind.is_some_and(|it| it != EventKind::Intrusion) {
            return;
        }
        if let Ok(event) = self.index.read(record.data)
            && (kind.is_some() || named_kind(&event) == Some(EventKind::Intrusion))
        {
            self.alerts.add(source, &event);
        }
    }

    /// Returns whether a record is written: a packet, or one of which nothing else is known.
    pub(super) fn takes(&mut self, record: &EventRecord<'_>) -> bool {
        match EventKind::from_record_type(record.record_type) {
            Some(kind) => kind == EventKind::Packet,
            None if record.kind != RecordKind::Event => true,
            None => match self.index.read(record.data) {
                Ok(event) => match named_kind(&event) {
                    Some(kind) => kind == EventKind::Packet,
                    None => (0..event.len()).any(|member| is_data(event.name(member))),
                },
                Err(_) => true,
            },
        }
    }

    /// Selects the file of the packets that follow.
    pub(super) fn select(&mut self, file: &Arc<Path>) {
        if self.file.as_ref() != Some(file) {
            self.file = Some(file.clone());
        }
    }

    /// Returns what a file has to hold before the packets that were appended for it.
    pub(super) fn head(&self, file: &Path) -> PartHead {
        let found = self.files.get(file);
        found.map_or(PartHead::Nothing, |interfaces| {
            PartHead::Section(interfaces.section.clone())
        })
    }

    /// Returns the number of packets so far that were shortened.
    pub(super) fn adjusted(&self) -> u64 {
        self.adjusted
    }

    /// Appends a packet.
    ///
    /// # Errors
    /// Why the record holds none; nothing is appended then.
    pub(super) fn append(
        &mut self,
        origin: RecordOrigin<'_>,
        record: &EventRecord<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unfit> {
        let Self {
            index,
            alerts,
            comment,
            buffer,
            ..
        } = self;
        let event = index.read(record.data)?;
        let Members {
            data,
            length,
            link_type,
            time,
            device,
        } = Members::of(&event);
        let data = data.ok_or(Unfit::Refused("it has no packet data"))?;
        let data = data::decode(data.text(buffer), length).ok_or(Unfit::Refused(
            "its packet data is neither hexadecimal nor base64",
        ))?;
        comment.clear();
        if let Some(rule) = alerts.find(origin.source, &event) {
            comment.push_str(rule);
        }
        describe(&event, link_type.is_some(), time.is_some(), comment, buffer);
        // A line end would end the comment for some readers.
        let comment = comment.replace(['\r', '\n'], " ");
        let shown = shortened(&comment, MAX_COMMENT);
        let is_whole = shown.len() == comment.len();
        let device = match device {
            Some(device) => device.text(buffer),
            None => origin.source,
        };
        let file = self.file.get_or_insert_with(|| Path::new("").into());
        let packet = Packet {
            interface: interface(&mut self.files, file, device, link_type.unwrap_or(ETHERNET)),
            time: time.unwrap_or_else(|| fallback(origin, record.archival)),
            length: announced(length, data.len()),
            data: &data,
        };
        let is_whole = block::packet(&packet, std::iter::once(shown), out) && is_whole;
        self.adjusted += u64::from(!is_whole);
        Ok(())
    }

    /// Appends an empty packet with an error envelope.
    pub(super) fn envelope(
        &mut self,
        origin: RecordOrigin<'_>,
        archival: Option<u32>,
        envelope: &[u8],
        out: &mut Vec<u8>,
    ) {
        let envelope = String::from_utf8_lossy(envelope);
        let file = self.file.get_or_insert_with(|| Path::new("").into());
        let packet = Packet {
            interface: interface(&mut self.files, file, origin.source, ETHERNET),
            time: fallback(origin, archival),
            data: &[],
            length: 0,
        };
        let mut rest = &*envelope;
        let comments = std::iter::from_fn(|| {
            let comment = shortened(rest, MAX_COMMENT);
            rest = &rest[comment.len()..];
            (!comment.is_empty()).then_some(comment)
        });
        block::packet(&packet, comments, out);
    }
}

/// Returns the number of an interface, which gets one if it is new.
fn interface(
    files: &mut HashMap<Arc<Path>, Interfaces>,
    file: &Arc<Path>,
    device: &str,
    link_type: u16,
) -> u32 {
    if !files.contains_key(file) {
        let section = Section {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            blocks: vec![block::section_header().into()],
        };
        let numbers = HashMap::new();
        files.insert(file.clone(), Interfaces { section, numbers });
    }
    let Some(Interfaces { section, numbers }) = files.get_mut(file) else {
        return 0;
    };
    // Its whole name is in the comments.
    let device = shortened(device, MAX_NAME);
    if let Some(links) = numbers.get(device)
        && let Some((_, number)) = links.iter().find(|(link, _)| *link == link_type)
    {
        return *number;
    }
    let number = section.blocks.len() as u32 - 1;
    section
        .blocks
        .push(block::interface(device, link_type).into());
    let links = numbers.entry(device.to_owned()).or_default();
    links.push((link_type, number));
    number
}

/// The members of a packet that have a place of their own.
#[derive(Default)]
struct Members<'a> {
    data: Option<Value<'a>>,
    length: Option<u64>,
    link_type: Option<u16>,
    /// Microseconds since 1970.
    time: Option<u64>,
    device: Option<Value<'a>>,
}

impl<'a> Members<'a> {
    fn of(event: &Event<'a>) -> Self {
        let mut members = Self::default();
        let (mut second, mut microsecond) = (None, None);
        let (mut name, mut uuid) = (None, None);
        for member in 0..event.len() {
            let value = event.value(member);
            if value == Value::Null {
                continue;
            }
            match event.name(member) {
                name if is_data(name) => members.data = members.data.or(Some(value)),
                "PacketLength" => members.length = value.number(),
                "LinkType" => {
                    members.link_type = value.number().and_then(|it| it.try_into().ok());
                }
                "PacketSecond" => second = value.number().filter(|second| *second > 0),
                "PacketMicrosecond" => microsecond = fraction(value),
                "Device" => name = Some(value),
                "DeviceUUID" => uuid = Some(value),
                _ => {}
            }
        }
        members.time = second.and_then(|it: u64| {
            let microsecond = microsecond.unwrap_or(0);
            it.checked_mul(1_000_000)?.checked_add(microsecond)
        });
        members.device = name.or(uuid);
        members
    }
}

/// Appends the members that have no other place: `(Name value, Name value)`.
fn describe(
    event: &Event<'_>,
    has_link_type: bool,
    has_time: bool,
    comment: &mut String,
    buffer: &mut String,
) {
    let mut separator = if comment.is_empty() { "(" } else { " (" };
    let mut has_data = false;
    for member in 0..event.len() {
        let (name, value) = (event.name(member), event.value(member));
        if value == Value::Null {
            continue;
        }
        let is_placed = match name {
            "PacketSecond" => has_time,
            "PacketMicrosecond" => has_time && fraction(value).is_some(),
            "LinkType" => has_link_type,
            "PacketLength" => value.number().is_some(),
            // The first one.
            name => is_data(name) && !std::mem::replace(&mut has_data, true),
        };
        if is_placed {
            continue;
        }
        // Writing to a String cannot fail.
        let _ = write!(comment, "{separator}{name} {}", value.text(buffer));
        separator = ", ";
    }
    if separator == ", " {
        comment.push(')');
    }
}

/// Returns the microseconds of a second.
fn fraction(value: Value<'_>) -> Option<u64> {
    value.number().filter(|micros| *micros < 1_000_000)
}

/// Returns whether a member holds the bytes of a packet.
fn is_data(name: &str) -> bool {
    matches!(name, "PacketData" | "Packet")
}

/// Returns the event type that an event names.
fn named_kind(event: &Event<'_>) -> Option<EventKind> {
    let mut members = 0..event.len();
    let member = members.find(|member| event.name(*member) == "EventType")?;
    match event.value(member) {
        Value::Text(name) => EventKind::from_name(name),
        _ => None,
    }
}

/// Returns the length of a packet on the wire.
fn announced(length: Option<u64>, captured: usize) -> u32 {
    let announced = length.and_then(|it| u32::try_from(it).ok()).unwrap_or(0);
    announced.max(captured as u32)
}

/// Returns the time of a record whose event names none: when it was archived, else received.
fn fallback(origin: RecordOrigin<'_>, archival: Option<u32>) -> u64 {
    let archival = archival.filter(|second| *second > 0);
    archival.map_or(origin.received, u64::from) * 1_000_000
}

#[cfg(test)]
mod tests;
