//! Maps events: hands the fields of each to a dialect.

use std::cell::OnceCell;

use estreamer_core::wire::RecordType;

use super::dialect::Dialect;
use super::facts::{Facts, KnownMembers};
use super::table::Source;
use crate::event::{Event, Unfit, Value};
use crate::filter::FieldSelection;

/// What is known about an event beside its text.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) record_type: RecordType,
    /// UNIX seconds.
    pub(super) archival: Option<u32>,
    pub(super) received: u64,
    /// The name of the source.
    pub(super) source: &'a str,
}

/// The buffers of mapping. They are reused, so that an event allocates nothing once they
/// have grown.
#[derive(Default)]
pub(super) struct Mapper {
    /// The rows that may have a value, as a set of bits.
    present: Vec<u64>,
    /// The member of each row that is present and has a field.
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
            present,
            members,
            taken,
            unknown,
            known,
            buffer,
            derived_buffer,
        } = self;
        let event = *event;
        let table = dialect.table();
        members.resize(table.rows.len(), 0);
        present.clone_from(&table.derived);
        taken.clear();
        taken.resize(table.targets, false);
        unknown.clear();
        *known = KnownMembers::default();
        // The event type decides which rows apply, and may be any member.
        for member in 0..event.len() {
            let (hash, name) = (event.hash(member), event.name_bytes(member));
            let entry = table.entry(hash, name);
            let is_written = fields.is_none_or(|fields| fields.writes_hashed(hash, name));
            if let Some(known_field) = entry.and_then(|entry| entry.known)
                && (is_written || known_field.is_always_read())
            {
                known.set(known_field, member, is_written);
            }
            if !is_written {
                continue;
            }
            let rows = entry.map_or(&[][..], |entry| &entry.rows);
            for row in rows.iter().map(|row| usize::from(*row)) {
                members[row] = member as u32;
                present[row / 64] |= 1 << (row % 64);
            }
            if rows.is_empty() {
                unknown.push(member as u32);
            }
        }
        let facts = Facts {
            event,
            record_type: origin.record_type,
            archival: origin.archival,
            received: origin.received,
            source: origin.source,
            known,
            ends: OnceCell::new(),
        };
        let class = facts.class();
        if let Some(refusal) = dialect.refusal(&facts) {
            return Err(Unfit::Refused(refusal));
        }
        dialect.begin(&facts, out);
        let in_order = unknown.len();
        for number in ones(present) {
            let row = &table.rows[number];
            let member = members[number];
            let is_free = row.is_for(class) && !taken[row.target_number];
            let value = match row.source {
                Source::Field(_) => Some(event.value(member as usize)),
                _ if !is_free => None,
                Source::Derived(derived) => facts.derive(derived, derived_buffer),
                Source::Constant(value) => Some(value),
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
            if matches!(row.source, Source::Field(_))
                && (!row.has_home(class) || row.is_home(class) && !is_placed)
            {
                unknown.push(member);
            }
        }
        if unknown.len() > in_order {
            unknown.sort_unstable();
            unknown.dedup();
        }
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

/// Returns the numbers in a set of bits.
fn ones(words: &[u64]) -> impl Iterator<Item = usize> {
    let (mut number, mut rest) = (0, words.first().copied().unwrap_or(0));
    std::iter::from_fn(move || {
        while rest == 0 {
            number += 1;
            rest = *words.get(number)?;
        }
        let bit = rest.trailing_zeros() as usize;
        rest &= rest - 1;
        Some(number * 64 + bit)
    })
}
