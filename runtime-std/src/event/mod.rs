//! An event as the list of its members. An event is read once, without copies: names and
//! values are ranges of its text.

mod read;
mod scan;
pub(crate) mod special;
mod text;
mod value;

pub(crate) use read::Unfit;
pub(crate) use text::decode;
pub(crate) use value::Value;

use std::ops::Range;

/// The maximum number of members of an event.
const MAX_MEMBERS: usize = 4096;
/// The maximum depth of arrays and objects in an event, the event itself included.
const MAX_DEPTH: usize = 32;

/// Where the members of one event or of several are. It is reused for the next ones, so that
/// reading an event allocates nothing once the buffers have grown.
#[derive(Debug, Default)]
pub(crate) struct EventIndex {
    members: Vec<Member>,
    /// The first member of the event that is being read.
    first: usize,
    /// Names that have escapes, decoded.
    names: String,
    /// A hash table of the names of an event: generation and number of the member.
    seen: Vec<(u32, u32)>,
    generation: u32,
}

#[derive(Debug, Clone)]
struct Member {
    /// Where it begins in the text: the quote before its name.
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

/// The part of an index that belongs to an event, and the length of the event's text.
#[derive(Debug, Clone)]
pub(crate) struct EventPlace {
    members: Range<usize>,
    length: usize,
}

/// An event: a JSON object whose members have different names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event<'a> {
    text: &'a str,
    members: &'a [Member],
    /// The decoded names of its index.
    names: &'a str,
}

impl<'a> Event<'a> {
    /// Returns the number of members.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Returns the event as received, without what follows the object.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// Returns the decoded name of a member.
    pub(crate) fn name(&self, member: usize) -> &'a str {
        name(&self.members[member], self.text, self.names)
    }

    /// Returns the bytes of [`name`](Self::name), which is faster.
    pub(crate) fn name_bytes(&self, member: usize) -> &'a [u8] {
        let member = &self.members[member];
        let Range { start, end } = member.name;
        let place = match member.is_decoded {
            true => self.names,
            false => self.text,
        };
        &place.as_bytes()[start as usize..end as usize]
    }

    /// Returns the value of [`hash`] for the name of a member.
    pub(crate) fn hash(&self, member: usize) -> u32 {
        self.members[member].hash
    }

    /// Returns a member as written, with its name in quotes.
    pub(crate) fn member(&self, member: usize) -> &'a str {
        let Member {
            start, value, kind, ..
        } = &self.members[member];
        let quote = matches!(kind, ValueKind::Text | ValueKind::Escaped);
        &self.text[*start as usize..value.end as usize + usize::from(quote)]
    }

    /// Returns the value of the member with this name and the value of [`hash`] for it.
    pub(crate) fn find(&self, hash: u32, name: &str) -> Option<Value<'a>> {
        let mut members = 0..self.len();
        let is_it = |&member: &usize| self.hash(member) == hash && self.name(member) == name;
        members.find(is_it).map(|member| self.value(member))
    }

    /// Returns the value of a member.
    pub(crate) fn value(&self, member: usize) -> Value<'a> {
        let Member { value, kind, .. } = &self.members[member];
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

fn name<'a>(member: &Member, text: &'a str, names: &'a str) -> &'a str {
    let Range { start, end } = member.name;
    let place = if member.is_decoded { names } else { text };
    &place[start as usize..end as usize]
}

/// Returns a hash of the name of a field. It is fast and has no key: collisions only cost
/// comparisons, and their number is bounded by that of the members.
pub(crate) fn hash(name: &[u8]) -> u32 {
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
