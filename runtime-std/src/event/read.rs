//! Reads an event.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::scan::scan;
use super::{
    Event, EventIndex, EventPlace, MAX_DEPTH, MAX_MEMBERS, Member, ValueKind, decode, hash, name,
};
use crate::count::Count;

/// Why a record is not an event that can be mapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// A byte that is not UTF-8, with its offset.
    NotUtf8(usize),
    /// Not JSON, with line and column.
    NotJson(usize, usize),
    /// JSON, but not an object.
    NotAnObject,
    /// Too many members.
    TooManyMembers,
    /// Arrays and objects are nested too deeply.
    TooDeep,
    /// This name occurs twice, and readers differ in which of the two counts.
    Twice(String),
    /// As CSV it has so many fields, and so many columns were requested.
    Fields(usize, usize),
    /// The format has no place for it.
    Refused(&'static str),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8(at) => write!(f, "not UTF-8 at byte {at}"),
            Self::NotJson(line, column) => write!(f, "not JSON at line {line}, column {column}"),
            Self::NotAnObject => f.write_str("not a JSON object"),
            Self::TooManyMembers => write!(f, "more than {MAX_MEMBERS} members"),
            Self::TooDeep => write!(f, "nested more than {MAX_DEPTH} levels deep"),
            Self::Fields(found, columns) => write!(
                f,
                "has {}, but {} requested",
                Count(*found as u64, "field"),
                match columns {
                    1 => "1 column was".to_owned(),
                    columns => format!("{columns} columns were"),
                }
            ),
            Self::Refused(why) => f.write_str(why),
            Self::Twice(name) => write!(f, "has the member {name:?} twice"),
        }
    }
}

impl EventIndex {
    /// Reads an event. Line ends and NULs after it are ignored.
    ///
    /// # Errors
    /// Why it cannot be mapped.
    pub(crate) fn read<'a>(&'a mut self, data: &'a [u8]) -> Result<Event<'a>, Unfit> {
        self.clear();
        let (place, text) = self.append_text(data)?;
        Ok(self.event(&place, text))
    }

    /// Forgets all events.
    pub(crate) fn clear(&mut self) {
        self.members.clear();
        self.names.clear();
    }

    /// Returns the bytes that the places of members take.
    pub(crate) fn size(&self) -> usize {
        self.members.len() * size_of::<Member>() + self.names.len()
    }

    /// Reads another event, beside those that were read before. See [`get`](Self::get).
    ///
    /// # Errors
    /// Why it cannot be mapped.
    pub(crate) fn append(&mut self, data: &[u8]) -> Result<EventPlace, Unfit> {
        let (place, _) = self.append_text(data)?;
        Ok(place)
    }

    /// Returns an event that [`append`](Self::append) read from this data.
    pub(crate) fn get<'a>(&'a self, place: &EventPlace, data: &'a [u8]) -> Event<'a> {
        // It was UTF-8 when it was read.
        let text = str::from_utf8(&data[..place.length]).unwrap_or_default();
        self.event(place, text)
    }

    fn event<'a>(&'a self, place: &EventPlace, text: &'a str) -> Event<'a> {
        Event {
            text,
            members: &self.members[place.members.clone()],
            names: &self.names,
        }
    }

