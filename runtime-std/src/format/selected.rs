//! The members of an event that are written, as a JSON object.

use crate::event::Event;
use crate::filter::FieldSelection;

/// Appends the selected members of an event, each with the bytes as received, or the whole
/// event. Only a line end between its tokens becomes a blank.
pub(super) fn append(event: &Event<'_>, fields: Option<&FieldSelection>, out: &mut Vec<u8>) {
    let start = out.len();
    match fields {
        None => out.extend_from_slice(event.text().as_bytes()),
        Some(fields) => object(event, fields, out),
    }
    // A line end within a string is escaped.
    let written = &mut out[start..];
    if memchr::memchr2(b'\r', b'\n', written).is_some() {
        let ends = written.iter_mut();
        ends.filter(|byte| matches!(byte, b'\r' | b'\n'))
            .for_each(|byte| *byte = b' ');
    }
}

fn object(event: &Event<'_>, fields: &FieldSelection, out: &mut Vec<u8>) {
    out.push(b'{');
    let members = 0..event.len();
    let mut separator = None;
    for member in members.filter(|&it| fields.writes_hashed(event.hash(it), event.name_bytes(it))) {
        out.extend(separator.replace(b','));
        out.extend_from_slice(event.member(member).as_bytes());
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventIndex;

    #[test]
    fn the_bytes_of_a_member_stay_as_they_are() {
        let data =
            b"{ \"a\":1.0e+2 ,\"\\u0062\" :\r\n\"x\\u0041\" , \"c\":[1, {\"a\":2}],\n\"d\":null}\0";
        let mut index = EventIndex::default();
        let event = index.read(data).unwrap();
        let written = |fields: FieldSelection| {
            let mut out = b"before\n".to_vec();
            append(&event, Some(&fields), &mut out);
            String::from_utf8(out).unwrap()
        };
        let names =
            |names: &[&str]| -> Vec<String> { names.iter().map(|it| (*it).into()).collect() };
        assert_eq!(
            written(FieldSelection::keep(names(&["b", "a", "absent"]))),
            "before\n{\"a\":1.0e+2,\"\\u0062\" :  \"x\\u0041\"}"
        );
        assert_eq!(
            written(FieldSelection::drop(names(&["b", "d"]))),
            "before\n{\"a\":1.0e+2,\"c\":[1, {\"a\":2}]}"
        );
        assert_eq!(written(FieldSelection::keep(names(&["z"]))), "before\n{}");
    }
}
