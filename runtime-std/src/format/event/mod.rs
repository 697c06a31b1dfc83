//! An event as the list of its members. An event is read once, without copies: names and
//! values are ranges of its text.

mod read;
mod scan;
mod text;
mod value;

pub(super) use read::Unfit;
pub(super) use text::decode;
pub(super) use value::Value;

use std::ops::Range;

/// The maximum number of members of an event.
const MAX_MEMBERS: usize = 4096;
/// The maximum depth of arrays and objects in an event, the event itself included.
const MAX_DEPTH: usize = 32;

/// Where the members of an event are. It is reused for the next event, so that reading an
/// event allocates nothing once the buffers have grown.
#[derive(Debug, Default)]
pub(super) struct EventIndex {
    members: Vec<Member>,
    /// Names that have escapes, decoded.
    names: String,
    /// A hash table of the names of this event: generation and number of the member.
    seen: Vec<(u32, u32)>,
    generation: u32,
}

#[derive(Debug, Clone)]
struct Member {
    /// Where its name begins in the text, with the quote.
    start: u32,
    /// Between the quotes, in the text or in `names`.
    name: Range<u32>,
    is_decoded: bool,
    /// As written; a string without its quotes.
    value: Range<u32>,
    kind: ValueKind,
    hash: u32,
}

/// What the text of a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValueKind {
    Text,
    Escaped,
    Number,
    Word,
    Null,
    Json,
}

/// An event: a JSON object whose members have different names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event<'a> {
    text: &'a str,
    index: &'a EventIndex,
}

impl<'a> Event<'a> {
    /// Returns the number of members.
    pub(super) fn len(&self) -> usize {
        self.index.members.len()
    }

    /// Returns the event as received, without what follows the object.
    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// Returns the decoded name of a member.
    pub(super) fn name(&self, member: usize) -> &'a str {
        self.index.name(self.text, &self.index.members[member])
    }

    /// Returns the bytes of [`name`](Self::name), which is faster.
    pub(super) fn name_bytes(&self, member: usize) -> &'a [u8] {
        let member = &self.index.members[member];
        let Range { start, end } = member.name;
        let place = match member.is_decoded {
            true => &self.index.names,
            false => self.text,
        };
        &place.as_bytes()[start as usize..end as usize]
    }

    /// Returns a member as written, with its name in quotes.
    pub(super) fn member(&self, member: usize) -> &'a str {
        let Member {
            start, value, kind, ..
        } = &self.index.members[member];
        let quote = matches!(kind, ValueKind::Text | ValueKind::Escaped);
        &self.text[*start as usize..value.end as usize + usize::from(quote)]
    }

    /// Returns the value of [`hash`] for the name of a member.
    pub(super) fn hash(&self, member: usize) -> u32 {
        self.index.members[member].hash
    }

    /// Returns the value of a member.
    pub(super) fn value(&self, member: usize) -> Value<'a> {
        let Member { value, kind, .. } = &self.index.members[member];
        let text = &self.text[value.start as usize..value.end as usize];
        match kind {
            ValueKind::Text => Value::Text(text),
            ValueKind::Escaped => Value::Escaped(text),
            ValueKind::Number => Value::Number(text),
            ValueKind::Word => Value::Word(text),
            ValueKind::Null => Value::Null,
            ValueKind::Json => Value::Json(text),
        }
    }
}

impl EventIndex {
    fn name<'a>(&'a self, text: &'a str, member: &Member) -> &'a str {
        let Range { start, end } = member.name;
        let place = if member.is_decoded { &self.names } else { text };
        &place[start as usize..end as usize]
    }
}

/// Returns a hash of the name of a field. It is fast and has no key: collisions only cost
/// comparisons, and their number is bounded by that of the members.
pub(super) fn hash(name: &[u8]) -> u32 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |state: u64, word: u64| (state.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    let mut state = name.len() as u64;
    let (words, rest) = name.as_chunks::<8>();
    for word in words {
        state = mix(state, u64::from_le_bytes(*word));
    }
    // The end once more: copying so few bytes would take a call.
    let last = match (
        name.last_chunk::<8>(),
        name.first_chunk::<4>(),
        name.last_chunk::<4>(),
    ) {
        (Some(last), _, _) => u64::from_le_bytes(*last),
        (_, Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
        }
        _ => rest
            .iter()
            .fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    state = mix(state, last);
    (state >> 32) as u32
}