    fn append_text<'a>(&mut self, data: &'a [u8]) -> Result<(EventPlace, &'a str), Unfit> {
        let end = data
            .iter()
            .rposition(|byte| !matches!(byte, 0 | b'\r' | b'\n'))
            .map_or(0, |last| last + 1);
        let text = match str::from_utf8(&data[..end]) {
            Ok(text) => text,
            Err(error) => return Err(Unfit::NotUtf8(error.valid_up_to())),
        };
        self.first = self.members.len();
        let members = self.append_members(text);
        if let Err(unfit) = members.and_then(|()| self.check_names(text)) {
            self.members.truncate(self.first);
            return Err(unfit);
        }
        let place = EventPlace {
            members: self.first..self.members.len(),
            length: text.len(),
        };
        Ok((place, text))
    }

    fn append_members(&mut self, text: &str) -> Result<(), Unfit> {
        if scan(text, self) {
            return Ok(());
        }
        self.members.truncate(self.first);
        let mut unfit = None;
        let mut reader = serde_json::Deserializer::from_str(text);
        let members = Members {
            text,
            index: self,
            unfit: &mut unfit,
        };
        let read = reader.deserialize_map(members).and_then(|()| reader.end());
        match (read, unfit) {
            (_, Some(unfit)) => Err(unfit),
            (Err(error), None) if error.is_data() => Err(Unfit::NotAnObject),
            (Err(error), None) => Err(Unfit::NotJson(error.line(), error.column())),
            (Ok(()), None) => Ok(()),
        }
    }

    /// Returns whether the event that is being read has as many members as it may have.
    pub(super) fn is_full(&self) -> bool {
        self.members.len() - self.first >= MAX_MEMBERS
    }

    fn check_names(&mut self, text: &str) -> Result<(), Unfit> {
        let members = &self.members[self.first..];
        let slots = (2 * members.len()).next_power_of_two();
        if self.seen.len() < slots || self.generation == u32::MAX {
            self.seen.clear();
            self.seen.resize(slots.max(self.seen.len()), (0, 0));
            self.generation = 0;
        }
        self.generation += 1;
        let mask = self.seen.len() - 1;
        for (number, member) in members.iter().enumerate() {
            let mut slot = member.hash as usize & mask;
            while self.seen[slot].0 == self.generation {
                let other = &members[self.seen[slot].1 as usize];
                if other.hash == member.hash {
                    let [other, name] = [other, member].map(|it| name(it, text, &self.names));
                    if other == name {
                        return Err(Unfit::Twice(name.to_owned()));
                    }
                }
                slot = (slot + 1) & mask;
            }
            self.seen[slot] = (self.generation, number as u32);
        }
        Ok(())
    }
}

/// Collects the members of an object.
struct Members<'i, 'a> {
    text: &'a str,
    index: &'i mut EventIndex,
    unfit: &'i mut Option<Unfit>,
}

impl<'a> Visitor<'a> for Members<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { text, index, unfit } = self;
        while let Some(name) = map.next_key::<&'a RawValue>()? {
            let value: &'a RawValue = map.next_value()?;
            let problem = if index.is_full() {
                Some(Unfit::TooManyMembers)
            } else {
                is_too_deep(value.get()).then_some(Unfit::TooDeep)
            };
            if problem.is_some() {
                *unfit = problem;
                return Err(A::Error::custom(""));
            }
            index.push(text, name.get(), value.get());
        }
        Ok(())
    }
}

impl EventIndex {
    fn push(&mut self, text: &str, name: &str, value: &str) {
        let place = |part: &str| -> Range<u32> {
            let start = part.as_ptr() as usize - text.as_ptr() as usize;
            start as u32..(start + part.len()) as u32
        };
        let start = place(name).start;
        let quoted = &name[1..name.len() - 1];
        let is_decoded = quoted.contains('\\');
        let (name, hash) = match is_decoded {
            false => (place(quoted), hash(quoted.as_bytes())),
            true => {
                let from = self.names.len();
                decode(quoted, &mut self.names);
                let name = from as u32..self.names.len() as u32;
                (name, hash(&self.names.as_bytes()[from..]))
            }
        };
        let (value, kind) = match value.as_bytes() {
            [b'"', .., b'"'] => {
                let value = &value[1..value.len() - 1];
                match value.contains('\\') {
                    true => (value, ValueKind::Escaped),
                    false => (value, ValueKind::Text),
                }
            }
            [b'[' | b'{', ..] => (value, ValueKind::Json),
            b"null" => (value, ValueKind::Null),
            [b't' | b'f', ..] => (value, ValueKind::Word),
            _ => (value, ValueKind::Number),
        };
        self.members.push(Member {
            start,
            name,
            is_decoded,
            value: place(value),
            kind,
            hash,
        });
    }
}

