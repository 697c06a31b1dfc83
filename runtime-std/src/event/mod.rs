//! An event as the list of its members. An event is read once, without copies: names and
//! values are ranges of its text.

mod read;
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

/// Where the members of an event are. It is reused for the next event, so that reading an
/// event allocates nothing once the buffers have grown.
#[derive(Debug, Default)]
pub(crate) struct EventIndex {
    members: Vec<Member>,
    /// Names that have escapes, decoded.
    names: String,
    /// A hash table of the names of this event: generation and number of the member.
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
    /// As written.
    value: Range<u32>,
    hash: u32,
}

/// An event: a JSON object whose members have different names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event<'a> {
    text: &'a str,
    index: &'a EventIndex,
}

impl<'a> Event<'a> {
    /// Returns the number of members.
    pub(crate) fn len(&self) -> usize {
        self.index.members.len()
    }

    /// Returns the event as received, without what follows the object.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// Returns the decoded name of a member.
    pub(crate) fn name(&self, member: usize) -> &'a str {
        self.index.name(self.text, &self.index.members[member])
    }

    /// Returns the value of [`hash`] for the name of a member.
    pub(crate) fn hash(&self, member: usize) -> u32 {
        self.index.members[member].hash
    }

    /// Returns a member as received: its name, the colon and its value.
    pub(crate) fn member(&self, member: usize) -> &'a str {
        let Member { start, value, .. } = &self.index.members[member];
        &self.text[*start as usize..value.end as usize]
    }

    /// Returns the value of the member with this name and the value of [`hash`] for it.
    pub(crate) fn find(&self, hash: u32, name: &str) -> Option<Value<'a>> {
        let mut members = 0..self.len();
        let is_it = |&member: &usize| self.hash(member) == hash && self.name(member) == name;
        members.find(is_it).map(|member| self.value(member))
    }

    /// Returns the value of a member.
    pub(crate) fn value(&self, member: usize) -> Value<'a> {
        let Range { start, end } = self.index.members[member].value;
        Value::of_json(&self.text[start as usize..end as usize])
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
pub(crate) fn hash(name: &str) -> u32 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = name.len() as u64;
    let (words, rest) = name.as_bytes().as_chunks::<8>();
    for word in words {
        state = (state.rotate_left(23) ^ u64::from_le_bytes(*word)).wrapping_mul(FACTOR);
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    state = (state.rotate_left(23) ^ u64::from_le_bytes(last)).wrapping_mul(FACTOR);
    (state >> 32) as u32
}
