//! Maps events: hands the fields of each to a dialect.

use estreamer_core::wire::RecordType;

use super::dialect::Dialect;
use super::facts::{Facts, KnownMembers};
use super::table::{Known, Source};
use crate::event::{Event, Unfit, Value};
use crate::filter::FieldSelection;

/// What is known about an event beside its text.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) record_type: RecordType,
    /// UNIX seconds.
    pub(super) archival: Option<u32>,
    /// The name of the source.
    pub(super) source: &'a str,
}

/// The buffers of mapping. They are reused, so that an event allocates nothing once they
/// have grown.
#[derive(Default)]
pub(super) struct Mapper {
    /// The member of each row, plus 1.
    members: Vec<u32>,
    /// Whether a target has its value.
    taken: Vec<bool>,
    /// The members without a place.
    unknown: Vec<u32>,
    known: KnownMembers,
    /// A value that was changed.
    buffer: String,
    /// A value that was worked out.
    derived_buffer: String,
}

impl Mapper {
    /// Appends the selected fields of an event as the dialect writes them. What the dialect
    /// works out, such as the time and the severity, is that of the whole event.
    ///
    /// # Errors
    /// Why it cannot be mapped; nothing is appended then.
    pub(super) fn append(
        &mut self,
        event: &Event<'_>,
        origin: Origin<'_>,
        fields: Option<&FieldSelection>,
        dialect: &mut dyn Dialect,
        out: &mut Vec<u8>,
    ) -> Result<(), Unfit> {
        let Self {
            members,
            taken,
            unknown,
            known,
            buffer,
            derived_buffer,
        } = self;
        let event = *event;
        let table = dialect.table();
        members.clear();
        members.resize(table.rows.len(), 0);
        taken.clear();
        taken.resize(table.targets, false);
        unknown.clear();
        *known = [0; Known::ALL.len()];
        // The event type decides which rows apply, and may be any member.
        for member in 0..event.len() {
            let (hash, name) = (event.hash(member), event.name(member));
            let entry = table.entry(hash, name);
            let number = member as u32 + 1;
            let rows = entry.map_or(&[][..], |entry| &entry.rows);
            let is_written = fields.is_none_or(|fields| fields.writes_hashed(hash, name));
            if let Some(known_field) = entry.and_then(|entry| entry.known)
                && (is_written || known_field.is_always_read())
            {
                known[known_field as usize] = number;
            }
            if !is_written {
                continue;
            }
            match rows {
                [] => unknown.push(member as u32),
                rows => rows
                    .iter()
                    .for_each(|row| members[usize::from(*row)] = number),
            }
        }
        let facts = Facts {
            event,
            record_type: origin.record_type,
            archival: origin.archival,
            source: origin.source,
            known,
        };
        let kind = facts.kind();
        if let Some(refusal) = dialect.refusal(&facts) {
            return Err(Unfit::Refused(refusal));
        }
        dialect.begin(&facts, out);
        for (row, member) in table.rows.iter().zip(&*members) {
            let member = member.checked_sub(1);
            let is_free = row.is_for(kind) && !taken[row.target_number];
            let value = match row.source {
                Source::Field(_) => member.map(|member| event.value(member as usize)),
                _ if !is_free => None,
                Source::Derived(derived) => facts.derive(derived, derived_buffer),
                Source::Constant(text) => Some(Value::Text(text)),
            };
            let value = match value {
                None | Some(Value::Null) => continue,
                Some(value) => value,
            };
            let mut is_placed = false;
            if is_free && let Some(value) = row.change.apply(value, buffer) {
                dialect.field(row, value, out);
                taken[row.target_number] = true;
                is_placed = true;
            }
            if let Some(member) = member
                && (!row.has_home(kind) || row.is_home(kind) && !is_placed)
            {
                unknown.push(member);
            }
        }
        unknown.sort_unstable();
        unknown.dedup();
        for member in unknown.iter().map(|member| *member as usize) {
            match event.value(member) {
                Value::Null => {}
                value => dialect.unknown(event.name(member), value, out),
            }
        }
        dialect.end(out);
        Ok(())
    }
}