/// Returns whether a valid JSON value in an event has too many levels.
fn is_too_deep(value: &str) -> bool {
    if !value.starts_with(['[', '{']) {
        return false;
    }
    // The event itself is the first level.
    let mut depth = 1;
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => skip_string(&mut bytes),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

fn skip_string(bytes: &mut impl Iterator<Item = u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Value;

    fn unfit(data: &[u8]) -> Option<Unfit> {
        EventIndex::default().read(data).err()
    }

    #[test]
    fn names_and_values_come_out_in_their_order_and_digit_for_digit() {
        let mut index = EventIndex::default();
        let data = b"{\"b\":123456789012345678901234567890.10e+05 ,\n \"a\" : \"x\\ny\",\"\\u0063\":[1, 2]}\r\n\0";
        let event = index.read(data).unwrap();
        let members: Vec<_> = (0..event.len())
            .map(|member| (event.name(member), event.value(member)))
            .collect();
        assert_eq!(
            members,
            [
                ("b", Value::Number("123456789012345678901234567890.10e+05")),
                ("a", Value::Escaped("x\\ny")),
                ("c", Value::Json("[1, 2]")),
            ]
        );
    }

    #[test]
    fn what_does_not_fit_says_why() {
        for (data, expected) in [
            (&b"{\"a\":\"\xff\"}"[..], Unfit::NotUtf8(6)),
            (b"", Unfit::NotJson(1, 0)),
            (b"{\"a\":1", Unfit::NotJson(1, 6)),
            (b"{\"a\":01}", Unfit::NotJson(1, 7)),
            (b"{\"a\":1} x", Unfit::NotJson(1, 9)),
            (b"{\"a\":\"\n\"}", Unfit::NotJson(1, 6)),
            (b"{\"a\":\"\\x\"}", Unfit::NotJson(1, 8)),
            (b"[1]", Unfit::NotAnObject),
            (b"7", Unfit::NotAnObject),
            (b"{\"a\":1,\"\\u0061\":2}", Unfit::Twice("a".into())),
        ] {
            let shown = String::from_utf8_lossy(data);
            assert_eq!(unfit(data), Some(expected), "{shown}");
        }
    }

    #[test]
    fn depth_and_members_have_a_limit() {
        let nested = |levels: usize| {
            let (open, close) = ("[".repeat(levels), "]".repeat(levels));
            format!("{{\"a\":{open}\"[[\\\"[\"{close}}}")
        };
        assert_eq!(unfit(nested(MAX_DEPTH - 1).as_bytes()), None);
        for levels in [MAX_DEPTH, 1_000_000] {
            let found = unfit(nested(levels).as_bytes());
            assert_eq!(found, Some(Unfit::TooDeep), "{levels}");
        }
        let members = |count: usize| {
            let all: Vec<String> = (0..count).map(|n| format!("\"{n}\":{n}")).collect();
            format!("{{{}}}", all.join(","))
        };
        assert_eq!(unfit(members(MAX_MEMBERS).as_bytes()), None);
        let found = unfit(members(MAX_MEMBERS + 1).as_bytes());
        assert_eq!(found, Some(Unfit::TooManyMembers));
    }

    #[test]
    fn events_are_read_beside_each_other() {
        let all: [&[u8]; 5] = [
            b"{\"a\":1,\"\\u0062\":2}",
            b"{\"a\":1,\"a\":2}",
            b"{\"\\u0063\":\"3\"}\n",
            b"{\"a\":1,",
            b"{\"a\":4.5}\0",
        ];
        let mut together = EventIndex::default();
        let places: Vec<_> = all.iter().map(|data| together.append(data)).collect();
        for (place, data) in places.iter().zip(all) {
            let mut alone = EventIndex::default();
            let members = |event: Event<'_>| -> Vec<String> {
                let all = (0..event.len()).map(|n| (event.name(n), event.value(n)));
                let mut members: Vec<_> = all.map(|member| format!("{member:?}")).collect();
                members.push(event.text().to_owned());
                members
            };
            let found = place
                .as_ref()
                .map(|place| members(together.get(place, data)));
            let expected = alone.read(data).map(members);
            assert_eq!(found, expected.as_ref().cloned());
        }
    }

    #[test]
    fn an_index_forgets_the_event_before() {
        let mut index = EventIndex::default();
        for data in ["{\"a\":1,\"b\":2}", "{\"b\":3}", "{\"a\":\"4\"}"] {
            let event = index.read(data.as_bytes()).unwrap();
            assert_eq!(event.text(), data);
        }
        assert_eq!(index.read(b"{\"a\":5}").unwrap().len(), 1);
    }
}
